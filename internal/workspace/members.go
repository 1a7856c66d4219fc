package workspace

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"

	"github.com/pscdev/psc/internal/kube"
	"github.com/pscdev/psc/internal/platform"
	"github.com/pscdev/psc/pkg/object"
	"github.com/pscdev/psc/pkg/report"
)

// The roles of members, which are ClusterRoles of every cluster:
// https://kubernetes.io/docs/reference/access-authn-authz/rbac/#user-facing-roles
const (
	RoleAdmin = "admin"
	RoleEdit  = "edit"
	RoleView  = "view"
)

// Roles returns the roles that members can have, the one with the most rights first.
func Roles() []string { return []string{RoleAdmin, RoleEdit, RoleView} }

// Members manages who has which role in a pod.
type Members struct{ pod *Reader }

// Members returns the members of the pod.
func (rd *Reader) Members() *Members { return &Members{rd} }

// The errors that a MemberError wraps.
var (
	ErrGrant      = errors.New("you cannot give rights that you do not have")
	ErrNotMember  = errors.New("not a member")
	ErrNotAccount = errors.New("not the account of a member")
)

// MemberError is the error of a change of a member.
type MemberError struct {
	Pod, Name, Role string
	// Missing are the rights that the user would need to give the role: "secrets (get, list)".
	Missing []string
	Err     error
}

// Error implements error.
func (e *MemberError) Error() string {
	switch {
	case errors.Is(e.Err, ErrGrant):
		return fmt.Sprintf("%v, and the role %s in pod %s has more: %s", e.Err, e.Role, e.Pod, strings.Join(e.Missing, ", "))
	case errors.Is(e.Err, ErrNotAccount):
		return fmt.Sprintf("service account %s of pod %s was not created for a member", e.Name, e.Pod)
	}
	return fmt.Sprintf("%s is not a member of pod %s", e.Name, e.Pod)
}

// Unwrap returns one of the errors above.
func (e *MemberError) Unwrap() error { return e.Err }

// List returns the members, by name: users and groups with any role, and service accounts with a role of Roles.
func (m *Members) List(ctx context.Context) ([]report.Member, error) {
	bindings, err := m.bindings(ctx)
	if err != nil {
		return nil, err
	}
	out := []report.Member{}
	for _, binding := range bindings {
		if ofPsc(binding) && binding.RoleRef.Kind == "Role" { // it belongs to the binding of the ClusterRole
			continue
		}
		for _, s := range binding.Subjects {
			member := report.Member{Name: s.Name, Kind: memberKind(s.Kind), Role: binding.RoleRef.Name}
			if s.Kind == rbacv1.ServiceAccountKind && (!slices.Contains(Roles(), member.Role) || s.Namespace != m.pod.Pod) {
				continue
			}
			if !ofPsc(binding) {
				member.Binding = binding.Name
			}
			out = append(out, member)
		}
	}
	slices.SortFunc(out, func(a, b report.Member) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Role, b.Role), cmp.Compare(a.Binding, b.Binding))
	})
	return out, nil
}

func (m *Members) bindings(ctx context.Context) ([]*rbacv1.RoleBinding, error) {
	return kube.ListAs[rbacv1.RoleBinding](ctx, m.pod.kube, object.RoleBinding, m.pod.Pod, "")
}

func ofPsc(binding *rbacv1.RoleBinding) bool {
	return binding.Labels[object.LabelManagedBy] == object.Manager
}

func memberKind(kind string) report.MemberKind {
	switch kind {
	case rbacv1.GroupKind:
		return report.MemberGroup
	case rbacv1.ServiceAccountKind:
		return report.MemberAccount
	}
	return report.MemberUser
}

func (m *Members) subject(member report.Member) rbacv1.Subject {
	switch member.Kind {
	case report.MemberGroup:
		return rbacv1.Subject{APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind, Name: member.Name}
	case report.MemberAccount:
		return rbacv1.Subject{Kind: rbacv1.ServiceAccountKind, Namespace: m.pod.Pod, Name: member.Name}
	case report.MemberUser:
	}
	return rbacv1.Subject{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: member.Name}
}

// Grant gives a member a role, instead of the role that psc gave it before. The API server decides whether the user may give it,
// before anything is written: see ErrGrant. lacks are the rights that psc needs beyond the role, and that the user cannot give.
func (m *Members) Grant(ctx context.Context, member report.Member) (lacks []string, err error) {
	binding := m.binding(member, rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: member.Role}, "")
	beyond := &rbacv1.Role{ObjectMeta: managed(m.pod.Pod, object.Manager+"-"+member.Role), Rules: platform.Rules(member.Role != RoleView)}
	for _, check := range []struct {
		o    runtime.Object
		kind kube.Kind
	}{{binding, object.RoleBinding}, {beyond, object.Role}} {
		u, err := kube.Unstructured(check.o, check.kind)
		if err != nil {
			return nil, err
		}
		_, err = m.pod.kube.DryApply(ctx, u)
		missing := escalation(err)
		switch {
		case missing != nil && check.kind == object.RoleBinding:
			return nil, &MemberError{Pod: m.pod.Pod, Name: member.Name, Role: member.Role, Missing: missing, Err: ErrGrant}
		case missing != nil:
			lacks = missing
		case err != nil:
			return nil, err
		}
	}
	if err := m.apply(ctx, binding, object.RoleBinding); err != nil {
		return nil, err
	}
	if lacks == nil {
		ref := rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: beyond.Name}
		if err := errors.Join(m.apply(ctx, beyond, object.Role), m.apply(ctx, m.binding(member, ref, "-more"), object.RoleBinding)); err != nil {
			return nil, err
		}
	}
	return lacks, m.remove(ctx, member, func(b *rbacv1.RoleBinding) bool {
		return ofPsc(b) && b.RoleRef.Name != binding.RoleRef.Name && b.RoleRef.Name != beyond.Name
	})
}

// Revoke takes all roles in the pod from a member. A service account that psc created for it is deleted, so that its tokens are no
// longer valid.
func (m *Members) Revoke(ctx context.Context, member report.Member) error {
	if err := m.remove(ctx, member, func(*rbacv1.RoleBinding) bool { return true }); err != nil || member.Kind != report.MemberAccount {
		return err
	}
	account, err := m.pod.kube.GetMeta(ctx, object.ServiceAccount, m.pod.Pod, member.Name)
	switch {
	case apierrors.IsNotFound(err):
		return nil
	case err != nil:
		return err
	case !isAccount(account.Labels):
		return nil
	}
	return m.pod.kube.Delete(ctx, object.ServiceAccount, m.pod.Pod, member.Name, account.UID)
}

// remove takes a member out of some bindings. One without other subjects is deleted.
func (m *Members) remove(ctx context.Context, member report.Member, from func(*rbacv1.RoleBinding) bool) error {
	bindings, err := m.bindings(ctx)
	if err != nil {
		return err
	}
	subject := m.subject(member)
	for _, b := range bindings {
		i := slices.Index(b.Subjects, subject)
		if i < 0 || !from(b) {
			continue
		}
		if len(b.Subjects) == 1 {
			err = m.pod.kube.DeleteVersion(ctx, object.RoleBinding, m.pod.Pod, b.Name, b.ResourceVersion)
		} else {
			b.Subjects = slices.Delete(b.Subjects, i, i+1)
			_, err = m.pod.kube.Update(ctx, b, object.RoleBinding, m.pod.Pod)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Account creates a service account with a role, unless psc created it before, and returns a kubeconfig that signs in as it. Its
// token expires after a time, which the API server may shorten.
func (m *Members) Account(ctx context.Context, name, role string, expires time.Duration) (report.Account, error) {
	account := &corev1.ServiceAccount{ObjectMeta: managed(m.pod.Pod, name), AutomountServiceAccountToken: new(false)}
	account.Labels[object.LabelMember] = name
	_, err := m.pod.kube.Create(ctx, account, object.ServiceAccount, m.pod.Pod)
	if apierrors.IsAlreadyExists(err) {
		var there *metav1.PartialObjectMetadata
		if there, err = m.pod.kube.GetMeta(ctx, object.ServiceAccount, m.pod.Pod, name); err == nil && !isAccount(there.Labels) {
			err = &MemberError{Pod: m.pod.Pod, Name: name, Err: ErrNotAccount}
		}
	}
	if err != nil {
		return report.Account{}, err
	}
	var out report.Account
	if out.Lacks, err = m.Grant(ctx, report.Member{Name: name, Kind: report.MemberAccount, Role: role}); err != nil {
		return out, err
	}
	token, until, err := m.pod.kube.Token(ctx, m.pod.Pod, name, expires)
	if err != nil {
		return out, err
	}
	text, err := m.pod.kube.Kubeconfig(m.pod.Pod, name, token)
	if err != nil {
		return out, err
	}
	out.Kubeconfig, out.Expires = string(text), until
	out.Document, err = yaml.YAMLToJSON(text)
	return out, err
}

// isAccount reports whether psc created a service account for a member, and not for an app.
func isAccount(labels map[string]string) bool { return labels[object.LabelMember] != "" }

// binding binds a member to a role. Its name depends on both, because the role of a binding cannot change.
func (m *Members) binding(member report.Member, role rbacv1.RoleRef, suffix string) *rbacv1.RoleBinding {
	sum := sha256.Sum256([]byte(string(member.Kind) + "\x00" + member.Name))
	name := fmt.Sprintf("%s-%s-%s%s", object.Manager, member.Role, hex.EncodeToString(sum[:5]), suffix)
	return &rbacv1.RoleBinding{ObjectMeta: managed(m.pod.Pod, name), RoleRef: role, Subjects: []rbacv1.Subject{m.subject(member)}}
}

func managed(namespace, name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: map[string]string{object.LabelManagedBy: object.Manager}}
}

func (m *Members) apply(ctx context.Context, o runtime.Object, kind kube.Kind) error {
	u, err := kube.Unstructured(o, kind)
	if err != nil {
		return err
	}
	return m.pod.kube.Put(ctx, u)
}

// escalation returns the rights that the API server names when a user gives a role with more rights than the user has, or nil if the
// error is another one. It has no other sign for it:
// https://kubernetes.io/docs/reference/access-authn-authz/rbac/#privilege-escalation-prevention-and-bootstrapping
func escalation(err error) []string {
	if !apierrors.IsForbidden(err) {
		return nil
	}
	_, list, found := strings.Cut(err.Error(), "RBAC permissions not currently held:")
	if !found {
		return nil
	}
	right := regexp.MustCompile(`Resources:\[([^\]]*)\].*?Verbs:\[([^\]]*)\]`)
	missing := []string{}
	for _, m := range right.FindAllStringSubmatch(list, -1) {
		words := func(text string) string { return strings.ReplaceAll(strings.ReplaceAll(text, `"`, ""), " ", ", ") }
		missing = append(missing, fmt.Sprintf("%s (%s)", words(m[1]), words(m[2])))
	}
	const most = 3
	if more := len(missing) - most; more > 0 {
		missing = append(missing[:most], fmt.Sprintf("and %d more", more))
	}
	return missing
}
