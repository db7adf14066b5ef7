package inspect

import (
	"fmt"
	"strings"
	"testing"
)

// evidence is what says where api listens, best first: "8000 PORT=8000" or, shorter, its port alone.
func evidence(t *testing.T, service string) string {
	t.Helper()
	stack := shop(t, server(pass("/", "http://api:8000")), edge+"  api: {"+service+"}\n")
	var all []string
	for _, l := range newFacts(stack, nil).listening(stack.Services["api"]) {
		all = append(all, fmt.Sprintf("%d %s", l.port, l.text))
	}
	return strings.Join(all, ", ")
}

func TestListening(t *testing.T) {
	for service, want := range map[string]string{
		"image: x": "",
		// variables
		"image: x, environment: {PORT: 3000}":                                   "3000 PORT=3000",
		"image: x, environment: [SERVER_PORT=3000]":                             "3000 SERVER_PORT=3000",
		"image: x, environment: {LISTEN_ADDR: ':9000'}":                         "9000 LISTEN_ADDR=:9000",
		"image: x, environment: {BIND: '0.0.0.0:5000'}":                         "5000 BIND=0.0.0.0:5000",
		"image: x, environment: {ASPNETCORE_URLS: 'http://+:8080'}":             "8080 ASPNETCORE_URLS=http://+:8080",
		"image: x, environment: {ASPNETCORE_HTTP_PORTS: '8080;8081'}":           "8080 ASPNETCORE_HTTP_PORTS=8080;8081, 8081 ASPNETCORE_HTTP_PORTS=8080;8081",
		"image: x, environment: {DB_PORT: 5432, REDIS_URL: 'redis:6379'}":       "",
		"image: x, environment: {BIND: 127.0.0.1, LISTEN_ADDR: '127.0.0.1:81'}": "81 LISTEN_ADDR=127.0.0.1:81",
		"image: x, environment: {PORT: '', PORTS: 3000}":                        "",
		"image: x, environment: {PORT: 99999}":                                  "",
		// command
		"image: x, command: serve --port 3000":                  "3000 its command",
		"image: x, command: serve --port=3000":                  "3000 its command",
		"image: x, command: [serve, -p, '3000']":                "3000 its command",
		"image: x, entrypoint: [serve, --listen, '0.0.0.0:81']": "81 its command",
		"image: x, command: 'gunicorn -b :8000 app:app'":        "8000 its command",
		"image: x, command: 'gunicorn --bind=0.0.0.0:8000 app'": "8000 its command",
		"image: x, command: python3 -m http.server 8000":        "8000 its command",
		"image: x, command: manage.py runserver 0.0.0.0:8000":   "8000 its command",
		"image: x, command: 'sh -c \"serve 8080 || exit 1\"'":   "8080 its command",
		"image: x, command: worker --timeout 30 --retries=12":   "",
		"image: x, command: 'wait-for-it db:5432 -- serve'":     "",
		// the rest
		"image: x, ports: ['8081:8000']":                                     "8000 ports",
		"image: x, ports: ['8000']":                                          "8000 ports",
		"image: x, ports: ['53:53/udp']":                                     "",
		"image: x, expose: [8000, '9000-9001']":                              "8000 expose, 9000 expose, 9001 expose",
		"image: x, healthcheck: {test: curl -f http://localhost:8000/}":      "8000 its health check",
		"image: x, healthcheck: {test: [CMD, wget, 'http://127.0.0.1:81/']}": "81 its health check",
		"image: x, healthcheck: {test: curl -f http://db:5432/}":             "",
		"image: grafana/grafana":                                             "3000 the image grafana/grafana",
		"image: grafana/grafana, environment: {GF_SERVER_HTTP_PORT: 4000}":   "4000 GF_SERVER_HTTP_PORT=4000",
		"image: grafana/grafana, environment: {GF_SERVER_HTTP_PORT: ''}":     "3000 the image grafana/grafana",
		"image: keycloak/keycloak, environment: {KC_HTTP_PORT: 80}":          "80 KC_HTTP_PORT=80, 8443 the image keycloak/keycloak, 9000 the image keycloak/keycloak",
		"image: php:8.3-fpm":                                                 "9000 the image php:8.3-fpm",
		"image: php:8.3-cli":                                                 "",
		"image: grafana/grafana, build: .":                                   "",
		// ranked, and each port once
		"image: grafana/grafana, expose: [5000], ports: ['4000:4000'], command: x --port 8000, environment: {PORT: 9000}, healthcheck: {test: curl localhost:6000}": "9000 PORT=9000, 8000 its command, 4000 ports, 5000 expose, 6000 its health check, 3000 the image grafana/grafana",
		"image: x, expose: [8000], ports: ['80:8000'], environment: {PORT: 8000}":                                                                                   "8000 PORT=8000",
	} {
		if got := evidence(t, service); got != want {
			t.Errorf("%s\ngot  %q\nwant %q", service, got, want)
		}
	}
}

// Of an upstream that is a stock nginx its own configuration says where it listens.
func TestListeningOfNginx(t *testing.T) {
	const inner = "  inner: {image: 'nginx:1.27', ports: ['8080:8080'], volumes: [./inner.conf:/etc/nginx/conf.d/default.conf]}\n"
	for _, test := range []struct{ what, service, conf, want string }{
		{"its listens", inner, "server { listen 81; listen 127.0.0.1:82; listen 83 udp; listen unix:/x; }", "[{81 0}]"},
		{"port 80 where none is given", inner, "server { }", "[{80 0}]"},
		{"a proxy too", inner, server(pass("/", "http://api:8000")), "[{80 0}]"},
		{"an image of its own", strings.Replace(inner, "nginx:1.27", "own", 1), "server { listen 81; }", "[{8080 3}]"},
		{"with an unread part", strings.Replace(inner, "]}", ", more:/etc/nginx/conf.d]}\nvolumes: {more: }", 1), "server { listen 81; }", "[{8080 3} {80 7}]"},
	} {
		stack := load(t, map[string]string{
			"compose.yaml": "name: shop\nservices:\n" + edge + api + test.service,
			"nginx.conf":   server(pass("/", "http://inner")), "inner.conf": test.conf,
		})
		type row struct{ port, rank int }
		var got []row
		for _, l := range newFacts(stack, nil).listening(stack.Services["inner"]) {
			got = append(got, row{l.port, l.rank})
		}
		if fmt.Sprint(got) != test.want {
			t.Errorf("%s: %v, want %s", test.what, got, test.want)
		}
	}
}

// The verdict on a port, by how good the evidence is.
func TestPortHop(t *testing.T) {
	for _, test := range []struct{ what, to, services, want string }{
		{"confirmed", "api:8000", edge + api, "o??oo???"},
		{"not confirmed", "api:9000", edge + api, "upstream-port-mismatch o??ooB--"},
		{"nothing is known", "api:9000", edge + "  api: {image: x}\n", "o??oo???"},
		{"the published side", "api:8081", edge + "  api: {image: x, ports: ['8081:8000']}\n", "upstream-published-port o??ooB--"},
		{"the port of its image", "api:3000", edge + "  api: {image: grafana/grafana}\n", "o??oo???"},
		{"another one", "api:3001", edge + "  api: {image: grafana/grafana}\n", "upstream-port-mismatch o??ooB--"},
		{"the image's, which a variable moves", "api:3000", edge + "  api: {image: grafana/grafana, environment: {GF_SERVER_HTTP_PORT: 4000}}\n", "upstream-port-mismatch o??ooB--"},
		{"where a variable moves it to", "api:4000", edge + "  api: {image: grafana/grafana, environment: {GF_SERVER_HTTP_PORT: 4000}}\n", "o??oo???"},
		{"another one, and a file that may say so", "api:3001", edge + "  api: {image: grafana/grafana, volumes: ['files:/etc/grafana']}\nvolumes: {files: }\n", "o??oo???"},
		{"another one, and a command that may", "api:3001", edge + "  api: {image: grafana/grafana, command: --config=/own.ini}\n", "o??oo???"},
		{"one beside what may be moved", "api:9000", edge + "  api: {image: minio/minio, command: 'server /data --console-address :9001'}\n", "o??oo???"},
		{"both sides", "api:8000", edge + "  api: {image: x, ports: ['8081:8000']}\n", "o??oo???"},
		{"published and listened on", "api:8081", edge + "  api: {image: x, ports: ['8081:8000'], expose: [8081]}\n", "o??oo???"},
		{"published as udp", "api:8081", edge + "  api: {image: x, ports: ['8081:8000/udp']}\n", "o??oo???"},
		{"any variable that has the port", "api:9000", edge + "  api: {image: x, expose: [8000], environment: {ADMIN: '0.0.0.0:9000'}}\n", "o??oo???"},
		{"any variable that has another", "api:9000", edge + "  api: {image: x, expose: [8000], environment: {ADMIN: '0.0.0.0:9001'}}\n", "upstream-port-mismatch o??ooB--"},
		{"a built image, expose", "api:9000", edge + "  api: {build: ., expose: [8000]}\n", "o??oo???"},
		{"a built image, its command", "api:9000", edge + "  api: {build: ., command: serve --port 8000}\n", "upstream-port-mismatch o??ooB--"},
		{"another service in its namespace", "api:9000", edge + api + "  side: {image: x, network_mode: 'service:api', expose: [9000]}\n", "o??oo???"},
		{"none in its namespace", "api:9001", edge + api + "  side: {image: x, network_mode: 'service:api', expose: [9000]}\n", "upstream-port-mismatch o??ooB--"},
		{"published by the owner of the namespace", "vpn:8081", edge + "  api: {image: x, network_mode: 'service:vpn', expose: [8000]}\n  vpn: {image: x, ports: ['8081:8000']}\n",
			"upstream-published-port o??ooB--"},
	} {
		r := judged(shop(t, server(pass("/", "http://"+test.to)), test.services), nil)
		got := ""
		for _, f := range r.Findings {
			if f.Severity != Note {
				got += f.Rule.ID + " "
			}
		}
		for _, state := range r.Routes[0].Backends[0].Hops {
			got += letters[state]
		}
		if got != test.want {
			t.Errorf("%s: %s, want %s", test.what, got, test.want)
		}
	}
}
