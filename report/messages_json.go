package report

import (
	"io"

	"why502/inspect"
)

// The document below is a contract like that of a report, described by docs/messages.schema.json.

type messagesDocument struct {
	Version  int          `json:"version"`
	Tool     toolRow      `json:"tool"`
	Project  *projectRow  `json:"project"` // null: none was read
	Note     string       `json:"note"`    // why none was
	Summary  linesRow     `json:"summary"`
	Messages []messageRow `json:"messages"`
}

type linesRow struct {
	Lines  int  `json:"lines"`
	Access int  `json:"access"`
	Other  int  `json:"other"`
	Left   int  `json:"left"`
	Cut    bool `json:"cut"`
}

type messageRow struct {
	Message  string   `json:"message"`
	Level    string   `json:"level"`
	Code     int      `json:"code"`
	Count    int      `json:"count"`
	Known    bool     `json:"known"`
	Kind     string   `json:"kind"`
	Means    string   `json:"means"`
	Hop      string   `json:"hop"`
	Status   string   `json:"status"`
	Server   string   `json:"server"`
	Requests []string `json:"requests"`
	Upstream string   `json:"upstream"`
	Inside   string   `json:"inside"`
	placeRow
	Fix      messageFixRow `json:"fix"`
	Causes   []causeRow    `json:"causes"`
	Routes   []routeRow    `json:"routes"`
	Findings []findingRow  `json:"findings"`
}

type messageFixRow struct {
	Text string `json:"text"`
}

type causeRow struct {
	Rule  string `json:"rule"`
	Hop   string `json:"hop"`
	Title string `json:"title"`
}

// writeMessagesJSON prints what lines of a log mean for programs.
func writeMessagesJSON(w io.Writer, x *inspect.Explanation, opts Options) error {
	doc := messagesDocument{
		Version: 1, Tool: toolRow{Name: "why502", Version: opts.Version}, Note: x.Without,
		Summary:  linesRow{Lines: x.Lines, Access: x.Visits, Other: x.Others, Left: x.Left, Cut: x.Cut},
		Messages: each(x.Messages, messageRowOf),
	}
	if x.Project != nil {
		doc.Project = &projectRow{x.Project.Name, x.Project.Directory, list(x.Project.Files)}
	}
	return encode(w, doc)
}

func messageRowOf(m *inspect.Message) messageRow {
	return messageRow{
		Message: m.Text, Level: m.Level, Code: m.Code, Count: m.Count, Known: m.Known(), Kind: string(m.Entry.Kind), Means: m.Entry.Says, Hop: m.Entry.Hop, Status: m.Status,
		Server: m.Server, Requests: list(m.Requests), Upstream: m.Upstream, Inside: m.Inside, placeRow: placeOf(m.Place),
		Fix:      messageFixRow{m.Entry.Do},
		Causes:   each(m.Causes, func(r *inspect.Rule) causeRow { return causeRow{r.ID, r.Hop.String(), r.Title} }),
		Routes:   each(m.Routes, routeRowOf),
		Findings: each(m.Findings, findingRowOf),
	}
}
