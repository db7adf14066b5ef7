package main

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"why502/compose"
	"why502/inspect"
	"why502/inspect/live"
	"why502/inspect/recording"
	"why502/report"
)

// How watch looks for changes. It asks for the state of each file instead of having the kernel tell: that works in
// bind mounts of a virtual machine and on network disks too, takes files that are replaced and links that lead
// elsewhere as they come, and costs nothing that can be measured for the files of a project.
const (
	glance   = 500 * time.Millisecond // between two looks; what has changed must have settled by the next
	unsettle = 20                     // looks after which what does not settle is judged all the same
	retry    = 5 * time.Second        // after a run that failed, perhaps by a file that is not watched
	recheck  = 10 * time.Second       // after a run because of an event: services take time to be ready
	maxNames = 10_000                 // of a directory
)

// watcher is watch at work.
type watcher struct {
	*program
	ask    *request
	last   *inspect.Report
	failed string        // why the last run failed; empty: it did not
	again  time.Duration // after which to run without a change; 0: never

	files    map[string]glimpse // of what is watched
	events   chan struct{}      // has one where the daemon told something since the last look
	lost     chan error         // has one where the daemon tells nothing any more
	followed []string           // names of the project and of the networks whose events are told
	stop     func()             // ends that
}

// watch diagnoses the project, and again whenever something changes, until it is interrupted: what it is for ends in
// no other way, so that is no error.
func (p *program) watch(ctx context.Context, ask *request) (int, error) {
	w := &watcher{program: p, ask: ask, events: make(chan struct{}, 1), lost: make(chan error, 1), stop: func() {}}
	defer func() { w.stop() }()
	err := w.first(ctx)
	for err == nil && ctx.Err() == nil {
		byEvent, ok := w.wait(ctx)
		if ok {
			err = w.next(ctx, byEvent)
		}
	}
	if ctx.Err() != nil {
		return exitOK, nil
	}
	return exitError, err
}

// first diagnoses and prints the whole report. Without one there is nothing to watch.
func (w *watcher) first(ctx context.Context) error {
	began := time.Now()
	seen, _, r, err := w.examine(ctx, w.ask)
	if err != nil {
		return err
	}
	w.follow(ctx, seen)
	w.look(seen.Stack, began)
	w.last = r
	return w.write(r, w.ask, nil)
}

// next diagnoses again, and prints what has changed. That it cannot is said, once.
func (w *watcher) next(ctx context.Context, byEvent bool) error {
	began := time.Now()
	seen, _, r, err := w.examine(ctx, w.ask)
	w.progress.end()
	if err != nil {
		if text := err.Error(); text != w.failed && ctx.Err() == nil {
			printError(w.stderr, err)
			w.failed = text
		}
		w.again = retry
		return nil
	}
	w.follow(ctx, seen)
	w.look(seen.Stack, began)
	w.again = 0
	if byEvent {
		w.again = recheck
	}
	c := report.Changes{Now: r, At: seen.Time.Local()}
	c.Came, c.Went = r.Since(w.last)
	same := w.failed == "" && len(c.Came)+len(c.Went) == 0 && report.Headline(r) == report.Headline(w.last)
	w.last, w.failed = r, ""
	if same {
		return nil
	}
	return w.printChanges(c)
}

func (w *watcher) printChanges(c report.Changes) error {
	var b bytes.Buffer
	if err := report.WriteChanges(&b, c, w.styleOf(c.Now, w.ask.outputs[0], w.ask)); err != nil {
		return err
	}
	return w.flush(b.Bytes())
}

// follow has the daemon tell what happens to the project. Its name and its networks may have changed.
func (w *watcher) follow(ctx context.Context, seen *recording.Record) {
	about := []string{seen.Stack.Name}
	for _, name := range slices.Sorted(maps.Keys(seen.Stack.Networks)) {
		about = append(about, seen.Stack.Networks[name].Full)
	}
	if w.ask.live == "off" || slices.Equal(about, w.followed) {
		return
	}
	w.stop()
	ctx, w.stop = context.WithCancel(ctx)
	w.followed = about
	since := time.Time{}
	if seen.Snapshot != nil {
		since = seen.Snapshot.Time
	}
	go live.Follow(ctx, live.Options{Env: w.env}, seen.Stack, since, func() { offer(w.events, struct{}{}) }, func(err error) { offer(w.lost, err) })
}

// offer puts something into a channel of one, unless something is in it.
func offer[T any](to chan T, what T) {
	select {
	case to <- what:
	default:
	}
}

// wait waits until something has changed and has settled, or until it is time to run again; ok is false where the
// context ended. byEvent says that the daemon told of it.
func (w *watcher) wait(ctx context.Context) (byEvent, ok bool) {
	w.progress.at("watching for changes")
	ticker := time.NewTicker(glance)
	defer ticker.Stop()
	began := time.Now()
	changed, looks := false, 0
	for {
		select {
		case <-ctx.Done():
			return false, false
		case <-ticker.C:
		}
		told, moved := w.told(), w.moved()
		byEvent = byEvent || told
		if told || moved {
			changed = true
			looks++
		}
		settled := !told && !moved || looks > unsettle
		if changed && settled || w.again > 0 && time.Since(began) > w.again {
			return byEvent, true
		}
	}
}

// told says whether the daemon told something since the last look. That it does not any more is said where it did
// answer before: else the report says it.
func (w *watcher) told() bool {
	select {
	case <-w.events:
		return true
	case err := <-w.lost:
		if w.last.Live.State != inspect.LiveUnreachable {
			w.progress.end()
			fmt.Fprintf(w.stderr, "why502: note: the daemon does not tell what happens, so only files are watched: %s\n", oneLine(err.Error()))
		}
	default:
	}
	return false
}

// glimpse is the state of a file or a directory at one look.
type glimpse struct {
	info  fs.FileInfo // nil: it is not there
	names string      // in a directory
}

func glimpseOf(name string) glimpse {
	info, err := os.Stat(name)
	if err != nil {
		return glimpse{}
	}
	s := glimpse{info: info}
	if info.IsDir() {
		if dir, err := os.Open(name); err == nil {
			defer dir.Close()
			names, _ := dir.Readdirnames(maxNames)
			slices.Sort(names)
			s.names = strings.Join(names, "/")
		}
	}
	return s
}

// same says whether nothing has changed between two looks. What else changes of a directory than the names in it is
// of no interest.
func (s glimpse) same(as glimpse) bool {
	switch {
	case s.info == nil || as.info == nil:
		return s.info == as.info
	case s.info.IsDir() && as.info.IsDir():
		return s.names == as.names && s.info.Mode() == as.info.Mode()
	}
	return os.SameFile(s.info, as.info) && s.info.Size() == as.info.Size() && s.info.ModTime().Equal(as.info.ModTime()) && s.info.Mode() == as.info.Mode()
}

// look takes up what the stack rests on now. What was watched before keeps the state that the run may have seen; of
// what was not, a change during the run is known by its time alone.
func (w *watcher) look(stack *compose.Stack, began time.Time) {
	names := stack.Inputs()
	if w.ask.accept != "" {
		if name, err := filepath.Abs(w.ask.accept); err == nil {
			names = append(names, name)
		}
	}
	files := make(map[string]glimpse, len(names))
	for _, name := range names {
		s, known := w.files[name]
		if !known {
			if s = glimpseOf(name); s.info != nil && !s.info.IsDir() && s.info.ModTime().After(began) {
				s = glimpse{}
			}
		}
		files[name] = s
	}
	w.files = files
}

// moved says whether a file has changed since the last look.
func (w *watcher) moved() (moved bool) {
	for name, before := range w.files {
		if now := glimpseOf(name); !now.same(before) {
			w.files[name], moved = now, true
		}
	}
	return moved
}
