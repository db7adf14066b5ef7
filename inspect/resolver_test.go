package inspect

import "testing"

func TestResolverUnused(t *testing.T) {
	const resolver, literal, variable = "resolver 127.0.0.11; ", "location / { proxy_pass http://api:8000; } ", "location /v { set $up api; proxy_pass http://$up:8001; } "
	const restarted = "  edge: {image: nginx, depends_on: {api: {condition: service_started, restart: true}}, volumes: [./nginx.conf:/etc/nginx/conf.d/default.conf]}\n"
	for name, test := range map[string]struct {
		conf, edge string
		want       bool
	}{
		"written out":                      {server(resolver, literal), edge, true},
		"around the servers":               {resolver + server(literal), edge, true},
		"in a location":                    {server("location / { " + resolver + "proxy_pass http://api:8000; }"), edge, true},
		"by a group":                       {group("api:8000") + server(resolver, pass("/", "http://g")), edge, true},
		"a variable with a group in it":    {group("api:8000") + server(resolver, "set $up g; ", pass("/", "http://$up"), pass("/l", "http://g")), edge, true},
		"no resolver":                      {server(literal), edge, false},
		"a variable, too":                  {server(resolver, literal, variable), edge, false},
		"a variable that another pass has": {server(resolver, literal, "location /v { set $up api; proxy_pass http://$up:8000; }"), edge, true},
		"a variable that is not known":     {server(resolver, literal, pass("/v", "http://$arg_to:8000")), edge, false},
		"a group with resolve":             {"upstream g { zone g 64k; server api:8000 resolve; } " + resolver + server(literal, pass("/g", "http://g")), edge, false},
		"stapling":                         {server(resolver, "ssl_stapling on; ", literal), edge, false},
		"in another server":                {server(resolver, variable) + server(literal), edge, false},
		"restarted along with it":          {server(resolver, literal), restarted, false},
		"an address":                       {server(resolver, pass("/", "http://192.0.2.1:8000")), edge, false},
		"another kind of nginx":            {server(resolver, literal), "  edge: {image: openresty/openresty, volumes: [./nginx.conf:/etc/nginx/conf.d/default.conf]}\n", false},
	} {
		t.Run(name, func(t *testing.T) {
			got, stale := false, false
			for _, f := range judged(shop(t, test.conf, test.edge+api), nil).Findings {
				got, stale = got || f.Rule == resolverUnused, stale || f.Rule == upstreamAddressMayGoStale
			}
			if got != test.want || got && !stale {
				t.Errorf("%v, want %v; that addresses may go stale is said: %v", got, test.want, stale)
			}
		})
	}
}
