package compose

import (
	"path"
	"regexp"
	"strings"
)

// imageFamily is what is known of an image by its name: the last component of its repository,
// whatever the registry.
type imageFamily struct {
	name     string         // of the repository
	tag      string         // only tags that contain this; empty: all
	nginx    bool           // runs nginx
	repo     *regexp.Regexp // repositories that have the layout; others of that name may be laid out in any way
	layout   string         // folder of its files below stock; empty: not known
	config   string         // container path of its configuration directory
	main     string         // and of the file that nginx starts with
	official bool           // nginx without modules of others, started by the official entrypoint
	ports    []int          // that it listens on, as its own documentation says; empty: not fixed
}

// is says whether an image of the family's name is the family's: bitnami/nginx and linuxserver/nginx
// are laid out differently from nginx.
func (f imageFamily) is(ref string) bool { return f.repo != nil && f.repo.MatchString(repository(ref)) }

// imageFamilies are tried in order. Ports are those that the image's page on its registry (EXPOSE
// and the default configuration) names.
var imageFamilies = []imageFamily{
	{name: "nginx-prometheus-exporter", ports: []int{9113}},
	{name: "nginx-unprivileged", nginx: true, repo: regexp.MustCompile(`(^|/)(nginxinc|nginx)/nginx-unprivileged$`), layout: "unprivileged", config: "/etc/nginx", official: true, ports: []int{8080}},
	{name: "nginx", nginx: true, repo: regexp.MustCompile(`^nginx$|(^|/)library/nginx$|^public\.ecr\.aws/nginx/nginx$|^[^/]+[.:][^/]+/nginx$`), layout: "nginx", config: "/etc/nginx", official: true, ports: []int{80}},
	{name: "openresty", nginx: true, ports: []int{80}},
	{name: "angie", nginx: true, ports: []int{80}},
	{name: "swag", nginx: true, ports: []int{80, 443}},
	{name: "php", tag: "fpm", ports: []int{9000}},
	{name: "php", tag: "apache", ports: []int{80}},
	{name: "wordpress", tag: "fpm", ports: []int{9000}},
	{name: "wordpress", ports: []int{80}},
	{name: "nextcloud", tag: "fpm", ports: []int{9000}},
	{name: "nextcloud", ports: []int{80}},
	{name: "drupal", tag: "fpm", ports: []int{9000}},
	{name: "drupal", ports: []int{80}},
	{name: "httpd", ports: []int{80}},
	{name: "caddy", ports: []int{80, 443, 2019}},
	{name: "traefik", ports: []int{80, 443, 8080}},
	{name: "tomcat", ports: []int{8080}},
	{name: "jenkins", ports: []int{8080}},
	{name: "keycloak", ports: []int{8080, 8443}},
	{name: "grafana", ports: []int{3000}},
	{name: "prometheus", ports: []int{9090}},
	{name: "ghost", ports: []int{2368}},
	{name: "gitea", ports: []int{3000}},
	{name: "n8n", ports: []int{5678}},
	{name: "swagger-ui", ports: []int{8080}},
	{name: "adminer", ports: []int{8080}},
	{name: "phpmyadmin", ports: []int{80}},
	{name: "pgadmin4", ports: []int{80, 443}},
	{name: "mailhog", ports: []int{1025, 8025}},
	{name: "minio", ports: []int{9000, 9001}},
	{name: "rabbitmq", ports: []int{5672, 15672}},
	{name: "elasticsearch", ports: []int{9200, 9300}},
	{name: "kibana", ports: []int{5601}},
	{name: "postgres", ports: []int{5432}},
	{name: "mysql", ports: []int{3306}},
	{name: "mariadb", ports: []int{3306}},
	{name: "mongo", ports: []int{27017}},
	{name: "redis", ports: []int{6379}},
	{name: "memcached", ports: []int{11211}},
}

// family finds what is known of an image. The zero family is an image that the table does not have.
func family(ref string) imageFamily {
	name, tag := splitImage(ref)
	for _, f := range imageFamilies {
		if f.name == name && strings.Contains(tag, f.tag) {
			return f
		}
	}
	return imageFamily{}
}

// ImagePorts gives the ports that a well-known image listens on unless it is told otherwise; nil
// where the image is not known.
func ImagePorts(ref string) []int { return family(ref).ports }

// splitImage cuts a reference into the last component of its repository and its tag.
func splitImage(ref string) (name, tag string) {
	ref, _, _ = strings.Cut(ref, "@")
	name, tag, _ = strings.Cut(path.Base(ref), ":")
	return strings.ToLower(name), tag
}

// repository is a reference without tag and digest, in lower case.
func repository(ref string) string {
	name, _ := splitImage(ref)
	return strings.ToLower(path.Join(path.Dir(ref), name))
}

var versionTag = regexp.MustCompile(`^\d+\.\d+(\.\d+)?`)

// imageVersion is the version that an image's tag names, as "1.27"; empty for latest and the like.
func imageVersion(ref string) string {
	_, tag := splitImage(ref)
	return versionTag.FindString(tag)
}
