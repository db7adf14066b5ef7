package compose

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/compose-spec/compose-go/v2/dotenv"
	"github.com/compose-spec/compose-go/v2/types"

	"why502/compose/proxy"
)

// fillEnvironments gives the services that are enabled their variables, as docker compose does: those
// without a value are the caller's, and env files bring what environment does not say. It stands here
// because compose-go opens whatever an env_file names, and tells neither file nor line.
func (s *Stack) fillEnvironments(found *finder, project *types.Project) error {
	s.fromFiles = map[string]map[string]proxy.Place{}
	for _, name := range slices.Sorted(maps.Keys(project.Services)) {
		svc := project.Services[name]
		e := envFiles{stack: s, found: found, set: project.Environment, at: s.places.under("services", name, "env_file"), places: map[string]proxy.Place{}}
		e.own = svc.Environment.Resolve(project.Environment.Resolve)
		all := e.own.ToMapping()
		for _, file := range svc.EnvFiles {
			if err := e.read(file, all); err != nil {
				return err
			}
		}
		svc.Environment = all.ToMappingWithEquals().OverrideBy(e.own)
		project.Services[name], s.fromFiles[name] = svc, e.places
	}
	return nil
}

// envFiles reads the env files of one service.
type envFiles struct {
	stack  *Stack
	found  *finder
	set    types.Mapping           // what the project knows
	own    types.MappingWithEquals // what environment says
	at     places                  // of env_file
	places map[string]proxy.Place  // of the variables that the files bring
}

// read adds the variables of a file.
func (e *envFiles) read(file types.EnvFile, all types.Mapping) error {
	text, err := e.found.regular(file.Path)
	if errors.Is(err, fs.ErrNotExist) && !bool(file.Required) {
		return nil
	}
	shown := relative(e.stack.Directory, file.Path)
	if err != nil {
		return unreadEnvFile(shown, e.place(file.Path), err, "create it, or say required: false")
	}
	switch file.Format {
	case "":
		err = parseDotenv(text, all, e.resolve)
	case "raw":
		err = parseRaw(text, all, e.resolve)
	default:
		return &Error{Place: e.place(file.Path), What: fmt.Sprintf("an env_file has no format %q", file.Format), Fix: "leave format out, or say raw"}
	}
	if err != nil {
		return envFileError(shown, err)
	}
	e.stack.Sources.Add(shown, text)
	e.note(shown, text)
	return nil
}

// place is where a file is named.
func (e *envFiles) place(file string) proxy.Place {
	return e.at.item(func(m *mark) bool {
		name := path.Clean("/" + filepath.ToSlash(m.text+m.value("path"))) // which directory it starts from may be any
		return strings.HasSuffix(filepath.ToSlash(file), name)
	})
}

// assignment is the beginning of a line of an env file that gives a variable its value.
var assignment = regexp.MustCompile(`(?m)^\s*(?:export\s+)?([\w.\-\[\]]+)[^\S\n]*(?:[=:]|$)`)

// note notes where the variables of a file get their values: what else looks like that, in a value of
// several lines, names no variable that there is.
func (e *envFiles) note(file string, text []byte) {
	line, from := 1, 0
	for _, at := range assignment.FindAllSubmatchIndex(text, -1) {
		line += bytes.Count(text[from:at[2]], []byte("\n"))
		from = at[2]
		column := 1 + utf8.RuneCount(text[1+bytes.LastIndexByte(text[:from], '\n'):from])
		e.places[string(text[at[2]:at[3]])] = proxy.Place{File: file, Line: line, Column: column}
	}
}

// resolve is what variables in an env file stand for.
func (e *envFiles) resolve(name string) (string, bool) {
	if value, ok := e.set.Resolve(name); ok {
		return value, true
	}
	if value := e.own[name]; value != nil {
		return *value, true
	}
	return "", false
}

// parseDotenv adds the variables of an env file. What is known elsewhere is seen before what it says itself.
// What it fills in is counted: each of a few lines may double what stands before it.
func parseDotenv(text []byte, all map[string]string, known dotenv.LookupFn) error {
	if len(text) > maxEnvFile {
		return errEnvSize
	}
	filled := 0
	lookup := func(name string) (string, bool) {
		value, ok := known(name)
		if !ok {
			value, ok = all[name]
		}
		if filled += len(value); filled > maxFile {
			return "", true
		}
		return value, ok
	}
	err := dotenv.ParseWithFormat(bytes.NewReader(text), "", all, lookup, "")
	if filled > maxFile {
		return errEnvSize
	}
	return err
}

var errEnvSize = fmt.Errorf("it is larger than %d MB, or becomes so when its variables are filled in", maxEnvFile>>20)

// parseRaw reads an env file as docker run does: no quotes, and nothing is filled in.
func parseRaw(text []byte, all types.Mapping, resolve func(string) (string, bool)) error {
	number := 0
	for line := range strings.Lines(strings.TrimPrefix(string(text), "\ufeff")) {
		number++
		line = strings.TrimLeftFunc(strings.TrimRight(line, "\r\n"), unicode.IsSpace)
		if line == "" || line[0] == '#' {
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		if name == "" || strings.ContainsAny(name, " \t") || !utf8.ValidString(line) {
			return fmt.Errorf("line %d: not NAME=value", number)
		}
		if !ok {
			value, ok = resolve(name)
		}
		if ok {
			all[name] = value
		}
	}
	return nil
}

// unreadEnvFile says why an env file that a Compose file names could not be read, and what to do where it
// is missing.
func unreadEnvFile(file string, at proxy.Place, err error, missing string) *Error {
	if errors.Is(err, fs.ErrNotExist) {
		return &Error{Place: at, What: fmt.Sprintf("the env file %s is not there", file), Fix: missing, Err: err}
	}
	if errors.Is(err, errBeyond) {
		return &Error{Place: at, What: fmt.Sprintf("cannot read the env file %s: %v", file, err), Fix: mountMore, Err: err}
	}
	return &Error{Place: at, What: fmt.Sprintf("cannot read the env file %s: %v", file, cause(err)), Fix: "name a regular file that may be read", Err: err}
}

// envFileError says where an env file cannot be parsed. The parser's own words quote the line, and
// with it what may be a password.
func envFileError(file string, err error) *Error {
	e := &Error{
		Place: proxy.Place{File: file},
		What:  "this line is not NAME=value",
		Fix:   "write one variable a line",
		Err:   err,
	}
	if errors.Is(err, errEnvSize) {
		e.What, e.Fix = err.Error(), "keep in it what the project needs"
		return e
	}
	if strings.Contains(err.Error(), "unterminated quoted value") { // its line is where the file ends
		e.What, e.Fix = "a quote is opened and never closed", "close it"
		return e
	}
	if at := lineNumber.FindStringSubmatch(err.Error()); at != nil {
		e.Place.Line, _ = strconv.Atoi(at[1])
	}
	return e
}
