package compose

import (
	"cmp"
	"maps"
	"path"
	"slices"
)

// container gives the file system that a service's containers see when nginx starts in them: the
// image, over it the mounts, over them what the start itself writes.
func (s *Stack) container(svc *Service) *container {
	c := s.serviceImage(svc).clone()
	c.built = len(c.layers)
	if svc.VolumesFrom && c.unknown == "" {
		c.unknown = svc.Name + " mounts the volumes of another container"
	}
	mounts := slices.Clone(svc.Mounts)
	slices.SortStableFunc(mounts, func(a, b Mount) int { return cmp.Compare(len(a.Target), len(b.Target)) })
	for _, m := range mounts {
		c.layers = append(c.layers, &layer{at: m.Target, hides: true, mount: &m, tree: s.mountTree(m)})
	}
	return c
}

// mountTree is what a mount brings.
func (s *Stack) mountTree(m Mount) tree {
	switch {
	case m.Content != nil:
		return textTree{*m.Content}
	case m.Type == "volume" || m.Source == "":
		return unknownTree("what " + describe(m) + " holds is not among the project's files")
	}
	return s.hostTree(m.Source, nil)
}

// serviceImage is the file system of a service's image.
func (s *Stack) serviceImage(svc *Service) *container {
	if svc.Build == nil {
		return s.imageFiles(svc.Image)
	}
	return svc.Build.files
}

// imageFiles is the file system of an image that is not built here.
func (s *Stack) imageFiles(ref string) *container {
	c := s.newContainer()
	known := family(ref)
	if known.layout != "" {
		c.stock = known.stock
		c.layers = known.layers(ref)
	}
	switch {
	case ref == "scratch" || known.whole:
	case ref == "":
		c.unknown = "the image is not known"
	default:
		c.unknown = "what the image " + ref + " holds is not known"
	}
	return c
}

// layers are the files of a well-known image.
func (f imageFamily) layers(ref string) (all []*layer) {
	lacks := ""
	if onDebian(ref) {
		lacks = "fastcgi.conf"
	}
	for _, layout := range []string{f.over, f.layout} {
		if layout != "" {
			all = append(all, &layer{at: "/", tree: stockTree{layout, path.Dir(f.main), lacks}})
		}
	}
	return all
}

// hostFiles is a directory of the host as if it were a file system of its own.
func (s *Stack) hostFiles(dir string, skip func(string) bool) *container {
	c := s.newContainer()
	c.layers = []*layer{{at: "/", tree: s.hostTree(dir, skip)}}
	return c
}

// hostTree is a file or directory of the machine, as far as it can be seen from here.
func (s *Stack) hostTree(root string, skip func(string) bool) tree {
	here, ok := s.Here(root)
	if !ok {
		return unknownTree(beyond(s.name(root)))
	}
	return hostTree{root: root, here: here, name: s.name, skip: skip}
}

func (s *Stack) newContainer() *container {
	return &container{name: s.name, here: s.Here, sources: s.Sources, looks: &s.looks, made: &s.made, opened: map[string]bool{}, missing: map[string]BadMount{}}
}

// clone is a file system that begins like another.
func (c *container) clone() *container {
	other := *c
	other.layers = slices.Clone(c.layers)
	other.opened, other.missing = map[string]bool{}, maps.Clone(c.missing)
	return &other
}
