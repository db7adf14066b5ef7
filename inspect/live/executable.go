package live

import (
	"debug/elf"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// platform is what a daemon runs programs of, in Go's words: linux and amd64.
type platform struct{ system, arch string }

// machines are the platforms of Linux as ELF numbers them.
var machines = map[string]elf.Machine{
	"386":     elf.EM_386,
	"amd64":   elf.EM_X86_64,
	"arm":     elf.EM_ARM,
	"arm64":   elf.EM_AARCH64,
	"ppc64le": elf.EM_PPC64,
	"riscv64": elf.EM_RISCV,
	"s390x":   elf.EM_S390,
}

// executable finds what a helper can run whatever its image holds: this program, if it is a static one
// for the daemon's platform, else one that lies beside it.
func (p platform) executable(own string) (string, *Error) {
	const text = "this why502 cannot run in a container of the Docker daemon: "
	machine, known := machines[p.arch]
	switch {
	case p.system == "" || p.arch == "":
		return "", &Error{text: text + "the daemon does not say what it runs on", hint: hintVersion}
	case p.system != "linux" || !known:
		return "", &Error{text: text + fmt.Sprintf("the daemon runs on %s/%s", p.system, p.arch), hint: hintNoProbe}
	}
	why := static(own, machine)
	if why == nil {
		return own, nil
	}
	name := "why502-linux-" + p.arch
	for _, dir := range foldersOf(own) {
		if beside := filepath.Join(dir, name); static(beside, machine) == nil {
			return beside, nil
		}
	}
	return "", &Error{
		text: text + oneLine(why.Error()),
		hint: fmt.Sprintf("put beside it the %s of its release, or one built so: CGO_ENABLED=0 GOOS=linux GOARCH=%s go build -o %s .",
			name, p.arch, filepath.Join(filepath.Dir(own), name)),
	}
}

// foldersOf are where a program lies: the folder that it was started from and, where that has but a link to it,
// the one with the file.
func foldersOf(program string) []string {
	folders := []string{filepath.Dir(program)}
	if file, err := filepath.EvalSymlinks(program); err == nil && filepath.Dir(file) != folders[0] {
		folders = append(folders, filepath.Dir(file))
	}
	return folders
}

// static says why a file is no program that runs alone on that machine; nil: it is one.
func static(file string, machine elf.Machine) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	program, err := elf.NewFile(f)
	if err != nil {
		return fmt.Errorf("it is no Linux program")
	}
	if program.Machine != machine {
		return fmt.Errorf("it is one for %s", strings.TrimPrefix(program.Machine.String(), "EM_"))
	}
	for _, part := range program.Progs {
		if part.Type == elf.PT_INTERP {
			return fmt.Errorf("it is linked dynamically")
		}
	}
	return nil
}
