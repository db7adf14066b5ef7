// Package live asks the Docker daemon: from questions to the rows of a Snapshot. It judges nothing,
// and it is the only place that imports the Docker client. What the answers mean is written in the
// Docker Engine API, https://docs.docker.com/reference/api/engine/.
package live

import (
	"context"
	"sync"

	"why502/compose"
	"why502/inspect"
)

const (
	// parallel questions keep a slow answer (a container that the daemon has locked) from delaying the
	// others. More would not be faster on a local daemon, and over ssh each is a login of its own.
	parallel = 4

	// rounds that a diagnosis can need: the project; its containers; their networks and logs; who
	// else is on those networks; what that leads to; then what runs, what is called, and who
	// listens where that failed. The rest is room.
	rounds = 16
)

// Options say which daemon to ask.
type Options struct {
	// Env is the environment as os.Environ gives it. DOCKER_HOST, DOCKER_CONTEXT, DOCKER_CONFIG,
	// DOCKER_TLS, DOCKER_TLS_VERIFY, DOCKER_CERT_PATH and DOCKER_API_VERSION mean what they mean to
	// the docker command.
	Env []string

	Means inspect.Means

	// Since is from when on logs are about the present, as docker logs --since takes it; empty: always.
	Since string
}

// Observe asks the daemon whatever inspect.Ask wants to know of the stack. It sends GET and HEAD
// alone. If the daemon cannot be asked at all the error is an *Error; a single question without an
// answer is a row of Snapshot.Failed. The context's deadline bounds the whole.
func Observe(ctx context.Context, opts Options, stack *compose.Stack) (*inspect.Snapshot, error) {
	env := environment(opts.Env)
	where, err := resolve(env)
	if err != nil {
		return nil, err
	}
	d, err := connect(ctx, where, env.get("DOCKER_API_VERSION"))
	if err != nil {
		return nil, err
	}
	defer d.close()
	if d.since, err = Since(opts.Since, d.wire.date); err != nil {
		return nil, err
	}
	return d.observe(ctx, func(stack *compose.Stack, snap *inspect.Snapshot) []inspect.Question {
		return inspect.Ask(stack, snap, opts.Means)
	}, stack)
}

// observe asks and answers in turns until there is no question left.
func (d *daemon) observe(ctx context.Context, ask asker, stack *compose.Stack) (*inspect.Snapshot, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()

	// For /version the daemon runs other programs, which takes as long as 20 inspects: it is asked
	// beside the rest.
	introduced := make(chan inspect.Daemon, 1)
	go func() { introduced <- d.introduce(ctx) }()

	snap := inspect.NewSnapshot(d.wire.date)
	snap.Since = d.since
	questions := ask(stack, snap)
	for round := 0; round < rounds && len(questions) > 0; round++ {
		if err := d.fill(ctx, snap, stack, questions); err != nil {
			return nil, err
		}
		questions = ask(stack, snap)
	}
	for _, q := range questions {
		snap.Failed[q] = "not asked: the questions did not end"
	}
	snap.Daemon = <-introduced
	return snap, nil
}

// asker says what is still worth knowing, as inspect.Ask does.
type asker func(*compose.Stack, *inspect.Snapshot) []inspect.Question

// row writes one answer into the snapshot.
type row func(*inspect.Snapshot)

// fill answers the questions of one round. Without the project's containers nothing else makes
// sense, so that question alone fails the run.
func (d *daemon) fill(ctx context.Context, snap *inspect.Snapshot, stack *compose.Stack, questions []inspect.Question) error {
	rows := make([]row, len(questions))
	errs := make([]error, len(questions))
	slots := make(chan struct{}, parallel)
	var all sync.WaitGroup
	for i, q := range questions {
		all.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			rows[i], errs[i] = d.answer(ctx, stack, q)
		})
	}
	all.Wait()

	for i, q := range questions {
		switch {
		case errs[i] == nil:
			rows[i](snap)
		case q.Kind == inspect.AskProject:
			return explain(d.where.host, errs[i])
		default:
			snap.Failed[q] = explain(d.where.host, errs[i]).Error()
		}
	}
	return nil
}
