package inspect

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"why502/compose/proxy"
	"why502/inspect/errorlog"
)

var proxyOutOfConnections = &Rule{
	ID: "proxy-out-of-connections", Hop: HopResponse, Scope: OfRoute, Severity: Error, Live: true, Causes: "G6",
	Title: "nginx has no connections left",
	Why: `Each worker of nginx has worker_connections of them, and a request that is passed on takes two. Clients that keep
theirs open, slow upstreams, and a pass that leads back to nginx itself use them up: "worker_connections are not
enough", and 500.`,
	Bad:  `events { worker_connections 16; }`,
	Good: `events { worker_connections 4096; }`,
	Fix:  "raise worker_connections, after a look at who holds the connections",
	Check: func(c *Case) *Finding {
		f := c.limitReached(errorlog.OutOfConnections, "%s has no connections left: its worker_connections are not enough")
		if f == nil {
			return nil
		}
		return c.raise(f, "worker_connections", 4096, "events { worker_connections 4096; }")
	},
}

var proxyOutOfFiles = &Rule{
	ID: "proxy-out-of-files", Hop: HopResponse, Scope: OfRoute, Severity: Error, Live: true, Causes: "G7",
	Title: "nginx may open no more files",
	Why: `Each connection is an open file, and so are logs and what is read from disk. At the limit of the process
nginx can neither accept nor connect: "socket() failed (24: Too many open files)", and 500.`,
	Bad:  `worker_rlimit_nofile 64;`,
	Good: `worker_rlimit_nofile 20000;`,
	Fix:  "raise worker_rlimit_nofile, or the ulimits of the container",
	Check: func(c *Case) *Finding {
		f := c.limitReached(errorlog.OutOfFiles, "%s may open no more files, and each connection is one")
		if f == nil {
			return nil
		}
		if at := c.stack.At("services", c.Proxy.Service.Name, "ulimits"); at != c.Proxy.Service.Place {
			f.near(at, "the limits of %s", c.Proxy.Service.Name)
		}
		return c.raise(f, "worker_rlimit_nofile", 20000, "worker_rlimit_nofile 20000;")
	},
}

// limitReached reports that nginx itself is at a limit. Some of its lines are about no request.
func (c *Case) limitReached(kind errorlog.Kind, format string) *Finding {
	if c.Route == nil || !c.live() {
		return nil
	}
	all := c.logged(kind)
	for _, e := range c.journal(c.Proxy).failures {
		if e.Kind == kind && e.routes == nil {
			all = append(all, e)
		}
	}
	slices.SortStableFunc(all, func(a, b *failure) int { return a.at.Compare(b.at) })
	return c.fromLog(all, Status500, format, c.Proxy.Service.Name)
}

// raise says which directive to raise, and where it stands.
func (c *Case) raise(f *Finding, directive string, to int, whole string) *Finding {
	f.fix("raise it: %s", whole)
	pattern := regexp.MustCompile(`\b` + directive + `\s+\d+`)
	for _, file := range c.Proxy.Config.Files {
		line, column := c.stack.Sources.Find(file.Name, pattern)
		if line == 0 {
			continue
		}
		at := proxy.Place{File: file.Name, Line: line, Column: column}
		old := pattern.FindString(c.stack.Sources.Line(file.Name, line))
		return f.near(at, "the limit").edit(replaceAt(c.stack.Sources, at, old, fmt.Sprintf("%s %d", directive, to)))
	}
	return f
}

var upstreamTimeout = &Rule{
	ID: "upstream-timeout", Hop: HopResponse, Scope: OfRoute, Severity: Error, Live: true, Causes: "G2 G3 G4",
	Title: "the upstream does not answer in time",
	Why: `nginx waits for a connection proxy_connect_timeout, and then for the answer proxy_read_timeout, 60 seconds each
unless told otherwise: "upstream timed out (110: Connection timed out)", and 504. What takes longer on purpose needs a
longer time; what hangs needs to be looked at.`,
	Bad: `proxy_pass http://report:8000;   # which takes two minutes`,
	Good: `proxy_read_timeout 300s;
proxy_pass http://report:8000;`,
	Fix: "raise the timeout of this location, or make the upstream answer sooner",
	Check: func(c *Case) *Finding {
		all := c.logged(errorlog.ReadTimedOut, errorlog.SendTimedOut, errorlog.ConnectTimedOut)
		if len(all) == 0 {
			return nil
		}
		last, times, who := all[len(all)-1], c.Route.Pass.Timeouts, c.upstreamName()
		switch last.Kind {
		case errorlog.ConnectTimedOut:
			if _, full := c.meets(crowded); full {
				return nil // upstream-backlog-full says why
			}
			f := c.fromLog(all, Status504, "%s does not take connections of %s within %s, its %s", who, c.Proxy.Service.Name, seconds(times.Connect), c.timeoutName("connect"))
			return f.fix("look whether %s accepts connections: too few workers, or a firewall between", who)
		case errorlog.SendTimedOut:
			return c.longer(c.fromLog(all, Status504, "%s does not take requests within %s, the %s of this pass", who, seconds(times.Send), c.timeoutName("send")), "send")
		}
		return c.longer(c.fromLog(all, Status504, "%s does not answer within %s, the %s of this pass", who, seconds(times.Read), c.timeoutName("read")), "read")
	},
}

// upstreamName is what a message calls the backend.
func (c *Case) upstreamName() string {
	if c.Backend.Service != nil {
		return c.Backend.Service.Name
	}
	return c.Backend.address()
}

// module begins the names of the directives of the case's pass: proxy, fastcgi, uwsgi …
func (c *Case) module() string {
	module, _, _ := strings.Cut(c.Route.Pass.Directive, "_")
	return module
}

// timeoutName is the directive that limits a wait; stream has one for both directions.
func (c *Case) timeoutName(wait string) string {
	if c.Route.Server.Stream && wait != "connect" {
		return "proxy_timeout"
	}
	return c.module() + "_" + wait + "_timeout"
}

// seconds is a time as nginx writes it.
func seconds(d time.Duration) string {
	if d%time.Second != 0 {
		return fmt.Sprintf("%dms", d.Milliseconds())
	}
	return fmt.Sprintf("%ds", d/time.Second)
}

// longer says how to let nginx wait longer.
func (c *Case) longer(f *Finding, wait string) *Finding {
	name := c.timeoutName(wait)
	f.fix("if it needs that long, raise %s; else see what it waits for", name)
	if d := c.inEffect(name); d != nil && d.Place.Known() {
		return f.near(d.Place, "the time that nginx waits")
	}
	return c.before(f, name+" 300s;")
}

// before offers to put lines before the case's pass.
func (c *Case) before(f *Finding, lines ...string) *Finding {
	at := c.Route.Pass.Place
	if at.Known() && c.Route.Pass.Within == "" && c.startsWithDirective(at, c.Route.Pass.Directive) {
		return f.edit(insertBefore(c.stack.Sources, at, lines...))
	}
	return f.paste("%s", strings.Join(lines, "\n"))
}

// inEffect is the directive of a name that holds for the case's location: the nearest; nil: none is written.
func (c *Case) inEffect(name string) (found *proxy.Directive) {
	blocks := [][]*proxy.Directive{c.Proxy.Config.Directives, c.Route.Server.Directives}
	if c.Route.Location != nil {
		blocks = append(blocks, c.Route.Location.Directives)
	}
	for _, block := range blocks {
		for _, d := range block {
			if d.Name == name {
				found = d
			}
		}
	}
	return found
}

var upstreamClosedEarly = &Rule{
	ID: "upstream-closed-early", Hop: HopResponse, Scope: OfRoute, Severity: Error, Live: true, Causes: "D14 F12",
	Title: "the upstream closes connections without an answer",
	Why: `The upstream took the request and closed the connection before its answer was whole: "upstream prematurely closed
connection", "recv() failed (104: Connection reset by peer)", 502. Mostly a worker was ended in the middle, by the
kernel for want of memory, or by its own server because it took too long: gunicorn's --timeout is 30 seconds, nginx
waits 60.`,
	Bad:  `gunicorn --timeout 30 app:app   # and requests that take a minute`,
	Good: `gunicorn --timeout 120 app:app`,
	Fix:  "look into the upstream's log at that time",
	Check: func(c *Case) *Finding {
		all := c.cutOff()
		if len(all) == 0 {
			return nil
		}
		status, what := Status502, "without an answer"
		if all[len(all)-1].Kind == errorlog.BodyCut {
			status, what = StatusNone, "in the middle of its answers" // the client has got its 200
		}
		f := c.fromLog(all, status, "%s closes connections %s", c.upstreamName(), what)
		return c.asTheAppSays(f.fix("docker compose logs %s says what happened at that time", c.upstreamName()), HopResponse, HopContainer)
	},
}

var responseHeaderTooBig = &Rule{
	ID: "response-header-too-big", Hop: HopResponse, Scope: OfRoute, Severity: Error, Live: true, Causes: "G1",
	Title: "the head of the upstream's answer does not fit into nginx's buffer",
	Why: `nginx reads the head of an answer, with all of its cookies, into one buffer of proxy_buffer_size, 4k or 8k unless
told otherwise. What is larger is a 502, "upstream sent too big header": mostly only for users who are logged in.`,
	Bad: `proxy_pass http://api:8000;   # whose cookies have 6 kB`,
	Good: `proxy_buffer_size 16k;
proxy_buffers 8 16k;
proxy_busy_buffers_size 32k;
proxy_pass http://api:8000;`,
	Fix: "raise the three together",
	Check: func(c *Case) *Finding {
		all := c.logged(errorlog.HeaderTooBig)
		if len(all) == 0 {
			return nil
		}
		module := c.module()
		b := newBuffers(module).in(c.Proxy.Config.Directives).in(c.Route.Server.Directives)
		if c.Route.Location != nil {
			b = b.in(c.Route.Location.Directives)
		}
		f := c.fromLog(all, Status502, "the head of an answer of %s does not fit into %s_buffer_size, %s", c.upstreamName(), module, sizeText(b.first))
		return c.largerBuffers(f, max(16<<10, 2*b.first))
	},
}

// largerBuffers says how to let an answer's head be larger. The sizes of three directives have to fit; grpc
// has but one.
func (c *Case) largerBuffers(f *Finding, size int) *Finding {
	module := c.module()
	names := []string{module + "_buffer_size", module + "_buffers", module + "_busy_buffers_size"}
	lines := []string{names[0] + " " + sizeText(size) + ";", names[1] + " 8 " + sizeText(size) + ";", names[2] + " " + sizeText(2*size) + ";"}
	if module == "grpc" || module == "memcached" {
		names, lines = names[:1], lines[:1]
	}
	f.fix("let it be larger: %s", strings.Join(lines, " "))
	var written []*proxy.Directive
	if c.Route.Location != nil {
		written = c.Route.Location.Directives
	}
	if slices.ContainsFunc(written, func(d *proxy.Directive) bool { return slices.Contains(names, d.Name) }) {
		if d := c.inEffect(names[0]); d != nil {
			f.near(d.Place, "the size in effect")
		}
		return f.paste("%s", strings.Join(lines, "\n"))
	}
	return c.before(f, lines...)
}

var responseInvalid = &Rule{
	ID: "response-invalid", Hop: HopResponse, Scope: OfRoute, Severity: Error, Live: true, Causes: "F10 F11",
	Title: "nginx refuses the upstream's answer",
	Why: `nginx takes only answers that are HTTP to the letter: no header twice that may come once, no Content-Length beside
Transfer-Encoding, no control characters. "upstream sent invalid header", "upstream sent duplicate header line", 502.
Newer versions are stricter.`,
	Bad: `Content-Length: 5
Transfer-Encoding: chunked`,
	Good: `Transfer-Encoding: chunked`,
	Fix:  "mend the header in the app",
	Check: func(c *Case) *Finding {
		all := c.logged(errorlog.HeaderInvalid, errorlog.BodyInvalid)
		if len(all) == 0 {
			return nil
		}
		status := Status502
		if all[len(all)-1].Kind == errorlog.BodyInvalid {
			status = StatusNone
		}
		return c.fromLog(all, status, "nginx refuses answers of %s: %s", c.upstreamName(), shortly(all[len(all)-1].Message)).
			fix("mend what %s answers with; docker compose logs %s has the whole line", c.upstreamName(), c.Proxy.Service.Name)
	},
}

var upstreamAnswered502 = &Rule{
	ID: "upstream-answered-502", Hop: HopResponse, Scope: OfRoute, Severity: Error, Live: true, Causes: "D18",
	Title: "the upstream itself answers 502 or 504",
	Why: `nginx writes a line into its error log for each 502 and 504 of its own. One that is in the access log alone came
from the upstream: a proxy, a gateway, or an app whose own upstream failed. nginx handed it on.`,
	Bad:  `api: 502, and nothing in nginx's error log`,
	Good: `docker compose logs api`,
	Fix:  "look at what the upstream asks: its log says why",
	Check: func(c *Case) *Finding {
		if c.Route == nil || !c.live() || c.innerRoute(c.Route, c.Backend) != nil {
			return nil // the route there is the root cause
		}
		all := c.answeredItself()
		if len(all) == 0 {
			return nil
		}
		status := Status502
		if all[len(all)-1].status == 504 {
			status = Status504
		}
		return c.fromLog(all, status, "%s itself answers %d: nginx in %s hands it on", c.upstreamName(), all[len(all)-1].status, c.Proxy.Service.Name).
			fix("docker compose logs %s says why", c.upstreamName())
	},
}

// answeredItself are the 502 and 504 of the case's route that nginx did not make: its error log, which is
// known, has no line for them. Where several servers or groups might have answered nothing is concluded.
func (c *Case) answeredItself() (all []*failure) {
	journal := c.journal(c.Proxy)
	if !journal.complete || c.Route.Location == nil || len(c.backends(c.Route)) != 1 || c.makesErrors() {
		return nil
	}
	for _, v := range journal.visits {
		if v.Status != 502 && v.Status != 504 || !c.onlyRouteOf(v) || journal.tells(v) {
			continue
		}
		e := &failure{at: v.at, status: v.Status}
		e.Method, e.URI, e.Message = v.Method, v.URI, fmt.Sprintf("%d in the access log, and nothing in the error log", v.Status)
		if !v.at.Before(c.upstreamSince(e)) {
			all = append(all, e)
		}
	}
	return all
}

// makesErrors says whether the configuration itself answers 502 or 504 somewhere.
func (c *Case) makesErrors() (found bool) {
	c.eachDirective(func(d *proxy.Directive) {
		found = found || d.Name != "error_page" && d.Name != "proxy_next_upstream" && slices.ContainsFunc(d.Args, isGatewayError) ||
			d.Name == "error_page" && slices.ContainsFunc(d.Args, func(arg string) bool { return arg == "=502" || arg == "=504" }) ||
			strings.Contains(d.Name, "_by_lua") || strings.HasPrefix(d.Name, "js_") || d.Name == "if" && slices.ContainsFunc(d.Block, func(in *proxy.Directive) bool { return slices.ContainsFunc(in.Args, isGatewayError) })
	})
	return found
}

func isGatewayError(arg string) bool { return arg == "502" || arg == "504" }

// onlyRouteOf says whether a request can have taken no other route than the case's, whichever server of the
// proxy answered it.
func (c *Case) onlyRouteOf(v visit) bool {
	if !takenBy(c.Route, v) {
		return false
	}
	for _, s := range c.Proxy.Config.Servers {
		if s.Stream || s == c.Route.Server {
			continue
		}
		for _, r := range c.Proxy.Routes {
			if r.Server == s && takenBy(r, v) && r.Target.Value != c.Route.Target.Value {
				return false
			}
		}
	}
	return true
}

// retrying is how long nginx may try before it answers, so that the line of its error is older than the answer.
const retrying = 5 * time.Minute

// tells says whether the error log has a line about a request.
func (j *journal) tells(v visit) bool {
	return slices.ContainsFunc(j.errors, func(e *failure) bool {
		return e.Client == v.Client && e.Method == v.Method && (e.Cut || e.URI == v.URI) &&
			!e.at.After(v.at.Add(2*time.Second)) && e.at.After(v.at.Add(-retrying))
	})
}

// shortly is a text from outside for a message.
func shortly(text string) string {
	if len(text) > 120 {
		return strings.ToValidUTF8(text[:120], "") + "…"
	}
	return text
}
