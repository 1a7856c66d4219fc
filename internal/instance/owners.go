package instance

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/pscdev/psc/internal/kube"
	"github.com/pscdev/psc/pkg/health"
	"github.com/pscdev/psc/pkg/object"
)

// owners knows which objects belong to which apps.
type owners struct {
	apps map[string]bool
	// objects has the apps of instances, disks and routes, by kind and name.
	objects map[objectName][]string
	// made matches the names of what is made for the apps and may not exist any more.
	made *regexp.Regexp
}

type objectName struct{ kind, name string }

// ownersIn reads who owns the objects that are watched.
func ownersIn(w *kube.Watch) owners {
	o := owners{apps: map[string]bool{}, objects: map[objectName][]string{}}
	for _, d := range kube.Objects[appsv1.Deployment](w, object.Deployment) {
		o.apps[d.Name] = true
	}
	for _, p := range kube.Objects[corev1.Pod](w, object.Pod) {
		app := p.Labels[object.LabelApp]
		o.add(object.Pod.Kind, p.Name, app)
		for _, v := range p.Spec.Volumes {
			if v.PersistentVolumeClaim != nil {
				o.add(object.PersistentVolumeClaim.Kind, v.PersistentVolumeClaim.ClaimName, app)
			}
		}
	}
	for _, r := range kube.Objects[gatewayv1.HTTPRoute](w, object.HTTPRoute) {
		for _, rule := range r.Spec.Rules {
			for _, to := range rule.BackendRefs {
				o.add(object.HTTPRoute.Kind, r.Name, string(to.Name))
			}
		}
	}
	o.made = madeFor(slices.Collect(maps.Keys(o.apps)))
	return o
}

// madeFor matches the names of the ReplicaSets, the runs and the instances of apps.
func madeFor(apps []string) *regexp.Regexp {
	for i, app := range apps {
		apps[i] = regexp.QuoteMeta(app)
	}
	// The letters are those of https://pkg.go.dev/k8s.io/apimachinery/pkg/util/rand#SafeEncodeString
	const hash = "[bcdfghjklmnpqrstvwxz2-9]"
	return regexp.MustCompile(`\b(` + strings.Join(apps, "|") + `)-(?:` + hash + `{6,10}|run-[a-z0-9]{8})(?:-` + hash + `{5})?\b`)
}

func (o owners) add(kind, name, app string) {
	if of := (objectName{kind, name}); app != "" && !slices.Contains(o.objects[of], app) {
		o.objects[of] = append(o.objects[of], app)
	}
}

// of returns the apps that an object belongs to, or nil.
func (o owners) of(about corev1.ObjectReference) []string {
	if apps := o.objects[objectName{about.Kind, about.Name}]; apps != nil {
		return apps
	}
	switch about.Kind {
	case object.Pod.Kind, object.ReplicaSet.Kind, object.Job.Kind:
		if match := o.made.FindStringSubmatch(about.Name); match != nil && match[0] == about.Name {
			return match[1:]
		}
	case object.Deployment.Kind, object.HorizontalPodAutoscaler.Kind, object.PodDisruptionBudget.Kind, object.Service.Kind, object.ServiceAccount.Kind:
		if o.apps[about.Name] {
			return []string{about.Name}
		}
	}
	return nil
}

// ids matches the ids of objects and of containers.
var ids = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b|"[0-9a-f]{64}"`)
})

// key returns the key of the group of an event, whose object belongs to some apps.
func (o owners) key(apps []string, e *corev1.Event) key {
	same := *e
	same.Message = ids().ReplaceAllString(o.made.ReplaceAllString(same.Message, "$1-*"), "*")
	if e.InvolvedObject.Kind == object.Pod.Kind {
		same.Message = strings.ReplaceAll(same.Message, e.InvolvedObject.Name, "*")
	}
	k := key{reason: e.Reason, warning: e.Type == corev1.EventTypeWarning}
	if len(apps) == 1 {
		k.app = apps[0]
	} else if e.InvolvedObject.Kind != object.Pod.Kind { // two things of the pod are not the same
		k.object = objectOf(e)
	}
	k.text = health.Told(k.app, &same)
	return k
}
