package nginx

import (
	"fmt"
	"io/fs"
	"path"
	"reflect"
	"slices"
	"strings"
	"testing"

	"why502/compose/proxy"
)

// tree is a container's files by path. Those under /etc/nginx/volume/ cannot be known.
type tree map[string]string

func (t tree) files() Files {
	return Files{
		Open: func(p string) (*File, error) {
			text, ok := t[p]
			switch {
			case strings.HasPrefix(p, "/etc/nginx/volume/"):
				return nil, &UnknownError{Why: "a volume"}
			case !ok:
				return nil, fs.ErrNotExist
			}
			return &File{Name: strings.TrimPrefix(p, "/etc/nginx/"), Text: []byte(text)}, nil
		},
		Glob: func(pattern string) (paths []string, unknown string) {
			for p := range t {
				if match, _ := path.Match(pattern, p); match {
					paths = append(paths, p)
				}
			}
			slices.Sort(paths)
			if strings.HasPrefix(pattern, "/etc/nginx/volume/") {
				unknown = "a volume"
			}
			return paths, unknown
		},
	}
}

// with is a tree whose main file has the given text.
func with(main string) tree { return tree{"/etc/nginx/nginx.conf": main} }

// stock is a tree in which a file stands in the http block of the stock configuration.
func stock(conf string) tree {
	return tree{
		"/etc/nginx/nginx.conf":          "events {}\nhttp { include /etc/nginx/conf.d/*.conf; }\n",
		"/etc/nginx/conf.d/default.conf": conf,
	}
}

func parse(t tree) *proxy.Config { return Parse(t.files(), Options{Stock: true}) }

func at(p proxy.Place) string { return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column) }

func describeFaults(faults []proxy.Fault) string {
	var lines []string
	for _, f := range faults {
		lines = append(lines, fmt.Sprintf("%s %s [%s in %s]", at(f.Place), f.Text, f.Directive, f.Context))
	}
	return strings.Join(lines, "\n")
}

// allPasses are the passes of a configuration in reading order.
func allPasses(c *proxy.Config) []*proxy.Pass {
	var all []*proxy.Pass
	var visit func([]*proxy.Location)
	visit = func(locations []*proxy.Location) {
		for _, l := range locations {
			all = append(all, l.Passes...)
			visit(l.Locations)
		}
	}
	for _, s := range c.Servers {
		all = append(all, s.Passes...)
		visit(s.Locations)
	}
	slices.SortFunc(all, func(a, b *proxy.Pass) int { return a.Order - b.Order })
	return all
}

func TestParse(t *testing.T) {
	c := parse(tree{
		"/etc/nginx/nginx.conf": `events {}
http {
    resolver 127.0.0.11:53 valid=10s ipv6=off;
    include conf.d/*.conf;
}
stream {
    upstream db { server db:5432; }
    server { listen 5432; proxy_pass db; }
    server { listen 53 udp; proxy_pass dns:53; }
}`,
		"/etc/nginx/conf.d/app.conf": `upstream app {
    server api:3000 weight=2; server api:3000 backup;
    server unix:/run/app.sock down;
}
server {
    listen 80 default_server; listen [::]:80;
    listen 127.0.0.1:8443 ssl;
    server_name a.example b.example;
    location /ü/ { proxy_set_header X ü; proxy_pass   http://app/; }
    location ~* \.php$ {
        fastcgi_pass
            php:9000;
        location ~ x { return 404; }
    }
    location @app { if ($uri) { proxy_pass http://other; } }
}`,
	})
	if len(c.Faults)+len(c.Unchecked) > 0 {
		t.Fatalf("faults %v, unchecked %v", c.Faults, c.Unchecked)
	}

	var got []string
	add := func(place proxy.Place, format string, args ...any) {
		got = append(got, at(place)+" "+fmt.Sprintf(format, args...))
	}
	for _, g := range c.Groups {
		add(g.Place, "group %s", g.Name)
		for _, p := range g.Servers {
			add(p.Place, "peer %s|%s|%d|%s|%v|%v", p.Value, p.Host, p.Port, p.Socket, p.Backup, p.Down)
		}
	}
	for _, s := range c.Servers {
		add(s.Place, "server %v stream=%v", s.Names, s.Stream)
		for _, l := range s.Listens {
			add(l.Place, "listen %q %d tls=%v udp=%v default=%v", l.Address, l.Port, l.TLS, l.UDP, l.Default)
		}
		for _, l := range s.Locations {
			add(l.Place, "location %s", l)
		}
	}
	for _, p := range allPasses(c) {
		target := p.Targets[0]
		add(p.Place, "%s%s to %s %s:%d%s group=%v", p, p.Within, target.Scheme, target.Host, target.Port, target.URI, target.Group != nil)
	}
	want := `conf.d/app.conf:1:10 group app
conf.d/app.conf:2:12 peer api:3000|api|3000||false|false
conf.d/app.conf:2:38 peer api:3000|api|3000||true|false
conf.d/app.conf:3:12 peer unix:/run/app.sock||0|/run/app.sock|false|true
nginx.conf:7:14 group db
nginx.conf:7:26 peer db:5432|db|5432||false|false
conf.d/app.conf:5:1 server [a.example b.example] stream=false
conf.d/app.conf:6:5 listen "" 80 tls=false udp=false default=true
conf.d/app.conf:6:31 listen "::" 80 tls=false udp=false default=false
conf.d/app.conf:7:5 listen "127.0.0.1" 8443 tls=true udp=false default=false
conf.d/app.conf:9:5 location /ü/
conf.d/app.conf:10:5 location ~* \.php$
conf.d/app.conf:15:5 location @app
nginx.conf:8:5 server [] stream=true
nginx.conf:8:14 listen "" 5432 tls=false udp=false default=false
nginx.conf:9:5 server [] stream=true
nginx.conf:9:14 listen "" 53 tls=false udp=true default=false
conf.d/app.conf:9:55 proxy_pass http://app/ to http app:0/ group=true
conf.d/app.conf:12:13 fastcgi_pass php:9000 to fastcgi php:9000 group=false
conf.d/app.conf:15:44 proxy_pass http://otherif to http other:80 group=false
nginx.conf:8:38 proxy_pass db to tcp db:0 group=true
nginx.conf:9:40 proxy_pass dns:53 to udp dns:53 group=false`
	if text := strings.Join(got, "\n"); text != want {
		t.Errorf("got\n%s\nwant\n%s", text, want)
	}

	php := c.Servers[0].Locations[1]
	if r := php.Passes[0].Resolver; r == nil || r.Addresses[0] != "127.0.0.11" || r.Valid != "10s" || at(r.Place) != "nginx.conf:3:5" {
		t.Errorf("resolver %+v", r)
	}
	if len(php.Locations) != 1 || len(php.Directives) != 1 {
		t.Errorf("nested locations %v, directives %v", php.Locations, php.Directives)
	}
	if want := []proxy.File{{Path: "/etc/nginx/nginx.conf", Name: "nginx.conf"}, {Path: "/etc/nginx/conf.d/app.conf", Name: "conf.d/app.conf"}}; !reflect.DeepEqual(c.Files, want) {
		t.Errorf("files %v", c.Files)
	}
}

// Texts are nginx's own wherever crossplane has them.
func TestFaults(t *testing.T) {
	tests := []struct{ name, conf, want string }{
		{"right", "server { listen 80; }", ""},
		{"unknown directive", "server { proxy_pas x; }", `1:10 unknown directive "proxy_pas" [proxy_pas in server]`},
		{"unknown block", "foo { }\nserver { }", `1:1 unknown directive "foo" [foo in http]`},
		{"byte order mark", "\ufeffserver { }", "1:1 unknown directive \"\ufeffserver\" [\ufeffserver in http]"},
		{"windows line ends", "server {\r\n listen 80;\r\n}\r\n", ""},
		{"wrong context", "user nginx;\nserver { listen 80; }", `1:1 "user" directive is not allowed here [user in http]`},
		{"location outside", "location / { }", `1:1 "location" directive is not allowed here [location in http]`},
		{"no semicolon before brace", "server { listen 80 }", `1:10 directive "listen" is not terminated by ";" [listen in server]`},
		{"no semicolon", "server { location / { proxy_pass http://a\n proxy_set_header Host b; } }", `1:23 invalid number of arguments in "proxy_pass" directive [proxy_pass in location]`},
		{"no semicolon after listen", "server { listen 80\n server_name x; }", `1:10 invalid parameter "server_name" [listen in server]`},
		{"no semicolon before location", "server { listen 80\n location / { } }", `1:10 directive "listen" is not terminated by ";" [listen in server]`},
		{"no block", "server { location /; }", `1:10 directive "location" has no opening "{" [location in server]`},
		{"no closing brace", "server {\n listen 80;\n", `3:1 unexpected end of file, expecting "}" [ in server]`},
		{"no closing brace, location follows", "server { location /a/ {\n location /b/ { } }", `2:1 unexpected end of file, expecting "}" [ in server]`},
		{"ends in a directive", "server {\n listen 80", `2:1 unexpected end of file, expecting ";" or "}" [ in server]`},
		{"ends in quotes", "server {\n return 200 \"x;\n }", `2:1 unexpected end of file, expecting ";" or "}" [ in server]`},
		{"text after quotes", `server { return 200 "a"b; }`, `1:10 invalid number of arguments in "return" directive [return in server]`},
		{"brace too many", "server { } }\n server { }", `1:1 unexpected "}" [ in http]`},
		{"semicolon too many", "server { listen 80;; }", `1:1 unexpected ";" [ in server]`},
		{"template braces", "server { location / { proxy_pass {{ app }}; } }", `1:23 directive "proxy_pass" is not terminated by ";" [proxy_pass in location]`},
		{"flag", "server { sendfile maybe; }", `1:10 invalid value "maybe" in "sendfile" directive, it must be "on" or "off" [sendfile in server]`},
		{"two passes", "server { location / { proxy_pass http://a; proxy_pass http://b; } }", `1:44 "proxy_pass" directive is duplicate [proxy_pass in location]`},
		{"a timeout twice", "server { proxy_read_timeout 1s; location / { proxy_read_timeout 2s; proxy_set_header a b; proxy_read_timeout 3s; proxy_set_header c d; } }",
			`1:91 "proxy_read_timeout" directive is duplicate [proxy_read_timeout in location]`},
		{"words twice", "map $a $b { root x; sendfile y; }  types { root a; } server { root /a; } server { root /b; }", ""},
		{"two locations", "server { location / { } location ^~ / { } location = / { } }", `1:25 duplicate location "/" [location in server]`},
		{"modifier", "server { location x / { } }", `1:10 invalid location modifier "x" [location in server]`},
		{"port of listen", "server { listen 127.0.0.1:x; }", `1:10 invalid port in "127.0.0.1:x" of the "listen" directive [listen in server]`},
		{"block in a map", "map $a $b { x { } }", `1:13 unexpected "{" [x in map]`},
		{"no semicolon in a map", "map $a $b {\n x y\n z w; }", "2:2 invalid number of parameters [x in map]"},
		{"words in a map", "map $a $b { hostnames; server 1; include_x y; default ''; }", ""},
		{"a key twice", "map $a $b { x y; ~x y; ~x y; X z; }", `1:30 conflicting parameter "x" [X in map]`},
		{"a default twice", "map $a $b { default y; DEFAULT y; default z; }", "1:35 duplicate default map parameter [default in map]"},
		{"a key twice in geo", "geo $b { default a; 10.0.0.0/8 y; 10.0.0.0/8 z; }", ""},
		{"a variable in a map", "map $a $b { default $API; }", `1:21 unknown "api" variable [default in http]`},
		{"one that is captured", "map $a $b { ~^(?<API>x) $API; }", ""},
		{"new directives", "server { early_hints $http2; } upstream a { zone a 1m; resolver 1.1.1.1; server x resolve; }", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := parse(stock(test.conf))
			got := strings.ReplaceAll(describeFaults(c.Faults), "conf.d/default.conf:", "")
			if got != test.want {
				t.Errorf("got\n%s\nwant\n%s", got, test.want)
			}
		})
	}
}

func TestFaultsOfMain(t *testing.T) {
	loop := with("events {}\nhttp { include a.conf; }")
	loop["/etc/nginx/a.conf"] = "include b.conf;"
	loop["/etc/nginx/b.conf"] = "include a.conf;\nserver { }"
	tests := []struct {
		name string
		tree tree
		want string
		kind proxy.FaultKind
	}{
		{"no events", with("http { }"), "nginx.conf:0:0 no \"events\" section in configuration [ in main]", proxy.NoEvents},
		{"no main file", tree{}, `:0:0 open() "/etc/nginx/nginx.conf" failed (2: No such file or directory) [ in main]`, proxy.IncludeMissing},
		{"only a server", with("server { }"), `nginx.conf:1:1 "server" directive is not allowed here [server in main]`, proxy.WrongContext},
		{"missing include of a map", with("events {} http { map $a $b {\n include x; } }"), `nginx.conf:2:2 open() "/etc/nginx/x" failed (2: No such file or directory) [include in map]`, proxy.IncludeMissing},
		{"missing include", with("events {} http {\n include ./x.conf; }"), `nginx.conf:2:2 open() "/etc/nginx/x.conf" failed (2: No such file or directory) [include in http]`, proxy.IncludeMissing},
		{"include that includes itself", loop, `b.conf:1:1 open() "/etc/nginx/a.conf" failed (24: Too many open files) [include in main]`, proxy.Syntax},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := parse(test.tree)
			if got := describeFaults(c.Faults); got != test.want || c.Faults[0].Kind != test.kind {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

// A whole configuration in conf.d is a fault of its first directive, not of the include that brings
// it in again.
func TestWholeConfigurationInConfD(t *testing.T) {
	c := parse(stock(`worker_processes 1;
http {
    include /etc/nginx/conf.d/*.conf;
    server { location / { proxy_pass http://app:3000; } }
}`))
	want := `conf.d/default.conf:1:1 "worker_processes" directive is not allowed here [worker_processes in http]`
	if got, _, _ := strings.Cut(describeFaults(c.Faults), "\n"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestOneFaultDoesNotHideTheRest(t *testing.T) {
	tests := map[string]tree{
		"in the same block":   stock("server { location / { proxy_pass http://a:1; proxy_pas x; } location /b { proxy_pass http://b:1; } }"),
		"semicolon forgotten": stock("server { location / { proxy_set_header a b\n proxy_pass http://x:1; } }"),
		"broken end":          stock("server { location / { proxy_pass http://x:1; return \""),
	}
	tests["semicolon forgotten"]["/etc/nginx/conf.d/a.conf"] = "server { location / { proxy_pass http://a:1; } location /b { proxy_pass http://b:1; } }"
	tests["broken end"]["/etc/nginx/conf.d/a.conf"] = tests["semicolon forgotten"]["/etc/nginx/conf.d/a.conf"]
	for name, files := range tests {
		t.Run(name, func(t *testing.T) {
			c := parse(files)
			var hosts []string
			for _, p := range allPasses(c) {
				hosts = append(hosts, p.Targets[0].Host)
			}
			if !slices.Equal(hosts, []string{"a", "b"}) || len(c.Faults) == 0 {
				t.Errorf("hosts %v, faults %v", hosts, c.Faults)
			}
		})
	}
}

func TestUnchecked(t *testing.T) {
	c := parse(with("include volume/modules.conf;\nhttp { include volume/*.conf; server { location / { fastcgi_pass app; } } }"))
	want := []proxy.Unchecked{{What: "/etc/nginx/volume/*.conf", Why: "a volume"}, {What: "/etc/nginx/volume/modules.conf", Why: "a volume"}}
	if !slices.Equal(c.Unchecked, want) || len(c.Faults) > 0 {
		t.Errorf("unchecked %v, faults %v", c.Unchecked, c.Faults)
	}
	if target := allPasses(c)[0].Targets[0]; target.Fault != "" || target.Unknown == "" {
		t.Errorf("a name without a port may be a group that was not read: %+v", target)
	}
}

func TestPlaceholderForDirectives(t *testing.T) {
	c := parse(stock("server { ${TLS}\n location / { proxy_pass http://a; ${MORE}; ${MORE} } ${BLOCK} { x; } }"))
	if len(c.Faults) > 0 || len(c.Unchecked) == 0 {
		t.Errorf("faults %v, unchecked %v, passes %v", c.Faults, c.Unchecked, allPasses(c))
	}
}

func TestVersions(t *testing.T) {
	tests := []struct {
		conf    string
		options Options
		refused bool
	}{
		{"server { http2 on; }", Options{Stock: true, Version: "1.22"}, true},
		{"server { http2 on; }", Options{Stock: true, Version: "1.25.0"}, true},
		{"server { http2 on; }", Options{Stock: true, Version: "1.25"}, false},
		{"server { http2 on; }", Options{Stock: true, Version: "stable-alpine"}, false},
		{"server { ssl on; }", Options{Stock: true, Version: "1.24.0-alpine"}, false},
		{"server { ssl on; }", Options{Stock: true, Version: "1.27.3"}, true},
		{"server { ssl on; }", Options{Stock: true}, false},
		{"server { vhost_traffic_status_zone; }", Options{Stock: true}, true},
		{"server { vhost_traffic_status_zone; }", Options{}, false},
		{"foo { bar { } baz; }", Options{}, false},
		{"server { location / { proxy_pas http://a; } }", Options{}, false}, // a module may have it
		{"server { subs_filter a b; }", Options{}, false},
		{"server { more_set_headers 'a: b'; }", Options{}, false},
		{"upstream g { server server a:80; }", Options{}, true},
		{"upstream g { server a:80 weigth=3 sticky; }", Options{}, false}, // a module may know these
		{"server { location / { content_by_lua_block { -- it's { a\n x = \"}\" } } }", Options{}, false},
	}
	for _, test := range tests {
		faults := Parse(stock(test.conf).files(), test.options).Faults
		if refused := len(faults) > 0; refused != test.refused {
			t.Errorf("%s with %+v: %v", test.conf, test.options, faults)
		}
	}
}

func TestLoadedModule(t *testing.T) {
	c := parse(with("load_module modules/x.so;\nevents {}\nhttp { more_module_magic on; }"))
	if len(c.Faults) > 0 {
		t.Errorf("a module brings directives: %v", c.Faults)
	}
}

func TestTargets(t *testing.T) {
	tests := []struct{ conf, want string }{
		{"proxy_pass http://app;", "http app:80"},
		{"proxy_pass HTTPS://App/x;", "https App:443/x"},
		{"proxy_pass http://[::1]:81/;", "http ::1:81/"},
		{"proxy_pass http://unix:/run/x.sock:/uri;", "http unix:/run/x.sock/uri"},
		{"proxy_pass http://app?x=1;", "http app:80?x=1"},
		{"grpc_pass grpcs://app:50051;", "grpcs app:50051"},
		{"grpc_pass app:50051;", "grpc app:50051"},
		{"uwsgi_pass suwsgi://app:3031;", "suwsgi app:3031"},
		{"scgi_pass unix:/run/s;", "scgi unix:/run/s"},
		{"memcached_pass cache:11211;", "memcached cache:11211"},
		{"proxy_pass app:3000;", "fault: invalid URL prefix"},
		{"proxy_pass http://app:70000/x;", `fault: invalid port in upstream "app:70000/x"`},
		{"proxy_pass http://:3000;", `fault: no host in upstream ":3000"`},
		{"proxy_pass http://unix:;", `fault: no path in the unix domain socket in upstream "unix:"`},
		{"proxy_pass http://[::1:80;", `fault: invalid host in upstream "[::1:80"`},
		{"fastcgi_pass app;", `fault: no port in upstream "app"`},
		{"grpc_pass grpc://app;", `fault: no port in upstream "app"`},
		{"fastcgi_pass http://app:9000;", `fault: invalid host in upstream "http://app:9000"`},
		{"proxy_pass http://group:3000;", `fault: upstream "group" may not have port 3000`},
		{"proxy_pass http://GROUP;", "http GROUP:0 group"},
		{"proxy_pass http://__API__:80;", "unknown: `__API__` is a placeholder that nothing has filled in"},
		{"proxy_pass http://shop__api__1:80;", "http shop__api__1:80"},
		{"proxy_pass http://<api>:80;", "unknown: `<api>` is a placeholder that nothing has filled in"},
		{"if ($uri) { proxy_pass http://app/x; }", "fault: " + noURI},
		{"limit_except GET { proxy_pass http://app/x; }", "fault: " + noURI},

		{"set $a app; proxy_pass http://$a;", "http app:80 per request"},
		{"proxy_pass http://$a:81/; set $a app;", "http app:81/ per request"},
		{"set $a app; proxy_pass http://$a:8080$uri;", "http app:8080$uri per request"},
		{"proxy_pass http://app$request_uri;", "http app:80$request_uri per request"},
		{"proxy_pass http://app:8080$1;", "http app:8080$1 per request"},
		{"set $a app:81; proxy_pass http://${a}/x$is_args$args;", "http app:81/x$is_args$args per request"},
		{"set $a b; set $c $a:82; proxy_pass http://$c;", "http b:82 per request"},
		{"set $a b; if ($uri) { set $a c; } proxy_pass http://$a;", "http b:80 per request, http c:80 per request"},
		{"set $a ''; if ($uri) { set $a c; } proxy_pass http://$a;", "http c:80 per request"},
		{"set $a 10.0.0.1; proxy_pass http://$a;", "http 10.0.0.1:80"},
		{"set $a GRoup; proxy_pass http://$a/;", "http GRoup:0/ group"},
		{"set $a group; proxy_pass http://$a:80;", "http group:80 per request"},
		{"set $a literal; proxy_pass http://$a:9000;", "http literal:9000"},
		{"set $a LITERAL; fastcgi_pass $a:9000;", "fastcgi LITERAL:9000"},
		{"set $a literal; proxy_pass http://$a:9001;", "http literal:9001 per request"},
		{"proxy_pass $scheme://app:81;", "http app:81 per request"},
		{"set $a app; fastcgi_pass $a;", `fault: no port in upstream "app"`},
		{"set $a ''; proxy_pass http://$a:80;", `fault: no host in upstream ":80"`},
		{"set $a app:80; proxy_pass $a;", `fault: invalid URL prefix in "app:80"`},
		{"set $a x:80/p; fastcgi_pass $a;", `fault: invalid host in upstream "x:80/p"`},
		{"proxy_pass http://$host:8080;", "unknown: `$host` is only known when a request comes"},
		{"proxy_pass http://app:$port;", "unknown: `$port` is only known when a request comes"},
		{"proxy_pass $up;", "unknown: `$up` is only known when a request comes"},
		{"proxy_pass http://${API}:80;", "unknown: `${API}` is a placeholder that nothing has filled in"},
		{"set $a $http_x; proxy_pass http://$a;", "unknown: `$http_x` is only known when a request comes"},
		{"set $a unix:/run/x.sock; fastcgi_pass $a;", "fastcgi unix:/run/x.sock"},
		{"proxy_pass http://unix:/run/x.sock:$request_uri;", "http unix:/run/x.sock$request_uri"},
		{"set $a x; " + strings.Repeat("set $a $a$a$a;", 9) + " proxy_pass http://$a;", "unknown: `$a` is only known when a request comes"},
		{"set $a $a$a; proxy_pass http://$a;", "unknown: `$a` is only known when a request comes"},
		{"set $a b; if ($a = b) { return 404; } if ($uri) { set $a c; } proxy_pass http://$a;", "http b:80 per request, http c:80 per request"},
		{"set $a b; if ($uri) { set $a c; } if ($a = c) { return 404; } proxy_pass http://$a;", "http b:80 per request"},
		{"set $a b; if ($uri) { set $a c; } if ($a = c) { set $d e; } proxy_pass http://$a;", "http b:80 per request, http c:80 per request"},
		{`set $a b; if ($host ~ "^(?<a>c).x") { set $d e; } proxy_pass http://$a;`, "http b:80 per request, unknown: `$a` is only known when a request comes"},
		{"set $a b; rewrite ^/(?<a>c)/ /; proxy_pass http://$a;", "http b:80 per request, unknown: `$a` is only known when a request comes"},
		{"rewrite ^/x/(.*) /$1 break; proxy_pass http://app:80;", "http app:80"},
		{"set $a b; auth_request_set $a $upstream_http_x; proxy_pass http://$a;", "unknown: `$upstream_http_x` is only known when a request comes"},
	}
	for _, test := range tests {
		conf := "upstream group { server x; }\nserver { location /other { fastcgi_pass literal:9000; } location / { " + test.conf + " } }"
		passes := allPasses(parse(stock(conf)))
		if got := describeTargets(passes[len(passes)-1]); got != test.want {
			t.Errorf("%s\ngot  %s\nwant %s", test.conf, got, test.want)
		}
	}
}

const noURI = `"proxy_pass" cannot have URI part in location given by regular expression, or inside named location, or inside "if" statement, or inside "limit_except" block`

func describeTargets(p *proxy.Pass) string {
	var all []string
	for _, t := range p.Targets {
		text := fmt.Sprintf("%s %s:%d%s", t.Scheme, t.Host, t.Port, t.URI)
		switch {
		case t.Fault != "":
			text = "fault: " + t.Fault
		case t.Unknown != "":
			text = "unknown: " + t.Unknown
		case t.Socket != "":
			text = t.Scheme + " unix:" + t.Socket + t.URI
		case t.Group != nil:
			text += " group"
		case t.PerRequest:
			text += " per request"
		}
		all = append(all, text)
	}
	return strings.Join(all, ", ")
}

// What map, geo and split_clients may give to a variable, and where each value is written.
func TestChoices(t *testing.T) {
	for _, test := range []struct{ conf, want, said string }{
		{"map $host $b {\nhostnames;\nvolatile;\ndefault a:80;\n*.x.org b:81;\n~^(?<n>c) $n:82;\n}", "http a:80 per request, http b:81 per request, unknown: `$n` is only known when a request comes", "4:9 5:9 -"},
		{"map $host $b {\nx a:80;\n}", "http a:80 per request", "2:3"},
		{"map $host $b {\ndefault '';\nx a:80;\ny 0;\n}", "http a:80 per request", "3:3"},
		{"map $host $b { }", `fault: no host in upstream ""`, "-"},
		{"map $host $b { default $c; }\nmap $uri $c {\ndefault c:80;\nx group;\n}", "http c:80 per request, http group:0 group", "3:9 4:3"},
		{"map $host $b { default $c; }\nmap $uri $c { default $b; }", "unknown: `$b` is only known when a request comes", "-"},
		{"geo $b {\ndefault a;\nproxy 10.0.0.1;\ndelete 10.0.0.0/8;\nranges;\n10.0.0.0-10.0.0.9 b;\n}", "http a:80 per request, http b:80 per request", "2:9 6:19"},
		{"geo $remote_addr $b {\ndefault a;\n}", "http a:80 per request", "2:9"},
		{"split_clients $remote_addr $b {\n50% a;\n* b;\n}", "http a:80 per request, http b:80 per request", "2:5 3:3"},
	} {
		conf := test.conf + "\nupstream group { server x; }\nserver { location / { proxy_pass http://$b; } }"
		pass := allPasses(parse(stock(conf)))[0]
		var said []string
		for _, t := range pass.Targets {
			place := "-"
			if t.Said.Known() {
				place = fmt.Sprintf("%d:%d", t.Said.Line, t.Said.Column)
			}
			said = append(said, place)
		}
		if got := describeTargets(pass); got != test.want || strings.Join(said, " ") != test.said {
			t.Errorf("%s\ngot  %s, said at %v\nwant %s, said at %s", test.conf, got, said, test.want, test.said)
		}
	}
}

func TestSaid(t *testing.T) {
	for conf, want := range map[string]string{
		"set $a app; location / { proxy_pass http://$a; }":                  "1:17",
		"set $a app; location / { set $a app; proxy_pass http://$a; }":      "1:42",
		"set $p ap; set $a ${p}p; location / { proxy_pass http://$a; }":     "",
		"set $p app; set $a $p:80; location / { proxy_pass http://$a; }":    "1:17",
		"location / { if ($uri) { set $a app; } proxy_pass http://$a; }":    "1:42",
		"set $a ba.app; set $b app; location / { proxy_pass http://$a$b; }": "",
		"set $a 80; location / { proxy_pass http://app:$a; }":               "",
		"location /x { set $a app; } location / { proxy_pass http://$a; }":  "",
	} {
		passes, got := allPasses(parse(stock("server { "+conf+" }"))), ""
		if said := passes[0].Targets[0].Said; said.Known() {
			got = fmt.Sprintf("%d:%d", said.Line, said.Column)
		}
		if got != want {
			t.Errorf("%s: %q, want %q", conf, got, want)
		}
	}
}

// A map may have entries in other files, which may be missing, wrong or unknown.
func TestIncludedChoices(t *testing.T) {
	for include, want := range map[string]string{
		"b.map":          "http a:80 per request, http b:80 per request",
		"[bc].map":       "http a:80 per request, unknown: `$b` is only known when a request comes, http b:80 per request, http c:80 per request; c.map:2:2 invalid number of parameters [y in map]",
		"none*":          "http a:80 per request",
		"twice.map":      "http a:80 per request, http b:80 per request; b.map:2:1 conflicting parameter \"x.org\" [x.org in map]",
		"volume/b.map":   "http a:80 per request, unknown: `$b` is only known when a request comes",
		"volume/*":       "http a:80 per request, unknown: `$b` is only known when a request comes",
		"circle.map":     "http a:80 per request, unknown: `$b` is only known when a request comes",
		"unbalanced.map": "http a:80 per request, unknown: `$b` is only known when a request comes; unbalanced.map:1:1 unexpected \"}\" [ in main]",
	} {
		files := stock("map $host $b {\n default a:80; include " + include + ";\n}\nserver { location / { proxy_pass http://$b; } }")
		for name, text := range map[string]string{
			"b": "# b\nx.org b:80;", "c": "\n y y z;\n~z c:80;", "twice": "include b.map;\ninclude b.map;", "circle": "include circle.map;", "unbalanced": "}",
		} {
			files["/etc/nginx/"+name+".map"] = text
		}
		c := parse(files)
		got := describeTargets(allPasses(c)[0])
		if len(c.Faults) > 0 {
			got += "; " + describeFaults(c.Faults)
		}
		if got != want {
			t.Errorf("%s\ngot  %s\nwant %s", include, got, want)
		}
	}
}

// The http and the stream module have variables of their own.
func TestChoicesOfStream(t *testing.T) {
	c := parse(with("events { }\nstream { map $ssl_preread_server_name $b { default a:443; x.org b:443; }\nserver { listen 443; ssl_preread on; proxy_pass $b; } }\n" +
		"http { map $host $b { default c:80; } server { location / { proxy_pass http://$b; } } }\n"))
	var got []string
	for _, p := range allPasses(c) {
		got = append(got, describeTargets(p))
	}
	if want := "tcp a:443 per request, tcp b:443 per request; http c:80 per request"; strings.Join(got, "; ") != want {
		t.Errorf("got %s\nwant %s", strings.Join(got, "; "), want)
	}
}

// Sets of the server and of the own location count, those of an outer location do not; those of
// another location only where nothing else is known.
func TestVariablesOfOtherBlocks(t *testing.T) {
	tests := []struct{ conf, want string }{
		{"set $a s; location / { proxy_pass http://$a; }", "http s:80 per request"},
		{"location / { proxy_pass http://$a; } set $a s;", "http s:80 per request"},
		{"set $a s; location / { set $a l; proxy_pass http://$a; }", "http l:80 per request"},
		{"set $a s; location / { set $a l; location /x { proxy_pass http://$a; } }", "http s:80 per request"},
		{"location / { set $a l; rewrite ^ /x; } location /x { proxy_pass http://$a; }", "http l:80 per request"},
		{"server_name ~^(?<a>.*)$; location / { proxy_pass http://$a; } location /x { set $a l; }", "unknown: `$a` is only known when a request comes"},
		{"set $a s; location ~ ^/(?<a>.*)$ { proxy_pass http://$a; }", "unknown: `$a` is only known when a request comes"},
		{"listen 80; listen 443 ssl; location / { proxy_pass $scheme://a; }", "http a:80 per request, https a:443 per request"},
	}
	for _, test := range tests {
		if got := describeTargets(allPasses(parse(stock("server { " + test.conf + " }")))[0]); got != test.want {
			t.Errorf("%s\ngot  %s\nwant %s", test.conf, got, test.want)
		}
	}
}

func TestGroupOfLua(t *testing.T) {
	c := Parse(stock("upstream b { server 0.0.0.1; balancer_by_lua_block { -- a }\n local b = require 'b' } keepalive 5; }\nserver { location / { proxy_pass http://b; } }").files(), Options{})
	if p := c.Groups[0].Servers[0]; p.Host != "" || p.Unknown == "" || len(c.Faults)+len(c.Unchecked) > 0 {
		t.Errorf("%+v, faults %v, unchecked %v", p, c.Faults, c.Unchecked)
	}
	if got, want := describeTargets(allPasses(c)[0]), "http b:0 group"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// What Lua writes into a variable is not known.
func TestVariablesOfLua(t *testing.T) {
	const unknown = "unknown: `$a` is only known when a request comes"
	tests := []struct{ conf, want string }{
		{`location / { set $a ""; access_by_lua_block { ngx.var.a = "}" } proxy_pass http://$a; }`, unknown},
		{`location / { set $a x; rewrite_by_lua_file /x.lua; proxy_pass http://$a; }`, unknown},
		{`location / { set_by_lua_block $a { return "x" } proxy_pass http://$a; } location /x { set $a x; }`, unknown},
		{`location / { set $a x; access_by_lua 'ngx.var["a"] = 1'; proxy_pass http://$a; }`, unknown},
		{`access_by_lua_block { ngx.var.a = 1 } location / { set $a x; proxy_pass http://$a; }`, unknown},
		{`location / { set $a x; access_by_lua_block { ngx.var.ab = 1 } proxy_pass http://$a; }`, "http x:80 per request"},
		{`location /x { access_by_lua_block { ngx.var.a = 1 } } location / { set $a x; proxy_pass http://$a; }`, "http x:80 per request"},
	}
	for _, test := range tests {
		c := Parse(stock("server { "+test.conf+" }").files(), Options{})
		if got := describeTargets(allPasses(c)[0]); got != test.want || len(c.Faults) > 0 {
			t.Errorf("%s\ngot  %s %v\nwant %s", test.conf, got, c.Faults, test.want)
		}
	}
}

func TestManyChoices(t *testing.T) {
	var conf strings.Builder
	for i := range 2 * maxValues {
		fmt.Fprintf(&conf, "h%d a%d;\n", i, i)
	}
	targets := allPasses(parse(stock("map $host $b { " + conf.String() + "} server { location / { proxy_pass http://$b; } }")))[0].Targets
	if last := targets[len(targets)-1]; len(targets) != maxValues+1 || last.Unknown == "" {
		t.Errorf("%d targets, the last is %+v", len(targets), last)
	}
}

func TestResolvers(t *testing.T) {
	c := parse(stock(`upstream a { server a; resolver 1.1.1.1; }
upstream b { server a; }
resolver 127.0.0.11 [::1]:53;
server {
  location /1 { proxy_pass http://$x; }
  location /2 { resolver $dns; proxy_pass http://$x; location /2/3 { proxy_pass http://$x; } }
}
server { resolver 8.8.8.8; location / { proxy_pass http://$x; } }`))
	var got []string
	for _, p := range allPasses(c) {
		got = append(got, fmt.Sprint(p.Resolver.Addresses, p.Resolver.Variable))
	}
	for _, g := range c.Groups {
		got = append(got, fmt.Sprint(g.Resolver.Addresses))
	}
	want := "[127.0.0.11 ::1] false; [$dns] true; [$dns] true; [8.8.8.8] false; [1.1.1.1]; [127.0.0.11 ::1]"
	if text := strings.Join(got, "; "); text != want {
		t.Errorf("got %s, want %s", text, want)
	}
}

func TestGroups(t *testing.T) {
	tests := []struct{ conf, want string }{
		{"upstream b { server a; }", "b:"},
		{"upstream b { }", "b:no servers are inside upstream"},
		{"upstream b { server a backup; }", `b:no servers in upstream "b"`},
		{"upstream b { include volume/b; }", "b:"},
		{"upstream b { server a; } upstream B { server a; }", `b: B:duplicate upstream "B"`},
		{"upstream b { server http://a:1; }", `b:[invalid host in upstream "http://a:1"]`},
		{"upstream b { server a:x; }", `b:[invalid port in upstream "a:x"]`},
		{"upstream b { server ${A}:1; }", "b:[`${A}` is a placeholder that nothing has filled in]"},
		{"upstream b { server a:1\n server c:1; }", "b:"},
		{"upstream b { server server http://a:1; }", `b:[invalid host in upstream "http://a:1"]`},
		{"upstream b { zone b 64k; keepalive 16; least_conn; server a:1 weight=2 max_conns=5 max_fails=3 fail_timeout=30s; server unix:/run/b.sock down; }", "b:"},
		{"upstream b { ip_hash; server a:1 resolve; server a:2 backup; server a:3 down; }", "b:"},
		{"upstream b { hash $request_uri consistent; random two least_conn; server unix:; }", `b:[no path in the unix domain socket in upstream "unix:"]`},
	}
	for _, test := range tests {
		var got []string
		for _, g := range parse(stock(test.conf)).Groups {
			text := g.Name + ":" + g.Fault
			for _, p := range g.Servers {
				if p.Fault+p.Unknown != "" {
					text += "[" + p.Fault + p.Unknown + "]"
				}
			}
			got = append(got, text)
		}
		if text := strings.Join(got, " "); text != test.want {
			t.Errorf("%s\ngot  %s\nwant %s", test.conf, text, test.want)
		}
	}
}

func TestListens(t *testing.T) {
	tests := []struct{ conf, want string }{
		{"", "*:80"},
		{"listen *:81;", "*:81"},
		{"listen 0.0.0.0:81;", "*:81"},
		{"listen [::1];", "::1:80"},
		{"listen localhost:82 http2 ssl;", "localhost:82 tls http2"},
		{"listen example;", "example:80"},
		{"listen 8000-8002;", "*:8000 *:8001 *:8002"},
		{"listen 443 quic reuseport;", "*:443 tls udp"},
		{"listen unix:/run/n.sock;", "unix:/run/n.sock"},
		{"listen 443; ssl on;", "*:443 tls"},
		{"listen 81; http2 on;", "*:81 http2"},
	}
	for _, test := range tests {
		c := parse(stock("server { " + test.conf + " }"))
		var got []string
		for _, l := range c.Servers[0].Listens {
			text := fmt.Sprintf("%s:%d", l.Address, l.Port)
			if l.Address == "" {
				text = fmt.Sprintf("*:%d", l.Port)
			}
			if l.Socket != "" {
				text = "unix:" + l.Socket
			}
			if l.TLS {
				text += " tls"
			}
			if l.HTTP2 {
				text += " http2"
			}
			if l.UDP {
				text += " udp"
			}
			got = append(got, text)
		}
		if text := strings.Join(got, " "); text != test.want || len(c.Faults) > 0 {
			t.Errorf("%s\ngot  %s %v\nwant %s", test.conf, text, c.Faults, test.want)
		}
	}
}

// What multiplies by includes, and what is nested without end, is cut off and said.
// In a line that is longer than people write there are no columns.
func TestLongLine(t *testing.T) {
	long := "server { " + strings.Repeat("location /x { proxy_pass http://app:80; } ", 2000)[:maxLine] + "proxy_pass http://app:80; }"
	for conf, column := range map[string]int{"server { location / { proxy_pass http://app; } }": 34, strings.Replace(long, "lo", "proxy_pass x; lo", 1): 0} {
		for _, p := range allPasses(parse(stock(conf)))[:1] {
			if p.Place.Line != 1 || p.Place.Column != column {
				t.Errorf("%.60s: %v", conf, p.Place)
			}
		}
	}
}

func TestBounds(t *testing.T) {
	doubling := with("events {} include /0;")
	for i := range 40 {
		doubling[fmt.Sprintf("/%d", i)] = fmt.Sprintf("include /%d; include /%d;", i+1, i+1)
	}
	doubling["/40"] = ""
	deep := with(strings.Repeat("http{", 100_000))
	for name, tree := range map[string]tree{"doubling": doubling, "deep": deep} {
		if c := parse(tree); len(c.Unchecked) == 0 {
			t.Errorf("%s: nothing is unchecked; faults %v", name, c.Faults)
		}
	}
}

// FuzzParse looks for panics, and for places that are not in the file.
func FuzzParse(f *testing.F) {
	f.Add("server { listen 80; location / { set $a b; proxy_pass http://$a:80$uri; } }", true)
	f.Add("upstream a { server b:1 resolve; } stream { server { listen 1-9; proxy_pass $x; } }", false)
	f.Add("\ufeffhttp { include /etc/nginx/conf.d/*.conf; location ~ x { if (a) { } } \"", true)
	f.Add("content_by_lua_block { -- [[ } ]] ' \n [=[ ]=] } map $a $b { include x; }", false)
	f.Fuzz(func(t *testing.T, conf string, strict bool) {
		c := Parse(stock(conf).files(), Options{Stock: strict})
		for _, p := range allPasses(c) {
			if len(p.Targets) == 0 {
				t.Errorf("%s has no target", p)
			}
		}
		lines := strings.Split(conf, "\n")
		for _, p := range places(c) {
			if p.File != "conf.d/default.conf" {
				continue
			}
			if p.Line < 1 || p.Line > len(lines) || p.Column < 1 || p.Column > len(lines[p.Line-1])+1 {
				t.Errorf("%v is not in the file", p)
			}
		}
	})
}

// places are all places in a configuration.
func places(c *proxy.Config) []proxy.Place {
	var all []proxy.Place
	for _, f := range c.Faults {
		all = append(all, f.Place)
	}
	for _, g := range c.Groups {
		all = append(all, g.Place)
		for _, p := range g.Servers {
			all = append(all, p.Place)
		}
	}
	for _, s := range c.Servers {
		all = append(all, s.Place)
		for _, l := range s.Listens {
			all = append(all, l.Place)
		}
	}
	for _, p := range allPasses(c) {
		all = append(all, p.Place)
	}
	return all
}
