// Package errorlog reads the lines that nginx writes: those of its error log, and those of its access
// log in the stock formats. It knows what the messages mean, but nothing of a project.
//
// The grammar is that of ngx_log.c, ngx_http_request.c and ngx_stream_handler.c. What clients send
// stands in the lines as it came, so that a request can imitate the fields behind it: a line is read
// from left to right, and what cannot be told apart is left out.
package errorlog

import (
	"net"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Line is one line of an error log.
type Line struct {
	Time    time.Time // as nginx writes it, without a zone: read as UTC; zero in lines that have none
	Level   string    // emerg, alert, crit, error, warn, notice, info, debug
	PID     int       // in nginx's container
	Conn    int64     // number of the connection; 0: the line is about none
	Kind    Kind      // what the message says; empty: not known
	Message string    // without what follows: `connect() failed (111: Connection refused)`
	Code    int       // in the message: an error number of Linux, or of a name that was not resolved the DNS's; 0: none
	While   string    // what nginx was doing: `connecting to upstream`

	Client     string // address
	Server     string // first server_name of the server; empty, or _, where it has none; of stream the address
	Request    string // `GET /api/ HTTP/1.1`; empty where it is cut off
	Method     string
	URI        string // of the request, as it was sent
	Subrequest string // URI of what nginx asked itself for the sake of the request
	Upstream   Upstream
	Host       string // header
	Referrer   string // header
	Resolver   string // address and port

	File string // that a message about the configuration ends with; in the container
	Line int
	Cut  bool // the end is missing, or cannot be told from what the client sent
}

// Upstream is what a request was passed on to.
type Upstream struct {
	Scheme string // http, https, fastcgi, uwsgi …; empty in stream
	Peer   string // 172.18.0.3:8000, [fd00::3]:8000, unix:/run/app.sock, or the name of a group
	URI    string // empty where the scheme has none
}

// Address is the address and port of the peer; ok is false for a socket and for a name.
func (u Upstream) Address() (ip string, port int, ok bool) {
	host, number, err := net.SplitHostPort(u.Peer)
	if err != nil || net.ParseIP(host) == nil {
		return "", 0, false
	}
	port, err = strconv.Atoi(number)
	return host, port, err == nil
}

// maxLine is more than nginx writes: 2048 bytes, and what was put before them.
const maxLine = 4 << 10

// Parse reads a line of an error log, or one that nginx wrote when it started. What docker compose
// logs puts before it, times and colours are passed over. ok is false for anything else.
func Parse(text string) (l Line, ok bool) {
	text = bare(text)
	rest, ok := l.header(text)
	if !ok {
		return Line{}, false
	}
	l.body(rest)
	l.Kind = l.Entry().Kind
	return l, true
}

var (
	colour  = regexp.MustCompile(`\x1b\[[0-?]*[ -/]*[@-~]`)
	service = regexp.MustCompile(`^[\w.-]{1,100} *\| `)
	stamp   = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d) `)
)

// script is how lines of the image's entry point and of its scripts begin.
var script = regexp.MustCompile(`^(?:/docker-entrypoint\.sh|\d\d-[\w.-]{1,100}\.(?:env)?sh): `)

// ParseScript reads a line that the official image's entry point writes before nginx runs, or the outcome of
// nginx -t: of a Line they have but Kind and Message. ok is false for anything else.
func ParseScript(text string) (l Line, ok bool) {
	text = bare(text)
	if begin := script.FindString(text); begin != "" {
		l.Message = text[len(begin):]
	} else if l.Message, ok = strings.CutPrefix(text, "nginx: "); !ok {
		return Line{}, false
	}
	l.Kind = l.Entry().Kind
	return l, l.Kind != ""
}

// Sender is what docker compose logs puts before a line: a container's name without its project's, or a
// service's; empty: nothing.
func Sender(text string) string {
	text = colour.ReplaceAllString(strings.TrimSpace(text[:min(len(text), maxLine)]), "")
	return strings.TrimRight(service.FindString(text), " |")
}

// bare is a line without colours, the service's name and Docker's time before it.
func bare(text string) string {
	text = strings.TrimSpace(text[:min(len(text), maxLine)])
	if strings.Contains(text, "\x1b[") {
		text = colour.ReplaceAllString(text, "")
	}
	text = text[len(service.FindString(text)):]
	return text[len(stamp.FindString(text)):]
}

const layout = "2006/01/02 15:04:05"

// header reads time, level, process and connection, and gives the rest of the line.
func (l *Line) header(text string) (rest string, ok bool) {
	rest, startup := strings.CutPrefix(text, "nginx: ")
	if at, err := time.Parse(layout, text[:min(len(text), len(layout))]); err == nil && !startup {
		l.Time, rest = at, strings.TrimPrefix(text[len(layout):], " ")
	}
	level, rest, found := strings.Cut(strings.TrimPrefix(rest, "["), "] ")
	if !found || !isLevel(level) {
		return "", false
	}
	l.Level = level
	if process, after, found := strings.Cut(rest, ": "); found && !startup {
		if pid, thread, split := strings.Cut(process, "#"); split && number(thread) >= 0 {
			l.PID, rest = max(0, number(pid)), after
		}
	}
	if conn, after, found := strings.Cut(rest, " "); found && strings.HasPrefix(conn, "*") {
		if n := number(conn[1:]); n > 0 {
			l.Conn, rest = int64(n), after
		}
	}
	return rest, rest != ""
}

func isLevel(word string) bool {
	switch word {
	case "emerg", "alert", "crit", "error", "warn", "notice", "info", "debug":
		return true
	}
	return false
}

// number reads a number; -1: it is none.
func number(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return -1
	}
	return n
}

// body reads the message, what nginx was doing, and the fields.
func (l *Line) body(text string) {
	head, fields := text, ""
	for _, begin := range []string{", client: ", ", resolver: "} {
		if i := strings.Index(head, begin); i >= 0 {
			head, fields = text[:i], text[i:]
		}
	}
	l.Message = head
	if i := strings.LastIndex(head, " while "); i >= 0 {
		l.Message, l.While = head[:i], head[i+len(" while "):]
	}
	said := l.Message
	if l.Conn == 0 && fields == "" {
		said = l.place()
	}
	if m := code.FindStringSubmatch(said); m != nil {
		l.Code = max(0, number(m[1]))
	}
	l.fields(fields)
}

// code is an error's number and text, which another libc words otherwise: (111: Connection refused).
var code = regexp.MustCompile(`\((\d{1,6}): ?[^()]*\)$`)

// place reads the file and line that a message about the configuration ends with, and gives what is
// before them.
func (l *Line) place() string {
	i := strings.LastIndex(l.Message, " in /")
	if i < 0 {
		return l.Message
	}
	file := l.Message[i+len(" in "):]
	j := strings.LastIndex(file, ":")
	if j < 0 || number(file[j+1:]) < 1 {
		return l.Message
	}
	l.File, l.Line = file[:j], number(file[j+1:])
	return l.Message[:i]
}

// fields reads what follows the message, in the order in which nginx writes it.
func (l *Line) fields(text string) {
	text, _ = field(text, ", resolver: ", &l.Resolver, ", ")
	text, _ = field(text, ", client: ", &l.Client, ", ")
	text, _ = field(text, ", server: ", &l.Server, ", ")
	text, told := l.request(text)
	if !told {
		l.Cut = true
		return
	}
	text, _ = field(text, `, subrequest: "`, &l.Subrequest, `", upstream: "`, `", host: "`, `"`)
	var upstream string
	text, cut := field(text, `, upstream: "`, &upstream, `", host: "`, `", bytes `, `"`)
	l.Upstream = readUpstream(upstream)
	if l.Cut = cut; cut && l.Upstream.URI == "" {
		l.Upstream = Upstream{} // its port may be the beginning of another
	}
	text, _ = field(text, `, host: "`, &l.Host, `", referrer: "`, `"`)
	field(text, `, referrer: "`, &l.Referrer, `"`)
}

// field reads a field if the text begins with it, up to the first of these ends that is there; the
// rest begins like the next field. cut is true where none of them is.
func field(text, begin string, value *string, ends ...string) (rest string, cut bool) {
	after, ok := strings.CutPrefix(text, begin)
	if !ok {
		return text, false
	}
	for _, end := range ends {
		if i := strings.Index(after, end); i >= 0 {
			*value = after[:i]
			return after[i+len(end)-len(strings.TrimLeft(end, `"`)):], false
		}
	}
	*value = after
	return "", ends[0] != ", "
}

// requestEnd is how a request ends: neither nginx nor a client can put it into the URI.
var requestEnd = regexp.MustCompile(` HTTP/\d(?:\.\d)?"`)

// request reads the request. told is false where its end is not there: what follows may be the client's.
func (l *Line) request(text string) (rest string, told bool) {
	after, ok := strings.CutPrefix(text, `, request: "`)
	if !ok {
		return text, true
	}
	at := requestEnd.FindStringIndex(after)
	whole := after
	if at != nil {
		whole, rest = after[:at[1]-1], after[at[1]:]
		l.Request = whole
	}
	l.Method, l.URI = target(whole)
	return rest, at != nil
}

// target is the method and the URI of a request line.
func target(request string) (method, uri string) {
	method, uri, _ = strings.Cut(request, " ")
	if i := strings.LastIndex(uri, " HTTP/"); i >= 0 {
		uri = uri[:i]
	}
	return method, uri
}

// readUpstream takes apart http://172.18.0.3:8000/path, fastcgi://unix:/run/php.sock: and the like.
func readUpstream(text string) (u Upstream) {
	scheme, rest, ok := strings.Cut(text, "://")
	if !ok {
		return Upstream{Peer: text}
	}
	u.Scheme = scheme
	end := strings.Index(rest, "/")
	if strings.HasPrefix(rest, "unix:") {
		if end = strings.Index(rest[len("unix:"):], ":"); end >= 0 {
			u.Peer, u.URI = rest[:end+len("unix:")], rest[end+len("unix:")+1:]
			return u
		}
	}
	if end < 0 {
		end = len(rest)
	}
	u.Peer, u.URI = rest[:end], rest[end:]
	return u
}

// Requests are the lines of each request together, in the order of their first: nginx writes one per
// server of a group that it tried. Lines about no connection stand alone.
func Requests(lines []Line) (all [][]Line) {
	type key struct {
		pid     int
		conn    int64
		request string
	}
	seen := map[key]int{}
	for _, l := range lines {
		k := key{l.PID, l.Conn, l.Request}
		i, known := seen[k]
		if l.Conn == 0 || !known {
			seen[k] = len(all)
			all = append(all, []Line{l})
			continue
		}
		all[i] = append(all[i], l)
	}
	return all
}
