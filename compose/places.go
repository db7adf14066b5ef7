package compose

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"

	"why502/compose/proxy"
)

// places knows where the keys and list items of the Compose files stand, from some path downwards.
// The files are not merged: each keeps a tree of its own, and what is looked up is looked up in
// each. The tree that knows it most exactly wins and, as in Compose, a later file over an earlier.
type places struct {
	keys  map[string]bool // of all mappings
	here  proxy.Place     // of the path itself
	trees []*mark         // in reading order
}

// mark is one key or list item of a Compose file. Aliases share what is below them.
type mark struct {
	place    proxy.Place      // of the key, or of the item
	text     string           // of a scalar, with its variables filled in
	raw      *yaml.Node       // of a scalar with a $ in it, as it is written
	keys     map[string]*mark // of a mapping
	items    []*mark          // of a list
	replaces bool             // !reset or !override: what stands here in earlier trees is gone
}

// At gives the place of a key or list item of the Compose files: At("services", "web", "image").
// An item is known by its text, by what stands before its = or :, or by its index. What is not
// in the files has the place of its nearest ancestor.
func (s *Stack) At(path ...string) proxy.Place { return s.places.at(path...) }

func (p places) at(path ...string) proxy.Place {
	place, _ := p.find(path...)
	return place
}

// find is at, and says how much of the path there is.
func (p places) find(path ...string) (proxy.Place, int) {
	place, depth := p.here, 0
	for _, tree := range p.trees {
		if m, d, replaces := tree.walk(path); d > 0 && (d >= depth || replaces) {
			place, depth = m.place, d
		}
	}
	return place, depth
}

// under gives the places below a path.
func (p places) under(path ...string) places {
	below := places{here: p.at(path...)}
	for _, tree := range p.trees {
		m, depth, replaces := tree.walk(path)
		if replaces {
			below.trees = nil
		}
		if depth == len(path) {
			below.trees = append(below.trees, m)
		}
	}
	return below
}

// item gives the place of the last list item that matches: where lists are merged, indices shift.
func (p places) item(matches func(*mark) bool) proxy.Place {
	for _, tree := range slices.Backward(p.trees) {
		for _, item := range slices.Backward(tree.items) {
			if matches(item) {
				return item.place
			}
		}
	}
	return p.here
}

// value is the text of a key, in the last file that has it.
func (p places) value(key string) string {
	for _, tree := range slices.Backward(p.trees) {
		if child := tree.keys[key]; child != nil {
			return child.text
		}
	}
	return ""
}

// walk follows a path as far as it goes, and says how many of its parts that are, and whether one of
// them replaces what earlier trees say.
func (m *mark) walk(path []string) (at *mark, depth int, replaces bool) {
	for i, part := range path {
		child := m.child(part)
		if child == nil {
			return m, i, replaces
		}
		m, replaces = child, replaces || child.replaces
	}
	return m, len(path), replaces
}

func (m *mark) child(part string) *mark {
	if m.keys != nil {
		return m.keys[part]
	}
	for _, item := range slices.Backward(m.items) {
		if rest, ok := strings.CutPrefix(item.text, part); ok && (rest == "" || rest[0] == '=' || rest[0] == ':') {
			return item
		}
	}
	if i, err := strconv.Atoi(part); err == nil && i >= 0 && i < len(m.items) {
		return m.items[i]
	}
	return nil
}

// value is the text of a key of a mapping.
func (m *mark) value(key string) string {
	if child := m.keys[key]; child != nil {
		return child.text
	}
	return ""
}

// unfilled says whether there are variables in a text, or in one of a list or mapping, that cannot be filled in.
func (m *mark) unfilled() bool {
	if m == nil {
		return false
	}
	left := func(m *mark) bool { return m.raw != nil && m.raw.Value == m.text }
	return left(m) || slices.ContainsFunc(m.items, left) || slices.ContainsFunc(slices.Collect(maps.Values(m.keys)), left)
}

// list is the texts of a list, or of a single value in its place.
func (m *mark) list() (texts []string) {
	if m == nil {
		return nil
	}
	if m.text != "" {
		return []string{m.text}
	}
	for _, item := range m.items {
		texts = append(texts, item.text)
	}
	return texts
}

// A few lines of YAML can ask for billions of entries, and compose-go would make them; the time that it
// takes grows with the square of the depth.
const (
	maxMerged = 1 << 20 // entries that merge keys add to one tree
	maxNodes  = 1 << 20 // of one file
	maxLevels = 100
)

// marker makes the tree of one YAML document.
type marker struct {
	file    string
	fill    func(string) string // replaces the variables of a scalar
	anchors map[*yaml.Node]*mark
	merged  int
}

// documents parses the YAML documents of a file. Those before a syntax error come with the error.
func documents(text []byte) (docs []*yaml.Node, err error) {
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	for {
		doc := &yaml.Node{}
		err := decoder.Decode(doc)
		if errors.Is(err, io.EOF) {
			return docs, nil
		}
		if err != nil {
			return docs, err
		}
		docs = append(docs, doc.Content...)
	}
}

// tooLarge finds the node at which YAML documents become larger or deeper than anybody writes; nil: they do not.
func tooLarge(docs []*yaml.Node) *yaml.Node {
	nodes := 0
	var walk func(n *yaml.Node, depth int) *yaml.Node
	walk = func(n *yaml.Node, depth int) *yaml.Node {
		if nodes++; nodes > maxNodes || depth > maxLevels {
			return n
		}
		for _, child := range n.Content {
			if found := walk(child, depth+1); found != nil {
				return found
			}
		}
		return nil
	}
	for _, doc := range docs {
		if found := walk(doc, 0); found != nil {
			return found
		}
	}
	return nil
}

// inItself finds an alias that stands in what it stands for; nil: there is none. compose-go follows some without end.
func inItself(n *yaml.Node, within map[*yaml.Node]bool) *yaml.Node {
	if n.Kind == yaml.AliasNode && within[n.Alias] {
		return n
	}
	within[n] = true
	defer delete(within, n)
	for _, child := range n.Content {
		if found := inItself(child, within); found != nil {
			return found
		}
	}
	return nil
}

// marks makes the tree of one YAML document, and says whether all of it is there.
func marks(file string, doc *yaml.Node, fill func(string) string) (tree *mark, whole bool) {
	r := marker{file: file, fill: fill, anchors: map[*yaml.Node]*mark{}}
	tree = r.mark(doc, doc)
	return tree, r.merged <= maxMerged
}

// mark makes the mark of a node that is found at another: a value at its key, an item at itself.
func (r *marker) mark(n, at *yaml.Node) *mark {
	m := &mark{place: proxy.Place{File: r.file, Line: at.Line, Column: at.Column}}
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if known := r.anchors[n]; known != nil {
		m.text, m.raw, m.keys, m.items, m.replaces = known.text, known.raw, known.keys, known.items, known.replaces
		return m
	}
	if n.Anchor != "" {
		r.anchors[n] = m // before what is below it, which may lead back here
	}
	m.replaces = n.Tag == "!reset" || n.Tag == "!override"
	if n.Tag == "!reset" {
		return m
	}
	switch n.Kind {
	case yaml.ScalarNode:
		m.text = r.fill(n.Value)
		if strings.Contains(n.Value, "$") {
			m.raw = n
		}
	case yaml.SequenceNode:
		m.items = make([]*mark, len(n.Content))
		for i, item := range n.Content {
			m.items[i] = r.mark(item, item)
		}
	case yaml.MappingNode:
		r.mapping(m, n)
	}
	return m
}

func (r *marker) mapping(m *mark, n *yaml.Node) {
	m.keys = make(map[string]*mark, len(n.Content)/2)
	var merges []*yaml.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if key.Value == "<<" {
			merges = append(merges, value)
			continue
		}
		m.keys[key.Value] = r.mark(value, key)
	}
	for _, from := range merges {
		r.merge(m, r.mark(from, from))
	}
}

// merge adds what a merge key brings, a mapping or a list of them. Keys that are there already win.
func (r *marker) merge(m, from *mark) {
	for key, child := range from.keys {
		if r.merged++; r.merged > maxMerged {
			return
		}
		if _, explicit := m.keys[key]; !explicit {
			m.keys[key] = child
		}
	}
	for _, item := range from.items {
		if item != nil && item.items == nil { // nil: a list that contains itself
			r.merge(m, item)
		}
	}
}
