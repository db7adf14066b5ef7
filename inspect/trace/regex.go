package trace

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/dlclark/regexp2"
)

// Bounds of what is matched. PCRE has bounds too, of another kind: past them nginx answers 500.
const (
	maxPattern  = 8 << 10 // bytes
	maxSubject  = 64 << 10
	maxGroups   = 200
	matchAtMost = time.Second
)

// regexes are those that were compiled already.
type regexes struct{ compiled map[regexKey]*regex }

type regexKey struct {
	pattern string
	fold    bool
}

// regex is one regular expression of the configuration.
type regex struct {
	re    *regexp2.Regexp
	names map[string]int // groups by name
	why   string         // why it cannot be used; empty: it can
}

// get compiles a regular expression; fold takes capitals and small letters for the same.
func (all *regexes) get(pattern string, fold bool) *regex {
	key := regexKey{pattern, fold}
	if all.compiled[key] == nil {
		all.compiled[key] = compile(pattern, fold)
	}
	return all.compiled[key]
}

func compile(pattern string, fold bool) *regex {
	if len(pattern) > maxPattern {
		return &regex{why: "it is too long to be followed"}
	}
	translated, names, err := translate(pattern)
	if err != nil {
		return &regex{why: err.Error()}
	}
	options := regexp2.RegexOptions(regexp2.RE2) // \d, \w and \s are ASCII, as for PCRE without UTF
	if fold {
		options |= regexp2.IgnoreCase
	}
	re, err := regexp2.Compile(translated, options)
	if err != nil {
		return &regex{why: err.Error()}
	}
	re.MatchTimeout = matchAtMost
	return &regex{re: re, names: names}
}

// match matches a text. The captures are the whole match and the groups; nil: it does not match.
func (r *regex) match(text string) (captures []string, err error) {
	switch {
	case r.why != "":
		return nil, fmt.Errorf("%s", r.why)
	case len(text) > maxSubject:
		return nil, fmt.Errorf("the text is too long to be matched")
	}
	m, err := r.re.FindRunesMatch(runes(text))
	if err != nil {
		return nil, fmt.Errorf("it does not come to an end on %q", short(text))
	}
	if m == nil {
		return nil, nil
	}
	for _, g := range m.Groups() {
		captures = append(captures, bytes(g.Runes()))
	}
	return captures, nil
}

// runes makes a rune of each byte: PCRE in nginx knows no other characters.
func runes(text string) []rune {
	all := make([]rune, len(text))
	for i := range len(text) {
		all[i] = rune(text[i])
	}
	return all
}

// bytes is the reverse of runes.
func bytes(all []rune) string {
	text := make([]byte, len(all))
	for i, r := range all {
		text[i] = byte(r)
	}
	return string(text)
}

func short(text string) string {
	if len(text) > 60 {
		return text[:60] + "…"
	}
	return text
}

// translator writes a regular expression of PCRE in the words of .NET, which regexp2 has. They differ in
// the numbers of named groups, in possessive quantifiers, in "$" and in some escapes.
type translator struct {
	text      string
	at        int
	out       []rune
	atom      int // where the last atom begins in out; -1: there is none to repeat
	open      []int
	groups    int
	names     map[string]int
	multiline bool
}

// translate gives the regular expression and its named groups.
func translate(pattern string) (string, map[string]int, error) {
	t := &translator{text: pattern, atom: -1, names: map[string]int{}}
	for t.at < len(t.text) {
		if err := t.next(); err != nil {
			return "", nil, err
		}
	}
	return string(t.out), t.names, nil
}

func (t *translator) write(text string) { t.out = append(t.out, runes(text)...) }

// begin writes an atom.
func (t *translator) begin(text string, length int) {
	t.atom = len(t.out)
	t.write(text)
	t.at += length
}

func (t *translator) rest() string { return t.text[t.at:] }

// next translates one element.
func (t *translator) next() error {
	switch c := t.text[t.at]; c {
	case '\\':
		return t.escaped()
	case '[':
		return t.class()
	case '(':
		return t.group()
	case ')':
		if len(t.open) == 0 {
			return fmt.Errorf("unmatched parenthesis")
		}
		start := t.open[len(t.open)-1]
		t.open = t.open[:len(t.open)-1]
		t.begin(")", 1)
		t.atom = start
	case '*', '+', '?', '{':
		t.quantifier()
	case '$':
		if t.multiline {
			t.begin("$", 1)
		} else {
			t.begin(`(?=\n?\z)`, 1)
		}
	case '|':
		t.begin("|", 1)
		t.atom = -1
	default:
		t.begin(t.text[t.at:t.at+1], 1)
	}
	return nil
}

// quantifier translates a repetition, and what makes it lazy or possessive.
func (t *translator) quantifier() {
	length := 1
	if t.text[t.at] == '{' {
		if length = repetition(t.rest()); length == 0 {
			t.begin(`\{`, 1)
			return
		}
	}
	quantifier := t.text[t.at : t.at+length]
	t.at += length
	switch {
	case strings.HasPrefix(t.rest(), "+") && t.atom >= 0:
		t.at++
		atom := append([]rune("(?>"), t.out[t.atom:]...)
		t.out = append(t.out[:t.atom], atom...)
		t.write(quantifier + ")")
	case strings.HasPrefix(t.rest(), "?"):
		t.at++
		t.write(quantifier + "?")
	default:
		t.write(quantifier)
	}
}

// repetition is the length of a "{2}", "{2,}" or "{2,3}" that a text begins with; else 0.
func repetition(text string) int {
	inner, _, closed := strings.Cut(text[1:], "}")
	from, to, _ := strings.Cut(inner, ",")
	if !closed || from == "" || strings.Trim(from+to, "0123456789") != "" {
		return 0
	}
	return len(inner) + 2
}

// unsupported are escapes that have no counterpart.
const unsupported = "KGCXpPouUlL"

// escaped translates what a backslash begins.
func (t *translator) escaped() error {
	rest := t.rest()
	if len(rest) < 2 {
		return fmt.Errorf("a backslash at its end")
	}
	switch c := rest[1]; {
	case c == 'Q':
		text, _, _ := strings.Cut(rest[2:], `\E`)
		for i := range len(text) {
			t.atom = len(t.out)
			t.write(regexp2.Escape(text[i : i+1]))
		}
		t.at = min(len(t.text), t.at+2+len(text)+2)
	case c == 'E':
		t.at += 2
	case c == 'k' || c == 'g':
		return t.reference()
	case strings.IndexByte(unsupported, c) >= 0:
		return fmt.Errorf(`\%c is not followed here`, c)
	case inClass(c) != "":
		t.begin("["+inClass(c)+"]", 2)
	case c == 'H' || c == 'V':
		t.begin("[^"+inClass(c|0x20)+"]", 2)
	case c == 'R':
		t.begin(`(?:\r\n|[\n-\r\x85])`, 2)
	case c == 'N':
		t.begin(`[^\n]`, 2)
	case c >= 0x80:
		t.begin(rest[1:2], 2)
	default:
		t.begin(rest[:2], 2)
	}
	return nil
}

// inClass is what the escapes for blanks mean, within brackets; empty for others.
func inClass(c byte) string {
	switch c {
	case 'h':
		return `\t \xa0`
	case 'v':
		return `\n-\r\x85`
	}
	return ""
}

// reference translates a reference to a group by name or number.
func (t *translator) reference() error {
	rest := t.rest()[2:]
	ends := map[byte]string{'<': ">", '{': "}", '\'': "'"}
	name, length := "", 0
	switch end := ""; {
	case rest == "":
	case ends[rest[0]] != "":
		end = ends[rest[0]]
		name, _, _ = strings.Cut(rest[1:], end)
		length = len(name) + 2
	default:
		length = len(rest) - len(strings.TrimLeft(rest, "0123456789"))
		name = rest[:length]
	}
	n, known := t.names[name]
	if number, err := strconv.Atoi(name); err == nil && !known {
		n = number
		if number < 0 {
			n = t.groups + 1 + number
		}
	}
	if n <= 0 || length > len(rest) {
		return fmt.Errorf("a reference to no group")
	}
	t.begin(fmt.Sprintf(`\k<%d>`, n), 2+length)
	return nil
}

// class translates a class in brackets. In .NET a bracket in it may begin another.
func (t *translator) class() error {
	t.atom = len(t.out)
	t.write("[")
	t.at++
	if strings.HasPrefix(t.rest(), "^") {
		t.write("^")
		t.at++
	}
	if strings.HasPrefix(t.rest(), "]") {
		t.write(`\]`)
		t.at++
	}
	for t.at < len(t.text) {
		rest := t.rest()
		switch {
		case rest[0] == ']':
			t.write("]")
			t.at++
			return nil
		case strings.HasPrefix(rest, "[:") && strings.Contains(rest, ":]"):
			name := rest[:strings.Index(rest, ":]")+2]
			t.write(name)
			t.at += len(name)
		case rest[0] == '[':
			t.write(`\[`)
			t.at++
		case rest[0] == '\\' && len(rest) > 1 && inClass(rest[1]) != "":
			t.write(inClass(rest[1]))
			t.at += 2
		case rest[0] == '\\' && len(rest) > 1 && strings.IndexByte("HVRNQEpPX", rest[1]) >= 0:
			return fmt.Errorf(`\%c in a class is not followed here`, rest[1])
		case rest[0] == '\\' && len(rest) > 1:
			t.write(rest[:2])
			t.at += 2
		default:
			t.write(rest[:1])
			t.at++
		}
	}
	return fmt.Errorf("a class that is not closed")
}

// group translates the beginning of a group.
func (t *translator) group() error {
	if len(t.open) == maxGroups || t.groups == maxGroups {
		return fmt.Errorf("it has too many groups to be followed")
	}
	rest := t.rest()
	t.open = append(t.open, len(t.out))
	head, name, ok := groupHead(rest)
	switch {
	case !ok:
		return fmt.Errorf("%q is not followed here", short(rest[:min(len(rest), 6)]))
	case strings.HasPrefix(head, "(?#"):
		t.open = t.open[:len(t.open)-1]
		t.at += len(head)
		return nil
	case strings.HasPrefix(head, "(?P="):
		t.open = t.open[:len(t.open)-1]
		if t.names[name] == 0 {
			return fmt.Errorf("a reference to no group")
		}
		t.begin(fmt.Sprintf(`\k<%d>`, t.names[name]), len(head))
		return nil
	case head == "(" || name != "":
		t.groups++
		if name != "" {
			t.names[name] = t.groups
		}
		t.begin("(", len(head))
	default:
		t.flags(head)
	}
	t.atom = -1
	return nil
}

// flags writes the head of a group that captures nothing.
func (t *translator) flags(head string) {
	on, _, _ := strings.Cut(head, "-")
	if strings.Contains(on, "m") {
		t.multiline = true
	}
	if strings.HasSuffix(head, ")") { // "(?i)": no group
		t.open = t.open[:len(t.open)-1]
	}
	t.write(head)
	t.at += len(head)
}

// groupHead is what a group begins with, up to its contents, and the name of what it captures. A comment
// and a reference are heads as a whole. ok is false for what is not understood.
func groupHead(text string) (head, name string, ok bool) {
	if strings.HasPrefix(text, "(*") {
		return "", "", false
	}
	if !strings.HasPrefix(text, "(?") {
		return "(", "", true
	}
	for _, plain := range []string{"(?:", "(?=", "(?!", "(?<=", "(?<!", "(?>"} {
		if strings.HasPrefix(text, plain) {
			return plain, "", true
		}
	}
	for begin, end := range map[string]string{"(?<": ">", "(?P<": ">", "(?'": "'", "(?P=": ")"} {
		if inner, found := strings.CutPrefix(text, begin); found {
			name, _, closed := strings.Cut(inner, end)
			return begin + name + end, name, closed && isWord(name)
		}
	}
	if strings.HasPrefix(text, "(?#") {
		inner, _, closed := strings.Cut(text, ")")
		return inner + ")", "", closed
	}
	end := strings.IndexAny(text, ":)")
	if end < 0 || strings.Trim(text[2:end], "imsx-") != "" {
		return "", "", false
	}
	return text[:end+1], "", true
}

// isWord says whether a text is a name: letters, digits and underscores, no digit first.
func isWord(text string) bool {
	return text != "" && (text[0] < '0' || text[0] > '9') &&
		strings.Trim(lower(text), "abcdefghijklmnopqrstuvwxyz0123456789_") == ""
}
