package nginx

import (
	"fmt"
	"slices"
	"strings"

	"why502/compose/proxy"
)

// Bounds of the ports that are listed.
const (
	maxPorts   = 1000   // of one range
	maxListens = 20_000 // of all servers
)

// listens gives what a server accepts connections on: port 80 where an http server does not say.
func (l *lowerer) listens(u *upstreams, n *node, around inherited) []proxy.Listen {
	var all []proxy.Listen
	for _, child := range n.nodes {
		if child.Name == "listen" && len(child.Args) > 0 {
			all = append(all, l.listen(child, around)...)
		}
	}
	if len(all) == 0 && !u.stream {
		return []proxy.Listen{{Place: n.Place, Port: 80, TLS: around.tls, HTTP2: around.http2}}
	}
	return all
}

// listen lowers one listen; a range of ports becomes one for each.
func (l *lowerer) listen(n *node, around inherited) []proxy.Listen {
	listen := proxy.Listen{Place: n.Place, TLS: around.tls, HTTP2: around.http2}
	for _, arg := range n.Args[1:] {
		switch arg {
		case "ssl":
			listen.TLS = true
		case "http2":
			listen.HTTP2 = true
		case "quic":
			listen.TLS, listen.UDP = true, true
		case "udp":
			listen.UDP = true
		case "default_server", "default":
			listen.Default = true
		}
	}
	host, first, last, _ := listenAddress(n.Args[0])
	if path, ok := strings.CutPrefix(host, "unix:"); ok {
		listen.Socket = path
		return []proxy.Listen{listen}
	}
	listen.Address = host
	listen.V6Only = strings.Contains(host, ":") && !slices.Contains(n.Args, "ipv6only=off")
	if placeholder(n.Args[0]) != "" {
		l.config.Unchecked = append(l.config.Unchecked, proxy.Unchecked{
			What: "listen " + n.Args[0], Why: "a placeholder in it is not filled in",
		})
	}
	var all []proxy.Listen
	for port := first; port <= min(last, first+maxPorts) && (l.ports < maxListens || port == first); port++ {
		listen.Port = port
		all = append(all, listen)
		l.ports++
	}
	if len(all) <= last-first {
		l.config.Unchecked = append(l.config.Unchecked, proxy.Unchecked{What: "listen " + n.Args[0], Why: "these are more ports than can be followed"})
	}
	return all
}

// listenAddress takes the first argument of listen apart: "80", "*:80", "[::]:80", "unix:/x",
// "127.0.0.1", "localhost:8000-8010". The port is 80 where none is given. Where nginx refuses it,
// wrong says why.
func listenAddress(text string) (host string, first, last int, wrong string) {
	if strings.HasPrefix(text, "unix:") {
		return text, 0, 0, ""
	}
	host, ports, given := cutPort(text)
	switch {
	case !given && isRange(host):
		host, ports = "", host
	case !given:
		ports = "80"
	case host == "":
		return "", 0, 0, "no host"
	}
	if host == "*" || host == "0.0.0.0" {
		host = ""
	}
	from, to, several := strings.Cut(ports, "-")
	first, ok := portNumber(from)
	last = first
	if ok && several {
		last, ok = portNumber(to)
	}
	switch {
	case !ok:
		return host, 0, 0, "invalid port"
	case last < first:
		return host, 0, 0, "invalid port range"
	}
	return host, first, last, ""
}

// isRange says whether a listen without a colon is a port or a range of ports.
func isRange(text string) bool {
	return text != "" && strings.Trim(text, "0123456789-") == ""
}

// cutPort divides at the colon before the port and removes brackets.
func cutPort(text string) (host, ports string, given bool) {
	if inner, ok := strings.CutPrefix(text, "["); ok {
		host, rest, _ := strings.Cut(inner, "]")
		ports, given = strings.CutPrefix(rest, ":")
		return host, ports, given
	}
	return strings.Cut(text, ":")
}

// badListen says why nginx refuses the address of a listen.
func badListen(text string) string {
	_, _, _, wrong := listenAddress(text)
	if wrong == "" || placeholder(text) != "" {
		return ""
	}
	return fmt.Sprintf(`%s in "%s" of the "listen" directive`, wrong, text)
}
