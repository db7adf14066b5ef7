package compose

import (
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
	"time"

	"why502/compose/nginx"
)

// layer is what one source brings into the file system of a container, at one of its paths: a mount,
// what a Dockerfile copies, the files of an image.
type layer struct {
	at    string // container path of its root
	hides bool   // what lies below is not seen: a mount, and what was removed; else files lie between each other
	mount *Mount // nil: it is of the image
	tree  tree
}

// tree is the files that a layer brings. Its paths are relative to the layer's root, which is "".
type tree interface {
	// open reads a file. The error is fs.ErrNotExist, errDirectory, or an *nginx.UnknownError.
	open(rel string) (*nginx.File, error)
	// list gives the names in a directory; the error is fs.ErrNotExist, errFile, or an *nginx.UnknownError.
	list(rel string) ([]string, error)
	// link is what a symbolic link leads to; empty: it is none.
	link(rel string) string
}

// covers says whether a container path is the layer's root or below it, and gives the path there.
func (l *layer) covers(p string) (rel string, ok bool) {
	if p == l.at {
		return "", true
	}
	return strings.CutPrefix(p, strings.TrimSuffix(l.at, "/")+"/")
}

// hostTree is a file or directory of the host.
type hostTree struct {
	root string                // on the host
	here string                // where that lies for this process
	name func(string) string   // what places call a host path
	skip func(rel string) bool // what a .dockerignore leaves out; nil: nothing
}

func (t hostTree) host(rel string) string { return filepath.Join(t.root, filepath.FromSlash(rel)) }

func (t hostTree) at(rel string) string { return filepath.Join(t.here, filepath.FromSlash(rel)) }

func (t hostTree) skips(rel string) bool { return t.skip != nil && t.skip(rel) }

func (t hostTree) open(rel string) (*nginx.File, error) {
	if t.skips(rel) {
		return nil, fs.ErrNotExist
	}
	text, err := readRegular(t.here, t.at(rel))
	switch {
	case err == nil:
		return &nginx.File{Name: t.name(t.host(rel)), Text: text, Source: t.host(rel), Changed: changed(t.at(rel))}, nil
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, errDirectory):
		return nil, err
	}
	return nil, &nginx.UnknownError{Why: withoutPath(err).Error()}
}

// changed is when a file was last written; zero: not known.
func changed(name string) time.Time {
	info, err := os.Stat(name)
	if err != nil {
		return time.Time{}
	}
	return info.ModTime()
}

func (t hostTree) list(rel string) (names []string, err error) {
	entries, err := os.ReadDir(t.at(rel))
	for _, e := range entries {
		if !t.skips(path.Join(rel, e.Name())) {
			names = append(names, e.Name())
		}
	}
	if err == nil {
		return names, nil
	}
	if info, err := os.Stat(t.at(rel)); err == nil && !info.IsDir() {
		return nil, errFile
	}
	if errors.Is(err, fs.ErrPermission) {
		return nil, &nginx.UnknownError{Why: withoutPath(err).Error()}
	}
	return nil, fs.ErrNotExist
}

// link leaves out the root itself: Docker resolves the source of a mount.
func (t hostTree) link(rel string) string {
	if rel == "" {
		return ""
	}
	to, _ := os.Readlink(t.at(rel))
	return to
}

// stock are the files of well-known images, by layout, as far as they decide routes.
//
//go:embed stock
var stock embed.FS

// stockEmpty are files of the images whose content decides no route: they are there, and empty.
var stockEmpty = []string{"mime.types", "fastcgi.conf", "fastcgi_params", "scgi_params", "uwsgi_params"}

// stockTree is the whole file system of a well-known image.
type stockTree struct {
	layout string // folder below stock
	config string // container path of the directory that has mime.types and the like
	lacks  string // one of those that the image does not have; empty: none
}

func (t stockTree) open(rel string) (*nginx.File, error) {
	if name := path.Base(rel); path.Dir("/"+rel) == t.config && name != t.lacks && slices.Contains(stockEmpty, name) {
		return &nginx.File{}, nil
	}
	text, err := stock.ReadFile(path.Join("stock", t.layout, rel))
	if err != nil {
		return nil, fs.ErrNotExist
	}
	return &nginx.File{Text: text}, nil
}

func (t stockTree) list(rel string) (names []string, err error) {
	entries, err := stock.ReadDir(path.Join("stock", t.layout, rel))
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if "/"+rel == t.config {
		names = append(names, slices.DeleteFunc(slices.Clone(stockEmpty), func(name string) bool { return name == t.lacks })...)
	}
	if err != nil {
		return nil, fs.ErrNotExist
	}
	return names, nil
}

func (t stockTree) link(string) string { return "" }

// textTree is one file whose text is known without any file of the host.
type textTree struct{ file nginx.File }

func (t textTree) open(rel string) (*nginx.File, error) {
	if rel != "" {
		return nil, fs.ErrNotExist
	}
	return &t.file, nil
}

func (t textTree) list(string) ([]string, error) { return nil, errFile }
func (t textTree) link(string) string            { return "" }

// unknownTree stands for files that are not among the project's, and says why.
type unknownTree string

func (t unknownTree) open(string) (*nginx.File, error) {
	return nil, &nginx.UnknownError{Why: string(t)}
}
func (t unknownTree) list(string) ([]string, error) { return nil, &nginx.UnknownError{Why: string(t)} }
func (t unknownTree) link(string) string            { return "" }

// noTree stands for what was removed.
type noTree struct{}

func (noTree) open(string) (*nginx.File, error) { return nil, fs.ErrNotExist }
func (noTree) list(string) ([]string, error)    { return nil, fs.ErrNotExist }
func (noTree) link(string) string               { return "" }

// stageTree is a path in the file system of another stage of a Dockerfile.
type stageTree struct {
	stage *container
	root  string
}

func (t stageTree) open(rel string) (*nginx.File, error) { return t.stage.open(path.Join(t.root, rel)) }
func (t stageTree) link(string) string                   { return "" }

func (t stageTree) list(rel string) ([]string, error) {
	names, unknown := t.stage.list(path.Join(t.root, rel))
	switch {
	case unknown != "":
		return names, &nginx.UnknownError{Why: unknown}
	case len(names) == 0:
		return nil, fs.ErrNotExist
	}
	return names, nil
}

// maxConfigFile is the most that is read of one configuration file, in bytes.
const maxConfigFile = 8 << 20

// withoutPath is an error of a file without the file's path on this machine.
func withoutPath(err error) error {
	if of, ok := errors.AsType[*fs.PathError](err); ok {
		return of.Err
	}
	return err
}

var (
	errDirectory = nginx.ErrDirectory
	errFile      = errors.New("it is a file") // where a directory is looked for
)

// readRegular reads a file under a root. Nothing else than a regular file is opened (a FIFO would
// block), nothing outside the root is read, and no more than maxConfigFile.
func readRegular(root, host string) ([]byte, error) {
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
	f, err := openUnder(root, host)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxConfigFile))
}

// openUnder opens a file below a root without following links out of it, as nginx in the container
// could not follow them either. The root itself is followed, as Docker does.
func openUnder(root, host string) (*os.File, error) {
	rel, err := filepath.Rel(root, host)
	if err != nil || rel == "." {
		return os.Open(host)
	}
	within, err := os.OpenRoot(root)
	if err != nil {
		return nil, err
	}
	defer within.Close()
	return within.Open(rel)
}
