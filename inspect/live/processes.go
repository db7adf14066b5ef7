package live

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/containerd/errdefs"

	"why502/inspect"
)

// psColumns are what ps is asked for. The start of a process would be in the daemon's time zone, and
// in words that the daemon takes apart; its age is a number.
var psColumns = []string{"pid", "ppid", "etimes", "args"}

// maxProcesses bounds how many are kept of one container.
const maxProcesses = 1000

// processes asks for those of a container, which the daemon's ps lists. One that does not know the
// columns (busybox) lists none.
func (d *daemon) processes(ctx context.Context, id string) ([]inspect.Process, error) {
	top, err := d.client.ContainerTop(ctx, id, []string{"-eo", strings.Join(psColumns, ",")})
	all := []inspect.Process{}
	if err != nil && !errdefs.IsInternal(err) {
		return nil, err
	}
	now := time.Unix(d.wire.latest.Load(), 0)
	if err != nil || len(top.Titles) != len(psColumns) || d.wire.latest.Load() == 0 {
		return all, nil
	}
	for _, row := range top.Processes[:min(len(top.Processes), maxProcesses)] {
		if p, ok := process(row, now); ok {
			all = append(all, p)
		}
	}
	return all, nil
}

// process reads a row of psColumns.
func process(row []string, now time.Time) (p inspect.Process, ok bool) {
	if len(row) != len(psColumns) {
		return p, false
	}
	var numbers [3]int
	for i := range numbers {
		n, err := strconv.Atoi(row[i])
		if err != nil {
			return p, false
		}
		numbers[i] = n
	}
	age := time.Duration(numbers[2]) * time.Second
	return inspect.Process{PID: numbers[0], Parent: numbers[1], Started: now.Add(-age).UTC(), Command: inspect.Setting(row[3])}, true
}
