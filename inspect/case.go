package inspect

import (
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"why502/compose"
	"why502/compose/proxy"
)

// Case is what one rule looks at: a proxy, and for rules of scope OfRoute one backend of one of its
// routes.
type Case struct {
	Proxy   *compose.Proxy
	Route   *compose.Route // nil for rules of scope OfProxy, and for servers of a group that no route uses
	Backend Backend

	*facts
}

// Backend is one host and port that a route leads to, or one socket.
type Backend struct {
	Host       string
	Port       int
	Socket     string
	Service    *compose.Service // behind Host; nil: none of the project
	Peer       *proxy.Peer      // the server of the group that it is; nil: the pass itself names it
	PerRequest bool             // Host is looked up when a request comes, not when nginx starts
	literal    bool             // Host is an address, no name to resolve
	Unknown    string           // why host or port cannot be known from the files; empty: they are
	written    string           // its value in the configuration, which begins at Place
	Place      proxy.Place      // of the pass or peer
	Order      int
}

// backends are what a route's target leads to: itself, or each server of its group.
func (f *facts) backends(r *compose.Route) []Backend {
	led, known := f.led[r]
	if !known {
		led = f.leadsTo(r)
		f.led[r] = led
	}
	return led
}

func (f *facts) leadsTo(r *compose.Route) (all []Backend) {
	t := r.Target
	switch {
	case t.Group != nil:
		for _, peer := range t.Group.Servers {
			all = append(all, f.peerBackend(r.Proxy, peer))
		}
		return all
	case t.Host == "" && t.Socket == "" && t.Fault == "":
		return nil
	}
	return []Backend{f.backend(r.Proxy, Backend{
		Host: t.Host, Port: t.Port, Socket: t.Socket, PerRequest: t.PerRequest, Unknown: t.Unknown,
		Place: r.Pass.Place, Order: r.Pass.Order, written: r.Pass.Value,
	})}
}

func (f *facts) peerBackend(p *compose.Proxy, peer *proxy.Peer) Backend {
	return f.backend(p, Backend{
		Host: peer.Host, Port: peer.Port, Socket: peer.Socket, PerRequest: peer.Resolve, Unknown: peer.Unknown, Peer: peer,
		Place: peer.Place, Order: peer.Order, written: peer.Value,
	})
}

// backend finds the service behind a backend's host. A name that the proxy's hosts file has means
// what that says, and no service.
func (f *facts) backend(p *compose.Proxy, b Backend) Backend {
	b.literal = net.ParseIP(b.Host) != nil
	if !b.PerRequest && f.namespace(p.Service).ExtraHosts[strings.ToLower(b.Host)] != nil {
		return b
	}
	b.Service = f.meant(p.Service, b.Host)
	if b.Service == nil || b.Port == 0 {
		return b
	}
	// where several share a network, the one that listens on the port is meant
	for _, svc := range f.together[f.namespace(b.Service)] {
		if svc != p.Service && slices.ContainsFunc(f.listening(svc), func(l listening) bool { return l.port == b.Port }) {
			if !slices.ContainsFunc(f.listening(b.Service), func(l listening) bool { return l.port == b.Port }) {
				b.Service = svc
			}
			break
		}
	}
	return b
}

// finding begins what a rule reports. The walk fills in rule, proxy, service, route and severity.
// Its place is the pass or peer; a rule that points elsewhere says so.
func (c *Case) finding(confidence Confidence, status Status, format string, args ...any) *Finding {
	return &Finding{
		Confidence: confidence,
		Status:     status,
		Message:    fmt.Sprintf(format, args...),
		Place:      c.Backend.Place,
		order:      c.Backend.Order,
	}
}

// with adds a piece of evidence.
func (f *Finding) with(source, format string, args ...any) *Finding {
	f.Evidence = append(f.Evidence, Evidence{Source: source, Text: fmt.Sprintf(format, args...)})
	return f
}

// near adds a related place; one that is nowhere is left out.
func (f *Finding) near(p proxy.Place, format string, args ...any) *Finding {
	if p.Known() {
		f.Related = append(f.Related, Related{Place: p, Text: fmt.Sprintf(format, args...)})
	}
	return f
}

// fix says what to change.
func (f *Finding) fix(format string, args ...any) *Finding {
	f.Fix.Text = fmt.Sprintf(format, args...)
	return f
}

// edit adds edits to the fix; ones that could not be computed are left out.
func (f *Finding) edit(edits ...Edit) *Finding {
	for _, e := range edits {
		if e.File != "" {
			f.Fix.Edits = append(f.Fix.Edits, e)
		}
	}
	return f
}

// run adds a command for the user to run.
func (f *Finding) run(format string, args ...any) *Finding {
	f.Fix.Run = fmt.Sprintf(format, args...)
	return f
}

// paste adds lines for the user to put into a file.
func (f *Finding) paste(format string, args ...any) *Finding {
	f.Fix.Paste = fmt.Sprintf(format, args...)
	return f
}

// sure is the confidence of what follows from names, networks and states: seen live, or only read.
func (c *Case) sure() Confidence {
	if c.live() {
		return Proven
	}
	return Certain
}

// proxyRuns says whether the daemon shows this proxy running, so that it did start. One that keeps
// restarting is seen running, too, now and then.
func (c *Case) proxyRuns() bool {
	return slices.ContainsFunc(c.running(c.Proxy.Service.Name), func(box *Container) bool { return !c.unsettled(box) && !c.starting(box) })
}

// unresolved is the status while the backend's name does not resolve: a name that is looked up at
// start stops nginx, unless it runs already and keeps the address it once got; one that is looked
// up per request fails that request.
func (c *Case) unresolved() Status {
	var wait time.Duration // 0: nginx's default, a minute
	if c.Route != nil {
		wait = c.Route.Pass.Timeouts.Connect
	}
	switch {
	case c.Backend.PerRequest:
		return Status502
	case !c.proxyRuns():
		return StatusNoStart
	case wait > 0 && wait <= neighbourSought:
		return Status504
	}
	return Status502
}

// neighbourSought is how long the kernel looks for a neighbour that is not there, before it says so: an address is
// asked for three times, a second apart (mcast_solicit and retrans_time_ms in arp(7)).
const neighbourSought = 3 * time.Second

// named says whether the backend is a name to resolve, neither an address nor a socket.
func (c *Case) named() bool { return c.Backend.Host != "" && !c.Backend.literal }

// resolves says whether Docker's DNS, or for names looked up at start the hosts file, has an
// address for the backend's host.
func (c *Case) resolves() bool {
	host := strings.ToLower(c.Backend.Host)
	if len(c.names[c.Proxy.Service.Name][host]) > 0 {
		return true
	}
	return !c.Backend.PerRequest && c.inHostsFile()
}

// inHostsFile says whether extra_hosts puts the backend's host into the proxy's hosts file.
func (c *Case) inHostsFile() bool {
	return c.namespace(c.Proxy.Service).ExtraHosts[strings.ToLower(c.Backend.Host)] != nil
}

// listensOn says whether nginx in this proxy itself accepts connections on a port.
func (c *Case) listensOn(port int) bool {
	return slices.ContainsFunc(c.Proxy.Config.Servers, func(s *proxy.Server) bool {
		return slices.ContainsFunc(s.Listens, func(l proxy.Listen) bool { return l.Port == port })
	})
}

// replace is the edit that replaces a word of the backend's value, where that is written out.
func (c *Case) replace(old, new string) Edit {
	if c.Route != nil && c.Backend.Peer == nil && c.Route.Target.Said.Known() {
		return replaceAt(c.stack.Sources, c.Route.Target.Said, old, new)
	}
	return replaceIn(c.stack.Sources, c.Backend.Place, c.Backend.written, old, new)
}

// sameNamespace says whether two services share one network namespace, so that localhost of one is
// localhost of the other.
func (f *facts) sameNamespace(a, b *compose.Service) bool { return f.namespace(a) == f.namespace(b) }

// address is host and port as nginx writes them.
func (b Backend) address() string {
	if b.Socket != "" {
		return "unix:" + b.Socket
	}
	if b.Port == 0 {
		return b.Host
	}
	return net.JoinHostPort(b.Host, strconv.Itoa(b.Port))
}

// listed lists names for a message: "api, web", or none of them: "none".
func listed(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	if len(names) > 12 {
		return strings.Join(names[:12], ", ") + fmt.Sprintf(" and %d more", len(names)-12)
	}
	return strings.Join(names, ", ")
}
