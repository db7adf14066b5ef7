package errorlog

import "strings"

// Kind is what a message says, whatever it says it about: the id of an entry of the table.
type Kind string

// Entry is one kind of message.
type Entry struct {
	Kind   Kind
	Stems  []string // how messages of this kind begin; * stands for anything, at the beginning for a word
	While  string   // what nginx was doing; empty: anything
	Level  string   // of the line; empty: any
	Hop    string   // of a route that it is about; empty: none
	Causes string   // ids of causes, with blanks
	Says   string   // what it means
	Do     string   // what to do about it; empty: nothing
}

// Kinds are all entries, in the order in which they are tried.
func Kinds() []Entry { return append([]Entry(nil), kinds...) }

// Find is the entry of a kind.
func Find(k Kind) (Entry, bool) {
	for _, e := range kinds {
		if e.Kind == k {
			return e, true
		}
	}
	return Entry{}, false
}

func kindOf(l Line) Kind {
	for i := range kinds {
		if kinds[i].fits(l) {
			return kinds[i].Kind
		}
	}
	return ""
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
