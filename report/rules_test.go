package report

import (
	"strings"
	"testing"

	"why502/inspect"
)

func TestExplain(t *testing.T) {
	var b strings.Builder
	if err := Explain(&b, loopbackRule); err != nil {
		t.Fatal(err)
	}
	same(t, b.String(), `upstream-listens-on-loopback: the app listens on 127.0.0.1 only

hop       port
severity  error

An app that listens on 127.0.0.1 can be reached from inside its own container
only. nginx runs in another one, so its connections are refused.

wrong:
    services:
      api:
        command: uvicorn main:app --host 127.0.0.1 --port 8000

right:
    services:
      api:
        command: uvicorn main:app --host 0.0.0.0 --port 8000

fix: Let the app listen on all addresses, 0.0.0.0. No port has to be published
     for that.
`)
}

// Prose is wrapped anew: the line breaks of the source code that it stands in mean nothing.
func TestExplainReflows(t *testing.T) {
	rule := &inspect.Rule{ID: "a", Title: "b", Severity: inspect.Note, Why: "\none\ntwo\n\nthree\n"}
	var b strings.Builder
	if err := Explain(&b, rule); err != nil {
		t.Fatal(err)
	}
	same(t, b.String(), "a: b\n\nhop       config\nseverity  note\n\none two\n\nthree\n")
}

func TestRuleList(t *testing.T) {
	var b strings.Builder
	if err := RuleList(&b, []*inspect.Rule{raceRule, loopbackRule}); err != nil {
		t.Fatal(err)
	}
	same(t, b.String(), `upstream-start-race           nginx may start before the service it needs
upstream-listens-on-loopback  the app listens on 127.0.0.1 only
`)
}

// Prose is plain text in Markdown, whatever is in it; source text stands in a block that it cannot end.
func TestRulePages(t *testing.T) {
	rule := &inspect.Rule{ID: "a-rule", Hop: inspect.HopName, Severity: inspect.Warning, Title: "a <b> of *c*", Why: "one\ntwo\n\n[x](y) \x1b[31m", Bad: "x;\n```\n</y>\n", Fix: "set $x"}
	var b strings.Builder
	if err := RulePages(&b, []*inspect.Rule{rule}); err != nil {
		t.Fatal(err)
	}
	_, got, _ := strings.Cut(b.String(), "## name\n")
	same(t, got, "\n- [a-rule](#a-rule): a &lt;b&gt; of \\*c\\*\n\n### a-rule\n\nwarning: a &lt;b&gt; of \\*c\\*.\n\none two\n\n\\[x\\](y) \\\\x1b\\[31m\n"+
		"\nWrong:\n\n````\nx;\n```\n</y>\n````\n\nFix: set \\$x\n")
}
