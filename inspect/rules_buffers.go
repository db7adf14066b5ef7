package inspect

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"why502/compose/proxy"
)

var bufferSizesInvalid = &Rule{
	ID: "buffer-sizes-invalid", Hop: HopConfig, Scope: OfProxy, Severity: Error, Causes: "G8",
	Title: "the sizes of the proxy buffers contradict each other",
	Why: `Who raises proxy_buffer_size alone raises what may be busy too, which is twice of it, and that has to fit
into proxy_buffers without one of them: 8 of 4k where nothing else is said. nginx checks it when it has read
everything, and does not start. The same holds for fastcgi_, uwsgi_ and scgi_.`,
	Bad: `proxy_buffer_size 128k;`,
	Good: `proxy_buffer_size 128k;
proxy_buffers 8 128k;
proxy_busy_buffers_size 256k;`,
	Fix: "set the three together",
	Check: func(c *Case) *Finding {
		if !c.Proxy.Config.Complete() {
			return nil
		}
		for _, module := range []string{"proxy", "fastcgi", "uwsgi", "scgi"} {
			if !c.says(module+"_buffer") && !c.says(module+"_busy_buffer") {
				continue
			}
			outer := newBuffers(module).in(c.Proxy.Config.Directives)
			for _, s := range c.Proxy.Config.Servers {
				if s.Stream {
					continue // it has one buffer, of any size
				}
				if bad, fault := outer.in(s.Directives).firstFault(s.Locations); fault != "" {
					return c.buffersFinding(bad, fault)
				}
			}
		}
		return nil
	},
}

func (c *Case) buffersFinding(b buffers, fault string) *Finding {
	f := c.finding(Certain, StatusNoStart, "nginx does not start: %s", fault).
		with("nginx", "%s", b).
		fix("set the three together: %[1]s_buffer_size %[2]s; %[1]s_buffers 8 %[2]s; %[1]s_busy_buffers_size %[3]s;", b.module, sizeText(b.largest()), sizeText(2*b.largest()))
	f.Place, f.order = b.place, math.MaxInt // checked when everything is read
	return f
}

// buffers are the sizes in effect in one block, for one kind of pass.
type buffers struct {
	module          string // proxy, fastcgi, uwsgi, scgi
	first, num, one int    // of the answer's head; how many others, and how large each is
	busy            int    // 0: not set, twice the largest
	place           proxy.Place
	unknown         bool // a value that is no size
}

// newBuffers are nginx's defaults, where a page of memory has 4k.
func newBuffers(module string) buffers {
	return buffers{module: module, first: 4 << 10, num: 8, one: 4 << 10}
}

// in is what holds inside a block. Each directive is inherited by itself.
func (b buffers) in(directives []*proxy.Directive) buffers {
	for _, d := range directives {
		name, ours := strings.CutPrefix(d.Name, b.module+"_")
		switch {
		case !ours:
			continue
		case name == "buffer_size" && len(d.Args) == 1:
			b.first = b.size(d.Args[0])
		case name == "busy_buffers_size" && len(d.Args) == 1:
			b.busy = b.size(d.Args[0])
		case name == "buffers" && len(d.Args) == 2:
			b.num, b.one = b.size(d.Args[0]), b.size(d.Args[1])
		default:
			continue
		}
		b.place = d.Place
	}
	return b
}

// size reads 4096, 4k or 1m.
func (b *buffers) size(text string) int {
	number, unit := strings.ToLower(text), 1
	if n, ok := strings.CutSuffix(number, "k"); ok {
		number, unit = n, 1<<10
	} else if n, ok := strings.CutSuffix(number, "m"); ok {
		number, unit = n, 1<<20
	}
	n, err := strconv.ParseUint(number, 10, 31)
	b.unknown = b.unknown || err != nil || n == 0
	return int(n) * unit
}

// firstFault is the first block, of these and those in them, whose sizes nginx refuses.
func (b buffers) firstFault(locations []*proxy.Location) (buffers, string) {
	if fault := b.fault(); fault != "" {
		return b, fault
	}
	for _, loc := range locations {
		if bad, fault := b.in(loc.Directives).firstFault(loc.Locations); fault != "" {
			return bad, fault
		}
	}
	return b, ""
}

// fault says what is wrong, in nginx's words.
func (b buffers) fault() string {
	busy := b.busy
	if busy == 0 {
		busy = 2 * b.largest()
	}
	switch {
	case b.unknown || !b.place.Known():
		return ""
	case b.num < 2:
		return fmt.Sprintf(`there must be at least 2 "%s_buffers"`, b.module)
	case busy < b.largest():
		return fmt.Sprintf(`"%[1]s_busy_buffers_size" must be equal to or greater than the maximum of the value of "%[1]s_buffer_size" and one of the "%[1]s_buffers"`, b.module)
	case busy > (b.num-1)*b.one:
		return fmt.Sprintf(`"%[1]s_busy_buffers_size" must be less than the size of all "%[1]s_buffers" minus one buffer`, b.module)
	}
	return ""
}

func (b buffers) largest() int { return max(b.first, b.one) }

// String gives the sizes in effect, with what is not written out.
func (b buffers) String() string {
	busy := b.busy
	if busy == 0 {
		busy = 2 * b.largest()
	}
	return fmt.Sprintf("in effect: %[1]s_buffer_size %[2]s, %[1]s_buffers %[3]d %[4]s, %[1]s_busy_buffers_size %[5]s",
		b.module, sizeText(b.first), b.num, sizeText(b.one), sizeText(busy))
}

func sizeText(bytes int) string {
	if bytes%(1<<10) == 0 {
		return strconv.Itoa(bytes>>10) + "k"
	}
	return strconv.Itoa(bytes)
}
