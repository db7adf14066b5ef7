// Package compose reads: from a Compose project's files to a Stack, the merged services with their
// places, the proxies among them, and the routes that the configuration of each proxy makes.
package compose

import (
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"why502/compose/nginx"
	"why502/compose/proxy"
)

// Stack is a Compose project as merged (files, overrides, profiles, environment) plus what its
// proxies load. It is plain data; nothing in it is read again later.
type Stack struct {
	Name      string
	Directory string              // of the project, absolute
	Files     []string            // Compose files, relative to Directory
	Services  map[string]*Service // by name, those that a profile disables among them
	Networks  map[string]*Network // by the name that services use
	Proxies   []*Proxy            // sorted by service
	Servers   []*Proxy            // services that run nginx but hand nothing on; sorted by service
	Sources   Sources             // text of every file that a place can name
	Unchecked []proxy.Unchecked
	Ignores   []Ignore // that the project's files ask for: those of its file of ignores, then comments
	Separator string   // in the names of containers: PROJECT-SERVICE-1, or _ where Compose 1 is imitated

	view      View                              // of the machine's files
	places    places                            // of every key and item of the Compose files
	env       map[string]types.Mapping          // what Compose fills in in them, by file
	fromFiles map[string]map[string]proxy.Place // variables of env files, by service
	read      map[string][]byte                 // Compose files and env files: by host path, - for standard input
	process   map[string]bool                   // names of the variables of the process
	seen      map[string]*Seen                  // of containers, by service
	looks     int                               // into layers of containers so far
	made      int                               // bytes of files that were rendered so far
}

// Namespace is the service whose network a service uses: itself, or the one that its network_mode
// leads to, by the service's name or by its container's.
func (s *Stack) Namespace(svc *Service) *Service {
	for range s.Services {
		other := s.neighbour(svc.NetworkMode)
		if other == nil {
			break
		}
		svc = other
	}
	return svc
}

func (s *Stack) neighbour(mode string) *Service {
	if name, ok := strings.CutPrefix(mode, "service:"); ok {
		return s.Services[name]
	}
	if name, ok := strings.CutPrefix(mode, "container:"); ok {
		for _, svc := range s.Services {
			if svc.ContainerName == name {
				return svc
			}
		}
	}
	return nil
}

// Service is one service of the merged project.
type Service struct {
	Name          string
	Place         proxy.Place
	Disabled      bool     // by a profile that is not active
	Profiles      []string // empty: always enabled
	Image         string
	Build         *Image // what its build section makes; nil: the image is not built here
	ContainerName string
	Hostname      string
	NetworkMode   string       // "", host, none, bridge, service:NAME, container:NAME
	Networks      []Attachment // sorted by network; the implicit default included
	Ports         []Port
	Expose        []Number
	ExtraHosts    map[string][]string // names that it adds to /etc/hosts, in lower case, with their addresses
	OwnNames      bool                // it resolves names in ways of its own: dns, dns_search, external_links, a mounted hosts file
	VolumesFrom   bool                // mounts come from other containers
	Links         []Link
	DependsOn     []Dependency // sorted by service
	Environment   map[string]Value
	Entrypoint    []string // nil: the image's
	Command       []string // nil: the image's
	Healthcheck   []string // the test, without its CMD or CMD-SHELL; nil: none or disabled
	Restart       string   // policy: "", no, always, on-failure, unless-stopped
	Scale         int      // replicas; 1 unless said otherwise
	Mounts        []Mount
	User          string // that its containers start as; empty: the image's
	Groups        bool   // that user has more groups
	Bound         bool   // root in it may not read what is closed to root
}

// Base is the image that a service runs, or that the last stage of its Dockerfile comes from; empty:
// not known.
func (s *Service) Base() string {
	if s.Build != nil {
		return s.Build.Base
	}
	return s.Image
}

// Start is the command line that a service's container starts: entrypoint and command of the Compose
// files, else those of the Dockerfile; nil: those of the image.
func (s *Service) Start() []string {
	entrypoint, command := s.Entrypoint, s.Command
	if s.Build != nil && entrypoint == nil {
		entrypoint = s.Build.Entrypoint
		if command == nil {
			command = s.Build.Command
		}
	}
	return append(slices.Clone(entrypoint), command...)
}

// Variables are the environment of a service's container: that of the Dockerfile, and over it that of
// the Compose files.
func (s *Service) Variables() map[string]Value {
	if s.Build == nil {
		return s.Environment
	}
	all := maps.Clone(s.Build.Environment)
	if all == nil {
		return s.Environment
	}
	maps.Copy(all, s.Environment)
	return all
}

// variables are the same without their places.
func (s *Service) variables() map[string]string {
	all := map[string]string{}
	for name, v := range s.Variables() {
		all[name] = v.Text
	}
	return all
}

// Value is a value of the Compose files and where it stands.
type Value struct {
	Text  string
	Place proxy.Place
}

// Number is a port of the Compose files and where it stands.
type Number struct {
	Port  int
	Place proxy.Place
}

// Attachment is a service's membership of one network.
type Attachment struct {
	Network string // as in Stack.Networks
	Aliases []string
	IPv4    string // a pinned address
	Place   proxy.Place
}

// Port is one published container port; a range is several.
type Port struct {
	HostIP    string // empty: all addresses
	Published int    // 0: a free port that the daemon picks
	Target    int
	Protocol  string // tcp or udp
	Place     proxy.Place
	Several   bool // Published is the first of several, of which the daemon takes one that is free
}

// Link is one entry of links: the linked service, and the name it gets.
type Link struct {
	Service string
	Alias   string
}

// Dependency is one entry of depends_on, or what links and network_mode imply.
type Dependency struct {
	Service   string
	Condition string // service_started, service_healthy, service_completed_successfully
	Restart   bool
	Place     proxy.Place
}

// Mount is something mounted into a service's containers.
type Mount struct {
	Type     string // bind, volume, tmpfs, config, secret
	Source   string // absolute host path of a bind; name of a volume
	Target   string // absolute container path
	ReadOnly bool
	Create   bool // a missing bind source is made, as a directory (short syntax)
	Outside  bool // others than the project's services may mount this volume
	Place    proxy.Place
	Content  *nginx.File // of a config or secret whose text the Compose files or a variable give; nil: it is a file
	Labelled bool        // SELinux lets containers read it (the options z and Z)
}

// Network is one network of the project.
type Network struct {
	Name     string // as services say it
	Full     string // as the daemon says it: PROJECT_NAME
	External bool
	Internal bool
	Driver   string
	Subnets  []Subnet // that the files give it
	IPv6     bool     // its containers get addresses of IPv6, too
	Place    proxy.Place
}

// Subnet is a range of addresses of a network, and the one of them that is the host's.
type Subnet struct {
	netip.Prefix
	Gateway netip.Addr
}

// Proxy is a service that runs nginx and hands requests on.
type Proxy struct {
	Service   *Service
	Why       string // how it was known: image, dockerfile, mount, flag
	Sure      bool   // its image is known to be an nginx, or is built by the project
	Stock     bool   // a stock nginx image with its own command: nothing but nginx runs in it
	Beside    []int  // ports on which others than nginx listen in its container, as its image is known to have them
	Version   string // of nginx, from the image's tag ("1.27"); empty: unknown, the latest is assumed
	Config    *proxy.Config
	Routes    []*Route
	Missing   []BadMount   // bind mounts of configuration whose source is not what it has to be
	NotLoaded []proxy.File // mounted configuration files that nothing includes
	Absent    []Absent     // certificates and keys that nginx loads when it starts, and does not find
	User      string       // whom nginx opens those files as: "101"; empty: not known
	Closed    []Unreadable // mounted files that nginx reads when it starts, and may not by their owner and mode
}

// Older says whether a proxy's nginx is known to be older than a version.
func (p *Proxy) Older(major, minor, patch int) bool {
	return nginx.Older(p.Version, major, minor, patch)
}

// Absent is a file that a directive names and that is not in the container.
type Absent struct {
	Directive string
	Path      string // in the container
	Mount     *Mount // that it would be under: it may yet be made on the machine; nil: none
	Place     proxy.Place
	Order     int // of the directive
}

// BadMount is a bind mount of configuration whose source is not there, or is a directory where
// nginx reads a file.
type BadMount struct {
	Mount
	Directory   bool   // the source is there, but it is a directory
	OfDirectory bool   // nginx looks for files in it: a missing source is an empty directory
	Empty       bool   // the source is there, an empty directory: Docker may have made it
	Expected    string // why it may yet be made: a template beside it, an ignore rule; empty: nothing says so
}

// Route is published port → listen → server → location → pass → target: what users think of as
// "this URL goes there". There is one per proxy, listen port, server, location and target.
type Route struct {
	ID        string // unique in the stack: "edge:80 shop.example.com/ -> api:8000"
	Proxy     *Proxy `record:"-"` // the one that has it in its Routes
	Published []Port // ports of the proxy that lead to Listen; empty: none is published
	Listen    proxy.Listen
	Server    *proxy.Server
	Location  *proxy.Location // nil in a stream server
	Pass      *proxy.Pass
	Target    proxy.Target
}
