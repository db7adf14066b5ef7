package inspect

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// saying is what servers and frameworks write when requests to them fail, and what that means.
type saying struct {
	hop     Hop // of the faults that it explains
	pattern *regexp.Regexp
	means   string // and what to do about it
}

// appSayings are the lines of apps that explain a 502 or 504.
var appSayings = []saying{
	{HopResponse, regexp.MustCompile(`WORKER TIMEOUT`), "gunicorn ended a worker that took longer than its --timeout, 30 seconds unless told otherwise: raise it, or let the request take less"},
	{HopResponse, regexp.MustCompile(`was sent SIGKILL! Perhaps out of memory|was terminated due to signal 9|terminated by signal 9|killed by signal 9`), "a worker was killed, mostly for want of memory: raise the memory limit, or run fewer workers"},
	{HopProtocol, regexp.MustCompile(`invalid request block size: \d+`), "it speaks uwsgi and was asked in HTTP: use uwsgi_pass, or let uwsgi speak HTTP with --http-socket"},
	{HopProtocol, regexp.MustCompile(`Primary script unknown`), "php-fpm does not find the script at that path in its own container: mount the code at the same path in both"},
	{HopResponse, regexp.MustCompile(`server reached (?:pm\.)?max_children|reached pm\.max_children`), "php-fpm has no worker left: raise pm.max_children, or let requests take less"},
	{HopResponse, regexp.MustCompile(`execution timed out \([\d.]+ sec\), terminating|HARAKIRI`), "its server ended a request that took too long: raise its own limit along with nginx's"},
	{HopProtocol, regexp.MustCompile(`DisallowedHost|Invalid HTTP_HOST header`), "Django does not serve the Host header that nginx sends: proxy_set_header Host $host; and ALLOWED_HOSTS"},
	{HopProtocol, regexp.MustCompile(`Blocked request\. This host`), "the development server refuses the Host header that nginx sends: add it to allowedHosts"},
	{HopPort, regexp.MustCompile(`(?i)(?:running|listening|started|serving)\b.*\b(?:on|at)\b.*(?:127\.0\.0\.1|localhost|\[::1\]):\d+|use --host to expose`), "it listens on its own loopback only: let it listen on 0.0.0.0"},
	{HopContainer, regexp.MustCompile(`EADDRINUSE|[Aa]ddress already in use`), "something else has its port: two servers in one container, or an old one that is left"},
	{HopProtocol, regexp.MustCompile(`bogus greeting|PRI \* HTTP/2\.0`), "it was asked in HTTP/2 and speaks HTTP/1: use proxy_pass"},
	{HopProtocol, regexp.MustCompile(`TLS handshake error.*first record does not look like a TLS handshake|http: TLS handshake error|wrong version number`), "it speaks TLS and was asked without: begin the pass with https://"},
	{HopContainer, regexp.MustCompile(`OutOfMemoryError|JavaScript heap out of memory|MemoryError\b|Cannot allocate memory`), "it has no memory left: raise its limit, or let it use less"},
	{HopResponse, regexp.MustCompile(`Too many open files|EMFILE`), "it may open no more files: raise the ulimits of its container"},
}

// explained finds the last line of a log that one of the sayings about these hops explains.
func explained(lines []LogLine, hops ...Hop) (line LogLine, means string) {
	for _, l := range slices.Backward(lines) {
		for _, s := range appSayings {
			if slices.Contains(hops, s.hop) && s.pattern.MatchString(l.Text) {
				return l, s.means
			}
		}
	}
	return LogLine{}, ""
}

// appSays finds the line of the upstream's own log, of late, that explains a fault of these hops, and what
// it means; empty: there is none.
func (c *Case) appSays(hops ...Hop) (line, means string) {
	if c.Backend.Service == nil || c.snap == nil {
		return "", ""
	}
	for _, box := range c.containers[c.Backend.Service.Name] {
		late := slices.DeleteFunc(slices.Clone(c.snap.Logs[box.ID]), func(l LogLine) bool { return !l.Time.IsZero() && l.Time.Before(c.snap.Since) })
		if l, means := explained(late, hops...); means != "" {
			return fmt.Sprintf("%s says: %s", box.Name, shortly(strings.TrimSpace(l.Text))), means
		}
	}
	return "", ""
}

// asTheAppSays adds the line of the upstream's own log that explains a finding, and says what it means.
func (c *Case) asTheAppSays(f *Finding, hops ...Hop) *Finding {
	if line, means := c.appSays(hops...); means != "" {
		f.with("log", "%s", line).fix("%s", means)
	}
	return f
}
