package inspect

import (
	"fmt"
	"maps"
	"net"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"why502/compose"
	"why502/compose/proxy"
)

var upstreamListensOnLoopback = &Rule{
	ID: "upstream-listens-on-loopback", Hop: HopPort, Scope: OfRoute, Severity: Error, Causes: "C4",
	Title: "the upstream listens on the loopback of its own container only",
	Why: `127.0.0.1 is another one in each container: what listens there answers curl in its own container and refuses
everyone else's. "connect() failed (111: Connection refused)", and 502. Many servers listen there unless they are
told otherwise.`,
	Bad:  `command: gunicorn --bind 127.0.0.1:8000 app:app`,
	Good: `command: gunicorn --bind 0.0.0.0:8000 app:app`,
	Fix:  "let it listen on 0.0.0.0",
	Check: func(c *Case) *Finding {
		svc, b := c.Backend.Service, c.Backend
		if !c.judgesPorts() || c.sameNamespace(svc, c.Proxy.Service) {
			return nil
		}
		if e, ok := c.meets(refused, loopback, sixOnly); ok {
			if rows, known := c.listeners(e); known {
				return c.loopbackFinding(e, rows)
			}
		}
		if _, ok := c.listensOnPort(svc, b.Port); !ok {
			return nil
		}
		at, ok := c.boundTo(svc, b.Port)
		if !ok || !at.loopback() {
			return nil
		}
		confidence := Likely
		if at.sure && len(c.together[c.namespace(svc)]) == 1 {
			confidence = Certain
		}
		f := c.finding(confidence, Status502, "%s listens on %s only (%s), so connections from %s are refused", svc.Name, at.host, at.text, c.Proxy.Service.Name)
		return c.bindAll(f, at)
	},
	Settled: (*Case).dialled,
}

// bindAll says what to change where a service is told to listen on its loopback.
func (c *Case) bindAll(f *Finding, at binding) *Finding {
	f.with("compose", "%s", at.text).near(at.place, "what binds %s", at.host)
	if at.option != "" {
		return f.fix("let it listen on all addresses: %s", at.option)
	}
	return f.fix("let it listen on all addresses: 0.0.0.0 in place of %s", at.host).
		edit(replaceAt(c.stack.Sources, at.place, at.host, "0.0.0.0"))
}

// loopbackFinding reports an end that was seen to listen on its loopback alone; nil where it does not. What
// says so in the files is what to change, if anything does.
func (c *Case) loopbackFinding(e end, rows []Socket) *Finding {
	svc := c.Backend.Service
	at := slices.IndexFunc(rows, func(row Socket) bool { return row.Port == e.port && row.loopback() })
	if c.met(e) != loopback || at < 0 {
		return nil
	}
	f := c.finding(Proven, Status502, "%s listens on %s only, so connections from %s are refused", svc.Name, rows[at], c.Proxy.Service.Name)
	if said, ok := c.boundTo(svc, e.port); ok && said.loopback() {
		f.Message = fmt.Sprintf("%s listens on %s only (%s), so connections from %s are refused", svc.Name, said.host, said.text, c.Proxy.Service.Name)
		return c.bindAll(f, said)
	}
	return f.near(c.commandPlace(svc), "what it starts").fix("let %s listen on all addresses, 0.0.0.0:%d", svc.Name, e.port)
}

// binding is an address that a service is told to listen on.
type binding struct {
	host   string
	port   int    // 0: not said
	text   string // what says so: "--bind 127.0.0.1:8000"
	option string // what to write, where it is what the program does by itself
	sure   bool   // its own documentation says that this decides
	place  proxy.Place
}

func (b binding) loopback() bool {
	ip := net.ParseIP(strings.Trim(b.host, "[]"))
	return strings.EqualFold(b.host, "localhost") || ip != nil && ip.IsLoopback()
}

// boundTo finds what a service is told about the address that it listens on at a port: by its command
// line, else its environment, else what its program does by itself.
func (f *facts) boundTo(svc *compose.Service, port int) (b binding, ok bool) {
	if _, known := f.bound[svc]; !known {
		f.bound[svc] = f.saidOf(svc)
	}
	for _, said := range f.bound[svc] {
		switch {
		case said.port != port && said.port != 0:
		case !said.loopback():
			return said, true // it reaches further
		case !ok:
			b, ok = said, true
		}
	}
	return b, ok
}

// saidOf is everything that a service is told about the addresses that it listens on.
func (f *facts) saidOf(svc *compose.Service) []binding {
	words, plain := f.commandOf(svc)
	all := bindings(words, plain)
	for i := range all {
		all[i].sure = all[i].sure && plain
		all[i].place = f.commandPlace(svc)
	}
	if len(all) == 0 {
		all = bindingsByVariable(svc)
	}
	if option := alone(words, svc.Variables()); len(all) == 0 && option != "" {
		all = []binding{{host: "127.0.0.1", text: "there is no " + option, option: option, place: f.commandPlace(svc)}}
	}
	return all
}

// commandPlace is where the Compose files say what a service starts; nowhere, if its image does.
func (f *facts) commandPlace(svc *compose.Service) proxy.Place {
	for _, key := range []string{"command", "entrypoint"} {
		if at := f.stack.At("services", svc.Name, key); at != svc.Place {
			return at
		}
	}
	return proxy.Place{}
}

// commandOf are the words that a service starts with. They are plain where they are one command and no
// shell's script, of which other commands may do the listening.
func (f *facts) commandOf(svc *compose.Service) (words []string, plain bool) {
	argv := svc.Start()
	for i, arg := range argv {
		if i > 0 && arg == "-c" && i+1 < len(argv) {
			return strings.Fields(strings.NewReplacer(`"`, "", "'", "", ";", " ; ").Replace(argv[i+1])), false
		}
	}
	return argv, true
}

// listener is what is known of a program that listens.
type listener struct {
	flags    string // that take an address, separated by blanks
	argument bool   // the address is the next word that is no flag
	option   string // without which it listens on loopback; empty: it listens everywhere, or a file of the app's may say
	variable string // that makes it listen everywhere, too
}

// listeners are programs, by what their documentation says of the address that they listen on.
var listeners = map[string]listener{
	"runserver":          {argument: true, option: "0.0.0.0:8000"},                             // docs.djangoproject.com, django-admin runserver
	"flask":              {flags: "--host -h", option: "--host 0.0.0.0"},                       // flask.palletsprojects.com, flask run
	"uvicorn":            {flags: "--host --uds --fd", option: "--host 0.0.0.0"},               // www.uvicorn.org, settings
	"gunicorn":           {flags: "--bind -b"},                                                 // docs.gunicorn.org, settings, bind
	"hypercorn":          {flags: "--bind -b", option: "--bind 0.0.0.0:8000"},                  // hypercorn.readthedocs.io, bind
	"daphne":             {flags: "--bind -b -u --fd -e", option: "-b 0.0.0.0"},                // github.com/django/daphne
	"http.server":        {flags: "--bind -b"},                                                 // docs.python.org, http.server
	"vite":               {flags: "--host"},                                                    // vite.dev, server.host
	"ng":                 {flags: "--host"},                                                    // angular.dev, ng serve
	"next":               {flags: "-H --hostname"},                                             // nextjs.org, next dev
	"webpack-dev-server": {flags: "--host"},                                                    // webpack.js.org, devServer.host
	"mkdocs":             {flags: "-a --dev-addr"},                                             // www.mkdocs.org, dev_addr
	"hugo":               {flags: "--bind", option: "--bind 0.0.0.0"},                          // gohugo.io, hugo server
	"jekyll":             {flags: "-H --host"},                                                 // jekyllrb.com, serve
	"artisan":            {flags: "--host", option: "--host 0.0.0.0", variable: "SERVER_HOST"}, // laravel, ServeCommand
	"php":                {flags: "-S"},                                                        // php.net, features.commandline.webserver
	"uwsgi":              {flags: "--http --http-socket --socket -s --fastcgi-socket"},         // uwsgi-docs.readthedocs.io
	"streamlit":          {flags: "--server.address"},                                          // docs.streamlit.io, server.address
	"jupyter":            {flags: "--ip --ServerApp.ip --NotebookApp.ip"},                      // jupyter-server.readthedocs.io, ServerApp.ip
}

// needs are the words without which a program does not listen.
var needs = map[string][]string{
	"flask": {"run"}, "ng": {"serve"}, "mkdocs": {"serve"}, "hugo": {"server", "serve"}, "jekyll": {"serve", "s"}, "jupyter": {"lab", "notebook", "server"},
	"artisan": {"serve"},
}

// anyFlag says an address to listen on, of programs that are not known. In a script it may as well be one
// that another command connects to.
var anyFlag = regexp.MustCompile(`^--(host|bind|listen|address|addr|listen-address|bind-address|http-address)$`)

// program finds the last program in a command line of which it is known where it listens, and the words
// behind it: "poetry run gunicorn …".
func program(words []string) (l listener, rest []string) {
	for i, word := range words {
		name := path.Base(word)
		known, ok := listeners[name]
		serves := len(needs[name]) == 0 || slices.ContainsFunc(words[i:], func(w string) bool { return slices.Contains(needs[name], w) })
		if ok && serves {
			l, rest = known, words[i+1:]
		}
	}
	return l, rest
}

// bindings are the addresses that a command line says, which is plain where it is one command's.
func bindings(words []string, plain bool) (all []binding) {
	known, rest := program(words)
	if known.argument {
		all = positional(rest)
	}
	for i, word := range words {
		flag, value, joined := strings.Cut(word, "=")
		if !joined && i+1 < len(words) {
			value = words[i+1]
		}
		ours := slices.Contains(strings.Fields(known.flags), flag)
		if !strings.HasPrefix(flag, "-") || !ours && !(plain && anyFlag.MatchString(flag)) {
			continue
		}
		b, ok := bound(value)
		if b.text, b.sure = flag+" "+value, ours; !ok {
			b = binding{text: flag} // a socket, or "vite --host": all addresses
		}
		all = append(all, b)
	}
	return all
}

// alone is the option without which a program of a command line listens on loopback only; empty: it has
// it, or another way of saying so that is not followed.
func alone(words []string, environment map[string]compose.Value) string {
	known, rest := program(words)
	_, set := environment[known.variable]
	if set || slices.ContainsFunc(rest, func(w string) bool { return w == "-c" || strings.HasPrefix(w, "--config") || strings.Contains(w, "$") }) {
		return ""
	}
	return known.option
}

// positional is the address among the arguments: "runserver 127.0.0.1:8000". A port alone leaves it at
// loopback.
func positional(rest []string) (all []binding) {
	for _, arg := range rest {
		b, ok := bound(arg)
		if b.text, b.sure = arg, true; ok {
			return []binding{b}
		}
		if port, err := strconv.Atoi(arg); err == nil {
			all = append(all, binding{host: "127.0.0.1", port: port, text: arg + " without an address", option: "0.0.0.0:" + arg})
		}
	}
	return all
}

// bound reads "127.0.0.1", "localhost:8000" or "http://127.0.0.1:8000".
func bound(text string) (b binding, ok bool) {
	if _, rest, found := strings.Cut(text, "://"); found {
		text, _, _ = strings.Cut(rest, "/")
	}
	b.host = text
	if host, port, err := net.SplitHostPort(text); err == nil {
		b.host = host
		b.port, _ = strconv.Atoi(port)
	}
	named := strings.EqualFold(b.host, "localhost") || b.host == "" && b.port > 0 || b.host == "*" || b.host == "0" && b.port > 0
	return b, named || net.ParseIP(strings.Trim(b.host, "[]")) != nil
}

// bindVariables are the variables that tell servers where to listen.
var bindVariables = regexp.MustCompile(`^(FLASK_RUN_HOST|UVICORN_HOST|ASPNETCORE_URLS|NITRO_HOST|NUXT_HOST|BIND|BIND_ADDR(ESS)?|LISTEN_ADDR(ESS)?|HOST)$`)

// bindingsByVariable are the addresses that a service's environment says. A HOST is often no more than a name
// for links, and counts only where it is an address.
func bindingsByVariable(svc *compose.Service) (all []binding) {
	environment := svc.Variables()
	for _, name := range slices.Sorted(maps.Keys(environment)) {
		v := environment[name]
		b, ok := bound(v.Text)
		if ok && bindVariables.MatchString(name) && (name != "HOST" || net.ParseIP(b.host) != nil) {
			b.text, b.place = name+"="+v.Text, v.Place
			all = append(all, b)
		}
	}
	return all
}
