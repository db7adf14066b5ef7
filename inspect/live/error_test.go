package live

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestErrors(t *testing.T) {
	for name, test := range map[string]struct {
		answers    map[string]http.HandlerFunc
		api        string
		text, hint string
	}{
		"not an engine":      {api: " ", text: "is no Docker engine: it names no API version", hint: "DOCKER_HOST"},
		"nonsense version":   {api: "latest", text: "is no Docker engine"},
		"old engine":         {api: "1.40", text: "API 1.40 of the Docker daemon at ", hint: "DOCKER_API_VERSION"},
		"proxy hides all":    {answers: map[string]http.HandlerFunc{"/_ping": status(403, "")}, text: "refuses the request (403)", hint: "CONTAINERS=1"},
		"proxy hides lists":  {answers: map[string]http.HandlerFunc{"/containers/json": status(403, "Forbidden")}, text: "(403)", hint: "CONTAINERS=1 NETWORKS=1"},
		"engine far newer":   {answers: map[string]http.HandlerFunc{"/containers/json": status(400, "client version 1.51 is too old. Minimum supported API version is 1.60")}, text: "too old", hint: "age"},
		"engine is ill":      {answers: map[string]http.HandlerFunc{"/containers/json": status(500, "disk\nfull")}, text: "disk full"},
		"no JSON":            {answers: map[string]http.HandlerFunc{"/containers/json": text("<html>")}, text: "is no Docker engine: invalid character"},
		"other JSON":         {answers: map[string]http.HandlerFunc{"/containers/json": text(`{"message": 1}`)}, text: "is no Docker engine"},
		"cut":                {answers: map[string]http.HandlerFunc{"/containers/json": cut}, text: "broke before the answer"},
		"empty":              {answers: map[string]http.HandlerFunc{"/containers/json": text("")}, text: "broke before the answer"},
		"slams the door":     {answers: map[string]http.HandlerFunc{"/_ping": slam}, text: "broke before the answer"},
		"hangs at once":      {answers: map[string]http.HandlerFunc{"/_ping": hang}, text: "did not answer in time", hint: "docker version"},
		"hangs at the list":  {answers: map[string]http.HandlerFunc{"/containers/json": hang}, text: "did not answer in time"},
		"hangs in an answer": {answers: map[string]http.HandlerFunc{"/containers/json": trickle(`[{"Id": "`)}, text: "did not answer in time"},
		"answers for ever":   {answers: map[string]http.HandlerFunc{"/containers/json": trickle(`[{"Id": "` + strings.Repeat("x", maxAnswer))}, text: "is no Docker engine: http: request body too large"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := startEngine(t, test.answers)
			if test.api != "" {
				e.api = strings.TrimSpace(test.api)
			}
			patience := 20 * time.Second
			if strings.HasPrefix(name, "hangs") {
				patience = 100 * time.Millisecond
			}
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			_, err := observeUntil(ctx, e.env(), askProject, shop)
			wantError(t, err, test.text, test.hint)
		})
	}
}

// trickle sends a part of an answer at once and never the end.
func trickle(part string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		text(part)(w, r)
		http.NewResponseController(w).Flush()
		hang(w, r)
	}
}

func TestAPIVersionFromEnvironment(t *testing.T) {
	e := startEngine(t, nil)
	_, err := observeWith(t, append(e.env(), "DOCKER_API_VERSION=1.30"), askProject, shop)
	wantError(t, err, "API 1.30", "unset DOCKER_API_VERSION")
}

func TestNoDaemon(t *testing.T) {
	unixOnly(t)
	left := filepath.Join(shortTemp(t), "left.sock")
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: left})
	if err != nil {
		t.Fatal(err)
	}
	listener.SetUnlinkOnClose(false)
	listener.Close()

	for name, test := range map[string]struct{ host, text string }{
		"no socket":    {"unix:///nonexistent/docker.sock", "no Docker daemon at unix:///nonexistent/docker.sock: there is no such socket"},
		"stale socket": {"unix://" + left, "nothing listens there"},
		"no listener":  {"tcp://127.0.0.1:1", "no Docker daemon at tcp://127.0.0.1:1: nothing listens there"},
		"no host":      {"tcp://nowhere.invalid:2375", "no Docker daemon at tcp://nowhere.invalid:2375: lookup nowhere.invalid"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := observeWith(t, environment{"DOCKER_HOST=" + test.host}, askProject, shop)
			wantError(t, err, test.text, "DOCKER_HOST")
		})
	}
}

// The socket belongs to a group that the user is not in. Root may do anything, so the system's answer
// is played; the error still has to come through the Docker client whole.
func TestNoPermission(t *testing.T) {
	unixOnly(t)
	d, err := dial(endpoint{host: "unix:///var/run/docker.sock"}, "")
	if err != nil {
		t.Fatal(err)
	}
	d.wire.next.DialContext = func(context.Context, string, string) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Net: "unix", Err: os.NewSyscallError("connect", syscall.EACCES)}
	}
	_, err = d.client.Ping(t.Context())
	wantError(t, err, "no permission to use Docker's socket /var/run/docker.sock", "--group-add $(stat -c %g /var/run/docker.sock)")
}

func TestNotHTTP(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			conn.Write([]byte("SSH-2.0-OpenSSH_9.2\r\n"))
			conn.Close()
		}
	}()
	_, err = observeWith(t, environment{"DOCKER_HOST=tcp://" + listener.Addr().String()}, askProject, shop)
	wantError(t, err, "does not speak HTTP", "DOCKER_HOST")
}

func TestTLS(t *testing.T) {
	secure := httptest.NewTLSServer(&engine{api: "1.51"})
	defer secure.Close()
	plain := httptest.NewServer(&engine{api: "1.51"})
	defer plain.Close()
	secure.Config.ErrorLog, plain.Config.ErrorLog = quiet(), quiet()

	for name, test := range map[string]struct {
		server *httptest.Server
		env    environment
		text   string
	}{
		"unknown authority": {secure, environment{"DOCKER_TLS_VERIFY=1"}, "certificate"},
		"plain to TLS":      {secure, nil, "wants TLS"},
		"TLS to plain":      {plain, environment{"DOCKER_TLS=1"}, "does not look like a TLS handshake"},
	} {
		t.Run(name, func(t *testing.T) {
			env := append(test.env, "DOCKER_HOST=tcp://"+test.server.Listener.Addr().String(), "DOCKER_CERT_PATH="+t.TempDir())
			_, err := observeWith(t, env, askProject, shop)
			wantError(t, err, test.text, "DOCKER_CERT_PATH")
		})
	}
}

func TestSSH(t *testing.T) {
	unixOnly(t)
	const host = "ssh://me@shop.invalid"
	for name, test := range map[string]struct{ script, text, hint string }{
		"no host": {"read request; echo 'ssh: connect to host shop.invalid port 22: Connection refused' >&2; exit 255",
			"cannot reach " + host + ": ssh: connect to host shop.invalid port 22", "docker -H " + host + " version"},
		"silence": {"exit 0", "cannot reach " + host, "docker -H"},
		"hangs":   {"exec sleep 60", "did not answer in time", "docker version"},
		"no ssh":  {"", "there is no ssh command", "docker -H"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("PATH", ssh(t, test.script))
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			_, err := observeUntil(ctx, environment{"DOCKER_HOST=" + host}, askProject, shop)
			wantError(t, err, test.text, test.hint)
		})
	}
}

// ssh makes a directory with a script of that name, or without, and returns a PATH that begins with it.
func ssh(t *testing.T, script string) string {
	t.Helper()
	bin := t.TempDir()
	if script == "" {
		return bin
	}
	if err := os.WriteFile(filepath.Join(bin, "ssh"), []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return bin + string(os.PathListSeparator) + os.Getenv("PATH")
}

func TestInterrupted(t *testing.T) {
	e := startEngine(t, map[string]http.HandlerFunc{"/containers/json": hang})
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	_, err := observeUntil(ctx, e.env(), askProject, shop)
	wantError(t, err, "interrupted", "")
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v does not wrap its cause", err)
	}
}
