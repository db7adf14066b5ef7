package inspect

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

// Nothing of a credential survives, wherever it stands: every one of these has hunter2 in it.
func TestRedactCredentials(t *testing.T) {
	for _, text := range []string{
		// Compose
		"POSTGRES_PASSWORD: hunter2", `POSTGRES_PASSWORD: "hunter2 and more hunter2"`, "- DB_PASSWORD=hunter2", `- "DB_PASSWORD=hunter2"`,
		"MYSQL_PWD: hunter2", "SMTP_PASS=hunter2", "DB_PASS: hunter2", "SECRET_KEY_BASE: hunter2", "AWS_SECRET_ACCESS_KEY=hunter2/x+y",
		"API_KEY: hunter2", "APIKEY=hunter2", "x-api-key: hunter2", "ENCRYPTION_KEY=hunter2", "APP_KEY: base64:hunter2=", "JWT_SECRET='hunter2'",
		"GITHUB_TOKEN=hunter2", "accessToken: hunter2", "clientSecret: hunter2", "DJANGO_SECRET_KEY=hunter2;x", `{"password":"hunter2"}`, `"db_password" : "hunter2",`,
		"PASSPHRASE=hunter2", "command: --requirepass hunter2", "command: --password hunter2", "--password=hunter2", "--api-key hunter2", "-e TOKEN=hunter2",
		// URLs
		"DATABASE_URL: postgres://user:hunter2@db:5432/shop", "redis://:hunter2@redis:6379/0", "proxy_pass http://user:hunter2@api:8000;",
		`invalid port in upstream "user:hunter2@api:8000/"`, "GET /x?token=hunter2&y=1", "/login?access_token=hunter2", "https://api/?api_key=hunter2",
		// nginx
		`proxy_set_header Authorization "Basic hunter2hunter2==";`, `proxy_set_header Authorization "Bearer hunter2hunter2";`,
		`proxy_set_header Authorization "Token hunter2";`, "proxy_set_header X-Api-Key hunter2;", `proxy_set_header X-Auth-Token "hunter2";`, `set $token "hunter2";`,
		"fastcgi_param DB_PASSWORD hunter2;", "secure_link_secret hunter2;",
		// logs and headers
		"Authorization: Bearer hunter2hunter2", "authorization: Basic aHVudGVyMghunter2", "X-Api-Key: hunter2", `password='hunter2'`, "token = hunter2",
		"ghp_hunter2hunter2hunter2", "github_pat_11AAAAAAA_hunter2hunter2hunter2", "glpat-hunter2hunter2hunter", "xoxb-123456-hunter2hunter2", "sk_live_hunter2hunter2hunter2",
		"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.hunter2hunter2",
	} {
		if got := redact(text); strings.Contains(got, "hunter2") {
			t.Errorf("%s\n  is printed as %s", text, got)
		}
	}
}

// What is no credential stays readable: it is what people have to find.
func TestRedactLeaves(t *testing.T) {
	for _, text := range []string{
		"proxy_pass http://api:8000/;", "proxy_set_header Host $host;", "proxy_set_header X-Token $token;", "proxy_set_header Authorization $http_authorization;",
		`proxy_set_header Authorization "Bearer $jwt";`, "proxy_pass_header Authorization;", "proxy_pass_request_headers on;",
		"auth_basic \"Restricted area\";", "auth_basic_user_file /etc/nginx/.htpasswd;", "ssl_certificate_key /etc/nginx/key.pem;", "ssl_password_file /run/secrets/tls;",
		"proxy_cache_key $scheme$host;", "limit_req_zone $binary_remote_addr zone=one:10m rate=1r/s;", "map $http_authorization $user {",
		`host not found in upstream "token" in /etc/nginx/nginx.conf:4`, "proxy_pass http://token:8000;", "proxy_pass http://passwords:80;",
		"image: redis", "secrets:", "  - db_password", "image: example/secret-service:1.2", "container_name: passport", "KEYCLOAK_PORT=8080", "depends_on: [keycloak]",
		"https://user@example.com/", "the token has expired", "no user/password was provided for basic authentication, client: 172.18.0.1",
		"password authentication failed for user", "compass: north", "bypass=1",
	} {
		if got := redact(text); got != text {
			t.Errorf("%s\n  is printed as %s", text, got)
		}
	}
}

func TestRedactKeepsTheName(t *testing.T) {
	for text, want := range map[string]string{
		"  - DB_PASSWORD=hunter2 # why":  "  - DB_PASSWORD=*** # why",
		"postgres://user:hunter2@db/x":   "postgres://user:***@db/x",
		"Authorization: Bearer hunter22": "Authorization: ***",
	} {
		if got := redact(text); got != want {
			t.Errorf("%s is printed as %s, want %s", text, got, want)
		}
	}
}

// Credentials that are planted wherever a report takes text from do not get into it.
func TestReportHasNoCredentials(t *testing.T) {
	conf := server(
		pass("/", "http://user:hunter2@api:8000"), pass("/a", "http://user:hunter2@$arg_to"), pass("/b", "http://apii:8000/?token=hunter2"),
		"set $url http://user:hunter2@api;", pass("/c", "$url"), pass("/d", "http://api:8001; proxy_set_header Authorization 'Basic hunter2hunter2'"),
		pass("/e", "http://127.0.0.1:9/?api_key=hunter2"), "lisen 'password=hunter2';",
	)
	services := edge + "  api: {image: 'https://user:hunter2@registry/x', environment: {PORT: 'http://user:hunter2@0.0.0.0:3000', TOKEN: hunter2}, command: x --token=hunter2, healthcheck: {test: curl http://user:hunter2@localhost:81}}\n"
	api := up("api", health("unhealthy"), func(c *Container) { c.HealthOutput, c.Image = "token=hunter2", "x:password=hunter2" })
	for name, snap := range map[string]*Snapshot{
		"files":   nil,
		"running": seen(up("edge"), api),
		"down": seen(down("edge", "exited", 1, func(c *Container) { c.Error = "password=hunter2" }), down("api", "exited", 1)).
			log("edge", `[emerg] host not found in upstream "user:hunter2@api" password=hunter2 in /x:1`).log("api", "DB_PASSWORD=hunter2 refused", "postgres://u:hunter2@db"),
	} {
		for _, conf := range []string{conf, strings.Replace(conf, "lisen", "#", 1) + "\n}", strings.Replace(conf, "lisen 'password=hunter2';", "", 1)} {
			if snap != nil {
				snap.Failed = map[Question]string{{Kind: AskLog, Of: "x"}: "token=hunter2"}
			}
			r := judged(shop(t, conf, services), snap)
			for _, f := range append(r.Findings, r.Ignored...) {
				f.Rule = nil // it has a function in it
			}
			text, err := json.MarshalIndent(r, "", " ")
			if err != nil {
				t.Fatal(err)
			}
			for line := range strings.Lines(string(text)) {
				if strings.Contains(line, "hunter2") {
					t.Errorf("%s: %s", name, line)
				}
			}
		}
	}
}

// The values of variables that are credentials are taken out wherever they came to be; the names of
// services and paths are none.
func TestMaskVariables(t *testing.T) {
	conf := server(pass("/hunter2/", "http://api:8000"), pass("/hunter22/", "http://hunter2:1"), pass("/b", "http://api:8000/backend"), pass("/c", "http://api:8000/etc/key"))
	services := strings.Replace(edge, "restart", "environment: {HOOK_SECRET: hunter2, DB_PASSWORD: backend, TLS_KEY: /etc/key, PASS: api}, restart", 1) + "  api: {image: x}\n  backend: {image: x}\n"
	r := judged(shop(t, conf, services), nil)
	var ids []string
	for _, route := range r.Routes {
		ids = append(ids, route.ID+" "+route.Pass)
	}
	got := strings.Join(ids, "\n")
	if strings.Contains(got, "hunter2") || !strings.Contains(got, "/backend") || !strings.Contains(got, "/etc/key") || !strings.Contains(got, "/***/ -> api:8000") {
		t.Errorf("routes are\n%s", got)
	}
	for _, f := range r.Findings {
		for _, id := range f.Routes {
			if !slices.ContainsFunc(r.Routes, func(route RouteReport) bool { return route.ID == id }) {
				t.Errorf("%s lists %s, which is no route of the report", f.Rule.ID, id)
			}
		}
	}
}

// What lists all routes over and over is bounded.
func TestListedRoutes(t *testing.T) {
	j := &judge{}
	routes := make([]string, maxListed-1)
	for _, want := range []int{maxListed - 1, 1, 1} {
		if got := len(j.list(routes)); got != want {
			t.Errorf("%d routes are listed, want %d", got, want)
		}
	}
}
