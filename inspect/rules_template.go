package inspect

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"why502/compose"
	"why502/compose/proxy"
)

var composeEatsVariable = &Rule{
	ID: "compose-eats-variable", Hop: HopConfig, Scope: OfProxy, Severity: Error, Causes: "H8",
	Title: "nginx's variables in a Compose file are taken for Compose's own",
	Why: `Compose fills in every $name of its files, also in "content" and "command". It knows no $host, warns that "the
variable is not set", and leaves nothing of it: "invalid number of arguments", or headers without a value. Of
envsubst '$API' it leaves a list without a name. $$ becomes a plain $.`,
	Bad: `configs:
  site:
    content: |
      proxy_set_header Host $host;`,
	Good: `configs:
  site:
    content: |
      proxy_set_header Host $$host;`,
	Fix: "write $$ for each $ that is not meant for Compose",
	Check: func(c *Case) *Finding {
		for _, file := range c.Proxy.Config.Files {
			if len(file.Eaten) > 0 {
				return c.eatenFinding(file)
			}
		}
		return nil
	},
}

// eatenFinding reports variables in the Compose files that were not meant for Compose. If the line of
// one of them has a fault now, that is why; of a file that a command writes no fault has a line.
func (c *Case) eatenFinding(file proxy.File) *Finding {
	uses, names := unique(file.Eaten), []string(nil)
	for _, u := range uses {
		names = append(names, u.Name)
	}
	first := uses[0]
	f := c.finding(Likely, StatusNone, "Compose takes $%s for its own, and fills it in before nginx or envsubst sees it", strings.Join(unique(names), ", $")).
		fix("write $$%s: Compose makes $ of $$", first.Name).
		edit(c.doubled(uses)...)
	f.Severity, f.may = Warning, true
	f.Place, f.subject = first.Place, first.Name
	if fault, ok := c.faultBy(file); ok {
		f.Confidence, f.Severity, f.Status, f.order, f.may = Certain, Error, StatusNoStart, fault.Order, false
		f.with("nginx", "%s", fault.Text)
		if fault.Kind == proxy.UnknownVariable {
			f.order, f.subject = fault.Order+2*afterParsing, strings.ToLower(fault.Variable) // as nginx has it
		}
	}
	for i, u := range uses[1:] {
		if before := uses[i]; u.Place.Line != before.Place.Line {
			f.near(u.Place, "here too")
		}
	}
	return f
}

// faultBy is the first fault of the configuration, if variables that Compose took from a file have led
// to it.
func (c *Case) faultBy(file proxy.File) (proxy.Fault, bool) {
	if faults := c.Proxy.Config.Faults; len(faults) > 0 {
		fault := faults[0]
		named := slices.ContainsFunc(file.Eaten, func(u proxy.Use) bool { return u.Name == fault.Variable })
		return fault, eaten(file, fault.Place) || fault.Place.File == file.Name && (named || !fault.Place.Known())
	}
	for _, r := range c.Proxy.Routes {
		if r.Target.Fault != "" && !r.Pass.Variable {
			return proxy.Fault{Text: r.Target.Fault, Order: r.Pass.Order}, eaten(file, r.Pass.Place)
		}
	}
	return proxy.Fault{}, false
}

// eaten says whether Compose took a variable from the line of a place.
func eaten(file proxy.File, at proxy.Place) bool {
	return slices.ContainsFunc(file.Eaten, func(u proxy.Use) bool { return u.Place.File == at.File && u.Place.Line == at.Line })
}

// doubled are the edits that write $$ for the $ of uses in the Compose files.
func (c *Case) doubled(uses []proxy.Use) (edits []Edit) {
	for _, u := range uses {
		if n := len(edits); n == 0 || edits[n-1].File != u.Place.File || edits[n-1].Line != u.Place.Line {
			line := c.stack.Sources.Line(u.Place.File, u.Place.Line)
			edits = append(edits, Edit{File: u.Place.File, Line: u.Place.Line, LineEnd: u.Place.Line, Old: line, New: line})
		}
		e := &edits[len(edits)-1]
		at := offset(e.Old, u.Place.Column) + len(e.New) - len(e.Old)
		e.New = e.New[:at] + "$" + e.New[at:]
	}
	return edits
}

var templateNotRendered = &Rule{
	ID: "template-not-rendered", Hop: HopConfig, Scope: OfProxy, Severity: Error, Causes: "H6",
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

var templateClobbersVariables = &Rule{
	ID: "template-clobbers-variables", Hop: HopConfig, Scope: OfProxy, Severity: Error, Causes: "H7",
	Title: "filling in a template takes nginx's own variables away",
	Why: `Without a list envsubst fills in every variable, and $host, $uri and the like, which nginx has and the environment
has not, become nothing: "invalid number of arguments", or headers without a value. And a shell empties the file
behind > before the command reads it: < and > must not name the same.`,
	Bad:  `command: sh -c "envsubst < /tmp/site.conf > /etc/nginx/conf.d/default.conf && nginx -g 'daemon off;'"`,
	Good: `command: sh -c "envsubst '$$API' < /tmp/site.conf > /etc/nginx/conf.d/default.conf && nginx -g 'daemon off;'"`,
	Fix:  "name the variables that are meant, or let the image fill in /etc/nginx/templates",
	Check: func(c *Case) *Finding {
		for _, file := range c.Proxy.Config.Files {
			switch {
			case file.Emptied:
				return c.emptiedFinding(file)
			case len(file.Lost) > 0:
				return c.lostFinding(file)
			}
		}
		return nil
	},
}

// emptiedFinding reports a file that a command wrote while it was reading it.
func (c *Case) emptiedFinding(file proxy.File) *Finding {
	f := c.finding(Certain, StatusNone, "the start of %s writes %s while it reads it, so that nothing is left in it", c.Proxy.Service.Name, file.Path)
	if len(c.Proxy.Config.Servers) == 0 {
		f.Status = StatusRefused
	}
	f.Place, f.subject = c.stack.At("services", c.Proxy.Service.Name, "command"), file.Path
	return f.fix("mount the template at another path, /tmp/%s, and read it from there", path.Base(file.Path))
}

// lostFinding reports a file whose rendering has taken away variables of nginx's own. If the file has a
// fault now, that is why.
func (c *Case) lostFinding(file proxy.File) *Finding {
	f := c.finding(Likely, StatusNone, "filling in the variables of the environment has taken $%s out of it", strings.Join(file.Lost, ", $"))
	if faults := c.Proxy.Config.Faults; len(faults) > 0 && faults[0].Place.File == file.Name {
		f.Confidence, f.Status, f.order = Certain, StatusNoStart, faults[0].Order
		f.with("nginx", "%s", faults[0].Text)
	} else {
		f.Severity, f.may = Warning, true
	}
	f.Place, f.subject = proxy.Place{File: file.Name}, file.Path
	use := regexp.MustCompile(`\$\{?` + regexp.QuoteMeta(file.Lost[0]) + `\b`)
	f.Place.Line, f.Place.Column = c.stack.Sources.Find(file.Name, use)
	return f.near(c.stack.At("services", c.Proxy.Service.Name, "command"), "what fills them in").
		fix("name the variables that are meant: envsubst '$$NAME'")
}

var templateVariableUnset = &Rule{
	ID: "template-variable-unset", Hop: HopConfig, Scope: OfProxy, Severity: Error, Causes: "H5",
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
		if set, ok := own.Variables()[fault.Variable]; ok {
			return c.leftOut(fault, set)
		}
		return c.variableFinding(fault, "the environment of "+own.Name+" has no %s").
			near(own.Place, "the service that needs it").
			fix("give %s the variable %s under environment", own.Name, fault.Variable)
	},
}

// leftOut reports a variable that the environment has, and that is not among those which are filled in.
func (c *Case) leftOut(fault proxy.Fault, set compose.Value) *Finding {
	f := c.variableFinding(fault, "what fills in this template leaves %s out").near(set.Place, "where it is set")
	if filter, ok := c.Proxy.Service.Variables()["NGINX_ENVSUBST_FILTER"]; ok {
		return f.near(filter.Place, "the filter that leaves it out").fix("let NGINX_ENVSUBST_FILTER match %s too", fault.Variable)
	}
	return f.fix("name $%s among the variables that envsubst is told to fill in", fault.Variable)
}

// variableFinding reports a variable of the environment that nginx is left with.
func (c *Case) variableFinding(fault proxy.Fault, format string) *Finding {
	f := c.finding(Certain, StatusNoStart, format, fault.Variable).with("nginx", "%s", fault.Text)
	f.Place, f.order, f.subject = fault.Place, fault.Order+2*afterParsing, strings.ToLower(fault.Variable) // as nginx has it
	return f
}
