package nginx

import (
	"errors"
	"time"

	"why502/compose/proxy"
)

// Files is the file system that nginx sees in its container, as far as the project's files tell.
type Files struct {
	// Open returns the file at an absolute container path. The error is fs.ErrNotExist where the
	// file cannot be there, ErrDirectory where a directory is, and an *UnknownError where it may be but is not among the project's
	// files.
	Open func(path string) (*File, error)
	// Glob returns the container paths that match a pattern of an include, sorted, and why there
	// may be more of them ("" if there cannot).
	Glob func(pattern string) (paths []string, unknown string)
}

// File is one file of the configuration.
type File struct {
	Name     string // what places in it are called; empty for a file of the image
	Inside   string // its container path, where only the container shows it
	Text     []byte
	Written  []byte      // what it was before variables were filled in, where that differs: line for line the same but for Lines
	Lines    []int       // of each line of Text the one of Written that it comes from, counted from 1; nil: the same one
	Rendered bool        // it is made of a template, with the variables of the environment
	Lost     []string    // variables of nginx's own that were filled in as if they were of the environment
	Emptied  bool        // a command wrote it while it was reading it
	Eaten    []proxy.Use // variables that Compose took for its own before they came to be in it
	Line     int         // at which it begins in the file of that name; 0: at the first

	Source  string    // host path of the file of that name; empty: it is none of its own
	Changed time.Time // when that was last written; zero: not known
	Origin  proxy.Origin
	Linked  bool // the source of the mount that brings it is a symbolic link
}

// ErrDirectory says that there is a directory where nginx reads a file.
var ErrDirectory = errors.New("it is a directory")

// UnknownError says why a file that nginx reads cannot be read from the project.
type UnknownError struct{ Why string }

func (e *UnknownError) Error() string { return e.Why }
