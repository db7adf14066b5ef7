package nginx

import (
	"fmt"
	"slices"
	"strings"

	"why502/compose/proxy"
)

// group lowers an upstream.
func (l *lowerer) group(u *upstreams, n *node, outer *proxy.Resolver) {
	if len(n.Args) == 0 {
		return
	}
	g := &proxy.Group{
		Place: n.place(0), Order: n.Order, Name: n.Args[0], Stream: u.stream,
		Resolver: resolverIn(n.nodes, outer), Directives: ownDirectives(n.nodes),
	}
	scripted := slices.ContainsFunc(n.nodes, func(child *node) bool { return strings.HasPrefix(child.Name, "balancer_by_lua") })
	for _, child := range n.nodes {
		if child.Name != "server" || len(child.Args) == 0 {
			continue
		}
		if child.wrong && len(child.Args) > 1 && child.Args[0] == child.Name { // "server server a:80;": the second is no host
			meant := *child
			meant.Args = meant.Args[1:]
			child = &meant
		}
		p := peer(child, u.stream)
		if scripted { // what is written stands in for it: server 0.0.0.1;
			p.Host, p.Port, p.Unknown = "", 0, "Lua chooses the server when a request comes"
		}
		g.Servers = append(g.Servers, p)
	}
	key := strings.ToLower(g.Name)
	if u.groups[key] != nil {
		g.Fault = fmt.Sprintf(`duplicate upstream "%s"`, g.Name)
	} else {
		u.groups[key] = g
		g.Fault = l.withoutServers(g, n)
	}
	l.config.Groups = append(l.config.Groups, g)
}

// withoutServers says why nginx refuses a group for its lack of servers.
func (l *lowerer) withoutServers(g *proxy.Group, n *node) string {
	regular := slices.ContainsFunc(g.Servers, func(p *proxy.Peer) bool { return !p.Backup })
	stored := find(n.nodes, "state") != nil // they are in a file that nginx itself writes
	switch {
	case regular || stored || !l.config.Complete():
		return ""
	case len(g.Servers) == 0:
		return "no servers are inside upstream"
	}
	return fmt.Sprintf(`no servers in upstream "%s"`, g.Name)
}

// peer lowers one server of a group.
func peer(n *node, stream bool) *proxy.Peer {
	p := &proxy.Peer{Place: n.place(0), Order: n.Order, Value: n.Args[0]}
	p.Backup = slices.Contains(n.Args[1:], "backup")
	p.Down = slices.Contains(n.Args[1:], "down")
	p.Resolve = slices.Contains(n.Args[1:], "resolve")
	if mark := placeholder(p.Value); mark != "" {
		p.Unknown = unfilled(mark)
		return p
	}
	defaultPort := 80
	if stream {
		defaultPort = 0
	}
	a, wrong := parseAddress(p.Value, false, defaultPort)
	p.Host, p.Port, p.Socket = a.host, a.port, a.socket
	switch {
	case wrong != "":
		p.Fault = fmt.Sprintf(`%s in upstream "%s"`, wrong, p.Value)
	case p.Port == 0 && p.Socket == "" && !hasService(n.Args):
		p.Fault = fmt.Sprintf(`no port in upstream "%s"`, p.Value)
	}
	return p
}

// hasService says whether the ports of a peer come from SRV records.
func hasService(args []string) bool {
	return slices.ContainsFunc(args, func(arg string) bool { return strings.HasPrefix(arg, "service=") })
}
