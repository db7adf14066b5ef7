package inspect

import (
	"slices"
	"strings"
)

// hostGateway is what the engine replaces with the host's address in extra_hosts.
const hostGateway = "host-gateway"

// hostNames are the names that Docker Desktop gives the host, and no other engine by itself.
var hostNames = []string{"host.docker.internal", "gateway.docker.internal"}

var hostGatewayMissing = &Rule{
	ID: "host-gateway-missing", Hop: HopName, Scope: OfRoute, Severity: Error, Causes: "B9",
	Title: "on Linux nothing has the name host.docker.internal by itself",
	Why: `Docker Desktop answers host.docker.internal. An engine on Linux does not, unless extra_hosts puts it into the
container's hosts file: "host not found in upstream". A value that is nearly host-gateway is no address, and the
engine makes no container with it.`,
	Bad: `proxy: {image: nginx}   # and: proxy_pass http://host.docker.internal:8000;`,
	Good: `proxy:
  extra_hosts:
    - host.docker.internal:host-gateway`,
	Fix: "extra_hosts: host.docker.internal:host-gateway",
	Check: func(c *Case) *Finding {
		if c.Backend.PerRequest || !c.named() || c.proxyRuns() {
			return nil // looked up by a resolver, or nginx did find it
		}
		own, host := c.namespace(c.Proxy.Service), strings.ToLower(c.Backend.Host)
		for _, address := range own.ExtraHosts[host] {
			if address != hostGateway && Distance(address, hostGateway) <= 2 {
				at := c.stack.At("services", own.Name, "extra_hosts", host)
				return c.finding(Likely, StatusNoStart, "extra_hosts gives %s the address %q, which is none: the engine knows %s", host, address, hostGateway).
					near(at, "extra_hosts of %s", own.Name).
					fix("write %s", hostGateway).
					edit(replaceAt(c.stack.Sources, at, address, hostGateway))
			}
		}
		if !slices.Contains(hostNames, host) || c.resolves() || own.OwnNames || own.NetworkMode == "host" || c.snap != nil && c.snap.Daemon.Desktop {
			return nil
		}
		item := host + ":" + hostGateway
		return c.finding(Likely, StatusNoStart, "nothing gives %s the name %s: Docker Desktop does by itself, an engine on Linux does not", own.Name, host).
			fix("put it into the hosts file of %s", own.Name).
			edit(addItem(c.stack, own, "extra_hosts", item, host+": "+hostGateway)).
			paste("services:\n  %s:\n    extra_hosts:\n      - %s", own.Name, item)
	},
}
