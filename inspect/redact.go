package inspect

import (
	"cmp"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"why502/compose"
	"why502/compose/proxy"
)

// secretName is a name that says that its value is a credential.
const secretName = `(?:passwor[dt]|passwd|passphrase|requirepass|(?:\b|_)pass|pwd|secret|token|key|credentials?|authorization|cookie)`

// secrets are the shapes that credentials take in configuration, environment and logs. Those whose
// hint does not occur in a text, in any case, need not be looked for.
var secrets = []struct {
	hints   []string
	pattern *regexp.Regexp
	mask    string
}{
	{ // PASSWORD=x, api_key: x
		[]string{"=", ": "},
		regexp.MustCompile(`(?i)(` + secretName + `(?:[_-]\w+)*["']?(?:\s*=\s*|\s*:\s+))(?:"[^"]*"|'[^']*'|(?:bearer|basic)\s+\S+|[^\s"',;}]+)`), "${1}***",
	},
	{ // "password":"x"
		[]string{`":`, `':`},
		regexp.MustCompile(`(?i)(` + secretName + `(?:[_-]\w+)*["']:)(?:"[^"]*"|'[^']*')`), "${1}***",
	},
	{ // proxy_set_header X-Api-Key x; set $token "x"; what is a variable is none itself
		[]string{"header", "param", "set "},
		regexp.MustCompile(`(?i)(\b(?:\w+_set_header|add_header|\w+_param|set)\s+["']?\$?[\w-]*` + secretName + `[\w-]*["']?\s+)(?:"[^"$]+"|'[^'$]+'|[^\s$;"'][^\s;]*)`), "${1}***",
	},
	{
		[]string{"secure_link_secret"},
		regexp.MustCompile(`(secure_link_secret\s+)[^\s;]+`), "${1}***",
	},
	{ // --password x, -u user:x
		[]string{"--", "-u"},
		regexp.MustCompile(`(?i)(--(?:[\w-]+-)?` + secretName + `[\w-]*[ =]|\s-u\s+[^\s:]+:)\S+`), "${1}***",
	},
	{
		[]string{"bearer", "basic"},
		regexp.MustCompile(`\b((?i:bearer|basic)\s+)[A-Za-z+/._~-]*[0-9=][A-Za-z0-9+/._~=-]*`), "${1}***",
	},
	{ // http://user:x@host, user:x@host
		[]string{"@"},
		regexp.MustCompile(`((?:^|[\s/"'=])[\w.%+-]*:)[^\s@"'/][^\s@"']*@`), "${1}***@",
	},
	{ // tokens that are known by how they begin
		[]string{"gh", "akia", "xox", "eyj", "glpat", "sk_", "github"},
		regexp.MustCompile(`\b(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,}|glpat-[\w-]{20,}|sk_(?:live|test)_\w{10,}|AKIA[0-9A-Z]{16}|xox[abp]-[A-Za-z0-9-]{10,}|eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]*)`), "***",
	},
}

// redact masks what looks like a credential: nothing of it leaves the process.
func redact(text string) string {
	lower := strings.ToLower(text)
	for _, s := range secrets {
		for _, hint := range s.hints {
			if strings.Contains(lower, hint) {
				text = s.pattern.ReplaceAllString(text, s.mask)
				break
			}
		}
	}
	return text
}

// secretVariable is the name of a variable whose value is a credential.
var secretVariable = regexp.MustCompile(`(?i)(?:passwor[dt]|passwd|passphrase|requirepass|(?:^|_)pass|pwd|secret|token|key|credentials?)$`)

// IsSecret says whether the name of a variable says that its value is a credential.
func IsSecret(variable string) bool { return secretVariable.MatchString(variable) }

// maxSetting bounds a setting, in bytes.
const maxSetting = 1000

// Setting is a text of a container's settings as a snapshot keeps it: without credentials and control
// characters, and not longer than can matter.
func Setting(text string) string {
	text = strings.Map(func(r rune) rune {
		if unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) {
			return unicode.ReplacementChar
		}
		return r
	}, redact(text[:min(len(text), maxSetting)]))
	return strings.ToValidUTF8(text, string(unicode.ReplacementChar))
}

// secretOption is an option of a command line whose value is a credential.
var secretOption = regexp.MustCompile(`(?i)^-(?:-(?:[\w-]+-)?|)` + secretName + `$`)

// secretHeader is a header, parameter or variable of nginx whose value is a credential.
var secretHeader = regexp.MustCompile(`(?i)` + secretName + `$`)

// setters are the directives that give a name a value.
var setters = regexp.MustCompile(`_set_header$|^add_header$|_param$|^set$`)

// minSecret is the length of a value below which it could be any word of a configuration.
const minSecret = 6

// hidden stands for a credential.
const hidden = "***"

// Secrets are the credentials of a project, and the shapes that credentials have.
type Secrets struct {
	values *strings.Replacer // those that are known, wherever templates have put them
	named  map[string]bool   // whether what stands under a name is one, once asked for
}

// NewSecrets finds the credentials of a project: what the Compose files, the environment of its
// services, their command lines and the proxies' headers give names of credentials.
func NewSecrets(stack *compose.Stack) *Secrets {
	s := &Secrets{named: map[string]bool{}}
	found := finder{secrets: s, plain: plainNames(stack), values: map[string]bool{}}
	stack.EachSetting(found.setting)
	for _, svc := range stack.Services {
		found.service(svc)
	}
	for _, p := range slices.Concat(stack.Proxies, stack.Servers) {
		found.config(p.Config)
	}
	longest := slices.SortedFunc(maps.Keys(found.values), func(a, b string) int {
		return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(a, b))
	})
	var pairs []string
	for _, value := range longest {
		pairs = append(pairs, value, hidden)
	}
	s.values = strings.NewReplacer(pairs...)
	return s
}

// Mask takes the credentials out of a text. Of one with several lines each is masked by itself.
func (s *Secrets) Mask(text string) string {
	if !strings.Contains(text, "\n") {
		return redact(s.values.Replace(text))
	}
	return strings.Join(s.MaskLines(strings.Split(s.values.Replace(text), "\n")), "\n")
}

// MaskLines takes the credentials out of texts that follow each other: lines of a file or a log, words of
// a command line. There are as many as before.
func (s *Secrets) MaskLines(lines []string) []string {
	masked := make([]string, len(lines))
	within, next := false, false // a private key; what an option of that name is followed by
	for i, line := range lines {
		masked[i] = redact(s.values.Replace(line))
		end := strings.Contains(line, "-----END ")
		switch {
		case within && !end, next:
			masked[i] = hidden
		case strings.Contains(line, "-----BEGIN ") && strings.Contains(line, "PRIVATE KEY"):
			within = true
		}
		within = within && !end
		next = strings.HasPrefix(line, "-") && secretOption.MatchString(line)
	}
	return masked
}

// MaskNamed takes out what stands under a name, if that says that it is a credential.
func (s *Secrets) MaskNamed(name, text string) string {
	if s.isNamed(name) && text != "" {
		return hidden
	}
	return s.Mask(text)
}

// MaskDirective takes the credentials out of what a directive of nginx is given.
func (s *Secrets) MaskDirective(name string, args []string) []string {
	args = s.MaskLines(args)
	if value := secretArgument(name, args); value > 0 {
		args[value] = hidden
	}
	return args
}

// MaskHeader takes out what a header or parameter is set to, if its name says that it is a credential.
func (s *Secrets) MaskHeader(name, value string) string {
	if isCredential(name, value) {
		return hidden
	}
	return s.Mask(value)
}

// isCredential says whether what a header, parameter or variable of nginx is set to is one. What is made
// of variables is none itself, and an address is none.
func isCredential(name, value string) bool {
	return value != "" && !strings.Contains(value, "$") && !strings.Contains(value, "://") && secretHeader.MatchString(name)
}

// secretArgument is which argument of a directive is a credential; 0: none.
func secretArgument(directive string, args []string) int {
	if len(args) > 1 && setters.MatchString(directive) && isCredential(args[0], args[1]) {
		return 1
	}
	return 0
}

// isNamed says whether a name says that what stands under it is a credential.
func (s *Secrets) isNamed(name string) bool {
	is, known := s.named[name]
	if !known {
		is = secretVariable.MatchString(name)
		s.named[name] = is
	}
	return is
}

// finder collects the values of credentials.
type finder struct {
	secrets *Secrets
	plain   map[string]bool // what is known anyway
	values  map[string]bool
}

// setting adds what stands under a name, if that says that it is a credential.
func (f finder) setting(name, text string) {
	if f.secrets.isNamed(name) {
		f.add(text)
	}
}

// add adds a credential, or each line of one. Short ones could be any word, paths are none, and what is
// a name in the project is known anyway.
func (f finder) add(text string) {
	for _, value := range strings.Split(text, "\n") {
		value = strings.TrimSpace(value)
		if len(value) >= minSecret && !strings.HasPrefix(value, "/") && !strings.HasPrefix(value, "-----") && !strings.Contains(value, "$") && !f.plain[value] {
			f.values[value] = true
		}
	}
}

// service adds the credentials of a service's containers.
func (f finder) service(svc *compose.Service) {
	for name, v := range svc.Variables() {
		f.setting(name, v.Text)
	}
	for _, words := range [][]string{svc.Start(), svc.Healthcheck} {
		for i := range words[:max(0, len(words)-1)] {
			if secretOption.MatchString(words[i]) {
				f.add(words[i+1])
			}
		}
	}
	for _, m := range svc.Mounts {
		if m.Type == "secret" && m.Content != nil {
			f.add(string(m.Content.Text))
		}
	}
}

// config adds the credentials that nginx is told to send.
func (f finder) config(config *proxy.Config) {
	f.directives(config.Directives)
	for _, srv := range config.Servers {
		f.directives(srv.Directives)
		f.locations(srv.Locations)
	}
	for _, g := range config.Groups {
		f.directives(g.Directives)
	}
}

func (f finder) locations(all []*proxy.Location) {
	for _, l := range all {
		f.directives(l.Directives)
		f.locations(l.Locations)
	}
}

func (f finder) directives(all []*proxy.Directive) {
	for _, d := range all {
		if i := secretArgument(d.Name, d.Args); i > 0 {
			f.add(d.Args[i])
		}
		f.directives(d.Block)
	}
}

// words are those that configurations and the daemon themselves use. Who takes one of them as a password
// hides nothing.
var words = []string{
	"default", "docker", "nginx", "server", "upstream", "location", "listen", "resolver", "include", "localhost", "internal",
	"running", "created", "exited", "paused", "restarting", "healthy", "unhealthy", "starting", "bridge", "service", "services",
	"networks", "volumes", "secrets", "configs", "command", "fastcgi", "memcached", "proxy_pass", "password", "secret", "container",
}

// plainNames are texts that are no secrets, because the project or nginx uses them as names.
func plainNames(stack *compose.Stack) map[string]bool {
	plain := map[string]bool{stack.Name: true}
	for _, w := range words {
		plain[w] = true
	}
	for name, n := range stack.Networks {
		plain[name], plain[n.Full] = true, true
	}
	for name, svc := range stack.Services {
		plain[name], plain[svc.ContainerName], plain[svc.Hostname] = true, true, true
		for _, part := range strings.FieldsFunc(svc.Image+"/"+svc.Base(), func(r rune) bool { return r == '/' || r == ':' || r == '@' }) {
			plain[part] = true
		}
		for _, a := range svc.Networks {
			for _, alias := range a.Aliases {
				plain[alias] = true
			}
		}
	}
	return plain
}

// Redact masks what looks like a credential in a text that is printed without a report.
func Redact(text string) string { return redact(text) }
