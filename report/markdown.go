package report

import (
	"strconv"
	"strings"

	"why502/inspect"
)

// explainMarkdown is the page of a rule, as Explain prints it, in markdown.
func explainMarkdown(rule *inspect.Rule) string {
	var b strings.Builder
	prose := func(first, text string) {
		for paragraph := range strings.SplitSeq(strings.TrimSpace(text), "\n\n") {
			if paragraph != "" {
				b.WriteString(first + escapeMarkdown(Clean(reflowed(paragraph))) + "\n\n")
			}
			first = ""
		}
	}
	example := func(heading, source string) {
		if strings.TrimSpace(source) != "" {
			b.WriteString("**" + heading + "**\n\n" + fenced("", eachLine("", strings.Trim(source, "\n"))) + "\n")
		}
	}
	prose("", rule.Why)
	example("Wrong", rule.Bad)
	example("Right", rule.Good)
	prose("**Fix:** ", rule.Fix)
	return strings.TrimSpace(b.String())
}

// fenced is a block of code, whatever is in its lines.
func fenced(language string, lines []string) string {
	text := strings.Join(lines, "\n")
	fence := "```"
	for strings.Contains(text, fence) {
		fence += "`"
	}
	return fence + language + "\n" + text + "\n" + fence + "\n"
}

// escapeMarkdown makes text mean nothing but itself, in prose and in a table. Characters that markdown,
// HTML or GitHub could read something into become references, which are text wherever they stand.
func escapeMarkdown(text string) string {
	var b strings.Builder
	for _, r := range text {
		if strings.ContainsRune("\\`*_[]<>|~$&#@!:", r) {
			b.WriteString("&#" + strconv.Itoa(int(r)) + ";")
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}
