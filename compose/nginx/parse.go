// Package nginx reads the configuration that one nginx loads and lowers it to servers, locations,
// passes and upstream groups.
package nginx

import (
	"slices"

	"why502/compose/proxy"

	crossplane "github.com/nginxinc/nginx-go-crossplane"
)

// Options say which nginx reads the configuration.
type Options struct {
	Main    string   // container path of the main file; /etc/nginx/nginx.conf if empty
	Version string   // "1.27.3", "1.25"; anything that is no number: not known
	Stock   bool     // the image is the stock nginx: it has no modules but those that nginx comes with
	Given   []string // names of the directives that its command line gives with -g
}

// Parse reads what nginx loads, as nginx would, and says what it is told to do. It never fails:
// what nginx would refuse is among the faults, and what could not be read is unchecked.
func Parse(files Files, o Options) *proxy.Config {
	if o.Main == "" {
		o.Main = "/etc/nginx/nginx.conf"
	}
	r := &reader{
		files: files, config: &proxy.Config{},
		sources: map[string]*source{}, refused: map[string]*refusal{}, lost: map[string]*refusal{}, faults: map[string][]proxy.Fault{},
		words: map[string]crossplane.Directives{},
	}
	main := r.parse(o)
	lower(r.config, main, r.order, r.stock, o)
	slices.SortStableFunc(r.config.Faults, func(a, b proxy.Fault) int { return a.Order - b.Order })
	// the last thing that nginx looks at before it starts
	if r.config.Complete() && len(r.config.Files) > 0 && find(main, "events") == nil {
		file := proxy.Place{File: r.config.Files[0].Name} // the main one, as a whole
		r.fault(proxy.Fault{Kind: proxy.NoEvents, Text: `no "events" section in configuration`, Context: "main", Place: file, Order: r.order + 1})
	}
	return r.config
}

// find gives the first directive of that name, or nil.
func find(nodes []*node, name string) *node {
	for _, n := range nodes {
		if n.Name == name {
			return n
		}
	}
	return nil
}
