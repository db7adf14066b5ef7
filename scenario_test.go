package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"why502/inspect"
)

// update rewrites the expected outputs: go test . -update. Then read the diff.
var update = flag.Bool("update", false, "rewrite the want files under testdata")

// scenario is a folder under testdata: a Compose project as a user has it, with the files
//
//	want.txt            what is found from the files alone, and what becomes of each route
//	want.text.txt       the whole report; only where it is there
//	play.txt            how it is started and asked on a real engine; see play_test.go
//	want.live.txt       what is found then
//	want.live.text.txt  the whole report then; only where it is there
//	record.json         in place of play.txt, what was recorded of an engine that is not everywhere; its project
//	                    says how it came about
//	want.replay.txt     what is found in it
//
// A folder is named after the rule that its fault is about, with what is special about it behind
// two hyphens; its near miss lies in it. The line with the fault carries the rule's id as a comment.
// A folder ok-NAME is a project that works.
type scenario struct {
	name  string // upstream-paused/near-miss
	dir   string
	rule  string // that has to be the answer; empty: the project works
	works bool
}

// scenarios finds the folders under testdata, in order.
func scenarios(t *testing.T) (all []scenario) {
	t.Helper()
	err := filepath.WalkDir("testdata", func(name string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Name() == "compose.yaml" {
			all = append(all, newScenario(filepath.Dir(name)))
		}
		return err
	})
	if err != nil || len(all) == 0 {
		t.Fatalf("there are %d scenarios under testdata: %v", len(all), err)
	}
	return all
}

func newScenario(dir string) scenario {
	s := scenario{name: filepath.ToSlash(strings.TrimPrefix(dir, "testdata"+string(filepath.Separator))), dir: dir}
	s.works = strings.HasPrefix(s.name, "ok-") || filepath.Base(dir) == "near-miss"
	if rule, _, _ := strings.Cut(s.name, "--"); !s.works && slices.ContainsFunc(inspect.Rules(), func(r *inspect.Rule) bool { return r.ID == rule }) {
		s.rule = rule
	}
	return s
}

func (s scenario) has(file string) bool {
	_, err := os.Stat(filepath.Join(s.dir, file))
	return err == nil
}

// document is what the scenarios look at of a JSON report.
type document struct {
	Live struct {
		State, Probe string
	}
	Routes   []route
	Findings []finding
}

type route struct {
	ID, Proxy, Listen, Server, Location, Verdict, Status string
	Published                                            []string
	Backends                                             []struct{ Service string }
}

type place struct {
	File         string
	Line, Column int
}

type finding struct {
	place
	Rule, Hop, Severity, Message, Status, Proxy string
	Routes                                      []string
	Related                                     []place
	Fix                                         struct {
		Edits []place
	}
}

// TestFromFiles judges every scenario from its files alone.
func TestFromFiles(t *testing.T) {
	for _, s := range scenarios(t) {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			got := why502(t, nil, "--live=off", "--format=json", s.dir)
			doc := decode(t, got)
			golden(t, filepath.Join(s.dir, "want.txt"), fmt.Sprintf("exit %d\n%s", got.code, doc))
			if s.has("want.text.txt") {
				golden(t, filepath.Join(s.dir, "want.text.txt"), why502(t, nil, "--live=off", s.dir).stdout)
			}
			if !s.has("play.txt") && !s.has("record.json") {
				s.check(t, doc)
			}
			if s.works {
				noErrors(t, doc)
			}
		})
	}
}

// TestFromRecords judges what was recorded where an engine has what others lack.
func TestFromRecords(t *testing.T) {
	for _, s := range scenarios(t) {
		if !s.has("record.json") {
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			got := why502(t, nil, "--format=json", "--replay", filepath.Join(s.dir, "record.json"))
			doc := decode(t, got)
			golden(t, filepath.Join(s.dir, "want.replay.txt"), fmt.Sprintf("exit %d\nlive %s\n%s", got.code, doc.Live.State, doc))
			s.check(t, doc)
		})
	}
}

func decode(t *testing.T, got result) (doc document) {
	t.Helper()
	if got.code == exitError {
		t.Fatal(got.stderr)
	}
	if err := json.Unmarshal([]byte(got.stdout), &doc); err != nil {
		t.Fatalf("%v in: %s", err, got.stdout)
	}
	return doc
}

// String gives a document as the want files have it: a line per finding, a line per route.
func (d document) String() string {
	var b strings.Builder
	for _, f := range d.Findings {
		fmt.Fprintf(&b, "%s: %s: %s [%s]\n", f.place, f.Severity, f.Message, f.Rule)
	}
	for _, r := range d.Routes {
		fmt.Fprintf(&b, "route %s %s %s\n", r.Verdict, orDash(r.Status), r.ID)
	}
	return b.String()
}

func (p place) String() string { return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column) }

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// golden compares a text with what a file has, or writes it there.
func golden(t *testing.T, name, got string) {
	t.Helper()
	if *update {
		write(t, name, got)
		return
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Errorf("%v; go test . -update writes it", err)
	} else if got != string(want) {
		t.Errorf("%s (go test . -update rewrites it)\ngot:\n%s\nwant:\n%s", name, got, want)
	}
}

// check holds a report against the fault that was planted: the rule is the answer, and it points at
// the line with the comment, as its place, as a related one, or as the one to change.
func (s scenario) check(t *testing.T, doc document) {
	t.Helper()
	if s.rule == "" {
		return
	}
	if len(doc.Findings) == 0 || doc.Findings[0].Rule != s.rule {
		t.Errorf("%s is not the answer:\n%s", s.rule, doc)
		return
	}
	planted := s.planted(t)
	if len(planted) == 0 {
		t.Errorf("no line carries the comment # %s", s.rule)
	}
	answer := doc.Findings[0]
	pointed := slices.Concat([]place{answer.place}, answer.Related, answer.Fix.Edits)
	for at := range planted {
		if at.File == "play.txt" || slices.ContainsFunc(pointed, at.meant) {
			return // in play.txt the fault is what is done to the containers
		}
	}
	t.Errorf("%s points at %v, not at a line with the comment # %[1]s", s.rule, pointed)
}

// meant says whether a finding's place is this line, or the file as a whole.
func (p place) meant(by place) bool { return p.File == by.File && (p.Line == by.Line || by.Line == 0) }

// planted are the lines of a scenario that carry its rule as a comment.
func (s scenario) planted(t *testing.T) map[place]bool {
	t.Helper()
	lines := map[place]bool{}
	err := filepath.WalkDir(s.dir, func(name string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Name() == "near-miss" {
			return fs.SkipDir
		}
		if err != nil || entry.IsDir() {
			return err
		}
		file, err := filepath.Rel(s.dir, name)
		for i, line := range strings.Split(read(t, name), "\n") {
			if strings.HasSuffix(strings.TrimSuffix(line, "\r"), "# "+s.rule) {
				lines[place{File: filepath.ToSlash(file), Line: i + 1}] = true
			}
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	return lines
}

// noErrors holds a report against a project that works: a false alarm costs more than a miss.
func noErrors(t *testing.T, doc document) {
	t.Helper()
	for _, f := range doc.Findings {
		if f.Severity == "error" {
			t.Errorf("a project that works has an error: %s: %s [%s]", f.place, f.Message, f.Rule)
		}
	}
}
