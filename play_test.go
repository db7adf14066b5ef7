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
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"why502/compose"
)

// A scenario with a play.txt is played on the Docker engine that the docker command reaches. The
// file has the commands that a user would type, a leading ! before one that has to fail, and what
// nginx really answers then:
//
//	docker compose up -d
//	docker compose pause api
//	ask http://localhost:8080/ 504
//
// Files of the project are changed with cp, mv, sed, rm, mkdir, touch and ln, in the scenario's folder (a
// copy of it); sleep waits.
//
// A service that keeps restarting is up between its restarts. "until api restarting" waits until the
// engine has slowed the restarts down, so that what follows sees it down.
//
// Ports are published where there is a free one; "ports as written" where the files say, because a pass
// names one of them.
//
// Besides a status, ask takes no-start (nginx's container does not run), refused (nothing listens
// behind the published port), closed (the connection is closed without an answer) and hangs.
//
// Without an engine the plays are skipped; WHY502_E2E=require makes that an error. WHY502_E2E=off or
// -short skips them always.
const (
	playsAtOnce = 4
	settling    = 2 * time.Second  // a container that has just started may yet end, or not yet listen
	patience    = 20 * time.Second // for the expected answer
	slowest     = 25 * time.Second // single answer: nginx waits as long for a dead neighbour
)

// TestPlayed plays every scenario that has a play.txt.
func TestPlayed(t *testing.T) {
	endpoint := engine(t)
	slots := make(chan struct{}, playsAtOnce)
	var all sync.WaitGroup
	for _, s := range scenarios(t) {
		if !s.has("play.txt") {
			continue
		}
		all.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			t.Run(s.name, func(t *testing.T) { newPlay(t, s, endpoint).run() })
		})
	}
	all.Wait()
}

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
}

func newPlay(t *testing.T, s scenario, endpoint *url.URL) *play {
	p := &play{scenario: s, t: t, written: filepath.Base(s.dir), folder: filepath.Join(t.TempDir(), filepath.Base(s.dir))}
	p.project = fmt.Sprintf("why502-%s-%x", strings.ReplaceAll(s.name, "/", "-"), time.Now().UnixNano()&0xffffff)
	if err := os.CopyFS(p.folder, os.DirFS(s.dir)); err != nil {
		t.Fatal(err)
	}
	stack, err := compose.Load(t.Context(), compose.Options{Directory: p.folder, Env: environment()})
	if err != nil {
		t.Fatal(err)
	}
	p.stack = stack
	p.static = decode(t, p.why502("--live=off", "--format=json"))
	p.flags = []string{"compose", "-p", p.project, "--project-directory", p.folder}
	for _, file := range stack.Files {
		p.flags = append(p.flags, "-f", filepath.Join(p.folder, file))
	}
	if ports := p.freePorts(); ports != "" {
		p.flags = append(p.flags, "-f", ports)
	}
	buildForHelpers(t)
	p.daemon = record(t, endpoint)
	return p
}

// environment is this process's without what would choose another project.
func environment() []string {
	return slices.DeleteFunc(os.Environ(), func(entry string) bool { return strings.HasPrefix(entry, "COMPOSE_") })
}

// why502 runs the program on the project as it is called on the engine.
func (p *play) why502(args ...string) result {
	env := environment()
	if p.daemon != nil {
		env = append(env, "DOCKER_HOST="+p.daemon.host)
	}
	var stdout, stderr strings.Builder
	args = append(args, "--timeout=1m", "-p", p.project, p.folder) // several plays at once keep the engine busy
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
	return slices.ContainsFunc(strings.Split(read(p.t, filepath.Join(p.dir, "play.txt")), "\n"), func(line string) bool {
		line, _, _ = strings.Cut(line, " #")
		return slices.Equal(strings.Fields(line), asWritten)
	})
}

// onHost says whether a service uses the host's network.
func (p *play) onHost() bool {
	for _, svc := range p.stack.Services {
		if svc.NetworkMode == "host" {
			return true
		}
	}
	return false
}

// run carries out play.txt, then compares what the program says with what nginx did.
func (p *play) run() {
	p.t.Cleanup(p.cleanUp)
	asked := map[string]string{}
	for _, line := range strings.Split(read(p.t, filepath.Join(p.dir, "play.txt")), "\n") {
		line, _, _ = strings.Cut(line, " #")
		words := strings.Fields(line)
		switch {
		case len(words) == 0:
		case words[0] == "docker":
			p.command(words[1:], false)
		case len(words) > 2 && words[0] == "!" && words[1] == "docker":
			p.command(words[2:], true)
		case slices.Contains(fileCommands, words[0]):
			p.shell(line)
		case len(words) == 3 && words[0] == "ask":
			p.ask(words[1], words[2])
			asked[words[1]] = words[2]
		case slices.Equal(words, asWritten):
		case len(words) == 3 && words[0] == "until" && words[2] == "restarting":
			p.untilRestarting(words[1])
		default:
			p.t.Fatalf("play.txt: cannot read %q", line)
		}
	}
	if len(asked) == 0 {
		p.t.Fatal("play.txt asks nothing")
	}
	p.compare(asked)
}

// command carries out a docker command. The name of the folder stands for that of the project.
func (p *play) command(words []string, fails bool) {
	p.t.Helper()
	for i := range words {
		words[i] = strings.ReplaceAll(words[i], p.written, p.project)
	}
	if len(words) > 2 && words[0] == "network" && words[1] == "create" {
		p.networks = append(p.networks, words[len(words)-1])
	}
	out, err := p.docker(p.t.Context(), words...)
	if fails == (err == nil) {
		p.t.Fatalf("docker %s: %v\n%s", strings.Join(words, " "), err, out)
	}
	time.Sleep(settling)
}

// fileCommands are what a play may do besides docker commands.
var fileCommands = []string{"cp", "mv", "sed", "rm", "mkdir", "touch", "ln", "sleep"}

// shell carries out a command on the files of the project.
func (p *play) shell(line string) {
	p.t.Helper()
	cmd := exec.CommandContext(p.t.Context(), "sh", "-c", line)
	cmd.Dir = p.folder
	if out, err := cmd.CombinedOutput(); err != nil {
		p.t.Fatalf("%s: %v\n%s", line, err, out)
	}
}

// untilRestarting waits until a service has been restarted so often that the engine waits for some
// seconds before it does so again: the wait doubles, from 100 ms.
func (p *play) untilRestarting(service string) {
	p.t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		if c := p.inspect(service); c.RestartCount >= 6 && c.State.Status == "restarting" {
			return
		}
	}
	p.t.Fatalf("%s does not keep restarting", service)
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

// cleanUp removes whatever the play has made, also where it failed.
func (p *play) cleanUp() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if p.t.Failed() {
		out, _ := p.docker(ctx, "compose", "ps", "-a")
		logs, _ := p.docker(ctx, "compose", "logs", "--tail=8")
		p.t.Logf("%s\n%s", out, logs)
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
func (p *play) ask(address, want string) {
	p.t.Helper()
	to, err := url.Parse(address)
	if err != nil || to.Port() == "" {
		p.t.Fatalf("play.txt: %s is no URL with a port: %v", address, err)
	}
	got, deadline := "", time.Now().Add(patience)
	for {
		if got = p.answer(to); got == want || got == "closed" && want == "refused" {
			return // docker-proxy accepts what the container refuses, and closes it then
		}
		if time.Now().After(deadline) {
			p.t.Fatalf("%s answers %s, want %s", address, got, want)
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
		Ports map[string][]struct{ HostIP, HostPort string }
	}
}

// inspect is what the engine says of the first container of a service; nothing, where it has none.
func (p *play) inspect(service string) (c container) {
	p.t.Helper()
	filters := fmt.Sprintf(`{"label":["com.docker.compose.project=%s","com.docker.compose.service=%s","com.docker.compose.oneoff=False"]}`, p.project, service)
	var list []struct{ Names []string }
	p.daemon.get(p.t, "/containers/json?all=1&filters="+url.QueryEscape(filters), &list)
	var names []string
	for _, one := range list {
		names = append(names, one.Names...)
	}
	if len(names) > 0 {
		p.daemon.get(p.t, "/containers"+slices.Min(names)+"/json", &c)
	}
	return c
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

// compare holds the reports against what nginx did.
func (p *play) compare(asked map[string]string) {
	got := p.why502("--format=json")
	doc := decode(p.t, got)
	golden(p.t, filepath.Join(p.dir, "want.live.txt"), fmt.Sprintf("exit %d\nlive %s\n%s", got.code, doc.Live.State, doc))
	if p.has("want.live.text.txt") {
		golden(p.t, filepath.Join(p.dir, "want.live.text.txt"), p.why502().stdout)
	}
	p.check(p.t, doc)
	if *boxed || slices.Contains(inTheBox, p.name) {
		p.boxed(doc)
	}
	if p.works {
		noErrors(p.t, doc)
	}
	foreseen := p.errs(p.static)
	for address, status := range asked {
		p.predicts("with the daemon", doc, address, status)
		if foreseen {
			p.predicts("from the files", p.static, address, status)
		}
	}
	for address, status := range asked {
		p.traces(doc, address, status)
		break // sending one is enough
	}
	p.loads()
	for _, request := range beyondReading(p.daemon.requests(), true) {
		p.t.Errorf("the daemon was asked to %s", request)
	}
	before := len(p.daemon.requests())
	p.why502("--probe=off")
	for _, request := range beyondReading(p.daemon.requests()[before:], false) {
		p.t.Errorf("with --probe=off the daemon was asked to %s", request)
	}
}

// traces follows one of the requests that were asked, and sends it: it gets the same answer, and what is wrong
// on its route is what the diagnosis says of that.
func (p *play) traces(whole document, address, status string) {
	to, _ := url.Parse(address)
	service, target := p.publisher(to)
	port := to.Port()
	if published := p.inspect(service).NetworkSettings.Ports[strconv.Itoa(target)+"/tcp"]; len(published) > 0 && !p.asWritten() {
		port = published[0].HostPort
	}
	got := p.why502("trace", "http://"+net.JoinHostPort(to.Hostname(), port)+to.RequestURI(), "-H", "Host: "+to.Host, "--format=json")
	if got.code == exitError {
		untraceable(p.t, address, got.stderr)
		return
	}
	traced := decodeTrace(p.t, got)
	agrees(p.t, whole, traced)
	answer := traced.Trace.Answer
	if _, err := strconv.Atoi(status); err == nil && answer.Status != status || err != nil && answer.Error == "" && answer.Status != status {
		p.t.Errorf("trace: %s answers %s, not %q (%s)", address, status, answer.Status, answer.Error)
	}
}

// otherMain tells a start that says which file nginx begins with, so that nginx -T alone prints another.
var otherMain = regexp.MustCompile(`nginx.* -[cp]`)

// behind are rules whose point it is that nginx has another configuration than the files.
var behind = []string{"config-mount-stale", "config-reload-failed", "config-not-reloaded", "config-image-stale"}

// loads holds what was read from the files against what nginx prints of its configuration: in the
// container that runs, else in one of its own, with what the other lacks to start. What the daemon alone
// tells is left out.
func (p *play) loads() {
	refused := refusals(decode(p.t, p.why502("--live=off", "--format=json")))
	for _, edge := range slices.Concat(p.stack.Proxies, p.stack.Servers) {
		if !known(edge) || p.rule == "proxy-not-running" || slices.Contains(behind, p.rule) {
			continue
		}
		real := printout{refused: "it does not run"}
		if p.state(edge.Service.Name) == "running" && !otherMain.MatchString(strings.Join(edge.Service.Start(), " ")) {
			real = printed(p.t, slices.Concat(p.flags, []string{"exec", "-T", edge.Service.Name, "nginx", "-T"}))
		}
		if real.refused != "" {
			image := cmp.Or(edge.Service.Image, p.project+p.stack.Separator+edge.Service.Name)
			real = lone{edge, p.folder, image}.print(p.t)
		}
		real.compare(p.t, edge, refused[edge.Service.Name])
	}
}

// failures are the answers that a route can be predicted to give.
var failures = []string{"502", "504", "500", "no-start", "refused", "closed", "hangs"}

// predicts checks that a report foresees an answer. A route that is at risk may work or fail.
func (p *play) predicts(how string, doc document, address, status string) {
	p.t.Helper()
	to, _ := url.Parse(address)
	_, target := p.publisher(to)
	routes := doc.routesOf(to, target)
	if len(routes) == 0 { // what was found is all that says something
		if len(doc.Findings) > 0 && doc.Findings[0].Status != "" && doc.Findings[0].Status != status {
			p.t.Errorf("%s: %s answers %s, but %s says %s", how, address, status, doc.Findings[0].Rule, doc.Findings[0].Status)
		}
		return
	}
	// where a map chooses, it is one of several
	if !slices.ContainsFunc(routes, func(r route) bool { return p.foresees(doc, r, status) }) {
		r := routes[0]
		p.t.Errorf("%s: %s answers %s, but the route %q is %s %s", how, address, status, r.ID, r.Verdict, orDash(r.Status))
	}
}

// foresees says whether a route's verdict fits an answer.
func (s scenario) foresees(doc document, r route, status string) bool {
	if r.Verdict == "at-risk" && doc.Live.State == "off" {
		return true
	}
	broken := r.Verdict == "broken" || r.Verdict == "likely-broken"
	if broken && r.Status == "" && !s.works {
		return true // something else than the upstream answers
	}
	return !(broken && r.Status != "" && r.Status != status) && broken == slices.Contains(failures, status)
}

// routesOf are the routes that a URL may take: by port, server name, and the longest location.
func (d document) routesOf(to *url.URL, target int) (best []route) {
	listen := to.Port()
	if target != 0 {
		listen = strconv.Itoa(target)
	}
	longest := -1
	for _, r := range d.Routes {
		if r.Listen != listen && !slices.ContainsFunc(r.Published, func(p string) bool { return strings.HasSuffix(p, ":"+to.Port()) }) {
			continue
		}
		length := r.matches(to.Path)
		if length >= 0 && r.Server == to.Hostname() {
			length += 1000
		}
		if length > longest {
			best, longest = nil, length
		}
		if length == longest && length >= 0 {
			best = append(best, r)
		}
	}
	return best
}

// matches is how much of a path a route's location takes; -1: it does not.
func (r route) matches(path string) int {
	modifier, pattern, modified := strings.Cut(r.Location, " ")
	switch {
	case modified && modifier[0] == '~':
		if ok, err := regexp.MatchString(pattern, path); ok && err == nil {
			return 500 // before every prefix
		}
	case modified && modifier == "=" && path != pattern:
	case modified && strings.HasPrefix(path, pattern):
		return len(pattern)
	case !modified && strings.HasPrefix(path, r.Location):
		return len(r.Location)
	}
	return -1
}
