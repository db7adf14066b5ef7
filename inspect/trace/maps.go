package trace

import (
	"fmt"
	"strings"

	"why502/compose/proxy"
)

// table is a map block, made ready to be looked up.
type table struct {
	source    string // as written
	exact     map[string]*proxy.Directive
	heads     map[string]*proxy.Directive // "*.example.com" by ".example.com"
	tails     map[string]*proxy.Directive // "www.*" by "www."
	regexes   []*proxy.Directive
	fallback  *proxy.Directive
	hostnames bool
	volatile  bool
}

// newTable reads a map block.
func newTable(d *proxy.Directive) *table {
	t := &table{exact: map[string]*proxy.Directive{}, heads: map[string]*proxy.Directive{}, tails: map[string]*proxy.Directive{}}
	t.source = word(d.Args[0])
	for _, entry := range d.Block {
		t.hostnames = t.hostnames || entry.Name == "hostnames" && len(entry.Args) == 0
		t.volatile = t.volatile || entry.Name == "volatile" && len(entry.Args) == 0
	}
	for _, entry := range d.Block {
		if len(entry.Args) == 1 && entry.Name != "include" {
			t.add(word(entry.Name), entry)
		}
	}
	return t
}

// add adds an entry. Of two with the same key the first stands.
func (t *table) add(key string, entry *proxy.Directive) {
	put := func(all map[string]*proxy.Directive, key string) {
		if key = lower(key); all[key] == nil {
			all[key] = entry
		}
	}
	switch {
	case key == "default":
		t.fallback = entry
	case strings.HasPrefix(key, "~"):
		t.regexes = append(t.regexes, entry)
	case t.hostnames && strings.HasPrefix(key, "*."):
		put(t.heads, key[1:])
	case t.hostnames && strings.HasPrefix(key, "."):
		put(t.exact, key[1:])
		put(t.heads, key)
	case t.hostnames && strings.HasSuffix(key, ".*"):
		put(t.tails, key[:len(key)-1])
	default:
		put(t.exact, strings.TrimPrefix(key, `\`))
	}
}

// named finds a name among exact ones and wildcards: the exact one, the longest that begins with an
// asterisk, the longest that ends with one.
func named[T any](name string, exact, heads, tails map[string]T) (found T, how string, ok bool) {
	if found, ok = exact[name]; ok {
		return found, "exact", true
	}
	for i := 1; i < len(name); i++ {
		if name[i] == '.' {
			if found, ok = heads[name[i:]]; ok {
				return found, "wildcard", true
			}
		}
	}
	for i := len(name) - 2; i > 0; i-- {
		if name[i] == '.' {
			if found, ok = tails[name[:i+1]]; ok {
				return found, "wildcard", true
			}
		}
	}
	return found, "", false
}

// mapped looks a variable up in its map.
func (e *engine) mapped(name string, t *table) value {
	source := e.expand(t.source, false)
	if source.why != "" {
		return e.anyOf(name, t, source.why)
	}
	key := source.text
	if t.hostnames {
		key = strings.TrimSuffix(key, ".")
	}
	if entry, _, ok := named(lower(key), t.exact, t.heads, t.tails); ok {
		return e.expand(word(entry.Args[0]), false)
	}
	for _, entry := range t.regexes {
		if key == "" {
			break
		}
		pattern, fold := strings.CutPrefix(word(entry.Name), "~*")
		pattern = strings.TrimPrefix(pattern, "~")
		matched, err := e.matches(pattern, fold, key)
		if err != nil {
			return value{why: fmt.Sprintf("whether `%s` matches: %v", entry.Name, err)}
		}
		if matched {
			return e.expand(word(entry.Args[0]), false)
		}
	}
	if t.fallback != nil {
		return e.expand(word(t.fallback.Args[0]), false)
	}
	return known("")
}

// anyOf takes each of the values of a map whose source is not known.
func (e *engine) anyOf(name string, t *table, why string) value {
	var values []string
	seen := map[string]bool{}
	add := func(entry *proxy.Directive) {
		if text := word(entry.Args[0]); !seen[text] {
			seen[text] = true
			values = append(values, text)
		}
	}
	if t.fallback != nil {
		add(t.fallback)
	} else {
		seen[""], values = true, append(values, "")
	}
	for _, d := range e.names.blocks[name].Block {
		if len(d.Args) == 1 && d.Name != "include" {
			add(d)
		}
	}
	if len(values) > maxWays {
		return value{why: why}
	}
	taken := e.choose(e.names.blocks[name].Place, fmt.Sprintf("`$%s` (%s) is", name, why), values...)
	if len(t.regexes) > 0 && strings.Contains(values[taken], "$") {
		return value{why: why}
	}
	return e.expand(values[taken], false)
}

// names are the variables that a configuration makes.
type names struct {
	blocks   map[string]*proxy.Directive // map, geo and split_clients
	tables   map[*proxy.Directive]*table
	assigned map[string]bool // what set and captures write
}

// newNames collects them from the whole configuration: a variable is the same in all servers.
func newNames(config *proxy.Config) *names {
	n := &names{blocks: map[string]*proxy.Directive{}, tables: map[*proxy.Directive]*table{}, assigned: map[string]bool{}}
	for _, d := range config.Directives {
		n.block(d)
	}
	n.collect(config.Directives)
	for _, s := range config.Servers {
		if s.Stream {
			continue
		}
		n.collect(s.Directives)
		n.locations(s.Locations)
	}
	return n
}

// block notes a block that makes a variable.
func (n *names) block(d *proxy.Directive) {
	if len(d.Args) == 0 || d.Block == nil {
		return
	}
	name := lower(strings.TrimPrefix(d.Args[len(d.Args)-1], "$"))
	switch {
	case d.Name == "map" && len(d.Args) == 2:
		n.tables[d] = newTable(d)
	case d.Name == "geo", d.Name == "split_clients" && len(d.Args) == 2:
	default:
		return
	}
	n.blocks[name] = d
	for _, entry := range d.Block {
		if strings.HasPrefix(entry.Name, "~") {
			n.captures(entry.Name)
		}
	}
}

func (n *names) locations(all []*proxy.Location) {
	for _, l := range all {
		if l.Modifier == "~" || l.Modifier == "~*" {
			n.captures(l.Path)
		}
		n.collect(l.Directives)
		n.locations(l.Locations)
	}
}

// collect notes what directives write.
func (n *names) collect(directives []*proxy.Directive) {
	for _, d := range directives {
		switch d.Name {
		case "set":
			if len(d.Args) == 2 {
				n.assigned[lower(strings.TrimPrefix(d.Args[0], "$"))] = true
			}
		case "if", "rewrite", "server_name":
			for _, arg := range d.Args {
				n.captures(arg)
			}
			n.collect(d.Block)
		}
	}
}

// captures notes the names of groups in a regular expression.
func (n *names) captures(pattern string) {
	if !strings.Contains(pattern, "(?") || len(pattern) > maxPattern {
		return
	}
	for i := range len(pattern) {
		if _, name, ok := groupHead(pattern[i:]); ok && name != "" && strings.HasPrefix(pattern[i:], "(?") {
			n.assigned[lower(name)] = true
		}
	}
}
