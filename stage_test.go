package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"why502/compose"
)

// engine is the endpoint of the Docker engine; without one the test ends here.
func engine(t *testing.T) *url.URL {
	t.Helper()
	wanted := os.Getenv("WHY502_E2E")
	if wanted == "off" || testing.Short() {
		t.Skip("scenarios are not played")
	}
	out, err := exec.CommandContext(t.Context(), "docker", "context", "inspect", "--format", "{{.Endpoints.docker.Host}}").Output()
	if err == nil {
		err = exec.CommandContext(t.Context(), "docker", "version").Run()
	}
	endpoint, parseErr := url.Parse(strings.TrimSpace(string(out)))
	if err = errors.Join(err, parseErr); err == nil {
		return endpoint
	}
	if wanted == "require" {
		t.Fatalf("no Docker engine to play the scenarios on: %v", err)
	}
	t.Skipf("no Docker engine to play the scenarios on: %v", err)
	return nil
}

// play is one scenario on the engine.
type play struct {
	scenario
	t        *testing.T
	stack    *compose.Stack
	static   document // the report from the files alone
	daemon   *recorder
	written  string   // the project's name as play.txt and the want files have it: the folder's
	project  string   // its name on the engine
	folder   string   // a copy of the scenario's, because Docker makes directories of missing mounts
	flags    []string // of docker compose: names project and files
	networks []string // that the play has made
	logged   []string // what services have logged, by play.txt
}

func newPlay(t *testing.T, s scenario, endpoint *url.URL) *play {
	p := &play{scenario: s, t: t, written: filepath.Base(s.dir)}
	p.project = fmt.Sprintf("why502-%s-%x", strings.ReplaceAll(s.name, "/", "-"), time.Now().UnixNano()&0xffffff)
	p.folder = filepath.Join(t.TempDir(), p.project)
	if err := os.CopyFS(p.folder, os.DirFS(s.dir)); err != nil {
		t.Fatal(err)
	}
	p.load()
	p.static = p.judged("--live=off")
	buildForHelpers(t)
	p.daemon = record(t, endpoint)
	t.Cleanup(p.cleanUp)
	return p
}

// load reads the project as its files are now.
func (p *play) load() {
	stack, err := compose.Load(p.t.Context(), compose.Options{Directory: p.folder, Env: environment()})
	if err != nil {
		p.t.Fatal(err)
	}
	p.stack = stack
	p.flags = []string{"compose", "-p", p.project, "--project-directory", p.folder}
	for _, file := range stack.Files {
		p.flags = append(p.flags, "-f", filepath.Join(p.folder, file))
	}
	if ports := p.freePorts(); ports != "" {
		p.flags = append(p.flags, "-f", ports)
	}
}

// environment is this process's without what would choose another project.
func environment() []string {
	return slices.DeleteFunc(os.Environ(), func(entry string) bool { return strings.HasPrefix(entry, "COMPOSE_") })
}

// why502 runs the program on the project as it is called on the engine.
func (p *play) why502(args ...string) result {
	return p.start(append(args, "--timeout=1m", "-p", p.project, p.folder)...) // several plays at once keep the engine busy
}

// judged is the program's report on the project; nothing, where it has none.
func (p *play) judged(args ...string) (doc document) {
	if got := p.why502(append(args, "--format=json")...); got.code != exitError {
		doc = decode(p.t, got)
	}
	return doc
}

// start runs the program where the engine is the play's.
func (p *play) start(args ...string) result {
	env := environment()
	if p.daemon != nil {
		env = append(env, "DOCKER_HOST="+p.daemon.host)
	}
	var stdout, stderr strings.Builder
	code := run(p.t.Context(), args, env, strings.NewReader(""), &stdout, &stderr)
	rename := strings.NewReplacer(p.project, p.written)
	return result{code, rename.Replace(stdout.String()), rename.Replace(stderr.String())}
}

// freePorts writes a Compose file that publishes every port on one that the daemon picks, so that
// plays do not get in each other's way. One that several services publish is the same for all of them.
// On the host's network ports are as they are written, and there is no such file.
func (p *play) freePorts() string {
	var b strings.Builder
	b.WriteString("services:\n")
	shared := p.sharedPorts()
	for _, name := range slices.Sorted(maps.Keys(p.stack.Services)) {
		svc := p.stack.Services[name]
		if len(svc.Ports) == 0 || p.onHost() || p.asWritten() {
			continue
		}
		fmt.Fprintf(&b, "  %s:\n    ports: !override\n", name)
		for _, port := range svc.Ports {
			fmt.Fprintf(&b, "      - \"127.0.0.1:%s:%d/%s\"\n", shared[port.Published], port.Target, port.Protocol)
		}
	}
	if !strings.Contains(b.String(), "ports:") {
		return ""
	}
	file := filepath.Join(p.t.TempDir(), "ports.yaml")
	write(p.t, file, b.String())
	return file
}

// sharedPorts gives each port that several services publish a free one.
func (p *play) sharedPorts() map[int]string {
	seen, shared := map[int]bool{}, map[int]string{}
	for _, svc := range p.stack.Services {
		for _, port := range svc.Ports {
			if seen[port.Published] && port.Published != 0 && !svc.Disabled {
				shared[port.Published] = freePort(p.t)
			}
			seen[port.Published] = true
		}
	}
	return shared
}

// freePort is a port that nothing listens on.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

var asWritten = []string{"ports", "as", "written"}

// asWritten says whether ports are to be published as the files say.
func (p *play) asWritten() bool {
	return slices.ContainsFunc(p.lines(), func(words []string) bool { return slices.Equal(words, asWritten) })
}

// onHost says whether a proxy uses the host's network.
func (p *play) onHost() bool {
	return slices.ContainsFunc(p.stack.Proxies, func(edge *compose.Proxy) bool { return edge.Service.NetworkMode == "host" })
}

// lines are those of play.txt, in words, without comments.
func (p *play) lines() (all [][]string) {
	for _, line := range strings.Split(read(p.t, filepath.Join(p.dir, "play.txt")), "\n") {
		line, _, _ = strings.Cut(line, " #")
		if words := strings.Fields(line); len(words) > 0 {
			all = append(all, words)
		}
	}
	return all
}

// perform carries out play.txt and gives what was answered, by URL. An error is something else than it says.
func (p *play) perform() (asked map[string]string, err error) {
	asked = map[string]string{}
	for _, words := range p.lines() {
		switch {
		case words[0] == "docker":
			err = p.command(words[1:], false)
		case len(words) > 2 && words[0] == "!" && words[1] == "docker":
			err = p.command(words[2:], true)
		case slices.Contains(fileCommands, words[0]):
			err = p.shell(strings.Join(words, " "))
		case len(words) == 3 && words[0] == "ask":
			err = p.ask(words[1], words[2])
			asked[words[1]] = words[2]
		case len(words) > 2 && words[0] == "log":
			err = p.untilLogged(words[1], strings.Join(words[2:], " "))
		case slices.Equal(words, asWritten):
		case len(words) == 3 && words[0] == "until" && words[2] == "restarting":
			err = p.untilRestarting(words[1])
		default:
			p.t.Fatalf("play.txt: cannot read %q", words)
		}
		if err != nil {
			return nil, fmt.Errorf("%w\n%s", err, p.engineSays())
		}
	}
	if len(asked) == 0 {
		p.t.Fatal("play.txt asks nothing")
	}
	time.Sleep(logging)
	return asked, nil
}

// command carries out a docker command. The name of the folder stands for that of the project.
func (p *play) command(words []string, fails bool) error {
	words = slices.Clone(words)
	for i := range words {
		words[i] = strings.ReplaceAll(words[i], p.written, p.project)
	}
	if len(words) > 2 && words[0] == "network" && words[1] == "create" {
		p.networks = append(p.networks, words[len(words)-1])
	}
	out, err := p.docker(p.t.Context(), words...)
	if fails == (err == nil) {
		return fmt.Errorf("docker %s: %v\n%s", strings.Join(words, " "), err, out)
	}
	time.Sleep(settling)
	return nil
}

// fileCommands are what a play may do besides docker commands.
var fileCommands = []string{"cp", "mv", "sed", "rm", "mkdir", "touch", "ln", "sleep"}

// shell carries out a command on the files of the project.
func (p *play) shell(line string) error {
	cmd := exec.CommandContext(p.t.Context(), "sh", "-c", line)
	cmd.Dir = p.folder
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", line, err, out)
	}
	return nil
}

// untilRestarting waits until a service has been restarted so often that the engine waits for some
// seconds before it does so again: the wait doubles, from 100 ms.
func (p *play) untilRestarting(service string) error {
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		if c := p.inspect(service); c.RestartCount >= 6 && c.State.Status == "restarting" {
			return nil
		}
	}
	return fmt.Errorf("%s does not keep restarting", service)
}

// untilLogged waits until a service has logged a text, which then is to be among the report's evidence.
func (p *play) untilLogged(service, text string) (err error) {
	p.logged = append(p.logged, text)
	out := ""
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(200 * time.Millisecond) {
		if out, err = p.docker(p.t.Context(), "compose", "logs", service); err == nil && strings.Contains(out, text) {
			return nil
		}
	}
	return fmt.Errorf("%s does not log %q: %v\n%s", service, text, err, out)
}

func (p *play) docker(ctx context.Context, words ...string) (string, error) {
	if words[0] == "compose" {
		words = append(slices.Clone(p.flags), words[1:]...)
	}
	cmd := exec.CommandContext(ctx, "docker", words...)
	cmd.Env = environment()
	cmd.Dir = p.folder
	out, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

// engineSays is how the containers are, and the last that they said.
func (p *play) engineSays() string {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	state, _ := p.docker(ctx, "compose", "ps", "-a")
	logs, _ := p.docker(ctx, "compose", "logs", "--tail=8")
	return state + "\n" + logs
}

// cleanUp removes whatever the play has made, also where it failed.
func (p *play) cleanUp() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if p.t.Failed() {
		p.t.Log(p.engineSays())
	}
	if strangers, _ := p.docker(ctx, "ps", "-aq", "--filter", "name="+p.project); strangers != "" {
		p.docker(ctx, append([]string{"rm", "-f", "-v"}, strings.Fields(strangers)...)...)
	}
	if out, err := p.docker(ctx, "compose", "--profile", "*", "down", "-v", "-t", "0", "--remove-orphans", "--rmi", "local"); err != nil {
		p.t.Errorf("docker compose down: %v\n%s", err, out)
	}
	for _, network := range p.networks {
		p.docker(ctx, "network", "rm", network)
	}
}

// ask sends a request until it gets the answer that is expected.
func (p *play) ask(address, want string) error {
	to, err := url.Parse(address)
	if err != nil || to.Port() == "" {
		p.t.Fatalf("play.txt: %s is no URL with a port: %v", address, err)
	}
	got, deadline := "", time.Now().Add(patience)
	for {
		if got = p.answer(to); got == want || got == "closed" && want == "refused" {
			return nil // docker-proxy accepts what the container refuses, and closes it then
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s answers %s, want %s", address, got, want)
		}
		time.Sleep(200 * time.Millisecond)
	}
}

// answer is what one request gets.
func (p *play) answer(to *url.URL) string {
	service, target := p.publisher(to)
	switch p.state(service) {
	case "running", "paused":
	case "stopped":
		return "refused"
	default:
		return "no-start"
	}
	address := net.JoinHostPort("127.0.0.1", to.Port())
	if target != 0 && !p.asWritten() {
		published := p.inspect(service).NetworkSettings.Ports[strconv.Itoa(target)+"/tcp"]
		if len(published) == 0 {
			return "refused"
		}
		address = net.JoinHostPort(published[0].HostIP, published[0].HostPort)
	}
	return get(p.t.Context(), address, to)
}

// publisher is the service that publishes the URL's port, and the port in its container; on the
// host's network the proxy, and 0.
func (p *play) publisher(to *url.URL) (service string, target int) {
	services := slices.Sorted(maps.Keys(p.stack.Services))
	slices.SortStableFunc(services, func(a, b string) int { return cmp.Compare(p.isProxy(b), p.isProxy(a)) })
	for _, name := range services {
		for _, port := range p.stack.Services[name].Ports {
			if strconv.Itoa(port.Published) == to.Port() && !p.onHost() {
				return name, port.Target
			}
		}
	}
	if !p.onHost() {
		p.t.Fatalf("play.txt: no service publishes port %s", to.Port())
	}
	return p.stack.Proxies[0].Service.Name, 0
}

// isProxy is 1 for a proxy, whose port it is where several services publish it; else 0.
func (p *play) isProxy(service string) int {
	if slices.ContainsFunc(p.stack.Proxies, func(edge *compose.Proxy) bool { return edge.Service.Name == service }) {
		return 1
	}
	return 0
}

// state is that of the container of a service; empty: it has none. One that ended without an error,
// and so would start again, is "stopped".
func (p *play) state(service string) string {
	switch state := p.inspect(service).State; {
	case state.Status == "exited" && state.ExitCode == 0 && state.Error == "":
		return "stopped"
	default:
		return state.Status
	}
}

// container is what the engine says of one.
type container struct {
	State struct {
		Status, Error string
		ExitCode      int
	}
	RestartCount    int
	NetworkSettings struct {
		Ports    map[string][]struct{ HostIP, HostPort string }
		Networks map[string]any
	}
}

// inspect is what the engine says of the first container of a service; nothing, where it has none.
func (p *play) inspect(service string) (c container) {
	p.t.Helper()
	if name := p.containerOf(service); name != "" {
		p.daemon.get(p.t, "/containers/"+name+"/json", &c)
	}
	return c
}

// containerOf is the name of the first container of a service; empty: it has none.
func (p *play) containerOf(service string) string {
	p.t.Helper()
	filters := fmt.Sprintf(`{"label":["com.docker.compose.project=%s","com.docker.compose.service=%s","com.docker.compose.oneoff=False"]}`, p.project, service)
	var list []struct{ Names []string }
	p.daemon.get(p.t, "/containers/json?all=1&filters="+url.QueryEscape(filters), &list)
	var names []string
	for _, one := range list {
		names = append(names, one.Names...)
	}
	if len(names) == 0 {
		return ""
	}
	return strings.TrimPrefix(slices.Min(names), "/")
}

// get sends one request to an address and gives its status, or how it failed.
func get(ctx context.Context, address string, to *url.URL) string {
	ctx, cancel := context.WithTimeout(ctx, slowest)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+to.RequestURI(), nil)
	if err != nil {
		return err.Error()
	}
	request.Host = to.Host
	transport := &http.Transport{DisableKeepAlives: true}
	response, err := transport.RoundTrip(request)
	var timeout net.Error
	switch {
	case err == nil:
		response.Body.Close()
		return strconv.Itoa(response.StatusCode)
	case errors.Is(err, syscall.ECONNREFUSED):
		return "refused"
	case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET):
		return "closed"
	case errors.As(err, &timeout) && timeout.Timeout():
		return "hangs"
	}
	return err.Error()
}
