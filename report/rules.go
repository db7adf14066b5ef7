package report

import (
	"io"
	"strings"

	"why502/inspect"
)

// Explain prints the page of one rule: what it finds, why that is wrong, and how it is mended.
func Explain(w io.Writer, rule *inspect.Rule) error {
	p := newPage(w, Options{})
	p.hang(plain, rule.ID+": ", rule.Title)
	p.end()
	p.line(plain, "hop       "+rule.Hop.String())
	p.line(plain, "severity  "+severityName(rule.Severity))
	p.section("", rule.Why)
	p.example("wrong:", rule.Bad)
	p.example("right:", rule.Good)
	p.section("fix: ", rule.Fix)
	return p.w.Flush()
}

// section writes prose after a blank line. A blank line in it ends a paragraph; other line breaks
// are only those of the source code that the prose stands in.
func (p *page) section(first, text string) {
	if strings.TrimSpace(text) == "" {
		return
	}
	for paragraph := range strings.SplitSeq(strings.TrimSpace(text), "\n\n") {
		p.end()
		p.hang(plain, first, strings.ReplaceAll(paragraph, "\n", " "))
		first = ""
	}
}

// example writes source text after a blank line and a heading.
func (p *page) example(heading, source string) {
	if strings.TrimSpace(source) == "" {
		return
	}
	p.end()
	p.line(plain, heading)
	for line := range strings.Lines(strings.Trim(source, "\n")) {
		p.line(plain, strings.TrimRight("    "+line, " \t\r\n"))
	}
}

// RuleList prints rules, a line each.
func RuleList(w io.Writer, rules []*inspect.Rule) error {
	p := newPage(w, Options{})
	width := 0
	for _, rule := range rules {
		width = max(width, len(rule.ID))
	}
	for _, rule := range rules {
		p.line(plain, pad(rule.ID, width)+"  "+rule.Title)
	}
	return p.w.Flush()
}
