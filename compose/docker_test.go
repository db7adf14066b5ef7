package compose

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// merged is what is held against docker compose config, of one service.
type merged struct {
	Image       string
	Ports       []string // HOST_IP:PUBLISHED:TARGET/PROTOCOL
	Networks    []string
	DependsOn   []string
	Environment map[string]string
	Volumes     []string // TYPE:SOURCE:TARGET:READ_ONLY
}

func (m *merged) add(hostIP, published string, target int, protocol string) {
	m.Ports = append(m.Ports, fmt.Sprintf("%s:%s:%d/%s", hostIP, published, target, cmp.Or(protocol, "tcp")))
}

func (m *merged) sorted() merged {
	for _, list := range [][]string{m.Ports, m.Networks, m.DependsOn, m.Volumes} {
		slices.Sort(list)
	}
	return *m
}

// ours is what Load makes of a project.
func ours(s *Stack) map[string]merged {
	all := map[string]merged{}
	for name, svc := range s.Services {
		if svc.Disabled {
			continue
		}
		m := merged{Image: svc.Image, Environment: map[string]string{}}
		for _, p := range svc.Ports {
			published := ""
			if p.Published > 0 {
				published = strconv.Itoa(p.Published)
			}
			m.add(p.HostIP, published, p.Target, p.Protocol)
		}
		for _, a := range svc.Networks {
			m.Networks = append(m.Networks, a.Network)
		}
		for _, d := range svc.DependsOn {
			m.DependsOn = append(m.DependsOn, d.Service)
		}
		for name, v := range svc.Environment {
			m.Environment[name] = v.Text
		}
		for _, v := range svc.Mounts {
			if v.Type == "bind" || v.Type == "volume" { // a tmpfs has nothing that nginx could load
				m.Volumes = append(m.Volumes, fmt.Sprintf("%s:%s:%s:%t", v.Type, v.Source, v.Target, v.ReadOnly))
			}
		}
		all[name] = m.sorted()
	}
	return all
}

// theirs is what docker compose config prints of it.
func theirs(t *testing.T, text []byte) map[string]merged {
	t.Helper()
	var project struct {
		Services map[string]struct {
			Image string
			Ports []struct {
				HostIP    string `json:"host_ip"`
				Published string
				Target    int
				Protocol  string
			}
			Networks    map[string]any
			DependsOn   map[string]any `json:"depends_on"`
			Environment map[string]*string
			Volumes     []struct {
				Type, Source, Target string
				ReadOnly             bool `json:"read_only"`
			}
		}
	}
	if err := json.Unmarshal(bytes.ReplaceAll(text, []byte("$$"), []byte("$")), &project); err != nil {
		t.Fatal(err)
	}
	all := map[string]merged{}
	for name, svc := range project.Services {
		m := merged{Image: svc.Image, Environment: map[string]string{}}
		for _, p := range svc.Ports {
			first, _, _ := strings.Cut(p.Published, "-")
			m.add(p.HostIP, first, p.Target, p.Protocol)
		}
		for name := range svc.Networks {
			m.Networks = append(m.Networks, name)
		}
		for name := range svc.DependsOn {
			m.DependsOn = append(m.DependsOn, name)
		}
		for name, value := range svc.Environment {
			if value != nil {
				m.Environment[name] = *value
			}
		}
		for _, v := range svc.Volumes {
			if v.Type == "tmpfs" {
				continue
			}
			m.Volumes = append(m.Volumes, fmt.Sprintf("%s:%s:%s:%t", v.Type, v.Source, v.Target, v.ReadOnly))
		}
		all[name] = m.sorted()
	}
	return all
}

// dockerConfig runs docker compose config, where there is one that answers; the error is what it says.
func dockerConfig(t *testing.T, dir, stdin string, env []string, args ...string) ([]byte, error) {
	t.Helper()
	if exec.Command("docker", "compose", "version").Run() != nil {
		t.Skip("no docker compose")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, "docker", slices.Concat([]string{"compose"}, args, []string{"config", "--format", "json"})...)
	cmd.Dir, cmd.Stdin = dir, strings.NewReader(stdin)
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME")}, env...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	cmd.WaitDelay = time.Second
	out, err := cmd.Output()
	if ctx.Err() != nil {
		t.Skip("docker compose does not answer")
	}
	if err != nil {
		err = errors.New(stderr.String())
	}
	return out, err
}

func compare(t *testing.T, s *Stack, out []byte) {
	t.Helper()
	mine, docker := ours(s), theirs(t, out)
	for name, want := range docker {
		if got, ok := mine[name]; !ok || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got  %+v\nwant %+v", name, got, want)
		}
	}
	if len(mine) != len(docker) {
		t.Errorf("got %d services, want %d", len(mine), len(docker))
	}
}

// What stands in files of the project's own is merged as docker compose does.
func TestMergesScenariosAsDocker(t *testing.T) {
	if testing.Short() {
		t.Skip("docker compose takes its time")
	}
	merging := regexp.MustCompile(`(?m)^include:|\b(extends|env_file|profiles|environment):|<<:|\$\{`)
	err := filepath.WalkDir("../testdata", func(file string, _ fs.DirEntry, err error) error {
		if err != nil || filepath.Base(file) != "compose.yaml" {
			return err
		}
		text, err := os.ReadFile(file)
		dir := filepath.Dir(file)
		if override := firstOf(dir, []string{"compose.override.yaml"}); !merging.Match(text) && override == "" {
			return err
		}
		t.Run(filepath.ToSlash(dir), func(t *testing.T) {
			t.Parallel()
			out, err := dockerConfig(t, dir, "", nil)
			if err != nil {
				t.Skipf("docker compose does not read it: %v", err)
			}
			s, err := loadModel(context.Background(), Options{Directory: dir, Env: []string{"HOME=" + os.Getenv("HOME")}})
			if err != nil {
				t.Fatal(err)
			}
			compare(t, s, out)
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
