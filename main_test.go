package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/spf13/pflag"

	"why502/inspect"
	"why502/report"
)

// The projects of these tests: one that works, one with an error, one without a proxy, one whose
// proxy brings its configuration in an image, one that is no Compose file.
const (
	works = `
services:
  edge:
    image: nginx:1.27
    ports: ["8080:80"]
    volumes: ["./nginx.conf:/etc/nginx/conf.d/default.conf:ro"]
    depends_on: [api]
  api:
    image: example/api
    expose: ["8000"]
`
	nginxConf = `
server {
    listen 80;
    location / { proxy_pass http://api:8000; }
}
`
	noProxy = `
services:
  api: {image: example/api}
`
	built = `
services:
  edge:
    build: .
    ports: ["8080:80"]
`
	noYAML = "services: [\n"
)

// project makes a project in a new directory, and gives its path.
func project(t *testing.T, composeYAML, nginxConf string) string {
	t.Helper()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "compose.yaml"), composeYAML)
	write(t, filepath.Join(dir, "nginx.conf"), nginxConf)
	return dir
}

func working(t *testing.T) string { return project(t, works, nginxConf) }

func breaking(t *testing.T) string {
	return project(t, works, strings.Replace(nginxConf, "//api", "//apii", 1))
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// result is what a run leaves behind.
type result struct {
	code           int
	stdout, stderr string
}

// why502 runs the program. No daemon can be reached, unless env says otherwise.
func why502(t *testing.T, env []string, args ...string) result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	env = append([]string{"DOCKER_HOST=unix:///nowhere/docker.sock"}, env...) // of several the last one counts
	code := run(t.Context(), args, env, strings.NewReader(""), &stdout, &stderr)
	return result{code, stdout.String(), stderr.String()}
}

// refused checks that a run ended with an error: nothing on stdout, the error and a hint on stderr.
func refused(t *testing.T, got result, wantError, wantHint string) {
	t.Helper()
	if got.code != exitError || got.stdout != "" {
		t.Errorf("exit code %d and stdout %q, want 2 and nothing", got.code, got.stdout)
	}
	first, rest, _ := strings.Cut(got.stderr, "\n")
	if !strings.HasPrefix(first, "why502: error: ") || !strings.Contains(first, wantError) {
		t.Errorf("error is %q, want %q in it", first, wantError)
	}
	if wantHint != "" && (!strings.HasPrefix(rest, "why502: hint: ") || !strings.Contains(rest, wantHint)) {
		t.Errorf("hint is %q, want %q in it", rest, wantHint)
	}
	if strings.Count(rest, "\n") > 1 {
		t.Errorf("more than two lines: %q", got.stderr)
	}
}

// Wrong use is refused before anything is opened: there is no project here.
func TestWrongUse(t *testing.T) {
	t.Chdir(t.TempDir())
	for name, test := range map[string]struct {
		args  string
		error string
		hint  string
	}{
		"unknown flag":            {"--formt json", "unknown flag --formt", "did you mean --format?"},
		"unknown flag, far":       {"--bogus-thing", "unknown flag --bogus-thing", "see why502 --help"},
		"unknown short flag":      {"-x", "unknown flag -x", "see why502 --help"},
		"long flag, one dash":     {"-live off", "unknown flag -live", "did you mean --live?"},
		"a format as a flag":      {"--json", "unknown flag --json", "did you mean --format json?"},
		"no value":                {"--file", "--file needs a value", ""},
		"unknown command":         {"explian a", `unknown command "explian"`, "did you mean why502 explain?"},
		"unknown command, alone":  {"rule", `unknown command "rule"`, "did you mean why502 rules?"},
		"two directories":         {"here there", "one directory at most", "-f"},
		"a slip in trace":         {"trcae http://localhost/", `unknown command "trcae"`, "did you mean why502 trace?"},
		"explain nothing":         {"explain", "explain needs the name of a rule", "why502 rules"},
		"explain an unknown rule": {"explain nonsense-at-all", `unknown rule "nonsense-at-all"`, "why502 rules"},
		"explain two rules":       {"explain a b", `explain does not go with "b"`, "why502 ./explain"},
		"trace nothing":           {"trace", "trace needs a URL", "why502 trace http://localhost:8080/path"},
		"trace another scheme":    {"trace ftp://localhost/", "its scheme is ftp, but can be http or https", ""},
		"trace no host":           {"trace http:///a", "it names no host", ""},
		"trace a port alone":      {"trace http://:80/", "it names no host", ""},
		"trace no port":           {"trace http://localhost:port/", `its port is "port"`, ""},
		"trace port 0":            {"trace http://localhost:0/", `its port is "0"`, ""},
		"trace IPv6":              {"trace http://::1/", "", ""},
		"trace a user":            {"trace http://user:word@localhost/", "a URL with a user in it", "its header with -H"},
		"trace control":           {"trace http://localhost/\x1b[2J", "neither blanks nor control characters", "%20"},
		"trace a long URL":        {"trace http://localhost/" + strings.Repeat("a", 9000), "the URL is longer than 8192 bytes", ""},
		"trace, no method":        {"trace http://localhost/ -X get", `--request is "get", but a method is written in capitals`, "-X POST"},
		"trace, no header":        {"trace http://localhost/ -H nothing", `--header "nothing" is no header`, "Name: value"},
		"trace, a bad header":     {"trace http://localhost/ -H A:\x01", "the value of the header A cannot be sent", ""},
		"trace, many headers":     {"trace http://localhost/" + strings.Repeat(" -H A:b", 101), "there are 101 headers", ""},
		"trace two directories":   {"trace http://localhost/ a b", "one directory at most", ""},
		"a slip in fix":           {"fx upstream-host-unknown", `unknown command "fx"`, "did you mean why502 fix?"},
		"fix an unknown rule":     {"fix nonsense-at-all", `unknown rule "nonsense-at-all"`, "why502 rules"},
		"fix two directories":     {"fix . .", "one directory at most", ""},
		"fix with a format":       {"fix --format json", "fix does not go with --format", "a diff to standard output"},
		"fix with a record":       {"fix --replay a", "fix does not go with --replay", ""},
		"fix standard input":      {"fix -f -", "fix does not go with -f -", "name the Compose file"},
		"watch into a file":       {"watch -o a", "watch does not go with --output", "until it is interrupted"},
		"watch for programs":      {"watch --format json", `watch prints text, to standard output, and not "json"`, "-q"},
		"watch a record":          {"watch --replay a", "watch does not go with --replay", ""},
		"watch standard input":    {"watch -f -", "watch does not go with -f -", "name the Compose file"},
		"watch two directories":   {"watch . .", "one directory at most", ""},
		"a slip in watch":         {"wach", `unknown command "wach"`, "did you mean why502 watch?"},
		"complete nothing":        {"completion", "completion needs the name of a shell: bash, zsh or fish", "source <("},
		"complete another shell":  {"completion fisch", `there are completions for bash, zsh or fish, not for "fisch"`, "did you mean why502 completion fish?"},
		"completion with flags":   {"completion bash -q", `completion does not go with "--quiet"`, ""},
		"write without fix":       {"--write", "--write is of fix", "why502 fix --write"},
		"rules with arguments":    {"rules a", `rules does not go with "a"`, "why502 ./rules"},
		"rules with flags":        {"rules --live off", `rules does not go with "--live"`, ""},
		"unknown format":          {"--format jsno", `unknown format "jsno"; there are text, json, `, "did you mean --format json?"},
		"no file of a format":     {"--format json=", "--format json= names no file", "--format json writes to standard output"},
		"two formats to stdout":   {"--format json --format text", "json and text both go to standard output", "own file"},
		"two formats to a file":   {"--format json=a --format text=./a", `json and text both go to "./a"`, "own file"},
		"output for two":          {"--format json --format text -o a", "--output is for one format", "own file"},
		"output for a file":       {"--format json=a -o b", "--output is for one format", "own file"},
		"live":                    {"--live of", `--live is "of", but can be auto, off or require`, "did you mean --live off?"},
		"probe":                   {"--probe no", `--probe is "no", but can be auto, off or require`, ""},
		"probe without a daemon":  {"--live off --probe require", "--live off and --probe require contradict each other", "leave out one"},
		"probe with flags":        {"probe --probe off", `probe does not go with "--probe"`, "why502 ./probe"},
		"fail-on":                 {"--fail-on warn", `--fail-on is "warn", but can be note, warning, error or never`, ""},
		"failure-threshold":       {"--failure-threshold erorr", `--fail-on is "erorr"`, "did you mean --fail-on error?"},
		"show":                    {"--show never", `--show is "never", but can be note, warning or error`, ""},
		"color":                   {"--color yes", `--color is "yes", but can be auto, always or never`, ""},
		"timeout, no unit":        {"--timeout 10", `--timeout cannot be "10"`, "10s"},
		"since, no time":          {"--since yesterday", `--since: "yesterday" is no time`, "30m"},
		"timeout, nothing":        {"--timeout 0s", "--timeout is 0s", "10s"},
		"quiet and verbose":       {"-q -v", "--quiet and --verbose contradict each other", ""},
		"ignore an unknown rule":  {"--ignore nonsense-at-all=api", `unknown rule "nonsense-at-all"`, "why502 rules"},
		"ignore for nothing":      {"--ignore *=", "names no service, host or route", "leave out the ="},
	} {
		t.Run(name, func(t *testing.T) {
			refused(t, why502(t, nil, strings.Fields(test.args)...), test.error, test.hint)
		})
	}
}

func TestUnknownRuleNamesTheNearest(t *testing.T) {
	id := inspect.Rules()[0].ID
	slip := id[:3] + id[4:]
	refused(t, why502(t, nil, "--ignore", slip), "unknown rule", "did you mean "+id+"?")
	refused(t, why502(t, nil, "explain", slip), "unknown rule", "did you mean "+id+"?")
}

func TestPages(t *testing.T) {
	rule := inspect.Rules()[0].ID
	for args, want := range map[string]string{
		"--help":          usage,
		"-h":              usage,
		"rules --help":    usage,
		"--version":       "why502 0.1.0\n",
		"rules":           rule + "  ",
		"explain " + rule: rule + ": ",
	} {
		got := why502(t, nil, strings.Fields(args)...)
		if got.code != exitOK || !strings.HasPrefix(got.stdout, want) || got.stderr != "" {
			t.Errorf("why502 %s: %+v, want 0 and %q", args, got, want)
		}
	}
}

// The help is written by hand, so it can forget a flag.
func TestUsage(t *testing.T) {
	new(flags).set().VisitAll(func(f *pflag.Flag) {
		flag := "--" + f.Name
		if f.Shorthand != "" {
			flag = "-" + f.Shorthand + ", " + flag
		}
		if !strings.Contains(usage, "  "+flag+" ") {
			t.Errorf("%s is not in the help", flag)
		}
	})
	for line := range strings.Lines(usage) {
		if n := utf8.RuneCountInString(line) - 1; n > 80 {
			t.Errorf("%d columns: %s", n, line)
		}
	}
	for _, format := range formatNames() {
		if !strings.Contains(usage, format) {
			t.Errorf("the format %s is not in the help", format)
		}
	}
}

func TestParse(t *testing.T) {
	args := []string{
		"-f", "a.yaml", "--file", "-", "-p", "shop", "--project-directory", "d", "--profile", "x", "--profile", "y",
		"--env-file", "e", "--proxy", "edge", "--live", "require", "--probe", "off", "--since", "2h", "--timeout", "3s", "--ignore", "*=api", "--format=json=out,1.json",
		"--format", "text", "--fail-on", "never", "--show", "warning", "--color=always", "-v", "dir",
	}
	r, err := parse(args)
	if err != nil {
		t.Fatal(err)
	}
	p := r.project
	for name, ok := range map[string]bool{
		"files":     slices.Equal(p.Files, []string{"a.yaml", "-"}),
		"name":      p.ProjectName == "shop",
		"directory": p.Directory == "dir" && p.ProjectDirectory == "d",
		"profiles":  slices.Equal(p.Profiles, []string{"x", "y"}),
		"env files": slices.Equal(p.EnvFiles, []string{"e"}),
		"proxies":   slices.Equal(p.Proxies, []string{"edge"}),
		"live":      r.live == "require" && r.probe == "off" && r.since == "2h" && r.timeout == 3*time.Second,
		"ignore":    slices.Equal(r.ignore, []inspect.Ignore{{Kind: inspect.ByFlag, Rule: "*", Subject: "api"}}),
		"outputs":   len(r.outputs) == 2 && r.outputs[0].file == "out,1.json" && r.outputs[1].file == "",
		"fail-on":   r.failOn == never,
		"style":     reflect.DeepEqual(r.style, report.Options{Verbose: true, Show: inspect.Warning, Version: version}),
		"color":     r.color == "always",
	} {
		if !ok {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

func TestParseDefaults(t *testing.T) {
	r, err := parse(nil)
	if err != nil {
		t.Fatal(err)
	}
	if r.command != diagnose || r.project.Directory != "" || r.live != "auto" || r.probe != "auto" || r.since != "15m" || r.timeout != 10*time.Second ||
		r.failOn != inspect.Error || r.style.Show != inspect.Note || len(r.outputs) != 1 || r.outputs[0].format.Name != "text" {
		t.Errorf("%+v", r)
	}
}

func TestExitCode(t *testing.T) {
	found := func(severities ...inspect.Severity) (list []*inspect.Finding) {
		for _, s := range severities {
			list = append(list, &inspect.Finding{Severity: s})
		}
		return list
	}
	for _, test := range []struct {
		findings []*inspect.Finding
		failOn   inspect.Severity
		want     int
	}{
		{nil, inspect.Note, exitOK},
		{found(inspect.Error), inspect.Error, exitFound},
		{found(inspect.Warning, inspect.Note), inspect.Error, exitOK},
		{found(inspect.Warning, inspect.Note), inspect.Warning, exitFound},
		{found(inspect.Note), inspect.Warning, exitOK},
		{found(inspect.Note), inspect.Note, exitFound},
		{found(inspect.Error), never, exitOK},
	} {
		if got := exitCode(test.findings, test.failOn); got != test.want {
			t.Errorf("exitCode(%d findings, %d) = %d, want %d", len(test.findings), test.failOn, got, test.want)
		}
	}
}

func TestDiagnose(t *testing.T) {
	good, bad := working(t), breaking(t)
	for _, test := range []struct {
		args []string
		code int
	}{
		{[]string{good}, exitOK},
		{[]string{"--live", "off", good}, exitOK},
		{[]string{bad}, exitFound},
		{[]string{"--live=off", bad}, exitFound},
		{[]string{"--fail-on", "never", bad}, exitOK},
		{[]string{"--failure-threshold", "never", bad}, exitOK},
		{[]string{"--fail-on", "note", good}, exitFound}, // the address that may go stale
		{[]string{"-q", bad}, exitFound},
		{[]string{"--format", "json", bad}, exitFound},
		{[]string{"--show", "error", "--fail-on", "note", good}, exitFound},
		{[]string{"--ignore", "upstream-host-unknown", bad}, exitOK},
		{[]string{"--ignore", "upstream-host-unknown=apii", bad}, exitOK},
		{[]string{"--ignore", "upstream-host-unknown=other", bad}, exitFound},
		{[]string{"--proxy", "edge", bad}, exitFound},
	} {
		if got := why502(t, nil, test.args...); got.code != test.code || got.stderr != "" {
			t.Errorf("why502 %q: %+v, want %d", test.args, got, test.code)
		}
	}
}

// The exit code does not depend on how the report is printed.
func TestExitCodeOfFormats(t *testing.T) {
	good, bad := working(t), breaking(t)
	for _, format := range formatNames() {
		if well, ill := why502(t, nil, "--format", format, good), why502(t, nil, "--format", format, bad); well.code != exitOK || ill.code != exitFound {
			t.Errorf("%s: %d and %d", format, well.code, ill.code)
		}
	}
}

// The directory is searched upward from, as docker compose does it.
func TestDiagnoseHere(t *testing.T) {
	dir := filepath.Join(breaking(t), "below")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	if got := why502(t, nil, "-q"); got.code != exitFound || !strings.Contains(got.stdout, "nginx.conf:4:") {
		t.Errorf("%+v", got)
	}
}

// A directory that is called like a command can still be named.
func TestDiagnoseDirectoryNamedRules(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.Rename(breaking(t), "rules"); err != nil {
		t.Fatal(err)
	}
	if got := why502(t, nil, "./rules"); got.code != exitFound {
		t.Errorf("%+v", got)
	}
}

func TestDiagnoseStdin(t *testing.T) {
	dir := breaking(t)
	text := read(t, filepath.Join(dir, "compose.yaml"))
	var stdout, stderr bytes.Buffer
	code := run(t.Context(), []string{"-q", "--live", "off", "-f", "-", dir}, nil, strings.NewReader(text), &stdout, &stderr)
	if code != exitFound || !strings.Contains(stdout.String(), "nginx.conf:4:") {
		t.Errorf("%d, %s%s", code, &stdout, &stderr)
	}
}

func TestCannotDiagnose(t *testing.T) {
	for name, args := range map[string][]string{
		"no project":    {t.TempDir()},
		"no directory":  {filepath.Join(t.TempDir(), "missing")},
		"no proxy":      {project(t, noProxy, "")},
		"unreadable":    {"--proxy", "edge", project(t, built, "")},
		"no YAML":       {project(t, noYAML, "")},
		"no such file":  {"-f", "missing.yaml"},
		"no such proxy": {"--proxy", "missing", working(t)},
		"no daemon":     {"--live", "require", working(t)},
	} {
		t.Run(name, func(t *testing.T) { refused(t, why502(t, nil, args...), "", "") })
	}
}

// Without a daemon there is a verdict from the files, which says so and what to do about it.
func TestNoDaemon(t *testing.T) {
	got := why502(t, nil, working(t))
	for _, want := range []string{"(from the files alone)\n", "not checked\n", "/nowhere/docker.sock"} {
		if !strings.Contains(got.stdout, want) {
			t.Errorf("no %q in:\n%s", want, got.stdout)
		}
	}
	if live := liveOf(t, why502(t, nil, "--format", "json", working(t))); live["state"] != "unreachable" || live["note"] == "" {
		t.Errorf("live is %v", live)
	}
	if live := liveOf(t, why502(t, nil, "--format", "json", "--live", "off", working(t))); live["state"] != "off" {
		t.Errorf("live is %v", live)
	}
}

func liveOf(t *testing.T, got result) map[string]any {
	t.Helper()
	var doc struct{ Live map[string]any }
	if err := json.Unmarshal([]byte(got.stdout), &doc); err != nil {
		t.Fatal(err)
	}
	return doc.Live
}

func TestLiveState(t *testing.T) {
	lost := map[inspect.Question]string{
		{Kind: inspect.AskLog, Of: "b"}:       "too slow",
		{Kind: inspect.AskContainer, Of: "a"}: "gone",
	}
	unproven := &inspect.Snapshot{Project: []string{"a"}, Failed: map[inspect.Question]string{{Kind: inspect.AskCall, Of: "a"}: "gone"}}
	if got, err := liveState(unproven, "shop"); err != nil || got.State != inspect.LiveInspected || got.Note != "" {
		t.Errorf("%+v, %v; what the probe did not say is not the daemon's", got, err)
	}
	for want, snap := range map[inspect.LiveState]*inspect.Snapshot{
		inspect.LiveInspected: {Project: []string{"a"}},
		inspect.LivePartial:   {Project: []string{"a"}, Failed: lost},
	} {
		if got, err := liveState(snap, "shop"); err != nil || got.State != want {
			t.Errorf("%+v, %v; want %s", got, err, want)
		}
	}
	if got, err := liveState(&inspect.Snapshot{}, "shop"); got.State != inspect.LiveNoContainers || hintOf(err) == "" {
		t.Errorf("%+v, %v; want no-containers and a hint", got, err)
	}
	const want = "no answer about the container a: gone (and 1 more got none)"
	if got := failedNote(&inspect.Snapshot{}, lost); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// A probe that could not be had is an error where it is required, and else something to know.
func TestProbeState(t *testing.T) {
	none := inspect.Probe{State: inspect.ProbeUnavailable, Why: "it is linked dynamically", Remedy: "build it"}
	some := inspect.Probe{State: inspect.ProbePartial, Why: "1 of 2"}
	for _, test := range []struct {
		found  inspect.Probe
		wanted string
		want   inspect.ProbeState
		fails  bool
	}{
		{none, "auto", inspect.ProbeUnavailable, false},
		{none, "require", inspect.ProbeUnavailable, true},
		{some, "require", inspect.ProbePartial, false},
		{inspect.Probe{State: inspect.ProbeOff}, "require", inspect.ProbeOff, false},
		{inspect.Probe{State: inspect.ProbeOff}, "off", inspect.ProbeOff, false},
	} {
		got, err := probeState(test.found, test.wanted)
		if got.State != test.want || (err != nil) != test.fails {
			t.Errorf("%s of %v: %v, %v", test.wanted, test.found, got, err)
		}
		if err != nil && (err.Error() != none.Why || hintOf(err) != none.Remedy) {
			t.Errorf("%v, %s", err, hintOf(err))
		}
	}
	if got, _ := probeState(inspect.Probe{State: inspect.ProbeOff}, "off"); got.Why == "" {
		t.Error("a probe that was not wanted is not missed")
	}
}

// In a container of its own the program reads a job and writes the answers.
func TestProbe(t *testing.T) {
	var stdout, stderr bytes.Buffer
	code := run(t.Context(), []string{"probe"}, nil, strings.NewReader(`{"Questions": [], "Life": 1000000000}`), &stdout, &stderr)
	if code != exitOK || strings.TrimSpace(stdout.String()) != "[]" || stderr.Len() > 0 {
		t.Errorf("%d, %s%s", code, &stdout, &stderr)
	}
	stdout.Reset()
	if code := run(t.Context(), []string{"probe"}, nil, strings.NewReader("no job"), &stdout, &stderr); code != exitError || stdout.Len() > 0 || stderr.Len() == 0 {
		t.Errorf("%d, %s%s", code, &stdout, &stderr)
	}
}

func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var stdout, stderr bytes.Buffer
	code := run(ctx, []string{working(t)}, nil, strings.NewReader(""), &stdout, &stderr)
	if code != exitError || stderr.String() != "why502: error: interrupted\n" {
		t.Errorf("%d, %s", code, &stderr)
	}
}

func TestOutputFiles(t *testing.T) {
	bad, out := breaking(t), t.TempDir()
	text, doc := filepath.Join(out, "report.txt"), filepath.Join(out, "report.json")
	write(t, text, "old")

	got := why502(t, nil, "-o", text, bad)
	if got.stdout != "" || !strings.Contains(read(t, text), "upstream-host-unknown") {
		t.Errorf("%+v; the file has %q", got, read(t, text))
	}
	got = why502(t, nil, "--format", "text", "--format", "json="+doc, bad)
	if !strings.Contains(got.stdout, "upstream-host-unknown") || !json.Valid([]byte(read(t, doc))) {
		t.Errorf("%+v; the file has %q", got, read(t, doc))
	}
	if got = why502(t, nil, "-o", "-", bad); !strings.Contains(got.stdout, "upstream-host-unknown") {
		t.Errorf("%+v", got)
	}
	if entries, _ := os.ReadDir(out); len(entries) != 2 {
		t.Errorf("something is left over: %v", entries)
	}
}

// Formats for GitHub name files as the workspace has them, else as they are from here.
func TestPrefix(t *testing.T) {
	dir := breaking(t)
	workspace, name := filepath.Split(dir)
	here, err := filepath.Rel(cwd(t), dir)
	if err != nil {
		t.Fatal(err)
	}
	here = filepath.ToSlash(here)
	for env, want := range map[string]string{
		"GITHUB_WORKSPACE=" + workspace:           name + "/nginx.conf",
		"GITHUB_WORKSPACE=" + dir:                 "nginx.conf",
		"GITHUB_WORKSPACE=" + workspace + "other": here + "/nginx.conf",
		"GITHUB_WORKSPACE=":                       here + "/nginx.conf",
	} {
		if got := why502(t, []string{env}, "--format", "github", dir); !strings.Contains(got.stdout, "::error file="+want+",line=4,") {
			t.Errorf("%s: no %s in\n%s", env, want, got.stdout)
		}
	}
}

func cwd(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// A run that fails leaves the files of the last one alone.
func TestOutputFilesAreKept(t *testing.T) {
	out := filepath.Join(t.TempDir(), "report.txt")
	write(t, out, "old")
	bad := breaking(t)
	for _, args := range [][]string{
		{"-o", out, project(t, noYAML, "")},
		{"-o", out, "--live", "require", bad},
		{"-o", out, "--bogus", bad},
		{"--format", "text=" + out, "--format", "json=" + filepath.Join(out, "below"), bad},
	} {
		refused(t, why502(t, nil, args...), "", "")
		if got := read(t, out); got != "old" {
			t.Errorf("why502 %q wrote %q", args, got)
		}
	}
}

func TestStage(t *testing.T) {
	dir := t.TempDir()
	file, link := filepath.Join(dir, "file"), filepath.Join(dir, "link")
	write(t, file, "old")
	if err := os.Chmod(file, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("file", link); err != nil {
		t.Skip(err)
	}
	s, err := stage(link, []byte("new"), 0)
	if err != nil || read(t, file) != "old" {
		t.Fatal("staging changed the file", err)
	}
	if err := s.commit(); err != nil {
		t.Fatal(err)
	}
	info, _ := os.Lstat(link)
	if read(t, file) != "new" || info.Mode()&os.ModeSymlink == 0 {
		t.Error("the link was replaced, not the file")
	}
	if info, _ := os.Stat(file); info.Mode().Perm() != 0o600 {
		t.Errorf("the file's mode is now %o", info.Mode().Perm())
	}
	if _, err := stage(dir, nil, 0); err == nil {
		t.Error("a directory can be written")
	}
	if s, err := stage(os.DevNull, []byte("x"), 0); err != nil || s.temp != "" || s.commit() != nil {
		t.Error("a device is not written to directly", err)
	}
}

func TestColor(t *testing.T) {
	for _, test := range []struct {
		env  string
		want bool
	}{
		{"", false}, // what is written to here is no terminal
		{"FORCE_COLOR=1", true},
		{"FORCE_COLOR=0", false},
		{"FORCE_COLOR=", false},
		{"FORCE_COLOR=1 TERM=dumb", true},
		{"FORCE_COLOR=1 NO_COLOR=1", false},
		{"FORCE_COLOR=1 NO_COLOR=", true},
	} {
		p := program{env: strings.Fields(test.env), stdout: &bytes.Buffer{}}
		if got := p.wantsColor(); got != test.want {
			t.Errorf("%s: %v", test.env, got)
		}
	}
}

func TestColorFlag(t *testing.T) {
	bad, file := breaking(t), filepath.Join(t.TempDir(), "report.txt")
	force := []string{"FORCE_COLOR=1"}
	for _, test := range []struct {
		env  []string
		args []string
		want bool
	}{
		{nil, nil, false},
		{nil, []string{"--color", "always"}, true},
		{[]string{"NO_COLOR=1"}, []string{"--color", "always"}, true},
		{force, nil, true},
		{force, []string{"--color", "never"}, false},
		{force, []string{"--format", "json"}, false},
	} {
		got := why502(t, test.env, append(test.args, bad)...)
		if colored := strings.Contains(got.stdout, "\x1b["); colored != test.want {
			t.Errorf("%q %q: colours are %v", test.env, test.args, colored)
		}
	}
	if why502(t, force, "-o", file, bad); strings.Contains(read(t, file), "\x1b[") {
		t.Error("colours in a file")
	}
}

// failing is a stream that takes nothing.
type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

func TestStdoutFails(t *testing.T) {
	var stderr bytes.Buffer
	code := run(t.Context(), []string{"--version"}, nil, nil, failing{}, &stderr)
	if code != exitError || stderr.String() != "why502: error: cannot write to standard output: no space left on device\nwhy502: hint: write the report to a file: -o FILE\n" {
		t.Errorf("%d, %q", code, &stderr)
	}
}

// Text of files can end up in errors.
func TestPrintError(t *testing.T) {
	var b bytes.Buffer
	printError(&b, wrong("a\x1b[2Jhint\nwith lines", "a\u202e %w", errors.New("x\n\ty\a")))
	const want = "why502: error: a\\u202e x y\\a\nwhy502: hint: a\\x1b[2Jhint with lines\n"
	if b.String() != want {
		t.Errorf("%q, want %q", b.String(), want)
	}
}

func TestSuggest(t *testing.T) {
	known := []string{"auto", "off", "require"}
	for word, want := range map[string]string{
		"of":       "did you mean off?",
		"OFF":      "did you mean off?",
		"required": "did you mean require?",
		"never":    "",
		"":         "",
	} {
		if got := suggest(word, known, ""); got != want {
			t.Errorf("suggest(%q) = %q, want %q", word, got, want)
		}
	}
}
