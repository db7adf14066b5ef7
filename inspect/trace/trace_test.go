package trace

import (
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"why502/compose/nginx"
	"why502/compose/proxy"
)

// parse reads the text of an http block.
func parse(t *testing.T, text string) *proxy.Config {
	t.Helper()
	main := "events {}\nhttp {\n" + text + "\n}\n"
	c := nginx.Parse(nginx.Files{
		Open: func(name string) (*nginx.File, error) {
			if name != "/etc/nginx/nginx.conf" {
				return nil, fs.ErrNotExist
			}
			return &nginx.File{Name: "nginx.conf", Text: []byte(main)}, nil
		},
		Glob: func(string) ([]string, string) { return nil, "" },
	}, nginx.Options{})
	if len(c.Faults) > 0 {
		t.Fatalf("%s: %v", text, c.Faults)
	}
	return c
}

// summary is what a way comes to.
func summary(w Way) string {
	var b strings.Builder
	if w.Location != nil {
		fmt.Fprintf(&b, "%s: ", w.Location)
	}
	switch {
	case w.Unknown != "":
		return b.String() + "unknown"
	case w.Sent != nil:
		fmt.Fprintf(&b, "%s %s:%d %s", w.Sent.Header, w.Sent.Host, w.Sent.Port, w.Sent.URI)
	case w.Answer.Closed:
		b.WriteString("closed")
	default:
		fmt.Fprintf(&b, "%d", w.Answer.Status)
	}
	if w.Answer.Location != "" {
		b.WriteString(" -> " + w.Answer.Location)
	}
	return b.String()
}

func summaries(t Trace) string {
	var all []string
	for _, w := range t.Ways {
		all = append(all, summary(w))
	}
	return strings.Join(all, " | ")
}

func TestFollow(t *testing.T) {
	tests := []struct{ config, target, want string }{
		{`server { location /api/ { proxy_pass http://api:8000/; } }`, "/api/users?id=1", "/api/: api:8000 api:8000 /users?id=1"},
		{`server { location /api/ { proxy_pass http://api:8000; } }`, "/api/a%20b", "/api/: api:8000 api:8000 /api/a%20b"},
		{`server { location /api/ { proxy_pass http://api:8000/; } }`, "/api/a%20b", "/api/: api:8000 api:8000 /a%20b"},
		{`server { location /api/ { proxy_pass http://api; } }`, "/api?x", "/api/: 301 -> http://localhost/api/?x"},
		{`server { location / { try_files $uri @app; } location @app { proxy_pass http://app; } }`, "/x", "/: 200 | @app: app app:80 /x"},
		{`server { location / { rewrite ^ /; } }`, "/x", "/: 500"},
		{`server { location ~ ^/(a+)+$ { return 204; } }`, "/" + strings.Repeat("a", 40) + "!", "unknown"},
		{`server { return 301 https://$host$request_uri; }`, "/a?b", "301 -> https://localhost/a?b"},
		{`server { location / { allow 10.0.0.0/8; deny all; return 200; } }`, "/", "/: 200"},
		{`server { location / { deny all; proxy_pass http://a; } error_page 403 = /no; location /no { proxy_pass http://b; } }`, "/", "/no: b b:80 /no"},
		{`map $uri $up { ~^/a/(.*) "x:8000/$1"; default y; } server { location / { proxy_pass http://$up; } }`, "/a/b", "/: x:8000 x:8000 /b"},
		{`split_clients $remote_addr $up { 50% x; * y; } server { location / { proxy_pass http://$up; } }`, "/a", "/: x x:80 /a | /: y y:80 /a"},
		{`server { location ~ \.php$ { fastcgi_pass php:9000; } }`, "/a.php", "~ \\.php$:  php:9000 /a.php"},
	}
	for _, test := range tests {
		got := Follow(parse(t, test.config), Request{Port: 80, Target: test.target, Headers: []Field{{Name: "Host", Value: "localhost"}}}, Options{})
		if s := summaries(got); s != test.want {
			t.Errorf("%s\n%s: %s, want %s", test.config, test.target, s, test.want)
		}
	}
}

// What is sent besides the URI: headers, and the parameters of FastCGI and its like.
func TestFields(t *testing.T) {
	tests := []struct{ config, target, want string }{
		{`proxy_set_header Host $host; proxy_set_header X-Real-IP $remote_addr; server { location / { proxy_pass http://a; } }`, "/", "X-Real-IP=?"},
		{`proxy_set_header X-A a; server { location / { proxy_set_header X-B "$scheme:$server_port"; proxy_set_header X-C ""; proxy_pass http://a; } }`, "/", "X-B=http:80"},
		{`server { root /srv; index index.php; location / { } location ~ ^(.+\.php)(/.*)?$ { fastcgi_split_path_info ^(.+\.php)(/.*)$;
			fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name; fastcgi_param PATH_INFO $fastcgi_path_info; fastcgi_param Q $query_string; fastcgi_pass php:9000; } }`,
			"/a%20b.php/x?y", "SCRIPT_FILENAME=/srv/a b.php PATH_INFO=/x Q=y"},
		{`server { location / { uwsgi_param REQUEST_URI $request_uri; uwsgi_param M "$request_method"; uwsgi_pass app:3031; } }`, "/a//b", "REQUEST_URI=/a//b M=GET"},
	}
	for _, test := range tests {
		way := follow(parse(t, test.config), test.target).Ways[0]
		if way.Sent == nil {
			t.Errorf("%s: nothing is sent: %s", test.config, summary(way))
			continue
		}
		var got []string
		for _, f := range way.Sent.Fields {
			if f.Unknown != "" {
				f.Value = "?"
			}
			got = append(got, f.Name+"="+f.Value)
		}
		if s := strings.Join(got, " "); s != test.want {
			t.Errorf("%s: %s, want %s", test.config, s, test.want)
		}
	}
}
