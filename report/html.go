package report

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"strings"

	"why502/inspect"
)

// How much there is on a page that a browser still shows at once. What is left out is counted.
const (
	maxPageRoutes   = 2000
	maxPageFindings = 500
)

//go:embed page.html
var pageTemplate string

//go:embed page.css
var pageStyle string

//go:embed page.js
var pageScript string

// htmlPage is what the page is made of. All text in it is clean; the template escapes it.
type htmlPage struct {
	Policy    string // that forbids the browser everything but this page's own style and script
	Style     template.CSS
	Script    template.JS
	Project   string
	Verdict   inspect.Verdict
	Sentence  string
	Mode      string
	Counts    []htmlCount
	Chart     chart
	Routes    []htmlRoute
	Findings  []htmlFinding
	LookedAt  []string // the proxies and the daemon
	Unchecked []string
	Ignored   []string
	LeftOut   []string
}

// htmlList is a list with its title.
type htmlList struct {
	Title string
	Lines []string
}

// htmlCount is how many of the routes there are of a verdict.
type htmlCount struct {
	Verdict inspect.Verdict
	N       int
}

type htmlRoute struct {
	Verdict  inspect.Verdict
	Status   string
	Way      string
	Place    string
	Pass     string
	Backends []htmlBackend
	Findings []htmlLink
	More     int // findings
}

type htmlBackend struct {
	Name string
	Hops []htmlHop
}

type htmlHop struct {
	Name  string
	State inspect.HopState
	Text  string // empty: the sign says it
}

// htmlLink leads to a finding by its number.
type htmlLink struct {
	Finding int
	Text    string
}

type htmlFinding struct {
	Severity string
	Message  string
	Rule     string
	Why      string
	Place    string
	Excerpt  string
	Seen     []string
	Also     []string
	Routes   string
	Fix      string
	Edits    []htmlEdit
	Paste    []string
	Run      string
}

type htmlEdit struct {
	Place string
	Lines []htmlLine
}

// htmlLine is a line that goes or that comes.
type htmlLine struct{ Kind, Text string }

// writeHTML prints the report as one page that needs nothing else: the picture of the project, every route with
// its hops, every finding with its evidence and its fix. It can be read without its script, too.
func writeHTML(w io.Writer, r *inspect.Report, opts Options) error {
	page, err := template.New("page").Funcs(template.FuncMap{
		"sign": hopSign, "words": verdictWords, "join": strings.Join,
		"lines": func(title string, lines []string) htmlList { return htmlList{title, lines} },
	}).Parse(pageTemplate)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := page.Execute(&b, htmlPageOf(r, opts)); err != nil {
		return err
	}
	_, err = w.Write(b.Bytes())
	return err
}

func htmlPageOf(r *inspect.Report, opts Options) htmlPage {
	routes := worstFirst(r.Routes)
	findings := shown(r.Findings, opts)
	left := leftOut(r, opts)
	if n := len(routes) - maxPageRoutes; n > 0 {
		routes, left = routes[:maxPageRoutes], append(left, count(n, "route")+" more, none of them worse than those above")
	}
	if n := len(findings) - maxPageFindings; n > 0 {
		findings, left = findings[:maxPageFindings], append(left, count(n, "finding")+" more, none of them worse than those above")
	}
	page := htmlPage{
		Policy: fmt.Sprintf("default-src 'none'; style-src '%s'; script-src '%s'; base-uri 'none'; form-action 'none'", hashOf(pageStyle), hashOf(pageScript)),
		Style:  template.CSS(pageStyle), Script: template.JS(pageScript),
		Project: cut(r.Project.Name, maxLabel), Verdict: r.Verdict, Sentence: cut(sentence(r), maxText), Mode: mode(r.Live),
		Counts: verdictCounts(r), Chart: charted(r, routes), Routes: htmlRoutes(r, routes, findings),
		Findings: each(findings, func(f *inspect.Finding) htmlFinding { return htmlFindingOf(f) }),
		LookedAt: each(r.Proxies, func(p inspect.ProxyReport) string { return cut(proxyText(p), maxText) }),
		LeftOut:  left,
	}
	if r.Live.Daemon.Endpoint != "" {
		page.LookedAt = append(page.LookedAt, cut("daemon: "+daemonText(r.Live.Daemon), maxText))
	}
	for _, u := range notChecked(r) {
		page.Unchecked = append(page.Unchecked, cut(u.What+": "+u.Why, maxText))
	}
	for _, text := range ignoredTexts(r, opts) {
		page.Ignored = append(page.Ignored, cut(text, maxText))
	}
	page.Ignored = boundedBy(page.Ignored, maxPageFindings)
	page.Unchecked, page.LookedAt = boundedBy(page.Unchecked, maxPageFindings), boundedBy(page.LookedAt, maxPageFindings)
	return page
}

// hashOf is what a policy calls the style or script that may be used.
func hashOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

// verdictCounts counts the routes of each verdict that there is.
func verdictCounts(r *inspect.Report) (counts []htmlCount) {
	for _, v := range verdicts {
		if n := countRoutes(r, v); n > 0 {
			counts = append(counts, htmlCount{v, n})
		}
	}
	return counts
}

func htmlRoutes(r *inspect.Report, routes []*inspect.RouteReport, findings []*inspect.Finding) []htmlRoute {
	byRoute := findingsByRoute(r.Routes, findings)
	return each(routes, func(route *inspect.RouteReport) htmlRoute {
		of := byRoute[route.ID]
		page := htmlRoute{
			Verdict: route.Verdict, Way: cut(strings.Join(stations(route), " → "), maxText), Pass: cut(route.Pass, maxText),
			Backends: each(route.Backends, func(b inspect.BackendReport) htmlBackend {
				return htmlBackend{cut(backendText(b), maxLabel), htmlHops(b)}
			}),
			Findings: each(of.first, func(i int) htmlLink { return htmlLink{i, cut(findings[i].Message, maxText)} }), More: of.more,
		}
		if route.Status != inspect.StatusNone {
			page.Status = outcome(route.Status)
		}
		if route.Place.Known() {
			page.Place = cut(placeText(route.Place), maxText)
		}
		return page
	})
}

// htmlHops are all hops of a backend: those that were not reached, too.
func htmlHops(b inspect.BackendReport) (hops []htmlHop) {
	for h, state := range b.Hops {
		hop := htmlHop{Name: inspect.Hop(h).String(), State: state}
		if state != inspect.HopOK {
			hop.Text = strings.ReplaceAll(string(state), "-", " ")
		}
		hops = append(hops, hop)
	}
	return hops
}

func htmlFindingOf(f *inspect.Finding) htmlFinding {
	page := htmlFinding{
		Severity: severityName(f.Severity), Message: cut(f.Message, maxText), Rule: Clean(f.Rule.ID), Why: cut(reflowed(f.Rule.Why), maxText),
		Excerpt: cut(trimmed(f.Excerpt), maxText), Fix: cut(f.Fix.Text, maxText), Run: cut(f.Fix.Run, maxText),
	}
	if f.Place.Known() {
		page.Place = cut(placeText(f.Place), maxText)
	}
	for _, e := range f.Evidence {
		page.Seen = append(page.Seen, cut(e.Text+" ("+e.Source+")", maxText))
	}
	for _, related := range f.Related {
		page.Also = append(page.Also, cut(relatedText(related), maxText))
	}
	page.Seen, page.Also = bounded(page.Seen), bounded(page.Also)
	if n := len(f.Routes); n > 0 {
		page.Routes = fmt.Sprint(n)
	}
	for _, e := range f.Fix.Edits[:min(len(f.Fix.Edits), maxLines)] {
		page.Edits = append(page.Edits, htmlEditOf(e))
	}
	if n := len(f.Fix.Edits) - maxLines; n > 0 {
		page.Fix += fmt.Sprintf(" (the first of %d edits)", len(f.Fix.Edits))
	}
	if len(f.Fix.Edits) == 0 {
		page.Paste = bounded(eachLine("  ", f.Fix.Paste))
	}
	return page
}

func htmlEditOf(e inspect.Edit) htmlEdit {
	edit := htmlEdit{Place: cut(editPlace(e), maxText)}
	for _, line := range bounded(eachLine("- ", e.Old)) {
		edit.Lines = append(edit.Lines, htmlLine{"goes", line})
	}
	for _, line := range bounded(eachLine("+ ", e.New)) {
		edit.Lines = append(edit.Lines, htmlLine{"comes", line})
	}
	return edit
}

// hopSign is how the state of a hop is drawn, so that the colour is not all that says it.
func hopSign(s inspect.HopState) string {
	m, reached := mark(s)
	if !reached {
		return "·"
	}
	sign, _, _ := strings.Cut(strings.TrimSpace(m.text), " ")
	return sign
}

// verdictWords is a verdict with the sign that stands for it.
func verdictWords(v inspect.Verdict) string {
	sign := map[inspect.Verdict]string{
		inspect.VerdictBroken: "✗", inspect.VerdictLikelyBroken: "✗", inspect.VerdictAtRisk: "!", inspect.VerdictUnknown: "?", inspect.VerdictOK: "✓",
	}[v]
	return sign + " " + strings.ReplaceAll(string(v), "-", " ")
}
