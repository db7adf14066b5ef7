package inspect

import (
	"path"
	"strings"

	"why502/compose/proxy"
)

var configMountStale = &Rule{
	ID: "config-mount-stale", Hop: HopConfig, Scope: OfProxy, Severity: Warning, Live: true, Causes: "H11",
	Title: "nginx still has a mounted file that was replaced",
	Why: `A bind mount of a single file leads to that file, not to its name. Editors, sed -i and git put a new file in its
place: the container keeps the old one, whatever is reloaded, until it is started again. A directory that is
mounted shows what is in it now.`,
	Bad: `volumes:
  - ./nginx.conf:/etc/nginx/conf.d/default.conf`,
	Good: `volumes:
  - ./conf.d:/etc/nginx/conf.d`,
	Fix: "restart the container, which mounts what is there now; mount the directory, and it does not happen again",
	Check: func(c *Case) *Finding {
		u, ok := c.firstUnloaded(replaced)
		if !ok {
			return nil
		}
		name, source := c.Proxy.Service.Name, c.userPath(u.mount.Source)
		f := c.unloadedFinding("nginx in %s still has the old %s: that was replaced, and its mount leads to what was there before", name, source).
			with("docker", "in %s %s is %s", name, u.mount.Target, strings.TrimSuffix(u.root, deleted)+map[bool]string{true: ", which is deleted"}[strings.HasSuffix(u.root, deleted)]).
			fix("restart %s, which mounts what is there now; mount the directory in place of the file, and this does not happen again", name).
			run("docker compose restart %s", name)
		f.Place, f.subject = u.mount.Place, u.Path
		if u.mount.Target != u.Path {
			f.fix("restart %s, which mounts what is there now; change what is in the directory, not the directory", name)
		}
		return f.near(proxy.Place{File: u.Name}, "nginx does not have this")
	},
}

var configNotReloaded = &Rule{
	ID: "config-not-reloaded", Hop: HopConfig, Scope: OfProxy, Severity: Warning, Live: true, Causes: "H9",
	Title: "nginx has not loaded its configuration since that was changed",
	Why: `nginx reads its configuration when it starts and when it is told to reload, never by itself; docker compose up -d
leaves a container alone of which only the content of mounted files changed. Templates are rendered when the
container starts: they take a restart.`,
	Bad:  `sed -i s/8080/8000/ conf.d/site.conf   # and nothing else`,
	Good: `docker compose exec proxy nginx -s reload`,
	Fix:  "check the configuration with nginx -t, then reload; restart where it is made of templates",
	Check: func(c *Case) *Finding {
		u, ok := c.firstUnloaded(notReloaded, notMadeAnew)
		if !ok {
			return nil
		}
		name, box := c.Proxy.Service.Name, c.shows(c.Proxy)
		f := c.unloadedFinding("nginx in %s runs without the last change of %s: it has not been reloaded since", name, u.Name).
			fix("check it, then have nginx load it").
			run("docker compose exec %s nginx -t && docker compose exec %[1]s nginx -s reload", name)
		since := c.loadedAt(box)
		if u.how == notMadeAnew {
			since = box.Started
			f.Message = name + " runs with what it made of " + u.Name + " before that was changed"
			f.fix("restart it: it makes its configuration when it starts").run("docker compose restart %s", name)
		}
		f.with("docker", "%s was changed %s, and nginx in %s has what it read %s", u.Name, u.Changed.UTC().Format("2006-01-02 15:04:05"), name, since.UTC().Format("2006-01-02 15:04:05"))
		f.Place, f.subject = proxy.Place{File: u.Name}, u.Path
		for _, other := range c.unloadedFiles(c.Proxy) {
			if other.how == u.how && other.Name != u.Name {
				f.near(proxy.Place{File: other.Name}, "this was changed too")
			}
		}
		return f
	},
}

var configImageStale = &Rule{
	ID: "config-image-stale", Hop: HopConfig, Scope: OfProxy, Severity: Warning, Live: true, Causes: "H12",
	Title: "the image has an older configuration than the files it is built from",
	Why: `A configuration that a Dockerfile copies is that of the last build. docker compose up -d and restart take the image
that is there; only --build makes a new one.`,
	Bad:  `docker compose restart proxy`,
	Good: `docker compose up -d --build proxy`,
	Fix:  "build the image again: docker compose up -d --build SERVICE",
	Check: func(c *Case) *Finding {
		u, ok := c.firstUnloaded(notBuilt)
		if !ok {
			return nil
		}
		name := c.Proxy.Service.Name
		f := c.unloadedFinding("%s runs with an older %s: its image was built before that was changed", name, u.Name).
			with("docker", "%s of the container is not what %s is now", u.Path, u.Name).
			fix("build the image again").
			run("docker compose up -d --build %s", name).
			near(c.Proxy.Service.Build.Place, "the Dockerfile that copies it")
		f.Place, f.subject = proxy.Place{File: u.Name}, u.Path
		if c.emergFile() == u.Path && len(c.Proxy.Config.Faults) == 0 {
			f.Severity, f.Status, f.may = Error, StatusNoStart, false // the old one has the fault that nginx names
		}
		return f
	},
}

// firstUnloaded is the first file that nginx has otherwise for one of these reasons.
func (c *Case) firstUnloaded(how ...staleness) (unloaded, bool) {
	for _, u := range c.unloadedFiles(c.Proxy) {
		for _, h := range how {
			if u.how == h {
				return u, true
			}
		}
	}
	return unloaded{}, false
}

// unloadedFinding begins a finding about a file that nginx has otherwise. nginx works with what it has,
// so that it is a warning, unless requests are seen to fail by it.
func (c *Case) unloadedFinding(format string, args ...any) *Finding {
	f := c.finding(Proven, StatusNone, format, args...)
	failures := c.failsElsewhere(c.Proxy)
	if len(failures) == 0 {
		f.may, f.Routes = true, routeIDs(c.Proxy)
		return f
	}
	f.Severity, f.Status = Error, Status502
	if strings.Contains(failures[len(failures)-1].Message, "timed out") {
		f.Status = Status504
	}
	f.Routes = askedOf(c.Proxy, failures)
	return c.withLog(f, failures)
}

// emergFile is the container path that nginx's last word ends with, where it does not run; empty: it names
// none.
func (c *Case) emergFile() string {
	text := c.lastEmerg()
	i := strings.LastIndex(text, " in /")
	if i < 0 {
		return ""
	}
	file, _, _ := cutLast(text[i+len(" in "):], ":")
	return path.Clean(file)
}
