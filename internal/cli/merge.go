package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/pscdev/psc/pkg/pod"
	"github.com/pscdev/psc/pkg/revision"
)

// replaced is base with resources put in place of those of the same name, and others gone. The images that are new in
// it are pinned.
func (a *app) replaced(ctx context.Context, w *workspace, base, resources pod.Spec, gone []pod.Ref, noPin bool) (pod.Spec, error) {
	w.stage(resources)
	var c pod.Change
	for _, ref := range resources.Refs() {
		edit := pod.Edit{Verb: pod.Put, Kind: ref.Kind, Name: ref.Name, Fields: pod.Tree(resources[ref])}
		if ref.Kind == pod.KindApp {
			a.repin(ctx, edit.Fields, base.App(ref.Name), noPin)
		}
		c.Edits = append(c.Edits, edit)
	}
	for _, ref := range gone {
		c.Edits = append(c.Edits, pod.Edit{Verb: pod.Delete, Kind: ref.Kind, Name: ref.Name})
	}
	mine, err := pod.Apply(base, c)
	return mine, invalid(err)
}

// repin pins an image that is not the one that the app had. Where its tag is another and its digest the same, it is
// the tag that somebody changed: the digest is the old tag's.
func (a *app) repin(ctx context.Context, fields pod.Fields, before *pod.App, noPin bool) {
	name, _ := fields["image"].(string)
	if before != nil && name == before.Image {
		if before.User != nil {
			fields["user"] = *before.User
		}
		return
	}
	if before != nil {
		tag, digest, pinned := strings.Cut(name, "@")
		if _, had, _ := strings.Cut(before.Image, "@"); pinned && digest == had {
			fields["image"] = tag
		}
	}
	a.pin(ctx, fields, noPin)
}

// since makes the change that turned base into mine, on whatever the pod is by now. What others changed meanwhile
// stays. What cannot be both is a conflict that names the field, both values and both authors.
func (a *app) since(ctx context.Context, w *workspace, base revision.Revision, mine pod.Spec) making {
	return func(now revision.Revision) (pod.Change, error) {
		if now.Number == base.Number {
			return pod.Edits(base.Spec, mine), nil
		}
		change, err := revision.Merge(base.Spec, mine, now.Spec)
		var clashes revision.Clashes
		if errors.As(err, &clashes) {
			return change, w.clash(ctx, clashes, base, now)
		}
		return change, invalid(err)
	}
}

// clash is the error of a conflict. Only now the revisions in between are read, to tell whose they are.
func (w *workspace) clash(ctx context.Context, clashes revision.Clashes, base, now revision.Revision) error {
	chain := []revision.Revision{now}
	for r := now; r.Number > base.Number; {
		var err error
		if r, err = w.store.Get(ctx, r.Parent); err != nil {
			break // it may be pruned: the conflict is there without a name too
		}
		chain = append(chain, r)
	}
	user, err := w.kube.Whoami(ctx)
	if err != nil {
		return err
	}
	clashes = clashes.Blame(chain)
	for i := range clashes {
		clashes[i].My = user.Name
	}
	e := conflict(clashes).WithHint("psc revision diff %d %d", base.Number, now.Number)
	e.Err = fmt.Errorf("somebody else changed the same since r%d\n%w", base.Number, clashes)
	return e
}
