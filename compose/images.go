package compose

import (
	"path"
	"regexp"
	"strings"
)

// imageFamily is what is known of an image by its name: the last component of its repository,
// whatever the registry.
type imageFamily struct {
	name   string         // of the repository
	tag    string         // only tags that contain this; empty: all
	repo   *regexp.Regexp // only these repositories; nil: all
	nginx  bool           // runs nginx
	layout string         // folder of its files below stock; empty: not known
	main   string         // container path of the file that nginx starts with; mime.types and the like lie beside it
	over   string         // layout of the image that it is made of; empty: none
	keeps  string         // directory into which its start copies those files of the layout that are not there
	whole  bool           // the layout is all there is; else more may be there
	stock  bool           // nginx without modules of others, started by the official entrypoint
	user   string         // that its containers start as; empty: not known
	ports  []int          // that it listens on, as its own documentation says; empty: not fixed
	beside []int          // ports on which others than nginx listen in the same container
	other  bool           // its tags are no versions of nginx's
	speaks string         // the protocol on all of its ports: http, fastcgi, or a name of its own; empty: several, or not known
}

const stockMain = "/etc/nginx/nginx.conf"

// imageFamilies are tried in order. Layouts and ports are those that the image's page on its registry
// (EXPOSE and the default configuration) names.
var imageFamilies = []imageFamily{
	{name: "nginx-prometheus-exporter", ports: []int{9113}},
	{name: "nginx-unprivileged", repo: regexp.MustCompile(`(^|/)(nginxinc|nginx)/nginx-unprivileged$`), nginx: true, layout: "unprivileged", main: stockMain, whole: true, stock: true, user: "nginx", ports: []int{8080}},
	{name: "nginx-unprivileged", nginx: true, ports: []int{8080}},
	{name: "nginx", repo: regexp.MustCompile(`^nginx$|(^|/)library/nginx$|^public\.ecr\.aws/nginx/nginx$|^[^/]+[.:][^/]+/nginx$`), nginx: true, layout: "nginx", main: stockMain, whole: true, stock: true, user: "root", ports: []int{80}},
	{name: "nginx", repo: regexp.MustCompile(`(^|/)bitnami(legacy|secure)?/nginx$`), nginx: true, layout: "bitnami", main: "/opt/bitnami/nginx/conf/nginx.conf", ports: []int{8080}},
	{name: "nginx", repo: regexp.MustCompile(`(^|/)linuxserver/nginx$`), nginx: true, layout: "linuxserver", main: stockMain, keeps: "/config", whole: true, ports: []int{80, 443}, beside: []int{9000}},
	{name: "nginx", nginx: true, ports: []int{80}},
	{name: "openresty", repo: regexp.MustCompile(`(^|/)openresty/openresty$`), nginx: true, layout: "openresty", main: "/usr/local/openresty/nginx/conf/nginx.conf", ports: []int{80}},
	{name: "openresty", nginx: true, ports: []int{80}},
	{name: "angie", repo: regexp.MustCompile(`^docker\.angie\.software/angie$`), nginx: true, layout: "angie", main: "/etc/angie/angie.conf", ports: []int{80}, other: true},
	{name: "angie", nginx: true, ports: []int{80}, other: true},
	{name: "swag", repo: regexp.MustCompile(`(^|/)linuxserver/swag$`), nginx: true, layout: "swag", over: "linuxserver", main: stockMain, keeps: "/config", whole: true, ports: []int{80, 443}, beside: []int{9000}, other: true},
	{name: "swag", nginx: true, ports: []int{80, 443}, other: true},
	{name: "php", tag: "fpm", ports: []int{9000}, speaks: "fastcgi"},
	{name: "php", tag: "apache", ports: []int{80}, speaks: "http"},
	{name: "wordpress", tag: "fpm", ports: []int{9000}, speaks: "fastcgi"},
	{name: "wordpress", ports: []int{80}, speaks: "http"},
	{name: "nextcloud", tag: "fpm", ports: []int{9000}, speaks: "fastcgi"},
	{name: "nextcloud", ports: []int{80}, speaks: "http"},
	{name: "drupal", tag: "fpm", ports: []int{9000}, speaks: "fastcgi"},
	{name: "drupal", ports: []int{80}, speaks: "http"},
	{name: "monica", tag: "fpm", ports: []int{9000}, speaks: "fastcgi"},
	{name: "matomo", tag: "fpm", ports: []int{9000}, speaks: "fastcgi"},
	{name: "joomla", tag: "fpm", ports: []int{9000}, speaks: "fastcgi"},
	{name: "phpmyadmin", tag: "fpm", ports: []int{9000}, speaks: "fastcgi"},
	{name: "adminer", tag: "fastcgi", ports: []int{9000}, speaks: "fastcgi"},
	{name: "httpd", ports: []int{80}, speaks: "http"},
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
	{name: "postgres", ports: []int{5432}, speaks: "PostgreSQL"},
	{name: "mysql", ports: []int{3306}, speaks: "MySQL"},
	{name: "mariadb", ports: []int{3306}, speaks: "MySQL"},
	{name: "mongo", ports: []int{27017}},
	{name: "redis", ports: []int{6379}, speaks: "Redis"},
	{name: "memcached", ports: []int{11211}, speaks: "memcached"},
}

// family finds what is known of an image. The zero family is an image that the table does not have.
func family(ref string) imageFamily {
	name, tag := splitImage(ref)
	for _, f := range imageFamilies {
		if f.name == name && strings.Contains(tag, f.tag) && (f.repo == nil || f.repo.MatchString(repository(ref))) {
			return f
		}
	}
	return imageFamily{}
}

// official are the repositories whose tags tell the distribution.
var official = regexp.MustCompile(`^(docker\.io/)?((library/)?nginx|nginxinc/nginx-unprivileged)$`)

// onDebian says whether an image is the official nginx made of Debian's packages, which leave out what
// Alpine's bring (nginx/docker-nginx#298). One that is named by its digest may be either.
func onDebian(ref string) bool {
	_, tag := splitImage(ref)
	return official.MatchString(repository(ref)) && !strings.Contains(tag, "alpine") && !strings.Contains(ref, "@")
}

// ImagePorts gives the ports that a well-known image listens on unless it is told otherwise; nil
// where the image is not known.
func ImagePorts(ref string) []int { return family(ref).ports }

// ImageProtocol gives the one protocol that a well-known image speaks when it is started as it is: http,
// fastcgi, or the name of a database; empty where there are several, or where it is not known. official
// says that it is the Docker Official Image of that name, not another's.
func ImageProtocol(ref string) (protocol string, official bool) {
	f, repo := family(ref), "/"+repository(ref)
	return f.speaks, repo == "/"+f.name || strings.HasSuffix(repo, "/library/"+f.name)
}

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
