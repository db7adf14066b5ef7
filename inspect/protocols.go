package inspect

import (
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"why502/compose"
	"why502/compose/proxy"
)

// protocol is what a service speaks on a port, and what says so; the zero value is not known.
type protocol struct {
	name   string // http, fastcgi, uwsgi, or a database's own
	http2  bool   // it understands HTTP/2 without TLS, or may
	tls    security
	sure   Confidence
	source string // of evidence: nginx, compose
	text   string // what says so
	guess  string // why that is thought, where nothing of the service says so
	place  proxy.Place
}

// security says whether a connection has to begin with TLS.
type security int

const (
	unknownSecurity security = iota
	plain
	secure
)

// protocolNames are protocols as people write them; the others are.
var protocolNames = map[string]string{"http": "HTTP", "fastcgi": "FastCGI", "grpc": "HTTP/2", "scgi": "SCGI"}

func protocolName(name string) string {
	if written, ok := protocolNames[name]; ok {
		return written
	}
	return name
}

// askedIn is the protocol that a pass asks in, and whether within TLS; empty where it hands on whatever
// comes.
func askedIn(scheme string) (name string, tls security) {
	switch scheme {
	case "https":
		return "http", secure
	case "grpcs":
		return "grpc", secure
	case "suwsgi":
		return "uwsgi", secure
	case "tcp", "udp":
		return "", unknownSecurity
	}
	return scheme, plain
}

// understands says whether a service that speaks a protocol can answer to another.
func (p protocol) understands(asked string) bool {
	return p.name == "" || asked == "" || asked == p.name || asked == "grpc" && p.http2
}

// speaks says what a service speaks on a port: by its nginx, by the command that it is started with, or
// by its image. The zero protocol where none of these says it.
func (f *facts) speaks(svc *compose.Service, port int) protocol {
	at := endpoint{svc, port}
	if _, known := f.spoken[at]; !known {
		f.spoken[at] = f.spokenAt(at)
	}
	return f.spoken[at]
}

// endpoint is a port of a service.
type endpoint struct {
	service *compose.Service
	port    int
}

func (f *facts) spokenAt(at endpoint) protocol {
	svc := at.service
	here := func(l listening) bool { return l.port == at.port }
	switch inner := f.ownNginx(svc); {
	case f.sharesNamespace(svc) && !slices.ContainsFunc(f.listening(svc), here):
		return protocol{} // another one may listen there
	case inner != nil:
		return nginxSpeaks(inner.Config, at.port)
	case f.nginx[svc.Name] != nil:
		return protocol{}
	}
	if p := imageSpeaks(svc); p.name != "" {
		return p
	}
	return commandSpeaks(svc, at.port)
}

// nginxSpeaks says what an nginx speaks on a port. An address on which one server has TLS has it for
// all of them. A server with an error page for plain requests to its TLS answers those in its own way.
func nginxSpeaks(config *proxy.Config, port int) (p protocol) {
	addresses := map[string]bool{}
	answersPlain := slices.ContainsFunc(config.Directives, isPlainToTLS)
	for _, s := range config.Servers {
		for _, l := range s.Listens {
			switch {
			case l.Port != port || l.UDP:
				continue
			case s.Stream:
				return protocol{}
			case p.name == "":
				p = protocol{name: "http", sure: Certain, source: "nginx", text: "listen " + strconv.Itoa(port), place: l.Place}
			}
			addresses[l.Address] = addresses[l.Address] || l.TLS
			p.http2 = p.http2 || l.HTTP2
			answersPlain = answersPlain || slices.ContainsFunc(s.Directives, isPlainToTLS)
		}
	}
	switch all := slices.Collect(maps.Values(addresses)); {
	case len(all) == 0:
	case !slices.Contains(all, true):
		p.tls = plain
	case !slices.Contains(all, false) && !answersPlain:
		p.tls = secure
	}
	return p
}

// isPlainToTLS says whether a directive is an error page for 497, nginx's code for a plain request where
// TLS is spoken.
func isPlainToTLS(d *proxy.Directive) bool {
	return d.Name == "error_page" && slices.Contains(d.Args, "497")
}

// imageSpeaks says what a service speaks by its image, where that is started as it is.
func imageSpeaks(svc *compose.Service) (p protocol) {
	name, official := compose.ImageProtocol(svc.Base())
	start := svc.Start()
	asItIs := len(start) == 0 || name == "fastcgi" && path.Base(start[0]) == "php-fpm"
	database := name != "fastcgi" && name != "http" // which is started with options, or from a shell
	if name == "" || !asItIs && !database {
		return p
	}
	p = protocol{name: name, sure: Certain, source: "compose", text: "the image " + svc.Base()}
	if !official || svc.Build != nil || !asItIs {
		p.sure = Likely // what was added to it may be another server
	}
	return p
}

// serverCommands are programs that speak one protocol whatever they are told; the first group of a
// pattern is what says so.
var serverCommands = []struct {
	program *regexp.Regexp
	speaks  string
}{
	{regexp.MustCompile(`(?:^|[\s/;&"'])(php-fpm)[\d.]*(?:[\s;&"']|$)`), "fastcgi"},
	{regexp.MustCompile(`\b(gunicorn|uvicorn|daphne|waitress-serve|puma|http\.server|runserver|flask run|rails s|rails server|next start|next dev|php -S|artisan serve|apache2-foreground|httpd-foreground)\b`), "http"},
}

var (
	uwsgiProgram = regexp.MustCompile(`(?:^|[\s/;&"'])uwsgi\s`)
	uwsgiSocket  = regexp.MustCompile(`\s--?(http|http-socket|http11-socket|https|https-socket|socket|s|uwsgi-socket)[= ]["']?(?:[\w.*\[\]-]*:)(\d{2,5})\b`)
	mayEncrypt   = regexp.MustCompile(`(?i)https|ssl|tls|cert|keyfile|-c |--config`)
)

// commandSpeaks says what a service speaks by the command that it is started with.
func commandSpeaks(svc *compose.Service, port int) (p protocol) {
	line := strings.Join(svc.Start(), " ")
	switch {
	case strings.Contains(line, "protocol"): // it is told which
		return p
	case uwsgiProgram.MatchString(line):
		return uwsgiSpeaks(line, port)
	}
	for _, server := range serverCommands {
		m := server.program.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		if p.name != "" {
			return protocol{} // several are started
		}
		p = protocol{name: server.speaks, sure: Likely, source: "compose", text: "its command: " + m[1]}
	}
	if p.name == "http" && !mayEncrypt.MatchString(line) {
		p.tls = plain
	}
	return p
}

// uwsgiSpeaks says what uwsgi speaks on a port, where its command says that.
func uwsgiSpeaks(line string, port int) protocol {
	for _, m := range uwsgiSocket.FindAllStringSubmatch(line, -1) {
		if m[2] != strconv.Itoa(port) {
			continue
		}
		p := protocol{name: "uwsgi", tls: plain, sure: Likely, source: "compose", text: "its command: uwsgi " + strings.TrimSpace(m[0])}
		if strings.HasPrefix(m[1], "http") {
			p.name = "http"
		}
		if strings.HasPrefix(m[1], "https") {
			p.tls = secure
		}
		return p
	}
	return protocol{}
}
