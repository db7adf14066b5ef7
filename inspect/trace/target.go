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

// normalize decodes a path and resolves its dots and slashes, by the states that nginx has.
func (t *target) normalize(text string, mergeSlashes bool) (wrong string) {
	const (
		usual = iota
		slash
		dot
		dotDot
	)
	t.plus = strings.Contains(before(text, "?#"), "+")
	var out []byte
	state := usual
	// up goes back by one directory; the dots are written already
	up := func() bool {
		at := len(out) - 4
		for ; at >= 0 && out[at] != '/'; at-- {
		}
		if at < 0 {
			return false
		}
		out = out[:at+1]
		return true
	}
	i := 0
	for ; i < len(text); i++ {
		c, literal := text[i], false
		if c == '%' {
			high, ok1 := digit(text, i+1)
			low, ok2 := digit(text, i+2)
			if !ok1 || !ok2 {
				return "an invalid escape in the target"
			}
			t.quoted = true
			i += 2
			c = high<<4 | low
			if c == 0 {
				return "an escaped zero byte in the target"
			}
			literal = c == '%' || c == '#' || c == '?'
			t.plus = t.plus || c == '+'
		}
		if !literal && (c == '?' || c == '#') {
			break
		}
		switch {
		case literal:
			out, state = append(out, c), usual
		case c == '/' && state == slash:
			if !mergeSlashes {
				out = append(out, c)
			}
		case c == '/' && state == dot:
			out, state = out[:len(out)-1], slash
		case c == '/' && state == dotDot:
			if !up() {
				return "the target leads out of the root"
			}
			state = slash
		case c == '/':
			out, state = append(out, c), slash
		case c == '.' && state == slash:
			out, state = append(out, c), dot
		case c == '.' && state == dot:
			out, state = append(out, c), dotDot
		default:
			out, state = append(out, c), usual
		}
	}
	if state == dot {
		out = out[:len(out)-1]
	} else if state == dotDot && !up() {
		return "the target leads out of the root"
	}
	t.uri = string(out)
	if i < len(text) && text[i] == '?' {
		t.args = before(text[i+1:], "#")
	}
	return ""
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
