package report

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"why502/inspect"
)

func printJSON(t *testing.T, r *inspect.Report, opts Options) string {
	t.Helper()
	var b strings.Builder
	if err := writeJSON(&b, r, opts); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

const shopJSON = `{
  "version": 1,
  "tool": {
    "name": "why502",
    "version": "0.1.0"
  },
  "project": {
    "name": "shop",
    "directory": ".",
    "files": [
      "compose.yaml"
    ]
  },
  "live": {
    "state": "inspected",
    "endpoint": "unix:///var/run/docker.sock",
    "engine": "29.0.0",
    "api": "1.51",
    "probe": "off",
    "note": ""
  },
  "verdict": "broken",
  "summary": {
    "error": 1,
    "warning": 0,
    "note": 0,
    "suppressed": 1,
    "routes": 1,
    "broken": 1
  },
  "proxies": [
    {
      "service": "edge",
      "image": "nginx:1.27",
      "why": "image",
      "nginx": "1.27",
      "config": [
        "nginx.conf"
      ],
      "state": "running"
    }
  ],
  "routes": [
    {
      "id": "edge:80 shop.example.com/api/ -> api:8000",
      "proxy": "edge",
      "published": [
        "0.0.0.0:8080",
        "[::]:8080"
      ],
      "listen": "80",
      "server": "shop.example.com",
      "location": "/api/",
      "pass": "proxy_pass http://api:8000",
      "scheme": "http",
      "target": "api:8000",
      "file": "nginx.conf",
      "line": 14,
      "column": 20,
      "backends": [
        {
          "host": "api",
          "port": 8000,
          "service": "api",
          "hops": {
            "config": "ok",
            "proxy": "ok",
            "container": "ok",
            "network": "ok",
            "name": "ok",
            "port": "broken"
          }
        }
      ],
      "verdict": "broken",
      "status": "502"
    }
  ],
  "findings": [
    {
      "rule": "upstream-listens-on-loopback",
      "hop": "port",
      "severity": "error",
      "confidence": "proven",
      "message": "api listens on 127.0.0.1:8000 only, so connections from edge are refused",
      "file": "nginx.conf",
      "line": 14,
      "column": 20,
      "excerpt": "proxy_pass http://api:8000;",
      "proxy": "edge",
      "service": "api",
      "routes": [
        "edge:80 shop.example.com/api/ -> api:8000"
      ],
      "status": "502",
      "evidence": [
        {
          "source": "probe",
          "text": "LISTEN 127.0.0.1:8000 in shop-api-1"
        }
      ],
      "related": [
        {
          "file": "compose.yaml",
          "line": 9,
          "column": 14,
          "text": "the command that binds 127.0.0.1"
        }
      ],
      "fix": {
        "text": "listen on all addresses: --host 0.0.0.0",
        "edits": [
          {
            "file": "compose.yaml",
            "line": 9,
            "line_end": 9,
            "old": "    command: uvicorn main:app --host 127.0.0.1 --port 8000",
            "new": "    command: uvicorn main:app --host 0.0.0.0 --port 8000"
          }
        ]
      },
      "fingerprints": [
        "0123456789abcdef"
      ]
    }
  ],
  "suppressed": [
    {
      "rule": "upstream-address-may-go-stale",
      "severity": "note",
      "message": "",
      "file": "",
      "line": 0,
      "column": 0,
      "proxy": "",
      "service": "",
      "routes": [],
      "fingerprints": [],
      "by": {
        "kind": "file",
        "file": ".why502.yaml",
        "line": 2,
        "column": 5,
        "reason": "nothing is recreated here",
        "until": "2026-12-31"
      }
    }
  ],
  "remarks": [
    {
      "file": "nginx.conf",
      "line": 3,
      "column": 5,
      "text": "this ignores nothing"
    }
  ],
  "unchecked": [
    {
      "what": "edge: files of the volume certs",
      "why": "a named volume is not among the project's files"
    }
  ]
}
`

// The document is the contract, member by member and in this order.
func TestJSON(t *testing.T) {
	r := shop()
	r.Routes, r.Findings = r.Routes[1:2], r.Findings[:1]
	r.Findings[0].Fingerprints = []string{"0123456789abcdef"}
	r.Ignored[0].By = &inspect.Ignore{
		Kind: inspect.ByFile, Reason: "nothing is recreated here", Until: time.Date(2026, 12, 31, 0, 0, 0, 0, time.UTC), Place: at(".why502.yaml", 2, 5),
	}
	r.Remarks = []inspect.Remark{{Place: at("nginx.conf", 3, 5), Text: "this ignores nothing"}}
	same(t, printJSON(t, r, Options{Version: "0.1.0"}), shopJSON)
}

func TestJSONHasNoNull(t *testing.T) {
	r := &inspect.Report{
		Proxies:  make([]inspect.ProxyReport, 1),
		Routes:   make([]inspect.RouteReport, 1),
		Findings: []*inspect.Finding{{Rule: staleRule, Severity: inspect.Note}},
	}
	for name, report := range map[string]*inspect.Report{"empty rows": r, "no rows": {}} {
		if got := printJSON(t, report, Options{}); strings.Contains(got, "null") {
			t.Errorf("%s: null in %s", name, got)
		}
	}
}

// The values are those of the files, whatever is in them.
func TestJSONKeepsText(t *testing.T) {
	r := shop()
	old := "\tproxy_pass http://api; # <&> \u202e \x7f \U000e0041 \u2028"
	r.Findings[0].Fix.Edits[0].Old = old
	out := printJSON(t, r, Options{})
	if !strings.Contains(out, "# <&> ") {
		t.Error("HTML is escaped")
	}
	var doc document
	if err := json.Unmarshal([]byte(out), &doc); err != nil {
		t.Fatal(err)
	}
	same(t, doc.Findings[0].Fix.Edits[0].Old, old)
}

func TestJSONIsDeterministic(t *testing.T) {
	first := printJSON(t, crowd(), Options{})
	for range 5 {
		if printJSON(t, crowd(), Options{}) != first {
			t.Fatal("two runs differ")
		}
	}
}

// --show narrows the findings that are listed, never what is counted.
func TestJSONShow(t *testing.T) {
	doc := documentOf(shop(), Options{Show: inspect.Error})
	if len(doc.Findings) != 2 {
		t.Errorf("%d findings are listed, want 2", len(doc.Findings))
	}
	want := summaryRow{Error: 2, Warning: 1, Note: 1, Suppressed: 1, Routes: 5, Broken: 2}
	if doc.Summary != want {
		t.Errorf("summary is %+v, want %+v", doc.Summary, want)
	}
}

func schema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	s, err := jsonschema.NewCompiler().Compile("../docs/report.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// decoded is a document as the schema's validator takes it.
func decoded(t *testing.T, doc string) map[string]any {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(doc))
	if err != nil {
		t.Fatal(err)
	}
	return v.(map[string]any)
}

func TestSchemaAccepts(t *testing.T) {
	s := schema(t)
	for name, r := range map[string]*inspect.Report{"shop": shop(), "clean": clean(), "crowd": crowd()} {
		if err := s.Validate(decoded(t, printJSON(t, r, Options{}))); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A program that was written for version 1 must survive a member that was added since.
func TestSchemaAcceptsAddedMembers(t *testing.T) {
	doc := decoded(t, shopJSON)
	doc["weather"] = map[string]any{}
	first(doc, "findings")["url"] = "x"
	first(doc, "routes")["weight"] = "x"
	if err := schema(t).Validate(doc); err != nil {
		t.Error(err)
	}
}

func first(doc map[string]any, member string) map[string]any {
	return doc[member].([]any)[0].(map[string]any)
}

func TestSchemaRefuses(t *testing.T) {
	s := schema(t)
	for name, spoil := range map[string]func(doc map[string]any){
		"another version":     func(doc map[string]any) { doc["version"] = json.Number("2") },
		"an unknown verdict":  func(doc map[string]any) { doc["verdict"] = "fine" },
		"an unknown severity": func(doc map[string]any) { first(doc, "findings")["severity"] = "fatal" },
		"an unknown status":   func(doc map[string]any) { first(doc, "routes")["status"] = "503" },
		"a null list":         func(doc map[string]any) { first(doc, "findings")["evidence"] = nil },
		"an unreached hop": func(doc map[string]any) {
			first(first(doc, "routes"), "backends")["hops"].(map[string]any)["response"] = "not-reached"
		},
		"an unknown hop": func(doc map[string]any) {
			first(first(doc, "routes"), "backends")["hops"].(map[string]any)["disk"] = "ok"
		},
	} {
		doc := decoded(t, shopJSON)
		spoil(doc)
		if s.Validate(doc) == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}

// Every member of the contract is required, except those that the contract calls optional.
func TestSchemaRequiresEveryMember(t *testing.T) {
	text, err := os.ReadFile("../docs/report.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	s := schema(t)
	if err := s.Validate(decoded(t, string(text))); err == nil {
		t.Error("the schema accepts itself")
	}
	doc := decoded(t, shopJSON)
	for _, object := range []map[string]any{
		doc, doc["live"].(map[string]any), doc["summary"].(map[string]any), first(doc, "proxies"), first(doc, "routes"),
		first(first(doc, "routes"), "backends"), first(doc, "findings"), first(doc, "unchecked"),
	} {
		for member, value := range object {
			delete(object, member)
			if s.Validate(doc) == nil {
				t.Errorf("%s may be left out", member)
			}
			object[member] = value
		}
	}
}

// What became of the probe is said with what became of the daemon.
func TestJSONProbe(t *testing.T) {
	for _, test := range []struct {
		live        inspect.Live
		probe, note string
	}{
		{inspect.Live{}, "off", ""},
		{inspect.Live{Probe: inspect.Probe{State: inspect.ProbeDone}}, "done", ""},
		{inspect.Live{Note: "no log", Probe: inspect.Probe{State: inspect.ProbePartial, Why: "1 of 2"}}, "partial", "no log; 1 of 2"},
		{inspect.Live{Probe: inspect.Probe{State: inspect.ProbeUnavailable, Why: "no program", Remedy: "build it"}}, "unavailable", "no program; build it"},
	} {
		if got := liveRowOf(test.live); got.Probe != test.probe || got.Note != test.note {
			t.Errorf("%+v: probe %q, note %q", test.live, got.Probe, got.Note)
		}
	}
}

// The document is indented as the encoder of the standard library does it.
func TestIndentJSON(t *testing.T) {
	for _, doc := range []any{
		documentOf(shop(), Options{}), documentOf(clean(), Options{}), documentOf(crowd(), Options{}), documentOf(traced(), Options{}),
		map[string]any{`a"\`: []any{}, "b": map[string]any{}, "c": []any{1, -2.5e9, true, nil, "{[,:]}\\\"", []any{[]any{""}}}, "": "é\x7f\\"},
		[]any{}, "alone", nil,
	} {
		var compact, want bytes.Buffer
		for _, b := range []*bytes.Buffer{&compact, &want} {
			enc := json.NewEncoder(b)
			enc.SetEscapeHTML(false)
			if b == &want {
				enc.SetIndent("", "  ")
			}
			if err := enc.Encode(doc); err != nil {
				t.Fatal(err)
			}
		}
		if got := indentJSON(nil, compact.Bytes()); string(got) != want.String() {
			t.Errorf("got\n%s\nwant\n%s", got, want.String())
		}
	}
}
