package inspect

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"why502/compose"
	"why502/compose/proxy"
)

// resolver is the one that looks the backend's host up for each request; nil: none does.
func (c *Case) resolver() *proxy.Resolver {
	switch {
	case c.Route == nil || !c.Backend.PerRequest:
		return nil
	case c.Backend.Peer == nil:
		return c.Route.Pass.Resolver
	}
	return c.Route.Target.Group.Resolver
}

// asksDocker says whether a resolver asks Docker's DNS and nobody else.
func asksDocker(r *proxy.Resolver) bool {
	return r != nil && !r.Variable && len(r.Addresses) > 0 && !slices.ContainsFunc(r.Addresses, func(a string) bool { return a != dockerDNS })
}

var resolverInvalid = &Rule{
	ID: "resolver-invalid", Hop: HopConfig, Scope: OfProxy, Severity: Error, Causes: "E10",
	Title: "a resolver names no server that nginx can ask",
	Why: `nginx looks the addresses of a resolver up when it starts, and fills in no variables there: "host not found
in resolver". One with parameters alone has no name servers at all.`,
	Bad:  `resolver $dns;`,
	Good: `resolver 127.0.0.11;`,
	Fix:  "write the address of Docker's DNS: resolver 127.0.0.11;",
	Check: func(c *Case) *Finding {
		if !c.Proxy.Stock || len(c.Proxy.Config.Faults) > 0 {
			return nil // something else may fill the variable in
		}
		for _, d := range c.resolvers() {
			if fault := resolverFault(d.Args); fault != "" && d.Place.Known() {
				f := c.finding(Certain, StatusNoStart, "nginx does not start: %s", fault).
					fix("write an address: resolver 127.0.0.11; is Docker's DNS")
				f.Place, f.order = d.Place, d.Order
				return f
			}
		}
		return nil
	},
}

// resolvers are the resolver directives of http, its servers and their locations.
func (c *Case) resolvers() (all []*proxy.Directive) {
	if !c.says("resolver") {
		return nil
	}
	c.eachDirective(func(d *proxy.Directive) {
		if d.Name == "resolver" {
			all = append(all, d)
		}
	})
	return all
}

// says tells whether a directive of http, its servers and their locations has a name that begins so.
func (c *Case) says(prefix string) bool {
	if c.said[c.Proxy] == nil {
		names := map[string]bool{}
		c.eachDirective(func(d *proxy.Directive) { names[d.Name] = true })
		c.said[c.Proxy] = names
	}
	for name := range c.said[c.Proxy] {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// eachDirective visits the directives of http, its servers and their locations.
func (c *Case) eachDirective(visit func(*proxy.Directive)) {
	among := func(directives []*proxy.Directive) {
		for _, d := range directives {
			visit(d)
		}
	}
	var nested func([]*proxy.Location)
	nested = func(locations []*proxy.Location) {
		for _, loc := range locations {
			among(loc.Directives)
			nested(loc.Locations)
		}
	}
	among(c.Proxy.Config.Directives)
	for _, s := range c.Proxy.Config.Servers {
		among(s.Directives)
		nested(s.Locations)
	}
}

// resolverFault says why nginx refuses a resolver, in its words. A name may well be found.
func resolverFault(args []string) string {
	servers := slices.DeleteFunc(slices.Clone(args), func(arg string) bool { return strings.Contains(arg, "=") })
	if len(servers) == 0 {
		return "no name servers defined"
	}
	for _, server := range servers {
		if strings.HasPrefix(server, "$") {
			return fmt.Sprintf(`host not found in resolver "%s"`, server)
		}
	}
	return ""
}

var resolveParameterInvalid = &Rule{
	ID: "resolve-parameter-invalid", Hop: HopConfig, Scope: OfProxy, Severity: Error, Causes: "E12",
	Title: "resolve at a server of a group lacks what it needs",
	Why: `"server api:8000 resolve" looks the name up again while nginx runs. Before nginx 1.27.3 only NGINX Plus knows it:
"invalid parameter". The group needs a zone, "to be in shared memory", and a resolver: "no resolver defined to resolve
names at run time". Without one of them nginx does not start.`,
	Bad: `upstream api { server api:8000 resolve; }`,
	Good: `upstream api {
    zone api 64k;
    resolver 127.0.0.11 valid=10s;
    server api:8000 resolve;
}`,
	Fix: "give the group a zone and a resolver, and take nginx 1.27.3 or newer",
	Check: func(c *Case) *Finding {
		if len(c.Proxy.Config.Faults) > 0 || !c.Proxy.Stock {
			return nil
		}
		unknown := strings.Contains(c.lastEmerg(), `invalid parameter "resolve"`)
		for _, g := range c.Proxy.Config.Groups {
			for _, peer := range g.Servers {
				switch {
				case !peer.Resolve:
				case unknown || c.Proxy.Older(1, 27, 3):
					return c.groupFinding(`invalid parameter "resolve"`, peer.Place, peer.Order).
						fix("take an image of nginx 1.27.3 or newer, or leave resolve out").
						edit(replaceAt(c.stack.Sources, peer.Place, " resolve", ""))
				case peer.Backup || peer.Host == "" || net.ParseIP(peer.Host) != nil:
				default:
					if f := c.runTimeFinding(g, peer); f != nil {
						return f
					}
				}
			}
		}
		return nil
	},
}

// runTimeFinding reports what a group lacks that looks a name up again while nginx runs.
func (c *Case) runTimeFinding(g *proxy.Group, peer *proxy.Peer) *Finding {
	fault, lines := "", []string(nil)
	if g.Resolver == nil && c.Proxy.Config.Complete() {
		fault = fmt.Sprintf(`no resolver defined to resolve names at run time in upstream "%s"`, g.Name)
		lines = append(lines, "resolver "+dockerDNS+" valid=10s;")
	}
	if !slices.ContainsFunc(g.Directives, func(d *proxy.Directive) bool { return d.Name == "zone" }) { // which nginx looks for first
		fault = fmt.Sprintf(`resolving names at run time requires upstream "%s" to be in shared memory`, g.Name)
		lines = append(lines, "zone "+g.Name+" 64k;")
	}
	if fault == "" {
		return nil
	}
	f := c.groupFinding(fault, peer.Place, peer.Order).fix("add to the group: %s", strings.Join(lines, " "))
	f.order += afterParsing
	if c.startsWithDirective(peer.Place, "server") {
		f.edit(insertBefore(c.stack.Sources, peer.Place, lines...))
	}
	return f
}

var resolverIgnoresHostsFile = &Rule{
	ID: "resolver-ignores-hosts-file", Hop: HopName, Scope: OfRoute, Severity: Error, Causes: "E4",
	Title: "only the hosts file has the name, and the resolver never reads it",
	Why: `A pass by variable asks the resolver alone. What extra_hosts puts into the hosts file is found by ping and curl
in the container, and by a pass that is written out, but not by Docker's DNS: 502, "could not be resolved (3: Host
not found)".`,
	Bad: `proxy: {extra_hosts: ["host.docker.internal:host-gateway"]}
# and: set $up host.docker.internal; proxy_pass http://$up:8000;`,
	Good: `proxy_pass http://host.docker.internal:8000;`,
	Fix:  "write the name into the pass without a variable, or pass to the address",
	Check: func(c *Case) *Finding {
		r, host := c.resolver(), strings.ToLower(c.Backend.Host)
		if !asksDocker(r) || !c.named() || c.Backend.Service != nil || c.resolves() {
			return nil
		}
		desktop := slices.Contains(hostNames, host) && c.snap != nil && c.snap.Daemon.Desktop
		known := c.inHostsFile() && !maybeOutside(host) || slices.Contains(hostNames, host)
		own := c.namespace(c.Proxy.Service)
		if !known || desktop || own.OwnNames || c.ownNetworkless(own) || c.external(own) && !c.live() {
			return nil
		}
		f := c.finding(Likely, Status502, "the resolver %s does not know %s: names of the hosts file are found only by a pass without a variable", dockerDNS, host).
			near(c.Backend.Place, "the pass that is resolved by it").
			fix("write %s into the pass without a variable", host)
		if c.inHostsFile() {
			f.near(c.stack.At("services", own.Name, "extra_hosts", host), "what puts %s into the hosts file", host)
		}
		f.Place = r.Place
		return f
	},
}

// maybeOutside says whether the DNS of the world, which Docker's asks too, may know a name: it knows
// none without a dot, and none that ends in what is kept for private use (RFC 6761, RFC 6762, ICANN
// on .internal).
func maybeOutside(host string) bool {
	end := host[strings.LastIndex(host, ".")+1:]
	return end != host && !slices.Contains([]string{"internal", "local", "localhost", "test"}, end)
}

var resolverMixed = &Rule{
	ID: "resolver-mixed", Hop: HopName, Scope: OfProxy, Severity: Note, Causes: "E3",
	Title: "several resolvers are asked in turn, and not all know the services",
	Why: `nginx takes the addresses of a resolver in turn; the second is not what is asked when the first fails. One that
does not know the services says so, and that request gets "3: Host not found" and 502; one that does not answer
costs seconds.`,
	Bad:  `resolver 127.0.0.11 8.8.8.8;`,
	Good: `resolver 127.0.0.11 valid=10s;`,
	Fix:  "name 127.0.0.11 alone; it asks the outside servers for what it does not know itself",
	Check: func(c *Case) *Finding {
		at, r := c.resolving(func(r *proxy.Resolver) bool {
			return !r.Variable && !asksDocker(r) && slices.Contains(r.Addresses, dockerDNS)
		})
		if r == nil {
			return nil
		}
		if at = suspects(at, (*Case).lookedUp); len(at) == 0 {
			return nil
		}
		f := c.finding(Likely, StatusNone, "%s are asked in turn, and only %s knows services", strings.Join(r.Addresses, " and "), dockerDNS).
			near(at[0].Backend.Place, "a pass that is resolved by them").
			fix("name %s alone, which passes on what it does not know", dockerDNS).
			edit(replaceAt(c.stack.Sources, r.Place, strings.Join(r.Addresses, " "), dockerDNS))
		f.Place, f.Routes, f.about = r.Place, ids(at), at[0]
		return f
	},
	Settled: (*Case).lookedUp,
}

var resolverUnavailable = &Rule{
	ID: "resolver-unavailable", Hop: HopName, Scope: OfRoute, Severity: Error, Causes: "E6",
	Title: "the resolver is Docker's DNS, which the proxy's network does not have",
	Why: `127.0.0.11 answers only in containers on networks that were made, as Compose's are. With network_mode host,
bridge or none nothing listens there: "send() failed (111: Connection refused) while resolving", and after
resolver_timeout, 30 seconds, 502.`,
	Bad:  `proxy: {network_mode: bridge}   # and: resolver 127.0.0.11;`,
	Good: `proxy: {ports: ["80:80"]}       # on the project's network`,
	Fix:  "take network_mode off the proxy, or name the resolver of its resolv.conf",
	Check: func(c *Case) *Finding {
		r, own := c.resolver(), c.namespace(c.Proxy.Service)
		if !asksDocker(r) || !c.named() || !slices.Contains([]string{"host", "bridge", "none"}, own.NetworkMode) {
			return nil
		}
		// on the host a server of its own may listen on all of 127.0.0.0/8
		f := c.finding(Likely, Status502, "%s asks Docker's DNS, %s, which is not there with network_mode: %s", c.Proxy.Service.Name, dockerDNS, own.NetworkMode).
			near(c.stack.At("services", own.Name, "network_mode"), "the network of %s", own.Name).
			near(c.Backend.Place, "a pass that is resolved by it").
			fix("take network_mode off %s, or name the resolver of its /etc/resolv.conf", own.Name)
		f.Place = r.Place
		return f
	},
	Settled: (*Case).lookedUp,
}

// resolving finds the first resolver of a sort that a proxy's routes ask for services of the project,
// with the backends that are looked up by it.
func (c *Case) resolving(sort func(*proxy.Resolver) bool) (cases []*Case, first *proxy.Resolver) {
	for _, route := range c.Proxy.Routes {
		if asks(route) == nil {
			continue
		}
		for _, b := range c.backends(route) {
			if !b.PerRequest {
				continue
			}
			of := &Case{Proxy: c.Proxy, Route: route, Backend: b, facts: c.facts}
			r := of.resolver()
			if r == nil || b.Service == nil || !of.named() || !sort(r) || first != nil && r.Place != first.Place {
				continue
			}
			cases, first = append(cases, of), r
		}
	}
	return cases, first
}

// ids are the routes of cases, each once.
func ids(cases []*Case) (all []string) {
	for _, c := range cases {
		all = append(all, c.Route.ID)
	}
	return slices.Compact(all)
}

const (
	dockerTTL   = 600 * time.Second // of every answer of Docker's DNS
	shortEnough = 30 * time.Second  // to be no outage when a container is made again
)

var resolverCachesTooLong = &Rule{
	ID: "resolver-caches-too-long", Hop: HopName, Scope: OfProxy, Severity: Note, Causes: "E7",
	Title: "nginx keeps what the resolver says for minutes",
	Why: `Docker's DNS says of each answer that it holds for 600 seconds. So long nginx goes on asking the old address of an
upstream whose container was made again, unless "valid" says a shorter time: 502, 504, or another service's answer.`,
	Bad:  `resolver 127.0.0.11;`,
	Good: `resolver 127.0.0.11 valid=10s;`,
	Fix:  "add valid=10s to the resolver",
	Check: func(c *Case) *Finding {
		at, r := c.resolving(func(r *proxy.Resolver) bool { return asksDocker(r) && kept(r) > shortEnough })
		at = slices.DeleteFunc(at, func(of *Case) bool { return pinned(of.Backend.Service) })
		if len(at) == 0 {
			return nil
		}
		f := c.finding(Certain, StatusNone, "%s keeps an upstream's address for %.0f seconds; one that is made again may get another address", c.Proxy.Service.Name, kept(r).Seconds()).
			near(at[0].Backend.Place, "a pass that is resolved by it").
			fix("let nginx ask again: resolver %s valid=10s;", dockerDNS).
			edit(c.keepShortly(r))
		f.Place, f.Routes = r.Place, ids(at)
		return f
	},
}

// kept is how long nginx keeps an answer of Docker's DNS. nginx's times without a unit are seconds.
func kept(r *proxy.Resolver) time.Duration {
	if r.Valid == "" {
		return dockerTTL
	}
	if d, err := time.ParseDuration(r.Valid); err == nil {
		return d
	}
	d, _ := time.ParseDuration(r.Valid + "s")
	return d
}

// keepShortly is the edit that gives a resolver a short time.
func (c *Case) keepShortly(r *proxy.Resolver) Edit {
	if r.Valid != "" {
		return replaceAt(c.stack.Sources, r.Place, "valid="+r.Valid, "valid=10s")
	}
	for _, end := range []string{";", " "} {
		if e := replaceAt(c.stack.Sources, r.Place, dockerDNS+end, dockerDNS+" valid=10s"+end); e.File != "" {
			return e
		}
	}
	return Edit{}
}

var resolverUnused = &Rule{
	ID: "resolver-unused", Hop: HopName, Scope: OfProxy, Severity: Note, Causes: "E9",
	Title: "no pass asks the resolver",
	Why: `A resolver is asked only for what is looked up while nginx runs: a pass with a variable in it, and a server of a
group with resolve. Names that are written out are looked up once, by the system, when nginx starts, and a resolver
beside them changes nothing. Nor does a variable where another pass writes the same host and port out.`,
	Bad: `resolver 127.0.0.11 valid=10s;
proxy_pass http://api:8000;`,
	Good: `resolver 127.0.0.11 valid=10s;
set $upstream api;
proxy_pass http://$upstream:8000;`,
	Fix: "write the host into a variable, or leave the resolver out",
	Check: func(c *Case) *Finding {
		if !c.Proxy.Stock || !c.Proxy.Config.Complete() || c.asksOtherwise() {
			return nil
		}
		asked, idle := map[proxy.Place]bool{}, map[proxy.Place][]string{}
		for _, r := range c.Proxy.Routes {
			switch resolver := asks(r); {
			case resolver != nil:
				asked[resolver.Place] = true
			case r.Pass.Resolver != nil && slices.ContainsFunc(c.backends(r), func(b Backend) bool { return c.mayGoStale(r, b) }):
				idle[r.Pass.Resolver.Place] = append(idle[r.Pass.Resolver.Place], r.ID)
			}
		}
		for _, d := range c.resolvers() {
			if !d.Place.Known() || asked[d.Place] || idle[d.Place] == nil {
				continue
			}
			f := c.finding(Certain, StatusNone, "no pass of %s asks this resolver: names that are written out are resolved once, when nginx starts", c.Proxy.Service.Name).
				fix("write the host of each pass into a variable: set $upstream NAME; proxy_pass http://$upstream:PORT; or leave the resolver out")
			f.Place, f.Routes = d.Place, idle[d.Place]
			return f
		}
		return nil
	},
}

// asks is the resolver that requests on a route may make nginx ask; nil: none.
func asks(r *compose.Route) *proxy.Resolver {
	if g := r.Target.Group; g != nil && slices.ContainsFunc(g.Servers, func(p *proxy.Peer) bool { return p.Resolve }) {
		return g.Resolver
	}
	if r.Target.PerRequest || r.Target.Unknown != "" {
		return r.Pass.Resolver
	}
	return nil
}

// otherUses begin the names of directives that ask a resolver, or run what may.
var otherUses = []string{"ssl_stapling", "ssl_ocsp", "js_", "perl", "acme_", "auth_oidc", "auth_jwt", "tunnel_"}

// asksOtherwise says whether something else than passes may ask a resolver.
func (c *Case) asksOtherwise() bool { return slices.ContainsFunc(otherUses, c.says) }
