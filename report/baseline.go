package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"why502/compose/proxy"
	"why502/inspect"
)

// ReadBaseline reads a report that was printed as JSON, which may be any text: its findings are accepted, and so
// are those that it had accepted itself by a baseline. The name is what the user calls it.
func ReadBaseline(name string, text []byte) (*inspect.Baseline, error) {
	var doc struct {
		Version  int
		Findings *[]ignoredRow
		Ignored  []ignoredRow `json:"suppressed"`
	}
	if err := json.Unmarshal(text, &doc); err != nil || doc.Findings == nil {
		return nil, errors.New("it is no report that --format json has written")
	}
	if doc.Version != 1 {
		return nil, fmt.Errorf("it has version %d, but 1 is what this why502 reads", doc.Version)
	}
	b := &inspect.Baseline{File: name}
	rows := slices.DeleteFunc(doc.Ignored, func(row ignoredRow) bool { return row.By.Kind != string(inspect.ByBaseline) })
	for _, row := range append(*doc.Findings, rows...) {
		severity := slices.Index(Severities(), row.Severity)
		if severity < 0 || len(row.Fingerprints) == 0 {
			return nil, errors.New("a finding in it lacks its severity or its fingerprints: an older why502 has written it, or it was changed")
		}
		b.Accepted = append(b.Accepted, inspect.Accepted{
			Rule: row.Rule, Severity: inspect.Note + inspect.Severity(severity), Message: row.Message,
			Place: proxy.Place{File: row.File}, Fingerprints: row.Fingerprints, // its line was another
		})
	}
	return b, nil
}
