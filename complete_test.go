package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// What is offered for the last word of a command line, in a project with the services api, edge and off.
func TestComplete(t *testing.T) {
	dir := variety(t)
	for _, test := range []struct {
		words, want string // separated by blanks; _ is an empty word; want is the first word that is offered
		others      directive
	}{
		{"tra", "trace", nothingElse},
		{"nothing-like-a-command", "", orDirectories},
		{"explain upstream-lis", "upstream-listens-on-loopback", nothingElse},
		{"fix upstream-lis", "upstream-listens-on-loopback", nothingElse},
		{"fix ./", "", orDirectories},
		{"trace _", "", nothingElse},
		{"trace http://localhost/ _", "", orDirectories},
		{"completion f", "fish", nothingElse},
		{"rules _", "", nothingElse},
		{"--dry", "", nothingElse},
		{"trace --dry", "--dry-run", nothingElse},
		{"-- --live", "", orDirectories},
		{"--live r", "require", nothingElse},
		{"--live=r", "require", nothingElse},
		{"-q --fail-on n", "note", nothingElse},
		{"--format m", "markdown", nothingElse},
		{"--format json=re", "", orFiles},
		{"-qf _", "", orFiles},
		{"--env-file=x", "", orFiles},
		{"--project-directory _", "", orDirectories},
		{"-p sh", "", nothingElse},
		{"--timeout _", "", nothingElse},
		{"--ignore upstream-lis", "upstream-listens-on-loopback", nothingElse},
		{"--ignore=upstream-host-unknown=a", "api", nothingElse},
		{"-f $DIR/compose.yaml --proxy e", "edge", nothingElse},
		{"-f $DIR/nope.yaml --proxy e", "", nothingElse},
		{"--nonsense --proxy e", "edge", nothingElse},
	} {
		t.Run(test.words, func(t *testing.T) {
			t.Chdir(dir)
			words := strings.Fields(strings.ReplaceAll(test.words, "$DIR", dir))
			for i, word := range words {
				words[i] = strings.TrimPrefix(word, "_")
			}
			p := program{}
			got, first := p.completion(t.Context(), words), ""
			if len(got.rows) > 0 {
				first = got.rows[0].term
			}
			if first != test.want || got.others != test.others {
				t.Errorf("%q and %d, want %q and %d", first, got.others, test.want, test.others)
			}
		})
	}
}

// The names of services come from files of others, and what is printed is for a shell.
func TestCompleteIsClean(t *testing.T) {
	t.Chdir(project(t, works+"  \"a b\": {image: x}\n  \"$(touch evil)\": {image: x}\n", nginxConf))
	got := why502(t, nil, "__complete", "--proxy", "")
	if got.code != exitOK || strings.ContainsAny(got.stdout, "$\x1b") || got.stderr != "" {
		t.Errorf("%+v", got)
	}
}

// typedLines are command lines as they are typed before the tabulator, and what they become.
var typedLines = map[string]string{
	"why502 tra":                                  "trace",
	"why502 --live=req":                           "--live=require",
	"why502 --live req":                           "--live require",
	"why502 --proxy ed":                           "--proxy edge",
	"why502 -q -f good.c":                         "-q -f good.conf",
	"why502 --file=good.c":                        "--file=good.conf",
	"why502 --format=json=good.c":                 "--format=json=good.conf",
	"why502 --ignore=upstream-host-unknown=ap":    "--ignore=upstream-host-unknown=api",
	"why502 fix upstream-listens":                 "fix upstream-listens-on-loopback",
	"why502 --project-directory=below":            "--project-directory=below/",
	"why502 below":                                "below/",
	"bin/why502 -f below/../compose.y":            "-f below/../compose.yaml",
	"why502 --no-such-flag --no-such-flag-either": "--no-such-flag --no-such-flag-either",
}

// atHand is a project to type in, with the program in bin. Called otherwise than by completions, it says how.
func atHand(t *testing.T, shell string) (dir string) {
	t.Helper()
	if _, err := exec.LookPath(shell); err != nil {
		t.Skipf("no %s here", shell)
	}
	own, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir = variety(t)
	for _, name := range []string{"bin", "below"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	program := "#!/bin/sh\n[ \"$1\" = __complete ] || { echo \"called: $*.\"; exit; }\nexport " + asProgram + "=1\nexec '" + own + "' \"$@\"\n"
	write(t, filepath.Join(dir, "bin", "why502"), program)
	if err := os.Chmod(filepath.Join(dir, "bin", "why502"), 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "completion"), completionScripts()[shell])
	return dir
}

// shellIn runs a shell, in a project that is at hand.
func shellIn(t *testing.T, dir, stdin string, command ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute) // a shell that is not told to end waits for ever
	defer cancel()
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Dir, cmd.Stdin = dir, strings.NewReader(stdin)
	cmd.Env = append(os.Environ(), "PATH="+filepath.Join(dir, "bin")+":"+os.Getenv("PATH"), "HOME="+dir, "ZDOTDIR="+dir, "TERM=dumb", "DOCKER_HOST=unix:///nowhere/docker.sock")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", command[0], err, out)
	}
	return string(out)
}

// Bash and zsh are typed to, on a terminal, and call the program with what they made of it.
func TestCompletionOnATerminal(t *testing.T) {
	if _, err := exec.LookPath("script"); err != nil {
		t.Skip("no script(1) here, to make a terminal")
	}
	for shell, start := range map[string]string{
		"bash": "bash --noprofile --rcfile completion -i",
		"zsh":  "zsh -i",
	} {
		t.Run(shell, func(t *testing.T) {
			dir := atHand(t, shell)
			write(t, filepath.Join(dir, ".zshrc"), "autoload -Uz compinit\ncompinit -u\n. ./completion\n")
			var typed strings.Builder
			for line := range typedLines {
				typed.WriteString("(" + line + "\t)\n")
			}
			out := shellIn(t, dir, typed.String()+"exit\n", "script", "-qec", start, "/dev/null")
			for line, want := range typedLines {
				if !strings.Contains(out, "called: "+want+".") {
					t.Errorf("%s does not become %q", line, want)
				}
			}
			if t.Failed() {
				t.Logf("%q", out)
			}
		})
	}
}

// Fish says itself what it would offer.
func TestCompletionOfFish(t *testing.T) {
	dir := atHand(t, "fish")
	for line, want := range typedLines {
		out := shellIn(t, dir, "", "fish", "--no-config", "-c", "source completion; complete -C '"+line+"'")
		words := strings.Fields(want)
		last := words[len(words)-1]
		offered := slices.ContainsFunc(strings.Split(out, "\n"), func(l string) bool { word, _, _ := strings.Cut(l, "\t"); return word == last })
		if complete := strings.HasSuffix(line, last); offered == complete {
			t.Errorf("%s: %q is not as it should be in %q", line, last, out)
		}
	}
}

func TestCompletionScripts(t *testing.T) {
	for _, shell := range shells() {
		if got := why502(t, nil, "completion", shell); got.code != exitOK || got.stdout != completionScripts()[shell] || got.stdout == "" {
			t.Errorf("%s: %+v", shell, got)
		}
	}
}

// The help is what completions and the manual page are made of, so every flag has to be found in it.
func TestHelpIsTakenApart(t *testing.T) {
	if got := flagRow("env-file"); got != (row{"FILE", "file of variables (repeatable)"}) {
		t.Errorf("--env-file is %+v", got)
	}
	if of := commandOf("dry-run"); of != "trace" {
		t.Errorf("--dry-run is of %q", of)
	}
	var names []string
	for _, c := range commands() {
		names = append(names, c.term)
	}
	if want := []string{"trace", "explain", "fix", "watch", "rules", "completion"}; !slices.Equal(names, want) {
		t.Errorf("the commands are %q", names)
	}
}
