package compose

import (
	"fmt"
	"strings"
	"testing"
)

// routesOf are the routes of edge, an nginx with these keys: "edge:80 / -> api:80 [0.0.0.0:8080]".
func routesOf(t *testing.T, conf, keys string) (all []string) {
	t.Helper()
	s, err := proxies(t, map[string]string{
		"compose.yaml": "services:\n  edge: {image: nginx, volumes: ['./x.conf:/etc/nginx/nginx.conf']" + keys + "}\n  api: {image: x}\n  vpn: {image: vpn, ports: ['9090:80']}\n",
		"x.conf":       "events {}\n" + conf,
	}, "edge")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range s.Proxies[0].Routes {
		text := r.ID
		for _, p := range r.Published {
			text += fmt.Sprintf(" [%s:%d]", p.HostIP, p.Published)
		}
		all = append(all, text)
	}
	return all
}

func TestRoutes(t *testing.T) {
	const root = "location / { proxy_pass http://api:8000; }"
	for name, test := range map[string]struct {
		servers, keys string // of http
		want          string
	}{
		"one":                       {"server { " + root + " }", "", "edge:80 / -> api:8000"},
		"default port":              {"server { location / { proxy_pass http://api; } }", "", "edge:80 / -> api:80"},
		"by name":                   {"server { server_name shop.example.com www; " + root + " }", "", "edge:80 shop.example.com/ -> api:8000"},
		"by no name":                {"server { server_name _; " + root + " }", "", "edge:80 / -> api:8000"},
		"by the empty name":         {`server { server_name ""; ` + root + " }", "", "edge:80 / -> api:8000"},
		"IPv4 and IPv6 are one":     {"server { listen 80; listen [::]:80; " + root + " }", ", ports: ['8080:80']", "edge:80 / -> api:8000 [:8080]"},
		"two ports are two":         {"server { listen 80; listen 443 ssl; " + root + " }", ", ports: ['8080:80', '8443:443']", "edge:80 / -> api:8000 [:8080]\nedge:443 / -> api:8000 [:8443]"},
		"two addresses are one":     {"server { listen 127.0.0.1:80; listen 80; " + root + " }", ", ports: ['8080:80']", "edge:80 / -> api:8000 [:8080]"},
		"two of the same name":      {"server { " + root + " }\nserver { " + root + " }", "", "edge:80 / -> api:8000\nedge:80 / -> api:8000 #2"},
		"three":                     {strings.Repeat("server { "+root+" }\n", 3), "", "edge:80 / -> api:8000\nedge:80 / -> api:8000 #2\nedge:80 / -> api:8000 #3"},
		"an if in a location":       {"server { location / { if ($x) { proxy_pass http://api:8000; } proxy_pass http://api:8000; } }", "", "edge:80 / -> api:8000\nedge:80 / -> api:8000 #2"},
		"other locations":           {"server { server_name a; location = /x { proxy_pass http://api; } location ~ \\.php$ { fastcgi_pass api:9000; } location @n { proxy_pass http://api; } }", "", "edge:80 a = /x -> api:80\nedge:80 a ~ \\.php$ -> api:9000\nedge:80 a @n -> api:80"},
		"nested":                    {"server { location /a { proxy_pass http://api; location /a/b { proxy_pass http://api:81; } } }", "", "edge:80 /a -> api:80\nedge:80 /a/b -> api:81"},
		"a group":                   {"upstream g { server api; }\nserver { location / { proxy_pass http://g; } }", "", "edge:80 / -> g"},
		"a socket":                  {"server { location / { proxy_pass http://unix:/run/a.sock:/; } }", "", "edge:80 / -> unix:/run/a.sock"},
		"an IPv6 address":           {"server { location / { proxy_pass http://[fd00::1]:81; } }", "", "edge:80 / -> [fd00::1]:81"},
		"listens on a socket":       {"server { listen unix:/run/n.sock; " + root + " }", ", ports: ['8080:80']", "edge:unix:/run/n.sock / -> api:8000"},
		"published twice":           {"server { " + root + " }", ", ports: ['8080:80', '127.0.0.1:8081:80']", "edge:80 / -> api:8000 [:8080] [127.0.0.1:8081]"},
		"published at a free port":  {"server { " + root + " }", ", ports: ['80']", "edge:80 / -> api:8000 [:0]"},
		"published as udp":          {"server { " + root + " }", ", ports: ['8080:80/udp']", "edge:80 / -> api:8000"},
		"another port is published": {"server { " + root + " }", ", ports: ['80:8080']", "edge:80 / -> api:8000"},
		"listens on loopback":       {"server { listen 127.0.0.1:80; " + root + " }", ", ports: ['8080:80']", "edge:80 / -> api:8000"},
		"on loopback and on all":    {"server { listen 127.0.0.1:80; listen [::]:80; " + root + " }", ", ports: ['8080:80']", "edge:80 / -> api:8000 [:8080]"},
		"on the host's network":     {"server { " + root + " }", ", network_mode: host", "edge:80 / -> api:8000"},
		"by another's network":      {"server { " + root + " }", ", network_mode: 'service:vpn'", "edge:80 / -> api:8000 [:9090]"},
		"no pass":                   {"server { return 404; }", "", ""},
		"every value of a variable": {"server { location / { set $to api:1; if ($arg_b) { set $to api:2; } proxy_pass http://$to; } }", "", "edge:80 / -> api:1\nedge:80 / -> api:2"},
	} {
		got := strings.Join(routesOf(t, "http {\n"+test.servers+"\n}\n", test.keys), "\n")
		if got != test.want {
			t.Errorf("%s\ngot:\n%s\nwant:\n%s", name, got, test.want)
		}
	}
}

func TestStreamRoutes(t *testing.T) {
	conf := "stream {\nserver { listen 5432; proxy_pass api:5432; }\nserver { listen 53 udp; proxy_pass api:53; }\nserver { listen 53; proxy_pass api:53; }\n}\n"
	got := strings.Join(routesOf(t, conf, ", ports: ['15432:5432', '53:53/udp', '54:53']"), "\n")
	const want = "edge:5432 -> api:5432 [:15432]\nedge:53 -> api:53 [:53]\nedge:53 -> api:53 #2 [:54]"
	if got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

func TestLoopback(t *testing.T) {
	for host, want := range map[string]bool{
		"localhost": true, "LocalHost": true, "127.0.0.1": true, "127.9.9.9": true, "::1": true, "::ffff:127.0.0.1": true,
		"": false, "0.0.0.0": false, "::": false, "10.0.0.1": false, "localhost.example.com": false, "api": false,
	} {
		if got := Loopback(host); got != want {
			t.Errorf("%s: %v", host, got)
		}
	}
}
