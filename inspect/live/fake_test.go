package live

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"why502/compose"
	"why502/inspect"
)

// engine is a daemon that answers by path, without the API version: "/containers/json". It greets
// like Docker 29, and it notes what it was asked.
type engine struct {
	endpoint string
	api      string
	answers  map[string]http.HandlerFunc
	other    http.HandlerFunc // where there is no answer by path

	mu       sync.Mutex
	requests []string
}

// startEngine serves until the test is over.
func startEngine(t *testing.T, answers map[string]http.HandlerFunc) *engine {
	t.Helper()
	e := &engine{api: "1.51", answers: answers}
	e.endpoint = serve(t, e)
	return e
}

// serve makes an endpoint: a unix socket, or where Docker's client has none, a port.
func serve(t *testing.T, handler http.Handler) string {
	t.Helper()
	network, address := "unix", filepath.Join(shortTemp(t), "docker.sock")
	endpoint := "unix://" + address
	if runtime.GOOS == "windows" {
		network, address = "tcp", "127.0.0.1:0"
	}
	listener, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	if network == "tcp" {
		endpoint = "tcp://" + listener.Addr().String()
	}
	server := &httptest.Server{Listener: listener, Config: &http.Server{Handler: handler}}
	server.Start()
	t.Cleanup(func() { server.CloseClientConnections(); server.Close() })
	return endpoint
}

// unixOnly skips what another system says in other words.
func unixOnly(t *testing.T) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("Windows has other endpoints and other errors")
	}
}

// shortTemp is a directory whose path leaves room for a socket's name: a socket's path has at most
// 104 bytes on some systems, and t.TempDir spells out the test's name.
func shortTemp(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "w")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func (e *engine) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	e.mu.Lock()
	e.requests = append(e.requests, r.Method+" "+r.URL.RequestURI())
	e.mu.Unlock()

	w.Header().Set("Server", "Docker/29.0.0 (linux)")
	w.Header().Set("Api-Version", e.api)
	path := strings.TrimPrefix(r.URL.Path, "/v"+e.api)
	switch answer, ok := e.answers[path]; {
	case ok:
		answer(w, r)
	case path == "/_ping":
	case e.other != nil:
		e.other(w, r)
	default:
		http.Error(w, "page not found", http.StatusNotFound)
	}
}

// env names the engine as a user would.
func (e *engine) env() environment {
	return environment{"DOCKER_HOST=" + e.endpoint}
}

// asked are the requests in the order of their text.
func (e *engine) asked() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Sorted(slices.Values(e.requests))
}

// text answers with JSON, or whatever else it is.
func text(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, body)
	}
}

// status answers as Docker does when something is wrong.
func status(code int, message string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		fmt.Fprintf(w, `{"message":%q}`, message)
	}
}

// hang answers when the other side has given up.
func hang(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

// cut promises more than it sends.
func cut(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", "1000")
	fmt.Fprint(w, `[{"Id":`)
}

// slam ends the connection without a word.
func slam(w http.ResponseWriter, _ *http.Request) {
	if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
		conn.Close()
	}
}

// observeWith is Observe with other questions.
func observeWith(t *testing.T, env environment, ask asker, stack *compose.Stack) (*inspect.Snapshot, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	return observeUntil(ctx, env, ask, stack)
}

func observeUntil(ctx context.Context, env environment, ask asker, stack *compose.Stack) (*inspect.Snapshot, error) {
	where, err := resolve(env)
	if err != nil {
		return nil, err
	}
	d, err := connect(ctx, where, env.get("DOCKER_API_VERSION"))
	if err != nil {
		return nil, err
	}
	defer d.close()
	return d.observe(ctx, ask, stack)
}

// askAll wants to know everything: the project, its containers, their logs and networks.
func askAll(stack *compose.Stack, snap *inspect.Snapshot) []inspect.Question {
	if snap.Project == nil {
		return []inspect.Question{{Kind: inspect.AskProject, Of: stack.Name}}
	}
	wanted := map[inspect.Question]bool{}
	for _, id := range snap.Project {
		wanted[inspect.Question{Kind: inspect.AskContainer, Of: id}] = snap.Containers[id] == nil
		wanted[inspect.Question{Kind: inspect.AskLog, Of: id}] = snap.Logs[id] == nil
	}
	for _, c := range snap.Containers {
		for _, e := range c.Endpoints {
			_, known := snap.Networks[e.Network]
			wanted[inspect.Question{Kind: inspect.AskNetwork, Of: e.Network}] = !known
		}
	}
	maps.DeleteFunc(wanted, func(q inspect.Question, unknown bool) bool { return !unknown || snap.Failed[q] != "" })
	return slices.Collect(maps.Keys(wanted))
}

// askProject wants to know which containers there are, and no more.
func askProject(stack *compose.Stack, snap *inspect.Snapshot) []inspect.Question {
	if snap.Project != nil {
		return nil
	}
	return []inspect.Question{{Kind: inspect.AskProject, Of: stack.Name}}
}

// wantError checks an error's type, its text and its hint, and that both are one line.
func wantError(t *testing.T, err error, text, hint string) {
	t.Helper()
	known, ok := errors.AsType[*Error](err)
	if !ok {
		t.Fatalf("got error %v, want an *Error", err)
	}
	if !strings.Contains(known.Error(), text) {
		t.Errorf("error %q does not say %q", known.Error(), text)
	}
	if !strings.Contains(known.Hint(), hint) {
		t.Errorf("hint %q does not say %q", known.Hint(), hint)
	}
	if all := known.Error() + known.Hint(); strings.ContainsAny(all, "\n\r\x1b") {
		t.Errorf("%q is not one plain line", all)
	}
}
