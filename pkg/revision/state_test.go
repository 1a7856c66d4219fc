package revision_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pscdev/psc/pkg/revision"
)

// A state moves only along this table, so that the history can be trusted. Discarded and damaged revisions never move.
func TestMove(t *testing.T) {
	states := []revision.State{revision.Draft, revision.Waiting, revision.Pending, revision.Ready, revision.Failed, revision.Discarded, revision.Damaged, "", "other"}
	allowed := map[revision.State]map[revision.State]bool{
		revision.Draft: {revision.Waiting: true, revision.Discarded: true},
		revision.Waiting: {
			revision.Waiting: true, revision.Pending: true, revision.Failed: true,
			revision.Draft: true, revision.Ready: true, revision.Discarded: true,
		},
		revision.Pending: {revision.Waiting: true, revision.Pending: true, revision.Ready: true, revision.Failed: true, revision.Draft: true},
		revision.Ready:   {revision.Waiting: true},
		revision.Failed:  {revision.Waiting: true},
	}
	for _, from := range states {
		for _, to := range states {
			r, err := revision.Move(revision.Revision{Number: 7, State: from}, to)
			want := revision.Revision{Number: 7, State: from}
			if allowed[from][to] {
				want.State = to
			}
			if diff := cmp.Diff(want, r); diff != "" {
				t.Errorf("%s -> %s: -want +got\n%s", from, to, diff)
			}
			var refused *revision.MoveError
			if errors.As(err, &refused) == allowed[from][to] {
				t.Errorf("%s -> %s: got error %v", from, to, err)
			}
			if refused != nil && *refused != (revision.MoveError{Number: 7, From: from, To: to}) {
				t.Errorf("%s -> %s: got %#v", from, to, refused)
			}
		}
	}
	if got, want := (&revision.MoveError{Number: 7, From: revision.Draft, To: revision.Ready}).Error(), "revision 7 is draft and cannot become ready"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Only the states of the table are stored. In two of them a deploy has ended.
func TestStates(t *testing.T) {
	type answers struct{ Known, Done bool }
	got := map[revision.State]answers{}
	for _, s := range []revision.State{revision.Draft, revision.Waiting, revision.Pending, revision.Ready, revision.Failed, revision.Discarded, revision.Damaged, ""} {
		got[s] = answers{s.Known(), s.Done()}
	}
	want := map[revision.State]answers{
		revision.Draft: {Known: true}, revision.Waiting: {Known: true}, revision.Pending: {Known: true},
		revision.Ready: {Known: true, Done: true}, revision.Failed: {Known: true, Done: true},
		revision.Discarded: {Known: true}, revision.Damaged: {}, "": {},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}
