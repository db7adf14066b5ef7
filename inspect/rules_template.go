package inspect

import (
	"path"
	"strings"

	"why502/compose/proxy"
)

var templateNotRendered = &Rule{
	ID: "template-not-rendered", Hop: HopConfig, Scope: OfProxy, Severity: Error,
	Title: "nginx reads a template that nothing has filled in",
	Why: `nginx does not know the variables of the environment: "unknown ... variable". The image fills in only what lies in
/etc/nginx/templates and ends in .template, and only when it starts nginx by its own entrypoint.`,
	Bad: `volumes:
  - ./default.conf.template:/etc/nginx/conf.d/default.conf`,
	Good: `volumes:
  - ./default.conf.template:/etc/nginx/templates/default.conf.template`,
	Fix: "mount it in /etc/nginx/templates, under a name that ends in .template",
	Check: func(c *Case) *Finding {
		fault, ok := firstFault(c.Proxy.Config, proxy.UnknownVariable)
		if !ok || fault.Rendered {
			return nil
		}
		f := c.variableFinding(fault, "nothing fills in ${%s} before nginx reads it")
		for _, m := range c.Proxy.Service.Mounts {
			if m.Source != "" && c.userPath(m.Source) == "./"+fault.Place.File {
				target := "/etc/nginx/templates/" + strings.TrimSuffix(path.Base(m.Target), ".template") + ".template"
				f.near(m.Place, "the mount to change").fix("mount it at %s", target).
					edit(replaceAt(c.stack.Sources, m.Place, ":"+m.Target, ":"+target))
			}
		}
		return f
	},
}

var templateVariableUnset = &Rule{
	ID: "template-variable-unset", Hop: HopConfig, Scope: OfProxy, Severity: Error,
	Title: "a template uses a variable that the container does not have",
	Why: `Only variables of the container's environment are filled in: what stands in .env or in another service is not
among them. The rest stays as it is, and nginx ends with "unknown ... variable". ${NAME:-default} is not understood.`,
	Bad: `proxy_pass http://${API_HOST}:8000;   # and no environment: {API_HOST: ...}`,
	Good: `environment:
  API_HOST: api`,
	Fix: "give the proxy the variable under environment",
	Check: func(c *Case) *Finding {
		fault, ok := firstFault(c.Proxy.Config, proxy.UnknownVariable)
		if !ok || !fault.Rendered {
			return nil
		}
		own := c.Proxy.Service
		return c.variableFinding(fault, "the environment of "+own.Name+" has no %s").
			near(own.Place, "the service that needs it").
			fix("give %s the variable %s under environment", own.Name, fault.Variable)
	},
}

// variableFinding reports a variable of the environment that nginx is left with.
func (c *Case) variableFinding(fault proxy.Fault, format string) *Finding {
	f := c.finding(Certain, StatusNoStart, format, fault.Variable).with("nginx", "%s", fault.Text)
	f.Place, f.order, f.subject = fault.Place, fault.Order+2*afterParsing, strings.ToLower(fault.Variable) // as nginx has it
	return f
}
