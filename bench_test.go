package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	crossplane "github.com/nginxinc/nginx-go-crossplane"
)

// sizes are how many services the generated projects have, each with ten locations.
var sizes = []int{2, 100, 1000}

// BenchmarkDiagnose is a whole run from the files alone, text and JSON.
func BenchmarkDiagnose(b *testing.B) {
	for _, n := range sizes {
		dir := generate(b, n)
		for _, format := range []string{"text", "json"} {
			b.Run(fmt.Sprintf("%s/%d", format, n), func(b *testing.B) {
				for b.Loop() {
					var out, errs bytes.Buffer
					code := run(context.Background(), []string{"--live", "off", "--format", format, dir}, nil, strings.NewReader(""), &out, &errs)
					if code != 0 {
						b.Fatalf("exit %d: %s%s", code, errs.String(), out.String())
					}
				}
			})
		}
	}
}

// BenchmarkTrace is the same run, for one request.
func BenchmarkTrace(b *testing.B) {
	dir := generate(b, 1000)
	for b.Loop() {
		var out, errs bytes.Buffer
		args := []string{"trace", "http://localhost:8080/part7/x", "-H", "Host: app500.example.com", "--live", "off", dir}
		if code := run(context.Background(), args, nil, strings.NewReader(""), &out, &errs); code != 0 || !strings.Contains(out.String(), "app500:8000") {
			b.Fatalf("exit %d: %s%s", code, errs.String(), out.String())
		}
	}
}

// BenchmarkParsers is what the two parsers alone take for the same input: the floor.
func BenchmarkParsers(b *testing.B) {
	for _, n := range sizes {
		dir := generate(b, n)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				loadAlone(b, dir)
				parseAlone(b, dir)
			}
		})
	}
}

func loadAlone(b *testing.B, dir string) {
	options, err := cli.NewProjectOptions([]string{filepath.Join(dir, "compose.yaml")}, cli.WithName("bench"))
	if err != nil {
		b.Fatal(err)
	}
	if _, err := options.LoadProject(context.Background()); err != nil {
		b.Fatal(err)
	}
}

func parseAlone(b *testing.B, dir string) {
	text, err := os.ReadFile(filepath.Join(dir, "nginx.conf"))
	if err != nil {
		b.Fatal(err)
	}
	payload, err := crossplane.Parse("/etc/nginx/nginx.conf", &crossplane.ParseOptions{
		Open: func(string) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(text)), nil },
	})
	if err != nil || len(payload.Errors) > 0 {
		b.Fatal(err, payload)
	}
}

// generate writes a working project: a proxy, n services, ten locations for each.
func generate(tb testing.TB, n int) string {
	var project, config strings.Builder
	project.WriteString("name: bench\nservices:\n  edge:\n    image: nginx:1.22\n    restart: always\n    ports: [\"8080:80\"]\n    volumes: [\"./nginx.conf:/etc/nginx/nginx.conf:ro\"]\n")
	config.WriteString("events {}\nhttp {\n")
	for i := range n {
		fmt.Fprintf(&project, "  app%d:\n    image: registry.example/app:1\n    environment:\n      PORT: \"8000\"\n      LOG_LEVEL: info\n    expose: [\"8000\"]\n    restart: unless-stopped\n", i)
		fmt.Fprintf(&config, "    server {\n        listen 80;\n        server_name app%d.example.com;\n", i)
		for l := range 10 {
			fmt.Fprintf(&config, "        location /part%d/ {\n            proxy_set_header Host $host;\n            proxy_pass http://app%d:8000/;\n        }\n", l, i)
		}
		config.WriteString("    }\n")
	}
	config.WriteString("}\n")
	dir := tb.TempDir()
	for name, text := range map[string]string{"compose.yaml": project.String(), "nginx.conf": config.String()} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			tb.Fatal(err)
		}
	}
	return dir
}
