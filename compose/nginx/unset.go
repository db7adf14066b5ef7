package nginx

import (
	"fmt"
	"regexp"
	"strings"

	"why502/compose/proxy"
)

// unset reports variables that nothing defines, so that nginx does not start: those in capitals, which are
// of the environment and were meant to be filled in before nginx reads them (it looks for them in lower
// case), and passes to a group with a $ before its name. Where nginx has been extended, anything that names a
// variable may define it, and modules bring their own.
func (l *lowerer) unset(main []*node, stock bool) {
	defined := map[string]bool{}
	eachNode(main, func(n *node) { defines(n, defined, stock) })
	check := func(n *node) {
		for i, arg := range n.Args {
			for _, name := range parts(arg) {
				lower, kind := strings.ToLower(name), proxy.Syntax
				switch {
				case defined[lower] || BuiltIn(lower):
					continue
				case name != lower && stock:
					kind = proxy.UnknownVariable
				case l.http.groups[lower] == nil || !strings.HasSuffix(n.Name, "_pass"):
					continue
				}
				l.config.Faults = append(l.config.Faults, proxy.Fault{
					Kind: kind, Text: fmt.Sprintf(`unknown "%s" variable`, lower), Directive: n.Name, Variable: name,
					Rendered: n.source.rendered, Context: "http", Place: n.place(i), Order: l.last,
				})
			}
		}
	}
	eachNode(main, func(n *node) {
		switch {
		case n.Name == "map":
			for _, entry := range n.nodes {
				check(entry)
			}
		case evaluates(n.Name):
			check(n)
		}
	})
}

func eachNode(nodes []*node, visit func(*node)) {
	for _, n := range nodes {
		visit(n)
		eachNode(n.nodes, visit)
	}
}

// evaluates says whether nginx looks for variables in the arguments of a directive.
func evaluates(name string) bool {
	switch name {
	case "set", "return", "root", "alias", "add_header", "access_log", "proxy_redirect", "proxy_ssl_name":
		return true
	}
	return strings.HasSuffix(name, "_pass") || strings.HasSuffix(name, "_set_header") || strings.HasSuffix(name, "_param")
}

var capture = regexp.MustCompile(`\(\?P?<(\w+)>`)

// captures are the names of what regular expressions among a directive's words capture.
func captures(n *node) (names []string) {
	add := func(word string) {
		if !strings.Contains(word, "(?") {
			return
		}
		for _, m := range capture.FindAllStringSubmatch(word, -1) {
			names = append(names, strings.ToLower(m[1]))
		}
	}
	add(n.Name)
	for _, arg := range n.Args {
		add(arg)
	}
	return names
}

// defines adds the variables that a directive defines; where nginx may have been extended, those that it
// names.
func defines(n *node, defined map[string]bool, stock bool) {
	if !stock && !evaluates(n.Name) {
		for _, word := range append([]string{n.Name}, n.Args...) {
			if name, ok := strings.CutPrefix(word, "$"); ok {
				defined[strings.ToLower(name)] = true
			}
		}
	}
	for _, name := range captures(n) {
		defined[name] = true
	}
	if len(n.Args) == 0 {
		return
	}
	name := n.Args[0]
	switch n.Name {
	case "map", "geo", "split_clients", "geoip2":
		name = n.Args[len(n.Args)-1]
	case "set", "auth_request_set", "js_set", "js_var", "perl_set":
	default:
		return
	}
	defined[strings.ToLower(strings.TrimPrefix(name, "$"))] = true
}

// BuiltIn says whether nginx has a variable of its own of that name (nginx.org, Alphabetical index of
// variables): those that people write in capitals too.
func BuiltIn(name string) bool {
	for _, prefix := range []string{"http_", "arg_", "cookie_", "sent_http_", "upstream_", "ssl_", "proxy_", "request_", "server_", "remote_", "geoip_", "fastcgi_", "uid_"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return strings.Contains(" host hostname scheme uri args query_string document_root document_uri is_args https msec pid status "+
		"connection bytes_sent body_bytes_sent content_length content_type nginx_version pipe realpath_root time_iso8601 time_local "+
		"limit_rate invalid_referer slice_range date_local date_gmt gzip_ratio memcached_key request realip_remote_addr ", " "+name+" ")
}
