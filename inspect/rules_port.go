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
	ID: "upstream-published-port", Hop: HopPort, Scope: OfRoute, Severity: Error,
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
			if p.Published == b.Port && p.Protocol == "tcp" {
				return c.finding(sureOf(found), Status502, "%s:%d is the port that %s publishes on the host; in its container it is %d", b.Host, b.Port, svc.Name, p.Target).
					with("compose", "ports: %d:%d", p.Published, p.Target).
					near(p.Place, "where it is published").
					fix("pass to port %d", p.Target).
					edit(c.portEdit(p.Target))
			}
		}
		return nil
	},
}

var upstreamAddressFamily = &Rule{
	ID: "upstream-address-family", Hop: HopPort, Scope: OfRoute, Severity: Error,
	Title: "the upstream listens on IPv6 only, and has no address of it",
	Why: `nginx accepts IPv6 alone at "listen [::]:80". On a network without IPv6 the name of the service gives an IPv4
address, where nothing listens: "connect() failed (111: Connection refused)".`,
	Bad: `listen [::]:80;`,
	Good: `listen 80;
listen [::]:80;`,
	Fix: "listen on IPv4, too",
	Check: func(c *Case) *Finding {
		svc, b := c.Backend.Service, c.Backend
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
	ID: "upstream-port-mismatch", Hop: HopPort, Scope: OfRoute, Severity: Error,
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
		if sureOf(found) == Certain {
			return c.finding(Certain, Status502, "%s does not listen on %d: its nginx listens on %d", svc.Name, b.Port, best.port).
				with("nginx", "listen %d", best.port).
				near(best.place, "where it listens").
				fix("pass to port %d", best.port).
				edit(c.portEdit(best.port))
		}
		return c.finding(Likely, Status502, "nothing says that %s listens on %d; %s says %d", svc.Name, b.Port, best.text, best.port).
			with("compose", "%s: %d", best.text, best.port).
			near(best.place, "what says %d", best.port).
			fix("pass to port %d, if that is what %s listens on", best.port, svc.Name).
			edit(c.portEdit(best.port))
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
