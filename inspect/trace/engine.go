package trace

import (
	"cmp"
	"slices"
	"strings"

	"why502/compose/proxy"
)

// maxChanges is how often nginx lets the URI of a request change.
const maxChanges = 10

// engine is a request on one of its ways, in the state that nginx has it in.
type engine struct {
	config  *proxy.Config
	request Request
	options Options
	regexes *regexes
	names   *names
	plan    []int // the options to take, choice by choice
	way     Way

	headers map[string][]string
	host    string // without port, in lower case; empty: none
	method  string

	uri           string
	args          value
	unparsed      string // the target as written
	validUnparsed bool   // it is still what is asked for
	quoted, plus  bool   // it had escapes, or a plus sign
	internal      bool
	validLocation bool // what the location matched may be replaced
	uriToAlias    bool // a try_files found a file below an alias that is a whole path
	uriChanged    bool
	changes       int // that are left

	scope     *scope           // the block whose configuration holds
	answering *proxy.Directive // the directive that makes the answer; nil: files
	target    *upstream        // of the pass that is being made ready
	quoting   bool             // captures are escaped
	errorPage bool             // one was used already, and they do not recur
	status    int              // that replaces the one of the answer; 0: none does
	location  string           // where the answer redirects to
	set       map[string]value // variables that were set
	cached    map[string]value // those of maps, once they were asked for
	looking   []string         // variables that are being looked up
	captures  []string         // of the regular expression that matched last

	lostCaptures string // why the captures are not known
}

// phase is one phase of a request; it gives the next, or nil at the end.
type phase func(*engine) phase

func newEngine(config *proxy.Config, names *names, r Request, o Options, all *regexes, plan []int) *engine {
	r.Method, r.Scheme = cmp.Or(r.Method, "GET"), cmp.Or(r.Scheme, "http")
	return &engine{
		config: config, request: r, options: o, regexes: all, names: names, plan: plan,
		method: r.Method, changes: maxChanges + 1, validLocation: true, headers: byName(r.Headers),
		set: map[string]value{}, cached: map[string]value{},
	}
}

// run takes the request through the phases.
func (e *engine) run() {
	for next := phase(begin); next != nil && e.way.Unknown == ""; {
		next = next(e)
	}
	if e.scope == nil {
		return
	}
	e.way.Location = e.scope.location
	for s := e.scope; s != nil; s = s.outer {
		if s.location != nil && !slices.Contains(e.way.Nested, s.location) {
			e.way.Nested = append(e.way.Nested, s.location)
		}
	}
	slices.Reverse(e.way.Nested)
}

// scope is a block of the configuration and what is around it.
type scope struct {
	directives []*proxy.Directive
	outer      *scope
	location   *proxy.Location // nil outside of locations
	within     string          // "if" or "limit_except"; empty: it is the location itself
}

// nearest are the directives of these names in the nearest block that has any: what a block inherits.
func (s *scope) nearest(names ...string) []*proxy.Directive {
	if s = s.having(names...); s != nil {
		return s.own(names...)
	}
	return nil
}

// having is the nearest block that has a directive of one of the names; nil: none has.
func (s *scope) having(names ...string) *scope {
	for ; s != nil; s = s.outer {
		if len(s.own(names...)) > 0 {
			return s
		}
	}
	return nil
}

// own are the block's own directives of these names.
func (s *scope) own(names ...string) (all []*proxy.Directive) {
	for _, d := range s.directives {
		if slices.Contains(names, d.Name) {
			all = append(all, d)
		}
	}
	return all
}

// isOn gives the value of a flag.
func (s *scope) isOn(name string, otherwise bool) bool {
	if d := first(s.nearest(name)); d != nil && len(d.Args) == 1 {
		return strings.EqualFold(d.Args[0], "on")
	}
	return otherwise
}

// first is the first directive, or nil.
func first(all []*proxy.Directive) *proxy.Directive {
	if len(all) == 0 {
		return nil
	}
	return all[0]
}

// locations are those that stand in the block.
func (s *scope) locations(server *proxy.Server) []*proxy.Location {
	if s.location != nil {
		return s.location.Locations
	}
	return server.Locations
}

// contents are the directives that answer a request, besides those that pass it on.
var contents = []string{
	"stub_status", "empty_gif", "flv", "mp4", "hls", "perl", "js_content", "content_by_lua", "content_by_lua_block",
	"content_by_lua_file", "echo",
}

// answers says whether a directive makes the answer of its block.
func answers(d *proxy.Directive) bool {
	return strings.HasSuffix(d.Name, "_pass") && len(d.Args) > 0 || slices.Contains(contents, d.Name)
}

// answering is the directive of a block that makes the answer: the last, as each takes the place of the
// one before. A limit_except has that of its location.
func (s *scope) answering() (found *proxy.Directive) {
	for _, d := range s.directives {
		if answers(d) {
			found = d
		}
	}
	if found == nil && s.within == "limit_except" {
		return s.outer.answering()
	}
	return found
}

// enter makes a block the one whose configuration holds.
func (e *engine) enter(s *scope) {
	if limit := first(s.own("limit_except")); limit != nil && !allows(limit.Args, e.method) {
		e.step(StepAccess, limit.Place, "%s is none of the methods of limit_except", e.method)
		s = &scope{limit.Block, s, s.location, "limit_except"}
	}
	e.scope = s
	if d := s.answering(); d != nil {
		e.answering = d
	}
}

// allows says whether a limit_except leaves a method alone.
func allows(methods []string, method string) bool {
	for _, m := range methods {
		m = strings.ToUpper(m)
		if m == method || m == "GET" && method == "HEAD" {
			return true
		}
	}
	return false
}

// matches matches a regular expression, and keeps what it captures.
func (e *engine) matches(pattern string, fold bool, text string) (bool, error) {
	r := e.regexes.get(pattern, fold)
	captures, err := r.match(text)
	if err != nil || captures == nil {
		return false, err
	}
	e.captures, e.lostCaptures = captures, ""
	for name, n := range r.names {
		e.set[lower(name)] = known(captures[n])
	}
	return true, nil
}

// redirect goes on with another URI.
func (e *engine) redirect(uri string, args value) phase {
	if e.changes--; e.changes == 0 {
		return e.cycle()
	}
	e.uri, e.args = uri, args
	e.internal, e.validUnparsed, e.uriToAlias = true, false, false
	e.validLocation, e.answering = true, nil
	e.scope = e.serverScope()
	return serverRewrite
}

// named goes on with a named location.
func (e *engine) named(name string, at proxy.Place) phase {
	if e.changes--; e.changes == 0 {
		return e.cycle()
	}
	for _, l := range e.way.Server.Locations {
		if l.Modifier == "@" && "@"+word(l.Path) == name {
			e.step(StepLocation, l.Place, "location %s", l)
			e.internal, e.uriChanged, e.answering = true, false, nil
			e.enter(&scope{l.Directives, e.serverScope(), l, ""})
			return locationRewrite
		}
	}
	return e.fail(500, at, "there is no location "+name)
}

// cycle is the end of a request whose URI changes again and again.
func (e *engine) cycle() phase {
	return e.fail(500, e.place(), "rewrite or internal redirection cycle")
}

// place is that of the block whose configuration holds.
func (e *engine) place() proxy.Place {
	if e.scope != nil && e.scope.location != nil {
		return e.scope.location.Place
	}
	if e.way.Server != nil {
		return e.way.Server.Place
	}
	return proxy.Place{}
}

func (e *engine) serverScope() *scope {
	return &scope{directives: e.way.Server.Directives, outer: &scope{directives: e.config.Directives}}
}

// fail answers with a status that error_page may replace.
func (e *engine) fail(status int, at proxy.Place, what string) phase {
	e.status = status
	if pages := e.scope.nearest("error_page"); !e.errorPage && len(pages) > 0 && e.changes > 0 {
		e.errorPage = !e.scope.isOn("recursive_error_pages", false)
		for _, page := range pages {
			if p, ok := newErrorPage(page, status); ok {
				e.step(StepErrorPage, page.Place, "%d (%s) goes to %s", status, what, p.uri)
				return e.sendErrorPage(p)
			}
		}
	}
	if status >= 494 && status <= 497 {
		e.status = 400
	}
	return e.answer(Answer{What: what, Place: at})
}

// answer ends the request.
func (e *engine) answer(a Answer) phase {
	if e.way.Unknown == "" {
		e.step(StepAnswer, a.Place, "%s", a.What)
	}
	return e.finish(a)
}

// finish is answer without a step of its own.
func (e *engine) finish(a Answer) phase {
	if e.status != 0 {
		a.Status = e.status
	}
	a.Location = e.absolute(cmp.Or(a.Location, e.location)) // nginx keeps that of a redirect that an error_page replaced
	e.way.Answer = a
	return nil
}

// page is what an error_page says of one status.
type page struct {
	uri   string // as written
	code  int    // of "=code"; 0: that of the page; -1: that of the error
	place proxy.Place
}

// newErrorPage is what an error_page says of a status; ok is false where it says nothing.
func newErrorPage(d *proxy.Directive, status int) (p page, ok bool) {
	if len(d.Args) < 2 {
		return p, false
	}
	codes, last := d.Args[:len(d.Args)-1], d.Args[len(d.Args)-1]
	p = page{uri: word(last), code: -1, place: d.Place}
	if text, given := strings.CutPrefix(codes[len(codes)-1], "="); given {
		codes, p.code = codes[:len(codes)-1], number(text)
	}
	if p.code == -1 && status >= 494 && status <= 497 {
		p.code = 400
	}
	return p, slices.ContainsFunc(codes, func(code string) bool { return number(code) == status })
}

// number is a number of digits; 0 for anything else.
func number(text string) (n int) {
	if text == "" || len(text) > 9 {
		return 0
	}
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			return 0
		}
		n = n*10 + int(text[i]-'0')
	}
	return n
}

// sendErrorPage answers with an error page.
func (e *engine) sendErrorPage(p page) phase {
	if p.code >= 0 {
		e.status = p.code
	}
	uri := e.expand(p.uri, false)
	switch {
	case uri.why != "":
		return e.give("where error_page leads to: " + uri.why)
	case strings.HasPrefix(uri.text, "/"):
		if e.method != "HEAD" {
			e.method = "GET"
		}
		path, args, _ := strings.Cut(uri.text, "?")
		return e.redirect(path, known(args))
	case strings.HasPrefix(uri.text, "@"):
		return e.named(uri.text, p.place)
	}
	if !slices.Contains([]int{301, 302, 303, 307, 308}, p.code) {
		e.status = 302
	}
	return e.answer(Answer{Location: uri.text, What: "error_page " + p.uri, Place: p.place})
}
