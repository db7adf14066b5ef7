package errorlog

import (
	"net"
	"strings"
)

// Kind is what a message says, whatever it says it about: the id of an entry of the table.
type Kind string

// Entry is one kind of message.
type Entry struct {
	Kind   Kind
	Stems  []string // how messages of this kind begin; * stands for anything, at the beginning for a word
	While  string   // what nginx was doing; empty: anything
	Level  string   // of the line; empty: any
	Hop    string   // of a route that it is about; empty: none
	Causes string   // ids of causes, with blanks, the most likely first
	Status string   // what the client gets, if the line is one of an error; empty: another answer, a part of one, or none
	Says   string   // what it means
	Do     string   // what to do about it; empty: nothing
}

// Kinds are all entries, in the order in which they are tried: of nginx, then of what its image runs before it.
func Kinds() []Entry { return append(append([]Entry(nil), kinds...), scripts...) }

// Find is the entry of a kind.
func Find(k Kind) (Entry, bool) {
	for _, table := range [][]Entry{kinds, scripts} {
		for _, e := range table {
			if e.Kind == k {
				return e, true
			}
		}
	}
	return Entry{}, false
}

// maxExamples bounds how many of its stems an entry is shown with.
const maxExamples = 3

// Examples are how messages of this kind begin, some of many, as they are in a log; … stands for anything.
func (e Entry) Examples() (all []string) {
	for _, stem := range e.Stems[:min(len(e.Stems), maxExamples)] {
		text := strings.ReplaceAll(stem, "*", "…") + "…"
		if e.While != "" {
			text += " while " + e.While
		}
		all = append(all, text)
	}
	return all
}

// Entry is the entry that a line is of; the zero Entry: its message is not known.
func (l Line) Entry() Entry {
	table := kinds
	if l.Level == "" {
		table = scripts
	}
	for i := range table {
		if table[i].fits(l) {
			return table[i]
		}
	}
	return Entry{}
}

// Status is what becomes of a client's request because of what a line says: 502 and the like; closed, of a
// connection of stream; no-start where nginx does not start, or goes on with an older configuration. It is
// empty where nothing follows from the line.
func (l Line) Status() string {
	status := l.Entry().Status
	switch l.Level {
	case "emerg":
		return "no-start"
	case "error", "crit", "alert":
		if status != "" && l.Stream() {
			return "closed"
		}
		return status
	}
	if l.Kind == ClientGone { // which nginx logs as info
		return status
	}
	return ""
}

// Stream says whether a line is about a connection of stream, where nginx writes the address that its server
// listens on, and no request.
func (l Line) Stream() bool {
	_, _, err := net.SplitHostPort(l.Server)
	return err == nil && l.Client != "" && l.Method == ""
}

func (e *Entry) fits(l Line) bool {
	if e.Level != "" && e.Level != l.Level || !strings.HasPrefix(l.While, e.While) {
		return false
	}
	for _, stem := range e.Stems {
		if begins(l.Message, stem) {
			return true
		}
	}
	return false
}

// begins says whether a message begins with a stem, whose parts between stars follow each other in it.
func begins(message, stem string) bool {
	first, rest, several := strings.Cut(stem, "*")
	message, ok := strings.CutPrefix(message, first)
	if !ok {
		return false
	}
	if first == "" && several { // a word
		if word := strings.IndexByte(message, ' '); word > 0 {
			message = message[word:]
		}
		part, next, _ := strings.Cut(rest, "*")
		if message, ok = strings.CutPrefix(message, part); !ok {
			return false
		}
		rest = next
	}
	for rest != "" {
		part, next, _ := strings.Cut(rest, "*")
		i := strings.Index(message, part)
		if i < 0 {
			return false
		}
		message, rest = message[i+len(part):], next
	}
	return true
}
