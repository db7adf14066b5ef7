package inspect

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"why502/compose"
	"why502/compose/proxy"
)

var proxyPortConflict = &Rule{
	ID: "proxy-port-conflict", Hop: HopProxy, Scope: OfProxy, Severity: Error, Causes: "H17",
	Title: "two services publish the same port of the host",
	Why: `A port of the host, on one address, belongs to one container. The second one is made and never started: "Bind for
0.0.0.0:80 failed: port is already allocated". Published without an address a port is taken on all of them.`,
	Bad: `proxy: {ports: ["8080:80"]}
api: {ports: ["8080:8000"]}`,
	Good: `proxy: {ports: ["8080:80"]}
api: {expose: [8000]}   # the proxy reaches it without a published port`,
	Fix: "publish another port of the host, or none: containers reach each other without it",
	Check: func(c *Case) *Finding {
		own := c.namespace(c.Proxy.Service)
		if c.proxyRuns() {
			return nil
		}
		for _, port := range own.Ports {
			for _, other := range c.services {
				if clash, found := clashing(own, other, port); found {
					return c.conflict(own, other, port, clash)
				}
			}
		}
		return c.portTaken(own)
	},
}

// clashing is the published port of another service that takes what a port needs. Services that no
// profile has in common are alternatives.
func clashing(own, other *compose.Service, port compose.Port) (compose.Port, bool) {
	apart := len(own.Profiles) > 0 && len(other.Profiles) > 0 &&
		!slices.ContainsFunc(own.Profiles, func(p string) bool { return slices.Contains(other.Profiles, p) })
	if other == own || other.Disabled || other.Scale == 0 || own.Scale == 0 || apart {
		return compose.Port{}, false
	}
	i := slices.IndexFunc(other.Ports, func(p compose.Port) bool {
		fixed := p.Published != 0 && !p.Several && !port.Several
		return fixed && p.Published == port.Published && p.Protocol == port.Protocol && overlap(p.HostIP, port.HostIP)
	})
	if i < 0 {
		return compose.Port{}, false
	}
	return other.Ports[i], true
}

// overlap says whether two addresses to publish on have one in common. No address is every one.
func overlap(a, b string) bool {
	every := func(ip string) bool { return ip == "" || ip == "0.0.0.0" }
	six := strings.Contains(a, ":") || strings.Contains(b, ":")
	return a == b || !six && (every(a) || every(b))
}

// conflict reports two services that publish one port. Who starts first has it: that is sure only where
// one waits for the other.
func (c *Case) conflict(own, other *compose.Service, port, clash compose.Port) *Finding {
	f := c.finding(Likely, StatusNoStart, "%s and %s both publish port %d of the host: the one that starts second does not start", own.Name, other.Name, port.Published).
		near(clash.Place, "%s publishes it too", other.Name).
		fix("publish another port for one of them, or none: containers reach each other without it")
	switch {
	case c.dependsOn(own, other):
		f.Confidence = Certain
		f.Message = fmt.Sprintf("%s does not start: it publishes port %d of the host, as %s does, which starts before it", own.Name, port.Published, other.Name)
	case c.dependsOn(other, own):
		f.Severity, f.Status, f.may = Warning, StatusNone, true
		f.Message = fmt.Sprintf("%s does not start: it publishes port %d of the host, as %s does, which starts before it", other.Name, port.Published, own.Name)
	}
	f.Place, f.order, f.subject = port.Place, -1, strconv.Itoa(port.Published)
	if c.unbound(own) != nil {
		f.Confidence, f.Severity, f.Status, f.may = Proven, Error, StatusNoStart, false
	}
	return f
}

// taken is what engines say of a port that something else has.
var taken = regexp.MustCompile(`(?:Bind for|bind host port(?: for)?|listen (?:tc|ud)p[46]?) \S*?:(\d+)\b.*(?:port is already allocated|address already in use)`)

// unbound is the proxy's container, if the engine did not start it for want of a port.
func (c *Case) unbound(own *compose.Service) *Container {
	for _, box := range c.containers[own.Name] {
		if box.State != "running" && taken.MatchString(box.Error) {
			return box
		}
	}
	return nil
}

// portTaken reports a port of the host that something outside of the project has.
func (c *Case) portTaken(own *compose.Service) *Finding {
	box := c.unbound(own)
	if box == nil {
		return nil
	}
	number := taken.FindStringSubmatch(box.Error)[1]
	f := c.finding(Proven, StatusNoStart, "%s was not started: something else has port %s of the host", own.Name, number).
		fix("publish another port, or stop what has it: another container, or a program on the host").
		run("docker ps --filter publish=%s", number)
	f.Place, f.order, f.subject = own.Place, -1, number
	for _, p := range own.Ports {
		if strconv.Itoa(p.Published) == number {
			f.Place = p.Place
		}
	}
	return f
}

var proxyNotRunning = &Rule{
	ID: "proxy-not-running", Hop: HopProxy, Scope: OfProxy, Severity: Error, Live: true, Causes: "D17",
	Title: "the proxy does not run",
	Why: `nginx ended, mostly because it refuses its configuration: the last [emerg] line of its log says why. With a
restart policy it tries again and again, and clients see a refused connection now and then.`,
	Bad:  `nginx: [emerg] host not found in upstream "api" in /etc/nginx/conf.d/default.conf:4`,
	Good: `nginx: configuration file /etc/nginx/nginx.conf test is successful`,
	Fix:  "mend what the [emerg] line names, then docker compose up -d",
	Check: func(c *Case) *Finding {
		boxes := c.containers[c.Proxy.Service.Name]
		name := c.Proxy.Service.Name
		switch {
		case !c.live() || c.proxyRuns() || len(boxes) == 0 && c.partial():
			return nil
		case len(boxes) > 0 && c.starting(boxes[0]):
			return nil // why it does not get further is for others to say
		case len(boxes) == 0:
			f := c.finding(Proven, StatusRefused, "%s has no container", name).fix("start it: docker compose up -d %s", name)
			f.Place = c.Proxy.Service.Place
			return f
		case boxes[0].State == "paused":
			f := c.finding(Proven, StatusNone, "%s is paused: connections to it hang", name).fix("docker compose unpause %s", name)
			f.Place = c.Proxy.Service.Place
			return f
		}
		box, status := boxes[0], StatusNoStart
		if slices.Contains(stopCodes, box.ExitCode) && box.State == "exited" && c.lastEmerg() == "" {
			status = StatusRefused // it was stopped, and would start
		}
		f := c.finding(Proven, status, "%s does not run: it %s", name, explainExit(box)).with("docker", "%s", describeState(box))
		f.Place, f.order = c.Proxy.Service.Place, -1
		f.fix("docker compose logs %s says more; once it is mended: docker compose up -d %s", name, name)
		if line := c.lastEmerg(); line != "" {
			c.locateEmerg(f.with("log", "%s", line), line)
		}
		return f
	},
}

// lastEmerg is the last word of the proxy's nginx, where it does not run; empty: none is known.
func (c *Case) lastEmerg() string {
	if c.proxyRuns() {
		return ""
	}
	for _, box := range c.containers[c.Proxy.Service.Name] {
		if line := lastEmerg(c.snap.Logs[box.ID]); line != "" {
			return line
		}
	}
	return ""
}

// unknownVariable is what nginx says of a variable that nothing sets; it names no file.
var unknownVariable = regexp.MustCompile(`unknown "(\w+)" variable`)

// locateEmerg points a finding at the line that nginx's last word names, in the user's own file.
func (c *Case) locateEmerg(f *Finding, line string) {
	if m := unknownVariable.FindStringSubmatch(line); m != nil {
		c.locateVariable(f, m[1])
		return
	}
	if file, n := c.emergPlace(line); file != "" {
		indent := len(indentation(c.stack.Sources.Line(file, n)))
		f.Place = proxy.Place{File: file, Line: n, Column: 1 + indent}
		f.fix("correct this line; then: docker compose up -d %s", c.Proxy.Service.Name)
	}
}

// emergPlace is the user's file and line that nginx's last word ends with: "… in /etc/nginx/x.conf:7".
func (c *Case) emergPlace(line string) (file string, n int) {
	i := strings.LastIndex(line, " in /")
	if i < 0 {
		return "", 0
	}
	path, number, _ := cutLast(line[i+len(" in "):], ":")
	n, err := strconv.Atoi(number)
	if err != nil {
		return "", 0
	}
	for _, loaded := range c.Proxy.Config.Files {
		if loaded.Path == path {
			return loaded.Name, n
		}
	}
	return "", 0
}

// locateVariable points a finding at the first use of a variable.
func (c *Case) locateVariable(f *Finding, name string) {
	use := regexp.MustCompile(`(?i)\$\{?` + name + `\b`)
	for _, loaded := range c.Proxy.Config.Files {
		if n, column := c.stack.Sources.Find(loaded.Name, use); n > 0 {
			f.Place = proxy.Place{File: loaded.Name, Line: n, Column: column}
			f.fix("set $%s, or correct its name; then: docker compose up -d %s", name, c.Proxy.Service.Name)
			return
		}
	}
}

func cutLast(s, sep string) (before, after string, ok bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

var proxyPortNotListening = &Rule{
	ID: "proxy-port-not-listening", Hop: HopProxy, Scope: OfProxy, Severity: Error, Causes: "C6",
	Title: "a published port leads to a port that nginx does not listen on",
	Why: `The right side of "ports" is the port in the container. Where no server has a listen for it, connections
are refused before nginx sees them: a browser says "connection refused" or "reset", not 502.`,
	Bad:  `ports: ["8080:8080"]   # and in nginx.conf: listen 80;`,
	Good: `ports: ["8080:80"]`,
	Fix:  "let ports and listen name the same container port",
	Check: func(c *Case) *Finding {
		config := c.Proxy.Config
		ports := c.Proxy.Service.Ports
		if !config.Complete() || len(config.Servers) == 0 || len(c.Proxy.NotLoaded) > 0 || c.sharesNamespace(c.Proxy.Service) {
			return nil
		}
		dead, served := c.deadPorts(ports)
		if len(dead) == 0 {
			return c.onlyImageSite(ports)
		}
		port, listens := dead[0], c.listenPorts()
		confidence := Certain
		if !c.plainNginx(c.Proxy.Service) {
			confidence = Likely // another process may listen there
		}
		f := c.finding(confidence, StatusRefused, "the published port %s of %s leads to container port %d, where nginx does not listen; it listens on %s",
			publishedText(port), c.Proxy.Service.Name, port.Target, listed(listens)).
			fix("publish a port that nginx listens on")
		if at, ok := c.loopbackListen(port.Target); ok {
			f.Message = fmt.Sprintf("the published port %s of %s leads to container port %d, where nginx listens on the container's own loopback only",
				publishedText(port), c.Proxy.Service.Name, port.Target)
			f.fix("let nginx listen on all addresses: listen %d;", port.Target).near(at.Place, "where it listens").
				edit(replaceAt(c.stack.Sources, at.Place, at.Address+":"+strconv.Itoa(at.Port), strconv.Itoa(at.Port)))
		}
		if at, ok := c.v6Listen(port.Target); ok {
			f.Message = fmt.Sprintf("the published port %s of %s leads to container port %d, where nginx listens for IPv6 only, and its networks have none",
				publishedText(port), c.Proxy.Service.Name, port.Target)
			f.fix("listen on IPv4, too: listen %d;", port.Target).near(at.Place, "where it listens").
				edit(insertBefore(c.stack.Sources, at.Place, fmt.Sprintf("listen %d;", port.Target)))
			listens = nil
			if c.sureOfIPv4(c.Proxy.Service) == Likely {
				f.Confidence = Likely
			}
		}
		f.Place, f.subject = port.Place, strconv.Itoa(port.Target)
		if served {
			f.Severity = Note // the other published ports work: a port kept for later is common
			return f
		}
		if len(listens) == 1 {
			f.fix("publish %s:%s", publishedNumber(port), listens[0])
			f.edit(replaceAt(c.stack.Sources, port.Place, fmt.Sprintf(":%d", port.Target), ":"+listens[0]))
		}
		return f
	},
}

// onlyImageSite reports that all that is published is the image's own default.conf, while the project's servers
// listen on other ports. Another proxy of the project may be who asks them.
func (c *Case) onlyImageSite(ports []compose.Port) *Finding {
	var own []string
	published := map[int]compose.Port{}
	for _, p := range ports {
		published[p.Target] = p
	}
	var site *compose.Port
	for _, s := range c.Proxy.Config.Servers {
		for _, l := range s.Listens {
			p, out := published[l.Port]
			switch {
			case out && s.Place.Known():
				return nil
			case out && c.ofImage(s):
				site = &p
			case s.Place.Known() && l.Port != 0 && !compose.Loopback(l.Address):
				own = append(own, strconv.Itoa(l.Port))
			}
		}
	}
	if site == nil || len(own) == 0 || c.askedByAnother() {
		return nil
	}
	f := c.finding(Likely, StatusNone, "the published port %s of %s leads to container port %d, where only the image's own default.conf answers; your servers listen on %s",
		publishedText(*site), c.Proxy.Service.Name, site.Target, listed(slices.Compact(own))).
		fix("publish %s:%s", publishedNumber(*site), own[0]).
		edit(replaceAt(c.stack.Sources, site.Place, fmt.Sprintf(":%d", site.Target), ":"+own[0]))
	f.Place, f.subject = site.Place, strconv.Itoa(site.Target)
	f.may = true // who can ask nginx in other ways still gets to what is wrong further on
	return f
}

// askedByAnother says whether a route of another proxy of the project leads to this one.
func (c *Case) askedByAnother() bool {
	for _, p := range c.stack.Proxies {
		for _, r := range p.Routes {
			if p != c.Proxy && slices.ContainsFunc(c.backends(r), func(b Backend) bool { return b.Service == c.Proxy.Service }) {
				return true
			}
		}
	}
	return false
}

// loopbackListen is a listen on a port that only nginx's own container reaches.
func (c *Case) loopbackListen(port int) (proxy.Listen, bool) {
	for _, s := range c.Proxy.Config.Servers {
		for _, l := range s.Listens {
			if l.Port == port && !l.UDP && compose.Loopback(l.Address) {
				return l, true
			}
		}
	}
	return proxy.Listen{}, false
}

// v6Listen is a listen on a port for IPv6 alone.
func (c *Case) v6Listen(port int) (proxy.Listen, bool) {
	for _, l := range c.listens() {
		if l.Port == port && l.V6Only {
			return l, true
		}
	}
	return proxy.Listen{}, false
}

// deadPorts are the published TCP ports that no listen serves, and whether another one is served.
func (c *Case) deadPorts(ports []compose.Port) (dead []compose.Port, served bool) {
	for _, p := range ports {
		switch {
		case p.Protocol != "tcp":
		case c.reachable(p.Target):
			served = true
		default:
			dead = append(dead, p)
		}
	}
	return dead, served
}

// listens are the TCP listens of this nginx that traffic from outside its container arrives at.
func (c *Case) listens() (all []proxy.Listen) {
	for _, s := range c.Proxy.Config.Servers {
		for _, l := range s.Listens {
			if l.Port != 0 && !l.UDP && !compose.Loopback(l.Address) {
				all = append(all, l)
			}
		}
	}
	return all
}

// reachable says whether nginx listens on a port for traffic from outside its container.
func (c *Case) reachable(port int) bool {
	six := c.hasIPv6(c.Proxy.Service)
	return slices.ContainsFunc(c.listens(), func(l proxy.Listen) bool { return l.Port == port && (six || !l.V6Only) })
}

// listenPorts are the ports that nginx can be reached on, in order.
func (c *Case) listenPorts() (ports []string) {
	var numbers []int
	for _, l := range c.listens() {
		numbers = append(numbers, l.Port)
	}
	slices.Sort(numbers)
	for _, n := range slices.Compact(numbers) {
		ports = append(ports, strconv.Itoa(n))
	}
	return ports
}

func publishedNumber(p compose.Port) string {
	if p.Published == 0 {
		return ""
	}
	return strconv.Itoa(p.Published)
}
