package mend

import (
	"errors"
	"strings"
	"testing"

	"why502/inspect"
)

func edit(line, end int, old, new string) inspect.Edit {
	return inspect.Edit{File: "f", Line: line, LineEnd: end, Old: old, New: new}
}

func TestText(t *testing.T) {
	for name, test := range map[string]struct {
		text  string
		edits []inspect.Edit
		want  string // empty: it is refused
	}{
		"replaced":                {"a\nb\nc\n", []inspect.Edit{edit(2, 2, "b", "x")}, "a\nx\nc\n"},
		"replaced by two":         {"a\nb\nc\n", []inspect.Edit{edit(2, 2, "b", "x\ny")}, "a\nx\ny\nc\n"},
		"two replaced":            {"a\nb\nc\n", []inspect.Edit{edit(1, 2, "a\nb", "x")}, "x\nc\n"},
		"inserted":                {"a\nb\n", []inspect.Edit{edit(2, 2, "", "x")}, "a\nx\nb\n"},
		"inserted behind the end": {"a\n", []inspect.Edit{edit(2, 2, "", "x")}, "a\nx\n"},
		"several, in no order":    {"a\nb\nc\n", []inspect.Edit{edit(3, 3, "c", "z"), edit(1, 1, "", "x")}, "x\na\nb\nz\n"},
		"the last, without end":   {"a\nb", []inspect.Edit{edit(2, 2, "b", "x\ny")}, "a\nx\ny"},
		"before it":               {"a\nb", []inspect.Edit{edit(2, 2, "", "x")}, "a\nx\nb"},
		"CRLF":                    {"a\r\nb\r\n", []inspect.Edit{edit(2, 2, "b", "x\ny")}, "a\r\nx\r\ny\r\n"},
		"CRLF, the last":          {"a\r\nb", []inspect.Edit{edit(2, 2, "b", "x\ny")}, "a\r\nx\r\ny"},
		"mark, inserted":          {"\ufeffa\n", []inspect.Edit{edit(1, 1, "", "x")}, "\ufeffx\na\n"},
		"mark, replaced":          {"\ufeffa\n", []inspect.Edit{edit(1, 1, "a", "x")}, "\ufeffx\n"},
		"mark, taken away":        {"\ufeffa\n", []inspect.Edit{edit(1, 1, "\ufeffa", "a")}, "a\n"},
		"another text":            {"a\nb\n", []inspect.Edit{edit(2, 2, "c", "x")}, ""},
		"no such line":            {"a\n", []inspect.Edit{edit(3, 3, "c", "x")}, ""},
		"line 0":                  {"a\n", []inspect.Edit{edit(0, 0, "", "x")}, ""},
		"an end before the line":  {"a\nb\n", []inspect.Edit{edit(2, 1, "b", "x")}, ""},
		"two of one line":         {"a\nb\n", []inspect.Edit{edit(1, 1, "a", "x"), edit(1, 1, "a", "y")}, ""},
		"two that overlap":        {"a\nb\nc\n", []inspect.Edit{edit(1, 2, "a\nb", "x"), edit(2, 3, "b\nc", "y")}, ""},
		"before one that changes": {"a\nb\n", []inspect.Edit{edit(1, 1, "a", "x"), edit(1, 1, "", "y")}, ""},
	} {
		p, err := New(test.text, test.edits)
		if (err != nil) != (test.want == "") || err == nil && p.Text() != test.want {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
	}
}

func mask(lines []string) []string {
	masked := make([]string, len(lines))
	for i, line := range lines {
		masked[i] = strings.ReplaceAll(line, "secret", "***")
	}
	return masked
}

func TestDiff(t *testing.T) {
	for name, test := range map[string]struct {
		text  string
		edits []inspect.Edit
		want  string
	}{
		"one": {"1\n2\n3\n4\n5\n6\n7\n8\n9\n", []inspect.Edit{edit(5, 5, "5", "x")},
			"@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+x\n 6\n 7\n 8\n"},
		"two hunks": {"1\n2\n3\n4\n5\n6\n7\n8\n9\n", []inspect.Edit{edit(1, 1, "", "x"), edit(9, 9, "9", "y\nz")},
			"@@ -1,3 +1,4 @@\n+x\n 1\n 2\n 3\n@@ -6,4 +7,5 @@\n 6\n 7\n 8\n-9\n+y\n+z\n"},
		"near each other": {"1\n2\n3\n", []inspect.Edit{edit(1, 1, "1", "x"), edit(3, 3, "3", "y")},
			"@@ -1,3 +1,3 @@\n-1\n+x\n 2\n-3\n+y\n"},
		"no end": {"1\n2", []inspect.Edit{edit(2, 2, "2", "x")},
			"@@ -1,2 +1,2 @@\n 1\n-2\n\\ No newline at end of file\n+x\n\\ No newline at end of file\n"},
		"a credential near it": {"1\n2\nsecret\n4\n5\n6\n7\n8\n", []inspect.Edit{edit(5, 5, "5", "x")},
			"@@ -4,3 +4,3 @@\n 4\n-5\n+x\n 6\n"},
		"a credential beside it": {"1\nsecret\n3\n4\n5\n6\n7\n", []inspect.Edit{edit(3, 3, "3", "x")}, ""},
		"a credential between":   {"1\n2\nsecret\n4\n5\n", []inspect.Edit{edit(1, 1, "1", "x"), edit(5, 5, "5", "y")}, ""},
	} {
		p, err := New(test.text, test.edits)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got, err := p.Diff("f", mask)
		if want := "--- f\n+++ f\n" + test.want; test.want != "" && got != want {
			t.Errorf("%s: %v\n%s", name, err, got)
		}
		if test.want == "" && !errors.Is(err, ErrCredential) {
			t.Errorf("%s: %v\n%s", name, err, got)
		}
	}
}

func TestSure(t *testing.T) {
	const shared = "x-base: &base\n  image: nginx\n  command: a\nservices:\n  edge:\n    <<: *base\n    ports:\n      - 80:80\n"
	for name, test := range map[string]struct {
		text string
		line int
		old  string
		new  string
		want string // in why not; empty: it is sure
	}{
		"plain":                       {"a: 1\n", 1, "a: 1", "a: 2", ""},
		"in a shared anchor":          {shared, 3, "  command: a", "  command: b", "anchor &base"},
		"beside it":                   {shared, 8, "      - 80:80", "      - 80:81", ""},
		"in an anchor that is unused": {"a: &a\n  b: 1\n", 2, "  b: 1", "  b: 2", ""},
		"in an anchor's list":         {"a: &a\n- 1\n- 2\nb: *a\n", 3, "- 2", "- 3", "anchor &a"},
		"inserted into an anchor":     {shared, 3, "", "  restart: always", "anchor &base"},
		"an & in a value":             {"a: x &y\nb: *z\n", 1, "a: x &y", "a: w &y", ""},
		"in a default":                {"p: ${P:-80}\n", 1, "p: ${P:-80}", "p: ${P:-81}", "default of a variable"},
		"beside a default":            {"p: ${P:-80}:80\n", 1, "p: ${P:-80}:80", "p: ${P:-80}:81", ""},
		"instead of a default":        {"p: ${P:-80}\n", 1, "p: ${P:-80}", "p: 81", "default of a variable"},
		"a dollar is doubled":         {"p: $host\n", 1, "p: $host", "p: $$host", ""},
		"generated":                   {"# This file is generated by ansible.\na: 1\n", 2, "a: 1", "a: 2", "a program writes it"},
		"about what is generated":     {"# certificates are made by certbot\na: 1\n", 2, "a: 1", "a: 2", ""},
	} {
		err := Sure(test.text, edit(test.line, test.line, test.old, test.new), true)
		if (err != nil) != (test.want != "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
