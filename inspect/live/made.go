package live

import (
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/go-connections/nat"

	"why502/inspect"
)

// The labels that say what Compose made a container from.
const labelDirectory = "com.docker.compose.project.working_dir"

// maxSettings bounds how many entries of one kind are kept of a container.
const maxSettings = 1000

// made is what a container was made from. Values of variables whose names say that they are credentials
// are left behind here.
func made(seen container.InspectResponse) inspect.Made {
	labels := seen.Config.Labels
	m := inspect.Made{
		Time:        moment(seen.Created),
		Directory:   clean(labels[labelDirectory]),
		ImageID:     clean(seen.Image),
		Entrypoint:  settings(seen.Config.Entrypoint),
		Command:     settings(seen.Config.Cmd),
		Environment: variables(seen.Config.Env),
		Ports:       bindings(seen.HostConfig.PortBindings),
		Mounts:      mounted(seen),
	}
	if files := labels[labelFiles]; files != "" {
		m.Files = settings(strings.Split(files, ","))
	}
	return m
}

func settings(texts []string) (all []string) {
	for _, text := range texts[:min(len(texts), maxSettings)] {
		all = append(all, inspect.Setting(text))
	}
	return all
}

func variables(env []string) map[string]string {
	var all map[string]string
	for _, entry := range env[:min(len(env), maxSettings)] {
		name, value, _ := strings.Cut(entry, "=")
		if inspect.IsSecret(name) {
			continue
		}
		if all == nil {
			all = map[string]string{}
		}
		all[inspect.Setting(name)] = inspect.Setting(value)
	}
	return all
}

func bindings(ports nat.PortMap) (all []inspect.Binding) {
	for port, published := range ports {
		for _, p := range published {
			number, _ := strconv.Atoi(p.HostPort)
			all = append(all, inspect.Binding{HostIP: clean(p.HostIP), Published: number, Target: port.Int(), Protocol: clean(port.Proto())})
		}
	}
	slices.SortFunc(all, func(a, b inspect.Binding) int {
		return strings.Compare(strconv.Itoa(a.Target)+a.Protocol+a.HostIP+strconv.Itoa(a.Published), strconv.Itoa(b.Target)+b.Protocol+b.HostIP+strconv.Itoa(b.Published))
	})
	return all[:min(len(all), maxSettings)]
}

// mounted are a container's mounts. A tmpfs of the short form is in the host's configuration alone.
func mounted(seen container.InspectResponse) (all []inspect.ContainerMount) {
	for _, m := range seen.Mounts {
		source := m.Source
		if m.Type == "volume" {
			source = m.Name
		}
		all = append(all, inspect.ContainerMount{Type: clean(string(m.Type)), Source: clean(source), Target: clean(m.Destination)})
	}
	for _, target := range slices.Sorted(maps.Keys(seen.HostConfig.Tmpfs)) {
		all = append(all, inspect.ContainerMount{Type: "tmpfs", Target: clean(path.Clean(target))})
	}
	slices.SortFunc(all, func(a, b inspect.ContainerMount) int { return strings.Compare(a.Target, b.Target) })
	return all[:min(len(all), maxSettings)]
}
