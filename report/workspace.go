package report

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"why502/compose/proxy"
	"why502/inspect"
)

// What the formats for CI have in common: paths as the workspace has them, text of a length that others
// take, and the words for what was left out.

// inWorkspace is the report with its paths relative to the workspace, which is where prefix, the
// project's directory, starts from. What was read from standard input is nowhere there.
func inWorkspace(r *inspect.Report, prefix string) *inspect.Report {
	moved := *r
	moved.Project.Files = each(r.Project.Files, func(file string) string { return underPrefix(prefix, file) })
	moved.Routes = each(r.Routes, func(route inspect.RouteReport) inspect.RouteReport {
		route.Place = placeUnder(prefix, route.Place)
		return route
	})
	move := func(f *inspect.Finding) *inspect.Finding { return findingUnder(prefix, f) }
	moved.Findings, moved.Ignored = each(r.Findings, move), each(r.Ignored, move)
	moved.Remarks = each(r.Remarks, func(m inspect.Remark) inspect.Remark {
		m.Place = placeUnder(prefix, m.Place)
		return m
	})
	return &moved
}

func findingUnder(prefix string, f *inspect.Finding) *inspect.Finding {
	moved := *f
	moved.Place = placeUnder(prefix, f.Place)
	moved.Related = each(f.Related, func(r inspect.Related) inspect.Related {
		r.Place = placeUnder(prefix, r.Place)
		return r
	})
	moved.Fix.Edits = each(f.Fix.Edits, func(e inspect.Edit) inspect.Edit {
		e.File = underPrefix(prefix, e.File)
		return e
	})
	if f.By != nil {
		by := *f.By
		by.Place = placeUnder(prefix, by.Place)
		moved.By = &by
	}
	return &moved
}

func placeUnder(prefix string, at proxy.Place) proxy.Place {
	at.File = underPrefix(prefix, at.File)
	return at
}

func underPrefix(prefix, file string) string {
	switch {
	case file == "" || file == "-":
		return ""
	case path.IsAbs(file):
		return file
	}
	return path.Join(prefix, file)
}

// maxOfRoute is how many findings are told of one route. What stops nginx is about all of its routes, so there
// can be as many of each as there are findings.
const maxOfRoute = 5

// routeFindings are what was found against one route, as indexes: first what is at its own place, else the worst.
type routeFindings struct {
	first []int
	more  int
}

// findingsByRoute are the findings of each route, by its id.
func findingsByRoute(routes []inspect.RouteReport, findings []*inspect.Finding) map[string]*routeFindings {
	by, places := map[string]*routeFindings{}, map[string]proxy.Place{}
	for _, route := range routes {
		by[route.ID], places[route.ID] = &routeFindings{}, route.Place
	}
	for i, f := range findings {
		for _, id := range f.Routes {
			of := by[id]
			switch {
			case of == nil:
				continue
			case f.Place == places[id]:
				of.first = slices.Insert(of.first, 0, i)
			default:
				of.first = append(of.first, i)
			}
			if len(of.first) > maxOfRoute {
				of.first, of.more = of.first[:maxOfRoute], of.more+1
			}
		}
	}
	return by
}

// cut is clean text of at most n characters.
func cut(text string, n int) string {
	text = Clean(text[:min(len(text), utf8.UTFMax*n)]) // more than that is never shown
	if utf8.RuneCountInString(text) <= n {
		return text
	}
	return string([]rune(text)[:n-1]) + "…"
}

// How much of one text is printed where a program reads it and shows it to people, in characters.
const (
	maxText  = 2000
	maxLabel = 200
	maxLines = 20 // of what is to be pasted, changed, or was seen
)

// remedyLines are a finding's fix in lines of text: in words, then the lines that go and that come, or
// that are to be pasted and where, then what to run.
func remedyLines(f *inspect.Finding) (lines []string) {
	fix := f.Fix
	if pastesElsewhere(f) {
		lines = append(lines, cut("change: "+relatedText(f.Related[0]), maxText))
	}
	if fix.Text != "" {
		lines = append(lines, "fix: "+cut(fix.Text, maxText))
	}
	for _, e := range fix.Edits {
		lines = append(lines, cut(editPlace(e), maxText))
		lines = append(lines, changeLines(e)...)
	}
	if len(fix.Edits) == 0 {
		lines = append(lines, eachLine("  ", fix.Paste)...)
	}
	if fix.Run != "" {
		lines = append(lines, "run: "+cut(fix.Run, maxText))
	}
	return bounded(lines)
}

// changeLines are the lines of an edit, as diff has them.
func changeLines(e inspect.Edit) []string {
	return append(eachLine("- ", e.Old), eachLine("+ ", e.New)...)
}

// eachLine gives the lines of a text, cleaned, with something before each.
func eachLine(before, text string) (lines []string) {
	for line := range strings.Lines(text) {
		lines = append(lines, before+cut(strings.TrimRight(line, " \t\r\n"), maxText))
	}
	return lines
}

// bounded keeps the first lines, and counts the others.
func bounded(lines []string) []string { return boundedBy(lines, maxLines) }

func boundedBy(lines []string, most int) []string {
	if len(lines) > most {
		return append(lines[:most:most], "and "+count(len(lines)-most, "more line"))
	}
	return lines
}

// moreOf says how many of the things there are that are not shown: "2 errors and 1 note"; empty where
// all are shown.
func moreOf(left map[inspect.Severity]int) string {
	var parts []string
	for s := inspect.Error; s >= inspect.Note; s-- {
		if left[s] > 0 {
			parts = append(parts, count(left[s], severityName(s)))
		}
	}
	if len(parts) > 1 {
		last := len(parts) - 1
		return fmt.Sprintf("%s and %s", strings.Join(parts[:last], ", "), parts[last])
	}
	return strings.Join(parts, "")
}
