package compose

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/sirupsen/logrus"
)

func TestLoadWarnsNobody(t *testing.T) {
	var log bytes.Buffer
	logrus.SetOutput(&log)
	load(t, compose("version: \"3\"\nservices:\n  a:\n    image: x:${UNSET}\n"))
	if log.Len() > 0 {
		t.Errorf("compose-go's log: %s", &log)
	}
}

// services is a project of n services with some of everything.
func services(n int) string {
	var b strings.Builder
	b.WriteString("services:\n")
	for i := range n {
		fmt.Fprintf(&b, `  svc%d:
    image: example/app:%[1]d
    restart: unless-stopped
    environment: {MODE: live, PORT: "8000", URL: "http://svc%[1]d:8000"}
    networks: [front, back]
    depends_on:
      svc%d: {condition: service_started}
    volumes:
      - ./conf%[1]d:/etc/conf:ro
    healthcheck:
      test: [CMD, "true"]
    ports:
`, i, n+i%10)
		for p := range 10 {
			fmt.Fprintf(&b, "      - \"%d:%d\"\n", 10000+(i*10+p)%50000, 8000+p)
		}
	}
	for i := range 10 {
		fmt.Fprintf(&b, "  svc%d: {image: example/db}\n", n+i)
	}
	b.WriteString("networks:\n  front:\n  back:\n")
	return b.String()
}

// BenchmarkLoad compares with compose-go alone, as docker compose calls it.
func BenchmarkLoad(b *testing.B) {
	for _, n := range []int{2, 100, 1000} {
		dir := project(b, compose(services(n)))
		b.Run(fmt.Sprintf("why502/%d", n), func(b *testing.B) {
			for b.Loop() {
				if _, err := loadModel(context.Background(), Options{Directory: dir, Env: os.Environ()}); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprintf("compose-go/%d", n), func(b *testing.B) {
			for b.Loop() {
				options, err := cli.NewProjectOptions(nil, cli.WithWorkingDirectory(dir), cli.WithOsEnv, cli.WithEnvFiles(),
					cli.WithDotEnv, cli.WithConfigFileEnv, cli.WithDefaultConfigPath, cli.WithEnvFiles(), cli.WithDotEnv, cli.WithDefaultProfiles())
				if err != nil {
					b.Fatal(err)
				}
				if _, err := options.LoadProject(context.Background()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
