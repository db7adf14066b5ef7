package inspect

import (
	"fmt"
	"strconv"
)

var upstreamNearLimits = &Rule{
	ID: "upstream-near-limits", Hop: HopResponse, Scope: OfRoute, Severity: Warning, Live: true, Causes: "D16",
	Title: "the upstream has come to a limit that it was given",
	Why: `A container that may use only so much of the CPU waits for the rest of each period once it has used that; one at
its limit of memory reads its own program from the disk again and again, or is killed; one at its limit of processes
cannot start a worker or a thread. Answers come late, or not at all.`,
	Bad:  `api: {image: ..., cpus: 0.05}`,
	Good: `api: {image: ..., cpus: 1}`,
	Fix:  "raise the limit, or let the upstream use less",
	Check: func(c *Case) *Finding {
		l, ok := c.atLimit()
		if !ok {
			return nil
		}
		f := c.finding(Proven, StatusNone, "%s", l.message).with("stats", "%s", l.figures)
		c.nearLimit(f, l)
		return f.fix("raise the %s of %s, or let it need less", l.name, c.Backend.Service.Name)
	},
}

// limit is a limit that a container has come to.
type limit struct {
	name    string     // "memory limit"
	paths   [][]string // where a service says it
	message string
	figures string // what was measured
}

// enoughPeriods are 5 seconds in which a container wanted to run.
const enoughPeriods = 50

// atLimit finds a limit that a container of the backend has come to, where it was measured.
func (c *Case) atLimit() (l limit, ok bool) {
	for _, box := range c.strained() {
		s := c.snap.Stats[box.ID]
		if s == nil {
			continue
		}
		name := c.Backend.Service.Name
		switch {
		case box.PidsLimit > 0 && s.Pids >= uint64(box.PidsLimit):
			l = limit{name: "limit of processes", paths: [][]string{{"pids_limit"}, {"deploy", "resources", "limits", "pids"}}}
			l.message = fmt.Sprintf("%s has as many processes and threads as it may have, %d: it cannot start another", name, box.PidsLimit)
			l.figures = fmt.Sprintf("%s has %d processes and threads, of %d", box.Name, s.Pids, box.PidsLimit)
		case box.CPULimit > 0 && s.Periods >= enoughPeriods && s.Throttled > s.Periods/2:
			l = limit{name: "CPU limit", paths: [][]string{{"cpus"}, {"cpu_quota"}, {"deploy", "resources", "limits", "cpus"}}}
			l.message = fmt.Sprintf("%s is held back by its limit of %s CPUs, so that its answers come late", name, cpus(box.CPULimit))
			l.figures = fmt.Sprintf("%s was held back in %d of %d periods in which it ran, %d %%", box.Name, s.Throttled, s.Periods, 100*s.Throttled/s.Periods)
		case box.MemoryLimit > 0 && s.MemoryFailures > 0 && s.Memory >= uint64(box.MemoryLimit)/10*9:
			l = limit{name: "memory limit", paths: memoryLimits}
			l.message = fmt.Sprintf("%s uses all the memory that it may have, %s", name, bytesText(uint64(box.MemoryLimit)))
			l.figures = fmt.Sprintf("%s uses %s of %s, and has hit its limit %s", box.Name, bytesText(s.Memory), bytesText(uint64(box.MemoryLimit)), times(int(min(s.MemoryFailures, 1<<30))))
		default:
			continue
		}
		return l, true
	}
	return l, false
}

// memoryLimits are where a service says how much memory it may use.
var memoryLimits = [][]string{{"mem_limit"}, {"deploy", "resources", "limits", "memory"}}

// nearLimit adds the place of a limit.
func (c *Case) nearLimit(f *Finding, l limit) {
	svc := c.Backend.Service
	for _, path := range l.paths {
		section := c.stack.At("services", svc.Name)
		if len(path) > 1 {
			section = c.stack.At(append([]string{"services", svc.Name}, path[:len(path)-1]...)...)
		}
		if at := c.stack.At(append([]string{"services", svc.Name}, path...)...); at != section {
			f.near(at, "the %s of %s", l.name, svc.Name)
			return
		}
	}
}

// withLimit adds to a finding about the backend's answers the limit that it has come to.
func (c *Case) withLimit(f *Finding) {
	if l, ok := c.atLimit(); ok {
		c.nearLimit(f.with("stats", "%s", l.figures), l)
	}
}

// cpus is a number of CPUs, given in billionths.
func cpus(n int64) string { return strconv.FormatFloat(float64(n)/1e9, 'g', 3, 64) }

// bytesText is an amount of memory: "64 MB".
func bytesText(n uint64) string {
	switch {
	case n >= 10<<30:
		return fmt.Sprintf("%d GB", n>>30)
	case n >= 1<<20:
		return fmt.Sprintf("%d MB", n>>20)
	}
	return fmt.Sprintf("%d kB", n>>10)
}
