package main

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"why502/compose"
	"why502/inspect"
)

// copied is a scenario's folder, where it can be changed.
func copied(t *testing.T, dir string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), filepath.Base(dir))
	if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	return to
}

// contents are the files of a folder: text by name, and what is special about them.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if err == nil && info.Mode().IsRegular() {
			files[name] = info.Mode().String() + "\n" + read(t, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func sameFiles(t *testing.T, dir string, want map[string]string) {
	t.Helper()
	got := contents(t, dir)
	for name, text := range want {
		if got[name] != text {
			t.Errorf("%s is\n%s\nnot\n%s", name, got[name], text)
		}
	}
	if len(got) != len(want) {
		t.Errorf("there are %d files, not %d", len(got), len(want))
	}
}

// applied carries out a diff with git.
func applied(t *testing.T, dir, diff string) {
	t.Helper()
	cmd := exec.Command("git", "apply", "-p0", "--whitespace=nowarn", "-")
	cmd.Dir, cmd.Stdin = dir, strings.NewReader(diff)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("git apply: %v: %s\n%s", err, out, diff)
	}
}

// unmended are scenarios whose edits are offered and not written, and why.
var unmended = map[string]string{}

// Whatever is offered for the scenarios can be applied and written; after that it is gone, nothing else
// came, and there is nothing left to write.
func TestFixMends(t *testing.T) {
	mended := map[string]bool{}
	for _, s := range scenarios(t) {
		before := decode(t, why502(t, nil, "--live=off", "--format=json", s.dir))
		offered := 0
		for _, f := range before.Findings {
			if len(f.Fix.Edits) > 0 {
				mended[f.Rule] = true
				offered++
			}
		}
		if offered == 0 {
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			dir := copied(t, s.dir)
			shown := why502(t, nil, "fix", "--live=off", "--fail-on=never", dir)
			applied(t, dir, shown.stdout)
			dir = copied(t, s.dir)
			written := why502(t, nil, "fix", "--write", "--live=off", "--fail-on=never", dir)
			if why := unmended[s.name]; why != "" {
				if !strings.Contains(written.stdout, why) {
					t.Errorf("want %q in:\n%s", why, written.stdout)
				}
				return
			}
			after := decode(t, why502(t, nil, "--live=off", "--format=json", dir))
			compareDocuments(t, before, after)
			files := contents(t, dir)
			why502(t, nil, "fix", "--write", "--live=off", dir)
			sameFiles(t, dir, files)
			if t.Failed() {
				t.Log(written.stdout + written.stderr)
			}
		})
	}
	for _, rule := range []string{
		"upstream-host-unknown", "upstream-published-port", "upstream-port-mismatch", "upstream-is-localhost", "upstream-no-shared-network",
		"resolver-missing", "upstream-scheme-mismatch", "proxy-port-not-listening", "upstream-start-race", "upstream-listens-on-loopback",
	} {
		if !mended[rule] {
			t.Errorf("no scenario has edits of %s", rule)
		}
	}
}

// compareDocuments checks that what had edits is gone, and that nothing else came.
func compareDocuments(t *testing.T, before, after document) {
	t.Helper()
	was := map[string]bool{}
	for _, f := range before.Findings {
		was[f.Rule+f.Message] = len(f.Fix.Edits) > 0
	}
	for _, f := range after.Findings {
		edited, known := was[f.Rule+f.Message]
		if edited {
			t.Errorf("still there: %s [%s]", f.Message, f.Rule)
		}
		if !known && f.Severity != "note" {
			t.Errorf("came: %s [%s]", f.Message, f.Rule)
		}
	}
}

// wrongName is a project with one fault, whose edit is one word of nginx.conf.
func wrongName(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "project")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "compose.yaml"), `services:
  edge:
    image: nginx:1.27
    restart: always
    ports: ["8080:80"]
    volumes: ["./nginx.conf:/etc/nginx/conf.d/default.conf"]
  backend: {image: example/api, expose: [8000]}
`)
	write(t, filepath.Join(dir, "nginx.conf"), "server {\n    listen 80;\n    location / {\n        proxy_pass http://backnd:8000;\n    }\n}\n")
	return dir
}

// What cannot be placed surely is refused, and no file is touched.
func TestFixRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		spoil func(t *testing.T, dir string)
		want  string
	}{
		"a link that leads out": {func(t *testing.T, dir string) {
			conf, out := filepath.Join(dir, "nginx.conf"), filepath.Join(filepath.Dir(dir), "nginx.conf")
			if err := os.Rename(conf, out); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(out, conf); err != nil {
				t.Skip(err)
			}
		}, "it lies outside of the project's directory"},
		"a file outside": {func(t *testing.T, dir string) {
			out := filepath.Join(filepath.Dir(dir), "nginx.conf")
			if err := os.Rename(filepath.Join(dir, "nginx.conf"), out); err != nil {
				t.Fatal(err)
			}
			change(t, filepath.Join(dir, "compose.yaml"), "./nginx.conf", "../nginx.conf")
		}, "it lies outside of the project's directory"},
		"a generated file": {func(t *testing.T, dir string) {
			change(t, filepath.Join(dir, "nginx.conf"), "server {", "# Generated by confd; do not edit\nserver {")
		}, "a program writes it"},
		"a shared anchor": {func(t *testing.T, dir string) {
			write(t, filepath.Join(dir, "compose.yaml"), `x-port: &ports
  - "8080:81"
services:
  edge: {image: nginx:1.27, restart: always, ports: *ports, volumes: ["./nginx.conf:/etc/nginx/conf.d/default.conf"]}
  backnd: {image: example/api, expose: [8000]}
`)
		}, "in the anchor &ports"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := wrongName(t)
			test.spoil(t, dir)
			files := contents(t, filepath.Dir(dir))
			for _, args := range [][]string{{"fix"}, {"fix", "--write"}} {
				got := why502(t, nil, append(args, "--live=off", dir)...)
				if got.code != exitFound || !strings.Contains(got.stdout, test.want) || strings.Contains(got.stdout, "+++") {
					t.Errorf("exit %d, want 1 with %q in:\n%s%s", got.code, test.want, got.stdout, got.stderr)
				}
			}
			sameFiles(t, filepath.Dir(dir), files)
		})
	}
}

func change(t *testing.T, name, old, new string) {
	t.Helper()
	write(t, name, strings.Replace(read(t, name), old, new, 1))
}

// Line endings, a byte order mark, a last line without an end, and the mode stay as they are.
func TestFixKeeps(t *testing.T) {
	const conf = "server {\n    location / {\n        proxy_pass http://%:8000;\n    }\n}"
	for name, text := range map[string]string{
		"no end":       conf,
		"an end":       conf + "\n",
		"CRLF":         strings.ReplaceAll(conf, "\n", "\r\n"),
		"one line":     "server { location / { proxy_pass http://%:8000; } }",
		"other script": "# größer, 日本語\n" + conf,
	} {
		t.Run(name, func(t *testing.T) {
			dir := wrongName(t)
			file := filepath.Join(dir, "nginx.conf")
			write(t, file, strings.Replace(text, "%", "backnd", 1))
			if err := os.Chmod(file, 0o646); err != nil {
				t.Fatal(err)
			}
			want := contents(t, dir)
			want[file] = strings.Replace(want[file], "backnd", "backend", 1)
			applies := copied(t, dir)
			applied(t, applies, why502(t, nil, "fix", "--live=off", applies).stdout)
			if got := read(t, filepath.Join(applies, "nginx.conf")); got != strings.Replace(text, "%", "backend", 1) {
				t.Errorf("git apply makes %q", got)
			}
			got := why502(t, nil, "fix", "--write", "--live=off", dir)
			if got.code != exitOK {
				t.Errorf("exit %d: %s%s", got.code, got.stdout, got.stderr)
			}
			sameFiles(t, dir, want)
		})
	}
}

// Where a file cannot be written, all of a finding's files are as they were.
func TestReplaceAllOrNone(t *testing.T) {
	for name, spoil := range map[string]func(t *testing.T, file string){
		"it cannot be staged": func(t *testing.T, file string) {
			if err := os.Remove(file); err != nil {
				t.Fatal(err)
			}
		},
		"it cannot be put in place": func(t *testing.T, file string) {
			if runtime.GOOS == "windows" {
				t.Skip("files are opened by their names there")
			}
			// it can be opened for writing, but nothing can take its place
			if err := os.Remove(file); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(os.DevNull, file); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			var files []*patched
			for _, name := range []string{"a", "b"} {
				write(t, filepath.Join(dir, name), "old\n")
				f := &patched{name: name, path: filepath.Join(dir, name), text: "old\n", mode: 0o644}
				if err := f.apply([]inspect.Edit{{File: name, Line: 1, LineEnd: 1, Old: "old", New: "new"}}); err != nil {
					t.Fatal(err)
				}
				files = append(files, f)
			}
			spoil(t, files[1].path)
			want := contents(t, dir)
			if err := replaceAll(files, true); err == nil {
				t.Error("there is no error")
			}
			sameFiles(t, dir, want)
		})
	}
}

// mending is fix at work on a project.
func mending(t *testing.T, dir string) *mender {
	t.Helper()
	ask, err := parse([]string{"fix", "--write", "--live=off", dir})
	if err != nil {
		t.Fatal(err)
	}
	stack, err := compose.Load(t.Context(), ask.project)
	if err != nil {
		t.Fatal(err)
	}
	return &mender{program: &program{}, ask: ask, stack: stack, live: inspect.Live{State: inspect.LiveOff}}
}

// An edit that does not help, or does harm, is taken back.
func TestFixTakesBack(t *testing.T) {
	for name, test := range map[string]struct {
		file     string
		line     int
		old, new string
		want     string
	}{
		"it does not help":          {"nginx.conf", 4, "        proxy_pass http://backnd:8000;", "        proxy_pass  http://backnd:8000;", "it would still be there"},
		"it stops nginx":            {"nginx.conf", 2, "    listen 80;", "    lisen 80;", ""},
		"it breaks the project":     {"compose.yaml", 3, "    image: nginx:1.27", "    image: [", "the project could not be read with it"},
		"it takes the service away": {"compose.yaml", 7, "  backend: {image: example/api, expose: [8000]}", "  backnd: {image: example/api, expose: [80], network_mode: none}", ""},
	} {
		t.Run(name, func(t *testing.T) {
			dir := wrongName(t)
			m := mending(t, dir)
			files, stack := contents(t, dir), m.stack
			f := *m.judge(nil)[0]
			f.Fix.Edits = []inspect.Edit{{File: test.file, Line: test.line, LineEnd: test.line, Old: test.old, New: test.new}}
			_, why, err := m.writeOne(t.Context(), &f)
			if err != nil || why == "" || !strings.Contains(why, test.want) {
				t.Errorf("why %q, want %q; error %v", why, test.want, err)
			}
			sameFiles(t, dir, files)
			if m.stack != stack {
				t.Error("what was judged last is not what the files have")
			}
		})
	}
}

// An interrupt between writing and judging leaves the files as they were.
func TestFixInterrupted(t *testing.T) {
	dir := wrongName(t)
	m := mending(t, dir)
	files := contents(t, dir)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := m.writeOne(ctx, m.judge(nil)[0]); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	sameFiles(t, dir, files)
}

// A file that is no longer what was judged is not touched, whatever has changed in it.
func TestFixOfChangedFiles(t *testing.T) {
	for _, text := range []string{"", "server { }\n", "# by another\n", "server {\n    listen 81;\n    location / {\n        proxy_pass http://backnd:8000;\n    }\n}\n"} {
		dir := wrongName(t)
		m := mending(t, dir)
		write(t, filepath.Join(dir, "nginx.conf"), text)
		files := contents(t, dir)
		if _, why, err := m.writeOne(t.Context(), m.judge(nil)[0]); err != nil || !strings.Contains(why, "it has changed since it was read") {
			t.Errorf("%q: why %q, error %v", text, why, err)
		}
		sameFiles(t, dir, files)
	}
}

// Two faults on one route: the second comes to light when the first is mended, and is mended as well.
func TestFixGoesOn(t *testing.T) {
	dir := wrongName(t)
	change(t, filepath.Join(dir, "compose.yaml"), "expose: [8000]", "ports: [\"8000:3000\"]")
	got := why502(t, nil, "fix", "--write", "--live=off", dir)
	conf := read(t, filepath.Join(dir, "nginx.conf"))
	if got.code != exitOK || !strings.Contains(conf, "http://backend:3000;") {
		t.Errorf("exit %d, %s%s%s", got.code, conf, got.stdout, got.stderr)
	}
	reverse := exec.Command("git", "apply", "-p0", "-")
	reverse.Dir, reverse.Stdin = wrongName(t), strings.NewReader(got.stdout)
	if out, err := reverse.CombinedOutput(); err != nil { // two diffs of one file, in order
		t.Errorf("git apply: %v: %s", err, out)
	}
}

// What the files do not show is written, and said not to be proven.
func TestFixOfWhatTheDaemonShows(t *testing.T) {
	m := mending(t, wrongName(t))
	f := *m.judge(nil)[0]
	f.Rule = &inspect.Rule{ID: "seen-live", Hop: inspect.HopPort}
	if _, why, err := m.writeOne(t.Context(), &f); err != nil || why != "" {
		t.Fatal(why, err)
	}
	if said := strings.Join(m.changes, ""); !strings.Contains(said, "only the running project can show") {
		t.Error(said)
	}
}

// A credential is never shown, but no reason not to write what stands beside it.
func TestFixHidesCredentials(t *testing.T) {
	dir := wrongName(t)
	write(t, filepath.Join(dir, "nginx.conf"), "server {\n    location / {\n        proxy_set_header Authorization \"Bearer hunter2hunter2\";\n"+
		"        proxy_pass http://backnd:8000;\n    }\n}\n")
	for _, args := range [][]string{{"fix"}, {"fix", "--write"}} {
		got := why502(t, nil, append(args, "--live=off", dir)...)
		if strings.Contains(got.stdout+got.stderr, "hunter2") || !strings.Contains(got.stdout, "what looks like a credential") {
			t.Errorf("%v: %s%s", args, got.stdout, got.stderr)
		}
	}
	if conf := read(t, filepath.Join(dir, "nginx.conf")); !strings.Contains(conf, "backend:8000") || !strings.Contains(conf, "hunter2hunter2") {
		t.Error(conf)
	}
}

// mends writes what is offered for a project that is up, removes its containers, starts it as play.txt does, and asks
// again: now all works. Where the faults have no edits, or not all of them, there is nothing to see.
func (p *play) mends(whole document, asked map[string]string) {
	offered := false
	for _, f := range whole.Findings {
		offered = offered || len(f.Fix.Edits) > 0
		if f.Severity == "error" && len(f.Fix.Edits) == 0 {
			return
		}
	}
	if !offered {
		if slices.Contains(alwaysMended, p.name) {
			p.t.Error("it has no edits to be mended with")
		}
		return
	}
	before := contents(p.t, p.folder)
	written := p.why502("fix", "--write", "--fail-on=never")
	if maps.Equal(before, contents(p.t, p.folder)) {
		p.t.Errorf("fix has written nothing\n%s%s", written.stdout, written.stderr)
	}
	p.load()
	err := p.command([]string{"compose", "--profile", "*", "down", "--remove-orphans", "-t", "0"}, false)
	err = cmp.Or(err, p.command(append(p.up(), "--build"), false))
	for address := range asked {
		err = cmp.Or(err, p.ask(address, p.mended(address)))
	}
	if err != nil {
		p.t.Errorf("with what fix has written: %v\n%s%s", err, written.stdout, written.stderr)
	}
}

// alwaysMended are the scenarios that are mended without -every too: what is broken most often, and what a machine can
// write best.
var alwaysMended = []string{
	"proxy-port-not-listening", "resolver-missing", "upstream-host-unknown", "upstream-is-localhost",
	"upstream-listens-on-loopback", "upstream-no-shared-network", "upstream-port-mismatch", "upstream-published-port",
	"upstream-scheme-mismatch", "upstream-start-race",
}

// mended is what a URL answers where the fault is not: 200, unless the near miss of the scenario says otherwise.
func (p *play) mended(address string) string {
	near := &play{scenario: newScenario(filepath.Join(p.dir, "near-miss")), t: p.t}
	if near.has("play.txt") {
		for _, words := range near.lines() {
			if words[0] == "ask" && words[1] == address {
				return words[2]
			}
		}
	}
	return "200"
}

// up is the command with which play.txt starts the project, and with it what depends_on says.
func (p *play) up() []string {
	for _, words := range p.lines() {
		if words[0] == "!" {
			words = words[1:]
		}
		if words[0] == "docker" && slices.Contains(words, "up") {
			return slices.DeleteFunc(words[1:], func(word string) bool { return word == "--no-deps" })
		}
	}
	return []string{"compose", "up", "-d"}
}
