package pod_test

import (
	"fmt"
	"testing"

	"github.com/pscdev/psc/pkg/pod"
)

// thousand returns a spec of a thousand apps, each with a route.
func thousand() pod.Spec {
	s := pod.Spec{}
	for i := range 1000 {
		name := fmt.Sprintf("app%03d", i)
		s[ref(pod.KindApp, name)] = &pod.App{
			Image: "web:1", Instances: number(2),
			Ports: []pod.Port{{Name: "http", Port: 8080}},
			Env:   map[string]pod.EnvValue{"LEVEL": {Value: "info"}, "API": {App: "app000"}},
		}
		s[ref(pod.KindRoute, name)] = &pod.Route{Rules: []pod.Rule{{Path: "/", To: []pod.Target{{App: name}}}}}
	}
	return s
}

// The parts of applying a whole spec: read the file, replace every resource, compare with the previous spec.
func BenchmarkThousandApps(b *testing.B) {
	s := thousand()
	var file []byte
	var put pod.Change
	for _, r := range s.Refs() {
		text, err := pod.Encode(pod.FileOf(r.Name, s[r]))
		if err != nil {
			b.Fatal(err)
		}
		file = append(append(file, "---\n"...), text...)
		put.Edits = append(put.Edits, pod.Edit{Verb: pod.Put, Kind: r.Kind, Name: r.Name, Fields: pod.Tree(s[r])})
	}
	one := pod.Change{Edits: []pod.Edit{set(pod.KindApp, "app007", pod.Fields{"image": "web:2"})}}
	changed, err := pod.Apply(s, one)
	if err != nil {
		b.Fatal(err)
	}
	for name, work := range map[string]func() error{
		"decode":   func() error { _, err := pod.Decode(file); return err },
		"set one":  func() error { _, err := pod.Apply(s, one); return err },
		"put all":  func() error { _, err := pod.Apply(s, put); return err },
		"edits":    func() error { pod.Edits(s, changed); return nil },
		"users":    func() error { s.Users(ref(pod.KindApp, "app000")); return nil },
		"validate": func() error { return pod.Validate(s) },
		"all trees": func() error {
			for _, r := range s {
				pod.Tree(r)
			}
			return nil
		},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if err := work(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
