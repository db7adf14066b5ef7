package trace

import "strings"

// What nginx escapes in a URI and in arguments, besides control characters and bytes over 0x7e.
const (
	inURI  = " \"#%<>?\\^`{|}"
	inArgs = inURI + "&+;"
)

// escape writes each of the bytes as %XX that must not stand as it is.
func escape(text, which string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(text) {
		c := text[i]
		if c < 0x20 || c >= 0x7f || strings.IndexByte(which, c) >= 0 {
			b.Write([]byte{'%', hex[c>>4], hex[c&15]})
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// unescapeRedirect undoes needless escapes before the query, as nginx does with the target of a rewrite
// that redirects.
func unescapeRedirect(text string) string {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case c == '?':
			return b.String() + text[i:]
		case c != '%':
			b.WriteByte(c)
			continue
		}
		i++
		high, ok := digit(text, i)
		if !ok { // nginx leaves the percent sign out
			if i < len(text) {
				b.WriteByte(text[i])
			}
			continue
		}
		i++
		low, ok := digit(text, i)
		decoded := high<<4 | low
		switch {
		case !ok:
		case decoded == '?':
			return b.String() + "?" + text[i+1:]
		case decoded > '%' && decoded < 0x7f:
			b.WriteByte(decoded)
		default:
			b.WriteString(text[i-2 : i+1])
		}
	}
	return b.String()
}

// digit is the value of the hexadecimal digit at a position.
func digit(text string, i int) (byte, bool) {
	if i >= len(text) {
		return 0, false
	}
	switch c := text[i]; {
	case c >= '0' && c <= '9':
		return c - '0', true
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return c | 0x20 - 'a' + 10, true
	}
	return 0, false
}

// word takes the backslashes of a word of the configuration away, as nginx does when it reads it.
func word(text string) string {
	if !strings.Contains(text, `\`) {
		return text
	}
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		c := text[i]
		if c == '\\' && i+1 < len(text) {
			i++
			switch next := text[i]; next {
			case '"', '\'', '\\':
				c = next
			case 't':
				c = '\t'
			case 'r':
				c = '\r'
			case 'n':
				c = '\n'
			default:
				b.WriteByte(c)
				c = next
			}
		}
		b.WriteByte(c)
	}
	return b.String()
}

// lower is text in lower case, ASCII letters alone.
func lower(text string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, text)
}
