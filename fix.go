package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"why502/compose"
	"why502/inspect"
	"why502/inspect/mend"
	"why502/report"
)

// fixing is what fix is asked to do.
type fixing struct {
	rules []string // whose findings to mend; none: all
	write bool
}

// mender is fix at work.
type mender struct {
	*program
	ask     *request
	stack   *compose.Stack    // as the files are now
	snap    *inspect.Snapshot // as the daemon was, before anything was changed
	live    inspect.Live
	under   string   // put before the name of a file in a diff
	proxies []string // of the findings that are mended
	changes []string // a comment for each finding that is mended
	left    []string // and for each that is not
	diff    strings.Builder
	masked  map[string][]string // the lines of the text that was shown last, without credentials
}

// fix shows what to change as a diff, or changes it.
func (p *program) fix(ctx context.Context, ask *request) (int, error) {
	seen, _, r, err := p.examine(ctx, ask)
	if err != nil {
		return exitError, err
	}
	m := &mender{program: p, ask: ask, stack: seen.Stack, snap: seen.Snapshot, live: seen.Live}
	if filepath.IsLocal(filepath.FromSlash(seen.Directory)) { // else patch would refuse the names
		m.under = seen.Directory
	}
	wanted := m.wanted(r.Findings)
	if ask.fixing.write {
		wanted, err = m.writeAll(ctx, wanted)
	} else {
		err = m.show(wanted)
	}
	if err != nil {
		return exitError, err
	}
	return exitCode(wanted, ask.failOn), m.printDiff()
}

// wanted are the findings of the rules that are asked for.
func (m *mender) wanted(findings []*inspect.Finding) (wanted []*inspect.Finding) {
	for _, f := range findings {
		if rules := m.ask.fixing.rules; len(rules) == 0 || slices.Contains(rules, f.Rule.ID) {
			wanted = append(wanted, f)
		}
	}
	return wanted
}

// printDiff prints what changes, behind comments that say why, and what does not. All that a diff's reader
// would pass over stands before the first file.
func (m *mender) printDiff() error {
	var b strings.Builder
	for _, line := range m.changes {
		b.WriteString("# " + line + "\n")
	}
	if len(m.left) > 0 {
		b.WriteString("# not changed:\n")
	}
	for _, line := range m.left {
		b.WriteString("#   " + line + "\n")
	}
	switch {
	case len(m.changes)+len(m.left) == 0:
		b.WriteString("# nothing to fix\n")
	case m.ask.fixing.write && len(m.changes) > 0:
		b.WriteString("# this is written; to have it take effect: docker compose up -d --build, then docker compose restart " + oneLine(strings.Join(m.proxies, " ")) + "\n")
	case len(m.changes) > 0:
		b.WriteString("# to write it: --write, or patch -p0" + m.inDirectory() + "\n")
	}
	b.WriteString(m.diff.String())
	color := m.ask.color == "always" || m.ask.color == "auto" && m.wantsColor()
	if !color && !isTerminal(m.stdout) {
		return m.flush([]byte(b.String()))
	}
	var page bytes.Buffer
	if err := report.Diff(&page, b.String(), color); err != nil {
		return err
	}
	return m.flush(page.Bytes())
}

// inDirectory says where the names in the diff start from, if not here.
func (m *mender) inDirectory() string {
	if m.under != "" {
		return ""
	}
	return " in " + oneLine(m.stack.Directory)
}

// show makes one diff of all edits that go together, those of the worst findings first.
func (m *mender) show(findings []*inspect.Finding) error {
	var taken []inspect.Edit
	lines := map[string]bool{} // that are taken
	for _, f := range findings {
		why := "no edit can be computed"
		switch {
		case len(f.Fix.Edits) == 0:
		case len(m.changes) == maxTries:
			why = enough
		case touches(lines, f.Fix.Edits):
			why = "it changes lines that another one changes, too; run fix again after that"
		default:
			why = m.notShown(f.Fix.Edits)
		}
		if why != "" {
			m.leave(f, why)
			continue
		}
		m.mended(f, "")
		taken = append(taken, f.Fix.Edits...)
		eachLine(f.Fix.Edits, func(line string) { lines[line] = true })
	}
	files, err := m.patched(taken)
	if err != nil {
		return err
	}
	text, err := m.diffOf(files)
	m.diff.WriteString(text)
	return err
}

// notShown says why edits cannot be shown as a diff; empty: they can.
func (m *mender) notShown(edits []inspect.Edit) string {
	files, err := m.patched(edits)
	if err == nil {
		_, err = m.diffOf(files)
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

// touches says whether edits change one of these lines.
func touches(lines map[string]bool, edits []inspect.Edit) (found bool) {
	eachLine(edits, func(line string) { found = found || lines[line] })
	return found
}

// eachLine visits the lines that edits are about.
func eachLine(edits []inspect.Edit, visit func(line string)) {
	for _, e := range edits {
		for n := e.Line; n <= e.LineEnd; n++ {
			visit(fmt.Sprintf("%s:%d", e.File, n))
		}
	}
}

// mended says of a finding that it is mended, and what else is to be said.
func (m *mender) mended(f *inspect.Finding, more string) {
	m.changes = append(m.changes, told(f)+more)
	if !slices.Contains(m.proxies, f.Proxy) {
		m.proxies = append(m.proxies, f.Proxy)
	}
}

// leave says of a finding that it is not mended: why, and what its fix is.
func (m *mender) leave(f *inspect.Finding, why string) {
	m.left = append(m.left, told(f)+": "+oneLine(why))
	if f.Fix.Text != "" {
		m.left = append(m.left, "  fix: "+oneLine(f.Fix.Text))
	}
}

// told is a finding on one line.
func told(f *inspect.Finding) string {
	where := ""
	if f.Place.Known() {
		where = fmt.Sprintf("%s:%d: ", f.Place.File, f.Place.Line)
	}
	return oneLine(fmt.Sprintf("%s%s: %s [%s]", where, report.Severities()[f.Severity-inspect.Note], f.Message, f.Rule.ID))
}

// patched is a file, and what edits make of it.
type patched struct {
	name  string // as places have it
	path  string // where it is
	text  string
	mode  fs.FileMode
	yaml  bool
	patch *mend.Patch
}

// patched places edits in the files that they are of, in the order in which they come. It is an error where
// one of them cannot be placed surely.
func (m *mender) patched(edits []inspect.Edit) (files []*patched, err error) {
	byFile := map[string][]inspect.Edit{}
	var names []string
	for _, e := range edits {
		if byFile[e.File] == nil {
			names = append(names, e.File)
		}
		byFile[e.File] = append(byFile[e.File], e)
	}
	for _, name := range names {
		f, err := m.open(name)
		if err == nil {
			err = f.apply(byFile[name])
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		files = append(files, f)
	}
	return files, nil
}

// apply places edits in the file.
func (f *patched) apply(edits []inspect.Edit) (err error) {
	for _, e := range edits {
		if err := mend.Sure(f.text, e, f.yaml); err != nil {
			return err
		}
	}
	f.patch, err = mend.New(f.text, edits)
	return err
}

// open reads a file of the project that may be changed: one of its directory, that is still as it was
// when it was judged.
func (m *mender) open(name string) (*patched, error) {
	source := m.stack.Sources[name]
	if name == "" || name == "-" || source == nil {
		return nil, errors.New("it is no file of the project")
	}
	path := filepath.FromSlash(name)
	if !filepath.IsAbs(path) {
		path = filepath.Join(m.stack.Directory, path)
	}
	path, _ = m.stack.Here(path)
	path, err := m.inside(path)
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("it is no regular file")
	}
	if err != nil {
		return nil, inWords(err)
	}
	judged := strings.Join(source.Lines, "\n")
	if info.Size() != int64(len(judged)) {
		return nil, errChanged
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, inWords(err)
	}
	if string(text) != judged {
		return nil, errChanged
	}
	yaml := slices.Contains(m.stack.Files, name) || slices.Contains([]string{".yaml", ".yml"}, filepath.Ext(name))
	return &patched{name: name, path: path, text: judged, mode: info.Mode().Perm(), yaml: yaml}, nil
}

var errChanged = errors.New("it has changed since it was read")

// inside follows the links of a path, and refuses one that leads out of the project's directory.
func (m *mender) inside(path string) (string, error) {
	root, _ := m.stack.Here(m.stack.Directory)
	root, err := filepath.EvalSymlinks(root)
	if err != nil {
		return "", inWords(err)
	}
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return "", inWords(err)
	}
	rel, err := filepath.Rel(root, real)
	if err != nil || !filepath.IsLocal(rel) {
		return "", errors.New("it lies outside of the project's directory")
	}
	return real, nil
}

// inWords is an error of the file system without the path that it is about.
func inWords(err error) error {
	if of, ok := errors.AsType[*fs.PathError](err); ok {
		return of.Err
	}
	return err
}

// diffOf shows what becomes of files.
func (m *mender) diffOf(files []*patched) (string, error) {
	var b strings.Builder
	for _, f := range files {
		name := f.name
		if !filepath.IsAbs(filepath.FromSlash(name)) {
			name = filepath.ToSlash(filepath.Join(m.under, name))
		}
		text, err := f.patch.Diff(name, func(lines []string) []string { return m.maskedLines(f.text, lines) })
		if err != nil {
			return "", fmt.Errorf("%s: %w", f.name, err)
		}
		b.WriteString(text)
	}
	return b.String(), nil
}

// maskedLines are the lines of a text without credentials. Each text is looked through once.
func (m *mender) maskedLines(text string, lines []string) []string {
	if m.masked[text] == nil {
		m.masked = map[string][]string{text: inspect.NewSecrets(m.stack).MaskLines(lines)}
	}
	return m.masked[text]
}

// maxTries bounds how many findings one run mends: to write them, the project is read again for each.
const maxTries = 100

const enough = "that is enough for one run; run fix again after that"

// writeAll mends one finding after the other, the worst first, and those that come to light by that. It
// returns those that are left.
func (m *mender) writeAll(ctx context.Context, todo []*inspect.Finding) (left []*inspect.Finding, err error) {
	known := map[string]bool{}
	for _, f := range todo {
		known[identity(f)] = true
	}
	for tries := 0; len(todo) > 0; todo = todo[1:] {
		now := m.judge(m.snap)
		f := find(now, todo[0])
		switch {
		case f == nil: // it went with another
			continue
		case len(f.Fix.Edits) == 0:
			m.leave(f, "no edit can be computed")
		case tries == maxTries:
			m.leave(f, enough)
		default:
			tries++
			came, why, err := m.writeOne(ctx, f)
			if err != nil {
				return nil, m.halfway(f, err)
			}
			if why == "" {
				for _, next := range m.wanted(came) {
					if !known[identity(next)] {
						known[identity(next)] = true
						todo = append(todo, next)
					}
				}
				continue
			}
			m.leave(f, why)
		}
		left = append(left, f)
	}
	return left, nil
}

// halfway is the error that ends a run, with what it had written by then.
func (m *mender) halfway(f *inspect.Finding, err error) error {
	done := "nothing was written"
	if n := len(m.changes); n > 0 {
		done = fmt.Sprintf("written before: %s", strings.Join(m.changes, "; "))
	}
	return wrong(done, "cannot mend %s: %w", f.Rule.ID, err)
}

// judge judges the files as they are now.
func (m *mender) judge(snap *inspect.Snapshot) []*inspect.Finding {
	return inspect.Judge(m.stack, snap, m.live, inspect.Options{Ignore: m.ask.ignore, Baseline: m.ask.known, Now: time.Now()}).Findings
}

// writeOne carries out the edits of a finding, judges again from the files alone, and takes the edits back
// where the finding is still there or another came. Then why says so. What came is what is new otherwise:
// that which the walk did not get to before.
func (m *mender) writeOne(ctx context.Context, f *inspect.Finding) (came []*inspect.Finding, why string, err error) {
	files, err := m.patched(f.Fix.Edits)
	if err != nil {
		return nil, err.Error(), nil
	}
	text, hidden := m.diffOf(files)
	if hidden != nil {
		text = "" // written all the same, and not shown
	}
	before, was := m.judge(nil), m.stack
	if err := replaceAll(files, true); err != nil {
		return nil, "", err
	}
	kept := false
	defer func() { // also where a panic or an interrupt comes between
		if kept {
			return
		}
		m.stack = was
		if back := replaceAll(files, false); back != nil {
			err = errors.Join(err, fmt.Errorf("and the edits could not be taken back: %w", back))
		}
	}()
	m.progress.at("reading the files again")
	stack, err := compose.Load(ctx, m.ask.project)
	if ctx.Err() != nil {
		return nil, "", ctx.Err()
	}
	if err != nil {
		return nil, "the project could not be read with it: " + err.Error(), nil
	}
	m.stack = stack
	came, why = compare(f, before, m.judge(nil))
	if kept = why == ""; !kept {
		return nil, why, nil
	}
	note := ""
	if static(f, before) == nil {
		note = "; that it is gone, only the running project can show"
	}
	if hidden != nil {
		note += "; not shown: " + oneLine(hidden.Error())
	}
	m.mended(f, note)
	m.diff.WriteString(text)
	return came, "", nil
}

// compare says why the edits of a finding are not good, by what is found in the files before and after; or
// else what came to light.
func compare(f *inspect.Finding, before, after []*inspect.Finding) (came []*inspect.Finding, why string) {
	if same := static(f, before); same != nil && find(after, same) != nil {
		return nil, "it would still be there"
	}
	for _, next := range after {
		if find(before, next) != nil {
			continue
		}
		if next.Severity > inspect.Note && !uncovers(f, next) {
			return nil, "it would bring another: " + told(next)
		}
		came = append(came, next)
	}
	return came, ""
}

// static is the finding of the files that a finding of the running project is; nil: the files do not show it.
func static(f *inspect.Finding, before []*inspect.Finding) *inspect.Finding {
	i := slices.IndexFunc(before, func(b *inspect.Finding) bool {
		return b.Rule == f.Rule && b.Proxy == f.Proxy && (b.Message == f.Message || b.Place == f.Place)
	})
	if i < 0 {
		return nil
	}
	return before[i]
}

// uncovers says whether a finding is one that the walk over the hops gets to only where another is mended: on
// the same routes, of a later hop, or less bad than what hid it.
func uncovers(f, next *inspect.Finding) bool {
	if next.Proxy != f.Proxy || next.Rule.Hop <= f.Rule.Hop && next.Severity >= f.Severity {
		return false
	}
	if f.Status == inspect.StatusNoStart {
		return true // which lists all routes, or those that can be read
	}
	entries := map[string]bool{}
	for _, id := range f.Routes {
		entries[entryOf(id)] = true
	}
	return len(next.Routes) > 0 && !slices.ContainsFunc(next.Routes, func(id string) bool { return !entries[entryOf(id)] })
}

// entryOf is the id of a route without its target, which an edit may change.
func entryOf(route string) string {
	entry, _, _ := strings.Cut(route, " -> ")
	return entry
}

// identity is what a finding is known by when the lines have moved.
func identity(f *inspect.Finding) string { return f.Rule.ID + "\x00" + f.Proxy + "\x00" + f.Message }

// find finds the same finding among others.
func find(among []*inspect.Finding, f *inspect.Finding) *inspect.Finding {
	i := slices.IndexFunc(among, func(other *inspect.Finding) bool { return identity(other) == identity(f) })
	if i < 0 {
		return nil
	}
	return among[i]
}

// replaceAll puts the patched texts in place of the files, or the texts that were there before. Where one
// fails, all are as they were.
func replaceAll(files []*patched, forward bool) error {
	var all []staged
	defer func() {
		for _, s := range all {
			s.discard()
		}
	}()
	for _, f := range files {
		text := f.text
		if forward {
			text = f.patch.Text()
		}
		s, err := f.stage(text)
		if err != nil {
			return cannotWrite(f.name, err)
		}
		all = append(all, s)
	}
	for i, s := range all {
		if err := s.commit(); err != nil {
			if forward {
				err = errors.Join(err, replaceAll(files[:i], false))
			}
			return cannotWrite(files[i].name, err)
		}
	}
	return nil
}

// stage writes a text beside the file, with its mode.
func (f *patched) stage(text string) (staged, error) {
	w, err := os.OpenFile(f.path, os.O_WRONLY, 0) // a file that may not be written is not replaced either
	if err != nil {
		return staged{}, err
	}
	w.Close()
	s, err := stage(f.path, []byte(text), cmp.Or(f.mode, 0o600))
	if err != nil {
		return staged{}, err
	}
	if err := os.Chmod(s.temp, f.mode); err != nil {
		s.discard()
		return staged{}, err
	}
	return s, nil
}
