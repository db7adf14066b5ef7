package nginx

import (
	"bytes"
	"fmt"
	"io"
	"testing"

	crossplane "github.com/nginxinc/nginx-go-crossplane"
)

// large is a configuration of many servers with ten locations each.
func large(servers int) []byte {
	var b bytes.Buffer
	b.WriteString("events {}\nhttp {\n    resolver 127.0.0.11 valid=10s;\n")
	for i := range servers {
		fmt.Fprintf(&b, "    upstream group%d { server app%d:3000; }\n    server {\n        listen 80;\n", i, i)
		fmt.Fprintf(&b, "        server_name app%d.example;\n        set $up app%d;\n", i, i)
		for j := range 10 {
			fmt.Fprintf(&b, "        location /p%d/ {\n            proxy_set_header Host $host;\n", j)
			if j%2 == 0 {
				fmt.Fprintf(&b, "            proxy_pass http://group%d/;\n        }\n", i)
			} else {
				fmt.Fprintf(&b, "            proxy_pass http://$up:%d;\n        }\n", 3000+j)
			}
		}
		b.WriteString("    }\n")
	}
	b.WriteString("}\n")
	return b.Bytes()
}

// BenchmarkParse reads, checks and lowers 1,000 servers of 10 locations.
func BenchmarkParse(b *testing.B) {
	text := large(1000)
	files := Files{Open: func(string) (*File, error) { return &File{Name: "nginx.conf", Text: text}, nil }}
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if c := Parse(files, Options{Stock: true}); len(c.Servers) != 1000 || !c.Complete() {
			b.Fatal(len(c.Servers), c.Faults)
		}
	}
}

// BenchmarkCrossplane is crossplane's parser alone on the same text, for comparison.
func BenchmarkCrossplane(b *testing.B) {
	text := large(1000)
	open := func(string) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(text)), nil }
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		options := &crossplane.ParseOptions{Open: open, CombineConfigs: true, ErrorOnUnknownDirectives: true}
		if p, err := crossplane.Parse("nginx.conf", options); err != nil || p.Status != "ok" {
			b.Fatal(err)
		}
	}
}
