package main

import (
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// operator breaks a project that works, as people do.
type operator struct {
	name  string
	files func(m *mutant) bool              // changes files, where their verdict has to foresee what nginx does; false: there is nothing of that sort
	then  func(p *play, m *mutant) []string // or docker commands, once the project is up, which files do not show
}

// mutant is a copy of a project with one or two faults.
type mutant struct {
	dir       string
	rand      *rand.Rand
	upstreams []string // services of the project that passes name
	operators []operator
}

const (
	written   = `(proxy_pass|grpc_pass) (https?|grpcs?)://([a-z][\w.-]*)`
	mounted   = `(?m)^(\s+- \./[\w./-]+:)(/etc/nginx/[\w./-]+)`
	elsewhere = "      - elsewhere\n"
)

// operators are what people do. Where a text is replaced, it is one place of those that the pattern finds.
var operators = []operator{
	{name: "service renamed", files: (*mutant).rename},
	{name: "typo in the upstream", files: inNginx(written, "${1} ${2}://${3}x")},
	{name: "another port in the pass", files: inNginx(written+`:(\d+)`, "${1} ${2}://${3}:1${4}")},
	{name: "no port in the pass", files: inNginx(written+`:\d+`, "${1} ${2}://${3}")},
	{name: "another port in the command", files: inCompose(`(command: .*http\.server) (\d+)`, "${1} 1${2}")},
	{name: "published and container port swapped", files: inCompose(`"(\d+):(\d+)"`, `"${2}:${1}"`)},
	{name: "another container port published", files: inCompose(`"(\d+):80"`, `"${1}:81"`)},
	{name: "moved to another network", files: func(m *mutant) bool {
		return m.setting("    networks:\n"+elsewhere, "networks") && m.network("elsewhere")
	}},
	{name: "a network more", files: func(m *mutant) bool {
		return m.setting("    networks:\n      - default\n"+elsewhere, "networks") && m.network("elsewhere")
	}},
	{name: "a network less", files: inCompose(`(    networks:\n      - \w+\n)      - \w+\n`, "${1}")},
	{name: "the host's network", files: func(m *mutant) bool { return m.setting("    network_mode: host\n", "networks", "ports") }},
	{name: "no network", files: func(m *mutant) bool { return m.setting("    network_mode: none\n", "networks", "ports") }},
	{name: "a profile", files: func(m *mutant) bool { return m.setting("    profiles: [later]\n") }},
	{name: "bound to loopback", files: inCompose(`(command: .*http\.server \d+)`, "${1} --bind 127.0.0.1")},
	{name: "wrong scheme", files: ofHTTP(inNginx(`proxy_pass http://`, "proxy_pass https://"))},
	{name: "wrong type of pass", files: ofHTTP(inNginx(`proxy_pass http://([a-z][\w.-]*:\d+)/?;`, "fastcgi_pass ${1};"))},
	{name: "no resolver", files: inNginx(`(?m)^\s*resolver .*\n`, "")},
	{name: "another resolver", files: inNginx(`resolver 127\.0\.0\.11`, "resolver 127.0.0.53")},
	{name: "a variable in the host", files: inNginx(`proxy_pass http://([a-z][\w.-]*)(:\d+)?`, "set $$there ${1};\n        proxy_pass http://$$there${2}")},
	{name: "wrong path of a mount", files: inCompose(mounted, "${1}${2}.d")},
	{name: "a file that is not there", files: inCompose(`(?m)^(\s+- \./)([\w./-]+:/etc/nginx/)`, "${1}old/${2}")},
	{name: "a semicolon left out", files: inNginx(`(_pass [^;{}\n]*);`, "${1}")},
	{name: "a variable of a template not set", files: inCompose(`(?m)^      [A-Z_]+: [^\n]*\n`, "")},
	{name: "a comment", files: inNginx(`(?m)^(\s*)(proxy_pass)`, "${1}# the app\n${1}${2}")},

	{name: "killed", then: onUpstream("kill")},
	{name: "stopped", then: onUpstream("stop", "-t", "0")},
	{name: "paused", then: onUpstream("pause")},
	{name: "restarted", then: onUpstream("restart", "-t", "0")},
	{name: "made again", then: onUpstream("up", "-d", "--force-recreate", "--no-deps", "-t", "0")},
	{name: "taken away", then: onUpstream("rm", "-s", "-f")},
	{name: "given another address", then: moveAddress},
	{name: "disconnected", then: func(p *play, m *mutant) []string {
		box := p.containerOf(m.upstream())
		if all := p.inspect(m.upstream()).NetworkSettings.Networks; len(all) > 0 {
			return []string{"network disconnect -f " + slices.Sorted(maps.Keys(all))[0] + " " + box}
		}
		return nil
	}},
	{name: "edited without a reload", then: func(p *play, m *mutant) []string {
		edited := mutant{dir: p.folder, rand: m.rand}
		if !edited.swap(isNginx, written+`:(\d+)`, "${1} ${2}://${3}:1${4}") {
			return nil
		}
		return []string{"version"}
	}},
}

func inNginx(pattern, replacement string) func(*mutant) bool {
	return func(m *mutant) bool { return m.swap(isNginx, pattern, replacement) }
}

func inCompose(pattern, replacement string) func(*mutant) bool {
	return func(m *mutant) bool { return m.swap(isCompose, pattern, replacement) }
}

// ofHTTP breaks a project in which the command of each upstream says that it speaks HTTP: of another the files do not
// say that.
func ofHTTP(files func(*mutant) bool) func(*mutant) bool {
	return func(m *mutant) bool {
		for _, text := range m.texts(isCompose) {
			if strings.Count(text, "http.server") < len(m.upstreams) {
				return false
			}
		}
		return files(m)
	}
}

// onUpstream does something to one of the upstreams.
func onUpstream(words ...string) func(*play, *mutant) []string {
	return func(_ *play, m *mutant) []string {
		return []string{"compose " + strings.Join(words, " ") + " " + m.upstream()}
	}
}

// moveAddress makes the container of an upstream again, while another one has its address.
func moveAddress(p *play, m *mutant) []string {
	service := m.upstream()
	networks := p.inspect(service).NetworkSettings.Networks
	svc := p.stack.Services[service] // none, if it was renamed
	if svc == nil || svc.Image == "" || len(networks) != 1 {
		return nil
	}
	network := slices.Sorted(maps.Keys(networks))[0]
	return []string{
		"compose rm -s -f " + service,
		"run -d --name " + p.project + "-other --network " + network + " --entrypoint sleep " + svc.Image + " 600",
		"compose up -d --no-deps " + service,
	}
}

var composeName = regexp.MustCompile(`^(docker-)?compose.*\.ya?ml$`)

func isCompose(name, _ string) bool { return composeName.MatchString(name) }

var nginxText = regexp.MustCompile(`(?m)^\s*(server|location|upstream)\b.*\{|_pass `)

func isNginx(name, text string) bool { return !isCompose(name, text) && nginxText.MatchString(text) }

// texts are the files of the mutant that are of a kind, by their names. play.txt, and what is expected of the
// scenario that it comes from, are none.
func (m *mutant) texts(kind func(name, text string) bool) map[string]string {
	all := map[string]string{}
	filepath.WalkDir(m.dir, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() || entry.Name() == "play.txt" || strings.HasPrefix(entry.Name(), "want.") {
			return err
		}
		if text, err := os.ReadFile(name); err == nil && kind(entry.Name(), string(text)) {
			all[name] = string(text)
		}
		return nil
	})
	return all
}

// swap replaces one place, of all that a pattern matches in files of a kind. The replacement is a template as for
// Regexp.Expand. It is false where there is no such place.
func (m *mutant) swap(kind func(name, text string) bool, pattern, replacement string) bool {
	type spot struct {
		file string
		at   []int
	}
	re := regexp.MustCompile(pattern)
	var spots []spot
	texts := m.texts(kind)
	for _, file := range slices.Sorted(maps.Keys(texts)) {
		for _, at := range re.FindAllStringSubmatchIndex(texts[file], -1) {
			spots = append(spots, spot{file, at})
		}
	}
	if len(spots) == 0 {
		return false
	}
	s := spots[m.rand.IntN(len(spots))]
	text := texts[s.file]
	changed := text[:s.at[0]] + string(re.ExpandString(nil, replacement, text, s.at)) + text[s.at[1]:]
	return changed != text && os.WriteFile(s.file, []byte(changed), 0o644) == nil
}

// upstream is one of the services that passes name.
func (m *mutant) upstream() string { return m.upstreams[m.rand.IntN(len(m.upstreams))] }

// setting puts lines into the section of an upstream, in place of those that it has of these keys.
func (m *mutant) setting(lines string, without ...string) bool {
	section := regexp.MustCompile(`(?m)^  ` + regexp.QuoteMeta(m.upstream()) + `:\n((?:    .*\n|\n)*)`)
	for file, text := range m.texts(isCompose) {
		at := section.FindStringSubmatchIndex(text)
		if at == nil {
			continue
		}
		rest := text[at[2]:at[3]]
		if strings.Contains(rest, "aliases:") {
			return false // its names would be gone, and the files not say that they were its
		}
		for _, key := range without {
			rest = regexp.MustCompile(`(?m)^    `+key+`:.*\n(?:      .*\n)*`).ReplaceAllString(rest, "")
		}
		return os.WriteFile(file, []byte(text[:at[2]]+lines+rest+text[at[3]:]), 0o644) == nil
	}
	return false
}

// network adds a network to the project.
func (m *mutant) network(name string) bool {
	for file, text := range m.texts(isCompose) {
		changed := strings.Replace(text, "\nnetworks:\n", "\nnetworks:\n  "+name+":\n", 1)
		if changed == text {
			changed = strings.TrimRight(text, "\n") + "\n\nnetworks:\n  " + name + ":\n"
		}
		return os.WriteFile(file, []byte(changed), 0o644) == nil
	}
	return false
}

// rename gives a service another name in the Compose files alone.
func (m *mutant) rename() bool {
	renamed := false
	service := m.upstream()
	named := regexp.MustCompile(`(?m)^(  |\s+- |      )` + regexp.QuoteMeta(service) + `(:?)$`)
	for file, text := range m.texts(isCompose) {
		changed := named.ReplaceAllString(text, "${1}"+service+"-v2${2}")
		renamed = changed != text && os.WriteFile(file, []byte(changed), 0o644) == nil || renamed
	}
	return renamed
}
