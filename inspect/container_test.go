package inspect

import (
	"strings"
	"testing"
	"time"
)

func TestExplainExit(t *testing.T) {
	for _, test := range []struct {
		box  Container
		want string
	}{
		{Container{State: "created"}, "was created and never started"},
		{Container{State: "created", ExitCode: 127, Error: "no such file"}, "could not be started"},
		{Container{State: "exited"}, "ended by itself, without an error (exit code 0)"},
		{Container{State: "exited", ExitCode: 1}, "ended with an error (exit code 1)"},
		{Container{State: "dead", ExitCode: 2}, "ended with an error (exit code 2)"},
		{Container{State: "exited", ExitCode: 126}, "could not run its command: it is not executable (exit code 126)"},
		{Container{State: "exited", ExitCode: 127}, "could not run its command: there is none of that name (exit code 127)"},
		{Container{State: "exited", ExitCode: 134}, "aborted (exit code 134, SIGABRT)"},
		{Container{State: "exited", ExitCode: 137}, "was killed (exit code 137, SIGKILL): for want of memory, or because it did not stop in time"},
		{Container{State: "exited", ExitCode: 139}, "crashed (exit code 139, SIGSEGV)"},
		{Container{State: "restarting", ExitCode: 143}, "was stopped (exit code 143, SIGTERM)"},
		{Container{State: "exited", ExitCode: 255}, "ended with an error (exit code 255)"},
	} {
		if got := explainExit(&test.box); got != test.want {
			t.Errorf("%s, %d: %s, want %s", test.box.State, test.box.ExitCode, got, test.want)
		}
	}
}

func TestDescribeState(t *testing.T) {
	for want, box := range map[string]Container{
		"api is running":                                          {State: "running"},
		"api is running, unhealthy":                               {State: "running", Health: "unhealthy"},
		"api is paused":                                           {State: "paused"},
		"api is exited, exit code 0":                              {State: "exited"},
		"api is exited, exit code 1, restarted 3 times":           {State: "exited", ExitCode: 1, Restarts: 3},
		"api is running, restarted once":                          {State: "running", Restarts: 1},
		"api is restarting, exit code 1, restarted 2 times":       {State: "restarting", ExitCode: 1, Restarts: 2},
		"api is exited, exit code 137, killed for want of memory": {State: "exited", ExitCode: 137, OOMKilled: true},
		"api is created, exit code 127: no such file":             {State: "created", ExitCode: 127, Error: "no such file\nunknown"},
	} {
		box.Name = "api"
		if got := describeState(&box); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

func TestLastEmerg(t *testing.T) {
	const (
		emerg = "2026/11/22 12:00:00 [emerg] 1#1: host not found"
		crit  = `2026/11/22 12:00:00 [crit] 1#1: pread() "/etc/nginx/conf.d/x.conf" failed (21: Is a directory)`
	)
	for _, test := range []struct {
		what  string
		lines []string
		want  string
	}{
		{"nothing", nil, ""},
		{"no fault", []string{"start worker process 7", "[notice] ok"}, ""},
		{"one", []string{emerg}, "[emerg] 1#1: host not found"},
		{"not its last line", []string{emerg, "exited"}, "[emerg] 1#1: host not found"},
		{"the last of several", []string{"[emerg] first", "[emerg] second", "bye"}, "[emerg] second"},
		{"without a time", []string{"nginx: [emerg] host not found "}, "[emerg] host not found"},
		{"a directory in place of a file", []string{crit}, `[crit] 1#1: pread() "/etc/nginx/conf.d/x.conf" failed (21: Is a directory)`},
		{"another [crit]", []string{"[crit] 7#7: *1 connect() to unix:/x failed"}, ""},
	} {
		if got := lastEmerg(seen().log("x", test.lines...).Logs["x"]); got != test.want {
			t.Errorf("%s: %q, want %q", test.what, got, test.want)
		}
	}
}

// A container that was restarted twice or more, and a moment ago, may be about to end again.
func TestUnsettled(t *testing.T) {
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	f := &facts{snap: &Snapshot{Time: now}}
	for _, test := range []struct {
		what string
		box  Container
		want bool
	}{
		{"twice, a moment ago", Container{State: "running", Restarts: 2, Started: ago(time.Second)}, true},
		{"once", Container{State: "running", Restarts: 1, Started: ago(time.Second)}, false},
		{"never", Container{State: "running", Started: ago(time.Second)}, false},
		{"long ago", Container{State: "running", Restarts: 9, Started: ago(time.Minute)}, false},
		{"just under a minute ago", Container{State: "running", Restarts: 9, Started: ago(time.Minute - time.Second)}, true},
		{"between two starts", Container{State: "restarting", Restarts: 9, Started: ago(time.Second)}, false},
		{"it ended for good", Container{State: "exited", Restarts: 9, Started: ago(time.Second)}, false},
		{"paused", Container{State: "paused", Restarts: 9, Started: ago(time.Second)}, false},
	} {
		if got := f.unsettled(&test.box); got != test.want {
			t.Errorf("%s: %v", test.what, got)
		}
	}
}

// An nginx that still reads its configuration is not one that has found all names.
func TestNginxStarts(t *testing.T) {
	for _, test := range []struct {
		what     string
		age      time.Duration
		commands []string
		want     bool
	}{
		{"it reads", 5 * time.Second, []string{"nginx -g daemon off;"}, true},
		{"by its path, behind its entry point", 5 * time.Second, []string{"/bin/sh /docker-entrypoint.sh", "/usr/sbin/nginx -g daemon off;"}, true},
		{"it has read", 5 * time.Second, []string{"nginx: master process nginx -g daemon off;", "nginx: worker process"}, false},
		{"it is tested beside the one that runs", 5 * time.Second, []string{"nginx: master process nginx", "nginx -t"}, false},
		{"without a master", 5 * time.Second, []string{"nginx -g daemon off; master_process off;"}, false},
		{"for long", 2 * time.Minute, []string{"nginx -g daemon off;"}, false},
		{"its entry point waits", 5 * time.Second, []string{"/bin/sh /wait-for api", "sleep 1"}, true},
		{"not known", 5 * time.Second, nil, false},
	} {
		snap := &Snapshot{Time: now, Processes: map[string][]Process{}}
		for _, command := range test.commands {
			snap.Processes["x"] = append(snap.Processes["x"], Process{Command: command})
		}
		if got := (&facts{snap: snap}).starting(&Container{ID: "x", State: "running", Started: now.Add(-test.age)}); got != test.want {
			t.Errorf("%s: %v", test.what, got)
		}
	}
}

// A service is down if none of its containers can serve, at risk if some cannot.
func TestReplicas(t *testing.T) {
	const fine, risk, broken = "ok ooooo???", "at-risk ooroo???", "broken 502 ooB-----"
	second := func(c *Container) { c.ID, c.Name = c.ID+"2", "shop-api-2" }
	oneOff := func(c *Container) { c.OneOff = true }
	killed := func(c *Container) { c.OOMKilled = true }
	for name, test := range map[string]struct {
		api  []*Container
		want string
	}{
		"all run":                           {[]*Container{up("api"), up("api", second)}, fine},
		"none runs":                         {[]*Container{down("api", "exited", 1), down("api", "exited", 1, second)}, broken},
		"a one-off alone":                   {[]*Container{up("api", oneOff)}, broken},
		"a one-off that ended":              {[]*Container{up("api"), down("api", "exited", 1, second, oneOff)}, fine},
		"one is down":                       {[]*Container{up("api"), down("api", "exited", 1, second)}, risk},
		"one keeps restarting":              {[]*Container{up("api"), down("api", "restarting", 1, second)}, risk},
		"one is paused":                     {[]*Container{up("api"), down("api", "paused", 0, second)}, risk},
		"one was killed for want of memory": {[]*Container{up("api"), up("api", second, killed)}, risk},
	} {
		t.Run(name, func(t *testing.T) {
			stack := shop(t, server(pass("/", "http://api:8000")), edge+"  api: {image: x, scale: 2}\n")
			got := summary(judged(stack, seen(append(test.api, up("edge"))...)))
			if !strings.HasSuffix(got, "edge:80 / -> api:8000 "+test.want+"\n") {
				t.Errorf("%swant %s", got, test.want)
			}
		})
	}
}

// Whether a proxy waits for an api with a health check; edge's depends_on, and what else there is.
func TestDependsOnNotReady(t *testing.T) {
	const check = "healthcheck: {test: curl -f localhost}"
	for _, test := range []struct{ waits, api, others, want string }{
		{"[api]", check, "", "likely"},
		{"{api: {condition: service_started}}", check, "", "likely"},
		{"{api: {condition: service_healthy}}", check, "", ""},
		{"[api]", "restart: always", "", ""},
		{"[api]", "healthcheck: {disable: true}", "", ""},
		{"[api, web]", check, "  web: {image: x, depends_on: [api]}\n", "likely"},
		{"[api, web]", check, "  web: {image: x, depends_on: {api: {condition: service_healthy}}}\n", ""},
		{"[api]", check, "  web: {image: x, depends_on: {api: {condition: service_healthy}}}\n", "likely"},
		{"[api]", "volumes: ['./web.conf:/etc/nginx/conf.d/default.conf'], " + check, "", ""}, // an nginx is fast
	} {
		image := "x"
		if strings.Contains(test.api, "web.conf") {
			image = "nginx"
		}
		stack := load(t, map[string]string{
			"compose.yaml": "name: shop\nservices:\n" + strings.Replace(edge, "}", ", depends_on: "+test.waits+"}", 1) + "  api: {image: " + image + ", " + test.api + "}\n" + test.others,
			"nginx.conf":   server(pass("/", "http://api:8000")), "web.conf": "server { listen 8000; return 200; }",
		})
		got := ""
		for _, f := range judged(stack, nil).Findings {
			if f.Rule == dependsOnNotReady {
				got = string(f.Confidence)
			}
		}
		if got != test.want {
			t.Errorf("%s, %s, %s: %q, want %q", test.waits, test.api, test.others, got, test.want)
		}
	}
}
