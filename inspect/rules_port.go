package inspect

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"why502/compose"
	"why502/compose/proxy"
)

var upstreamPublishedPort = &Rule{
	ID: "upstream-published-port", Hop: HopPort, Scope: OfRoute, Severity: Error, Causes: "C1",
	Title: "the pass names the published port, not the one in the container",
	Why: `In "ports" the left side is the host's. Containers reach each other on the right side, whatever is
published. "connect() failed (111: Connection refused)".`,
	Bad:  `api: {ports: ["8081:8000"]}   # and: proxy_pass http://api:8081;`,
	Good: `proxy_pass http://api:8000;`,
	Fix:  "pass to the container port",
	Check: func(c *Case) *Finding {
		svc, b := c.Backend.Service, c.Backend
		if !c.judgesPorts() {
			return nil
		}
		found, ok := c.listensOnPort(svc, b.Port)
		if ok {
			return nil
		}
		for _, p := range c.namespace(svc).Ports {
			if p.Published == b.Port && p.Protocol == "tcp" && c.mayListen(p.Target) {
				return c.finding(sureOf(found), Status502, "%s:%d is the port that %s publishes on the host; in its container it is %d", b.Host, b.Port, svc.Name, p.Target).
					with("compose", "ports: %d:%d", p.Published, p.Target).
					near(p.Place, "where it is published").
					fix("pass to port %d", p.Target).
					edit(c.portEdit(p.Target))
			}
		}
		return nil
	},
	Settled: (*Case).dialled,
}

var upstreamAddressFamily = &Rule{
	ID: "upstream-address-family", Hop: HopPort, Scope: OfRoute, Severity: Error, Causes: "C5",
	Title: "the upstream listens on IPv6 only, and has no address of it",
	Why: `nginx accepts IPv6 alone at "listen [::]:80". On a network without IPv6 the name of the service gives an IPv4
address, where nothing listens: "connect() failed (111: Connection refused)".`,
	Bad: `listen [::]:80;`,
	Good: `listen 80;
listen [::]:80;`,
	Fix: "listen on IPv4, too",
	Check: func(c *Case) *Finding {
		svc, b := c.Backend.Service, c.Backend
		if e, ok := c.meets(sixOnly, maybeSix); ok && c.judgesPorts() {
			return c.sixFinding(e)
		}
		if !c.judgesPorts() || c.ownNginx(svc) == nil || c.hasIPv6(svc) || strings.Contains(b.Host, ":") {
			return nil
		}
		inner := &Case{Proxy: c.ownNginx(svc), facts: c.facts}
		at := slices.IndexFunc(inner.listens(), func(l proxy.Listen) bool { return l.Port == b.Port && l.V6Only })
		if at < 0 || inner.reachable(b.Port) {
			return nil
		}
		listen := inner.listens()[at]
		return c.finding(c.sureOfIPv4(svc), Status502, "%s listens on port %d for IPv6 only, and its networks have none", svc.Name, b.Port).
			with("nginx", "listen [%s]:%d", listen.Address, b.Port).
			near(listen.Place, "where it listens").
			fix("listen on IPv4, too: listen %d;", b.Port).
			edit(insertBefore(c.stack.Sources, listen.Place, fmt.Sprintf("listen %d;", b.Port)))
	},
	Settled: (*Case).dialled,
}

// sixFinding reports an end that was seen to listen on IPv6 alone. Where it could not be asked itself whether
// that is all, it may have begun to listen since the call.
func (c *Case) sixFinding(e end) *Finding {
	svc := c.Backend.Service
	f := c.finding(Likely, Status502, "%s listens on port %d for IPv6 only, but %s connects to it by IPv4", svc.Name, e.port, c.Proxy.Service.Name)
	if c.met(e) == maybeSix {
		f.Evidence = c.dialled().evidence
	}
	if inner := c.ownNginx(svc); inner != nil {
		for _, listen := range (&Case{Proxy: inner, facts: c.facts}).listens() {
			if listen.Port == e.port {
				return f.near(listen.Place, "where it listens").fix("listen on IPv4, too: listen %d;", e.port).
					edit(insertBefore(c.stack.Sources, listen.Place, fmt.Sprintf("listen %d;", e.port)))
			}
		}
	}
	return f.near(c.commandPlace(svc), "what it starts").fix("let it listen on 0.0.0.0, or on IPv4 and IPv6")
}

// hasIPv6 says whether containers of a service have addresses of IPv6.
func (f *facts) hasIPv6(svc *compose.Service) bool {
	own := f.namespace(svc)
	if boxes := f.running(own.Name); len(boxes) > 0 {
		return slices.ContainsFunc(boxes[0].Endpoints, func(e Endpoint) bool { return e.IPv6 != "" })
	}
	return len(own.Networks) == 0 || slices.ContainsFunc(own.Networks, func(a compose.Attachment) bool {
		n := f.stack.Networks[a.Network]
		return n == nil || n.IPv6 || n.External
	})
}

// sureOfIPv4 is how sure it is that a service has no address of IPv6, where hasIPv6 says so: a daemon may be
// told to give its networks some.
func (f *facts) sureOfIPv4(svc *compose.Service) Confidence {
	if len(f.running(f.namespace(svc).Name)) > 0 {
		return Proven
	}
	return Likely
}

var upstreamPortMismatch = &Rule{
	ID: "upstream-port-mismatch", Hop: HopPort, Scope: OfRoute, Severity: Error, Causes: "C2 C3 C8 A12",
	Title: "nothing says that the upstream listens on this port",
	Why: `What the project says about the service's port differs from the pass: its environment, command, ports,
expose, health check or image. A pass without a port means 80.`,
	Bad:  `api: {environment: {PORT: 3000}}   # and: proxy_pass http://api;`,
	Good: `proxy_pass http://api:3000;`,
	Fix:  "pass to the port that the app listens on",
	Check: func(c *Case) *Finding {
		svc, b := c.Backend.Service, c.Backend
		if !c.judgesPorts() {
			return nil
		}
		found, ok := c.listensOnPort(svc, b.Port)
		if ok || len(found) == 0 || found[0].rank > 0 && saysPort(svc, b.Port) || svc.Build != nil && found[0].rank > 2 {
			return nil // a Dockerfile may say otherwise
		}
		best := found[0]
		if !c.mayListen(best.port) {
			return nil
		}
		if sureOf(found) == Certain {
			return c.finding(Certain, Status502, "%s does not listen on %d: its nginx listens on %d", svc.Name, b.Port, best.port).
				with("nginx", "listen %d", best.port).
				near(best.place, "where it listens").
				fix("pass to port %d", best.port).
				edit(c.portEdit(best.port))
		}
		f := c.finding(Likely, Status502, "nothing says that %s listens on %d; %s says %d", svc.Name, b.Port, best.text, best.port).
			with("compose", "%s: %d", best.text, best.port).
			near(best.place, "what says %d", best.port).
			fix("pass to port %d, if that is what %s listens on", best.port, svc.Name).
			edit(c.portEdit(best.port))
		if _, ok := c.meets(refused); ok {
			f.Message = fmt.Sprintf("nothing listens on port %d of %s; %s says %d", b.Port, svc.Name, best.text, best.port)
			f.fix("pass to port %d", best.port)
		}
		return f
	},
	Settled: (*Case).dialled,
}

// mayListen says whether nothing that was seen speaks against a port at which the proxy is said to reach the
// backend's service.
func (c *Case) mayListen(port int) bool {
	e, ok := c.meets(refused, loopback, sixOnly)
	if !ok {
		return true
	}
	rows, known := c.listeners(e)
	return !known || slices.Contains(reachablePorts(rows), port)
}

// reachablePorts are the ports at which others reach what listens, each once.
func reachablePorts(rows []Socket) (ports []int) {
	for _, row := range rows {
		if !row.loopback() {
			ports = append(ports, row.Port)
		}
	}
	slices.Sort(ports)
	return slices.Compact(ports)
}

var upstreamPortClosed = &Rule{
	ID: "upstream-port-closed", Hop: HopPort, Scope: OfRoute, Severity: Error, Live: true, Causes: "C2",
	Title: "nothing listens on the upstream's port",
	Why: `The container runs and is reached, but no process in it listens on the port that the pass names: "connect()
failed (111: Connection refused)", and 502.`,
	Bad:  `proxy_pass http://api:8000;   # and the app says: listening on port 9000`,
	Good: `proxy_pass http://api:9000;`,
	Fix:  "pass to a port that it listens on; where it listens on none, docker compose logs SERVICE says why",
	Check: func(c *Case) *Finding {
		e, ok := c.meets(refused, loopback, sixOnly)
		if !ok && c.Route != nil {
			return c.refusedByLog()
		}
		if !ok || c.othersAnswer() || c.dialled().state != HopBroken {
			return nil
		}
		who := c.Proxy.Service.Name + " itself"
		if svc := c.Backend.Service; svc != nil {
			who = svc.Name
		}
		f := c.finding(Proven, Status502, "nothing listens on port %d of %s", e.port, who)
		return c.listensInstead(f, e)
	},
	Settled: (*Case).dialled,
}

// listensInstead says what listens at an end where nothing listens on the port. A single port is what the
// pass may mean.
func (c *Case) listensInstead(f *Finding, e end) *Finding {
	rows, known := c.listeners(e)
	ports, name := reachablePorts(rows), c.Proxy.Service.Name
	if svc := c.Backend.Service; svc != nil {
		name = svc.Name
	}
	switch {
	case e.own && c.Backend.Service == nil:
		return c.suggestService(f)
	case !known:
		return f.fix("pass to the port that it listens on; docker compose logs %s may say which", name)
	case len(ports) == 1:
		f.Message += fmt.Sprintf("; it listens on %d", ports[0])
		return f.fix("pass to port %d", ports[0]).edit(c.portEdit(ports[0]))
	case len(ports) > 1:
		f.Message += "; it listens on " + listed(texts(ports))
		return f.fix("pass to the one of them that speaks %s", protocolName(c.Route.Target.Scheme))
	case len(rows) > 0:
		f.Message += "; it listens on " + rows[0].String() + " only"
		return f.fix("let it listen on 0.0.0.0:%d", e.port)
	}
	f.Message += ", nor on any other"
	return f.fix("see why it does not listen").run("docker compose logs %s", name)
}

func texts(ports []int) (all []string) {
	for _, p := range ports {
		all = append(all, strconv.Itoa(p))
	}
	return all
}

// othersAnswer says whether another server of the backend's group was seen to take connections.
func (c *Case) othersAnswer() bool {
	if c.Route == nil || c.Backend.Peer == nil {
		return false
	}
	return slices.ContainsFunc(c.backends(c.Route), func(b Backend) bool {
		other := &Case{Proxy: c.Proxy, Route: c.Route, Backend: b, facts: c.facts}
		return b.Peer != c.Backend.Peer && !b.Peer.Down && other.dialled().state == HopOK
	})
}

var upstreamServerDown = &Rule{
	ID: "upstream-server-down", Hop: HopPort, Scope: OfRoute, Severity: Warning, Live: true, Causes: "D11 D12",
	Title: "one of several servers does not take connections",
	Why: `nginx asks the servers of a group, and the addresses of a name, in turn. One that refuses is left out for
fail_timeout, ten seconds, and then tried again: "upstream server temporarily disabled". The others bear its load, and
when they fail, too, there are "no live upstreams", and 502.`,
	Bad: `upstream api {
    server api1:8000;
    server api2:8001;   # where nothing listens
}`,
	Good: `upstream api {
    server api1:8000;
    server api2:8000;
}`,
	Fix: "let it listen, or take it out of the group",
	Check: func(c *Case) *Finding {
		e, ok := c.meets(refused, loopback, sixOnly)
		if !ok || c.Route == nil {
			return nil
		}
		bad, all := c.dialled(), c.ends()
		var f *Finding
		switch {
		case bad.state == HopBroken && c.othersAnswer():
			f = c.finding(Proven, StatusNone, "the server %s of the group %s refuses connections, others answer", c.Backend.address(), c.Route.Target.Group.Name)
			f = c.listensInstead(f, e)
		case bad.state == HopAtRisk:
			n := len(slices.DeleteFunc(slices.Clone(all), func(e end) bool { return e.errno == 0 }))
			f = c.finding(Proven, StatusNone, "%d of the %d containers of %s refuse connections on port %d", n, len(all), c.Backend.Service.Name, e.port).
				fix("see why they do not listen").run("docker compose logs %s", c.Backend.Service.Name)
		default:
			return nil
		}
		f.may = true
		f.Evidence = bad.evidence
		return f
	},
}

// saysPort says whether any value of a service's environment has a port in it: too weak a sign to
// suggest the port, but enough not to doubt it.
func saysPort(svc *compose.Service, port int) bool {
	for _, v := range svc.Environment {
		if slices.Contains(numbers(portInText, v.Text), port) {
			return true
		}
	}
	return false
}

// sureOf is how sure it is that a service does not listen on a port that none of these name.
func sureOf(found []listening) Confidence {
	if slices.ContainsFunc(found, func(l listening) bool { return l.rank > 0 }) {
		return Likely
	}
	return Certain
}

// judgesPorts says whether what is known about a service's ports applies to this backend.
func (c *Case) judgesPorts() bool {
	b := c.Backend
	return c.Route != nil && b.Service != nil && b.Port != 0 && b.Service != c.Proxy.Service &&
		b.Service.NetworkMode != "host" && !(c.Route.Server.Stream && c.Route.Listen.UDP)
}

// portEdit replaces the port where the backend is written, or adds one.
func (c *Case) portEdit(port int) Edit {
	b, to := c.Backend, strconv.Itoa(port)
	if e := c.replace(":"+strconv.Itoa(b.Port), ":"+to); e.File != "" {
		return e
	}
	return c.replace(b.Host, b.Host+":"+to)
}
