package inspect

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"why502/compose"
	"why502/compose/proxy"
	"why502/inspect/errorlog"
)

var upstreamProfileDisabled = &Rule{
	ID: "upstream-profile-disabled", Hop: HopContainer, Scope: OfRoute, Severity: Error, Causes: "D1",
	Title: "the upstream is switched off by a profile",
	Why: `A service with profiles is not started unless one of them is active, so its name does not resolve: nginx
does not start, or, where the name is looked up per request, answers 502.`,
	Bad:  `api: {image: ..., profiles: [full]}   # and: docker compose up`,
	Good: `docker compose --profile full up`,
	Fix:  "activate the profile, or take the service out of it",
	Check: func(c *Case) *Finding {
		svc := c.Backend.Service
		if svc == nil || !svc.Disabled || c.resolves() || len(c.running(svc.Name)) > 0 {
			return nil
		}
		profile := svc.Profiles[0]
		return c.finding(c.optional(), c.unresolved(), "%s is not started: it belongs to the profile %s, which is not active", svc.Name, strings.Join(svc.Profiles, ", ")).
			near(c.stack.At("services", svc.Name, "profiles"), "the profiles of %s", svc.Name).
			fix("activate the profile, or take %s out of it", svc.Name).
			run("docker compose --profile %s up -d", profile)
	},
}

// optional is how sure it is that a service which is switched off is missed: routes to optional
// services are written with a name that is looked up per request, so that nginx starts without them.
func (c *Case) optional() Confidence {
	if c.Backend.PerRequest {
		return Likely
	}
	return c.sure()
}

var upstreamNotCreated = &Rule{
	ID: "upstream-not-created", Hop: HopContainer, Scope: OfRoute, Severity: Error, Causes: "D1",
	Title: "the upstream has no container",
	Why:   `The service is scaled to none, or was never started beside the proxy, so its name does not resolve.`,
	Bad:   `api: {image: ..., scale: 0}`,
	Good:  `api: {image: ..., scale: 1}`,
	Fix:   "start it: docker compose up -d SERVICE",
	Check: func(c *Case) *Finding {
		svc := c.Backend.Service
		if svc == nil || svc.Disabled || len(c.containers[svc.Name]) > 0 || c.missingNetwork(svc) != "" {
			return nil
		}
		switch {
		case svc.Scale == 0:
			at := c.stack.At("services", svc.Name, "scale")
			if at == svc.Place {
				at = c.stack.At("services", svc.Name, "deploy", "replicas")
			}
			return c.finding(c.optional(), c.unresolved(), "%s has no container: it is scaled to 0", svc.Name).
				near(at, "the number of containers of %s", svc.Name).
				fix("scale %s to 1 or more", svc.Name)
		case c.live() && !c.partial():
			return c.finding(Proven, c.unresolved(), "%s has no container", svc.Name).
				with("docker", "no container of the project %s belongs to %s", c.stack.Name, svc.Name).
				fix("start it").run("docker compose up -d %s", svc.Name)
		}
		return nil
	},
}

// down are the containers of the backend's service, where the daemon shows them and none of them
// can serve.
func (c *Case) down() []*Container {
	if c.Backend.Service == nil {
		return nil
	}
	if len(c.running(c.Backend.Service.Name)) > 0 {
		return nil
	}
	if c.Route != nil && c.innerRoute(c.Route, c.Backend) != nil {
		return nil // it is a proxy, whose own route says more
	}
	return c.containers[c.Backend.Service.Name]
}

var upstreamOOMKilled = &Rule{
	ID: "upstream-oom-killed", Hop: HopContainer, Scope: OfRoute, Severity: Error, Live: true, Causes: "D4",
	Title: "the upstream was killed for want of memory",
	Why: `The kernel kills what exceeds the container's memory limit (exit code 137). Requests that were under way
end in 502, "upstream prematurely closed connection".`,
	Bad:  `api: {image: ..., mem_limit: 64m}`,
	Good: `api: {image: ..., mem_limit: 512m}`,
	Fix:  "raise the memory limit, or run fewer workers",
	Check: func(c *Case) *Finding {
		if c.Backend.Service == nil {
			return nil
		}
		for _, box := range c.containers[c.Backend.Service.Name] {
			kills := c.kills(box)
			switch {
			case box.State == "running" && (box.OOMKilled || len(kills) > 0):
				return c.aboutMemory(c.killedWithin(box, kills), box, kills)
			case box.OOMKilled && len(c.down()) > 0:
				return c.aboutMemory(c.finding(Proven, c.unresolved(), "%s was killed for want of memory", c.Backend.Service.Name), box, kills)
			}
		}
		return nil
	},
}

// killedWithin reports that a container runs in which something was killed: it was started again, or its
// first process lived on. The requests that were under way then failed; whether others do, the proxy's log
// says.
func (c *Case) killedWithin(box *Container, kills []Kill) *Finding {
	name := c.Backend.Service.Name
	format := "a process of %s was killed for want of memory"
	if n := len(kills); n > 0 && kills[n-1].Time.Before(box.Started) {
		format = "%s was killed for want of memory, and started again"
	}
	cut := slices.DeleteFunc(c.loggedAtAll(errorlog.ClosedEarly, errorlog.Reset, errorlog.BodyCut), func(e *failure) bool {
		return !e.duringOne(kills)
	})
	if len(cut) > 0 {
		return c.fromLog(cut, Status502, format, name)
	}
	f := c.finding(Proven, StatusNone, format, name)
	f.Severity, f.may = Warning, true
	return f
}

// sameMoment is how far apart what the kernel did and what nginx wrote of it may be: nginx writes whole
// seconds.
const sameMoment = 3 * time.Second

// duringOne says whether a request failed when a process was killed.
func (e *failure) duringOne(kills []Kill) bool {
	return slices.ContainsFunc(kills, func(k Kill) bool { return e.at.Sub(k.Time).Abs() <= sameMoment })
}

// cutOff are the requests of which the upstream closed the connection, for another reason than that the
// kernel killed what was at work on it.
func (c *Case) cutOff() []*failure {
	var kills []Kill
	if c.Backend.Service != nil {
		for _, box := range c.containers[c.Backend.Service.Name] {
			kills = append(kills, c.kills(box)...)
		}
	}
	return slices.DeleteFunc(c.logged(errorlog.ClosedEarly, errorlog.Reset, errorlog.BodyCut), func(e *failure) bool { return e.duringOne(kills) })
}

// aboutMemory adds what there is to say of a container that ran out of memory.
func (c *Case) aboutMemory(f *Finding, box *Container, kills []Kill) *Finding {
	c.nearLimit(f, limit{name: "memory limit", paths: memoryLimits})
	f.with("docker", "%s", describeState(box))
	if n := len(kills); n > 0 {
		f.with("docker", "in %s the kernel killed a process for want of memory %s, the last time at %s", box.Name, times(n), kills[n-1].Time.Format(time.TimeOnly+" UTC"))
	}
	return f.fix("raise the memory limit of %s, or let it use less", c.Backend.Service.Name)
}

var upstreamRestarting = &Rule{
	ID: "upstream-restarting", Hop: HopContainer, Scope: OfRoute, Severity: Error, Live: true, Causes: "D3",
	Title: "the upstream keeps restarting",
	Why:   `Its process ends soon after each start. Between the starts its name does not resolve and its port is closed.`,
	Bad:   `Restarting (1) 4 seconds ago`,
	Good:  `Up 3 minutes`,
	Fix:   "docker compose logs SERVICE shows why it ends",
	Check: func(c *Case) *Finding {
		if down := c.down(); slices.ContainsFunc(down, func(box *Container) bool { return box.State == "restarting" }) {
			return c.stateFinding(c.unresolved(), down[0], "%s keeps restarting", c.Backend.Service.Name).
				with("docker", "it %s", explainExit(down[0]))
		}
		if c.Backend.Service == nil {
			return nil
		}
		for _, box := range c.running(c.Backend.Service.Name) {
			if c.unsettled(box) {
				f := c.stateFinding(StatusNone, box, "%s was restarted %s, the last time less than a minute ago", c.Backend.Service.Name, times(box.Restarts))
				f.may = true
				f.Severity = Warning
				return f
			}
		}
		return nil
	},
}

var upstreamPaused = &Rule{
	ID: "upstream-paused", Hop: HopContainer, Scope: OfRoute, Severity: Error, Live: true, Causes: "D15",
	Title: "the upstream is paused",
	Why:   `The kernel still accepts connections for a paused container, but nothing answers: after proxy_read_timeout, 504.`,
	Bad:   `docker compose pause api`,
	Good:  `docker compose unpause api`,
	Fix:   "docker compose unpause SERVICE",
	Check: func(c *Case) *Finding {
		down := c.down()
		if len(down) == 0 || down[0].State != "paused" {
			return nil
		}
		name := c.Backend.Service.Name
		if all := c.logged(errorlog.Refused); c.troubled(all) == failing {
			return c.withLog(c.finding(Proven, Status502, "%s is paused, and nothing in it listens on port %d", name, c.Backend.Port), all).
				with("docker", "%s", describeState(down[0])).
				fix("let it go on, and pass to the port that it listens on").run("docker compose unpause %s", name)
		}
		return c.finding(Proven, Status504, "%s is paused: it accepts connections and never answers", name).
			with("docker", "%s", describeState(down[0])).
			fix("let it go on").run("docker compose unpause %s", name)
	},
}

var upstreamNotRunning = &Rule{
	ID: "upstream-not-running", Hop: HopContainer, Scope: OfRoute, Severity: Error, Live: true, Causes: "D2",
	Title: "the upstream does not run",
	Why: `Its container ended, or could not be started. Its name does not resolve any more; a running nginx keeps the
old address, where nobody answers.`,
	Bad:  `Exited (1) 2 minutes ago`,
	Good: `Up 3 minutes`,
	Fix:  "docker compose logs SERVICE shows why it ended; docker compose up -d SERVICE starts it",
	Check: func(c *Case) *Finding {
		down := c.down()
		if len(down) == 0 {
			return c.someDown()
		}
		f := c.stateFinding(c.unresolved(), down[0], "%s does not run: it %s", c.Backend.Service.Name, explainExit(down[0]))
		return f.run("docker compose up -d %s", c.Backend.Service.Name)
	},
}

// someDown reports replicas that do not run beside others that do.
func (c *Case) someDown() *Finding {
	if c.Backend.Service == nil {
		return nil
	}
	name := c.Backend.Service.Name
	all := c.containers[name]
	for _, box := range all {
		if box.State != "running" {
			f := c.stateFinding(StatusNone, box, "%d of the %d containers of %s do not run", len(all)-len(c.running(name)), len(all), name)
			f.Severity, f.may = Warning, true
			return f.run("docker compose up -d %s", name)
		}
	}
	return nil
}

// stateFinding reports a container that is down, with what the daemon says and the end of its log.
func (c *Case) stateFinding(status Status, box *Container, format string, args ...any) *Finding {
	f := c.finding(Proven, status, format, args...).with("docker", "%s", describeState(box))
	log := c.snap.Logs[box.ID]
	for _, line := range log[max(0, len(log)-3):] {
		f.with("log", "%s", line.Text)
	}
	if line, means := explained(log, HopContainer, HopResponse); means != "" {
		if !slices.Contains(log[max(0, len(log)-3):], line) {
			f.with("log", "%s", line.Text)
		}
		return f.fix("%s; then start it again", means)
	}
	return f.fix("mend what docker compose logs %s shows, and start it again", c.Backend.Service.Name)
}

var upstreamStarting = &Rule{
	ID: "upstream-starting", Hop: HopContainer, Scope: OfRoute, Severity: Warning, Live: true, Causes: "D6",
	Title: "the upstream is still starting",
	Why:   `Its health check has not passed yet. Until the app listens, requests get 502.`,
	Bad:   `depends_on: [api]`,
	Good:  `depends_on: {api: {condition: service_healthy}}`,
	Fix:   "wait; to avoid it next time, let the proxy wait for service_healthy",
	Check: func(c *Case) *Finding {
		if e, ok := c.meets(refused); ok && c.booting(e) {
			return c.finding(Proven, StatusNone, "%s has just been started, and does not listen yet", c.Backend.Service.Name).
				with("docker", "%s was started %d seconds ago", e.box.Name, int(c.snap.Time.Sub(e.box.Started).Seconds())).
				fix("wait; so that nobody has to, give it a health check and let %s wait for service_healthy", c.Proxy.Service.Name)
		}
		return c.healthFinding("starting", "%s is still starting")
	},
}

// booting says whether a container without a health check was started less than a minute ago, and is not seen
// to listen for others anywhere: its app may need a while.
func (c *Case) booting(e end) bool {
	rows, _ := c.listeners(e)
	return c.isBackend(e.box) && !e.own && e.box.Health == "" && len(reachablePorts(rows)) == 0 && c.snap.Time.Sub(e.box.Started) < time.Minute
}

var upstreamUnhealthy = &Rule{
	ID: "upstream-unhealthy", Hop: HopContainer, Scope: OfRoute, Severity: Warning, Live: true, Causes: "D5",
	Title: "the upstream's health check fails",
	Why: `Docker goes on sending it traffic, and the check itself may be what is wrong: a curl that the image does not
have, localhost that means ::1. Services that wait for service_healthy do not start.`,
	Bad:   `healthcheck: {test: curl -f http://localhost/}   # in an image without curl`,
	Good:  `healthcheck: {test: ["CMD", "wget", "-q", "-O-", "http://127.0.0.1:8000/"]}`,
	Fix:   "mend the app, or the check",
	Check: func(c *Case) *Finding { return c.healthFinding("unhealthy", "the health check of %s fails") },
}

// healthFinding reports a service whose running containers are all in a state of health.
func (c *Case) healthFinding(health, format string) *Finding {
	if c.Backend.Service == nil {
		return nil
	}
	name := c.Backend.Service.Name
	running := c.running(name)
	if len(running) == 0 || slices.ContainsFunc(running, func(box *Container) bool { return box.Health != health }) {
		return nil
	}
	f := c.finding(Proven, StatusNone, format, name).with("docker", "%s", describeState(running[0])).
		near(c.stack.At("services", name, "healthcheck"), "the health check of %s", name).
		fix("look at its last check: docker inspect %s", running[0].Name)
	if out := strings.TrimSpace(running[0].HealthOutput); out != "" {
		f.with("docker", "the check says: %s", firstLine(out))
	}
	return f
}

func firstLine(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	return s
}

var upstreamStartRace = &Rule{
	ID: "upstream-start-race", Hop: HopContainer, Scope: OfRoute, Severity: Warning, Causes: "D7",
	Title: "nginx may start before its upstream has a name",
	Why: `A name that is written out in a pass is resolved once, when nginx starts, and exists only once the
upstream's container has started. Without depends_on Compose starts both at once: now and then nginx ends
with "host not found in upstream".`,
	Bad:  `proxy: {image: nginx}`,
	Good: `proxy: {image: nginx, depends_on: [api]}`,
	Fix:  "let the proxy depend on the upstream, or give the proxy a restart policy",
	Check: func(c *Case) *Finding {
		svc, own := c.Backend.Service, c.Proxy.Service
		if svc == nil || svc == own || c.Backend.PerRequest || !c.named() || svc.Disabled || healed(own.Restart) || c.sameNamespace(svc, own) {
			return nil
		}
		if len(c.shared(own, svc)) == 0 || c.dependsOn(own, svc) || c.inHostsFile() {
			return nil
		}
		f := c.finding(Likely, StatusNone, "nothing lets %s wait for %s: nginx does not start when it comes first", own.Name, svc.Name)
		if names(c.lastEmerg(), c.Backend.Host) && c.resolves() {
			return c.lostRace(f)
		}
		if c.dependsOn(svc, own) {
			return f.fix("%s waits for %s already, so %s cannot wait for it: resolve it per request, or give %s a restart policy", svc.Name, own.Name, own.Name, own.Name)
		}
		return f.
			near(own.Place, "%s has no depends_on for %s", own.Name, svc.Name).
			fix("let %s depend on %s", own.Name, svc.Name).
			edit(addItem(c.stack, own, "depends_on", svc.Name, svc.Name+": {condition: service_started}"))
	},
}

var dependsOnNotReady = &Rule{
	ID: "depends-on-not-ready", Hop: HopContainer, Scope: OfRoute, Severity: Warning, Causes: "D8",
	Title: "the proxy waits until its upstream is started, not until it is ready",
	Why: `depends_on without a condition waits until the container runs. The app in it may need a while before it listens,
and until then nginx answers 502: "connect() failed (111: Connection refused)". With a health check in the upstream,
Compose can wait until it says that the app is ready.`,
	Bad: `proxy: {depends_on: [api]}
api: {healthcheck: {test: curl -f http://localhost:8000/}}`,
	Good: `proxy: {depends_on: {api: {condition: service_healthy}}}`,
	Fix:  "wait with condition: service_healthy",
	Check: func(c *Case) *Finding {
		own, early := c.Proxy.Service, c.unready(c.Proxy)
		if c.Backend.Service == nil || !slices.Contains(early, c.Backend.Service) {
			return nil
		}
		f := c.finding(Likely, StatusNone, "%s waits for %s to start, not to be healthy, so that its first requests may fail", own.Name, listed(serviceNames(early))).
			fix("wait until they are healthy: condition: service_healthy").
			paste("services:\n  %s:\n    depends_on:\n      %s: {condition: service_healthy}", own.Name, early[0].Name)
		for _, d := range own.DependsOn {
			if d.Service == early[0].Name {
				f.near(d.Place, "what %s waits for", own.Name)
			}
		}
		f.Place = c.firstPass(early) // it is one fault, whatever the pass
		return f
	},
}

// unready are the upstreams that a proxy waits for only until they are started, although a health check
// could tell when they are ready. An nginx is, as soon as it is started.
func (f *facts) unready(p *compose.Proxy) []*compose.Service {
	if all, known := f.early[p]; known {
		return all
	}
	waited := map[string]bool{} // by something that the proxy waits for
	for _, svc := range f.services {
		for _, d := range svc.DependsOn {
			waited[d.Service] = waited[d.Service] || d.Condition == "service_healthy" && f.dependsOn(p.Service, svc)
		}
	}
	var all []*compose.Service
	for _, d := range p.Service.DependsOn {
		svc := f.stack.Services[d.Service]
		if svc != nil && d.Condition == "service_started" && len(svc.Healthcheck) > 0 && f.ownNginx(svc) == nil && !waited[svc.Name] {
			all = append(all, svc)
		}
	}
	used := map[*compose.Service]bool{}
	if len(all) > 0 {
		for _, r := range p.Routes {
			for _, b := range f.backends(r) {
				used[b.Service] = true
			}
		}
	}
	f.early[p] = slices.DeleteFunc(all, func(svc *compose.Service) bool { return !used[svc] })
	return f.early[p]
}

// firstPass is where the proxy first names one of some services.
func (c *Case) firstPass(services []*compose.Service) proxy.Place {
	for _, r := range c.Proxy.Routes {
		for _, b := range c.backends(r) {
			if slices.Contains(services, b.Service) {
				return b.Place
			}
		}
	}
	return c.Backend.Place
}

func serviceNames(services []*compose.Service) (all []string) {
	for _, svc := range services {
		all = append(all, svc.Name)
	}
	return all
}

// lostRace reports that nginx did come first: the name is there now, but nginx has ended.
func (c *Case) lostRace(f *Finding) *Finding {
	own, svc := c.Proxy.Service, c.Backend.Service
	f.Confidence, f.Severity, f.Status = Proven, Error, StatusNoStart
	f.Message = own.Name + " started before " + svc.Name + " had a name, and ended"
	return f.near(own.Place, "%s has no depends_on for %s", own.Name, svc.Name).
		fix("start it again, and let %s depend on %s", own.Name, svc.Name).
		edit(addItem(c.stack, own, "depends_on", svc.Name, svc.Name+": {condition: service_started}")).
		run("docker compose up -d %s", own.Name)
}

// healed says whether a restart policy starts nginx again until the name is there.
func healed(policy string) bool {
	return policy == "always" || policy == "unless-stopped" || strings.HasPrefix(policy, "on-failure")
}

// dependsOn says whether a chain of depends_on leads from one service to another.
func (f *facts) dependsOn(from, to *compose.Service) bool {
	if f.reached[from.Name] == nil {
		f.reached[from.Name] = map[*compose.Service]bool{}
		next := []*compose.Service{from}
		for len(next) > 0 {
			svc := next[0]
			next = next[1:]
			if svc == nil || f.reached[from.Name][svc] {
				continue
			}
			f.reached[from.Name][svc] = true
			for _, d := range svc.DependsOn {
				next = append(next, f.stack.Services[d.Service])
			}
		}
	}
	return f.reached[from.Name][to]
}

// describeState says in one line what the daemon shows of a container.
func describeState(box *Container) string {
	text := fmt.Sprintf("%s is %s", box.Name, box.State)
	switch {
	case box.State == "running" && box.Health != "":
		text += ", " + box.Health
	case box.State != "running" && box.State != "paused":
		text += fmt.Sprintf(", exit code %d", box.ExitCode)
	}
	if box.OOMKilled {
		text += ", killed for want of memory"
	}
	if box.Restarts > 0 {
		text += ", restarted " + times(box.Restarts)
	}
	if box.Error != "" {
		text += ": " + firstLine(box.Error)
	}
	return text
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

// explainExit says what an exit code means (Docker docs, docker run, exit status; signal(7)).
func explainExit(box *Container) string {
	if box.State == "created" {
		if box.Error != "" {
			return "could not be started" // in the engine's words, which are evidence
		}
		return "was created and never started"
	}
	switch code := box.ExitCode; code {
	case 0:
		return "ended by itself, without an error (exit code 0)"
	case 126:
		return "could not run its command: it is not executable (exit code 126)"
	case 127:
		return "could not run its command: there is none of that name (exit code 127)"
	case 134:
		return "aborted (exit code 134, SIGABRT)"
	case 137:
		return "was killed (exit code 137, SIGKILL): for want of memory, or because it did not stop in time"
	case 139:
		return "crashed (exit code 139, SIGSEGV)"
	case 143:
		return "was stopped (exit code 143, SIGTERM)"
	default:
		return fmt.Sprintf("ended with an error (exit code %d)", code)
	}
}
