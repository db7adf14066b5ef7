package compose

import (
	"path"
	"regexp"
	"strings"
)

// imageFamily is what is known of an image that runs nginx by its name: the last component of its
// repository, whatever the registry.
type imageFamily struct {
	name   string         // of the repository
	repo   *regexp.Regexp // only these repositories; nil: all
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
}

const stockMain = "/etc/nginx/nginx.conf"

// imageFamilies are tried in order. Layouts and ports are those that the image's page on its registry
// (EXPOSE and the default configuration) names.
var imageFamilies = []imageFamily{
	{name: "nginx-unprivileged", repo: regexp.MustCompile(`(^|/)(nginxinc|nginx)/nginx-unprivileged$`), layout: "unprivileged", main: stockMain, whole: true, stock: true, user: "nginx", ports: []int{8080}},
	{name: "nginx-unprivileged", ports: []int{8080}},
	{name: "nginx", repo: regexp.MustCompile(`^nginx$|(^|/)library/nginx$|^public\.ecr\.aws/nginx/nginx$|^[^/]+[.:][^/]+/nginx$`), layout: "nginx", main: stockMain, whole: true, stock: true, user: "root", ports: []int{80}},
	{name: "nginx", repo: regexp.MustCompile(`(^|/)bitnami(legacy|secure)?/nginx$`), layout: "bitnami", main: "/opt/bitnami/nginx/conf/nginx.conf", ports: []int{8080}},
	{name: "nginx", repo: regexp.MustCompile(`(^|/)linuxserver/nginx$`), layout: "linuxserver", main: stockMain, keeps: "/config", whole: true, ports: []int{80, 443}, beside: []int{9000}},
	{name: "nginx", ports: []int{80}},
	{name: "openresty", repo: regexp.MustCompile(`(^|/)openresty/openresty$`), layout: "openresty", main: "/usr/local/openresty/nginx/conf/nginx.conf", ports: []int{80}},
	{name: "openresty", ports: []int{80}},
	{name: "angie", repo: regexp.MustCompile(`^docker\.angie\.software/angie$`), layout: "angie", main: "/etc/angie/angie.conf", ports: []int{80}, other: true},
	{name: "angie", ports: []int{80}, other: true},
	{name: "swag", repo: regexp.MustCompile(`(^|/)linuxserver/swag$`), layout: "swag", over: "linuxserver", main: stockMain, keeps: "/config", whole: true, ports: []int{80, 443}, beside: []int{9000}, other: true},
	{name: "swag", ports: []int{80, 443}, other: true},
}

// family finds what is known of an image that runs nginx. The zero family is any other.
func family(ref string) imageFamily {
	name, _ := splitImage(ref)
	for _, f := range imageFamilies {
		if f.name == name && (f.repo == nil || f.repo.MatchString(repository(ref))) {
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

// runsNginx says whether an image is known for that.
func (f imageFamily) runsNginx() bool { return f.name != "" }

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
