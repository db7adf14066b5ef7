package inspect

import (
	"slices"
	"strings"

	"why502/compose"
)

// explainStop settles the findings that say that nginx does not start. Each concerns every route of
// the proxy. Where the daemon shows the proxy running they are about its next start at most; where
// it shows it down, they are why, and the container's state is their evidence.
func (j *judge) explainStop(p *compose.Proxy, found []*Finding) []*Finding {
	c := &Case{Proxy: p, facts: j.facts}
	var stops []*Finding
	for _, f := range found {
		if f.Status == StatusNoStart && f.Rule.ID != proxyNotRunning.ID {
			stops = append(stops, f)
		}
	}
	if len(stops) > 0 && c.proxyRuns() {
		for _, f := range stops {
			f.Severity, f.may = min(f.Severity, Warning), true
			f.with("docker", "%s runs: it started before this, and keeps what it has until it is started again", p.Service.Name)
		}
		return found
	}
	if emerg := c.lastEmerg(); len(stops) > 0 && (emerg == "" || slices.ContainsFunc(stops, func(f *Finding) bool { return c.mentions(emerg, f) })) {
		found = slices.DeleteFunc(found, func(f *Finding) bool { return f.Rule.ID == proxyNotRunning.ID })
	}
	all := routeIDs(p)
	for _, f := range found {
		if f.Status == StatusNoStart {
			f.Routes = all
			j.stateAsEvidence(c, f)
		}
	}
	return found
}

// stateAsEvidence adds what the daemon says of a proxy that is down, and proves a finding whose
// fault the engine or nginx itself names.
func (j *judge) stateAsEvidence(c *Case, f *Finding) {
	if f.Rule.ID == proxyNotRunning.ID {
		return
	}
	for _, box := range j.containers[c.Proxy.Service.Name] {
		f.with("docker", "%s", describeState(box))
		if names(box.Error, f.subject) {
			f.Confidence, f.Severity = Proven, max(f.Severity, f.Rule.Severity)
		}
		if line := lastEmerg(j.snap.Logs[box.ID]); line != "" {
			f.with("log", "%s", line)
			if c.mentions(line, f) {
				f.Confidence, f.Severity = Proven, max(f.Severity, f.Rule.Severity)
			}
		}
	}
}

// mentions says whether nginx's last word is about what a finding says: it says the same, or names the
// same host, directive or file.
func (c *Case) mentions(line string, f *Finding) bool {
	if names(line, f.subject) {
		return true
	}
	if _, text, ok := strings.Cut(f.Message, "nginx does not start: "); ok && strings.Contains(line, text) {
		return true
	}
	if f.Rule.Hop == HopConfig && slices.ContainsFunc(f.Evidence, func(e Evidence) bool { return e.Source == "nginx" && strings.Contains(line, e.Text) }) {
		return true
	}
	file, _ := c.emergPlace(line)
	return f.Rule.Hop == HopConfig && file != "" && file == f.Place.File
}

// names says whether nginx names something in a line of its log, or the engine in its own: "api" or "api:8000".
func names(line, subject string) bool {
	return subject != "" && (strings.Contains(line, `"`+subject+`"`) || strings.Contains(line, `"`+subject+`:`))
}

func routeIDs(p *compose.Proxy) (ids []string) {
	for _, r := range p.Routes {
		ids = append(ids, r.ID)
	}
	return ids
}

// lastEmerg finds nginx's last word before it ended: an [emerg], or the [crit] that it leaves when
// a file of its configuration is a directory. Repetitions by restarts do not matter: the last counts.
func lastEmerg(lines []LogLine) string {
	for _, l := range slices.Backward(lines) {
		line := l.Text
		if i := strings.Index(line, "[emerg]"); i >= 0 {
			return strings.TrimSpace(line[i:])
		}
		if i := strings.Index(line, "[crit]"); i >= 0 && strings.Contains(line[i:], "pread()") {
			return strings.TrimSpace(line[i:])
		}
	}
	return ""
}
