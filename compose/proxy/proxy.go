// Package proxy holds what the configuration of one reverse proxy says, as plain data:
// servers, locations, passes and upstream groups, each with its place in the user's files.
//
// It is what compose/nginx lowers to and what the rules of inspect read. It imports neither,
// so that another proxy can be lowered to the same types.
package proxy

import (
	"strings"
	"time"
)

// Place is a spot in one of the user's files. The zero Place is nowhere: what it belongs to
// comes from an image, not from the project.
type Place struct {
	File   string // relative to the project directory, with forward slashes
	Line   int    // from 1; 0: the file as a whole
	Column int    // from 1, in characters; 0: the line as a whole
	Inside string // nowhere, but here in a container: /etc/nginx/conf.d/default.conf:5
}

// Known says whether the place is in one of the project's files.
func (p Place) Known() bool { return p.File != "" }

// Config is the configuration that one proxy loads.
type Config struct {
	Files      []File // every file that was read, in reading order
	Servers    []*Server
	Groups     []*Group
	Directives []*Directive // of the http block itself, in order, without servers and groups
	Faults     []Fault      // what the proxy refuses to start with, in the order it meets them
	Unchecked  []Unchecked  // what it loads but could not be read here
	Unread     []string     // container paths, and patterns of them, of files among that
}

// Complete says whether everything that the proxy loads was read. Where it was not, the absence
// of something in the configuration proves nothing.
func (c *Config) Complete() bool { return len(c.Faults) == 0 && len(c.Unchecked) == 0 }

// File is a file of the configuration: where the proxy sees it, and what the user calls it.
type File struct {
	Path string // in the container
	Name string // as in Place.File; empty for a file of the image

	Origin  Origin
	Source  string    // host path of the file of that name; empty: it is none of its own
	Changed time.Time // when that was last written; zero: not known
	Linked  bool      // the source of the mount that brings it is a symbolic link

	Lost    []string // variables of nginx's own that its rendering has replaced, without their $
	Emptied bool     // a command of the start wrote it while it was reading it, so that nothing is left
	Eaten   []Use    // variables that were meant for nginx, or for what fills it in, and that Compose filled in
}

// Origin is how a file of the configuration comes to be in the container.
type Origin int

const (
	OfImage Origin = iota // the image brings it, or nobody knows
	Mounted               // a mount brings a file of the project
	Copied                // a Dockerfile copies a file of the project, and leaves it as it is
	Made                  // a file of the project is what the start of the container makes it of
)

// Use is a use of a variable.
type Use struct {
	Name  string // without its $
	Place Place
}

// Unchecked is something that could not be looked at, and why. Unknown is not false: nothing is
// concluded from it.
type Unchecked struct {
	What string
	Why  string
}

// FaultKind tells the sorts of parse faults apart.
type FaultKind int

const (
	Syntax          FaultKind = iota // the text cannot be parsed, or a directive is unknown or has wrong arguments
	WrongContext                     // a directive that is known, but not allowed where it stands
	IncludeMissing                   // an included file that is not there
	NoEvents                         // no "events" section
	UnknownVariable                  // a variable of the environment that nothing has filled in
)

// Fault is one thing that the proxy refuses to start with while it reads its configuration.
type Fault struct {
	Kind      FaultKind
	Text      string // mostly in nginx's own words, without file and line: `unknown directive "proxy_pas"`
	Path      string // of the file that is not there, in the container; empty for other kinds
	Link      string // what that path is a link to; empty: it is none
	Expected  string // why that file may yet be made on the machine; empty: nothing says so
	Directive string // the directive at fault; empty if there is none
	Context   string // the block it stands in: main, http, server, location …
	Variable  string // that is unknown, as written; empty for other kinds
	Rendered  bool   // the file is made of a template, so that the environment does not have the variable
	Place     Place
	Order     int // position in reading order; comparable with the Order of passes and groups
}

// Directive is one directive as written, with its arguments unquoted.
type Directive struct {
	Name  string
	Args  []string
	Place Place
	Order int          // position in reading order, over all files
	Block []*Directive // what stands between its braces; nil without braces
}

// Server is one http or stream server.
type Server struct {
	Place      Place
	Order      int
	Stream     bool
	Names      []string // server_name as written; empty if there is none
	Listens    []Listen // at least one: without a listen directive, port 80
	Directives []*Directive
	Locations  []*Location
	Passes     []*Pass // passes outside every location: those of stream servers
}

// Listen is one address that a server accepts connections on.
type Listen struct {
	Place   Place
	Address string // empty: all of IPv4; "::" all of IPv6; otherwise an address, without brackets
	Port    int    // 0 for a unix socket
	Socket  string // path of a unix socket
	V6Only  bool   // it accepts IPv6 alone, as nginx does at an address of it unless told otherwise
	TLS     bool
	HTTP2   bool // without TLS, clients that begin with HTTP/2 are understood
	UDP     bool
	Default bool // default_server
}

// Location is one location of an http server. Modifier is "", "=", "^~", "~", "~*" or "@" (a
// named location).
type Location struct {
	Place      Place
	Order      int
	Modifier   string
	Path       string       // path, regular expression, or name without its @
	Directives []*Directive // all of them, in order, nested locations left out
	Locations  []*Location  // nested
	Passes     []*Pass      // of the location and of its if and limit_except blocks
}

// String gives the location as written: "/api/", "~* \.php$", "@app".
func (l *Location) String() string {
	switch l.Modifier {
	case "":
		return l.Path
	case "@":
		return "@" + l.Path
	}
	return l.Modifier + " " + l.Path
}

// Pass is one directive that hands requests on: proxy_pass, fastcgi_pass, uwsgi_pass, scgi_pass,
// grpc_pass or memcached_pass.
type Pass struct {
	Place     Place // of its value
	Order     int
	Directive string
	Value     string    // as written
	Within    string    // "if" or "limit_except" where it stands in such a block of its location
	Variable  bool      // its value contains a variable, so that it is evaluated for each request
	Targets   []Target  // every value that it can take; at least one
	Resolver  *Resolver // the one in effect; nil: none

	Sent        []Param // headers, or the parameters of FastCGI, uwsgi and SCGI, that it is told to send
	Forgotten   []Param // those of blocks around it, which do not count because a nearer block has others
	HTTPVersion string  // that proxy_pass asks in: "1.0", "1.1", "2"; empty for the others
	Timeouts    Timeouts
	Root        string // the directory of files around it, as written; empty: the image's, or an alias
	Auth        string // the path that is asked first whether a request may pass; empty: none
	TLS         TLS    // how it begins a connection where its scheme says TLS
}

// TLS is how a pass begins a connection with TLS, as written. Paths are the container's.
type TLS struct {
	SendsName   bool   // the upstream is told which name is meant (SNI)
	Name        string // that name, and the one that the certificate must have; empty: the host of the pass
	Verifies    bool   // the certificate must be trusted, and have the name
	Trusted     string // the file with the certificates that are trusted; empty: none
	TrustedText string // what it holds, as PEM; empty: not known
	Certificate string // the pass's own, which the upstream may insist on; empty: none
}

// Param is a header or parameter that a pass sends.
type Param struct {
	Name  string // as written
	Value string // as written: "$host"; empty: a header of that name is not sent
	Place Place  // of its value
}

// Timeouts are how long a proxy waits for an upstream: for the connection, and for the next bytes to
// be taken or to come.
type Timeouts struct {
	Connect, Send, Read time.Duration
}

// Header is the value of a header or parameter that a pass is told to send, as written: "$host". ok is
// false where it is not told.
func (p *Pass) Header(name string) (value string, ok bool) {
	for _, param := range p.Sent {
		if strings.EqualFold(param.Name, name) {
			value, ok = param.Value, true
		}
	}
	return value, ok
}

// String gives the pass as written: "proxy_pass http://api:8000".
func (p *Pass) String() string { return p.Directive + " " + p.Value }

// Target is one value that a pass can take.
type Target struct {
	Value  string // the pass's value with its variables filled in
	Scheme string // http, https, fastcgi, uwsgi, suwsgi, scgi, grpc, grpcs, memcached, tcp, udp
	Host   string // name or address, without brackets; empty for a socket and where it is unknown
	Port   int    // the scheme's default where none is given; 0: none
	Socket string // path of a unix socket
	URI    string // what follows host and port
	Group  *Group // the upstream group that Host names; nil: none

	PortGiven  bool   // the port is written out
	PerRequest bool   // Host is looked up when a request comes; otherwise once, at start
	Said       Place  // where Host is written, if not in the pass itself: in a set, or an entry of a map
	Fault      string // why the proxy refuses it, in nginx's words: `invalid URL prefix`
	Unknown    string // why it cannot be known from the files
}

// Group is an upstream block.
type Group struct {
	Place      Place // of its name
	Order      int
	Name       string
	Stream     bool
	Servers    []*Peer
	Resolver   *Resolver // in effect where the group stands; for servers with resolve
	Directives []*Directive
	Fault      string // why nginx refuses it: `duplicate upstream "app"`
}

// Peer is one server of an upstream group.
type Peer struct {
	Place   Place // of its address
	Order   int
	Value   string // as written
	Host    string // name or address, without brackets; empty for a socket
	Port    int    // 80 where none is given
	Socket  string
	Backup  bool
	Down    bool
	Resolve bool   // looked up again while nginx runs (nginx 1.27.3 and later)
	Fault   string // why nginx refuses it: `invalid host in upstream`
	Unknown string // why its address cannot be known from the files
}

// Resolver is a resolver directive.
type Resolver struct {
	Place     Place
	Addresses []string // as written, without ports: "127.0.0.11"
	Servers   []string // the same with the ports that are written: "10.0.0.2:5353"
	Valid     string   // of valid=; empty: the TTL of the answer
	Variable  bool     // an address contains a variable or placeholder
}
