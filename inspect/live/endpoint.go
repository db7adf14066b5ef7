package live

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/docker/cli/cli/context/docker"
	"github.com/docker/cli/cli/context/store"
	"github.com/docker/cli/opts"
	"github.com/docker/go-connections/tlsconfig"
)

// environment is a list of NAME=value.
type environment []string

// get is the value of a variable; of several the last one's, as in os/exec.
func (e environment) get(name string) string {
	for _, entry := range slices.Backward(e) {
		if value, ok := strings.CutPrefix(entry, name+"="); ok {
			return value
		}
	}
	return ""
}

// configDir is where the docker command keeps its configuration; empty if there is no home.
func (e environment) configDir() string {
	if dir := e.get("DOCKER_CONFIG"); dir != "" {
		return dir
	}
	home := e.get("HOME")
	if runtime.GOOS == "windows" {
		home = e.get("USERPROFILE")
	}
	if home == "" {
		return ""
	}
	return filepath.Join(home, ".docker")
}

// endpoint is where the daemon listens.
type endpoint struct {
	host    string      // unix://, npipe://, tcp:// or ssh://
	context string      // the Docker context that named it; empty: none
	tls     *tls.Config // nil: plain
}

// resolve finds the endpoint as the docker command does. No way of Docker's takes a password in it,
// so that there is none to leak later.
func resolve(env environment) (endpoint, error) {
	where, err := choose(env)
	if err == nil && password.MatchString(where.host) {
		return endpoint{}, &Error{
			text: fmt.Sprintf("%s has a password, which Docker does not take there", hidden(where.host)),
			hint: "let ssh use a key",
		}
	}
	return where, err
}

var password = regexp.MustCompile(`(//[^/@:]*):[^/@]*@`)

// hidden is an endpoint without the password that somebody wrote into it.
func hidden(host string) string {
	return password.ReplaceAllString(host, "$1:***@")
}

// choose takes DOCKER_HOST, else DOCKER_CONTEXT, else the current context of config.json, else the
// platform's socket. The documentation has the first two the other way round; the source of the docker
// command and its tests do not.
func choose(env environment) (endpoint, error) {
	if env.get("DOCKER_HOST") != "" {
		return fromVariables(env)
	}
	name := env.get("DOCKER_CONTEXT")
	if name == "" {
		var err error
		if name, err = currentContext(env.configDir()); err != nil {
			return endpoint{}, err
		}
	}
	if name == "" || name == "default" {
		return fromVariables(env)
	}
	return fromContext(env.configDir(), name)
}

// fromVariables is the endpoint that contexts call "default".
func fromVariables(env environment) (endpoint, error) {
	verify := env.get("DOCKER_TLS_VERIFY") != ""
	secure := verify || env.get("DOCKER_TLS") != ""
	host, err := opts.ParseHost(secure, env.get("DOCKER_HOST"))
	if err != nil {
		return endpoint{}, &Error{
			text: fmt.Sprintf("DOCKER_HOST=%s is not an endpoint", hidden(oneLine(env.get("DOCKER_HOST")))),
			hint: "write it as unix:///path, tcp://host:port or ssh://user@host",
		}
	}
	where := endpoint{host: host}
	if secure {
		dir := env.get("DOCKER_CERT_PATH")
		if dir == "" {
			dir = env.configDir()
		}
		where.tls, err = tlsFrom(dir, !verify)
	}
	return where, err
}

// currentContext is what docker context use has chosen; empty: nothing.
func currentContext(dir string) (string, error) {
	file := filepath.Join(dir, "config.json")
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	var config struct {
		CurrentContext string `json:"currentContext"`
	}
	if err == nil {
		err = json.Unmarshal(text, &config)
	}
	if err != nil {
		return "", &Error{
			text:  fmt.Sprintf("cannot read Docker's %s: %s", file, oneLine(err.Error())),
			hint:  "mend it, or name the daemon by DOCKER_HOST",
			cause: err,
		}
	}
	return config.CurrentContext, nil
}

// fromContext reads a context from the docker command's store.
func fromContext(dir, name string) (endpoint, error) {
	contexts := store.New(filepath.Join(dir, "contexts"), store.NewConfig(
		func() any { return &map[string]any{} },
		store.EndpointTypeGetter(docker.DockerEndpoint, func() any { return &docker.EndpointMeta{} }),
	))
	meta, err := contexts.GetMetadata(name)
	if errdefs.IsNotFound(err) {
		return endpoint{}, &Error{
			text:  fmt.Sprintf("there is no Docker context %q", name),
			hint:  "docker context ls shows those that there are",
			cause: err,
		}
	}
	var found docker.EndpointMeta
	if err == nil {
		found, err = docker.EndpointFromContext(meta)
	}
	if err != nil {
		return endpoint{}, &Error{
			text:  fmt.Sprintf("cannot use the Docker context %q: %s", name, oneLine(err.Error())),
			hint:  "look at it with: docker context inspect " + name,
			cause: err,
		}
	}
	where := endpoint{host: found.Host, context: name}
	files, _ := contexts.ListTLSFiles(name)
	if len(files[docker.DockerEndpoint]) > 0 || found.SkipTLSVerify {
		keys := filepath.Join(contexts.GetStorageInfo(name).TLSPath, docker.DockerEndpoint)
		where.tls, err = tlsFrom(keys, found.SkipTLSVerify)
	}
	return where, err
}

// tlsFrom makes a configuration of those of Docker's three files that are in the directory. Without
// a ca.pem the system's authorities are trusted.
func tlsFrom(dir string, insecure bool) (*tls.Config, error) {
	present := func(name string) string {
		file := filepath.Join(dir, name)
		if _, err := os.Stat(file); err != nil {
			return ""
		}
		return file
	}
	config, err := tlsconfig.Client(tlsconfig.Options{
		CAFile:             present("ca.pem"),
		CertFile:           present("cert.pem"),
		KeyFile:            present("key.pem"),
		InsecureSkipVerify: insecure,
		ExclusiveRootPools: true,
	})
	if err != nil {
		return nil, &Error{
			text:  fmt.Sprintf("cannot use the TLS files of %s: %s", dir, oneLine(err.Error())),
			hint:  hintTLS,
			cause: err,
		}
	}
	return config, nil
}
