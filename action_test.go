package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v4"

	"why502/inspect"
)

// endToEnd skips what starts the program as others do, which takes a while and needs it built.
func endToEnd(t *testing.T) {
	t.Helper()
	if os.Getenv("WHY502_E2E") == "off" || testing.Short() {
		t.Skip("WHY502_E2E=off")
	}
}

// action is what GitHub's runner reads of action.yml. (docs.github.com, "Metadata syntax for GitHub Actions")
type action struct {
	Inputs  map[string]struct{ Description, Default string }
	Outputs map[string]struct{ Description, Value string }
	Runs    struct {
		Using string
		Steps []actionStep
	}
}

type actionStep struct {
	ID, If, Uses, Run, Shell string
	With, Env                map[string]string
}

func readYAML(t *testing.T, name string, into any) {
	t.Helper()
	if err := yaml.Unmarshal([]byte(read(t, name)), into); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

func readAction(t *testing.T) (a action) {
	t.Helper()
	readYAML(t, "action.yml", &a)
	return a
}

// runner carries out the steps of an action as GitHub's does.
type runner struct {
	t         *testing.T
	action    action
	path      string // of the action's checkout
	workspace string
	temp      string
	env       []string // besides what a runner sets
	inputs    map[string]string
	steps     map[string]map[string]string // the outputs of each
}

// ran is what an action leaves behind.
type ran struct {
	code    int
	uses    []string // other actions
	log     string
	summary string
	outputs map[string]string
}

func newRunner(t *testing.T) *runner {
	t.Helper()
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	return &runner{
		t: t, action: readAction(t), path: here, workspace: t.TempDir(), temp: t.TempDir(),
		env: []string{"DOCKER_HOST=unix:///nowhere/docker.sock"}, steps: map[string]map[string]string{},
	}
}

// use carries out the action with these inputs.
func (r *runner) use(inputs map[string]string) ran {
	r.t.Helper()
	r.inputs = inputs
	got := ran{outputs: map[string]string{}}
	for _, step := range r.action.Runs.Steps {
		switch {
		case got.code != 0 || !r.holds(step.If):
		case step.Uses != "":
			got.uses = append(got.uses, step.Uses)
		default:
			r.step(step, &got)
		}
	}
	for name, output := range r.action.Outputs {
		got.outputs[name] = r.expand(output.Value)
	}
	return got
}

// step runs a script, unless it is known what comes of it.
func (r *runner) step(step actionStep, got *ran) {
	r.t.Helper()
	if step.ID == "get" && r.steps["get"] != nil && r.inputs["version"] == "" {
		return
	}
	dir := r.t.TempDir()
	file := func(name, text string) string {
		write(r.t, filepath.Join(dir, name), text)
		return filepath.Join(dir, name)
	}
	output, summary := file("output", ""), file("summary", "what was there before\n")
	cmd := exec.Command("bash", "--noprofile", "--norc", "-eo", "pipefail", file("script.sh", step.Run))
	cmd.Dir = r.workspace
	cmd.Env = append(environment(), "GITHUB_ACTIONS=true", "CI=true", "GITHUB_ACTION_PATH="+r.path, "GITHUB_WORKSPACE="+r.workspace, "RUNNER_TEMP="+r.temp,
		"RUNNER_OS=Linux", "RUNNER_ARCH="+map[string]string{"amd64": "X64", "arm64": "ARM64"}[runtime.GOARCH], "GITHUB_OUTPUT="+output, "GITHUB_STEP_SUMMARY="+summary)
	cmd.Env = append(cmd.Env, r.env...)
	for name, value := range step.Env {
		cmd.Env = append(cmd.Env, name+"="+r.expand(value))
	}
	log, _ := cmd.CombinedOutput()
	got.code, got.log, got.summary = cmd.ProcessState.ExitCode(), got.log+string(log), read(r.t, summary)
	r.steps[step.ID] = assignments(r.t, read(r.t, output))
}

// assignments reads what a step has put out: a line for each name.
func assignments(t *testing.T, text string) map[string]string {
	t.Helper()
	found := map[string]string{}
	for line := range strings.Lines(text) {
		name, value, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		if _, twice := found[name]; !ok || twice || strings.Contains(name, "<<") {
			t.Errorf("the output %q", line)
		}
		found[name] = value
	}
	return found
}

var expression = regexp.MustCompile(`\$\{\{ ([^ ]+) \}\}`)

// expand fills in the expressions of a value. What comes out is not looked at again.
func (r *runner) expand(value string) string {
	return expression.ReplaceAllStringFunc(value, func(e string) string { return r.lookup(expression.FindStringSubmatch(e)[1]) })
}

func (r *runner) lookup(name string) string {
	parts := strings.Split(name, ".")
	input, known := r.action.Inputs[parts[1]]
	switch given, ok := r.inputs[parts[1]]; {
	case parts[0] == "inputs" && known && ok:
		return given
	case parts[0] == "inputs" && known:
		return input.Default
	case name == "github.action_path":
		return r.path
	case parts[0] == "steps" && len(parts) == 4:
		return r.steps[parts[1]][parts[3]]
	}
	r.t.Fatalf("the expression %q", name)
	return ""
}

// holds evaluates the condition of a step.
func (r *runner) holds(condition string) bool {
	name, empty := strings.CutSuffix(condition, " == ''")
	return condition == "" || empty && r.lookup(name) == ""
}

// scenario puts one of the projects under testdata into the workspace.
func (r *runner) scenario(name string) {
	r.t.Helper()
	if err := os.CopyFS(filepath.Join(r.workspace, name), os.DirFS(filepath.Join("testdata", name))); err != nil {
		r.t.Fatal(err)
	}
}

// annotations are the commands in a log that make one.
func (g ran) annotations() (found []string) {
	for line := range strings.Lines(g.log) {
		if strings.HasPrefix(line, "::") {
			found = append(found, strings.TrimSuffix(line, "\n"))
		}
	}
	return found
}

// The action on projects that are there to be tried: exit status, outputs, annotations, summary.
func TestAction(t *testing.T) {
	endToEnd(t)
	r := newRunner(t)
	sarif, err := jsonschema.NewCompiler().Compile("report/testdata/sarif-schema-2.1.0.json")
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		scenario    string
		inputs      map[string]string
		code        int
		outputs     string   // verdict, findings, errors, warnings, sarif-file
		annotations []string // how they begin
		summary     string
	}{
		"no network": {
			"shop", nil, exitFound, "broken 2 1 0 why502.sarif",
			[]string{"::error file=shop/nginx.conf,line=9,col=20,title=upstream-no-shared-network::edge and api share", "::notice file=shop/nginx.conf,line=5,"}, "## 🔴 shop&#58; edge does not start",
		},
		"works":            {"ok-spa-api-db", nil, exitOK, "ok 1 0 0 why502.sarif", []string{"::notice file=ok-spa-api-db/nginx.conf,"}, "## 🟢 ok-spa-api-db"},
		"a note is enough": {"ok-spa-api-db", map[string]string{"fail-on": "note"}, exitFound, "ok 1 0 0 why502.sarif", []string{"::notice "}, "## 🟢 ok-spa-api-db"},
		"only reported":    {"config-syntax", map[string]string{"fail-on": "never"}, exitOK, "broken 1 1 0 why502.sarif", []string{"::error file=config-syntax/nginx.conf,line=5,"}, "## 🔴 config-syntax"},
		"a profile":        {"upstream-profile-disabled", map[string]string{"profiles": "\n  full\r\n\nother"}, exitOK, "ok 1 0 0 why502.sarif", []string{"::notice "}, "## 🟢 upstream-profile-disabled"},
		"files":            {"ok-override-file", map[string]string{"files": "compose.yaml\ncompose.override.yaml\n"}, exitOK, "ok 1 0 0 why502.sarif", []string{"::notice "}, "## 🟢 ok-override-file"},
		"without the other": {
			"ok-override-file", map[string]string{"files": "compose.yaml"}, exitFound, "broken 2 1 0 why502.sarif",
			[]string{"::error file=ok-override-file/nginx.conf,", "::notice "}, "## 🔴 ok-override-file",
		},
		"no SARIF":          {"shop", map[string]string{"sarif-file": ""}, exitFound, "broken 2 1 0 ", []string{"::error ", "::notice "}, "## 🔴 shop"},
		"flags":             {"shop", map[string]string{"args": "--ignore  *\n-p other", "live": "off"}, exitOK, "broken 0 0 0 why502.sarif", nil, "## 🔴 other"},
		"flags beat inputs": {"shop", map[string]string{"args": "--fail-on never --format junit=junit.xml"}, exitOK, "broken 2 1 0 why502.sarif", []string{"::error ", "::notice "}, "## 🔴 shop"},
		"more formats":      {"shop", map[string]string{"formats": "html=a page.html\njunit=junit.xml"}, exitFound, "broken 2 1 0 why502.sarif", []string{"::error ", "::notice "}, "## 🔴 shop"},
		"a wrong format":    {"shop", map[string]string{"formats": "html=a page.html\nquiet=x"}, exitError, "    ", []string{`::error title=why502::why502: error: unknown format "quiet"`}, ""},
		"a daemon required": {"shop", map[string]string{"live": "require"}, exitError, "    ", []string{"::error title=why502::why502: error: no Docker daemon"}, ""},
		"no project":        {"shop", map[string]string{"project-directory": "shop/nowhere"}, exitError, "    ", []string{"::error title=why502::why502: error: no directory \"./shop/nowhere\"%0Awhy502: hint: name the directory"}, ""},
		"nothing to check":  {"ok-proxy-on-the-host", map[string]string{"args": "--proxy api"}, exitError, "    ", []string{"::error title=why502::why502: error: "}, ""},
		"only the help":     {"shop", map[string]string{"args": "--help"}, exitError, "    ", []string{"::error title=why502::why502: the project was not checked"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			r.t, r.workspace = t, t.TempDir()
			r.scenario(test.scenario)
			inputs := map[string]string{"project-directory": test.scenario}
			maps.Copy(inputs, test.inputs)
			got := r.use(inputs)
			o := got.outputs
			if outputs := strings.Join([]string{o["verdict"], o["findings"], o["errors"], o["warnings"], o["sarif-file"]}, " "); got.code != test.code || outputs != test.outputs || len(got.uses) != 1 {
				t.Errorf("exit %d, outputs %q, with %q\n%s", got.code, outputs, got.uses, got.log)
			}
			if !slices.EqualFunc(got.annotations(), test.annotations, strings.HasPrefix) {
				t.Errorf("annotations %q", got.annotations())
			}
			if !strings.HasPrefix(got.summary, "what was there before\n"+test.summary) || test.summary == "" && strings.Count(got.summary, "\n") > 1 {
				t.Errorf("summary %q", got.summary)
			}
			if file := o["sarif-file"]; file != "" {
				validSARIF(t, sarif, filepath.Join(r.workspace, file))
			}
			for line := range strings.Lines(test.inputs["formats"]) {
				if _, file, _ := strings.Cut(strings.TrimSpace(line), "="); test.code != exitError && !strings.Contains(read(t, filepath.Join(r.workspace, file)), "shop") {
					t.Errorf("%s is not the report", file)
				}
			}
		})
	}
}

func validSARIF(t *testing.T, schema *jsonschema.Schema, file string) {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(read(t, file)))
	if err == nil {
		err = schema.Validate(doc)
	}
	if err != nil {
		t.Errorf("%s: %v", file, err)
	}
}

// Whatever an input is, it is neither run nor expanded, and makes no annotations and no outputs of its own.
func TestActionTrustsNoInput(t *testing.T) {
	const touch = "$(touch PWNED)`touch PWNED`; touch PWNED & touch PWNED | touch PWNED > PWNED"
	endToEnd(t)
	r := newRunner(t)
	r.workspace = breaking(t) // fix would have something to write
	files := contents(t, r.workspace)
	for name := range r.action.Inputs {
		for _, value := range []string{
			touch + ` "` + touch + `" '` + touch + `' \`, "", "*", "fix --write", "--record=PWNED", "-oPWNED",
			"x\n" + touch + "\n::error::PWNED\nverdict=PWNED\nsarif-file<<PWNED\nx\nPWNED\n::set-output name=verdict::PWNED", "%0A::error::PWNED\r::error::PWNED\x1b]0;PWNED\a",
		} {
			if name == "args" && strings.HasPrefix(value, "-") {
				continue // they are flags
			}
			got := r.use(map[string]string{name: value})
			for _, dir := range []string{r.workspace, r.temp, r.path} {
				if _, err := os.Stat(filepath.Join(dir, "PWNED")); err == nil {
					os.Remove(filepath.Join(dir, "PWNED"))
					t.Fatalf("%s: %q made PWNED in %s", name, value, dir)
				}
			}
			for file, text := range files {
				if info, err := os.Stat(file); err != nil || info.Mode().String()+"\n"+read(t, file) != text {
					t.Fatalf("%s: %q changed %s: %v", name, value, file, err)
				}
			}
			for _, line := range got.annotations() {
				if strings.HasPrefix(line, "::error::") || strings.HasPrefix(line, "::set-") {
					t.Errorf("%s: %q made the annotation %q", name, value, line)
				}
			}
			for output, value := range r.steps["why502"] {
				if _, known := r.action.Outputs[output]; !known || output != "sarif-file" && strings.Contains(value, "PWNED") {
					t.Errorf("%s: %q made the output %s=%s", name, value, output, value)
				}
			}
			if strings.Contains(got.log, "\x1b") {
				t.Errorf("%s: %q made the log\n%s", name, value, got.log)
			}
		}
	}
}

// No expression stands in a script, what others make is pinned, and whatever can be said is said.
func TestActionIsSafe(t *testing.T) {
	a := readAction(t)
	if a.Runs.Using != "composite" {
		t.Errorf("it is %s", a.Runs.Using)
	}
	for _, step := range a.Runs.Steps {
		if strings.Contains(step.Run, "${{") || step.Run != "" && step.Shell != "bash" {
			t.Errorf("the script %q by %q", step.Run, step.Shell)
		}
		if step.Uses != "" && !pinned.MatchString(step.Uses) {
			t.Errorf("%s is not pinned", step.Uses)
		}
	}
	for name, input := range a.Inputs {
		if input.Description == "" {
			t.Errorf("the input %s is not described", name)
		}
	}
	for _, verdict := range []inspect.Verdict{inspect.VerdictBroken, inspect.VerdictLikelyBroken, inspect.VerdictAtRisk, inspect.VerdictUnknown, inspect.VerdictOK} {
		if !strings.Contains(a.Outputs["verdict"].Description, string(verdict)) {
			t.Errorf("the output verdict may be %s, too", verdict)
		}
	}
}

var pinned = regexp.MustCompile(`^[a-z-]+/[a-z/-]+@([0-9a-f]{40}|v[0-9]+)$`)

// The workflows that the README shows use the action as it is.
func TestWorkflows(t *testing.T) {
	a, current := readAction(t), "OWNER/why502@v"+version
	readme := read(t, "README.md")
	if !strings.Contains(readme, current) || !strings.Contains(readme, "rev: v"+version) {
		t.Errorf("the README does not have %s", version)
	}
	for _, name := range []string{"docs/workflow-files.yml", "docs/workflow-live.yml"} {
		var workflow struct {
			Jobs map[string]struct{ Steps []actionStep }
		}
		readYAML(t, name, &workflow)
		used := 0
		for _, step := range workflow.Jobs["diagnose"].Steps {
			if step.Uses != current {
				if step.Uses != "" && !pinned.MatchString(step.Uses) {
					t.Errorf("%s: %s is not pinned", name, step.Uses)
				}
				continue
			}
			used++
			for input := range step.With {
				if _, known := a.Inputs[input]; !known {
					t.Errorf("%s: there is no input %s", name, input)
				}
			}
			if step.ID != "why502" {
				t.Errorf("%s: its step is called %q", name, step.ID)
			}
		}
		for _, output := range regexp.MustCompile(`steps\.why502\.outputs\.([a-z-]+)`).FindAllStringSubmatch(read(t, name), -1) {
			if _, known := a.Outputs[output[1]]; !known {
				t.Errorf("%s: there is no output %s", name, output[1])
			}
		}
		if used != 1 || !strings.Contains(readme, name) {
			t.Errorf("%s: the action is used %d times; or the README does not name the file", name, used)
		}
	}
}

// A release is taken only if its checksum is that of the release.
func TestActionDownloads(t *testing.T) {
	archive := "why502-1.2.3-linux-" + runtime.GOARCH + ".tar.gz"
	released := archiveOf(t, map[string]string{"why502-1.2.3/why502": "#!/bin/sh\necho released\n"})
	sums := fmt.Sprintf("%x  %s\n%x  other.tar.gz\n", sha256.Sum256(released), archive, sha256.Sum256(nil))
	for name, test := range map[string]struct {
		version, sums string
		archive       []byte
		want          string // in the log; empty: it is taken
	}{
		"well":                {"1.2.3", sums, released, ""},
		"as tags are":         {"v1.2.3", sums, released, ""},
		"another archive":     {"1.2.3", sums, append([]byte("x"), released...), "is not what the SHA256SUMS"},
		"not listed":          {"1.2.3", "00  other.tar.gz\n", released, "is not what the SHA256SUMS"},
		"nothing listed":      {"1.2.3", "", nil, "is not what the SHA256SUMS"},
		"no such release":     {"1.2.4", sums, released, "cannot download"},
		"elsewhere":           {"../../../other/releases/download/v1.2.3", sums, released, "has to be that of a release"},
		"more than a version": {"1.2.3\n::error::x", sums, released, "has to be that of a release"},
	} {
		t.Run(name, func(t *testing.T) {
			const at = "/owner/why502/releases/download/v1.2.3/"
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, asked *http.Request) {
				switch asked.URL.Path {
				case at + "SHA256SUMS":
					io.WriteString(w, test.sums)
				case at + archive:
					w.Write(test.archive)
				default:
					http.NotFound(w, asked)
				}
			}))
			defer server.Close()
			r := newRunner(t)
			r.env = append(r.env, "GITHUB_SERVER_URL="+server.URL)
			r.path = filepath.Join(t.TempDir(), "_actions", "owner", "why502", "v1")
			if err := os.CopyFS(filepath.Join(r.path, ".github", "action"), os.DirFS(".github/action")); err != nil {
				t.Fatal(err)
			}
			got := r.use(map[string]string{"version": test.version})
			if taken := strings.Contains(got.log, "released"); taken != (test.want == "") || !strings.Contains(got.log, test.want) || !taken && got.code != exitError {
				t.Errorf("exit %d\n%s", got.code, got.log)
			}
		})
	}
	r := newRunner(t)
	if got := r.use(map[string]string{"version": "1.2.3"}); len(got.uses) > 0 || got.code != exitError || !strings.Contains(got.log, "leave version out") {
		t.Errorf("of a checkout: exit %d\n%s", got.code, got.log)
	}
}

// archiveOf is an archive of programs, by their paths.
func archiveOf(t *testing.T, files map[string]string) []byte {
	t.Helper()
	var b bytes.Buffer
	zipped := gzip.NewWriter(&b)
	archive := tar.NewWriter(zipped)
	for name, text := range files {
		if err := archive.WriteHeader(&tar.Header{Name: name, Mode: 0o755, Size: int64(len(text))}); err != nil {
			t.Fatal(err)
		}
		io.WriteString(archive, text)
	}
	archive.Close()
	zipped.Close()
	return b.Bytes()
}
