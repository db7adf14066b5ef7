package compose

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// image is a project of one service whose image tells which file it came from.
func image(name string) string { return "services:\n  a:\n    image: " + name + "\n" }

func TestLoadFindsTheProject(t *testing.T) {
	tests := []struct {
		name      string
		files     map[string]string
		opts      Options // its Directory, Files … are relative to where the files are
		directory string  // of the project
		read      []string
		project   string
		image     string
	}{
		{
			name:  "here",
			files: map[string]string{"shop/compose.yaml": image("x")},
			opts:  Options{Directory: "shop"}, directory: "shop",
			read: []string{"compose.yaml"}, project: "shop", image: "x",
		},
		{
			name:  "above",
			files: map[string]string{"shop/docker-compose.yml": image("x"), "shop/src/app/main.go": ""},
			opts:  Options{Directory: "shop/src/app"}, directory: "shop",
			read: []string{"docker-compose.yml"}, project: "shop", image: "x",
		},
		{
			name: "compose.yaml before docker-compose.yml, with its override",
			files: map[string]string{
				"shop/compose.yaml": image("x"), "shop/docker-compose.yml": image("y"),
				"shop/docker-compose.override.yml": image("z"),
			},
			opts: Options{Directory: "shop"}, directory: "shop",
			read: []string{"compose.yaml", "docker-compose.override.yml"}, project: "shop", image: "z",
		},
		{
			name:  "-f: its directory is the project's, and no override is read",
			files: map[string]string{"deploy/app.yaml": image("x"), "deploy/compose.override.yaml": image("y")},
			opts:  Options{Directory: ".", Files: []string{"deploy/app.yaml"}}, directory: "deploy",
			read: []string{"app.yaml"}, project: "deploy", image: "x",
		},
		{
			name:  "-f twice, the second above the first",
			files: map[string]string{"shop/deploy/app.yaml": image("x"), "shop/more.yaml": image("y")},
			opts:  Options{Directory: "shop", Files: []string{"deploy/app.yaml", "more.yaml"}}, directory: "shop/deploy",
			read: []string{"app.yaml", "../more.yaml"}, project: "deploy", image: "y",
		},
		{
			name:  "-f - reads standard input, in the directory",
			files: map[string]string{"shop/README": ""},
			opts:  Options{Directory: "shop", Files: []string{"-"}, Stdin: strings.NewReader(image("x"))}, directory: "shop",
			read: []string{"-"}, project: "shop", image: "x",
		},
		{
			name:  "--project-directory",
			files: map[string]string{"deploy/app.yaml": image("x"), "shop/README": ""},
			opts:  Options{Directory: ".", Files: []string{"deploy/app.yaml"}, ProjectDirectory: "shop"}, directory: "shop",
			read: []string{"../deploy/app.yaml"}, project: "shop", image: "x",
		},
		{
			name:  "COMPOSE_FILE",
			files: map[string]string{"shop/a.yaml": image("x"), "shop/b.yaml": image("y"), "shop/compose.yaml": image("z")},
			opts:  Options{Directory: "shop", Env: []string{"COMPOSE_FILE=a.yaml" + string(os.PathListSeparator) + "b.yaml"}}, directory: "shop",
			read: []string{"a.yaml", "b.yaml"}, project: "shop", image: "y",
		},
		{
			name: "COMPOSE_FILE and its separator in .env",
			files: map[string]string{
				"shop/.env": "COMPOSE_FILE=a.yaml,b.yaml\nCOMPOSE_PATH_SEPARATOR=,\n", "shop/a.yaml": image("x"), "shop/b.yaml": image("y"),
			},
			opts: Options{Directory: "shop"}, directory: "shop",
			read: []string{"a.yaml", "b.yaml"}, project: "shop", image: "y",
		},
		{
			name:  "-f beats COMPOSE_FILE",
			files: map[string]string{"shop/a.yaml": image("x"), "shop/b.yaml": image("y")},
			opts:  Options{Directory: "shop", Files: []string{"a.yaml"}, Env: []string{"COMPOSE_FILE=b.yaml"}}, directory: "shop",
			read: []string{"a.yaml"}, project: "shop", image: "x",
		},
		{
			name:  ".env of the project that was found above",
			files: map[string]string{"shop/compose.yaml": image("${TAG}"), "shop/.env": "TAG=x", "shop/src/main.go": ""},
			opts:  Options{Directory: "shop/src"}, directory: "shop",
			read: []string{"compose.yaml"}, project: "shop", image: "x",
		},
		{
			name:  "the environment beats .env",
			files: map[string]string{"shop/compose.yaml": image("${TAG}"), "shop/.env": "TAG=x"},
			opts:  Options{Directory: "shop", Env: []string{"TAG=y"}}, directory: "shop",
			read: []string{"compose.yaml"}, project: "shop", image: "y",
		},
		{
			name:  "no .env where it is switched off",
			files: map[string]string{"shop/compose.yaml": image("${TAG-none}"), "shop/.env": "TAG=x"},
			opts:  Options{Directory: "shop", Env: []string{"COMPOSE_DISABLE_ENV_FILE=1"}}, directory: "shop",
			read: []string{"compose.yaml"}, project: "shop", image: "none",
		},
		{
			name:  "--env-file twice instead of .env: the later wins and sees the earlier",
			files: map[string]string{"shop/compose.yaml": image("${TAG}-${ENV-none}"), "shop/.env": "ENV=x", "shop/a.env": "TAG=a\nBASE=b", "shop/b.env": "TAG=${BASE}c"},
			opts:  Options{Directory: "shop", EnvFiles: []string{"a.env", "b.env"}}, directory: "shop",
			read: []string{"compose.yaml"}, project: "shop", image: "bc-none",
		},
		{
			name:  "COMPOSE_ENV_FILES",
			files: map[string]string{"shop/compose.yaml": image("${TAG}${ENV}"), "shop/a.env": "TAG=x", "shop/b.env": "ENV=y"},
			opts:  Options{Directory: "shop", Env: []string{"COMPOSE_ENV_FILES=a.env,b.env"}}, directory: "shop",
			read: []string{"compose.yaml"}, project: "shop", image: "xy",
		},
		{
			name:  "name: of the file, with a variable, made fit",
			files: map[string]string{"shop/compose.yaml": "name: My-${X}\n" + image("${COMPOSE_PROJECT_NAME}")},
			opts:  Options{Directory: "shop", Env: []string{"X=Y"}}, directory: "shop",
			read: []string{"compose.yaml"}, project: "my-y", image: "my-y",
		},
		{
			name:  "name: of the last file that has one",
			files: map[string]string{"shop/compose.yaml": "name: a\n" + image("x"), "shop/compose.override.yaml": "name: b\n" + image("x")},
			opts:  Options{Directory: "shop"}, directory: "shop",
			read: []string{"compose.yaml", "compose.override.yaml"}, project: "b", image: "x",
		},
		{
			name:  "COMPOSE_PROJECT_NAME in .env beats name:",
			files: map[string]string{"shop/compose.yaml": "name: a\n" + image("x"), "shop/.env": "COMPOSE_PROJECT_NAME=b"},
			opts:  Options{Directory: "shop"}, directory: "shop",
			read: []string{"compose.yaml"}, project: "b", image: "x",
		},
		{
			name:  "-p beats COMPOSE_PROJECT_NAME",
			files: map[string]string{"shop/compose.yaml": image("${COMPOSE_PROJECT_NAME}")},
			opts:  Options{Directory: "shop", ProjectName: "c", Env: []string{"COMPOSE_PROJECT_NAME=b"}}, directory: "shop",
			read: []string{"compose.yaml"}, project: "c", image: "c",
		},
		{
			name:  "name of a directory, made fit",
			files: map[string]string{"_My Shop!/compose.yaml": image("x")},
			opts:  Options{Directory: "_My Shop!"}, directory: "_My Shop!",
			read: []string{"compose.yaml"}, project: "myshop", image: "x",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			root := project(t, test.files)
			test.opts.Directory = filepath.Join(root, test.opts.Directory)
			s, err := loadModel(context.Background(), test.opts)
			if err != nil {
				t.Fatal(err)
			}
			if want := filepath.Join(root, test.directory); s.Directory != want {
				t.Errorf("directory %s, want %s", s.Directory, want)
			}
			if !slices.Equal(s.Files, test.read) {
				t.Errorf("files %v, want %v", s.Files, test.read)
			}
			if s.Name != test.project {
				t.Errorf("name %q, want %q", s.Name, test.project)
			}
			if got := s.Services["a"].Image; got != test.image {
				t.Errorf("image %q, want %q", got, test.image)
			}
			for _, file := range s.Files {
				if s.Sources[file] == nil {
					t.Errorf("no source text of %s", file)
				}
			}
		})
	}
}

func TestLoadFindsNoProject(t *testing.T) {
	tests := []struct {
		name  string
		files map[string]string
		opts  Options
		want  string // part of the error, ROOT is where the files are
		hint  string
	}{
		{"no Compose file", nil, Options{}, "no Compose file in ROOT or a directory above it", "-f FILE"},
		{"no directory", nil, Options{Directory: "shop"}, `no directory "ROOT/shop"`, "directory"},
		{"file as directory", map[string]string{"a.yaml": ""}, Options{Directory: "a.yaml"}, `"ROOT/a.yaml" is not a directory`, "-f"},
		{"-f that is not there", nil, Options{Files: []string{"b.yaml"}}, `no file "b.yaml"`, "-f"},
		{"-f of a directory", map[string]string{"b/x": ""}, Options{Files: []string{"b"}}, `"b" is a directory`, "without -f"},
		{"empty COMPOSE_FILE", nil, Options{Env: []string{"COMPOSE_FILE="}}, "an entry of COMPOSE_FILE is empty", "unset"},
		{"--env-file that is not there", compose(image("x")), Options{EnvFiles: []string{"b.env"}}, `cannot read env file "b.env": no such file`, "--env-file"},
		{"COMPOSE_DISABLE_ENV_FILE", nil, Options{Env: []string{"COMPOSE_DISABLE_ENV_FILE=x"}}, `COMPOSE_DISABLE_ENV_FILE is "x"`, "true or false"},
		{"large file", compose(strings.Repeat("#", maxFile+1)), Options{}, `cannot read "compose.yaml": it is larger than 4 MB`, "size"},
		{"no standard input", nil, Options{Files: []string{"-"}}, "there is no standard input", ""},
		{"device", nil, Options{Files: []string{os.DevNull}}, "is not a regular file", "-f -"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			root := project(t, test.files)
			test.opts.Directory = filepath.Join(root, test.opts.Directory)
			_, err := loadModel(context.Background(), test.opts)
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("got %v, want an *Error", err)
			}
			if got := strings.ReplaceAll(e.Error(), root, "ROOT"); !strings.Contains(got, test.want) {
				t.Errorf("%q does not contain %q", got, test.want)
			}
			if !strings.Contains(e.Hint(), test.hint) {
				t.Errorf("hint %q does not contain %q", e.Hint(), test.hint)
			}
		})
	}
}

func TestLoadUnreadableFile(t *testing.T) {
	dir := project(t, compose(image("x")))
	file := filepath.Join(dir, "compose.yaml")
	if err := os.Chmod(file, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := os.ReadFile(file); err == nil {
		t.Skip("this user reads everything")
	}
	_, err := loadModel(context.Background(), Options{Directory: dir})
	if want := `cannot read "compose.yaml": permission denied`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}
