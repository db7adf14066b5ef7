package inspect

import (
	"strings"
	"testing"
)

// What is found where web's nginx has these listens, on port 8000 of a default network with these options.
func TestAddressFamily(t *testing.T) {
	running := seen(up("edge"), up("web"))
	six := seen(up("edge"), up("web", func(c *Container) { c.Endpoints[0].IPv6 = "fd00::2" }))
	for _, test := range []struct {
		listens, network string
		snap             *Snapshot
		want             string
	}{
		{"listen [::]:8000;", "{}", nil, "likely"},
		{"listen [::]:8000;", "{}", running, "proven"},
		{"listen [::]:8000;", "{}", six, ""},
		{"listen [::]:8000;", "{enable_ipv6: true}", nil, ""},
		{"listen [::]:8000;", "{driver_opts: {com.docker.network.enable_ipv6: 'true'}}", nil, ""},
		{"listen [::]:8000;", "{enable_ipv6: false, driver_opts: {com.docker.network.enable_ipv6: 'true'}}", nil, "likely"},
		{"listen [::]:8000;", "{external: true}", nil, ""},
		{"listen [::]:8000; listen 8000;", "{}", nil, ""},
		{"listen [::]:8000; listen 8001;", "{}", nil, "likely"},
		{"listen [::]:8000 ipv6only=off;", "{}", nil, ""},
		{"listen [::]:8000 ipv6only=on;", "{}", nil, "likely"},
		{"listen 8000;", "{}", nil, ""},
	} {
		stack := load(t, map[string]string{
			"compose.yaml": "name: shop\nservices:\n" + edge + "  web: {image: 'nginx:1.27', volumes: [./web.conf:/etc/nginx/conf.d/default.conf]}\nnetworks: {default: " + test.network + "}\n",
			"nginx.conf":   server(pass("/", "http://web:8000")), "web.conf": "server { " + test.listens + " return 200; }",
		})
		got := ""
		for _, f := range judged(stack, test.snap).Findings {
			if f.Rule == upstreamAddressFamily {
				got = strings.ToLower(string(f.Confidence))
			}
		}
		if got != test.want {
			t.Errorf("%s on %s: %q, want %q", test.listens, test.network, got, test.want)
		}
	}
}
