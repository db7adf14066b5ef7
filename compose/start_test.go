package compose

import (
	"strings"
	"testing"
)

// started is the file system of a container of nginx, with these lines in its service, after its start.
func started(t *testing.T, lines string, files map[string]string) *container {
	t.Helper()
	all := compose("services:\n  edge:\n    image: nginx\n" + lines)
	for name, text := range files {
		all[name] = text
	}
	s := load(t, all)
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
	files := map[string]string{"again.sh": "/docker-entrypoint.sh nginx\n", "t": "$API $host", "start.sh": "#!/bin/sh\nset -e\nAPP=/etc/nginx/conf.d/app.conf\necho ok > $APP\nexec \"$@\"\n"}
	for name, test := range map[string]struct{ lines, want string }{
		"chosen variables":       {"    volumes: ['./t:/t']\n    command: sh -c \"envsubst '$$API' < /t > " + app + " && nginx\"\n" + env, "api $host"},
		"all variables":          {"    volumes: ['./t:/t']\n    command: sh -c \"envsubst < /t > " + app + " && nginx\"\n" + env, "api "},
		"exported ones":          {"    volumes: ['./t:/t']\n    command: sh -c \"export API=x; envsubst < /t > " + app + " && nginx\"\n" + env, "x "},
		"one that is not known":  {"    volumes: ['./t:/t']\n    command: sh -c \"export host=$$(hostname); envsubst < /t > " + app + "; nginx\"\n" + env, "unknown"},
		"a here-document":        {"    command:\n      - sh\n      - -c\n      - |\n        cat > " + app + " <<'EOF'\n        a $$host\n        EOF\n        nginx\n", "a $host\n"},
		"a copy":                 {"    volumes: ['./t:/t']\n    command: sh -c 'cp /t " + app + "; nginx'\n", "$API $host"},
		"in an if":               {"    command: sh -c 'if true; then echo a > " + app + "; fi; nginx'\n", "unknown"},
		"behind an exit":         {"    command: sh -c '[ -n \"$$X\" ] || exit 0; echo a > " + app + "'\n", "unknown"},
		"by a tool":              {"    command: sh -c 'make-config && nginx'\n", "unknown"},
		"onto a path not known":  {"    command: sh -c 'echo a > $$1; nginx'\n", "unknown"},
		"by a script":            {"    volumes: ['./start.sh:/start.sh']\n    entrypoint: /start.sh\n    command: nginx\n", "ok\n"},
		"by a script not there":  {"    entrypoint: /start.sh\n", "unknown"},
		"by one for the image's": {"    volumes: ['./start.sh:/docker-entrypoint.d/50-x.sh']\n", "ok\n"},
		"by one that starts it":  {"    volumes: ['./again.sh:/docker-entrypoint.d/50-x.sh']\n", "unknown"},
		"by no shell":            {"    command: \"sh -c 'if'\"\n", "unknown"},
		"nothing":                {"    command: sh -c 'while :; do sleep 6h; nginx -s reload; done & nginx'\n", "none"},
	} {
		if got := opened(started(t, test.lines, files), app); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}
