package report

import (
	"strings"
	"testing"
	"time"

	"why502/compose/proxy"
	"why502/inspect"
	"why502/inspect/trace"
)

// traced is a report about one request: to shop's api, with what nginx wrote about it.
func traced() *inspect.Report {
	r := shop()
	route := r.Routes[0]
	r.Routes = r.Routes[:1]
	server := &proxy.Server{Place: at("nginx.conf", 3, 1), Names: []string{"shop.example.com"}}
	location := &proxy.Location{Place: at("nginx.conf", 7, 5), Path: "/"}
	pass := &proxy.Pass{Place: route.Place, Directive: "proxy_pass", Value: "http://api:8000"}
	r.Trace = &inspect.Traced{
		Request: "GET http://shop.example.com:8080/a\x1b[2J",
		Legs: []inspect.Leg{{
			Proxy: "edge", From: "port 8080", Routes: []string{route.ID},
			Log: []string{"[error] connect() failed\x1b[31m"},
			Trace: trace.Trace{Ways: []trace.Way{{
				Server: server, Location: location, Pass: pass,
				Sent:   &trace.Sent{Value: "http://api:8000", Scheme: "http", Host: "api", Port: 8000, Method: "GET", URI: "/a", Header: "api:8000"},
				Answer: trace.Answer{What: "proxy_pass http://api:8000", Place: route.Place},
				Steps: []trace.Step{
					{Kind: trace.StepListen, Text: "listen 80", Place: at("nginx.conf", 4, 5)},
					{Kind: trace.StepServer, Text: "server shop.example.com (exact name)", Place: server.Place, Lost: []trace.Lost{{What: "server other", Why: "its names do not match", Place: at("nginx.conf", 20, 1)}}},
					{Kind: trace.StepLocation, Text: "location /", Place: location.Place},
					{Kind: trace.StepPass, Text: "proxy_pass http://api:8000", Place: route.Place},
				},
			}}},
		}},
		Sent: &inspect.Sent{Address: "127.0.0.1:8080", Status: 502, Took: 3 * time.Millisecond},
	}
	return r
}

func TestTraceText(t *testing.T) {
	r := traced()
	got := printText(t, r, Options{Verbose: true})
	for _, want := range []string{
		"→ 502 (", "port 8080 → edge\n", "  server     shop.example.com (exact name) (nginx.conf:3:1)\n", "not server other: its names do not match (nginx.conf:20:1)",
		"  sends      GET /a to api:8000, Host: api:8000\n", "  log        [error] connect() failed", "answer 502, from 127.0.0.1:8080 after 3ms\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	if strings.Contains(got, "\x1b") {
		t.Errorf("an escape came through:\n%q", got)
	}
	if short := printText(t, r, Options{}); strings.Contains(short, "not server other") {
		t.Errorf("what lost is shown without being asked for:\n%s", short)
	}
	r.Trace.Sent = &inspect.Sent{Address: "127.0.0.1:8080", Error: "no answer within 5s"}
	if got := printText(t, r, Options{}); !strings.Contains(got, "→ none: no answer within 5s") {
		t.Errorf("no word of the missing answer in\n%s", got)
	}
}

func TestTraceJSON(t *testing.T) {
	r := traced()
	doc := decoded(t, printJSON(t, r, Options{}))
	if err := schema(t).Validate(doc); err != nil {
		t.Error(err)
	}
	row := doc["trace"].(map[string]any)
	for member := range row {
		value := row[member]
		delete(row, member)
		optional := member == "server" || member == "location" || member == "pass"
		if err := schema(t).Validate(doc); (err == nil) != optional {
			t.Errorf("trace without %s: %v", member, err)
		}
		row[member] = value
	}
	if pass := row["pass"].(map[string]any); pass["uri"] != "/a" || pass["host"] != "api:8000" || pass["directive"] != "proxy_pass http://api:8000" {
		t.Errorf("the pass is %v", pass)
	}
	if answer := row["answer"].(map[string]any); answer["status"] != "502" {
		t.Errorf("the answer is %v", answer)
	}
}

// Where the files leave something open, each way is shown with what it rests on.
func TestTraceWays(t *testing.T) {
	r := traced()
	leg := &r.Trace.Legs[0]
	r.Trace.Sent = nil
	open := trace.Choice{Question: "/srv/a is there:", Options: []string{"yes", "no"}, Place: at("nginx.conf", 8, 9)}
	there, gone := leg.Ways[0], leg.Ways[0]
	there.Assumed, there.Pass, there.Sent = []trace.Choice{open}, nil, nil
	open.Taken = 1
	gone.Assumed = []trace.Choice{open}
	leg.Ways, leg.Routes = []trace.Way{there, gone}, []string{"", leg.Routes[0]}
	got := printText(t, r, Options{})
	for _, want := range []string{"→ unclear", "  if         /srv/a is there: yes (nginx.conf:8:9)\n", "  if         /srv/a is there: no (nginx.conf:8:9)\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	doc := decoded(t, printJSON(t, r, Options{}))
	if err := schema(t).Validate(doc); err != nil {
		t.Error(err)
	}
	if ways := doc["trace"].(map[string]any)["ways"].([]any); len(ways) != 2 {
		t.Errorf("the ways are %v", ways)
	}
}
