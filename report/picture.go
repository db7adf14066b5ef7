package report

import (
	"slices"

	"why502/inspect"
)

// picture is a report as a graph: a node for each published listen, one for each route, one for each backend.
type picture struct {
	nodes  []node
	edges  []edge
	routes []*inspect.RouteReport // that are drawn, the worst first
}

// nodeKind is what a node stands for: its column, from left to right.
type nodeKind int

const (
	listenNode nodeKind = iota
	routeNode
	backendNode
)

type node struct {
	kind    nodeKind
	label   string
	service string // of a listen and of a backend; empty: none of the project
}

// edge leads from one node to another, by their index.
type edge struct {
	from, to int
	verdict  inspect.Verdict
	route    int // that it belongs to, by its index in routes
}

// verdicts are all verdicts, the worst first.
var verdicts = []inspect.Verdict{
	inspect.VerdictBroken, inspect.VerdictLikelyBroken, inspect.VerdictAtRisk, inspect.VerdictUnknown, inspect.VerdictOK,
}

// worstFirst are the routes by verdict, else in their order.
func worstFirst(routes []inspect.RouteReport) []*inspect.RouteReport {
	sorted := make([]*inspect.RouteReport, len(routes))
	for i := range routes {
		sorted[i] = &routes[i]
	}
	slices.SortStableFunc(sorted, func(a, b *inspect.RouteReport) int {
		return slices.Index(verdicts, a.Verdict) - slices.Index(verdicts, b.Verdict)
	})
	return sorted
}

// drawn is the picture of a report, in at most so many nodes: of the worst routes, where it is not all.
func drawn(r *inspect.Report, most int) picture {
	var p picture
	known := map[node]int{}
	for _, route := range worstFirst(r.Routes) {
		listen := node{listenNode, published(route) + " → " + route.Proxy + ":" + route.Listen, route.Proxy}
		backends := backendNodes(route)
		added := 1
		for _, n := range append(backends, listen) {
			if _, ok := known[n]; !ok {
				added++
			}
		}
		if len(p.nodes)+added > most {
			continue // a group of many servers; others may still go in
		}
		p.draw(known, listen, route, backends)
	}
	return p
}

// draw adds a route.
func (p *picture) draw(known map[node]int, listen node, route *inspect.RouteReport, backends []node) {
	index := func(n node) int {
		if i, ok := known[n]; ok {
			return i
		}
		known[n] = len(p.nodes)
		p.nodes = append(p.nodes, n)
		return known[n]
	}
	from, number, self := index(listen), len(p.routes), len(p.nodes)
	p.nodes = append(p.nodes, node{kind: routeNode, label: inside(route)})
	p.routes = append(p.routes, route)
	p.edges = append(p.edges, edge{from, self, route.Verdict, number})
	for i, n := range backends {
		verdict := route.Verdict
		if len(route.Backends) > 1 {
			verdict = backendVerdict(&route.Backends[i])
		}
		p.edges = append(p.edges, edge{self, index(n), verdict, number})
	}
}

// backendNodes are the nodes that a route leads to.
func backendNodes(route *inspect.RouteReport) (nodes []node) {
	for _, b := range route.Backends {
		label := backendText(b)
		if label == "" {
			label = route.Target
		}
		nodes = append(nodes, node{backendNode, label, b.Service})
	}
	if len(nodes) == 0 {
		nodes = []node{{backendNode, route.Target, ""}}
	}
	return nodes
}

// backendVerdict is what becomes of a request that a group of several sends to this one.
func backendVerdict(b *inspect.BackendReport) inspect.Verdict {
	switch {
	case slices.Contains(b.Hops[:], inspect.HopBroken):
		return inspect.VerdictBroken
	case slices.Contains(b.Hops[:], inspect.HopAtRisk):
		return inspect.VerdictAtRisk
	}
	return inspect.VerdictOK
}
