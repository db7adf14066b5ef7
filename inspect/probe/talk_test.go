package probe

import (
	"bufio"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/fcgi"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"why502/inspect"
)

// listen gives every connection to a port of 127.0.0.1 to serve.
func listen(t *testing.T, serve func(net.Conn)) (port int) {
	t.Helper()
	listener := listener(t)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				serve(conn)
			}()
		}
	}()
	return portOf(listener.Addr())
}

func listener(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func portOf(address net.Addr) int {
	_, port, _ := net.SplitHostPort(address.String())
	number, _ := strconv.Atoi(port)
	return number
}

var hello = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.Header().Set("Server", "hello") })

func httpServer(t *testing.T, handler http.Handler) (port int) {
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return portOf(server.Listener.Addr())
}

// tlsServer serves HTTP within TLS, with the certificate of httptest, which is of example.com.
func tlsServer(t *testing.T, configure func(*tls.Config)) (port int, trusted *httptest.Server) {
	server := httptest.NewUnstartedServer(hello)
	server.Config.ErrorLog = silentLog()
	server.EnableHTTP2 = true
	server.TLS = &tls.Config{}
	if configure != nil {
		configure(server.TLS)
	}
	server.StartTLS()
	t.Cleanup(server.Close)
	return portOf(server.Listener.Addr()), server
}

// needsName is a TLS server that ends a handshake without a server name.
func needsName(config *tls.Config) {
	config.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		if hello.ServerName == "" {
			return nil, errors.New("no name")
		}
		return nil, nil
	}
}

func fastcgiServer(t *testing.T) (port int) {
	l := listener(t)
	go fcgi.Serve(l, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a script ran") }))
	return portOf(l.Addr())
}

func http2Server(t *testing.T, alsoHTTP1 bool) (port int) {
	l := listener(t)
	server := http.Server{Handler: hello, ErrorLog: silentLog(), Protocols: new(http.Protocols)}
	server.Protocols.SetUnencryptedHTTP2(true)
	server.Protocols.SetHTTP1(alsoHTTP1)
	go server.Serve(l)
	t.Cleanup(func() { server.Close() })
	return portOf(l.Addr())
}

// uwsgi answers a packet as uWSGI does with its default buffer, and closes where it is no packet.
func uwsgi(answer string) func(net.Conn) {
	return func(conn net.Conn) {
		var header [4]byte
		if _, err := io.ReadFull(conn, header[:]); err != nil {
			return
		}
		size := binary.LittleEndian.Uint16(header[1:])
		if header[0] != 0 || size > 4096 {
			return
		}
		if _, err := io.CopyN(io.Discard, conn, int64(size)); err == nil {
			io.WriteString(conn, answer)
		}
	}
}

// uwsgiWithRoom is uWSGI with a buffer of 32 KB: it waits for a packet of the size that it takes the
// first bytes of HTTP for.
func uwsgiWithRoom(conn net.Conn) {
	var header [4]byte
	if _, err := io.ReadFull(conn, header[:]); err != nil || header[0] == 1 {
		return
	}
	size := binary.LittleEndian.Uint16(header[1:])
	if _, err := io.CopyN(io.Discard, conn, int64(size)); err == nil {
		io.WriteString(conn, "HTTP/1.1 400 Bad Request\r\n\r\n")
	}
}

// pythonLike reads a line, and answers what is no HTTP with a page that has no head, as Python's
// http.server does.
func pythonLike(conn net.Conn) {
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		return
	}
	if strings.Contains(line, " HTTP/1.1") {
		io.WriteString(conn, "HTTP/1.0 200 OK\r\n\r\n")
		return
	}
	io.WriteString(conn, "<!DOCTYPE HTML>\n<html>Error response</html>")
}

// says speaks first, or answers whatever comes.
func says(first, each string) func(net.Conn) {
	return func(conn net.Conn) {
		io.WriteString(conn, first)
		for buffer := make([]byte, 4096); ; {
			if _, err := conn.Read(buffer); err != nil {
				return
			}
			io.WriteString(conn, each)
		}
	}
}

func silent(conn net.Conn) { io.Copy(io.Discard, conn) }

func closing(conn net.Conn) { conn.Read(make([]byte, 1)) }

// What is known of each kind of server, by what a pass of each scheme says to it.
func TestSpeaks(t *testing.T) {
	const uwsgiOK, uwsgiBad = "HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 400 Bad Request\r\n\r\n"
	tlsPort, _ := tlsServer(t, nil)
	sniPort, _ := tlsServer(t, needsName)
	schemes := []string{"http", "https", "fastcgi", "uwsgi", "grpc", "grpcs", "memcached", "tcp"}
	tests := []struct {
		name string
		port int
		want string // a word for each scheme; -: nothing, closed: nothing and closed, tls/x: x within TLS, a dot: not tried, it takes seconds
	}{
		{"http", httpServer(t, hello), "http http http http http http http -"},
		{"like Python's", listen(t, pythonLike), "http http http http http http http -"},
		{"https", tlsPort, "tls tls/http tls tls tls tls/http2 tls -"},
		{"https that needs a name", sniPort, "tls tls tls tls tls tls tls -"},
		{"fastcgi", fastcgiServer(t), "fastcgi fastcgi fastcgi fastcgi fastcgi fastcgi fastcgi -"},
		{"uwsgi", listen(t, uwsgi(uwsgiOK)), "uwsgi uwsgi uwsgi uwsgi uwsgi uwsgi uwsgi -"},
		{"uwsgi with a bad request", listen(t, uwsgi(uwsgiBad)), "uwsgi uwsgi uwsgi uwsgi uwsgi uwsgi uwsgi -"},
		{"h2c", http2Server(t, false), "http2 http2 http2 http2 http2 http2 http2 -"},
		{"h2c and http", http2Server(t, true), "http http http http http2 http . -"},
		{"ssh", listen(t, says("SSH-2.0-OpenSSH_9.2\r\n", "")), "other other other other other other other other"},
		{"mysql", listen(t, says("\x4a\x00\x00\x00\x0a8.0.36\x00\x01", "")), "other other other other other other other other"},
		{"memcached", listen(t, says("", "VERSION 1.6\r\n")), "memcached memcached memcached memcached memcached memcached memcached -"},
		{"redis", listen(t, says("", "-ERR unknown command\r\n")), "other other other other other other other -"},
		{"memcached without versions", listen(t, says("", "ERROR\r\n")), "other . other other other . memcached -"},
		{"uwsgi in the words of CGI", listen(t, uwsgi("Status: 200 OK\r\n\r\n")), ". . . uwsgi . . . -"},
		{"uwsgi with room, and a bad request", listen(t, uwsgiWithRoom), "- . closed - . . . -"},
		{"closing", listen(t, closing), "closed closed closed closed closed closed closed -"},
		{"silent", listen(t, silent), "- - - . . . . -"},
	}
	for _, test := range tests {
		wants := strings.Fields(test.want)
		for i, scheme := range schemes {
			if wants[i] == "." {
				continue
			}
			t.Run(test.name+" by "+scheme, func(t *testing.T) {
				t.Parallel()
				talk := met(t, inspect.Call{Host: "127.0.0.1", Port: test.port, Scheme: scheme, Asked: "app", Real: "shop.example.com"})
				if got := spoken(talk); got != wants[i] {
					t.Errorf("got %q, want %q: %+v", got, wants[i], talk)
				}
			})
		}
	}
}

// spoken is what a talk tells, in a word.
func spoken(talk inspect.Talk) string {
	switch {
	case talk.Within != "":
		return talk.Speaks + "/" + talk.Within
	case talk.Speaks == "" && talk.Closed:
		return "closed"
	case talk.Speaks == "":
		return "-"
	}
	return talk.Speaks
}

// met is what a call meets on the one address that takes its connection.
func met(t *testing.T, c inspect.Call) inspect.Talk {
	t.Helper()
	reply, err := call(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	if len(reply.Dials) != 1 || reply.Dials[0].Errno != 0 {
		t.Fatalf("dials: %+v", reply.Dials)
	}
	return reply.Talk
}
