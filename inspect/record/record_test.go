package record

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"path/filepath"
	"reflect"
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
		s.Logs[name] = []string{`2026/11/22 11:00:00 [emerg] 1#1: host not found in upstream "` + name + `" in /etc/nginx/conf.d/default.conf:3`}
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
		a, _ := json.Marshal(got)
		b, _ := json.Marshal(want)
		t.Errorf("got\n%s\nwant\n%s", a, b)
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
