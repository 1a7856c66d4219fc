package workspace

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/pscdev/psc/internal/rollout"
	"github.com/pscdev/psc/internal/store"
	"github.com/pscdev/psc/pkg/pod"
	"github.com/pscdev/psc/pkg/render"
	"github.com/pscdev/psc/pkg/report"
	"github.com/pscdev/psc/pkg/revision"
)

// Change creates a revision from edits, and deploys it if o says so. It pins new images.
func (w *Workspace) Change(ctx context.Context, edits []pod.Edit, o Options) (Outcome, error) {
	for _, e := range edits {
		if err := w.pins.pin(ctx, e, nil, o.NoPin); err != nil {
			return Outcome{}, err
		}
	}
	change := pod.Change{Edits: edits}
	return w.change(ctx, nil, o, func(on revision.Revision) (pod.Change, error) {
		if o.Served {
			return change, w.served(ctx, on.Spec, change)
		}
		return change, nil
	})
}

// served returns the reason why the cluster cannot serve the routes of a change to a spec. Those that the spec has already do
// not matter.
func (w *Workspace) served(ctx context.Context, spec pod.Spec, change pod.Change) error {
	spec, err := pod.Apply(spec, change)
	if err != nil {
		return err
	}
	cluster, err := w.cluster(ctx, spec)
	if err != nil {
		return err
	}
	var problems pod.Problems
	if _, err = render.Objects(w.Pod, spec, cluster); !errors.As(err, &problems) {
		return err
	}
	problems = slices.DeleteFunc(problems, func(p pod.Problem) bool {
		return !slices.ContainsFunc(change.Edits, func(e pod.Edit) bool {
			path, _, _ := strings.Cut(p.Path, " ")
			return path == pod.Ref{Kind: e.Kind, Name: e.Name}.String()
		})
	})
	if len(problems) == 0 {
		return nil
	}
	return problems
}

// upsert creates a resource, or sets the named fields of one that exists.
func (w *Workspace) upsert(ctx context.Context, kind pod.Kind, name string, fields pod.Fields, content *store.Content, o Options) (Outcome, error) {
	return w.change(ctx, content, o, func(on revision.Revision) (pod.Change, error) {
		edit := pod.Edit{Verb: pod.Create, Kind: kind, Name: name, Fields: fields}
		if on.Spec[pod.Ref{Kind: kind, Name: name}] != nil {
			edit.Verb = pod.Set
		}
		return pod.Change{Edits: []pod.Edit{edit}}, nil
	})
}

// Proposal is a spec that a base revision is to be changed to.
type Proposal struct {
	base    revision.Revision
	spec    pod.Spec
	content *store.Content
}

// Propose returns base with the resources of put created or replaced, and those of remove deleted. It pins new images. Values
// of secrets that are not in the pod stay as they are in base, or are still to be set. The error is pod.Problems or a *pod.RefError.
func (w *Workspace) Propose(ctx context.Context, base revision.Revision, put pod.Spec, remove []pod.Ref, o Options) (Proposal, error) {
	return w.propose(ctx, base, put, contentOf(put), remove, o)
}

// propose is Propose with the content of put, which may have values of its secrets.
func (w *Workspace) propose(ctx context.Context, base revision.Revision, put pod.Spec, content *store.Content, remove []pod.Ref, o Options) (Proposal, error) {
	p := Proposal{base: base, content: content}
	var (
		c       pod.Change
		missing []error
	)
	for _, ref := range put.Refs() {
		edit := pod.Edit{Verb: pod.Put, Kind: ref.Kind, Name: ref.Name, Fields: pod.Tree(put[ref])}
		missing = append(missing, w.pins.pin(ctx, edit, base.Spec[ref], o.NoPin))
		c.Edits = append(c.Edits, edit)
	}
	if err := errors.Join(missing...); err != nil {
		return p, err
	}
	for _, ref := range remove {
		c.Edits = append(c.Edits, pod.Edit{Verb: pod.Delete, Kind: ref.Kind, Name: ref.Name})
	}
	spec, err := pod.Apply(base.Spec, c)
	if err == nil {
		err = render.Check(w.Pod, spec)
	}
	if err != nil {
		return p, err
	}
	var kept []string
	if p.spec, kept, err = w.store.Own(ctx, content, base.Spec, spec); len(kept) > 0 {
		w.tell(Note{KeptValues: kept})
	}
	return p, err
}

// Merge applies the change from the base of a proposal to the proposal to the current revision. Changes that others made since
// the base stay. The error is a *ConflictError if they changed the same fields.
func (w *Workspace) Merge(ctx context.Context, p Proposal, o Options) (Outcome, error) {
	return w.change(ctx, p.content, o, func(on revision.Revision) (pod.Change, error) { return w.since(ctx, p, on) })
}

// Apply creates or replaces the resources of put in the revision base, or with 0 in the current one, and merges the result
// like Merge. With prune it removes the other resources.
func (w *Workspace) Apply(ctx context.Context, put pod.Spec, base int, prune bool, o Options) (Outcome, error) {
	return w.apply(ctx, put, contentOf(put), base, prune, o)
}

// Import is Apply with values of secrets, by secret and key. A value that the pod has already keeps its version.
func (w *Workspace) Import(ctx context.Context, put pod.Spec, values map[string]map[string][]byte, o Options) (Outcome, error) {
	before, err := w.Spec(ctx)
	if err != nil {
		return Outcome{}, err
	}
	put, content := maps.Clone(put), contentOf(put)
	for name, secret := range put.Secrets() {
		versions, fresh, err := w.versions(ctx, before, name, values[name])
		if err != nil {
			return Outcome{}, err
		}
		keys := maps.Clone(secret.Keys)
		maps.Copy(keys, versions)
		if len(fresh) > 0 {
			version := content.Values(name, fresh)
			for key := range fresh {
				keys[key] = version
			}
		}
		put[pod.Ref{Kind: pod.KindSecret, Name: name}] = &pod.Secret{Keys: keys}
	}
	return w.apply(ctx, put, content, 0, false, o)
}

func (w *Workspace) apply(ctx context.Context, put pod.Spec, content *store.Content, base int, prune bool, o Options) (Outcome, error) {
	propose := func(on revision.Revision) (Proposal, error) {
		var remove []pod.Ref
		if prune {
			remove = slices.DeleteFunc(on.Spec.Refs(), func(ref pod.Ref) bool { return put[ref] != nil })
		}
		return w.propose(ctx, on, put, content, remove, o)
	}
	var proposal *Proposal
	if base != 0 {
		from, err := w.Revision(ctx, base)
		if err != nil {
			return Outcome{}, err
		}
		p, err := propose(from)
		if err != nil {
			return Outcome{}, err
		}
		proposal = &p
	}
	return w.change(ctx, content, o, func(on revision.Revision) (pod.Change, error) {
		if proposal == nil || base == 0 && on.Number == proposal.base.Number { // else a retry, which merges the changes of others
			p, err := propose(on)
			if err != nil {
				return pod.Change{}, err
			}
			proposal = &p
		}
		return w.since(ctx, *proposal, on)
	})
}

// since returns the change that a proposal makes to a revision.
func (w *Workspace) since(ctx context.Context, p Proposal, on revision.Revision) (pod.Change, error) {
	mine := pod.Edits(p.base.Spec, p.spec)
	if on.Number == p.base.Number {
		return mine, nil
	}
	if on.Number < p.base.Number { // what it does not have may be in a draft
		for _, e := range mine.Edits {
			if ref := e.Ref(); e.Verb != pod.Create && on.Spec[ref] == nil {
				return pod.Change{}, &pod.RefError{Ref: ref, Err: pod.ErrNotFound}
			}
		}
	}
	change, err := revision.Merge(p.base.Spec, p.spec, on.Spec)
	var clashes revision.Clashes
	if errors.As(err, &clashes) {
		return change, w.conflict(ctx, clashes, p.base, on)
	}
	return change, err
}

// conflict returns the error for clashes. It reads the revisions since base, to name the authors.
func (w *Workspace) conflict(ctx context.Context, clashes revision.Clashes, base, now revision.Revision) error {
	chain := []revision.Revision{now}
	for r := now; r.Number > base.Number; {
		var err error
		if r, err = w.get(ctx, r.Parent); err != nil {
			break // it may be pruned: then the conflict has no author
		}
		chain = append(chain, r)
	}
	user, err := w.User(ctx)
	if err != nil {
		return err
	}
	clashes = clashes.Blame(chain)
	for i := range clashes {
		clashes[i].My = user.User
	}
	return &ConflictError{Base: base.Number, Now: now.Number, Clashes: clashes}
}

// change creates a revision: a draft on top of the newest revision, or with o.Alone one that is deployed at once.
func (w *Workspace) change(ctx context.Context, content *store.Content, o Options, edits func(on revision.Revision) (pod.Change, error)) (Outcome, error) {
	build := func(number int, on revision.Revision) (revision.Revision, error) {
		r, err := w.build(number, on, edits, o.Message)
		if err == nil && o.Alone {
			err = r.Spec.Unset()
		}
		return r, err
	}
	if o.Alone {
		return w.changeAlone(ctx, content, o, build)
	}
	if o.DryRun {
		base, err := w.Base(ctx, false)
		if err != nil {
			return Outcome{}, err
		}
		r, err := build(base.Number+1, base)
		return w.dryOutcome(ctx, r, base, content, err)
	}
	user, err := w.begin(ctx, false)
	if err != nil {
		return Outcome{}, err
	}
	return w.changeDraft(ctx, user.User, content, build)
}

// changeDraft is change for a draft.
func (w *Workspace) changeDraft(ctx context.Context, user string, content *store.Content, build revision.Build) (Outcome, error) {
	var base revision.Revision
	r, err := w.drafts.draft(ctx, user, content, func(number int, on revision.Revision) (revision.Revision, error) {
		base = on
		return build(number, on)
	})
	if errors.Is(err, revision.ErrUnchanged) {
		return Outcome{Base: base, Unchanged: true}, w.restoreContent(ctx, content)
	}
	return Outcome{Revision: r, Base: base}, w.named(err)
}

// changeAlone is change for a revision that is deployed at once. It includes those of the user's own drafts that it refers to.
func (w *Workspace) changeAlone(ctx context.Context, content *store.Content, o Options, build revision.Build) (Outcome, error) {
	user, err := w.begin(ctx, true)
	if err != nil {
		return Outcome{}, err
	}
	var (
		base  revision.Revision
		along []revision.Revision // the drafts that it includes
		undo  bool                // the live revision is like the change, and the user's own drafts are not
	)
	alone := func(number int, on revision.Revision, own []revision.Revision) (revision.Revision, error) {
		if o.NoDrafts {
			own = nil
		}
		r, err := revision.Along(number, on, own, build)
		base, along = on, slices.DeleteFunc(slices.Clone(own), func(d revision.Revision) bool { return !slices.Contains(r.Replaces, d.Number) })
		undo = errors.Is(err, revision.ErrUnchanged) && revision.Undoes(on, own, build)
		return r, err
	}
	if o.DryRun {
		h, err := w.history(ctx)
		if err != nil {
			return Outcome{}, err
		}
		out, err := w.dryRun(ctx, h, user.User, content, alone)
		w.takenAlong(along, err)
		return out, err
	}
	r, err := w.drafts.alone(ctx, user.User, content, alone)
	switch {
	case errors.Is(err, revision.ErrUnchanged) && len(along) > 0:
		return Outcome{Base: base, Unchanged: true}, w.withdraw(ctx, along)
	case undo:
		w.tell(Note{Undoes: true})
		return w.changeDraft(ctx, user.User, content, build)
	case errors.Is(err, revision.ErrUnchanged) && base.Number != 0 && base.State != revision.Ready:
		return w.deploy(ctx, base, nil, o) // an earlier command made the same change, and it is not ready yet
	case errors.Is(err, revision.ErrUnchanged):
		return Outcome{Base: base, Unchanged: true}, w.restoreContent(ctx, content)
	case err != nil:
		return Outcome{Base: base}, w.named(err)
	}
	w.takenAlong(along, nil)
	return w.deploy(ctx, r, w.drafts.rebuild(content, func(number int, on revision.Revision) (revision.Revision, error) {
		return revision.Including(number, on, along, build)
	}), o)
}

func (w *Workspace) takenAlong(drafts []revision.Revision, err error) {
	if len(drafts) > 0 && err == nil {
		w.tell(Note{Along: drafts})
	}
}

// withdraw discards the user's own drafts that a change undoes, so that nothing is left to deploy.
func (w *Workspace) withdraw(ctx context.Context, drafts []revision.Revision) error {
	for _, draft := range drafts {
		if err := w.drafts.discard(ctx, draft, "by "+draft.Author); err != nil {
			return err
		}
	}
	w.tell(Note{Withdrawn: drafts})
	return w.drafts.rebase(ctx)
}

// build returns the revision that edits make of another one. The error is revision.ErrUnchanged, with the revision, if they
// change nothing.
func (w *Workspace) build(number int, on revision.Revision, edits func(revision.Revision) (pod.Change, error), message string) (revision.Revision, error) {
	change, err := edits(on)
	if err != nil {
		return on, err
	}
	spec, err := pod.Apply(on.Spec, change)
	if err == nil {
		err = render.Check(w.Pod, spec)
	}
	if err != nil {
		return on, err
	}
	r := revision.Next(number, on, spec, change)
	r.Message = message
	if r.Change == "" {
		return r, revision.ErrUnchanged
	}
	return r, nil
}

// dryRun returns the outcome that a change which is deployed at once would have.
func (w *Workspace) dryRun(ctx context.Context, h History, user string, content *store.Content, build aloneBuild) (Outcome, error) {
	r, base, err := w.drafts.next(ctx, h, user, build)
	out, err := w.dryOutcome(ctx, r, base, content, err)
	if err == nil && !out.Unchanged {
		err = w.preview(ctx, out.Revision.Spec, out.Revision.Restarts)
	}
	return out, err
}

// dryOutcome returns the outcome of a change that is not written. The error is pod.Problems if the pod does not have the content
// that the change needs.
func (w *Workspace) dryOutcome(ctx context.Context, r, base revision.Revision, content *store.Content, err error) (Outcome, error) {
	if errors.Is(err, revision.ErrUnchanged) {
		return Outcome{Revision: base, Base: base, Unchanged: true, content: content}, nil
	}
	if err == nil {
		err = w.store.Needs(ctx, content, base.Spec, r.Spec)
	}
	return Outcome{Revision: r, Base: base, content: content}, err
}

// preview reports what a deploy of a spec that restarts some apps would write, and what it would take back from others.
func (w *Workspace) preview(ctx context.Context, spec pod.Spec, restarts []string) error {
	asked := w.offers
	cluster, err := w.cluster(ctx, spec)
	w.offers = asked // Diff needs the addresses
	if err != nil {
		return err
	}
	objects, err := render.Objects(w.Pod, spec, cluster)
	if err != nil {
		return err
	}
	observer := w.observer(cluster)
	if err := observer.Unchangeable(ctx, spec); err != nil {
		return err
	}
	steps, _, err := observer.Compare(ctx, objects)
	if err != nil {
		return err
	}
	p := report.PlanOf(rollout.Restarting(steps, objects, restarts))
	w.tell(Note{Plan: &p})
	return observer.Taken(ctx, steps)
}

// restoreContent writes the given content that the pod has lost.
func (w *Workspace) restoreContent(ctx context.Context, content *store.Content) error {
	spec, err := w.Spec(ctx)
	if err != nil {
		return err
	}
	restored, err := w.store.Restore(ctx, content, spec)
	if restored && err == nil {
		w.tell(Note{Restored: true})
	}
	return err
}

// SetFiles sets files of a config, creating it if needed. A nil content removes the file.
func (w *Workspace) SetFiles(ctx context.Context, name string, files map[string]*pod.Content, o Options) (Outcome, error) {
	content := &store.Content{}
	fields := make(map[string]any, len(files))
	for file, bytes := range files {
		if bytes == nil {
			fields[file] = nil
			continue
		}
		fields[file] = *bytes
		content.File(name, file, *bytes)
	}
	return w.upsert(ctx, pod.KindConfig, name, pod.Fields{"files": fields}, content, o)
}

// SetValues sets the values of keys of a secret and removes others, creating the secret if needed. A value that the pod has
// already keeps its version, so that no app restarts because of it.
func (w *Workspace) SetValues(ctx context.Context, name string, values map[string][]byte, remove []string, o Options) (Outcome, error) {
	spec, err := w.Spec(ctx)
	if err != nil {
		return Outcome{}, err
	}
	versions, values, err := w.versions(ctx, spec, name, values)
	if err != nil {
		return Outcome{}, err
	}
	keys := map[string]any{}
	for key, version := range versions {
		keys[key] = version // the live revision may have another one
	}
	content := &store.Content{}
	for _, key := range remove {
		keys[key] = nil
	}
	if len(values) > 0 {
		version := content.Values(name, values)
		for key := range values {
			keys[key] = version
		}
	}
	return w.upsert(ctx, pod.KindSecret, name, pod.Fields{"keys": keys}, content, o)
}

// versions returns the versions of those values that a secret of a spec has already, and the other values.
func (w *Workspace) versions(ctx context.Context, spec pod.Spec, name string, values map[string][]byte) (map[string]string, map[string][]byte, error) {
	versions := map[string]string{}
	old := spec.Secret(name)
	if old == nil || len(values) == 0 {
		return versions, values, nil
	}
	had, err := w.store.Values(ctx, name, old)
	if err != nil && !denied(err) { // without permission to read them, all values are set
		return nil, nil, err
	}
	values = maps.Clone(values)
	maps.DeleteFunc(values, func(key string, value []byte) bool {
		before, ok := had[key]
		if same := ok && string(before) == string(value); !same {
			return false
		}
		versions[key] = old.Keys[key]
		return true
	})
	return versions, values, nil
}

// contentOf returns the content of the configs of a spec whose bytes are known.
func contentOf(spec pod.Spec) *store.Content {
	content := &store.Content{}
	for name, config := range spec.Configs() {
		for file, bytes := range config.Files {
			content.File(name, file, bytes)
		}
	}
	return content
}
