package live

import (
	"slices"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
)

var (
	mine   = strings.Repeat("1a", 32)
	others = strings.Repeat("2b", 32)
)

// TestOwnIDs reads what a container shows of its id: none on a machine that is none, however it is called.
func TestOwnIDs(t *testing.T) {
	const work = "94 76 254:0 /home/u/my\\040shop /work ro,relatime - ext4 /dev/vda rw\n"
	hosts := "96 76 254:0 /var/lib/docker/containers/" + mine + "/hosts /etc/hosts rw - ext4 /dev/vda rw\n"
	for _, c := range []struct {
		name, mountinfo, cgroup, host string
		want                          []string
	}{
		{"a machine", "26 1 254:0 / / rw - ext4 /dev/vda rw\n", "0::/\n", mine[:12], nil},
		{"cgroup 2", work + hosts, "0::/\n", mine[:12], []string{mine, mine[:12]}},
		{"cgroup 1", work, "8:pids:/docker/" + others + "/docker/" + mine + "\n", "shop", []string{mine}},
		{"the network of another", work + strings.ReplaceAll(hosts, mine, others), "0::/\n", mine[:12], []string{others, mine[:12]}},
		{"podman", strings.ReplaceAll(hosts, "/hosts /etc", "/userdata/hosts /etc"), "0::/\n", "shop", []string{mine}},
	} {
		mounts := mountPoints([]byte(c.mountinfo))
		if got := ownIDs(mounts, c.cgroup, c.host); !slices.Equal(got, c.want) {
			t.Errorf("%s: the ids are %q, want %q", c.name, got, c.want)
		}
		if strings.Contains(c.mountinfo, work) && mounts["/work"] != "/home/u/my shop" {
			t.Errorf("%s: the mounts are %q", c.name, mounts)
		}
	}
}

// TestIsSelf tells this container from another that is like it.
func TestIsSelf(t *testing.T) {
	own := self{
		mounts:  map[string]string{"/": "/", "/work": "/u/shop", "/etc/hosts": "/x/hosts"},
		command: "/sbin/docker-init\x00--\x00/why502\x00-q\x00",
	}
	bind := func(source, target string) container.MountPoint {
		return container.MountPoint{Type: mount.TypeBind, Source: source, Destination: target}
	}
	for _, c := range []struct {
		name   string
		mounts []container.MountPoint
		args   []string
		want   bool
	}{
		{"itself", []container.MountPoint{bind("/home/u/shop", "/work")}, []string{"-q"}, true},
		{"itself, by a link", []container.MountPoint{bind("/home/u/current", "/work/")}, []string{"-q"}, true},
		{"itself, whose command changed its title", []container.MountPoint{bind("/home/u/shop", "/work")}, []string{"-v"}, true},
		{"another project", []container.MountPoint{bind("/home/u/blog", "/work")}, []string{"-v"}, false},
		{"another mount", []container.MountPoint{bind("/home/u/shop", "/data")}, []string{"-q"}, false},
		{"nothing mounted", nil, []string{"-v"}, false},
	} {
		seen := container.InspectResponse{
			ContainerJSONBase: &container.ContainerJSONBase{Path: "/why502", Args: c.args, State: &container.State{Running: true}},
			Mounts:            c.mounts,
		}
		if got := own.is(seen); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

// An init that was told to start this program starts nothing else; a shell does.
func TestStartsOnly(t *testing.T) {
	const program = "/why502\x00-q\x00"
	for init, want := range map[string]bool{
		"/sbin/docker-init\x00--\x00/why502\x00-q\x00": true,
		"sh\x00-c\x00dockerd & /why502 -q; :\x00":      false,
		"sh\x00": false,
		"":       false,
	} {
		if got := startsOnly([]byte(init), []byte(program)); got != want {
			t.Errorf("%q: %v", init, got)
		}
	}
}
