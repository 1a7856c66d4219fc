package pod

import (
	"slices"
	"strings"
)

// ShortImage returns an image without its registry, and without its digest if it has a tag.
func ShortImage(image string) string {
	name, digest, pinned := strings.Cut(image, "@")
	name = name[strings.LastIndexByte(name, '/')+1:]
	if pinned && !strings.Contains(name, ":") {
		return name + "@" + shortDigest(digest)
	}
	return name
}

// ShortImages returns images for people who compare them: in the form of ShortImage if all are of the same registry and
// folder, else with both, so that the wrong registry is seen. Images that only differ in their digests keep them.
func ShortImages(images ...string) []string {
	short, full := make([]string, len(images)), make([]string, len(images))
	folders := map[string]bool{}
	same := true
	for i, image := range images {
		short[i], full[i] = ShortImage(image), image
		name, digest, pinned := strings.Cut(image, "@")
		if slash := strings.LastIndexByte(name, '/'); pinned && strings.Contains(name[slash+1:], ":") {
			full[i] = name
		} else if pinned {
			full[i] = name + "@" + shortDigest(digest)
		}
		folders[image[:strings.LastIndexByte(name, '/')+1]] = true
		same = same && full[i] == full[0]
	}
	switch {
	case same && len(slices.Compact(slices.Sorted(slices.Values(images)))) > 1: // a tag was moved
		return images
	case len(folders) > 1:
		return full
	}
	return short
}

func shortDigest(digest string) string {
	algorithm, sum, _ := strings.Cut(digest, ":")
	return algorithm + ":" + sum[:min(len(sum), 12)]
}
