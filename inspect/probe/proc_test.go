package probe

import (
	"reflect"
	"testing"

	"why502/inspect"
)

const (
	tcpTable = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F40 00000000:0000 0A 00000000:00000000 00:00000000 00000000 65534        0 1 1 0 100 0 0 10 0
   1: 0B00007F:8A2D 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 2 1 0 100 0 0 10 0
   2: 00000000:0050 00000000:0000 0A 00000000:00000003 00:00000000 00000000     0        0 3 1 0 100 0 0 10 0
   3: 020012AC:0050 030012AC:D2F0 01 00000000:00000000 00:00000000 00000000     0        0 4 1 0 100 0 0 10 0
`
	tcp6Table = `  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000000000000000000000000000:2328 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 5 1 0 100 0 0 10 0
   1: 00000000000000000000000001000000:1F40 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 6 1 0 100 0 0 10 0
   2: 0000000000000000FFFF00000100007F:1F41 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 7 1 0 100 0 0 10 0
`
	mountinfo = `1057 1045 0:51 / / rw,relatime master:300 - overlay overlay rw,lowerdir=/a:/b
1060 1057 8:1 /srv/my\040shop/nginx.conf//deleted /etc/nginx/nginx.conf ro,relatime - ext4 /dev/sda1 rw
1061 1057 8:1 /srv/a\134040b /etc/a\011b rw - ext4 /dev/sda1 rw
`
)

func TestSockets(t *testing.T) {
	want := []inspect.Socket{
		{Address: "127.0.0.1", Port: 8000},
		{Address: "0.0.0.0", Port: 80, Waiting: 3},
		{Address: "::", Port: 9000},
		{Address: "::1", Port: 8000},
		{Address: "127.0.0.1", Port: 8001},
	}
	if got := Sockets([]byte(tcpTable), []byte(tcp6Table)); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

func TestMounts(t *testing.T) {
	want := []inspect.Mounted{
		{Root: "/", Target: "/"},
		{Root: "/srv/my shop/nginx.conf//deleted", Target: "/etc/nginx/nginx.conf"},
		{Root: `/srv/a\040b`, Target: "/etc/a\tb"},
	}
	if got := Mounts([]byte(mountinfo)); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

func FuzzSockets(f *testing.F) {
	f.Add([]byte(tcpTable), []byte(tcp6Table))
	f.Add([]byte("0: :0 0:0 0A 0:0"), []byte("0: FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF:FFFF x 0A FFFFFFFFF:FFFFFFFFF"))
	f.Fuzz(func(t *testing.T, tcp, tcp6 []byte) {
		for _, s := range Sockets(tcp, tcp6) {
			if s.Port < 0 || s.Port > 65535 || s.Waiting < 0 || s.Address == "" || s.Address == "127.0.0.11" {
				t.Errorf("%+v", s)
			}
		}
	})
}

func FuzzMounts(f *testing.F) {
	f.Add([]byte(mountinfo))
	f.Add([]byte(`1 2 3 \ \4 \400 \08`))
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, m := range Mounts(text) {
			if len(m.Target) > len(text) || len(m.Root) > len(text) {
				t.Errorf("%+v", m)
			}
		}
	})
}
