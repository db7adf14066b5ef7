package nginx

import (
	"cmp"
	"strings"

	"why502/compose/proxy"
)

// pass is a pass whose targets are not known yet.
type pass struct {
	*proxy.Pass
	module    module
	upstreams *upstreams
	scope     *scope
	noURI     bool // a literal value must not have a URI
}

// scope is what a pass needs to know of the blocks around it.
type scope struct {
	server   *serverScope
	location []*node // directives of the pass's location
	inherited
	noURI bool // it is a regular expression or has a name, so that nginx cannot replace a prefix
}

// serverScope is what the passes of one server have in common.
type serverScope struct {
	nodes     []*node
	schemes   []string // what $scheme may be
	udp       bool
	sets      *variables // what the server itself sets; nil until it is asked for
	elsewhere *variables // what its locations set, all together; likewise
}

// pass adds a directive to the passes of a block if it is one.
func (l *lowerer) pass(passes []*proxy.Pass, u *upstreams, n *node, around *scope, within string) []*proxy.Pass {
	m, ok := moduleOf(n.Name, u.stream)
	if !ok || len(n.Args) == 0 {
		return passes
	}
	under := around.of(n.Name)
	p := &proxy.Pass{
		Place: n.place(0), Order: n.Order, Directive: n.Name, Value: n.Args[0], Within: within,
		Variable: strings.Contains(n.Args[0], "$"), Resolver: around.resolver, Root: around.root,
		Sent: under.sent, Forgotten: under.forgotten, Timeouts: under.effective(u.stream),
	}
	if n.Name == "proxy_pass" && !u.stream {
		p.HTTPVersion = cmp.Or(under.version, l.httpVersion)
	}
	l.passes = append(l.passes, &pass{Pass: p, module: m, upstreams: u, scope: around, noURI: around.noURI || within != ""})
	return append(passes, p)
}

// resolve finds every target of a pass.
func (p *pass) resolve() {
	for _, value := range p.values() {
		p.Targets = append(p.Targets, p.upstreams.target(p, value))
	}
}

// values are what the value of a pass may be once its variables are filled in.
func (p *pass) values() []string {
	if !p.Variable {
		return []string{p.Value}
	}
	known := newVariables(p.scope.server.variables())
	known.run(p.scope.location)
	for _, name := range parts(p.Value) {
		if name = strings.ToLower(name); name != "" && len(known.all(name)) == 0 {
			known.add(name, p.scope.server.setElsewhere(name))
		}
	}
	return known.expand(p.Value)
}

// variables are those that the server itself sets, for all its locations.
func (s *serverScope) variables() *variables {
	if s.sets == nil {
		s.sets = newVariables(nil)
		s.sets.own["scheme"] = s.schemes
		s.sets.run(s.nodes)
	}
	return s.sets
}

// setElsewhere gives the values that the server's locations set: a request may come from one of
// them by an internal redirect, and keeps its variables.
func (s *serverScope) setElsewhere(name string) []string {
	if s.elsewhere == nil {
		s.elsewhere = newVariables(s.variables())
		s.elsewhere.collect(s.nodes)
	}
	return s.elsewhere.all(name)
}
