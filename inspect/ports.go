package inspect

import (
	"cmp"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"why502/compose"
	"why502/compose/proxy"
)

// listening is a port that a service plausibly listens on, and what says so. The sources are ranked.
// The listen directives of an nginx are the truth; of the others none makes an error, because nothing
// but a look into the container proves it.
type listening struct {
	port  int
	rank  int    // how good the source is; 0 is the truth, 1 the best sign of it, unsure the worst
	text  string // what says so
	place proxy.Place
}

// unsure is the rank of a port that may have been moved: it says where a service may listen, but not
// that it listens nowhere else.
const unsure = 7

var (
	portVariable = regexp.MustCompile(`^((APP|SERVER|HTTP|WEB|LISTEN|SERVICE|NODE|API|BACKEND|FRONTEND|NUXT|NITRO|UVICORN|FLASK_RUN|VIRTUAL)_)?PORT$|^(ASPNETCORE_(URLS|HTTP_PORTS)|LISTEN(_ADDR(ESS)?)?|BIND(_ADDR(ESS)?)?|GUNICORN_BIND|HTTP_ADDR(ESS)?)$`)
	portInText   = regexp.MustCompile(`(?:^|[:=\s;,])(\d{2,5})\b`)
	portFlag     = regexp.MustCompile(`(?:--?(?:p|port|http-port|listen|bind|b|addr|address|server\.port|http|http-socket|socket|host)[= ]["']?(?:[\w.*\[\]-]*:)?|0\.0\.0\.0:|\[::\]:|127\.0\.0\.1:|localhost:|runserver |http\.server |\s:)(\d{2,5})(?:[^\w.]|\.?$)`)
	bareFlag     = regexp.MustCompile(`(?:^|\s)(\d{4,5})(?:\s|$)`)
	localURL     = regexp.MustCompile(`(?:localhost|127\.0\.0\.1|0\.0\.0\.0|\[::1\]):(\d{2,5})`)
)

// listening lists the ports that a service plausibly listens on, the best evidence first: an
// environment variable that says port, its command line, the container side of ports, expose, its
// health check, and what its image is known for.
func (f *facts) listening(svc *compose.Service) []listening {
	if _, known := f.ports[svc.Name]; !known {
		f.ports[svc.Name] = f.evidence(svc)
	}
	return f.ports[svc.Name]
}

func (f *facts) evidence(svc *compose.Service) (found []listening) {
	add := func(rank int, text string, at proxy.Place, ports ...int) {
		for _, p := range ports {
			if p > 0 && p < 65536 && !slices.ContainsFunc(found, func(l listening) bool { return l.port == p }) {
				found = append(found, listening{p, rank, text, at})
			}
		}
	}
	if p := f.ownNginx(svc); p != nil {
		for _, l := range (&Case{Proxy: p, facts: f}).listens() {
			add(0, "its nginx", l.Place, l.Port)
		}
		return found
	}
	environment := svc.Variables()
	for _, name := range slices.Sorted(maps.Keys(environment)) {
		if v := environment[name]; portVariable.MatchString(name) {
			add(1, name+"="+v.Text, v.Place, numbers(portInText, v.Text)...)
		}
	}
	line := strings.Join(svc.Start(), " ")
	add(2, "its command", f.stack.At("services", svc.Name, "command"), append(numbers(portFlag, line), numbers(bareFlag, line)...)...)
	for _, p := range svc.Ports {
		if p.Protocol == "tcp" {
			add(3, "ports", p.Place, p.Target)
		}
	}
	for _, e := range svc.Expose {
		add(4, "expose", e.Place, e.Port)
	}
	add(5, "its health check", f.stack.At("services", svc.Name, "healthcheck"), numbers(localURL, strings.Join(svc.Healthcheck, " "))...)
	if svc.Build != nil {
		for _, e := range svc.Build.Ports {
			add(6, "EXPOSE", e.Place, e.Port)
		}
	}
	known, rank := svc.KnownPorts(), 6
	if !known.Sure {
		rank = unsure
	}
	left := known.Ports
	for _, name := range known.Variables {
		if moved := numbers(portInText, environment[name].Text); len(moved) > 0 && len(left) > 0 {
			add(1, name+"="+environment[name].Text, environment[name].Place, moved...)
			left = known.Ports[1:]
		}
	}
	add(rank, "the image "+svc.Base(), svc.Place, left...)
	slices.SortStableFunc(found, func(a, b listening) int { return cmp.Compare(a.rank, b.rank) })
	return found
}

// ownNginx is the nginx that a service runs, where its listen directives are the truth about what the
// service listens on: nothing else runs there, and all of its configuration was read. Otherwise nil.
func (f *facts) ownNginx(svc *compose.Service) *compose.Proxy {
	if p := f.nginx[svc.Name]; p != nil && p.Stock && p.Config.Complete() && len(p.Config.Servers) > 0 {
		return p
	}
	return nil
}

// numbers are what the first group of a pattern matches in a text, without parts of addresses and versions.
func numbers(pattern *regexp.Regexp, text string) (all []int) {
	for _, at := range pattern.FindAllStringSubmatchIndex(text, -1) {
		n, err := strconv.Atoi(text[at[2]:at[3]])
		if rest := text[at[3]:]; err == nil && (len(rest) < 2 || rest[0] != '.' || rest[1] < '0' || rest[1] > '9') {
			all = append(all, n)
		}
	}
	return all
}

// listensOnPort says whether a service, or another one in the same network namespace, plausibly
// listens on a port, and gives what the services say. One that says nothing sure may listen anywhere.
func (f *facts) listensOnPort(svc *compose.Service, port int) (found []listening, ok bool) {
	together := f.together[f.namespace(svc)]
	for _, other := range together {
		said := f.listening(other)
		ok = ok || len(said) == 0 && !idles(other) || len(said) > 0 && said[0].rank == unsure || slices.ContainsFunc(said, func(l listening) bool { return l.port == port })
		if len(together) == 1 {
			return said, ok || len(said) == 0
		}
		found = append(found, said...)
	}
	slices.SortStableFunc(found, func(a, b listening) int { return cmp.Compare(a.rank, b.rank) })
	return found, ok
}

// idles says whether a service is only there for others: what it is started with listens on nothing. In one that is
// alone somebody may start something by hand.
func idles(svc *compose.Service) bool {
	start := svc.Start()
	return len(start) > 0 && (path.Base(start[0]) == "sleep" || path.Base(start[0]) == "tail")
}
