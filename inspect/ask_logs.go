package inspect

import (
	"regexp"
	"slices"
	"strings"

	"why502/compose"
	"why502/compose/proxy"
)

// manyLines are the most that are read of what a proxy wrote: each request is one.
const manyLines = 5000

// aboutLogs asks what the proxies wrote of late, to their output or to files, and for the last words
// of what does not run well.
func (a *asking) aboutLogs() {
	for _, id := range a.snap.Project {
		c := a.snap.Containers[id]
		switch {
		case c == nil || c.OneOff:
		case a.proxies[c.Service] != nil && c.State == "running":
			a.ask(Question{Kind: AskLog, Of: id, Most: manyLines})
			for _, path := range a.logFiles(a.proxies[c.Service]) {
				a.ask(Question{Kind: AskTail, Of: id, Path: path})
			}
		case c.worrying():
			a.ask(Question{Kind: AskLog, Of: id})
		}
	}
	for _, p := range a.stack.Proxies {
		a.aboutFailures(p)
	}
}

// aboutFailures asks what the upstreams wrote to which requests failed, and how old nginx's workers are
// where its log does not say since when it has its configuration.
func (a *asking) aboutFailures(p *compose.Proxy) {
	asked, j := map[*compose.Route]bool{}, a.journal(p)
	if j.undated && len(j.failures) > 0 {
		for _, box := range a.running(p.Service.Name) {
			a.ask(Question{Kind: AskProcesses, Of: box.ID})
		}
	}
	for _, e := range j.failures {
		for _, r := range e.routes {
			if asked[r] {
				continue
			}
			asked[r] = true
			for _, b := range a.backends(r) {
				if b.Service == nil || a.proxies[b.Service.Name] != nil {
					continue
				}
				for _, box := range a.running(b.Service.Name) {
					a.ask(Question{Kind: AskLog, Of: box.ID})
				}
			}
		}
	}
}

// worrying says whether a container does not run, not for the first time, or not well, so that its
// log may say why.
func (c *Container) worrying() bool {
	return c.State != "running" && c.State != "paused" || c.Restarts >= 2 || c.Health == "unhealthy"
}

// logFiles are the files that a proxy's nginx logs to, where mounts of the project hold them: the
// images lead /var/log/nginx to the container's output, which a mount there hides.
func (f *facts) logFiles(p *compose.Proxy) (paths []string) {
	for _, path := range f.logPaths(p) {
		if mountAt(p.Service, path) && !slices.Contains(paths, path) {
			paths = append(paths, path)
		}
	}
	return paths
}

// mountAt says whether a path is on a mount that may hold a log.
func mountAt(svc *compose.Service, path string) bool {
	return slices.ContainsFunc(svc.Mounts, func(m compose.Mount) bool {
		return below(path, m.Target) && (m.Type == "bind" || m.Type == "volume")
	})
}

// stockLogs are where nginx logs to unless it is told otherwise.
var stockLogs = map[string]string{"error_log": "/var/log/nginx/error.log", "access_log": "/var/log/nginx/access.log"}

// logPaths are where a proxy's nginx logs to, by its directives; its image's own where there are none.
func (f *facts) logPaths(p *compose.Proxy) (paths []string) {
	for _, name := range []string{"error_log", "access_log"} {
		all := f.logDirectives(p, name)
		if len(all) == 0 {
			paths = append(paths, stockLogs[name])
		}
		for _, args := range all {
			if strings.HasPrefix(args[0], "/") && !strings.HasPrefix(args[0], "/dev/") {
				paths = append(paths, args[0])
			}
		}
	}
	return paths
}

var (
	mainErrorLog  = regexp.MustCompile(`^\s*error_log\s`)
	mainAccessLog = regexp.MustCompile(`^\s*access_log\s`)
)

// logDirectives are the arguments of the directives error_log or access_log. Those of the main block
// are no part of what was lowered: the first of each file is found in its text.
func (f *facts) logDirectives(p *compose.Proxy, name string) (all [][]string) {
	pattern := mainErrorLog
	if name == "access_log" {
		pattern = mainAccessLog
	}
	for _, file := range p.Config.Files {
		n, _ := f.stack.Sources.Find(file.Name, pattern)
		line, _, _ := strings.Cut(f.stack.Sources.Line(file.Name, n), ";")
		if words := strings.Fields(line); len(words) > 1 {
			all = append(all, words[1:])
		}
	}
	(&Case{Proxy: p, facts: f}).eachDirective(func(d *proxy.Directive) {
		if d.Name == name && len(d.Args) > 0 {
			all = append(all, d.Args)
		}
	})
	return all
}
