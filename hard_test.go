//go:build unix

package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// Mounts and builds of the proxy in these tests.
const (
	whole = "./nginx.conf:/etc/nginx/nginx.conf"
	site  = "./nginx.conf:/etc/nginx/conf.d/default.conf"
	sites = "./conf.d:/etc/nginx/conf.d"
	tmpl  = "./templates:/etc/nginx/templates"
	build = "build"
	page  = "templates/default.conf.template"
	copyd = "FROM nginx\nCOPY nginx.conf /etc/nginx/conf.d/default.conf\n"
)

// hard is a project that is hard on the program: its files, by name, and what becomes of it.
type hard struct {
	mount string            // a volume of the proxy; build: it is built
	files map[string]string // "pipe", "directory" and "-> target" in angle brackets are what they say
	code  int
	want  string // in the output
}

// fill gives n texts, one behind the other; # is the number of each.
func fill(n int, format string) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(strings.ReplaceAll(format, "#", strconv.Itoa(i)))
	}
	return b.String()
}

// many gives n files; @ is the number of the next.
func many(n int, name, format string) map[string]string {
	files := map[string]string{}
	for i := range n {
		number := strings.NewReplacer("#", fmt.Sprint(i), "@", fmt.Sprint(i+1))
		files[number.Replace(name)] = number.Replace(format)
	}
	return files
}

// with adds a file to others.
func with(files map[string]string, name, text string) map[string]string {
	files = maps.Clone(files)
	files[name] = text
	return files
}

func one(name, text string) map[string]string { return map[string]string{name: text} }

// Nothing that stands in a project makes the program hang, crash, or write to the terminal what acts there.
func TestHard(t *testing.T) {
	if testing.Short() {
		t.Skip("its inputs are large")
	}
	const server = "server { listen 80; location / { proxy_pass http://api:8000; } }\n"
	const secret = "server { location / { proxy_pass http://secret; } }"
	escape := "\x1b]0;x\a\u202e\r\n"
	for name, test := range map[string]hard{
		"includes in a circle":      {sites, map[string]string{"conf.d/a.conf": "include conf.d/b.conf;", "conf.d/b.conf": "include conf.d/a.conf;"}, exitFound, "conf.d/b.conf:1:1"},
		"a file includes itself":    {site, one("nginx.conf", server+"include conf.d/*.conf;"), exitFound, "nginx.conf:2:1"},
		"all files include all":     {sites, many(30, "conf.d/#.conf", "include conf.d/*.conf;"), exitFound, "Too many open files"},
		"10,000 files":              {sites, many(10_000, "conf.d/#.conf", "server { location / { proxy_pass http://api:8000; } }"), exitOK, "all 10000 routes"},
		"10,000 includes deep":      {sites, with(many(10_000, "conf.d/#.inc", "include conf.d/@.inc;"), "conf.d/a.conf", "include conf.d/0.inc;"), exitError, "included more than 200 deep"},
		"10,000 includes":           {sites, map[string]string{"conf.d/a.conf": "server {\n" + fill(10_000, "include conf.d/#.inc;\n") + "include conf.d/a.inc;\n}", "conf.d/a.inc": "location / { proxy_pass http://apii:8000; }"}, exitFound, "conf.d/a.conf:2:1"},
		"10,000 of one file":        {sites, map[string]string{"conf.d/a.conf": "server { proxy_pass_request_body on;\n" + fill(10_000, "location /# { include conf.d/a.inc; }\n") + "}", "conf.d/a.inc": "proxy_pass http://apii:8000;"}, exitFound, "all 10000 routes"},
		"50 MB":                     {site, one("nginx.conf", strings.Repeat("# comment\n", 5<<20)), exitError, "larger than 8 MB"},
		"a directory for a file":    {whole, one("nginx.conf", "<directory>"), exitFound, "that is a"},
		"a directory in a pattern":  {sites, map[string]string{"conf.d/a.conf": server, "conf.d/b.conf": "<directory>"}, exitFound, "(21: Is a directory)"},
		"a pipe":                    {whole, one("nginx.conf", "<pipe>"), exitError, "not a regular file"},
		"a pipe in a pattern":       {sites, map[string]string{"conf.d/a.conf": server, "conf.d/b.conf": "<pipe>"}, exitOK, "not a regular file"},
		"a device without end":      {"/dev/zero:/etc/nginx/nginx.conf", nil, exitError, "not a regular file"},
		"a device that is full":     {"/dev/full:/etc/nginx/conf.d/default.conf", nil, exitError, "not a regular file"},
		"a link out of the project": {sites, map[string]string{"conf.d/a.conf": "<-> ../../../../../../../../etc/passwd>"}, exitFound, "a.conf"},
		"a link out of the mount":   {sites, map[string]string{"conf.d/a.conf": "<-> ../secret>", "secret": secret}, exitFound, "it is a link to ../secret"},
		"an absolute link":          {sites, map[string]string{"conf.d/a.conf": "<-> /etc/nginx/conf.d/b>", "conf.d/b": server}, exitOK, "conf.d/b:1:45"},
		"a link in the mount":       {sites, map[string]string{"conf.d/a.conf": "<-> sub/../b>", "conf.d/sub": "<directory>", "conf.d/b": server}, exitOK, "conf.d/b:1:45"},
		"links in a circle":         {sites, map[string]string{"conf.d/a.conf": "<-> b.conf>", "conf.d/b.conf": "<-> a.conf>"}, exitError, "too many levels"},
		"a directory out of it all": {sites, map[string]string{"conf.d/a.conf": server + "include conf.d/up/other/*.conf;", "conf.d/up": "<-> ..>", "other/x.conf": secret}, exitOK, "api"},

		"no Dockerfile":             {build, nil, exitError, "Dockerfile cannot be read: no such file"},
		"a Dockerfile of nonsense":  {build, one("Dockerfile", "FROM nginx\nFOO"), exitError, "Dockerfile cannot be parsed"},
		"a Dockerfile is a pipe":    {build, one("Dockerfile", "<pipe>"), exitError, "not a regular file"},
		"a Dockerfile is a folder":  {build, one("Dockerfile", "<directory>"), exitError, "it is a directory"},
		"a Dockerfile of 50 MB":     {build, one("Dockerfile", copyd+strings.Repeat("# comment\n", 5<<20)), exitError, "larger than 8 MB"},
		"a Dockerfile without text": {build, map[string]string{"Dockerfile": copyd + "RUN \xff\x00\x1b[2J\nCOPY \xfe\x00 /x\n", "nginx.conf": server}, exitOK, "api"},
		"links around the context":  {build, map[string]string{"Dockerfile": copyd + "COPY up/up/*/up/* /etc/nginx/conf.d/\n", "up": "<-> .>", "nginx.conf": server}, exitOK, "api"},
		"a copied link out":         {build, map[string]string{"Dockerfile": copyd, "nginx.conf": "<-> /etc/passwd>"}, exitError, "nginx.conf, which Dockerfile:2 copies, is not there"},
		"a copied pipe":             {build, map[string]string{"Dockerfile": copyd, "nginx.conf": "<pipe>"}, exitError, "nginx.conf"},
		"a .dockerignore of 10 MB":  {build, map[string]string{"Dockerfile": copyd, ".dockerignore": strings.Repeat("x\n", 5<<20)}, exitError, ".dockerignore cannot be read: it is larger"},
		"a million patterns":        {build, map[string]string{"Dockerfile": copyd, ".dockerignore": strings.Repeat("*.x\n", 1e6)}, exitError, "more than 1000 patterns"},
		"a pattern without end":     {build, map[string]string{"Dockerfile": copyd, ".dockerignore": strings.Repeat("**/", 10_000)}, exitError, "more than 4096 bytes"},
		"a pattern that is none":    {build, map[string]string{"Dockerfile": copyd, ".dockerignore": "[\xff"}, exitError, ".dockerignore cannot be read"},
		"ignored without text":      {build, map[string]string{"Dockerfile": copyd, ".dockerignore": "\xff*\x00\n", "nginx.conf": server}, exitOK, "api"},

		"a template of 10 MB":       {tmpl, one(page, strings.Repeat("# $A\n", 2<<20)), exitError, "larger than 8 MB"},
		"a template that is a pipe": {tmpl, one(page, "<pipe>"), exitError, "not a regular file"},
		"a template, a link out":    {tmpl, one(page, "<-> ../../../../../../../../etc/passwd>"), exitError, ""},
		"a device for templates":    {"/dev/zero:/etc/nginx/templates/default.conf.template", nil, exitError, "not a regular file"},
		"a directory of templates":  {tmpl, map[string]string{page: "<directory>", "templates/a.conf.template": server}, exitOK, "api"},
		"100,000 variables":         {tmpl, one(page, "server { location / { proxy_pass http://$API; }\n"+fill(100_000, "add_header x# ${V#};\n")+"}"), exitFound, "default.conf.template:2:15"},
		"a template that grows":     {tmpl, one(page, strings.Repeat("$LONG", 100_000)), exitError, "larger than 8 MB"},
		"many that grow":            {tmpl, many(40, "templates/#.conf.template", strings.Repeat("add_header x $LONG;\n", 10_000)), exitError, "larger than 16 MB"},
		"a template without text":   {tmpl, one(page, server+"# \xff$API\x00${\xfe}\n"), exitOK, "api"},
		"a value without text":      {tmpl, map[string]string{page: server + "# $BAD\n", ".env": "BAD=\xff\x1b[2J\n"}, exitOK, "api"},
		"a name without text":       {tmpl, map[string]string{page: server, ".env": "A\xff=x\n"}, exitError, ".env:1"},
		"a credential in a name":    {tmpl, one(page, "server { server_name $API_TOKEN; location /$API_TOKEN { proxy_pass http://a$API_TOKEN; } foo $API_TOKEN; }"), exitFound, "***"},
		"a configuration, no text":  {site, one("nginx.conf", "server { location /\xff { proxy_pass http://a\xffpi:8000; } }"), exitFound, "nginx.conf:1:"},
		"bytes of 0":                {site, one("nginx.conf", "server { listen 80;\x00 location / { proxy_pass http://api:8000; } }"), exitFound, `unknown directive "\x00"`},
		"a line of 10 MB":           {site, one("nginx.conf", "server { "+strings.Repeat("proxy_read_timeout 5; ", 500_000)+"}"), exitError, "larger than 8 MB"},
		"a line of 5 MB":            {site, one("nginx.conf", "server { "+fill(100_000, "location /# { proxy_pass http://apii:8000; } ")+"}"), exitOK, "there are more than"},
		"a word of 5 MB":            {site, one("nginx.conf", server+strings.Repeat("x", 5<<20)), exitError, "a word of more than"},
		"100,000 braces":            {site, one("nginx.conf", strings.Repeat("{", 100_000)), exitError, "nested more than 200 deep"},
		"100,000 blocks":            {site, one("nginx.conf", "server {"+strings.Repeat("location / {", 100_000)), exitError, "nested more than 200 deep"},
		"an if about nothing":       {site, one("nginx.conf", "server { location / { if () { } if { } if ( ) { } } }"), exitFound, "nginx.conf:1:"},
		"no regular expressions":    {site, one("nginx.conf", "map $uri $m { ~( a; \"~(?<x\" b; }\nserver { server_name ~^( ~[z-a]; location ~ ((( { proxy_pass http://apii:8000; } location ~ \"a{9,1}\" { } }"), exitFound, "apii"},
		"slow ones":                 {site, one("nginx.conf", "map $uri $m { \"~^"+strings.Repeat("(a+)+", 500)+"$\" b; \"~((a{1,1000}){1,1000}){1,1000}\" c; }\nserver { location ~ \""+strings.Repeat("(x*)*", 500)+"\" { proxy_pass http://$m; } }"), exitFound, "resolver"},
		"ports that are none":       {site, one("nginx.conf", "server { listen 0; }\nserver { listen 99999; listen -1; listen 80-; listen [; listen unix:; listen :::80; location / { proxy_pass http://api:8000; } }"), exitFound, `invalid port in "0"`},
		"all ports, often":          {site, one("nginx.conf", fill(200, "server { listen 1-65535; location / { proxy_pass http://api:8000; } }\n")), exitOK, "more ports than can be followed"},
		"names of 1 MB":             {site, one("nginx.conf", "server { server_name "+fill(50_000, "host#.example.com ")+"; location / { proxy_pass http://apii:8000; } }"), exitFound, "host0.example.com"},
		"a name of 60 kB":           {site, one("nginx.conf", "server { server_name "+strings.Repeat("x", 60_000)+"; location / { proxy_pass http://apii:8000; } }"), exitFound, "xxx…xxx"},
		"names that act":            {site, one("nginx.conf", fmt.Sprintf("\"fo%s\" b;\nserver { server_name \"a%[1]s\"; location \"/%[1]s\" { proxy_pass \"http://apii%[1]s:8000\"; } }", escape)), exitFound, `unknown directive "fo\x1b`},
		"a file's name that acts":   {sites, one("conf.d/\x1b[31m\n.conf", "server { location / { proxy_pass http://apii:8000; } }"), exitFound, `conf.d/\x1b[31m\n.conf:1:`},
		"10,000 unknown hosts":      {site, one("nginx.conf", "server {\n"+fill(10_000, "location /# { proxy_pass http://host#:8000; }\n")+"}"), exitFound, "all 10000 routes"},
		"variables of variables":    {site, one("nginx.conf", "server { set $v0 a;\n"+fill(3000, "set $v# $v#$v#; map $v# $w# { default $v#; }\n")+"location / { proxy_pass http://$v2999; } }"), exitFound, "nginx.conf:2:"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := test.project(t)
			out := t.TempDir()
			args := []string{"--live", "off", "--format", "text"}
			for _, format := range formatNames()[1:] {
				args = append(args, "--format", format+"="+filepath.Join(out, format))
			}
			got := inTime(t, nil, append(args, dir)...)
			printed := map[string]string{"text": got.stdout + got.stderr}
			if got.code != test.code || !strings.Contains(strings.Join(strings.Fields(printed["text"]), " "), test.want) {
				t.Errorf("%d, want %d and %q in:\n%.2000s", got.code, test.code, test.want, printed["text"])
			}
			for _, format := range formatNames()[1:] {
				if got.code != exitError {
					printed[format] = read(t, filepath.Join(out, format))
				}
			}
			for format, text := range printed {
				if i := acts(text); i >= 0 {
					t.Errorf("%s: this acts on a terminal: %.80q", format, text[max(0, i-40):])
				}
				for _, leak := range []string{"root:x", "//secret", "hunter2"} {
					if strings.Contains(text, leak) {
						t.Errorf("%s: there is %q in:\n%.2000s", format, leak, text)
					}
				}
			}
		})
	}
}

// project makes the project, and gives its path.
func (h hard) project(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	from := fmt.Sprintf("image: nginx:1.27\n    volumes: [%q]", h.mount)
	if h.mount == build {
		from = "build: ."
	}
	write(t, filepath.Join(dir, "compose.yaml"), "name: hard\nservices:\n  edge:\n    "+from+"\n    ports: ['8080:80']\n"+
		"    environment: {API: 'api:8000', LONG: "+strings.Repeat("x", 100)+", API_TOKEN: hunter2, BAD: $BAD}\n  api: {image: example/api, expose: ['8000']}\n")
	lay(t, dir, h.files)
	return dir
}

// lay lays files into a directory: "<pipe>", "<directory>" and "<-> target>" are what they say.
func lay(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		file, text := filepath.Join(dir, name), files[name]
		err := os.MkdirAll(filepath.Dir(file), 0o755)
		target, isLink := strings.CutPrefix(text, "<-> ")
		switch {
		case err != nil:
		case text == "<directory>":
			err = os.MkdirAll(file, 0o755)
		case text == "<pipe>":
			err = syscall.Mkfifo(file, 0o600)
		case isLink:
			err = os.Symlink(strings.TrimSuffix(target, ">"), file)
		default:
			err = os.WriteFile(file, []byte(text), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}
