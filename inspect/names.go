package inspect

import (
	"fmt"
	"slices"
	"strings"

	"why502/compose"
)

// nameTable is what Docker's DNS answers to one proxy: who bears each name, in lower case.
type nameTable map[string][]bearer

// bearer is who answers to a name on one network.
type bearer struct {
	service   string // of this project; empty: a container of another
	project   string // of a container of another project
	container string // its name; empty from the files
	network   string // full name
}

func (n nameTable) add(name string, b bearer) {
	name = strings.ToLower(name)
	if name == "" || slices.Contains(n[name], b) {
		return
	}
	n[name] = append(n[name], b)
}

// namesOf gives what a service's containers can resolve: the names on their networks, with and
// without the network's name behind them, and links.
func (f *facts) namesOf(svc *compose.Service) nameTable {
	n := nameTable{}
	svc = f.namespace(svc)
	for _, network := range f.networks(svc) {
		if network == "bridge" || network == "host" || network == "none" {
			continue // no DNS there
		}
		f.eachBearer(network, func(name string, b bearer) {
			n.add(name, b)
			n.add(name+"."+network, b)
		})
	}
	for _, l := range svc.Links {
		if other := f.stack.Services[l.Service]; other != nil && len(f.shared(svc, other)) > 0 {
			n.add(l.Alias, bearer{service: l.Service})
		}
	}
	return n
}

// eachBearer visits the names on a network: those of the daemon where it was asked about this
// project, else those of the files.
func (f *facts) eachBearer(network string, visit func(string, bearer)) {
	if f.live() {
		f.eachLiveBearer(network, visit)
		return
	}
	for _, svc := range f.services {
		if svc.Disabled || svc.Scale == 0 {
			continue
		}
		for _, a := range svc.Networks {
			if f.fullName(a.Network) == network {
				for _, name := range f.declaredNames(svc, a.Aliases) {
					visit(name, bearer{service: svc.Name, network: network})
				}
			}
		}
	}
}

// eachLiveBearer visits the names of the containers that are up on a network, of any project.
func (f *facts) eachLiveBearer(network string, visit func(string, bearer)) {
	for _, c := range f.all {
		if c.OneOff {
			continue
		}
		for _, e := range c.Endpoints {
			if e.Network != network || e.ID == "" {
				continue
			}
			b := bearer{container: c.Name, network: network, project: c.Project}
			if slices.Contains(f.snap.Project, c.ID) {
				b.service, b.project = c.Service, ""
			}
			for _, name := range e.Names {
				visit(name, b)
			}
		}
	}
}

// declaredNames are the names that a service gets on a network by the files (Docker docs,
// networking in Compose): its own, its container's, its hostname, its aliases there.
func (f *facts) declaredNames(svc *compose.Service, aliases []string) []string {
	all := append([]string{svc.Name, svc.Hostname}, aliases...)
	if svc.ContainerName != "" {
		return append(all, svc.ContainerName)
	}
	for i := 1; i <= min(svc.Scale, 100); i++ {
		all = append(all, fmt.Sprintf("%[1]s%[4]s%[2]s%[4]s%[3]d", f.stack.Name, svc.Name, i, f.stack.Separator))
	}
	return all
}

// allNames says which services bear a name anywhere in the project, on whatever network, running or
// not: whom a host means, also where it does not resolve. A hostname or alias that looks like a public
// domain may mean that domain to everyone else.
func (f *facts) allNames() map[string][]string {
	all := map[string][]string{}
	add := func(name, service string) {
		name = strings.ToLower(name)
		if name != "" && !slices.Contains(all[name], service) {
			all[name] = append(all[name], service)
		}
	}
	for _, svc := range f.services {
		own := []string{svc.Name, svc.ContainerName}
		for _, name := range f.declaredNames(svc, nil) {
			if slices.Contains(own, name) || !strings.Contains(name, ".") {
				add(name, svc.Name)
			}
		}
		for _, a := range svc.Networks {
			for _, name := range f.declaredNames(svc, a.Aliases) {
				if slices.Contains(own, name) || !strings.Contains(name, ".") {
					add(name, svc.Name)
				}
				add(name+"."+f.fullName(a.Network), svc.Name)
			}
		}
	}
	return all
}

// meant is the service that a host means to a proxy: who answers to it there, else who bears the
// name anywhere in the project, the service of that very name first. Nil: none.
func (f *facts) meant(proxy *compose.Service, host string) *compose.Service {
	host = strings.ToLower(host)
	for _, b := range f.names[proxy.Name][host] {
		if b.service != "" {
			return f.stack.Services[b.service]
		}
	}
	if len(f.names[proxy.Name][host]) > 0 {
		return nil // another project's container answers
	}
	bearers := f.bearers[host]
	if len(bearers) == 0 {
		return f.aliased(proxy, host)
	}
	if slices.Contains(bearers, host) {
		return f.stack.Services[host]
	}
	return f.stack.Services[bearers[0]]
}

// aliased is the service that by the files bears a name on a network of the proxy's: also one that looks like a public
// domain is its own there, be it up or not. Nil: none.
func (f *facts) aliased(proxy *compose.Service, host string) *compose.Service {
	if host == "" {
		return nil
	}
	networks := f.networks(f.namespace(proxy))
	for _, svc := range f.services {
		for _, a := range svc.Networks {
			bears := func(name string) bool { return strings.ToLower(name) == host }
			if !svc.Disabled && svc.Scale > 0 && slices.Contains(networks, f.fullName(a.Network)) && slices.ContainsFunc(f.declaredNames(svc, a.Aliases), bears) {
				return svc
			}
		}
	}
	return nil
}

// nearest is the name that a proxy can resolve which is closest to host; empty where none is close.
// Only names that people write are offered, not generated ones.
func (f *facts) nearest(proxy *compose.Service, host string) string {
	key := [2]string{proxy.Name, host}
	if _, known := f.near[key]; !known {
		f.near[key] = f.findNearest(proxy, host)
	}
	return f.near[key]
}

func (f *facts) findNearest(proxy *compose.Service, host string) string {
	best, least := "", 1+max(1, len(host)/3)
	for _, name := range f.resolvable(proxy) {
		if d := Distance(strings.ToLower(host), name); d < least {
			best, least = name, d
		}
	}
	return best
}

// resolvable are the names that a proxy's passes could use, sorted: services and their aliases on
// its networks, without the proxy itself.
func (f *facts) resolvable(proxy *compose.Service) []string {
	list, known := f.written[proxy.Name]
	if known {
		return list
	}
	for name, bearers := range f.names[proxy.Name] {
		svc := f.stack.Services[bearers[0].service]
		if svc == nil || svc == proxy || strings.Contains(name, ".") || strings.HasPrefix(name, f.stack.Name+f.stack.Separator) {
			continue
		}
		if declares(svc, name) {
			list = append(list, name)
		}
	}
	slices.Sort(list)
	f.written[proxy.Name] = list
	return list
}

// declares says whether someone gave a service this name: as its own, its container's, or an alias.
func declares(svc *compose.Service, name string) bool {
	is := func(other string) bool { return strings.EqualFold(other, name) }
	return is(svc.Name) || is(svc.ContainerName) ||
		slices.ContainsFunc(svc.Networks, func(a compose.Attachment) bool { return slices.ContainsFunc(a.Aliases, is) })
}

// Distance is the least number of characters to insert, delete, replace or swap with their
// neighbour that turns a into b.
func Distance(a, b string) int {
	x, y := []rune(a), []rune(b)
	d := make([][]int, len(x)+1)
	for i := range d {
		d[i] = make([]int, len(y)+1)
		d[i][0] = i
	}
	for j := range d[0] {
		d[0][j] = j
	}
	for i := 1; i <= len(x); i++ {
		for j := 1; j <= len(y); j++ {
			cost := 1
			if x[i-1] == y[j-1] {
				cost = 0
			}
			d[i][j] = min(d[i-1][j]+1, d[i][j-1]+1, d[i-1][j-1]+cost)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				d[i][j] = min(d[i][j], d[i-2][j-2]+1)
			}
		}
	}
	return d[len(x)][len(y)]
}
