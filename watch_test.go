package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// spoken is a stream that a test waits on.
type spoken struct {
	mu   sync.Mutex
	text strings.Builder
}

func (h *spoken) Write(text []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.text.Write(text)
}

func (h *spoken) String() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.text.String()
}

// watched is watch at work on a project.
type watched struct {
	t              *testing.T
	stdout, stderr spoken
	read           int // of stdout, which earlier steps have waited for
	end            func() int
}

func startWatch(t *testing.T, env []string, args ...string) *watched {
	w := &watched{t: t}
	ctx, cancel := context.WithCancel(t.Context())
	code := make(chan int, 1)
	go func() {
		code <- run(ctx, append([]string{"watch"}, args...), env, strings.NewReader(""), &w.stdout, &w.stderr)
	}()
	w.end = sync.OnceValue(func() int { cancel(); return <-code })
	t.Cleanup(func() { w.end() })
	return w
}

// says waits until something new is said, and gives what was said up to the end of its line.
func (w *watched) says(what string) string {
	w.t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		fresh := w.stdout.String()[w.read:]
		at := strings.Index(fresh, what)
		if at < 0 {
			continue
		}
		if line := strings.IndexByte(fresh[at:], '\n'); line >= 0 {
			w.read += at + line + 1
			return fresh[:at+line+1]
		}
	}
	w.t.Fatalf("%q is not said:\n%s%s", what, w.stdout.String(), w.stderr.String())
	return ""
}

// Files that change, come, go, are replaced, or are not well-formed for a while: what is new is printed in full, what
// is gone on a line.
func TestWatchFiles(t *testing.T) {
	dir := breaking(t)
	conf, composed := filepath.Join(dir, "nginx.conf"), filepath.Join(dir, "compose.yaml")
	w := startWatch(t, nil, "--live=off", dir)
	w.says(`named "apii"`)
	w.says("explain upstream-host-unknown says more")

	write(t, conf, nginxConf)
	if said := w.says("the only route is ok"); !strings.Contains(said, "gone: nothing on the networks of edge is named \"apii\"") {
		t.Errorf("mended: %s", said)
	}

	replacement := filepath.Join(dir, "replacement")
	write(t, replacement, strings.Replace(nginxConf, "//api", "//nope", 1))
	if err := os.Rename(replacement, conf); err != nil {
		t.Fatal(err)
	}
	if said := w.says("does not start; the only route is broken"); !strings.Contains(said, `proxy_pass http://nope:8000;`) {
		t.Errorf("replaced: %s", said)
	}

	write(t, composed, noYAML)
	for !strings.Contains(w.stderr.String(), "error: compose.yaml:") {
		time.Sleep(20 * time.Millisecond)
	}
	write(t, composed, works)
	w.says("does not start; the only route is broken") // as it was, but that it can be said again is worth a line

	write(t, filepath.Join(dir, "compose.override.yaml"), "services:\n  nope: {image: x, expose: [8000]}\n")
	if said := w.says("the only route is at risk"); !strings.Contains(said, "gone: nothing on") {
		t.Errorf("an override has come: %s", said)
	}
	write(t, filepath.Join(dir, ".why502.yaml"), "ignore:\n  - {rule: upstream-host-unknown, reason: known}\n")
	if err := os.Remove(filepath.Join(dir, "compose.override.yaml")); err != nil {
		t.Fatal(err)
	}
	if said := w.says("does not start"); strings.Contains(said, `error: nothing`) {
		t.Errorf("what is ignored is printed: %s", said)
	}
	if code := w.end(); code != exitOK {
		t.Errorf("exit %d", code)
	}
	if n := strings.Count(w.stderr.String(), "why502: error: "); n != 1 {
		t.Errorf("%d errors:\n%s", n, w.stderr.String())
	}
}

// With -q every line is a finding, that is new or gone. A link that leads elsewhere changes what it leads to.
func TestWatchQuietly(t *testing.T) {
	dir := working(t)
	good, conf := filepath.Join(dir, "good.conf"), filepath.Join(dir, "nginx.conf")
	link := func(to string) {
		if err := os.Symlink(to, conf+".new"); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(conf+".new", conf); err != nil {
			t.Fatal(err)
		}
	}
	write(t, good, nginxConf)
	write(t, filepath.Join(dir, "bad.conf"), strings.Replace(nginxConf, "//api", "//apii", 1))
	link("bad.conf")
	w := startWatch(t, nil, "--live=off", "-q", "--show=error", dir)
	w.says("error: nothing on the networks of edge is named \"apii\"")
	link("good.conf")
	if said := w.says("[upstream-host-unknown]"); !strings.HasPrefix(said, "gone: nginx.conf:4:29: error: ") {
		t.Errorf("%q", said)
	}
	if w.end(); w.stderr.String() != "" || w.stdout.String()[w.read:] != "" {
		t.Errorf("%s%s", w.stdout.String(), w.stderr.String())
	}
}

// Without a project there is nothing to watch.
func TestWatchNothing(t *testing.T) {
	refused(t, why502(t, nil, "watch", project(t, noYAML, nginxConf)), "compose.yaml:", "mend the YAML")
}

// rests waits until the daemon is asked nothing any more: a run that is the reason for another one never ends.
func (s *runningProject) rests() {
	s.t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); {
		before := len(s.daemon.requests())
		if time.Sleep(recheck + 5*time.Second); len(s.daemon.requests()) == before {
			return
		}
	}
	s.t.Errorf("nothing happens, but the daemon is asked on and on: %q", s.daemon.requests())
}

// On an engine: a container that stops is a finding, which is gone when it runs again; and the program's own helpers
// are no reason to look again.
func TestWatchDaemon(t *testing.T) {
	s := startProject(t)
	buildForHelpers(t)
	env := append(environment(), "DOCKER_HOST="+s.daemon.host)
	w := startWatch(t, env, "--timeout=1m", "-p", s.project, s.dir)
	w.says("the only route is ok (with the daemon")

	compose := func(args ...string) {
		s.docker(append([]string{"compose", "-p", s.project, "--project-directory", s.dir}, args...)...)
	}
	compose("stop", "-t", "1", "api")
	if said := w.says("the only route is broken"); !strings.Contains(said, "api does not run") {
		t.Errorf("stopped: %s", said)
	}
	compose("start", "api")
	if said := w.says("the only route is ok (with the daemon"); !strings.Contains(said, "gone: ") {
		t.Errorf("started: %s", said)
	}
	s.rests()
	if code := w.end(); code != exitOK || w.stderr.String() != "" {
		t.Errorf("exit %d, %s", code, w.stderr.String())
	}
	s.clean()
}
