package inspect

import "testing"

// The socket is /run/app/s.sock; the services besides are the proxy's own mounts, and what others have.
func TestSocketNotShared(t *testing.T) {
	const sure = "upstream-socket-not-shared certain"
	for _, test := range []struct{ name, mounts, others, want string }{
		{"nothing is mounted", "", "", sure},
		{"elsewhere", ", sockets:/run/other", "  app: {image: x, volumes: ['sockets:/run/app']}\n", sure},
		{"shared", ", sockets:/run/app", "  app: {image: x, volumes: ['sockets:/var/run/app']}\n", ""},
		{"shared, above", ", sockets:/run", "  app: {image: x, volumes: ['sockets:/sockets']}\n", ""},
		{"shared, through a link", ", sockets:/var/run/app", "  app: {image: x, volumes: ['sockets:/run/app']}\n", ""},
		{"by no other", ", sockets:/run/app", "  app: {image: x}\n", sure},
		{"in memory", ", {type: tmpfs, target: /run/app}", "", sure},
		{"anonymous", ", /run/app", "", sure},
		{"from the host", ", ./run:/run/app", "", ""},
		{"the socket itself", ", /run/app/s.sock:/run/app/s.sock", "", ""},
		{"of another project", ", shared:/run/app", "", ""},
		{"of a driver", ", bound:/run/app", "", ""},
		{"by the mounts of another", "", "  app: {image: x, volumes_from: [edge]}\n", ""},
	} {
		services := "  edge: {image: nginx:1.27, volumes: [./nginx.conf:/etc/nginx/conf.d/default.conf" + test.mounts + "]}\n" + test.others +
			"volumes: {sockets: {}, shared: {external: true}, bound: {driver_opts: {type: none, o: bind, device: /srv}}}\n"
		got := ""
		for _, f := range Judge(shop(t, server(pass("/", "http://unix:/run/app/s.sock")), services), nil, Live{}, Options{}).Findings {
			if f.Rule.Severity == Error {
				got += f.Rule.ID + " " + string(f.Confidence)
			}
		}
		if got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
	own := server(pass("/", "http://unix:/run/app/s.sock")) + "server { listen unix:/var/run/app/s.sock; return 200; }\n"
	if fs := Judge(shop(t, own, edge), nil, Live{}, Options{}).Findings; len(fs) > 0 {
		t.Errorf("nginx's own socket: %v", fs[0].Message)
	}
}
