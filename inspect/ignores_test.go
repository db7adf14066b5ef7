package inspect

import (
	"fmt"
	"strings"
	"testing"

	"why502/compose"
	"why502/compose/proxy"
)

// proxied is a project whose proxy has this configuration, besides other files.
func proxied(t *testing.T, conf string, files map[string]string) *compose.Stack {
	t.Helper()
	all := map[string]string{"compose.yaml": "name: shop\nservices:\n" + edge + api, "nginx.conf": conf}
	for name, text := range files {
		all[name] = text
	}
	return load(t, all)
}

// accepting is what a report finds, what it ignores and by what, and what it remarks on that.
func accepting(r *Report) string {
	var lines []string
	for _, f := range r.Findings {
		if f.Severity > Note {
			lines = append(lines, fmt.Sprintf("found %d", f.Place.Line))
		}
	}
	for _, f := range r.Ignored {
		if f.Severity > Note {
			lines = append(lines, fmt.Sprintf("%s %d: %s", f.By.Kind, f.Place.Line, f.By.Reason))
		}
	}
	for _, m := range r.Remarks {
		lines = append(lines, fmt.Sprintf("remark %s:%d", m.Place.File, m.Place.Line))
	}
	return strings.Join(lines, ", ")
}

// Findings that are equal become one only after what is ignored is taken out: what is said of one place says
// nothing of another.
func TestIgnoredByFiles(t *testing.T) {
	const (
		comment = "# why502:ignore upstream-host-unknown "
		entry   = "ignore:\n- {rule: upstream-host-unknown, reason: so, "
	)
	conf := func(above, behind string) string {
		return "server {\n" + above + "\nlocation / { proxy_pass http://nope; } " + behind + "\nlocation /b { proxy_pass http://nope; }\n}\n"
	}
	for name, test := range map[string]struct{ conf, file, want string }{
		"nothing":              {conf("", ""), "", "found 3"},
		"above":                {conf(comment+"so", ""), "", "found 4, comment 3: so"},
		"behind, CRLF":         {strings.ReplaceAll(conf("", comment+"so"), "\n", "\r\n"), "", "found 4, comment 3: so"},
		"another rule":         {conf("# why502:ignore upstream-start-race so", ""), "", "found 3"},
		"no such rule":         {conf("# why502:ignore upstream-host-unknwn so", ""), "", "found 3, remark nginx.conf:2"},
		"every rule":           {conf("# why502:ignore * so", ""), "", "found 3, remark nginx.conf:2"},
		"no reason":            {conf(comment, ""), "", "found 3, remark nginx.conf:2"},
		"twice":                {conf(comment+"so", comment+"too"), "", "found 4, comment 3: so"},
		"what the daemon says": {conf("# why502:ignore upstream-unhealthy so", ""), "", "found 3"},
		"the file":             {conf("", ""), entry + "subject: nope}", "file 3: so"},
		"another service":      {conf("", ""), entry + "subject: api}", "found 3, remark .why502.yaml:2"},
		"its last day":         {conf("", ""), entry + "until: 2026-11-22}", "file 3: so"},
		"ended":                {conf("", ""), entry + "until: 2026-11-21}", "found 3, remark .why502.yaml:2"},
		"both":                 {conf(comment+"so", ""), entry + "subject: nope}", "comment 3: so, file 4: so"},
	} {
		t.Run(name, func(t *testing.T) {
			files := map[string]string{}
			if test.file != "" {
				files[".why502.yaml"] = test.file
			}
			r := Judge(proxied(t, test.conf, files), nil, Live{}, Options{Now: now})
			if got := accepting(r); got != test.want || r.Verdict != VerdictBroken {
				t.Errorf("%s, verdict %s; want %s\n%v", got, r.Verdict, test.want, r.Remarks)
			}
		})
	}
}

// A comment counts in an include, in a template and where the Compose file has the text of a configuration, too.
func TestIgnoredElsewhere(t *testing.T) {
	const conf = "server { location / {\n# why502:ignore upstream-host-unknown so\nproxy_pass http://${HOST}; } }\n"
	included := strings.Replace(conf, "${HOST}", "nope", 1)
	for name, files := range map[string]map[string]string{
		"a template": {"a.conf": conf, "compose.yaml": strings.Replace(templated, "[x]", "[./a.conf:/etc/nginx/templates/default.conf.template]", 1)},
		"an include": {"a.conf": "include /etc/nginx/more.conf;", "more.conf": included, "compose.yaml": strings.Replace(templated, "[x]", "[./a.conf:/etc/nginx/conf.d/default.conf, ./more.conf:/etc/nginx/more.conf]", 1)},
		"a config": {"compose.yaml": strings.Replace(templated, "    volumes: [x]\n", "    configs: [{source: c, target: /etc/nginx/conf.d/default.conf}]\n", 1) +
			"configs:\n  c:\n    content: |\n      " + strings.ReplaceAll(strings.TrimSpace(included), "\n", "\n      ") + "\n"},
		"a mount": {"compose.yaml": strings.Replace(templated, "[x]", "[./nope.conf:/etc/nginx/conf.d/default.conf] # why502:ignore config-mount-missing so", 1)},
	} {
		t.Run(name, func(t *testing.T) {
			r := Judge(load(t, files), nil, Live{}, Options{Now: now})
			if len(r.Ignored) != 1 || len(r.Remarks) != 0 || r.Findings != nil && r.Findings[0].Severity > Note {
				t.Errorf("%s, %d ignored, %v", messages(r.Findings), len(r.Ignored), r.Remarks)
			}
		})
	}
}

const templated = `name: shop
services:
  edge:
    image: nginx:1.27
    ports: ["80:80"]
    environment: {HOST: nope}
    volumes: [x]
`

func TestBaseline(t *testing.T) {
	const conf = "server {\nlocation / { proxy_pass http://nope; }\n}\n"
	accepted := baselineOf(Judge(proxied(t, conf, nil), nil, Live{}, Options{Now: now}))
	milder := baselineOf(Judge(proxied(t, conf, nil), nil, Live{}, Options{Now: now}))
	for i := range milder.Accepted {
		milder.Accepted[i].Severity = Note
	}
	for name, test := range map[string]struct {
		conf string
		of   *Baseline
		want string
	}{
		"the same":           {conf, accepted, "baseline 2: accepted in b.json"},
		"moved":              {"# more\n\n" + strings.Replace(conf, "location", "\t location", 1), accepted, "baseline 4: accepted in b.json"},
		"new":                {strings.Replace(conf, "}\n}", "}\nlocation /b { proxy_pass http://nope2; }\n}", 1), accepted, "found 3, baseline 2: accepted in b.json"},
		"new, but equal":     {strings.Replace(conf, "}\n}", "}\nlocation /b { proxy_pass http://nope; }\n}", 1), accepted, "found 3, baseline 2: accepted in b.json"},
		"new, the same line": {conf + conf, accepted, "found 5, baseline 2: accepted in b.json"},
		"one more listen":    {"server { listen 80; listen 81;" + strings.TrimPrefix(conf, "server {"), accepted, "baseline 2: accepted in b.json"},
		"worse":              {conf, milder, "found 2"},
		"gone":               {strings.Replace(conf, "nope", "api:8000", 1), accepted, "remark nginx.conf:0"},
		"ignored by now":     {strings.Replace(conf, "}\n}", "} # why502:ignore upstream-host-unknown so\n}", 1), accepted, "comment 2: so, remark nginx.conf:0"},
	} {
		t.Run(name, func(t *testing.T) {
			r := Judge(proxied(t, test.conf, nil), nil, Live{}, Options{Now: now, Baseline: test.of})
			r.Remarks = withoutNotes(r.Remarks)
			if got := accepting(r); got != test.want {
				t.Errorf("%s; want %s\n%v", got, test.want, r.Remarks)
			}
		})
	}
}

// withoutNotes leaves out what is remarked of notes.
func withoutNotes(remarks []Remark) (kept []Remark) {
	for _, m := range remarks {
		if !strings.HasSuffix(m.Text, "[upstream-address-may-go-stale]") {
			kept = append(kept, m)
		}
	}
	return kept
}

// What is needed no more is said where this run could have found it.
func TestIgnoredNoMore(t *testing.T) {
	const comment = "# why502:ignore upstream-host-unknown so\n"
	works := comment + server(pass("/", "http://api:8000"))
	for name, test := range map[string]struct {
		conf string
		snap *Snapshot
		opts Options
		want string
	}{
		"it works":        {works, nil, Options{}, "remark nginx.conf:1"},
		"with the daemon": {works, seen(up("edge"), up("api")), Options{}, ""},
		"one proxy alone": {works, nil, Options{Some: true}, ""},
		"a syntax error":  {works + "nonsense;", nil, Options{}, "found 3"},
		"something else":  {comment + server(pass("/", "http://localhost:8000")), nil, Options{}, "found 2"},
	} {
		t.Run(name, func(t *testing.T) {
			test.opts.Now = now
			if got := accepting(Judge(proxied(t, test.conf, nil), test.snap, Live{}, test.opts)); got != test.want {
				t.Errorf("%s; want %s", got, test.want)
			}
		})
	}
}

// baselineOf is a report as a baseline.
func baselineOf(r *Report) *Baseline {
	b := &Baseline{File: "b.json"}
	for _, f := range r.Findings {
		b.Accepted = append(b.Accepted, Accepted{f.Rule.ID, f.Severity, f.Message, proxy.Place{File: f.Place.File}, f.Fingerprints})
	}
	return b
}

// Outside the project, files are where each machine has them.
func TestFingerprintOfAnotherMachine(t *testing.T) {
	print := func(file string) string {
		return (&Finding{Rule: nameRule, Place: proxy.Place{File: file}}).Fingerprint()
	}
	if print("/home/a/nginx.conf") != print(`C:\work\nginx.conf`) || print("/home/a/nginx.conf") == print("/home/a/other.conf") || print("a/nginx.conf") == print("b/nginx.conf") {
		t.Error("fingerprints")
	}
}

// Very many ignores, each against very many routes, take no longer than what is meant.
func TestManyIgnores(t *testing.T) {
	f := &Finding{Rule: nameRule, Routes: make([]string, 100_000)}
	g := &ignorer{judge: &judge{}}
	for range 1000 {
		g.matches(&compose.Ignore{Rule: "*", Subject: "x*y*z"}, f)
	}
	if g.compared > maxCompared+len(f.Routes)+3+1000*(len(f.Routes)+3) || g.matches(&compose.Ignore{Rule: "*", Subject: "*"}, f) {
		t.Errorf("%d compared", g.compared)
	}
}
