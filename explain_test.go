package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"why502/inspect/errorlog"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

const (
	logged       = "2026/11/22 12:01:03 [error] 29#30: *7 "
	refusedAt    = logged + `connect() failed (111: Connection refused) while connecting to upstream, client: 10.0.0.9, server: %s, request: "GET %s HTTP/1.1", upstream: "http://172.18.0.3:%d/", host: "shop"`
	visitLine    = `10.0.0.9 - - [22/Nov/2026:12:01:03 +0000] "GET / HTTP/1.1" 502 157 "-" "curl"`
	hostNotFound = `nginx: [emerg] host not found in upstream "apii" in /etc/nginx/conf.d/default.conf:4`
)

// fed runs the program with lines on standard input.
func fed(t *testing.T, stdin string, args ...string) result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code := run(t.Context(), args, nil, strings.NewReader(stdin), &stdout, &stderr)
	return result{code, stdout.String(), stderr.String()}
}

// unwrapped is a text on one line.
func unwrapped(text string) string { return strings.Join(strings.Fields(text), " ") }

// twoSites is a project whose requests to one server are answered, and to the other come to a published port.
func twoSites(t *testing.T) string {
	const conf = `
server {
    server_name shop;
    location / { proxy_pass http://api:8000; }
    location /admin/ { proxy_pass http://api:8081; }
}
server {
    server_name blog;
    location / { proxy_pass http://api:8000; }
}
`
	return project(t, strings.Replace(works, `    expose: ["8000"]`, `    ports: ["8081:8000"]
    expose: ["8000"]`, 1), conf)
}

func TestExplainInProject(t *testing.T) {
	sites, broken := filepath.Join(twoSites(t), "compose.yaml"), filepath.Join(breaking(t), "compose.yaml")
	for name, test := range map[string]struct {
		line  string
		file  string
		wants []string
		not   string
	}{
		"the fault that the line shows": {fmt.Sprintf(refusedAt, "shop", "/admin/x?token=geheim77", 8081), sites,
			[]string{"[upstream-published-port]", "nginx.conf:5:", "route   edge:80 shop/admin/ -> api:8081", "client  gets 502", "GET /admin/x", "hop     port"}, "geheim77"},
		"another route, which has none": {fmt.Sprintf(refusedAt, "blog", "/admin/x", 8000), sites,
			[]string{"route   edge:80 blog/ -> api:8000, at nginx.conf:9:", "[upstream-address-may-go-stale]"}, "upstream-published-port"},
		"of another project": {fmt.Sprintf(refusedAt, "shop", "/admin/x", 9999), sites,
			[]string{"no route of", "leads there", "upstream-port-closed: "}, "route   "},
		"at the start": {hostNotFound, broken,
			[]string{"[upstream-host-unknown]", "which is nginx.conf:4:", "route   edge:80 / -> apii:8000"}, "causes"},
		"nothing that explains it": {logged + `upstream sent too big header while reading response header from upstream, client: 10.0.0.9, server: blog, request: "GET / HTTP/1.1", upstream: "http://172.18.0.3:8000/"`, sites,
			[]string{"nothing in the files of", "edge:80 blog/ -> api:8000", "response-header-too-big: "}, "[upstream"},
		"with what docker compose puts before it": {"edge-1  | 2026-11-22T12:01:03.9Z " + hostNotFound, broken, []string{"[upstream-host-unknown]"}, "causes"},
		"without its beginning":                   {"connect() failed (111: Connection refused) while connecting to upstream", sites, []string{"nothing listens on that port"}, "error: connect"},
		"cut in the request":                      {fmt.Sprintf(refusedAt, "shop", "/admin/x", 8081)[:190], sites, []string{"edge:80 shop/admin/ -> api:8081", "[upstream-published-port]"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := why502(t, nil, "explain", "-f", test.file, test.line)
			if got.code != exitOK || got.stderr != "" {
				t.Errorf("exit %d, %s", got.code, got.stderr)
			}
			for _, want := range test.wants {
				if !strings.Contains(unwrapped(got.stdout), unwrapped(want)) {
					t.Errorf("no %q in:\n%s", want, got.stdout)
				}
			}
			if test.not != "" && strings.Contains(got.stdout, test.not) {
				t.Errorf("there is %q in:\n%s", test.not, got.stdout)
			}
		})
	}
}

// Where there is no project, or none that can be read, the line is explained all the same.
func TestExplainWithoutProject(t *testing.T) {
	t.Chdir(t.TempDir())
	line := fmt.Sprintf(refusedAt, "shop", "/", 8000)
	for _, args := range [][]string{{}, {"-f", "missing.yaml"}, {"--project-directory", project(t, noYAML, "")}} {
		got := why502(t, nil, append([]string{"explain", line}, args...)...)
		if got.code != exitOK || !strings.Contains(got.stdout, "means   nothing listens") || !strings.Contains(got.stdout, "no project was looked at: ") {
			t.Errorf("%q: %+v", args, got)
		}
	}
}

func TestExplainStdin(t *testing.T) {
	t.Chdir(t.TempDir())
	line := fmt.Sprintf(refusedAt, "shop", "/", 8000)
	other := strings.Replace(line, "GET /", "GET /other", 1)
	for name, test := range map[string]struct {
		stdin string
		code  int
		wants []string
	}{
		"equal lines":    {line + "\n" + visitLine + "\n" + other + "\r\n\n" + line, exitOK, []string{"GET /, GET /other", "lines   3", "1 of 4 lines is not of nginx's error log (1 of its access log)"}},
		"in their order": {line + "\n" + hostNotFound + "\nnginx: configuration file /etc/nginx/nginx.conf test failed\n", exitOK, []string{"connect() failed", "host not found", "nginx -t refuses"}},
		"what is no fault, briefly": {"2026/11/22 12:01:03 [notice] 1#1: start worker process 7\n2026/11/22 12:01:03 [notice] 1#1: start worker process 8\n" + line, exitOK,
			[]string{"notice: 2 × start worker process 7: nginx started a worker", "error: connect() failed"}},
		"levels of other programs": {line + "\n[info] Server started\napi-1  | [error] cannot open x", exitOK, []string{"2 of 3 lines are not of nginx's error log"}},
		"with one unknown":         {line + "\n" + logged + "a message of another module (7: x)\n", exitFound, []string{"no nginx message that is known here; its level is error, and the number of the error is 7"}},
		"no line of nginx":         {visitLine + "\nListening on 0.0.0.0:8000\n", exitFound, []string{"2 of 2 lines are not of nginx's error log (1 of its access log), and passed over"}},
		"too many messages":        {manyMessages(), exitFound, []string{"lines more with other messages left out"}},
		"a very long line":         {line + strings.Repeat("x", 1<<20) + "\n" + hostNotFound, exitOK, []string{"connect() failed", "host not found"}},
	} {
		for _, args := range [][]string{{"explain"}, {"explain", "-"}} {
			got := fed(t, test.stdin, args...)
			rest := got.stdout
			for _, want := range test.wants {
				_, after, ok := strings.Cut(unwrapped(rest), unwrapped(want))
				if !ok || got.code != test.code || got.stderr != "" {
					t.Errorf("%s: exit %d, %s; no %q in:\n%.2000s", name, got.code, got.stderr, want, got.stdout)
				}
				rest = after
			}
		}
	}
}

func manyMessages() string {
	var b strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&b, "%sservice%d could not be resolved (3: Host not found), client: 10.0.0.9, server: shop, request: \"GET / HTTP/1.1\"\n", logged, i)
	}
	return b.String()
}

// Someone who follows a log and interrupts that is not kept waiting for its end.
func TestExplainInterrupted(t *testing.T) {
	pipe, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var stdout, stderr bytes.Buffer
	if code := run(ctx, []string{"explain"}, nil, pipe, &stdout, &stderr); code != exitError || stderr.String() != "why502: error: interrupted\n" {
		t.Errorf("%d, %s%s", code, &stdout, &stderr)
	}
}

// A long log takes no more memory than a short one.
func TestExplainLongLog(t *testing.T) {
	t.Chdir(t.TempDir())
	pipe, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		defer in.Close()
		for i := range 100_000 {
			fmt.Fprintf(in, refusedAt+"\n", "shop", fmt.Sprintf("/%d/%s", i, strings.Repeat("x", 200)), 8000)
		}
	}()
	var stdout, stderr bytes.Buffer
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	code := run(t.Context(), []string{"explain"}, nil, pipe, &stdout, &stderr)
	runtime.GC()
	runtime.ReadMemStats(&after)
	if code != exitOK || !strings.Contains(stdout.String(), "lines   100000") || stdout.Len() > 10_000 {
		t.Errorf("%d, %s%s", code, &stdout, &stderr)
	}
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 16<<20 {
		t.Errorf("%d bytes are kept", grown)
	}
}

func TestExplainWrongUse(t *testing.T) {
	t.Chdir(t.TempDir())
	line := fmt.Sprintf(refusedAt, "shop", "/", 8000)
	for name, test := range map[string]struct {
		args  []string
		error string
		hint  string
	}{
		"nothing":          {nil, "explain needs the name of a rule, or a line of nginx's log", "why502 rules"},
		"nothing, as -":    {[]string{"-"}, "explain needs the name of a rule", ""},
		"without quotes":   {strings.Fields(line), "explain does not go with", "in quotes"},
		"another format":   {[]string{line, "--format", "sarif"}, `explain prints text or json, to standard output, and not "sarif"`, ""},
		"a file":           {[]string{line, "--format", "json=x"}, "explain prints text or json, to standard output", "> FILE"},
		"output":           {[]string{line, "-o", "x"}, "explain does not go with --output", "files alone"},
		"live":             {[]string{line, "--live", "off"}, "explain does not go with --live", ""},
		"color":            {[]string{line, "--color", "x"}, `--color is "x"`, ""},
		"both from stdin":  {[]string{"-f", "-"}, "both come from standard input", ""},
		"a rule, with -f":  {[]string{"upstream-paused", "-f", "x"}, `explain does not go with "--file"`, ""},
		"nearly a rule":    {[]string{"upstream-pausd"}, `unknown rule "upstream-pausd"`, "did you mean upstream-paused?"},
		"a rule and a dir": {[]string{"upstream-paused", "x"}, `explain does not go with "x"`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			refused(t, why502(t, nil, append([]string{"explain"}, test.args...)...), test.error, test.hint)
		})
	}
}

// What --format json prints is what its schema says, whatever the lines are.
func TestExplainJSON(t *testing.T) {
	schema, err := jsonschema.NewCompiler().Compile("docs/messages.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(twoSites(t), "compose.yaml")
	for _, test := range []struct{ file, stdin string }{
		{file, fmt.Sprintf(refusedAt, "shop", "/admin/x", 8081) + "\n" + visitLine + "\n" + hostNotFound},
		{"missing.yaml", logged + "a\x1b[31m message\u202e\xff of another module"},
		{file, visitLine},
	} {
		got := fed(t, test.stdin, "explain", "--format", "json", "-f", test.file)
		doc, err := jsonschema.UnmarshalJSON(strings.NewReader(got.stdout))
		if err != nil {
			t.Fatalf("%v in %+v", err, got)
		}
		if err := schema.Validate(doc); err != nil {
			t.Errorf("%v in %s", err, got.stdout)
		}
		if i := acts(got.stdout); i >= 0 {
			t.Errorf("%.80q", got.stdout[max(0, i-40):])
		}
	}
	var doc struct {
		Messages []struct {
			Kind     string
			Findings []finding
			Routes   []route
		}
	}
	got := why502(t, nil, "explain", "--format", "json", "-f", file, fmt.Sprintf(refusedAt, "shop", "/admin/x", 8081))
	if err := json.Unmarshal([]byte(got.stdout), &doc); err != nil {
		t.Fatal(err)
	}
	if m := doc.Messages[0]; m.Kind != string(errorlog.Refused) || len(m.Routes) != 1 || len(m.Findings) == 0 || m.Findings[0].Rule != "upstream-published-port" {
		t.Errorf("%+v", m)
	}
}

// FuzzExplain looks for panics, for what acts on a terminal, and for output that grows with the input.
func FuzzExplain(f *testing.F) {
	f.Add(fmt.Sprintf(refusedAt, "shop", "/admin/x", 8081))
	f.Add("edge-1  | " + hostNotFound + "\n" + visitLine + "\n" + manyMessages()[:2000])
	f.Add(logged + "a\x1b[31m message\u202e\xff of another module")
	f.Add("2026/11/22 12:01:03 [error] 29#29: send() failed (111: x) while resolving, resolver: 127.0.0.11:53")
	f.Add("/docker-entrypoint.sh: Launching x\n20-x.sh: ERROR: a exists, but b is not writable")
	dir := f.TempDir()
	for name, text := range map[string]string{"compose.yaml": works, "nginx.conf": nginxConf} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			f.Fatal(err)
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, format := range []string{"text", "json"} {
			args := []string{"explain", "--format", format, "-f", filepath.Join(dir, "compose.yaml")}
			got := fed(t, text, args...)
			quiet(t, format, got.stdout+got.stderr)
			if len(got.stdout) > 1<<20 {
				t.Errorf("%d bytes of %d", len(got.stdout), len(text))
			}
			if one := why502(t, nil, append(args, "[error] "+text)...); one.code == exitError && !strings.Contains(text, "\x00") {
				t.Errorf("%+v", one)
			}
		}
	})
}
