package inspect

import (
	"slices"
	"strings"

	"why502/compose"
	"why502/compose/proxy"
)

// followProxies lets a route whose backends are other proxies of the project take over the verdict of
// the routes there. The finding stays the inner one's, at its place, and lists both.
func (j *judge) followProxies() {
	byRoute := map[*compose.Route]*walked{}
	for _, w := range j.routes {
		byRoute[w.route] = w
		for _, b := range w.backends {
			j.blame(w, b)
		}
	}
	for range 2 * len(j.proxies) { // a chain has each proxy at most twice: what is asked first, and the pass
		changed := false
		for _, w := range j.routes {
			changed = j.follow(w, byRoute) || changed
		}
		if !changed {
			return
		}
	}
}

// follow takes over what becomes of requests behind a route's backends, and of the request that
// auth_request makes first: nginx answers 500 where that fails.
func (j *judge) follow(w *walked, byRoute map[*compose.Route]*walked) (changed bool) {
	var first, next []*walked
	for _, r := range askedFirst(w.route) {
		first = append(first, byRoute[r])
	}
	if w.verdict == VerdictBroken || w.verdict == VerdictLikelyBroken {
		return j.comesFirst(w, first)
	}
	for _, b := range w.backends {
		if b.down() {
			continue
		}
		inner := byRoute[j.innerRoute(w.route, b.Backend)]
		if inner == nil {
			inner = j.stopped(w, b.Service)
		}
		next = append(next, inner)
	}
	changed = j.depend(w, first)
	if w.fails() {
		w.status = Status500
		return true
	}
	return j.depend(w, next) || changed
}

// comesFirst lets what auth_request asks decide on a route whose own upstream fails, too: that is not asked then.
func (j *judge) comesFirst(w *walked, first []*walked) (changed bool) {
	passes := func(inner *walked) bool { return inner == nil || !inner.fails() || inner.verdict != w.verdict }
	if len(first) == 0 || slices.ContainsFunc(first, passes) || w.status != Status502 && w.status != Status504 {
		return false
	}
	w.status = Status500
	for _, inner := range first {
		j.concerns(w, inner, (*Finding).breaks)
	}
	return true
}

// stopped is what becomes of requests to a service whose nginx passes nothing on, and does not start; nil: it is none.
// Whether its name is known for a moment, so that the proxy before it starts, is a matter of luck.
func (j *judge) stopped(w *walked, svc *compose.Service) *walked {
	f := j.stops(svc, w)
	if f == nil {
		return nil
	}
	verdict := VerdictBroken
	if f.Confidence == Likely {
		verdict = VerdictLikelyBroken
	}
	return &walked{route: &compose.Route{}, verdict: verdict}
}

// blame lets the route of an upstream that does not run show what keeps the nginx in it from starting, if that is
// sure, and not merely that it does not run.
func (j *judge) blame(w *walked, b *walkedBackend) {
	if b.cause == nil || b.cause.Rule != upstreamNotRunning && b.cause.Rule != upstreamRestarting {
		return
	}
	if why := j.stops(b.Service, w); why != nil && why.Severity == Error {
		j.found = slices.DeleteFunc(j.found, func(f *Finding) bool { return f == b.cause })
	}
}

// stops finds what keeps the nginx of a service from starting, and adds a route to it that leads there; nil: nothing
// was found, or it is the route's own proxy.
func (j *judge) stops(svc *compose.Service, w *walked) *Finding {
	if svc == nil || svc == w.route.Proxy.Service {
		return nil
	}
	for _, f := range j.found {
		if f.Proxy != svc.Name || f.Status != StatusNoStart || !f.breaks() {
			continue
		}
		if !slices.Contains(f.Routes, w.route.ID) {
			f.Routes = append(slices.Clone(f.Routes), w.route.ID)
		}
		return f
	}
	return nil
}

// depend takes over the verdict of routes of which one serves each request: where all of them are broken
// the route is, where some are it is at risk. Nil is one that answers, as far as is known.
func (j *judge) depend(w *walked, on []*walked) (changed bool) {
	var broken []*walked
	answering := 0
	for _, inner := range on {
		if inner != nil && inner.verdict == VerdictAtRisk && w.verdict == VerdictOK {
			w.verdict, changed = VerdictAtRisk, true
			j.concerns(w, inner, func(f *Finding) bool { return f.Severity == Warning && !f.breaks() })
		}
		if inner != nil && inner != w && inner.fails() {
			broken = append(broken, inner)
		} else {
			answering++
		}
	}
	if len(broken) == 0 || answering > 0 && w.verdict == VerdictAtRisk {
		return changed
	}
	w.verdict = VerdictAtRisk
	if answering == 0 {
		w.takeOver(broken[0])
	}
	for _, inner := range broken {
		j.concerns(w, inner, (*Finding).breaks)
	}
	return true
}

// askedFirst are the routes of the location that auth_request asks before it lets a request through.
func askedFirst(r *compose.Route) (all []*compose.Route) {
	if r.Pass.Auth == "" {
		return nil
	}
	path, _, _ := strings.Cut(r.Pass.Auth, "?")
	loc := locationFor(r.Server.Locations, path)
	for _, other := range r.Proxy.Routes {
		if loc != nil && other.Location == loc && other.Listen == r.Listen {
			all = append(all, other)
		}
	}
	return all
}

// concerns adds a route to the findings about the one that it leads to.
func (j *judge) concerns(w, inner *walked, which func(*Finding) bool) {
	for _, f := range j.found {
		if which(f) && slices.Contains(f.Routes, inner.route.ID) && !slices.Contains(f.Routes, w.route.ID) {
			f.Routes = append(slices.Clone(f.Routes), w.route.ID)
		}
	}
}

// fails says whether requests fail on a route. That nothing listens behind its published port does
// not matter to those that come from another container.
func (w *walked) fails() bool {
	return (w.verdict == VerdictBroken || w.verdict == VerdictLikelyBroken) && w.status != StatusRefused
}

// takeOver gives a route the verdict of the one that it leads to. A proxy that does not start, or
// whose own connection is closed, is a 502 to the one before it.
func (w *walked) takeOver(inner *walked) {
	w.verdict, w.status = inner.verdict, inner.status
	if inner.status == StatusNoStart || inner.status == StatusClosed {
		w.status = Status502
	}
}

// innerRoute is the route of another proxy that a request on this route goes on to: the server on
// that port that bears the same name, else its default; in it the location that nginx would take
// for the path that is passed on. Nil where that is not another proxy, or cannot be told.
func (f *facts) innerRoute(r *compose.Route, b Backend) *compose.Route {
	if b.Service == nil || r.Location == nil {
		return nil
	}
	inner := f.proxies[b.Service.Name]
	if inner == nil || inner == r.Proxy {
		return nil
	}
	srv := serverFor(inner.Config, b.Port, hostsAsked(r, b))
	path, ok := passedPath(r)
	if srv == nil || !ok {
		return nil
	}
	loc := locationFor(srv.Locations, path)
	for _, candidate := range inner.Routes {
		if candidate.Server == srv && candidate.Location == loc && candidate.Listen.Port == b.Port {
			return candidate
		}
	}
	return nil
}

// hostsAsked are the names that the upstream is asked for: those of the route's server where it
// passes on the client's Host header, else the one that it sends instead; nil where that is not known.
func hostsAsked(r *compose.Route, b Backend) []string {
	switch host, _ := r.Pass.Header("Host"); {
	case host == "" || host == "$proxy_host":
		return []string{b.Host}
	case host == "$host" || host == "$http_host" || host == "$host:$server_port":
		return append([]string{""}, r.Server.Names...)
	case !strings.Contains(host, "$"):
		return []string{host}
	}
	return nil
}

// serverFor picks the server that answers on a port: by one of the names asked for, else the default
// one, which is the first unless another says default_server. Nil where the names are not known.
func serverFor(c *proxy.Config, port int, names []string) *proxy.Server {
	var first, marked *proxy.Server
	for _, s := range c.Servers {
		for _, l := range s.Listens {
			if s.Stream || l.Port != port || names == nil {
				continue
			}
			if slices.ContainsFunc(names, func(n string) bool { return n != "" && n != "_" && slices.Contains(s.Names, n) }) {
				return s
			}
			if first == nil {
				first = s
			}
			if l.Default && marked == nil {
				marked = s
			}
		}
	}
	if marked != nil {
		return marked
	}
	return first
}

// passedPath is the path that the upstream is asked for when the route's location is asked for as
// it stands. A URI on the pass replaces what the location matched.
func passedPath(r *compose.Route) (path string, ok bool) {
	rewrites := func(d *proxy.Directive) bool { return d.Name == "rewrite" || d.Name == "if" || d.Name == "return" }
	switch {
	case slices.Contains([]string{"~", "~*", "@"}, r.Location.Modifier) || r.Pass.Within != "":
		return "", false
	case slices.ContainsFunc(r.Location.Directives, rewrites) || slices.ContainsFunc(r.Server.Directives, rewrites):
		return "", false
	}
	switch uri := r.Target.URI; {
	case uri == "" || uri == "$request_uri" || strings.HasPrefix(uri, "$uri"):
		return r.Location.Path, true
	case strings.Contains(uri, "$"):
		return "", false
	default:
		return uri, true
	}
}

// locationFor picks the location for a path as nginx does among prefixes: the exact one, else the
// longest. Nil where a regular expression might decide instead.
func locationFor(locations []*proxy.Location, path string) *proxy.Location {
	best, told := longest(locations, path)
	if !told {
		return nil
	}
	return best
}

// longest is locationFor; told is false where a regular expression might decide.
func longest(locations []*proxy.Location, path string) (best *proxy.Location, told bool) {
	told = true
	for _, l := range locations {
		switch l.Modifier {
		case "=":
			if l.Path == path {
				return l, true
			}
		case "", "^~":
			if strings.HasPrefix(path, l.Path) && (best == nil || len(l.Path) > len(best.Path)) {
				best = l
			}
		case "~", "~*":
			told = false
		}
	}
	if best == nil {
		return nil, told
	}
	nested, sure := longest(best.Locations, path)
	if nested == nil {
		nested = best
	}
	return nested, told && sure
}
