package live

import (
	"archive/tar"
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"

	"why502/compose"
	"why502/inspect"
	"why502/inspect/probe"
)

// stage is an engine that lets helpers live, and notes what becomes of each step.
type stage struct {
	*engine
	faults map[string]http.HandlerFunc // instead of a step: "create", "archive", "attach", "start", "DELETE", "list"
	say    func(probe.Job) []byte      // what a helper writes; nil: an empty reply to every question

	mu      sync.Mutex
	steps   []string
	created []createRequest
	files   []string
	jobs    []probe.Job
}

type createRequest struct {
	container.Config
	HostConfig container.HostConfig
}

// edgeContainer runs; its image has what a helper must not have.
const edgeContainer = `{
	"Id": "aaa", "Name": "/shop-edge-1", "Image": "sha256:1", "State": {"Status": "running", "Running": true},
	"Config": {"Image": "nginx:1", "Env": ["TOKEN=secret", "LD_PRELOAD=/x.so"], "Volumes": {"/cache": {}}, "Cmd": ["nginx"],
		"Labels": {"com.docker.compose.project": "shop", "com.docker.compose.config-hash": "f00"}},
	"HostConfig": {"NetworkMode": "shop_front", "Privileged": true, "CapAdd": ["ALL"], "Binds": ["/:/host"]},
	"NetworkSettings": {"Networks": {}}}`

// setStage is an engine with two containers that run, aaa and bbb, and one that does not, ccc.
func setStage(t *testing.T, faults map[string]http.HandlerFunc) *stage {
	t.Helper()
	s := &stage{faults: faults}
	s.engine = startEngine(t, map[string]http.HandlerFunc{
		"/version":             text(`{"Version": "29.0.0", "Os": "linux", "Arch": "amd64"}`),
		"/containers/json":     s.list,
		"/containers/aaa/json": text(edgeContainer),
		"/containers/bbb/json": text(strings.Replace(edgeContainer, `"aaa"`, `"bbb"`, 1)),
		"/containers/ccc/json": text(strings.Replace(edgeContainer, `"running", "Running": true`, `"exited"`, 1)),
		"/containers/ddd/json": status(404, "No such container: ddd"),
	})
	s.other = s.step
	return s
}

// list answers the two lists that are asked for: of the project, and of what is to be swept away.
func (s *stage) list(w http.ResponseWriter, r *http.Request) {
	if !strings.Contains(r.FormValue("filters"), labelHelper) {
		text(`[{"Id": "aaa"}, {"Id": "bbb"}]`)(w, r)
	} else if fault := s.faults["list"]; fault != nil {
		fault(w, r)
	} else {
		text(`[]`)(w, r)
	}
}

var stepOf = regexp.MustCompile(`/containers/([\w-]+)(?:/(archive|attach|start))?$`)

// step is one step in the life of a helper.
func (s *stage) step(w http.ResponseWriter, r *http.Request) {
	name := r.Method
	if found := stepOf.FindStringSubmatch(r.URL.Path); found != nil {
		if name = found[2]; found[1] == "create" {
			name = "create"
		} else if name == "" {
			name = r.Method
		}
	}
	s.mu.Lock()
	s.steps = append(s.steps, name)
	s.mu.Unlock()
	switch {
	case s.faults[name] != nil:
		io.Copy(io.Discard, r.Body) // else the server does not see that the client has gone
		s.faults[name](w, r)
	case name == "create":
		s.create(w, r)
	case name == "archive":
		s.archive(w, r)
	case name == "attach":
		s.attach(w)
	case name == "start", name == http.MethodDelete:
		w.WriteHeader(http.StatusNoContent)
	}
}

// done are the steps so far.
func (s *stage) done() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.steps)
}

func (s *stage) create(w http.ResponseWriter, r *http.Request) {
	var c createRequest
	if err := json.NewDecoder(r.Body).Decode(&c); err != nil {
		status(400, err.Error())(w, r)
		return
	}
	s.mu.Lock()
	s.created = append(s.created, c)
	s.mu.Unlock()
	w.WriteHeader(http.StatusCreated)
	fmt.Fprint(w, `{"Id": "fff"}`)
}

func (s *stage) archive(_ http.ResponseWriter, r *http.Request) {
	header, err := tar.NewReader(r.Body).Next()
	io.Copy(io.Discard, r.Body)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.files = append(s.files, fmt.Sprint(r.FormValue("path"), " ", header.Name, " ", header.FileInfo().Mode(), " ", err))
}

// attach is the helper's side of its standard streams.
func (s *stage) attach(w http.ResponseWriter) {
	conn, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer conn.Close()
	io.WriteString(conn, "HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n")
	var job probe.Job
	if json.NewDecoder(buffered).Decode(&job) != nil {
		return
	}
	s.mu.Lock()
	s.jobs = append(s.jobs, job)
	s.mu.Unlock()
	say := s.say
	if say == nil {
		say = reply
	}
	conn.Write(say(job))
}

// reply answers every question, over two frames.
func reply(job probe.Job) []byte {
	answers := make([]probe.Answer, len(job.Questions))
	for i, q := range job.Questions {
		switch answers[i].Question = q; q.Kind {
		case inspect.AskCall:
			answers[i].Reply = &inspect.Reply{Talk: inspect.Talk{Speaks: "http", Banner: "\x1b[31mred"}}
		case inspect.AskSockets:
			answers[i].Sockets = []inspect.Socket{{Address: "127.0.0.1", Port: 8000}}
		case inspect.AskMounts:
			answers[i].Mounts = []inspect.Mounted{{Target: "/etc/nginx/nginx.conf", Root: "/x//deleted"}}
		}
	}
	text, _ := json.Marshal(answers)
	return slices.Concat([]byte(frame(1, string(text[:5]))), []byte(frame(2, "noise")), []byte(frame(1, string(text[5:]))))
}

// staticProgram is a file that an ELF header says to be a static program for the machine of amd64.
func staticProgram(t *testing.T) string {
	t.Helper()
	header := append([]byte("\x7fELF\x02\x01\x01"), make([]byte, 57)...)
	for at, value := range map[int]uint16{16: 2, 18: 62, 20: 1, 52: 64, 54: 56, 58: 64} { // type, machine, version, sizes
		binary.LittleEndian.PutUint16(header[at:], value)
	}
	file := filepath.Join(t.TempDir(), "why502")
	write(t, string(header), file)
	return file
}

func calls(ids ...string) (questions []inspect.Question) {
	for _, id := range ids {
		for _, host := range []string{"api", "web"} {
			questions = append(questions, inspect.Question{Kind: inspect.AskCall, Of: id, Call: inspect.Call{Host: host}})
		}
	}
	return questions
}

// asking wants to know the project and then, once, these things.
func asking(questions ...inspect.Question) asker {
	asked := false
	return func(stack *compose.Stack, snap *inspect.Snapshot) []inspect.Question {
		if snap.Project == nil {
			return askProject(stack, snap)
		}
		if asked {
			return nil
		}
		asked = true
		return questions
	}
}

// probing observes with helpers that run a program.
func probing(ctx context.Context, env environment, program string, ask asker, stack *compose.Stack) (*inspect.Snapshot, error) {
	where, err := resolve(env)
	if err != nil {
		return nil, err
	}
	d, err := connect(ctx, where, "")
	if err != nil {
		return nil, err
	}
	defer d.close()
	d.helpers = newHelpers(program)
	return d.observe(ctx, ask, stack)
}

// on observes with helpers on the stage.
func (s *stage) on(t *testing.T, patience time.Duration, ask asker) *inspect.Snapshot {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	snap, err := probing(ctx, s.env(), staticProgram(t), ask, shop)
	if err != nil {
		t.Fatal(err)
	}
	return snap
}

// One helper for a container answers all that is asked of it, with nothing of that container's own but
// its image and its place.
func TestHelper(t *testing.T) {
	s := setStage(t, nil)
	questions := append(calls("aaa"), inspect.Question{Kind: inspect.AskSockets, Of: "aaa"}, inspect.Question{Kind: inspect.AskMounts, Of: "aaa"})
	snap := s.on(t, time.Minute, asking(questions...))

	if len(snap.Failed) > 0 || snap.Probe != (inspect.Probe{State: inspect.ProbeDone}) || len(snap.Replies) != 2 {
		t.Errorf("failed %v, probe %+v, replies %v", snap.Failed, snap.Probe, snap.Replies)
	}
	if got := snap.Replies[questions[0]]; got == nil || got.Talk.Banner != "red" {
		t.Errorf("replied %+v", got)
	}
	if len(snap.Sockets["aaa"]) != 1 || len(snap.Mounts["aaa"]) != 1 {
		t.Errorf("sockets %v, mounts %v", snap.Sockets, snap.Mounts)
	}
	if want := []string{"create", "archive", "attach", "start"}; !slices.Equal(s.done(), want) {
		t.Errorf("steps %q, want %q", s.done(), want)
	}
	if want := []string{"/ why502-probe -r-xr-xr-x <nil>"}; !slices.Equal(s.files, want) {
		t.Errorf("files %q, want %q", s.files, want)
	}
	if len(s.jobs) != 1 || !reflect.DeepEqual(s.jobs[0].Questions, questions) || s.jobs[0].Life < 40*time.Second || s.jobs[0].Life > time.Minute {
		t.Errorf("jobs %+v", s.jobs)
	}
	threads := int64(maxThreads)
	wantHost := container.HostConfig{
		NetworkMode: "container:aaa", PidMode: "container:aaa", AutoRemove: true,
		CapDrop: []string{"ALL"}, SecurityOpt: []string{"no-new-privileges"},
		LogConfig: container.LogConfig{Type: "none"}, Tmpfs: map[string]string{"/cache": ""},
		Resources: container.Resources{Memory: 64 << 20, PidsLimit: &threads},
	}
	wantConfig := container.Config{
		Image: "sha256:1", Entrypoint: []string{"/why502-probe"}, Cmd: []string{"probe"}, Env: []string{"TOKEN", "LD_PRELOAD"},
		User: "65534:65534", WorkingDir: "/", AttachStdin: true, AttachStdout: true, AttachStderr: true, OpenStdin: true, StdinOnce: true,
		Healthcheck: &container.HealthConfig{Test: []string{"NONE"}},
		Labels:      map[string]string{"why502.probe": "1", "com.docker.compose.project": "", "com.docker.compose.service": "", "com.docker.compose.version": ""},
	}
	if got := s.created[0]; !reflect.DeepEqual(got.Config, wantConfig) || !reflect.DeepEqual(got.HostConfig, wantHost) {
		t.Errorf("created\n%+v\nwant\n%+v\n%+v", got, wantConfig, wantHost)
	}
}

// Several containers have a helper each, and one that asks nothing of the network does not join it.
func TestHelpers(t *testing.T) {
	s := setStage(t, nil)
	snap := s.on(t, time.Minute, asking(append(calls("aaa"), inspect.Question{Kind: inspect.AskMounts, Of: "bbb"})...))
	if len(snap.Failed) > 0 || len(snap.Replies) != 2 || len(snap.Mounts) != 1 {
		t.Errorf("failed %v, replies %v, mounts %v", snap.Failed, snap.Replies, snap.Mounts)
	}
	var places []string
	for _, c := range s.created {
		places = append(places, fmt.Sprintf("network %q processes %q", c.HostConfig.NetworkMode, c.HostConfig.PidMode))
	}
	slices.Sort(places)
	want := []string{`network "container:aaa" processes ""`, `network "none" processes "container:bbb"`}
	if !slices.Equal(places, want) {
		t.Errorf("helpers with %q, want %q", places, want)
	}
}

// Whatever goes wrong: the questions have a reason, the run goes on and ends in time, and a helper that
// may have been made is removed.
func TestHelperFails(t *testing.T) {
	fault := func(step string, answer http.HandlerFunc) map[string]http.HandlerFunc {
		return map[string]http.HandlerFunc{step: answer}
	}
	says := func(text string) func(probe.Job) []byte { return func(probe.Job) []byte { return []byte(text) } }
	for name, test := range map[string]struct {
		faults  map[string]http.HandlerFunc
		say     func(probe.Job) []byte
		why     string
		removed bool
	}{
		"image is gone":      {fault("create", status(404, "No such image: sha256:1")), nil, "cannot be created: the Docker daemon at", false},
		"create cut":         {fault("create", slam), nil, "cannot be created: the connection to", true},
		"create hangs":       {fault("create", hang), nil, "did not answer in time", true},
		"no space":           {fault("archive", status(500, "no space left")), nil, "cannot be filled: the Docker daemon at", true},
		"archive hangs":      {fault("archive", hang), nil, "did not answer in time", true},
		"attach fails":       {fault("attach", status(500, "no\nway")), nil, "cannot be attached to: the Docker daemon at", true},
		"attach hangs":       {fault("attach", hang), nil, "did not answer in time", true},
		"attach does not":    {fault("attach", text("hello")), nil, "status 200", true},
		"stopped meanwhile":  {fault("start", status(409, "cannot join network namespace of a non running container: container shop-edge-1 is exited")), nil, "it stopped before", true},
		"stopped, of old":    {fault("start", status(409, "cannot join network of a non running container: aaa")), nil, "it stopped before", true},
		"restarts meanwhile": {fault("start", status(409, "Container aaa is restarting, wait until the container is running")), nil, "it stopped before", true},
		"start hangs":        {fault("start", hang), nil, "did not answer in time", true},
		"cannot be removed":  {map[string]http.HandlerFunc{"start": status(500, "x"), "DELETE": hang}, nil, "cannot be started", true},
		"says nothing":       {nil, says(""), "ended without its answers", true},
		"no answers":         {nil, says(frame(1, "[]") + frame(2, "panic: \x1b[31mx")), "ended without its answers: panic: x", true},
		"no JSON":            {nil, says("HTTP/1.1 200 OK"), "ended without its answers", true},
		"hangs":              {nil, func(probe.Job) []byte { time.Sleep(5 * time.Second); return nil }, "did not answer in time", true},
		"too long":           {nil, says(frame(1, strings.Repeat(" ", maxAnswers))), "ended without its answers", true},
		"lacks the answers": {nil, func(job probe.Job) []byte {
			text, _ := json.Marshal(make([]probe.Answer, len(job.Questions)))
			return []byte(frame(1, string(text)))
		}, "lacks what was asked", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := setStage(t, test.faults)
			s.say = test.say
			patience := time.Minute
			if strings.Contains(test.why, "in time") {
				patience = time.Second
			}
			start := time.Now()
			snap := s.on(t, patience, asking(append(calls("aaa"), inspect.Question{Kind: inspect.AskContainer, Of: "bbb"})...))
			if took := time.Since(start); patience == time.Second && took > 4*time.Second { // two graces, and a slow machine
				t.Errorf("took %v", took)
			}
			for _, q := range calls("aaa") {
				if why := snap.Failed[q]; !strings.Contains(why, test.why) || strings.ContainsAny(why, "\n\x1b") {
					t.Errorf("failed with %q, want %q", why, test.why)
				}
			}
			if snap.Containers["bbb"] == nil {
				t.Error("the rest was not answered")
			}
			if snap.Probe.State != inspect.ProbeUnavailable || snap.Probe.Why == "" {
				t.Errorf("probe %+v", snap.Probe)
			}
			if slices.Contains(s.done(), "DELETE") != test.removed {
				t.Errorf("steps %q", s.done())
			}
		})
	}
}

// A daemon that dies while a helper is at work leaves what was known.
func TestDaemonDies(t *testing.T) {
	s := setStage(t, map[string]http.HandlerFunc{"DELETE": slam})
	var dead atomic.Bool
	s.say = func(probe.Job) []byte { dead.Store(true); return nil }
	for _, path := range []string{"/containers/bbb/json", "/containers/bbb/logs"} {
		s.answers[path] = func(w http.ResponseWriter, r *http.Request) {
			if dead.Load() {
				slam(w, r)
			}
		}
	}
	first, second := asking(append(calls("aaa"), inspect.Question{Kind: inspect.AskContainer, Of: "aaa"})...), asking(append(calls("bbb"), inspect.Question{Kind: inspect.AskLog, Of: "bbb"})...)
	snap := s.on(t, time.Minute, func(stack *compose.Stack, snap *inspect.Snapshot) []inspect.Question {
		if questions := first(stack, snap); len(questions) > 0 {
			return questions
		}
		return second(stack, snap)
	})
	if len(snap.Project) != 2 || snap.Containers["aaa"] == nil || len(snap.Failed) != 5 || snap.Probe.State != inspect.ProbeUnavailable {
		t.Errorf("project %v, containers %v, failed %v, probe %+v", snap.Project, snap.Containers, snap.Failed, snap.Probe)
	}
	for q, why := range snap.Failed {
		if !strings.Contains(why, "broke before") && !strings.Contains(why, "ended without") {
			t.Errorf("%s of %s failed with %q", q.Kind, q.Of, why)
		}
	}
}

// An interrupt ends the helper, and it is still removed before the run ends.
func TestHelperInterrupted(t *testing.T) {
	s := setStage(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	s.say = func(probe.Job) []byte { cancel(); time.Sleep(time.Second); return nil }
	snap, err := probing(ctx, s.env(), staticProgram(t), asking(calls("aaa")...), shop)
	if err != nil || !strings.Contains(fmt.Sprint(snap.Failed), "interrupted") {
		t.Errorf("%v, %v", err, snap)
	}
	if !slices.Contains(s.done(), "DELETE") {
		t.Errorf("steps %q", s.done())
	}
}

// What lets only reading requests through makes the probe unavailable, for good and with a remedy.
func TestHelperRefused(t *testing.T) {
	for _, code := range []int{403, 405} {
		s := setStage(t, map[string]http.HandlerFunc{"create": status(code, "<html>no")})
		first, second := asking(calls("aaa")...), asking(calls("bbb")...)
		snap := s.on(t, time.Minute, func(stack *compose.Stack, snap *inspect.Snapshot) []inspect.Question {
			if questions := first(stack, snap); len(questions) > 0 {
				return questions
			}
			return second(stack, snap)
		})
		if p := snap.Probe; p.State != inspect.ProbeUnavailable || !strings.Contains(p.Why, fmt.Sprintf("(%d)", code)) || !strings.Contains(p.Remedy, "POST=1") {
			t.Errorf("probe %+v", p)
		}
		if len(snap.Failed) != 4 || !slices.Equal(s.done(), []string{"create"}) {
			t.Errorf("failed %v, steps %q", snap.Failed, s.done())
		}
	}
}

// Some questions without an answer are some, and a container that does not run has no helper.
func TestHelperInPart(t *testing.T) {
	s := setStage(t, nil)
	snap := s.on(t, time.Minute, asking(append(calls("aaa"), calls("ccc", "ddd")...)...))
	if len(snap.Replies) != 2 || len(snap.Failed) != 4 || len(s.created) != 1 {
		t.Errorf("replies %v, failed %v, created %v", snap.Replies, snap.Failed, s.created)
	}
	for id, want := range map[string]string{"ccc": "it does not run", "ddd": "No such container"} {
		if why := snap.Failed[calls(id)[0]]; !strings.Contains(why, want) {
			t.Errorf("%s failed with %q, want %q", id, why, want)
		}
	}
	if p := snap.Probe; p.State != inspect.ProbePartial || !strings.Contains(p.Why, "4 of the probe's 6 questions") {
		t.Errorf("probe %+v", p)
	}
}

// Without leave to make helpers there is none, and what takes one says so.
func TestNoHelpers(t *testing.T) {
	s := setStage(t, nil)
	snap, err := observeWith(t, s.env(), asking(calls("aaa")...), shop)
	if err != nil || len(snap.Failed) != 2 || snap.Probe.State != inspect.ProbeOff || len(s.done()) > 0 {
		t.Errorf("%v; failed %v, probe %+v, steps %q", err, snap.Failed, snap.Probe, s.done())
	}
}

// Helpers that were never started are swept away when they are old: another run may be at work.
func TestSweep(t *testing.T) {
	now := time.Now().Unix()
	list := fmt.Sprintf(`[{"Id": "old", "State": "created", "Created": %d, "Labels": {"why502.probe": "1"}},
		{"Id": "new", "State": "created", "Created": %d, "Labels": {"why502.probe": "1"}},
		{"Id": "busy", "State": "running", "Created": %[1]d, "Labels": {"why502.probe": "1"}},
		{"Id": "other", "State": "created", "Created": %[1]d, "Labels": {}}]`, now-120, now-30)
	s := setStage(t, map[string]http.HandlerFunc{"list": text(list)})
	s.on(t, time.Minute, asking(calls("aaa", "bbb")...))
	var removed []string
	for _, request := range s.asked() {
		if method, rest, _ := strings.Cut(request, " "); method == http.MethodDelete {
			removed = append(removed, rest)
		}
	}
	if want := []string{"/v1.51/containers/old?force=1&v=1"}; !slices.Equal(removed, want) {
		t.Errorf("removed %q, want %q", removed, want)
	}

	s = setStage(t, nil)
	s.on(t, time.Minute, asking())
	if asked := fmt.Sprint(s.asked()); strings.Contains(asked, labelHelper) {
		t.Errorf("nothing to probe, and asked %s", asked)
	}
}

// The wire knows what a helper takes, and that only of helpers.
func TestWire(t *testing.T) {
	w := &wire{}
	w.own.Store("ours", true)
	for request, want := range map[string]bool{
		"GET /v1.51/containers/json":                   true,
		"HEAD /_ping":                                  true,
		"POST /v1.51/containers/create?name=ours":      true,
		"PUT /v1.51/containers/ours/archive?path=/":    true,
		"POST /v1.51/containers/ours/attach":           true,
		"POST /v1.51/containers/ours/start":            true,
		"DELETE /v1.51/containers/ours?force=1":        true,
		"POST /v1.51/containers/create":                false,
		"POST /v1.51/containers/create?name=theirs":    false,
		"PUT /v1.51/containers/theirs/archive?path=/":  false,
		"POST /v1.51/containers/theirs/start":          false,
		"DELETE /v1.51/containers/theirs":              false,
		"POST /v1.51/containers/ours/exec":             false,
		"POST /v1.51/containers/ours/kill":             false,
		"POST /v1.51/containers/ours":                  false,
		"DELETE /v1.51/images/ours":                    false,
		"DELETE /v1.51/containers/ours/start":          false,
		"POST /v1.51/containers/prune":                 false,
		"POST /v1.51/containers/theirs/update?x=/ours": false,
		"PATCH /v1.51/containers/ours":                 false,
	} {
		if got := w.allows(parseRequest(t, request)); got != want {
			t.Errorf("%s: %v", request, got)
		}
	}
}

func parseRequest(t *testing.T, line string) *http.Request {
	t.Helper()
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(line + " HTTP/1.1\r\nHost: x\r\n\r\n")))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// The helper's connection is made however the daemon is reached.
func TestAttachOverTLS(t *testing.T) {
	s := setStage(t, nil)
	server := httptest.NewTLSServer(s.engine)
	defer server.Close()
	env := environment{"DOCKER_HOST=tcp://" + server.Listener.Addr().String(), "DOCKER_TLS_VERIFY=1", "DOCKER_CERT_PATH=" + certificates(t, caOf(server))}
	snap, err := probing(t.Context(), env, staticProgram(t), asking(calls("aaa")...), shop)
	if err != nil || len(snap.Replies) != 2 {
		t.Errorf("%v; failed %v", err, snap.Failed)
	}
}

func TestExecutable(t *testing.T) {
	own := staticProgram(t)
	foreign := filepath.Join(t.TempDir(), "why502")
	write(t, "MZ", foreign)
	moved := filepath.Join(t.TempDir(), "why502")
	write(t, "MZ", moved)
	text, err := os.ReadFile(own)
	if err != nil {
		t.Fatal(err)
	}
	write(t, string(text), filepath.Dir(moved), "why502-linux-amd64")
	linked := filepath.Join(t.TempDir(), "docker-why502")
	if err := os.Symlink(moved, linked); err != nil {
		t.Fatal(err)
	}
	dynamic := filepath.Join(t.TempDir(), "why502")
	interp := bytes.Clone(text)
	binary.LittleEndian.PutUint64(interp[32:], 64) // one program header, of the kind that names an interpreter
	binary.LittleEndian.PutUint16(interp[56:], 1)
	write(t, string(interp)+"\x03"+strings.Repeat("\x00", 55), dynamic)

	for name, test := range map[string]struct {
		own      string
		on       platform
		want     string
		why, fix string
	}{
		"static":           {own, platform{"linux", "amd64"}, own, "", ""},
		"beside":           {moved, platform{"linux", "amd64"}, filepath.Join(filepath.Dir(moved), "why502-linux-amd64"), "", ""},
		"beside its file":  {linked, platform{"linux", "amd64"}, filepath.Join(filepath.Dir(moved), "why502-linux-amd64"), "", ""},
		"dynamic":          {dynamic, platform{"linux", "amd64"}, "", "linked dynamically", "CGO_ENABLED=0 GOOS=linux GOARCH=amd64"},
		"no ELF":           {foreign, platform{"linux", "amd64"}, "", "no Linux program", "why502-linux-amd64"},
		"another machine":  {own, platform{"linux", "arm64"}, "", "one for X86_64", "GOARCH=arm64"},
		"unknown machine":  {own, platform{"linux", "mips"}, "", "linux/mips", ""},
		"Windows":          {own, platform{"windows", "amd64"}, "", "windows/amd64", ""},
		"says nothing":     {own, platform{}, "", "does not say", "VERSION=1"},
		"there is no file": {filepath.Join(t.TempDir(), "x"), platform{"linux", "amd64"}, "", "no such file", "CGO_ENABLED=0"},
	} {
		got, err := test.on.executable(test.own)
		if got != test.want || (err == nil) != (test.why == "") {
			t.Errorf("%s: %q, %v", name, got, err)
		}
		if err != nil {
			wantError(t, err, test.why, test.fix)
		}
	}
}
