package probe

import (
	"net"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/dns/dnsmessage"

	"why502/inspect"
)

// record is one of an answer: a, aaaa or cname, and what it says.
type record struct{ kind, value string }

// dnsServer answers questions over UDP: with the records of a name that are of the kind asked for, or
// are aliases; of names that it has none of it says rcode. No names: it does not answer at all.
func dnsServer(t *testing.T, rcode dnsmessage.RCode, names map[string][]record) (address string) {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	go func() {
		for buffer := make([]byte, 512); ; {
			n, from, err := conn.ReadFrom(buffer)
			if err != nil {
				return
			}
			var asked dnsmessage.Message
			if asked.Unpack(buffer[:n]) != nil || names == nil {
				continue
			}
			for _, wrong := range [][]byte{nil, {1, 2, 3}, dnsPacket(asked, asked.ID+1, rcode, nil)} {
				conn.WriteTo(wrong, from)
			}
			conn.WriteTo(dnsPacket(asked, asked.ID, rcode, names), from)
		}
	}()
	return conn.LocalAddr().String()
}

func dnsPacket(asked dnsmessage.Message, id uint16, rcode dnsmessage.RCode, names map[string][]record) []byte {
	answer := dnsmessage.Message{Header: dnsmessage.Header{ID: id, Response: true, RCode: rcode}, Questions: asked.Questions}
	question := asked.Questions[0]
	records, known := names[question.Name.String()]
	if known {
		answer.RCode = dnsmessage.RCodeSuccess
	}
	for _, r := range records {
		var body dnsmessage.ResourceBody
		switch {
		case r.kind == "cname":
			body = &dnsmessage.CNAMEResource{CNAME: dnsmessage.MustNewName(r.value)}
		case r.kind == "a" && question.Type == dnsmessage.TypeA:
			body = &dnsmessage.AResource{A: netip.MustParseAddr(r.value).As4()}
		case r.kind == "aaaa" && question.Type == dnsmessage.TypeAAAA:
			body = &dnsmessage.AAAAResource{AAAA: netip.MustParseAddr(r.value).As16()}
		default:
			continue
		}
		header := dnsmessage.ResourceHeader{Name: question.Name, Class: dnsmessage.ClassINET, TTL: 600}
		answer.Answers = append(answer.Answers, dnsmessage.Resource{Header: header, Body: body})
	}
	packet, _ := answer.Pack()
	return packet
}

func TestAskResolver(t *testing.T) {
	answers := dnsServer(t, dnsmessage.RCodeNameError, map[string][]record{
		"api.":   {{"a", "172.18.0.3"}, {"a", "172.18.0.4"}},
		"six.":   {{"aaaa", "fd00::3"}},
		"both.":  {{"aaaa", "fd00::3"}, {"a", "172.18.0.3"}},
		"none.":  {},
		"alias.": {{"cname", "api."}, {"a", "172.18.0.3"}},
		"far.":   {{"cname", "alias."}},
		"loop.":  {{"cname", "loop."}},
	})
	tests := []struct {
		name, server, host, want string
	}{
		{"two", answers, "api", "172.18.0.3 172.18.0.4"},
		{"with a dot", answers, "api.", "172.18.0.3 172.18.0.4"},
		{"IPv6 only", answers, "six", "fd00::3"},
		{"both families", answers, "both", "172.18.0.3 fd00::3"},
		{"no address", answers, "none", noSuchHost},
		{"alias", answers, "alias", "172.18.0.3"},
		{"alias alone", answers, "far", "172.18.0.3"},
		{"alias of itself", answers, "loop", noSuchHost},
		{"unknown", answers, "nobody", noSuchHost},
		{"in the hosts file only", answers, "localhost", noSuchHost},
		{"too long a label", answers, strings.Repeat("x", 64), noSuchHost},
		{"too long", answers, strings.Repeat("x.", 200), noSuchHost},
		{"empty label", answers, "a..b", noSuchHost},
		{"failure", dnsServer(t, dnsmessage.RCodeServerFailure, map[string][]record{}), "api", serverFailure},
		{"format error", dnsServer(t, dnsmessage.RCodeFormatError, map[string][]record{}), "api", serverFailure},
		{"refused", dnsServer(t, dnsmessage.RCodeRefused, map[string][]record{}), "api", refused},
		{"nobody there", deadUDP(t), "api", refused},
		{"silent", dnsServer(t, 0, nil), "api", noAnswer},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			found := lookups(t.Context(), test.host, test.server)
			if len(found) != 1 || found[0].By != test.server || found[0].Took <= 0 {
				t.Fatalf("%+v", found)
			}
			if got := strings.Join(append(found[0].Addresses, found[0].Error), " "); strings.TrimSpace(got) != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// deadUDP is an address where nothing receives.
func deadUDP(t *testing.T) string {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	return conn.LocalAddr().String()
}

func TestWithPort(t *testing.T) {
	for server, want := range map[string]string{
		"127.0.0.11": "127.0.0.11:53", "10.0.0.2:5353": "10.0.0.2:5353",
		"[fd00::1]": "[fd00::1]:53", "fd00::1": "[fd00::1]:53", "[fd00::1]:54": "[fd00::1]:54", "dns": "dns:53",
	} {
		if got := withPort(server); got != want {
			t.Errorf("%s: got %s, want %s", server, got, want)
		}
	}
}

func TestLikeLibc(t *testing.T) {
	if found := lookups(t.Context(), "172.18.0.3", "127.0.0.11"); found != nil {
		t.Errorf("an address was looked up: %+v", found)
	}
	found := lookups(t.Context(), "localhost", "")
	if len(found) != 1 || !slices.Contains(found[0].Addresses, "127.0.0.1") || found[0].By != "" {
		t.Errorf("%+v", found)
	}
}

// The families that getaddrinfo leaves out, by the addresses of the machine.
func TestOfFamilies(t *testing.T) {
	const loopback, four, six, link = "127.0.0.1 ::1 ", "172.18.0.2 ", "fd00::2 ", "fe80::1 "
	tests := []struct {
		name, own, musl, glibc string
	}{
		{"no IPv6", "127.0.0.1 " + four, "4", "4"},
		{"IPv6 on loopback alone", loopback + four, "4 6", "4"},
		{"both", loopback + four + six, "4 6", "4 6"},
		{"link-local", loopback + four + link, "4 6", "4 6"},
		{"IPv6 alone", loopback + six, "4 6", "6"},
		{"loopback alone", loopback, "4 6", "4 6"},
		{"nothing known", "", "4 6", "4 6"},
	}
	for _, test := range tests {
		var own []netip.Addr
		for _, a := range strings.Fields(test.own) {
			own = append(own, netip.MustParseAddr(a))
		}
		for musl, want := range map[bool]string{true: test.musl, false: test.glibc} {
			var got []string
			for _, a := range ofFamilies([]netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("::1")}, own, musl) {
				got = append(got, map[bool]string{true: "4", false: "6"}[a.Is4()])
			}
			if !reflect.DeepEqual(got, strings.Fields(want)) {
				t.Errorf("%s, musl %t: got %v, want %s", test.name, musl, got, want)
			}
		}
	}
}

func TestLibcError(t *testing.T) {
	tests := []struct {
		err  error
		want string
	}{
		{&net.DNSError{IsNotFound: true}, noSuchHost},
		{&net.DNSError{IsTimeout: true}, noAnswer},
		{&net.DNSError{Err: "read udp 127.0.0.1:4->127.0.0.11:53: read: connection refused"}, refused},
		{&net.DNSError{Err: "server misbehaving", IsTemporary: true}, serverFailure},
	}
	for _, test := range tests {
		if got := libcError(test.err); got != test.want {
			t.Errorf("%v: got %q, want %q", test.err, got, test.want)
		}
	}
}

// All that the resolvers know is dialled, once.
func TestAddresses(t *testing.T) {
	many := make([]string, 20)
	for i := range many {
		many[i] = netip.AddrFrom4([4]byte{10, 0, 0, byte(i)}).String()
	}
	tests := []struct {
		name    string
		lookups []inspect.Lookup
		want    []string
	}{
		{"an address", nil, []string{"api"}},
		{"none", []inspect.Lookup{{Error: noSuchHost}}, nil},
		{"union", []inspect.Lookup{{Error: noAnswer}, {Addresses: []string{"b", "a"}}, {Addresses: []string{"a", "c"}}}, []string{"b", "a", "c"}},
		{"many", []inspect.Lookup{{Addresses: many}}, many[:maxDials]},
	}
	for _, test := range tests {
		if got := addresses("api", test.lookups); !slices.Equal(got, test.want) {
			t.Errorf("%s: got %v, want %v", test.name, got, test.want)
		}
	}
}

func FuzzReadAnswer(f *testing.F) {
	packet, err := dnsQuery(7, "api.", dnsmessage.TypeA)
	if err != nil {
		f.Fatal(err)
	}
	var asked dnsmessage.Message
	if err := asked.Unpack(packet); err != nil {
		f.Fatal(err)
	}
	f.Add(packet)
	f.Add(dnsPacket(asked, 7, dnsmessage.RCodeSuccess, map[string][]record{"api.": {{"a", "1.2.3.4"}, {"cname", "b."}}}))
	f.Fuzz(func(t *testing.T, packet []byte) {
		answer, ok := readAnswer(packet, 7, "api.")
		for _, a := range answer.addresses {
			if _, err := netip.ParseAddr(a); err != nil || !ok {
				t.Errorf("%+v %t", answer, ok)
			}
		}
	})
}

func TestNearby(t *testing.T) {
	networks := []netip.Prefix{netip.MustParsePrefix("25.0.0.2/16"), netip.MustParsePrefix("2001:db8::2/64")}
	all := []string{"10.0.0.2", "127.0.0.1", "::1", "fd00::2", "25.0.9.9", "2001:db8::9", "203.0.113.7", "2001:db8:1::9", "100.64.0.1", "x"}
	if got, want := nearby(all, networks), all[:6]; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
