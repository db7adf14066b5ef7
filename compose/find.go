package compose

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/consts"
	"github.com/compose-spec/compose-go/v2/dotenv"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/compose-spec/compose-go/v2/utils"
)

// maxFile bounds what is read of one file, in bytes. The largest Compose files in the wild are
// some hundred times smaller.
const maxFile = 16 << 20

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
	if opts.Directory != "" || f.env["PWD"] == "" {
		f.env["PWD"] = f.base
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

func (f *finder) abs(name string) string {
	if filepath.IsAbs(name) {
		return filepath.Clean(name)
	}
	return filepath.Join(f.base, name)
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
		if dir == filepath.Dir(dir) {
			return &Error{
				What: fmt.Sprintf("no Compose file in %s or a directory above it (%s)", start, strings.Join(cli.DefaultFileNames, ", ")),
				Fix:  "name the project's directory, or its file with -f FILE",
			}
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
	read := map[string]string{}
	lookup := func(name string) (string, bool) {
		if value, ok := f.env[name]; ok {
			return value, true
		}
		value, ok := read[name]
		return value, ok
	}
	for _, name := range files {
		text, err := f.read(f.abs(name))
		if err != nil {
			return &Error{What: fmt.Sprintf("cannot read env file %q: %v", name, cause(err)), Fix: "check --env-file and COMPOSE_ENV_FILES", Err: err}
		}
		if err := dotenv.ParseWithFormat(bytes.NewReader(text), name, read, lookup, ""); err != nil {
			return envFileError(relative(f.projectDirectory(), f.abs(name)), err)
		}
	}
	f.env.Merge(read)
	return nil
}

// read reads a file, or standard input, once.
func (f *finder) read(name string) ([]byte, error) {
	if text, ok := f.contents[name]; ok {
		return text, nil
	}
	var source io.Reader = f.stdin
	if name != "-" {
		file, err := os.Open(name)
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
	if err != nil {
		return nil, err
	}
	f.contents[name] = text
	return text, nil
}

// readCompose reads a Compose file. What is no regular file is not opened: a pipe might never end.
func (f *finder) readCompose(name string) ([]byte, error) {
	if name == "-" {
		text, err := f.read(name)
		if err != nil {
			return nil, &Error{What: fmt.Sprintf("cannot read standard input: %v", cause(err)), Err: err}
		}
		return text, nil
	}
	shown := relative(f.base, name)
	info, err := os.Stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, &Error{What: fmt.Sprintf("no file %q", shown), Fix: "check -f and COMPOSE_FILE", Err: err}
	case err != nil:
	case info.IsDir():
		return nil, &Error{What: fmt.Sprintf("%q is a directory, not a Compose file", shown), Fix: "name the file in it, or give the directory without -f"}
	case !info.Mode().IsRegular():
		return nil, &Error{What: fmt.Sprintf("%q is not a regular file", shown), Fix: "give its text on standard input: -f -"}
	}
	text, err := f.read(name)
	if err != nil {
		return nil, &Error{What: fmt.Sprintf("cannot read %q: %v", shown, cause(err)), Fix: "check the file's permissions and size", Err: err}
	}
	return text, nil
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
