package report

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"why502/inspect"
)

// path writes the way of one route that the finding breaks, and how far a request gets on it.
func (p *page) path(r *inspect.Report, f *inspect.Finding) {
	route, backend := example(r, f)
	if route == nil {
		return
	}
	way := strings.Join(stations(route), " → ")
	if f.Status != inspect.StatusNone {
		way += " (" + outcome(f.Status) + ")"
	}
	p.entry("path", way)
	if backend != nil {
		p.hops(labelled(""), backend)
	}
}

// example picks the route to show a finding on, and its backend that has the fault; nil where there
// is none. What stops nginx lists routes that have nothing else to do with it, so the route that
// the finding points at goes before the others.
func example(r *inspect.Report, f *inspect.Finding) (*inspect.RouteReport, *inspect.BackendReport) {
	affected := make(map[string]bool, len(f.Routes)) // of a big project, thousands
	for _, id := range f.Routes {
		affected[id] = true
	}
	var best *inspect.RouteReport
	var culprit *inspect.BackendReport
	for i := range r.Routes {
		route := &r.Routes[i]
		if !affected[route.ID] {
			continue
		}
		b := faulty(route, f.Rule.Hop)
		if route.Place == f.Place {
			return route, b
		}
		if best == nil || culprit == nil && b != nil {
			best, culprit = route, b
		}
	}
	return best, culprit
}

// faulty is the first backend of a route that has something against it at a hop.
func faulty(route *inspect.RouteReport, hop inspect.Hop) *inspect.BackendReport {
	for i, b := range route.Backends {
		if s := b.Hops[hop]; s == inspect.HopBroken || s == inspect.HopAtRisk {
			return &route.Backends[i]
		}
	}
	return nil
}

// outcome says what a client gets.
func outcome(s inspect.Status) string {
	switch s {
	case inspect.StatusNoStart:
		return "nginx is down"
	case inspect.StatusRefused, inspect.StatusClosed:
		return "connection " + string(s)
	}
	return string(s)
}

// hops writes the hops of a backend up to the last one that was reached.
func (p *page) hops(indent string, b *inspect.BackendReport) {
	p.put(plain, indent)
	column := utf8.RuneCountInString(indent)
	gap := ""
	for h, state := range b.Hops {
		m, reached := mark(state)
		if !reached {
			break
		}
		name := inspect.Hop(h).String()
		width := utf8.RuneCountInString(gap + name + m.text)
		if column+width > p.Width {
			p.end()
			p.put(plain, indent)
			column, gap = utf8.RuneCountInString(indent), ""
		}
		p.put(plain, gap+name)
		p.put(m.style, m.text)
		column, gap = column+width, "  "
	}
	p.end()
}

// marking is how the state of a hop is drawn.
type marking struct {
	style style
	text  string
}

// mark says how a state is drawn, and whether there is anything to draw.
func mark(s inspect.HopState) (m marking, reached bool) {
	switch s {
	case inspect.HopOK:
		return marking{green, " ✓"}, true
	case inspect.HopBroken:
		return marking{alarm, " ✗ broken"}, true
	case inspect.HopAtRisk:
		return marking{yellow, " ! at risk"}, true
	case inspect.HopUnchecked:
		return marking{dim, " ?"}, true
	}
	return marking{}, false
}

// stations are the places that a request passes on a route: published port, listen, server and
// location, target.
func stations(r *inspect.RouteReport) []string {
	return []string{published(r), r.Proxy + ":" + r.Listen, inside(r), target(r)}
}

// published gives the published ports; the address only where it is not all of them.
func published(r *inspect.RouteReport) string {
	var ports []string
	for _, port := range r.Published {
		port = strings.TrimPrefix(port, "0.0.0.0:")
		port = strings.TrimPrefix(port, "[::]:")
		if !slices.Contains(ports, port) {
			ports = append(ports, port)
		}
	}
	if len(ports) == 0 {
		return "not published"
	}
	return strings.Join(ports, ",")
}

// inside gives the server and location as one address.
func inside(r *inspect.RouteReport) string {
	server := r.Server
	if server == "_" {
		server = ""
	}
	switch {
	case server == "" && r.Location == "":
		return "stream"
	case server == "" || r.Location == "":
		return server + r.Location
	case strings.HasPrefix(r.Location, "/"):
		return server + r.Location
	}
	return server + " " + r.Location
}

// target gives where a route leads: the service and port, and the name that nginx uses where it
// is another one.
func target(r *inspect.RouteReport) string {
	if len(r.Backends) == 0 {
		return r.Target
	}
	first := backendText(r.Backends[0])
	if n := len(r.Backends); n > 1 {
		first += fmt.Sprintf(" and %d more", n-1)
	}
	if first == "" || first == r.Target {
		return r.Target
	}
	return r.Target + " (" + first + ")"
}

func backendText(b inspect.BackendReport) string {
	name := b.Host
	if b.Service != "" {
		name = b.Service
	}
	if b.Port == 0 {
		return name
	}
	return name + ":" + strconv.Itoa(b.Port)
}

// tables writes the routes that no finding has shown: those that are unclear, and those that
// work. Where nothing is wrong the verdict has said it all.
func (p *page) tables(r *inspect.Report) {
	p.table("unclear", r, inspect.VerdictUnknown)
	if len(r.Findings) > 0 || p.Verbose {
		p.table("working", r, inspect.VerdictOK)
	}
	if p.Verbose {
		p.proxies(r)
	}
}

// table writes the routes that have a verdict, one line each, in aligned columns.
func (p *page) table(title string, r *inspect.Report, v inspect.Verdict) {
	var routes []*inspect.RouteReport
	for i := range r.Routes {
		if r.Routes[i].Verdict == v {
			routes = append(routes, &r.Routes[i])
		}
	}
	if len(routes) == 0 {
		return
	}
	p.end()
	p.put(bold, title)
	p.line(plain, fmt.Sprintf(" (%d of %s)", len(routes), count(len(r.Routes), "route")))
	rows, left := routes, 0
	if len(rows) > maxTable && !p.Verbose {
		rows, left = rows[:maxTable], len(rows)-maxTable
	}
	p.rows(rows)
	if left > 0 {
		p.line(plain, fmt.Sprintf("  and %d more; -v shows them", left))
	}
}

// maxColumn is the widest that a column of a table is padded to: one long regular expression
// must not push all the others out of sight.
const maxColumn = 32

// rows writes routes in aligned columns; with --verbose, below each, how its backends fare.
func (p *page) rows(routes []*inspect.RouteReport) {
	cells := make([][]string, len(routes))
	var widths [4]int
	for i, route := range routes {
		cells[i] = stations(route)
		for c, cell := range cells[i] {
			if n := utf8.RuneCountInString(Clean(cell)); n <= maxColumn {
				widths[c] = max(widths[c], n)
			}
		}
	}
	for i, row := range cells {
		for c := range row[:len(row)-1] {
			row[c] = pad(Clean(row[c]), widths[c])
		}
		p.line(plain, "  "+strings.Join(row, " → "))
		if p.Verbose {
			for b := range routes[i].Backends {
				p.hops("      ", &routes[i].Backends[b])
			}
		}
	}
}

// proxies writes what is known of the proxies and of the daemon.
func (p *page) proxies(r *inspect.Report) {
	p.end()
	p.line(bold, "proxies")
	for _, x := range r.Proxies {
		p.hang(plain, "  - ", proxyText(x))
	}
	if d := r.Live.Daemon; d.Endpoint != "" {
		p.end()
		p.line(bold, "daemon")
		p.hang(plain, "  - ", daemonText(d))
	}
}

func proxyText(x inspect.ProxyReport) string {
	why := "known by its " + x.Why
	if x.Why == "flag" {
		why = "named by --proxy"
	}
	parts := []string{x.Service + ": " + x.Image + " (" + why + ")"}
	if x.Nginx != "" {
		parts = append(parts, "nginx "+x.Nginx)
	}
	if x.State != "" {
		parts = append(parts, x.State)
	}
	if len(x.Config) > 0 {
		parts = append(parts, "reads "+strings.Join(x.Config, " "))
	}
	return strings.Join(parts, ", ")
}

func daemonText(d inspect.Daemon) string {
	parts := []string{d.Endpoint}
	if d.Context != "" {
		parts = append(parts, "context "+d.Context)
	}
	if d.Engine != "" {
		parts = append(parts, "engine "+d.Engine)
	}
	if d.API != "" {
		parts = append(parts, "API "+d.API)
	}
	return strings.Join(parts, ", ")
}
