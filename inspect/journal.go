package inspect

import (
	"cmp"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"why502/compose"
	"why502/compose/proxy"
	"why502/inspect/errorlog"
)

// journal is what a proxy's nginx wrote since it has the configuration that it works with. What is
// older says nothing about the present.
type journal struct {
	failures []*failure // requests that it could not pass on, oldest first
	errors   []*failure // all lines about requests, those among them
	visits   []visit    // what it answered, where it logs that in a format that is known; oldest first
	about    map[*compose.Route][]*failure
	answered map[string]time.Time          // when a request, "GET /path", last had an answer
	taking   map[*proxy.Location]time.Time // when a request that a location takes last had one
	refused  *failure                      // the [emerg] by which it refused a newer configuration; nil: none
	complete bool                          // its error log was read, so that what has no line did not happen
	undated  bool                          // it has no word of when nginx took its configuration
}

// failure is one line of an error log, and what it is about.
type failure struct {
	errorlog.Line
	at     time.Time
	routes []*compose.Route // nil: not known
	status int              // of a line of the access log; else 0
}

// ProbeAgent is the User-Agent of the probe, which marks what is ours in the logs of the user's services.
const ProbeAgent = "why502-probe"

// visit is one line of an access log.
type visit struct {
	errorlog.Access
	at   time.Time
	path string
}

// journal reads what a proxy wrote.
func (f *facts) journal(p *compose.Proxy) *journal {
	j := f.journals[p]
	if j == nil {
		j = &journal{complete: f.logsErrors(p)}
		f.journals[p] = j
		for _, box := range f.running(p.Service.Name) {
			f.readJournal(j, p, box)
		}
		slices.SortStableFunc(j.failures, func(a, b *failure) int { return a.at.Compare(b.at) })
		slices.SortStableFunc(j.visits, func(a, b visit) int { return a.at.Compare(b.at) })
		f.attribute(p, j.failures)
		j.index(p)
	}
	return j
}

// index finds failures by their routes, and when requests were last answered. Which server a request came to
// is not logged.
func (j *journal) index(p *compose.Proxy) {
	j.about, j.answered, j.taking = map[*compose.Route][]*failure{}, map[string]time.Time{}, map[*proxy.Location]time.Time{}
	for _, e := range j.failures {
		for _, r := range e.routes {
			j.about[r] = append(j.about[r], e)
		}
	}
	last := map[string]time.Time{} // by path
	for _, v := range j.visits {
		if v.hadAnswer() {
			j.answered[v.Method+" "+v.path], last[v.path] = v.at, v.at
		}
	}
	for _, s := range p.Config.Servers {
		for path, at := range last {
			if loc, _ := locationAt(s.Locations, path); loc != nil {
				j.taking[loc] = later(j.taking[loc], at)
			}
		}
	}
}

// hadAnswer says whether the upstream, or nginx itself, had an answer to give: what is no failure of either,
// and no client that left.
func (v visit) hadAnswer() bool {
	return v.Status >= 100 && v.Status < 500 && v.Status != 400 && v.Status != 408 && v.Status != 499
}

// logsErrors says whether a proxy's error log is among what was read: not where its configuration
// keeps errors back, or sends them to where nothing was read.
func (f *facts) logsErrors(p *compose.Proxy) bool {
	if f.snap == nil || !p.Config.Complete() {
		return false
	}
	for _, args := range f.logDirectives(p, "error_log") {
		if len(args) > 1 && slices.Contains([]string{"crit", "alert", "emerg"}, args[1]) || strings.HasPrefix(args[0], "syslog:") || args[0] == "/dev/null" {
			return false
		}
	}
	for _, box := range f.running(p.Service.Name) {
		if f.snap.Logs[box.ID] == nil {
			return false
		}
		for _, path := range f.logFiles(p) {
			if f.snap.Tails[Question{Kind: AskTail, Of: box.ID, Path: path}] == nil {
				return false
			}
		}
	}
	return len(f.running(p.Service.Name)) > 0
}

// logLines are the lines that a proxy's container wrote to its output and to files.
func (f *facts) logLines(p *compose.Proxy, box *Container) []LogLine {
	lines := f.snap.Logs[box.ID]
	for _, path := range f.logFiles(p) {
		lines = append(lines[:len(lines):len(lines)], f.snap.Tails[Question{Kind: AskTail, Of: box.ID, Path: path}]...)
	}
	return lines
}

// readJournal adds what one container of a proxy wrote.
func (f *facts) readJournal(j *journal, p *compose.Proxy, box *Container) {
	lines := f.logLines(p, box)
	r := reading{zone: zoneOf(lines), since: box.Started}
	if took := reloadedAt(f.snap.Processes[box.ID]); took.After(r.since) {
		r.since = took
	}
	for _, line := range lines {
		r.read(line)
	}
	j.undated = j.undated || r.workers == nil
	r.since = later(r.since, f.snap.Since)
	for _, e := range r.errors {
		j.errors = append(j.errors, e)
		if failed(e.Line) && !e.at.Before(r.since) && (len(r.workers) == 0 || r.workers[e.PID]) {
			j.failures = append(j.failures, e)
		}
	}
	for _, v := range r.visits {
		if !v.at.Before(r.since) {
			j.visits = append(j.visits, v)
		}
	}
	if r.refused != nil && r.refused.at.After(box.Started) {
		j.refused = r.refused
	}
}

// settled is how long nginx may take from its start to its first workers, which are of the configuration that it
// began with. The ages of all processes are of one moment, but which one is known less well than that: a busy daemon
// takes seconds to list them.
const settled = 5 * time.Second

// reloadedAt is when nginx took another configuration than that which it began with, by its workers that are not
// about to end. Zero: it did not, as far as they tell.
func reloadedAt(all []Process) (moment time.Time) {
	began := map[int]time.Time{}
	for _, p := range all {
		began[p.PID] = p.Started
	}
	for _, p := range all {
		if master, known := began[p.Parent]; p.serves() && (!known || p.Started.Sub(master) > settled) {
			moment = later(moment, p.Started.Add(-time.Second)) // it is counted in seconds
		}
	}
	return moment
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// reading is the log of one container, as far as it was read.
type reading struct {
	zone    time.Duration // of nginx's clock, east of UTC
	since   time.Time     // nginx took its configuration
	workers map[int]bool  // that have that configuration; nil: not known
	errors  []*failure
	visits  []visit
	told    *failure // the signal to read the configuration again, with no new workers since
	refused *failure // what nginx said instead
}

// zoneOf is how far nginx's clock is east of UTC, by what its access log says: the error log has no zone.
func zoneOf(lines []LogLine) time.Duration {
	for _, line := range slices.Backward(lines) {
		if a, ok := errorlog.ParseAccess(line.Text); ok {
			_, east := a.Time.Zone()
			return time.Duration(east) * time.Second
		}
	}
	return 0
}

// read adds one line. A configuration that nginx takes begins with new workers; what older ones write
// is about the one before it.
func (r *reading) read(line LogLine) {
	if a, ok := errorlog.ParseAccess(line.Text); ok {
		if !strings.Contains(line.Text, `"`+ProbeAgent+`"`) { // what answers the probe need not answer users
			r.visits = append(r.visits, visit{Access: a, at: moment(line.Time, a.Time), path: requestPath(a.URI)})
		}
		return
	}
	l, ok := errorlog.Parse(line.Text)
	if !ok {
		return
	}
	e := &failure{Line: l, at: moment(line.Time, l.Time.Add(-r.zone))}
	switch {
	case l.Kind == errorlog.WorkersStarted:
		r.since, r.workers, r.told, r.refused = later(e.at, r.since), map[int]bool{}, nil, nil
	case l.Kind == errorlog.WorkerStarted:
		if pid, err := strconv.Atoi(l.Message[strings.LastIndex(l.Message, " ")+1:]); err == nil && r.workers != nil {
			r.workers[pid] = true
		}
	case l.Kind == errorlog.Reconfiguring:
		r.told = e
	case l.Level == "emerg" && l.Conn == 0:
		if r.told != nil {
			r.refused = e
		}
	case l.Client != "" || failed(l):
		r.errors = append(r.errors, e)
	}
}

// moment is the daemon's time of a line, or nginx's own where there is none.
func moment(daemon, own time.Time) time.Time {
	if daemon.IsZero() {
		return own.UTC()
	}
	return daemon
}

// failed says whether a line is about a request, or a connection, that nginx could not serve.
func failed(l errorlog.Line) bool {
	return l.Entry().Hop != "" && slices.Contains([]string{"error", "crit", "alert"}, l.Level)
}

// attribute finds the routes that lines are about. Most of them say the same as another.
func (f *facts) attribute(p *compose.Proxy, failures []*failure) {
	type key struct{ server, uri, subrequest, scheme, peer, name string }
	known := map[key][]*compose.Route{}
	for _, e := range failures {
		k := key{e.Server, requestPath(e.URI), e.Subrequest, e.Upstream.Scheme, e.Upstream.Peer, nameIn(e.Line)}
		routes, seen := known[k]
		if !seen {
			routes = f.routesOf(p, e.Line)
			known[k] = routes
		}
		e.routes = routes
	}
}

// routesOf are the routes of a proxy that a line is about: of its server, to its upstream, and in the
// location that takes its request. Where an internal redirect leads to another location, its upstream
// has to tell; nil where that is not one.
func (f *facts) routesOf(p *compose.Proxy, l errorlog.Line) (routes []*compose.Route) {
	if l.Client == "" {
		return nil
	}
	for _, r := range p.Routes {
		if serves(r, l) && f.leads(r, l) {
			routes = append(routes, r)
		}
	}
	path := requestPath(cmp.Or(l.Subrequest, l.URI))
	takes := map[*proxy.Server]*proxy.Location{}
	var here []*compose.Route
	for _, r := range routes {
		loc, known := takes[r.Server]
		if !known {
			loc, _ = locationAt(r.Server.Locations, path)
			takes[r.Server] = loc
		}
		if loc != nil && loc == r.Location {
			here = append(here, r)
		}
	}
	if len(here) > 0 {
		return here
	}
	for _, r := range routes {
		if r.Pass.Place != routes[0].Pass.Place && r.Target.Value != routes[0].Target.Value {
			return nil
		}
	}
	return routes
}

// serves says whether a line's server is that of a route: nginx writes the first name of a server, and
// of stream the address that it listens on.
func serves(r *compose.Route, l errorlog.Line) bool {
	if r.Server.Stream {
		_, port, err := net.SplitHostPort(l.Server)
		return err == nil && l.Request == "" && port == strconv.Itoa(r.Listen.Port)
	}
	name := ""
	if len(r.Server.Names) > 0 {
		name = strings.TrimPrefix(r.Server.Names[0], ".")
	}
	return strings.EqualFold(name, l.Server) || name == "$hostname"
}

// leads says whether a route can lead to a line's upstream, or to the name that was looked up for it.
func (f *facts) leads(r *compose.Route, l errorlog.Line) bool {
	if l.Upstream.Scheme != "" && r.Target.Scheme != "" && l.Upstream.Scheme != r.Target.Scheme {
		return false
	}
	if r.Target.Unknown != "" {
		return true
	}
	return slices.ContainsFunc(f.backends(r), func(b Backend) bool { return b.Unknown != "" || b.named(r, l) })
}

// named says whether a line is about a backend: by its port or socket, by its group, or by its name.
func (b Backend) named(r *compose.Route, l errorlog.Line) bool {
	peer := l.Upstream.Peer
	if _, port, ok := l.Upstream.Address(); ok {
		return port == b.Port
	}
	if name := nameIn(l); name != "" {
		return strings.EqualFold(strings.TrimSuffix(name, "."), strings.TrimSuffix(b.Host, "."))
	}
	switch {
	case peer == "":
		return true
	case strings.HasPrefix(peer, "unix:"):
		return peer == "unix:"+b.Socket
	case r.Target.Group != nil:
		return r.Target.Group.Name == peer
	}
	return strings.EqualFold(b.Host, peer) || strings.EqualFold(b.address(), peer)
}

// nameIn is the name that a line says was not resolved; empty: it is about none.
func nameIn(l errorlog.Line) string {
	switch l.Kind {
	case errorlog.NoResolver:
		return strings.TrimPrefix(l.Message, "no resolver defined to resolve ")
	case errorlog.NotResolved:
		name, _, _ := strings.Cut(l.Message, " ")
		return name
	}
	return ""
}

// addresses are those that a service's containers have now.
func (f *facts) addresses(svc *compose.Service) (all []string) {
	for _, box := range f.containers[f.namespace(svc).Name] {
		for _, e := range box.Endpoints {
			if e.ID == "" {
				continue
			}
			for _, ip := range []string{e.IPv4, e.IPv6} {
				if ip != "" {
					all = append(all, ip)
				}
			}
		}
	}
	return all
}

// text is a failure in a few words, without what differs from request to request.
func (e *failure) text() string {
	text := bounded(e.Message)
	if e.While != "" {
		text += " while " + e.While
	}
	if e.Upstream.Peer != "" {
		text += ", " + e.Upstream.Peer
	}
	return text
}

// maxSaying bounds what is shown of one line of a log, in bytes.
const maxSaying = 300

// bounded is a line of a log as it is shown.
func bounded(text string) string {
	if len(text) > maxSaying {
		return strings.ToValidUTF8(text[:maxSaying], "") + "…"
	}
	return text
}

// countedText says how often failures of one text were seen, when, and which request met them:
// "14 × connect() failed …, 172.18.0.3:8000 (GET /), from 12:01:03 to 12:04:00 UTC".
func countedText(all []*failure) string {
	text := all[0].text()
	if len(all) > 1 {
		text = fmt.Sprintf("%d × %s", len(all), text)
	}
	if asked := all[0].asked(); asked != "" {
		others := ""
		if slices.ContainsFunc(all, func(e *failure) bool { return e.asked() != asked }) {
			others = " and others"
		}
		text += fmt.Sprintf(" (%s%s)", shortly(asked), others)
	}
	first, last := clock(all[0].at), clock(all[len(all)-1].at)
	if first == last {
		return fmt.Sprintf("%s, at %s UTC", text, last)
	}
	return fmt.Sprintf("%s, from %s to %s UTC", text, first, last)
}

// asked is the method and path of a failure's request; empty: it is about none.
func (e *failure) asked() string { return asked(e.Line) }

func asked(l errorlog.Line) string {
	if l.Method == "" {
		return ""
	}
	return l.Method + " " + requestPath(l.URI)
}

// clock is a time of day, in UTC.
func clock(at time.Time) string { return at.UTC().Format(time.TimeOnly) }

// sayings groups failures by their text, the most frequent first.
func sayings(all []*failure) (groups [][]*failure) {
	index := map[string]int{}
	for _, e := range all {
		i, known := index[e.text()]
		if !known {
			i, index[e.text()] = len(groups), len(groups)
			groups = append(groups, nil)
		}
		groups[i] = append(groups[i], e)
	}
	slices.SortStableFunc(groups, func(a, b []*failure) int { return len(b) - len(a) })
	return groups
}
