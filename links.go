package main

import (
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// The terminals that are known to take links (OSC 8), by what they set in the environment. Others may show garbage.
// Source: https://github.com/Alhadis/OSC8-Adoption, and what the supports-hyperlinks packages look at.
var (
	linkPrograms  = []string{"iTerm.app", "WezTerm", "vscode", "ghostty", "Hyper", "zed", "rio"}                 // TERM_PROGRAM
	linkTerms     = []string{"xterm-kitty", "alacritty", "alacritty-direct", "xterm-ghostty", "foot", "contour"} // TERM
	linkVariables = []string{"WT_SESSION", "KONSOLE_VERSION", "DOMTERM"}
)

// oldestVTE is the first version of the library of many terminals that has links and does not fail on them.
const oldestVTE = 5001

// takesLinks says whether the terminal takes links.
func (p *program) takesLinks() bool {
	term := p.variable("TERM")
	vte, _ := strconv.Atoi(p.variable("VTE_VERSION"))
	switch forced := p.variable("FORCE_HYPERLINK"); {
	case forced != "":
		return forced != "0" && forced != "false"
	case strings.HasPrefix(term, "screen"), strings.HasPrefix(term, "tmux"), term == "dumb":
		return false // whatever the terminal around them takes
	}
	return vte >= oldestVTE || slices.Contains(linkPrograms, p.variable("TERM_PROGRAM")) || slices.Contains(linkTerms, term) ||
		slices.ContainsFunc(linkVariables, func(name string) bool { return p.variable(name) != "" })
}

// linker gives the links of places in a directory: URLs of the files that are there. The line is the fragment, as
// terminals and editors have it, but where the desktop that opens the URL would refuse one. The host keeps those who
// are logged in elsewhere from opening a file of their own.
func (p *program) linker(directory string) func(file string, line int) string {
	root, err := filepath.Abs(directory)
	if err != nil {
		return nil
	}
	host := ""
	if p.variable("TERM_PROGRAM") != "vscode" { // which takes any host for that of a network share
		host, _ = os.Hostname()
	}
	lines := p.variable("VTE_VERSION") == ""
	there := map[string]bool{}
	return func(file string, line int) string {
		name := filepath.FromSlash(file)
		if !filepath.IsAbs(name) {
			name = filepath.Join(root, name)
		}
		if _, looked := there[name]; !looked {
			info, err := os.Stat(name)
			there[name] = err == nil && info.Mode().IsRegular()
		}
		if !there[name] {
			return ""
		}
		to := url.URL{Scheme: "file", Host: host, Path: filepath.ToSlash(name)}
		if !strings.HasPrefix(to.Path, "/") { // of Windows
			to.Path = "/" + to.Path
		}
		if lines && line > 0 {
			to.Fragment = strconv.Itoa(line)
		}
		return to.String()
	}
}
