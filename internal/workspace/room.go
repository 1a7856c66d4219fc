package workspace

import (
	"context"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/pscdev/psc/internal/kube"
	"github.com/pscdev/psc/pkg/object"
	"github.com/pscdev/psc/pkg/revision"
)

const (
	// trimMost is how many revisions a change removes at most, so that it takes no long time in a history that an older version
	// of psc has written.
	trimMost = 100
	// trimGrace is how long content that no revision refers to stays: another change may need it.
	trimGrace = time.Hour
	// roomWait is how long it may take until a quota has noticed that records were removed.
	roomWait, roomPoll = 10 * time.Second, 300 * time.Millisecond
)

// trim removes the revisions that are more than the limit of the pod, after r was added to a history. The change was made
// already, so a failure is only a note.
func (d *drafts) trim(ctx context.Context, h History, r revision.Revision) {
	if h.Limit == 0 {
		return // the user may not read it
	}
	now := revision.NewHistory(append(slices.Clone(h.All), r), h.Live, 0)
	excess := now.Excess(h.Limit)
	if len(excess) == 0 {
		return
	}
	excess = excess[:min(len(excess), trimMost)]
	err := d.store.Trim(ctx, now, excess, trimGrace)
	switch {
	case ctx.Err() != nil:
	case apierrors.IsForbidden(err): // the next change by a user who may remove revisions does it
	case err != nil:
		d.tell(Note{NotTrimmed: err})
	case len(excess) > 1: // else it is what every change does in a long history
		d.tell(Note{Trimmed: &Trimmed{Revisions: len(excess), Limit: h.Limit}})
	}
}

// makeRoom calls create until a full quota no longer refuses it. Each time, it removes more of the oldest revisions that the
// pod does not need. refused is the first error of create. The error is a *RoomError if there are no such revisions.
func (d *drafts) makeRoom(ctx context.Context, refused error, create func() (revision.Revision, error)) (revision.Revision, error) {
	for step := 1; ; step *= 2 {
		h, err := d.history(ctx)
		if err != nil {
			return revision.Revision{}, err
		}
		excess := h.Excess(0)
		if len(excess) == 0 {
			return revision.Revision{}, &RoomError{Pod: d.Pod, Records: len(h.All), Kept: h.kept(), Err: refused}
		}
		excess = excess[:min(len(excess), step)]
		if err := d.store.Trim(ctx, h.History, excess, trimGrace); err != nil {
			return revision.Revision{}, &RoomError{Pod: d.Pod, Records: len(h.All), Excess: len(h.Excess(0)), Err: refused, Cause: err}
		}
		d.tell(Note{Trimmed: &Trimmed{Revisions: len(excess)}})
		for begin := time.Now(); time.Since(begin) < roomWait; {
			r, err := create()
			if !kube.ExceedsQuota(err, object.ConfigMap) {
				return r, err
			}
			select {
			case <-ctx.Done():
				return r, context.Cause(ctx)
			case <-time.After(roomPoll):
			}
		}
	}
}

// kept counts the revisions that a user keeps.
func (h History) kept() int {
	n := 0
	for _, r := range h.All {
		if r.Kept {
			n++
		}
	}
	return n
}
