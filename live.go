package main

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"why502/compose"
	"why502/inspect"
	"why502/inspect/live"
)

// observe asks the daemon, as far as --live and --probe want it asked. Where it does not answer, or knows
// nothing of the project, the verdict is one from the files; that is an error only where one of them is
// required.
func (p *program) observe(ctx context.Context, ask *request, stack *compose.Stack) (*inspect.Snapshot, inspect.Live, error) {
	if ask.live == "off" {
		return nil, inspect.Live{State: inspect.LiveOff}, nil
	}
	limited, cancel := context.WithTimeout(ctx, ask.timeout)
	defer cancel()
	snap, err := live.Observe(limited, live.Options{
		Env: p.env, Means: inspect.Means{Probe: ask.probe != "off"}, Since: ask.since, Meanwhile: ask.meanwhile(stack, p.progress), Waiting: p.progress.at,
	}, stack)
	if ctx.Err() != nil { // interrupted, which is no answer of the daemon's
		return nil, inspect.Live{}, ctx.Err()
	}
	state := inspect.Live{State: inspect.LiveUnreachable}
	if err == nil {
		state, err = liveState(snap, stack.Name)
	}
	if err == nil {
		state.Probe, err = probeState(snap.Probe, ask.probe)
		return snap, state, err
	}
	if ask.live == "require" || ask.probe == "require" {
		return nil, state, err
	}
	state.Note = oneLine(err.Error())
	if hint := hintOf(err); hint != "" {
		state.Note += "; " + oneLine(hint)
	}
	return snap, state, nil // without containers, what it says of networks still counts
}

// probeState says what became of the probe. That it could not be had is an error where it is required.
func probeState(found inspect.Probe, wanted string) (inspect.Probe, error) {
	switch {
	case wanted == "off":
		return inspect.Probe{State: inspect.ProbeOff, Why: "the probe was not wanted", Remedy: "run without --probe off to have it tried"}, nil
	case wanted == "require" && found.State == inspect.ProbeUnavailable:
		return found, wrong(found.Remedy, "%s", found.Why)
	}
	return found, nil
}

// liveState says how much the daemon had to say. That it knows nothing of the project is an error.
func liveState(snap *inspect.Snapshot, project string) (inspect.Live, error) {
	state := inspect.Live{State: inspect.LiveInspected, Daemon: snap.Daemon}
	if len(snap.Project) == 0 {
		state.State = inspect.LiveNoContainers
		return state, wrong("start it with docker compose up -d; if it runs under another name, give that with -p",
			"the Docker daemon at %s has no containers of the project %q", snap.Daemon.Endpoint, project)
	}
	failed := maps.Clone(snap.Failed)
	maps.DeleteFunc(failed, func(q inspect.Question, _ string) bool { return q.Probed() }) // which is the probe's state
	if len(failed) > 0 {
		state.State = inspect.LivePartial
		state.Note = failedNote(snap, failed)
	}
	return state, nil
}

// failedNote says how many questions got no answer, and why the first did not.
func failedNote(snap *inspect.Snapshot, failed map[inspect.Question]string) string {
	questions := slices.SortedFunc(maps.Keys(failed), func(a, b inspect.Question) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Of, b.Of))
	})
	first := questions[0]
	note := fmt.Sprintf("no answer about the %s: %s", snap.About(first), failed[first])
	if n := len(questions) - 1; n > 0 {
		note += fmt.Sprintf(" (and %d more got none)", n)
	}
	return oneLine(note)
}
