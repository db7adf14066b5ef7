package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"why502/inspect"
	"why502/inspect/trace"
)

// tracedDocument is what the tests look at of a trace in JSON.
type tracedDocument struct {
	document
	Trace struct {
		Request, Proxy, Route string
		Answer                struct {
			Status, Error string
			Log           []string
		}
		Unknown []struct{ What string }
		Next    *struct{ Proxy, Route string }
	}
}

func decodeTrace(t *testing.T, got result) (doc tracedDocument) {
	t.Helper()
	if got.code == exitError {
		t.Fatal(got.stderr)
	}
	if err := json.Unmarshal([]byte(got.stdout), &doc); err != nil {
		t.Fatalf("%v in: %s", err, got.stdout)
	}
	return doc
}

// asks are the URLs that a play asks for, with the answers that nginx gives.
func (s scenario) asks(t *testing.T) map[string]string {
	all := map[string]string{}
	for line := range strings.Lines(read(t, filepath.Join(s.dir, "play.txt"))) {
		line, _, _ = strings.Cut(line, " #")
		if words := strings.Fields(line); len(words) == 3 && words[0] == "ask" {
			all[words[1]] = words[2]
		}
	}
	return all
}

// A request that a play asks for takes a route of the diagnosis, and what is wrong with that route is what the
// trace says: the same rule, on the same hop.
func TestTraceAgrees(t *testing.T) {
	for _, s := range scenarios(t) {
		if !s.has("play.txt") {
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			whole := decode(t, why502(t, nil, "--live=off", "--format=json", s.dir))
			for url, status := range s.asks(t) {
				got := why502(t, nil, "trace", url, "--live=off", "--format=json", s.dir)
				if got.code == exitError {
					untraceable(t, url, got.stderr)
					continue
				}
				traced := decodeTrace(t, got)
				agrees(t, whole, traced)
				foreseen := func(r route) bool { return s.foresees(whole, r, status) }
				if s.errs(whole) && len(traced.Routes) > 0 && !slices.ContainsFunc(traced.Routes, foreseen) {
					t.Errorf("%s answers %s, but takes the route %+v", url, status, traced.Routes)
				}
			}
		})
	}
}

// untraceable says why a URL that a play asks for cannot be traced: it leads to no HTTP server of a proxy.
func untraceable(t *testing.T, url, stderr string) {
	t.Helper()
	for _, why := range []string{"leads to a stream server", "which is no proxy", "no service publishes"} {
		if strings.Contains(stderr, why) {
			return
		}
	}
	t.Errorf("%s: %s", url, stderr)
}

// errs says whether the files alone tell what the plays show.
func (s scenario) errs(doc document) bool {
	return s.works || slices.ContainsFunc(doc.Findings, func(f finding) bool { return f.Severity == "error" || f.Rule == s.rule })
}

// agrees holds a trace against the diagnosis that it is a part of.
func agrees(t *testing.T, whole document, traced tracedDocument) {
	t.Helper()
	for _, r := range traced.Routes {
		if !slices.ContainsFunc(whole.Routes, func(w route) bool { return fmt.Sprint(w) == fmt.Sprint(r) }) {
			t.Errorf("the diagnosis has no route %+v", r)
		}
	}
	if traced.Trace.Route != "" && len(traced.Routes) == 0 {
		t.Errorf("the route %q is not in the report", traced.Trace.Route)
	}
	for _, f := range whole.Findings {
		concerned := slices.ContainsFunc(f.Routes, func(id string) bool {
			return slices.ContainsFunc(traced.Routes, func(r route) bool { return r.ID == id })
		})
		said := slices.ContainsFunc(traced.Findings, func(g finding) bool {
			return g.Rule == f.Rule && g.Hop == f.Hop && g.place == f.place && g.Proxy == f.Proxy
		})
		if concerned != said && len(f.Routes) > 0 {
			t.Errorf("%s: %s [%s] is about a route of %s: %v; the trace says it: %v", f.place, f.Message, f.Rule, traced.Trace.Request, concerned, said)
		}
	}
}

// A proxy behind a proxy is followed.
func TestTraceBehindAProxy(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "compose.yaml"), `
services:
  edge:
    image: nginx:1.27
    ports: ["8080:80"]
    volumes: ["./edge.conf:/etc/nginx/conf.d/default.conf"]
    depends_on: [inner]
  inner:
    image: nginx:1.27
    volumes: ["./inner.conf:/etc/nginx/conf.d/default.conf"]
    depends_on: [api]
  api: {image: example/api, expose: [8000]}
`)
	write(t, filepath.Join(dir, "edge.conf"), "server { location /shop/ { proxy_pass http://inner/; } }\n")
	write(t, filepath.Join(dir, "inner.conf"), "server { server_name inner; location /cart/ { proxy_pass http://api:8000; } }\n")
	got := decodeTrace(t, why502(t, nil, "trace", "http://localhost:8080/shop/cart/?n=1", "--live=off", "--format=json", dir))
	next := got.Trace.Next
	if got.Trace.Route != "edge:80 /shop/ -> inner:80" || next == nil || next.Proxy != "inner" || next.Route != "inner:80 inner/cart/ -> api:8000" {
		t.Errorf("%+v", got.Trace)
	}
}

// A request is sent as it is written, once, and what comes back is told apart.
func TestSend(t *testing.T) {
	for name, test := range map[string]struct {
		answer string // "": the connection is closed; behind "hang" at the end nothing more is said
		want   inspect.Sent
	}{
		"answered":      {"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 5\r\n\r\n<bad>", inspect.Sent{Status: 502}},
		"redirected":    {"HTTP/1.1 301 Moved\r\nLocation: http://localhost/a/\r\n\r\n", inspect.Sent{Status: 301, Location: "http://localhost/a/"}},
		"closed":        {"", inspect.Sent{Error: "the connection was closed without an answer"}},
		"hangs":         {"hang", inspect.Sent{Error: "no answer within"}},
		"no HTTP":       {"-ERR \x1b[31mno\r\n\r\n", inspect.Sent{Error: "malformed HTTP"}},
		"endless head":  {"HTTP/1.1 200 OK\r\n" + strings.Repeat("A: b\r\n", 1<<16), inspect.Sent{Error: "malformed"}},
		"a stream":      {"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\r\nhang", inspect.Sent{Status: 200}},
		"an early hint": {"HTTP/1.1 204 No Content\r\n\r\n", inspect.Sent{Status: 204}},
	} {
		t.Run(name, func(t *testing.T) {
			heard := make(chan string, 2)
			port := serve(t, test.answer, heard)
			asked := inspect.Asked{Method: "GET", Scheme: "http", Host: "shop.example", Port: port, Target: "/a/../%62?c", Headers: []trace.Field{{Name: "Host", Value: "shop.example"}}}
			ctx, cancel := context.WithTimeout(t.Context(), map[bool]time.Duration{true: 200 * time.Millisecond, false: time.Minute}[strings.HasSuffix(test.answer, "hang")])
			defer cancel()
			got := sendOnce(ctx, asked, "127.0.0.1")
			if got.Status != test.want.Status || got.Location != test.want.Location || !strings.Contains(got.Error, test.want.Error) || (got.Error == "") != (test.want.Error == "") || strings.Contains(got.Error, "\x1b") {
				t.Errorf("%+v", got)
			}
			if request := <-heard; !strings.HasPrefix(request, "GET /a/../%62?c HTTP/1.1\r\nHost: shop.example\r\nUser-Agent: why502/") || len(heard) > 0 {
				t.Errorf("the request was %q", request)
			}
		})
	}
}

// serve takes one connection after the other, hears a request, and answers.
func serve(t *testing.T, answer string, heard chan<- string) (port int) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			request, err := http.ReadRequest(bufio.NewReader(conn))
			if err != nil {
				heard <- err.Error()
				conn.Close()
				continue
			}
			heard <- fmt.Sprintf("%s %s %s\r\nHost: %s\r\nUser-Agent: %s", request.Method, request.RequestURI, request.Proto, request.Host, request.UserAgent())
			text, hangs := strings.CutSuffix(answer, "hang")
			if io.WriteString(conn, text); !hangs {
				conn.Close()
			}
		}
	}()
	return listener.Addr().(*net.TCPAddr).Port
}

// Where a published port is reached from.
func TestReach(t *testing.T) {
	for _, test := range []struct{ hostIP, endpoint, host string }{
		{"", "unix:///var/run/docker.sock", "127.0.0.1"},
		{"0.0.0.0", "unix:///var/run/docker.sock", "127.0.0.1"},
		{"::", "unix:///var/run/docker.sock", "::1"},
		{"10.0.0.5", "unix:///var/run/docker.sock", "10.0.0.5"},
		{"0.0.0.0", "tcp://docker.example:2376", "docker.example"},
		{"0.0.0.0", "ssh://user@docker.example", ""},
	} {
		if host, why := reach(test.hostIP, test.endpoint); host != test.host || (why == "") == (host == "") {
			t.Errorf("%+v: %q, %q", test, host, why)
		}
	}
}

// What cannot be followed is refused in clear words, and what takes too long to decide is said to be unknown.
func TestTraceIsBounded(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "compose.yaml"), `
services:
  edge:
    image: nginx:1.27
    ports: ["8080:80", "5432:5432", "53:53/udp"]
    volumes: ["./nginx.conf:/etc/nginx/nginx.conf"]
    depends_on: [api]
  api: {image: example/api, expose: [8000], ports: ["9000:9000"]}
`)
	write(t, filepath.Join(dir, "nginx.conf"), `
events {}
stream { server { listen 5432; proxy_pass api:5432; } }
http {
    server {
        listen 80;
        location ~ ^/(a+)+$ { proxy_pass http://api:8000; }
        location = /loop { rewrite ^ /loop; }
        location / { return 204; }
    }
}
`)
	for url, want := range map[string]string{
		"http://localhost:5432/": "port 5432 leads to a stream server of edge",
		"http://localhost:9000/": "port 9000 is published by api, which is no proxy",
		"http://localhost:53/":   "no service publishes port 53",
		"http://localhost/":      "no service publishes port 80",
	} {
		refused(t, why502(t, nil, "trace", url, "--live=off", dir), want, "")
	}
	for url, want := range map[string]string{
		"http://nobody.example:8080/":                            "→ 204",
		"http://localhost:8080/loop":                             "→ 500",
		"http://localhost:8080/%2":                               "→ 400",
		"https://localhost:8080/":                                "nginx speaks no TLS there",
		"http://localhost:8080/" + strings.Repeat("a", 60) + "!": "→ unclear",
	} {
		if got := why502(t, nil, "trace", url, "--live=off", dir); !strings.Contains(got.stdout, want) {
			t.Errorf("%s: no %q in %+v", url, want, got)
		}
	}
}

// Where an upstream fails, the error page that takes the answer's place is followed.
func TestTraceErrorPage(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "compose.yaml"), `
services:
  edge:
    image: nginx:1.27
    ports: ["8080:80"]
    volumes: ["./nginx.conf:/etc/nginx/conf.d/default.conf"]
    depends_on: [api]
  api: {image: example/api, command: gunicorn --bind 127.0.0.1:8000 app}
`)
	write(t, filepath.Join(dir, "nginx.conf"), `
server {
    error_page 502 =503 @sorry;
    location / { proxy_pass http://api:8000; }
    location @sorry { return 503 sorry; }
}
`)
	got := decodeTrace(t, why502(t, nil, "trace", "http://localhost:8080/", "--live=off", "--format=json", dir))
	if len(got.Findings) == 0 || got.Findings[0].Rule != "upstream-listens-on-loopback" || got.Trace.Answer.Status != "503" {
		t.Errorf("%+v", got)
	}
}
