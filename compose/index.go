package compose

import (
	"strings"

	"why502/compose/proxy"
)

// Index is where the keys and items of the Compose files stand, as plain data: what Stack.At answers
// from. A later tree wins over an earlier one.
type Index struct {
	Here  proxy.Place
	Trees []*Mark
}

// Mark is one key or list item of a Compose file.
type Mark struct {
	Place    proxy.Place
	Text     string           // of a scalar, with its variables filled in
	Keys     map[string]*Mark // of a mapping
	Items    []*Mark          // of a list
	Replaces bool             // what earlier trees have here is gone
}

// Index gives the places of a stack as data. What contains itself ends there.
func (s *Stack) Index() Index {
	made := map[*mark]*Mark{}
	var data func(m *mark) *Mark
	data = func(m *mark) *Mark {
		if known, seen := made[m]; seen || m == nil {
			return known
		}
		made[m] = nil // until it is whole
		d := &Mark{Place: m.place, Text: m.text, Replaces: m.replaces}
		if m.keys != nil {
			d.Keys = map[string]*Mark{}
		}
		for key, child := range m.keys {
			if c := data(child); c != nil {
				d.Keys[key] = c
			}
		}
		for _, item := range m.items {
			if c := data(item); c != nil {
				d.Items = append(d.Items, c)
			}
		}
		made[m] = d
		return d
	}
	index := Index{Here: s.places.here}
	for _, tree := range s.places.trees {
		index.Trees = append(index.Trees, data(tree))
	}
	return index
}

// SetIndex gives a stack that was not read from files the places of one that was.
func (s *Stack) SetIndex(index Index) {
	made := map[*Mark]*mark{}
	var own func(d *Mark) *mark
	own = func(d *Mark) *mark {
		if known := made[d]; known != nil || d == nil {
			return known
		}
		m := &mark{place: d.Place, text: d.Text, replaces: d.Replaces}
		made[d] = m
		if d.Keys != nil {
			m.keys = map[string]*mark{}
		}
		for key, child := range d.Keys {
			if child != nil {
				m.keys[key] = own(child)
			}
		}
		for _, item := range d.Items {
			m.items = append(m.items, own(item))
		}
		return m
	}
	s.places = places{here: index.Here}
	for _, tree := range index.Trees {
		s.places.trees = append(s.places.trees, own(tree))
	}
}

// EachSetting visits what the Compose files say under a name, by a key or as NAME=value, and the
// variables that they are filled in with. It visits each place once, in no order.
func (s *Stack) EachSetting(visit func(name, text string)) {
	seen := map[*mark]bool{}
	var walk func(m *mark)
	walk = func(m *mark) {
		if m == nil || seen[m] {
			return
		}
		seen[m] = true
		for name, child := range m.keys {
			if child != nil && child.text != "" {
				visit(name, child.text)
			}
			walk(child)
		}
		for _, item := range m.items {
			if item == nil {
				continue
			}
			if name, value, ok := strings.Cut(item.text, "="); ok {
				visit(name, value)
			}
			walk(item)
		}
	}
	for _, tree := range s.places.trees {
		walk(tree)
	}
	filled := map[string]bool{}
	for _, variables := range s.env {
		for name, value := range variables {
			if !filled[name+"="+value] {
				filled[name+"="+value] = true
				visit(name, value)
			}
		}
	}
}
