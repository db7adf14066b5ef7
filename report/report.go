// Package report prints: from a Report to bytes, in one of several formats. It is pure: it reads
// no file and no variable, and writes nowhere but to the writer that it is given.
package report

import (
	"io"

	"why502/inspect"
)

// Options say how a report is printed. They never change what it says.
type Options struct {
	Color   bool             // text: with terminal colours
	Verbose bool             // text: everything, however long it gets
	Quiet   bool             // text: a line per finding, and nothing else
	Width   int              // text: columns to wrap prose at; 0: 80
	Show    inspect.Severity // the least severity that is printed; 0: all are
	Version string           // of the program
	Prefix  string           // github, sarif, markdown, junit: where the project is in the workspace

	// Link gives the URL of a file and its line (0: none), for terminals that take links; empty: it has none. Nil:
	// none has. Of text.
	Link func(file string, line int) string
}

// Format is one way to print a report.
type Format struct {
	Name  string
	Write func(w io.Writer, r *inspect.Report, opts Options) error
}

// Formats are all formats; the first is the default.
func Formats() []Format {
	return []Format{
		{"text", writeText},
		{"json", writeJSON},
		{"github", writeGitHub},
		{"sarif", writeSARIF},
		{"markdown", writeMarkdown},
		{"junit", writeJUnit},
		{"html", writeHTML},
	}
}

// Severities are the names of the severities, as every output and flag has them, the least first.
func Severities() []string { return []string{"note", "warning", "error"} }

// severityName gives the name of a severity.
func severityName(s inspect.Severity) string { return Severities()[s-inspect.Note] }

// shown are the findings that opts let through.
func shown(findings []*inspect.Finding, opts Options) []*inspect.Finding {
	kept := make([]*inspect.Finding, 0, len(findings))
	for _, f := range findings {
		if f.Severity >= opts.Show {
			kept = append(kept, f)
		}
	}
	return kept
}
