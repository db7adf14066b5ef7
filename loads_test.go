package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/moby/buildkit/frontend/dockerfile/parser"
	crossplane "github.com/nginxinc/nginx-go-crossplane"

	"why502/compose"
	"why502/compose/proxy"
)

// nginxImage is the image in which the corpus' configuration is loaded, whatever version it names.
const nginxImage = "nginx:1.22"

// printing is a shell script that carries out its arguments, a container's own start, with an nginx
// that prints what it loads (nginx -T) and ends. Before that it makes up what only the machine has that
// the configuration was written for: hosts, certificates, users, folders. An include that is not there
// stays so.
const printing = `
nginx=$(command -v nginx) || exit 97
mv "$nginx" "$nginx.real"
cat >"$nginx" <<'END'
#!/bin/sh
for script in /docker-entrypoint.d/*.sh; do
  [ ! -x "$script" ] || "$script"
done
last=
while ! why=$("$0.real" -t "$@" 2>&1); do
  why=$(printf '%s\n' "$why" | grep -F '[emerg]' | tail -n 1)
  [ "$why" != "$last" ] || break
  last=$why
  name=$(printf '%s\n' "$why" | sed 's/^[^"]*"\([^"]*\)".*/\1/')
  case $why in
  *'"$'*) break ;;
  *'host not found in'*)
    name=${name##*//}; name=${name%%/*}; echo "127.0.0.2 ${name%%:*}" >>/etc/hosts ;;
  *certificate*|*BIO_new_file*|*PrivateKey*)
    mkdir -p "$(dirname "$name")"; cp /why502.pem "$name" ;;
  *getpwnam*) echo "$name:x:99:99::/:/bin/false" >>/etc/passwd ;;
  *getgrnam*) echo "$name:x:99:" >>/etc/group ;;
  *'(2: No such file or directory) in '*:[0-9]*) break ;;
  *'(2: No such file or directory)'*) mkdir -p "$(dirname "$name")" ;;
  *) break ;;
  esac
done
exec "$0.real" -T "$@"
END
chmod +x "$nginx"
exec "$@"
`

// printout is what nginx says of its configuration: that of nginx -T, or why it refuses it.
type printout struct {
	main    string            // path of the first file
	files   map[string]string // by path in the container
	refused string            // nginx's own words; empty: it does not
	other   string            // what else was said
}

// emerg is nginx's last word: an [emerg], or the [crit] that it leaves when a file is a directory.
var emerg = regexp.MustCompile(`\[(?:emerg|crit)\] (?:\d+#\d+: )?(.*)`)

func newPrintout(text, complaints string) printout {
	p := printout{files: map[string]string{}, other: complaints}
	if m := emerg.FindStringSubmatch(complaints); m != nil {
		p.refused = m[1]
	}
	for _, part := range strings.Split(text, "# configuration file ")[1:] {
		name, content, _ := strings.Cut(part, ":\n")
		name = path.Clean(name)
		p.main, p.files[name] = cmp.Or(p.main, name), content
	}
	return p
}

// said are passes and files, and where each stands.
type said map[string]string

// refusals are the first faults that nginx refuses a configuration for, by service, as a report says.
// Certificates are made up here, so that those that are not there are no fault.
func refusals(doc document) map[string]string {
	first := map[string]string{}
	for _, f := range doc.Findings {
		why, refused := strings.CutPrefix(f.Message, "nginx does not start: ")
		if refused && f.Rule != "certificate-missing" {
			first[f.Proxy] = cmp.Or(first[f.Proxy], why)
		}
	}
	return first
}

// startOf is the whole command line of a service's container.
func startOf(svc *compose.Service) []string {
	argv := svc.Start()
	if len(argv) == 0 {
		argv = []string{"nginx", "-g", "daemon off;"}
	}
	if svc.Entrypoint == nil && (svc.Build == nil || svc.Build.Entrypoint == nil) {
		argv = append([]string{"/docker-entrypoint.sh"}, argv...)
	}
	return argv
}

// compare holds what was read of a proxy against what nginx prints. refused is why it was foreseen to
// print nothing; empty: it was not. It says whether passes were compared.
func (p printout) compare(t *testing.T, edge *compose.Proxy, refused string) bool {
	t.Helper()
	name := edge.Service.Name
	if len(edge.Config.Faults) > 0 {
		refused = cmp.Or(refused, edge.Config.Faults[0].Text)
	}
	switch {
	case p.refused != "" || refused != "":
		if refused == "" || !strings.HasPrefix(p.refused, refused) && !missesSemicolon(refused, p.refused) {
			t.Errorf("%s: nginx says %q, foreseen was %q", name, p.refused, refused)
		}
		return false
	case len(p.files) == 0:
		t.Errorf("%s: nginx prints nothing: %s", name, p.other)
		return false
	}
	for _, line := range p.diff(edge.Config) {
		t.Errorf("%s: %s", name, line)
	}
	return len(edge.Routes) > 0
}

// missesSemicolon says whether two words of a fault are of one that is told at the directive here, and by
// nginx at the brace behind it.
func missesSemicolon(here, nginx string) bool {
	return strings.HasSuffix(here, `is not terminated by ";"`) && strings.HasPrefix(nginx, `unexpected "}"`)
}

// diff gives what was read and is not printed, and what is printed and was not read.
func (p printout) diff(c *proxy.Config) (lines []string) {
	read, real := fromConfig(c), p.directives()
	for _, line := range slices.Sorted(maps.Keys(read)) {
		if _, ok := real[line]; !ok {
			lines = append(lines, fmt.Sprintf("%s: read, but nginx does not load it: %s", read[line], line))
		}
	}
	for _, line := range slices.Sorted(maps.Keys(real)) {
		if _, ok := read[line]; !ok {
			lines = append(lines, fmt.Sprintf("%s: nginx loads it, but it was not read: %s", real[line], line))
		}
	}
	return lines
}

// fromConfig is what was read from the files: a line "listen, server, location, pass" for each pass on
// each listen, and one for each file.
func fromConfig(c *proxy.Config) said {
	all := said{}
	for _, f := range c.Files {
		all["file "+f.Path] = f.Name
	}
	add := func(s *proxy.Server, location string, passes []*proxy.Pass) {
		for _, pass := range passes {
			for _, l := range s.Listens {
				line := fmt.Sprintf("%s port %d%s %s %s %s", l.Address, l.Port, l.Socket, s.Names, location, pass)
				all[line] = fmt.Sprintf("%s:%d", pass.Place.File, pass.Place.Line)
			}
		}
	}
	var inside func(s *proxy.Server, locations []*proxy.Location)
	inside = func(s *proxy.Server, locations []*proxy.Location) {
		for _, loc := range locations {
			add(s, loc.Modifier+loc.Path, loc.Passes)
			inside(s, loc.Locations)
		}
	}
	for _, s := range c.Servers {
		add(s, "", s.Passes)
		inside(s, s.Locations)
	}
	return all
}

// directives is the same of what nginx printed, without any code of the program's.
func (p printout) directives() said {
	all := said{}
	for name := range p.files {
		all["file "+name] = name
	}
	payload, err := crossplane.Parse(p.main, &crossplane.ParseOptions{
		Open: p.open, Glob: p.glob, CombineConfigs: true, SkipDirectiveArgsCheck: true, SkipDirectiveContextCheck: true,
	})
	if err != nil {
		all[err.Error()] = "nginx -T"
		return all
	}
	for _, d := range payload.Config[0].Parsed {
		for _, inner := range d.Block {
			if inner.Directive == "server" {
				all.server(inner)
			}
		}
	}
	return all
}

func (p printout) open(name string) (io.ReadCloser, error) {
	if text, ok := p.files[path.Clean(name)]; ok {
		return io.NopCloser(strings.NewReader(text)), nil
	}
	return io.NopCloser(nil), fs.ErrNotExist
}

func (p printout) glob(pattern string) (matches []string, err error) {
	for _, name := range slices.Sorted(maps.Keys(p.files)) {
		if ok, _ := path.Match(path.Clean(pattern), name); ok {
			matches = append(matches, name)
		}
	}
	return matches, nil
}

// server adds what one server passes on.
func (all said) server(server *crossplane.Directive) {
	names, listens := []string{}, []string{}
	for _, d := range server.Block {
		switch d.Directive {
		case "server_name":
			names = append(names, d.Args...)
		case "listen":
			listens = append(listens, heard(d.Args[0])...)
		}
	}
	if len(listens) == 0 {
		listens = heard("80")
	}
	var inside func(block crossplane.Directives, location string)
	inside = func(block crossplane.Directives, location string) {
		for _, d := range block {
			switch {
			case d.Directive == "location":
				inside(d.Block, strings.Join(d.Args, ""))
			case d.Directive == "if" || d.Directive == "limit_except":
				inside(d.Block, location)
			case strings.HasSuffix(d.Directive, "_pass"):
				for _, l := range listens {
					all[fmt.Sprintf("%s %s %s %s %s", l, names, location, d.Directive, d.Args[0])] = fmt.Sprintf("%s:%d", d.File, d.Line)
				}
			}
		}
	}
	inside(server.Block, "")
}

// heard is what the first argument of a listen says, for each of its ports.
func heard(text string) (all []string) {
	if socket, ok := strings.CutPrefix(text, "unix:"); ok {
		return []string{" port 0" + socket}
	}
	host, ports, err := net.SplitHostPort(text)
	switch {
	case err == nil:
	case strings.Trim(text, "0123456789-") == "":
		ports = text
	default:
		host, ports = strings.Trim(text, "[]"), "80"
	}
	if host == "*" || host == "0.0.0.0" {
		host = ""
	}
	from, to, _ := strings.Cut(ports, "-")
	first, _ := strconv.Atoi(from)
	last, _ := strconv.Atoi(cmp.Or(to, from))
	for port := first; port <= last; port++ {
		all = append(all, fmt.Sprintf("%s port %d", host, port))
	}
	return all
}

// credentials writes a file with a key and its certificate, and gives its path.
func credentials(t *testing.T) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	made := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	certificate, err := x509.CreateCertificate(rand.Reader, made, made, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	pem.Encode(&text, &pem.Block{Type: "CERTIFICATE", Bytes: certificate})
	pem.Encode(&text, &pem.Block{Type: "PRIVATE KEY", Bytes: secret})
	file := filepath.Join(t.TempDir(), "why502.pem")
	write(t, file, text.String())
	return file
}

// known says whether all that a proxy loads was read, so that it can be compared.
func known(p *compose.Proxy) bool { return len(p.Missing) == 0 && len(p.Config.Unchecked) == 0 }

// TestUnplayed compares what the scenarios load that are not played.
func TestUnplayed(t *testing.T) {
	engine(t)
	for _, s := range scenarios(t) {
		if s.has("play.txt") {
			continue
		}
		folder := filepath.Join(t.TempDir(), filepath.Base(s.dir))
		if err := os.CopyFS(folder, os.DirFS(s.dir)); err != nil {
			t.Fatal(err)
		}
		stack, err := compose.Load(t.Context(), compose.Options{Directory: folder, Env: environment()})
		if err != nil {
			t.Fatal(err)
		}
		refused := refusals(decode(t, why502(t, nil, "--live=off", "--format=json", folder)))
		for _, p := range slices.Concat(stack.Proxies, stack.Servers) {
			if known(p) {
				lone{p, folder, nginxImage}.print(t).compare(t, p, refused[p.Service.Name])
			}
		}
	}
}

// TestLoaded holds what is read of every proxy of real projects that runs a stock nginx against what
// nginx itself loads, in a container with the project's mounts, environment and command. An image that
// the project builds is built without what comes from elsewhere.
func TestLoaded(t *testing.T) {
	if *corpus == "" {
		t.Skip("no projects given: go test -run TestLoaded -v -corpus FOLDER .")
	}
	engine(t)
	compared := 0
	for _, project := range index(t, filepath.Join(*corpus, "index.tsv")) {
		t.Run(project["id"], func(t *testing.T) {
			for _, p := range corpusProxies(t, project) {
				if p.loads(t) {
					compared++
				}
			}
		})
	}
	t.Logf("%d proxies were compared", compared)
	if compared < 25 {
		t.Error("that is too few to prove anything")
	}
}

// corpusProxy is a service that runs nginx, of a copy of a project.
type corpusProxy struct {
	lone
	files   []string // Compose files of the project
	refused string   // why nginx refuses its configuration, as the report says; empty: it does not
}

// corpusProxies are the services of a project that run nginx.
func corpusProxies(t *testing.T, project map[string]string) (all []corpusProxy) {
	t.Helper()
	folder := filepath.Join(t.TempDir(), project["id"])
	if err := os.CopyFS(folder, os.DirFS(filepath.Join(*corpus, project["id"]))); err != nil {
		t.Fatal(err)
	}
	files := composeFiles(folder, project)
	load := func() []*compose.Proxy {
		stack, err := compose.Load(t.Context(), compose.Options{Files: files, Env: environment(), Profiles: []string{"*"}})
		if err != nil {
			t.Skipf("not read: %v", err)
		}
		return slices.Concat(stack.Proxies, stack.Servers)
	}
	for _, p := range load() {
		if build := p.Service.Build; build != nil && stockImage.MatchString(build.Base) {
			file := filepath.Join(filepath.Dir(files[0]), build.Place.File)
			write(t, file, withoutOthers(t, read(t, file)))
		}
	}
	refused := map[string]string{}
	if report := judgeProject(t, folder, project); report.code != exitError { // else nothing could be read
		refused = refusals(decode(t, report))
	}
	for _, p := range load() {
		all = append(all, corpusProxy{lone{p, folder, nginxImage}, files, refused[p.Service.Name]})
	}
	return all
}

var (
	// stockImage is the official image, under the names that it has.
	stockImage = regexp.MustCompile(`^(docker\.io/)?(library/)?nginx(:|@|$)`)
	// fetches tells commands that need a network, or change accounts.
	fetches = regexp.MustCompile(`\b(apk|apt|apt-get|curl|wget|npm|yarn|pip|git|adduser|addgroup|useradd|groupadd)\b`)
	// lacks tells what the image's nginx refuses and newer or other builds of the official image do not.
	lacks = regexp.MustCompile(`unknown directive "http2"|invalid parameter "resolve"|unknown log format "main"|/etc/nginx/fastcgi.conf" failed`)
)

// withoutOthers is a Dockerfile without the stages that do not come from nginx, and without what is
// copied from them, installed and fetched.
func withoutOthers(t *testing.T, text string) string {
	t.Helper()
	parsed, err := parser.Parse(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	lines, ours := strings.Split(text, "\n"), true // what comes before the first FROM is kept
	for _, n := range parsed.AST.Children {
		instruction := strings.Join(lines[n.StartLine-1:n.EndLine], "\n")
		switch words := strings.Fields(n.Original); strings.ToUpper(n.Value) {
		case "FROM":
			at := slices.IndexFunc(words[1:], func(word string) bool { return !strings.HasPrefix(word, "--") }) + 1
			ours = stockImage.MatchString(words[at])
			instruction = strings.Join(append([]string{"FROM", nginxImage}, words[at+1:]...), " ")
		case "RUN", "COPY", "ADD":
			if fetches.MatchString(instruction) || strings.Contains(instruction, "--from=") || strings.Contains(instruction, "://") {
				continue
			}
		}
		if ours {
			b.WriteString(instruction + "\n")
		}
	}
	return b.String()
}

// loads compares a proxy, and says whether that was possible and says something.
func (p corpusProxy) loads(t *testing.T) bool {
	t.Helper()
	name := p.Service.Name
	if !stockImage.MatchString(p.Service.Base()) {
		t.Logf("%s: not compared: its image is not a stock nginx", name)
		return false
	}
	if !known(p.Proxy) {
		t.Logf("%s: not compared: missing %v, unchecked %v", name, p.Missing, p.Config.Unchecked)
		return false
	}
	if p.Service.Build != nil && !p.build(t) {
		return false
	}
	real := p.print(t)
	if lacks.MatchString(real.refused) {
		t.Logf("%s: not compared: %s lacks it: %s", name, nginxImage, real.refused)
		return false
	}
	return real.compare(t, p.Proxy, p.refused)
}

// build builds the proxy's image, and says whether that worked.
func (p *corpusProxy) build(t *testing.T) bool {
	t.Helper()
	p.image = fmt.Sprintf("why502-loads-%x", time.Now().UnixNano()&0xffffffff)
	named := filepath.Join(t.TempDir(), "named.yaml")
	write(t, named, fmt.Sprintf("services: {%q: {image: %s}}\n", p.Service.Name, p.image))
	args := []string{"compose", "-p", p.image, "--profile", "*"}
	for _, file := range append(p.files, named) {
		args = append(args, "-f", file)
	}
	t.Cleanup(func() { exec.Command("docker", "rmi", "-f", p.image).Run() })
	cmd := exec.CommandContext(t.Context(), "docker", append(args, "build", p.Service.Name)...)
	cmd.Env = environment()
	if out, err := cmd.CombinedOutput(); err != nil {
		_, why, _ := strings.Cut(string(out), "ERROR")
		t.Logf("%s: not compared: its image cannot be built: %v%.200s", p.Service.Name, err, why)
		return false
	}
	return true
}

// lone is a proxy in a container of its own, without network, that has nothing else of its project.
type lone struct {
	*compose.Proxy
	folder string // a copy of the project
	image  string
}

// print starts the container and gives what nginx in it prints.
func (p lone) print(t *testing.T) printout {
	t.Helper()
	name := fmt.Sprintf("why502-loads-%x", time.Now().UnixNano()&0xffffffff)
	t.Cleanup(func() { exec.Command("docker", "rm", "-f", name).Run() })
	args := []string{"run", "--rm", "--name", name, "--network", "none", "--user", "0", "--entrypoint", "sh", "-v", credentials(t) + ":/why502.pem:ro"}
	for _, variable := range slices.Sorted(maps.Keys(p.Service.Environment)) {
		args = append(args, "-e", variable+"="+p.Service.Environment[variable].Text)
	}
	for _, m := range p.Service.Mounts {
		if source := p.source(t, m); source != "" {
			args = append(args, "-v", source+":"+m.Target)
		}
	}
	return printed(t, slices.Concat(args, []string{p.image, "-c", printing, "sh"}, startOf(p.Service)))
}

// source is what a mount's container gets: what lies in the project's folder, but no key or certificate
// that is not there.
func (p lone) source(t *testing.T, m compose.Mount) string {
	t.Helper()
	switch {
	case m.Content != nil:
		file := filepath.Join(t.TempDir(), "content")
		write(t, file, string(m.Content.Text))
		return file
	case m.Type == "volume" || !strings.HasPrefix(m.Source, p.folder+string(filepath.Separator)):
		return ""
	}
	if _, err := os.Stat(m.Source); err != nil && slices.Contains([]string{".pem", ".crt", ".key", ".cer"}, path.Ext(m.Source)) {
		return ""
	}
	return m.Source
}

// printed is what nginx prints when a docker command runs it.
func printed(t *testing.T, args []string) printout {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var stdout, stderr strings.Builder
	cmd := exec.CommandContext(ctx, "docker", args...)
	cmd.Env, cmd.Stdout, cmd.Stderr = environment(), &stdout, &stderr
	_ = cmd.Run() // that nothing was printed is seen
	return newPrintout(stdout.String(), stderr.String())
}
