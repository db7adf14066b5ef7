package report

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"why502/compose/proxy"
	"why502/inspect"
)

// update rewrites the expected outputs: go test ./report -update. Then read the diff.
var update = flag.Bool("update", false, "rewrite the want files under testdata")

// printed is a report in a format.
func printed(t testing.TB, format string, r *inspect.Report, opts Options) string {
	t.Helper()
	var b strings.Builder
	for _, f := range Formats() {
		if f.Name == format {
			if err := f.Write(&b, r, opts); err != nil {
				t.Fatal(err)
			}
			return b.String()
		}
	}
	t.Fatalf("there is no format %s", format)
	return ""
}

// golden compares a text with what a file in testdata has, or writes it there.
func golden(t *testing.T, name, got string) {
	t.Helper()
	name = filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatalf("%v; go test ./report -update writes it", err)
	}
	same(t, got, string(want))
}

// What each format for CI prints, of a project in a folder of the workspace.
func TestGolden(t *testing.T) {
	for format, file := range map[string]string{
		"github":   "shop.github.txt",
		"sarif":    "shop.sarif",
		"markdown": "shop.md",
		"junit":    "shop.junit.xml",
	} {
		t.Run(format, func(t *testing.T) {
			golden(t, file, printed(t, format, shop(), Options{Version: "0.1.0", Prefix: "deploy"}))
		})
	}
}

func TestInWorkspace(t *testing.T) {
	for _, test := range []struct{ prefix, file, want string }{
		{"", "nginx.conf", "nginx.conf"},
		{".", "conf.d/a.conf", "conf.d/a.conf"},
		{"deploy/prod", "nginx.conf", "deploy/prod/nginx.conf"},
		{"deploy/prod", "../nginx.conf", "deploy/nginx.conf"},
		{"../elsewhere", "nginx.conf", "../elsewhere/nginx.conf"},
		{"deploy", "/etc/nginx.conf", "/etc/nginx.conf"},
		{"deploy", "-", ""}, // standard input
		{"deploy", "", ""},
	} {
		r := &inspect.Report{
			Project: inspect.Project{Files: []string{test.file}},
			Routes:  []inspect.RouteReport{{Place: at(test.file, 1, 2)}},
			Findings: []*inspect.Finding{{
				Place:   at(test.file, 1, 2),
				Related: []inspect.Related{{Place: at(test.file, 1, 2)}},
				Fix:     inspect.Fix{Edits: []inspect.Edit{{File: test.file}}},
			}},
		}
		r.Ignored = r.Findings
		moved := inWorkspace(r, test.prefix)
		f := moved.Findings[0]
		for what, got := range map[string]string{
			"file": moved.Project.Files[0], "route": moved.Routes[0].Place.File, "ignored": moved.Ignored[0].Place.File,
			"finding": f.Place.File, "related": f.Related[0].Place.File, "edit": f.Fix.Edits[0].File,
		} {
			if got != test.want {
				t.Errorf("%s %s below %q is %q, want %q", what, test.file, test.prefix, got, test.want)
			}
		}
		if r.Findings[0].Place.File != test.file {
			t.Error("the report itself is changed")
		}
	}
}

// What rules and files leave out is left out, and nothing breaks.
func TestFormatsOfLittle(t *testing.T) {
	little := &inspect.Report{
		Routes:   []inspect.RouteReport{{}, {ID: "a", Proxy: "b", Verdict: inspect.VerdictUnknown, Backends: make([]inspect.BackendReport, 2)}},
		Findings: []*inspect.Finding{{Rule: staleRule, Severity: inspect.Note, Routes: []string{"a", "gone"}, Related: make([]inspect.Related, 1), Fix: inspect.Fix{Edits: make([]inspect.Edit, 1)}}},
	}
	for name, r := range map[string]*inspect.Report{"nothing": {}, "little": little} {
		for _, format := range Formats() {
			if printed(t, format.Name, r, Options{}) == "" {
				t.Errorf("%s of %s is empty", format.Name, name)
			}
		}
	}
}

func TestCut(t *testing.T) {
	for _, test := range []struct{ in, want string }{
		{"", ""},
		{"12345", "12345"},
		{"123456", "1234…"},
		{"äöüäöü", "äöüä…"},
		{"\x1b[2J", `\x1b…`},
		{"\U0001F600\U0001F600\U0001F600\U0001F600\U0001F600", "\U0001F600\U0001F600\U0001F600\U0001F600\U0001F600"},
		{"a" + strings.Repeat("\U0001F600", 9), "a\U0001F600\U0001F600\U0001F600…"},
	} {
		same(t, cut(test.in, 5), test.want)
	}
}

// fillText puts a text into every text of a report that files, containers and logs can fill.
func fillText(text string) *inspect.Report {
	r := &inspect.Report{
		Project:   inspect.Project{Name: text, Directory: text, Files: []string{text}},
		Live:      inspect.Live{State: inspect.LivePartial, Note: text},
		Verdict:   inspect.VerdictBroken,
		Proxies:   []inspect.ProxyReport{{Service: text, Image: text, Config: []string{text}, State: text}},
		Unchecked: []proxy.Unchecked{{What: text, Why: text}},
	}
	route := inspect.RouteReport{
		ID: text, Proxy: text, Published: []string{text}, Listen: text, Server: text, Location: text, Pass: text, Target: text,
		Place: at(text, 1, 1), Verdict: inspect.VerdictBroken, Status: inspect.Status502,
		Backends: []inspect.BackendReport{{Host: text, Port: 1, Service: text, Hops: hops(inspect.HopPort, inspect.HopBroken)}},
	}
	r.Routes = []inspect.RouteReport{route}
	finding := func(routes []string, fix inspect.Fix) *inspect.Finding {
		fix.Text, fix.Run = text, text
		return &inspect.Finding{
			Rule: loopbackRule, Severity: inspect.Error, Confidence: inspect.Proven, Message: text, Place: at(text, 1, 1), Excerpt: text,
			Proxy: text, Service: text, Routes: routes, Status: inspect.Status502,
			Evidence: []inspect.Evidence{{Source: "log", Text: text}},
			Related:  []inspect.Related{{Place: at(text, 2, 2), Excerpt: text, Text: text}},
			Fix:      fix,
		}
	}
	ignored := finding(nil, inspect.Fix{})
	ignored.By = &inspect.Ignore{Kind: inspect.ByComment, Rule: text, Subject: text, Reason: text, Place: at(text, 3, 3)}
	r.Ignored = []*inspect.Finding{ignored}
	r.Remarks = []inspect.Remark{{Place: at(text, 4, 4), Text: text}}
	r.Findings = []*inspect.Finding{
		finding([]string{text}, inspect.Fix{Edits: []inspect.Edit{{File: text, Line: 1, LineEnd: 1, Old: text, New: text}}}),
		finding(nil, inspect.Fix{Paste: text}),
	}
	return r
}

// hostileTexts are texts that try to be more than text in one format or another.
var hostileTexts = map[string]string{
	"a command":         "x\n::error::forged",
	"an old command":    "##[error]forged",
	"an escaped one":    "%0A::error::forged,title=x:y",
	"a script":          `<script>alert("x")</script><img src=x onerror='alert(1)'>`,
	"an end of script":  `</script><!-- --><script>`,
	"a table":           "a | b \\| c \\",
	"code":              "a `b` ``` c\n```\n# heading\n",
	"a fence":           "```\n<b>x</b>\n~~~\n",
	"markdown":          "*a* _b_ [c](http://evil.example/) ![d](e) ~~f~~ $g$ @h #1 https://evil.example/",
	"a list":            "- a\n1. b\n> c\n    d",
	"a diagram":         "a\"] --> b\n  click a \"http://evil.example/\"\nend; subgraph %% #quot; #35;",
	"an end of CDATA":   "]]> <failure/> &amp; &#0;",
	"control":           "\x00\x01\x08\x0b\x7f\x1b[31m\u009b1m\ufffe\uffff\ufeff",
	"a terminal escape": "\x1b]8;;http://evil.example/\x07click\x1b]8;;\x07",
	"directions":        "a\u202egnp.exe\u2066\u200b",
	"no UTF-8":          "\xff\xfe\xc3",
	"carriage returns":  "a\rb\r\nc",
	"a path":            "../../etc/passwd?a=b#c%d:e",
	"nothing":           "",
}

// Of a route, what is at its own place comes first, then the worst; the others are counted.
func TestFindingsByRoute(t *testing.T) {
	r := clean()
	own, other := r.Routes[0].ID, r.Routes[1].ID
	for range maxOfRoute + 2 {
		r.Findings = append(r.Findings, &inspect.Finding{Routes: []string{own, other, "gone"}})
	}
	r.Findings = append(r.Findings, &inspect.Finding{Routes: []string{own}, Place: r.Routes[0].Place})
	by := findingsByRoute(r.Routes, r.Findings)
	for id, want := range map[string]string{own: "[7 0 1 2 3] and 3", other: "[0 1 2 3 4] and 2"} {
		same(t, fmt.Sprintf("%v and %d", by[id].first, by[id].more), want)
	}
}
