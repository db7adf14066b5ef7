package probe

import (
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"why502/inspect"
)

// Why a lookup gave no address.
const (
	noSuchHost    = "no such host"
	serverFailure = "server failure"
	noAnswer      = "no answer"
	refused       = "refused"
)

const (
	maxResolvers = 8
	maxAliases   = 4                       // that are followed one after the other, each with a query of its own
	lookupWait   = 2500 * time.Millisecond // for one lookup
	resendWait   = time.Second             // until a query is sent again: UDP loses some
)

// lookups asks for a host's addresses: libc's way, or each of the resolvers.
func lookups(ctx context.Context, host, resolvers string) []inspect.Lookup {
	if _, err := netip.ParseAddr(host); err == nil {
		return nil
	}
	servers := strings.Fields(resolvers)
	if len(servers) == 0 {
		return []inspect.Lookup{timed(func() inspect.Lookup { return likeLibc(ctx, host) })}
	}
	return parallel(servers[:min(len(servers), maxResolvers)], func(server string) inspect.Lookup {
		return timed(func() inspect.Lookup { return askResolver(ctx, withPort(server), host) })
	})
}

// timed does a lookup and says how long it took.
func timed(lookup func() inspect.Lookup) inspect.Lookup {
	start := time.Now()
	done := lookup()
	done.Took = time.Since(start)
	return done
}

// likeLibc looks a name up as getaddrinfo does for nginx: in the hosts file, then by the servers and
// search domains of resolv.conf, for the families that this machine has an address of.
func likeLibc(ctx context.Context, host string) (done inspect.Lookup) {
	ctx, cancel := context.WithTimeout(ctx, lookupWait)
	defer cancel()
	found, err := (&net.Resolver{PreferGo: true}).LookupNetIP(ctx, "ip", host)
	if err != nil {
		done.Error = libcError(err)
		return done
	}
	for i := range found {
		found[i] = found[i].Unmap()
	}
	for _, a := range ofFamilies(found, ownAddresses(), isMusl()) {
		done.Addresses = append(done.Addresses, a.String())
	}
	if len(done.Addresses) == 0 {
		done.Error = noSuchHost
	}
	return done
}

// libcError sorts the errors of Go's resolver, of which some are texts only.
func libcError(err error) string {
	var dns *net.DNSError
	switch errors.As(err, &dns); {
	case dns == nil:
		return serverFailure
	case dns.IsNotFound:
		return noSuchHost
	case dns.IsTimeout:
		return noAnswer
	case strings.Contains(dns.Err, "connection refused"):
		return refused
	}
	return serverFailure
}

// ofFamilies leaves out the addresses of a family that the machine has no address of itself, where it
// has one of the other, as getaddrinfo does with AI_ADDRCONFIG. For glibc that of the loopback interface
// does not count, for musl it does.
func ofFamilies(found, own []netip.Addr, musl bool) []netip.Addr {
	var has4, has6 bool
	for _, a := range own {
		if musl || !a.IsLoopback() {
			has4 = has4 || a.Is4()
			has6 = has6 || a.Is6()
		}
	}
	return slices.DeleteFunc(found, func(a netip.Addr) bool { return has4 != has6 && a.Is4() != has4 })
}

// ownAddresses are those of the interfaces.
func ownAddresses() (own []netip.Addr) {
	for _, n := range ownNetworks() {
		own = append(own, n.Addr().Unmap())
	}
	return own
}

// ownNetworks are those of the interfaces, each with the address there.
func ownNetworks() (own []netip.Prefix) {
	interfaces, _ := net.InterfaceAddrs()
	for _, i := range interfaces {
		if prefix, err := netip.ParsePrefix(i.String()); err == nil {
			own = append(own, prefix)
		}
	}
	return own
}

// isMusl says whether the libc of the file system here, which is the proxy's image, is musl.
func isMusl() bool {
	found, _ := filepath.Glob("/lib/ld-musl-*")
	return len(found) > 0
}

// withPort gives the address of a resolver the port that nginx asks where it has none.
func withPort(server string) string {
	if _, _, err := net.SplitHostPort(server); err == nil {
		return server
	}
	return net.JoinHostPort(strings.Trim(server, "[]"), "53")
}

// askResolver asks one server for a name as nginx does: over UDP, for exactly that name, for both
// families, and for the name that it is an alias of where the answer has that alone.
func askResolver(ctx context.Context, server, host string) inspect.Lookup {
	ctx, cancel := context.WithTimeout(ctx, lookupWait)
	defer cancel()
	kinds := []dnsmessage.Type{dnsmessage.TypeA, dnsmessage.TypeAAAA}
	answers := parallel(kinds, func(kind dnsmessage.Type) dnsAnswer { return ask(ctx, server, host, kind) })
	done := inspect.Lookup{By: server, Addresses: slices.Concat(answers[0].addresses, answers[1].addresses)}
	if len(done.Addresses) == 0 {
		done.Error = cmp.Or(answers[0].err, answers[1].err, noSuchHost)
	}
	return done
}

// dnsAnswer is what a server says of one name and family. Without addresses and error it has none of
// that family.
type dnsAnswer struct {
	addresses []string
	alias     string // the last name that an alias in the answer leads to, with its dot
	err       string
}

// ask asks for the addresses of one family.
func ask(ctx context.Context, server, host string, kind dnsmessage.Type) (answer dnsAnswer) {
	name := strings.TrimSuffix(host, ".") + "."
	for range maxAliases {
		answer = query(ctx, server, name, kind)
		if len(answer.addresses) > 0 || answer.err != "" || answer.alias == "" {
			return answer
		}
		name = answer.alias
	}
	return answer
}

// query sends one question, and again if nothing comes back.
func query(ctx context.Context, server, name string, kind dnsmessage.Type) dnsAnswer {
	id := uint16(rand.Uint32())
	packet, err := dnsQuery(id, name, kind)
	if err != nil {
		return dnsAnswer{err: noSuchHost} // no server can know it
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "udp", server)
	if err != nil {
		return dnsAnswer{err: noAnswer}
	}
	defer conn.Close()
	for ctx.Err() == nil {
		conn.SetDeadline(earlier(ctx, resendWait))
		answer, err := exchangeDNS(conn, packet, id, name)
		switch {
		case err == nil:
			return answer
		case errors.Is(err, syscall.ECONNREFUSED):
			return dnsAnswer{err: refused}
		case !isTimeout(err):
			return dnsAnswer{err: noAnswer}
		}
	}
	return dnsAnswer{err: noAnswer}
}

// exchangeDNS sends a packet and waits for its answer; what else comes is passed over.
func exchangeDNS(conn net.Conn, packet []byte, id uint16, name string) (dnsAnswer, error) {
	if _, err := conn.Write(packet); err != nil {
		return dnsAnswer{}, err
	}
	buffer := make([]byte, 4<<10) // without an extension, which nginx does not ask for, an answer has 512 bytes
	for {
		n, err := conn.Read(buffer)
		if err != nil {
			return dnsAnswer{}, err
		}
		if answer, ok := readAnswer(buffer[:n], id, name); ok {
			return answer, nil
		}
	}
}

// earlier is the time so long from now, or that at which the context ends.
func earlier(ctx context.Context, wait time.Duration) time.Time {
	at := time.Now().Add(wait)
	if end, ok := ctx.Deadline(); ok && end.Before(at) {
		return end
	}
	return at
}

// dnsQuery is the packet that asks for the addresses of one family.
func dnsQuery(id uint16, name string, kind dnsmessage.Type) ([]byte, error) {
	asked, err := dnsmessage.NewName(name)
	if err != nil {
		return nil, err
	}
	message := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: id, RecursionDesired: true},
		Questions: []dnsmessage.Question{{Name: asked, Type: kind, Class: dnsmessage.ClassINET}},
	}
	return message.Pack()
}

// readAnswer reads a packet, if it is the answer to a question. As nginx does, it takes every address in
// the answer, whatever name it is said to be of.
func readAnswer(packet []byte, id uint16, name string) (answer dnsAnswer, ok bool) {
	var parser dnsmessage.Parser
	header, err := parser.Start(packet)
	if err != nil || !header.Response || header.ID != id {
		return answer, false
	}
	asked, err := parser.Question()
	if err == nil && !strings.EqualFold(asked.Name.String(), name) {
		return answer, false
	}
	switch header.RCode {
	case dnsmessage.RCodeSuccess:
	case dnsmessage.RCodeNameError:
		return dnsAnswer{err: noSuchHost}, true
	case dnsmessage.RCodeRefused:
		return dnsAnswer{err: refused}, true
	default:
		return dnsAnswer{err: serverFailure}, true
	}
	if err != nil || parser.SkipAllQuestions() != nil {
		return dnsAnswer{err: serverFailure}, true
	}
	readRecords(&parser, &answer)
	return answer, true
}

// readRecords reads the records of an answer, as far as it is whole: one that is cut off still has some.
func readRecords(parser *dnsmessage.Parser, answer *dnsAnswer) {
	for {
		record, err := parser.Answer()
		if err != nil {
			return
		}
		switch body := record.Body.(type) {
		case *dnsmessage.AResource:
			answer.addresses = append(answer.addresses, netip.AddrFrom4(body.A).String())
		case *dnsmessage.AAAAResource:
			answer.addresses = append(answer.addresses, netip.AddrFrom16(body.AAAA).String())
		case *dnsmessage.CNAMEResource:
			answer.alias = body.CNAME.String()
		}
	}
}
