package inspect

import (
	"strings"
	"testing"
)

// aboutMessages reads lines, and says of each message its routes and the rules of its findings.
func aboutMessages(t *testing.T, conf, services string, lines ...string) string {
	t.Helper()
	stack := shop(t, conf, services)
	var g Log
	for _, line := range lines {
		g.Read(line)
	}
	var b strings.Builder
	for _, m := range g.Explain(stack, Judge(stack, nil, Live{State: LiveOff}, Options{})).Messages {
		b.WriteString(string(m.Entry.Kind) + ":")
		for _, r := range m.Routes {
			b.WriteString(" " + r.ID)
		}
		for _, f := range m.Findings {
			b.WriteString(" [" + f.Rule.ID + "]")
		}
		b.WriteString("\n")
	}
	return b.String()
}

func TestExplainMessages(t *testing.T) {
	const (
		inner = "  inner: {image: nginx:1.27, restart: always, volumes: [./nginx.conf:/etc/nginx/conf.d/default.conf]}\n"
		other = "  off: {image: example/off, profiles: [later], expose: [8000]}\n"
		emerg = "nginx: [emerg] "
		in    = " in /etc/nginx/conf.d/default.conf:"
	)
	timeout := erred(0, readTimeout, "/", here)
	each(t, map[string]struct {
		conf, services string
		lines          []string
		want           string
	}{
		"of the proxy that said so": {server(pass("/", "http://api:8000")), edge + inner + api, []string{"inner-1  | " + timeout},
			"response-timed-out: inner:80 / -> api:8000\n"},
		"of any proxy, where nobody says which": {server(pass("/", "http://api:8000")), edge + inner + api, []string{"elsewhere-1  | " + timeout},
			"response-timed-out: edge:80 / -> api:8000 inner:80 / -> api:8000\n"},
		"a name that has no service behind it now": {server(pass("/", "http://api:8000"), "\n", pass("/off", "http://off:8000")), edge + api + other, []string{emerg + `host not found in upstream "off"` + in + "2"},
			"host-not-found: edge:80 /off -> off:8000 [upstream-profile-disabled]\n"},
		"not the one that stops nginx, where another route failed": {server(pass("/", "http://api:8000"), "resolver 127.0.0.11 valid=5s; set $u other; "+pass("/x", "http://$u:8000"), "\n", pass("/off", "http://off:8000")), edge + api + other,
			[]string{erred(0, "other could not be resolved (3: Host not found)", "/x", "")},
			"name-not-resolved: edge:80 /x -> other:8000 [upstream-host-unknown]\n"},
		"a variable that nothing says the line of": {server(pass("/", "http://${BACKEND}:8000")), edge, []string{emerg + `unknown "backend" variable`},
			"variable-invalid: [template-not-rendered]\n"},
		"a resolver": {server("resolver 10.9.9.9;", "set $u api;", pass("/", "http://$u:8000")), edge + api, []string{"2026/11/22 12:01:03 [error] 29#29: send() failed (111: Connection refused) while resolving, resolver: 10.9.9.9:53"},
			"resolver-failed: edge:80 / -> api:8000 [resolver-not-docker]\n"},
		"the app's own lines": {server(pass("/", "http://api:8000")), edge + api, []string{"api-1  | 2026/11/22 12:01:03 [error] 7#7: something else", "edge-1  | 2026/11/22 12:01:03 [error] 7#7: something else"},
			":\n"},
	}, func(t *testing.T, test struct {
		conf, services string
		lines          []string
		want           string
	}) {
		same(t, aboutMessages(t, test.conf, test.services, test.lines...), test.want)
	})
}

// What the project calls a secret is not said again, whatever the line.
func TestExplainMasks(t *testing.T) {
	stack := shop(t, server(pass("/", "http://api:8000")), edge+"  api: {image: example/api, environment: {DB_PASSWORD: hunter2hunter2}}\n")
	var g Log
	g.Read(erred(0, `upstream sent invalid header: "X-Auth: hunter2hunter2" while reading response header from upstream`, "/hunter2hunter2", here))
	for _, m := range g.Explain(stack, judged(stack, nil)).Messages {
		if text := m.Text + strings.Join(m.Requests, " "); strings.Contains(text, "hunter2") || !strings.Contains(text, "***") {
			t.Error(text)
		}
	}
}

// A rule's page has the lines of the log that its fault leads to.
func TestLogLines(t *testing.T) {
	for id, want := range map[string]string{
		"resolver-missing": "no resolver defined to resolve …", "upstream-timeout": "upstream timed out… while reading response header from upstream",
		"upstream-host-unknown": `host not found in upstream "…`, "certificate-missing": "cannot load certificate…", "upstream-socket-not-shared": "connect() to unix:… failed (2:…",
	} {
		for _, r := range Rules() {
			if r.ID == id && !strings.Contains(strings.Join(r.LogLines(), "\n"), want) {
				t.Errorf("%s: no %q in %q", id, want, r.LogLines())
			}
		}
	}
}
