package live

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/versions"

	"why502/compose"
	"why502/inspect"
)

// The labels by which Compose knows its containers. An image that Compose built has some of them
// too, and any container made from it inherits them; config-hash only Compose's containers have.
const (
	labelProject = "com.docker.compose.project"
	labelFiles   = "com.docker.compose.project.config_files"
	labelService = "com.docker.compose.service"
	labelOneOff  = "com.docker.compose.oneoff"
	labelHash    = "com.docker.compose.config-hash"
)

// answer asks the daemon one question.
func (d *daemon) answer(ctx context.Context, stack *compose.Stack, q inspect.Question) (row, error) {
	switch q.Kind {
	case inspect.AskProject:
		ids, err := d.project(ctx, stack, q.Of)
		return func(s *inspect.Snapshot) { s.Project = ids }, err
	case inspect.AskContainer:
		c, err := d.container(ctx, q.Of)
		return func(s *inspect.Snapshot) { s.Containers[q.Of] = c }, err
	case inspect.AskNetwork:
		n, err := d.network(ctx, q.Of)
		return func(s *inspect.Snapshot) { s.Networks[q.Of] = n }, err
	case inspect.AskLog:
		lines, err := d.log(ctx, q.Of, q.Most)
		return func(s *inspect.Snapshot) { s.Logs[q.Of] = lines }, err
	case inspect.AskKills:
		kills, err := d.kills(ctx, q.Of)
		return func(s *inspect.Snapshot) { s.Kills[q.Of] = kills }, err
	case inspect.AskStats:
		stats, err := d.stats(ctx, q.Of)
		return func(s *inspect.Snapshot) { s.Stats[q.Of] = stats }, err
	case inspect.AskProcesses:
		all, err := d.processes(ctx, q.Of)
		return func(s *inspect.Snapshot) { s.Processes[q.Of] = all }, err
	}
	return nil, fmt.Errorf("nothing answers a question of kind %q", q.Kind)
}

// project lists the ids of the containers that Compose made for a project of that name, whether they
// run or not; if there are none, those that it made from the same files under another name.
func (d *daemon) project(ctx context.Context, stack *compose.Stack, name string) ([]string, error) {
	ids, err := d.list(ctx, labelProject+"="+name)
	if err != nil || len(ids) > 0 || len(stack.Files) == 0 {
		return ids, err
	}
	files := make([]string, len(stack.Files))
	for i, file := range stack.Files {
		if files[i] = file; !filepath.IsAbs(file) {
			files[i] = filepath.Join(stack.Directory, file)
		}
	}
	return d.list(ctx, labelFiles+"="+strings.Join(files, ","))
}

// list asks for the Compose containers that have a label. The daemon spends over a millisecond per
// container that it lists, so it is the daemon that has to filter.
func (d *daemon) list(ctx context.Context, label string) ([]string, error) {
	found, err := d.client.ContainerList(ctx, container.ListOptions{
		All:     true,
		Filters: filters.NewArgs(filters.Arg("label", label), filters.Arg("label", labelHash)),
	})
	ids := make([]string, len(found))
	for i, c := range found {
		if ids[i] = c.ID; err == nil && !isID.MatchString(c.ID) {
			err = &Error{text: fmt.Sprintf("what answers at %s is no Docker engine: it has a container with the id %q", d.where.host, oneLine(c.ID)), hint: hintStrange}
		}
	}
	slices.Sort(ids)
	return ids, err
}

// isID: an id becomes part of a path. Engines have 64 digits.
var isID = regexp.MustCompile(`^[0-9A-Za-z_-]{1,128}$`)

// container asks for one container. Its environment, among others, is left behind here.
func (d *daemon) container(ctx context.Context, id string) (*inspect.Container, error) {
	seen, err := d.client.ContainerInspect(ctx, id)
	if err != nil {
		return nil, err
	}
	if seen.ContainerJSONBase == nil || seen.State == nil || seen.HostConfig == nil || seen.Config == nil || seen.NetworkSettings == nil {
		return nil, errors.New("the answer lacks parts of the container")
	}
	c := &inspect.Container{
		ID:          clean(seen.ID),
		Name:        clean(strings.TrimPrefix(seen.Name, "/")),
		Image:       clean(seen.Config.Image),
		Restarts:    seen.RestartCount,
		NetworkMode: clean(string(seen.HostConfig.NetworkMode)),
		Endpoints:   endpoints(seen, d.givesNames()),
	}
	c.Published = bindings(seen.NetworkSettings.Ports)
	c.Made = made(seen)
	d.notice(seen)
	setState(c, seen.State)
	limits(c, seen.HostConfig)
	if labels := seen.Config.Labels; labels[labelHash] != "" {
		c.Project = clean(labels[labelProject])
		c.Service = clean(labels[labelService])
		c.OneOff = strings.EqualFold(labels[labelOneOff], "true")
	}
	if check := seen.Config.Healthcheck; check != nil {
		c.StartPeriod = check.StartPeriod
	}
	return c, nil
}

// givesNames: since API 1.44 the daemon says itself which names its DNS answers.
func (d *daemon) givesNames() bool {
	return versions.GreaterThanOrEqualTo(d.client.ClientVersion(), "1.44")
}

// setState copies what the daemon says of the container's process and its health check.
func setState(c *inspect.Container, state *container.State) {
	c.State = clean(string(state.Status))
	c.Error = clean(state.Error)
	c.ExitCode = state.ExitCode
	c.OOMKilled = state.OOMKilled
	c.Started = moment(state.StartedAt)
	c.Finished = moment(state.FinishedAt)
	if health := state.Health; health != nil && health.Status != container.NoHealthcheck {
		c.Health = clean(string(health.Status))
		if n := len(health.Log); n > 0 && health.Log[n-1] != nil {
			c.HealthOutput = strings.Join(lines([]byte(health.Log[n-1].Output)), "\n")
		}
	}
}

// moment reads a time of the API, which writes "never" as the year 1, Go's zero time.
func moment(text string) time.Time {
	t, _ := time.Parse(time.RFC3339Nano, text)
	return t
}

// endpoints are the container's places on its networks, sorted by network.
func endpoints(c container.InspectResponse, givesNames bool) []inspect.Endpoint {
	var all []inspect.Endpoint
	for _, name := range slices.Sorted(maps.Keys(c.NetworkSettings.Networks)) {
		settings := c.NetworkSettings.Networks[name]
		if settings == nil {
			continue
		}
		all = append(all, inspect.Endpoint{
			Network: clean(name),
			ID:      clean(settings.EndpointID),
			IPv4:    clean(settings.IPAddress),
			IPv6:    clean(settings.GlobalIPv6Address),
			Names:   names(name, c.Name, settings, givesNames),
		})
	}
	return all
}

// names are those that Docker's DNS answers for the endpoint. Engines before API 1.44 list the
// aliases, the short id and the hostname among them, but not the container's name; and they do not
// say that their three own networks have no DNS.
func names(networkName, containerName string, settings *network.EndpointSettings, given bool) []string {
	known := settings.DNSNames
	if !given {
		if slices.Contains([]string{network.NetworkBridge, network.NetworkHost, network.NetworkNone}, networkName) {
			return nil
		}
		known = append(slices.Clone(settings.Aliases), strings.TrimPrefix(containerName, "/"))
	}
	var lower []string
	for _, name := range known {
		if name != "" {
			lower = append(lower, strings.ToLower(clean(name)))
		}
	}
	slices.Sort(lower)
	return slices.Compact(lower)
}

// network asks for one network by its full name; nil: the daemon has none of that name.
func (d *daemon) network(ctx context.Context, name string) (*inspect.Network, error) {
	seen, err := d.client.NetworkInspect(ctx, name, network.InspectOptions{})
	if errdefs.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if seen.Name != name { // it was found by the beginning of its id
		return nil, nil
	}
	n := &inspect.Network{
		ID:       clean(seen.ID),
		Name:     clean(seen.Name),
		Driver:   clean(seen.Driver),
		Internal: seen.Internal,
	}
	for id := range seen.Containers {
		if !strings.HasPrefix(id, "ep-") { // the endpoint of a container that is gone
			n.Containers = append(n.Containers, clean(id))
		}
	}
	slices.Sort(n.Containers)
	return n, nil
}
