package compose

import (
	"bytes"
	"cmp"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"

	"why502/compose/nginx"
	"why502/compose/proxy"
)

// use is a variable in a text of the Compose files, written with one $, so that Compose fills it in.
type use struct {
	proxy.Use
	empty bool   // Compose knows no such variable, and leaves nothing of it
	nginx bool   // nginx has a variable of that name, or the text itself makes one
	line  string // what Compose makes of its line, without indentation
}

var (
	dollars = regexp.MustCompile(`\$(?:\$|\{([A-Za-z_]\w*)\}|([A-Za-z_]\w*))`)
	// made are the variables that a configuration makes: set $name value; map $from $name {
	made = regexp.MustCompile(`\bset\s+\$+\{?(\w+)|\$+(\w+)\s*\{`)
)

// uses are the variables that Compose fills in where a path of the Compose files leads to, a text or a
// list of texts.
func (s *Stack) uses(path ...string) (all []use) {
	for _, tree := range slices.Backward(s.places.trees) {
		m, depth, replaces := tree.walk(path)
		if depth < len(path) {
			if replaces {
				break
			}
			continue
		}
		for _, text := range append([]*mark{m}, m.items...) {
			if text.raw != nil {
				all = append(all, s.usesIn(text.place.File, text.raw)...)
			}
		}
		break // it replaces what the files before it say
	}
	return all
}

// maxUses bounds the uses that are looked for in one text.
const maxUses = 1000

// usesIn finds the uses in one text. They stand in the file in the order in which they are in the text.
func (s *Stack) usesIn(file string, text *yaml.Node) (all []use) {
	line, from := text.Line, min(text.Column-1, len(s.Sources.Line(file, text.Line)))
	if text.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
		line, from = line+1, 0
	}
	own, left := map[string]bool{}, ""
	for _, m := range made.FindAllStringSubmatch(text.Value, -1) {
		own[cmp.Or(m[1], m[2])] = true
	}
	for _, m := range dollars.FindAllStringSubmatch(text.Value, maxUses) {
		for ; !strings.Contains(s.Sources.Line(file, line)[from:], m[0]); line, from = line+1, 0 {
			if line >= s.Sources.lines(file) {
				return all // it is written with escapes
			}
		}
		written := s.Sources.Line(file, line)
		if len(written) > maxScript {
			return all
		}
		from += strings.Index(written[from:], m[0])
		if name := cmp.Or(m[1], m[2]); name != "" {
			_, known := s.env[file].Resolve(name)
			place := proxy.Place{File: file, Line: line, Column: 1 + utf8.RuneCountInString(written[:from])}
			if n := len(all); n > 0 && all[n-1].Place.Line == line {
				left = all[n-1].line
			} else {
				left = strings.TrimSpace(filler(s.env[file].Resolve)(written))
			}
			all = append(all, use{proxy.Use{Name: name, Place: place}, !known, own[name] || nginx.BuiltIn(name), left})
		}
		from += len(m[0])
	}
	return all
}

// usesOf are the uses in a part of a text, as it is when Compose has filled it in.
func usesOf(part []byte, all []use) []use {
	return slices.DeleteFunc(slices.Clone(all), func(u use) bool { return u.line == "" || !bytes.Contains(part, []byte(u.line)) })
}

// eaten are the variables of nginx's that Compose leaves nothing of.
func eaten(all []use) (uses []proxy.Use) {
	for _, u := range all {
		if u.empty && u.nginx {
			uses = append(uses, u.Use)
		}
	}
	return uses
}
