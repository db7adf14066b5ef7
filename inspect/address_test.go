package inspect

import (
	"strings"
	"testing"
)

func TestHostAddress(t *testing.T) {
	const refused, note = "warning", "note"
	const network = "networks: {default: {ipam: {config: [{subnet: 10.5.0.0/24}]}}}\n"
	const all, loopback = "ports: ['8081:8000']", "ports: ['127.0.0.1:8081:8000']"
	container := seen(up("edge"), up("api", func(c *Container) { c.Endpoints[0].IPv4 = "192.168.1.10" }))
	for name, test := range map[string]struct {
		to, api, edge string
		snap          *Snapshot
		want          string
	}{
		"Docker's bridge":               {"172.17.0.1:8081", all, "", nil, note},
		"published for the host alone":  {"172.17.0.1:8081", loopback, "", nil, refused},
		"another bridge":                {"172.21.0.1:8081", loopback, "", nil, refused},
		"likely a container":            {"172.21.0.5:8081", loopback, "", nil, ""},
		"the gateway of a network":      {"10.5.0.1:8081", loopback, "", nil, refused},
		"an address of a network":       {"10.5.0.2:8081", loopback, "", nil, ""},
		"the network around":            {"192.168.1.10:8081", loopback, "", nil, refused},
		"which a container has":         {"192.168.1.10:8081", loopback, "", container, ""},
		"a port that nobody publishes":  {"172.17.0.1:8000", all, "", nil, ""},
		"a port that another host has":  {"203.0.113.7:8081", all, "", nil, ""},
		"a proxy on the host's network": {"172.17.0.1:8081", loopback, ", network_mode: host", nil, ""},
		"one of several ports":          {"172.17.0.1:8081", "ports: ['127.0.0.1:8081-8089:8000']", "", nil, ""},
		"a port of edge itself":         {"172.17.0.1:8081", "expose: [8000]", ", ports: ['8081:80']", nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			services := strings.Replace(edge, "}", test.edge+"}", 1) + "  api: {image: x, " + test.api + "}\n" + network
			got := ""
			for _, f := range judged(shop(t, server(pass("/", "http://"+test.to)), services), test.snap).Findings {
				if f.Rule == upstreamIsHostAddress {
					got = map[Severity]string{Error: "error", Warning: "warning", Note: "note"}[f.Severity]
				}
			}
			if got != test.want {
				t.Errorf("%q, want %q", got, test.want)
			}
		})
	}
}
