// Package image asks a registry what an image name stands for.
package image

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// patience is how long a registry has to answer. A change must not hang because a registry does.
const patience = 10 * time.Second

// Image is what a name stands for at the moment.
type Image struct {
	// Reference is the name with its digest: it means the same for ever.
	Reference string
	// User is the numeric user that the image runs as; nil when it is root or only has a name.
	User *int64
}

// Resolve asks the registry, with the credentials that docker login keeps, or else with those of a pod, or without any.
func Resolve(ctx context.Context, reference string, logins func() Logins) (Image, error) {
	ref, err := name.ParseReference(reference)
	if err != nil {
		return Image{}, fmt.Errorf("image %q: %w", reference, err)
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	options := []remote.Option{remote.WithContext(ctx), remote.WithAuthFromKeychain(authn.NewMultiKeychain(authn.DefaultKeychain, keychain(logins)))}
	descriptor, err := remote.Get(ref, options...)
	if err != nil {
		return Image{}, fmt.Errorf("ask %s for %s: %w", ref.Context().RegistryStr(), reference, err)
	}
	out := Image{Reference: pinned(reference, descriptor.Digest.String())}
	if image, err := descriptor.Image(); err == nil {
		if config, err := image.ConfigFile(); err == nil {
			out.User = user(config.Config.User)
		}
	}
	return out, nil
}

// Pinned says whether a reference carries a digest.
func Pinned(reference string) bool { return strings.Contains(reference, "@") }

func pinned(reference, digest string) string {
	if Pinned(reference) {
		return reference
	}
	return reference + "@" + digest
}

// user reads the user of an image config: "uid", "uid:gid", or names, which only the image itself can resolve.
func user(text string) *int64 {
	id, _, _ := strings.Cut(text, ":")
	n, err := strconv.ParseInt(id, 10, 64)
	if err != nil || n == 0 {
		return nil
	}
	return &n
}
