package render

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/pscdev/psc/pkg/pod"
)

// Check returns nil, or pod.Problems with the resources of a pod whose rendered names would be too long. It needs no
// cluster, so a change can be checked when it is made.
func Check(podName string, spec pod.Spec) error {
	var problems pod.Problems
	for name, route := range spec.Routes() {
		if label := name + "-" + podName; len(route.Hosts) == 0 && len(label) > validation.DNS1123LabelMaxLength {
			problems = append(problems, pod.Problem{
				Path: "route/" + name + " metadata.name",
				Message: fmt.Sprintf("its host would begin with %q, which has %d characters: at most %d are allowed, so give it a host or a shorter name",
					label, len(label), validation.DNS1123LabelMaxLength),
			})
		}
	}
	if len(problems) == 0 {
		return nil
	}
	return problems
}

// routes renders each route as the cluster's backend does.
func routes(podName string, spec pod.Spec, c Cluster) ([]*unstructured.Unstructured, pod.Problems) {
	var objects []*unstructured.Unstructured
	var problems pod.Problems
	for name, r := range spec.Routes() {
		path := pod.Ref{Kind: pod.KindRoute, Name: name}.String()
		backend, err := c.backend()
		if err != nil {
			if made := c.kept(podName, name, r, spec); made != nil {
				objects = append(objects, made...)
				continue
			}
			problems = append(problems, pod.Problem{Path: path, Message: err.Error()})
			continue
		}
		hosts := backend.address(r).hosts(podName, name, r)
		wrong := append(backend.Limits().problems(r, spec), hostProblems(hosts)...)
		for _, p := range wrong {
			problems = append(problems, pod.Problem{Path: path + " " + p.Path, Message: p.Message})
		}
		if len(wrong) == 0 {
			objects = append(objects, backend.objects(podName, name, hosts, r, spec)...)
		}
	}
	return objects, problems
}

// hostProblems are what is wrong with the hosts that a route has in the end. A host below the cluster's domain is only
// known here.
func hostProblems(hosts []string) pod.Problems {
	if len(hosts) == 0 {
		return pod.Problems{{Path: "spec.hosts", Message: "is empty, and this cluster has no domain for routes: name a host"}}
	}
	var problems pod.Problems
	for _, host := range hosts {
		label, _, _ := strings.Cut(host, ".")
		switch wrong := validation.IsDNS1123Subdomain(strings.TrimPrefix(host, "*.")); {
		case len(wrong) > 0:
			problems = append(problems, pod.Problem{Path: "spec.hosts", Message: fmt.Sprintf("the host would be %q: %s", host, wrong[0])})
		case len(label) > validation.DNS1123LabelMaxLength:
			problems = append(problems, pod.Problem{Path: "spec.hosts", Message: fmt.Sprintf("the host would be %q, whose first part has %d characters: at most %d are allowed",
				host, len(label), validation.DNS1123LabelMaxLength)})
		}
	}
	return problems
}
