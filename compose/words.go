package compose

import (
	"slices"
	"strings"

	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/syntax"
)

// hole stands in a text for what cannot be known: a shell's words have no such byte.
const hole = "\x00"

// known says whether texts have no hole.
func known(texts ...string) bool {
	return !slices.ContainsFunc(texts, func(text string) bool { return strings.Contains(text, hole) })
}

// variables are those of a shell, as far as they are known.
type variables struct {
	values map[string]string
	vague  map[string]bool // those that are set to something that is not known
	open   bool            // others may be set, too
	args   []string        // $1 and so on, and before them $0; nil: not known
}

// get gives a variable's value, whether it has one, and whether that is known.
func (v *variables) get(name string) (value string, set, known bool) {
	if n, positional := index(name); positional {
		if n < len(v.args) {
			return v.args[n], true, true
		}
		return "", false, v.args != nil
	}
	value, set = v.values[name]
	return value, set, set || !v.open && !v.vague[name] && isVariable(name)
}

func isVariable(name string) bool {
	return name != "" && name[0] > '9' && shellVariable.MatchString("${"+name+"}")
}

// set gives a variable a value, or none that is known.
func (v *variables) set(name, value string, certain bool) {
	if certain = certain && known(value) && len(value) <= maxVariable; certain {
		v.values[name] = value
		delete(v.vague, name)
		return
	}
	delete(v.values, name)
	v.vague[name] = true
}

// environ is how the expansion of a word sees variables. It notes that it met one that is not known.
type environ struct {
	*variables
	unknown bool
}

func (e *environ) Get(name string) expand.Variable {
	if name == "IFS" {
		return expand.Variable{}
	}
	value, set, ok := e.get(name)
	e.unknown = e.unknown || !ok
	return expand.Variable{Set: set || !ok, Kind: expand.String, Str: value}
}

// Set is what ${NAME:=value} does.
func (e *environ) Set(name string, v expand.Variable) error {
	e.set(name, v.Str, !e.unknown)
	return nil
}

func (e *environ) Each(func(string, expand.Variable) bool) {}

// word is a word without its quotes and with its variables filled in.
func (v *variables) word(w *syntax.Word) string {
	if w == nil {
		return ""
	}
	var b strings.Builder
	for _, part := range w.Parts {
		v.part(&b, part, unquoted)
	}
	return b.String()
}

// What a backslash takes the meaning of.
const (
	unquoted = ""         // any character
	quoted   = "$`\"\\\n" // between double quotes
	document = "$`\\\n"   // in a here-document
)

func (v *variables) part(b *strings.Builder, part syntax.WordPart, escapes string) {
	switch p := part.(type) {
	case *syntax.Lit:
		if escapes == unquoted && b.Len() == 0 && strings.HasPrefix(p.Value, "~") {
			b.WriteString(hole) // somebody's home
			return
		}
		b.WriteString(unescaped(p.Value, escapes))
	case *syntax.SglQuoted:
		if p.Dollar {
			b.WriteString(hole)
			return
		}
		b.WriteString(p.Value)
	case *syntax.DblQuoted:
		for _, inner := range p.Parts {
			v.part(b, inner, quoted)
		}
	case *syntax.ParamExp:
		b.WriteString(v.value(p))
	default:
		b.WriteString(hole)
	}
}

// unescaped takes away the backslashes that take the meaning of what follows them.
func unescaped(text, escapes string) string {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] == '\\' && i+1 < len(text) && (escapes == unquoted || strings.IndexByte(escapes, text[i+1]) >= 0) {
			i++
			if text[i] == '\n' {
				continue
			}
		}
		b.WriteByte(text[i])
	}
	return b.String()
}

// value is what $NAME, ${NAME:-other} and their like stand for.
func (v *variables) value(p *syntax.ParamExp) string {
	if p.Param == nil || p.Excl || p.Length || p.Width || p.IsSet || p.Index != nil || p.Slice != nil || p.Repl != nil || p.Names != 0 ||
		p.Exp != nil && p.Exp.Op == syntax.OtherParamOps || computes(p) {
		return hole
	}
	env := &environ{variables: v}
	text, err := expand.Literal(&expand.Config{Env: env}, &syntax.Word{Parts: []syntax.WordPart{p}})
	if err != nil || env.unknown || len(text) > maxVariable {
		return hole
	}
	return text
}

// index is the number of a positional parameter: 1 in "$1".
func index(name string) (n int, ok bool) {
	if len(name) == 1 && name[0] >= '0' && name[0] <= '9' {
		return int(name[0] - '0'), true
	}
	return 0, false
}

// computes says whether a word runs or calculates something.
func computes(n syntax.Node) (found bool) {
	syntax.Walk(n, func(n syntax.Node) bool {
		switch n.(type) {
		case *syntax.ArithmExp, *syntax.CmdSubst, *syntax.ProcSubst, *syntax.ExtGlob:
			found = true
		}
		return !found
	})
	return found
}

// words are the arguments that words come to: "$@" is all of the script's own.
func (v *variables) words(list []*syntax.Word) (all []string) {
	for _, w := range list {
		p := lone(w)
		switch {
		case p != nil && p.Param != nil && (p.Param.Value == "@" || p.Param.Value == "*") && p.Exp == nil && len(v.args) > 0:
			all = append(all, v.args[1:]...)
		case p != nil && len(w.Parts) == 1 && isParam(w.Parts[0]) && known(v.word(w)): // without quotes
			all = append(all, strings.Fields(v.word(w))...)
		default:
			all = append(all, v.word(w))
		}
	}
	return all
}

// lone is the parameter that is all of a word, in quotes or without.
func lone(w *syntax.Word) *syntax.ParamExp {
	if len(w.Parts) != 1 {
		return nil
	}
	part := w.Parts[0]
	if q, ok := part.(*syntax.DblQuoted); ok && len(q.Parts) == 1 {
		part = q.Parts[0]
	}
	p, _ := part.(*syntax.ParamExp)
	return p
}

func isParam(part syntax.WordPart) bool {
	_, ok := part.(*syntax.ParamExp)
	return ok
}

// verbatim says whether the mark of a here-document has a quote in it.
func verbatim(r *syntax.Redirect) bool {
	return slices.ContainsFunc(r.Word.Parts, func(p syntax.WordPart) bool {
		lit, plain := p.(*syntax.Lit)
		return !plain || strings.Contains(lit.Value, `\`)
	})
}

// hereDocument is the text of a here-document. With a quote in its mark it means itself.
func (v *variables) hereDocument(r *syntax.Redirect) string {
	var b strings.Builder
	raw := verbatim(r)
	if r.Hdoc != nil {
		for _, part := range r.Hdoc.Parts {
			if lit, ok := part.(*syntax.Lit); ok && raw {
				b.WriteString(lit.Value)
			} else {
				v.part(&b, part, document)
			}
		}
	}
	if r.Op == syntax.DashHdoc {
		lines := strings.SplitAfter(b.String(), "\n")
		for i := range lines {
			lines[i] = strings.TrimLeft(lines[i], "\t")
		}
		return strings.Join(lines, "")
	}
	return b.String()
}
