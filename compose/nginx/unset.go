package nginx

import (
	"fmt"
	"regexp"
	"strings"

	"why502/compose/proxy"
)

// unset reports variables in capitals that nothing defines: they are of the environment, and were meant
// to be filled in before nginx reads them. nginx looks for them in lower case, finds none of its own,
// and does not start. Where nginx has been extended anything may define them.
func (l *lowerer) unset(main []*node) {
	defined := map[string]bool{}
	eachNode(main, func(n *node) { defines(n, defined) })
	eachNode(main, func(n *node) {
		if !evaluates(n.Name) {
			return
		}
		for i, arg := range n.Args {
			for _, name := range parts(arg) {
				lower := strings.ToLower(name)
				if name == lower || defined[lower] || BuiltIn(lower) {
					continue
				}
				l.config.Faults = append(l.config.Faults, proxy.Fault{
					Kind: proxy.UnknownVariable, Text: fmt.Sprintf(`unknown "%s" variable`, lower), Directive: n.Name, Variable: name,
					Rendered: n.source.rendered, Context: "http", Place: n.place(i), Order: l.last,
				})
			}
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

// defines adds the variables that a directive defines.
func defines(n *node, defined map[string]bool) {
	for _, arg := range n.Args {
		for _, m := range capture.FindAllStringSubmatch(arg, -1) {
			defined[strings.ToLower(m[1])] = true
		}
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
