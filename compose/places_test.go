package compose

import (
	"context"
	"fmt"
	"strings"
	"testing"
)

// load reads the Compose files of a project.
func load(t testing.TB, files map[string]string, env ...string) *Stack {
	t.Helper()
	s, err := loadModel(context.Background(), Options{Directory: project(t, files), Env: env})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestAt(t *testing.T) {
	s := load(t, map[string]string{
		"compose.yaml": `x-base: &base
  image: nginx
  environment: &env
    MODE: base
x-ports: &ports
  - "8080:80"
services:
  web:
    <<: *base
    restart: always
    ports: *ports
    networks:
      front:
        aliases: [www, shop]
      back:
    depends_on:
      - api
    environment:
      <<: *env
      OWN: "1"
  api:
    <<: [*base, {image: other, restart: "no"}]
    image: api
    environment: ["DB=postgres://db", DEBUG]
    volumes:
      - ./a:/a
      - {type: bind, source: ./b, target: /b}
    networks: [back]
  uni: {image: "ünï", command: [é, x]}
networks:
  front: {}
  back: {internal: true}
`,
		"compose.override.yaml": `services:
  web:
    ports:
      - 8443:443
    environment:
      OWN: "2"
`,
	})
	tests := []struct{ path, want string }{
		{"services", "compose.override.yaml:1:1"},
		{"services web", "compose.override.yaml:2:3"},
		{"services web restart", "compose.yaml:10:5"},
		{"services web image", "compose.yaml:2:3"},          // of the anchor
		{"services web ports", "compose.override.yaml:3:5"}, // of the key, not of what it is
		{"services web ports 8080", "compose.yaml:6:5"},
		{"services web ports 8443:443", "compose.override.yaml:4:9"},
		{"services web networks front", "compose.yaml:13:7"},
		{"services web networks front aliases shop", "compose.yaml:14:24"},
		{"services web depends_on api", "compose.yaml:17:9"},
		{"services web environment MODE", "compose.yaml:4:5"},
		{"services web environment OWN", "compose.override.yaml:6:7"},
		{"services web environment NONE", "compose.override.yaml:5:5"},
		{"services api image", "compose.yaml:23:5"}, // explicit, over merged
		{"services api restart", "compose.yaml:22:32"},
		{"services api environment DB", "compose.yaml:24:19"},
		{"services api environment DEBUG", "compose.yaml:24:39"},
		{"services api volumes 1", "compose.yaml:27:9"},
		{"services api volumes 1 target", "compose.yaml:27:35"},
		{"services api volumes 7", "compose.yaml:25:5"},
		{"services uni command x", "compose.yaml:29:36"}, // in characters
		{"services none image", "compose.override.yaml:1:1"},
		{"networks back internal", "compose.yaml:32:10"},
		{"volumes", "compose.yaml"},
	}
	for _, test := range tests {
		if got := spot(s.At(strings.Fields(test.path)...)); got != test.want {
			t.Errorf("At(%s) = %s, want %s", test.path, got, test.want)
		}
	}
}

func TestAtSeveralDocuments(t *testing.T) {
	s := load(t, compose("services:\n  a:\n    image: x\n---\nservices:\n  a:\n    image: z\n"))
	if got := spot(s.At("services", "a", "image")); got != "compose.yaml:7:5" {
		t.Errorf("got %s", got)
	}
}

func TestAtByteOrderMark(t *testing.T) {
	s := load(t, compose("\ufeffservices:\n  a: {image: x}\n"))
	for path, want := range map[string]string{"services": "compose.yaml:1:1", "services a": "compose.yaml:2:3"} {
		if got := spot(s.At(strings.Fields(path)...)); got != want {
			t.Errorf("At(%s) = %s, want %s", path, got, want)
		}
	}
}

// What an attacker, or a slip, may write must not run away: the places are made even of files
// that compose-go refuses.
func TestMarksOfHostileYAML(t *testing.T) {
	laughs := "a0: &a0 [x]\n"
	merges := "a0: &a0 {k: x}\n"
	for i := 1; i < 40; i++ {
		laughs += fmt.Sprintf("a%d: &a%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d,", i-1), 9), ","))
		merges += fmt.Sprintf("a%d: &a%d {<<: [%s], k%d: x}\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d,", i-1), 9), ","), i)
	}
	wide := "a: &a\n"
	for i := range 3000 {
		wide += fmt.Sprintf("  k%d: x\n", i)
	}
	for i := range 3000 {
		wide += fmt.Sprintf("b%d: {<<: *a}\n", i)
	}
	for name, text := range map[string]string{
		"aliases of aliases":  laughs,
		"merges of merges":    merges,
		"wide merges":         wide,
		"a list in itself":    "a: &a [*a, {<<: *a}]\n",
		"a mapping in itself": "a: &a {b: *a, <<: *a}\n",
		"deep nesting":        strings.Repeat("[", 5000) + strings.Repeat("]", 5000),
		"no mapping":          "x\n---\n- a\n---\n",
	} {
		t.Run(name, func(t *testing.T) {
			docs, err := documents([]byte(text))
			if err != nil {
				t.Fatal(err)
			}
			var p places
			for _, doc := range docs {
				tree, _ := marks("x.yaml", doc, func(s string) string { return s })
				p.trees = append(p.trees, tree)
			}
			p.at("a", "b", "b", "b", "0", "0", "k")
		})
	}
}

func FuzzMarks(f *testing.F) {
	f.Add("a: &a {b: [1, *a]}\nc: {<<: *a}\n")
	f.Fuzz(func(t *testing.T, text string) {
		docs, _ := documents([]byte(text))
		for _, doc := range docs {
			tree, _ := marks("x.yaml", doc, func(s string) string { return s })
			tree.walk([]string{"a", "b", "0"})
		}
	})
}
