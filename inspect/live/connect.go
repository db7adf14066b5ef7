package live

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"sync"
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
)

// daemon is a Docker engine that has answered at least once.
type daemon struct {
	where  endpoint
	client *client.Client
	wire   *wire
	since  time.Time // for what was logged; zero: always
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
	host, scheme := where.host, "http"
	transport := &http.Transport{MaxIdleConnsPerHost: parallel + 1}
	helper, err := connhelper.GetConnectionHelper(where.host)
	if err != nil {
		return nil, err
	}
	if helper != nil { // ssh
		host, transport.DialContext = helper.Host, helper.Dialer
	} else {
		url, err := client.ParseHostURL(host)
		if err != nil {
			return nil, err
		}
		if err := sockets.ConfigureTransport(transport, url.Scheme, url.Host); err != nil {
			return nil, err
		}
		if where.tls != nil && url.Scheme != "unix" && url.Scheme != "npipe" {
			scheme, transport.TLSClientConfig = "https", where.tls
		}
	}
	w := &wire{host: where.host, next: transport}
	c, err := client.NewClientWithOpts(
		client.WithHost(host), // first: it wants the default transport
		client.WithHTTPClient(&http.Client{Transport: w, CheckRedirect: client.CheckRedirect}),
		client.WithScheme(scheme),
		client.WithVersion(version),
	)
	return &daemon{where: where, client: c, wire: w}, err
}

// close ends the connections; over ssh, the processes that carry them.
func (d *daemon) close() {
	d.wire.next.CloseIdleConnections()
}

// introduce says which engine it is. What a socket proxy does not let through stays unknown.
func (d *daemon) introduce(ctx context.Context) inspect.Daemon {
	about, err := d.client.ServerVersion(ctx)
	if err != nil {
		about.Version = d.wire.engine
	}
	return inspect.Daemon{
		Endpoint: d.where.host,
		Context:  d.where.context,
		Engine:   clean(about.Version),
		API:      d.client.ClientVersion(),
		Desktop:  strings.HasPrefix(about.Platform.Name, "Docker Desktop"),
	}
}

// wire is the way to the daemon. It lets only reading requests through, bounds the answers, says in
// plain words why there is none (the client drops the cause), and keeps what the first answer's
// header tells for free.
type wire struct {
	host string
	next *http.Transport

	first  sync.Once
	date   time.Time // the daemon's clock, in whole seconds; zero: it did not say
	engine string    // its version, if it is Docker's
}

// RoundTrip sends a request, as http.RoundTripper wants it.
func (w *wire) RoundTrip(request *http.Request) (*http.Response, error) {
	if request.Method != http.MethodGet && request.Method != http.MethodHead {
		return nil, fmt.Errorf("%s requests are not sent to the daemon", request.Method)
	}
	response, err := w.next.RoundTrip(request)
	if err != nil {
		return nil, unreachable(w.host, err)
	}
	w.first.Do(func() { w.read(response.Header) })
	response.Body = http.MaxBytesReader(nil, response.Body, maxAnswer)
	return response, nil
}

// read takes the daemon's clock and version: "Server: Docker/28.5.2 (linux)".
func (w *wire) read(header http.Header) {
	w.date, _ = http.ParseTime(header.Get("Date"))
	product, _, _ := strings.Cut(header.Get("Server"), " ")
	if version, ok := strings.CutPrefix(product, "Docker/"); ok {
		w.engine = version
	}
}
