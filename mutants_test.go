package main

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

var (
	mutants    = flag.Int("mutants", 25, "how many mutants to play")
	mutantSeed = flag.Uint64("mutant-seed", 1, "which ones")
	matrixFile = flag.String("matrix", "", "file to write into what was said of mutants, as a table in Markdown")
)

// TestMutants breaks scenarios that work, as people do, one or two faults at a time, plays them, and holds what is
// said of them, from the files alone and with the daemon, against what nginx answers.
//
//	go test -timeout 3h -run TestMutants -v -mutants 300 -mutant-seed 1 -matrix FILE .
func TestMutants(t *testing.T) {
	endpoint := engine(t)
	var bases []scenario
	for _, s := range scenarios(t) {
		if s.works && s.has("play.txt") && asIs(t, s) {
			bases = append(bases, s)
		}
	}
	outcomes := make([][]outcome, *mutants)
	atOnce(playsAtOnce, outcomes, func(i int, _ []outcome) {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			m := breed(t, bases, rand.New(rand.NewPCG(*mutantSeed, uint64(i))))
			outcomes[i] = m.play(t, endpoint)
			if slices.ContainsFunc(outcomes[i], outcome.wrong) { // on a busy machine something may come late
				t.Log("played again")
				outcomes[i] = m.play(t, endpoint)
			}
		})
	})
	judgeOutcomes(t, slices.Concat(outcomes...))
}

var plainLine = regexp.MustCompile(`^(docker compose up -d( --build)?|ask \S+ 200)$`)

// asIs says whether a scenario is brought up and answers 200, and no more, and does not need the machine's ports.
func asIs(t *testing.T, s scenario) bool {
	p := &play{scenario: s, t: t}
	for _, words := range p.lines() {
		if !plainLine.MatchString(strings.Join(words, " ")) {
			return false
		}
	}
	return !strings.Contains(read(t, filepath.Join(s.dir, "compose.yaml")), "network_mode: host")
}

// breed makes a mutant that docker compose takes.
func breed(t *testing.T, bases []scenario, random *rand.Rand) *mutant {
	t.Helper()
	for range 200 {
		base := bases[random.IntN(len(bases))]
		m := &mutant{dir: filepath.Join(t.TempDir(), "mutant"), rand: random}
		if err := os.CopyFS(m.dir, os.DirFS(base.dir)); err != nil {
			t.Fatal(err)
		}
		m.upstreams = decode(t, why502(t, nil, "--live=off", "--format=json", m.dir)).upstreams()
		m.breakOnce()
		if random.IntN(2) == 0 {
			m.breakOnce()
		}
		if len(m.operators) > 0 && configurable(m.dir) {
			t.Logf("%s: %s", base.name, m.names())
			return m
		}
		os.RemoveAll(m.dir)
	}
	t.Fatal("no mutant is to be had")
	return nil
}

// breakOnce breaks a mutant, where it has what the operator breaks that is chosen.
func (m *mutant) breakOnce() {
	o := operators[m.rand.IntN(len(operators))]
	again := slices.ContainsFunc(m.operators, func(other operator) bool { return other.name == o.name })
	if len(m.upstreams) > 0 && !again && (o.files == nil || o.files(m)) {
		m.operators = append(m.operators, o)
	}
}

// upstreams are the services that routes lead to.
func (d document) upstreams() (all []string) {
	for _, r := range d.Routes {
		for _, b := range r.Backends {
			if b.Service != "" && b.Service != r.Proxy {
				all = append(all, b.Service)
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// configurable says whether docker compose takes a project: what it refuses is not for nginx to answer.
func configurable(dir string) bool {
	cmd := exec.Command("docker", "compose", "--project-directory", dir, "config", "-q")
	cmd.Dir, cmd.Env = dir, environment()
	return cmd.Run() == nil
}

func (m *mutant) names() string {
	var all []string
	for _, o := range m.operators {
		all = append(all, o.name)
	}
	return strings.Join(all, " + ")
}

// outcome is one answer of a mutant, beside what was said of it.
type outcome struct {
	operators    []operator
	answer       string
	static, live string // what was said that is wrong; empty: it is right
	alarm        bool   // an error was found that is about it, and it is 200
}

// marked says whether all faults leave their mark in the files.
func (o outcome) marked() bool {
	return !slices.ContainsFunc(o.operators, func(op operator) bool { return op.files == nil })
}

// wrong says whether what was said does not fit.
func (o outcome) wrong() bool { return o.live != "" || o.alarm || o.marked() && o.static != "" }

// play brings the mutant up and asks it what its scenario asks.
func (m *mutant) play(t *testing.T, endpoint *url.URL) (all []outcome) {
	// that it works is what the verdicts are held against: a route of which it is said that it is broken is not 200
	p := newPlay(t, scenario{name: "mutant", dir: m.dir, works: true}, endpoint)
	p.docker(t.Context(), "compose", "up", "-d", "--build") // which may fail: that is the fault
	time.Sleep(settling)
	m.breakContainers(p)
	live, answers := p.compareNow()
	for address, answer := range answers {
		o := outcome{operators: m.operators, answer: answer, live: p.differs(live, address, answer)}
		o.static = p.differs(p.static, address, answer)
		o.alarm = answer == "200" && (p.accuses(live, address) || o.marked() && p.accuses(p.static, address))
		if o.wrong() {
			t.Logf("DIFFERS %s: %s answers %s; from the files: %s; with the daemon: %s; alarm %v\nfrom the files:\n%s\nwith the daemon:\n%s\n%s", m.names(), address, answer, o.static, o.live, o.alarm, p.static, live, m.changes())
		}
		all = append(all, o)
	}
	return all
}

// breakContainers does what the files do not show. What cannot be done is no fault of the mutant.
func (m *mutant) breakContainers(p *play) {
	m.operators = slices.DeleteFunc(m.operators, func(o operator) bool {
		if o.then == nil {
			return false
		}
		commands := o.then(p, m)
		for _, command := range commands {
			if out, err := p.docker(p.t.Context(), strings.Fields(command)...); err != nil {
				p.t.Logf("docker %s: %v: %s", command, err, out)
				return true
			}
		}
		time.Sleep(settling)
		return len(commands) == 0
	})
}

// compareNow gives a report, and the answers that are the same before and after it.
func (p *play) compareNow() (live document, answers map[string]string) {
	answers = p.answers()
	for range 4 {
		live = p.judged()
		again := p.answers()
		if maps.Equal(answers, again) {
			break
		}
		answers = again
	}
	return live, answers
}

// answers are those to what play.txt asks.
func (p *play) answers() map[string]string {
	all := map[string]string{}
	for _, words := range p.lines() {
		if words[0] == "ask" {
			to := p.reachable(words[1])
			all[to.String()] = p.plainly(to, p.answer(to))
		}
	}
	return all
}

// plainly is an answer as a report foretells it: what the container refuses the engine's proxy accepts, and closes; and
// nginx may seem to run while it is restarted again and again.
func (p *play) plainly(to *url.URL, answer string) string {
	service, _ := p.publisher(to)
	switch {
	case (answer == "closed" || answer == "refused") && p.inspect(service).RestartCount > 0:
		return "no-start"
	case answer == "closed":
		return "refused"
	}
	return answer
}

// reachable is a URL with a port that is published, where its own is not any more.
func (p *play) reachable(address string) *url.URL {
	to, err := url.Parse(address)
	if err != nil {
		p.t.Fatal(err)
	}
	var published []string
	for _, name := range slices.Sorted(maps.Keys(p.stack.Services)) {
		for _, port := range p.stack.Services[name].Ports {
			published = append(published, strconv.Itoa(port.Published))
		}
	}
	if len(published) > 0 && !slices.Contains(published, to.Port()) {
		to.Host = to.Hostname() + ":" + published[0]
	}
	return to
}

// differs is the verdict of a report on a URL that does not fit its answer; empty: it fits.
func (p *play) differs(doc document, address, answer string) string {
	to, _ := url.Parse(address)
	_, target := p.publisher(to)
	routes := doc.routesOf(to, target)
	answers := []string{answer}
	if answer == "hangs" {
		answers = []string{"502", "504"} // after half a minute without a resolver, or a minute: longer than is waited here
	}
	unloaded := slices.ContainsFunc(doc.Findings, func(f finding) bool { return f.Rule == "config-not-reloaded" })
	if slices.ContainsFunc(routes, func(r route) bool {
		return unloaded && r.Verdict == "at-risk" || slices.ContainsFunc(answers, func(a string) bool { return p.foresees(doc, r, a) })
	}) {
		return ""
	}
	if len(routes) > 0 {
		return routes[0].Verdict + " " + orDash(routes[0].Status)
	}
	if len(doc.Findings) > 0 || !slices.Contains(failures, answer) {
		return "" // what is not passed on is nginx's own to answer
	}
	return "no route"
}

// accuses says whether a report has errors that are about a URL, whichever way it may take.
func (p *play) accuses(doc document, address string) bool {
	to, _ := url.Parse(address)
	_, target := p.publisher(to)
	routes := doc.routesOf(to, target)
	broken := slices.DeleteFunc(slices.Clone(routes), func(r route) bool {
		return !slices.ContainsFunc(doc.Findings, func(f finding) bool {
			return f.Severity == "error" && (len(f.Routes) == 0 || slices.Contains(f.Routes, r.ID))
		})
	})
	return len(broken) > 0 && len(broken) == len(routes)
}

// changes are the files of the mutant, for a person to read.
func (m *mutant) changes() string {
	var b strings.Builder
	texts := m.texts(func(name, text string) bool { return isCompose(name, text) || isNginx(name, text) })
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		fmt.Fprintf(&b, "--- %s\n%s", strings.TrimPrefix(name, m.dir+"/"), texts[name])
	}
	return b.String()
}

// tally counts the answers to mutants of a sort.
type tally struct{ answers, failures, marked, foreseen, right, alarms int }

func (r *tally) add(o outcome) {
	for n, counts := range map[*int]bool{
		&r.answers:  true,
		&r.failures: slices.Contains(failures, o.answer),
		&r.marked:   o.marked(),
		&r.foreseen: o.marked() && o.static == "",
		&r.right:    o.live == "",
		&r.alarms:   o.alarm,
	} {
		if counts {
			*n++
		}
	}
}

// judgeOutcomes counts what was right, by operator, and fails where that is too little.
func judgeOutcomes(t *testing.T, outcomes []outcome) {
	var sum tally
	rows := map[string]*tally{}
	for _, o := range outcomes {
		name := "two of them"
		if len(o.operators) == 1 {
			name = o.operators[0].name
		}
		if rows[name] == nil {
			rows[name] = &tally{}
		}
		rows[name].add(o)
		sum.add(o)
	}
	var b strings.Builder
	b.WriteString("| fault | answers | of them failures | foreseen from the files | right with the daemon | false alarms |\n|---|---|---|---|---|---|\n")
	rows["all"] = &sum
	for _, name := range append(slices.DeleteFunc(slices.Sorted(maps.Keys(rows)), func(name string) bool { return name == "all" }), "all") {
		r := rows[name]
		fmt.Fprintf(&b, "| %s | %d | %d | %d of %d | %d | %d |\n", name, r.answers, r.failures, r.foreseen, r.marked, r.right, r.alarms)
	}
	t.Log("\n" + b.String())
	if *matrixFile != "" {
		write(t, *matrixFile, b.String())
	}
	if 100*sum.foreseen < 98*sum.marked {
		t.Errorf("%d of %d answers were foreseen from the files, which is less than 98 %%", sum.foreseen, sum.marked)
	}
	if 100*sum.right < 99*sum.answers {
		t.Errorf("%d of %d verdicts with the daemon were right, which is less than 99 %%", sum.right, sum.answers)
	}
	if sum.alarms > 0 {
		t.Errorf("%d false alarms", sum.alarms)
	}
}
