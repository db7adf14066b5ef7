package inspect

import (
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"why502/compose"
	"why502/compose/proxy"
	"why502/inspect/errorlog"
)

var containerOlderThanProject = &Rule{
	ID: "container-older-than-project", Hop: HopConfig, Scope: OfProxy, Severity: Warning, Live: true, Causes: "H22",
	Title: "a container is older than the settings of its service",
	Why: `docker compose restart starts a container again as it was made: image, command, environment, ports and mounts of
the Compose files of that time. What was changed since counts when the container is made again.`,
	Bad:  `docker compose restart proxy      # after a change of ports or environment`,
	Good: `docker compose up -d`,
	Fix:  "docker compose up -d makes those containers again whose settings changed",
	Check: func(c *Case) *Finding {
		if !c.live() {
			return nil
		}
		for _, svc := range c.ownAndUpstreams() {
			if f := c.older(svc); f != nil {
				return f
			}
		}
		return nil
	},
}

// ownAndUpstreams are the service of a proxy and those that its routes lead to.
func (c *Case) ownAndUpstreams() []*compose.Service {
	all := []*compose.Service{c.Proxy.Service}
	for _, r := range c.Proxy.Routes {
		for _, b := range c.backends(r) {
			if b.Service != nil {
				all = append(all, b.Service)
			}
		}
	}
	return unique(all)
}

// older reports a service whose container was made from other settings.
func (c *Case) older(svc *compose.Service) *Finding {
	for _, box := range c.containers[svc.Name] {
		found := c.differences(svc, box)
		if len(found) == 0 {
			continue
		}
		var names []string
		for _, d := range found {
			names = append(names, d.what)
		}
		f := c.finding(Proven, StatusNone, "%s runs as it was made before its settings changed: %s", svc.Name, listed(names)).
			fix("make its container again").run("docker compose up -d %s", svc.Name)
		f.Place, f.subject, f.may = found[0].place, svc.Name, true
		for i, d := range found {
			f.with("docker", "%s %s", box.Name, d.has)
			if i > 0 {
				f.near(d.place, "%s", d.what)
			}
		}
		if svc == c.Proxy.Service {
			c.unpublished(f, found)
		} else {
			c.unanswered(f, svc)
		}
		return f
	}
	return nil
}

// unpublished makes an error of a finding that says that the proxy's container lacks a published port:
// nothing listens behind it.
func (c *Case) unpublished(f *Finding, found []difference) {
	for _, r := range c.Proxy.Routes {
		lost := len(r.Published) > 0
		for _, p := range r.Published {
			lost = lost && slices.ContainsFunc(found, func(d difference) bool {
				return d.port != nil && d.port.Place == p.Place && d.port.Published == p.Published
			})
		}
		if lost && c.proxyRuns() {
			f.Severity, f.Status, f.may = Error, StatusRefused, false
			f.Routes = append(f.Routes, r.ID)
		}
	}
}

// unanswered lists the routes to a service in a finding that says that its container is older, and
// makes an error of it where the service takes no connections on their ports.
func (c *Case) unanswered(f *Finding, svc *compose.Service) {
	var all, broken []string
	for _, r := range c.Proxy.Routes {
		for _, b := range c.backends(r) {
			if b.Service != svc {
				continue
			}
			all = append(all, r.ID)
			at := &Case{Proxy: c.Proxy, Route: r, Backend: b, facts: c.facts}
			met, refused := at.dialled(), at.logged(errorlog.Refused)
			if met.state == HopBroken || !met.settles() && at.troubled(refused) == failing {
				broken = append(broken, r.ID)
				f.Evidence = append(f.Evidence, met.evidence...)
				at.withLog(f, refused)
			}
		}
	}
	f.Routes = unique(all)
	if len(broken) > 0 {
		f.Severity, f.Status, f.may, f.Routes = Error, Status502, false, unique(broken)
	}
}

// difference is one setting of a service that its container was made without.
type difference struct {
	what  string // "the command"
	has   string // what the container has, for evidence: "has another command"
	place proxy.Place
	port  *compose.Port // that is not published
}

// differences compares a container with its service, setting by setting. What the files leave to the
// image, or to the shell that docker compose was called in, is not compared; nor is a container that
// was made from other Compose files. Networks are the network hop's.
func (c *Case) differences(svc *compose.Service, box *Container) (all []difference) {
	if !c.sameFiles(box.Made) {
		return nil
	}
	at := func(key string) proxy.Place { return c.stack.At("services", svc.Name, key) }
	steady := func(key string) bool { return c.stack.Steady("services", svc.Name, key) }
	if svc.Build == nil && svc.Image != "" && steady("image") && !sameImage(svc.Image, box.Image) {
		all = append(all, difference{what: "the image", has: "is made of " + box.Image, place: at("image")})
	}
	for _, line := range []struct {
		key  string
		want []string
		got  []string
	}{{"entrypoint", svc.Entrypoint, box.Made.Entrypoint}, {"command", svc.Command, box.Made.Command}} {
		if len(line.want) > 0 && steady(line.key) && !sameSettings(line.want, line.got) {
			all = append(all, difference{what: "the " + line.key, has: "has another " + line.key, place: at(line.key)})
		}
	}
	all = append(all, c.otherVariables(svc, box)...)
	if steady("ports") && svc.NetworkMode == "" {
		all = append(all, otherPorts(svc, box)...)
	}
	if steady("volumes") && !svc.VolumesFrom {
		all = append(all, c.otherMounts(svc, box)...)
	}
	return all
}

// sameFiles says whether a container was made from the Compose files that were read, wherever the
// project lay then.
func (f *facts) sameFiles(m Made) bool {
	if len(m.Files) != len(f.stack.Files) || m.Directory == "" {
		return false
	}
	for i, file := range m.Files {
		rel, err := filepath.Rel(m.Directory, file)
		if err != nil || filepath.ToSlash(rel) != f.stack.Files[i] {
			return false
		}
	}
	return true
}

// sameImage compares references. One that lost its tag to a newer image is known by its id alone.
func sameImage(want, got string) bool {
	return got == "" || strings.HasPrefix(got, "sha256:") || Setting(fullReference(want)) == Setting(fullReference(got))
}

// fullReference is a reference with the registry and the tag that Docker adds.
func fullReference(ref string) string {
	first, _, several := strings.Cut(ref, "/")
	switch {
	case !several:
		ref = "docker.io/library/" + ref
	case !strings.ContainsAny(first, ".:") && first != "localhost":
		ref = "docker.io/" + ref
	}
	if !strings.ContainsAny(path.Base(ref), ":@") {
		ref += ":latest"
	}
	return ref
}

func sameSettings(want, got []string) bool {
	return slices.EqualFunc(want, got, func(a, b string) bool { return Setting(a) == b })
}

// otherVariables are those that the files set and the container has otherwise. Credentials are not
// compared: a snapshot does not have them.
func (c *Case) otherVariables(svc *compose.Service, box *Container) (all []difference) {
	if len(box.Made.Environment) == 0 {
		return nil // at least PATH is there, where it was looked at
	}
	for _, name := range sortedNames(svc.Environment) {
		v := svc.Environment[name]
		filled := !slices.Contains(c.stack.Files, v.Place.File) && strings.Contains(c.stack.Sources.Line(v.Place.File, v.Place.Line), "$") // in an env file
		if filled || IsSecret(name) || c.stack.FromShell(name) || !c.stack.Steady("services", svc.Name, "environment", name) {
			continue
		}
		got, has := box.Made.Environment[Setting(name)]
		switch {
		case !has:
			all = append(all, difference{what: "the variable " + name, has: "does not have " + name, place: v.Place})
		case got != Setting(v.Text):
			all = append(all, difference{what: "the variable " + name, has: "has another value of " + name, place: v.Place})
		}
	}
	return all
}

func sortedNames(variables map[string]compose.Value) (names []string) {
	for name := range variables {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// otherPorts are those that the files publish, on a port that they say, and the container does not.
func otherPorts(svc *compose.Service, box *Container) (all []difference) {
	for _, p := range svc.Ports {
		if p.Published == 0 || p.Several || slices.ContainsFunc(box.Made.Ports, func(b Binding) bool {
			return b.Target == p.Target && b.Published == p.Published && b.Protocol == p.Protocol
		}) {
			continue
		}
		what := fmt.Sprintf("the port %d:%d", p.Published, p.Target)
		all = append(all, difference{what: what, has: "does not publish " + publishedText(p), place: p.Place, port: &p})
	}
	return all
}

// otherMounts are those of the files that the container does not have, or has from elsewhere.
func (c *Case) otherMounts(svc *compose.Service, box *Container) (all []difference) {
	for _, m := range svc.Mounts {
		if m.Content != nil {
			continue // Compose copies it in
		}
		i := slices.IndexFunc(box.Made.Mounts, func(b ContainerMount) bool { return b.Target == path.Clean(m.Target) })
		switch {
		case i < 0:
			all = append(all, difference{what: "the mount at " + m.Target, has: "has nothing mounted at " + m.Target, place: m.Place})
		case box.Made.Mounts[i].Type == "bind" && m.Type == "bind" && c.otherSource(m, box.Made.Mounts[i], box.Made):
			all = append(all, difference{what: "the mount at " + m.Target, has: "mounts " + c.userPath(box.Made.Mounts[i].Source) + " there", place: m.Place})
		}
	}
	return all
}

// otherSource says whether a container mounts something else than the files say. The project may lie
// elsewhere for the daemon, and on its way there may be links: what has another name is something else.
func (c *Case) otherSource(want compose.Mount, got ContainerMount, from Made) bool {
	a, errA := filepath.Rel(c.stack.Directory, want.Source)
	b, errB := filepath.Rel(from.Directory, got.Source)
	same := errA == nil && errB == nil && a == b
	return !same && path.Base(want.Source) != path.Base(got.Source)
}
