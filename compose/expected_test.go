package compose

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestExpected(t *testing.T) {
	for name, test := range map[string]struct {
		files map[string]string
		want  string // a part of the reason; empty: nothing says that it will be made
	}{
		"nothing":                    {nil, ""},
		"example":                    {map[string]string{"conf/app.conf.example": ""}, "conf/app.conf.example"},
		"dist":                       {map[string]string{"conf/app.conf.dist": ""}, "conf/app.conf.dist"},
		"sample":                     {map[string]string{"conf/app.conf.sample": ""}, "conf/app.conf.sample"},
		"template":                   {map[string]string{"conf/app.conf.template": ""}, "conf/app.conf.template"},
		"example before the ending":  {map[string]string{"conf/app.example.conf": ""}, "conf/app.example.conf"},
		"another file's":             {map[string]string{"conf/other.conf.example": ""}, ""},
		"ignored by name":            {map[string]string{".gitignore": "app.conf\n"}, ".gitignore"},
		"ignored by pattern":         {map[string]string{".gitignore": "# made\n\n*.conf\n"}, ".gitignore"},
		"ignored with its directory": {map[string]string{".gitignore": "conf/\n"}, ".gitignore"},
		"ignored by path":            {map[string]string{".gitignore": "/conf/app.conf\n"}, ".gitignore"},
		"ignored beside it":          {map[string]string{"conf/.gitignore": "*\n!.gitignore\n"}, "conf/.gitignore"},
		"ignored, CRLF":              {map[string]string{".gitignore": "app.conf\r\n"}, ".gitignore"},
		"ignored elsewhere":          {map[string]string{".gitignore": "/app.conf\nother/*.conf\n"}, ""},
		"a comment":                  {map[string]string{".gitignore": "#app.conf\n"}, ""},
		"taken out again":            {map[string]string{".gitignore": "!app.conf\n"}, ""},
	} {
		files := compose("services:\n  a: {image: x}\n")
		for name, text := range test.files {
			files[name] = text
		}
		s := load(t, files)
		got := s.expected(filepath.Join(s.Directory, "conf", "app.conf"))
		if test.want == "" && got != "" || !strings.Contains(got, test.want) {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

// A rule of the repository counts also where the project is one of its directories, and none
// outside of the repository.
func TestExpectedInARepository(t *testing.T) {
	for name, test := range map[string]struct {
		files []string // that have "app.conf" in them
		dirs  []string
		want  bool
	}{
		"of the project":            {[]string{"repo/deploy/.gitignore"}, []string{"repo/.git"}, true},
		"of the repository":         {[]string{"repo/.gitignore"}, []string{"repo/.git"}, true},
		"outside of the repository": {[]string{".gitignore"}, []string{"repo/.git"}, false},
		"of the project's own":      {[]string{"repo/.gitignore"}, []string{"repo/.git", "repo/deploy/.git"}, false},
	} {
		files := map[string]string{"repo/deploy/compose.yaml": "services:\n  a: {image: x}\n"}
		for _, file := range test.files {
			files[file] = "app.conf\n"
		}
		root := project(t, files)
		for _, dir := range test.dirs {
			if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		s, err := loadModel(t.Context(), Options{Directory: filepath.Join(root, "repo/deploy")})
		if err != nil {
			t.Fatal(err)
		}
		if got := s.expected(filepath.Join(s.Directory, "app.conf")); (got != "") != test.want {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestIgnores(t *testing.T) {
	for _, test := range []struct {
		pattern, path string
		want          bool
	}{
		{"app.conf", "app.conf", true}, {"app.conf", "a/b/app.conf", true}, {"app.conf", "a/app.conf.bak", false},
		{"*.conf", "a/app.conf", true}, {"conf", "conf/app.conf", true}, {"conf/", "conf/app.conf", true}, {"conf/", "a/conf/app.conf", true},
		{"/conf", "conf/app.conf", true}, {"/conf", "a/conf/app.conf", false}, {"a/conf", "a/conf/app.conf", true}, {"a/conf", "b/a/conf/app.conf", false},
		{"a/*.conf", "a/app.conf", true}, {"a/*.conf", "a/b/app.conf", false}, {"**/app.conf", "a/b/app.conf", true}, {"a/**", "a/b/app.conf", true},
		{"", "app.conf", false}, {"/", "app.conf", false}, {"#x", "#x", false}, {"!app.conf", "app.conf", false}, {"[", "app.conf", false},
	} {
		if got := ignores(test.pattern, test.path); got != test.want {
			t.Errorf("%q, %s: %v", test.pattern, test.path, got)
		}
	}
}
