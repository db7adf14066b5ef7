package inspect

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// talk is what the backend was heard to say; the zero Talk: nobody asked, it said nothing, or another container
// that bears its name did the talking.
func (c *Case) talk() (t Talk) {
	reply := c.reply()
	if reply == nil {
		return t
	}
	first := slices.IndexFunc(reply.Dials, func(d Dial) bool { return d.Errno == 0 })
	if first < 0 || !c.aimsAt(c.owner(reply.Dials[first].Address)) {
		return t
	}
	return reply.Talk
}

// other is the name of a protocol that no pass asks in.
const other = "something else"

// heard is the protocol that the backend was heard to speak; ok is false where it said nothing that tells.
func (c *Case) heard() (p protocol, ok bool) {
	t := c.talk()
	p = protocol{sure: Proven, tls: plain}
	name := t.Speaks
	if name == "tls" {
		name, p.tls = t.Within, secure
	}
	switch name {
	case "http2":
		p.name, p.http2 = "grpc", true
	case "other":
		p.name = other
	default:
		p.name = name
	}
	return p, t.Speaks != ""
}

// spoken says whether the backend speaks the protocol that the pass asks in, whether within TLS or not.
func (c *Case) spoken() (s sight) {
	asked, _ := askedIn(c.Route.Target.Scheme)
	p, ok := c.heard()
	if !ok || p.name == "" || asked == "" || asked == "scgi" || c.Route.Pass.HTTPVersion == "2" {
		return s
	}
	s.state = HopBroken
	if p.understands(asked) {
		s.state = HopOK
	}
	s.see("%s", c.describeTalk(p))
	return s
}

// secured says whether the backend begins with TLS where the pass does, and else does not.
func (c *Case) secured() (s sight) {
	_, asked := askedIn(c.Route.Target.Scheme)
	p, ok := c.heard()
	switch {
	case !ok || asked == unknownSecurity:
		return s
	case p.tls == asked:
		s.state = HopOK
	default:
		s.state = HopBroken
	}
	s.see("%s", c.describeTalk(p))
	return s
}

// understood says whether both ends were heard to speak the same.
func (c *Case) understood() (s sight) {
	t := c.talk()
	if t.Speaks != "" && t.TLSError == "" && c.secured().state == HopOK && c.spoken().state == HopOK {
		s.state = HopOK
	}
	return s
}

func (c *Case) describeTalk(p protocol) string {
	t := c.talk()
	name := protocolName(p.name)
	if p.tls == secure {
		name = strings.TrimPrefix(name+" within TLS", " within ")
	}
	text := fmt.Sprintf("%s speaks %s to %s", c.Backend.address(), name, c.stands().Name)
	switch {
	case p.name == other && t.Banner != "":
		text += fmt.Sprintf(": %q", t.Banner)
	case t.Status != 0:
		text += fmt.Sprintf(", and answers %d", t.Status)
	}
	return text
}

// renamed says whether the backend refuses the host that the pass asks for, but not the one that clients do.
func (c *Case) renamed() (s sight) {
	q, _ := c.call()
	t := c.talk()
	switch {
	case q.Call.Real == "" || t.Real == 0:
	case t.Status/100 == 4 && (t.Real/100 == 2 || t.Real/100 == 3):
		s.state = HopBroken
		s.see("%s answers %d where it is asked for the host %s, and %d for %s", c.Backend.address(), t.Status, q.Call.Asked, t.Real, q.Call.Real)
	case t.Status/100 == 2:
		s.state = HopOK
	}
	return s
}

// upgradable says whether the backend takes websockets where the pass does not let any through.
func (c *Case) upgradable() (s sight) {
	if c.talk().Upgraded == http.StatusSwitchingProtocols {
		s.state = HopBroken
		s.see("%s switches to a websocket at %s when it is asked to", c.Backend.address(), c.Route.Location.Path)
	}
	return s
}

var upstreamTLSRejected = &Rule{
	ID: "upstream-tls-rejected", Hop: HopProtocol, Scope: OfRoute, Severity: Error, Live: true, Causes: "F8 F9",
	Title: "nginx and its upstream do not come to terms over TLS",
	Why: `nginx does not say which name it means unless it is told to, and a server with several certificates may end the
handshake then: "SSL_do_handshake() failed (… alert handshake failure)". With proxy_ssl_verify a certificate has to be
signed by one that is trusted, and to have the name of the pass: "upstream SSL certificate verify error". 502.`,
	Bad: `proxy_pass https://web;`,
	Good: `proxy_ssl_server_name on;
proxy_ssl_name shop.example.com;
proxy_pass https://web;`,
	Fix: "send the name with proxy_ssl_server_name, or trust the certificate and name it with proxy_ssl_trusted_certificate and proxy_ssl_name",
	Check: func(c *Case) *Finding {
		if c.Route == nil || c.secured().state != HopOK {
			return nil
		}
		q, _ := c.call()
		t, pass := c.talk(), c.Route.Pass
		kind, _, _ := strings.Cut(pass.Directive, "_")
		switch {
		case q.Call.Scheme != "https" && q.Call.Scheme != "grpcs" && q.Call.Scheme != "suwsgi":
			return nil
		case t.NeedsSNI && q.Call.SNI == "" && !pass.TLS.SendsName:
			f := c.finding(Proven, Status502, "%s ends the handshake of TLS unless it is told a name, and the pass sends none", c.Backend.address()).
				with("probe", "%s takes a handshake with a name, and none without", c.Backend.address())
			return c.addBefore(f.fix("send the name: %s_ssl_server_name on;", kind), kind+"_ssl_server_name on;")
		case !strings.Contains(t.TLSError, "certificate") || pass.TLS.Certificate != "":
			return nil // the probe may not have what nginx has
		case q.Call.Verify == "" || strings.Contains(t.TLSError, "client certificate") || strings.Contains(t.TLSError, "certificate required"):
			return c.finding(Proven, Status502, "%s wants a certificate of its clients, and the pass has none", c.Backend.address()).
				with("probe", "the handshake of TLS ends: %s", t.TLSError).
				fix("give it one with %s_ssl_certificate and %[1]s_ssl_certificate_key", kind)
		default:
			return c.finding(Proven, Status502, "%s has a certificate that the pass refuses: %s", c.Backend.address(), t.TLSError).
				with("probe", "the certificate was held against the name %s and %s", q.Call.Verify, pass.TLS.Trusted).
				fix("trust what signed it with %s_ssl_trusted_certificate, and say the name that it has with %[1]s_ssl_name", kind)
		}
	},
}
