package compose

import (
	"context"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// shapes are ways to write a project. Behind what wins stands "# wins:" and its path below services:
// there Load has to find it. The project is in its folder, here.
var shapes = map[string]struct {
	files map[string]string
	opts  Options // Directory is the folder
	newer bool    // than docker compose may be: there is nothing to compare with
}{
	"include": {files: map[string]string{
		"compose.yaml": "include:\n  - app/compose.yaml\n  - db.yaml\nservices:\n  web:\n    image: nginx # wins: web image\n    depends_on: [api, db]\n",
		"app/compose.yaml": `services:
  api: # wins: api
    image: api:${TAG} # wins: api image
    env_file: api.env
    volumes:
      - ./conf:/conf # wins: api volumes 0
    networks: [back] # wins: api networks back
networks:
  back:
`,
		"app/.env":    "TAG=3\n",
		"app/api.env": "A=1\nB=${TAG}-${A} # wins: api environment B\n",
		"db.yaml":     "services:\n  db:\n    image: db:${TAG-none} # wins: db image\n",
	}},
	"include, long": {files: map[string]string{
		"compose.yaml": `include:
  - path:
      - parts/app.yaml
      - parts/override.yaml
    project_directory: elsewhere
    env_file: [one.env, two.env]
services:
  web: {image: nginx}
`,
		"parts/app.yaml":      "services:\n  api:\n    image: api:${TAG}-${FROM}\n    environment:\n      - DEBUG=0\n      - FROM # wins: api environment FROM\n    volumes: [\"./conf:/conf\"]\n",
		"parts/override.yaml": "services:\n  api:\n    environment:\n      DEBUG: 1 # wins: api environment DEBUG\n",
		"one.env":             "TAG=1\nFROM=one\n",
		"two.env":             "TAG=2\n",
		"elsewhere/.env":      "TAG=9\n",
	}},
	"include, env_file is no file": {files: map[string]string{
		"compose.yaml": "include:\n  - path: app/compose.yaml\n    env_file: /dev/null\nservices:\n  web: {image: nginx}\n",
		"app/.env":     "TAG=9\n", "app/compose.yaml": "services:\n  api:\n    image: api:${TAG-none} # wins: api image\n",
	}},
	"include in an include": {files: map[string]string{
		"compose.yaml":     "include: [a/compose.yaml]\nservices:\n  web: {image: nginx}\n",
		"a/compose.yaml":   "include:\n  - path: [b/compose.yaml]\nservices:\n  a:\n    image: a:${X}\n",
		"a/.env":           "X=a\n",
		"a/b/compose.yaml": "include: [../../c.yaml]\nservices:\n  b:\n    image: b:${X}-${Y} # wins: b image\n    build: {context: .}\n    volumes: [\"./x:/x\"]\n",
		"a/b/.env":         "X=b\nY=b\n",
		"c.yaml":           "services:\n  c:\n    image: c:${X}-${Y} # wins: c image\n    volumes: [\"./x:/x\"]\n",
	}},
	"one file included twice": {files: map[string]string{
		"compose.yaml": "include: [a.yaml, b.yaml]\nservices:\n  web: {image: nginx}\n",
		"a.yaml":       "include: [common.yaml]\nservices:\n  a: {image: a}\n",
		"b.yaml":       "include: [common.yaml]\nservices:\n  b: {image: b}\n",
		"common.yaml":  "services:\n  c:\n    image: c # wins: c image\n    ports: [\"1:1\"]\n",
	}},
	"what is included is overridden": {newer: true, files: map[string]string{
		"compose.yaml": "include: [a.yaml, b.yaml]\nservices:\n  a:\n    image: mine # wins: a image\n    ports: !override [\"2:2\"] # wins: a ports\n",
		"a.yaml":       "services:\n  a:\n    image: a\n    ports: [\"1:1\"]\n    hostname: first # wins: a hostname\n",
		"b.yaml":       "services:\n  a:\n    image: b\n    hostname: second\n    user: b # wins: a user\n",
	}},
	"extends, the same file": {files: map[string]string{
		"compose.yaml": `services:
  base:
    image: base # wins: base image
    environment:
      A: base
      B: base # wins: web environment B
    ports:
      - "8080:80" # wins: web ports 8080
    networks: [back]
  middle:
    extends: {service: base}
    image: middle # wins: web image
    environment: [A=middle]
  web:
    extends: middle
    environment:
      - A=web # wins: web environment A
    ports:
      - "8443:443" # wins: web ports 8443
networks: {back: }
`,
	}},
	"extends, other files": {files: map[string]string{
		"compose.yaml": "services:\n  web:\n    extends: {file: common/web.yaml, service: web}\n    hostname: web\n  api:\n    extends:\n      file: common/web.yaml\n      service: api\n",
		"common/web.yaml": `services:
  web:
    extends:
      file: ../base/base.yaml
      service: base
    volumes: ["./conf:/conf"] # wins: web volumes 0
    env_file: web.env
  api:
    extends: {service: web}
    image: api # wins: api image
`,
		"common/web.env": "FROM=common # wins: api environment FROM\n",
		"base/base.yaml": "services:\n  base:\n    image: base # wins: web image\n    ports: [\"80:80\"] # wins: api ports 80:80\n",
	}},
	"extends what is included": {newer: true, files: map[string]string{
		"compose.yaml":     "include: [lib/compose.yaml]\nservices:\n  web:\n    extends: base\n    ports: [\"80:80\"]\n",
		"lib/compose.yaml": "services:\n  base:\n    extends: {file: more.yaml, service: more}\n    image: base # wins: web image\n",
		"lib/more.yaml":    "services:\n  more:\n    user: more # wins: web user\n    image: more\n",
	}},
	"extends in a file that overrides": {
		opts: Options{Files: []string{"a.yaml", "b.yaml"}},
		files: map[string]string{
			"a.yaml":    "services:\n  web:\n    image: a\n    user: a\n    hostname: a # wins: web hostname\n",
			"b.yaml":    "services:\n  web:\n    extends: {file: base.yaml, service: base}\n    user: b # wins: web user\n",
			"base.yaml": "services:\n  base:\n    image: base # wins: web image\n    user: base\n",
		},
	},
	"!reset and !override": {files: map[string]string{
		"compose.yaml": `services:
  web:
    image: nginx
    user: a
    ports: ["8080:80", "8443:443"]
    environment:
      A: a
      B: b # wins: web environment B
      C: c
    volumes: ["./a:/a"]
`,
		"compose.override.yaml": `services:
  web: # wins: web
    user: !reset null # wins: web user
    ports: !override # wins: web ports 8080
      - "9090:80" # wins: web ports 9090
    environment:
      A: !reset null # wins: web environment A
      C: d # wins: web environment C
    volumes: !reset [] # wins: web volumes 0
`,
	}},
	"anchors and merge keys": {files: map[string]string{
		"compose.yaml": `x-base: &base
  image: base # wins: web image
  environment: &env {A: base} # wins: web environment A
x-more: &more
  user: more # wins: web user
  image: more
x-list: &list ["80:80"]
services:
  web:
    <<: [*base, *more]
    environment:
      <<: *env
      B: web # wins: web environment B
    ports: *list
  api:
    <<: *base
    image: api # wins: api image
`,
	}},
	"several documents": {files: map[string]string{
		"compose.yaml": "services:\n  web:\n    image: a\n    user: a # wins: web user\n---\nservices:\n  web:\n    image: b # wins: web image\n",
	}},
	"variables": {
		opts: Options{Env: []string{"SHELL_ONLY=shell", "BOTH=shell", "EMPTY="}},
		files: map[string]string{
			".env": "BOTH=dotenv\nDOTENV=dotenv\nNESTED=${DOTENV}-${BOTH}\n",
			"compose.yaml": `services:
  web:
    image: ${BOTH}:${NESTED:-none}
    environment:
      - SHELL_ONLY # wins: web environment SHELL_ONLY
      - DOTENV # wins: web environment DOTENV
      - UNSET
      - EMPTY
      - DOLLAR=$$HOME and $${HOME} and $$$$
      - DEFAULTS=${EMPTY:-a}${EMPTY-b}${UNSET:-c}${UNSET-d}${BOTH:+e}${UNSET+f}${BOTH:-${UNSET}}
  api:
    image: api
    environment: {SHELL_ONLY: , UNSET: , NUMBER: 080, FLAG: true, FLOAT: 1.50}
`,
		},
	},
	"blanks behind names": {
		opts: Options{Env: []string{"KEY=shell"}},
		files: map[string]string{
			"compose.yaml": "services:\n  web:\n    image: x\n    build: {context: ., args: [\"ARG = x\", \"B\"]}\n    environment:\n      - KEY = \"a b\"\n      - A=1=2 # wins: web environment A\n      - KEY # wins: web environment KEY\n      - UNSET \n      - EMPTY=\n      - $KEY =${KEY}\n",
		},
	},
	"env_file": {
		opts: Options{Env: []string{"SHELL_ONLY=shell"}},
		files: map[string]string{
			"compose.yaml": `services:
  web:
    image: x
    env_file:
      - a.env
      - path: ./b/b.env
      - path: missing.env
        required: false
    environment:
      OWN: compose # wins: web environment OWN
`,
			"a.env":   "# a comment\nexport A=a # wins: web environment A\nB=a\nOWN=file\nQUOTED=\"x\nC=no\n\"\nC: yes # wins: web environment C\nLAST='$A'\n\n  SHELL_ONLY\nCOST=a$$b\n",
			"b/b.env": "B=${A}-${SHELL_ONLY}-${QUOTED} # wins: web environment B\n",
		},
	},
	"env_file, raw": {newer: true, files: map[string]string{
		"compose.yaml": "services:\n  web:\n    image: x\n    env_file: [{path: a.env, format: raw}]\n",
		"a.env":        "A=\"$B\" # wins: web environment A\n",
	}},
	"--project-directory, and paths from it": {
		opts: Options{Files: []string{"deploy/a.yaml"}, ProjectDirectory: "shop"},
		files: map[string]string{
			"deploy/a.yaml":  "include: [more.yaml]\nservices:\n  web:\n    image: x:${TAG}\n    volumes: [\"./conf:/conf\"]\n    env_file: web.env\n    extends: {file: base.yaml, service: base}\n",
			"shop/more.yaml": "services:\n  more:\n    image: more # wins: more image\n", "shop/.env": "TAG=shop\n", "shop/web.env": "A=1 # wins: web environment A\n",
			"shop/base.yaml": "services:\n  base:\n    user: base # wins: web user\n    image: y\n",
		},
	},
	"standard input": {
		opts:  Options{Files: []string{"-"}, Stdin: strings.NewReader("include: [app/compose.yaml]\nservices:\n  web:\n    image: x:${TAG}\n    extends: {file: app/base.yaml, service: base}\n")},
		files: map[string]string{".env": "TAG=1\n", "app/compose.yaml": "services:\n  api:\n    image: y # wins: api image\n", "app/base.yaml": "services:\n  base:\n    user: base # wins: web user\n"},
	},
	"standard input and a file": {
		opts:  Options{Files: []string{"a.yaml", "-"}, Stdin: strings.NewReader("services:\n  web:\n    user: b\n")},
		files: map[string]string{"a.yaml": "services:\n  web:\n    image: x # wins: web image\n    user: a\n"},
	},
	"env files of the command line": {
		opts:  Options{EnvFiles: []string{"a.env", "b.env"}},
		files: map[string]string{"compose.yaml": "services:\n  web:\n    image: ${A}-${B}-${C-none}\n", ".env": "C=dotenv\n", "a.env": "A=a\nB=a\n", "b.env": "B=b${A}\n"},
	},
	"COMPOSE_ENV_FILES": {
		opts:  Options{Env: []string{"COMPOSE_ENV_FILES=a.env,b.env"}},
		files: map[string]string{"compose.yaml": "services:\n  web:\n    image: ${A}-${B}-${C-none}\n", ".env": "C=dotenv\n", "a.env": "A=a\nB=a\n", "b.env": "B=b${A}\n"},
	},
	"COMPOSE_FILE in .env": {files: map[string]string{
		".env":   "COMPOSE_FILE=a.yaml;sub/b.yaml\nCOMPOSE_PATH_SEPARATOR=;\nCOMPOSE_PROJECT_NAME=shop\nCOMPOSE_PROFILES=full,other\n",
		"a.yaml": "services:\n  web:\n    image: ${COMPOSE_PROJECT_NAME}\n", "sub/b.yaml": "services:\n  api:\n    image: api\n    profiles: [full]\n    volumes: [\"./x:/x\"]\n  off:\n    image: x\n    profiles: [none]\n",
	}},
	"every profile": {
		opts:  Options{Profiles: []string{"*"}},
		files: map[string]string{"compose.yaml": "services:\n  web:\n    image: x\n  api:\n    image: api\n    profiles: [full]\n    env_file: api.env\n", "api.env": "A=1\n"},
	},
	"env_file of a service that is off": {files: map[string]string{
		"compose.yaml": "services:\n  web:\n    image: x\n  api:\n    image: api\n    profiles: [full]\n    env_file: missing.env\n",
	}},
	"lists and mappings": {
		opts: Options{Files: []string{"a.yaml", "b.yaml"}},
		files: map[string]string{
			"a.yaml": "services:\n  web:\n    image: x\n    networks: [front]\n    depends_on: [api]\n    environment: [A=1, B=1]\n    volumes: [\"./a:/a\", \"data:/data\"]\n    ports: [\"127.0.0.1:80:80\", \"7000-7002:7000-7002/udp\"]\n  api: {image: api}\nnetworks: {front: , back: }\nvolumes: {data: }\n",
			"b.yaml": "services:\n  web:\n    networks:\n      back: {aliases: [w]}\n    depends_on:\n      db: {condition: service_started}\n    environment: {B: 2}\n    volumes:\n      - {type: bind, source: ./b, target: /a, read_only: true} # wins: web volumes 0\n    ports:\n      - {target: 81, published: \"81\", host_ip: 127.0.0.1}\n  db: {image: db}\n",
		},
	},
}

var wins = regexp.MustCompile(`# wins: (.+)`)

func TestMerge(t *testing.T) {
	if testing.Short() {
		t.Skip("docker compose takes its time")
	}
	for name, shape := range shapes {
		t.Run(name, func(t *testing.T) {
			dir := project(t, shape.files)
			opts, stdin := shape.opts, ""
			if from, ok := opts.Stdin.(*strings.Reader); ok {
				text := make([]byte, from.Size())
				_, _ = from.ReadAt(text, 0)
				stdin = string(text)
				opts.Stdin = strings.NewReader(stdin)
			}
			opts.Directory = dir
			s, err := loadModel(context.Background(), opts)
			if err != nil {
				t.Fatal(err)
			}
			holdPlaces(t, s, dir, shape.files)
			if shape.newer {
				return
			}
			out, err := dockerConfig(t, dir, stdin, opts.Env, arguments(opts)...)
			if err != nil {
				t.Fatal(err)
			}
			compare(t, s, out)
		})
	}
}

// holdPlaces looks up what the files say that wins.
func holdPlaces(t *testing.T, s *Stack, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		for i, line := range strings.Split(text, "\n") {
			m := wins.FindStringSubmatch(line)
			if m == nil {
				continue
			}
			path := append([]string{"services"}, strings.Fields(m[1])...)
			place := s.At(path...)
			if slices.Contains(path, "environment") && !strings.HasSuffix(name, ".yaml") {
				place = s.Services[path[1]].Environment[path[3]].Place
			}
			if want := relative(s.Directory, filepath.Join(dir, name)); place.File != want || place.Line != i+1 || place.Column < 1 {
				t.Errorf("%s is at %s, want %s:%d", m[1], spot(place), want, i+1)
			}
		}
	}
}

// arguments are the flags that stand for options.
func arguments(opts Options) (args []string) {
	for _, list := range []struct {
		flag   string
		values []string
	}{{"-f", opts.Files}, {"--env-file", opts.EnvFiles}, {"--profile", opts.Profiles}} {
		for _, value := range list.values {
			args = append(args, list.flag, value)
		}
	}
	if opts.ProjectDirectory != "" {
		args = append(args, "--project-directory", opts.ProjectDirectory)
	}
	return slices.Clip(args)
}
