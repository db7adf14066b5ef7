package compose

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
	"go.yaml.in/yaml/v4"

	"why502/compose/proxy"
)

// reader notes where what stands in the Compose files: in those given, and in those that they include
// or extend. It looks at each of them before compose-go does, which would wait for a pipe and follow
// some circles without end.
type reader struct {
	stack      *Stack
	found      *finder
	docs       map[string][]*yaml.Node // of each file
	extended   map[string][]*mark      // trees of the files that are extended, by file and environment
	included   map[string][]*mark      // trees of what is included, by files, directory and environment
	filled     int                     // bytes that variables brought
	inclusions int                     // that were read
}

func newReader(s *Stack, found *finder) *reader {
	s.env = map[string]types.Mapping{}
	return &reader{stack: s, found: found, docs: map[string][]*yaml.Node{}, extended: map[string][]*mark{}, included: map[string][]*mark{}}
}

// scope is one file to read, and what it depends on besides its text.
type scope struct {
	file   string        // absolute, or "-"
	dir    string        // that its relative paths start from
	env    types.Mapping // that it is filled in from
	envs   string        // the env files of includes that added to env
	within []string      // the files that include it
}

// parse parses a file once.
func (r *reader) parse(file string) ([]*yaml.Node, error) {
	if docs, ok := r.docs[file]; ok {
		return docs, nil
	}
	text, unread := r.found.readCompose(file, r.found.base)
	if unread != nil {
		return nil, unread
	}
	shown := r.shown(file)
	r.stack.Sources.Add(shown, text)
	docs, err := documents(text)
	if err != nil {
		return nil, r.stack.yamlError(shown, err)
	}
	if n := tooLarge(docs); n != nil {
		return nil, &Error{
			Place: proxy.Place{File: shown, Line: n.Line, Column: n.Column},
			What:  fmt.Sprintf("more than %d levels or %d values of YAML", maxLevels, maxNodes),
			Fix:   "give a Compose file",
		}
	}
	for _, doc := range docs {
		if n := inItself(doc, map[*yaml.Node]bool{}); n != nil {
			return nil, &Error{
				Place: proxy.Place{File: shown, Line: n.Line, Column: n.Column},
				What:  fmt.Sprintf("the alias *%s stands in what it stands for", n.Value),
				Fix:   "write out what is meant",
			}
		}
	}
	r.docs[file] = docs
	return docs, nil
}

// parseNamed parses a file that another one names.
func (r *reader) parseNamed(file string, at proxy.Place, dir string) ([]*yaml.Node, error) {
	docs, err := r.parse(file)
	var e *Error
	if err == nil || !errors.As(err, &e) || e.Place.Known() {
		return docs, err
	}
	shown := r.shown(file)
	named := &Error{Place: at, What: e.What, Err: e.Err, Fix: "check that file"}
	switch {
	case errors.Is(err, errBeyond):
		named.Fix = mountMore
	case errors.Is(err, fs.ErrNotExist):
		named.What = fmt.Sprintf("no file %q", shown)
		named.Fix = "check the path; it starts from " + relative(r.found.base, dir)
	case errors.Is(err, errDirectory):
		named.What = fmt.Sprintf("%q is a directory, not a Compose file", shown)
		named.Fix = "name the file in it"
		if inside := firstOf(file, cli.DefaultFileNames); inside != "" {
			named.Fix += ": " + filepath.Base(inside)
		}
	}
	return nil, named
}

// trees are the places of a file and of what it includes and extends: what wins comes last.
func (r *reader) trees(sc scope) (all []*mark, err error) {
	docs, err := r.parse(sc.file)
	if err != nil {
		return nil, err
	}
	own, err := r.marks(docs, sc)
	if err != nil {
		return nil, err
	}
	sc.within = append(slices.Clone(sc.within), sc.file)
	for _, m := range own {
		included, err := r.includes(m, sc)
		if err != nil {
			return nil, err
		}
		bases, err := r.bases(m, append(slices.Clone(included), m), sc)
		if err != nil {
			return nil, err
		}
		all = join(all, included, bases, []*mark{m})
	}
	return all, nil
}

// join puts trees behind each other, each once: what is included on several ways is one.
func join(lists ...[]*mark) (all []*mark) {
	seen := map[*mark]bool{}
	for _, list := range lists {
		for _, tree := range list {
			if !seen[tree] {
				seen[tree], all = true, append(all, tree)
			}
		}
	}
	return all
}

// marks makes the trees of a file's documents.
func (r *reader) marks(docs []*yaml.Node, sc scope) (all []*mark, err error) {
	shown := r.shown(sc.file)
	r.stack.env[shown] = sc.env
	fill := filler(r.count(sc.env))
	for _, doc := range docs {
		addKeys(doc, r.stack.places.keys)
		tree, whole := marks(shown, doc, fill)
		if !whole || r.filled > maxTotal {
			return nil, &Error{
				Place: tree.place,
				What:  fmt.Sprintf("its merge keys (<<) bring more than %d entries, or its variables more than %d MB", maxMerged, maxTotal>>20),
				Fix:   "give a Compose file",
			}
		}
		all = append(all, tree)
	}
	return all, nil
}

// count gives the variables of an environment as long as they do not become more than can be held: a file may
// name a long one a million times.
func (r *reader) count(env types.Mapping) func(string) (string, bool) {
	return func(name string) (string, bool) {
		value, ok := env.Resolve(name)
		if r.filled += len(value); r.filled > maxTotal {
			return "", true
		}
		return value, ok
	}
}

// includes are the trees of what a file includes. The first of several wins.
func (r *reader) includes(m *mark, sc scope) (all []*mark, err error) {
	list := m.keys["include"]
	if list == nil {
		return nil, nil
	}
	if list.text != "" || list.keys != nil {
		return nil, &Error{Place: list.place, What: "include is a list of files", Fix: "put - before each of them"}
	}
	for _, item := range slices.Backward(list.items) {
		trees, err := r.include(item, sc)
		if err != nil {
			return nil, err
		}
		all = join(all, trees)
	}
	return all, nil
}

// maxInclusions bounds how many files are included: each may include two in its own way, and those two each.
const maxInclusions = 1000

// include are the trees of one entry of include, of one or more files. What was included in the same way
// already is not read again.
func (r *reader) include(item *mark, sc scope) (all []*mark, err error) {
	files, err := r.includedFiles(item, sc)
	if err != nil || len(files) == 0 {
		return nil, err
	}
	next := scope{dir: filepath.Dir(files[0]), within: sc.within}
	if dir := item.value("project_directory"); dir != "" {
		next.dir = under(sc.dir, dir)
	}
	if next.env, next.envs, err = r.includedEnv(item, sc, next.dir); err != nil {
		return nil, err
	}
	key := strings.Join(append(files, next.dir, next.envs), "\x00")
	if known, ok := r.included[key]; ok {
		return known, nil
	}
	if r.inclusions++; r.inclusions > maxInclusions {
		return nil, &Error{Place: item.place, What: fmt.Sprintf("more than %d files are included", maxInclusions), Fix: "include each file once"}
	}
	for _, next.file = range files {
		if _, err := r.parseNamed(next.file, item.place, sc.dir); err != nil {
			return nil, err
		}
		trees, err := r.trees(next)
		if err != nil {
			return nil, err
		}
		all = join(all, trees)
	}
	r.included[key] = all
	return all, nil
}

// remote is what docker compose downloads: a git repository or an OCI artifact.
var remote = regexp.MustCompile(`^(?:[a-z][a-z0-9+.-]*://|git@|github\.com/)`)

// includedFiles are the files of an entry of include.
func (r *reader) includedFiles(item *mark, sc scope) (files []string, err error) {
	named := item
	if item.keys != nil {
		named = item.keys["path"]
	}
	if named.unfilled() {
		return nil, nil // compose-go says why
	}
	for _, name := range named.list() {
		if err := local(name, item.place); err != nil {
			return nil, err
		}
		file := under(sc.dir, name)
		if slices.Contains(sc.within, file) {
			return nil, &Error{
				Place: item.place,
				What:  fmt.Sprintf("%s includes itself: %s", r.shown(file), strings.Join(r.allShown(append(slices.Clone(sc.within), file)), " -> ")),
				Fix:   "remove one of these includes",
			}
		}
		files = append(files, file)
	}
	return files, nil
}

// local refuses what would have to be downloaded.
func local(name string, at proxy.Place) error {
	if !remote.MatchString(name) {
		return nil
	}
	return &Error{
		Place: at,
		What:  fmt.Sprintf("%s is not on this machine, and nothing is downloaded", name),
		Fix:   "have docker compose merge it: docker compose config | why502 -f -",
	}
}

func (r *reader) shown(file string) string { return relative(r.stack.Directory, file) }

func (r *reader) allShown(files []string) (all []string) {
	for _, file := range files {
		all = append(all, r.shown(file))
	}
	return all
}

// includedEnv is the environment of an entry of include: what is set already, and what its env files add.
func (r *reader) includedEnv(item *mark, sc scope, dir string) (types.Mapping, string, error) {
	at, named := item.place, item.keys["env_file"].list()
	if len(named) > 0 {
		at = item.keys["env_file"].place
	} else if info, err := os.Stat(filepath.Join(dir, ".env")); err == nil && !info.IsDir() {
		named = []string{filepath.Join(dir, ".env")}
	}
	files := slices.DeleteFunc(slices.Clone(named), func(name string) bool { return name == "/dev/null" })
	for i, name := range files {
		files[i] = under(sc.dir, name)
		if _, err := r.found.regular(files[i]); err != nil {
			return nil, "", unreadEnvFile(r.shown(files[i]), at, err, "create it, or leave env_file out")
		}
	}
	read, err := r.found.parseEnv(files, sc.env, r.stack.Directory)
	if err != nil {
		return nil, "", err
	}
	env := maps.Clone(sc.env).Merge(read)
	if len(env) == len(sc.env) {
		return sc.env, sc.envs, nil
	}
	return env, sc.envs + "\x00" + strings.Join(files, "\x00"), nil
}

// under is a path that starts from a directory.
func under(dir, name string) string {
	if filepath.IsAbs(name) {
		return filepath.Clean(name)
	}
	return filepath.Join(dir, name)
}
