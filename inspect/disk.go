package inspect

import (
	"path"
	"slices"
	"strings"
	"time"

	"why502/compose"
	"why502/compose/proxy"
)

// unloaded is a file of a proxy's configuration that its nginx has otherwise than it is on disk.
type unloaded struct {
	proxy.File
	how   staleness
	mount compose.Mount // that leads to what was replaced
	root  string        // what that mount leads to
}

// staleness is why nginx has a file otherwise.
type staleness int

const (
	replaced    staleness = iota // its mount still leads to the file that was there before
	notReloaded                  // nginx has read it before it was changed
	notMadeAnew                  // the start of the container made it of what it was before
	notBuilt                     // the image was built before it was changed
)

// unloadedFiles are those of a proxy, as far as can be seen.
func (f *facts) unloadedFiles(p *compose.Proxy) []unloaded {
	all, known := f.stale[p]
	if !known {
		all = f.findUnloaded(p)
		f.stale[p] = all
	}
	return all
}

func (f *facts) findUnloaded(p *compose.Proxy) (all []unloaded) {
	box := f.shows(p)
	if box == nil {
		return nil
	}
	runs, loaded := box.State == "running", f.loadedAt(box)
	here := runs && f.snap.Daemon.Local // where change times and the daemon's clock are of one machine
	for _, file := range p.Config.Files {
		m, root, gone := f.replacedMount(p, box, file)
		switch {
		case runs && gone:
			all = append(all, unloaded{file, replaced, m, root})
		case here && file.Origin == proxy.Mounted && changedAfter(file, loaded):
			all = append(all, unloaded{File: file, how: notReloaded})
		case here && file.Origin == proxy.Made && changedAfter(file, box.Started):
			all = append(all, unloaded{File: file, how: notMadeAnew})
		case file.Origin == proxy.Copied && f.differs(box, file):
			all = append(all, unloaded{File: file, how: notBuilt})
		}
	}
	return all
}

// loadedAt is when the nginx of a container that runs last read its configuration: when the oldest of
// its workers started that is not about to end. Zero: not known.
func (f *facts) loadedAt(box *Container) (oldest time.Time) {
	for _, p := range f.snap.Processes[box.ID] {
		if p.serves() && (oldest.IsZero() || p.Started.Before(oldest)) {
			oldest = p.Started
		}
	}
	if !oldest.IsZero() {
		return oldest
	}
	for _, line := range slices.Backward(f.snap.Logs[box.ID]) {
		if strings.Contains(line.Text, "start worker processes") { // of a start and of a reload, not of a worker that died
			return line.Time
		}
	}
	return time.Time{}
}

// serves says whether it is a worker of nginx that takes requests, and is not about to end.
func (p Process) serves() bool {
	return strings.HasPrefix(p.Command, "nginx: worker process") && !strings.Contains(p.Command, "shutting down")
}

// replacedMount is the mount that brings a file, where it leads to something that has another name
// now, or none.
func (f *facts) replacedMount(p *compose.Proxy, box *Container, file proxy.File) (m compose.Mount, root string, gone bool) {
	if file.Origin != proxy.Mounted {
		return m, "", false
	}
	for _, mount := range p.Service.Mounts {
		if below(file.Path, mount.Target) && len(mount.Target) > len(m.Target) {
			m = mount
		}
	}
	for _, seen := range f.snap.Mounts[box.ID] {
		if seen.Target == m.Target && m.Target != "" {
			root = seen.Root
		}
	}
	return m, root, m.Source != "" && (strings.HasSuffix(root, deleted) || !file.Linked && renamed(m, root))
}

// deleted ends what mountinfo says of a file that is gone.
const deleted = "//deleted"

// renamed says whether what a mount leads to lies in the directory of its source under another name.
func renamed(m compose.Mount, root string) bool {
	dir := path.Dir(root)
	return path.IsAbs(root) && dir != "/" && path.Base(root) != path.Base(m.Source) && strings.HasSuffix(path.Dir(m.Source), dir)
}

// differs says whether a container has a file otherwise than the Dockerfile would copy it now.
func (f *facts) differs(box *Container, file proxy.File) bool {
	row, asked := f.snap.Files[copiedFile(box, file)]
	if !asked || row != nil && (row.Unread != "" || row.Link != "" || row.Dir) {
		return false
	}
	return row == nil || row.Text != f.stack.Sources.Text(file.Name)
}

// present says whether a container has a file, where that was asked for. Links are followed.
func (f *facts) present(box *Container, file string) (there, known bool) {
	for range 5 {
		row, asked := f.snap.Files[Question{Kind: AskFile, Of: box.ID, Path: file}]
		if !asked || row == nil || row.Link == "" {
			return row != nil, asked
		}
		file = row.Link
	}
	return false, false
}

// failsElsewhere are requests that failed, and were not answered since, at ports that no pass of the
// files has: they are of the configuration that nginx still has.
func (f *facts) failsElsewhere(p *compose.Proxy) (all []*failure) {
	if !p.Config.Complete() {
		return nil
	}
	ports := map[int]bool{}
	for _, r := range p.Routes {
		for _, b := range f.backends(r) {
			if b.Unknown != "" || b.Port == 0 && b.Socket == "" {
				return nil
			}
			ports[b.Port] = true
		}
	}
	j := f.journal(p)
	for _, e := range j.failures {
		if _, port, ok := e.Upstream.Address(); ok && !ports[port] && len(ports) > 0 && !j.answered[e.asked()].After(e.at) {
			all = append(all, e)
		}
	}
	return all
}

// askedOf are the routes of a proxy that requests take now of which others failed: of all, where that
// cannot be told.
func askedOf(p *compose.Proxy, failures []*failure) (ids []string) {
	for _, r := range p.Routes {
		if slices.ContainsFunc(failures, func(e *failure) bool {
			loc, _ := locationAt(r.Server.Locations, requestPath(e.URI))
			return serves(r, e.Line) && loc != nil && loc == r.Location
		}) {
			ids = append(ids, r.ID)
		}
	}
	if ids == nil {
		return routeIDs(p)
	}
	return ids
}

// softenUnloaded makes warnings of what is wrong in files that nginx does not have as they are now: it
// is about their next load. What the log shows to fail fails.
func (j *judge) softenUnloaded(p *compose.Proxy, routes []*walked, own []*Finding) {
	pending := map[string]bool{}
	for _, u := range j.unloadedFiles(p) {
		pending[u.Name] = true
	}
	if len(pending) == 0 {
		return
	}
	seen := map[int]bool{}
	for _, e := range j.journal(p).failures {
		_, port, _ := e.Upstream.Address()
		seen[port] = true
	}
	for _, w := range routes {
		for _, b := range w.backends {
			if f := b.cause; f != nil && pending[f.Place.File] && f.Status != StatusNoStart && !seen[b.Port] {
				j.soften(f, p)
			}
		}
	}
	for _, f := range own {
		if f.Rule.ID == proxyPortNotListening.ID {
			j.soften(f, p)
		}
	}
}

func (j *judge) soften(f *Finding, p *compose.Proxy) {
	f.Severity, f.Status, f.may = min(f.Severity, Warning), StatusNone, true
	f.with("docker", "nginx in %s does not have the file as it is now: this is about the next time it loads it", p.Service.Name)
}

// uncheckedDisk says of which files it is not known whether nginx has them as they are.
func (j *judge) uncheckedDisk() (all []proxy.Unchecked) {
	for _, p := range j.stack.Proxies {
		box := j.shows(p)
		if box == nil || box.State != "running" || !j.snap.Daemon.Local || !j.loadedAt(box).IsZero() {
			continue
		}
		for _, f := range p.Config.Files {
			if f.Origin == proxy.Mounted && changedAfter(f, box.Started) {
				all = append(all, proxy.Unchecked{
					What: p.Service.Name + ": whether nginx has loaded " + f.Name + " since it was changed",
					Why:  "when its workers started is not known; docker compose restart " + p.Service.Name + " makes sure",
				})
			}
		}
	}
	return all
}
