package workspace

import (
	"context"
	"time"

	"github.com/pscdev/psc/internal/kube"
	"github.com/pscdev/psc/pkg/object"
)

const (
	// together is how long Follow collects changes: a deploy makes many at once.
	together = 300 * time.Millisecond
	// followEvery is how often Follow calls show without a change: metrics cannot be watched, and some reasons only count after a while.
	followEvery = 10 * time.Second
)

// Follow calls show, and again whenever what a status depends on may have changed, until ctx ends or show returns an error. An
// outage of the API server does not end it: away is called with the error.
func (rd *Reader) Follow(ctx context.Context, show func(context.Context) error, away func(error)) error {
	kinds := []object.Kind{object.Pod, object.ConfigMap, object.Lease} // the records and the deploy are in the last two
	for _, row := range object.Rendered() {
		kinds = append(kinds, row.Kind)
	}
	watch, err := rd.kube.WatchMeta(ctx, rd.Pod, kinds...)
	if err != nil {
		return err
	}
	return follow(ctx, watch, show, away)
}

// Follow is Follow of a pod for the list of all pods.
func (c *Cluster) Follow(ctx context.Context, show func(context.Context) error, away func(error)) error {
	watch, err := c.kube.WatchMeta(ctx, "", object.Namespace)
	if err != nil {
		return err
	}
	return follow(ctx, watch, show, away)
}

// FollowObjects is Follow for the objects that Find finds.
func (rd *Reader) FollowObjects(ctx context.Context, types, selector string, show func(context.Context) error, away func(error)) error {
	watch, err := rd.kube.WatchFound(ctx, rd.Pod, types, selector)
	if err != nil {
		return err
	}
	return follow(ctx, watch, show, away)
}

func follow(ctx context.Context, watch *kube.Watch, show func(context.Context) error, away func(error)) error {
	ticker := time.NewTicker(followEvery)
	defer ticker.Stop()
	for shown := false; ; shown = true {
		err := show(ctx)
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err != nil && shown && kube.Away(err):
			away(err)
		case err != nil:
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-ticker.C:
		case <-watch.Changed:
			select {
			case <-ctx.Done():
			case <-time.After(together):
			}
		}
	}
}
