package render

import (
	"fmt"
	"slices"

	"github.com/pscdev/psc/pkg/pod"
)

// Limits are what a backend allows of one route.
type Limits struct {
	// Weights allows a rule to share its traffic among several apps.
	Weights bool
	// OwnCertificates allows a route to bring its certificate.
	OwnCertificates bool
	// H2C allows a route to lead to ports that speak HTTP/2 without TLS.
	H2C bool
	// MaxHosts, MaxRules and MaxTargets are the most hosts, rules and targets of a rule. MaxWeight is the largest weight.
	MaxHosts, MaxRules, MaxTargets, MaxWeight int
}

// problems are what a route asks beyond the limits. Paths are relative to the route.
func (l Limits) problems(r *pod.Route, spec pod.Spec) pod.Problems {
	var out pod.Problems
	add := func(path, format string, args ...any) {
		out = append(out, pod.Problem{Path: path, Message: fmt.Sprintf(format, args...)})
	}
	most := func(path string, n, most int) {
		if n > most {
			add(path, "has %d items: this cluster allows at most %d", n, most)
		}
	}
	if r.TLS.Secret != "" && !l.OwnCertificates {
		add("spec.tls.secret", "this cluster cannot serve the certificate of secret %q: set tls to auto or off", r.TLS.Secret)
	}
	most("spec.hosts", len(r.Hosts), l.MaxHosts)
	most("spec.rules", len(r.Rules), l.MaxRules)
	for _, rule := range r.Rules {
		path := fmt.Sprintf("spec.rules[%s].to", rule.Path)
		most(path, len(rule.To), l.MaxTargets)
		if sharing := slices.DeleteFunc(slices.Clone(rule.To), func(t pod.Target) bool { return t.Share() == 0 }); len(sharing) > 1 && !l.Weights {
			add(path, "this cluster cannot share traffic among %d apps: leave one", len(sharing))
		}
		for _, t := range rule.To {
			if port, _ := spec.TargetPort(t); port.Protocol == pod.ProtocolH2C && !l.H2C {
				add(fmt.Sprintf("%s[%s]", path, t.App), "port %s speaks %s (HTTP/2 without TLS), and the Gateway of this cluster does not", port.Name, port.Protocol)
			}
			if t.Share() > l.MaxWeight {
				add(fmt.Sprintf("%s[%s].weight", path, t.App), "is %d: this cluster allows at most %d", t.Share(), l.MaxWeight)
			}
		}
	}
	return out
}
