package errorlog

import (
	"strings"
	"time"
)

// Access is one line of an access log in the formats combined and main.
type Access struct {
	Time   time.Time
	Client string // address
	Method string
	URI    string
	Status int
}

// ParseAccess reads a line of an access log. ok is false for anything else.
//
// nginx escapes quotes in what it writes there, so that the first one begins the request, and the
// next one ends it.
func ParseAccess(text string) (a Access, ok bool) {
	text = bare(text)
	before, after, found := strings.Cut(text, `"`)
	request, after, ended := strings.Cut(after, `" `)
	before, dated := strings.CutSuffix(before, "] ")
	client, _, _ := strings.Cut(before, " ")
	open := strings.LastIndex(before, "[")
	if !found || !ended || !dated || open < 0 || client == "" {
		return Access{}, false
	}
	at, err := time.Parse("02/Jan/2006:15:04:05 -0700", before[open+1:])
	status, _, _ := strings.Cut(after, " ")
	if a.Status = number(status); err != nil || a.Status < 0 || len(status) != 3 {
		return Access{}, false
	}
	a.Time, a.Client = at, client
	a.Method, a.URI = target(request)
	return a, true
}
