package report

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"

	"why502/inspect"
)

// maxSummary is the largest job summary that GitHub takes of a step, in bytes: 1 MiB. A larger one is dropped
// as a whole.
const maxSummary = 1 << 20

const (
	maxRows    = 50 // findings in the table
	maxDetails = 20 // findings with all that is known of them
)

// part is a piece of a document that can be left out.
type part struct {
	what string // in words
	text string
}

// writeMarkdown prints the report for a GitHub job summary: the verdict, the findings, the routes as a diagram,
// what is known of each finding, and what was not checked.
func writeMarkdown(w io.Writer, r *inspect.Report, opts Options) error {
	r = inWorkspace(r, opts.Prefix)
	findings := shown(r.Findings, opts)
	parts := []part{
		{"verdict", "## " + verdictSign(r.Verdict) + " " + prose(r.Project.Name+": "+sentence(r)) + "\n\nJudged " + mode(r.Live) + ".\n"},
		{"table of findings", findingsTable(findings)},
		{"diagram", diagram(r)},
	}
	for i, f := range findings[:min(len(findings), maxDetails)] {
		parts = append(parts, part{"finding", details(r, f, i == 0)})
	}
	parts = append(parts, part{"list of what was not checked", uncheckedList(r)}, part{"list of what is ignored", ignoredList(r, opts)}, part{"footer", footerText(r, opts)})
	_, err := io.WriteString(w, fitting(parts, maxSummary))
	return err
}

// fitting is as many of the parts as go into so many bytes, and a word on the others.
func fitting(parts []part, most int) string {
	const reserve = 500 // for that word
	var b strings.Builder
	var left []string
	for _, p := range parts {
		switch {
		case p.text == "":
		case b.Len()+len(p.text)+1 <= most-reserve:
			b.WriteString(p.text + "\n")
		default:
			left = append(left, p.what)
		}
	}
	if len(left) > 0 {
		fmt.Fprintf(&b, "Left out, as GitHub takes no longer a summary: %s.\n", tallied(left))
	}
	return b.String()
}

// tallied counts things that are alike: "verdict, 3 findings".
func tallied(things []string) string {
	var parts []string
	for i, what := range things {
		if slices.Index(things, what) < i {
			continue
		}
		n := 0
		for _, other := range things {
			if other == what {
				n++
			}
		}
		parts = append(parts, count(n, what))
	}
	return strings.Join(parts, ", ")
}

// findingsTable is a row for each finding.
func findingsTable(findings []*inspect.Finding) string {
	if len(findings) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString("| | Finding | At | Routes |\n|---|---|---|--:|\n")
	for _, f := range findings[:min(len(findings), maxRows)] {
		fmt.Fprintf(&b, "| %s&nbsp;%s | %s %s | %s | %d |\n", severitySign(f.Severity), severityName(f.Severity),
			label(f.Message), code(f.Rule.ID), code(whereOf(f)), len(f.Routes))
	}
	if n := len(findings) - maxRows; n > 0 {
		fmt.Fprintf(&b, "\nand %s more.\n", count(n, "finding"))
	}
	return b.String()
}

// diagram is the picture of the routes, and how many of them it leaves out.
func diagram(r *inspect.Report) string {
	p := drawn(r, maxNodes)
	switch n := len(p.routes); {
	case len(r.Routes) == 0:
		return ""
	case n == 0:
		return "The routes are not drawn: they lead to too much for a diagram.\n"
	case n < len(r.Routes):
		return fenced("mermaid", mermaid(p)) + fmt.Sprintf("\nThe diagram has %d of %s, the worst first.\n", n, count(len(r.Routes), "route"))
	}
	return fenced("mermaid", mermaid(p))
}

// details is all that is known of a finding, as text has it.
func details(r *inspect.Report, f *inspect.Finding, open bool) string {
	var b strings.Builder
	attribute := ""
	if open {
		attribute = " open"
	}
	fmt.Fprintf(&b, "<details%s><summary>%s %s %s</summary>\n\n", attribute, severitySign(f.Severity), prose(f.Message), code(f.Rule.ID))
	for _, line := range circumstances(r, f) {
		b.WriteString("- " + line + "\n")
	}
	b.WriteString("\n" + remedyMarkdown(f) + "</details>\n")
	return b.String()
}

// circumstances are a finding's place, its route, what was seen, and the other places, a line each.
func circumstances(r *inspect.Report, f *inspect.Finding) (lines []string) {
	if f.Place.Known() {
		lines = append(lines, strings.TrimSpace("at "+code(placeText(f.Place))+" "+code(trimmed(f.Excerpt))))
	}
	if route, backend := example(r, f); route != nil {
		lines = append(lines, "path "+label(strings.Join(stations(route), " → ")))
		if backend != nil {
			lines = append(lines, "hops "+hopsText(backend))
		}
	}
	for _, e := range f.Evidence[:min(len(f.Evidence), maxPlaces)] {
		lines = append(lines, "seen "+prose(e.Text+" ("+e.Source+")"))
	}
	for _, related := range f.Related[:min(len(f.Related), maxPlaces)] {
		lines = append(lines, "also "+code(placeText(related.Place))+" ("+label(related.Text)+")")
	}
	if n := len(f.Routes); n > 1 {
		lines = append(lines, "routes "+label(f.Routes[0])+fmt.Sprintf(" and %d more", n-1))
	}
	return lines
}

// hopsText are the hops of a backend up to the last that was reached.
func hopsText(b *inspect.BackendReport) string {
	var hops []string
	for h, state := range b.Hops {
		m, reached := mark(state)
		if !reached {
			break
		}
		hops = append(hops, inspect.Hop(h).String()+m.text)
	}
	return strings.Join(hops, ", ")
}

// remedyMarkdown is a finding's fix: in words, as lines to change or to paste, and what to run.
func remedyMarkdown(f *inspect.Finding) string {
	var b strings.Builder
	if f.Fix.Text != "" {
		b.WriteString("**Fix:** " + prose(f.Fix.Text) + "\n\n")
	}
	for _, e := range f.Fix.Edits[:min(len(f.Fix.Edits), maxEdits)] {
		b.WriteString(code(editPlace(e)) + "\n\n" + fenced("diff", bounded(changeLines(e))) + "\n")
	}
	if n := len(f.Fix.Edits) - maxEdits; n > 0 {
		fmt.Fprintf(&b, "and %s more.\n\n", count(n, "edit"))
	}
	if len(f.Fix.Edits) == 0 && f.Fix.Paste != "" {
		b.WriteString(fenced("", bounded(eachLine("  ", f.Fix.Paste))) + "\n")
	}
	if f.Fix.Run != "" {
		b.WriteString("**Run:**\n\n" + fenced("sh", []string{cut(f.Fix.Run, maxText)}) + "\n")
	}
	return b.String()
}

// uncheckedList is what was not checked.
func uncheckedList(r *inspect.Report) string {
	all := notChecked(r)
	if len(all) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString("<details><summary>Not checked</summary>\n\n")
	for _, u := range all[:min(len(all), maxRows)] {
		b.WriteString("- " + prose(u.What+": "+u.Why) + "\n")
	}
	if n := len(all) - maxRows; n > 0 {
		fmt.Fprintf(&b, "- and %d more\n", n)
	}
	b.WriteString("\n</details>\n")
	return b.String()
}

// footerText says what was left out on purpose.
func footerText(r *inspect.Report, opts Options) string {
	var b strings.Builder
	for _, line := range leftOut(r, opts) {
		b.WriteString(line + ".\n")
	}
	return b.String()
}

// prose is text of a file in a sentence.
func prose(text string) string { return escapeMarkdown(cut(text, maxText)) }

// label is text of a file where there is little room.
func label(text string) string { return escapeMarkdown(cut(text, maxLabel)) }

// code is text of a file as code; nothing where there is none. Between backticks it could not be escaped.
func code(text string) string {
	if text == "" {
		return ""
	}
	return "<code>" + label(text) + "</code>"
}

func severitySign(s inspect.Severity) string {
	switch s {
	case inspect.Error:
		return "🔴"
	case inspect.Warning:
		return "🟠"
	}
	return "🔵"
}

func verdictSign(v inspect.Verdict) string {
	switch v {
	case inspect.VerdictBroken:
		return "🔴"
	case inspect.VerdictLikelyBroken:
		return "🟠"
	case inspect.VerdictAtRisk:
		return "🟡"
	case inspect.VerdictOK:
		return "🟢"
	}
	return "⚪"
}

// explainMarkdown is the page of a rule, as Explain prints it, in markdown.
func explainMarkdown(rule *inspect.Rule) string {
	var b strings.Builder
	paragraphs := func(first, text string) {
		for paragraph := range strings.SplitSeq(strings.TrimSpace(text), "\n\n") {
			if paragraph != "" {
				b.WriteString(first + escapeMarkdown(Clean(reflowed(paragraph))) + "\n\n")
			}
			first = ""
		}
	}
	example := func(heading, source string) {
		if strings.TrimSpace(source) != "" {
			b.WriteString("**" + heading + "**\n\n" + fenced("", eachLine("", strings.Trim(source, "\n"))) + "\n")
		}
	}
	paragraphs("", rule.Why)
	example("Wrong", rule.Bad)
	example("Right", rule.Good)
	paragraphs("**Fix:** ", rule.Fix)
	return strings.TrimSpace(b.String())
}

// fenced is a block of code, whatever is in its lines.
func fenced(language string, lines []string) string {
	text := strings.Join(lines, "\n")
	fence := "```"
	for strings.Contains(text, fence) {
		fence += "`"
	}
	return fence + language + "\n" + text + "\n" + fence + "\n"
}

// escapeMarkdown makes text mean nothing but itself, in prose, in a table and at the start of a line. Characters
// that markdown, HTML or GitHub could read something into become references, which are text wherever they stand.
func escapeMarkdown(text string) string {
	var b strings.Builder
	for i, r := range text {
		if strings.ContainsRune("\\`*_[]<>|~$&#@!:", r) || i == 0 && !unicode.IsLetter(r) {
			fmt.Fprintf(&b, "&#%d;", r)
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}
