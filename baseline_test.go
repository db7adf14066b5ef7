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

// A report is a baseline, which can be written anew over itself: what it had accepted stays accepted.
func TestBaselineIsAReport(t *testing.T) {
	dir := breaking(t)
	file := filepath.Join(dir, "accepted.json")
	refused(t, why502(t, nil, "--baseline", file, dir), "no such file", "--format json="+file)
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
