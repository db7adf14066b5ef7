package inspect

import (
	"net/netip"
	"slices"
	"strings"

	"why502/compose"
)

var upstreamGeneratedName = &Rule{
	ID: "upstream-generated-name", Hop: HopName, Scope: OfRoute, Severity: Warning,
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

var upstreamIsContainerAddress = &Rule{
	ID: "upstream-is-container-address", Hop: HopName, Scope: OfRoute, Severity: Warning,
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
