package inspect

import (
	"regexp"
	"slices"
	"strings"

	"why502/compose"
	"why502/compose/proxy"
)

var passPathSurprise = &Rule{
	ID: "pass-path-surprise", Hop: HopProtocol, Scope: OfProxy, Severity: Note, Causes: "I1 I2",
	Title: "the app is asked for another path than one would think",
	Why: `What follows host and port in a pass, if only a slash, replaces what the location matched, letter by letter: of
location /api and http://api/ the path /api/users becomes //users, of /api/ and http://api/v1 it becomes /v1users.
In a pass with variables it replaces the whole path, whatever was asked for. The app answers 404.`,
	Bad:  `location /api { proxy_pass http://api:8000/; }`,
	Good: `location /api/ { proxy_pass http://api:8000/; }   # both end in a slash`,
	Fix:  "end location and pass with a slash, or neither; with variables use rewrite",
	Check: func(c *Case) *Finding {
		for _, surprises := range []func(*compose.Route) bool{alwaysAsksTheSame, joinsBadly} {
			var at []*Case
			for _, r := range c.Proxy.Routes {
				if replacesPath(r) && surprises(r) {
					at = append(at, &Case{Proxy: c.Proxy, Route: r, facts: c.facts})
				}
			}
			if len(at) == 0 {
				continue
			}
			f := at[0].pathFinding()
			f.Place, f.Routes = at[0].Route.Pass.Place, ids(at)
			return f
		}
		return nil
	},
}

// replacesPath says whether a pass has a path of its own that takes the place of a location's prefix.
func replacesPath(r *compose.Route) bool {
	if r.Location == nil || r.Target.URI == "" || r.Pass.Within != "" || r.Location.Modifier != "" && r.Location.Modifier != "^~" {
		return false
	}
	return !strings.ContainsAny(r.Target.URI, "$?") && !slices.ContainsFunc(r.Location.Directives, func(d *proxy.Directive) bool {
		return d.Name == "internal" || d.Name == "rewrite" || d.Name == "if"
	})
}

// alwaysAsksTheSame says whether a pass asks for one path, whatever is asked for under its location,
// though nothing in its own path is put together of variables. Where neither ends in a slash one page may
// be meant.
func alwaysAsksTheSame(r *compose.Route) bool {
	_, uri := cutURI(r.Pass.Value)
	folder := strings.HasSuffix(r.Location.Path, "/") || strings.HasSuffix(r.Target.URI, "/")
	return folder && r.Pass.Variable && !strings.Contains(uri, "$") && (uri != "" || !strings.Contains(r.Pass.Value, "://"))
}

// joinsBadly says whether one of location and pass ends in a slash and the other does not.
func joinsBadly(r *compose.Route) bool {
	return !r.Pass.Variable && strings.HasSuffix(r.Location.Path, "/") != strings.HasSuffix(r.Target.URI, "/")
}

// cutURI divides the value of a pass behind host and port.
func cutURI(value string) (address, uri string) {
	if scheme, rest, ok := strings.Cut(value, "://"); ok {
		if i := strings.IndexByte(rest, '/'); i >= 0 {
			return scheme + "://" + rest[:i], rest[i:]
		}
	}
	return value, ""
}

// pathFinding says what becomes of a path under the route's location.
func (c *Case) pathFinding() *Finding {
	r := c.Route
	loc, uri, value := r.Location.Path, r.Target.URI, r.Pass.Value
	if r.Pass.Variable {
		return c.samePath()
	}
	rest := "users"
	if !strings.HasSuffix(loc, "/") {
		rest = "/users"
	}
	f := c.finding(Certain, StatusNone, "%s becomes %s: %s of the location is replaced by %s of the pass, and only one of them ends in a slash", loc+rest, uri+rest, loc, uri)
	switch without := strings.TrimSuffix(value, "/"); {
	case strings.HasSuffix(loc, "/"):
		return f.fix("end the pass in a slash too: proxy_pass %s/;", value).edit(replaceAt(c.stack.Sources, r.Pass.Place, value, value+"/"))
	case uri == "/":
		return f.fix("end the location in a slash too: location %s/", loc).edit(replaceAt(c.stack.Sources, r.Location.Place, loc, loc+"/"))
	default:
		return f.fix("leave the slash off the pass: proxy_pass %s;", without).edit(replaceAt(c.stack.Sources, r.Pass.Place, value, without))
	}
}

// samePath says that a pass with variables asks for one path.
func (c *Case) samePath() *Finding {
	loc, uri, pass := c.Route.Location.Path, c.Route.Target.URI, c.Route.Pass
	address, own := cutURI(pass.Value)
	f := c.finding(Certain, StatusNone, "whatever is asked for under %s, %s is asked for %s: in a pass with variables a path replaces the whole", loc, c.Route.Target.Host, uri)
	switch {
	case own == "":
		return f.fix("leave %s off the value of %s", uri, pass.Value)
	case loc == uri:
		return f.fix("leave the path off: proxy_pass %s;", address).edit(replaceAt(c.stack.Sources, pass.Place, pass.Value, address))
	}
	return f.fix("leave the path off the pass, and rewrite it").
		paste("rewrite ^%s(.*)$ %s$1 break;\nproxy_pass %s;", regexp.QuoteMeta(loc), uri, address)
}
