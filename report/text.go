package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"why502/compose/proxy"
	"why502/inspect"
)

// How much of a long report is printed without --verbose. What is left out is counted.
const (
	maxFindings = 10 // of each severity
	maxAffected = 3  // routes of a finding
	maxEdits    = 10
	maxPlaces   = 10 // related to a finding
	maxTable    = 12 // routes of a table
	maxListed   = 8  // of what is not checked, and of what is ignored
)

// writeText prints the report for people: the verdict in one line, then what is wrong, the answer
// first, then what is fine, then what is not known.
func writeText(w io.Writer, r *inspect.Report, opts Options) error {
	p := newPage(w, opts)
	if opts.Quiet {
		for _, f := range shown(r.Findings, opts) {
			p.quiet(f)
		}
		return p.w.Flush()
	}
	p.verdict(r)
	if r.Trace != nil {
		p.traced(r)
	}
	p.findings(r)
	if r.Trace == nil {
		p.tables(r)
	}
	p.unchecked(r)
	p.ignored(r)
	p.footer(r)
	return p.w.Flush()
}

// quiet writes a finding on one line, as compilers do.
func (p *page) quiet(f *inspect.Finding) {
	p.placed(f.Place, whereOf(f)+": ")
	p.put(severityStyle(f.Severity), severityName(f.Severity)+":")
	p.put(plain, " "+strings.Join(strings.Fields(f.Message), " ")+" ")
	p.line(dim, "["+f.Rule.ID+"]")
}

// whereOf is the finding's place, or its proxy where the project has no file to point at.
func whereOf(f *inspect.Finding) string {
	if f.Place.Known() {
		return placeText(f.Place)
	}
	return f.Proxy
}

// placeText gives a place in the form that editors and terminals turn into a link.
func placeText(at proxy.Place) string {
	switch {
	case at.Line == 0:
		return at.File
	case at.Column == 0:
		return fmt.Sprintf("%s:%d", at.File, at.Line)
	}
	return fmt.Sprintf("%s:%d:%d", at.File, at.Line, at.Column)
}

// verdict writes the one line that stands for the whole report.
func (p *page) verdict(r *inspect.Report) {
	p.put(bold, r.Project.Name+": ")
	p.put(verdictStyle(r.Verdict), sentence(r))
	p.line(plain, " ("+mode(r.Live)+")")
}

// sentence says what is wrong with the project as a whole.
func sentence(r *inspect.Report) string {
	total := len(r.Routes)
	if r.Trace != nil {
		return traceSentence(r)
	}
	if down := notStarting(r.Findings); down != "" {
		if n := countRoutes(r, inspect.VerdictBroken); n > 0 {
			return down + "; " + share(n, total, "broken")
		}
		return down
	}
	var parts []string
	for _, v := range []struct {
		verdict inspect.Verdict
		words   string
	}{
		{inspect.VerdictBroken, "broken"},
		{inspect.VerdictLikelyBroken, "probably broken"},
		{inspect.VerdictAtRisk, "at risk"},
		{inspect.VerdictUnknown, "unclear"},
	} {
		n := countRoutes(r, v.verdict)
		switch {
		case n > 0 && len(parts) == 0:
			parts = append(parts, share(n, total, v.words))
		case n > 0:
			parts = append(parts, fmt.Sprintf("%d %s %s", n, isAre(n), v.words))
		}
	}
	if len(parts) > 0 {
		return strings.Join(parts, ", ")
	}
	return calm(r)
}

// calm is the sentence where no route has anything against it.
func calm(r *inspect.Report) string {
	total := len(r.Routes)
	switch {
	case total == 0 && len(r.Findings) > 0:
		return count(len(r.Findings), "finding")
	case total == 0:
		return "no route could be read"
	}
	return share(total, total, "ok")
}

// notStarting says which proxies do not start; empty where none is known not to.
func notStarting(findings []*inspect.Finding) string {
	var names []string
	for _, f := range findings {
		if f.Status == inspect.StatusNoStart && f.Severity == inspect.Error && !slices.Contains(names, f.Proxy) {
			names = append(names, f.Proxy)
		}
	}
	switch len(names) {
	case 0:
		return ""
	case 1:
		return names[0] + " does not start"
	}
	return strings.Join(names, " and ") + " do not start"
}

// share says how many of the routes are something: "2 of 14 routes are broken".
func share(n, total int, what string) string {
	switch {
	case total == 1:
		return "the only route is " + what
	case n == total:
		return fmt.Sprintf("%s routes are %s", allOf(total), what)
	}
	return fmt.Sprintf("%d of %d routes %s %s", n, total, isAre(n), what)
}

// allOf is "both" or "all 14".
func allOf(n int) string {
	if n == 2 {
		return "both"
	}
	return fmt.Sprintf("all %d", n)
}

func isAre(n int) string {
	if n == 1 {
		return "is"
	}
	return "are"
}

// count is a number and its noun: "1 note", "3 notes".
func count(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}

func countRoutes(r *inspect.Report, v inspect.Verdict) int {
	n := 0
	for _, route := range r.Routes {
		if route.Verdict == v {
			n++
		}
	}
	return n
}

// mode says what the verdict rests on.
func mode(live inspect.Live) string {
	probed := live.Probe.State == inspect.ProbeDone || live.Probe.State == inspect.ProbePartial
	switch {
	case live.State == inspect.LiveReplayed:
		at := live.Recorded.UTC().Format("2006-01-02 15:04 UTC")
		return "recorded " + at + ", " + mode(inspect.Live{State: live.Was, Probe: live.Probe})
	case live.State == inspect.LiveInspected && probed:
		return "with the daemon and a probe"
	case live.State == inspect.LiveInspected:
		return "with the daemon"
	case live.State == inspect.LivePartial:
		return "with the daemon, in part"
	}
	return "from the files alone"
}

// findings writes the findings in their order, so that the answer comes first.
func (p *page) findings(r *inspect.Report) {
	written := map[inspect.Severity]int{}
	left := 0
	for _, f := range shown(r.Findings, p.Options) {
		if written[f.Severity]++; written[f.Severity] > maxFindings && !p.Verbose {
			left++
			continue
		}
		p.end()
		p.finding(r, f)
	}
	if left > 0 {
		p.end()
		p.line(plain, fmt.Sprintf("and %s more; -v shows them, -q a line each", count(left, "finding")))
	}
}

// unchecked writes what was not looked at, and how to have it looked at.
func (p *page) unchecked(r *inspect.Report) {
	p.bullets("not checked", each(notChecked(r), func(u proxy.Unchecked) string { return u.What + ": " + u.Why }))
}

// bullets writes a list under a heading; nothing, where there is nothing in it.
func (p *page) bullets(heading string, texts []string) {
	if len(texts) == 0 {
		return
	}
	p.end()
	p.line(bold, heading)
	for i, text := range texts {
		if i == maxListed && !p.Verbose {
			p.line(plain, fmt.Sprintf("  and %d more; -v shows them", len(texts)-i))
			return
		}
		p.hang(plain, "  - ", text)
	}
}

// notChecked is everything that was not looked at: what the daemon did not say, what was not tried, and what
// the files do not have.
func notChecked(r *inspect.Report) []proxy.Unchecked {
	return slices.Concat(daemonUnchecked(r.Live), probeUnchecked(r.Live.Probe), r.Unchecked)
}

// daemonUnchecked says what is not known because the daemon did not say it.
func daemonUnchecked(l inspect.Live) []proxy.Unchecked {
	if l.State == inspect.LiveReplayed {
		l.State = l.Was
	}
	if l.State == inspect.LiveInspected && l.Note == "" {
		return nil
	}
	what := "what runs (containers, networks, addresses)"
	if l.State == inspect.LivePartial {
		what = "some of " + what
	}
	return []proxy.Unchecked{{What: what, Why: cmp.Or(l.Note, defaultNote(l.State))}}
}

// probeUnchecked says what is inferred and not proven, and how to get proof.
func probeUnchecked(p inspect.Probe) []proxy.Unchecked {
	if p.Why == "" {
		return nil
	}
	return []proxy.Unchecked{{What: "what nginx would meet (names, ports, protocols), tried from where it stands", Why: joined(p.Why, p.Remedy)}}
}

// defaultNote is the remedy where the report brings none.
func defaultNote(state inspect.LiveState) string {
	switch state {
	case inspect.LiveOff:
		return "the Docker daemon was not asked; run without --live off to have it asked"
	case inspect.LiveNoContainers:
		return "the project has no containers; start it with docker compose up -d, then run this again"
	case inspect.LivePartial:
		return "the Docker daemon did not answer every question"
	}
	return "the Docker daemon did not answer; start it, or see docker context ls"
}

// footer writes what was left out on purpose, and where to read on.
func (p *page) footer(r *inspect.Report) {
	lines := leftOut(r, p.Options)
	if printed := shown(r.Findings, p.Options); len(printed) > 0 {
		lines = append(lines, "why502 explain "+printed[0].Rule.ID+" says more")
	}
	if len(lines) == 0 {
		return
	}
	p.end()
	for _, l := range lines {
		p.line(dim, l)
	}
}

// leftOut says what is not printed because that was asked for.
func leftOut(r *inspect.Report, opts Options) (lines []string) {
	flagged := 0
	for _, f := range r.Ignored {
		if kindOf(f) == inspect.ByFlag {
			flagged++
		}
	}
	if flagged > 0 {
		lines = append(lines, count(flagged, "finding")+" left out because of --ignore")
	}
	if n := len(r.Findings) - len(shown(r.Findings, opts)); n > 0 {
		lines = append(lines, count(n, "finding")+" left out because of --show")
	}
	return lines
}

func severityStyle(s inspect.Severity) style {
	switch s {
	case inspect.Error:
		return alarm
	case inspect.Warning:
		return yellow
	}
	return cyan
}

func verdictStyle(v inspect.Verdict) style {
	switch v {
	case inspect.VerdictBroken, inspect.VerdictLikelyBroken:
		return alarm
	case inspect.VerdictOK:
		return green
	}
	return yellow
}
