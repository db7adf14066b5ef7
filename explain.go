package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"time"

	"why502/compose"
	"why502/inspect"
	"why502/inspect/live"
	"why502/report"
)

// What is read of a log is bounded, in bytes: of all of it, and of one line, which is more than nginx writes
// and what stands before it.
const (
	maxLog  = 512 << 20
	maxLine = 8 << 10
)

// explain says what lines of a log mean, and what of the project here they are about, if there is one.
func (p *program) explain(ctx context.Context, ask *request) (int, error) {
	x, err := p.explanation(ctx, ask)
	if err != nil {
		return exitError, err
	}
	opts := report.Options{Version: version, Color: ask.color == "always" || ask.color == "auto" && p.wantsColor()}
	if err := p.print(func(w io.Writer) error { return ask.format.Write(w, x, opts) }); err != nil {
		return exitError, err
	}
	if !x.Known() {
		return exitFound, nil
	}
	return exitOK, nil
}

func (p *program) explanation(ctx context.Context, ask *request) (*inspect.Explanation, error) {
	log, cut, err := p.lines(ctx, ask)
	if err != nil {
		return nil, err
	}
	ask.project.Env, ask.project.Stdin, ask.project.View = p.env, p.stdin, live.View(ctx, p.env, false)
	stack, without := compose.Load(ctx, ask.project)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var judged *inspect.Report
	if without == nil {
		judged = inspect.Judge(stack, nil, inspect.Live{State: inspect.LiveOff}, inspect.Options{Now: time.Now()})
		judged.Project.Directory = fromHere(stack)
	} else {
		stack = nil
	}
	x := log.Explain(stack, judged)
	x.Cut = cut
	if without != nil {
		x.Without = oneLine(without.Error())
	}
	return x, nil
}

// lines are what is to be explained: one that the command line has, or those of standard input. cut is true
// where there are more than are read.
func (p *program) lines(ctx context.Context, ask *request) (log *inspect.Log, cut bool, err error) {
	log = &inspect.Log{}
	if ask.line != "" {
		log.ReadOne(ask.line)
	} else {
		if isTerminal(p.stdin) {
			return nil, false, nothingToExplain()
		}
		cut, err = readLog(ctx, p.stdin, log)
	}
	if err == nil && log.Lines == 0 {
		err = nothingToExplain()
	}
	return log, cut, err
}

func nothingToExplain() error {
	return wrong("why502 explain 'LINE', or docker compose logs SERVICE | why502 explain; why502 rules lists the rules", "explain needs the name of a rule, or a line of nginx's log")
}

// readLog reads a log to its end. Someone who follows one may interrupt that.
func readLog(ctx context.Context, from io.Reader, log *inspect.Log) (cut bool, err error) {
	limited := &io.LimitedReader{R: from, N: maxLog}
	lines, done := make(chan string), make(chan error, 1)
	go func() {
		done <- splitLines(limited, func(line string) bool {
			select {
			case lines <- line:
				return true
			case <-ctx.Done():
				return false
			}
		})
	}()
	for {
		select {
		case line := <-lines:
			log.Read(line)
		case err := <-done:
			if err != nil {
				return false, fmt.Errorf("cannot read standard input: %w", err)
			}
			return limited.N == 0, ctx.Err()
		case <-ctx.Done():
			return false, ctx.Err()
		}
	}
}

// splitLines gives each line, cut to what can matter, until there is none left or nobody wants one.
func splitLines(from io.Reader, give func(string) bool) error {
	r := bufio.NewReaderSize(from, maxLine)
	within := false // a line whose beginning was given
	for {
		part, more, err := r.ReadLine()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if !within && !give(string(part)) {
			return nil
		}
		within = more
	}
}
