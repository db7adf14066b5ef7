package inspect

import (
	"net/netip"
	"slices"
	"strings"

	"why502/compose"
)

var upstreamGeneratedName = &Rule{
	ID: "upstream-generated-name", Hop: HopName, Scope: OfRoute, Severity: Warning, Causes: "A5",
	Title: "the pass names a container as Compose calls it, not the service",
	Why: `Compose calls a container PROJECT-SERVICE-1, older versions PROJECT_SERVICE_1. The project is the folder's name,
or what -p says, so that the name is another one in another clone or with another Compose: "host not found in
upstream".`,
	Bad:  `proxy_pass http://shop_api_1:8000;`,
	Good: `proxy_pass http://api:8000;`,
	Fix:  "pass to the service's name, which also reaches every replica",
	Check: func(c *Case) *Finding {
		b, own := c.Backend, c.Proxy.Service
		svc := c.generatedFrom(b.Host)
		if svc == nil || svc == own || !c.named() || c.inHostsFile() {
			return nil
		}
		var f *Finding
		switch {
		case c.resolves() && b.Service == svc:
			f = c.finding(Likely, StatusNone, "%s is the name that Compose gives a container of %s: it changes with the project's name", b.Host, svc.Name)
		case c.resolves() || b.Service != nil || b.PerRequest || c.cannotKnow():
			return nil
		default:
			f = c.finding(c.sure(), c.unresolved(), "%s looks like the name that Compose gives a container of %s, but no container has it in the project %s", b.Host, svc.Name, c.stack.Name)
			f.Severity = Error
		}
		return f.fix("write %s, the service's name", svc.Name).edit(c.replace(b.Host, svc.Name))
	},
}

// generatedFrom is the service whose name stands in a host between a project's and a number, as in
// the names that Compose gives containers; nil where someone wrote that name into the project.
func (c *Case) generatedFrom(host string) (svc *compose.Service) {
	host = strings.ToLower(host)
	stem := strings.TrimRight(host, "0123456789")
	if stem == host || !strings.HasSuffix(stem, "-") && !strings.HasSuffix(stem, "_") {
		return nil // it ends in no number of a container
	}
	if slices.ContainsFunc(c.Proxy.Service.Links, func(l compose.Link) bool { return strings.EqualFold(l.Alias, host) }) {
		return nil
	}
	for _, other := range c.services {
		if declares(other, host) || strings.EqualFold(other.Hostname, host) {
			return nil
		}
		for _, separator := range []string{"-", "_"} {
			project, ok := strings.CutSuffix(stem, separator+strings.ToLower(other.Name)+separator)
			if ok && project != "" && (svc == nil || len(other.Name) > len(svc.Name)) {
				svc = other
			}
		}
	}
	return svc
}

var upstreamIsHostAddress = &Rule{
	ID: "upstream-is-host-address", Hop: HopName, Scope: OfRoute, Severity: Error, Causes: "A2 B13",
	Title: "the pass goes to the host, and back in by a published port",
	Why: `172.17.0.1, the gateway of a network and 192.168.1.10 are the host. Such a pass needs the port to be published, on
that address, through the host's firewall, for as long as the host keeps it. A port published on 127.0.0.1 is closed to
containers: "connect() failed (111: Connection refused)".`,
	Bad:  `api: {ports: ["127.0.0.1:8081:8000"]}   # and: proxy_pass http://172.17.0.1:8081;`,
	Good: `proxy_pass http://api:8000;`,
	Fix:  "pass to the service's name and the port in its container",
	Check: func(c *Case) *Finding {
		b, own := c.Backend, c.namespace(c.Proxy.Service)
		address, err := netip.ParseAddr(b.Host)
		if err != nil || b.Port == 0 || own.NetworkMode == "host" || !c.ofHost(address) {
			return nil
		}
		svc, port, found := c.publisher(own, b.Port)
		if !found {
			return nil // a program on the host, or another project
		}
		if compose.Loopback(port.HostIP) {
			f := c.finding(Likely, Status502, "%s is an address of the host, where %s publishes port %d on %s only, so that containers do not reach it", address, svc.Name, b.Port, port.HostIP).
				near(port.Place, "where it is published")
			return c.suggestService(f)
		}
		f := c.finding(Likely, StatusNone, "%s is an address of the host: requests leave the network of %s, and come back by a published port", address, own.Name).
			near(port.Place, "where %s publishes it", svc.Name)
		f.Severity = Note // it works, until the host gets another address or a firewall
		return c.suggestService(f)
	},
}

// publisher is the service that publishes a TCP port of the host, if it is not the proxy.
func (c *Case) publisher(own *compose.Service, number int) (*compose.Service, compose.Port, bool) {
	for _, svc := range c.services {
		if svc == own || svc.Disabled {
			continue
		}
		for _, p := range svc.Ports {
			if p.Published == number && p.Protocol == "tcp" && !p.Several {
				return svc, p, true
			}
		}
	}
	return nil, compose.Port{}, false
}

var (
	dockerPool = netip.MustParsePrefix("172.16.0.0/12") // that networks get their subnets from, of 65536 addresses each
)

// ofHost says whether a private address is one of the machine that the containers run on, or of another
// one beside it, and not that of a container.
func (c *Case) ofHost(address netip.Addr) bool {
	if !address.Is4() || !address.IsPrivate() {
		return false
	}
	for _, box := range c.all {
		if slices.ContainsFunc(box.Endpoints, func(e Endpoint) bool { return e.IPv4 == address.String() }) {
			return false
		}
	}
	for _, n := range c.stack.Networks {
		for _, s := range n.Subnets {
			if s.Contains(address) {
				return s.Gateway == address
			}
		}
	}
	octets := address.As4()
	return !dockerPool.Contains(address) || octets[2] == 0 && octets[3] == 1
}

var upstreamIsContainerAddress = &Rule{
	ID: "upstream-is-container-address", Hop: HopName, Scope: OfRoute, Severity: Warning, Causes: "A3",
	Title: "the pass has an address that no container keeps",
	Why: `Docker gives a container the lowest address that is free when it starts. Unless ipv4_address pins it, another
order of starts gives it another one, and nginx asks the wrong container or nobody: 502 or 504.`,
	Bad:  `proxy_pass http://172.28.0.2:8000;`,
	Good: `proxy_pass http://api:8000;   # or: api: {networks: {default: {ipv4_address: 172.28.0.2}}}`,
	Fix:  "pass to the service's name, or pin the address with ipv4_address",
	Check: func(c *Case) *Finding {
		address, err := netip.ParseAddr(c.Backend.Host)
		if err != nil || !address.Is4() || slices.ContainsFunc(c.services, func(svc *compose.Service) bool { return keeps(svc, address) }) {
			return nil
		}
		for _, a := range c.namespace(c.Proxy.Service).Networks {
			// an external network has other projects' addresses, a macvlan those of the machines around
			n := c.stack.Networks[a.Network]
			if n == nil || n.External || n.Driver != "" && n.Driver != "bridge" || !slices.ContainsFunc(n.Subnets, func(s compose.Subnet) bool { return s.Contains(address) && s.Gateway != address }) {
				continue
			}
			f := c.finding(Likely, StatusNone, "%s is in the subnet of the network %s, but no service keeps that address", address, n.Name).
				near(n.Place, "the network %s", n.Name)
			return c.suggestService(f)
		}
		return nil
	},
}

// keeps says whether a service has pinned an address.
func keeps(svc *compose.Service, address netip.Addr) bool {
	return slices.ContainsFunc(svc.Networks, func(a compose.Attachment) bool { return a.IPv4 == address.String() })
}
