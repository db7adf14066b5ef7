package report

import (
	"reflect"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestClean(t *testing.T) {
	for in, want := range map[string]string{
		"":                         "",
		"proxy_pass http://api;":   "proxy_pass http://api;",
		"größe 漢字 ✓":               "größe 漢字 ✓",
		"a\tb":                     "a    b",
		"a\r\nb":                   `a\r\nb`,
		"\x1b[2J\x07":              `\x1b[2J\a`,
		"\u009b31m":                `\u009b31m`,
		"\x7f\x00":                 `\x7f\x00`,
		"a\u202eb\u2066c":          `a\u202eb\u2066c`,
		"zero\u200bwidth\ufeff":    `zero\u200bwidth\ufeff`,
		"no\u00a0break":            `no\u00a0break`,
		"line\u2028separator":      `line\u2028separator`,
		"\xff\xfe":                 `\xff\xfe`,
		"a backslash \\ is \\x1b ": `a backslash \ is \x1b `,
	} {
		got := Clean(in)
		if got != want {
			t.Errorf("Clean(%q) = %q, want %q", in, got, want)
		}
		if again := Clean(got); again != got {
			t.Errorf("cleaned twice, %q becomes %q", got, again)
		}
	}
}

// hostile is text that tries to act on the reader's terminal, to deceive, and to forge a line.
const hostile = "x\x1b]0;title\x07\x1b[31m\u009b1m\u202egnp\u2066\u200b\r\x00\xff\nerror: forged <b>&"

// poison puts hostile text into every text that a value holds.
func poison(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		poison(v.Elem())
	case reflect.Slice:
		for i := range v.Len() {
			poison(v.Index(i))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				poison(v.Field(i))
			}
		}
	case reflect.String:
		if v.Type() == reflect.TypeFor[string]() {
			v.SetString(hostile + v.String())
		}
	}
}

// Whatever the text of a report holds, no format lets it reach a terminal.
func TestHostileText(t *testing.T) {
	r := shop()
	for _, f := range r.Findings { // not the shared one
		rule := *f.Rule
		f.Rule = &rule
	}
	r.Ignored = nil
	poison(reflect.ValueOf(r))
	for _, format := range Formats() {
		for name, opts := range map[string]Options{"plain": {}, "verbose": {Verbose: true}, "quiet": {Quiet: true}} {
			var b strings.Builder
			if err := format.Write(&b, r, opts); err != nil {
				t.Fatal(err)
			}
			t.Run(format.Name+" "+name, func(t *testing.T) { harmless(t, b.String()) })
		}
	}
}

func harmless(t *testing.T, out string) {
	t.Helper()
	if !utf8.ValidString(out) {
		t.Error("not valid UTF-8")
	}
	for line := range strings.Lines(out) {
		if strings.HasPrefix(line, "error: forged") {
			t.Errorf("a forged line: %s", line)
		}
		for _, r := range strings.TrimSuffix(line, "\n") {
			if !unicode.IsPrint(r) {
				t.Fatalf("%U in %q", r, line)
			}
		}
	}
}
