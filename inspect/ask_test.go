package inspect

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"why502/compose"
)

// questions are what Ask asks, written "kind of".
func questions(stack *compose.Stack, snap *Snapshot) (all []string) {
	for _, q := range Ask(stack, snap, Means{}) {
		all = append(all, string(q.Kind)+" "+q.Of)
	}
	return all
}

// on puts a container on another network.
func on(network string) func(*Container) {
	return func(c *Container) { c.Endpoints = []Endpoint{{Network: network}} }
}

func TestAsk(t *testing.T) {
	const networks = "networks: {web: {external: true, name: shared}, apart: }\n"
	stack := shop(t, server(pass("/", "http://api:8000")), edge+api+"  db: {image: postgres, networks: [apart, web]}\n"+networks)
	// answered is a snapshot in which the daemon's answers about networks are there.
	answered := func(snap *Snapshot) *Snapshot {
		snap.Networks["shop_default"], snap.Networks["shared"] = &Network{Name: "shop_default"}, nil
		return snap
	}
	asked := func(ids ...string) *Snapshot {
		return answered(&Snapshot{Project: ids, Networks: map[string]*Network{}})
	}
	for _, test := range []struct {
		name string
		snap *Snapshot
		want string
	}{
		{"nothing is known: the project, the networks of proxies, every external one", &Snapshot{},
			"network shared, network shop_default, project shop"},
		{"the project is still unknown", asked(), "project shop"},
		{"an empty answer is one", answered(seen()), ""},
		{"containers", asked("b", "a"), "container a, container b"},
		{"all run: what the proxies wrote", answered(seen(up("edge"), up("api"))), "log edge"},
		{"a service that runs, but not well", answered(seen(up("edge"), up("api", health("unhealthy")))), "log api, log edge"},
		{"logs of what does not", answered(seen(
			down("a", "exited", 1), down("b", "dead", 1), down("c", "created", 127), down("d", "restarting", 1), down("e", "paused", 0))),
			"log a, log b, log c, log d"},
		{"logs of what has just begun again", answered(seen(up("edge", restarted(3)), up("api", restarted(1)))), "log edge"},
		{"no log of one-offs", answered(seen(down("a", "exited", 1, func(c *Container) { c.OneOff = true }))), ""},
		{"a log that is there", answered(seen(down("a", "exited", 1)).log("a")), ""},
		{"networks that only the daemon has the proxy on", answered(seen(up("edge", on("bridge")), up("api", on("x")))), "network bridge"},
	} {
		t.Run(test.name, func(t *testing.T) {
			equal(t, questions(stack, test.snap), fields(test.want))
		})
	}
}

// An nginx that started a moment ago may be looking up yet what nobody bears: then it matters what runs there.
func TestAskStarts(t *testing.T) {
	young := func(c *Container) { c.Started = now.Add(-5 * time.Second) }
	each(t, map[string]struct {
		pass string
		snap *Snapshot
		want string
	}{
		"nobody bears it":       {"http://apii:8000", seen(up("edge", young), up("api")), "log edge, processes edge"},
		"a service bears it":    {"http://api:8000", seen(up("edge", young), up("api")), "log edge"},
		"it started long ago":   {"http://apii:8000", seen(up("edge"), up("api")), "log edge"},
		"it is looked up later": {"http://$upstream:8000", seen(up("edge", young), up("api")), "log edge"},
	}, func(t *testing.T, test struct {
		pass string
		snap *Snapshot
		want string
	}) {
		stack := shop(t, server("set $upstream apii; resolver 127.0.0.11;", pass("/", test.pass)), edge+api)
		test.snap.Networks["shop_default"] = &Network{Name: "shop_default"}
		equal(t, questions(stack, test.snap), fields(test.want))
	})
}

// A mount over the directory of the logs hides what leads them to the container's output.
func TestAskLogFiles(t *testing.T) {
	const mounted = "  edge: {image: nginx:1.27, restart: always, volumes: [./nginx.conf:/etc/nginx/conf.d/default.conf, ./log:/var/log/nginx]}\n"
	each(t, map[string]struct{ services, conf, want string }{
		"not mounted":     {edge, "", ""},
		"mounted":         {mounted, "", "/var/log/nginx/error.log, /var/log/nginx/access.log"},
		"another name":    {mounted, "error_log /var/log/nginx/shop.err notice; access_log off;", "/var/log/nginx/shop.err"},
		"to the output":   {mounted, "error_log /dev/stderr; access_log /dev/stdout;", ""},
		"of one location": {mounted, "location /x { access_log /var/log/nginx/x.log main; }", "/var/log/nginx/error.log, /var/log/nginx/x.log"},
		"not on a mount":  {mounted, "error_log /tmp/e.log; access_log /var/log/a.log;", ""},
	}, func(t *testing.T, test struct{ services, conf, want string }) {
		stack := shop(t, server(test.conf, pass("/", "http://api:8000")), test.services+api)
		var paths []string
		snap := seen(up("edge"), up("api")).log("edge")
		snap.Networks["shop_default"] = nil
		for _, q := range Ask(stack, snap, Means{}) {
			if q.Kind == AskTail {
				paths = append(paths, q.Path)
			}
		}
		slices.Sort(paths)
		want := fields(test.want)
		slices.Sort(want)
		equal(t, paths, want)
	})
}

// Where requests failed, it is asked what their upstream wrote, and since when nginx has its configuration
// if it does not say so itself.
func TestAskAfterFailures(t *testing.T) {
	stack := shop(t, server(pass("/", "http://api:8000")), edge+api)
	ask := func(lines ...string) []string {
		snap := seen(up("edge"), up("api", has("172.18.0.3"))).log("edge", lines...)
		snap.Networks["shop_default"] = nil
		return slices.DeleteFunc(questions(stack, snap), func(q string) bool { return !strings.HasPrefix(q, "log") && !strings.HasPrefix(q, "processes") })
	}
	fails := erred(time.Minute, readTimeout, "/x", here)
	equal(t, ask(served(time.Minute, "/x", 200)), nil)
	equal(t, ask(fails), []string{"log api", "processes edge"})
	equal(t, ask(append(loaded(time.Hour/2, 29), fails)...), []string{"log api"})
}

// restarted is a container that began a moment ago, after n restarts.
func restarted(n int) func(*Container) {
	return func(c *Container) { c.Restarts, c.Started = n, now.Add(-1) }
}

// fields cuts "a, b" into its parts.
func fields(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(text, ", ")
}

// A proxy that uses another service's network is on that one's networks.
func TestAskBehindAnotherNamespace(t *testing.T) {
	stack := shop(t, server(pass("/", "http://api:8000")),
		strings.Replace(edge, "}", ", network_mode: 'service:vpn'}", 1)+api+"  vpn: {image: vpn}\n")
	if got := questions(stack, &Snapshot{}); !slices.Contains(got, "network shop_default") {
		t.Errorf("asks only %v", got)
	}
}

// A question that failed is not asked again.
func TestAskFailed(t *testing.T) {
	stack := shop(t, server(pass("/", "http://api:8000")), edge+api)
	snap := &Snapshot{Project: []string{"a"}, Failed: map[Question]string{}}
	for round := 0; len(Ask(stack, snap, Means{})) > 0; round++ {
		if round > 3 {
			t.Fatalf("still asks %v", questions(stack, snap))
		}
		for _, q := range Ask(stack, snap, Means{}) {
			snap.Failed[q] = "no"
		}
	}
}

// Containers of other projects are looked at where they share a network, but not too many of them.
func TestAskForeign(t *testing.T) {
	stack := shop(t, server(pass("/", "http://api:8000")), edge+api)
	snap := seen(up("edge"), up("api"))
	network := &Network{Name: "shop_default", Containers: []string{"api", "z", "y", "edge"}}
	snap.Networks["shop_default"] = network
	equal(t, questions(stack, snap), []string{"container y", "container z"})

	snap.log("edge")
	other := down("y", "exited", 1, func(c *Container) { c.Project = "other" })
	snap.Containers["y"], snap.Containers["z"] = other, nil
	equal(t, questions(stack, snap), nil) // neither logs of others, nor again what is gone

	for i := range 1000 {
		network.Containers = append(network.Containers, fmt.Sprintf("n%03d", i))
	}
	if got := questions(stack, snap); len(got) > maxForeign {
		t.Errorf("%d questions about other projects", len(got))
	}
}
