package live

import (
	"archive/tar"
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"why502/inspect"
)

// tarred is an archive of these files: a name that ends in / is a directory, a text that begins with ->
// is a link.
func tarred(t *testing.T, files ...[2]string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, f := range files {
		h := &tar.Header{Name: f[0], Mode: 0o644, Typeflag: tar.TypeReg, Size: int64(len(f[1])), ModTime: time.Unix(1000, 0)}
		if strings.HasSuffix(f[0], "/") {
			h.Typeflag = tar.TypeDir
		}
		if to, ok := strings.CutPrefix(f[1], "->"); ok {
			h.Typeflag, h.Linkname, h.Size, f[1] = tar.TypeSymlink, to, 0, ""
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		io.WriteString(w, f[1])
	}
	w.Close()
	return b.Bytes()
}

// archive answers GET with an archive, and HEAD and GET with what the daemon says of the file.
func archive(raw []byte, stat string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Docker-Container-Path-Stat", base64.StdEncoding.EncodeToString([]byte(stat)))
		w.Header().Set("Content-Type", "application/x-tar")
		if r.Method == http.MethodGet {
			w.Write(raw)
		}
	}
}

// box is what inspect says of the container aaa: with these mounts, and what its HostConfig has besides.
// It names a file that the daemon keeps of it, by which it is known to be of this machine.
func box(kept, mounts, host string) http.HandlerFunc {
	return text(fmt.Sprintf(`{"Id": "aaa", "Name": "/edge", "HostnamePath": %q, "State": {}, "Config": {}, "Mounts": [%s], "HostConfig": {%s}, "NetworkSettings": {}}`, kept, mounts, host))
}

// asks asks the daemon one question.
func asks(t *testing.T, e *engine, q inspect.Question) (*inspect.Snapshot, string) {
	t.Helper()
	d := connected(t, e)
	snap := inspect.NewSnapshot(time.Time{})
	if err := d.fill(t.Context(), snap, shop, []inspect.Question{q}); err != nil {
		t.Fatal(err)
	}
	return snap, snap.Failed[q]
}

func connected(t *testing.T, e *engine) *daemon {
	t.Helper()
	where, err := resolve(e.env())
	if err != nil {
		t.Fatal(err)
	}
	d, err := connect(t.Context(), where, "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.close)
	return d
}

// archives are the requests for archives that the daemon got.
func (e *engine) archives() (n int) {
	for _, r := range e.asked() {
		if strings.Contains(r, "/archive") {
			n++
		}
	}
	return n
}

func TestTree(t *testing.T) {
	raw := tarred(t,
		[2]string{"nginx/"}, [2]string{"nginx/nginx.conf", "events {}"}, [2]string{"nginx/conf.d/"}, [2]string{"nginx/conf.d/a.conf", "server {}"},
		[2]string{"nginx/modules", "->/usr/lib/nginx/modules"}, [2]string{"nginx/site", "->conf.d/a.conf"},
		[2]string{"nginx/tls/shop.key", "secret"}, [2]string{"nginx/tls/odd", "-----BEGIN PRIVATE KEY-----"}, [2]string{"nginx/geo.dat", "a\x00b"},
		[2]string{"nginx/../../etc/passwd", "root"},
	)
	e := startEngine(t, map[string]http.HandlerFunc{
		"/containers/aaa/json":    box("", "", ""),
		"/containers/aaa/archive": archive(raw, `{"name": "nginx", "mode": 2147484141}`),
	})
	q := inspect.Question{Kind: inspect.AskFile, Of: "aaa", Path: "/etc/nginx/"}
	snap, failed := asks(t, e, q)
	if failed != "" {
		t.Fatal(failed)
	}
	got := map[string]string{}
	for at, f := range snap.Files[q].Tree {
		got[at] = strings.TrimSpace(f.Text + " " + f.Link + f.Unread)
		if f.Dir {
			got[at] = "dir"
		}
	}
	want := map[string]string{
		"/etc/nginx/nginx.conf": "events {}", "/etc/nginx/conf.d": "dir", "/etc/nginx/conf.d/a.conf": "server {}",
		"/etc/nginx/modules": "/usr/lib/nginx/modules", "/etc/nginx/site": "/etc/nginx/conf.d/a.conf",
		"/etc/nginx/tls/shop.key": "it may be a key", "/etc/nginx/tls/odd": "it is a key", "/etc/nginx/geo.dat": "it is no text",
		"/etc/etc/passwd": "root", // it stays below: names are never used as paths here
	}
	if !reflect.DeepEqual(got, want) || !snap.Files[q].Dir || snap.Files[q].Unread != "" {
		t.Errorf("got %q, want %q", got, want)
	}
}

// What is cut off is said to be cut off.
func TestTreeInPart(t *testing.T) {
	raw := tarred(t, [2]string{"nginx/"}, [2]string{"nginx/nginx.conf", strings.Repeat("#", 2000)})
	f := untar(bytes.NewReader(raw[:1200]), "/etc/nginx")
	if f.Unread == "" {
		t.Errorf("got %+v", f)
	}
	var many [][2]string
	for i := range maxEntries + 2 {
		many = append(many, [2]string{fmt.Sprintf("nginx/%d", i), ""})
	}
	if f = untar(bytes.NewReader(tarred(t, many...)), "/etc/nginx"); !strings.Contains(f.Unread, "more than") || len(f.Tree) != maxEntries {
		t.Errorf("%d files, %q", len(f.Tree), f.Unread)
	}
}

func TestState(t *testing.T) {
	for name, test := range map[string]struct {
		answer http.HandlerFunc
		want   *inspect.File
	}{
		"a file":    {archive(nil, `{"name": "x", "size": 12, "mode": 420, "mtime": "2026-11-21T13:09:25Z"}`), &inspect.File{Size: 12, Mode: 0o644, Modified: time.Date(2026, 11, 21, 13, 9, 25, 0, time.UTC)}},
		"a socket":  {archive(nil, `{"name": "x", "mode": 16777648}`), &inspect.File{Socket: true, Mode: 0o660}},
		"a link":    {archive(nil, `{"name": "x", "mode": 134218239, "linkTarget": "/etc/certs/x.pem"}`), &inspect.File{Link: "/etc/certs/x.pem", Mode: 0o777}},
		"not there": {status(404, "Could not find the file /x in container aaa"), nil},
	} {
		e := startEngine(t, map[string]http.HandlerFunc{"/containers/aaa/json": box("", "", ""), "/containers/aaa/archive": test.answer})
		q := inspect.Question{Kind: inspect.AskFile, Of: "aaa", Path: "/x"}
		snap, failed := asks(t, e, q)
		if got, asked := snap.Files[q]; failed != "" || !asked || !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s: got %+v, want %+v, %s", name, got, test.want, failed)
		}
	}
}

// An archive has the daemon make what is missing at the source of a bind mount, and shows nothing that
// is in memory: then none is asked for.
func TestNoArchive(t *testing.T) {
	dir := t.TempDir()
	kept, there, missing := filepath.Join(dir, "aaa"), filepath.Join(dir, "there"), filepath.Join(dir, "missing")
	for _, name := range []string{kept, there} {
		if err := os.WriteFile(name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	bind := func(source string) string {
		return fmt.Sprintf(`{"Type": "bind", "Source": %q, "Destination": "/conf"}`, source)
	}
	for name, test := range map[string]struct {
		box  http.HandlerFunc
		want string // why it failed; empty: it was asked for
	}{
		"nothing is mounted":                 {box("", "", ""), ""},
		"a volume":                           {box("", `{"Type": "volume", "Name": "v", "Source": "/var/lib/docker/volumes/v/_data", "Destination": "/data"}`, ""), ""},
		"a source that is there":             {box(kept, bind(there), ""), ""},
		"a source that is missing":           {box(kept, bind(missing), ""), "which is not there"},
		"one that only HostConfig has":       {box(kept, "", fmt.Sprintf(`"Binds": ["%s:/conf:ro"]`, missing)), "which is not there"},
		"one of the long syntax":             {box(kept, "", fmt.Sprintf(`"Mounts": [{"Type": "bind", "Source": %q, "Target": "/conf"}]`, missing)), "which is not there"},
		"a source that cannot be looked for": {box("", bind(there), ""), "cannot be seen from here"},
		"in memory":                          {box("", "", `"Tmpfs": {"/etc/nginx": ""}`), "in memory"},
		"around it in memory":                {box("", `{"Type": "tmpfs", "Destination": "/etc"}`, ""), "in memory"},
		"elsewhere in memory":                {box("", "", `"Tmpfs": {"/run": ""}`), ""},
	} {
		e := startEngine(t, map[string]http.HandlerFunc{
			"/containers/aaa/json":    test.box,
			"/containers/aaa/archive": archive(tarred(t, [2]string{"nginx/"}), `{"name": "nginx"}`),
		})
		_, failed := asks(t, e, inspect.Question{Kind: inspect.AskFile, Of: "aaa", Path: "/etc/nginx/"})
		if test.want == "" && (failed != "" || e.archives() != 1) || test.want != "" && (!strings.Contains(failed, test.want) || e.archives() != 0) {
			t.Errorf("%s: %d archives, failed with %q", name, e.archives(), failed)
		}
	}
	if _, err := os.Lstat(missing); err == nil {
		t.Error("the missing source was made")
	}
}

// What a bind mount brings is read from where it comes from, and no link leads out of there.
func TestHostFile(t *testing.T) {
	dir := t.TempDir()
	kept := filepath.Join(dir, "aaa")
	for name, text := range map[string]string{"aaa": "", "secret": "x", "conf/site.conf": "server {}"} {
		os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700)
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	os.Symlink("../secret", filepath.Join(dir, "conf", "out"))
	os.Symlink("site.conf", filepath.Join(dir, "conf", "in"))
	e := startEngine(t, map[string]http.HandlerFunc{
		"/containers/aaa/json": box(kept, fmt.Sprintf(`{"Type": "bind", "Source": %q, "Destination": "/conf"}`, filepath.Join(dir, "conf")), ""),
	})
	for at, want := range map[string]string{
		"/conf/site.conf": "server {}", "/conf/out": "-> /secret", "/conf/in": "-> /conf/site.conf", "/conf/none": "nothing",
	} {
		q := inspect.Question{Kind: inspect.AskFile, Of: "aaa", Path: at, Text: true}
		snap, failed := asks(t, e, q)
		got := "nothing"
		if f := snap.Files[q]; f != nil && f.Link != "" {
			got = "-> " + f.Link
		} else if f != nil {
			got = f.Text
		}
		if got != want || failed != "" {
			t.Errorf("%s: got %q, want %q; %s", at, got, want, failed)
		}
	}
	if e.archives() != 0 {
		t.Error("an archive was asked for")
	}
}

func TestProcesses(t *testing.T) {
	date := time.Date(2026, 11, 21, 13, 0, 0, 0, time.UTC)
	dated := func(answer http.HandlerFunc) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Date", date.Format(http.TimeFormat))
			answer(w, r)
		}
	}
	q := inspect.Question{Kind: inspect.AskProcesses, Of: "aaa"}
	for name, test := range map[string]struct {
		answer http.HandlerFunc
		want   []inspect.Process
		failed string
	}{
		"workers": {text(`{"Titles": ["PID", "PPID", "ELAPSED", "COMMAND"], "Processes": [["15301", "14284", "345", "nginx: worker process"], ["x"], ["1", "2", "y", "z"]]}`),
			[]inspect.Process{{PID: 15301, Parent: 14284, Started: date.Add(-345 * time.Second), Command: "nginx: worker process"}}, ""},
		"credentials":       {text(`{"Titles": ["PID", "PPID", "ELAPSED", "COMMAND"], "Processes": [["1", "0", "0", "app --password=hidden\u001b[2J"]]}`), []inspect.Process{{PID: 1, Started: date, Command: "app --password=***"}}, ""},
		"another ps":        {text(`{"Titles": ["PID", "USER", "COMMAND"], "Processes": [["1", "root", "nginx"]]}`), []inspect.Process{}, ""},
		"a ps of busybox":   {status(500, "ps: bad -o argument 'etimes'"), []inspect.Process{}, ""},
		"it does not run":   {status(409, "container aaa is not running"), nil, "is not running"},
		"it is not allowed": {status(403, "no"), nil, "403"},
	} {
		e := startEngine(t, map[string]http.HandlerFunc{"/containers/aaa/top": dated(test.answer)})
		snap, failed := asks(t, e, q)
		if got := snap.Processes["aaa"]; !reflect.DeepEqual(got, test.want) || !strings.Contains(failed, test.failed) || test.failed == "" && failed != "" {
			t.Errorf("%s: got %+v, failed with %q", name, got, failed)
		}
	}
}
