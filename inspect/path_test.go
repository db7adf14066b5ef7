package inspect

import "testing"

func TestPassPath(t *testing.T) {
	const (
		slash = " of the pass, and only one of them ends in a slash => "
		whole = ": in a pass with variables a path replaces the whole"
		sets  = "set $api api; set $whole http://api:8000/; resolver 127.0.0.11; "
	)
	for _, test := range []struct{ location, pass, want string }{
		{"/api", "http://api:8000/", "/api/users becomes //users: /api of the location is replaced by /" + slash + "location /api/ {"},
		{"/api", "http://api:8000/v1/", "/api/users becomes /v1//users: /api of the location is replaced by /v1/" + slash + "proxy_pass http://api:8000/v1;"},
		{"^~ /api/", "http://api:8000/v1", "/api/users becomes /v1users: /api/ of the location is replaced by /v1" + slash + "proxy_pass http://api:8000/v1/;"},
		{"/api/", "http://api:8000/", ""},
		{"/api", "http://api:8000/v1", ""},
		{"/api", "http://api:8000", ""},
		{"= /api", "http://api:8000/", ""},
		{"/api/", "http://api:8000/v1?user=", ""},
		{"/api", "http://api:8000/; rewrite ^/x /y break", ""},
		{"/", "http://$api:8000/", "whatever is asked for under /, api is asked for /" + whole + " => proxy_pass http://$api:8000;"},
		{"/api/", "http://$api:8000/", "whatever is asked for under /api/, api is asked for /" + whole},
		{"/api/", "$whole", "whatever is asked for under /api/, api is asked for /" + whole},
		{"/api/", "http://$api:8000", ""},
		{"/api/", "http://$api:8000$request_uri", ""},
		{"/api/", "http://$api:8000/$is_args$args", ""},
		{"/health", "http://$api:8000/healthz", ""},
		{"= /login/", "http://$api:8000/login", ""},
		{"~ ^/api/", "http://$api:8000/", ""},
		{"/auth/", "http://$api:8000/; internal", ""},
	} {
		conf := "server {\n" + sets + "\nlocation " + test.location + " {\nproxy_pass " + test.pass + ";\n}\n}\n"
		if got := noteOf(t, passPathSurprise, conf, edge+api); got != test.want {
			t.Errorf("%s to %s\ngot  %s\nwant %s", test.location, test.pass, got, test.want)
		}
	}
}
