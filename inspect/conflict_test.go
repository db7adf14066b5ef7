package inspect

import (
	"fmt"
	"strings"
	"testing"
)

func TestPortConflict(t *testing.T) {
	const broken, likely, risk, quiet = "error broken no-start", "warning likely-broken no-start", "warning at-risk", ""
	taken := func(text string) func(*Container) {
		return func(c *Container) {
			c.State, c.ExitCode, c.Error, c.Endpoints = "created", 128, text, nil
		}
	}
	for name, test := range map[string]struct {
		edge, api string
		snap      *Snapshot
		want      string
	}{
		"who starts first is open":     {"ports: ['8080:80']", "ports: ['8080:8000']", nil, likely},
		"edge waits":                   {"depends_on: [api], ports: ['8080:80']", "ports: ['8080:8000']", nil, broken},
		"api waits":                    {"ports: ['8080:80']", "depends_on: [edge], ports: ['8080:8000']", nil, risk},
		"one address of all":           {"depends_on: [api], ports: ['127.0.0.1:8080:80']", "ports: ['0.0.0.0:8080:8000']", nil, broken},
		"two addresses":                {"depends_on: [api], ports: ['127.0.0.1:8080:80']", "ports: ['127.0.0.2:8080:8000']", nil, quiet},
		"two kinds of address":         {"depends_on: [api], ports: ['127.0.0.1:8080:80']", "ports: ['[::1]:8080:8000']", nil, quiet},
		"two protocols":                {"depends_on: [api], ports: ['8080:80']", "ports: ['8080:8000/udp']", nil, quiet},
		"free ports":                   {"depends_on: [api], ports: ['80']", "ports: ['8000']", nil, quiet},
		"one of several ports":         {"depends_on: [api], ports: ['8080-8090:80']", "ports: ['8080:8000']", nil, quiet},
		"a profile that is not active": {"ports: ['8080:80']", "profiles: [off], ports: ['8080:8000']", nil, quiet},
		"no replica":                   {"depends_on: [api], ports: ['8080:80']", "scale: 0, ports: ['8080:8000']", nil, quiet},
		"profiles apart":               {"profiles: [a], ports: ['8080:80']", "profiles: [b], ports: ['8080:8000']", nil, quiet},
		"profiles in common":           {"profiles: [a], ports: ['8080:80']", "profiles: [a, b], ports: ['8080:8000']", nil, likely},
		"edge runs":                    {"ports: ['8080:80']", "ports: ['8080:8000']", seen(up("edge"), up("api")), quiet},
		"edge did not start": {
			"ports: ['8080:80']", "ports: ['8080:8000']", seen(up("api"), down("edge", "", 0, taken("Bind for 0.0.0.0:8080 failed: port is already allocated"))), broken,
		},
		"something else has it": {
			"ports: ['8080:80']", "", seen(up("api"), down("edge", "", 0, taken("failed to bind host port 0.0.0.0:8080/tcp: address already in use"))), broken,
		},
	} {
		t.Run(name, func(t *testing.T) {
			services := "  edge: {image: nginx, volumes: [./nginx.conf:/etc/nginx/conf.d/default.conf], " + test.edge + "}\n  api: {image: x, " + test.api + "}\n"
			report := judged(load(t, map[string]string{
				".env":         "COMPOSE_PROFILES=a,b\n",
				"compose.yaml": "name: shop\nservices:\n" + services,
				"nginx.conf":   server(pass("/", "http://api:8000")),
			}), test.snap)
			got := ""
			for _, f := range report.Findings {
				if f.Rule == proxyPortConflict {
					got = fmt.Sprintf("%s %s %s", map[Severity]string{Error: "error", Warning: "warning"}[f.Severity], report.Routes[0].Verdict, report.Routes[0].Status)
				}
			}
			if got = strings.TrimSpace(got); got != test.want {
				t.Errorf("%q, want %q", got, test.want)
			}
		})
	}
}

// Engines say it in many ways.
func TestTaken(t *testing.T) {
	for text, want := range map[string]string{
		"driver failed programming external connectivity on endpoint edge (0a1b): Bind for 0.0.0.0:80 failed: port is already allocated": "80",
		"Bind for :::8080 failed: port is already allocated":                                                                             "8080",
		"Error starting userland proxy: listen tcp4 0.0.0.0:80: bind: address already in use":                                            "80",
		"listen tcp [::]:443: bind: address already in use":                                                                              "443",
		"failed to bind host port for 127.0.0.1:80:172.18.0.2:8080/tcp: address already in use":                                          "80",
		"failed to set up container networking: failed to bind host port 0.0.0.0:8443/tcp: address already in use":                       "8443",
		"failed to bind host port for 192.0.2.1:80:172.18.0.2:80/tcp: cannot assign requested address":                                   "",
		"exec: \"nginx\": executable file not found in $PATH":                                                                            "",
	} {
		got := ""
		if m := taken.FindStringSubmatch(text); m != nil {
			got = m[1]
		}
		if got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}
