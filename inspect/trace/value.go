package trace

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"why502/compose/proxy"
)

// value is the value of a variable or of a text with variables in it.
type value struct {
	text string
	why  string // why it is not known; text is then as written
}

func known(text string) value { return value{text: text} }

// expand fills in the variables of a text. quote escapes captures, as nginx does in some places.
func (e *engine) expand(text string, quote bool) value {
	if !strings.Contains(text, "$") {
		return known(text)
	}
	var b strings.Builder
	why := ""
	for text != "" {
		part, name := cutPart(text)
		text = text[len(part):]
		v := known(part)
		switch {
		case name == "":
		case isCapture(name):
			v = e.capture(int(name[0]-'0'), quote)
		default:
			v = e.variable(lower(name))
		}
		if v.why != "" {
			v.text = part
			why = cmp.Or(why, v.why)
		}
		if b.Len()+len(v.text) > maxSubject {
			return value{text, "it is longer than what is followed"}
		}
		b.WriteString(v.text)
	}
	return value{b.String(), why}
}

func isCapture(name string) bool { return len(name) == 1 && name[0] >= '1' && name[0] <= '9' }

// cutPart is the first piece of a text: "$name", "${name}", "$1", or what stands before the next "$".
func cutPart(text string) (part, name string) {
	if text[0] != '$' {
		if i := strings.IndexByte(text, '$'); i >= 0 {
			return text[:i], ""
		}
		return text, ""
	}
	rest := text[1:]
	if inner, ok := strings.CutPrefix(rest, "{"); ok {
		if name, _, closed := strings.Cut(inner, "}"); closed {
			return text[:len(name)+3], name
		}
		return text, ""
	}
	if rest != "" && rest[0] >= '1' && rest[0] <= '9' {
		return text[:2], rest[:1]
	}
	n := 0
	for n < len(rest) && isNameByte(rest[n]) {
		n++
	}
	if n == 0 {
		return text[:1], ""
	}
	return text[:n+1], rest[:n]
}

func isNameByte(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || isLetter(c)
}

// capture is what a group of the regular expression captured that matched last.
func (e *engine) capture(n int, quote bool) value {
	switch {
	case e.lostCaptures != "":
		return value{why: e.lostCaptures}
	case n >= len(e.captures):
		return known("")
	case quote && (e.quoted || e.plus):
		return known(escape(e.captures[n], inArgs))
	}
	return known(e.captures[n])
}

// variable is the value of a variable, by its name in lower case.
func (e *engine) variable(name string) value {
	if v, ok := e.set[name]; ok {
		return v
	}
	if d := e.names.blocks[name]; d != nil {
		return e.looked(name, d)
	}
	if v, ok := e.builtIn(name); ok {
		return v
	}
	if v, ok := e.prefixed(name); ok {
		return v
	}
	if e.names.assigned[name] {
		return known("")
	}
	return value{why: fmt.Sprintf("`$%s` is only known when a request comes", name)}
}

// builtIn is the value of one of nginx's own variables.
func (e *engine) builtIn(name string) (value, bool) {
	r := &e.request
	switch name {
	case "uri", "document_uri":
		return known(e.uri), true
	case "args", "query_string":
		return e.args, true
	case "is_args":
		if e.args.why == "" && e.args.text == "" {
			return known(""), true
		}
		return known("?"), true
	case "request_uri":
		return known(e.unparsed), true
	case "request":
		return known(r.Method + " " + r.Target + " " + e.protocol()), true
	case "server_protocol":
		return known(e.protocol()), true
	case "request_method":
		return known(e.method), true
	case "scheme":
		return known(r.Scheme), true
	case "https":
		if r.Scheme == "https" {
			return known("on"), true
		}
		return known(""), true
	case "host":
		return known(cmp.Or(e.host, e.serverName())), true
	case "hostname":
		return orUnknown(e.options.Hostname, "`$hostname` is that of the container"), true
	case "server_name":
		return known(e.serverName()), true
	case "server_addr":
		return orUnknown(r.Address, "`$server_addr` is the address of the container"), true
	case "server_port":
		if r.Socket != "" {
			return known(""), true
		}
		return known(strconv.Itoa(r.Port)), true
	case "remote_addr":
		return orUnknown(r.Client, "`$remote_addr` is the client's address"), true
	case "proxy_add_x_forwarded_for":
		client := orUnknown(r.Client, "`$proxy_add_x_forwarded_for` has the client's address")
		if given := e.header("X-Forwarded-For"); given != "" {
			client.text = given + ", " + client.text
		}
		return client, true
	case "proxy_host", "proxy_port":
		return e.proxied(name), true
	}
	return e.ofFiles(name)
}

// proxied is $proxy_host or $proxy_port: of the pass that is being made ready.
func (e *engine) proxied(name string) value {
	switch {
	case e.target == nil:
		return known("")
	case e.target.why != "":
		return value{why: e.target.why}
	case name == "proxy_host":
		return known(e.target.header())
	}
	return known(strconv.Itoa(e.target.port))
}

// ofFiles is the value of a variable that names files, or what FastCGI is told.
func (e *engine) ofFiles(name string) (value, bool) {
	switch name {
	case "document_root", "realpath_root":
		return e.documentRoot(), true
	case "request_filename":
		return e.filename(e.uri), true
	case "fastcgi_script_name", "fastcgi_path_info":
		return e.script(name), true
	}
	return value{}, false
}

// script is what fastcgi_split_path_info and fastcgi_index make of the URI.
func (e *engine) script(name string) value {
	script, info := e.uri, ""
	if d := first(e.scope.nearest("fastcgi_split_path_info")); d != nil && len(d.Args) == 1 {
		captures, err := e.regexes.get(word(d.Args[0]), false).match(e.uri)
		if err != nil {
			return value{why: err.Error()}
		}
		if len(captures) > 2 {
			script, info = captures[1], captures[2]
		}
	}
	if name == "fastcgi_path_info" {
		return known(info)
	}
	if d := first(e.scope.nearest("fastcgi_index")); d != nil && strings.HasSuffix(script, "/") {
		return known(script + word(d.Args[0]))
	}
	return known(script)
}

// prefixed is the value of a variable whose name says what of the request it is.
func (e *engine) prefixed(name string) (value, bool) {
	if header, ok := strings.CutPrefix(name, "http_"); ok {
		return known(e.header(header)), true
	}
	switch name {
	case "content_type", "content_length":
		return known(e.header(name)), true
	}
	if cookie, ok := strings.CutPrefix(name, "cookie_"); ok {
		return known(e.cookie(cookie)), true
	}
	if arg, ok := strings.CutPrefix(name, "arg_"); ok {
		if e.args.why != "" {
			return value{why: e.args.why}, true
		}
		return known(argument(e.args.text, arg)), true
	}
	return value{}, false
}

// header is the value of a header, by its name with or without underscores: several are joined.
func (e *engine) header(name string) string {
	name = strings.ReplaceAll(lower(name), "_", "-")
	separator := ", "
	if name == "cookie" {
		separator = "; "
	}
	return strings.Join(e.headers[name], separator)
}

// byName are the values of the headers by name in lower case. Names with an underscore nginx leaves out.
func byName(fields []Field) map[string][]string {
	all := map[string][]string{}
	for _, f := range fields {
		if name := lower(f.Name); !strings.Contains(name, "_") {
			all[name] = append(all[name], strings.Trim(f.Value, " \t"))
		}
	}
	return all
}

// cookie is the value of a cookie; empty if there is none.
func (e *engine) cookie(name string) string {
	for _, header := range e.headers["cookie"] {
		for pair := range strings.SplitSeq(header, ";") {
			key, text, ok := strings.Cut(strings.TrimLeft(pair, " "), "=")
			if ok && strings.EqualFold(strings.TrimRight(key, " "), name) {
				return strings.Trim(text, " ")
			}
		}
	}
	return ""
}

// argument is the value of an argument of a query.
func argument(args, name string) string {
	for pair := range strings.SplitSeq(args, "&") {
		if key, text, ok := strings.Cut(pair, "="); ok && strings.EqualFold(key, name) {
			return text
		}
	}
	return ""
}

func orUnknown(text, why string) value {
	if text == "" {
		return value{why: why}
	}
	return known(text)
}

func (e *engine) protocol() string {
	if e.request.HTTP10 {
		return "HTTP/1.0"
	}
	return "HTTP/1.1"
}

// serverName is the first name of the server.
func (e *engine) serverName() string {
	if e.way.Server == nil || len(e.way.Server.Names) == 0 {
		return ""
	}
	name := word(e.way.Server.Names[0])
	if !strings.HasPrefix(name, "~") {
		name = lower(name)
	}
	return strings.TrimPrefix(name, ".")
}

// documentRoot is the directory that root or alias names.
func (e *engine) documentRoot() value {
	d := first(e.scope.nearest("root", "alias"))
	if d == nil || len(d.Args) != 1 {
		return known("html") // below where nginx was installed
	}
	v := e.expand(word(d.Args[0]), false)
	if d.Name == "root" {
		v.text = strings.TrimRight(v.text, "/")
	}
	return v
}

// filename is the path that a URI has on the disk.
func (e *engine) filename(uri string) value {
	root := e.documentRoot()
	scope := e.scope.having("root", "alias")
	if scope == nil || first(scope.nearest("root", "alias")).Name == "root" {
		root.text += uri
		return root
	}
	switch l := scope.location; {
	case l == nil || l.Modifier == "~" || l.Modifier == "~*":
		if e.uriToAlias {
			root.text += uri
		}
	default:
		root.text += uri[min(len(uri), len(word(l.Path))):]
	}
	return root
}

// looked is the value that a map, a geo or a split_clients gives a variable.
func (e *engine) looked(name string, d *proxy.Directive) value {
	if v, ok := e.cached[name]; ok {
		return v
	}
	if slices.Contains(e.looking, name) {
		return value{why: fmt.Sprintf("`$%s` is made of itself", name)}
	}
	e.looking = append(e.looking, name)
	defer func() { e.looking = e.looking[:len(e.looking)-1] }()
	var v value
	volatile := false
	if d.Name == "map" {
		m := e.names.tables[d]
		v, volatile = e.mapped(name, m), m.volatile
	} else {
		v = e.chosen(name, d)
	}
	if !volatile {
		e.cached[name] = v
	}
	return v
}

// chosen takes each of the values of a variable whose value depends on the client.
func (e *engine) chosen(name string, d *proxy.Directive) value {
	var values []string
	if d.Name == "geo" {
		values = append(values, "")
	}
	for _, entry := range d.Block {
		switch {
		case len(entry.Args) == 0 || slices.Contains([]string{"include", "ranges", "proxy", "delete", "proxy_recursive"}, entry.Name):
		case d.Name == "geo" && entry.Name == "default":
			values[0] = word(entry.Args[0])
		case !slices.Contains(values, word(entry.Args[0])):
			values = append(values, word(entry.Args[0]))
		}
	}
	if len(values) == 0 {
		return known("")
	}
	return known(values[e.choose(d.Place, fmt.Sprintf("`$%s`, which depends on the client, is", name), values...)])
}
