package errorlog

import "testing"

// TestMessages has a line at least for each message of nginx and of its image that is known to go with a 502 or a
// 504, or with an nginx that does not start, and for those that are taken for one.
func TestMessages(t *testing.T) {
	const (
		reading = " while reading response header from upstream"
		conn    = " while connecting to upstream"
		shake   = " while SSL handshaking to upstream"
		conf    = " in /etc/nginx/conf.d/default.conf:7"
		none    = ""
	)
	for _, test := range []struct {
		level, message string
		kind           Kind
		hop, status    string
	}{
		// the connection
		{"error", "connect() failed (111: Connection refused)" + conn, Refused, "port", "502"},
		{"error", "connect() failed (113: Host is unreachable)" + conn, Unreachable, "name", "502"},
		{"error", "connect() failed (113: No route to host)" + conn, Unreachable, "name", "502"},
		{"error", "connect() failed (101: Network unreachable)" + conn, NoRoute, "network", "502"},
		{"error", "connect() failed (110: Operation timed out)" + conn, ConnectTimedOut, "network", "502"},
		{"error", "connect() failed (104: Connection reset by peer)" + conn, ConnectFailed, "port", "502"},
		{"error", "connect() to [fd00::3]:8000 failed (101: Network is unreachable)" + conn, NoRoute, "network", "502"},
		{"error", "connect() to 172.18.0.9:80 failed (113: No route to host)" + conn, Unreachable, "name", "502"},
		{"crit", "connect() to [::1]:8000 failed (99: Address not available)" + conn, NoRoute, "network", "502"},
		{"crit", "connect() to 0.0.0.0:0 failed (22: Invalid argument)" + conn, NoRoute, "network", "502"},
		{"crit", "connect() to unix:/run/php/fpm.sock failed (2: No such file or directory)" + conn, SocketMissing, "port", "502"},
		{"crit", "connect() to unix:/run/php/fpm.sock failed (13: Permission denied)" + conn, SocketForbidden, "port", "502"},
		{"error", "connect() to unix:/run/php/fpm.sock failed (111: Connection refused)" + conn, Refused, "port", "502"},
		{"error", "connect() to unix:/run/php/fpm.sock failed (11: Resource temporarily unavailable)" + conn, BacklogFull, "response", "502"},
		{"error", "upstream timed out (110: Connection timed out)" + conn, ConnectTimedOut, "network", "504"},
		{"error", "upstream timed out (110: Operation timed out)" + reading, ReadTimedOut, "response", "504"},
		{"error", "upstream timed out (110: Connection timed out) while sending request to upstream", SendTimedOut, "response", "504"},
		{"error", "upstream timed out (110: Connection timed out)" + shake, TLSTimedOut, "protocol", "504"},
		{"error", "upstream timed out (110: Connection timed out) while reading upstream", BodyTimedOut, "response", none},
		{"error", "upstream prematurely closed connection" + reading, ClosedEarly, "response", "502"},
		{"error", "upstream prematurely closed connection while reading upstream", BodyCut, "response", none},
		{"error", "recv() failed (104: Connection reset by peer)" + reading, Reset, "response", "502"},
		{"error", "writev() failed (32: Broken pipe) while sending request to upstream", Reset, "response", "502"},
		{"error", "send() failed (104: Connection reset by peer) while sending request to upstream", Reset, "response", "502"},
		{"error", "sendfile() failed (32: Broken pipe) while sending request to upstream", Reset, "response", "502"},
		{"error", "no live upstreams" + conn, NoLive, "port", "502"},
		{"warn", "upstream server temporarily disabled" + conn, PeerDisabled, "port", none},

		// the answer
		{"error", "upstream sent too big header" + reading, HeaderTooBig, "response", "502"},
		{"error", "upstream sent too big trailers" + reading, HeaderTooBig, "response", "502"},
		{"error", "upstream sent no valid HTTP/1.0 header" + reading, NotHTTP, "protocol", "200"},
		{"error", `upstream sent invalid header: "Bad\x20Name: 1"` + reading, HeaderInvalid, "response", "502"},
		{"error", `upstream sent duplicate header line: "Content-Length: 5", previous value: "Content-Length: 4"` + reading, HeaderInvalid, "response", "502"},
		{"warn", `upstream sent duplicate header line: "Date: a", previous value: "Date: b", ignored` + reading, HeaderInvalid, "response", none},
		{"error", `upstream sent "Content-Length" and "Transfer-Encoding" headers at the same time` + reading, HeaderInvalid, "response", "502"},
		{"error", `upstream sent invalid "Content-Length" header: "Content-Length: -1"` + reading, HeaderInvalid, "response", "502"},
		{"error", `upstream sent unknown "Transfer-Encoding": "gzip"` + reading, HeaderInvalid, "response", "502"},
		{"error", `upstream sent invalid status "6000 x"` + reading, HeaderInvalid, "response", "502"},
		{"error", "upstream sent invalid chunked response while reading upstream", BodyInvalid, "response", none},
		{"error", "upstream prematurely sent response while sending request to upstream", SentTooEarly, "protocol", "502"},

		// TLS
		{"error", "SSL_do_handshake() failed (SSL: error:0A00010B:SSL routines::wrong version number)" + shake, PlainToTLS, "protocol", "502"},
		{"error", "SSL_do_handshake() failed (SSL: error:0A000410:SSL routines::ssl/tls alert handshake failure:SSL alert number 40)" + shake, TLSFailed, "protocol", "502"},
		{"error", "peer closed connection in SSL handshake (104: Connection reset by peer)" + shake, TLSFailed, "protocol", "502"},
		{"info", "peer closed connection in SSL handshake" + shake, TLSFailed, "protocol", none},
		{"error", "upstream SSL certificate verify error: (18:self-signed certificate)" + shake, CertificateBad, "protocol", "502"},
		{"error", `upstream SSL certificate does not match "api"` + shake, CertificateBad, "protocol", "502"},
		{"crit", "SSL_do_handshake() failed (SSL: error:0A00006C:SSL routines::bad key share) while SSL handshaking", "client-handshake", none, none},

		// names
		{"error", "api could not be resolved (3: Host not found)", NotResolved, "name", "502"},
		{"error", "api could not be resolved (1: Format error)", NotResolved, "name", "502"},
		{"error", "api could not be resolved (2: Server failure)", NotResolved, "name", "502"},
		{"error", "api could not be resolved (4: Unimplemented)", NotResolved, "name", "502"},
		{"error", "api could not be resolved (5: Operation refused)", NotResolved, "name", "502"},
		{"error", "api could not be resolved (110: Operation timed out)", NotResolved, "name", "502"},
		{"error", "no resolver defined to resolve api", NoResolver, "name", "502"},
		{"error", "send() failed (111: Connection refused) while resolving, resolver: 127.0.0.11:53", ResolverFailed, "name", "502"},
		{"error", "recv() failed (111: Connection refused) while resolving, resolver: 127.0.0.11:53", ResolverFailed, "name", "502"},
		{"error", "unexpected DNS response for api", ResolverNoise, "name", none},
		{"error", "wrong ident 7 in DNS response for api, expect 8", ResolverNoise, "name", none},
		{"error", "DNS error (2: Server failure), query id:7", ResolverNoise, "name", none},
		{"error", "no A or CNAME types in DNS response", ResolverNoise, "name", none},
		{"error", `no port in upstream "api"`, URLInvalid, "config", "500"},
		{"error", `invalid URL prefix in "api:8000/x"`, URLInvalid, "config", "500"},
		{"error", `no host in upstream ":3000"`, URLInvalid, "config", "500"},
		{"error", `invalid port in upstream "api:x/"`, URLInvalid, "config", "500"},
		{"error", "zero length URI to proxy", URLInvalid, "config", "500"},

		// FastCGI, gRPC, memcached
		{"error", `FastCGI sent in stderr: "Primary script unknown"` + reading, ScriptUnknown, "protocol", "404"},
		{"error", `FastCGI sent in stderr: "PHP message: PHP Fatal error: x"` + reading, FastCGIStderr, "response", none},
		{"error", "upstream sent unsupported FastCGI protocol version: 72" + reading, HTTPToFastCGI, "protocol", "502"},
		{"error", "upstream sent unsupported FastCGI protocol version: 21" + reading, TLSToFastCGI, "protocol", "502"},
		{"error", "upstream sent invalid FastCGI record type: 60" + reading, NotFastCGI, "protocol", "502"},
		{"error", "upstream sent unexpected FastCGI record: 3" + reading, NotFastCGI, "protocol", "502"},
		{"error", "unexpected FastCGI record" + reading, NotFastCGI, "protocol", "502"},
		{"error", "upstream prematurely closed FastCGI stdout" + reading, ClosedEarly, "response", "502"},
		{"error", "upstream prematurely closed FastCGI request" + reading, ClosedEarly, "response", "502"},
		{"error", "upstream sent too large http2 frame: 4740180" + reading, HTTPToGRPC, "protocol", "502"},
		{"error", "upstream sent too large http2 frame: 1399" + reading, NotGRPC, "protocol", "502"},
		{"error", "upstream rejected request with error 2" + reading, NotGRPC, "protocol", "502"},
		{"error", "upstream sent goaway with error 1" + reading, NotGRPC, "protocol", "502"},
		{"error", "upstream sent unexpected http2 frame: 72" + reading, NotGRPC, "protocol", "502"},
		{"error", "upstream prematurely closed stream" + reading, ClosedEarly, "response", "502"},
		{"error", "upstream sent no :status header" + reading, NotGRPC, "protocol", "502"},
		{"error", "upstream sent invalid http2 table index: 99" + reading, NotGRPC, "protocol", "502"},
		{"error", `memcached sent invalid response: "HTTP/1.1 400 Bad Request"` + reading, "memcached-invalid", "protocol", "502"},

		// requests, limits and what is benign
		{"error", "auth request unexpected status: 502 while sending to client", "auth-request-failed", "response", "500"},
		{"error", "client intended to send too large body: 2097152 bytes", "body-too-large", none, "413"},
		{"error", "client intended to send too large chunked body: 2097152+1024 bytes", "body-too-large", none, "413"},
		{"error", `rewrite or internal redirection cycle while internally redirecting to "/index.html"`, "redirection-cycle", none, "500"},
		{"alert", "1024 worker_connections are not enough" + conn, OutOfConnections, "response", "500"},
		{"warn", "1024 worker_connections are not enough, reusing connections", OutOfConnections, "response", none},
		{"alert", "socket() failed (24: Too many open files)" + conn, OutOfFiles, "response", "500"},
		{"alert", "socket() failed (97: Address family not supported by protocol)" + conn, "no-ipv6", "network", "500"},
		{"crit", "bind(10.0.0.9) failed (99: Address not available)" + conn, "source-address-missing", "network", "500"},
		{"crit", `open() "/var/cache/nginx/proxy_temp/1/00/1" failed (13: Permission denied) while reading upstream`, "temp-not-writable", none, "500"},
		{"crit", `open() "/var/cache/nginx/client_temp/1" failed (30: Read-only file system)`, "temp-not-writable", none, "500"},
		{"crit", `open() "/var/cache/nginx/proxy_temp/1/00/1" failed (28: No space left on device) while reading upstream`, "temp-not-writable", none, "500"},
		{"info", "client prematurely closed connection, so upstream connection is closed too" + reading, ClientGone, none, "499"},
		{"info", "epoll_wait() reported that client prematurely closed connection, so upstream connection is closed too" + conn, ClientGone, none, "499"},
		{"warn", "an upstream response is buffered to a temporary file /var/cache/nginx/proxy_temp/1 while reading upstream", Buffered, none, none},
		{"warn", "a client request body is buffered to a temporary file /var/cache/nginx/client_temp/1", Buffered, none, none},
		{"warn", `upstream sent more data than specified in "Content-Length" header while reading upstream`, Buffered, none, none},

		// the configuration
		{"emerg", `host not found in upstream "api"` + conf, "host-not-found", "name", "no-start"},
		{"emerg", `host not found in upstream "api:8000"` + conf, "host-not-found", "name", "no-start"},
		{"emerg", `host not found in resolver "dns"` + conf, "resolver-invalid", "config", "no-start"},
		{"emerg", "no name servers defined" + conf, "resolver-invalid", "config", "no-start"},
		{"emerg", `host not found in "web:80" of the "listen" directive` + conf, "resolver-invalid", "config", "no-start"},
		{"emerg", `invalid port in upstream "api:99999"` + conf, URLInvalid, "config", "no-start"},
		{"emerg", `no host in upstream ":8000"` + conf, URLInvalid, "config", "no-start"},
		{"emerg", `invalid host in upstream "a b"` + conf, URLInvalid, "config", "no-start"},
		{"emerg", `invalid IPv6 address in upstream "[::x]"` + conf, URLInvalid, "config", "no-start"},
		{"emerg", `no path in the unix domain socket in upstream "unix:"` + conf, "group-invalid", "config", "no-start"},
		{"emerg", `too long path in the unix domain socket in upstream "unix:/x"` + conf, "group-invalid", "config", "no-start"},
		{"emerg", "invalid URL prefix" + conf, URLInvalid, "config", "no-start"},
		{"emerg", "https protocol requires SSL support" + conf, "url-without-tls", "config", "no-start"},
		{"emerg", `duplicate upstream "app"` + conf, "group-invalid", "config", "no-start"},
		{"emerg", `upstream "app" may not have port 3000` + conf, "group-invalid", "config", "no-start"},
		{"emerg", "no servers are inside upstream" + conf, "group-invalid", "config", "no-start"},
		{"emerg", `no servers in upstream "app"` + conf, "group-invalid", "config", "no-start"},
		{"emerg", `no port in upstream "php"` + conf, URLInvalid, "config", "no-start"},
		{"emerg", `invalid parameter "resolve"` + conf, "resolve-invalid", "config", "no-start"},
		{"emerg", `no resolver defined to resolve names at run time in upstream "app"` + conf, "resolve-invalid", "config", "no-start"},
		{"emerg", `resolving names at run time requires upstream "app" in /etc/nginx/conf.d/default.conf:1 to be in shared memory`, "resolve-invalid", "config", "no-start"},
		{"emerg", "load balancing method does not support resolving names at run time" + conf, "resolve-invalid", "config", "no-start"},
		{"emerg", `service upstream "app" requires "resolve" parameter` + conf, "resolve-invalid", "config", "no-start"},
		{"emerg", `"proxy_pass" cannot have URI part in location given by regular expression, or inside named location, or inside "if" statement, or inside "limit_except" block` + conf, "uri-not-allowed", "config", "no-start"},
		{"emerg", `unknown "backend_host" variable`, "variable-invalid", "config", "no-start"},
		{"emerg", "invalid variable name" + conf, "variable-invalid", "config", "no-start"},
		{"emerg", `the closing bracket in "host" variable is missing` + conf, "variable-invalid", "config", "no-start"},
		{"emerg", `open() "/etc/nginx/extra.conf" failed (2: No such file or directory)` + conf, "file-not-opened", "config", "no-start"},
		{"emerg", `open() "/etc/nginx/nginx.conf" failed (13: Permission denied)`, "file-not-opened", "config", "no-start"},
		{"emerg", `open() "/etc/nginx/conf.d/x" failed (21: Is a directory)` + conf, "file-is-directory", "config", "no-start"},
		{"emerg", `open() "/etc/nginx/conf.d/x" failed (40: Symbolic link loop)` + conf, "file-not-opened", "config", "no-start"},
		{"crit", `pread() "/etc/nginx/nginx.conf" failed (21: Is a directory)`, "file-is-directory", "config", none},
		{"emerg", `"user" directive is not allowed here` + conf, "wrong-context", "config", "no-start"},
		{"emerg", `unknown directive "proxy_pas"` + conf, "syntax", "config", "no-start"},
		{"emerg", `"listen" directive is duplicate` + conf, "syntax", "config", "no-start"},
		{"emerg", `invalid number of arguments in "proxy_pass" directive` + conf, "syntax", "config", "no-start"},
		{"emerg", `directive "listen" is not terminated by ";"` + conf, "syntax", "config", "no-start"},
		{"emerg", `directive "server" has no opening "{"` + conf, "syntax", "config", "no-start"},
		{"emerg", `unexpected "}"` + conf, "syntax", "config", "no-start"},
		{"emerg", `unexpected ";"` + conf, "syntax", "config", "no-start"},
		{"emerg", `unexpected end of file, expecting "}"` + conf, "syntax", "config", "no-start"},
		{"emerg", `unexpected end of file, expecting ";" or "}"` + conf, "syntax", "config", "no-start"},
		{"emerg", `unexpected end of parameter, expecting ";"` + conf, "syntax", "config", "no-start"},
		{"emerg", `too long parameter, probably missing terminating """ character` + conf, "syntax", "config", "no-start"},
		{"emerg", `invalid value "yes" in "sendfile" directive, it must be "on" or "off"` + conf, "syntax", "config", "no-start"},
		{"emerg", `no "events" section in configuration`, "no-events", "config", "no-start"},
		{"emerg", "1 worker_connections are not enough for 2 listening sockets", "too-few-connections", "config", "no-start"},
		{"emerg", `duplicate location "/"` + conf, "server-name-conflict", "config", "no-start"},
		{"emerg", "a duplicate default server for 0.0.0.0:80" + conf, "server-name-conflict", "config", "no-start"},
		{"emerg", "a duplicate listen 0.0.0.0:80" + conf, "server-name-conflict", "config", "no-start"},
		{"emerg", "duplicate listen options for 0.0.0.0:80" + conf, "server-name-conflict", "config", "no-start"},
		{"warn", `conflicting server name "shop" on 0.0.0.0:80, ignored`, "server-name-conflict", "config", none},
		{"warn", "protocol options redefined for 0.0.0.0:443" + conf, "server-name-conflict", "config", none},
		{"warn", `the "listen ... http2" directive is deprecated, use the "http2" directive instead` + conf, "http2-deprecated", "config", none},
		{"emerg", `server name "/x" is invalid` + conf, "server-name-invalid", "config", "no-start"},
		{"warn", `server name "http://shop" has suspicious symbols` + conf, "server-name-invalid", "config", none},
		{"emerg", `cannot load certificate "/etc/ssl/shop.pem": BIO_new_file() failed (SSL: error:80000002:system library::No such file or directory)`, "certificate-missing", "config", "no-start"},
		{"emerg", `cannot load certificate key "/etc/ssl/shop.key": PEM_read_bio_PrivateKey() failed (SSL: error:0480006C:PEM routines::no start line)`, "certificate-missing", "config", "no-start"},
		{"emerg", `BIO_new_file("/etc/ssl/shop.pem") failed (SSL: error:02001002:system library:fopen:No such file or directory)`, "certificate-missing", "config", "no-start"},
		{"emerg", `SSL_CTX_use_PrivateKey("/etc/ssl/shop.key") failed (SSL: error:0B080074:x509 certificate routines:X509_check_private_key:key values mismatch)`, "certificate-missing", "config", "no-start"},
		{"emerg", `no "ssl_certificate" is defined for the "listen ... ssl" directive` + conf, "certificate-missing", "config", "no-start"},
		{"emerg", `no "ssl_certificate_key" is defined for certificate "/etc/ssl/shop.pem"`, "certificate-missing", "config", "no-start"},
		{"emerg", "no proxy_ssl_trusted_certificate for proxy_ssl_verify" + conf, "certificate-missing", "config", "no-start"},
		{"emerg", `BIO_new_file("/etc/ssl/dhparam.pem") failed (SSL: error:80000002:system library::No such file or directory)`, "certificate-missing", "config", "no-start"},
		{"emerg", "socket() [::]:80 failed (97: Address family not supported by protocol)", "no-ipv6", "network", "no-start"},
		{"emerg", "bind() to 0.0.0.0:80 failed (98: Address in use)", "bind-failed", "proxy", "no-start"},
		{"emerg", "bind() to 10.0.0.9:80 failed (99: Address not available)", "bind-failed", "proxy", "no-start"},
		{"emerg", "bind() to 0.0.0.0:80 failed (13: Permission denied)", "bind-failed", "proxy", "no-start"},
		{"emerg", "listen() to 0.0.0.0:80, backlog 511 failed (98: Address already in use)", "bind-failed", "proxy", "no-start"},
		{"emerg", "still could not bind()", "bind-failed", "proxy", "no-start"},
		{"emerg", `mkdir() "/var/cache/nginx/client_temp" failed (13: Permission denied)`, "temp-not-writable", none, "no-start"},
		{"emerg", `mkdir() "/var/cache/nginx/client_temp" failed (30: Read-only file system)`, "temp-not-writable", none, "no-start"},
		{"emerg", `open() "/run/nginx.pid" failed (13: Permission denied)`, "temp-not-writable", "proxy", "no-start"},
		{"emerg", `open() "/var/log/nginx/shop/access.log" failed (2: No such file or directory)`, "log-not-opened", "config", "no-start"},
		{"emerg", `getpwnam("www") failed` + conf, "user-unknown", "proxy", "no-start"},
		{"emerg", `chown("/var/cache/nginx/client_temp", 101) failed (1: Operation not permitted)`, "user-unknown", "proxy", "no-start"},
		{"emerg", "setgid(101) failed (1: Operation not permitted)", "user-unknown", "proxy", "no-start"},
		{"emerg", "setuid(101) failed (1: Operation not permitted)", "user-unknown", "proxy", "no-start"},
		{"emerg", `"proxy_busy_buffers_size" must be equal to or greater than the maximum of the value of "proxy_buffer_size" and one of the "proxy_buffers"` + conf, "buffers-invalid", "config", "no-start"},
		{"emerg", `"fastcgi_busy_buffers_size" must be less than the size of all "fastcgi_buffers" minus one buffer` + conf, "buffers-invalid", "config", "no-start"},
		{"emerg", `"proxy_cache" zone "pages" is unknown` + conf, "zone-unknown", "config", "no-start"},
		{"emerg", "could not build server_names_hash, you should increase server_names_hash_bucket_size: 64", "hash-too-small", "config", "no-start"},
		{"warn", "could not build optimal types_hash, you should increase either types_hash_max_size: 1024 or types_hash_bucket_size: 64; ignoring types_hash_bucket_size", "hash-too-small", "config", none},

		// the image's entry point, and nginx -t
		{"", "20-envsubst-on-templates.sh: Running envsubst on /etc/nginx/templates/default.conf.template to /etc/nginx/conf.d/default.conf", "template-rendered", none, none},
		{"", "20-envsubst-on-templates.sh: ERROR: /etc/nginx/templates exists, but /etc/nginx/conf.d is not writable", "template-not-written", "config", none},
		{"", "10-listen-on-ipv6-by-default.sh: info: can not modify /etc/nginx/conf.d/default.conf (read-only file system?)", "listen-not-edited", none, none},
		{"", "/docker-entrypoint.sh: No files found in /docker-entrypoint.d/, skipping configuration", "scripts-missing", "config", none},
		{"", "/docker-entrypoint.sh: Ignoring /docker-entrypoint.d/40-own.sh, not executable", "script-ignored", "config", none},
		{"", "/docker-entrypoint.sh: Configuration complete; ready for start up", "scripts-run", none, none},
		{"", "nginx: configuration file /etc/nginx/nginx.conf test failed", "test-failed", "config", none},
	} {
		l, ok := read(test.level, test.message)
		e := l.Entry()
		if !ok || l.Kind != test.kind || e.Hop != test.hop || l.Status() != test.status || e.Says == "" || e.Kind != l.Kind {
			t.Errorf("[%s] %s\nis of kind %q, hop %q, status %q, and says %q; want %q, %q, %q", test.level, test.message, l.Kind, e.Hop, l.Status(), e.Says, test.kind, test.hop, test.status)
		}
	}
}

// read is a line with a message of some level, as nginx or its image writes it.
func read(level, message string) (Line, bool) {
	switch level {
	case "":
		return ParseScript("edge-1  | " + message)
	case "emerg":
		return Parse("nginx: [emerg] " + message)
	}
	return Parse("2026-11-22T12:01:03.9Z 2026/11/22 12:01:03 [" + level + "] 29#30: *7 " + message + request + tail)
}

// A connection of stream is closed: there is nobody to answer 502 to.
func TestStatusOfStream(t *testing.T) {
	l, ok := Parse(begin + refused + `, client: 10.0.0.9, server: 0.0.0.0:5432, upstream: "172.18.0.3:5432", bytes from/to client:0/0, bytes from/to upstream:0/0`)
	if !ok || l.Status() != "closed" {
		t.Errorf("%q of %+v", l.Status(), l)
	}
}

func TestSender(t *testing.T) {
	for text, want := range map[string]string{"edge-1  | x": "edge-1", "\x1b[36mshop-edge-1 |\x1b[0m x": "shop-edge-1", "x | y": "x", begin: "", "": ""} {
		if got := Sender(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
