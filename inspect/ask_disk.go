package inspect

import (
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"why502/compose"
	"why502/compose/proxy"
)

// Bounds of what is asked of one proxy's files.
const (
	maxTrees  = 12
	maxCopied = 20
	maxAbsent = 10
)

// aboutDisk asks what runs, where that may be something else than what is on disk, and for the
// configuration that is not among the project's files.
func (a *asking) aboutDisk() {
	for _, p := range a.stack.Proxies {
		box := a.shows(p)
		if box == nil {
			continue
		}
		if box.State == "running" && a.snap.Daemon.Local {
			a.aboutLoaded(p, box)
		}
		a.aboutUnread(p, box)
		copied := 0
		for _, f := range p.Config.Files {
			if f.Origin == proxy.Copied && copied < maxCopied {
				copied++
				a.ask(copiedFile(box, f))
			}
		}
		for _, gone := range p.Absent[:min(len(p.Absent), maxAbsent)] {
			a.askPresent(box, gone.Path)
		}
		for _, closed := range p.Closed[:min(len(p.Closed), maxAbsent)] {
			a.ask(Question{Kind: AskFile, Of: box.ID, Path: closed.Path})
		}
	}
}

// askPresent asks for the state of a file, and of what the links at it lead to.
func (a *asking) askPresent(box *Container, file string) {
	for range 5 {
		q := Question{Kind: AskFile, Of: box.ID, Path: file}
		a.ask(q)
		row := a.snap.Files[q]
		if row == nil || row.Link == "" || !leadsToFiles(row.Link) {
			return
		}
		file = row.Link
	}
}

// shows is the container of a proxy whose files tell what its nginx loads: one that runs, else one
// that did.
func (f *facts) shows(p *compose.Proxy) *Container {
	boxes := f.containers[p.Service.Name]
	if running := f.running(p.Service.Name); len(running) > 0 {
		return running[0]
	}
	for _, box := range boxes {
		if box.State != "created" && box.State != "removing" {
			return box
		}
	}
	return nil
}

// aboutLoaded asks what nginx has of the files on disk: which ones its mounts lead to, and when its
// workers started, if a file is newer than the container's start.
func (a *asking) aboutLoaded(p *compose.Proxy, box *Container) {
	for _, f := range p.Config.Files {
		if f.Origin == proxy.Mounted {
			a.ask(Question{Kind: AskMounts, Of: box.ID})
		}
		if f.Origin == proxy.Mounted && changedAfter(f, box.Started) {
			a.ask(Question{Kind: AskProcesses, Of: box.ID})
		}
	}
}

// copiedFile asks for what a container has of a file that its Dockerfile copies.
func copiedFile(box *Container, f proxy.File) Question {
	return Question{Kind: AskFile, Of: box.ID, Path: f.Path, Text: true}
}

// aboutUnread asks for files of the configuration that are not among the project's: for all of the
// directory that nginx has its configuration in, for others that it names, and for what links in them
// lead to.
func (a *asking) aboutUnread(p *compose.Proxy, box *Container) {
	var dirs []string
	for _, unread := range p.Config.Unread {
		dirs = append(dirs, treeOf(unread))
	}
	for q, f := range a.snap.Files {
		if q.Of != box.ID || !strings.HasSuffix(q.Path, "/") || f == nil {
			continue
		}
		for _, entry := range append(slices.Collect(maps.Values(f.Tree)), f) {
			if leadsToFiles(entry.Link) && len(p.Config.Unread) > 0 {
				dirs = append(dirs, entry.Link+"/")
			}
		}
	}
	slices.Sort(dirs)
	for _, dir := range slices.Compact(dirs) {
		q := Question{Kind: AskFile, Of: box.ID, Path: dir}
		if a.trees(box) < maxTrees && !a.covered(q) {
			a.ask(q)
		}
	}
}

// treeOf is the directory to look into for a path or pattern.
func treeOf(pattern string) string {
	for _, root := range compose.ConfigRoots() {
		if below(pattern, root) {
			return root + "/"
		}
	}
	if i := strings.IndexAny(pattern, "*?["); i >= 0 {
		pattern = pattern[:i] + "x"
	}
	return strings.TrimSuffix(path.Dir(pattern), "/") + "/"
}

// leadsToFiles says whether a link may lead to configuration: not into what the kernel shows.
func leadsToFiles(to string) bool {
	return to != "" && to != "/" && !below(to, "/proc") && !below(to, "/sys") && !below(to, "/dev") && !below(to, "/usr/lib") && !below(to, "/usr/share")
}

// trees is how many trees of a container were asked for, in this round or before.
func (a *asking) trees(box *Container) (n int) {
	count := func(q Question) {
		if q.Kind == AskFile && q.Of == box.ID && strings.HasSuffix(q.Path, "/") {
			n++
		}
	}
	for q := range a.snap.Files {
		count(q)
	}
	for q := range a.questions {
		count(q)
	}
	return n
}

// covered says whether what is asked for is a part of what was asked for before. A whole file system
// is not asked for.
func (a *asking) covered(q Question) bool {
	if q.Path == "/" {
		return true
	}
	for known := range a.snap.Files {
		if known.Of == q.Of && strings.HasSuffix(known.Path, "/") && strings.HasPrefix(q.Path, known.Path) {
			return true
		}
	}
	return false
}

// Seen is what the trees of files that were asked for show of a service's container.
func Seen(snap *Snapshot, service string) *compose.Seen {
	seen := &compose.Seen{Files: map[string]compose.SeenFile{}}
	for q, f := range snap.Files {
		c := snap.Containers[q.Of]
		if !strings.HasSuffix(q.Path, "/") || c == nil || c.Service != service || f != nil && f.Unread != "" && f.Tree != nil {
			continue // of a tree that was cut off nobody knows what is not there
		}
		root := path.Clean(q.Path)
		seen.Roots = append(seen.Roots, root)
		if f == nil {
			continue
		}
		seen.Files[root] = seenFile(f)
		for at, entry := range f.Tree {
			seen.Files[at] = seenFile(entry)
		}
	}
	slices.Sort(seen.Roots)
	return seen
}

func seenFile(f *File) compose.SeenFile {
	return compose.SeenFile{Text: f.Text, Dir: f.Dir, Link: f.Link, Unread: f.Unread}
}

// changedAfter says whether a file was written after a moment, which is known to about a second.
func changedAfter(f proxy.File, moment time.Time) bool {
	return !moment.IsZero() && f.Changed.Sub(moment) > time.Second
}
