package nginx

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	crossplane "github.com/nginxinc/nginx-go-crossplane"
)

// directiveSources chooses crossplane's tables by the version. Where it is not known a directive
// counts as known that any version has; the tables of NGINX Plus stand in for what newer versions
// took over from it (`server … resolve`, sticky).
func directiveSources(o Options) []crossplane.MatchFunc {
	newer := []crossplane.MatchFunc{crossplane.MatchOssLatest, crossplane.MatchOss126, crossplane.MatchNginxPlusLatest, matchLate}
	switch {
	case !knownVersion(o.Version):
		return together(append(newer, crossplane.MatchOss124))
	case atLeast(o.Version, 1, 25, 1): // brought "http2", took "ssl" away
		return together(newer)
	}
	return together([]crossplane.MatchFunc{crossplane.MatchOss124})
}

// together makes one table of several, which is looked up once for each name.
func together(tables []crossplane.MatchFunc) []crossplane.MatchFunc {
	known := map[string][]uint{}
	return []crossplane.MatchFunc{func(directive string) ([]uint, bool) {
		masks, seen := known[directive]
		if !seen {
			for _, table := range tables {
				found, _ := table(directive)
				masks = append(masks, found...)
			}
			known[directive] = masks
		}
		return masks, len(masks) > 0
	}}
}

// anywhere is the mask of crossplane's for a directive with any arguments in any context.
const anywhere = 0xfffe0800

// matchLate knows the directives that crossplane's tables lack.
func matchLate(directive string) ([]uint, bool) {
	if strings.Contains(late, " "+directive+" ") {
		return []uint{anywhere}, true
	}
	return nil, false
}

// late are the directives of nginx 1.27.2 to 1.31, and undocumented ones.
const late = " add_header_inherit add_trailer_inherit client_body_early_read early_hints " +
	" fastcgi_socket_rcvbuf fastcgi_socket_sndbuf grpc_socket_rcvbuf grpc_socket_sndbuf grpc_ssl_certificate_cache " +
	" gzip_hash gzip_no_buffer gzip_window http2_pool_size http2_streams_index_size keepalive_min_timeout " +
	" max_headers open_file_cache_events post_action postpone_gzipping proxy_downstream_buffer " +
	" proxy_pass_trailers proxy_socket_rcvbuf proxy_socket_sndbuf proxy_ssl_alpn proxy_ssl_certificate_cache " +
	" proxy_upstream_buffer scgi_socket_rcvbuf scgi_socket_sndbuf ssi_ignore_recycled_buffers " +
	" ssl_certificate_cache ssl_certificate_compression ssl_ech_file ssl_object_cache_inheritable " +
	" uwsgi_socket_rcvbuf uwsgi_socket_sndbuf uwsgi_ssl_certificate_cache uwsgi_string xml_external_entities " +
	" tunnel_bind tunnel_buffer_size tunnel_connect_timeout tunnel_next_upstream tunnel_next_upstream_timeout " +
	" tunnel_next_upstream_tries tunnel_pass tunnel_read_timeout tunnel_send_lowat tunnel_send_timeout " +
	" tunnel_socket_keepalive tunnel_socket_rcvbuf tunnel_socket_sndbuf "

// refuse says why nginx refuses a directive that crossplane takes for right. Mostly a ";" or "}" is
// missing before it.
func refuse(n, parent *node, stock bool) string {
	if parent == nil || len(n.Args) == 0 {
		return ""
	}
	switch {
	case n.Name == "listen" && parent.Name == "server":
		return cmp.Or(badListen(n.Args[0]), unlisted(n.Args[1:], listenParameters, stock))
	case n.Name == "server" && parent.Name == "upstream":
		return unlisted(n.Args[1:], peerParameters, stock)
	case n.Name == "location" && len(n.Args) == 2 && !slices.Contains([]string{"=", "^~", "~", "~*"}, n.Args[0]):
		return fmt.Sprintf(`invalid location modifier "%s"`, n.Args[0])
	case n.Name == "location" && parent.Name == "location":
		return badNesting(parent.Args, n.Args)
	}
	return ""
}

// badNesting says why nginx refuses a location inside another: it is what a "}" that is missing
// behind the outer one leads to.
func badNesting(outer, args []string) string {
	around, prefix := modifier(outer)
	kind, path := modifier(args)
	switch {
	case around == "=":
		return fmt.Sprintf(`location "%s" cannot be inside the exact location "%s"`, path, prefix)
	case around == "@":
		return fmt.Sprintf(`location "%s" cannot be inside the named location "@%s"`, path, prefix)
	case kind == "@":
		return fmt.Sprintf(`named location "@%s" can be on the server level only`, path)
	case kind == "~" || kind == "~*" || strings.HasPrefix(path, prefix):
		return ""
	}
	return fmt.Sprintf(`location "%s" is outside location "%s"`, path, prefix)
}

// What may follow the address of listen and of an upstream's server; with "=" a value follows.
// nginx of every version and NGINX Plus are thrown together: which of them knows a parameter is
// left to others.
const (
	listenParameters = " default_server default bind ssl http2 quic spdy udp proxy_protocol deferred reuseport" +
		" multipath setfib= fastopen= backlog= rcvbuf= sndbuf= accept_filter= ipv6only= so_keepalive= "
	peerParameters = " backup down resolve drain weight= max_conns= max_fails= fail_timeout= route= service=" +
		" slow_start= sid= "
)

// unlisted finds the first word that is no parameter. Where nginx may have been extended, only the
// name of another directive counts as wrong, and an address.
func unlisted(args []string, known string, stock bool) string {
	for _, arg := range args {
		name, _, valued := strings.Cut(arg, "=")
		if valued {
			name += "="
		}
		listed := name != "" && strings.Contains(known, " "+name+" ")
		foreign := slices.Contains([]string{"server", "server_name", "listen", "location"}, name) || !valued && strings.Contains(arg, ":")
		if !listed && (stock || foreign) {
			return fmt.Sprintf(`invalid parameter "%s"`, arg)
		}
	}
	return ""
}

// knownVersion says whether a version is a number ("1.27.3", "1.25"), not a word such as "stable".
func knownVersion(version string) bool {
	_, ok := parseVersion(version)
	return ok
}

// Older says whether a version is known to be older than the given one.
func Older(version string, major, minor, patch int) bool {
	return knownVersion(version) && !atLeast(version, major, minor, patch)
}

// atLeast says whether a known version is the given one or newer. "1.25" is the newest 1.25.
func atLeast(version string, major, minor, patch int) bool {
	v, _ := parseVersion(version)
	return slices.Compare(v[:], []int{major, minor, patch}) >= 0
}

func parseVersion(version string) ([3]int, bool) {
	const newest = 1 << 20
	v := [3]int{newest, newest, newest}
	version, _, _ = strings.Cut(version, "-")
	for i, part := range strings.SplitN(version, ".", 3) {
		n, err := strconv.Atoi(part)
		if err != nil {
			return v, false
		}
		v[i] = n
	}
	return v, true
}

// once says whether nginx accepts a directive only once in a block: those that it says "directive is
// duplicate" of, as far as they are common (tried out with nginx 1.22).
func once(name string) bool {
	switch name {
	case "daemon", "pid", "worker_processes", "worker_rlimit_nofile", "worker_connections", "multi_accept",
		"root", "alias", "try_files", "default_type", "charset", "expires", "etag", "autoindex", "satisfy", "auth_basic", "auth_basic_user_file", "auth_request",
		"sendfile", "tcp_nopush", "tcp_nodelay", "send_timeout", "keepalive_timeout", "keepalive_requests", "server_tokens", "merge_slashes",
		"client_max_body_size", "client_body_buffer_size", "client_body_timeout", "client_body_temp_path", "client_header_timeout", "client_header_buffer_size",
		"large_client_header_buffers", "underscores_in_headers", "port_in_redirect", "absolute_redirect", "server_name_in_redirect", "recursive_error_pages",
		"log_not_found", "reset_timedout_connection", "limit_rate", "limit_rate_after", "real_ip_header", "real_ip_recursive",
		"types_hash_max_size", "types_hash_bucket_size", "server_names_hash_bucket_size", "server_names_hash_max_size", "map_hash_bucket_size", "map_hash_max_size",
		"gzip", "gzip_vary", "gzip_comp_level", "gzip_buffers", "gzip_http_version", "gzip_min_length", "gzip_static", "gunzip",
		"ssl_ciphers", "ssl_prefer_server_ciphers", "ssl_session_timeout", "ssl_session_tickets", "ssl_dhparam", "ssl_ecdh_curve", "ssl_stapling", "ssl_stapling_verify",
		"ssl_trusted_certificate", "ssl_client_certificate", "ssl_verify_client", "ssl_verify_depth", "ssl_buffer_size", "ssl_early_data",
		"resolver", "resolver_timeout", "keepalive", "proxy_timeout", "proxy_http_version", "proxy_headers_hash_max_size", "proxy_headers_hash_bucket_size",
		"proxy_set_body", "proxy_method", "fastcgi_index", "fastcgi_keep_conn", "sub_filter_once":
		return true
	}
	family, option, _ := strings.Cut(name, "_")
	switch family {
	case "proxy", "fastcgi", "uwsgi", "scgi", "grpc":
	default:
		return false
	}
	switch option {
	case "connect_timeout", "read_timeout", "send_timeout", "buffering", "buffers", "buffer_size", "busy_buffers_size", "request_buffering",
		"max_temp_file_size", "temp_file_write_size", "temp_path", "intercept_errors", "ignore_client_abort", "socket_keepalive", "bind",
		"next_upstream_timeout", "next_upstream_tries", "pass_request_body", "pass_request_headers", "cache", "cache_key", "cache_lock", "cache_min_uses",
		"cache_background_update", "cache_revalidate", "ssl_name", "ssl_server_name", "ssl_verify", "ssl_verify_depth", "ssl_trusted_certificate",
		"ssl_session_reuse", "ssl_certificate", "ssl_certificate_key", "ssl_ciphers", "limit_rate", "store":
		return true
	}
	return false
}
