package report

import (
	"fmt"
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
	p.example("in nginx's log:", strings.Join(rule.LogLines(), "\n"))
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

// RulePages prints all rules as one page of Markdown, hop by hop.
func RulePages(w io.Writer, rules []*inspect.Rule) error {
	var b strings.Builder
	b.WriteString("# Rules\n\n" + strings.TrimSpace(rulesIntro) + "\n")
	for i, rule := range rules {
		if i == 0 || rule.Hop != rules[i-1].Hop {
			fmt.Fprintf(&b, "\n## %s\n\n", rule.Hop)
			for _, r := range rules[i:] {
				if r.Hop == rule.Hop {
					fmt.Fprintf(&b, "- [%s](#%[1]s): %s\n", r.ID, escapeProse(r.Title))
				}
			}
		}
		rulePage(&b, rule)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

const rulesIntro = `
What why502 finds, in the order in which it looks: hop by hop, and in each hop the most specific first.
` + "`why502 explain RULE`" + ` prints one of these pages, and ` + "`why502 explain 'LINE'`" + ` says which of them a line of nginx's log may come from.
The severity is that of a finding that is proven or follows from the files; where it is only likely, it is at most a warning.
This file is written by ` + "`go test . -update`" + ` from what stands beside the rules in ` + "`inspect/`." + `
`

// rulePage writes one rule.
func rulePage(b *strings.Builder, rule *inspect.Rule) {
	fmt.Fprintf(b, "\n### %s\n\n%s: %s.\n", rule.ID, severityName(rule.Severity), escapeProse(rule.Title))
	markdownSection(b, "", rule.Why)
	markdownCode(b, "Wrong:", rule.Bad)
	markdownCode(b, "Right:", rule.Good)
	markdownSection(b, "Fix: ", rule.Fix)
	markdownCode(b, "In nginx's log:", strings.Join(rule.LogLines(), "\n"))
}

// markdownSection writes prose, each paragraph on a line of its own.
func markdownSection(b *strings.Builder, first, text string) {
	for paragraph := range strings.SplitSeq(strings.TrimSpace(text), "\n\n") {
		if paragraph == "" {
			return
		}
		fmt.Fprintf(b, "\n%s%s\n", first, escapeProse(strings.Join(strings.Fields(paragraph), " ")))
		first = ""
	}
}

// markdownCode writes source text behind a heading, as a block that what is in it does not end.
func markdownCode(b *strings.Builder, heading, source string) {
	source = strings.Trim(source, "\n")
	if strings.TrimSpace(source) == "" {
		return
	}
	fmt.Fprintf(b, "\n%s\n\n%s", heading, fenced("", strings.Split(source, "\n")))
}

// escapeProse is escapeMarkdown for the program's own prose, which stays readable as it is.
func escapeProse(text string) string { return markdownEscapes.Replace(Clean(text)) }

var markdownEscapes = strings.NewReplacer(
	`\`, `\\`, "`", "\\`", "*", `\*`, "_", `\_`, "[", `\[`, "]", `\]`, "<", "&lt;", ">", "&gt;", "&", "&amp;", "|", `\|`, "#", `\#`, "~", `\~`, "$", `\$`,
)
