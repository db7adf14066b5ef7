package inspect

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"why502/compose"
	"why502/compose/proxy"
)

var upstreamSocketNotShared = &Rule{
	ID: "upstream-socket-not-shared", Hop: HopPort, Scope: OfRoute, Severity: Error, Causes: "F13",
	Title: "no other container can put the socket where nginx looks for it",
	Why: `Each container has a file system of its own: a socket that the app makes is there for nginx only in a volume
that both mount. "connect() to unix:/run/app.sock failed (2: No such file or directory)", and 502.`,
	Bad: `api: {volumes: ["sockets:/run/app"]}   # and: proxy_pass http://unix:/run/app/api.sock;`,
	Good: `proxy: {volumes: ["sockets:/run/app"]}
api: {volumes: ["sockets:/run/app"]}`,
	Fix: "mount the volume with the socket into both, or pass to a TCP port",
	Check: func(c *Case) *Finding {
		socket, own := c.Backend.Socket, c.Proxy.Service
		if f := c.socketGone(); f != nil {
			return f
		}
		if !path.IsAbs(socket) || !c.Proxy.Stock || c.makesSocket(socket) || slices.ContainsFunc(c.services, func(s *compose.Service) bool { return s.VolumesFrom }) {
			return nil
		}
		m := mountOver(own, socket)
		switch {
		case m != nil && (m.Type != "volume" && m.Type != "tmpfs" || m.Outside || m.Source != "" && len(c.mounting(m.Source)) > 1):
			return nil // a process of the host's may make it, or another project, or another service
		case m != nil:
			f := c.finding(Certain, Status502, "%s looks for the socket %s in a %s that no other service mounts", own.Name, socket, m.Type).
				near(m.Place, "the %s of %s", m.Type, own.Name)
			return c.shareSocket(f, m.Target)
		}
		return c.shareSocket(c.finding(Certain, Status502, "%s looks for the socket %s in its own file system, where no other container can put it", own.Name, socket), path.Dir(socket))
	},
	Settled: (*Case).socketSeen,
}

// socketSeen says whether the socket is where nginx looks for it.
func (c *Case) socketSeen() (s sight) {
	if c.snap == nil {
		return s
	}
	q, ok := c.socketFile()
	file, seen := c.snap.Files[q]
	switch {
	case !ok || !seen:
		return s
	case file == nil:
		s.state, s.status = HopBroken, Status502
		s.evidence = []Evidence{{Source: "docker", Text: fmt.Sprintf("there is no %s in %s", q.Path, c.stands().Name)}}
	case file.Socket:
		s.state = HopOK
	}
	return s
}

// socketGone reports a socket that is not there although others can put it there.
func (c *Case) socketGone() *Finding {
	socket, own := c.Backend.Socket, c.Proxy.Service
	m := mountOver(own, socket)
	if c.socketSeen().state != HopBroken || m == nil || m.Source == "" {
		return nil
	}
	var makers []string
	for _, svc := range c.mounting(m.Source) {
		if svc != own {
			makers = append(makers, svc.Name)
		}
	}
	if m.Type == "volume" && len(makers) == 0 && !m.Outside {
		return nil // which its own words say better
	}
	f := c.finding(Proven, Status502, "%s finds no socket %s: nothing has made it where %s is mounted", own.Name, socket, m.Source).
		near(m.Place, "the %s of %s", m.Type, own.Name).
		fix("let the app make its socket in the directory that both mount")
	if len(makers) > 0 {
		f.fix("let %s make its socket there; docker compose logs %[1]s may say why it has not", listed(makers))
	}
	return f
}

// shareSocket offers the volume in which another service has the directory of the socket; without one, a
// new volume.
func (c *Case) shareSocket(f *Finding, dir string) *Finding {
	own := c.Proxy.Service
	for _, svc := range c.services {
		if m := mountOver(svc, c.Backend.Socket); svc != own && m != nil && m.Type == "volume" && m.Source != "" {
			item := m.Source + ":" + m.Target
			return f.near(m.Place, "%s has the volume %s there", svc.Name, m.Source).
				fix("mount %s into %s, too", item, own.Name).
				edit(addItem(c.stack, own, "volumes", item, ""))
		}
	}
	return f.fix("mount a volume at %s into %s and into the service that makes the socket, or pass to a port of that", dir, own.Name).
		paste("services:\n  %s:\n    volumes:\n      - sockets:%[2]s\n  # and the same under the service that makes it\nvolumes:\n  sockets:", own.Name, dir)
}

// mountOver is what is mounted at a container path or above it: the nearest.
func mountOver(svc *compose.Service, p string) (over *compose.Mount) {
	for i, m := range svc.Mounts {
		covers := under(p, m.Target) || under(realRun(p), realRun(m.Target))
		if covers && (over == nil || len(m.Target) >= len(over.Target)) {
			over = &svc.Mounts[i]
		}
	}
	return over
}

// under says whether a path is a directory, or lies below it.
func under(p, dir string) bool {
	return strings.HasPrefix(p+"/", strings.TrimSuffix(dir, "/")+"/")
}

// realRun is a container path without /var/run, which is a link to /run in the images of distributions.
func realRun(p string) string {
	if rest, ok := strings.CutPrefix(path.Clean(p), "/var/run/"); ok {
		return "/run/" + rest
	}
	return path.Clean(p)
}

// mounting are the services that mount a volume.
func (f *facts) mounting(volume string) (all []*compose.Service) {
	for _, svc := range f.services {
		if slices.ContainsFunc(svc.Mounts, func(m compose.Mount) bool { return m.Type == "volume" && m.Source == volume }) {
			all = append(all, svc)
		}
	}
	return all
}

// makesSocket says whether nginx in this proxy itself listens on a socket.
func (c *Case) makesSocket(p string) bool {
	return slices.ContainsFunc(c.Proxy.Config.Servers, func(s *proxy.Server) bool {
		return slices.ContainsFunc(s.Listens, func(l proxy.Listen) bool { return l.Socket != "" && realRun(l.Socket) == realRun(p) })
	})
}
