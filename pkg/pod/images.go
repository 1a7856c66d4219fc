package pod

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Image is an image in the fields of a resource that has to be pinned, that is, replaced by the digest that its tag
// currently has.
type Image struct {
	// Path is the path of the field: "image".
	Path string
	// Name is the image as written.
	Name string

	fields map[string]any // that have the image
	shape  *shape         // of the fields
}

// Pin replaces the image in the fields. user is the numeric user of the image, or nil.
func (i Image) Pin(name string, user *int64) {
	i.fields[i.shape.image] = name
	if i.shape.user == "" {
		return
	}
	i.fields[i.shape.user] = nil
	if user != nil {
		i.fields[i.shape.user] = *user
	}
}

// Images returns the images in fields that have to be pinned. The fields are those of a resource, or a patch of one.
// before is the resource that the fields replace, or nil.
//
// An image that before has too is already pinned, and Images sets its user in the fields if they have none. An image with the digest of
// before and another tag had its tag changed: Images removes the digest, which belongs to the old tag.
func Images(kind Kind, fields Fields, before Resource) []Image {
	shape := kind.shape()
	if shape == nil || !shape.images {
		return nil
	}
	found, had := map[string]Image{}, map[string]Image{}
	shape.addImages(found, "", map[string]any(fields))
	if before != nil && len(found) > 0 {
		shape.addImages(had, "", Tree(before))
	}
	var out []Image
	for _, path := range slices.Sorted(maps.Keys(found)) {
		image := found[path]
		old, known := had[path]
		if known && image.Name == old.Name {
			if user := old.fields[old.shape.user]; user != nil && image.fields[image.shape.user] == nil {
				image.fields[image.shape.user] = user
			}
			continue
		}
		tag, digest, pinned := strings.Cut(image.Name, "@")
		if _, oldDigest, _ := strings.Cut(old.Name, "@"); known && pinned && digest == oldDigest {
			image.Name = tag
			image.fields[image.shape.image] = tag
		}
		out = append(out, image)
	}
	return out
}

// addImages adds the images in a tree of fields, by path.
func (s *shape) addImages(to map[string]Image, path string, tree any) {
	if s == nil || !s.images {
		return
	}
	switch tree := tree.(type) {
	case map[string]any:
		if name, ok := tree[s.image].(string); ok && s.image != "" {
			at := strings.TrimPrefix(path+"."+s.image, ".")
			to[at] = Image{Path: at, Name: name, fields: tree, shape: s}
		}
		for name, value := range tree {
			s.child(name).addImages(to, strings.TrimPrefix(path+"."+name, "."), value)
		}
	case []any:
		for i, item := range tree {
			at := s.items.keyOf(item)
			if at == "" {
				at = fmt.Sprint(i)
			}
			s.items.addImages(to, path+"."+at, item)
		}
	}
}
