package compose

import (
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
)

// Inputs are the files and directories on which the stack rests, as far as they can be seen from here, absolute and
// sorted: the files that were read, the directories that have them, where others may come up, and what is mounted as a
// configuration or was to be mounted and is not there.
func (s *Stack) Inputs() []string {
	all := map[string]bool{s.Directory: true}
	add := func(file string) { all[file], all[filepath.Dir(file)] = true, true }
	for file := range s.read {
		if file != "-" {
			add(file)
		}
	}
	for name := range s.Sources {
		if name != "-" {
			add(s.onHost(name))
		}
	}
	for _, p := range slices.Concat(s.Proxies, s.Servers) {
		for _, m := range p.Service.Mounts {
			if m.Type != "bind" {
				continue
			}
			info, err := s.stat(m.Source)
			if missing := err != nil; missing || isConfiguration(m, info) {
				all[m.Source] = true
			}
		}
		for _, a := range p.Absent {
			if a.Mount != nil && a.Mount.Type == "bind" {
				all[hostPath(*a.Mount, a.Path)] = true
			}
		}
	}
	here := map[string]bool{}
	for host := range all {
		file, own := strings.CutPrefix(host, contained)
		if !own {
			file, own = s.Here(host)
		}
		if own {
			here[file] = true
		}
	}
	return slices.Sorted(maps.Keys(here))
}

// isConfiguration says whether a mount brings a directory of configuration. Other directories (pages, caches,
// uploads) change all the time; so do other files, as logs are.
func isConfiguration(m Mount, info fs.FileInfo) bool {
	return info.IsDir() && (strings.HasPrefix(m.Target, "/etc/") || strings.HasPrefix(m.Target, "/usr/local/openresty/nginx/conf"))
}

// onHost is the path of a file that places name.
func (s *Stack) onHost(name string) string {
	name = filepath.FromSlash(name)
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(s.Directory, name)
}
