package compose

import (
	"cmp"
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"

	"why502/compose/proxy"
)

// routes lists every way through a proxy, in the order of its configuration, with ids that are
// unique in it.
func routes(p *Proxy, s *Stack) (all []*Route) {
	seen := map[string]int{}
	ways := map[*proxy.Server][]way{}
	for _, srv := range p.Config.Servers {
		ways[srv] = waysInto(srv, s.Namespace(p.Service).Ports)
	}
	eachPass(p.Config, func(srv *proxy.Server, loc *proxy.Location, pass *proxy.Pass) {
		for _, w := range ways[srv] {
			l, published := w.listen, w.published
			for _, t := range pass.Targets {
				if len(all) == maxRoutes {
					p.Config.Unchecked = append(p.Config.Unchecked, proxy.Unchecked{What: "further routes", Why: fmt.Sprintf("there are more than %d", maxRoutes)})
				}
				if len(all) >= maxRoutes {
					return
				}
				r := &Route{Proxy: p, Published: published, Listen: l, Server: srv, Location: loc, Pass: pass, Target: t}
				r.ID = r.id()
				if seen[r.ID]++; seen[r.ID] > 1 {
					r.ID += " #" + strconv.Itoa(seen[r.ID])
				}
				all = append(all, r)
			}
		}
	})
	return all
}

// eachPass visits every pass of a configuration, in its order.
func eachPass(c *proxy.Config, visit func(*proxy.Server, *proxy.Location, *proxy.Pass)) {
	for _, srv := range c.Servers {
		for _, pass := range srv.Passes {
			visit(srv, nil, pass)
		}
		eachLocation(srv.Locations, func(loc *proxy.Location) {
			for _, pass := range loc.Passes {
				visit(srv, loc, pass)
			}
		})
	}
}

// eachLocation visits locations and what is nested in them, outer ones first.
func eachLocation(locations []*proxy.Location, visit func(*proxy.Location)) {
	for _, loc := range locations {
		visit(loc)
		eachLocation(loc.Locations, visit)
	}
}

// maxRoutes bounds the routes of one proxy: a few lines with ranges of ports can ask for millions.
const maxRoutes = 20_000

// way is a listen of a server and the published ports that lead to it.
type way struct {
	listen    proxy.Listen
	published []Port
}

// waysInto are the ways into a server. A listen on the same port again is none of its own: listen 80
// and [::]:80 are one.
func waysInto(srv *proxy.Server, ports []Port) (ways []way) {
	type key struct {
		port   int
		socket string
		udp    bool
	}
	seen := map[key]int{}
	for _, l := range srv.Listens {
		k := key{l.Port, l.Socket, l.UDP}
		i, again := seen[k]
		if !again {
			i, seen[k] = len(ways), len(ways)
			ways = append(ways, way{listen: l})
		}
		if len(ways[i].published) == 0 {
			ways[i].published = publishedTo(ports, l)
		}
	}
	return ways
}

// publishedTo are the published ports that lead to a listen.
func publishedTo(ports []Port, l proxy.Listen) (to []Port) {
	protocol := "tcp"
	if l.UDP {
		protocol = "udp"
	}
	for _, p := range ports {
		if p.Target == l.Port && p.Protocol == protocol && l.Port != 0 && !Loopback(l.Address) {
			to = append(to, p)
		}
	}
	return to
}

// Loopback says whether an address or name is the machine's own: localhost, 127.0.0.0/8 or ::1.
func Loopback(host string) bool {
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}

// id is the route as users say it: "edge:80 shop.example.com/ -> api:8000".
func (r *Route) id() string {
	where := r.ServerName()
	if where == "_" {
		where = ""
	}
	if r.Location != nil {
		loc := r.Location.String()
		if where != "" && !strings.HasPrefix(loc, "/") {
			where += " "
		}
		where += loc
	}
	if where != "" {
		where = " " + where
	}
	return r.Proxy.Service.Name + ":" + r.ListenText() + where + " -> " + r.TargetText()
}

// ServerName is the first name of the route's server; "_" where it has none.
func (r *Route) ServerName() string {
	if len(r.Server.Names) == 0 {
		return "_"
	}
	return cmp.Or(r.Server.Names[0], "_")
}

// ListenText is the port, or the path of the socket, that the route begins at.
func (r *Route) ListenText() string {
	if r.Listen.Socket != "" {
		return "unix:" + r.Listen.Socket
	}
	return strconv.Itoa(r.Listen.Port)
}

// TargetText is where the route leads: a group's name, host and port, or a socket. Where that is not
// known it is what the pass says of it: without what follows host and port, and without credentials.
func (r *Route) TargetText() string {
	t := r.Target
	switch {
	case t.Group != nil:
		return t.Group.Name
	case t.Socket != "":
		return "unix:" + t.Socket
	case t.Host == "" && t.Unknown != "":
		return authority(r.Pass.Value)
	case t.Host == "":
		return authority(t.Value)
	case t.Port == 0:
		return t.Host
	}
	return net.JoinHostPort(t.Host, strconv.Itoa(t.Port))
}

// authority cuts a URL behind its host and port, and takes user and password out of it.
func authority(url string) string {
	scheme, rest, ok := strings.Cut(url, "://")
	if !ok {
		scheme, rest = "", url
	}
	if i := strings.IndexAny(rest, "/?"); i >= 0 && !strings.HasPrefix(rest, "unix:") {
		rest = rest[:i]
	}
	rest = rest[strings.LastIndex(rest, "@")+1:]
	if ok {
		return scheme + "://" + rest
	}
	return rest
}

// sortedKeys are the keys of a map in order.
func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
