package nginx

import (
	"cmp"
	"fmt"
	"slices"
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
	location []*node  // directives of the pass's location
	captures []string // names of what its regular expression captures
	inherited
	noURI bool // it is a regular expression or has a name, so that nginx cannot replace a prefix
}

// serverScope is what the passes of one server have in common.
type serverScope struct {
	nodes     []*node
	schemes   []string // what $scheme may be
	udp       bool
	maps      map[string][]choice
	setting   []*node    // those of them that write variables; nil until it is asked for
	sets      *variables // what the server itself sets; likewise
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
		Variable: strings.Contains(n.Args[0], "$"), Resolver: around.resolver, Root: around.root, Auth: around.auth,
		Sent: under.sent, Forgotten: under.forgotten, Timeouts: under.effective(u.stream), TLS: under.tls,
	}
	if n.Name == "proxy_pass" && !u.stream {
		p.HTTPVersion = cmp.Or(under.version, l.httpVersion)
	}
	l.passes = append(l.passes, &pass{Pass: p, module: m, upstreams: u, scope: around, noURI: around.noURI || within != ""})
	return append(passes, p)
}

// resolve finds every target of a pass.
func (p *pass) resolve() {
	values := p.values()
	for _, value := range values {
		t := p.upstreams.target(p, value)
		if p.Variable && t.Host != "" && !hasWord(p.Value, t.Host) {
			t.Said = p.said(p.Value, t.Host, maxSaid)
		}
		p.Targets = append(p.Targets, t)
	}
	if len(values) == maxValues {
		p.Targets = append(p.Targets, proxy.Target{Value: p.Value, Unknown: fmt.Sprintf("`%s` may have more than %d values", p.Value, maxValues)})
	}
}

// maxSaid is how many variables that are made of each other are looked through for a host.
const maxSaid = 4

// said finds the set or the entry of a map that puts a host into a text.
func (p *pass) said(text, host string, left int) proxy.Place {
	if left == 0 {
		return proxy.Place{}
	}
	for _, name := range parts(text) {
		if name == "" {
			continue
		}
		for _, c := range p.sources(strings.ToLower(name)) {
			if hasWord(c.text, host) {
				return c.place
			}
			if at := p.said(c.text, host, left-1); at.Known() {
				return at
			}
		}
	}
	return proxy.Place{}
}

// sources are the values that the pass's own blocks write into a variable.
func (p *pass) sources(name string) (all []choice) {
	for _, n := range slices.Concat(p.scope.location, p.scope.server.setters()) {
		for _, n := range append([]*node{n}, n.nodes...) { // of an if
			if isSet(n) && variable(n) == name {
				all = append(all, choice{n.Args[1], n.place(1)})
			}
		}
	}
	return append(all, p.scope.server.maps[name]...)
}

// hasWord says whether a text has a word that is no part of a longer one.
func hasWord(text, word string) bool {
	for from := 0; ; {
		i := strings.Index(text[from:], word)
		if i < 0 {
			return false
		}
		i += from
		before, after := i-1, i+len(word)
		if (before < 0 || !inHost(text[before])) && (after == len(text) || !inHost(text[after])) {
			return true
		}
		from = i + 1
	}
}

func inHost(c byte) bool { return isName(c) || strings.IndexByte("-.${", c) >= 0 }

// values are what the value of a pass may be once its variables are filled in.
func (p *pass) values() []string {
	if !p.Variable {
		return []string{p.Value}
	}
	known := newVariables(p.scope.server.variables(), p.scope.server.maps)
	for _, name := range p.scope.captures {
		known.own[name] = unknown(name)
	}
	known.run(p.scope.location)
	known.overwrite(p.scope.server.setters())
	known.overwrite(p.scope.location)
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
		s.sets = newVariables(nil, s.maps)
		s.sets.own["scheme"] = s.schemes
		for _, n := range s.nodes {
			if n.Name == "server_name" {
				s.sets.captured(n)
			}
		}
		s.sets.run(s.nodes)
	}
	return s.sets
}

// setters are the server's own directives that write variables.
func (s *serverScope) setters() []*node {
	if s.setting == nil {
		s.setting = []*node{}
		for _, n := range s.nodes {
			if n.Name == "set" || n.Name == "if" || n.Name == "auth_request_set" || isLua(n) {
				s.setting = append(s.setting, n)
			}
		}
	}
	return s.setting
}

// setElsewhere gives the values that the server's locations set: a request may come from one of
// them by an internal redirect, and keeps its variables.
func (s *serverScope) setElsewhere(name string) []string {
	if s.elsewhere == nil {
		s.elsewhere = newVariables(s.variables(), s.maps)
		s.elsewhere.collect(s.nodes)
	}
	return s.elsewhere.all(name)
}
