package live

import (
	"slices"

	"why502/compose"
	"why502/inspect"
)

// learn has the configuration of proxies read again of which the daemon showed more than before.
func (d *daemon) learn(stack *compose.Stack, snap *inspect.Snapshot) {
	for _, p := range slices.Clone(stack.Proxies) {
		service := p.Service.Name
		if seen := inspect.Seen(snap, service); len(seen.Roots) > d.learned[service] {
			if d.learned == nil {
				d.learned = map[string]int{}
			}
			d.learned[service] = len(seen.Roots)
			stack.Reread(service, seen)
		}
	}
}
