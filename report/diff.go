package report

import (
	"io"
	"strings"
)

// Diff prints a unified diff, with comments before it, for people: cleaned, and coloured if wanted. For
// programs it is printed as it is.
func Diff(w io.Writer, text string, color bool) error {
	p := newPage(w, Options{Color: color})
	for line := range strings.Lines(text) {
		p.line(diffStyle(line), Clean(strings.TrimRight(line, "\r\n")))
	}
	return p.w.Flush()
}

func diffStyle(line string) style {
	switch line[0] {
	case '-':
		return red
	case '+':
		return green
	case '@':
		return cyan
	case '#':
		return dim
	}
	return plain
}
