package inspect

import (
	"slices"
	"strconv"
	"strings"

	"why502/inspect/errorlog"
)

// How much is kept of a log, however long it is.
const (
	maxMessages = 100     // different ones
	maxSamples  = 20      // requests that met one message
	maxPart     = 4 << 10 // bytes of what is no line
)

// Log is what nginx says in the lines of a log, equal messages together. The zero Log has read nothing.
type Log struct {
	Lines  int // that were read, empty ones left out
	Visits int // of them those of an access log
	Others int // of them those that nginx's error log does not have
	Left   int // of them those with more different messages than are kept
	all    []*remark
	index  map[heading]*remark
}

// remark is one message, and the lines that say so.
type remark struct {
	errorlog.Line // the first
	entry         errorlog.Entry
	status        string
	sender        string // what docker compose put before it
	count         int
	samples       []errorlog.Line // with different requests
}

// heading is what lines have in common that are one message.
type heading struct {
	sender, text, server, scheme, peer string
	kind                               errorlog.Kind
}

// Read adds one line of a log, with or without what docker compose and Docker put before it.
func (g *Log) Read(text string) {
	if strings.TrimSpace(text) == "" {
		return
	}
	g.Lines++
	l, ok := errorlog.Parse(text)
	if !ok {
		l, ok = errorlog.ParseScript(text)
	}
	if ok && !strange(l, text) {
		g.add(l, errorlog.Sender(text))
		return
	}
	g.Others++
	if _, ok := errorlog.ParseAccess(text); ok {
		g.Visits++
		g.Others--
	}
}

// strange says whether a line may well be another program's: it has a level as nginx has them, but nothing else.
func strange(l errorlog.Line, text string) bool {
	return l.Kind == "" && l.Time.IsZero() && l.PID == 0 && !strings.Contains(text, "nginx: [")
}

// ReadOne adds the only line that there is: it may lack its beginning, and is a message in any case.
func (g *Log) ReadOne(text string) {
	if g.Read(text); len(g.all) > 0 || g.Lines == 0 {
		return
	}
	g.Visits, g.Others = 0, 0
	if l, ok := errorlog.Parse(text); ok {
		g.add(l, "")
		return
	}
	l, ok := errorlog.Parse("[error] " + text)
	if !ok || l.Kind == "" {
		l = errorlog.Line{Message: strings.ToValidUTF8(strings.TrimSpace(text[:min(len(text), maxPart)]), "")}
	}
	g.add(l, "")
	g.all[0].Level = "" // which nobody said
}

func (g *Log) add(l errorlog.Line, sender string) {
	entry := l.Entry()
	key := heading{sender: sender, text: l.Message + "\n" + l.While, server: l.Server, scheme: l.Upstream.Scheme, peer: l.Upstream.Peer}
	if entry.Kind != "" && entry.Hop == "" { // of no route, so that it does not matter which file or worker it names
		key = heading{sender: sender, server: l.Server, kind: entry.Kind}
	}
	m := g.index[key]
	switch {
	case m == nil && len(g.all) == maxMessages:
		g.Left++
		return
	case m == nil:
		if g.index == nil {
			g.index = map[heading]*remark{}
		}
		m = &remark{Line: l, entry: entry, status: l.Status(), sender: sender}
		g.index[key], g.all = m, append(g.all, m)
	}
	m.count++
	if len(m.samples) < maxSamples && !slices.ContainsFunc(m.samples, func(s errorlog.Line) bool { return asked(s) == asked(l) && s.Subrequest == l.Subrequest }) {
		m.samples = append(m.samples, l)
	}
}

// requests are the methods and paths of the requests that met a message, some of many.
func (m *remark) requests() (all []string) {
	for _, s := range m.samples {
		if a := asked(s); a != "" && !slices.Contains(all, a) {
			all = append(all, a)
		}
	}
	return all
}

// text is the message as nginx wrote it, without the fields behind it.
func (m *remark) text() string {
	text := m.Message
	if m.While != "" {
		text += " while " + m.While
	}
	return text
}

// inside is the file and line that it names, in the container: /etc/nginx/nginx.conf:7.
func (m *remark) inside() string {
	if m.File == "" {
		return ""
	}
	return m.File + ":" + strconv.Itoa(m.Line.Line)
}

// upstream is what the request was passed on to, without its path: http://172.18.0.3:8000.
func (m *remark) upstream() string {
	if m.Upstream.Scheme == "" {
		return m.Upstream.Peer
	}
	return m.Upstream.Scheme + "://" + m.Upstream.Peer
}
