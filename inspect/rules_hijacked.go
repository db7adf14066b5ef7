package inspect

import (
	"net/netip"
	"slices"
)

var upstreamNameHijacked = &Rule{
	ID: "upstream-name-hijacked", Hop: HopName, Scope: OfRoute, Severity: Error, Live: true, Causes: "A11",
	Title: "the service's name leads out into the internet",
	Why: `A name that Docker's DNS does not know at that moment is asked for outside; with a search domain, of the host or
of dns_search, "api" becomes "api.example.com", and where all names of that domain have an address, nginx sends its
requests there: 404 or a stranger's page, 502 or 504.`,
	Bad:  `proxy: {dns_search: example.com, dns_opt: ["ndots:1"]}   # and *.example.com has an address`,
	Good: `proxy: {dns_search: .}`,
	Fix:  "take the search domain off the proxy: dns_search: .",
	Check: func(c *Case) *Finding {
		reply, svc := c.reply(), c.Backend.Service
		if reply == nil || svc == nil {
			return nil
		}
		for _, l := range reply.Lookups {
			at := slices.IndexFunc(l.Addresses, c.stranger)
			if at < 0 {
				continue
			}
			f := c.finding(Proven, StatusNone, "%s leads %s to %s, an address that is on no network of %s", c.Backend.Host, c.Proxy.Service.Name, l.Addresses[at], svc.Name).
				with("probe", "%s", c.describeLookup(l)).
				fix("let nothing be appended to names in %s", c.Proxy.Service.Name).
				paste("services:\n  %s:\n    dns_search: .", c.Proxy.Service.Name)
			if place := c.stack.At("services", c.Proxy.Service.Name, "dns_search"); place != c.Proxy.Service.Place {
				f.near(place, "what is appended to names")
			}
			return f
		}
		return nil
	},
}

// stranger says whether an address is one of the internet, and of no container and no network of the project.
func (f *facts) stranger(address string) bool {
	ip, err := netip.ParseAddr(address)
	return err == nil && public(ip) && f.owner(address) == nil && !f.inSubnet(ip)
}
