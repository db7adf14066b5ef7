package live

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/events"
	"github.com/docker/docker/api/types/filters"

	"why502/inspect"
)

// The daemon keeps its last 256 events; an hour of them is what is about the present.
const (
	maxKills = 256
	recently = time.Hour
)

// kills asks what the kernel killed in a project's containers for want of memory. Engines before 24.0 tell
// it in no other way where the container's own process lived on.
func (d *daemon) kills(ctx context.Context, project string) ([]inspect.Kill, error) {
	now := d.wire.date
	if now.IsZero() { // without an end that has passed the daemon would go on and on
		return nil, errors.New("the daemon does not say what time it is")
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	seen, failed := d.client.Events(ctx, events.ListOptions{
		Since:   strconv.FormatInt(now.Add(-recently).Unix(), 10),
		Until:   strconv.FormatInt(now.Unix(), 10),
		Filters: filters.NewArgs(filters.Arg("type", "container"), filters.Arg("event", "oom"), filters.Arg("label", labelProject+"="+project)),
	})
	kills := []inspect.Kill{}
	for len(kills) < maxKills {
		select {
		case e := <-seen:
			kills = append(kills, inspect.Kill{Container: clean(e.Actor.ID), Time: time.Unix(0, e.TimeNano).UTC()})
		case err := <-failed:
			if err == io.EOF { // and not one of a connection that broke
				err = nil
			}
			return kills, err
		}
	}
	return kills, nil
}

// stats asks for one sample of what a container uses. Engine 20.10 takes a second for it; nil: the
// container does not run.
func (d *daemon) stats(ctx context.Context, id string) (*inspect.Stats, error) {
	answer, err := d.client.ContainerStatsOneShot(ctx, id)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	var seen container.StatsResponse
	if err := json.NewDecoder(answer.Body).Decode(&seen); err != nil {
		return nil, err
	}
	if seen.Read.Year() <= 1 {
		return nil, nil
	}
	s := &inspect.Stats{
		Memory:         seen.MemoryStats.Usage - min(seen.MemoryStats.Usage, inactive(seen.MemoryStats.Stats)),
		MemoryFailures: seen.MemoryStats.Failcnt,
		Pids:           seen.PidsStats.Current,
		Periods:        seen.CPUStats.ThrottlingData.Periods,
		Throttled:      seen.CPUStats.ThrottlingData.ThrottledPeriods,
	}
	return s, nil
}

// inactive is how much of a container's memory are files that nobody uses: the kernel takes it back before
// it kills. Control groups of version 1 have it under another name.
func inactive(stats map[string]uint64) uint64 {
	if bytes, ok := stats["total_inactive_file"]; ok {
		return bytes
	}
	return stats["inactive_file"]
}

// limits copies what the container may use at most. 0 is as much as there is.
func limits(c *inspect.Container, host *container.HostConfig) {
	c.MemoryLimit, c.CPULimit = max(host.Memory, 0), max(host.NanoCPUs, 0)
	if c.CPULimit == 0 && host.CPUQuota > 0 {
		c.CPULimit = int64(1e9 * float64(host.CPUQuota) / float64(cpuPeriod(host.CPUPeriod)))
	}
	if host.PidsLimit != nil {
		c.PidsLimit = max(*host.PidsLimit, 0)
	}
}

// cpuPeriod is the time that a quota is of, in microseconds.
func cpuPeriod(given int64) int64 {
	if given <= 0 {
		return 100_000
	}
	return given
}
