package compose

import "testing"

// Numbers and switches that come by a variable are cast wherever they stand, in included and extended files
// too.
func TestCasts(t *testing.T) {
	s := load(t, map[string]string{
		"compose.yaml": "include: [more.yaml]\nservices:\n  a: {image: x, scale: \"${TWO}\", ports: [{target: \"${PORT}\"}]}\n  b: {extends: {file: base.yaml, service: base}}\n",
		"more.yaml":    "services:\n  c: {image: x, deploy: {replicas: \"${TWO}\"}, networks: [n]}\nnetworks: {n: {internal: \"${YES}\"}}\n",
		"base.yaml":    "services:\n  base: {image: x, scale: \"${TWO}\"}\n",
	}, "TWO=2", "PORT=8000", "YES=true")
	if a := s.Services["a"]; a.Scale != 2 || a.Ports[0].Target != 8000 {
		t.Errorf("a: %+v", a)
	}
	if s.Services["b"].Scale != 2 || s.Services["c"].Scale != 2 || !s.Networks["n"].Internal {
		t.Errorf("b: %d, c: %d, n: %v", s.Services["b"].Scale, s.Services["c"].Scale, s.Networks["n"])
	}
	one := load(t, compose("services:\n  a: {image: x, deploy: {replicas: '${TWO}'}, networks: {n: {}}}\nnetworks: {n: {internal: '${YES}'}}\n"), "TWO=2", "YES=true")
	if one.Services["a"].Scale != 2 || !one.Networks["n"].Internal {
		t.Errorf("one file: %d, %v", one.Services["a"].Scale, one.Networks["n"])
	}
}
