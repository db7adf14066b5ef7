package compose

import (
	"strconv"
	"strings"
	"unicode"

	"why502/compose/proxy"
)

// Error is what keeps a project from being read: what is wrong, where, and what to do about it.
type Error struct {
	Place proxy.Place // zero: no line of the user's files is at fault
	What  string
	Fix   string // what to do about it; may be empty
	Err   error  // the cause, if there is one
}

// Error says where and what, in one line without control characters.
func (e *Error) Error() string {
	text := e.What
	if e.Place.Known() {
		text = spot(e.Place) + ": " + text
	}
	return printable(text)
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// Hint says what to do about it, in one line; empty if nothing is known.
func (e *Error) Hint() string { return printable(e.Fix) }

// spot writes a place as editors and terminals understand it.
func spot(p proxy.Place) string {
	text := p.File
	for _, n := range []int{p.Line, p.Column} {
		if n == 0 {
			break
		}
		text += ":" + strconv.Itoa(n)
	}
	return text
}

// printable makes one harmless line of text from files: escape sequences would reach the
// terminal, and letters of other writing directions would reorder what it shows.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Zl, r) || unicode.Is(unicode.Zp, r) {
			return ' '
		}
		return r
	}, text)
}
