package compose

import (
	"cmp"
	"errors"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"why502/compose/nginx"
	"why502/compose/proxy"
)

// Seen is what the file system of a container was seen to hold: the whole of some directories.
type Seen struct {
	Roots []string            // container paths of these, or of single files; what is below and not in Files is not there
	Files map[string]SeenFile // by container path
}

// SeenFile is a file, directory or link of a container.
type SeenFile struct {
	Text   string
	Dir    bool
	Link   string // where it leads, if it is a link
	Unread string // why there is no text of it; empty: there is
}

// Reread reads a proxy's configuration again, now that its container shows what the project's files do
// not say. A proxy that turns out to pass nothing on is none.
func (s *Stack) Reread(service string, seen *Seen) {
	s.seen[service] = seen
	for i, p := range s.Proxies {
		if p.Service.Name != service {
			continue
		}
		again := s.readProxy(p.Service, p.Why)
		if !passesOn(again) && p.Why != "flag" {
			s.Proxies, s.Servers = slices.Delete(s.Proxies, i, i+1), append(s.Servers, again)
			slices.SortFunc(s.Servers, func(a, b *Proxy) int { return cmp.Compare(a.Service.Name, b.Service.Name) })
			return
		}
		again.Routes = routes(again, s)
		s.Proxies[i] = again
		return
	}
}

// asSeen is what nginx opens at a path, where the container was looked into: what the project's files
// have there, if it is the same or a mount of them, else what the container has.
func (c *container) asSeen(p string, f *nginx.File, err error) (*nginx.File, error) {
	p = c.follow(p)
	m, mounted := c.mountOf(p)
	switch {
	case !c.seen.covers(p):
		return f, err
	case mounted && m.Source != "" && m.Type != "volume":
		return c.lent(m, p, f, err)
	}
	switch seen, there := c.seen.Files[p]; {
	case !there:
		return nil, fs.ErrNotExist
	case seen.Dir:
		return nil, errDirectory
	case seen.Unread != "":
		return nil, &nginx.UnknownError{Why: seen.Unread}
	case err == nil && string(f.Text) == seen.Text:
		return f, nil
	default:
		return &nginx.File{Text: []byte(seen.Text), Inside: p}, nil
	}
}

// lent is a mounted file as the container shows it, where this process may not read it itself.
func (c *container) lent(m Mount, p string, f *nginx.File, err error) (*nginx.File, error) {
	var unknown *nginx.UnknownError
	seen, there := c.seen.Files[p]
	if !errors.As(err, &unknown) || !there || seen.Dir || seen.Unread != "" {
		return f, err
	}
	host := hostPath(m, p)
	here, _ := c.here(host)
	return &nginx.File{Name: c.name(host), Text: []byte(seen.Text), Source: host, Origin: proxy.Mounted, Changed: changed(here)}, nil
}

// covers says whether a path is in what was seen, there or not.
func (s *Seen) covers(p string) bool {
	return s != nil && slices.ContainsFunc(s.Roots, func(root string) bool { return p == root || strings.HasPrefix(p, strings.TrimSuffix(root, "/")+"/") })
}

// list gives the names in a directory.
func (s *Seen) list(dir string) (names []string) {
	for p := range s.Files {
		if path.Dir(p) == dir && p != dir {
			names = append(names, path.Base(p))
		}
	}
	slices.Sort(names)
	return names
}

// link is what the link at a path leads to; empty: it is none, or was not seen.
func (s *Seen) link(p string) string {
	if s == nil {
		return ""
	}
	return s.Files[p].Link
}

// Steady says whether what the Compose files say at a path is the same whatever shell they are read
// in: no variable in it comes from the process, or from nowhere.
func (s *Stack) Steady(path ...string) bool {
	for _, tree := range s.places.trees {
		if m, depth, _ := tree.walk(path); depth == len(path) && !s.steady(m, 0) {
			return false
		}
	}
	return true
}

// filledIn are the variables that Compose fills in, those with a default among them.
var filledIn = regexp.MustCompile(`\$(?:\$|\{([A-Za-z_]\w*)[^}]*\}|([A-Za-z_]\w*))`)

func (s *Stack) steady(m *mark, depth int) bool {
	if m.raw != nil {
		for _, found := range filledIn.FindAllStringSubmatch(m.raw.Value, maxUses) {
			name := cmp.Or(found[1], found[2])
			if _, known := s.env[m.place.File].Resolve(name); name != "" && (!known || s.process[name]) {
				return false
			}
		}
		return true
	}
	all := slices.Clone(m.items)
	for _, child := range m.keys {
		all = append(all, child)
	}
	return depth > maxLevels || !slices.ContainsFunc(all, func(child *mark) bool { return !s.steady(child, depth+1) })
}

// FromShell says whether a variable may have its value from the shell that the project was started in.
func (s *Stack) FromShell(name string) bool { return s.process[name] }

// ConfigRoots are the directories under which images keep nginx's configuration.
func ConfigRoots() []string { return slices.Clone(configRoots) }

// Text is the text of a file; empty where it is not known.
func (s Sources) Text(name string) string {
	src := s[name]
	if src == nil {
		return ""
	}
	return strings.Join(src.Lines, "\n")
}
