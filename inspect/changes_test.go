package inspect

import (
	"slices"
	"testing"
)

// What came and what went between two reports, by the fingerprints of their findings.
func TestSince(t *testing.T) {
	f := func(severity Severity, prints ...string) *Finding {
		return &Finding{Severity: severity, Message: prints[0], Fingerprints: prints}
	}
	for name, test := range map[string]struct {
		before, now []*Finding
		came, went  string // the messages, one letter each
	}{
		"nothing":                  {nil, nil, "", ""},
		"the same":                 {[]*Finding{f(Error, "a"), f(Note, "b")}, []*Finding{f(Note, "b"), f(Error, "a")}, "", ""},
		"came":                     {[]*Finding{f(Error, "a")}, []*Finding{f(Error, "a"), f(Error, "b")}, "b", ""},
		"went":                     {[]*Finding{f(Error, "a"), f(Error, "b")}, []*Finding{f(Error, "b")}, "", "a"},
		"another in its place":     {[]*Finding{f(Error, "a")}, []*Finding{f(Error, "b")}, "b", "a"},
		"worse":                    {[]*Finding{f(Warning, "a")}, []*Finding{f(Error, "a")}, "a", ""},
		"less bad":                 {[]*Finding{f(Error, "a")}, []*Finding{f(Note, "a")}, "", ""},
		"at one more place":        {[]*Finding{f(Error, "a")}, []*Finding{f(Error, "a", "b")}, "a", ""},
		"at one place less":        {[]*Finding{f(Error, "a", "b")}, []*Finding{f(Error, "a")}, "", ""},
		"again, on a like line":    {[]*Finding{f(Error, "a")}, []*Finding{f(Error, "a"), f(Error, "a")}, "a", ""},
		"one of two on like lines": {[]*Finding{f(Error, "a"), f(Error, "a")}, []*Finding{f(Error, "a")}, "", "a"},
	} {
		t.Run(name, func(t *testing.T) {
			now := &Report{Findings: test.now}
			came, went := now.Since(&Report{Findings: test.before})
			if wordsOf(came) != test.came || wordsOf(went) != test.went {
				t.Errorf("%q came and %q went, want %q and %q", wordsOf(came), wordsOf(went), test.came, test.went)
			}
			if !slices.Equal(now.Findings, test.now) {
				t.Error("the report is another one now")
			}
		})
	}
}

func wordsOf(findings []*Finding) (all string) {
	for _, f := range findings {
		all += f.Message
	}
	return all
}
