package trace

import (
	"fmt"
	"strings"

	"why502/compose/proxy"
)

// search is how the search for a location ended.
type search int

const (
	declined search = iota // none
	again                  // a prefix: regular expressions may still take the request
	found                  // an exact one, or a regular expression
	slash                  // one that the request lacks only the last slash of
	failed
)

// findLocation chooses the location for the URI.
func findLocation(e *engine) phase {
	e.answering, e.uriChanged = nil, false
	s, result := e.find(e.serverScope())
	if result == failed {
		return nil
	}
	if s.location != nil {
		e.step(StepLocation, s.location.Place, "location %s", s.location).Lost = e.considered(s.location)
	} else {
		e.step(StepLocation, e.way.Server.Place, "no location").Lost = e.considered(nil)
	}
	if !e.internal && len(s.nearest("internal")) > 0 && s.location != nil {
		e.scope = s
		return e.fail(404, s.nearest("internal")[0].Place, "the location is internal")
	}
	e.enter(s)
	if result == slash {
		return e.addSlash(s.location)
	}
	return locationRewrite
}

// addSlash redirects to the location whose last slash the request lacks.
func (e *engine) addSlash(l *proxy.Location) phase {
	if e.args.why != "" {
		return e.give("where the redirect leads to: " + e.args.why)
	}
	e.location = escape(word(l.Path), inURI)
	if e.args.text != "" {
		e.location += "?" + e.args.text
	}
	e.step(StepRedirect, l.Place, "the slash of %s is added", l)
	return e.fail(301, l.Place, fmt.Sprintf("location %s, which passes on, is asked for without its slash", l))
}

// find searches a block and, in the location that it finds, those nested in it.
func (e *engine) find(at *scope) (*scope, search) {
	s, result := e.prefix(at)
	ends := false
	if result == again {
		ends = s.location.Modifier == "^~"
		s, result = e.find(s)
	}
	if result == found || result == slash || result == failed || ends {
		return s, result
	}
	for _, l := range at.locations(e.way.Server) {
		if l.Modifier != "~" && l.Modifier != "~*" {
			continue
		}
		matched, err := e.matches(word(l.Path), l.Modifier == "~*", e.uri)
		if err != nil {
			e.give(fmt.Sprintf("whether location %s matches: %v", l, err))
			return at, failed
		}
		if matched {
			inner, result := e.find(&scope{l.Directives, at, l, ""})
			if result != failed {
				result = found
			}
			return inner, result
		}
	}
	return s, result
}

// prefix searches the locations of a block that are paths: the one that is the URI, then the one that
// the URI lacks only a slash of, then the longest that begins it.
func (e *engine) prefix(at *scope) (*scope, search) {
	var best *proxy.Location
	missing := (*proxy.Location)(nil)
	for _, l := range at.locations(e.way.Server) {
		name := word(l.Path)
		switch {
		case l.Modifier != "" && l.Modifier != "=" && l.Modifier != "^~":
		case l.Modifier == "=" && name == e.uri:
			return &scope{l.Directives, at, l, ""}, found
		case name == e.uri+"/" && passes(at.locations(e.way.Server), name):
			if missing == nil || l.Modifier == "=" {
				missing = l
			}
		case l.Modifier != "=" && strings.HasPrefix(e.uri, name) && (best == nil || len(name) > len(word(best.Path))):
			best = l
		}
	}
	if missing != nil && (best == nil || word(best.Path) != e.uri) {
		return &scope{missing.Directives, at, missing, ""}, slash
	}
	if best == nil {
		return at, declined
	}
	return &scope{best.Directives, at, best, ""}, again
}

// passes says whether a location of that path passes requests on.
func passes(all []*proxy.Location, name string) bool {
	for _, l := range all {
		if l.Modifier == "~" || l.Modifier == "~*" || l.Modifier == "@" || word(l.Path) != name {
			continue
		}
		for _, d := range l.Directives {
			if strings.HasSuffix(d.Name, "_pass") && len(d.Args) > 0 {
				return true
			}
		}
	}
	return false
}

// considered are the other locations beside the one that was chosen, and those around it, and why
// they were not.
func (e *engine) considered(chosen *proxy.Location) (lost []Lost) {
	var walk func(all []*proxy.Location)
	walk = func(all []*proxy.Location) {
		for _, l := range all {
			if l != chosen && len(lost) < maxSteps {
				if why := e.why(l, chosen); why != "" {
					lost = append(lost, Lost{"location " + l.String(), why, l.Place})
				}
			}
			if contains(l, chosen) {
				walk(l.Locations)
			}
		}
	}
	walk(e.way.Server.Locations)
	return lost
}

// contains says whether a location is another, or around it.
func contains(l, inner *proxy.Location) bool {
	if l == inner {
		return true
	}
	for _, nested := range l.Locations {
		if contains(nested, inner) {
			return true
		}
	}
	return false
}

// why says why a location was not chosen; empty: it is around the one that was.
func (e *engine) why(l, chosen *proxy.Location) string {
	name := word(l.Path)
	switch {
	case chosen != nil && contains(l, chosen):
		return ""
	case l.Modifier == "@":
		return "is only gone to by its name"
	case l.Modifier == "=":
		return fmt.Sprintf("is not %s", e.uri)
	case l.Modifier != "~" && l.Modifier != "~*":
		if !strings.HasPrefix(e.uri, name) {
			return fmt.Sprintf("does not begin %s", e.uri)
		}
		return "another matches better"
	case chosen != nil && chosen.Modifier == "=":
		return "an exact location comes first"
	case chosen != nil && chosen.Modifier == "^~":
		return "^~ comes before regular expressions"
	case chosen != nil && strings.HasPrefix(chosen.Modifier, "~") && chosen.Order < l.Order:
		return "another regular expression comes first"
	}
	return fmt.Sprintf("does not match %s", e.uri)
}
