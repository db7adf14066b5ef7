package trace

import (
	"fmt"
	"strings"
	"testing"

	"why502/compose/proxy"
)

// follow follows a request for a host.
func follow(config *proxy.Config, target string, headers ...Field) Trace {
	host := []Field{{Name: "Host", Value: "localhost"}}
	return Follow(config, Request{Port: 80, Target: target, Headers: append(host, headers...)}, Options{})
}

func TestTargets(t *testing.T) {
	tests := []struct{ target, uri, args, wrong string }{
		{"/", "/", "", ""},
		{"/a//b///c", "/a/b/c", "", ""},
		{"/a/./b/../c/.", "/a/c/", "", ""},
		{"/a/b/..", "/a/", "", ""},
		{"/a/%2e%2E/b%2Fc", "/b/c", "", ""},
		{"/%3Fa%23b%25?c%20d#e", "/?a#b%", "c%20d", ""},
		{"/a#b?c", "/a", "", ""},
		{"/...", "/...", "", ""},
		{"http://h?x", "/", "x", ""},
		{"HTTP://h:80", "/", "", ""},
		{"http://[::1]:80/a", "/a", "", ""},
		{"/..", "", "", "the target leads out of the root"},
		{"/a/../..", "", "", "the target leads out of the root"},
		{"/%", "", "", "an invalid escape in the target"},
		{"/%0", "", "", "an invalid escape in the target"},
		{"/%00", "", "", "an escaped zero byte in the target"},
		{"/a\x01", "", "", "a control character in the target"},
		{"/a b", "", "", "a space in the target"},
		{"", "", "", "the target begins with neither a slash nor a scheme"},
		{"*", "", "", "the target begins with neither a slash nor a scheme"},
		{"a/b", "", "", "the target begins with neither a slash nor a scheme"},
		{"http://h_h/", "", "", "an invalid host in the target"},
		{"http://[::1/", "", "", "an invalid host in the target"},
		{"http://h:x/", "", "", "an invalid port in the target"},
	}
	for _, test := range tests {
		got, wrong := parseTarget(test.target, true)
		if wrong != test.wrong || wrong == "" && (got.uri != test.uri || got.args != test.args) {
			t.Errorf("%q: %q %q %q, want %q %q %q", test.target, got.uri, got.args, wrong, test.uri, test.args, test.wrong)
		}
	}
}

// What a regular expression matches in PCRE; "!" where it does not match, "?" where it is not followed.
func TestRegexes(t *testing.T) {
	tests := []struct {
		pattern, text string
		fold          bool
		want          string
	}{
		{`^/(?<a>x)/(y)$`, "/x/y", false, "/x/y x y"},          // named groups have numbers in their order
		{`(a++)(b)`, "aab", false, "aab aa b"},                 // possessive
		{`(a++)a`, "aaa", false, "!"},                          // gives nothing back
		{`(?:ab){2}+c`, "ababc", false, "ababc"},               //
		{`^/a$`, "/a\n", false, "/a"},                          // before a last line break too
		{`^\w+$`, "\xe9", false, "!"},                          // letters are ASCII
		{`^.{2}$`, "é", false, "\xc3\xa9"},                     // bytes, no characters
		{`A`, "a", true, "a"},                                  //
		{`a(?!b)`, "ab", false, "!"},                           //
		{`(?<=a)b`, "ab", false, "b"},                          //
		{`(?<q>a|b)\k{q}`, "bb", false, "bb b"},                //
		{`(a)\g{-1}`, "aa", false, "aa a"},                     //
		{`(?P<n>a)(?P=n)`, "aa", false, "aa a"},                //
		{`a{,2}`, "a{,2}", false, "a{,2}"},                     // no repetition
		{`[]a]+`, "a]", false, "a]"},                           //
		{`[a[b]`, "[", false, "["},                             // no class in a class
		{`[[:alpha:]\h]+`, "a b", false, "a b"},                //
		{`\Qa.b\E+`, "a.bb", false, "a.bb"},                    //
		{`(?i)A(?-i)b`, "ab", false, "ab"},                     //
		{`(?#no group)(a)`, "a", false, "a a"},                 //
		{`(?|a|b)`, "a", false, "?"},                           //
		{`(a(?1)?b)`, "ab", false, "?"},                        //
		{`\p{L}`, "a", false, "?"},                             //
		{`(`, "a", false, "?"},                                 //
		{`)`, "a", false, "?"},                                 //
		{`[a`, "a", false, "?"},                                //
		{`*`, "a", false, "?"},                                 //
		{`\`, "a", false, "?"},                                 //
		{strings.Repeat("(", 5000), "a", false, "?"},           //
		{strings.Repeat("a", 1<<20), "a", false, "?"},          //
		{`^(a+)+$`, strings.Repeat("a", 50) + "!", false, "?"}, // does not end
	}
	for _, test := range tests {
		captures, err := compile(test.pattern, test.fold).match(test.text)
		got := strings.Join(captures, " ")
		switch {
		case err != nil:
			got = "?"
		case captures == nil:
			got = "!"
		}
		if got != test.want {
			t.Errorf("%s on %q: %q, want %q (%v)", short(test.pattern), test.text, got, test.want, err)
		}
	}
}

func TestCycles(t *testing.T) {
	tests := []struct{ config, want string }{
		{`rewrite ^ / last;`, "500"},
		{`error_page 404 /; return 404;`, "404"}, // error pages do not recur
		{`recursive_error_pages on; error_page 404 /; return 404;`, "500"},
		{`try_files /none /;`, "200 500"},
		{`rewrite (.*) $1$1$1$1$1$1$1$1$1$1;`, "unknown"},
	}
	for _, test := range tests {
		var got []string
		for _, w := range follow(parse(t, "server { location / { "+test.config+" } }"), "/aaaaaaaaaa").Ways {
			if w.Unknown != "" {
				got = append(got, "unknown")
			} else {
				got = append(got, fmt.Sprint(w.Answer.Status))
			}
		}
		if s := strings.Join(got, " "); s != test.want {
			t.Errorf("%s: %s, want %s", test.config, s, test.want)
		}
	}
}

func TestHeaders(t *testing.T) {
	c := parse(t, `server { location / { proxy_pass http://$http_x_up$cookie_c; } }`)
	headers := make([]Field, 10_000)
	for i := range headers {
		headers[i] = Field{Name: fmt.Sprintf("X-%d", i), Value: strings.Repeat("x", 100)}
	}
	headers = append(headers, Field{Name: "x-UP", Value: " api"}, Field{Name: "Cookie", Value: "b=1; C=2"}, Field{Name: "X_Up", Value: "no"})
	if got := summaries(follow(c, "/", headers...)); got != "/: api2 api2:80 /" {
		t.Errorf("of many headers: %s", got)
	}
	if got := follow(c, "/", Field{Name: "Host", Value: "b"}).Ways[0].Answer; got.Status != 400 {
		t.Errorf("two hosts: %d", got.Status)
	}
}

func TestDeep(t *testing.T) {
	config := &proxy.Config{}
	deepest := &proxy.Location{Path: "/" + strings.Repeat("a", 3000)}
	for i := range 3000 {
		deepest = &proxy.Location{Path: "/" + strings.Repeat("a", 2999-i), Locations: []*proxy.Location{deepest}}
	}
	config.Servers = []*proxy.Server{{Listens: []proxy.Listen{{Port: 80}}, Locations: []*proxy.Location{deepest}}}
	way := follow(config, "/"+strings.Repeat("a", 3000)).Ways[0]
	if way.Location == nil || len(way.Location.Path) != 3001 || len(way.Nested) != 3001 {
		t.Errorf("%d locations deep", len(way.Nested))
	}
}

// Each question that the files leave open makes two ways, up to a bound.
func TestWays(t *testing.T) {
	c := parse(t, `server { location / { try_files $uri $uri.html $uri.txt @app; } location @app { proxy_pass http://app; } }`)
	if got := summaries(follow(c, "/x")); got != "/: 200 | /: 200 | /: 200 | @app: app app:80 /x" {
		t.Errorf("files: %s", got)
	}
	many := follow(parse(t, "server { location / { try_files "+strings.Repeat("/a$uri /b$uri /c$uri$uri ", 20)+" /a/d$uri$uri$uri $uri/e =404; } }"), "/x")
	if len(many.Ways) > maxWays {
		t.Errorf("%d ways", len(many.Ways))
	}
	known := func(name string) (FileKind, bool) { return NoFile, strings.HasPrefix(name, "/srv/") }
	request := Request{Port: 80, Target: "/x", Headers: []Field{{Name: "Host", Value: "a"}}}
	certain := Follow(parse(t, `server { root /srv; location / { try_files $uri =404; } }`), request, Options{Files: known})
	if !certain.Certain() || certain.Ways[0].Answer.Status != 404 {
		t.Errorf("a root without files: %s", summaries(certain))
	}
}

func TestListens(t *testing.T) {
	c := parse(t, `
server { listen 80; server_name a; }
server { listen 127.0.0.1:80; server_name b; }
server { listen [::]:80; server_name c; }
server { listen 443 ssl default_server; server_name d; }
server { listen 443 ssl; server_name e; return 444; }
server { listen unix:/run/n.sock; server_name f; }`)
	tests := []struct {
		request Request
		want    string
	}{
		{Request{Address: "127.0.0.1", Port: 80}, "b"},
		{Request{Address: "10.0.0.1", Port: 80}, "a"},
		{Request{Address: "fe80::1", Port: 80}, "c"},
		{Request{Port: 80}, "a | b | c"},
		{Request{Port: 81}, "closed"},
		{Request{Port: 443}, "d 400"}, // plain HTTP
		{Request{Port: 443, Scheme: "https", SNI: "e"}, "d"},
		{Request{Port: 80, Address: "10.0.0.1", Scheme: "https"}, "a closed"},
		{Request{Socket: "/run/n.sock"}, "f"},
	}
	for _, test := range tests {
		test.request.Target, test.request.Headers = "/", []Field{{Name: "Host", Value: "x"}}
		var got []string
		for _, w := range Follow(c, test.request, Options{Files: func(string) (FileKind, bool) { return NoFile, true }}).Ways {
			s := ""
			if w.Server != nil {
				s = w.Server.Names[0]
			}
			if w.Answer.Status == 400 {
				s += " 400"
			}
			if w.Answer.Closed {
				s += " closed"
			}
			got = append(got, strings.TrimSpace(s))
		}
		if s := strings.Join(got, " | "); s != test.want {
			t.Errorf("%+v: %s, want %s", test.request, s, test.want)
		}
	}
}

// What becomes of a request whose upstream fails, or answers with an error.
func TestUpstream(t *testing.T) {
	const pages = "root /srv; error_page 502 504 /50x.html; error_page 404 = @other; location @other { proxy_pass http://other; } "
	tests := []struct {
		config string
		status int
		failed bool
		want   string
	}{
		{`location / { proxy_pass http://api; }`, 502, true, "/ 502 "}, // the page is asked for at the upstream too
		{`location / { proxy_pass http://api; } location = /50x.html {}`, 502, true, "= /50x.html 502 /srv/50x.html"},
		{`location / { proxy_pass http://api; }`, 500, true, "/ 500 "},
		{`location / { proxy_pass http://api; }`, 404, false, "/ 0 "},
		{`location / { proxy_intercept_errors on; proxy_pass http://api; }`, 404, false, "@other 0 "},
		{`location / { proxy_pass http://api; } location = /50x.html { internal; return 200 sorry; }`, 504, true, "= /50x.html 504 "},
	}
	for _, test := range tests {
		fails := func(sent Sent) (int, bool) {
			if sent.Host != "api" {
				return 0, false
			}
			return test.status, test.failed
		}
		there := func(string) (FileKind, bool) { return RegularFile, true }
		request := Request{Port: 80, Target: "/x", Headers: []Field{{Name: "Host", Value: "a"}}}
		way := Follow(parse(t, "server { "+pages+test.config+" }"), request, Options{Files: there, Upstream: fails}).Ways[0]
		got := "unknown: " + way.Unknown
		if way.Unknown == "" && way.Location != nil {
			got = fmt.Sprintf("%s %d %s", way.Location, way.Answer.Status, way.Answer.File)
		}
		if got != test.want {
			t.Errorf("%s %d: %s, want %s", test.config, test.status, got, test.want)
		}
	}
}

func FuzzFollow(f *testing.F) {
	f.Add("/a?b", "h", "^(a+)+$", "/$1")
	f.Fuzz(func(t *testing.T, target, host, pattern, text string) {
		d := func(name string, args ...string) *proxy.Directive { return &proxy.Directive{Name: name, Args: args} }
		location := &proxy.Location{Modifier: "~", Path: pattern, Directives: []*proxy.Directive{
			d("set", "$x", text), d("rewrite", pattern, text), d("if", "$x", "~", pattern), d("try_files", text, text), d("return", text, text),
		}}
		names := []*proxy.Directive{d("error_page", "404", text), d("root", text)}
		config := &proxy.Config{Servers: []*proxy.Server{{Names: []string{host, "~" + pattern}, Listens: []proxy.Listen{{Port: 80}}, Directives: names, Locations: []*proxy.Location{location}}}}
		Follow(config, Request{Port: 80, Target: target, Headers: []Field{{Name: "Host", Value: host}}}, Options{})
	})
}
