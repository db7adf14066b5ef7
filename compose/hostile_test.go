package compose

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
)

// repeated is a text for each number below n.
func repeated(n int, format string) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(strings.ReplaceAll(format, "%", fmt.Sprint(i)))
	}
	return b.String()
}

// What asks for more than there is memory or time, compose-go is not even asked to read.
func TestLoadIsBounded(t *testing.T) {
	if testing.Short() {
		t.Skip("its inputs are large")
	}
	const web = "services:\n  web:\n    image: x\n"
	fan := compose("include: [f0.yaml]\n")
	for i := range 1500 {
		fan[fmt.Sprintf("f%d.yaml", i)] = fmt.Sprintf("include: [f%d.yaml]\nservices: {}\n", i+1)
	}
	fan["f1500.yaml"] = web
	var chain, laughs strings.Builder
	laughs.WriteString("x-a0: &a0 [x]\n")
	for i := range 500 {
		fmt.Fprintf(&chain, "  s%d: {extends: s%d}\n", i, i+1)
	}
	for i := range 40 {
		fmt.Fprintf(&laughs, "x-a%d: &a%[1]d [%s*a%d]\n", i+1, strings.Repeat(fmt.Sprintf("*a%d,", i), 8), i)
	}
	tests := []struct {
		name  string
		files map[string]string
		env   []string
		want  string // part of the error
	}{
		{"aliases of aliases", compose(laughs.String() + web), nil, "excessive aliasing"},
		{"a merge of itself", compose(web + "    x-a: &a\n      <<: *a\n"), nil, "compose.yaml:5:11: the alias *a stands in what it stands for"},
		{"a list in itself", compose(web + "x-a: &a [{b: *a}]\n"), nil, "compose.yaml:4:14: the alias *a stands in what it stands for"},
		{"wide merges", compose("x-a: &a\n" + repeated(30000, "  k%: x\n") + repeated(20000, "x-b%: {<<: *a}\n") + web), nil, "merge keys (<<) bring more than 1048576"},
		{"deep nesting", compose(web + "x-a: " + strings.Repeat("[", 100_000) + "\n"), nil, "compose.yaml:4:10"},
		{"nesting that the parser still takes", compose(web + "x-a: " + strings.Repeat("[", 9000) + strings.Repeat("]", 9000) + "\n"), nil, "compose.yaml:4:106: more than 100 levels"},
		{"many values", compose(web + "x-a: [" + strings.Repeat("a,", maxNodes) + "]\n"), nil, "more than 100 levels or 1048576 values"},
		{"a long variable, many times", compose(web + "x-a: \"" + strings.Repeat("$A", 100_000) + "\"\n"), []string{"A=" + strings.Repeat("x", 10_000)}, "its variables more than 16 MB"},
		{"a long chain of extends", compose("services:\n" + chain.String() + "  s500: {image: x}\n"), nil, "compose.yaml:102:10: more than 100 services extend one another"},
		{"many includes", fan, nil, "more than 1000 files are included"},
		{"env file of comments", map[string]string{"compose.yaml": web + "    env_file: a.env\n", "a.env": strings.Repeat("#\n", maxEnvFile)}, nil, "a.env: it is larger than 1 MB"},
		{"env file that doubles", map[string]string{"compose.yaml": web + "    env_file: a.env\n", "a.env": "A=xxxxxxxx\n" + strings.Repeat("A=$A$A\n", 64)}, nil, "a.env: it is larger than 1 MB, or becomes so"},
		{".env that doubles", map[string]string{"compose.yaml": web, ".env": "A=xxxxxxxx\n" + strings.Repeat("A=$A$A\n", 64)}, nil, ".env: it is larger than 1 MB, or becomes so"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := loadModel(context.Background(), Options{Directory: project(t, test.files), Env: test.env})
			var e *Error
			if !errors.As(err, &e) || !strings.Contains(err.Error(), test.want) || e.Hint() == "" {
				t.Errorf("got %.300v, want %s and a hint", err, test.want)
			}
		})
	}
}
