// Package health tells how a resource fares, from live objects.
//
//	live objects, now -- App or Route --> Status: a state, the reason in a sentence, and the next step
//
// It is pure and remembers nothing. A crashing container looks fine for the second in which it runs, so whoever
// watches must hold on to the first Failed.
//
// It knows what can become of the objects that psc writes, and of what others add to an instance: init containers, more
// containers, probes, hooks. Jobs and StatefulSets are nothing that psc writes, and that a Service leads to its app is
// compared, not guessed from its endpoints.
package health

import (
	"strings"

	"github.com/pscdev/psc/pkg/pod"
)

// State is the state of a resource.
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

// Status is how a resource fares, and why. Two can be compared with ==.
type Status struct {
	State State
	// Reason is one line for people, of a few hundred characters at most; empty when there is nothing to say.
	Reason string
	// Next lists what can be done about it, the best first; each is an alternative to the others. It is empty if
	// nothing better is known than to roll back.
	Next []pod.Next
	// Log names the log that may tell more; it is the zero Log if no log can.
	Log Log
	// Desired and Ready count instances. They are 0 for routes.
	Desired, Ready int
}

// Same reports whether people read the same in both: the state, the reason and the counts.
func (s Status) Same(other Status) bool {
	return s.State == other.State && s.Reason == other.Reason && s.Desired == other.Desired && s.Ready == other.Ready
}

// Cause is the reason without the name of the instance, for places with little room.
func (s Status) Cause() string {
	if named, ok := strings.CutPrefix(s.Reason, ofInstance("")); ok {
		_, cause, _ := strings.Cut(named, ": ")
		return cause
	}
	return s.Reason
}

// ofInstance is how a reason begins that is about one instance.
func ofInstance(name string) string { return "instance " + name }

// Log names the log of a container.
type Log struct {
	Instance, Container string
	// Previous asks for the run before the one that is under way.
	Previous bool
	// Said is the end of that log as far as the cluster keeps it with the instance, for when the log itself is gone.
	Said string
}

// notFound is the reason if the object of a resource does not exist.
const notFound = "is not in the cluster"

// trouble keeps an app from being ready. The zero trouble is none.
type trouble struct {
	cause string
	// response is what Kubernetes does about it, as long as waiting may help.
	response string
	next     []pod.Next
	log      Log
	// fatal means that waiting does not help.
	fatal bool
	// past means that it is over, and worth no more than a word.
	past bool
}

// retries is the response of Kubernetes to most troubles.
const retries = "; trying again"

// worst is the first that waiting does not help, else the first that is not over.
func worst(all ...trouble) trouble {
	var out trouble
	for _, t := range all {
		if t.fatal {
			return t
		}
		if t.cause != "" && (out.cause == "" || out.past && !t.past) {
			out = t
		}
	}
	return out
}
