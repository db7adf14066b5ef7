package compose

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestKnownPorts(t *testing.T) {
	for ref, want := range map[string][]int{
		"nginx": {80}, "nginxinc/nginx-unprivileged:1.27": {8080}, "nginx/nginx-prometheus-exporter": {9113}, "bitnami/nginx": {8080},
		// by tag
		"php:8.3-fpm-alpine": {9000}, "php:8.3-apache": {80}, "php:8.3-cli": nil, "php": nil, "own/php:8.3-fpm": {9000}, "own/php:8.3-apache": nil,
		"serversideup/php:8.3-fpm": {9000}, "serversideup/php:8.3-fpm-nginx": {8080, 8443}, "own/php:8.3-fpm-nginx": nil,
		"wordpress:php8.2-fpm": {9000}, "wordpress": {80}, "wordpress:cli": nil, "nextcloud:29-fpm": {9000}, "nextcloud:29": {80},
		"phpmyadmin:fpm": {9000}, "phpmyadmin/phpmyadmin": {80}, "adminer": {8080}, "adminer:fastcgi": {9000},
		"mcr.microsoft.com/dotnet/aspnet:8.0": {8080}, "mcr.microsoft.com/dotnet/aspnet:10.0-alpine": {8080}, "mcr.microsoft.com/dotnet/aspnet:6.0": {80},
		"mcr.microsoft.com/dotnet/core/aspnet:3.1": {80}, "mcr.microsoft.com/dotnet/aspnet": {8080},
		"rabbitmq:3-management": {15672, 5672, 15671, 5671, 15692},
		// by organisation
		"own/wordpress": nil, "own/adminer": nil, "vaultwarden/server:1.32": {80, 3012}, "own/server": nil, "bitnami/redis": nil, "lscr.io/linuxserver/grafana": nil,
		"public.ecr.aws/docker/library/wordpress": {80}, "docker.io/wordpress": {80}, "registry.example.com/wordpress": nil, "localhost:5000/wordpress": nil,
		"docker.io/grafana/grafana:11": {3000}, "mirror.example.com/library/redis:7": {6379}, "quay.io/keycloak/keycloak:26.0": {8080, 8443, 9000},
		"own/app": nil, "redis-exporter": nil, "note": nil, "": nil,
	} {
		if got := (&Service{Image: ref}).KnownPorts().Ports; !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", ref, got, want)
		}
	}
}

// Whether an image's ports can be relied on, by what a service adds to it.
func TestKnownPortsSure(t *testing.T) {
	words := strings.Fields
	for _, test := range []struct {
		service Service
		want    bool
	}{
		{Service{Image: "grafana/grafana"}, true},
		{Service{Image: "own/app"}, true}, // there are none
		{Service{Image: "nginx"}, false},
		{Service{Image: "sonatype/nexus3"}, false},
		{Service{Image: "serversideup/php:8.3-fpm-nginx"}, false},
		{Service{Image: "grafana/grafana", Build: &Image{Base: "grafana/grafana"}}, false},
		{Service{Image: "grafana/grafana", VolumesFrom: true}, false},
		// mounts
		{Service{Image: "grafana/grafana", Mounts: []Mount{{Target: "/etc/grafana/provisioning"}}}, true},
		{Service{Image: "grafana/grafana", Mounts: []Mount{{Target: "/etc/grafana/grafana.ini"}}}, false},
		{Service{Image: "grafana/grafana", Mounts: []Mount{{Target: "/etc/grafana"}}}, false},
		{Service{Image: "caddy", Mounts: []Mount{{Target: "/data"}}}, true},
		{Service{Image: "caddy", Mounts: []Mount{{Target: "/etc/caddy/Caddyfile"}}}, false},
		{Service{Image: "php:8.3-fpm", Mounts: []Mount{{Target: "/usr/local/etc/php/conf.d/own.ini"}}}, true},
		{Service{Image: "php:8.3-fpm", Mounts: []Mount{{Target: "/usr/local/etc/php-fpm.d/zz-own.conf"}}}, false},
		// commands
		{Service{Image: "redis:7", Command: words("redis-server --save 60 1")}, true},
		{Service{Image: "redis:7", Command: words("--appendonly yes")}, true},
		{Service{Image: "redis:7", Command: words("redis-server --port 6380")}, false},
		{Service{Image: "redis:7", Command: words("redis-server /etc/redis.conf")}, false},
		{Service{Image: "redis:7", Entrypoint: words("/usr/local/bin/redis-server")}, true},
		{Service{Image: "redis:7", Entrypoint: words("/start.sh")}, false},
		{Service{Image: "redis:7", Command: words("sh -c redis-server")}, false},
		{Service{Image: "php:8.3-fpm", Command: words("php artisan serve")}, false},
		{Service{Image: "minio/minio", Command: words("minio server /data")}, true},
		{Service{Image: "minio/minio", Command: words("server /data --console-address :9001")}, false},
		{Service{Image: "quay.io/keycloak/keycloak", Command: words("start-dev --import-realm")}, true},
		{Service{Image: "quay.io/keycloak/keycloak", Command: words("start --http-port=8180")}, false},
		{Service{Image: "postgres:16", Command: words("-c max_connections=200")}, true},
		{Service{Image: "postgres:16", Command: words("postgres -c port=5433")}, false},
		{Service{Image: "traefik", Command: words("--entrypoints.web.address=:8000")}, false},
	} {
		if got := test.service.KnownPorts().Sure; got != test.want {
			t.Errorf("%+v: %v", test.service, got)
		}
	}
}

// A row that an earlier one hides is never found.
func TestApplicationsAreReached(t *testing.T) {
	for i, a := range applications {
		reached := func(name string) bool {
			organisation := "own"
			if a.of != "" {
				organisation = strings.Fields(a.of)[0]
			}
			for _, tag := range []string{"1", "8.3-fpm", "8.3-apache", "cli", "fastcgi", "3-management", "6.0", "8.3-fpm-nginx"} {
				if fmt.Sprint(applicationOf(organisation+"/"+name+":"+tag)) == fmt.Sprint(a) {
					return true
				}
			}
			return false
		}
		for _, name := range strings.Fields(a.names) {
			if !reached(name) {
				t.Errorf("row %d, %s", i, name)
			}
		}
	}
}

func TestImageProtocol(t *testing.T) {
	type answer struct {
		protocol string
		official bool
	}
	for ref, want := range map[string]answer{
		"php:8.3-fpm-alpine": {"fastcgi", true}, "docker.io/library/php:fpm": {"fastcgi", true}, "php": {"", false},
		"own/php:fpm": {"fastcgi", false}, "own/php:8.3-fpm-nginx": {"", false}, "own/wordpress:fpm": {"", false}, "wordpress:php8.2-fpm": {"fastcgi", true}, "registry.example.com/php:fpm": {"fastcgi", false},
		"wordpress": {"http", true}, "postgres:16": {"PostgreSQL", true}, "docker.io/postgres": {"PostgreSQL", true}, "rabbitmq": {"", false}, "adminer": {"http", true}, "": {"", false},
	} {
		if protocol, official := ImageProtocol(ref); (answer{protocol, official}) != want {
			t.Errorf("%s: %s %v, want %v", ref, protocol, official, want)
		}
	}
}
