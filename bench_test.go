package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

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
					diagnoseOnce(b, dir, format)
				}
			})
		}
	}
}

func diagnoseOnce(b testing.TB, dir, format string) {
	var errs bytes.Buffer
	if code := run(context.Background(), []string{"--live", "off", "--format", format, dir}, nil, strings.NewReader(""), io.Discard, &errs); code != 0 {
		b.Fatalf("exit %d: %s", code, errs.String())
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

// BenchmarkRatio gives what the program takes to what the two parsers take, in one process:
// go test -run '^$' -bench Ratio -benchtime 1x .
func BenchmarkRatio(b *testing.B) {
	for _, n := range sizes {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				text, json := ratios(b, n)
				b.ReportMetric(text, "text/parsers")
				b.ReportMetric(json, "json/parsers")
			}
		})
	}
}

// ratios runs the two parsers, the program and the program with JSON in turns, and gives what the medians of eleven
// rounds are to the parsers'.
func ratios(tb testing.TB, n int) (text, json float64) {
	defer runtime.KeepAlive(collectLess()) // as the program is released
	dir := generate(tb, n)
	ways := []func(){
		func() { loadAlone(tb, dir); parseAlone(tb, dir) },
		func() { diagnoseOnce(tb, dir, "text") },
		func() { diagnoseOnce(tb, dir, "json") },
	}
	took := make([][]time.Duration, len(ways))
	for range 11 {
		for i, way := range ways {
			runtime.GC() // each begins with an empty heap, as a process does
			began := time.Now()
			way()
			took[i] = append(took[i], time.Since(began))
		}
	}
	median := func(i int) float64 { slices.Sort(took[i]); return float64(took[i][len(took[i])/2]) }
	return median(1) / median(0), median(2) / median(0)
}

func loadAlone(b testing.TB, dir string) {
	options, err := cli.NewProjectOptions([]string{filepath.Join(dir, "compose.yaml")}, cli.WithName("bench"))
	if err != nil {
		b.Fatal(err)
	}
	if _, err := options.LoadProject(context.Background()); err != nil {
		b.Fatal(err)
	}
}

func parseAlone(b testing.TB, dir string) {
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
