package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// asPlugin installs the program as a plugin of the docker command, which needs no daemon for that, and gives a way
// to call that.
func asPlugin(t *testing.T) func(words ...string) result {
	t.Helper()
	if _, err := exec.LookPath("docker"); err != nil {
		t.Skip("there is no docker command")
	}
	config := t.TempDir()
	plugins := filepath.Join(config, "cli-plugins")
	if err := os.Mkdir(plugins, 0o755); err != nil {
		t.Fatal(err)
	}
	buildForHelpers(t)
	own, err := os.Executable()
	if err == nil {
		err = os.Symlink(ofHelpers(own), filepath.Join(plugins, "docker-why502"))
	}
	if err != nil {
		t.Fatal(err)
	}
	return func(words ...string) result {
		cmd := exec.CommandContext(t.Context(), "docker", words...)
		cmd.Env = append(environment(), "DOCKER_CONFIG="+config)
		var stdout, stderr strings.Builder
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		if err := cmd.Run(); cmd.ProcessState == nil {
			t.Fatalf("docker %s: %v", strings.Join(words, " "), err)
		}
		return result{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
	}
}

// TestPlugin calls the plugin as users do, through the docker command.
func TestPlugin(t *testing.T) {
	docker := asPlugin(t)
	for _, c := range []struct {
		words []string
		code  int
		want  string
	}{
		{[]string{"help"}, exitOK, "Say why nginx answers 502"},
		{[]string{"why502", "--version"}, exitOK, "why502 " + version},
		{[]string{"why502", "--help"}, exitOK, "docker why502 trace URL"},
		{[]string{"help", "why502"}, exitOK, "docker why502 trace URL"},
		{[]string{"why502", "--live", "off", "-q", breaking(t)}, exitFound, "upstream-host-unknown"},
		{[]string{"why502", "--live", "off", "-q", working(t)}, exitOK, ""},
		{[]string{"__complete", "why502", "--probe", ""}, exitOK, "require"},
		{[]string{"why502", "--nonsense"}, exitError, "unknown flag --nonsense"},
		{[]string{"--host", "unix:///why502/nowhere.sock", "why502", "--live", "require", working(t)}, exitError, "/why502/nowhere.sock"},
	} {
		got := docker(c.words...)
		if got.code != c.code || !strings.Contains(got.stdout+got.stderr, c.want) {
			t.Errorf("docker %s: exit %d, want %d and %q in:\n%s%s", strings.Join(c.words, " "), got.code, c.code, c.want, got.stdout, got.stderr)
		}
	}
}

// TestFromDocker reads command lines as the docker command gives them.
func TestFromDocker(t *testing.T) {
	const called = "DOCKER_CLI_PLUGIN_ORIGINAL_CLI_COMMAND=docker"
	for _, c := range []struct {
		line   string
		env    []string
		own    string
		plugin bool
		want   []string // in the environment
	}{
		{"why502 -q", nil, "why502 -q", false, nil},
		{"why502 -q", []string{called}, "-q", true, nil},
		{"help why502", []string{called}, "--help", true, nil},
		{"__complete why502 --probe a", []string{called}, "__complete --probe a", true, nil},
		{"-q shop", []string{called}, "-q shop", false, nil}, // of a program that another plugin has started
		{"--context far why502", []string{called, "DOCKER_HOST=tcp://near"}, "", true, []string{called, "DOCKER_CONTEXT=far"}},
		{"--config /etc/docker -c far why502 -f a", []string{called, "DOCKER_CONFIG=/root"}, "-f a", true, []string{called, "DOCKER_CONFIG=/etc/docker", "DOCKER_CONTEXT=far"}},
		{"-H tcp://far --tlsverify -D why502 --timeout 5s", []string{called}, "--timeout 5s", true, []string{called, "DOCKER_HOST=tcp://far", "DOCKER_TLS_VERIFY=1"}},
		{"why502 explain --config", []string{called}, "explain --config", true, nil},
	} {
		own, env, plugin, err := fromDocker(strings.Fields(c.line), c.env)
		if err != nil || strings.Join(own, " ") != c.own || plugin != c.plugin || c.want != nil && !slices.Equal(env, c.want) {
			t.Errorf("%s: %q %q %v %v, want %q %q %v", c.line, own, env, plugin, err, c.own, c.want, c.plugin)
		}
	}
	if _, _, _, err := fromDocker([]string{"--tlskey", "key.pem", "why502"}, []string{called}); err == nil {
		t.Error("--tlskey is passed over")
	}
}
