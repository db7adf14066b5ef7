package main

import (
	"strings"
)

// topic is a part of the help: a title, and below it rows of a term and what there is to say of it. The help is
// written by hand; completions and the manual page are made from it.
type topic struct {
	title string
	rows  []row
}

type row struct {
	term string // "-f, --file FILE"
	text string
}

// deep is how far the second line of a row's text is indented at least; terms are less.
const deep = 16

// topics takes the help apart. Its first paragraph is the text of a topic without a title.
func topics() (all []topic) {
	all = []topic{{rows: []row{{}}}}
	for line := range strings.Lines(usage) {
		text := strings.TrimSpace(line)
		last := &all[len(all)-1]
		switch indent := len(line) - len(strings.TrimLeft(line, " ")); {
		case text == "":
		case indent == 0 && strings.HasSuffix(text, ":"):
			all = append(all, topic{title: strings.TrimSuffix(text, ":")})
		case indent == 0 || indent >= deep:
			r := &last.rows[len(last.rows)-1]
			r.text = strings.TrimSpace(r.text + " " + text)
		default:
			term, rest, _ := strings.Cut(text, "  ")
			last.rows = append(last.rows, row{term, strings.TrimSpace(rest)})
		}
	}
	return all
}

// titled is one topic of the help.
func titled(title string) topic {
	for _, t := range topics() {
		if t.title == title {
			return t
		}
	}
	return topic{}
}

// commands are the commands of the help, by the first row that has each.
func commands() (all []row) {
	seen := map[string]bool{}
	for _, r := range titled("Usage").rows {
		words := strings.Fields(r.term)
		if name := words[1]; name == strings.ToLower(name) && !strings.HasPrefix(name, "[") && !seen[name] {
			seen[name] = true
			all = append(all, row{name, r.text})
		}
	}
	return all
}

// flagRow is what the help says of a flag: its term is what stands for the value; empty: it has none.
func flagRow(name string) row {
	for _, t := range topics() {
		for _, r := range t.rows {
			_, value, found := strings.Cut(r.term+" ", "--"+name+" ")
			if found && strings.HasPrefix(r.term, "-") {
				return row{strings.TrimSpace(value), r.text}
			}
		}
	}
	return row{}
}

// commandOf is the command that a flag is of alone; empty: it is of others too.
func commandOf(flag string) string {
	for _, t := range topics() {
		command, ok := strings.CutPrefix(t.title, "Of ")
		for _, r := range t.rows {
			if ok && strings.Contains(r.term+" ", "--"+flag+" ") {
				return command
			}
		}
	}
	return ""
}
