package compose

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"

	"why502/compose/proxy"
)

// IgnoreFiles are the names that the project's file of ignores can have; the first that is there is read.
var IgnoreFiles = []string{".why502.yaml", ".why502.yml"}

// Bounds of what a project ignores. Nobody reads more, and each is held against each finding.
const (
	maxIgnores  = 500    // in the file of ignores
	maxOfLine   = 20     // comments
	maxComments = 10_000 // of all files
	maxReason   = 500    // characters
)

// Ignore is a finding that the user accepts, and why.
type Ignore struct {
	Kind    IgnoreKind
	Rule    string    // its id; of the file and the flag * is every rule
	Subject string    // a service, host or route; * stands for anything; empty: everything
	Reason  string    // of a comment it can be missing, and then the comment does not count
	Until   time.Time // midnight of the last day on which it counts, in UTC; zero: it counts for ever
	Place   proxy.Place
	About   int // of a comment: the line of its file that it is about
}

// IgnoreKind says how the user says it.
type IgnoreKind string

const (
	ByFlag     IgnoreKind = "flag"     // --ignore
	ByComment  IgnoreKind = "comment"  // # why502:ignore RULE REASON
	ByFile     IgnoreKind = "file"     // an entry of .why502.yaml
	ByBaseline IgnoreKind = "baseline" // it was there already; see --baseline
)

// ignoring is what begins a comment that ignores a rule: YAML and nginx both begin one with # behind a blank, and
// nginx behind what ends a directive, too.
var ignoring = regexp.MustCompile(`(?:^|[\s;{}])#[ \t]*why502:ignore(?:[ \t]+|$)`)

// Ignores are the comments of the user's files that ignore a rule, by file and line. One behind something is about
// its line, one that has a line to itself about the line below it, and below more comments.
func (s Sources) Ignores() (ignores []Ignore) {
	for _, file := range slices.Sorted(maps.Keys(s)) {
		about := 0 // what a comment on the line above would be about
		var found []Ignore
		for n := s.lines(file); n > 0; n-- {
			line := s.Line(file, n)
			alone := strings.HasPrefix(strings.TrimSpace(line), "#")
			if !alone {
				about = n
			}
			if strings.TrimSpace(line) == "" {
				about = 0
			}
			if strings.Contains(line, "why502:ignore") {
				found = append(found, commentsOf(line, proxy.Place{File: file, Line: n}, about)...)
			}
		}
		slices.SortStableFunc(found, func(a, b Ignore) int { return a.Place.Line - b.Place.Line })
		if ignores = append(ignores, found...); len(ignores) > maxComments {
			return ignores[:maxComments]
		}
	}
	return ignores
}

// commentsOf are the comments of one line. Each begins with its own #.
func commentsOf(line string, at proxy.Place, about int) (ignores []Ignore) {
	starts := ignoring.FindAllStringIndex(line, maxOfLine)
	for i, start := range starts {
		end := len(line)
		if i+1 < len(starts) {
			end = starts[i+1][0]
		}
		said := strings.TrimSpace(line[start[1]:end])
		rule, _, _ := strings.Cut(strings.ReplaceAll(said, "\t", " "), " ")
		from := start[0] + strings.IndexByte(line[start[0]:], '#')
		at.Column = 1 + utf8.RuneCountInString(line[:from])
		ignores = append(ignores, Ignore{Kind: ByComment, Rule: bounded(rule), Reason: bounded(strings.TrimSpace(said[len(rule):])), Place: at, About: about})
	}
	return ignores
}

// bounded keeps of a text what people read.
func bounded(text string) string { return fmt.Sprintf("%.*s", maxReason, text) }

// readIgnores reads the project's file of ignores, where there is one.
func (s *Stack) readIgnores(found *finder) error {
	for _, name := range IgnoreFiles {
		text, err := found.regular(filepath.Join(s.Directory, name))
		switch {
		case errors.Is(err, fs.ErrNotExist), errors.Is(err, errBeyond):
			continue
		case err != nil:
			return &Error{What: fmt.Sprintf("cannot read %q: %v", name, cause(err)), Fix: "check that it is a file, and its permissions and size", Err: err}
		}
		s.Ignores, err = parseIgnores(name, text)
		return err
	}
	return nil
}

// parseIgnores reads a file of ignores: a mapping whose only key, ignore, has the list of them. What is not
// understood is an error, as what is left out of a report by mistake is missed by nobody.
func parseIgnores(file string, text []byte) ([]Ignore, error) {
	docs, err := documents(text)
	if err != nil {
		return nil, new(Stack).yamlError(file, err)
	}
	p := ignoreParser{file}
	if n := tooLarge(docs); n != nil {
		return nil, p.wrong(n, "there is too much in it")
	}
	switch {
	case len(docs) == 0 || len(docs) == 1 && docs[0].Tag == "!!null":
		return nil, nil // nothing in it but comments
	case len(docs) > 1:
		return nil, p.wrong(docs[1], "there is a second document")
	}
	all, err := p.mapping(docs[0], "ignore")
	if err != nil {
		return nil, err
	}
	list := all["ignore"]
	switch {
	case list == nil || list.Tag == "!!null":
		return nil, nil
	case list.Kind != yaml.SequenceNode:
		return nil, p.wrong(list, "ignore is not a list")
	case len(list.Content) > maxIgnores:
		return nil, p.wrong(list.Content[maxIgnores], fmt.Sprintf("there are more than %d entries", maxIgnores))
	}
	var ignores []Ignore
	for _, entry := range list.Content {
		ignore, err := p.entry(entry)
		if err != nil {
			return nil, err
		}
		ignores = append(ignores, ignore)
	}
	return ignores, nil
}

// ignoreParser reads the values of a file of ignores.
type ignoreParser struct{ file string }

func (p ignoreParser) wrong(at *yaml.Node, what string) error {
	return &Error{
		Place: proxy.Place{File: p.file, Line: at.Line, Column: at.Column}, What: what,
		Fix: "ignore: is a list of entries with rule, reason and, where they are needed, subject and until",
	}
}

// mapping are the values of a mapping that has no other keys than these.
func (p ignoreParser) mapping(n *yaml.Node, keys ...string) (map[string]*yaml.Node, error) {
	if n.Kind != yaml.MappingNode {
		return nil, p.wrong(n, "a mapping is expected: "+strings.Join(keys, ", "))
	}
	values := map[string]*yaml.Node{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		switch {
		case !slices.Contains(keys, key.Value):
			return nil, p.wrong(key, fmt.Sprintf("unknown key %.100q; there can be %s", key.Value, strings.Join(keys, ", ")))
		case values[key.Value] != nil:
			return nil, p.wrong(key, fmt.Sprintf("the key %q is there twice", key.Value))
		}
		values[key.Value] = n.Content[i+1]
	}
	return values, nil
}

// entry reads one ignore.
func (p ignoreParser) entry(n *yaml.Node) (Ignore, error) {
	i := Ignore{Kind: ByFile, Place: proxy.Place{File: p.file, Line: n.Line, Column: n.Column}}
	values, err := p.mapping(n, "rule", "subject", "reason", "until")
	if err != nil {
		return i, err
	}
	until := ""
	for _, of := range []struct {
		key    string
		to     *string
		needed bool
	}{{"rule", &i.Rule, true}, {"subject", &i.Subject, false}, {"reason", &i.Reason, true}, {"until", &until, false}} {
		value := values[of.key]
		switch {
		case value == nil && of.needed:
			return i, p.wrong(n, "the entry has no "+of.key)
		case value == nil:
			continue
		case value.Kind != yaml.ScalarNode || value.Tag == "!!null" || strings.TrimSpace(value.Value) == "":
			return i, p.wrong(value, of.key+" is empty, or no text")
		}
		*of.to = bounded(strings.TrimSpace(value.Value))
	}
	if until != "" {
		if i.Until, err = time.Parse(time.DateOnly, until); err != nil {
			return i, p.wrong(values["until"], fmt.Sprintf("until is %.100q, but a date is written like 2026-12-31", until))
		}
	}
	return i, nil
}
