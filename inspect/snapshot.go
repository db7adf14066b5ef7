package inspect

import "time"

// Question is one thing that can be asked of the daemon. Its answer is the row of the snapshot
// that it is the key of.
type Question struct {
	Kind QuestionKind
	Of   string // what it is about: a project's name, a container's or network's id or name
}

// QuestionKind is what a question asks for.
type QuestionKind string

const (
	AskProject   QuestionKind = "project"   // which containers are the project's: Snapshot.Project
	AskContainer QuestionKind = "container" // by id: Snapshot.Containers
	AskNetwork   QuestionKind = "network"   // by full name: Snapshot.Networks
	AskLog       QuestionKind = "log"       // the last lines of a container, by id: Snapshot.Logs
)

// Snapshot is what the daemon was seen to say: plain data, no judgement. A row that is absent was
// not checked.
type Snapshot struct {
	Daemon     Daemon
	Time       time.Time             // the daemon's clock when it was asked
	Project    []string              // ids of the project's containers; nil: not asked
	Containers map[string]*Container // by id, those of other projects on the proxies' networks too
	Networks   map[string]*Network   // by full name; a nil row: the daemon has none of that name
	Logs       map[string][]string   // by container id, oldest line first
	Failed     map[Question]string   // questions that got no answer, and why
}

// Daemon is the engine that was asked.
type Daemon struct {
	Endpoint string // unix:///var/run/docker.sock
	Context  string // the Docker context that named the endpoint; empty: none
	Engine   string // version
	API      string // version spoken
	Desktop  bool   // Docker Desktop, whose DNS answers host.docker.internal
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
	NetworkMode  string        // host, none, container:ID, or a network's name
	Endpoints    []Endpoint    // sorted by network
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
