package trace

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"why502/compose/proxy"
)

// isFile says whether there is a file at a path; where nobody knows, on one way there is.
func (e *engine) isFile(at proxy.Place, name string) bool {
	if strings.HasSuffix(name, "/") {
		return false
	}
	if kind, known := e.kind(name); known {
		return kind == RegularFile
	}
	return e.holds(at, name+" is a file")
}

// isDirectory is isFile for directories.
func (e *engine) isDirectory(at proxy.Place, name string) bool {
	name = "/" + strings.Trim(name, "/")
	if kind, known := e.kind(name); known {
		return kind == Directory
	}
	return e.holds(at, name+" is a directory")
}

func (e *engine) kind(name string) (FileKind, bool) {
	if e.options.Files == nil {
		return NoFile, false
	}
	return e.options.Files(name)
}

// access asks what may let the request through or not: addresses, passwords, another request.
func access(e *engine) phase {
	if len(e.scope.nearest("access_by_lua", "access_by_lua_block", "access_by_lua_file")) > 0 {
		return e.give("`access_by_lua` decides by a program")
	}
	d := first(e.scope.nearest("satisfy"))
	any := d != nil && len(d.Args) == 1 && d.Args[0] == "any"
	refused, by := 0, (*proxy.Directive)(nil)
	for _, check := range []func(*engine) (int, *proxy.Directive){byAddress, byPassword, bySubrequest} {
		status, d := check(e)
		switch {
		case e.way.Unknown != "":
			return nil
		case d == nil:
		case status == 0 && any:
			return precontent
		case status != 0 && !any:
			return e.fail(status, d.Place, d.Name)
		case status != 0 && refused != 401:
			refused, by = status, d
		}
	}
	if refused != 0 {
		return e.fail(refused, by.Place, by.Name)
	}
	return precontent
}

// byAddress asks allow and deny: the first that names the client decides. The directive is nil where
// none does.
func byAddress(e *engine) (status int, by *proxy.Directive) {
	for _, d := range e.scope.nearest("allow", "deny") {
		if len(d.Args) != 1 || !e.isClient(d) {
			continue
		}
		e.step(StepAccess, d.Place, "%s %s", d.Name, d.Args[0])
		if d.Name == "deny" {
			return 403, d
		}
		return 0, d
	}
	return 0, nil
}

// isClient says whether an allow or deny is about the client.
func (e *engine) isClient(d *proxy.Directive) bool {
	rule := d.Args[0]
	if rule == "all" {
		return true
	}
	if rule == "unix:" {
		return e.request.Socket != ""
	}
	client, err := netip.ParseAddr(e.request.Client)
	if err != nil {
		return e.holds(d.Place, "the client is in "+rule)
	}
	client = client.Unmap()
	if prefix, err := netip.ParsePrefix(rule); err == nil {
		return prefix.Masked().Contains(client)
	}
	address, err := netip.ParseAddr(rule)
	return err == nil && address == client
}

// byPassword asks auth_basic. No password at all is refused; another one nobody can judge.
func byPassword(e *engine) (status int, by *proxy.Directive) {
	d := first(e.scope.nearest("auth_basic"))
	if d == nil || len(d.Args) != 1 || d.Args[0] == "off" || len(e.scope.nearest("auth_basic_user_file")) == 0 {
		return 0, nil
	}
	if realm := e.expand(word(d.Args[0]), false); realm.why == "" && realm.text == "off" {
		return 0, nil
	}
	if e.header("Authorization") != "" && e.holds(d.Place, "name and password are right") {
		return 0, d
	}
	e.step(StepAccess, d.Place, "auth_basic")
	return 401, d
}

// bySubrequest asks auth_request, whose answer is that of another request.
func bySubrequest(e *engine) (status int, by *proxy.Directive) {
	d := first(e.scope.nearest("auth_request"))
	if d == nil || len(d.Args) != 1 || d.Args[0] == "off" {
		return 0, nil
	}
	status = []int{0, 401, 403}[e.choose(d.Place, "auth_request "+d.Args[0]+" is answered with", "2xx", "401", "403")]
	e.step(StepAccess, d.Place, "auth_request %s", d.Args[0])
	for _, set := range e.scope.nearest("auth_request_set") {
		if len(set.Args) == 2 {
			e.set[lower(strings.TrimPrefix(set.Args[0], "$"))] = value{why: "`" + set.Args[0] + "` is of the answer to auth_request"}
		}
	}
	return status, d
}

// precontent tries the files of try_files.
func precontent(e *engine) phase {
	d := first(e.scope.own("try_files"))
	if e.scope.location == nil {
		d = first(e.scope.nearest("try_files"))
	}
	if d == nil || len(d.Args) < 2 {
		return content
	}
	if d := e.unmapped(); d != nil {
		return e.fail(500, d.Place, "alias where the URI was rewritten")
	}
	for _, name := range d.Args[:len(d.Args)-1] {
		if hit, next := e.try(d, word(name)); hit || e.way.Unknown != "" {
			return next
		}
	}
	last := e.expand(word(d.Args[len(d.Args)-1]), false)
	if last.why != "" {
		return e.give("where try_files leads to: " + last.why)
	}
	e.step(StepTryFiles, d.Place, "none of the files of try_files is there: %s", last.text)
	if code, ok := strings.CutPrefix(last.text, "="); ok && number(code) > 0 {
		return e.fail(number(code), d.Place, "try_files "+last.text)
	}
	if strings.HasPrefix(last.text, "@") {
		return e.named(last.text, d.Place)
	}
	uri, args, _ := strings.Cut(last.text, "?")
	return e.redirect(uri, known(args))
}

// try looks for one file of a try_files; it says whether that is there.
func (e *engine) try(d *proxy.Directive, name string) (bool, phase) {
	name, wantsDirectory := strings.CutSuffix(name, "/")
	v := e.expand(name, false)
	if v.why != "" {
		return false, e.give("which file try_files looks for: " + v.why)
	}
	root := e.documentRoot()
	if root.why != "" {
		return false, e.give("where try_files looks: " + root.why)
	}
	prefix, whole := e.alias()
	tried := v.text
	if prefix != "" && strings.Contains(name, "$") {
		tried = strings.TrimPrefix(tried, prefix)
	}
	file := root.text + tried
	if wantsDirectory && !e.isDirectory(d.Place, file) || !wantsDirectory && !e.isFile(d.Place, file) {
		return false, nil
	}
	e.step(StepTryFiles, d.Place, "%s is there", file)
	switch {
	case whole && wantsDirectory:
	case whole:
		e.uri, e.uriToAlias = tried, true
	default:
		e.uri = prefix + tried
	}
	return true, content
}

// alias is the part of the URI that an alias takes the place of; whole: all of it.
func (e *engine) alias() (prefix string, whole bool) {
	s := e.scope.having("root", "alias")
	switch {
	case s == nil || first(s.own("root", "alias")).Name == "root":
		return "", false
	case s.location.Modifier == "~" || s.location.Modifier == "~*":
		return "", true
	}
	return word(s.location.Path), false
}

// content makes the answer.
func content(e *engine) phase {
	if d := e.answering; d != nil {
		return e.handle(d)
	}
	return e.file()
}

// file answers with a file, or with what a directory holds.
func (e *engine) file() phase {
	d := e.unmapped()
	switch {
	case !e.served():
		return e.fail(405, e.place(), "a file for "+e.method)
	case d != nil:
		return e.fail(500, d.Place, "alias where the URI was rewritten")
	case strings.HasSuffix(e.uri, "/"):
		return e.index()
	}
	return e.static()
}

// unmapped is the alias that cannot be used any more because the URI was rewritten; nil: none.
func (e *engine) unmapped() *proxy.Directive {
	if d := first(e.scope.nearest("root", "alias")); d != nil && d.Name == "alias" && !e.validLocation {
		return d
	}
	return nil
}

// handle makes the answer by a directive.
func (e *engine) handle(d *proxy.Directive) phase {
	switch {
	case strings.HasSuffix(d.Name, "_pass"):
		if d = e.passing(d.Name); d == nil {
			return e.give("the last `if` that holds has no pass of its own")
		}
		return e.pass(d)
	case d.Name == "stub_status" || d.Name == "empty_gif":
		if e.method != "GET" && e.method != "HEAD" {
			return e.fail(405, d.Place, d.Name+" for "+e.method)
		}
		return e.answer(Answer{Status: 200, What: d.Name, Place: d.Place})
	case d.Name == "flv" || d.Name == "mp4":
		return e.file()
	}
	return e.give(fmt.Sprintf("`%s` answers by a program", d.Name))
}

// passing is the pass that holds in the block whose configuration does: of several ifs that is the last,
// which has its own or that of its location.
func (e *engine) passing(name string) *proxy.Directive {
	for s := e.scope; s != nil; s = s.outer {
		if own := s.own(name); len(own) > 0 {
			return own[len(own)-1]
		}
		if s.within == "" {
			break
		}
	}
	return nil
}

// served says whether a method is one that files are served for.
func (e *engine) served() bool { return slices.Contains([]string{"GET", "HEAD", "POST"}, e.method) }

// index answers a request for a directory.
func (e *engine) index() phase {
	directory := e.filename(e.uri)
	if directory.why != "" {
		return e.give("which directory is served: " + directory.why)
	}
	at, names := e.place(), []string{"index.html"}
	if all := e.scope.nearest("index"); len(all) > 0 {
		at, names = all[0].Place, nil
		for _, d := range all {
			names = append(names, d.Args...)
		}
	}
	for i, name := range names {
		v := e.expand(word(name), false)
		if v.why != "" {
			return e.give("which index is served: " + v.why)
		}
		if strings.HasPrefix(v.text, "/") {
			e.step(StepIndex, at, "index %s", v.text)
			return e.redirect(v.text, e.args)
		}
		if e.isFile(at, directory.text+v.text) {
			e.step(StepIndex, at, "index %s", v.text)
			return e.redirect(e.uri+v.text, e.args)
		}
		if i == 0 && !e.isDirectory(at, directory.text) {
			return e.fail(404, at, "there is no directory "+directory.text)
		}
	}
	if e.scope.isOn("autoindex", false) && e.method != "POST" {
		return e.answer(Answer{Status: 200, What: "autoindex", File: directory.text, Place: e.place()})
	}
	return e.fail(403, at, "there is no index in "+directory.text)
}

// static answers with a file.
func (e *engine) static() phase {
	file := e.filename(e.uri)
	if file.why != "" {
		return e.give("which file is served: " + file.why)
	}
	at := e.place()
	if d := first(e.scope.nearest("root", "alias")); d != nil {
		at = d.Place
	}
	switch {
	case e.isFile(at, file.text):
		if e.method == "POST" {
			return e.fail(405, at, "a file for POST")
		}
		return e.answer(Answer{Status: 200, What: "the file " + file.text, File: file.text, Place: at})
	case e.isDirectory(at, file.text):
		e.location = escape(e.uri, inURI) + "/"
		if e.args.text != "" {
			e.location += "?" + e.args.text
		}
		return e.fail(301, at, "the directory "+file.text+" without its slash")
	}
	return e.fail(404, at, "there is no file "+file.text)
}
