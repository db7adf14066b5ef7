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

// askThese asks some questions once.
func askThese(questions ...inspect.Question) asker {
	return func(_ *compose.Stack, snap *inspect.Snapshot) (left []inspect.Question) {
		for _, q := range questions {
			_, killed := snap.Kills[q.Of]
			_, sampled := snap.Stats[q.Of]
			if !killed && !sampled && snap.Failed[q] == "" {
				left = append(left, q)
			}
		}
		return left
	}
}

// The events that are about the past hour, as the daemon keeps them.
func TestKills(t *testing.T) {
	e := startEngine(t, map[string]http.HandlerFunc{
		"/events": text(`{"Type":"container","Action":"oom","Actor":{"ID":"aaa"},"time":1795635064,"timeNano":1795635064514507787}` + "\n" +
			`{"Type":"container","Action":"oom","Actor":{"ID":"bbb"},"time":1795635065,"timeNano":1795635065000000000}` + "\n"),
	})
	snap, err := observeWith(t, e.env(), askThese(inspect.Question{Kind: inspect.AskKills, Of: "shop"}), shop)
	want := []inspect.Kill{{Container: "aaa", Time: time.Unix(1795635064, 514507787).UTC()}, {Container: "bbb", Time: time.Unix(1795635065, 0).UTC()}}
	if err != nil || !reflect.DeepEqual(snap.Kills["shop"], want) {
		t.Errorf("got %v %v, want %v", snap.Kills, err, want)
	}
	for _, request := range e.asked() {
		if strings.Contains(request, "/events") && (!strings.Contains(request, "until=") || !strings.Contains(request, "com.docker.compose.project%3Dshop")) {
			t.Errorf("%s does not end, or is about all projects", request)
		}
	}
}

// More events than the daemon keeps are no daemon's.
func TestManyKills(t *testing.T) {
	e := startEngine(t, map[string]http.HandlerFunc{"/events": func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			if _, err := w.Write([]byte(`{"Actor":{"ID":"aaa"}}` + "\n")); err != nil {
				return
			}
		}
	}})
	snap, err := observeWith(t, e.env(), askThese(inspect.Question{Kind: inspect.AskKills, Of: "shop"}), shop)
	if err != nil || len(snap.Kills["shop"]) != maxKills {
		t.Errorf("got %d kills, %v", len(snap.Kills["shop"]), err)
	}
}

func TestStats(t *testing.T) {
	e := startEngine(t, map[string]http.HandlerFunc{
		"/containers/one/stats": text(`{"read": "2026-11-21T13:09:25Z", "memory_stats": {"usage": 1000, "limit": 25276502016, "failcnt": 3, "stats": {"total_inactive_file": 300, "inactive_file": 200}},
			"pids_stats": {"current": 7}, "cpu_stats": {"throttling_data": {"periods": 43, "throttled_periods": 40}}}`),
		"/containers/two/stats":   text(`{"read": "2026-11-21T13:09:25Z", "memory_stats": {"usage": 100, "stats": {"inactive_file": 200}}}`),
		"/containers/ended/stats": text(`{"read": "0001-01-01T00:00:00Z", "memory_stats": {}}`),
		"/containers/gone/stats":  status(404, "No such container: gone"),
		"/containers/odd/stats":   text(`[]`),
	})
	var questions []inspect.Question
	for _, id := range []string{"one", "two", "ended", "gone", "odd"} {
		questions = append(questions, inspect.Question{Kind: inspect.AskStats, Of: id})
	}
	snap, err := observeWith(t, e.env(), askThese(questions...), shop)
	want := map[string]*inspect.Stats{"one": {Memory: 700, MemoryFailures: 3, Pids: 7, Periods: 43, Throttled: 40}, "two": {}, "ended": nil}
	if err != nil || !reflect.DeepEqual(snap.Stats, want) || len(snap.Failed) != 2 {
		t.Errorf("got %v, failed %v, %v", snap.Stats, snap.Failed, err)
	}
	for _, request := range e.asked() {
		if strings.Contains(request, "/stats") && (!strings.Contains(request, "stream=0") || !strings.Contains(request, "one-shot=1")) {
			t.Errorf("%s takes seconds", request)
		}
	}
}

func TestLimits(t *testing.T) {
	for host, want := range map[string]inspect.Container{
		`{}`: {},
		`{"Memory": 1024, "NanoCpus": 500000000, "PidsLimit": 10}`: {MemoryLimit: 1024, CPULimit: 5e8, PidsLimit: 10},
		`{"CpuQuota": 20000, "PidsLimit": -1, "Memory": -1}`:       {CPULimit: 2e8},
		`{"CpuQuota": 20000, "CpuPeriod": 10000}`:                  {CPULimit: 2e9},
	} {
		e := startEngine(t, map[string]http.HandlerFunc{
			"/containers/json":   text(`[{"Id": "a"}]`),
			"/containers/a/json": text(`{"Id": "a", "State": {}, "Config": {}, "NetworkSettings": {}, "HostConfig": ` + host + `}`),
		})
		snap, err := observeWith(t, e.env(), askAll, shop)
		if err != nil || snap.Containers["a"] == nil {
			t.Fatal(err, snap.Failed)
		}
		got := snap.Containers["a"]
		if got.MemoryLimit != want.MemoryLimit || got.CPULimit != want.CPULimit || got.PidsLimit != want.PidsLimit {
			t.Errorf("%s: %d bytes, %d CPUs, %d processes", host, got.MemoryLimit, got.CPULimit, got.PidsLimit)
		}
	}
}
