package compose

import (
	"fmt"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v4"
)

// said are ignores, each as "line:column about rule reason".
func said(ignores []Ignore) string {
	var lines []string
	for _, i := range ignores {
		lines = append(lines, fmt.Sprintf("%d:%d %d %s %s", i.Place.Line, i.Place.Column, i.About, i.Rule, i.Reason))
	}
	return strings.Join(lines, "\n")
}

func TestCommentsThatIgnore(t *testing.T) {
	for name, test := range map[string]struct{ text, want string }{
		"behind a directive":      {"a;\nproxy_pass http://a; # why502:ignore r it is so\n", "2:22 2 r it is so"},
		"above it":                {"# why502:ignore r it is so\nb;\n", "1:1 2 r it is so"},
		"above more comments":     {"\t# why502:ignore r so\n  # more\n#why502:ignore s so\n\tb;\n", "1:2 4 r so\n3:1 4 s so"},
		"above a blank line":      {"# why502:ignore r so\n\nb;\n", "1:1 0 r so"},
		"above the end":           {"b;\n# why502:ignore r so", "2:1 0 r so"},
		"several on one line":     {"b; # why502:ignore r so # why502:ignore s other\n", "1:4 1 r so\n1:25 1 s other"},
		"YAML, CRLF":              {"a:\r\n  # why502:ignore r so\r\n  b: c # why502:ignore s other\r\n", "2:3 3 r so\n3:8 3 s other"},
		"right behind":            {"b;# why502:ignore r so\n}#\twhy502:ignore\ts\tso", "1:3 1 r so\n2:2 2 s so"},
		"columns of characters":   {"ä; # why502:ignore r so", "1:4 1 r so"},
		"no reason":               {"b; # why502:ignore r\nc; # why502:ignore", "1:4 1 r \n2:4 2  "},
		"another word":            {"b; # why502:ignored r so\nc; # see why502:ignore r so\n", ""},
		"in a value":              {"b: c#why502:ignore r so\n", ""},
		"a # in the reason":       {"b; # why502:ignore r see #12\n", "1:4 1 r see #12"},
		"a reason without an end": {"b; # why502:ignore r " + strings.Repeat("é", 1000), "1:4 1 r " + strings.Repeat("é", maxReason)},
	} {
		t.Run(name, func(t *testing.T) {
			s := Sources{}
			s.Add("f", []byte(test.text))
			if got := said(s.Ignores()); got != test.want {
				t.Errorf("got\n%s\nwant\n%s", got, test.want)
			}
		})
	}
	s := Sources{}
	s.Add("f", []byte(strings.Repeat(strings.Repeat("# why502:ignore r so ", 100)+"\n", 2000)))
	if n := len(s.Ignores()); n != maxComments {
		t.Errorf("of very many there are %d", n)
	}
}

// The parser and the schema that editors use agree on what a file of ignores is.
func TestFileOfIgnores(t *testing.T) {
	schemas := jsonschema.NewCompiler()
	schemas.AssertFormat()
	schema, err := schemas.Compile("../docs/ignores.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"":                                 "",
		"# nothing yet\n":                  "",
		"ignore:\n":                        "",
		"ignore: []\n":                     "",
		"ignore:\n- rule: r\n  reason: so": "file r  so 0001-01-01 2:3",
		"ignore: [{rule: r, reason: so}, {rule: '*', subject: a*, reason: b, until: 2026-12-31}]": "file r  so 0001-01-01 1:10\nfile * a* b 2026-12-31 1:33",
		"ignored: []":                                          "error 1:1: unknown key \"ignored\"",
		"[]":                                                   "error 1:1: a mapping is expected",
		"ignore: {rule: r, reason: so}":                        "error 1:9: ignore is not a list",
		"ignore: [r]":                                          "error 1:10: a mapping is expected",
		"ignore: [{rule: r}]":                                  "error 1:10: the entry has no reason",
		"ignore:\n- reason: so":                                "error 2:3: the entry has no rule",
		"ignore: [{rule: r, reason: ''}]":                      "error 1:28: reason is empty, or no text",
		"ignore: [{rule: r, reason: }]":                        "error 1:28: reason is empty, or no text",
		"ignore: [{rule: r, reason: [so]}]":                    "error 1:28: reason is empty, or no text",
		"ignore: [{rule: r, reason: so, subject: ''}]":         "error 1:41: subject is empty, or no text",
		"ignore: [{rule: r, reason: so, file: a}]":             "error 1:32: unknown key \"file\"",
		"ignore: [{rule: r, reason: so, until: 1.2.26}]":       "error 1:39: until is \"1.2.26\", but a date is written like 2026-12-31",
		"ignore: [{rule: r, reason: so, until: '2026-02-30'}]": "error 1:39: until is \"2026-02-30\"",
	} {
		t.Run(text, func(t *testing.T) {
			ignores, err := parseIgnores("f", []byte(text))
			var got []string
			for _, i := range ignores {
				got = append(got, fmt.Sprintf("%s %s %s %s %s %d:%d", i.Kind, i.Rule, i.Subject, i.Reason, i.Until.Format("2006-01-02"), i.Place.Line, i.Place.Column))
			}
			if err != nil {
				got = []string{strings.Replace(err.Error(), "f:", "error ", 1)}
			}
			if all := strings.Join(got, "\n"); all != want && (err == nil || !strings.HasPrefix(all, want) || want == "") {
				t.Errorf("got %s\nwant %s", all, want)
			}
			var doc any
			if invalid := yaml.Unmarshal([]byte(text), &doc); invalid != nil {
				t.Fatal(invalid)
			}
			if invalid := schema.Validate(asJSON(doc)); (invalid == nil) != (err == nil) {
				t.Errorf("the schema says %v, the parser %v", invalid, err)
			}
		})
	}
	for text, want := range map[string]string{
		"ignore: [":                          "invalid YAML",
		"ignore: []\n---\nignore: []":        "there is a second document",
		"ignore: []\nignore: []":             "",
		"a: &a [*a]":                         "unknown key",
		"ignore: &a [{rule: *a, reason: b}]": "rule is empty, or no text",
		"ignore: [" + strings.Repeat("{rule: r, reason: so},", maxIgnores+1) + "]": "there are more than 500 entries",
	} {
		if _, err := parseIgnores("f", []byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.50s: %v", text, err)
		}
	}
}

// asJSON is a YAML document with its dates as the text that they are.
func asJSON(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for key, value := range v {
			v[key] = asJSON(value)
		}
	case []any:
		for i, value := range v {
			v[i] = asJSON(value)
		}
	case interface{ Format(string) string }:
		return v.Format("2006-01-02")
	}
	return v
}
