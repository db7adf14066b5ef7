package nginx

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"why502/compose/proxy"

	crossplane "github.com/nginxinc/nginx-go-crossplane"
)

// Bounds of what is read: far beyond any configuration that is meant, and small enough that one
// that is not meant (a data file, includes that multiply) does no harm.
const (
	maxText       = 16 << 20 // bytes of all files together
	maxDepth      = 200      // blocks in blocks: crossplane recurses
	maxWord       = 64 << 10 // bytes of one word: crossplane takes the square of it
	maxDirectives = 1 << 18  // what is included several times counts each time
	maxFaults     = 100      // nginx stops at the first
)

// reader gives crossplane the files of the container, and makes nodes of what it parses.
type reader struct {
	files  Files
	main   string // container path of the main file
	config *proxy.Config

	sources map[string]*source  // of every file that was opened, by container path
	refused map[string]*refusal // why a file was not, by container path
	lost    map[string]*refusal // a file that a pattern names and that is not there, by the pattern
	text    int                 // bytes opened so far

	words map[string]crossplane.Directives // of each file that is included into a block of words

	stock   bool // the image is the stock nginx, without modules of others
	payload *crossplane.Payload
	faults  map[string][]proxy.Fault // of each file, by line; taken out as the file is walked through
	order   int                      // of the directive that was read last
	depth   int                      // of files in files
}

// refusal is a file that cannot be opened.
type refusal struct {
	path string
	why  string // why it cannot be known; empty: it is not there, or a directory is

	directory bool
}

// Error says it as nginx does, where nginx would.
func (e *refusal) Error() string {
	switch {
	case e.directory:
		return fmt.Sprintf(`pread() "%s" failed (21: Is a directory)`, e.path)
	case e.why == "":
		return fmt.Sprintf(`open() "%s" failed (2: No such file or directory)`, e.path)
	}
	return e.path + ": " + e.why
}

// parse reads the main file and all that it includes, in the order in which nginx does.
func (r *reader) parse(o Options) []*node {
	main := path.Clean(o.Main)
	source, refused := r.load(main)
	if refused != nil {
		r.report(refused, proxy.Fault{Context: "main"})
		return nil
	}
	r.stock = o.Stock && !bytes.Contains(source.text, []byte("load_module"))
	r.main = main
	payload, err := r.crossplane(o)
	if err != nil { // files that include each other; nothing else is left that could fail
		r.cutCycles(main, map[string]bool{}, map[string]bool{})
		payload, err = r.crossplane(o)
	}
	if err != nil {
		r.unchecked(main, err.Error())
		return nil
	}
	r.payload = payload
	r.collectFaults(payload)
	return r.walk(payload.Config[0].File, payload.Config[0].Parsed, nil)
}

// crossplane parses the main file and all that it includes.
func (r *reader) crossplane(o Options) (*crossplane.Payload, error) {
	return parseSafely(r.main, &crossplane.ParseOptions{
		Open:                     r.open,
		Glob:                     r.glob,
		ErrorOnUnknownDirectives: r.stock,
		DirectiveSources:         directiveSources(o),
		LexOptions:               lexOptions(r.stock),
	})
}

// lexOptions add Lua, which the stock nginx does not have.
func lexOptions(stock bool) (o crossplane.LexOptions) {
	if !stock {
		o.Lexers = []crossplane.RegisterLexer{(&crossplane.Lua{}).RegisterLexer()}
	}
	return o
}

// parseSafely makes an error of a panic: crossplane has one for an "if" with an empty condition.
func parseSafely(file string, options *crossplane.ParseOptions) (payload *crossplane.Payload, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("it cannot be parsed: %v", p)
		}
	}()
	return crossplane.Parse(file, options)
}

// load reads a file, once.
func (r *reader) load(name string) (*source, *refusal) {
	name = path.Clean(name)
	if s := r.sources[name]; s != nil {
		return s, nil
	}
	if refused := r.refused[name]; refused != nil {
		return nil, refused
	}
	f, err := r.files.Open(name)
	refused := &refusal{path: name}
	var unknown *UnknownError
	switch {
	case errors.As(err, &unknown):
		refused.why = unknown.Why
	case errors.Is(err, ErrDirectory):
		refused.directory = true
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		refused.why = err.Error()
	case err == nil && r.text+len(f.Text) > maxText:
		refused.why = fmt.Sprintf("the configuration is larger than %d MB", maxText>>20)
	case err == nil && depth(f.Text) > maxDepth:
		refused.why = fmt.Sprintf("its blocks are nested more than %d deep", maxDepth)
	case err == nil && longest(f.Text) > maxWord:
		refused.why = fmt.Sprintf("it has a word of more than %d kB, so that it is hardly a configuration", maxWord>>10)
	case err == nil:
		r.text += len(f.Text)
		r.sources[name] = newSource(f)
		r.config.Files = append(r.config.Files, proxy.File{
			Path: name, Name: f.Name, Origin: f.Origin, Source: f.Source, Changed: f.Changed, Linked: f.Linked,
			Lost: f.Lost, Emptied: f.Emptied, Eaten: f.Eaten,
		})
		return r.sources[name], nil
	}
	r.refused[name] = refused
	return nil, refused
}

// depth is how deep the braces of a text are nested, those in strings and comments counted too.
func depth(text []byte) (deepest int) {
	level := 0
	for _, c := range text {
		switch c {
		case '{':
			level++
			deepest = max(deepest, level)
		case '}':
			level = max(0, level-1) // one in a comment is none
		}
	}
	return deepest
}

// longest is the length of the longest run without white space, ";" and braces.
func longest(text []byte) (most int) {
	run := 0
	for _, c := range text {
		switch c {
		case ' ', '\t', '\r', '\n', ';', '{', '}':
			most, run = max(most, run), 0
		default:
			run++
		}
	}
	return max(most, run)
}

// open is crossplane's Open. It wants something to close even where there is an error.
func (r *reader) open(name string) (io.ReadCloser, error) {
	s, refused := r.load(name)
	if refused != nil {
		return io.NopCloser(nil), refused
	}
	if !r.stock {
		return io.NopCloser(bytes.NewReader(withoutQuotes(s.text))), nil
	}
	return io.NopCloser(bytes.NewReader(s.text)), nil
}

// glob is crossplane's Glob. One file that cannot be opened would end the parsing of all: it is left
// out, and reported.
func (r *reader) glob(pattern string) ([]string, error) {
	pattern = path.Clean(pattern)
	paths, unknown := r.files.Glob(pattern)
	if unknown != "" {
		r.unread(pattern, unknown)
	}
	return slices.DeleteFunc(slices.Clone(paths), func(p string) bool {
		_, refused := r.load(p)
		if refused != nil && refused.why != "" {
			r.unread(refused.path, refused.why)
		} else if refused != nil {
			r.lost[pattern] = refused
		}
		return refused != nil
	}), nil
}

// report notes a file that could not be opened: as a fault where it is not there, else as one that
// could not be checked.
func (r *reader) report(refused *refusal, fault proxy.Fault) {
	if refused.why != "" {
		r.unread(refused.path, refused.why)
		return
	}
	fault.Kind, fault.Text, fault.Path = proxy.IncludeMissing, refused.Error(), refused.path
	r.fault(fault)
}

func (r *reader) fault(f proxy.Fault) {
	if len(r.config.Faults) < maxFaults {
		r.config.Faults = append(r.config.Faults, f)
	}
}

func (r *reader) unchecked(what, why string) {
	u := proxy.Unchecked{What: what, Why: why}
	if len(r.config.Unchecked) < maxFaults && !slices.Contains(r.config.Unchecked, u) {
		r.config.Unchecked = append(r.config.Unchecked, u)
	}
}

// unread notes files that may be there and are not among the project's.
func (r *reader) unread(what, why string) {
	r.unchecked(what, why)
	if len(r.config.Unread) < maxFaults && !slices.Contains(r.config.Unread, what) {
		r.config.Unread = append(r.config.Unread, what)
	}
}

// collectFaults keeps what crossplane complains about, by file and line.
func (r *reader) collectFaults(payload *crossplane.Payload) {
	refused := map[string]*refusal{}
	for _, refusal := range r.refused {
		refused[refusal.Error()] = refusal
	}
	doubted := map[string]bool{} // files of which an error may lead to the next
	for _, e := range payload.Errors {
		var parse *crossplane.ParseError
		if !errors.As(e.Error, &parse) {
			continue
		}
		source := r.sources[path.Clean(e.File)]
		fault := faultOf(parse, source)
		if refusal := refused[parse.What]; refusal != nil {
			fault.Path = refusal.path
			if refusal.why != "" {
				r.unread(refusal.path, refusal.why)
				continue
			}
		}
		if why := r.doubt(fault, source); why != "" {
			r.unchecked(e.File, why)
			doubted[e.File] = true
		} else if !doubted[e.File] {
			r.faults[e.File] = append(r.faults[e.File], fault)
		}
	}
	for _, list := range r.faults {
		slices.SortStableFunc(list, func(a, b proxy.Fault) int { return a.Place.Line - b.Place.Line })
	}
}

// doubt says why an error may be crossplane's alone: of a file that something has yet to fill in, and of
// Lua, in whose comments an apostrophe misleads it.
func (r *reader) doubt(f proxy.Fault, s *source) string {
	switch {
	case placeholder(f.Directive) != "":
		return fmt.Sprintf("the placeholder %s is not filled in", f.Directive)
	case !r.stock && bytes.Contains(s.text, []byte("_by_lua")) && f.Kind == proxy.Syntax:
		return "it has Lua in it"
	}
	return ""
}

// faultOf puts an error of crossplane in nginx's words.
func faultOf(e *crossplane.ParseError, s *source) proxy.Fault {
	line := 1
	if e.Line != nil {
		line = *e.Line
	}
	name, _, _ := strings.Cut(e.Statement, " ")
	f := proxy.Fault{Text: e.What, Directive: name, Context: e.BlockCtx, Place: s.place(line, name)}
	switch {
	case strings.HasSuffix(e.What, "directive is not allowed here"):
		f.Kind = proxy.WrongContext
	case strings.HasPrefix(e.What, "open() "), strings.HasPrefix(e.What, "pread() "):
		f.Kind = proxy.IncludeMissing
	case e.What == crossplane.ErrPrematureLexEnd.Error():
		f.Text = `unexpected end of file, expecting ";" or "}"`
	}
	return f
}

// node is a directive with what lowering needs besides.
type node struct {
	proxy.Directive
	nodes  []*node // its block
	source *source
	offset int  // where its name ends
	wrong  bool // nginx refuses its arguments
}

// walk makes the nodes of one file, and of those that it includes in their places. Faults get their
// place in the reading order on the way.
func (r *reader) walk(file string, directives crossplane.Directives, parent *node) []*node {
	if r.depth++; r.depth > maxDepth {
		r.unchecked(file, fmt.Sprintf("files are included more than %d deep", maxDepth))
		return nil
	}
	defer func() { r.depth-- }()
	w := walker{reader: r, file: file, source: r.sources[path.Clean(file)]}
	nodes := w.nodes(directives, parent)
	w.passFaults(1 << 30)
	return nodes
}

// walker goes through one file.
type walker struct {
	*reader
	file   string
	source *source
	offset int // behind what was read last
}

func (w *walker) nodes(directives crossplane.Directives, parent *node) (nodes []*node) {
	for _, d := range directives {
		w.passFaults(d.Line)
		w.order++
		if w.order > maxDirectives {
			w.unchecked(w.file, "the configuration has too many directives")
			return nodes
		}
		if d.Directive == "include" && len(d.Args) == 1 {
			if parent != nil && holdsWords(parent.Name) {
				nodes = append(append(nodes, w.node(d, parent)), w.entries(d, parent)...)
				continue
			}
			w.reportLost(d)
			for _, index := range d.Includes {
				included := w.payload.Config[index]
				nodes = append(nodes, w.walk(included.File, included.Parsed, parent)...)
			}
			continue
		}
		nodes = append(nodes, w.node(d, parent))
	}
	return nodes
}

// holdsWords says whether a block that may include files holds words, not directives. crossplane leaves
// their includes alone.
func holdsWords(block string) bool { return block == "map" || block == "geo" || block == "types" }

// entries are what an include brings into a block of words.
func (w *walker) entries(d *crossplane.Directive, parent *node) (nodes []*node) {
	at := w.source.place(d.Line, "include")
	for _, name := range w.included(d.Args[0]) {
		if _, refused := w.load(name); refused != nil {
			w.report(refused, proxy.Fault{Directive: "include", Context: parent.Name, Place: at, Order: w.order})
			continue
		}
		if _, parsed := w.words[name]; !parsed {
			w.words[name] = w.parseWords(name, parent.Name)
		}
		nodes = append(nodes, w.walk(name, w.words[name], parent)...)
	}
	w.reportLost(d)
	return nodes
}

// parseWords parses a file that is included into a block of words.
func (r *reader) parseWords(name, block string) crossplane.Directives {
	begin := map[string]string{"map": "map a $a {", "geo": "geo $a {", "types": "types {"}[block]
	payload, err := parseSafely(name, &crossplane.ParseOptions{
		SingleFile: true, SkipDirectiveContextCheck: true, SkipDirectiveArgsCheck: true,
		Open: func(string) (io.ReadCloser, error) {
			return io.NopCloser(strings.NewReader(begin + string(r.sources[name].text) + "\n}")), nil
		},
	})
	if err != nil {
		r.unchecked(name, err.Error())
		return nil
	}
	r.collectFaults(payload)
	if parsed := payload.Config[0].Parsed; len(parsed) > 0 {
		return parsed[0].Block
	}
	return nil
}

// reportLost reports a file that an include's pattern names, but that cannot be opened: a link that
// leads nowhere.
func (w *walker) reportLost(d *crossplane.Directive) {
	if lost := w.lost[w.absolute(d.Args[0])]; lost != nil {
		w.report(lost, proxy.Fault{Directive: "include", Place: w.source.place(d.Line, "include"), Order: w.order})
	}
}

// absolute is the path or pattern of an include, counted from the main file's directory.
func (r *reader) absolute(pattern string) string {
	if !path.IsAbs(pattern) {
		pattern = path.Join(path.Dir(r.main), pattern)
	}
	return path.Clean(pattern)
}

func (w *walker) node(d *crossplane.Directive, parent *node) *node {
	start := max(w.offset, w.source.start(d.Line))
	w.offset = start
	if found := w.source.find(d.Directive, start); found >= 0 {
		start, w.offset = found, found+len(d.Directive)
	}
	n := &node{source: w.source, offset: w.offset}
	n.Name, n.Args, n.Order, n.Place = d.Directive, d.Args, w.order, w.source.at(start)
	if text := refuse(n, parent, w.stock); text != "" {
		n.wrong = true
		w.fault(proxy.Fault{Text: text, Directive: n.Name, Context: parent.Name, Place: n.Place, Order: n.Order})
	}
	if d.Block != nil {
		n.Block = []*proxy.Directive{}
		n.nodes = w.nodes(d.Block, n)
		for _, child := range n.nodes {
			n.Block = append(n.Block, &child.Directive)
		}
	}
	return n
}

// passFaults puts the faults up to a line into the reading order.
func (w *walker) passFaults(line int) {
	list := w.faults[w.file]
	for len(list) > 0 && list[0].Place.Line <= line {
		w.order++
		list[0].Order = w.order
		w.fault(list[0])
		list = list[1:]
	}
	w.faults[w.file] = list
}

// place is where an argument stands: crossplane tells the line of the directive only.
func (n *node) place(arg int) proxy.Place {
	offset := n.offset
	for i, text := range n.Args[:min(arg+1, len(n.Args))] {
		found := n.source.find(text, offset)
		if found < 0 {
			return n.Place
		}
		if i == arg {
			return n.source.at(found)
		}
		offset = found + len(text)
	}
	return n.Place
}
