package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"why502/compose"
	"why502/inspect"
	"why502/report"
)

// maxBaseline bounds the report of a baseline, in bytes.
const maxBaseline = 128 << 20

// beginBaseline has a diagnosis write the baseline that it names, where there is none yet, and gives its name then.
// That run accepts nothing: after a slip in the name, the exit status is what it is without a baseline.
func (ask *request) beginBaseline() string {
	name := ask.accept
	if _, err := os.Stat(name); name == "" || !errors.Is(err, fs.ErrNotExist) {
		return ""
	}
	out, err := parseOutput("json=" + name)
	if err != nil || sameTarget(ask.outputs, out) != "" {
		return ""
	}
	ask.accept, ask.outputs = "", append(ask.outputs, out)
	return name
}

// readBaseline reads the report whose findings are accepted.
func readBaseline(name string) (*inspect.Baseline, error) {
	hint := fmt.Sprintf("where there is none, it is written by why502 --baseline %s", name)
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
