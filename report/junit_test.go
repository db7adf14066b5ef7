package report

import (
	"encoding/xml"
	"strings"
	"testing"

	"why502/inspect"
)

// junitRead is a report as a CI system reads it.
func junitRead(t *testing.T, r *inspect.Report, opts Options) (suites junitSuites) {
	t.Helper()
	out := printed(t, "junit", r, opts)
	if err := xml.Unmarshal([]byte(out), &suites); err != nil {
		t.Fatalf("%v in:\n%s", err, out)
	}
	return suites
}

// Whatever is in the text, it is XML, and the text of what it says.
func TestJUnitHostileText(t *testing.T) {
	for name, text := range hostileTexts {
		t.Run(name, func(t *testing.T) {
			suites := junitRead(t, fillText(text), Options{})
			if len(suites.Suites) != 1 || suites.Tests != 3 || suites.Failures != 2 || suites.Skipped != 1 {
				t.Fatalf("a route, a finding and an ignored one are %+v", suites)
			}
			cases := suites.Suites[0].Cases
			same(t, cases[0].Name, cut(text, maxText))
			same(t, cases[0].Failure.Message, cut(text, maxText)+" (502)")
			same(t, cases[1].Failure.Message, cut(text, maxText))
			if !strings.Contains(cases[1].Failure.Text, "fix: "+cut(text, maxText)) && text != "" {
				t.Errorf("no fix in %q", cases[1].Failure.Text)
			}
		})
	}
}

// What has failed is what is broken; what could not be determined is skipped; a warning is told of a case that
// has passed.
func TestJUnitVerdicts(t *testing.T) {
	for verdict, want := range map[inspect.Verdict]string{
		inspect.VerdictBroken:       "failed",
		inspect.VerdictLikelyBroken: "passed, with words",
		inspect.VerdictAtRisk:       "passed, with words",
		inspect.VerdictUnknown:      "skipped",
		inspect.VerdictOK:           "passed, with words",
	} {
		r := clean()
		r.Routes[0].Verdict = verdict
		r.Findings = []*inspect.Finding{startRace(r.Routes[0].ID)}
		c := junitRead(t, r, Options{}).Suites[0].Cases[0]
		got := "passed"
		switch {
		case c.Failure != nil:
			got = "failed"
		case c.Skipped != nil:
			got = "skipped"
		case c.Output != nil:
			got = "passed, with words"
		}
		if got != want {
			t.Errorf("a route that is %s has %s, want %s", verdict, got, want)
		}
	}
}

// A finding about many routes is told in full once.
func TestJUnitTellsOnce(t *testing.T) {
	suites := junitRead(t, crowd(), Options{})
	full, short := 0, 0
	for _, c := range suites.Suites[0].Cases {
		if c.Failure != nil {
			full += strings.Count(c.Failure.Text, "fix: listen on all addresses")
			short += strings.Count(c.Failure.Text, "[upstream-listens-on-loopback]; see the first case that has it")
		}
	}
	if full != 1 || short != 99 || suites.Failures != 102 {
		t.Errorf("told in full %d times, in short %d times; %d failures", full, short, suites.Failures)
	}
}

// Every proxy has a suite, also one without a route, and also one that only a finding knows of.
func TestJUnitSuites(t *testing.T) {
	r := clean()
	r.Proxies = []inspect.ProxyReport{{Service: "idle"}, {Service: "edge"}}
	lost := mayGoStale()
	lost.Proxy = "lost"
	r.Findings = []*inspect.Finding{lost}
	var names []string
	for _, s := range junitRead(t, r, Options{}).Suites {
		names = append(names, s.Name)
	}
	same(t, strings.Join(names, " "), "idle edge lost")
}
