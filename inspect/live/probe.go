package live

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/docker/docker/api/types/container"

	"why502/inspect"
	"why502/inspect/probe"
)

const (
	// standing is how many helpers may be at work at once. To start one keeps a processor busy.
	standing = 4

	// longest is how long a helper lives where no time was set.
	longest = 30 * time.Second
)

const (
	hintNoProbe = "names, ports and protocols can be proven only where the daemon runs Linux containers; --probe off leaves it out"
	hintVersion = "if this is a socket proxy, allow the version: VERSION=1"
	hintWriting = "if this is a socket proxy, it would have to allow all requests about containers (POST=1 CONTAINERS=1)"
	hintLonger  = "give it more time with --timeout"
)

// helpers is what a run does by helper containers.
type helpers struct {
	own        string // the program that was given; empty: this one
	executable string // that they run
	none       *Error // why there are none; nil: there are
	slots      chan struct{}
	swept      sync.Once
	sweeping   sync.WaitGroup

	mu       sync.Mutex
	asked    int
	failures []string // of questions, and why
}

func newHelpers(executable string) *helpers {
	return &helpers{own: executable, slots: make(chan struct{}, standing)}
}

// equip finds what the helpers run on the daemon's platform.
func (h *helpers) equip(on platform) {
	if h == nil {
		return
	}
	own := h.own
	if own == "" {
		own, _ = os.Executable()
	}
	executable, none := on.executable(own)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.executable, h.none = executable, none
}

// available says whether helpers can be had, as far as is known.
func (h *helpers) available() bool {
	return h != nil && h.refusal() == nil
}

// refusal is why there are no helpers; nil: there are.
func (h *helpers) refusal() *Error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.none
}

// visit answers the questions that are about the place where one container stands: from this machine's
// /proc where it runs here, and by a helper what is left.
func (d *daemon) visit(ctx context.Context, id string, questions []*answer) {
	c, err := d.client.ContainerInspect(ctx, id)
	if err == nil {
		err = stands(c)
	}
	var left []*answer
	for _, a := range questions {
		if a.err = err; err == nil {
			a.row = near(c, a.Question)
		}
		if a.row == nil {
			left = append(left, a)
		}
	}
	if err == nil && len(left) > 0 {
		d.visitBy(ctx, c, left)
	}
	d.helpers.count(left)
}

// stands says what of a container keeps others from standing beside it.
func stands(c container.InspectResponse) error {
	switch {
	case c.ContainerJSONBase == nil || c.State == nil || c.Config == nil:
		return &Error{text: "the answer lacks parts of the container"}
	case !c.State.Running || c.State.Restarting:
		return &Error{text: "it does not run"}
	}
	return nil
}

// visitBy has a helper answer.
func (d *daemon) visitBy(ctx context.Context, beside container.InspectResponse, questions []*answer) {
	asked := make([]inspect.Question, len(questions))
	for i, a := range questions {
		asked[i] = a.Question
	}
	d.waitFor("probing from " + cmp.Or(beside.Config.Labels[labelService], strings.TrimPrefix(beside.Name, "/")))
	found, err := d.help(ctx, beside, asked)
	for i, a := range questions {
		if a.err = err; err == nil {
			a.row, a.err = read(a.Question, found[i])
		}
	}
}

// help sends a helper, if there can be one.
func (d *daemon) help(ctx context.Context, beside container.InspectResponse, asked []inspect.Question) ([]probe.Answer, error) {
	h := d.helpers
	if h == nil {
		return nil, &Error{text: "it takes the probe, which is off"}
	}
	h.slots <- struct{}{}
	defer func() { <-h.slots }()
	if none := h.refusal(); none != nil {
		return nil, none
	}
	h.swept.Do(func() { h.sweeping.Go(func() { d.sweep(ctx) }) })
	soon, cancel := early(ctx) // not ctx, which the sweep has
	defer cancel()
	found, err := d.send(soon, beside, asked)
	if refused, ok := errors.AsType[*Error](err); ok && refused.refused {
		h.mu.Lock()
		h.none = refused
		h.mu.Unlock()
	}
	return found, err
}

// count remembers how many questions were asked, and why some got no answer.
func (h *helpers) count(questions []*answer) {
	if h == nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, a := range questions {
		h.asked++
		if a.err != nil {
			h.failures = append(h.failures, a.err.Error())
		}
	}
}

// end waits for what was begun, and says what became of the probe.
func (h *helpers) end() inspect.Probe {
	if h == nil {
		return inspect.Probe{State: inspect.ProbeOff}
	}
	h.sweeping.Wait()
	slices.Sort(h.failures)
	failed := len(h.failures)
	switch {
	case h.none != nil:
		return inspect.Probe{State: inspect.ProbeUnavailable, Why: h.none.text, Remedy: h.none.hint}
	case h.asked == 0:
		return inspect.Probe{State: inspect.ProbeOff}
	case failed == 0:
		return inspect.Probe{State: inspect.ProbeDone}
	case failed == h.asked:
		return inspect.Probe{State: inspect.ProbeUnavailable, Why: h.failures[0], Remedy: hintLonger}
	}
	why := fmt.Sprintf("%d of the probe's %d questions got no answer: %s", failed, h.asked, h.failures[0])
	return inspect.Probe{State: inspect.ProbePartial, Why: why, Remedy: hintLonger}
}

// read makes a row of what a helper answered. What it heard is of others, and is cleaned here.
func read(q inspect.Question, a probe.Answer) (row, error) {
	switch {
	case a.Failed != "":
		return nil, &Error{text: oneLine(a.Failed)}
	case q.Kind == inspect.AskCall && a.Reply != nil:
		reply := cleanReply(*a.Reply)
		return func(s *inspect.Snapshot) { s.Replies[q] = &reply }, nil
	case q.Kind == inspect.AskSockets && a.Reply == nil && a.Mounts == nil:
		for i := range a.Sockets {
			a.Sockets[i].Address = clean(a.Sockets[i].Address)
		}
		return func(s *inspect.Snapshot) { s.Sockets[q.Of] = a.Sockets }, nil
	case q.Kind == inspect.AskMounts && a.Reply == nil && a.Sockets == nil:
		mounts := cleanMounts(a.Mounts)
		return func(s *inspect.Snapshot) { s.Mounts[q.Of] = mounts }, nil
	}
	return nil, &Error{text: "the probe's answer lacks what was asked"}
}

func cleanReply(r inspect.Reply) inspect.Reply {
	for i := range r.Lookups {
		l := &r.Lookups[i]
		l.By, l.Error = clean(l.By), oneLine(l.Error)
		for j := range l.Addresses {
			l.Addresses[j] = clean(l.Addresses[j])
		}
	}
	for i := range r.Dials {
		r.Dials[i].Address = clean(r.Dials[i].Address)
	}
	t := &r.Talk
	t.Speaks, t.Within, t.Banner = clean(t.Speaks), clean(t.Within), oneLine(t.Banner)
	t.Server, t.TLSError = oneLine(t.Server), oneLine(t.TLSError)
	return r
}

func cleanMounts(mounts []inspect.Mounted) []inspect.Mounted {
	for i, m := range mounts {
		mounts[i] = inspect.Mounted{Target: clean(m.Target), Root: clean(m.Root)}
	}
	return mounts
}
