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
