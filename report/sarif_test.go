package report

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"why502/inspect"
)

// sarifRead is a report as a program reads it.
func sarifRead(t *testing.T, r *inspect.Report) sarifRun {
	t.Helper()
	var log sarifLog
	if err := json.Unmarshal([]byte(printed(t, "sarif", r, Options{})), &log); err != nil {
		t.Fatal(err)
	}
	return log.Runs[0]
}

// Whatever is in the text, the document is what the standard's schema asks for, and text that people can be shown.
func TestSARIFIsValid(t *testing.T) {
	s, err := jsonschema.NewCompiler().Compile("testdata/sarif-schema-2.1.0.json")
	if err != nil {
		t.Fatal(err)
	}
	reports := map[string]*inspect.Report{"shop": shop(), "clean": clean(), "no project": {}}
	for name, text := range hostileTexts {
		reports[name] = fillText(text)
	}
	for name, r := range reports {
		t.Run(name, func(t *testing.T) {
			if err := s.Validate(decoded(t, printed(t, "sarif", r, Options{}))); err != nil {
				t.Error(err)
			}
			for _, result := range sarifRead(t, r).Results {
				if first, _, _ := strings.Cut(result.Message.Text, "\n"); strings.ContainsAny(first, "\x1b\x00\u202e") || strings.Contains(strings.ReplaceAll(first, `\]`, ""), "](") {
					t.Errorf("the message is %q", first)
				}
			}
		})
	}
}

// Of many results the worst are there, and the run says how many are not.
func TestSARIFLimits(t *testing.T) {
	r := shop()
	for range maxResults {
		r.Findings = append(r.Findings, mayGoStale())
	}
	run := sarifRunOf(r, Options{})
	notes := run.Invocations[0].Notifications
	if len(run.Results) != maxResults || run.Results[0].Level != "error" {
		t.Errorf("%d results, first %s", len(run.Results), run.Results[0].Level)
	}
	same(t, notes[len(notes)-1].Message.Text, "and 5 results more, which are left out: GitHub shows 5000")
}

// What --ignore leaves out is suppressed, and where a finding has no place there is one for GitHub.
func TestSARIFSuppressed(t *testing.T) {
	run := sarifRead(t, shop())
	last := run.Results[len(run.Results)-1]
	if len(run.Results) != 5 || len(last.Suppressions) != 1 || len(run.Results[0].Suppressions) != 0 {
		t.Errorf("%d results, the last is %+v", len(run.Results), last)
	}
	if at := last.Locations[0].Physical; at.Artifact.URI != "compose.yaml" || at.Region.StartLine != 1 {
		t.Errorf("it is at %+v", at)
	}
}

// A finding is known again when its line moves and when the daemon says something new of it, and two that are
// alike are told apart.
func TestSARIFFingerprints(t *testing.T) {
	prints := func(findings ...*inspect.Finding) (list []string) {
		for _, result := range sarifRead(t, &inspect.Report{Findings: findings}).Results {
			list = append(list, result.Fingerprints["why502/v1"])
		}
		return list
	}
	moved, edited := loopback("a"), loopback("a")
	moved.Place.Line, moved.Excerpt, moved.Message = 99, "proxy_pass http://api:8000;", "seen now"
	edited.Excerpt = "proxy_pass http://api:9000;"
	got := prints(loopback("a"), loopback("b"), edited)
	if again := prints(moved); again[0] != got[0] {
		t.Errorf("moved, %s is %s", got[0], again[0])
	}
	if got[0] == got[1] || got[0] == got[2] {
		t.Errorf("different findings have the same fingerprint: %s", got)
	}
}

// A replacement does to the characters of a file what the edit does to its lines.
func TestReplacement(t *testing.T) {
	const file = "one\n  zwölf 😀\nthree\n"
	for _, test := range []struct {
		edit inspect.Edit
		want string
	}{
		{inspect.Edit{Line: 2, LineEnd: 2, Old: "  zwölf 😀", New: "two"}, "one\ntwo\nthree\n"},
		{inspect.Edit{Line: 1, LineEnd: 2, Old: "one\n  zwölf 😀", New: "1\n2\n2b"}, "1\n2\n2b\nthree\n"},
		{inspect.Edit{Line: 1, LineEnd: 2, Old: "one\n  zwölf 😀\n", New: "1\n"}, "1\nthree\n"},
		{inspect.Edit{Line: 2, LineEnd: 2, New: "a"}, "one\na\n  zwölf 😀\nthree\n"},
		{inspect.Edit{Line: 2, LineEnd: 2, New: "a\nb\n"}, "one\na\nb\n  zwölf 😀\nthree\n"},
		{inspect.Edit{Line: 2, LineEnd: 2, Old: "  zwölf 😀"}, "one\nthree\n"},
	} {
		t.Run(fmt.Sprintf("%q", test.edit.New), func(t *testing.T) { same(t, replaced(file, replacement(test.edit)), test.want) })
	}
}

// replaced carries out a replacement: lines and columns count from 1, columns in characters, the end is behind
// the last one.
func replaced(text string, r sarifReplacement) string {
	offset := func(line, column int) int {
		at := 0
		for ; line > 1; line-- {
			at += strings.IndexByte(text[at:], '\n') + 1
		}
		return at + len(string([]rune(text[at:])[:column-1]))
	}
	from, to := offset(r.Deleted.StartLine, r.Deleted.StartColumn), offset(r.Deleted.EndLine, r.Deleted.EndColumn)
	return text[:from] + r.Inserted.Text + text[to:]
}

func TestArtifact(t *testing.T) {
	for file, want := range map[string]string{
		"conf.d/a.conf":  "conf.d/a.conf",
		"a b/ä%.conf":    "a%20b/%C3%A4%25.conf",
		"a:b.conf":       "./a:b.conf",
		"../a?b#c":       "../a%3Fb%23c",
		"\xff\n":         "%FF%0A",
		"/etc/nginx/a b": "file:///etc/nginx/a%20b",
	} {
		same(t, artifact(file).URI, want)
	}
}
