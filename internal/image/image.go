// Package image resolves image names at their registries.
package image

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/pscdev/psc/internal/fault"
)

// timeout is how long a registry has to answer, so that a change does not hang with it.
const timeout = 10 * time.Second

// Image is the image that a name currently refers to.
type Image struct {
	// Reference is the name with its digest, which always refers to the same image.
	Reference string
	// User is the numeric user that the image runs as; nil for root and for a user that only has a name.
	User *int64
}

// Resolve asks the registry with the credentials of docker login, else with the pod's logins, else without credentials. logins
// is only called when docker login has none. The error wraps ErrNone if the registry answers that it has no such image.
func Resolve(ctx context.Context, reference string, logins func() Logins) (Image, error) {
	ref, err := name.ParseReference(reference)
	if err != nil {
		return Image{}, fmt.Errorf("image %q: %w", reference, err)
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	options := []remote.Option{remote.WithContext(ctx), remote.WithAuthFromKeychain(authn.NewMultiKeychain(authn.DefaultKeychain, keychain(logins)))}
	descriptor, err := remote.Get(ref, options...)
	var answer *transport.Error
	if errors.As(err, &answer) && answer.StatusCode == http.StatusNotFound {
		return Image{}, fault.New(fault.Usage, "%w: %s", ErrNone, reference).
			WithHint("push it, or add --no-pin to use it without asking the registry")
	}
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

// ErrNone means that a registry has no such image.
var ErrNone = errors.New("no such image")

// Exists returns nil if the registry has an image. The error wraps ErrNone if it answers that it does not have it. It asks for no more
// than the digest, with the credentials of Resolve.
func Exists(ctx context.Context, reference string, logins func() Logins) error {
	ref, err := name.ParseReference(reference)
	if err != nil {
		return fmt.Errorf("image %q: %w", reference, err)
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	_, err = remote.Head(ref, remote.WithContext(ctx), remote.WithAuthFromKeychain(authn.NewMultiKeychain(authn.DefaultKeychain, keychain(logins))))
	var answer *transport.Error
	if errors.As(err, &answer) && answer.StatusCode == http.StatusNotFound {
		return fmt.Errorf("%w: %s", ErrNone, reference)
	}
	return err
}

// Pinned reports whether a reference has a digest.
func Pinned(reference string) bool { return strings.Contains(reference, "@") }

func pinned(reference, digest string) string {
	if Pinned(reference) {
		return reference
	}
	return reference + "@" + digest
}

// user reads the user of an image config: "uid", "uid:gid", or names, which can only be resolved inside the image.
func user(text string) *int64 {
	id, _, _ := strings.Cut(text, ":")
	n, err := strconv.ParseInt(id, 10, 64)
	if err != nil || n == 0 {
		return nil
	}
	return &n
}
