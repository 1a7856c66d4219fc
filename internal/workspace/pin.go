package workspace

import (
	"context"
	"errors"
	"sync"

	"github.com/pscdev/psc/internal/image"
	"github.com/pscdev/psc/pkg/pod"
)

// pins resolves images at their registries, and remembers the results.
type pins struct {
	registry *Registry
	tell     func(Note)

	mu    sync.Mutex
	known map[string]image.Image
}

// pin replaces the tags of the images in an edit by their current digests, so that a tag that moves later changes nothing.
// before is the resource that the edit replaces, or nil: its pinned image is kept, also with noPin. If a registry does not
// answer, the tag stays. The error wraps image.ErrNone if it answers that it has no such image.
func (p *pins) pin(ctx context.Context, edit pod.Edit, before pod.Resource, noPin bool) error {
	var missing []error
	for _, i := range pod.Images(edit.Kind, edit.Fields, before) {
		if noPin || !pod.ValidImage(i.Name) {
			continue
		}
		found, err := p.resolve(ctx, i.Name)
		if err != nil {
			missing = append(missing, err)
		} else if found.Reference != "" {
			i.Pin(found.Reference, found.User)
		}
	}
	return errors.Join(missing...)
}

// resolve asks the registry for the digest of an image, once: many apps may run the same image.
func (p *pins) resolve(ctx context.Context, name string) (image.Image, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	found, known := p.known[name]
	if !known {
		var err error
		found, err = image.Resolve(ctx, name, func() image.Logins { return p.registry.readableLogins(ctx) })
		switch {
		case errors.Is(err, image.ErrNone):
			return found, err
		case err != nil && !image.Pinned(name) && ctx.Err() == nil:
			p.tell(Note{NotPinned: &NotPinned{Image: name, Why: err}})
		}
		p.known[name] = found
	}
	return found, nil
}
