package compose

import (
	"bytes"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"why502/compose/nginx"
	"why502/compose/proxy"
)

// output is what a command prints, where that is known.
type output struct {
	nginx.File
	known bool
}

func printed(text string) output {
	return output{File: nginx.File{Text: []byte(text)}, known: known(text)}
}

// builtin follows the commands of the shell itself; ok is false for others.
func (r *runner) builtin(program string, c command) (result outcome, ok bool) {
	switch program {
	case "true", ":":
		return succeeds, true
	case "false":
		return fails, true
	case "test":
		return r.test(c.args[1:]), true
	case "[":
		return r.test(c.args[1:max(1, len(c.args)-1)]), true
	case "exit", "return":
		r.end()
		return unsure, true
	case "exec", "command", "sudo", "nohup", "env", "tini", "dumb-init", "setsid", "su-exec", "gosu":
		c.args, c.alone = wrapped(c.args), nil
		result = r.run(c)
		if program == "exec" && len(c.args) > 0 {
			r.end()
		}
		return result, true
	case ".", "source":
		if f := r.read(c.args[len(c.args)-1]); f.known {
			r.script(string(f.Text))
		} else {
			r.giveUp(r.who + " reads a script that is not known")
		}
		return assumed, true
	case "cd":
		if r.dir = r.path(c.args[len(c.args)-1]); r.isMaybe() {
			r.dir = hole
		}
		return assumed, true
	case "set", "shift":
		if program == "shift" || slices.Contains(c.args, "--") {
			r.args = nil
		}
		return assumed, true
	case "read", "getopts", "mapfile":
		for _, name := range c.args[1:] {
			r.set(name, "", false)
		}
		return unsure, true
	case "unset":
		for _, name := range c.args[1:] {
			delete(r.values, name)
			if delete(r.vague, name); r.isMaybe() || r.open {
				r.vague[name] = true
			}
		}
		return assumed, true
	}
	return unsure, false
}

// wrapped is the command that a program like exec, env or tini starts.
func wrapped(args []string) []string {
	rest := args[1:]
	for len(rest) > 0 && (strings.HasPrefix(rest[0], "-") || strings.Contains(rest[0], "=")) {
		if args[0] == "command" && strings.HasPrefix(rest[0], "-v") {
			return nil // it only asks
		}
		rest = rest[1:]
	}
	if name := path.Base(args[0]); len(rest) > 0 && (name == "gosu" || name == "su-exec") {
		rest = rest[1:] // the user
	}
	return rest
}

// end ends the script, if what is under way does come.
func (r *runner) end() {
	if r.isMaybe() {
		r.perhaps = true
	} else {
		r.done = true
	}
}

// tool follows the programs that write files; ok is false for others.
func (r *runner) tool(program string, c command) (ok bool) {
	operands := slices.DeleteFunc(slices.Clone(c.args[1:]), func(arg string) bool { return strings.HasPrefix(arg, "-") })
	switch program {
	case "rm", "unlink":
		r.remove(operands)
	case "cp", "mv", "ln", "install":
		r.bring(program, operands)
	case "sed":
		r.edit(c)
	case "tee":
		r.tee(c, operands)
	case "nginx", "nginx-debug", "openresty":
		r.nginx(c.args)
	case "mkdir", "chmod", "chown", "touch", "echo", "cat", "ls", "adduser", "addgroup", "setcap", "chgrp", "stat":
	default:
		return false
	}
	return true
}

// nginx notes how nginx is started. It may also be asked to test its configuration, or to reload it.
func (r *runner) nginx(argv []string) {
	for letter := range options(argv) {
		if strings.IndexByte("stTvVh?", letter) >= 0 {
			return
		}
	}
	r.files.argv = argv
	if !known(argv...) {
		r.files.argv = []string{argv[0]}
		r.giveUp(r.who + " starts nginx with arguments that are not known")
	}
}

// harmless are the programs of starts that write nothing but what they are told to.
var harmless = toSet("sleep", "wait", "trap", "printf", "nc", "curl", "wget", "date", "kill", "export", "envsubst", "tail", "openssl",
	"crond", "cron", "until", "grep", "id", "whoami", "local", "break", "continue", "ping", "getent", "head", "tr", "cut", "awk", "basename",
	"dirname", "find", "inotifywait", "pgrep", "pkill", "killall", "ps", "type", "which", "hash", "ulimit", "umask", "sync", "hostname", "uname",
	"fg", "bg", "jobs", "htpasswd")

func toSet(names ...string) map[string]bool {
	set := make(map[string]bool, len(names))
	for _, name := range names {
		set[name] = true
	}
	return set
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
	for strings.ContainsAny(at, hole+"*?[") {
		at = path.Dir(at)
	}
	if at == "/" || at == "." {
		r.giveUp(r.who + " writes to a path that is not known")
		return
	}
	r.put(at, unknownTree(r.who+" writes "+at))
}

// touches says that what a tool is told may have been changed by it.
func (r *runner) touches(args []string) {
	for _, arg := range args {
		if r.mayWrite(r.path(arg)) {
			r.obscure(r.path(arg))
		}
	}
}

// mayWrite says whether a tool that is told a path may change configuration there.
func (r *runner) mayWrite(at string) bool {
	_, err := r.files.open(at)
	return underConfigRoot(at) || err == nil
}

func (r *runner) remove(paths []string) {
	for _, p := range paths {
		if !known(p) {
			r.obscure(r.path(p))
			continue
		}
		matches, _ := r.files.glob(r.path(p))
		for _, m := range matches {
			if r.isMaybe() {
				r.obscure(m)
			} else if m != "/" {
				r.put(m, noTree{})
			}
		}
	}
}

// bring copies, moves or links files inside the container.
func (r *runner) bring(how string, operands []string) {
	if len(operands) < 2 {
		return
	}
	last := operands[len(operands)-1]
	sources, dest := operands[:len(operands)-1], r.path(last)
	names, _ := r.files.list(dest)
	into := len(sources) > 1 || strings.HasSuffix(last, "/") || len(names) > 0
	for _, source := range sources {
		if !known(source, dest) || strings.ContainsAny(source+dest, "*?[") || r.isMaybe() {
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

// write follows a command whose output goes to a file.
func (r *runner) write(c command) {
	at := r.path(c.out)
	if c.in != "" && r.path(c.in) == at && !c.append && known(at) {
		f := r.read(at)
		r.put(at, textTree{nginx.File{Name: f.Name, Written: f.Text, Emptied: true}})
		return
	}
	text := r.output(c)
	if !text.known && len(c.args) > 0 {
		r.run(command{args: c.args, in: c.in, text: c.text}) // which may write more
	}
	if c.append && text.known {
		text = r.appended(at, text)
	}
	if !text.known || r.isMaybe() || !known(at) {
		r.obscure(at)
		return
	}
	r.put(at, textTree{text.File})
}

// appended is what a file becomes that a text is added to. In a file of the project the places of what
// is added would be wrong.
func (r *runner) appended(at string, text output) output {
	before := r.read(at)
	if !before.known || before.Name != "" {
		return output{}
	}
	return printed(string(before.Text) + string(text.Text))
}

// output is what a command prints, where that can be known.
func (r *runner) output(c command) output {
	if len(c.args) == 0 {
		return output{known: len(c.alone) == 0} // "> file" empties it
	}
	switch path.Base(c.args[0]) {
	case ":", "true":
		return output{known: true}
	case "cat":
		if len(c.args) == 2 && c.args[1] != "-" {
			return r.read(c.args[1])
		}
		if len(c.args) == 1 || len(c.args) == 2 {
			return r.input(c)
		}
	case "echo":
		return echoed(c.args[1:])
	case "printf":
		return formatted(c.args[1:])
	case "envsubst":
		return r.substituted(r.input(c), c)
	case "sed":
		if s := readSed(c.args[1:]); s.known && !s.inPlace {
			return s.on(r.inputOr(c, s.file))
		}
	}
	return output{}
}

// input is what a command reads from its standard input.
func (r *runner) input(c command) output {
	switch {
	case c.in != "":
		return r.read(c.in)
	case c.text != nil:
		return *c.text
	case r.stdin != nil:
		return *r.stdin
	}
	return output{}
}

func (r *runner) inputOr(c command, file string) output {
	if file != "" {
		return r.read(file)
	}
	return r.input(c)
}

func echoed(args []string) output {
	end := "\n"
	if len(args) > 0 && args[0] == "-n" {
		args, end = args[1:], ""
	}
	text := strings.Join(args, " ") + end
	if len(args) > 0 && strings.HasPrefix(args[0], "-") || strings.Contains(text, `\`) { // shells differ
		return output{}
	}
	return printed(text)
}

// otherFormat is what is not followed of printf's formats.
var otherFormat = regexp.MustCompile(`%[^s%]|\\[^nt]|[%\\]$`)

// formatted is what printf prints.
func formatted(args []string) output {
	if len(args) == 0 || otherFormat.MatchString(args[0]) {
		return output{}
	}
	format := strings.NewReplacer(`\n`, "\n", `\t`, "\t").Replace(args[0])
	pieces := strings.Split(strings.ReplaceAll(format, "%%", hole+hole), "%s")
	if len(pieces) != len(args) { // it is used again, or has less to print
		return output{}
	}
	text := pieces[0]
	for i, arg := range args[1:] {
		text += arg + pieces[i+1]
	}
	return printed(strings.ReplaceAll(text, hole+hole, "%"))
}

// substituted is what envsubst makes of a file.
func (r *runner) substituted(f output, c command) output {
	if !f.known || !known(c.args...) {
		return output{}
	}
	values := &r.variables
	if len(c.alone) > 0 {
		own := *r
		own.values, own.vague = maps.Clone(r.values), maps.Clone(r.vague)
		own.assign(c.alone)
		values = &own.variables
	}
	chosen := shellFormat(c.args[1:])
	for _, use := range shellVariable.FindAllString(string(f.Text), -1) {
		if _, _, ok := values.get(variableName(use)); chosen(variableName(use)) && !ok {
			return output{}
		}
	}
	made, fits := rendered(f.File, values.values, chosen)
	made.Eaten = append(slices.Clone(made.Eaten), r.unlisted(made, values)...)
	return output{File: made, known: fits}
}

// unlisted are the variables that were left in a file because Compose took their names out of the list
// that envsubst was given.
func (r *runner) unlisted(f nginx.File, values *variables) (uses []proxy.Use) {
	if len(r.uses) == 0 {
		return nil
	}
	left := map[string]bool{}
	for _, use := range shellVariable.FindAllString(string(f.Text), -1) {
		left[variableName(use)] = true
	}
	for _, u := range r.uses {
		_, set, _ := values.get(u.Name)
		if set && left[u.Name] && strings.Contains(r.files.sources.Line(u.Place.File, u.Place.Line), "envsubst") {
			uses = append(uses, u.Use)
		}
	}
	return uses
}

func (r *runner) tee(c command, files []string) {
	text := r.input(c)
	for _, file := range files {
		at := r.path(file)
		if !text.known || r.isMaybe() || !known(at) || slices.Contains(c.args, "-a") {
			r.obscure(at)
			continue
		}
		r.put(at, textTree{text.File})
	}
}

// read is a file of the container.
func (r *runner) read(p string) output {
	if p == "" || !known(p) {
		return output{}
	}
	f, err := r.files.open(r.path(p))
	if err != nil {
		return output{}
	}
	return output{File: *f, known: true}
}

// substitution is a command line of sed, where it does no more than put a text for another.
type substitution struct {
	pairs   [][2]string
	all     []bool // of a pair: every occurrence in a line, not the first alone
	file    string
	inPlace bool
	known   bool
}

// plainText is text that means itself in a basic regular expression.
var plainText = regexp.MustCompile(`^[^\\.*\[\]^$&]*$`)

func readSed(args []string) (s substitution) {
	var scripts, files []string
	for i := 0; i < len(args); i++ {
		switch arg := args[i]; {
		case arg == "-i":
			s.inPlace = true
		case arg == "-e" && i+1 < len(args):
			i++
			scripts = append(scripts, args[i])
		case strings.HasPrefix(arg, "-"):
			return s
		case len(scripts) == 0:
			scripts = append(scripts, arg)
		default:
			files = append(files, arg)
		}
	}
	for _, script := range scripts {
		parts := strings.Split(strings.TrimPrefix(script, "s"), script[min(1, len(script)):min(2, len(script))])
		if len(parts) != 4 || parts[0] != "" || !known(script) || !plainText.MatchString(parts[1]) || !plainText.MatchString(parts[2]) || parts[3] != "" && parts[3] != "g" {
			return s
		}
		s.pairs, s.all = append(s.pairs, [2]string{parts[1], parts[2]}), append(s.all, parts[3] == "g")
	}
	if s.known = len(scripts) > 0 && len(files) <= 1; len(files) == 1 {
		s.file = files[0]
	}
	return s
}

// on is what the substitution makes of a text.
func (s substitution) on(f output) output {
	if !f.known {
		return f
	}
	lines, size := bytes.SplitAfter(f.Text, []byte("\n")), len(f.Text)
	for i := range lines {
		for k, pair := range s.pairs {
			times := 1
			if s.all[k] {
				times = bytes.Count(lines[i], []byte(pair[0]))
			}
			if size += times * len(pair[1]); size > maxConfigFile {
				return output{}
			}
			lines[i] = bytes.Replace(lines[i], []byte(pair[0]), []byte(pair[1]), times)
		}
	}
	if f.Written == nil {
		f.Written = f.Text
	}
	f.Text = bytes.Join(lines, nil)
	return f
}

// edit follows sed -i.
func (r *runner) edit(c command) {
	s := readSed(c.args[1:])
	if s.known && !s.inPlace {
		return
	}
	if made := s.on(r.read(s.file)); s.known && made.known && !r.isMaybe() {
		r.put(r.path(s.file), textTree{made.File})
		return
	}
	r.touches(c.args[1:])
}
