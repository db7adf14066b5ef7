package compose

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/frontend/dockerfile/shell"
	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"

	"why502/compose/nginx"
	"why502/compose/proxy"
)

// Image is what a Dockerfile makes, as far as its text tells (Docker docs, Dockerfile reference).
type Image struct {
	Place       proxy.Place      // of the Dockerfile
	Base        string           // the image that its final stage comes from; empty: scratch, or not known
	Environment map[string]Value // of ENV
	Entrypoint  []string         // of its own ENTRYPOINT
	Command     []string         // of its own CMD
	Ports       []Number         // of EXPOSE, for TCP
	User        string           // of USER, or of the image that it comes from; empty: not known

	files *container // its file system
	dir   string     // WORKDIR
}

// maxInstructions bounds a Dockerfile: each looks at what those before it brought.
const maxInstructions = 2000

// builder reads one Dockerfile.
type builder struct {
	stack   *Stack
	context string            // host path of the build context
	extra   map[string]string // additional contexts, by name
	ignored *patternmatcher.PatternMatcher
	file    string // what places call the Dockerfile
	lex     *shell.Lex
	global  map[string]string // of ARG before the first FROM, and of the build arguments
	given   map[string]string // build arguments
	stages  []instructions.Stage
	images  []*Image // of the stages that were gone through
}

// built is what the build section of a service makes; nil without one. Where that cannot be known its
// files say why.
func (s *Stack) built(service string, config *types.BuildConfig) *Image {
	if config == nil {
		return nil
	}
	image, err := s.build(config)
	if err != nil {
		image = &Image{files: s.newContainer()}
		image.files.unknown = "the image of " + service + " is built, and " + err.Error()
	}
	return image
}

// build reads the Dockerfile of a service. The error says why the image cannot be known.
func (s *Stack) build(config *types.BuildConfig) (*Image, error) {
	b := &builder{stack: s, context: config.Context, extra: config.AdditionalContexts, lex: shell.NewLex('\\'), global: map[string]string{}, given: map[string]string{}}
	for name, value := range config.Args {
		if value != nil {
			b.given[name] = *value
		}
	}
	text, err := b.read(config)
	if err != nil {
		return nil, err
	}
	if err := b.parse(text); err != nil {
		return nil, err
	}
	index := len(b.stages) - 1
	if config.Target != "" {
		found, ok := b.stage(config.Target)
		if !ok {
			return nil, fmt.Errorf("%s has no stage named %s", b.file, config.Target)
		}
		index = found
	}
	return b.image(index), nil
}

// read gives the Dockerfile's text, and reads what keeps files out of the build context.
func (b *builder) read(config *types.BuildConfig) ([]byte, error) {
	if b.context == "" { // as where a variable that is to name it is not set
		return nil, errors.New("its build context is empty")
	}
	info, err := b.stack.stat(b.context)
	if errors.Is(err, errBeyond) {
		return nil, errors.New(beyond("its build context " + b.stack.name(b.context)))
	}
	if err != nil || !info.IsDir() {
		return nil, fmt.Errorf("its build context %s is no directory here", b.stack.name(b.context))
	}
	host := b.dockerfile(cmp.Or(config.Dockerfile, "Dockerfile"))
	b.file = b.stack.name(host)
	for _, name := range []string{host + ".dockerignore", filepath.Join(b.context, ".dockerignore")} {
		text, err := b.stack.readRegular(filepath.Dir(name), name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			b.ignored, err = ignored(text)
		}
		if err != nil {
			return nil, fmt.Errorf("its %s cannot be read: %w", b.stack.name(name), withoutPath(err))
		}
		break
	}
	if config.DockerfileInline != "" {
		b.file = b.stack.Files[0]
		return []byte(config.DockerfileInline), nil
	}
	text, err := b.stack.readRegular(filepath.Dir(host), host)
	if err != nil {
		return nil, fmt.Errorf("its Dockerfile %s cannot be read: %w", b.file, withoutPath(err))
	}
	b.stack.Sources.Add(b.file, text)
	return text, nil
}

// dockerfile is the host path of the Dockerfile that a build section names. Where there is no Dockerfile,
// BuildKit takes one in lower case.
func (b *builder) dockerfile(name string) string {
	host := name
	if !filepath.IsAbs(name) {
		host = filepath.Join(b.context, name)
	}
	dir, base := filepath.Split(host)
	if base != "Dockerfile" {
		return host
	}
	lower := filepath.Join(dir, "dockerfile")
	here, ok := b.stack.Here(dir)
	if !ok {
		return host
	}
	_, missing := os.Lstat(filepath.Join(here, base))
	if _, err := os.Lstat(filepath.Join(here, filepath.Base(lower))); err == nil && errors.Is(missing, fs.ErrNotExist) {
		return lower
	}
	return host
}

// Bounds of a .dockerignore: each pattern becomes a regular expression.
const (
	maxIgnored = 1000 // patterns
	maxPattern = 4096 // bytes of one, as of any path
)

// ignored are the patterns of a .dockerignore.
func ignored(text []byte) (*patternmatcher.PatternMatcher, error) {
	patterns, err := ignorefile.ReadAll(bytes.NewReader(readable(text)))
	switch {
	case err != nil:
		return nil, err
	case len(patterns) > maxIgnored:
		return nil, fmt.Errorf("it has more than %d patterns", maxIgnored)
	case slices.ContainsFunc(patterns, func(p string) bool { return len(p) > maxPattern }):
		return nil, fmt.Errorf("it has a pattern of more than %d bytes", maxPattern)
	}
	return patternmatcher.New(patterns)
}

// readable is a text without bytes that are none: the parsers would complain about these on standard error.
func readable(text []byte) []byte {
	const none = "\uFFFD"
	return bytes.ReplaceAll(bytes.ToValidUTF8(text, []byte(none)), []byte{0}, []byte(none))
}

// parse takes the Dockerfile apart. A panic of the parser is an error like any other.
func (b *builder) parse(text []byte) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%s cannot be parsed: %v", b.file, p)
		}
	}()
	result, err := parser.Parse(bytes.NewReader(readable(text)))
	if err != nil {
		return fmt.Errorf("%s cannot be parsed: %w", b.file, err)
	}
	stages, global, err := instructions.Parse(result.AST, nil)
	if err != nil {
		return fmt.Errorf("%s cannot be parsed: %w", b.file, err)
	}
	if len(stages) == 0 {
		return fmt.Errorf("%s has no FROM", b.file)
	}
	if len(result.AST.Children) > maxInstructions {
		return fmt.Errorf("%s has more than %d instructions", b.file, maxInstructions)
	}
	for _, arg := range global {
		b.declare(b.global, b.global, arg.Args)
	}
	b.stages, b.images = stages, make([]*Image, len(stages))
	return nil
}

// declare gives build arguments their values: those given, those declared before the first FROM, else
// their defaults.
func (b *builder) declare(into, env map[string]string, args []instructions.KeyValuePairOptional) {
	for _, arg := range args {
		if value, ok := b.given[arg.Key]; ok {
			into[arg.Key] = value
		} else if arg.Value != nil {
			into[arg.Key] = b.expand(*arg.Value, env)
		} else if value, ok := b.global[arg.Key]; ok {
			into[arg.Key] = value
		}
	}
}

func (b *builder) expand(text string, env map[string]string) string {
	var list []string
	for name, value := range env {
		list = append(list, name+"="+value)
	}
	expanded, _, err := b.lex.ProcessWord(text, shell.EnvsFromSlice(list))
	if err != nil || len(expanded) > maxVariable {
		return text
	}
	return expanded
}

// stage finds a stage by its name or number.
func (b *builder) stage(name string) (int, bool) {
	for i, s := range b.stages {
		if s.Name != "" && strings.EqualFold(s.Name, name) {
			return i, true
		}
	}
	n, err := strconv.Atoi(name)
	return n, err == nil && n >= 0 && n < len(b.stages)
}

// image goes through the instructions of one stage.
func (b *builder) image(index int) *Image {
	if b.images[index] != nil {
		return b.images[index]
	}
	stage := b.stages[index]
	i := b.from(index, b.expand(stage.BaseName, b.global))
	b.images[index] = i
	step := &step{builder: b, index: index, image: i, env: map[string]string{}}
	for name, v := range i.Environment {
		step.env[name] = v.Text
	}
	for _, command := range stage.Commands {
		step.do(command)
	}
	return i
}

// from is what a stage begins with: an earlier stage, or an image that is known by its name.
func (b *builder) from(index int, base string) *Image {
	i := &Image{Place: proxy.Place{File: b.file}, Environment: map[string]Value{}, dir: "/"}
	if image, ok := strings.CutPrefix(b.extra[base], imageContext); ok {
		base = image
	} else if earlier, ok := b.stage(base); ok && earlier < index {
		from := b.image(earlier)
		i.Base, i.dir, i.User, i.Entrypoint, i.Command = from.Base, from.dir, from.User, from.Entrypoint, from.Command
		i.Ports, i.Environment = slices.Clone(from.Ports), maps.Clone(from.Environment)
		i.files = from.files.clone()
		return i
	}
	i.files, i.User = b.stack.imageFiles(base), family(base).user
	if base != "scratch" {
		i.Base = base
	}
	return i
}

// imageContext begins an additional context that is an image. BuildKit puts it in the place of what has its name.
const imageContext = "docker-image://"

// step is the state between the instructions of a stage.
type step struct {
	*builder
	index int // of the stage
	image *Image
	env   map[string]string // of ENV and ARG
}

func (st *step) do(command instructions.Command) {
	at := proxy.Place{File: st.file}
	if where := command.Location(); len(where) > 0 && st.stack.Sources[st.file] != nil {
		at.Line, at.Column = where[0].Start.Line, 1
	}
	i := st.image
	switch c := command.(type) {
	case *instructions.ArgCommand:
		st.declare(st.env, st.env, c.Args)
	case *instructions.EnvCommand:
		for _, pair := range c.Env {
			st.env[pair.Key] = st.expand(pair.Value, st.env)
			i.Environment[pair.Key] = Value{Text: st.env[pair.Key], Place: at}
		}
	case *instructions.WorkdirCommand:
		i.dir = st.inside(c.Path)
	case *instructions.CopyCommand:
		st.copy(c.SourcesAndDest, c.From, at)
	case *instructions.AddCommand:
		st.copy(c.SourcesAndDest, "", at)
	case *instructions.RunCommand:
		i.files.layers = append(i.files.layers, ran(i.files, i.dir, st.env, runText(c), "what "+st.file+" runs")...)
	case *instructions.EntrypointCommand:
		i.Entrypoint, i.Command = words(c.ShellDependantCmdLine), nil
	case *instructions.CmdCommand:
		i.Command = words(c.ShellDependantCmdLine)
	case *instructions.UserCommand:
		i.User = st.expand(c.User, st.env)
	case *instructions.ExposeCommand:
		st.expose(c.Ports, at)
	}
}

// runText is the script that a RUN runs, with its here-documents.
func runText(c *instructions.RunCommand) string {
	text := strings.Join(c.CmdLine, " ")
	if len(c.Files) == 1 && strings.HasPrefix(text, "<<") && !strings.ContainsAny(text, " ") {
		return c.Files[0].Data // which is the script itself
	}
	for _, f := range c.Files {
		text += "\n" + f.Data + f.Name
	}
	return text
}

// words are the arguments that a command line of a Dockerfile starts.
func words(c instructions.ShellDependantCmdLine) []string {
	if c.PrependShell {
		return append([]string{"/bin/sh", "-c"}, strings.Join(c.CmdLine, " "))
	}
	return slices.Clone(c.CmdLine)
}

func (st *step) expose(ports []string, at proxy.Place) {
	for _, text := range ports {
		port, protocol, _ := strings.Cut(st.expand(text, st.env), "/")
		if n, err := strconv.Atoi(port); err == nil && (protocol == "" || strings.EqualFold(protocol, "tcp")) {
			st.image.Ports = append(st.image.Ports, Number{Port: n, Place: at})
		}
	}
}

// inside is a path in the image, counted from WORKDIR.
func (st *step) inside(p string) string {
	p = st.expand(p, st.env)
	if !path.IsAbs(p) {
		p = path.Join(st.image.dir, p)
	}
	return path.Clean(p)
}

// copy adds what COPY and ADD bring.
func (st *step) copy(c instructions.SourcesAndDest, from string, at proxy.Place) {
	dest := st.inside(c.DestPath)
	below := strings.HasSuffix(c.DestPath, "/") || c.DestPath == "." || len(c.SourcePaths)+len(c.SourceContents) > 1
	if names, _ := st.image.files.list(dest); len(names) > 0 {
		below = true
	}
	for _, content := range c.SourceContents {
		st.add(dest, content.Path, below, textTree{nginx.File{Name: at.File, Text: []byte(content.Data), Line: at.Line + 1}})
	}
	for _, source := range c.SourcePaths {
		st.bring(dest, below, from, st.expand(source, st.env), at)
	}
}

// add puts a file at a path, or below it under its own name.
func (st *step) add(dest, name string, below bool, t tree) {
	if below {
		dest = path.Join(dest, path.Base(name))
	}
	st.image.files.layers = append(st.image.files.layers, &layer{at: dest, tree: t})
}

// bring adds one source of a COPY.
func (st *step) bring(dest string, below bool, from, source string, at proxy.Place) {
	where, unknown := st.origin(from, source)
	if unknown != "" {
		st.image.files.layers = append(st.image.files.layers, &layer{at: dest, tree: unknownTree(unknown)})
		return
	}
	matches := []string{path.Join("/", source)}
	if strings.ContainsAny(source, "*?[") {
		matches, _ = where.glob(matches[0])
		below = true
	}
	for _, match := range matches {
		if f, err := where.open(match); err == nil {
			st.add(dest, match, below, textTree{*f})
		} else if names, _ := where.list(match); len(names) > 0 {
			st.image.files.layers = append(st.image.files.layers, &layer{at: dest, tree: stageTree{where, match}})
		} else if !below || !errors.Is(err, fs.ErrNotExist) {
			why := fmt.Sprintf("%s, which %s:%d copies, is not there", strings.TrimPrefix(match, "/"), at.File, at.Line)
			st.add(dest, match, below, unknownTree(why))
		}
	}
}

// origin is the file system that a COPY takes from: the build context, another stage, or another
// context. Where it is not known, unknown says why.
func (st *step) origin(from, source string) (c *container, unknown string) {
	if strings.Contains(source, "://") || strings.HasPrefix(source, "git@") {
		return nil, "what " + source + " holds is not among the project's files"
	}
	if from == "" {
		return st.stack.hostFiles(st.context, st.skips), ""
	}
	from = st.expand(from, st.env)
	if index, ok := st.stage(from); ok && index < st.index {
		return st.builder.image(index).files, ""
	}
	if dir, ok := st.extra[from]; ok && filepath.IsAbs(dir) {
		return st.stack.hostFiles(dir, nil), ""
	}
	return nil, "what the image " + from + " holds is not known"
}

// skips says whether .dockerignore leaves a path of the build context out.
func (b *builder) skips(rel string) bool {
	if b.ignored == nil || rel == "" {
		return false
	}
	ignored, err := b.ignored.MatchesOrParentMatches(filepath.FromSlash(rel))
	return err == nil && ignored
}
