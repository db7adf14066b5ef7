package compose

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/format"
	"github.com/compose-spec/compose-go/v2/template"
	"github.com/compose-spec/compose-go/v2/types"

	"why502/compose/proxy"
)

// explain makes of an error of compose-go, which knows no places, one that has a place and says
// what to do. The explanations are tried in this order; the last takes whatever is left.
func (s *Stack) explain(err error) error {
	err = firstOfJoined(err)
	explanations := []func(error) *Error{
		s.badVariable, s.badYAML, s.noServices, s.badSchema, s.undefined, s.cycle, s.badService,
		s.badEnvFile, s.badItem, s.badPath,
	}
	for _, explanation := range explanations {
		if e := explanation(err); e != nil {
			e.Err = err
			return e
		}
	}
	return &Error{Place: s.places.here, What: err.Error(), Err: err}
}

// firstOfJoined is the first of several errors; the others show when it is mended.
func firstOfJoined(err error) error {
	for {
		joined, ok := err.(interface{ Unwrap() []error })
		if !ok || len(joined.Unwrap()) == 0 {
			return err
		}
		err = joined.Unwrap()[0]
	}
}

// pathInText finds the path of a key in an error: services.web.ports.[], services.web.tmpfs[0].
var pathInText = regexp.MustCompile(`\b(?:services|networks|volumes|configs|secrets|models|jobs)[.\[][^\s:,'"]*`)

// indexInText is how errors write the index of an item; empty: of any.
var indexInText = regexp.MustCompile(`\.?\[(\d*)\]`)

// path cuts a path of an error into keys. Names of services may contain dots, so what is in the
// files decides.
func (s *Stack) path(text string) (path []string) {
	parts := strings.FieldsFunc(indexInText.ReplaceAllString(text, ".$1"), func(r rune) bool { return r == '.' })
	for at := s.places; len(parts) > 0; {
		n := 1
		for i := range parts {
			if _, depth := at.find(strings.Join(parts[:i+1], ".")); depth > 0 {
				n = i + 1
				break
			}
		}
		key := strings.Join(parts[:n], ".")
		path, parts, at = append(path, key), parts[n:], at.under(key)
	}
	return path
}

// badVariable explains a variable that has to be set and is not, and a dollar that begins none.
func (s *Stack) badVariable(err error) *Error {
	text, _, _ := strings.Cut(pathInText.FindString(err.Error()), ".[]")
	text = strings.TrimRight(text, ".")
	at := s.places.under(s.path(text)...)
	if missing := new(template.MissingRequiredError); errors.As(err, &missing) {
		e := &Error{
			Place: at.item(func(m *mark) bool { return m.mentions("${" + missing.Variable) }),
			What:  fmt.Sprintf("%s needs the variable %s, which is not set", text, missing.Variable),
			Fix:   fmt.Sprintf("set %s in the environment or in .env", missing.Variable),
		}
		if missing.Reason != "" {
			e.What += ": " + missing.Reason
		}
		return e
	}
	if bad := new(template.InvalidTemplateError); errors.As(err, &bad) {
		return &Error{
			Place: at.item(func(m *mark) bool { return m.mentions(bad.Template) }),
			What:  text + " contains a $ that begins no variable",
			Fix:   "write $$ for a plain dollar, ${NAME} for a variable",
		}
	}
	return nil
}

// mentions says whether a text stands in an item of a list or one of its keys.
func (m *mark) mentions(text string) bool {
	if strings.Contains(m.text, text) {
		return true
	}
	for _, child := range m.keys {
		if strings.Contains(child.text, text) {
			return true
		}
	}
	return false
}

var (
	failedToParse = regexp.MustCompile(`^failed to parse (.+?): `)
	lineNumber    = regexp.MustCompile(`line (\d+)(?:, column (\d+))?: `)
)

func (s *Stack) badYAML(err error) *Error {
	if file := failedToParse.FindStringSubmatch(err.Error()); file != nil {
		return s.yamlError(relative(s.Directory, file[1]), err)
	}
	return nil
}

// yamlError takes the place out of the words of the YAML parser: where what it was reading began,
// if that says more, and where it stopped.
func (s *Stack) yamlError(file string, err error) *Error {
	text := err.Error()
	e := &Error{
		Place: proxy.Place{File: file, Column: 1},
		What:  "invalid YAML: " + lastAfter(text, lineNumber),
		Fix:   "mend the YAML there: indentation, quotes and colons",
		Err:   err,
	}
	if all := lineNumber.FindAllStringSubmatch(text, -1); all != nil {
		at := all[len(all)-1]
		if strings.Contains(text, "quoted scalar") {
			at = all[0] // an open quote shows only at the end of the file
		}
		e.Place.Line, _ = strconv.Atoi(at[1])
		e.Place.Column, _ = strconv.Atoi(cmp.Or(at[2], "1"))
	}
	if strings.Contains(text, "while parsing") {
		e.Place.Line++ // the parser's own marks, unlike the scanner's, count lines from 0
	}
	line := s.Sources.Line(file, e.Place.Line)
	if strings.Contains(text, "mapping key") {
		e.Place.Column = 1 + len(line) - len(strings.TrimLeft(line, " "))
	}
	if strings.HasPrefix(line, "\t") {
		e.Fix = "indent with spaces: YAML takes no tabs"
	}
	return e
}

// lastAfter is the text after the last match.
func lastAfter(text string, pattern *regexp.Regexp) string {
	if all := pattern.FindAllStringIndex(text, -1); all != nil {
		return text[all[len(all)-1][1]:]
	}
	return text
}

var (
	schemaError = regexp.MustCompile(`(?s)^validating (.+?): (?:(.*?) ?(false schema|must be .+|additional properties .+)|(\S*) (.+))$`)
	unknownKey  = regexp.MustCompile(`^additional properties '([^']+)'`)
)

// schemaFault takes apart what compose-go says about a file that its schema does not allow.
func schemaFault(err error) (file, path, what string, ok bool) {
	m := schemaError.FindStringSubmatch(err.Error())
	if m == nil {
		return "", "", "", false
	}
	return m[1], m[2] + m[4], m[3] + m[5], true
}

// noServices explains a file of the first Compose format, where services stand at the top.
func (s *Stack) noServices(err error) *Error {
	file, path, what, ok := schemaFault(err)
	if !ok || path != "" || !unknownKey.MatchString(what) || len(s.places.names("services")) > 0 {
		return nil
	}
	return &Error{
		Place: proxy.Place{File: relative(s.Directory, file)},
		What:  "there is no services: section; files of Compose 1 have none, and docker compose no longer reads them",
		Fix:   "write services: as the first line, and indent what follows",
	}
}

// badSchema explains what the Compose schema does not allow.
func (s *Stack) badSchema(err error) *Error {
	file, text, what, ok := schemaFault(err)
	if !ok {
		return nil
	}
	path := s.path(text)
	e := &Error{
		What: strings.Replace(text+" "+what, "a array", "a list", 1),
		Fix:  "see https://docs.docker.com/reference/compose-file/",
	}
	if m := unknownKey.FindStringSubmatch(what); m != nil {
		path = append(path, m[1])
		what = "false schema"
	}
	if what == "false schema" && len(path) > 0 {
		last := len(path) - 1
		e.What = fmt.Sprintf("unknown key %q", path[last])
		e.Fix = "check its spelling and its indentation"
		if last > 0 {
			e.What += " in " + strings.Join(path[:last], ".")
		}
	}
	e.Place = s.placeIn(relative(s.Directory, file), path)
	return e
}

// placeIn is where a path stands in the file that is at fault, if it does, else wherever it does.
// The index of an item counts those of earlier files, so where there are any it says nothing.
func (s *Stack) placeIn(file string, path []string) proxy.Place {
	if last := len(path) - 1; last > 0 && strings.Trim(path[last], "0123456789") == "" && len(s.places.under(path[:last]...).trees) > 1 {
		path = path[:last]
	}
	only := places{here: s.places.here}
	for _, tree := range s.places.trees {
		if tree.place.File == file {
			only.trees = append(only.trees, tree)
		}
	}
	place, depth := only.find(path...)
	if anywhere, deeper := s.places.find(path...); deeper > depth {
		return anywhere
	}
	return place
}

var undefinedName = regexp.MustCompile(`^service "?([^"\s]+)"? (?:refers to undefined (?:build )?(network|volume|secret|config|model)|depends on undefined (service)) "?([^":\s]+)"?`)

// undefined explains a name that a service uses and nothing declares.
func (s *Stack) undefined(err error) *Error {
	m := undefinedName.FindStringSubmatch(err.Error())
	if m == nil {
		return nil
	}
	service, kind, name := m[1], m[2]+m[3], m[4]
	at := s.places.under("services", service)
	e := &Error{What: fmt.Sprintf("service %q uses the %s %q, which is not declared", service, kind, name)}
	if kind == "service" {
		return s.undefinedService(e, at, name)
	}
	list := at.under(kind + "s")
	place, depth := list.find(name)
	if depth == 0 {
		place = list.item(func(m *mark) bool { return m.value("source") == name })
	}
	e.Place = place
	e.Fix = fmt.Sprintf("declare %q under the top-level %ss:", name, kind)
	if declared := s.places.names(kind + "s"); len(declared) > 0 {
		e.Fix += ", or use one of: " + strings.Join(declared, ", ")
	}
	return e
}

// undefinedService explains a dependency that is not there, or that a profile disables.
func (s *Stack) undefinedService(e *Error, at places, name string) *Error {
	e.Place = dependencyPlace(name, at)
	e.Fix = "services: " + strings.Join(s.places.names("services"), ", ")
	if profiles := s.places.texts("services", name, "profiles"); len(profiles) > 0 {
		e.What = strings.Replace(e.What, "is not declared", "its profile disables", 1)
		e.Fix = "enable it with --profile " + profiles[0] + ", or say required: false"
	}
	return e
}

// names are the keys of a section, over all files.
func (p places) names(section string) []string {
	all := map[string]bool{}
	for _, tree := range p.under(section).trees {
		for name := range tree.keys {
			all[name] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}

// texts are the items of a list, over all files.
func (p places) texts(path ...string) (all []string) {
	for _, tree := range p.under(path...).trees {
		for _, item := range tree.items {
			all = append(all, item.text)
		}
	}
	return all
}

var dependencyCycle = regexp.MustCompile(`dependency cycle detected: (\S+) -> (\S+)`)

func (s *Stack) cycle(err error) *Error {
	m := dependencyCycle.FindStringSubmatch(err.Error())
	if m == nil {
		return nil
	}
	return &Error{
		Place: dependencyPlace(m[2], s.places.under("services", m[1])),
		What:  err.Error(),
		Fix:   "remove one of these dependencies",
	}
}

var serviceInText = regexp.MustCompile(`^service "?([^"\s]+)"? `)

// badService explains what is wrong with a service as a whole.
func (s *Stack) badService(err error) *Error {
	m := serviceInText.FindStringSubmatch(err.Error())
	if m == nil {
		return nil
	}
	e := &Error{Place: s.At("services", m[1]), What: strings.TrimSuffix(err.Error(), ": invalid compose project")}
	if strings.Contains(e.What, "neither an image nor a build context") {
		e.Fix = "give it image: or build:"
	}
	return e
}

var (
	missingEnvFile = regexp.MustCompile(`^env file (.+) not found`)
	brokenEnvFile  = regexp.MustCompile(`^failed to read (.+?): `)
)

// badEnvFile explains an env_file that is not there or cannot be parsed.
func (s *Stack) badEnvFile(err error) *Error {
	if m := brokenEnvFile.FindStringSubmatch(err.Error()); m != nil {
		return envFileError(relative(s.Directory, m[1]), err)
	}
	m := missingEnvFile.FindStringSubmatch(err.Error())
	if m == nil {
		return nil
	}
	e := &Error{
		Place: s.places.here,
		What:  fmt.Sprintf("the env file %s is not there", relative(s.Directory, m[1])),
		Fix:   "create it, or say required: false",
	}
	for _, entry := range s.items("env_file") {
		name := entry.text + entry.value("path")
		if name != "" && (name == m[1] || filepath.Join(s.Directory, name) == m[1]) {
			e.Place = entry.place
		}
	}
	return e
}

// items are those of one list of every service; where it is a single value, that.
func (s *Stack) items(list string) (all []*mark) {
	for _, service := range s.places.names("services") {
		for _, tree := range s.places.under("services", service, list).trees {
			if tree.items == nil {
				all = append(all, tree)
			}
			all = append(all, tree.items...)
		}
	}
	return all
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
	if strings.Contains(err.Error(), "unterminated quoted value") { // its line is where the file ends
		e.What, e.Fix = "a quote is opened and never closed", "close it"
		return e
	}
	if at := lineNumber.FindStringSubmatch(err.Error()); at != nil {
		e.Place.Line, _ = strconv.Atoi(at[1])
	}
	return e
}

// badItem explains a port or volume in short syntax that cannot be parsed. The error does not say
// which one it is, so they are parsed once more.
func (s *Stack) badItem(err error) *Error {
	parsePort := func(text string) error { _, err := types.ParsePortConfig(text); return err }
	parseVolume := func(text string) error { _, err := format.ParseVolume(text); return err }
	if e := s.badItemOf("ports", parsePort, err); e != nil {
		return e
	}
	return s.badItemOf("volumes", parseVolume, err)
}

func (s *Stack) badItemOf(list string, parse func(string) error, err error) *Error {
	for _, item := range s.items(list) {
		if item.keys != nil {
			continue
		}
		if bad := parse(item.text); bad != nil && bad.Error() == err.Error() {
			return &Error{
				Place: item.place,
				What:  fmt.Sprintf("%q is not an item of %s: %v", item.text, list, err),
				Fix:   "see https://docs.docker.com/reference/compose-file/services/#" + list,
			}
		}
	}
	return nil
}

// private are the sections whose values are not repeated.
var private = []string{"environment", "args", "labels", "annotations", "driver_opts", "secrets"}

// badPath explains an error that names a path, in its own words.
func (s *Stack) badPath(err error) *Error {
	text := pathInText.FindString(err.Error())
	if text == "" {
		return nil
	}
	path := s.path(text)
	e := &Error{Place: s.At(path...), What: err.Error()}
	if slices.ContainsFunc(path, func(key string) bool { return slices.Contains(private, key) }) {
		e.What = text + " has a value that is not allowed there"
	}
	return e
}

func badName(name string) error {
	return &Error{
		What: fmt.Sprintf("%q cannot be the name of a project", name),
		Fix:  "name it with -p: lower-case letters, digits, - and _, first a letter or digit",
	}
}
