package pod

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Image is an image in the fields of a resource that is to be pinned: replaced by what its tag stands for now.
type Image struct {
	// Path says where it is: "image".
	Path string
	// Name is the image as it was written.
	Name string

	fields map[string]any // with the image
	shape  *shape         // of the fields
}

// Pin replaces the image in the fields. user is the numeric user that it runs as, or nil.
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

// Images returns the images in fields that are to be pinned. The fields are those of a resource of the kind, or a patch
// of one; before is the resource that they replace, or nil.
//
// An image that was there before is pinned already, and keeps its user. An image with the digest of the one before and
// another tag loses the digest, which is that of the old tag: someone changed the tag.
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
			if user := old.fields[old.shape.user]; user != nil {
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

// addImages adds the images of a tree of fields, by their paths.
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
			fields, _ := item.(map[string]any)
			at := fields[s.listKey()]
			if at == nil {
				at = i
			}
			s.items.addImages(to, fmt.Sprintf("%s.%v", path, at), item)
		}
	}
}
