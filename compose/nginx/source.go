package nginx

import (
	"bytes"
	"slices"
	"unicode/utf8"

	"why502/compose/proxy"
)

// source is the text of one file, in which places are looked for.
type source struct {
	name   string // as in Place.File; empty for a file of the image
	text   []byte
	starts []int // of each line
}

func newSource(f *File) *source {
	s := &source{name: f.Name, text: f.Text, starts: []int{0}}
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
	if s.name == "" || offset < 0 {
		return proxy.Place{}
	}
	line, exact := slices.BinarySearch(s.starts, offset)
	if exact {
		line++
	}
	column := 1 + utf8.RuneCount(s.text[s.starts[line-1]:offset])
	return proxy.Place{File: s.name, Line: line, Column: column}
}

// place is where a text stands on a line; where it begins, if it is not there.
func (s *source) place(line int, text string) proxy.Place {
	from := s.start(line)
	if found := s.find(text, from); text != "" && found >= 0 && (line >= len(s.starts) || found < s.start(line+1)) {
		return s.at(found)
	}
	return s.at(from)
}
