package main

import (
	"cmp"
	"flag"
	"fmt"
	"hash/fnv"
	"io"
	"net"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
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
// "log edge TEXT" waits until a service has logged the text, of which the report then has to have something to say.
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
	logging     = 2 * time.Second  // until the engine has what nginx has just logged
	patience    = 50 * time.Second // for the expected answer: two of the slowest
	slowest     = 25 * time.Second // single answer: nginx waits as long for a dead neighbour
)

// every has all scenarios played, each compared with the image and mended. It takes three times as long as the sample.
// go test -timeout 90m -run 'TestImage|TestPlayed' -every .
var every = flag.Bool("every", false, "build the image whole, play every scenario, compare each with what the image says, and play what fix writes in it")

// oneIn is how many scenarios there are for each one in the sample, which go test ./... plays.
const oneIn = 24

// TestPlayed plays scenarios that have a play.txt: the first of each rule, and a sample of the others; all that -run
// names, where it names any.
func TestPlayed(t *testing.T) {
	endpoint := engine(t)
	all := slices.DeleteFunc(scenarios(t), func(s scenario) bool { return !s.has("play.txt") })
	played := slices.DeleteFunc(slices.Clone(all), func(s scenario) bool { return !s.first() && !s.sampled() })
	t.Logf("plays %d of %d scenarios (-every: all)", len(played), len(all))
	atOnce(playsAtOnce, played, func(_ int, s scenario) {
		t.Run(s.name, func(t *testing.T) { playOne(t, s, endpoint) })
	})
}

// named says whether -run names plays.
func (s scenario) named() bool {
	return strings.Contains(flag.Lookup("test.run").Value.String(), "TestPlayed")
}

// sampled says whether a scenario is played that need not be each time.
func (s scenario) sampled() bool {
	if *every || s.named() {
		return true
	}
	sum := fnv.New32a()
	io.WriteString(sum, s.name)
	return sum.Sum32()%oneIn == 0 || slices.Contains(inTheBox, s.name)
}

// atOnce does something with each of a list, at most so many at a time.
func atOnce[T any](most int, list []T, do func(i int, one T)) {
	slots := make(chan struct{}, most)
	var all sync.WaitGroup
	for i, one := range list {
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			do(i, one)
		})
	}
	all.Wait()
}

// playOne plays a scenario, then compares what the program says with what nginx did. Where a busy machine is so
// slow to start that something else happens than play.txt says, it is begun again, once.
func playOne(t *testing.T, s scenario, endpoint *url.URL) {
	p := newPlay(t, s, endpoint)
	asked, err := p.perform()
	if err != nil {
		t.Logf("begun again: %v", err)
		p.cleanUp()
		p = newPlay(t, s, endpoint)
		asked, err = p.perform()
	}
	if err != nil {
		t.Fatal(err)
	}
	whole := p.compare(asked)
	if *every || slices.Contains(alwaysMended, p.name) || p.first() && s.named() {
		p.mends(whole, asked)
	}
}

// first says whether it is the first scenario of its rule.
func (s scenario) first() bool {
	return !strings.Contains(s.name, "--") && filepath.Base(s.dir) != "near-miss" && s.rule != ""
}

// compare holds the reports against what nginx did, and gives the one with the daemon.
func (p *play) compare(asked map[string]string) document {
	record := filepath.Join(p.t.TempDir(), "record.json")
	got := p.why502("--format=json", "--record="+record)
	doc := decode(p.t, got)
	golden(p.t, filepath.Join(p.dir, "want.live.txt"), fmt.Sprintf("exit %d\nlive %s\n%s", got.code, doc.Live.State, doc))
	if p.has("want.live.text.txt") {
		golden(p.t, filepath.Join(p.dir, "want.live.text.txt"), p.why502().stdout)
	}
	p.check(p.t, doc)
	for _, text := range p.logged {
		if !strings.Contains(got.stdout, text) {
			p.t.Errorf("the report has nothing of %q", text)
		}
	}
	if *every || slices.Contains(inTheBox, p.name) {
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
		p.traces(doc, record, address, status)
		break // sending one is enough
	}
	p.replays(got, record)
	p.loads()
	for _, request := range beyondReading(p.daemon.requests(), true) {
		p.t.Errorf("the daemon was asked to %s", request)
	}
	before := len(p.daemon.requests())
	p.why502("--probe=off")
	for _, request := range beyondReading(p.daemon.requests()[before:], false) {
		p.t.Errorf("with --probe=off the daemon was asked to %s", request)
	}
	return doc
}

// replays judges the record of a run again, which says the same.
func (p *play) replays(first result, record string) {
	again := p.start("--replay="+record, "--format=json")
	state := decode(p.t, first).Live.State
	want := strings.Replace(first.stdout, `"state": "`+state+`"`, `"state": "replayed"`, 1)
	if again.code != first.code || again.stdout != want {
		p.t.Errorf("replayed: exit %d\n%s%s\nwant exit %d\n%s", again.code, again.stdout, again.stderr, first.code, want)
	}
}

// traces follows one of the requests that were asked: what is wrong on its route is what the diagnosis says of
// that. A rule's first scenario is also sent, and gets the same answer; of the others, which would make a helper
// once more for the same thing, the record is traced.
func (p *play) traces(whole document, record, address, status string) {
	to, _ := url.Parse(address)
	if !p.first() {
		if got, ok := p.trace(address, to, "--replay="+record, "--format=json"); ok {
			agrees(p.t, whole, got)
		}
		return
	}
	got, ok := p.trace(address, to, "--timeout=1m", "--format=json", "-p", p.project, p.folder)
	if !ok {
		return
	}
	agrees(p.t, whole, got)
	answer := got.Trace.Answer
	if _, err := strconv.Atoi(status); err == nil && answer.Status != status || err != nil && answer.Error == "" && answer.Status != status {
		p.t.Errorf("trace: %s answers %s, not %q (%s)", address, status, answer.Status, answer.Error)
	}
}

// trace follows the request for a URL of play.txt, on the port that the engine has published.
func (p *play) trace(address string, to *url.URL, args ...string) (traced tracedDocument, ok bool) {
	service, target := p.publisher(to)
	port := to.Port()
	if published := p.inspect(service).NetworkSettings.Ports[strconv.Itoa(target)+"/tcp"]; len(published) > 0 && !p.asWritten() {
		port = published[0].HostPort
	}
	url := "http://" + net.JoinHostPort(to.Hostname(), port) + to.RequestURI()
	got := p.start(append([]string{"trace", url, "-H", "Host: " + to.Host}, args...)...)
	if got.code == exitError {
		untraceable(p.t, address, got.stderr)
		return traced, false
	}
	return decodeTrace(p.t, got), true
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
		var real printout
		if p.state(edge.Service.Name) == "running" && !otherMain.MatchString(strings.Join(edge.Service.Start(), " ")) {
			real = printed(p.t, []string{"exec", p.containerOf(edge.Service.Name), "nginx", "-T"})
		}
		if len(real.files) == 0 { // refused, or it ended meanwhile, as one that keeps restarting does
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
