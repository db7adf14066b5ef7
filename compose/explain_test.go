package compose

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// project writes a project's files, by name, and gives its directory.
func project(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func compose(text string) map[string]string { return map[string]string{"compose.yaml": text} }

func TestLoadExplainsFaults(t *testing.T) {
	tests := []struct {
		name  string
		files map[string]string
		opts  Options
		want  string // the error
		hint  string // part of the hint
	}{
		{
			name:  "broken YAML",
			files: compose("services:\n  web:\n    image: \"nginx\n"),
			want:  `compose.yaml:3:12: invalid YAML: found unexpected end of stream`,
			hint:  "mend the YAML",
		},
		{
			name:  "wrong indentation",
			files: compose("services:\n  web:\n    image: nginx\n   ports: []\n"),
			want:  `compose.yaml:4:4: invalid YAML: did not find expected key`,
		},
		{
			name:  "colon too many",
			files: compose("services:\n  wéb: a: b\n"),
			want:  `compose.yaml:2:9: invalid YAML: mapping values are not allowed in this context`,
		},
		{
			name:  "tab",
			files: compose("services:\n  web:\n\timage: nginx\n"),
			want:  `compose.yaml:3:1: invalid YAML: found character that cannot start any token`,
			hint:  "spaces",
		},
		{
			name:  "duplicate key",
			files: compose("services:\n  web:\n    image: nginx\n    ports: []\n    image: caddy\n"),
			want:  `compose.yaml:5:5: invalid YAML: mapping key "image" already defined at line 3`,
		},
		{
			name:  "unknown key",
			files: compose("services:\n  web:\n    imag: nginx\n"),
			want:  `compose.yaml:3:5: unknown key "imag" in services.web`,
			hint:  "spelling",
		},
		{
			name:  "unknown keys at the top",
			files: compose("services:\n  web: {image: nginx}\nzervices: {}\nnetwork: {}\nvolume: {}\n"),
			want:  `compose.yaml:3:1: unknown key "zervices"`,
		},
		{
			name:  "unknown keys in services",
			files: compose("services:\n  web:\n    image: nginx\n    x-a: b\n    prots: []\n    comand: x\n  api:\n    imag: x\n    envrionment: []\n"),
			want:  `compose.yaml:5:5: unknown key "prots" in services.web`,
		},
		{
			name:  "unknown key in a service whose name has dots",
			files: compose("services:\n  my.web:\n    imag: nginx\n"),
			want:  `compose.yaml:3:5: unknown key "imag" in services.my.web`,
		},
		{
			name:  "unknown key at the top",
			files: compose("services:\n  web:\n    image: nginx\nnetwork: {}\n"),
			want:  `compose.yaml:4:1: unknown key "network"`,
		},
		{
			name:  "wrong type",
			files: compose("services:\n  web:\n    image: nginx\n    ports: 80\n"),
			want:  `compose.yaml:4:5: services.web.ports must be a list`,
		},
		{
			name: "fault in the second file",
			files: map[string]string{
				"compose.yaml":          "services:\n  web:\n    image: nginx\n    restart: always\n",
				"compose.override.yaml": "# local\nservices:\n  web:\n    restart: [no]\n",
			},
			want: `compose.override.yaml:4:5: services.web.restart must be a string`,
		},
		{
			name: "item of a list that two files fill",
			files: map[string]string{
				"compose.yaml":          "services:\n  web:\n    image: nginx\n    expose: [80]\n",
				"compose.override.yaml": "services:\n  web:\n    expose: [81, {}]\n",
			},
			want: `compose.override.yaml:3:5: services.web.expose.[2]: unsupported expose value map[]`,
		},
		{
			name:  "Compose 1",
			files: compose("web:\n  image: nginx\n"),
			want:  `compose.yaml: there is no services: section; files of Compose 1 have none, and docker compose no longer reads them`,
			hint:  "write services:",
		},
		{
			name:  "empty file",
			files: compose(""),
			want:  `compose.yaml: empty compose file`,
		},
		{
			name:  "list instead of a mapping",
			files: compose("- a\n"),
			want:  `compose.yaml: top-level object must be a mapping`,
		},
		{
			name:  "required variable",
			files: compose("services:\n  web:\n    image: nginx:${TAG:?choose one}\n"),
			want:  `compose.yaml:3:5: services.web.image needs the variable TAG, which is not set: choose one`,
			hint:  "set TAG",
		},
		{
			name:  "required variable in a list",
			files: compose("services:\n  web:\n    image: nginx\n    ports:\n      - 80:80\n      - ${PORT:?}:81\n"),
			want:  `compose.yaml:6:9: services.web.ports needs the variable PORT, which is not set`,
		},
		{
			name:  "required variable in an item in long syntax, and another",
			files: compose("services:\n  web:\n    image: nginx\n    volumes:\n      - ./a:/a\n      - {type: bind, source: \"${CONF:?}\", target: /b}\n  x:\n    image: ${X:?}\n"),
			want:  `compose.yaml:6:9: services.web.volumes needs the variable CONF, which is not set`,
		},
		{
			name:  "lone dollar",
			files: compose("services:\n  web:\n    image: nginx\n    environment:\n      PASSWORD: hunter2${\n"),
			want:  `compose.yaml:5:7: services.web.environment.PASSWORD contains a $ that begins no variable`,
			hint:  "$$",
		},
		{
			name:  "undefined network",
			files: compose("services:\n  web:\n    image: nginx\n    networks:\n      - front\n      - bakc\nnetworks:\n  back:\n  front:\n"),
			want:  `compose.yaml:6:9: service "web" uses the network "bakc", which is not declared`,
			hint:  `declare "bakc" under the top-level networks:, or use one of: back, front`,
		},
		{
			name:  "undefined volume",
			files: compose("services:\n  web:\n    image: nginx\n    volumes:\n      - ./a:/a\n      - conf:/etc/nginx\n"),
			want:  `compose.yaml:6:9: service "web" uses the volume "conf", which is not declared`,
			hint:  `declare "conf" under the top-level volumes:`,
		},
		{
			name:  "undefined volume, long syntax",
			files: compose("services:\n  web:\n    image: nginx\n    volumes:\n      - {type: volume, source: conf, target: /c}\n"),
			want:  `compose.yaml:5:9: service "web" uses the volume "conf", which is not declared`,
		},
		{
			name:  "undefined secret",
			files: compose("services:\n  web:\n    image: nginx\n    secrets: [key]\n"),
			want:  `compose.yaml:4:15: service "web" uses the secret "key", which is not declared`,
		},
		{
			name:  "unknown dependency",
			files: compose("services:\n  web:\n    image: nginx\n    depends_on: [api, ap]\n  api:\n    image: api\n"),
			want:  `compose.yaml:4:23: service "web" uses the service "ap", which is not declared`,
			hint:  "services: api, web",
		},
		{
			name:  "dependency that a profile disables",
			files: compose("services:\n  web:\n    image: nginx\n    depends_on: [api]\n  api:\n    image: api\n    profiles: [full]\n"),
			want:  `compose.yaml:4:18: service "web" uses the service "api", which its profile disables`,
			hint:  "--profile full",
		},
		{
			name:  "dependency cycle",
			files: compose("services:\n  a:\n    image: a\n    depends_on: [b]\n  b:\n    image: b\n    depends_on: [a]\n"),
			want:  `compose.yaml:4:18: dependency cycle detected: a -> b -> a`,
		},
		{
			name:  "neither image nor build",
			files: compose("services:\n  api:\n    image: api\n  web:\n    ports: [80]\n"),
			want:  `compose.yaml:4:3: service "web" has neither an image nor a build context specified`,
			hint:  "image: or build:",
		},
		{
			name:  "port that is none",
			files: compose("services:\n  web:\n    image: nginx\n    ports:\n      - 80:80\n      - 8080:http\n"),
			want:  `compose.yaml:6:9: "8080:http" is not an item of ports: invalid containerPort: http`,
		},
		{
			name:  "volume that is none",
			files: compose("services:\n  web:\n    image: nginx\n    volumes: [\"::/x\"]\n"),
			want:  `compose.yaml:4:15: "::/x" is not an item of volumes: invalid spec: ::/x: empty section between colons`,
		},
		{
			name:  "several items that are none: the first",
			files: compose("services:\n  web:\n    image: x\n    volumes: [\":/d\", \":/c\"]\n    ports: [\"80:http\"]\n  api:\n    image: x\n    volumes: [\":/b\", \":/a\"]\n"),
			want:  `compose.yaml:4:15: ":/d" is not an item of volumes: invalid spec: :/d: empty section between colons`,
		},
		{
			name:  "missing env_file",
			files: compose("services:\n  web:\n    image: nginx\n    env_file:\n      - path: ./app.env\n"),
			want:  `compose.yaml:5:9: the env file app.env is not there`,
			hint:  "required: false",
		},
		{
			name:  "broken env_file",
			files: map[string]string{"compose.yaml": "services:\n  web:\n    image: nginx\n    env_file: app.env\n", "app.env": "A=1\nPASSWORD=\"hunter2\n"},
			want:  `app.env: a quote is opened and never closed`,
		},
		{
			name:  "broken .env",
			files: map[string]string{"compose.yaml": "services:\n  web:\n    image: nginx\n", ".env": "A=1\nB=2\nhunter2 !\n"},
			want:  `.env:3: this line is not NAME=value`,
		},
		{
			name:  "name that is none",
			files: compose("services:\n  web:\n    image: nginx\n"),
			opts:  Options{ProjectName: "My Shop"},
			want:  `"My Shop" cannot be the name of a project`,
			hint:  "lower-case",
		},
		{
			name:  "include that is not there",
			files: compose("include:\n  - app/compose.yaml\nservices: {}\n"),
			want:  `compose.yaml:2:5: no file "app/compose.yaml"`,
			hint:  "it starts from .",
		},
		{
			name:  "include of a directory",
			files: map[string]string{"compose.yaml": "include:\n  - path: app\n", "app/docker-compose.yml": "services: {}\n"},
			want:  `compose.yaml:2:5: "app" is a directory, not a Compose file`,
			hint:  "docker-compose.yml",
		},
		{
			name:  "include that is no list",
			files: compose("services: {}\ninclude: app.yaml\n"),
			want:  `compose.yaml:2:1: include is a list of files`,
			hint:  "put - before",
		},
		{
			name:  "include with a variable that is not set",
			files: compose("include: [\"${APP:?}\"]\n"),
			want:  `compose.yaml:1:11: include needs the variable APP, which is not set`,
		},
		{
			name:  "circular include",
			files: map[string]string{"compose.yaml": "include: [a.yaml]\n", "a.yaml": "services: {}\ninclude:\n  - compose.yaml\n"},
			want:  `a.yaml:3:5: compose.yaml includes itself: compose.yaml -> a.yaml -> compose.yaml`,
		},
		{
			name:  "circular include, as an override",
			files: map[string]string{"compose.yaml": "include:\n  - path: [a.yaml, compose.yaml]\n", "a.yaml": "services: {}\n"},
			want:  `compose.yaml:2:5: compose.yaml includes itself: compose.yaml -> compose.yaml`,
		},
		{
			name:  "remote include",
			files: compose("include:\n  - oci://docker.io/acme/shop\n"),
			want:  `compose.yaml:2:5: oci://docker.io/acme/shop is not on this machine, and nothing is downloaded`,
			hint:  "docker compose config | why502 -f -",
		},
		{
			name:  "remote include, git",
			files: compose("include: [https://github.com/acme/shop.git]\n"),
			want:  `compose.yaml:1:11: https://github.com/acme/shop.git is not on this machine, and nothing is downloaded`,
		},
		{
			name:  "env_file of an include",
			files: map[string]string{"compose.yaml": "include:\n  - path: a.yaml\n    env_file: a.env\n", "a.yaml": ""},
			want:  `compose.yaml:3:5: the env file a.env is not there`,
			hint:  "leave env_file out",
		},
		{
			name:  "fault in an included file",
			files: map[string]string{"compose.yaml": "include: [app/a.yaml]\n", "app/a.yaml": "services:\n  web:\n    imag: x\n"},
			want:  `app/a.yaml:3:5: unknown key "imag" in services.web`,
		},
		{
			name:  "broken YAML in an included file",
			files: map[string]string{"compose.yaml": "include: [app/a.yaml]\n", "app/a.yaml": "services:\n  web: [\n"},
			want:  `app/a.yaml:3:1: invalid YAML: did not find expected node content`,
		},
		{
			name:  "extends that is not there",
			files: compose("services:\n  web:\n    extends: base\n  api: {image: api}\n"),
			want:  `compose.yaml:3:5: service "web" extends "base", which is not in compose.yaml`,
			hint:  "services there: api, web",
		},
		{
			name:  "extends of a file that is not there",
			files: map[string]string{"compose.yaml": "services:\n  web:\n    extends: {file: common/a.yaml, service: a}\n", "common/a.yaml": "services:\n  a:\n    extends:\n      file: b.yaml\n      service: b\n"},
			want:  `common/a.yaml:4:7: no file "common/b.yaml"`,
			hint:  "it starts from common",
		},
		{
			name:  "extends of a service that the file has not",
			files: map[string]string{"compose.yaml": "services:\n  web:\n    extends: {file: a.yaml, service: web}\n", "a.yaml": "services:\n  api: {image: api}\n"},
			want:  `compose.yaml:3:5: service "web" extends "web", which is not in a.yaml`,
			hint:  "services there: api",
		},
		{
			name:  "circular extends",
			files: map[string]string{"compose.yaml": "services:\n  a:\n    extends: {file: b.yaml, service: b}\n", "b.yaml": "services:\n  b:\n    extends: {file: compose.yaml, service: a}\n"},
			want:  `compose.yaml:3:5: services extend each other in a circle: a -> b -> a`,
		},
		{
			name:  "extends of nothing",
			files: compose("services:\n  web:\n    extends: [base]\n"),
			want:  `compose.yaml:3:5: extends names no service`,
		},
		{
			name:  "extends with a variable that is not set",
			files: compose("services:\n  web:\n    extends: {file: \"${BASE:?}\", service: web}\n"),
			want:  `compose.yaml:3:15: services.web.extends.file needs the variable BASE, which is not set`,
		},
		{
			name:  "a list that includes itself",
			files: compose("include: &a [*a]\n"),
			want:  `compose.yaml:1:14: the alias *a stands in what it stands for`,
		},
		{
			name:  "one of several env_files is missing",
			files: map[string]string{"app/compose.yaml": "services:\n  web:\n    image: x\n    env_file:\n      - ../a.env\n      - .env\n", "a.env": ""},
			opts:  Options{Files: []string{"app/compose.yaml"}},
			want:  `compose.yaml:6:9: the env file .env is not there`,
		},
		{
			name:  "services that are a list",
			files: compose("name: shop\nservices:\n  - web\n"),
			want:  `compose.yaml:2:1: services must be a mapping`,
			hint:  "without -",
		},
		{
			name:  "variables that are no text: the first",
			files: compose("services:\n  web:\n    image: x\n    environment: {E: {}, D: [], C: [], B: [], A: []}\n  api:\n    image: x\n    environment: {A: []}\n"),
			want:  `compose.yaml:4:19: services.web.environment.E must be a boolean, null, number or string`,
		},
		{
			name:  "variable that is a mapping in a list",
			files: compose("services:\n  web:\n    image: x\n    environment:\n      - A: hunter2\n"),
			want:  `compose.yaml:5:9: services.web.environment.[0] has a value that is not allowed there`,
			hint:  "- NAME=value",
		},
		{
			name:  "values of the wrong type: the first",
			files: compose("services:\n  web:\n    image: x\n    mem_limit: lots\n    healthcheck: {test: x, interval: soon}\n  api:\n    image: x\n    mem_limit: lots\n"),
			want:  `compose.yaml:8:5: services.api.mem_limit: invalid size: 'lots'`,
		},
		{
			name:  "blank behind the name of a variable",
			files: compose("services:\n  web:\n    image: x\n    post_start:\n      - command: x\n        environment:\n          - A=1\n          - KEY = hunter2\n"),
			want:  `compose.yaml:8:13: services.web.post_start.0.environment: there is a blank between KEY and its =`,
			hint:  "remove the blanks",
		},
		{
			name:  "invalid UTF-8",
			files: compose("services:\n  web:\n    image: caf\xe9\n"),
			want:  `compose.yaml:3:15: invalid YAML: a character that is not allowed in it`,
			hint:  "UTF-8",
		},
		{
			name:  "control character",
			files: compose("services:\n  web:\n    image: a\x00b\n"),
			want:  `compose.yaml:3:13: invalid YAML: a character that is not allowed in it`,
		},
		{
			name:  "env_file that is a directory",
			files: map[string]string{"compose.yaml": "services:\n  web:\n    image: x\n    env_file: [a.env]\n", "a.env/x": ""},
			want:  `compose.yaml:4:16: cannot read the env file a.env: it is a directory`,
		},
		{
			name:  "env_file in a format that there is not",
			files: map[string]string{"compose.yaml": "services:\n  web:\n    image: x\n    env_file: [{path: a.env, format: toml}]\n", "a.env": ""},
			want:  `compose.yaml:4:16: an env_file has no format "toml"`,
		},
		{
			name:  "broken env_file, raw",
			files: map[string]string{"compose.yaml": "services:\n  web:\n    image: x\n    env_file: [{path: a.env, format: raw}]\n", "a.env": "A=1\n\nMY PASSWORD=hunter2\n"},
			want:  `a.env:3: this line is not NAME=value`,
		},
		{
			name:  "standard input",
			opts:  Options{Files: []string{"-"}, Stdin: strings.NewReader("services:\n  web: [\n")},
			want:  `-:3:1: invalid YAML: did not find expected node content`,
			files: map[string]string{},
		},
		{
			name:  "escape sequence",
			files: compose("services:\n  web:\n    \"a\\e[31m\\nb\": nginx\n"),
			want:  `compose.yaml:3:5: unknown key "a\x1b[31m\nb" in services.web`,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			test.opts.Directory = project(t, test.files)
			_, err := loadModel(context.Background(), test.opts)
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("got %v, want an *Error", err)
			}
			if e.Error() != test.want {
				t.Errorf("got  %s\nwant %s", e, test.want)
			}
			if !strings.Contains(e.Hint(), test.hint) {
				t.Errorf("hint %q does not contain %q", e.Hint(), test.hint)
			}
			if strings.Contains(e.Error()+e.Hint(), "hunter2") {
				t.Error("the error repeats a password")
			}
		})
	}
}

func TestExplainKeepsValuesPrivate(t *testing.T) {
	s := load(t, compose("services:\n  web:\n    image: nginx\n    labels:\n      KEY: hunter2\n"))
	err := s.explain(errors.New("services.web.labels.KEY: unexpected value hunter2"))
	if want := "compose.yaml:5:7: services.web.labels.KEY has a value that is not allowed there"; err.Error() != want {
		t.Errorf("got %s, want %s", err, want)
	}
}

func TestErrorIsOneHarmlessLine(t *testing.T) {
	cause := errors.New("cause")
	e := &Error{Place: at(3, 0), What: "a\nb\x1b[31m\u202e", Fix: "c\r\nd", Err: cause}
	if got, want := e.Error(), "compose.yaml:3: a b [31m "; got != want {
		t.Errorf("error %q, want %q", got, want)
	}
	if got, want := e.Hint(), "c  d"; got != want {
		t.Errorf("hint %q, want %q", got, want)
	}
	if !errors.Is(e, cause) {
		t.Error("the cause is lost")
	}
}
