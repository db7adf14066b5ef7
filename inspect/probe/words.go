package probe

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"net/http"
	"slices"
	"strings"

	"why502/inspect"
)

// What the other side of a connection can be known to speak: values of Talk.Speaks and Talk.Within.
const (
	speaksHTTP      = "http"
	speaksTLS       = "tls"
	speaksFastCGI   = "fastcgi"
	speaksUWSGI     = "uwsgi"
	speaksHTTP2     = "http2"
	speaksMemcached = "memcached"
	speaksOther     = "other"
)

// endOfLines is put where a protocol leaves room, so that a server that reads lines of HTTP has a whole
// request, and refuses it at once instead of waiting for the rest.
const endOfLines = "\r\n\r\n"

// protocolOf is what a pass of a scheme speaks, and whether within TLS; empty: it says nothing of its own,
// or nothing that the probe knows.
func protocolOf(scheme string) (protocol string, secure bool) {
	switch scheme {
	case "http", "https":
		return speaksHTTP, scheme == "https"
	case "uwsgi", "suwsgi":
		return speaksUWSGI, scheme == "suwsgi"
	case "grpc", "grpcs":
		return speaksHTTP2, scheme == "grpcs"
	case "fastcgi":
		return speaksFastCGI, false
	case "memcached":
		return speaksMemcached, false
	}
	return "", false
}

// sendable says whether what a call wants to be sent can be, on a line of HTTP.
func sendable(c inspect.Call) error {
	for _, text := range []string{c.Asked, c.Real, c.Path} {
		if strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
			return errors.New("the name or path to ask for holds blanks or control characters")
		}
	}
	return nil
}

// opening is what a client says first; host is the one that it asks for.
func opening(protocol, host string) []byte {
	switch protocol {
	case speaksHTTP:
		return request("HEAD", "/", host)
	case speaksFastCGI:
		return getValues()
	case speaksUWSGI:
		return uwsgiPacket(host)
	case speaksHTTP2:
		return []byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + "\x00\x00\x00\x04\x00\x00\x00\x00\x00") // and no settings
	case speaksMemcached:
		return []byte("version\r\n")
	}
	return nil
}

// request is one of HTTP, without a body.
func request(method, path, host string) []byte {
	return []byte(method + " " + path + " HTTP/1.1\r\nHost: " + host + "\r\nUser-Agent: " + inspect.ProbeAgent +
		"\r\nAccept: */*\r\nConnection: close\r\n\r\n")
}

// upgrade is the request for a websocket (RFC 6455, whose sample key it is).
func upgrade(path, host string) []byte {
	return []byte("GET " + path + " HTTP/1.1\r\nHost: " + host + "\r\nUser-Agent: " + inspect.ProbeAgent +
		"\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13" +
		"\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
}

// getValues is the FastCGI record that asks for a server's limits, and runs no script: version 1, type 9,
// of no request, with a content of 16 bytes and a padding of 4, which the server skips.
func getValues() []byte {
	return []byte("\x01\x09\x00\x00\x00\x10\x04\x00" + "\x0e\x00FCGI_MAX_CONNS" + endOfLines)
}

// uwsgiPacket is HEAD / in uwsgi: modifier 0, the size of the variables, and those, each part after its
// size. The last one is ours.
func uwsgiPacket(host string) []byte {
	var vars []byte
	for _, text := range []string{
		"QUERY_STRING", "", "REQUEST_METHOD", "HEAD", "CONTENT_TYPE", "", "CONTENT_LENGTH", "", "REQUEST_URI", "/",
		"PATH_INFO", "/", "SERVER_PROTOCOL", "HTTP/1.1", "REMOTE_ADDR", "127.0.0.1", "SERVER_PORT", "80",
		"SERVER_NAME", host, "HTTP_HOST", host, "HTTP_USER_AGENT", inspect.ProbeAgent, "WHY502", endOfLines,
	} {
		vars = append(binary.LittleEndian.AppendUint16(vars, uint16(len(text))), text...)
	}
	return append(append(binary.LittleEndian.AppendUint16([]byte{0}, uint16(len(vars))), 0), vars...)
}

// recognise says what speaks, by its first bytes; empty: these do not tell. uwsgi has none of its own.
func recognise(data []byte) string {
	switch {
	case bytes.HasPrefix(data, []byte("HTTP/")):
		return speaksHTTP
	case len(data) >= 5 && (data[0] == 0x15 || data[0] == 0x16) && data[1] == 3 && data[2] <= 4:
		return speaksTLS // a record that holds an alert, or a handshake
	case len(data) >= 8 && data[0] == 1 && strings.ContainsRune("\x0a\x0b\x03\x06\x07", rune(data[1])):
		return speaksFastCGI // the values asked for; that the type of record is not known; or of a request
	case len(data) >= 9 && isSettings(data):
		return speaksHTTP2
	case bytes.HasPrefix(data, []byte("VERSION ")):
		return speaksMemcached
	}
	return ""
}

// isOddAnswer says whether data answers to the first words of a protocol, though not as it should: that
// memcached has no such command, or uwsgi in the words of CGI, which nginx takes as well.
func isOddAnswer(protocol string, data []byte) bool {
	begins := map[string][]string{
		speaksMemcached: {"ERROR\r\n", "CLIENT_ERROR ", "SERVER_ERROR "},
		speaksUWSGI:     {"Status:"},
	}[protocol]
	return slices.ContainsFunc(begins, func(begin string) bool { return bytes.HasPrefix(data, []byte(begin)) })
}

// isSettings says whether a frame of HTTP/2 begins here that holds settings, of 6 bytes each: the one with
// which a server begins.
func isSettings(data []byte) bool {
	size := int(data[0])<<16 | int(data[1])<<8 | int(data[2])
	return size%6 == 0 && size < 1<<10 && data[3] == 4 && data[4] == 0 && binary.BigEndian.Uint32(data[5:]) == 0
}

// mayBeHTTP says whether an answer of HTTP begins here, or would after more bytes.
func mayBeHTTP(data []byte) bool {
	const begin = "HTTP/"
	return string(data[:min(len(data), len(begin))]) == begin[:min(len(data), len(begin))]
}

// response is the head of the answer that data holds, after those that only announce it; nil: there is no
// whole one.
func response(data []byte) *http.Response {
	reader := bufio.NewReader(bytes.NewReader(data))
	for {
		answer, err := http.ReadResponse(reader, &http.Request{Method: http.MethodHead})
		if err != nil {
			return nil
		}
		if answer.StatusCode >= 200 || answer.StatusCode == http.StatusSwitchingProtocols {
			return answer
		}
	}
}

// status is that of the answer that data holds, 0 where there is none.
func status(data []byte) int {
	if answer := response(data); answer != nil && answer.StatusCode < 1000 {
		return answer.StatusCode
	}
	return 0
}

// printable is text from outside, of which only what every terminal and log takes is left.
func printable(text string, limit int) string {
	clean := []byte(text[:min(len(text), limit)])
	for i, b := range clean {
		if b < ' ' || b > '~' {
			clean[i] = '.'
		}
	}
	return string(clean)
}
