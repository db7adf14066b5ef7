package compose

import (
	"cmp"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"

	"why502/compose/nginx"
)

// command is one simple command of a shell script.
type command struct {
	args   []string // words without their quotes; a variable stays as "${NAME}"
	sets   []string // NAME=value, of an assignment or an export
	in     string   // file of <
	out    string   // file of > and >>
	text   *string  // here-document
	maybe  bool     // it is in an if, a loop, or behind ||
	append bool
}

// Bounds of what is followed of a script. The parser recurses.
const (
	maxScript   = 64 << 10 // bytes
	maxCommands = 2000
	maxVariable = 64 << 10 // bytes of a value: variables that are made of each other grow
)

// commands lists the simple commands of a script in their order.
func commands(script string) (all []command, err error) {
	if len(script) > maxScript {
		return nil, fmt.Errorf("it is longer than %d kB", maxScript>>10)
	}
	file, err := syntax.NewParser(syntax.Variant(syntax.LangBash)).Parse(strings.NewReader(script), "")
	if err != nil {
		return nil, err
	}
	for _, s := range file.Stmts {
		all = append(all, inStatement(s, false)...)
	}
	if len(all) > maxCommands {
		return nil, fmt.Errorf("it has more than %d commands", maxCommands)
	}
	return all, nil
}

func inStatement(s *syntax.Stmt, maybe bool) (all []command) {
	switch c := s.Cmd.(type) {
	case *syntax.CallExpr:
		all = append(all, simple(s, c, maybe))
	case *syntax.BinaryCmd:
		all = append(inStatement(c.X, maybe), inStatement(c.Y, maybe || c.Op == syntax.OrStmt)...)
	case *syntax.Subshell:
		all = inStatements(c.Stmts, maybe)
	case *syntax.Block:
		all = inStatements(c.Stmts, maybe)
	case nil:
		all = append(all, simple(s, &syntax.CallExpr{}, maybe))
	case *syntax.DeclClause: // export, local, readonly
		all = append(all, command{sets: assignments(c.Args), maybe: maybe})
	default: // an if, a loop, a function: it may run, or not, or several times
		syntax.Walk(c, func(n syntax.Node) bool {
			if inner, ok := n.(*syntax.Stmt); ok {
				all = append(all, inStatement(inner, true)...)
				return false
			}
			return true
		})
	}
	return all
}

func inStatements(list []*syntax.Stmt, maybe bool) (all []command) {
	for _, s := range list {
		all = append(all, inStatement(s, maybe)...)
	}
	return all
}

func simple(s *syntax.Stmt, call *syntax.CallExpr, maybe bool) command {
	c := command{maybe: maybe, sets: assignments(call.Assigns)}
	for _, w := range call.Args {
		c.args = append(c.args, wordText(w))
	}
	if len(c.args) > 1 && (c.args[0] == "exec" || c.args[0] == "sudo") {
		c.args = c.args[1:]
	}
	for _, r := range s.Redirs {
		switch r.Op {
		case syntax.RdrIn:
			c.in = wordText(r.Word)
		case syntax.RdrOut, syntax.RdrClob, syntax.RdrAll, syntax.AppOut, syntax.AppAll:
			if file := wordText(r.Word); !strings.HasPrefix(file, "/dev/") && (r.N == nil || r.N.Value == "1") {
				c.out, c.append = file, r.Op == syntax.AppOut || r.Op == syntax.AppAll
			}
		case syntax.Hdoc, syntax.DashHdoc:
			text := wordText(r.Hdoc)
			c.text = &text
		}
	}
	return c
}

func assignments(list []*syntax.Assign) (sets []string) {
	for _, a := range list {
		if a.Name != nil && !a.Naked && a.Value != nil {
			sets = append(sets, a.Name.Value+"="+wordText(a.Value))
		}
	}
	return sets
}

// wordText is a word without its quotes.
func wordText(w *syntax.Word) string {
	if w == nil {
		return ""
	}
	var b strings.Builder
	for _, part := range w.Parts {
		writePart(&b, part)
	}
	return b.String()
}

func writePart(b *strings.Builder, part syntax.WordPart) {
	switch p := part.(type) {
	case *syntax.Lit:
		b.WriteString(p.Value)
	case *syntax.SglQuoted:
		b.WriteString(p.Value)
	case *syntax.DblQuoted:
		for _, inner := range p.Parts {
			writePart(b, inner)
		}
	case *syntax.ParamExp:
		b.WriteString("${" + p.Param.Value + "}")
	default:
		b.WriteString("$(…)")
	}
}

// runner carries out the commands of a script on the file system of a container, as far as they
// matter for configuration.
type runner struct {
	files *container
	dir   string            // working directory
	env   map[string]string // nil: not known
	vague map[string]bool   // variables whose values are not known
	entry bool              // the image's entrypoint is under way
	who   string            // whose script it is, for what cannot be known: "the command of edge"
}

// ran gives the layers that a script of a Dockerfile's RUN adds.
func ran(files *container, dir, script, who string) []*layer {
	r := runner{files: files.clone(), dir: dir, who: who}
	before := len(r.files.layers)
	list, err := commands(script)
	if err != nil {
		list = []command{{args: strings.Fields(script)}}
	}
	for _, c := range list {
		r.run(c)
	}
	return r.files.layers[before:]
}

// filled is a command with its variables filled in, as far as they are known.
func (r *runner) filled(c command) command {
	fill := func(text string) string {
		return shellVariable.ReplaceAllStringFunc(text, func(use string) string {
			if value, ok := r.env[variableName(use)]; ok && strings.HasPrefix(use, "${") {
				return value
			}
			return use
		})
	}
	program := ""
	if len(c.args) > 0 {
		program = path.Base(c.args[0])
	}
	if program != "envsubst" { // its argument names variables
		c.args = slices.Clone(c.args)
		for i := range c.args {
			c.args[i] = fill(c.args[i])
		}
	}
	c.in, c.out = fill(c.in), fill(c.out)
	c.sets = slices.Clone(c.sets)
	for i := range c.sets {
		c.sets[i] = fill(c.sets[i])
	}
	return c
}

func (r *runner) path(p string) string {
	if !path.IsAbs(p) {
		p = path.Join(r.dir, p)
	}
	return path.Clean(p)
}

func (r *runner) put(at string, t tree) {
	r.files.layers = append(r.files.layers, &layer{at: at, tree: t, hides: t == tree(noTree{})})
}

// obscure says that what is at a path cannot be known.
func (r *runner) obscure(at string) {
	for strings.ContainsAny(at, "$*?[…") {
		at = path.Dir(at)
	}
	if at == "/" {
		r.files.unknown = cmp.Or(r.files.unknown, r.who+" writes to a path that is not known")
		return
	}
	r.put(at, unknownTree(r.who+" writes "+at))
}

// mayWrite says whether a tool that is told a path may change configuration there.
func (r *runner) mayWrite(at string) bool {
	_, err := r.files.open(at)
	return underConfigRoot(at) || err == nil
}

// run carries out one command.
func (r *runner) run(c command) {
	c = r.filled(c)
	for _, set := range c.sets {
		name, value, _ := strings.Cut(set, "=")
		if r.env == nil {
			continue
		}
		if r.env[name], r.vague[name] = value, false; c.maybe || len(value) > maxVariable || strings.ContainsAny(value, "$…") {
			delete(r.env, name)
			r.vague[name] = true
		}
	}
	if c.out != "" {
		r.write(c)
		return
	}
	if len(c.args) == 0 {
		return
	}
	operands := slices.DeleteFunc(slices.Clone(c.args[1:]), func(arg string) bool { return strings.HasPrefix(arg, "-") })
	switch path.Base(c.args[0]) {
	case "cd":
		if len(operands) == 1 {
			r.dir = r.path(operands[0])
		}
	case "rm", "unlink":
		r.remove(operands, c.maybe)
	case "cp", "mv", "ln", "install":
		r.bring(path.Base(c.args[0]), operands, c)
	case "sed":
		r.substitute(c)
	case "mkdir", "chmod", "chown", "touch", "nginx", "echo", "cat", "ls", "test", "[", "adduser", "addgroup", "setcap", "chgrp", "stat":
	default: // tee, any tool that is told a path
		r.touches(c.args[1:])
	}
}

// touches says that what a tool is told may have been changed by it.
func (r *runner) touches(args []string) {
	for _, arg := range args {
		if r.mayWrite(r.path(arg)) {
			r.obscure(r.path(arg))
		}
	}
}

// plainText is text that means itself in a basic regular expression.
var plainText = regexp.MustCompile(`^[^\\.*\[\]^$&]*$`)

// substitute carries out sed -i 's/text/other/' FILE, where both are plain text.
func (r *runner) substitute(c command) {
	if len(c.args) != 4 || c.args[1] != "-i" || c.maybe {
		r.touches(c.args[1:])
		return
	}
	f, known := r.read(c.args[3])
	parts := strings.Split(strings.TrimPrefix(c.args[2], "s"), c.args[2][min(1, len(c.args[2])):min(2, len(c.args[2]))])
	if !known || len(parts) != 4 || parts[0] != "" || !plainText.MatchString(parts[1]) || !plainText.MatchString(parts[2]) {
		r.touches(c.args[3:])
		return
	}
	times := 1
	if parts[3] == "g" {
		times = -1
	}
	lines := strings.SplitAfter(string(f.Text), "\n")
	for i := range lines {
		lines[i] = strings.Replace(lines[i], parts[1], parts[2], times)
	}
	if f.Written == nil {
		f.Written = f.Text
	}
	f.Text = []byte(strings.Join(lines, ""))
	r.put(r.path(c.args[3]), textTree{f})
}

func (r *runner) remove(paths []string, maybe bool) {
	for _, p := range paths {
		matches, _ := r.files.glob(r.path(p))
		for _, m := range matches {
			if maybe {
				r.obscure(m)
			} else if m != "/" {
				r.put(m, noTree{})
			}
		}
	}
}

// bring copies, moves or links files inside the container.
func (r *runner) bring(how string, operands []string, c command) {
	if len(operands) < 2 {
		return
	}
	sources, dest := operands[:len(operands)-1], r.path(operands[len(operands)-1])
	into := len(sources) > 1 || strings.HasSuffix(operands[len(operands)-1], "/")
	if names, _ := r.files.list(dest); len(names) > 0 {
		into = true
	}
	for _, source := range sources {
		if strings.ContainsAny(source+dest, "$*?[…") || c.maybe {
			r.obscure(dest)
			continue
		}
		from, at := r.path(source), dest
		if how == "ln" && !path.IsAbs(source) {
			from = path.Join(path.Dir(dest), source)
		}
		if into {
			at = path.Join(dest, path.Base(source))
		}
		r.put(at, stageTree{r.files.clone(), from})
		if how == "mv" {
			r.put(from, noTree{})
		}
	}
}

// write carries out a command whose output goes to a file.
func (r *runner) write(c command) {
	at := r.path(c.out)
	if c.in != "" && r.path(c.in) == at && !c.append {
		f, _ := r.read(at)
		r.put(at, textTree{nginx.File{Name: f.Name, Written: f.Text, Emptied: true}})
		return
	}
	text, known := r.output(c)
	if !known || c.maybe || c.append || strings.ContainsAny(at, "$…") {
		r.obscure(at)
		return
	}
	r.put(at, textTree{text})
}

// output is what a command prints, where that can be known.
func (r *runner) output(c command) (f nginx.File, known bool) {
	if len(c.args) == 0 {
		return f, false
	}
	switch path.Base(c.args[0]) {
	case "cat":
		if c.text != nil {
			f.Text = []byte(*c.text)
			return f, len(c.args) == 1 && !strings.Contains(*c.text, "$(…)")
		}
		if len(c.args) == 2 {
			return r.read(c.args[1])
		}
	case "echo":
		f.Text = []byte(strings.Join(c.args[1:], " ") + "\n")
		return f, len(c.args) > 1 && !strings.HasPrefix(c.args[1], "-") && !strings.ContainsAny(string(f.Text), `\$`)
	case "envsubst":
		if f, known = r.read(c.in); known && r.env != nil {
			chosen := shellFormat(c.args[1:])
			vague := r.usesVague(f, chosen)
			f, known = rendered(f, r.env, chosen)
			return f, known && !vague
		}
	}
	return f, false
}

// usesVague says whether a file uses a variable whose value is not known.
func (r *runner) usesVague(f nginx.File, chosen func(name string) bool) bool {
	return slices.ContainsFunc(shellVariable.FindAllString(string(f.Text), -1), func(use string) bool {
		name := variableName(use)
		return chosen(name) && r.vague[name]
	})
}

func (r *runner) read(p string) (nginx.File, bool) {
	if p == "" || strings.ContainsAny(p, "$…") {
		return nginx.File{}, false
	}
	f, err := r.files.open(r.path(p))
	if err != nil {
		return nginx.File{}, false
	}
	return *f, true
}
