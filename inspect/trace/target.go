package trace

import "strings"

// target is the target of a request line, taken apart.
type target struct {
	uri, args string // decoded path, and what follows the first "?"
	unparsed  string // as written, without scheme and host
	host      string // of an absolute target; empty: none
	quoted    bool   // something in it was escaped
	plus      bool   // it has a "+"
	emptyPath bool   // absolute, with "?" right behind the host
	authority bool   // absolute
}

// parseTarget takes a target apart. Where nginx answers 400, wrong says why.
func parseTarget(text string, mergeSlashes bool) (t target, wrong string) {
	if i := strings.IndexFunc(text, func(r rune) bool { return r < 0x20 || r == 0x7f }); i >= 0 {
		return t, "a control character in the target"
	}
	if strings.Contains(text, " ") {
		return t, "a space in the target"
	}
	if !strings.HasPrefix(text, "/") {
		if text, wrong = t.absolute(text); wrong != "" {
			return t, wrong
		}
	}
	t.unparsed = text
	path := text
	if t.emptyPath {
		path = "/" + text
	}
	return t, t.normalize(path, mergeSlashes)
}

// absolute takes scheme and host off an absolute target.
func (t *target) absolute(text string) (rest, wrong string) {
	scheme, rest, ok := strings.Cut(text, "://")
	if !ok || scheme == "" || !isLetter(scheme[0]) || strings.Trim(lower(scheme), "abcdefghijklmnopqrstuvwxyz0123456789+-.") != "" {
		return "", "the target begins with neither a slash nor a scheme"
	}
	end := strings.IndexAny(rest, "/?")
	if end < 0 {
		end = len(rest)
	}
	authority := rest[:end]
	host, port, _ := strings.Cut(authority, ":")
	if inner, isLiteral := strings.CutPrefix(authority, "["); isLiteral {
		inner, after, closed := strings.Cut(inner, "]")
		if !closed || after != "" && after[0] != ':' {
			return "", "an invalid host in the target"
		}
		host, port = "["+inner+"]", strings.TrimPrefix(after, ":")
	} else if strings.Trim(lower(host), "abcdefghijklmnopqrstuvwxyz0123456789.-") != "" {
		return "", "an invalid host in the target"
	}
	if strings.Trim(port, "0123456789") != "" {
		return "", "an invalid port in the target"
	}
	t.host, t.authority = host, true
	switch rest = rest[end:]; {
	case rest == "":
		rest = "/"
	case rest[0] == '?':
		t.emptyPath = true
	}
	return rest, ""
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

// cleaner resolves the dots and slashes of a path, byte by byte, by the states that nginx has.
type cleaner struct {
	out          []byte
	state        state
	mergeSlashes bool
}

// state is what the path ends with so far.
type state int

const (
	usual state = iota
	afterSlash
	afterDot
	afterDots
)

// errOutside is why nginx refuses a path whose dots lead above its beginning.
const errOutside = "the target leads out of the root"

// add adds a byte; ok is false where the path leads out of the root.
func (p *cleaner) add(c byte) (ok bool) {
	switch {
	case c == '/':
		if p.state == afterDot || p.state == afterDots {
			ok, p.state = p.resolve(), afterSlash
			return ok
		}
		if p.state != afterSlash || !p.mergeSlashes {
			p.out = append(p.out, c)
		}
		p.state = afterSlash
		return true
	case c == '.' && p.state == afterSlash:
		p.state = afterDot
	case c == '.' && p.state == afterDot:
		p.state = afterDots
	default:
		p.state = usual
	}
	p.out = append(p.out, c)
	return true
}

// resolve takes away the dots at the end, and with two of them a directory.
func (p *cleaner) resolve() (ok bool) {
	switch p.state {
	case afterDot:
		p.out = p.out[:len(p.out)-1]
	case afterDots:
		at := len(p.out) - len("/..") - 1
		for at >= 0 && p.out[at] != '/' {
			at--
		}
		if at < 0 {
			return false
		}
		p.out = p.out[:at+1]
	}
	return true
}

// normalize decodes a path and resolves its dots and slashes.
func (t *target) normalize(text string, mergeSlashes bool) (wrong string) {
	path := cleaner{mergeSlashes: mergeSlashes}
	t.plus = strings.Contains(before(text, "?#"), "+")
	i := 0
	for ; i < len(text) && text[i] != '?' && text[i] != '#'; i++ {
		c := text[i]
		if c == '%' {
			if c, wrong = decode(text, i); wrong != "" {
				return wrong
			}
			i += 2
			t.quoted, t.plus = true, t.plus || c == '+'
		}
		if !path.add(c) {
			return errOutside
		}
	}
	if !path.resolve() {
		return errOutside
	}
	t.uri = string(path.out)
	if strings.HasPrefix(text[i:], "?") {
		t.args = before(text[i+1:], "#")
	}
	return ""
}

// decode is the byte that an escape stands for.
func decode(text string, i int) (c byte, wrong string) {
	high, ok1 := digit(text, i+1)
	low, ok2 := digit(text, i+2)
	switch c = high<<4 | low; {
	case !ok1 || !ok2:
		return 0, "an invalid escape in the target"
	case c == 0:
		return 0, "an escaped zero byte in the target"
	}
	return c, ""
}

// before is what stands before the first of the characters.
func before(text, characters string) string {
	if i := strings.IndexAny(text, characters); i >= 0 {
		return text[:i]
	}
	return text
}

// cleanHost is a Host header or the host of a target without its port and a last dot, in lower case; ok
// is false where nginx answers 400.
func cleanHost(text string) (host string, ok bool) {
	end, rest := len(text), false
	literal := strings.HasPrefix(text, "[")
	for i := range len(text) {
		switch c := text[i]; {
		case c == '.' && i > 0 && text[i-1] == '.':
			return "", false
		case c == ':' && !literal && !rest:
			end, rest = i, true
		case c == ']' && literal:
			end, rest, literal = i+1, true, false
		case c == '/' || c <= 0x20 || c == 0x7f:
			return "", false
		}
	}
	host = text[:end]
	if last := strings.LastIndexByte(text, '.'); last >= 0 && last == end-1 {
		host = host[:last]
	}
	return lower(host), host != ""
}
