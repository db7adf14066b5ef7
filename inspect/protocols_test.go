package inspect

import (
	"strings"
	"testing"
)

// What is found about a pass to api, and what nginx answers.
func TestProtocolHop(t *testing.T) {
	const (
		mismatch = "upstream-protocol-mismatch"
		scheme   = "upstream-scheme-mismatch"
	)
	for _, test := range []struct{ pass, api, want string }{
		// by the image
		{"proxy_pass http://api:9000", "image: 'php:8.3-fpm'", "certain " + mismatch + " 502"},
		{"proxy_pass https://api:9000", "image: 'php:8.3-fpm'", "certain " + mismatch + " 502"},
		{"proxy_pass http://api:9000", "image: 'php:8.3-fpm', command: php-fpm -F", "certain " + mismatch + " 502"},
		{"proxy_pass http://api:9000", "image: 'own/php:fpm'", "likely " + mismatch + " 502"},
		{"proxy_pass http://api:9000", "image: 'php:8.3-fpm', command: php -S 0.0.0.0:9000", ""},
		{"proxy_pass http://api:9000", "image: 'php:8.3-fpm', command: 'sh -c \"composer install && php-fpm\"'", "likely " + mismatch + " 502"},
		{"proxy_pass http://api:9000", "image: 'php:8.3-fpm', entrypoint: /start.sh", ""},
		{"fastcgi_pass api:9000", "image: 'php:8.3-fpm'", ""},
		{"fastcgi_pass api:80", "image: 'php:8.3-apache'", "certain " + mismatch + " 502"},
		{"uwsgi_pass api:9000", "image: 'php:8.3-fpm'", "certain " + mismatch + " -"},
		{"proxy_pass http://api:5432", "image: 'postgres:16'", "certain " + mismatch + " -"},
		{"proxy_pass http://api:6379", "image: 'redis:7', command: redis-server --save 60 1", "likely " + mismatch + " -"},
		{"memcached_pass api:11211", "image: memcached", ""},
		{"proxy_pass http://api:9000", "image: minio/minio", ""},
		// by the command
		{"proxy_pass http://api:8000", "image: x, command: 'uwsgi --socket 0.0.0.0:8000 --wsgi-file app.py'", "likely " + mismatch + " 502"},
		{"proxy_pass http://api:8000", "image: x, command: [uwsgi, -s, ':8000']", "likely " + mismatch + " 502"},
		{"uwsgi_pass api:8000", "image: x, command: uwsgi --socket=:8000", ""},
		{"proxy_pass http://api:8000", "image: x, command: uwsgi --http-socket :8000", ""},
		{"proxy_pass http://api:8000", "image: x, command: uwsgi --http :8000 --socket :8001", ""},
		{"uwsgi_pass api:8000", "image: x, command: uwsgi --http :8000 --socket :8001", "likely " + mismatch + " -"},
		{"proxy_pass http://api:8000", "image: x, command: uwsgi --socket :8000 --protocol=http", ""},
		{"proxy_pass http://api:8000", "image: x, command: uwsgi --ini app.ini, expose: [8000]", ""},
		{"uwsgi_pass api:8000", "image: x, command: gunicorn -b :8000 app", "likely " + mismatch + " -"},
		{"uwsgi_pass api:8000", "image: x, command: gunicorn -b :8000 --protocol uwsgi app", ""},
		{"fastcgi_pass api:8000", "image: x, command: manage.py runserver 0.0.0.0:8000", "likely " + mismatch + " -"},
		{"proxy_pass http://api:9000", "image: x, command: 'sh -c \"php-fpm & php artisan serve --port 9000\"'", ""},
		// schemes
		{"proxy_pass https://api:8000", "image: x, command: gunicorn -b :8000 app", "likely " + scheme + " 502"},
		{"proxy_pass https://api:8000", "image: x, command: gunicorn -b :8000 --certfile a.pem app", ""},
		{"proxy_pass https://api:8000", "image: x, command: gunicorn -b :8000 -c gunicorn.py app", ""},
		{"proxy_pass https://api:80", "image: x", "likely " + scheme + " 502"},
		{"proxy_pass http://api:443", "image: x", "likely " + scheme + " -"},
		{"proxy_pass http://api:443", "image: x, command: gunicorn -b :443 app", ""},
		{"proxy_pass https://api:8443", "image: x", ""},
		{"proxy_pass https://api", "image: x", ""},
		{"grpc_pass grpcs://api:8000", "image: x, command: hypercorn -b :8000 app", ""},
		{"set $api https://api:80; resolver 127.0.0.11; proxy_pass $api", "image: x", "likely " + scheme + " 502"},
		// another one in the same namespace may listen there
		{"proxy_pass http://api:81", "image: 'php:8.3-fpm'}\n  side: {image: x, network_mode: 'service:api', expose: [81]", ""},
	} {
		r := judged(shop(t, server("location / { "+test.pass+"; }"), edge+"  api: {"+test.api+"}\n"), nil)
		if got := protocolFinding(r); got != test.want {
			t.Errorf("%s to %s: %q, want %q", test.pass, test.api, got, test.want)
		}
	}
}

// protocolFinding is the finding about the protocol hop as "confidence rule status".
func protocolFinding(r *Report) string {
	for _, f := range r.Findings {
		if f.Rule.Hop == HopProtocol {
			status := string(f.Status)
			if status == "" {
				status = "-"
			}
			return string(f.Confidence) + " " + f.Rule.ID + " " + status
		}
	}
	return ""
}

// What an inner nginx speaks is what its listens say.
func TestProtocolOfNginx(t *testing.T) {
	const inner = "  inner: {image: 'nginx:1.27', volumes: [./inner.conf:/etc/nginx/conf.d/default.conf]}\n"
	for _, test := range []struct{ pass, conf, want string }{
		{"http://inner:81", "server { listen 81; }", ""},
		{"https://inner:81", "server { listen 81; }", "upstream-scheme-mismatch"},
		{"http://inner:81", "server { listen 81 ssl; }", "upstream-scheme-mismatch"},
		{"https://inner:81", "server { listen 81 ssl; }", ""},
		{"http://inner:81", "server { listen 81 ssl; } server { listen 81; server_name a; }", "upstream-scheme-mismatch"},
		{"http://inner:81", "server { listen 81 ssl; listen [::]:81; }", ""},
		{"http://inner:81", "server { listen 81 ssl; error_page 497 https://$host; }", ""},
		{"http://inner:443", "server { listen 443; }", ""},
		{"https://inner:80", "server { listen 80 ssl; }", ""},
	} {
		test.conf = strings.ReplaceAll(test.conf, "ssl;", "ssl; ssl_certificate $a; ssl_certificate_key $a;")
		stack := load(t, map[string]string{"compose.yaml": "name: shop\nservices:\n" + edge + inner, "nginx.conf": server(pass("/", test.pass)), "inner.conf": test.conf})
		got := ""
		for _, f := range judged(stack, nil).Findings {
			if f.Rule.Hop == HopProtocol {
				got = f.Rule.ID
			}
		}
		if got != test.want {
			t.Errorf("%s to %s: %q, want %q", test.pass, test.conf, got, test.want)
		}
	}
}

// Where PHP is asked for its scripts, and where it has them. The proxy has ./src at /src.
func TestScriptMissing(t *testing.T) {
	const root = "$document_root$fastcgi_script_name"
	for _, test := range []struct{ script, php, want string }{
		{root, "image: 'php:fpm', volumes: ['./src:/src']", ""},
		{root, "image: 'php:fpm', volumes: ['./src:/app']", "certain /app/public$fastcgi_script_name"},
		{root, "image: 'php:fpm', volumes: ['./src/public:/app']", "certain /app$fastcgi_script_name"},
		{"/src/public/index.php", "image: 'php:fpm', volumes: ['./src:/app']", "certain /app/public/index.php"},
		{"$document_root/../index.php", "image: 'php:fpm', volumes: ['./src:/app']", "certain /app/public/../index.php"},
		{"$realpath_root/index-$host.php", "image: 'php:fpm', volumes: ['./src:/app']", "certain /app/public/index-$host.php"},
		{"$request_filename", "image: 'php:fpm', volumes: ['./src:/app']", ""},
		{"$root/x.php", "image: 'php:fpm', volumes: ['./src:/app']", ""},
		{root, "image: 'php:fpm'", "certain -"},
		{root, "image: 'php:fpm', volumes: ['code:/src']", ""},
		{root, "image: 'php:fpm', volumes: ['./other:/src/public/other']", ""},
		{root, "image: 'php:fpm', volumes_from: [api]", ""},
		{root, "image: 'php:fpm', entrypoint: /start.sh", ""},
		{root, "image: 'own/php:fpm'", ""},
		{root, "image: 'own/php:fpm', volumes: ['./src:/app']", "likely /app/public$fastcgi_script_name"},
		{root, "image: 'wordpress:fpm'", ""},
		{root, "image: own, volumes: ['./src:/app']", ""},
	} {
		services := strings.Replace(edge, "volumes: [", "volumes: [./src:/src, ", 1) + api + "  php: {" + test.php + "}\nvolumes: {code: }\n"
		conf := "server {\n  root /src/public;\n  location / {\n    fastcgi_param SCRIPT_FILENAME " + test.script + ";\n    fastcgi_pass php:9000;\n  }\n}\n"
		got := ""
		for _, f := range judged(shop(t, conf, services), nil).Findings {
			if f.Rule == fastcgiScriptMissing {
				got = string(f.Confidence) + " -"
				if len(f.Fix.Edits) == 1 && f.Fix.Edits[0].File == "nginx.conf" {
					got = string(f.Confidence) + strings.TrimSuffix(strings.TrimPrefix(f.Fix.Edits[0].New, "    fastcgi_param SCRIPT_FILENAME"), ";")
				}
			}
		}
		if got != test.want {
			t.Errorf("%s of %s: %q, want %q", test.script, test.php, got, test.want)
		}
	}
}
