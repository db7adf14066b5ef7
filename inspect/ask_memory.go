package inspect

import (
	"slices"
	"time"

	"why502/inspect/errorlog"
)

// maxSampled bounds how many containers are asked what they use: engine 20.10 takes a second for each.
const maxSampled = 20

// aboutMemory asks what was killed for want of memory, where memory is limited, and what the upstreams use
// that are in trouble.
func (a *asking) aboutMemory() {
	for _, id := range a.snap.Project {
		if c := a.snap.Containers[id]; c != nil && !c.OneOff && (c.MemoryLimit > 0 || c.OOMKilled) {
			a.ask(Question{Kind: AskKills, Of: c.Project})
		}
	}
	sampled := map[string]bool{}
	for _, p := range a.stack.Proxies {
		for _, r := range p.Routes {
			for _, b := range a.backends(r) {
				for _, box := range (&Case{Proxy: p, Route: r, Backend: b, facts: a.facts}).strained() {
					if sampled[box.ID] = true; len(sampled) <= maxSampled {
						a.ask(Question{Kind: AskStats, Of: box.ID})
					}
				}
			}
		}
	}
}

// strained are the containers behind a backend that may have come to a limit: they have one, and there is a
// sign that they are in trouble.
func (c *Case) strained() []*Container {
	if c.Backend.Service == nil {
		return nil
	}
	limited := slices.DeleteFunc(c.running(c.Backend.Service.Name), func(box *Container) bool {
		return box.MemoryLimit == 0 && box.CPULimit == 0 && box.PidsLimit == 0
	})
	if len(limited) == 0 || c.slow() || len(c.logged(suffering...)) > 0 {
		return limited
	}
	return slices.DeleteFunc(limited, func(box *Container) bool {
		return box.Health != "unhealthy" && box.Restarts < 2 && len(c.kills(box)) == 0
	})
}

// suffering are failures of an upstream that lacks something.
var suffering = []errorlog.Kind{
	errorlog.ReadTimedOut, errorlog.SendTimedOut, errorlog.ConnectTimedOut, errorlog.ClosedEarly, errorlog.Reset, errorlog.BodyCut, errorlog.Refused,
}

// slowAnswer is from when on an answer to HEAD / is slow.
const slowAnswer = time.Second

// slow says whether the backend did not take the probe's connection, or did not answer at once, or not at all.
func (c *Case) slow() bool {
	reply := c.reply()
	if reply == nil {
		return false
	}
	asked, _ := askedIn(c.Route.Target.Scheme)
	silent := asked != "" && len(reply.Dials) > 0 && reply.Talk == (Talk{})
	return silent || reply.Talk.Took > slowAnswer || slices.ContainsFunc(reply.Dials, func(d Dial) bool { return d.Errno != 0 || d.Took > slowAnswer })
}

// kills are the processes of a container that were killed for want of memory of late, the oldest first.
func (f *facts) kills(box *Container) (all []Kill) {
	for _, k := range f.snap.Kills[box.Project] {
		if k.Container == box.ID && !k.Time.Before(f.snap.Since) {
			all = append(all, k)
		}
	}
	slices.SortFunc(all, func(a, b Kill) int { return a.Time.Compare(b.Time) })
	return all
}
