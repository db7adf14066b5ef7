package main

import (
	"archive/tar"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// answering is a daemon that gives every request the same answer.
func answering(t testing.TB, answer http.HandlerFunc) (endpoint string) {
	t.Helper()
	server := httptest.NewServer(answer)
	t.Cleanup(server.Close)
	return "tcp://" + strings.TrimPrefix(server.URL, "http://")
}

// engine29 greets as Docker does, and gives these answers by path, without the API version.
func engine29(t testing.TB, answers map[string]http.HandlerFunc) (endpoint string) {
	t.Helper()
	return answering(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Api-Version", "1.51")
		w.Header().Set("Server", "Docker/29.0.0 (linux)")
		path := strings.TrimPrefix(r.URL.Path, "/v1.51")
		if answer := answers[path]; answer != nil {
			answer(w, r)
		} else if path != "/_ping" {
			http.Error(w, `{"message": "page not found"}`, http.StatusNotFound)
		}
	})
}

// text is an answer.
func text(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}
}

// Whatever is wrong with the daemon: where it is required that is an error with a hint, else the
// verdict is one from the files, and the report says what the error would have said.
func TestDaemonDoesNotAnswer(t *testing.T) {
	hangs := func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	for name, test := range map[string]struct {
		endpoint  string
		error     string
		hint      string
		liveState string
	}{
		"no socket":        {"unix:///nowhere/docker.sock", "no Docker daemon at unix:///nowhere/docker.sock", "start Docker", "unreachable"},
		"hangs":            {hanging(t), "did not answer in time", "docker version", "unreachable"},
		"hangs later":      {engine29(t, map[string]http.HandlerFunc{"/containers/json": hangs}), "did not answer in time", "docker version", "unreachable"},
		"no Docker":        {answering(t, text(http.StatusOK, "<html>hello</html>")), "is no Docker engine", "DOCKER_HOST", "unreachable"},
		"garbage":          {engine29(t, map[string]http.HandlerFunc{"/containers/json": text(http.StatusOK, "<html>")}), "is no Docker engine", "DOCKER_HOST", "unreachable"},
		"no HTTP":          {shouting(t), "does not speak HTTP", "DOCKER_HOST", "unreachable"},
		"refuses":          {answering(t, text(http.StatusForbidden, "no")), "refuses the request (403)", "CONTAINERS=1", "unreachable"},
		"refuses later":    {engine29(t, map[string]http.HandlerFunc{"/containers/json": text(http.StatusForbidden, "no")}), "refuses the request (403)", "CONTAINERS=1", "unreachable"},
		"fails":            {engine29(t, map[string]http.HandlerFunc{"/containers/json": text(http.StatusInternalServerError, `{"message": "disk is full"}`)}), "disk is full", "DOCKER_HOST", "unreachable"},
		"knows no project": {engine29(t, map[string]http.HandlerFunc{"/containers/json": text(http.StatusOK, "[]")}), "no containers of the project", "docker compose up -d", "no-containers"},
		"no endpoint":      {"bogus://x", "is not an endpoint", "tcp://host:port", "unreachable"},
	} {
		t.Run(name, func(t *testing.T) {
			env, timeout := []string{"DOCKER_HOST=" + test.endpoint}, "10s"
			if strings.HasPrefix(name, "hangs") {
				timeout = "300ms"
			}
			refused(t, why502(t, env, "--timeout", timeout, "--live", "require", working(t)), test.error, test.hint)

			got := why502(t, env, "--timeout", timeout, "--format", "json", working(t))
			live := liveOf(t, got)
			note := fmt.Sprint(live["note"])
			if got.code != exitOK || got.stderr != "" || live["state"] != test.liveState || !strings.Contains(note, test.error) || !strings.Contains(note, test.hint) {
				t.Errorf("exit %d, stderr %q, live %v", got.code, got.stderr, live)
			}
			if got = why502(t, env, "--timeout", timeout, breaking(t)); got.code != exitFound || !strings.Contains(oneLine(got.stdout), test.error) {
				t.Errorf("exit %d; %q is not in the report:\n%s", got.code, test.error, got.stdout)
			}
			if got = why502(t, env, "--live", "off", breaking(t)); got.code != exitFound || strings.Contains(got.stdout, test.error) {
				t.Errorf("--live off: exit %d\n%s", got.code, got.stdout)
			}
		})
	}
}

// With a daemon that answers, what it says counts, whatever --live is, unless that is off.
func TestDaemonAnswers(t *testing.T) {
	dir := working(t)
	label := filepath.Base(dir)
	container := func(service, state string, exit int) string {
		text, err := json.Marshal(map[string]any{
			"Id": service, "Name": "/" + service,
			"Config": map[string]any{"Labels": map[string]string{
				"com.docker.compose.project": label, "com.docker.compose.service": service, "com.docker.compose.oneoff": "False", "com.docker.compose.config-hash": "x",
			}},
			"State":           map[string]any{"Status": state, "ExitCode": exit},
			"HostConfig":      map[string]any{"NetworkMode": label + "_default"},
			"NetworkSettings": map[string]any{"Networks": map[string]any{label + "_default": map[string]any{"EndpointID": map[bool]string{true: "e"}[state == "running"], "DNSNames": []string{service}}}},
		})
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	list := `[{"Id": "edge", "Labels": {"com.docker.compose.project": "` + label + `", "com.docker.compose.service": "edge", "com.docker.compose.oneoff": "False", "com.docker.compose.config-hash": "x"}},
		{"Id": "api", "Labels": {"com.docker.compose.project": "` + label + `", "com.docker.compose.service": "api", "com.docker.compose.oneoff": "False", "com.docker.compose.config-hash": "x"}}]`
	answers := map[string]http.HandlerFunc{
		"/containers/json":                text(http.StatusOK, list),
		"/containers/edge/json":           text(http.StatusOK, container("edge", "running", 0)),
		"/containers/api/json":            text(http.StatusOK, container("api", "exited", 3)),
		"/containers/api/logs":            text(http.StatusOK, ""),
		"/containers/edge/logs":           text(http.StatusOK, ""),
		"/networks/" + label + "_default": text(http.StatusOK, `{"Id": "n", "Name": "`+label+`_default", "Driver": "bridge"}`),
	}
	env := []string{"DOCKER_HOST=" + engine29(t, answers)}
	for _, mode := range []string{"auto", "require"} {
		got := why502(t, env, "--live", mode, "--format", "json", dir)
		if got.code != exitFound || liveOf(t, got)["state"] != "inspected" || !strings.Contains(got.stdout, "upstream-not-running") {
			t.Errorf("--live %s: exit %d\n%s%s", mode, got.code, got.stdout, got.stderr)
		}
	}
	if got := why502(t, env, "--live", "off", dir); got.code != exitOK || strings.Contains(got.stdout, "upstream-not-running") {
		t.Errorf("--live off: exit %d\n%s", got.code, got.stdout)
	}

	answers["/containers/api/json"] = text(http.StatusInternalServerError, `{"message": "busy"}`)
	env = []string{"DOCKER_HOST=" + engine29(t, answers)}
	for _, mode := range []string{"auto", "require"} {
		live := liveOf(t, why502(t, env, "--live", mode, "--format", "json", dir))
		if note := fmt.Sprint(live["note"]); live["state"] != "partial" || !strings.Contains(note, "busy") || !strings.Contains(note, "container api") {
			t.Errorf("--live %s: %v", mode, live)
		}
	}
}

// Nothing to judge from is an error also where there is no daemon: never a green run.
func TestDaemonDoesNotSaveARun(t *testing.T) {
	refused(t, why502(t, nil, "--proxy", "edge", project(t, built, "")), "no configuration of any proxy could be read", "--proxy")
	refused(t, why502(t, nil, project(t, noProxy, "")), "no nginx proxy in this project", "--proxy NAME")
	refused(t, why502(t, nil, "--proxy", "edge", project(t, works, "server { listen 80; }")), "no proxy passes anything on", "--proxy")
}

// A configuration that is in no file of the project is read from the container. Without one there is
// nothing to judge.
func TestDaemonShowsTheConfiguration(t *testing.T) {
	dir := project(t, "services:\n  edge: {image: own/nginx, ports: ['8080:80']}\n  api: {image: example/api}\n", "")
	label := filepath.Base(dir)
	refused(t, why502(t, nil, "--live", "off", dir), "no configuration of any proxy could be read", "--proxy")

	const conf = "events {}\nhttp {\n  server {\n    location / { proxy_pass http://127.0.0.1:8000; }\n  }\n}\n"
	var raw bytes.Buffer
	w := tar.NewWriter(&raw)
	w.WriteHeader(&tar.Header{Name: "nginx/", Typeflag: tar.TypeDir, Mode: 0o755})
	w.WriteHeader(&tar.Header{Name: "nginx/nginx.conf", Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(len(conf))})
	io.WriteString(w, conf)
	w.Close()
	container := `{"Id": "edge", "Name": "/edge", "State": {"Status": "running"}, "HostConfig": {}, "NetworkSettings": {},
		"Config": {"Labels": {"com.docker.compose.project": "` + label + `", "com.docker.compose.service": "edge", "com.docker.compose.config-hash": "x"}}}`
	env := []string{"DOCKER_HOST=" + engine29(t, map[string]http.HandlerFunc{
		"/containers/json":                text(http.StatusOK, `[{"Id": "edge"}]`),
		"/containers/edge/json":           text(http.StatusOK, container),
		"/containers/edge/logs":           text(http.StatusOK, ""),
		"/networks/" + label + "_default": text(http.StatusOK, `{"Id": "n", "Name": "`+label+`_default", "Driver": "bridge"}`),
		"/containers/edge/archive": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Docker-Container-Path-Stat", base64.StdEncoding.EncodeToString([]byte(`{"name": "nginx"}`)))
			w.Write(raw.Bytes())
		},
	})}
	got := why502(t, env, "--probe=off", dir)
	if got.code == exitError || !strings.Contains(got.stdout, "upstream-is-localhost") || !strings.Contains(got.stdout, "/etc/nginx/nginx.conf:4 of the container") {
		t.Errorf("exit %d\n%s%s", got.code, got.stdout, got.stderr)
	}
}

// hanging accepts connections and never answers.
func hanging(t *testing.T) (endpoint string) { return speaking(t, nil) }

// shouting answers what is no HTTP.
func shouting(t *testing.T) (endpoint string) {
	return speaking(t, []byte("220 mail.example.com ESMTP\r\n"))
}

// speaking is a server that says one thing to everyone, and nothing more.
func speaking(t *testing.T, words []byte) (endpoint string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "w") // t.TempDir is too long a path for a socket
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("unix", filepath.Join(dir, "docker.sock"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close(); os.RemoveAll(dir) })
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			defer c.Close()
			c.Write(words)
		}
	}()
	return "unix://" + listener.Addr().String()
}
