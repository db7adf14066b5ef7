package compose

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// What a verdict rests on is among the inputs, be it there or not; what changes all the time is not.
func TestInputs(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		".env":                 "A=b\n",
		".why502.yaml":         "ignore: []\n",
		"edge.env":             "C=d\n",
		"compose.yaml":         "include: [more/compose.yaml]\nservices:\n  edge:\n    build: .\n    env_file: edge.env\n    volumes: [\"./conf.d:/etc/nginx/conf.d\", \"./html:/usr/share/nginx/html\", \"./access.log:/var/log/nginx/access.log\", \"./gone/extra.conf:/etc/nginx/extra.conf\", \"./certs:/certs\"]\n",
		"more/compose.yaml":    "services: {api: {image: x, expose: [8000]}}\n",
		"Dockerfile":           "FROM nginx:1.27\nCOPY copied.conf /etc/nginx/snippets/copied.conf\n",
		"copied.conf":          "proxy_pass http://api:8000;\n",
		"conf.d/default.conf":  "server { listen 443 ssl; ssl_certificate /certs/live/a.pem; ssl_certificate_key /certs/live/a.key; location / { include snippets/copied.conf; } }\n",
		"html/index.html":      "hello\n",
		"access.log":           "",
		"certs/live/a.key":     "",
		"more/not-of-it.yaml":  "",
		"certs/live/other.pem": "",
	} {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	s, err := Load(t.Context(), Options{Directory: dir})
	if err != nil {
		t.Fatal(err)
	}
	inputs := s.Inputs()
	for _, name := range strings.Fields(". .env .why502.yaml edge.env compose.yaml more more/compose.yaml Dockerfile conf.d conf.d/default.conf copied.conf gone/extra.conf certs/live/a.pem") {
		if !slices.Contains(inputs, filepath.Join(dir, name)) {
			t.Errorf("%s is not among %q", name, inputs)
		}
	}
	for _, name := range strings.Fields("html html/index.html access.log more/not-of-it.yaml certs/live/other.pem") {
		if slices.Contains(inputs, filepath.Join(dir, name)) {
			t.Errorf("%s is among %q", name, inputs)
		}
	}
}
