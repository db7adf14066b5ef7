package inspect

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"why502/compose"
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

// minSecret is the length of a value below which it could be any word of a configuration.
const minSecret = 6

// secretValues are the credentials in the environment of the proxies, which templates may have put
// anywhere, the longest first. Paths are none, and what is the name of a service is known anyway.
func secretValues(stack *compose.Stack) (values []string) {
	for _, p := range stack.Proxies {
		for name, v := range p.Service.Variables() {
			if secretVariable.MatchString(name) && len(v.Text) >= minSecret && !strings.HasPrefix(v.Text, "/") && stack.Services[v.Text] == nil {
				values = append(values, v.Text)
			}
		}
	}
	slices.SortFunc(values, func(a, b string) int { return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(a, b)) })
	return slices.Compact(values)
}

// mask is redact, and takes out the values of variables that are credentials.
func (j *judge) mask(text string) string {
	for _, value := range j.secrets {
		text = strings.ReplaceAll(text, value, "***")
	}
	return redact(text)
}

// Redact masks what looks like a credential in a text that is printed without a report.
func Redact(text string) string { return redact(text) }
