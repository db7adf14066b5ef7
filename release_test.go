package main

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"debug/elf"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// platforms are what a release is tried for. Another one than that of these tests takes some minutes, as all is
// compiled for it: go test -run TestRelease -platforms 'linux/amd64 darwin/arm64' .
var platforms = flag.String("platforms", "linux/"+runtime.GOARCH, "the platforms that TestRelease builds for")

// machines of the programs that run in helper containers.
var helperMachines = map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}

// What is released says so, runs where it is said to, and has beside it what a helper container can run.
func TestRelease(t *testing.T) {
	endToEnd(t)
	if runtime.GOOS != "linux" {
		t.Skip("releases are made on Linux")
	}
	dir := t.TempDir()
	cmd := exec.Command(".ci/release", append([]string{"9.8.7-test.1", dir}, strings.Fields(*platforms)...)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	sums := read(t, filepath.Join(dir, "SHA256SUMS"))
	for _, platform := range strings.Fields(*platforms) {
		system, arch, _ := strings.Cut(platform, "/")
		name := "why502-9.8.7-test.1-" + system + "-" + arch
		archive := read(t, filepath.Join(dir, name+".tar.gz"))
		if line := fmt.Sprintf("%x  %s.tar.gz\n", sha256.Sum256([]byte(archive)), name); !strings.Contains(sums, line) {
			t.Errorf("%q is not in SHA256SUMS:\n%s", line, sums)
		}
		files := unpacked(t, strings.NewReader(archive))
		if system != "linux" {
			for arch, machine := range helperMachines {
				runsAlone(t, files[name+"/why502-linux-"+arch], machine)
			}
			continue
		}
		runsAlone(t, files[name+"/why502"], helperMachines[arch])
		if arch == runtime.GOARCH {
			saysVersion(t, files[name+"/why502"], "why502 9.8.7-test.1\n")
		}
	}
}

// A release without a version, or with one that no tag is called, is none.
func TestReleaseNeedsVersion(t *testing.T) {
	for _, args := range [][]string{nil, {"v1.2.3"}, {"1.2"}, {"1.2.3 -X main.x=y"}, {"--help"}} {
		out, err := exec.Command(".ci/release", args...).CombinedOutput()
		if failed, ok := errors.AsType[*exec.ExitError](err); !ok || failed.ExitCode() != 2 || !strings.HasPrefix(string(out), "usage: ") {
			t.Errorf("%q: %v\n%s", args, err, out)
		}
	}
}

// unpacked are the files of an archive, by their names.
func unpacked(t *testing.T, r io.Reader) map[string][]byte {
	t.Helper()
	plain, err := gzip.NewReader(bufio.NewReader(r))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for archive := tar.NewReader(plain); ; {
		header, err := archive.Next()
		if err == io.EOF {
			return files
		}
		if err == nil && header.Typeflag == tar.TypeReg && header.Mode != 0o755 {
			t.Errorf("%s has the mode %o", header.Name, header.Mode)
		}
		text, readErr := io.ReadAll(archive)
		if err := errors.Join(err, readErr); err != nil {
			t.Fatal(err)
		}
		files[header.Name] = text
	}
}

// runsAlone checks that a program runs on Linux by itself.
func runsAlone(t *testing.T, program []byte, machine elf.Machine) {
	t.Helper()
	file, err := elf.NewFile(bytes.NewReader(program))
	if err != nil {
		t.Fatal(err)
	}
	if libraries, err := file.ImportedLibraries(); file.Machine != machine || err == nil && len(libraries) > 0 {
		t.Errorf("it is for %s, want %s, with the libraries %q", file.Machine, machine, libraries)
	}
}

func saysVersion(t *testing.T, program []byte, want string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "why502")
	if err := os.WriteFile(file, program, 0o755); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(file, "--version").CombinedOutput(); err != nil || string(out) != want {
		t.Errorf("%v: %q, want %q", err, out, want)
	}
}
