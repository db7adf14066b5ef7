package main

import (
	"encoding/json"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

// recorder stands between the program and the daemon, and notes what is asked.
type recorder struct {
	host   string       // for DOCKER_HOST
	direct *http.Client // whose requests are not noted

	mu    sync.Mutex
	asked []string // "GET /v1.51/containers/json", "POST /v1.51/containers/create?name=shop"
}

// record begins to stand before the daemon at an endpoint.
func record(t *testing.T, endpoint *url.URL) *recorder {
	t.Helper()
	network, address := "tcp", endpoint.Host
	switch endpoint.Scheme {
	case "unix":
		network, address = "unix", endpoint.Path
	case "tcp":
	default:
		t.Skipf("the requests to a daemon at %s cannot be recorded", endpoint)
	}
	dir, err := os.MkdirTemp("", "why502") // t.TempDir is too long a path for a socket
	if err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(dir, "docker.sock")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	r := &recorder{host: "unix://" + socket, direct: &http.Client{Transport: &http.Transport{Dial: dialer(network, address)}}}
	server := &http.Server{Handler: r.before(network, address)}
	go server.Serve(listener)
	t.Cleanup(func() {
		server.Close()
		os.RemoveAll(dir)
	})
	return r
}

// get asks the daemon behind it.
func (r *recorder) get(t *testing.T, path string, answer any) {
	t.Helper()
	response, err := r.direct.Get("http://docker" + path)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode == http.StatusNotFound {
		return // it has just been removed
	}
	if err := json.NewDecoder(response.Body).Decode(answer); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

// beyondReading are the requests that do not just read, and are no step in the life of a helper that one of
// them made, where there may be some.
func beyondReading(requests []string, helpers bool) (other []string) {
	made := map[string]bool{}
	for _, request := range requests {
		step := helperStep.FindStringSubmatch(request)
		switch {
		case strings.HasPrefix(request, "GET "), strings.HasPrefix(request, "HEAD "):
		case step == nil || !helpers:
			other = append(other, request)
		case step[1] != "":
			made[step[1]] = true
		case !made[step[2]]:
			other = append(other, request)
		}
	}
	return other
}

var helperStep = regexp.MustCompile(`^(?:POST /v[\d.]+/containers/create\?name=(why502-\w+)|(?:PUT|POST|DELETE) /v[\d.]+/containers/(why502-\w+)(?:/archive|/attach|/start)?)$`)

// before notes a request and hands it on.
func (r *recorder) before(network, address string) http.Handler {
	daemon := &httputil.ReverseProxy{
		Rewrite:   func(to *httputil.ProxyRequest) { to.SetURL(&url.URL{Scheme: "http", Host: "docker"}) },
		Transport: &http.Transport{Dial: dialer(network, address)},
		ErrorLog:  log.New(io.Discard, "", 0), // of clients that are killed
	}
	return http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		asked := request.Method + " " + request.URL.Path
		if name := request.URL.Query().Get("name"); name != "" {
			asked += "?name=" + name
		}
		r.mu.Lock()
		r.asked = append(r.asked, asked)
		r.mu.Unlock()
		daemon.ServeHTTP(w, request)
	})
}

// dialer connects to one address, whatever it is asked for.
func dialer(network, address string) func(string, string) (net.Conn, error) {
	return func(string, string) (net.Conn, error) { return net.Dial(network, address) }
}

// requests are those that were asked so far.
func (r *recorder) requests() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.asked)
}
