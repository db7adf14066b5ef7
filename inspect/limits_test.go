package inspect

import (
	"strings"
	"testing"
	"time"
)

// limited gives a container limits: half a CPU, 64 MB, 10 processes.
func limited(c *Container) { c.CPULimit, c.MemoryLimit, c.PidsLimit = 5e8, 64<<20, 10 }

// Of an upstream in trouble it is told which limit it has come to; of one that answers nothing is asked.
func TestNearLimits(t *testing.T) {
	const (
		near = "warning upstream-near-limits 1\nedge:80 / -> api:8000 at-risk ooooooor"
		fine = "edge:80 / -> api:8000 ok ooooooo?"
	)
	quick := map[string]*Reply{"api:8000": call(Talk{Speaks: "http", Status: 200}, "10.0.0.2")}
	slow := map[string]*Reply{"api:8000": call(Talk{Speaks: "http", Status: 200, Took: 2 * time.Second}, "10.0.0.2")}
	with := func(replies map[string]*Reply, s Stats) world {
		return world{replies: replies, stats: map[string]*Stats{"api": &s}}
	}
	some := []func(*Container){limited}
	each(t, map[string]settledTest{
		"held back":           {api: some, world: with(slow, Stats{Periods: 200, Throttled: 150}), want: near, says: []string{"by its limit of 0.5 CPUs", "stats: shop-api-1 was held back in 150 of 200 periods in which it ran, 75 %"}},
		"held back at times":  {api: some, world: with(slow, Stats{Periods: 200, Throttled: 100}), want: fine},
		"too short to say":    {api: some, world: with(slow, Stats{Periods: 40, Throttled: 40}), want: fine},
		"it answers at once":  {api: some, world: with(quick, Stats{Periods: 200, Throttled: 150, Pids: 10}), want: fine},
		"no process left":     {api: some, world: with(slow, Stats{Pids: 10}), want: near, says: []string{"as many processes and threads as it may have, 10"}},
		"a process left":      {api: some, world: with(slow, Stats{Pids: 9}), want: fine},
		"no memory left":      {api: some, world: with(slow, Stats{Memory: 62 << 20, MemoryFailures: 7}), want: near, says: []string{"all the memory that it may have, 64 MB", "uses 62 MB of 64 MB, and has hit its limit 7 times"}},
		"the limit never hit": {api: some, world: with(slow, Stats{Memory: 62 << 20}), want: fine},
		"memory left again":   {api: some, world: with(slow, Stats{Memory: 20 << 20, MemoryFailures: 7}), want: fine},
		"no limits":           {world: with(slow, Stats{Periods: 200, Throttled: 150, Pids: 10, Memory: 62 << 20, MemoryFailures: 7}), want: fine},
		"no answer":           {api: some, world: world{replies: slow}, want: fine},
		"it has just stopped": {api: some, world: world{replies: slow, stats: map[string]*Stats{"api": nil}}, want: fine},
	}, func(t *testing.T, test settledTest) { test.run(t) })
}

// The place of the limit is that of the line to change.
func TestNearLimitsPlace(t *testing.T) {
	each(t, map[string]string{
		"itself": "cpus: 0.5",
		"deploy": "deploy: {resources: {limits: {cpus: 0.5}}}",
	}, func(t *testing.T, says string) {
		stack := shop(t, server(pass("/", "http://api:8000")), edge+"  api:\n    image: x\n    "+says+"\n")
		w := world{
			replies: map[string]*Reply{"api:8000": call(Talk{Speaks: "http", Took: 2 * time.Second}, "10.0.0.2")},
			stats:   map[string]*Stats{"api": {Periods: 200, Throttled: 200}},
		}
		r := judged(stack, seen(up("edge", has("10.0.0.9")), up("api", has("10.0.0.2"), limited)).probed(t, stack, w))
		if f := r.Findings[0]; f.Rule != upstreamNearLimits || len(f.Related) != 1 || f.Related[0].Place.Line != 6 || f.Related[0].Place.Column < 5 {
			t.Errorf("%s is related to %v", f.Rule.ID, f.Related)
		}
	})
}

// What the kernel killed within a container that runs is at the bottom of the requests that it cut off.
func TestKills(t *testing.T) {
	const cut = "2026/11/22 11:58:00 [error] 7#7: *1 upstream prematurely closed connection while reading response header from upstream, client: 10.0.0.1, server: , request: \"GET /x HTTP/1.1\", upstream: \"http://10.0.0.2:8000/x\", host: \"localhost\""
	const answered = `10.0.0.1 - - [22/Nov/2026:11:59:00 +0000] "GET /x HTTP/1.1" 200 5 "-" "curl"`
	const (
		risk   = "warning upstream-oom-killed 1\nedge:80 / -> api:8000 at-risk ooroo???"
		broken = "error upstream-oom-killed 1\nedge:80 / -> api:8000 broken 502 ooB-----"
		closed = "error upstream-closed-early 1\nedge:80 / -> api:8000 broken 502 ooooo??B"
	)
	at := func(minutes int) Kill {
		return Kill{Container: "api", Time: now.Add(-time.Duration(minutes) * time.Minute)}
	}
	each(t, map[string]struct {
		log   string
		api   []func(*Container)
		kills []Kill
		want  string
		says  string
	}{
		"nothing":                   {"", nil, nil, "edge:80 / -> api:8000 ok ooooo???", ""},
		"the engine says so":        {"", []func(*Container){limited, func(c *Container) { c.OOMKilled = true }}, nil, risk, "a process of api"},
		"events say so":             {"", []func(*Container){limited}, []Kill{at(5), at(3)}, risk, "killed a process for want of memory 2 times, the last time at 11:57:00 UTC"},
		"of another container":      {"", []func(*Container){limited}, []Kill{{Container: "db", Time: now}}, "edge:80 / -> api:8000 ok ooooo???", ""},
		"and it started again":      {"", []func(*Container){limited, young(120)}, []Kill{at(3)}, risk, "api was killed for want of memory, and started again"},
		"a request was cut off":     {cut, []func(*Container){limited}, []Kill{at(2)}, broken, "upstream prematurely closed connection"},
		"it is answered since":      {cut + "\n" + answered, []func(*Container){limited}, []Kill{at(2)}, risk, "a process of api"},
		"at another time":           {cut, []func(*Container){limited}, nil, closed, ""},
		"longer ago than it's told": {"", []func(*Container){limited}, []Kill{at(30)}, "edge:80 / -> api:8000 ok ooooo???", ""},
	}, func(t *testing.T, test struct {
		log   string
		api   []func(*Container)
		kills []Kill
		want  string
		says  string
	}) {
		stack := shop(t, server(pass("/", "http://api:8000")), edge+api)
		snap := seen(up("edge"), up("api", append(test.api, has("10.0.0.2"))...))
		snap.Since, snap.Kills["shop"] = now.Add(-15*time.Minute), test.kills
		access := `10.0.0.1 - - [22/Nov/2026:11:58:00 +0000] "GET /x HTTP/1.1" 502 157 "-" "curl"`
		if test.log != "" {
			failed, later, healed := strings.Cut(test.log, "\n")
			snap.Logs["edge"] = []LogLine{{Time: now.Add(-2 * time.Minute), Text: failed}, {Time: now.Add(-2 * time.Minute), Text: access}}
			if healed {
				snap.Logs["edge"] = append(snap.Logs["edge"], LogLine{Time: now.Add(-time.Minute), Text: later})
			}
		}
		r := judged(stack, snap)
		if got := summary(r); test.want != closed || r.Findings[0].Rule.ID != "upstream-closed-early" {
			same(t, got, test.want)
		}
		if test.says != "" && !strings.Contains(told(r.Findings[0]), test.says) {
			t.Errorf("%q is not said of:\n%s", test.says, told(r.Findings[0]))
		}
	})
}

// Kills are asked for where memory is limited, statistics where a container with a limit is in trouble.
func TestAskMemory(t *testing.T) {
	stack := shop(t, server(pass("/", "http://api:8000")), edge+api)
	each(t, map[string]struct {
		api  []func(*Container)
		want string
	}{
		"no limits":           {nil, "log edge"},
		"limits":              {[]func(*Container){limited}, "kills shop, log edge"},
		"limits, and trouble": {[]func(*Container){limited, health("unhealthy")}, "kills shop, log api, log edge, stats api"},
		"trouble, no limits":  {[]func(*Container){health("unhealthy")}, "log api, log edge"},
		"no memory limit":     {[]func(*Container){func(c *Container) { c.PidsLimit = 5 }, health("unhealthy")}, "log api, log edge, stats api"},
	}, func(t *testing.T, test struct {
		api  []func(*Container)
		want string
	}) {
		snap := seen(up("edge"), up("api", test.api...))
		snap.Networks["shop_default"] = &Network{Name: "shop_default"}
		equal(t, questions(stack, snap), fields(test.want))
	})
}
