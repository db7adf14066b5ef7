package compose

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"

	"why502/compose/nginx"
	"why502/compose/proxy"
)

// seed adds the text of the files of scenarios that a pattern names.
func seed(f *testing.F, pattern string, add func(text string)) {
	f.Helper()
	names, _ := filepath.Glob(filepath.Join("..", "testdata", pattern))
	if len(names) == 0 {
		f.Fatal("no scenario has a file " + pattern)
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		add(string(text))
	}
}

// stockContainer is a container of the stock nginx with one file of the project's in it.
func stockContainer(at, name, text string) *container {
	s := &Stack{Sources: Sources{}, Files: []string{"compose.yaml"}, Directory: "/project"}
	c := s.imageFiles("nginx:1.27")
	c.layers = append(c.layers, &layer{at: at, hides: true, tree: textTree{nginx.File{Name: name, Text: []byte(text)}}})
	return c
}

// inText checks that the places of a configuration which are in a file are in its text.
func inText(t *testing.T, c *proxy.Config, name, text string) {
	t.Helper()
	var places []proxy.Place
	for _, fault := range c.Faults {
		places = append(places, fault.Place)
	}
	for _, srv := range c.Servers {
		places = append(places, srv.Place)
	}
	for _, g := range c.Groups {
		places = append(places, g.Place)
	}
	eachPass(c, func(_ *proxy.Server, _ *proxy.Location, pass *proxy.Pass) { places = append(places, pass.Place) })
	lines := strings.Split(text, "\n")
	for _, p := range places {
		if p.File == name && (p.Line < 1 || p.Line > len(lines) || p.Column < 0 || p.Column > len(lines[p.Line-1])+1) {
			t.Errorf("%v is not in the file", p)
		}
	}
}

// FuzzTemplates looks for panics, and for places that are not in the template.
func FuzzTemplates(f *testing.F) {
	for _, pattern := range []string{"*/*.template", "*/templates/*.template"} {
		seed(f, pattern, func(text string) { f.Add(text, "api:8000", "") })
	}
	f.Add("server { location /$A { proxy_pass http://${A}$A; } }\nfoo $A;\n", "x\ny;}{", "^A")
	f.Fuzz(func(t *testing.T, template, value, filter string) {
		c := stockContainer("/etc/nginx/templates/default.conf.template", "t", template)
		env := map[string]string{"A": value, "API": value, "API_HOST": value, "NGINX_ENVSUBST_FILTER": filter}
		newRunner(c, "the command of edge", "/", env).entrypoint()
		inText(t, nginx.Parse(c.files(), nginx.Options{Stock: true}), "t", template)
	})
}

// FuzzShell looks for panics in what is followed of a command that starts nginx.
func FuzzShell(f *testing.F) {
	seed(f, "*/*.sh", func(text string) { f.Add(text, "x") })
	f.Add("envsubst '$A' < /etc/nginx/t > /etc/nginx/conf.d/default.conf && exec nginx -g 'daemon off;'", "server { }")
	f.Add("until nc -z api 80; do sleep 1; done; [ -n \"$A\" ] && sed -i \"s/api/$A/g\" /etc/nginx/nginx.conf || exit 1", "")
	f.Add("f() { cat <<EOF | tee \"$1\"\n$A ${B:-c} $(id)\nEOF\n}; for x in a b; do f /etc/nginx/conf.d/$x.conf; done", "x")
	f.Add("cp -r /etc/nginx/t /etc/nginx/conf.d/; case $A in a*|b) ln -s /etc/nginx/t x;; esac; . /etc/nginx/t", "echo a > b")
	f.Fuzz(func(t *testing.T, script, text string) {
		c := stockContainer("/etc/nginx/t", "t", text)
		r := newRunner(c, "the command of edge", "/", map[string]string{"A": text})
		r.run(command{args: []string{"sh", "-c", script, "nginx"}})
		inText(t, nginx.Parse(c.files(), nginx.Options{Stock: true}), "t", text)
	})
}

// FuzzDockerfile looks for panics, and for files from outside of the build context.
func FuzzDockerfile(f *testing.F) {
	const secret = "not in the context"
	dir := project(f, map[string]string{
		"secret": secret, "ctx/nginx.conf": "server { }", "ctx/conf.d/a.conf": "a", "ctx/conf.d/b.conf": "b", "ctx/start.sh": "echo a > /etc/nginx/conf.d/c.conf",
	})
	if err := os.Symlink("../secret", filepath.Join(dir, "ctx", "link")); err != nil {
		f.Fatal(err)
	}
	seed(f, "*/*/Dockerfile", func(text string) { f.Add(text, "*.bak") })
	f.Add("ARG A=nginx\nFROM $A AS one\nENV B=/etc/nginx\nWORKDIR $B\nCOPY --chown=1:1 conf.d/*.conf link ../secret $B/conf.d/\nUSER 101\nEXPOSE 80/tcp $A", "**/b.conf\n!a")
	f.Add("FROM nginx\nRUN <<EOF sh start.sh > /etc/nginx/nginx.conf\na\nEOF\nADD [\"link\", \"/etc/nginx/\"]\nFROM 0\nCOPY --from=0 / /\nCMD nginx", "#")
	f.Fuzz(func(t *testing.T, dockerfile, ignore string) {
		if dockerfile == "" {
			return
		}
		if err := os.WriteFile(filepath.Join(dir, "ctx", ".dockerignore"), []byte(ignore), 0o600); err != nil {
			t.Fatal(err)
		}
		s := &Stack{Sources: Sources{}, Files: []string{"compose.yaml"}, Directory: dir}
		image := s.built("edge", &types.BuildConfig{Context: filepath.Join(dir, "ctx"), DockerfileInline: dockerfile})
		c := image.files.clone()
		names, _ := c.glob("/etc/nginx/conf.d/*")
		for _, name := range append(names, "/etc/nginx/nginx.conf", "/link", "/secret") {
			if file, err := c.open(name); err == nil && strings.Contains(string(file.Text), secret) && !strings.Contains(dockerfile, secret) {
				t.Errorf("%s is from outside of the build context", name)
			}
		}
	})
}
