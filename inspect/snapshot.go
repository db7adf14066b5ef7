package inspect

import "time"

// Question is one thing that can be asked of the daemon, or of a probe that stands where a container
// stands. Its answer is the row of the snapshot that it is the key of.
type Question struct {
	Kind QuestionKind
	Of   string // what it is about: a project's name, a container's or network's id or name
	Path string // of AskFile and AskTail: in the container; one of AskFile that ends in / asks for all that is below
	Text bool   // of AskFile: for what is in the file, too
	Most int    // of AskLog: how many lines; 0: few
	Call Call   // of AskCall
}

// QuestionKind is what a question asks for.
type QuestionKind string

const (
	AskProject   QuestionKind = "project"   // which containers are the project's: Snapshot.Project
	AskContainer QuestionKind = "container" // by id: Snapshot.Containers
	AskNetwork   QuestionKind = "network"   // by full name: Snapshot.Networks
	AskLog       QuestionKind = "log"       // the last lines of a container, by id: Snapshot.Logs
	AskTail      QuestionKind = "tail"      // the last lines of a file that a container logs to: Snapshot.Tails
	AskKills     QuestionKind = "kills"     // what the kernel killed for want of memory, by project: Snapshot.Kills
	AskProcesses QuestionKind = "processes" // of a container, by id: Snapshot.Processes
	AskMounts    QuestionKind = "mounts"    // that a container's processes see, by id: Snapshot.Mounts
	AskSockets   QuestionKind = "sockets"   // that listen in a container's network namespace, by id: Snapshot.Sockets
	AskStats     QuestionKind = "stats"     // what a container uses, by id: Snapshot.Stats
	AskFile      QuestionKind = "file"      // a file or directory as a container has it: Snapshot.Files
	AskCall      QuestionKind = "call"      // what a pass meets, from where a container stands: Snapshot.Replies
)

// Probed says whether the question is one for a probe, which stands where a container stands.
func (q Question) Probed() bool {
	return q.Kind == AskCall || q.Kind == AskSockets || q.Kind == AskMounts
}

// Call is one attempt to do what a pass does: to look up the host, to connect to each of its
// addresses, and to say just enough to tell what answers there.
type Call struct {
	Host      string        // name or address, without brackets
	Port      int           // 0: the name is looked up, nothing more
	Resolvers string        // addresses that nginx asks for the name, with blanks: "127.0.0.11 10.0.0.2:5353"; empty: as libc does
	Wait      time.Duration // for the connection: proxy_connect_timeout, a second at most
	Scheme    string        // of the pass: http, https, fastcgi, uwsgi, suwsgi, scgi, grpc, grpcs, memcached, tcp; empty: nothing is said
	Asked     string        // the Host header that the pass sends
	Real      string        // the name that clients ask the server for, where that is another one
	SNI       string        // the name that the pass sends within TLS; empty: none
	Verify    string        // the name that the certificate must have; empty: it is not verified
	Trusted   string        // what Verify trusts, as PEM
	Path      string        // of a location that looks like one for websockets: an upgrade is asked for there; empty: none
}

// Snapshot is what the daemon and the probes were seen to say: plain data, no judgement. A row that
// is absent was not checked.
type Snapshot struct {
	Daemon     Daemon
	Time       time.Time              // the daemon's clock when it was asked
	Since      time.Time              // what was logged before is not about the present
	Project    []string               // ids of the project's containers; nil: not asked
	Containers map[string]*Container  // by id, those of other projects on the proxies' networks too
	Networks   map[string]*Network    // by full name; a nil row: the daemon has none of that name
	Logs       map[string][]LogLine   // by container id, oldest line first
	Tails      map[Question][]LogLine // a nil row: there is no such file
	Kills      map[string][]Kill      // by project
	Processes  map[string][]Process   // by container id
	Mounts     map[string][]Mounted   // by container id
	Sockets    map[string][]Socket    // by container id
	Stats      map[string]*Stats      // by container id; a nil row: it does not run
	Files      map[Question]*File     // a nil row: there is no such file
	Replies    map[Question]*Reply
	Failed     map[Question]string // questions that got no answer, and why
	Probe      Probe
}

// longestName is the longest name that can be looked up, in bytes. (RFC 1035, 2.3.4)
const longestName = 255

// About says what a question is about, by the name that users know: "log shop-edge-1". A container with a name that
// only a daemon gone wrong can give it keeps its id.
func (s *Snapshot) About(q Question) string {
	of := q.Of
	if c := s.Containers[q.Of]; c != nil && c.Name != "" && len(c.Name) <= longestName {
		of = c.Name
	}
	if q.Path != "" {
		return "files in " + of
	}
	return string(q.Kind) + " " + of
}

// Probe is what became of the questions that took a helper container.
type Probe struct {
	State  ProbeState
	Why    string // there is no proof, or not of everything; empty: nothing is missing
	Remedy string
}

// ProbeState says how much the probe had to say.
type ProbeState string

const (
	ProbeDone        ProbeState = "done"
	ProbePartial     ProbeState = "partial" // some questions got no answer
	ProbeOff         ProbeState = "off"     // it was not wanted, or there was nothing to ask it
	ProbeUnavailable ProbeState = "unavailable"
)

// NewSnapshot is a snapshot without rows.
func NewSnapshot(at time.Time) *Snapshot {
	return &Snapshot{
		Time:       at,
		Containers: map[string]*Container{}, Networks: map[string]*Network{}, Logs: map[string][]LogLine{}, Tails: map[Question][]LogLine{},
		Kills: map[string][]Kill{}, Processes: map[string][]Process{}, Mounts: map[string][]Mounted{},
		Sockets: map[string][]Socket{}, Stats: map[string]*Stats{}, Files: map[Question]*File{},
		Replies: map[Question]*Reply{}, Failed: map[Question]string{},
	}
}

// LogLine is one line that a container wrote.
type LogLine struct {
	Time time.Time // the daemon's clock; zero: not known, as of lines of a file
	Text string
}

// Reply is what a call met.
type Reply struct {
	Lookups []Lookup // one per resolver, or the one of libc; none where the host is an address
	Dials   []Dial   // to each address, at most maxDials of them
	Talk    Talk     // with the first address that took the connection
}

// Lookup is one answer to the question for a name.
type Lookup struct {
	By        string   // the resolver, host and port; empty: libc, which looks into the hosts file first
	Addresses []string // of IPv4 and IPv6, in the order of the answer
	Error     string   // why there are none: "no such host", "server failure", "no answer", "refused"
	Took      time.Duration
}

// Dial is one attempt to connect.
type Dial struct {
	Address string // without its port
	Errno   int    // as Linux numbers them: 111 refused, 113 unreachable, 110 no answer in time; 0: connected; -1: another failure
	Took    time.Duration
}

// Talk is what the other side of a connection was heard to say.
type Talk struct {
	Speaks   string        // http, tls, fastcgi, uwsgi, http2, memcached, or other; empty: nothing that tells it
	Within   string        // the same of what is said within TLS, where the pass begins that
	Closed   bool          // it closed the connection without a word
	Banner   string        // the first bytes of what is no known protocol
	Status   int           // of HTTP, with the Host header that the pass sends; 0: none
	Real     int           // the same with the name that clients ask for; 0: not asked
	Upgraded int           // status of the request for a websocket; 0: not asked
	Server   string        // header of HTTP
	NeedsSNI bool          // it ends the handshake without a name, and not with one
	TLSError string        // why there was no handshake, or the certificate would be refused; empty: it would not
	Took     time.Duration // until the first byte
}

// Socket is one TCP socket that listens.
type Socket struct {
	Address string // 0.0.0.0, 127.0.0.1, ::, ::1 …
	Port    int
	Waiting int // connections that nobody has accepted yet
}

// Process is one process of a container.
type Process struct {
	PID, Parent int // as the daemon's host numbers them
	Started     time.Time
	Command     string
}

// Mounted is a mount as a container's processes see it (proc(5), mountinfo).
type Mounted struct {
	Target string // in the container
	Root   string // what is mounted, within its file system; ends in //deleted where that is gone
}

// Kill is one process that the kernel killed for want of memory.
type Kill struct {
	Container string // id
	Time      time.Time
}

// Stats are one sample of what a container uses.
type Stats struct {
	Memory             uint64 // bytes, without what the kernel would give back at once
	MemoryFailures     uint64 // how often the limit was hit; always 0 with control groups of version 2
	Pids               uint64 // processes and threads
	Periods, Throttled uint64 // of the CPU's scheduler, and those in which it held the container back
}

// File is a file or directory as a container has it.
type File struct {
	Link     string           // where it leads, if it is a link
	Dir      bool             // it is a directory
	Socket   bool             // it is a unix socket
	Size     int64            // in bytes
	Mode     uint32           // permission bits
	Modified time.Time        // of its content
	Text     string           // of a file whose content was asked for
	Unread   string           // why there is no text of it, or not all of a tree; empty: there is
	Tree     map[string]*File // what is below a directory, by path in the container, where that was asked for
}

// Daemon is the engine that was asked.
type Daemon struct {
	Endpoint string // unix:///var/run/docker.sock
	Context  string // the Docker context that named the endpoint; empty: none
	Engine   string // version
	API      string // version spoken
	Desktop  bool   // Docker Desktop, whose DNS answers host.docker.internal
	Local    bool   // it runs on this machine: its paths are paths here, and so are its processes
}

// Container is one container, as the daemon's inspect shows it.
type Container struct {
	ID           string
	Name         string // without the leading slash
	Project      string // Compose's labels; empty for other containers
	Service      string
	OneOff       bool // made by docker compose run
	Image        string
	State        string // created, running, paused, restarting, removing, exited, dead
	Error        string // why it could not be started
	ExitCode     int
	OOMKilled    bool
	Restarts     int
	Started      time.Time
	Finished     time.Time
	Health       string        // "", starting, healthy, unhealthy
	HealthOutput string        // of the last check
	StartPeriod  time.Duration // of its health check
	MemoryLimit  int64         // bytes; 0: none
	CPULimit     int64         // billionths of a CPU; 0: none
	PidsLimit    int64         // processes and threads; 0: none
	NetworkMode  string        // host, none, container:ID, or a network's name
	Endpoints    []Endpoint    // sorted by network
	Published    []Binding     // its ports while it runs, those that the daemon picked too
	Made         Made
}

// Made is what a container was made from. Texts are as Setting gives them.
type Made struct {
	Time        time.Time
	Files       []string // Compose files, absolute
	Directory   string   // of the project
	ImageID     string
	Entrypoint  []string
	Command     []string
	Environment map[string]string // variables whose names say that they are credentials left out
	Ports       []Binding
	Mounts      []ContainerMount
}

// Binding is a published port of a container.
type Binding struct {
	HostIP    string // empty: all addresses
	Published int    // 0: a free port that the daemon picked
	Target    int
	Protocol  string // tcp or udp
}

// ContainerMount is a mount of a container.
type ContainerMount struct {
	Type   string // bind, volume, tmpfs
	Source string // host path of a bind; name of a volume
	Target string
}

// Endpoint is a container's place on one network. It is up only while the container runs: then
// ID and addresses are set and the names resolve.
type Endpoint struct {
	Network string // full name
	ID      string
	IPv4    string
	IPv6    string
	Names   []string // that Docker's DNS answers on this network, in lower case
}

// Network is one network of the daemon.
type Network struct {
	ID         string
	Name       string
	Driver     string
	Internal   bool
	Containers []string // ids of the containers on it, of any project; only those that run
}
