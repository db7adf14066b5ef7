package main

import (
	"fmt"
	"html"
	"regexp"
	"strings"
	"testing"

	"why502/inspect"
	"why502/report"
)

// The reference of the rules is what they say of themselves.
func TestRulesPage(t *testing.T) {
	var b strings.Builder
	if err := report.RulePages(&b, inspect.Rules()); err != nil {
		t.Fatal(err)
	}
	golden(t, "docs/rules.md", b.String())
}

// The README's picture is the report as a terminal shows it.
func TestPictureOfTheReport(t *testing.T) {
	got := why502(t, nil, "--live=off", "--color=always", "testdata/shop")
	golden(t, "docs/report.svg", picture(strings.Split(strings.TrimSpace(got.stdout), "\n")))
}

// styled is text behind the codes of a style.
var styled = regexp.MustCompile("\x1b\\[([0-9;]*)m([^\x1b]*)")

// picture draws lines of a terminal: a text for each, and in it a span for each style.
func picture(lines []string) string {
	const across, down, edge = 8.43, 19, 16 // of a character, of a line, around all, in pixels
	var b strings.Builder
	height, width := len(lines)*down+2*edge, 85*across+2*edge
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" xml:space="preserve" width="%.0f" height="%d" font-family="ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace" font-size="14">
<style>text { fill: #d5dae0; white-space: pre } .s1 { font-weight: bold; fill: #fff } .s2 { fill: #8b949e } .s32 { fill: #56d364 } .s36 { fill: #56c8d8 } .s31 { fill: #ff7b72 }</style>
<rect width="100%%" height="100%%" rx="8" fill="#14181d"/>
`, width, height)
	for i, line := range lines {
		fmt.Fprintf(&b, `<text x="%d" y="%d">`, edge, edge+(i+1)*down-5)
		for _, span := range styled.FindAllStringSubmatch("\x1b[m"+line, -1) {
			if span[2] != "" {
				fmt.Fprintf(&b, `<tspan%s>%s</tspan>`, class(span[1]), html.EscapeString(span[2]))
			}
		}
		b.WriteString("</text>\n")
	}
	b.WriteString("</svg>\n")
	return b.String()
}

// class is the attribute for the codes of a style: of "1;31" the classes s1 and s31.
func class(codes string) string {
	if codes == "" || codes == "0" {
		return ""
	}
	return ` class="s` + strings.ReplaceAll(codes, ";", " s") + `"`
}
