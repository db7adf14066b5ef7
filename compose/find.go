package compose

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/consts"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/compose-spec/compose-go/v2/utils"
)

// What is read of one file, of all together and of an env file is bounded, in bytes. The largest Compose
// files in the wild are some ten times smaller, and compose-go's parser of env files calls itself for each
// line of comment.
const (
	maxFile    = 4 << 20
	maxTotal   = 4 * maxFile
	maxEnvFile = 1 << 20
)

// finder finds the files of a project and its environment, in the order in which docker compose
// does. compose-go's own options do the same, but only from the folder that the process is in,
// with its environment and its standard input.
type finder struct {
	base      string // relative names start here
	directory string // of the project, where it was given
	env       types.Mapping
	files     []string // Compose files: absolute, or "-"
	envFiles  []string // given ones; empty: .env
	noDotenv  bool
	stdin     io.Reader
	contents  map[string][]byte // of what was read: a pipe gives its text only once
	total     int               // bytes of that
	view      View              // of the machine's files; empty where the project is the container's own
	anchor    anchor            // the project's directory, in the container and on the machine
	unmounted bool              // nothing of the machine is where the project is looked for
}

// find finds a project.
func find(opts Options) (*finder, error) {
	f := &finder{env: utils.GetAsEqualsMap(opts.Env), stdin: opts.Stdin, contents: map[string][]byte{}}
	if err := f.begin(opts); err != nil {
		return nil, err
	}
	// Twice: .env beside the caller may say where the project is, and the project has its own.
	if err := f.readEnvFiles(); err != nil {
		return nil, err
	}
	if err := f.chooseFiles(opts.Files); err != nil {
		return nil, err
	}
	f.moor()
	return f, f.readEnvFiles()
}

// begin settles what the process's environment and the flags say by themselves.
func (f *finder) begin(opts Options) (err error) {
	if f.base, err = filepath.Abs(opts.Directory); err != nil {
		return err
	}
	if err := folder(opts.Directory, f.base); err != nil {
		return err
	}
	f.enter(opts.View, opts.Files)
	if opts.Directory != "" || f.env["PWD"] == "" || f.view.Alone {
		f.env["PWD"] = f.forCaller(f.base)
	}
	if opts.ProjectDirectory != "" {
		f.directory = f.abs(opts.ProjectDirectory)
	}
	f.envFiles = opts.EnvFiles
	if len(f.envFiles) == 0 {
		f.envFiles = strings.FieldsFunc(f.env["COMPOSE_ENV_FILES"], func(r rune) bool { return r == ',' })
	}
	if off, ok := f.env[consts.ComposeDisableDefaultEnvFile]; ok {
		if f.noDotenv, err = strconv.ParseBool(off); err != nil {
			return &Error{
				What: fmt.Sprintf("%s is %q", consts.ComposeDisableDefaultEnvFile, off),
				Fix:  "set it to true or false", Err: err,
			}
		}
	}
	return nil
}

// folder checks that the argument of the command line is one.
func folder(given, abs string) error {
	info, err := os.Stat(abs)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &Error{What: fmt.Sprintf("no directory %q", given), Fix: "name the directory of the Compose project", Err: err}
	case err != nil:
		return &Error{What: fmt.Sprintf("cannot look into %q: %v", given, cause(err)), Err: err}
	case !info.IsDir():
		return &Error{What: fmt.Sprintf("%q is not a directory", given), Fix: "name a Compose file with -f: -f " + given}
	}
	return nil
}

// abs is the absolute path of a file that the user names. In a container that may be one of its own, or one of the
// machine.
func (f *finder) abs(name string) string {
	if !filepath.IsAbs(name) {
		return filepath.Join(f.base, name)
	}
	name = filepath.Clean(name)
	if !f.view.Inside || strings.HasPrefix(name, contained) {
		return name
	}
	if here, ok := f.view.here(name); ok && !exists(name) {
		name = here
	}
	return contained + name
}

func exists(name string) bool {
	_, err := os.Lstat(name)
	return err == nil
}

// projectDirectory is the one given, else that of the first Compose file.
func (f *finder) projectDirectory() string {
	if f.directory != "" {
		return f.directory
	}
	for _, file := range f.files {
		if file != "-" {
			return filepath.Dir(file)
		}
	}
	return f.base
}

// chooseFiles takes the files given, else those of COMPOSE_FILE, else the nearest default one.
func (f *finder) chooseFiles(given []string) error {
	for _, name := range given {
		f.addFile(name)
	}
	if list, ok := f.env[consts.ComposeFilePath]; ok && len(f.files) == 0 {
		separator := f.env[consts.ComposePathSeparator]
		if separator == "" {
			separator = string(os.PathListSeparator)
		}
		for _, name := range strings.Split(list, separator) {
			if name == "" {
				return &Error{
					What: fmt.Sprintf("an entry of COMPOSE_FILE is empty: %q", list),
					Fix:  fmt.Sprintf("unset COMPOSE_FILE, or name files separated by %q", separator),
				}
			}
			f.addFile(name)
		}
	}
	if len(f.files) > 0 {
		return nil
	}
	return f.searchUpward()
}

func (f *finder) addFile(name string) {
	if name != "-" {
		name = f.abs(name)
	}
	f.files = append(f.files, name)
}

// searchUpward takes the default file of the nearest folder that has one, and its override file.
func (f *finder) searchUpward() error {
	start := f.projectDirectory()
	for dir := start; ; dir = filepath.Dir(dir) {
		if file := firstOf(dir, cli.DefaultFileNames); file != "" {
			f.files = []string{file}
			if override := firstOf(dir, cli.DefaultOverrideFileNames); override != "" {
				f.files = append(f.files, override)
			}
			return nil
		}
		if dir != filepath.Dir(dir) {
			continue
		}
		fix := "name the project's directory, or its file with -f FILE"
		if f.unmounted {
			fix = `mount the project into the container: -v "$PWD:/work:ro"`
		}
		return &Error{
			What: fmt.Sprintf("no Compose file in %s or a directory above it (%s)", strings.TrimPrefix(start, contained), strings.Join(cli.DefaultFileNames, ", ")),
			Fix:  fix,
		}
	}
}

func firstOf(dir string, names []string) string {
	for _, name := range names {
		file := filepath.Join(dir, name)
		if _, err := os.Stat(file); err == nil {
			return file
		}
	}
	return ""
}

// readEnvFiles adds the variables of the files given, else of .env in the project directory, to
// those that are set already.
func (f *finder) readEnvFiles() error {
	files := f.envFiles
	if len(files) == 0 && !f.noDotenv {
		file := filepath.Join(f.projectDirectory(), ".env")
		if info, err := os.Stat(file); err == nil && info.Mode().IsRegular() {
			files = []string{file}
		}
	}
	for _, name := range files {
		if _, err := f.read(f.abs(name)); err != nil {
			return &Error{What: fmt.Sprintf("cannot read env file %q: %v", name, cause(err)), Fix: "check --env-file and COMPOSE_ENV_FILES", Err: err}
		}
	}
	read, err := f.parseEnv(files, f.env, f.projectDirectory())
	if err != nil {
		return err
	}
	f.env.Merge(read)
	return nil
}

// parseEnv gives the variables of env files. A later one wins and sees those of the earlier ones, but
// what is set already is seen first.
func (f *finder) parseEnv(files []string, set types.Mapping, dir string) (map[string]string, error) {
	read := map[string]string{}
	for _, name := range files {
		text, err := f.read(f.abs(name))
		if err != nil {
			return nil, err
		}
		if err := parseDotenv(text, read, set.Resolve); err != nil {
			return nil, envFileError(relative(dir, f.abs(name)), err)
		}
	}
	return read, nil
}

// read reads a file, or standard input, once. What is neither a regular file nor a pipe is not opened,
// and of a pipe that nobody writes to there is nothing.
func (f *finder) read(name string) ([]byte, error) {
	if text, ok := f.contents[name]; ok {
		return text, nil
	}
	source := f.stdin
	if name != "-" {
		file, err := open(f.place(name))
		if errors.Is(err, fs.ErrNotExist) && f.isBeyond(name) {
			err = errBeyond
		}
		if err != nil {
			return nil, err
		}
		defer file.Close()
		source = file
	}
	if source == nil {
		return nil, errors.New("there is no standard input")
	}
	text, err := io.ReadAll(io.LimitReader(source, maxFile+1))
	if err == nil && len(text) > maxFile {
		err = fmt.Errorf("it is larger than %d MB", maxFile>>20)
	}
	if f.total += len(text); err == nil && f.total > maxTotal {
		err = fmt.Errorf("the files of the project are together larger than %d MB", maxTotal>>20)
	}
	if err != nil {
		return nil, err
	}
	f.contents[name] = text
	return text, nil
}

var errIrregular = errors.New("it is not a regular file")

// open opens a file without waiting for anybody.
func open(name string) (*os.File, error) {
	info, err := os.Stat(name)
	switch {
	case err != nil:
		return nil, err
	case info.IsDir():
		return nil, errDirectory
	case !info.Mode().IsRegular() && info.Mode().Type() != fs.ModeNamedPipe:
		return nil, errIrregular
	}
	return os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
}

// regular is read for a file that others name: there a pipe is a slip, or a trap.
func (f *finder) regular(name string) ([]byte, error) {
	if info, err := os.Stat(f.place(name)); err == nil && info.Mode().Type() == fs.ModeNamedPipe {
		return nil, errIrregular
	}
	return f.read(name)
}

// readCompose reads a Compose file, which errors name as it is seen from a directory.
func (f *finder) readCompose(name, dir string) ([]byte, *Error) {
	if name == "-" {
		text, err := f.read(name)
		if err != nil {
			return nil, &Error{What: fmt.Sprintf("cannot read standard input: %v", cause(err)), Err: err}
		}
		return text, nil
	}
	text, err := f.regular(name)
	shown := relative(dir, name)
	switch {
	case err == nil:
		return text, nil
	case errors.Is(err, errBeyond):
		return nil, &Error{What: fmt.Sprintf("cannot read %q: %v", shown, err), Fix: mountMore, Err: err}
	case errors.Is(err, fs.ErrNotExist):
		return nil, &Error{What: fmt.Sprintf("no file %q", shown), Fix: "check -f and COMPOSE_FILE", Err: err}
	case errors.Is(err, errDirectory):
		return nil, &Error{What: fmt.Sprintf("%q is a directory, not a Compose file", shown), Fix: "name the file in it, or give the directory without -f", Err: err}
	case errors.Is(err, errIrregular):
		return nil, &Error{What: fmt.Sprintf("%q is not a regular file", shown), Fix: "give its text on standard input: -f -", Err: err}
	}
	return nil, &Error{What: fmt.Sprintf("cannot read %q: %v", shown, cause(err)), Fix: "check the file's permissions and size", Err: err}
}

// cause leaves out what an error of the file system says besides: the operation and the path.
func cause(err error) error {
	var of *fs.PathError
	if errors.As(err, &of) {
		return of.Err
	}
	return err
}

// relative is how places name a file.
func relative(dir, file string) string {
	if file == "-" {
		return file
	}
	rel, err := filepath.Rel(dir, file)
	if err != nil {
		return filepath.ToSlash(file)
	}
	return filepath.ToSlash(rel)
}
