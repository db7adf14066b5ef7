package compose

import (
	"testing"

	"why502/compose/proxy"
)

func TestEaten(t *testing.T) {
	const config = "    configs: [{source: site, target: " + app + "}]\nconfigs:\n  site:\n    content: "
	const heredoc = "    command:\n      - sh\n      - -c\n      - |\n        cat > " + app + " <<"
	files := map[string]string{"t": "${API} $host", "start.sh": "cat > " + app + " <<'EOF'\n$host\nEOF\n"}
	for name, test := range map[string]struct {
		lines string
		want  []proxy.Use
	}{
		"nginx's own":            {config + "|\n      a $host ${uri};\n      b $args\n", []proxy.Use{{Name: "host", Place: at(8, 9)}, {Name: "uri", Place: at(8, 15)}, {Name: "args", Place: at(9, 9)}}},
		"in one line":            {config + "\"é $$host $host\"\n", []proxy.Use{{Name: "host", Place: at(7, 24)}}},
		"folded":                 {config + ">-\n      $$host\n      $host\n", []proxy.Use{{Name: "host", Place: at(9, 7)}}},
		"by an alias":            {"    x-text: &text |\n      $host\n" + config + "*text\n", []proxy.Use{{Name: "host", Place: at(5, 7)}}},
		"set in the text":        {config + "|\n      set $$up a; map $uri $$to { }\n      $up $to $other\n", []proxy.Use{{Name: "uri", Place: at(8, 23)}, {Name: "up", Place: at(9, 7)}, {Name: "to", Place: at(9, 11)}}},
		"doubled":                {config + "|\n      $$host $${uri} $ $1\n", nil},
		"the environment has it": {config + "|\n      ${scheme} $DOMAIN\n", nil},
		"Compose's own":          {config + "|\n      ${domain} ${host:-x}\n", nil},
		"written with escapes":   {config + "\"a \\x24host\"\n", nil},
		"a here-document":        {heredoc + "'EOF'\n        a $host\n        EOF\n        nginx\n", []proxy.Use{{Name: "host", Place: at(9, 11)}}},
		"which the shell eats":   {heredoc + "EOF\n        a $host\n        EOF\n        nginx\n", nil},
		"beside one":             {heredoc + "'EOF'\n        a $$host\n        EOF\n        nginx $host\n", nil},
		"of a script":            {"    volumes: ['./start.sh:/start.sh']\n    entrypoint: /start.sh $host\n", nil},
		"a list for envsubst":    {"    volumes: ['./t:/t']\n    environment: {API: api}\n    command: sh -c \"envsubst '$API $X' < /t > " + app + "; nginx\"\n", []proxy.Use{{Name: "API", Place: at(6, 31)}}},
		"a doubled one":          {"    volumes: ['./t:/t']\n    environment: {API: api}\n    command: sh -c \"envsubst '$$API' < /t > " + app + "; nginx\"\n", nil},
	} {
		c := started(t, test.lines, files, "scheme=x")
		f, err := c.open(app)
		if err != nil {
			t.Fatal(name, err)
		}
		t.Run(name, func(t *testing.T) { check(t, f.Eaten, test.want) })
	}
}
