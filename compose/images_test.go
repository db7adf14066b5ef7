package compose

import (
	"slices"
	"strings"
	"testing"
)

func TestSplitImage(t *testing.T) {
	digest := "@sha256:" + strings.Repeat("a", 64)
	for ref, want := range map[string][]string{ // name, tag, repository, version
		"nginx":                                 {"nginx", "", "nginx", ""},
		"nginx:1.27":                            {"nginx", "1.27", "nginx", "1.27"},
		"nginx:1.27.3-alpine" + digest:          {"nginx", "1.27.3-alpine", "nginx", "1.27.3"},
		"nginx" + digest:                        {"nginx", "", "nginx", ""},
		"nginx:latest":                          {"nginx", "latest", "nginx", ""},
		"nginx:stable-alpine3.19":               {"nginx", "stable-alpine3.19", "nginx", ""},
		"nginx:1":                               {"nginx", "1", "nginx", ""},
		"localhost:5000/nginx":                  {"nginx", "", "localhost:5000/nginx", ""},
		"Registry.example.com:5000/a/Nginx:1.2": {"nginx", "1.2", "registry.example.com:5000/a/nginx", "1.2"},
		"":                                      {"", "", "", ""},
	} {
		name, tag := splitImage(ref)
		if got := []string{name, tag, repository(ref), imageVersion(ref)}; !slices.Equal(got, want) && ref != "" {
			t.Errorf("%s: %q, want %q", ref, got, want)
		}
	}
}

func TestIsStock(t *testing.T) {
	for ref, want := range map[string]bool{
		"nginx": true, "nginx:1.27-alpine": true, "library/nginx": true, "docker.io/library/nginx:1": true, "public.ecr.aws/nginx/nginx": true,
		"public.ecr.aws/docker/library/nginx": true, "registry.example.com/nginx:1": true, "localhost:5000/nginx": true,
		"nginxinc/nginx-unprivileged": true, "quay.io/nginx/nginx-unprivileged:1": true,
		"bitnami/nginx": false, "linuxserver/nginx": false, "ghcr.io/linuxserver/nginx": false, "lscr.io/linuxserver/nginx": false,
		"openresty/openresty": false, "own": false, "": false, "nginx-unprivileged": false,
	} {
		if got := family(ref).stock; got != want {
			t.Errorf("%s: %v", ref, got)
		}
	}
}
