// Package convert turns what other tools read into resources of psc.
//
//	Kubernetes objects -> Result: resources, values of secrets, and what was left out
//
// A conversion takes the fields that it understands out of the trees that it gets. What is still there at the end was left out, so
// that nothing is dropped in silence.
package convert

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/pscdev/psc/pkg/pod"
)

// Result is what a conversion makes.
type Result struct {
	// Spec has the resources. The keys of its secrets have no versions yet.
	Spec pod.Spec
	// Values are the values of the secrets, by secret and key. A key without a value is still to be set.
	Values map[string]map[string][]byte
	// Left is what was left out or changed, sorted by object.
	Left []Left
}

// Left is something that psc cannot express, or expresses in another way.
type Left struct {
	// Object is what it is a part of: "Deployment web".
	Object string `json:"object"`
	// Field is the path of the field; empty for the whole object.
	Field string `json:"field,omitempty"`
	// Do says what became of it, and what to do.
	Do string `json:"do"`
}

// Object is a Kubernetes object.
type Object struct {
	// From is the file that it was read from, or empty.
	From string
	// Tree has its fields, in the types of encoding/json. The conversion modifies it.
	Tree map[string]any
}

// Options are the options of a conversion of Kubernetes objects.
type Options struct {
	// Live means that the objects run in the namespace of the pod. An app then keeps the selector of its Deployment, which cannot be
	// changed, so that its instances can be replaced in place.
	Live bool
}

// Kubernetes converts objects. The error is pod.Problems if they cannot become one pod.
func Kubernetes(objects []Object, o Options) (Result, error) {
	c := &conversion{
		Options: o, byKind: map[string][]*source{}, apps: map[string]*app{},
		Result: Result{Spec: pod.Spec{}, Values: map[string]map[string][]byte{}},
	}
	if problems := c.sort(objects); len(problems) > 0 {
		return Result{}, problems
	}
	for _, step := range []struct {
		kinds   string
		convert func(*source)
	}{
		{"ConfigMap", c.config},
		{"Secret", c.secret},
		{"PersistentVolumeClaim", c.disk},
		{"Deployment", c.deployment},
		{"CronJob", c.cronJob},
		{"Service", c.service},
		{"HorizontalPodAutoscaler", c.autoscaler},
	} {
		for _, s := range c.byKind[step.kinds] {
			step.convert(s)
		}
	}
	for _, name := range sorted(c.apps) {
		c.finish(c.apps[name])
	}
	for _, s := range c.byKind["Ingress"] {
		c.ingress(s)
	}
	for _, s := range c.byKind["HTTPRoute"] {
		c.httpRoute(s)
	}
	c.unused()
	slices.SortStableFunc(c.Left, func(a, b Left) int { return cmp.Compare(a.Object, b.Object) })
	return c.Result, nil
}

// conversion is one call of Kubernetes.
type conversion struct {
	Options
	Result
	byKind map[string][]*source
	apps   map[string]*app
}

// source is an object that is being converted.
type source struct {
	node
	kind, name string
	// done is set when it was converted, and its rest is reported. Else it is left out as a whole.
	done bool
}

func (s *source) String() string { return s.kind + " " + s.name }

// groups are the API groups of the kinds that can be converted: other groups have kinds with the same names.
func groups() map[string]string {
	return map[string]string{
		"ConfigMap": "", "Secret": "", "PersistentVolumeClaim": "", "Service": "", "Deployment": "apps", "CronJob": "batch",
		"HorizontalPodAutoscaler": "autoscaling", "Ingress": "networking.k8s.io", "HTTPRoute": "gateway.networking.k8s.io",
	}
}

// sort files the objects by their kinds.
func (c *conversion) sort(objects []Object) (problems pod.Problems) {
	from, namespaces := map[string]string{}, map[string]string{}
	for _, o := range flat(objects) {
		s := &source{node: newNode(o.Tree)}
		version, meta := s.text("apiVersion"), s.child("metadata")
		s.kind, s.name = s.text("kind"), meta.text("name")
		add := func(format string, args ...any) {
			problems = append(problems, pod.Problem{File: o.From, Path: strings.TrimSpace(s.String()), Message: fmt.Sprintf(format, args...)})
		}
		group, _, grouped := strings.Cut(version, "/")
		if !grouped {
			group = ""
		}
		switch first, twice := from[s.String()+" "+group]; {
		case s.kind == "" || version == "":
			add("is not a Kubernetes object: apiVersion or kind is missing")
			continue
		case version == pod.APIVersion:
			add("is a resource of psc already: apply it")
			continue
		case group == "kustomize.config.k8s.io" || s.kind == "Kustomization" && group == "":
			add("is not an object: build it first, and import the output of kubectl kustomize from stdin")
			continue
		case s.name == "":
			add("metadata.name is missing")
			continue
		case twice && first == o.From:
			add("is defined twice")
			continue
		case twice:
			add("is also defined in %s", first)
			continue
		}
		from[s.String()+" "+group] = o.From
		if namespace := meta.text("namespace"); namespace != "" && s.kind != "Namespace" {
			namespaces[namespace] = s.String()
		}
		own, known := groups()[s.kind]
		if known && own != group {
			s.kind, known = s.kind+"."+group, false
		}
		c.meta(s, meta)
		if !known {
			c.leave(s, "", "%s", whole(s.kind))
			continue
		}
		c.byKind[s.kind] = append(c.byKind[s.kind], s)
	}
	if len(namespaces) > 1 {
		var words []string
		for _, namespace := range sorted(namespaces) {
			words = append(words, fmt.Sprintf("%s (%s)", namespace, namespaces[namespace]))
		}
		problems = append(problems, pod.Problem{Path: "metadata.namespace", Message: "a pod is one namespace, and the objects are for several: " + strings.Join(words, ", ")})
	}
	for _, sources := range c.byKind {
		slices.SortFunc(sources, func(a, b *source) int { return cmp.Compare(a.name, b.name) })
	}
	return problems
}

// flat opens Lists.
func flat(objects []Object) (out []Object) {
	for _, o := range objects {
		items, ok := o.Tree["items"].([]any)
		if kind, _ := o.Tree["kind"].(string); !ok || !strings.HasSuffix(kind, "List") {
			out = append(out, o)
			continue
		}
		var inner []Object
		for _, item := range items {
			tree, _ := item.(map[string]any)
			inner = append(inner, Object{From: o.From, Tree: tree})
		}
		out = append(out, flat(inner)...)
	}
	return out
}

// meta takes the metadata that the API server and its clients set themselves, and names the labels and annotations that are left out.
func (c *conversion) meta(s *source, meta node) {
	meta.ignore("uid", "resourceVersion", "generation", "creationTimestamp", "managedFields", "selfLink", "generateName", "finalizers")
	s.ignore("status")
	c.leaveKeys(s, "metadata.labels", meta.texts2("labels"), ownLabel, "psc sets its own labels: what selects by these finds nothing")
	c.leaveKeys(s, "metadata.annotations", meta.texts2("annotations"), ownAnnotation, "psc has no annotations: a tool that reads these no longer finds them")
}

// leaveKeys reports the keys of a map that mean something to somebody else.
func (c *conversion) leaveKeys(s *source, path string, values map[string]string, ignored func(string) bool, do string) {
	keys := slices.DeleteFunc(sorted(values), ignored)
	if len(keys) > 0 {
		c.leave(s, path, "%s: %s", strings.Join(keys, ", "), do)
	}
}

// ownLabel reports whether a label only names the object and the tool that made it.
func ownLabel(key string) bool {
	return strings.HasPrefix(key, "app.kubernetes.io/") || strings.HasPrefix(key, "helm.sh/") ||
		slices.Contains([]string{"app", "k8s-app", "name", "chart", "release", "heritage", "pod-template-hash", "io.kompose.service"}, key)
}

// ownAnnotation reports whether an annotation only is a note of a client or a controller to itself.
func ownAnnotation(key string) bool {
	for _, prefix := range []string{
		"kubectl.kubernetes.io/", "deployment.kubernetes.io/", "pv.kubernetes.io/", "volume.kubernetes.io/", "volume.beta.kubernetes.io/",
		"meta.helm.sh/", "kompose.", "autoscaling.alpha.kubernetes.io/", "control-plane.alpha.kubernetes.io/",
	} {
		if strings.HasPrefix(key, prefix) {
			return true
		}
	}
	return false
}

// leave reports what is left out of an object.
func (c *conversion) leave(s *source, field, format string, args ...any) {
	c.Left = append(c.Left, Left{s.String(), field, fmt.Sprintf(format, args...)})
}

// readable tells that a value which looks like a secret becomes a plain variable.
func (c *conversion) readable(s *source, field, name, value string) {
	words := strings.FieldsFunc(strings.ToUpper(name), func(r rune) bool { return r == '_' })
	secret := slices.ContainsFunc(words, func(word string) bool {
		return slices.Contains([]string{"PASSWORD", "PASSWD", "PASS", "PWD", "SECRET", "TOKEN", "KEY", "CREDENTIALS"}, word)
	})
	if secret && value != "" {
		c.leave(s, field, "every member of the pod can read its value: put it into a secret, and let the variable refer to that")
	}
}

// named reports whether a resource can have the name of an object. Else it says what is wrong with the name.
func (c *conversion) named(s *source, problem string) bool {
	if problem == "" {
		return true
	}
	c.leave(s, "metadata.name", "the object is left out, because psc has no such names: %s", problem)
	return false
}

// rest reports the fields of an object that nobody has taken.
func (c *conversion) rest(s *source) {
	for _, path := range s.node.rest() {
		c.leave(s, path, "%s", advice(path))
	}
}

// unused reports the rest of the objects whose fields several steps take.
func (c *conversion) unused() {
	for _, kind := range []string{"Deployment", "Service"} {
		for _, s := range c.byKind[kind] {
			if s.done {
				c.rest(s)
			}
		}
	}
}

// Knows reports whether objects of a kind can be converted.
func Knows(group, kind string) bool {
	own, known := groups()[kind]
	return known && own == group
}
