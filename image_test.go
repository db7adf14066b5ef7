package main

import (
	"archive/tar"
	"bytes"
	"debug/elf"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
)

// inTheBox are the scenarios whose plays are compared with what the image says without -every: one for each way in
// which the machine's paths matter.
var inTheBox = []string{
	"config-mount-missing", "config-mount-stale", "config-not-reloaded", "config-image-stale", "ok-dockerfile", "ok-include", "ok-template",
}

// imageName is what the tests call the image that they make.
const imageName = "why502-image-test"

// image makes the image, once: with -every by the command that the README has. Else, as that takes minutes, the program
// is built here with the same flags, and what differs is only where: the Dockerfile's last stage takes it from there.
var image = sync.OnceValue(func() error {
	dir := "."
	if !*every {
		var err error
		if dir, err = os.MkdirTemp("", "why502-image"); err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		if err := lastStage(dir); err != nil {
			return err
		}
	}
	if out, err := exec.Command("docker", "build", "-t", imageName, dir).CombinedOutput(); err != nil {
		return fmt.Errorf("docker build: %w\n%s", err, out)
	}
	imageMade = true
	return nil
})

var flagsOfBuild = regexp.MustCompile(`go build (.*) -o /why502 \.`)

// lastStage puts the last stage of the Dockerfile into a directory, and the program that it takes from the first.
func lastStage(dir string) error {
	dockerfile, err := os.ReadFile("Dockerfile")
	if err != nil {
		return err
	}
	first, last, found := strings.Cut(string(dockerfile), "\nFROM scratch\n")
	given := flagsOfBuild.FindStringSubmatch(first)
	if !found || given == nil {
		return errors.New("the Dockerfile has other stages than this test knows")
	}
	build := exec.Command("sh", "-c", "go build "+given[1]+` -o "$0" .`, filepath.Join(dir, "why502"))
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+runtime.GOARCH)
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, out)
	}
	last = "FROM scratch\n" + strings.ReplaceAll(last, "--from=build /why502", "why502")
	return os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte(last), 0o644)
}

var imageMade bool // set by image, and read when all tests are over

// removeImage removes the image, where it was made.
func removeImage() {
	if imageMade {
		exec.Command("docker", "rmi", "-f", imageName).Run()
	}
}

// inImage runs the image as the README says, with a directory at /work, and what else docker run is to be told.
func inImage(t *testing.T, dir string, options []string, args ...string) result {
	t.Helper()
	if err := image(); err != nil {
		t.Fatal(err)
	}
	words := slices.Concat([]string{"run", "--rm", "-v", dir + ":/work:ro"}, options, []string{imageName}, args)
	cmd := exec.CommandContext(t.Context(), "docker", words...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) || cmd.ProcessState.ExitCode() > exitError {
		t.Fatalf("docker %s: %v\n%s", strings.Join(words, " "), err, stderr.String())
	}
	return result{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// withSocket are the options of docker run that give the image the daemon.
func withSocket(t *testing.T) []string {
	t.Helper()
	endpoint := engine(t)
	if endpoint.Scheme != "unix" {
		t.Skipf("the daemon's socket is not here, but at %s", endpoint)
	}
	group, err := exec.CommandContext(t.Context(), "stat", "-c", "%g", endpoint.Path).Output()
	if err != nil {
		t.Fatal(err)
	}
	return []string{"-v", endpoint.Path + ":/var/run/docker.sock", "--group-add", strings.TrimSpace(string(group))}
}

// boxed compares a report with that of the image, in which the project lies elsewhere. What becomes of containers
// meanwhile, which are restarted, is another report for both. It finds out by itself what the project is called.
func (p *play) boxed(doc document) {
	p.t.Helper()
	args := []string{"--format=json", "--timeout=1m"}
	if p.stack.Name != p.project { // the files say another
		args = append(args, "-p", p.project)
	}
	for tries := 3; ; tries-- {
		got := inImage(p.t, p.folder, withSocket(p.t), args...)
		got.stdout = strings.ReplaceAll(got.stdout, p.project, p.written)
		in := decode(p.t, got)
		probed := in.Live.Probe == "done" || in.Live.Probe == doc.Live.Probe // who sees the machine's /proc may need no helper
		if in.String() == doc.String() && in.Live.State == doc.Live.State && probed {
			return
		}
		if tries == 0 {
			p.t.Errorf("the image says something else:\nlive %v\n%swithout it:\nlive %v\n%s", in.Live, in, doc.Live, doc)
			return
		}
		doc = decode(p.t, p.why502("--format=json"))
	}
}

// TestImage looks at the image itself: nobody's, and small. Its size is that of what it unpacks to.
func TestImage(t *testing.T) {
	engine(t)
	if err := image(); err != nil {
		t.Fatal(err)
	}
	var made []struct {
		Config struct {
			User       string
			Entrypoint []string
			Labels     map[string]string
		}
	}
	out, err := exec.CommandContext(t.Context(), "docker", "image", "inspect", imageName).Output()
	if err == nil {
		err = json.Unmarshal(out, &made)
	}
	if err != nil {
		t.Fatal(err)
	}
	config := made[0].Config
	if config.User != "65532:65532" || config.Labels["org.opencontainers.image.title"] != "why502" {
		t.Errorf("the image is for user %q and has the labels %v", config.User, config.Labels)
	}
	if size := sizeOfImage(t); size > 20_000_000 {
		t.Errorf("the image unpacks to %d bytes", size)
	}
}

// TestImageOfOtherMachines builds the image for the other of the two architectures: the program in it is that one's.
func TestImageOfOtherMachines(t *testing.T) {
	engine(t)
	if !*every {
		t.Skip("it compiles everything once more; -every does")
	}
	arch, machine := "arm64", elf.EM_AARCH64
	if runtime.GOARCH == arch {
		arch, machine = "amd64", elf.EM_X86_64
	}
	dir := t.TempDir()
	out, err := exec.CommandContext(t.Context(), "docker", "buildx", "build", "--platform", "linux/"+arch, "--output", "type=local,dest="+dir, ".").CombinedOutput()
	if err != nil {
		t.Fatalf("docker buildx build: %v\n%s", err, out)
	}
	program, err := elf.Open(filepath.Join(dir, "why502"))
	if err != nil {
		t.Fatal(err)
	}
	defer program.Close()
	if program.Machine != machine {
		t.Errorf("for linux/%s it is for %v", arch, program.Machine)
	}
}

// sizeOfImage is how large the files of the image are.
func sizeOfImage(t *testing.T) (size int64) {
	t.Helper()
	id, err := exec.CommandContext(t.Context(), "docker", "create", imageName).Output()
	if err != nil {
		t.Fatal(err)
	}
	name := strings.TrimSpace(string(id))
	defer exec.Command("docker", "rm", name).Run()
	cmd := exec.CommandContext(t.Context(), "docker", "export", name)
	files, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	for archive := tar.NewReader(files); ; {
		switch file, err := archive.Next(); {
		case err == io.EOF:
			return size
		case err != nil:
			t.Fatal(err)
		default:
			size += file.Size
		}
	}
}

// TestImageWithoutDaemon reads projects in the image from their files alone: it says what is said beside them,
// and concludes nothing from what it cannot see.
func TestImageWithoutDaemon(t *testing.T) {
	engine(t)
	root := t.TempDir()
	conf := func(source string) string { return strings.Replace(works, "./nginx.conf", source, 1) }
	for _, c := range []struct {
		name, compose string
		mount, at     string // what is mounted, and where the project is in the container
		want          string // among what is not checked; empty: the same as outside
	}{
		{"near", works, "near", "/work", ""},
		{"missing", conf("./gone.conf"), "missing", "/work", ""},
		{"above", conf("../shared/nginx.conf"), "above", "/work", "../shared/nginx.conf is not mounted into the container of why502"},
		{"above-mounted", conf("../shared/nginx.conf"), ".", "/work/above-mounted", ""},
		{"absolute", conf("/srv/why502-is-not-here.conf"), "absolute", "/work", "is not mounted into the container of why502"},
		{"absolute-mounted", conf(filepath.Join(root, "shared", "nginx.conf")), ".", "/work/absolute-mounted", ""},
		{"like-the-mount", conf("/work/nginx.conf"), "like-the-mount", "/work", "is not mounted into the container of why502"},
		{"linked", conf("./link.conf"), "linked", "/work", "link.conf is not mounted into the container of why502"},
		{"linked-mounted", conf("./link.conf"), ".", "/work/linked-mounted", ""},
		{"built-above", strings.Replace(built, "build: .", "build: ../shared", 1), "built-above", "/work", "its build context ../shared is not mounted"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := filepath.Join(root, c.name)
			for _, made := range []string{dir, filepath.Join(root, "shared")} {
				if err := os.MkdirAll(made, 0o755); err != nil {
					t.Fatal(err)
				}
				write(t, filepath.Join(made, "nginx.conf"), nginxConf)
			}
			if err := os.Symlink(filepath.Join(root, "shared", "nginx.conf"), filepath.Join(dir, "link.conf")); err != nil {
				t.Fatal(err)
			}
			write(t, filepath.Join(dir, "compose.yaml"), c.compose)
			got := inImage(t, filepath.Join(root, c.mount), []string{"-w", c.at}, "--format=json")
			if c.want != "" {
				if got.code == exitFound || !strings.Contains(got.stdout+got.stderr, c.want) {
					t.Errorf("exit %d, not checked should be: %s\n%s%s", got.code, c.want, got.stdout, got.stderr)
				}
				return
			}
			beside := why502(t, nil, "--live=off", "--format=json", dir)
			if in, out := decode(t, got), decode(t, beside); in.String() != out.String() || got.code == exitError {
				t.Errorf("in the image:\n%sbeside the project:\n%s", in, out)
			}
			if named := fmt.Sprintf(`"name": %q`, c.name); !strings.Contains(got.stdout, named) || !strings.Contains(beside.stdout, named) {
				t.Errorf("the project is not called %s in:\n%s", c.name, got.stdout)
			}
		})
	}
}
