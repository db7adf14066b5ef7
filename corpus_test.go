package main

import (
	"cmp"
	"encoding/csv"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var (
	corpus    = flag.String("corpus", "", "folder of projects with an index.tsv, to measure false alarms on")
	mismarked = flag.String("mismarked", "", "ids, with commas, of projects of the corpus marked OK that were shown not to work")
)

// TestCorpus judges real projects from their files, all profiles on: none crashes, and none that works
// gets an error. The index has the columns id, compose_path, proxy_service and verdict, which begins
// with OK, BROKEN, UNSURE or NOLOAD. Run it with -v for what was found.
func TestCorpus(t *testing.T) {
	if *corpus == "" {
		t.Skip("no projects given: go test -run TestCorpus -v -corpus FOLDER .")
	}
	count := map[string]int{}
	for _, project := range index(t, filepath.Join(*corpus, "index.tsv")) {
		verdict := strings.Trim(strings.Fields(project["verdict"])[0], `"':.`)
		if verdict == "OK" && slices.Contains(strings.Split(*mismarked, ","), project["id"]) {
			verdict = "MISMARKED"
		}
		got := judgeProject(t, filepath.Join(*corpus, project["id"]), project)
		if got.code == 2 {
			count[verdict+" not read"]++
			t.Logf("%s %s: %s", verdict, project["id"], strings.TrimSpace(got.stderr))
			continue
		}
		count[verdict+" judged"]++
		doc := decode(t, got)
		if len(doc.Findings) > 0 {
			count[verdict+" has at worst: "+doc.Findings[0].Severity]++ // the worst comes first
		}
		for _, f := range doc.Findings {
			count[fmt.Sprintf("%s %s %s", verdict, f.Severity, f.Rule)]++
			report := t.Logf
			if verdict == "OK" && f.Severity == "error" {
				report = t.Errorf
			}
			if f.Severity != "note" {
				report("%s %s: %s:%d: %s: %s [%s]", verdict, project["id"], f.File, f.Line, f.Severity, f.Message, f.Rule)
			}
		}
	}
	for _, what := range slices.Sorted(maps.Keys(count)) {
		t.Logf("%4d %s", count[what], what)
	}
}

// judgeProject runs the program on one project of the corpus, in its folder or a copy of that.
func judgeProject(t *testing.T, folder string, project map[string]string) result {
	t.Helper()
	return onProject(t, folder, project, "--format=json")
}

// onProject runs the program on a project of the corpus from the files alone.
func onProject(t *testing.T, folder string, project map[string]string, args ...string) result {
	t.Helper()
	args = append(args, "--live=off", "--profile=*")
	for _, proxy := range strings.FieldsFunc(project["proxy_service"], func(c rune) bool { return c == ',' || c == ';' || c == ' ' }) {
		args = append(args, "--proxy="+proxy)
	}
	for _, file := range composeFiles(folder, project) {
		args = append(args, "--file="+file)
	}
	var stdout, stderr strings.Builder
	code := run(t.Context(), args, environment(), strings.NewReader(""), &stdout, &stderr)
	return result{code, stdout.String(), stderr.String()}
}

// TestFixCorpus writes what is offered for copies of real projects: docker compose still reads each, and no new
// error comes.
func TestFixCorpus(t *testing.T) {
	if *corpus == "" {
		t.Skip("no projects given: go test -run TestFixCorpus -v -corpus FOLDER .")
	}
	for _, project := range index(t, filepath.Join(*corpus, "index.tsv")) {
		folder := filepath.Join(*corpus, project["id"])
		got := judgeProject(t, folder, project)
		if got.code == exitError {
			continue
		}
		before := decode(t, got)
		if !slices.ContainsFunc(before.Findings, func(f finding) bool { return len(f.Fix.Edits) > 0 }) {
			continue
		}
		t.Run(project["id"], func(t *testing.T) {
			changed := copied(t, folder)
			written := onProject(t, changed, project, "fix", "--write", "--fail-on=never")
			t.Log(written.stdout)
			if configured(t, folder, project) == nil {
				if err := configured(t, changed, project); err != nil {
					t.Error(err)
				}
			}
			for _, f := range decode(t, judgeProject(t, changed, project)).Findings {
				known := slices.ContainsFunc(before.Findings, func(was finding) bool { return was.Rule == f.Rule && was.Message == f.Message })
				if f.Severity == "error" && !known {
					t.Errorf("came: %s: %s [%s]", f.place, f.Message, f.Rule)
				}
			}
		})
	}
}

// configured is what docker compose says against the files of a project.
func configured(t *testing.T, folder string, project map[string]string) error {
	args := []string{"compose", "--profile=*"}
	for _, file := range composeFiles(folder, project) {
		args = append(args, "--file="+file)
	}
	cmd := exec.CommandContext(t.Context(), "docker", append(args, "config", "-q")...)
	cmd.Env = environment()
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("docker compose config: %w: %s", err, out)
	}
	return nil
}

// composeFiles are a project's, as docker compose would be told them.
func composeFiles(folder string, project map[string]string) (files []string) {
	for _, file := range strings.Split(project["compose_path"], ",") {
		files = append(files, filepath.Join(folder, strings.TrimSpace(file)))
	}
	return files
}

// index reads the rows of a table by the names of their columns.
func index(t *testing.T, file string) (rows []map[string]string) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	table := csv.NewReader(f)
	table.Comma, table.LazyQuotes, table.FieldsPerRecord = '\t', true, -1
	records, err := table.ReadAll()
	if err != nil || len(records) < 2 {
		t.Fatalf("%s has no rows: %v", file, cmp.Or(err, os.ErrNotExist))
	}
	for _, record := range records[1:] {
		row := map[string]string{}
		for i, name := range records[0][:min(len(record), len(records[0]))] {
			row[name] = record[i]
		}
		rows = append(rows, row)
	}
	return rows
}
