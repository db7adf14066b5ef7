package compose

import (
	"bytes"
	"cmp"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"why502/compose/nginx"
)

// start puts over a container's files what its start writes: templates that the image's entrypoint
// renders, and what a command of the project's writes before it runs nginx.
func (s *Stack) start(c *container, svc *Service) {
	argv := svc.Start()
	r := &runner{files: c, dir: "/", env: svc.variables(), vague: toSet("HOSTNAME", "HOME", "PATH", "PWD"), who: "the command of " + svc.Name}
	switch {
	case c.stock && entrypointRuns(svc):
		r.entrypoint()
	case len(argv) == 0 || ownCommand.MatchString(argv[0]):
	default:
		r.follow(argv)
	}
}

// entrypoint does what docker-entrypoint.sh of the official image does: it runs the scripts in
// /docker-entrypoint.d by their names. Of its own ones only that which renders templates matters here.
func (r *runner) entrypoint() {
	const dir, templates = "/docker-entrypoint.d", "20-envsubst-on-templates.sh"
	if r.entry { // one of its scripts starts it again
		r.giveUp(r.who + " starts the entrypoint that runs it")
		return
	}
	r.entry = true
	names, unknown := r.files.list(dir)
	if unknown != "" {
		r.giveUp(unknown)
	}
	for _, name := range slices.Compact(slices.Sorted(slices.Values(append(names, templates)))) {
		f, err := r.files.open(path.Join(dir, name))
		switch {
		case name == templates && err != nil:
			r.renderTemplates()
		case path.Ext(name) == ".sh" || path.Ext(name) == ".envsh":
			r.who = path.Join(dir, name)
			if err != nil {
				r.giveUp(r.who + " cannot be read")
			} else {
				r.script(string(f.Text))
			}
		}
	}
}

// giveUp says that anything may have been written.
func (r *runner) giveUp(why string) { r.files.unknown = cmp.Or(r.files.unknown, why) }

// follow carries out a start that is not the image's own.
func (r *runner) follow(argv []string) {
	if script, known := r.text(argv); known {
		r.script(script)
	} else {
		r.giveUp(r.who + " may write configuration before nginx starts")
	}
}

// script carries out the commands of a script, as far as they can be followed.
func (r *runner) script(text string) {
	list, err := commands(text)
	if err != nil {
		r.giveUp(r.who + " may write configuration before nginx starts")
	}
	perhaps := false // an exit may have come before
	for _, step := range list {
		name := ""
		if len(step.args) > 0 {
			name = path.Base(step.args[0])
		}
		step.maybe = step.maybe || perhaps
		switch {
		case name == "exit" && step.maybe:
			perhaps = true
		case name == "exit":
			return
		case name == "docker-entrypoint.sh" && r.files.stock:
			r.entrypoint()
		case name != "" && !harmless[name]:
			r.giveUp(r.who + " runs " + name + ", which may write configuration before nginx starts")
		default:
			r.run(step)
		}
	}
}

// harmless are the commands of starts that write nothing but what they are told to.
var harmless = toSet("nginx", "nginx-debug", "openresty", "sleep", "wait", "trap", "true", "false", ":", "set", "cd", "test", "[", "[[", "mkdir", "chmod", "chown",
	"touch", "echo", "printf", "cat", "ls", "nc", "curl", "wget", "date", "kill", "exit", "export", "envsubst", "sed", "cp", "mv", "ln", "rm", "tee", "tail", "openssl",
	"crond", "cron", "until", "grep", "id", "whoami", "env", "return", "shift", "local", "unset", "read", "break", "continue", "ping", "getent", "command", "head", "tr", "cut", "awk", "basename", "dirname", "find", "nohup", "inotifywait", "pgrep", "pkill", "killall", "ps")

func toSet(names ...string) map[string]bool {
	set := make(map[string]bool, len(names))
	for _, name := range names {
		set[name] = true
	}
	return set
}

// text is the shell script that a start runs: that of sh -c, or a file.
func (r *runner) text(argv []string) (script string, known bool) {
	shell := slices.Contains([]string{"sh", "bash", "ash", "dash"}, path.Base(argv[0]))
	for i, arg := range argv {
		if shell && i > 0 && strings.HasPrefix(arg, "-") && strings.HasSuffix(arg, "c") && i+1 < len(argv) {
			return argv[i+1], true
		}
	}
	file := argv[0]
	if shell && len(argv) > 1 {
		file = argv[1]
	}
	f, err := r.files.open(r.path(file))
	if err != nil || bytes.IndexByte(f.Text, 0) >= 0 {
		return "", false
	}
	return strings.ReplaceAll(string(f.Text), `"$@"`, shellWords(argv[1:])), true
}

// shellWords are words as a shell reads them.
func shellWords(words []string) string {
	var quoted []string
	for _, w := range words {
		quoted = append(quoted, "'"+strings.ReplaceAll(w, "'", `'\''`)+"'")
	}
	return strings.Join(quoted, " ")
}

// entrypointRuns says whether the official image's entrypoint prepares the configuration: it does so
// only for a command that begins with nginx (docker-nginx, docker-entrypoint.sh).
func entrypointRuns(svc *Service) bool {
	if svc.Entrypoint != nil || svc.Build != nil && svc.Build.Entrypoint != nil {
		return false
	}
	argv := svc.Start()
	return len(argv) == 0 || argv[0] == "nginx" || argv[0] == "nginx-debug"
}

// renderTemplates does what 20-envsubst-on-templates.sh of the image does.
func (r *runner) renderTemplates() {
	c, env := r.files, r.env
	dir := cmp.Or(env["NGINX_ENVSUBST_TEMPLATE_DIR"], "/etc/nginx/templates")
	suffix := cmp.Or(env["NGINX_ENVSUBST_TEMPLATE_SUFFIX"], ".template")
	output := cmp.Or(env["NGINX_ENVSUBST_OUTPUT_DIR"], "/etc/nginx/conf.d")
	if env["NGINX_ENTRYPOINT_LOCAL_RESOLVERS"] != "" {
		env["NGINX_LOCAL_RESOLVERS"] = "127.0.0.11" // what Docker writes into /etc/resolv.conf
	}
	filter, err := regexp.Compile(env["NGINX_ENVSUBST_FILTER"])
	templates, unknown := c.below(dir, 0)
	if err != nil {
		unknown = "NGINX_ENVSUBST_FILTER is no regular expression that can be read here"
	}
	if unknown != "" {
		r.giveUp(unknown)
	}
	if err != nil {
		return
	}
	if m, ok := c.mountOf(output); ok && m.ReadOnly {
		return // the entrypoint says so, and nginx starts with what is there
	}
	for _, template := range templates {
		rel, ok := strings.CutSuffix(strings.TrimPrefix(template, strings.TrimSuffix(dir, "/")+"/"), suffix)
		if ok {
			c.layers = append(c.layers, &layer{at: path.Join(output, rel), tree: r.rendering(template, filter), hides: true})
		}
	}
}

// rendering is what one template becomes. Only variables that the environment has are filled in.
func (r *runner) rendering(template string, filter *regexp.Regexp) tree {
	f, err := r.files.open(template)
	if err != nil { // it is a device, or larger than any configuration
		return unknownTree(template + ": " + err.Error())
	}
	text, fits := rendered(*f, r.env, func(name string) bool {
		_, set := r.env[name]
		return set && filter.MatchString(name)
	})
	if !fits {
		return unknownTree(fmt.Sprintf("what %s becomes is larger than %d MB", template, maxConfigFile>>20))
	}
	return textTree{text}
}

// maxNested is how deep folders of templates are looked into.
const maxNested = 8

// below are the files in a directory and the directories in it.
func (c *container) below(dir string, depth int) (files []string, unknown string) {
	names, unknown := c.list(dir)
	for _, name := range names {
		p := path.Join(dir, name)
		inner, why := []string(nil), ""
		if depth < maxNested && len(files) < maxMatches {
			inner, why = c.below(p, depth+1)
		}
		if len(inner) == 0 && why == "" {
			inner = []string{p}
		}
		files, unknown = append(files, inner...), cmp.Or(unknown, why)
	}
	return files, unknown
}

var shellVariable = regexp.MustCompile(`\$(?:\{([A-Za-z_][A-Za-z0-9_]*)\}|([A-Za-z_][A-Za-z0-9_]*))`)

// rendered is what envsubst makes of a file: variables that are chosen get their values, and those that
// have none go. It does not fit where it becomes larger than what is read of one file.
func rendered(f nginx.File, env map[string]string, chosen func(name string) bool) (made nginx.File, fits bool) {
	made, size := f, len(f.Text)
	made.Lost = slices.Clone(f.Lost)
	made.Text = shellVariable.ReplaceAllFunc(f.Text, func(use []byte) []byte {
		name := variableName(string(use))
		if size += len(env[name]); !chosen(name) || size > maxConfigFile {
			return use
		}
		if nginx.BuiltIn(name) && !slices.Contains(made.Lost, name) {
			made.Lost = append(made.Lost, name)
		}
		return []byte(env[name])
	})
	if made.Written == nil && !bytes.Equal(made.Text, f.Text) {
		made.Written = f.Text
	}
	made.Rendered = true
	return made, size <= maxConfigFile
}

// variableName is the name in "$NAME" or "${NAME}".
func variableName(use string) string { return strings.Trim(use, "${}") }

// shellFormat chooses the variables that the argument of envsubst names: without one all of them.
func shellFormat(args []string) func(string) bool {
	if len(args) == 0 {
		return func(string) bool { return true }
	}
	return func(name string) bool {
		for _, m := range shellVariable.FindAllString(args[0], -1) {
			if variableName(m) == name {
				return true
			}
		}
		return false
	}
}
