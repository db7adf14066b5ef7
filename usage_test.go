package main

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

// useTest is one way to call the program on a project of several files, and what shows that it was
// understood. $DIR is the project's directory.
type useTest struct {
	env, args string
	code      int
	want      string // in the report or, where that is nothing, in the error; empty: nothing is printed
}

// uses are a row at least for every flag of the help and every variable of docker compose's that
// choose the project.
var uses = map[string]useTest{
	"plain":                     {"", "$DIR", exitOK, "from-the-directory: "},
	"--file":                    {"", "--file $DIR/compose.yaml --file $DIR/broken.yaml", exitFound, "named \"nope\""},
	"-f":                        {"", "-f $DIR/compose.yaml -f $DIR/broken.yaml", exitFound, "named \"nope\""},
	"--project-name":            {"", "--project-name shop $DIR", exitOK, "shop: "},
	"-p":                        {"", "-p shop $DIR", exitOK, "shop: "},
	"--project-name, bad":       {"", "-p SHOP $DIR", exitError, `"SHOP" cannot be the name`},
	"--project-directory":       {"", "--project-directory $DIR/other -f $DIR/compose.yaml", exitFound, "no such file"},
	"--profile":                 {"", "--profile full $DIR", exitFound, "named \"nope\""},
	"--profile, another":        {"", "--profile other --profile another $DIR", exitOK, ""},
	"--profile, all":            {"", "--profile * $DIR", exitFound, "named \"nope\""},
	"--env-file, missing":       {"", "--env-file nope.env $DIR", exitError, "cannot read env file \"nope.env\""},
	"--env-file":                {"", "--env-file $DIR/broken.env $DIR", exitFound, "named \"nope\""},
	"--env-file, two":           {"", "--env-file $DIR/broken.env --env-file $DIR/good.env $DIR", exitOK, ""},
	"--proxy":                   {"", "--proxy edge $DIR", exitOK, "from-the-directory: "},
	"--proxy, unknown":          {"", "--proxy edgy $DIR", exitError, `no service is named "edgy"`},
	"--proxy, another":          {"", "--profile full --proxy edge $DIR", exitOK, ""},
	"--live":                    {"", "--live off $DIR", exitOK, "from the files alone"},
	"--live, required":          {"", "--live require $DIR", exitError, "no Docker daemon"},
	"--probe":                   {"", "--probe off $DIR", exitOK, "from-the-directory: "},
	"--probe, required":         {"", "--probe require $DIR", exitError, "no Docker daemon"},
	"--since":                   {"", "--since 1h $DIR", exitOK, "from-the-directory: "},
	"--timeout":                 {"", "--timeout 1ms $DIR", exitOK, "from-the-directory: "},
	"--ignore":                  {"", "--ignore upstream-host-unknown=nope --profile full $DIR", exitOK, ""},
	"--ignore, *":               {"", "--ignore *=n*e --profile full $DIR", exitOK, ""},
	"--ignore, another":         {"", "--ignore *=other --profile full $DIR", exitFound, "named \"nope\""},
	"--baseline":                {"", "--baseline $DIR/accepted.json --profile full --format json $DIR", exitOK, `"kind": "baseline"`},
	"--baseline, gone":          {"", "--baseline $DIR/accepted.json --format json $DIR", exitOK, `"text": "gone since `},
	"--baseline, new":           {"", "--baseline $DIR/accepted.json -f $DIR/compose.yaml -f $DIR/broken.yaml", exitFound, "named \"nope\""},
	"--baseline, first run":     {"", "--baseline $DIR/nope.json $DIR", exitOK, "is accepted from the next"},
	"--baseline, no report":     {"", "--baseline $DIR/compose.yaml $DIR", exitError, "it is no report that --format json has written"},
	"--baseline, no file":       {"", "--baseline= $DIR", exitError, "--baseline names no file"},
	"--format":                  {"", "--format json $DIR", exitOK, `"version": 1`},
	"--format, text":            {"", "--format text $DIR", exitOK, "from-the-directory: "},
	"--format, github":          {"", "--format github --profile full $DIR", exitFound, "\n::error file="},
	"--format, sarif":           {"", "--format sarif $DIR", exitOK, `"version": "2.1.0"`},
	"--format, markdown":        {"", "--format markdown $DIR", exitOK, "## 🟢 from-the-directory"},
	"--format, junit":           {"", "--format junit --profile full $DIR", exitFound, "<failure "},
	"--format, html":            {"", "--format html $DIR", exitOK, "<h1>from-the-directory: "},
	"--format, to a file":       {"", "--format json=$DIR/report.json $DIR", exitOK, ""},
	"--output":                  {"", "--output $DIR/report.txt $DIR", exitOK, ""},
	"-o":                        {"", "-o $DIR/report.txt $DIR", exitOK, ""},
	"--record":                  {"", "--record $DIR/record.json $DIR", exitOK, "from-the-directory: "},
	"--record, with an error":   {"", "--record $DIR/record.json --profile full $DIR", exitFound, "named \"nope\""},
	"--record, to stdout":       {"", "--record - $DIR", exitError, "--record writes to a file"},
	"--record, no file":         {"", "--record= $DIR", exitError, "--record names no file"},
	"--record, to a report":     {"", "-o $DIR/x --record $DIR/x $DIR", exitError, "both go to"},
	"--replay":                  {"", "--replay $DIR/old.json", exitFound, "recorded 2026-11-22 12:00 UTC, from the files alone"},
	"--replay, --format":        {"", "--format json --replay $DIR/old.json", exitFound, `"state": "replayed"`},
	"--replay, -q":              {"", "-q --replay $DIR/old.json", exitFound, "nginx.conf:4:29: error:"},
	"--replay, --ignore":        {"", "--ignore * --replay $DIR/old.json", exitOK, "1 finding left out"},
	"--replay, a directory":     {"", "--replay $DIR", exitError, "is a directory"},
	"--replay, missing":         {"", "--replay $DIR/nope.json", exitError, "no such file"},
	"--replay, no record":       {"", "--replay $DIR/compose.yaml", exitError, "it is no record of why502"},
	"--replay, a newer one":     {"", "--replay $DIR/newer.json", exitError, "made by why502 9.9, which is newer than this one"},
	"--replay, and a directory": {"", "--replay $DIR/old.json $DIR", exitError, "--replay does not go with"},
	"--replay, and a file":      {"", "--replay $DIR/old.json -f $DIR/compose.yaml", exitError, "--replay does not go with --file"},
	"--replay, and --live":      {"", "--replay $DIR/old.json --live off", exitError, "--replay does not go with --live"},
	"--replay, and --record":    {"", "--replay $DIR/old.json --record $DIR/x", exitError, "--replay does not go with --record"},
	"--request":                 {"", "trace http://localhost:8080/ --request POST $DIR", exitOK, ": POST http://localhost:8080/ "},
	"-X":                        {"", "trace localhost:8080 -X HEAD $DIR", exitOK, ": HEAD http://localhost:8080/ "},
	"--header":                  {"", "trace http://localhost:8080/ --header Host:shop.example --format json $DIR", exitOK, `"host": "api:8000"`},
	"-H":                        {"", "trace http://localhost:8080/ -H Host:shop.example -H X-A:b $DIR", exitOK, "→ proxy_pass http://api:8000"},
	"--dry-run":                 {"", "trace http://localhost:8080/ --dry-run $DIR", exitOK, "→ proxy_pass http://api:8000"},
	"--dry-run, nothing traced": {"", "--dry-run $DIR", exitError, "--dry-run is of trace"},
	"fix":                       {"", "fix --profile full $DIR", exitFound, "# not changed:"},
	"fix, nothing":              {"", "fix --fail-on warning --ignore * $DIR", exitOK, "# nothing to fix"},
	"fix, another rule":         {"", "fix upstream-published-port --profile full $DIR", exitOK, "# nothing to fix"},
	"fix, a color":              {"", "fix --color always --profile full $DIR", exitFound, "\x1b["},
	"--write":                   {"", "fix --write --profile full $DIR", exitFound, "no edit can be computed"},
	"--write, of fix":           {"", "--write $DIR", exitError, "--write is of fix"},
	"trace":                     {"", "trace http://localhost:8080/a/../b?c $DIR", exitOK, "GET /a/../b?c to api:8000"},
	"trace, broken":             {"", "trace http://localhost:8081/ --profile full $DIR", exitFound, "named \"nope\""},
	"trace, the other works":    {"", "trace http://localhost:8080/ --profile full $DIR", exitOK, "→ proxy_pass http://api:8000"},
	"trace, another port":       {"", "trace http://localhost:81/ $DIR", exitError, "proxies publish 8080 (edge)"},
	"trace, a record":           {"", "trace http://localhost:8080/ --replay $DIR/old.json", exitFound, "nginx is down"},
	"--show":                    {"", "--show error --verbose $DIR", exitOK, "from-the-directory: "},
	"--color":                   {"", "--color always --profile full $DIR", exitFound, "\x1b["},
	"--quiet":                   {"", "--quiet --profile full $DIR", exitFound, "broken.conf:1:"},
	"-q":                        {"", "-q --profile full $DIR", exitFound, "broken.conf:1:"},
	"--verbose":                 {"", "--verbose $DIR", exitOK, "from-the-directory: "},
	"-v":                        {"", "-v $DIR", exitOK, "from-the-directory: "},
	"--fail-on":                 {"", "--fail-on note $DIR", exitFound, "from-the-directory: "},
	"--fail-on, never":          {"", "--fail-on never --profile full $DIR", exitOK, "named \"nope\""},
	"--version":                 {"", "--version", exitOK, "why502 " + version},
	"--help":                    {"", "--help", exitOK, "Usage:"},
	"-h":                        {"", "-h", exitOK, "Usage:"},
	"COMPOSE_FILE":              {"COMPOSE_FILE=compose.yaml:broken.yaml", "$DIR", exitFound, "named \"nope\""},
	"COMPOSE_FILE, -f beats it": {"COMPOSE_FILE=nope.yaml", "-f $DIR/compose.yaml", exitOK, ""},
	"COMPOSE_PATH_SEPARATOR":    {"COMPOSE_FILE=compose.yaml,broken.yaml COMPOSE_PATH_SEPARATOR=,", "$DIR", exitFound, "named \"nope\""},
	"COMPOSE_PROJECT_NAME":      {"COMPOSE_PROJECT_NAME=shop", "$DIR", exitOK, "shop: "},
	"COMPOSE_PROJECT_NAME, -p":  {"COMPOSE_PROJECT_NAME=other", "-p shop $DIR", exitOK, "shop: "},
	"COMPOSE_PROFILES":          {"COMPOSE_PROFILES=other,full", "$DIR", exitFound, "named \"nope\""},
	"COMPOSE_PROFILES, flag":    {"COMPOSE_PROFILES=full", "--profile other $DIR", exitOK, ""},
	"COMPOSE_ENV_FILES":         {"COMPOSE_ENV_FILES=broken.env", "$DIR", exitFound, "named \"nope\""},
	"COMPOSE_ENV_FILES, flag":   {"COMPOSE_ENV_FILES=broken.env", "--env-file $DIR/good.env $DIR", exitOK, ""},
	"COMPOSE_DISABLE_ENV_FILE":  {"COMPOSE_DISABLE_ENV_FILE=1", "$DIR", exitOK, "from-the-directory: "},
	"COMPOSE_DISABLE_ENV_FILE=": {"COMPOSE_DISABLE_ENV_FILE=maybe", "$DIR", exitError, "COMPOSE_DISABLE_ENV_FILE"},
	"COMPOSE_COMPATIBILITY":     {"COMPOSE_COMPATIBILITY=1 CONF=underscore.conf", "$DIR", exitOK, ""},
	"a variable of the caller":  {"CONF=broken.conf", "$DIR", exitFound, "named \"nope\""},
}

// acceptedReport is what matters of a report, as a baseline, on variety with the profile full.
const acceptedReport = `{"version": 1, "findings": [
	{"rule": "upstream-host-unknown", "severity": "error", "message": "no nope", "file": "broken.conf", "fingerprints": ["568bfbf990de1fc0"]}
]}`

// variety is a project whose proxy edge works, and others that a profile, a file or a variable turns
// on and that do not.
func variety(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "from-the-directory")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	const edge = `
    image: nginx:1.27
    restart: always
    ports: ["8080:80"]
    volumes: ["./%:/etc/nginx/conf.d/default.conf"]
`
	for name, text := range map[string]string{
		"accepted.json": acceptedReport,
		"compose.yaml": "services:\n  edge:" + strings.ReplaceAll(edge, "%", "${CONF:-good.conf}") +
			"  off:\n    profiles: [full]" + strings.NewReplacer("%", "broken.conf", "8080", "8081").Replace(edge) + "  api: {image: example/api, expose: [8000]}\n",
		"broken.yaml":     "services:\n  edge:" + strings.ReplaceAll(edge, "%", "broken.conf"),
		"good.conf":       "server { location / { proxy_pass http://api:8000; } }\n",
		"broken.conf":     "server { location / { proxy_pass http://nope:8000; } }\n",
		"underscore.conf": "server { location / { proxy_pass http://from-the-directory_api_1:8000; } }\n",
		"good.env":        "CONF=good.conf\n",
		"broken.env":      "CONF=broken.conf\n",
		"old.json":        recorded(t),
		"newer.json":      `{"why502": 2, "tool": "9.9"}`,
	} {
		write(t, filepath.Join(dir, name), text)
	}
	return dir
}

func TestUses(t *testing.T) {
	for name, test := range uses {
		t.Run(name, func(t *testing.T) {
			dir := variety(t)
			args := strings.Fields(strings.ReplaceAll(test.args, "$DIR", dir))
			env := strings.Fields(strings.ReplaceAll(test.env, ":", string(os.PathListSeparator)))
			got := why502(t, env, args...)
			if printed := got.stdout + got.stderr; got.code != test.code || !strings.Contains(printed, test.want) {
				t.Errorf("exit %d, want %d with %q in:\n%s", got.code, test.code, test.want, printed)
			}
			if (got.stderr != "") != (test.code == exitError) || got.stderr != "" && got.stdout != "" {
				t.Errorf("stdout %q, stderr %q", got.stdout, got.stderr)
			}
		})
	}
}

// Every flag is used at least once, and every variable that the README names.
func TestUsesAreComplete(t *testing.T) {
	names := slices.Collect(maps.Keys(uses))
	new(flags).set().VisitAll(func(f *pflag.Flag) {
		if !slices.Contains(names, "--"+f.Name) {
			t.Errorf("no row uses --%s", f.Name)
		}
		if f.Shorthand != "" && !slices.Contains(names, "-"+f.Shorthand) {
			t.Errorf("no row uses -%s", f.Shorthand)
		}
	})
	for _, name := range strings.FieldsFunc(read(t, "README.md"), func(r rune) bool { return r != '_' && (r < 'A' || r > 'Z') }) {
		if strings.HasPrefix(name, "COMPOSE_") && !slices.Contains(names, name) {
			t.Errorf("no row uses %s", name)
		}
	}
}
