package main

import (
	"bufio"
	"cmp"
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"why502/inspect"
)

// maxAnswer bounds what is read of an answer, in bytes: its head is all that is looked at.
const maxAnswer = 64 << 10

// sendOnce sends a request, once, as it is written, and waits for the head of the answer until the context ends.
func sendOnce(ctx context.Context, asked inspect.Asked, host string) *inspect.Sent {
	began := time.Now()
	sent := &inspect.Sent{Address: net.JoinHostPort(host, strconv.Itoa(asked.Port)), Marker: marker(asked)}
	response, err := exchange(ctx, asked, sent)
	sent.Took = time.Since(began)
	switch {
	case err == nil:
		sent.Status, sent.Location = response.StatusCode, response.Header.Get("Location")
	case ctx.Err() != nil:
		sent.Error = fmt.Sprintf("no answer within %s", sent.Took.Round(100*time.Millisecond))
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		sent.Error = "the connection was closed without an answer"
	default:
		sent.Error = oneLine(err.Error())
	}
	return sent
}

// marker is what tells the request from all others in the proxy's access log; empty where the user gives it
// a User-Agent.
func marker(asked inspect.Asked) string {
	for _, h := range asked.Headers {
		if strings.EqualFold(h.Name, "User-Agent") {
			return ""
		}
	}
	return "why502/" + version + " trace/" + strings.ToLower(rand.Text()[:8])
}

// exchange writes the request and reads the head of the answer.
func exchange(ctx context.Context, asked inspect.Asked, to *inspect.Sent) (*http.Response, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", to.Address)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	if asked.Scheme == "https" {
		conn = tls.Client(conn, &tls.Config{ServerName: asked.Host, InsecureSkipVerify: true}) // what answers matters, not whether to trust it
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\n", asked.Method, asked.Target)
	for _, h := range asked.Headers {
		fmt.Fprintf(&b, "%s: %s\r\n", h.Name, h.Value)
	}
	if to.Marker != "" {
		fmt.Fprintf(&b, "User-Agent: %s\r\n", to.Marker)
	}
	b.WriteString("Connection: close\r\n\r\n")
	if _, err := io.WriteString(conn, b.String()); err != nil {
		return nil, err
	}
	// its body is left alone: to close that would read it to its end, and streams have none
	return http.ReadResponse(bufio.NewReader(io.LimitReader(conn, maxAnswer)), &http.Request{Method: asked.Method})
}

// reach is the address of this machine, or of the daemon's, at which a published port is reached; why says
// why there is none.
func reach(hostIP string, endpoint string) (host, why string) {
	scheme, rest, _ := strings.Cut(endpoint, "://")
	host = cmp.Or(hostIP, "127.0.0.1")
	switch ip := net.ParseIP(host); {
	case scheme == "ssh":
		return "", "the daemon is on another machine, reached by ssh alone"
	case scheme == "tcp" || scheme == "http" || scheme == "https":
		if remote, _, err := net.SplitHostPort(rest); err == nil {
			host = remote
		}
	case ip != nil && ip.IsUnspecified() && ip.To4() == nil:
		host = "::1"
	case ip != nil && ip.IsUnspecified():
		host = "127.0.0.1"
	}
	return host, ""
}
