package main

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"why502/inspect/trace"
)

// piece is a directive, or a block where it has braces.
type piece struct {
	text   string
	block  bool
	pieces []*piece
}

func line(format string, args ...any) *piece { return &piece{text: fmt.Sprintf(format, args...)} }

func block(head string, pieces ...*piece) *piece {
	return &piece{text: head, block: true, pieces: pieces}
}

func (p *piece) add(pieces ...*piece) { p.pieces = append(p.pieces, pieces...) }

// write renders a piece; n takes the place of @N, which keeps the variables and the groups of
// configurations apart that share an nginx, and its port that of @PORT.
func (p *piece) write(b *strings.Builder, indent string) {
	b.WriteString(indent + p.text)
	if !p.block {
		b.WriteString(";\n")
		return
	}
	b.WriteString(" {\n")
	for _, inner := range p.pieces {
		inner.write(b, indent+"    ")
	}
	b.WriteString(indent + "}\n")
}

// generator makes configurations and requests up.
type generator struct {
	*rand.Rand
	blocks int // that have a name of their own, so far
}

func newGenerator(seed uint64) *generator { return &generator{Rand: rand.New(rand.NewPCG(seed, 502))} }

func (g *generator) one(of ...string) string { return of[g.IntN(len(of))] }

func (g *generator) chance(percent int) bool { return g.IntN(100) < percent }

// traced is a configuration and the requests that it is asked.
type traced struct {
	http     *piece // its pieces are those of the http block
	requests []asked
	seen     []sight // what nginx did, request by request
	address  string  // of that nginx
}

// asked is a request.
type asked struct {
	method, target, host string
	headers              []trace.Field
}

// configuration makes up a configuration and requests.
func (g *generator) configuration(requests int) *traced {
	c := &traced{http: block("http")}
	c.http.add(block("map $arg_m $m@N", line(`default "a"`), line(`x "b"`), line(`~^v(?<ver@N>\d)$ "v$ver@N"`), line(`"*z" ""`)))
	c.http.add(block("map $host $be@N", line("hostnames"), line("default 127.0.0.1:9002"), line("*.d.test 127.0.0.1:9003"), line("www.* 127.0.0.1:9001/w"), line("a.test up@N")))
	c.http.add(block("map $uri $page@N", line(`default "/none"`), line(`~^/a/(.*)$ "/mapped/$1"`), line(`~*\.PHP$ "/php"`), line(`/b/ "/bee"`)))
	c.http.add(block("upstream up@N", line("server 127.0.0.1:9001")))
	names := [][]string{{"a.test"}, {"b.test", "*.b.test"}, {".c.test"}, {"*.d.test"}, {"www.*"}, {`"~^(?<sub>[a-z]+)\.e\.test$"`}, {`~^x(\d+)\.`}, {`""`, "a.b.test"}, {"*.x.d.test", "~^W"}, {"_"}}
	g.Shuffle(len(names), func(i, k int) { names[i], names[k] = names[k], names[i] })
	n := 2 + g.IntN(4)
	marked := g.IntN(2 * n)
	for i := range n {
		c.http.add(g.server(names[i], i == marked))
	}
	for range requests {
		c.requests = append(c.requests, g.request())
	}
	return c
}

// mark gives a block a name of its own, which nginx adds to its answers and sends to upstreams.
func (g *generator) mark(p *piece) {
	g.blocks++
	p.add(line("add_header X-Place p%d always", g.blocks), line("proxy_set_header X-Place p%d", g.blocks))
	if g.chance(50) {
		p.add(line("proxy_set_header Host %s", g.one("$host", "$http_host", "$proxy_host", "$host:$server_port", "fixed.test", "$m@N", `""`, "$proxy_host:$proxy_port", "$sub")))
	}
}

func (g *generator) server(names []string, marked bool) *piece {
	s := block("server")
	s.add(line("listen @PORT%s", map[bool]string{true: " default_server"}[marked]), line("server_name %s", strings.Join(names, " ")), line("root /w/files"))
	g.mark(s)
	for _, optional := range []struct {
		percent int
		text    string
	}{
		{10, "merge_slashes off"}, {20, "recursive_error_pages on"}, {15, "absolute_redirect off"}, {10, "port_in_redirect off"},
		{10, "server_name_in_redirect on"}, {20, "index index.html /a/"}, {10, "autoindex on"},
	} {
		if g.chance(optional.percent) {
			s.add(line("%s", optional.text))
		}
	}
	g.errorPages(s, 80)
	for range g.IntN(3) {
		s.add(g.rewriting(true))
	}
	locations := g.paths()
	for _, l := range locations {
		s.add(g.location(l, 0))
	}
	for _, name := range []string{"@fb", "@app"} {
		l := block("location " + name)
		g.mark(l)
		g.body(l, false)
		s.add(l)
	}
	return s
}

// paths are the locations of a server: no two the same.
func (g *generator) paths() (heads []string) {
	prefixes := []string{"/", "/a", "/a/", "/a/b", "/b/", "/b", "/api/", "/api/v1/", "/static/", "/err/", "/dir/", `"/s p/"`, "/mapped/", "/new/", "/index.html", "/inner/"}
	regexes := []string{`~ \.php$`, `~* \.(JPG|png)$`, `~ ^/api/v(\d+)/(.*)$`, `~ ^/(?<first>[a-z]+)/`, `~ "^/b/.{2,}"`, `~ ^/a(?!/b)`, `~* ^/STATIC/(.+)`, `~ /$`, `~ ^/(a++|b)/x`, `~ ^/(api|dir)/`, `~ ^(.*)\.(?:html|php)(/.*)?$`}
	exact := []string{"= /", "= /a", "= /a/", "= /b/", "= /index.html", "= /err/404", "= /api/"}
	for _, p := range prefixes {
		switch {
		case p == "/" && g.chance(80), g.chance(30):
			heads = append(heads, p)
		case g.chance(25):
			heads = append(heads, "^~ "+p)
		}
	}
	for _, all := range [][]string{regexes, exact} {
		for _, p := range all {
			if g.chance(20) {
				heads = append(heads, p)
			}
		}
	}
	g.Shuffle(len(heads), func(i, k int) { heads[i], heads[k] = heads[k], heads[i] })
	return heads
}

// location makes up a location, and some that are nested in it.
func (g *generator) location(head string, depth int) *piece {
	l := block("location " + head)
	g.mark(l)
	modifier, path, modified := strings.Cut(head, " ")
	if !modified || strings.HasPrefix(head, `"`) {
		modifier, path = "", head
	}
	prefix := modifier == "" || modifier == "^~"
	g.body(l, prefix || modifier == "=")
	if depth < 2 && prefix && !strings.Contains(path, `"`) {
		for _, under := range []string{"b", "b/", "v1/", "x"} {
			if g.chance(12) && under != "" {
				l.add(g.location(g.one("", "^~ ")+path+under, depth+1))
			}
		}
		if g.chance(15) {
			l.add(g.location("= "+path+"b/x", depth+2))
		}
	}
	if depth < 2 && modifier != "=" && g.chance(25) {
		l.add(g.location(g.one(`~ x`, `~ \.php$`, `~ ^/(a|b)/(.*)$`, `~* B`), depth+1))
	}
	return l
}

// body gives a location what it answers with. path says that it is a path, whose passes may have a URI.
func (g *generator) body(l *piece, path bool) {
	for g.chance(50) {
		l.add(g.rewriting(false))
	}
	g.errorPages(l, 25)
	switch g.IntN(20) {
	case 0, 1, 2:
		l.add(line("proxy_pass http://%s", g.one("127.0.0.1:9000", "up@N", "127.0.0.1:9003")))
	case 3, 4, 5, 6:
		if path {
			l.add(line("proxy_pass http://%s%s", g.one("127.0.0.1:9000", "up@N"), g.one("/", "/x/", "/x", "/y%20z/", "/q?fixed=1&r=")))
		} else {
			l.add(line("proxy_pass http://127.0.0.1:9000"))
		}
	case 7, 8, 9:
		l.add(line("set $to %s", g.one("127.0.0.1:9002", "up@N", "127.0.0.1:9001")))
		l.add(line("proxy_pass http://$to%s", g.one("", "$request_uri", "/v$uri$is_args$args", "/$1", "/c/$1/$2", "/$first", "?$args", "/m/$m@N", "$page@N", "/$document_uri", "/$arg_m")))
	case 10:
		l.add(line("proxy_pass http://$be@N%s", g.one("", "/z", "$uri")))
	case 11, 12:
		l.add(line("try_files %s", g.one("$uri $uri/ /index.html?$args", "$uri @fb", "/nope $uri =404", "$uri/ @app", "$uri/index.html $uri.html @fb", "/nope /new/x?y=1", "/dir$uri @app", "/nope =403", "$page@N @fb", "/$1 @app")))
		if g.chance(30) {
			l.add(line("proxy_pass http://127.0.0.1:9001"))
		}
	case 13, 14:
		l.add(line("return %s", g.one("200 text", "404", "403", "301 /y?$args", "302 $scheme://$host/x$uri", "204", "410 $uri", "307 /t", "444", "http://else.test$request_uri", `200 "$1 $m@N"`, "500")))
	case 15:
		l.add(line("%s", g.one("deny all", "internal", "stub_status", "empty_gif", "auth_basic off")))
	case 16:
		if path && !strings.Contains(l.text, "=") {
			l.add(line("alias /w/files/%s", g.one("", "dir/", "static/", "a")))
			if g.chance(40) {
				l.add(line("try_files %s", g.one("$uri @fb", "$uri $uri/ =404")))
			}
		}
	case 17:
		l.add(block("limit_except "+g.one("GET", "POST", "GET POST"), line("deny all")), line("proxy_pass http://127.0.0.1:9000"))
	}
}

func (g *generator) errorPages(p *piece, percent int) {
	for g.chance(percent) {
		p.add(line("error_page %s", g.one("404 /err/404", "403 404 @fb", "404 = @app", "403 =200 /err/x", "404 =302 /else", "403 500 /a/b?e=1", "405 http://err.test/$uri", "404 = $page@N", "301 302 =200 /new/moved", "410 =404 /api/gone", "400 =418 /dir/bad")))
		percent /= 2
	}
}

// rewriting is a directive of the rewrite module.
func (g *generator) rewriting(ofServer bool) *piece {
	if !ofServer && g.chance(10) {
		return block("if "+g.condition(), line("proxy_pass http://127.0.0.1:9003"))
	}
	switch g.IntN(8) {
	case 0:
		return line("set $%s %s", g.one("v", "w", "first"), g.one(`"$1"`, "$uri", "x$args", `"a b"`, "$m@N", "$arg_m", "${v}y"))
	case 1:
		inner := g.one("return 403", "return 200 cond", "set $v yes", "rewrite ^/(.*)$ /new/$1 last", "rewrite ^/(.*)$ /inner/$1 break", "break", "return 302 /cond", "rewrite ^ /b/?")
		return block("if "+g.condition(), line("%s", inner))
	}
	from := g.one("^/old/(.*)$", "^/(a|b)/(.*)$", "^/(.*)$", "^/([a-z]+)/(.+)$", "^/(.+)/(.+)$", "^/api/(v[0-9])/(.*)$", "(.*)x(.*)", `\.php$`, "^/dir", "^(.+)/$", `^/(?<first>\w+)/(?<rest>.*)$`, "^/a(?=/)", "(?i)^/STATIC")
	to := g.one("/new/$1", "/$2/$1", "/b/x?y=$1", "/$first?", "/api/v1/$1?z=1", "/a/b", "/inner/$2", "/index.html?", "$uri/x", "/s p/$1", "/err/404?u=$uri", "/$arg_m/x", "/api/$1")
	flag := g.one(" last", " last", " last", " last", " break", " break", " break", " break", "", " permanent")
	if ofServer {
		from = g.one("^/old/(.*)$", "^/(v1|x)/(.*)$", "(.*)//(.*)", "^/(api)/(.*)$", `^/dir/x`, `^/(.*)\.php$`, "^/api/(v[0-9])/(b.*)$")
	}
	if g.chance(5) {
		to, flag = g.one("http://r.test/$1", "$scheme://$host/$1?a=$uri", "https://r.test$uri?"), ""
	}
	return line(`rewrite %q "%s"%s`, plain(from), to, flag)
}

// plain lets a regular expression be quoted without its backslashes being doubled.
type plain string

// Format writes the text between quotes as it is.
func (p plain) Format(f fmt.State, _ rune) { fmt.Fprintf(f, `"%s"`, string(p)) }

func (g *generator) condition() string {
	return g.one(`($arg_m)`, `($arg_m = x)`, `($arg_m != x)`, `($request_method = POST)`, `($uri ~ ^/a/(.*)$)`, `($host ~* ^(a|www)\.)`, `(-f $request_filename)`,
		`(!-e $request_filename)`, `(-d $document_root$uri)`, `($http_x_test ~ "on(.*)")`, `($cookie_c = 1)`, `($args !~ m=)`, `($v = yes)`, `($m@N = b)`)
}

// request makes up a request.
func (g *generator) request() asked {
	r := asked{method: "GET", host: g.host()}
	if g.chance(12) {
		r.method = g.one("HEAD", "POST", "DELETE", "PUT", "OPTIONS")
	}
	r.target = g.target()
	if g.chance(4) {
		r.target = g.one("http://", "HTTP://") + g.one("a.test", "b.test:80", "X1.test", "c.test") + g.one(r.target, "", "?q=1")
	}
	if g.chance(15) {
		r.headers = append(r.headers, trace.Field{Name: "X-Test", Value: g.one("on", "on1", "off")})
	}
	if g.chance(10) {
		r.headers = append(r.headers, trace.Field{Name: "Cookie", Value: g.one("c=1", "d=2; c=1", "C=1", "c=0")})
	}
	return r
}

func (g *generator) host() string {
	host := g.one("a.test", "b.test", "q.b.test", "c.test", "x.c.test", "foo.d.test", "d.test", "1.x.d.test", "www.zzz", "www.a.b", "abc.e.test", "e.test", "x12.org", "X7.b.test", "nope", "a.b.test", "wow", "10.0.0.1", "[::1]")
	switch g.IntN(8) {
	case 0:
		return strings.ToUpper(host)
	case 1:
		return host + ":8080"
	case 2:
		return host + "."
	case 3:
		if g.chance(30) {
			return g.one("a..test", "a/b", ":80", "a.test:x")
		}
	}
	return host
}

func (g *generator) target() string {
	var b strings.Builder
	common := []string{"a", "b", "api", "v1", "static", "x", "dir", "old", "new", "index.html", "x.php", "p.jpg", "err", "404", "mapped", "inner", "b"}
	odd := []string{"a%20b", "%61", "..", ".", "", "%2e%2e", "%2F", "\xc3\xa9", "c+d", "100%25", "a;b", "q%3Fz", "h%23", "s%20p", "...", "x'y", "{z}", "%C3%A9", "a&b", "A", "%3c", "^", "p.PNG", "%2B", "b%0Ac"}
	for range 1 + g.IntN(4) {
		b.WriteByte('/')
		if g.chance(18) {
			b.WriteString(odd[g.IntN(len(odd))])
		} else {
			b.WriteString(common[g.IntN(len(common))])
		}
	}
	if g.chance(25) {
		b.WriteByte('/')
	}
	if g.chance(3) {
		b.Reset()
		b.WriteByte('/')
	}
	if g.chance(1) {
		b.WriteString(g.one("%zz", "%0", "%00", "/../../../../..", "\x01", "%"))
	}
	b.WriteString(g.query())
	return b.String()
}

func (g *generator) query() string {
	if g.chance(55) {
		return ""
	}
	return g.one("?m=x", "?m=v2", "?m=v2&n=1", "?m=a%20b", "?", "?x=1&y=/../z", "?m=0", "?m", "#frag", "?m=x#frag", "?m=%2F&m=y", "??", "?M=x", "?m=x?y+z", "?m=*z")
}

// size is how many pieces are in the configuration.
func (c *traced) size() int { return c.http.size() - 1 }

func (p *piece) size() int {
	n := 1
	for _, inner := range p.pieces {
		n += inner.size()
	}
	return n
}

// without is the configuration without some of its pieces, and what is in them: those from one on, in
// the order of the text, and before another.
func (c *traced) without(from, to int) *traced {
	n := -1
	var copied func(p *piece) *piece
	copied = func(p *piece) *piece {
		kept := &piece{text: p.text, block: p.block}
		for _, inner := range p.pieces {
			if n++; n >= from && n < to {
				n += inner.size() - 1
				continue
			}
			kept.add(copied(inner))
		}
		return kept
	}
	return &traced{http: copied(c.http), requests: c.requests}
}

// only is the configuration with one of its requests, and what nginx did with that.
func (c *traced) only(request int) *traced {
	return &traced{c.http, []asked{c.requests[request]}, []sight{c.seen[request]}, c.address}
}

// text renders the configuration as the n-th of its nginx.
func (c *traced) text(n int) string {
	var b strings.Builder
	for _, p := range c.http.pieces {
		p.write(&b, "")
	}
	return strings.NewReplacer("@N", fmt.Sprint(n), "@PORT", fmt.Sprint(firstPort+n)).Replace(b.String())
}

// raw is the request as it is sent.
func (r asked) raw() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n", r.method, r.target, r.host)
	for _, h := range r.headers {
		fmt.Fprintf(&b, "%s: %s\r\n", h.Name, h.Value)
	}
	if r.method == "POST" || r.method == "PUT" {
		b.WriteString("Content-Length: 0\r\n")
	}
	return b.String() + "\r\n"
}
