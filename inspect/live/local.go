package live

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/docker/docker/api/types/container"

	"why502/inspect"
	"why502/inspect/probe"
)

// maxProc bounds what is read of a file in /proc. A socket takes 150 bytes there.
const maxProc = 8 << 20

// notice remembers that the daemon runs on this machine, where one of its containers shows that.
func (d *daemon) notice(c container.InspectResponse) {
	if d.local.Load() {
		return
	}
	_, err := os.Lstat(c.HostnamePath) // /var/lib/docker/containers/ID/hostname
	kept := err == nil && strings.Contains(c.HostnamePath, c.ID)
	if kept || isHere(c) && isRoot() {
		d.local.Store(true)
	}
}

// isHere says whether the main process of a container is one of this machine: whoever has its number
// here is in a control group that is named after the container. Anyone may read that.
func isHere(c container.InspectResponse) bool {
	if c.State == nil || c.State.Pid <= 0 || len(c.ID) < 64 {
		return false
	}
	groups, err := proc(c.State.Pid, "cgroup")
	return err == nil && bytes.Contains(groups, []byte(c.ID))
}

// isRoot says whether paths here are paths of the machine: in a container that shares the host's
// processes they are not.
func isRoot() bool {
	return bytes.Equal(rootMount("self"), rootMount("1")) && rootMount("self") != nil
}

// rootMount is the line of proc(5)'s mountinfo that is about /. It begins with a number that no other
// mount of the machine has.
func rootMount(process string) []byte {
	all, err := readSome("/proc/" + process + "/mountinfo")
	for line := range bytes.Lines(all) {
		if fields := bytes.Fields(line); err == nil && len(fields) > 4 && string(fields[4]) == "/" {
			return line
		}
	}
	return nil
}

// near answers from this machine's /proc what is asked of a container that runs on it; nil: it cannot.
func near(c container.InspectResponse, q inspect.Question) row {
	if q.Kind == inspect.AskCall || !isHere(c) {
		return nil
	}
	pid := c.State.Pid
	var found row
	switch q.Kind {
	case inspect.AskSockets:
		four, err := proc(pid, "net/tcp")
		six, _ := proc(pid, "net/tcp6") // there is none where IPv6 is off
		if err != nil {
			return nil
		}
		sockets := probe.Sockets(four, six)
		found = func(s *inspect.Snapshot) { s.Sockets[q.Of] = sockets }
	case inspect.AskMounts:
		text, err := proc(pid, "mountinfo")
		if err != nil {
			return nil
		}
		mounts := cleanMounts(probe.Mounts(text))
		found = func(s *inspect.Snapshot) { s.Mounts[q.Of] = mounts }
	}
	if !isHere(c) { // it ended, and its number may be another's
		return nil
	}
	return found
}

func proc(pid int, file string) ([]byte, error) {
	return readSome(fmt.Sprintf("/proc/%d/%s", pid, file))
}

func readSome(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxProc))
}
