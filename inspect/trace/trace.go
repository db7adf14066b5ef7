// Package trace follows one request through the configuration of a proxy and decides as nginx does:
// server, location, what is rewritten, what answers, and what is sent upstream. It does no I/O; what
// nginx would look at on the disk, and what the files cannot tell, makes several ways.
//
// It keeps to the source of nginx, phase by phase; a test holds it against nginx itself.
package trace

import (
	"fmt"

	"why502/compose/proxy"
)

// Bounds of what is followed.
const (
	maxWays    = 16
	maxChoices = 24  // on one way
	maxSteps   = 500 // on one way
)

// Request is a request as it reaches the proxy.
type Request struct {
	Method  string // GET if empty
	Scheme  string // http or https; http if empty
	Address string // of the proxy that the connection is made to, without brackets; empty: not known
	Port    int
	Socket  string // path of a unix socket, instead of address and port
	Target  string // as written in the request line: "/a/../b?c", "http://host/a"
	Headers []Field
	SNI     string // the name that TLS asks for
	Client  string // the client's address; empty: not known
	HTTP10  bool
}

// Field is a header or parameter.
type Field struct {
	Name, Value string
	Unknown     string // why the value is not known; Value is then as written
	Place       proxy.Place
}

// FileKind is what there is at a path.
type FileKind int

const (
	NoFile FileKind = iota
	RegularFile
	Directory
)

// Options say what is known besides the configuration.
type Options struct {
	Hostname string // of the container; empty: not known

	// Files says what there is at a path of the container; known is false where that cannot be told.
	// Nil: nothing is known.
	Files func(path string) (kind FileKind, known bool)

	// Upstream says what status asking an upstream comes to, so that it can be followed which error_page
	// replaces it: failed where that is nginx's own word (502, 504) because the upstream failed. 0 and nil:
	// not known, and the pass is the end of the way.
	Upstream func(sent Sent) (status int, failed bool)
}

// Trace is what becomes of a request: one way where the files decide, else one for each of the
// things that they leave open.
type Trace struct {
	Ways []Way
	More bool // there are more ways than are followed
}

// Certain says whether the files decide everything.
func (t Trace) Certain() bool {
	return len(t.Ways) == 1 && t.Ways[0].Unknown == ""
}

// Way is one way that a request can take.
type Way struct {
	Assumed  []Choice // what the files leave open, and what this way takes to be so
	Steps    []Step
	Server   *proxy.Server     // nil: nothing listens there
	Location *proxy.Location   // the one that answers; nil: the server itself does
	Nested   []*proxy.Location // that and those around it, the outermost first
	Pass     *proxy.Pass       // the last that hands it on; nil: nginx itself answers
	Sent     *Sent             // what goes to that upstream; nil without a pass
	Answer   Answer
	Unknown  string // why it could not be followed to its end
}

// Choice is a question that the files do not answer.
type Choice struct {
	Question string
	Options  []string
	Taken    int // index of the option that this way takes
	Place    proxy.Place
}

// Kind tells the sorts of steps apart.
type Kind string

const (
	StepListen    Kind = "listen"
	StepServer    Kind = "server"
	StepLocation  Kind = "location"
	StepRewrite   Kind = "rewrite"
	StepIf        Kind = "if"
	StepSet       Kind = "set"
	StepAccess    Kind = "access"
	StepTryFiles  Kind = "try_files"
	StepIndex     Kind = "index"
	StepErrorPage Kind = "error_page"
	StepRedirect  Kind = "redirect" // the slash that nginx adds
	StepAnswer    Kind = "answer"
	StepPass      Kind = "pass"
)

// Step is one decision, and the place that made it.
type Step struct {
	Kind  Kind
	Text  string
	Place proxy.Place
	Lost  []Lost // what was considered and not taken
}

// Lost is a candidate that was not taken, and why.
type Lost struct {
	What  string
	Why   string
	Place proxy.Place
}

// Sent is what a pass sends.
type Sent struct {
	Value   string // of the pass, variables filled in
	Scheme  string // http, https, fastcgi …
	Host    string // of the upstream: name, address or group; empty for a socket
	Port    int    // 0: the group's own
	Socket  string
	Group   *proxy.Group // nil: none
	Method  string
	URI     string // as in the request line
	Header  string // the Host header; empty: none is sent
	Fields  []Field
	Unknown string // why target, URI or Host are not known
}

// Answer is what answers, as far as nginx itself decides it.
type Answer struct {
	Status   int    // 0: the upstream's, or not known
	Location string // where a redirect leads to
	Text     string // of a return
	File     string // the path of the file that is served
	What     string // "return 404", "a file", "proxy_pass http://api"
	Closed   bool   // the connection is closed without an answer
	Place    proxy.Place
}

// Follow follows a request. It ends for every input.
func Follow(config *proxy.Config, request Request, o Options) (t Trace) {
	regexes, names := &regexes{compiled: map[regexKey]*regex{}}, newNames(config)
	var plan []int
	for {
		e := newEngine(config, names, request, o, regexes, plan)
		e.run()
		t.Ways = append(t.Ways, e.way)
		if plan = next(e.way.Assumed); plan == nil {
			return t
		}
		if len(t.Ways) == maxWays {
			t.More = true
			return t
		}
	}
}

// next is the plan that takes the next option of the last choice that has one; nil: none has.
func next(taken []Choice) []int {
	for i := len(taken) - 1; i >= 0; i-- {
		if taken[i].Taken+1 < len(taken[i].Options) {
			plan := make([]int, i+1)
			for k := range plan {
				plan[k] = taken[k].Taken
			}
			plan[i]++
			return plan
		}
	}
	return nil
}

// choose takes one of the options of a question: the same each time that it is asked on one way.
func (e *engine) choose(at proxy.Place, question string, options ...string) int {
	for _, c := range e.way.Assumed {
		if c.Question == question {
			return c.Taken
		}
	}
	n, taken := len(e.way.Assumed), 0
	if n == maxChoices {
		e.give("too much of it depends on what the files do not tell")
		return 0
	}
	if n < len(e.plan) {
		taken = e.plan[n]
	}
	e.way.Assumed = append(e.way.Assumed, Choice{question, options, taken, at})
	return taken
}

// holds is choose for a question that is answered by yes or no.
func (e *engine) holds(at proxy.Place, question string) bool {
	return e.choose(at, question, "yes", "no") == 0
}

// give gives up: nothing after this is known.
func (e *engine) give(why string) phase {
	if e.way.Unknown == "" {
		e.way.Unknown = why
	}
	return nil
}

// step records a decision.
func (e *engine) step(kind Kind, at proxy.Place, format string, args ...any) *Step {
	if len(e.way.Steps) == maxSteps {
		e.give("it takes more steps than are followed")
		return &Step{}
	}
	e.way.Steps = append(e.way.Steps, Step{Kind: kind, Text: fmt.Sprintf(format, args...), Place: at})
	return &e.way.Steps[len(e.way.Steps)-1]
}
