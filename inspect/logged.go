package inspect

import (
	"slices"
	"strings"
	"time"

	"why502/compose"
	"why502/inspect/errorlog"
)

// logged are the failures of some kinds on the case's route that are about its backend as it is now:
// since its proxy has its configuration, and since the upstream was started.
func (c *Case) logged(kinds ...errorlog.Kind) (all []*failure) {
	for _, e := range c.loggedAtAll(kinds...) {
		if !e.at.Before(c.upstreamSince(e)) {
			all = append(all, e)
		}
	}
	return all
}

// loggedAtAll is logged, also from before the upstream was started: nginx may keep an address from then.
func (c *Case) loggedAtAll(kinds ...errorlog.Kind) (all []*failure) {
	if c.Route == nil || !c.live() {
		return nil
	}
	for _, e := range c.journal(c.Proxy).about[c.Route] {
		if slices.Contains(kinds, e.Kind) && c.meant(e) {
			all = append(all, e)
		}
	}
	return all
}

// meant says whether a failure on a route is about one of its backends. An address that is that of
// another one is not.
func (c *Case) meant(e *failure) bool {
	if c.Backend.Unknown == "" && !c.Backend.named(c.Route, e.Line) {
		return false
	}
	ip, _, ok := e.Upstream.Address()
	if !ok || ip == c.Backend.Host || c.Backend.Service != nil && slices.Contains(c.addresses(c.Backend.Service), ip) {
		return true
	}
	return !slices.ContainsFunc(c.backends(c.Route), func(b Backend) bool {
		return b.named(c.Route, e.Line) && b.Host == ip || b.named(c.Route, e.Line) && b.Service != nil && b.Service != c.Backend.Service && slices.Contains(c.addresses(b.Service), ip)
	})
}

// upstreamSince is when the container was started that a failure is about: the one that has the address,
// else the last one of the service.
func (c *Case) upstreamSince(e *failure) (since time.Time) {
	if c.Backend.Service == nil {
		return since
	}
	ip, _, _ := e.Upstream.Address()
	for _, box := range c.containers[c.Backend.Service.Name] {
		if ip != "" && slices.ContainsFunc(box.Endpoints, func(p Endpoint) bool { return p.IPv4 == ip || p.IPv6 == ip }) {
			return box.Started
		}
		since = later(since, box.Started)
	}
	return since
}

// trouble is what failures of the past minutes say of the present.
type trouble int

const (
	over    trouble = iota // what failed was answered later
	some                   // requests fail, but others are answered, or nobody has asked again
	failing                // a request fails and is not answered since
)

// troubled says what failures on the case's route amount to. One that nobody repeated may have been the
// last one before things were mended; without an access log that cannot be told.
func (c *Case) troubled(failures []*failure) trouble {
	if len(failures) == 0 {
		return over
	}
	asked, worst := map[string][]*failure{}, over
	for _, e := range failures {
		asked[e.asked()] = append(asked[e.asked()], e)
	}
	for what, all := range asked {
		worst = max(worst, c.since(what, all[len(all)-1].at, len(all)))
	}
	return worst
}

// since says what became of a request that failed some times, the last time at a moment.
func (c *Case) since(what string, last time.Time, failed int) trouble {
	j := c.journal(c.Proxy)
	switch answered, known := j.answered[what]; {
	case len(j.visits) == 0 && failed > 1 && c.snap.Time.Sub(last) < time.Minute:
		return failing
	case len(j.visits) == 0:
		return some
	case known && !answered.Before(last):
		return over
	case failed < 2 && c.Route.Location != nil && j.taking[c.Route.Location].After(last):
		return some
	}
	return failing
}

// takenBy says whether a route takes a request, if its server does.
func takenBy(r *compose.Route, v visit) bool {
	loc, _ := locationAt(r.Server.Locations, v.path)
	return loc == r.Location
}

// fromLog begins what a rule reports of failures that the proxy's log has: nil where there are none. Where
// only some requests fail it is a warning, and the route is at risk.
func (c *Case) fromLog(failures []*failure, status Status, format string, args ...any) *Finding {
	if len(failures) == 0 {
		return nil
	}
	f := c.finding(Proven, status, format, args...)
	if t := c.troubled(failures); t != failing {
		f.Message += c.comfort(t)
		f.Severity, f.Status, f.may = Warning, StatusNone, true
	}
	if slices.Contains(suffering, failures[len(failures)-1].Kind) {
		c.withLimit(f)
	}
	return c.withLog(f, failures)
}

// comfort says why not all requests fail.
func (c *Case) comfort(t trouble) string {
	switch {
	case t == over:
		return "; asked again, it was answered"
	case len(c.journal(c.Proxy).visits) > 0:
		return "; other requests are answered"
	}
	return "; no access log shows whether it still is so"
}

// withLog adds failures to the evidence of a finding, the most frequent ones counted.
func (c *Case) withLog(f *Finding, failures []*failure) *Finding {
	groups := sayings(failures)
	for _, group := range groups[:min(len(groups), maxGroups)] {
		f.with("log", "%s", countedText(group))
	}
	return f
}

// maxGroups bounds the texts that one finding shows of a log.
const maxGroups = 2

// confirming are the kinds of failures that prove what files make likely, by hop.
var confirming = map[Hop][]errorlog.Kind{
	HopName: {errorlog.NoResolver, errorlog.NotResolved},
	HopPort: {errorlog.Refused, errorlog.NoRoute, errorlog.SocketMissing},
	HopProtocol: {
		errorlog.HTTPToFastCGI, errorlog.TLSToFastCGI, errorlog.NotFastCGI, errorlog.HTTPToGRPC, errorlog.NotGRPC,
		errorlog.PlainToTLS, errorlog.TLSFailed, errorlog.ClosedEarly, errorlog.Reset,
	},
}

// witnessed adds what the proxy's log says to a finding about a route that breaks it, and proves one that
// is only likely by a request that failed so.
func (c *Case) witnessed(f *Finding) {
	if c.Route == nil || f.Rule.Hop < HopNetwork || f.Rule.Hop > HopProtocol || !c.live() || f.Status == StatusNoStart {
		return
	}
	if slices.ContainsFunc(f.Evidence, func(e Evidence) bool { return e.Source == "log" }) {
		return
	}
	if proof := c.logged(confirming[f.Rule.Hop]...); f.Confidence == Likely && f.Rule.Severity == Error && f.Status != StatusNone && c.troubled(proof) == failing {
		f.Confidence = Proven
		c.withLog(f, proof)
		return
	}
	if f.Severity == Note || f.may || f.Rule.Severity != Error {
		return
	}
	if all := c.logged(failureKinds...); len(all) > 0 {
		c.withLog(f, all)
	}
	if line, _ := c.appSays(f.Rule.Hop); line != "" {
		f.with("log", "%s", line)
	}
}

// failureKinds are those that show on a route that is broken further up.
var failureKinds = slices.Concat(confirming[HopName], confirming[HopPort], confirming[HopProtocol], []errorlog.Kind{
	errorlog.Unreachable, errorlog.ConnectTimedOut, errorlog.ReadTimedOut, errorlog.NoLive, errorlog.CertificateBad, errorlog.NotHTTP,
})

// toldByLog is the protocol that the backend is known to speak by a request that failed; ok is false where
// none tells, or others were answered.
func (c *Case) toldByLog() (p protocol, ok bool) {
	for _, sign := range []struct {
		kind errorlog.Kind
		is   protocol
	}{
		{errorlog.HTTPToFastCGI, protocol{name: "http", tls: plain}},
		{errorlog.TLSToFastCGI, protocol{name: other, tls: secure}},
		{errorlog.NotFastCGI, protocol{name: other}},
		{errorlog.HTTPToGRPC, protocol{name: "http", tls: plain}},
		{errorlog.NotHTTP, protocol{name: other, tls: plain}},
		{errorlog.PlainToTLS, protocol{tls: plain}},
	} {
		if all := c.logged(sign.kind); c.troubled(all) == failing {
			sign.is.sure, sign.is.source, sign.is.text = Proven, "log", countedText(all)
			return sign.is, true
		}
	}
	all := c.logged(errorlog.ClosedEarly, errorlog.Reset)
	if line, _ := c.appSays(HopProtocol); strings.Contains(line, "invalid request block size") && c.troubled(all) == failing {
		return protocol{name: "uwsgi", tls: plain, sure: Proven, source: "log", text: line}, true
	}
	return protocol{}, false
}

// refusedByLog reports connections that were refused where no probe looked, and no sign in the files says why.
func (c *Case) refusedByLog() *Finding {
	b := c.Backend
	if b.Service == nil || c.reply() != nil {
		return nil
	}
	all := c.logged(errorlog.Refused)
	for _, e := range all {
		if ip, _, ok := e.Upstream.Address(); !ok || !slices.Contains(c.addresses(b.Service), ip) {
			return nil
		}
	}
	f := c.fromLog(all, Status502, "%s refuses connections on port %d", b.Service.Name, b.Port)
	if f == nil {
		return nil
	}
	return f.fix("pass to the port that it listens on, and let it listen on 0.0.0.0; docker compose logs %s may say which", b.Service.Name)
}
