package inspect

import (
	"path"
	"slices"
	"strconv"
	"strings"

	"why502/compose/proxy"
)

var defaultConfShadows = &Rule{
	ID: "default-conf-shadows", Hop: HopConfig, Scope: OfRoute, Severity: Error, Causes: "H3",
	Title: "the image's own site answers instead",
	Why: `A file that is mounted beside the image's default.conf does not replace it. Both listen on port 80, and of servers
that the Host header does not choose between the first answers: conf.d is read in the order of the names, and
default.conf comes before nginx.conf or site.conf. Clients get the welcome page or a 404.`,
	Bad: `volumes:
  - ./nginx.conf:/etc/nginx/conf.d/nginx.conf`,
	Good: `volumes:
  - ./nginx.conf:/etc/nginx/conf.d/default.conf`,
	Fix: "mount the file over /etc/nginx/conf.d/default.conf",
	Check: func(c *Case) *Finding {
		if c.Route == nil || !c.Route.Server.Place.Known() || !c.Proxy.Stock || !c.Proxy.Config.Complete() {
			return nil
		}
		r := c.Route
		listen, all := onAll(r.Server, r.Listen)
		image := c.defaultServer(listen)
		if !all || image == nil || !c.ofImage(image) || slices.ContainsFunc(r.Server.Names, func(name string) bool { return chosen(name, image) }) {
			return nil
		}
		f := c.finding(Certain, StatusNone, "no request gets to this server of %s: the image's own default.conf is read first, and answers on port %d",
			c.Proxy.Service.Name, listen.Port)
		f.Place, f.order = r.Server.Place, r.Server.Order
		return c.replaceDefault(f, listen)
	},
}

// ofImage says whether a server is that of the image's own default.conf.
func (c *Case) ofImage(s *proxy.Server) bool {
	return !s.Place.Known() && slices.Equal(s.Names, []string{"localhost"}) &&
		slices.ContainsFunc(c.Proxy.Config.Files, func(f proxy.File) bool { return f.Name == "" && path.Base(f.Path) == "default.conf" })
}

// onAll is the listen of a server on the same port of all of IPv4.
func onAll(s *proxy.Server, at proxy.Listen) (proxy.Listen, bool) {
	i := slices.IndexFunc(s.Listens, func(l proxy.Listen) bool {
		return !s.Stream && l.Socket == "" && l.Address == "" && l.Port == at.Port && l.UDP == at.UDP
	})
	if i < 0 {
		return at, false
	}
	return s.Listens[i], true
}

// port is one on which a proxy listens.
type port struct {
	config *proxy.Config
	number int
	udp    bool
}

// defaultServer is the server that answers on a port of all of IPv4 where the Host header chooses none: the
// first, unless another says default_server.
func (c *Case) defaultServer(at proxy.Listen) *proxy.Server {
	key := port{c.Proxy.Config, at.Port, at.UDP}
	if _, known := c.defaults[key]; !known {
		c.defaults[key] = firstServer(c.Proxy.Config, at)
	}
	return c.defaults[key]
}

func firstServer(config *proxy.Config, at proxy.Listen) (first *proxy.Server) {
	for _, s := range config.Servers {
		l, on := onAll(s, at)
		if on && l.Default {
			return s
		}
		if on && first == nil {
			first = s
		}
	}
	return first
}

// chosen says whether some Host header chooses a name, although another server has come before.
func chosen(name string, before *proxy.Server) bool {
	return name != "" && name != "_" && !slices.Contains(before.Names, name)
}

// replaceDefault offers to put the route's file in the place of the image's.
func (c *Case) replaceDefault(f *Finding, listen proxy.Listen) *Finding {
	file := c.Route.Server.Place.File
	for _, m := range c.Proxy.Service.Mounts {
		if m.Source != "" && c.userPath(m.Source) == "./"+file {
			target := path.Join(path.Dir(m.Target), defaultName(m.Target))
			return f.near(m.Place, "the mount to change").fix("mount it at %s", target).edit(replaceAt(c.stack.Sources, m.Place, ":"+m.Target, ":"+target))
		}
	}
	name := defaultName(file)
	f.fix("give %s the name %s in the container, so that it replaces the image's", path.Base(file), name)
	if port := strconv.Itoa(listen.Port); c.startsWithDirective(listen.Place, "listen") && !slices.Contains(c.Route.Server.Names, "localhost") {
		f.fix("let it listen as default_server, or give %s the name %s in the container", path.Base(file), name).
			edit(replaceAt(c.stack.Sources, listen.Place, port, port+" default_server"))
	}
	return f
}

// defaultName is the name that a file has to have to become the image's default.conf.
func defaultName(file string) string {
	if strings.HasSuffix(file, ".template") {
		return "default.conf.template"
	}
	return "default.conf"
}
