package compose

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"why502/compose/nginx"
)

// ofImage are variables that the image sets to what the project's files do not say.
var ofImage = []string{"HOSTNAME", "HOME", "PATH", "PWD", "NGINX_VERSION", "NJS_VERSION", "PKG_RELEASE", "DYNPKG_RELEASE"}

// start puts over a container's files what its start writes: templates that the image's entrypoint
// renders, and what a command of the project's writes before it runs nginx.
func (s *Stack) start(c *container, svc *Service) {
	r := newRunner(c, "the command of "+svc.Name, "/", svc.variables())
	r.uses = append(s.uses("services", svc.Name, "entrypoint"), s.uses("services", svc.Name, "command")...)
	for _, name := range ofImage {
		r.vague[name] = true
	}
	argv := svc.Start()
	if i := slices.IndexFunc(argv, ownCommand.MatchString); i >= 0 {
		c.argv = argv[i:]
	}
	switch {
	case c.stock && entrypointRuns(svc):
		r.entrypoint()
	case len(argv) == 0 && family(svc.Base()).keeps != "":
		s.furnish(r, svc)
	case len(argv) == 0 || ownCommand.MatchString(argv[0]):
	default:
		r.run(command{args: argv})
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
	who := r.who
	for _, name := range slices.Compact(slices.Sorted(slices.Values(append(names, templates)))) {
		f, err := r.files.open(path.Join(dir, name))
		r.who = path.Join(dir, name)
		switch ext := path.Ext(name); {
		case name == templates && err != nil:
			r.renderTemplates()
		case ext != ".sh" && ext != ".envsh":
		case err != nil:
			r.giveUp(r.who + " cannot be read")
		case ext == ".envsh": // in the entrypoint's own shell
			r.script(string(f.Text))
		default:
			r.aside(string(f.Text))
		}
	}
	r.who = who
}

// furnish does what the images do that keep their configuration in one directory (linuxserver's
// init-nginx and init-swag-config): files that are not there are copied from the image. Scripts of the
// user's, and modules that are downloaded, may write anything.
func (s *Stack) furnish(r *runner, svc *Service) {
	dir := path.Join(family(svc.Base()).keeps, "nginx")
	if names, _ := r.files.list(dir); len(names) == 0 {
		r.giveUp("what " + dir + " holds is made when " + svc.Name + " starts for the first time")
	}
	if scripts, _ := r.files.list("/custom-cont-init.d"); len(scripts) > 0 || svc.Variables()["DOCKER_MODS"].Text != "" {
		r.giveUp("what " + svc.Name + " adds to its image may write configuration")
	}
	if svc.NetworkMode != "" {
		r.put(path.Join(dir, "resolver.conf"), unknownTree("it gets the name servers of the machine"))
	}
	image := s.imageFiles(svc.Base())
	files, _ := image.below(dir, 0)
	for _, name := range files {
		m, mounted := r.files.mountOf(name)
		if _, _, err := r.files.find(name); mounted && m.Target != name && !m.ReadOnly && errors.Is(err, fs.ErrNotExist) {
			f, _ := image.open(name)
			r.put(name, textTree{*f})
		}
	}
}

// program is a script and the arguments that it is started with.
type program struct {
	text string
	args []string // from $0 on
}

// text is the shell script that a command line runs: that of sh -c, or a file.
func (r *runner) text(argv []string) (p program, ok bool) {
	if slices.Contains([]string{"sh", "bash", "ash", "dash"}, path.Base(argv[0])) {
		rest := argv[1:]
		for len(rest) > 1 && strings.HasPrefix(rest[0], "-") {
			if strings.HasSuffix(rest[0], "c") {
				return program{rest[1], append([]string{argv[0]}, rest[min(3, len(rest)):]...)}, known(rest[1])
			}
			rest = rest[1:]
		}
		if argv = rest; len(argv) == 0 {
			return p, false
		}
	}
	for _, dir := range []string{".", "/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"} {
		if file := argv[0]; dir == "." == strings.Contains(file, "/") && known(file) {
			f, err := r.files.open(r.path(path.Join(dir, file)))
			if err == nil {
				return program{string(f.Text), argv}, isShell(f.Text)
			}
		}
	}
	return p, false
}

// isShell says whether a file is a shell script.
func isShell(text []byte) bool {
	first, _, _ := bytes.Cut(text, []byte("\n"))
	return !bytes.Contains(text, []byte{0}) && (!bytes.HasPrefix(first, []byte("#!")) || bytes.Contains(first, []byte("sh")))
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
	c, env := r.files, r.values
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
		if !ok {
			continue
		}
		if made := r.rendering(template, filter); made != nil {
			c.layers = append(c.layers, &layer{at: path.Join(output, rel), tree: made, hides: true})
		}
	}
}

// rendering is what one template becomes; nil: it is a directory, which the entrypoint passes over. Only
// variables that the environment has are filled in.
func (r *runner) rendering(template string, filter *regexp.Regexp) tree {
	f, err := r.files.open(template)
	if errors.Is(err, errDirectory) {
		return nil
	}
	if err != nil { // it is a device, or larger than any configuration
		return unknownTree(template + ": " + err.Error())
	}
	if *r.files.made > maxRendered {
		return unknownTree(fmt.Sprintf("the templates together become larger than %d MB", maxRendered>>20))
	}
	text, fits := rendered(*f, r.values, func(name string) bool {
		_, set := r.values[name]
		return set && filter.MatchString(name)
	})
	*r.files.made += len(text.Text)
	if !fits {
		return unknownTree(fmt.Sprintf("what %s becomes is larger than %d MB", template, maxConfigFile>>20))
	}
	return textTree{text}
}

// maxRendered bounds what all templates become, in bytes.
const maxRendered = 16 << 20

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
	longer := false // by lines
	fill := func(use []byte) []byte {
		name := variableName(string(use))
		if size += len(env[name]); !chosen(name) || size > maxConfigFile {
			return use
		}
		longer = longer || strings.Contains(env[name], "\n")
		if nginx.BuiltIn(name) && !slices.Contains(made.Lost, name) {
			made.Lost = append(made.Lost, name)
		}
		return []byte(env[name])
	}
	made.Text = shellVariable.ReplaceAllFunc(f.Text, fill)
	if fits = size <= maxConfigFile; longer && fits {
		size = len(f.Text)
		made.Lines = linesOf(f, fill)
	}
	if made.Written == nil && !bytes.Equal(made.Text, f.Text) {
		made.Written = f.Text
	}
	made.Rendered = true
	return made, fits
}

// linesOf is, for each line of what a file becomes, the line that it comes from.
func linesOf(f nginx.File, fill func(use []byte) []byte) (lines []int) {
	for i, line := range bytes.Split(f.Text, []byte("\n")) {
		from := i + 1
		if i < len(f.Lines) {
			from = f.Lines[i]
		}
		for range 1 + bytes.Count(shellVariable.ReplaceAllFunc(line, fill), []byte("\n")) {
			lines = append(lines, from)
		}
	}
	return lines
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
