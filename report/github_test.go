package report

import (
	"strings"
	"testing"

	"why502/inspect"
)

// Each line is one command, or one line of the log, whatever text there is in the report.
func TestGitHubHostileText(t *testing.T) {
	for name, text := range hostileTexts {
		t.Run(name, func(t *testing.T) {
			lines := strings.Split(strings.TrimSuffix(printed(t, "github", fillText(text), Options{}), "\n"), "\n")
			if len(lines) != 5 || !strings.HasPrefix(lines[0], "why502: ") || strings.Contains(lines[0], "##[") {
				t.Fatalf("the verdict, two annotations, what is ignored and a remark are %q", lines)
			}
			for _, line := range lines[3:] {
				if !strings.HasPrefix(line, "why502: ignored: ") || strings.Contains(line, "##[") {
					t.Errorf("what is ignored is %q", line)
				}
			}
			for _, line := range lines[1:3] {
				got := parseCommand(t, line)
				if got["command"] != "error" || got["title"] != loopbackRule.ID || got["file"] != underPrefix("", cut(text, maxText)) {
					t.Errorf("%q is read as %q", line, got)
				}
				if first, _, _ := strings.Cut(got["message"], "\n"); !strings.HasSuffix(first, cut(text, maxText)) {
					t.Errorf("the message is %q", got["message"])
				}
			}
		})
	}
}

// parseCommand reads a command as GitHub's runner does: up to the second "::", its properties at the commas.
func parseCommand(t *testing.T, line string) map[string]string {
	t.Helper()
	head, message, ok := strings.Cut(strings.TrimPrefix(line, "::"), "::")
	if !ok || !strings.HasPrefix(line, "::") {
		t.Fatalf("%q is no command", line)
	}
	command, properties, _ := strings.Cut(head, " ")
	data := strings.NewReplacer("%0D", "\r", "%0A", "\n", "%25", "%")
	property := strings.NewReplacer("%0D", "\r", "%0A", "\n", "%3A", ":", "%2C", ",", "%25", "%")
	got := map[string]string{"command": command, "message": data.Replace(message)}
	for pair := range strings.SplitSeq(properties, ",") {
		key, value, _ := strings.Cut(pair, "=")
		if _, twice := got[key]; twice {
			t.Errorf("%q says %s twice", line, key)
		}
		got[key] = property.Replace(value)
	}
	return got
}

// Ten of each severity are all that GitHub takes; the others are counted.
func TestGitHubLimits(t *testing.T) {
	r := crowd() // 102 errors
	for range 14 {
		r.Findings = append(r.Findings, mayGoStale())
	}
	got := printed(t, "github", r, Options{})
	for kind, want := range map[string]int{"::error ": 10, "::warning ": 1, "::notice ": 10} {
		if n := strings.Count(got, kind); n != want {
			t.Errorf("%d of %s, want %d", n, kind, want)
		}
	}
	const left = "why502: 92 errors and 5 notes more without an annotation: GitHub takes 10 of each from a step\n"
	if !strings.HasSuffix(got, left) {
		t.Errorf("what is left out is not said at the end of:\n%s", got)
	}
	if got := printed(t, "github", r, Options{Show: inspect.Error}); strings.Contains(got, "note") {
		t.Errorf("there are notes with --show error:\n%s", got)
	}
}

// A finding without a place is an annotation still, and says whose it is; a clean run is a line.
func TestGitHubWithoutPlace(t *testing.T) {
	r := shop()
	r.Findings = r.Findings[3:]
	r.Findings[0].Place = at("-", 3, 1)
	if got := printed(t, "github", r, Options{}); !strings.Contains(got, "\n::notice title=upstream-address-may-go-stale::edge: nginx asks ") {
		t.Errorf("got:\n%s", got)
	}
	same(t, printed(t, "github", clean(), Options{}), "why502: shop: both routes are ok (with the daemon)\n")
}

func TestGitHubLongText(t *testing.T) {
	r := fillText(strings.Repeat("x", 1<<20))
	if n := len(printed(t, "github", r, Options{})); n > 64<<10 {
		t.Errorf("%d bytes for two annotations", n)
	}
}
