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
// complete says that everything was read.
func choices(nodes []*node, complete bool) map[string][]choice {
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
		all[name] = nil // of two maps of one variable the last counts
		for _, entry := range n.nodes {
			switch {
			case entry.Name == "include" && !complete:
				all[name] = append(all[name], choice{text: "$" + name}) // there may be others
			case len(entry.Args) == 1 && !slices.Contains([]string{"include", "proxy", "delete"}, entry.Name):
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
		case strings.HasPrefix(n.Name, "set_by_lua") && len(n.Args) > 0:
			v.own[variable(n)] = unknown(variable(n))
		case n.Name == "if":
			v.captured(n)
			v.maybe(n.nodes)
			v.answered(n)
		case n.Name == "rewrite":
			v.captured(n)
		}
	}
}

// captured adds what a regular expression may put into variables, which is known only when a request comes.
func (v *variables) captured(n *node) {
	for _, name := range captures(n) {
		v.add(name, unknown(name))
	}
}

// unknown is the value of a variable that is not known: it stays as it is written.
func unknown(name string) []string { return []string{"$" + name} }

// answered takes away the value for which an if answers itself: if ($backend = none) { return 404; }
func (v *variables) answered(n *node) {
	if len(n.Args) != 3 || n.Args[1] != "=" || !strings.HasPrefix(n.Args[0], "$") || find(n.nodes, "return") == nil {
		return
	}
	name := variable(n)
	if rest := slices.DeleteFunc(slices.Clone(v.all(name)), func(s string) bool { return s == n.Args[2] }); len(rest) > 0 {
		v.own[name] = rest
	}
}

// overwrite follows what is written into variables behind the rewrite phase: by the answer of auth_request,
// and by Lua, whose values are not known.
func (v *variables) overwrite(nodes []*node) {
	for _, n := range nodes {
		switch {
		case n.Name == "auth_request_set" && len(n.Args) == 2 && strings.HasPrefix(n.Args[0], "$"):
			v.own[variable(n)] = v.expand(n.Args[1])
		case isLua(n):
			for s := v; s != nil; s = s.outer {
				for name := range s.own {
					if name != "scheme" && luaWrites(n, name) {
						v.own[name] = unknown(name)
					}
				}
			}
		}
	}
}

func isLua(n *node) bool { return strings.Contains(n.Name, "_by_lua") && len(n.Args) > 0 }

// luaWrites says whether a Lua directive may write a variable: ngx.var.name = value.
func luaWrites(n *node, name string) bool {
	text := n.Args[len(n.Args)-1]
	return strings.HasSuffix(n.Name, "_file") || strings.Contains(text, "ngx.var[") || hasWord(text, "ngx.var."+name)
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

// all gives the known values of a variable. What a set gives counts before what a map gives.
func (v *variables) all(name string) []string {
	for s := v; s != nil; s = s.outer {
		if values, set := s.own[name]; set {
			return values
		}
	}
	if len(v.maps[name]) == 0 {
		return nil
	}
	v.own[name] = nil // maps may lead in a circle
	var given []string
	for _, c := range v.maps[name] {
		given = append(given, v.expand(c.text)...) // nginx fills variables in when it uses the value
	}
	v.add(name, given)
	return v.own[name]
}

// isSet says whether a directive is a well-formed set.
func isSet(n *node) bool {
	return n.Name == "set" && len(n.Args) == 2 && strings.HasPrefix(n.Args[0], "$")
}

// variable is the name in the first argument of a set or an if. nginx does not tell capitals apart in it.
func variable(n *node) string { return strings.ToLower(strings.TrimPrefix(n.Args[0], "$")) }

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

// of gives the values of a variable that are worth following. An empty value, or 0, is what an author sets
// first and replaces or asks for in an if: it counts only where there is no other.
func (v *variables) of(name string) []string {
	values := v.all(strings.ToLower(name))
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
