package convert

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pscdev/psc/pkg/pod"
)

// ingress converts an Ingress: hosts with the same paths become one route.
func (c *conversion) ingress(s *source) {
	if !c.named(s, pod.NameProblem(s.name)) {
		return
	}
	spec := s.child("spec")
	secrets := map[string]string{} // by host
	secure := map[string]bool{}
	for _, n := range spec.list("tls") {
		secret, _ := n.fields["secretName"].(string)
		hosts := n.texts("hosts")
		for _, host := range hosts {
			secure[host] = true
		}
		if found := c.Spec.Secret(secret); found != nil && has(found.Keys, pod.KeyCertificate) && has(found.Keys, pod.KeyPrivateKey) {
			for _, host := range hosts {
				secrets[host] = secret
			}
		} else if secret != "" {
			c.leave(s, n.at("secretName"), "secret %s is not a certificate that is here: psc asks the cluster for one", secret)
		}
		n.ignore("secretName")
	}
	var routes []*pod.Route
	add := func(host string, rules []pod.Rule) {
		tls := pod.TLS{Secret: secrets[host]}
		if !secure[host] {
			tls.Mode = pod.TLSOff // as it was
		}
		if len(rules) == 0 {
			return
		}
		if host == "" {
			c.leave(s, "spec.rules", "a rule without a host answers for all hosts: psc gives the route a host of its own, set the one that you need")
			routes = append(routes, &pod.Route{TLS: tls, Rules: rules})
			return
		}
		i := slices.IndexFunc(routes, func(r *pod.Route) bool {
			return len(r.Hosts) > 0 && r.TLS == tls && slices.EqualFunc(r.Rules, rules, sameRule)
		})
		if i >= 0 {
			routes[i].Hosts = append(routes[i].Hosts, host)
			return
		}
		routes = append(routes, &pod.Route{Hosts: []string{host}, TLS: tls, Rules: rules})
	}
	for _, n := range spec.list("rules") {
		host := n.text("host")
		var rules []pod.Rule
		for _, p := range n.child("http").list("paths") {
			target, ok := c.backend(s, p.child("backend", "service"))
			if ok {
				rules = merged(rules, c.path(s, p), target)
			} else {
				p.clear()
			}
		}
		add(host, rules)
	}
	if spec.has("defaultBackend") {
		if target, ok := c.backend(s, spec.child("defaultBackend", "service")); ok {
			add("", []pod.Rule{{Path: "/", To: []pod.Target{target}}})
		}
	}
	c.addRoutes(s, routes)
}

func sameRule(a, b pod.Rule) bool { return a.Path == b.Path && slices.Equal(a.To, b.To) }

// merged adds a target to the rule of a path.
func merged(rules []pod.Rule, path string, target pod.Target) []pod.Rule {
	for i := range rules {
		if rules[i].Path == path {
			rules[i].To = append(rules[i].To, target)
			return rules
		}
	}
	return append(rules, pod.Rule{Path: path, To: []pod.Target{target}})
}

// addRoutes adds the routes of an object. The first one has its name.
func (c *conversion) addRoutes(s *source, routes []*pod.Route) {
	c.rest(s)
	if len(routes) == 0 {
		c.leave(s, "", "none of its paths leads to an app that psc takes in")
	}
	for i, route := range routes {
		name := s.name
		if i > 0 {
			name = fmt.Sprintf("%s-%d", s.name, i+1)
		}
		ref := pod.Ref{Kind: pod.KindRoute, Name: name}
		for c.Spec[ref] != nil { // an Ingress and an HTTPRoute may have one name
			ref.Name += "-" + strings.ToLower(s.kind)
		}
		c.Spec[ref] = route
	}
	if c.Live && s.kind == "Ingress" && len(routes) > 0 {
		c.leave(s, "", "it stays, and serves its hosts as before. Delete it when their traffic goes to the Gateway of the cluster")
	}
}

// path takes the path of an Ingress.
func (c *conversion) path(s *source, n node) string {
	at := n.path
	path := n.text("path")
	if n.text("pathType") == "Exact" {
		c.leave(s, at, "%s: psc also matches the paths below it", path)
	}
	if path == "" {
		path = "/"
	}
	if i := strings.IndexAny(path, "(*[\\^$"); i >= 0 {
		cut := path[:strings.LastIndex(path[:i], "/")+1]
		c.leave(s, at, "%s: psc has no patterns, and matches all paths below %s", path, cut)
		path = cut
	}
	if len(path) > 1 {
		path = strings.TrimRight(path, "/")
	}
	return path
}

// backend takes the service of a path. It reports false if that leads to no app.
func (c *conversion) backend(s *source, n node) (pod.Target, bool) {
	name, _ := n.fields["name"].(string)
	port := n.child("port").scalar("name")
	if port == "" {
		port = n.child("port").scalar("number")
	}
	target, ok := c.lead(name, port)
	if !ok {
		c.leave(s, n.path, "Service %s leads to no port of an app that psc takes in: the path is left out", name)
	}
	n.ignore("name")
	return target, ok
}

// lead returns the app and the port that a port of a Service leads to. The port is given by its name or number.
func (c *conversion) lead(service, port string) (pod.Target, bool) {
	for _, name := range sorted(c.apps) {
		a := c.apps[name]
		for _, l := range a.leads {
			if l.service != service || port != "" && port != l.name && port != fmt.Sprint(l.port) {
				continue
			}
			target := pod.Target{App: name, Port: l.to}
			if main, ok := a.Main(); ok && main.Name == l.to {
				target.Port = ""
			}
			return target, true
		}
	}
	return pod.Target{}, false
}

// httpRoute converts an HTTPRoute.
func (c *conversion) httpRoute(s *source) {
	if !c.named(s, pod.NameProblem(s.name)) {
		return
	}
	spec := s.child("spec")
	route := &pod.Route{Hosts: spec.texts("hostnames"), TLS: c.listener(s, spec)}
	for _, n := range spec.list("rules") {
		paths := c.matches(s, n)
		for _, b := range n.list("backendRefs") {
			b.usual("group", "")
			b.usual("kind", "Service")
			name, port := b.text("name"), b.scalar("port")
			weight, weighted := b.number("weight")
			target, ok := c.lead(name, port)
			if !ok {
				c.leave(s, b.path, "Service %s leads to no port of an app that psc takes in: it is left out", name)
				continue
			}
			if share := int(weight); weighted && weight != 1 {
				target.Weight = &share
			}
			for _, path := range paths {
				route.Rules = merged(route.Rules, path, target)
			}
		}
	}
	if len(route.Rules) == 0 {
		c.addRoutes(s, nil)
		return
	}
	c.addRoutes(s, []*pod.Route{route})
}

// listener takes the Gateway of an HTTPRoute. psc serves a route with one of its listeners: http or https.
func (c *conversion) listener(s *source, spec node) (tls pod.TLS) {
	named := false
	for _, n := range spec.list("parentRefs") {
		name, _ := n.fields["sectionName"].(string)
		named = named || name != ""
		if strings.Contains(name, "http") && !strings.Contains(name, "https") {
			tls.Mode = pod.TLSOff
		}
	}
	if !named {
		c.leave(s, "spec.parentRefs", "psc serves a route at https only, or with tls: off at http only")
	}
	return tls
}

// matches returns the paths of a rule. What it matches beside paths is left out.
func (c *conversion) matches(s *source, n node) (paths []string) {
	list := n.list("matches")
	if len(list) == 0 {
		return []string{"/"}
	}
	for _, m := range list {
		if m.has("headers") || m.has("queryParams") || m.has("method") {
			c.leave(s, m.path, "psc matches hosts and paths only: the rule is left out for this match")
			m.clear()
			continue
		}
		of := m.child("path")
		kind, path := of.text("type"), of.text("value")
		if path == "" {
			path = "/"
		}
		switch kind {
		case "", "PathPrefix":
		case "Exact":
			c.leave(s, of.path, "%s: psc also matches the paths below it", path)
		default:
			c.leave(s, of.path, "%s: psc has no patterns: the rule is left out for this match", path)
			continue
		}
		paths = append(paths, path)
	}
	return paths
}
