package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/licensecheck"
)

// What a release is linked from is listed in docs/licences.md, and its licences are known and free.
func TestLicences(t *testing.T) {
	if testing.Short() {
		t.Skip("it lists the modules of three systems")
	}
	var b strings.Builder
	b.WriteString("# Licences\n\nWhat the program is linked from, on any of the systems of a release, besides Go's own library (BSD-3-Clause).\n\n| module | version | licence |\n|---|---|---|\n")
	for _, m := range linked(t) {
		names, err := licenceIn(m.dir)
		if err != nil {
			t.Errorf("%s %s: %v; use another module", m.path, m.version, err)
		}
		fmt.Fprintf(&b, "| %s | %s | %s |\n", m.path, m.version, strings.Join(names, ", "))
	}
	golden(t, "docs/licences.md", b.String())
}

// module is one that the program is linked from, and where its source is.
type module struct{ path, version, dir string }

// linked are the modules that the program is linked from, in the order of their paths.
func linked(t *testing.T) (all []module) {
	t.Helper()
	for _, system := range []string{"linux", "darwin", "windows"} {
		list := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", "{{with .Module}}{{if not .Main}}{{.Path}}\t{{.Version}}\t{{.Dir}}{{end}}{{end}}", ".")
		list.Env = append(os.Environ(), "GOOS="+system, "GOARCH=amd64", "CGO_ENABLED=0")
		out, err := list.Output()
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(out)) {
			if f := strings.Split(strings.TrimSpace(line), "\t"); len(f) == 3 {
				all = append(all, module{f[0], f[1], f[2]})
			}
		}
	}
	slices.SortFunc(all, func(a, b module) int { return strings.Compare(a.path, b.path) })
	return slices.Compact(all)
}

// licenceFile is a file with the licence of code: LICENSE, LICENSE.txt, COPYING.md, LICENSE-MIT; not LICENSE.docs.
var licenceFile = regexp.MustCompile(`(?i)^(licen[cs]e|copying)(-[a-z0-9.]+)?(\.txt|\.md)?$`)

// licenceIn are the names (SPDX) of the licences in a module's directory.
func licenceIn(dir string) (names []string, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if !licenceFile.MatchString(e.Name()) {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, err
		}
		found, err := licences(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", e.Name(), err)
		}
		names = append(names, found...)
	}
	slices.Sort(names)
	if names = slices.Compact(names); len(names) == 0 {
		return nil, fmt.Errorf("it has no licence")
	}
	return names, nil
}

// free are the licences (SPDX) that ask for no more than to be kept with the program.
var free = []string{"0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT"}

// licences are the names of those that a text consists of: each of them is free.
func licences(text []byte) (names []string, err error) {
	found := licensecheck.Scan(text)
	if found.Percent < 75 {
		return nil, fmt.Errorf("its licence is not known")
	}
	for _, m := range found.Match {
		if !slices.Contains(free, m.ID) {
			return nil, fmt.Errorf("its licence is %s, which is none of %s", m.ID, strings.Join(free, ", "))
		}
		names = append(names, m.ID)
	}
	return names, nil
}

// What is not known, or is not free, is refused, also where another licence stands beside it.
func TestLicencesAreTold(t *testing.T) {
	const isc = "Permission to use, copy, modify, and/or distribute this software for any purpose with or without fee is hereby granted, provided that the above copyright notice and this permission notice appear in all copies.\n\n" +
		"THE SOFTWARE IS PROVIDED \"AS IS\" AND THE AUTHOR DISCLAIMS ALL WARRANTIES WITH REGARD TO THIS SOFTWARE INCLUDING ALL IMPLIED WARRANTIES OF MERCHANTABILITY AND FITNESS. IN NO EVENT SHALL THE AUTHOR BE LIABLE FOR ANY SPECIAL, DIRECT, INDIRECT, OR CONSEQUENTIAL DAMAGES OR ANY DAMAGES WHATSOEVER RESULTING FROM LOSS OF USE, DATA OR PROFITS, WHETHER IN AN ACTION OF CONTRACT, NEGLIGENCE OR OTHER TORTIOUS ACTION, ARISING OUT OF OR IN CONNECTION WITH THE USE OR PERFORMANCE OF THIS SOFTWARE.\n"
	const gpl = "This program is free software: you can redistribute it and/or modify it under the terms of the GNU General Public License as published by the Free Software Foundation, either version 3 of the License, or (at your option) any later version.\n"
	for text, want := range map[string]string{
		isc: "[ISC] <nil>", isc + gpl: "is GPL-3.0", gpl: "is GPL-3.0", "": "not known", "You may use it, but not on Sundays.": "not known",
	} {
		names, err := licences([]byte(text))
		if said := fmt.Sprint(names, " ", err); !strings.Contains(said, want) {
			t.Errorf("%.60q: %s, want %s", text, said, want)
		}
	}
}
