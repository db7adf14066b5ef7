package live

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os/exec"
	"strings"
	"syscall"

	"github.com/containerd/errdefs"
)

// Error says in one line why the daemon could not be asked.
type Error struct {
	text    string
	hint    string
	cause   error
	refused bool // the request itself, by something that lets only some through
}

// Error is one line, lower case, without a full stop.
func (e *Error) Error() string { return e.text }

// Hint is one line that says what to do about it.
func (e *Error) Hint() string { return e.hint }

// Unwrap is the error that the Docker client or the network gave.
func (e *Error) Unwrap() error { return e.cause }

const (
	hintNoDaemon = "start Docker, or name its endpoint with DOCKER_HOST or docker context use; in a container, mount the socket: -v /var/run/docker.sock:/var/run/docker.sock"
	hintSlow     = "see whether it answers at all: docker version"
	hintTLS      = "check DOCKER_TLS_VERIFY, and the ca.pem, cert.pem and key.pem of DOCKER_CERT_PATH or of the context"
	hintProxy    = "if this is a socket proxy, allow GET and HEAD of containers and networks: CONTAINERS=1 NETWORKS=1"
	hintAPI      = "unset DOCKER_API_VERSION if it is set; else engine and why502 are too far apart in age"
	hintStrange  = "check that DOCKER_HOST, or the current docker context, names a Docker engine"
)

// unreachable says why a request got no answer. Its text must not have the phrases "connection
// refused" and "dial unix": the Docker client looks for them and then drops the whole error.
func unreachable(host string, err error) *Error {
	e := &Error{cause: err}
	switch {
	case isTimeout(err) || errors.Is(err, context.Canceled):
		return explain(host, err)
	case strings.HasPrefix(host, "ssh://"):
		e.text, e.hint = fmt.Sprintf("cannot reach %s: %s", host, sshReason(err)), "see whether this works: docker -H "+host+" version"
	case errors.Is(err, fs.ErrPermission) && isSocket(host):
		e.text, e.hint = fmt.Sprintf("no permission to use Docker's socket %s", socketPath(host)), hintPermission(host)
	case isDial(err):
		e.text, e.hint = fmt.Sprintf("no Docker daemon at %s: %s", host, dialReason(err)), hintNoDaemon
	case isTLS(err):
		e.text, e.hint = fmt.Sprintf("no TLS connection to %s: %s", host, oneLine(err.Error())), hintTLS
	case isCut(err):
		return explain(host, err)
	default:
		e.text, e.hint = fmt.Sprintf("what answers at %s does not speak HTTP", host), hintStrange
	}
	return e
}

// explain says what is wrong with an answer, or that there is none.
func explain(host string, err error) *Error {
	if known, ok := errors.AsType[*Error](err); ok {
		return known
	}
	e := &Error{cause: err, hint: hintStrange}
	switch {
	case isTimeout(err):
		e.text, e.hint = fmt.Sprintf("the Docker daemon at %s did not answer in time", host), hintSlow
	case errors.Is(err, context.Canceled):
		e.text, e.hint = fmt.Sprintf("interrupted while asking the Docker daemon at %s", host), ""
	case errdefs.IsPermissionDenied(err):
		e.text, e.hint = fmt.Sprintf("%s refuses the request (403)", host), hintProxy
	case strings.Contains(err.Error(), "HTTP request to an HTTPS server"):
		e.text, e.hint = fmt.Sprintf("the Docker daemon at %s wants TLS", host), hintTLS
	case strings.Contains(err.Error(), "client version"):
		e.text, e.hint = fmt.Sprintf("the Docker daemon at %s: %s", host, message(err)), hintAPI
	case isCut(err):
		e.text = fmt.Sprintf("the connection to %s broke before the answer was complete", host)
	case isGarbage(err):
		e.text = fmt.Sprintf("what answers at %s is no Docker engine: %s", host, message(err))
	default:
		e.text = fmt.Sprintf("the Docker daemon at %s: %s", host, message(err))
	}
	return e
}

// hintPermission is for those who are not in the socket's group, the commonest trouble of a new user.
func hintPermission(host string) string {
	if strings.HasPrefix(host, "npipe:") {
		return "add yourself to the group docker-users and log in again"
	}
	return "sudo usermod -aG docker $USER and log in again, or run with sudo; in a container: --group-add $(stat -c %g " + socketPath(host) + ")"
}

// isSocket tells whether the endpoint is a file of this machine.
func isSocket(host string) bool {
	return strings.HasPrefix(host, "unix://") || strings.HasPrefix(host, "npipe://")
}

func socketPath(host string) string {
	_, path, _ := strings.Cut(host, "://")
	return path
}

func isTimeout(err error) bool {
	network, ok := errors.AsType[net.Error](err)
	return errors.Is(err, context.DeadlineExceeded) || ok && network.Timeout()
}

func isDial(err error) bool {
	operation, ok := errors.AsType[*net.OpError](err)
	return ok && operation.Op == "dial" || errors.Is(err, fs.ErrNotExist)
}

func dialReason(err error) string {
	operation, ok := errors.AsType[*net.OpError](err)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "there is no such socket"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "nothing listens there"
	case ok:
		return oneLine(operation.Err.Error())
	}
	return oneLine(err.Error())
}

// isTLS: an alert of either side is a net.OpError whose type is not exported.
func isTLS(err error) bool {
	_, certificate := errors.AsType[*tls.CertificateVerificationError](err)
	_, record := errors.AsType[tls.RecordHeaderError](err)
	alert, ok := errors.AsType[*net.OpError](err)
	return certificate || record || errors.Is(err, http.ErrSchemeMismatch) ||
		ok && (alert.Op == "remote error" || alert.Op == "local error")
}

func isCut(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

func isGarbage(err error) bool {
	_, syntax := errors.AsType[*json.SyntaxError](err)
	_, kind := errors.AsType[*json.UnmarshalTypeError](err)
	_, size := errors.AsType[*http.MaxBytesError](err)
	return syntax || kind || size
}

// sshReason is what ssh itself said, which docker/cli puts last.
func sshReason(err error) string {
	if errors.Is(err, exec.ErrNotFound) {
		return "there is no ssh command"
	}
	if errors.Is(err, syscall.EPIPE) {
		return "ssh ended at once" // before what it said could be read
	}
	text := err.Error()
	if _, said, ok := strings.Cut(text, "stderr="); ok && strings.TrimSpace(said) != "" {
		text = said
	}
	return oneLine(text)
}

// message is what the daemon itself said.
func message(err error) string {
	return oneLine(strings.TrimPrefix(err.Error(), "Error response from daemon: "))
}
