package inspect

import (
	"strings"
	"testing"
)

func TestDefaultConfShadows(t *testing.T) {
	const to = "location / { proxy_pass http://api:8000; } "
	for name, test := range map[string]struct {
		at, conf string
		want     string // what the first line of the edit becomes; empty: no finding
	}{
		"behind it":                   {"conf.d/site.conf", server(to), "./nginx.conf:/etc/nginx/conf.d/default.conf"},
		"in its place":                {"conf.d/default.conf", server(to), ""},
		"before it":                   {"conf.d/api.conf", server(to), ""},
		"the default server":          {"conf.d/site.conf", "server { listen 80 default_server; " + to + "}", ""},
		"another port":                {"conf.d/site.conf", "server { listen 81; " + to + "}", ""},
		"an address of its own":       {"conf.d/site.conf", "server { listen 127.0.0.1:80; " + to + "}", ""},
		"both kinds of address":       {"conf.d/site.conf", "server { listen [::]:80; listen 80; " + to + "}", "./nginx.conf:/etc/nginx/conf.d/default.conf"},
		"a name":                      {"conf.d/site.conf", server("server_name shop.example.com;", to), ""},
		"a name that is none":         {"conf.d/site.conf", server("server_name _;", to), "./nginx.conf:/etc/nginx/conf.d/default.conf"},
		"the name of the image's":     {"conf.d/site.conf", server("server_name localhost;", to), "./nginx.conf:/etc/nginx/conf.d/default.conf"},
		"a template":                  {"templates/site.conf.template", server(to), "./nginx.conf:/etc/nginx/templates/default.conf.template"},
		"instead of the whole of it":  {"nginx.conf", "events { } http { " + server(to) + "}", ""},
		"behind another of their own": {"conf.d/site.conf", "server { listen 80; server_name shop.example.com; " + to + "} " + server(to), "./nginx.conf:/etc/nginx/conf.d/default.conf"},
	} {
		t.Run(name, func(t *testing.T) {
			edge := strings.Replace(edge, "/etc/nginx/conf.d/default.conf", "/etc/nginx/"+test.at, 1)
			got := ""
			for _, f := range judged(shop(t, test.conf, edge+api), nil).Findings {
				if f.Rule == defaultConfShadows && len(f.Fix.Edits) == 1 {
					got = f.Fix.Edits[0].New
				}
			}
			if !strings.Contains(got, test.want) || test.want == "" && got != "" {
				t.Errorf("%q, want %q", got, test.want)
			}
		})
	}
}

// What a Dockerfile copies there has no mount to change.
func TestDefaultConfShadowsWithoutMount(t *testing.T) {
	const copied = "  edge: {build: {context: ., dockerfile_inline: \"FROM nginx\\nCOPY nginx.conf /etc/nginx/conf.d/site.conf\"}}\n"
	for names, want := range map[string]string{"_": "    listen 80 default_server;", "localhost": ""} {
		conf := "server {\n    listen 80;\n    server_name " + names + ";\n    location / { proxy_pass http://api:8000; }\n}\n"
		found, got := false, ""
		for _, f := range judged(shop(t, conf, copied+api), nil).Findings {
			if f.Rule == defaultConfShadows {
				found = true
				for _, e := range f.Fix.Edits {
					got += e.New
				}
			}
		}
		if !found || got != want {
			t.Errorf("server_name %s: found %v, %q, want %q", names, found, got, want)
		}
	}
}
