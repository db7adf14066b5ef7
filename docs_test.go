package main

import (
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
