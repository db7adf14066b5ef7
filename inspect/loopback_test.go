package inspect

import (
	"fmt"
	"testing"
)

// Port 8000 of api is asked. The service is what it says of itself besides.
func TestListensOnLoopback(t *testing.T) {
	for service, want := range map[string]string{
		// flags of programs that are known
		"command: gunicorn --bind 127.0.0.1:8000 app:app":                  "certain --bind 127.0.0.1:8000",
		"command: gunicorn -b localhost:8000 app:app":                      "certain -b localhost:8000",
		"command: gunicorn --bind=127.0.0.1:8000 app:app":                  "certain --bind 127.0.0.1:8000",
		"command: 'gunicorn --bind [::1]:8000 app:app'":                    "certain --bind [::1]:8000",
		"command: [uvicorn, 'app:app', --host, localhost, --port, '8000']": "certain --host localhost",
		"command: poetry run uvicorn app:app --host 127.0.0.1 --port 8000": "certain --host 127.0.0.1",
		"command: python -m http.server 8000 --bind 127.0.0.1":             "certain --bind 127.0.0.1",
		"command: python manage.py runserver 127.0.0.1:8000":               "certain 127.0.0.1:8000",
		"command: php -S localhost:8000 -t public":                         "certain -S localhost:8000",
		"entrypoint: [uvicorn], command: [x, --host, 127.0.0.1]":           "certain --host 127.0.0.1",
		"command: uwsgi --http 127.0.0.1:8000":                             "certain --http 127.0.0.1:8000",
		"command: sh -c 'migrate && gunicorn -b 127.0.0.1:8000 app'":       "likely -b 127.0.0.1:8000",
		// of others
		"command: serve --listen-address 127.0.0.1:8000":                               "likely --listen-address 127.0.0.1:8000",
		"command: --host 127.0.0.1 --port 8000":                                        "likely --host 127.0.0.1",
		"command: sh -c 'pg_isready --host localhost && serve --port 8000'":            "", // whose host it is, nobody knows
		"command: sh -c 'pg_isready --host localhost && flask run -h 0.0.0.0 -p 8000'": "",
		// what programs do by themselves
		"command: python manage.py runserver":            "likely there is no 0.0.0.0:8000",
		"command: python manage.py runserver 8000":       "likely 8000 without an address",
		"command: flask --app x run -p 8000":             "likely there is no --host 0.0.0.0",
		"command: uvicorn app:app --port 8000":           "likely there is no --host 0.0.0.0",
		"command: php artisan serve --port=8000":         "likely there is no --host 0.0.0.0",
		"command: gunicorn app:app, expose: [8000]":      "", // its gunicorn.conf.py may say it
		"command: vite, expose: [8000]":                  "",
		"command: flask db upgrade, expose: [8000]":      "",
		"command: uvicorn app:app $$OPTIONS --port 8000": "",
		"command: python app.py --port 8000":             "",
		// variables
		"environment: {UVICORN_HOST: 127.0.0.1}, command: uvicorn app:app":        "likely UVICORN_HOST=127.0.0.1",
		"environment: {UVICORN_HOST: 0.0.0.0}, command: uvicorn app:app":          "",
		"environment: {ASPNETCORE_URLS: 'http://localhost:8000'}":                 "likely ASPNETCORE_URLS=http://localhost:8000",
		"environment: {ASPNETCORE_URLS: 'http://+:8000'}":                         "",
		"environment: {HOST: localhost}, expose: [8000]":                          "",
		"environment: {HOST: 127.0.0.1}, expose: [8000]":                          "likely HOST=127.0.0.1",
		"environment: {DB_HOST: 127.0.0.1}, expose: [8000]":                       "",
		"environment: {HOST: 127.0.0.1}, command: uvicorn app:app --host 0.0.0.0": "",
		// somewhere else, too, or not at that port
		"command: gunicorn -b 127.0.0.1:8001 -b 0.0.0.0:8000 app":         "",
		"command: gunicorn -b 127.0.0.1:8000 -b 10.0.0.1:8000 app":        "",
		"command: gunicorn -b 127.0.0.1:9000 app, expose: [8000]":         "",
		"command: gunicorn -b 0.0.0.0:8000 app":                           "",
		"command: gunicorn -b :8000 app":                                  "",
		"command: 'uvicorn app:app --host :: --port 8000'":                "",
		"command: vite --host --port 8000":                                "",
		"command: python manage.py runserver 0.0.0.0:8000":                "",
		"command: python manage.py runserver 0:8000":                      "",
		"command: python manage.py runserver --settings a.b 0.0.0.0:8000": "",
		"command: python manage.py runserver --verbosity 2 0.0.0.0:8000":  "",
		"network_mode: 'service:edge', command: x --host 127.0.0.1":       "",
		"network_mode: host, command: x --host 127.0.0.1":                 "",
	} {
		got := ""
		for _, f := range Judge(shop(t, server(pass("/", "http://api:8000")), edge+"  api: {image: x, "+service+"}\n"), nil, Live{}, Options{}).Findings {
			if f.Rule == upstreamListensOnLoopback {
				got = fmt.Sprintf("%s %s", f.Confidence, f.Evidence[0].Text)
			}
		}
		if got != want {
			t.Errorf("%s: %q, want %q", service, got, want)
		}
	}
}

// In a namespace that several share, another may be what listens.
func TestListensOnLoopbackBeside(t *testing.T) {
	services := edge + "  api: {image: x, command: gunicorn -b 127.0.0.1:8000 app}\n  side: {image: y, network_mode: 'service:api'}\n"
	fs := Judge(shop(t, server(pass("/", "http://api:8000")), services), nil, Live{}, Options{}).Findings
	if len(fs) == 0 || fs[0].Rule != upstreamListensOnLoopback || fs[0].Confidence != Likely {
		t.Errorf("got %v", fs)
	}
}
