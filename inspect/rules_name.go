package inspect

import (
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strings"

	"why502/compose"
	"why502/compose/proxy"
	"why502/inspect/errorlog"
)

const dockerDNS = "127.0.0.11"

var resolverMissing = &Rule{
	ID: "resolver-missing", Hop: HopName, Scope: OfRoute, Severity: Error, Causes: "E1",
	Title: "a pass by variable has no resolver",
	Why: `A pass whose value has a variable in it is resolved when a request comes, and only by the servers that a
"resolver" directive names. Without one: 502, "no resolver defined to resolve api".`,
	Bad: `set $upstream api;
proxy_pass http://$upstream:8000;`,
	Good: `resolver 127.0.0.11 valid=10s;
set $upstream api;
proxy_pass http://$upstream:8000;`,
	Fix: "add resolver 127.0.0.11 valid=10s; to the server or to http",
	Check: func(c *Case) *Finding {
		if c.Route == nil || c.Backend.Peer != nil || !c.Backend.PerRequest || !c.named() || c.Route.Pass.Resolver != nil {
			return nil
		}
		if c.Backend.Unknown != "" && c.namedAtStart(c.Backend.Host) {
			return nil // with the right port nginx knows the address
		}
		confidence := Certain
		if !c.Proxy.Config.Complete() || c.Backend.Unknown != "" {
			confidence = Likely // a part that could not be read may have one
		}
		f := c.finding(confidence, Status502, "%s is resolved for each request, but no resolver is defined", c.Route.Pass.Value).
			fix("name Docker's DNS as resolver")
		if at := f.Place; at.Known() && c.Route.Pass.Within == "" && c.startsWithDirective(at, c.Route.Pass.Directive) {
			f.edit(insertBefore(c.stack.Sources, at, "resolver "+dockerDNS+" valid=10s;"))
		}
		return f
	},
}

// namedAtStart says whether some pass without variables goes to a host: nginx resolves that one at
// start, and passes by variable to the same port use it.
func (c *Case) namedAtStart(host string) bool {
	return slices.ContainsFunc(c.Proxy.Routes, func(r *compose.Route) bool {
		return !r.Pass.Variable && strings.EqualFold(r.Target.Host, host)
	})
}

// startsWithDirective says whether a line begins with a directive, so that another can go before it.
func (c *Case) startsWithDirective(at proxy.Place, directive string) bool {
	return strings.HasPrefix(strings.TrimSpace(c.stack.Sources.Line(at.File, at.Line)), directive)
}

var upstreamIsLocalhost = &Rule{
	ID: "upstream-is-localhost", Hop: HopName, Scope: OfRoute, Severity: Error, Causes: "A1",
	Title: "localhost in a pass is the proxy's own container",
	Why: `Each container has its own loopback: localhost and 127.0.0.1 are nginx itself, where nothing listens on the
app's port. "connect() failed (111: Connection refused)".`,
	Bad:  `proxy_pass http://localhost:8000;`,
	Good: `proxy_pass http://api:8000;   # the service's name, and the port in its container`,
	Fix:  "pass to the service's name and container port",
	Check: func(c *Case) *Finding {
		b, own := c.Backend, c.Proxy.Service
		if !compose.Loopback(b.Host) && b.Host != "0.0.0.0" && b.Host != "::" {
			return nil
		}
		if own.NetworkMode == "host" || c.listensOn(b.Port) || slices.Contains(c.Proxy.Beside, b.Port) || !c.Proxy.Config.Complete() {
			return nil
		}
		if c.neighbourListens(b.Port) {
			return nil
		}
		confidence := Certain
		if !c.plainNginx(own) || c.sharesNamespace(own) || c.Route != nil && len(c.Route.Pass.Targets) > 1 {
			confidence = Likely // something else may listen in the same container, or a map may refuse requests by it
		}
		f := c.finding(confidence, Status502, "%s is the container of %s itself, where nothing listens on port %d", b.Host, own.Name, b.Port)
		return c.suggestService(f)
	},
	Settled: (*Case).dialled,
}

// neighbourListens says whether another service in the proxy's network namespace, whose localhost is
// the proxy's too, says that it listens on a port.
func (c *Case) neighbourListens(port int) bool {
	return slices.ContainsFunc(c.together[c.namespace(c.Proxy.Service)], func(svc *compose.Service) bool {
		return svc != c.Proxy.Service && slices.ContainsFunc(c.listening(svc), func(l listening) bool { return l.port == port })
	})
}

// plainNginx says whether a service runs a stock nginx image with the image's own command, so that
// nothing but nginx listens in its containers.
func (f *facts) plainNginx(svc *compose.Service) bool {
	p := f.proxies[svc.Name]
	return p != nil && p.Stock
}

// sharesNamespace says whether another service uses this one's network, or it uses another's.
func (f *facts) sharesNamespace(svc *compose.Service) bool {
	return len(f.together[f.namespace(svc)]) > 1 || strings.HasPrefix(svc.NetworkMode, "container:")
}

// suggestService names the services that listen on the port, or publish it: what localhost was
// meant to be. A single one makes an edit.
func (c *Case) suggestService(f *Finding) *Finding {
	type candidate struct {
		svc  *compose.Service
		port int
	}
	var byTarget, byPublished []candidate
	for _, svc := range c.services {
		if svc == c.Proxy.Service || svc.Disabled {
			continue
		}
		for _, p := range svc.Ports {
			if p.Published == c.Backend.Port && p.Protocol == "tcp" {
				byPublished = append(byPublished, candidate{svc, p.Target})
			}
		}
		if slices.ContainsFunc(c.listening(svc), func(l listening) bool { return l.port == c.Backend.Port }) {
			byTarget = append(byTarget, candidate{svc, c.Backend.Port})
		}
	}
	candidates := byTarget
	if len(byPublished) == 1 || len(byTarget) == 0 {
		candidates = byPublished
	}
	if len(candidates) != 1 {
		return f.fix("pass to the service's name and the port in its container; services: %s", listed(c.resolvable(c.Proxy.Service)))
	}
	to := Backend{Host: candidates[0].svc.Name, Port: candidates[0].port}
	from := c.Backend.address()
	if !strings.Contains(c.Backend.written, from) {
		from = c.Backend.Host // the port is not written out
		if to.Port == c.Backend.Port {
			to.Port = 0
		}
	}
	return f.fix("pass to %s", to.address()).edit(c.replace(from, to.address()))
}

var upstreamIsProxyItself = &Rule{
	ID: "upstream-is-proxy-itself", Hop: HopName, Scope: OfRoute, Severity: Error, Causes: "C7",
	Title: "the pass leads back to the proxy itself",
	Why: `The host is the proxy's own name and the port is one that the same server listens on: each request asks for
itself again, until nginx runs out of connections. "1024 worker_connections are not enough", 502.`,
	Bad:  `server { listen 80; location / { proxy_pass http://proxy:80; } }   # in the service "proxy"`,
	Good: `server { listen 80; location / { proxy_pass http://api:8000; } }`,
	Fix:  "pass to the app's service",
	Check: func(c *Case) *Finding {
		if c.Route == nil || c.Route.Server.Stream || c.Route.Location == nil {
			return nil
		}
		b, own := c.Backend, c.Proxy.Service
		self := b.Service != nil && c.sameNamespace(b.Service, own) || compose.Loopback(b.Host)
		if !self || !c.onlyServerOn(b.Port) {
			return nil
		}
		path, ok := passedPath(c.Route)
		if !ok || locationFor(c.Route.Server.Locations, path) != c.Route.Location {
			return nil // another location answers
		}
		f := c.finding(Certain, Status502, "%s is %s itself: each request on %s asks for itself again", b.address(), own.Name, locationText(c.Route)).
			fix("pass to the service that is meant; services: %s", listed(c.resolvable(c.Proxy.Service)))
		return f
	},
}

// onlyServerOn says whether the route's server is the only one on a port, so that it answers
// whatever the Host header is.
func (c *Case) onlyServerOn(port int) bool {
	for _, s := range c.Proxy.Config.Servers {
		on := slices.ContainsFunc(s.Listens, func(l proxy.Listen) bool { return l.Port == port && !l.UDP })
		if on != (s == c.Route.Server) {
			return false
		}
	}
	return true
}

var resolverNotDocker = &Rule{
	ID: "resolver-not-docker", Hop: HopName, Scope: OfRoute, Severity: Error, Causes: "E2",
	Title: "the resolver does not know the services of the project",
	Why: `Names of services are known to Docker's DNS alone, 127.0.0.11. Any other resolver answers "3: Host not
found", and the request gets a 502.`,
	Bad:  `resolver 8.8.8.8;`,
	Good: `resolver 127.0.0.11 valid=10s;`,
	Fix:  "resolver 127.0.0.11; it asks the outside resolvers for what it does not know itself",
	Check: func(c *Case) *Finding {
		if c.Route == nil || !c.Backend.PerRequest || !c.named() || c.Backend.Service == nil {
			return nil
		}
		r := c.Route.Pass.Resolver
		if r == nil || r.Variable || len(r.Addresses) == 0 || slices.Contains(r.Addresses, dockerDNS) {
			return nil
		}
		confidence := Likely // an address of the network may be a DNS server that knows the names
		if ip, err := netip.ParseAddr(r.Addresses[0]); err == nil && (public(ip) || ip.IsLoopback() && c.plainNginx(c.Proxy.Service) && !c.sharesNamespace(c.Proxy.Service)) && !strings.Contains(c.Backend.Host, ".") {
			confidence = Certain
		}
		f := c.finding(confidence, Status502, "the resolver %s does not know %s: only Docker's DNS, %s, knows services", listed(r.Addresses), c.Backend.Host, dockerDNS).
			near(c.Backend.Place, "the pass that is resolved by it").
			fix("ask Docker's DNS, which passes on what it does not know").
			edit(replaceAt(c.stack.Sources, r.Place, strings.Join(r.Addresses, " "), dockerDNS))
		f.Place = r.Place
		return f
	},
	Settled: (*Case).lookedUp,
}

// public says whether an address is one of the internet, which cannot know a project's names.
func public(ip netip.Addr) bool { return ip.IsGlobalUnicast() && !ip.IsPrivate() }

var upstreamNameAmbiguous = &Rule{
	ID: "upstream-name-ambiguous", Hop: HopName, Scope: OfRoute, Severity: Warning, Causes: "A10",
	Title: "several services answer to the upstream's name",
	Why: `When two different containers bear one name on one network, Docker's DNS gives both addresses in changing
order: requests go now to one, now to the other. On networks that projects share, names like app, web or api
collide easily.`,
	Bad:  `networks: {shared: {external: true}}   # and two projects have a service "app" on it`,
	Good: `api: {networks: {shared: {aliases: [shop-api]}}}   # and: proxy_pass http://shop-api:8000;`,
	Fix:  "give the upstream a name of its own, or put it on a network of the project",
	Check: func(c *Case) *Finding {
		bearers := c.names[c.Proxy.Service.Name][strings.ToLower(c.Backend.Host)]
		if !c.named() || len(bearers) < 2 {
			return nil
		}
		owners := map[string][]string{}
		for _, b := range bearers {
			if b.network != "" && !slices.Contains(owners[b.network], b.who()) {
				owners[b.network] = append(owners[b.network], b.who())
			}
		}
		for _, network := range slices.Sorted(maps.Keys(owners)) {
			if who := owners[network]; len(who) > 1 {
				slices.Sort(who)
				return c.finding(c.sure(), StatusNone, "several containers answer to %q on the network %s: %s; requests go to each in turn", c.Backend.Host, network, listed(who)).
					fix("give the upstream a name that only it has: a network alias")
			}
		}
		return nil
	},
}

// who is the service, or the foreign container, that bears a name.
func (b bearer) who() string {
	if b.service != "" {
		return "the service " + b.service
	}
	if b.project != "" {
		return fmt.Sprintf("%s of the project %s", b.container, b.project)
	}
	return "the container " + b.container
}

var upstreamHostUnknown = &Rule{
	ID: "upstream-host-unknown", Hop: HopName, Scope: OfRoute, Severity: Error, Causes: "A4 A8 A9",
	Title: "nothing on the proxy's networks has the upstream's name",
	Why: `A name in a pass is a service, container name, alias or hostname on a network of the proxy. Written out, nginx
does not start: "host not found in upstream"; looked up per request: 502, "could not be resolved (3: Host not found)".`,
	Bad:  `proxy_pass http://backnd:8000;    # the service is called backend`,
	Good: `proxy_pass http://backend:8000;`,
	Fix:  "use a name that is there",
	Check: func(c *Case) *Finding {
		b := c.Backend
		if !c.named() || b.Service != nil || c.resolves() || compose.Loopback(b.Host) {
			return nil
		}
		if c.cannotKnow() {
			return c.notFoundByLog()
		}
		confidence := c.sure()
		if b.PerRequest {
			confidence = Likely // routes to optional services are kept that way on purpose
		}
		f := c.finding(confidence, c.unresolved(), "nothing on the networks of %s is named %q", c.Proxy.Service.Name, b.Host)
		if near := c.nearest(c.Proxy.Service, b.Host); near != "" && !c.inGroup(near) {
			f.Message += "; the nearest name is " + near
			return f.fix("write %s", near).edit(c.replace(b.Host, near))
		}
		return f.fix("use the name of a service: %s", listed(c.resolvable(c.Proxy.Service)))
	},
}

// notFoundByLog reports a name that others than the project may know, and that by nginx's own words none of them does.
func (c *Case) notFoundByLog() *Finding {
	all := slices.DeleteFunc(c.logged(errorlog.NotResolved), func(e *failure) bool { return !strings.Contains(e.Message, "(3: ") })
	f := c.fromLog(all, Status502, "the DNS that %s asks does not know %q", c.Proxy.Service.Name, c.Backend.Host)
	if f == nil {
		return nil
	}
	return f.fix("use a name that exists; one of a service is an alias of it on a network of %s", c.Proxy.Service.Name)
}

// inGroup says whether a name is another server of the same group already.
func (c *Case) inGroup(name string) bool {
	if c.Route == nil || c.Route.Target.Group == nil {
		return false
	}
	return slices.ContainsFunc(c.Route.Target.Group.Servers, func(p *proxy.Peer) bool { return strings.EqualFold(p.Host, name) })
}

// cannotKnow says whether a name may resolve in ways that the project's files do not show: one with
// a dot by the outside DNS, one on an external network by another project, one that a part of the
// configuration which could not be read may define as a group.
func (c *Case) cannotKnow() bool {
	own := c.namespace(c.Proxy.Service)
	if strings.Contains(c.Backend.Host, ".") || c.ownNetworkless(own) {
		return true
	}
	if c.proxyRuns() && !c.Backend.PerRequest {
		return true // nginx did resolve it
	}
	if c.Backend.Peer == nil && !c.Proxy.Config.Complete() || own.OwnNames || c.partial() {
		return true
	}
	return c.external(own) && !c.live()
}

var upstreamAddressMayGoStale = &Rule{
	ID: "upstream-address-may-go-stale", Hop: HopName, Scope: OfProxy, Severity: Note, Causes: "D9",
	Title: "nginx keeps the address that an upstream had when nginx started",
	Why: `A name that is written out in a pass is resolved once. When an upstream's container is made again (docker
compose up after a change, a new image) it may get another address, and nginx goes on asking the old one
until it is reloaded: 502, 504, or another service's answer.`,
	Bad: `proxy_pass http://api:8000;`,
	Good: `resolver 127.0.0.11 valid=10s;
set $upstream api;
proxy_pass http://$upstream:8000;`,
	Fix: "reload nginx after each deployment (docker compose exec PROXY nginx -s reload), let depends_on restart it (restart: true), or resolve per request",
	Check: func(c *Case) *Finding {
		for _, r := range c.Proxy.Routes {
			for _, b := range c.backends(r) {
				if !c.mayGoStale(r, b) {
					continue
				}
				own := c.Proxy.Service.Name
				f := c.finding(Certain, StatusNone, "%s resolves its upstreams once, when it starts; one that is made again may get another address", own).
					fix("after each deployment reload it, or resolve per request with a variable and resolver %s", dockerDNS).
					run("docker compose exec %s nginx -s reload", own)
				f.Place, f.Routes = b.Place, c.staleRoutes()
				return f
			}
		}
		return nil
	},
}

func (c *Case) staleRoutes() (ids []string) {
	for _, r := range c.Proxy.Routes {
		if slices.ContainsFunc(c.backends(r), func(b Backend) bool { return c.mayGoStale(r, b) }) {
			ids = append(ids, r.ID)
		}
	}
	return ids
}

// mayGoStale says whether a backend's address is kept from start while its container may get
// another: not where the address is pinned, resolved again, or nginx is restarted along with it.
func (c *Case) mayGoStale(r *compose.Route, b Backend) bool {
	svc := b.Service
	if svc == nil || svc == c.Proxy.Service || b.PerRequest || b.Host == "" || net.ParseIP(b.Host) != nil || b.Peer != nil && b.Peer.Resolve {
		return false
	}
	restarted := slices.ContainsFunc(c.Proxy.Service.DependsOn, func(d compose.Dependency) bool { return d.Service == svc.Name && d.Restart })
	return !pinned(svc) && !restarted && !svc.Disabled
}

// pinned says whether a service has an address that it keeps.
func pinned(svc *compose.Service) bool {
	return slices.ContainsFunc(svc.Networks, func(a compose.Attachment) bool { return a.IPv4 != "" })
}
