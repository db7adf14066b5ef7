package inspect

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"why502/compose"
)

// maxForeign bounds how many containers of other projects are looked at: they matter only where
// they bear the name of an upstream.
const maxForeign = 200

// Means are what an observer may use beyond what the API shows.
type Means struct {
	Probe bool // helper containers, beside those of the project
}

// Ask says what is still worth knowing of the daemon; no question: the snapshot is complete. It is
// asked again after each round of answers, so that a question can follow from an answer.
func Ask(stack *compose.Stack, snap *Snapshot, means Means) []Question {
	a := &asking{stack: stack, snap: snap, means: means, questions: map[Question]bool{}}
	a.aboutProject()
	if len(snap.Project) > 0 && len(a.questions) == 0 { // what follows rests on the answers
		a.facts = newFacts(stack, snap)
		a.aboutStarts()
		a.aboutLogs()
		a.aboutDisk()
		a.aboutMemory()
		a.aboutCalls()
	}
	return slices.SortedFunc(maps.Keys(a.questions), compareQuestions)
}

// asking collects the questions of one round.
type asking struct {
	*facts
	stack     *compose.Stack
	snap      *Snapshot
	means     Means
	questions map[Question]bool
}

// ask adds a question that has no answer yet.
func (a *asking) ask(q Question) {
	if !a.snap.answered(q) {
		a.questions[q] = true
	}
}

// compareQuestions orders questions, so that runs do not differ.
func compareQuestions(a, b Question) int {
	return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Of, b.Of), cmp.Compare(a.Path, b.Path), cmp.Compare(a.Most, b.Most), cmp.Compare(boolInt(a.Text), boolInt(b.Text)), cmp.Compare(fmt.Sprint(a.Call), fmt.Sprint(b.Call)))
}

// aboutProject asks which containers and networks there are.
func (a *asking) aboutProject() {
	a.ask(Question{Kind: AskProject, Of: a.stack.Name})
	for _, name := range proxyNetworks(a.stack, a.snap) {
		a.ask(Question{Kind: AskNetwork, Of: name})
	}
	for _, id := range slices.Concat(a.snap.Project, a.snap.foreign()) {
		a.ask(Question{Kind: AskContainer, Of: id})
	}
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
	case AskTail:
		_, ok = s.Tails[q]
	case AskKills:
		_, ok = s.Kills[q.Of]
	case AskProcesses:
		_, ok = s.Processes[q.Of]
	case AskMounts:
		_, ok = s.Mounts[q.Of]
	case AskSockets:
		_, ok = s.Sockets[q.Of]
	case AskStats:
		_, ok = s.Stats[q.Of]
	case AskFile:
		_, ok = s.Files[q]
	case AskCall:
		_, ok = s.Replies[q]
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
