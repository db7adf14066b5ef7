package live

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
)

// write makes a file with its directories.
func write(t *testing.T, text string, path ...string) {
	t.Helper()
	file := filepath.Join(path...)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// writeContext makes a context as docker context create does. Its files are named after the hash of
// its name.
func writeContext(t *testing.T, dir, name, endpoint string) {
	t.Helper()
	write(t, `{"Name": "`+name+`", "Metadata": {}, "Endpoints": {"docker": `+endpoint+`}}`, dir, "contexts", "meta", hash(name), "meta.json")
}

func hash(name string) string {
	sum := sha256.Sum256([]byte(name))
	return hex.EncodeToString(sum[:])
}

// certificates is a directory for DOCKER_CERT_PATH.
func certificates(t *testing.T, ca string) string {
	t.Helper()
	dir := t.TempDir()
	write(t, ca, dir, "ca.pem")
	return dir
}

// caOf is the certificate that a test's server shows, which signs itself.
func caOf(server *httptest.Server) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
}

// quiet is for servers that are expected to complain of their clients.
func quiet() *log.Logger { return log.New(io.Discard, "", 0) }

func TestResolve(t *testing.T) {
	unixOnly(t)
	home := t.TempDir()
	write(t, `{"currentContext": "current"}`, home, ".docker", "config.json")
	writeContext(t, filepath.Join(home, ".docker"), "current", `{"Host": "unix:///current.sock"}`)
	writeContext(t, filepath.Join(home, ".docker"), "far", `{"Host": "ssh://me@far"}`)
	other := t.TempDir()
	writeContext(t, other, "other", `{"Host": "tcp://other:2375"}`)

	const socket = "unix:///var/run/docker.sock"
	for name, test := range map[string]struct {
		env           environment
		host, context string
	}{
		"nothing":                       {nil, socket, ""},
		"empty home":                    {environment{"HOME=" + t.TempDir()}, socket, ""},
		"current context":               {environment{"HOME=" + home}, "unix:///current.sock", "current"},
		"DOCKER_CONTEXT":                {environment{"HOME=" + home, "DOCKER_CONTEXT=far"}, "ssh://me@far", "far"},
		"DOCKER_CONTEXT=default":        {environment{"HOME=" + home, "DOCKER_CONTEXT=default"}, socket, ""},
		"DOCKER_HOST beats both":        {environment{"HOME=" + home, "DOCKER_CONTEXT=far", "DOCKER_HOST=tcp://10.0.0.1:2375"}, "tcp://10.0.0.1:2375", ""},
		"empty DOCKER_HOST beats none":  {environment{"HOME=" + home, "DOCKER_HOST="}, "unix:///current.sock", "current"},
		"of two the last":               {environment{"DOCKER_HOST=tcp://a:1", "DOCKER_HOST=tcp://b:1"}, "tcp://b:1", ""},
		"without scheme, without port":  {environment{"DOCKER_HOST=10.0.0.1"}, "tcp://10.0.0.1:2375", ""},
		"TLS without host":              {environment{"DOCKER_TLS_VERIFY=1", "DOCKER_CERT_PATH=" + home}, "tcp://localhost:2376", ""},
		"DOCKER_CONFIG without config":  {environment{"HOME=" + home, "DOCKER_CONFIG=" + other}, socket, ""},
		"DOCKER_CONFIG with a context":  {environment{"HOME=" + home, "DOCKER_CONFIG=" + other, "DOCKER_CONTEXT=other"}, "tcp://other:2375", "other"},
		"Windows' pipe is an endpoint":  {environment{"DOCKER_HOST=npipe:////./pipe/docker_engine"}, "npipe:////./pipe/docker_engine", ""},
		"spaces around it do no damage": {environment{"DOCKER_HOST= tcp://a:1 "}, "tcp://a:1", ""},
	} {
		t.Run(name, func(t *testing.T) {
			where, err := resolve(test.env)
			if err != nil {
				t.Fatal(err)
			}
			if where.host != test.host || where.context != test.context {
				t.Errorf("got %q of context %q, want %q of %q", where.host, where.context, test.host, test.context)
			}
		})
	}
}

func TestResolveErrors(t *testing.T) {
	dir := t.TempDir()
	writeContext(t, dir, "kubernetes", `null`)
	writeContext(t, dir, "torn", `{"Host`)
	writeContext(t, dir, "keyless", `{"Host": "tcp://10.0.0.1:2376"}`)
	write(t, "no PEM", dir, "contexts", "tls", hash("keyless"), "docker", "ca.pem")
	broken := t.TempDir()
	write(t, `{"currentContext": `, broken, "config.json")

	for name, test := range map[string]struct {
		env        environment
		text, hint string
	}{
		"no such context":      {environment{"DOCKER_CONTEXT=nope"}, `there is no Docker context "nope"`, "docker context ls"},
		"without endpoint":     {environment{"DOCKER_CONTEXT=kubernetes"}, `cannot use the Docker context "kubernetes"`, "docker context inspect kubernetes"},
		"torn metadata":        {environment{"DOCKER_CONTEXT=torn"}, `cannot use the Docker context "torn"`, "docker context inspect torn"},
		"bad CA":               {environment{"DOCKER_CONTEXT=keyless"}, "cannot use the TLS files of " + dir, "ca.pem"},
		"broken configuration": {environment{"DOCKER_CONFIG=" + broken}, "cannot read Docker's " + broken, "DOCKER_HOST"},
		"password":             {environment{"DOCKER_HOST=ssh://me:secret@far"}, "ssh://me:***@far has a password", "key"},
		"password, no scheme":  {environment{"DOCKER_HOST=gopher://me:secret@hole"}, "DOCKER_HOST=gopher://me:***@hole is not", ""},
		"nonsense DOCKER_HOST": {environment{"DOCKER_HOST=gopher://hole"}, "DOCKER_HOST=gopher://hole is not an endpoint", "tcp://host:port"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := resolve(append(environment{"DOCKER_CONFIG=" + dir}, test.env...))
			wantError(t, err, test.text, test.hint)
		})
	}
}

// The authority that a context or DOCKER_CERT_PATH brings is the one that is trusted.
func TestTLSMaterial(t *testing.T) {
	server := httptest.NewTLSServer(&engine{api: "1.51", answers: nil})
	defer server.Close()
	server.Config.ErrorLog = quiet()
	host := "tcp://" + server.Listener.Addr().String()
	ca := caOf(server)

	contexts := t.TempDir()
	writeContext(t, contexts, "secure", `{"Host": "`+host+`"}`)
	write(t, ca, contexts, "contexts", "tls", hash("secure"), "docker", "ca.pem")
	writeContext(t, contexts, "careless", `{"Host": "`+host+`", "SkipTLSVerify": true}`)

	for name, env := range map[string]environment{
		"DOCKER_CERT_PATH":    {"DOCKER_HOST=" + host, "DOCKER_TLS_VERIFY=1", "DOCKER_CERT_PATH=" + certificates(t, ca)},
		"in DOCKER_CONFIG":    {"DOCKER_HOST=" + host, "DOCKER_TLS_VERIFY=1", "DOCKER_CONFIG=" + certificates(t, ca)},
		"DOCKER_TLS":          {"DOCKER_HOST=" + host, "DOCKER_TLS=1"},
		"context":             {"DOCKER_CONFIG=" + contexts, "DOCKER_CONTEXT=secure"},
		"context, unverified": {"DOCKER_CONFIG=" + contexts, "DOCKER_CONTEXT=careless"},
	} {
		t.Run(name, func(t *testing.T) {
			where, err := resolve(env)
			if err != nil {
				t.Fatal(err)
			}
			d, err := connect(t.Context(), where, "")
			if err != nil {
				t.Fatal(err)
			}
			d.close()
		})
	}
}
