package workspace

import (
	"context"
	"sync"

	"github.com/pscdev/psc/internal/image"
	"github.com/pscdev/psc/pkg/pod"
)

// pins are what images stand for, as far as registries were asked.
type pins struct {
	registry *Registry
	tell     func(Note)

	mu    sync.Mutex
	known map[string]image.Image
}

// pin replaces the images in an edit by what they stand for now, so that a tag that moves changes nothing later. before is
// the resource that the edit replaces, or nil: its image is pinned already, also with noPin. When a registry does not answer,
// the history shows the tag alone.
func (p *pins) pin(ctx context.Context, edit pod.Edit, before pod.Resource, noPin bool) {
	for _, i := range pod.Images(edit.Kind, edit.Fields, before) {
		if noPin || !pod.ValidImage(i.Name) {
			continue
		}
		if found := p.resolve(ctx, i.Name); found.Reference != "" {
			i.Pin(found.Reference, found.User)
		}
	}
}

// resolve asks the registry what an image stands for, once: many apps may run the same.
func (p *pins) resolve(ctx context.Context, name string) image.Image {
	p.mu.Lock()
	defer p.mu.Unlock()
	found, known := p.known[name]
	if !known {
		var err error
		if found, err = image.Resolve(ctx, name, func() image.Logins { return p.registry.readableLogins(ctx) }); err != nil && !image.Pinned(name) {
			p.tell(Note{NotPinned: &NotPinned{Image: name, Why: err}})
		}
		p.known[name] = found
	}
	return found
}
