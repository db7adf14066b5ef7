package main

import (
	"context"
	_ "embed"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"why502/compose"
	"why502/inspect"
	"why502/report"
)

// The scripts that tell a shell how to complete why502: they ask why502 itself, by completeWord.
var (
	//go:embed completion/why502.bash
	bashScript string
	//go:embed completion/why502.zsh
	zshScript string
	//go:embed completion/why502.fish
	fishScript string
)

// completeCommand is what the scripts, and the docker command for its plugins, ask by: the words typed so far follow.
const completeCommand = "__complete"

// completionScripts are the scripts, by shell.
func completionScripts() map[string]string {
	return map[string]string{"bash": bashScript, "zsh": zshScript, "fish": fishScript}
}

func shells() []string { return []string{"bash", "zsh", "fish"} }

// parseCompletion reads the command line of completion.
func parseCompletion(set *pflag.FlagSet) (*request, error) {
	if set.NArg() < 2 {
		return nil, wrong("for this shell only: source <(why502 completion bash)", "completion needs the name of a shell: %s", either(shells()))
	}
	shell := set.Arg(1)
	if !slices.Contains(shells(), shell) {
		return nil, wrong(suggest(shell, shells(), "why502 completion "), "there are completions for %s, not for %q", either(shells()), shell)
	}
	return &request{command: printCompletion, shell: shell}, alone(set, 2)
}

// directive says what a shell is to offer besides what it is told. The numbers, and the form of the whole
// answer, are those of cobra, by which docker asks its plugins.
type directive int

const (
	orFiles       directive = 0
	nothingElse   directive = 4
	orDirectories directive = 16
)

// completed are the words that can stand where one is being typed, and what else can.
type completed struct {
	rows   []row // a word and what it is
	others directive
}

// reading bounds how long the project is read for the names of its services. Nobody waits longer for a key.
const reading = 2 * time.Second

// complete prints what can stand in the place of the last word of a command line, behind its last "=". It never
// fails: a shell that asks could show that to nobody.
func (p *program) complete(ctx context.Context, words []string) error {
	ctx, cancel := context.WithTimeout(ctx, reading)
	defer cancel()
	found := p.completion(ctx, words)
	return p.print(func(w io.Writer) error {
		for _, r := range found.rows {
			if _, err := fmt.Fprintf(w, "%s\t%s\n", r.term, brief(r.text)); err != nil {
				return err
			}
		}
		return say(w, fmt.Sprintf(":%d\n", found.others))
	})
}

// brief is the first clause of a text.
func brief(text string) string {
	for _, end := range []string{"; ", ": ", ", which", " ("} {
		text, _, _ = strings.Cut(text, end)
	}
	return oneLine(text)
}

// typed is a command line as far as it is typed.
type typed struct {
	set   *pflag.FlagSet
	flags *flags
	args  []string    // that are no flags
	value *pflag.Flag // that the last word is the value of, or begins to be; nil: of none
	only  bool        // behind --, where there are no flags
}

// readTyped reads the words before the last one.
func readTyped(words []string) *typed {
	t := &typed{flags: &flags{}}
	t.set = t.flags.set()
	for _, word := range words {
		switch {
		case t.value != nil:
			t.value = nil
		case word == "--" && !t.only:
			t.only = true
		case strings.HasPrefix(word, "-") && len(word) > 1 && !t.only:
			t.value = t.waiting(word)
		default:
			t.args = append(t.args, word)
		}
	}
	t.set.Parse(words) // as far as it goes
	return t
}

// waiting is the flag of a word that has its value in the next one; nil: none has.
func (t *typed) waiting(word string) *pflag.Flag {
	if name, long := strings.CutPrefix(word, "--"); long {
		if f := t.set.Lookup(name); f != nil && f.NoOptDefVal == "" {
			return f
		}
		return nil
	}
	for i, letter := range word[1:] {
		if f := t.set.ShorthandLookup(string(letter)); f == nil || f.NoOptDefVal == "" {
			if f != nil && i == len(word)-2 {
				return f
			}
			return nil
		}
	}
	return nil
}

// completion is what can stand in the place of the last word.
func (p *program) completion(ctx context.Context, words []string) completed {
	if len(words) == 0 {
		words = []string{""}
	}
	last := words[len(words)-1]
	t := readTyped(words[:len(words)-1])
	if name, value, ok := strings.Cut(last, "="); ok && t.value == nil && !t.only {
		if f := t.set.Lookup(strings.TrimPrefix(name, "--")); f != nil && strings.HasPrefix(name, "--") {
			return p.values(ctx, t, f, value)
		}
	}
	switch {
	case t.value != nil:
		return p.values(ctx, t, t.value, last)
	case strings.HasPrefix(last, "-") && !t.only:
		return beginning(last, t.flagRows(), nothingElse)
	}
	return t.arguments(last)
}

// beginning are the rows that a word begins.
func beginning(word string, rows []row, otherwise directive) completed {
	return completed{slices.DeleteFunc(rows, func(r row) bool { return !strings.HasPrefix(r.term, word) }), otherwise}
}

// named are rows without a text.
func named(names []string) (rows []row) {
	for _, name := range names {
		rows = append(rows, row{term: name})
	}
	return rows
}

// flagRows are the flags that go with the command that is typed.
func (t *typed) flagRows() (rows []row) {
	command := ""
	if len(t.args) > 0 {
		command = t.args[0]
	}
	t.set.VisitAll(func(f *pflag.Flag) {
		if of := commandOf(f.Name); of == "" || of == command {
			rows = append(rows, row{"--" + f.Name, flagRow(f.Name).text})
		}
	})
	return rows
}

// arguments are what can stand where no flag does.
func (t *typed) arguments(word string) completed {
	if len(t.args) == 0 {
		found := beginning(word, commands(), nothingElse)
		if len(found.rows) == 0 {
			found.others = orDirectories
		}
		return found
	}
	switch t.args[0] {
	case "explain":
		return beginning(word, ruleRows(), nothingElse)
	case "fix":
		found := beginning(word, ruleRows(), nothingElse)
		if len(found.rows) == 0 {
			found.others = orDirectories
		}
		return found
	case "completion":
		return beginning(word, named(shells()), nothingElse)
	case "rules":
		return completed{others: nothingElse}
	case "trace":
		if len(t.args) == 1 { // a URL
			return completed{others: nothingElse}
		}
	}
	return completed{others: orDirectories}
}

// values are what can be the value of a flag.
func (p *program) values(ctx context.Context, t *typed, f *pflag.Flag, word string) completed {
	for _, c := range (&flags{}).choices() {
		if c.flag == f.Name {
			return beginning(word, named(c.of), nothingElse)
		}
	}
	switch f.Name {
	case "format":
		if strings.Contains(word, "=") {
			return completed{others: orFiles}
		}
		return beginning(word, named(formatNames()), nothingElse)
	case "ignore":
		if _, subject, ok := strings.Cut(word, "="); ok {
			return beginning(subject, p.services(ctx, t), nothingElse)
		}
		return beginning(word, ruleRows(), nothingElse)
	case "proxy":
		return beginning(word, p.services(ctx, t), nothingElse)
	}
	switch flagRow(f.Name).term {
	case "FILE":
		return completed{others: orFiles}
	case "DIR":
		return completed{others: orDirectories}
	}
	return completed{others: nothingElse}
}

// ruleRows are the ids of the rules.
func ruleRows() (rows []row) {
	for _, r := range inspect.Rules() {
		rows = append(rows, row{r.ID, r.Title})
	}
	return rows
}

// services are those of the project that is typed; none where it cannot be read.
func (p *program) services(ctx context.Context, t *typed) []row {
	opts := t.flags.project
	opts.Env, opts.Proxies = p.env, nil
	if len(t.args) > 0 && exists(t.args[len(t.args)-1]) {
		opts.Directory = t.args[len(t.args)-1]
	}
	names, err := compose.ServiceNames(ctx, opts)
	if err != nil {
		return nil
	}
	return named(slices.DeleteFunc(names, func(name string) bool { return name != report.Clean(name) || strings.ContainsAny(name, " :\t") }))
}
