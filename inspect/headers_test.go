package inspect

import (
	"strings"
	"testing"
)

// What is said about websockets on a route, and the lines that the edit adds.
func TestWebsocketUpgrade(t *testing.T) {
	const (
		version    = "proxy_http_version 1.1;"
		upgrade    = "proxy_set_header Upgrade $http_upgrade;"
		connection = `proxy_set_header Connection "upgrade";`
	)
	all := strings.Join([]string{version, upgrade, connection}, " ")
	for _, test := range []struct{ around, location, inside, want string }{
		{"", "/ws", "", "warning " + all},
		{"", "= /api/v1/ws", "", "warning " + all},
		{"", "~ ^/(app|websocket)$", "", "warning " + all},
		{"", `~ /ws\/`, "", "warning " + all},
		{"", "/socket.io/", "", "note " + all},
		{"", "/api", "", ""},
		{"", "/reviews", "", ""},
		{"", "@ws", "", ""},
		{"", "/ws", all, ""},
		{all, "/ws", "", ""},
		{all, "/ws", "proxy_set_header X 1;", "warning " + upgrade + " " + connection},
		{version, "/ws", upgrade + ` proxy_set_header Connection "";`, "warning " + connection},
		{version, "/ws", upgrade + " proxy_set_header Connection $connection_upgrade;", ""},
		{"", "/ws", upgrade + " " + connection, "note " + version},
		{version + ` proxy_set_header Host "$host:80 ";`, "/ws", "", "warning " + upgrade + " " + connection + ` proxy_set_header Host "$host:80 ";`},
		{"", "/ws", "proxy_http_version 1.0;", "warning " + all},
	} {
		conf := "server {\n" + test.around + "\nlocation " + test.location + " {\n" + test.inside + "\nproxy_pass http://api:8000;\n}\n}\n"
		services := strings.Replace(edge, "1.27", "1.22", 1) + api
		got := ""
		for _, f := range judged(shop(t, conf, services), nil).Findings {
			if f.Rule == websocketUpgradeMissing {
				got = map[Severity]string{Note: "note ", Warning: "warning "}[f.Severity] + strings.ReplaceAll(f.Fix.Edits[0].New, "\n", " ")
			}
		}
		if got != test.want {
			t.Errorf("%s %s {%s}\ngot  %s\nwant %s", test.around, test.location, test.inside, got, test.want)
		}
	}
}

// An app that does nothing without websockets needs them on one of its routes.
func TestAppOfWebsockets(t *testing.T) {
	for conf, want := range map[string]int{
		"location / { proxy_pass http://api:8000; }":                                                      1,
		"location / { proxy_pass http://api:8000; } location /socket.io/ { proxy_pass http://api:8000; }": 2,
		"location / { proxy_pass http://api:8000; } location /x { proxy_http_version 1.1; proxy_set_header Upgrade a; proxy_set_header Connection $a; proxy_pass http://api:8000; }": 0,
	} {
		found := 0
		for _, f := range judged(shop(t, server(conf), edge+"  api: {image: 'louislam/uptime-kuma:1', expose: [8000]}\n"), nil).Findings {
			if f.Rule == websocketUpgradeMissing {
				found++
			}
		}
		if found != want {
			t.Errorf("%s: %d findings, want %d", conf, found, want)
		}
	}
}

// noteOf is what one rule says of a configuration, and the line that its edit makes.
func noteOf(t *testing.T, rule *Rule, conf, services string) (said string) {
	t.Helper()
	for _, f := range judged(shop(t, conf, services), nil).Findings {
		if f.Rule != rule {
			continue
		}
		said += f.Message
		for _, e := range f.Fix.Edits {
			said += " => " + strings.TrimSpace(e.New)
		}
	}
	return said
}

func TestHostHeader(t *testing.T) {
	const (
		forgotten = ": nginx forgets the Host that the block around sends, because here are other headers"
		invalid   = ", which is no valid host name to some apps: 400"
		fixed     = " => proxy_set_header Host $host;"
	)
	group := "upstream my_api { server api:8000; }\n"
	underscore := "  my_api: {image: example/api, expose: [8000]}\n"
	for _, test := range []struct{ conf, services, want string }{
		{"server {\nlocation / {\nproxy_pass http://api:8000;\n}\n}", api, ""},
		{"proxy_set_header Host $host;\nserver {\nlocation / {\nproxy_set_header X 1;\nproxy_pass http://api:8000;\n}\n}", api, "api is asked for the host api" + forgotten + fixed},
		{"proxy_set_header Host $host;\nserver {\nproxy_set_header X 1;\nlocation / {\nproxy_pass http://api:8000;\n}\n}", api, "api is asked for the host api" + forgotten + fixed + "\nproxy_set_header X 1;"},
		{"proxy_set_header Host $host;\nserver {\nlocation / {\nproxy_set_header X 1;\nproxy_set_header host a;\nproxy_pass http://api:8000;\n}\n}", api, ""},
		{"server {\nlocation / {\nproxy_pass http://my_api:8000;\n}\n}", underscore, "my_api is asked for the host my_api" + invalid + fixed},
		{group + "server {\nlocation / {\nproxy_pass http://my_api;\n}\n}", api, "api is asked for the host my_api" + invalid + fixed},
		{group + "server {\nproxy_set_header Host $host;\nlocation / {\nproxy_pass http://my_api;\n}\n}", api, ""},
		{group + "server {\nlocation / {\nfastcgi_pass my_api;\n}\n}", api, ""},
		{"server {\nlocation / {\nproxy_pass http://my_api;\n}\n}", "  my_api: {image: 'nginx:1.27'}\n", ""},
		{"server {\nlocation / {\nproxy_pass http://their_api.example.com;\n}\n}", api, ""},
	} {
		if got := noteOf(t, hostHeaderRewritten, test.conf, edge+test.services); got != test.want {
			t.Errorf("%s\ngot  %s\nwant %s", test.conf, got, test.want)
		}
	}
}
