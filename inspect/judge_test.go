package inspect

import (
	"slices"
	"strings"
	"testing"
)

// walkTest is a project, what the daemon says of it, and the summary that follows. The hops are
// config, proxy, container, network, name, port, protocol, response: (o)k, (B)roken, at (r)isk,
// unchecked (?), not reached (-).
type walkTest struct {
	conf     string
	services string    // edge and api, if empty
	snap     *Snapshot // nil: the files alone
	want     string
}

func (test walkTest) run(t *testing.T) {
	services := test.services
	if services == "" {
		services = edge + api
	}
	same(t, summary(judged(shop(t, test.conf, services), test.snap)), test.want)
}

func TestWalkHops(t *testing.T) {
	apiPass := server(pass("/", "http://api:8000"))
	sides := "  edge: {image: nginx:1.27, restart: always, networks: [front], volumes: [./nginx.conf:/etc/nginx/conf.d/default.conf]}\n" +
		"  api: {image: example/api, networks: [back]}\nnetworks: {front: , back: }\n"
	each(t, map[string]walkTest{
		"files alone": {conf: apiPass, want: "edge:80 / -> api:8000 ok o??oo???"},
		"with the daemon": {
			conf: apiPass, snap: seen(up("edge"), up("api")),
			want: "edge:80 / -> api:8000 ok ooooo???",
		},
		"an unread part of the configuration": {
			conf:     apiPass,
			services: strings.Replace(edge, "[", "[more:/etc/nginx/conf.d, ", 1) + api + "volumes: {more: }\n",
			want:     "edge:80 / -> api:8000 ok ???oo???",
		},
		"outside host": {conf: server(pass("/", "http://api.example.com")), want: "edge:80 / -> api.example.com:80 ok o???????"},
		"address":      {conf: server(pass("/", "http://10.1.2.3:8000")), want: "edge:80 / -> 10.1.2.3:8000 ok o???o???"},
		"socket": {
			conf:     server(pass("/", "http://unix:/run/app.sock")),
			services: strings.Replace(edge, "[", "[./run:/run, ", 1) + api,
			want:     "edge:80 / -> unix:/run/app.sock ok o???????",
		},
		"unknown target":  {conf: server(pass("/", "http://$arg_to")), want: "edge:80 / -> http://$arg_to unknown"},
		"broken name":     {conf: server(pass("/", "http://nope:8000")), want: "error upstream-host-unknown 1\nedge:80 / -> nope:8000 broken no-start o???B---"},
		"broken network":  {conf: apiPass, services: sides, want: "error upstream-no-shared-network 1\nedge:80 / -> api:8000 broken no-start o??B----"},
		"broken pass":     {conf: server(pass("/", "api:8000")), want: "error pass-url-invalid 1\nedge:80 / -> api:8000 broken no-start B-------"},
		"likely broken":   {conf: server(pass("/", "http://api:8001")), want: "warning upstream-port-mismatch 1\nedge:80 / -> api:8001 likely-broken 502 o??ooB--"},
		"resolver, first": {conf: server("set $to nope;", pass("/", "http://$to:8000")), want: "error resolver-missing 1\nedge:80 / -> nope:8000 broken 502 o???B---"},
		"port that nothing serves": {
			conf:     strings.Replace(apiPass, "80;", "81;", 1),
			services: strings.Replace(edge, "}", ", ports: ['8080:80']}", 1) + api,
			want:     "error proxy-port-not-listening 1\nedge:81 / -> api:8000 broken refused oB------",
		},
		"broken container": {
			conf: apiPass, snap: seen(up("edge"), down("api", "exited", 1)),
			want: "error upstream-not-running 1\nedge:80 / -> api:8000 broken 502 ooB-----",
		},
		"at risk does not end it": {
			conf: apiPass, snap: seen(up("edge"), up("api", health("unhealthy"))),
			want: "warning upstream-unhealthy 1\nedge:80 / -> api:8000 at-risk ooroo???",
		},
		"at risk, then broken": {
			conf: server(pass("/", "http://api:8001")), snap: seen(up("edge"), up("api", health("unhealthy"))),
			want: `warning upstream-port-mismatch 1
				warning upstream-unhealthy 1
				edge:80 / -> api:8001 likely-broken 502 oorooB--`,
		},
		"a note is ok": {
			conf:     server("listen 443;", pass("/", "http://api:8000")),
			services: strings.Replace(edge, "}", ", ports: ['8080:80', '9000:9000']}", 1) + api,
			want:     "edge:80 / -> api:8000 ok o??oo???\nedge:443 / -> api:8000 ok o??oo???",
		},
		"what may fail hides nothing that does": {
			services: "  edge: {image: nginx:1.27, restart: always, configs: [{source: site, target: /etc/nginx/conf.d/default.conf}]}\n" + api +
				"configs: {site: {content: 'server { listen 80; ssl_certificate /no.pem; add_header X \"$uri\"; location / { proxy_pass http://api:8000; } }'}}\n",
			want: "error certificate-missing 1\nedge:80 / -> api:8000 broken no-start B-------",
		},
		"paused proxy": {
			conf: apiPass, snap: seen(down("edge", "paused", 0), up("api")),
			want: "error proxy-not-running 1\nedge:80 / -> api:8000 broken oB------",
		},
	}, func(t *testing.T, test walkTest) { test.run(t) })
}

// Of a group, the route is broken only if every server that takes requests is.
func TestWalkGroups(t *testing.T) {
	const (
		certain = "127.0.0.1:9" // nothing listens there
		likely  = "api:8001"    // nothing says that api listens there
		good    = "api:8000"
		way     = "edge:80 / -> g "
	)
	for _, test := range []struct {
		name    string
		servers []string
		want    string
	}{
		{"one of two", []string{good, certain}, "warning upstream-is-localhost 1\n" + way + "at-risk o??oo??? o???B---"},
		{"one of two, likely", []string{good, likely}, "warning upstream-port-mismatch 1\n" + way + "at-risk o??oo??? o??ooB--"},
		{"both", []string{certain, "127.0.0.1:10"}, "error upstream-is-localhost 1\nerror upstream-is-localhost 1\n" + way + "broken 502 o???B--- o???B---"},
		{"all likely", []string{likely, "api:8002"}, "warning upstream-port-mismatch 1\nwarning upstream-port-mismatch 1\n" + way + "likely-broken 502 o??ooB-- o??ooB--"},
		{"one certain, one likely: no error while the other may answer", []string{certain, likely},
			"warning upstream-is-localhost 1\nwarning upstream-port-mismatch 1\n" + way + "likely-broken 502 o???B--- o??ooB--"},
		{"the good one is down", []string{certain, good + " down"}, "error upstream-is-localhost 1\n" + way + "broken 502 o???B--- o??oo???"},
		{"the bad one is down", []string{good, certain + " down"}, "warning upstream-is-localhost 1\n" + way + "at-risk o??oo??? o???B---"},
		{"the bad one is the backup", []string{good, certain + " backup"}, "warning upstream-is-localhost 1\n" + way + "at-risk o??oo??? o???B---"},
		{"the backup is good: nginx answers by it (played on 1.22)", []string{certain, good + " backup"},
			"warning upstream-is-localhost 1\n" + way + "at-risk o???B--- o??oo???"},
		{"all, the backup too", []string{certain, "127.0.0.1:10 backup"},
			"error upstream-is-localhost 1\nerror upstream-is-localhost 1\n" + way + "broken 502 o???B--- o???B---"},
		{"one stops nginx", []string{good, "nope:8000"}, "error upstream-host-unknown 1\n" + way + "broken no-start oB------ o???B---"},
		{"one that is down stops nginx all the same", []string{good, "nope:8000 down"}, "error upstream-host-unknown 1\n" + way + "broken no-start oB------ o???B---"},
	} {
		t.Run(test.name, func(t *testing.T) {
			walkTest{conf: group(test.servers...) + server(pass("/", "http://g")), want: test.want}.run(t)
		})
	}
}

// A group of backups alone does not start nginx: "no servers in upstream".
func TestWalkBackupOnly(t *testing.T) {
	walkTest{
		conf: group("api:8000 backup") + server(pass("/", "http://g")),
		want: "error upstream-group-invalid 1\nedge:80 / -> g broken no-start B-------",
	}.run(t)
}

// What stops nginx concerns all routes of its proxy, and of no other one.
func TestWalkStop(t *testing.T) {
	inner := strings.NewReplacer("edge:", "other:", "nginx.conf", "other.conf").Replace(edge)
	for name, test := range map[string]struct{ conf, want string }{
		"by a route": {server(pass("/", "http://api:8000"), pass("/x", "http://nope:80")), `
			error upstream-host-unknown 2
			edge:80 / -> api:8000 broken no-start oB------
			edge:80 /x -> nope:80 broken no-start o???B---
			other:80 / -> api:8000 ok o??oo???`},
		"by a group that no route uses": {group("nope:80") + server(pass("/", "http://api:8000")), `
			error upstream-host-unknown 1
			edge:80 / -> api:8000 broken no-start oB------
			other:80 / -> api:8000 ok o??oo???`},
		"by its configuration; what depends on it is not reported": {server("lisen 80;", pass("/", "http://nope:8000")), `
			error config-syntax 1
			edge:80 / -> nope:8000 broken no-start B-------
			other:80 / -> api:8000 ok o??oo???`},
		"a route has a fault of its own": {server(pass("/", "http://127.0.0.1:9"), pass("/x", "http://nope:80")), `
			error upstream-host-unknown 2
			error upstream-is-localhost 1
			edge:80 / -> 127.0.0.1:9 broken no-start o???B---
			edge:80 /x -> nope:80 broken no-start o???B---
			other:80 / -> api:8000 ok o??oo???`},
	} {
		t.Run(name, func(t *testing.T) {
			stack := load(t, map[string]string{
				"compose.yaml": "name: shop\nservices:\n" + edge + inner + api,
				"nginx.conf":   test.conf, "other.conf": server(pass("/", "http://api:8000")),
			})
			same(t, summary(judged(stack, nil)), test.want)
		})
	}
}

// Of several faults that stop nginx, the one that it meets first is the answer. It looks up the
// servers of groups as it reads them, the hosts of passes when it has read everything (played on 1.22).
func TestWalkStopOrder(t *testing.T) {
	nope := server(pass("/", "http://nope:80"))
	lost := "  lost: {image: x, networks: [away]}\nnetworks: {away: }\n"
	for _, test := range []struct{ name, conf, first string }{
		{"passes as they stand", server(pass("/", "http://nope:80"), pass("/b", "http://nada:80")), `"nope"`},
		{"passes of two hops as they stand", server(pass("/", "http://nope:80"), pass("/b", "http://lost:80")), `"nope"`},
		{"passes of two hops, the other way round", server(pass("/", "http://lost:80"), pass("/b", "http://nope:80")), "lost share no network"},
		{"groups as they stand", group("nada:80") + strings.Replace(group("nope:80"), "g", "h", 1) + nope, `"nada"`},
		{"a group before a pass", group("nada:80") + nope, `"nada"`},
		{"a group behind a pass", nope + group("nada:80"), `"nada"`},
		{"a bad directive behind a pass", server(pass("/", "http://lost:80")) + server("lisen 80;"), `unknown directive "lisen"`},
		{"a bad server of a group behind a pass", server(pass("/", "http://lost:80")) + group("http://api:80"), "invalid"},
	} {
		t.Run(test.name, func(t *testing.T) {
			found := judged(shop(t, test.conf, edge+api+lost), nil).Findings
			if len(found) == 0 || !strings.Contains(found[0].Message, test.first) {
				t.Errorf("%q is not the answer: %s", test.first, messages(found))
			}
		})
	}
}

func messages(found []*Finding) string {
	var all []string
	for _, f := range found {
		all = append(all, f.Message)
	}
	return strings.Join(all, "\n")
}

// A proxy that runs did start: what would stop it is about its next start at most.
func TestWalkRunningProxy(t *testing.T) {
	for name, test := range map[string]struct {
		conf    string
		rule    string // of the warning; empty: there is none
		verdict Verdict
	}{
		"its configuration":       {server("lisen 80;", pass("/", "http://api:8000")), "config-syntax", VerdictAtRisk},
		"a server of a group":     {group("http://api:8000") + server(pass("/", "http://g")), "upstream-group-invalid", VerdictAtRisk},
		"a URL":                   {server(pass("/", "api:8000")), "pass-url-invalid", VerdictAtRisk},
		"a group that none uses":  {group("api:8000 down", "nope:80") + server(pass("/", "http://api:8000")), "", VerdictOK},
		"a name that it resolved": {server(pass("/", "http://nope:8000")), "", VerdictOK},
	} {
		t.Run(name, func(t *testing.T) {
			r := judged(shop(t, test.conf, edge+api), seen(up("edge"), up("api")))
			want := ""
			if test.rule != "" {
				want = "warning " + test.rule + " 1\n"
			}
			if got, _, _ := strings.Cut(summary(r), "edge:80"); got != want || r.Verdict != test.verdict {
				t.Errorf("%s: %swant %s: %s", r.Verdict, got, test.verdict, want)
			}
		})
	}
}

// proxy-not-running is a finding only where no other explains why nginx is down.
func TestProxyNotRunning(t *testing.T) {
	const emerg = `nginx: [emerg] host not found in upstream "nope" in /etc/nginx/conf.d/default.conf:1`
	for name, test := range map[string]struct {
		conf     string
		edge     *Container
		log      string
		rule     string
		evidence int // pieces, of the first finding
	}{
		"folded": {
			server(pass("/", "http://nope:80")), down("edge", "exited", 1), emerg,
			"upstream-host-unknown", 2,
		},
		"folded, without a log": {
			server(pass("/", "http://nope:80")), down("edge", "restarting", 1), "",
			"upstream-host-unknown", 1,
		},
		"nothing explains it": {
			server(pass("/", "http://api:8000")), down("edge", "exited", 1), "nginx: [emerg] mkdir() failed",
			"proxy-not-running", 2,
		},
		"could not be started": {
			server(pass("/", "http://api:8000")), down("edge", "created", 128, func(c *Container) { c.Error = "port is already allocated" }), "",
			"proxy-not-running", 1,
		},
		"keeps restarting": {
			server(pass("/", "http://api:8000")), down("edge", "restarting", 1), "nginx: [emerg] mkdir() failed",
			"proxy-not-running", 2,
		},
	} {
		t.Run(name, func(t *testing.T) {
			snap := seen(test.edge, up("api"))
			if test.log != "" {
				snap.log("edge", "starting", test.log)
			}
			found := judged(shop(t, test.conf, edge+api), snap).Findings
			found = slices.DeleteFunc(found, func(f *Finding) bool { return f.Severity == Note })
			if len(found) != 1 {
				t.Fatalf("%d findings: %s", len(found), messages(found))
			}
			f := found[0]
			if f.Rule.ID != test.rule || f.Severity != Error || f.Confidence != Proven || f.Status != StatusNoStart {
				t.Errorf("%s %s %s, want the error %s, proven", f.Rule.ID, f.Confidence, f.Status, test.rule)
			}
			if len(f.Evidence) != test.evidence {
				t.Errorf("evidence %v", f.Evidence)
			}
		})
	}
}

// Without another explanation the last [emerg] says where to look.
func TestEmergIsLocated(t *testing.T) {
	for log, want := range map[string]string{
		`[emerg] invalid value "x" in /etc/nginx/conf.d/default.conf:1`: "nginx.conf:1",
		`[emerg] invalid value "x" in /etc/nginx/elsewhere.conf:7`:      "compose.yaml:3",
		`[emerg] unknown "app" variable`:                                "nginx.conf:2",
		`[emerg] bind() to 0.0.0.0:80 failed`:                           "compose.yaml:3",
	} {
		conf := "# $apples\nserver { set $own x$app; location / { proxy_pass http://api:8000; } }\n"
		found := judged(shop(t, conf, edge+api), seen(down("edge", "exited", 1), up("api")).log("edge", log)).Findings
		if len(found) == 0 || place(found[0]) != want {
			t.Errorf("%s is located at %s, want %s", log, place(found[0]), want)
		}
	}
}

// A project that was stopped as a whole is judged from its files.
func TestStoppedAsAWhole(t *testing.T) {
	conf := server(pass("/", "http://api:8000"))
	const files = "edge:80 / -> api:8000 ok o??oo???"
	for name, test := range map[string]struct {
		snap    *Snapshot
		stopped bool
		want    string
	}{
		"ended":                {seen(down("edge", "exited", 0), down("api", "exited", 143)), true, files},
		"killed upstreams":     {seen(down("edge", "exited", 0), down("api", "exited", 137)), true, files},
		"never started":        {seen(down("edge", "created", 0), down("api", "created", 0)), true, files},
		"dead":                 {seen(down("edge", "dead", 0), down("api", "dead", 0)), true, files},
		"the proxy failed":     {seen(down("edge", "exited", 1), down("api", "exited", 0)), false, ""},
		"one runs":             {seen(down("edge", "exited", 0), up("api")), false, ""},
		"one could not start":  {seen(down("edge", "created", 0, func(c *Container) { c.Error = "x" }), down("api", "exited", 0)), false, ""},
		"one keeps restarting": {seen(down("edge", "exited", 0), down("api", "restarting", 1)), false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := judged(shop(t, conf, edge+api), test.snap)
			if stopped := strings.Contains(r.Live.Note, "the project is stopped"); stopped != test.stopped {
				t.Errorf("stopped: %v; the note is %q", stopped, r.Live.Note)
			}
			if test.stopped {
				same(t, summary(r), test.want)
			}
		})
	}
}

// What the daemon knows of other projects alone is no reason to believe this one runs.
func TestNoContainers(t *testing.T) {
	other := up("api", func(c *Container) { c.ID, c.Project = "x", "other" })
	r := judged(shop(t, server(pass("/", "http://api:8000")), edge+api), seen(other))
	same(t, summary(r), "edge:80 / -> api:8000 ok o??oo???")
}
