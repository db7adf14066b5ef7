package live

import (
	"context"
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/docker/docker/api/types/events"

	"why502/compose"
)

var followed = &compose.Stack{Name: "shop", Networks: map[string]*compose.Network{"default": {Full: "shop_default"}}}

// Which events are a reason to look at the project again. The container aaa is known as one of it.
func TestConcerns(t *testing.T) {
	type labels = map[string]string
	ours := labels{labelProject: "shop", labelHash: "f00"}
	for _, test := range []struct {
		kind   events.Type
		action events.Action
		id     string
		about  labels
		want   bool
	}{
		{"container", "create", "new", ours, true},
		{"container", "die", "aaa", nil, true},
		{"container", "health_status: healthy", "aaa", nil, true},
		{"container", "exec_create: curl localhost", "aaa", ours, false},
		{"container", "top", "aaa", ours, false},
		{"container", "archive-path", "aaa", ours, false},
		{"container", "start", "new", labels{labelHelper: "1", labelProject: ""}, false},
		{"container", "start", "new", labels{labelProject: "other", labelHash: "f00"}, false},
		{"container", "start", "new", labels{labelProject: "shop"}, false}, // its image was built by Compose
		{"network", "connect", "", labels{"name": "shop_default", "container": "new"}, true},
		{"network", "disconnect", "", labels{"name": "other", "container": "aaa"}, true},
		{"network", "connect", "", labels{"name": "other", "container": "new"}, false},
		{"network", "connect", "", labels{"name": "none", "container": "new"}, false},
		{"image", "pull", "shop", nil, false},
	} {
		f := &following{stack: followed, ours: map[string]bool{"aaa": true}, networks: map[string]bool{"shop_default": true, "none": true}}
		if got := f.concerns(events.Message{Type: test.kind, Action: test.action, Actor: events.Actor{ID: test.id, Attributes: test.about}}); got != test.want {
			t.Errorf("%s %s of %q with %v: %v", test.kind, test.action, test.id, test.about, got)
		}
	}
}

const aDeath = `{"Type": "container", "Action": "die", "Actor": {"ID": "aaa", "Attributes": {}}}` + "\n"

// Where the stream of events ends, it is taken up again, and what may have been missed is something that happened.
func TestFollow(t *testing.T) {
	var asked atomic.Int32
	e := startEngine(t, map[string]http.HandlerFunc{
		"/containers/json": text(`[{"Id": "aaa"}]`),
		"/events": func(w http.ResponseWriter, r *http.Request) {
			if since := r.URL.Query().Get("since"); (since == "1795635064") != (asked.Add(1) == 1) {
				t.Errorf("since %q", since)
			}
			fmt.Fprint(w, aDeath)
			w.(http.Flusher).Flush()
		},
	})
	happened, lost := make(chan bool), make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan bool)
	go func() {
		defer close(done)
		tell := func() {
			select {
			case happened <- true:
			case <-ctx.Done():
			}
		}
		Follow(ctx, Options{Env: e.env()}, followed, time.Unix(1795635064, 0), tell, func(err error) { lost <- err })
	}()
	for range 4 { // a death, that something was missed, another death, that something was missed again
		<-happened
	}
	cancel()
	<-done
	select {
	case err := <-lost:
		t.Errorf("lost: %v", err)
	default:
	}
}

// That the daemon tells nothing is said once, with the reason.
func TestFollowNobody(t *testing.T) {
	for name, answers := range map[string]map[string]http.HandlerFunc{
		"not allowed":    {"/containers/json": text("[]"), "/events": status(403, "Forbidden")},
		"no containers":  {"/containers/json": status(403, "Forbidden"), "/events": text("")},
		"no daemon here": nil,
	} {
		t.Run(name, func(t *testing.T) {
			env := environment{"DOCKER_HOST=unix:///nowhere/docker.sock"}
			if answers != nil {
				env = startEngine(t, answers).env()
			}
			ctx, cancel := context.WithCancel(t.Context())
			var why []error
			Follow(ctx, Options{Env: env}, followed, time.Time{}, func() { t.Error("something happened") }, func(err error) { why = append(why, err); time.AfterFunc(2*firstPause, cancel) })
			if len(why) != 1 || why[0] == nil {
				t.Errorf("lost: %v", why)
			}
		})
	}
}
