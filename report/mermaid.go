package report

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"

	"why502/inspect"
)

// maxNodes is how many nodes a diagram has that people can still read.
const maxNodes = 50

// maxNodeLabel is how long the text in a node is. The whole of a diagram must stay below 50,000 characters,
// which is what Mermaid takes.
const maxNodeLabel = 60

// mermaidStyles are how edges are drawn: readable on white and on black, and told apart without colours too.
var mermaidStyles = map[inspect.Verdict]string{
	inspect.VerdictBroken:       "stroke:#d1242f,stroke-width:3px",
	inspect.VerdictLikelyBroken: "stroke:#d1242f,stroke-width:2px,stroke-dasharray:6",
	inspect.VerdictAtRisk:       "stroke:#bf8700,stroke-width:2px",
	inspect.VerdictUnknown:      "stroke:#8b949e,stroke-dasharray:2",
	inspect.VerdictOK:           "stroke:#1a7f37",
}

// mermaid is a picture as a diagram that GitHub draws: lines in the language Mermaid, mermaid.js.org.
func mermaid(p picture) []string {
	lines := []string{"flowchart LR"}
	for i, n := range p.nodes {
		lines = append(lines, fmt.Sprintf(`  n%d["%s"]`, i, escapeMermaid(cut(n.label, maxNodeLabel))))
	}
	links := map[inspect.Verdict][]string{}
	for i, e := range p.edges {
		text := ""
		if p.nodes[e.to].kind == backendNode && e.verdict != inspect.VerdictOK {
			text = `|"` + edgeText(e.verdict, p.routes[e.route]) + `"|`
		}
		lines = append(lines, fmt.Sprintf("  n%d -->%s n%d", e.from, text, e.to))
		links[e.verdict] = append(links[e.verdict], strconv.Itoa(i))
	}
	for _, v := range verdicts {
		if len(links[v]) > 0 {
			lines = append(lines, "  linkStyle "+strings.Join(links[v], ",")+" "+mermaidStyles[v])
		}
	}
	return lines
}

// edgeText says what becomes of requests, so that the colour is not all that says it.
func edgeText(v inspect.Verdict, route *inspect.RouteReport) string {
	if v == inspect.VerdictBroken && route.Status != inspect.StatusNone {
		return outcome(route.Status)
	}
	return strings.ReplaceAll(string(v), "-", " ")
}

// escapeMermaid makes text mean nothing but itself between quotes: Mermaid's own references for all that is
// neither a letter nor harmless.
func escapeMermaid(text string) string {
	var b strings.Builder
	for _, r := range text {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune(" ./:-_,→…", r) {
			b.WriteRune(r)
			continue
		}
		fmt.Fprintf(&b, "#%d;", r)
	}
	if b.Len() == 0 {
		return " "
	}
	return b.String()
}
