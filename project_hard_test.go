//go:build unix

package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Nothing that a project's files say of the project makes the program hang, crash, show what they should not, or
// write to the terminal what acts there.
func TestHardProject(t *testing.T) {
	if testing.Short() {
		t.Skip("its inputs are large")
	}
	const edge = "services:\n  edge:\n    image: nginx:1.27\n    ports: ['8080:80']\n    volumes: ['./nginx.conf:/etc/nginx/conf.d/default.conf']\n"
	const api = "  api: {image: example/api, expose: ['8000']}\n"
	const out = "<-> ../../../../../../../../etc/passwd>"
	in := func(more string) map[string]string { return one("compose.yaml", edge+more+api) }
	with := func(more, name, text string) map[string]string { return with(in(more), name, text) }
	const config = "services:\n  edge:\n    image: nginx:1.27\n    ports: ['8080:80']\n    configs: [{source: c, target: /etc/nginx/conf.d/default.conf}]\n" + api + "configs: {c: {file: a}}\n"
	for name, test := range map[string]struct {
		files map[string]string
		code  int
		want  string // in the output
		args  []string
	}{
		"a project that works":       {in(""), exitOK, `"routes": 1`, nil},
		"a billion laughs":           {one("compose.yaml", laughs()+edge+api), exitError, "excessive aliasing", nil},
		"10,000 deep":                {in("    x-a: " + strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000) + "\n"), exitError, "compose.yaml:6:", nil},
		"2,000 deep in blocks":       {one("compose.yaml", edge+api+nested(2000)), exitError, "compose.yaml:", nil},
		"includes in a circle":       {map[string]string{"compose.yaml": "include: [a.yaml]\n" + edge + api, "a.yaml": "include: [compose.yaml]\nservices: {}\n"}, exitError, "a.yaml:1:11: compose.yaml includes itself", nil},
		"a file includes itself":     {one("compose.yaml", "include: [compose.yaml]\n"+edge+api), exitError, "compose.yaml:1:", nil},
		"includes double":            {doubling(edge + api), exitError, "included", nil},
		"extends in a circle":        {in("    extends: api2\n  api2: {extends: edge}\n"), exitError, "compose.yaml:", nil},
		"extends between files":      {with("    extends: {file: a.yaml, service: a}\n", "a.yaml", "services: {a: {extends: {file: compose.yaml, service: edge}}}\n"), exitError, "compose.yaml:", nil},
		"merges in a circle":         {in("    x-a: &a\n      <<: *a\n"), exitError, "compose.yaml:7:11: the alias *a", nil},
		"10,000 services":            {in(fill(10_000, "  s#: {image: x, depends_on: [api]}\n")), exitOK, `"routes": 1`, nil},
		"100 MB":                     {one("compose.yaml", edge+api+strings.Repeat("# comment\n", 10<<20)), exitError, "larger than 4 MB", nil},
		"a pipe":                     {one("compose.yaml", "<pipe>"), exitError, "not a regular file", nil},
		"a directory":                {one("compose.yaml", "<directory>"), exitError, "is a directory", nil},
		"a device":                   {one("compose.yaml", "<-> /dev/zero>"), exitError, "not a regular file", nil},
		"a link out":                 {one("compose.yaml", out), exitError, "compose.yaml", nil},
		"a link to itself":           {one("compose.yaml", "<-> compose.yaml>"), exitError, "", nil},
		"no UTF-8":                   {in("    x-a: \"\xff\xfe\"\n"), exitError, "compose.yaml", nil},
		"UTF-16":                     {one("compose.yaml", "\xff\xfes\x00e\x00r\x00v\x00"), exitError, "compose.yaml", nil},
		"a zero":                     {in("    x-a: \"a\x00b\"\n"), exitError, "compose.yaml", nil},
		"escapes":                    {in("    x-a: \"\x1b[2J\"\n"), exitError, "compose.yaml", nil},
		"only zeros":                 {one("compose.yaml", strings.Repeat("\x00", 1<<20)), exitError, "compose.yaml", nil},
		"an override that is a pipe": {with("", "compose.override.yaml", "<pipe>"), exitError, "not a regular file", nil},
		".env is a pipe":             {with("", ".env", "<pipe>"), exitOK, `"routes": 1`, nil},
		".env is a device":           {with("", ".env", "<-> /dev/zero>"), exitOK, `"routes": 1`, nil},
		".env of 100 MB":             {with("", ".env", strings.Repeat("A=b\n", 25<<20)), exitError, "larger than", nil},
		".env is a link out":         {with("    x-a: $root\n", ".env", out), exitOK, `"routes": 1`, nil},
		"--env-file of 100 MB":       {with("", "big.env", strings.Repeat("A=b\n", 25<<20)), exitError, "larger than", []string{"--env-file", "big.env"}},
		"env_file is a pipe":         {with("    env_file: a.env\n", "a.env", "<pipe>"), exitError, "compose.yaml:6:5: cannot read the env file a.env: it is not a regular file", nil},
		"env_file of a profile":      {with("  off: {image: x, profiles: [a], env_file: a.env}\n", "a.env", "<pipe>"), exitOK, `"routes": 1`, nil},
		"env_file of 100 MB":         {with("    env_file: a.env\n", "a.env", strings.Repeat("A=b\n", 25<<20)), exitError, "larger than", nil},
		"env_file is a link out":     {with("    env_file: a.env\n", "a.env", out), exitOK, `"routes": 1`, nil},
		"label_file is a pipe":       {with("    label_file: a\n", "a", "<pipe>"), exitOK, `"routes": 1`, nil},
		"a config is a pipe":         {map[string]string{"compose.yaml": config, "a": "<pipe>"}, exitError, "not a regular file", nil},
		"a baseline is a pipe":       {with("", "b", "<pipe>"), exitError, "--baseline", []string{"--baseline", "b"}},
		".why502.yaml, a pipe":       {with("", ".why502.yaml", "<pipe>"), exitError, ".why502.yaml", nil},
		".why502.yaml, a device":     {with("", ".why502.yaml", "<-> /dev/zero>"), exitError, ".why502.yaml", nil},
		".why502.yaml, 100 MB":       {with("", ".why502.yaml", strings.Repeat("# comment\n", 10<<20)), exitError, ".why502.yaml", nil},
		".why502.yaml, laughs":       {with("", ".why502.yaml", laughs()), exitError, ".why502.yaml", nil},
		".why502.yaml, deep":         {with("", ".why502.yaml", "ignore: "+strings.Repeat("[", 10_000)), exitError, ".why502.yaml:", nil},
		".why502.yaml, a link out":   {with("", ".why502.yaml", out), exitError, ".why502.yaml", nil},
		".why502.yaml, what acts":    {with("", ".why502.yaml", "ignore:\n  - rule: \"*\"\n    subject: \"\\e[2J\\u202e\"\n    reason: \"\\e]0;x\\a\\u202e\\n::error::x\"\n"), exitOK, "", nil},
		"texts that act":             {acting(), exitFound, "", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "a\n\x1b[2J::error::\u202e`<b>")
			if err := os.Mkdir(dir, 0o755); err != nil {
				t.Skip(err)
			}
			files := maps.Clone(test.files)
			if files["nginx.conf"] == "" {
				files["nginx.conf"] = nginxConf
			}
			lay(t, dir, files)
			var args []string
			for _, arg := range test.args {
				if files[arg] != "" {
					arg = filepath.Join(dir, arg)
				}
				args = append(args, arg)
			}
			got := everywhere(t, nil, append(args, "--live=off", dir)...)
			said := strings.Join(strings.Fields(got.stdout+got.stderr), " ")
			if got.code != test.code || !strings.Contains(said, test.want) {
				t.Errorf("exit %d, want %d and %q in %.600s", got.code, test.code, test.want, said)
			}
			if strings.Contains(said, "root:x") {
				t.Errorf("a leak: %.2000s", said)
			}
			if got.code == exitError && (strings.Count(got.stderr, "\n") != 2 || !strings.Contains(got.stderr, "\nwhy502: hint: ")) {
				t.Errorf("not an error and a hint: %q", got.stderr)
			}
		})
	}
}

// A record is read without waiting for who writes it.
func TestRecordIsAPipe(t *testing.T) {
	dir := t.TempDir()
	lay(t, dir, one("pipe", "<pipe>"))
	refused(t, inTime(t, nil, "--replay", filepath.Join(dir, "pipe")), "cannot replay", "--record FILE")
}

// laughs are lists of lists that come to 9 to the power of 40 values.
func laughs() string {
	var b strings.Builder
	b.WriteString("x-a0: &a0 [x]\n")
	for i := range 40 {
		fmt.Fprintf(&b, "x-a%d: &a%[1]d [%s]\n", i+1, strings.Repeat(fmt.Sprintf("*a%d,", i), 9))
	}
	return b.String()
}

// nested is a mapping in a mapping, and so on.
func nested(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString("x-" + strings.Repeat(" ", i) + "a:\n")
	}
	return strings.ReplaceAll(b.String(), "x- ", "   ")
}

// doubling are files of which each includes the next one twice.
func doubling(services string) map[string]string {
	files := many(40, "f#.yaml", "include: [f@.yaml, {path: f@.yaml, project_directory: .}]\nservices: {}\n")
	files["f40.yaml"], files["compose.yaml"] = "services: {}\n", "include: [f0.yaml]\n"+services
	return files
}

// acting is a project of which every text that may be any acts.
func acting() map[string]string {
	const act = `\e]0;x\a\u202e\n::error::x\n##[error]x\n| [x](http://x) \x60<script>alert(1)</script>`
	return map[string]string{
		"compose.yaml": "name: shop\nservices:\n  edge:\n    image: \"nginx:1.27\"\n    container_name: \"--help\"\n    command: [\"nginx\", \"" + act + "\"]\n    ports: ['8080:80']\n" +
			"    labels: {\"" + act + "\": \"" + act + "\"}\n    environment: {\"" + act + "\": \"" + act + "\"}\n    hostname: \"" + act + "\"\n" +
			"    volumes: [\"./nginx.conf:/etc/nginx/conf.d/default.conf\"]\n  api: {image: \"" + act + "\", user: \"" + act + "\", expose: ['8000']}\n  --help: {image: x}\n",
		"nginx.conf": "server { server_name \"" + poison + "\"; location \"/" + poison + "\" { proxy_pass \"http://apii" + poison + "\"; } location / { proxy_pass http://apii; } }",
	}
}
