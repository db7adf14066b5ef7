package compose

import (
	"path"
	"regexp"
	"slices"
	"strings"
)

// application is what is known of images that listen and are no nginx. Lists in a text are separated
// by blanks.
type application struct {
	names     string         // last component of the repository
	of        string         // organisations that make it, "library" is Docker's own; empty: any but repackagers
	tag       *regexp.Regexp // only tags that match; nil: all
	ports     []int          // that it listens on unless it is told otherwise; nil: not known
	more      bool           // it may be told so where nothing of the project shows it
	speaks    string         // the protocol on all of its ports: http, fastcgi, or a name of its own; empty: several, or not known
	starts    string         // words of its own command
	variables string         // each of which takes the first of its ports elsewhere
	config    string         // files and directories in the container that may say other ports
}

const (
	library      = "library"
	fpmConfig    = "/usr/local/etc/php-fpm.conf /usr/local/etc/php-fpm.d"
	apacheConfig = "/etc/apache2"

	// phpSites are official images made FROM php:apache, or php:fpm.
	phpSites = "backdrop drupal friendica joomla matomo mediawiki monica nextcloud postfixadmin wordpress yourls"
)

var (
	fpmTag    = regexp.MustCompile(`fpm`)
	apacheTag = regexp.MustCompile(`apache`)
	bothTag   = regexp.MustCompile(`nginx|apache|caddy|frankenphp`) // a web server, maybe with php-fpm behind it

	// repackagers make images of many programs, with settings and ports of their own.
	repackagers = regexp.MustCompile(`^(bitnami(legacy|secure)?|linuxserver|chainguard)$`)
)

// applications are tried in order. Ports are those that the image's Dockerfile exposes, else those that
// the program's documentation says. The comment names the repository, or the site.
var applications = []application{
	// PHP
	{names: "php", of: library, tag: apacheTag, ports: []int{80}, speaks: "http", starts: "apache2-foreground", config: apacheConfig}, // docker-library/php
	{names: "php", of: "serversideup", tag: bothTag, ports: []int{8080, 8443}, more: true},                                            // serversideup.net, default configurations; 80 and 443 before version 3
	{names: "php", tag: bothTag}, // each its own
	{names: "php", tag: fpmTag, ports: []int{9000}, speaks: "fastcgi", starts: "php-fpm", config: fpmConfig},                                                        // docker-library/php
	{names: "php-fpm", ports: []int{9000}, more: true, speaks: "fastcgi"},                                                                                           // php.net, configuration of php-fpm
	{names: phpSites, of: library, tag: fpmTag, ports: []int{9000}, speaks: "fastcgi", starts: "php-fpm", config: fpmConfig},                                        // docker-library/wordpress, nextcloud/docker …
	{names: phpSites, of: library, tag: regexp.MustCompile(`cli`)},                                                                                                  // docker-library/wordpress
	{names: phpSites, of: library, ports: []int{80}, speaks: "http", starts: "apache2-foreground", config: apacheConfig},                                            // docker-library/wordpress, matomo-org/docker …
	{names: "phpmyadmin", of: "library phpmyadmin", tag: fpmTag, ports: []int{9000}, speaks: "fastcgi", starts: "php-fpm", config: fpmConfig},                       // phpmyadmin/docker
	{names: "phpmyadmin", of: "library phpmyadmin", ports: []int{80}, speaks: "http", starts: "apache2-foreground", variables: "APACHE_PORT", config: apacheConfig}, // phpmyadmin/docker
	{names: "adminer", of: library, tag: regexp.MustCompile(`fastcgi`), ports: []int{9000}, speaks: "fastcgi", starts: "php-fpm", config: fpmConfig},                // TimWolla/docker-adminer
	{names: "adminer", of: library, ports: []int{8080}, speaks: "http"},                                                                                             // TimWolla/docker-adminer

	// web servers
	{names: "httpd", of: library, ports: []int{80}, speaks: "http", starts: "httpd-foreground", config: "/usr/local/apache2/conf"},      // docker-library/httpd
	{names: "caddy", ports: []int{80, 443, 2019}, config: "/etc/caddy"},                                                                 // caddyserver/caddy-docker
	{names: "traefik", ports: []int{80, 443, 8080}, starts: "traefik", config: "/etc/traefik /traefik.yml /traefik.yaml /traefik.toml"}, // traefik/traefik-library-image; entry points
	{names: "tomcat", of: library, ports: []int{8080}, starts: "catalina.sh run", config: "/usr/local/tomcat/conf"},                     // docker-library/tomcat
	{names: "jetty", ports: []int{8080}, config: "/usr/local/jetty /var/lib/jetty/start.d /var/lib/jetty/start.ini"},                    // jetty/jetty.docker
	{names: "aspnet", of: "dotnet core", tag: regexp.MustCompile(`^[1-7]\.`), ports: []int{80}, variables: "ASPNETCORE_URLS"},           // dotnet/dotnet-docker
	{names: "aspnet", of: "dotnet core", ports: []int{8080}, variables: "ASPNETCORE_URLS ASPNETCORE_HTTP_PORTS"},                        // dotnet/dotnet-docker

	// databases and queues
	{names: "postgres postgis pgvector timescaledb", ports: []int{5432}, speaks: "PostgreSQL", starts: "postgres", variables: "PGPORT"},                                        // docker-library/postgres
	{names: "mysql", ports: []int{3306, 33060}, speaks: "MySQL", starts: "mysqld", variables: "MYSQL_TCP_PORT", config: "/etc/mysql /etc/my.cnf"},                              // docker-library/mysql
	{names: "mariadb", ports: []int{3306}, speaks: "MySQL", starts: "mariadbd mysqld", variables: "MYSQL_TCP_PORT", config: "/etc/mysql"},                                      // MariaDB/mariadb-docker
	{names: "mongo", ports: []int{27017}, starts: "mongod"},                                                                                                                    // docker-library/mongo
	{names: "redis", ports: []int{6379}, speaks: "Redis", starts: "redis-server"},                                                                                              // docker-library/redis
	{names: "valkey", ports: []int{6379}, speaks: "Redis", starts: "valkey-server"},                                                                                            // valkey-io/valkey-container
	{names: "memcached", ports: []int{11211}, speaks: "memcached", starts: "memcached"},                                                                                        // docker-library/memcached
	{names: "rabbitmq", of: library, tag: regexp.MustCompile(`management`), ports: []int{15672, 5672, 15671, 5671, 15692}, starts: "rabbitmq-server", config: "/etc/rabbitmq"}, // docker-library/rabbitmq
	{names: "rabbitmq", ports: []int{5672, 15672}, more: true},                                                                                                                 // its management is a plugin
	{names: "elasticsearch", ports: []int{9200, 9300}, variables: "http.port", config: "/usr/share/elasticsearch/config"},                                                      // elastic/elasticsearch
	{names: "opensearch", ports: []int{9200, 9300, 9600}, variables: "http.port", config: "/usr/share/opensearch/config"},                                                      // docs.opensearch.org, Docker
	{names: "influxdb", ports: []int{8086}, config: "/etc/influxdb /etc/influxdb2"},                                                                                            // influxdata/influxdata-docker
	{names: "solr", ports: []int{8983}, variables: "SOLR_PORT"},                                                                                                                // apache/solr-docker
	{names: "minio", ports: []int{9000}, starts: "minio server", variables: "MINIO_ADDRESS"},                                                                                   // minio/minio; its console's port is said, or random
	{names: "registry", of: library, ports: []int{5000}, variables: "REGISTRY_HTTP_ADDR", config: "/etc/docker/registry /etc/distribution"},                                    // distribution/distribution-library-image

	// looking at things
	{names: "grafana grafana-oss grafana-enterprise", ports: []int{3000}, variables: "GF_SERVER_HTTP_PORT", config: "/etc/grafana/grafana.ini"}, // grafana/grafana
	{names: "prometheus", ports: []int{9090}},                                                                                         // prometheus/prometheus
	{names: "alertmanager", ports: []int{9093}},                                                                                       // prometheus/alertmanager
	{names: "loki", ports: []int{3100}, config: "/etc/loki"},                                                                          // grafana/loki
	{names: "cadvisor", ports: []int{8080}},                                                                                           // google/cadvisor
	{names: "nginx-prometheus-exporter", ports: []int{9113}},                                                                          // nginx/nginx-prometheus-exporter
	{names: "kibana", ports: []int{5601}, variables: "SERVER_PORT", config: "/usr/share/kibana/config"},                               // elastic/kibana
	{names: "opensearch-dashboards", ports: []int{5601}, variables: "SERVER_PORT", config: "/usr/share/opensearch-dashboards/config"}, // docs.opensearch.org, Docker
	{names: "metabase", ports: []int{3000}, variables: "MB_JETTY_PORT"},                                                               // metabase/metabase
	{names: "uptime-kuma", ports: []int{3001}, variables: "UPTIME_KUMA_PORT PORT"},                                                    // louislam/uptime-kuma
	{names: "portainer portainer-ce portainer-ee", ports: []int{9000, 9443, 8000}},                                                    // portainer/portainer
	{names: "pgadmin4", ports: []int{80, 443}, variables: "PGADMIN_LISTEN_PORT"},                                                      // pgadmin-org/pgadmin4
	{names: "mongo-express", ports: []int{8081}, variables: "PORT VCAP_APP_PORT"},                                                     // mongo-express/mongo-express-docker
	{names: "redis-commander", ports: []int{8081}, variables: "PORT"},                                                                 // joeferner/redis-commander
	{names: "kafka-ui", ports: []int{8080}, variables: "SERVER_PORT"},                                                                 // provectus/kafka-ui
	{names: "swagger-ui", ports: []int{8080}, variables: "PORT", config: "/etc/nginx"},                                                // swagger-api/swagger-ui
	{names: "mailhog", ports: []int{8025, 1025}, variables: "MH_UI_BIND_ADDR"},                                                        // mailhog/MailHog
	{names: "mailpit", ports: []int{8025, 1025, 1110}, variables: "MP_UI_BIND_ADDR"},                                                  // axllent/mailpit

	// the rest
	{names: "authelia", ports: []int{9091}, config: "/config /etc/authelia"}, // authelia/authelia
	{names: "base-notebook minimal-notebook scipy-notebook datascience-notebook pyspark-notebook tensorflow-notebook", ports: []int{8888}, variables: "JUPYTER_PORT", config: "/etc/jupyter"}, // jupyter/docker-stacks
	{names: "code-server", of: "codercom", ports: []int{8080}, config: "/home/coder/.config"},                                                                                                 // coder/code-server
	{names: "directus", ports: []int{8055}, variables: "PORT"},                                                                                                                                // directus/directus
	{names: "ghost", of: library, ports: []int{2368}, variables: "server__port", config: "/var/lib/ghost/config.production.json"},                                                             // docker-library/ghost
	{names: "gitea forgejo", ports: []int{3000, 22, 2222}, variables: "GITEA__server__HTTP_PORT FORGEJO__server__HTTP_PORT", config: "/data/gitea/conf /etc/gitea"},                           // go-gitea/gitea
	{names: "home-assistant", ports: []int{8123}, config: "/config"},                                                                                                                          // home-assistant.io, http
	{names: "jenkins", ports: []int{8080, 50000}},                                                                                                                                             // jenkinsci/docker
	{names: "keycloak", ports: []int{8080, 8443, 9000}, starts: "start start-dev", variables: "KC_HTTP_PORT", config: "/opt/keycloak/conf"},                                                   // keycloak/keycloak; 9000 is its management
	{names: "n8n", ports: []int{5678}, starts: "n8n start", variables: "N8N_PORT"},                                                                                                            // n8n-io/n8n
	{names: "nexus3", ports: []int{8081}, more: true},                                                                                                                                         // sonatype/docker-nexus3; its registries have ports of their own
	{names: "oauth2-proxy", ports: []int{4180}, more: true},                                                                                                                                   // oauth2-proxy.github.io; in a file, too
	{names: "odoo", of: library, ports: []int{8069, 8071, 8072}, starts: "odoo", config: "/etc/odoo"},                                                                                         // odoo/docker
	{names: "ollama", ports: []int{11434}, starts: "serve", variables: "OLLAMA_HOST"},                                                                                                         // ollama/ollama
	{names: "open-webui", ports: []int{8080}, variables: "PORT"},                                                                                                                              // open-webui/open-webui
	{names: "server", of: "vaultwarden bitwardenrs", ports: []int{80, 3012}, variables: "ROCKET_PORT"},                                                                                        // dani-garcia/vaultwarden
	{names: "sonarqube", ports: []int{9000}, variables: "SONAR_WEB_PORT", config: "/opt/sonarqube/conf"},                                                                                      // SonarSource/docker-sonarqube
	{names: "vault", ports: []int{8200, 8201}, starts: "server", variables: "VAULT_DEV_LISTEN_ADDRESS", config: "/vault/config"},                                                              // hashicorp/docker-vault
}

// applicationOf finds what is known of an image that is no nginx. The zero application is one that the
// table does not have.
func applicationOf(ref string) application {
	name, tag := splitImage(ref)
	for _, a := range applications {
		if strings.Contains(a.names, name) && slices.Contains(strings.Fields(a.names), name) && a.madeBy(organisation(ref)) && (a.tag == nil || a.tag.MatchString(tag)) {
			return a
		}
	}
	return application{}
}

func (a application) madeBy(organisation string) bool {
	if a.of == "" {
		return !repackagers.MatchString(organisation)
	}
	return slices.Contains(strings.Fields(a.of), organisation)
}

// organisation is the last component but one of an image's repository: grafana of
// docker.io/grafana/grafana. It is library for a name alone.
func organisation(ref string) string {
	switch dir := path.Dir(repository(ref)); dir {
	case ".", "docker.io":
		return library
	default:
		return path.Base(dir)
	}
}

// Known is what is known of the ports of an image that a service runs.
type Known struct {
	Ports     []int    // that it listens on
	Sure      bool     // nothing tells it otherwise, but what Variables say
	Variables []string // each of which takes the first of Ports elsewhere, if it is set
}

// KnownPorts are the ports that a service listens on because its image is a well-known one.
func (s *Service) KnownPorts() Known {
	if f := family(s.Base()); f.runsNginx() {
		return Known{Ports: f.ports} // its configuration says where
	}
	a := applicationOf(s.Base())
	return Known{a.ports, a.startedAsItIs(s), strings.Fields(a.variables)}
}

// ImageProtocol gives the one protocol that a well-known image speaks when it is started as it is: http,
// fastcgi, or the name of a database; empty where there are several, or where it is not known. official
// says that it is the Docker Official Image of that name, not another's.
func ImageProtocol(ref string) (protocol string, official bool) {
	protocol = applicationOf(ref).speaks
	return protocol, protocol != "" && organisation(ref) == library
}

// listens matches words of a command that may say where to listen: --http-port, -c listen_addresses=…
var listens = regexp.MustCompile(`(?i)(^|[^a-z])(port|addr|address(es)?|listen|bind|socket|conf|config|entry-?points?)([^a-z]|$)|:\d|^-p|\.(ya?ml|toml|ini|cnf|cfg|json|xml|properties)$`)

// startedAsItIs says whether a service runs an image's own program with settings that leave its ports
// where they are.
func (a application) startedAsItIs(s *Service) bool {
	if a.more || s.Build != nil || s.VolumesFrom || slices.ContainsFunc(s.Mounts, a.isConfig) {
		return false
	}
	own, words := strings.Fields(a.starts), s.Start()
	begun := s.Entrypoint == nil
	for len(words) > 0 && slices.Contains(own, path.Base(words[0])) {
		begun, words = true, words[1:]
	}
	options := len(words) == 0 || len(words) < len(s.Start()) || strings.HasPrefix(words[0], "-")
	return begun && options && !slices.ContainsFunc(words, listens.MatchString)
}

// isConfig says whether a mount brings, or hides, a file that may say the ports.
func (a application) isConfig(m Mount) bool {
	return slices.ContainsFunc(strings.Fields(a.config), func(p string) bool {
		return strings.HasPrefix(p+"/", m.Target+"/") || strings.HasPrefix(m.Target+"/", p+"/")
	})
}
