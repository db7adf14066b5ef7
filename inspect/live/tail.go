package live

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"

	"why502/inspect"
)

const (
	maxTail    = 1 << 20 // how much of the end of a log file is read
	maxArchive = 8 << 20 // how large a file may be of which the daemon has to send all
)

// tail reads the last lines of a file that a container logs to: where a bind mount puts it on this machine,
// else from an archive, which begins with the file's beginning. Without such a file the lines are nil; one
// that leads to the container's output has none of its own.
func (d *daemon) tail(ctx context.Context, q inspect.Question) ([]inspect.LogLine, error) {
	ctx, cancel := context.WithTimeout(ctx, archiveWait)
	defer cancel()
	seen, err := d.client.ContainerInspect(ctx, q.Of)
	if err != nil {
		return nil, err
	}
	if seen.ContainerJSONBase == nil || seen.HostConfig == nil {
		return nil, errors.New("the answer lacks parts of the container")
	}
	var raw []byte
	if source, rest, ok := d.sourceHere(seen, q.Path); ok {
		raw, err = readEnd(source, rest)
	} else if err = d.readable(seen, q.Path); err == nil {
		raw, err = d.archivedEnd(ctx, q)
	}
	if errors.Is(err, fs.ErrNotExist) || errdefs.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	all := []inspect.LogLine{}
	for _, line := range lines(raw) {
		all = append(all, inspect.LogLine{Text: line})
	}
	return all, nil
}

// archivedEnd reads the end of a file from an archive of it.
func (d *daemon) archivedEnd(ctx context.Context, q inspect.Question) ([]byte, error) {
	stat, err := d.client.ContainerStatPath(ctx, q.Of, q.Path)
	switch {
	case err != nil:
		return nil, err
	case isOutput(stat.LinkTarget):
		return nil, nil
	case !stat.Mode.IsRegular():
		return nil, fmt.Errorf("%s is no regular file", q.Path)
	case stat.Size > maxArchive:
		return nil, fmt.Errorf("%s has %d MB, of which the daemon would have to send all", q.Path, stat.Size>>20)
	}
	body, _, err := d.client.CopyFromContainer(ctx, q.Of, q.Path)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	entries := tar.NewReader(io.LimitReader(body, 2*maxArchive))
	header, err := entries.Next()
	if err != nil {
		return nil, fmt.Errorf("the archive of %s cannot be read: %w", q.Path, err)
	}
	if header.Typeflag != tar.TypeReg {
		return nil, fmt.Errorf("the archive of %s has no file", q.Path)
	}
	raw, err := io.ReadAll(io.LimitReader(entries, maxArchive)) // of a sparse file that is more than was sent
	return raw[max(0, len(raw)-maxTail):], err
}

// isOutput says whether a link leads to the output of a container's process.
func isOutput(target string) bool {
	return strings.HasPrefix(target, "/dev/std") || strings.HasPrefix(target, "/proc/") || strings.HasPrefix(target, "/dev/fd/")
}

// sourceOf is the source of the innermost mount that a path of a container lies on, where that is a
// bind mount, and what follows it.
func sourceOf(mounts []container.MountPoint, path string) (source, rest string, ok bool) {
	longest := -1
	for _, m := range mounts {
		below, is := strings.CutPrefix(path, strings.TrimSuffix(m.Destination, "/"))
		if is && (below == "" || below[0] == '/') && len(m.Destination) > longest {
			longest = len(m.Destination)
			source, rest, ok = m.Source, strings.Trim(below, "/"), m.Type == "bind"
		}
	}
	return source, rest, ok
}

// readEnd reads the end of a regular file: a container may have put something else there, a pipe
// that never ends or a link out of its mount.
func readEnd(source, rest string) ([]byte, error) {
	if rest == "" {
		source, rest = filepath.Dir(source), filepath.Base(source)
	}
	root, err := os.OpenRoot(source)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	if to, err := root.Readlink(filepath.FromSlash(rest)); err == nil && isOutput(to) {
		return nil, nil
	}
	file, err := root.OpenFile(filepath.FromSlash(rest), os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no regular file", filepath.Join(source, rest))
	}
	if _, err := file.Seek(max(0, info.Size()-maxTail), io.SeekStart); err != nil {
		return nil, err
	}
	return io.ReadAll(io.LimitReader(file, maxTail))
}
