package main

import (
	"path/filepath"
	"strings"
	"testing"
)

// What the project's file accepts does not fail, neither here nor where the record is replayed; what that file
// cannot mean is an error with its place.
func TestFileOfIgnores(t *testing.T) {
	dir := breaking(t)
	file, record := filepath.Join(dir, ".why502.yaml"), filepath.Join(dir, "record.json")
	write(t, file, "ignore:\n- {rule: upstream-host-unknown, subject: apii, reason: it is renamed soon, until: 2999-12-31}\n")
	for _, args := range [][]string{{"--record", record, dir}, {"--replay", record}} {
		got := why502(t, nil, args...)
		if got.code != exitOK || !strings.Contains(got.stdout, "it is renamed soon") {
			t.Errorf("%s: %+v", args, got)
		}
	}
	write(t, file, "ignore:\n- {rule: upstream-host-unknwn, reason: so}\n")
	refused(t, why502(t, nil, dir), `.why502.yaml:2:3: unknown rule "upstream-host-unknwn"`, "did you mean upstream-host-unknown?")
	write(t, file, "ignore:\n- {rule: upstream-host-unknown, until: 2999-12-31}\n")
	refused(t, why502(t, nil, dir), ".why502.yaml:2:3: the entry has no reason", "rule, reason")
}

// The first run with a baseline writes it, and accepts nothing; from then on what is new fails, and what is gone is said.
func TestBaselineBegins(t *testing.T) {
	dir := breaking(t)
	file, conf := filepath.Join(dir, "accepted.json"), filepath.Join(dir, "nginx.conf")
	refused(t, why502(t, nil, "fix", "--baseline", file, dir), "no such file", "why502 --baseline "+file)
	first := why502(t, nil, "--baseline", file, "--format=json", dir)
	if first.code != exitFound || !strings.Contains(first.stdout, "is new: what is found now is accepted from the next run on") {
		t.Errorf("%+v", first)
	}
	if got := why502(t, nil, "--baseline", file, dir); got.code != exitOK || got.stderr != "" || !strings.Contains(got.stdout, "accept") {
		t.Errorf("%+v", got)
	}
	broken := read(t, conf)
	write(t, conf, broken+strings.ReplaceAll(strings.Replace(broken, "listen 80", "listen 81", 1), "apii", "apiii"))
	if got := why502(t, nil, "--baseline", file, dir); got.code != exitFound || !strings.Contains(got.stdout, `"apiii"`) {
		t.Errorf("%+v", got)
	}
	write(t, conf, nginxConf)
	if got := why502(t, nil, "--baseline", file, dir); got.code != exitOK || !strings.Contains(got.stdout, "gone since "+file) {
		t.Errorf("%+v", got)
	}
}

// A run that writes another report to the same file begins no baseline.
func TestBaselineIsNoOther(t *testing.T) {
	dir := breaking(t)
	file := filepath.Join(dir, "page")
	refused(t, why502(t, nil, "--baseline", file, "--format", "html="+file, dir), "no such file", "")
}

// A report is a baseline, which can be written anew over itself: what it had accepted stays accepted.
func TestBaselineIsAReport(t *testing.T) {
	dir := breaking(t)
	file := filepath.Join(dir, "accepted.json")
	if got := why502(t, nil, "--format", "json="+file, dir); got.code != exitFound {
		t.Fatalf("%+v", got)
	}
	for range 2 {
		if got := why502(t, nil, "--baseline", file, "--format", "json="+file, dir); got.code != exitOK || got.stderr != "" {
			t.Errorf("%+v", got)
		}
	}
	write(t, filepath.Join(dir, "nginx.conf"), "# one line more\n"+read(t, filepath.Join(dir, "nginx.conf")))
	if got := why502(t, nil, "--baseline", file, dir); got.code != exitOK {
		t.Errorf("%+v", got)
	}
}
