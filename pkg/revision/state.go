package revision

import (
	"fmt"
	"slices"
)

// State is the state of a revision between draft and deployed.
type State string

// The states of a revision.
const (
	// Draft was never deployed.
	Draft State = "draft"
	// Waiting is to be deployed when its turn comes.
	Waiting State = "waiting"
	// Pending is being written to the cluster, or was written and is not healthy yet.
	Pending State = "pending"
	// Ready became healthy.
	Ready State = "ready"
	// Failed did not become ready. Its Reason says why.
	Failed State = "failed"
	// Discarded is a draft that was dropped, or rebased or joined into another one. Its Reason says which.
	Discarded State = "discarded"
	// Damaged marks a record that cannot be read. It is never stored.
	Damaged State = "damaged"
)

// moves holds every move of a state. waiting -> waiting and pending -> waiting take over a deploy whose client died.
// ready -> waiting and failed -> waiting deploy again. waiting -> draft and waiting -> ready abandon a deploy before anything
// was written, as does pending -> draft (or another earlier state) at the last moment: the revision gets back the state that
// it had. pending -> pending records why it is not ready yet.
func moves() map[State][]State {
	return map[State][]State{
		Draft:     {Waiting, Discarded},
		Waiting:   {Waiting, Pending, Failed, Draft, Ready, Discarded},
		Pending:   {Waiting, Pending, Ready, Failed, Draft},
		Ready:     {Waiting},
		Failed:    {Waiting},
		Discarded: nil,
	}
}

// MoveError is returned for a move that does not exist.
type MoveError struct {
	Number   int
	From, To State
}

// Error implements error.
func (e *MoveError) Error() string {
	return fmt.Sprintf("revision %d is %s and cannot become %s", e.Number, e.From, e.To)
}

// Move returns r in the state to. The error is a *MoveError.
func Move(r Revision, to State) (Revision, error) {
	if !slices.Contains(moves()[r.State], to) {
		return r, &MoveError{Number: r.Number, From: r.State, To: to}
	}
	r.State = to
	return r, nil
}

// Known reports whether records are stored in this state.
func (s State) Known() bool {
	_, ok := moves()[s]
	return ok
}

// Done reports whether the deploy of a revision in this state has ended.
func (s State) Done() bool { return s == Ready || s == Failed }
