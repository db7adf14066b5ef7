package live

import (
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"why502/compose"
	"why502/inspect"
)

var shop = &compose.Stack{Name: "shop", Directory: "/srv/shop", Files: []string{"compose.yaml", "override.yaml"}}

const apiContainer = `{
	"Id": "aaa", "Name": "/shop-api-1", "RestartCount": 3, "Image": "sha256:1",
	"State": {"Status": "running", "Running": true, "OOMKilled": true, "ExitCode": 137, "Error": "no \u001b[31mred\u001b[0m\n",
		"StartedAt": "2026-11-21T13:09:25.968444788Z", "FinishedAt": "0001-01-01T00:00:00Z",
		"Health": {"Status": "unhealthy", "Log": [{"Output": "old"}, {"Output": "curl: (7)\r\nrefused"}]}},
	"Created": "2026-11-21T13:09:20Z", "Mounts": [
		{"Type": "bind", "Source": "/srv/shop/conf", "Destination": "/conf"},
		{"Type": "volume", "Name": "shop_data", "Source": "/var/lib/docker/volumes/shop_data/_data", "Destination": "/data"}],
	"Config": {"Image": "api:1", "Env": ["TOKEN=secret", "MODE=fast", "DB=pg://u:hidden@db/x"], "Entrypoint": ["/run.sh"], "Cmd": ["--password=hidden", "-v"], "Healthcheck": {"StartPeriod": 5000000000}, "Labels": {
		"com.docker.compose.project": "shop", "com.docker.compose.service": "api",
		"com.docker.compose.oneoff": "False", "com.docker.compose.config-hash": "f00",
		"com.docker.compose.project.working_dir": "/srv/shop", "com.docker.compose.project.config_files": "/srv/shop/compose.yaml,/srv/shop/override.yaml"}},
	"HostConfig": {"NetworkMode": "shop_front", "Tmpfs": {"/run": ""}, "PortBindings": {"8000/tcp": [{"HostIp": "127.0.0.1", "HostPort": "18000"}]}},
	"NetworkSettings": {"Networks": {
		"shop_front": {"EndpointID": "e1", "IPAddress": "172.18.0.2", "GlobalIPv6Address": "fd00::2",
			"Aliases": ["shop-api-1", "api"], "DNSNames": ["shop-api-1", "api", "API", "aaa"]},
		"shop_back": {"EndpointID": "", "DNSNames": ["api"]}}}}`

func TestObserve(t *testing.T) {
	e := startEngine(t, map[string]http.HandlerFunc{
		"/version":             text(`{"Version": "29.0.0", "Platform": {"Name": "Docker Desktop 4.50.0 (1)"}}`),
		"/containers/json":     text(`[{"Id": "ccc"}, {"Id": "aaa"}]`),
		"/containers/aaa/json": text(apiContainer),
		"/containers/ccc/json": status(404, "No such container: ccc"),
		"/containers/aaa/logs": text(frame(2, "2026-11-21T13:09:25.968444788Z hello\n")),
		"/containers/ccc/logs": status(501, "configured logging driver does not support reading"),
		"/networks/shop_front": text(`{"Id": "n1", "Name": "shop_front", "Driver": "bridge", "Internal": true, "Containers": {"bbb": {}, "aaa": {}, "ep-dead": {}}}`),
		"/networks/shop_back":  text(`{"Id": "shop_back0", "Name": "another"}`),
	})
	snap, err := observeWith(t, e.env(), askAll, shop)
	if err != nil {
		t.Fatal(err)
	}

	if since := time.Since(snap.Time); since > time.Minute || since < -time.Minute {
		t.Errorf("the daemon's clock reads %v", snap.Time)
	}
	want := inspect.NewSnapshot(snap.Time)
	want.Daemon = inspect.Daemon{Endpoint: e.endpoint, Engine: "29.0.0", API: "1.51", Desktop: true}
	want.Project = []string{"aaa", "ccc"}
	want.Containers = map[string]*inspect.Container{"aaa": {
		ID: "aaa", Name: "shop-api-1", Project: "shop", Service: "api", Image: "api:1",
		State: "running", Error: "no red�", ExitCode: 137, OOMKilled: true, Restarts: 3,
		Started: time.Date(2026, 11, 21, 13, 9, 25, 968444788, time.UTC),
		Health:  "unhealthy", HealthOutput: "curl: (7)\nrefused", StartPeriod: 5 * time.Second,
		NetworkMode: "shop_front",
		Made: inspect.Made{
			Time: time.Date(2026, 11, 21, 13, 9, 20, 0, time.UTC), Files: []string{"/srv/shop/compose.yaml", "/srv/shop/override.yaml"}, Directory: "/srv/shop",
			ImageID: "sha256:1", Entrypoint: []string{"/run.sh"}, Command: []string{"--password=***", "-v"},
			Environment: map[string]string{"MODE": "fast", "DB": "pg://u:***@db/x"},
			Ports:       []inspect.Binding{{HostIP: "127.0.0.1", Published: 18000, Target: 8000, Protocol: "tcp"}},
			Mounts: []inspect.ContainerMount{
				{Type: "bind", Source: "/srv/shop/conf", Target: "/conf"}, {Type: "volume", Source: "shop_data", Target: "/data"}, {Type: "tmpfs", Target: "/run"},
			},
		},
		Endpoints: []inspect.Endpoint{
			{Network: "shop_back", Names: []string{"api"}},
			{Network: "shop_front", ID: "e1", IPv4: "172.18.0.2", IPv6: "fd00::2", Names: []string{"aaa", "api", "shop-api-1"}},
		},
	}}
	want.Networks = map[string]*inspect.Network{
		"shop_front": {ID: "n1", Name: "shop_front", Driver: "bridge", Internal: true, Containers: []string{"aaa", "bbb"}},
		"shop_back":  nil,
	}
	want.Logs = map[string][]inspect.LogLine{"aaa": {{Time: time.Date(2026, 11, 21, 13, 9, 25, 968444788, time.UTC), Text: "hello"}}}
	want.Failed = map[inspect.Question]string{
		{Kind: inspect.AskContainer, Of: "ccc"}: "the Docker daemon at " + e.endpoint + ": No such container: ccc",
		{Kind: inspect.AskLog, Of: "ccc"}:       "the Docker daemon at " + e.endpoint + ": configured logging driver does not support reading",
	}
	want.Probe.State = inspect.ProbeOff
	if !reflect.DeepEqual(snap, want) {
		t.Errorf("got  %+v\nwant %+v", snap, want)
	}
}

// Every request only reads, there is none that nobody needs, and the list is filtered by the daemon.
func TestObserveSendsOnlyReadingRequests(t *testing.T) {
	e := startEngine(t, map[string]http.HandlerFunc{
		"/containers/json":     text(`[{"Id": "aaa"}]`),
		"/containers/aaa/json": text(apiContainer),
		"/containers/aaa/logs": text(""),
	})
	if _, err := observeWith(t, e.env(), askAll, shop); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"GET /v1.51/containers/aaa/json",
		"GET /v1.51/containers/aaa/logs?stderr=1&stdout=1&tail=200&timestamps=1",
		"GET /v1.51/containers/json?all=1&filters=%7B%22label%22%3A%7B%22com.docker.compose.config-hash%22%3Atrue%2C%22com.docker.compose.project%3Dshop%22%3Atrue%7D%7D",
		"GET /v1.51/networks/shop_back",
		"GET /v1.51/networks/shop_front",
		"GET /v1.51/version",
		"HEAD /_ping",
	}
	if got := e.asked(); !reflect.DeepEqual(got, want) {
		t.Errorf("asked\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestWireRefusesToWrite(t *testing.T) {
	e := startEngine(t, nil)
	where, err := resolve(e.env())
	if err != nil {
		t.Fatal(err)
	}
	d, err := connect(t.Context(), where, "")
	if err != nil {
		t.Fatal(err)
	}
	defer d.close()
	if err := d.client.ContainerKill(t.Context(), "aaa", "KILL"); err == nil || !strings.Contains(err.Error(), "not sent") {
		t.Errorf("POST gave %v", err)
	}
	if got := e.asked(); !reflect.DeepEqual(got, []string{"HEAD /_ping"}) {
		t.Errorf("the daemon got %q", got)
	}
}

// A project that runs under another name is found by its files.
func TestProjectByFiles(t *testing.T) {
	e := startEngine(t, map[string]http.HandlerFunc{
		"/containers/json": func(w http.ResponseWriter, r *http.Request) {
			if strings.Contains(r.FormValue("filters"), `"com.docker.compose.project.config_files=/srv/shop/compose.yaml,/srv/shop/override.yaml"`) {
				text(`[{"Id": "aaa"}]`)(w, r)
				return
			}
			text(`[]`)(w, r)
		},
	})
	snap, err := observeWith(t, e.env(), askProject, shop)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(snap.Project, []string{"aaa"}) {
		t.Errorf("found %q", snap.Project)
	}
}

// No container is an answer, and not the same as no answer.
func TestProjectWithoutContainers(t *testing.T) {
	e := startEngine(t, map[string]http.HandlerFunc{"/containers/json": text(`[]`)})
	snap, err := observeWith(t, e.env(), askProject, shop)
	if err != nil {
		t.Fatal(err)
	}
	if snap.Project == nil || len(snap.Project) != 0 {
		t.Errorf("got %#v, want an empty list", snap.Project)
	}
}

// Behind a socket proxy that hides /version, the header of any answer tells the engine.
func TestEngineWithoutVersion(t *testing.T) {
	e := startEngine(t, map[string]http.HandlerFunc{
		"/version":         status(403, "forbidden"),
		"/containers/json": text(`[]`),
	})
	snap, err := observeWith(t, e.env(), askProject, shop)
	if err != nil {
		t.Fatal(err)
	}
	if want := (inspect.Daemon{Endpoint: e.endpoint, Engine: "29.0.0", API: "1.51"}); snap.Daemon != want {
		t.Errorf("got %+v, want %+v", snap.Daemon, want)
	}
}

// Containers that answer late or never leave the rest of the snapshot as it is.
func TestObserveInPart(t *testing.T) {
	e := startEngine(t, map[string]http.HandlerFunc{
		"/containers/json":     text(`[{"Id": "aaa"}, {"Id": "bbb"}]`),
		"/containers/aaa/json": text(`{}`),
		"/containers/aaa/logs": cut,
		"/containers/bbb/json": text(`{"Id": 7}`),
		"/containers/bbb/logs": status(403, "<html>\x1b[2J forbidden"),
	})
	snap, err := observeWith(t, e.env(), askAll, shop)
	if err != nil {
		t.Fatal(err)
	}
	for q, want := range map[inspect.Question]string{
		{Kind: inspect.AskContainer, Of: "aaa"}: "lacks parts",
		{Kind: inspect.AskLog, Of: "aaa"}:       "broke before",
		{Kind: inspect.AskContainer, Of: "bbb"}: "is no Docker engine",
		{Kind: inspect.AskLog, Of: "bbb"}:       "(403)",
	} {
		if why := snap.Failed[q]; !strings.Contains(why, want) {
			t.Errorf("%v failed with %q, want %q", q, why, want)
		}
	}
	if len(snap.Containers) != 0 || len(snap.Logs) != 0 {
		t.Errorf("rows of questions that failed: %v %v", snap.Containers, snap.Logs)
	}
}

// Questions without end are not answered without end.
func TestRoundsAreBounded(t *testing.T) {
	e := startEngine(t, nil)
	same := inspect.Question{Kind: inspect.AskNetwork, Of: "nowhere"}
	ask := func(*compose.Stack, *inspect.Snapshot) []inspect.Question { return []inspect.Question{same} }
	snap, err := observeWith(t, e.env(), ask, shop)
	if err != nil {
		t.Fatal(err)
	}
	if len(e.asked()) != rounds+2 || !strings.Contains(snap.Failed[same], "did not end") {
		t.Errorf("%d requests, failed: %v", len(e.asked()), snap.Failed)
	}
}

// Before API 1.44 the names have to be put together.
func TestNamesOfOldEngines(t *testing.T) {
	const old = `{"Id": "aaa", "Name": "/Plain", "State": {}, "Config": {}, "HostConfig": {}, "NetworkSettings": {"Networks": {
		"bridge": {"EndpointID": "e0"},
		"front": {"EndpointID": "e1", "Aliases": ["17d663987e63", "PlainHost", "17d663987e63"]}}}}`
	e := startEngine(t, map[string]http.HandlerFunc{
		"/containers/json":     text(`[{"Id": "aaa"}]`),
		"/containers/aaa/json": text(old),
	})
	e.api = "1.41"
	snap, err := observeWith(t, e.env(), askAll, shop)
	if err != nil {
		t.Fatal(err)
	}
	want := []inspect.Endpoint{
		{Network: "bridge", ID: "e0"},
		{Network: "front", ID: "e1", Names: []string{"17d663987e63", "plain", "plainhost"}},
	}
	if got := snap.Containers["aaa"].Endpoints; !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// A container that was made by hand from an image that Compose built is none of Compose's.
func TestInheritedLabels(t *testing.T) {
	inherited := strings.Replace(apiContainer, "config-hash", "image.builder", 1)
	e := startEngine(t, map[string]http.HandlerFunc{
		"/containers/json":     text(`[{"Id": "aaa"}]`),
		"/containers/aaa/json": text(inherited),
	})
	snap, err := observeWith(t, e.env(), askAll, shop)
	if err != nil {
		t.Fatal(err)
	}
	if c := snap.Containers["aaa"]; c.Project != "" || c.Service != "" {
		t.Errorf("taken for %s of %s", c.Service, c.Project)
	}
}
