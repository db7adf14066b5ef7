package recording

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"why502/compose"
	"why502/inspect"
	"why502/report"
)

// projects are all scenarios, faulty and working.
func projects(t testing.TB) (dirs []string) {
	t.Helper()
	err := filepath.WalkDir("../../testdata", func(name string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Name() == "compose.yaml" {
			dirs = append(dirs, filepath.Dir(name))
		}
		return err
	})
	if err != nil || len(dirs) == 0 {
		t.Fatalf("there are %d scenarios: %v", len(dirs), err)
	}
	return dirs
}

func load(t testing.TB, dir string) *compose.Stack {
	t.Helper()
	stack, err := compose.Load(t.Context(), compose.Options{Directory: dir})
	if err != nil {
		t.Fatal(err)
	}
	return stack
}

// judged is the report on a record, as JSON.
func judged(t testing.TB, r *Record) string {
	t.Helper()
	var b bytes.Buffer
	if err := report.Formats()[1].Write(&b, inspect.Judge(r.Stack, r.Snapshot, r.Live, inspect.Options{}), report.Options{}); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// again writes a record and reads it.
func again(t testing.TB, r *Record) (*Record, string) {
	t.Helper()
	text, err := Encode(r)
	if err != nil {
		t.Fatal(err)
	}
	read, err := Decode(text)
	if err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return read, string(text)
}

// seen is a snapshot in which every service has a container, one of them of each state.
func seen(stack *compose.Stack) *inspect.Snapshot {
	s := inspect.NewSnapshot(time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC))
	states := []string{"running", "exited", "running", "restarting", "running", "paused"}
	s.Project = []string{}
	for name, svc := range stack.Services {
		c := &inspect.Container{ID: name, Name: name + "-1", Project: stack.Name, Service: name, State: states[len(name)%len(states)], ExitCode: len(name) % 2, Image: svc.Image, Started: s.Time.Add(-time.Hour)}
		for _, a := range svc.Networks {
			if n := stack.Networks[a.Network]; n != nil {
				c.Endpoints = append(c.Endpoints, inspect.Endpoint{Network: n.Full, ID: "x", IPv4: "10.0.0.9", Names: append(a.Aliases, name)})
				s.Networks[n.Full] = &inspect.Network{Name: n.Full, Containers: []string{name}}
			}
		}
		s.Project, s.Containers[name] = append(s.Project, name), c
		s.Logs[name] = []inspect.LogLine{{Text: `2026/11/22 11:00:00 [emerg] 1#1: host not found in upstream "` + name + `" in /etc/nginx/conf.d/default.conf:3`}}
	}
	s.Failed[inspect.Question{Kind: inspect.AskLog, Of: "x"}] = "no answer"
	return s
}

// What is judged again gives the same report, from the files alone and with what the daemon said.
func TestRecordsJudgeAlike(t *testing.T) {
	for _, dir := range projects(t) {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			t.Parallel()
			stack := load(t, dir)
			for state, snap := range map[inspect.LiveState]*inspect.Snapshot{inspect.LiveOff: nil, inspect.LivePartial: seen(stack)} {
				r := &Record{Tool: "1", Directory: ".", Live: inspect.Live{State: state, Note: "why"}, Stack: stack, Snapshot: snap}
				read, text := again(t, r)
				if got, want := judged(t, read), judged(t, r); got != want {
					t.Errorf("%s: a record gives\n%s\nwant\n%s", state, got, want)
				}
				if _, twice := again(t, read); twice != text {
					t.Errorf("%s: written again it is\n%s\nwant\n%s", state, twice, text)
				}
			}
		})
	}
}

// fill gives everything in a value another value than none, so that nothing of it can get lost unseen.
func fill(v reflect.Value, depth int) {
	switch {
	case v.Type() == timeType:
		v.Set(reflect.ValueOf(time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)))
		return
	case isText(v.Type()):
		return
	}
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(7)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(7)
	case reflect.String:
		v.SetString("x")
	case reflect.Pointer:
		if depth < 12 {
			v.Set(reflect.New(v.Type().Elem()))
			fill(v.Elem(), depth+1)
		}
	case reflect.Struct:
		for _, f := range (types{}).fields(v.Type()) {
			fill(v.FieldByIndex(f.Index), depth+1)
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 0, 0))
		if depth < 10 {
			v.Set(reflect.MakeSlice(v.Type(), 1, 1))
			fill(v.Index(0), depth+1)
		}
	case reflect.Map:
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(key, depth+1)
		fill(value, depth+1)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(key, value)
	}
}

// Every field of what is recorded comes back, those that are added later too.
func TestRecordsAreWhole(t *testing.T) {
	want := &content{}
	fill(reflect.ValueOf(want).Elem(), 0)
	objects, err := encode(want, inspect.NewSecrets(&compose.Stack{}))
	if err != nil {
		t.Fatal(err)
	}
	got := &content{}
	if err := decode(objects, got); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%+v\nwant\n%+v", got, want)
	}
}

// What is shared stays shared, and nil is not empty.
func TestRecordsKeepIdentity(t *testing.T) {
	stack := load(t, "../../testdata/shop")
	read, _ := again(t, &Record{Stack: stack})
	for i, p := range read.Stack.Proxies {
		if p.Service != read.Stack.Services[p.Service.Name] {
			t.Errorf("the service of %s is another one", p.Service.Name)
		}
		for _, r := range p.Routes {
			if r.Proxy != p {
				t.Errorf("the proxy of %s is another one", r.ID)
			}
		}
		if len(p.Routes) != len(stack.Proxies[i].Routes) || len(p.Routes) == 0 {
			t.Errorf("%s has %d routes", p.Service.Name, len(p.Routes))
		}
	}
	for name, svc := range read.Stack.Services {
		was := stack.Services[name]
		if (svc.Command == nil) != (was.Command == nil) || (svc.Entrypoint == nil) != (was.Entrypoint == nil) {
			t.Errorf("%s has lost its command, or got one", name)
		}
		if got, want := read.Stack.At("services", name, "ports"), stack.At("services", name, "ports"); got != want {
			t.Errorf("the ports of %s are at %v, want %v", name, got, want)
		}
	}
}

// What is no record is refused in clear words.
func TestDecodeRefuses(t *testing.T) {
	_, whole := again(t, &Record{Tool: "9.9", Stack: load(t, "../../testdata/shop")})
	for name, test := range map[string]struct{ text, want string }{
		"nothing":             {"", "no record of why502"},
		"another text":        {"services: {}", "no record of why502"},
		"another document":    {`{"version": 1}`, "no record of why502"},
		"a list":              {`[]`, "no record of why502"},
		"a later version":     {`{"why502": 2, "tool": "9.9"}`, "made by why502 9.9, which is newer"},
		"no content":          {`{"why502": 1, "objects": []}`, "it is empty"},
		"no project":          {`{"why502": 1, "objects": [{}]}`, "no project"},
		"cut off":             {whole[:len(whole)/2], "no record of why502"},
		"what is not known":   {`{"why502": 1, "tool": "9.9", "objects": [{"Moon": 1}]}`, `why502 9.9 made it): object 0: "Moon" is not known`},
		"several unknown":     {`{"why502": 1, "objects": [{"Sun": 1, "Moon": 1, "Venus": 1, "Mars": 1}, {"Stack": 0}]}`, `"Mars" is not known`},
		"a list of nothing":   {`{"why502": 1, "objects": [{}, {"Stack": 0, "Places": {"Trees": [null]}}]}`, "nothing where something is listed"},
		"a loop":              {`{"why502": 1, "objects": [{}, {"Stack": 1}]}`, "refers to object 1"},
		"an index below zero": {`{"why502": 1, "objects": [{}, {"Stack": -1}]}`, "refers to object -1"},
		"a lone object":       {`{"why502": 1, "objects": [{}, {}]}`, "nothing refers to object 0"},
		"two types":           {`{"why502": 1, "objects": [{}, {"Stack": 0, "Snapshot": 0}]}`, "referred to as a"},
		"another type":        {`{"why502": 1, "objects": [{"Name": 5}, {"Stack": 0}]}`, "Name"},
		"too deep":            {deep(), "lies too deep"},
	} {
		if _, err := Decode([]byte(test.text)); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", name, err, test.want)
		}
	}
}

// deep is a record with a longer chain than anybody's files have.
func deep() string {
	var b strings.Builder
	b.WriteString(`{"why502": 1, "objects": [{}`)
	for i := range 300 {
		b.WriteString(`, {"Items": [` + string(must(json.Marshal(i))) + `]}`)
	}
	b.WriteString(`, {"Places": {"Trees": [300]}}]}`)
	return b.String()
}

func must[T any](v T, _ error) T { return v }

// A record that was changed is refused, or judged without harm.
func FuzzDecode(f *testing.F) {
	for _, dir := range []string{"../../testdata/shop", "../../testdata/upstream-paused", "../../testdata/default-conf-shadows"} {
		stack := load(f, dir)
		_, text := again(f, &Record{Stack: stack, Snapshot: seen(stack)})
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if r, err := Decode(text); err == nil {
			judged(t, r)
		}
	})
}

// changes are records of which one value is another.
func changes(t testing.TB, text string, try func(path string, text []byte)) {
	var doc map[string]any
	if err := json.Unmarshal([]byte(text), &doc); err != nil {
		t.Fatal(err)
	}
	var walk func(path string, in any)
	change := func(path string, put func(any), was any) {
		for _, other := range []any{nil, -1.0, 1e9, 0.0, 3.0, "", "x", "running", true, []any{}, map[string]any{}} {
			put(other)
			try(fmt.Sprintf("%s: %v instead of %v", path, other, was), must(json.Marshal(doc)))
		}
		put(was)
		walk(path, was)
	}
	walk = func(path string, in any) {
		switch in := in.(type) {
		case map[string]any:
			for name, was := range in {
				change(path+"."+name, func(v any) { in[name] = v }, was)
			}
		case []any:
			for i, was := range in {
				change(fmt.Sprintf("%s[%d]", path, i), func(v any) { in[i] = v }, was)
			}
		}
	}
	walk("", doc["objects"])
}

// A record in which something was changed is refused, or judged without harm.
func TestDecodeChanged(t *testing.T) {
	stack := load(t, "../../testdata/default-conf-shadows")
	_, text := again(t, &Record{Stack: stack, Snapshot: seen(stack)})
	random := rand.New(rand.NewPCG(1, 2))
	changes(t, text, func(path string, text []byte) {
		if random.IntN(8) != 0 && !testing.Verbose() {
			return
		}
		defer func() {
			if p := recover(); p != nil {
				t.Errorf("%s: %v\n%s", path, p, debug.Stack())
			}
		}()
		if r, err := Decode(text); err == nil {
			judged(t, r)
		}
	})
}

// What the daemon said has no credentials in a record, those that the files know among them.
func TestRecordedSnapshotHasNoCredentials(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"compose.yaml": "services:\n  edge: {image: nginx, volumes: ['./nginx.conf:/etc/nginx/nginx.conf']}\n  api: {image: x, environment: {SECRET_KEY: planted-0}}\n",
		"nginx.conf":   "events {}\nhttp { server { location / { proxy_pass http://api; } } }\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	s := inspect.NewSnapshot(time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC))
	s.Project = []string{"api"}
	s.Containers["api"] = &inspect.Container{ID: "api", HealthOutput: "curl -u user:planted-1 http://x\nset-cookie: id=planted-2", Error: "exec: --token=planted-3", Image: "user:planted-4@registry/x"}
	for _, line := range []string{
		"started with planted-0", "connect to postgres://user:planted-5@db/x", "DB_PASSWORD=planted-6 refused", `{"password":"planted-7"}`,
		"GET /login?token=planted-8 HTTP/1.1", "Authorization: Bearer planted9planted9", "-----BEGIN RSA PRIVATE KEY-----", "planted10", "-----END RSA PRIVATE KEY-----", "ready",
	} {
		s.Logs["api"] = append(s.Logs["api"], inspect.LogLine{Time: s.Time, Text: line})
	}
	s.Processes["api"] = []inspect.Process{{PID: 1, Command: "redis-server --requirepass planted-11"}}
	file := inspect.Question{Kind: inspect.AskFile, Of: "api", Path: "/etc/nginx/nginx.conf"}
	s.Files[file] = &inspect.File{Text: "http {\n proxy_set_header X-Api-Key planted-12;\n proxy_pass http://user:planted-13@api;\n}"}
	call := inspect.Question{Kind: inspect.AskCall, Of: "api", Call: inspect.Call{Host: "api", Path: "/?access_token=planted-14"}}
	s.Replies[call] = &inspect.Reply{Talk: inspect.Talk{Banner: "password: planted-15"}}
	s.Failed[call] = "GET http://user:planted-16@daemon/"
	read, text := again(t, &Record{Live: inspect.Live{Note: "token=planted-17", Daemon: inspect.Daemon{Endpoint: "tcp://user:planted-18@daemon"}}, Stack: load(t, dir), Snapshot: s})
	if at := strings.Index(text, "planted"); at >= 0 {
		t.Errorf("a credential is recorded: …%.100s", text[max(0, at-50):])
	}
	if logs := read.Snapshot.Logs["api"]; len(logs) != 10 || logs[0].Text != "started with ***" || logs[9].Text != "ready" {
		t.Errorf("the log is %v", logs)
	}
	if got := strings.Count(read.Snapshot.Files[file].Text, "\n"); got != 3 {
		t.Errorf("a file of 4 lines has %d line ends", got)
	}
}
