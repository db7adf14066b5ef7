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
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/container"

	"why502/compose"
	"why502/inspect"
)

// A log without end is read as far as its last lines may need, and asked for again when it is longer.
func TestEndlessLog(t *testing.T) {
	line := frame(2, "2026-11-21T13:09:25.968444788Z "+strings.Repeat("x", 4000)+"\n")
	var tails []string
	e := startEngine(t, map[string]http.HandlerFunc{
		"/containers/json":     text(`[{"Id": "aaa"}]`),
		"/containers/aaa/json": text(apiContainer),
		"/containers/aaa/logs": func(w http.ResponseWriter, r *http.Request) {
			tails = append(tails, r.FormValue("tail"))
			for r.Context().Err() == nil {
				if _, err := fmt.Fprint(w, line); err != nil {
					return
				}
			}
		},
	})
	ask := func(stack *compose.Stack, snap *inspect.Snapshot) []inspect.Question {
		if snap.Project == nil {
			return askProject(stack, snap)
		}
		if snap.Logs["aaa"] != nil {
			return nil
		}
		return []inspect.Question{{Kind: inspect.AskLog, Of: "aaa", Most: 5000}}
	}
	snap, err := observeWith(t, e.env(), ask, shop)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(snap.Logs["aaa"]); n != fewLines || !reflect.DeepEqual(tails, []string{"5000", "200"}) {
		t.Errorf("%d lines, asked for %v", n, tails)
	}
}

// Long lines come in pieces, each with the daemon's time.
func TestStamped(t *testing.T) {
	const at = "2026-11-21T13:09:25.968444788Z "
	got := stamped([]byte(frame(2, at+"be")+frame(1, at+"other\n")+frame(2, at+"gun\n")+frame(1, "no time\n")+frame(1, "\n")), 100)
	var texts []string
	for _, l := range got {
		texts = append(texts, fmt.Sprintf("%s %v", l.Text, l.Time.IsZero()))
	}
	if want := []string{"other false", "begun false", "no time true", " true"}; !reflect.DeepEqual(texts, want) {
		t.Errorf("got %q, want %q", texts, want)
	}
	raw := at + "a terminal\r\n" + at + "\x1b[31m2026/11/21 [error]\x1b[0m\r\n"
	if got := stamped([]byte(at+"left out\n"+raw), 2); len(got) != 2 || got[1].Text != "2026/11/21 [error]" || got[1].Time.IsZero() {
		t.Errorf("got %q", got)
	}
}

func TestSourceOf(t *testing.T) {
	mounts := []container.MountPoint{
		{Type: "bind", Source: "/srv/log", Destination: "/var/log/nginx"}, {Type: "bind", Source: "/srv/e.log", Destination: "/var/log/nginx/error.log"},
		{Type: "volume", Source: "/var/lib/docker/x", Destination: "/data/"}, {Type: "bind", Source: "/srv", Destination: "/"},
	}
	for path, want := range map[string]string{
		"/var/log/nginx/access.log": "/srv/log access.log true",
		"/var/log/nginx/error.log":  "/srv/e.log  true",
		"/var/log/nginxx/a":         "/srv var/log/nginxx/a true",
		"/data/x":                   "/var/lib/docker/x x false",
	} {
		source, rest, ok := sourceOf(mounts, path)
		if got := fmt.Sprint(source, " ", rest, " ", ok); got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
	if _, _, ok := sourceOf(nil, "/x"); ok {
		t.Error("a path on no mount has a source")
	}
}

func TestReadEnd(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no pipes and links there")
	}
	outside, dir := t.TempDir(), t.TempDir()
	put := func(name, text string) {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put(filepath.Join(outside, "secret"), "secret")
	put(filepath.Join(dir, "error.log"), "one\ntwo\n")
	put(filepath.Join(dir, "large"), strings.Repeat("0123456789abcde\n", maxTail/8))
	link := func(to, name string) {
		if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	link(filepath.Join(outside, "secret"), "out")
	link("error.log", "within")
	link("/dev/stderr", "output")
	pipe(t, filepath.Join(dir, "pipe"))
	for name, want := range map[string]int{"error.log": 8, "within": 8, "output": 0, "large": maxTail, "out": -1, "pipe": -1, "": -1, "none": -1} {
		raw, err := readEnd(dir, name)
		if got := len(raw); err == nil != (want >= 0) || err == nil && got != want {
			t.Errorf("%q: %d bytes, %v; want %d", name, got, err, want)
		}
	}
	if raw, err := readEnd(filepath.Join(dir, "error.log"), ""); err != nil || string(raw) != "one\ntwo\n" {
		t.Errorf("a mounted file: %q, %v", raw, err)
	}
}

// tarOf is an archive of one file.
func tarOf(name, text string) string {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(text)), Typeflag: tar.TypeReg})
	io.WriteString(w, text)
	w.Close()
	return b.String()
}

// A log in a volume comes by the archive API, if it is not too large.
func TestTailOfAVolume(t *testing.T) {
	const volume = `{"Id": "aaa", "State": {}, "Config": {}, "HostConfig": {}, "NetworkSettings": {}, "Mounts": [{"Type": "volume", "Source": "/var/lib/docker/volumes/x/_data", "Destination": "/var/log/nginx"}]}`
	const bind = `{"Id": "aaa", "State": {}, "Config": {}, "HostConfig": {}, "NetworkSettings": {}, "Mounts": [{"Type": "bind", "Source": "/nowhere/log", "Destination": "/var/log/nginx"}]}`
	for name, test := range map[string]struct {
		container, stat string
		want            []string
		failed          string
	}{
		"a file":        {volume, `{"name": "error.log", "size": 8, "mode": 420}`, []string{"one", "two"}, ""},
		"the output":    {volume, `{"name": "error.log", "size": 8, "mode": 134218239, "linkTarget": "/proc/self/fd/2"}`, []string{}, ""},
		"too large":     {volume, `{"name": "error.log", "size": 1000000000, "mode": 420}`, nil, "953 MB"},
		"a directory":   {volume, `{"name": "error.log", "size": 8, "mode": 2147484141}`, nil, "no regular file"},
		"not there":     {volume, ``, nil, ""},
		"on their side": {bind, `{"name": "error.log", "size": 8, "mode": 420}`, nil, "/nowhere/log"},
	} {
		e := startEngine(t, map[string]http.HandlerFunc{
			"/containers/json":     text(`[{"Id": "aaa"}]`),
			"/containers/aaa/json": text(test.container),
			"/containers/aaa/archive": func(w http.ResponseWriter, r *http.Request) {
				if test.stat == "" {
					status(404, "no such file")(w, r)
					return
				}
				w.Header().Set("X-Docker-Container-Path-Stat", base64.StdEncoding.EncodeToString([]byte(test.stat)))
				if r.Method == http.MethodGet {
					fmt.Fprint(w, tarOf("error.log", "one\ntwo\n"))
				}
			},
		})
		q := inspect.Question{Kind: inspect.AskTail, Of: "aaa", Path: "/var/log/nginx/error.log"}
		snap, err := observeWith(t, e.env(), func(stack *compose.Stack, snap *inspect.Snapshot) []inspect.Question {
			_, known := snap.Tails[q]
			switch {
			case snap.Project == nil:
				return askProject(stack, snap)
			case known || snap.Failed[q] != "":
				return nil
			}
			return []inspect.Question{q}
		}, shop)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, l := range snap.Tails[q] {
			got = append(got, l.Text)
		}
		if !slices.Equal(got, test.want) || (snap.Tails[q] == nil) != (test.want == nil) || !strings.Contains(snap.Failed[q], test.failed) || (snap.Failed[q] == "") != (test.failed == "") {
			t.Errorf("%s: got %q, failed %q", name, got, snap.Failed[q])
		}
	}
}

// sparse is an archive of a file of which only the first byte was written: a terabyte of zeros follows.
func sparse(t *testing.T) []byte {
	t.Helper()
	about := ""
	for _, record := range []string{"major=0", "minor=1", "size=1099511627776", "numblocks=1", "map=0,1"} {
		record = " GNU.sparse." + record + "\n"
		about += strconv.Itoa(len(record)+2) + record
	}
	raw := []byte(tarOf("about", about) + tarOf("error.log", "x"))
	header := raw[:512]
	header[156] = 'x'   // the records are about the next file (pax(1))
	sum := 8 * int(' ') // in the place of the sum itself
	for i, c := range header {
		if i < 148 || i >= 156 {
			sum += int(c)
		}
	}
	copy(header[148:], fmt.Sprintf("%06o\x00 ", sum))
	return slices.Concat(raw[:1024], raw[2048:]) // without the first archive's end
}

// A file that is larger than what is sent of it is not read without end.
func TestSparse(t *testing.T) {
	raw := sparse(t)
	if header, err := tar.NewReader(bytes.NewReader(raw)).Next(); err != nil || header.Size != 1<<40 {
		t.Fatalf("the archive is not what it should be: %v, %v", header, err)
	}
	e := startEngine(t, map[string]http.HandlerFunc{
		"/containers/aaa/json":    box("", "", ""),
		"/containers/aaa/archive": archive(raw, `{"name": "error.log", "size": 1, "mode": 420}`),
	})
	for _, q := range []inspect.Question{{Kind: inspect.AskTail, Of: "aaa", Path: "/error.log"}, {Kind: inspect.AskFile, Of: "aaa", Path: "/error.log", Text: true}} {
		snap, failed := asks(t, e, q)
		lines, file := snap.Tails[q], snap.Files[q]
		if failed != "" || len(lines) > 1 || file != nil && (file.Text != "" || file.Unread == "") {
			t.Errorf("%s: failed with %q, %d lines, %v", q.Kind, failed, len(lines), file)
		}
	}
}
