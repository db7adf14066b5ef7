package nginx

import (
	"net/netip"
	"strconv"
	"strings"
)

// address is host and port as nginx takes them out of a pass, a server of a group or a listen.
type address struct {
	host      string // without brackets
	port      int
	portGiven bool
	socket    string // path of a unix socket; host is empty then
	uri       string
}

// maxSocketPath is the longest path that fits into a sockaddr_un.
const maxSocketPath = 107

// parseAddress takes an address apart as nginx's ngx_parse_url does, and says in its words what is
// wrong with it. A URI may follow only where withURI.
func parseAddress(text string, withURI bool, defaultPort int) (address, string) {
	if len(text) >= 5 && strings.EqualFold(text[:5], "unix:") {
		return parseSocket(text[5:], withURI)
	}
	authority, uri := text, ""
	if i := strings.IndexAny(text, "/?"); i >= 0 {
		authority, uri = text[:i], text[i:]
	}
	if strings.HasPrefix(text, "[") {
		return parseIPv6(authority, uri, withURI, defaultPort)
	}
	if uri != "" && !withURI {
		return address{}, "invalid host"
	}
	a := address{uri: uri, port: defaultPort}
	host, port, given := strings.Cut(authority, ":")
	if given && !a.setPort(port) {
		return address{}, "invalid port"
	}
	if host == "" {
		return address{}, "no host"
	}
	a.host = host
	return a, ""
}

// parseIPv6 takes "[::1]:80" apart.
func parseIPv6(authority, uri string, withURI bool, defaultPort int) (address, string) {
	host, rest, closed := strings.Cut(authority[1:], "]")
	if !closed || uri != "" && !withURI {
		return address{}, "invalid host"
	}
	a := address{host: host, uri: uri, port: defaultPort}
	if rest != "" && (rest[0] != ':' || !a.setPort(rest[1:])) {
		return address{}, "invalid port"
	}
	if host == "" {
		return address{}, "no host"
	}
	if addr, err := netip.ParseAddr(host); err != nil || !addr.Is6() || addr.Zone() != "" {
		return address{}, "invalid IPv6 address"
	}
	return a, ""
}

func parseSocket(text string, withURI bool) (address, string) {
	socket, uri := text, ""
	if withURI {
		socket, uri, _ = strings.Cut(text, ":")
	}
	switch {
	case socket == "":
		return address{}, "no path in the unix domain socket"
	case len(socket) > maxSocketPath:
		return address{}, "too long path in the unix domain socket"
	}
	return address{socket: socket, uri: uri}, ""
}

// setPort reads a port, which is digits only, and says whether it is one.
func (a *address) setPort(text string) bool {
	n, ok := portNumber(text)
	a.port, a.portGiven = n, true
	return ok
}

func portNumber(text string) (int, bool) {
	n, err := strconv.ParseUint(text, 10, 16)
	return int(n), err == nil && n > 0
}

// isAddress says whether a host is an IP address, so that nobody needs to look it up.
func isAddress(host string) bool {
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Zone() == ""
}

// placeholder gives what a template should have replaced in a text: "${API}", "{{ api }}",
// "__API__", "<api>"; "" if there is none.
func placeholder(text string) string {
	for _, marks := range [][2]string{{"${", "}"}, {"{{", "}}"}, {"<", ">"}, {"__", "__"}} {
		start := strings.Index(text, marks[0])
		if start < 0 {
			continue
		}
		inner := text[start+len(marks[0]):]
		if end := strings.Index(inner, marks[1]); end > 0 && standsAlone(text, start, inner[end+len(marks[1]):]) {
			return text[start : len(text)-len(inner)+end+len(marks[1])]
		}
	}
	return ""
}

// standsAlone keeps names of containers such as "shop__api__1" from being placeholders: underscores
// make one only where no letter or digit touches them from outside.
func standsAlone(text string, start int, after string) bool {
	if text[start] != '_' {
		return true
	}
	touches := func(s string) bool { return s != "" && !strings.ContainsAny(s, ".:/-") }
	before := ""
	if start > 0 {
		before = text[start-1 : start]
	}
	return !touches(before) && !touches(after[:min(1, len(after))])
}
