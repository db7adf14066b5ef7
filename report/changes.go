package report

import (
	"io"
	"time"

	"why502/inspect"
)

// Changes are what is different between a report and the one before it.
type Changes struct {
	Now  *inspect.Report
	At   time.Time // of Now, in the zone in which it is printed
	Came []*inspect.Finding
	Went []*inspect.Finding
}

// WriteChanges prints what is new as a report does, what is gone on a line each, and last the verdict and the time.
// Options are those of the format text.
func WriteChanges(w io.Writer, c Changes, opts Options) error {
	p := newPage(w, opts)
	if opts.Quiet {
		for _, f := range shown(c.Came, opts) {
			p.quiet(f)
		}
		for _, f := range shown(c.Went, opts) {
			p.put(green, "gone: ")
			p.quiet(f)
		}
		return p.w.Flush()
	}
	came := *c.Now
	came.Findings = c.Came
	p.findings(&came)
	p.went(shown(c.Went, opts))
	p.end()
	p.put(dim, c.At.Format(time.TimeOnly)+" ")
	p.verdict(c.Now)
	return p.w.Flush()
}

// went writes what is gone.
func (p *page) went(findings []*inspect.Finding) {
	if len(findings) == 0 {
		return
	}
	p.end()
	for i, f := range findings {
		if i == maxFindings && !p.Verbose {
			p.line(plain, "and "+count(len(findings)-i, "finding")+" more are gone")
			return
		}
		p.hang(green, "gone: ", f.Message+" ["+f.Rule.ID+"]")
	}
}

// Headline is the first line of a report in the format text.
func Headline(r *inspect.Report) string {
	return r.Project.Name + ": " + sentence(r) + " (" + mode(r.Live) + ")"
}
