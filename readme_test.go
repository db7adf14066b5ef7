package main

import (
	"os"
	"strings"
	"testing"
)

// The session in the README is what a reader gets, up to where it is cut.
func TestReadmeShowsTheReport(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, session, _ := strings.Cut(string(readme), "```\n")
	session, _, cut := strings.Cut(session, "...\n```")
	report := why502(t, nil, "--live=off", "testdata/shop").stdout
	if !cut || !strings.HasPrefix(report, session) {
		t.Errorf("the README shows\n%s\nbut the report is\n%s", session, report)
	}
}
