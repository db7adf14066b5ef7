package report

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"why502/compose/proxy"
	"why502/inspect"
)

// finding writes one finding. What breaks routes now is drawn in full; what may break them later
// is shorter, and a note is shorter still.
func (p *page) finding(r *inspect.Report, f *inspect.Finding) {
	p.headline(f)
	switch {
	case p.Verbose || breaks(r, f):
		p.remedyAndPlace(f)
		p.path(r, f)
		p.evidence(f)
		p.related(f)
		p.affected(r, f)
	case f.Severity > inspect.Note:
		p.remedyAndPlace(f)
		p.affected(r, f)
	default:
		p.at(f)
		p.remedy(f.Fix)
	}
}

// breaks says whether requests fail, or probably fail, because of this finding.
func breaks(r *inspect.Report, f *inspect.Finding) bool {
	if f.Severity != inspect.Warning {
		return f.Severity == inspect.Error
	}
	_, backend := example(r, f)
	return backend != nil && backend.Hops[f.Rule.Hop] == inspect.HopBroken
}

// headline writes the message, and the rule's id where people and grep look for it.
func (p *page) headline(f *inspect.Finding) {
	p.hang(severityStyle(f.Severity), severityName(f.Severity)+": ", f.Message+" ["+f.Rule.ID+"]")
}

// remedyAndPlace writes the line to change before anything else, be it the place of the finding
// or another one.
func (p *page) remedyAndPlace(f *inspect.Finding) {
	switch {
	case pastesElsewhere(f):
		change := f.Related[0]
		p.spot("change", change.Place, change.Excerpt, change.Text)
		p.remedy(f.Fix)
		p.spot("at", f.Place, f.Excerpt, "")
	case len(f.Fix.Edits) == 0 || covers(f.Fix.Edits[0], f.Place):
		p.spot("at", f.Place, f.Excerpt, "")
		p.remedy(f.Fix)
	default:
		p.remedy(f.Fix)
		p.spot("at", f.Place, f.Excerpt, "")
	}
}

// pastesElsewhere says whether there are lines to paste into another file than the one that the
// finding points at. Without lines to paste, a related place is not known to be one to change.
func pastesElsewhere(f *inspect.Finding) bool {
	return len(f.Fix.Edits) == 0 && f.Fix.Paste != "" &&
		len(f.Related) > 0 && f.Related[0].Place.File != f.Place.File
}

// covers says whether an edit changes the line at a place.
func covers(e inspect.Edit, at proxy.Place) bool {
	return e.Old != "" && e.File == at.File && e.Line <= at.Line && at.Line <= e.LineEnd
}

// at writes the place of a finding without its source line.
func (p *page) at(f *inspect.Finding) {
	if f.Place.Known() {
		p.entryAt("at", placeText(f.Place), f.Place)
	}
}

// spot writes a place with its source line, and a marker below the column.
func (p *page) spot(label string, at proxy.Place, excerpt, text string) {
	if !at.Known() {
		return
	}
	where := placeText(at)
	if text != "" {
		where += " (" + text + ")"
	}
	p.entryAt(label, where, at)
	if trimmed(excerpt) == "" || at.Line == 0 {
		return
	}
	number := strconv.Itoa(at.Line)
	p.code(plain, number+" | "+trimmed(excerpt))
	if under, ok := beforeColumn(excerpt, at.Column); ok {
		p.code(alarm, strings.Repeat(" ", len(number))+" | "+strings.Repeat(" ", under)+"^")
	}
}

// trimmed is an excerpt without its indentation.
func trimmed(excerpt string) string { return strings.TrimSpace(excerpt) }

// beforeColumn says how many characters of the trimmed excerpt, as it is shown, stand before a
// column of the line; ok is false where the column is not in the excerpt.
func beforeColumn(excerpt string, column int) (n int, ok bool) {
	line := []rune(excerpt)
	body := strings.TrimLeftFunc(excerpt, unicode.IsSpace)
	indent := len(line) - utf8.RuneCountInString(body)
	if column <= indent || column > len(line) {
		return 0, false
	}
	return utf8.RuneCountInString(Clean(string(line[indent : column-1]))), true
}

// remedy writes what to change: in words, then as lines to change or, where these could not be
// computed, as lines to paste; and what to run.
func (p *page) remedy(fix inspect.Fix) {
	label, text := "fix", fix.Text
	paste := len(fix.Edits) == 0 && fix.Paste != ""
	if paste && text != "" {
		text = strings.TrimRight(text, ".:") + ":"
	}
	if text != "" {
		p.entry(label, text)
		label = ""
	}
	for i, e := range fix.Edits {
		if i == maxEdits && !p.Verbose {
			p.entry(label, fmt.Sprintf("and %d more; -v shows them", len(fix.Edits)-i))
			break
		}
		p.edit(label, e)
		label = ""
	}
	if paste {
		p.paste(label, fix.Paste)
	}
	if fix.Run != "" {
		p.entry("run", fix.Run)
	}
}

// paste writes lines as they are to be pasted.
func (p *page) paste(label, text string) {
	for line := range strings.Lines(text) {
		p.put(dim, labelled(label))
		p.line(green, "  "+strings.TrimRight(line, " \t\r\n"))
		label = ""
	}
}

// edit writes one edit as the lines that go and the lines that come.
func (p *page) edit(label string, e inspect.Edit) {
	p.entryAt(label, editPlace(e), proxy.Place{File: e.File, Line: e.Line})
	for line := range strings.Lines(e.Old) {
		p.code(red, "- "+line)
	}
	for line := range strings.Lines(e.New) {
		p.code(green, "+ "+line)
	}
}

// editPlace says which lines an edit changes.
func editPlace(e inspect.Edit) string {
	switch {
	case e.Old == "":
		return fmt.Sprintf("%s:%d (insert before this line)", e.File, e.Line)
	case e.LineEnd > e.Line:
		return fmt.Sprintf("%s:%d-%d", e.File, e.Line, e.LineEnd)
	}
	return fmt.Sprintf("%s:%d", e.File, e.Line)
}

// evidence writes what the finding rests on.
func (p *page) evidence(f *inspect.Finding) {
	label := "seen"
	for _, e := range f.Evidence {
		p.entry(label, e.Text+" ("+e.Source+")")
		label = ""
	}
}

// related writes the other places that have to do with the finding, those left out that the
// reader has seen above.
func (p *page) related(f *inspect.Finding) {
	places := f.Related
	if pastesElsewhere(f) {
		places = places[1:]
	}
	label := "also"
	for i, r := range places {
		if i == maxPlaces && !p.Verbose {
			p.entry(label, fmt.Sprintf("and %d more", len(places)-i))
			return
		}
		p.entryAt(label, relatedText(r), r.Place)
		label = ""
	}
}

func relatedText(r inspect.Related) string { return placeText(r.Place) + " (" + r.Text + ")" }

// affected writes the routes of a finding where the path has not said it all.
func (p *page) affected(r *inspect.Report, f *inspect.Finding) {
	if len(f.Routes) < 2 {
		return
	}
	if n := routesOf(r, f.Proxy); n == len(f.Routes) {
		p.entry("routes", allOf(n)+" of "+f.Proxy)
		return
	}
	label := "routes"
	for i, id := range f.Routes {
		if i == maxAffected && !p.Verbose {
			p.entry(label, fmt.Sprintf("and %d more", len(f.Routes)-i))
			return
		}
		p.entry(label, id)
		label = ""
	}
}

// routesOf counts the routes of a proxy.
func routesOf(r *inspect.Report, service string) int {
	n := 0
	for _, route := range r.Routes {
		if route.Proxy == service {
			n++
		}
	}
	return n
}
