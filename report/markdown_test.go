package report

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/renderer/html"
	htmltree "golang.org/x/net/html"

	"why502/inspect"
)

// rendered is markdown as GitHub reads it, as a tree. What is HTML in it stays.
func rendered(t *testing.T, text string) *htmltree.Node {
	t.Helper()
	var b bytes.Buffer
	md := goldmark.New(goldmark.WithExtensions(extension.GFM), goldmark.WithRendererOptions(html.WithUnsafe()))
	if err := md.Convert([]byte(text), &b); err != nil {
		t.Fatal(err)
	}
	tree, err := htmltree.Parse(&b)
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

// elements are the elements of a tree that have one of these names; all where there are none.
func elements(tree *htmltree.Node, names ...string) (found []*htmltree.Node) {
	for n := range tree.Descendants() {
		if n.Type == htmltree.ElementNode && (len(names) == 0 || slices.Contains(names, n.Data)) {
			found = append(found, n)
		}
	}
	return found
}

// textOf is the text in a tree.
func textOf(tree *htmltree.Node) string {
	var b strings.Builder
	for n := range tree.Descendants() {
		if n.Type == htmltree.TextNode {
			b.WriteString(n.Data)
		}
	}
	return b.String()
}

// Text is text, whatever is in it: it makes no element, no attribute, and no cell.
func TestMarkdownHostileText(t *testing.T) {
	ours := strings.Fields("html head body h2 p table thead tbody tr th td details summary code pre ul li strong")
	for name, text := range hostileTexts {
		t.Run(name, func(t *testing.T) {
			out := printed(t, "markdown", fillText(text), Options{})
			tree := rendered(t, out)
			for _, n := range elements(tree) {
				if !slices.Contains(ours, n.Data) {
					t.Errorf("there is a <%s> of the text in:\n%s", n.Data, out)
				}
				for _, a := range n.Attr {
					if !slices.Contains([]string{"open", "class", "style"}, a.Key) || strings.Contains(a.Val, "evil") {
						t.Errorf("<%s> has the attribute %s=%q", n.Data, a.Key, a.Val)
					}
				}
			}
			cells := elements(tree, "td")
			if len(cells) != 8 {
				t.Fatalf("two findings have %d cells in:\n%s", len(cells), out)
			}
			want := strings.Join(strings.Fields(cut(text, maxLabel)+" "+loopbackRule.ID), " ")
			same(t, strings.Join(strings.Fields(textOf(cells[1])), " "), want)
			for _, fence := range elements(tree, "pre") {
				if strings.HasPrefix(textOf(fence), "flowchart") {
					checkMermaid(t, strings.Split(strings.TrimSpace(textOf(fence)), "\n"))
				}
			}
		})
	}
}

// checkMermaid holds a diagram against the few kinds of lines that there are.
func checkMermaid(t *testing.T, lines []string) {
	t.Helper()
	const text = `"(?:[\pL\pN ./:_,→…-]|#\d+;)+"`
	line := regexp.MustCompile(`^(?:  n\d+\[` + text + `\]|  n\d+ -->(?:\|` + text + `\|)? n\d+|  linkStyle \d+(?:,\d+)* \S+)$`)
	nodes := 0
	for i, l := range lines {
		if i == 0 && l != "flowchart LR" || i > 0 && !line.MatchString(l) {
			t.Errorf("line %d of the diagram is %q", i, l)
		}
		if strings.Contains(l, "[") {
			nodes++
		}
	}
	if nodes < 3 || nodes > maxNodes || len(strings.Join(lines, "\n")) > 50_000 {
		t.Errorf("the diagram has %d nodes and %d lines", nodes, len(lines))
	}
}

// Of many routes the worst are drawn, of many findings the first are shown, and the others are counted.
func TestMarkdownCrowd(t *testing.T) {
	out := printed(t, "markdown", crowd(), Options{})
	for _, want := range []string{
		"\nand 54 findings more.\n",
		"\nThe diagram has 47 of 205 routes, the worst first.\n",
		"\n1 finding left out because of --ignore.\n",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in:\n%s", want, out)
		}
	}
	p := drawn(crowd(), maxNodes)
	checkMermaid(t, mermaid(p))
	if last := p.routes[len(p.routes)-1]; last.Verdict != inspect.VerdictBroken {
		t.Errorf("a route is drawn that is %s, and one that is broken is not", last.Verdict)
	}
}

// A group of more servers than a diagram takes is not drawn, but the others are.
func TestPictureOfLargeGroup(t *testing.T) {
	r := clean()
	for range maxNodes {
		b := r.Routes[0].Backends[0]
		b.Port += len(r.Routes[0].Backends)
		r.Routes[0].Backends = append(r.Routes[0].Backends, b)
	}
	if p := drawn(r, maxNodes); len(p.routes) != 1 || p.routes[0] != &r.Routes[1] {
		t.Errorf("%d routes are drawn", len(p.routes))
	}
	if r.Routes = r.Routes[:1]; diagram(r) != "The routes are not drawn: they lead to too much for a diagram.\n" {
		t.Errorf("got %q", diagram(r))
	}
}

// GitHub drops a summary that is too large, so it never is, and says what it lacks.
func TestMarkdownLimit(t *testing.T) {
	r := fillText(strings.Repeat("`|<", 1<<16))
	for range 30 {
		r.Findings = append(r.Findings, r.Findings[0])
	}
	if out := printed(t, "markdown", r, Options{}); len(out) > maxSummary {
		t.Errorf("%d bytes", len(out))
	}
	parts := []part{{"verdict", "ok\n"}, {"finding", strings.Repeat("x", 400)}, {"finding", strings.Repeat("x", 900)}, {"finding", strings.Repeat("x", 900)}, {"diagram", "d\n"}}
	got := fitting(parts, 1000)
	if len(got) > 1000 || !strings.HasPrefix(got, "ok\n\nxxx") || !strings.HasSuffix(got, "d\n\nLeft out, as GitHub takes no longer a summary: 2 findings.\n") {
		t.Errorf("got %q", got)
	}
}

func TestMarkdownClean(t *testing.T) {
	same(t, printed(t, "markdown", clean(), Options{}), "## 🟢 shop&#58; both routes are ok\n\nJudged with the daemon.\n\n"+
		"```mermaid\nflowchart LR\n  n0[\"8080 → edge:80\"]\n  n1[\"/\"]\n  n2[\"web:3000\"]\n  n3[\"/api/\"]\n  n4[\"api:8000\"]\n"+
		"  n0 --> n1\n  n1 --> n2\n  n0 --> n3\n  n3 --> n4\n  linkStyle 0,1,2,3 stroke:#1a7f37\n```\n\n")
}

// Of a group, only the server that fails is drawn as broken.
func TestPictureOfGroup(t *testing.T) {
	r := clean()
	group := broken(route("_", "/g", "one", 80, 1), inspect.HopPort, inspect.VerdictAtRisk, inspect.StatusNone)
	group.Backends[0].Hops = hops(inspect.HopPort, inspect.HopBroken)
	group.Backends = append(group.Backends, inspect.BackendReport{Host: "two", Port: 80, Hops: hops(inspect.HopResponse, inspect.HopOK)})
	r.Routes = []inspect.RouteReport{group}
	var got []string
	for _, e := range drawn(r, maxNodes).edges {
		got = append(got, fmt.Sprintf("%d-%d %s", e.from, e.to, e.verdict))
	}
	same(t, strings.Join(got, ", "), "0-1 at-risk, 1-2 broken, 1-3 ok")
}
