package revision_test

import (
	"fmt"
	"testing"

	"github.com/pscdev/psc/pkg/pod"
	"github.com/pscdev/psc/pkg/revision"
)

// thousand returns a spec of a thousand apps, each with a route. The first ones have a new image.
func thousand(changed int) pod.Spec {
	s := pod.Spec{}
	for i := range 1000 {
		name, image := fmt.Sprintf("app%03d", i), "web:1"
		if i < changed {
			image = "web:2"
		}
		s[app(name)] = &pod.App{
			Image: image, Instances: number(2),
			Ports: []pod.Port{{Name: "http", Port: 8080}},
			Env:   map[string]pod.EnvValue{"LEVEL": {Value: "info"}, "API": {App: "app000"}},
		}
		s[pod.Ref{Kind: pod.KindRoute, Name: name}] = &pod.Route{Rules: []pod.Rule{{Path: "/", To: []pod.Target{{App: name}}}}}
	}
	return s
}

// The parts of a change to a large pod: compare the specs, sum up the difference, merge two changes.
func BenchmarkThousandApps(b *testing.B) {
	before, one, all := thousand(0), thousand(1), thousand(1000)
	sized := thousand(0)
	for _, a := range sized.Apps() {
		a.Size = "large"
	}
	entries := revision.Diff(before, all)
	for name, work := range map[string]func(){
		"diff none":  func() { revision.Diff(before, before) },
		"diff one":   func() { revision.Diff(before, one) },
		"diff all":   func() { revision.Diff(before, all) },
		"create all": func() { revision.Diff(nil, all) },
		"summary":    func() { revision.Summary(entries) },
		"merge": func() {
			if _, err := revision.Merge(before, all, sized); err != nil {
				b.Fatal(err)
			}
		},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				work()
			}
		})
	}
}
