package instance

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/internal/kube"
	"github.com/pscdev/psc/pkg/object"
	"github.com/pscdev/psc/pkg/report"
)

// MaxLogs is how many logs are read at once.
const MaxLogs = 100

// LogOptions choose lines of logs.
type LogOptions struct {
	// Of are the names of apps, instances, runs and jobs; none for all apps of the pod.
	Of []string
	// Container is the name of a container; empty for all of an instance.
	Container string
	// Since is the age of the oldest line; 0 for no limit.
	Since time.Duration
	// Tail is how many of the last lines to read of each log; negative for all.
	Tail int
	// Previous reads the logs of the runs before the last restart.
	Previous bool
	// Follow goes on with new lines, restarts and instances until the context ends, or the named instances are gone.
	Follow bool
	// Keep chooses lines by their text; nil for all.
	Keep func(line []byte) bool
	// Show is called with lines. They are not followed by more if it returns an error.
	Show func([]report.LogLine) error
	// Tell is called with what happens beside the lines.
	Tell func(LogNote)
}

// LogNote is something that happens while logs are read. Exactly one field is set beside the names.
type LogNote struct {
	// App, Instance and Container are what it is about; empty for Several, LeftOut and Waiting.
	App, Instance, Container string
	// Started and Restarted mean that the container began to run.
	Started, Restarted bool
	// Gone means that the instance does not exist any more.
	Gone bool
	// Several means that more than one log is read from now on.
	Several bool
	// Earlier means that the container has printed nothing since it restarted, so the lines of its previous run follow.
	Earlier bool
	// Broken is why the log cannot be read at the moment.
	Broken error
	// LeftOut are the logs beyond MaxLogs, which are not read.
	LeftOut []string
	// Waiting is why there is no log of an app yet.
	Waiting error
}

// Logs shows lines of logs, ordered by time. The error is as that of Ready if an app has no log.
func (in *Instances) Logs(ctx context.Context, o LogOptions) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	r := &reading{in: in, LogOptions: o, sources: map[string]*source{}}
	if o.Follow {
		watch, err := in.kube.Watch(ctx, in.Pod, r.selector(), object.Pod)
		if err == nil {
			err = watch.Unseen[object.Pod]
		}
		if err != nil {
			return err
		}
		r.watch = watch
	}
	instances, err := r.instances(ctx)
	if err != nil {
		return err
	}
	if err := r.missing(ctx, instances); err != nil {
		return err
	}
	history := r.update(instances)
	r.begun = true
	if err := r.history(ctx, history); err != nil || !o.Follow {
		return err
	}
	return r.follow(ctx, history)
}

// reading is one call of Logs.
type reading struct {
	LogOptions
	in      *Instances
	watch   *kube.Watch
	sources map[string]*source // by their key
	leftOut []string           // already told
	broken  []error            // logs that could not be read
	begun   bool               // the first sources are known
	// instancesOnly means that no app is named, so that no other instance can join.
	instancesOnly bool
}

// instances returns the chosen instances that exist.
func (r *reading) instances(ctx context.Context) ([]Instance, error) {
	if r.watch != nil {
		var all []Instance
		for _, p := range kube.Objects[corev1.Pod](r.watch, object.Pod) {
			all = append(all, Instance{p})
		}
		return r.chosen(inOrder(all)), nil
	}
	if len(r.Of) == 1 { // an app is the most frequent case, and the pod may have many
		if found, err := r.in.List(ctx, r.Of[0]); err != nil || len(found) > 0 {
			return found, err
		}
	}
	all, err := r.in.list(ctx, r.selector())
	return r.chosen(all), err
}

// selector selects the instances of all apps, and also those of runs if some are named.
func (r *reading) selector() string {
	if len(r.Of) == 0 {
		return r.in.selector("")
	}
	return object.LabelManagedBy + "=" + object.Manager
}

func (r *reading) chosen(all []Instance) []Instance {
	return slices.DeleteFunc(all, func(i Instance) bool {
		return len(r.Of) > 0 && !slices.ContainsFunc(r.Of, i.called)
	})
}

// missing returns the error for a name that has no log, unless its log can still come.
func (r *reading) missing(ctx context.Context, instances []Instance) error {
	r.instancesOnly = len(r.Of) > 0
	containers := map[string]bool{}
	for _, i := range instances {
		for _, s := range i.states() {
			containers[s.container] = true
		}
	}
	if names := slices.Sorted(maps.Keys(containers)); r.Container != "" && len(names) > 0 && !containers[r.Container] {
		return fault.New(fault.Usage, "no container %q here", r.Container).WithHint("the containers are: %s", strings.Join(names, ", "))
	}
	for _, name := range r.Of {
		app := name
		own := slices.DeleteFunc(slices.Clone(instances), func(i Instance) bool { return !i.called(name) })
		if len(own) > 0 {
			app = own[0].App()
		}
		r.instancesOnly = r.instancesOnly && app != name
		if slices.ContainsFunc(own, func(i Instance) bool { return slices.ContainsFunc(i.states(), started) }) {
			continue
		}
		err := r.in.orInstance(ctx, r.in.Why(ctx, app, own))
		begins := errors.As(err, new(*Error))
		if len(own) > 0 && own[0].Labels[object.LabelApp] == "" {
			err, begins = fault.New(fault.Failed, "%s has not started yet", own[0].Name).WithHint("psc events"), true
		}
		if !r.Follow || !begins {
			return err
		}
		r.Tell(LogNote{Waiting: err})
	}
	return nil
}

// update adds sources for containers that have none yet, and gives all sources their current states. It returns the new ones.
func (r *reading) update(instances []Instance) []*source {
	var added []*source
	var leftOut []string
	current := map[string]bool{}
	for _, i := range instances {
		for _, state := range i.states() {
			if r.Container != "" && state.container != r.Container {
				continue
			}
			key := string(i.UID) + "/" + state.container
			current[key] = true
			s := r.sources[key]
			switch {
			case s == nil && (!state.started || r.Previous && !state.earlier):
				continue
			case s == nil && len(r.sources) >= MaxLogs:
				leftOut = append(leftOut, i.Name)
				continue
			case s == nil:
				s = newSource(r, i, key, state)
				if r.sources[key] = s; len(r.sources) == 2 {
					r.Tell(LogNote{Several: true})
				}
				added = append(added, s)
			}
			s.set(state)
		}
	}
	for key, s := range r.sources {
		if !current[key] && !s.left {
			s.left = true
			s.set(state{gone: true})
			time.AfterFunc(linger, s.stop)
		}
	}
	if leftOut = slices.Compact(leftOut); !slices.Equal(leftOut, r.leftOut) && len(leftOut) > 0 {
		r.Tell(LogNote{LeftOut: leftOut})
	}
	r.leftOut = leftOut
	return added
}

// state is the state of a container.
type state struct {
	container string
	run       int32 // how often it was restarted
	started   bool  // it has a log
	running   bool
	earlier   bool // its previous run has a log
	gone      bool // the instance does not exist any more
}

func started(s state) bool { return s.started }

// states returns the states of the containers of an instance.
func (i Instance) states() []state {
	var all []state
	for _, c := range slices.Concat(i.Status.InitContainerStatuses, i.Status.ContainerStatuses) {
		earlier := c.LastTerminationState.Terminated != nil
		all = append(all, state{
			container: c.Name, run: c.RestartCount, running: c.State.Running != nil, earlier: earlier,
			started: c.State.Running != nil || c.State.Terminated != nil || earlier,
		})
	}
	return all
}

// denied reports whether no log can be read at all.
func denied(err error) bool { return apierrors.IsForbidden(err) || apierrors.IsUnauthorized(err) }
