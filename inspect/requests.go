package inspect

import (
	"net/url"
	"path"
	"regexp"
	"strings"

	"why502/compose/proxy"
)

// requestPath is the path of a request's URI as nginx matches it against locations: decoded, without
// what follows a question mark, dots and double slashes resolved.
func requestPath(uri string) string {
	if _, rest, absolute := strings.Cut(uri, "://"); absolute && !strings.HasPrefix(uri, "/") {
		_, after, _ := strings.Cut(rest, "/")
		uri = "/" + after
	}
	uri, _, _ = strings.Cut(uri, "?")
	uri, _, _ = strings.Cut(uri, "#")
	if decoded, err := url.PathUnescape(uri); err == nil {
		uri = decoded
	}
	if !strings.HasPrefix(uri, "/") {
		return uri
	}
	clean := path.Clean(uri)
	if strings.HasSuffix(uri, "/") && clean != "/" {
		clean += "/"
	}
	return clean
}

// locationAt is the location that nginx takes for the path of one request: the exact one, else the
// first regular expression that matches, else the longest prefix. told is false where a regular
// expression that cannot be read here might decide.
func locationAt(locations []*proxy.Location, path string) (loc *proxy.Location, told bool) {
	loc, _, told = find(locations, path)
	return loc, told
}

// find is locationAt; byPattern says that a regular expression decided.
func find(locations []*proxy.Location, path string) (best *proxy.Location, byPattern, told bool) {
	for _, l := range locations {
		switch {
		case l.Modifier == "=" && l.Path == path:
			return l, false, true
		case (l.Modifier == "" || l.Modifier == "^~") && strings.HasPrefix(path, l.Path) && (best == nil || len(l.Path) > len(best.Path)):
			best = l
		}
	}
	told = true
	if best != nil {
		final := best.Modifier == "^~"
		if best, byPattern, told = innermost(best, path); byPattern || final {
			return best, byPattern, told
		}
	}
	for _, l := range locations {
		switch matches, known := matches(l, path); {
		case !known:
			return best, false, false
		case matches:
			loc, _, sure := innermost(l, path)
			return loc, true, told && sure
		}
	}
	return best, false, told
}

// innermost is the location within another that takes a path, or that one itself.
func innermost(l *proxy.Location, path string) (loc *proxy.Location, byPattern, told bool) {
	if loc, byPattern, told = find(l.Locations, path); loc == nil {
		return l, false, told
	}
	return loc, byPattern, told
}

// matches says whether a location's regular expression matches a path; known is false where that is
// one that only PCRE can read.
func matches(l *proxy.Location, path string) (matches, known bool) {
	pattern := l.Path
	switch l.Modifier {
	case "~*":
		pattern = "(?i)" + pattern
	case "~":
	default:
		return false, true
	}
	compiled, err := regexp.Compile(pattern)
	return err == nil && compiled.MatchString(path), err == nil
}
