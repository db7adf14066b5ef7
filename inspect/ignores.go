package inspect

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"why502/compose"
	"why502/compose/proxy"
)

// Bounds of what is said of ignores, and of how long they are held against findings: the files that have them
// may be made to have many.
const (
	maxRemarks  = 100
	maxCompared = 5_000_000 // subjects
	maxRuleID   = 60        // characters; longer ones are no slip
)

// ignorer decides which findings the user accepts.
type ignorer struct {
	*judge
	opts     Options
	comments map[commented]*Ignore
	others   []*Ignore
	accepted *acceptance
	used     map[*Ignore]bool
	compared int
	remarks  []Remark
}

// commented is what a comment is about.
type commented struct {
	file string
	line int // 0: the file as a whole
	rule string
}

// newIgnorer takes the ignores that count, and remarks on those that do not.
func (j *judge) newIgnorer(opts Options) *ignorer {
	g := &ignorer{judge: j, opts: opts, comments: map[commented]*Ignore{}, used: map[*Ignore]bool{}, accepted: newAcceptance(opts.Baseline)}
	for _, i := range slices.Concat(j.stack.Ignores, opts.Ignore) {
		i.Rule, i.Reason, i.Subject = j.mask(i.Rule), j.mask(i.Reason), j.mask(i.Subject)
		if why := g.fault(i); why != "" {
			g.remark(i.Place, why)
			continue
		}
		if i.Kind != ByComment {
			g.others = append(g.others, &i)
			continue
		}
		for _, line := range []int{i.About, 0} {
			at := commented{i.Place.File, line, i.Rule}
			if g.comments[at] == nil && i.About > 0 {
				g.comments[at] = &i
			}
		}
	}
	return g
}

// fault says why an ignore does not count; empty: it does.
func (g *ignorer) fault(i Ignore) string {
	const form = "write # why502:ignore RULE REASON"
	switch {
	case i.Rule == "":
		return "this ignores nothing, as it names no rule: " + form
	case findRule(i.Rule) == nil && (i.Rule != "*" || i.Kind == ByComment):
		return fmt.Sprintf("this ignores nothing, as there is no rule %q%s", i.Rule, meant(i.Rule))
	case i.Reason == "" && i.Kind != ByFlag:
		return "this ignores nothing, as it gives no reason: " + form
	case !i.Until.IsZero() && !g.opts.Now.Before(i.Until.AddDate(0, 0, 1)):
		return fmt.Sprintf("this ignores %s no more, as it counted until %s", i.Rule, i.Until.Format(time.DateOnly))
	}
	return ""
}

// findRule finds a rule by its id; nil: there is none.
func findRule(id string) *Rule {
	for _, r := range rules {
		if r.ID == id {
			return r
		}
	}
	return nil
}

// meant asks whether the rule with the nearest name was meant; empty where none is near.
func meant(id string) string {
	best, least := "", 2+len(id)/3
	for _, r := range rules {
		if len(id) > maxRuleID {
			break
		}
		if d := Distance(strings.ToLower(id), r.ID); d < least {
			best, least = "; did you mean "+r.ID+"?", d
		}
	}
	return best
}

func (g *ignorer) remark(at proxy.Place, text string) {
	switch n := len(g.remarks); {
	case n < maxRemarks:
		g.remarks = append(g.remarks, Remark{at, text})
	case n == maxRemarks:
		g.remarks = append(g.remarks, Remark{Text: "there is more to say of what is ignored"})
	}
}

// by is what a finding is ignored by; nil: nothing. Findings come as they are before those that are equal
// become one, so that what is said of one place or route says nothing of another.
func (g *ignorer) by(f *Finding) *Ignore {
	known := g.accepted.has(f)
	i := g.comments[commented{f.Place.File, f.Place.Line, f.Rule.ID}]
	if i == nil {
		if n := slices.IndexFunc(g.others, func(i *Ignore) bool { return g.matches(i, f) }); n >= 0 {
			i = g.others[n]
		}
	}
	switch {
	case i != nil:
		g.used[i] = true
		return i
	case known:
		return g.accepted.by
	}
	return nil
}

// matches says whether an ignore is about a finding.
func (g *ignorer) matches(i *Ignore, f *Finding) bool {
	if i.Rule != "*" && i.Rule != f.Rule.ID {
		return false
	}
	if i.Subject == "" {
		return true
	}
	if g.compared += 3 + len(f.Routes); g.compared > maxCompared {
		return false
	}
	is := func(s string) bool { return wildcard(i.Subject, s) }
	return is(f.Service) || is(f.Proxy) || is(f.subject) || slices.ContainsFunc(f.Routes, func(id string) bool { return is(cmp.Or(g.ids[id], id)) })
}

// close remarks on what is not needed, as far as this run can tell by what it has found. From the files alone: what
// the daemon says comes and goes.
func (g *ignorer) close(found []*Finding) []Remark {
	if g.compared > maxCompared {
		g.remark(proxy.Place{}, "there is too much to ignore: not every subject was compared with every finding")
	}
	for _, i := range g.stackIgnores() {
		if !g.used[i] && g.looked(i.Rule) && !g.live() && !hides(found, i.Rule) {
			g.remark(i.Place, "this ignores nothing: no such finding of "+i.Rule+" is there")
		}
	}
	for _, a := range g.accepted.gone() {
		if g.looked(a.Rule) {
			g.remark(a.Place, fmt.Sprintf("gone since %s: %s [%s]", g.opts.Baseline.File, a.Message, a.Rule))
		}
	}
	return g.remarks
}

// stackIgnores are the ignores of the project's files that count, in the order in which they are written.
func (g *ignorer) stackIgnores() (all []*Ignore) {
	for _, i := range g.others {
		if i.Kind == ByFile {
			all = append(all, i)
		}
	}
	for at, i := range g.comments {
		if at.line > 0 {
			all = append(all, i)
		}
	}
	slices.SortStableFunc(all, func(a, b *Ignore) int {
		return cmp.Or(cmp.Compare(b.Kind, a.Kind), cmp.Compare(a.Place.File, b.Place.File), cmp.Compare(a.Place.Line, b.Place.Line), cmp.Compare(a.Place.Column, b.Place.Column))
	})
	return all
}

// hides says whether what was found may hide something of a rule: a hop that is broken ends the walk. Where the rule
// has found something, it does not.
func hides(found []*Finding, rule string) bool {
	return slices.ContainsFunc(found, (*Finding).breaks) && !slices.ContainsFunc(found, func(f *Finding) bool { return f.Rule.ID == rule })
}

// looked says whether a rule could find anything in this run: of a configuration that cannot be read, and of proxies
// that were left out, nothing is known.
func (g *ignorer) looked(id string) bool {
	unread := slices.ContainsFunc(g.stack.Proxies, func(p *compose.Proxy) bool { return len(p.Config.Faults) > 0 })
	if g.opts.Some || unread {
		return false
	}
	r := findRule(id)
	return r == nil || !r.Live || g.snap != nil
}

// acceptance is what is left of a baseline. Findings at one place are one.
type acceptance struct {
	by     *Ignore
	rows   []Accepted
	left   map[string][]int // of rows, by fingerprint: one for each place that none has taken yet
	placed map[printed]int  // which row a place has taken; -1: none
}

// printed is a fingerprint at a place.
type printed struct {
	print string
	place proxy.Place
}

func newAcceptance(b *Baseline) *acceptance {
	a := &acceptance{left: map[string][]int{}, placed: map[printed]int{}}
	if b == nil {
		return a
	}
	a.by, a.rows = &Ignore{Kind: ByBaseline, Reason: "accepted in " + b.File}, b.Accepted
	for n, row := range b.Accepted {
		for _, print := range row.Fingerprints {
			a.left[print] = append(a.left[print], n)
		}
	}
	return a
}

// has says whether a finding is accepted: one like it was there, and was as bad.
func (a *acceptance) has(f *Finding) bool {
	at := printed{f.Fingerprints[0], f.Place}
	row, seen := a.placed[at]
	if !seen {
		row = -1
		if left := a.left[at.print]; len(left) > 0 {
			row, a.left[at.print] = left[0], left[1:]
		}
		a.placed[at] = row
	}
	return row >= 0 && f.Severity <= a.rows[row].Severity
}

// gone are the rows of which a place was not found again.
func (a *acceptance) gone() (rows []Accepted) {
	left := map[int]bool{}
	for _, ns := range a.left {
		for _, n := range ns {
			left[n] = true
		}
	}
	for n, row := range a.rows {
		if left[n] {
			rows = append(rows, row)
		}
	}
	return rows
}

// Fingerprint is the same for a finding wherever its line moves to, and on every machine. Excerpt has to be set.
func (f *Finding) Fingerprint() string {
	file := f.Place.File
	if at := strings.LastIndexAny(file, `/\`); isAbs(file) {
		file = file[at+1:] // outside the project, machines have it in places of their own
	}
	sum := sha256.Sum256([]byte(strings.Join([]string{f.Rule.ID, file, strings.TrimSpace(f.Excerpt), f.Proxy, f.Service}, "\x00")))
	return hex.EncodeToString(sum[:8])
}

// isAbs says whether a path is absolute, on this system or another.
func isAbs(name string) bool {
	return strings.HasPrefix(name, "/") || len(name) > 2 && name[1] == ':' && (name[2] == '/' || name[2] == '\\')
}
