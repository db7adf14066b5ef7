package inspect

import (
	"path"
	"slices"
	"strings"

	"why502/compose"
	"why502/compose/proxy"
)

var configMountMissing = &Rule{
	ID: "config-mount-missing", Hop: HopConfig, Scope: OfProxy, Severity: Error, Causes: "H2",
	Title: "a mounted configuration file is not there",
	Why: `The bind mount's source does not exist, or is a directory where nginx reads a file. With the short
syntax Docker makes a missing source as an empty directory, and the container does not start ("Are you
trying to mount a directory onto a file?"), or nginx ends with "pread() ... (21: Is a directory)".`,
	Bad: `volumes:
  - ./ngnix.conf:/etc/nginx/nginx.conf   # the file is called nginx.conf`,
	Good: `volumes:
  - ./nginx.conf:/etc/nginx/nginx.conf`,
	Fix: "correct the path, which counts from the directory of the Compose file, or create the file; remove the empty directory that Docker may have made in its place",
	Check: func(c *Case) *Finding {
		if len(c.Proxy.Missing) == 0 {
			return nil
		}
		bad := c.Proxy.Missing[0]
		if c.proxyRuns() && missingStatus(bad) == StatusNoStart {
			return nil // a container that runs found what it mounts
		}
		confidence := Certain
		if bad.Expected != "" {
			confidence = Likely
		}
		source := c.userPath(bad.Source)
		f := c.finding(confidence, missingStatus(bad), "%s mounts %s at %s, but %s", c.Proxy.Service.Name, source, bad.Target, missingText(bad)).
			fix("create %s, or correct the path: it counts from the directory of %s", source, c.stack.Files[0])
		f.Place, f.order, f.subject = bad.Place, -1, bad.Target
		if bad.Expected != "" {
			f.fix("make %s: %s", source, bad.Expected)
		}
		for _, other := range c.Proxy.Missing[1:] {
			f.near(other.Place, "%s is not there either", c.userPath(other.Source))
		}
		return f
	},
}

func missingText(bad compose.BadMount) string {
	switch {
	case bad.Directory:
		return "that is a directory, and nginx reads a file there"
	case bad.Empty:
		return "that directory is empty, so that nginx finds no configuration in it"
	case bad.OfDirectory:
		return "there is no such directory, so that nginx finds no configuration in it"
	}
	return "there is no such file"
}

// missingStatus is what follows: an empty directory in place of one of configuration leaves nginx
// running without a server; everything else keeps it from starting.
func missingStatus(bad compose.BadMount) Status {
	if bad.OfDirectory && (bad.Create || bad.Empty) {
		return StatusRefused
	}
	return StatusNoStart
}

// userPath is a host path as the user wrote it: relative to the project.
func (f *facts) userPath(host string) string {
	if rel, ok := strings.CutPrefix(host, f.stack.Directory+"/"); ok {
		return "./" + rel
	}
	return host
}

var configWrongContext = &Rule{
	ID: "config-wrong-context", Hop: HopConfig, Scope: OfProxy, Severity: Error, Causes: "H4",
	Title: "a directive stands in a block that does not allow it",
	Why: `Often a whole nginx.conf, with its own "events" and "http", is mounted into conf.d, which is included
inside http already; or a file with only a "server" is mounted as nginx.conf.`,
	Bad: `volumes:
  - ./nginx.conf:/etc/nginx/conf.d/default.conf   # begins with: events {} http { ...`,
	Good: `volumes:
  - ./nginx.conf:/etc/nginx/nginx.conf`,
	Fix: "mount a whole configuration at /etc/nginx/nginx.conf, and one with only server and upstream blocks in /etc/nginx/conf.d",
	Check: func(c *Case) *Finding {
		fault, ok := firstFault(c.Proxy.Config, proxy.WrongContext, proxy.NoEvents)
		if !ok {
			return nil
		}
		f := c.faultFinding(fault)
		switch file := f.Place.File; {
		case fault.Kind == proxy.NoEvents:
			f.fix(`add "events {}" at the top, or mount the file in /etc/nginx/conf.d/ instead`)
		case strings.Contains("events http worker_processes user pid daemon", fault.Directive):
			f.fix("%s is a whole configuration: mount it at /etc/nginx/nginx.conf", path.Base(file))
			c.remount(f, "/etc/nginx/nginx.conf")
		case fault.Context == "main":
			f.fix("%s is a part of a configuration: mount it at /etc/nginx/conf.d/default.conf", path.Base(file))
			c.remount(f, "/etc/nginx/conf.d/default.conf")
		default:
			f.fix("move %q out of %s", fault.Directive, fault.Context)
		}
		return f
	},
}

// remount makes the edit that mounts the file of a finding elsewhere.
func (c *Case) remount(f *Finding, target string) {
	for _, m := range c.Proxy.Service.Mounts {
		if m.Source != "" && c.userPath(m.Source) == "./"+f.Place.File {
			f.edit(replaceAt(c.stack.Sources, m.Place, ":"+m.Target, ":"+target))
			f.near(m.Place, "the mount to change")
		}
	}
}

var configIncludeMissing = &Rule{
	ID: "config-include-missing", Hop: HopConfig, Scope: OfProxy, Severity: Error, Causes: "H18",
	Title: "an included file is not there",
	Why: `An include of one file stops nginx where it does not find it; only a pattern with * may match nothing. The
path is that in the container: what is beside the configuration on the host is there only if it is mounted too.`,
	Bad: `include /etc/nginx/snippets/tls.conf;   # and only nginx.conf is mounted`,
	Good: `volumes:
  - ./nginx.conf:/etc/nginx/nginx.conf
  - ./snippets:/etc/nginx/snippets`,
	Fix: "mount the file at the path that the include names, or take the include out",
	Check: func(c *Case) *Finding {
		fault, ok := firstFault(c.Proxy.Config, proxy.IncludeMissing)
		if !ok {
			return nil
		}
		f := c.faultFinding(fault).fix("mount the file at %s, or take the include out", fault.Path)
		if fault.Path == "/etc/nginx/fastcgi.conf" {
			f.fix("only the alpine variant of the image has it: include fastcgi_params, and add fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name;")
		}
		for _, m := range c.Proxy.Service.Mounts {
			if strings.HasPrefix(fault.Path, m.Target+"/") {
				if fault.Expected != "" || !strings.HasPrefix(m.Target, "/etc/nginx") {
					f.Confidence = Likely // it may be made on the machine, as certificates and their options are
				}
				f.near(m.Place, "the mount that it would be under").fix("put the file into %s", c.userPath(m.Source))
			}
		}
		switch {
		case strings.HasPrefix(fault.Text, "pread()"):
			f.fix("nginx reads a file there: move the directory away, or give it a name that no include matches")
		case fault.Link != "":
			f.fix("it is a link to %s, and the container has nothing there: mount that too, or put the file itself in its place", fault.Link)
		}
		return f
	},
}

var configSyntax = &Rule{
	ID: "config-syntax", Hop: HopConfig, Scope: OfProxy, Severity: Error, Causes: "H19",
	Title: "nginx cannot parse its configuration",
	Why: `One fault anywhere in the files that nginx loads keeps it from starting; a running nginx refuses the
reload and keeps the old configuration.`,
	Bad:  `proxy_pass http://api:8000   # the semicolon is missing`,
	Good: `proxy_pass http://api:8000;`,
	Fix:  `correct the line; docker compose run --rm PROXY nginx -t checks the rest`,
	Check: func(c *Case) *Finding {
		fault, ok := firstFault(c.Proxy.Config, proxy.Syntax)
		if !ok {
			return nil
		}
		f := c.faultFinding(fault)
		switch {
		case strings.Contains(fault.Text, `not terminated by ";"`):
			f.fix("put a ; at the end of the directive")
		case strings.Contains(fault.Text, `expecting "}"`):
			f.fix("a } is missing above this line")
		case strings.Contains(fault.Text, `unexpected "}"`):
			f.fix("a } is too many, or a ; is missing before it")
		case strings.HasPrefix(fault.Text, "invalid parameter"):
			f.fix("a word is too many here, or a ; is missing")
		case fault.Variable != "":
			f.fix("%s is a group, not a variable: write its name without the $", fault.Variable)
		case strings.HasPrefix(fault.Directive, "\ufeff"):
			f.fix("%s is saved with a byte order mark, which nginx takes for a part of the first word: save it as UTF-8 without one", fault.Place.File).
				edit(replaceAt(c.stack.Sources, fault.Place, "\ufeff", ""))
		case fault.Context == "map" && (strings.HasPrefix(fault.Text, "conflicting") || strings.HasPrefix(fault.Text, "duplicate")):
			f.fix("leave one of the two out: a key stands in a map once, whatever its capitals")
		case strings.HasSuffix(fault.Text, "is duplicate") && fault.Context == "main":
			f.fix("leave it out here, or one of the two: what nginx is started with (-g) counts")
		case strings.HasSuffix(fault.Text, "is duplicate"):
			f.fix("leave one of the two out: what is included into the same block counts")
		case fault.Place.Known():
			f.fix("correct line %d of %s", fault.Place.Line, fault.Place.File)
		}
		return f
	},
}

// firstFault is the first fault of a configuration, if it is of one of these kinds: nginx stops at
// it, so that later ones do not count.
func firstFault(config *proxy.Config, kinds ...proxy.FaultKind) (proxy.Fault, bool) {
	if len(config.Faults) == 0 {
		return proxy.Fault{}, false
	}
	for _, k := range kinds {
		if config.Faults[0].Kind == k {
			return config.Faults[0], true
		}
	}
	return proxy.Fault{}, false
}

func (c *Case) faultFinding(fault proxy.Fault) *Finding {
	f := c.finding(Certain, StatusNoStart, "nginx does not start: %s", fault.Text)
	f.Place, f.order, f.subject = fault.Place, fault.Order, fault.Directive
	return f
}

var upstreamGroupInvalid = &Rule{
	ID: "upstream-group-invalid", Hop: HopConfig, Scope: OfProxy, Severity: Error, Causes: "A13",
	Title: "an upstream group is not valid",
	Why: `The servers of a group are host:port, without scheme and path; a group has at least one, its name is
unique, and a pass names it without a port, because its servers have theirs.`,
	Bad: `upstream api { server http://api:8000; }`,
	Good: `upstream api { server api:8000; }
location / { proxy_pass http://api; }`,
	Fix: "write servers as host:port, and pass to the group's name alone",
	Check: func(c *Case) *Finding {
		for _, g := range c.Proxy.Config.Groups {
			if g.Fault != "" {
				return c.groupFinding(g.Fault, g.Place, g.Order).fix("give the group %q a name of its own and a server: server HOST:PORT;", g.Name)
			}
			for _, peer := range g.Servers {
				if peer.Fault != "" {
					return c.peerFinding(peer)
				}
			}
		}
		for _, r := range c.Proxy.Routes {
			if t := r.Target; strings.Contains(t.Fault, "may not have port") {
				_, port, _ := strings.Cut(t.Fault, "port ")
				return c.groupFinding(t.Fault, r.Pass.Place, r.Pass.Order).
					fix("%s is a group, whose servers have their ports: leave out :%s", t.Host, port).
					edit(replaceAt(c.stack.Sources, r.Pass.Place, ":"+port, ""))
			}
		}
		return nil
	},
}

func (c *Case) groupFinding(fault string, at proxy.Place, order int) *Finding {
	f := c.finding(Certain, StatusNoStart, "nginx does not start: %s", fault)
	f.Place, f.order = at, order
	return f
}

// peerFinding offers the address without scheme and path, which is what people mean.
func (c *Case) peerFinding(peer *proxy.Peer) *Finding {
	f := c.groupFinding(peer.Fault, peer.Place, peer.Order).fix("write the server as host:port")
	if _, rest, ok := strings.Cut(peer.Value, "://"); ok {
		address, _, _ := strings.Cut(rest, "/")
		f.fix("write %s: a server has neither scheme nor path", address).
			edit(replaceAt(c.stack.Sources, peer.Place, peer.Value, address))
	}
	return f
}

var passURLInvalid = &Rule{
	ID: "pass-url-invalid", Hop: HopConfig, Scope: OfRoute, Severity: Error, Causes: "A14 I6",
	Title: "a pass has a URL that nginx does not take",
	Why: `proxy_pass wants a scheme, and no path where the location is a regular expression, has a name, or is an
"if". Written out, nginx does not start; made of variables, without a scheme, each request gets a 500.`,
	Bad:  `proxy_pass api:8000;`,
	Good: `proxy_pass http://api:8000;`,
	Fix:  "write scheme://host:port",
	Check: func(c *Case) *Finding {
		if c.Route == nil || c.Route.Target.Fault == "" || strings.Contains(c.Route.Target.Fault, "may not have port") {
			return nil
		}
		if slices.ContainsFunc(c.Proxy.Config.Files, func(file proxy.File) bool { return eaten(file, c.Route.Pass.Place) }) {
			return nil // the author wrote something else
		}
		pass, t := c.Route.Pass, c.Route.Target
		if pass.Variable {
			return c.finding(Certain, Status500, "each request on %s fails: %s", locationText(c.Route), t.Fault).
				fix("give the variable a value that makes a whole URL: %s", "http://host:port")
		}
		f := c.finding(Certain, StatusNoStart, "nginx does not start: %s", t.Fault)
		switch {
		case strings.Contains(t.Fault, "URI part"):
			f.fix("leave out %s", t.URI).edit(replaceAt(c.stack.Sources, pass.Place, pass.Value, strings.TrimSuffix(pass.Value, t.URI)))
		case strings.Contains(t.Fault, "URL prefix"):
			f.fix("begin with a scheme: http://%s", pass.Value).edit(replaceAt(c.stack.Sources, pass.Place, pass.Value, "http://"+pass.Value))
		default:
			f.fix("write host:port with a port from 1 to 65535")
		}
		return f
	},
}

// locationText names where a route begins, for a message.
func locationText(r *compose.Route) string {
	if r.Location == nil {
		return "port " + r.ListenText()
	}
	return r.Location.String()
}

var certificateMissing = &Rule{
	ID: "certificate-missing", Hop: HopConfig, Scope: OfProxy, Severity: Error, Causes: "H15",
	Title: "a certificate that nginx loads is not there",
	Why: `nginx loads certificates and keys when it starts, for all of its servers, and ends without one: "cannot load
certificate". With certificates that are made on the machine, it is the first start that fails: nginx has to answer
the challenge before there is a certificate.`,
	Bad:  `ssl_certificate /etc/nginx/tls/shop.pem;   # and nothing is mounted at /etc/nginx/tls`,
	Good: `volumes: ["./tls:/etc/nginx/tls:ro"]`,
	Fix:  "mount it, or begin with a self-signed one and replace that",
	Check: func(c *Case) *Finding {
		if len(c.Proxy.Absent) == 0 || len(c.Proxy.Config.Faults) > 0 {
			return nil
		}
		gone, proven, ok := c.absent()
		if !ok {
			return nil
		}
		f := c.finding(Certain, StatusNoStart, "nginx does not start: %s names %s, which is not in the container", gone.Directive, gone.Path).
			fix("mount the directory with your certificates at %s", path.Dir(gone.Path))
		if proven {
			f.Confidence = Proven
			f.with("docker", "the container of %s has no %s", c.Proxy.Service.Name, gone.Path)
		}
		if gone.Mount != nil {
			if !proven {
				f.Confidence = Likely // certificates are made on the machine
			}
			f.near(gone.Mount.Place, "the mount that it would be under").fix("put it into %s, or begin with a self-signed one", c.userPath(gone.Mount.Source))
		}
		f.Place, f.order, f.subject = gone.Place, gone.Order+2*afterParsing, gone.Path
		return f
	},
}

// absent is the first certificate or key that is not there; proven: its container was seen to lack it.
func (c *Case) absent() (first compose.Absent, proven, ok bool) {
	box := c.shows(c.Proxy)
	for _, gone := range c.Proxy.Absent {
		if box == nil {
			return gone, false, true
		}
		if there, known := c.present(box, gone.Path); !there || !known {
			return gone, known, true
		}
	}
	return first, false, false
}

var configUnreadable = &Rule{
	ID: "config-unreadable", Hop: HopConfig, Scope: OfProxy, Severity: Error, Causes: "H13 H14",
	Title: "nginx may not read its configuration",
	Why: `A bind mount has the owner and mode of the host's file. Started as another user than root (user:, USER, the
unprivileged image), or as root without its capability to read everything, nginx ends with "open() ... failed
(13: Permission denied)". With SELinux that also happens to a file that everybody may read: mount it with :z.`,
	Bad:  `proxy: {user: "101", volumes: ["./nginx.conf:/etc/nginx/nginx.conf"]}   # -rw------- nginx.conf`,
	Good: `chmod a+r nginx.conf`,
	Fix:  "let the user that nginx starts as read it",
	Check: func(c *Case) *Finding {
		if f := c.closed(); f != nil {
			return f
		}
		return c.unlabelled()
	},
}

// closed reports a file that the user of nginx may not read by its owner and mode.
func (c *Case) closed() *Finding {
	if len(c.Proxy.Closed) == 0 {
		return nil
	}
	bad := c.Proxy.Closed[0]
	status := c.closedStatus(bad)
	if c.proxyRuns() && status == StatusNoStart {
		return nil // it has read everything
	}
	if box := c.shows(c.Proxy); box != nil && !bad.Directory {
		if row := c.snap.Files[Question{Kind: AskFile, Of: box.ID, Path: bad.Path}]; row != nil && row.Mode&0o004 != 0 {
			return nil // the engine is another machine, where all may read it
		}
	}
	// the engine may be another machine, where it has another mode
	f := c.finding(Likely, status, "%s starts nginx as user %s, who may not read %s: its mode is %04o", c.Proxy.Service.Name, c.Proxy.User, c.userPath(bad.Source), bad.Mode).
		fix("let user %s read it, or all: chmod a+rX %s", c.Proxy.User, c.userPath(bad.Source))
	f.Place, f.order, f.subject = bad.Mount.Place, -1, bad.Path
	return f
}

// unlabelled reports a mounted file that nginx was refused although owner and mode let it read that now: by
// the labels of SELinux, unless the mode was another one when it started.
func (c *Case) unlabelled() *Finding {
	_, after, ok := strings.Cut(c.lastEmerg(), `"/`)
	file, _, _ := strings.Cut("/"+after, `"`)
	if !ok || c.Proxy.User == "" || !strings.Contains(after, "Permission denied") {
		return nil
	}
	for _, m := range c.Proxy.Service.Mounts {
		if m.Type != "bind" || m.Labelled || file != m.Target && !strings.HasPrefix(file, m.Target+"/") {
			continue
		}
		f := c.finding(Proven, StatusNoStart, "%s was not allowed to read %s, although its owner and mode let user %s: SELinux keeps containers from files without their label", c.Proxy.Service.Name, file, c.Proxy.User).
			fix("mount it with :z, which labels it for containers; if its mode was changed since, start %s again", c.Proxy.Service.Name).
			edit(c.labelled(m))
		f.Place, f.order, f.subject = m.Place, -1, file
		return f
	}
	return nil
}

// labelled is the edit that gives a mount in short syntax the option z.
func (c *Case) labelled(m compose.Mount) Edit {
	if m.ReadOnly {
		if e := replaceAt(c.stack.Sources, m.Place, ":"+m.Target+":ro", ":"+m.Target+":ro,z"); e.File != "" {
			return e
		}
	}
	return replaceAt(c.stack.Sources, m.Place, ":"+m.Target, ":"+m.Target+":z")
}

// closedStatus is what follows of a file that nginx may not read. A directory that it may not look into is
// an empty one to the pattern of an include, so that nginx may run without a server.
func (c *Case) closedStatus(bad compose.Unreadable) Status {
	config := c.Proxy.Config
	if !bad.Directory || bad.Path == config.Files[0].Path {
		return StatusNoStart
	}
	closed := map[string]bool{}
	for _, f := range config.Files {
		closed[f.Name] = slices.ContainsFunc(c.Proxy.Closed, func(u compose.Unreadable) bool { return u.Path == f.Path })
	}
	if slices.ContainsFunc(config.Servers, func(s *proxy.Server) bool { return !closed[s.Place.File] }) {
		return StatusNone
	}
	return StatusRefused
}

var configNotLoaded = &Rule{
	ID: "config-not-loaded", Hop: HopConfig, Scope: OfProxy, Severity: Error, Causes: "H1",
	Title: "nginx does not load a mounted configuration file",
	Why: `The stock nginx.conf includes /etc/nginx/conf.d/*.conf and nothing else: a file in sites-enabled, or one in
conf.d that does not end in .conf, is never read, and nginx answers with its welcome page or a 404.`,
	Bad: `volumes:
  - ./site.conf:/etc/nginx/sites-enabled/site.conf`,
	Good: `volumes:
  - ./site.conf:/etc/nginx/conf.d/default.conf`,
	Fix: "mount the file where nginx looks: /etc/nginx/conf.d/NAME.conf",
	Check: func(c *Case) *Finding {
		if len(c.Proxy.NotLoaded) == 0 {
			return nil
		}
		file := c.Proxy.NotLoaded[0]
		f := c.finding(Certain, StatusNone, "nginx does not load ./%s, which is mounted at %s: nothing includes that path", file.Name, file.Path).
			fix("mount it at /etc/nginx/conf.d/default.conf")
		if len(c.Proxy.Routes) > 0 || slices.ContainsFunc(c.Proxy.Config.Servers, func(s *proxy.Server) bool { return s.Place.Known() }) {
			f.Severity = Note // other files do their work; people keep sites that are switched off
		} else if len(c.Proxy.Config.Servers) == 0 {
			f.Status = StatusRefused // the mount hides the image's own site
		}
		f.Place, f.subject = c.Proxy.Service.Place, file.Name
		for _, m := range c.Proxy.Service.Mounts {
			if file.Path == m.Target || strings.HasPrefix(file.Path, m.Target+"/") {
				f.Place = m.Place
				c.mountWhereRead(f, m, file)
			}
		}
		return f
	},
}

// mountWhereRead offers to mount what holds a file, a directory or itself, where the stock nginx.conf
// looks.
func (c *Case) mountWhereRead(f *Finding, m compose.Mount, file proxy.File) {
	if m.Target == file.Path {
		f.edit(replaceAt(c.stack.Sources, m.Place, ":"+m.Target, ":/etc/nginx/conf.d/default.conf"))
		return
	}
	if below := path.Dir(strings.TrimPrefix(file.Path, m.Target+"/")); below != "." {
		f.fix("mount ./%s at /etc/nginx/conf.d", path.Dir(file.Name))
	}
}
