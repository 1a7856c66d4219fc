package workspace

import (
	"context"
	"strings"
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

// pin replaces the image in a patch by what it stands for now, so that a tag that moves changes nothing later. A registry
// that does not answer is no reason to stop: the history then shows the tag alone.
func (p *pins) pin(ctx context.Context, kind pod.Kind, fields pod.Fields, noPin bool) {
	name, ok := fields["image"].(string)
	if kind != pod.KindApp || !ok || noPin || !pod.ValidImage(name) {
		return
	}
	found := p.resolve(ctx, name)
	if found.Reference == "" {
		return
	}
	fields["image"] = found.Reference
	fields["user"] = nil
	if found.User != nil {
		fields["user"] = *found.User
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

// repin pins an image that differs from the one that the resource had. Where its tag differs and its digest is the same,
// the tag is what was changed: the digest is the old tag's.
func (p *pins) repin(ctx context.Context, e pod.Edit, base pod.Spec, noPin bool) {
	before := base.App(e.Name)
	name, _ := e.Fields["image"].(string)
	if e.Kind != pod.KindApp {
		return
	}
	if before != nil && name == before.Image {
		if before.User != nil {
			e.Fields["user"] = *before.User
		}
		return
	}
	if before != nil {
		tag, digest, pinned := strings.Cut(name, "@")
		if _, had, _ := strings.Cut(before.Image, "@"); pinned && digest == had {
			e.Fields["image"] = tag
		}
	}
	p.pin(ctx, e.Kind, e.Fields, noPin)
}
