package compose

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestUnreadable(t *testing.T) {
	const image, build = "image: nginx, ", "build: {context: ., dockerfile_inline: \"FROM nginx\\nUSER 4242:4242\"}, "
	for name, test := range map[string]struct {
		service    string
		dir, file  fs.FileMode
		want       string // what is closed, and to whom
		ownerGroup bool   // the service's user has the file's group
	}{
		"root":                     {image, 0o700, 0o600, "", false},
		"another user":             {image + "user: '4242', ", 0o755, 0o600, "conf/site.conf 4242", false},
		"by USER":                  {build, 0o755, 0o600, "conf/site.conf 4242", false},
		"by name":                  {image + "user: nginx, ", 0o755, 0o600, "conf/site.conf 101", false},
		"of the unprivileged one":  {"image: nginxinc/nginx-unprivileged, ", 0o755, 0o600, "conf/site.conf 101", false},
		"readable by all":          {image + "user: '4242', ", 0o755, 0o644, "", false},
		"but not by its group":     {image + "user: '4242:GROUP', ", 0o755, 0o604, "conf/site.conf 4242", true},
		"readable by its group":    {image + "user: '4242:GROUP', ", 0o750, 0o640, "", true},
		"in a closed directory":    {image + "user: '4242', ", 0o700, 0o644, "conf 4242", false},
		"who may have more groups": {image + "user: '4242', group_add: [video], ", 0o755, 0o600, "", false},
		"who is not known":         {image + "user: app, ", 0o755, 0o600, "", false},
		"of another image":         {"image: openresty/openresty, ", 0o755, 0o600, "", false},
	} {
		s := load(t, map[string]string{
			"compose.yaml":   "services:\n  edge: {" + strings.ReplaceAll(test.service, "GROUP", fmt.Sprint(os.Getgid())) + "volumes: ['./conf:/etc/nginx/conf.d']}\n",
			"conf/site.conf": "server { location / { proxy_pass http://api; } }\n",
		})
		file := filepath.Join(s.Directory, "conf/site.conf")
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		if _, gid, known := owner(info); !known || test.ownerGroup && gid != os.Getgid() {
			t.Skip("the owners of files are not known")
		}
		p := s.readProxy(s.Services["edge"], "image")
		os.Chmod(file, test.file)
		os.Chmod(filepath.Dir(file), test.dir)
		got := ""
		user, all := unreadable(p, s.container(p.Service))
		for _, u := range all {
			got = s.name(u.Source) + " " + user
		}
		if got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

// Root reads what is closed, unless it was told not to.
func TestBound(t *testing.T) {
	for lines, want := range map[string]bool{
		"":                                   false,
		"    cap_drop: [NET_RAW]\n":          false,
		"    cap_drop: [ALL]\n":              true,
		"    cap_drop: [cap_dac_override]\n": true,
		"    cap_drop: [ALL]\n    cap_add: [DAC_OVERRIDE]\n": false,
		"    cap_drop: [ALL]\n    privileged: true\n":        false,
	} {
		if got := lowered(t, lines).Bound; got != want {
			t.Errorf("%q: %v, want %v", lines, got, want)
		}
	}
}
