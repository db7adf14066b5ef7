package inspect

import (
	"strings"
	"testing"
)

func TestResolveParameter(t *testing.T) {
	const zone, resolver = "zone g 64k; ", "resolver 127.0.0.11; "
	old := seen(up("api"), down("edge", "exited", 1))
	old.log("edge", `[emerg] 1#1: invalid parameter "resolve" in /etc/nginx/conf.d/default.conf:1`)
	const invalid = `invalid parameter "resolve"`
	for name, test := range map[string]struct {
		image, conf string
		snap        *Snapshot
		want        string // the fault; empty: none
	}{
		"all of it":                {"nginx:1.28", "upstream g { " + zone + resolver + "server api:8000 resolve; }", nil, ""},
		"a resolver for all":       {"nginx:1.28", resolver + "upstream g { " + zone + "server api:8000 resolve; }", nil, ""},
		"a resolver of a server":   {"nginx:1.28", "server { " + resolver + "} upstream g { " + zone + "server api:8000 resolve; }", nil, "no resolver defined to resolve names at run time in upstream"},
		"no zone":                  {"nginx:1.28", "upstream g { " + resolver + "server api:8000 resolve; }", nil, "to be in shared memory"},
		"an address":               {"nginx:1.28", "upstream g { server 192.0.2.1:8000 resolve; }", nil, ""},
		"a backup":                 {"nginx:1.28", "upstream g { server 192.0.2.1; server api:8000 resolve backup; }", nil, ""},
		"without resolve":          {"nginx:1.22", "upstream g { server api:8000; }", nil, ""},
		"before it was there":      {"nginx:1.27.2", "upstream g { " + zone + resolver + "server api:8000 resolve; }", nil, invalid},
		"the first that has it":    {"nginx:1.27.3", "upstream g { " + zone + resolver + "server api:8000 resolve; }", nil, ""},
		"the newest of a branch":   {"nginx:1.27", "upstream g { " + zone + resolver + "server api:8000 resolve; }", nil, ""},
		"a version not known":      {"nginx:alpine", "upstream g { " + zone + resolver + "server api:8000 resolve; }", nil, ""},
		"nginx says that it is":    {"nginx:alpine", "upstream g { " + zone + resolver + "server api:8000 resolve; }", old, invalid},
		"another kind of nginx":    {"openresty/openresty:1.21", "upstream g { server api:8000 resolve; }", nil, ""},
		"a group that is not used": {"nginx:1.28", "upstream h { server api:8000 resolve; } upstream g { server api:8000; }", nil, `upstream "h" to be in shared memory`},
	} {
		t.Run(name, func(t *testing.T) {
			stack := shop(t, test.conf+"\n"+server(pass("/", "http://g")), strings.Replace(edge, "nginx:1.27", test.image, 1)+api)
			got := ""
			for _, f := range judged(stack, test.snap).Findings {
				if f.Rule == resolveParameterInvalid {
					got = f.Message
				}
			}
			if !strings.Contains(got, test.want) || test.want == "" && got != "" {
				t.Errorf("%q, want %q", got, test.want)
			}
		})
	}
}
