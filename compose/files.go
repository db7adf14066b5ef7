package compose

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"why502/compose/nginx"
	"why502/compose/proxy"
)

// container is the file system of one service's containers, as far as the project's files tell.
type container struct {
	layers  []*layer                    // each over those before it
	built   int                         // how many of them are the image's
	stock   bool                        // it has nothing but what the stock nginx and the project bring
	unknown string                      // why files may be there that no layer has; "": none are
	name    func(string) string         // what places call a host path
	here    func(string) (string, bool) // where a host path lies for this process
	sources Sources
	looks   *int // into layers so far, of all containers together
	made    *int // bytes of files that were rendered so far, of all containers together

	seen    *Seen               // what the daemon shows of it; nil: nothing
	argv    []string            // the command line of nginx, as far as the start was followed; nil: the image's
	opened  map[string]bool     // container paths that nginx read
	missing map[string]BadMount // mounts that nginx needs whose source is not what it has to be, by target
}

// files gives nginx its view of the container.
func (c *container) files() nginx.Files {
	return nginx.Files{Open: c.open, Glob: c.glob}
}

// open reads one file at a container path, and notes that nginx did.
func (c *container) open(p string) (*nginx.File, error) {
	p = path.Clean(p)
	c.opened[p] = true
	f, l, err := c.find(p)
	if err == nil {
		f.Origin = c.origin(f, l)
	}
	f, err = c.asSeen(p, f, err)
	switch {
	case err == nil:
		c.sources.keep(f)
	case l != nil && l.mount != nil && c.follow(p) == l.at && (errors.Is(err, fs.ErrNotExist) || errors.Is(err, errDirectory)):
		c.missing[l.at] = BadMount{Mount: *l.mount, Directory: errors.Is(err, errDirectory)}
		return nil, &nginx.UnknownError{Why: "its source " + c.name(l.mount.Source) + " is not a file"}
	}
	return f, err
}

// origin is how a file that a layer brings comes to be in the container.
func (c *container) origin(f *nginx.File, l *layer) proxy.Origin {
	asItIs := f.Written == nil && f.Line == 0 && !f.Rendered && !f.Emptied
	switch i := slices.Index(c.layers, l); {
	case f.Source == "":
		return proxy.OfImage
	case l.mount != nil:
		if dir, ok := c.here(filepath.Dir(l.mount.Source)); ok {
			info, err := os.Lstat(filepath.Join(dir, filepath.Base(l.mount.Source)))
			f.Linked = err == nil && info.Mode().Type() == fs.ModeSymlink
		}
		return proxy.Mounted
	case i >= c.built:
		return proxy.Made
	case asItIs && c.unknown == "": // else the start of the container may change it
		return proxy.Copied
	}
	return proxy.OfImage
}

// find gives the file at a container path, which is that of the topmost layer that has it, and the
// layer that decides. The error is fs.ErrNotExist, errDirectory, or an *nginx.UnknownError.
func (c *container) find(p string) (*nginx.File, *layer, error) {
	p = c.follow(p)
	for _, l := range slices.Backward(c.layers) {
		rel, covers := l.covers(p)
		if !covers {
			continue
		}
		if c.tired() {
			return nil, nil, &nginx.UnknownError{Why: tooMuch}
		}
		f, err := l.tree.open(rel)
		var unknown *nginx.UnknownError
		if err == nil || l.hides || errors.As(err, &unknown) {
			return f, l, err
		}
	}
	if c.unknown != "" {
		return nil, nil, &nginx.UnknownError{Why: c.unknown}
	}
	return nil, nil, fs.ErrNotExist
}

// maxLooks bounds the looks into layers: copies of copies onto one path double them each time.
const maxLooks = 1_000_000

// tired says whether too much was looked at already.
func (c *container) tired() bool {
	*c.looks++
	return *c.looks > maxLooks
}

const tooMuch = "what is copied onto what is more than can be followed"

// maxLinks bounds how many links are followed, as the kernel does.
const maxLinks = 40

// follow resolves the links in a container path as the container would: an absolute link in a mounted
// directory leads to another path of the container, not of the host.
func (c *container) follow(p string) string {
	for range maxLinks {
		next, found := c.firstLink(p)
		if !found {
			break
		}
		p = next
	}
	return p
}

// firstLink finds the first link on the way to a path, and gives the path behind it.
func (c *container) firstLink(p string) (next string, found bool) {
	at, parts := "/", strings.Split(strings.Trim(p, "/"), "/")
	for i, part := range parts {
		to := c.link(path.Join(at, part))
		if to != "" {
			if !path.IsAbs(to) {
				to = path.Join(at, to)
			}
			return path.Join(append([]string{to}, parts[i+1:]...)...), true
		}
		at = path.Join(at, part)
	}
	return "", false
}

// link is what the link at a path leads to; empty: it is none.
func (c *container) link(p string) string {
	if to := c.seen.link(p); to != "" {
		return to
	}
	for _, l := range slices.Backward(c.layers) {
		rel, covers := l.covers(p)
		if !covers {
			continue
		}
		if to := l.tree.link(rel); to != "" || l.hides {
			return to
		}
	}
	return ""
}

// glob finds the container paths that match a pattern, as glob(3) does: * does not match a
// leading dot, and no match is no error.
func (c *container) glob(pattern string) (matches []string, unknown string) {
	matches = []string{"/"}
	wild := false
	for _, part := range strings.Split(strings.Trim(path.Clean(pattern), "/"), "/") {
		var next []string
		for _, dir := range matches {
			if wild = wild || strings.ContainsAny(part, `*?[`); !wild {
				next = append(next, path.Join(dir, part))
				continue
			}
			names, why := c.list(dir)
			unknown = cmp.Or(unknown, why)
			if len(next) > maxMatches {
				return next, fmt.Sprintf("more than %d files match", maxMatches)
			}
			for _, n := range names {
				if ok, _ := path.Match(part, n); ok && (n[0] != '.' || part[0] == '.') {
					next = append(next, path.Join(dir, n))
				}
			}
		}
		matches = next
	}
	return matches, unknown
}

// maxMatches bounds what a pattern gives: links that lead in circles match without end.
const maxMatches = 10_000

// list gives the names in a directory of the container, and why there may be more.
func (c *container) list(dir string) (names []string, unknown string) {
	dir = c.follow(path.Clean(dir))
	if c.seen.covers(dir) {
		return c.seen.list(dir), ""
	}
	unknown = c.unknown
	for _, l := range c.layers {
		rel, covers := l.covers(dir)
		below, inside := strings.CutPrefix(l.at, strings.TrimSuffix(dir, "/")+"/")
		switch {
		case covers && c.tired():
			return names, tooMuch
		case covers:
			if l.hides {
				names, unknown = nil, ""
			}
			own, why := c.listLayer(l, rel)
			names, unknown = append(names, own...), cmp.Or(unknown, why)
		case inside && l.tree == noTree{}:
			names = slices.DeleteFunc(names, func(n string) bool { return n == below })
		case inside:
			name, _, _ := strings.Cut(below, "/")
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names), unknown
}

// listLayer gives the names in a directory that a layer covers. A mount without any is noted: Docker
// makes an empty directory of a source that is missing.
func (c *container) listLayer(l *layer, rel string) (names []string, unknown string) {
	names, err := l.tree.list(rel)
	var why *nginx.UnknownError
	if errors.As(err, &why) {
		return names, why.Why
	}
	if l.mount != nil && rel == "" && len(names) == 0 && !errors.Is(err, errFile) {
		c.missing[l.at] = BadMount{Mount: *l.mount, OfDirectory: true, Empty: err == nil}
	}
	return names, ""
}

// mountOf finds the mount that covers a container path: the one with the deepest target.
func (c *container) mountOf(p string) (Mount, bool) {
	for _, l := range slices.Backward(c.layers) {
		if _, covers := l.covers(p); covers && l.mount != nil {
			return *l.mount, true
		}
	}
	return Mount{}, false
}

// hostPath is where a container path under a mount lies on the host.
func hostPath(m Mount, p string) string {
	return filepath.Join(m.Source, filepath.FromSlash(strings.TrimPrefix(p, m.Target)))
}

// describe names a mount as a user would.
func describe(m Mount) string {
	if m.Source == "" {
		return fmt.Sprintf("the %s at %s", m.Type, m.Target)
	}
	return fmt.Sprintf("the %s %s", m.Type, m.Source)
}
