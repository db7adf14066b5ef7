//go:build unix

package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

var bars = flag.String("bars", "", "measure, and write what was measured to this file, as tables in Markdown")

// rounds are how often each command is run; medians are compared.
const rounds = 11

// TestBars measures the program as it is released beside what people type for the same, in turns, and writes the
// ratios down. It asserts nothing: what a machine takes is no matter of right or wrong.
//
//	go test -timeout 90m -run TestBars -v -bars FILE .
func TestBars(t *testing.T) {
	if *bars == "" {
		t.Skip("it measures where -bars says into which file")
	}
	m := &meter{t: t, program: releasedProgram(t)}
	m.head("what", "measured", "bar")
	m.sizes()
	m.head("what", "why502", "beside it", "ratio", "bar")
	m.files()
	m.inProcess()
	m.daemon()
	m.head("services, of 10 locations each", "time", "of half as many", "bar")
	m.growth()
	write(t, *bars, m.tables.String())
	t.Log("\n" + m.tables.String())
}

// What keeps small projects from collecting garbage takes no memory of its own: a helper container has 64 MB.
func TestBallast(t *testing.T) {
	endToEnd(t)
	program := releasedProgram(t)
	const times = 60 // where it takes more, it does so in one run of ten
	if used := memoryOf(t, "", times, program, "--version"); used > 60<<20 {
		t.Fatalf("to say its version it took %d MB", used>>20)
	}
}

// metered is set to the file that takes the figure, where TestMetered runs a command for memoryOf.
const metered = "WHY502_TEST_METERED"

// memoryOf is the most memory that a command had, run so many times, in bytes. A process begins with what the one had
// that starts it (Linux counts it as its own), and this one may have grown: a new one of the same binary starts the
// command.
func memoryOf(t *testing.T, dir string, times int, words ...string) (used int64) {
	t.Helper()
	own, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "bytes")
	cmd := exec.Command(own, append([]string{"-test.run=^TestMetered$", "-test.count=" + fmt.Sprint(times), "--"}, words...)...)
	cmd.Dir, cmd.Env = dir, append(environment(), metered+"="+file)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(words, " "), err, out)
	}
	if _, err := fmt.Sscan(read(t, file), &used); err != nil {
		t.Fatal(err)
	}
	return used
}

// TestMetered runs the command behind -- and writes down the most memory that it had: kilobytes are what Linux says,
// bytes macOS.
func TestMetered(t *testing.T) {
	file := os.Getenv(metered)
	if file == "" {
		t.Skip("it is how other tests learn what memory a command had")
	}
	single("", flag.Args()...).take(t)
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_CHILDREN, &used); err != nil {
		t.Fatal(err)
	}
	unit := int64(1024)
	if runtime.GOOS == "darwin" {
		unit = 1
	}
	write(t, file, fmt.Sprint(int64(used.Maxrss)*unit))
}

// meter measures, and writes tables.
type meter struct {
	t       *testing.T
	program string // as it is released
	tables  strings.Builder
}

// releasedProgram builds the program with the flags of a release.
func releasedProgram(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "why502")
	build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", program, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return program
}

func (m *meter) head(columns ...string) {
	fmt.Fprintf(&m.tables, "\n| %s |\n|%s\n", strings.Join(columns, " | "), strings.Repeat("---|", len(columns)))
}

func (m *meter) row(columns ...string) {
	fmt.Fprintf(&m.tables, "| %s |\n", strings.Join(columns, " | "))
}

// way is one way to get at something: commands, one behind the other, in a directory.
type way struct {
	dir      string
	commands [][]string
}

// single is a way of one command.
func single(dir string, command ...string) way { return way{dir, [][]string{command}} }

// take runs a way once, and gives how long that took. What its commands find is theirs: only one that cannot be run is
// a fault.
func (w way) take(t *testing.T) time.Duration {
	t.Helper()
	began := time.Now()
	for _, words := range w.commands {
		var said bytes.Buffer
		cmd := exec.Command(words[0], words[1:]...)
		cmd.Dir, cmd.Env, cmd.Stderr = w.dir, environment(), &said
		if err := cmd.Run(); err != nil && cmd.ProcessState.ExitCode() != exitFound {
			t.Fatalf("%s: %v\n%s", strings.Join(words, " "), err, said.String())
		}
	}
	return time.Since(began)
}

// inTurns takes each way once unmeasured, then in turns, and gives the medians.
func (m *meter) inTurns(ways ...way) []time.Duration {
	m.t.Helper()
	all := make([][]time.Duration, len(ways))
	for round := range rounds + 1 {
		for i, w := range ways {
			if took := w.take(m.t); round > 0 {
				all[i] = append(all[i], took)
			}
		}
	}
	medians := make([]time.Duration, len(ways))
	for i, took := range all {
		slices.Sort(took)
		medians[i] = took[rounds/2]
	}
	return medians
}

func milliseconds(d time.Duration) string { return fmt.Sprintf("%.0f ms", float64(d)/1e6) }

// beside writes a row of the program's way and another one.
func (m *meter) beside(what, bar string, own, other way) {
	m.t.Helper()
	took := m.inTurns(own, other)
	m.row(what, milliseconds(took[0]), milliseconds(took[1]), fmt.Sprintf("%.2f", float64(took[0])/float64(took[1])), bar)
}

// files measures a run from the files alone.
func (m *meter) files() {
	for _, n := range sizes {
		dir, bar := generate(m.t, n), "≤ 1"
		if n == 1000 {
			bar = ""
		}
		m.beside(fmt.Sprintf("%d services, `--live=off`; `docker compose config -q`", n), bar,
			single(dir, m.program, "--live=off"), single(dir, "docker", "compose", "config", "-q"))
	}
	dir := m.t.TempDir()
	m.beside("`--version`; `docker compose version`", "", single(dir, m.program, "--version"), single(dir, "docker", "compose", "version"))
}

// inProcess measures 1,000 services beside the parsers alone, in this process.
func (m *meter) inProcess() {
	text, json := ratios(m.t, 1000)
	m.row("1,000 services, text; the two parsers, in one process", "", "", fmt.Sprintf("%.2f", text), "≤ 1.25")
	m.row("1,000 services, JSON; the two parsers, in one process", "", "", fmt.Sprintf("%.2f", json), "≤ 2")
}

// daemon measures a run that asks the daemon, with and without the probe.
func (m *meter) daemon() {
	engine(m.t)
	for _, n := range []int{10, 50, 200} {
		m.up(n, 0, func(dir string, ids []string) {
			m.beside(fmt.Sprintf("%d containers, `--probe=off`; `docker compose ps -a --format json` and `docker inspect` of all", n), "≤ 0.5",
				single(dir, m.program, "--probe=off"),
				way{dir, [][]string{{"docker", "compose", "ps", "-a", "--format", "json"}, append([]string{"docker", "inspect"}, ids...)}})
			if n > 10 {
				return
			}
			m.beside("10 containers, `--live=off`; `docker compose exec edge nginx -t`", "",
				single(dir, m.program, "--live=off"), single(dir, "docker", "compose", "exec", "-T", "edge", "nginx", "-t"))
			m.probe(dir, "nothing is broken", "≤ 2.5, ≤ 2 s")
		})
	}
	m.up(10, 3, func(dir string, _ []string) { m.probe(dir, "three upstreams refuse", "≤ 5") })
}

// probe measures a run with the probe in a project that is up.
func (m *meter) probe(dir, how, bar string) {
	bare := []string{"docker", "run", "--rm", "--network", "container:why502-bars-edge-1", "nginx:1.22", "true"}
	m.beside("10 containers, `--probe=require`, "+how+"; `docker run --rm --network container:ID IMAGE true`", bar,
		single(dir, m.program, "--probe=require"), single(dir, bare...))
}

// up brings up a project of so many containers, of which some refuse what is passed to them, for as long as it is used.
func (m *meter) up(n, refuse int, use func(dir string, ids []string)) {
	m.t.Helper()
	var project, config strings.Builder
	project.WriteString("name: why502-bars\nservices:\n")
	var all []string
	for i := range n - 1 {
		name, port := fmt.Sprintf("app%d", i), 80
		if i < refuse {
			port = 81
		}
		all = append(all, name)
		fmt.Fprintf(&project, "  %s: {image: 'nginx:1.22', init: true}\n", name)
		fmt.Fprintf(&config, "server {\n    server_name %s.localhost;\n    location / { proxy_pass http://%[1]s:%d; }\n}\n", name, port)
	}
	fmt.Fprintf(&project, "  edge:\n    image: nginx:1.22\n    ports: ['127.0.0.1::80']\n    volumes: ['./nginx.conf:/etc/nginx/conf.d/default.conf:ro']\n    depends_on: [%s]\n", strings.Join(all, ", "))
	dir := m.t.TempDir()
	write(m.t, filepath.Join(dir, "compose.yaml"), project.String())
	write(m.t, filepath.Join(dir, "nginx.conf"), config.String())
	defer func() {
		down := exec.Command("docker", "compose", "--project-directory", dir, "down", "-v", "-t", "0")
		if down.Run() != nil { // of hundreds the engine may leave one, which goes the second time
			m.docker(dir, "compose", "down", "-v", "-t", "0")
		}
	}()
	m.docker(dir, "compose", "up", "-d")
	time.Sleep(settling)
	use(dir, strings.Fields(m.docker(dir, "compose", "ps", "-aq")))
}

// docker gives what a docker command prints.
func (m *meter) docker(dir string, words ...string) string {
	m.t.Helper()
	cmd := exec.Command("docker", words...)
	cmd.Dir, cmd.Env = dir, environment()
	out, err := cmd.Output()
	if err != nil {
		m.t.Errorf("docker %s: %v", strings.Join(words, " "), err)
	}
	return string(out)
}

// sizes measures memory, and what is on the disk.
func (m *meter) sizes() {
	const mb = 1e6
	dir := generate(m.t, 1000)
	for _, format := range []string{"text", "json"} {
		most := memoryOf(m.t, dir, rounds, m.program, "--live=off", "--format="+format)
		m.row("most memory at 1,000 services, "+format, fmt.Sprintf("%.0f MB", float64(most)/mb), map[string]string{"text": "≤ 120 MB"}[format])
	}
	if info, err := os.Stat(m.program); err == nil {
		m.row("the binary; the image is that and nothing else", fmt.Sprintf("%.2f MB", float64(info.Size())/mb), "≤ 20 MB")
	}
}

// growth measures how the time grows with the project.
func (m *meter) growth() {
	counts := []int{10, 94, 188, 375, 750, 1500, 3000}
	var ways []way
	for _, n := range counts {
		ways = append(ways, single(generate(m.t, n), m.program, "--live=off"))
	}
	took := m.inTurns(ways...)
	for i, n := range counts {
		ratio, bar := "", ""
		if i > 1 {
			ratio, bar = fmt.Sprintf("%.2f", float64(took[i])/float64(took[i-1])), "≤ 2.2"
		}
		m.row(fmt.Sprint(n), milliseconds(took[i]), ratio, bar)
	}
}
