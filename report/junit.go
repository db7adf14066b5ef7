package report

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"

	"why502/inspect"
)

// The types below are the JUnit format as CI systems read it: github.com/testmoapp/junitxml.

type junitSuites struct {
	XMLName  xml.Name     `xml:"testsuites"`
	Name     string       `xml:"name,attr"`
	Tests    int          `xml:"tests,attr"`
	Failures int          `xml:"failures,attr"`
	Skipped  int          `xml:"skipped,attr"`
	Suites   []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Skipped  int         `xml:"skipped,attr"`
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Class   string       `xml:"classname,attr"`
	Name    string       `xml:"name,attr"`
	File    string       `xml:"file,attr,omitempty"`
	Line    int          `xml:"line,attr,omitempty"`
	Failure *junitResult `xml:"failure"`
	Skipped *junitResult `xml:"skipped"`
	Output  *junitOutput `xml:"system-out"`
}

type junitResult struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr,omitempty"`
	Text    string `xml:",cdata"`
}

type junitOutput struct {
	Text string `xml:",cdata"`
}

// writeJUnit prints the report as the results of tests: a suite for each proxy, in it a case for each route, and
// one for each finding that is about no route. What is broken has failed; what is only likely to be, or at risk,
// has passed with words, as an exit status of 0 has. What the user accepts is skipped.
func writeJUnit(w io.Writer, r *inspect.Report, opts Options) error {
	text, err := xml.MarshalIndent(junitOf(inWorkspace(r, opts.Prefix), opts), "", "  ")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "%s%s\n", xml.Header, text)
	return err
}

func junitOf(r *inspect.Report, opts Options) junitSuites {
	all := junitSuites{Name: "why502 " + cut(r.Project.Name, maxLabel)}
	index := map[string]int{}
	suite := func(proxy string) *junitSuite {
		i, known := index[proxy]
		if !known {
			i, index[proxy] = len(all.Suites), len(all.Suites)
			all.Suites = append(all.Suites, junitSuite{Name: cut(proxy, maxLabel)})
		}
		return &all.Suites[i]
	}
	for _, p := range r.Proxies {
		suite(p.Service)
	}
	findings := shown(r.Findings, opts)
	byRoute := findingsByRoute(r.Routes, findings)
	told, accepted := map[*inspect.Finding]bool{}, acceptedRoutes(r)
	for i := range r.Routes {
		route := &r.Routes[i]
		of := byRoute[route.ID]
		c := routeCase(route, each(of.first, func(i int) *inspect.Finding { return findings[i] }), of.more, told)
		if by := accepted[route.ID]; by != nil && c.Failure != nil {
			c.Failure, c.Skipped = nil, ignoredResult(by)
			told[by] = true
		}
		suite(route.Proxy).add(c)
	}
	for _, f := range findings {
		if len(f.Routes) == 0 {
			suite(f.Proxy).add(findingCase(f))
		}
	}
	for _, f := range shown(r.Ignored, opts) {
		if !told[f] {
			c := findingCase(f)
			c.Failure, c.Output, c.Skipped = nil, nil, ignoredResult(f)
			suite(f.Proxy).add(c)
		}
	}
	for _, s := range all.Suites {
		all.Tests, all.Failures, all.Skipped = all.Tests+s.Tests, all.Failures+s.Failures, all.Skipped+s.Skipped
	}
	return all
}

// ignoredResult is what a case has in place of a failure that the user accepts.
func ignoredResult(f *inspect.Finding) *junitResult {
	return &junitResult{Message: cut("ignored: "+why(f), maxText), Text: strings.Join(findingLines(f), "\n")}
}

// add adds a case, and counts it.
func (s *junitSuite) add(c junitCase) {
	c.Class = s.Name
	s.Cases = append(s.Cases, c)
	s.Tests++
	if c.Failure != nil {
		s.Failures++
	}
	if c.Skipped != nil {
		s.Skipped++
	}
}

// routeCase is the case of a route. A finding is told in full where it comes first, as one may be about
// thousands of routes.
func routeCase(route *inspect.RouteReport, findings []*inspect.Finding, more int, told map[*inspect.Finding]bool) junitCase {
	c := junitCase{Name: cut(route.ID, maxText), File: cut(route.Place.File, maxText), Line: route.Place.Line}
	var lines []string
	for _, f := range findings {
		lines = append(lines, toldOnce(f, told)...)
	}
	if more > 0 {
		lines = append(lines, "and "+count(more, "more finding"))
	}
	text := strings.Join(lines, "\n")
	switch route.Verdict {
	case inspect.VerdictBroken:
		c.Failure = &junitResult{Message: broke(route, findings), Type: "broken", Text: text}
		if len(findings) > 0 {
			c.Failure.Type = Clean(findings[0].Rule.ID)
		}
	case inspect.VerdictUnknown:
		c.Skipped = &junitResult{Message: "where this route leads could not be determined", Text: text}
	default:
		if text != "" {
			c.Output = &junitOutput{text}
		}
	}
	return c
}

// broke says in a line what is wrong with a route that is broken.
func broke(route *inspect.RouteReport, findings []*inspect.Finding) string {
	text := string(route.Verdict)
	if len(findings) > 0 {
		text = findings[0].Message
	}
	if route.Status != inspect.StatusNone {
		text += " (" + outcome(route.Status) + ")"
	}
	return cut(text, maxText)
}

// toldOnce is a finding in full the first time, and then in a line.
func toldOnce(f *inspect.Finding, told map[*inspect.Finding]bool) []string {
	if told[f] {
		return []string{headlineText(f, maxLabel) + "; see the first case that has it"}
	}
	told[f] = true
	return findingLines(f)
}

// findingLines is a finding in full: its message, its place, what was seen, and the fix.
func findingLines(f *inspect.Finding) []string {
	lines := []string{headlineText(f, maxText)}
	if f.Place.Known() {
		lines = append(lines, cut("at: "+placeText(f.Place), maxText))
	}
	for _, line := range saidOf(f) {
		lines = append(lines, cut(line, maxText))
	}
	return lines
}

// headlineText is a finding in a line, its message in at most so many characters.
func headlineText(f *inspect.Finding, most int) string {
	return severityName(f.Severity) + ": " + cut(f.Message, most) + " [" + Clean(f.Rule.ID) + "]"
}

// findingCase is the case of a finding that is about no route.
func findingCase(f *inspect.Finding) junitCase {
	c := junitCase{Name: Clean(f.Rule.ID) + ": " + cut(f.Message, maxText), File: cut(f.Place.File, maxText), Line: f.Place.Line}
	text := strings.Join(findingLines(f), "\n")
	if f.Severity == inspect.Error {
		c.Failure = &junitResult{Message: cut(f.Message, maxText), Type: Clean(f.Rule.ID), Text: text}
	} else {
		c.Output = &junitOutput{text}
	}
	return c
}
