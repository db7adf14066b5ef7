package report

import (
	"fmt"

	"why502/compose/proxy"
	"why502/inspect"
)

// hops are the states of a backend's hops: all before the last are ok, the last is as given.
func hops(last inspect.Hop, state inspect.HopState) (h [8]inspect.HopState) {
	for i := range h {
		h[i] = inspect.HopNotReached
	}
	for i := range last {
		h[i] = inspect.HopOK
	}
	h[last] = state
	return h
}

func at(file string, line, column int) proxy.Place {
	return proxy.Place{File: file, Line: line, Column: column}
}

// route is a route of the proxy edge on port 80, with one backend.
func route(server, location, host string, port int, line int) inspect.RouteReport {
	target := fmt.Sprintf("%s:%d", host, port)
	return inspect.RouteReport{
		ID:        "edge:80 " + server + location + " -> " + target,
		Proxy:     "edge",
		Published: []string{"0.0.0.0:8080", "[::]:8080"},
		Listen:    "80",
		Server:    server,
		Location:  location,
		Pass:      "proxy_pass http://" + target,
		Scheme:    "http",
		Target:    target,
		Place:     at("nginx.conf", line, 20),
		Backends: []inspect.BackendReport{{
			Host: host, Port: port, Service: host, Hops: hops(inspect.HopResponse, inspect.HopOK),
		}},
		Verdict: inspect.VerdictOK,
	}
}

// broken gives a route a verdict, and the hop at which it fails.
func broken(r inspect.RouteReport, hop inspect.Hop, v inspect.Verdict, status inspect.Status) inspect.RouteReport {
	state := inspect.HopBroken
	if v == inspect.VerdictAtRisk {
		state = inspect.HopAtRisk
	}
	r.Backends[0].Hops = hops(hop, state)
	r.Verdict, r.Status = v, status
	return r
}

var (
	loopbackRule = &inspect.Rule{
		ID: "upstream-listens-on-loopback", Hop: inspect.HopPort, Severity: inspect.Error,
		Title: "the app listens on 127.0.0.1 only",
		Why: "An app that listens on 127.0.0.1 can be reached from inside its own container only. " +
			"nginx runs in another one, so its connections are refused.",
		Bad:  "services:\n  api:\n    command: uvicorn main:app --host 127.0.0.1 --port 8000\n",
		Good: "services:\n  api:\n    command: uvicorn main:app --host 0.0.0.0 --port 8000\n",
		Fix:  "Let the app listen on all addresses, 0.0.0.0. No port has to be published for that.",
	}
	raceRule = &inspect.Rule{
		ID: "upstream-start-race", Hop: inspect.HopContainer, Severity: inspect.Warning,
		Title: "nginx may start before the service it needs",
	}
	staleRule = &inspect.Rule{
		ID: "upstream-address-may-go-stale", Hop: inspect.HopName, Severity: inspect.Note,
		Title: "nginx keeps the address that it found at start",
	}
	networkRule = &inspect.Rule{
		ID: "upstream-no-shared-network", Hop: inspect.HopNetwork, Severity: inspect.Error,
		Title: "proxy and service share no network",
	}
)

// shop is a report with something of everything.
func shop() *inspect.Report {
	api := broken(route("shop.example.com", "/api/", "api", 8000, 14), inspect.HopPort, inspect.VerdictBroken, inspect.Status502)
	admin := broken(route("shop.example.com", "/admin/", "admin", 3000, 18), inspect.HopNetwork, inspect.VerdictBroken, inspect.StatusNone)
	chat := broken(route("shop.example.com", "/chat/", "chat", 9000, 22), inspect.HopContainer, inspect.VerdictAtRisk, inspect.StatusNone)
	web := route("shop.example.com", "/", "web", 3000, 10)
	img := route("_", `~* \.(png|jpg)$`, "images", 8080, 26)
	return &inspect.Report{
		Project: inspect.Project{Name: "shop", Directory: ".", Files: []string{"compose.yaml"}},
		Live: inspect.Live{State: inspect.LiveInspected, Daemon: inspect.Daemon{
			Endpoint: "unix:///var/run/docker.sock", Engine: "29.0.0", API: "1.51",
		}},
		Verdict: inspect.VerdictBroken,
		Proxies: []inspect.ProxyReport{{
			Service: "edge", Image: "nginx:1.27", Why: "image", Nginx: "1.27", Config: []string{"nginx.conf"}, State: "running",
		}},
		Routes:   []inspect.RouteReport{web, api, admin, chat, img},
		Findings: []*inspect.Finding{loopback(api.ID), noSharedNetwork(admin.ID), startRace(chat.ID), mayGoStale()},
		Ignored:  []*inspect.Finding{{Rule: staleRule, Severity: inspect.Note}},
		Unchecked: []proxy.Unchecked{{
			What: "edge: files of the volume certs", Why: "a named volume is not among the project's files",
		}},
	}
}

func loopback(route string) *inspect.Finding {
	return &inspect.Finding{
		Rule: loopbackRule, Severity: inspect.Error, Confidence: inspect.Proven,
		Message:  "api listens on 127.0.0.1:8000 only, so connections from edge are refused",
		Place:    at("nginx.conf", 14, 20),
		Excerpt:  "        proxy_pass http://api:8000;",
		Proxy:    "edge",
		Service:  "api",
		Routes:   []string{route},
		Status:   inspect.Status502,
		Evidence: []inspect.Evidence{{Source: "probe", Text: "LISTEN 127.0.0.1:8000 in shop-api-1"}},
		Related: []inspect.Related{{
			Place: at("compose.yaml", 9, 14), Excerpt: "    command: uvicorn main:app --host 127.0.0.1 --port 8000",
			Text: "the command that binds 127.0.0.1",
		}},
		Fix: inspect.Fix{
			Text: "listen on all addresses: --host 0.0.0.0",
			Edits: []inspect.Edit{{
				File: "compose.yaml", Line: 9, LineEnd: 9,
				Old: "    command: uvicorn main:app --host 127.0.0.1 --port 8000",
				New: "    command: uvicorn main:app --host 0.0.0.0 --port 8000",
			}},
		},
	}
}

func noSharedNetwork(route string) *inspect.Finding {
	return &inspect.Finding{
		Rule: networkRule, Severity: inspect.Error, Confidence: inspect.Certain,
		Message: "edge and admin share no network: edge is on front, admin is on back; nginx cannot find the name",
		Place:   at("nginx.conf", 18, 20),
		Excerpt: "        proxy_pass http://admin:3000;",
		Proxy:   "edge", Service: "admin", Routes: []string{route},
		Evidence: []inspect.Evidence{
			{Source: "compose", Text: "edge is on front"},
			{Source: "compose", Text: "admin is on back"},
		},
		Related: []inspect.Related{{
			Place: at("compose.yaml", 21, 5), Excerpt: "    networks:", Text: "the networks of admin",
		}},
		Fix: inspect.Fix{Text: "put admin on front as well", Paste: "networks:\n  - back\n  - front\n"},
	}
}

func startRace(route string) *inspect.Finding {
	return &inspect.Finding{
		Rule: raceRule, Severity: inspect.Warning, Confidence: inspect.Certain,
		Message: "nothing makes edge wait for chat; if edge starts first, nginx does not find the name and exits",
		Place:   at("nginx.conf", 22, 20),
		Excerpt: "        proxy_pass http://chat:9000;",
		Proxy:   "edge", Service: "chat", Routes: []string{route},
		Related: []inspect.Related{{Place: at("compose.yaml", 3, 3), Text: "edge"}},
		Fix: inspect.Fix{
			Text:  "let edge depend on chat",
			Edits: []inspect.Edit{{File: "compose.yaml", Line: 5, LineEnd: 5, New: "    depends_on:\n      - chat\n"}},
		},
	}
}

func mayGoStale() *inspect.Finding {
	return &inspect.Finding{
		Rule: staleRule, Severity: inspect.Note, Confidence: inspect.Certain,
		Message: "nginx asks for the addresses of api, web and 2 more only when it starts; a service that is recreated may get another one",
		Place:   at("nginx.conf", 10, 20),
		Proxy:   "edge",
		Fix:     inspect.Fix{Text: "restart edge after a service was recreated, or add a resolver and pass by a variable"},
	}
}
