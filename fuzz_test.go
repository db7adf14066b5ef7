package main

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
)

// fuzzing is the program, run on one input after another.
type fuzzing struct {
	out string   // for its reports
	env []string // of the program
}

// newFuzzing skips a target where inputs that run the whole program take too long.
func newFuzzing(f *testing.F) fuzzing {
	if testing.Short() {
		f.Skip("each input runs the whole program")
	}
	return fuzzing{out: f.TempDir(), env: []string{"DOCKER_HOST=unix:///nowhere/docker.sock"}}
}

// run runs the program with a text on standard input.
func (z fuzzing) run(t *testing.T, stdin string, args ...string) result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code := run(t.Context(), args, z.env, strings.NewReader(stdin), &stdout, &stderr)
	return result{code, stdout.String(), stderr.String()}
}

// harmless runs the program with every format, and fails where something in an output acts on a terminal. That nothing
// panics or takes 10 s, fuzzing sees to by itself. It gives what the run left behind, with JSON on standard output.
func (z fuzzing) harmless(t *testing.T, stdin string, args ...string) result {
	t.Helper()
	all := []string{"--format", "json"}
	for _, format := range formatNames() {
		if format != "json" {
			all = append(all, "--format", format+"="+filepath.Join(z.out, format))
		}
	}
	got := z.run(t, stdin, append(args[:len(args):len(args)], all...)...)
	quiet(t, "json", got.stdout+got.stderr)
	for _, format := range formatNames() {
		if format != "json" && got.code != exitError {
			quiet(t, format, read(t, filepath.Join(z.out, format)))
		}
	}
	return got
}

// alike is harmless, and fails where another run says something else.
func (z fuzzing) alike(t *testing.T, stdin string, args ...string) {
	t.Helper()
	z.again(t, z.harmless(t, stdin, args...), stdin, args...)
}

// again fails where another run says something else than the first.
func (z fuzzing) again(t *testing.T, first result, stdin string, args ...string) {
	t.Helper()
	if again := z.run(t, stdin, append(args, "--format", "json")...); first != again {
		t.Errorf("two runs differ:\n%s%s\n%s%s", first.stdout, first.stderr, again.stdout, again.stderr)
	}
}

// quiet fails where an output has what acts on a terminal.
func quiet(t *testing.T, format, text string) {
	t.Helper()
	if i := acts(text); i >= 0 {
		t.Errorf("%s: %.80q", format, text[max(0, i-40):])
	}
}

// acts finds the first control character in an output, line ends left out; -1: there is none.
func acts(text string) int {
	return bytes.IndexFunc([]byte(text), func(r rune) bool { return r < ' ' && r != '\n' || r >= 0x7f && r < 0xa0 || r >= 0x202a && r <= 0x202e })
}

// seeds are the texts of the scenarios' files that a pattern names.
func seeds(f *testing.F, pattern string) (texts []string) {
	f.Helper()
	names, err := filepath.Glob(filepath.Join("testdata", pattern))
	if err != nil || len(names) == 0 {
		f.Fatalf("no scenario has %s: %v", pattern, err)
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		texts = append(texts, string(text))
	}
	return texts
}

// folder writes files into a new directory.
func folder(f *testing.F, files map[string]string) (dir string) {
	f.Helper()
	dir = f.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			f.Fatal(err)
		}
	}
	return dir
}

// FuzzNginx runs the program on a project with this configuration.
func FuzzNginx(f *testing.F) {
	z := newFuzzing(f)
	for _, text := range seeds(f, "ok-*/nginx.conf") {
		f.Add(text, strings.Contains(text, "events"))
	}
	f.Add("server { listen 80; server_name \"a\x1b[31m\u202e\"; location ~ ^/(?<x>.*)$ { proxy_pass http://user:pass@$x:8000; } }", false)
	const site = "/etc/nginx/conf.d/default.conf"
	dir := folder(f, map[string]string{"site.yaml": works, "whole.yaml": strings.Replace(works, site, "/etc/nginx/nginx.conf", 1)})
	f.Fuzz(func(t *testing.T, conf string, whole bool) {
		write(t, filepath.Join(dir, "nginx.conf"), conf)
		file := "site.yaml"
		if whole {
			file = "whole.yaml"
		}
		z.alike(t, "", "--live", "off", "-v", "--proxy", "edge", "-f", filepath.Join(dir, file))
	})
}

// FuzzCompose runs the program on a Compose file. Beside it are a pipe and a device, which hang or fill the memory
// of whoever reads them.
func FuzzCompose(f *testing.F) {
	z := newFuzzing(f)
	for _, text := range seeds(f, "ok-*/compose.yaml") {
		f.Add(text)
	}
	f.Add(works + "    env_file: [pipe, zero, .env]\ninclude: [pipe, {path: base.yaml, env_file: zero}]\n")
	f.Add(works + "    extends: {file: base.yaml, service: base}\n    environment: {A: \"${A:?a\x1b[31m}\"}\n")
	f.Add("x-a: &a {image: nginx, volumes: [pipe:/etc/nginx/nginx.conf, \"zero:/etc/nginx/conf.d/a.conf\", .:/etc/nginx/conf.d]}\nservices:\n  edge: {<<: *a, build: {context: ., dockerfile: pipe}}\n")
	f.Add("services:\n  edge:\n    build: {dockerfile_inline: \"FROM nginx\\nCOPY nginx.conf zero /etc/nginx/conf.d/\"}\n    configs: [{source: a, target: /etc/nginx/nginx.conf}]\nconfigs: {a: {content: \"http { server { location / { proxy_pass http://$$A${B-c}; } } }\"}}\n")
	dir := folder(f, map[string]string{
		"nginx.conf": nginxConf, ".env": "A=a\nB=\x1b[31m\n", "Dockerfile": "FROM nginx\nCOPY nginx.conf /etc/nginx/conf.d/default.conf\n",
		"base.yaml": "services: {base: {image: nginx, volumes: [\"./nginx.conf:/etc/nginx/conf.d/default.conf\"]}}\n",
	})
	if err := exec.Command("mkfifo", filepath.Join(dir, "pipe")).Run(); err != nil {
		f.Skip("no mkfifo: ", err)
	}
	if err := os.Symlink("/dev/zero", filepath.Join(dir, "zero")); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		write(t, filepath.Join(dir, "compose.yaml"), text)
		args := []string{"--live", "off", "-v", "-f", filepath.Join(dir, "compose.yaml")}
		if first := z.harmless(t, "", args...); first.code != exitError { // of several errors in a file compose-go finds any
			z.again(t, first, "", args...)
		}
	})
}

// FuzzTrace follows a request for this URL, with this header.
func FuzzTrace(f *testing.F) {
	z := newFuzzing(f)
	dir := folder(f, map[string]string{"compose.yaml": works, "nginx.conf": `
map $http_x_a $mapped { default b; "~*^(?<c>a+)$" $c; }
server {
    listen 80 default_server;
    server_name shop *.example.com ~^(?<sub>[a-z]+)\.example\.org$;
    location = /exact { return 301 https://$host$request_uri?$args&m=$mapped; }
    location ^~ /static/ { alias /srv/; try_files $uri $uri/ /index.html =404; }
    location ~* "^/(?<id>\w+)/(.*)$" { rewrite ^/old/(.*)$ /new/$1?x=$arg_y break; proxy_pass http://api:8000; }
    location / { if ($http_cookie ~ "a=(.*)") { return 403 "$1 $cookie_a"; } error_page 404 /exact; proxy_set_header X-Sub $sub; proxy_pass http://api:8000/$mapped/; }
}
server { server_name other; location / { proxy_pass http://$http_x_a:8000; } }
`})
	f.Add("http://localhost:8080/", "Host: shop", "GET")
	f.Add("http://localhost:8080/old/a%2fb/../c//d?y=1&y=%zz", "X-A: AaA", "POST")
	f.Add("https://a.example.org:8080/static/%2e%2e/%00\x1b[31m#x", "Cookie: a=\u202e", "HEAD")
	f.Add("http://[::1]:8080?a", "Host: other", "X")
	f.Add("user@localhost:99999/\r\nX: y", "not a header", "")
	f.Fuzz(func(t *testing.T, url, header, method string) {
		z.alike(t, "", "trace", "--live=off", "-v", "-f", filepath.Join(dir, "compose.yaml"), "--header="+header, "--request="+method, strings.TrimLeft(url, "-"))
	})
}

// shop are the answers of a daemon with the project shop: nginx cannot reach the api, which is at its limits.
func shop() map[string]string {
	const container = `{"Id": "ID", "Name": "/shop-ID-1", "RestartCount": 3, "Image": "sha256:f00",
		"Config": {"Image": "own/ID", "Labels": {"com.docker.compose.project": "shop", "com.docker.compose.service": "ID", "com.docker.compose.oneoff": "False", "com.docker.compose.config-hash": "x"}},
		"State": {"Status": "running", "ExitCode": 0, "StartedAt": "2026-11-22T12:00:00Z", "Health": {"Status": "unhealthy", "Log": [{"Output": "curl: (7) \u001b[31mrefused"}]}},
		"HostConfig": {"NetworkMode": "shop_default", "Memory": 67108864, "NanoCpus": 100000000, "PidsLimit": 10, "PortBindings": {"80/tcp": [{"HostPort": "8080"}]}},
		"NetworkSettings": {"Ports": {"80/tcp": [{"HostIp": "0.0.0.0", "HostPort": "8080"}]}, "Networks": {"shop_default": {"EndpointID": "e", "IPAddress": "172.18.0.3", "Aliases": ["ID"], "DNSNames": ["ID", "shop-ID-1"]}}},
		"Mounts": [{"Type": "volume", "Name": "logs", "Destination": "/var/log/nginx"}]}`
	const stamp = "2026-11-22T12:01:03.968444788Z "
	return map[string]string{
		"/_ping":                   "OK",
		"/version":                 `{"Version": "29.0.0", "ApiVersion": "1.51", "Os": "linux", "Arch": "amd64"}`,
		"/containers/json":         `[{"Id": "edge"}, {"Id": "api"}]`,
		"/containers/edge/json":    strings.ReplaceAll(container, "ID", "edge"),
		"/containers/api/json":     strings.ReplaceAll(container, "ID", "api"),
		"/containers/edge/logs":    framed(stamp+nginxError("connect() failed (111: Connection refused) while connecting to upstream")+"\n") + framed(stamp+visitLine+"\n"),
		"/containers/api/logs":     framed(stamp + "listening on 127.0.0.1:8000\r\nKilled\n"),
		"/containers/edge/top":     `{"Titles": ["PID", "PPID", "ELAPSED", "COMMAND"], "Processes": [["10", "1", "60", "nginx: master process"], ["11", "10", "60", "nginx: worker process"]]}`,
		"/containers/api/stats":    `{"read": "2026-11-22T12:01:03Z", "memory_stats": {"usage": 66108864, "failcnt": 7, "stats": {"inactive_file": 1}}, "pids_stats": {"current": 10}, "cpu_stats": {"throttling_data": {"periods": 10, "throttled_periods": 9}}}`,
		"/events":                  `{"Type": "container", "Action": "oom", "Actor": {"ID": "api"}, "timeNano": 1795348863000000000}`,
		"/networks/shop_default":   `{"Id": "n", "Name": "shop_default", "Driver": "bridge", "Containers": {"edge": {"Name": "shop-edge-1"}, "api": {}}}`,
		"/containers/edge/archive": tarOf("nginx/nginx.conf", "events {}\nhttp { include conf.d/*.conf; }\n", "nginx/conf.d/default.conf", nginxConf),
	}
}

// nginxError is a line of nginx's log about a request for the api.
func nginxError(message string) string {
	return logged + message + `, client: 10.0.0.9, server: , request: "GET / HTTP/1.1", upstream: "http://172.18.0.3:8000/", host: "shop"`
}

// framed is a piece of a log as the daemon sends it.
func framed(text string) string {
	return string(binary.BigEndian.AppendUint32([]byte{1, 0, 0, 0}, uint32(len(text)))) + text
}

// answers serves what a daemon answers, by path. What is changed is another answer to one of them.
func answers(all map[string]string, changed *atomic.Pointer[[2]string]) map[string]http.HandlerFunc {
	stat := base64.StdEncoding.EncodeToString([]byte(`{"name": "nginx", "size": 100, "mode": 420}`))
	handlers := map[string]http.HandlerFunc{}
	for path, body := range all {
		handlers[path] = func(w http.ResponseWriter, _ *http.Request) {
			answer := body
			if other := changed.Load(); other != nil && other[0] == path {
				answer = other[1]
			}
			w.Header().Set("Date", "Sun, 22 Nov 2026 12:02:00 GMT")
			w.Header().Set("X-Docker-Container-Path-Stat", stat)
			io.WriteString(w, answer)
		}
	}
	return handlers
}

// ownImages is the Compose file of that project: what nginx loads is in its image.
const ownImages = "name: shop\nservices:\n  edge: {image: own/nginx, ports: ['8080:80']}\n  api: {image: own/api}\n"

// FuzzDaemon runs the program with a daemon that gives this answer to one call, and proper ones to the others.
func FuzzDaemon(f *testing.F) {
	z := newFuzzing(f)
	proper, changed := shop(), &atomic.Pointer[[2]string]{}
	z.env = []string{"DOCKER_HOST=" + engine29(f, answers(proper, changed))}
	paths := slices.Sorted(maps.Keys(proper))
	for i, path := range paths {
		f.Add(byte(i), []byte(proper[path]))
	}
	dir := folder(f, map[string]string{"compose.yaml": ownImages})
	f.Fuzz(func(t *testing.T, call byte, answer []byte) {
		changed.Store(&[2]string{paths[int(call)%len(paths)], string(answer)})
		z.harmless(t, "", "--probe", "off", "--timeout", "5s", "-v", "--proxy", "edge", "-f", filepath.Join(dir, "compose.yaml"))
	})
}

// FuzzReplay judges a record that was changed, and follows a request by it.
func FuzzReplay(f *testing.F) {
	z := newFuzzing(f)
	dir := folder(f, map[string]string{"compose.yaml": ownImages, "files.yaml": works, "nginx.conf": nginxConf})
	daemon := "DOCKER_HOST=" + engine29(f, answers(shop(), &atomic.Pointer[[2]string]{}))
	for _, file := range []string{"compose.yaml", "files.yaml"} {
		record := filepath.Join(z.out, file)
		var out bytes.Buffer
		if run(f.Context(), []string{"--probe", "off", "--record", record, "--proxy", "edge", "-f", filepath.Join(dir, file)}, []string{daemon}, strings.NewReader(""), &out, &out) == exitError {
			f.Fatal(out.String())
		}
		text, err := os.ReadFile(record)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text), "/")
	}
	f.Fuzz(func(t *testing.T, text, path string) {
		z.alike(t, text, "-v", "--replay", "-")
		got := z.run(t, text, "trace", "--replay", "-", "http://localhost:8080/"+path)
		quiet(t, "trace", got.stdout+got.stderr)
	})
}
