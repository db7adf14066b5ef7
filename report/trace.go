package report

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"why502/compose/proxy"
	"why502/inspect"
	"why502/inspect/trace"
)

// maxShownWays is how many ways that a request can take are printed without --verbose.
const maxShownWays = 4

// traced writes the way of one request: through each proxy, and what came back.
func (p *page) traced(r *inspect.Report) {
	for _, leg := range r.Trace.Legs {
		p.end()
		p.line(bold, leg.From+" → "+leg.Proxy)
		for i, w := range leg.Ways {
			if i == maxShownWays && !p.Verbose {
				p.line(plain, fmt.Sprintf("  and %s more; -v shows them", count(len(leg.Ways)-i, "way")))
				break
			}
			p.way(r, w, leg.Routes[i])
		}
		if leg.More {
			p.line(plain, "  there are more ways than are followed")
		}
		for i, line := range leg.Log {
			p.detail([]string{"log", ""}[min(i, 1)], plain, line, proxy.Place{})
		}
	}
	p.sent(r.Trace)
}

// way writes the decisions on one way, and what the files left open.
func (p *page) way(r *inspect.Report, w trace.Way, route string) {
	for _, c := range w.Assumed {
		p.detail("if", yellow, c.Question+" "+c.Options[c.Taken], c.Place)
	}
	for _, s := range w.Steps {
		if s.Kind == trace.StepAnswer && w.Pass != nil {
			continue // it is what the pass says
		}
		p.detail(string(s.Kind), plain, withoutKind(s), s.Place)
		for _, l := range s.Lost {
			if p.Verbose {
				p.detail("", dim, "not "+l.What+": "+l.Why, l.Place)
			}
		}
	}
	if s := w.Sent; s != nil && s.Unknown == "" {
		p.detail("sends", plain, sends(s), proxy.Place{})
	}
	if w.Unknown != "" {
		p.detail("unknown", yellow, w.Unknown, proxy.Place{})
	}
	for i := range r.Routes {
		for b := range r.Routes[i].Backends {
			if r.Routes[i].ID == route {
				p.hops(pad("", detailWidth), &r.Routes[i].Backends[b])
			}
		}
	}
}

// withoutKind is the text of a step without the word that its label says.
func withoutKind(s trace.Step) string { return strings.TrimPrefix(s.Text, string(s.Kind)+" ") }

// sends says what goes to the upstream.
func sends(s *trace.Sent) string {
	to := s.Host
	switch {
	case s.Socket != "":
		to = "unix:" + s.Socket
	case s.Port != 0:
		to += ":" + strconv.Itoa(s.Port)
	}
	text := s.Method + " " + s.URI + " to " + to
	if s.URI == "" {
		text = "the request to " + to
	}
	if s.Header != "" {
		text += ", Host: " + s.Header
	}
	return text
}

// detailWidth is the width of the column of a trace's labels.
const detailWidth = 13

// detail writes one line of a trace: its label, what was decided, and where.
func (p *page) detail(label string, s style, text string, at proxy.Place) {
	if at.Known() {
		text += " (" + placeText(at) + ")"
	}
	p.hangAt(s, pad("  "+label, detailWidth), text, at)
}

// sent writes what came back of the request.
func (p *page) sent(t *inspect.Traced) {
	switch s := t.Sent; {
	case s == nil && t.Unsent != "":
		p.end()
		p.line(dim, "not sent: "+t.Unsent)
	case s != nil:
		p.end()
		p.put(bold, "answer")
		p.line(plain, " "+answered(s)+", from "+s.Address+" after "+s.Took.Round(time.Millisecond).String())
	}
}

func answered(s *inspect.Sent) string {
	switch {
	case s.Status == 0:
		return "none: " + s.Error
	case s.Location != "":
		return strconv.Itoa(s.Status) + " to " + s.Location
	}
	return strconv.Itoa(s.Status)
}

// traceSentence is what becomes of the request, in one line.
func traceSentence(r *inspect.Report) string {
	t := r.Trace
	text := t.Request + " "
	if t.Sent != nil {
		return text + "→ " + answered(t.Sent)
	}
	status, by := expected(r)
	switch {
	case status != "":
		return text + "→ " + outcome(inspect.Status(status))
	case by != "":
		return text + "→ " + by
	}
	return text + "→ unclear"
}

// expected is the status that a request is expected to get from nginx itself, else what answers it; both
// empty: that depends on what the files do not tell.
func expected(r *inspect.Report) (status, by string) {
	legs := r.Trace.Legs
	if len(legs) == 0 || !legs[0].Certain() {
		return "", ""
	}
	broken := ""
	for _, route := range r.Routes {
		if route.Verdict == inspect.VerdictBroken || route.Verdict == inspect.VerdictLikelyBroken {
			broken = string(route.Status)
		}
	}
	answer := legs[len(legs)-1].Ways[0].Answer
	switch _, err := strconv.Atoi(broken); {
	case broken != "" && err != nil: // nginx does not answer at all
		return broken, ""
	case answer.Status != 0: // it may be that of an error page
		return strconv.Itoa(answer.Status), answer.What
	}
	return broken, answer.What
}

type traceRow struct {
	Request  string       `json:"request"`
	Proxy    string       `json:"proxy"`
	Server   *serverRow   `json:"server,omitempty"`
	Location *valueRow    `json:"location,omitempty"`
	Pass     *passRow     `json:"pass,omitempty"`
	Route    string       `json:"route"`
	Answer   answerRow    `json:"answer"`
	Steps    []stepRow    `json:"steps"`
	Unknown  []unknownRow `json:"unknown"`
	Ways     []traceRow   `json:"ways,omitempty"`
	Next     *traceRow    `json:"next,omitempty"`
}

type serverRow struct {
	Name string `json:"name"`
	lineRow
}

type valueRow struct {
	Value string `json:"value"`
	lineRow
}

type passRow struct {
	Directive string `json:"directive"`
	lineRow
	URI  string `json:"uri"`
	Host string `json:"host"`
}

type answerRow struct {
	Status string   `json:"status"`
	By     byRow    `json:"by"`
	To     string   `json:"to,omitempty"`
	Sent   string   `json:"sent,omitempty"`
	Error  string   `json:"error,omitempty"`
	Log    []string `json:"log"`
}

type byRow struct {
	What string `json:"what"`
	lineRow
}

type stepRow struct {
	Kind string `json:"kind"`
	Text string `json:"text"`
	placeRow
	Lost []lostRow `json:"lost,omitempty"`
}

type lostRow struct {
	What string `json:"what"`
	Why  string `json:"why"`
	lineRow
}

type unknownRow struct {
	What  string `json:"what"`
	Taken string `json:"taken,omitempty"`
	lineRow
}

type lineRow struct {
	File string `json:"file"`
	Line int    `json:"line"`
}

func lineOf(p proxy.Place) lineRow { return lineRow{p.File, p.Line} }

// traceRowOf is the trace of a report; nil where it is about the project.
func traceRowOf(r *inspect.Report) *traceRow {
	if r.Trace == nil {
		return nil
	}
	var first, last *traceRow
	for _, leg := range r.Trace.Legs {
		row := legRow(leg)
		row.Request = r.Trace.Request
		if last == nil {
			first = row
		} else {
			last.Next = row
		}
		last = row
	}
	if s := r.Trace.Sent; s != nil && first != nil {
		first.Answer.Sent, first.Answer.Error = s.Address, s.Error
		if first.Answer.Status, first.Answer.To = "", s.Location; s.Status != 0 {
			first.Answer.Status = strconv.Itoa(s.Status)
		}
	} else if first != nil {
		if status, _ := expected(r); status != "" {
			first.Answer.Status = status
		}
	}
	return first
}

// legRow is the way through one proxy; where there are several, the first, with all of them in it.
func legRow(leg inspect.Leg) *traceRow {
	row := wayRow(leg.Proxy, leg.Ways[0], leg.Routes[0])
	row.Answer.Log = list(leg.Log)
	if len(leg.Ways) > 1 {
		for i, w := range leg.Ways {
			row.Ways = append(row.Ways, *wayRow(leg.Proxy, w, leg.Routes[i]))
		}
	}
	return row
}

func wayRow(service string, w trace.Way, route string) *traceRow {
	a := w.Answer
	row := &traceRow{
		Proxy: service, Route: route,
		Answer:  answerRow{By: byRow{a.What, lineOf(a.Place)}, To: a.Location, Log: []string{}},
		Steps:   each(w.Steps, stepRowOf),
		Unknown: each(w.Assumed, func(c trace.Choice) unknownRow { return unknownRow{c.Question, c.Options[c.Taken], lineOf(c.Place)} }),
	}
	if w.Unknown != "" {
		row.Unknown = append(row.Unknown, unknownRow{What: w.Unknown})
	}
	if a.Status != 0 {
		row.Answer.Status = strconv.Itoa(a.Status)
	}
	if s := w.Server; s != nil {
		row.Server = &serverRow{serverName(s), lineOf(s.Place)}
	}
	if l := w.Location; l != nil {
		row.Location = &valueRow{l.String(), lineOf(l.Place)}
	}
	if pass := w.Pass; pass != nil && w.Sent != nil {
		row.Pass = &passRow{pass.Directive + " " + w.Sent.Value, lineOf(pass.Place), w.Sent.URI, w.Sent.Header}
	}
	return row
}

func stepRowOf(s trace.Step) stepRow {
	row := stepRow{Kind: string(s.Kind), Text: s.Text, placeRow: placeOf(s.Place)}
	for _, l := range s.Lost {
		row.Lost = append(row.Lost, lostRow{l.What, l.Why, lineOf(l.Place)})
	}
	return row
}

func serverName(s *proxy.Server) string {
	if len(s.Names) == 0 || s.Names[0] == "" {
		return "_"
	}
	return s.Names[0]
}
