// Package render turns a pod's spec into Kubernetes objects.
//
//	spec, what the cluster offers -- Objects --> objects to apply unchanged
//
// It is pure, and the same input always gives the same bytes: the hash of an object says whether it has to be written.
// Each kind of resource has a file and a row in renderers. Each way to serve routes has a file and is a Backend.
package render

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/pscdev/psc/pkg/object"
	"github.com/pscdev/psc/pkg/pod"
)

// Cluster is what a cluster offers to a pod.
type Cluster struct {
	// Routing is how the cluster serves routes; nil when psc did not look, as for a spec without routes.
	Routing Routing
	// PullSecret is the name of the Secret with the pod's own logins to registries; empty when there is none.
	PullSecret string
}

// renderer renders all resources of one kind.
type renderer func(podName string, spec pod.Spec, c Cluster) ([]*unstructured.Unstructured, pod.Problems)

// renderers has a row for each of pod.Kinds.
func renderers() map[pod.Kind]renderer {
	return map[pod.Kind]renderer{
		pod.KindApp:    apps,
		pod.KindRoute:  routes,
		pod.KindConfig: nothing, // its content is stored with the revision, apps mount it
		pod.KindSecret: nothing, // likewise
		pod.KindDisk:   disks,
	}
}

func nothing(string, pod.Spec, Cluster) ([]*unstructured.Unstructured, pod.Problems) { return nil, nil }

// Objects renders all resources of a spec. The error is pod.Problems: what this cluster cannot do, or an invalid spec that
// another version of psc or another client has stored.
func Objects(podName string, spec pod.Spec, c Cluster) ([]*unstructured.Unstructured, error) {
	if err := pod.Validate(spec); err != nil {
		return nil, err
	}
	var objects []*unstructured.Unstructured
	var problems pod.Problems
	rows := renderers()
	for _, kind := range pod.Kinds() {
		made, wrong := rows[kind](podName, spec, c)
		objects, problems = append(objects, made...), append(problems, wrong...)
	}
	if len(problems) > 0 {
		return nil, problems
	}
	return objects, nil
}

// labels are on every object of a resource. key is object.LabelApp, object.LabelRoute or object.LabelDisk.
func labels(podName, key, name string) map[string]string {
	return map[string]string{
		object.LabelManagedBy: object.Manager,
		object.LabelName:      name,
		object.LabelPartOf:    podName,
		object.LabelPod:       podName,
		key:                   name,
	}
}

// rendered turns an apply configuration into the object to send, with the hash of its content.
func rendered(configuration any) *unstructured.Unstructured {
	data, err := json.Marshal(configuration)
	if err != nil {
		panic(fmt.Sprintf("render: %T has no JSON form: %v", configuration, err))
	}
	o := &unstructured.Unstructured{}
	if err := o.UnmarshalJSON(data); err != nil {
		panic(fmt.Sprintf("render: %T is not an object: %v", configuration, err))
	}
	sum := sha256.Sum256(data)
	o.SetAnnotations(map[string]string{object.AnnotationHash: hex.EncodeToString(sum[:8])})
	return o
}
