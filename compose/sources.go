package compose

import (
	"regexp"
	"strings"
	"unicode/utf8"

	"why502/compose/nginx"
)

// Sources is the text of the project's files, by the name that places use.
type Sources map[string]*Source

// Source is one file, cut into lines.
type Source struct{ Lines []string }

// Add keeps the text of a file. Later additions under the same name replace earlier ones.
func (s Sources) Add(name string, text []byte) {
	s[name] = &Source{Lines: strings.Split(string(text), "\n")}
}

// keep keeps the text of a configuration file, as its author wrote it.
func (s Sources) keep(f *nginx.File) {
	switch {
	case f.Name == "" || f.Line > 0: // a part of a file that is kept already
	case f.Written != nil:
		s.Add(f.Name, f.Written)
	default:
		s.Add(f.Name, f.Text)
	}
}

// Line returns line n of a file, counted from 1, without its line ending; "" where there is none.
func (s Sources) Line(name string, n int) string {
	src := s[name]
	if src == nil || n < 1 || n > len(src.Lines) {
		return ""
	}
	return strings.TrimSuffix(src.Lines[n-1], "\r")
}

// position is line and column, from 1, of the byte at an offset of a file.
func (s Sources) position(name string, offset int) (line, column int) {
	if src := s[name]; src != nil {
		for i, text := range src.Lines {
			if offset <= len(text) {
				return i + 1, 1 + utf8.RuneCountInString(text[:max(offset, 0)])
			}
			offset -= len(text) + 1
		}
	}
	return 0, 0
}

// lines is how many lines a file has.
func (s Sources) lines(name string) int {
	if src := s[name]; src != nil {
		return len(src.Lines)
	}
	return 0
}

// Find gives line and column, from 1, of the first text of a file that a pattern matches, comments
// left out; 0 where there is none.
func (s Sources) Find(name string, pattern *regexp.Regexp) (line, column int) {
	src := s[name]
	if src == nil {
		return 0, 0
	}
	for i, text := range src.Lines {
		text, _, _ = strings.Cut(text, "#")
		if m := pattern.FindStringIndex(text); m != nil {
			return i + 1, 1 + utf8.RuneCountInString(text[:m[0]])
		}
	}
	return 0, 0
}
