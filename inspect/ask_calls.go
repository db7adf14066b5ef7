package inspect

import (
	"cmp"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"why502/compose"
)

const (
	maxWait  = time.Second // for a connection; nginx itself waits a minute unless it is told otherwise
	maxCalls = 500         // of one proxy: an upstream more is not called
)

// aboutStarts asks what runs in a proxy's container that started a moment ago, where a name has no bearer: nginx may be
// looking it up yet.
func (a *asking) aboutStarts() {
	for _, p := range a.stack.Proxies {
		for _, box := range a.running(p.Service.Name) {
			if a.young(box) && a.looksUp(p) {
				a.ask(Question{Kind: AskProcesses, Of: box.ID})
			}
		}
	}
}

// looksUp says whether the nginx of a proxy, as it starts, asks for a name that nobody on its networks bears.
func (a *asking) looksUp(p *compose.Proxy) bool {
	for _, r := range p.Routes {
		for _, b := range a.backends(r) {
			c := &Case{Proxy: p, Route: r, Backend: b, facts: a.facts}
			if c.named() && !b.PerRequest && !c.resolves() {
				return true
			}
		}
	}
	return false
}

// aboutCalls asks the probe to do what the passes do, and who listens where that failed.
func (a *asking) aboutCalls() {
	for _, p := range a.stack.Proxies {
		seen := map[Question]bool{}
		for _, r := range p.Routes {
			for _, b := range a.backends(r) {
				c := &Case{Proxy: p, Route: r, Backend: b, facts: a.facts}
				if q, ok := c.socketFile(); ok {
					a.ask(q)
				}
				if q, ok := c.call(); ok && a.means.Probe && len(seen) < maxCalls && !seen[q] {
					seen[q] = true
					a.ask(q)
					a.aboutEnds(c)
				}
			}
		}
	}
}

// aboutEnds asks who listens in the containers that did not take a call, and where that may be for IPv6
// alone, whether it is.
func (a *asking) aboutEnds(c *Case) {
	for _, e := range c.ends() {
		if e.box == nil || e.errno == 0 {
			continue
		}
		a.ask(Question{Kind: AskSockets, Of: e.box.ID})
		if rows, known := a.snap.Sockets[e.box.ID]; known && onlySix(e, rows) {
			a.ask(e.fromWithin())
		}
	}
}

// call is what the probe is asked to do in the place of the backend's pass, from where the proxy runs. It
// speaks only to what the project's own services should answer.
func (c *Case) call() (q Question, ok bool) {
	b, box := c.Backend, c.stands()
	if box == nil || c.Route == nil || c.Route.Target.Fault != "" || b.Unknown != "" || b.Host == "" || b.Port == 0 || !c.callable() {
		return q, false
	}
	call := Call{Host: b.Host, Port: b.Port, Wait: min(maxWait, cmp.Or(c.Route.Pass.Timeouts.Connect, maxWait)), Scheme: c.Route.Target.Scheme}
	if b.PerRequest && c.named() {
		if call.Resolvers, ok = c.servers(); !ok {
			return q, false
		}
	}
	c.addHTTP(&call)
	c.addTLS(&call)
	return Question{Kind: AskCall, Of: box.ID, Call: call}, true
}

// stands is the container from which the proxy's passes are tried; nil: none runs, or none for good.
func (c *Case) stands() *Container {
	for _, box := range c.running(c.Proxy.Service.Name) {
		if !c.unsettled(box) {
			return box
		}
	}
	return nil
}

// callable says whether a backend is one that a service of the project should answer on, by TCP. A call of
// nginx to itself would go round in circles.
func (c *Case) callable() bool {
	b, own := c.Backend, c.Proxy.Service
	switch address, err := netip.ParseAddr(b.Host); {
	case c.Route.Target.Scheme == "udp" || b.Peer != nil && b.Peer.Down:
		return false
	case c.toItself():
		return c.namespace(own).NetworkMode != "host" && !c.listensOn(b.Port)
	case b.Service != nil:
		return slices.ContainsFunc(c.running(b.Service.Name), func(box *Container) bool { return !c.unsettled(box) })
	case err == nil:
		return c.owner(b.Host).ours(c.facts) || c.inSubnet(address)
	}
	return false
}

// toItself says whether a backend is the proxy's own network namespace.
func (c *Case) toItself() bool {
	b := c.Backend
	return compose.Loopback(b.Host) || b.Host == "0.0.0.0" || b.Host == "::" || b.Service != nil && c.sameNamespace(b.Service, c.Proxy.Service)
}

// ours says whether a container is one of the project's.
func (c *Container) ours(f *facts) bool { return c != nil && slices.Contains(f.snap.Project, c.ID) }

// inSubnet says whether the files give an address to a network of the project's own.
func (f *facts) inSubnet(address netip.Addr) bool {
	for _, n := range f.stack.Networks {
		if !n.External && slices.ContainsFunc(n.Subnets, func(s compose.Subnet) bool { return s.Contains(address) && s.Gateway != address }) {
			return true
		}
	}
	return false
}

// owner is the running container, of any project, that has an address; nil: none that is known.
func (f *facts) owner(address string) *Container {
	if f.owners == nil {
		f.owners = map[string]*Container{}
		for _, box := range f.all {
			for _, e := range box.Endpoints {
				if box.State == "running" && e.ID != "" {
					f.owners[e.IPv4], f.owners[e.IPv6] = box, box
				}
			}
		}
		delete(f.owners, "")
	}
	return f.owners[address]
}

// servers are the addresses that nginx asks for the backend's name, as they are written; ok is false where
// they are not known.
func (c *Case) servers() (text string, ok bool) {
	r := c.resolver()
	if r == nil || r.Variable || len(r.Servers) == 0 {
		return "", false
	}
	for _, a := range r.Addresses {
		if net.ParseIP(a) == nil {
			return "", false
		}
	}
	return strings.Join(r.Servers, " "), true
}

// addHTTP says whom the upstream is asked for, by this pass and by clients, and where for a websocket.
func (c *Case) addHTTP(call *Call) {
	if c.Route.Pass.HTTPVersion == "" || call.Scheme != "http" && call.Scheme != "https" {
		return
	}
	call.Asked, call.Real = c.hostSent(), plainName(c.Route.Server.Names)
	if call.Asked == "" || call.Real == call.Asked {
		call.Real = ""
	}
	if c.Route.Location != nil && c.Route.Location.Modifier != "~" && c.Route.Location.Modifier != "~*" && c.Backend.Service != nil {
		if sign, _ := c.websocketSign(); sign != "" && len(missingUpgrade(c.Route.Pass)) > 0 {
			call.Path = c.Route.Location.Path
		}
	}
}

// hostSent is the header Host that the pass sends; empty: it is only known when a request comes.
func (c *Case) hostSent() string {
	name := plainName(c.Route.Server.Names)
	switch host, set := c.Route.Pass.Header("Host"); {
	case !set || host == "$proxy_host":
		return c.proxyHost()
	case name != "" && (host == "$host" || host == "$http_host"):
		return name
	case name != "" && host == "$host:$server_port":
		return net.JoinHostPort(name, strconv.Itoa(c.Route.Listen.Port))
	case !strings.Contains(host, "$"):
		return host
	}
	return ""
}

// proxyHost is nginx's variable of that name: the group's name, or host and port of the pass, without a
// port that is the scheme's own.
func (c *Case) proxyHost() string {
	t := c.Route.Target
	if t.Group != nil {
		return t.Group.Name
	}
	if t.Scheme == "http" && t.Port == 80 || t.Scheme == "https" && t.Port == 443 {
		return t.Host
	}
	return c.Backend.address()
}

// plainName is the first name of a server that a client can ask for as it stands; empty: there is none.
func plainName(names []string) string {
	for _, name := range names {
		if name != "" && name != "_" && !strings.ContainsAny(name, "*~$ ") && !strings.HasPrefix(name, ".") {
			return name
		}
	}
	return ""
}

// addTLS says what the pass sends and wants where it begins with TLS. What is only known when a request
// comes, and a certificate of the pass's own, cannot be tried.
func (c *Case) addTLS(call *Call) {
	if _, tls := askedIn(call.Scheme); tls != secure {
		return
	}
	t := c.Route.Pass.TLS
	name := cmp.Or(t.Name, c.nameInTLS())
	if strings.Contains(name, "$") {
		return
	}
	if t.SendsName && net.ParseIP(name) == nil {
		call.SNI = name
	}
	if t.Verifies && t.TrustedText != "" && t.Certificate == "" {
		call.Verify, call.Trusted = name, t.TrustedText
	}
}

// nameInTLS is the name that nginx sends and expects unless it is told another one: the host of
// $proxy_host, without a port.
func (c *Case) nameInTLS() string {
	if g := c.Route.Target.Group; g != nil {
		return g.Name
	}
	return c.Route.Target.Host
}

// socketFile asks whether a unix socket is there, in the container that nginx looks in.
func (c *Case) socketFile() (q Question, ok bool) {
	box, socket := c.stands(), c.Backend.Socket
	if box == nil || !strings.HasPrefix(socket, "/") || c.Backend.Unknown != "" {
		return q, false
	}
	if m := mountOver(c.Proxy.Service, socket); m != nil && m.Type == "tmpfs" {
		return q, false // the daemon does not show what is on it
	}
	return Question{Kind: AskFile, Of: box.ID, Path: socket}, true
}
