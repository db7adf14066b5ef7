package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/docker/cli/cli-plugins/metadata"
	"github.com/spf13/pflag"

	"why502/compose"
	"why502/inspect"
	"why502/inspect/live"
	"why502/report"
)

const usage = `why502 says why the nginx proxy of a Docker Compose project answers 502 or 504,
or does not start, which line to change, and to what.

Usage:
  why502 [flags] [DIRECTORY]   diagnose the project in DIRECTORY, or here
  why502 trace URL             follow one request, and send it
  why502 explain RULE          say more about a rule
  why502 explain 'LINE'        say what a line of nginx's log means, and what of
                               the project here it is about; without one, or
                               with -, lines are read from standard input
  why502 fix [RULE...]         show what to change as a diff, or change it
  why502 watch                 diagnose again when files or containers change,
                               and print what is new and what is gone
  why502 rules                 list all rules
  why502 completion SHELL      print the completions for bash, zsh or fish

Which project (as for docker compose):
  -f, --file FILE              Compose file; - is standard input (repeatable)
  -p, --project-name NAME      name of the project
      --project-directory DIR  directory that relative paths start from
      --profile NAME           profile to enable (repeatable)
      --env-file FILE          file of variables (repeatable)

What to check:
      --proxy SERVICE          this proxy only (repeatable)
      --live MODE              ask the Docker daemon: auto, off, require (auto)
      --probe MODE             try names and ports from where nginx stands, by
                               a container made for that: auto, off, require
                               (auto)
      --since TIME             what logs say counts from then on, as for docker
                                logs: a duration like 30m, or a time (15m)
      --timeout DURATION       how long daemon and probe may take in all (10s)
      --ignore RULE[=SUBJECT]  not this rule, at all or for a service, host or
                               route; * in SUBJECT matches anything (repeatable)
                               also # why502:ignore RULE REASON in a file, and
                               .why502.yaml
      --baseline FILE          only what is new fails: accept what is in FILE,
                               which the first run writes

What to print:
      --format FORMAT[=FILE]   text, json, github, sarif, markdown, junit or
                               html (text; repeatable)
  -o, --output FILE            write the report to FILE
      --show SEVERITY          least severity: error, warning or note (note)
      --color WHEN             auto, always or never (auto)
  -q, --quiet                  a line per finding
  -v, --verbose                everything, however long

Of trace:
  -X, --request METHOD         method of the request (GET)
  -H, --header 'NAME: VALUE'   header of the request (repeatable)
      --dry-run                do not send it

Of fix:
      --write                  change the files; what does not help is undone

Now and later:
      --record FILE            write down what the diagnosis rests on, without
                               credentials
      --replay FILE            diagnose what was recorded, on any machine;
                               - is standard input

Other:
      --fail-on SEVERITY       exit with 1 from this severity on: error, warning
                               or note; or never (error)
      --version                print the version
  -h, --help                   print this page

Exit status:
  0  no finding at or above --fail-on; of watch, that it was interrupted
  1  findings at or above it; of explain, a line that it does not know
  2  the project could not be checked

Examples:
  why502                              in the directory of compose.yaml
  why502 --live off --format json ci  from the files in ci alone, for a program
  why502 --proxy edge -q              one proxy, a line per finding
  docker compose logs edge | why502 explain  what the log says
`

// command is what the program is asked to do.
type command int

const (
	diagnose command = iota
	traceRequest
	explainRule
	explainLines
	fixFiles
	listRules
	showHelp
	showVersion
	watchProject
	printCompletion
	runProbe     // in a helper container; not for users
	completeWord // for the scripts of completion; not for users
	tellDocker   // what plugin this is; not for users
)

// never is a threshold that no finding reaches.
const never = inspect.Error + 1

// request is what a command line asks for, checked as far as that is possible without opening
// anything.
type request struct {
	command command
	words   []string      // to complete the last of
	shell   string        // to print completions for
	rule    *inspect.Rule // to explain
	line    string        // to explain; empty: those of standard input
	format  report.MessageFormat
	project compose.Options
	live    string // auto, off, require
	probe   string // auto, off, require
	since   string
	timeout time.Duration
	ignore  []inspect.Ignore
	accept  string            // file of the report whose findings are accepted; empty: none
	known   *inspect.Baseline // what is in it, when it has been read
	outputs []output
	style   report.Options
	color   string // auto, always, never
	failOn  inspect.Severity
	record  string   // file to write a record to; empty: none
	tracing *tracing // of trace
	fixing  *fixing  // of fix
	replay  string   // file of the record to diagnose; - is standard input; empty: none
}

// flags are the values of the flags as given.
type flags struct {
	project compose.Options
	live    string
	probe   string
	since   string
	timeout time.Duration
	ignore  []string
	accept  string
	formats []string
	output  string
	show    string
	failOn  string
	color   string
	record  string
	replay  string
	method  string
	headers []string
	dryRun  bool
	write   bool
	quiet   bool
	verbose bool
	version bool
	help    bool
}

// set declares the flags.
func (f *flags) set() *pflag.FlagSet {
	s := pflag.NewFlagSet("why502", pflag.ContinueOnError)
	s.StringArrayVarP(&f.project.Files, "file", "f", nil, "")
	s.StringVarP(&f.project.ProjectName, "project-name", "p", "", "")
	s.StringVar(&f.project.ProjectDirectory, "project-directory", "", "")
	s.StringArrayVar(&f.project.Profiles, "profile", nil, "")
	s.StringArrayVar(&f.project.EnvFiles, "env-file", nil, "")
	s.StringArrayVar(&f.project.Proxies, "proxy", nil, "")
	s.StringVar(&f.live, "live", "auto", "")
	s.StringVar(&f.probe, "probe", "auto", "")
	s.StringVar(&f.since, "since", "15m", "")
	s.DurationVar(&f.timeout, "timeout", 10*time.Second, "")
	s.StringArrayVar(&f.ignore, "ignore", nil, "")
	s.StringVar(&f.accept, "baseline", "", "")
	s.StringArrayVar(&f.formats, "format", nil, "")
	s.StringVarP(&f.output, "output", "o", "", "")
	s.StringVar(&f.show, "show", "note", "")
	s.StringVar(&f.failOn, "fail-on", "error", "")
	s.StringVar(&f.color, "color", "auto", "")
	s.StringVar(&f.record, "record", "", "")
	s.StringVar(&f.replay, "replay", "", "")
	s.StringVarP(&f.method, "request", "X", "GET", "")
	s.StringArrayVarP(&f.headers, "header", "H", nil, "")
	s.BoolVar(&f.dryRun, "dry-run", false, "")
	s.BoolVar(&f.write, "write", false, "")
	s.BoolVarP(&f.quiet, "quiet", "q", false, "")
	s.BoolVarP(&f.verbose, "verbose", "v", false, "")
	s.BoolVar(&f.version, "version", false, "")
	s.BoolVarP(&f.help, "help", "h", false, "")
	s.SetNormalizeFunc(func(_ *pflag.FlagSet, name string) pflag.NormalizedName {
		if name == "failure-threshold" { // what hadolint and istioctl call it
			name = "fail-on"
		}
		return pflag.NormalizedName(name)
	})
	return s
}

// parse reads a command line.
func parse(args []string) (*request, error) {
	if len(args) > 0 && args[0] == completeCommand { // where flags are words like others
		return &request{command: completeWord, words: args[1:]}, nil
	}
	var f flags
	set := f.set()
	if err := set.Parse(args); err != nil {
		return nil, flagError(set, err)
	}
	switch {
	case f.help:
		return &request{command: showHelp}, nil
	case f.version:
		return &request{command: showVersion}, nil
	}
	switch set.Arg(0) {
	case "explain":
		return f.parseExplain(set)
	case "rules":
		return &request{command: listRules}, alone(set, 1)
	case "completion":
		return parseCompletion(set)
	case "probe":
		return &request{command: runProbe}, alone(set, 1)
	case metadata.MetadataSubcommandName:
		return &request{command: tellDocker}, alone(set, 1)
	case "fix":
		return f.parseFix(set)
	case "watch":
		return f.parseWatch(set)
	}
	if set.Changed("write") {
		return nil, wrong("why502 fix --write", "--write is of fix")
	}
	for _, name := range []string{"baseline", "record", "replay"} {
		if set.Changed(name) && set.Lookup(name).Value.String() == "" {
			return nil, wrong("--"+name+" FILE", "--%s names no file", name)
		}
	}
	tracing := set.Arg(0) == "trace"
	if set.Changed("replay") {
		if err := replayAlone(set, tracing); err != nil {
			return nil, err
		}
	}
	if tracing {
		return f.parseTrace(set.Args()[1:])
	}
	for _, name := range []string{"request", "header", "dry-run"} {
		if set.Changed(name) {
			return nil, wrong("why502 trace URL", "--%s is of trace", name)
		}
	}
	return f.diagnosis(set.Args())
}

// parseFix reads the command line of fix: rules, and a directory where there is one.
func (f *flags) parseFix(set *pflag.FlagSet) (*request, error) {
	for _, name := range []string{"format", "output", "show", "record", "replay", "request", "header", "dry-run", "quiet", "verbose"} {
		if set.Changed(name) {
			return nil, wrong("fix prints a diff to standard output", "fix does not go with --%s", name)
		}
	}
	if slices.Contains(f.project.Files, "-") {
		return nil, wrong("name the Compose file", "fix does not go with -f -: there is no file to change")
	}
	what := &fixing{write: f.write}
	args := set.Args()[1:]
	for len(args) > 0 {
		rule, err := findRule(args[0])
		if err != nil && exists(args[0]) {
			break
		}
		if err != nil {
			return nil, err
		}
		what.rules, args = append(what.rules, rule.ID), args[1:]
	}
	r, err := f.diagnosis(args)
	if err != nil {
		return nil, err
	}
	r.command, r.fixing = fixFiles, what
	return r, nil
}

// parseWatch reads the command line of watch: a directory where there is one.
func (f *flags) parseWatch(set *pflag.FlagSet) (*request, error) {
	for _, name := range []string{"output", "record", "replay", "fail-on", "request", "header", "dry-run", "write"} {
		if set.Changed(name) {
			return nil, wrong("watch prints what changes until it is interrupted", "watch does not go with --%s", name)
		}
	}
	if len(f.formats) > 1 || len(f.formats) == 1 && f.formats[0] != report.Formats()[0].Name {
		return nil, wrong("leave it out; -q prints a line for each finding that is new or gone", "watch prints text, to standard output, and not %q", strings.Join(f.formats, ", "))
	}
	if slices.Contains(f.project.Files, "-") {
		return nil, wrong("name the Compose file", "watch does not go with -f -: it can be read only once")
	}
	r, err := f.diagnosis(set.Args()[1:])
	if err != nil {
		return nil, err
	}
	r.command = watchProject
	return r, nil
}

// parseTrace reads the command line of trace: a URL, and a directory where there is one.
func (f *flags) parseTrace(args []string) (*request, error) {
	if len(args) == 0 {
		return nil, wrong("why502 trace http://localhost:8080/path", "trace needs a URL")
	}
	asked, err := parseURL(args[0])
	if err != nil {
		return nil, err
	}
	if asked.Method, err = method(f.method); err != nil {
		return nil, err
	}
	if err := addHeaders(&asked, f.headers); err != nil {
		return nil, err
	}
	r, err := f.diagnosis(args[1:])
	if err != nil {
		return nil, err
	}
	r.command, r.tracing = traceRequest, &tracing{asked: asked, dryRun: f.dryRun || f.replay != ""}
	return r, nil
}

// replayAlone refuses what says which project to read, or how to ask the daemon: a record has it all.
func replayAlone(set *pflag.FlagSet, tracing bool) error {
	const hint = "leave it out: a record has the project, and what the daemon said"
	for _, name := range []string{"file", "project-name", "project-directory", "profile", "env-file", "proxy", "live", "since", "probe", "record"} {
		if set.Changed(name) {
			return wrong(hint, "--replay does not go with --%s", name)
		}
	}
	if args := set.Args(); len(args) > 0 && !tracing || len(args) > 2 {
		return wrong(hint, "--replay does not go with %q", args[len(args)-1])
	}
	return nil
}

// parseExplain reads the command line of explain.
func (f *flags) parseExplain(set *pflag.FlagSet) (*request, error) {
	what := set.Arg(1)
	if set.NArg() > 2 && strings.Contains(strings.Join(set.Args(), " "), "[") {
		return nil, wrong("put the line in quotes: why502 explain 'LINE'", "explain does not go with %q", set.Arg(2))
	}
	if what != "" && what != "-" && !strings.ContainsAny(what, " \t\n[") {
		if err := alone(set, 2); err != nil {
			return nil, err
		}
		rule, err := findRule(what)
		return &request{command: explainRule, rule: rule}, err
	}
	if set.NArg() > 2 {
		return nil, wrong("give one line, or lines on standard input", "explain does not go with %q", set.Arg(2))
	}
	r := &request{command: explainLines, project: f.project, color: f.color}
	if what != "-" {
		r.line = what
	}
	if slices.Contains(f.project.Files, "-") && r.line == "" {
		return nil, wrong("name the Compose file, or give the line as an argument", "-f - and the lines to explain both come from standard input")
	}
	return r, f.checkExplain(set, r)
}

// checkExplain refuses the flags that say nothing about lines of a log, and finds the format.
func (f *flags) checkExplain(set *pflag.FlagSet, r *request) (err error) {
	if err := f.check(); err != nil {
		return err
	}
	set.Visit(func(given *pflag.Flag) {
		switch given.Name {
		case "file", "project-name", "project-directory", "profile", "env-file", "proxy", "format", "color":
		default:
			err = wrong("lines are explained from the project's files alone", "explain does not go with --%s", given.Name)
		}
	})
	if err != nil {
		return err
	}
	formats := report.MessageFormats()
	if len(f.formats) == 0 {
		r.format = formats[0]
		return nil
	}
	i := slices.IndexFunc(formats, func(of report.MessageFormat) bool { return of.Name == f.formats[0] })
	if len(f.formats) > 1 || i < 0 {
		return wrong("--format json > FILE", "explain prints text or json, to standard output, and not %q", strings.Join(f.formats, ", "))
	}
	r.format = formats[i]
	return nil
}

// alone refuses flags, and arguments beyond the first n: the commands take neither.
func alone(set *pflag.FlagSet, n int) error {
	var given []string
	set.Visit(func(f *pflag.Flag) { given = append(given, "--"+f.Name) })
	given = append(given, set.Args()[min(n, set.NArg()):]...)
	if len(given) == 0 {
		return nil
	}
	hint := fmt.Sprintf("if %s is a directory: why502 ./%[1]s", set.Arg(0))
	return wrong(hint, "%s does not go with %q", set.Arg(0), given[0])
}

// diagnosis reads the command line of a diagnosis.
func (f *flags) diagnosis(args []string) (*request, error) {
	r := &request{
		project: f.project, live: f.live, probe: f.probe, since: f.since, timeout: f.timeout, color: f.color, record: f.record, replay: f.replay, accept: f.accept,
	}
	r.style = report.Options{Verbose: f.verbose, Quiet: f.quiet, Version: version}
	err := f.check()
	if err != nil {
		return nil, err
	}
	if r.outputs, err = parseOutputs(f.formats, f.output); err != nil {
		return nil, err
	}
	if r.ignore, err = parseIgnores(f.ignore); err != nil {
		return nil, err
	}
	if other := sameTarget(r.outputs, output{file: f.record}); other != "" && f.record != "" {
		return nil, wrong("give the record a file of its own", "%s and the record both go to %q", other, f.record)
	}
	r.style.Show, r.failOn = severity(f.show), severity(f.failOn)
	r.project.Directory, err = directory(args)
	return r, err
}

// choice is the value of a flag that can have a few only.
type choice struct {
	flag, value string
	of          []string
}

func (f *flags) choices() []choice {
	severities := report.Severities()
	return []choice{
		{"live", f.live, []string{"auto", "off", "require"}},
		{"probe", f.probe, []string{"auto", "off", "require"}},
		{"color", f.color, []string{"auto", "always", "never"}},
		{"show", f.show, severities},
		{"fail-on", f.failOn, append(severities, "never")},
	}
}

// check refuses values that are none, and flags that contradict each other.
func (f *flags) check() error {
	for _, choice := range f.choices() {
		if !slices.Contains(choice.of, choice.value) {
			return wrong(suggest(choice.value, choice.of, "--"+choice.flag+" "),
				"--%s is %q, but can be %s", choice.flag, choice.value, either(choice.of))
		}
	}
	_, err := live.Since(f.since, time.Now())
	switch {
	case err != nil:
		return wrong("a duration like 30m, or a time like 2026-01-31T12:00:00Z", "--since: %w", err)
	case f.timeout <= 0:
		return wrong("a duration like 10s or 1m", "--timeout is %s, but must be more than nothing", f.timeout)
	case f.record == "-":
		return wrong("--record FILE", "--record writes to a file: the report goes to standard output")
	case f.quiet && f.verbose:
		return wrong("leave out one of them", "--quiet and --verbose contradict each other")
	case f.live == "off" && f.probe == "require":
		return wrong("leave out one of them", "--live off and --probe require contradict each other")
	}
	return nil
}

// directory is the one argument of a diagnosis. A slip in a command's name would be taken for a
// directory, so that is looked at first.
func directory(args []string) (string, error) {
	if len(args) == 0 {
		return "", nil
	}
	if len(args) > 1 || !exists(args[0]) {
		known := []string{"explain", "rules", "trace", "watch", "completion"}
		if inspect.Distance(args[0], "fix") < 2 { // many a directory has as short a name
			known = append(known, "fix")
		}
		if hint := suggest(args[0], known, "why502 "); hint != "" {
			return "", wrong(hint, "unknown command %q", args[0])
		}
	}
	if len(args) > 1 {
		return "", wrong("name Compose files with -f, one -f for each", "one directory at most, but there are %d: %q", len(args), args)
	}
	return args[0], nil
}

func exists(name string) bool {
	_, err := os.Lstat(name)
	return err == nil
}

// parseIgnores reads the values of --ignore.
func parseIgnores(values []string) ([]inspect.Ignore, error) {
	var ignores []inspect.Ignore
	for _, value := range values {
		rule, subject, given := strings.Cut(value, "=")
		if given && subject == "" {
			return nil, wrong("leave out the = to ignore the rule for all of them", "--ignore %s= names no service, host or route", rule)
		}
		if _, err := findRule(rule); err != nil && rule != "*" {
			return nil, err
		}
		ignores = append(ignores, inspect.Ignore{Kind: inspect.ByFlag, Rule: rule, Subject: subject})
	}
	return ignores, nil
}

// findRule finds a rule by its id.
func findRule(id string) (*inspect.Rule, error) {
	var ids []string
	for _, rule := range inspect.Rules() {
		if rule.ID == id {
			return rule, nil
		}
		ids = append(ids, rule.ID)
	}
	hint := suggest(id, ids, "")
	return nil, wrong(cmp.Or(hint, "why502 rules lists them"), "unknown rule %q", id)
}

// severity is the severity of a name that has been checked.
func severity(name string) inspect.Severity {
	if name == "never" {
		return never
	}
	return inspect.Note + inspect.Severity(slices.Index(report.Severities(), name))
}

// flagError says in plain words what the flag library found.
func flagError(set *pflag.FlagSet, err error) error {
	if missing, ok := errors.AsType[*pflag.ValueRequiredError](err); ok {
		return wrong("", "--%s needs a value", missing.GetFlag().Name)
	}
	if invalid, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
		hint := ""
		if invalid.GetFlag().Value.Type() == "duration" {
			hint = "a duration like 10s or 1m"
		}
		return wrong(hint, "--%s cannot be %q", invalid.GetFlag().Name, invalid.GetValue())
	}
	if unknown, ok := errors.AsType[*pflag.NotExistError](err); ok {
		return unknownFlag(set, unknown)
	}
	return wrong("", "%w", err)
}

// unknownFlag names the flag that was probably meant.
func unknownFlag(set *pflag.FlagSet, err *pflag.NotExistError) error {
	name, dashes := err.GetSpecifiedName(), "--"
	if short := err.GetSpecifiedShortnames(); short != "" {
		dashes, name = "-", short
	}
	var names []string
	set.VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	hint := suggest(name, names, "--")
	if slices.Contains(formatNames(), name) {
		hint = "did you mean --format " + name + "?"
	}
	return wrong(hint, "unknown flag %s%s", dashes, name)
}
