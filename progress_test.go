package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// screen is what is left of text on a terminal, line by line.
func screen(text string) string {
	var lines []string
	for line := range strings.SplitSeq(strings.ReplaceAll(text, "\r\n", "\n"), "\n") {
		var cells []rune
		at := 0
		for _, r := range line {
			if r == '\r' {
				at = 0
				continue
			}
			cells = append(cells[:at], append([]rune{r}, cells[min(at+1, len(cells)):]...)...)
			at++
		}
		lines = append(lines, strings.TrimRight(string(cells), " "))
	}
	return strings.Join(lines, "\n")
}

// The line of progress says the latest, and leaves nothing behind.
func TestProgress(t *testing.T) {
	long := strings.Repeat("long ", 100)
	for name, test := range map[string]struct {
		do   func(*progress)
		want string // shown before the end
	}{
		"short":            {func(g *progress) { g.at("reading") }, ""},
		"long":             {func(g *progress) { g.at("reading"); g.show() }, "reading …"},
		"the latest":       {func(g *progress) { g.at("reading the files"); g.show(); g.at("asking") }, "asking …"},
		"wiped between":    {func(g *progress) { g.at("reading"); g.show(); g.end() }, ""},
		"begun anew":       {func(g *progress) { g.at("reading"); g.show(); g.end(); g.at("asking"); g.show() }, "asking …"},
		"after the end":    {func(g *progress) { g.at("reading"); g.end(); g.show() }, ""},
		"interrupted":      {func(g *progress) { g.at("reading"); g.show(); g.quit(); g.at("asking"); g.show() }, ""},
		"a name with an ␛": {func(g *progress) { g.at("probing from \x1b[2J"); g.show() }, `probing from \x1b[2J …`},
		"cut":              {func(g *progress) { g.at(long); g.show() }, long[:maxStage] + " …"},
	} {
		t.Run(name, func(t *testing.T) {
			var to strings.Builder
			g := &progress{to: &to}
			test.do(g)
			if got := screen(to.String()); got != test.want {
				t.Errorf("%q, want %q", got, test.want)
			}
			if g.end(); screen(to.String()) != "" {
				t.Errorf("left behind: %q", to.String())
			}
		})
	}
}

// Nobody is shown progress whose terminal cannot wipe it, or who is no person.
func TestProgressIsForPeople(t *testing.T) {
	terminal, err := os.OpenFile("/dev/null", os.O_WRONLY, 0)
	if err != nil {
		t.Skip(err)
	}
	defer terminal.Close()
	for env, want := range map[string]bool{"TERM=xterm": true, "TERM=dumb": false, "CI=true": false} {
		p := program{env: []string{env}}
		if got := p.newProgress(terminal) != nil; got != want {
			t.Errorf("%s: %v", env, got)
		}
		if p.newProgress(&strings.Builder{}) != nil {
			t.Errorf("%s: a pipe is shown progress", env)
		}
	}
}

// onTerminal runs the program on a terminal, and gives what it wrote there. The words are a shell's.
func onTerminal(t *testing.T, env []string, words string) string {
	t.Helper()
	if _, err := exec.LookPath("script"); err != nil {
		t.Skip("no script(1) here, to make a terminal")
	}
	own, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(t.TempDir(), "why502")
	if err := os.Symlink(own, program); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "script", "-qec", strings.ReplaceAll(words, "why502", program), "/dev/null")
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "TERM=xterm", asProgram + "=1"}, env...)
	out, _ := cmd.CombinedOutput()
	return string(out)
}

// On a terminal the daemon that is waited for is named, and then there is the report alone, or the error.
func TestProgressOnATerminal(t *testing.T) {
	host := "DOCKER_HOST=" + hanging(t)
	for name, test := range map[string]struct{ words, want string }{
		"in the end":  {"why502 --timeout 3s " + working(t), "the only route is ok"},
		"interrupted": {"timeout --foreground -s INT 3 why502 --timeout 1m " + working(t), "why502: error: interrupted"},
	} {
		t.Run(name, func(t *testing.T) {
			out := onTerminal(t, []string{host, "NO_COLOR=1"}, test.words)
			if !strings.Contains(out, "asking the Docker daemon …\r") {
				t.Errorf("nothing is said of what it waits for: %q", out)
			}
			if left := screen(out); strings.Contains(left, "asking") || !strings.Contains(left, test.want) {
				t.Errorf("%s\nwant %q", left, test.want)
			}
		})
	}
}
