package report

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Clean makes text from files, logs and containers safe to show on a terminal: whatever is not
// printable is written out as an escape, so that it neither acts (colours, cursor movements) nor
// deceives (direction overrides, characters without width). Tabs become four spaces. Cleaning
// text twice changes nothing.
func Clean(s string) string {
	if !strings.ContainsFunc(s, dangerous) && utf8.ValidString(s) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		b.WriteString(visible(r, s[i:i+n]))
		i += n
	}
	return b.String()
}

// dangerous says whether a character is anything but visible text or a plain space.
func dangerous(r rune) bool { return !unicode.IsPrint(r) }

// visible gives the text to show for one character, whose bytes are raw.
func visible(r rune, raw string) string {
	switch {
	case r == '\t':
		return "    "
	case r == utf8.RuneError && len(raw) == 1:
		return fmt.Sprintf(`\x%02x`, raw[0])
	case dangerous(r):
		return strings.Trim(strconv.QuoteRune(r), "'")
	}
	return raw
}
