package trace

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"why502/compose/proxy"
)

// upstream is the value of a pass, taken apart.
type upstream struct {
	scheme string
	host   string // without brackets removed: as written
	port   int
	given  bool // the port is written
	usual  int  // the scheme's port
	socket string
	uri    string
	why    string // why it is not known
}

// header is $proxy_host.
func (u *upstream) header() string {
	switch {
	case u.socket != "":
		return "localhost"
	case !u.given || u.port == u.usual:
		return u.host
	}
	return u.host + ":" + strconv.Itoa(u.port)
}

// bare are the schemes of passes whose values have none.
var bare = map[string]string{
	"fastcgi_pass": "fastcgi", "uwsgi_pass": "uwsgi", "scgi_pass": "scgi", "grpc_pass": "grpc", "memcached_pass": "memcached",
}

// parseUpstream takes the value of a pass apart; ok is false where nginx answers 500.
func parseUpstream(directive, text string) (u upstream, ok bool) {
	u.scheme = bare[directive]
	scheme, rest, found := strings.Cut(text, "://")
	switch {
	case found && isWord(scheme):
		u.scheme, text = lower(scheme), rest
	case directive == "proxy_pass":
		return u, false
	}
	u.usual = map[string]int{"http": 80, "https": 443}[u.scheme]
	if directive == "proxy_pass" && u.usual == 0 {
		return u, false
	}
	u.port = u.usual
	if socket, isSocket := strings.CutPrefix(text, "unix:"); isSocket {
		u.socket, u.uri, _ = strings.Cut(socket, ":")
		return u, u.socket != ""
	}
	authority := before(text, "/?#")
	u.uri = text[len(authority):]
	if directive != "proxy_pass" {
		authority, u.uri = text, ""
	}
	return u, u.parseAuthority(authority)
}

// parseAuthority reads host and port.
func (u *upstream) parseAuthority(text string) bool {
	var port string
	if inner, isLiteral := strings.CutPrefix(text, "["); isLiteral {
		inner, after, closed := strings.Cut(inner, "]")
		u.host = "[" + inner + "]"
		if port, u.given = strings.CutPrefix(after, ":"); !closed || after != "" && !u.given {
			return false
		}
	} else if i := strings.LastIndexByte(text, ':'); i >= 0 {
		u.host, port, u.given = text[:i], text[i+1:], true
	} else {
		u.host = text
	}
	if u.given {
		u.port = number(port)
		if u.port < 1 || u.port > 65535 {
			return false
		}
	}
	return u.host != ""
}

// find is the pass of a directive: in the location whose block it stands in, or in those around.
func (e *engine) findPass(d *proxy.Directive) *proxy.Pass {
	for s := e.scope; s != nil; s = s.outer {
		if s.location == nil {
			continue
		}
		for _, p := range s.location.Passes {
			if p.Order == d.Order {
				return p
			}
		}
	}
	return nil
}

// pass hands the request on.
func (e *engine) pass(d *proxy.Directive) phase {
	p := e.findPass(d)
	if p == nil {
		return e.give(fmt.Sprintf("where `%s` leads to", d.Name))
	}
	v := e.expand(word(d.Args[0]), false)
	u, ok := parseUpstream(d.Name, v.text)
	if u.why = v.why; u.why == "" && !ok {
		return e.fail(500, d.Place, fmt.Sprintf("%q is no value for %s", v.text, d.Name))
	}
	e.target = &u
	sent := &Sent{Value: v.text, Scheme: u.scheme, Host: strings.Trim(u.host, "[]"), Port: u.port, Socket: u.socket, Method: e.method, Unknown: u.why}
	if m := first(e.scope.nearest("proxy_method")); m != nil && d.Name == "proxy_pass" {
		sent.Method = e.expand(word(m.Args[0]), false).text
	}
	for _, g := range e.config.Groups {
		if !g.Stream && !u.given && strings.EqualFold(g.Name, u.host) {
			sent.Group, sent.Port = g, 0
		}
	}
	if u.why == "" {
		uri := e.sentURI(p, &u)
		sent.URI, sent.Unknown = uri.text, uri.why
		if uri.text == "" && uri.why == "" {
			return e.fail(500, d.Place, "the URI to pass on is empty")
		}
	}
	e.fields(p, sent)
	e.way.Pass, e.way.Sent = p, sent
	if sent.Unknown != "" {
		e.give("what is passed on: " + sent.Unknown)
	}
	e.step(StepPass, p.Place, "%s", p)
	if status := e.intercepted(p, *sent); status != 0 && e.way.Unknown == "" {
		return e.fail(status, p.Place, p.String())
	}
	return e.finish(Answer{What: p.String(), Place: p.Place})
}

// intercepted is the status of an upstream that error_page may replace: one that nginx makes itself, or
// one that it is told to intercept. 0: none.
func (e *engine) intercepted(p *proxy.Pass, sent Sent) int {
	if e.options.Upstream == nil {
		return 0
	}
	status, failed := e.options.Upstream(sent)
	kind := strings.TrimSuffix(p.Directive, "pass")
	if failed || status >= 300 && e.scope.isOn(kind+"intercept_errors", false) && e.replaces(status) {
		return status
	}
	return 0
}

// replaces says whether an error_page is there for a status.
func (e *engine) replaces(status int) bool {
	return slices.ContainsFunc(e.scope.nearest("error_page"), func(d *proxy.Directive) bool {
		_, ok := newErrorPage(d, status)
		return ok
	})
}

// sentURI is the URI that the upstream is asked for.
func (e *engine) sentURI(p *proxy.Pass, u *upstream) value {
	if p.Variable && u.uri != "" {
		if u.uri[0] == '?' {
			return known("/" + u.uri)
		}
		return known(u.uri)
	}
	if u.uri == "" && e.validUnparsed {
		return known(e.unparsed)
	}
	replaced := 0
	if e.validLocation && u.uri != "" {
		replaced = min(len(e.replaced(p)), len(e.uri))
	}
	rest := e.uri[replaced:]
	if e.quoted || e.internal {
		rest = escape(rest, inURI)
	}
	uri := rest
	if e.validLocation {
		uri = u.uri + rest
	}
	if e.args.why != "" {
		return e.args
	}
	if e.args.text != "" {
		uri += "?" + e.args.text
	}
	return known(uri)
}

// replaced is the path of the location that a pass with a URI stands in.
func (e *engine) replaced(p *proxy.Pass) string {
	for s := e.scope; s != nil; s = s.outer {
		for _, d := range s.directives {
			if d.Order == p.Order && s.location != nil && s.within == "" {
				return word(s.location.Path)
			}
		}
	}
	return ""
}

// fields evaluates the headers or parameters that a pass sends.
func (e *engine) fields(p *proxy.Pass, sent *Sent) {
	host, given := known(e.target.header()), false
	for _, param := range p.Sent {
		v := e.expand(word(param.Value), false)
		name := word(param.Name)
		if strings.EqualFold(name, "Host") && (p.Directive == "proxy_pass" || p.Directive == "grpc_pass") {
			host, given = v, true
			continue
		}
		if v.text == "" && v.why == "" && p.Directive != "fastcgi_pass" {
			continue
		}
		sent.Fields = append(sent.Fields, Field{name, cmp.Or(v.text, param.Value), v.why, param.Place})
	}
	if p.Directive != "proxy_pass" && p.Directive != "grpc_pass" {
		return
	}
	sent.Header = host.text
	if given && host.text == "" && host.why == "" && p.HTTPVersion == "1.1" {
		sent.Header = e.target.header()
	}
	if host.why != "" {
		sent.Header = ""
		sent.Unknown = cmp.Or(sent.Unknown, "the Host header: "+host.why)
	}
}
