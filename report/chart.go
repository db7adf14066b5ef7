package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"why502/inspect"
)

// chart is a report as a picture: the proxies on the left, the services on the right in frames of the networks
// that they are on, and a line for each route. All numbers are units of the picture, from its upper left.
type chart struct {
	Width, Height int
	Proxies       []*chartBox
	Frames        []*chartFrame
	Lines         []chartLine
	Dense         bool // there are too many lines for labels
}

// chartFrame is what stands on the same networks.
type chartFrame struct {
	chartBox
	Services []*chartBox
}

// chartBox is a rectangle with text in it.
type chartBox struct {
	X, Y, Width, Height int
	Label, Note, Title  string
	lines               int // that end at it
	docked              int // of these
}

// chartLine is the way of a route to one of its backends.
type chartLine struct {
	Route          int // its number
	Verdict        inspect.Verdict
	Title          string
	Path           string // as SVG has it
	Label          string // empty: it has none
	LabelX, LabelY int
}

// Where things are in a chart, and how large.
const (
	chartWidth    = 760
	boxWidth      = 170
	boxHeight     = 42
	boxGap        = 16
	framePadding  = 8
	frameHead     = 20
	maxLabelled   = 40  // routes at most whose lines have labels
	labelledSpace = 20  // for each line then
	denseSpace    = 4   // for each line else
	boxLabel      = 20  // characters that go into a box
	boxNote       = 26  // characters, which are smaller
	lineLabel     = 40  // characters that go on a line
	lineTurn      = 440 // where a line with a label leaves the height that it starts at
)

// charted is the picture of routes, which are numbered in this order.
func charted(r *inspect.Report, routes []*inspect.RouteReport) chart {
	c := chart{Width: chartWidth, Dense: len(routes) > maxLabelled}
	space, turn := labelledSpace, lineTurn
	if c.Dense {
		space, turn = denseSpace, boxWidth+2*framePadding
	}
	proxies, services := c.boxes(routes, networksOf(r.Services))
	bottom := stack(c.Proxies, framePadding, boxGap/2, space)
	c.Height = max(bottom, c.layFrames(space)) + boxGap/2
	for number, route := range routes {
		for i, n := range backendNodes(route) {
			line := chartLine{Route: number, Verdict: route.Verdict, Title: cut(strings.Join(stations(route), " → "), maxLabel)}
			if len(route.Backends) > 1 {
				line.Verdict = backendVerdict(&route.Backends[i])
			}
			line.join(proxies[route.Proxy], services[boxName(n)], turn)
			if !c.Dense && i == 0 {
				line.Label = cut(inside(route), lineLabel)
			}
			c.Lines = append(c.Lines, line)
		}
	}
	if c.Dense {
		slices.Reverse(c.Lines) // what is drawn last is on top: the worst
	}
	return c
}

// networksOf are the networks of each service, in words.
func networksOf(services []inspect.ServiceReport) map[string]string {
	on := map[string]string{}
	for _, s := range services {
		on[s.Name] = cmp.Or(strings.Join(s.Networks, ", "), "no network")
	}
	return on
}

// boxes makes a box for each proxy, one for each service that is led to, and a frame for all of these that are
// on the same networks.
func (c *chart) boxes(routes []*inspect.RouteReport, on map[string]string) (proxies, services map[string]*chartBox) {
	proxies, services = map[string]*chartBox{}, map[string]*chartBox{}
	frames := map[string]*chartFrame{}
	for _, route := range routes {
		left := proxies[route.Proxy]
		if left == nil {
			left = newBox(route.Proxy, on[route.Proxy])
			proxies[route.Proxy], c.Proxies = left, append(c.Proxies, left)
		}
		for _, n := range backendNodes(route) {
			right := services[boxName(n)]
			if right == nil {
				right = newBox(boxName(n), "")
				services[boxName(n)] = right
				c.frame(frames, cmp.Or(on[n.service], "no service of the project"), right)
			}
			left.lines++
			right.lines++
		}
	}
	return proxies, services
}

// frame puts a box into the frame of its networks.
func (c *chart) frame(frames map[string]*chartFrame, networks string, b *chartBox) {
	f := frames[networks]
	if f == nil {
		f = &chartFrame{chartBox: chartBox{Label: cut(networks, boxNote), Title: cut(networks, maxLabel)}}
		frames[networks], c.Frames = f, append(c.Frames, f)
	}
	f.Services = append(f.Services, b)
}

// boxName is the service of a node, else the host that nginx asks for.
func boxName(n node) string { return cmp.Or(n.service, n.label) }

func newBox(label, note string) *chartBox {
	title := strings.TrimSpace(cut(label, maxLabel) + " " + cut(note, maxLabel))
	return &chartBox{Width: boxWidth, Label: cut(label, boxLabel), Note: cut(note, boxNote), Title: title}
}

// layFrames puts the frames and what is in them at the right, and gives the bottom.
func (c *chart) layFrames(space int) int {
	const x = chartWidth - boxWidth - 2*framePadding
	bottom := boxGap / 2
	for _, f := range c.Frames {
		f.X, f.Y, f.Width = x-framePadding, bottom, boxWidth+2*framePadding
		bottom = stack(f.Services, x, bottom+frameHead, space)
		f.Height = bottom - f.Y
		bottom += boxGap
	}
	return bottom
}

// stack puts boxes below each other, and gives the bottom of the last one with some room.
func stack(boxes []*chartBox, x, y, space int) int {
	for _, b := range boxes {
		b.X, b.Y, b.Height = x, y, max(boxHeight, b.lines*space+framePadding)
		y += b.Height + framePadding
	}
	return y
}

// dock is where the next line ends at a box.
func (b *chartBox) dock() int {
	b.docked++
	return b.Y + (2*b.docked-1)*b.Height/(2*b.lines)
}

// join leads a line from one box to another, straight up to turn.
func (l *chartLine) join(from, to *chartBox, turn int) {
	x1, y1, x2, y2 := from.X+from.Width, from.dock(), to.X, to.dock()
	half := (turn + x2) / 2
	l.Path = fmt.Sprintf("M%d %dH%dC%d %d %d %d %d %d", x1, y1, turn, half, y1, half, y2, x2, y2)
	l.LabelX, l.LabelY = x1+6, y1-4
}
