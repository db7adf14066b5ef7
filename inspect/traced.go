package inspect

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"why502/compose"
	"why502/compose/proxy"
	"why502/inspect/errorlog"
	"why502/inspect/trace"
)

// Asked is a request as it is made from outside, to a published port.
type Asked struct {
	Method  string
	Scheme  string // http or https
	Host    string // of the URL, without brackets and port
	Port    int
	Target  string        // as written: "/a/../b?c"
	Headers []trace.Field // with Host
}

// String gives the request as users say it: "GET http://localhost:8080/api".
func (a Asked) String() string {
	host := a.Host
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if a.Port != (map[string]int{"http": 80, "https": 443})[a.Scheme] {
		host += ":" + strconv.Itoa(a.Port)
	}
	return a.Method + " " + a.Scheme + "://" + host + a.Target
}

// Entry is a published port of the machine, and what of the project is behind it.
type Entry struct {
	HostIP    string // empty: all addresses
	Published int
	Service   *compose.Service
	Proxy     *compose.Proxy // nil: the service is none
	Target    int            // that it leads to in the container
}

// Entries are all ports of TCP that the project publishes: as its containers have them where the daemon was
// asked, else as the files say. A proxy on the host's network publishes what it listens on.
func Entries(stack *compose.Stack, snap *Snapshot) (all []Entry) {
	f := newFacts(stack, snap)
	for _, svc := range f.services {
		own := Entry{Service: svc, Proxy: f.proxies[svc.Name]}
		for _, p := range f.publishes(svc) {
			if p.Protocol == "udp" || p.Published == 0 {
				continue
			}
			e := own
			e.HostIP, e.Published, e.Target = p.HostIP, p.Published, p.Target
			if e.Proxy == nil || !(&Case{Proxy: e.Proxy, facts: f}).listensOn(e.Target) {
				e.Proxy = cmp.Or(f.listenerIn(svc, e.Target), e.Proxy)
			}
			all = append(all, e)
		}
		if own.Proxy != nil && svc.NetworkMode == "host" {
			for _, l := range (&Case{Proxy: own.Proxy, facts: f}).listens() {
				all = append(all, Entry{HostIP: l.Address, Published: l.Port, Target: l.Port, Service: svc, Proxy: own.Proxy})
			}
		}
	}
	return all
}

// publishes are the published ports of a service.
func (f *facts) publishes(svc *compose.Service) (all []Binding) {
	for _, box := range f.running(svc.Name) {
		all = append(all, box.Published...)
	}
	if len(all) > 0 || svc.Disabled {
		return all
	}
	for _, p := range svc.Ports {
		all = append(all, Binding{p.HostIP, p.Published, p.Target, p.Protocol})
	}
	return all
}

// listenerIn is the proxy that listens on a port in the network namespace of a service; nil: none does.
func (f *facts) listenerIn(svc *compose.Service, port int) *compose.Proxy {
	for _, other := range f.together[f.namespace(svc)] {
		if p := f.proxies[other.Name]; p != nil && (&Case{Proxy: p, facts: f}).listensOn(port) {
			return p
		}
	}
	return nil
}

// Traced is one request, followed through the project.
type Traced struct {
	Request string // "GET http://localhost:8080/api"
	Legs    []Leg  // a proxy behind a proxy is the next leg
	Sent    *Sent  // nil: it was not sent
	Unsent  string // why; empty: nobody wanted it sent
}

// Leg is the part of the way that leads through one proxy.
type Leg struct {
	Proxy string
	From  string // what leads to it: "port 8080", or the proxy before
	trace.Trace
	Routes []string // the route that each of the ways takes, by its id in the report; empty: it takes none
	Log    []string // what the proxy wrote about the request that was sent
}

// Sent is what became of the request that was sent.
type Sent struct {
	Address  string // that it was sent to
	Status   int    // 0: there was no answer
	Location string // of a redirect
	Error    string // why there was no answer
	Took     time.Duration
	Marker   string // in its User-Agent; empty: the user gave one
}

// maxLegs bounds how many proxies behind each other are followed.
const maxLegs = 5

// Follow narrows a report to one request: it has the routes that the request takes, and what was found on
// them. sent is what became of it where it was sent.
func (r *Report) Follow(stack *compose.Stack, snap *Snapshot, asked Asked, at Entry, sent *Sent) {
	f := &follower{facts: newFacts(stack, snap), secrets: NewSecrets(stack), judged: map[*compose.Route]RouteReport{}}
	for _, p := range stack.Proxies { // as the walk goes through them
		for _, route := range p.Routes {
			if i := len(f.judged); i < len(r.Routes) {
				f.judged[route] = r.Routes[i]
			}
		}
	}
	f.traced = &Traced{Request: f.secrets.Mask(asked.String()), Sent: sent}
	from := fmt.Sprintf("port %d", at.Published)
	f.leg(at.Proxy, from, trace.Request{
		Method: asked.Method, Scheme: asked.Scheme, Port: at.Target, Target: asked.Target, Headers: asked.Headers, SNI: sni(asked),
	})
	r.Trace = f.traced
	r.narrow()
}

// sni is the name that TLS asks for: addresses are none.
func sni(a Asked) string {
	if _, err := netip.ParseAddr(a.Host); err == nil || a.Scheme != "https" {
		return ""
	}
	return a.Host
}

// follower follows a request from proxy to proxy.
type follower struct {
	*facts
	secrets *Secrets
	judged  map[*compose.Route]RouteReport
	traced  *Traced
}

// leg follows the request through one proxy, and goes on where it leads to another one.
func (f *follower) leg(p *compose.Proxy, from string, request trace.Request) {
	if len(f.traced.Legs) == maxLegs {
		return
	}
	leg := Leg{Proxy: p.Service.Name, From: from, Trace: trace.Follow(p.Config, request, trace.Options{Upstream: f.failing(p)})}
	var routes []*compose.Route
	for _, w := range leg.Ways {
		route := routeTaken(p, request.Port, w)
		routes = append(routes, route)
		leg.Routes = append(leg.Routes, f.judged[route].ID)
	}
	if f.traced.Sent != nil {
		leg.Log = f.logged(p, request)
	}
	for i, w := range leg.Ways {
		if w.Server == nil && !p.Config.Complete() {
			leg.Ways[i].Unknown = "not all that nginx loads could be read"
		}
	}
	first := leg.Ways[0]
	leg.Ways = f.masked(leg.Ways)
	f.traced.Legs = append(f.traced.Legs, leg)
	if len(routes) == 1 && routes[0] != nil && first.Sent != nil && first.Sent.Unknown == "" {
		f.next(p, routes[0], first, request)
	}
}

// failing gives the status that nginx answers itself where all routes to an upstream are broken, so that it is
// followed which error page takes its place.
func (f *follower) failing(p *compose.Proxy) func(trace.Sent) (int, bool) {
	return func(sent trace.Sent) (status int, failed bool) {
		for _, r := range p.Routes {
			if !leads(r.Target, sent) {
				continue
			}
			state := f.judged[r]
			answer, err := strconv.Atoi(string(state.Status))
			if err != nil || state.Verdict != VerdictBroken || failed && status != answer {
				return 0, false
			}
			status, failed = answer, true
		}
		return status, failed
	}
}

// leads says whether a target is what a request is sent to.
func leads(t proxy.Target, sent trace.Sent) bool {
	if t.Group != nil {
		return t.Group == sent.Group
	}
	return sent.Group == nil && strings.EqualFold(t.Host, sent.Host) && t.Port == sent.Port && t.Socket == sent.Socket
}

// next goes on in the proxy that a route leads to, if it leads to one.
func (f *follower) next(p *compose.Proxy, r *compose.Route, w trace.Way, request trace.Request) {
	for _, b := range f.backends(r) {
		if b.Service == nil || b.Service == p.Service || f.proxies[b.Service.Name] == nil || w.Pass.Directive != "proxy_pass" {
			continue
		}
		headers := []trace.Field{{Name: "Host", Value: w.Sent.Header}}
		for _, h := range request.Headers {
			if !strings.EqualFold(h.Name, "Host") {
				headers = append(headers, h)
			}
		}
		f.leg(f.proxies[b.Service.Name], p.Service.Name, trace.Request{
			Method: w.Sent.Method, Scheme: w.Sent.Scheme, Port: b.Port, Target: w.Sent.URI, Headers: headers, HTTP10: w.Pass.HTTPVersion == "1.0",
		})
		return
	}
}

// routeTaken is the route that a way takes; nil: none.
func routeTaken(p *compose.Proxy, port int, w trace.Way) (best *compose.Route) {
	for _, r := range p.Routes {
		if r.Pass != w.Pass || w.Pass == nil || r.Server != w.Server || r.Listen.Port != port {
			continue
		}
		if w.Sent != nil && leads(r.Target, *w.Sent) {
			return r
		}
		if best == nil {
			best = r
		}
	}
	return best
}

// logged is what a proxy wrote about the request that was sent: what has its marker in it, and what nginx
// reports of such a request since.
func (f *follower) logged(p *compose.Proxy, request trace.Request) (lines []string) {
	if f.snap == nil {
		return nil
	}
	line := request.Method + " " + request.Target + " HTTP/"
	of := func(l LogLine) {
		read, ok := errorlog.Parse(l.Text)
		switch marker := f.traced.Sent.Marker; {
		case len(lines) == maxLogged || !l.Time.IsZero() && l.Time.Before(f.snap.Time):
		case marker != "" && strings.Contains(l.Text, marker), ok && !l.Time.IsZero() && strings.HasPrefix(read.Request, line):
			lines = append(lines, f.secrets.Mask(l.Text))
		}
	}
	for _, box := range f.running(p.Service.Name) {
		for _, l := range f.snap.Logs[box.ID] {
			of(l)
		}
		for _, q := range slices.SortedFunc(maps.Keys(f.snap.Tails), compareQuestions) {
			for _, l := range f.snap.Tails[q] {
				if q.Of == box.ID {
					of(l)
				}
			}
		}
	}
	return lines
}

// maxLogged bounds the lines that are shown of one request.
const maxLogged = 20

// masked takes out of ways what looks like a credential.
func (f *follower) masked(ways []trace.Way) (all []trace.Way) {
	mask := f.secrets.Mask
	for _, w := range ways {
		w.Steps, w.Assumed = slices.Clone(w.Steps), slices.Clone(w.Assumed)
		for i, s := range w.Steps {
			lost := slices.Clone(s.Lost)
			for k, l := range lost {
				lost[k].What, lost[k].Why = mask(l.What), mask(l.Why)
			}
			w.Steps[i].Text, w.Steps[i].Lost = mask(s.Text), lost
		}
		for i, c := range w.Assumed {
			w.Assumed[i].Question = mask(c.Question)
		}
		if w.Sent != nil {
			sent := *w.Sent
			sent.Value, sent.URI, sent.Header, sent.Unknown = mask(sent.Value), mask(sent.URI), mask(sent.Header), mask(sent.Unknown)
			w.Sent = &sent
		}
		a := &w.Answer
		a.Location, a.Text, a.File, a.What = mask(a.Location), mask(a.Text), mask(a.File), mask(a.What)
		w.Unknown = mask(w.Unknown)
		all = append(all, w)
	}
	return all
}

// narrow leaves of a report what concerns the request alone.
func (r *Report) narrow() {
	takes, through := map[string]bool{}, map[string]bool{}
	for _, leg := range r.Trace.Legs {
		through[leg.Proxy] = true
		for _, id := range leg.Routes {
			takes[id] = true
		}
	}
	r.Routes = slices.DeleteFunc(r.Routes, func(route RouteReport) bool { return !takes[route.ID] })
	r.Proxies = slices.DeleteFunc(r.Proxies, func(p ProxyReport) bool { return !through[p.Service] })
	drop := func(f *Finding) bool {
		of := len(f.Routes)
		f.Routes = slices.DeleteFunc(slices.Clone(f.Routes), func(id string) bool { return !takes[id] })
		return len(f.Routes) == 0 && (of > 0 || !through[f.Proxy])
	}
	r.Findings, r.Ignored = slices.DeleteFunc(r.Findings, drop), slices.DeleteFunc(r.Ignored, drop)
	r.Unchecked = slices.DeleteFunc(r.Unchecked, func(u proxy.Unchecked) bool {
		service, _, _ := strings.Cut(u.What, ":")
		return !through[service] && !takes[u.What]
	})
	r.Verdict = VerdictUnknown
	if len(r.Trace.Legs) > 0 && len(r.Routes) == 0 && r.Trace.Legs[0].Certain() {
		r.Verdict = VerdictOK // nginx answers itself
	}
	for i, route := range r.Routes {
		if i == 0 {
			r.Verdict = route.Verdict
		}
		r.Verdict = worst(r.Verdict, route.Verdict)
	}
	for _, f := range r.Findings {
		if f.Status == StatusNoStart && f.breaks() {
			r.Verdict = worst(r.Verdict, map[Severity]Verdict{Error: VerdictBroken, Warning: VerdictLikelyBroken}[f.Severity])
		}
	}
}
