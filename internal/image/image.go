// Package image resolves image names at their registries.
package image

import (
	"context"
	"errors"
	"fmt"
	"net"
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
		return Image{}, fmt.Errorf("%q names no registry that can be asked", reference)
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
		return Image{}, unanswered(ref.Context().Registry, err)
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
		return fmt.Errorf("%q names no registry that can be asked", reference)
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

// Tags lists the tags of a repository such as ghcr.io/acme/web, in the order of its registry, with the credentials of Resolve.
func Tags(ctx context.Context, repository string, logins func() Logins) ([]string, error) {
	of, err := name.NewRepository(repository)
	if err != nil {
		return nil, fmt.Errorf("%q names no registry that can be asked", repository)
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	tags, err := remote.List(of, remote.WithContext(ctx), remote.WithAuthFromKeychain(authn.NewMultiKeychain(authn.DefaultKeychain, keychain(logins))))
	if err != nil {
		return nil, unanswered(of.Registry, err)
	}
	return tags, nil
}

// unanswered returns the error for a registry that gives no answer to use. The errors of the library repeat the request for each
// attempt, and the page that a proxy sends.
func unanswered(registry name.Registry, err error) error {
	host := registry.RegistryStr()
	var answer *transport.Error
	var network *net.OpError
	switch {
	case errors.As(err, &answer) && (answer.StatusCode == http.StatusUnauthorized || answer.StatusCode == http.StatusForbidden):
		return fault.New(fault.Denied, "registry %s refuses: %s", host, status(answer)).WithHint("psc registry login %s", host)
	case errors.As(err, &answer):
		return fmt.Errorf("registry %s answers: %s", host, status(answer))
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("registry %s did not answer within %s", host, timeout)
	case errors.As(err, &network):
		return fmt.Errorf("registry %s does not answer: %w", host, network)
	}
	return fmt.Errorf("ask registry %s: %w", host, err)
}

// status returns the status of an answer, with the registry's own words if it gives any.
func status(answer *transport.Error) string {
	text := fmt.Sprintf("%d %s", answer.StatusCode, http.StatusText(answer.StatusCode))
	for _, d := range answer.Errors {
		if d.Message != "" {
			return text + ", " + d.Message
		}
	}
	return text
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
