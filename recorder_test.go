package main

import (
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
)

// recorder stands between the program and the daemon, and notes what is asked.
type recorder struct {
	host string // for DOCKER_HOST

	mu    sync.Mutex
	asked []string // "GET /v1.51/containers/json"
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
	r := &recorder{host: "unix://" + socket}
	server := &http.Server{Handler: r.before(network, address)}
	go server.Serve(listener)
	t.Cleanup(func() {
		server.Close()
		os.RemoveAll(dir)
	})
	return r
}

// before notes a request and hands it on.
func (r *recorder) before(network, address string) http.Handler {
	daemon := &httputil.ReverseProxy{
		Rewrite:   func(to *httputil.ProxyRequest) { to.SetURL(&url.URL{Scheme: "http", Host: "docker"}) },
		Transport: &http.Transport{Dial: func(string, string) (net.Conn, error) { return net.Dial(network, address) }},
	}
	return http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		r.mu.Lock()
		r.asked = append(r.asked, request.Method+" "+request.URL.Path)
		r.mu.Unlock()
		daemon.ServeHTTP(w, request)
	})
}

// requests are those that were asked so far.
func (r *recorder) requests() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.asked)
}
