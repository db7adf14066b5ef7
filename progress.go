package main

import (
	"io"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"why502/report"
)

const (
	// unnoticed is how long nobody wonders what is going on.
	unnoticed = time.Second

	// maxStage keeps the line of progress from wrapping: then it could not be wiped.
	maxStage = 60
)

// progress says on a terminal what is being waited for, on one line that is wiped in the end. What is done
// within a second shows nothing. The zero value, and nil, show nothing ever.
type progress struct {
	to io.Writer

	mu    sync.Mutex
	timer *time.Timer // nil: nothing is waited for
	stage string
	shown string // what is on the terminal; empty: nothing
	over  bool
}

// newProgress shows progress where a person watches the stream, and can have it wiped.
func (p *program) newProgress(stream io.Writer) *progress {
	if !isTerminal(stream) || p.variable("TERM") == "dumb" || p.variable("CI") != "" {
		return nil
	}
	return &progress{to: stream}
}

// at says what is being waited for from now on.
func (g *progress) at(stage string) {
	if g == nil || g.to == nil {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.stage = stage
	switch {
	case g.over:
	case g.timer == nil:
		g.timer = time.AfterFunc(unnoticed, g.show)
	case g.shown != "":
		g.draw()
	}
}

// show begins to show it.
func (g *progress) show() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.timer != nil {
		g.draw()
	}
}

// draw puts the stage in the place of what is shown.
func (g *progress) draw() {
	g.wipe()
	line := []rune(report.Clean(g.stage))
	g.shown = string(line[:min(len(line), maxStage)]) + " …"
	io.WriteString(g.to, g.shown)
}

// wipe takes back what is shown. It overwrites it, which any terminal understands, and the ^C that the terminal may have
// put behind it.
func (g *progress) wipe() {
	if g.shown != "" {
		n := utf8.RuneCountInString(g.shown + "^C")
		io.WriteString(g.to, "\r"+strings.Repeat(" ", n)+"\r")
	}
	g.shown = ""
}

// end ends the waiting, and leaves nothing behind. What is waited for next begins anew.
func (g *progress) end() {
	if g == nil || g.to == nil {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.timer != nil {
		g.timer.Stop()
	}
	g.timer = nil
	g.wipe()
}

// quit is the end for good.
func (g *progress) quit() {
	if g == nil {
		return
	}
	g.mu.Lock()
	g.over = true
	g.mu.Unlock()
	g.end()
}
