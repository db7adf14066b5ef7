// Package mend carries out the edits of findings on the texts of files, and shows them as a unified diff. It
// is pure: it opens no file.
package mend

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"why502/inspect"
)

// Patch is what edits make of the text of one file.
type Patch struct {
	lines   []string // of the text as it was, with their endings
	changes []change // in order, none touching another
}

// change says that lines from to to (from 0, to excluded) become others.
type change struct {
	from, to int
	lines    []string // with their endings
}

const byteOrderMark = "\ufeff"

// New places edits, which are all of one file, in its text. It is an error where one does not fit: the file
// is not what was judged, or two edits touch the same lines.
func New(text string, edits []inspect.Edit) (*Patch, error) {
	p := &Patch{lines: strings.SplitAfter(text, "\n")}
	for _, e := range edits {
		c, err := p.place(e)
		if err != nil {
			return nil, err
		}
		p.changes = append(p.changes, c)
	}
	slices.SortStableFunc(p.changes, func(a, b change) int { return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(a.to, b.to)) })
	for i := 1; i < len(p.changes); i++ {
		if a, b := p.changes[i-1], p.changes[i]; b.from < a.to || b.from == a.from {
			return nil, fmt.Errorf("two edits touch line %d", b.from+1)
		}
	}
	return p, nil
}

// place finds the lines that an edit is about.
func (p *Patch) place(e inspect.Edit) (change, error) {
	c := change{from: e.Line - 1, to: e.LineEnd}
	if e.Line < 1 || e.LineEnd < e.Line || e.LineEnd > len(p.lines) {
		return c, fmt.Errorf("there is no line %d", e.LineEnd)
	}
	if e.Old == "" {
		c.to = c.from
	}
	if err := p.holds(c, e.Old); err != nil {
		return c, err
	}
	ending := p.ending(c.from)
	for _, line := range strings.Split(e.New, "\n") {
		c.lines = append(c.lines, strings.TrimSuffix(line, "\r")+ending)
	}
	if c.to > c.from && !strings.HasSuffix(p.lines[c.to-1], "\n") { // the file's last line, which has no ending
		last := len(c.lines) - 1
		c.lines[last] = strings.TrimSuffix(c.lines[last], ending)
	}
	if c.from == 0 && strings.HasPrefix(p.lines[0], byteOrderMark) && !strings.HasPrefix(e.Old, byteOrderMark) {
		c = p.marked(c)
	}
	return c, nil
}

// holds says whether the lines of a change are those that it is for.
func (p *Patch) holds(c change, old string) error {
	if c.to == c.from {
		if c.from == len(p.lines)-1 && p.lines[c.from] == "" || strings.Contains(p.lines[c.from], "\n") || len(p.lines) == c.from+1 {
			return nil
		}
		return fmt.Errorf("there is no line %d", c.from+1)
	}
	var found []string
	for _, line := range p.lines[c.from:c.to] {
		found = append(found, strings.TrimRight(line, "\r\n"))
	}
	if bare(strings.Join(found, "\n")) != bare(strings.ReplaceAll(old, "\r", "")) {
		return errors.New("line " + fmt.Sprint(c.from+1) + " is not what it was when it was judged")
	}
	return nil
}

func bare(text string) string { return strings.TrimPrefix(text, byteOrderMark) }

// marked keeps the byte order mark where it is: at the very beginning. An edit whose old text has it says
// itself what becomes of it.
func (p *Patch) marked(c change) change {
	if c.to == 0 {
		c.to, c.lines = 1, append(c.lines, bare(p.lines[0]))
	}
	c.lines[0] = byteOrderMark + bare(c.lines[0])
	return c
}

// ending is how lines end where a line is: as that one does, or the one before it.
func (p *Patch) ending(line int) string {
	for _, text := range []string{p.lines[line], p.lines[max(0, line-1)]} {
		if strings.HasSuffix(text, "\r\n") {
			return "\r\n"
		}
	}
	return "\n"
}

// Text is the text with the edits carried out.
func (p *Patch) Text() string {
	var b strings.Builder
	at := 0
	write := func(lines []string) {
		for _, line := range lines {
			b.WriteString(line)
		}
	}
	for _, c := range p.changes {
		write(p.lines[at:c.from])
		write(c.lines)
		at = c.to
	}
	write(p.lines[at:])
	return b.String()
}
