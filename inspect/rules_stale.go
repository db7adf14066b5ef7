package inspect

import (
	"slices"

	"why502/inspect/errorlog"
)

var upstreamAddressStale = &Rule{
	ID: "upstream-address-stale", Hop: HopName, Scope: OfRoute, Severity: Error, Live: true, Causes: "D9 D10",
	Title: "nginx asks for the upstream at an address that it no longer has",
	Why: `A name that is written out in a pass is resolved once, when nginx starts or is reloaded. The upstream's container
was made again since and has another address; at the old one nobody answers, "connect() failed (113: No route to host)",
502 or 504, or another container does, which took it over: "connect() failed (111: Connection refused)", or that one's
answers.`,
	Bad: `proxy_pass http://api:8000;   # and: docker compose up -d --build api`,
	Good: `resolver 127.0.0.11 valid=10s;
set $upstream api;
proxy_pass http://$upstream:8000;`,
	Fix: "now: docker compose exec PROXY nginx -s reload; for good: resolve per request, or let depends_on restart the proxy (restart: true)",
	Check: func(c *Case) *Finding {
		old, ip := c.oldAddress()
		if len(old) == 0 {
			return nil
		}
		svc, own := c.Backend.Service, c.Proxy.Service.Name
		who := "no container"
		other := c.owner(ip)
		if other != nil {
			who = other.Name
		}
		f := c.fromLog(old, addressStatus(old), "%s still asks for %s at the address that it had when %[1]s started, which %[3]s has now", own, svc.Name, who)
		if other != nil {
			f.with("docker", "%s has the address %s", other.Name, ip)
		}
		for _, box := range c.running(svc.Name) {
			f.with("docker", "%s has had %s since %s UTC", box.Name, listed(c.addresses(svc)), clock(box.Started))
		}
		return f.fix("let nginx look the name up again; for good, resolve per request with a variable and resolver %s", dockerDNS).
			run("docker compose exec %s nginx -s reload", own)
	},
}

// oldAddress are the failures at the address that nginx keeps for the backend, where that is none of its
// service's: the newest say which. Of a group whose servers have one port it is not known whose it was.
func (c *Case) oldAddress() (at []*failure, ip string) {
	b := c.Backend
	if c.Route == nil || b.Service == nil || b.PerRequest || !c.named() || c.down() != nil {
		return nil, ""
	}
	now := c.addresses(b.Service)
	if len(now) == 0 || len(c.running(b.Service.Name)) == 0 || c.sharesPort() {
		return nil, ""
	}
	for _, e := range slices.Backward(c.loggedAtAll(addressKinds...)) {
		found, _, ok := e.Upstream.Address()
		switch {
		case !ok:
		case ip == "" && slices.Contains(now, found), ip == "" && c.stranger(found):
			return nil, ""
		case ip == "" || found == ip:
			at, ip = append(at, e), found
		}
	}
	slices.Reverse(at)
	return at, ip
}

// addressKinds are what nginx may say of an address at which another container answers, or none.
var addressKinds = slices.Concat(failureKinds, []errorlog.Kind{errorlog.HeaderInvalid, errorlog.ConnectFailed})

// sharesPort says whether another server of the group has the backend's port.
func (c *Case) sharesPort() bool {
	return slices.ContainsFunc(c.backends(c.Route), func(b Backend) bool { return b.Place != c.Backend.Place && b.Port == c.Backend.Port })
}

// addressStatus is what requests to an address get, by the newest failure.
func addressStatus(failures []*failure) Status {
	switch failures[len(failures)-1].Kind {
	case errorlog.ConnectTimedOut, errorlog.ReadTimedOut:
		return Status504
	}
	return Status502
}
