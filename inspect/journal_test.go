package inspect

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"why502/compose"
)

// since starts a container some time ago.
func since(d time.Duration) func(*Container) {
	return func(c *Container) { c.Started = now.Add(-d) }
}

// ago is a time before now, as nginx writes it in its error log.
func ago(d time.Duration) string { return now.Add(-d).Format("2006/01/02 15:04:05") }

// erred is a line of the error log about GET path, some time ago, at an upstream.
func erred(d time.Duration, message, path, upstream string) string {
	return fmt.Sprintf(`%s [error] 29#29: *7 %s, client: 10.0.0.9, server: , request: "GET %s HTTP/1.1", upstream: "%s", host: "h"`, ago(d), message, path, upstream)
}

// served is a line of the access log about GET path.
func served(d time.Duration, path string, status int) string {
	return fmt.Sprintf(`10.0.0.9 - - [%s] "GET %s HTTP/1.1" %d 5 "-" "curl" "-"`, now.Add(-d).Format("02/Jan/2006:15:04:05 -0700"), path, status)
}

// loaded is what nginx says when it has taken a configuration.
func loaded(d time.Duration, workers ...int) []string {
	lines := []string{ago(d) + " [notice] 1#1: start worker processes"}
	for _, pid := range workers {
		lines = append(lines, fmt.Sprintf("%s [notice] 1#1: start worker process %d", ago(d), pid))
	}
	return lines
}

const (
	readTimeout = "upstream timed out (110: Connection timed out) while reading response header from upstream"
	refusal     = "connect() failed (111: Connection refused) while connecting to upstream"
	unreachable = "connect() failed (113: No route to host) while connecting to upstream"
	closing     = "upstream prematurely closed connection while reading response header from upstream"
	tooBig      = "upstream sent too big header while reading response header from upstream"
	invalid     = `upstream sent invalid header: "Bad\x20..." while reading response header from upstream`
	here        = "http://172.18.0.3:8000/"
	old         = "http://172.18.0.2:8000/"
)

// found is what is found in the project of edge and api, in a few words: the findings that are no note, and
// the route's verdict.
func found(t *testing.T, stack *compose.Stack, snap *Snapshot) string {
	t.Helper()
	return strings.ReplaceAll(strings.TrimSpace(summary(judged(stack, snap))), "\n", "; ")
}

func TestLogOfARoute(t *testing.T) {
	const ok, min = time.Second, time.Minute
	stack := shop(t, server(pass("/", "http://api:8000")), edge+api)
	for name, test := range map[string]struct {
		lines []string
		want  string
	}{
		"nothing":                 {nil, "ok"},
		"a timeout":               {[]string{erred(min, readTimeout, "/x", here), served(min, "/x", 504)}, "error upstream-timeout; broken 504"},
		"and others are answered": {[]string{erred(min, readTimeout, "/x", here), served(min, "/x", 504), served(ok, "/y", 200)}, "warning upstream-timeout; at-risk"},
		"twice, and others are answered": {[]string{erred(2*min, readTimeout, "/x", here), served(2*min, "/x", 504), erred(min, readTimeout, "/x", here), served(min, "/x", 504), served(ok, "/y", 200)},
			"error upstream-timeout; broken 504"},
		"it healed":                        {[]string{erred(min, readTimeout, "/x?a", here), served(min, "/x?a", 504), served(ok, "/x?b", 204)}, "warning upstream-timeout; at-risk"},
		"what came before heals nothing":   {[]string{served(2*min, "/x", 200), erred(min, readTimeout, "/x", here), served(min, "/x", 504)}, "error upstream-timeout; broken 504"},
		"another error heals nothing":      {[]string{erred(min, readTimeout, "/x", here), served(min, "/x", 504), served(ok, "/x", 500)}, "error upstream-timeout; broken 504"},
		"nor an answer to the probe":       {[]string{erred(min, readTimeout, "/x", here), served(min, "/x", 504), strings.Replace(served(ok, "/x", 200), "curl", ProbeAgent, 1)}, "error upstream-timeout; broken 504"},
		"nor a client that left":           {[]string{erred(min, readTimeout, "/x", here), served(min, "/x", 504), served(ok, "/x", 499)}, "error upstream-timeout; broken 504"},
		"without an access log":            {[]string{erred(min, readTimeout, "/x", here)}, "warning upstream-timeout; at-risk"},
		"just now, and again":              {[]string{erred(3*ok, readTimeout, "/x", here), erred(ok, readTimeout, "/x", here)}, "error upstream-timeout; broken 504"},
		"before a reload":                  {append([]string{erred(min, readTimeout, "/x", here), served(min, "/x", 504)}, loaded(30*ok)...), "ok"},
		"of a worker from before it":       {append(loaded(2*min, 30), erred(min, readTimeout, "/x", here), served(min, "/x", 504)), "ok"},
		"of a worker since":                {append(loaded(2*min, 29), erred(min, readTimeout, "/x", here), served(min, "/x", 504)), "error upstream-timeout; broken 504"},
		"before nginx was started":         {[]string{erred(2*time.Hour, readTimeout, "/x", here), served(2*time.Hour, "/x", 504)}, "ok"},
		"before the upstream was":          {[]string{erred(31*min, readTimeout, "/x", here), served(31*min, "/x", 504)}, "ok"},
		"a worker was killed":              {[]string{erred(min, closing, "/x", here), served(min, "/x", 502)}, "error upstream-closed-early; broken 502"},
		"a large header":                   {[]string{erred(min, tooBig, "/x", here), served(min, "/x", 502)}, "error response-header-too-big; broken 502"},
		"an invalid one":                   {[]string{erred(min, invalid, "/x", here), served(min, "/x", 502)}, "error response-invalid; broken 502"},
		"out of connections":               {[]string{erred(min, "4 worker_connections are not enough while connecting to upstream", "/x", here), served(min, "/x", 500)}, "error proxy-out-of-connections; broken 500"},
		"out of connections at once":       {[]string{ago(min) + " [alert] 29#29: 4 worker_connections are not enough", served(min, "/x", 500)}, "error proxy-out-of-connections; broken 500"},
		"out of files":                     {[]string{erred(min, "socket() failed (24: Too many open files) while connecting to upstream", "/x", here), served(min, "/x", 500)}, "error proxy-out-of-files; broken 500"},
		"the upstream's own 502":           {[]string{served(min, "/x", 502)}, "error upstream-answered-502; broken 502"},
		"which healed":                     {[]string{served(min, "/x", 502), served(ok, "/x", 200)}, "warning upstream-answered-502; at-risk"},
		"a client that left":               {[]string{erred(min, "client prematurely closed connection, so upstream connection is closed too while sending request to upstream", "/x", here), served(min, "/x", 499)}, "ok"},
		"an idle websocket":                {[]string{erred(min, "upstream timed out (110: Connection timed out) while proxying upgraded connection", "/x", here), served(min, "/x", 101)}, "ok"},
		"a file that is missing":           {[]string{strings.Replace(erred(min, `open() "/html/favicon.ico" failed (2: No such file or directory)`, "/favicon.ico", here), `, upstream: "`+here+`"`, "", 1), served(min, "/favicon.ico", 404)}, "ok"},
		"an answer that is buffered":       {[]string{erred(min, "an upstream response is buffered to a temporary file /x while reading upstream", "/x", here), served(min, "/x", 200)}, "ok"},
		"another server's":                 {[]string{strings.Replace(erred(min, readTimeout, "/x", here), "server: ,", "server: other,", 1), served(min, "/x", 504)}, "ok"},
		"to another port":                  {[]string{erred(min, readTimeout, "/x", "http://172.18.0.3:9/"), served(min, "/x", 504)}, "ok"},
		"an old address":                   {[]string{erred(min, unreachable, "/x", old), served(min, "/x", 502)}, "error upstream-address-stale; broken 502"},
		"an old one, from before it moved": {[]string{erred(50*min, unreachable, "/x", old), served(50*min, "/x", 502)}, "error upstream-address-stale; broken 502"},
		"an old one, then the new one":     {[]string{erred(2*min, unreachable, "/x", old), served(2*min, "/x", 502), erred(min, readTimeout, "/x", here), served(min, "/x", 504)}, "error upstream-timeout; broken 504"},
		"an old one, then a reload":        {append([]string{erred(2*min, unreachable, "/x", old), served(2*min, "/x", 502)}, loaded(min)...), "ok"},
	} {
		t.Run(name, func(t *testing.T) {
			snap := seen(up("edge", has("172.18.0.9")), up("api", has("172.18.0.3"), since(30*min))).log("edge", test.lines...)
			got := found(t, stack, snap)
			for _, cut := range []string{" 1", "edge:80 / -> api:8000 "} {
				got = strings.ReplaceAll(got, cut, "")
			}
			if got = got[:strings.LastIndex(got, " o")]; got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

// The log of a container is not that of another one with the same name, and what was logged before --since
// is not looked at.
func TestLogSince(t *testing.T) {
	stack := shop(t, server(pass("/", "http://api:8000")), edge+api)
	snap := seen(up("edge"), up("api", has("172.18.0.3"))).log("edge", erred(20*time.Minute, readTimeout, "/x", here), served(20*time.Minute, "/x", 504))
	snap.Since = now.Add(-15 * time.Minute)
	same(t, summary(judged(stack, snap)), "edge:80 / -> api:8000 ok ooooo???")
	snap.Since = now.Add(-25 * time.Minute)
	same(t, summary(judged(stack, snap)), `error upstream-timeout 1
		edge:80 / -> api:8000 broken 504 ooooo??B`)
}

// The daemon's time of a line counts, not nginx's, whose clock may be of another zone.
func TestLogTimes(t *testing.T) {
	stack := shop(t, server(pass("/", "http://api:8000")), edge+api)
	snap := seen(up("edge"), up("api", has("172.18.0.3"), since(30*time.Minute))).log("edge", erred(-2*time.Hour, readTimeout, "/x", here), served(-2*time.Hour, "/x", 504))
	for i := range snap.Logs["edge"] {
		snap.Logs["edge"][i].Time = now.Add(-45 * time.Minute) // before api was started
	}
	same(t, summary(judged(stack, snap)), "edge:80 / -> api:8000 ok ooooo???")

	// of a file there is only nginx's own, whose zone the access log tells
	east := now.In(time.FixedZone("", 7200))
	stack = shop(t, server(pass("/", "http://api:8000")), strings.Replace(edge, "default.conf]", "default.conf, ./log:/var/log/nginx]", 1)+api)
	snap = seen(up("edge"), up("api", has("172.18.0.3"), since(30*time.Minute))).log("edge")
	tail := func(name string, lines ...string) {
		rows := []LogLine{}
		for _, text := range lines {
			rows = append(rows, LogLine{Text: text})
		}
		snap.Tails[Question{Kind: AskTail, Of: "edge", Path: "/var/log/nginx/" + name}] = rows
	}
	tail("error.log", strings.Replace(erred(0, readTimeout, "/x", here), now.Format("15:04:05"), east.Add(-time.Minute).Format("15:04:05"), 1))
	tail("access.log", strings.Replace(served(0, "/x", 504), now.Format("02/Jan/2006:15:04:05 -0700"), east.Add(-time.Minute).Format("02/Jan/2006:15:04:05 -0700"), 1))
	r := judged(stack, snap)
	same(t, summary(r), `error upstream-timeout 1
		edge:80 / -> api:8000 broken 504 ooooo??B`)
	if text := fmt.Sprint(r.Findings[0].Evidence); !strings.Contains(text, "(GET /x), at 11:59:00 UTC") {
		t.Error(text)
	}
}

// Lines are about the route whose server, location and upstream they name.
func TestLinesOfRoutes(t *testing.T) {
	conf := server("server_name shop.example www.shop.example;", pass("/", "http://api:8000"), pass("/api/", "http://api:9000/"),
		`location ~ \.php$ { fastcgi_pass php:9000; }`, pass("~ ^/(?<lang>de|en)/", "http://api:8000"),
		"location /try/ { try_files $uri @app; }", "location @app { proxy_pass http://api:7000; }",
		"location /sock/ { proxy_pass http://unix:/run/x.sock; }", "location /g/ { proxy_pass http://g; }",
		"location /v/ { set $up later; resolver 127.0.0.11; proxy_pass http://$up:8000; }") +
		"server { listen 81; server_name .other.example; " + pass("/", "http://api:8000") + " }" + group("api:8001", "api:8002")
	stack := shop(t, conf, edge+api+"  php: {image: 'php:8-fpm'}\n  later: {image: example/api}\n")
	line := func(server, uri, message, upstream string) string {
		text := fmt.Sprintf(`%s [error] 29#29: *7 %s, client: 10.0.0.9, server: %s, request: "GET %s HTTP/1.1"`, ago(time.Minute), message, server, uri)
		if upstream != "" {
			text += fmt.Sprintf(`, upstream: "%s"`, upstream)
		}
		return text + `, host: "h"`
	}
	for text, want := range map[string]string{
		line("shop.example", "/x", refusal, "http://172.18.0.3:8000/x"):                                                                                                        "/",
		line("shop.example", "/api/x?y", refusal, "http://172.18.0.3:9000/x?y"):                                                                                                "/api/",
		line("shop.example", "/%61pi/x", refusal, "http://172.18.0.3:9000/x"):                                                                                                  "/api/",
		line("shop.example", "/a.php", refusal, "fastcgi://172.18.0.4:9000"):                                                                                                   `~ \.php$`,
		line("shop.example", "/nice/url", refusal, "fastcgi://172.18.0.4:9000"):                                                                                                `~ \.php$`,
		line("shop.example", "/en/x", refusal, "http://172.18.0.3:8000/en/x"):                                                                                                  "~ ^/(?<lang>de|en)/",
		line("shop.example", "/try/x", refusal, "http://172.18.0.3:7000/try/x"):                                                                                                "@app",
		line("shop.example", "/sock/x", "connect() to unix:/run/x.sock failed (2: No such file or directory) while connecting to upstream", "http://unix:/run/x.sock:/sock/x"): "/sock/",
		line("shop.example", "/g/x", "no live upstreams while connecting to upstream", "http://g/g/x"):                                                                         "/g/",
		line("shop.example", "/g/x", refusal, "http://172.18.0.3:8002/g/x"):                                                                                                    "/g/",
		line("shop.example", "/v/x", "later could not be resolved (3: Host not found)", ""):                                                                                    "/v/",
		line("shop.example", "/v/x", "other could not be resolved (3: Host not found)", ""):                                                                                    "",
		line("www.shop.example", "/x", refusal, "http://172.18.0.3:8000/x"):                                                                                                    "",
		line("other.example", "/api/x", refusal, "http://172.18.0.3:8000/api/x"):                                                                                               "/",
		line("shop.example", "/api/x", refusal, "uwsgi://172.18.0.3:9000"):                                                                                                     "",
		line("shop.example", "/x", refusal, "http://172.18.0.3:1/x"):                                                                                                           "",
	} {
		f := newFacts(stack, seen(up("edge"), up("api", has("172.18.0.3")), up("php", has("172.18.0.4"))).log("edge", text))
		var got []string
		for _, e := range f.journal(stack.Proxies[0]).failures {
			for _, r := range e.routes {
				got = append(got, r.Location.String())
			}
		}
		if strings.Join(got, ", ") != want {
			t.Errorf("%s\nis about %q, not %q", text, got, want)
		}
	}
}

func TestRequestPath(t *testing.T) {
	for uri, want := range map[string]string{
		"/": "/", "/a?b=/c": "/a", "/a%20b": "/a b", "//a//b/": "/a/b/", "/a/../b": "/b", "/a/..": "/", "/%zz": "/%zz", "": "", "*": "*",
		"http://h/x?y": "/x", "http://h": "/", "/a#b": "/a", "/../../x": "/x",
	} {
		if got := requestPath(uri); got != want {
			t.Errorf("%q: %q, want %q", uri, got, want)
		}
	}
}

// An address that another container has now, and a network's servers with one port.
func TestStaleAddress(t *testing.T) {
	const min = time.Minute
	conf := server(pass("/", "http://api:8000"))
	each(t, map[string]struct{ conf, line, want string }{
		"taken over by another":               {conf, refusal, "which shop-db-1 has now"},
		"resolved for each request":           {server("resolver 127.0.0.11; set $up api; " + pass("/", "http://$up:8000")), refusal, ""},
		"with the host written out elsewhere": {server("resolver 127.0.0.11; set $up api; "+pass("/", "http://$up:8000"), pass("/lit", "http://api:8000")), refusal, "which shop-db-1 has now"},
		"one of several at one port":          {group("api:8000", "db:8000") + server(pass("/", "http://g")), refusal, ""},
		"one of a group":                      {group("api:8000", "db:9000") + server(pass("/", "http://g")), refusal, "which shop-db-1 has now"},
	}, func(t *testing.T, test struct{ conf, line, want string }) {
		stack := shop(t, test.conf, edge+api+"  db: {image: postgres, expose: [9000]}\n")
		snap := seen(up("edge"), up("api", has("172.18.0.3"), since(5*min)), up("db", has("172.18.0.2"))).log("edge", erred(min, test.line, "/x", old), served(min, "/x", 502))
		said := ""
		for _, f := range judged(stack, snap).Findings {
			if f.Rule == upstreamAddressStale {
				said = f.Message
			}
		}
		if (said == "") != (test.want == "") || !strings.Contains(said, test.want) {
			t.Errorf("got %q, want %q", said, test.want)
		}
	})
	// an address of the internet is no old one of a container
	stack := shop(t, conf, edge+api)
	snap := seen(up("edge"), up("api", has("172.18.0.3"))).log("edge", erred(min, refusal, "/x", "http://93.184.216.34:8000/"), served(min, "/x", 502))
	for _, f := range judged(stack, snap).Findings {
		if f.Rule == upstreamAddressStale {
			t.Error(f.Message)
		}
	}
}

func TestReload(t *testing.T) {
	const min = time.Minute
	hup := ago(2*min) + " [notice] 1#1: signal 1 (SIGHUP) received from 7, reconfiguring"
	emerg := ago(2*min) + ` [emerg] 1#1: "proxy_read_timeout" directive invalid value in /etc/nginx/conf.d/default.conf:1`
	stack := shop(t, server(pass("/", "http://api:8000")), edge+api)
	broken := shop(t, server(pass("/", "http://api:8000"), "nonsense;"), edge+api)
	unknown := ago(2*min) + ` [emerg] 1#1: unknown directive "nonsense" in /etc/nginx/conf.d/default.conf:1`
	each(t, map[string]struct {
		stack *compose.Stack
		lines []string
		want  string
	}{
		"refused":                         {stack, []string{hup, emerg}, "warning config-reload-failed 0; edge:80 / -> api:8000 at-risk rooooo??"},
		"and made good":                   {stack, append([]string{hup, emerg}, loaded(min)...), "edge:80 / -> api:8000 ok ooooo???"},
		"a start that failed before":      {stack, []string{emerg}, "edge:80 / -> api:8000 ok ooooo???"},
		"the container was started again": {stack, []string{strings.ReplaceAll(hup, ago(2*min), ago(2*time.Hour)), strings.ReplaceAll(emerg, ago(2*min), ago(2*time.Hour))}, "edge:80 / -> api:8000 ok ooooo???"},
		"the files say why":               {broken, []string{hup, unknown}, "warning config-syntax 1; edge:80 / -> api:8000 at-risk r?ooo???"},
	}, func(t *testing.T, test struct {
		stack *compose.Stack
		lines []string
		want  string
	}) {
		r := judged(test.stack, seen(up("edge"), up("api", has("172.18.0.3"))).log("edge", test.lines...))
		got := strings.ReplaceAll(strings.TrimSpace(summary(r)), "\n", "; ")
		if fields := strings.Fields(got); !strings.HasPrefix(test.want, strings.Join(fields[:len(fields)-1], " ")) {
			t.Errorf("got  %s\nwant %s", got, test.want)
		}
		if strings.HasPrefix(got, "warning") && !strings.Contains(fmt.Sprint(r.Findings[0].Evidence), "[emerg]") {
			t.Errorf("%s has no evidence: %v", r.Findings[0].Message, r.Findings[0].Evidence)
		}
	})
}

// What the log says proves what the files make likely, and is evidence of what other hops show.
func TestLogConfirms(t *testing.T) {
	const min = time.Minute
	lookup := "set $up nobody; resolver 127.0.0.11; " + pass("/", "http://$up:8000")
	missing := func(d time.Duration) string {
		return strings.Replace(erred(d, "nobody could not be resolved (3: Host not found)", "/x", here), `, upstream: "`+here+`"`, "", 1)
	}
	stack := shop(t, server(lookup), edge+api)
	snap := func(lines ...string) *Snapshot {
		return seen(up("edge"), up("api", has("172.18.0.3"))).log("edge", lines...)
	}
	for _, test := range []struct {
		what  string
		stack *compose.Stack
		lines []string
		want  string
	}{
		{"nobody has asked", stack, nil, "warning upstream-host-unknown"},
		{"a request failed", stack, []string{missing(min), served(min, "/x", 502)}, "error upstream-host-unknown"},
		{"on a port that nothing confirms", shop(t, server(pass("/", "http://api:9999")), edge+api), []string{erred(min, refusal, "/x", "http://172.18.0.3:9999/"), served(min, "/x", 502)}, "error upstream-port-mismatch"},
		{"and nothing", shop(t, server(pass("/", "http://api:9999")), edge+api), nil, "warning upstream-port-mismatch"},
		{"https to a plain port", shop(t, server(pass("/", "https://api:8000")), edge+api), []string{erred(min, "SSL_do_handshake() failed (SSL: error:0A00010B:SSL routines::wrong version number) while SSL handshaking to upstream", "/x", "https://172.18.0.3:8000/"), served(min, "/x", 502)}, "error upstream-scheme-mismatch"},
		{"FastCGI to HTTP", shop(t, server("location / { fastcgi_pass api:8000; }"), edge+api), []string{erred(min, "upstream sent unsupported FastCGI protocol version: 72 while reading response header from upstream", "/x", "fastcgi://172.18.0.3:8000"), served(min, "/x", 502)}, "error upstream-protocol-mismatch"},
		{"refused, and nothing else known", shop(t, server(pass("/", "http://api:8000")), edge+api), []string{erred(min, refusal, "/x", here), served(min, "/x", 502)}, "error upstream-port-closed"},
	} {
		r := judged(test.stack, snap(test.lines...))
		if got := summary(r); !strings.HasPrefix(got, test.want+" ") {
			t.Errorf("%s: got %s, want %s", test.what, got, test.want)
			continue
		}
		if len(test.lines) > 0 && !strings.Contains(fmt.Sprint(r.Findings[0].Evidence), "{log ") {
			t.Errorf("%s: evidence %v", test.what, r.Findings[0].Evidence)
		}
	}
}

// A 502 in the access log proves nothing where nginx may have made it itself, or its error log is not known.
func TestAnsweredItself(t *testing.T) {
	const min = time.Minute
	for name, conf := range map[string]string{
		"return 502":         server(pass("/", "http://api:8000"), "location /down { return 502; }"),
		"if":                 server(pass("/", "http://api:8000"), "location /a { if ($arg_x) { return 502; } proxy_pass http://api:8000; }"),
		"error_page":         server("error_page 503 =502 /x;", pass("/", "http://api:8000")),
		"errors kept back":   server("error_log /var/log/nginx/error.log crit;", pass("/", "http://api:8000")),
		"errors elsewhere":   server("error_log syslog:server=10.0.0.1;", pass("/", "http://api:8000")),
		"one of two servers": server(pass("/", "http://api:8000")) + "server { listen 81; " + pass("/", "http://api:9000") + " }",
	} {
		stack := shop(t, conf, edge+"  api: {image: example/api, expose: [8000, 9000]}\n")
		r := judged(stack, seen(up("edge"), up("api", has("172.18.0.3"))).log("edge", served(min, "/x", 502)))
		for _, f := range r.Findings {
			if f.Rule == upstreamAnswered502 {
				t.Errorf("%s: %s", name, f.Message)
			}
		}
	}
}

// The line of the app that explains it is evidence, and says what to do.
func TestSayings(t *testing.T) {
	stack := shop(t, server(pass("/", "http://api:8000")), edge+api)
	snap := seen(up("edge"), up("api", has("172.18.0.3"))).log("edge", erred(time.Minute, closing, "/x", here), served(time.Minute, "/x", 502)).
		log("api", "[1] [CRITICAL] WORKER TIMEOUT (pid:7)", "[7] [INFO] Worker exiting")
	f := judged(stack, snap).Findings[0]
	if f.Rule != upstreamClosedEarly || !strings.Contains(fmt.Sprint(f.Evidence), "shop-api-1 says: [1] [CRITICAL] WORKER TIMEOUT") || !strings.Contains(f.Fix.Text, "--timeout") {
		t.Errorf("%s: %v, %s", f.Message, f.Evidence, f.Fix.Text)
	}
	for _, s := range appSayings {
		if s.means == "" || s.hop == 0 {
			t.Errorf("%v means nothing", s.pattern)
		}
	}
}

// Where nginx's log is too quiet to say when it took its configuration, the age of its workers tells.
func TestLogOfAQuietNginx(t *testing.T) {
	stack := shop(t, server(pass("/", "http://api:8000")), edge+api)
	snap := seen(up("edge"), up("api", has("172.18.0.3"))).log("edge", erred(time.Minute, readTimeout, "/x", here), served(time.Minute, "/x", 504))
	snap.Processes["edge"] = []Process{{PID: 7, Started: now.Add(-30 * time.Second), Command: "nginx: worker process"}}
	same(t, summary(judged(stack, snap)), "edge:80 / -> api:8000 ok ooooo???")
}

// A busy daemon counts processes late: workers as old as their master have the configuration that nginx began with,
// and what they logged is of the present.
func TestLogOfWorkersAsOldAsTheirMaster(t *testing.T) {
	stack := shop(t, server(pass("/", "http://api:8000")), edge+api)
	for age, want := range map[time.Duration]Verdict{time.Second: VerdictBroken, 20 * time.Second: VerdictOK} {
		snap := seen(up("edge"), up("api", has("172.18.0.3"))).log("edge", erred(time.Minute, readTimeout, "/x", here), served(time.Minute, "/x", 504))
		worker := now.Add(-30 * time.Second)
		snap.Processes["edge"] = []Process{
			{PID: 5, Parent: 2, Started: worker.Add(-age), Command: "nginx: master process nginx -g daemon off;"},
			{PID: 7, Parent: 5, Started: worker, Command: "nginx: worker process"},
		}
		if r := judged(stack, snap); r.Verdict != want {
			t.Errorf("workers %s younger than their master: %s, want %s", age, r.Verdict, want)
		}
	}
}

// A proxy's log is read as a whole at most once, however many routes and lines there are.
func TestManyLines(t *testing.T) {
	var locations, lines []string
	for i := range 300 {
		locations = append(locations, pass(fmt.Sprintf("/l%d/", i), "http://api:8000"))
	}
	for i := range manyLines / 2 {
		lines = append(lines, erred(time.Minute, readTimeout, fmt.Sprintf("/l%d/%d", i%300, i), here), served(time.Minute, fmt.Sprintf("/l%d/%d", i%300, i), 504))
	}
	stack := shop(t, server(locations...), edge+api)
	if r := judged(stack, seen(up("edge"), up("api", has("172.18.0.3"))).log("edge", lines...)); r.Verdict != VerdictBroken || len(r.Findings[0].Routes) != 300 {
		t.Errorf("%s: %v", r.Verdict, r.Findings)
	}
}
