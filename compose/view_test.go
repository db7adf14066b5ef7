package compose

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestView finds files of the machine in a container, where another mount lies over one of its directories, and
// links lead from one mount into another, and beyond.
func TestView(t *testing.T) {
	app, shared := t.TempDir(), t.TempDir()
	links := map[string]string{
		filepath.Join(app, "near"):       "conf/nginx.conf",
		filepath.Join(app, "far"):        "/srv/shared/nginx.conf",
		filepath.Join(app, "beyond"):     "../secret",
		filepath.Join(app, "circle"):     "circle",
		filepath.Join(shared, "further"): "/home/u/app/far",
	}
	for name, to := range links {
		if err := os.Symlink(to, name); err != nil {
			t.Fatal(err)
		}
	}
	view := View{Inside: true, Alone: true, Mounts: []Shared{
		{"/home/u/app", app}, {"/srv/shared", shared}, {"/var/certs", filepath.Join(app, "certs")},
	}}
	for host, want := range map[string]string{
		"/home/u/app":              app,
		"/home/u/app/compose.yaml": filepath.Join(app, "compose.yaml"),
		"/home/u/application":      "",
		"/home/u/app/certs/a.pem":  "", // the other mount hides it
		"/var/certs/a.pem":         filepath.Join(app, "certs", "a.pem"),
		"/home/u/app/near":         filepath.Join(app, "conf", "nginx.conf"),
		"/home/u/app/far":          filepath.Join(shared, "nginx.conf"),
		"/srv/shared/further":      filepath.Join(shared, "nginx.conf"),
		"/home/u/app/beyond":       "",
		"/home/u/app/circle":       filepath.Join(app, "circle"),
		"/etc/nginx":               "",
	} {
		if here, ok := view.here(host); here != want || ok != (want != "") {
			t.Errorf("%s is at %q here, want %q", host, here, want)
		}
		if here, ok := (View{}).here(host); here != host || !ok {
			t.Errorf("outside of a container %s is at %q", host, here)
		}
	}
}

// TestOutside gives paths in a container as the machine has them.
func TestOutside(t *testing.T) {
	a := anchor{here: "/proc/self/root/work", host: "/home/u/app"}
	for name, want := range map[string]string{
		"/proc/self/root/work/conf":  "/home/u/app/conf",
		"/proc/self/root/conf":       "/home/u/conf", // ../conf
		"/proc/self/conf":            "/home/conf",
		"/work/conf":                 "/work/conf", // as the files say it
		"data":                       "data",       // a volume
		"https://example.com/repo":   "https://example.com/repo",
		"/proc/self/root/work/../..": "/home",
	} {
		if got := a.outside(name); got != want {
			t.Errorf("%s is %s on the machine, want %s", name, got, want)
		}
		if got := (anchor{}).outside(name); got != name {
			t.Errorf("outside of a container %s is %s", name, got)
		}
	}
}

// TestLoadInContainer reads a project that lies elsewhere on the machine: its paths are those of the machine.
func TestLoadInContainer(t *testing.T) {
	if _, err := os.Stat(contained); err != nil {
		t.Skip("there are no containers here")
	}
	dir := t.TempDir()
	for name, text := range map[string]string{
		"compose.yaml": `
services:
  edge:
    image: nginx
    volumes: ["./conf.d:/etc/nginx/conf.d", "../above:/a", "/srv/absolute:/b", "${PWD}/here:/c", "data:/d"]
    configs: [main]
volumes: {data: {}}
configs: {main: {file: main.conf}}
`,
		"conf.d/site.conf": "server { listen 80; location / { proxy_pass http://nowhere:1; } }",
	} {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	s, err := Load(t.Context(), Options{Directory: dir, View: View{Inside: true, Alone: true, Mounts: []Shared{{"/home/u/app", dir}}}})
	if err != nil {
		t.Fatal(err)
	}
	var sources []string
	for _, m := range s.Services["edge"].Mounts {
		sources = append(sources, m.Source)
	}
	want := []string{"/home/u/app/conf.d", "/home/u/above", "/srv/absolute", "/home/u/app/here", "data", "/home/u/app/main.conf"}
	if s.Name != "app" || s.Directory != "/home/u/app" || !slices.Equal(sources, want) {
		t.Errorf("%s in %s mounts %q", s.Name, s.Directory, sources)
	}
	if files := s.Proxies[0].Config.Files; files[len(files)-1].Name != "conf.d/site.conf" {
		t.Errorf("the configuration is %v", files)
	}
	if before := len(s.Unchecked); s.Contained() {
		t.Error("nobody said which container this is")
	} else if s.Astray(); len(s.Unchecked) != before+1 {
		t.Errorf("that this is a guess is not said: %v", s.Unchecked)
	}
}

// TestLoadInContainerFromInput reads a project of which the container has no file: none is missing.
func TestLoadInContainerFromInput(t *testing.T) {
	if _, err := os.Stat(contained); err != nil {
		t.Skip("there are no containers here")
	}
	const text = `services: {edge: {image: nginx, volumes: ["./nginx.conf:/etc/nginx/nginx.conf"]}}`
	s, err := Load(t.Context(), Options{Files: []string{"-"}, Directory: t.TempDir(), Stdin: strings.NewReader(text), View: View{Inside: true}})
	if err != nil {
		t.Fatal(err)
	}
	if p := s.Proxies[0]; len(p.Missing) > 0 || len(p.Config.Unread) == 0 {
		t.Errorf("missing are %v, and not read are %v", p.Missing, p.Config.Unread)
	}
}

// TestNothingMounted says what to do in a container that has no project.
func TestNothingMounted(t *testing.T) {
	_, err := Load(t.Context(), Options{Directory: t.TempDir(), View: View{Inside: true}})
	var e *Error
	if !errors.As(err, &e) || !strings.Contains(e.Fix, "mount the project") {
		t.Errorf("%v", err)
	}
}
