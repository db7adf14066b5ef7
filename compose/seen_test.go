package compose

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"why502/compose/proxy"
)

// whole loads a project with its proxies.
func whole(t *testing.T, files map[string]string, env ...string) *Stack {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755)
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	s, err := Load(t.Context(), Options{Directory: dir, Env: env})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestOrigins(t *testing.T) {
	s := whole(t, map[string]string{
		"compose.yaml": `services:
  edge:
    build: .
    volumes: ["./a.conf:/etc/nginx/conf.d/a.conf", "./templates:/etc/nginx/templates"]
  plain: {image: nginx, configs: [{source: c, target: /etc/nginx/conf.d/default.conf}]}
configs: {c: {content: "server { location / { proxy_pass http://api; } }"}}
`,
		"Dockerfile": "FROM nginx\nCOPY b.conf c.conf /etc/nginx/conf.d/\nRUN sed -i s/x/y/ /etc/nginx/conf.d/c.conf\n",
		"a.conf":     "server { location / { proxy_pass http://api; } }", "b.conf": "", "c.conf": "# x", "templates/d.conf.template": "# $HOST",
	})
	got := map[string]proxy.Origin{}
	for _, f := range slices.Concat(s.Proxies[0].Config.Files, s.Proxies[1].Config.Files) {
		if f.Origin != proxy.OfImage {
			got[f.Path] = f.Origin
		}
		if f.Origin != proxy.OfImage && (time.Since(f.Changed) > time.Hour || filepath.Dir(f.Source) == ".") {
			t.Errorf("%s: changed %v, from %q", f.Path, f.Changed, f.Source)
		}
	}
	check(t, got, map[string]proxy.Origin{"/etc/nginx/conf.d/a.conf": proxy.Mounted, "/etc/nginx/conf.d/b.conf": proxy.Copied, "/etc/nginx/conf.d/d.conf": proxy.Made})
}

// What the project's files do not say is read from the container; what they say keeps its places.
func TestReread(t *testing.T) {
	const main = "events {}\nhttp {\n  include conf.d/*.conf;\n}\n"
	seen := &Seen{Roots: []string{"/etc/nginx"}, Files: map[string]SeenFile{
		"/etc/nginx": {Dir: true}, "/etc/nginx/conf.d": {Dir: true}, "/etc/nginx/nginx.conf": {Text: main},
		"/etc/nginx/conf.d/site.conf": {Text: "server {\n  location / { proxy_pass http://api:8000; }\n}\n"},
		"/etc/nginx/conf.d/more.conf": {Link: "/etc/nginx/site/more.conf"}, "/etc/nginx/site/more.conf": {Text: "server { listen 81; location / { proxy_pass http://web; } }"},
	}}
	for name, test := range map[string]struct {
		services, file string
		seen           *Seen
		want           string // routes, with the places of their passes
		unread         string
	}{
		"before": {"image: own/nginx", "", nil, "", "/etc/nginx/nginx.conf"},
		"an image of others": {"image: own/nginx", "", seen,
			"edge:81 / -> web:80 at  /etc/nginx/site/more.conf:1, edge:80 / -> api:8000 at  /etc/nginx/conf.d/site.conf:2", ""},
		"a volume": {"image: nginx, volumes: ['sites:/etc/nginx/conf.d']", "", seen,
			"edge:81 / -> web:80 at  /etc/nginx/site/more.conf:1, edge:80 / -> api:8000 at  /etc/nginx/conf.d/site.conf:2", ""},
		"a mount keeps its places": {"image: own/nginx, volumes: ['./site.conf:/etc/nginx/conf.d/site.conf']", "server {\n location / { proxy_pass http://db:1; }\n}", seen,
			"edge:81 / -> web:80 at  /etc/nginx/site/more.conf:1, edge:80 / -> db:1 at site.conf:2 ", ""},
		"a link out of it": {"image: own/nginx", "", &Seen{Roots: []string{"/etc/nginx"}, Files: map[string]SeenFile{"/etc/nginx": {Dir: true}, "/etc/nginx/nginx.conf": {Link: "/opt/nginx.conf"}}}, "", "/etc/nginx/nginx.conf"},
		"a key":            {"image: own/nginx", "", &Seen{Roots: []string{"/etc/nginx"}, Files: map[string]SeenFile{"/etc/nginx": {Dir: true}, "/etc/nginx/nginx.conf": {Unread: "it is no text"}}}, "", "/etc/nginx/nginx.conf"},
	} {
		files := map[string]string{"compose.yaml": "services:\n  edge: {" + test.services + "}\n  api: {image: x}\nvolumes: {sites: }\n", "site.conf": test.file}
		s := whole(t, files)
		if test.seen != nil {
			s.Reread("edge", test.seen)
		}
		var got []string
		for _, r := range s.Proxies[0].Routes {
			at := r.Pass.Place
			line := ""
			if at.File != "" {
				line = fmt.Sprintf("%s:%d", at.File, at.Line)
			}
			got = append(got, fmt.Sprintf("%s at %s %s", r.ID, line, at.Inside))
		}
		if text, unread := strings.Join(got, ", "), strings.Join(s.Proxies[0].Config.Unread, ", "); text != test.want || unread != test.unread {
			t.Errorf("%s: %s; unread %s; %v", name, text, unread, s.Proxies[0].Config.Faults)
		}
	}
}

// A container whose nginx passes nothing on is no proxy.
func TestRereadNoProxy(t *testing.T) {
	s := whole(t, map[string]string{"compose.yaml": "services:\n  edge: {image: own/nginx}\n"})
	s.Reread("edge", &Seen{Roots: []string{"/etc/nginx"}, Files: map[string]SeenFile{
		"/etc/nginx": {Dir: true}, "/etc/nginx/nginx.conf": {Text: "events {}\nhttp { server { root /srv; } }"},
	}})
	if len(s.Proxies) != 0 || len(s.Servers) != 1 {
		t.Errorf("%d proxies, %d servers", len(s.Proxies), len(s.Servers))
	}
}

func TestSteady(t *testing.T) {
	s := load(t, map[string]string{
		"compose.yaml": `services:
  edge:
    image: nginx:${TAG}
    command: "echo $$HOME ${SHELL_SAYS}"
    ports: ["${PORT:-80}:80", "443:443"]
    environment: {A: "${TAG}", B: "${NOBODY:-b}", C: plain, D: "$$5"}
    volumes:
      - {type: bind, source: "${NOBODY-./x}", target: /x}
    labels: {x: "${TAG:-y}"}
  api: {image: x}
`,
		".env": "TAG=1.27\nSHELL_SAYS=no\n",
	}, "SHELL_SAYS=yes")
	for path, want := range map[string]bool{
		"image": true, "command": false, "ports": false, "environment A": true, "environment B": false, "environment C": true, "environment D": true,
		"volumes": false, "labels": true, "entrypoint": true, "environment NONE": true,
	} {
		if got := s.Steady(append([]string{"services", "edge"}, strings.Fields(path)...)...); got != want {
			t.Errorf("%s: %v", path, got)
		}
	}
	if !s.FromShell("SHELL_SAYS") || s.FromShell("TAG") {
		t.Error("the shell's variables are not known")
	}
}
