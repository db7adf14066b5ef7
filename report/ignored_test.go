package report

import (
	"strings"
	"testing"

	"why502/inspect"
)

// accepted is a report with nothing wrong but what is ignored: by a comment, by the project's file, by a baseline
// and by --ignore.
func accepted() *inspect.Report {
	r := shop()
	by := func(f *inspect.Finding, i inspect.Ignore) *inspect.Finding {
		f.By = &i
		return f
	}
	r.Findings, r.Ignored = nil, []*inspect.Finding{
		by(r.Findings[0], inspect.Ignore{Kind: inspect.ByComment, Reason: "moved <soon>", Place: at("nginx.conf", 13, 9)}),
		by(r.Findings[1], inspect.Ignore{Kind: inspect.ByFile, Reason: "not ours", Place: at(".why502.yaml", 2, 3)}),
		by(r.Findings[2], inspect.Ignore{Kind: inspect.ByBaseline, Reason: "accepted in b.json"}),
		by(r.Findings[3], inspect.Ignore{Kind: inspect.ByFlag}),
	}
	r.Remarks = []inspect.Remark{{Place: at("nginx.conf", 3, 5), Text: "this ignores nothing"}}
	return r
}

// What is ignored stays visible in every format, with its reason, and nothing of it fails.
func TestIgnoredIsShown(t *testing.T) {
	for format, wants := range map[string][]string{
		"text":     {"moved <soon> (nginx.conf:13:9)", "not ours (.why502.yaml:2:3)", "1 finding accepted in b.json", "nginx.conf:3:5: this ignores nothing", "1 finding left out because of --ignore"},
		"json":     {`"suppressed": 4`, `"reason": "moved <soon>"`, `"kind": "baseline"`, `"text": "this ignores nothing"`},
		"github":   {"moved <soon> (d/nginx.conf:13:9)", "why502: ignored: 1 finding accepted in b.json", "d/nginx.conf:3:5: this ignores nothing"},
		"sarif":    {`"kind": "inSource"`, `"justification": "moved <soon>"`, `"justification": "--ignore"`, "d/nginx.conf:3:5: this ignores nothing"},
		"markdown": {"moved &#60;soon&#62;", " finding accepted in b.json", "this ignores nothing"},
		"junit":    {`failures="0" skipped="4"`, `message="ignored: moved &lt;soon&gt;"`},
		"html":     {"moved &lt;soon&gt;", "1 finding accepted in b.json", "this ignores nothing"},
	} {
		t.Run(format, func(t *testing.T) {
			got := printed(t, format, accepted(), Options{Prefix: "d", Width: 1000})
			for _, want := range wants {
				if !strings.Contains(got, want) {
					t.Errorf("no %q in\n%s", want, got)
				}
			}
			if strings.Contains(got, "::error") || strings.Contains(got, "<failure") {
				t.Errorf("something fails:\n%s", got)
			}
		})
	}
}

// A report accepts what it has, and what it had accepted itself; what is no report accepts nothing.
func TestReadBaseline(t *testing.T) {
	r := accepted()
	r.Findings = []*inspect.Finding{startRace("a")}
	for i, f := range append(r.Findings, r.Ignored...) {
		f.Fingerprints = []string{strings.Repeat("f", i+1)}
	}
	b, err := ReadBaseline("b.json", []byte(printed(t, "json", r, Options{})))
	if err != nil {
		t.Fatal(err)
	}
	if len(b.Accepted) != 2 || b.Accepted[0].Fingerprints[0] != "f" || b.Accepted[1].Fingerprints[0] != "ffff" || b.Accepted[0].Severity != inspect.Warning {
		t.Errorf("%+v", b)
	}
	for text, want := range map[string]string{
		"":                                "no report",
		"[]":                              "no report",
		`{"version": 1}`:                  "no report",
		`{"version": 2, "findings": []}`:  "it has version 2",
		`{"version": 1, "findings": [1]}`: "no report",
		`{"version": 1, "findings": [{"severity": "error"}]}`:                      "fingerprints",
		`{"version": 1, "findings": [{"severity": "x", "fingerprints": ["a"]}]}`:   "severity",
		`{"version": 1, "findings": null, "suppressed": [{"by": {"kind": "no"}}]}`: "no report",
	} {
		if _, err := ReadBaseline("b.json", []byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
}
