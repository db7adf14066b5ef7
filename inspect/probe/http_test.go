package probe

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"why502/inspect"
)

func silentLog() *log.Logger { return log.New(io.Discard, "", 0) }

// What is learnt of a server of HTTP, and what it is asked for that.
func TestHTTP(t *testing.T) {
	status := func(code int) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(code) }
	}
	byHost := func(w http.ResponseWriter, r *http.Request) {
		if r.Host != "shop.example.com" {
			w.WriteHeader(400)
		}
	}
	noHead := func(w http.ResponseWriter, r *http.Request) {
		if r.Method == "HEAD" {
			w.WriteHeader(405)
		}
	}
	sockets := func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") == "websocket" && r.Header.Get("Connection") == "Upgrade" {
			w.WriteHeader(101)
		}
	}
	tests := []struct {
		name    string
		handler http.HandlerFunc
		call    inspect.Call
		want    inspect.Talk
		asked   string
	}{
		{"ok", status(200), inspect.Call{Asked: "api"}, inspect.Talk{Status: 200}, "HEAD api/"},
		{"no host", status(200), inspect.Call{}, inspect.Talk{Status: 200}, "HEAD /"},
		{"same name", status(404), inspect.Call{Asked: "api", Real: "api"}, inspect.Talk{Status: 404}, "HEAD api/"},
		{"redirection", status(301), inspect.Call{Asked: "api"}, inspect.Talk{Status: 301}, "HEAD api/"},
		{"by name", byHost, inspect.Call{Asked: "api", Real: "shop.example.com"}, inspect.Talk{Status: 400, Real: 200}, "HEAD api/, HEAD shop.example.com/"},
		{"no HEAD", noHead, inspect.Call{Asked: "api", Real: "shop"}, inspect.Talk{Status: 200, Real: 200}, "HEAD api/, GET api/, GET shop/"},
		{"no method", status(405), inspect.Call{Asked: "api"}, inspect.Talk{Status: 405}, "HEAD api/, GET api/"},
		{"websocket", sockets, inspect.Call{Asked: "api", Path: "/ws?v=1"}, inspect.Talk{Status: 200, Upgraded: 101}, "HEAD api/, GET api/ws?v=1"},
		{"no websocket", status(404), inspect.Call{Asked: "api", Path: "/ws"}, inspect.Talk{Status: 404, Upgraded: 404}, "HEAD api/, GET api/ws"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var asked []string
			var lock sync.Mutex
			test.call.Host, test.call.Scheme = "127.0.0.1", "http"
			test.call.Port = httpServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				lock.Lock()
				defer lock.Unlock()
				asked = append(asked, r.Method+" "+r.Host+r.URL.String())
				if r.UserAgent() != inspect.ProbeAgent || r.ContentLength > 0 {
					t.Errorf("headers: %v", r.Header)
				}
				test.handler(w, r)
			}))
			got := met(t, test.call)
			if got.Took <= 0 {
				t.Error("it took no time")
			}
			got.Took, test.want.Speaks = 0, speaksHTTP
			if got != test.want {
				t.Errorf("got  %+v\nwant %+v", got, test.want)
			}
			if all := strings.Join(asked, ", "); all != test.asked {
				t.Errorf("asked %q, want %q", all, test.asked)
			}
		})
	}
}

// Answers of HTTP that are not as they should be.
func TestStrangeHTTP(t *testing.T) {
	tests := []struct {
		name, answer string
		status       int
	}{
		{"announced", "HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", 200},
		{"cut off", "HTTP/1.1 200 OK\r\nServer: x", 0},
		{"bad header", "HTTP/1.1 200 OK\r\nno colon\r\n\r\n", 0},
		{"no number", "HTTP/1.1 OK\r\n\r\n", 0},
		{"endless", "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 1<<20) + "\r\n\r\n", 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			port := listen(t, func(conn net.Conn) {
				conn.Read(make([]byte, 1024))
				io.WriteString(conn, test.answer)
			})
			talk := met(t, inspect.Call{Host: "127.0.0.1", Port: port, Scheme: "http"})
			if talk.Speaks != speaksHTTP || talk.Status != test.status {
				t.Errorf("%+v", talk)
			}
		})
	}
}

// Text of a server does not move anybody's cursor.
func TestBannersArePrintable(t *testing.T) {
	banner := "\x1b[31mred\u202e\n" + strings.Repeat("x", 1000)
	talk := met(t, inspect.Call{Host: "127.0.0.1", Port: listen(t, says(banner, "")), Scheme: "tcp"})
	if len(talk.Banner) != maxBanner || !strings.HasPrefix(talk.Banner, ".[31mred....xxx") {
		t.Errorf("banner %q", talk.Banner)
	}
}

func TestTLS(t *testing.T) {
	plainPort, server := tlsServer(t, nil)
	namedPort, _ := tlsServer(t, needsName)
	clientPort, _ := tlsServer(t, func(c *tls.Config) { c.ClientAuth = tls.RequireAnyClientCert })
	oldPort, _ := tlsServer(t, func(c *tls.Config) { c.ClientAuth, c.MaxVersion = tls.RequireAnyClientCert, tls.VersionTLS12 })
	trusted := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
	other := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: selfSigned(t, "other").Raw}))
	tests := []struct {
		name string
		port int
		call inspect.Call
		want inspect.Talk
	}{
		{"not verified", plainPort, inspect.Call{}, inspect.Talk{Within: "http", Status: 200, Server: "hello"}},
		{"verified", plainPort, inspect.Call{Verify: "example.com", Trusted: trusted}, inspect.Talk{Within: "http", Status: 200, Server: "hello"}},
		{"nothing known to be trusted", plainPort, inspect.Call{Verify: "example.com"}, inspect.Talk{Within: "http", Status: 200, Server: "hello"}},
		{"unknown authority", plainPort, inspect.Call{Verify: "example.com", Trusted: other}, inspect.Talk{TLSError: unknownAuthority}},
		{"another name", plainPort, inspect.Call{Verify: "app", Trusted: trusted}, inspect.Talk{TLSError: "certificate is valid for example.com, *.example.com, not app"}},
		{"without a name", namedPort, inspect.Call{Host: "localhost"}, inspect.Talk{NeedsSNI: true, TLSError: "internal error"}},
		{"with a name", namedPort, inspect.Call{SNI: "app"}, inspect.Talk{Within: "http", Status: 200, Server: "hello"}},
		{"client certificate", clientPort, inspect.Call{}, inspect.Talk{Closed: true, TLSError: wantsCertificate}},
		{"client certificate, TLS 1.2", oldPort, inspect.Call{}, inspect.Talk{TLSError: wantsCertificate}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := test.call
			c.Host, c.Port, c.Scheme, c.Asked = "127.0.0.1", test.port, "https", "app"
			if test.call.Host != "" {
				c.Real = test.call.Host + ":443"
			}
			got := met(t, c)
			got.Took, got.Real, test.want.Speaks = 0, 0, speaksTLS
			if got != test.want {
				t.Errorf("got  %+v\nwant %+v", got, test.want)
			}
		})
	}
}

func TestRefusal(t *testing.T) {
	leaf := selfSigned(t, "app")
	trusted := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: leaf.Raw}))
	tests := []struct {
		name string
		call inspect.Call
		days int // after it was made
		want string
	}{
		{"common name", inspect.Call{Verify: "app", Trusted: trusted}, 0, ""},
		{"not verified", inspect.Call{Trusted: trusted}, 9, ""},
		{"expired", inspect.Call{Verify: "app", Trusted: trusted}, 9, expired},
		{"not yet", inspect.Call{Verify: "app"}, -9, expired},
		{"other common name", inspect.Call{Verify: "api", Trusted: trusted}, 0, "certificate is valid for app, not api"},
		{"no PEM", inspect.Call{Verify: "app", Trusted: "?"}, 0, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			now := leaf.NotBefore.AddDate(0, 0, test.days)
			if got := refusal([]*x509.Certificate{leaf}, test.call, now); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// What can be sent to nobody is not sent.
func TestSendable(t *testing.T) {
	for _, c := range []inspect.Call{{Asked: "a\r\nX: y"}, {Real: "a b"}, {Path: "/\x00"}} {
		if sendable(c) == nil {
			t.Errorf("%+v is", c)
		}
	}
	if err := sendable(inspect.Call{Asked: "münchen:80", Path: "/ws?a=b"}); err != nil {
		t.Error(err)
	}
}

func FuzzAnswers(f *testing.F) {
	for _, seed := range []string{
		"HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 103 x\r\n\r\n", "HTTP/1.1 99999 x\r\n\r\n", "\x15\x03\x01\x00\x02\x02\x46",
		"\x01\x0a\x00\x00\x00\x00\x00\x00", "\x00\x00\x06\x04\x00\x00\x00\x00\x00", "\x00\x00\x06\x04",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		kind, code := recognise(data), status(data)
		if code < 0 || code > 999 || code != 0 && kind != speaksHTTP {
			t.Errorf("%q is of %q with status %d", data, kind, code)
		}
		enough(data)
	})
}
