package compose

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"why502/compose/nginx"
	"why502/compose/proxy"
)

// Unreadable is a file that nginx reads when it starts, and may not: it or a directory on the way to it
// is closed to the user that nginx starts as.
type Unreadable struct {
	Path      string // in the container
	Source    string // host path of what is closed
	Directory bool   // that is one on the way: nginx passes over it where a pattern leads there
	Mode      fs.FileMode
	Mount     Mount
}

// unreadable are the mounted files of the configuration, certificates and keys among them, that the
// container's user may not read. Who that is is empty where it is not known.
func unreadable(p *Proxy, c *container) (user string, all []Unreadable) {
	as, known := accountOf(p.Service)
	if !known {
		return "", nil
	}
	user = strconv.Itoa(as.uid)
	if as.all {
		return user, nil
	}
	check := func(file string) {
		_, l, err := c.find(file)
		var unknown *nginx.UnknownError // as where this process may not read it either
		if err != nil && !errors.As(err, &unknown) || l == nil || l.mount == nil || l.mount.Content != nil {
			return
		}
		closed, mode := as.firstClosed(*l.mount, c.follow(file), c.here)
		if closed != "" {
			all = append(all, Unreadable{Path: file, Source: closed, Directory: mode.IsDir(), Mode: mode.Perm(), Mount: *l.mount})
		}
	}
	for _, f := range p.Config.Files {
		check(f.Path)
	}
	for _, file := range p.Config.Unread {
		check(file)
	}
	certificates(p.Config, func(_ *proxy.Directive, file string) { check(file) })
	return user, all
}

// account is whom a container's process opens files as.
type account struct {
	uid, gid int
	all      bool // root, with its right to open whatever there is
}

// accountOf is the account that a service's containers start as, where that is known.
func accountOf(svc *Service) (a account, known bool) {
	user := svc.User
	if user == "" && svc.Build != nil {
		user = svc.Build.User
	} else if user == "" {
		user = family(svc.Image).user
	}
	switch user { // the official images have these
	case "root":
		user = "0:0"
	case "nginx":
		user = "101:101"
	}
	name, group, grouped := strings.Cut(user, ":")
	uid, err := strconv.Atoi(name)
	gid, badGroup := strconv.Atoi(group)
	switch {
	case err != nil || grouped && badGroup != nil || svc.Groups:
		return a, false
	case grouped:
	case uid == 0 || uid == 101:
		gid = uid
	case uid < 1000: // the image may have a group for it
		return a, false
	}
	return account{uid: uid, gid: gid, all: uid == 0 && !svc.Bound}, true
}

// bound says whether a service's root may not open what is closed to it.
func bound(config types.ServiceConfig) bool {
	has := func(list []string, names ...string) bool {
		return slices.ContainsFunc(list, func(name string) bool {
			return slices.Contains(names, strings.TrimPrefix(strings.ToUpper(name), "CAP_"))
		})
	}
	return has(config.CapDrop, "ALL", "DAC_OVERRIDE") && !has(config.CapAdd, "ALL", "DAC_OVERRIDE", "DAC_READ_SEARCH") && !config.Privileged
}

// firstClosed is what an account may not open on the way to a container path: a directory from the
// mount's source on, or the file itself. Empty: nothing is closed, or it cannot be known.
func (a account) firstClosed(m Mount, p string, here func(string) (string, bool)) (host string, mode fs.FileMode) {
	parts := strings.FieldsFunc(strings.TrimPrefix(p, m.Target), func(r rune) bool { return r == '/' })
	for i := range len(parts) + 1 {
		host = filepath.Join(append([]string{m.Source}, parts[:i]...)...)
		at, _ := here(host)
		info, err := os.Stat(at)
		if err != nil {
			break
		}
		if !a.mayOpen(info) {
			return host, info.Mode()
		}
	}
	return "", 0
}

// mayOpen says whether an account may read a file, or go into a directory (path_resolution(7)).
func (a account) mayOpen(info fs.FileInfo) bool {
	uid, gid, known := owner(info)
	need := fs.FileMode(4)
	if info.IsDir() {
		need = 1
	}
	switch {
	case !known || a.all:
		return true
	case a.uid == uid:
		need <<= 6
	case a.gid == gid:
		need <<= 3
	}
	return info.Mode().Perm()&need != 0
}
