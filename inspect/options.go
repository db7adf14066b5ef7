package inspect

import (
	"time"

	"why502/compose"
	"why502/compose/proxy"
)

// Ignore is what the user accepts, and IgnoreKind how that is said, as compose reads it.
type (
	Ignore     = compose.Ignore
	IgnoreKind = compose.IgnoreKind
)

// The kinds of ignores.
const (
	ByFlag     = compose.ByFlag
	ByComment  = compose.ByComment
	ByFile     = compose.ByFile
	ByBaseline = compose.ByBaseline
)

// Options narrow what a report says. They change no verdict of a route.
type Options struct {
	Ignore   []Ignore  // of the command line; those of the project's files are in the Stack
	Baseline *Baseline // nil: nothing is accepted because it was there already
	Now      time.Time // by which ignores expire
	Some     bool      // only some of the project's proxies were read, so that an ignore may be of another
}

// Baseline is what an earlier report found, and that is accepted.
type Baseline struct {
	File     string // that it was read from, as the user calls it
	Accepted []Accepted
}

// Accepted is one finding of an earlier report.
type Accepted struct {
	Rule         string // its id
	Severity     Severity
	Message      string
	Place        proxy.Place
	Fingerprints []string // see Finding.Fingerprints
}

// Remark is something to know of the ignores themselves: one that does not count, or is needed no more.
type Remark struct {
	Place proxy.Place
	Text  string
}
