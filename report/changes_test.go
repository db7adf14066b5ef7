package report

import (
	"strings"
	"testing"
	"time"

	"why502/inspect"
)

func printChanges(t *testing.T, c Changes, opts Options) string {
	t.Helper()
	var b strings.Builder
	if err := WriteChanges(&b, c, opts); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// What came is printed as the report prints it, what went on a line, and then the verdict with the time.
func TestWriteChanges(t *testing.T) {
	r := shop()
	c := Changes{Now: r, At: time.Date(2026, 11, 26, 12, 3, 41, 0, time.UTC), Came: r.Findings[3:], Went: []*inspect.Finding{loopback("")}}
	const note = `
note: nginx asks for the addresses of api, web and 2 more only when it starts; a
      service that is recreated may get another one
      [upstream-address-may-go-stale]
  at      nginx.conf:10:20
  fix     restart edge after a service was recreated, or add a resolver and pass
          by a variable
`
	const gone = `
gone: api listens on 127.0.0.1:8000 only, so connections from edge are refused
      [upstream-listens-on-loopback]
`
	const verdict = `
12:03:41 shop: 2 of 5 routes are broken, 1 is at risk (with the daemon)
`
	same(t, printChanges(t, c, Options{}), note+gone+verdict)
	same(t, printChanges(t, c, Options{Show: inspect.Error}), gone+verdict)
	same(t, printChanges(t, Changes{Now: r, At: c.At}, Options{}), verdict)
	same(t, printChanges(t, Changes{Now: r, At: c.At, Came: r.Findings[:1]}, Options{Quiet: true}),
		"nginx.conf:14:20: error: api listens on 127.0.0.1:8000 only, so connections from edge are refused [upstream-listens-on-loopback]\n")
	same(t, printChanges(t, Changes{Now: r, At: c.At, Went: r.Findings[:1]}, Options{Quiet: true}),
		"gone: nginx.conf:14:20: error: api listens on 127.0.0.1:8000 only, so connections from edge are refused [upstream-listens-on-loopback]\n")
}

// However many findings come or go at once, the verdict stays in sight.
func TestWriteChangesIsBounded(t *testing.T) {
	r := shop()
	for range 1000 {
		r.Findings = append(r.Findings, mayGoStale())
	}
	if n := strings.Count(printChanges(t, Changes{Now: r, Came: r.Findings, Went: r.Findings}, Options{}), "\n"); n > 250 {
		t.Errorf("%d lines", n)
	}
}

func TestHeadline(t *testing.T) {
	if first, _, _ := strings.Cut(printText(t, shop(), Options{}), "\n"); first != Headline(shop()) {
		t.Errorf("%q, but the report begins with %q", Headline(shop()), first)
	}
}
