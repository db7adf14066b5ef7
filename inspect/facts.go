package inspect

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"why502/compose"
	"why502/compose/proxy"
)

// facts joins what the files say with what the daemon says: each question is answered by the
// daemon where it was asked, else by the files, so that a rule need not know which it was.
type facts struct {
	stack      *compose.Stack
	snap       *Snapshot               // nil: files alone
	services   []*compose.Service      // sorted by name
	containers map[string][]*Container // of the project, by service; one-offs left out
	all        []*Container            // that the snapshot has, of any project; sorted by name
	names      map[string]nameTable    // what each proxy can resolve, by service
	bearers    map[string][]string     // services that bear a name anywhere in the project
	proxies    map[string]*compose.Proxy
	nginx      map[string]*compose.Proxy               // every service that runs nginx, those that hand nothing on too
	together   map[*compose.Service][]*compose.Service // the services that use one's network namespace, itself included
	*memo
}

// memo is what has been worked out so far, so that it is once. It is not for two goroutines at a time.
type memo struct {
	led      map[*compose.Route][]Backend          // what each route leads to
	nets     map[string][]string                   // networks of each service
	ports    map[string][]listening                // of each service
	bound    map[*compose.Service][]binding        // what each is told of where to listen
	spoken   map[endpoint]protocol                 // by services
	paths    map[string]pathKind                   // of locations
	near     map[[2]string]string                  // the nearest name to a proxy's host
	written  map[string][]string                   // names that a proxy's passes could use
	reached  map[string]map[*compose.Service]bool  // what depends_on leads to from a service
	defaults map[port]*proxy.Server                // that answer where no name is chosen
	early    map[*compose.Proxy][]*compose.Service // what a proxy does not wait for until it is ready
	stale    map[*compose.Proxy][]unloaded         // files that a proxy has otherwise than they are
	journals map[*compose.Proxy]*journal           // what each proxy wrote of late
	replies  map[way]*Reply                        // what the probe met
	said     map[*compose.Proxy]map[string]bool    // names of the directives of each proxy
	owners   map[string]*Container                 // running containers by their addresses
}

func newMemo() *memo {
	return &memo{
		led: map[*compose.Route][]Backend{}, nets: map[string][]string{}, ports: map[string][]listening{}, bound: map[*compose.Service][]binding{}, spoken: map[endpoint]protocol{},
		paths: map[string]pathKind{}, near: map[[2]string]string{}, written: map[string][]string{}, reached: map[string]map[*compose.Service]bool{}, defaults: map[port]*proxy.Server{},
		early: map[*compose.Proxy][]*compose.Service{}, stale: map[*compose.Proxy][]unloaded{}, journals: map[*compose.Proxy]*journal{}, replies: map[way]*Reply{}, said: map[*compose.Proxy]map[string]bool{},
	}
}

// forGoroutine is the same facts for another goroutine.
func (f *facts) forGoroutine() *facts {
	other := *f
	other.memo = newMemo()
	return &other
}

func newFacts(stack *compose.Stack, snap *Snapshot) *facts {
	f := &facts{
		stack: stack, snap: snap, containers: map[string][]*Container{}, names: map[string]nameTable{}, proxies: map[string]*compose.Proxy{}, nginx: map[string]*compose.Proxy{},
		together: map[*compose.Service][]*compose.Service{}, memo: newMemo(),
	}
	for _, name := range slices.Sorted(maps.Keys(stack.Services)) {
		svc := stack.Services[name]
		f.services = append(f.services, svc)
		f.together[f.namespace(svc)] = append(f.together[f.namespace(svc)], svc)
	}
	if snap != nil {
		for _, c := range snap.Containers {
			if c != nil {
				f.all = append(f.all, c)
			}
		}
		slices.SortFunc(f.all, func(a, b *Container) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID)) })
		for _, c := range f.all {
			if slices.Contains(snap.Project, c.ID) && !c.OneOff {
				f.containers[c.Service] = append(f.containers[c.Service], c)
			}
		}
		if f.stoppedAsAWhole() {
			f.containers = nil
		}
	}
	f.bearers = f.allNames()
	for _, p := range slices.Concat(stack.Proxies, stack.Servers) {
		f.nginx[p.Service.Name] = p
	}
	for _, p := range stack.Proxies {
		f.proxies[p.Service.Name] = p
		f.names[p.Service.Name] = f.namesOf(p.Service)
	}
	return f
}

// live says whether the daemon has containers of this project that say something: not where it
// knows none, and not where the project is stopped.
func (f *facts) live() bool { return len(f.containers) > 0 }

// stoppedAsAWhole says whether someone stopped the project: nothing runs, and no proxy ended with
// an error of its own.
func (f *facts) stoppedAsAWhole() bool {
	for _, cs := range f.containers {
		for _, c := range cs {
			if c.State != "exited" && c.State != "dead" && (c.State != "created" || c.Error != "") {
				return false
			}
		}
	}
	for _, p := range f.stack.Proxies {
		for _, c := range f.containers[p.Service.Name] {
			if !slices.Contains(stopCodes, c.ExitCode) || c.OOMKilled || lastEmerg(f.snap.Logs[c.ID]) != "" {
				return false
			}
		}
	}
	return true
}

// stopCodes are the exit codes of containers that someone stopped: by themselves, or by SIGINT,
// SIGKILL or SIGTERM.
var stopCodes = []int{0, 130, 137, 143}

// partial says whether the daemon left questions open, so that what is not in the snapshot may be
// there all the same.
func (f *facts) partial() bool {
	if f.snap == nil {
		return false
	}
	for q := range f.snap.Failed {
		if q.Kind == AskContainer || q.Kind == AskNetwork {
			return true
		}
	}
	return len(f.snap.foreign()) >= maxForeign
}

// running are the containers of a service that run.
func (f *facts) running(service string) (running []*Container) {
	for _, c := range f.containers[service] {
		if c.State == "running" {
			running = append(running, c)
		}
	}
	return running
}

// unsettled says whether a container that runs was restarted twice or more, and less than a minute
// ago: it may be about to end again, or have found at last what it waited for.
func (f *facts) unsettled(c *Container) bool {
	return c.State == "running" && c.Restarts >= 2 && f.young(c)
}

// young says whether a container started less than a minute ago.
func (f *facts) young(c *Container) bool { return f.snap.Time.Sub(c.Started) < time.Minute }

// starting says whether the nginx of a container does not run yet, or still reads its configuration: it calls itself
// "nginx: master process" from then on (ngx_process_cycle.c). That takes long where a name is looked up that no DNS
// server answers for. One without a master keeps its first name, but is ready before anybody asks.
func (f *facts) starting(c *Container) bool {
	all := f.snap.Processes[c.ID]
	ready := func(p Process) bool {
		return strings.Contains(p.Command, ": master process") || strings.Contains(p.Command, "master_process")
	}
	return len(all) > 0 && !slices.ContainsFunc(all, ready) && f.young(c)
}

// networks are the full names of the networks that a service is on: its containers' where the
// daemon was asked, else those of the files. A container without its own network uses another's.
func (f *facts) networks(svc *compose.Service) []string {
	svc = f.namespace(svc)
	full, known := f.nets[svc.Name]
	if known {
		return full
	}
	if cs := f.containers[svc.Name]; slices.ContainsFunc(cs, (*Container).joined) {
		for _, c := range cs {
			for _, e := range c.Endpoints {
				full = append(full, e.Network)
			}
		}
	} else {
		for _, a := range svc.Networks {
			full = append(full, f.fullName(a.Network))
		}
	}
	slices.Sort(full)
	f.nets[svc.Name] = slices.Compact(full)
	return f.nets[svc.Name]
}

// joined says whether the daemon tells the networks of a container: not of one that it failed to start.
func (c *Container) joined() bool {
	return len(c.Endpoints) > 0 || c.State != "created" || c.Error == ""
}

// namespace is the service whose network a service uses.
func (f *facts) namespace(svc *compose.Service) *compose.Service { return f.stack.Namespace(svc) }

// fullName is the daemon's name of a network that services call by a short one.
func (f *facts) fullName(network string) string {
	if n := f.stack.Networks[network]; n != nil {
		return n.Full
	}
	return network
}

// shared are the networks that two services are both on.
func (f *facts) shared(a, b *compose.Service) (both []string) {
	other := f.networks(b)
	for _, n := range f.networks(a) {
		if slices.Contains(other, n) {
			both = append(both, n)
		}
	}
	return both
}

// external says whether a service is on a network that other projects may join.
func (f *facts) external(svc *compose.Service) bool {
	for _, a := range f.namespace(svc).Networks {
		if n := f.stack.Networks[a.Network]; n != nil && n.External {
			return true
		}
	}
	return false
}
