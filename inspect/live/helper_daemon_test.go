package live

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"why502/compose"
	"why502/inspect"
)

// sleeper is a program that hears nothing and says nothing.
const sleeper = `package main

import "time"

func main() { time.Sleep(time.Minute) }
`

// build makes a static program of the source, or of this module where there is none.
func build(t *testing.T, source string) string {
	t.Helper()
	dir := t.TempDir()
	program, target := filepath.Join(dir, "program"), "why502"
	if source != "" {
		target = filepath.Join(dir, "main.go")
		write(t, source, target)
	}
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", program, target)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+runtime.GOARCH)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return program
}

// probing observes with helpers that run a program.
func probing(ctx context.Context, env environment, program string, ask asker, stack *compose.Stack) (*inspect.Snapshot, error) {
	where, err := resolve(env)
	if err != nil {
		return nil, err
	}
	d, err := connect(ctx, where, "")
	if err != nil {
		return nil, err
	}
	defer d.close()
	d.helpers = newHelpers(program)
	return d.observe(ctx, ask, stack)
}

// askOf wants to know the project, and then these things of the containers of a service.
func askOf(service string, kinds ...inspect.QuestionKind) asker {
	return func(stack *compose.Stack, snap *inspect.Snapshot) (questions []inspect.Question) {
		all := askAll(stack, snap)
		if len(all) > 0 {
			return all
		}
		for _, c := range snap.Containers {
			for _, kind := range kinds {
				q := inspect.Question{Kind: kind, Of: c.ID}
				if kind == inspect.AskCall {
					q.Call = inspect.Call{Host: "edge", Port: 80, Scheme: "http", Wait: time.Second, Asked: "edge"}
				}
				_, sockets := snap.Sockets[q.Of]
				_, mounts := snap.Mounts[q.Of]
				known := kind == inspect.AskSockets && sockets || kind == inspect.AskMounts && mounts || snap.Replies[q] != nil
				if c.Service == service && !known && snap.Failed[q] == "" {
					questions = append(questions, q)
				}
			}
		}
		return questions
	}
}

// left are the helpers on the engine that stand beside a container.
func left(t *testing.T, id string) []string {
	t.Helper()
	out, err := exec.Command("docker", "ps", "-aq", "--filter", "label="+labelHelper).Output()
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(strings.Fields(string(out)), func(helper string) bool {
		mode, err := exec.Command("docker", "inspect", "--format", "{{.HostConfig.NetworkMode}} {{.HostConfig.PidMode}}", helper).Output()
		return err != nil || !strings.Contains(string(mode), id)
	})
}
