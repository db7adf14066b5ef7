package nginx

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"why502/compose/proxy"
)

// source is the text of one file, in which places are looked for.
type source struct {
	name     string // as in Place.File; empty for a file of the image
	inside   string // its container path, where only the container shows it
	text     []byte
	starts   []int    // of each line
	first    int      // line of the file of that name at which the text begins
	lines    []string // as written, where that differs from the text
	from     []int    // of each line the one as written, where that has others
	rendered bool
}

func newSource(f *File) *source {
	s := &source{name: f.Name, inside: f.Inside, text: f.Text, starts: []int{0}, first: max(f.Line, 1), from: f.Lines, rendered: f.Rendered}
	if f.Written != nil {
		s.lines = strings.Split(string(f.Written), "\n")
	}
	for i, c := range f.Text {
		if c == '\n' {
			s.starts = append(s.starts, i+1)
		}
	}
	return s
}

// start is where a line begins, counted from 1.
func (s *source) start(line int) int {
	return s.starts[max(0, min(line, len(s.starts))-1)]
}

// maxSearch is how far an argument may stand behind its directive, in bytes.
const maxSearch = 4096

// find looks for a text from an offset on; -1 where it is not near. What is written with escapes is
// not found.
func (s *source) find(text string, from int) int {
	if from < 0 || from > len(s.text) {
		return -1
	}
	i := bytes.Index(s.text[from:min(len(s.text), from+maxSearch)], []byte(text))
	if i < 0 {
		return -1
	}
	return from + i
}

// at is the place of an offset; nowhere in a file of the image.
func (s *source) at(offset int) proxy.Place {
	if s.name == "" && s.inside == "" || offset < 0 {
		return proxy.Place{}
	}
	line, exact := slices.BinarySearch(s.starts, offset)
	if exact {
		line++
	}
	if s.name == "" {
		return proxy.Place{Inside: fmt.Sprintf("%s:%d", s.inside, line)}
	}
	as := s.asWritten(line)
	at := proxy.Place{File: s.name, Line: as + s.first - 1}
	if s.end(line)-s.starts[line-1] > maxLine {
		return at
	}
	before := string(s.text[s.starts[line-1]:offset])
	if as <= len(s.lines) {
		before = s.lines[as-1][:written(s.lines[as-1], s.line(line), len(before))]
	}
	at.Column = 1 + utf8.RuneCountInString(before)
	return at
}

// asWritten is the line, as it was written, that a line of the text comes from: a variable's value may have several.
func (s *source) asWritten(line int) int {
	if line <= len(s.from) {
		return s.from[line-1]
	}
	return line
}

// maxLine bounds the lines in which columns are counted, in bytes: that takes the longer the longer a line
// is, for each directive in it.
const maxLine = 16 << 10

// end is where the line behind a line begins.
func (s *source) end(line int) int {
	if line < len(s.starts) {
		return s.starts[line]
	}
	return len(s.text)
}

// written finds, for an offset in a line, that in the line as it was written, before variables in it
// were filled in. What is in a variable's value is where the variable is.
func written(was, is string, offset int) int {
	if deeper := indent(was) - indent(is); deeper > 0 { // in a block of YAML
		return deeper + written(was[deeper:], is, offset)
	}
	begin, end := 0, 0
	for begin < min(len(was), len(is)) && was[begin] == is[begin] {
		begin++
	}
	for end < min(len(was), len(is))-begin && was[len(was)-1-end] == is[len(is)-1-end] {
		end++
	}
	switch {
	case offset <= begin:
		return offset
	case len(is)-offset <= end:
		return len(was) - (len(is) - offset)
	}
	return max(0, strings.LastIndexByte(was[:min(begin+1, len(was))], '$'))
}

func indent(line string) int { return len(line) - len(strings.TrimLeft(line, " \t")) }

// line is the text of a line, counted from 1.
func (s *source) line(n int) string {
	text := s.text[s.starts[n-1]:]
	if i := bytes.IndexByte(text, '\n'); i >= 0 {
		text = text[:i]
	}
	return string(text)
}

// place is where a text stands on a line; where it begins, if it is not there.
func (s *source) place(line int, text string) proxy.Place {
	from := s.start(line)
	if found := s.find(text, from); text != "" && found >= 0 && (line >= len(s.starts) || found < s.start(line+1)) {
		return s.at(found)
	}
	return s.at(from)
}
