package trace

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"why502/compose/proxy"
)

// begin reads the request: which server it is for, and whether it is one at all.
func begin(e *engine) phase {
	servers, listen := e.listening()
	if e.way.Unknown != "" {
		return nil
	}
	if len(servers) == 0 {
		e.way.Answer = Answer{What: "nothing listens there", Closed: true}
		return nil
	}
	tls := slices.ContainsFunc(servers, func(c candidate) bool { return c.listen.TLS })
	e.step(StepListen, listen.Place, "listen %s", e.endpoint())
	e.way.Server = servers[defaultOf(servers)].server
	e.scope = e.serverScope()
	if e.request.Scheme == "https" {
		if !tls {
			e.way.Answer = Answer{What: "nginx speaks no TLS there", Closed: true, Place: listen.Place}
			return nil
		}
		if e.request.SNI != "" {
			e.pick(servers, strings.TrimSuffix(lower(e.request.SNI), "."))
		}
	}
	return e.read(servers, tls)
}

// read reads request line and headers. What nginx refuses to read answers with 400.
func (e *engine) read(servers []candidate, tls bool) phase {
	if e.request.Method == "" || strings.Trim(e.request.Method, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_-") != "" {
		return e.fail(400, e.place(), "an invalid method")
	}
	t, wrong := parseTarget(e.request.Target, e.scope.isOn("merge_slashes", true))
	if wrong != "" {
		e.headers = nil // they are not read
		return e.fail(400, e.place(), wrong)
	}
	e.uri, e.args, e.unparsed = t.uri, known(t.args), t.unparsed
	e.validUnparsed, e.quoted, e.plus = !t.emptyPath, t.quoted, t.plus
	if wrong = e.readHost(t); wrong != "" {
		if e.host != "" {
			e.pick(servers, e.host)
		}
		return e.fail(400, e.place(), wrong)
	}
	e.pick(servers, e.host)
	switch {
	case e.way.Unknown != "":
		return nil
	case e.method == "CONNECT" || e.method == "TRACE":
		return e.fail(405, e.place(), "the method "+e.method)
	case tls && e.request.Scheme == "http":
		return e.fail(497, e.place(), "plain HTTP to a port of TLS")
	}
	return serverRewrite
}

// readHost finds the name that the request is for. Where nginx answers 400, wrong says why.
func (e *engine) readHost(t target) (wrong string) {
	ok := true
	if t.authority {
		if e.host, ok = cleanHost(t.host); !ok {
			return "an invalid host in the target"
		}
	}
	hosts := 0
	for i, field := range e.request.Headers {
		if !strings.EqualFold(field.Name, "Host") {
			continue
		}
		host, ok := cleanHost(strings.Trim(field.Value, " \t"))
		if hosts++; !ok || hosts > 1 {
			e.headers = byName(e.request.Headers[:i+1]) // the others are not read
		}
		switch {
		case hosts > 1:
			return "two Host headers"
		case !ok:
			return "an invalid Host header"
		case e.host == "":
			e.host = host
		}
	}
	if hosts == 0 && !e.request.HTTP10 {
		return "no Host header"
	}
	return ""
}

// endpoint is where the request arrives.
func (e *engine) endpoint() string {
	r := &e.request
	switch {
	case r.Socket != "":
		return "unix:" + r.Socket
	case r.Address == "":
		return fmt.Sprint(r.Port)
	case strings.Contains(r.Address, ":"):
		return fmt.Sprintf("[%s]:%d", r.Address, r.Port)
	}
	return fmt.Sprintf("%s:%d", r.Address, r.Port)
}

// candidate is a server that listens where the request arrives.
type candidate struct {
	server *proxy.Server
	listen *proxy.Listen
}

// listening are the servers that listen where the request arrives, in their order: those on its very
// address, else those on all addresses.
func (e *engine) listening() (servers []candidate, at *proxy.Listen) {
	var addresses []string
	byAddress := map[string][]candidate{}
	for _, s := range e.config.Servers {
		for i := range s.Listens {
			l := &s.Listens[i]
			if s.Stream || l.UDP || l.Socket != e.request.Socket || l.Port != e.request.Port {
				continue
			}
			if all := byAddress[l.Address]; len(all) == 0 {
				addresses = append(addresses, l.Address)
			} else if all[len(all)-1].server == s {
				continue
			}
			byAddress[l.Address] = append(byAddress[l.Address], candidate{s, l})
		}
	}
	address, ok := e.address(addresses, byAddress)
	if servers = byAddress[address]; !ok || len(servers) == 0 {
		return nil, nil
	}
	return servers, servers[0].listen
}

// address is the address among those that are listened on that takes the request.
func (e *engine) address(addresses []string, by map[string][]candidate) (string, bool) {
	if e.request.Socket != "" || len(addresses) == 0 {
		return "", len(addresses) > 0
	}
	asked, err := netip.ParseAddr(e.request.Address)
	if err != nil {
		return e.anyAddress(addresses, by)
	}
	for _, a := range addresses {
		if own, err := netip.ParseAddr(a); err == nil && own == asked && a != "::" {
			return a, true
		}
	}
	wild, other := "", "::"
	if asked.Is6() && !asked.Is4In6() {
		wild, other = "::", ""
	}
	switch both := by["::"]; {
	case len(by[wild]) > 0:
		return wild, true
	case other == "::" && len(both) > 0 && !both[0].listen.V6Only:
		return other, true
	}
	return "", false
}

// anyAddress takes each of the addresses where it is not known which is asked.
func (e *engine) anyAddress(addresses []string, by map[string][]candidate) (string, bool) {
	if len(addresses) == 1 || len(addresses) == 2 && len(by[""]) == len(by["::"]) && sameServers(by[""], by["::"]) {
		return addresses[0], true
	}
	shown := make([]string, len(addresses))
	for i, a := range addresses {
		shown[i] = a
		if a == "" {
			shown[i] = "0.0.0.0"
		}
	}
	at := by[addresses[0]][0].listen.Place
	return addresses[e.choose(at, "the address of the proxy that is asked is", shown...)], true
}

func sameServers(a, b []candidate) bool {
	return slices.EqualFunc(a, b, func(a, b candidate) bool {
		return a.server == b.server && a.listen.Default == b.listen.Default
	})
}

// defaultOf is the index of the server that takes requests for no server's name.
func defaultOf(servers []candidate) int {
	return max(0, slices.IndexFunc(servers, func(c candidate) bool { return c.listen.Default }))
}

// pick chooses the server by name.
func (e *engine) pick(servers []candidate, host string) {
	fallback := defaultOf(servers)
	chosen, how, lost := servers[fallback], "the default", []Lost{}
	if i, name := e.byName(servers, host); i >= 0 {
		chosen, how = servers[i], name
	}
	for _, c := range servers {
		if c.server != chosen.server {
			lost = append(lost, Lost{"server " + strings.Join(c.server.Names, " "), "its names do not match, or match less well", c.server.Place})
		}
	}
	e.way.Server = chosen.server
	e.scope = e.serverScope()
	e.step(StepServer, chosen.server.Place, "server %s (%s)", cmp.Or(strings.Join(chosen.server.Names, " "), "_"), how).Lost = lost
}

// byName finds the server that has a name, and how: -1 where none has. A server that is alone has no
// names to choose by, unless they capture something.
func (e *engine) byName(servers []candidate, host string) (int, string) {
	exact, heads, tails := map[string]int{}, map[string]int{}, map[string]int{}
	type pattern struct {
		text  string
		index int
	}
	var patterns []pattern
	put := func(all map[string]int, key string, i int) {
		if _, there := all[key]; !there {
			all[key] = i
		}
	}
	for i, c := range servers {
		names := c.server.Names
		if len(names) == 0 {
			names = []string{""}
		}
		for _, raw := range names {
			switch name := lower(word(raw)); {
			case strings.HasPrefix(name, "~"):
				patterns = append(patterns, pattern{word(raw)[1:], i})
			case name == "$hostname":
				if e.options.Hostname != "" {
					put(exact, lower(e.options.Hostname), i)
				}
			case strings.HasPrefix(name, "*."):
				put(heads, name[1:], i)
			case strings.HasPrefix(name, "."):
				put(exact, name[1:], i)
				put(heads, name, i)
			case strings.HasSuffix(name, ".*"):
				put(tails, name[:len(name)-1], i)
			default:
				put(exact, name, i)
			}
		}
	}
	if i, how, ok := named(host, exact, heads, tails); ok {
		return i, how + " name"
	}
	for _, p := range patterns {
		if host == "" {
			break
		}
		matched, err := e.matches(p.text, p.text != lower(p.text), host)
		if err != nil {
			e.give(fmt.Sprintf("whether the server_name `~%s` matches: %v", p.text, err))
			return -1, ""
		}
		if matched {
			return p.index, "regular expression ~" + p.text
		}
	}
	return -1, ""
}

// absolute makes a redirect absolute, as nginx does with one that begins with a slash. It stays as it is
// where the host would be the address of the proxy, and that is not known.
func (e *engine) absolute(location string) string {
	if !strings.HasPrefix(location, "/") || e.scope == nil || !e.scope.isOn("absolute_redirect", true) {
		return location
	}
	host := e.host
	switch {
	case e.scope.isOn("server_name_in_redirect", false):
		host = e.serverName()
	case host == "" && e.request.Address == "":
		return location
	case host == "":
		host = e.request.Address
	}
	usual := map[string]int{"http": 80, "https": 443}[e.request.Scheme]
	if e.request.Port != usual && e.request.Port != 0 && e.scope.isOn("port_in_redirect", true) {
		host = fmt.Sprintf("%s:%d", host, e.request.Port)
	}
	return e.request.Scheme + "://" + host + location
}
