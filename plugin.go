package main

import (
	"encoding/json"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/docker/cli/cli-plugins/metadata"
	"github.com/spf13/pflag"
)

// The docker command runs docker-why502 from one of its directories of plugins as
// "docker why502": with its own flags, the name of the plugin, and what follows that
// (github.com/docker/cli, cli-plugins/manager).
const pluginName = "why502"

// fromDocker reads a command line that the docker command gave. Its flags become the variables that mean the
// same; those of its help become that of here. Where it is not from there, plugin is false.
func fromDocker(args, env []string) (own, environ []string, plugin bool, err error) {
	if !slices.ContainsFunc(env, func(entry string) bool { return strings.HasPrefix(entry, metadata.ReexecEnvvar+"=") }) {
		return args, env, false, nil
	}
	var given dockerFlags
	set := given.set()
	if set.Parse(args) != nil {
		return args, env, false, nil
	}
	switch rest := set.Args(); {
	case len(rest) > 0 && rest[0] == pluginName:
		own = rest[1:]
	case len(rest) > 1 && rest[0] == completeCommand && rest[1] == pluginName:
		own = append([]string{completeCommand}, rest[2:]...)
	case slices.Equal(rest, []string{"help", pluginName}):
		own = []string{"--help"}
	default:
		return args, env, false, nil
	}
	environ, err = given.variables(set, env)
	return own, environ, true, err
}

// dockerFlags are the flags of the docker command itself.
type dockerFlags struct {
	config, context, host string
	tls, verify           bool
}

func (f *dockerFlags) set() *pflag.FlagSet {
	s := pflag.NewFlagSet("docker", pflag.ContinueOnError)
	s.SetInterspersed(false) // what follows the plugin's name is its own
	s.SetOutput(io.Discard)
	s.StringVar(&f.config, "config", "", "")
	s.StringVarP(&f.context, "context", "c", "", "")
	s.StringVarP(&f.host, "host", "H", "", "")
	s.BoolVar(&f.tls, "tls", false, "")
	s.BoolVar(&f.verify, "tlsverify", false, "")
	for _, file := range []string{"tlscacert", "tlscert", "tlskey"} {
		s.String(file, "", "")
	}
	s.BoolP("debug", "D", false, "") // these two say what the docker command prints
	s.StringP("log-level", "l", "", "")
	return s
}

// variables are an environment that says what the flags say. A flag is stronger than a variable.
func (f *dockerFlags) variables(set *pflag.FlagSet, env []string) ([]string, error) {
	for _, file := range []string{"tlscacert", "tlscert", "tlskey"} {
		if set.Changed(file) {
			return nil, wrong("put ca.pem, cert.pem and key.pem into one directory, and name that by DOCKER_CERT_PATH", "--%s is not taken over from docker", file)
		}
	}
	env = slices.Clone(env)
	for _, flag := range []struct {
		name, value string
		variables   []string // the first gets the value, the others would be stronger
	}{
		{"config", f.config, []string{"DOCKER_CONFIG"}},
		{"context", f.context, []string{"DOCKER_CONTEXT", "DOCKER_HOST"}},
		{"host", f.host, []string{"DOCKER_HOST"}},
		{"tls", onIf(f.tls), []string{"DOCKER_TLS"}},
		{"tlsverify", onIf(f.verify), []string{"DOCKER_TLS_VERIFY"}},
	} {
		if !set.Changed(flag.name) {
			continue
		}
		for _, name := range flag.variables {
			env = slices.DeleteFunc(env, func(entry string) bool { return strings.HasPrefix(entry, name+"=") })
		}
		env = append(env, flag.variables[0]+"="+flag.value)
	}
	return env, nil
}

func onIf(set bool) string {
	if set {
		return "1"
	}
	return ""
}

// describePlugin is what the docker command asks of each plugin that it lists.
func describePlugin(w io.Writer) error {
	return json.NewEncoder(w).Encode(metadata.Metadata{
		SchemaVersion:    "0.1.0",
		Vendor:           "why502",
		Version:          version,
		ShortDescription: "Say why nginx answers 502 or 504, or does not start",
	})
}

var (
	commandLine  = regexp.MustCompile(`(?m)^(  |.*\| )why502`)
	continuation = regexp.MustCompile(`(?m)^ {31}`)
)

// pluginUsage is the usage as a plugin has it.
func pluginUsage() string {
	head, rest, _ := strings.Cut(usage, "\n\n")
	commands, rest, _ := strings.Cut(rest, "\n\n")
	commands = continuation.ReplaceAllString(commands, strings.Repeat(" ", 31+len("docker ")))
	return head + "\n\n" + commandLine.ReplaceAllString(commands+"\n\n"+rest, "${1}docker why502")
}
