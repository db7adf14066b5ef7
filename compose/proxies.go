package compose

import (
	"cmp"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"why502/compose/nginx"
	"why502/compose/proxy"
)

// configRoots are the directories under which images keep nginx's configuration.
var configRoots = []string{"/etc/nginx", "/usr/local/openresty/nginx/conf", "/opt/bitnami/nginx/conf", "/etc/angie", "/config/nginx"}

// notProxies are images that mount nginx's configuration without being nginx.
var notProxies = regexp.MustCompile(`docker-gen|acme-companion|letsencrypt-companion|certbot|exporter|^unit$|logrotate|fail2ban|filebeat`)

// findProxies reads the configuration of every service that runs nginx, and keeps those that hand
// requests on. The names in only are taken whatever they run.
func (s *Stack) findProxies(only []string) error {
	for _, name := range only {
		switch svc := s.Services[name]; {
		case svc == nil:
			return s.unknownProxy(name)
		case svc.Disabled:
			return &Error{
				What: fmt.Sprintf("the service %q is disabled (profile %s)", name, strings.Join(svc.Profiles, ", ")),
				Fix:  "enable it with --profile NAME",
			}
		}
	}
	for _, name := range sortedKeys(s.Services) {
		svc := s.Services[name]
		why := whyProxy(svc)
		if len(only) > 0 {
			why = ""
			if slices.Contains(only, name) {
				why = "flag"
			}
		}
		if why == "" || svc.Disabled {
			continue
		}
		if p := s.readProxy(svc, why); passesOn(p) || why == "flag" {
			s.Proxies = append(s.Proxies, p)
		} else {
			s.Servers = append(s.Servers, p)
		}
	}
	if len(s.Proxies) == 0 {
		return s.noProxy()
	}
	for _, p := range s.Proxies {
		p.Routes = routes(p, s)
	}
	return nil
}

// nginxImage tells images that run nginx by their whole name.
var nginxImage = regexp.MustCompile(`nginx|openresty|angie|swag|tengine`)

// whyProxy says how a service is known to run nginx: by its image, by that which its Dockerfile
// begins with, or by a mount under an nginx configuration directory. Empty: it is not.
func whyProxy(svc *Service) string {
	name, _ := splitImage(cmp.Or(svc.Base(), svc.Image))
	if notProxies.MatchString(name) {
		return ""
	}
	switch {
	case svc.Build != nil && family(svc.Build.Base).runsNginx():
		return "dockerfile"
	case family(svc.Image).runsNginx():
		return "image"
	}
	for _, m := range svc.Mounts {
		if underConfigRoot(m.Target) && !strings.Contains(m.Target, "cert") && m.Type != "volume" {
			return "mount"
		}
	}
	return ""
}

func underConfigRoot(target string) bool {
	return slices.ContainsFunc(configRoots, func(root string) bool {
		return target == root || strings.HasPrefix(target, root+"/")
	})
}

// passesOn says whether a service that runs nginx hands requests on, as far as can be known: one
// that serves files only is an upstream like any other.
func passesOn(p *Proxy) bool {
	return len(p.Config.Groups) > 0 || hasPass(p.Config) || !p.Config.Complete() || len(p.Missing) > 0 || len(p.NotLoaded) > 0 ||
		slices.ContainsFunc(p.Config.Files, func(f proxy.File) bool { return f.Emptied })
}

func hasPass(c *proxy.Config) bool {
	found := false
	eachPass(c, func(*proxy.Server, *proxy.Location, *proxy.Pass) { found = true })
	return found
}

// readProxy reads what nginx in a service's containers loads.
func (s *Stack) readProxy(svc *Service, why string) *Proxy {
	c := s.container(svc)
	s.start(c, svc)
	c.seen = s.seen[svc.Name]
	known := family(svc.Base())
	p := &Proxy{Service: svc, Why: why, Sure: svc.Build != nil || nginxImage.MatchString(repository(svc.Image)), Stock: c.stock && c.unknown == "" && startsNginx(svc)}
	p.Beside = known.beside
	if known.runsNginx() && !known.other {
		p.Version = imageVersion(svc.Base())
	}
	p.Config = nginx.Parse(c.files(), nginx.Options{Main: mainFile(c.argv, known.main), Version: p.Version, Stock: c.stock, Given: given(c.argv, c.stock)})
	for i, fault := range p.Config.Faults {
		if m, ok := c.mountOf(fault.Path); ok && fault.Path != "" && m.Source != "" {
			p.Config.Faults[i].Expected, p.Config.Faults[i].Link = s.expected(hostPath(m, fault.Path)), c.link(fault.Path)
		}
	}
	for _, target := range sortedKeys(c.missing) {
		bad := c.missing[target]
		if bad.OfDirectory && len(p.Config.Servers) > 0 {
			continue // other files do the work
		}
		bad.Expected = s.expected(bad.Source)
		p.Missing = append(p.Missing, bad)
	}
	if p.Config.Complete() {
		p.NotLoaded = s.notLoaded(c)
	}
	if c.stock {
		p.Absent = absent(p.Config, c)
	}
	p.User, p.Closed = unreadable(p, c)
	readTrusted(p.Config, c)
	return p
}

// readTrusted gives the passes that verify certificates the text of those that they trust, where the
// project's files have it.
func readTrusted(config *proxy.Config, c *container) {
	eachPass(config, func(_ *proxy.Server, _ *proxy.Location, pass *proxy.Pass) {
		if file := pass.TLS.Trusted; pass.TLS.Verifies && file != "" && !strings.Contains(file, "$") {
			if f, _, err := c.find(inConfiguration(config, file)); err == nil {
				pass.TLS.TrustedText = onlyCertificates(f.Text)
			}
		}
	})
}

// onlyCertificates leaves the keys out that may lie in the same file.
func onlyCertificates(text []byte) string {
	var kept []byte
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type == "CERTIFICATE" {
			kept = append(kept, pem.EncodeToMemory(block)...)
		}
	}
	return string(kept)
}

// inConfiguration is a path that a directive names, which counts from the directory of the main file.
func inConfiguration(config *proxy.Config, file string) string {
	if path.IsAbs(file) {
		return file
	}
	return path.Join(path.Dir(config.Files[0].Path), file)
}

// absent are the certificates and keys that nginx loads when it starts and that are not there.
func absent(config *proxy.Config, c *container) (all []Absent) {
	certificates(config, func(d *proxy.Directive, file string) {
		_, l, err := c.find(file)
		if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, errDirectory) {
			return
		}
		gone := Absent{Directive: d.Name, Path: file, Place: d.Place, Order: d.Order}
		if l != nil {
			gone.Mount = l.mount
		}
		all = append(all, gone)
	})
	return all
}

// certificates visits the certificates and keys that nginx loads when it starts, with their paths in the
// container. Those with a variable in their names are loaded when a client comes.
func certificates(config *proxy.Config, visit func(d *proxy.Directive, file string)) {
	among := func(directives []*proxy.Directive) {
		for _, d := range directives {
			if d.Name != "ssl_certificate" && d.Name != "ssl_certificate_key" || len(d.Args) != 1 || strings.ContainsAny(d.Args[0], "$:") {
				continue
			}
			visit(d, inConfiguration(config, d.Args[0]))
		}
	}
	among(config.Directives)
	for _, srv := range config.Servers {
		among(srv.Directives)
	}
}

// name is what places call a host path: relative to the project directory.
func (s *Stack) name(host string) string {
	rel, err := filepath.Rel(s.Directory, host)
	if err != nil {
		return filepath.ToSlash(host)
	}
	return filepath.ToSlash(rel)
}

var ownCommand = regexp.MustCompile(`^(\S*/)?(nginx|nginx-debug|openresty)( |$)`)

// mainFile is the configuration file that nginx starts with: what -c names, else the image's. A relative path
// counts from nginx's prefix (nginx.org, Command-line parameters).
func mainFile(argv []string, ofImage string) string {
	main, o := cmp.Or(ofImage, "/etc/nginx/nginx.conf"), options(argv)
	prefix, file := path.Dir(main), ""
	if path.Base(prefix) == "conf" { // nginx's own layout, in which the file moves along with the prefix
		prefix, file = path.Dir(prefix), "conf/"+path.Base(main)
	}
	if file = cmp.Or(o['c'], file); o['c'] == "" && (o['p'] == "" || file == "") {
		return main
	}
	if path.IsAbs(file) {
		return file
	}
	return path.Join("/", cmp.Or(o['p'], prefix), file)
}

// given are the names of the directives that a start gives nginx with -g: the stock image's turns "daemon"
// off by itself.
func given(argv []string, stock bool) (names []string) {
	if len(argv) == 0 && stock {
		return []string{"daemon"}
	}
	for directive := range strings.SplitSeq(options(argv)['g'], ";") {
		if words := strings.Fields(directive); len(words) > 0 {
			names = append(names, words[0])
		}
	}
	return names
}

// options are the letters among nginx's arguments, with what follows those that take a value.
func options(argv []string) map[byte]string {
	o := map[byte]string{}
	for i := 1; i < len(argv); i++ {
		word := strings.TrimPrefix(argv[i], "-")
		if word == argv[i] {
			continue
		}
		for word != "" {
			letter := word[0]
			word = word[1:]
			if o[letter] = ""; strings.IndexByte("cpges", letter) < 0 {
				continue
			}
			if word == "" && i+1 < len(argv) {
				i++
				word = argv[i]
			}
			o[letter], word = word, ""
		}
	}
	return o
}

// startsNginx says whether a service starts nginx and nothing else, as the image does by itself.
func startsNginx(svc *Service) bool {
	argv := svc.Start()
	return len(argv) == 0 || ownCommand.MatchString(argv[0])
}

// serves tells text that configures a server from snippets, parameters and certificates.
var serves = regexp.MustCompile(`(?m)^\s*(server\s*\{|upstream\s+\S+\s*\{|(proxy|fastcgi|uwsgi|scgi|grpc)_pass\s)`)

// notLoaded are the mounted files under a configuration directory that configure a server and that
// nginx did not read. Of a mounted directory only one that nginx left alone as a whole counts: sites
// that are kept there unused are no mistake.
func (s *Stack) notLoaded(c *container) (files []proxy.File) {
	for _, l := range c.layers {
		if l.mount == nil {
			continue
		}
		m := *l.mount
		if !underConfigRoot(m.Target) || m.Type == "volume" || m.Source == "" || c.readUnder(m.Target) {
			continue
		}
		here, ok := s.Here(m.Source)
		if !ok {
			continue
		}
		for _, file := range filesAt(here) {
			text, err := readRegular(here, file)
			if err == nil && serves.Match(text) {
				rest := strings.TrimPrefix(file, here)
				name := s.name(m.Source + rest)
				c.sources.Add(name, text)
				files = append(files, proxy.File{Path: m.Target + filepath.ToSlash(rest), Name: name})
				break
			}
		}
	}
	slices.SortFunc(files, func(a, b proxy.File) int { return cmp.Compare(a.Path, b.Path) })
	return files
}

// readUnder says whether nginx read a container path, or anything below it.
func (c *container) readUnder(target string) bool {
	for p := range c.opened {
		if p == target || strings.HasPrefix(p, target+"/") {
			return true
		}
	}
	return false
}

// maxFolders and maxEntries bound how far a mounted directory is searched for files that nginx leaves alone.
const (
	maxFolders = 3 // directories deep
	maxEntries = 1000
)

// filesAt are the files that a mount source brings: itself, or what the directory and those in it
// hold.
func filesAt(source string) (files []string) {
	if info, err := os.Stat(source); err != nil || !info.IsDir() {
		return []string{source}
	}
	seen, root := 0, source+string(filepath.Separator) // which follows the source where that is a link
	_ = filepath.WalkDir(root, func(host string, e fs.DirEntry, err error) error {
		seen++
		switch {
		case seen > maxEntries:
			return fs.SkipAll
		case err != nil:
			return nil
		case e.Type().IsRegular():
			files = append(files, host)
		case e.IsDir() && strings.Count(strings.TrimPrefix(host, root), string(filepath.Separator)) >= maxFolders:
			return fs.SkipDir
		}
		return nil
	})
	return files
}

// noProxy says which services were looked at and why none of them is a proxy.
func (s *Stack) noProxy() error {
	var looked, hidden []string
	for _, name := range sortedKeys(s.Services) {
		svc := s.Services[name]
		switch why := whyProxy(svc); {
		case why != "" && svc.Disabled:
			hidden = append(hidden, fmt.Sprintf("%s (profile %s)", name, strings.Join(svc.Profiles, ", ")))
		case why != "":
			looked = append(looked, name+" runs nginx but passes nothing on")
		case svc.Build != nil && svc.Build.Base == "" && svc.Build.files.unknown != "":
			looked = append(looked, svc.Build.files.unknown)
		case svc.Build != nil && svc.Image == "":
			looked = append(looked, name+" is built from a Dockerfile")
		default:
			looked = append(looked, fmt.Sprintf("%s runs %s", name, cmp.Or(svc.Image, "no known image")))
		}
	}
	err := &Error{What: "no nginx proxy in this project", Fix: "name the service that runs nginx with --proxy NAME"}
	if len(hidden) > 0 {
		err.What += "; a profile disables " + strings.Join(hidden, ", ")
		err.Fix = "enable it with --profile NAME"
	} else if len(looked) > 0 {
		err.What += ": " + strings.Join(looked, ", ")
	}
	return err
}

// unknownProxy is the error for a --proxy that names no service.
func (s *Stack) unknownProxy(name string) error {
	return &Error{
		What: fmt.Sprintf("no service is named %q", name),
		Fix:  "services: " + strings.Join(sortedKeys(s.Services), ", "),
	}
}
