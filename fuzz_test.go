package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"why502/report"
)

// FuzzNginx runs the program on a project with this configuration. It looks for panics, for what acts on
// a terminal, and for runs that differ.
func FuzzNginx(f *testing.F) {
	if testing.Short() {
		f.Skip("every format of every scenario")
	}
	names, err := filepath.Glob(filepath.Join("testdata", "ok-*", "nginx.conf"))
	if err != nil || len(names) == 0 {
		f.Fatal("no scenario has a configuration", err)
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text), strings.Contains(string(text), "events"))
	}
	f.Add("server { listen 80; server_name \"a\x1b[31m\u202e\"; location ~ ^/(?<x>.*)$ { proxy_pass http://user:pass@$x:8000; } }", false)
	dir := f.TempDir()
	for name, target := range map[string]string{"whole.yaml": "/etc/nginx/nginx.conf", "site.yaml": "/etc/nginx/conf.d/default.conf"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(strings.Replace(works, "/etc/nginx/conf.d/default.conf", target, 1)), 0o600); err != nil {
			f.Fatal(err)
		}
	}
	f.Fuzz(func(t *testing.T, conf string, whole bool) {
		write(t, filepath.Join(dir, "nginx.conf"), conf)
		file := "site.yaml"
		if whole {
			file = "whole.yaml"
		}
		for _, format := range report.Formats() {
			args := []string{"--live", "off", "-v", "--proxy", "edge", "-f", filepath.Join(dir, file), "--format", format.Name}
			first, again := why502(t, nil, args...), why502(t, nil, args...)
			if first != again {
				t.Errorf("%s: two runs differ:\n%s\n%s", format.Name, first.stdout, again.stdout)
			}
			if i := acts(first.stdout + first.stderr); i >= 0 {
				t.Errorf("%s: %.80q", format.Name, (first.stdout + first.stderr)[max(0, i-40):])
			}
		}
	})
}

// acts finds the first control character in an output, line ends left out; -1: there is none.
func acts(text string) int {
	return bytes.IndexFunc([]byte(text), func(r rune) bool { return r < ' ' && r != '\n' || r >= 0x7f && r < 0xa0 || r >= 0x202a && r <= 0x202e })
}
