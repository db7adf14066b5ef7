package compose

import (
	"io/fs"
	"syscall"
)

// owner gives the user and group that a file belongs to, as a container that mounts it sees them. Other
// systems mount through a virtual machine, which shows files as if they belonged to whoever asks.
func owner(info fs.FileInfo) (uid, gid int, known bool) {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, 0, false
	}
	return int(stat.Uid), int(stat.Gid), true
}
