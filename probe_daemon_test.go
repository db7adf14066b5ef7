package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// TestMain lets this binary be the program too: where a test starts it as such, and in a helper container.
func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" || len(os.Args) == 2 && os.Args[1] == "probe" {
		main()
	}
	code := m.Run()
	removeImage()
	os.Exit(code)
}

const asProgram = "WHY502_TEST_IS_THE_PROGRAM"

// buildForHelpers builds what helpers run, beside this binary, where the program looks for it.
func buildForHelpers(t *testing.T) {
	t.Helper()
	if err := forHelpers(); err != nil {
		t.Fatal(err)
	}
}

var forHelpers = sync.OnceValue(func() error {
	own, err := os.Executable()
	if err != nil {
		return err
	}
	return compile(ofHelpers(own), ".")
})

// ofHelpers is what is built for helpers beside a program.
func ofHelpers(own string) string {
	return filepath.Join(filepath.Dir(own), "why502-linux-"+runtime.GOARCH)
}

// compile makes a static Linux program.
func compile(program, source string) error {
	cmd := exec.Command("go", "build", "-trimpath", "-o", program, source) // as for a release: packages are compiled once for both
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+runtime.GOARCH)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, out)
	}
	return nil
}

// runningProject is a project that works and runs, and the program with what its helpers run beside it.
type runningProject struct {
	t       *testing.T
	dir     string
	project string
	edge    string // id of the proxy's container
	daemon  *recorder
	before  []string // what the engine had when the project ran
}

// runningYAML has a proxy with what a helper must have nothing of: from Compose, and from its image. The
// source of one of its mounts is removed once it runs: the engine would make it again, were it asked for the file that
// the configuration includes.
const runningYAML = `
services:
  edge:
    build:
      context: .
      dockerfile_inline: |
        FROM nginx:1.22
        ENV OF_THE_IMAGE=secret
        LABEL com.docker.compose.project=PROJECT com.docker.compose.service=edge
        RUN mkdir /cache && echo x > /cache/file
        VOLUME /cache
        WORKDIR /root
    environment: {OF_COMPOSE: secret}
    labels: {of.compose: secret}
    cap_add: [NET_ADMIN]
    ipc: shareable
    ports: ["127.0.0.1::80"]
    sysctls: {net.ipv4.ip_unprivileged_port_start: "80"}
    extra_hosts: ["of.compose:192.0.2.1"]
    restart: always
    volumes:
      - ./nginx.conf:/etc/nginx/conf.d/default.conf:ro
      - ./gone:/srv/gone
      - kept:/srv/kept
    depends_on: [api]
  api:
    image: nginx:1.22
    volumes: ["./api.conf:/etc/nginx/conf.d/default.conf:ro"]
volumes:
  kept:
`

func startProject(t *testing.T) *runningProject {
	endpoint := engine(t)
	s := &runningProject{t: t, dir: t.TempDir(), project: fmt.Sprintf("why502-probe-%x", time.Now().UnixNano()&0xffffff)}
	write(t, filepath.Join(s.dir, "compose.yaml"), strings.ReplaceAll(runningYAML, "PROJECT", s.project))
	write(t, filepath.Join(s.dir, "nginx.conf"), "include /srv/kept/*.conf;\nserver { listen 80; location / { proxy_pass http://api:8000; } }\n")
	write(t, filepath.Join(s.dir, "api.conf"), "server { listen 8000; location / { return 200 hello; } }\n")
	t.Cleanup(func() {
		s.docker("compose", "-p", s.project, "--project-directory", s.dir, "down", "-v", "-t", "0", "--rmi", "local")
	})
	s.docker("compose", "-p", s.project, "--project-directory", s.dir, "up", "-d", "--build")
	s.edge = s.docker("compose", "-p", s.project, "--project-directory", s.dir, "ps", "-q", "edge")
	if err := os.Remove(filepath.Join(s.dir, "gone")); err != nil {
		t.Fatal(err)
	}
	s.daemon, s.before = record(t, endpoint), s.things()
	return s
}

// things are the containers, images, networks and volumes that the engine has, without those of other projects:
// other tests are at work.
func (s *runningProject) things() (all []string) {
	s.t.Helper()
	for _, sort := range [][]string{{"ps", "-a", "--no-trunc"}, {"image", "ls", "-a", "--no-trunc"}, {"network", "ls", "--no-trunc"}, {"volume", "ls"}} {
		format := `{{.ID}} {{.Label "com.docker.compose.project"}}`
		switch sort[0] {
		case "image":
			format = "{{.ID}}"
		case "volume":
			format = `{{.Name}} {{.Label "com.docker.compose.project"}}`
		}
		for line := range strings.Lines(s.docker(append(sort, "--format", format)...)) {
			id, project, _ := strings.Cut(strings.TrimSpace(line), " ")
			if project == "" || project == s.project {
				all = append(all, sort[0]+" "+id)
			}
		}
	}
	return all
}

// more are the things that were not there before.
func (s *runningProject) more() []string {
	s.t.Helper()
	return slices.DeleteFunc(s.things(), func(thing string) bool { return slices.Contains(s.before, thing) })
}

// docker gives what a docker command prints.
func (s *runningProject) docker(args ...string) string {
	s.t.Helper()
	cmd := exec.Command("docker", args...)
	cmd.Env = environment()
	out, err := cmd.Output()
	if err != nil {
		failed, _ := err.(*exec.ExitError)
		s.t.Errorf("docker %s: %v\n%s", strings.Join(args, " "), err, failed.Stderr)
	}
	return strings.TrimSpace(string(out))
}

// process is a run of the program as a process of its own.
type process struct {
	*exec.Cmd
	stdout, stderr strings.Builder
}

// start starts the program. Its helpers run what lies beside it, for it itself is gone from there.
func (s *runningProject) start(program string, args ...string) *process {
	s.t.Helper()
	own, err := os.Executable()
	if err != nil {
		s.t.Fatal(err)
	}
	dir := s.t.TempDir()
	if err := os.Symlink(program, filepath.Join(dir, "why502-linux-"+runtime.GOARCH)); err != nil {
		s.t.Fatal(err)
	}
	text, err := os.ReadFile(own)
	if err != nil {
		s.t.Fatal(err)
	}
	copied := filepath.Join(dir, "why502")
	if err := os.WriteFile(copied, text, 0o755); err != nil {
		s.t.Fatal(err)
	}
	p := &process{Cmd: exec.Command(copied, append(args, "--format=json", "-p", s.project, s.dir)...)}
	p.Env = append(environment(), asProgram+"=1", "DOCKER_HOST="+s.daemon.host)
	p.Stdout, p.Stderr = &p.stdout, &p.stderr
	if err := p.Start(); err != nil {
		s.t.Fatal(err)
	}
	if err := os.Remove(copied); err != nil {
		s.t.Fatal(err)
	}
	return p
}

// end waits until it ends.
func (p *process) end() result {
	p.Wait()
	return result{p.ProcessState.ExitCode(), p.stdout.String(), p.stderr.String()}
}

// helpers are those beside the proxy.
func (s *runningProject) helpers() []string {
	s.t.Helper()
	return slices.DeleteFunc(strings.Fields(s.docker("ps", "-aq", "--filter", "label=why502.probe")), func(id string) bool {
		out, err := exec.Command("docker", "inspect", "--format", "{{.HostConfig.NetworkMode}} {{.HostConfig.PidMode}}", id).Output()
		return err != nil || !strings.Contains(string(out), s.edge)
	})
}

// helper waits for one that runs, and gives its id.
func (s *runningProject) helper() string {
	s.t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		for _, id := range s.helpers() {
			out, _ := exec.Command("docker", "inspect", "--format", "{{.State.Running}}", id).Output()
			if strings.TrimSpace(string(out)) == "true" {
				return id
			}
		}
	}
	s.t.Fatal("there is no helper")
	return ""
}

// clean checks that nothing is left, once the engine has carried out what it was told.
func (s *runningProject) clean() {
	s.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); len(s.more()) > 0; time.Sleep(100 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.t.Fatalf("left behind: %q", s.more())
		}
	}
	if exists(filepath.Join(s.dir, "gone")) {
		s.t.Error("the source of a mount that was missing is there again")
	}
	for _, request := range beyondReading(s.daemon.requests(), true) {
		s.t.Errorf("the daemon was asked to %s", request)
	}
}

// However a run ends, nothing is left behind.
func TestProbeLeavesNothing(t *testing.T) {
	s := startProject(t)
	buildForHelpers(t)
	own, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(filepath.Dir(own), "why502-linux-"+runtime.GOARCH)
	waits, fails := s.programs()

	t.Run("well", func(t *testing.T) {
		got := s.start(program, "--timeout=1m").end()
		if probe := liveOf(t, got)["probe"]; got.code != exitOK || probe != "done" {
			t.Errorf("exit %d, probe %v\n%s%s", got.code, probe, got.stdout, got.stderr)
		}
		s.clean()
	})
	t.Run("two at once", func(t *testing.T) {
		first, second := s.start(program, "--timeout=1m"), s.start(program, "--timeout=1m")
		one, two := first.end(), second.end()
		if one != two || liveOf(t, one)["probe"] != "done" {
			t.Errorf("one says\n%s%s\nthe other\n%s%s", one.stdout, one.stderr, two.stdout, two.stderr)
		}
		s.clean()
	})
	t.Run("in an error", func(t *testing.T) {
		got := s.start(fails, "--timeout=1m").end()
		if live := liveOf(t, got); got.code != exitOK || live["probe"] != "unavailable" || !strings.Contains(fmt.Sprint(live["note"]), "it fails") {
			t.Errorf("exit %d, %v, %s", got.code, live, got.stderr)
		}
		refused(t, s.start(fails, "--timeout=1m", "--probe=require").end(), "it fails", "")
		s.clean()
	})
	t.Run("at the timeout", func(t *testing.T) {
		began := time.Now()
		got := s.start(waits, "--timeout=8s").end()
		if live := liveOf(t, got); got.code != exitOK || live["state"] != "partial" || live["probe"] != "unavailable" || !strings.Contains(fmt.Sprint(live["note"]), "in time") {
			t.Errorf("exit %d, %v, %s", got.code, live, got.stderr)
		}
		if took := time.Since(began); took > 12*time.Second {
			t.Errorf("took %v", took)
		}
		s.clean()
	})
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		t.Run(signal.String(), func(t *testing.T) {
			p := s.start(waits, "--timeout=1m")
			s.helper()
			p.Process.Signal(signal)
			if got := p.end(); got.code != exitError || got.stdout != "" || got.stderr != "why502: error: interrupted\n" {
				t.Errorf("%+v", got)
			}
			s.clean()
		})
	}
	t.Run("killed", func(t *testing.T) {
		p := s.start(waits, "--timeout=1m")
		s.helper()
		p.Process.Kill()
		p.end()
		s.clean() // the end of its input ended it
	})
	t.Run("killed before the start", func(t *testing.T) { s.killedEarly(program, waits) })
}

// programs are two that helpers may run: one that waits for the end of its input, one that fails at once.
func (s *runningProject) programs() (waits, fails string) {
	s.t.Helper()
	dir := s.t.TempDir()
	for name, text := range map[string]string{
		"waits": `import ("io"; "os"); func main() { io.Copy(io.Discard, os.Stdin) }`,
		"fails": `func main() { panic("it fails") }`,
	} {
		source := filepath.Join(dir, name+".go")
		write(s.t, source, "package main\n"+text+"\n")
		if err := compile(filepath.Join(dir, name), source); err != nil {
			s.t.Fatal(err)
		}
	}
	return filepath.Join(dir, "waits"), filepath.Join(dir, "fails")
}

// killedEarly kills the program between the creation and the start of its helper. A later run removes that
// one, if it is old enough: the second run is told that it is later, and of this project's helpers alone.
func (s *runningProject) killedEarly(program, waits string) {
	direct := s.daemon
	defer func() { s.daemon = direct }()

	created := make(chan bool, 1)
	s.daemon = &recorder{host: s.standBefore(direct.host, func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPut {
			io.Copy(io.Discard, r.Body)
			created <- true
			<-r.Context().Done()
			return true
		}
		return false
	}, nil)}
	p := s.start(waits, "--timeout=1m")
	select {
	case <-created:
	case <-time.After(time.Minute):
		s.t.Fatal("no helper was created")
	}
	p.Process.Kill()
	p.end()
	if left := s.helpers(); len(left) != 1 {
		s.t.Fatalf("left behind: %q", left)
	}

	s.daemon = direct
	s.start(program, "--timeout=1m").end()
	if left := s.helpers(); len(left) != 1 {
		s.t.Errorf("a helper that another run may be about to start was removed: %q", left)
	}
	s.daemon = &recorder{host: s.standBefore(direct.host, nil, s.later)}
	s.start(program, "--timeout=1m").end()
	s.clean()
}

// standBefore stands before the daemon too: it answers some requests itself, and changes answers.
func (s *runningProject) standBefore(host string, answers func(http.ResponseWriter, *http.Request) bool, changes func(*http.Response) error) string {
	s.t.Helper()
	at, err := url.Parse(host)
	if err != nil {
		s.t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{
		Rewrite:        func(to *httputil.ProxyRequest) { to.SetURL(&url.URL{Scheme: "http", Host: "docker"}) },
		Transport:      &http.Transport{Dial: dialer("unix", at.Path)},
		ModifyResponse: changes,
		ErrorLog:       log.New(io.Discard, "", 0), // of clients that are killed
	}
	return answering(s.t, func(w http.ResponseWriter, r *http.Request) {
		if answers == nil || !answers(w, r) {
			proxy.ServeHTTP(w, r)
		}
	})
}

// later changes an answer into one of some minutes later, and a list of helpers into one of this project's.
func (s *runningProject) later(response *http.Response) error {
	response.Header.Set("Date", time.Now().Add(5*time.Minute).UTC().Format(http.TimeFormat))
	if !strings.Contains(response.Request.URL.RawQuery, "why502.probe") {
		return nil
	}
	defer response.Body.Close()
	var list []map[string]any
	if err := json.NewDecoder(response.Body).Decode(&list); err != nil {
		return err
	}
	list = slices.DeleteFunc(list, func(c map[string]any) bool {
		return !slices.ContainsFunc(s.helpers(), func(id string) bool { return strings.HasPrefix(fmt.Sprint(c["Id"]), id) })
	})
	text, err := json.Marshal(list)
	response.Body = io.NopCloser(bytes.NewReader(text))
	response.ContentLength = int64(len(text))
	response.Header.Set("Content-Length", fmt.Sprint(len(text)))
	return err
}

// nothing says whether what the engine says of a setting is that there is none.
func nothing(setting any) bool {
	return slices.Contains([]string{"<nil>", "map[]", "[]"}, fmt.Sprint(setting))
}

// What the engine says of a helper: it has the image and the network of the proxy's container, and else
// nothing of it, and it may do next to nothing.
func TestHelperReadBack(t *testing.T) {
	s := startProject(t)
	waits, _ := s.programs()
	p := s.start(waits, "--timeout=1m")
	defer p.end()
	defer p.Process.Signal(os.Interrupt)
	var helper, edge struct {
		Image  string
		State  struct{ Pid int }
		Mounts []any
		Config struct {
			User, WorkingDir string
			Env              []string
			Labels           map[string]string
			Healthcheck      struct{ Test []string }
		}
		HostConfig struct {
			NetworkMode, PidMode, IpcMode     string
			AutoRemove, Privileged            bool
			CapAdd, CapDrop, SecurityOpt      []string
			Binds, Devices, Mounts, GroupAdd  []any
			Memory, PidsLimit                 int64
			LogConfig                         struct{ Type string }
			RestartPolicy                     struct{ Name string }
			PortBindings, Sysctls, ExtraHosts any
			Tmpfs                             map[string]string
		}
	}
	for id, of := range map[string]any{s.helper(): &helper, s.edge: &edge} {
		if err := json.Unmarshal([]byte(s.docker("inspect", "--format", "{{json .}}", id)), of); err != nil {
			t.Fatal(err)
		}
	}
	config, host := helper.Config, helper.HostConfig
	for what, ok := range map[string]bool{
		"image":          helper.Image == edge.Image,
		"network":        host.NetworkMode == "container:"+s.edge,
		"processes":      host.PidMode == "",
		"memory shared":  host.IpcMode == "private" && edge.HostConfig.IpcMode == "shareable",
		"of the network": nothing(host.PortBindings) && nothing(host.Sysctls) && nothing(host.ExtraHosts) && !nothing(edge.HostConfig.PortBindings) && !nothing(edge.HostConfig.Sysctls) && !nothing(edge.HostConfig.ExtraHosts),
		"mounts":         len(helper.Mounts)+len(host.Mounts)+len(host.Binds)+len(host.Devices) == 0 && len(edge.Mounts) == 4,
		"volume":         host.Tmpfs["/cache"] == "" && len(host.Tmpfs) == 1,
		"capabilities":   len(host.CapAdd) == 0 && slices.Equal(host.CapDrop, []string{"ALL"}) && !host.Privileged,
		"new privileges": slices.Equal(host.SecurityOpt, []string{"no-new-privileges"}),
		"limits":         host.Memory == 64<<20 && host.PidsLimit == 64,
		"removal":        host.AutoRemove && (host.RestartPolicy.Name == "no" || host.RestartPolicy.Name == ""),
		"log":            host.LogConfig.Type == "none",
		"user":           config.User == "65534:65534" && config.WorkingDir == "/" && len(host.GroupAdd) == 0,
		"health check":   slices.Equal(config.Healthcheck.Test, []string{"NONE"}),
		"environment":    !strings.Contains(strings.Join(config.Env, " "), "=") && slices.Contains(edge.Config.Env, "OF_THE_IMAGE=secret"),
		"labels":         config.Labels["com.docker.compose.project"] == "" && config.Labels["of.compose"] == "" && config.Labels["why502.probe"] == "1",
	} {
		if !ok {
			t.Errorf("%s: %+v", what, helper)
		}
	}
	if status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", helper.State.Pid)); err == nil {
		for _, want := range []string{"CapEff:\t0000000000000000", "CapPrm:\t0000000000000000", "CapBnd:\t0000000000000000", "NoNewPrivs:\t1", "Uid:\t65534"} {
			if !strings.Contains(string(status), want) {
				t.Errorf("no %q in\n%s", want, status)
			}
		}
	}
	if variables, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", helper.State.Pid)); err == nil && strings.Contains(string(variables), "secret") {
		t.Errorf("its environment is %q", variables)
	}
	if all := strings.Fields(s.docker("compose", "-p", s.project, "--project-directory", s.dir, "ps", "-aq")); len(all) != 2 {
		t.Errorf("Compose has the containers %q, want its own two", all)
	}
}
