package nginx

import "testing"

func TestUnset(t *testing.T) {
	for conf, want := range map[string]string{
		"proxy_pass http://${API}:80;":                          "api",
		"proxy_pass http://$API;":                               "api",
		"proxy_set_header X $API_KEY;":                          "api_key",
		"root ${ROOT};":                                         "root",
		"proxy_pass http://$api;":                               "", // a module may have it
		"set $API x; proxy_pass http://$API;":                   "",
		"set $api x; proxy_pass http://$API;":                   "",
		"proxy_set_header Host $HOST;":                          "",
		"proxy_set_header X $HTTP_X;":                           "",
		"proxy_set_header X $REMOTE_ADDR;":                      "",
		"rewrite ^/(?<API>.*)$ /x; proxy_pass http://x/$API;":   "",
		"return 200 '$';":                                       "",
		"if ($uri ~ ^/A$) { return 404; } proxy_pass http://x;": "",
	} {
		c := parse(stock("server { location / { " + conf + " } }"))
		got := ""
		if len(c.Faults) > 0 {
			got = c.Faults[0].Text
		}
		if want != "" {
			want = `unknown "` + want + `" variable`
		}
		if got != want {
			t.Errorf("%s: %q, want %q", conf, got, want)
		}
	}
}

// A group is no variable. Where nginx has been extended, what a directive names may be one.
func TestUnsetGroup(t *testing.T) {
	const group, missing = "upstream api { server a; } ", `unknown "api" variable`
	for _, test := range []struct {
		conf  string
		stock bool
		want  string
	}{
		{group + "server { location / { proxy_pass $api; } }", true, missing},
		{group + "server { location / { proxy_pass http://$api; } }", false, missing},
		{group + "server { location / { proxy_pass http://api; proxy_set_header X $api; } }", true, ""},
		{group + "server { set $api x; location / { proxy_pass http://$api; } }", true, ""},
		{group + "map $uri $api { default a; } server { location / { proxy_pass http://$api; } }", true, ""},
		{group + "choose $api by_mood; server { location / { proxy_pass http://$api; } }", false, ""},
		{group + "choose x { $api by_mood; } server { location / { proxy_pass http://$api; } }", false, ""},
	} {
		c := Parse(stock(test.conf).files(), Options{Stock: test.stock})
		got := ""
		if len(c.Faults) > 0 {
			got = c.Faults[0].Text
		}
		if got != test.want {
			t.Errorf("%s: %q, want %q", test.conf, got, test.want)
		}
	}
}

// A place in a file whose variables were filled in is where its author wrote it.
func TestWritten(t *testing.T) {
	for _, test := range []struct {
		was, is string
		offset  int
		want    int
	}{
		{"pass http://api;", "pass http://api;", 5, 5},
		{"pass http://${API}:${PORT};", "pass http://api:8000;", 5, 5},   // before all of it
		{"pass http://${API}:${PORT};", "pass http://api:8000;", 12, 12}, // in the first
		{"pass http://${API}:${PORT};", "pass http://api:8000;", 20, 26}, // behind all of it
		{"    a $$host;", "a $host;", 0, 4},                              // indented in a Compose file
		{"${A}", "", 0, 0},
		{"", "x", 1, 0},
	} {
		if got := written(test.was, test.is, test.offset); got != test.want {
			t.Errorf("%q of %q at %d: %d, want %d", test.was, test.is, test.offset, got, test.want)
		}
	}
}
