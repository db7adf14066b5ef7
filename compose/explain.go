package compose

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"reflect"
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
		s.badItem, s.badValue, s.badSection, s.includedFromElsewhere, s.badPath,
	}
	for _, explanation := range explanations {
		if e := explanation(err); e != nil {
			e.Err = err
			return e
		}
	}
	return &Error{Place: s.places.here, What: err.Error(), Fix: reference, Err: err}
}

const reference = "see https://docs.docker.com/reference/compose-file/"

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
var pathInText = regexp.MustCompile(`\b(?:services|networks|volumes|configs|secrets|models|jobs|include)[.\[][^\s:,'"]*`)

// indexInText is how errors write the index of an item, empty: of any; some of them write a key so.
var indexInText = regexp.MustCompile(`\.?\[([^\]]*)\]`)

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
	byteOffset    = regexp.MustCompile(`offset (\d+): `)
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
	if at := byteOffset.FindStringSubmatch(text); at != nil {
		offset, _ := strconv.Atoi(at[1])
		e.Place.Line, e.Place.Column = s.Sources.position(file, offset)
		e.What, e.Fix = "invalid YAML: a character that is not allowed in it", "save the file as plain text in UTF-8"
	}
	line := s.Sources.Line(file, e.Place.Line)
	if strings.Contains(text, "mapping key") {
		e.Place.Column = 1 + len(line) - len(strings.TrimLeft(line, " "))
	}
	switch {
	case strings.HasPrefix(line, "\t"):
		e.Fix = "indent with spaces: YAML takes no tabs"
	case strings.Contains(text, "excessive aliasing"), strings.Contains(text, "max depth"), strings.Contains(text, "cycle detected"):
		e.Fix = "write out what the aliases stand for, in few levels"
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
	path := s.firstUnknown(s.firstAlike(s.path(text)))
	if last := len(path) - 1; last > 2 && slices.Contains(private, path[last-1]) {
		text = strings.Join(path, ".")
	}
	e := &Error{
		What: strings.Replace(text+" "+what, "a array", "a list", 1),
		Fix:  reference,
	}
	if unknownKey.MatchString(what) {
		path = s.firstNamed(path, what)
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

// firstAlike is the first of the values that have the fault of the one at a path: of variables, labels and the
// like that are no plain text, compose-go names any.
func (s *Stack) firstAlike(path []string) []string {
	last := len(path) - 1
	if last < 3 || !slices.Contains(private, path[last-1]) || path[0] != "services" {
		return path
	}
	best, order := path, s.At(path...)
	for _, service := range s.places.names("services") {
		section := slices.Concat([]string{"services", service}, path[2:last])
		for _, tree := range s.places.under(section...).trees {
			for name, m := range tree.keys {
				if (m.keys != nil || m.items != nil) && before(m.place, order) {
					best, order = append(slices.Clone(section), name), m.place
				}
			}
		}
	}
	return best
}

// firstUnknown is the first key in a file that no service can have, where a path is that of one: compose-go names any.
func (s *Stack) firstUnknown(path []string) []string {
	if len(path) != 3 || path[0] != "services" || serviceKey(path[2]) {
		return path
	}
	best, order := path, s.At(path...)
	for _, service := range s.places.names("services") {
		for _, tree := range s.places.under("services", service).trees {
			for name, m := range tree.keys {
				if !serviceKey(name) && m.place.File == order.File && before(m.place, order) {
					best, order = []string{"services", service, name}, m.place
				}
			}
		}
	}
	return best
}

// serviceKey says whether a service can have a key: those of compose-go's own type are all that its schema has.
func serviceKey(name string) bool {
	for _, field := range reflect.VisibleFields(reflect.TypeFor[types.ServiceConfig]()) {
		if key, _, _ := strings.Cut(field.Tag.Get("yaml"), ","); key == name {
			return true
		}
	}
	return strings.HasPrefix(name, "x-")
}

var inQuotes = regexp.MustCompile(`'([^']+)'`)

// firstNamed is the path of the first of the keys that an error names, which compose-go does in any order.
func (s *Stack) firstNamed(section []string, what string) (first []string) {
	for _, name := range inQuotes.FindAllStringSubmatch(what, -1) {
		path := append(slices.Clone(section), name[1])
		if first == nil || before(s.At(path...), s.At(first...)) {
			first = path
		}
	}
	return first
}

// before says whether a place comes first.
func before(a, b proxy.Place) bool {
	return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column)) < 0
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

// badItem explains a port or volume in short syntax that cannot be parsed. The error does not say
// which one it is, and of several it is about any, so they are parsed once more.
func (s *Stack) badItem(err error) *Error {
	var first *Error
	told := false
	for list, parse := range map[string]func(string) error{
		"ports":   func(text string) error { _, err := types.ParsePortConfig(text); return err },
		"volumes": func(text string) error { _, err := format.ParseVolume(text); return err },
	} {
		for _, item := range s.items(list) {
			if item.keys != nil {
				continue
			}
			bad := parse(item.text)
			if bad == nil {
				continue
			}
			told = told || bad.Error() == err.Error()
			if first == nil || before(item.place, first.Place) {
				first = notAnItem(list, item, bad)
			}
		}
	}
	if !told {
		return nil
	}
	return first
}

func notAnItem(list string, item *mark, why error) *Error {
	return &Error{
		Place: item.place,
		What:  fmt.Sprintf("%q is not an item of %s: %v", item.text, list, why),
		Fix:   "see https://docs.docker.com/reference/compose-file/services/#" + list,
	}
}

// private are the sections whose values are not repeated.
var private = []string{"environment", "args", "labels", "annotations", "driver_opts", "secrets"}

// badPath explains an error that names a path, in its own words.
func (s *Stack) badPath(err error) *Error {
	text := pathInText.FindString(err.Error())
	if text == "" {
		return nil
	}
	return s.badAt(text, strings.NewReplacer("error while interpolating ", "", "failed to cast to expected type: ", "").Replace(err.Error()))
}

// badAt explains a fault at a path of an error.
func (s *Stack) badAt(text, what string) *Error {
	path := s.path(text)
	e := &Error{Place: s.At(path...), What: what, Fix: reference}
	if slices.ContainsFunc(path, func(key string) bool { return slices.Contains(private, key) }) {
		e.What = text + " has a value that is not allowed there"
	}
	if slices.Contains(path, "environment") {
		e.Fix = "write NAME: value, or - NAME=value"
	}
	return e
}

// decodingFault is one of the faults that compose-go finds when it fills its own types.
var decodingFault = regexp.MustCompile(`(?m)^'([^']+)' (.+)$`)

// badValue explains a value that is not of the type that its key has. Several come in any order.
func (s *Stack) badValue(err error) *Error {
	_, list, ok := strings.Cut(err.Error(), "decoding failed due to the following error(s):")
	all := decodingFault.FindAllStringSubmatch(strings.TrimSpace(list), -1)
	if !ok || len(all) == 0 {
		return nil
	}
	first := slices.MinFunc(all, func(a, b []string) int { return cmp.Compare(a[1], b[1]) })
	text := strings.ReplaceAll(indexInText.ReplaceAllString(first[1], ".$1"), "..", ".")
	if m := trailingBlank.FindStringSubmatch(first[2]); m != nil {
		return &Error{
			Place: s.At(append(s.path(text), m[1])...),
			What:  fmt.Sprintf("%s: there is a blank between %s and its =", text, strings.TrimSpace(m[1])),
			Fix:   "remove the blanks around the =: they would be parts of the name and of the value",
		}
	}
	return s.badAt(text, text+": "+first[2])
}

var trailingBlank = regexp.MustCompile(`^environment variable (.+) is declared with a trailing space$`)

var section = regexp.MustCompile(`^(top-level object|services|networks|volumes|configs|secrets|models|jobs) must be a mapping$`)

// badSection explains a section, or a file, that is no mapping.
func (s *Stack) badSection(err error) *Error {
	m := section.FindStringSubmatch(err.Error())
	switch {
	case m == nil:
		return nil
	case m[1] == "top-level object":
		return &Error{Place: s.places.here, What: err.Error(), Fix: "begin the file with services:"}
	}
	return &Error{Place: s.At(m[1]), What: err.Error(), Fix: "write each of them as a key below " + m[1] + ":, without -"}
}

// includedFromElsewhere explains what docker compose looks for in the current directory instead of that of the
// file that names it.
func (s *Stack) includedFromElsewhere(err error) *Error {
	var of *fs.PathError
	if !errors.As(err, &of) || filepath.IsAbs(of.Path) {
		return nil
	}
	return &Error{
		Place: s.places.here,
		What:  fmt.Sprintf("an included file names %s in its own include, which docker compose looks for in the current directory", of.Path),
		Fix:   "run this in the directory of the project, as docker compose has to be",
	}
}

func badName(name string) error {
	return &Error{
		What: fmt.Sprintf("%q cannot be the name of a project", name),
		Fix:  "name it with -p: lower-case letters, digits, - and _, first a letter or digit",
	}
}
