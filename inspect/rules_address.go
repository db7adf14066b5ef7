package inspect

import (
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
	if slices.ContainsFunc(c.Proxy.Service.Links, func(l compose.Link) bool { return strings.EqualFold(l.Alias, host) }) {
		return nil
	}
	stem := strings.TrimRight(host, "0123456789")
	for _, other := range c.services {
		if declares(other, host) || strings.EqualFold(other.Hostname, host) {
			return nil
		}
		for _, separator := range []string{"-", "_"} {
			project, ok := strings.CutSuffix(stem, separator+strings.ToLower(other.Name)+separator)
			if ok && project != "" && stem != host && (svc == nil || len(other.Name) > len(svc.Name)) {
				svc = other
			}
		}
	}
	return svc
}
