package report

import (
	"cmp"
	"fmt"
	"io"
	"net/url"
	"strings"
	"unicode/utf8"

	"why502/compose/proxy"
	"why502/inspect"
)

// maxResults is how many results GitHub shows of a run.
const maxResults = 5000

// The types below are what is used of the format SARIF 2.1.0, whose members and meanings its standard gives:
// docs.oasis-open.org/sarif/sarif/v2.1.0.

type sarifLog struct {
	Schema  string     `json:"$schema"`
	Version string     `json:"version"`
	Runs    []sarifRun `json:"runs"`
}

type sarifRun struct {
	Tool        sarifTool         `json:"tool"`
	Automation  sarifAutomation   `json:"automationDetails"`
	Invocations []sarifInvocation `json:"invocations"`
	ColumnKind  string            `json:"columnKind"`
	Results     []sarifResult     `json:"results"`
}

type sarifTool struct {
	Driver sarifDriver `json:"driver"`
}

type sarifDriver struct {
	Name    string      `json:"name"`
	Version string      `json:"version,omitempty"`
	Rules   []sarifRule `json:"rules"`
}

type sarifAutomation struct {
	ID string `json:"id"`
}

type sarifInvocation struct {
	Successful    bool                `json:"executionSuccessful"`
	Notifications []sarifNotification `json:"toolExecutionNotifications,omitempty"`
}

type sarifNotification struct {
	Level   string    `json:"level"`
	Message sarifText `json:"message"`
}

type sarifRule struct {
	ID            string          `json:"id"`
	Short         sarifText       `json:"shortDescription"`
	Full          sarifText       `json:"fullDescription"`
	Help          sarifText       `json:"help"`
	Configuration sarifLevel      `json:"defaultConfiguration"`
	Properties    sarifProperties `json:"properties"`
}

type sarifLevel struct {
	Level string `json:"level"`
}

// sarifProperties are what SARIF has no member for.
type sarifProperties struct {
	Tags       []string `json:"tags,omitempty"`
	Confidence string   `json:"confidence,omitempty"`
	Status     string   `json:"status,omitempty"`
}

type sarifText struct {
	Text     string `json:"text"`
	Markdown string `json:"markdown,omitempty"`
}

type sarifResult struct {
	RuleID       string             `json:"ruleId"`
	RuleIndex    int                `json:"ruleIndex"`
	Level        string             `json:"level"`
	Message      sarifText          `json:"message"`
	Locations    []sarifLocation    `json:"locations,omitempty"`
	Related      []sarifLocation    `json:"relatedLocations,omitempty"`
	Fingerprints map[string]string  `json:"partialFingerprints"`
	Fixes        []sarifFix         `json:"fixes,omitempty"`
	Suppressions []sarifSuppression `json:"suppressions,omitempty"`
	Properties   sarifProperties    `json:"properties"`
}

type sarifLocation struct {
	ID       int           `json:"id,omitempty"`
	Physical sarifPhysical `json:"physicalLocation"`
	Logical  []sarifRoute  `json:"logicalLocations,omitempty"`
	Message  *sarifText    `json:"message,omitempty"`
}

type sarifPhysical struct {
	Artifact sarifArtifact `json:"artifactLocation"`
	Region   sarifRegion   `json:"region"`
}

type sarifArtifact struct {
	URI  string `json:"uri"`
	Base string `json:"uriBaseId,omitempty"`
}

type sarifRegion struct {
	StartLine   int        `json:"startLine"`
	StartColumn int        `json:"startColumn,omitempty"`
	EndLine     int        `json:"endLine,omitempty"`
	EndColumn   int        `json:"endColumn,omitempty"`
	Snippet     *sarifText `json:"snippet,omitempty"`
}

type sarifRoute struct {
	Name string `json:"fullyQualifiedName"`
}

type sarifFix struct {
	Description sarifText     `json:"description"`
	Changes     []sarifChange `json:"artifactChanges"`
}

type sarifChange struct {
	Artifact     sarifArtifact      `json:"artifactLocation"`
	Replacements []sarifReplacement `json:"replacements"`
}

type sarifReplacement struct {
	Deleted  sarifRegion `json:"deletedRegion"`
	Inserted *sarifText  `json:"insertedContent,omitempty"`
}

type sarifSuppression struct {
	Kind          string `json:"kind"`
	Justification string `json:"justification"`
}

// writeSARIF prints the report for code scanning: the findings, worst first, then what is ignored.
func writeSARIF(w io.Writer, r *inspect.Report, opts Options) error {
	return encode(w, sarifLog{
		Schema:  "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
		Version: "2.1.0",
		Runs:    []sarifRun{sarifRunOf(inWorkspace(r, opts.Prefix), opts)},
	})
}

func sarifRunOf(r *inspect.Report, opts Options) sarifRun {
	s := sarif{rules: []sarifRule{}, index: map[string]int{}, alike: map[string]int{}}
	if len(r.Project.Files) > 0 {
		s.file = r.Project.Files[0]
	}
	results := []sarifResult{}
	findings, ignored := shown(r.Findings, opts), shown(r.Ignored, opts)
	for i, f := range append(findings, ignored...) {
		if i == maxResults {
			break
		}
		result := s.result(f)
		if i >= len(findings) {
			result.Suppressions = []sarifSuppression{suppressionOf(f)}
		}
		results = append(results, result)
	}
	return sarifRun{
		Tool:        sarifTool{sarifDriver{Name: "why502", Version: opts.Version, Rules: s.rules}},
		Automation:  sarifAutomation{ID: "why502/" + cut(r.Project.Name, maxLabel) + "/"}, // of each project of a repository its own
		Invocations: []sarifInvocation{{Successful: true, Notifications: notifications(r, len(findings)+len(ignored)-maxResults)}},
		ColumnKind:  "unicodeCodePoints",
		Results:     results,
	}
}

// notifications say what there is to know of the run itself: what it rests on, what was not checked, and how
// many results were left out.
func notifications(r *inspect.Report, left int) []sarifNotification {
	notes := []string{sentence(r) + " (" + mode(r.Live) + ")"}
	for _, u := range notChecked(r) {
		notes = append(notes, "not checked: "+u.What+": "+u.Why)
	}
	if len(notes) > maxLines {
		notes = append(notes[:maxLines], fmt.Sprintf("and %d more that were not checked", len(notes)-maxLines))
	}
	notes = append(notes, boundedBy(each(r.Remarks, remarkText), maxLines)...)
	if left > 0 {
		notes = append(notes, fmt.Sprintf("and %s more, which are left out: GitHub shows %d", count(left, "result"), maxResults))
	}
	return each(notes, func(text string) sarifNotification { return sarifNotification{"note", plainText(text)} })
}

// sarif is a run on its way: which rules it has, and how many results that have the same fingerprint.
type sarif struct {
	file  string // of the project, where a finding has no place; GitHub takes no result without one
	rules []sarifRule
	index map[string]int // by id, in rules
	alike map[string]int
}

func (s *sarif) result(f *inspect.Finding) sarifResult {
	if _, known := s.index[f.Rule.ID]; !known {
		s.index[f.Rule.ID] = len(s.rules)
		s.rules = append(s.rules, sarifRuleOf(f.Rule))
	}
	result := sarifResult{
		RuleID:       f.Rule.ID,
		RuleIndex:    s.index[f.Rule.ID],
		Level:        severityName(f.Severity),
		Message:      plainText(strings.Join(append([]string{f.Message}, saidOf(f)...), "\n")),
		Fingerprints: map[string]string{"why502/v1": s.fingerprint(f)},
		Fixes:        sarifFixes(f.Fix),
		Properties:   sarifProperties{Confidence: string(f.Confidence), Status: string(f.Status)},
	}
	at := f.Place
	if !at.Known() {
		at = proxy.Place{File: s.file}
	}
	if at.Known() {
		location := sarifLocation{Physical: physical(at, f.Excerpt)}
		location.Logical = each(f.Routes[:min(len(f.Routes), maxPlaces)], func(id string) sarifRoute { return sarifRoute{cut(id, maxText)} })
		result.Locations = []sarifLocation{location}
	}
	for i, related := range f.Related[:min(len(f.Related), maxPlaces)] {
		if related.Place.Known() {
			text := plainText(related.Text)
			result.Related = append(result.Related, sarifLocation{ID: i + 1, Physical: physical(related.Place, related.Excerpt), Message: &text})
		}
	}
	return result
}

// saidOf is what stands behind a finding's message: what was seen, and the fix, which GitHub does not show
// from the result's fixes.
func saidOf(f *inspect.Finding) (lines []string) {
	for _, e := range f.Evidence[:min(len(f.Evidence), maxPlaces)] {
		lines = append(lines, "seen: "+e.Text+" ("+e.Source+")")
	}
	return append(lines, remedyLines(f)...)
}

// fingerprint is the same for a finding wherever its line moves to; the last part counts those that are alike.
func (s *sarif) fingerprint(f *inspect.Finding) string {
	hash := f.Fingerprint()
	s.alike[hash]++
	return fmt.Sprintf("%s:%d", hash, s.alike[hash])
}

// maxDescription is how long GitHub lets the description of a rule be.
const maxDescription = 1024

func sarifRuleOf(rule *inspect.Rule) sarifRule {
	var help strings.Builder
	Explain(&help, rule) // a Builder takes everything
	return sarifRule{
		ID:            rule.ID,
		Short:         sarifText{Text: cut(rule.Title, maxDescription)},
		Full:          sarifText{Text: cut(reflowed(cmp.Or(rule.Why, rule.Title)), maxDescription)},
		Help:          sarifText{Text: help.String(), Markdown: explainMarkdown(rule)},
		Configuration: sarifLevel{severityName(rule.Severity)},
		Properties:    sarifProperties{Tags: []string{"nginx", rule.Hop.String()}},
	}
}

// reflowed is prose without the line breaks of the source code that it stands in.
func reflowed(prose string) string { return strings.Join(strings.Fields(prose), " ") }

// plainText is text for people. What would be read as a link is not one.
func plainText(text string) sarifText {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = cut(line, maxText)
	}
	text = strings.Join(lines, "\n")
	if strings.Contains(text, "](") {
		text = strings.NewReplacer("[", `\[`, "]", `\]`).Replace(text)
	}
	return sarifText{Text: text}
}

func physical(at proxy.Place, excerpt string) sarifPhysical {
	region := sarifRegion{StartLine: max(at.Line, 1), StartColumn: at.Column}
	if excerpt != "" {
		region.Snippet = &sarifText{Text: cut(excerpt, maxText)}
	}
	return sarifPhysical{artifact(at.File), region}
}

// artifact is a file of the workspace as SARIF names it: by a URI.
func artifact(file string) sarifArtifact {
	uri := (&url.URL{Path: file}).String()
	if strings.HasPrefix(file, "/") {
		return sarifArtifact{URI: "file://" + uri}
	}
	return sarifArtifact{URI: uri, Base: "%SRCROOT%"}
}

// sarifFixes are a fix's edits; there is one fix, as they are carried out together or not at all.
func sarifFixes(fix inspect.Fix) []sarifFix {
	if len(fix.Edits) == 0 {
		return nil
	}
	var changes []sarifChange
	index := map[string]int{}
	for _, e := range fix.Edits {
		i, known := index[e.File]
		if !known {
			i, index[e.File] = len(changes), len(changes)
			changes = append(changes, sarifChange{Artifact: artifact(e.File)})
		}
		changes[i].Replacements = append(changes[i].Replacements, replacement(e))
	}
	return []sarifFix{{Description: plainText(fix.Text), Changes: changes}}
}

// replacement is an edit as SARIF has it: of characters, with the line ends among them.
func replacement(e inspect.Edit) sarifReplacement {
	text := strings.TrimSuffix(e.New, "\n")
	region := sarifRegion{StartLine: e.Line, StartColumn: 1, EndLine: e.LineEnd}
	switch {
	case e.Old == "":
		region.EndLine, region.EndColumn, text = e.Line, 1, text+"\n"
	case text == "":
		region.EndLine, region.EndColumn = e.LineEnd+1, 1
	default:
		last := strings.TrimSuffix(e.Old, "\n")
		last = last[strings.LastIndexByte(last, '\n')+1:]
		region.EndColumn = utf8.RuneCountInString(last) + 1
	}
	return sarifReplacement{Deleted: region, Inserted: &sarifText{Text: text}}
}
