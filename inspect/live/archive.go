package live

import (
	"archive/tar"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"
	"unicode/utf8"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"

	"why502/inspect"
)

// Bounds of what is read of a container's files: nginx's own directory has some 40 kB. maxAnswer bounds
// an archive as a whole.
const (
	maxText     = 1 << 20         // bytes of one file
	maxTexts    = 8 << 20         // of all texts of a tree
	maxEntries  = 5000            // of a tree
	archiveWait = 5 * time.Second // the container is locked that long at most
)

// readFiles answers the questions for files, after all others and one by one: a container is locked
// while an archive of it is read.
func (d *daemon) readFiles(ctx context.Context, answers []answer) {
	for i := range answers {
		switch a := &answers[i]; a.Kind {
		case inspect.AskFile:
			f, err := d.file(ctx, a.Question)
			a.row, a.err = func(s *inspect.Snapshot) { s.Files[a.Question] = f }, err
		case inspect.AskTail:
			lines, err := d.tail(ctx, a.Question)
			a.row, a.err = func(s *inspect.Snapshot) { s.Tails[a.Question] = lines }, err
		}
	}
}

// file answers what a container has at a path. The archive API, which shows that also of a container
// that does not run, is not free of side effects: see readable.
func (d *daemon) file(ctx context.Context, q inspect.Question) (*inspect.File, error) {
	ctx, cancel := context.WithTimeout(ctx, archiveWait)
	defer cancel()
	seen, err := d.client.ContainerInspect(ctx, q.Of)
	if err != nil {
		return nil, err
	}
	if seen.ContainerJSONBase == nil || seen.HostConfig == nil || !path.IsAbs(q.Path) {
		return nil, errors.New("the answer lacks parts of the container")
	}
	at := path.Clean(q.Path)
	if source, rest, bound := d.sourceHere(seen, at); bound && !strings.HasSuffix(q.Path, "/") {
		f, err := onHost(source, rest, q)
		if err == nil || errors.Is(err, fs.ErrNotExist) {
			return f, nil
		}
	}
	if err := d.readable(seen, at); err != nil {
		return nil, err
	}
	f, err := d.archived(ctx, q, at)
	if errdefs.IsNotFound(err) {
		return nil, nil
	}
	return f, err
}

// readable says why no archive may be asked for. The daemon mounts everything afresh for one: what is
// missing at a bind mount's source is made then, as a directory, or nothing of the container is found.
// What a tmpfs holds is not shown.
func (d *daemon) readable(seen container.InspectResponse, at string) error {
	for _, source := range bindSources(seen) {
		here, visible := d.here(source)
		if !visible || !d.sharesPaths(seen) {
			return fmt.Errorf("%s mounts %s, and whether that is still there cannot be seen from here; asking for files would make it", strings.TrimPrefix(seen.Name, "/"), source)
		}
		if _, err := os.Stat(here); err != nil {
			return fmt.Errorf("%s mounts %s, which is not there; asking for files would make it", strings.TrimPrefix(seen.Name, "/"), source)
		}
	}
	for _, target := range memory(seen) {
		if at == target || strings.HasPrefix(at, strings.TrimSuffix(target, "/")+"/") {
			return fmt.Errorf("%s is in memory (tmpfs), which the daemon does not show", at)
		}
	}
	return nil
}

// bindSources are the host paths that a container mounts, by what it mounts and by what it was told to.
func bindSources(seen container.InspectResponse) (all []string) {
	for _, m := range seen.Mounts {
		if m.Type == mount.TypeBind {
			all = append(all, m.Source)
		}
	}
	for _, bind := range seen.HostConfig.Binds {
		if source, _, _ := strings.Cut(bind, ":"); strings.HasPrefix(source, "/") {
			all = append(all, source)
		}
	}
	for _, m := range seen.HostConfig.Mounts {
		if m.Type == mount.TypeBind {
			all = append(all, m.Source)
		}
	}
	return all
}

// memory are the container paths that a tmpfs is mounted at.
func memory(seen container.InspectResponse) (all []string) {
	for target := range seen.HostConfig.Tmpfs {
		all = append(all, path.Clean(target))
	}
	for _, m := range seen.Mounts {
		if m.Type == mount.TypeTmpfs {
			all = append(all, m.Destination)
		}
	}
	for _, m := range seen.HostConfig.Mounts {
		if m.Type == mount.TypeTmpfs {
			all = append(all, path.Clean(m.Target))
		}
	}
	return all
}

// sourceHere is where a bind mount has a path of a container from, and what follows it there; not ok: from nowhere
// that can be seen from here.
func (d *daemon) sourceHere(seen container.InspectResponse, path string) (source, rest string, ok bool) {
	source, rest, bound := sourceOf(seen.Mounts, path)
	if !bound || !d.sharesPaths(seen) {
		return "", "", false
	}
	source, ok = d.here(source)
	return source, rest, ok
}

// sharesPaths says whether the daemon's paths are paths of this machine.
func (d *daemon) sharesPaths(seen container.InspectResponse) bool {
	d.notice(seen)
	return d.local.Load()
}

// archived asks for a file's state, for what is in it, or for all that is below it.
func (d *daemon) archived(ctx context.Context, q inspect.Question, at string) (*inspect.File, error) {
	whole := strings.HasSuffix(q.Path, "/")
	if !whole && !q.Text {
		stat, err := d.client.ContainerStatPath(ctx, q.Of, at)
		if err != nil {
			return nil, err
		}
		f := state(stat.Mode, stat.Size, stat.Mtime)
		if f.Link = clean(stat.LinkTarget); f.Link != "" {
			f.Link = path.Clean(f.Link)
		}
		return f, nil
	}
	body, _, err := d.client.CopyFromContainer(ctx, q.Of, at)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	return untar(body, at), nil
}

// state is what the mode of a file says, which the API gives as Go has it.
func state(mode fs.FileMode, size int64, modified time.Time) *inspect.File {
	return &inspect.File{Dir: mode.IsDir(), Socket: mode&fs.ModeSocket != 0, Size: size, Mode: uint32(mode.Perm()), Modified: modified}
}

// untar reads an archive of what is at a path. Its names begin with the last part of that path. Where it
// is cut off, what was read is all there is.
func untar(body io.Reader, at string) *inspect.File {
	root := &inspect.File{Tree: map[string]*inspect.File{}}
	entries, texts := tar.NewReader(body), 0
	for {
		header, err := entries.Next()
		if err == nil && len(root.Tree) >= maxEntries {
			err = fmt.Errorf("there are more than %d files", maxEntries)
		}
		if err != nil {
			if err != io.EOF {
				root.Unread = oneLine(err.Error())
			}
			break
		}
		name := path.Join(path.Dir(at), path.Clean("/"+header.Name))
		f := state(header.FileInfo().Mode(), header.Size, header.ModTime)
		switch header.Typeflag {
		case tar.TypeSymlink:
			if f.Link = clean(header.Linkname); !path.IsAbs(f.Link) {
				f.Link = path.Join(path.Dir(name), f.Link)
			}
			f.Link = path.Clean(f.Link)
		case tar.TypeReg:
			f.Text, f.Unread = textOf(entries, name, header.Size, maxTexts-texts)
			texts += len(f.Text)
		}
		if name == at {
			f.Tree, f.Unread = root.Tree, cmp.Or(f.Unread, root.Unread)
			root = f
			continue
		}
		root.Tree[clean(name)] = f
	}
	if len(root.Tree) == 0 && !root.Dir {
		root.Tree = nil
	}
	return root
}

// keys are files that hold what nobody else has to know.
var keys = regexp.MustCompile(`(?i)(\.(key|pem|p12|pfx|jks)|htpasswd)$`)

// textOf reads a file that may be configuration; why there is none of it, if it is not.
func textOf(from io.Reader, name string, size int64, left int) (text, unread string) {
	if keys.MatchString(name) {
		return "", "it may be a key"
	}
	if size > maxText || size > int64(left) {
		return "", "it is too large for a configuration"
	}
	raw, err := io.ReadAll(io.LimitReader(from, maxText))
	switch {
	case err != nil:
		return "", oneLine(err.Error())
	case bytes.IndexByte(raw, 0) >= 0 || !utf8.Valid(raw):
		return "", "it is no text"
	case bytes.Contains(raw, []byte("PRIVATE KEY-----")):
		return "", "it is a key"
	}
	return string(raw), ""
}

// onHost reads what a container has under a bind mount from where that comes from.
func onHost(source, rest string, q inspect.Question) (*inspect.File, error) {
	if rest == "" {
		real, err := filepath.EvalSymlinks(source) // as Docker does
		if err != nil {
			return nil, err
		}
		source, rest = filepath.Dir(real), filepath.Base(real)
	}
	root, err := os.OpenRoot(source)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	info, err := root.Lstat(filepath.FromSlash(rest))
	if err != nil {
		return nil, err
	}
	f := state(info.Mode(), info.Size(), info.ModTime())
	switch {
	case info.Mode().Type() == fs.ModeSymlink:
		if f.Link, err = root.Readlink(filepath.FromSlash(rest)); err == nil && !path.IsAbs(f.Link) {
			f.Link = path.Join(path.Dir(path.Clean(q.Path)), filepath.ToSlash(f.Link))
		}
		f.Link = clean(f.Link)
		return f, err
	case !q.Text || !info.Mode().IsRegular():
		return f, nil
	}
	file, err := root.OpenFile(filepath.FromSlash(rest), os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	f.Text, f.Unread = textOf(file, q.Path, info.Size(), maxText)
	return f, nil
}
