package report

import (
	"bufio"
	"io"
	"strings"
	"unicode/utf8"

	"why502/compose/proxy"
)

const defaultWidth = 80

// gutter is the width of the column of labels at the left of a finding's details.
const gutter = 10

// style is how a piece of text looks: the parameters of a terminal's colour sequence.
type style string

const (
	plain  style = ""
	bold   style = "1"
	dim    style = "2"
	red    style = "31"
	green  style = "32"
	yellow style = "33"
	cyan   style = "36"
	alarm  style = "1;31"
)

// page is text on its way to a terminal or a log. Everything on it goes through put.
type page struct {
	Options
	w *bufio.Writer // keeps the first error until it is flushed
}

func newPage(w io.Writer, opts Options) *page {
	if opts.Width <= 0 {
		opts.Width = defaultWidth
	}
	return &page{Options: opts, w: bufio.NewWriter(w)}
}

// put writes text, cleaned and in a style.
func (p *page) put(s style, text string) {
	text = Clean(text)
	if s == plain || !p.Color || strings.TrimSpace(text) == "" {
		p.w.WriteString(text)
		return
	}
	p.w.WriteString("\x1b[" + string(s) + "m" + text + "\x1b[0m")
}

// end ends the line.
func (p *page) end() { p.w.WriteByte('\n') }

// line writes a line.
func (p *page) line(s style, text string) {
	p.put(s, text)
	p.end()
}

// hang writes text wrapped to the page: first, in a style, stands before its first line, and the
// others are indented by as much as first is wide.
func (p *page) hang(s style, first, text string) { p.hangAt(s, first, text, proxy.Place{}) }

// hangAt is hang of a text that begins with a place, or ends with it in parentheses.
func (p *page) hangAt(s style, first, text string, at proxy.Place) {
	indent := utf8.RuneCountInString(Clean(first))
	for i, l := range wrapLine(Clean(text), p.Width-indent) {
		if i == 0 {
			p.put(s, first)
		} else {
			p.put(plain, strings.Repeat(" ", indent))
		}
		p.placed(at, l)
		p.end()
	}
}

// placed writes text in which a place is a link, where there are any. A place that was wrapped or cut is none.
func (p *page) placed(at proxy.Place, text string) {
	place := Clean(placeText(at))
	to := p.link(at)
	before, after, found := around(text, place)
	if !found || to == "" {
		p.put(plain, text)
		return
	}
	p.put(plain, before)
	p.w.WriteString("\x1b]8;;" + to + "\x1b\\")
	p.put(plain, place)
	p.w.WriteString("\x1b]8;;\x1b\\")
	p.put(plain, after)
}

// around is what stands around a place in a text that begins with it, or ends with it in parentheses.
func around(text, place string) (before, after string, found bool) {
	if after, found = strings.CutPrefix(text, place); found {
		return "", after, true
	}
	if before, found = strings.CutSuffix(text, "("+place+")"); found {
		return before + "(", ")", true
	}
	return text, "", false
}

// maxLink is the longest URL that terminals take, in bytes.
const maxLink = 2083

// link is the URL of a place; empty: it has none that is fit for a terminal.
func (p *page) link(at proxy.Place) string {
	if p.Link == nil || at.File == "" {
		return ""
	}
	to := p.Link(at.File, at.Line)
	if len(to) > maxLink || strings.ContainsFunc(to, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return ""
	}
	return to
}

// entry writes one detail of a finding: its label in the gutter, then text.
func (p *page) entry(label, text string) { p.hang(dim, labelled(label), text) }

// entryAt writes a detail whose text begins with a place.
func (p *page) entryAt(label, text string, at proxy.Place) { p.hangAt(dim, labelled(label), text, at) }

// code writes a line that belongs to the entry above it, as it is.
func (p *page) code(s style, text string) {
	p.put(plain, labelled(""))
	p.line(s, strings.TrimRight(text, " \t\r\n"))
}

// labelled fills a label up to the width of the gutter.
func labelled(label string) string { return pad("  "+label, gutter) }

// pad fills text up to a width.
func pad(text string, width int) string {
	return text + strings.Repeat(" ", max(0, width-utf8.RuneCountInString(text)))
}

// maxWord is how long a name may be that is shown as a whole, in characters.
const maxWord = 400

// shortened leaves out the middle of a name that nobody can read.
func shortened(word string) string {
	if utf8.RuneCountInString(word) <= maxWord {
		return word
	}
	letters := []rune(word)
	return string(letters[:maxWord/2]) + "…" + string(letters[len(letters)-maxWord/2:])
}

func wrapLine(text string, width int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		word = shortened(word)
		switch {
		case line == "":
			line = word
		case utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) <= width:
			line += " " + word
		default:
			lines = append(lines, line)
			line = word
		}
	}
	return append(lines, line)
}
