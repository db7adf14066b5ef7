package inspect

import (
	"slices"
	"strings"
	"testing"

	"why502/compose"
	"why502/compose/proxy"
)

var (
	configRule  = &Rule{ID: "a-config", Hop: HopConfig, Severity: Error}
	nameRule    = &Rule{ID: "b-name", Hop: HopName, Severity: Error}
	nameRule2   = &Rule{ID: "c-name", Hop: HopName, Severity: Error}
	warningRule = &Rule{ID: "d-name", Hop: HopName, Severity: Warning}
)

func TestMerge(t *testing.T) {
	at := func(line int) proxy.Place { return proxy.Place{File: "f", Line: line} }
	make := func(message, proxy, route string, line int, edits ...Edit) *Finding {
		return &Finding{Rule: nameRule, Severity: Warning, Message: message, Proxy: proxy, Place: at(line), Routes: []string{route}, Fix: Fix{Edits: edits}}
	}
	one, two := Edit{File: "f", Line: 1}, Edit{File: "f", Line: 2}
	first, again := make("m", "edge", "r1", 1, one), make("m", "edge", "r2", 2, one, two)
	again.Severity = Error
	other := make("m", "edge", "r2", 1)
	other.Rule = nameRule2
	got := merge([]*Finding{first, again, make("m", "edge", "r1", 1), make("n", "edge", "r3", 3), make("m", "inner", "r4", 4), other})

	if len(got) != 4 {
		t.Fatalf("%d findings", len(got))
	}
	m := got[0]
	equal(t, m.Routes, []string{"r1", "r2"})
	equal(t, m.Fix.Edits, []Edit{one, two})
	if m.Place != at(1) || len(m.Related) != 1 || m.Related[0].Place != at(2) {
		t.Errorf("it is at %v, and also at %v", m.Place, m.Related)
	}
	if m.Severity != Error {
		t.Error("the worse severity is lost")
	}
}

// Each row has two findings of which the first comes first, however they are given.
func TestCompareFindings(t *testing.T) {
	find := func(change func(*Finding)) *Finding {
		f := &Finding{Rule: nameRule, Severity: Error, Routes: []string{"r"}, Message: "m", Place: proxy.Place{File: "f", Line: 5, Column: 5}}
		change(f)
		return f
	}
	routes := func(n int) []string { return slices.Repeat([]string{"r"}, n) }
	stop := func(f *Finding, order int) { f.Status, f.order = StatusNoStart, order }
	for _, test := range []struct {
		what         string
		first, later func(*Finding)
	}{
		{"severity, before the number of routes",
			func(f *Finding) {}, func(f *Finding) { f.Severity, f.Routes = Warning, routes(9) }},
		{"warning before note",
			func(f *Finding) { f.Severity = Warning }, func(f *Finding) { f.Severity, f.Routes = Note, routes(9) }},
		{"requests fail, before they may",
			func(f *Finding) { f.Severity = Warning }, func(f *Finding) { f.Severity, f.Rule, f.Routes = Warning, warningRule, routes(9) }},
		{"requests fail, before one of several servers does",
			func(f *Finding) { f.Severity = Warning }, func(f *Finding) { f.Severity, f.may, f.Routes = Warning, true, routes(9) }},
		{"how many routes, before the hop",
			func(f *Finding) { f.Routes = routes(2) }, func(f *Finding) { f.Rule = configRule }},
		{"what nginx meets first, before the hop",
			func(f *Finding) { stop(f, 1) }, func(f *Finding) { stop(f, 2); f.Rule = configRule }},
		{"what stops nginx, before what does not and is of a later hop",
			func(f *Finding) { stop(f, 7); f.Rule = configRule }, func(f *Finding) { f.Status = Status502 }},
		{"hop, before the file",
			func(f *Finding) { f.Rule = configRule }, func(f *Finding) { f.Place.File = "e" }},
		{"file, before the line",
			func(f *Finding) {}, func(f *Finding) { f.Place.File, f.Place.Line = "g", 1 }},
		{"line, as a number, before the column",
			func(f *Finding) {}, func(f *Finding) { f.Place.Line, f.Place.Column = 10, 1 }},
		{"column, before the rule",
			func(f *Finding) { f.Rule = nameRule2 }, func(f *Finding) { f.Place.Column = 10 }},
		{"rule, before the message",
			func(f *Finding) { f.Message = "z" }, func(f *Finding) { f.Rule = nameRule2 }},
		{"message", func(f *Finding) {}, func(f *Finding) { f.Message = "n" }},
	} {
		first, later := find(test.first), find(test.later)
		if compareFindings(first, later) >= 0 || compareFindings(later, first) <= 0 {
			t.Errorf("%s: %d", test.what, compareFindings(first, later))
		}
	}
}

func TestIgnores(t *testing.T) {
	ignores := func(i compose.Ignore, f *Finding) bool { return (&ignorer{judge: &judge{}}).matches(&i, f) }
	f := &Finding{Rule: nameRule, Proxy: "edge", Service: "api", subject: "backend", Routes: []string{"edge:80 / -> api:8000", "edge:80 /b -> api:8000"}}
	for ignore, want := range map[string]bool{
		"b-name": true, "*": true, "c-name": false, "b": false, "b-*": false,
		"b-name=api": true, "b-name=edge": true, "b-name=backend": true, "*=api": true, "*=*": true,
		"b-name=web": false, "c-name=api": false, "b-name=ap": false, "b-name=ap*": true, "b-name=*end": true, "b-name=b*e*d": true,
		"b-name=edge:80 /b -> api:8000": true, "b-name=edge:80 *": true, "b-name=edge:81 *": false, "b-name=* -> api:8000": true,
	} {
		rule, subject, _ := strings.Cut(ignore, "=")
		if got := ignores(compose.Ignore{Rule: rule, Subject: subject}, f); got != want {
			t.Errorf("--ignore %s: %v", ignore, got)
		}
	}
	// a finding without a service is not one of the service ""
	if ignores(compose.Ignore{Rule: "b-name", Subject: "x*"}, &Finding{Rule: nameRule}) {
		t.Error("an empty subject matches x*")
	}
}

func TestWildcard(t *testing.T) {
	for _, test := range []struct {
		pattern, text string
		want          bool
	}{
		{"api", "api", true}, {"api", "apis", false}, {"", "", true}, {"", "a", false},
		{"*", "", true}, {"*", "anything", true}, {"**", "x", true},
		{"a*", "a", true}, {"a*", "ba", false}, {"*a", "ba", true}, {"*a", "ab", false},
		{"a*a", "a", false}, {"a*a", "aa", true}, {"a*b*c", "axbxc", true}, {"a*b*c", "axcxb", false}, {"a*bc*c", "abc", false},
		{"a?", "ab", false}, {"[a]", "a", false}, {"A*", "abc", false},
	} {
		if got := wildcard(test.pattern, test.text); got != test.want {
			t.Errorf("%q, %q: %v", test.pattern, test.text, got)
		}
	}
}

// What is ignored is still counted, and changes no verdict of a route.
func TestIgnoredIsCounted(t *testing.T) {
	stack := shop(t, server(pass("/", "http://nope:80")), edge+api)
	r := Judge(stack, nil, Live{}, Options{Ignore: []compose.Ignore{{Kind: compose.ByFlag, Rule: "*", Subject: "nope"}}})
	if len(r.Ignored) != 1 || len(r.Findings) != 0 || r.Verdict != VerdictBroken {
		t.Errorf("%d ignored, %s, verdict %s", len(r.Ignored), messages(r.Findings), r.Verdict)
	}
}

func TestPublishedText(t *testing.T) {
	for want, port := range map[string]compose.Port{
		"0.0.0.0:8080":   {Published: 8080, Target: 80},
		"127.0.0.1:8080": {HostIP: "127.0.0.1", Published: 8080, Target: 80},
		"[::1]:8080":     {HostIP: "::1", Published: 8080, Target: 80},
		"0.0.0.0:?":      {Target: 80},
		"127.0.0.1:?":    {HostIP: "127.0.0.1", Target: 80},
	} {
		if got := publishedText(port); got != want {
			t.Errorf("%+v: %s, want %s", port, got, want)
		}
	}
}

// The verdict of the whole is the worst of the routes'.
func TestWorst(t *testing.T) {
	order := []Verdict{VerdictOK, VerdictUnknown, VerdictAtRisk, VerdictLikelyBroken, VerdictBroken}
	for i, a := range order {
		for j, b := range order {
			if got := worst(a, b); got != order[max(i, j)] {
				t.Errorf("of %s and %s %s is worse", a, b, got)
			}
		}
	}
}

// What could not be looked at is listed, each thing once.
func TestUnchecked(t *testing.T) {
	conf := server(pass("/", "http://api.example.com"), pass("/b", "http://api.example.com"), pass("/c", "http://$arg_to"))
	stack := shop(t, conf, strings.Replace(edge, "[", "[more:/etc/nginx/conf.d, ", 1)+api+"volumes: {more: }\n")
	snap := seen(up("edge"), up("api"))
	snap.Failed = map[Question]string{{Kind: AskLog, Of: "b"}: "too slow", {Kind: AskContainer, Of: "a"}: "gone", {Kind: AskFile, Of: "edge", Path: "/x"}: "gone"}
	var got []string
	for _, u := range judged(stack, snap).Unchecked {
		got = append(got, u.What)
	}
	slices.Sort(got)
	equal(t, got, []string{
		"edge: /etc/nginx/conf.d/*.conf", "edge: the host api.example.com", "edge:80 /c -> http://$arg_to",
		"the daemon's container a", "the daemon's files in shop-edge-1", "the daemon's log b",
	})
}

// The services that are on the way of a request are reported, with the networks that they share or do not.
func TestReportServices(t *testing.T) {
	stack := shop(t, server(pass("/", "http://api:8000")), edge+"  api: {image: example/api, networks: [back]}\n  cron: {image: example/cron}\nnetworks: {back: {}}\n")
	var got []string
	for _, s := range Judge(stack, nil, Live{}, Options{}).Services {
		got = append(got, s.Name+" on "+strings.Join(s.Networks, " "))
	}
	equal(t, got, []string{"api on shop_back", "edge on shop_default"})
}
