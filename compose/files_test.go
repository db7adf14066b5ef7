package compose

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"why502/compose/nginx"
)

// mounted is the file system of a container of nginx with these volumes, in a project with these
// files. A file whose name ends in a slash is a directory, one whose text begins with "-> " a link.
func mounted(t *testing.T, image, volumes string, files map[string]string) *container {
	t.Helper()
	all := compose("services:\n  edge: {image: '" + image + "', volumes: [" + volumes + "]}\nvolumes: {data: }\n")
	dir := project(t, all)
	for name, text := range files {
		path := filepath.Join(dir, name)
		err := os.MkdirAll(filepath.Dir(path), 0o755)
		target, isLink := strings.CutPrefix(text, "-> ")
		switch {
		case err != nil:
		case strings.HasSuffix(name, "/"):
			err = os.MkdirAll(path, 0o755)
		case isLink:
			err = os.Symlink(target, path)
		default:
			err = os.WriteFile(path, []byte(text), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	s, err := loadModel(t.Context(), Options{Directory: dir})
	if err != nil {
		t.Fatal(err)
	}
	return s.container(s.Services["edge"])
}

// opened is what a container path gives: its text, "none", or "unknown".
func opened(c *container, path string) string {
	f, err := c.open(path)
	var unknown *nginx.UnknownError
	switch {
	case err == nil:
		return string(f.Text)
	case errors.Is(err, fs.ErrNotExist):
		return "none"
	case errors.As(err, &unknown) && unknown.Why != "":
		return "unknown"
	}
	return err.Error()
}

// The volumes of most of these tests: a file over a file over a directory over a directory.
const nested = "./etc:/etc/nginx, ./conf.d:/etc/nginx/conf.d/, ./own.conf:/etc/nginx/conf.d/app.conf:ro, data:/etc/nginx/data, /etc/nginx/scratch"

var nestedFiles = map[string]string{
	"etc/nginx.conf": "main", "etc/conf.d/app.conf": "covered", "etc/conf.d/covered.conf": "covered", "etc/data/x.conf": "covered",
	"etc/.hidden": "hidden", "etc/sites/": "", "etc/sites/a.conf": "a", "conf.d/other.conf": "other", "own.conf": "own", "outside.conf": "outside",
}

func TestOpen(t *testing.T) {
	for path, want := range map[string]string{
		"/etc/nginx/nginx.conf":            "main",
		"/etc/nginx/conf.d/app.conf":       "own",   // a file over a directory
		"/etc/nginx/conf.d/other.conf":     "other", // a directory over a directory
		"/etc/nginx/conf.d/covered.conf":   "none",  // what is below a mount is not seen
		"/etc/nginx/sites/a.conf":          "a",
		"/etc/nginx/sites/../nginx.conf":   "main",
		"/etc/nginx//nginx.conf":           "main",
		"/etc/nginx/nope.conf":             "none",
		"/etc/nginx/data/x.conf":           "unknown", // a named volume
		"/etc/nginx/scratch/x.conf":        "unknown", // an anonymous one
		"/etc/nginx/mime.types":            "none",    // the directory covers the image's
		"/etc/nginx/conf.d.bak/app.conf":   "none",    // a name that only begins like a mount
		"/usr/share/nginx/html/index.html": "none",
	} {
		if got := opened(mounted(t, "nginx:1.27", nested, nestedFiles), path); got != want {
			t.Errorf("%s is %q, want %q", path, got, want)
		}
	}
}

// The project's own names of files are what places have.
func TestOpenNamesTheUsersFile(t *testing.T) {
	c := mounted(t, "nginx", nested, nestedFiles)
	f, err := c.open("/etc/nginx/conf.d/app.conf")
	if err != nil || f.Name != "own.conf" || c.sources.Line("own.conf", 1) != "own" {
		t.Errorf("%+v, %v, %q", f, err, c.sources.Line("own.conf", 1))
	}
	if f, err := mounted(t, "nginx", "", nil).open("/etc/nginx/nginx.conf"); err != nil || f.Name != "" {
		t.Errorf("a file of the image is called %q, %v", f.Name, err)
	}
}

func TestOpenStock(t *testing.T) {
	for _, test := range []struct{ image, volumes, path, want string }{
		{"nginx", "", "/etc/nginx/mime.types", ""},
		{"nginx", "", "/etc/nginx/fastcgi_params", ""},
		{"nginx", "", "/etc/nginx/fastcgi.conf", "none"},
		{"nginx:1.27-alpine", "", "/etc/nginx/fastcgi.conf", ""},
		{"nginx@sha256:" + strings.Repeat("a", 64), "", "/etc/nginx/fastcgi.conf", ""},
		{"registry.example.com/nginx:1", "", "/etc/nginx/fastcgi.conf", ""},
		{"nginxinc/nginx-unprivileged:1.27", "", "/etc/nginx/fastcgi.conf", "none"},
		{"nginx", "", "/etc/nginx/sites-enabled/x", "none"},
		{"nginx", "./conf.d:/etc/nginx/conf.d", "/etc/nginx/conf.d/default.conf", "none"},
		{"openresty/openresty", "", "/etc/nginx/mime.types", "unknown"},
		{"bitnami/nginx", "", "/etc/nginx/nginx.conf", "unknown"},
		{"team/nginx", "", "/etc/nginx/nginx.conf", "unknown"},
	} {
		if got := opened(mounted(t, test.image, test.volumes, map[string]string{"conf.d/": ""}), test.path); got != test.want {
			t.Errorf("%s of %s is %q, want %q", test.path, test.image, got, test.want)
		}
	}
	for _, test := range []struct{ image, path, want string }{
		{"nginxinc/nginx-unprivileged", "/etc/nginx/conf.d/default.conf", "listen 8080;"},
		{"openresty/openresty:alpine", "/usr/local/openresty/nginx/conf/nginx.conf", "include /etc/nginx/conf.d/*.conf;"},
		{"docker.angie.software/angie", "/etc/angie/angie.conf", "include /etc/angie/http.d/*.conf;"},
		{"bitnami/nginx:1.27", "/opt/bitnami/nginx/conf/nginx.conf", "include /opt/bitnami/nginx/conf/server_blocks/*.conf;"},
		{"linuxserver/nginx", "/config/nginx/nginx.conf", "include /config/nginx/site-confs/*.conf;"},
		{"lscr.io/linuxserver/swag", "/config/nginx/site-confs/default.conf", "include /config/nginx/proxy-confs/*.subdomain.conf;"},
	} {
		if got := opened(mounted(t, test.image, "", nil), test.path); !strings.Contains(got, test.want) {
			t.Errorf("%s of %s has no %q: %q", test.path, test.image, test.want, got)
		}
	}
	for path, want := range map[string]string{
		"/etc/nginx/nginx.conf": "include /etc/nginx/conf.d/*.conf;", "/etc/nginx/conf.d/default.conf": "server_name localhost;",
	} {
		if got := opened(mounted(t, "nginx", "", nil), path); !strings.Contains(got, want) {
			t.Errorf("%s of the image has no %q: %q", path, want, got)
		}
	}
}

// A mount whose source is not what nginx needs is remembered, and what it holds is not known.
func TestOpenMissing(t *testing.T) {
	const target = "/etc/nginx/nginx.conf"
	for _, test := range []struct {
		what  string
		files map[string]string
		want  *BadMount // without its mount; nil: all is well
	}{
		{"a file", map[string]string{"nginx.conf": "main"}, nil},
		{"an empty file", map[string]string{"nginx.conf": ""}, nil},
		{"nothing", nil, &BadMount{}},
		{"a directory", map[string]string{"nginx.conf/": ""}, &BadMount{Directory: true}},
		{"a link to nowhere", map[string]string{"nginx.conf": "-> nope"}, &BadMount{}},
		{"a link", map[string]string{"nginx.conf": "-> real.conf", "real.conf": "main"}, nil},
		{"a link out of the project", map[string]string{"nginx.conf": "-> " + os.Args[0]}, nil},
	} {
		c := mounted(t, "nginx", "./nginx.conf:"+target, test.files)
		got := opened(c, target)
		bad, missing := c.missing[target]
		if missing != (test.want != nil) || missing && (bad.Directory != test.want.Directory || bad.Target != target || got != "unknown") {
			t.Errorf("%s: %+v, %.20q", test.what, bad, got)
		}
	}
}

func TestOpenTooLarge(t *testing.T) {
	c := mounted(t, "nginx", "./conf:/etc/nginx", map[string]string{"conf/large": "", "conf/most": ""})
	for name, size := range map[string]int64{"large": maxConfigFile + 1, "most": maxConfigFile} {
		if err := os.Truncate(filepath.Join(c.layers[len(c.layers)-1].mount.Source, name), size); err != nil {
			t.Fatal(err)
		}
	}
	if got := opened(c, "/etc/nginx/large"); got != "unknown" {
		t.Errorf("a file that is too large is read: %.20q", got)
	}
	if got := len(opened(c, "/etc/nginx/most")); got != maxConfigFile {
		t.Errorf("%d bytes of the largest file", got)
	}
}

// A link in a mounted directory means what it means in the container.
func TestOpenLinks(t *testing.T) {
	files := map[string]string{
		"etc/real.conf": "real", "etc/inside": "-> real.conf", "etc/sub/up": "-> ../real.conf",
		"etc/absolute": "-> /etc/nginx/real.conf", "etc/other": "-> /etc/nginx/conf.d/other.conf",
		"etc/outside": "-> ../secret", "etc/nowhere": "-> nope", "secret": "secret", "conf.d/other.conf": "other",
	}
	for path, want := range map[string][]string{
		"inside": {"real"}, "sub/up": {"real"}, "nowhere": {"none"},
		"absolute": {"real", "unknown"}, // it is there in the container
		"other":    {"other", "unknown"},
		"outside":  {"none", "unknown"}, // the container does not see it
	} {
		c := mounted(t, "nginx", "./etc:/etc/nginx, ./conf.d:/etc/nginx/conf.d", files)
		if got := opened(c, "/etc/nginx/"+path); !slices.Contains(want, got) {
			t.Errorf("%s is %q, want %q", path, got, want)
		}
	}
}

func TestGlob(t *testing.T) {
	const etc = "/etc/nginx"
	files := map[string]string{
		"etc/a.conf": "", "etc/b.conf": "", "etc/.c.conf": "", "etc/d.conf.bak": "",
		"etc/sites/one/app.conf": "", "etc/sites/two/app.conf": "", "etc/sites/three/other.conf": "", "etc/sites/file": "",
		"more.conf": "", "deep.conf": "",
	}
	const volumes = "./etc:/etc/nginx, ./more.conf:/etc/nginx/more.conf, ./deep.conf:/etc/nginx/extra/deep/deep.conf, data:/etc/nginx/data"
	for pattern, want := range map[string]string{
		etc + "/*.conf":            etc + "/a.conf " + etc + "/b.conf " + etc + "/more.conf",
		etc + "/.*.conf":           etc + "/.c.conf",
		etc + "/?.conf":            etc + "/a.conf " + etc + "/b.conf",
		etc + "/[b-z].conf":        etc + "/b.conf",
		etc + "/*.none":            "",
		etc + "/nope/*.conf":       "",
		etc + "/a.conf/*":          "",
		etc + "/sites/*/app.conf":  etc + "/sites/one/app.conf " + etc + "/sites/two/app.conf",
		etc + "/sites/*/*.conf":    etc + "/sites/one/app.conf " + etc + "/sites/three/other.conf " + etc + "/sites/two/app.conf",
		etc + "/sites/t*/app.conf": etc + "/sites/two/app.conf",
		etc + "/s*/one/app.conf":   etc + "/sites/one/app.conf",
		etc + "//sites/*/app.conf": etc + "/sites/one/app.conf " + etc + "/sites/two/app.conf",
		etc + "/extra/deep/*.conf": etc + "/extra/deep/deep.conf", // a mount point is in its directory
		etc + "/extra/*/*.conf":    etc + "/extra/deep/deep.conf", // and its directory in that one's
		"/etc/ng*/more.conf":       etc + "/more.conf",
	} {
		c := mounted(t, "nginx", volumes, files)
		got, unknown := c.glob(pattern)
		if strings.Join(got, " ") != want {
			t.Errorf("%s\ngot  %v\nwant %s", pattern, got, want)
		}
		if unknown != "" {
			t.Errorf("%s: %s", pattern, unknown)
		}
	}
	if got, unknown := mounted(t, "nginx", volumes, files).glob(etc + "/data/*.conf"); len(got) > 0 || !strings.Contains(unknown, "volume data") {
		t.Errorf("a volume: %v, %q", got, unknown)
	}
}

// What nginx finds in the image, and under mounts into its directories.
func TestGlobStock(t *testing.T) {
	const confd = "/etc/nginx/conf.d/"
	for _, test := range []struct {
		image, volumes string
		want           string
		unknown        bool
	}{
		{"nginx", "", confd + "default.conf", false},
		{"nginx", "./a.conf:/etc/nginx/conf.d/a.conf", confd + "a.conf " + confd + "default.conf", false},
		{"nginx", "./a.conf:/etc/nginx/conf.d/default.conf", confd + "default.conf", false},
		{"nginx", "./sites:/etc/nginx/conf.d", confd + "b.conf", false},
		{"nginx", "./sites:/etc/nginx/conf.d, ./a.conf:/etc/nginx/conf.d/a.conf", confd + "a.conf " + confd + "b.conf", false},
		{"nginx", "data:/etc/nginx/conf.d", "", true},
		{"nginx", "data:/etc/nginx/conf.d, ./a.conf:/etc/nginx/conf.d/a.conf", confd + "a.conf", true},
		{"own", "./a.conf:/etc/nginx/conf.d/a.conf", confd + "a.conf", true},
		{"own", "./sites:/etc/nginx/conf.d", confd + "b.conf", false},
	} {
		c := mounted(t, test.image, test.volumes, map[string]string{"a.conf": "", "sites/b.conf": ""})
		got, unknown := c.glob(confd + "*.conf")
		if strings.Join(got, " ") != test.want || (unknown != "") != test.unknown {
			t.Errorf("%s, %s: %v, %q; want %s", test.image, test.volumes, got, unknown, test.want)
		}
	}
}

func TestGlobMissing(t *testing.T) {
	for _, test := range []struct {
		files map[string]string
		want  BadMount // without its mount
	}{
		{nil, BadMount{OfDirectory: true}},
		{map[string]string{"sites/": ""}, BadMount{OfDirectory: true, Empty: true}},
		{map[string]string{"sites/readme": ""}, BadMount{}},
	} {
		c := mounted(t, "nginx", "./sites:/etc/nginx/conf.d", test.files)
		if got, unknown := c.glob("/etc/nginx/conf.d/*.conf"); len(got) > 0 || unknown != "" {
			t.Errorf("%v: %v, %q", test.files, got, unknown)
		}
		got := c.missing["/etc/nginx/conf.d"]
		got.Mount = Mount{}
		check(t, got, test.want)
	}
}
