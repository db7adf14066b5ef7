package report

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"why502/inspect"
)

// maxAnnotations is how many annotations of one kind GitHub takes from a step.
const maxAnnotations = 10

// writeGitHub prints the report as commands of GitHub's workflows, each of which becomes an annotation
// at its line, and the verdict as a line of the log. Of each severity the worst come first, and what
// GitHub would drop is counted. (docs.github.com, "Workflow commands for GitHub Actions")
func writeGitHub(w io.Writer, r *inspect.Report, opts Options) error {
	b := bufio.NewWriter(w)
	r = inWorkspace(r, opts.Prefix)
	fmt.Fprintln(b, logLine(r.Project.Name+": "+sentence(r)+" ("+mode(r.Live)+")"))
	written, left := map[inspect.Severity]int{}, map[inspect.Severity]int{}
	for _, f := range shown(r.Findings, opts) {
		if written[f.Severity]++; written[f.Severity] > maxAnnotations {
			left[f.Severity]++
			continue
		}
		fmt.Fprintln(b, annotation(f))
	}
	texts := ignoredTexts(r, opts)
	for _, text := range texts[:min(len(texts), maxRows)] {
		fmt.Fprintln(b, logLine("ignored: "+text))
	}
	if n := len(texts) - maxRows; n > 0 {
		fmt.Fprintln(b, logLine(fmt.Sprintf("ignored: and %d more", n)))
	}
	for _, line := range leftOut(r, opts) {
		fmt.Fprintln(b, logLine(line))
	}
	if more := moreOf(left); more != "" {
		fmt.Fprintln(b, logLine(fmt.Sprintf("%s more without an annotation: GitHub takes %d of each from a step", more, maxAnnotations)))
	}
	return b.Flush()
}

// logLine is a line of the log that is no command, whatever is in it. GitHub looks for ##[ anywhere.
func logLine(text string) string {
	return "why502: " + strings.ReplaceAll(cut(text, maxText), "##[", "# #[")
}

// annotation is the command that makes an annotation of a finding.
func annotation(f *inspect.Finding) string {
	var properties []string
	add := func(name, value string) {
		properties = append(properties, name+"="+escapeProperty(cut(value, maxText)))
	}
	if f.Place.Known() {
		add("file", f.Place.File)
		if f.Place.Line > 0 {
			add("line", fmt.Sprint(f.Place.Line))
		}
		if f.Place.Column > 0 {
			add("col", fmt.Sprint(f.Place.Column))
		}
	}
	add("title", f.Rule.ID)
	message := cut(f.Message, maxText)
	if !f.Place.Known() && f.Proxy != "" {
		message = cut(f.Proxy, maxLabel) + ": " + message
	}
	lines := append([]string{message}, remedyLines(f)...)
	return "::" + annotationKind(f.Severity) + " " + strings.Join(properties, ",") + "::" + escapeData(strings.Join(lines, "\n"))
}

// annotationKind is GitHub's word for a severity.
func annotationKind(s inspect.Severity) string {
	if s == inspect.Note {
		return "notice"
	}
	return severityName(s)
}

// escapeData escapes what follows a command.
func escapeData(text string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A").Replace(text)
}

// escapeProperty escapes the value of one of a command's properties.
func escapeProperty(text string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C").Replace(text)
}
