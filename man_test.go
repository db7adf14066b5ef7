package main

import (
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// released is when this version was made: a page has a date.
const released = "2026-11-26"

// The manual page is the help as man(1) wants it.
func TestManualPage(t *testing.T) { golden(t, "docs/why502.1", manual()) }

// Who checks manual pages has nothing to say of it.
func TestManualPageIsWellFormed(t *testing.T) {
	for _, check := range [][]string{
		{"mandoc", "-T", "lint", "-W", "warning"},
		{"groff", "-man", "-ww", "-z", "-K", "utf8"},
	} {
		t.Run(check[0], func(t *testing.T) {
			if _, err := exec.LookPath(check[0]); err != nil {
				t.Skipf("no %s here", check[0])
			}
			if out, err := exec.Command(check[0], append(check[1:], "docs/why502.1")...).CombinedOutput(); err != nil || len(out) > 0 {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

// A reader of the page sees every flag, and nothing that was taken for a request of roff.
func TestManualPageShowsTheFlags(t *testing.T) {
	if _, err := exec.LookPath("groff"); err != nil {
		t.Skip("no groff here")
	}
	out, err := exec.Command("groff", "-man", "-T", "ascii", "-P", "-c", "-P", "-b", "-P", "-u", "docs/why502.1").Output()
	if err != nil {
		t.Fatal(err)
	}
	shown := strings.Join(strings.Fields(string(out)), " ")
	for _, topic := range topics() {
		for _, r := range topic.rows {
			if term := strings.Join(strings.Fields(r.term), " "); !strings.Contains(shown, term) {
				t.Errorf("the page does not show %q", term)
			}
		}
	}
}

// manual makes the manual page.
func manual() string {
	var b strings.Builder
	all := topics()
	name, about, _ := strings.Cut(all[0].rows[0].text, " ")
	fmt.Fprintf(&b, ".\\\" Made from the help by go test -update.\n.TH %s 1 %s \"%s %s\"\n", strings.ToUpper(name), released, name, version)
	fmt.Fprintf(&b, ".SH NAME\n%s \\- %s\n", name, roff(strings.TrimSuffix(about, ".")))
	b.WriteString(".SH SYNOPSIS\n.nf\n")
	for _, r := range titled("Usage").rows {
		fmt.Fprintf(&b, ".B %s\n", roff(r.term))
	}
	b.WriteString(".fi\n")
	options := false
	for _, topic := range all[1:] {
		isFlag := func(r row) bool { return strings.HasPrefix(r.term, "-") }
		switch {
		case slices.ContainsFunc(topic.rows, isFlag):
			if !options {
				b.WriteString(".SH OPTIONS\n")
			}
			options = true
			fmt.Fprintf(&b, ".SS %s\n", roff(topic.title))
		case topic.title == "Usage":
			b.WriteString(".SH COMMANDS\n")
		default:
			fmt.Fprintf(&b, ".SH %s\n", strings.ToUpper(roff(topic.title)))
		}
		for _, r := range topic.rows {
			fmt.Fprintf(&b, ".TP\n.B %s\n%s\n", roff(r.term), roff(r.text))
		}
	}
	b.WriteString(".SH SEE ALSO\n.BR docker (1),\n.BR nginx (8)\n")
	return b.String()
}

// roff is text as roff shows it: no character of it has a meaning of its own.
func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, `"`, `\(dq`, "^", `\(ha`, "~", `\(ti`).Replace(text)
	if strings.HasPrefix(text, ".") {
		text = `\&` + text
	}
	return text
}
