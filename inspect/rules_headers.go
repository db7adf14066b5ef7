package inspect

import (
	"cmp"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"why502/compose"
	"why502/compose/proxy"
)

var websocketUpgradeMissing = &Rule{
	ID: "websocket-upgrade-missing", Hop: HopProtocol, Scope: OfRoute, Severity: Warning, Causes: "F7",
	Title: "nginx does not pass on the request to become a websocket",
	Why: `A websocket begins as a request with the headers Upgrade and Connection. They are meant for the next hop only, so
that nginx drops them unless it is told to send them on, and before 1.29.7 it asks in HTTP/1.0, which has no
websockets. The upstream sees a plain request: 400, 404 or 426, and nginx logs nothing.`,
	Bad: `location /ws/ { proxy_pass http://api:8000; }`,
	Good: `location /ws/ {
    proxy_http_version 1.1;
    proxy_set_header Upgrade $http_upgrade;
    proxy_set_header Connection "upgrade";
    proxy_pass http://api:8000;
}`,
	Fix: "send both headers on, in HTTP/1.1, and let proxy_read_timeout be longer than a silence",
	Check: func(c *Case) *Finding {
		if c.Route == nil || c.Route.Location == nil || c.Route.Pass.HTTPVersion == "" || c.Backend.Service == nil {
			return nil
		}
		sign, without := c.websocketSign()
		if sign == "" {
			return nil
		}
		missing := missingUpgrade(c.Route.Pass)
		if len(missing) == 0 {
			return nil
		}
		var names, lines []string
		for _, m := range missing {
			names, lines = append(names, m.name), append(lines, m.line)
		}
		f := c.finding(Likely, StatusNone, "%s is for websockets, but the pass does not send on what asks for one: %s", sign, listed(names))
		if without || len(missing) == 1 && missing[0].name == http11 {
			f.Severity = Note // it may work all the same
		}
		for _, header := range c.Route.Pass.Forgotten {
			if strings.EqualFold(header.Name, "Upgrade") {
				f.Message += "; the block around does, but nginx forgets that where a location has headers of its own"
				f.near(header.Place, "the header that is forgotten")
			}
		}
		return c.addBefore(f.fix("send it on"), lines...)
	},
	Settled: (*Case).upgradable,
}

var (
	forSockets  = regexp.MustCompile(`(?i)(^|[/^(|])(ws|wss|websockets?|websockify|cable|webpack-hmr)([/$)|?]|$)`)
	forPolling  = regexp.MustCompile(`(?i)(^|[/^(|])(socket\.io|sockjs|sockjs-node|signalr)([/$)|?]|$)`)
	needsSocket = regexp.MustCompile(`^(uptime-kuma|home-assistant|homeassistant|code-server|node-red|ttyd|wetty)$`)
)

// websocketSign is what says that websockets go through a route: its path, or an app that does nothing
// without them; empty: nothing does. without says that the clients know another way.
func (c *Case) websocketSign() (sign string, without bool) {
	loc := c.Route.Location
	if loc.Modifier == "@" {
		return "", false
	}
	kind, known := c.paths[loc.Path]
	if !known {
		kind = pathKindOf(loc.Path)
		c.paths[loc.Path] = kind
	}
	if kind != anyPath {
		return "location " + loc.String(), kind == pollingPath
	}
	if loc.Path != "/" {
		return "", false
	}
	image, _, _ := strings.Cut(path.Base(c.Backend.Service.Base()), ":")
	if needsSocket.MatchString(image) && !c.upgradesElsewhere() {
		return "the page of " + image, false
	}
	return "", false
}

// pathKind is what the path of a location says of websockets.
type pathKind int

const (
	anyPath     pathKind = iota
	socketPath           // it is for them
	pollingPath          // it is for them, and for another way that clients know
)

func pathKindOf(path string) pathKind {
	path = strings.ReplaceAll(path, `\`, "")
	switch {
	case forSockets.MatchString(path):
		return socketPath
	case forPolling.MatchString(path):
		return pollingPath
	}
	return anyPath
}

// upgradesElsewhere says whether another route to the same service lets websockets through.
func (c *Case) upgradesElsewhere() bool {
	return slices.ContainsFunc(c.Proxy.Routes, func(r *compose.Route) bool {
		return len(missingUpgrade(r.Pass)) == 0 && slices.ContainsFunc(c.backends(r), func(b Backend) bool { return b.Service == c.Backend.Service })
	})
}

// upgradePart is one of the things that a pass needs to let a websocket through, and the line that says it.
type upgradePart struct{ name, line string }

const http11 = "HTTP/1.1"

// missingUpgrade are the parts that a pass lacks.
func missingUpgrade(pass *proxy.Pass) (missing []upgradePart) {
	if pass.HTTPVersion == "1.0" {
		missing = append(missing, upgradePart{http11, "proxy_http_version 1.1;"})
	}
	if upgrade, _ := pass.Header("Upgrade"); upgrade == "" {
		missing = append(missing, upgradePart{"Upgrade", "proxy_set_header Upgrade $http_upgrade;"})
	}
	if connection, _ := pass.Header("Connection"); !strings.Contains(connection, "$") && !strings.Contains(strings.ToLower(connection), "upgrade") {
		missing = append(missing, upgradePart{"Connection", `proxy_set_header Connection "upgrade";`})
	}
	return missing
}

// addBefore puts headers before the route's pass, with those that they would make nginx forget.
func (c *Case) addBefore(f *Finding, lines ...string) *Finding {
	pass := c.Route.Pass
	if strings.Contains(strings.Join(lines, ""), "set_header") && !c.setsHeaders() {
		for _, header := range pass.Sent {
			if !strings.EqualFold(header.Name, "Upgrade") && !strings.EqualFold(header.Name, "Connection") {
				lines = append(lines, "proxy_set_header "+header.Name+" "+word(header.Value)+";")
			}
		}
	}
	if pass.Within == "" && c.startsWithDirective(pass.Place, pass.Directive) {
		return f.edit(insertBefore(c.stack.Sources, pass.Place, lines...))
	}
	return f.paste("%s", strings.Join(lines, "\n"))
}

// word is a value as nginx reads it in one piece.
func word(value string) string {
	if value != "" && !strings.ContainsAny(value, " \t\n;{}\"'#\\") {
		return value
	}
	return strconv.Quote(value)
}

// setsHeaders says whether the route's location sets headers itself, so that it sends no others.
func (c *Case) setsHeaders() bool {
	return slices.ContainsFunc(c.Route.Location.Directives, func(d *proxy.Directive) bool { return d.Name == "proxy_set_header" })
}

var hostHeaderRewritten = &Rule{
	ID: "host-header-rewritten", Hop: HopProtocol, Scope: OfProxy, Severity: Note, Causes: "A7 I3",
	Title: "the app is asked for a host that it may not answer to",
	Why: `Where nothing sets the header Host, nginx sends the name in the pass, or that of the group. One proxy_set_header
in a location makes nginx forget all those around it, Host among them; and a name with an underscore is no host name
to some apps. They answer 400, or redirect to an address that only the project knows.`,
	Bad: `proxy_set_header Host $host;
location / {
    proxy_set_header X-Real-IP $remote_addr;
    proxy_pass http://api_server;
}`,
	Good: `location / {
    proxy_set_header Host $host;
    proxy_set_header X-Real-IP $remote_addr;
    proxy_pass http://api_server;
}`,
	Fix: "proxy_set_header Host $host; beside the other headers of the location",
	Check: func(c *Case) *Finding {
		at, asked := c.asking()
		if len(at) == 0 {
			return nil
		}
		first := at[0]
		pass := first.Route.Pass
		f := first.finding(Likely, StatusNone, "%s is asked for the host %s", first.Backend.Service.Name, asked)
		f.about = first
		if around := forgottenHost(pass); around != nil {
			f.Message += ": nginx forgets the Host that the block around sends, because here are other headers"
			f.near(around.Place, "the header that is forgotten")
		}
		switch refused := first.renamed().state == HopBroken; {
		case refused:
			f.Message += fmt.Sprintf(", and answers %d; to the host that clients ask for it answers %d", first.talk().Status, first.talk().Real)
			f.Severity, f.may = Warning, true
		case forgottenHost(pass) == nil:
			f.Message += ", which is no valid host name to some apps: 400"
		}
		f.Place, f.Routes = pass.Place, ids(at)
		return first.addBefore(f.fix("send the client's host on"), "proxy_set_header Host $host;")
	},
	Settled: (*Case).renamed,
}

// asking are the backends that are asked for a host other than their proxy's configuration seems to
// mean, and the host that the first is asked for. An nginx of the project is not particular.
func (c *Case) asking() (at []*Case, host string) {
	for _, r := range c.Proxy.Routes {
		name := r.Target.Host
		if r.Target.Group != nil {
			name = r.Target.Group.Name
		}
		_, set := r.Pass.Header("Host")
		suspect := r.Pass.HTTPVersion != "" && !set && (forgottenHost(r.Pass) != nil || strings.Contains(name, "_"))
		for _, b := range c.backends(r) {
			if b.Service == nil || !suspect && c.snap == nil {
				continue
			}
			of := &Case{Proxy: c.Proxy, Route: r, Backend: b, facts: c.facts}
			if suspect && c.nginx[b.Service.Name] == nil || of.renamed().state == HopBroken {
				at = append(at, of)
			}
		}
	}
	at = suspects(at, (*Case).renamed)
	if len(at) > 0 {
		host = at[0].hostAsked()
	}
	return at, host
}

// hostAsked is the host that the pass asks for, without its port.
func (c *Case) hostAsked() string {
	if sent, set := c.Route.Pass.Header("Host"); set {
		return cmp.Or(c.hostSent(), sent)
	}
	if g := c.Route.Target.Group; g != nil {
		return g.Name
	}
	return c.Route.Target.Host
}

// forgottenHost is the header Host that a pass does not send because a nearer block has others.
func forgottenHost(pass *proxy.Pass) *proxy.Param {
	for i, header := range pass.Forgotten {
		if strings.EqualFold(header.Name, "Host") {
			return &pass.Forgotten[i]
		}
	}
	return nil
}
