package nginx

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"why502/compose/proxy"

	crossplane "github.com/nginxinc/nginx-go-crossplane"
)

// cutCycles takes out the includes that lead back to a file that is being read, and reports them:
// crossplane gives nothing at all of files that include each other. nginx goes round until it may
// not open another file, if no earlier fault stops it.
func (r *reader) cutCycles(file string, around, done map[string]bool) {
	if done[file] {
		return
	}
	done[file], around[file] = true, true
	defer delete(around, file)
	payload, err := parseSafely(file, &crossplane.ParseOptions{Open: r.open, SingleFile: true, SkipDirectiveContextCheck: true})
	if err != nil || len(around) > maxDepth {
		return
	}
	eachInclude(payload.Config[0].Parsed, func(d *crossplane.Directive) {
		for _, name := range r.included(d.Args[0]) {
			if around[name] {
				r.cut(file, d, name)
				return
			}
			if _, refused := r.load(name); refused == nil {
				r.cutCycles(name, around, done)
			}
		}
	})
}

func eachInclude(directives crossplane.Directives, visit func(*crossplane.Directive)) {
	for _, d := range directives {
		if d.Directive == "include" && len(d.Args) == 1 {
			visit(d)
		}
		eachInclude(d.Block, visit)
	}
}

// included are the files that an include names.
func (r *reader) included(pattern string) []string {
	pattern = r.absolute(pattern)
	if !strings.ContainsAny(pattern, "*?[") {
		return []string{pattern}
	}
	names, _ := r.glob(pattern)
	return names
}

// cut blanks an include out of the text that crossplane gets.
func (r *reader) cut(file string, d *crossplane.Directive, leadsTo string) {
	s := r.sources[file]
	for from := s.find("include", s.start(d.Line)); from >= 0; from = s.find("include", from+1) {
		arg := s.find(d.Args[0], from)
		end := s.find(";", arg+len(d.Args[0]))
		if arg < 0 || end < 0 || strings.Trim(string(s.text[from+len("include"):arg]), " \t\r\n\"'") != "" {
			continue // another include on this line
		}
		s.text = slices.Concat(s.text[:from], bytes.Repeat([]byte(" "), end+1-from), s.text[end+1:])
		r.faults[file] = append(r.faults[file], proxy.Fault{
			Text:      fmt.Sprintf(`open() "%s" failed (24: Too many open files)`, leadsTo),
			Directive: "include", Context: "main", Place: s.at(from),
		})
		return
	}
}
