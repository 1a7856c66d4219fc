// Package health judges a resource by its live objects.
//
//	live objects, now -- App or Route --> Status: a state, the reason in a sentence, and the next steps
//
// It is pure and remembers nothing. A crashing container looks fine for the second in which it runs, so a caller that
// watches must keep the first Failed.
//
// It knows the possible states of the objects that psc writes, and of what others add to an instance: init containers,
// more containers, probes, hooks. psc does not write Jobs and StatefulSets. pkg/plan compares the Service of an app with the
// rendered one, so its endpoints are not judged here.
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
	// Failed means that the resource will not become ready without a change.
	Failed State = "failed"
	// Stopped means that the app should have no instances, and has none.
	Stopped State = "stopped"
)

// Status is the state of a resource, with the reason.
type Status struct {
	State State
	// Reason is one line for people, of a few hundred characters at most; empty if there is nothing to say.
	Reason string
	// Next lists what can be done about it, the best first; each is an alternative to the others. It is empty if
	// nothing better is known than to roll back.
	Next []pod.Next
	// Log names a log that may explain the status; it is the zero Log if there is none.
	Log Log
	// Desired and Ready count instances. They are 0 for routes.
	Desired, Ready int
	// Crashes means that its program ends by itself, or does not answer. The cause may be another app that is not ready yet.
	Crashes bool
	// Restarts counts how often containers of the instances were restarted.
	Restarts int
	// Old counts the ready instances of older versions, by the hash of the Deployment that started them.
	Old map[string]int
}

// Serving counts the ready instances of older versions.
func (s Status) Serving() int {
	ready := 0
	for _, n := range s.Old {
		ready += n
	}
	return ready
}

// Same reports whether two statuses look the same to people: the state, the reason and the counts.
func (s Status) Same(other Status) bool {
	return s.State == other.State && s.Reason == other.Reason && s.Desired == other.Desired && s.Ready == other.Ready
}

// Cause returns the reason without the name of the instance, for narrow terminals.
func (s Status) Cause() string {
	if named, ok := strings.CutPrefix(s.Reason, ofInstance("")); ok {
		_, cause, _ := strings.Cut(named, ": ")
		return cause
	}
	return s.Reason
}

// ofInstance begins every reason that is about one instance.
func ofInstance(name string) string { return "instance " + name }

// Log names the log of a container.
type Log struct {
	Instance, Container string
	// Previous asks for the run before the current one.
	Previous bool
	// Said is the end of that log that the cluster keeps with the instance, in case the log itself is gone.
	Said string
}

// NoProgress begins the reason of an app on which Kubernetes has given up without another cause.
const NoProgress = "no progress for too long"

// NotFound is the reason if the object of a resource does not exist.
const NotFound = "not found in the cluster"

// trouble keeps an app from being ready. The zero trouble is none.
type trouble struct {
	cause string
	// response is what Kubernetes does about it, as long as waiting may help.
	response string
	next     []pod.Next
	log      Log
	// fatal means that waiting does not help.
	fatal bool
	// crashes means that the program ends by itself, or does not answer.
	crashes bool
	// past means that it is over, and is only mentioned.
	past bool
}

// retries is the response of Kubernetes to most troubles.
const retries = "; trying again"

// worst returns the first fatal trouble, one that is no crash before those that are, else the first that is not over.
func worst(all ...trouble) trouble {
	var out trouble
	for _, t := range all {
		if t.fatal && !t.crashes {
			return t
		}
		if t.fatal && !out.fatal || !out.fatal && t.cause != "" && (out.cause == "" || out.past && !t.past) {
			out = t
		}
	}
	return out
}
