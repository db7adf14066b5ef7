package inspect

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"why502/compose"
	"why502/compose/proxy"
)

// project is the project shop of these files, all of which were changed at one moment.
func project(t *testing.T, changed time.Time, files map[string]string) *compose.Stack {
	t.Helper()
	dir := write(t, files)
	for name := range files {
		if err := os.Chtimes(filepath.Join(dir, name), changed, changed); err != nil {
			t.Fatal(err)
		}
	}
	return read(t, dir)
}

// shopAt is the project shop whose nginx.conf passes to api:8000 and was changed at a moment.
func shopAt(t *testing.T, changed time.Time) *compose.Stack {
	t.Helper()
	return project(t, changed, map[string]string{"compose.yaml": "name: shop\nservices:\n" + edge + api, "nginx.conf": server(pass("/", "http://api:8000"))})
}

// local says that the daemon is on this machine.
func (s *Snapshot) local() *Snapshot {
	s.Daemon.Local = true
	return s
}

// wrote adds lines to the log of a container.
func (s *Snapshot) wrote(id string, lines ...LogLine) *Snapshot {
	s.Logs[id] = append(s.Logs[id], lines...)
	return s
}

// workers are the processes of an nginx whose workers started at a moment.
func (s *Snapshot) workers(id string, at ...time.Time) *Snapshot {
	s.Processes[id] = []Process{{PID: 1, Started: now.Add(-time.Hour), Command: "nginx: master process nginx -g daemon off;"}}
	for _, moment := range at {
		s.Processes[id] = append(s.Processes[id], Process{PID: 2, Parent: 1, Started: moment, Command: "nginx: worker process"})
	}
	return s
}

// refusedAt is a line of nginx's about a request that a port refused.
func refusedAt(port int, after time.Duration) LogLine {
	at := now.Add(after)
	return LogLine{Time: at, Text: fmt.Sprintf(`%s [error] 7#7: *1 connect() failed (111: Connection refused) while connecting to upstream, client: 10.0.0.9, server: , request: "GET / HTTP/1.1", upstream: "http://10.0.0.2:%d/", host: "shop"`, at.Format("2006/01/02 15:04:05"), port)}
}

// rulesOf are the findings that are no notes: "error config-not-reloaded 502".
func rulesOf(r *Report) (all []string) {
	for _, f := range r.Findings {
		if f.Severity != Note {
			all = append(all, strings.TrimSpace(map[Severity]string{Error: "error", Warning: "warning"}[f.Severity]+" "+f.Rule.ID+" "+string(f.Status)))
		}
	}
	return all
}

func TestConfigMountStale(t *testing.T) {
	stack := shopAt(t, now.Add(-2*time.Hour))
	dir := stack.Directory
	each(t, map[string]struct{ root, want string }{
		"what is there":                {dir + "/nginx.conf", ""},
		"seen within its file system":  {"/nginx.conf", ""},
		"a subvolume":                  {"/@home" + dir + "/nginx.conf", ""},
		"replaced":                     {dir + "/nginx.conf//deleted", "warning config-mount-stale"},
		"moved away":                   {dir + "/nginx.conf.bak", "warning config-mount-stale"},
		"of another directory":         {"/elsewhere/nginx.conf.bak", ""},
		"a file system of its own":     {"/", ""},
		"nobody looked at that target": {"", ""},
	}, func(t *testing.T, test struct{ root, want string }) {
		snap := seen(up("edge"), up("api")).local().workers("edge", now.Add(-time.Minute))
		snap.Mounts["edge"] = []Mounted{{Target: "/etc/nginx/conf.d/default.conf", Root: test.root}}
		equal(t, rulesOf(judged(stack, snap)), fields(test.want))
	})
}

// A file that is a link was resolved when the container was made.
func TestConfigMountOfALink(t *testing.T) {
	dir := write(t, map[string]string{"compose.yaml": "name: shop\nservices:\n" + edge + api, "nginx.conf.live": server(pass("/", "http://api:8000"))})
	if err := os.Symlink("nginx.conf.live", filepath.Join(dir, "nginx.conf")); err != nil {
		t.Skip(err)
	}
	snap := seen(up("edge"), up("api")).local()
	snap.Mounts["edge"] = []Mounted{{Target: "/etc/nginx/conf.d/default.conf", Root: dir + "/nginx.conf.live"}}
	equal(t, rulesOf(judged(read(t, dir), snap)), nil)
}

func TestConfigNotReloaded(t *testing.T) {
	changed := now.Add(-10 * time.Minute)
	stack := shopAt(t, changed)
	started := func(after time.Duration) func(*Container) {
		return func(c *Container) { c.Started = changed.Add(after) }
	}
	each(t, map[string]struct {
		snap *Snapshot
		want string
	}{
		"the container started later":        {seen(up("edge", started(time.Minute)), up("api")).local(), ""},
		"reloaded since":                     {seen(up("edge"), up("api")).local().workers("edge", changed.Add(time.Second)), ""},
		"at the same moment":                 {seen(up("edge"), up("api")).local().workers("edge", changed.Add(-time.Second)), ""},
		"not reloaded":                       {seen(up("edge"), up("api")).local().workers("edge", changed.Add(-time.Minute)), "warning config-not-reloaded"},
		"one worker died since":              {seen(up("edge"), up("api")).local().workers("edge", changed.Add(-time.Minute), changed.Add(time.Minute)), "warning config-not-reloaded"},
		"not known when":                     {seen(up("edge"), up("api")).local(), ""},
		"by its log":                         {seen(up("edge"), up("api")).local().wrote("edge", said(-20*time.Minute, "[notice] 1#1: start worker processes")...), "warning config-not-reloaded"},
		"by its log, reloaded since":         {seen(up("edge"), up("api")).local().wrote("edge", said(-time.Minute, "[notice] 1#1: start worker processes")...), ""},
		"another machine has another clock":  {seen(up("edge"), up("api")).workers("edge", changed.Add(-time.Minute)), ""},
		"it does not run":                    {seen(down("edge", "exited", 0), up("api")).local().workers("edge", changed.Add(-time.Minute)), "error proxy-not-running refused"},
		"requests fail by what it has":       {seen(up("edge"), up("api")).local().workers("edge", changed.Add(-time.Minute)).wrote("edge", refusedAt(9999, -time.Minute)), "error config-not-reloaded 502"},
		"requests fail by what the file has": {seen(up("edge"), up("api")).local().workers("edge", changed.Add(-time.Minute)).wrote("edge", refusedAt(8000, -time.Minute)), "warning config-not-reloaded"},
		"requests failed before the start":   {seen(up("edge"), up("api")).local().workers("edge", changed.Add(-time.Minute)).wrote("edge", refusedAt(9999, -55*time.Minute)), "warning config-not-reloaded"},
	}, func(t *testing.T, test struct {
		snap *Snapshot
		want string
	}) {
		equal(t, rulesOf(judged(stack, test.snap)), fields(test.want))
	})
}

// said is a log of these lines, all of one moment.
func said(after time.Duration, lines ...string) (all []LogLine) {
	for _, text := range lines {
		all = append(all, LogLine{Time: now.Add(after), Text: now.Add(after).Format("2006/01/02 15:04:05 ") + text})
	}
	return all
}

// What is not known is said to be unchecked.
func TestNotKnownWhetherReloaded(t *testing.T) {
	r := judged(shopAt(t, now.Add(-time.Minute)), seen(up("edge"), up("api")).local())
	if !slices.ContainsFunc(r.Unchecked, func(u proxy.Unchecked) bool { return strings.Contains(u.What, "whether nginx has loaded nginx.conf") }) {
		t.Errorf("got %v", r.Unchecked)
	}
}

// A fault in a file that nginx has not loaded is about its next load, unless requests fail by it.
func TestUnloadedFaults(t *testing.T) {
	changed := now.Add(-10 * time.Minute)
	files := map[string]string{
		"compose.yaml": "name: shop\nservices:\n" + edge + "  api: {image: example/api, networks: [back]}\nnetworks: {back: }\n",
		"nginx.conf":   server("resolver 127.0.0.11;", "set $a http://api:8000;", pass("/", "$a")),
	}
	stack := project(t, changed, files)
	apart := func(c *Container) {
		c.Endpoints = []Endpoint{{Network: "shop_back", ID: "e", Names: []string{"api"}}}
	}
	each(t, map[string]struct {
		workers time.Time
		want    string
	}{
		"loaded":     {changed.Add(time.Minute), "error upstream-no-shared-network 502"},
		"not loaded": {changed.Add(-time.Minute), "warning config-not-reloaded, warning upstream-no-shared-network"},
	}, func(t *testing.T, test struct {
		workers time.Time
		want    string
	}) {
		snap := seen(up("edge"), up("api", apart)).local().workers("edge", test.workers)
		snap.Networks["shop_default"], snap.Networks["shop_back"] = &Network{}, &Network{}
		equal(t, rulesOf(judged(stack, snap)), fields(test.want))
	})
}

func TestConfigImageStale(t *testing.T) {
	conf := server(pass("/", "http://api:8000"))
	stack := load(t, map[string]string{
		"compose.yaml": "name: shop\nservices:\n  edge: {build: ., restart: always}\n" + api,
		"Dockerfile":   "FROM nginx:1.27\nCOPY site.conf /etc/nginx/conf.d/default.conf\n", "site.conf": conf,
	})
	has := func(snap *Snapshot, f *File) *Snapshot {
		snap.Files[Question{Kind: AskFile, Of: "edge", Path: "/etc/nginx/conf.d/default.conf", Text: true}] = f
		return snap
	}
	emerg := said(-time.Minute, `[emerg] 1#1: unexpected "}" in /etc/nginx/conf.d/default.conf:7`)
	each(t, map[string]struct {
		snap *Snapshot
		want string
	}{
		"nobody looked":         {seen(up("edge"), up("api")), ""},
		"the same":              {has(seen(up("edge"), up("api")), &File{Text: conf}), ""},
		"no text":               {has(seen(up("edge"), up("api")), &File{Unread: "it is too large"}), ""},
		"another":               {has(seen(up("edge"), up("api")), &File{Text: "# old"}), "warning config-image-stale"},
		"it was not there yet":  {has(seen(up("edge"), up("api")), nil), "warning config-image-stale"},
		"another, and fails":    {has(seen(up("edge"), up("api")).wrote("edge", refusedAt(9999, -time.Minute)), &File{Text: "# old"}), "error config-image-stale 502"},
		"another, which stops":  {has(seen(down("edge", "exited", 1), up("api")).wrote("edge", emerg...), &File{Text: "# old"}), "error config-image-stale no-start"},
		"the same, which stops": {has(seen(down("edge", "exited", 1), up("api")).wrote("edge", emerg...), &File{Text: conf}), "error proxy-not-running no-start"},
		"another, and it ended": {has(seen(down("edge", "exited", 0), up("api")), &File{Text: "# old"}), "error proxy-not-running refused, warning config-image-stale"},
	}, func(t *testing.T, test struct {
		snap *Snapshot
		want string
	}) {
		equal(t, rulesOf(judged(stack, test.snap)), fields(test.want))
	})
}

func TestContainerOlder(t *testing.T) {
	const services = `  edge:
    image: nginx:1.27
    restart: always
    command: nginx -g 'daemon off;'
    ports: ["8080:80", "8081-8082:81-82", "90"]
    environment: {MODE: fast, API_TOKEN: hidden-value, WHO: "${SOMEONE:-me}"}
    volumes: ["./nginx.conf:/etc/nginx/conf.d/default.conf", "data:/data"]
    tmpfs: [/run]
  api: {image: example/api, expose: [8000]}
volumes: {data: }
`
	stack := shop(t, server(pass("/", "http://api:8000"))+"server { listen 81; listen 82; listen 90; }\n", services)
	made := func(changes ...func(*Container)) func(*Container) {
		return func(c *Container) {
			c.Image = "docker.io/library/nginx:1.27"
			c.Made = Made{
				Files: []string{"/srv/shop/compose.yaml"}, Directory: "/srv/shop", Command: []string{"nginx", "-g", "daemon off;"},
				Environment: map[string]string{"PATH": "/bin", "MODE": "fast", "WHO": "you"},
				Ports:       []Binding{{Published: 8080, Target: 80, Protocol: "tcp"}, {Published: 8081, Target: 81, Protocol: "tcp"}, {Published: 8082, Target: 82, Protocol: "tcp"}, {Target: 90, Protocol: "tcp"}},
				Mounts:      []ContainerMount{{Type: "bind", Source: "/srv/shop/nginx.conf", Target: "/etc/nginx/conf.d/default.conf"}, {Type: "volume", Source: "shop_data", Target: "/data"}, {Type: "tmpfs", Target: "/run"}, {Type: "volume", Source: "abc", Target: "/anonymous"}},
			}
			for _, change := range changes {
				change(c)
			}
		}
	}
	each(t, map[string]struct {
		change func(*Container)
		want   string
	}{
		"the same":                {func(c *Container) {}, ""},
		"other Compose files":     {func(c *Container) { c.Made.Files = append(c.Made.Files, "/srv/shop/more.yaml"); c.Made.Command = nil }, ""},
		"not made by Compose":     {func(c *Container) { c.Made = Made{} }, ""},
		"its image lost its name": {func(c *Container) { c.Image = "sha256:1" }, ""},
		"another image":           {func(c *Container) { c.Image = "nginx:1.25" }, "the image"},
		"another command":         {func(c *Container) { c.Made.Command = []string{"nginx"} }, "the command"},
		"another value":           {func(c *Container) { c.Made.Environment["MODE"] = "slow" }, "the variable MODE"},
		"no such variable":        {func(c *Container) { delete(c.Made.Environment, "MODE") }, "the variable MODE"},
		"variables not seen":      {func(c *Container) { c.Made.Environment = nil }, ""},
		"another port":            {func(c *Container) { c.Made.Ports[1].Published = 8083 }, "the port 8081:81"},
		"a mount is missing":      {func(c *Container) { c.Made.Mounts = c.Made.Mounts[1:] }, "the mount at /etc/nginx/conf.d/default.conf"},
		"another source":          {func(c *Container) { c.Made.Mounts[0].Source = "/srv/shop/old.conf" }, "the mount at /etc/nginx/conf.d/default.conf"},
		"seen by the desktop":     {func(c *Container) { c.Made.Mounts[0].Source = "/host_mnt/srv/shop/nginx.conf" }, ""},
		"several":                 {func(c *Container) { c.Made.Command, c.Image = nil, "x" }, "the image, the command"},
	}, func(t *testing.T, test struct {
		change func(*Container)
		want   string
	}) {
		var got string
		for _, f := range judged(stack, seen(up("edge", made(test.change)), up("api"))).Findings {
			if f.Rule.ID == containerOlderThanProject.ID {
				_, got, _ = strings.Cut(f.Message, "changed: ")
				if strings.Contains(fmt.Sprint(f), "hidden-value") {
					t.Error("a credential is told")
				}
			}
		}
		if got != test.want {
			t.Errorf("got %q, want %q", got, test.want)
		}
	})
}

// A port that the container does not publish refuses: that is seen, and an error.
func TestContainerOlderPort(t *testing.T) {
	stack := shop(t, server(pass("/", "http://api:8000")), strings.Replace(edge, "restart", "ports: ['8080:80'], restart", 1)+api)
	snap := seen(up("edge", func(c *Container) {
		c.Image = "nginx:1.27"
		c.Made = Made{Files: []string{"/a/compose.yaml"}, Directory: "/a", Environment: map[string]string{"A": ""},
			Mounts: []ContainerMount{{Type: "bind", Source: "/a/nginx.conf", Target: "/etc/nginx/conf.d/default.conf"}}}
	}), up("api"))
	same(t, summary(judged(stack, snap)), `
		error container-older-than-project 1
		edge:80 / -> api:8000 broken refused B-------`)
}

func TestCertificateSeen(t *testing.T) {
	stack := shop(t, "server { listen 443 ssl; ssl_certificate /tls/x.crt; ssl_certificate_key /tls/x.key; "+pass("/", "http://api:8000")+" }", edge+api)
	state := func(at string) Question { return Question{Kind: AskFile, Of: "edge", Path: at} }
	box := down("edge", "restarting", 1)
	each(t, map[string]struct {
		files map[Question]*File
		want  string
	}{
		"nobody looked":     {nil, "error certificate-missing no-start"},
		"both are there":    {map[Question]*File{state("/tls/x.crt"): {}, state("/tls/x.key"): {}}, "error proxy-not-running no-start"},
		"links to what is":  {map[Question]*File{state("/tls/x.crt"): {Link: "/a"}, state("/a"): {}, state("/tls/x.key"): {}}, "error proxy-not-running no-start"},
		"a link to nothing": {map[Question]*File{state("/tls/x.crt"): {Link: "/a"}, state("/a"): nil, state("/tls/x.key"): {}}, "error certificate-missing no-start"},
		"one is missing":    {map[Question]*File{state("/tls/x.crt"): {}, state("/tls/x.key"): nil}, "error certificate-missing no-start"},
	}, func(t *testing.T, test struct {
		files map[Question]*File
		want  string
	}) {
		snap := seen(box, up("api"))
		for q, f := range test.files {
			snap.Files[q] = f
		}
		equal(t, rulesOf(judged(stack, snap)), fields(test.want))
	})
}

func TestAskAboutDisk(t *testing.T) {
	asked := func(stack *compose.Stack, snap *Snapshot) (all []string) {
		for name := range map[string]bool{"shop_default": true} {
			snap.Networks[name] = &Network{}
		}
		for _, q := range Ask(stack, snap, Means{}) {
			if q.Kind == AskFile || q.Kind == AskMounts || q.Kind == AskProcesses {
				all = append(all, strings.TrimSpace(string(q.Kind)+" "+q.Path))
			}
		}
		return all
	}
	usual := shopAt(t, now.Add(-time.Minute))
	equal(t, asked(usual, seen(up("edge"), up("api"))), nil) // of another machine nothing on disk says anything
	equal(t, asked(usual, seen(up("edge"), up("api")).local()), []string{"mounts", "processes"})
	equal(t, asked(shopAt(t, now.Add(-2*time.Hour)), seen(up("edge"), up("api")).local()), []string{"mounts"})

	own := load(t, map[string]string{"compose.yaml": "name: shop\nservices:\n  edge: {image: own/nginx}\n" + api})
	snap := seen(up("edge"), up("api"))
	equal(t, asked(own, snap), []string{"file /etc/nginx/"})
	equal(t, asked(own, seen(down("edge", "exited", 1), up("api"))), []string{"file /etc/nginx/"})
	equal(t, asked(own, seen(down("edge", "created", 127), up("api"))), nil) // it has not made its files yet
	snap.Files[Question{Kind: AskFile, Of: "edge", Path: "/etc/nginx/"}] = &File{Dir: true, Tree: map[string]*File{
		"/etc/nginx/nginx.conf": {Link: "/config/nginx.conf"}, "/etc/nginx/modules": {Link: "/usr/lib/nginx/modules"}, "/etc/nginx/x": {Link: "/proc/1/root"},
	}}
	equal(t, asked(own, snap), []string{"file /config/nginx.conf/"})
}
