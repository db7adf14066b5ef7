package main

import (
	"fmt"
	"io"

	"why502/compose"
	"why502/inspect"
	"why502/report"
)

// maxBaseline bounds the report of a baseline, in bytes.
const maxBaseline = 128 << 20

// readBaseline reads the report whose findings are accepted. One that is not there is an error: a slip in its name
// would accept nothing, and to write it then would accept everything.
func readBaseline(name string) (*inspect.Baseline, error) {
	hint := fmt.Sprintf("to accept what there is now: why502 --format json=%s", name)
	f, err := openNow(name)
	if err != nil {
		return nil, wrong(hint, "--baseline: %w", cannotRead(fmt.Sprintf("%q", name), err))
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxBaseline+1))
	if err != nil {
		return nil, wrong(hint, "--baseline: %w", cannotRead(fmt.Sprintf("%q", name), err))
	}
	if len(text) > maxBaseline {
		return nil, wrong(hint, "--baseline: %q is larger than %d MB", name, maxBaseline>>20)
	}
	b, err := report.ReadBaseline(name, text)
	if err != nil {
		return nil, wrong(hint, "--baseline: %q: %w", name, err)
	}
	return b, nil
}

// unknownRules refuses rules of the project's file of ignores that do not exist. Those of comments are remarked on
// in the report instead: they stand in files that are not why502's own.
func unknownRules(ignores []compose.Ignore) error {
	for _, i := range ignores {
		if i.Kind != compose.ByFile || i.Rule == "*" {
			continue
		}
		if _, err := findRule(i.Rule); err != nil {
			return &compose.Error{Place: i.Place, What: err.Error(), Fix: hintOf(err)}
		}
	}
	return nil
}
