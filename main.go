// Command why502 says why the nginx proxy of a Docker Compose project answers 502 or 504, or does
// not start, which line to change, and to what.
package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"github.com/docker/cli/cli-plugins/socket"

	"why502/compose"
	"why502/inspect"
	"why502/inspect/live"
	"why502/inspect/probe"
	"why502/inspect/recording"
	"why502/report"
)

// version is that of the last release; .ci/release has the linker put the one there that it makes.
var version = "0.1.0"

// The exit codes. They depend on what was found and on --fail-on, never on how it is printed.
const (
	exitOK    = 0 // no finding at or above --fail-on
	exitFound = 1 // findings at or above it, or a line that cannot be explained
	exitError = 2 // wrong use, a project that cannot be read or has no proxy, or a daemon or a probe that was required and did not answer
)

func main() {
	log.SetOutput(io.Discard) // net/http reports broken daemons there, in their own words
	ballast := collectLess()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // so that a second signal ends the program at once
	socket.ConnectAndWait(stop)  // which the docker command closes when it is interrupted
	code := run(ctx, os.Args[1:], os.Environ(), os.Stdin, os.Stdout, os.Stderr)
	runtime.KeepAlive(ballast)
	os.Exit(code)
}

// collectLess sets how garbage is collected: a run is over before that matters. The ballast, which is never
// touched and so takes no memory, keeps small projects from collecting any; with less headroom than usual
// beyond it, large ones stay small. It counts for as long as it is kept.
func collectLess() (ballast [16][]byte) {
	debug.SetGCPercent(50)
	debug.SetMemoryLimit(200 << 20) // beyond any project that is meant: garbage matters more than time then
	for i := range ballast {
		ballast[i] = make([]byte, 4<<20) // in pieces: one that begins where something was before is written to, whole
	}
	return ballast
}

// run is the program: streams, arguments and environment in, exit code out.
func run(ctx context.Context, args, env []string, stdin io.Reader, stdout, stderr io.Writer) int {
	p := program{stdin: stdin, stdout: stdout, stderr: stderr}
	args, env, plugin, err := fromDocker(args, env)
	code := exitError
	if p.env, p.plugin = env, plugin; err == nil {
		p.progress = p.newProgress(stderr)
		stop := context.AfterFunc(ctx, p.progress.quit)
		defer stop()
		code, err = p.run(ctx, args)
		p.progress.end()
	}
	if err != nil {
		printError(stderr, err)
		return exitError
	}
	return code
}

// program is one run.
type program struct {
	env    []string // NAME=value
	plugin bool     // the docker command runs it
	stdin  io.Reader
	stdout io.Writer
	stderr io.Writer

	progress *progress
}

// run does what the command line asks for. Where it fails, nothing has been written.
func (p *program) run(ctx context.Context, args []string) (int, error) {
	ask, err := parse(args)
	if err != nil {
		return exitError, err
	}
	if ask.style.Quiet {
		p.progress = nil
	}
	switch ask.command {
	case showHelp:
		return exitOK, p.print(func(w io.Writer) error { return say(w, p.usage()) })
	case showVersion:
		return exitOK, p.print(func(w io.Writer) error { return say(w, "why502 "+version+"\n") })
	case explainRule:
		return exitOK, p.print(func(w io.Writer) error { return report.Explain(w, ask.rule) })
	case traceRequest:
		return p.trace(ctx, ask)
	case explainLines:
		return p.explain(ctx, ask)
	case fixFiles:
		return p.fix(ctx, ask)
	case listRules:
		return exitOK, p.print(func(w io.Writer) error { return report.RuleList(w, inspect.Rules()) })
	case tellDocker:
		return exitOK, p.print(describePlugin)
	case watchProject:
		return p.watch(ctx, ask)
	case printCompletion:
		return exitOK, p.print(func(w io.Writer) error { return say(w, completionScripts()[ask.shell]) })
	case completeWord:
		return exitOK, p.complete(ctx, ask.words)
	case runProbe:
		return exitOK, p.probe(ctx)
	}
	return p.diagnose(ctx, ask)
}

// usage is the page that --help prints.
func (p *program) usage() string {
	if p.plugin {
		return pluginUsage()
	}
	return usage
}

// probe is what the program does in a helper container.
func (p *program) probe(ctx context.Context) error {
	if isTerminal(p.stdin) {
		return wrong("if it is a directory: why502 ./probe", "probe is what why502 runs in a container of its own")
	}
	return probe.Run(ctx, p.stdin, p.stdout)
}

// diagnose reads the project, asks the daemon, judges, and writes the report.
func (p *program) diagnose(ctx context.Context, ask *request) (int, error) {
	begun := ask.beginBaseline()
	seen, text, r, err := p.examine(ctx, ask)
	if err != nil {
		return exitError, err
	}
	ask.style.Prefix = p.inWorkspace(seen)
	if begun != "" {
		r.Remarks = append(r.Remarks, inspect.Remark{Text: begun + " is new: what is found now is accepted from the next run on"})
	}
	if err := p.write(r, ask, text); err != nil {
		return exitError, err
	}
	return exitCode(r.Findings, ask.failOn), nil
}

// examine gathers what there is to know of the project, and judges it.
func (p *program) examine(ctx context.Context, ask *request) (seen *recording.Record, text []byte, r *inspect.Report, err error) {
	seen, text, err = p.gather(ctx, ask)
	if err == nil {
		r, err = judge(seen, ask)
	}
	if err == nil {
		err = nothingJudged(r)
	}
	return seen, text, r, err
}

// judge judges what was gathered. A record may have been changed by hand, in ways that no project can be.
func judge(seen *recording.Record, ask *request) (r *inspect.Report, err error) {
	if ask.replay != "" {
		defer func() {
			if recover() != nil {
				err = wrong("record it again: --record FILE", "cannot replay %q: it was changed, or is damaged", ask.replay)
			}
		}()
	}
	r = inspect.Judge(seen.Stack, seen.Snapshot, seen.Live, inspect.Options{
		Ignore: ask.ignore, Baseline: ask.known, Now: seen.Time, Some: len(ask.project.Proxies) > 0,
	})
	r.Project.Directory = seen.Directory
	if ask.replay != "" {
		r.Live.Was, r.Live.State, r.Live.Recorded = r.Live.State, inspect.LiveReplayed, seen.Time
	}
	return r, nil
}

// gather collects what the diagnosis rests on: from a record, else from the project and the daemon. Where
// that is to be recorded, text is the record, and the diagnosis rests on it too, so that a replay gives
// the same.
func (p *program) gather(ctx context.Context, ask *request) (seen *recording.Record, text []byte, err error) {
	if ask.accept != "" {
		if ask.known, err = readBaseline(ask.accept); err != nil {
			return nil, nil, err
		}
	}
	if ask.replay != "" {
		seen, err = p.replay(ask.replay)
		return seen, nil, err
	}
	ask.project.Env, ask.project.Stdin, ask.project.View = p.env, p.stdin, live.View(ctx, p.env, ask.live != "off")
	p.progress.at("reading the files")
	stack, err := compose.Load(ctx, ask.project)
	if err == nil {
		err = cmp.Or(ctx.Err(), unknownRules(stack.Ignores))
	}
	if err != nil {
		return nil, nil, err
	}
	snap, state, err := p.observe(ctx, ask, stack)
	if err != nil {
		return nil, nil, err
	}
	if snap != nil {
		stack.Astray()
	}
	seen = &recording.Record{Tool: version, Time: time.Now().UTC().Truncate(time.Second), Directory: fromHere(stack), Live: state, Stack: stack, Snapshot: snap}
	if ask.record == "" {
		return seen, nil, nil
	}
	if text, err = recording.Encode(seen); err == nil {
		seen, err = recording.Decode(text)
	}
	if err != nil {
		return nil, nil, wrong("leave out --record", "this diagnosis cannot be recorded: %w", err)
	}
	return seen, text, nil
}

// fromHere is a project's directory as seen from the current one, where that can be said.
func fromHere(stack *compose.Stack) string {
	dir, visible := stack.Here(stack.Directory)
	here, err := os.Getwd()
	if err != nil || !visible {
		return stack.Directory
	}
	rel, err := filepath.Rel(here, dir)
	if err != nil {
		return dir
	}
	return filepath.ToSlash(rel)
}

// inWorkspace is the project's directory as the workspace of a GitHub workflow has it; elsewhere, and where the
// project is not in it, as the current directory has it.
func (p *program) inWorkspace(seen *recording.Record) string {
	dir, _ := seen.Stack.Here(seen.Stack.Directory)
	rel, err := filepath.Rel(p.variable("GITHUB_WORKSPACE"), dir)
	if err != nil || !filepath.IsLocal(rel) {
		return seen.Directory
	}
	return filepath.ToSlash(rel)
}

// nothingJudged refuses to call a project fine of which no configuration could be read, or that has no routes.
func nothingJudged(r *inspect.Report) error {
	if len(r.Routes)+len(r.Findings)+len(r.Ignored) > 0 {
		return nil
	}
	why := "no proxy passes anything on"
	if len(r.Unchecked) > 0 {
		why = "no configuration of any proxy could be read: " + r.Unchecked[0].What + ": " + r.Unchecked[0].Why
	}
	return wrong("if another service is the proxy, name it with --proxy", "%s", why)
}

// exitCode is 1 where a finding is at least as bad as the threshold.
func exitCode(findings []*inspect.Finding, failOn inspect.Severity) int {
	for _, f := range findings {
		if f.Severity >= failOn {
			return exitFound
		}
	}
	return exitOK
}

// print writes a page to stdout.
func (p *program) print(page func(io.Writer) error) error {
	var b bytes.Buffer
	if err := page(&b); err != nil {
		return err
	}
	return p.flush(b.Bytes())
}

// flush writes to stdout what is complete.
func (p *program) flush(text []byte) error {
	p.progress.end()
	if _, err := p.stdout.Write(text); err != nil {
		return wrong("write the report to a file: -o FILE", "cannot write to standard output: %w", err)
	}
	return nil
}

func say(w io.Writer, text string) error {
	_, err := io.WriteString(w, text)
	return err
}

// printError writes an error on one line, and on the next what to do about it.
func printError(w io.Writer, err error) {
	text := err.Error()
	if errors.Is(err, context.Canceled) {
		text = "interrupted"
	}
	fmt.Fprintf(w, "why502: error: %s\n", oneLine(text))
	if !errors.Is(err, context.Canceled) {
		fmt.Fprintf(w, "why502: hint: %s\n", oneLine(cmp.Or(hintOf(err), "see why502 --help")))
	}
}

// hintOf is what an error says on how to go on.
func hintOf(err error) string {
	var hinter interface{ Hint() string }
	if errors.As(err, &hinter) {
		return hinter.Hint()
	}
	return ""
}

// oneLine makes text from anywhere fit for one line of a terminal.
func oneLine(text string) string {
	return report.Clean(inspect.Redact(strings.Join(strings.Fields(text), " ")))
}
