package live

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/docker/docker/api/types/container"

	"why502/inspect"
)

// maxTail is how much of the end of a log file is read.
const maxTail = 1 << 20

// tail reads the last lines of a file that a container logs to, where a bind mount puts it on this
// machine. Without such a file the lines are nil.
func (d *daemon) tail(ctx context.Context, q inspect.Question) ([]inspect.LogLine, error) {
	seen, err := d.client.ContainerInspect(ctx, q.Of)
	if err != nil {
		return nil, err
	}
	source, rest, ok := sourceOf(seen.Mounts, q.Path)
	if !ok || !d.here() {
		return nil, fmt.Errorf("%s is no file of this machine", q.Path)
	}
	raw, err := readEnd(source, rest)
	if errors.Is(err, fs.ErrNotExist) {
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

// here says whether the daemon's paths may be paths of this machine.
func (d *daemon) here() bool { return strings.HasPrefix(d.where.host, "unix://") }

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
