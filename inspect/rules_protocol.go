package inspect

import (
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"why502/compose"
	"why502/compose/proxy"
)

var upstreamProtocolMismatch = &Rule{
	ID: "upstream-protocol-mismatch", Hop: HopProtocol, Scope: OfRoute, Severity: Error, Causes: "F3 F4 F5 F6 I7",
	Title: "the pass asks in a protocol that the upstream does not speak",
	Why: `proxy_pass asks in HTTP, fastcgi_pass in FastCGI, uwsgi_pass in uwsgi, grpc_pass in HTTP/2. php-fpm speaks
FastCGI alone, uwsgi --socket uwsgi alone. Who is asked in another one hangs up, "recv() failed (104: Connection
reset by peer)" and "upstream prematurely closed connection", or answers what nginx cannot read, "upstream sent
unsupported FastCGI protocol version: 72": 502.`,
	Bad: `proxy_pass http://php:9000;`,
	Good: `include fastcgi_params;
fastcgi_param SCRIPT_FILENAME /var/www/html$fastcgi_script_name;
fastcgi_pass php:9000;`,
	Fix: "use the pass of the protocol that the upstream speaks",
	Check: func(c *Case) *Finding {
		if !c.judgesPorts() {
			return nil
		}
		svc, pass := c.Backend.Service, c.Route.Pass
		asked, _ := askedIn(c.Route.Target.Scheme)
		p := c.speaks(svc, c.Backend.Port)
		if heard, _ := c.heard(); c.spoken().state == HopBroken && heard.name != p.name {
			p = heard
		} else if told, known := c.toldByLog(); known && c.talk().Speaks == "" && told.name != "" {
			told.place = p.place
			p = told
		}
		if p.understands(asked) {
			return nil
		}
		status := mismatchStatus(asked, p.name)
		if asked == "fastcgi" && p.sure != Certain {
			status = StatusNone // an app that reads lines waits for the end of one
		}
		f := c.finding(p.sure, status, "%s speaks %s on port %d, but %s asks in %s",
			svc.Name, protocolName(p.name), c.Backend.Port, pass.Directive, protocolName(asked))
		if p.name == other {
			f.Message = fmt.Sprintf("%s does not speak %s on port %d, which %s asks in", svc.Name, protocolName(asked), c.Backend.Port, pass.Directive)
		}
		if p.text != "" {
			f.with(p.source, "%s", p.text)
		}
		if p.name == "http" {
			f.near(p.place, "what listens there")
		}
		return c.passInstead(f, asked, p.name)
	},
	Settled: (*Case).spoken,
}

// mismatchStatus is what nginx answers where two protocols do not fit; a server that answers in one of
// its own may be understood as an error of the client's, or as garbage.
func mismatchStatus(asked, spoken string) Status {
	unread := asked == "http" && (spoken == "fastcgi" || spoken == "uwsgi") || spoken == other && (asked == "fastcgi" || asked == "grpc")
	if unread || spoken == "http" && (asked == "fastcgi" || asked == "grpc") {
		return Status502
	}
	return StatusNone
}

// passInstead says how to hand requests on in the protocol that the upstream speaks.
func (c *Case) passInstead(f *Finding, asked, spoken string) *Finding {
	pass := c.Route.Pass
	to := pass.Value
	if i := strings.Index(to, "://"); i >= 0 {
		to = to[i+len("://"):]
	}
	to, _, _ = strings.Cut(to, "/")
	switch {
	case spoken == "fastcgi":
		return f.fix("use fastcgi_pass, and say which script to run").
			paste("include fastcgi_params;\nfastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name;\nfastcgi_pass %s;", to)
	case spoken == "uwsgi":
		return f.fix("use uwsgi_pass, or let uwsgi speak HTTP with --http-socket").
			paste("include uwsgi_params;\nuwsgi_pass %s;", to)
	case asked == "grpc":
		return f.fix("let %s speak HTTP/2 on port %d, or use proxy_pass http://%s;", c.Backend.Service.Name, c.Backend.Port, to)
	case spoken == "grpc" && asked == "http":
		return f.fix("use grpc_pass %s;, or let %s speak HTTP/1.1", to, c.Backend.Service.Name)
	case spoken == other:
		return f.fix("pass to the port on which %s speaks %s", c.Backend.Service.Name, protocolName(asked))
	case spoken == "http":
		whole := proxy.Place{File: pass.Place.File, Line: pass.Place.Line, Column: 1}
		return f.fix("use proxy_pass http://%s;", to).
			edit(replaceAt(c.stack.Sources, whole, pass.Directive+" "+pass.Value, "proxy_pass http://"+to))
	}
	return f.fix("pass to a service that speaks %s; nginx hands %s on in a server of the stream block", protocolName(asked), protocolName(spoken))
}

var upstreamSchemeMismatch = &Rule{
	ID: "upstream-scheme-mismatch", Hop: HopProtocol, Scope: OfRoute, Severity: Error, Causes: "F1 F2",
	Title: "https:// to a port without TLS, or http:// to one with it",
	Why: `The scheme of a pass says whether nginx begins with TLS, whatever the port and the client's own connection. A
server without TLS answers that in plain text: "SSL_do_handshake() failed (SSL: error:0A00010B:SSL routines::wrong
version number)", 502. One with TLS answers a plain request with 400, "The plain HTTP request was sent to HTTPS port".`,
	Bad:  `proxy_pass https://web:80;`,
	Good: `proxy_pass http://web:80;`,
	Fix:  "begin the pass with the scheme of the port",
	Check: func(c *Case) *Finding {
		if !c.judgesPorts() {
			return nil
		}
		_, asked := askedIn(c.Route.Target.Scheme)
		p := c.speaks(c.Backend.Service, c.Backend.Port)
		if heard, _ := c.heard(); c.secured().state == HopBroken && heard.tls != p.tls {
			p = heard
		} else if told, known := c.toldByLog(); known && c.talk().Speaks == "" && told.tls != unknownSecurity {
			told.place = p.place
			p = told
		}
		if p.tls == unknownSecurity {
			p = byPort(c.Backend.Port)
		}
		if !strings.Contains(c.Route.Target.Value, "://") || p.tls == unknownSecurity || p.tls == asked {
			return nil
		}
		status, says := Status502, "speaks no TLS"
		if p.tls == secure {
			status, says = StatusNone, "speaks TLS" // 400
		}
		f := c.finding(p.sure, status, "%s %s on port %d%s, but the pass begins with %s://", c.Backend.Service.Name, says, c.Backend.Port, p.guess, c.Route.Target.Scheme)
		return c.schemeFix(f, p)
	},
	Settled: (*Case).secured,
}

// byPort is what a port is kept for.
func byPort(port int) protocol {
	switch port {
	case 80:
		return protocol{tls: plain, sure: Likely, guess: ", which is that of plain HTTP"}
	case 443:
		return protocol{tls: secure, sure: Likely, guess: ", which is that of HTTPS"}
	}
	return protocol{}
}

// schemeFix replaces the scheme of a pass by the other one, and writes out a port that came by it.
func (c *Case) schemeFix(f *Finding, p protocol) *Finding {
	scheme, t := c.Route.Target.Scheme, c.Route.Target
	other, found := strings.CutSuffix(scheme, "s")
	if !found {
		other = scheme + "s"
	}
	old, new := scheme+"://", other+"://"
	if t.Group == nil && !t.PortGiven {
		old, new = old+t.Host, new+t.Host+":"+strconv.Itoa(t.Port)
	}
	if p.text != "" {
		f.with(p.source, "%s", p.text)
	}
	return f.near(p.place, "what listens there").fix("begin the pass with %s", new).
		edit(replaceAt(c.stack.Sources, c.Route.Pass.Place, old, new))
}

var fastcgiScriptMissing = &Rule{
	ID: "fastcgi-script-missing", Hop: HopProtocol, Scope: OfRoute, Severity: Error, Causes: "F14",
	Title: "the script that PHP is asked to run is not in its container",
	Why: `nginx hands on the path of the script, and php-fpm opens it in its own container. Where the code is mounted at
another path there, or not at all, it says "Primary script unknown", and the answer is 404 "File not found.".`,
	Bad: `nginx: {volumes: ["./src:/usr/share/nginx/html"]}
php: {volumes: ["./src:/var/www/html"]}
# and: fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name;`,
	Good: `fastcgi_param SCRIPT_FILENAME /var/www/html$fastcgi_script_name;`,
	Fix:  "mount the code at the same path in both, or name the path that PHP has it at",
	Check: func(c *Case) *Finding {
		svc := c.Backend.Service
		if c.Route == nil || svc == nil || c.Route.Target.Scheme != "fastcgi" || svc.VolumesFrom {
			return nil
		}
		p := imageSpeaks(svc)
		dir, said := scriptDirectory(c.Route.Pass)
		if p.name != "fastcgi" || dir == "" || mountsAround(svc, dir) {
			return nil
		}
		there := mountedAs(svc, c.Proxy.Service, dir)
		if empty := p.sure == Certain && strings.HasPrefix(path.Base(svc.Image), "php:"); there == "" && !empty {
			return nil // the image may have the code
		}
		f := c.finding(p.sure, StatusNone, "%s is asked for scripts in %s, which its container does not have", svc.Name, dir)
		if there == "" {
			return f.fix("mount the code at %s in %s too", dir, svc.Name).edit(c.mountToo(svc, dir))
		}
		f.Message += "; the code is in " + there
		return f.near(said.Place, "the path that is asked for").
			fix("mount the code at the same path in both, or ask for it in %s", there).
			edit(c.askIn(svc, said, dir))
	},
}

// scriptDirectory is the directory of the scripts that a FastCGI pass asks for, and what says so; empty
// where that is only known when a request comes.
func scriptDirectory(pass *proxy.Pass) (dir string, said proxy.Param) {
	for _, param := range pass.Sent {
		if param.Name == "SCRIPT_FILENAME" {
			said = param
		}
	}
	file := said.Value
	if name := rootVariable(file); name != "" {
		file = pass.Root + strings.TrimPrefix(file, name)
	}
	dir, rest, _ := strings.Cut(file, "$")
	if !strings.HasPrefix(rest, "fastcgi_script_name") && !strings.HasPrefix(rest, "uri") {
		dir = path.Dir(dir)
	}
	if dir = path.Clean(dir); !path.IsAbs(dir) || dir == "/" {
		return "", said
	}
	return dir, said
}

// rootVariable is the variable for the document root that a path begins with; empty: none.
func rootVariable(file string) string {
	for _, name := range []string{"$document_root", "$realpath_root"} {
		if strings.HasPrefix(file, name) {
			return name
		}
	}
	return ""
}

// askIn is the edit that asks for the scripts of a directory where a service has them mounted.
func (c *Case) askIn(svc *compose.Service, said proxy.Param, dir string) Edit {
	old := dir
	if name := rootVariable(said.Value); name != "" {
		old, dir = name, path.Clean(c.Route.Pass.Root)
	}
	there := mountedAs(svc, c.Proxy.Service, dir)
	if there == "" {
		return Edit{}
	}
	return replaceAt(c.stack.Sources, said.Place, old, there)
}

// below says whether a container path is a directory, or lies below it.
func below(p, dir string) bool {
	dir = strings.TrimSuffix(dir, "/")
	return p == dir || strings.HasPrefix(p, dir+"/")
}

// mountsAround says whether a service has anything mounted at a directory, above or below it.
func mountsAround(svc *compose.Service, dir string) bool {
	return slices.ContainsFunc(svc.Mounts, func(m compose.Mount) bool { return below(dir, m.Target) || below(m.Target, dir) })
}

// mountOf is the mount of a service that brings a directory, and the rest of its path below that.
func mountOf(svc *compose.Service, dir string) (found compose.Mount, rest string) {
	for _, m := range svc.Mounts {
		if below(dir, m.Target) && m.Source != "" && len(m.Target) > len(found.Target) {
			found, rest = m, strings.TrimPrefix(dir, strings.TrimSuffix(m.Target, "/"))
		}
	}
	return found, rest
}

// mountedAs is where a service has mounted what another one has mounted at a directory; empty: nowhere.
func mountedAs(svc, other *compose.Service, dir string) string {
	theirs, rest := mountOf(other, dir)
	source := theirs.Source + filepath.FromSlash(rest)
	for _, m := range svc.Mounts {
		if m.Type == theirs.Type && m.Source != "" && below(filepath.ToSlash(source), filepath.ToSlash(m.Source)) {
			return path.Clean(m.Target + filepath.ToSlash(strings.TrimPrefix(source, m.Source)))
		}
	}
	return ""
}

// mountToo is the edit that mounts in a service what the proxy has mounted at a directory.
func (c *Case) mountToo(svc *compose.Service, dir string) Edit {
	m, _ := mountOf(c.Proxy.Service, dir)
	source, err := filepath.Rel(c.stack.Directory, m.Source)
	if m.Type != "bind" || err != nil {
		return Edit{}
	}
	return addItem(c.stack, svc, "volumes", "./"+filepath.ToSlash(source)+":"+m.Target, "")
}
