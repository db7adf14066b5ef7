package compose

import (
	"bytes"
	"cmp"
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
	switch {
	case c.stock && entrypointRuns(svc):
		c.renderTemplates(svc.variables())
		if names, unknown := c.list("/docker-entrypoint.d"); len(names) > 0 || unknown != "" {
			c.unknown = cmp.Or(c.unknown, "scripts in /docker-entrypoint.d may write configuration")
		}
	case len(argv) == 0 || ownCommand.MatchString(argv[0]):
	default:
		c.follows(argv, svc)
	}
}

// follows carries out the commands of a start that is not the image's own, up to that which runs nginx.
func (c *container) follows(argv []string, svc *Service) {
	who := "the command of " + svc.Name
	script, known := c.script(argv)
	list, err := commands(script)
	if !known || err != nil {
		c.unknown = cmp.Or(c.unknown, who+" may write configuration before nginx starts")
		return
	}
	r := runner{files: c, dir: "/", env: svc.variables(), who: who}
	for _, step := range list {
		name := ""
		if len(step.args) > 0 {
			name = path.Base(step.args[0])
		}
		switch {
		case name == "docker-entrypoint.sh" && c.stock:
			c.renderTemplates(r.env)
		case name != "" && !harmless[name]:
			c.unknown = cmp.Or(c.unknown, who+" runs "+name+", which may write configuration before nginx starts")
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

// script is the shell script that a start runs: that of sh -c, or a file.
func (c *container) script(argv []string) (text string, known bool) {
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
	f, err := c.open(path.Join("/", file))
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
func (c *container) renderTemplates(env map[string]string) {
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
		c.unknown = cmp.Or(c.unknown, unknown)
		return
	}
	if m, ok := c.mountOf(output); ok && m.ReadOnly {
		return // the entrypoint says so, and nginx starts with what is there
	}
	for _, template := range templates {
		rel, ok := strings.CutSuffix(strings.TrimPrefix(template, strings.TrimSuffix(dir, "/")+"/"), suffix)
		f, err := c.open(template)
		if !ok || err != nil {
			continue
		}
		text := rendered(*f, env, filter.MatchString)
		c.layers = append(c.layers, &layer{at: path.Join(output, rel), tree: textTree{text}, hides: true})
	}
}

// maxNested is how deep folders of templates are looked into.
const maxNested = 8

// below are the files in a directory and the directories in it.
func (c *container) below(dir string, depth int) (files []string, unknown string) {
	names, unknown := c.list(dir)
	for _, name := range names {
		p := path.Join(dir, name)
		inner, why := []string(nil), ""
		if depth < maxNested {
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

// rendered is what envsubst makes of a file: variables that are chosen get their values.
func rendered(f nginx.File, env map[string]string, chosen func(name string) bool) nginx.File {
	text := shellVariable.ReplaceAllFunc(f.Text, func(use []byte) []byte {
		name := strings.Trim(string(use), "${}")
		if value, ok := env[name]; ok && chosen(name) {
			return []byte(value)
		}
		return use
	})
	if !bytes.Equal(text, f.Text) && f.Written == nil {
		f.Written = f.Text
	}
	f.Text = text
	return f
}

// shellFormat chooses the variables that the argument of envsubst names: without one all of them,
// those that are not set included.
func shellFormat(args []string) func(string) bool {
	if len(args) == 0 {
		return func(string) bool { return true }
	}
	return func(name string) bool {
		for _, m := range shellVariable.FindAllString(args[0], -1) {
			if strings.Trim(m, "${}") == name {
				return true
			}
		}
		return false
	}
}
