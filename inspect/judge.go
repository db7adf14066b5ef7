package inspect

import (
	"maps"
	"slices"

	"why502/compose"
	"why502/compose/proxy"
)

// Judge walks every route of the stack and reports what is wrong, worst first. A nil snapshot means
// a verdict from the files alone; live says what became of the daemon.
func Judge(stack *compose.Stack, snap *Snapshot, live Live, opts Options) *Report {
	j := &judge{facts: newFacts(stack, snap), rules: byHop(snap != nil), ids: map[string]string{}, alike: map[string]int{}}
	haveMasks := meanwhile(func() { j.masks = newMasks(NewSecrets(stack)) })
	if live.State == LiveInspected && snap != nil && len(snap.Project) > 0 && !j.live() {
		live.Note = "the project is stopped, so this is a verdict from the files; start it and ask again"
	}
	for _, p := range stack.Proxies {
		j.walkProxy(p)
	}
	j.followProxies()
	haveMasks()
	r := &Report{
		Project: Project{Name: stack.Name, Directory: stack.Directory, Files: stack.Files},
		Live:    live,
		Verdict: VerdictOK,
	}
	j.reportRoutes(r)
	j.reportFindings(r, opts)
	j.reportUnchecked(r)
	return r
}

// judge collects what the walk finds.
type judge struct {
	*facts
	rules  rulesByHop
	routes []*walked
	found  []*Finding
	masks  *masks            // that take credentials out of what is reported
	ids    map[string]string // of routes, as they are shown, where that is not what they are
	alike  map[string]int    // how many of these are the same
	listed int               // routes that findings list so far
}

// walked is one route after the walk.
type walked struct {
	route    *compose.Route
	backends []*walkedBackend
	verdict  Verdict
	status   Status
	atRisk   bool // the next start of its proxy fails
}

// walkedBackend is one backend after the walk: the state of each hop, and what was found.
type walkedBackend struct {
	Backend
	hops  [len(hops)]HopState
	cause *Finding   // of the broken hop that ended the walk; nil: none
	risks []*Finding // of hops that are at risk, and notes
}

// walkProxy judges one proxy, then each of its routes and the groups that no route uses. What stops
// nginx is put on all of its routes.
func (j *judge) walkProxy(p *compose.Proxy) {
	c := &Case{Proxy: p, facts: j.facts}
	own, states := j.walkOwn(c)
	first := len(j.routes)
	j.routes = append(j.routes, j.walkRoutes(p.Routes, states)...)
	j.softenUnloaded(p, j.routes[first:], own)
	found := append(own, j.walkIdleGroups(p)...)
	for _, w := range j.routes[first:] {
		for _, b := range w.backends {
			found = append(found, b.findings()...)
		}
	}
	found = j.reloadAsEvidence(p, j.explainStop(p, found))
	var common []*Finding
	for _, f := range found {
		if f.Status != StatusNoStart && f.Rule.Scope != OfProxy {
			continue
		}
		if f.may {
			j.putAtRisk(f, first)
		}
		if f.breaks() {
			common = append(common, f)
		}
	}
	for _, w := range j.routes[first:] {
		of := slices.DeleteFunc(slices.Clone(common), func(f *Finding) bool { return !w.concerned(f) })
		w.settle(of)
		w.stop(of)
	}
	j.found = append(j.found, found...)
}

// putAtRisk marks the routes, of those from first on, that a finding about their proxy may come to break.
func (j *judge) putAtRisk(f *Finding, first int) {
	for _, w := range j.routes[first:] {
		w.atRisk = w.atRisk || f.Status == StatusNoStart || f.Routes == nil || slices.Contains(f.Routes, w.route.ID)
	}
}

// walkOwn tries the rules about the proxy as a whole. All hops are looked at: what is wrong with
// one does not hide the others.
func (j *judge) walkOwn(c *Case) (found []*Finding, states [len(hops)]HopState) {
	for hop := range Hop(len(hops)) {
		f, notes := j.firstOf(c, hop, OfProxy)
		if found = append(found, notes...); f != nil {
			found = append(found, f)
		}
		states[hop] = stateOf(f)
		switch {
		case f != nil && f.Status == StatusNoStart:
			states[hop] = HopUnchecked // routes are still walked, each for a fault of its own
		case f.ofSome(c.Proxy):
			states[hop] = HopAtRisk // the others are walked to the end
		}
	}
	if !c.Proxy.Config.Complete() && states[HopConfig] == HopOK {
		states[HopConfig] = HopUnchecked
	}
	if !j.live() && states[HopProxy] == HopOK {
		states[HopProxy] = HopUnchecked
	}
	return found, states
}

// walkRoutes follows routes of one proxy.
func (j *judge) walkRoutes(routes []*compose.Route, own [len(hops)]HopState) []*walked {
	all := make([]*walked, len(routes))
	others := make([]*facts, parts(len(routes)))
	inParts(len(routes), func(part, from, to int) {
		on := j
		if part > 0 {
			others[part] = j.forGoroutine()
			on = &judge{facts: others[part], rules: j.rules}
		}
		for i := from; i < to; i++ {
			all[i] = on.walkRoute(routes[i], own)
		}
	})
	for _, other := range others[1:] {
		maps.Copy(j.led, other.led)
	}
	return all
}

// walkRoute follows one route to each of its backends.
func (j *judge) walkRoute(r *compose.Route, own [len(hops)]HopState) *walked {
	w := &walked{route: r}
	for _, b := range j.backends(r) {
		w.backends = append(w.backends, j.walkBackend(&Case{Proxy: r.Proxy, Route: r, Backend: b, facts: j.facts}, own))
	}
	w.softenGroup()
	return w
}

// walkBackend walks the hops in order. The first broken one ends the walk: it is the root cause.
func (j *judge) walkBackend(c *Case, own [len(hops)]HopState) *walkedBackend {
	w := &walkedBackend{Backend: c.Backend}
	for hop := range Hop(len(hops)) {
		if hop > HopProxy && c.Route != nil && c.Route.Target.Fault != "" {
			break // it leads nowhere
		}
		f, notes := j.firstOf(c, hop, OfRoute)
		w.risks = append(w.risks, notes...)
		state := stateOf(f)
		if state == HopOK {
			state = c.checked(hop)
		}
		if (hop == HopConfig || hop == HopProxy) && state == HopOK {
			state = own[hop]
		}
		w.hops[hop] = state
		if f != nil && f.breaks() {
			w.cause = w.root(f)
			break
		}
		if f != nil {
			w.risks = append(w.risks, f)
		}
		if state == HopBroken { // by a finding about the proxy as a whole
			break
		}
	}
	for hop, state := range w.hops {
		if state == "" {
			w.hops[hop] = HopNotReached
		}
	}
	return w
}

// root is what explains a broken hop: what was found there, with a failing health check as evidence; but
// where nothing listens yet because the container is still starting, that.
func (w *walkedBackend) root(f *Finding) *Finding {
	for i, risk := range w.risks {
		switch {
		case f.Confidence != Proven:
		case risk.Rule == upstreamStarting && f.Rule.Hop == HopPort:
			w.risks = slices.Delete(w.risks, i, i+1)
			risk.Status, risk.passes = f.Status, true
			risk.Evidence = append(risk.Evidence, f.Evidence...)
			return risk
		case risk.Rule == upstreamUnhealthy:
			w.risks = slices.Delete(w.risks, i, i+1)
			f.Evidence = append(f.Evidence, risk.Evidence...)
			return f
		}
	}
	return f
}

// walkIdleGroups judges the servers of groups that no route uses: nginx resolves them at start all
// the same, so that one of them can stop it. Nothing else about them matters.
func (j *judge) walkIdleGroups(p *compose.Proxy) (found []*Finding) {
	used := map[*proxy.Group]bool{}
	for _, r := range p.Routes {
		used[r.Target.Group] = true
	}
	for _, g := range p.Config.Groups {
		if used[g] {
			continue
		}
		for _, peer := range g.Servers {
			b := j.walkBackend(&Case{Proxy: p, Backend: j.peerBackend(p, peer), facts: j.facts}, [len(hops)]HopState{})
			if b.cause != nil && b.cause.Status == StatusNoStart {
				found = append(found, b.cause)
			}
		}
	}
	return found
}

// firstOf tries the rules of one hop and scope in their order. The first that fires is the hop's
// only finding, but of two faults that each stop nginx the one it meets first comes first, and what
// may fail comes behind what does. Notes explain no fault, so that they stand beside it.
func (j *judge) firstOf(c *Case, hop Hop, scope Scope) (first *Finding, notes []*Finding) {
	for _, rule := range j.rules[hop][scope] {
		f := rule.Check(c)
		if f == nil {
			continue
		}
		if !rule.settle(f, c) {
			continue
		}
		rule.complete(f, c)
		if f.Severity == Note {
			notes = append(notes, f)
			continue
		}
		if first == nil || f.breaks() && !first.breaks() || first.Status == StatusNoStart && f.Status == StatusNoStart && f.order < first.order {
			first = f
		}
		if first.breaks() && first.Status != StatusNoStart {
			break
		}
	}
	return first, notes
}

// complete fills in what every finding of a rule has.
func (r *Rule) complete(f *Finding, c *Case) {
	f.Rule, f.Proxy = r, c.Proxy.Service.Name
	if c.Route != nil {
		f.Routes = []string{c.Route.ID}
		if c.Route.Server.Stream && (f.Status == Status502 || f.Status == Status504 || f.Status == Status500) {
			f.Status = StatusClosed
		}
	}
	if c.Backend.Service != nil {
		f.Service = c.Backend.Service.Name
	}
	if f.subject == "" {
		f.subject = c.Backend.Host
	}
	if f.Place.Inside != "" {
		f.with("nginx", "%s of the container", f.Place.Inside)
	}
	if !f.Place.Known() { // a command wrote the file, or the image brings it
		f.Place = c.commandPlace(c.Proxy.Service)
	}
	if !f.Place.Known() {
		f.Place = c.Proxy.Service.Place
	}
	if r.Hop > HopProxy && c.Backend.Peer == nil {
		f.order += afterParsing
		if c.Route != nil && f.Place == c.Route.Pass.Place {
			f.near(c.Route.Target.Said, "where its host is written")
		}
	}
	c.witnessed(f)
	if f.Severity == 0 {
		f.Severity = r.Severity
	}
	if f.Confidence == Certain && !c.Proxy.Sure {
		f.Confidence = Likely // that it runs nginx at all is a guess
	}
	if f.Severity == Error && (f.Confidence == Likely || f.Confidence == Possible) {
		f.Severity = Warning
	}
	if r.Scope == OfProxy && f.Routes == nil && f.breaks() {
		f.Routes = routeIDs(c.Proxy)
	}
}

// afterParsing is added to the order of what nginx meets only when it has read everything: it looks
// up the servers of groups as it reads them, but the hosts of passes at the end.
const afterParsing = 1 << 30

// breaks says whether requests fail by what was found, now or probably, so that it ends the walk.
func (f *Finding) breaks() bool {
	return f.Severity == Error || f.Severity == Warning && (f.Rule.Severity == Error || f.passes) && !f.may
}

// stateOf is the state of a hop by what was found in it.
func stateOf(f *Finding) HopState {
	switch {
	case f == nil || f.Severity == Note:
		return HopOK
	case f.breaks():
		return HopBroken
	}
	return HopAtRisk
}

// checked says whether a hop in which nothing was found was looked at at all.
func (c *Case) checked(hop Hop) HopState {
	b, ok := c.Backend, false
	switch hop {
	case HopConfig, HopProxy:
		ok = true
	case HopContainer:
		ok = b.Service != nil && c.live()
	case HopNetwork:
		ok = b.Service != nil
	case HopName:
		seen := c.lookedUp().state
		ok = b.Socket == "" && b.Unknown == "" && b.Host != "" && seen != HopBroken && (!c.named() || c.resolves() || seen == HopOK)
	case HopPort:
		ok = c.dialled().state == HopOK
	case HopProtocol:
		ok = c.understood().state == HopOK
	}
	if ok {
		return HopOK
	}
	return HopUnchecked // what listens, speaks and answers is not seen from files and API
}

func (b *walkedBackend) findings() []*Finding {
	if b.cause == nil {
		return b.risks
	}
	return append(slices.Clone(b.risks), b.cause)
}

// down says whether nginx never uses this backend. A backup it does use, where the others fail.
func (b *walkedBackend) down() bool { return b.Peer != nil && b.Peer.Down }

// softenGroup makes warnings of what breaks only some servers of a group: nginx goes on to the next
// one. What stops nginx stops it all the same.
func (w *walked) softenGroup() {
	answering := 0
	for _, b := range w.backends {
		if !b.down() && (b.cause == nil || b.cause.Status == StatusNoStart) {
			answering++
		}
	}
	doubtful := slices.ContainsFunc(w.backends, func(b *walkedBackend) bool { return b.cause != nil && b.cause.Severity == Warning })
	for _, b := range w.backends {
		switch {
		case b.cause == nil || b.cause.Status == StatusNoStart:
		case answering > 0 || b.down():
			b.cause.Severity, b.cause.Status, b.cause.may = Warning, StatusNone, true
		case doubtful: // one of the others may answer
			b.cause.Severity = Warning
		}
	}
}

// settle gives a route its verdict: by its own backends, and by what concerns all routes of its proxy.
func (w *walked) settle(common []*Finding) {
	w.verdict = VerdictUnknown
	for _, b := range w.backends {
		if b.Unknown == "" && !b.down() {
			w.verdict = VerdictOK
		}
	}
	if w.atRisk {
		w.verdict = worst(w.verdict, VerdictAtRisk)
	}
	for _, b := range w.backends {
		if b.cause != nil && !b.cause.may {
			w.worsen(b.cause)
		}
		for _, f := range b.findings() {
			if f.Severity == Warning && !f.breaks() {
				w.verdict = worst(w.verdict, VerdictAtRisk)
			}
		}
	}
	for _, f := range common {
		w.worsen(f)
		if f.Severity == Error {
			w.status = f.Status
		}
	}
}

// ofSome says whether what breaks a proxy breaks some of its routes alone.
func (f *Finding) ofSome(p *compose.Proxy) bool {
	return f != nil && f.Rule.Scope == OfProxy && f.breaks() && f.Status != StatusNoStart && len(f.Routes) < len(p.Routes)
}

// concerned says whether a finding about the route's proxy is about the route.
func (w *walked) concerned(f *Finding) bool {
	return !f.ofSome(w.route.Proxy) || slices.Contains(f.Routes, w.route.ID)
}

// stop marks where a route ends that has no fault of its own, but whose proxy does not start, or has
// one for some of its routes.
func (w *walked) stop(common []*Finding) {
	for _, f := range common {
		if f.Status != StatusNoStart && !f.ofSome(w.route.Proxy) {
			continue
		}
		hop := HopProxy
		if f.Rule.Scope == OfProxy {
			hop = f.Rule.Hop
		}
		for _, b := range w.backends {
			if b.cause == nil {
				b.hops[hop] = HopBroken
				for later := hop + 1; later < Hop(len(hops)); later++ {
					b.hops[later] = HopNotReached
				}
			}
		}
		return
	}
}

// worsen takes over what a finding says of a route.
func (w *walked) worsen(f *Finding) {
	verdict := VerdictLikelyBroken
	if f.Severity == Error {
		verdict = VerdictBroken
	}
	if w.verdict != VerdictBroken {
		w.verdict, w.status = worst(w.verdict, verdict), f.Status
	}
}

// verdicts are ordered from bad to good.
var verdicts = []Verdict{VerdictBroken, VerdictLikelyBroken, VerdictAtRisk, VerdictUnknown, VerdictOK}

func worst(a, b Verdict) Verdict {
	if slices.Index(verdicts, b) < slices.Index(verdicts, a) {
		return b
	}
	return a
}
