package compose

import (
	"cmp"
	"maps"
	"net/netip"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"why502/compose/nginx"
	"why502/compose/proxy"
)

// maxExposed bounds the ports that expose gives a service: "1-65535" is one line, a thousand
// services may share it, and nobody proxies to a range.
const maxExposed = 1000

// lower takes from the merged project what the rules ask about.
func (s *Stack) lower(project *types.Project) {
	s.Name = project.Name
	s.Networks = make(map[string]*Network, len(project.Networks))
	for name, n := range project.Networks {
		s.Networks[name] = &Network{
			Name:     name,
			Full:     n.Name,
			External: bool(n.External),
			Internal: n.Internal,
			IPv6:     hasIPv6(n),
			Driver:   n.Driver,
			Subnets:  subnets(n.Ipam),
			Place:    s.At("networks", name),
		}
	}
	s.Services = make(map[string]*Service, len(project.Services)+len(project.DisabledServices))
	for name, config := range project.Services {
		s.Services[name] = s.service(project, name, config)
	}
	for name, config := range project.DisabledServices {
		s.Services[name] = s.service(project, name, config)
		s.Services[name].Disabled = true
	}
}

// hasIPv6 says whether a network is told to have IPv6. One that is told nothing has what the daemon gives
// all of its networks.
func hasIPv6(n types.NetworkConfig) bool {
	if n.EnableIPv6 != nil {
		return *n.EnableIPv6
	}
	on, _ := strconv.ParseBool(n.DriverOpts["com.docker.network.enable_ipv6"])
	return on
}

// subnets are those that the files give a network. The gateway is the first address unless they say so.
func subnets(ipam types.IPAMConfig) (all []Subnet) {
	for _, pool := range ipam.Config {
		prefix, err := netip.ParsePrefix(pool.Subnet)
		if err != nil {
			continue
		}
		subnet := Subnet{Prefix: prefix.Masked(), Gateway: prefix.Masked().Addr().Next()}
		if gateway, err := netip.ParseAddr(pool.Gateway); err == nil {
			subnet.Gateway = gateway
		}
		all = append(all, subnet)
	}
	return all
}

func (s *Stack) service(project *types.Project, name string, config types.ServiceConfig) *Service {
	at := s.places.under("services", name)
	return &Service{
		Name:          name,
		Place:         at.here,
		Profiles:      config.Profiles,
		Image:         config.Image,
		Build:         s.built(name, config.Build),
		ContainerName: config.ContainerName,
		Hostname:      config.Hostname,
		NetworkMode:   config.NetworkMode,
		Networks:      attachments(config.Networks, at),
		Ports:         ports(config.Ports, at.under("ports")),
		Expose:        exposed(config.Expose, at.under("expose")),
		ExtraHosts:    extraHosts(config.ExtraHosts),
		OwnNames:      ownNames(config),
		VolumesFrom:   len(config.VolumesFrom) > 0,
		Links:         links(config.Links),
		DependsOn:     dependencies(config.DependsOn, at),
		Environment:   environment(config.Environment, at, s.fromFiles[name]),
		Entrypoint:    config.Entrypoint,
		Command:       config.Command,
		Healthcheck:   healthcheck(config.HealthCheck),
		Restart:       restart(config),
		Scale:         config.GetScale(),
		Mounts:        s.mounts(project, config, at),
		User:          config.User,
		Groups:        len(config.GroupAdd) > 0,
		Bound:         bound(config),
	}
}

func attachments(networks map[string]*types.ServiceNetworkConfig, at places) []Attachment {
	var all []Attachment
	for _, name := range slices.Sorted(maps.Keys(networks)) {
		a := Attachment{Network: name, Place: at.at("networks", name)}
		if config := networks[name]; config != nil {
			a.Aliases, a.IPv4 = config.Aliases, config.Ipv4Address
		}
		all = append(all, a)
	}
	return all
}

// ports takes the published ports. Compose has expanded ranges into single ports already.
func ports(configs []types.ServicePortConfig, at places) []Port {
	var all []Port
	for _, config := range configs {
		if config.Target == 0 || config.Target > 65535 {
			continue
		}
		first, _, several := strings.Cut(config.Published, "-")
		published, _ := strconv.Atoi(first)
		all = append(all, Port{
			HostIP:    config.HostIP,
			Published: published,
			Target:    int(config.Target),
			Protocol:  cmp.Or(config.Protocol, "tcp"),
			Place:     at.item(func(m *mark) bool { return publishes(m, config) }),
			Several:   several,
		})
	}
	return all
}

// publishes says whether an item of ports, in short or long syntax, is where a port comes from.
func publishes(m *mark, config types.ServicePortConfig) bool {
	if m.keys != nil {
		return m.value("target") == strconv.Itoa(int(config.Target)) && m.value("published") == config.Published &&
			cmp.Or(m.value("protocol"), "tcp") == config.Protocol && m.value("host_ip") == config.HostIP
	}
	rest, protocol, _ := strings.Cut(m.text, "/")
	rest, target := cutLast(rest, ":")
	host, published := cutLast(rest, ":")
	return strings.EqualFold(cmp.Or(protocol, "tcp"), config.Protocol) && strings.Trim(host, "[]") == config.HostIP &&
		within(target, strconv.Itoa(int(config.Target))) && (published == config.Published || within(published, config.Published))
}

// cutLast cuts at the last separator; without one, all of the text is what follows it.
func cutLast(text, separator string) (before, after string) {
	i := strings.LastIndex(text, separator)
	if i < 0 {
		return "", text
	}
	return text[:i], text[i+1:]
}

// within says whether a port lies in a range, "8000-8010", or is the one named, "8000".
func within(ports, port string) bool {
	if ports == port {
		return true
	}
	low, high, ok := portRange(ports)
	n, err := strconv.Atoi(port)
	return ok && err == nil && low <= n && n <= high
}

func portRange(text string) (low, high int, ok bool) {
	first, last, isRange := strings.Cut(text, "-")
	low, err := strconv.Atoi(first)
	if err != nil {
		return 0, 0, false
	}
	if !isRange {
		return low, low, true
	}
	high, err = strconv.Atoi(last)
	return low, high, err == nil
}

func exposed(entries []string, at places) []Number {
	var all []Number
	for _, entry := range entries {
		text, _, _ := strings.Cut(entry, "/")
		low, high, ok := portRange(text)
		if !ok {
			continue
		}
		place := at.item(func(m *mark) bool { return m.text == entry })
		for port := low; port <= high && len(all) < maxExposed; port++ {
			all = append(all, Number{Port: port, Place: place})
		}
	}
	return all
}

func extraHosts(hosts types.HostsList) map[string][]string {
	all := map[string][]string{}
	for name, addresses := range hosts {
		all[strings.ToLower(name)] = addresses
	}
	return all
}

// ownNames says whether a service resolves names otherwise than Docker's DNS by itself would.
func ownNames(config types.ServiceConfig) bool {
	return len(config.DNS)+len(config.DNSSearch)+len(config.ExternalLinks) > 0 ||
		slices.ContainsFunc(config.Volumes, func(v types.ServiceVolumeConfig) bool {
			return v.Target == "/etc/hosts" || v.Target == "/etc/resolv.conf"
		})
}

func links(entries []string) []Link {
	var all []Link
	for _, entry := range entries {
		service, alias, _ := strings.Cut(entry, ":")
		all = append(all, Link{Service: service, Alias: cmp.Or(alias, service)})
	}
	return all
}

// dependencies takes what depends_on says and what Compose concludes from links, volumes_from and
// the namespaces that services share.
func dependencies(on types.DependsOnConfig, at places) []Dependency {
	var all []Dependency
	for _, name := range slices.Sorted(maps.Keys(on)) {
		all = append(all, Dependency{
			Service:   name,
			Condition: on[name].Condition,
			Restart:   on[name].Restart,
			Place:     dependencyPlace(name, at),
		})
	}
	return all
}

func dependencyPlace(service string, at places) proxy.Place {
	for _, list := range []string{"depends_on", "links", "volumes_from"} {
		if place, depth := at.find(list, service); depth == 2 {
			return place
		}
	}
	if at.value("network_mode") == types.ServicePrefix+service {
		return at.at("network_mode")
	}
	return at.here
}

// environment takes the variables, those of env files among them.
func environment(variables types.MappingWithEquals, at places, fromFiles map[string]proxy.Place) map[string]Value {
	if len(variables) == 0 {
		return nil
	}
	own := at.under("environment")
	all := make(map[string]Value, len(variables))
	for name, text := range variables {
		if text == nil { // named without a value, and the caller's environment has none
			continue
		}
		place, depth := own.find(name)
		if from, ok := fromFiles[name]; ok && depth == 0 {
			place = from
		}
		all[name] = Value{Text: *text, Place: place}
	}
	return all
}

func healthcheck(config *types.HealthCheckConfig) []string {
	if config == nil || config.Disable || len(config.Test) == 0 || config.Test[0] == "NONE" {
		return nil
	}
	return config.Test[1:]
}

// restart gives the restart policy. That of deploy wins over the short one, as in docker compose.
func restart(config types.ServiceConfig) string {
	policy := config.Restart
	if config.Deploy != nil && config.Deploy.RestartPolicy != nil {
		policy = config.Deploy.RestartPolicy.Condition
	}
	policy, _, _ = strings.Cut(policy, ":") // on-failure:3
	switch policy {
	case "any":
		return "always"
	case "none":
		return "no"
	}
	return policy
}

func (s *Stack) mounts(project *types.Project, config types.ServiceConfig, at places) []Mount {
	var all []Mount
	volumes := at.under("volumes")
	for _, v := range config.Volumes {
		all = append(all, Mount{
			Type:     v.Type,
			Source:   v.Source,
			Target:   v.Target,
			ReadOnly: v.ReadOnly,
			Create:   v.Bind != nil && bool(v.Bind.CreateHostPath),
			Labelled: v.Bind != nil && v.Bind.SELinux != "",
			Outside:  v.Type == types.VolumeTypeVolume && outside(project, v.Source),
			Place:    volumes.item(func(m *mark) bool { return mountTarget(m) == v.Target }),
		})
	}
	tmpfs := at.under("tmpfs")
	for _, entry := range config.Tmpfs {
		target, _, _ := strings.Cut(entry, ":")
		all = append(all, Mount{Type: types.VolumeTypeTmpfs, Target: target, Place: tmpfs.at(entry)})
	}
	for _, c := range config.Configs {
		file := types.FileObjectConfig(project.Configs[c.Source])
		m := fileMount("config", types.FileReferenceConfig(c), file.File, "/", at.under("configs"))
		m.Content = s.content("configs", c.Source, file)
		all = append(all, m)
	}
	for _, c := range config.Secrets {
		file := types.FileObjectConfig(project.Secrets[c.Source])
		m := fileMount("secret", types.FileReferenceConfig(c), file.File, "/run/secrets", at.under("secrets"))
		m.Content = s.content("secrets", c.Source, file)
		all = append(all, m)
	}
	return all
}

// outside says whether others than the project's services may mount a volume: it is external, has a name
// of its own, or its driver's options say what is in it.
func outside(project *types.Project, volume string) bool {
	v, ok := project.Volumes[volume]
	return ok && (bool(v.External) || len(v.DriverOpts) > 0 || v.Name != project.Name+"_"+volume)
}

// content is the text of a config or secret that no file brings; nil: a file does, or nothing here.
func (s *Stack) content(kind, name string, from types.FileObjectConfig) *nginx.File {
	if from.Content == "" {
		return nil
	}
	f := &nginx.File{Text: []byte(from.Content), Eaten: eaten(s.uses(kind, name, "content"))}
	at := s.At(kind, name, "content")
	if !strings.HasSuffix(strings.TrimRight(s.Sources.Line(at.File, at.Line), "+-0123456789 "), "|") {
		return f // not written as the lines that it has
	}
	var written []string
	for line := range strings.Count(from.Content, "\n") + 1 {
		written = append(written, s.Sources.Line(at.File, at.Line+1+line))
	}
	f.Name, f.Line, f.Written = at.File, at.Line+1, []byte(strings.Join(written, "\n"))
	return f
}

// fileMount is how docker compose mounts a config or secret: the file itself, read-only.
func fileMount(kind string, ref types.FileReferenceConfig, file, dir string, at places) Mount {
	target := cmp.Or(ref.Target, ref.Source)
	if !path.IsAbs(target) {
		target = path.Join(dir, target)
	}
	return Mount{
		Type:     kind,
		Source:   file,
		Target:   target,
		ReadOnly: true,
		Place: at.item(func(m *mark) bool {
			return m.text == ref.Source || m.value("source") == ref.Source && m.value("target") == ref.Target
		}),
	}
}

// mountTarget is the container path of an item of volumes: of its long syntax, or the second
// part of "./conf:/etc/nginx:ro", or the whole of "/cache".
func mountTarget(m *mark) string {
	target := m.value("target")
	if m.keys == nil {
		parts := strings.Split(m.text, ":")
		if len(parts) > 2 && len(parts[0]) == 1 { // C:\conf:/etc/nginx
			parts = parts[1:]
		}
		target = parts[min(1, len(parts)-1)]
	}
	return path.Clean(target)
}
