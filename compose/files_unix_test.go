//go:build unix

package compose

import (
	"path/filepath"
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
