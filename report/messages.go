package report

import (
	"fmt"
	"io"
	"strings"

	"why502/inspect"
)

// How much of one message is printed.
const (
	maxCauses   = 6
	maxRequests = 3
	maxRoutes   = 3
	maxWhys     = 3 // findings
)

// MessageFormats are the ways to print what lines of a log mean; the first is the default.
func MessageFormats() []MessageFormat {
	return []MessageFormat{
		{"text", writeMessages},
		{"json", writeMessagesJSON},
	}
}

// MessageFormat is one way to print what lines of a log mean.
type MessageFormat struct {
	Name  string
	Write func(w io.Writer, x *inspect.Explanation, opts Options) error
}

// writeMessages prints what lines of a log mean for people, in the order of the log.
func writeMessages(w io.Writer, x *inspect.Explanation, opts Options) error {
	p := newPage(w, opts)
	for i, m := range x.Messages {
		brief := benign(m) && len(x.Messages) > 1
		if brief {
			p.briefly(m)
		} else {
			p.message(x, m)
		}
		if last := i == len(x.Messages)-1; !brief || last || !benign(x.Messages[i+1]) {
			p.end()
		}
	}
	for _, line := range aboutLines(x) {
		p.hang(plain, "", line)
	}
	return p.w.Flush()
}

// benign says whether nothing follows from a message.
func benign(m *inspect.Message) bool { return m.Known() && m.Entry.Hop == "" && m.Entry.Do == "" }

// briefly writes a message that nothing follows from.
func (p *page) briefly(m *inspect.Message) {
	text := m.Text + ": " + m.Entry.Says
	if m.Count > 1 {
		text = fmt.Sprintf("%d × %s", m.Count, text)
	}
	p.hang(levelStyle(m.Level), levelText(m), text)
}

// levelText is a message's level, as it stands before it.
func levelText(m *inspect.Message) string {
	if m.Level == "" {
		return ""
	}
	return m.Level + ": "
}

// message writes one message: what it means, then what it is about in the project.
func (p *page) message(x *inspect.Explanation, m *inspect.Message) {
	p.hang(levelStyle(m.Level), levelText(m), m.Text)
	p.entry("means", meaning(m))
	if m.Entry.Hop != "" {
		p.entry("hop", m.Entry.Hop)
	}
	if client := clientGets(m.Status); client != "" {
		p.entry("client", client)
	}
	if where := whereabouts(m); where != "" {
		p.entry("where", where)
	}
	if m.Count > 1 {
		p.entry("lines", fmt.Sprint(m.Count))
	}
	if m.Entry.Do != "" {
		p.entry("fix", m.Entry.Do)
	}
	if len(m.Findings) == 0 {
		p.causes(m)
	}
	if x.Project != nil && m.Known() && m.Entry.Hop != "" {
		p.inProject(x.Project.Name, m)
	}
}

// meaning is what a message means, or what can be said of one that is not known.
func meaning(m *inspect.Message) string {
	switch {
	case m.Known():
		return m.Entry.Says
	case m.Level == "" && m.Code == 0:
		return "this is no nginx message that is known here"
	case m.Code == 0:
		return fmt.Sprintf("this is no nginx message that is known here; its level is %s", m.Level)
	}
	return fmt.Sprintf("this is no nginx message that is known here; its level is %s, and the number of the error is %d", m.Level, m.Code)
}

// clientGets is what becomes of the client's request, in words.
func clientGets(status string) string {
	switch status {
	case "":
		return ""
	case "no-start":
		return "gets nothing: nginx does not start, or goes on with the configuration that it had"
	case "closed":
		return "has its connection closed"
	case "499":
		return "is gone; the access log has 499"
	}
	return "gets " + status
}

// whereabouts are the server, the requests, the upstream and the file that a message names.
func whereabouts(m *inspect.Message) string {
	var parts []string
	if m.Server != "" {
		parts = append(parts, "server "+m.Server)
	}
	parts = append(parts, m.Requests[:min(len(m.Requests), maxRequests)]...)
	if len(m.Requests) > maxRequests {
		parts = append(parts, "other requests")
	}
	if m.Upstream != "" {
		parts = append(parts, "upstream "+m.Upstream)
	}
	switch {
	case m.Inside != "" && m.Place.Known():
		parts = append(parts, fmt.Sprintf("%s, which is %s", m.Inside, placeText(m.Place)))
	case m.Inside != "":
		parts = append(parts, m.Inside)
	}
	return strings.Join(parts, ", ")
}

// causes writes the rules whose faults a message may be because of.
func (p *page) causes(m *inspect.Message) {
	label := "causes"
	for i, r := range m.Causes {
		if i == maxCauses {
			p.entry(label, fmt.Sprintf("and %d more", len(m.Causes)-i))
			return
		}
		p.entry(label, r.ID+": "+r.Title)
		label = ""
	}
}

// inProject writes the routes that a message is about, and what is wrong with them that explains it.
func (p *page) inProject(project string, m *inspect.Message) {
	label := "route"
	for i, r := range m.Routes {
		if i == maxRoutes {
			p.entry(label, fmt.Sprintf("and %d more", len(m.Routes)-i))
			break
		}
		text := r.ID
		if r.Place.Known() {
			text += ", at " + placeText(r.Place)
		}
		p.entry(label, text)
		label = ""
	}
	if len(m.Findings) == 0 {
		p.entry("project", unexplained(project, m))
	}
	for i, f := range m.Findings {
		p.end()
		if i == maxWhys {
			p.line(plain, fmt.Sprintf("and %s more that may explain it", count(len(m.Findings)-i, "finding")))
			break
		}
		p.headline(f)
		if f.Severity > inspect.Note {
			p.remedyAndPlace(f)
		} else {
			p.at(f)
			p.remedy(f.Fix)
		}
	}
}

// unexplained says of a message that the files have nothing to explain it.
func unexplained(project string, m *inspect.Message) string {
	for _, r := range m.Routes {
		if r.Verdict == inspect.VerdictBroken || r.Verdict == inspect.VerdictLikelyBroken {
			return "nothing in the files of " + project + " explains this message, but something else is wrong with the route: why502 says what"
		}
	}
	switch {
	case len(m.Routes) > 0:
		return "nothing in the files of " + project + " explains it; with the daemon, why502 sees more"
	case m.Upstream != "" || len(m.Requests) > 0:
		return "no route of " + project + " leads there: the line is of another project, or of a configuration before this one"
	}
	return "nothing in the files of " + project + " explains it"
}

// aboutLines says what was read, and what was not.
func aboutLines(x *inspect.Explanation) (all []string) {
	if n := x.Others + x.Visits; n > 0 {
		text := fmt.Sprintf("%d of %s %s not of nginx's error log", n, count(x.Lines, "line"), isAre(n))
		if x.Visits > 0 {
			text += fmt.Sprintf(" (%d of its access log)", x.Visits)
		}
		all = append(all, text+", and passed over")
	}
	if x.Left > 0 {
		all = append(all, count(x.Left, "line")+" more with other messages left out: there are too many different ones")
	}
	if x.Cut {
		all = append(all, "the log is too long: only its beginning was read")
	}
	if x.Project != nil {
		all = append(all, x.Project.Name+" was looked at from the files alone; why502 has the daemon asked, too")
	}
	if x.Without != "" {
		all = append(all, "no project was looked at: "+x.Without)
	}
	return all
}

func levelStyle(level string) style {
	switch level {
	case "emerg", "alert", "crit", "error":
		return alarm
	case "warn":
		return yellow
	}
	return cyan
}
