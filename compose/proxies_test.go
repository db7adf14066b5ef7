package compose

import (
	"errors"
	"strings"
	"testing"
)

// service is the service edge of a project with these lines of flow style: "image: nginx".
// argv is the command line of nginx in a service.
func argv(t *testing.T, lines string) []string {
	t.Helper()
	s := load(t, compose("services:\n  edge: {"+lines+"}\n"))
	c := s.container(s.Services["edge"])
	s.start(c, s.Services["edge"])
	return c.argv
}

func TestWhyProxy(t *testing.T) {
	for lines, want := range map[string]string{
		// by the image's name, whatever its registry, tag and digest
		"image: nginx": "image", "image: 'nginx:1.27-alpine'": "image", "image: 'nginx@sha256:" + strings.Repeat("a", 64) + "'": "image",
		"image: library/nginx": "image", "image: docker.io/library/nginx": "image", "image: bitnami/nginx": "image", "image: 'localhost:5000/nginx:1'": "image",
		"image: 'registry.example.com:5000/team/nginx:1.27'": "image", "image: public.ecr.aws/nginx/nginx": "image",
		"image: nginxinc/nginx-unprivileged": "image", "image: openresty/openresty": "image", "image: docker.angie.software/angie": "image",
		"image: lscr.io/linuxserver/swag": "image", "image: Nginx": "image", "image: 'nginx:1.27', build: .": "image",
		// what only sounds like it
		"image: nginx/nginx-prometheus-exporter": "", "image: nginx/unit": "", "image: nginxproxy/acme-companion": "", "image: nginxproxy/docker-gen": "",
		"image: jwilder/docker-gen": "", "image: certbot/certbot": "", "image: fluent/fluentd": "", "image: my/nginx-app": "", "image: nginx/app": "", "build: .": "",
		// by a mount of configuration
		"image: own, volumes: ['./x.conf:/etc/nginx/conf.d/x.conf']":            "mount",
		"build: ., volumes: ['./nginx.conf:/etc/nginx/nginx.conf']":             "mount",
		"image: own, volumes: ['./conf:/etc/nginx']":                            "mount",
		"image: own, volumes: ['./conf:/usr/local/openresty/nginx/conf']":       "mount",
		"image: own, volumes: ['./conf:/opt/bitnami/nginx/conf/server_blocks']": "mount",
		"image: own, volumes: ['./conf:/config/nginx/site-confs']":              "mount",
		"image: own, volumes: ['./conf:/etc/angie/http.d']":                     "mount",
		"image: own, configs: [{source: c, target: /etc/nginx/nginx.conf}]":     "mount",
		// by none
		"image: own, volumes: ['./conf:/etc/nginxes']":                          "",
		"image: own, volumes: ['./nginx.conf:/app/nginx.conf']":                 "",
		"image: own, volumes: ['data:/etc/nginx']":                              "",
		"image: own, volumes: ['./certs:/etc/nginx/certs']":                     "",
		"image: certbot/certbot, volumes: ['./nginx:/etc/nginx']":               "",
		"image: nginxproxy/docker-gen, volumes: ['./t.tmpl:/etc/nginx/t.tmpl']": "",
		"image: my/filebeat, volumes: ['./nginx:/etc/nginx']":                   "",
	} {
		s := load(t, map[string]string{
			"compose.yaml": "services:\n  edge: {" + lines + "}\nvolumes: {data: }\nconfigs: {c: {file: ./c}}\n", "c": "",
		})
		if got := whyProxy(s.Services["edge"]); got != want {
			t.Errorf("%s: %q, want %q", lines, got, want)
		}
	}
}

func TestMainFile(t *testing.T) {
	const usual, own = "/etc/nginx/nginx.conf", "/etc/nginx/own.conf"
	for lines, want := range map[string]string{
		"":                                                                       usual,
		"command: nginx":                                                         usual,
		"command: \"nginx -g 'daemon off;'\"":                                    usual,
		"command: nginx -c /etc/nginx/own.conf":                                  own,
		"command: nginx -c own.conf":                                             own,
		"command: nginx -c conf/../own.conf":                                     own,
		"command: nginx -c /opt/own.conf":                                        "/opt/own.conf",
		"command: nginx -c/etc/nginx/own.conf":                                   own,
		"command: [nginx, -c, /etc/nginx/own.conf]":                              own,
		"command: [/usr/sbin/nginx, -c, own.conf]":                               own,
		"command: [nginx-debug, -c, own.conf]":                                   own,
		"entrypoint: [nginx, -c, own.conf]":                                      own,
		"entrypoint: [nginx], command: [-c, own.conf]":                           own,
		"command: [nginx, -g, 'daemon off;', -c, own.conf]":                      own,
		"command: [nginx, -c, own.conf, -g, 'daemon off;']":                      own,
		"command: 'sh -c \"exec nginx -c own.conf\"'":                            own,
		"command: ['sh', '-c', \"nginx -c 'own.conf'\"]":                         own,
		"command: 'sh -c \"nginx; other -c own.conf\"'":                          usual,
		"command: 'sh -c nginx'":                                                 usual,
		"command: certbot -c own.conf":                                           usual,
		"command: nginx -p /opt":                                                 usual,
		"command: nginx -p /opt -c conf/x.conf":                                  "/opt/conf/x.conf",
		"command: nginx -c /x.conf -p /opt":                                      "/x.conf",
		"command: nginx -qc own.conf -e /dev/stderr":                             own,
		"command: nginx -c":                                                      usual,
		"command: /wait-for api -- nginx -c own.conf":                            own,
		"command: ['sh', '-c', 'nginx -t -c /x.conf && exec nginx -c own.conf']": own,
		"command: ['sh', '-c', 'CONF=own.conf; nginx -c $$CONF']":                own,
		"command: ['sh', '-c', 'nginx -c $$(ls /x)']":                            usual,
		"command: ['sh', '-c', 'while :; do sleep 6h; nginx -s reload -c /x.conf; done & nginx -c own.conf']": own,
		"entrypoint: ['/docker-entrypoint.sh', 'nginx', '-c', 'own.conf']":                                    own,
		"entrypoint: ['sh', '-c'], command: ['/docker-entrypoint.sh nginx -c own.conf -g \"daemon off;\"']":   own,
	} {
		lines = strings.TrimSuffix("image: nginx, "+lines, ", ")
		if got := mainFile(argv(t, lines), ""); got != want {
			t.Errorf("%s: %s, want %s", lines, got, want)
		}
	}
}

func TestWritesConfig(t *testing.T) {
	for lines, want := range map[string]bool{
		"":                                      false,
		"command: nginx":                        false,
		"command: [nginx, -g, 'daemon off;']":   false,
		"command: \"nginx -g 'daemon off;'\"":   false,
		"command: nginx-debug -g 'daemon off;'": false,
		"command: /usr/sbin/nginx":              false,
		// reloading now and then for new certificates
		`command: "/bin/sh -c 'while :; do sleep 6h & wait $$!; nginx -s reload; done & nginx -g \"daemon off;\"'"`: false,
		`entrypoint: [sh, -c, "while :; do sleep 12h; nginx -s reload; done & exec nginx -g 'daemon off;'"]`:        false,
		"command: 'sh -c \"sleep 5 && nginx\"'": false,
		// writing first
		`command: "sh -c 'envsubst < /t > /etc/nginx/nginx.conf && nginx'"`:               true,
		`command: ["sh", "-c", "cat <<EOF > /etc/nginx/nginx.conf\n...\nEOF\nnginx"]`:     false,
		`command: ["sh", "-c", "echo 'server {}' | tee /etc/nginx/conf.d/x.conf; nginx"]`: false,
		`command: ["sh", "-c", "make-server | tee /etc/nginx/conf.d/x.conf; nginx"]`:      true,
		"command: 'sh -c \"cp /t/* /etc/nginx/conf.d && nginx\"'":                         true,
		"command: 'sh -c \"ln -s /a /b && nginx\"'":                                       false, // not configuration
		"command: 'sh -c \"sed -i s/a.c/b/ /etc/nginx/nginx.conf && nginx\"'":             true,
		"command: /start":              true,
		"command: /start.sh nginx":     true,
		"entrypoint: /entrypoint.sh":   true,
		"entrypoint: [python, run.py]": true,
		// by what the image's entrypoint runs
		"volumes: ['./t:/etc/nginx/templates']":                                     false,
		"volumes: ['./t.conf.template:/etc/nginx/templates/default.conf.template']": false,
		"volumes: ['./x.sh:/docker-entrypoint.d/40-x.sh']":                          false, // it is empty
		"volumes: ['./own.sh:/docker-entrypoint.d/40-own.sh']":                      true,
		"volumes: ['./x.conf:/etc/nginx/conf.d/x.conf']":                            false,
	} {
		lines = strings.TrimSuffix("image: nginx, "+lines, ", ")
		s := load(t, map[string]string{
			"compose.yaml": "services:\n  edge: {" + lines + "}\n", "t/default.conf.template": "", "t.conf.template": "", "x.sh": "", "own.sh": "#!/bin/sh\nmake-config\n", "x.conf": "",
		})
		c := s.container(s.Services["edge"])
		s.start(c, s.Services["edge"])
		_, err := c.open("/etc/nginx/nginx.conf")
		files, why := c.glob("/etc/nginx/conf.d/*.conf")
		for _, file := range files {
			_, unread := c.open(file)
			err = errors.Join(err, unread)
		}
		if (why != "" || err != nil) != want {
			t.Errorf("%s: %q, %v", lines, why, err)
		}
	}
}

// proxies reads a whole project.
func proxies(t *testing.T, files map[string]string, only ...string) (*Stack, error) {
	t.Helper()
	return Load(t.Context(), Options{Directory: project(t, files), Proxies: only})
}

const (
	hands = "server { location / { proxy_pass http://api; } }\n" // requests on
	keeps = "server { location / { root /html; } }\n"
)

// A service that runs nginx but hands nothing on is an upstream like any other, unless it is not
// known what it does.
func TestPassesOn(t *testing.T) {
	for name, test := range map[string]struct {
		volumes, conf string
		want          bool
	}{
		"a pass":                    {"./x.conf:/etc/nginx/conf.d/default.conf", hands, true},
		"a pass in a stream":        {"./x.conf:/etc/nginx/nginx.conf", "events {}\nstream { server { listen 1; proxy_pass api:1; } }\n", true},
		"a group alone":             {"./x.conf:/etc/nginx/conf.d/default.conf", "upstream g { server api; }\n", true},
		"files":                     {"./x.conf:/etc/nginx/conf.d/default.conf", keeps, false},
		"a fault":                   {"./x.conf:/etc/nginx/conf.d/default.conf", keeps + "}\n", true},
		"a volume":                  {"data:/etc/nginx/conf.d", keeps, true},
		"a mount that is not there": {"./nope.conf:/etc/nginx/nginx.conf", keeps, true},
		"a site that is not loaded": {"./x.conf:/etc/nginx/sites-enabled/x", hands, true},
		"its own files":             {"./x.conf:/usr/share/nginx/html/index.html", hands, false},
	} {
		s, err := proxies(t, map[string]string{
			"compose.yaml": "services:\n  edge: {image: nginx, volumes: ['" + test.volumes + "']}\n  api: {image: x}\n  b: {image: nginx, volumes: ['./b.conf:/etc/nginx/conf.d/default.conf']}\nvolumes: {data: }\n",
			"x.conf":       test.conf, "b.conf": hands,
		})
		if err != nil {
			t.Fatal(name, err)
		}
		if got := len(s.Proxies) == 2; got != test.want || len(s.Proxies)+len(s.Servers) != 2 {
			t.Errorf("%s: %d proxies, %d other servers", name, len(s.Proxies), len(s.Servers))
		}
	}
}

// errorOf is an error and its hint.
func errorOf(t *testing.T, err error) string {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("no error with a hint: %v", err)
	}
	return e.Error() + " | " + e.Hint()
}

func TestNoProxy(t *testing.T) {
	const own, off = "  edge: {image: 'nginx:1.27', volumes: ['./x.conf:/etc/nginx/conf.d/default.conf']", ", profiles: [web, full]}\n"
	for name, test := range map[string]struct {
		services string
		only     []string
		want     []string // in error and hint
	}{
		"none":             {"  api: {image: 'x:1'}\n", nil, []string{"api runs x:1", "--proxy NAME"}},
		"built":            {"  api: {build: .}\n", nil, []string{"the image of api is built, and its Dockerfile Dockerfile cannot be read", "--proxy NAME"}},
		"passes nothing":   {"  edge: {image: nginx}\n", nil, []string{"edge runs nginx but passes nothing on"}},
		"all in order":     {"  b: {image: y}\n  a: {image: x}\n", nil, []string{"a runs x, b runs y"}},
		"disabled":         {own + off + "  api: {image: x}\n", nil, []string{"a profile disables edge (profile web, full)", "--profile"}},
		"flag, unknown":    {own + "}\n  api: {image: x}\n", []string{"edgy"}, []string{`no service is named "edgy"`, "services: api, edge"}},
		"flag, one of two": {own + "}\n  api: {image: x}\n", []string{"edge", "edgy"}, []string{`no service is named "edgy"`}},
		"flag, disabled":   {own + off + "  api: {image: x}\n", []string{"edge"}, []string{"edge", "profile web, full", "--profile"}},
		"flag, disabled and no nginx": {own + "}\n  api: {image: x" + off, []string{"api"},
			[]string{"api", "profile web, full", "--profile"}},
		"flags, one disabled": {own + "}\n  api: {image: x" + off, []string{"edge", "api"}, []string{"api", "profile web, full", "--profile"}},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := proxies(t, map[string]string{"compose.yaml": "services:\n" + test.services, "x.conf": hands}, test.only...)
			if err == nil {
				t.Fatalf("%d proxies", len(s.Proxies))
			}
			for _, want := range test.want {
				if got := errorOf(t, err); !strings.Contains(got, want) {
					t.Errorf("%s\nhas no %s", got, want)
				}
			}
		})
	}
}

// --proxy means these, nginx or not, and only these.
func TestProxyFlag(t *testing.T) {
	files := map[string]string{
		"compose.yaml": "services:\n  a: {image: nginx, volumes: ['./x.conf:/etc/nginx/conf.d/default.conf']}\n" +
			"  b: {image: nginx, volumes: ['./x.conf:/etc/nginx/conf.d/default.conf']}\n  own: {image: own}\n  keeps: {image: nginx}\n",
		"x.conf": hands,
	}
	for only, want := range map[string]string{"": "a image b image", "b": "b flag", "own": "own flag", "keeps": "keeps flag", "b a": "a flag b flag"} {
		s, err := proxies(t, files, strings.Fields(only)...)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, p := range s.Proxies {
			got = append(got, p.Service.Name, p.Why)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("--proxy %s: %v, want %s", only, got, want)
		}
	}
}

func TestNotLoaded(t *testing.T) {
	for name, test := range map[string]struct {
		volumes string
		files   map[string]string
		want    string // files, by their names
	}{
		"another directory":              {"./app:/etc/nginx/sites-enabled/app", map[string]string{"app": hands}, "app"},
		"another ending":                 {"./app.cfg:/etc/nginx/conf.d/app.cfg", map[string]string{"app.cfg": hands}, "app.cfg"},
		"a directory that nothing reads": {"./sites:/etc/nginx/sites-enabled", map[string]string{"sites/app": hands}, "sites/app"},
		"one for each directory":         {"./sites:/etc/nginx/sites-enabled", map[string]string{"sites/a": hands, "sites/b": hands}, "sites/a"},
		"read":                           {"./app.conf:/etc/nginx/conf.d/app.conf", map[string]string{"app.conf": hands}, ""},
		"one of a directory is read":     {"./sites:/etc/nginx/conf.d", map[string]string{"sites/a.conf": hands, "sites/b.off": hands}, ""},
		"no server in it":                {"./snippet:/etc/nginx/snippets/x", map[string]string{"snippet": "ssl_protocols TLSv1.2;\n# server {\n"}, ""},
		"a binary":                       {"./x:/etc/nginx/x", map[string]string{"x": "\x00\x01"}, ""},
		"not nginx's":                    {"./app:/srv/app", map[string]string{"app": hands}, ""},
		"included":                       {"./main:/etc/nginx/nginx.conf, ./app:/etc/nginx/sites/app", map[string]string{"main": "events {}\nhttp { include sites/*; }\n", "app": hands}, ""},
		"all may be read, unknown":       {"./app:/etc/nginx/sites/app, data:/etc/nginx/conf.d", map[string]string{"app": hands}, ""},
	} {
		test.files["compose.yaml"] = "services:\n  edge: {image: nginx, volumes: [" + test.volumes + "]}\n  api: {image: x}\nvolumes: {data: }\n"
		s, err := proxies(t, test.files, "edge")
		if err != nil {
			t.Fatal(name, err)
		}
		var got []string
		for _, f := range s.Proxies[0].NotLoaded {
			got = append(got, f.Name)
		}
		if strings.Join(got, " ") != test.want {
			t.Errorf("%s: %v, want %s", name, got, test.want)
		}
	}
}

// Nothing is concluded from a missing directory of sites where other files do the work.
func TestMissing(t *testing.T) {
	for name, test := range map[string]struct {
		volumes string
		files   map[string]string
		want    string // targets
	}{
		"a file":                         {"./nope.conf:/etc/nginx/nginx.conf", nil, "/etc/nginx/nginx.conf"},
		"a directory":                    {"./nope:/etc/nginx/conf.d", nil, "/etc/nginx/conf.d"},
		"a directory beside others":      {"./nope:/etc/nginx/sites, ./main:/etc/nginx/nginx.conf", map[string]string{"main": "events {}\nhttp { include sites/*; " + hands + "}\n"}, ""},
		"what nginx does not read":       {"./nope:/usr/share/nginx/html", nil, ""},
		"an include below what is there": {"./conf:/etc/nginx/conf.d", map[string]string{"conf/a.conf": hands + "include /etc/nginx/conf.d/nope;\n"}, ""},
	} {
		files := map[string]string{"compose.yaml": "services:\n  edge: {image: nginx, volumes: [" + test.volumes + "]}\n  api: {image: x}\n"}
		for name, text := range test.files {
			files[name] = text
		}
		s, err := proxies(t, files, "edge")
		if err != nil {
			t.Fatal(name, err)
		}
		var got []string
		for _, bad := range s.Proxies[0].Missing {
			got = append(got, bad.Target)
		}
		if strings.Join(got, " ") != test.want {
			t.Errorf("%s: %v, want %s", name, got, test.want)
		}
	}
}

// Where the image has nginx's own layout its file is found below the prefix.
func TestMainFileOfOpenresty(t *testing.T) {
	const own = "/usr/local/openresty/nginx/conf/nginx.conf"
	for lines, want := range map[string]string{
		"":                                    own,
		", command: openresty -c conf/x.conf": "/usr/local/openresty/nginx/conf/x.conf",
		", command: openresty -p /app":        "/app/conf/nginx.conf",
		", command: [/usr/local/openresty/bin/openresty, -p/app/, -c, x.conf]": "/app/x.conf",
	} {
		if got := mainFile(argv(t, "image: openresty/openresty"+lines), own); got != want {
			t.Errorf("%s: %s, want %s", lines, got, want)
		}
	}
}

func TestGiven(t *testing.T) {
	for lines, want := range map[string]string{
		"": "daemon",
		`, command: ["nginx", "-g", "daemon off; worker_processes 1;"]`:     "daemon worker_processes",
		`, command: ["sh", "-c", "render && exec nginx -g 'daemon off;'"]`:  "daemon",
		`, command: ["nginx", "-c", "/x.conf"]`:                             "",
		`, command: ["sh", "-c", "nginx; tail -g 'daemon off;' /dev/null"]`: "",
	} {
		if got := strings.Join(given(argv(t, "image: nginx"+lines), true), " "); got != want {
			t.Errorf("%s: given are %q, want %q", lines, got, want)
		}
	}
}

// What a pass trusts is read where the project's files have it, without the keys that lie beside it.
func TestTrusted(t *testing.T) {
	const certificate = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n"
	for _, test := range []struct{ directives, want string }{
		{"proxy_ssl_verify on; proxy_ssl_trusted_certificate /ca.pem;", certificate + certificate},
		{"proxy_ssl_verify on; proxy_ssl_trusted_certificate ../../ca.pem;", certificate + certificate},
		{"proxy_ssl_trusted_certificate /ca.pem;", ""},
		{"proxy_ssl_verify on; proxy_ssl_trusted_certificate /other.pem;", ""},
		{"proxy_ssl_verify on; proxy_ssl_trusted_certificate $ca;", ""},
	} {
		s, err := proxies(t, map[string]string{
			"compose.yaml": "services:\n  edge: {image: nginx, volumes: ['./x.conf:/etc/nginx/nginx.conf', './ca.pem:/ca.pem']}\n",
			"x.conf":       "events {}\nhttp { server { " + test.directives + " location / { proxy_pass https://api; } } }",
			"ca.pem":       certificate + "-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n" + certificate,
		}, "edge")
		if err != nil {
			t.Fatal(err)
		}
		if got := s.Proxies[0].Routes[0].Pass.TLS.TrustedText; got != test.want {
			t.Errorf("%s: %q, want %q", test.directives, got, test.want)
		}
	}
}
