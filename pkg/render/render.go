// Package render turns a pod's spec into Kubernetes objects.
//
//	spec, what the cluster offers -- Objects --> objects to be applied as they are
//
// It is pure, and the same input always gives the same bytes: the hash of an object says whether it has to be written.
package render

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/pscdev/psc/pkg/pod"
)

// Labels and annotations of what psc writes. The app.kubernetes.io labels are those of
// https://kubernetes.io/docs/concepts/overview/working-with-objects/common-labels/
const (
	LabelManagedBy = "app.kubernetes.io/managed-by"
	LabelName      = "app.kubernetes.io/name"
	LabelPartOf    = "app.kubernetes.io/part-of"
	// LabelPod carries the name of the pod, on its namespace and on everything in it that psc renders.
	LabelPod = "psc.dev/pod"
	// LabelApp, LabelRoute and LabelDisk carry the name of the resource that an object was rendered from.
	LabelApp   = "psc.dev/app"
	LabelRoute = "psc.dev/route"
	LabelDisk  = "psc.dev/disk"
	// AnnotationHash is the hash of the object as it was rendered.
	AnnotationHash = "psc.dev/hash"
	// Manager is what LabelManagedBy says, and the field manager of server-side apply.
	Manager = "psc"
)

// Cluster is what a cluster offers to a pod.
type Cluster struct {
	// Domain is the domain below which routes without hosts get one: "<route>-<pod>.<domain>".
	Domain string `json:"domain,omitempty"`
	// Gateway is the Gateway that routes attach to; nil where there is none.
	Gateway *Gateway `json:"gateway,omitempty"`
	// Ports are where the gateway is reached from outside; 0 where it does not listen.
	Ports Ports `json:"ports,omitzero"`
	// PullSecret is the name of the Secret with the pod's own logins to registries; empty where there is none.
	PullSecret string `json:"-"`
}

// Gateway names a Gateway and its listeners.
type Gateway struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	// HTTP and HTTPS are the names of the listeners that routes use; "http" and "https" when they are not set.
	HTTP  string `json:"http,omitempty"`
	HTTPS string `json:"https,omitempty"`
}

// Ports are the ports of a gateway.
type Ports struct {
	HTTP  int `json:"http,omitempty"`
	HTTPS int `json:"https,omitempty"`
}

// Objects renders all resources of a spec. The error is pod.Problems: what this cluster cannot do, or what is not valid
// in a spec that another version of psc, or another hand, has stored.
func Objects(podName string, spec pod.Spec, c Cluster) ([]*unstructured.Unstructured, error) {
	if err := pod.Validate(spec); err != nil {
		return nil, err
	}
	var objects []*unstructured.Unstructured
	for name, app := range spec.Apps() {
		objects = append(objects, appObjects(podName, name, app, spec, c.PullSecret)...)
	}
	for name, disk := range spec.Disks() {
		objects = append(objects, object(claim(podName, name, disk)))
	}
	var problems pod.Problems
	for name, route := range spec.Routes() {
		rendered, err := routeObjects(podName, name, route, spec, c)
		if err != nil {
			problems = append(problems, pod.Problem{Path: "route/" + name, Message: err.Error()})
			continue
		}
		objects = append(objects, rendered...)
	}
	if len(problems) > 0 {
		return nil, problems
	}
	return objects, nil
}

// labels are on every object of a resource. key is LabelApp, LabelRoute or LabelDisk.
func labels(podName, key, name string) map[string]string {
	return map[string]string{
		LabelManagedBy: Manager,
		LabelName:      name,
		LabelPartOf:    podName,
		LabelPod:       podName,
		key:            name,
	}
}

// object turns an apply configuration into what is sent, with the hash of its content.
func object(configuration any) *unstructured.Unstructured {
	data, err := json.Marshal(configuration)
	if err != nil {
		panic(fmt.Sprintf("render: %T has no JSON form: %v", configuration, err))
	}
	o := &unstructured.Unstructured{}
	if err := o.UnmarshalJSON(data); err != nil {
		panic(fmt.Sprintf("render: %T is not an object: %v", configuration, err))
	}
	sum := sha256.Sum256(data)
	o.SetAnnotations(map[string]string{AnnotationHash: hex.EncodeToString(sum[:8])})
	return o
}

// Kinds are all kinds of objects that Objects makes. A cluster need not have all of them.
func Kinds() []schema.GroupVersionKind {
	return []schema.GroupVersionKind{
		corev1.SchemeGroupVersion.WithKind("ServiceAccount"),
		corev1.SchemeGroupVersion.WithKind("PersistentVolumeClaim"),
		corev1.SchemeGroupVersion.WithKind("Service"),
		appsv1.SchemeGroupVersion.WithKind("Deployment"),
		autoscalingv2.SchemeGroupVersion.WithKind("HorizontalPodAutoscaler"),
		policyv1.SchemeGroupVersion.WithKind("PodDisruptionBudget"),
		GatewayKind("ListenerSet"),
		GatewayKind("HTTPRoute"),
	}
}

// GatewayKind is a kind of the Gateway API.
func GatewayKind(kind string) schema.GroupVersionKind {
	return schema.GroupVersionKind{Group: gatewayv1.GroupName, Version: gatewayv1.GroupVersion.Version, Kind: kind}
}

// Selector selects everything that was rendered for a pod, and what controllers made of it.
func Selector(podName string) string {
	return LabelPod + "=" + podName
}
