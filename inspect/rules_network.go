package inspect

import (
	"slices"
	"strings"

	"why502/compose"
)

var proxyHostNetwork = &Rule{
	ID: "proxy-host-network", Hop: HopNetwork, Scope: OfRoute, Severity: Error, Causes: "B4",
	Title: "the proxy uses the host's network, where no service has a name",
	Why: `With network_mode: host the container has the host's resolv.conf. Docker's DNS, 127.0.0.11, exists only on
Compose's own networks, so that names of services do not resolve.`,
	Bad: `proxy: {network_mode: host}   # and: proxy_pass http://api:8000;`,
	Good: `proxy: {ports: ["80:80"]}      # on the project's network, or:
api: {ports: ["127.0.0.1:8000:8000"]}   # and: proxy_pass http://127.0.0.1:8000;`,
	Fix: "take the proxy off the host's network and publish its ports, or pass to a port that the upstream publishes on 127.0.0.1",
	Check: func(c *Case) *Finding {
		svc, own := c.Backend.Service, c.namespace(c.Proxy.Service)
		if svc == nil || own.NetworkMode != "host" || !c.named() || c.resolves() || svc == c.Proxy.Service {
			return nil
		}
		f := c.finding(c.sure(), c.unresolved(), "%s uses the host's network, where the name %s does not resolve", c.Proxy.Service.Name, c.Backend.Host).
			near(c.stack.At("services", own.Name, "network_mode"), "the network of %s", own.Name).
			fix("take network_mode: host off %s and publish its ports", own.Name)
		for _, p := range svc.Ports {
			if p.Target == c.Backend.Port && p.Published != 0 {
				f.fix("pass to 127.0.0.1:%d, where %s is published, or take network_mode: host off %s", p.Published, svc.Name, own.Name)
			}
		}
		return f
	},
	Settled: (*Case).lookedUp,
}

var upstreamHostNetwork = &Rule{
	ID: "upstream-host-network", Hop: HopNetwork, Scope: OfRoute, Severity: Error, Causes: "B5",
	Title: "the upstream uses the host's network, where it has no name",
	Why:   `A container with network_mode: host is on none of the project's networks, so that its service name does not resolve.`,
	Bad:   `api: {network_mode: host}   # and: proxy_pass http://api:8000;`,
	Good: `proxy: {extra_hosts: ["host.docker.internal:host-gateway"]}
# and: proxy_pass http://host.docker.internal:8000;`,
	Fix: "take the upstream off the host's network, or pass to host.docker.internal with extra_hosts: host.docker.internal:host-gateway",
	Check: func(c *Case) *Finding {
		svc := c.Backend.Service
		if svc == nil || !c.named() || c.namespace(svc).NetworkMode != "host" || c.namespace(c.Proxy.Service).NetworkMode == "host" || c.resolves() {
			return nil
		}
		own := c.Proxy.Service
		return c.finding(c.sure(), c.unresolved(), "%s uses the host's network, so that its name does not resolve for %s", svc.Name, own.Name).
			near(c.stack.At("services", svc.Name, "network_mode"), "the network of %s", svc.Name).
			fix("take network_mode: host off %s, or reach it through the host", svc.Name).
			paste("services:\n  %s:\n    extra_hosts:\n      - host.docker.internal:host-gateway\n# and in nginx: host.docker.internal:%d in place of %s", own.Name, c.Backend.Port, c.Backend.address())
	},
	Settled: (*Case).lookedUp,
}

var upstreamNetworkModeService = &Rule{
	ID: "upstream-network-mode-service", Hop: HopNetwork, Scope: OfRoute, Severity: Error, Causes: "B6",
	Title: "the upstream uses another service's network, and so its name",
	Why:   `With network_mode: service:NAME a container has no network of its own: it is reached by the names of that service.`,
	Bad:   `app: {network_mode: "service:vpn"}   # and: proxy_pass http://app:8000;`,
	Good:  `proxy_pass http://vpn:8000;`,
	Fix:   "pass to the service whose network it uses",
	Check: func(c *Case) *Finding {
		svc := c.Backend.Service
		if svc == nil || !c.named() || c.resolves() {
			return nil
		}
		container, foreign := strings.CutPrefix(svc.NetworkMode, "container:")
		owner := c.namespace(svc)
		if owner == svc && !foreign {
			return nil
		}
		name := owner.Name
		if foreign {
			name = container
		}
		return c.finding(c.sure(), c.unresolved(), "%s uses the network of %s, so that its own name does not resolve", svc.Name, name).
			near(c.stack.At("services", svc.Name, "network_mode"), "the network of %s", svc.Name).
			fix("pass to %s in place of %s", name, c.Backend.Host).
			edit(c.replace(c.Backend.Host, name))
	},
	Settled: (*Case).lookedUp,
}

var upstreamNetworkNone = &Rule{
	ID: "upstream-network-none", Hop: HopNetwork, Scope: OfRoute, Severity: Error, Causes: "B7",
	Title: "nginx or its upstream has no network at all",
	Why:   `A container with network_mode: none has its loopback and nothing else: it neither finds others nor is found.`,
	Bad:   `api: {network_mode: none}   # and: proxy_pass http://api:8000;`,
	Good:  `api: {image: ...}           # on the project's network`,
	Fix:   "take network_mode: none off the service",
	Check: func(c *Case) *Finding {
		cut := c.inMode("none")
		if cut == nil {
			return nil
		}
		f := c.finding(c.sure(), c.unresolved(), "%s has no network, so that the name %s does not resolve for %s", cut.Name, c.Backend.Host, c.Proxy.Service.Name)
		return c.leaveMode(f, cut)
	},
	Settled: (*Case).lookedUp,
}

var defaultBridgeHasNoDNS = &Rule{
	ID: "default-bridge-has-no-dns", Hop: HopNetwork, Scope: OfRoute, Severity: Error, Causes: "B8",
	Title: "nginx or its upstream is on Docker's default bridge, which has no DNS",
	Why: `With network_mode: bridge a container is on none of the project's networks but on Docker's default one, where
containers have no names: "host not found in upstream".`,
	Bad:  `api: {network_mode: bridge}   # and: proxy_pass http://api:8000;`,
	Good: `api: {image: ...}             # on the project's network`,
	Fix:  "take network_mode: bridge off both",
	Check: func(c *Case) *Finding {
		own := c.Proxy.Service
		bridged := c.inMode("bridge")
		if bridged == nil || c.namespace(own).OwnNames || slices.ContainsFunc(own.Links, func(l compose.Link) bool { return l.Service == c.Backend.Service.Name }) {
			return nil // there, links write the hosts file
		}
		f := c.finding(c.sure(), c.unresolved(), "%s is on Docker's default bridge, where the name %s does not resolve", bridged.Name, c.Backend.Host)
		return c.leaveMode(f, bridged)
	},
	Settled: (*Case).lookedUp,
}

// inMode is who has a network_mode, the proxy or else its upstream, where that keeps the upstream's
// name from being found; nil: neither.
func (c *Case) inMode(mode string) *compose.Service {
	svc, own := c.Backend.Service, c.Proxy.Service
	if svc == nil || !c.named() || c.resolves() || c.sameNamespace(svc, own) {
		return nil
	}
	for _, either := range []*compose.Service{c.namespace(own), c.namespace(svc)} {
		if either.NetworkMode == mode {
			return either
		}
	}
	return nil
}

// leaveMode offers to take a service's network_mode away.
func (c *Case) leaveMode(f *Finding, svc *compose.Service) *Finding {
	return f.near(c.stack.At("services", svc.Name, "network_mode"), "the network of %s", svc.Name).
		fix("take network_mode: %s off %s", svc.NetworkMode, svc.Name)
}

var networkMissing = &Rule{
	ID: "network-missing", Hop: HopNetwork, Scope: OfRoute, Severity: Error, Live: true, Causes: "B3",
	Title: "an external network does not exist",
	Why:   `Compose makes its own networks, but not external ones: "network X declared as external, but could not be found".`,
	Bad:   `networks: {web: {external: true}}   # and nobody made it`,
	Good:  `docker network create web`,
	Fix:   "docker network create NAME",
	Check: func(c *Case) *Finding {
		svc := c.Proxy.Service
		missing := c.missingNetwork(svc)
		if missing == "" && c.Backend.Service != nil {
			svc = c.Backend.Service
			missing = c.missingNetwork(svc)
		}
		if missing == "" {
			return nil
		}
		full, confidence := c.fullName(missing), Proven
		if !c.live() {
			confidence = Likely // this daemon may not be the one that is to run the project
		}
		return c.finding(confidence, c.unresolved(), "the external network %s, which %s needs, does not exist", full, svc.Name).
			with("docker", "the daemon has no network named %s", full).
			near(c.stack.Networks[missing].Place, "the network %s", missing).
			fix("make it, then start the project").run("docker network create %s", full)
	},
}

// missingNetwork is an external network of a service that the daemon does not have; empty: none.
func (f *facts) missingNetwork(svc *compose.Service) string {
	if f.snap == nil {
		return ""
	}
	for _, a := range f.namespace(svc).Networks {
		n := f.stack.Networks[a.Network]
		if n == nil || !n.External {
			continue
		}
		if row, asked := f.snap.Networks[n.Full]; asked && row == nil {
			return a.Network
		}
	}
	return ""
}

var upstreamNoSharedNetwork = &Rule{
	ID: "upstream-no-shared-network", Hop: HopNetwork, Scope: OfRoute, Severity: Error, Causes: "B1 B2",
	Title: "nginx and its upstream share no network",
	Why: `Containers resolve each other's names, and reach each other, only on a network that both are on. A service
that lists networks leaves the default one.`,
	Bad:  `proxy: {networks: [front]}   api: {networks: [back]}`,
	Good: `proxy: {networks: [front, back]}   api: {networks: [back]}`,
	Fix:  "put both on one network",
	Check: func(c *Case) *Finding {
		svc, own := c.Backend.Service, c.Proxy.Service
		if svc == nil || !c.named() || c.resolves() || c.sameNamespace(svc, own) || len(c.shared(own, svc)) > 0 {
			return nil
		}
		if c.ownNetworkless(own) || c.ownNetworkless(svc) {
			return nil
		}
		f := c.finding(c.sure(), c.unresolved(), "%s and %s share no network: %s is on %s, %s on %s",
			own.Name, svc.Name, own.Name, listed(c.networks(own)), svc.Name, listed(c.networks(svc)))
		if lost := c.lostNetwork(); lost != "" {
			if c.proxyRuns() && !c.Backend.PerRequest && len(c.networks(own)) > 0 && !slices.Contains(c.networks(own), lost) {
				f.Status = Status504 // what goes to the old address from another network is dropped
			}
			return f.with("docker", "by the files both are on %s", lost).
				fix("connect what was disconnected, or make its container again").
				run("docker compose up -d --force-recreate %s %s", own.Name, svc.Name)
		}
		return c.joinNetwork(f, own, svc)
	},
	Settled: (*Case).lookedUp,
}

// ownNetworkless says whether a service is on none of the project's networks by its network_mode.
func (f *facts) ownNetworkless(svc *compose.Service) bool {
	mode := f.namespace(svc).NetworkMode
	return mode != "" && mode != "default"
}

// lostNetwork is a network that proxy and upstream share by the files, though not by the daemon.
func (c *Case) lostNetwork() string {
	declared := func(svc *compose.Service) (all []string) {
		for _, a := range c.namespace(svc).Networks {
			all = append(all, c.fullName(a.Network))
		}
		return all
	}
	for _, n := range declared(c.Proxy.Service) {
		if slices.Contains(declared(c.Backend.Service), n) {
			return n
		}
	}
	return ""
}

// joinNetwork offers the edit that puts the proxy on a network of its upstream: a proxy stands on
// several networks more often than an app does.
func (c *Case) joinNetwork(f *Finding, own, svc *compose.Service) *Finding {
	own, svc = c.namespace(own), c.namespace(svc)
	if len(svc.Networks) == 0 {
		return f
	}
	network := svc.Networks[0].Network
	f.near(svc.Networks[0].Place, "the network of %s", svc.Name).
		fix("put %s on the network %s too", own.Name, network)
	if len(own.Networks) == 1 && own.Networks[0].Network == "default" && c.stack.At("services", own.Name, "networks") == own.Place {
		return f.edit(addToService(c.stack, own, "networks:", "  - default", "  - "+network)).
			paste("services:\n  %s:\n    networks:\n      - default\n      - %s", own.Name, network)
	}
	return f.edit(addItem(c.stack, own, "networks", network, network+":")).
		paste("services:\n  %s:\n    networks:\n      - %s", own.Name, network)
}

var networkInternalOnly = &Rule{
	ID: "network-internal-only", Hop: HopNetwork, Scope: OfRoute, Severity: Error, Causes: "B11",
	Title: "the proxy publishes ports, but is on internal networks only",
	Why: `An internal network has no way out and none in: Docker publishes no port of a container that is on no other.
nginx runs and the upstreams answer it, but on the host nothing listens.`,
	Bad: `proxy: {ports: ["80:80"], networks: [backend]}
networks: {backend: {internal: true}}`,
	Good: `proxy: {ports: ["80:80"], networks: [backend, frontend]}
networks: {backend: {internal: true}, frontend: {}}`,
	Fix: "put the proxy on a second network that is not internal",
	Check: func(c *Case) *Finding {
		own := c.namespace(c.Proxy.Service)
		if c.Route == nil || len(c.Route.Published) == 0 || len(own.Networks) == 0 || !c.allInternal(own) {
			return nil
		}
		f := c.finding(c.sure(), StatusRefused, "%s publishes its ports, but all of its networks are internal, so that nothing listens on the host", own.Name).
			near(c.stack.Networks[own.Networks[0].Network].Place, "the network %s is internal", own.Networks[0].Network).
			fix("put %s on a second network that is not internal", own.Name).
			paste("services:\n  %s:\n    networks:\n      - %s\n      - outside\nnetworks:\n  outside:", own.Name, own.Networks[0].Network)
		f.Place = c.Proxy.Routes[0].Pass.Place // it is one fault, whatever the pass
		return f
	},
}

var networkBlocksTraffic = &Rule{
	ID: "network-blocks-traffic", Hop: HopNetwork, Scope: OfRoute, Severity: Error, Live: true, Causes: "B12",
	Title: "what nginx sends to its upstream does not arrive",
	Why: `Both are on one network, and the upstream listens, but something between them drops or refuses the packets: a
firewall in the upstream's container, one on the host that has flushed Docker's rules (firewalld, ufw, nftables), or
enable_icc=false on the network. "upstream timed out (110) while connecting", 504, or "connect() failed (113)", 502.`,
	Bad:  `networks: {default: {driver_opts: {com.docker.network.bridge.enable_icc: "false"}}}`,
	Good: `networks: {default: {}}`,
	Fix:  "let the firewall pass what the containers of the network send each other; after a change of the host's firewall restart Docker",
	Check: func(c *Case) *Finding {
		e, ok := c.meets(blocked, rebuffed)
		if !ok {
			return nil
		}
		own, svc := c.Proxy.Service.Name, e.box.Service
		if c.met(e) == rebuffed { // or it has begun to listen since
			f := c.finding(Likely, Status502, "%s listens on port %d, but connections from %s are refused", svc, e.port, own).
				fix("look for a firewall in %s, or on the host, that refuses them", svc)
			f.Evidence = c.carried().evidence
			return f
		}
		what := "drops"
		if e.errno != errnoTimedOut {
			what = "refuses"
		}
		return c.finding(Proven, statusOf(e.errno), "%s is on a network of %s, but something %s what is sent to its port %d", svc, own, what, e.port).
			fix("look for a firewall in %s, for one on the host (after a change of it restart Docker), and for enable_icc=false on the network", svc)
	},
	Settled: (*Case).carried,
}

// allInternal says whether none of a service's networks leads out: by the daemon, where it runs, else by
// the files, which do not say it of external networks.
func (c *Case) allInternal(svc *compose.Service) bool {
	if boxes := c.running(svc.Name); len(boxes) > 0 {
		return len(boxes[0].Endpoints) > 0 && !slices.ContainsFunc(boxes[0].Endpoints, func(e Endpoint) bool {
			n := c.snap.Networks[e.Network]
			return n == nil || !n.Internal
		})
	}
	return !slices.ContainsFunc(svc.Networks, func(a compose.Attachment) bool {
		n := c.stack.Networks[a.Network]
		return n == nil || n.External || !n.Internal
	})
}
