//go:build unix

package compose

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// Opening a FIFO waits for its writer, and a device may never end: neither is opened.
func TestOpenNothingButFiles(t *testing.T) {
	c := mounted(t, "nginx", "./pipe:/etc/nginx/nginx.conf, ./conf:/etc/nginx/conf.d, /dev/zero:/etc/nginx/zero, /dev/null:/etc/nginx/null", map[string]string{"conf/": ""})
	dir := filepath.Dir(c.sourceOf(t, "/etc/nginx/conf.d"))
	for _, name := range []string{"pipe", "conf/pipe"} {
		if err := syscall.Mkfifo(filepath.Join(dir, name), 0o600); err != nil {
			t.Skip(err)
		}
	}
	for _, path := range []string{"/etc/nginx/nginx.conf", "/etc/nginx/conf.d/pipe", "/etc/nginx/zero", "/etc/nginx/null"} {
		if got := opened(c, path); got != "unknown" {
			t.Errorf("%s is %.20q", path, got)
		}
	}
	if len(c.missing) > 0 {
		t.Errorf("what is there is missing: %+v", c.missing)
	}
}

// sourceOf is what is mounted at a container path.
func (c *container) sourceOf(t *testing.T, target string) string {
	t.Helper()
	m, ok := c.mountOf(target)
	if !ok {
		t.Fatal("nothing is mounted at " + target)
	}
	return m.Source
}

// A pipe that nobody writes to is not waited for, wherever a file is named.
func TestLoadWaitsForNoPipe(t *testing.T) {
	const web = "services:\n  web:\n    image: x\n"
	for name, test := range map[string]struct {
		files map[string]string
		opts  Options
		want  string // the error; empty: none
	}{
		"Compose file":                 {nil, Options{Files: []string{"pipe"}}, `"pipe" is not a regular file`},
		"include":                      {compose("include:\n  - pipe\n"), Options{}, `compose.yaml:2:5: "pipe" is not a regular file`},
		"env_file of an include":       {compose("include:\n  - {path: a.yaml, env_file: pipe}\n"), Options{}, `compose.yaml:2:20: cannot read the env file pipe: it is not a regular file`},
		"extends":                      {compose("services:\n  web:\n    extends: {file: pipe, service: web}\n"), Options{}, `compose.yaml:3:15: "pipe" is not a regular file`},
		"extends of a job":             {compose("services: {}\njobs:\n  web:\n    extends: {file: pipe, service: web}\n"), Options{}, `compose.yaml:4:15: "pipe" is not a regular file`},
		"env_file":                     {compose(web + "    env_file:\n      - pipe\n"), Options{}, `compose.yaml:5:9: cannot read the env file pipe: it is not a regular file`},
		"env_file, a device":           {compose(web + "    env_file: [{path: /dev/zero}]\n"), Options{}, `compose.yaml:4:16: cannot read the env file /dev/zero: it is not a regular file`},
		"env_file that is no must":     {compose(web + "    env_file: [{path: pipe, required: false}]\n"), Options{}, `compose.yaml:4:16: cannot read the env file pipe: it is not a regular file`},
		"--env-file, nobody writes":    {compose(web), Options{EnvFiles: []string{"pipe"}}, ""},
		"--env-file, a device":         {compose(web), Options{EnvFiles: []string{"/dev/zero"}}, `cannot read env file "/dev/zero": it is not a regular file`},
		"label_file, which is no part": {compose(web + "    label_file: pipe\n"), Options{}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			test.opts.Directory = project(t, test.files)
			if err := syscall.Mkfifo(filepath.Join(test.opts.Directory, "pipe"), 0o600); err != nil {
				t.Skip(err)
			}
			_, err := loadModel(t.Context(), test.opts)
			got := ""
			if err != nil {
				got = strings.ReplaceAll(err.Error(), relative(test.opts.Directory, "/dev"), "/dev")
			}
			if got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}
