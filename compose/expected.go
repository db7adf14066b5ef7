package compose

import (
	"path"
	"path/filepath"
	"strings"
)

// expected says why a missing file may yet be made on the machine by a set-up step: a sample beside
// it, or a rule of .gitignore that covers it. Empty: nothing says so.
func (s *Stack) expected(host string) string {
	stem := strings.TrimSuffix(host, filepath.Ext(host))
	for _, base := range []string{host, stem} {
		for _, ending := range []string{".example", ".dist", ".sample", ".template", ".tpl", ".tmpl", ".j2"} {
			for _, sample := range []string{base + ending, base + ending + filepath.Ext(host)} {
				if _, err := s.stat(sample); err == nil {
					return s.name(sample) + " is there to be copied"
				}
			}
		}
	}
	if file := s.ignoredBy(host); file != "" {
		return s.name(file) + " ignores it"
	}
	return ""
}

// ignoredBy finds the .gitignore, from a path's directory up to the repository's root, that covers
// the path. It reads plain patterns (gitignore(5)); negated ones are taken as if they were not there.
func (s *Stack) ignoredBy(host string) string {
	for dir := filepath.Dir(host); ; dir = filepath.Dir(dir) {
		file := filepath.Join(dir, ".gitignore")
		if text, err := s.readRegular(dir, file); err == nil {
			rel, _ := filepath.Rel(dir, host)
			for _, line := range strings.Split(string(text), "\n") {
				if ignores(strings.TrimSpace(line), filepath.ToSlash(rel)) {
					return file
				}
			}
		}
		_, err := s.stat(filepath.Join(dir, ".git"))
		if err == nil || dir == filepath.Dir(dir) || !strings.HasPrefix(dir, s.Directory) {
			return ""
		}
	}
}

// ignores says whether one pattern of a .gitignore covers a path relative to it. A pattern with a
// slash counts from the file's directory, one without matches any component.
func ignores(pattern, rel string) bool {
	pattern = strings.TrimPrefix(pattern, "**/") // anywhere, as without it
	anchored := strings.Contains(strings.TrimSuffix(pattern, "/"), "/")
	pattern = strings.Trim(pattern, "/")
	if pattern == "" || pattern[0] == '#' || pattern[0] == '!' {
		return false
	}
	parts := strings.Split(rel, "/")
	for i := range parts {
		candidate := parts[i]
		if anchored {
			candidate = strings.Join(parts[:i+1], "/")
		}
		if ok, _ := path.Match(pattern, candidate); ok {
			return true
		}
	}
	return false
}
