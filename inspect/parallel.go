package inspect

import "runtime"

// parts is in how many a number of routes is worth to be cut, so that all processors have one.
func parts(routes int) int { return min(runtime.GOMAXPROCS(0), 1+routes/1000) }

// inParts does work on so many routes, each part of them on another goroutine.
func inParts(routes int, work func(part, from, to int)) {
	n := parts(routes)
	waits := make([]func(), 0, n)
	for part := 1; part < n; part++ {
		waits = append(waits, meanwhile(func() { work(part, part*routes/n, (part+1)*routes/n) }))
	}
	work(0, 0, routes/n)
	for _, wait := range waits {
		wait()
	}
}

// meanwhile does some work on another goroutine. What it gives waits for it, and panics as it did: of a record
// that was changed by hand that is no bug.
func meanwhile(work func()) (wait func()) {
	done := make(chan any, 1)
	go func() {
		defer func() { done <- recover() }()
		work()
	}()
	return func() {
		if why := <-done; why != nil {
			panic(why)
		}
	}
}
