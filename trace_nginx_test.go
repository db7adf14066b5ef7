package main

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"why502/compose/nginx"
	"why502/compose/proxy"
	"why502/inspect/trace"
)

var (
	pairs = flag.Int("pairs", 6000, "how many configurations and URLs trace is held against nginx with")
	seed  = flag.Uint64("seed", 1, "of the configurations that are made up for that")
)

// Each configuration has a port of its own in one nginx, so that many share a container.
const (
	urlsEach  = 60
	portsEach = 100
	firstPort = 8001
)

// TestTraceAgainstNginx makes up configurations and requests, and holds what trace says becomes of each
// against what nginx does. The upstreams are servers of the same nginx that tell what they were asked.
func TestTraceAgainstNginx(t *testing.T) {
	engine(t)
	g, counts := newGenerator(*seed), counted{}
	for counts["pairs"] < *pairs && !t.Failed() {
		var batch []*traced
		for range min(portsEach, (*pairs-counts["pairs"]+urlsEach-1)/urlsEach) {
			batch = append(batch, g.configuration(urlsEach))
		}
		taken := askNginx(t, batch)
		counts["refused"] += len(batch) - len(taken)
		first := (*traced)(nil)
		for _, c := range taken {
			for i := range c.requests {
				difference := c.compare(t, i, counts)
				if difference == "" {
					continue
				}
				if counts["different"]++; counts["different"] <= mostShown {
					t.Errorf("%q\n%s", c.requests[i].raw(), difference)
				}
				if first == nil {
					first = c.only(i)
				}
			}
		}
		if first != nil {
			small, difference := shrink(t, first)
			t.Errorf("the smallest configuration that differs: seed %d, %q\n%s\n%s", *seed, small.requests[0].raw(), difference, small.text(0))
		}
	}
	counts.judge(t)
}

// mostShown is how many differences are shown.
const mostShown = 10

// counted says how many pairs had what to do with something.
type counted map[string]int

// features are what at least one pair in twenty must have to do with.
var features = []string{
	"regex location", "nested location", "named location", "^~ location", "rewrite last", "rewrite break",
	"pass by variable", "try_files", "error_page", "wildcard name", "regex name",
}

// judge fails where the pairs leave something untried.
func (c counted) judge(t *testing.T) {
	t.Helper()
	all := c["pairs"]
	t.Logf("seed %d: %d pairs", *seed, all)
	for _, name := range slices.Sorted(maps.Keys(c)) {
		t.Logf("%-20s %6d  %5.1f %%", name, c[name], 100*float64(c[name])/float64(all))
	}
	if t.Failed() {
		return
	}
	for _, name := range features {
		if 20*c[name] < all {
			t.Errorf("only %d of %d pairs have to do with: %s", c[name], all, name)
		}
	}
	if 50*c["unknown"] > all {
		t.Errorf("%d of %d pairs are not decided", c["unknown"], all)
	}
}

// sight is what nginx was seen to do with a request.
type sight struct {
	closed   bool
	status   int
	place    string // X-Place of the answer: the block that gave it
	location string
	body     string
	asked    string // what the upstream was asked: the request line; empty: no upstream was
	host     string // the Host header that it got
	sender   string // the block that asked it
	port     string // of the upstream
}

// readSight reads an answer.
func readSight(conn net.Conn, method string) sight {
	r, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		return sight{closed: true}
	}
	defer r.Body.Close()
	body, _ := io.ReadAll(r.Body)
	h := r.Header
	place := h.Values("X-Place")
	s := sight{status: r.StatusCode, location: h.Get("Location"), body: string(body), asked: h.Get("X-Asked"), host: h.Get("X-Asked-Host"), sender: h.Get("X-Asked-Place"), port: h.Get("X-Asked-Port")}
	if len(place) > 0 {
		s.place = place[len(place)-1]
	}
	return s
}

// declaring makes variables known that a configuration may use without setting them.
const declaring = `server_name ~^(?<sub>declared)$; set $v ""; set $w ""; set $first ""; set $rest ""; set $to "";`

// mainText is the configuration around those that are made up.
const mainText = `worker_processes 2;
pid /tmp/why502.pid;
error_log stderr emerg;
events { worker_connections 4000; }
http {
    access_log off;
    server_names_hash_max_size 65536;
    server_names_hash_bucket_size 128;
    variables_hash_max_size 65536;
    variables_hash_bucket_size 128;
    map_hash_bucket_size 128;
    include /tmp/FOLDER/*.conf;
    server {
        listen 8000;
        DECLARING
        return 204;
    }
    server {
        listen 127.0.0.1:9000; listen 127.0.0.1:9001; listen 127.0.0.1:9002; listen 127.0.0.1:9003;
        merge_slashes off;
        large_client_header_buffers 8 64k;
        add_header X-Asked $request always;
        add_header X-Asked-Host $http_host always;
        add_header X-Asked-Place $http_x_place always;
        add_header X-Asked-Port $server_port always;
        return 200;
    }
}
`

// served are the files below /w/files.
var served = []string{"index.html", "a/index.html", "a/b", "b/x.php", "static/p.jpg", "dir/index.html", "dir/x", "err/404", "api/v1", "new/x", "b/b/empty"}

// askNginx asks an nginx with the configurations, and leaves what it did in them. Those that nginx
// refuses are left out.
func askNginx(t *testing.T, batch []*traced) []*traced {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"one", "all"} {
		write(t, filepath.Join(dir, name+".conf"), strings.NewReplacer("FOLDER", name, "DECLARING", declaring).Replace(mainText))
	}
	for _, name := range served {
		must(t, os.MkdirAll(filepath.Join(dir, "files", filepath.Dir(name)), 0o755))
		write(t, filepath.Join(dir, "files", name), "the file /w/files/"+name)
	}
	must(t, filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		return os.Chmod(name, 0o755)
	}))
	must(t, os.Mkdir(filepath.Join(dir, "conf"), 0o755))
	for i, c := range batch {
		write(t, filepath.Join(dir, "conf", fmt.Sprintf("%d.conf", i)), c.text(i))
	}
	refused := runNginx(t, dir, batch)
	var taken []*traced
	for i, c := range batch {
		if !slices.Contains(refused, strconv.Itoa(i)) {
			taken = append(taken, c)
		}
	}
	return taken
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// starting starts nginx with the configurations. Where it refuses them, each is checked by itself, and it
// is started with those that are right.
const starting = `mkdir /tmp/one /tmp/all
ln -s /w/conf/* /tmp/all
if ! nginx -tq -c /w/all.conf; then
    for file in /w/conf/*; do
        ln -sf $file /tmp/one/this.conf
        nginx -tq -c /w/one.conf && continue
        echo "refused: $file"
        rm /tmp/all/${file##*/}
    done
fi
exec nginx -c /w/all.conf -g "daemon off;"
`

var refusal = regexp.MustCompile(`(?m)^refused: /w/conf/(\d+)\.conf`)

// runNginx starts a container, asks it, and removes it. refused are the numbers of the configurations
// that nginx refuses.
func runNginx(t *testing.T, dir string, batch []*traced) (refused []string) {
	t.Helper()
	name := fmt.Sprintf("why502-trace-%x", time.Now().UnixNano()&0xffffffff)
	remove := func() { exec.Command("docker", "rm", "-f", "-v", name).Run() }
	t.Cleanup(remove)
	defer remove()
	docker := func(args ...string) string {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		out, err := exec.CommandContext(ctx, "docker", args...).CombinedOutput()
		if err != nil {
			t.Fatalf("docker %s: %v\n%s", strings.Join(args, " "), err, out)
		}
		return string(out)
	}
	docker("run", "-d", "--name", name, "-v", dir+":/w:ro", "--entrypoint", "sh", "nginx:1.22", "-c", starting)
	for deadline := time.Now().Add(3 * time.Minute); ; time.Sleep(100 * time.Millisecond) {
		address := strings.TrimSpace(docker("inspect", "--format", "{{.NetworkSettings.IPAddress}}", name))
		if address != "" && send(address, firstPort-1, asked{method: "GET", target: "/", host: "up"}).status == 204 {
			askAll(batch, address)
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("nginx does not answer at %s\n%s", address, docker("logs", name))
		}
	}
	for _, m := range refusal.FindAllStringSubmatch(docker("logs", name), -1) {
		refused = append(refused, m[1])
	}
	return refused
}

// askAll sends all requests of all configurations.
func askAll(batch []*traced, address string) {
	atOnce(8, batch, func(i int, c *traced) {
		c.seen, c.address = nil, address
		for _, r := range c.requests {
			c.seen = append(c.seen, send(address, firstPort+i, r))
		}
	})
}

// send sends a request. The container's port is not published: that takes a process for each.
func send(address string, port int, r asked) (s sight) {
	conn, err := net.Dial("tcp", net.JoinHostPort(address, strconv.Itoa(port)))
	if err != nil {
		return sight{closed: true}
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	_, _ = io.WriteString(conn, r.raw())
	return readSight(conn, r.method)
}

// parsed is the configuration as the program reads it, as the n-th of its nginx.
func (c *traced) parsed(n int) *proxy.Config {
	text := "events {}\nhttp {\n" + c.text(n) + "server { listen 8000; " + declaring + " }\n}\n"
	return nginx.Parse(nginx.Files{
		Open: func(string) (*nginx.File, error) { return &nginx.File{Name: "nginx.conf", Text: []byte(text)}, nil },
		Glob: func(string) ([]string, string) { return nil, "" },
	}, nginx.Options{Version: "1.22.1"})
}

// files says what there is below /w/files.
func files(name string) (trace.FileKind, bool) {
	name, ok := strings.CutPrefix(filepath.Clean(name), "/w/files")
	if !ok {
		return trace.NoFile, true
	}
	name = strings.Trim(name, "/")
	for _, file := range served {
		if file == name {
			return trace.RegularFile, true
		}
		if name == "" || strings.HasPrefix(file, name+"/") {
			return trace.Directory, true
		}
	}
	return trace.NoFile, true
}

// follow is what trace says of a request.
func (c *traced) follow(t *testing.T, i int) trace.Trace {
	t.Helper()
	r := c.requests[i]
	request := trace.Request{Method: r.method, Address: c.address, Port: firstPort, Target: r.target}
	request.Headers = append([]trace.Field{{Name: "Host", Value: r.host}}, r.headers...)
	config := c.parsed(0)
	if !config.Complete() {
		t.Fatalf("%v %v\n%s", config.Faults, config.Unchecked, c.text(0))
	}
	return trace.Follow(config, request, trace.Options{Files: files})
}

// compare says in what nginx and trace differ; empty: in nothing.
func (c *traced) compare(t *testing.T, i int, counts counted) (difference string) {
	t.Helper()
	followed := c.follow(t, i)
	counts["pairs"]++
	if !followed.Certain() {
		counts["unknown"]++
	}
	counts.add(c, followed.Ways[0])
	for _, way := range followed.Ways {
		if difference = differ(way, c.seen[i]); difference == "" {
			return ""
		}
	}
	return difference
}

// placeOf is the block that a way ends in, by the name that it gives its answers.
func placeOf(w trace.Way) string {
	blocks := [][]*proxy.Directive{w.Server.Directives}
	for _, l := range w.Nested {
		blocks = append(blocks, l.Directives)
	}
	for _, directives := range slices.Backward(blocks) {
		for _, d := range directives {
			if d.Name == "add_header" {
				return d.Args[1]
			}
		}
	}
	return ""
}

// differ compares what a way says with what was seen.
func differ(w trace.Way, s sight) string {
	var lines []string
	check := func(what, says, seen string) {
		if says != seen && portless(says) != portless(seen) {
			lines = append(lines, fmt.Sprintf("%s: trace says %q, nginx does %q", what, says, seen))
		}
	}
	if s.closed && (w.Sent != nil && unreadable.MatchString(w.Sent.URI) || strings.Contains(w.Answer.Location, "\n")) {
		return "" // what a line break in the middle of a header comes to
	}
	check("closed", fmt.Sprint(w.Answer.Closed), fmt.Sprint(s.closed))
	if w.Unknown != "" || w.Answer.Closed && s.closed {
		return strings.Join(lines, "\n")
	}
	check("block", placeOf(w), s.place)
	check("redirect", w.Answer.Location, s.location)
	if w.Answer.Status != 0 {
		check("status", fmt.Sprint(w.Answer.Status), fmt.Sprint(s.status))
	}
	switch {
	case w.Sent == nil:
		check("asked upstream", "", s.port)
	case s.host == "" && unreadable.MatchString(w.Sent.URI): // by this upstream, which is nginx
	default:
		port := w.Sent.Port
		if w.Sent.Group != nil {
			port = w.Sent.Group.Servers[0].Port
		}
		check("upstream", fmt.Sprint(port), s.port)
		check("asked", w.Sent.Method+" "+w.Sent.URI, strings.TrimSuffix(s.asked, " HTTP/1.0"))
		check("Host", w.Sent.Header, s.host)
	}
	if len(lines) == 0 {
		return ""
	}
	for _, step := range w.Steps {
		lines = append(lines, fmt.Sprintf("  %d %s", step.Place.Line, step.Text))
	}
	s.body = ""
	return fmt.Sprintf("%s\n%+v", strings.Join(lines, "\n"), s)
}

var (
	anyPort  = regexp.MustCompile(`\b80(0[1-9]|[1-9]\d)\b|\b8100\b`)
	anyGroup = regexp.MustCompile(`\bup\d+\b`)
)

// unreadable is what nginx does not take for the URI of a request.
var unreadable = regexp.MustCompile(`^[^/]|[\x00-\x20\x7f]|%($|.$|[^0-9a-fA-F]|.[^0-9a-fA-F]|00)|/\.\.(/|$|\?)`)

// portless is a text without the ports and groups of the configurations: which of them it is does not
// matter.
func portless(text string) string {
	return anyGroup.ReplaceAllString(anyPort.ReplaceAllString(text, "PORT"), "up")
}

// add counts what a way has to do with.
func (c counted) add(t *traced, w trace.Way) {
	has := map[string]bool{}
	for _, s := range w.Steps {
		switch s.Kind {
		case trace.StepLocation:
			has["regex location"] = has["regex location"] || strings.HasPrefix(s.Text, "location ~")
			has["named location"] = has["named location"] || strings.HasPrefix(s.Text, "location @")
			has["^~ location"] = has["^~ location"] || strings.HasPrefix(s.Text, "location ^~")
		case trace.StepRewrite:
			_, flag, _ := strings.Cut(s.Text[strings.LastIndexByte(s.Text, ' '):], " ")
			has["rewrite "+flag] = has["rewrite "+flag] || flag == "last" || flag == "break"
		case trace.StepTryFiles, trace.StepErrorPage:
			has[string(s.Kind)] = true
		case trace.StepServer:
			has["wildcard name"] = has["wildcard name"] || strings.HasSuffix(s.Text, "(wildcard name)")
			has["regex name"] = has["regex name"] || strings.Contains(s.Text, "(regular expression")
		case trace.StepAnswer:
			has["return"] = has["return"] || strings.HasPrefix(s.Text, "return")
		case trace.StepIf:
			has["if"] = true
		}
	}
	has["nested location"] = len(w.Nested) > 1
	has["pass"] = w.Pass != nil
	has["pass by variable"] = w.Pass != nil && w.Pass.Variable
	for name, is := range has {
		if is {
			c[name]++
		}
	}
}

// shrink leaves out of a configuration what the difference does not need: half of its pieces, a quarter
// of them, and so on. What is left out in turn is asked all at once.
func shrink(t *testing.T, c *traced) (smallest *traced, difference string) {
	t.Helper()
	difference = c.compare(t, 0, counted{})
	for parts := 2; parts <= 32; {
		each, batch := (c.size()+parts-1)/parts, []*traced{}
		for from := 0; from < c.size(); from += each {
			if candidate := c.without(from, from+each); candidate.parsed(0).Complete() {
				batch = append(batch, candidate)
			}
		}
		smaller := (*traced)(nil)
		for _, candidate := range askNginx(t, batch) {
			if d := candidate.compare(t, 0, counted{}); d != "" && (smaller == nil || candidate.size() < smaller.size()) {
				smaller, difference = candidate, d
			}
		}
		if smaller == nil {
			parts *= 2
		} else {
			c = smaller
		}
	}
	return c, difference
}
