package inspect

import (
	"strings"

	"why502/compose"
	"why502/compose/proxy"
)

// replaceAt replaces the first old, as a word of its own, from a place on in its line. The zero Edit
// where it is not there.
func replaceAt(sources compose.Sources, at proxy.Place, old, new string) Edit {
	line := editable(sources, at)
	return replaceFrom(at, line, offset(line, at.Column), len(line), old, new)
}

// replaceIn replaces old within a value that is written at a place, behind its scheme.
func replaceIn(sources compose.Sources, at proxy.Place, value, old, new string) Edit {
	line := editable(sources, at)
	from := offset(line, at.Column)
	if !strings.HasPrefix(line[from:], value) {
		return Edit{}
	}
	to := from + len(value)
	if i := strings.Index(value, "://"); i >= 0 {
		from += i + len("://")
	}
	return replaceFrom(at, line, from, to, old, new)
}

// editable is the line at a place; empty where it is longer than what is shown of one.
func editable(sources compose.Sources, at proxy.Place) string {
	if line := sources.Line(at.File, at.Line); len(line) <= maxExcerpt {
		return line
	}
	return ""
}

func replaceFrom(at proxy.Place, line string, from, to int, old, new string) Edit {
	for i := from; old != ""; i++ {
		found := strings.Index(line[i:to], old)
		if found < 0 {
			break
		}
		i += found
		if !isWord(line[:i], old, line[i+len(old):]) {
			continue
		}
		return Edit{File: at.File, Line: at.Line, LineEnd: at.Line, Old: line, New: line[:i] + new + line[i+len(old):]}
	}
	return Edit{}
}

// isWord says whether a text stands between others as a word: 80 is none in 8080, web none in $web.
func isWord(before, text, after string) bool {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"
	inside := func(s string, i int) bool { return i >= 0 && i < len(s) && strings.IndexByte(letters, s[i]) >= 0 }
	if inside(text, 0) && (inside(before, len(before)-1) || strings.HasSuffix(before, "$") || strings.HasSuffix(before, "${")) {
		return false
	}
	return !inside(text, len(text)-1) || !inside(after, 0)
}

// offset is where a column begins in a line, in bytes.
func offset(line string, column int) int {
	for i := range line {
		if column--; column <= 0 {
			return i
		}
	}
	return 0
}

// insertBefore puts lines before a line, each as deep as that line.
func insertBefore(sources compose.Sources, at proxy.Place, lines ...string) Edit {
	indent := indentation(sources.Line(at.File, at.Line))
	return Edit{File: at.File, Line: at.Line, LineEnd: at.Line, New: indent + strings.Join(lines, "\n"+indent)}
}

// addToService puts lines at the top of a service's section, as deep as its other keys. The zero
// Edit where the section is not written as a block, or comes from an alias.
func addToService(stack *compose.Stack, svc *compose.Service, lines ...string) Edit {
	own := stack.Sources.Line(svc.Place.File, svc.Place.Line)
	first, next := content(stack, svc.Place)
	key, rest, ok := strings.Cut(strings.TrimSpace(withoutComment(own)), ":")
	if !ok || strings.Trim(key, `"'`) != svc.Name || strings.TrimSpace(rest) != "" || len(indentation(next)) <= len(indentation(own)) {
		return Edit{}
	}
	return insertBefore(stack.Sources, first, lines...)
}

// content is the first line behind a place that is neither blank nor a comment.
func content(stack *compose.Stack, at proxy.Place) (proxy.Place, string) {
	for n := at.Line + 1; n < at.Line+20; n++ {
		line := stack.Sources.Line(at.File, n)
		if text := strings.TrimSpace(line); text != "" && text[0] != '#' {
			return proxy.Place{File: at.File, Line: n}, line
		}
	}
	return proxy.Place{}, ""
}

// addItem puts an item at the top of a service's list, as its other items are written: asKey is the
// item where the list is written as a map. A list that is not there is made. The zero Edit where it
// is written in a way that no line can be put into, or not in the service itself but in an anchor.
func addItem(stack *compose.Stack, svc *compose.Service, list, item, asKey string) Edit {
	at := stack.At("services", svc.Name, list)
	if at == svc.Place {
		return addToService(stack, svc, list+":", "  - "+item)
	}
	line := stack.Sources.Line(at.File, at.Line)
	first, next := content(stack, at)
	switch text := strings.TrimSpace(withoutComment(line)); {
	case !within(stack, svc, at):
	case text == list+": []":
		return Edit{File: at.File, Line: at.Line, LineEnd: at.Line, Old: line, New: strings.Replace(line, "[]", "["+item+"]", 1)}
	case strings.HasPrefix(text, list+": [") && strings.HasSuffix(text, "]"):
		end := strings.LastIndex(withoutComment(line), "]")
		return Edit{File: at.File, Line: at.Line, LineEnd: at.Line, Old: line, New: strings.TrimRight(line[:end], ", ") + ", " + item + line[end:]}
	case text != list+":":
	case strings.HasPrefix(strings.TrimSpace(next), "- "):
		return insertBefore(stack.Sources, first, "- "+item)
	case len(indentation(next)) > len(indentation(line)) && strings.Contains(next, ":"):
		return insertBefore(stack.Sources, first, asKey)
	}
	return Edit{}
}

// within says whether a place lies among the lines of a service.
func within(stack *compose.Stack, svc *compose.Service, at proxy.Place) bool {
	if at.File != svc.Place.File {
		return true // the service stands in several files
	}
	if at.Line < svc.Place.Line {
		return false
	}
	depth := len(indentation(stack.Sources.Line(at.File, svc.Place.Line)))
	for n := svc.Place.Line + 1; n <= at.Line; n++ {
		line := stack.Sources.Line(at.File, n)
		if text := strings.TrimSpace(line); text != "" && text[0] != '#' && len(indentation(line)) <= depth {
			return false
		}
	}
	return true
}

// withoutComment is a line of YAML without the comment behind it.
func withoutComment(line string) string {
	line, _, _ = strings.Cut(line, " #")
	return line
}

func indentation(line string) string {
	return line[:len(line)-len(strings.TrimLeft(line, " \t"))]
}
