package report

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"why502/compose/proxy"
	"why502/inspect"
)

// printText gives a report as text.
func printText(t *testing.T, r *inspect.Report, opts Options) string {
	t.Helper()
	var b strings.Builder
	if err := writeText(&b, r, opts); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// same compares two texts, and shows both where they differ.
func same(t *testing.T, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

const shopText = `shop: 2 of 5 routes are broken, 1 is at risk (with the daemon)

error: api listens on 127.0.0.1:8000 only, so connections from edge are refused
       [upstream-listens-on-loopback]
  fix     listen on all addresses: --host 0.0.0.0
          compose.yaml:9
          -     command: uvicorn main:app --host 127.0.0.1 --port 8000
          +     command: uvicorn main:app --host 0.0.0.0 --port 8000
  at      nginx.conf:14:20
          14 | proxy_pass http://api:8000;
             |            ^
  path    8080 → edge:80 → shop.example.com/api/ → api:8000 (502)
          config ✓  proxy ✓  container ✓  network ✓  name ✓  port ✗ broken
  seen    LISTEN 127.0.0.1:8000 in shop-api-1 (probe)
  also    compose.yaml:9:14 (the command that binds 127.0.0.1)

error: edge and admin share no network: edge is on front, admin is on back;
       nginx cannot find the name [upstream-no-shared-network]
  change  compose.yaml:21:5 (the networks of admin)
          21 | networks:
             | ^
  fix     put admin on front as well:
            networks:
              - back
              - front
  at      nginx.conf:18:20
          18 | proxy_pass http://admin:3000;
             |            ^
  path    8080 → edge:80 → shop.example.com/admin/ → admin:3000
          config ✓  proxy ✓  container ✓  network ✗ broken
  seen    edge is on front (compose)
          admin is on back (compose)

warning: nothing makes edge wait for chat; if edge starts first, nginx does not
         find the name and exits [upstream-start-race]
  fix     let edge depend on chat
          compose.yaml:5 (insert before this line)
          +     depends_on:
          +       - chat
  at      nginx.conf:22:20
          22 | proxy_pass http://chat:9000;
             |            ^

note: nginx asks for the addresses of api, web and 2 more only when it starts; a
      service that is recreated may get another one
      [upstream-address-may-go-stale]
  at      nginx.conf:10:20
  fix     restart edge after a service was recreated, or add a resolver and pass
          by a variable

working (2 of 5 routes)
  8080 → edge:80 → shop.example.com/ → web:3000
  8080 → edge:80 → ~* \.(png|jpg)$   → images:8080

not checked
  - edge: files of the volume certs: a named volume is not among the project's
    files

1 finding left out because of --ignore
why502 explain upstream-listens-on-loopback says more
`

func TestText(t *testing.T) { same(t, printText(t, shop(), Options{}), shopText) }

func TestTextShow(t *testing.T) {
	got := printText(t, shop(), Options{Show: inspect.Error})
	for _, gone := range []string{"warning:", "note:"} {
		if strings.Contains(got, gone) {
			t.Errorf("%q is printed:\n%s", gone, got)
		}
	}
	if !strings.Contains(got, "2 findings left out because of --show\n") {
		t.Errorf("what was left out is not counted:\n%s", got)
	}
}

func TestTextVerbose(t *testing.T) {
	got := printText(t, shop(), Options{Verbose: true})
	for _, want := range []string{
		"  path    8080 → edge:80 → shop.example.com/chat/ → chat:9000\n          config ✓  proxy ✓  container ! at risk\n",
		"  - edge: nginx:1.27 (known by its image), nginx 1.27, running, reads nginx.conf\n",
		"  - unix:///var/run/docker.sock, engine 29.0.0, API 1.51\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in:\n%s", want, got)
		}
	}
}

// A clean run is one line, and what was not checked.
func TestTextClean(t *testing.T) {
	r := clean()
	same(t, printText(t, r, Options{}), "shop: both routes are ok (with the daemon)\n")

	r.Live = inspect.Live{State: inspect.LiveOff}
	same(t, printText(t, r, Options{}), `shop: both routes are ok (from the files alone)

not checked
  - what runs (containers, networks, addresses): the Docker daemon was not
    asked; run without --live off to have it asked
`)
	same(t, printText(t, r, Options{Quiet: true}), "")
}

// Whether what is said was tried, or inferred, is said too.
func TestTextProbe(t *testing.T) {
	r := clean()
	r.Live.Probe = inspect.Probe{State: inspect.ProbeDone}
	same(t, printText(t, r, Options{}), "shop: both routes are ok (with the daemon and a probe)\n")

	r.Live.Probe = inspect.Probe{State: inspect.ProbeUnavailable, Why: "this why502 is linked dynamically", Remedy: "build it with CGO_ENABLED=0"}
	same(t, printText(t, r, Options{}), `shop: both routes are ok (with the daemon)

not checked
  - what nginx would meet (names, ports, protocols), tried from where it stands:
    this why502 is linked dynamically; build it with CGO_ENABLED=0
`)
}

// clean is a report without a finding.
func clean() *inspect.Report {
	return &inspect.Report{
		Project: inspect.Project{Name: "shop", Directory: "."},
		Live:    inspect.Live{State: inspect.LiveInspected},
		Verdict: inspect.VerdictOK,
		Routes:  []inspect.RouteReport{route("_", "/", "web", 3000, 4), route("_", "/api/", "api", 8000, 7)},
	}
}

func TestTextQuiet(t *testing.T) {
	r := shop()
	r.Findings[3].Place = proxy.Place{}
	same(t, printText(t, r, Options{Quiet: true}), `nginx.conf:14:20: error: api listens on 127.0.0.1:8000 only, so connections from edge are refused [upstream-listens-on-loopback]
nginx.conf:18:20: error: edge and admin share no network: edge is on front, admin is on back; nginx cannot find the name [upstream-no-shared-network]
nginx.conf:22:20: warning: nothing makes edge wait for chat; if edge starts first, nginx does not find the name and exits [upstream-start-race]
edge: note: nginx asks for the addresses of api, web and 2 more only when it starts; a service that is recreated may get another one [upstream-address-may-go-stale]
`)
}

func TestSentence(t *testing.T) {
	noStart := []*inspect.Finding{{Proxy: "edge", Severity: inspect.Error, Status: inspect.StatusNoStart}}
	for _, test := range []struct {
		verdicts string // a letter for each route: broken, likely, at risk, unknown, ok
		findings []*inspect.Finding
		want     string
	}{
		{"", nil, "no route could be read"},
		{"o", nil, "the only route is ok"},
		{"b", nil, "the only route is broken"},
		{"ooo", nil, "all 3 routes are ok"},
		{"bbb", nil, "all 3 routes are broken"},
		{"boo", nil, "1 of 3 routes is broken"},
		{"bboao", nil, "2 of 5 routes are broken, 1 is at risk"},
		{"bllaau", nil, "1 of 6 routes is broken, 2 are probably broken, 2 are at risk, 1 is unclear"},
		{"lo", nil, "1 of 2 routes is probably broken"},
		{"bb", noStart, "edge does not start; both routes are broken"},
		{"bo", append(noStart, noStart...), "edge does not start; 1 of 2 routes is broken"},
		{"", noStart, "edge does not start"},
		{"", append(noStart, &inspect.Finding{Proxy: "api", Severity: inspect.Error, Status: inspect.StatusNoStart}), "edge and api do not start"},
	} {
		same(t, sentence(&inspect.Report{Routes: routesWith(test.verdicts), Findings: test.findings}), test.want)
	}
}

func routesWith(letters string) []inspect.RouteReport {
	verdicts := map[rune]inspect.Verdict{
		'b': inspect.VerdictBroken, 'l': inspect.VerdictLikelyBroken, 'a': inspect.VerdictAtRisk,
		'u': inspect.VerdictUnknown, 'o': inspect.VerdictOK,
	}
	var routes []inspect.RouteReport
	for _, l := range letters {
		routes = append(routes, inspect.RouteReport{Verdict: verdicts[l]})
	}
	return routes
}

// The line to change is the first that is printed, wherever it is.
func TestTextLineToChangeFirst(t *testing.T) {
	edit := func(file string, line int) inspect.Fix {
		return inspect.Fix{Text: "T", Edits: []inspect.Edit{{File: file, Line: line, LineEnd: line, Old: "a", New: "b"}}}
	}
	related := []inspect.Related{{Place: at("compose.yaml", 7, 1), Text: "here"}}
	for name, test := range map[string]struct {
		fix     inspect.Fix
		related []inspect.Related
		want    string
	}{
		"the place itself":         {edit("nginx.conf", 5), nil, "  at      nginx.conf:5:1\n"},
		"the place, and a related": {edit("nginx.conf", 5), related, "  at      nginx.conf:5:1\n"},
		"an edit elsewhere":        {edit("compose.yaml", 7), related, "  fix     T\n          compose.yaml:7\n"},
		"lines to paste elsewhere": {inspect.Fix{Text: "T", Paste: "x"}, related, "  change  compose.yaml:7:1 (here)\n"},
		"a related place, no edit": {inspect.Fix{Text: "T"}, related, "  at      nginx.conf:5:1\n"},
		"no other place, no edit":  {inspect.Fix{Text: "T"}, nil, "  at      nginx.conf:5:1\n"},
	} {
		t.Run(name, func(t *testing.T) {
			f := loopback("none")
			f.Place, f.Fix, f.Related, f.Excerpt = at("nginx.conf", 5, 1), test.fix, test.related, "x"
			r := &inspect.Report{Findings: []*inspect.Finding{f}}
			got := printText(t, r, Options{})
			_, details, _ := strings.Cut(got, "[upstream-listens-on-loopback]\n")
			if !strings.HasPrefix(details, test.want) {
				t.Errorf("does not begin with %q:\n%s", test.want, details)
			}
		})
	}
}

func TestBeforeColumn(t *testing.T) {
	for _, test := range []struct {
		excerpt string
		column  int
		want    int
		ok      bool
	}{
		{"    a b;", 7, 2, true},
		{"\ta b;", 4, 2, true},
		{"a b;", 1, 0, true},
		{"é\tb;", 3, 5, true}, // as shown, a tab is four columns wide
		{"    a b;", 4, 0, false},
		{"a b;", 5, 0, false},
		{"a b;", 0, 0, false},
	} {
		n, ok := beforeColumn(test.excerpt, test.column)
		if n != test.want || ok != test.ok {
			t.Errorf("beforeColumn(%q, %d) = %d, %v; want %d, %v", test.excerpt, test.column, n, ok, test.want, test.ok)
		}
	}
}

// crowd is a report of 200 routes, most of which one finding breaks, and as many other findings.
func crowd() *inspect.Report {
	r := shop()
	var ids []string
	for i := range 100 {
		api := broken(route("shop.example.com", fmt.Sprintf("/api/v%d/", i), "api", 8000, i), inspect.HopPort, inspect.VerdictBroken, inspect.Status502)
		r.Routes = append(r.Routes, api, route("shop.example.com", fmt.Sprintf("/web/%d/", i), "web", 3000, i))
		ids = append(ids, api.ID)
		r.Findings = append(r.Findings, noSharedNetwork(api.ID))
	}
	r.Findings[0].Routes = ids
	return r
}

// Of 200 routes and 100 findings as much is shown as can be read.
func TestTextCrowd(t *testing.T) {
	got := printText(t, crowd(), Options{})
	if n := strings.Count(got, "\n"); n > 250 {
		t.Errorf("%d lines", n)
	}
	for _, want := range []string{
		"shop: 102 of 205 routes are broken, 1 is at risk",
		"  routes  edge:80 shop.example.com/api/v0/ -> api:8000\n",
		"          and 97 more\n",
		"and 92 findings more; -v shows them, -q a line each\n",
		"working (102 of 205 routes)\n",
		"  and 90 more; -v shows them\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in:\n%s", want, got)
		}
	}
	if all := printText(t, crowd(), Options{Verbose: true}); strings.Contains(all, "-v shows them") {
		t.Error("something is left out with --verbose")
	}
}

// Source lines, and the ids of routes, are the only lines that may be wider than the page.
func TestTextWidth(t *testing.T) {
	r := crowd()
	r.Findings[0].Message = strings.Repeat("a message that goes on for very long, ", 9)
	r.Findings[0].Evidence[0].Text = strings.Repeat("one word after the other ", 9)
	r.Live.Note = strings.Repeat("a note as long as a note can get; ", 9)
	for _, opts := range []Options{{Width: 80}, {Width: 80, Verbose: true}, {Width: 60}} {
		_, body, _ := strings.Cut(printText(t, r, opts), "\n") // the verdict is one line, however long
		for line := range strings.Lines(body) {
			line = strings.TrimSuffix(line, "\n")
			source := strings.HasPrefix(line, "          ") && strings.ContainsAny(line, "|+->")
			if n := utf8.RuneCountInString(line); n > opts.Width && !source {
				t.Errorf("%d columns: %s", n, line)
			}
		}
	}
}

// Colours add nothing but colours.
func TestTextColor(t *testing.T) {
	got := printText(t, shop(), Options{Color: true})
	if !strings.Contains(got, "\x1b[1;31merror: \x1b[0m") {
		t.Errorf("no red error in %q", got)
	}
	same(t, regexp.MustCompile("\x1b\\[[0-9;]*m").ReplaceAllString(got, ""), shopText)
}

// osc8 is a link as terminals take it: its URL, and what it is on.
var osc8 = regexp.MustCompile("\x1b]8;;([^\x1b]*)\x1b\\\\([^\x1b]+)\x1b]8;;\x1b\\\\")

// Links add nothing but links: the page is as wide as without.
func TestTextLinks(t *testing.T) {
	link := func(file string, line int) string { return fmt.Sprintf("file://host/srv/%s#%d", file, line) }
	got := printText(t, shop(), Options{Link: link})
	same(t, osc8.ReplaceAllString(got, "$2"), shopText)
	on := map[string]string{}
	for _, m := range osc8.FindAllStringSubmatch(got, -1) {
		on[m[2]] = m[1]
	}
	for place, url := range map[string]string{
		"nginx.conf:14:20":  "file://host/srv/nginx.conf#14",
		"compose.yaml:9":    "file://host/srv/compose.yaml#9", // of an edit
		"compose.yaml:9:14": "file://host/srv/compose.yaml#9", // of what is related
		"compose.yaml:21:5": "file://host/srv/compose.yaml#21",
		"nginx.conf:10:20":  "file://host/srv/nginx.conf#10", // of a note
	} {
		if on[place] != url {
			t.Errorf("%s leads to %q, want %q", place, on[place], url)
		}
	}
	if quiet := printText(t, shop(), Options{Link: link, Quiet: true}); osc8.ReplaceAllString(quiet, "$2") != printText(t, shop(), Options{Quiet: true}) || !osc8.MatchString(quiet) {
		t.Errorf("-q: %q", quiet)
	}
}

// A name of a file is no way to a terminal, and what is no URL is no link.
func TestTextLinksAreClean(t *testing.T) {
	r := shop()
	r.Findings = r.Findings[:1]
	r.Findings[0].Place.File = "a\x1b]8;;http://evil\x1b\\b.conf"
	for _, url := range []string{"", "file:///a b", "file:///\x1b]", "file:///ü", "file:///" + strings.Repeat("a", maxLink)} {
		if got := printText(t, r, Options{Link: func(string, int) string { return url }}); strings.Contains(got, "\x1b") {
			t.Errorf("%q is a link: %q", url, got)
		}
	}
	got := printText(t, r, Options{Link: func(string, int) string { return "file:///a" }})
	if rest := osc8.ReplaceAllString(got, ""); strings.Contains(rest, "\x1b") {
		t.Errorf("escapes of others: %q", got)
	}
}

func TestAffected(t *testing.T) {
	r := clean()
	f := loopback(r.Routes[0].ID)
	f.Routes = []string{r.Routes[0].ID, r.Routes[1].ID}
	r.Findings = []*inspect.Finding{f}
	if got := printText(t, r, Options{}); !strings.Contains(got, "  routes  both of edge\n") {
		t.Errorf("not all routes of the proxy:\n%s", got)
	}
}

func TestStations(t *testing.T) {
	group := route("_", "/", "api", 8000, 1)
	group.Target = "backend"
	group.Backends = append(group.Backends, inspect.BackendReport{Host: "api2", Port: 8000})
	alias := route("_", "@app", "app.internal", 9000, 1)
	alias.Backends[0].Service = "app"
	stream := inspect.RouteReport{
		Proxy: "edge", Listen: "5432", Server: "_", Target: "db:5432", Published: []string{"127.0.0.1:5432"},
		Backends: []inspect.BackendReport{{Host: "db", Port: 5432, Service: "db"}},
	}
	socket := inspect.RouteReport{
		Proxy: "edge", Listen: "80", Server: "a.example", Location: "~ \\.php$", Target: "unix:/run/php.sock",
	}
	unknown := inspect.RouteReport{Proxy: "edge", Listen: "80", Location: "/", Target: "$host", Backends: make([]inspect.BackendReport, 1)}
	for want, r := range map[string]inspect.RouteReport{
		"not published → edge:80 → / → $host":                                unknown,
		"8080 → edge:80 → / → backend (api:8000 and 1 more)":                 group,
		"8080 → edge:80 → @app → app.internal:9000 (app:9000)":               alias,
		"127.0.0.1:5432 → edge:5432 → stream → db:5432":                      stream,
		"not published → edge:80 → a.example ~ \\.php$ → unix:/run/php.sock": socket,
	} {
		same(t, strings.Join(stations(&r), " → "), want)
	}
}
