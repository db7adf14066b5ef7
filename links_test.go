package main

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

func TestTakesLinks(t *testing.T) {
	for env, want := range map[string]bool{
		"":                                      false,
		"TERM=xterm-256color":                   false,
		"TERM=xterm-kitty":                      true,
		"TERM_PROGRAM=vscode":                   true,
		"TERM_PROGRAM=Apple_Terminal":           false,
		"VTE_VERSION=6800":                      true,
		"VTE_VERSION=5000":                      false,
		"VTE_VERSION=x":                         false,
		"WT_SESSION=1":                          true,
		"VTE_VERSION=6800 TERM=screen-256color": false,
		"WT_SESSION=1 TERM=dumb":                false,
		"FORCE_HYPERLINK=1":                     true,
		"FORCE_HYPERLINK=1 TERM=tmux":           true,
		"FORCE_HYPERLINK=0 TERM=xterm-kitty":    false,
	} {
		p := program{env: strings.Fields(env)}
		if got := p.takesLinks(); got != want {
			t.Errorf("%s: %v", env, got)
		}
	}
}

// Only files that are there are linked, and nothing in a name is left that a terminal or a browser takes for more.
func TestLinker(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("its file names have no such characters")
	}
	dir := t.TempDir()
	write(t, filepath.Join(dir, "a b#ü\x1b;%.conf"), "")
	link := (&program{env: []string{"TERM_PROGRAM=vscode"}}).linker(dir)
	for file, want := range map[string]string{
		"a b#ü\x1b;%.conf":                 "file://" + dir + "/a%20b%23%C3%BC%1B%3B%25.conf#3",
		filepath.Join(dir, "../nope.conf"): "",
		"nope.conf":                        "",
		".":                                "",
		"":                                 "",
	} {
		if got := link(file, 3); strings.ReplaceAll(got, ";", "%3B") != want {
			t.Errorf("%q: %q, want %q", file, got, want)
		}
	}
	host, _ := os.Hostname()
	if got, want := (&program{env: []string{"VTE_VERSION=6800"}}).linker(dir)("a b#ü\x1b;%.conf", 3), "file://"+host+dir; !strings.HasPrefix(got, want) || strings.Contains(got, "#") {
		t.Errorf("%q, want %q and no line", got, want)
	}
}

// On a terminal that takes links places are links, and colours are needed for that; elsewhere they never are.
func TestLinksOnATerminal(t *testing.T) {
	dir := breaking(t)
	const link = "\x1b]8;;file://"
	for name, test := range map[string]struct {
		env, words string
		want       bool
	}{
		"a terminal":     {"FORCE_HYPERLINK=1", "why502 --live off " + dir, true},
		"-q":             {"TERM=xterm-kitty", "why502 -q --live off " + dir, true},
		"no colours":     {"FORCE_HYPERLINK=1", "why502 --color never --live off " + dir, false},
		"another":        {"TERM=xterm", "why502 --live off " + dir, false},
		"a pipe":         {"FORCE_HYPERLINK=1", "why502 --color always --live off " + dir + " | cat", false},
		"another format": {"FORCE_HYPERLINK=1", "why502 --format json --live off " + dir, false},
	} {
		t.Run(name, func(t *testing.T) {
			out := onTerminal(t, []string{test.env}, test.words)
			if got := strings.Contains(out, link); got != test.want || !strings.Contains(out, "apii") {
				t.Errorf("links: %v\n%q", got, out)
			}
		})
	}
	if got := why502(t, []string{"FORCE_HYPERLINK=1", "FORCE_COLOR=1"}, dir); strings.Contains(got.stdout, link) {
		t.Errorf("links in what is piped: %q", got.stdout)
	}
}
