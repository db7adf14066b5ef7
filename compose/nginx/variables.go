package nginx

import (
	"iter"
	"slices"
	"strings"

	"why502/compose/proxy"
)

// maxValues bounds how many values of one text are followed.
const maxValues = 100

// maxLength bounds how long a value may become: nginx reads no longer word.
const maxLength = 4096

// variables are the values that each variable may have when a pass is evaluated, by name. What is
// known only when a request comes stays in a value as it is written: "http://$host:80".
type variables struct {
	own   map[string][]string
	outer *variables // those of the server, where a location does not set them; may be nil
	maps  map[string][]choice
}

func newVariables(outer *variables, maps map[string][]choice) *variables {
	return &variables{own: map[string][]string{}, outer: outer, maps: maps}
}

// choice is one value that a map, a geo or a split_clients may give to its variable, as it is written.
type choice struct {
	text  string
	place proxy.Place
}

// choices are the values of each variable that a map, a geo or a split_clients of an http or stream block
// makes, by name. What is chosen depends on the request (nginx.org, ngx_http_map_module and its like).
func choices(nodes []*node) map[string][]choice {
	all := map[string][]choice{}
	for _, n := range nodes {
		switch n.Name {
		case "map", "geo", "split_clients":
		default:
			continue
		}
		if len(n.Args) == 0 {
			continue
		}
		name, fallback := strings.ToLower(strings.TrimPrefix(n.Args[len(n.Args)-1], "$")), false
		for _, entry := range n.nodes {
			if len(entry.Args) == 1 && !slices.Contains([]string{"include", "proxy", "delete"}, entry.Name) {
				all[name] = append(all[name], choice{entry.Args[0], entry.place(0)})
				fallback = fallback || entry.Name == "default" || entry.Name == "*"
			}
		}
		if !fallback {
			all[name] = append(all[name], choice{"", n.Place})
		}
	}
	return all
}

// run does what nginx's rewrite phase does: it walks through set and if in order. All of it comes
// before any pass is evaluated, so that a set below a pass counts as well.
func (v *variables) run(nodes []*node) {
	for _, n := range nodes {
		switch {
		case isSet(n):
			v.own[variable(n)] = v.expand(n.Args[1])
		case n.Name == "if":
			v.maybe(n.nodes)
		}
	}
}

// maybe adds what sets give that a request may or may not pass through, as those of an if.
func (v *variables) maybe(nodes []*node) {
	for _, n := range nodes {
		if isSet(n) {
			v.add(variable(n), v.expand(n.Args[1]))
		}
	}
}

// collect adds every set in a block, whatever it stands in.
func (v *variables) collect(nodes []*node) {
	v.maybe(nodes)
	for _, n := range nodes {
		v.collect(n.nodes)
	}
}

// add gives a variable more values that it may have.
func (v *variables) add(name string, values []string) {
	all := slices.Clone(v.all(name))
	for _, value := range values {
		if len(all) < maxValues && !slices.Contains(all, value) {
			all = append(all, value)
		}
	}
	v.own[name] = all
}

// all gives the known values of a variable.
func (v *variables) all(name string) []string {
	if values, set := v.own[name]; set || v.outer == nil {
		return values
	}
	return v.outer.all(name)
}

// isSet says whether a directive is a well-formed set.
func isSet(n *node) bool {
	return n.Name == "set" && len(n.Args) == 2 && strings.HasPrefix(n.Args[0], "$")
}

// variable is the name that a set sets. nginx does not tell capitals apart in it.
func variable(n *node) string { return strings.ToLower(n.Args[0][1:]) }

// expand gives every value that a text with variables may have.
func (v *variables) expand(text string) []string {
	results := []string{""}
	for part, name := range parts(text) {
		values := v.of(name)
		if len(values) == 0 {
			values = []string{part}
		}
		results = product(results, values)
	}
	if len(results) == 0 { // longer than anything that is meant
		return []string{text}
	}
	return results
}

// mapped gives the values that a map gives to a variable. They may have variables in them, which nginx fills
// in when it uses the value.
func (v *variables) mapped(name string) []string {
	if len(v.maps[name]) > 0 {
		v.own[name] = nil // maps may lead in a circle
		for _, c := range v.maps[name] {
			v.add(name, v.expand(c.text))
		}
	}
	return v.own[name]
}

// of gives the values of a variable that are worth following. An empty value, or 0, is what an author sets
// first and replaces or asks for in an if: it counts only where there is no other.
func (v *variables) of(name string) []string {
	name = strings.ToLower(name)
	values := v.all(name)
	if _, met := v.own[name]; !met && len(values) == 0 {
		values = v.mapped(name)
	}
	unset := func(s string) bool { return s == "" || s == "0" }
	if !slices.ContainsFunc(values, unset) {
		return values
	}
	if set := slices.DeleteFunc(slices.Clone(values), unset); len(set) > 0 {
		return set
	}
	return values
}

// product puts every end behind every beginning.
func product(beginnings, ends []string) []string {
	var all []string
	for _, b := range beginnings {
		for _, e := range ends {
			if len(all) == maxValues {
				return all
			}
			if len(b)+len(e) <= maxLength {
				all = append(all, b+e)
			}
		}
	}
	return all
}

// parts takes a text apart into plain text (name is empty then) and variables, "$name" or "${name}".
func parts(text string) iter.Seq2[string, string] {
	return func(yield func(part, name string) bool) {
		for text != "" {
			part, name := firstPart(text)
			if !yield(part, name) {
				return
			}
			text = text[len(part):]
		}
	}
}

// firstPart gives the plain text or the variable that a text begins with.
func firstPart(text string) (part, name string) {
	if text[0] != '$' {
		if i := strings.IndexByte(text, '$'); i >= 0 {
			return text[:i], ""
		}
		return text, ""
	}
	if strings.HasPrefix(text, "${") {
		if end := strings.IndexByte(text, '}'); end >= 0 {
			return text[:end+1], text[2:end]
		}
		return text, ""
	}
	end := 1
	if len(text) > 1 && text[1] >= '0' && text[1] <= '9' {
		return text[:2], text[1:2] // $1 to $9 are one digit long
	}
	for end < len(text) && isName(text[end]) {
		end++
	}
	return text[:end], text[1:end]
}

func isName(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_'
}
