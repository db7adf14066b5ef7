package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"why502/compose"
	"why502/inspect"
	"why502/inspect/recording"
)

// recorded is the record of a project with an error, from its files alone.
func recorded(t *testing.T) string {
	t.Helper()
	stack, err := compose.Load(t.Context(), compose.Options{Directory: breaking(t)})
	if err != nil {
		t.Fatal(err)
	}
	text, err := recording.Encode(&recording.Record{
		Tool: version, Time: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC), Directory: ".",
		Live: inspect.Live{State: inspect.LiveOff}, Stack: stack,
	})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// A replay says the same as the run that was recorded, wherever it is carried out.
func TestReplay(t *testing.T) {
	for name, dir := range map[string]string{"ok": working(t), "broken": breaking(t)} {
		file := filepath.Join(t.TempDir(), "record.json")
		first := why502(t, nil, "--live=off", "--format=json", "--record", file, dir)
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
		again := why502(t, nil, "--format=json", "--replay", file)
		want := strings.Replace(first.stdout, `"state": "off"`, `"state": "replayed"`, 1)
		if again.code != first.code || again.stdout != want || first.stdout == want {
			t.Errorf("%s: exit %d, want %d with\n%s\ngot\n%s%s", name, again.code, first.code, want, again.stdout, again.stderr)
		}
		if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: the record is %v: %v", name, info, err)
		}
	}
}

// A run that fails leaves an old record as it is.
func TestRecordStays(t *testing.T) {
	file := filepath.Join(t.TempDir(), "record.json")
	write(t, file, "old")
	for name, args := range map[string][]string{
		"no proxy":     {project(t, noProxy, "")},
		"no daemon":    {"--live=require", working(t)},
		"no directory": {"-o", filepath.Join(file, "nowhere"), working(t)},
	} {
		got := why502(t, nil, append(args, "--record", file)...)
		refused(t, got, "", "")
		if read(t, file) != "old" {
			t.Errorf("%s: the record was written", name)
		}
	}
}

// planted is a project with a credential in each place where people have them.
var planted = map[string]string{
	"compose.yaml": `
services:
  edge:
    image: nginx:1.27
    ports: ["8080:80"]
    environment: [API_TOKEN=planted-1]
    volumes: [./templates:/etc/nginx/templates]
  api:
    image: example/api
    expose: [8000]
    labels:
      shop.api.password: planted-2
      traefik.url: "https://user:planted-3@example.com/"
    environment:
      DATABASE_URL: postgres://user:planted-4@db:5432/shop
      SECRET_KEY: planted-5
      PIN_SECRET: "p6"
      TLS_KEY: |
        -----BEGIN PRIVATE KEY-----
        planted7planted7
        -----END PRIVATE KEY-----
    env_file: api.env
    command: ["serve", "--password", "planted-8", "--dsn=redis://:planted-9@cache"]
  cache:
    image: redis
    command:
      - redis-server
      - --requirepass
      - planted-10
    healthcheck: {test: [CMD, redis-cli, -a, "${CACHE_PASSWORD}", ping]}
  worker:
    build:
      context: .
      args: {NPM_TOKEN: planted-11}
`,
	".env":       "CACHE_PASSWORD=planted-12\n",
	"api.env":    "MAIL_PASSWORD=planted-13\n# old: MAIL_PASSWORD=planted-14\n",
	"Dockerfile": "FROM nginx\nENV APP_SECRET planted-15\nRUN curl -u user:planted-16 https://example.com\n",
	"templates/default.conf.template": `
server {
    listen 80;
    location / {
        proxy_set_header Authorization "Bearer planted-17";
        proxy_set_header X-Api-Key p18;
        proxy_set_header X-Auth-Token 'planted-19 and more';
        proxy_pass http://api:8000/?key=${API_TOKEN};
    }
    location /b { proxy_pass http://user:planted-20@apii:8000; }
    location /c { set $secret planted-21; fastcgi_param DB_PASSWORD planted-22; fastcgi_pass api:9000; }
}
`,
}

// Nothing of a credential is in a record or a report, and the record is still of use.
func TestRecordHasNoCredentials(t *testing.T) {
	dir := t.TempDir()
	for name, text := range planted {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, name), text)
	}
	file := filepath.Join(dir, "record.json")
	first := why502(t, nil, "--live=off", "--format=json", "--record", file, dir)
	again := why502(t, nil, "--format=json", "--replay", file)
	for name, text := range map[string]string{"report": first.stdout, "record": read(t, file), "replay": again.stdout} {
		for _, secret := range []string{"planted", "p6", "p18"} {
			if at := strings.Index(text, secret); at >= 0 {
				t.Errorf("the %s has a credential: …%.200s", name, text[max(0, at-100):])
			}
		}
		if !strings.Contains(text, "apii") {
			t.Errorf("the %s lacks what is wrong", name)
		}
	}
}
