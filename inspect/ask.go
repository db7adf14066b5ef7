package inspect

import (
	"maps"
	"slices"

	"why502/compose"
)

// maxForeign bounds how many containers of other projects are looked at: they matter only where
// they bear the name of an upstream.
const maxForeign = 200

// Ask says what is still worth knowing of the daemon; no question: the snapshot is complete. It is
// asked again after each round of answers, so that a question can follow from an answer.
func Ask(stack *compose.Stack, snap *Snapshot) []Question {
	questions := map[Question]bool{}
	ask := func(kind QuestionKind, of string) {
		if q := (Question{kind, of}); !snap.answered(q) {
			questions[q] = true
		}
	}
	ask(AskProject, stack.Name)
	for _, name := range proxyNetworks(stack, snap) {
		ask(AskNetwork, name)
	}
	for _, id := range snap.Project {
		ask(AskContainer, id)
	}
	for _, id := range snap.foreign() {
		ask(AskContainer, id)
	}
	for _, id := range snap.Project {
		if c := snap.Containers[id]; c != nil && !c.OneOff && c.worrying() {
			ask(AskLog, id)
		}
	}
	return slices.SortedFunc(maps.Keys(questions), func(a, b Question) int {
		return slices.Compare([]string{string(a.Kind), a.Of}, []string{string(b.Kind), b.Of})
	})
}

// proxyNetworks are the networks that a proxy is on, by the files and by the daemon, and every
// external one: a project whose external network is missing does not start.
func proxyNetworks(stack *compose.Stack, snap *Snapshot) (names []string) {
	for _, n := range stack.Networks {
		if n.External {
			names = append(names, n.Full)
		}
	}
	proxies := map[string]bool{}
	for _, p := range stack.Proxies {
		proxies[p.Service.Name] = true
		for _, a := range stack.Namespace(p.Service).Networks {
			if n := stack.Networks[a.Network]; n != nil {
				names = append(names, n.Full)
			}
		}
	}
	for _, id := range snap.Project {
		if c := snap.Containers[id]; c != nil && proxies[c.Service] {
			for _, e := range c.Endpoints {
				names = append(names, e.Network)
			}
		}
	}
	return names
}

// answered says whether a question has its row, or is known to get none.
func (s *Snapshot) answered(q Question) bool {
	if _, failed := s.Failed[q]; failed {
		return true
	}
	var ok bool
	switch q.Kind {
	case AskProject:
		ok = s.Project != nil
	case AskContainer:
		_, ok = s.Containers[q.Of]
	case AskNetwork:
		_, ok = s.Networks[q.Of]
	case AskLog:
		_, ok = s.Logs[q.Of]
	}
	return ok
}

// foreign are the containers of other projects on the networks that were asked for, sorted.
func (s *Snapshot) foreign() (ids []string) {
	for _, n := range s.Networks {
		if n == nil {
			continue
		}
		for _, id := range n.Containers {
			if !slices.Contains(s.Project, id) {
				ids = append(ids, id)
			}
		}
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	return ids[:min(len(ids), maxForeign)]
}

// worrying says whether a container does not run, or not for the first time, so that its log may say
// why.
func (c *Container) worrying() bool {
	return c.State != "running" && c.State != "paused" || c.Restarts >= 2
}
