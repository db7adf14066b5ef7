package inspect

import "why502/compose"

var configReloadFailed = &Rule{
	ID: "config-reload-failed", Hop: HopConfig, Scope: OfProxy, Severity: Warning, Live: true, Causes: "H10",
	Title: "nginx refused a new configuration and goes on with its old one",
	Why: `When nginx is told to read its configuration again (SIGHUP, nginx -s reload) and finds a fault, it says so with
[emerg] and goes on as it was. What was changed has no effect, and the next start fails.`,
	Bad: `[notice] 1#1: signal 1 (SIGHUP) received from 30, reconfiguring
[emerg] 1#1: host not found in upstream "apii" in /etc/nginx/conf.d/default.conf:4`,
	Good: `docker compose exec proxy nginx -t && docker compose exec proxy nginx -s reload`,
	Fix:  "mend what the [emerg] line names, then reload again",
	Check: func(c *Case) *Finding {
		refused := c.refusedReload()
		if refused == nil {
			return nil
		}
		own := c.Proxy.Service.Name
		f := c.finding(Proven, StatusNone, "%s refused its configuration when it was told to reload it, and goes on with the old one: %s", own, refused.Message).
			with("log", "[%s] %s, at %s UTC", refused.Level, refused.Message, clock(refused.at)).
			fix("mend it; then: docker compose exec %s nginx -s reload", own)
		f.Place, f.may = c.Proxy.Service.Place, true
		c.locateEmerg(f, refused.Message)
		f.fix("correct this; then: docker compose exec %s nginx -s reload", own)
		return f
	},
}

// refusedReload is the [emerg] with which a running proxy answered to a reload, and that no later one
// has made good.
func (c *Case) refusedReload() *failure {
	if !c.live() {
		return nil
	}
	return c.journal(c.Proxy).refused
}

// reloadAsEvidence adds a reload that failed to the finding that says why, and leaves out that it failed.
func (j *judge) reloadAsEvidence(p *compose.Proxy, found []*Finding) []*Finding {
	c := &Case{Proxy: p, facts: j.facts}
	refused := c.refusedReload()
	if refused == nil {
		return found
	}
	said := false
	for _, f := range found {
		if f.Status == StatusNoStart && c.mentions(refused.Message, f) {
			f.with("log", "[%s] %s, at %s UTC, when it was told to reload it: it goes on with the old one", refused.Level, refused.Message, clock(refused.at))
			said = true
		}
	}
	if !said {
		return found
	}
	return without(found, configReloadFailed)
}

// without leaves out the findings of a rule.
func without(found []*Finding, rule *Rule) (kept []*Finding) {
	for _, f := range found {
		if f.Rule != rule {
			kept = append(kept, f)
		}
	}
	return kept
}
