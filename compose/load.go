package compose

import (
	"context"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/consts"
	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/template"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/compose-spec/compose-go/v2/utils"
	"github.com/sirupsen/logrus"
	"go.yaml.in/yaml/v4"

	"why502/compose/proxy"
)

// Options say which project to load, as the flags and variables of docker compose do.
type Options struct {
	Directory        string   // where the search for a Compose file begins; empty: the current one
	Files            []string // -f, "-" for Stdin
	ProjectName      string
	ProjectDirectory string
	Profiles         []string
	EnvFiles         []string
	Env              []string // of the process, NAME=value
	Stdin            io.Reader
	Proxies          []string // only these services, nginx or not; empty: whatever runs nginx
	View             View     // of the machine's files, in a container
}

// Load reads a project as docker compose does, and the configuration of its proxies.
func Load(ctx context.Context, opts Options) (*Stack, error) {
	s, err := loadModel(ctx, opts)
	if err != nil {
		return nil, err
	}
	if err := s.findProxies(opts.Proxies); err != nil {
		return nil, err
	}
	s.Ignores = append(s.Ignores, s.Sources.Ignores()...)
	return s, nil
}

// ServiceNames are the names of a project's services, those that a profile disables among them, in their order.
func ServiceNames(ctx context.Context, opts Options) ([]string, error) {
	s, err := loadModel(ctx, opts)
	if err != nil {
		return nil, err
	}
	return slices.Sorted(maps.Keys(s.Services)), nil
}

// loadModel reads the Compose files alone.
func loadModel(ctx context.Context, opts Options) (*Stack, error) {
	// compose-go warns ("version is obsolete") through the one global logger, and no option of
	// its loader turns that off.
	logrus.SetOutput(io.Discard)
	found, err := find(opts)
	if err != nil {
		return nil, err
	}
	s := &Stack{Directory: found.projectDirectory(), Sources: Sources{}, Separator: "-", read: found.contents, process: map[string]bool{}, seen: map[string]*Seen{}}
	for _, entry := range opts.Env {
		name, _, _ := strings.Cut(entry, "=")
		s.process[name] = true
	}
	if utils.StringToBool(found.env["COMPOSE_COMPATIBILITY"]) {
		s.Separator = "_"
	}
	if err := s.readIgnores(found); err != nil {
		return nil, err
	}
	config, err := s.readFiles(found, opts.ProjectName)
	if err != nil {
		return nil, err
	}
	project, err := loadProject(ctx, config, loadOptions(config, opts.Profiles, s.places.keys))
	if err != nil {
		return nil, s.explain(err)
	}
	if err := s.fillEnvironments(found, project); err != nil {
		return nil, err
	}
	s.view = found.view
	found.anchor.project(project)
	s.Directory = found.anchor.outside(s.Directory)
	s.lower(project)
	return s, nil
}

// loadProject is LoadWithContext of compose-go, which refuses lists of variables with "- KEY = value" in them.
// docker compose 2.28 takes that for a variable whose name ends in the blank, and so do the projects that have it.
func loadProject(ctx context.Context, config types.ConfigDetails, options func(*loader.Options)) (*types.Project, error) {
	model, err := loader.LoadModelWithContext(ctx, config, options)
	if err != nil {
		return nil, err
	}
	services, _ := model["services"].(map[string]any)
	for _, service := range services {
		if service, ok := service.(map[string]any); ok {
			asMapping(service, "environment")
			if build, ok := service["build"].(map[string]any); ok {
				asMapping(build, "args")
			}
		}
	}
	return loader.ModelToProject(model, loader.ToOptions(&config, []func(*loader.Options){options}), config)
}

// asMapping makes a mapping of a list of variables.
func asMapping(in map[string]any, key string) {
	list, ok := in[key].([]any)
	if !ok {
		return
	}
	mapping := make(map[string]any, len(list))
	for _, item := range list {
		name, value, valued := strings.Cut(fmt.Sprint(item), "=")
		if mapping[name] = nil; valued {
			mapping[name] = value
		}
	}
	in[key] = mapping
}

// loadOptions are those of docker compose config, with these differences: the name is settled
// already, which saves compose-go from parsing every file for it, nothing here reads labels, and env
// files are read by fillEnvironments.
func loadOptions(config types.ConfigDetails, profiles []string, keys map[string]bool) func(*loader.Options) {
	if len(profiles) == 0 {
		for _, name := range strings.Split(config.Environment[consts.ComposeProfiles], ",") {
			profiles = append(profiles, strings.TrimSpace(name))
		}
	}
	return func(o *loader.Options) {
		o.SetProjectName(config.Environment[consts.ComposeProjectName], true)
		o.Profiles = profiles
		o.SkipResolveLabels = true
		o.Interpolate.TypeCastMapping = neededCasts(o.Interpolate.TypeCastMapping, keys)
		o.SkipResolveEnvironment = true
		o.MaxNodeVisits = maxFile // files have a size limit, and visits are no more than its characters
		o.ConvertWindowsPaths = utils.StringToBool(config.Environment["COMPOSE_CONVERT_WINDOWS_PATHS"])
	}
}

// readFiles reads the Compose files and notes where what stands in them. The project's name is
// among the variables that they may use, so it is settled between parsing and noting.
func (s *Stack) readFiles(found *finder, name string) (types.ConfigDetails, error) {
	config := types.ConfigDetails{WorkingDir: s.Directory, Environment: found.env}
	r := newReader(s, found)
	parsed := make([][]*yaml.Node, len(found.files))
	for i, file := range found.files {
		docs, err := r.parse(file)
		if err != nil {
			return config, err
		}
		parsed[i] = docs
		s.Files = append(s.Files, relative(s.Directory, file))
		config.ConfigFiles = append(config.ConfigFiles, types.ConfigFile{Filename: file, Content: found.contents[file]})
	}
	s.places.keys = map[string]bool{}
	s.places.here = proxy.Place{File: s.Files[0]}
	name, err := projectName(name, found, parsed)
	if err != nil {
		return config, err
	}
	config.Environment[consts.ComposeProjectName] = name
	for _, file := range found.files {
		trees, err := r.trees(scope{file: file, dir: s.Directory, env: config.Environment})
		if err != nil {
			return config, err
		}
		s.places.trees = append(s.places.trees, trees...)
	}
	return config, nil
}

// projectName is the one given, else that of the environment, of the files, of the directory.
func projectName(given string, found *finder, parsed [][]*yaml.Node) (string, error) {
	if given == "" {
		given = found.env[consts.ComposeProjectName]
	}
	if given != "" {
		if loader.NormalizeProjectName(given) != given {
			return "", badName(given)
		}
		return given, nil
	}
	name := ""
	for _, docs := range parsed {
		for _, doc := range docs {
			if value := nameIn(doc); value != "" {
				name = value
			}
		}
	}
	if name == "" {
		name = filepath.Base(found.forCaller(found.projectDirectory()))
	} else {
		name = filler(found.env.Resolve)(name)
	}
	normal := loader.NormalizeProjectName(name)
	if normal == "" {
		return "", badName(name)
	}
	return normal, nil
}

// nameIn is the name that a Compose file gives its project; empty: none.
func nameIn(doc *yaml.Node) string {
	if doc.Kind == yaml.MappingNode {
		for i := 0; i+1 < len(doc.Content); i += 2 {
			if doc.Content[i].Value == "name" {
				return doc.Content[i+1].Value
			}
		}
	}
	return ""
}

// filler replaces variables as Compose does. What cannot be replaced stays as it is.
func filler(lookup template.Mapping) func(string) string {
	return func(text string) string {
		if !strings.Contains(text, "$") {
			return text
		}
		filled, err := template.Substitute(text, lookup)
		if err != nil {
			return text
		}
		return filled
	}
}
