package nginx

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"why502/compose/proxy"
)

// lowerer turns directives into servers, locations, passes and groups.
type lowerer struct {
	config       *proxy.Config
	http, stream *upstreams
	passes       []*pass // all of them: where they lead to is known when all groups are
	last         int     // the order of what nginx checks when it has read everything
	ports        int     // that servers listen on so far
	httpVersion  string  // that proxy_pass asks in where nothing is said
}

// lower adds what a configuration says to config. last is the order of the last directive; stock
// says that nginx has no variables but its own.
func lower(config *proxy.Config, main []*node, last int, stock bool, o Options) {
	complete := config.Complete()
	l := &lowerer{config: config, http: newUpstreams(false, complete), stream: newUpstreams(true, complete), last: last, httpVersion: "1.1"}
	if Older(o.Version, 1, 29, 7) {
		l.httpVersion = "1.0"
	}
	l.module(l.http, main, outermost())
	l.repeated(main, "main", o.Given)
	if complete {
		l.unset(main, stock)
	}
	// those without variables first: they make the groups that the others may come to use
	for _, variable := range []bool{false, true} {
		for _, p := range l.passes {
			if p.Variable == variable {
				p.resolve()
			}
		}
	}
}

// fault records what nginx refuses although each directive by itself is right.
func (l *lowerer) fault(n *node, context string, order int, text string) {
	if len(l.config.Faults) < maxFaults {
		l.config.Faults = append(l.config.Faults, proxy.Fault{
			Text: text, Directive: n.Name, Context: context, Place: n.Place, Order: order,
		})
	}
}

// module lowers what stands in the http or the stream block. Where those stand in the wrong place,
// and where a server stands without them, nginx refuses the configuration; what they say is lowered
// nevertheless, as it is what the author means.
func (l *lowerer) module(u *upstreams, nodes []*node, outer inherited) {
	inner := outer.in(nodes)
	maps.Copy(u.maps, choices(nodes, u.complete))
	for _, n := range nodes {
		switch n.Name {
		case "http":
			l.module(l.http, n.nodes, inner)
			l.config.Directives = append(l.config.Directives, ownDirectives(n.nodes)...)
		case "stream":
			l.module(l.stream, n.nodes, inner)
		case "upstream":
			l.group(u, n, inner.resolver)
		case "map":
			l.sameKeys(n)
		case "server":
			l.server(u, n, inner)
		}
	}
}

// ownDirectives are a block's directives without servers, groups and locations.
func ownDirectives(nodes []*node) []*proxy.Directive {
	var own []*proxy.Directive
	for _, n := range nodes {
		switch n.Name {
		case "server", "upstream", "location", "http", "stream":
		default:
			own = append(own, &n.Directive)
		}
	}
	return own
}

// resolverIn gives the resolver of a block, which is inherited where there is none.
func resolverIn(nodes []*node, inherited *proxy.Resolver) *proxy.Resolver {
	n := find(nodes, "resolver")
	if n == nil {
		return inherited
	}
	r := &proxy.Resolver{Place: n.Place}
	for _, arg := range n.Args {
		key, value, isOption := strings.Cut(arg, "=")
		switch {
		case strings.ContainsAny(arg, "$") || placeholder(arg) != "":
			r.Variable = true
			r.Addresses, r.Servers = append(r.Addresses, arg), append(r.Servers, arg)
		case key == "valid":
			r.Valid = value
		case !isOption:
			r.Addresses, r.Servers = append(r.Addresses, withoutPort(arg)), append(r.Servers, arg)
		}
	}
	return r
}

// withoutPort takes the port off the address of a name server.
func withoutPort(text string) string {
	if a, wrong := parseAddress(text, false, 0); wrong == "" && a.host != "" {
		return a.host
	}
	return text
}

// server lowers a server of http or stream.
func (l *lowerer) server(u *upstreams, n *node, outer inherited) {
	inner := outer.in(n.nodes)
	s := &proxy.Server{Place: n.Place, Order: n.Order, Stream: u.stream, Directives: ownDirectives(n.nodes)}
	s.Listens = l.listens(u, n, inner)
	if len(s.Listens) == 0 && l.config.Complete() {
		l.fault(n, "stream", n.Order, `no "listen" is defined for server`)
	}
	common := &serverScope{nodes: n.nodes, schemes: schemes(s.Listens), maps: u.maps}
	common.udp = slices.ContainsFunc(s.Listens, func(listen proxy.Listen) bool { return listen.UDP })
	around := scope{server: common, inherited: inner}
	for _, child := range n.nodes {
		switch child.Name {
		case "server_name":
			s.Names = append(s.Names, child.Args...)
		case "location":
			s.Locations = append(s.Locations, l.location(u, child, around))
		case "proxy_pass":
			if u.stream {
				s.Passes = l.pass(s.Passes, u, child, &around, "")
			}
		}
	}
	l.duplicates(n)
	l.config.Servers = append(l.config.Servers, s)
}

// schemes are the values of $scheme, by what a server listens on.
func schemes(listens []proxy.Listen) []string {
	plain, tls := false, false
	for _, listen := range listens {
		plain, tls = plain || !listen.TLS, tls || listen.TLS
	}
	switch {
	case plain && tls:
		return []string{"http", "https"}
	case tls:
		return []string{"https"}
	}
	return []string{"http"}
}

// location lowers a location and those nested in it. Nested ones inherit its resolver, but not what
// it sets: nginx runs the set directives of one location only.
func (l *lowerer) location(u *upstreams, n *node, around scope) *proxy.Location {
	loc := &proxy.Location{Place: n.Place, Order: n.Order, Directives: ownDirectives(n.nodes)}
	loc.Modifier, loc.Path = modifier(n.Args)
	inside := scope{server: around.server, location: n.nodes, captures: captures(n), inherited: around.in(n.nodes)}
	inside.noURI = slices.Contains([]string{"~", "~*", "@"}, loc.Modifier)
	for _, child := range n.nodes {
		switch child.Name {
		case "location":
			loc.Locations = append(loc.Locations, l.location(u, child, inside))
		case "if", "limit_except":
			for _, inner := range child.nodes {
				loc.Passes = l.pass(loc.Passes, u, inner, &inside, child.Name)
			}
			l.duplicates(child)
		default:
			loc.Passes = l.pass(loc.Passes, u, child, &inside, "")
		}
	}
	l.duplicates(n)
	return loc
}

// duplicates looks for what nginx accepts only once in a block: a pass, and a location that is a
// path.
func (l *lowerer) duplicates(n *node) {
	locations, passes := map[string]bool{}, map[string]bool{}
	for _, child := range n.nodes {
		switch {
		case child.Name == "location":
			kind, path := modifier(child.Args)
			if kind == "~" || kind == "~*" || kind == "@" {
				continue
			}
			key := strings.TrimPrefix(kind, "^~") + path // "^~" and no modifier are one
			if locations[key] {
				l.fault(child, n.Name, l.last, fmt.Sprintf(`duplicate location "%s"`, path))
			}
			locations[key] = true
		case strings.HasSuffix(child.Name, "_pass"):
			if passes[child.Name] {
				l.fault(child, n.Name, child.Order, fmt.Sprintf(`"%s" directive is duplicate`, child.Name))
			}
			passes[child.Name] = true
		}
	}
}

// sameKeys looks for a key that stands in a map twice. nginx does not tell capitals apart in them.
func (l *lowerer) sameKeys(n *node) {
	seen, fallback := map[string]bool{}, false
	for _, entry := range n.nodes {
		key := strings.ToLower(entry.Name)
		switch {
		case len(entry.Args) != 1 || entry.Name == "include" || strings.HasPrefix(key, "~"):
			continue
		case entry.Name == "default" && fallback:
			l.fault(entry, n.Name, entry.Order, "duplicate default map parameter")
		case entry.Name == "default":
			fallback = true
			continue
		case seen[key]:
			l.fault(entry, n.Name, entry.Order, fmt.Sprintf(`conflicting parameter "%s"`, key))
		}
		seen[key] = true
	}
}

// repeated looks in every block for a directive that nginx accepts only once in it. given are names
// that the command line brings into the outermost.
func (l *lowerer) repeated(nodes []*node, context string, given []string) {
	for i, n := range nodes {
		switch n.Name {
		case "http", "stream", "events", "server", "upstream", "location", "if", "limit_except": // others hold words
			l.repeated(n.nodes, n.Name, nil)
		}
		if once(n.Name) && (slices.Contains(given, n.Name) || find(nodes[:i], n.Name) != nil) {
			l.fault(n, context, n.Order, fmt.Sprintf(`"%s" directive is duplicate`, n.Name))
			return // nginx stops here
		}
	}
}

// modifier takes the arguments of a location apart; modifier and path may be written as one word.
func modifier(args []string) (string, string) {
	if len(args) == 0 {
		return "", ""
	}
	if len(args) >= 2 {
		return args[0], args[1]
	}
	for _, m := range []string{"=", "^~", "~*", "~", "@"} {
		if path, ok := strings.CutPrefix(args[0], m); ok {
			return m, path
		}
	}
	return "", args[0]
}
