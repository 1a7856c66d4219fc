package workspace

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	quantity "k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/pscdev/psc/pkg/object"
	"github.com/pscdev/psc/pkg/pod"
	"github.com/pscdev/psc/pkg/report"
)

// SecurityLevels returns the levels of https://kubernetes.io/docs/concepts/security/pod-security-standards/, the strictest last.
func SecurityLevels() []string { return []string{"privileged", "baseline", "restricted"} }

// Isolations returns the values of the setting that keeps other pods from reaching the instances of a pod.
func Isolations() []string { return []string{report.IsolationOn, report.IsolationOff} }

// Names of settings, besides those of report.QuotaNames.
const (
	SettingSize     = "default-size"
	SettingSecurity = "security"
	SettingLabel    = "label"
	// SettingIsolation has one of the values of Isolations.
	SettingIsolation = "isolation"
)

// Settings is a change of the settings of a pod. What is missing stays as it is, and nil removes a setting.
type Settings struct {
	// Values are by the names of settings.
	Values map[string]*string
	Labels map[string]*string
}

// SettingError is the error for a setting with a value that it cannot have.
type SettingError struct {
	// Setting is one of the names above, or of report.QuotaNames.
	Setting, Value string
	Problem        string
}

// Error implements error.
func (e SettingError) Error() string { return fmt.Sprintf("%s %q %s", e.Setting, e.Value, e.Problem) }

// SettingErrors are all settings of a change with values that they cannot have.
type SettingErrors []SettingError

// Error implements error.
func (all SettingErrors) Error() string {
	texts := make([]string, len(all))
	for i, e := range all {
		texts[i] = e.Error()
	}
	return strings.Join(texts, "\n")
}

// The errors of the isolation of a pod.
var (
	// ErrGatewayUnknown says that psc does not know where the requests of the Gateway come from: routes would end.
	ErrGatewayUnknown = errors.New("psc does not know where the Gateway's proxies run, so an isolated pod would have no routes")
	// ErrPolicyOfOthers says that psc did not create the NetworkPolicy with the name of psc's own.
	ErrPolicyOfOthers = errors.New("NetworkPolicy " + object.Isolation + " exists, and psc did not create it")
)

// ErrSettingsChanged says that someone else changed the settings of a pod at the same time.
var ErrSettingsChanged = errors.New("someone else changed the settings at the same time")

// check returns the SettingErrors of all values.
func (s Settings) check() error {
	var all SettingErrors
	refuse := func(setting, value, problem string) {
		if problem != "" {
			all = append(all, SettingError{Setting: setting, Value: value, Problem: problem})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.Values)) {
		if value := s.Values[name]; value != nil {
			refuse(name, *value, settingProblem(name, *value))
		}
	}
	for _, key := range slices.Sorted(maps.Keys(s.Labels)) {
		refuse(SettingLabel, key, labelProblem(key))
		if value := s.Labels[key]; value != nil {
			refuse(SettingLabel, key+"="+*value, strings.Join(validation.IsValidLabelValue(*value), ", "))
		}
	}
	if all == nil {
		return nil
	}
	return all
}

func settingProblem(name, value string) string {
	choice := map[string][]string{SettingSize: pod.Sizes(), SettingSecurity: SecurityLevels(), SettingIsolation: Isolations()}[name]
	if choice != nil {
		if slices.Contains(choice, value) {
			return ""
		}
		return "must be one of " + strings.Join(choice, ", ")
	}
	q, err := quantity.ParseQuantity(value)
	whole := quantity.NewQuantity(q.Value(), q.Format)
	switch {
	case err != nil || q.Sign() < 0:
		return "is not an amount such as " + map[string]string{"cpu": "4 or 500m", "memory": "8Gi", "instances": "20", "disk": "100Gi"}[name]
	case name != "cpu" && q.Cmp(*whole) != 0:
		return "is not a whole number: the units of memory and disks are Mi and Gi"
	}
	return ""
}

// labelProblem says why a label is not for users to set; "" if it is.
func labelProblem(key string) string {
	switch {
	case key == object.LabelEnforce:
		return "is the Pod Security level, the setting " + SettingSecurity
	case systemLabel(key):
		return "is a label of psc or of Kubernetes"
	}
	return strings.Join(validation.IsQualifiedName(key), ", ")
}

// systemLabel reports whether a label belongs to psc or to Kubernetes, which reserves these domains:
// https://kubernetes.io/docs/reference/labels-annotations-taints/
func systemLabel(key string) bool {
	domain, _, qualified := strings.Cut(key, "/")
	return qualified && slices.ContainsFunc([]string{"psc.dev", "kubernetes.io", "k8s.io"}, func(own string) bool {
		return domain == own || strings.HasSuffix(domain, "."+own)
	})
}
