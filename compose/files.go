package compose

import (
	"cmp"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"why502/compose/nginx"
)

// stock is what the official nginx image has under /etc/nginx, as far as it decides routes.
//
//go:embed stock
var stock embed.FS

// stockEmpty are files of the image whose content decides no route: they are there, and empty.
var stockEmpty = []string{
	"/etc/nginx/mime.types", "/etc/nginx/fastcgi.conf", "/etc/nginx/fastcgi_params", "/etc/nginx/scgi_params", "/etc/nginx/uwsgi_params",
}

// maxConfigFile is the most that is read of one configuration file, in bytes.
const maxConfigFile = 8 << 20

// container is the file system of one service's containers, as far as the project's files tell:
// its mounts over the files of its image.
type container struct {
	mounts  []Mount             // the deepest target first
	stock   bool                // the image is the stock nginx: what it does not have is not there
	unknown string              // why files may be there that neither mount nor image has; "": none are
	name    func(string) string // what places call a host path
	sources Sources

	opened  map[string]bool     // container paths that nginx read
	missing map[string]BadMount // mounts that nginx needs whose source is not what it has to be, by target
}

// files gives nginx its view of the container.
func (c *container) files() nginx.Files {
	return nginx.Files{Open: c.open, Glob: c.glob}
}

// open reads one file at a container path.
func (c *container) open(p string) (*nginx.File, error) {
	p = path.Clean(p)
	c.opened[p] = true
	p = c.follow(p)
	m, ok := c.mountOf(p)
	if !ok {
		return c.openStock(p)
	}
	if m.Type == "volume" || m.Source == "" {
		return nil, &nginx.UnknownError{Why: "what " + describe(m) + " holds is not among the project's files"}
	}
	host := hostPath(m, p)
	text, err := readRegular(m.Source, host)
	switch {
	case errors.Is(err, fs.ErrNotExist) || errors.Is(err, errDirectory):
		if p == m.Target {
			c.missing[m.Target] = BadMount{Mount: m, Directory: errors.Is(err, errDirectory)}
			return nil, &nginx.UnknownError{Why: "its source " + c.name(m.Source) + " is not a file"}
		}
		return nil, err
	case err != nil:
		return nil, &nginx.UnknownError{Why: err.Error()}
	}
	name := c.name(host)
	c.sources.Add(name, text)
	return &nginx.File{Name: name, Text: text}, nil
}

// follow resolves the links in a container path as the container would: an absolute link in a mounted
// directory leads to another path of the container, not of the host. The source of a mount itself is
// resolved by Docker.
func (c *container) follow(p string) string {
	for range maxLinks {
		m, ok := c.mountOf(p)
		if !ok || m.Source == "" {
			return p
		}
		next, found := firstLink(m, p)
		if !found {
			return p
		}
		p = next
	}
	return p
}

// maxLinks bounds how many links are followed, as the kernel does.
const maxLinks = 40

// firstLink finds the first link below a mount on the way to a path, and gives the path behind it.
func firstLink(m Mount, p string) (next string, found bool) {
	at, rest := m.Target, strings.Split(strings.Trim(strings.TrimPrefix(p, m.Target), "/"), "/")
	for i, part := range rest {
		if part == "" {
			break
		}
		to, err := os.Readlink(hostPath(m, path.Join(at, part)))
		if err == nil {
			if !path.IsAbs(to) {
				to = path.Join(at, to)
			}
			return path.Join(append([]string{to}, rest[i+1:]...)...), true
		}
		at = path.Join(at, part)
	}
	return "", false
}

// openStock reads a file of the image.
func (c *container) openStock(p string) (*nginx.File, error) {
	if c.stock {
		if slices.Contains(stockEmpty, p) {
			return &nginx.File{}, nil
		}
		if text, err := stock.ReadFile("stock" + p); err == nil {
			return &nginx.File{Text: text}, nil
		}
	}
	if c.unknown != "" {
		return nil, &nginx.UnknownError{Why: c.unknown}
	}
	return nil, fs.ErrNotExist
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
	dir = c.follow(dir)
	if m, ok := c.mountOf(dir); ok {
		names, unknown = c.listMount(m, dir)
	} else {
		names, unknown = c.listStock(dir), c.unknown
	}
	for _, m := range c.mounts { // what is mounted below the directory is in it, whatever it is itself
		if below, ok := strings.CutPrefix(m.Target, strings.TrimSuffix(dir, "/")+"/"); ok {
			name, _, _ := strings.Cut(below, "/")
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names), unknown
}

// listMount gives the names in a directory that a mount covers.
func (c *container) listMount(m Mount, dir string) (names []string, unknown string) {
	if m.Type == "volume" || m.Source == "" {
		return nil, "what " + describe(m) + " holds is not among the project's files"
	}
	entries, err := os.ReadDir(hostPath(m, dir))
	if len(entries) == 0 && dir == m.Target && (err == nil || errors.Is(err, fs.ErrNotExist)) {
		c.missing[m.Target] = BadMount{Mount: m, OfDirectory: true, Empty: err == nil}
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names, ""
}

// listStock gives the names in a directory of the image.
func (c *container) listStock(dir string) (names []string) {
	if !c.stock {
		return nil
	}
	entries, _ := stock.ReadDir("stock" + dir)
	for _, e := range entries {
		names = append(names, e.Name())
	}
	for _, p := range stockEmpty {
		if path.Dir(p) == dir {
			names = append(names, path.Base(p))
		}
	}
	return names
}

// mountOf finds the mount that covers a container path: the one with the deepest target.
func (c *container) mountOf(p string) (Mount, bool) {
	for _, m := range c.mounts {
		if p == m.Target || strings.HasPrefix(p, strings.TrimSuffix(m.Target, "/")+"/") {
			return m, true
		}
	}
	return Mount{}, false
}

// hostPath is where a container path under a mount lies on the host.
func hostPath(m Mount, p string) string {
	return filepath.Join(m.Source, filepath.FromSlash(strings.TrimPrefix(p, m.Target)))
}

var errDirectory = errors.New("it is a directory")

// readRegular reads a file under a mount's source. Nothing else than a regular file is opened (a
// FIFO would block), nothing outside the source is read, and no more than maxConfigFile.
func readRegular(source, host string) ([]byte, error) {
	info, err := os.Stat(host)
	switch {
	case err != nil:
		return nil, err
	case info.IsDir():
		return nil, errDirectory
	case !info.Mode().IsRegular():
		return nil, errors.New("it is not a regular file")
	case info.Size() > maxConfigFile:
		return nil, fmt.Errorf("it is larger than %d MB", maxConfigFile>>20)
	}
	f, err := openUnder(source, host)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxConfigFile))
}

// openUnder opens a file in a mounted directory without following links out of it, as nginx in
// the container could not follow them either. A mounted file is followed, as Docker does.
func openUnder(source, host string) (*os.File, error) {
	rel, err := filepath.Rel(source, host)
	if err != nil || rel == "." {
		return os.Open(host)
	}
	root, err := os.OpenRoot(source)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	return root.Open(rel)
}

// describe names a mount as a user would.
func describe(m Mount) string {
	if m.Source == "" {
		return fmt.Sprintf("the %s at %s", m.Type, m.Target)
	}
	return fmt.Sprintf("the %s %s", m.Type, m.Source)
}
