// Package live asks the Docker daemon: from questions to the rows of a Snapshot. It judges nothing,
// and it is the only place that imports the Docker client. What the answers mean is written in the
// Docker Engine API, https://docs.docker.com/reference/api/engine/.
package live

import (
	"context"
	"slices"
	"sync"
	"time"

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

	// greeting is how long the daemon may take to say what it is: a quarter of what there is, at most.
	greeting = 2 * time.Second
)

// Options say which daemon to ask.
type Options struct {
	// Env is the environment as os.Environ gives it. DOCKER_HOST, DOCKER_CONTEXT, DOCKER_CONFIG,
	// DOCKER_TLS, DOCKER_TLS_VERIFY, DOCKER_CERT_PATH and DOCKER_API_VERSION mean what they mean to
	// the docker command.
	Env []string

	// Means says whether helper containers may be made. Whether they can be is found out.
	Means inspect.Means

	// Executable is what a helper runs; empty: this program, or what lies beside it.
	Executable string

	// Meanwhile is called once, when the containers are known and nothing was read of what they write.
	// Nil: there is nothing to do then.
	Meanwhile func(context.Context, *inspect.Snapshot)

	// Waiting is told, in a few words, what is being waited for; by several goroutines. Nil: nobody wants to know.
	Waiting func(string)

	// Since is from when on logs are about the present, as docker logs --since takes it; empty: always.
	Since string
}

// Observe asks the daemon whatever inspect.Ask wants to know of the stack. It sends GET and HEAD
// alone, and where helpers are among the means, what their lives take. If the daemon cannot be asked at
// all the error is an *Error; a single question without an answer is a row of Snapshot.Failed. The
// context's deadline bounds the whole.
func Observe(ctx context.Context, opts Options, stack *compose.Stack) (*inspect.Snapshot, error) {
	env := environment(opts.Env)
	where, err := resolve(env)
	if err != nil {
		return nil, err
	}
	waiting := opts.Waiting
	if waiting == nil {
		waiting = func(string) {}
	}
	waiting(askingDaemon)
	d, err := connect(ctx, where, env.get("DOCKER_API_VERSION"))
	if err != nil {
		return nil, err
	}
	defer d.close()
	d.here = stack.Here
	d.local.Store(stack.Contained())
	d.waiting = waiting
	if opts.Means.Probe {
		d.helpers = newHelpers(opts.Executable)
	}
	if d.since, err = Since(opts.Since, d.wire.date); err != nil {
		return nil, err
	}
	meanwhile := opts.Meanwhile
	return d.observe(ctx, func(stack *compose.Stack, snap *inspect.Snapshot) []inspect.Question {
		questions := inspect.Ask(stack, snap, inspect.Means{Probe: d.helpers.available()})
		if meanwhile != nil && !slices.ContainsFunc(questions, aboutContainers) {
			meanwhile(ctx, snap)
			meanwhile = nil
		}
		return questions
	}, stack)
}

// aboutContainers says whether a question is one about which containers there are.
func aboutContainers(q inspect.Question) bool {
	return q.Kind == inspect.AskProject || q.Kind == inspect.AskContainer || q.Kind == inspect.AskNetwork
}

// observe asks and answers in turns until there is no question left.
func (d *daemon) observe(ctx context.Context, ask asker, stack *compose.Stack) (*inspect.Snapshot, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()

	snap := inspect.NewSnapshot(d.wire.date)
	snap.Since = d.since
	questions := ask(stack, snap)
	introduced := d.introduction(ctx)
	meet := func() { snap.Daemon = introduced(); snap.Daemon.Local = d.local.Load() }
	for round := 0; round < rounds && len(questions) > 0; round++ {
		d.waitFor(askingDaemon)
		if err := d.fill(ctx, snap, stack, questions); err != nil {
			return nil, err
		}
		d.learn(stack, snap)
		meet()
		questions = ask(stack, snap)
	}
	for _, q := range questions {
		snap.Failed[q] = "not asked: the questions did not end"
	}
	meet()
	snap.Probe = d.helpers.end()
	return snap, nil
}

// What is waited for most of the time.
const askingDaemon = "asking the Docker daemon"

// waitFor says what is waited for.
func (d *daemon) waitFor(what string) {
	if d.waiting != nil {
		d.waiting(what)
	}
}

// introduction begins to ask the daemon what it is, and gives a function that waits for the answer.
// For /version it runs other programs, which takes as long as 20 inspects: so the first questions are
// asked meanwhile.
func (d *daemon) introduction(ctx context.Context) func() inspect.Daemon {
	patience := greeting
	if end, ok := ctx.Deadline(); ok {
		patience = min(patience, time.Until(end)/4)
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	var about inspect.Daemon
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer cancel()
		var on platform
		about, on = d.introduce(ctx)
		d.helpers.equip(on)
	}()
	return func() inspect.Daemon { <-done; return about }
}

// asker says what is still worth knowing, as inspect.Ask does.
type asker func(*compose.Stack, *inspect.Snapshot) []inspect.Question

// row writes one answer into the snapshot.
type row func(*inspect.Snapshot)

// answer is what became of one question.
type answer struct {
	inspect.Question
	row row
	err error
}

// fill answers the questions of one round. Without the project's containers nothing else makes
// sense, so that question alone fails the run.
func (d *daemon) fill(ctx context.Context, snap *inspect.Snapshot, stack *compose.Stack, questions []inspect.Question) error {
	answers := make([]answer, len(questions))
	probed := map[string][]*answer{}
	slots := make(chan struct{}, parallel)
	var all sync.WaitGroup
	for i, q := range questions {
		a := &answers[i]
		a.Question = q
		if q.Kind == inspect.AskFile || q.Kind == inspect.AskTail {
			continue
		}
		if q.Probed() {
			probed[q.Of] = append(probed[q.Of], a)
			continue
		}
		all.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			a.row, a.err = d.answer(ctx, stack, q)
		})
	}
	for id, group := range probed {
		all.Go(func() { d.visit(ctx, id, group) })
	}
	all.Wait()
	d.readFiles(ctx, answers)

	for _, a := range answers {
		switch {
		case a.err == nil:
			a.row(snap)
		case a.Kind == inspect.AskProject:
			return explain(d.where.host, a.err)
		default:
			snap.Failed[a.Question] = explain(d.where.host, a.err).Error()
		}
	}
	return nil
}
