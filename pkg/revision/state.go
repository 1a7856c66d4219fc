package revision

import (
	"fmt"
	"slices"
)

// State is where a revision stands.
type State string

// The states of a revision.
const (
	// Draft was never deployed.
	Draft State = "draft"
	// Waiting was asked to be deployed and waits for its turn.
	Waiting State = "waiting"
	// Pending is being written to the cluster, or is not healthy yet.
	Pending State = "pending"
	// Ready runs, or ran, as it should.
	Ready State = "ready"
	// Failed did not become ready; the reason says why.
	Failed State = "failed"
	// Discarded was a draft that was given up, or made again as another one; the reason says which.
	Discarded State = "discarded"
	// Damaged marks a record that cannot be read. It is never stored.
	Damaged State = "damaged"
)

// moves holds every move of a state. waiting -> waiting and pending -> waiting take over from a deploy that died;
// ready and failed -> waiting deploy again; waiting -> draft and waiting -> ready give up before anything was written,
// as do pending -> draft and its like in the last moment, and the revision is what it was.
func moves() map[State][]State {
	return map[State][]State{
		Draft:     {Waiting, Discarded},
		Waiting:   {Waiting, Pending, Failed, Draft, Ready, Discarded},
		Pending:   {Waiting, Ready, Failed, Draft},
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

// Move returns r in the state to, or a *MoveError.
func Move(r Revision, to State) (Revision, error) {
	if !slices.Contains(moves()[r.State], to) {
		return r, &MoveError{Number: r.Number, From: r.State, To: to}
	}
	r.State = to
	return r, nil
}

// Known says whether the state is one that is stored.
func (s State) Known() bool {
	_, ok := moves()[s]
	return ok
}

// Done says whether the deploy of a revision in this state has ended.
func (s State) Done() bool { return s == Ready || s == Failed }
