package inspect

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"why502/compose"
	"why502/compose/proxy"
)

// text makes the source file f of lines.
func text(lines ...string) compose.Sources {
	s := compose.Sources{}
	s.Add("f", []byte(strings.Join(lines, "\n")))
	return s
}

func TestReplaceAt(t *testing.T) {
	for _, test := range []struct {
		line     string
		column   int
		old, new string
		want     string // empty: no edit
	}{
		{"proxy_pass http://api:8000;", 12, "api", "web", "proxy_pass http://web:8000;"},
		{"proxy_pass http://api:8000;", 0, "api", "web", "proxy_pass http://web:8000;"},
		{"proxy_pass http://api:8000;", 12, "nope", "web", ""},
		{"proxy_pass http://api:8000;", 20, "http", "grpc", ""},       // it stands before the place
		{"api api", 5, "api", "web", "api web"},                       // the one at the place, not the first
		{"# über: api; api", 14, "api", "web", "# über: api; web"},    // characters, not bytes
		{"# 日本語 api; api", 12, "api", "web", "# 日本語 api; web"},        // three bytes each
		{"\tproxy_pass api;\r", 2, "api", "web", "\tproxy_pass web;"}, // the line ending is not the line's
		{"api", 99, "api", "web", "web"},                              // a place beyond the line: the first on it
		{"api", 1, "", "web", ""},
	} {
		at := proxy.Place{File: "f", Line: 2, Column: test.column}
		got := replaceAt(text("first", test.line, "last"), at, test.old, test.new)
		want := Edit{File: "f", Line: 2, LineEnd: 2, Old: strings.TrimSuffix(test.line, "\r"), New: test.want}
		if test.want == "" {
			want = Edit{}
		}
		if got != want {
			t.Errorf("%q at %d: %+v", test.line, test.column, got)
		}
	}
	if got := replaceAt(text("api"), proxy.Place{}, "api", "web"); got != (Edit{}) {
		t.Errorf("nowhere: %+v", got)
	}
}

func TestInsertBefore(t *testing.T) {
	sources := text("a:", "  \tb: 1", "")
	for line, want := range map[int]string{1: "x\ny", 2: "  \tx\n  \ty", 3: "x\ny"} {
		got := insertBefore(sources, proxy.Place{File: "f", Line: line}, "x", "y")
		if got != (Edit{File: "f", Line: line, LineEnd: line, New: want}) {
			t.Errorf("before line %d: %+v", line, got)
		}
	}
}

// apply carries out edits on the files in a directory, from the bottom up, and checks that what they
// replace is there.
func apply(t *testing.T, dir string, edits []Edit) {
	t.Helper()
	edits = slices.Clone(edits)
	slices.SortStableFunc(edits, func(a, b Edit) int { return b.Line - a.Line })
	for _, e := range edits {
		name := filepath.Join(dir, e.File)
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		ending := "\n"
		if bytes.Contains(data, []byte("\r\n")) {
			ending = "\r\n"
		}
		lines := strings.Split(string(data), ending)
		if e.Line < 1 || e.LineEnd < e.Line || e.LineEnd > len(lines) {
			t.Fatalf("%+v: %s has %d lines", e, e.File, len(lines))
		}
		after := e.Line - 1
		if e.Old != "" {
			after = e.LineEnd
			if old := strings.Join(lines[e.Line-1:e.LineEnd], "\n"); old != e.Old {
				t.Fatalf("%s:%d is %q, not %q", e.File, e.Line, old, e.Old)
			}
		}
		text := strings.Join(slices.Concat(lines[:e.Line-1], strings.Split(e.New, "\n"), lines[after:]), ending)
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// However depends_on is written: the edit either adds to it, or there is none. It never breaks the
// file, and takes nothing away.
func TestAddItem(t *testing.T) {
	for name, test := range map[string]struct {
		edge   string // the lines of the service
		edited bool   // there is an edit
	}{
		"absent":                            {"\n    image: nginx", true},
		"absent, a comment behind the key":  {" # the proxy\n    image: nginx", true},
		"absent, deep indentation":          {"\n          image: nginx", true},
		"absent, the service in flow style": {" {image: nginx}", false},
		"absent, from an anchor":            {" *base", false},
		"absent, with an anchor":            {" &edge\n    image: nginx", false},
		"absent, a blank line first":        {"\n\n    image: nginx", false},
		"absent, a comment first":           {"\n    # the proxy\n    image: nginx", true},
		"absent, a comment of other depth":  {"\n      # the proxy\n    image: nginx", false},
		"list":                              {"\n    image: nginx\n    depends_on:\n      - db", true},
		"list, not indented":                {"\n    image: nginx\n    depends_on:\n    - db", true},
		"list, a comment behind the key":    {"\n    image: nginx\n    depends_on:   # in this order\n      - db", true},
		"list, a comment first":             {"\n    image: nginx\n    depends_on:\n      # the database\n      - db", false},
		"list, a comment with a colon":      {"\n    image: nginx\n    depends_on:\n      # first: the database\n      - db", false},
		"list, a comment behind the item":   {"\n    image: nginx\n    depends_on:\n      - db # api: later", true},
		"list, from an anchor":              {"\n    image: nginx\n    depends_on: *on", false},
		"flow list":                         {"\n    image: nginx\n    depends_on: [db]", true},
		"flow list, empty":                  {"\n    image: nginx\n    depends_on: []", true},
		"flow list, a comma at its end":     {"\n    image: nginx\n    depends_on: [db, ]", true},
		"flow list, a comment behind it":    {"\n    image: nginx\n    depends_on: [db] # [sic]", true},
		"flow list, over lines":             {"\n    image: nginx\n    depends_on: [db,\n      cache]", false},
		"flow list, quoted key":             {"\n    image: nginx\n    \"depends_on\": [db]", false},
		"map":                               {"\n    image: nginx\n    depends_on:\n      db:\n        condition: service_started", true},
		"map, a comment with a colon":       {"\n    image: nginx\n    depends_on:\n      # first: the database\n      db: {condition: service_started}", true},
		"map, empty value":                  {"\n    image: nginx\n    depends_on: {}", false},
		"flow map":                          {"\n    image: nginx\n    depends_on: {db: {condition: service_started}}", false},
	} {
		t.Run(name, func(t *testing.T) {
			yaml := "x-base: &base {image: nginx}\nx-on: &on [db]\nservices:\n  edge:" + test.edge +
				"\n  api: {image: x}\n  cache: {image: x}\n  db:\n    image: x\n    depends_on:\n      - cache\n"
			dir := write(t, map[string]string{"compose.yaml": yaml})
			stack := readAny(t, dir)
			before := stack.Services["edge"].DependsOn
			edit := addItem(stack, stack.Services["edge"], "depends_on", "api", "api: {condition: service_started}")
			if edit == (Edit{}) {
				if test.edited {
					t.Error("there is no edit")
				}
				return
			}
			apply(t, dir, []Edit{edit})
			after := readAny(t, dir).Services
			var got, want []string
			for _, d := range after["edge"].DependsOn {
				got = append(got, d.Service)
			}
			for _, d := range before {
				want = append(want, d.Service)
			}
			want = append(want, "api")
			slices.Sort(want)
			equal(t, got, want)
			if len(after["db"].DependsOn) != 1 {
				t.Errorf("db depends on %v", after["db"].DependsOn)
			}
			if t.Failed() {
				data, _ := os.ReadFile(filepath.Join(dir, "compose.yaml"))
				t.Logf("%s", data)
			}
		})
	}
}

// readAny reads a project whose service edge is the proxy, whatever it runs.
func readAny(t *testing.T, dir string) *compose.Stack {
	t.Helper()
	stack, err := compose.Load(t.Context(), compose.Options{Directory: dir, Proxies: []string{"edge"}})
	if err != nil {
		data, _ := os.ReadFile(filepath.Join(dir, "compose.yaml"))
		t.Fatalf("%v in:\n%s", err, data)
	}
	return stack
}

// A service may stand in several files: the edit goes where the list is, else to the last of them.
func TestAddItemOfAnOverride(t *testing.T) {
	for name, test := range map[string]struct{ base, override, file string }{
		"only in the override":    {"", "  edge:\n    image: nginx\n", "compose.override.yaml"},
		"list in the first file":  {"  edge:\n    image: nginx\n    networks:\n      - front\n", "  edge:\n    restart: always\n", "compose.yaml"},
		"list in the override":    {"  edge:\n    image: nginx\n", "  edge:\n    networks: [front]\n", "compose.override.yaml"},
		"in both, list in none":   {"  edge:\n    image: nginx\n", "  edge:\n    restart: always\n", "compose.override.yaml"},
		"the override flow style": {"  edge:\n    image: nginx\n    networks:\n      front:\n", "  edge: {restart: always}\n", "compose.yaml"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := write(t, map[string]string{
				"compose.yaml":          "services:\n" + test.base + "  api: {image: x}\nnetworks: {front: , back: }\n",
				"compose.override.yaml": "services:\n" + test.override,
			})
			stack := readAny(t, dir)
			edit := addItem(stack, stack.Services["edge"], "networks", "back", "back:")
			if edit.File != test.file {
				t.Fatalf("%+v, want one of %s", edit, test.file)
			}
			apply(t, dir, []Edit{edit})
			var got []string
			for _, a := range readAny(t, dir).Services["edge"].Networks {
				got = append(got, a.Network)
			}
			if !slices.Contains(got, "back") {
				t.Errorf("edge is on %v", got)
			}
		})
	}
}

// Every edit that is offered for the scenarios fits their files, and after it what was found is
// gone.
func TestEditsMend(t *testing.T) {
	err := filepath.WalkDir("../testdata", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.Name() != "compose.yaml" {
			return err
		}
		t.Run(filepath.ToSlash(filepath.Dir(name)), func(t *testing.T) { mend(t, filepath.Dir(name)) })
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func mend(t *testing.T, scenario string) {
	for _, f := range judged(read(t, scenario), nil).Findings {
		if len(f.Fix.Edits) == 0 {
			continue
		}
		dir := filepath.Join(t.TempDir(), filepath.Base(scenario))
		if err := os.CopyFS(dir, os.DirFS(scenario)); err != nil {
			t.Fatal(err)
		}
		apply(t, dir, f.Fix.Edits)
		for _, left := range judged(read(t, dir), nil).Findings {
			if left.Rule == f.Rule && left.Message == f.Message {
				t.Errorf("%s is still there: %s", f.Rule.ID, f.Message)
			}
		}
	}
}
