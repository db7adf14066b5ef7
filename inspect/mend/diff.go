package mend

import (
	"errors"
	"fmt"
	"strings"
)

// context is how many lines are shown around what changes.
const context = 3

// ErrCredential says that what would be shown around a change is not fit to be.
var ErrCredential = errors.New("the line beside it holds what looks like a credential")

// Diff shows the edits as a unified diff of a file. Lines of the text that mask would change are not shown:
// there is less around a change then, and where there would be nothing it is ErrCredential. A nil mask shows
// all.
func (p *Patch) Diff(name string, mask func(lines []string) []string) (string, error) {
	if name == "" || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f }) || name[0] == '"' {
		return "", fmt.Errorf("its name cannot be written into a diff: %q", name)
	}
	if strings.Contains(name, " ") {
		name += "\t" // which ends a name that has blanks
	}
	hidden := p.hidden(mask)
	var b strings.Builder
	fmt.Fprintf(&b, "--- %s\n+++ %s\n", name, name)
	shift := 0
	for changes := p.changes; len(changes) > 0; {
		n := p.together(changes, hidden)
		h, err := p.hunk(changes[:n], hidden)
		if err != nil {
			return "", err
		}
		shift += h.write(&b, p.lines, shift)
		changes = changes[n:]
	}
	return b.String(), nil
}

// hidden says of each line whether it must not be shown.
func (p *Patch) hidden(mask func([]string) []string) []bool {
	hidden := make([]bool, len(p.lines))
	if mask == nil {
		return hidden
	}
	plain := make([]string, len(p.lines))
	for i, line := range p.lines {
		plain[i] = strings.TrimRight(line, "\r\n")
	}
	for i, masked := range mask(plain) {
		hidden[i] = masked != plain[i]
	}
	return hidden
}

// together is how many of the changes are so near each other that they make one hunk.
func (p *Patch) together(changes []change, hidden []bool) int {
	n := 1
	for ; n < len(changes); n++ {
		from, to := changes[n-1].to, changes[n].from
		if to-from > 2*context || anyOf(hidden[from:to]) {
			break
		}
	}
	return n
}

func anyOf(list []bool) bool {
	for _, v := range list {
		if v {
			return true
		}
	}
	return false
}

// hunk is changes with the lines around them.
type hunk struct {
	from, to int // of the old lines
	changes  []change
}

// hunk finds the lines to show around changes. Both sides get as many where some are hidden: patch takes
// fewer lines on one side for the end of the file.
func (p *Patch) hunk(changes []change, hidden []bool) (hunk, error) {
	from, to := changes[0].from, changes[len(changes)-1].to
	end := len(p.lines)
	if p.lines[end-1] == "" { // behind the last ending there is no line
		end--
	}
	before, after := 0, 0
	for before < context && from-before > 0 && !hidden[from-before-1] {
		before++
	}
	for after < context && to+after < end && !hidden[to+after] {
		after++
	}
	if before < context && from-before > 0 || after < context && to+after < end {
		before = min(before, after)
		if after = before; before == 0 {
			return hunk{}, ErrCredential
		}
	}
	return hunk{from - before, to + after, changes}, nil
}

// write prints a hunk; shift is by how much earlier ones have moved the new lines. It returns by how much
// this one does.
func (h hunk) write(b *strings.Builder, lines []string, shift int) (moves int) {
	for _, c := range h.changes {
		moves += len(c.lines) - (c.to - c.from)
	}
	old := h.to - h.from
	fmt.Fprintf(b, "@@ -%s +%s @@\n", span(h.from, old), span(h.from+shift, old+moves))
	at := h.from
	for _, c := range h.changes {
		prefixed(b, " ", lines[at:c.from])
		prefixed(b, "-", lines[c.from:c.to])
		prefixed(b, "+", c.lines)
		at = c.to
	}
	prefixed(b, " ", lines[at:h.to])
	return moves
}

// span is the range of lines in the head of a hunk. An empty one is said by the line before it.
func span(from, n int) string {
	if n > 0 {
		from++
	}
	return fmt.Sprintf("%d,%d", from, n)
}

func prefixed(b *strings.Builder, prefix string, lines []string) {
	for _, line := range lines {
		b.WriteString(prefix + line)
		if !strings.HasSuffix(line, "\n") {
			b.WriteString("\n\\ No newline at end of file\n")
		}
	}
}
