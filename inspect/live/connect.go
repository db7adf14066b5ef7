package live

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/docker/cli/cli/connhelper"
	"github.com/docker/docker/api/types"
	"github.com/docker/docker/api/types/versions"
	"github.com/docker/docker/client"
	"github.com/docker/go-connections/sockets"

	"why502/inspect"
)

const (
	// oldest API that has what the snapshot needs: that of Docker 20.10.
	oldest = "1.41"

	// maxAnswer bounds what one answer may take of memory. A list has some 3 kB per container.
	maxAnswer = 32 << 20

	// maxValues bounds how many values an answer of JSON may have: three bytes of it can take a hundred times as
	// much of memory. A list has some 80 per container.
	maxValues = 1 << 20
)

// daemon is a Docker engine that has answered at least once.
type daemon struct {
	where   endpoint
	client  *client.Client
	wire    *wire
	base    url.URL                          // of requests for which the client has no call
	local   atomic.Bool                      // a container was seen to be on this machine
	helpers *helpers                         // nil: none are wanted
	here    func(host string) (string, bool) // where a file of the daemon's machine lies, where that is this one
	since   time.Time                        // for what was logged; zero: always
	waiting func(string)                     // is told what is waited for; nil: nobody is

	learned map[string]int // how much was seen of a container's configuration, by service
}

// connect says hello to the daemon. An empty version means the newest API that both sides speak.
func connect(ctx context.Context, where endpoint, version string) (*daemon, error) {
	d, err := dial(where, version)
	if err != nil {
		return nil, explain(where.host, err)
	}
	ping, err := d.client.Ping(ctx)
	if err != nil {
		d.close()
		return nil, explain(where.host, err)
	}
	if err := d.agree(ping); err != nil {
		d.close()
		return nil, err
	}
	return d, nil
}

// agree settles the API version that is spoken.
func (d *daemon) agree(ping types.Ping) error {
	if !apiVersion.MatchString(ping.APIVersion) {
		return &Error{
			text: fmt.Sprintf("what answers at %s is no Docker engine: it names no API version", d.where.host),
			hint: hintStrange,
		}
	}
	d.client.NegotiateAPIVersionPing(ping)
	if spoken := d.client.ClientVersion(); versions.LessThan(spoken, oldest) {
		return &Error{
			text: fmt.Sprintf("API %s of the Docker daemon at %s is too old: %s is needed, that of Docker 20.10", spoken, d.where.host, oldest),
			hint: hintAPI,
		}
	}
	return nil
}

var apiVersion = regexp.MustCompile(`^\d+\.\d+$`)

// dial makes a client for the endpoint. Nothing is sent yet.
func dial(where endpoint, version string) (*daemon, error) {
	host := where.host
	transport := &http.Transport{MaxIdleConnsPerHost: parallel + 1}
	helper, err := connhelper.GetConnectionHelper(where.host)
	if err != nil {
		return nil, err
	}
	if helper != nil { // ssh
		host, transport.DialContext = helper.Host, helper.Dialer
	}
	at, err := client.ParseHostURL(host)
	if err != nil {
		return nil, err
	}
	base := url.URL{Scheme: "http", Host: at.Host, Path: at.Path}
	if helper == nil {
		if err := sockets.ConfigureTransport(transport, at.Scheme, at.Host); err != nil {
			return nil, err
		}
		if at.Scheme == "unix" || at.Scheme == "npipe" {
			base.Host, base.Path = client.DummyHost, "" // they are files
		} else if where.tls != nil {
			base.Scheme, transport.TLSClientConfig = "https", where.tls
		}
	}
	w := &wire{host: where.host, next: transport}
	c, err := client.NewClientWithOpts(
		client.WithHost(host), // first: it wants the default transport
		client.WithHTTPClient(&http.Client{Transport: w, CheckRedirect: client.CheckRedirect}),
		client.WithScheme(base.Scheme),
		client.WithVersion(version),
	)
	inPlace := func(host string) (string, bool) { return host, true }
	return &daemon{where: where, client: c, wire: w, base: base, here: inPlace}, err
}

// close ends the connections; over ssh, the processes that carry them.
func (d *daemon) close() {
	d.wire.next.CloseIdleConnections()
}

// introduce says which engine it is, and for which platform. What a socket proxy does not let through
// stays unknown.
func (d *daemon) introduce(ctx context.Context) (inspect.Daemon, platform) {
	about, err := d.client.ServerVersion(ctx)
	if err != nil {
		about.Version = d.wire.engine
	}
	return inspect.Daemon{
		Endpoint: d.where.host,
		Context:  d.where.context,
		Engine:   oneLine(about.Version),
		API:      d.client.ClientVersion(),
		Desktop:  strings.HasPrefix(about.Platform.Name, "Docker Desktop"),
	}, platform{oneLine(about.Os), oneLine(about.Arch)}
}

// wire is the way to the daemon. It lets only reading requests through, and what the life of a helper
// takes; it bounds the answers, says in plain words why there is none (the client drops the cause), and
// keeps what the first answer's header tells for free.
type wire struct {
	host string
	next *http.Transport
	own  sync.Map // names and ids of helpers

	first  sync.Once
	date   time.Time    // the daemon's clock, in whole seconds; zero: it did not say
	engine string       // its version, if it is Docker's
	latest atomic.Int64 // the daemon's clock when it answered last, in seconds since 1970; 0: it did not say
}

// RoundTrip sends a request, as http.RoundTripper wants it.
func (w *wire) RoundTrip(request *http.Request) (*http.Response, error) {
	if !w.allows(request) {
		if request.Body != nil {
			request.Body.Close()
		}
		return nil, fmt.Errorf("%s %s is not sent to the daemon", request.Method, request.URL.Path)
	}
	response, err := w.next.RoundTrip(request)
	if err != nil {
		return nil, unreachable(w.host, err)
	}
	w.first.Do(func() { w.read(response.Header) })
	if date, err := http.ParseTime(response.Header.Get("Date")); err == nil {
		w.latest.Store(date.Unix())
	}
	if refused := cmp.Or(refusedWriting(w.host, request, response), ledAway(w.host, response)); refused != nil {
		response.Body.Close()
		return nil, refused
	}
	if response.StatusCode != http.StatusSwitchingProtocols { // where the body is a connection
		response.Body = http.MaxBytesReader(nil, response.Body, maxAnswer)
		if path := request.URL.Path; !strings.HasSuffix(path, "/logs") && !strings.HasSuffix(path, "/archive") {
			response.Body = &values{ReadCloser: response.Body, host: w.host, left: maxValues}
		}
	}
	return response, nil
}

// values is an answer of JSON, which ends where it has too many values.
type values struct {
	io.ReadCloser
	host string
	left int
}

// Read is io.Reader's. Commas in texts count too.
func (v *values) Read(p []byte) (int, error) {
	n, err := v.ReadCloser.Read(p)
	if v.left -= bytes.Count(p[:n], []byte(",")); v.left < 0 {
		return 0, &Error{text: fmt.Sprintf("what answers at %s is no Docker engine: an answer has more than %d values", v.host, maxValues), hint: hintStrange}
	}
	return n, err
}

// allows says whether a request reads, or is a step in the life of a helper.
func (w *wire) allows(request *http.Request) bool {
	_, path, _ := strings.Cut(request.URL.Path, "/containers/")
	id, step, _ := strings.Cut(path, "/")
	switch strings.TrimSpace(request.Method + " " + step) {
	case http.MethodPost:
		return id == "create" && w.owns(request.URL.Query().Get("name"))
	case "PUT archive", "POST attach", "POST start", http.MethodDelete:
		return w.owns(id)
	}
	return request.Method == http.MethodGet || request.Method == http.MethodHead
}

// refusedWriting tells the answer of something between here and the daemon that lets only reading
// requests through; nil: it is none.
func refusedWriting(host string, request *http.Request, response *http.Response) error {
	reads := request.Method == http.MethodGet || request.Method == http.MethodHead
	if code := response.StatusCode; !reads && (code == http.StatusForbidden || code == http.StatusMethodNotAllowed) {
		return &Error{text: fmt.Sprintf("%s does not let the probe be used: it refuses %s (%d)", host, request.Method, code), hint: hintWriting, refused: true}
	}
	return nil
}

// ledAway tells an answer that leads elsewhere, which no engine gives; nil: it is none. The client would take it for
// one without a body: a log in which nothing stands.
func ledAway(host string, response *http.Response) error {
	if response.Header.Get("Location") == "" || response.StatusCode/100 != 3 {
		return nil
	}
	return &Error{text: fmt.Sprintf("what answers at %s is no Docker engine: it leads elsewhere (%d)", host, response.StatusCode), hint: hintStrange}
}

// owns says whether a container is a helper.
func (w *wire) owns(id string) bool {
	_, ok := w.own.Load(id)
	return ok
}

// read takes the daemon's clock and version: "Server: Docker/28.5.2 (linux)".
func (w *wire) read(header http.Header) {
	w.date, _ = http.ParseTime(header.Get("Date"))
	product, _, _ := strings.Cut(header.Get("Server"), " ")
	if version, ok := strings.CutPrefix(product, "Docker/"); ok {
		w.engine = version
	}
}
