package workspace

import (
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/pscdev/psc/internal/kube"
	"github.com/pscdev/psc/internal/platform"
	"github.com/pscdev/psc/pkg/object"
	"github.com/pscdev/psc/pkg/pod"
	"github.com/pscdev/psc/pkg/report"
	"github.com/pscdev/psc/pkg/revision"
)

// SettingsChange is a change of the settings of a pod that the API server accepts.
type SettingsChange struct {
	// Pod has the settings as they will be, and how they change.
	Pod report.Pod
	// Refused are the instances that run now and that the new Pod Security level would refuse, each with the reason, in the words
	// of the API server.
	Refused []string

	reader   *Reader
	from, to settings
}

// ChangeSettings prepares a change of the settings. The API server checks it, and nothing is written: see Write. The error is of
// type SettingErrors if values are wrong.
func (rd *Reader) ChangeSettings(ctx context.Context, s Settings) (*SettingsChange, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	namespace, err := rd.namespace(ctx)
	if err != nil {
		return nil, err
	}
	c := &SettingsChange{Pod: report.Pod{Name: rd.Pod, Context: rd.Context, Created: namespace.GetCreationTimestamp().UTC()}, reader: rd}
	if c.from, err = rd.settings(ctx, namespace); err != nil {
		return nil, err
	}
	if value, named := s.Values[SettingIsolation]; named {
		switch {
		case c.from.isolation == "":
			return nil, ErrPolicyOfOthers
		case value != nil && *value == report.IsolationOn && len(c.from.sources) == 0:
			return nil, ErrGatewayUnknown
		}
	}
	c.to = c.from.with(s)
	if c.Pod.PodSettings, err = rd.reportSettings(ctx, c.to); err != nil {
		return nil, err
	}
	c.Pod.Changes = changes(c.from, c.to)
	if labels := c.labels(); len(labels) > 0 {
		warnings, err := rd.kube.Label(ctx, rd.Pod, labels, true)
		if err != nil {
			return nil, err
		}
		// The first of them only says that the others follow.
		warnings = slices.DeleteFunc(warnings, func(text string) bool { return strings.HasPrefix(text, "existing pods in namespace ") })
		if _, level := labels[object.LabelEnforce]; level {
			c.Refused = warnings
		}
	}
	for _, o := range c.objects() {
		if o.want == nil {
			err = rd.kube.DryDelete(ctx, o.kind, rd.Pod, o.name)
		} else {
			_, err = rd.kube.DryApply(ctx, o.want)
		}
		if err != nil {
			return nil, err
		}
	}
	return c, nil
}

// labels returns the labels that change. A label that is removed is nil.
func (c *SettingsChange) labels() map[string]any {
	out := map[string]any{}
	for key := range c.from.labels {
		if _, stays := c.to.labels[key]; !stays {
			out[key] = nil
		}
	}
	for key, value := range c.to.labels {
		if before, had := c.from.labels[key]; !had || before != value {
			out[key] = value
		}
	}
	return out
}

// settingsObject is an object of psc with settings that change. want is nil if it is to be deleted.
type settingsObject struct {
	kind kube.Kind
	name string
	was  kube.Precondition
	want *unstructured.Unstructured
}

// objects returns the objects that change.
func (c *SettingsChange) objects() []settingsObject {
	var out []settingsObject
	add := func(kind kube.Kind, was kube.Precondition, spec map[string]any) {
		o := settingsObject{kind: kind, name: object.Settings, was: was}
		if spec != nil {
			o.want = &unstructured.Unstructured{Object: map[string]any{"spec": spec}}
			o.want.SetGroupVersionKind(kind)
			o.want.SetNamespace(c.reader.Pod)
			o.want.SetName(object.Settings)
			o.want.SetLabels(map[string]string{object.LabelManagedBy: object.Manager})
		}
		out = append(out, o)
	}
	changed := func(path string) bool {
		return slices.ContainsFunc(c.Pod.Changes, func(f revision.Field) bool { return strings.HasPrefix(f.Path, path) })
	}
	if changed("quota.") {
		hard := map[string]any{}
		for name, q := range c.to.hard {
			hard[string(name)] = q.String()
		}
		var spec map[string]any
		if len(hard) > 0 {
			spec = map[string]any{"hard": hard}
		}
		add(object.ResourceQuota, c.from.quota, spec)
	}
	if changed("defaultSize") {
		var spec map[string]any
		if size, ok := pod.SizeOf(c.to.size); ok {
			spec = map[string]any{"limits": []any{map[string]any{
				"type": string(corev1.LimitTypeContainer), "defaultRequest": map[string]any{"cpu": size.CPU, "memory": size.Memory},
			}}}
		}
		add(object.LimitRange, c.from.limits, spec)
	}
	if changed("isolation") {
		o := settingsObject{kind: object.NetworkPolicy, name: object.Isolation, was: c.from.policy}
		if c.to.isolation == report.IsolationOn {
			o.want = platform.Isolation(c.reader.Pod, c.to.sources)
		}
		out = append(out, o)
	}
	return out
}

// Write writes the change. The error wraps ErrSettingsChanged if someone else changed the settings since.
func (c *SettingsChange) Write(ctx context.Context) error {
	rd := c.reader
	for _, o := range c.objects() {
		var err error
		if o.want == nil {
			err = rd.kube.DeleteVersion(ctx, o.kind, rd.Pod, o.name, o.was.Version)
		} else {
			_, err = rd.kube.Apply(ctx, o.want, o.was)
		}
		if apierrors.IsConflict(err) {
			return fmt.Errorf("%w: %w", ErrSettingsChanged, err)
		}
		if err != nil {
			return err
		}
	}
	labels := c.labels()
	if len(labels) == 0 {
		return nil
	}
	_, err := rd.kube.Label(ctx, rd.Pod, labels, false)
	return err
}
