package inspect

import (
	"cmp"
	"net"
	"regexp"
	"slices"
	"strings"

	"why502/compose"
	"why502/compose/proxy"
	"why502/inspect/errorlog"
)

// Explanation is what the lines of a log mean, and what of a project they are about.
type Explanation struct {
	Project  *Project // nil: none was read
	Without  string   // why none was read
	Messages []*Message
	Lines    int // that were read
	Visits   int // of them those of an access log
	Others   int // of them those that are no lines of nginx's error log
	Left     int // of them those with more different messages than are shown
	Cut      bool
}

// Message is one thing that nginx said, and what it means. Nothing in it looks like a credential.
type Message struct {
	Text     string // as nginx wrote it, without the fields behind it
	Level    string
	Code     int            // errno, or the DNS's; 0: none
	Count    int            // lines that say so
	Entry    errorlog.Entry // what it means; the zero Entry: that is not known
	Status   string         // what becomes of the client's request; see errorlog
	Server   string         // first server_name; of stream the address
	Requests []string       // "GET /api": some of those that met it
	Upstream string         // http://172.18.0.3:8000
	Inside   string         // file and line in the container
	Causes   []*Rule        // that it may be because of, the most likely first

	Place    proxy.Place   // of Inside, in the user's files
	Routes   []RouteReport // that it is about
	Findings []*Finding    // that explain it, the most likely first
}

// Known says whether it is known what the message means.
func (m *Message) Known() bool { return m.Entry.Kind != "" }

// Known says whether there is a message, and it is known what each of them means.
func (x *Explanation) Known() bool {
	return len(x.Messages) > 0 && x.Left == 0 && !slices.ContainsFunc(x.Messages, func(m *Message) bool { return !m.Known() })
}

// Explain says what the messages of a log mean, and what they are about in a project that was judged. Both of
// it are nil where there is none.
func (g *Log) Explain(stack *compose.Stack, r *Report) *Explanation {
	x := &Explanation{Lines: g.Lines, Visits: g.Visits, Others: g.Others, Left: g.Left}
	mask := redact
	var e *explainer
	if stack != nil && r != nil {
		x.Project, mask = &r.Project, NewSecrets(stack).Mask
		e = newExplainer(stack, r)
	}
	for _, s := range g.all {
		if e != nil && s.entry.Kind == "" && e.other(s.sender) {
			x.Others += s.count
			continue
		}
		m := s.message(mask)
		if e != nil && m.Known() {
			e.explain(m, s)
		}
		x.Messages = append(x.Messages, m)
	}
	return x
}

// message is what is known of a message without a project.
func (m *remark) message(mask func(string) string) *Message {
	all := &Message{
		Text: bounded(mask(m.text())), Level: m.Level, Code: m.Code, Count: m.count, Entry: m.entry, Status: m.status, Server: mask(m.Server),
		Upstream: mask(m.upstream()), Inside: mask(m.inside()), Causes: causesOf(m.entry),
	}
	for _, request := range m.requests() {
		all.Requests = append(all.Requests, shortly(mask(request)))
	}
	return all
}

// causesOf are the rules whose faults a message may be because of, the most likely first.
func causesOf(e errorlog.Entry) (all []*Rule) {
	for _, r := range rules {
		if r.shownBy(e) {
			all = append(all, r)
		}
	}
	slices.SortStableFunc(all, func(a, b *Rule) int { return cmp.Compare(a.likely(e), b.likely(e)) })
	return all
}

// shownBy says whether a message may be because of the rule's fault.
func (r *Rule) shownBy(e errorlog.Entry) bool { return r.likely(e) < len(strings.Fields(e.Causes)) }

// likely is which of a message's causes is the rule's first: 0 is the most likely one. Where none is, it is how
// many there are.
func (r *Rule) likely(e errorlog.Entry) int {
	causes, own := strings.Fields(e.Causes), strings.Fields(r.Causes)
	if i := slices.IndexFunc(causes, func(id string) bool { return slices.Contains(own, id) }); i >= 0 {
		return i
	}
	return len(causes)
}

// LogLines are how messages begin that the rule's fault may be behind, as they are in the log; … stands for
// anything.
func (r *Rule) LogLines() (all []string) {
	for _, e := range errorlog.Kinds() {
		if e.Hop != "" && r.shownBy(e) {
			all = append(all, e.Examples()...)
		}
	}
	return unique(all)
}

// explainer finds what in a project messages are about.
type explainer struct {
	*facts
	report *Report
	routes map[*compose.Route]int // of the report's
}

func newExplainer(stack *compose.Stack, r *Report) *explainer {
	e := &explainer{facts: newFacts(stack, nil), report: r, routes: map[*compose.Route]int{}}
	for _, p := range stack.Proxies { // as the walk goes through them
		for _, route := range p.Routes {
			e.routes[route] = len(e.routes)
		}
	}
	return e
}

// explain adds to a message its place, its routes, and the findings that explain it.
func (e *explainer) explain(m *Message, s *remark) {
	var routes []*compose.Route
	proxies := e.saidBy(s.sender)
	for _, p := range proxies {
		if m.Place == (proxy.Place{}) {
			m.Place = e.placeIn(p, s.Line)
		}
		for _, line := range s.samples {
			routes = append(routes, e.about(p, line, m.Place)...)
		}
	}
	routes = unique(routes)
	for _, r := range routes[:min(len(routes), maxRelated)] {
		if i := e.routes[r]; i < len(e.report.Routes) {
			m.Routes = append(m.Routes, e.report.Routes[i])
		}
	}
	if s.Client != "" {
		m.Findings = e.ofRoutes(m, routes)
	} else {
		m.Findings = e.ofProxies(m, s, proxies)
	}
	slices.SortStableFunc(m.Findings, func(a, b *Finding) int {
		return cmp.Or(cmp.Compare(boolInt(a.Severity == Note), boolInt(b.Severity == Note)), cmp.Compare(a.Rule.likely(m.Entry), b.Rule.likely(m.Entry)))
	})
	m.Findings = m.Findings[:min(len(m.Findings), maxWhys)]
	for i, f := range m.Findings {
		m.Findings[i] = f.among(m.Routes)
	}
}

// maxWhys bounds the findings that explain one message.
const maxWhys = 10

// among is a finding with those of its routes alone that a message is about, if there are any. What there may be
// thousands of is bounded, because many messages have the same finding: edits are all there or none.
func (f *Finding) among(routes []RouteReport) *Finding {
	own := *f
	if len(routes) > 0 {
		own.Routes = nil
		for _, r := range routes {
			if slices.Contains(f.Routes, r.ID) {
				own.Routes = append(own.Routes, r.ID)
			}
		}
	}
	own.Routes = own.Routes[:min(len(own.Routes), maxRelated)]
	if len(own.Fix.Edits) > maxRelated {
		own.Fix.Edits = nil
	}
	return &own
}

// replica is what Compose puts behind a service's name to name its containers.
var replica = regexp.MustCompile(`[-_.]\d+$`)

// isOf says whether docker compose puts a name before the lines of a service.
func (e *explainer) isOf(sender string, svc *compose.Service) bool {
	if sender == "" || sender == svc.ContainerName {
		return sender != ""
	}
	name := replica.ReplaceAllString(sender, "")
	return name == svc.Name || name == e.stack.Name+"-"+svc.Name || name == e.stack.Name+"_"+svc.Name
}

// other says whether a line comes from a service that does not run nginx.
func (e *explainer) other(sender string) bool {
	return slices.ContainsFunc(e.services, func(svc *compose.Service) bool { return e.nginx[svc.Name] == nil && e.isOf(sender, svc) })
}

// saidBy are the proxies that a line may come from: the one that docker compose names before it, else any.
func (e *explainer) saidBy(sender string) (named []*compose.Proxy) {
	for _, p := range e.stack.Proxies {
		if e.isOf(sender, p.Service) {
			named = append(named, p)
		}
	}
	if len(named) > 0 {
		return named
	}
	return e.stack.Proxies
}

// placeIn is where the file and line that a message names are among the user's files.
func (e *explainer) placeIn(p *compose.Proxy, l errorlog.Line) (at proxy.Place) {
	for _, file := range p.Config.Files {
		if l.File != "" && file.Path == l.File && file.Name != "" {
			line := e.stack.Sources.Line(file.Name, l.Line)
			return proxy.Place{File: file.Name, Line: l.Line, Column: 1 + len(indentation(line))}
		}
	}
	return at
}

// about are the routes that a line is about: those that a request took, or those that stand where nginx could
// not read its configuration, or that a resolver was asked for.
func (e *explainer) about(p *compose.Proxy, l errorlog.Line, at proxy.Place) (routes []*compose.Route) {
	if l.Client != "" {
		return e.routesOf(p, l)
	}
	host, _, err := net.SplitHostPort(l.Resolver)
	name := quoted(l.Message)
	for _, r := range p.Routes {
		asks := err == nil && r.Pass.Resolver != nil && slices.Contains(r.Pass.Resolver.Addresses, host)
		if asks || slices.ContainsFunc(e.backends(r), func(b Backend) bool { return b.standsAt(r, at, name) }) {
			routes = append(routes, r)
		}
	}
	return routes
}

// standsAt says whether a backend, or the pass that leads to it, is written in some line, or if none is known
// is called like what a message names.
func (b Backend) standsAt(r *compose.Route, at proxy.Place, name string) bool {
	if at.Known() {
		return sameLine(b.Place, at) || sameLine(r.Pass.Place, at)
	}
	return name != "" && (strings.EqualFold(b.Host, name) || strings.EqualFold(b.address(), name))
}

func sameLine(a, b proxy.Place) bool { return a.Known() && a.File == b.File && a.Line == b.Line }

// quoted is the first text between quotes in a message.
func quoted(message string) string {
	_, after, _ := strings.Cut(message, `"`)
	text, _, ended := strings.Cut(after, `"`)
	if !ended {
		return ""
	}
	return text
}

// ofRoutes are the findings about some routes that explain a message. What stops nginx is listed with all of a
// proxy's routes, but explains what happened on those alone that it lies on.
func (e *explainer) ofRoutes(m *Message, routes []*compose.Route) (all []*Finding) {
	ids, places := map[string]bool{}, map[proxy.Place]bool{}
	for _, r := range m.Routes {
		ids[r.ID] = true
	}
	for _, r := range routes {
		for _, b := range e.backends(r) {
			places[b.Place] = true
		}
	}
	for _, f := range e.report.Findings {
		lies := f.Rule.Scope == OfProxy || f.Status != StatusNoStart || places[f.Place]
		if lies && f.explains(m.Entry) && slices.ContainsFunc(f.Routes, func(id string) bool { return ids[id] }) {
			all = append(all, f)
		}
	}
	return all
}

// ofProxies are the findings about proxies that explain a message of no request: those about the file, line or
// name that it has, else all that may.
func (e *explainer) ofProxies(m *Message, s *remark, proxies []*compose.Proxy) (exact []*Finding) {
	var all []*Finding
	for _, f := range e.report.Findings {
		if !f.explains(m.Entry) || !slices.ContainsFunc(proxies, func(p *compose.Proxy) bool { return p.Service.Name == f.Proxy }) {
			continue
		}
		all = append(all, f)
		if sameLine(f.Place, m.Place) || names(s.Message, f.subject) {
			exact = append(exact, f)
		}
	}
	if len(exact) > 0 {
		return exact
	}
	return all
}

// explains says whether a finding may be why nginx wrote a message: its rule has one of the causes, or it is
// more than a note about the same hop.
func (f *Finding) explains(e errorlog.Entry) bool {
	return f.Rule.shownBy(e) || f.Severity > Note && f.Rule.Hop.String() == e.Hop
}
