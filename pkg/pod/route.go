package pod

import (
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
)

// Route makes apps reachable from outside the cluster: by host and path, with shares of the traffic.
type Route struct {
	// Hosts are the host names of the route. The default is <route>-<pod>.<the cluster's domain>.
	Hosts []string `json:"hosts,omitempty"`
	// TLS is how the route serves https: auto (with a certificate from the cluster), off (http only), or {secret: name}
	// (with the certificate in a secret of this pod, under the keys tls.crt and tls.key). The default is auto.
	TLS TLS `json:"tls,omitzero"`
	// Rules route paths to apps. The rule with the longest matching path wins.
	Rules []Rule `json:"rules"`
}

// Rule routes a path and all paths below it to apps.
type Rule struct {
	// Path is the path to match, beginning with a slash. "/" matches all paths.
	Path string `json:"path" psc:"key"`
	// To are the apps that share the traffic.
	To []Target `json:"to"`
}

// Target is an app that gets a share of the traffic of a rule.
type Target struct {
	// App is the name of an app of this pod.
	App string `json:"app" psc:"key"`
	// Port is the name of a port of the app. The default is its main port.
	Port string `json:"port,omitempty"`
	// Weight is the share relative to the other targets of the rule. The default is 1; 0 means no traffic.
	Weight *int `json:"weight,omitempty"`
}

// TLS says how a route is served over https.
type TLS struct {
	// Mode is TLSAuto or TLSOff, or empty.
	Mode string
	// Secret names the secret with the certificate, or is empty.
	Secret string
}

// The modes of TLS.
const (
	TLSAuto = "auto"
	TLSOff  = "off"
)

// certificate is the form of a TLS that names a secret.
type certificate struct {
	// Secret is the name of a secret of this pod with the keys tls.crt and tls.key.
	Secret string `json:"secret"`
}

// The limits that the Gateway API sets for an HTTPRoute:
// https://gateway-api.sigs.k8s.io/reference/spec/#httproutespec
const (
	maxWeight = 1000000
	maxItems  = 16 // hosts, rules, and targets of a rule
	maxPath   = 1024
)

var (
	pathPattern   = pattern(`^/(?:[-A-Za-z0-9/._~!$&'()*+,;=:@]|%[0-9a-fA-F]{2})*$`)
	pathForbidden = pattern(`(?i)//|/\.\.?(/|$)|%2f`)
)

// MarshalJSON writes a mode as a string and a secret as an object.
func (t TLS) MarshalJSON() ([]byte, error) {
	if t.Secret != "" {
		return json.Marshal(certificate{t.Secret})
	}
	return json.Marshal(t.Mode)
}

// UnmarshalJSON also accepts a boolean: YAML 1.1 reads an unquoted "off" as false, and its tools write it back as one.
func (t *TLS) UnmarshalJSON(data []byte) error {
	var on bool
	if json.Unmarshal(data, &on) == nil {
		*t = TLS{Mode: TLSOff}
		if on {
			t.Mode = TLSAuto
		}
		return nil
	}
	*t = TLS{}
	var own certificate
	if json.Unmarshal(data, &own) == nil {
		t.Secret = own.Secret
		return nil
	}
	return json.Unmarshal(data, &t.Mode)
}

// fit accepts a mode, a boolean or a reference.
func (TLS) fit(p *problems, path string, v any) any {
	switch v := v.(type) {
	case string, bool:
		return v
	case boolean:
		return v.value()
	case map[string]any:
		before := len(*p)
		ref := fitForm[certificate](p, path, v)
		if named(ref["secret"]) || len(*p) > before {
			return ref
		}
	}
	p.add(path, "must be auto, off or {secret: name}, is %s", valueWord(v))
	return nil
}

// Kind implements Resource.
func (*Route) Kind() Kind { return KindRoute }

// Route returns the route with a name, or nil.
func (s Spec) Route(name string) *Route {
	r, _ := s[Ref{KindRoute, name}].(*Route)
	return r
}

// Routes iterates over the routes, sorted by name.
func (s Spec) Routes() iter.Seq2[string, *Route] { return each[*Route](s) }

// Share returns the weight of a target, or its default.
func (t Target) Share() int {
	if t.Weight == nil {
		return 1
	}
	return *t.Weight
}

// TargetPort returns the port that a target of a route leads to. It returns false if there is none.
func (s Spec) TargetPort(t Target) (Port, bool) {
	app := s.App(t.App)
	if app == nil {
		return Port{}, false
	}
	for _, port := range app.Ports {
		if t.Port == port.Name {
			return port, true
		}
	}
	return app.Main()
}

// LeadsTo reports whether a route leads to a port that speaks a protocol.
func (s Spec) LeadsTo(protocol string) bool {
	for _, r := range s.Routes() {
		for _, rule := range r.Rules {
			if slices.ContainsFunc(rule.To, func(t Target) bool { port, _ := s.TargetPort(t); return port.Protocol == protocol }) {
				return true
			}
		}
	}
	return false
}

// Describe implements Resource. An example is "-> web 90%, web-next 10%; /api -> api 100%".
func (r *Route) Describe() string {
	rules := make([]string, 0, len(r.Rules))
	for _, rule := range r.Rules {
		text := "-> " + rule.Describe()
		if rule.Path != "/" {
			text = rule.Path + " " + text
		}
		rules = append(rules, text)
	}
	return strings.Join(rules, "; ")
}

func (r *Route) refs(add func(Kind, string)) {
	for _, rule := range r.Rules {
		for _, t := range rule.To {
			t.refs(add)
		}
	}
	r.TLS.refs(add)
}

func (t Target) refs(add func(Kind, string)) { add(KindApp, t.App) }

func (t TLS) refs(add func(Kind, string)) { add(KindSecret, t.Secret) }

// Words implements Part. An example is "to" (for another path than "/": "/api to") and "web 90%, web-next 10%".
func (r Rule) Words() (name, text string) {
	if r.Path == "/" {
		return "to", r.Describe()
	}
	return r.Path + " to", r.Describe()
}

// Describe sums up the targets. An example is "web 90%, web-next 10%".
func (r Rule) Describe() string {
	total := 0
	for _, t := range r.To {
		total += t.Share()
	}
	targets := make([]string, 0, len(r.To))
	for _, t := range r.To {
		targets = append(targets, fmt.Sprintf("%s %s", t.App, Percent(t.Share(), total)))
	}
	return strings.Join(targets, ", ")
}

// Percent writes part of total in percent: 90%, 33.3%.
func Percent(part, total int) string {
	if total == 0 {
		return "0%"
	}
	text := fmt.Sprintf("%.1f", float64(part)*100/float64(total))
	return strings.TrimSuffix(text, ".0") + "%"
}

func (r *Route) problems(name string, s Spec) []Problem {
	var p problems
	p.rule("metadata.name", name, validation.IsDNS1123Label, ruleName)
	p.count("spec.hosts", len(r.Hosts))
	p.count("spec.rules", len(r.Rules))
	for i, host := range r.Hosts {
		path := fmt.Sprintf("spec.hosts[%s]", host)
		if slices.Contains(r.Hosts[:i], host) {
			p.add(path, "is listed twice")
		}
		p.domain(path, host)
	}
	r.tlsProblems(&p, s)
	if len(r.Rules) == 0 {
		p.add("spec.rules", "is empty: name the app that the route leads to")
	}
	paths := map[string]bool{}
	for _, rule := range r.Rules {
		path := fmt.Sprintf("spec.rules[%s]", rule.Path)
		switch {
		case !strings.HasPrefix(rule.Path, "/"):
			p.add(path+".path", "must begin with /, is %q", rule.Path)
		case !pathPattern().MatchString(rule.Path):
			p.add(path+".path", "%q has characters that are not allowed in a path: escape them, as in %%20", rule.Path)
		case pathForbidden().MatchString(rule.Path):
			p.add(path+".path", "must not have an empty segment, the segments . and .., or %%2f, is %q", rule.Path)
		case len(rule.Path) > maxPath:
			p.add(path+".path", "has %d characters: at most %d are allowed", len(rule.Path), maxPath)
		}
		if trimmed := trimPath(rule.Path); paths[trimmed] {
			p.add(path, "is listed twice")
		} else {
			paths[trimmed] = true
		}
		rule.problems(&p, path, s)
	}
	return p
}

func (r *Route) tlsProblems(p *problems, s Spec) {
	name := r.TLS.Secret
	switch {
	case name == "" && r.TLS.Mode != "" && r.TLS.Mode != TLSAuto && r.TLS.Mode != TLSOff:
		p.add("spec.tls", "must be auto, off or {secret: name}, is %q", r.TLS.Mode)
	case name == "":
	case s.Secret(name) == nil:
		p.missing("spec.tls.secret", KindSecret, name, "", s)
	default:
		if _, ok := s.Secret(name).Certificate(); !ok {
			*p = append(*p, Problem{
				Path: "spec.tls.secret", Refers: Ref{KindSecret, name},
				Message: fmt.Sprintf("secret %q needs the keys %s and %s, set in one command", name, KeyCertificate, KeyPrivateKey),
			})
		} else if len(r.Hosts) == 0 {
			p.add("spec.hosts", "is empty: name the hosts of the certificate")
		}
	}
}

func (r Rule) problems(p *problems, path string, s Spec) {
	if len(r.To) == 0 {
		p.add(path+".to", "is empty: name the app that the path leads to")
		return
	}
	p.count(path+".to", len(r.To))
	total := 0
	seen := map[string]bool{}
	for _, t := range r.To {
		at := fmt.Sprintf("%s.to[%s]", path, t.App)
		p.appPort(at, t.App, t.Port, s)
		if seen[t.App] {
			p.add(at, "is listed twice")
		}
		seen[t.App] = true
		if w := t.Share(); w < 0 || w > maxWeight {
			p.add(at+".weight", "must be 0 to %d, is %d", maxWeight, w)
		}
		total += t.Share()
	}
	if total == 0 {
		p.add(path+".to", "all weights are 0: no app would get the traffic")
	}
}

func (p *problems) count(path string, n int) {
	if n > maxItems {
		p.add(path, "has %d items: at most %d are allowed", n, maxItems)
	}
}

// clashes returns a problem for each host and path that two routes have, at the second of the two.
func (s Spec) clashes() Problems {
	var found Problems
	taken := map[string]string{} // by host and path: the route
	for name, r := range s.Routes() {
		for _, host := range r.Hosts {
			for _, rule := range r.Rules {
				what := host + trimPath(rule.Path)
				if by, ok := taken[what]; ok && by != name {
					found = append(found, Problem{
						Path:    fmt.Sprintf("%s spec.rules[%s]", Ref{KindRoute, name}, rule.Path),
						Message: fmt.Sprintf("%s%s is already used by route %q", host, rule.Path, by),
					})
					continue
				}
				taken[what] = name
			}
		}
	}
	return found
}

func trimPath(path string) string {
	if path == "/" {
		return path
	}
	return strings.TrimRight(path, "/")
}
