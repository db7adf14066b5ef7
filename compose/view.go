package compose

import (
	"cmp"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"why502/compose/proxy"
)

// View says where the files of the machine lie for this process, where that is in a container: in what the container
// mounts. The zero value: where they are.
type View struct {
	Inside    bool   // of a container; else there is nothing to say
	Alone     bool   // nothing but this program is in it: who calls Compose does so on the machine, not in here
	Container string // its id, as the daemon confirmed it; empty: the mounts are those that the kernel shows
	Mounts    []Shared
}

// Shared is a directory or file of the machine that a container mounts.
type Shared struct {
	Host string // absolute path on the machine
	Here string // absolute path in the container
}

// mountMore is what to do about that.
const mountMore = "mount a directory that has both it and the project, and say with -w where in it the project is"

var errBeyond = errors.New("it is not in what the container of why502 mounts")

// beyond says why a path of the machine cannot be looked at from a container.
func beyond(what string) string { return what + " is not mounted into the container of why502" }

// contained begins the paths of this process's container while the Compose files are read: what a file
// writes as an absolute path is one of the machine, and so is never taken for one of these. To the kernel it
// is the root of the file system (proc(5)).
const contained = "/proc/self/root"

// outer is the path on the machine of one in the container; not ok: no mount brings it.
func (v View) outer(here string) (host string, ok bool) {
	deepest := -1
	for _, m := range v.Mounts {
		if rest, below := cutDir(here, m.Here); below && len(m.Here) > deepest {
			deepest, host, ok = len(m.Here), filepath.Join(m.Host, rest), true
		}
	}
	return host, ok
}

// inner is the path in the container of one on the machine; not ok: no mount brings it.
func (v View) inner(host string) (here string, ok bool) {
	mounts := slices.SortedStableFunc(slices.Values(v.Mounts), func(a, b Shared) int { return cmp.Compare(len(b.Host), len(a.Host)) })
	for _, m := range mounts {
		if rest, below := cutDir(host, m.Host); below {
			here = filepath.Join(m.Here, rest)
			if back, _ := v.outer(here); back == filepath.Clean(host) { // else another mount lies over it
				return here, true
			}
		}
	}
	return "", false
}

// cutDir is what follows a directory in a path of something below it, or of itself.
func cutDir(name, dir string) (rest string, below bool) {
	if rest, below = strings.CutPrefix(name, strings.TrimSuffix(dir, "/")); !below {
		return "", false
	}
	return rest, rest == "" || rest[0] == '/'
}

// here is where a path of the machine lies for this process; not ok: it cannot be seen from here. Links are
// followed as on the machine.
func (v View) here(host string) (string, bool) {
	if !v.Inside {
		return host, true
	}
	for range maxLinks {
		next, found := v.firstLink(host)
		if !found {
			break
		}
		host = next
	}
	return v.inner(host)
}

// firstLink finds the first link on the way to a path of the machine, and gives the path behind it.
func (v View) firstLink(host string) (next string, found bool) {
	parts := strings.Split(strings.Trim(host, "/"), "/")
	for i := range parts {
		dir := "/" + filepath.Join(parts[:i]...)
		here, ok := v.inner(filepath.Join(dir, parts[i]))
		if !ok {
			continue
		}
		if to, err := os.Readlink(here); err == nil {
			if !filepath.IsAbs(to) {
				to = filepath.Join(dir, to)
			}
			return filepath.Join(append([]string{to}, parts[i+1:]...)...), true
		}
	}
	return "", false
}

// anchor says how paths in the container become those of the machine: like that of a directory, the others
// lexically, as Compose makes them.
type anchor struct{ here, host string }

// enter begins to read in a container, where what it mounts has the project, or where that comes by standard
// input alone. Else the project is the container's own, and all is where it is.
func (f *finder) enter(view View, given []string) {
	host, ok := view.outer(f.base)
	if !ok && view.Inside && slices.Equal(given, []string{"-"}) {
		host, ok = f.base, true
	}
	if ok {
		f.view, f.base = view, contained+f.base
		f.anchor = anchor{here: f.base, host: host}
	}
	f.unmounted = view.Inside && !ok
}

// moor takes the project's directory for anchor, as soon as that is known.
func (f *finder) moor() {
	dir := f.projectDirectory()
	if host, ok := f.view.outer(strings.TrimPrefix(dir, contained)); ok {
		f.anchor = anchor{here: dir, host: host}
	}
}

// forCaller is the path of a directory in the container as whoever calls Compose has it: on the machine, or, where others
// work in the container too, in here.
func (f *finder) forCaller(dir string) string {
	if f.view.Inside && !f.view.Alone {
		return cmp.Or(strings.TrimPrefix(dir, contained), "/")
	}
	return f.anchor.outside(dir)
}

// place is where a file lies for this process: an absolute path in the files is one of the machine.
func (f *finder) place(name string) string {
	if here, ok := f.view.here(name); ok && !strings.HasPrefix(name, contained) {
		return here
	}
	return name
}

// isBeyond says whether a file that is not there may be on the machine all the same.
func (f *finder) isBeyond(name string) bool {
	_, ok := f.view.here(f.anchor.outside(name))
	return !ok
}

// outside is the path on the machine of what is written in the project.
func (a anchor) outside(name string) string {
	if _, below := cutDir(name, contained); a.host == "" || !below && (!strings.HasPrefix(name, "/proc/") || exists(name)) {
		return name
	}
	rel, err := filepath.Rel(a.here, name)
	if err != nil {
		return name
	}
	return filepath.Join(a.host, rel)
}

// project makes paths on the machine of those of a project.
func (a anchor) project(p *types.Project) {
	if a.host == "" {
		return
	}
	for _, services := range []types.Services{p.Services, p.DisabledServices} {
		for _, svc := range services {
			for i := range svc.Volumes {
				svc.Volumes[i].Source = a.outside(svc.Volumes[i].Source)
			}
			if b := svc.Build; b != nil {
				b.Context, b.Dockerfile = a.outside(b.Context), a.outside(b.Dockerfile)
				for name, dir := range b.AdditionalContexts {
					b.AdditionalContexts[name] = a.outside(dir)
				}
			}
		}
	}
	for name, c := range p.Configs {
		c.File = a.outside(c.File)
		p.Configs[name] = c
	}
	for name, c := range p.Secrets {
		c.File = a.outside(c.File)
		p.Secrets[name] = c
	}
}

// Here is where a path of the machine lies for this process, links followed; not ok: this process is in a container
// that does not mount it.
func (s *Stack) Here(host string) (here string, ok bool) { return s.view.here(host) }

// Contained says whether this process is in a container of the daemon, whose mounts say where the machine's
// files are.
func (s *Stack) Contained() bool { return s.view.Container != "" }

// Astray notes, where the daemon does not know the container that this process is in, that where the project lies on
// the daemon's machine is a guess.
func (s *Stack) Astray() {
	if here, ok := s.Here(s.Directory); s.view.Inside && !s.Contained() && !(ok && here == s.Directory) {
		s.Unchecked = append(s.Unchecked, proxy.Unchecked{
			What: "where the project lies on the daemon's machine",
			Why:  `the daemon does not say which container why502 is in; mount the project at its own path: -v "$PWD:$PWD:ro" -w "$PWD"`,
		})
	}
}

// stat is os.Stat of a path of the machine.
func (s *Stack) stat(host string) (os.FileInfo, error) {
	here, ok := s.Here(host)
	if !ok {
		return nil, errBeyond
	}
	return os.Stat(here)
}

// readRegular reads a file of the machine under a root; see readRegular.
func (s *Stack) readRegular(root, host string) ([]byte, error) {
	here, ok := s.Here(root)
	if !ok {
		return nil, errBeyond
	}
	rel, err := filepath.Rel(root, host)
	if err != nil {
		return nil, err
	}
	return readRegular(here, filepath.Join(here, rel))
}
