package report

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	htmltree "golang.org/x/net/html"

	"why502/inspect"
)

// shots is where screenshots of the page are written to.
var shots = flag.String("shots", "", "write screenshots of the page to this folder")

// parsedHTML is the page of a report as a browser reads it.
func parsedHTML(t *testing.T, r *inspect.Report) *htmltree.Node {
	t.Helper()
	tree, err := htmltree.Parse(strings.NewReader(printed(t, "html", r, Options{})))
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

func attribute(n *htmltree.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

// Text is text, whatever is in it: the page of any text has the elements of the page of a plain one, each with
// attributes that the page itself gives, and nothing in it leads out of it.
func TestHTMLHostileText(t *testing.T) {
	shape := func(tree *htmltree.Node) (list []string) {
		for _, n := range elements(tree) {
			list = append(list, n.Data)
		}
		return slices.Compact(list)
	}
	plain := slices.Compact(slices.Sorted(slices.Values(shape(parsedHTML(t, fillText("plain"))))))
	for name, text := range hostileTexts {
		t.Run(name, func(t *testing.T) {
			tree := parsedHTML(t, fillText(text))
			for _, n := range elements(tree) {
				if !slices.Contains(plain, n.Data) {
					t.Errorf("there is a <%s> of the text", n.Data)
				}
				for _, a := range n.Attr {
					if strings.HasPrefix(a.Key, "on") || a.Key == "style" || a.Key == "src" || a.Key == "href" && !strings.HasPrefix(a.Val, "#") {
						t.Errorf("<%s> has the attribute %s=%q", n.Data, a.Key, a.Val)
					}
				}
			}
			if n := len(elements(tree, "script")); n != 1 {
				t.Errorf("%d scripts", n)
			}
			heading := textOf(elements(tree, "h3")[0])
			same(t, heading, "error "+cut(text, maxText))
		})
	}
}

// The policy allows the style and the script that are on the page, by their hash, and nothing else.
func TestHTMLPolicy(t *testing.T) {
	tree := parsedHTML(t, shop())
	var policy string
	for _, n := range elements(tree, "meta") {
		if attribute(n, "http-equiv") == "Content-Security-Policy" {
			policy = attribute(n, "content")
		}
	}
	if !strings.HasPrefix(policy, "default-src 'none'; ") || strings.Contains(policy, "unsafe") {
		t.Errorf("the policy is %q", policy)
	}
	for name, directive := range map[string]string{"style": "style-src", "script": "script-src"} {
		text := textOf(elements(tree, name)[0])
		if want := fmt.Sprintf("; %s '%s';", directive, hashOf(text)); !strings.Contains(policy, want) {
			t.Errorf("the policy %q lacks %q", policy, want)
		}
	}
}

// Every route has its line and its details; every link on the page leads somewhere.
func TestHTMLLinks(t *testing.T) {
	tree := parsedHTML(t, shop())
	ids := map[string]bool{}
	for _, n := range elements(tree) {
		ids[attribute(n, "id")] = true
	}
	links := 0
	for _, n := range elements(tree, "a") {
		if links++; !ids[strings.TrimPrefix(attribute(n, "href"), "#")] {
			t.Errorf("the link %q leads nowhere", attribute(n, "href"))
		}
	}
	if details := len(elements(tree, "details")); details != 5 || links != 5+3+1 {
		t.Errorf("%d routes and %d links", details, links)
	}
}

// Of more than a browser can show the worst is shown, and the rest is counted.
func TestHTMLLimits(t *testing.T) {
	r := crowd()
	for len(r.Routes) < maxPageRoutes+7 {
		r.Routes = append(r.Routes, r.Routes[len(r.Routes)%5])
	}
	for len(r.Findings) < maxPageFindings+7 {
		r.Findings = append(r.Findings, mayGoStale())
	}
	page := htmlPageOf(r, Options{})
	if len(page.Routes) != maxPageRoutes || len(page.Findings) != maxPageFindings || page.Routes[0].Verdict != inspect.VerdictBroken {
		t.Errorf("%d routes, %d findings", len(page.Routes), len(page.Findings))
	}
	same(t, strings.Join(page.LeftOut, "\n"), "1 finding left out because of --ignore\n7 routes more, none of them worse than those above\n7 findings more, none of them worse than those above")
}

// A chart has a box for each service, in the frame of its networks, and lines that end at boxes.
func TestChart(t *testing.T) {
	r := shop()
	r.Services = []inspect.ServiceReport{{Name: "edge", Networks: []string{"front"}}, {Name: "api", Networks: []string{"back", "front"}}, {Name: "web", Networks: []string{"front"}}, {Name: "chat"}}
	r.Routes[0].Backends[0].Service = "" // web
	c := charted(r, worstFirst(r.Routes))
	var got []string
	for _, f := range c.Frames {
		for _, s := range f.Services {
			if s.Y < f.Y || s.Y+s.Height > f.Y+f.Height || s.Y+s.Height > c.Height {
				t.Errorf("%s is not in its frame", s.Label)
			}
			got = append(got, f.Label+": "+s.Label)
		}
	}
	same(t, strings.Join(got, "\n"), "back, front: api\nno service of the project: admin\nno service of the project: web:3000\nno service of the project: images\nno network: chat")
	if len(c.Lines) != 5 || c.Lines[0].Label != "shop.example.com/api/" {
		t.Errorf("the lines are %+v", c.Lines)
	}
}

// In a browser, the page says nothing on the console and asks for nothing, and a route opens by a click on its
// line, by a click in the list, and by the keyboard, with its finding.
func TestHTMLInBrowser(t *testing.T) {
	dir := t.TempDir()
	b := newBrowser(t)
	for _, test := range []struct {
		name   string
		report *inspect.Report
		width  int
		scheme string
	}{
		{"shop", networked(shop()), 400, "light"},
		{"shop", networked(shop()), 400, "dark"},
		{"shop", networked(shop()), 1440, "light"},
		{"shop", networked(shop()), 1440, "dark"},
		{"script", fillText(hostileTexts["a script"]), 400, "dark"},
	} {
		file, look := filepath.Join(dir, test.name+".html"), fmt.Sprintf("%s-%d-%s", test.name, test.width, test.scheme)
		if err := os.WriteFile(file, []byte(printed(t, "html", test.report, Options{})), 0o644); err != nil {
			t.Fatal(err)
		}
		b.open(file, test.width, test.scheme)
		if b.eval("document.documentElement.scrollWidth <= innerWidth") != "true" {
			t.Errorf("%s: the page is wider than the window", look)
		}
		if light := b.number("Number(getComputedStyle(document.body).backgroundColor.match(/[0-9]+/)[0])") > 127; light != (test.scheme == "light") {
			t.Errorf("%s: the page is not %s", look, test.scheme)
		}
		b.use(look)
		if *shots != "" {
			b.shoot(filepath.Join(*shots, look+".png"))
		}
		for _, complaint := range b.complaints(file) {
			t.Errorf("%s: %s", look, complaint)
		}
	}
}

// networked puts a report's services on networks.
func networked(r *inspect.Report) *inspect.Report {
	r.Services = []inspect.ServiceReport{
		{Name: "admin", Networks: []string{"shop_back"}}, {Name: "api", Networks: []string{"shop_front"}}, {Name: "chat", Networks: []string{"shop_front"}},
		{Name: "edge", Networks: []string{"shop_front"}}, {Name: "images", Networks: []string{"shop_back", "shop_front"}}, {Name: "web", Networks: []string{"shop_front"}},
	}
	return r
}

// use opens the first route by the keyboard and closes it, opens it by its line, closes it by a click, and filters.
func (b *browser) use(page string) {
	b.t.Helper()
	holds := func(what, expression string) {
		b.t.Helper()
		for range 200 { // the page may still be at it
			if b.eval(expression) == "true" {
				return
			}
			time.Sleep(50 * time.Millisecond)
		}
		b.t.Errorf("%s: not so: %s", page, what)
	}
	const open = "document.querySelector('#r0').open"
	b.eval("document.querySelector('.filter').elements.text.focus()")
	for range 10 {
		if b.eval("document.activeElement === document.querySelector('#r0 summary')") == "true" {
			break
		}
		b.press("Tab", "", 9)
	}
	b.press("Enter", "\r", 13)
	holds("the keyboard opens a route", open)
	holds("it has a hop that is broken", "document.querySelector('#r0 .hops .broken') !== null")
	holds("it has its finding", "document.querySelectorAll('#r0 .finding').length === 1")
	holds("of which evidence and fix can be seen", "['seen', 'fix'].every(what => [...document.querySelectorAll('#r0 .finding dt')].some("+
		"term => term.textContent === what && term.nextElementSibling.textContent.trim() !== '' && term.nextElementSibling.checkVisibility()))")
	b.press("Enter", "\r", 13)
	holds("the keyboard closes it", "!"+open)

	b.eval("document.querySelector('.chart').scrollIntoView()")
	b.click("(p => { const q = p.getPointAtLength(100).matrixTransform(p.getScreenCTM()); return {X: q.x, Y: q.y}; })(document.querySelector('.line[href=\"#r0\"] .near'))")
	holds("a click on its line opens it", open)
	b.eval("document.querySelector('#r0 summary').scrollIntoView()")
	b.click("(r => ({X: r.x + 20, Y: r.y + 10}))(document.querySelector('#r0 summary').getBoundingClientRect())")
	holds("a click in the list closes it", "!"+open)

	b.filter("no such route")
	holds("a filter that nothing matches hides everything", "document.querySelector('.route:not([hidden]), .line:not([hidden])') === null")
	b.filter("")
}

// filter types into the filter.
func (b *browser) filter(text string) {
	b.t.Helper()
	b.eval(fmt.Sprintf("(i => { i.value = %q; i.dispatchEvent(new Event('input', {bubbles: true})); })(document.querySelector('.filter').elements.text)", text))
}

// thousand is a project with 1,000 routes to 100 services, every second of which is broken and has its finding.
func thousand() *inspect.Report {
	r := networked(shop())
	r.Routes, r.Findings = nil, nil
	for i := range 1000 {
		name := fmt.Sprintf("api%d", i%100)
		one := route("shop.example.com", fmt.Sprintf("/v%d/", i), name, 8000, i+1)
		if i < 100 {
			r.Services = append(r.Services, inspect.ServiceReport{Name: name, Networks: []string{"shop_front"}})
		}
		if i%2 == 0 {
			one = broken(one, inspect.HopPort, inspect.VerdictBroken, inspect.Status502)
			r.Findings = append(r.Findings, noSharedNetwork(one.ID))
		}
		r.Routes = append(r.Routes, one)
	}
	return r
}

// With so many routes the page is as it is with few: each has its line, and what is filtered can be used.
func TestHTMLThousandRoutes(t *testing.T) {
	b, file := newBrowser(t), thousandRoutes(t)
	b.open(file, 1440, "light")
	same(t, b.eval("[document.querySelectorAll('.route').length, document.querySelectorAll('.line').length]"), "[1000,1000]")
	b.filter("/v0/")
	b.use("a thousand routes")
	for _, complaint := range b.complaints(file) {
		t.Error(complaint)
	}
}

// thousandRoutes is a file with the page of as many.
func thousandRoutes(t testing.TB) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "page.html")
	if err := os.WriteFile(file, []byte(printed(t, "html", thousand(), Options{})), 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

// BenchmarkPage is how long a browser takes from the navigation to a page with 1,000 routes until all of it is there
// and laid out, and how long a filter takes to show one of them.
func BenchmarkPage(b *testing.B) {
	w, file := newBrowser(b), thousandRoutes(b)
	var load, filter float64
	b.ResetTimer()
	for range b.N {
		w.open(file, 1440, "light")
		load += w.number("(document.body.getBoundingClientRect(), performance.now())")
		filter += w.number("(() => { const t = performance.now(), i = document.querySelector('.filter').elements.text; i.value = '/v977/';" +
			" i.dispatchEvent(new Event('input', {bubbles: true})); document.body.getBoundingClientRect(); return performance.now() - t; })()")
		if shown := w.number("document.querySelectorAll('.route:not([hidden])').length"); shown != 1 {
			b.Fatalf("the filter leaves %v routes", shown)
		}
	}
	b.ReportMetric(load/float64(b.N), "ms/load")
	b.ReportMetric(filter/float64(b.N), "ms/filter")
}

// number is what an expression gives that is a number.
func (b *browser) number(expression string) (n float64) {
	b.t.Helper()
	if err := json.Unmarshal([]byte(b.eval(expression)), &n); err != nil {
		b.t.Fatal(err)
	}
	return n
}
