package probe

import (
	"bytes"
	"encoding/binary"
	"io"
	"net/netip"
	"os"
	"strconv"
	"strings"

	"why502/inspect"
)

// maxFile bounds what is read of a file below /proc, in bytes: some ten thousand sockets.
const maxFile = 2 << 20

// listening is the state of a socket that listens, as proc_net_tcp writes it.
const listening = "0A"

// dockerDNS is where Docker's DNS listens, in the namespace of every container on a user's network.
var dockerDNS = netip.AddrFrom4([4]byte{127, 0, 0, 11})

// ownSockets are the sockets that listen in the own network namespace.
func ownSockets() ([]inspect.Socket, error) {
	tcp, err := readSome("/proc/net/tcp")
	if err != nil {
		return nil, err
	}
	tcp6, _ := readSome("/proc/net/tcp6") // not there where the kernel has no IPv6
	return Sockets(tcp, tcp6), nil
}

// firstMounts are the mounts that the first process of the own PID namespace sees.
func firstMounts() ([]inspect.Mounted, error) {
	mountinfo, err := readSome("/proc/1/mountinfo")
	return Mounts(mountinfo), err
}

func readSome(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(io.LimitReader(file, maxFile))
}

// Sockets are those that listen, by the content of /proc/net/tcp and /proc/net/tcp6 (proc(5)), without
// that of Docker's DNS. An IPv6 socket that is bound to an IPv4 address, as ::ffff:127.0.0.1, is one of
// that address. One on :: may take IPv4 or not, which these files do not tell.
func Sockets(tcp, tcp6 []byte) []inspect.Socket {
	sockets := []inspect.Socket{}
	for _, table := range [][]byte{tcp, tcp6} {
		for line := range bytes.Lines(table) {
			fields := strings.Fields(string(line))
			if len(fields) < 5 || fields[3] != listening {
				continue
			}
			at, ok := socketAddress(fields[1])
			_, waiting, _ := strings.Cut(fields[4], ":")
			backlog, err := strconv.ParseUint(waiting, 16, 31)
			if ok && err == nil && at.Addr() != dockerDNS {
				sockets = append(sockets, inspect.Socket{Address: at.Addr().String(), Port: int(at.Port()), Waiting: int(backlog)})
			}
		}
	}
	return sockets
}

// socketAddress reads an address of proc_net_tcp: the port in hexadecimal, and before it each 32 bits of
// the address as this machine keeps a number of which the first byte is the most significant one.
func socketAddress(text string) (netip.AddrPort, bool) {
	hex, portHex, _ := strings.Cut(text, ":")
	port, err := strconv.ParseUint(portHex, 16, 16)
	if err != nil || len(hex)%8 != 0 {
		return netip.AddrPort{}, false
	}
	var address []byte
	for i := 0; i < len(hex); i += 8 {
		word, err := strconv.ParseUint(hex[i:i+8], 16, 32)
		if err != nil {
			return netip.AddrPort{}, false
		}
		address = binary.NativeEndian.AppendUint32(address, uint32(word))
	}
	ip, ok := netip.AddrFromSlice(address)
	return netip.AddrPortFrom(ip.Unmap(), uint16(port)), ok
}

// Mounts are those of a mountinfo file of /proc (proc(5)), in its order: of two at one place, the later
// one is seen.
func Mounts(mountinfo []byte) []inspect.Mounted {
	mounts := []inspect.Mounted{}
	for line := range bytes.Lines(mountinfo) {
		// Not by other white space: of that, a path may hold some as it is.
		if fields := strings.Split(string(line), " "); len(fields) > 4 {
			mounts = append(mounts, inspect.Mounted{Root: unescape(fields[3]), Target: unescape(fields[4])})
		}
	}
	return mounts
}

// unescape puts back what mountinfo writes in octal, as \040: blanks, tabs, line ends and backslashes.
func unescape(text string) string {
	var b strings.Builder
	for {
		before, after, found := strings.Cut(text, `\`)
		b.WriteString(before)
		if !found {
			return b.String()
		}
		code, err := strconv.ParseUint(after[:min(3, len(after))], 8, 8)
		if text = after; err != nil || len(after) < 3 {
			b.WriteByte('\\')
			continue
		}
		b.WriteByte(byte(code))
		text = after[3:]
	}
}
