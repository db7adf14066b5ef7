package report

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf16"

	"why502/compose/proxy"
	"why502/inspect"
)

// The document below is a contract, described by docs/report.schema.json: members are added to
// it, never changed. It is kept apart from the types that the rules work with for that reason.

type document struct {
	Version   int            `json:"version"`
	Tool      toolRow        `json:"tool"`
	Project   projectRow     `json:"project"`
	Live      liveRow        `json:"live"`
	Verdict   string         `json:"verdict"`
	Summary   summaryRow     `json:"summary"`
	Proxies   []proxyRow     `json:"proxies"`
	Routes    []routeRow     `json:"routes"`
	Findings  []findingRow   `json:"findings"`
	Ignored   []ignoredRow   `json:"suppressed"`
	Remarks   []remarkRow    `json:"remarks"`
	Unchecked []uncheckedRow `json:"unchecked"`
	Trace     *traceRow      `json:"trace,omitempty"`
}

type toolRow struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

type projectRow struct {
	Name      string   `json:"name"`
	Directory string   `json:"directory"`
	Files     []string `json:"files"`
}

type liveRow struct {
	State    string `json:"state"`
	Endpoint string `json:"endpoint"`
	Engine   string `json:"engine"`
	API      string `json:"api"`
	Probe    string `json:"probe"`
	Note     string `json:"note"`
}

type summaryRow struct {
	Error      int `json:"error"`
	Warning    int `json:"warning"`
	Note       int `json:"note"`
	Suppressed int `json:"suppressed"`
	Routes     int `json:"routes"`
	Broken     int `json:"broken"`
}

type proxyRow struct {
	Service string   `json:"service"`
	Image   string   `json:"image"`
	Why     string   `json:"why"`
	Nginx   string   `json:"nginx"`
	Config  []string `json:"config"`
	State   string   `json:"state"`
}

type routeRow struct {
	ID        string   `json:"id"`
	Proxy     string   `json:"proxy"`
	Published []string `json:"published"`
	Listen    string   `json:"listen"`
	Server    string   `json:"server"`
	Location  string   `json:"location"`
	Pass      string   `json:"pass"`
	Scheme    string   `json:"scheme"`
	Target    string   `json:"target"`
	placeRow
	Backends []backendRow `json:"backends"`
	Verdict  string       `json:"verdict"`
	Status   string       `json:"status"`
}

// placeRow is a place: its members stand among those of what it is the place of.
type placeRow struct {
	File   string `json:"file"`
	Line   int    `json:"line"`
	Column int    `json:"column"`
}

func placeOf(p proxy.Place) placeRow { return placeRow{p.File, p.Line, p.Column} }

type backendRow struct {
	Host    string  `json:"host"`
	Port    int     `json:"port"`
	Service string  `json:"service"`
	Hops    hopsRow `json:"hops"`
}

// hopsRow has a member for each hop that was judged.
type hopsRow struct {
	Config    string `json:"config,omitempty"`
	Proxy     string `json:"proxy,omitempty"`
	Container string `json:"container,omitempty"`
	Network   string `json:"network,omitempty"`
	Name      string `json:"name,omitempty"`
	Port      string `json:"port,omitempty"`
	Protocol  string `json:"protocol,omitempty"`
	Response  string `json:"response,omitempty"`
}

type findingRow struct {
	Rule       string `json:"rule"`
	Hop        string `json:"hop"`
	Severity   string `json:"severity"`
	Confidence string `json:"confidence"`
	Message    string `json:"message"`
	placeRow
	Excerpt  string        `json:"excerpt"`
	Proxy    string        `json:"proxy"`
	Service  string        `json:"service"`
	Routes   []string      `json:"routes"`
	Status   string        `json:"status"`
	Evidence []evidenceRow `json:"evidence"`
	Related  []relatedRow  `json:"related"`
	Fix      fixRow        `json:"fix"`

	Fingerprints []string `json:"fingerprints"`
}

// ignoredRow is a finding that the user accepts: what is needed to know it again, and why.
type ignoredRow struct {
	Rule     string `json:"rule"`
	Severity string `json:"severity"`
	Message  string `json:"message"`
	placeRow
	Proxy        string       `json:"proxy"`
	Service      string       `json:"service"`
	Routes       []string     `json:"routes"`
	Fingerprints []string     `json:"fingerprints"`
	By           ignoredByRow `json:"by"`
}

// ignoredByRow is what a finding is ignored by; it has a place where it is written in a file of the project.
type ignoredByRow struct {
	Kind string `json:"kind"`
	placeRow
	Reason string `json:"reason"`
	Until  string `json:"until"`
}

type remarkRow struct {
	placeRow
	Text string `json:"text"`
}

type evidenceRow struct {
	Source string `json:"source"`
	Text   string `json:"text"`
}

type relatedRow struct {
	placeRow
	Text string `json:"text"`
}

type fixRow struct {
	Text  string    `json:"text"`
	Edits []editRow `json:"edits"`
	Paste string    `json:"paste,omitempty"`
	Run   string    `json:"run,omitempty"`
}

type editRow struct {
	File    string `json:"file"`
	Line    int    `json:"line"`
	LineEnd int    `json:"line_end"`
	Old     string `json:"old"`
	New     string `json:"new"`
}

type uncheckedRow struct {
	What string `json:"what"`
	Why  string `json:"why"`
}

// writeJSON prints the report for programs.
func writeJSON(w io.Writer, r *inspect.Report, opts Options) error {
	return encode(w, documentOf(r, opts))
}

// encode writes a document.
func encode(w io.Writer, doc any) error {
	enc := json.NewEncoder(layouter{w})
	enc.SetEscapeHTML(false)
	return enc.Encode(doc)
}

// layouter writes a document, which its encoder gives it as a whole, with indentation and escapes.
type layouter struct{ to io.Writer }

func (l layouter) Write(doc []byte) (int, error) {
	var space []byte
	if b, ok := l.to.(*bytes.Buffer); ok { // of many megabytes, one copy less
		b.Grow(len(doc) * 3 / 2)
		space = b.AvailableBuffer()
	}
	_, err := l.to.Write(indentJSON(space, escapeJSON(doc)))
	return len(doc), err
}

// indentJSON appends what an encoder has written, indented by two blanks for each level as the encoder itself
// would do; that checks each byte once more, which takes longer than to encode them.
func indentJSON(out, doc []byte) []byte {
	depth := 0
	line := func() {
		out = append(out, '\n')
		for range depth {
			out = append(out, "  "...)
		}
	}
	for i := 0; i < len(doc); i++ {
		switch c := doc[i]; c {
		case '"':
			end := i + 1 + stringEnd(doc[i+1:])
			out = append(out, doc[i:end]...)
			i = end - 1
		case '{', '[':
			out = append(out, c)
			if depth++; doc[i+1] != c+2 { // the closing one is two behind in ASCII
				line()
			}
		case '}', ']':
			if depth--; doc[i-1] != c-2 {
				line()
			}
			out = append(out, c)
		case ',':
			out = append(out, c)
			line()
		case ':':
			out = append(out, ": "...)
		default:
			out = append(out, c)
		}
	}
	return out
}

// stringEnd is the length of the rest of a string, with its closing quote.
func stringEnd(rest []byte) int {
	for i := 0; i < len(rest); i++ {
		switch rest[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(rest)
}

// escapeJSON writes what is not printable as \u escapes. The values stay the same, so that an
// edit's text still equals the file's, but the document can be shown on a terminal. The encoder has
// done so already for the control characters of ASCII but one, DEL.
func escapeJSON(doc []byte) []byte {
	if !slices.ContainsFunc(doc, func(b byte) bool { return b >= 0x7f }) {
		return doc
	}
	var b bytes.Buffer
	for _, r := range string(doc) {
		if r == '\n' || !dangerous(r) {
			b.WriteRune(r)
			continue
		}
		for _, unit := range utf16.Encode([]rune{r}) {
			fmt.Fprintf(&b, `\u%04x`, unit)
		}
	}
	return b.Bytes()
}

func documentOf(r *inspect.Report, opts Options) document {
	return document{
		Version:   1,
		Tool:      toolRow{Name: "why502", Version: opts.Version},
		Project:   projectRow{r.Project.Name, r.Project.Directory, list(r.Project.Files)},
		Live:      liveRowOf(r.Live),
		Verdict:   string(r.Verdict),
		Summary:   summaryOf(r),
		Proxies:   each(r.Proxies, proxyRowOf),
		Routes:    each(r.Routes, routeRowOf),
		Findings:  each(shown(r.Findings, opts), findingRowOf),
		Ignored:   each(shown(r.Ignored, opts), ignoredRowOf),
		Remarks:   each(r.Remarks, func(m inspect.Remark) remarkRow { return remarkRow{placeOf(m.Place), m.Text} }),
		Unchecked: each(r.Unchecked, func(u proxy.Unchecked) uncheckedRow { return uncheckedRow(u) }),
		Trace:     traceRowOf(r),
	}
}

func liveRowOf(l inspect.Live) liveRow {
	return liveRow{
		State:    string(l.State),
		Endpoint: l.Daemon.Endpoint,
		Engine:   l.Daemon.Engine,
		API:      l.Daemon.API,
		Probe:    string(cmp.Or(l.Probe.State, inspect.ProbeOff)),
		Note:     joined(l.Note, l.Probe.Why, l.Probe.Remedy),
	}
}

// joined is a sentence of the parts that there are.
func joined(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), "; ")
}

// summaryOf counts everything there is, whatever is shown of it.
func summaryOf(r *inspect.Report) summaryRow {
	s := summaryRow{Suppressed: len(r.Ignored), Routes: len(r.Routes)}
	for _, f := range r.Findings {
		switch f.Severity {
		case inspect.Error:
			s.Error++
		case inspect.Warning:
			s.Warning++
		case inspect.Note:
			s.Note++
		}
	}
	for _, route := range r.Routes {
		if route.Verdict == inspect.VerdictBroken {
			s.Broken++
		}
	}
	return s
}

func proxyRowOf(p inspect.ProxyReport) proxyRow {
	return proxyRow{
		Service: p.Service,
		Image:   p.Image,
		Why:     p.Why,
		Nginx:   p.Nginx,
		Config:  list(p.Config),
		State:   p.State,
	}
}

func routeRowOf(r inspect.RouteReport) routeRow {
	return routeRow{
		ID:        r.ID,
		Proxy:     r.Proxy,
		Published: list(r.Published),
		Listen:    r.Listen,
		Server:    r.Server,
		Location:  r.Location,
		Pass:      r.Pass,
		Scheme:    r.Scheme,
		Target:    r.Target,
		placeRow:  placeOf(r.Place),
		Backends:  each(r.Backends, backendRowOf),
		Verdict:   string(r.Verdict),
		Status:    string(r.Status),
	}
}

func backendRowOf(b inspect.BackendReport) backendRow {
	judged := func(h inspect.Hop) string {
		switch s := b.Hops[h]; s {
		case inspect.HopNotReached, inspect.HopUnchecked:
			return ""
		default:
			return string(s)
		}
	}
	return backendRow{
		Host:    b.Host,
		Port:    b.Port,
		Service: b.Service,
		Hops: hopsRow{
			Config:    judged(inspect.HopConfig),
			Proxy:     judged(inspect.HopProxy),
			Container: judged(inspect.HopContainer),
			Network:   judged(inspect.HopNetwork),
			Name:      judged(inspect.HopName),
			Port:      judged(inspect.HopPort),
			Protocol:  judged(inspect.HopProtocol),
			Response:  judged(inspect.HopResponse),
		},
	}
}

func findingRowOf(f *inspect.Finding) findingRow {
	return findingRow{
		Rule:       f.Rule.ID,
		Hop:        f.Rule.Hop.String(),
		Severity:   severityName(f.Severity),
		Confidence: string(f.Confidence),
		Message:    f.Message,
		placeRow:   placeOf(f.Place),
		Excerpt:    trimmed(f.Excerpt),
		Proxy:      f.Proxy,
		Service:    f.Service,
		Routes:     list(f.Routes),
		Status:     string(f.Status),
		Evidence:   each(f.Evidence, func(e inspect.Evidence) evidenceRow { return evidenceRow(e) }),
		Related:    each(f.Related, relatedRowOf),
		Fix:        fixRowOf(f.Fix),

		Fingerprints: list(f.Fingerprints),
	}
}

func ignoredRowOf(f *inspect.Finding) ignoredRow {
	row := ignoredRow{
		Rule: f.Rule.ID, Severity: severityName(f.Severity), Message: f.Message, placeRow: placeOf(f.Place),
		Proxy: f.Proxy, Service: f.Service, Routes: list(f.Routes), Fingerprints: list(f.Fingerprints),
	}
	row.By.Kind = string(kindOf(f))
	if by := f.By; by != nil {
		row.By = ignoredByRow{Kind: row.By.Kind, placeRow: placeOf(by.Place), Reason: by.Reason}
		if !by.Until.IsZero() {
			row.By.Until = by.Until.Format(time.DateOnly)
		}
	}
	return row
}

func relatedRowOf(r inspect.Related) relatedRow {
	return relatedRow{placeRow: placeOf(r.Place), Text: r.Text}
}

func fixRowOf(f inspect.Fix) fixRow {
	return fixRow{
		Text:  f.Text,
		Edits: each(f.Edits, func(e inspect.Edit) editRow { return editRow(e) }),
		Paste: f.Paste,
		Run:   f.Run,
	}
}

// each maps a list; the result is never nil, so that it is [] in JSON.
func each[A, B any](in []A, f func(A) B) []B {
	out := make([]B, 0, len(in))
	for _, a := range in {
		out = append(out, f(a))
	}
	return out
}

// list is a list that is never nil, so that it is [] in JSON.
func list[T any](in []T) []T {
	if in == nil {
		return []T{}
	}
	return in
}
