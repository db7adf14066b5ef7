package compose

import (
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"why502/compose/nginx"
	"why502/compose/proxy"
)

// at is a place in compose.yaml.
func at(line, column int) proxy.Place {
	return proxy.Place{File: "compose.yaml", Line: line, Column: column}
}

func override(line, column int) proxy.Place {
	return proxy.Place{File: "compose.override.yaml", Line: line, Column: column}
}

// lowered is a project whose service a has these lines, the first of them in line 3.
func lowered(t *testing.T, lines string, more ...string) *Service {
	t.Helper()
	files := compose("services:\n  a:\n" + lines + "    image: x\n")
	if len(more) > 0 {
		files["compose.override.yaml"] = "services:\n  a:\n" + more[0]
	}
	return load(t, files, "WEB=8080", "CONF=./conf", "HOME=/root").Services["a"]
}

func check(t *testing.T, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestPorts(t *testing.T) {
	tests := []struct {
		name, lines, override string
		want                  []Port
	}{
		{"short", "    ports:\n      - 80\n      - \"8080:80\"\n      - 127.0.0.1:8443:443/udp\n", "", []Port{
			{"", 0, 80, "tcp", at(4, 9), false}, {"", 8080, 80, "tcp", at(5, 9), false}, {"127.0.0.1", 8443, 443, "udp", at(6, 9), false},
		}},
		{"IPv6", "    ports: [\"[::1]:8080:80\", \"8080:80\"]\n", "", []Port{
			{"::1", 8080, 80, "tcp", at(3, 13), false}, {"", 8080, 80, "tcp", at(3, 30), false},
		}},
		{"free port on one address", "    ports: [\"127.0.0.1::80\"]\n", "", []Port{{"127.0.0.1", 0, 80, "tcp", at(3, 13), false}}},
		{"variable", "    ports: [\"${WEB}:80\"]\n", "", []Port{{"", 8080, 80, "tcp", at(3, 13), false}}},
		{"range", "    ports: [7000:7000, \"8000-8001:80-81\"]\n", "", []Port{
			{"", 7000, 7000, "tcp", at(3, 13), false}, {"", 8000, 80, "tcp", at(3, 24), false}, {"", 8001, 81, "tcp", at(3, 24), false},
		}},
		{"one of a range", "    ports: [\"8000-8010:80\"]\n", "", []Port{{"", 8000, 80, "tcp", at(3, 13), true}}},
		{"long", "    ports:\n      - target: 80\n      - {target: 443, published: 8443, host_ip: 127.0.0.1, protocol: udp}\n", "", []Port{
			{"", 0, 80, "tcp", at(4, 9), false}, {"127.0.0.1", 8443, 443, "udp", at(5, 9), false},
		}},
		{"merged", "    ports: [80:80, 81:81]\n", "    ports: [82:82, 81:81]\n", []Port{
			{"", 80, 80, "tcp", at(3, 13), false}, {"", 81, 81, "tcp", override(3, 20), false}, {"", 82, 82, "tcp", override(3, 13), false},
		}},
		{"replaced", "    ports: [80:80, 81:81]\n", "    ports: !override [82:82]\n", []Port{{"", 82, 82, "tcp", override(3, 23), false}}},
		{"removed", "    ports: [80:80, 81:81]\n", "    ports: !reset []\n", nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			more := []string{test.override}
			if test.override == "" {
				more = nil
			}
			check(t, lowered(t, test.lines, more...).Ports, test.want)
		})
	}
}

func TestExpose(t *testing.T) {
	a := lowered(t, "    expose: [3000, \"8000/tcp\", 9000-9001]\n")
	check(t, a.Expose, []Number{{3000, at(3, 14)}, {8000, at(3, 20)}, {9000, at(3, 32)}, {9001, at(3, 32)}})
	if got := len(lowered(t, "    expose: [1-65535]\n").Expose); got != maxExposed {
		t.Errorf("%d ports of a huge range, want %d", got, maxExposed)
	}
}

func TestMounts(t *testing.T) {
	s := load(t, map[string]string{
		"compose.yaml": `services:
  a:
    image: x
    volumes:
      - ./nginx.conf:/etc/nginx/nginx.conf:ro,Z
      - ${CONF}/:/etc/nginx/conf.d/
      - {type: bind, source: ./html, target: /html, bind: {create_host_path: false}}
      - data:/data
      - /cache
      - type: tmpfs
        target: /scratch
    tmpfs: [/run, "/tmp:size=1m"]
    configs:
      - site
      - {source: site, target: etc/site.conf}
      - inline
    secrets:
      - key
      - {source: key, target: tls.key}
      - source: key
        target: /etc/tls.key
configs:
  site: {file: ./site.conf}
  inline: {content: "server {}"}
secrets:
  key: {file: ./tls.key}
volumes:
  data:
`,
		"compose.override.yaml": "services:\n  a:\n    volumes: [\"./other:/html\"]\n",
	}, "CONF=./conf")
	host := func(name string) string { return filepath.Join(s.Directory, name) }
	check(t, s.Services["a"].Mounts, []Mount{
		{"bind", host("nginx.conf"), "/etc/nginx/nginx.conf", true, true, false, at(5, 9), nil, true},
		{"bind", host("conf"), "/etc/nginx/conf.d", false, true, false, at(6, 9), nil, false},
		{"bind", host("other"), "/html", false, true, false, override(3, 15), nil, false},
		{"volume", "data", "/data", false, false, false, at(8, 9), nil, false},
		{"volume", "", "/cache", false, false, false, at(9, 9), nil, false},
		{"tmpfs", "", "/scratch", false, false, false, at(10, 9), nil, false},
		{"tmpfs", "", "/run", false, false, false, at(12, 13), nil, false},
		{"tmpfs", "", "/tmp", false, false, false, at(12, 19), nil, false},
		{"config", host("site.conf"), "/site", true, false, false, at(14, 9), nil, false},
		{"config", host("site.conf"), "/etc/site.conf", true, false, false, at(15, 9), nil, false},
		{"config", "", "/inline", true, false, false, at(16, 9), &nginx.File{Text: []byte("server {}")}, false},
		{"secret", host("tls.key"), "/run/secrets/key", true, false, false, at(18, 9), nil, false},
		{"secret", host("tls.key"), "/run/secrets/tls.key", true, false, false, at(19, 9), nil, false},
		{"secret", host("tls.key"), "/etc/tls.key", true, false, false, at(20, 9), nil, false},
	})
}

func TestNetworks(t *testing.T) {
	s := load(t, compose(`name: shop
services:
  a: {image: x}
  b:
    image: x
    networks:
      front: {aliases: [www], ipv4_address: 10.0.0.2}
      outer:
  c: {image: x, network_mode: host}
  d: {image: x, networks: [front, default]}
networks:
  front: {internal: true, driver: overlay}
  outer: {external: true, name: proxy-net}
  unused: {name: mine, driver_opts: {com.docker.network.enable_ipv6: "true"}}
`))
	check(t, s.Services["a"].Networks, []Attachment{{"default", nil, "", at(3, 3)}})
	check(t, s.Services["b"].Networks, []Attachment{{"front", []string{"www"}, "10.0.0.2", at(7, 7)}, {"outer", nil, "", at(8, 7)}})
	check(t, s.Services["c"].Networks, []Attachment(nil))
	check(t, s.Services["c"].NetworkMode, "host")
	check(t, s.Services["d"].Networks, []Attachment{{"default", nil, "", at(10, 35)}, {"front", nil, "", at(10, 28)}})
	check(t, s.Networks, map[string]*Network{
		"default": {"default", "shop_default", false, false, "", nil, false, at(11, 1)},
		"front":   {"front", "shop_front", false, true, "overlay", nil, false, at(12, 3)},
		"outer":   {"outer", "proxy-net", true, false, "", nil, false, at(13, 3)},
		"unused":  {"unused", "mine", false, false, "", nil, true, at(14, 3)},
	})
}

func TestDependencies(t *testing.T) {
	s := load(t, compose(`services:
  a:
    image: x
    depends_on:
      b: {condition: service_healthy, restart: true}
      c: {condition: service_started}
    links: ["d:db", e]
    extra_hosts: ["host.docker.internal:host-gateway", "old=10.0.0.1"]
  b: {image: x, depends_on: [c]}
  c: {image: x}
  d: {image: x, network_mode: "service:c"}
  e: {image: x, profiles: [], volumes_from: ["c:ro"]}
`))
	a := s.Services["a"]
	check(t, a.DependsOn, []Dependency{
		{"b", "service_healthy", true, at(5, 7)},
		{"c", "service_started", false, at(6, 7)},
		{"d", "service_started", true, at(7, 13)},
		{"e", "service_started", true, at(7, 21)},
	})
	check(t, a.Links, []Link{{"d", "db"}, {"e", "e"}})
	check(t, slices.Sorted(maps.Keys(a.ExtraHosts)), []string{"host.docker.internal", "old"})
	check(t, s.Services["b"].DependsOn, []Dependency{{"c", "service_started", false, at(9, 30)}})
	check(t, s.Services["d"].DependsOn, []Dependency{{"c", "service_started", true, at(11, 17)}})
	check(t, s.Services["e"].DependsOn, []Dependency{{"c", "service_started", false, at(12, 46)}})
}

func TestEnvironment(t *testing.T) {
	s := load(t, map[string]string{
		"compose.yaml": `services:
  a:
    image: x
    env_file: app.env
    environment:
      OWN: "1"
      WEB:
      UNSET:
  b:
    image: x
    environment: [OWN=a=b, "FILLED=${WEB}", WEB]
`,
		"app.env": "OWN=2\nFROM_FILE=${WEB}\n",
	}, "WEB=8080")
	check(t, s.Services["a"].Environment, map[string]Value{
		"OWN":       {"1", at(6, 7)},
		"WEB":       {"8080", at(7, 7)},
		"FROM_FILE": {"8080", proxy.Place{File: "app.env", Line: 2, Column: 1}},
	})
	check(t, s.Services["b"].Environment, map[string]Value{
		"OWN":    {"a=b", at(11, 19)},
		"FILLED": {"8080", at(11, 28)},
		"WEB":    {"8080", at(11, 45)},
	})
}

func TestHealthcheck(t *testing.T) {
	tests := []struct {
		lines string
		want  []string
	}{
		{"", nil},
		{"    healthcheck: {test: curl -f localhost}\n", []string{"curl -f localhost"}},
		{"    healthcheck: {test: [CMD, curl, localhost]}\n", []string{"curl", "localhost"}},
		{"    healthcheck: {test: [CMD-SHELL, \"curl x || exit 1\"]}\n", []string{"curl x || exit 1"}},
		{"    healthcheck: {test: [NONE]}\n", nil},
		{"    healthcheck: {disable: true}\n", nil},
		{"    healthcheck: {interval: 5s}\n", nil},
	}
	for _, test := range tests {
		check(t, lowered(t, test.lines).Healthcheck, test.want)
	}
}

func TestRestartAndScale(t *testing.T) {
	tests := []struct {
		lines   string
		restart string
		scale   int
	}{
		{"", "", 1},
		{"    restart: unless-stopped\n    scale: 0\n", "unless-stopped", 0},
		{"    restart: \"no\"\n    scale: 3\n", "no", 3},
		{"    restart: on-failure:3\n    deploy: {replicas: 2}\n", "on-failure", 2},
		{"    deploy: {replicas: 0, restart_policy: {condition: any}}\n", "always", 0},
		{"    deploy: {restart_policy: {condition: none}}\n    restart: always\n", "no", 1},
		{"    deploy: {restart_policy: {condition: on-failure}}\n", "on-failure", 1},
	}
	for _, test := range tests {
		a := lowered(t, test.lines)
		check(t, a.Restart, test.restart)
		check(t, a.Scale, test.scale)
	}
}

func TestCommandAndEntrypoint(t *testing.T) {
	a := lowered(t, "    command: nginx -g 'daemon off;'\n    entrypoint: [/bin/sh, -c]\n")
	check(t, a.Command, []string{"nginx", "-g", "daemon off;"})
	check(t, a.Entrypoint, []string{"/bin/sh", "-c"})
	for _, none := range []string{"", "    command:\n    entrypoint: null\n"} {
		a := lowered(t, none)
		if a.Command != nil || a.Entrypoint != nil {
			t.Errorf("%q: command %q, entrypoint %q, want nil", none, a.Command, a.Entrypoint)
		}
	}
}

func TestProfiles(t *testing.T) {
	text := `services:
  a: {image: x}
  b: {image: x, profiles: [debug], networks: [nowhere], depends_on: [none]}
`
	s := load(t, compose(text))
	if b := s.Services["b"]; !b.Disabled || s.Services["a"].Disabled {
		t.Error("without its profile, b alone is to be disabled")
	}
	check(t, s.Services["b"].Profiles, []string{"debug"})
	check(t, s.Services["b"].Place, at(3, 3))
	text = `services:
  a: {image: x}
  b: {image: x, profiles: [debug]}
`
	if load(t, compose(text), "COMPOSE_PROFILES=other, debug").Services["b"].Disabled {
		t.Error("with its profile, b is to be enabled")
	}
}
