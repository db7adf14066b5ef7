package live

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"why502/compose"
	"why502/inspect"
)

// stackYAML has a proxy that runs, on two networks; one that stops at once, for its configuration
// has a host that nothing answers to; and a service that is never created.
const stackYAML = `
services:
  edge:
    image: nginx:1.22
    hostname: Edge-Host
    networks:
      front: {aliases: [Shop.Example]}
      back: {}
  broken:
    image: nginx:1.22
    networks: [front]
    volumes: ["./broken.conf:/etc/nginx/conf.d/default.conf:ro"]
  spare:
    image: nginx:1.22
    profiles: [spare]
networks:
  front: {}
  back: {internal: true}
`

const brokenConf = "server { listen 80; location / { proxy_pass http://nobody-answers-to-this:8000; } }\n"

// up starts the project and takes it down again when the test is over, however it ends.
func up(t *testing.T) *compose.Stack {
	t.Helper()
	requireDocker(t)
	dir := t.TempDir()
	write(t, stackYAML, dir, "compose.yaml")
	write(t, brokenConf, dir, "broken.conf")
	name := fmt.Sprintf("why502-live-test-%d", os.Getpid())
	docker := func(args ...string) error {
		args = append([]string{"compose", "--project-name", name, "--project-directory", dir}, args...)
		output, err := exec.Command("docker", args...).CombinedOutput()
		if err != nil {
			return fmt.Errorf("docker %s: %w\n%s", strings.Join(args, " "), err, output)
		}
		return nil
	}
	t.Cleanup(func() {
		if err := docker("down", "--volumes", "--timeout", "0"); err != nil {
			t.Error(err)
		}
	})
	if err := docker("up", "--detach", "--no-build"); err != nil {
		t.Fatal(err)
	}
	return &compose.Stack{Name: name, Directory: dir, Files: []string{"compose.yaml"}}
}

// requireDocker skips the test where there is no daemon, unless WHY502_E2E=require, and where it is off.
func requireDocker(t *testing.T) {
	t.Helper()
	if os.Getenv("WHY502_E2E") == "off" {
		t.Skip("WHY502_E2E=off")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	output, err := exec.CommandContext(ctx, "docker", "compose", "ls").CombinedOutput()
	switch {
	case err == nil:
	case os.Getenv("WHY502_E2E") == "require":
		t.Fatalf("no Docker daemon, and WHY502_E2E=require: %v\n%s", err, output)
	default:
		t.Skipf("no Docker daemon with Compose: %v\n%s", err, output)
	}
}

// readOnlyProxy stands before the daemon, lets GET and HEAD through, and returns an environment that
// names it.
func readOnlyProxy(t *testing.T) environment {
	t.Helper()
	where, err := resolve(os.Environ())
	if err != nil {
		t.Fatal(err)
	}
	d, err := dial(where, "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.close)
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: "docker"})
	proxy.Transport = d.wire.next
	return environment{"DOCKER_HOST=" + serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			t.Errorf("%s %s", r.Method, r.URL)
			http.Error(w, "this proxy only reads", http.StatusForbidden)
			return
		}
		proxy.ServeHTTP(w, r)
	}))}
}

func TestRealDaemon(t *testing.T) {
	stack := up(t)
	env := readOnlyProxy(t)
	snap := settled(t, env, stack)

	if len(snap.Failed) > 0 {
		t.Errorf("no answer: %v", snap.Failed)
	}
	if snap.Daemon.Engine == "" || snap.Daemon.API == "" || time.Since(snap.Time).Abs() > time.Minute {
		t.Errorf("the daemon says of itself %+v at %v", snap.Daemon, snap.Time)
	}
	if len(snap.Containers) != 2 {
		t.Fatalf("got %d containers, want 2", len(snap.Containers))
	}
	t.Run("running", func(t *testing.T) { checkRunning(t, snap, service(snap, "edge")) })
	t.Run("exited", func(t *testing.T) { checkExited(t, snap, service(snap, "broken")) })
	t.Run("networks", func(t *testing.T) { checkNetworks(t, snap, stack) })
	t.Run("over ssh", func(t *testing.T) {
		unixOnly(t)
		found, err := observeWith(t, fakeSSH(t), askProject, stack)
		if err != nil || !slices.Equal(found.Project, snap.Project) {
			t.Errorf("got %v %v, want %v", found, err, snap.Project)
		}
	})
	t.Run("other name", func(t *testing.T) {
		renamed := *stack
		renamed.Name = "why502-no-such-project"
		found, err := observeWith(t, env, askProject, &renamed)
		if err != nil || !slices.Equal(found.Project, snap.Project) {
			t.Errorf("by its files: %v %v, want %v", found, err, snap.Project)
		}
	})
}

// fakeSSH puts an ssh on the path that stays on this machine. It runs what the docker command runs
// over ssh; -T must be among its flags, or a login shell could speak first.
func fakeSSH(t *testing.T) environment {
	t.Helper()
	t.Setenv("PATH", ssh(t, `case "$*" in *-T*' docker system dial-stdio') exec docker system dial-stdio;; esac; echo "$*" >&2; exit 1`))
	return environment{"DOCKER_HOST=ssh://me@shop.invalid"}
}

// settled observes until the broken proxy has given up.
func settled(t *testing.T, env environment, stack *compose.Stack) *inspect.Snapshot {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		snap, err := observeWith(t, env, askAll, stack)
		if err != nil {
			t.Fatal(err)
		}
		if broken := service(snap, "broken"); broken != nil && broken.State == "exited" {
			return snap
		}
		if time.Now().After(deadline) {
			t.Fatalf("the broken proxy does not stop: %+v", snap)
		}
	}
}

func service(snap *inspect.Snapshot, name string) *inspect.Container {
	for _, c := range snap.Containers {
		if c.Service == name {
			return c
		}
	}
	return nil
}

func checkRunning(t *testing.T, snap *inspect.Snapshot, c *inspect.Container) {
	if c == nil || c.State != "running" || c.Started.IsZero() || c.Image != "nginx:1.22" || c.OneOff {
		t.Fatalf("got %+v", c)
	}
	if len(c.Endpoints) != 2 {
		t.Fatalf("got endpoints %+v, want 2", c.Endpoints)
	}
	for _, e := range c.Endpoints {
		if e.ID == "" || net.ParseIP(e.IPv4) == nil {
			t.Errorf("endpoint %+v is not up", e)
		}
		for _, name := range []string{"edge", "edge-host", c.Name, c.ID[:12]} {
			if !slices.Contains(e.Names, name) {
				t.Errorf("%s is not called %s: %q", e.Network, name, e.Names)
			}
		}
		aliased := strings.HasSuffix(e.Network, "_front")
		if slices.Contains(e.Names, "shop.example") != aliased {
			t.Errorf("the alias is on the wrong network: %+v", e)
		}
	}
}

func checkExited(t *testing.T, snap *inspect.Snapshot, c *inspect.Container) {
	if c == nil || c.State != "exited" || c.ExitCode != 1 || c.Finished.IsZero() {
		t.Fatalf("got %+v", c)
	}
	for _, e := range c.Endpoints {
		if e.ID != "" || e.IPv4 != "" {
			t.Errorf("endpoint %+v is up", e)
		}
	}
	if log := fmt.Sprint(snap.Logs[c.ID]); !strings.Contains(log, `host not found in upstream "nobody-answers-to-this"`) {
		t.Errorf("its log has no reason: %q", log)
	}
}

func checkNetworks(t *testing.T, snap *inspect.Snapshot, stack *compose.Stack) {
	edge := service(snap, "edge")
	for short, internal := range map[string]bool{"front": false, "back": true} {
		n := snap.Networks[stack.Name+"_"+short]
		if n == nil || n.Driver != "bridge" || n.Internal != internal || !slices.Equal(n.Containers, []string{edge.ID}) {
			t.Errorf("%s: got %+v", short, n)
		}
	}
}
