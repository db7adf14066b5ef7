package compose

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"why502/compose/proxy"
)

// built is the file system of a container of this Dockerfile, in a project with these files. Those
// below ctx/ are its build context.
func built(t *testing.T, dockerfile, options string, files map[string]string) (*container, *Service) {
	t.Helper()
	all := compose("services:\n  edge:\n    build: {context: ./ctx" + options + "}\n")
	all["ctx/Dockerfile"] = dockerfile
	for name, text := range files {
		all[name] = text
	}
	s := load(t, all)
	return s.container(s.Services["edge"]), s.Services["edge"]
}

const app = "/etc/nginx/conf.d/app.conf"

func TestBuild(t *testing.T) {
	context := map[string]string{
		"ctx/app.conf": "app", "ctx/sites/app.conf": "site", "ctx/sites/b.conf": "b", "ctx/sites/old.bak": "old", "ctx/.dockerignore": "**/*.bak\nhidden.conf\n",
		"ctx/hidden.conf": "hidden", "other/app.conf": "other",
	}
	for name, test := range map[string]struct{ dockerfile, options, path, want string }{
		"the image below":                {"FROM nginx", "", "/etc/nginx/nginx.conf", "stock"},
		"a file over a file":             {"FROM nginx\nCOPY app.conf /etc/nginx/conf.d/default.conf", "", "/etc/nginx/conf.d/default.conf", "app"},
		"a file into a directory":        {"FROM nginx\nCOPY app.conf /etc/nginx/conf.d", "", app, "app"},
		"and with a slash":               {"FROM nginx\nCOPY app.conf /etc/nginx/conf.d/", "", app, "app"},
		"what a directory holds":         {"FROM nginx\nCOPY sites /etc/nginx/conf.d", "", app, "site"},
		"it lies between the rest":       {"FROM nginx\nCOPY sites /etc/nginx/conf.d", "", "/etc/nginx/conf.d/default.conf", "stock"},
		"a later one wins":               {"FROM nginx\nCOPY app.conf " + app + "\nCOPY sites /etc/nginx/conf.d", "", app, "site"},
		"a pattern":                      {"FROM nginx\nCOPY sites/*.conf /etc/nginx/conf.d/", "", "/etc/nginx/conf.d/b.conf", "b"},
		"ADD":                            {"FROM nginx\nADD app.conf " + app, "", app, "app"},
		"ADD of an address":              {"FROM nginx\nADD https://example.com/app.conf " + app, "", app, "unknown"},
		"relative to WORKDIR":            {"FROM nginx\nWORKDIR /etc/nginx\nWORKDIR conf.d\nCOPY app.conf .", "", app, "app"},
		"by an argument":                 {"FROM nginx\nARG FROM=app.conf\nCOPY $FROM " + app, "", app, "app"},
		"that Compose gives":             {"FROM nginx\nARG FROM=app.conf\nCOPY $FROM " + app, ", args: {FROM: sites/b.conf}", app, "b"},
		"by a variable":                  {"FROM nginx\nENV TO=/etc/nginx/conf.d\nCOPY app.conf $TO/app.conf", "", app, "app"},
		"the image by an argument":       {"ARG TAG=1.27\nFROM nginx:${TAG}", "", "/etc/nginx/nginx.conf", "stock"},
		"the image by a context":         {"FROM base", ", additional_contexts: {base: \"docker-image://nginx:1.27\"}", "/etc/nginx/nginx.conf", "stock"},
		"of another stage":               {"FROM node AS web\nWORKDIR /app\nCOPY . .\nFROM nginx\nCOPY --from=web /app/app.conf " + app, "", app, "app"},
		"what that stage makes":          {"FROM node AS web\nRUN make dist\nFROM nginx\nCOPY --from=web /dist/app.conf " + app, "", app, "unknown"},
		"a stage over a stage":           {"FROM nginx AS base\nCOPY app.conf " + app + "\nFROM base", "", app, "app"},
		"the stage that is meant":        {"FROM nginx AS one\nCOPY app.conf " + app + "\nFROM nginx AS two", ", target: one", app, "app"},
		"of another image":               {"FROM nginx\nCOPY --from=busybox /x " + app, "", app, "unknown"},
		"of another context":             {"FROM nginx\nCOPY --from=more app.conf " + app, ", additional_contexts: {more: ./other}", app, "other"},
		"kept out":                       {"FROM nginx\nCOPY sites /etc/nginx/conf.d", "", "/etc/nginx/conf.d/old.bak", "none"},
		"kept out by its name":           {"FROM nginx\nCOPY hidden.conf " + app, "", app, "unknown"},
		"not there":                      {"FROM nginx\nCOPY nope.conf " + app, "", app, "unknown"},
		"not out of the context":         {"FROM nginx\nCOPY ../other/app.conf " + app, "", app, "unknown"},
		"a here-document":                {"FROM nginx\nCOPY <<EOF " + app + "\nhere\nEOF", "", app, "here\n"},
		"inline":                         {"", ", dockerfile_inline: \"FROM nginx\\nCOPY app.conf " + app + "\"", app, "app"},
		"removed":                        {"FROM nginx\nRUN rm -f /etc/nginx/conf.d/default.conf", "", "/etc/nginx/conf.d/default.conf", "none"},
		"removed by a pattern":           {"FROM nginx\nRUN rm /etc/nginx/conf.d/*", "", "/etc/nginx/conf.d/default.conf", "none"},
		"removed and brought again":      {"FROM nginx\nRUN rm -rf /etc/nginx/conf.d\nCOPY sites /etc/nginx/conf.d", "", app, "site"},
		"written by a shell":             {"FROM nginx\nRUN echo 'daemon off;' > " + app, "", app, "daemon off;\n"},
		"added to by a shell":            {"FROM nginx\nRUN echo a > " + app + " && printf '%s\\n' b >> " + app, "", app, "a\nb\n"},
		"added to a file of the project": {"FROM nginx\nCOPY app.conf " + app + "\nRUN echo b >> " + app, "", app, "unknown"},
		"written by an argument":         {"FROM nginx\nARG SITE=x\nRUN echo $SITE > " + app, "", app, "x\n"},
		"by a variable of the image":     {"FROM nginx\nRUN echo $NGINX_VERSION > " + app, "", app, "unknown"},
		"by a here-document":             {"FROM nginx\nRUN <<EOF\necho a > " + app + "\nEOF", "", app, "a\n"},
		"of a here-document":             {"FROM nginx\nRUN cat <<'EOF' > " + app + "\nlisten $port;\nEOF", "", app, "listen $port;\n"},
		"a text for another":             {"FROM nginx\nCOPY app.conf " + app + "\nRUN sed -i 's/app/other/g' " + app, "", app, "other"},
		"by an expression":               {"FROM nginx\nCOPY app.conf " + app + "\nRUN sed -i 's/a.*/other/' " + app, "", app, "unknown"},
		"by a script of sed's":           {"FROM nginx\nCOPY app.conf " + app + "\nRUN sed -i s " + app, "", app, "unknown"},
		"changed by a tool":              {"FROM nginx\nRUN patch /etc/nginx/nginx.conf", "", "/etc/nginx/nginx.conf", "unknown"},
		"moved":                          {"FROM nginx\nCOPY app.conf /tmp/\nRUN mv /tmp/app.conf /etc/nginx/conf.d/", "", app, "app"},
		"left alone by a tool":           {"FROM nginx\nRUN apt-get update && apt-get install -y curl", "", "/etc/nginx/nginx.conf", "stock"},
		"no image of nginx":              {"FROM debian", "", "/etc/nginx/nginx.conf", "unknown"},
		"no image at all":                {"FROM scratch\nCOPY app.conf " + app, "", "/etc/nginx/nginx.conf", "none"},
		"no Dockerfile":                  {"this is none", "", "/etc/nginx/nginx.conf", "unknown"},
		"an empty one":                   {"", "", "/etc/nginx/nginx.conf", "unknown"},
		"no such stage":                  {"FROM nginx", ", target: nope", "/etc/nginx/nginx.conf", "unknown"},
		"a stage from itself":            {"FROM nginx AS a\nCOPY --from=a /x " + app, "", app, "unknown"},
	} {
		c, _ := built(t, test.dockerfile, test.options, context)
		got := opened(c, test.path)
		if strings.Contains(got, "conf.d/*.conf") || strings.Contains(got, "server_name localhost;") {
			got = "stock"
		}
		if got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

// BuildKit takes a Dockerfile in lower case where there is no other.
func TestDockerfileInLowerCase(t *testing.T) {
	const base, copied = "ctx/sub/", "FROM nginx\nCOPY app.conf "
	for name, test := range map[string]struct {
		files         map[string]string
		options, want string
	}{
		"alone":          {map[string]string{"ctx/dockerfile": copied + app}, "", "app"},
		"beside another": {map[string]string{"ctx/dockerfile": copied + app, "ctx/Dockerfile": "FROM nginx"}, "", "none"},
		"elsewhere":      {map[string]string{base + "dockerfile": copied + app}, ", dockerfile: sub/Dockerfile", "app"},
		"by its name":    {map[string]string{base + "dockerfile": copied + app}, ", dockerfile: sub/dockerfile", "app"},
		"another name":   {map[string]string{"ctx/dockerfile": copied + app}, ", dockerfile: Dockerfile.prod", "unknown"},
		"none":           {map[string]string{base + "dockerfile": copied + app}, "", "unknown"},
	} {
		all := compose("services:\n  edge:\n    build: {context: ./ctx" + test.options + "}\n")
		maps.Copy(all, test.files)
		all["ctx/app.conf"] = "app"
		s := load(t, all)
		if got := opened(s.container(s.Services["edge"]), app); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

// chain is a Dockerfile's stages, each of which copies all of the one before twice.
func chain(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "FROM nginx AS s%d\nCOPY --from=s%d /etc /etc\nCOPY --from=s%[2]d /etc /etc\n", i+1, i)
	}
	return b.String()
}

// What could grow without end is cut off, and then not known.
func TestBuildBounds(t *testing.T) {
	if testing.Short() {
		t.Skip("its inputs are large")
	}
	for name, dockerfile := range map[string]string{
		"many instructions": "FROM nginx\n" + strings.Repeat("COPY app.conf "+app+"\n", 100_000),
		"many stages":       strings.Repeat("FROM nginx\n", 100_000),
		"a long script":     "FROM nginx\nRUN touch " + app + strings.Repeat(" ; tee "+app, 100_000),
		"a deep script":     "FROM nginx\nRUN " + strings.Repeat("(", 1_000_000) + app,
		"growing variables": "FROM nginx\nENV A=aaaaaaaa\n" + strings.Repeat("ENV A=$A$A$A\n", 100) + "COPY $A " + app,
		"copies of copies":  "FROM nginx\nRUN true" + strings.Repeat(" && cp -r /etc/nginx /etc/nginx", 100),
		"stages of stages":  "FROM nginx AS s0\n" + chain(100),
		"no UTF-8":          "FROM nginx\nCOPY \xff\xfe " + app,
		"bytes of 0":        "FROM nginx\nCOPY \x00 " + app + "\x00",
	} {
		c, _ := built(t, dockerfile, "", map[string]string{"ctx/app.conf": "app"})
		if got := opened(c, app); got != "unknown" && got != "none" {
			t.Errorf("%s: %.40q", name, got)
		}
	}
}

// What the Dockerfile says of the container is the service's, unless the Compose files say otherwise.
func TestBuiltService(t *testing.T) {
	_, svc := built(t, "FROM node AS base\nENV PORT=3000\nEXPOSE 9229/tcp 53/udp\nFROM base\nARG P=3001\nEXPOSE $P\nCMD [\"node\", \"server.js\"]\n", "", nil)
	if svc.Base() != "node" || strings.Join(svc.Start(), " ") != "node server.js" || svc.Variables()["PORT"].Text != "3000" {
		t.Errorf("%q, %q, %v", svc.Base(), svc.Start(), svc.Variables())
	}
	check(t, svc.Build.Ports, []Number{
		{9229, proxy.Place{File: "ctx/Dockerfile", Line: 3, Column: 1}}, {3001, proxy.Place{File: "ctx/Dockerfile", Line: 6, Column: 1}},
	})
}
