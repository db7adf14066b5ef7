package inspect

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// settledTest is a project of which the probe meets a world: what comes of it.
type settledTest struct {
	conf, services string // empty: / to api:8000, which says that it listens there
	api            []func(*Container)
	more           []*Container
	world          world
	want           string   // summary
	says           []string // parts of the first finding's message, evidence or fix
}

func (test settledTest) run(t *testing.T) {
	t.Helper()
	conf, services := test.conf, test.services
	if conf == "" {
		conf = server(pass("/", "http://api:8000"))
	}
	if services == "" {
		services = edge + api
	}
	stack := shop(t, conf, services)
	boxes := append([]*Container{up("edge", has("10.0.0.9")), up("api", append([]func(*Container){has("10.0.0.2")}, test.api...)...)}, test.more...)
	r := judged(stack, seen(boxes...).probed(t, stack, test.world))
	same(t, summary(r), test.want)
	for _, part := range test.says {
		if len(r.Findings) == 0 || !strings.Contains(told(r.Findings[0]), part) {
			t.Errorf("%q is not said of:\n%s", part, told(r.Findings[0]))
		}
	}
}

// told is all that a finding says.
func told(f *Finding) string {
	lines := []string{string(f.Confidence), f.Message, f.Fix.Text, f.Fix.Paste}
	for _, e := range f.Evidence {
		lines = append(lines, e.Source+": "+e.Text)
	}
	for _, e := range f.Fix.Edits {
		lines = append(lines, e.New)
	}
	return strings.Join(lines, "\n")
}

// What is met at one container, on port 8000 of which something listens by the files.
func TestDialled(t *testing.T) {
	http := Talk{Speaks: "http", Status: 200}
	refused := map[string]*Reply{"api:8000": call(Talk{}, "10.0.0.2 111")}
	const (
		broken = "edge:80 / -> api:8000 broken 502 ooooo"
	)
	each(t, map[string]settledTest{
		"taken":     {world: world{replies: map[string]*Reply{"api:8000": call(http, "10.0.0.2")}}, want: "edge:80 / -> api:8000 ok ooooooo?"},
		"silent":    {world: world{replies: map[string]*Reply{"api:8000": call(Talk{}, "10.0.0.2")}}, want: "edge:80 / -> api:8000 ok oooooo??"},
		"no answer": {want: "edge:80 / -> api:8000 ok ooooo???"},
		"no number": {world: world{replies: map[string]*Reply{"api:8000": call(Talk{}, "10.0.0.2 -1")}}, want: "edge:80 / -> api:8000 ok ooooo???"},
		"another container": {
			more: []*Container{up("web", has("10.0.0.3"))}, world: world{replies: map[string]*Reply{"api:8000": call(Talk{}, "10.0.0.3 111")}},
			want: "edge:80 / -> api:8000 ok ooooo???",
		},
		"nobody looked who listens": {
			world: world{replies: refused}, want: "error upstream-port-closed 1\n" + broken + "B--",
			says: []string{"proven", "nothing listens on port 8000 of api", "probe: connect to 10.0.0.2:8000 from shop-edge-1: refused (111)"},
		},
		"another port": {
			world: world{replies: refused, sockets: map[string][]Socket{"api": listens("127.0.0.11:35000", "0.0.0.0:9000", "[::]:9000")}},
			want:  "error upstream-port-closed 1\n" + broken + "B--",
			says:  []string{"it listens on 9000", "probe: LISTEN 0.0.0.0:9000 in shop-api-1", "proxy_pass http://api:9000;"},
		},
		"two other ports": {
			world: world{replies: refused, sockets: map[string][]Socket{"api": listens("0.0.0.0:9000", "0.0.0.0:9443")}},
			want:  "error upstream-port-closed 1\n" + broken + "B--", says: []string{"it listens on 9000, 9443", "the one of them that speaks HTTP"},
		},
		"loopback of another port": {
			world: world{replies: refused, sockets: map[string][]Socket{"api": listens("127.0.0.1:9000")}},
			want:  "error upstream-port-closed 1\n" + broken + "B--", says: []string{"it listens on 127.0.0.1:9000 only"},
		},
		"no port": {
			world: world{replies: refused, sockets: map[string][]Socket{"api": {}}},
			want:  "error upstream-port-closed 1\n" + broken + "B--", says: []string{"nor on any other", "nothing listens in shop-api-1"},
		},
		"loopback": {
			world: world{replies: refused, sockets: map[string][]Socket{"api": listens("127.0.0.1:8000", "0.0.0.0:9")}},
			want:  "error upstream-listens-on-loopback 1\n" + broken + "B--", says: []string{"proven", "api listens on 127.0.0.1:8000 only", "LISTEN 127.0.0.1:8000 in shop-api-1"},
		},
		"loopback of IPv6": {
			world: world{replies: refused, sockets: map[string][]Socket{"api": listens("[::1]:8000")}},
			want:  "error upstream-listens-on-loopback 1\n" + broken + "B--", says: []string{"api listens on [::1]:8000 only"},
		},
		"IPv6 alone": {
			world: world{replies: map[string]*Reply{"api:8000": refused["api:8000"], "127.0.0.1:8000": call(Talk{}, "127.0.0.1 111")}, sockets: map[string][]Socket{"api": listens("[::]:8000")}},
			want:  "error upstream-address-family 1\n" + broken + "B--", says: []string{"proven", "for IPv6 only", "connects to it by IPv4"},
		},
		"perhaps IPv6 alone": {
			world: world{replies: refused, sockets: map[string][]Socket{"api": listens("[::]:8000")}},
			want:  "warning upstream-address-family 1\nedge:80 / -> api:8000 likely-broken 502 oooooB--", says: []string{"likely", "LISTEN [::]:8000"},
		},
		"it listens, for IPv4, too, by now": {
			world: world{replies: map[string]*Reply{"api:8000": refused["api:8000"], "127.0.0.1:8000": call(Talk{}, "127.0.0.1")}, sockets: map[string][]Socket{"api": listens("[::]:8000")}},
			want:  "warning network-blocks-traffic 1\nedge:80 / -> api:8000 likely-broken 502 oooB----",
		},
		"refused although it listens": {
			world: world{replies: refused, sockets: map[string][]Socket{"api": listens("0.0.0.0:8000")}},
			want:  "warning network-blocks-traffic 1\nedge:80 / -> api:8000 likely-broken 502 oooB----", says: []string{"likely", "api listens on port 8000, but connections from edge are refused"},
		},
		"cannot be reached": {
			world: world{replies: map[string]*Reply{"api:8000": call(Talk{}, "10.0.0.2 113")}},
			want:  "error network-blocks-traffic 1\nedge:80 / -> api:8000 broken 502 oooB----", says: []string{"refuses what is sent to its port 8000", "(113)"},
		},
		"dropped": {
			world: world{replies: map[string]*Reply{"api:8000": call(Talk{}, "10.0.0.2 110")}, sockets: map[string][]Socket{"api": listens("0.0.0.0:8000")}},
			want:  "error network-blocks-traffic 1\nedge:80 / -> api:8000 broken 504 oooB----", says: []string{"proven", "drops what is sent to its port 8000"},
		},
		"dropped, nobody looked who listens": {
			world: world{replies: map[string]*Reply{"api:8000": call(Talk{}, "10.0.0.2 110")}},
			want:  "edge:80 / -> api:8000 ok ooooo???",
		},
		"a full backlog": {
			world: world{replies: map[string]*Reply{"api:8000": call(Talk{}, "10.0.0.2 110")}, sockets: map[string][]Socket{"api": {{"0.0.0.0", 8000, 3}}}},
			want:  "error upstream-backlog-full 1\nedge:80 / -> api:8000 broken 504 ooooo??B", says: []string{"where 3 connections wait to be accepted"},
		},
		"one of two families": {
			api:   []func(*Container){func(c *Container) { c.Endpoints[0].IPv6 = "fd00::2" }},
			world: world{replies: map[string]*Reply{"api:8000": call(http, "fd00::2 111", "10.0.0.2")}},
			want:  "edge:80 / -> api:8000 ok ooooooo?",
		},
		"one of two containers": {
			more:  []*Container{up("api", has("10.0.0.3"), func(c *Container) { c.ID, c.Name = "api2", "shop-api-2" })},
			world: world{replies: map[string]*Reply{"api:8000": call(http, "10.0.0.2", "10.0.0.3 111")}},
			want:  "warning upstream-server-down 1\nedge:80 / -> api:8000 at-risk oooooro?",
			says:  []string{"1 of the 2 containers of api", "connect to 10.0.0.2:8000 from shop-edge-1: taken"},
		},
	}, func(t *testing.T, test settledTest) { test.run(t) })
}

// A suspicion from the files is proven, or goes away.
func TestSettled(t *testing.T) {
	refused := map[string]*Reply{"api:8081": call(Talk{}, "10.0.0.2 111"), "api:8001": call(Talk{}, "10.0.0.2 111"), "api:8000": call(Talk{}, "10.0.0.2 111"), "127.0.0.1:9": call(Talk{}, "127.0.0.1 111"), "127.0.0.1:90": call(Talk{}, "127.0.0.1 111")}
	fine := map[string]*Reply{"api:8081": call(Talk{}, "10.0.0.2"), "api:8001": call(Talk{}, "10.0.0.2"), "api:8000": call(Talk{}, "10.0.0.2"), "127.0.0.1:9": call(Talk{}, "127.0.0.1")}
	published := "  api: {image: example/api, ports: ['8081:8000']}\n"
	bound := "  api: {image: python:3.11, command: python3 -m http.server --bind 127.0.0.1 8000}\n"
	each(t, map[string]settledTest{
		"port mismatch, refused": {
			conf: server(pass("/", "http://api:8001")), world: world{replies: refused, sockets: map[string][]Socket{"api": listens("0.0.0.0:8000")}},
			want: "error upstream-port-mismatch 1\nedge:80 / -> api:8001 broken 502 oooooB--", says: []string{"proven", "pass to port 8000", "refused (111)"},
		},
		"port mismatch, taken": {conf: server(pass("/", "http://api:8001")), world: world{replies: fine}, want: "edge:80 / -> api:8001 ok oooooo??"},
		"port mismatch, but it listens on a third": {
			conf: server(pass("/", "http://api:8001")), world: world{replies: refused, sockets: map[string][]Socket{"api": listens("0.0.0.0:7000")}},
			want: "error upstream-port-closed 1\nedge:80 / -> api:8001 broken 502 oooooB--", says: []string{"it listens on 7000"},
		},
		"published port, refused": {
			conf: server(pass("/", "http://api:8081")), services: edge + published, world: world{replies: refused, sockets: map[string][]Socket{"api": listens("0.0.0.0:8000")}},
			want: "error upstream-published-port 1\nedge:80 / -> api:8081 broken 502 oooooB--", says: []string{"proven"},
		},
		"published port, taken": {conf: server(pass("/", "http://api:8081")), services: edge + published, world: world{replies: fine}, want: "edge:80 / -> api:8081 ok oooooo??"},
		"loopback by its command, refused": {
			services: edge + bound, world: world{replies: refused, sockets: map[string][]Socket{"api": listens("127.0.0.1:8000")}},
			want: "error upstream-listens-on-loopback 1\nedge:80 / -> api:8000 broken 502 oooooB--",
			says: []string{"proven", "(--bind 127.0.0.1)", "LISTEN 127.0.0.1:8000 in shop-api-1", "--bind 0.0.0.0"},
		},
		"loopback by its command, taken": {services: edge + bound, world: world{replies: fine}, want: "edge:80 / -> api:8000 ok oooooo??"},
		"loopback by its command, but it listens elsewhere": {
			services: edge + bound, world: world{replies: refused, sockets: map[string][]Socket{"api": listens("0.0.0.0:8001")}},
			want: "error upstream-port-closed 1\nedge:80 / -> api:8000 broken 502 oooooB--",
		},
		"localhost, refused": {
			conf: server(pass("/", "http://127.0.0.1:9")), world: world{replies: refused, sockets: map[string][]Socket{"edge": listens("0.0.0.0:80")}},
			want: "error upstream-is-localhost 1\nedge:80 / -> 127.0.0.1:9 broken 502 oo??B---", says: []string{"proven", "connect to 127.0.0.1:9 from shop-edge-1: refused (111)", "LISTEN 0.0.0.0:80 in shop-edge-1"},
		},
		"localhost, taken": {conf: server(pass("/", "http://127.0.0.1:9")), world: world{replies: fine}, want: "edge:80 / -> 127.0.0.1:9 ok oo??oo??"},
		"a sidecar that does not listen": {
			conf: server(pass("/", "http://127.0.0.1:90")), services: edge + api + "  side: {image: x, network_mode: 'service:edge', environment: {PORT: 90}}\n", world: world{replies: refused},
			want: "error upstream-port-closed 1\nedge:80 / -> 127.0.0.1:90 broken 502 oo??oB--", says: []string{"nothing listens on port 90 of edge itself"},
		},
	}, func(t *testing.T, test settledTest) { test.run(t) })
}

// A container that is still starting is why nothing listens yet; a failing health check is evidence.
func TestStarting(t *testing.T) {
	world := world{replies: map[string]*Reply{"api:8000": call(Talk{}, "10.0.0.2 111")}, sockets: map[string][]Socket{"api": {}}}
	elsewhere := world
	elsewhere.sockets = map[string][]Socket{"api": listens("0.0.0.0:9000")}
	debugger := world
	debugger.sockets = map[string][]Socket{"api": listens("127.0.0.1:9229")}
	const starts = "warning upstream-starting 1\nedge:80 / -> api:8000 likely-broken 502 oorooB--"
	each(t, map[string]settledTest{
		"by its health check": {api: []func(*Container){health("starting")}, world: world, want: starts, says: []string{"still starting", "refused (111)"}},
		"just started":        {api: []func(*Container){young(4)}, world: world, want: starts, says: []string{"has just been started", "4 seconds ago"}},
		"just started, with a debugger": {
			api: []func(*Container){young(4)}, world: debugger, want: starts,
		},
		"just started, and it listens elsewhere": {
			api: []func(*Container){young(4)}, world: elsewhere,
			want: "error upstream-port-closed 1\nedge:80 / -> api:8000 broken 502 oooooB--",
		},
		"long ago": {world: world, want: "error upstream-port-closed 1\nedge:80 / -> api:8000 broken 502 oooooB--"},
		"unhealthy": {
			api: []func(*Container){health("unhealthy")}, world: world,
			want: "error upstream-port-closed 1\nedge:80 / -> api:8000 broken 502 oorooB--", says: []string{"docker: shop-api-1 is running, unhealthy"},
		},
	}, func(t *testing.T, test settledTest) { test.run(t) })
}

// One of several servers of a group that refuses is not the end of the route.
func TestServerDown(t *testing.T) {
	services := edge + api + "  web: {image: x, expose: [8000]}\n"
	web := []*Container{up("web", has("10.0.0.3"))}
	good, bad := call(Talk{Speaks: "http", Status: 200}, "10.0.0.2"), call(Talk{}, "10.0.0.3 111")
	each(t, map[string]settledTest{
		"one": {
			world: world{replies: map[string]*Reply{"api:8000": good, "web:8000": bad}},
			want:  "warning upstream-server-down 1\nedge:80 / -> g at-risk ooooooo? ooooor??", says: []string{"the server web:8000 of the group g refuses connections"},
		},
		"both": {
			world: world{replies: map[string]*Reply{"api:8000": call(Talk{}, "10.0.0.2 111"), "web:8000": bad}},
			want:  "error upstream-port-closed 1\nerror upstream-port-closed 1\nedge:80 / -> g broken 502 oooooB-- oooooB--",
		},
		"the other is not known": {
			world: world{replies: map[string]*Reply{"web:8000": bad}},
			want:  "warning upstream-port-closed 1\nedge:80 / -> g at-risk ooooo??? oooooB--",
		},
	}, func(t *testing.T, test settledTest) {
		test.conf, test.services, test.more = group("api:8000", "web:8000")+server(pass("/", "http://g")), services, web
		test.run(t)
	})
}

// What a backend is heard to speak.
func TestHeard(t *testing.T) {
	at := func(talk Talk) world { return world{replies: map[string]*Reply{"api:8000": call(talk, "10.0.0.2")}} }
	location := func(directive string) string { return server("location / { " + directive + "; }") }
	const to = "\nedge:80 / -> api:8000 "
	php := "  api: {image: 'php:8.2-fpm', expose: [8000]}\n"
	each(t, map[string]settledTest{
		"FastCGI, asked in HTTP":          {world: at(Talk{Speaks: "fastcgi"}), want: "error upstream-protocol-mismatch 1" + to + "broken 502 ooooooB-", says: []string{"proven", "speaks FastCGI on port 8000", "probe: api:8000 speaks FastCGI to shop-edge-1"}},
		"uwsgi, asked in HTTP":            {world: at(Talk{Speaks: "uwsgi"}), want: "error upstream-protocol-mismatch 1" + to + "broken 502 ooooooB-"},
		"HTTP, asked in FastCGI":          {conf: location("fastcgi_pass api:8000"), world: at(Talk{Speaks: "http"}), want: "error upstream-protocol-mismatch 1" + to + "broken ooooooB-"},
		"HTTP, asked in uwsgi":            {conf: location("uwsgi_pass api:8000"), world: at(Talk{Speaks: "http"}), want: "error upstream-protocol-mismatch 1" + to + "broken ooooooB-"},
		"HTTP, asked in HTTP/2":           {conf: location("grpc_pass api:8000"), world: at(Talk{Speaks: "http"}), want: "error upstream-protocol-mismatch 1" + to + "broken 502 ooooooB-"},
		"HTTP/2, asked in HTTP/2":         {conf: location("grpc_pass api:8000"), world: at(Talk{Speaks: "http2"}), want: to[1:] + "ok ooooooo?"},
		"a banner":                        {world: at(Talk{Speaks: "other", Banner: "SSH-2.0"}), want: "error upstream-protocol-mismatch 1" + to + "broken ooooooB-", says: []string{"api does not speak HTTP on port 8000", `"SSH-2.0"`}},
		"no HTTP by its image, but it is": {services: edge + php, world: at(Talk{Speaks: "http", Status: 200}), want: to[1:] + "ok ooooooo?"},
		"no HTTP by its image, nor heard": {services: edge + php, world: at(Talk{Speaks: "fastcgi"}), want: "error upstream-protocol-mismatch 1" + to + "broken 502 ooooooB-", says: []string{"the image php:8.2-fpm", "proven"}},
		"TLS, asked plainly":              {world: at(Talk{Speaks: "tls"}), want: "error upstream-scheme-mismatch 1" + to + "broken ooooooB-", says: []string{"proven", "https://api:8000"}},
		"plain, asked in TLS":             {conf: server(pass("/", "https://api:8000")), world: at(Talk{Speaks: "http", Status: 400}), want: "error upstream-scheme-mismatch 1" + to + "broken 502 ooooooB-"},
		"TLS, asked in TLS":               {conf: server(pass("/", "https://api:8000")), world: at(Talk{Speaks: "tls", Within: "http", Status: 200}), want: to[1:] + "ok ooooooo?"},
		"TLS with a name": {
			conf: server(pass("/", "https://api:8000")), world: at(Talk{Speaks: "tls", NeedsSNI: true, TLSError: "handshake failure"}),
			want: "error upstream-tls-rejected 1" + to + "broken 502 ooooooB-", says: []string{"proxy_ssl_server_name on;"},
		},
		"TLS that fails in a way that may be Go's": {
			conf: server(pass("/", "https://api:8000")), world: at(Talk{Speaks: "tls", TLSError: "handshake failure"}), want: to[1:] + "ok oooooo??",
		},
		"TLS for clients with a certificate": {
			conf: server(pass("/", "https://api:8000")), world: at(Talk{Speaks: "tls", TLSError: "it asks for a client certificate"}),
			want: "error upstream-tls-rejected 1" + to + "broken 502 ooooooB-", says: []string{"wants a certificate of its clients"},
		},
		"TLS for clients with a certificate that the probe does not have": {
			conf: server("proxy_ssl_certificate /c.pem; proxy_ssl_certificate_key /k.pem;", pass("/", "https://api:8000")), world: at(Talk{Speaks: "tls", TLSError: "it asks for a client certificate"}),
			want: to[1:] + "ok oooooo??",
		},
		"websockets where none are let through": {
			conf: server(pass("/ws/", "http://api:8000")), world: at(Talk{Speaks: "http", Status: 200, Upgraded: 101}),
			want: "warning websocket-upgrade-missing 1\nedge:80 /ws/ -> api:8000 at-risk oooooor?", says: []string{"proven", "switches to a websocket at /ws/"},
		},
		"a host that is not served": {
			conf: server("server_name shop.example.com;", pass("/", "http://api:8000")), world: at(Talk{Speaks: "http", Status: 400, Real: 200}),
			want: "warning host-header-rewritten 1\nedge:80 shop.example.com/ -> api:8000 at-risk ooooooo?",
			says: []string{"proven", "answers 400 where it is asked for the host api:8000, and 200 for shop.example.com", "proxy_set_header Host $host;"},
		},
		"a host that is": {
			conf:  "upstream a_b { server api:8000; }\n" + server("server_name shop.example.com;", pass("/", "http://a_b")),
			world: at(Talk{Speaks: "http", Status: 200, Real: 200}), want: "edge:80 shop.example.com/ -> a_b ok ooooooo?",
		},
	}, func(t *testing.T, test settledTest) { test.run(t) })
}

// What a host is looked up to be.
func TestLookedUp(t *testing.T) {
	says := func(lookups ...Lookup) world {
		reply := &Reply{Lookups: lookups}
		for _, l := range lookups {
			for _, a := range l.Addresses {
				reply.Dials = append(reply.Dials, Dial{Address: a})
			}
		}
		return world{replies: map[string]*Reply{"api:8000": reply}}
	}
	right, none := Lookup{Addresses: []string{"10.0.0.2"}}, Lookup{Error: "no such host"}
	sides := strings.Replace(edge, "{", "{networks: [front], ", 1) + strings.Replace(api, "{", "{networks: [back], ", 1) + "networks: {front: , back: }\n"
	asking := func(resolvers string) string {
		return server("resolver "+resolvers+";", "set $to api;", pass("/", "http://$to:8000"))
	}
	each(t, map[string]settledTest{
		"another resolver knows it": {conf: asking("10.0.0.5"), world: says(right), want: "edge:80 / -> api:8000 ok oooooo??"},
		"it does not": {
			conf: asking("10.0.0.5"), world: says(none),
			want: "error resolver-not-docker 1\nedge:80 / -> api:8000 broken 502 ooooB---", says: []string{"proven", "api looked up by shop-edge-1: no such host"},
		},
		"it does not answer": {conf: asking("10.0.0.5"), world: says(Lookup{Error: "no answer"}), want: "warning resolver-not-docker 1\nedge:80 / -> api:8000 likely-broken 502 ooooB---"},
		"one of two": {
			conf: asking("127.0.0.11 10.0.0.5 valid=5s"), world: says(right, none),
			want: "warning resolver-mixed 1\nedge:80 / -> api:8000 at-risk oooooo??", says: []string{"proven"},
		},
		"both of two":                {conf: asking("127.0.0.11 10.0.0.5 valid=5s"), world: says(right, right), want: "edge:80 / -> api:8000 ok oooooo??"},
		"one of two does not answer": {conf: asking("127.0.0.11 10.0.0.5 valid=5s"), world: says(right, Lookup{Error: "refused"}), want: "edge:80 / -> api:8000 ok oooooo??"},
		"no network by the files, but it is found": {
			services: sides, api: []func(*Container){func(c *Container) { c.Endpoints[0].Network = "shop_back" }}, world: says(right),
			want: "edge:80 / -> api:8000 ok oooooo??",
		},
		"no network, and it is not found": {
			services: sides, api: []func(*Container){func(c *Container) { c.Endpoints[0].Network = "shop_back" }}, world: says(none),
			want: "error upstream-no-shared-network 1\nedge:80 / -> api:8000 broken 502 oooB----", says: []string{"proven", "no such host"},
		},
		"an address of the internet": {
			world: says(Lookup{Addresses: []string{"203.0.113.7"}}),
			want:  "error upstream-name-hijacked 1\nedge:80 / -> api:8000 broken ooooB---", says: []string{"api leads edge to 203.0.113.7", "dns_search"},
		},
		"an address that is not known": {world: says(Lookup{Addresses: []string{"10.9.9.9"}}), want: "edge:80 / -> api:8000 ok ooooo???"},
	}, func(t *testing.T, test settledTest) { test.run(t) })
}

// A socket is looked for where nginx looks for it.
func TestSocketSeen(t *testing.T) {
	shared := strings.Replace(edge, "[", "[run:/run/api, ", 1) + "  api: {image: x, volumes: ['run:/run/api']}\nvolumes: {run: }\n"
	each(t, map[string]settledTest{
		"there":         {services: shared, world: world{files: map[string]*File{"/run/api/s": {Socket: true}}}, want: "edge:80 / -> unix:/run/api/s ok oo??????"},
		"a file":        {services: shared, world: world{files: map[string]*File{"/run/api/s": {}}}, want: "edge:80 / -> unix:/run/api/s ok oo??????"},
		"not looked at": {services: shared, want: "edge:80 / -> unix:/run/api/s ok oo??????"},
		"nowhere": {
			services: shared, world: world{files: map[string]*File{"/run/api/s": nil}},
			want: "error upstream-socket-not-shared 1\nedge:80 / -> unix:/run/api/s broken 502 oo???B--", says: []string{"finds no socket /run/api/s", "let api make its socket there"},
		},
		"nowhere, and not shared": {
			world: world{files: map[string]*File{"/run/api/s": nil}},
			want:  "error upstream-socket-not-shared 1\nedge:80 / -> unix:/run/api/s broken 502 oo???B--", says: []string{"proven", "where no other container can put it"},
		},
		"there, and not shared": {world: world{files: map[string]*File{"/run/api/s": {Socket: true}}}, want: "edge:80 / -> unix:/run/api/s ok oo??????"},
		"on a tmpfs": {
			services: strings.Replace(edge, "}", ", tmpfs: [/run/api]}", 1) + api, world: world{files: map[string]*File{"/run/api/s": {Socket: true}}},
			want: "error upstream-socket-not-shared 1\nedge:80 / -> unix:/run/api/s broken 502 oo???B--",
		},
	}, func(t *testing.T, test settledTest) {
		test.conf = server(pass("/", "http://unix:/run/api/s"))
		test.run(t)
	})
}

// What is called, and as whom.
func TestCalls(t *testing.T) {
	for _, test := range []struct {
		name, conf string
		want       Call // zero: none
	}{
		{"host and port", server(pass("/", "http://api:8000")), Call{Host: "api", Port: 8000, Scheme: "http", Asked: "api:8000"}},
		{"the port of the scheme", server(pass("/", "http://api")), Call{Host: "api", Port: 80, Scheme: "http", Asked: "api"}},
		{"a group", group("api:8000") + server("server_name _ *.x shop.org;", pass("/", "http://g")), Call{Host: "api", Port: 8000, Scheme: "http", Asked: "g", Real: "shop.org"}},
		{"the client's host", server("server_name shop.org;", "proxy_set_header Host $host;", pass("/", "http://api:8000")), Call{Host: "api", Port: 8000, Scheme: "http", Asked: "shop.org"}},
		{"a host that is written out", server("proxy_set_header Host x.org;", pass("/", "http://api:8000")), Call{Host: "api", Port: 8000, Scheme: "http", Asked: "x.org"}},
		{"a host that is not known", server("server_name shop.org;", "proxy_set_header Host $arg_h;", pass("/", "http://api:8000")), Call{Host: "api", Port: 8000, Scheme: "http"}},
		{"a short time", server("proxy_connect_timeout 300ms;", pass("/", "http://api:8000")), Call{Host: "api", Port: 8000, Scheme: "http", Asked: "api:8000", Wait: 300 * time.Millisecond}},
		{"by resolvers", server("resolver 127.0.0.11 10.0.0.5:5353;", "set $a api;", pass("/", "http://$a:8000")), Call{Host: "api", Port: 8000, Scheme: "http", Asked: "api:8000", Resolvers: "127.0.0.11 10.0.0.5:5353"}},
		{"by a resolver with a name", server("resolver dns;", "set $a api;", pass("/", "http://$a:8000")), Call{}},
		{"without a resolver", server("set $a api;", pass("/", "http://$a:8000")), Call{}},
		{"for websockets", server(pass("/ws/", "http://api:8000")), Call{Host: "api", Port: 8000, Scheme: "http", Asked: "api:8000", Path: "/ws/"}},
		{"TLS", server(pass("/", "https://api")), Call{Host: "api", Port: 443, Scheme: "https", Asked: "api"}},
		{"TLS with a name", server("proxy_ssl_server_name on;", pass("/", "https://api")), Call{Host: "api", Port: 443, Scheme: "https", Asked: "api", SNI: "api"}},
		{"TLS with another name", server("proxy_ssl_server_name on; proxy_ssl_name x.org; proxy_ssl_verify on; proxy_ssl_trusted_certificate /nowhere;", pass("/", "https://api")),
			Call{Host: "api", Port: 443, Scheme: "https", Asked: "api", SNI: "x.org"}},
		{"FastCGI", server("location / { fastcgi_pass api:9000; }"), Call{Host: "api", Port: 9000, Scheme: "fastcgi"}},
		{"an address of a container", server(pass("/", "http://10.0.0.2:8000")), Call{Host: "10.0.0.2", Port: 8000, Scheme: "http", Asked: "10.0.0.2:8000"}},
		{"another address", server(pass("/", "http://10.1.0.2:8000")), Call{}},
		{"an outside host", server(pass("/", "https://example.com")), Call{}},
		{"a service that does not run", server(pass("/", "http://gone:8000")), Call{}},
		{"a server that is down", group("api:8000 down", "10.1.0.2:8000") + server(pass("/", "http://g")), Call{}},
		{"localhost", server(pass("/", "http://127.0.0.1:9")), Call{Host: "127.0.0.1", Port: 9, Scheme: "http", Asked: "127.0.0.1:9"}},
		{"itself", server(pass("/", "http://127.0.0.1:80")), Call{}},
		{"itself by its name", server(pass("/", "http://edge")), Call{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			stack := shop(t, test.conf, edge+api+"  gone: {image: x}\n")
			snap := seen(up("edge", has("10.0.0.9")), up("api", has("10.0.0.2")), down("gone", "exited", 0))
			snap.Logs["gone"], snap.Networks["shop_default"] = []LogLine{}, &Network{}
			var calls []Call
			for _, q := range Ask(stack, snap, Means{Probe: true}) {
				if q.Kind == AskCall && q.Of == "edge" {
					calls = append(calls, q.Call)
				}
			}
			want := []Call{test.want}
			if want[0].Wait == 0 {
				want[0].Wait = time.Second
			}
			if test.want.Host == "" {
				want = nil
			}
			if !slices.Equal(calls, want) {
				t.Errorf("got  %+v\nwant %+v", calls, want)
			}
			if got := Ask(stack, snap, Means{}); slices.ContainsFunc(got, func(q Question) bool { return q.Kind == AskCall }) {
				t.Errorf("without a probe it asks %v", got)
			}
		})
	}
}
