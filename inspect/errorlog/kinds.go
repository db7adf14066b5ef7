package errorlog

// The kinds that rules ask for.
const (
	Refused          Kind = "connection-refused"
	Unreachable      Kind = "host-unreachable"
	NoRoute          Kind = "network-unreachable"
	ConnectTimedOut  Kind = "connection-timed-out"
	BacklogFull      Kind = "backlog-full"
	SocketMissing    Kind = "socket-missing"
	SocketForbidden  Kind = "socket-forbidden"
	ConnectFailed    Kind = "connection-failed"
	TLSTimedOut      Kind = "handshake-timed-out"
	SendTimedOut     Kind = "send-timed-out"
	ReadTimedOut     Kind = "response-timed-out"
	BodyTimedOut     Kind = "body-timed-out"
	ClosedEarly      Kind = "closed-early"
	BodyCut          Kind = "body-cut"
	Reset            Kind = "connection-reset"
	NoLive           Kind = "no-live-upstreams"
	PeerDisabled     Kind = "server-disabled"
	HeaderTooBig     Kind = "header-too-big"
	NotHTTP          Kind = "not-http"
	HeaderInvalid    Kind = "header-invalid"
	BodyInvalid      Kind = "body-invalid"
	SentTooEarly     Kind = "sent-too-early"
	PlainToTLS       Kind = "tls-to-plain"
	TLSFailed        Kind = "handshake-failed"
	CertificateBad   Kind = "certificate-refused"
	NoResolver       Kind = "no-resolver"
	NotResolved      Kind = "name-not-resolved"
	ResolverFailed   Kind = "resolver-failed"
	ResolverNoise    Kind = "resolver-noise"
	URLInvalid       Kind = "url-invalid"
	ScriptUnknown    Kind = "script-unknown"
	FastCGIStderr    Kind = "fastcgi-stderr"
	HTTPToFastCGI    Kind = "http-to-fastcgi"
	TLSToFastCGI     Kind = "tls-to-fastcgi"
	NotFastCGI       Kind = "not-fastcgi"
	HTTPToGRPC       Kind = "http-to-grpc"
	NotGRPC          Kind = "not-grpc"
	OutOfConnections Kind = "out-of-connections"
	OutOfFiles       Kind = "out-of-files"
	WorkersStarted   Kind = "workers-started"
	WorkerStarted    Kind = "worker-started"
	Reconfiguring    Kind = "reconfiguring"
)

// Kinds of which nothing follows for a project.
const (
	ClientGone    Kind = "client-gone"
	Buffered      Kind = "buffered"
	UpgradedEnded Kind = "upgraded-ended"
)

const connecting, handshaking, readingHeader = "connecting to upstream", "SSL handshaking to upstream", "reading response header from upstream"

// kinds is what nginx's messages mean. The more specific come first.
var kinds = []Entry{
	// the connection to an upstream
	{Kind: ResolverFailed, Stems: []string{"send() failed", "recv() failed", "connect() failed"}, While: "resolving", Hop: "name", Causes: "E6 E11", Status: "502",
		Says: "the resolver that the configuration names cannot be reached", Do: "name Docker's DNS: resolver 127.0.0.11 valid=10s;"},
	{Kind: Refused, Stems: []string{"connect() failed (111", "connect() to * failed (111"}, Hop: "port", Causes: "C1 C2 C4 A1 C3 C8 A12 C5 D3 D6 D8 D9 A2 A3 A10 A11", Status: "502",
		Says: "nothing listens on that port at that address, or only on the container's own loopback", Do: "let the app listen on 0.0.0.0 and pass to the port that it listens on; if the address is an old one, reload nginx"},
	{Kind: Unreachable, Stems: []string{"connect() failed (113", "connect() to * failed (113"}, Hop: "name", Causes: "D9 D2 D3 B12 A2 A3", Status: "502",
		Says: "no container has that address now: the upstream is gone, or was made again with another one", Do: "start the upstream, or reload nginx so that it looks the name up again"},
	{Kind: NoRoute, Stems: []string{"connect() failed (101", "connect() to * failed (101", "connect() to * failed (99", "connect() failed (99", "connect() to * failed (22"}, Hop: "network", Causes: "C5 B11 E8", Status: "502",
		Says: "the proxy has no way to that address: IPv6 without IPv6, or an internal network", Do: "pass to a name that has an address on a network of the proxy"},
	{Kind: BacklogFull, Stems: []string{"connect() to unix:* failed (11:"}, Hop: "response", Causes: "D13", Status: "502",
		Says: "the app does not accept connections as fast as they come", Do: "give it more workers, or a longer backlog"},
	{Kind: SocketMissing, Stems: []string{"connect() to unix:* failed (2:"}, Hop: "port", Causes: "F13", Status: "502",
		Says: "the unix socket is not in the proxy's container", Do: "put it into a volume that both services mount"},
	{Kind: SocketForbidden, Stems: []string{"connect() to unix:* failed (13:"}, Hop: "port", Causes: "F13", Status: "502",
		Says: "nginx's user may not use the unix socket", Do: "let the app make it with mode 0666, or with a group that nginx has"},
	{Kind: ConnectTimedOut, Stems: []string{"upstream timed out"}, While: connecting, Hop: "network", Causes: "G3 D9 B12 D13 A2 B13 A11", Status: "504",
		Says: "nobody answered at that address: a firewall, another network, an old address, or an app that accepts no more connections", Do: "look whose address it is; lower proxy_connect_timeout, so that it fails fast"},
	{Kind: ConnectTimedOut, Stems: []string{"connect() failed (110", "connect() to * failed (110"}, Hop: "network", Causes: "D9 B12 D13 A2", Status: "502",
		Says: "nobody answered at that address: a firewall, another network, an old address, or an app that accepts no more connections", Do: "look whose address it is"},
	{Kind: ConnectFailed, Stems: []string{"connect() failed", "connect() to * failed"}, Hop: "port", Causes: "C2", Status: "502",
		Says: "nginx could not connect to the upstream", Do: "look at the error that it names"},
	{Kind: TLSTimedOut, Stems: []string{"upstream timed out"}, While: handshaking, Hop: "protocol", Causes: "F2", Status: "504",
		Says: "the upstream took the connection, but does not answer in TLS", Do: "pass with http:// if it speaks no TLS"},
	{Kind: TLSFailed, Stems: []string{"upstream prematurely closed connection", "recv() failed (104", "send() failed (104", "send() failed (32"}, While: handshaking, Hop: "protocol", Causes: "F2 F8", Status: "502",
		Says: "the upstream hung up when nginx began with TLS", Do: "pass with http:// if it speaks no TLS; else proxy_ssl_server_name on;"},
	{Kind: UpgradedEnded, Stems: []string{"upstream timed out", "upstream prematurely closed connection", "recv() failed", "send() failed", "client timed out"}, While: "proxying upgraded connection", Causes: "F7",
		Says: "a websocket was idle longer than proxy_read_timeout, or one side left", Do: "raise proxy_read_timeout, or let the app send pings"},
	{Kind: ReadTimedOut, Stems: []string{"upstream timed out"}, While: readingHeader, Hop: "response", Causes: "G2 D15 D16", Status: "504",
		Says: "the upstream took the request and did not answer in time", Do: "raise proxy_read_timeout, or make the app answer sooner"},
	{Kind: SendTimedOut, Stems: []string{"upstream timed out"}, While: "sending request", Hop: "response", Causes: "G4", Status: "504",
		Says: "the upstream did not take the request in time", Do: "raise proxy_send_timeout, or give the app more workers"},
	{Kind: BodyTimedOut, Stems: []string{"upstream timed out"}, Hop: "response", Causes: "G2",
		Says: "the upstream began to answer and stopped; the client got a part of it", Do: "raise proxy_read_timeout, or look why the app stops"},
	{Kind: BodyCut, Stems: []string{"upstream prematurely closed connection", "recv() failed (104", "readv() failed (104"}, While: "reading upstream", Hop: "response", Causes: "D4 D14",
		Says: "the upstream ended the connection in the middle of its answer; the client got a part of it", Do: "look into its log for a worker that was killed at that time"},
	{Kind: ClosedEarly, Stems: []string{"upstream prematurely closed connection", "upstream prematurely closed FastCGI", "upstream prematurely closed stream", "upstream closed connection", "upstream prematurely closed request"}, Hop: "response", Causes: "D4 D14 F3 F5 F12 D3", Status: "502",
		Says: "the upstream closed the connection without an answer: a worker that was killed or ran out of time, or another protocol", Do: "look into its log at that time"},
	{Kind: ClientGone, Stems: []string{"client prematurely closed connection", "epoll_wait() reported that client prematurely closed connection"}, Causes: "G10", Status: "499",
		Says: "the client gave up before it had its answer", Do: "if it is a proxy in front of this one, raise its timeout; or make the app answer sooner"},
	{Kind: ClientGone, Stems: []string{"client closed connection", "client closed keepalive connection", "client * closed keepalive connection", "client timed out"}, Causes: "G10",
		Says: "the client left, or sent nothing more"},
	{Kind: ClientGone, Stems: []string{"send() failed", "writev() failed", "recv() failed", "readv() failed", "sendfile() failed", "SSL_read() failed", "SSL_write() failed"}, While: "sending to client", Causes: "G10",
		Says: "the client is gone"},
	{Kind: Reset, Stems: []string{"recv() failed (104", "readv() failed (104", "writev() failed (104", "writev() failed (32", "send() failed (104", "send() failed (32", "sendfile() failed (104", "sendfile() failed (32", "sendfile64() failed (104", "sendfile64() failed (32"}, Hop: "response", Causes: "F1 F3 F5 F12 D4 D14", Status: "502",
		Says: "the upstream broke the connection off: another protocol, a worker that was killed, or a connection kept open too long", Do: "look into its log at that time, and at the protocol that it speaks"},

	// groups
	{Kind: NoLive, Stems: []string{"no live upstreams"}, Hop: "port", Causes: "D11 C1 C2 C4 D2", Status: "502",
		Says: "all servers of the group failed a moment ago, so that nginx asks none of them", Do: "mend what the lines before it say of each server"},
	{Kind: PeerDisabled, Stems: []string{"upstream server temporarily disabled"}, Hop: "port", Causes: "D11",
		Says: "a server of the group failed and is not asked for some seconds", Do: "mend what the line before it says"},

	// the answer
	{Kind: HeaderTooBig, Stems: []string{"upstream sent too big header", "upstream sent too big trailers"}, Hop: "response", Causes: "G1", Status: "502",
		Says: "the head of the answer, mostly its cookies, does not fit into one buffer", Do: "proxy_buffer_size 16k; proxy_buffers 8 16k; proxy_busy_buffers_size 32k;"},
	{Kind: NotHTTP, Stems: []string{"upstream sent no valid HTTP/1.0 header"}, Hop: "protocol", Causes: "F6 I7", Status: "200",
		Says: "what answers there does not speak HTTP", Do: "pass to the port of the app's HTTP server"},
	{Kind: HeaderInvalid, Stems: []string{"upstream sent invalid header", "upstream sent duplicate header line", `upstream sent "Content-Length" and "Transfer-Encoding" headers at the same time`, `upstream sent invalid "`, `upstream sent unknown "Transfer-Encoding"`, "upstream sent invalid status", "upstream sent no valid HTTP/1.1 header"}, Hop: "response", Causes: "F10 F11", Status: "502",
		Says: "nginx refuses a header of the answer", Do: "let the app send each header once and in the form of HTTP"},
	{Kind: BodyInvalid, Stems: []string{"upstream sent invalid chunked response", "upstream sent invalid chunked"}, Hop: "response", Causes: "F11",
		Says: "the answer's body is not in the form that its header says", Do: "mend the app, or the library that it answers with"},
	{Kind: Buffered, Stems: []string{"an upstream response is buffered to a temporary file", "a client request body is buffered to a temporary file", `upstream sent more data than specified in "Content-Length" header`, "the stub status"},
		Says: "nginx works as it should"},
	{Kind: SentTooEarly, Stems: []string{"upstream prematurely sent response"}, Hop: "protocol", Causes: "F2", Status: "502",
		Says: "the upstream spoke before it was asked: it speaks another protocol", Do: "pass to the port of the app's HTTP server"},

	// TLS
	{Kind: PlainToTLS, Stems: []string{"SSL_do_handshake() failed*wrong version number", "SSL_do_handshake() failed*unknown protocol", "SSL_do_handshake() failed*packet length too long", "SSL_do_handshake() failed*http request"}, While: handshaking, Hop: "protocol", Causes: "F2", Status: "502",
		Says: "the pass begins with https://, but the upstream speaks no TLS on that port", Do: "begin the pass with http://"},
	{Kind: CertificateBad, Stems: []string{"upstream SSL certificate verify error", "upstream SSL certificate does not match"}, Hop: "protocol", Causes: "F9", Status: "502",
		Says: "the upstream's certificate is not one that the pass trusts", Do: "give proxy_ssl_trusted_certificate its issuer and proxy_ssl_name its name"},
	{Kind: TLSFailed, Stems: []string{"SSL_do_handshake() failed", "peer closed connection in SSL handshake", "SSL_read() failed", "SSL_write() failed"}, While: handshaking, Hop: "protocol", Causes: "F2 F8", Status: "502",
		Says: "the handshake with the upstream failed: it wants a name (SNI), another version of TLS, or a certificate of nginx", Do: "proxy_ssl_server_name on; and proxy_ssl_name NAME;"},

	{Kind: "client-handshake", Stems: []string{"SSL_do_handshake() failed", "peer closed connection in SSL handshake", "SSL_read() failed", "SSL_write() failed"}, While: "SSL handshaking",
		Says: "a client and nginx did not come to terms over TLS: no upstream has to do with it", Do: "nothing, if it is a scanner; else look at the protocols and the certificate of the server"},
	{Kind: "plain-to-tls-listen", Stems: []string{"client sent plain HTTP request to HTTPS port"}, Status: "400",
		Says: "a client spoke HTTP to a port on which nginx listens with ssl", Do: "ask for https://, or listen without ssl"},
	{Kind: "proxy-protocol-broken", Stems: []string{"broken header:", "client sent invalid PROXY", "PROXY protocol"}, Causes: "F15", Status: "400",
		Says: "the server listens with proxy_protocol, and what connected does not begin with it", Do: "leave proxy_protocol out, or let what stands in front of nginx send it"},

	// names that are looked up for each request
	{Kind: "resolve-invalid", Stems: []string{"no resolver defined to resolve names at run time"}, Hop: "config", Causes: "E12",
		Says: "resolve at a server of a group needs a resolver", Do: "resolver 127.0.0.11 valid=10s; in the group, or in http"},
	{Kind: NoResolver, Stems: []string{"no resolver defined to resolve "}, Hop: "name", Causes: "E1", Status: "502",
		Says: "the pass has a variable in it, so that its name is looked up for each request, and no resolver is named", Do: "resolver 127.0.0.11 valid=10s;"},
	{Kind: URLInvalid, Stems: []string{"no port in upstream", "invalid URL prefix in", "no host in upstream", "invalid port in upstream", "zero length URI to proxy", "invalid host in upstream", "invalid IPv6 address in upstream"}, Hop: "config", Causes: "A14 H5 A13", Status: "500",
		Says: "what the pass names, or the variables in it come to, is no URL that nginx takes", Do: "write http://host:port"},
	{Kind: ResolverNoise, Stems: []string{"unexpected DNS response", "unexpected A record", "unexpected AAAA record", "unexpected SRV record", "wrong ident ", "DNS error (", "no A or CNAME types in DNS response", "no A or CNAME records", "invalid number of questions in DNS response", "short DNS response", "invalid DNS response", "unexpected * DNS response"}, Hop: "name", Causes: "E3 E11",
		Says: "the resolver answered something else than what it was asked", Do: "name one resolver alone: 127.0.0.11"},
	{Kind: NotResolved, Stems: []string{"* could not be resolved ("}, Hop: "name", Causes: "E2 E3 E4 A4 B1 D1 E6 B8 E8 E11", Status: "502",
		Says: "the resolver does not know the name", Do: "ask Docker's DNS, 127.0.0.11, for the name of a service on a network of the proxy"},

	// FastCGI, gRPC, memcached
	{Kind: ScriptUnknown, Stems: []string{`FastCGI sent in stderr: "Primary script unknown`, `FastCGI sent in stderr: "Unable to open primary script`}, Hop: "protocol", Causes: "F14", Status: "404",
		Says: "php-fpm does not find the script at that path in its own container", Do: "mount the code at the same path in both containers"},
	{Kind: FastCGIStderr, Stems: []string{"FastCGI sent in stderr:"}, Hop: "response",
		Says: "the app wrote this itself", Do: "look at what it says"},
	{Kind: HTTPToFastCGI, Stems: []string{"upstream sent unsupported FastCGI protocol version: 72"}, Hop: "protocol", Causes: "F4", Status: "502",
		Says: "the upstream speaks HTTP, not FastCGI (72 is the H of HTTP)", Do: "use proxy_pass"},
	{Kind: TLSToFastCGI, Stems: []string{"upstream sent unsupported FastCGI protocol version: 21"}, Hop: "protocol", Causes: "F4", Status: "502",
		Says: "the upstream speaks TLS, not FastCGI", Do: "use proxy_pass https://"},
	{Kind: NotFastCGI, Stems: []string{"upstream sent unsupported FastCGI", "upstream sent invalid FastCGI", "upstream sent unexpected FastCGI", "unexpected FastCGI record"}, Hop: "protocol", Causes: "F4", Status: "502",
		Says: "the upstream speaks no FastCGI", Do: "use the pass of the protocol that it speaks"},
	{Kind: HTTPToGRPC, Stems: []string{"upstream sent too large http2 frame: 4740180"}, Hop: "protocol", Causes: "F6", Status: "502",
		Says: "the upstream speaks HTTP/1, not HTTP/2 (4740180 is the HTT of HTTP)", Do: "use proxy_pass, or let the app speak HTTP/2"},
	{Kind: NotGRPC, Stems: []string{"upstream sent too large http2 frame", "upstream rejected request with error", "upstream sent goaway with error", "upstream sent unexpected http2 frame", "upstream sent no :status header", "upstream sent invalid http2", "upstream sent invalid :status", "upstream sent http2 frame"}, Hop: "protocol", Causes: "F6", Status: "502",
		Says: "the upstream's HTTP/2 is not what grpc_pass expects", Do: "look whether it speaks gRPC on that port"},
	{Kind: "memcached-invalid", Stems: []string{"memcached sent invalid response"}, Hop: "protocol", Causes: "F6", Status: "502",
		Says: "the upstream speaks no memcached", Do: "use the pass of the protocol that it speaks"},

	// requests
	{Kind: "auth-request-failed", Stems: []string{"auth request unexpected status"}, Hop: "response", Causes: "I5", Status: "500",
		Says: "what auth_request asked answered neither 2xx nor 401 nor 403: 500", Do: "look at the route of the location that it asks"},
	{Kind: "body-too-large", Stems: []string{"client intended to send too large"}, Causes: "G5", Status: "413",
		Says: "the client sent more than client_max_body_size: 413", Do: "client_max_body_size 20m;"},
	{Kind: "redirection-cycle", Stems: []string{"rewrite or internal redirection cycle"}, Causes: "I8", Status: "500",
		Says: "rewrite, try_files or error_page lead back to where they began: 500", Do: "let the last argument of try_files be a file that exists, or =404"},
	{Kind: "limited", Stems: []string{"limiting requests", "limiting connections", "delaying request"}, Causes: "I8", Status: "503",
		Says: "limit_req or limit_conn held a request back: 503", Do: "raise the limit"},
	{Kind: "temp-not-writable", Stems: []string{`open() "/run/*" failed`, `open() "/var/run/*" failed`, `open() "/var/cache/*" failed`, `open() "/tmp/*" failed`}, Level: "emerg", Hop: "proxy", Causes: "G9",
		Says: "nginx cannot write a file that it needs to run: its process id, or temporary files", Do: "mount a tmpfs at /var/cache/nginx and /run, or use the unprivileged image"},
	{Kind: "log-not-opened", Stems: []string{`open() "/var/log/*" failed`}, Level: "emerg", Hop: "config", Causes: "H14 H13",
		Says: "nginx cannot open its log: the directory is not there, or its user may not write to it", Do: "make the directory, or log to /dev/stdout and /dev/stderr"},
	{Kind: "file-not-opened", Stems: []string{`open() "*" failed (2:`, `open() "*" failed (13`}, Level: "emerg", Hop: "config", Causes: "H2 H13 H18",
		Says: "nginx cannot open a file that its configuration names", Do: "mount it, correct its path, or let nginx's user read it"},
	{Kind: "file-missing", Stems: []string{`open() "*" failed (2:`, `"*" is not found (2:`, `stat() "*" failed`}, Causes: "I4", Status: "404",
		Says: "nginx looked for a file of its own: no pass took the request", Do: "write a location that passes the request on, or put the file there"},
	{Kind: "file-missing", Stems: []string{`directory index of "*" is forbidden`}, Causes: "I4", Status: "403",
		Says: "nginx looked for an index file of its own and found none: no pass took the request", Do: "write a location that passes the request on"},

	// limits
	{Kind: "too-few-connections", Stems: []string{"* worker_connections are not enough for "}, Hop: "config", Causes: "G6",
		Says: "nginx listens on more sockets than a worker may have connections", Do: "raise worker_connections in events"},
	{Kind: OutOfConnections, Stems: []string{"* worker_connections are not enough"}, Hop: "response", Causes: "G6 C7", Status: "500",
		Says: "a worker of nginx has no connection left; each request that is passed on takes two", Do: "raise worker_connections, and look for a pass that leads back to nginx itself"},
	{Kind: OutOfFiles, Stems: []string{"socket() failed (24", "accept4() failed (24", "accept() failed (24", `open() "*" failed (24`, "eventfd() failed (24", "epoll_create() failed (24", "pipe() failed (24"}, Hop: "response", Causes: "G7", Status: "500",
		Says: "nginx may open no more files, and a connection is one", Do: "raise worker_rlimit_nofile, or the container's ulimits"},
	{Kind: "too-few-files", Stems: []string{"* worker_connections exceed open file resource limit"}, Hop: "response", Causes: "G7",
		Says: "nginx may open fewer files than it may have connections", Do: "raise worker_rlimit_nofile, or the container's ulimits"},
	{Kind: "no-ipv6", Stems: []string{"socket() * failed (97", "socket() failed (97"}, Hop: "network", Causes: "E8 H16", Status: "500",
		Says: "the machine has no IPv6", Do: "leave out listen [::]:80, or add ipv6=off to the resolver"},
	{Kind: "temp-not-writable", Stems: []string{`open() "*" failed (13`, `open() "*" failed (28`, `open() "*" failed (30`, `mkdir() "*" failed (13`, `mkdir() "*" failed (30`, `mkdir() "*" failed (28`, "pwrite() * failed (28"}, Causes: "G9 H13 H14", Status: "500",
		Says: "nginx may not read or write there", Do: "mount a tmpfs at /var/cache/nginx and /run, or let nginx's user read the file"},
	{Kind: "source-address-missing", Stems: []string{"bind(* failed (99", "bind(* failed (22"}, While: connecting, Hop: "network", Causes: "G9", Status: "500",
		Says: "the address that proxy_bind names is none of the proxy's container", Do: "leave proxy_bind out"},
	{Kind: "bind-failed", Stems: []string{"bind(", "listen() to", "still could not bind()"}, Hop: "proxy", Causes: "H17 H16",
		Says: "nginx cannot listen there: the port is taken, or it may not", Do: "take another port, or stop what has it"},

	// the configuration: startup and reload
	{Kind: "host-not-found", Stems: []string{`host not found in upstream "`}, Hop: "name", Causes: "A4 A5 B1 B2 D1 D7 B4 B5 B6 B7 B8 B9 A8 A9",
		Says: "a name that is written out in a pass had no address when nginx read it", Do: "correct the name, start its service before nginx, and put both on one network"},
	{Kind: "resolver-invalid", Stems: []string{"host not found in resolver", "no name servers defined", `host not found in "`, "invalid resolver"}, Hop: "config", Causes: "E10",
		Says: "a resolver or listen names an address that nginx cannot look up", Do: "write an address"},
	{Kind: "group-invalid", Stems: []string{"duplicate upstream", `upstream "*" may not have port`, "no servers are inside upstream", "no servers in upstream", "no path in the unix domain socket", "too long path in the unix domain socket"}, Hop: "config", Causes: "A13",
		Says: "an upstream group is not valid", Do: "write its servers as host:port, and pass to its name alone"},
	{Kind: "url-without-tls", Stems: []string{"https protocol requires SSL support"}, Hop: "config", Causes: "A14",
		Says: "this nginx was built without TLS", Do: "use another image"},
	{Kind: "resolve-invalid", Stems: []string{`invalid parameter "resolve"`, "resolving names at run time requires", "load balancing method does not support resolving names", `service upstream "`}, Hop: "config", Causes: "E12",
		Says: "resolve at a server of a group lacks what it needs", Do: "nginx 1.27.3 or newer, a zone and a resolver"},
	{Kind: "uri-not-allowed", Stems: []string{`"*" cannot have URI part in location`, `"proxy_pass" cannot have URI part`}, Hop: "config", Causes: "I6",
		Says: "in such a location a pass has no path", Do: "leave out what follows the port"},
	{Kind: "variable-invalid", Stems: []string{`unknown "*" variable`, "invalid variable name", `the closing bracket in "`}, Hop: "config", Causes: "H5 H6 H8",
		Says: "a variable that nginx does not have: a placeholder of the environment that nothing filled in, or a slip", Do: "set it, or let the image render the file from a template"},
	{Kind: "file-is-directory", Stems: []string{`pread() "`, `open() "*" failed (21`}, Hop: "config", Causes: "H2 H18",
		Says: "a file of the configuration is a directory: Docker made it of a mount whose source was missing", Do: "put the file there and make the container again"},
	{Kind: "file-not-opened", Stems: []string{`open() "`, `opendir() "`}, Hop: "config", Causes: "H2 H13 H18",
		Says: "nginx cannot open a file that its configuration names", Do: "mount it, or correct its path"},
	{Kind: "certificate-missing", Stems: []string{"cannot load certificate", `BIO_new_file("`, "SSL_CTX_use_PrivateKey", `no "ssl_certificate`, "no ssl_certificate", "no proxy_ssl_trusted_certificate", "PEM_read_bio", "SSL_CTX_load_verify_locations", "SSL_CTX_use_certificate"}, Hop: "config", Causes: "H15 F9",
		Says: "a certificate or key is not there, not readable, or not of the other", Do: "mount it where the directive says"},
	{Kind: "buffers-invalid", Stems: []string{`"proxy_busy_buffers_size" must be`, `"fastcgi_busy_buffers_size" must be`, `"uwsgi_busy_buffers_size" must be`, `"scgi_busy_buffers_size" must be`, "there must be at least 2"}, Hop: "config", Causes: "G8",
		Says: "the sizes of the proxy buffers contradict each other", Do: "set the three together: proxy_buffer_size 16k; proxy_buffers 8 16k; proxy_busy_buffers_size 32k;"},
	{Kind: "zone-unknown", Stems: []string{`"*_cache" zone "`, `zone "*" is unknown`, `unknown zone`}, Hop: "config", Causes: "H19",
		Says: "a cache or zone that nothing defines", Do: "define it in http"},
	{Kind: "hash-too-small", Stems: []string{"could not build "}, Hop: "config", Causes: "H19",
		Says: "the names of the servers or the types do not fit into their table", Do: "server_names_hash_bucket_size 128; in http"},
	{Kind: "server-name-conflict", Stems: []string{"conflicting server name", "duplicate listen options", "a duplicate default server", "a duplicate listen", "duplicate location", "protocol options redefined"}, Hop: "config", Causes: "H3 H20",
		Says: "two servers or locations are the same: one of them is not used, or nginx refuses them", Do: "leave one of them out"},
	{Kind: "http2-deprecated", Stems: []string{`the "listen ... http2" directive is deprecated`}, Hop: "config", Causes: "H20",
		Says: "nginx still takes http2 behind listen, but wants a directive of its own", Do: "http2 on; in the server"},
	{Kind: "server-name-invalid", Stems: []string{`server name "*" is invalid`, `server name "*" has suspicious symbols`, `invalid server name`}, Hop: "config", Causes: "H20",
		Says: "a server_name is no name of a host", Do: "write the host alone, without http://, port and path"},
	{Kind: "no-events", Stems: []string{`no "events" section`}, Hop: "config", Causes: "H4",
		Says: "the file is mounted as the whole configuration, but is only a part of one", Do: "mount it at /etc/nginx/conf.d/default.conf"},
	{Kind: "wrong-context", Stems: []string{`"*" directive is not allowed here`}, Hop: "config", Causes: "H4",
		Says: "a directive stands in a block that does not take it", Do: "mount the file where the image includes it into http: /etc/nginx/conf.d/default.conf"},
	{Kind: "syntax", Stems: []string{`unknown directive "`, `"*" directive is duplicate`, `invalid number of arguments in "`, `directive "*" is not terminated by ";"`, `directive "*" has no opening "{"`, "unexpected ", "too long parameter", `invalid value "`, "invalid parameter", "invalid condition", "invalid number"}, Hop: "config", Causes: "H19 H7 H8",
		Says: "nginx cannot read its configuration", Do: "correct the line that it names"},
	{Kind: "user-unknown", Stems: []string{`getpwnam("`, "chown(", "setuid(", "setgid(", "initgroups("}, Hop: "proxy",
		Says: "nginx cannot become the user that it is to run as", Do: "use the unprivileged image, or leave cap_drop and user out"},

	// what nginx says of itself
	{Kind: WorkersStarted, Stems: []string{"start worker processes"}, Says: "nginx has read its configuration and works with it"},
	{Kind: WorkerStarted, Stems: []string{"start worker process "}, Says: "nginx started a worker"},
	{Kind: Reconfiguring, Stems: []string{"reconfiguring", "signal * (SIGHUP) received"}, Says: "nginx was told to read its configuration again; an [emerg] behind it says that it goes on with the old one"},
	{Kind: "worker-killed", Stems: []string{"worker process * exited on signal", "worker process * exited with fatal code"}, Hop: "proxy", Causes: "D4",
		Says: "a worker of nginx itself was killed; signal 9 is mostly the kernel's, for want of memory", Do: "raise the memory limit of the proxy"},
	{Kind: "lifecycle", Stems: []string{"signal ", "gracefully shutting down", "exiting", "exit", "worker process * exited with code", "cache manager process", "start cache ", "using the ", "nginx/", "built by", "OS:", "getrlimit(RLIMIT_NOFILE)", "shutting down"}, Says: "nginx started, ends, or was told something"},
}

// scripts is what the lines of the official image's entry point mean, and the outcome of nginx -t: neither has a level.
var scripts = []Entry{
	{Kind: "template-not-written", Stems: []string{"ERROR: * is not writable"}, Hop: "config", Causes: "H6",
		Says: "the templates are not filled in, because the directory for what is made of them cannot be written; nginx starts all the same, with the configuration that it has", Do: "leave conf.d writable, and mount the templates at /etc/nginx/templates alone"},
	{Kind: "template-rendered", Stems: []string{"Running envsubst on "}, Causes: "H5 H6 H7",
		Says: "a template is filled in from the environment; a variable that is not set there stays as it is"},
	{Kind: "scripts-missing", Stems: []string{"No files found in "}, Hop: "config", Causes: "H6",
		Says: "the scripts of the entry point are not there, so that no template is filled in", Do: "mount nothing over /docker-entrypoint.d"},
	{Kind: "script-ignored", Stems: []string{"Ignoring "}, Hop: "config", Causes: "H6",
		Says: "a script of the entry point is not run: it is not executable, or its name does not end in .sh or .envsh", Do: "chmod +x, and name it NAME.sh"},
	{Kind: "listen-not-edited", Stems: []string{"info: can not modify ", "info: * differs from the packaged version", "info: * is not a file or does not exist", "info: ipv6 not available", "info: IPv6 listen already enabled"}, Causes: "H6",
		Says: "the image adds listen [::]:80 to its own default.conf alone, and here it did not"},
	{Kind: "scripts-run", Stems: []string{"/docker-entrypoint.d/ is not empty", "Looking for shell scripts", "Launching ", "Sourcing ", "Configuration complete", "info: "},
		Says: "the entry point of the image prepares the start of nginx"},
	{Kind: "test-passed", Stems: []string{"the configuration file * syntax is ok", "configuration file * test is successful"},
		Says: "nginx -t takes the configuration, with the names as they resolve now"},
	{Kind: "test-failed", Stems: []string{"configuration file * test failed"}, Hop: "config",
		Says: "nginx -t refuses the configuration", Do: "mend what the line before it says"},
}
