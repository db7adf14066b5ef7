package main

import (
	"archive/tar"
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// watchful is a project of which every call of the API is made: the proxy reads files of its image too, its logs are
// in a volume, and the upstream is in trouble.
const watchful = `
name: shop
services:
  edge:
    image: own/nginx
    ports: ["8080:80"]
    volumes: ["./nginx.conf:/etc/nginx/nginx.conf:ro", "logs:/var/log/nginx"]
    depends_on: [api]
  api:
    image: example/api
    expose: ["8000"]
    mem_limit: 64m
volumes:
  logs: {}
`

const watchfulConf = "events {}\nhttp {\n  include /etc/nginx/snippets/*.conf;\n" + nginxConf + "}\n"

// box is a container of a fake engine.
type box struct {
	service  string
	project  string // empty: shop
	state    string // empty: running
	restarts int
	memory   int
	mounts   []map[string]any
}

// fake is an engine with these containers, all on the network shop_default, that answers as Docker 29 did when
// it was asked, cut down to what is read of it. Its calls can be broken one by one.
type fake struct {
	dir    string // of the project
	boxes  []box
	log    string                      // what each container wrote
	broken map[string]http.HandlerFunc // by call, as callOf names them
	header http.Header
	late   time.Duration                     // how long each answer takes
	after  func(call string)                 // what happens after a call; nil: nothing does
	hide   bool                              // the first container is not there
	change func(call string, answer any) any // of what is JSON; nil: nothing is

	mu    sync.Mutex
	asked map[string]int // how often, by method and path; ids are N
}

// onWatch is the engine that runs the project watchful, and env names it.
func onWatch(t *testing.T, broken map[string]http.HandlerFunc) (e *fake, env []string) {
	t.Helper()
	e = &fake{dir: project(t, watchful, watchfulConf), broken: broken}
	e.boxes = []box{{service: "edge", mounts: []map[string]any{
		{"Type": "bind", "Source": filepath.Join(e.dir, "nginx.conf"), "Destination": "/etc/nginx/nginx.conf"},
		{"Type": "volume", "Name": "shop_logs", "Source": "/var/lib/docker/volumes/shop_logs/_data", "Destination": "/var/log/nginx"},
	}}, {service: "api", restarts: 2, memory: 64 << 20}}
	write(t, filepath.Join(e.dir, e.id(0)), "hostname") // so that the engine is on this machine
	return e, e.start(t)
}

func (e *fake) start(t *testing.T) (env []string) {
	t.Helper()
	e.asked, e.header = map[string]int{}, http.Header{}
	return []string{"DOCKER_HOST=" + answering(t, e.answer)}
}

// id is that of a container, by its number.
func (*fake) id(n int) string { return fmt.Sprintf("%064x", n+1) }

var (
	apiPrefix = regexp.MustCompile(`^/v1\.\d+`)
	someID    = regexp.MustCompile(`[0-9a-f]{64}`)
)

// callOf names the call that a request makes.
func callOf(r *http.Request) string {
	switch path := apiPrefix.ReplaceAllString(r.URL.Path, ""); {
	case path == "/containers/json":
		return "list"
	case strings.HasPrefix(path, "/networks/"):
		return "network"
	case strings.HasSuffix(path, "/json"):
		return "inspect"
	case strings.HasSuffix(path, "/archive") && r.Method == http.MethodHead:
		return "stat"
	default:
		return strings.TrimPrefix(path[strings.LastIndexByte(path, '/')+1:], "_")
	}
}

// calls are all that callOf names.
var calls = []string{"ping", "version", "list", "inspect", "network", "logs", "events", "stats", "top", "stat", "archive"}

func (e *fake) answer(w http.ResponseWriter, r *http.Request) {
	e.mu.Lock()
	e.asked[r.Method+" "+someID.ReplaceAllString(apiPrefix.ReplaceAllString(r.URL.Path, ""), "N")]++
	e.mu.Unlock()

	time.Sleep(e.late)
	w.Header().Set("Api-Version", "1.51")
	w.Header().Set("Server", "Docker/29.0.0 (linux)")
	w.Header().Set("Content-Type", "application/json")
	call := callOf(r)
	if call == "stat" || call == "archive" {
		w.Header().Set("Content-Type", "application/x-tar")
		w.Header().Set("X-Docker-Container-Path-Stat", base64.StdEncoding.EncodeToString([]byte(`{"name": "error.log", "size": 11, "mode": 420, "mtime": "2026-11-25T18:39:57Z", "linkTarget": ""}`)))
	}
	maps.Copy(w.Header(), e.header)
	var n int
	if id := someID.FindString(r.URL.Path); id != "" {
		fmt.Sscanf(id, "%x", &n)
	}
	e.mu.Lock()
	broken := e.broken[call]
	if broken == nil {
		e.healthy(w, call, n-1, r.URL.Query().Get("path"))
	}
	if e.after != nil {
		e.after(call)
	}
	e.mu.Unlock()
	if broken != nil {
		broken(w, r)
	}
}

// healthy answers a call, which may be about a container and a path in it.
func (e *fake) healthy(w http.ResponseWriter, call string, n int, path string) {
	switch call {
	case "ping":
		io.WriteString(w, "OK")
	case "version":
		e.send(w, call, json.RawMessage(`{"Platform": {"Name": ""}, "Version": "29.0.0", "ApiVersion": "1.51", "Os": "linux", "Arch": "amd64"}`))
	case "list":
		e.send(w, call, e.list())
	case "inspect":
		if n < 0 || n >= len(e.boxes) {
			text(http.StatusNotFound, `{"message": "No such container"}`)(w, nil)
			return
		}
		e.send(w, call, e.inspect(n))
	case "network":
		e.send(w, call, e.network())
	case "logs":
		io.WriteString(w, e.log)
	case "stats":
		e.send(w, call, json.RawMessage(`{"read": "2026-11-26T04:27:49.846696041Z", "memory_stats": {"usage": 3248128, "stats": {"inactive_file": 4096}, "limit": 67108864}, "pids_stats": {"current": 3}}`))
	case "top":
		e.send(w, call, json.RawMessage(`{"Processes": [["9296", "9272", "3", "nginx: master process nginx"], ["9352", "9296", "3", "nginx: worker process"]], "Titles": ["PID", "PPID", "ELAPSED", "COMMAND"]}`))
	case "archive":
		if path == "/etc/nginx" {
			io.WriteString(w, tarOf("nginx/", "", "nginx/nginx.conf", watchfulConf, "nginx/snippets/", "", "nginx/snippets/a.conf", "server_tokens off;\n"))
		} else {
			io.WriteString(w, tarOf(filepath.Base(path), "hello\n"))
		}
	}
}

// send answers with JSON.
func (e *fake) send(w http.ResponseWriter, call string, answer any) {
	text, err := json.Marshal(answer)
	if err == nil && e.change != nil {
		var plain any
		if err = json.Unmarshal(text, &plain); err == nil {
			text, err = json.Marshal(e.change(call, plain))
		}
	}
	if err != nil {
		panic(err)
	}
	w.Write(text)
}

func (e *fake) labels(b box) map[string]string {
	return map[string]string{
		"com.docker.compose.project": cmp.Or(b.project, "shop"), "com.docker.compose.service": b.service, "com.docker.compose.oneoff": "False", "com.docker.compose.config-hash": "0d75",
		"com.docker.compose.project.working_dir": e.dir, "com.docker.compose.project.config_files": filepath.Join(e.dir, "compose.yaml"),
	}
}

func (e *fake) list() []map[string]any {
	all := []map[string]any{}
	for n, b := range e.boxes {
		if b.project == "" && !(e.hide && n == 0) {
			all = append(all, map[string]any{"Id": e.id(n), "Names": []string{"/shop-" + b.service}, "Labels": e.labels(b), "State": "running"})
		}
	}
	return all
}

func (e *fake) inspect(n int) map[string]any {
	b := e.boxes[n]
	state := cmp.Or(b.state, "running")
	endpoint := map[string]any{"NetworkID": "76b8", "EndpointID": "e", "IPAddress": fmt.Sprintf("10.200.%d.%d", n/250, n%250+2), "DNSNames": []string{b.service}}
	image, ports := "example/api", map[string]any{}
	if b.service == "edge" {
		image, ports = "own/nginx", map[string]any{"80/tcp": []any{map[string]any{"HostIp": "", "HostPort": "8080"}}}
	}
	return map[string]any{
		"Id": e.id(n), "Name": fmt.Sprintf("/shop-%s-%d", b.service, n+1), "Created": "2100-01-01T00:00:00Z", "Image": "sha256:4e9a", "RestartCount": b.restarts,
		"HostnamePath": filepath.Join(e.dir, e.id(n)),
		"State":        map[string]any{"Status": state, "Running": state == "running", "StartedAt": "2026-01-01T00:00:00Z", "FinishedAt": "0001-01-01T00:00:00Z"},
		"HostConfig":   map[string]any{"NetworkMode": "shop_default", "Memory": b.memory, "PortBindings": ports},
		"Mounts":       b.mounts,
		"Config":       map[string]any{"Image": image, "Labels": e.labels(b)},
		"NetworkSettings": map[string]any{
			"Ports": ports, "Networks": map[string]any{"shop_default": endpoint},
		},
	}
}

func (e *fake) network() map[string]any {
	members := map[string]any{}
	for n := range e.boxes {
		members[e.id(n)] = map[string]any{"EndpointID": "e"}
	}
	return map[string]any{"Name": "shop_default", "Id": "76b8", "Driver": "bridge", "Containers": members}
}

// tarOf is an archive of files, each with its text behind its name; directories end in a slash.
func tarOf(files ...string) string {
	var raw bytes.Buffer
	w := tar.NewWriter(&raw)
	for pair := range slices.Chunk(files, 2) {
		kind := byte(tar.TypeReg)
		if strings.HasSuffix(pair[0], "/") {
			kind = tar.TypeDir
		}
		w.WriteHeader(&tar.Header{Name: pair[0], Typeflag: kind, Mode: 0o755, Size: int64(len(pair[1]))})
		io.WriteString(w, pair[1])
	}
	w.Close()
	return raw.String()
}

// fault is a way in which an answer can fail, and what is said then.
type fault struct {
	answer http.HandlerFunc
	said   string
}

// Ways in which any answer can fail.
var faults = map[string]fault{
	"hangs":     {hang, "did not answer in time"},
	"slams":     {slam, "broke before the answer was complete"},
	"403":       {text(http.StatusForbidden, `{"message": "no"}`), "refuses the request (403)"},
	"404":       {text(http.StatusNotFound, `{"message": "such is not here"}`), "such is not here"},
	"409":       {text(http.StatusConflict, `{"message": "is paused\u001b[2J\u202e"}`), "is paused"},
	"500":       {text(http.StatusInternalServerError, `{"message": "disk is full"}`), "disk is full"},
	"502":       {text(http.StatusBadGateway, "<html>\x1b[2J"+strings.Repeat("x", 1<<20)), "request returned 502"},
	"redirects": {redirect, "leads elsewhere"},
}

// Ways in which one with a body can.
var bodies = map[string]fault{
	"hangs in it": {inPart(`[{"Id": "`, hang), "did not answer in time"},
	"cut":         {cut, "broke before the answer was complete"},
	"cut a chunk": {inPart(`[{"Id": "`, slam), "broke before the answer was complete"},
}

// Ways in which JSON can.
var nonsense = map[string]fault{
	"HTML":        {text(http.StatusOK, "<html>"), "is no Docker engine"},
	"truncated":   {text(http.StatusOK, `[{"Id": "`), "broke before the answer was complete"},
	"without end": {endless(`[{"Id": "`, "x"), "too large"},
	"deep":        {text(http.StatusOK, strings.Repeat("[", 1<<20)), "exceeded max depth"},
	"a number":    {text(http.StatusOK, "7"), "is no Docker engine"},
	"a string":    {text(http.StatusOK, `"x"`), "is no Docker engine"},
	"empty":       {text(http.StatusOK, ""), "broke before the answer was complete"},
}

// hang answers when the other side has given up.
func hang(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

// slam ends the connection without a word.
func slam(w http.ResponseWriter, _ *http.Request) {
	if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
		conn.Close()
	}
}

// cut promises more than it sends.
func cut(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", "1000")
	io.WriteString(w, `[{"Id":`)
}

// redirect leads to itself.
func redirect(w http.ResponseWriter, r *http.Request) {
	http.Redirect(w, r, r.URL.Path, http.StatusFound)
}

// inPart sends a part of an answer, in a chunk, before something else happens.
func inPart(part string, then http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, part)
		http.NewResponseController(w).Flush()
		then(w, r)
	}
}

// endless answers with a text, and then with another one again and again, for more than is ever to be read of it.
func endless(begin, more string) http.HandlerFunc {
	more = strings.Repeat(more, 1<<16/len(more))
	return func(w http.ResponseWriter, _ *http.Request) {
		_, err := io.WriteString(w, begin)
		for sent := 0; err == nil && sent < 64<<20; sent += len(more) {
			_, err = io.WriteString(w, more)
		}
	}
}

// Whatever fails of what the daemon is asked, the verdict is one from what there is, and the report says what is
// missing and why.
func TestDaemonFaults(t *testing.T) {
	states := map[string]string{"ping": "unreachable", "list": "unreachable", "version": "inspected"}
	fine := []string{"network 404", "stat 404", "archive 404", "top 500", "events empty"} // no fault, but an answer
	for _, call := range calls {
		all := maps.Clone(faults)
		if call != "ping" && call != "stat" { // which are HEAD
			maps.Copy(all, bodies)
		}
		if !slices.Contains([]string{"ping", "stat", "logs", "archive"}, call) {
			maps.Copy(all, nonsense)
		}
		for name, fault := range all {
			row := call + " " + name
			t.Run(row, func(t *testing.T) {
				t.Parallel()
				if name == "without end" && testing.Short() {
					t.Skip("its input is large")
				}
				state, said := cmp.Or(states[call], "partial"), fault.said
				if call == "stat" && strings.Contains("409 500 502", name) || row == "ping 500" {
					said = "request returned " + name
				}
				if slices.Contains(fine, row) || call == "version" {
					state, said = "inspected", ""
				}
				e, env := onWatch(t, map[string]http.HandlerFunc{call: fault.answer})
				args := []string{"--probe=off", e.dir}
				switch {
				case strings.HasPrefix(name, "hangs"):
					args = append(args, "--timeout=1s")
				case name == "without end": // a busy machine takes its time
					args = append(args, "--timeout=1m")
				}
				began := time.Now()
				got := everywhere(t, env, args...)
				if took := time.Since(began); slices.Contains(args, "--timeout=1s") && took > 20*time.Second {
					t.Errorf("it took %v, with --timeout=1s", took)
				}
				live, note := got.live(t)
				if state == "unreachable" && !strings.Contains(got.stdout, `"unchecked"`) {
					t.Error("nothing is unchecked")
				}
				late := slices.Contains(args, "--timeout=1s") && live == "unreachable" // on a busy machine
				if got.code != exitOK || live != state && !late || !strings.Contains(note, said) {
					t.Errorf("exit %d, %s, want %s; the note %.400q, want %q", got.code, live, state, note, said)
				}
			})
		}
	}
}

// live is what a report says of the daemon.
func (got result) live(t *testing.T) (state, note string) {
	t.Helper()
	if got.code == exitError {
		return "none", got.stderr
	}
	live := liveOf(t, got)
	return fmt.Sprint(live["state"]), fmt.Sprint(live["note"])
}

// everywhere runs the program with a report in every format, of which standard output has the JSON, and looks for
// what acts on a terminal.
func everywhere(t *testing.T, env []string, args ...string) result {
	t.Helper()
	out := t.TempDir()
	all := []string{"--format", "json"}
	for _, format := range formatNames() {
		if format != "json" {
			all = append(all, "--format", format+"="+filepath.Join(out, format))
		}
	}
	got := inTime(t, env, append(all, args...)...)
	printed := map[string]string{"json": got.stdout, "an error": got.stderr}
	for _, format := range formatNames() {
		if format != "json" && got.code != exitError {
			printed[format] = read(t, filepath.Join(out, format))
		}
	}
	for format, text := range printed {
		if i := acts(text); i >= 0 {
			t.Errorf("%s: this acts on a terminal: %.80q", format, text[max(0, i-40):])
		}
	}
	if said := printed["github"]; strings.Contains(said, "\n::error::x") || strings.Contains(said, "##[error]x") {
		t.Errorf("github: somebody else's command: %.1000q", said)
	}
	return got
}

// inTime runs the program, and fails where that takes minutes.
func inTime(t *testing.T, env []string, args ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	done := make(chan result, 1)
	go func() { done <- why502(t, env, args...) }()
	select {
	case got := <-done:
		return got
	case <-ctx.Done():
		t.Fatal("it hangs")
	}
	return result{}
}

// poison is what acts: on terminals, in markdown, in HTML, in the log of a workflow.
const poison = "\x1b]0;x\a\u202e\u2028\r\n::error::x\n##[error]x\n| [x](http://x) `<script>alert(1)</script>"

// An engine says what it likes: the program ends, and shows no more than it should.
func TestDaemonHostile(t *testing.T) {
	if testing.Short() {
		t.Skip("its inputs are large")
	}
	long := strings.Repeat("x", 1<<20)
	for name, test := range map[string]struct {
		set   func(*fake)
		code  int
		state string
		said  string // in the note
	}{
		"nothing is wrong": {func(e *fake) {}, exitOK, "inspected", ""},
		"slow":             {func(e *fake) { e.late = 20 * time.Millisecond }, exitOK, "inspected", ""},
		"API 1.24":         {func(e *fake) { e.header.Set("Api-Version", "1.24") }, exitOK, "unreachable", "API 1.24 of the Docker daemon"},
		"API 1.99":         {func(e *fake) { e.header.Set("Api-Version", "1.99") }, exitOK, "inspected", ""},
		"API of a million": {func(e *fake) { e.header.Set("Api-Version", "1."+strings.Repeat("9", 1e6)) }, exitOK, "inspected", ""},
		"no API":           {func(e *fake) { e.header.Set("Api-Version", "\x1b[2J") }, exitOK, "unreachable", "does not speak HTTP"},
		"a version of a million": {func(e *fake) {
			e.broken["version"] = hang
			e.header.Set("Server", "Docker/"+strings.Repeat("9", 1e5)+"\t\u202e")
		}, exitOK, "inspected", ""},
		"no date":               {func(e *fake) { e.header["Date"] = nil }, exitOK, "partial", "does not say what time it is"},
		"another age":           {func(e *fake) { e.header.Set("Date", "Fri, 31 Dec 9999 23:59:59 GMT") }, exitOK, "inspected", ""},
		"no containers":         {func(e *fake) { e.broken["list"] = text(http.StatusOK, "null") }, exitOK, "no-containers", "no containers of the project"},
		"containers of nothing": {func(e *fake) { e.broken["list"] = text(http.StatusOK, "[null, {}, {\"Id\": null}]") }, exitOK, "unreachable", "with the id"},
		"ids that are paths": {func(e *fake) {
			e.broken["list"] = text(http.StatusOK, `[{"Id": "../../x"}, {"Id": "a?b#c%2f\u001b[2J"}, {"Id": "a/../../../version"}]`)
		}, exitOK, "unreachable", "with the id"},
		"an id of a million":   {func(e *fake) { e.broken["list"] = text(http.StatusOK, `[{"Id": "`+long+`"}]`) }, exitOK, "unreachable", "with the id"},
		"2 million containers": {func(e *fake) { e.broken["list"] = text(http.StatusOK, "["+strings.Repeat("{},", 2e6)+"{}]") }, exitOK, "unreachable", "more than"},
		"5,000 containers":     {func(e *fake) { e.add(5000, box{service: "api"}) }, exitOK, "inspected", ""},
		"a log without end":    {func(e *fake) { e.broken["logs"] = endless("2026-11-21T13:09:25.968444788Z [error] x\n", "x\n") }, exitOK, "inspected", ""},
		"a line without end":   {func(e *fake) { e.broken["logs"] = endless("", "x") }, exitOK, "inspected", ""},
		"a frame of 4 GB":      {func(e *fake) { e.broken["logs"] = text(http.StatusOK, "\x01\x00\x00\x00\xff\xff\xff\xffx\n\x1b[2J") }, exitOK, "inspected", ""},
		"10 million frames": {func(e *fake) {
			e.broken["logs"] = endless("\x01\x00\x00\x00\x00\x00\x00\x00", "\x01\x00\x00\x00\x00\x00\x00\x00")
		}, exitOK, "inspected", ""},
		"an archive without end": {func(e *fake) { e.broken["archive"] = endless(tarOf("nginx/", "")[:512], tarOf("nginx/x", "")[:512]) }, exitOK, "partial", "has no file"},
		"no archive, no end":     {func(e *fake) { e.broken["archive"] = endless("", "\x00") }, exitOK, "partial", "broke before"},
		"names that are paths": {func(e *fake) {
			e.broken["archive"] = text(http.StatusOK, tarOf("../../../etc/passwd", "root:x", "/nginx/\x1b[2J", "x", "nginx/snippets/", "", "nginx/snippets/..", "x"))
		}, exitOK, "inspected", ""},
		"a snippet that acts": {func(e *fake) {
			e.broken["archive"] = text(http.StatusOK, tarOf("nginx/", "", "nginx/snippets/", "", "nginx/snippets/a.conf", poison))
		}, exitOK, "partial", "has no file"},
		"what acts": {func(e *fake) {
			e.log = e.failure(poison)
			e.change = texts(func(s string) string { return s + poison })
		}, exitOK, "inspected", ""},
		"what is long": {func(e *fake) { e.log = e.failure(long); e.change = texts(func(s string) string { return s + long }) }, exitOK, "inspected", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e, env := onWatch(t, map[string]http.HandlerFunc{})
			test.set(e)
			got := everywhere(t, env, "--probe=off", "--timeout=110s", e.dir)
			state, note := got.live(t)
			if got.code != test.code || state != test.state || !strings.Contains(note, test.said) {
				t.Errorf("exit %d, want %d; %s, want %s; the note %.400q, want %q", got.code, test.code, state, test.state, note, test.said)
			}
			if size := len(got.stdout); size > 1<<20 {
				t.Errorf("a report of %d bytes", size)
			}
			if strings.Contains(got.stdout, "root:x") {
				t.Error("a leak")
			}
		})
	}
}

// add adds containers.
func (e *fake) add(n int, b box) {
	for range n {
		e.boxes = append(e.boxes, b)
	}
}

// failure is a log with a line of nginx's, about what acts.
func (*fake) failure(text string) string {
	return "2026-11-26T04:27:46.000000000Z 2026/11/26 04:27:46 [error] 29#29: *1 connect() failed (111: Connection refused) while connecting to upstream, client: 10.0.0.1, server: " +
		text + ", request: \"GET /" + text + " HTTP/1.1\", upstream: \"http://10.200.0.3:8000/" + text + "\", host: \"" + text + "\"\n"
}

// texts changes the texts of what an engine answers, but for those by which it names and orders things.
func texts(change func(string) string) func(call string, answer any) any {
	kept := []string{"Id", "NetworkID", "EndpointID", "HostnamePath", "Status", "StartedAt", "FinishedAt", "Created", "read", "Type", "NetworkMode", "Source", "Destination", "HostPort",
		"Titles", "com.docker.compose.project", "com.docker.compose.service", "com.docker.compose.oneoff", "com.docker.compose.config-hash"}
	var walk func(at string, v any) any
	walk = func(at string, v any) any {
		switch v := v.(type) {
		case string:
			if !slices.Contains(kept, at) {
				return change(v)
			}
		case []any:
			for i := range v {
				v[i] = walk(at, v[i])
			}
		case map[string]any:
			for key := range v {
				v[key] = walk(key, v[key])
			}
		}
		return v
	}
	return func(call string, answer any) any {
		if call == "network" {
			return answer
		}
		return walk("", answer)
	}
}

// A part of an answer may be of any kind: that is no reason to crash, or to wait.
func TestDaemonChanged(t *testing.T) {
	if testing.Short() {
		t.Skip("hundreds of runs")
	}
	for _, call := range []string{"version", "list", "inspect", "network", "stats", "top"} {
		t.Run(call, func(t *testing.T) {
			t.Parallel()
			for part, was := 0, "?"; was != ""; part++ {
				for _, to := range []string{`null`, `-1e300`, `"x"`, `{}`, `[null]`} {
					was = changed(t, call, part, to)
				}
			}
		})
	}
}

// changed runs the program with an engine that has something else for a part of its answers to a call, and says
// what that part was; empty: there are no so many.
func changed(t *testing.T, call string, part int, to string) (was string) {
	t.Helper()
	e, env := onWatch(t, nil)
	e.change = func(of string, answer any) any {
		if n := part; of == call {
			answer = replace(answer, &n, json.RawMessage(to), &was)
		}
		return answer
	}
	got := why502(t, env, "--probe=off", "--timeout=1m", "--format=json", e.dir)
	e.mu.Lock()
	defer e.mu.Unlock()
	if state, note := got.live(t); got.code == exitError || acts(got.stdout) >= 0 || strings.Contains(note, "in time") {
		t.Errorf("%s as %s: exit %d, %s, %.300s", was, to, got.code, state, note)
	}
	return was
}

// replace puts something else in the place of the n-th part of an answer, and says what was there.
func replace(v any, n *int, into any, was *string) any {
	if *n--; *n == -1 {
		*was = fmt.Sprintf("%.60q", fmt.Sprint(v))
		return into
	}
	switch v := v.(type) {
	case []any:
		for i := range v {
			v[i] = replace(v[i], n, into, was)
		}
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			v[key] = replace(v[key], n, into, was)
		}
	}
	return v
}

// What is asked grows by one request with each container, and by nothing else.
func TestDaemonRequests(t *testing.T) {
	for _, n := range []int{2, 10, 200} {
		e, env := onWatch(t, nil)
		e.add(n-2, box{service: "api"})
		e.add(3, box{service: "web", project: "other"}) // on the network of the proxy
		got := why502(t, env, "--probe=off", "--timeout=1m", e.dir)
		e.mu.Lock()
		if _, err := os.Stat("/.dockerenv"); err == nil && e.asked["HEAD /_ping"] > 1 {
			t.Skip("in a container it asks for that one first")
		}
		if got.code != exitOK {
			t.Errorf("exit %d\n%s", got.code, got.stdout)
		}
		want := map[string]int{
			"HEAD /_ping": 1, "GET /version": 1, "GET /containers/json": 1, "GET /networks/shop_default": 1, "GET /events": 1,
			"GET /containers/N/json":     n + 3 + 4, // once each; and again for a tree of files, for two logs in files, and for mounts
			"GET /containers/N/logs":     2,         // the proxy's, and that of the upstream in trouble
			"GET /containers/N/stats":    1,
			"GET /containers/N/top":      1,
			"HEAD /containers/N/archive": 2,
			"GET /containers/N/archive":  3,
		}
		if !maps.Equal(e.asked, want) {
			t.Errorf("%d containers: asked\n%v, want\n%v", n, e.asked, want)
		}
		e.mu.Unlock()
	}
}

// A project may go down, or come up, while it is looked at.
func TestDaemonMeanwhile(t *testing.T) {
	gone := text(http.StatusNotFound, `{"message": "No such container"}`)
	is := func(n int, state string) func(e *fake) { return func(e *fake) { e.boxes[n].state = state } }
	breaks := func(calls ...string) func(e *fake) {
		return func(e *fake) {
			for _, call := range calls {
				e.broken[call] = gone
			}
		}
	}
	after := func(call string, then func(*fake)) func(e *fake) {
		return func(e *fake) {
			e.after = func(asked string) {
				if asked == call {
					then(e)
				}
			}
		}
	}
	for name, test := range map[string]struct {
		set   func(*fake)
		code  int
		state string
		rule  string // of a finding; empty: of none that is an error or about the daemon
	}{
		"all gone at inspect":    {breaks("inspect"), exitOK, "partial", ""},
		"gone after the list":    {after("list", func(e *fake) { e.boxes = nil }), exitOK, "partial", ""},
		"gone after inspect":     {after("inspect", breaks("inspect", "logs", "stats", "top", "stat", "archive")), exitOK, "partial", ""},
		"gone before logs":       {breaks("logs", "stats", "top", "stat", "archive"), exitOK, "partial", ""},
		"all gone but the list":  {breaks("inspect", "logs", "stats", "top", "stat", "archive", "network"), exitOK, "partial", ""},
		"network gone":           {breaks("network"), exitOK, "inspected", ""},
		"proxy exits":            {after("network", is(0, "exited")), exitFound, "inspected", "proxy-not-running"},
		"proxy is created":       {is(0, "created"), exitFound, "inspected", "proxy-not-running"},
		"proxy is not there":     {func(e *fake) { e.hide = true }, exitFound, "inspected", "proxy-not-running"},
		"upstream exits":         {after("network", is(1, "exited")), exitOK, "inspected", "upstream-not-running"}, // a warning: nginx runs with another configuration
		"upstream to be removed": {is(1, "removing"), exitOK, "inspected", "upstream-not-running"},
		"upstream is dead":       {is(1, "dead"), exitOK, "inspected", "upstream-not-running"},
		"upstream is created":    {is(1, "created"), exitOK, "inspected", "upstream-not-running"},
		"upstream restarts":      {is(1, "restarting"), exitOK, "inspected", "upstream-restarting"},
		"upstream is not there":  {func(e *fake) { e.boxes = e.boxes[:1] }, exitOK, "inspected", "upstream-not-created"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e, env := onWatch(t, map[string]http.HandlerFunc{})
			test.set(e)
			got := everywhere(t, env, "--probe=off", "--timeout=1m", e.dir)
			if state, note := got.live(t); got.code != test.code || state != test.state {
				t.Errorf("exit %d, want %d; %s, want %s (%s)", got.code, test.code, state, test.state, note)
			}
			found := regexp.MustCompile(`"rule": "((?:proxy|upstream)-(?:not|re)[^"]*)"`).FindStringSubmatch(got.stdout)
			if (found == nil) != (test.rule == "") || found != nil && found[1] != test.rule {
				t.Errorf("found %q, want %q", found, test.rule)
			}
		})
	}
}
