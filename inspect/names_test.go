package inspect

import (
	"strings"
	"testing"
)

// with is edge with more keys: "networks: [front]".
func with(keys string) string { return strings.Replace(edge, "}", ", "+keys+"}", 1) }

// bearers says who answers to a name for edge: "api api" are two bearers.
func bearers(f *facts, name string) string {
	var all []string
	for _, b := range f.names["edge"][name] {
		all = append(all, b.service+b.project)
	}
	return strings.Join(all, " ")
}

func TestNamesFromTheFiles(t *testing.T) {
	const networks = "networks: {front: , back: , web: {external: true, name: shared}}\n"
	for _, test := range []struct {
		what, services, name, want string
	}{
		{"service", edge + api, "api", "api"},
		{"the proxy's own", edge + api, "edge", "edge"},
		{"generated", edge + api, "shop-api-1", "api"},
		{"generated, of three", edge + "  api: {image: x, scale: 3}\n", "shop-api-3", "api"},
		{"generated, of three only", edge + "  api: {image: x, scale: 3}\n", "shop-api-4", ""},
		{"generated, as before Compose 2", edge + api, "shop_api_1", ""},
		{"name.network", edge + api, "api.shop_default", "api"},
		{"generated.network", edge + api, "shop-api-1.shop_default", "api"},
		{"name.network of another network", edge + api, "api.shop_front", ""},
		{"container_name", edge + "  api: {image: x, container_name: backend}\n", "backend", "api"},
		{"container_name beside the service's", edge + "  api: {image: x, container_name: backend}\n", "api", "api"},
		{"container_name in place of the generated", edge + "  api: {image: x, container_name: backend}\n", "shop-api-1", ""},
		{"container_name in capitals", edge + "  api: {image: x, container_name: Backend}\n", "backend", "api"},
		{"hostname", edge + "  api: {image: x, hostname: backend}\n", "backend", "api"},
		{"alias", edge + "  api: {image: x, networks: {default: {aliases: [backend]}}}\n", "backend", "api"},
		{"alias in capitals", edge + "  api: {image: x, networks: {default: {aliases: [BackEnd]}}}\n", "backend", "api"},
		{"alias on a shared network", with("networks: [front]") + "  api: {image: x, networks: {front: {aliases: [backend]}}}\n" + networks, "backend", "api"},
		{"alias on another network", with("networks: [front]") + "  api: {image: x, networks: {front: , back: {aliases: [backend]}}}\n" + networks, "backend", ""},
		{"alias.network", with("networks: [web]") + "  api: {image: x, networks: {web: {aliases: [backend]}}}\n" + networks, "backend.shared", "api"},
		{"no shared network", with("networks: [front]") + "  api: {image: x, networks: [back]}\n" + networks, "api", ""},
		{"on two shared networks", with("networks: [front, back]") + "  api: {image: x, networks: [front, back]}\n" + networks, "api", "api api"},
		{"link", with("links: ['api:backend']") + api, "backend", "api"},
		{"link without an alias", with("links: [api]") + api, "api", "api api"},
		{"link of another service", edge + "  web: {image: x, links: ['api:backend']}\n" + api, "backend", ""},
		{"two services", edge + api + "  b: {image: x, hostname: api}\n", "api", "api b"},
		{"disabled", edge + "  api: {image: x, profiles: [full]}\n", "api", ""},
		{"scaled to none", edge + "  api: {image: x, scale: 0}\n", "api", ""},
		{"replicas: 0", edge + "  api: {image: x, deploy: {replicas: 0}}\n", "api", ""},
		{"the proxy uses the network of api", with("network_mode: 'service:api'") + api + "  db: {image: x}\n", "db", "db"},
		{"the upstream uses the network of db", edge + "  api: {image: x, network_mode: 'service:db'}\n  db: {image: x}\n", "api", ""},
		{"two namespaces on", with("network_mode: 'service:a'") + "  a: {image: x, network_mode: 'service:b'}\n  b: {image: x}\n" + api, "api", "api"},
		{"the proxy on the host's network", with("network_mode: host") + api, "api", ""},
		{"the upstream on the host's network", edge + "  api: {image: x, network_mode: host}\n", "api", ""},
	} {
		f := newFacts(shop(t, server(pass("/", "http://api:8000")), test.services), nil)
		if got := bearers(f, test.name); got != test.want {
			t.Errorf("%s: %s is %q, want %q", test.what, test.name, got, test.want)
		}
	}
}

// What the daemon says replaces what the files say.
func TestNamesFromTheDaemon(t *testing.T) {
	other := func(c *Container) { c.ID, c.Project = "x", "other" }
	for _, test := range []struct {
		what string
		snap *Snapshot
		name string
		want string
	}{
		{"a name that only the daemon has", seen(up("edge"), up("api", answersTo("extra"))), "extra", "api"},
		{"with the network", seen(up("edge"), up("api", answersTo("extra"))), "extra.shop_default", "api"},
		{"a name that only the files have", seen(up("edge"), up("api", answersTo("extra"))), "api", ""},
		{"down", seen(up("edge"), down("api", "exited", 1)), "api", ""},
		{"no container", seen(up("edge")), "api", ""},
		{"one-off", seen(up("edge"), up("api", func(c *Container) { c.OneOff = true })), "api", ""},
		{"another project's", seen(up("edge"), up("api", other)), "api", "other"},
		{"another project's beside it", seen(up("edge"), up("api", other), up("api")), "api", "other api"},
		{"on another network", seen(up("edge"), up("api", func(c *Container) { c.Endpoints[0].Network = "shop_back" })), "api", ""},
		{"the proxy was disconnected", seen(up("edge", on("shop_front")), up("api")), "api", ""},
		{"the proxy has no container", seen(up("api")), "api", "api"},
		{"a project that is stopped", seen(down("edge", "exited", 0), down("api", "exited", 0)), "api", "api"},
	} {
		f := newFacts(shop(t, server(pass("/", "http://api:8000")), edge+api), test.snap)
		got := strings.Fields(bearers(f, test.name))
		want := strings.Fields(test.want)
		if len(got) != len(want) || !strings.Contains(strings.Join(got, " "), strings.Join(want[:min(1, len(want))], "")) {
			t.Errorf("%s: %s is %q, want %q", test.what, test.name, got, want)
		}
	}
}

// The hosts file counts for names that libc looks up, which are those that are written out.
func TestExtraHosts(t *testing.T) {
	for _, test := range []struct {
		extra, host string
		perRequest  bool
		want        bool
	}{
		{"legacy", "legacy", false, true},
		{"legacy", "Legacy", false, true},
		{"Legacy", "legacy", false, true},
		{"legacy", "legacy", true, false},
		{"legacy", "api", true, true},
		{"legacy", "nope", false, false},
	} {
		stack := shop(t, server(pass("/", "http://api:8000")), with("extra_hosts: ['"+test.extra+":10.0.0.1']")+api)
		c := &Case{Proxy: stack.Proxies[0], Backend: Backend{Host: test.host, PerRequest: test.perRequest}, facts: newFacts(stack, nil)}
		if got := c.resolves(); got != test.want {
			t.Errorf("%s resolves with %s: %v", test.host, test.extra, got)
		}
	}
}

// A host means who answers to it, else who bears its name anywhere.
func TestMeant(t *testing.T) {
	const services = "  api: {image: x, networks: [front]}\n  away: {image: x, hostname: db, networks: [back]}\n" +
		"  db: {image: x, networks: [back]}\n  b: {image: x, hostname: api, networks: [back]}\n  off: {image: x, profiles: [full]}\nnetworks: {front: , back: }\n"
	stack := shop(t, server(pass("/", "http://api:8000")), with("networks: [front]")+services)
	for host, want := range map[string]string{
		"api":           "api", // who answers
		"API":           "api",
		"db":            "db", // not away, whose hostname it is
		"shop-db-1":     "db",
		"off":           "off",
		"nope":          "",
		"":              "",
		"db.shop_front": "",
	} {
		got := ""
		f := newFacts(stack, nil)
		if svc := f.meant(stack.Services["edge"], host); svc != nil {
			got = svc.Name
		}
		if got != want {
			t.Errorf("%s means %q, want %q", host, got, want)
		}
	}
	foreign := up("x", func(c *Container) { c.Project, c.Endpoints[0].Network = "other", "shop_front" }, answersTo("db"))
	f := newFacts(stack, seen(up("edge", func(c *Container) { c.Endpoints[0].Network = "shop_front" }), foreign))
	if svc := f.meant(stack.Services["edge"], "db"); svc != nil {
		t.Errorf("db means %s, though another project's container answers", svc.Name)
	}
}

func TestNearest(t *testing.T) {
	stack := shop(t, server(pass("/", "http://api:8000")),
		edge+"  api: {image: x, networks: {default: {aliases: [Backend]}}}\n  queue: {image: x, container_name: messages}\n  db: {image: x, networks: [back]}\nnetworks: {back: }\n")
	f := newFacts(stack, nil)
	for host, want := range map[string]string{
		"apii": "api", "aip": "api", "APi": "api", "app": "api", // one edit
		"bakcend": "backend", "quue": "queue", "mesages": "messages",
		"edges":          "", // the proxy itself is not meant
		"dbb":            "", // not on its networks
		"shop-queue-2":   "", // generated names are not written by people
		"something-else": "", // nothing is near
		"x":              "",
	} {
		if got := f.nearest(stack.Services["edge"], host); got != want {
			t.Errorf("nearest to %s is %q, want %q", host, got, want)
		}
	}
}

func TestDistance(t *testing.T) {
	for _, test := range []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"api", "api", 0}, {"", "api", 3}, {"api", "", 3},
		{"api", "apii", 1}, {"api", "ap", 1}, {"api", "apx", 1}, {"api", "pai", 1},
		{"backend", "frontend", 5}, {"müller", "muller", 1}, {"ab", "ba", 1}, {"abc", "cab", 2},
	} {
		if got := Distance(test.a, test.b); got != test.want || Distance(test.b, test.a) != got {
			t.Errorf("from %q to %q: %d, want %d", test.a, test.b, got, test.want)
		}
	}
}
