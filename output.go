package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"why502/inspect"
	"why502/report"
)

// output is one rendering of the report.
type output struct {
	format report.Format
	file   string // empty: standard output
}

// parseOutputs reads the values of --format and --output.
func parseOutputs(specs []string, file string) ([]output, error) {
	if len(specs) == 0 {
		specs = []string{report.Formats()[0].Name}
	}
	if file != "" && (len(specs) > 1 || strings.Contains(specs[0], "=")) {
		return nil, wrong("give each format its own file: --format json=report.json", "--output is for one format without a file")
	}
	var outputs []output
	for _, spec := range specs {
		out, err := parseOutput(spec)
		if err != nil {
			return nil, err
		}
		if file != "" {
			out.file = file
		}
		if out.file == "-" { // as in most programs
			out.file = ""
		}
		if other := sameTarget(outputs, out); other != "" {
			return nil, wrong("give each format its own file: --format json=report.json", "%s and %s both go to %s", other, out.format.Name, out)
		}
		outputs = append(outputs, out)
	}
	return outputs, nil
}

// sameTarget is the format of the output that goes where out goes.
func sameTarget(outputs []output, out output) string {
	for _, o := range outputs {
		if o.file == out.file || o.file != "" && out.file != "" && filepath.Clean(o.file) == filepath.Clean(out.file) {
			return o.format.Name
		}
	}
	return ""
}

// String says where the output goes.
func (o output) String() string {
	if o.file == "" {
		return "standard output"
	}
	return strconv.Quote(o.file)
}

// parseOutput reads FORMAT[=FILE].
func parseOutput(spec string) (output, error) {
	name, file, given := strings.Cut(spec, "=")
	if given && file == "" {
		return output{}, wrong("--format "+name+" writes to standard output", "--format %s= names no file", name)
	}
	for _, f := range report.Formats() {
		if f.Name == name {
			return output{f, file}, nil
		}
	}
	return output{}, wrong(suggest(name, formatNames(), "--format "), "unknown format %q; there are %s", name, strings.Join(formatNames(), ", "))
}

func formatNames() []string {
	var names []string
	for _, f := range report.Formats() {
		names = append(names, f.Name)
	}
	return names
}

// write writes the report to all outputs, and the record, if there is one, to its file. It renders and
// stages all of them before it touches the first, so that where one fails the old files are still there
// and standard output is empty.
func (p *program) write(r *inspect.Report, ask *request, record []byte) error {
	var files []staged
	var stdout []byte
	defer func() {
		for _, f := range files {
			f.discard()
		}
	}()
	for _, o := range ask.outputs {
		text, err := p.render(r, o, ask)
		if err != nil {
			return err
		}
		if o.file == "" {
			stdout = text
			continue
		}
		f, err := stage(o.file, text, 0)
		if err != nil {
			return cannotWrite(o.file, err)
		}
		files = append(files, f)
	}
	if record != nil {
		f, err := stage(ask.record, record, 0o600)
		if err != nil {
			return cannotWrite(ask.record, err)
		}
		files = append(files, f)
	}
	for _, f := range files {
		if err := f.commit(); err != nil {
			return cannotWrite(f.name, err)
		}
	}
	return p.flush(stdout)
}

// render prints the report in memory.
func (p *program) render(r *inspect.Report, o output, ask *request) ([]byte, error) {
	var b bytes.Buffer
	err := o.format.Write(&b, r, p.styleOf(r, o, ask))
	return b.Bytes(), err
}

// styleOf is how a report looks in an output.
func (p *program) styleOf(r *inspect.Report, o output, ask *request) report.Options {
	opts := ask.style
	opts.Color = ask.color == "always" || ask.color == "auto" && o.file == "" && p.wantsColor()
	here := ask.replay == "" // else its files are elsewhere
	if opts.Color && o.file == "" && here && isTerminal(p.stdout) && p.takesLinks() {
		opts.Link = p.linker(r.Project.Directory)
	}
	return opts
}

// wantsColor decides --color auto: the variables that users set for all programs, then whether a
// person is watching.
func (p *program) wantsColor() bool {
	switch {
	case p.variable("NO_COLOR") != "":
		return false
	case p.variable("FORCE_COLOR") != "" && p.variable("FORCE_COLOR") != "0":
		return true
	case p.variable("TERM") == "dumb":
		return false
	}
	return isTerminal(p.stdout)
}

// variable is the value of an environment variable.
func (p *program) variable(name string) string {
	for _, entry := range p.env {
		if value, ok := strings.CutPrefix(entry, name+"="); ok {
			return value
		}
	}
	return ""
}

// isTerminal says whether a person is at the other end of a stream.
func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&fs.ModeCharDevice != 0
}

func cannotWrite(name string, err error) error {
	if of, ok := errors.AsType[*fs.PathError](err); ok {
		err = of.Err // without the name of the temporary file
	}
	return fmt.Errorf("cannot write %q: %w", name, err)
}

// staged is a file that is written but not yet at its place.
type staged struct {
	name string // where it goes
	temp string // where it is; empty: name is a device or a pipe, and is written to directly
	text []byte
}

// stage writes text beside the file that it will replace. Links are followed, so that they stay. A mode of
// 0 is that of the file that is there, else that of new files.
func stage(name string, text []byte, mode fs.FileMode) (staged, error) {
	if target, err := filepath.EvalSymlinks(name); err == nil {
		name = target
	}
	info, err := os.Stat(name)
	switch {
	case err == nil && info.IsDir():
		return staged{}, errors.New("it is a directory")
	case err == nil && !info.Mode().IsRegular():
		return staged{name: name, text: text}, nil
	case mode != 0:
	case err == nil:
		mode = info.Mode().Perm()
	default:
		mode = 0o666
	}
	s := staged{name: name, temp: fmt.Sprintf("%s.%d.tmp", name, os.Getpid())}
	f, err := os.OpenFile(s.temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return staged{}, err
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Close()); err != nil {
		s.discard()
	}
	return s, err
}

// commit puts the file at its place.
func (s staged) commit() error {
	if s.temp == "" {
		return os.WriteFile(s.name, s.text, 0)
	}
	return os.Rename(s.temp, s.name)
}

// discard removes what was staged; after commit there is nothing left to remove.
func (s staged) discard() {
	if s.temp != "" {
		os.Remove(s.temp)
	}
}
