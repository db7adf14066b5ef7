package inspect

import (
	"slices"
	"strings"
	"testing"

	"why502/compose"
	"why502/compose/proxy"
)

// chain is the project of edge, middle and inner, each an nginx with its configuration, and of api.
func chain(t *testing.T, edgeConf, middleConf, innerConf string) *compose.Stack {
	t.Helper()
	services := api
	for _, name := range []string{"edge", "middle", "inner"} {
		services += strings.NewReplacer("edge", name, "nginx.conf", name+".conf").Replace(edge)
	}
	return load(t, map[string]string{
		"compose.yaml": "name: shop\nservices:\n" + services,
		"edge.conf":    edgeConf, "middle.conf": middleConf, "inner.conf": innerConf,
	})
}

func TestFollow(t *testing.T) {
	const (
		good = "http://api:8000"
		bad  = "http://127.0.0.1:9" // nothing listens there
	)
	toInner := server(pass("/", "http://inner"))
	each(t, map[string]struct {
		edge, middle, inner string
		want                string
	}{
		"the finding is the inner one's, and lists both": {toInner, "", server(pass("/", bad)), `
			error upstream-is-localhost 2
			edge:80 / -> inner:80 broken 502 o??oo???
			inner:80 / -> 127.0.0.1:9 broken 502 o???B---`},
		"likely": {toInner, "", server(pass("/", "http://api:8001")), `
			warning upstream-port-mismatch 2
			edge:80 / -> inner:80 likely-broken 502 o??oo???
			inner:80 / -> api:8001 likely-broken 502 o??ooB--`},
		"an inner one that does not start is a 502": {toInner, "", server(pass("/", "http://nope")), `
			error upstream-host-unknown 2
			edge:80 / -> inner:80 broken 502 o??oo???
			inner:80 / -> nope:80 broken no-start o???B---`},
		"a chain": {server(pass("/", "http://middle")), server(pass("/", "http://inner")), server(pass("/", bad)), `
			error upstream-is-localhost 3
			edge:80 / -> middle:80 broken 502 o??oo???
			inner:80 / -> 127.0.0.1:9 broken 502 o???B---
			middle:80 / -> inner:80 broken 502 o??oo???`},
		"another location": {server(pass("/", "http://inner"), pass("/b", "http://inner")), "", server(pass("/", good), pass("/b", bad)), `
			error upstream-is-localhost 2
			edge:80 / -> inner:80 ok o??oo???
			edge:80 /b -> inner:80 broken 502 o??oo???
			inner:80 / -> api:8000 ok o??oo???
			inner:80 /b -> 127.0.0.1:9 broken 502 o???B---`},
		"a URI on the pass": {server(pass("/a/", "http://inner/b/")), "", server(pass("/", good), pass("/b/", bad)), `
			error upstream-is-localhost 2
			edge:80 /a/ -> inner:80 broken 502 o??oo???
			inner:80 / -> api:8000 ok o??oo???
			inner:80 /b/ -> 127.0.0.1:9 broken 502 o???B---`},
		"where a regular expression decides it is not told": {toInner, "", server(pass("/", bad), pass("~ x", good)), `
			error upstream-is-localhost 1
			edge:80 / -> inner:80 ok o??oo???
			inner:80 / -> 127.0.0.1:9 broken 502 o???B---
			inner:80 ~ x -> api:8000 ok o??oo???`},
		"another port": {server(pass("/", "http://inner:81")), "", server(pass("/", bad)) + strings.Replace(server(pass("/", good)), "80", "81", 1), `
			error upstream-is-localhost 1
			edge:80 / -> inner:81 ok o??oo???
			inner:80 / -> 127.0.0.1:9 broken 502 o???B---
			inner:81 / -> api:8000 ok o??oo???`},
		"a group of which another server is fine": {group("inner", "api:8000") + server(pass("/", "http://g")), "", server(pass("/", bad)), `
			error upstream-is-localhost 2
			edge:80 / -> g at-risk o??oo??? o??oo???
			inner:80 / -> 127.0.0.1:9 broken 502 o???B---`},
		"two proxies in a loop": {server(pass("/", "http://inner")), "", server(pass("/", "http://edge")), `
			edge:80 / -> inner:80 ok o??oo???
			inner:80 / -> edge:80 ok o??oo???`},
		"a loop with a fault": {server(pass("/", "http://inner"), pass("/b", bad)), "", server(pass("/", "http://edge/b")), `
			error upstream-is-localhost 3
			edge:80 / -> inner:80 broken 502 o??oo???
			edge:80 /b -> 127.0.0.1:9 broken 502 o???B---
			inner:80 / -> edge:80 broken 502 o??oo???`},
	}, func(t *testing.T, test struct{ edge, middle, inner, want string }) {
		got := summary(judged(chain(t, test.edge, test.middle, test.inner), nil))
		same(t, got, test.want)
	})
}

// A route takes over the verdict of the inner one, also where that is only at risk.
func TestFollowAtRisk(t *testing.T) {
	stack := chain(t, server(pass("/", "http://inner")), "", server(pass("/", "http://api:8000")))
	same(t, summary(judged(stack, seen(up("edge"), up("inner"), up("middle"), up("api", health("unhealthy"))))), `
		warning upstream-unhealthy 2
		edge:80 / -> inner:80 at-risk ooooo???
		inner:80 / -> api:8000 at-risk ooroo???`)
}

// An inner proxy that is down has one cause, which is its own.
func TestFollowDown(t *testing.T) {
	stack := chain(t, server(pass("/", "http://inner")), "", server(pass("/", "http://nope")))
	r := judged(stack, seen(up("edge"), down("inner", "exited", 1), up("middle"), up("api")))
	if f := r.Findings[0]; f.Rule.ID != "upstream-host-unknown" || len(f.Routes) != 2 {
		t.Errorf("the answer is %s on %v: %s", f.Rule.ID, f.Routes, messages(r.Findings))
	}
}

func TestServerFor(t *testing.T) {
	on := func(port int, marked bool, names ...string) *proxy.Server {
		return &proxy.Server{Names: names, Listens: []proxy.Listen{{Port: port, Default: marked}}}
	}
	first, shop, marked, other := on(80, false), on(80, false, "www.shop", "shop"), on(80, true, "_"), on(81, false, "shop")
	stream := &proxy.Server{Stream: true, Listens: []proxy.Listen{{Port: 82}}}
	config := &proxy.Config{Servers: []*proxy.Server{first, shop, marked, other, stream}}
	for _, test := range []struct {
		what  string
		port  int
		names []string
		want  *proxy.Server
	}{
		{"by name", 80, []string{"shop"}, shop},
		{"by a further name", 80, []string{"a", "www.shop"}, shop},
		{"by no name of a server: default_server", 80, []string{"inner"}, marked},
		{"_ is no name", 80, []string{"_"}, marked},
		{"by port", 81, []string{"shop"}, other},
		{"the first where none is the default", 81, []string{"inner"}, other},
		{"names that are not known", 80, nil, nil},
		{"none on the port", 8080, []string{"shop"}, nil},
		{"no stream server", 82, []string{"inner"}, nil},
	} {
		if got := serverFor(config, test.port, test.names); got != test.want {
			t.Errorf("%s: got %v", test.what, got)
		}
	}
}

// Which server of the inner proxy answers depends on the Host header that the outer one sends.
func TestFollowByHost(t *testing.T) {
	const good, bad = "http://api:8000", "http://127.0.0.1:9"
	named := func(name, to string) string { return server("server_name "+name+";", pass("/", to)) }
	inner := named("first", good) + named("inner", bad) + named("shop", bad)
	for header, broken := range map[string]bool{
		"":                                     true, // $proxy_host: inner
		"proxy_set_header Host $host;":         true, // shop
		"proxy_set_header Host $http_host;":    true,
		"proxy_set_header Host first;":         false,
		"proxy_set_header Host other;":         false, // the default one
		"proxy_set_header Host $arg_host;":     false, // not told
		"proxy_set_header X-Real-IP 10.0.0.1;": true,
	} {
		outer := server("server_name shop;", "location / { "+header+" proxy_pass http://inner; }")
		r := judged(chain(t, outer, "", inner), nil)
		if got := r.Routes[0].Verdict == VerdictBroken; got != broken {
			t.Errorf("%s: the outer route is %s", header, r.Routes[0].Verdict)
		}
	}
}

// location reads "= /x", "/x" or "~ x".
func location(text string, nested ...*proxy.Location) *proxy.Location {
	l := &proxy.Location{Path: text, Locations: nested}
	if modifier, path, ok := strings.Cut(text, " "); ok {
		l.Modifier, l.Path = modifier, path
	}
	return l
}

func TestLocationFor(t *testing.T) {
	plain := []*proxy.Location{location("/"), location("/api"), location("= /api"), location("/api/v2"), location("^~ /static/")}
	for _, test := range []struct {
		locations []*proxy.Location
		path      string
		want      string // empty: not told
	}{
		{plain, "/", "/"},
		{plain, "/x", "/"},
		{plain, "/api", "= /api"},
		{plain, "/api/", "/api"},
		{plain, "/api/v2/x", "/api/v2"},
		{plain, "/static/x", "^~ /static/"},
		{plain[1:], "/x", ""},
		{[]*proxy.Location{location("/a", location("/a/b"))}, "/a/b/c", "/a/b"},
		{[]*proxy.Location{location("/a", location("/a/b"))}, "/a/c", "/a"},
		{[]*proxy.Location{location("/"), location("~ x")}, "/", ""},
		{[]*proxy.Location{location("/"), location("~* x")}, "/", ""},
		{[]*proxy.Location{location("= /"), location("~ x")}, "/", "= /"},
		{[]*proxy.Location{location("~ x"), location("= /")}, "/", "= /"},
		{[]*proxy.Location{location("/", location("~ x"))}, "/", ""},
		{[]*proxy.Location{location("@x")}, "/", ""},
	} {
		got := ""
		if l := locationFor(test.locations, test.path); l != nil {
			got = l.String()
		}
		if got != test.want {
			t.Errorf("%s in %v: %q, want %q", test.path, test.locations, got, test.want)
		}
	}
}

func TestPassedPath(t *testing.T) {
	for _, test := range []struct{ location, uri, directive, want string }{ // want empty: not told
		{"/api/", "", "", "/api/"},
		{"/api/", "/", "", "/"},
		{"/api/", "/v2/", "", "/v2/"},
		{"= /api", "/v2", "", "/v2"},
		{"^~ /api", "", "", "/api"},
		{"/api/", "$request_uri", "", "/api/"},
		{"/api/", "$uri$is_args$args", "", "/api/"},
		{"/api/", "/v2$uri", "", ""}, // asks for /v2/api/
		{"/api/", "/$1", "", ""},
		{"~ ^/api", "", "", ""},
		{"~* ^/api", "", "", ""},
		{"@app", "", "", ""},
		{"/api/", "", "rewrite", ""},
		{"/api/", "", "expires", "/api/"},
	} {
		l := location(test.location)
		if name, ok := strings.CutPrefix(test.location, "@"); ok {
			l = &proxy.Location{Modifier: "@", Path: name}
		}
		if test.directive != "" {
			l.Directives = []*proxy.Directive{{Name: test.directive}}
		}
		got, ok := passedPath(&compose.Route{Server: &proxy.Server{}, Location: l, Pass: &proxy.Pass{}, Target: proxy.Target{URI: test.uri}})
		if got != test.want || ok != (test.want != "") {
			t.Errorf("%s, URI %q, %s: %q, %v; want %q", test.location, test.uri, test.directive, got, ok, test.want)
		}
	}
}

// Two runs over a chain say the same.
func TestFollowTwice(t *testing.T) {
	stack := chain(t, server(pass("/", "http://middle")), server(pass("/", "http://inner")), server(pass("/", "http://127.0.0.1:9")))
	first, second := judged(stack, nil), judged(stack, nil)
	same(t, summary(first), summary(second))
	equal(t, slices.Sorted(slices.Values(first.Findings[0].Routes)), slices.Sorted(slices.Values(second.Findings[0].Routes)))
}
