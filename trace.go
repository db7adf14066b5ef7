package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/http/httpguts"

	"why502/compose"
	"why502/inspect"
	"why502/inspect/trace"
)

// tracing is a request to follow, and what became of it.
type tracing struct {
	asked  inspect.Asked
	dryRun bool
	sent   *inspect.Sent // nil: it was not sent
	unsent string        // why; empty: nobody wanted it sent, or there was nobody to send it to
}

// trace follows one request through the project. Where the daemon has the project's containers the request
// is sent, once, before their logs are read.
func (p *program) trace(ctx context.Context, ask *request) (int, error) {
	seen, text, err := p.gather(ctx, ask)
	if err != nil {
		return exitError, err
	}
	at, err := entry(seen.Stack, seen.Snapshot, ask.tracing.asked)
	if err != nil {
		return exitError, err
	}
	r, err := judge(seen, ask)
	if err != nil {
		return exitError, err
	}
	r.Follow(seen.Stack, seen.Snapshot, ask.tracing.asked, at, ask.tracing.sent)
	r.Trace.Unsent = ask.tracing.unsent
	if err := p.write(r, ask, text); err != nil {
		return exitError, err
	}
	return exitCode(r.Findings, ask.failOn), nil
}

// meanwhile is what to do between looking at the containers and reading their logs: to send the request that
// is followed. Nil: nothing.
func (ask *request) meanwhile(stack *compose.Stack, progress *progress) func(context.Context, *inspect.Snapshot) {
	t := ask.tracing
	if t == nil || t.dryRun {
		return nil
	}
	return func(ctx context.Context, snap *inspect.Snapshot) {
		at, err := entry(stack, snap, t.asked)
		if err != nil || len(snap.Project) == 0 {
			return
		}
		host, why := reach(at.HostIP, snap.Daemon.Endpoint)
		if t.unsent = why; why == "" {
			progress.at("sending the request")
			t.sent = sendOnce(ctx, t.asked, host)
			if t.sent.Error != "" && stack.Contained() {
				t.sent.Error += "; why502 is in a container, which reaches the machine's ports with --network host"
			}
		}
	}
}

// entry is the published port that a request is made to, with the proxy behind it.
func entry(stack *compose.Stack, snap *inspect.Snapshot, asked inspect.Asked) (inspect.Entry, error) {
	var published []string
	for _, e := range inspect.Entries(stack, snap) {
		switch {
		case e.Published == asked.Port && e.Proxy != nil:
			if streams(e) {
				return e, wrong("trace follows requests of HTTP; why502 judges its route", "port %d leads to a stream server of %s, which hands connections on whatever they ask for", asked.Port, e.Proxy.Service.Name)
			}
			return e, nil
		case e.Published == asked.Port:
			return e, wrong("name the port of a proxy; if "+e.Service.Name+" is one: --proxy "+e.Service.Name, "port %d is published by %s, which is no proxy", asked.Port, e.Service.Name)
		case e.Proxy != nil:
			published = append(published, fmt.Sprintf("%d (%s)", e.Published, e.Proxy.Service.Name))
		}
	}
	hint := "no proxy publishes a port"
	if slices.Sort(published); len(published) > 0 {
		hint = "proxies publish " + strings.Join(slices.Compact(published), ", ")
	}
	return inspect.Entry{}, wrong(hint, "no service publishes port %d", asked.Port)
}

// streams says whether an entry leads to a stream server, and to none of HTTP.
func streams(e inspect.Entry) bool {
	stream := false
	for _, s := range e.Proxy.Config.Servers {
		for _, l := range s.Listens {
			if l.Port == e.Target && !s.Stream {
				return false
			}
			stream = stream || l.Port == e.Target
		}
	}
	return stream
}

// Bounds of what is traced: nginx takes no longer line, and not more of them.
const (
	maxTarget  = 8 << 10
	maxHeaders = 100
)

// parseURL takes a URL apart and leaves its path and query as they are written, as curl --path-as-is does.
func parseURL(text string) (asked inspect.Asked, err error) {
	const hint = "why502 trace http://localhost:8080/path"
	scheme, rest, given := strings.Cut(text, "://")
	if !given {
		scheme, rest = "http", text
	}
	asked.Scheme = strings.ToLower(scheme)
	if asked.Scheme != "http" && asked.Scheme != "https" {
		return asked, wrong(hint, "cannot trace %q: its scheme is %s, but can be http or https", text, scheme)
	}
	rest, _, _ = strings.Cut(rest, "#")
	authority := rest
	if i := strings.IndexAny(rest, "/?"); i >= 0 {
		authority, asked.Target = rest[:i], rest[i:]
	}
	if !strings.HasPrefix(asked.Target, "/") {
		asked.Target = "/" + asked.Target
	}
	if len(asked.Target) > maxTarget {
		return asked, wrong("nginx takes no longer one", "the URL is longer than %d bytes", maxTarget)
	}
	if strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
		return asked, wrong("write %20 for a blank", "cannot trace %q: a URL has neither blanks nor control characters", text)
	}
	if strings.Contains(authority, "@") {
		return asked, wrong("leave the user out, and give its header with -H", "cannot trace a URL with a user in it")
	}
	asked.Host, asked.Port, err = hostAndPort(authority, asked.Scheme)
	if err != nil {
		return asked, wrong(hint, "cannot trace %q: %w", text, err)
	}
	asked.Headers = []trace.Field{{Name: "Host", Value: authority}}
	return asked, nil
}

// hostAndPort takes the authority of a URL apart.
func hostAndPort(authority, scheme string) (host string, port int, err error) {
	if authority == "" {
		return "", 0, fmt.Errorf("it names no host")
	}
	host, text, err := net.SplitHostPort(authority)
	if err != nil {
		host = strings.TrimSuffix(strings.TrimPrefix(authority, "["), "]")
		if strings.Contains(host, ":") && !strings.HasPrefix(authority, "[") {
			return "", 0, fmt.Errorf("an address of IPv6 is written in brackets")
		}
		return host, map[string]int{"http": 80, "https": 443}[scheme], nil
	}
	port, err = strconv.Atoi(text)
	switch {
	case err != nil || port < 1 || port > 65535:
		return "", 0, fmt.Errorf("its port is %q", text)
	case host == "":
		return "", 0, fmt.Errorf("it names no host")
	}
	return host, port, nil
}

// addHeaders puts the headers of -H into a request. One that is Host takes the place of the URL's.
func addHeaders(asked *inspect.Asked, lines []string) error {
	if len(lines) > maxHeaders {
		return wrong("leave some out", "there are %d headers, but at most %d are sent", len(lines), maxHeaders)
	}
	for _, line := range lines {
		name, value, found := strings.Cut(line, ":")
		value = strings.Trim(value, " \t")
		switch {
		case !found || !httpguts.ValidHeaderFieldName(name):
			return wrong("-H 'Name: value'", "--header %q is no header", line)
		case !httpguts.ValidHeaderFieldValue(value) || len(value) > maxTarget:
			return wrong("leave out what is not printable", "the value of the header %s cannot be sent", name)
		case strings.EqualFold(name, "Host"):
			asked.Headers[0].Value = value
		default:
			asked.Headers = append(asked.Headers, trace.Field{Name: name, Value: value})
		}
	}
	return nil
}

// method checks the method of a request.
func method(name string) (string, error) {
	if name == "" || len(name) > 20 || strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_-") != "" {
		return "", wrong("-X "+http.MethodPost, "--request is %q, but a method is written in capitals", name)
	}
	return name, nil
}
