package report

import (
	"fmt"
	"strings"

	"why502/inspect"
)

// What the formats have in common of the findings that the user accepts: they stay visible, with the reason.

// kindOf is how a finding is ignored.
func kindOf(f *inspect.Finding) inspect.IgnoreKind {
	if f.By == nil {
		return inspect.ByFlag
	}
	return f.By.Kind
}

// why is the reason why a finding is ignored, as far as one is known.
func why(f *inspect.Finding) string {
	if f.By == nil || f.By.Reason == "" {
		return "--ignore"
	}
	return f.By.Reason
}

// ignoredText is a finding that is ignored by a file of the project: what, where, why, and where that is written.
func ignoredText(f *inspect.Finding) string {
	text := f.Message + " [" + f.Rule.ID + "]"
	if f.Place.Known() {
		text += " at " + placeText(f.Place)
	}
	text += ": " + why(f)
	if f.By.Place.Known() {
		text += " (" + placeText(f.By.Place) + ")"
	}
	return text
}

// ignoredTexts are the findings that the files of the project ignore, how many a baseline accepts, and what there
// is to say of the ignores themselves. Those of --ignore are counted by leftOut.
func ignoredTexts(r *inspect.Report, opts Options) (texts []string) {
	accepted, in := 0, ""
	for _, f := range shown(r.Ignored, opts) {
		switch kindOf(f) {
		case inspect.ByBaseline:
			accepted, in = accepted+1, why(f)
		case inspect.ByComment, inspect.ByFile:
			texts = append(texts, ignoredText(f))
		}
	}
	if accepted > 0 {
		texts = append(texts, count(accepted, "finding")+" "+in)
	}
	return append(texts, each(r.Remarks, remarkText)...)
}

func remarkText(m inspect.Remark) string {
	if m.Place.Known() {
		return placeText(m.Place) + ": " + m.Text
	}
	return m.Text
}

// ignored writes what is ignored, and why.
func (p *page) ignored(r *inspect.Report) {
	p.bullets("ignored", ignoredTexts(r, p.Options))
}

// ignoredList is what is ignored, and why, in markdown.
func ignoredList(r *inspect.Report, opts Options) string {
	texts := ignoredTexts(r, opts)
	if len(texts) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString("<details><summary>Ignored</summary>\n\n")
	for _, text := range texts[:min(len(texts), maxRows)] {
		b.WriteString("- " + prose(text) + "\n")
	}
	if n := len(texts) - maxRows; n > 0 {
		fmt.Fprintf(&b, "- and %d more\n", n)
	}
	b.WriteString("\n</details>\n")
	return b.String()
}

// suppressionOf says in SARIF's words what a finding is ignored by.
func suppressionOf(f *inspect.Finding) sarifSuppression {
	kind := "external"
	if kindOf(f) == inspect.ByComment {
		kind = "inSource"
	}
	return sarifSuppression{Kind: kind, Justification: cut(why(f), maxText)}
}

// acceptedRoutes are the routes that fail by ignored findings alone.
func acceptedRoutes(r *inspect.Report) map[string]*inspect.Finding {
	accepted := map[string]*inspect.Finding{}
	for _, f := range r.Ignored {
		for _, id := range f.Routes {
			if accepted[id] == nil && f.Severity == inspect.Error {
				accepted[id] = f
			}
		}
	}
	for _, f := range r.Findings {
		if f.Severity != inspect.Error {
			continue
		}
		for _, id := range f.Routes {
			delete(accepted, id)
		}
	}
	return accepted
}
