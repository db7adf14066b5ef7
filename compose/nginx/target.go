package nginx

import (
	"fmt"
	"strconv"
	"strings"

	"why502/compose/proxy"
)

// upstreams are the groups of the http or of the stream module; each has its own.
type upstreams struct {
	stream   bool
	complete bool                    // everything was read: there are no other groups
	groups   map[string]*proxy.Group // by name in lower case: nginx compares without regard to case
	maps     map[string][]choice     // that all servers share, by variable

	// literal has "host:port" of every pass without variables. nginx makes a group of each, and a
	// pass with variables that comes to the same host and port uses it, with or without a resolver.
	literal map[string]bool
}

func newUpstreams(stream, complete bool) *upstreams {
	return &upstreams{stream: stream, complete: complete, groups: map[string]*proxy.Group{}, maps: map[string][]choice{}, literal: map[string]bool{}}
}

// module is what the kinds of pass differ in.
type module struct {
	schemes []scheme // prefixes, the longest first
	bare    string   // the scheme without a prefix; "": nginx insists on one
	withURI bool
}

type scheme struct {
	name string
	port int // the default; 0: a port must be given
}

// moduleOf is the module of a pass directive; ok is false for any other directive.
func moduleOf(directive string, stream bool) (m module, ok bool) {
	switch {
	case directive == "proxy_pass" && stream:
		return module{bare: "tcp"}, true
	case stream:
		return m, false
	}
	switch directive {
	case "proxy_pass":
		return module{schemes: []scheme{{"https", 443}, {"http", 80}}, withURI: true}, true
	case "grpc_pass":
		return module{schemes: []scheme{{"grpcs", 0}, {"grpc", 0}}, bare: "grpc"}, true
	case "uwsgi_pass":
		return module{schemes: []scheme{{"suwsgi", 0}, {"uwsgi", 0}}, bare: "uwsgi"}, true
	case "fastcgi_pass":
		return module{bare: "fastcgi"}, true
	case "scgi_pass":
		return module{bare: "scgi"}, true
	case "memcached_pass":
		return module{bare: "memcached"}, true
	}
	return m, false
}

// split takes the scheme off a value. ok is false where there is none but must be.
func (m module) split(value string) (s scheme, rest string, ok bool) {
	for _, s := range m.schemes {
		prefix := s.name + "://"
		if len(value) >= len(prefix) && strings.EqualFold(value[:len(prefix)], prefix) {
			return s, value[len(prefix):], true
		}
	}
	return scheme{name: m.bare}, value, m.bare != ""
}

// target says where one value of a pass leads to.
func (u *upstreams) target(p *pass, value string) proxy.Target {
	t := proxy.Target{Value: value}
	s, rest, ok := p.module.split(value)
	t.Scheme = s.name
	if u.stream && p.scope.server.udp {
		t.Scheme = "udp"
	}
	if mark := placeholder(value); mark != "" && !strings.HasPrefix(mark, "$") {
		t.Unknown = unfilled(mark)
		return t
	}
	if !ok {
		return withoutScheme(t, p)
	}
	head, uri, unknown := cutUnknown(rest, p.module.withURI)
	if unknown != "" {
		return partly(t, head, s, unknown)
	}
	a, wrong := parseAddress(head, p.module.withURI, s.port)
	if wrong != "" {
		t.Fault = fmt.Sprintf(`%s in upstream "%s"`, wrong, rest)
		return t
	}
	t.Host, t.Port, t.PortGiven, t.Socket, t.URI = a.host, a.port, a.portGiven, a.socket, a.uri+uri
	u.connect(&t, p)
	return t
}

// withoutScheme is a target whose value does not begin with one, or with a variable.
func withoutScheme(t proxy.Target, p *pass) proxy.Target {
	before, _, _ := strings.Cut(t.Value, "://")
	switch name := firstUnknown(before); {
	case name != "":
		t.Unknown = unknownVariable(name)
	case p.Variable:
		t.Fault = fmt.Sprintf(`invalid URL prefix in "%s"`, t.Value)
	default:
		t.Fault = "invalid URL prefix"
	}
	return t
}

// connect finds the group of a target that has a host, and how its host is looked up.
func (u *upstreams) connect(t *proxy.Target, p *pass) {
	group := u.groups[strings.ToLower(t.Host)]
	switch {
	case t.Socket != "":
	case group != nil && !t.PortGiven:
		t.Group, t.Port = group, 0
	case group != nil && !p.Variable:
		t.Fault = fmt.Sprintf(`upstream "%s" may not have port %d`, t.Host, t.Port)
	case t.Port == 0 && !u.complete && !isAddress(t.Host):
		t.Unknown = fmt.Sprintf("`%s` may be a group in what could not be read", t.Host)
	case t.Port == 0:
		t.Fault = fmt.Sprintf(`no port in upstream "%s"`, t.Host)
	case !p.Variable:
		u.literal[endpoint(t)] = true
	default:
		t.PerRequest = !isAddress(t.Host) && !u.literal[endpoint(t)]
	}
	if t.Fault == "" && t.URI != "" && !p.Variable && p.noURI {
		t.Fault = `"proxy_pass" cannot have URI part in location given by regular expression, or inside named location, ` +
			`or inside "if" statement, or inside "limit_except" block`
	}
}

func endpoint(t *proxy.Target) string { return strings.ToLower(t.Host) + ":" + strconv.Itoa(t.Port) }

// cutUnknown divides what follows the scheme into host and port, and the URI where one may follow,
// and gives the first variable of unknown value in host and port. A variable that begins the URI is
// none of them: "app$request_uri", "app:8080$1". The path of a socket stays with its URI.
func cutUnknown(rest string, withURI bool) (head, uri, unknown string) {
	head = rest
	socket := strings.HasPrefix(strings.ToLower(rest), "unix:")
	if i := strings.IndexAny(rest, "/?"); i >= 0 && withURI && !socket {
		head, uri = rest[:i], rest[i:]
	}
	i := strings.IndexByte(head, '$')
	if i < 0 {
		return head, uri, ""
	}
	before, after := head[:i], head[i:]
	_, port, _ := strings.Cut(before, ":")
	_, complete := portNumber(port)
	part, name := firstPart(after)
	switch {
	case socket && strings.HasSuffix(before, ":") && len(before) > len("unix:"):
		return head, uri, ""
	case withURI && !socket && (complete || before != "" && port == "" && beginsURI(name)):
		return before, after + uri, ""
	}
	return head, uri, part
}

// beginsURI says whether a variable of nginx's begins with "/" or "?", or is empty.
func beginsURI(name string) bool {
	switch name {
	case "uri", "request_uri", "document_uri", "is_args":
		return true
	}
	return false
}

// partly is a target of which a part of host or port is known only when a request comes.
func partly(t proxy.Target, authority string, s scheme, unknown string) proxy.Target {
	t.Unknown = unknownVariable(unknown)
	t.PerRequest = true
	if strings.HasPrefix(strings.ToLower(authority), "unix:") {
		return t
	}
	host, port, _ := strings.Cut(authority, ":")
	if !strings.Contains(host, "$") {
		t.Host = host
	}
	if n, ok := portNumber(port); ok {
		t.Port, t.PortGiven = n, true
	} else if port == "" {
		t.Port = s.port
	}
	return t
}

// unknownVariable says why the value of a variable is not known. One in capitals is no variable of
// nginx's but one of the environment, meant for envsubst.
func unknownVariable(name string) string {
	if strings.ToUpper(name) == name && strings.ToLower(name) != name {
		return unfilled(name)
	}
	return fmt.Sprintf("`%s` is only known when a request comes", name)
}

func unfilled(mark string) string {
	return fmt.Sprintf("`%s` is a placeholder that nothing has filled in", mark)
}

// firstUnknown gives the first variable that is left in a text, as written.
func firstUnknown(text string) string {
	if i := strings.IndexByte(text, '$'); i >= 0 {
		part, _ := firstPart(text[i:])
		return part
	}
	return ""
}
