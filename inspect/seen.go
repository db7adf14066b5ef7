package inspect

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"why502/compose"
	"why502/compose/proxy"
)

// sight is what was seen of one hop of a backend, from where its proxy stands. Silence says nothing.
type sight struct {
	state    HopState // ok, broken, or at risk: a part of it is; else it was not seen, or says nothing sure
	status   Status   // of requests, where it is broken and that is known
	evidence []Evidence
}

func (s sight) settles() bool {
	return s.state == HopOK || s.state == HopBroken || s.state == HopAtRisk
}

// see adds a piece of evidence.
func (s *sight) see(format string, args ...any) {
	if len(s.evidence) < maxSeen {
		s.evidence = append(s.evidence, Evidence{Source: "probe", Text: fmt.Sprintf(format, args...)})
	}
}

// maxSeen bounds the evidence of one sight: a name may have many addresses.
const maxSeen = 8

// settle holds a finding against what was seen, which proves it, or shows that only a part of the requests
// fails. It says whether the finding stands.
func (r *Rule) settle(f *Finding, c *Case) bool {
	if r.Settled == nil {
		return true
	}
	if f.about != nil {
		c = f.about
	}
	switch s := r.Settled(c); s.state {
	case HopOK:
		return false
	case HopBroken:
		f.Confidence = Proven
		if s.status != StatusNone {
			f.Status = s.status
		}
		f.Evidence = append(f.Evidence, s.evidence...)
	case HopAtRisk:
		f.Confidence, f.Severity, f.Status, f.may = Proven, Warning, StatusNone, true
		f.Evidence = append(f.Evidence, s.evidence...)
	}
	return true
}

// suspects are the cases that nothing seen refutes, those that are proven first.
func suspects(at []*Case, seen func(*Case) sight) (left []*Case) {
	var others []*Case
	for _, c := range at {
		switch seen(c).state {
		case HopOK:
		case HopBroken, HopAtRisk:
			left = append(left, c)
		default:
			others = append(others, c)
		}
	}
	return append(left, others...)
}

// reply is what the probe met in the place of the backend's pass; nil: it was not asked, or did not say.
func (c *Case) reply() *Reply {
	if c.snap == nil || len(c.snap.Replies) == 0 {
		return nil
	}
	at := way{c.Route, c.Backend.Peer}
	if _, known := c.replies[at]; !known {
		c.replies[at] = nil
		if q, ok := c.call(); ok {
			c.replies[at] = c.snap.Replies[q]
		}
	}
	return c.replies[at]
}

// way is a backend of a route: the server of its group, or nil where the pass itself names it.
type way struct {
	route *compose.Route
	peer  *proxy.Peer
}

// lookedUp says whether the backend's name leads to the containers of its service: all that are asked for it
// say so, none knows it, or only some do. One that does not answer says nothing.
func (c *Case) lookedUp() (s sight) {
	reply := c.reply()
	if reply == nil || len(reply.Lookups) == 0 || c.Backend.Service == nil {
		return s
	}
	right, denied, refused := 0, 0, 0
	for _, l := range reply.Lookups {
		s.see("%s", c.describeLookup(l))
		switch {
		case len(l.Addresses) > 0 && !slices.ContainsFunc(l.Addresses, func(a string) bool { return !c.isBackend(c.owner(a)) }):
			right++
		case l.Error == lookupUnknown || l.Error == lookupFailed:
			denied++
		case l.Error == lookupRefused:
			refused++
		}
	}
	switch all := len(reply.Lookups); {
	case right == all:
		s.state = HopOK
	case denied == all || refused == all:
		s.state = HopBroken
	case right > 0 && denied > 0:
		s.state = HopAtRisk
	}
	return s
}

// What Lookup.Error says.
const (
	lookupUnknown = "no such host"
	lookupFailed  = "server failure"
	lookupRefused = "refused"
)

func (c *Case) describeLookup(l Lookup) string {
	by := c.stands().Name
	if l.By != "" {
		by = l.By + " asked from " + by
	}
	if l.Error != "" {
		return fmt.Sprintf("%s looked up by %s: %s", c.Backend.Host, by, l.Error)
	}
	return fmt.Sprintf("%s looked up by %s: %s", c.Backend.Host, by, listed(l.Addresses))
}

// isBackend says whether a container is one of those that the backend's host should lead to.
func (c *Case) isBackend(box *Container) bool {
	return box.ours(c.facts) && c.Backend.Service != nil && slices.Contains(c.containers[c.namespace(c.Backend.Service).Name], box)
}

// aimsAt says whether a container is one that the pass means: of the backend's service, or where it names none,
// whichever it is.
func (c *Case) aimsAt(box *Container) bool {
	return c.Backend.Service == nil || c.toItself() || c.isBackend(box)
}

// end is one container that a call led to, by one of its addresses.
type end struct {
	box     *Container // nil: none that is known has the address
	address string
	port    int
	errno   int  // 0: it took the connection, there or at another of its addresses
	own     bool // it is the proxy itself
}

// What nginx and the probe get for a connection, as Linux numbers it.
const (
	errnoNetUnreachable  = 101
	errnoTimedOut        = 110
	errnoRefused         = 111
	errnoHostUnreachable = 113
)

// ends are the containers that the probe connected to, or tried to: those that the backend should lead to,
// and no others that bear its name.
func (c *Case) ends() (all []end) {
	reply := c.reply()
	if reply == nil {
		return nil
	}
	for _, d := range reply.Dials {
		e := end{box: c.owner(d.Address), address: d.Address, port: c.Backend.Port, errno: d.Errno}
		switch {
		case c.toItself():
			e.box, e.own = c.stands(), true
		case !c.aimsAt(e.box):
			continue
		}
		at := slices.IndexFunc(all, func(other end) bool { return other.box == e.box && e.box != nil })
		switch {
		case at < 0:
			all = append(all, e)
		case e.errno == 0:
			all[at] = e // nginx goes on to the next address
		}
	}
	return all
}

// encounter is what a call met at one end.
type encounter int

const (
	unclear  encounter = iota
	accepted           // the connection
	refused            // nothing listens there
	loopback           // only its own loopback is listened on
	sixOnly            // only IPv6 is
	maybeSix           // perhaps only IPv6 is
	rebuffed           // it listens, and yet the connection was refused
	blocked            // what is sent there does not arrive
	crowded            // more wait to be accepted than it holds
)

// met says what a call met at an end, by the answer and by who listens there.
func (c *Case) met(e end) encounter {
	rows, known := c.listeners(e)
	here := slices.DeleteFunc(slices.Clone(rows), func(row Socket) bool { return row.Port != e.port })
	switch {
	case e.errno == 0:
		return accepted
	case e.errno == errnoHostUnreachable || e.errno == errnoNetUnreachable:
		if c.shares(e) {
			return blocked
		}
	case e.errno == errnoTimedOut && known && c.shares(e):
		if slices.ContainsFunc(here, func(row Socket) bool { return row.Waiting > 0 }) {
			return crowded
		}
		return blocked
	case e.errno != errnoRefused:
	case !known || len(here) == 0 || e.own:
		return refused
	case !slices.ContainsFunc(here, func(row Socket) bool { return !row.loopback() }):
		return loopback
	case onlySix(e, rows):
		return c.six(e)
	default:
		return rebuffed
	}
	return unclear
}

// shares says whether an end has its address on a network that the proxy is on, too.
func (c *Case) shares(e end) bool {
	return e.box != nil && !e.own && slices.ContainsFunc(e.box.Endpoints, func(p Endpoint) bool {
		return (p.IPv4 == e.address || p.IPv6 == e.address) && slices.Contains(c.networks(c.Proxy.Service), p.Network)
	})
}

// listeners are the sockets that listen where an end is; known is false where nobody looked.
func (c *Case) listeners(e end) (rows []Socket, known bool) {
	if e.box == nil {
		return nil, false
	}
	rows, known = c.snap.Sockets[e.box.ID]
	return slices.DeleteFunc(slices.Clone(rows), func(row Socket) bool { return row.Address == dockerDNS }), known
}

// loopback says whether only processes of the same container reach a socket.
func (s Socket) loopback() bool {
	ip := net.ParseIP(s.Address)
	return ip != nil && ip.IsLoopback()
}

// String is a socket as it is written: 127.0.0.1:8000.
func (s Socket) String() string { return net.JoinHostPort(s.Address, strconv.Itoa(s.Port)) }

// onlySix says whether all that listens on the port of an end, which has an address of IPv4, is bound to
// IPv6. At all of its addresses that may mean IPv4, too.
func onlySix(e end, rows []Socket) bool {
	address, err := netip.ParseAddr(e.address)
	found := false
	for _, row := range rows {
		bound, wrong := netip.ParseAddr(row.Address)
		if row.Port != e.port || wrong != nil || row.loopback() {
			continue
		}
		if found = true; !bound.Is6() || bound.Is4In6() {
			return false
		}
	}
	return found && err == nil && address.Is4()
}

// fromWithin asks the container itself whether it takes connections of IPv4.
func (e end) fromWithin() Question {
	return Question{Kind: AskCall, Of: e.box.ID, Call: Call{Host: "127.0.0.1", Port: e.port, Wait: maxWait}}
}

// six says what the container itself met where all that listens is bound to IPv6.
func (c *Case) six(e end) encounter {
	reply := c.snap.Replies[e.fromWithin()]
	switch {
	case reply == nil || len(reply.Dials) != 1:
		return maybeSix
	case reply.Dials[0].Errno == errnoRefused:
		return sixOnly
	case reply.Dials[0].Errno == 0:
		return rebuffed
	}
	return maybeSix
}

// tally makes one sight of what was met at all ends: broken where each of them is bad, at risk where others
// take connections.
func (c *Case) tally(bad ...encounter) (s sight) {
	good, wrong := 0, 0
	all := c.ends()
	for _, e := range all {
		switch is := c.met(e); {
		case is == accepted:
			good++
		case slices.Contains(bad, is):
			wrong++
		}
		c.describe(&s, e)
	}
	switch {
	case len(all) == 0:
	case good == len(all):
		s.state = HopOK
	case wrong == len(all):
		s.state, s.status = HopBroken, statusOf(all[0].errno)
	case wrong > 0 && good > 0:
		s.state = HopAtRisk
	}
	return s
}

// dialled says whether something listens where the pass leads.
func (c *Case) dialled() sight { return c.tally(refused, loopback, sixOnly) }

// carried says whether what is sent to the upstream's containers arrives.
func (c *Case) carried() sight { return c.tally(blocked) }

// queued says whether the upstream accepts what comes.
func (c *Case) queued() sight { return c.tally(crowded) }

// meets finds the first end at which one of some encounters was had.
func (c *Case) meets(which ...encounter) (e end, ok bool) {
	all := c.ends()
	at := slices.IndexFunc(all, func(e end) bool { return slices.Contains(which, c.met(e)) })
	if at < 0 {
		return e, false
	}
	return all[at], true
}

// statusOf is what nginx answers when it cannot connect.
func statusOf(errno int) Status {
	if errno == errnoTimedOut {
		return Status504
	}
	return Status502
}

// describe says what a call met at an end, and who listens there.
func (c *Case) describe(s *sight, e end) {
	reply := c.reply()
	for _, d := range reply.Dials {
		if d.Address == e.address {
			s.see("connect to %s from %s: %s", net.JoinHostPort(e.address, strconv.Itoa(e.port)), c.stands().Name, outcome(d))
		}
	}
	rows, known := c.listeners(e)
	if e.errno == 0 || !known {
		return
	}
	here := slices.DeleteFunc(slices.Clone(rows), func(row Socket) bool { return row.Port != e.port })
	if len(here) == 0 {
		here = rows
	}
	for _, row := range here {
		if row.Waiting > 0 {
			s.see("LISTEN %s in %s, where %d connections wait to be accepted", row, e.box.Name, row.Waiting)
		} else {
			s.see("LISTEN %s in %s", row, e.box.Name)
		}
	}
	if len(rows) == 0 {
		s.see("nothing listens in %s", e.box.Name)
	}
}

// outcome is how an attempt to connect ended.
func outcome(d Dial) string {
	switch d.Errno {
	case 0:
		return "taken"
	case errnoRefused:
		return "refused (111)"
	case errnoTimedOut:
		return fmt.Sprintf("no answer in %s (110)", max(d.Took, 100*time.Millisecond).Round(100*time.Millisecond))
	case errnoHostUnreachable:
		return "the host cannot be reached (113)"
	case errnoNetUnreachable:
		return "the network cannot be reached (101)"
	}
	return fmt.Sprintf("it failed (%d)", d.Errno)
}
