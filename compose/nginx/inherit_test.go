package nginx

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"why502/compose/proxy"
)

// What a pass takes over from the blocks around it: "name=value" of what it sends, behind a bar what
// is forgotten, then the HTTP version and the timeouts.
func TestInherited(t *testing.T) {
	tests := []struct{ conf, want string }{
		{"server { location / { proxy_pass http://a; } }", "| 1.1 1m0s 1m0s 1m0s"},
		{"proxy_set_header Host $host; server { location / { proxy_pass http://a; } }", "Host=$host | 1.1 1m0s 1m0s 1m0s"},
		{"proxy_set_header Host a; server { proxy_set_header Host b; proxy_set_header X 1; location / { proxy_pass http://a; } }", "Host=b X=1 | 1.1 1m0s 1m0s 1m0s"},
		{"proxy_set_header Host a; server { proxy_set_header Y 1; location / { proxy_set_header X 1; proxy_pass http://a; } }", "X=1 | Y Host 1.1 1m0s 1m0s 1m0s"},
		{"proxy_http_version 1.1; proxy_read_timeout 5; server { proxy_connect_timeout 1m30s; proxy_set_header X 1; location / { proxy_send_timeout 250ms; proxy_pass http://a; } }",
			"X=1 | 1.1 1m30s 250ms 5s"},
		{"server { proxy_set_header X 1; location / { location /a { proxy_pass http://a; } } }", "X=1 | 1.1 1m0s 1m0s 1m0s"},
		{"server { proxy_set_header X 1; location / { if ($a) { proxy_pass http://a; } } }", "X=1 | 1.1 1m0s 1m0s 1m0s"},
		{"proxy_set_header Host a; proxy_read_timeout 5; fastcgi_param A 1; server { fastcgi_read_timeout 6; location / { fastcgi_param B $b if_not_empty; fastcgi_pass a:9; } }",
			"B=$b | A  1m0s 1m0s 6s"},
		{"server { grpc_set_header X 1; location / { proxy_set_header Y 1; grpc_pass a:9; } }", "X=1 |  1m0s 1m0s 1m0s"},
		{"proxy_read_timeout 1d2h; server { location / { proxy_send_timeout x; proxy_pass http://a; } }", "| 1.1 1m0s 1m0s 26h0m0s"},
		{"proxy_read_timeout 99999999999y; server { location / { proxy_pass http://a; } }", "| 1.1 1m0s 1m0s " + maxTime.String()},
	}
	for _, test := range tests {
		if got := inEffect(allPasses(parse(stock(test.conf)))[0]); got != test.want {
			t.Errorf("%s\ngot  %s\nwant %s", test.conf, got, test.want)
		}
	}
}

func inEffect(p *proxy.Pass) string {
	var words []string
	for _, s := range p.Sent {
		words = append(words, s.Name+"="+s.Value)
	}
	words = append(words, "|")
	for _, f := range p.Forgotten {
		words = append(words, f.Name)
	}
	return fmt.Sprintf("%s %s %v %v %v", strings.Join(words, " "), p.HTTPVersion, p.Timeouts.Connect, p.Timeouts.Send, p.Timeouts.Read)
}

func TestStreamTimeouts(t *testing.T) {
	c := parse(with("events {}\nstream { server { listen 1; proxy_pass a:1; } server { listen 2; proxy_timeout 3s; proxy_pass a:1; } }"))
	for i, want := range []proxy.Timeouts{
		{Connect: time.Minute, Send: 10 * time.Minute, Read: 10 * time.Minute}, {Connect: time.Minute, Send: 3 * time.Second, Read: 3 * time.Second},
	} {
		if got := allPasses(c)[i].Timeouts; got != want {
			t.Errorf("%v, want %v", got, want)
		}
	}
}

func TestRoot(t *testing.T) {
	for conf, want := range map[string]string{
		"server { location / { proxy_pass http://a; } }":                                           "",
		"root /a; server { location / { proxy_pass http://a; } }":                                  "/a",
		"root /a; server { root /b; location / { location /x { proxy_pass http://a; } } }":         "/b",
		"server { root /b; location / { root $c; proxy_pass http://a; } }":                         "$c",
		"server { root /b; location /x/ { alias /y/; location ~ php { fastcgi_pass unix:/a; } } }": "",
	} {
		if got := allPasses(parse(stock(conf)))[0].Root; got != want {
			t.Errorf("%s: %q, want %q", conf, got, want)
		}
	}
}

// nginx 1.29.7 is the first that asks in HTTP/1.1 by itself.
func TestHTTPVersion(t *testing.T) {
	for version, want := range map[string]string{"": "1.1", "stable": "1.1", "1.22": "1.0", "1.29.6": "1.0", "1.29.7": "1.1", "1.29": "1.1"} {
		c := Parse(stock("server { location / { proxy_pass http://a; } }").files(), Options{Stock: true, Version: version})
		if got := allPasses(c)[0].HTTPVersion; got != want {
			t.Errorf("%q: %s, want %s", version, got, want)
		}
	}
}

func TestAuth(t *testing.T) {
	for conf, want := range map[string]string{
		"server { location / { proxy_pass http://a; } }":                                                      "",
		"server { auth_request /a; location / { proxy_pass http://a; } }":                                     "/a",
		"auth_request /a; server { location / { auth_request /b; location /c { proxy_pass http://a; } } }":    "/b",
		"auth_request /a; server { location / { auth_request off; proxy_pass http://a; } }":                   "",
		"auth_request off; server { location / { if ($uri) { proxy_pass http://a; } auth_request /offer; } }": "/offer",
	} {
		if got := allPasses(parse(stock(conf)))[0].Auth; got != want {
			t.Errorf("%s: %q, want %q", conf, got, want)
		}
	}
}

// How a pass begins TLS: each setting is inherited by itself.
func TestTLS(t *testing.T) {
	for _, test := range []struct {
		conf string
		want proxy.TLS
	}{
		{"server { location / { proxy_pass https://a; } }", proxy.TLS{}},
		{"proxy_ssl_server_name on; server { proxy_ssl_name x; location / { proxy_pass https://a; } }", proxy.TLS{SendsName: true, Name: "x"}},
		{"proxy_ssl_server_name on; server { proxy_ssl_server_name off; location / { proxy_pass https://a; } }", proxy.TLS{}},
		{"server { proxy_ssl_verify on; proxy_ssl_trusted_certificate ca.pem; proxy_ssl_certificate own.pem; location / { proxy_pass https://a; } }",
			proxy.TLS{Verifies: true, Trusted: "ca.pem", Certificate: "own.pem"}},
		{"server { proxy_ssl_verify on; grpc_ssl_name x; location / { grpc_pass grpcs://a:1; } }", proxy.TLS{Name: "x"}},
	} {
		if got := allPasses(parse(stock(test.conf)))[0].TLS; got != test.want {
			t.Errorf("%s\ngot  %+v\nwant %+v", test.conf, got, test.want)
		}
	}
}

// The servers of a resolver are asked at their ports.
func TestResolverPorts(t *testing.T) {
	r := allPasses(parse(stock("resolver 10.0.0.2:5353 [::1]:54 127.0.0.11 valid=5s; server { location / { proxy_pass http://$a; } }")))[0].Resolver
	if got := fmt.Sprint(r.Addresses, r.Servers); got != "[10.0.0.2 ::1 127.0.0.11] [10.0.0.2:5353 [::1]:54 127.0.0.11]" {
		t.Error(got)
	}
}
