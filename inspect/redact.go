package inspect

import (
	"regexp"
	"strings"
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

// Redact masks what looks like a credential in a text that is printed without a report.
func Redact(text string) string { return redact(text) }
