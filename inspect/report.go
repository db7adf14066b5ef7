// Package inspect judges: from a Stack and a Snapshot to a Report. Everything in it is a pure
// function over plain data; the daemon is asked by inspect/live.
package inspect

import (
	"time"

	"why502/compose/proxy"
)

// Report is the judgement: every route with its hops, and what is wrong, worst first.
type Report struct {
	Project   Project
	Live      Live
	Verdict   Verdict // the worst of the routes'
	Proxies   []ProxyReport
	Services  []ServiceReport // that are a proxy or that a route leads to, by name
	Routes    []RouteReport   // by proxy, then in the order of its configuration
	Findings  []*Finding      // Findings[0] is the answer
	Ignored   []*Finding      // that the user accepts: see Finding.By
	Remarks   []Remark        // on what is ignored
	Unchecked []proxy.Unchecked
	Trace     *Traced // of one request, which is then all that the report is about; nil: it is about the project
}

// Project is the project that was judged.
type Project struct {
	Name      string
	Directory string   // absolute, or as seen from where the user is
	Files     []string // relative to Directory
}

// LiveState says how much the daemon had to say.
type LiveState string

const (
	LiveInspected    LiveState = "inspected"
	LivePartial      LiveState = "partial" // some questions got no answer
	LiveOff          LiveState = "off"
	LiveUnreachable  LiveState = "unreachable"
	LiveNoContainers LiveState = "no-containers" // it knows none of the project's containers
	LiveReplayed     LiveState = "replayed"      // it was asked when a record was made, if at all
)

// Live is what became of the daemon's side of the diagnosis.
type Live struct {
	State  LiveState
	Daemon Daemon
	Note   string // one sentence: what is missing and the remedy; empty if nothing is
	Probe  Probe

	Was      LiveState // of what is replayed: State when it was recorded
	Recorded time.Time // of what is replayed: when that was
}

// Hop is one of the eight steps of a route, in the order in which causes explain each other.
type Hop int

const (
	HopConfig    Hop = iota // does nginx load what the user thinks it loads, and is it valid?
	HopProxy                // does nginx run, and listen where its port is published?
	HopContainer            // is the service behind this host created and running?
	HopNetwork              // do proxy and upstream share a network?
	HopName                 // does the pass's host resolve to the address that the upstream has now?
	HopPort                 // does something listen on that port?
	HopProtocol             // do both ends speak the same protocol?
	HopResponse             // does the answer come in time, whole, and small enough?
)

// hops are the names of the hops, as every output has them.
var hops = [...]string{"config", "proxy", "container", "network", "name", "port", "protocol", "response"}

func (h Hop) String() string { return hops[h] }

// HopState is what is known of one hop.
type HopState string

const (
	HopNotReached HopState = "not-reached"
	HopOK         HopState = "ok"
	HopBroken     HopState = "broken"
	HopAtRisk     HopState = "at-risk"
	HopUnchecked  HopState = "unchecked"
)

// Verdict is what becomes of a route, or of the whole project.
type Verdict string

const (
	VerdictBroken       Verdict = "broken"
	VerdictLikelyBroken Verdict = "likely-broken" // a likely finding that nothing live settled
	VerdictAtRisk       Verdict = "at-risk"       // works now; the next ordinary start may break it
	VerdictUnknown      Verdict = "unknown"       // its target could not be determined
	VerdictOK           Verdict = "ok"            // every hop that could be checked is
)

// Status is what a request on a route is predicted to get.
type Status string

const (
	Status502     Status = "502"
	Status504     Status = "504"
	Status500     Status = "500"
	StatusNoStart Status = "no-start" // nginx does not start
	StatusRefused Status = "refused"  // nothing listens behind the published port
	StatusClosed  Status = "closed"   // a stream connection is closed
	StatusNone    Status = ""         // another status, or none known
)

// ProxyReport is one proxy.
type ProxyReport struct {
	Service string
	Image   string
	Why     string   // image, mount, flag
	Nginx   string   // version; empty: not known
	Config  []string // the project's files that its configuration comes from
	State   string   // of its container; empty: not known
}

// ServiceReport is one service.
type ServiceReport struct {
	Name     string
	Networks []string // full names of those that it is on
}

// RouteReport is one route with its verdict.
type RouteReport struct {
	ID        string
	Proxy     string
	Published []string // "0.0.0.0:8080"
	Listen    string   // "80", or the path of a unix socket
	Server    string   // first server_name; "_" if there is none
	Location  string   // as written; empty in a stream server
	Pass      string   // as written
	Scheme    string
	Target    string // "api:8000", "unix:/run/app.sock", or a group's name
	Place     proxy.Place
	Backends  []BackendReport
	Verdict   Verdict
	Status    Status
}

// BackendReport is one host and port that a route leads to.
type BackendReport struct {
	Host    string
	Port    int
	Service string // empty: no service of the project
	Hops    [len(hops)]HopState
}

// Severity is how bad a finding is.
type Severity int

const (
	Note    Severity = iota + 1 // worth knowing; changes no verdict
	Warning                     // requests probably fail now, or will at the next ordinary start
	Error                       // requests fail now, or nginx does not start
)

// Confidence is how sure a finding is.
type Confidence string

const (
	Proven   Confidence = "proven"   // seen live
	Certain  Confidence = "certain"  // follows from the files
	Likely   Confidence = "likely"   // working projects do it too
	Possible Confidence = "possible" // a hint
)

// Finding is one thing that is wrong, at one place.
type Finding struct {
	Rule       *Rule
	Severity   Severity
	Confidence Confidence
	Message    string
	Place      proxy.Place
	Excerpt    string // the source line at Place, with its indentation, redacted
	Proxy      string
	Service    string // the service behind the host, or empty
	Routes     []string
	Status     Status
	Evidence   []Evidence
	Related    []Related
	Fix        Fix

	By           *Ignore  // what it is ignored by; nil: it is not
	Fingerprints []string // by which it is known again, one for each of its places; see Fingerprint

	order   int    // of what stops nginx: in which order nginx meets it
	subject string // the host, port or file that it is about, as nginx would quote it
	may     bool   // requests may fail: other servers of the group still answer, or nginx runs on as it was
	passes  bool   // requests fail now, but will not for long
	about   *Case  // of a rule about the proxy as a whole: the first that it is about; nil: there is none
}

// Evidence is one observation that the finding rests on.
type Evidence struct {
	Source string // compose, nginx, dockerfile, docker, probe, log, stats
	Text   string
}

// Related is another place that has to do with the finding; the first is the one to change.
type Related struct {
	Place   proxy.Place
	Excerpt string
	Text    string
}

// Fix is what to change. The edits are carried out together or not at all.
type Fix struct {
	Text  string
	Paste string // lines for a file, where no edit can be computed
	Run   string // a command to run
	Edits []Edit
}

// Edit replaces the whole lines Line to LineEnd of File, whose exact text is Old, by New. An empty
// Old inserts New before Line.
type Edit struct {
	File    string
	Line    int
	LineEnd int
	Old     string
	New     string
}
