package live

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/docker/docker/api/types/events"
	"github.com/docker/docker/api/types/filters"

	"why502/compose"
)

// How long Follow pauses before it asks again a daemon that does not answer, at first and at most, and how long it
// waits for one that does not.
const (
	firstPause = time.Second
	lastPause  = 30 * time.Second
	hearing    = 10 * time.Second
)

// following is what is followed of a project.
type following struct {
	stack    *compose.Stack
	happened func()
	ours     map[string]bool // ids of its containers
	networks map[string]bool // names of its networks
	missed   bool            // something may have happened that nobody told
}

// Follow calls happened when a container of the project, or one on its networks, comes, goes, or changes its state:
// from a moment of the daemon's clock on (zero: from now on) until the context ends. The helpers of Observe are none
// of these. Where the daemon tells nothing any more, lost is called with the reason, once, and the daemon is asked
// again from time to time; when it tells again, happened is called, as something may have happened meanwhile.
func Follow(ctx context.Context, opts Options, stack *compose.Stack, since time.Time, happened func(), lost func(error)) {
	f := &following{stack: stack, happened: happened, ours: map[string]bool{}, networks: map[string]bool{}}
	for _, n := range stack.Networks {
		f.networks[n.Full] = true
	}
	said := false
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		heard, err := f.listen(ctx, opts.Env, since)
		switch {
		case ctx.Err() != nil:
			return
		case heard:
			pause, said = firstPause, false
		case !said:
			lost(err)
			said = true
		}
		f.missed, since = true, time.Time{}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// listen hears what the daemon tells until it stops telling. heard is true where it told anything at all.
func (f *following) listen(ctx context.Context, env environment, since time.Time) (heard bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	where, err := resolve(env)
	if err != nil {
		return false, err
	}
	soon, stop := context.WithTimeout(ctx, hearing)
	defer stop()
	d, err := connect(soon, where, env.get("DOCKER_API_VERSION"))
	if err != nil {
		return false, err
	}
	defer d.close()
	list := events.ListOptions{Filters: filters.NewArgs(filters.Arg("type", "container"), filters.Arg("type", "network"))}
	if !since.IsZero() {
		list.Since = strconv.FormatInt(since.Unix(), 10)
	}
	unheard := time.AfterFunc(hearing, cancel) // Events waits for the head of the answer
	told, failed := d.client.Events(ctx, list)
	unheard.Stop()
	ids, err := d.project(soon, f.stack, f.stack.Name)
	if err != nil {
		return false, explain(where.host, err)
	}
	for _, id := range ids {
		f.ours[id] = true
	}
	return f.hear(told, failed, where.host)
}

// hear calls happened for what concerns the project. A stream that fails at once was never one.
func (f *following) hear(told <-chan events.Message, failed <-chan error, host string) (heard bool, err error) {
	select {
	case err := <-failed:
		return false, explain(host, err)
	default:
	}
	if f.missed {
		f.happened()
	}
	for {
		select {
		case e := <-told:
			if f.concerns(e) {
				f.happened()
			}
		case err := <-failed:
			return true, explain(host, err)
		}
	}
}

// telling are the events of containers by which the verdict may change. What health checks execute, and what
// Observe asks for (top, archive), are events too.
var telling = []events.Action{
	events.ActionCreate, events.ActionStart, events.ActionDie, events.ActionDestroy, events.ActionPause, events.ActionUnPause,
	events.ActionOOM, events.ActionRename, events.ActionUpdate, events.ActionHealthStatus,
}

// concerns says whether an event is one of the project. A network that Docker itself brings belongs to nobody, and
// helpers may be put on the one that is none.
func (f *following) concerns(e events.Message) bool {
	about := e.Actor.Attributes
	switch e.Type {
	case events.ContainerEventType:
		if about[labelProject] == f.stack.Name && about[labelHash] != "" {
			f.ours[e.Actor.ID] = true
		}
		action, _, _ := strings.Cut(string(e.Action), ":") // "health_status: healthy"
		return f.ours[e.Actor.ID] && slices.Contains(telling, events.Action(action))
	case events.NetworkEventType:
		name := about["name"]
		if name == "none" || name == "host" || name == "bridge" {
			return false
		}
		return f.networks[name] || f.ours[about["container"]]
	}
	return false
}
