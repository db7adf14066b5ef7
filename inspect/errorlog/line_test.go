package errorlog

import (
	"cmp"
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"
)

var at = time.Date(2026, 11, 22, 12, 1, 3, 0, time.UTC)

const (
	begin   = "2026/11/22 12:01:03 [error] 29#30: *7 "
	refused = "connect() failed (111: Connection refused) while connecting to upstream"
	request = `, client: 10.0.0.9, server: shop.example, request: "GET /api/x?y=1 HTTP/1.1"`
	tail    = `, upstream: "http://172.18.0.3:8000/x?y=1", host: "shop.example:8080", referrer: "http://shop.example/"`
)

// whole is what the line begin + refused + request + tail says.
var whole = Line{
	Time: at, Level: "error", PID: 29, Conn: 7, Kind: Refused, Message: "connect() failed (111: Connection refused)", Code: 111, While: "connecting to upstream",
	Client: "10.0.0.9", Server: "shop.example", Request: "GET /api/x?y=1 HTTP/1.1", Method: "GET", URI: "/api/x?y=1",
	Upstream: Upstream{Scheme: "http", Peer: "172.18.0.3:8000", URI: "/x?y=1"}, Host: "shop.example:8080", Referrer: "http://shop.example/",
}

// but is a line that differs.
func but(l Line, change func(*Line)) Line {
	change(&l)
	return l
}

func TestParse(t *testing.T) {
	for name, test := range map[string]struct {
		text string
		want Line
	}{
		"all fields":          {begin + refused + request + tail, whole},
		"of docker compose":   {"edge-1  | " + begin + refused + request + tail, whole},
		"of docker logs -t":   {"2026-11-22T12:01:03.968444788Z " + begin + refused + request + tail, whole},
		"both, with a zone":   {"edge-1  | 2026-11-22T12:01:03+01:00 " + begin + refused + request + tail, whole},
		"coloured":            {"\x1b[36medge-1  | \x1b[0m" + begin + refused + request + tail, whole},
		"ends with a return":  {begin + refused + request + tail + "\r", whole},
		"another libc's text": {begin + "connect() failed (111: Verbindung abgelehnt) while connecting to upstream" + request + tail, but(whole, func(l *Line) { l.Message = "connect() failed (111: Verbindung abgelehnt)" })},
		"no referrer":         {begin + refused + request + `, upstream: "http://172.18.0.3:8000/x?y=1", host: "shop.example:8080"`, but(whole, func(l *Line) { l.Referrer = "" })},
		"no server name": {begin + refused + strings.Replace(request, "shop.example", "", 1) + tail,
			but(whole, func(l *Line) { l.Server = "" })},
		"a subrequest": {begin + refused + request + `, subrequest: "/auth"` + tail, but(whole, func(l *Line) { l.Subrequest = "/auth" })},
		"cut in the upstream": {begin + refused + request + `, upstream: "http://172.18.0.3:8000/x`,
			but(whole, func(l *Line) { l.Upstream.URI, l.Host, l.Referrer, l.Cut = "/x", "", "", true })},
		"cut in the port": {begin + refused + request + `, upstream: "http://172.18.0.3:80`,
			but(whole, func(l *Line) { l.Upstream, l.Host, l.Referrer, l.Cut = Upstream{}, "", "", true })},
		"cut in the request": {begin + refused + `, client: 10.0.0.9, server: shop.example, request: "GET /api/x`,
			but(whole, func(l *Line) {
				l.Request, l.URI, l.Upstream, l.Host, l.Referrer, l.Cut = "", "/api/x", Upstream{}, "", "", true
			})},
		"a unix socket": {begin + "connect() to unix:/run/app.sock failed (2: No such file or directory) while connecting to upstream" + request + `, upstream: "http://unix:/run/app.sock:/x", host: "h"`,
			but(whole, func(l *Line) {
				l.Kind, l.Code, l.Message = SocketMissing, 2, "connect() to unix:/run/app.sock failed (2: No such file or directory)"
				l.Upstream, l.Host, l.Referrer = Upstream{"http", "unix:/run/app.sock", "/x"}, "h", ""
			})},
		"FastCGI by a socket": {begin + refused + request + `, upstream: "fastcgi://unix:/run/php.sock:", host: "h"`,
			but(whole, func(l *Line) { l.Upstream, l.Host, l.Referrer = Upstream{"fastcgi", "unix:/run/php.sock", ""}, "h", "" })},
		"IPv6": {begin + refused + request + `, upstream: "uwsgi://[fd00::3]:8000", host: "h"`,
			but(whole, func(l *Line) { l.Upstream, l.Host, l.Referrer = Upstream{"uwsgi", "[fd00::3]:8000", ""}, "h", "" })},
		"a group": {begin + "no live upstreams while connecting to upstream" + request + `, upstream: "http://app/x", host: "h"`,
			but(whole, func(l *Line) {
				l.Kind, l.Code, l.Message, l.Upstream, l.Host, l.Referrer = NoLive, 0, "no live upstreams", Upstream{"http", "app", "/x"}, "h", ""
			})},
		"stream": {begin + refused + `, client: 10.0.0.9, server: 0.0.0.0:5432, upstream: "172.18.0.3:5432", bytes from/to client:0/0, bytes from/to upstream:0/0`,
			Line{Time: at, Level: "error", PID: 29, Conn: 7, Kind: Refused, Message: whole.Message, Code: 111, While: whole.While, Client: "10.0.0.9", Server: "0.0.0.0:5432", Upstream: Upstream{Peer: "172.18.0.3:5432"}}},
		"TLS": {begin + "SSL_do_handshake() failed (SSL: error:0A00010B:SSL routines::wrong version number) while SSL handshaking to upstream" + request + tail,
			but(whole, func(l *Line) {
				l.Kind, l.Code, l.While = PlainToTLS, 0, handshaking
				l.Message = "SSL_do_handshake() failed (SSL: error:0A00010B:SSL routines::wrong version number)"
			})},
		"TLS, with an errno": {begin + "peer closed connection in SSL handshake (104: Connection reset by peer) while SSL handshaking to upstream" + request + tail,
			but(whole, func(l *Line) {
				l.Kind, l.Code, l.While, l.Message = TLSFailed, 104, handshaking, "peer closed connection in SSL handshake (104: Connection reset by peer)"
			})},
		"a name": {begin + "api could not be resolved (3: Host not found)" + request + `, host: "h"`,
			but(whole, func(l *Line) {
				l.Kind, l.Code, l.Message, l.While = NotResolved, 3, "api could not be resolved (3: Host not found)", ""
				l.Upstream, l.Host, l.Referrer = Upstream{}, "h", ""
			})},
		"a resolver": {"2026/11/22 12:01:03 [error] 29#29: send() failed (111: Connection refused) while resolving, resolver: 127.0.0.53:53",
			Line{Time: at, Level: "error", PID: 29, Kind: ResolverFailed, Message: "send() failed (111: Connection refused)", Code: 111, While: "resolving", Resolver: "127.0.0.53:53"}},
		"at the start": {`nginx: [emerg] host not found in upstream "api" in /etc/nginx/conf.d/default.conf:4`,
			Line{Level: "emerg", Kind: "host-not-found", Message: `host not found in upstream "api" in /etc/nginx/conf.d/default.conf:4`, File: "/etc/nginx/conf.d/default.conf", Line: 4}},
		"at the start, dated": {`2026/11/22 12:01:03 [emerg] 1#1: open() "/etc/nginx/x y.conf" failed (2: No such file or directory) in /etc/nginx/a b.conf:12`,
			Line{Time: at, Level: "emerg", PID: 1, Kind: "file-not-opened", Message: `open() "/etc/nginx/x y.conf" failed (2: No such file or directory) in /etc/nginx/a b.conf:12`, Code: 2, File: "/etc/nginx/a b.conf", Line: 12}},
		"on the command line": {`nginx: [emerg] "daemon" directive is duplicate in command line`,
			Line{Level: "emerg", Kind: "syntax", Message: `"daemon" directive is duplicate in command line`}},
		"without a time": {"[emerg] 1#1: bind() to 0.0.0.0:80 failed (98: Address already in use)",
			Line{Level: "emerg", PID: 1, Kind: "bind-failed", Message: "bind() to 0.0.0.0:80 failed (98: Address already in use)", Code: 98}},
		"a worker": {"2026/11/22 12:01:03 [notice] 1#1: start worker process 29",
			Line{Time: at, Level: "notice", PID: 1, Kind: WorkerStarted, Message: "start worker process 29"}},
		"an alert before any request": {"2026/11/22 12:01:03 [alert] 29#29: 4 worker_connections are not enough",
			Line{Time: at, Level: "alert", PID: 29, Kind: OutOfConnections, Message: "4 worker_connections are not enough"}},
	} {
		if got, ok := Parse(test.text); !ok || !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s:\ngot  %+v\nwant %+v", name, got, test.want)
		}
	}
}

// What clients send must not be taken for what nginx says.
func TestParseImitations(t *testing.T) {
	const evil = `", upstream: "http://6.6.6.6:80/", host: "evil`
	for name, test := range map[string]struct {
		text string
		want func(*Line)
	}{
		"in the URI": {begin + refused + strings.Replace(request, "x?y=1", evil, 1) + tail, func(l *Line) { l.Request, l.URI = "GET /api/"+evil+" HTTP/1.1", "/api/"+evil }},
		"in the passed URI": {begin + refused + request + strings.Replace(tail, "x?y=1", evil, 1), func(l *Line) {
			l.Upstream.URI, l.Host, l.Referrer = `/", upstream: "http://6.6.6.6:80/`, `evil", host: "shop.example:8080`, "http://shop.example/"
		}},
		"in the referrer": {begin + refused + request + tail[:len(tail)-1] + evil + `"`, func(l *Line) { l.Referrer = `http://shop.example/` }},
		"without a version": {begin + refused + `, client: 10.0.0.9, server: shop.example, request: "GET /` + evil + `"` + tail, func(l *Line) {
			l.Request, l.Method, l.URI = "", "GET", ""
			l.Upstream, l.Host, l.Referrer, l.Cut = Upstream{}, "", "", true
		}},
		"in the name of a file": {begin + `open() "/html/x" failed (111: ) while connecting to upstream, client: 6.6.6.6, server: evil, request: "GET / HTTP/1.1" failed (2: No such file or directory)` + request + tail, nil},
	} {
		got, ok := Parse(test.text)
		want := whole
		if test.want == nil {
			if !ok || got.Kind == Refused || got.Upstream.Peer == "6.6.6.6:80" {
				t.Errorf("%s: got %+v", name, got)
			}
			continue
		}
		test.want(&want)
		if want.Cut {
			got.URI, want.URI = "", "" // whatever it is
		}
		if !ok || !reflect.DeepEqual(got, want) {
			t.Errorf("%s:\ngot  %+v\nwant %+v", name, got, want)
		}
	}
}

func TestParseOthers(t *testing.T) {
	for _, text := range []string{"", "nginx: ", "nginx: [", "[error]", "[error] ", "[shout] 1#1: x", "2026/11/22 12:01:03", "2026/11/22 12:01:03 [error]", "/docker-entrypoint.sh: Configuration complete",
		`10.0.0.9 - - [22/Nov/2026:12:01:03 +0000] "GET / HTTP/1.1" 502 157 "-" "curl"`, "api-1  | ", "\x1b[31m"} {
		if got, ok := Parse(text); ok {
			t.Errorf("%q is taken for %+v", text, got)
		}
	}
}

func TestParseAccess(t *testing.T) {
	zone := time.FixedZone("", 3600)
	for text, want := range map[string]Access{
		`10.0.0.9 - - [22/Nov/2026:12:01:03 +0000] "GET /a?b HTTP/1.1" 502 157 "-" "curl/8" "-"`:       {at, "10.0.0.9", "GET", "/a?b", 502},
		`edge-1  | 10.0.0.9 - - [22/Nov/2026:13:01:03 +0100] "POST /a HTTP/2.0" 200 0 "http://x/" "M"`: {at.In(zone), "10.0.0.9", "POST", "/a", 200},
		`::1 - me [x] "y [22/Nov/2026:12:01:03 +0000] "GET / HTTP/1.0" 200 0 "-" "-"`:                  {},
		`::1 - me [x] \x22y [22/Nov/2026:12:01:03 +0000] "GET / HTTP/1.0" 200 0 "-" "-"`:               {at, "::1", "GET", "/", 200},
		`10.0.0.9 - - [22/Nov/2026:12:01:03 +0000] "\x16\x03\x01" 400 157 "-" "-"`:                     {at, "10.0.0.9", `\x16\x03\x01`, "", 400},
		`10.0.0.9 - - [22/Nov/2026:12:01:03 +0000] "GET / HTTP/1.1" 009 5 "-" "-"`:                     {at, "10.0.0.9", "GET", "/", 9},
		`10.0.0.9 - - [22/Nov/2026:12:01:03 +0000] "GET / HTTP/1.1" - 5 "-" "-"`:                       {},
		`{"status": 502, "request": "GET / HTTP/1.1"}`:                                                 {},
		`"" 502 `: {},
		"":        {},
	} {
		got, ok := ParseAccess(text)
		if ok != (want.Client != "") || !got.Time.Equal(want.Time) {
			t.Errorf("%s: %v %+v", text, ok, got)
		}
		if got.Time = want.Time; got != want {
			t.Errorf("%s: got %+v, want %+v", text, got, want)
		}
	}
}

// Every stem leads to its own kind: none is hidden by one before it.
func TestKinds(t *testing.T) {
	seen := map[Kind]bool{}
	for _, e := range kinds {
		if e.Kind == "" || e.Says == "" || len(e.Stems) == 0 || !regexp.MustCompile(`^[a-z0-9-]+$`).MatchString(string(e.Kind)) {
			t.Errorf("%+v lacks something", e)
		}
		seen[e.Kind] = true
		for _, stem := range e.Stems {
			if strings.Count(stem, "(") > strings.Count(stem, ")") && regexp.MustCompile(`\(\d+$`).MatchString(stem) {
				stem += ": text)"
			}
			text := fmt.Sprintf("2026/11/22 12:01:03 [%s] 1#1: *1 ", cmp.Or(e.Level, "error")) + strings.ReplaceAll(stem, "*", "172.18.0.3:80")
			if e.While != "" {
				text += " while " + e.While
			}
			if l, ok := Parse(text + request); !ok || l.Kind != e.Kind {
				t.Errorf("%q is of kind %q, not %q", text, l.Kind, e.Kind)
			}
		}
	}
	if e, ok := Find(Refused); !ok || e.Hop != "port" || len(Kinds()) != len(kinds)+len(scripts) {
		t.Errorf("%+v", e)
	}
	if _, ok := Find("nonsense"); ok {
		t.Error("it finds nonsense")
	}
}

// Messages as nginx really writes them.
func TestKindOfMessages(t *testing.T) {
	for message, want := range map[string]Kind{
		"connect() failed (113: Host is unreachable) while connecting to upstream":                                                                  Unreachable,
		"connect() failed (113: No route to host) while connecting to upstream":                                                                     Unreachable,
		"connect() to [::1]:8000 failed (99: Cannot assign requested address) while connecting to upstream":                                         NoRoute,
		"connect() to unix:/run/app.sock failed (11: Resource temporarily unavailable) while connecting to upstream":                                BacklogFull,
		"connect() to unix:/run/app.sock failed (13: Permission denied) while connecting to upstream":                                               SocketForbidden,
		"upstream timed out (110: Connection timed out) while connecting to upstream":                                                               ConnectTimedOut,
		"upstream timed out (110: Operation timed out) while reading response header from upstream":                                                 ReadTimedOut,
		"upstream timed out (110: Connection timed out) while reading upstream":                                                                     BodyTimedOut,
		"upstream timed out (110: Connection timed out) while SSL handshaking to upstream":                                                          TLSTimedOut,
		"upstream timed out (110: Connection timed out) while proxying upgraded connection":                                                         UpgradedEnded,
		"upstream prematurely closed connection while reading response header from upstream":                                                        ClosedEarly,
		"upstream prematurely closed connection while reading upstream":                                                                             BodyCut,
		"recv() failed (104: Connection reset by peer) while reading response header from upstream":                                                 Reset,
		"writev() failed (32: Broken pipe) while sending request to upstream":                                                                       Reset,
		"writev() failed (104: Connection reset by peer) while sending to client":                                                                   ClientGone,
		"client prematurely closed connection, so upstream connection is closed too while sending request to upstream":                              ClientGone,
		"epoll_wait() reported that client prematurely closed connection, so upstream connection is closed too while connecting to upstream":        ClientGone,
		"upstream sent too big header while reading response header from upstream":                                                                  HeaderTooBig,
		"upstream sent no valid HTTP/1.0 header while reading response header from upstream":                                                        NotHTTP,
		`upstream sent invalid header: "X-A\x20..." while reading response header from upstream`:                                                    HeaderInvalid,
		`upstream sent duplicate header line: "Content-Length: 3", previous value: "Content-Length: 2" while reading response header from upstream`: HeaderInvalid,
		`upstream sent "Content-Length" and "Transfer-Encoding" headers at the same time while reading response header from upstream`:               HeaderInvalid,
		`upstream sent invalid "Content-Length" header: "x" while reading response header from upstream`:                                            HeaderInvalid,
		"upstream sent invalid chunked response while reading upstream":                                                                             BodyInvalid,
		"upstream sent more data than specified in \"Content-Length\" header while reading upstream":                                                Buffered,
		"an upstream response is buffered to a temporary file /var/cache/nginx/proxy_temp/1/00/0000000001 while reading upstream":                   Buffered,
		"upstream SSL certificate verify error: (18:self-signed certificate) while SSL handshaking to upstream":                                     CertificateBad,
		`upstream SSL certificate does not match "api" while SSL handshaking to upstream`:                                                           CertificateBad,
		"no resolver defined to resolve api":                                                                                                        NoResolver,
		"api could not be resolved (110: Operation timed out)":                                                                                      NotResolved,
		"wrong ident 7 in DNS response for api, expect 8":                                                                                           ResolverNoise,
		`invalid URL prefix in "app:8009"`:                                                                                                          URLInvalid,
		`FastCGI sent in stderr: "Primary script unknown" while reading response header from upstream`:                                              ScriptUnknown,
		`FastCGI sent in stderr: "PHP message: x could not be resolved (3: y)" while reading response header from upstream`:                         FastCGIStderr,
		"upstream sent unsupported FastCGI protocol version: 72 while reading response header from upstream":                                        HTTPToFastCGI,
		"upstream sent too large http2 frame: 4740180 while reading response header from upstream":                                                  HTTPToGRPC,
		"1024 worker_connections are not enough while connecting to upstream":                                                                       OutOfConnections,
		"1024 worker_connections are not enough, reusing connections":                                                                               OutOfConnections,
		"socket() failed (24: Too many open files) while connecting to upstream":                                                                    OutOfFiles,
		"accept4() failed (24: No file descriptors available)":                                                                                      OutOfFiles,
		`open() "/usr/share/nginx/html/x" failed (2: No such file or directory)`:                                                                    "file-missing",
		`open() "/var/cache/nginx/proxy_temp/1" failed (30: Read-only file system) while reading upstream`:                                          "temp-not-writable",
		"signal 1 (SIGHUP) received from 7, reconfiguring":                                                                                          Reconfiguring,
		"reconfiguring":                                     Reconfiguring,
		"start worker processes":                            WorkersStarted,
		"worker process 29 exited on signal 9":              "worker-killed",
		"signal 3 (SIGQUIT) received, shutting down":        "lifecycle",
		"a message of another module while doing something": "",
	} {
		if l, ok := Parse("2026/11/22 12:01:03 [error] 1#1: *1 " + message + request); !ok || l.Kind != want {
			t.Errorf("%q is of kind %q, not %q", message, l.Kind, want)
		}
	}
}

func TestAddress(t *testing.T) {
	for peer, want := range map[string]string{
		"172.18.0.3:8000": "172.18.0.3 8000 true", "[fd00::3]:80": "fd00::3 80 true",
		"unix:/run/x.sock": " 0 false", "app": " 0 false", "app:80": " 0 false", "": " 0 false", "1.2.3.4:http": "1.2.3.4 0 false",
	} {
		ip, port, ok := Upstream{Peer: peer}.Address()
		if got := fmt.Sprint(ip, " ", port, " ", ok); got != want {
			t.Errorf("%s: %q, want %q", peer, got, want)
		}
	}
}

// The lines of one request stand together: one per server that was tried.
func TestRequests(t *testing.T) {
	line := func(conn int64, request string) Line { return Line{PID: 1, Conn: conn, Request: request} }
	got := Requests([]Line{line(1, "a"), line(2, "a"), line(1, "a"), line(1, "b"), line(0, ""), line(0, "")})
	var sizes []int
	for _, lines := range got {
		sizes = append(sizes, len(lines))
	}
	if !reflect.DeepEqual(sizes, []int{2, 1, 1, 1, 1}) {
		t.Errorf("%v", sizes)
	}
}

// FuzzParse looks for panics, and for lines that grow.
func FuzzParse(f *testing.F) {
	f.Add(begin + refused + request + tail)
	f.Add("edge-1  | 2026-11-22T12:01:03.968444788Z " + begin + "no live upstreams while connecting to upstream" + request + `, upstream: "http://app/x"`)
	f.Add(`nginx: [emerg] host not found in upstream "api" in /etc/nginx/conf.d/default.conf:4`)
	f.Add(begin + `connect() to unix:/x failed (2: y) while connecting to upstream, client: unix:, server: _, request: "GET / HTTP/1.1", subrequest: "/a", upstream: "fastcgi://unix:/x:", host: "h`)
	f.Add("2026/11/22 12:01:03 [error] 29#29: send() failed (111: x) while resolving, resolver: 127.0.0.53:53")
	f.Add(begin + refused + `, client: 10.0.0.9, server: 0.0.0.0:5432, upstream: "172.18.0.3:5432", bytes from/to client:0/0`)
	f.Add(`::1 - me [x] \x22y [22/Nov/2026:12:01:03 +0000] "GET / HTTP/1.0" 200 0 "-" "-"`)
	f.Add("\x1b[31m[emerg] 1#1: ")
	f.Fuzz(func(t *testing.T, text string) {
		l, ok := Parse(text)
		for _, part := range []string{l.Message, l.While, l.Client, l.Server, l.Request, l.URI, l.Subrequest, l.Upstream.Peer, l.Host, l.Referrer, l.Resolver, l.File} {
			if len(part) > maxLine || !ok && part != "" {
				t.Errorf("%q gives %q", text, part)
			}
		}
		if l.Kind != "" {
			if _, known := Find(l.Kind); !known {
				t.Errorf("kind %q", l.Kind)
			}
		}
		ip, port, ok := l.Upstream.Address()
		if ok && (ip == "" || port < 0) {
			t.Errorf("%q: address %q %d", text, ip, port)
		}
		if a, ok := ParseAccess(text); ok && (a.Client == "" || a.Status > 999) {
			t.Errorf("%q gives %+v", text, a)
		}
	})
}
