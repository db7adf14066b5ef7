package compose

import (
	"cmp"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
)

// maxChain bounds how many services extend one another in a row: compose-go keeps a list of them for each.
const maxChain = 100

// bases are trees of what the services of a file extend, those of the nearest last. Of own, the file's tree,
// services are looked up in all: its own and those of what it includes. Jobs extend services as these do.
func (r *reader) bases(own *mark, all []*mark, sc scope) (levels []*mark, err error) {
	for _, section := range []string{"services", "jobs"} {
		from := own.keys[section]
		if from == nil {
			continue
		}
		for _, name := range slices.Sorted(maps.Keys(from.keys)) {
			chain, err := r.chain(section, name, []*mark{own}, all, sc)
			if err != nil {
				return nil, err
			}
			for i, base := range chain {
				if i == len(levels) {
					levels = append(levels, &mark{place: own.place, keys: map[string]*mark{}})
				}
				if levels[i].keys[section] == nil {
					levels[i].keys[section] = &mark{place: from.place, keys: map[string]*mark{}}
				}
				levels[i].keys[section].keys[name] = base
			}
		}
	}
	slices.Reverse(levels)
	return levels, nil
}

// chain are the services that a service, or a job, extends, the nearest first.
func (r *reader) chain(section, name string, own, all []*mark, sc scope) (chain []*mark, err error) {
	var names []string
	seen := map[string]bool{}
	for {
		extends := lastOf(own, section, name, "extends")
		if extends == nil || extends.unfilled() { // compose-go says why
			return chain, nil
		}
		names = append(names, name)
		if err := r.endless(extends, names, seen, sc); err != nil {
			return nil, err
		}
		if file := extends.keys["file"]; file != nil {
			if own, sc, err = r.extend(file, sc); err != nil {
				return nil, err
			}
			all, section = own, "services"
		}
		if name = cmp.Or(extends.text, extends.value("service")); name == "" {
			return nil, &Error{Place: extends.place, What: "extends names no service", Fix: "write extends: SERVICE, or service: below it"}
		}
		bases := allOf(all, section, name)
		if len(bases) == 0 {
			return nil, &Error{
				Place: extends.place,
				What:  fmt.Sprintf("service %q extends %q, which is not in %s", names[len(names)-1], name, r.shown(sc.file)),
				Fix:   "services there: " + strings.Join(places{trees: all}.names("services"), ", "),
			}
		}
		chain = append(chain, bases...)
	}
}

// endless refuses services that extend each other in a circle, or too many in a row.
func (r *reader) endless(extends *mark, names []string, seen map[string]bool, sc scope) error {
	key := sc.file + "\x00" + names[len(names)-1]
	if seen[key] {
		return &Error{Place: extends.place, What: "services extend each other in a circle: " + strings.Join(names, " -> "), Fix: "remove one of these extends"}
	}
	seen[key] = true
	if len(names) > maxChain {
		return &Error{Place: extends.place, What: fmt.Sprintf("more than %d services extend one another in a row", maxChain), Fix: "extend one that holds what they share"}
	}
	return nil
}

// allOf is what stands at a path in trees, what wins first.
func allOf(trees []*mark, path ...string) (all []*mark) {
	for _, tree := range slices.Backward(trees) {
		if m, depth, _ := tree.walk(path); depth == len(path) {
			all = append(all, m)
		}
	}
	return all
}

// lastOf is the first of these; nil: there is none.
func lastOf(trees []*mark, path ...string) *mark {
	if all := allOf(trees, path...); len(all) > 0 {
		return all[0]
	}
	return nil
}

// extend gives the trees of a file whose services are extended. Unlike a file that is included, its includes
// do not count, and its paths start from where it lies.
func (r *reader) extend(name *mark, sc scope) ([]*mark, scope, error) {
	if err := local(name.text, name.place); err != nil {
		return nil, sc, err
	}
	from := sc.dir
	sc.file = under(from, name.text)
	sc.dir = filepath.Dir(sc.file)
	docs, err := r.parseNamed(sc.file, name.place, from)
	if err != nil {
		return nil, sc, err
	}
	key := sc.file + "\x00" + sc.envs
	if _, ok := r.extended[key]; !ok {
		if r.extended[key], err = r.marks(docs, sc); err != nil {
			return nil, sc, err
		}
	}
	return r.extended[key], sc, nil
}
