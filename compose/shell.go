package compose

import (
	"cmp"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"mvdan.cc/sh/v3/pattern"
	"mvdan.cc/sh/v3/syntax"
)

// Bounds of what is followed of scripts. The parser recurses.
const (
	maxScript   = 64 << 10 // bytes
	maxSteps    = 5000     // commands of all scripts of one start
	maxDepth    = 20       // functions and scripts that are called by each other
	maxVariable = 64 << 10 // bytes of a value: variables that are made of each other grow
)

// runner follows a shell script: what it does to the file system of a container, as far as that matters
// for configuration. Nothing is executed.
type runner struct {
	files *container
	who   string // whose script it is, for what cannot be known: "the command of edge"
	dir   string // working directory
	variables
	functions map[string]*syntax.Stmt
	uses      []use // variables of the Compose files in the command line that it begins with
	trusting  bool  // programs that are not known leave configuration alone, unless they are told its path
	entry     bool  // the image's entrypoint is under way

	maybe   bool    // what is under way may not come: it is in an if, a loop, or behind ||
	perhaps bool    // an exit may have come before
	done    bool    // the script has ended
	stdin   *output // what the left side of a pipe prints; nil: there is none
	steps   int
	depth   int
}

func newRunner(files *container, who, dir string, env map[string]string) *runner {
	return &runner{
		files: files, who: who, dir: dir, functions: map[string]*syntax.Stmt{},
		variables: variables{values: env, vague: map[string]bool{}},
	}
}

// ran gives the layers that a script of a Dockerfile's RUN adds. The image may have more variables than
// env.
func ran(files *container, dir string, env map[string]string, script, who string) []*layer {
	r := newRunner(files.clone(), who, dir, maps.Clone(env))
	r.open, r.trusting = true, true
	before, unknown := len(r.files.layers), r.files.unknown
	r.script(script)
	if unknown == "" && r.files.unknown != "" {
		r.touches(strings.Fields(script))
	}
	return r.files.layers[before:]
}

// outcome is whether a command succeeds.
type outcome int

const (
	unsure   outcome = iota
	assumed          // it does something, and succeeds unless something is wrong
	succeeds         // known for sure
	fails
)

func (o outcome) not() outcome {
	switch o {
	case succeeds:
		return fails
	case fails:
		return succeeds
	}
	return unsure
}

func outcomeOf(yes bool) outcome {
	if yes {
		return succeeds
	}
	return fails
}

// script follows the text of a script.
func (r *runner) script(text string) {
	if len(text) > maxScript {
		r.giveUp(fmt.Sprintf("%s is a script longer than %d kB", r.who, maxScript>>10))
		return
	}
	file, err := syntax.NewParser(syntax.Variant(syntax.LangBash)).Parse(strings.NewReader(text), "")
	if err != nil {
		r.giveUp(r.who + " is no script that can be read")
		return
	}
	r.statements(file.Stmts)
}

// giveUp says that anything may have been written.
func (r *runner) giveUp(why string) { r.files.unknown = cmp.Or(r.files.unknown, why) }

func (r *runner) statements(list []*syntax.Stmt) (last outcome) {
	last = succeeds
	for _, s := range list {
		if last = r.statement(s); r.done {
			break
		}
	}
	return last
}

// perhapsDo follows what may or may not come.
func (r *runner) perhapsDo(follow func()) {
	was := r.maybe
	r.maybe = true
	follow()
	r.maybe = was
}

// isMaybe says whether what is under way may not come.
func (r *runner) isMaybe() bool { return r.maybe || r.perhaps }

func (r *runner) statement(s *syntax.Stmt) outcome {
	if r.steps++; r.steps > maxSteps {
		r.giveUp(r.who + " has more commands than can be followed")
		r.done = true
		return unsure
	}
	result := assumed
	switch c := s.Cmd.(type) {
	case nil:
		result = r.run(r.command(s, &syntax.CallExpr{}))
	case *syntax.CallExpr:
		result = r.run(r.command(s, c))
	case *syntax.BinaryCmd:
		result = r.both(c)
	case *syntax.Subshell:
		result = r.inside(c.Stmts, s)
	case *syntax.Block:
		result = r.inside(c.Stmts, s)
	case *syntax.DeclClause: // export, local, readonly
		r.assign(c.Args)
	case *syntax.TestClause:
		result = r.holds(c.X)
	case *syntax.IfClause:
		result = r.branch(c)
	case *syntax.CaseClause:
		r.choose(c)
	case *syntax.ForClause:
		r.loop(c)
	case *syntax.WhileClause:
		r.perhapsDo(func() { r.statements(append(slices.Clone(c.Cond), c.Do...)) })
	case *syntax.FuncDecl:
		if c.Name != nil {
			r.functions[c.Name.Value] = c.Body
		}
	default:
		syntax.Walk(c, func(n syntax.Node) bool {
			inner, ok := n.(*syntax.Stmt)
			if ok {
				r.perhapsDo(func() { r.statement(inner) })
			}
			return !ok
		})
	}
	if s.Negated {
		return result.not()
	}
	return result
}

// inside follows the commands in parentheses or braces. A file that all of them write to is not known
// then.
func (r *runner) inside(list []*syntax.Stmt, s *syntax.Stmt) outcome {
	dir, values, vague := r.dir, maps.Clone(r.values), maps.Clone(r.vague)
	result := r.statements(list)
	if _, sub := s.Cmd.(*syntax.Subshell); sub {
		r.dir, r.values, r.vague, r.done = dir, values, vague, false
	}
	for _, redirect := range s.Redirs {
		if file := r.word(redirect.Word); redirect.Op != syntax.RdrIn && writes(redirect, file) {
			r.obscure(r.path(file))
		}
	}
	return result
}

// both follows commands that &&, || or | join.
func (r *runner) both(c *syntax.BinaryCmd) outcome {
	if c.Op != syntax.AndStmt && c.Op != syntax.OrStmt {
		printed := r.print(c.X)
		return r.reading(printed, c.Y)
	}
	left := r.statement(c.X)
	skipped, certain := fails, left == succeeds || left == assumed
	if c.Op == syntax.OrStmt {
		skipped, certain = succeeds, left == fails
	}
	if r.done || left == skipped {
		return left
	}
	if certain {
		return r.statement(c.Y)
	}
	r.perhapsDo(func() { r.statement(c.Y) })
	if left == assumed {
		return assumed
	}
	return unsure
}

// print follows a command at the left of a pipe and gives what it prints.
func (r *runner) print(s *syntax.Stmt) output {
	switch c := s.Cmd.(type) {
	case *syntax.CallExpr:
		cmd := r.command(s, c)
		if printed := r.output(cmd); printed.known && cmd.out == "" {
			return printed
		}
		r.run(cmd)
	case *syntax.BinaryCmd:
		if c.Op != syntax.AndStmt && c.Op != syntax.OrStmt {
			left := r.print(c.X)
			was := r.stdin
			r.stdin = &left
			defer func() { r.stdin = was }()
			return r.print(c.Y)
		}
		r.statement(s)
	default:
		r.statement(s)
	}
	return output{}
}

// reading follows a command at the right of a pipe.
func (r *runner) reading(in output, s *syntax.Stmt) outcome {
	was := r.stdin
	r.stdin = &in
	result := r.statement(s)
	r.stdin = was
	return result
}

func (r *runner) branch(c *syntax.IfClause) outcome {
	condition := succeeds
	if len(c.Cond) > 0 {
		condition = r.statements(c.Cond)
	}
	switch {
	case r.done:
		return unsure
	case condition == succeeds:
		return r.statements(c.Then)
	case condition == fails && c.Else != nil:
		return r.branch(c.Else)
	case condition == fails:
		return succeeds
	}
	r.perhapsDo(func() {
		r.statements(c.Then)
		if c.Else != nil && !r.done {
			r.branch(c.Else)
		}
	})
	return unsure
}

// choose follows a case.
func (r *runner) choose(c *syntax.CaseClause) {
	word := r.word(c.Word)
	for _, item := range c.Items {
		for _, p := range item.Patterns {
			switch r.matches(word, r.word(p)) {
			case succeeds:
				r.statements(item.Stmts)
				return
			case unsure:
				r.perhapsDo(func() { r.statements(item.Stmts) })
			}
		}
	}
}

// matches says whether a text matches a shell's pattern.
func (r *runner) matches(text, pat string) outcome {
	expression, err := pattern.Regexp(pat, pattern.EntireString)
	if pat == "*" {
		return succeeds
	}
	if !known(text, pat) || err != nil {
		return unsure
	}
	return outcomeOf(matchesExpression(expression, text))
}

// loop follows a for. Where what it goes through is known, each turn is.
func (r *runner) loop(c *syntax.ForClause) {
	each, ok := c.Loop.(*syntax.WordIter)
	if !ok {
		r.perhapsDo(func() { r.statements(c.Do) })
		return
	}
	items := r.words(each.Items)
	if !each.InPos.IsValid() && len(r.args) > 0 {
		items = r.args[1:]
	}
	if !known(items...) || slices.ContainsFunc(items, func(item string) bool { return strings.ContainsAny(item, "*?[") }) || each.Name == nil {
		r.perhapsDo(func() {
			if each.Name != nil {
				r.set(each.Name.Value, "", false)
			}
			r.statements(c.Do)
		})
		return
	}
	for _, item := range items {
		r.set(each.Name.Value, item, !r.isMaybe())
		if r.statements(c.Do); r.done {
			return
		}
	}
}

// assign sets variables. Where that may not come, their values are not known.
func (r *runner) assign(list []*syntax.Assign) {
	for _, a := range list {
		if a.Name == nil || a.Naked {
			continue
		}
		value := r.word(a.Value)
		if a.Append {
			before, _, ok := r.get(a.Name.Value)
			if value = before + value; !ok {
				value = hole
			}
		}
		r.set(a.Name.Value, value, a.Array == nil && a.Index == nil && !r.isMaybe())
	}
}

// command is one simple command with its words filled in.
type command struct {
	args   []string
	in     string  // file of <
	text   *output // here-document
	out    string  // file of > and >>
	append bool
	alone  []*syntax.Assign // variables that are set for it alone, or for good where it has no words
}

func (r *runner) command(s *syntax.Stmt, call *syntax.CallExpr) command {
	c := command{args: r.words(call.Args), alone: call.Assigns}
	for _, redirect := range s.Redirs {
		file := r.word(redirect.Word)
		switch {
		case redirect.Op == syntax.RdrIn:
			c.in = file
		case redirect.Op == syntax.Hdoc || redirect.Op == syntax.DashHdoc:
			text := printed(r.hereDocument(redirect))
			if verbatim(redirect) {
				text.Eaten = eaten(usesOf(text.Text, r.uses))
			}
			c.text = &text
		case redirect.Op == syntax.WordHdoc:
			c.text = &output{known: known(file)}
			c.text.Text = []byte(file + "\n")
		case writes(redirect, file):
			c.out, c.append = file, redirect.Op == syntax.AppOut || redirect.Op == syntax.AppAll
		}
	}
	return c
}

// writes says whether a redirection sends what a command prints to a file.
func writes(r *syntax.Redirect, file string) bool {
	switch r.Op {
	case syntax.RdrOut, syntax.RdrClob, syntax.RdrAll, syntax.AppOut, syntax.AppAll:
		return !strings.HasPrefix(file, "/dev/") && (r.N == nil || r.N.Value == "1")
	}
	return false
}

// run follows one simple command.
func (r *runner) run(c command) outcome {
	if len(c.alone) > 0 {
		if len(c.args) > 0 {
			values, vague := maps.Clone(r.values), maps.Clone(r.vague)
			defer func() { r.values, r.vague = values, vague }()
		}
		r.assign(c.alone)
	}
	if c.out != "" {
		r.write(c)
		return assumed
	}
	if len(c.args) == 0 {
		return assumed
	}
	program := path.Base(c.args[0])
	if body := r.functions[program]; body != nil {
		return r.call(c.args, func() { r.statement(body) })
	}
	if result, ok := r.builtin(program, c); ok {
		return result
	}
	if !r.tool(program, c) {
		r.other(program, c)
	}
	return assumed
}

// call follows a function or a script with arguments of its own.
func (r *runner) call(args []string, follow func()) outcome {
	if r.depth++; r.depth > maxDepth {
		r.giveUp(r.who + " calls itself")
		r.done = true
		return unsure
	}
	own, maybe := r.args, r.maybe
	r.args = args
	follow()
	r.args, r.maybe = own, maybe
	r.depth--
	return assumed
}

// other follows a program that is none of the known ones: a script of the container's, or a tool.
func (r *runner) other(program string, c command) {
	script, ok := r.text(c.args)
	switch {
	case program == "docker-entrypoint.sh" && r.files.stock && !ok:
		if len(c.args) > 1 && (c.args[1] == "nginx" || c.args[1] == "nginx-debug") {
			r.entrypoint()
			r.nginx(c.args[1:])
		}
	case ok:
		r.call(script.args, func() { r.aside(script.text) })
	case r.trusting || harmless[program]:
		r.touches(c.args[1:])
	default:
		r.giveUp(r.who + " runs " + strings.ReplaceAll(program, hole, "…") + ", which may write configuration before nginx starts")
	}
}

// aside follows a script in a shell of its own, whose variables are gone when it ends.
func (r *runner) aside(text string) {
	outer := *r
	r.values, r.vague, r.functions = maps.Clone(r.values), maps.Clone(r.vague), maps.Clone(r.functions)
	r.script(text)
	steps, entry := r.steps, r.entry
	*r = outer
	r.steps, r.entry = steps, entry
}
