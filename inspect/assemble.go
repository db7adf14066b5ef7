package inspect

import (
	"cmp"
	"fmt"
	"math"
	"net"
	"slices"
	"strconv"
	"strings"

	"why502/compose"
	"why502/compose/proxy"
)

// reportRoutes puts proxies and routes into the report.
func (j *judge) reportRoutes(r *Report) {
	for _, p := range j.stack.Proxies {
		pr := ProxyReport{Service: p.Service.Name, Image: p.Service.Image, Why: p.Why, Nginx: p.Version}
		for _, f := range p.Config.Files {
			if f.Name != "" {
				pr.Config = append(pr.Config, f.Name)
			}
		}
		for _, c := range j.containers[p.Service.Name] {
			pr.State = c.State
		}
		r.Proxies = append(r.Proxies, pr)
	}
	r.Routes = make([]RouteReport, len(j.routes))
	inParts(len(j.routes), func(part, from, to int) {
		on := newMasks(j.masks.secrets)
		for i := from; i < to; i++ {
			r.Routes[i] = on.routeReport(j.routes[i])
		}
	})
	for i, w := range j.routes {
		r.Routes[i].ID = j.shownID(w.route.ID, r.Routes[i].ID)
		r.Verdict = worst(r.Verdict, w.verdict)
	}
	r.Services = j.servicesOf(r)
}

// servicesOf are the services that the report's proxies and routes name, with their networks.
func (j *judge) servicesOf(r *Report) (services []ServiceReport) {
	named := map[string]bool{}
	for _, p := range r.Proxies {
		named[p.Service] = true
	}
	for _, route := range r.Routes {
		for _, b := range route.Backends {
			named[b.Service] = true
		}
	}
	for _, svc := range j.services {
		if !named[svc.Name] {
			continue
		}
		reported := ServiceReport{Name: svc.Name}
		for _, network := range j.networks(svc) {
			reported.Networks = append(reported.Networks, j.mask(network))
		}
		services = append(services, reported)
	}
	return services
}

// routeReport is what becomes of one route.
func (m *masks) routeReport(w *walked) RouteReport {
	route := w.route
	rr := RouteReport{
		ID: m.secrets.Mask(route.ID), Proxy: route.Proxy.Service.Name, Listen: route.ListenText(),
		Server: m.of(route.ServerName()), Pass: m.of(route.Pass.String()), Scheme: route.Target.Scheme, Target: m.of(route.TargetText()),
		Place: route.Pass.Place, Verdict: w.verdict, Status: w.status,
	}
	if route.Location != nil {
		rr.Location = m.of(route.Location.String())
	}
	for _, p := range route.Published {
		rr.Published = append(rr.Published, publishedText(p))
	}
	for _, b := range w.backends {
		br := BackendReport{Host: m.of(cmp.Or(b.Host, b.address())), Port: b.Port, Hops: b.hops}
		if b.Service != nil {
			br.Service = b.Service.Name
		}
		rr.Backends = append(rr.Backends, br)
	}
	return rr
}

// shownID is the id of a route without credentials, other than those before it, and remembered for the findings
// that list it.
func (j *judge) shownID(id, masked string) string {
	if masked == id {
		return id
	}
	if j.alike[masked]++; j.alike[masked] > 1 {
		masked += fmt.Sprintf(" #%d", j.alike[masked])
	}
	j.ids[id] = masked
	return masked
}

// masks are texts without credentials, by what they were: routes say the same names over and over.
type masks struct {
	secrets *Secrets
	known   map[string]string
}

func newMasks(s *Secrets) *masks { return &masks{secrets: s, known: map[string]string{}} }

func (m *masks) of(text string) string {
	masked, known := m.known[text]
	if !known {
		masked = m.secrets.Mask(text)
		m.known[text] = masked
	}
	return masked
}

// publishedText is a published port as Docker shows it: "0.0.0.0:8080".
func publishedText(p compose.Port) string {
	port := "?" // the daemon picks one
	if p.Published != 0 {
		port = strconv.Itoa(p.Published)
	}
	return net.JoinHostPort(cmp.Or(p.HostIP, "0.0.0.0"), port)
}

// reportFindings takes out what the user accepts, makes one of equal findings, sorts them, and gives each its
// excerpts.
func (j *judge) reportFindings(r *Report, opts Options) {
	ignorer := j.newIgnorer(opts)
	var found, ignored []*Finding
	for _, f := range j.found {
		f.Excerpt = j.excerpt(f.Place)
		f.Fingerprints = []string{f.Fingerprint()}
		if f.By = ignorer.by(f); f.By != nil {
			ignored = append(ignored, f)
		} else {
			found = append(found, f)
		}
	}
	r.Findings, r.Ignored, r.Remarks = j.finished(found), j.finished(ignored), ignorer.close(found)
	if len(r.Routes) == 0 {
		r.Verdict = VerdictUnknown
	}
	for _, f := range r.Findings {
		if len(f.Routes) == 0 && f.breaks() { // nothing but the finding itself says so
			r.Verdict = worst(r.Verdict, map[Severity]Verdict{Error: VerdictBroken, Warning: VerdictLikelyBroken}[f.Severity])
		}
	}
}

// finished are findings as they are reported: one of those that are equal, in their order.
func (j *judge) finished(found []*Finding) []*Finding {
	found = merge(found)
	slices.SortStableFunc(found, compareFindings)
	for _, f := range found {
		j.finish(f)
	}
	return found
}

// merge makes one finding of those that say the same of several routes. The first in reading order
// gives the place; the others are related places, and their edits go with its edits.
func merge(found []*Finding) (merged []*Finding) {
	type key struct {
		rule, proxy, message string
		by                   *Ignore
	}
	type spot struct {
		of    *Finding
		place proxy.Place
	}
	byKey, seen := map[key]*Finding{}, map[spot]bool{}
	for _, f := range found {
		k := key{f.Rule.ID, f.Proxy, f.Message, f.By}
		first := byKey[k]
		if first == nil {
			byKey[k], seen[spot{f, f.Place}] = f, true
			merged = append(merged, f)
			continue
		}
		if f.Status != StatusNoStart { // those list all routes already
			first.Routes = append(first.Routes, f.Routes...)
		}
		first.Severity = max(first.Severity, f.Severity)
		if f.Place != first.Place {
			first.near(f.Place, "here too")
		}
		if at := (spot{first, f.Place}); !seen[at] {
			seen[at] = true
			first.Fingerprints = append(first.Fingerprints, f.Fingerprints...)
		}
		first.Fix.Edits = append(first.Fix.Edits, f.Fix.Edits...)
	}
	for _, f := range merged {
		if f.Status != StatusNoStart {
			f.Routes = unique(f.Routes)
		}
		f.Related = unique(f.Related)
		f.Related = f.Related[:min(len(f.Related), maxRelated)]
		f.Fix.Edits = compatible(unique(f.Fix.Edits))
	}
	return merged
}

// maxRelated bounds the places that one finding names.
const maxRelated = 50

// compatible gives the edits, if all of them can be carried out: none where two change one line.
func compatible(edits []Edit) []Edit {
	type line struct {
		file string
		n    int
	}
	seen := map[line]bool{}
	for _, e := range edits {
		if seen[line{e.File, e.Line}] {
			return nil
		}
		seen[line{e.File, e.Line}] = true
	}
	return edits
}

// unique keeps the first of equal elements.
func unique[T comparable](list []T) (kept []T) {
	seen := map[T]bool{}
	for _, v := range list {
		if !seen[v] {
			seen[v] = true
			kept = append(kept, v)
		}
	}
	return kept
}

// compareFindings puts the answer first: the worst, what fails now, what concerns the most routes;
// of what stops nginx the fault that it meets first; then by hop and place.
func compareFindings(a, b *Finding) int {
	return cmp.Or(
		cmp.Compare(b.Severity, a.Severity),
		cmp.Compare(boolInt(b.breaks()), boolInt(a.breaks())),
		cmp.Compare(len(b.Routes), len(a.Routes)),
		cmp.Compare(a.stopOrder(), b.stopOrder()),
		cmp.Compare(a.Rule.Hop, b.Rule.Hop),
		cmp.Compare(a.Place.File, b.Place.File),
		cmp.Compare(a.Place.Line, b.Place.Line),
		cmp.Compare(a.Place.Column, b.Place.Column),
		cmp.Compare(a.Rule.ID, b.Rule.ID),
		cmp.Compare(a.Message, b.Message),
	)
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// stopOrder is the order in which nginx meets what stops it; what does not comes behind.
func (f *Finding) stopOrder() int {
	if f.Status != StatusNoStart {
		return math.MaxInt
	}
	return f.order
}

// finish gives a finding its excerpts, and takes out what looks like a credential.
func (j *judge) finish(f *Finding) {
	f.Message, f.Fix.Text = j.mask(f.Message), j.mask(f.Fix.Text)
	f.Fix.Paste, f.Fix.Run = j.mask(f.Fix.Paste), j.mask(f.Fix.Run)
	for i, r := range f.Related {
		f.Related[i].Excerpt, f.Related[i].Text = j.excerpt(r.Place), j.mask(r.Text)
	}
	for i, e := range f.Evidence {
		f.Evidence[i].Text = j.mask(e.Text)
	}
	f.Routes = j.list(f.Routes)
	if slices.ContainsFunc(f.Fix.Edits, func(e Edit) bool {
		return len(e.Old) > maxExcerpt || j.secret(e.Old) || j.secret(e.New)
	}) {
		f.Fix.Edits = nil // they are carried out together or not at all
	}
}

// mask takes out what looks like a credential.
func (j *judge) mask(text string) string { return j.masks.secrets.Mask(text) }

// secret says whether there is a credential in a text, or was before it came into a record.
func (j *judge) secret(text string) bool {
	return strings.Contains(text, hidden) || j.mask(text) != text
}

// maxListed bounds the routes that all findings list: of many that each stop nginx, each lists all.
const maxListed = 500_000

// list gives the routes of a finding by the ids that are shown.
func (j *judge) list(routes []string) []string {
	routes = routes[:min(len(routes), max(1, maxListed-j.listed))]
	j.listed += len(routes)
	if len(j.ids) == 0 {
		return routes
	}
	var shown []string
	for _, id := range routes {
		shown = append(shown, cmp.Or(j.ids[id], id))
	}
	return shown
}

// maxExcerpt bounds what is shown of a source line, in bytes: a configuration may be all in one.
const maxExcerpt = 400

// excerpt is the source line at a place, without credentials. It keeps its indentation, because the
// place's column counts it. Of a line that is too long to be read nothing is shown.
func (j *judge) excerpt(p proxy.Place) string {
	line := strings.TrimRight(j.stack.Sources.Line(p.File, p.Line), " \t\r")
	if len(line) > maxExcerpt {
		return ""
	}
	return j.masks.of(line)
}

// wildcard matches a text against a pattern in which * stands for anything.
func wildcard(pattern, text string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == text
	}
	if !strings.HasPrefix(text, parts[0]) {
		return false
	}
	text = text[len(parts[0]):]
	for _, part := range parts[1 : len(parts)-1] {
		i := strings.Index(text, part)
		if i < 0 {
			return false
		}
		text = text[i+len(part):]
	}
	return strings.HasSuffix(text, parts[len(parts)-1])
}

// reportUnchecked lists what could not be looked at.
func (j *judge) reportUnchecked(r *Report) {
	r.Unchecked = append(r.Unchecked, j.stack.Unchecked...)
	for _, p := range j.stack.Proxies {
		for _, u := range p.Config.Unchecked {
			r.Unchecked = append(r.Unchecked, proxy.Unchecked{What: p.Service.Name + ": " + u.What, Why: u.Why})
		}
	}
	r.Unchecked = append(r.Unchecked, j.uncheckedDisk()...)
	for _, w := range j.routes {
		if t := w.route.Target; t.Unknown != "" {
			r.Unchecked = append(r.Unchecked, proxy.Unchecked{What: w.route.ID, Why: t.Unknown})
		}
		for _, b := range w.backends {
			if b.Unknown != "" && b.Peer != nil {
				r.Unchecked = append(r.Unchecked, proxy.Unchecked{What: "the server " + b.written + " of the group " + w.route.Target.Group.Name, Why: b.Unknown})
			}
			if b.hops[HopName] == HopUnchecked && b.Host != "" && b.Unknown == "" && b.cause == nil {
				r.Unchecked = append(r.Unchecked, proxy.Unchecked{What: fmt.Sprintf("%s: the host %s", w.route.Proxy.Service.Name, b.Host), Why: "it is no service of this project"})
			}
		}
	}
	if j.snap != nil {
		for q, why := range j.snap.Failed {
			r.Unchecked = append(r.Unchecked, proxy.Unchecked{What: "the daemon's " + j.snap.About(q), Why: why})
		}
	}
	r.Unchecked = unique(r.Unchecked)
	for i, u := range r.Unchecked {
		r.Unchecked[i] = proxy.Unchecked{What: j.mask(u.What), Why: j.mask(u.Why)}
	}
	if j.snap != nil && len(j.snap.Failed) > 1 {
		slices.SortStableFunc(r.Unchecked, func(a, b proxy.Unchecked) int { return cmp.Compare(a.What, b.What) })
	}
}
