package probe

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/netip"
	"strings"
	"time"

	"why502/inspect"
)

// Why there was no handshake, or why the certificate would be refused, in words of our own.
const (
	closedInHandshake = "the connection was closed in the handshake"
	wantsCertificate  = "it asks for a client certificate"
	unknownAuthority  = "certificate signed by unknown authority"
	expired           = "certificate has expired or is not yet valid"
)

// talkWithinTLS speaks the protocol of the pass within TLS, as far as the pass itself would get.
func (s *speaker) talkWithinTLS(conn net.Conn) {
	shaken := s.shake(conn, s.call.SNI)
	s.Took, s.Closed = shaken.took, shaken.wordless()
	if shaken.conn == nil {
		s.tellNoTLS(shaken)
		return
	}
	s.Speaks = speaksTLS
	if s.TLSError = refusal(shaken.conn.ConnectionState().PeerCertificates, s.call, time.Now()); s.TLSError != "" {
		shaken.conn.Close()
		return
	}
	h := s.exchange(shaken.conn, opening(s.own, s.call.Asked))
	s.Closed = h.wordless()
	switch s.Within = recognise(h.data); {
	case s.Within == speaksHTTP && s.own == speaksUWSGI:
		s.Within, _ = s.tellUWSGI(h)
	case s.Within == "" && len(h.data) > 0:
		s.Within, s.Banner = speaksOther, printable(string(h.data), maxBanner)
	case s.Closed && shaken.certificateAsked:
		s.TLSError = wantsCertificate
	}
	if s.own == speaksHTTP && s.Within == speaksHTTP {
		s.Took = h.took
		s.askHTTP(h)
	}
}

// tellNoTLS says why there was no handshake: TLS is spoken, but not like that, or something else is.
func (s *speaker) tellNoTLS(first handshake) {
	s.Speaks = recognise(first.data)
	if name := s.sni(); s.call.SNI == "" && name != "" && (s.Speaks == speaksTLS || first.wordless()) {
		s.NeedsSNI = s.shakesWith(name) && !s.shakesWith("") // once more without, lest it was a chance
	}
	if s.Speaks == speaksTLS || s.NeedsSNI {
		s.Speaks, s.TLSError = speaksTLS, first.why
		return
	}
	s.secure = false // what follows is said plainly
	if s.Speaks == "" {
		s.Speaks = s.identify(speaksTLS, first.heard)
	}
	if s.Speaks == "" && len(first.data) > 0 {
		s.Speaks, s.Banner = speaksOther, printable(string(first.data), maxBanner)
	}
}

// shakesWith says whether there is a handshake with a name, or with none.
func (s *speaker) shakesWith(name string) bool {
	conn, err := s.dial()
	if err != nil {
		return false
	}
	again := s.shake(conn, name)
	if again.conn != nil {
		again.conn.Close()
	}
	return again.conn != nil
}

// sni is a name to try a handshake with: that of the pass, or else the one that clients ask for, or the host.
func (s *speaker) sni() string {
	for _, name := range []string{s.call.SNI, s.call.Real, s.call.Host} {
		if host, _, err := net.SplitHostPort(name); err == nil {
			name = host
		}
		if _, err := netip.ParseAddr(name); err != nil && name != "" {
			return name
		}
	}
	return ""
}

// handshake is what came of one of TLS.
type handshake struct {
	heard                      // the first bytes, as they came
	conn             *tls.Conn // nil: there was none
	certificateAsked bool      // of the client
	why              string    // there was none, if the other side said so; empty: not known
}

// speaks says what was spoken, and closes the connection.
func (h handshake) speaks() string {
	if h.conn != nil {
		h.conn.Close()
	}
	return recognise(h.data)
}

// shake begins TLS on a connection, as nginx would: with the name, or none; without one of our own
// certificates; and with any version and cipher, since what Go does not like, OpenSSL may.
func (s *speaker) shake(conn net.Conn, name string) (done handshake) {
	conn.SetDeadline(s.soon(exchangeWait / 2))
	config := &tls.Config{
		ServerName:         name,
		InsecureSkipVerify: true, // refusal verifies it, where the pass does
		MinVersion:         tls.VersionTLS10,
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			done.certificateAsked = true
			return &tls.Certificate{}, nil
		},
	}
	for _, suite := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
		config.CipherSuites = append(config.CipherSuites, suite.ID)
	}
	if s.own == speaksHTTP2 {
		config.NextProtos = []string{"h2"}
	}
	recorder := &recorder{Conn: conn, start: time.Now()}
	secured := tls.Client(recorder, config)
	err := secured.Handshake()
	done.heard = recorder.heard
	if err == nil {
		done.conn = secured
		return done
	}
	conn.Close()
	var remote *net.OpError
	switch said := errors.As(err, &remote) && remote.Op == "remote error"; {
	case said && done.certificateAsked:
		done.why = wantsCertificate
	case said:
		done.why = strings.TrimPrefix(remote.Err.Error(), "tls: ")
	case recorder.closed:
		done.why = closedInHandshake
	}
	return done
}

// recorder keeps the first bytes that are read from a connection, and how its reading ended.
type recorder struct {
	net.Conn
	heard
	start time.Time
}

func (r *recorder) Read(buffer []byte) (int, error) {
	n, err := r.Conn.Read(buffer)
	if len(r.data) == 0 && n > 0 {
		r.took = time.Since(r.start)
	}
	r.data = append(r.data, buffer[:min(n, max(0, maxBanner-len(r.data)))]...)
	r.closed = err != nil && !isTimeout(err)
	return n, err
}

// refusal says why nginx would refuse a chain of certificates: first its authority or its time, then its
// name. Empty: it would not, or that is not known.
func refusal(chain []*x509.Certificate, c inspect.Call, now time.Time) string {
	if c.Verify == "" || len(chain) == 0 {
		return ""
	}
	if now.After(chain[0].NotAfter) || now.Before(chain[0].NotBefore) {
		return expired
	}
	if roots := x509.NewCertPool(); roots.AppendCertsFromPEM([]byte(c.Trusted)) && isUnknown(chain, roots, now) {
		return unknownAuthority
	}
	if err := named(chain[0]).VerifyHostname(c.Verify); err != nil {
		return printable(strings.TrimPrefix(err.Error(), "x509: "), maxText)
	}
	return ""
}

// isUnknown says whether nothing that is trusted vouches for a chain. Signatures that Go does not accept
// any more do not count: OpenSSL may.
func isUnknown(chain []*x509.Certificate, roots *x509.CertPool, now time.Time) bool {
	options := x509.VerifyOptions{
		Roots: roots, Intermediates: x509.NewCertPool(), CurrentTime: now,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	}
	for _, c := range chain[1:] {
		options.Intermediates.AddCert(c)
	}
	_, err := chain[0].Verify(options)
	var unknown x509.UnknownAuthorityError
	return errors.As(err, &unknown) && !strings.Contains(err.Error(), "insecure algorithm")
}

// named is a certificate with the names that OpenSSL knows it by: its common name, if it has no others.
func named(leaf *x509.Certificate) *x509.Certificate {
	if len(leaf.DNSNames) > 0 || leaf.Subject.CommonName == "" {
		return leaf
	}
	named := *leaf
	named.DNSNames = []string{leaf.Subject.CommonName}
	return &named
}
