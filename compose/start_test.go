package compose

import (
	"strings"
	"testing"

	"why502/compose/nginx"
	"why502/compose/proxy"
)

// started is the file system of a container of nginx, with these lines in its service, after its start.
func started(t *testing.T, lines string, files map[string]string, env ...string) *container {
	t.Helper()
	all := compose("services:\n  edge:\n    image: nginx\n" + lines)
	for name, text := range files {
		all[name] = text
	}
	s := load(t, all, env...)
	c := s.container(s.Services["edge"])
	s.start(c, s.Services["edge"])
	return c
}

func TestTemplates(t *testing.T) {
	const mount = "    volumes: ['./t:/etc/nginx/templates']\n"
	files := map[string]string{"t/app.conf.template": "$API ${API} $host ${UNSET} $APIS ${API:-x}", "t/sub/x.conf.template": "$API", "t/plain.conf": "$API", "t/y.tmpl": "$API"}
	for name, test := range map[string]struct{ lines, path, want string }{
		"what the environment has":  {mount + "    environment: {API: api}\n", app, "api api $host ${UNSET} $APIS ${API:-x}"},
		"and an empty value":        {mount + "    environment: {API: ''}\n", app, "  $host ${UNSET} $APIS ${API:-x}"},
		"below":                     {mount + "    environment: {API: api}\n", "/etc/nginx/conf.d/sub/x.conf", "api"},
		"only templates":            {mount, "/etc/nginx/conf.d/plain.conf", "none"},
		"by another suffix":         {mount + "    environment: {API: api, NGINX_ENVSUBST_TEMPLATE_SUFFIX: .tmpl}\n", "/etc/nginx/conf.d/y", "api"},
		"to another place":          {mount + "    environment: {API: api, NGINX_ENVSUBST_OUTPUT_DIR: /etc/nginx}\n", "/etc/nginx/app.conf", "api api $host ${UNSET} $APIS ${API:-x}"},
		"from another place":        {"    volumes: ['./t:/templates']\n    environment: {API: api, NGINX_ENVSUBST_TEMPLATE_DIR: /templates}\n", "/etc/nginx/conf.d/sub/x.conf", "api"},
		"filtered":                  {mount + "    environment: {API: api, host: x, NGINX_ENVSUBST_FILTER: '^API'}\n", app, "api api $host ${UNSET} $APIS ${API:-x}"},
		"not filtered":              {mount + "    environment: {API: api, host: x}\n", app, "api api x ${UNSET} $APIS ${API:-x}"},
		"by a filter that is none":  {mount + "    environment: {NGINX_ENVSUBST_FILTER: '('}\n", app, "unknown"},
		"not behind a shell":        {mount + "    command: sh -c \"nginx -g 'daemon off;'\"\n", app, "none"},
		"behind nginx itself":       {mount + "    command: nginx -g 'daemon off;'\n    environment: {API: api}\n", "/etc/nginx/conf.d/sub/x.conf", "api"},
		"not by another entrypoint": {mount + "    entrypoint: nginx -g 'daemon off;'\n", app, "none"},
		"not into what is mounted":  {"    volumes: ['./t:/etc/nginx/templates', './c:/etc/nginx/conf.d:ro']\n", app, "none"},
	} {
		if got := opened(started(t, test.lines, files), test.path); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

func TestTemplateBounds(t *testing.T) {
	files := map[string]string{"t/app.conf.template": strings.Repeat("$API", 100_000), "t/big.conf.template": strings.Repeat("#", maxConfigFile+1)}
	c := started(t, "    volumes: ['./t:/etc/nginx/templates']\n    environment: {API: "+strings.Repeat("x", 10_000)+"}\n", files)
	if got := opened(c, app); got != "unknown" {
		t.Errorf("a template that grows: %.40q", got)
	}
	if got := opened(c, "/etc/nginx/conf.d/big.conf"); got != "unknown" {
		t.Errorf("a large template: %.40q", got)
	}
}

func TestStart(t *testing.T) {
	const env = "    environment: {API: api}\n"
	files := map[string]string{"p": "#!/usr/bin/env python\n", "again.sh": "/docker-entrypoint.sh nginx\n", "t": "$API $host", "start.sh": "#!/bin/sh\nset -e\nAPP=/etc/nginx/conf.d/app.conf\necho ok > $APP\nexec \"$@\"\n"}
	for name, test := range map[string]struct{ lines, want string }{
		"chosen variables":                {"    volumes: ['./t:/t']\n    command: sh -c \"envsubst '$$API' < /t > " + app + " && nginx\"\n" + env, "api $host"},
		"all variables":                   {"    volumes: ['./t:/t']\n    command: sh -c \"envsubst < /t > " + app + " && nginx\"\n" + env, "api "},
		"exported ones":                   {"    volumes: ['./t:/t']\n    command: sh -c \"export API=x; envsubst < /t > " + app + " && nginx\"\n" + env, "x "},
		"one that is not known":           {"    volumes: ['./t:/t']\n    command: sh -c \"export host=$$(hostname); envsubst < /t > " + app + "; nginx\"\n" + env, "unknown"},
		"a here-document":                 {"    command:\n      - sh\n      - -c\n      - |\n        cat > " + app + " <<'EOF'\n        a $$host\n        EOF\n        nginx\n", "a $host\n"},
		"a copy":                          {"    volumes: ['./t:/t']\n    command: sh -c 'cp /t " + app + "; nginx'\n", "$API $host"},
		"in an if":                        {"    command: sh -c 'if ping api; then echo a > " + app + "; fi; nginx'\n", "unknown"},
		"in an if that holds":             {"    command: sh -c 'if [ \"$$API\" = api ]; then echo a > " + app + "; else echo b > " + app + "; fi; nginx'\n" + env, "a\n"},
		"in one that does not":            {"    command: sh -c 'if [ -z \"$$API\" ]; then echo a > " + app + "; fi; nginx'\n" + env, "none"},
		"by whether a file is there":      {"    volumes: ['./t:/etc/nginx/t']\n    command: sh -c '[ -f /etc/nginx/t ] && [ ! -e /etc/nginx/u ] && echo a > " + app + "; nginx'\n", "a\n"},
		"in a test of two":                {"    command: bash -c '[[ $$API == a* && -n $$API ]] && echo a > " + app + "; nginx'\n" + env, "a\n"},
		"by a case":                       {"    command: sh -c 'case $$API in x) echo x > " + app + ";; a*|b) echo a > " + app + ";; *) rm /;; esac; nginx'\n" + env, "a\n"},
		"in a loop over known words":      {"    command: sh -c 'for f in app other; do echo $$f > /etc/nginx/conf.d/$$f.conf; done; nginx'\n", "app\n"},
		"in a loop":                       {"    command: sh -c 'for f in /t/*; do echo $$f > " + app + "; done; nginx'\n", "unknown"},
		"by a function":                   {"    command: sh -c 'site() { echo $$1 > " + app + "; }; site a; nginx'\n", "a\n"},
		"by a function that calls itself": {"    command: sh -c 'site() { site; }; site; nginx'\n", "unknown"},
		"by a default":                    {"    command: sh -c 'echo $${SITE:-a} $${API#a} > " + app + "; nginx'\n" + env, "a pi\n"},
		"through pipes":                   {"    volumes: ['./t:/t']\n    command: sh -c \"cat /t | envsubst '$$API' | sed -e s/host/x/ | tee " + app + "; nginx\"\n" + env, "api $x"},
		"in a shell of its own":           {"    command: sh -c '(API=x; cd /tmp); echo $$API > " + app + "; nginx'\n" + env, "api\n"},
		"with a variable for it alone":    {"    volumes: ['./t:/t']\n    command: sh -c \"API=x envsubst '$$API' < /t > " + app + "; nginx\"\n" + env, "x $host"},
		"behind an exit":                  {"    command: sh -c '[ -n \"$$(hostname)\" ] || exit 0; echo a > " + app + "'\n", "unknown"},
		"behind one that comes":           {"    command: sh -c '[ -n \"$$X\" ] || exit 0; echo a > " + app + "'\n", "none"},
		"behind nginx":                    {"    command: sh -c 'exec nginx; echo a > " + app + "'\n", "none"},
		"by an init":                      {"    volumes: ['./start.sh:/usr/local/bin/start.sh']\n    entrypoint: [tini, --, start.sh]\n    command: nginx\n", "ok\n"},
		"by a script that reads another":  {"    volumes: ['./start.sh:/start.sh', './again.sh:/again.sh']\n    command: sh -c '. /start.sh; nginx'\n", "ok\n"},
		"by a program of python":          {"    volumes: ['./p:/p']\n    command: /p\n", "unknown"},
		"by a tool":                       {"    command: sh -c 'make-config && nginx'\n", "unknown"},
		"onto a path not known":           {"    command: sh -c 'echo a > $$(site); nginx'\n", "unknown"},
		"by a script":                     {"    volumes: ['./start.sh:/start.sh']\n    entrypoint: /start.sh\n    command: nginx\n", "ok\n"},
		"by a script not there":           {"    entrypoint: /start.sh\n", "unknown"},
		"by one for the image's":          {"    volumes: ['./start.sh:/docker-entrypoint.d/50-x.sh']\n", "ok\n"},
		"by one that starts it":           {"    volumes: ['./again.sh:/docker-entrypoint.d/50-x.sh']\n", "unknown"},
		"by no shell":                     {"    command: \"sh -c 'if'\"\n", "unknown"},
		"nothing":                         {"    command: sh -c 'while :; do sleep 6h; nginx -s reload; done & nginx'\n", "none"},
	} {
		if got := opened(started(t, test.lines, files), app); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

// The images of linuxserver copy what /config lacks, and read their configuration there.
func TestFurnish(t *testing.T) {
	const site = "server { listen 443 ssl; server_name app.*; include /config/nginx/ssl.conf; location / { include /config/nginx/proxy.conf;" +
		" include /config/nginx/resolver.conf; set $upstream app; proxy_pass http://$upstream:3000; } }"
	whole := map[string]string{"c/nginx/nginx.conf": "events {} http { include /config/nginx/site-confs/*.conf; }", "c/nginx/site-confs/own.conf": site}
	for name, test := range map[string]struct {
		keys  string
		files map[string]string
		want  string // routes; "?": not all is known
	}{
		"nothing is mounted":              {"image: linuxserver/nginx", nil, ""},
		"sites":                           {"image: lscr.io/linuxserver/nginx, volumes: ['./s:/config/nginx/site-confs']", map[string]string{"s/app.conf": "server { listen 80; location / { proxy_pass http://app; } }"}, "edge:80 / -> app:80"},
		"all, as swag has it":             {"image: lscr.io/linuxserver/swag, volumes: ['./c:/config']", whole, "edge:443 app.*/ -> app:3000"},
		"a proxy-conf":                    {"image: ghcr.io/linuxserver/swag:2.11.0, volumes: ['./c:/config']", map[string]string{"c/nginx/proxy-confs/app.subdomain.conf": site, "c/nginx/proxy-confs/b.subdomain.conf.sample": "nothing"}, "edge:443 app.*/ -> app:3000"},
		"nothing yet":                     {"image: linuxserver/swag, volumes: ['./c:/config']", nil, "?"},
		"a volume":                        {"image: linuxserver/swag, volumes: ['data:/config']", nil, "?"},
		"a module":                        {"image: linuxserver/swag, environment: {DOCKER_MODS: x}", nil, "?"},
		"the name servers of the machine": {"image: linuxserver/swag, network_mode: host, volumes: ['./c:/config']", whole, "?"},
	} {
		t.Run(name, func(t *testing.T) {
			files := compose("services:\n  edge: {" + test.keys + "}\n  app: {image: x}\nvolumes: {data: }\n")
			for file, text := range test.files {
				files[file] = text
			}
			s, err := proxies(t, files, "edge")
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, r := range s.Proxies[0].Routes {
				got = append(got, r.ID)
			}
			if config := s.Proxies[0].Config; len(config.Faults) > 0 || config.Complete() != (test.want != "?") {
				t.Errorf("faults %v, unchecked %v", config.Faults, config.Unchecked)
			}
			if all := strings.Join(got, ", "); test.want != "?" && all != test.want {
				t.Errorf("routes %q, want %q", all, test.want)
			}
		})
	}
}

// A value of several lines moves the lines behind it; places are those in the template all the same.
func TestTemplateOfManyLines(t *testing.T) {
	const template = "server {\n$HEAD$HEAD\n  location / { proxy_pass $API; }\n}\nfoo;"
	c := started(t, "    volumes: ['./t:/etc/nginx/templates']\n    environment: {API: 'http://api', HEAD: \"# one\\n# two\\n\"}\n", map[string]string{"t/app.conf.template": template})
	config := nginx.Parse(c.files(), nginx.Options{Stock: true})
	if len(config.Faults) == 0 || config.Faults[0].Place.Line != 5 {
		t.Errorf("the fault is not in line 5: %+v", config.Faults)
	}
	eachPass(config, func(_ *proxy.Server, _ *proxy.Location, pass *proxy.Pass) {
		if at := pass.Place; at.Line != 3 || at.Column != 27 {
			t.Errorf("the pass is at %v", at)
		}
	})
}
