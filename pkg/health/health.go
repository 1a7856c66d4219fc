// Package health tells how a resource fares, from live objects.
//
//	live objects, now -- App or Route --> Status: a state, and the reason in a sentence
//
// It is pure and remembers nothing. A crashing container looks fine for the second in which it runs, so whoever
// watches must hold on to the first Failed.
package health

// State is how a resource fares.
type State string

// The states of a resource.
const (
	Ready       State = "ready"
	Progressing State = "progressing"
	// Failed means that it will not become ready without a change.
	Failed State = "failed"
	// Stopped means that no instance is asked for, and none runs.
	Stopped State = "stopped"
)

// Status is how a resource fares, and why.
type Status struct {
	State State
	// Reason is a sentence for people; empty when there is nothing to say.
	Reason string
	// Desired and Ready count instances. They are 0 for routes.
	Desired, Ready int
}
