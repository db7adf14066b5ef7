// Package probe is what runs inside a helper container, which stands in the network namespace (or
// the PID namespace) of a container of the project: it answers questions from there, and ends.
//
// The job comes as one JSON document on standard input, the answers go as one JSON document to
// standard output. The end of the input ends the probe, done or not.
package probe

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"why502/inspect"
)

// Job is what a probe is asked.
type Job struct {
	Questions []inspect.Question // of the kinds call, sockets and mounts
	Life      time.Duration      // after which it ends, whatever is missing; a minute at most
}

// Answer is the row of one question. One of its rows is set, or Failed.
type Answer struct {
	Question inspect.Question
	Reply    *inspect.Reply
	Sockets  []inspect.Socket
	Mounts   []inspect.Mounted
	Failed   string // why there is none
}

const (
	maxAtOnce = 32
	maxLife   = time.Minute
	grace     = 100 * time.Millisecond // for what the end of the life cut short to say so
)

// Run reads a job, answers its questions at once, and writes the answers in the order of the questions.
// What has no answer when its life ends has failed. The end of the input is an error: nobody reads on.
func Run(ctx context.Context, in io.Reader, out io.Writer) error {
	var job Job
	if err := json.NewDecoder(in).Decode(&job); err != nil {
		return fmt.Errorf("the probe's job: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, min(cmp.Or(max(job.Life, 0), maxLife), maxLife))
	defer cancel()
	gone := make(chan struct{})
	go func() {
		io.Copy(io.Discard, in)
		close(gone)
	}()
	answers, err := collect(ctx, job.Questions, gone)
	if err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(answers)
}

// collect answers the questions, waiting for none longer than the context and the asker last.
func collect(ctx context.Context, questions []inspect.Question, gone <-chan struct{}) ([]Answer, error) {
	type indexed struct {
		at int
		Answer
	}
	results := make(chan indexed, len(questions))
	turns := make(chan struct{}, maxAtOnce)
	answers := make([]Answer, len(questions))
	for i, q := range questions {
		answers[i] = Answer{Question: q, Failed: "no answer in time"}
		go func() {
			turns <- struct{}{}
			results <- indexed{i, answer(ctx, q)}
			<-turns
		}()
	}
	ended, late := ctx.Done(), (<-chan time.Time)(nil)
	for missing := len(questions); missing > 0; {
		select {
		case r := <-results:
			answers[r.at] = r.Answer
			missing--
		case <-ended:
			ended, late = nil, time.After(grace)
		case <-late:
			return answers, nil
		case <-gone:
			return nil, errors.New("the input ended before the questions were answered")
		}
	}
	return answers, nil
}

// answer answers one question.
func answer(ctx context.Context, q inspect.Question) (a Answer) {
	defer func() {
		if failure := recover(); failure != nil {
			a = Answer{Question: q, Failed: fmt.Sprintf("the probe failed: %v", failure)}
		}
	}()
	a.Question = q
	var err error
	switch q.Kind {
	case inspect.AskCall:
		a.Reply, err = call(ctx, q.Call)
	case inspect.AskSockets:
		a.Sockets, err = ownSockets()
	case inspect.AskMounts:
		a.Mounts, err = firstMounts()
	default:
		err = fmt.Errorf("a probe does not answer questions of kind %q", q.Kind)
	}
	if err != nil {
		return Answer{Question: q, Failed: printable(err.Error(), maxText)}
	}
	return a
}
