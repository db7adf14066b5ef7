package inspect

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"why502/compose/proxy"
)

var defaultConfShadows = &Rule{
	ID: "default-conf-shadows", Hop: HopConfig, Scope: OfRoute, Severity: Error,
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
		image := defaultServer(c.Proxy.Config, r.Listen)
		if image == nil || !c.ofImage(image) || slices.ContainsFunc(r.Server.Names, func(name string) bool { return chosen(name, image) }) {
			return nil
		}
		f := c.finding(Certain, StatusNone, "no request gets to this server of %s: the image's own default.conf is read first, and answers on port %d",
			c.Proxy.Service.Name, r.Listen.Port)
		f.Place, f.order = r.Server.Place, r.Server.Order
		return c.replaceDefault(f)
	},
}

// ofImage says whether a server is that of the image's own default.conf.
func (c *Case) ofImage(s *proxy.Server) bool {
	return !s.Place.Known() && slices.Equal(s.Names, []string{"localhost"}) &&
		slices.ContainsFunc(c.Proxy.Config.Files, func(f proxy.File) bool { return f.Name == "" && path.Base(f.Path) == "default.conf" })
}

// defaultServer is the server that answers where the Host header chooses none: the first on an address,
// unless another says default_server. Nil: that address is not a port of all of IPv4.
func defaultServer(config *proxy.Config, at proxy.Listen) (first *proxy.Server) {
	for _, s := range config.Servers {
		for _, l := range s.Listens {
			switch {
			case s.Stream || l.Socket != "" || l.Address != "" || at.Address != "" || l.Port != at.Port || l.UDP != at.UDP:
			case l.Default:
				return s
			case first == nil:
				first = s
			}
		}
	}
	return first
}

// chosen says whether some Host header chooses a name, although another server has come before.
func chosen(name string, before *proxy.Server) bool {
	return name != "" && name != "_" && !slices.Contains(before.Names, name)
}

// replaceDefault offers to put the route's file in the place of the image's.
func (c *Case) replaceDefault(f *Finding) *Finding {
	const name = "default.conf"
	file := c.Route.Server.Place.File
	f.fix("give %s the name %s in the container, so that it replaces the image's", path.Base(file), name)
	for _, m := range c.Proxy.Service.Mounts {
		if m.Source == "" || c.userPath(m.Source) != "./"+file {
			continue
		}
		target := path.Join(path.Dir(m.Target), name)
		if strings.HasSuffix(m.Target, ".template") {
			target += ".template"
		}
		return f.near(m.Place, "the mount to change").fix("mount it at %s", target).edit(replaceAt(c.stack.Sources, m.Place, ":"+m.Target, ":"+target))
	}
	if listen := fmt.Sprint(c.Route.Listen.Port); !slices.Contains(c.Route.Server.Names, "localhost") {
		f.edit(replaceAt(c.stack.Sources, c.Route.Listen.Place, listen, listen+" default_server"))
	}
	return f
}
