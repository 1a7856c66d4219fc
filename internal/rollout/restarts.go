package rollout

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"

	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/pscdev/psc/internal/kube"
	"github.com/pscdev/psc/pkg/health"
	"github.com/pscdev/psc/pkg/object"
	"github.com/pscdev/psc/pkg/plan"
	"github.com/pscdev/psc/pkg/revision"
)

// restarted returns steps that write the Deployments of the apps that the deploy restarts. Their template gets a mark, the number of
// the revision that asks for the restart, and Kubernetes starts new instances. The mark is not rendered, so no later deploy
// changes it, and it says that the restart is done, however often the deploy is tried.
func (d *deploy) restarted(steps []plan.Step, rendered []*unstructured.Unstructured) []plan.Step {
	if d.before.State != revision.Ready {
		d.restarts = d.history.Restarts(d.result.Revision.Number)
	}
	return Restarting(steps, rendered, slices.Collect(maps.Keys(d.restarts)))
}

// Restarting returns steps that write the Deployments of some apps even if they are as rendered.
func Restarting(steps []plan.Step, rendered []*unstructured.Unstructured, apps []string) []plan.Step {
	objects := map[string]*unstructured.Unstructured{}
	for _, o := range rendered {
		if o.GroupVersionKind() == object.Deployment {
			objects[o.GetName()] = o
		}
	}
	for i, step := range steps {
		if step.Kind == object.Deployment && step.Action == plan.Keep && slices.Contains(apps, step.Name) {
			steps[i].Action, steps[i].Reason, steps[i].Object = plan.Update, "restarted", objects[step.Name]
		}
	}
	return steps
}

// restart gives the Deployment of a step, which is written, the mark of its restart if one is due. It returns the generation.
func (d *deploy) restart(ctx context.Context, step plan.Step, generation int64) (int64, error) {
	number := d.restarts[step.Name]
	if number == 0 || step.Kind != object.Deployment || step.Action == plan.Create { // new instances start anyway
		return generation, nil
	}
	for range attempts {
		there, err := d.Kube.Get(ctx, step.Kind, d.Pod, step.Name)
		if err != nil {
			return 0, err
		}
		live, err := kube.As[appsv1.Deployment](there)
		if err != nil {
			return 0, err
		}
		mark, err := d.markOf(ctx, live, number)
		if err != nil || mark == live.Spec.Template.Annotations[object.AnnotationRestarted] {
			return live.Generation, err
		}
		var meta *metav1.PartialObjectMetadata
		err = d.ifHeld(ctx, func() (err error) {
			meta, err = d.Kube.AnnotateTemplate(ctx, step.Kind, d.Pod, step.Name, live.ResourceVersion, object.AnnotationRestarted, mark)
			return err
		})
		if err == nil {
			return meta.Generation, nil
		}
		if !apierrors.IsConflict(err) {
			return 0, err
		}
	}
	return 0, fmt.Errorf("someone else keeps writing to %s %s: it was not restarted after %d attempts", step.Kind.Kind, step.Name, attempts)
}

// markOf returns the mark that a Deployment is to have; empty for none. A rollback takes back the mark of a restart that did not
// become ready, so that the instances from before stay.
func (d *deploy) markOf(ctx context.Context, live *appsv1.Deployment, number int) (string, error) {
	now := live.Spec.Template.Annotations[object.AnnotationRestarted]
	marked, _ := strconv.Atoi(now) // a text that is no number is not psc's
	switch restores := d.result.Revision.Restores != 0; {
	case !restores && marked < number:
		return strconv.Itoa(number), nil
	case !restores || marked != number:
		return now, nil
	}
	sets, err := kube.ListAs[appsv1.ReplicaSet](ctx, d.Kube, object.ReplicaSet, d.Pod, object.Selector(d.Pod)+","+object.LabelApp+"="+live.Name)
	if before := health.Before(live, sets); before != nil {
		return before.Spec.Template.Annotations[object.AnnotationRestarted], err
	}
	return "", err
}
