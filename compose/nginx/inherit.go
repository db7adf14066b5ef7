package nginx

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"why502/compose/proxy"
)

// inherited is what a block takes over from the one around it, unless it says otherwise itself.
type inherited struct {
	resolver *proxy.Resolver
	tls      bool   // listens are for TLS, by the old "ssl on;"
	http2    bool   // listens speak HTTP/2 too, by "http2 on;"
	root     string // the directory of files, as written; empty: nobody says, or an alias does
	auth     string // what auth_request asks first; empty: nothing
	settings [len(kinds)]*settings
}

// kinds are the kinds of pass: the words that their directives begin with.
var kinds = [...]string{"proxy", "fastcgi", "uwsgi", "scgi", "grpc", "memcached"}

// outermost is what holds outside every block.
func outermost() (i inherited) {
	for k := range i.settings {
		i.settings[k] = &settings{}
	}
	return i
}

// in is what holds inside a block.
func (i inherited) in(nodes []*node) inherited {
	i.resolver = resolverIn(nodes, i.resolver)
	i.tls, i.http2 = isOn(nodes, "ssl", i.tls), isOn(nodes, "http2", i.http2)
	for _, n := range nodes {
		switch {
		case n.Name == "root" && len(n.Args) == 1:
			i.root = n.Args[0]
		case n.Name == "alias":
			i.root = ""
		case n.Name == "auth_request" && len(n.Args) == 1:
			if i.auth = n.Args[0]; i.auth == "off" {
				i.auth = ""
			}
		}
	}
	for k, kind := range kinds {
		i.settings[k] = i.settings[k].in(kind+"_", nodes)
	}
	return i
}

// of are the settings that a pass is under.
func (i inherited) of(directive string) *settings {
	return i.settings[max(0, slices.Index(kinds[:], strings.TrimSuffix(directive, "_pass")))]
}

// settings are what passes of one kind take over. They are not changed once they are made: blocks
// that say nothing share those of the block around.
type settings struct {
	sent, forgotten []proxy.Param
	version         string
	timeouts        proxy.Timeouts // 0: not set
	tls             proxy.TLS
}

// in is what holds inside a block, by its directives with that prefix. One header or parameter there
// makes nginx forget all those around it; each of the others is inherited by itself.
func (s *settings) in(prefix string, nodes []*node) *settings {
	if !slices.ContainsFunc(nodes, func(n *node) bool { return strings.HasPrefix(n.Name, prefix) }) {
		return s
	}
	inner := *s
	inner.sent = nil
	said := false
	for _, n := range nodes {
		if name, ours := strings.CutPrefix(n.Name, prefix); ours && len(n.Args) > 0 {
			said = inner.set(name, n) || said
		}
	}
	switch {
	case !said:
		return s
	case inner.sent == nil:
		inner.sent = s.sent
	default:
		inner.forgotten = inner.without(slices.Concat(s.sent, s.forgotten))
	}
	return &inner
}

// set takes over one directive, called by its name without the prefix, and says whether it is a
// setting.
func (s *settings) set(name string, n *node) bool {
	switch name {
	case "set_header", "param":
		if len(n.Args) < 2 {
			return false
		}
		s.sent = append(s.sent, proxy.Param{Name: n.Args[0], Value: n.Args[1], Place: n.place(1)})
	case "http_version":
		s.version = n.Args[0]
	case "connect_timeout":
		s.timeouts.Connect = duration(n.Args[0])
	case "send_timeout":
		s.timeouts.Send = duration(n.Args[0])
	case "read_timeout":
		s.timeouts.Read = duration(n.Args[0])
	case "timeout": // of stream
		s.timeouts.Send, s.timeouts.Read = duration(n.Args[0]), duration(n.Args[0])
	default:
		return s.setTLS(name, n)
	}
	return true
}

// setTLS is set for what concerns TLS. What has a variable in it is only known when a request comes.
func (s *settings) setTLS(name string, n *node) bool {
	switch value, on := n.Args[0], strings.EqualFold(n.Args[0], "on"); name {
	case "ssl_server_name":
		s.tls.SendsName = on
	case "ssl_name":
		s.tls.Name = value
	case "ssl_verify":
		s.tls.Verifies = on
	case "ssl_trusted_certificate":
		s.tls.Trusted = value
	case "ssl_certificate":
		s.tls.Certificate = value
	default:
		return false
	}
	return true
}

// without are those of the params whose names are not sent.
func (s *settings) without(params []proxy.Param) []proxy.Param {
	return slices.DeleteFunc(params, func(p proxy.Param) bool {
		return slices.ContainsFunc(s.sent, func(own proxy.Param) bool { return strings.EqualFold(own.Name, p.Name) })
	})
}

// effective are the timeouts of a pass: nginx's defaults where nothing is set.
func (s *settings) effective(stream bool) proxy.Timeouts {
	t, idle := s.timeouts, time.Minute
	if stream {
		idle = 10 * time.Minute
	}
	return proxy.Timeouts{Connect: cmp.Or(t.Connect, time.Minute), Send: cmp.Or(t.Send, idle), Read: cmp.Or(t.Read, idle)}
}

var (
	timeText = regexp.MustCompile(`^(\d+(ms|[smhdwMy])? ?)+$`)
	timePart = regexp.MustCompile(`(\d+)(ms|[smhdwMy])?`)
)

const (
	day     = 24 * time.Hour
	maxTime = 100 * 365 * day
)

// duration reads a time as nginx does: "90", "1m30s", "500ms"; 0 where it is none.
func duration(text string) (total time.Duration) {
	if !timeText.MatchString(text) {
		return 0
	}
	units := map[string]time.Duration{
		"ms": time.Millisecond, "": time.Second, "s": time.Second, "m": time.Minute, "h": time.Hour,
		"d": day, "w": 7 * day, "M": 30 * day, "y": 365 * day,
	}
	for _, m := range timePart.FindAllStringSubmatch(text, -1) {
		n, err := strconv.Atoi(m[1])
		if unit := units[m[2]]; err == nil && time.Duration(n) <= (maxTime-total)/unit {
			total += time.Duration(n) * unit
		} else {
			return maxTime
		}
	}
	return total
}

// isOn gives the value of a flag, which is inherited where it is not set.
func isOn(nodes []*node, name string, inherited bool) bool {
	if n := find(nodes, name); n != nil && len(n.Args) == 1 {
		return strings.EqualFold(n.Args[0], "on")
	}
	return inherited
}
