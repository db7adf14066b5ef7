package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// hook is what pre-commit reads of a hook. (pre-commit.com, "Creating new hooks")
type hook struct {
	ID, Language, Entry, Files string
	PassFilenames              bool `yaml:"pass_filenames"`
}

// Each way to install the program has a hook, and all of them do the same.
func TestPreCommitHooks(t *testing.T) {
	var hooks []hook
	readYAML(t, ".pre-commit-hooks.yaml", &hooks)
	languages := map[string]string{"why502": "golang", "why502-docker": "docker_image", "why502-system": "system"}
	if len(hooks) != len(languages) {
		t.Errorf("there are %d hooks", len(hooks))
	}
	for _, h := range hooks {
		if h.Language != languages[h.ID] || h.Entry != "why502 --live off" || h.PassFilenames {
			t.Errorf("%+v", h)
		}
		for file, want := range map[string]bool{
			"compose.yaml": true, "docker-compose.yml": true, "deploy/compose.prod.yaml": true, "nginx.conf": true, "edge/default.conf.template": true, "edge/app.conf.sample": true,
			".env": true, "Dockerfile": true, "edge/Dockerfile.prod": true, "nginx/snippets/proxy": true, ".why502.yaml": true,
			"README.md": false, "main.go": false, "src/composer.json": false, "values.yaml": false,
		} {
			if got := regexp.MustCompile(h.Files).MatchString(file); got != want {
				t.Errorf("%s: %s: %v", h.ID, file, got)
			}
		}
	}
}

// The real pre-commit keeps what is broken from being committed, and lets what works through.
func TestPreCommit(t *testing.T) {
	endToEnd(t)
	if _, err := exec.LookPath("pre-commit"); err != nil {
		t.Skip("there is no pre-commit to run the hook")
	}
	home := t.TempDir()
	own, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(own, filepath.Join(home, "why502")); err != nil {
		t.Fatal(err)
	}
	env := append(environment(), "HOME="+home, "PRE_COMMIT_HOME="+home, "PATH="+home+":"+os.Getenv("PATH"), asProgram+"=1",
		"GIT_CONFIG_GLOBAL=/dev/null", "GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.com")
	do := func(dir string, command ...string) (string, error) {
		cmd := exec.Command(command[0], command[1:]...)
		cmd.Dir, cmd.Env = dir, env
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	commit := func(dir, message string) (string, error) {
		if out, err := do(dir, "git", "add", "--all"); err != nil {
			return out, err
		}
		return do(dir, "git", "commit", "--quiet", "--message", message)
	}
	must := func(out string, err error) string {
		t.Helper()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return strings.TrimSpace(out)
	}

	hooks, dir := t.TempDir(), breaking(t)
	write(t, filepath.Join(hooks, ".pre-commit-hooks.yaml"), read(t, ".pre-commit-hooks.yaml"))
	must(do(hooks, "git", "init", "--quiet"))
	must(commit(hooks, "hooks"))
	revision := must(do(hooks, "git", "rev-parse", "HEAD"))
	write(t, filepath.Join(dir, ".pre-commit-config.yaml"), "repos:\n- repo: "+hooks+"\n  rev: "+revision+"\n  hooks: [{id: why502-system}]\n")
	must(do(dir, "git", "init", "--quiet"))
	must(do(dir, "pre-commit", "install"))

	if out, err := commit(dir, "broken"); err == nil || !strings.Contains(out, "[upstream-host-unknown]") || !strings.Contains(out, "nginx.conf:4") {
		t.Errorf("what is broken: %v\n%s", err, out)
	}
	write(t, filepath.Join(dir, "nginx.conf"), nginxConf)
	if out, err := commit(dir, "works"); err != nil || !strings.Contains(out, "Passed") {
		t.Errorf("what works: %v\n%s", err, out)
	}
	write(t, filepath.Join(dir, "README.md"), "nothing of the project\n")
	if out, err := commit(dir, "another file"); err != nil || !strings.Contains(out, "Skipped") {
		t.Errorf("another file: %v\n%s", err, out)
	}
}
