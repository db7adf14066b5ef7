package live

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/docker/docker/api/types/container"

	"why502/compose"
)

// self is what the kernel shows of the container that this process is in.
type self struct {
	ids     []string          // that it may have, the likeliest first
	mounts  map[string]string // by their point in the container, what the kernel says is there: a path in some file system
	command string            // of its main process, the words ended by zeros
	main    bool              // this is its main process, or what its init started
}

// View finds the container that this process is in, and what that mounts of the machine. Outside of one, and where
// the project is the container's own, it is empty. Where the daemon does not know the container, or is not
// asked, the mounts are those that the kernel shows, if there is nothing but this program in it.
func View(ctx context.Context, env []string, ask bool) compose.View {
	own := lookAround()
	if len(own.ids) == 0 {
		return compose.View{}
	}
	if ask {
		if view, ok := own.known(ctx, env); ok {
			view.Alone = own.main
			return view
		}
	}
	if !own.main {
		return compose.View{} // someone works in it, with its own files
	}
	return own.seen()
}

// lookAround reads /proc. Where there is none, as outside of Linux, this is no container.
func lookAround() self {
	mountinfo, _ := readSome("/proc/self/mountinfo")
	cgroup, _ := readSome("/proc/self/cgroup")
	command, _ := readSome("/proc/1/cmdline")
	words, _ := readSome("/proc/self/cmdline")
	host, _ := os.Hostname()
	mounts := mountPoints(mountinfo)
	return self{
		ids:     ownIDs(mounts, string(cgroup), host),
		mounts:  mounts,
		command: string(command),
		main:    os.Getpid() == 1 || os.Getppid() == 1 && startsOnly(command, words),
	}
}

// startsOnly says whether the main process of a container is an init that was told to start just one program; a shell
// starts others too. Both command lines have their words ended by zeros.
func startsOnly(init, program []byte) bool {
	return len(program) > 0 && bytes.HasSuffix(init, append([]byte{0}, program...))
}

// mountPoints reads proc(5)'s mountinfo: what is mounted where.
func mountPoints(mountinfo []byte) map[string]string {
	all := map[string]string{}
	for line := range bytes.Lines(mountinfo) {
		if fields := strings.Fields(string(line)); len(fields) > 4 {
			all[unescape(fields[4])] = unescape(fields[3])
		}
	}
	return all
}

var octal = regexp.MustCompile(`\\[0-7]{3}`)

// unescape undoes what mountinfo does to blanks and the like: \040.
func unescape(name string) string {
	return octal.ReplaceAllStringFunc(name, func(code string) string {
		n, err := strconv.ParseUint(code[1:], 8, 8)
		if err != nil {
			return code
		}
		return string([]byte{byte(n)})
	})
}

// given are files that engines mount into each container, from a directory that is named after it; after
// another one, where they share a network.
var given = []string{"/etc/hostname", "/etc/hosts", "/etc/resolv.conf"}

var (
	fullID  = regexp.MustCompile(`[0-9a-f]{64}`)
	shortID = regexp.MustCompile(`^[0-9a-f]{12}$`)
)

// ownIDs are the ids that the container may have; none: this is no container. A machine may be called by
// twelve such digits too, so that a name alone makes none.
func ownIDs(mounts map[string]string, cgroup, host string) (ids []string) {
	if all := fullID.FindAllString(cgroup, -1); len(all) > 0 {
		ids = append(ids, all[len(all)-1]) // the innermost
	}
	for _, file := range given {
		ids = append(ids, fullID.FindAllString(mounts[file], -1)...)
	}
	if len(ids) > 0 && shortID.MatchString(host) {
		ids = append(ids, host)
	}
	return unique(ids)
}

// unique leaves out what was there before.
func unique(ids []string) (all []string) {
	for _, id := range ids {
		if !slices.Contains(all, id) {
			all = append(all, id)
		}
	}
	return all
}

// known asks the daemon for the container, and takes its word on the mounts.
func (s self) known(ctx context.Context, env []string) (compose.View, bool) {
	ctx, cancel := context.WithTimeout(ctx, greeting)
	defer cancel()
	where, err := resolve(environment(env))
	if err != nil {
		return compose.View{}, false
	}
	d, err := connect(ctx, where, environment(env).get("DOCKER_API_VERSION"))
	if err != nil {
		return compose.View{}, false
	}
	defer d.close()
	for _, id := range s.ids {
		if c, err := d.client.ContainerInspect(ctx, id); err == nil && s.is(c) {
			return viewOf(c), true
		}
	}
	return compose.View{}, false
}

// is says whether a container is this one: it mounts what is mounted here, and runs what runs here, or mounts it
// from where the kernel says. Another one that this shares a network with would have other mounts.
func (s self) is(c container.InspectResponse) bool {
	if c.ContainerJSONBase == nil || c.State == nil || !c.State.Running {
		return false
	}
	same := len(c.Mounts) > 0
	for _, m := range c.Mounts {
		root, mounted := s.mounts[resolved(m.Destination)]
		if !mounted {
			return false
		}
		same = same && (root == "/" || filepath.Base(root) == filepath.Base(m.Source))
	}
	words := strings.Join(append([]string{c.Path}, c.Args...), "\x00") + "\x00"
	return same || strings.HasSuffix(s.command, words)
}

// resolved is a mount point as the kernel names it: behind the links of the image, of which /var/run is one.
func resolved(point string) string {
	point = filepath.Clean(point)
	dir, err := filepath.EvalSymlinks(filepath.Dir(point))
	if err != nil {
		return point
	}
	return filepath.Join(dir, filepath.Base(point))
}

// viewOf is what a container mounts of the machine.
func viewOf(c container.InspectResponse) compose.View {
	view := compose.View{Inside: true, Container: c.ID}
	for _, m := range c.Mounts {
		if filepath.IsAbs(m.Source) {
			view.Mounts = append(view.Mounts, compose.Shared{Host: filepath.Clean(m.Source), Here: resolved(m.Destination)})
		}
	}
	return view
}

// seen is what the kernel shows of the mounts: the paths of the machine are those in the file systems that
// they come from, which for the root file system are the same, and end alike for others. Of a whole file
// system only the place here is known.
func (s self) seen() compose.View {
	view := compose.View{Inside: true, Alone: true}
	for here, root := range s.mounts {
		if here == "/" || slices.Contains(given, here) || slices.ContainsFunc(kernel, func(dir string) bool { return here == dir || strings.HasPrefix(here, dir+"/") }) {
			continue
		}
		if root == "/" {
			root = here
		}
		view.Mounts = append(view.Mounts, compose.Shared{Host: root, Here: here})
	}
	slices.SortFunc(view.Mounts, func(a, b compose.Shared) int { return strings.Compare(a.Here, b.Here) })
	return view
}

// kernel are directories whose mounts are none of the machine's files.
var kernel = []string{"/proc", "/sys", "/dev"}
