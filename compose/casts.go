package compose

import (
	"github.com/compose-spec/compose-go/v2/interpolation"
	paths "github.com/compose-spec/compose-go/v2/tree"
	"go.yaml.in/yaml/v4"
)

// neededCasts leaves out the casts that cannot apply to Compose files with these keys. compose-go compares the
// path of every value with every one of them, which in a large project takes half of its time. Files that others
// bring, by include and extends, may have any keys.
func neededCasts(all map[paths.Path]interpolation.Cast, keys map[string]bool) map[paths.Path]interpolation.Cast {
	if keys["include"] || keys["extends"] {
		return all
	}
	needed := map[paths.Path]interpolation.Cast{}
	for path, cast := range all {
		possible := true
		for _, part := range path.Parts() {
			possible = possible && (part == paths.PathMatchAll || part == paths.PathMatchList || keys[part])
		}
		if possible {
			needed[path] = cast
		}
	}
	return needed
}

// addKeys adds the keys of all mappings in a document.
func addKeys(n *yaml.Node, keys map[string]bool) {
	for i, child := range n.Content {
		if n.Kind == yaml.MappingNode && i%2 == 0 {
			keys[child.Value] = true
		} else {
			addKeys(child, keys)
		}
	}
}
