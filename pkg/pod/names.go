package pod

import (
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
)

// The rules of names, in words. They say what the rules of Kubernetes say:
// https://kubernetes.io/docs/concepts/overview/working-with-objects/names/
const (
	ruleApp    = "use a-z, 0-9 and -, start with a letter, and end with a letter or digit, at most 63 characters"
	ruleName   = "use a-z, 0-9 and -, start and end with a letter or digit, at most 63 characters"
	ruleJob    = "use a-z, 0-9 and -, start and end with a letter or digit, at most 52 characters"
	ruleDomain = "use a-z, 0-9, - and dots"
	rulePort   = "use a-z, 0-9 and single -, with at least one letter, at most 15 characters"
	ruleEnv    = "use letters, digits, _, - and dots, and do not start with a digit"
	ruleKey    = "use letters, digits, -, _ and dots, at most 253 characters"
)

// NameProblem returns what is wrong with the name of a pod, or of any resource but an app, or "".
func NameProblem(name string) string { return breaks(name, validation.IsDNS1123Label, ruleName) }

// breaks returns a rule if a name breaks it, or "".
func breaks(name string, check func(string) []string, rule string) string {
	if len(check(name)) == 0 {
		return ""
	}
	return rule
}

// rule adds a problem if a name breaks a rule.
func (p *problems) rule(path, name string, check func(string) []string, rule string) {
	if broken := breaks(name, check, rule); broken != "" {
		p.add(path, "%q is not allowed: %s", name, broken)
	}
}

func (p *problems) domain(path, host string) {
	check := validation.IsDNS1123Subdomain
	if strings.HasPrefix(host, "*.") {
		check = validation.IsWildcardDNS1123Subdomain
	}
	p.rule(path, host, check, ruleDomain)
}
