package inspect

import (
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"why502/compose"
)

// The services that most projects of these tests have. A restart policy heals start races, which are
// not what the tests are about.
const (
	edge = "  edge: {image: nginx:1.27, restart: always, volumes: [./nginx.conf:/etc/nginx/conf.d/default.conf]}\n"
	api  = "  api: {image: example/api, expose: [8000]}\n"
)

// write makes a project of the text of its files, and gives its directory.
func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// load reads a project, given as the text of its files.
func load(t *testing.T, files map[string]string) *compose.Stack {
	t.Helper()
	return read(t, write(t, files))
}

// read reads the project in a directory, with all its profiles off.
func read(t *testing.T, dir string) *compose.Stack {
	t.Helper()
	stack, err := compose.Load(t.Context(), compose.Options{Directory: dir})
	if err != nil {
		t.Fatal(err)
	}
	return stack
}

// shop is the project shop of these services, with this configuration of its proxy edge.
func shop(t *testing.T, conf, services string) *compose.Stack {
	t.Helper()
	return load(t, map[string]string{"compose.yaml": "name: shop\nservices:\n" + services, "nginx.conf": conf})
}

// server is a server on port 80.
func server(directives ...string) string {
	return "server { listen 80; " + strings.Join(directives, " ") + " }\n"
}

// pass is a location that passes on.
func pass(location, to string) string {
	return "location " + location + " { proxy_pass " + to + "; }"
}

// group is the upstream group g.
func group(servers ...string) string {
	return "upstream g { server " + strings.Join(servers, "; server ") + "; }\n"
}

// now is the daemon's clock.
var now = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// up is a container that runs, on the project's default network.
func up(service string, changes ...func(*Container)) *Container {
	name := "shop-" + service + "-1"
	c := &Container{
		ID: service, Name: name, Project: "shop", Service: service, State: "running", Started: now.Add(-time.Hour),
		Endpoints: []Endpoint{{Network: "shop_default", ID: "endpoint", Names: []string{service, name}}},
	}
	for _, change := range changes {
		change(c)
	}
	return c
}

// down is a container that does not run: it has networks, but no endpoint on them.
func down(service, state string, exit int, changes ...func(*Container)) *Container {
	return up(service, append([]func(*Container){func(c *Container) {
		c.State, c.ExitCode = state, exit
		c.Endpoints = []Endpoint{{Network: "shop_default"}}
	}}, changes...)...)
}

func health(state string) func(*Container) { return func(c *Container) { c.Health = state } }

// answersTo gives a container's endpoint these names.
func answersTo(names ...string) func(*Container) {
	return func(c *Container) { c.Endpoints[0].Names = names }
}

// seen is what the daemon says of these containers, those of other projects among them.
func seen(containers ...*Container) *Snapshot {
	s := NewSnapshot(now)
	s.Project = []string{}
	for _, c := range containers {
		s.Containers[c.ID] = c
		if c.Project == "shop" {
			s.Project = append(s.Project, c.ID)
		}
	}
	return s
}

// log adds the log of a container.
func (s *Snapshot) log(id string, lines ...string) *Snapshot {
	s.Logs[id] = []LogLine{}
	for _, text := range lines {
		s.Logs[id] = append(s.Logs[id], LogLine{Text: text})
	}
	return s
}

// judged judges a project without options.
func judged(stack *compose.Stack, snap *Snapshot) *Report {
	live := Live{State: LiveOff}
	if snap != nil {
		live.State = LiveInspected
	}
	return Judge(stack, snap, live, Options{})
}

// letters are the states of hops, for a row of eight.
var letters = map[HopState]string{HopOK: "o", HopBroken: "B", HopAtRisk: "r", HopUnchecked: "?", HopNotReached: "-"}

// summary is what a test holds against a report: a line per finding that is no note, with how many
// routes it lists, and a line per route with the hops of each of its backends.
func summary(r *Report) string {
	var b strings.Builder
	for _, f := range r.Findings {
		if f.Severity != Note {
			fmt.Fprintf(&b, "%s %s %d\n", map[Severity]string{Error: "error", Warning: "warning"}[f.Severity], f.Rule.ID, len(f.Routes))
		}
	}
	for _, route := range r.Routes {
		fmt.Fprintf(&b, "%s %s", route.ID, route.Verdict)
		if route.Status != "" {
			fmt.Fprintf(&b, " %s", route.Status)
		}
		for _, backend := range route.Backends {
			b.WriteString(" ")
			for _, state := range backend.Hops {
				b.WriteString(letters[state])
			}
		}
		b.WriteString("\n")
	}
	return b.String()
}

// same compares a summary, whose lines may be written with indentation.
func same(t *testing.T, got, want string) {
	t.Helper()
	var lines []string
	for line := range strings.Lines(want) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line+"\n")
		}
	}
	if want = strings.Join(lines, ""); got != want {
		t.Errorf("got:\n%swant:\n%s", got, want)
	}
}

// equal compares lists of which nil and empty mean the same.
func equal[T comparable](t *testing.T, got, want []T) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

// each runs a subtest per row of a table, in the order of their names.
func each[T any](t *testing.T, tests map[string]T, run func(*testing.T, T)) {
	t.Helper()
	for _, name := range slices.Sorted(maps.Keys(tests)) {
		t.Run(name, func(t *testing.T) { run(t, tests[name]) })
	}
}

// place is the line where a finding points.
func place(f *Finding) string { return fmt.Sprintf("%s:%d", f.Place.File, f.Place.Line) }

// has gives a container's endpoint an address.
func has(address string) func(*Container) {
	return func(c *Container) { c.Endpoints[0].IPv4 = address }
}

// young is a container that was started so many seconds ago.
func young(seconds int) func(*Container) {
	return func(c *Container) { c.Started = now.Add(-time.Duration(seconds) * time.Second) }
}

// world is what a probe meets: replies by "host:port", sockets by container, files by path; and what the
// daemon measured of containers and saw killed.
type world struct {
	replies map[string]*Reply
	sockets map[string][]Socket
	files   map[string]*File
	stats   map[string]*Stats
	kills   []Kill
}

// probed answers all questions from a world; what it does not have is not answered.
func (s *Snapshot) probed(t *testing.T, stack *compose.Stack, w world) *Snapshot {
	t.Helper()
	for round := 0; ; round++ {
		questions := Ask(stack, s, Means{Probe: true})
		if len(questions) == 0 {
			return s
		}
		if round > 8 {
			t.Fatalf("the questions do not end: %v", questions)
		}
		for _, q := range questions {
			if !s.answerFrom(w, q) {
				s.Failed[q] = "not in this world"
			}
		}
	}
}

func (s *Snapshot) answerFrom(w world, q Question) bool {
	switch q.Kind {
	case AskCall:
		reply := w.replies[net.JoinHostPort(q.Call.Host, strconv.Itoa(q.Call.Port))]
		if reply != nil {
			s.Replies[q] = reply
		}
		return reply != nil
	case AskSockets:
		rows, ok := w.sockets[q.Of]
		if ok {
			s.Sockets[q.Of] = rows
		}
		return ok
	case AskKills:
		s.Kills[q.Of] = w.kills
		return true
	case AskStats:
		row, ok := w.stats[q.Of]
		if ok {
			s.Stats[q.Of] = row
		}
		return ok
	case AskFile:
		file, ok := w.files[q.Path]
		if ok {
			s.Files[q] = file
		}
		return ok
	}
	return false
}

// call is what a call meets that finds these addresses: each takes the connection, unless it is written with
// an errno, "10.0.0.2 111".
func call(talk Talk, ends ...string) *Reply {
	reply := &Reply{Talk: talk, Lookups: []Lookup{{}}}
	for _, e := range ends {
		address, errno, _ := strings.Cut(e, " ")
		n, _ := strconv.Atoi(errno)
		reply.Dials = append(reply.Dials, Dial{Address: address, Errno: n})
		reply.Lookups[0].Addresses = append(reply.Lookups[0].Addresses, address)
	}
	return reply
}

// listens are sockets: "0.0.0.0:8000".
func listens(addresses ...string) (rows []Socket) {
	for _, a := range addresses {
		host, port, _ := net.SplitHostPort(a)
		n, _ := strconv.Atoi(port)
		rows = append(rows, Socket{Address: host, Port: n})
	}
	return rows
}
