package live

import (
	"encoding/binary"
	"reflect"
	"strings"
	"testing"
)

// frame puts a header before a part of a log.
func frame(stream byte, text string) string {
	header := []byte{stream, 0, 0, 0, 0, 0, 0, 0}
	binary.BigEndian.PutUint32(header[4:], uint32(len(text)))
	return string(header) + text
}

func TestLines(t *testing.T) {
	for name, test := range map[string]struct {
		raw  string
		want []string
	}{
		"nothing":           {"", []string{}},
		"two streams":       {frame(1, "out\n") + frame(2, "err\n"), []string{"out", "err"}},
		"several in one":    {frame(1, "a\nb\n\nc\n"), []string{"a", "b", "", "c"}},
		"in pieces":         {frame(1, "be") + frame(2, "other\n") + frame(1, "gun\n"), []string{"other", "begun"}},
		"never ended":       {frame(2, "last") + frame(1, "words"), []string{"words", "last"}},
		"terminal":          {"$ ls\r\n\x1b[1;32mfile\x1b[0m\r\n", []string{"$ ls", "file"}},
		"short terminal":    {"\x01", []string{"�"}},
		"cut in the header": {frame(1, "a\n") + "\x01\x00\x00", []string{"a"}},
		"cut in the text":   {frame(1, "a\n") + frame(1, "bcd\n")[:10], []string{"a", "bc"}},
		"lying header":      {"\x01\x00\x00\x00\xff\xff\xff\xffa\nb", []string{"a", "b"}},
		"too long":          {frame(1, strings.Repeat("x", lineBytes+1)+"\n"), []string{strings.Repeat("x", lineBytes) + "…"}},
	} {
		if got := lines([]byte(test.raw)); !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s: got %q, want %q", name, got, test.want)
		}
	}
}

func TestClean(t *testing.T) {
	for text, want := range map[string]string{
		"plain\ttext, ü and 世":            "plain\ttext, ü and 世",
		"\x1b[31mred\x1b[0m":              "red",
		"\x1b[2J\x1b[Hgone":               "gone",
		"\x1b]0;title\x07shown":           "shown",
		"\x1b]8;;http://x\x1b\\link":      "link",
		"\x1b]0;never ended":              "0;never ended",
		"\x1bPdevice\x1b\\rest":           "rest",
		"\x1b(B\x1b7\x1b=x":               "x",
		"lone\x1b":                        "lone�",
		"\x9b31m, a C1 control":           "�31m, a C1 control",
		"\u009b31m":                       "�31m",
		"over\rwritten\b\a\x00":           "over�written���",
		"\u202egnp.exe, right to left":    "�gnp.exe, right to left",
		"two\u2028lines":                  "two�lines",
		"not \xff UTF-8":                  "not � UTF-8",
		"\x1b\x1b[31m[31mnested escapes!": "�[31mnested escapes!",
	} {
		if got := clean(text); got != want {
			t.Errorf("clean(%q) is %q, want %q", text, got, want)
		}
	}
}

func FuzzLines(f *testing.F) {
	f.Add([]byte(frame(1, "a\nb")))
	f.Add([]byte("\x1b[31mterminal\r\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		for _, line := range lines(raw) {
			if strings.ContainsAny(line, "\n\r\x00\x1b\u009b") {
				t.Errorf("%q came through", line)
			}
		}
	})
}
