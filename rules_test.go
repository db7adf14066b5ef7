package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"why502/inspect"
)

const maxTitle = 70 // characters: a line of the list of rules

// Every rule has to fire somewhere, and to keep quiet on a project that is nearly the same.
func TestRulesHaveScenarios(t *testing.T) {
	if *update {
		t.Skip("the want files are being written")
	}
	fires, wants := map[string]bool{}, map[string]string{}
	for _, s := range scenarios(t) {
		wants[s.name] = s.wants(t)
		if strings.Contains(wants[s.name], "["+s.rule+"]\n") {
			fires[s.rule] = true
		}
	}
	for _, rule := range inspect.Rules() {
		if !fires[rule.ID] {
			t.Errorf("%s fires in no scenario testdata/%[1]s or testdata/%[1]s--SOMETHING", rule.ID)
		}
		nearly, ok := wants[rule.ID+"/near-miss"]
		if !ok {
			t.Errorf("%s has no near miss: testdata/%[1]s/near-miss", rule.ID)
		}
		if strings.Contains(nearly, "["+rule.ID+"]\n") {
			t.Errorf("%s fires on its near miss", rule.ID)
		}
	}
}

// wants is all that is expected to be found in a scenario, from the files and with the daemon.
func (s scenario) wants(t *testing.T) (all string) {
	t.Helper()
	for _, file := range []string{"want.txt", "want.live.txt"} {
		if s.has(file) {
			all += read(t, filepath.Join(s.dir, file))
		}
	}
	return all
}

// A folder that is named after a rule which is not there would never be held against one.
func TestScenariosHaveRules(t *testing.T) {
	entries, err := os.ReadDir("testdata")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if entry.Name() == "fuzz" { // inputs of fuzz targets
			continue
		}
		s := newScenario(filepath.Join("testdata", entry.Name()))
		if s.rule == "" && !s.works && s.name != "shop" {
			t.Errorf("%s is neither called after a rule nor ok-SOMETHING", s.dir)
		}
		if !s.has("compose.yaml") {
			t.Errorf("%s has no compose.yaml", s.dir)
		}
	}
}

func TestRulesAreWritten(t *testing.T) {
	seen, last := map[string]bool{}, inspect.HopConfig
	for _, rule := range inspect.Rules() {
		if seen[rule.ID] {
			t.Errorf("there are two rules %s", rule.ID)
		}
		if rule.Hop < last {
			t.Errorf("%s stands behind a rule of a later hop", rule.ID)
		}
		seen[rule.ID], last = true, rule.Hop
		for name, text := range map[string]string{
			"ID": rule.ID, "Causes": rule.Causes, "Title": rule.Title, "Why": rule.Why, "Bad": rule.Bad, "Good": rule.Good, "Fix": rule.Fix,
		} {
			if strings.TrimSpace(text) == "" || strings.TrimSpace(text) != text {
				t.Errorf("%s: %s is %q: empty, or with blanks around", rule.ID, name, text)
			}
		}
		first, _ := utf8.DecodeRuneInString(rule.Title)
		if utf8.RuneCountInString(rule.Title) > maxTitle || strings.HasSuffix(rule.Title, ".") || strings.ContainsRune("ABCDEFGHIJKLMNOPQRSTUVWXYZ", first) {
			t.Errorf("%s: the title %q is too long, begins with a capital, or ends with a full stop", rule.ID, rule.Title)
		}
		if rule.Severity == 0 || rule.Check == nil {
			t.Errorf("%s has no severity, or no check", rule.ID)
		}
	}
}

// Who may import whom, in this module and of what is costly or would tie the stages to each other:
// main, report, inspect and compose in that order, the Docker client in inspect/live alone, and the
// parsers of Compose and nginx files below compose.
func TestImportsRunOneWay(t *testing.T) {
	const docker, composeGo, crossplane = "github.com/docker/", "github.com/compose-spec/", "github.com/nginxinc/"
	allowed := map[string][]string{
		"why502":                   {"why502/report", "why502/inspect", "why502/inspect/live", "why502/inspect/mend", "why502/inspect/probe", "why502/inspect/recording", "why502/inspect/trace", "why502/compose", docker + "cli/cli-plugins/"},
		"why502/report":            {"why502/inspect", "why502/inspect/trace", "why502/compose/proxy"},
		"why502/inspect":           {"why502/inspect/errorlog", "why502/inspect/trace", "why502/compose", "why502/compose/proxy"},
		"why502/inspect/errorlog":  {},
		"why502/inspect/live":      {"why502/inspect", "why502/inspect/probe", "why502/compose", docker},
		"why502/inspect/probe":     {"why502/inspect"},
		"why502/inspect/mend":      {"why502/inspect"},
		"why502/inspect/trace":     {"why502/compose/proxy"},
		"why502/inspect/recording": {"why502/inspect", "why502/compose", "why502/compose/proxy"},
		"why502/compose":           {"why502/compose/nginx", "why502/compose/proxy", composeGo},
		"why502/compose/nginx":     {"why502/compose/proxy", crossplane},
		"why502/compose/proxy":     {},
	}
	out, err := exec.CommandContext(t.Context(), "go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, "./...").Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(out)) {
		words := strings.Fields(line)
		for _, imported := range words[1:] {
			ours := strings.HasPrefix(imported, "why502/")
			costly := slices.ContainsFunc([]string{docker, composeGo, crossplane}, func(p string) bool { return strings.HasPrefix(imported, p) })
			may := slices.ContainsFunc(allowed[words[0]], func(p string) bool {
				return imported == p || strings.HasSuffix(p, "/") && strings.HasPrefix(imported, p)
			})
			if (ours || costly) && !may {
				t.Errorf("%s imports %s", words[0], imported)
			}
		}
	}
}
