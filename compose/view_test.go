package compose

import (
	"os"
	"path/filepath"
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
	view := View{Inside: true, Mounts: []Shared{
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
