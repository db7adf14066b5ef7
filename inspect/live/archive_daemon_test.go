package live

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"why502/compose"
	"why502/inspect"
)

// hiddenYAML has a proxy whose configuration is in a volume, so that its container has to show it.
const hiddenYAML = `
services:
  edge:
    image: nginx:1.22
    volumes:
      - ./extra.conf:/etc/nginx/extra.conf:ro
      - sites:/etc/nginx/conf.d
volumes:
  sites:
`

// The daemon makes a directory of a missing bind source for whoever asks for a file. Nobody does.
func TestRealDaemonMakesNothing(t *testing.T) {
	requireDocker(t)
	dir := t.TempDir()
	write(t, hiddenYAML, dir, "compose.yaml")
	write(t, "# nothing\n", dir, "extra.conf")
	name := fmt.Sprintf("why502-archive-test-%d", os.Getpid())
	docker := func(args ...string) {
		args = append([]string{"compose", "--project-name", name, "--project-directory", dir}, args...)
		if output, err := exec.Command("docker", args...).CombinedOutput(); err != nil {
			t.Errorf("docker %s: %v\n%s", strings.Join(args, " "), err, output)
		}
	}
	t.Cleanup(func() { docker("down", "--volumes", "--timeout", "0") })
	docker("up", "--detach")
	load := func() *compose.Stack {
		stack, err := compose.Load(t.Context(), compose.Options{Directory: dir, ProjectName: name})
		if err != nil {
			t.Fatal(err)
		}
		return stack
	}

	env := readOnlyProxy(t)
	extra := filepath.Join(dir, "extra.conf")
	if err := os.Remove(extra); err != nil {
		t.Fatal(err)
	}
	snap, err := Observe(t.Context(), Options{Env: env}, load())
	if err != nil {
		t.Fatal(err)
	}
	if why := fileFailed(snap); !strings.Contains(why, "extra.conf, which is not there") {
		t.Errorf("failed with %q", why)
	}
	if _, err := os.Lstat(extra); err == nil {
		t.Error("the bind source was made")
	}

	write(t, "# nothing\n", dir, "extra.conf")
	stack := load()
	if snap, err = Observe(t.Context(), Options{Env: env}, stack); err != nil || fileFailed(snap) != "" {
		t.Fatal(err, fileFailed(snap))
	}
	for _, p := range append(stack.Proxies, stack.Servers...) {
		if !p.Config.Complete() || len(p.Config.Servers) != 1 {
			t.Errorf("%d servers, unread %v", len(p.Config.Servers), p.Config.Unread)
		}
	}
}

// fileFailed is why the first question for a file got no answer.
func fileFailed(snap *inspect.Snapshot) string {
	for q, why := range snap.Failed {
		if q.Kind == inspect.AskFile {
			return why
		}
	}
	return ""
}
