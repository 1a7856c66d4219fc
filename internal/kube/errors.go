package kube

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/pkg/object"
)

// wrap adds the request, the exit code and a hint to an error of the API server. It wraps the error for apierrors.Is….
func (c *Client) wrap(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	doing := fmt.Sprintf(format, args...)
	var network *url.Error
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded) && !errors.As(err, &network):
		return fmt.Errorf("%s: %w", doing, err)
	case errors.As(err, new(*credentialError)): // no request was made
		if errors.As(err, &network) {
			err = network.Err
		}
		return fmt.Errorf("context %s: %w", c.Context, err)
	case apierrors.IsUnauthorized(err):
		how, expired := c.SignIn(), ""
		if until := how.Until; !until.IsZero() && time.Now().After(until) {
			expired = fmt.Sprintf(", your %s has expired at %s", how.noun(), until.Local().Format(time.DateTime))
		}
		return fault.New(fault.Denied, "the cluster does not know who you are (context %s%s): %w", c.Context, expired, err).
			WithHint("psc login %s", how.again(c.Server))
	case apierrors.IsForbidden(err) && len(RulesOf(err)) > 0:
		role := "an admin of the pod for a role"
		switch {
		case strings.Contains(err.Error(), " at the cluster scope"):
			role = "an admin of the cluster for a ClusterRole"
		case limitsAdmins(err):
			role = "an admin of the cluster for a role"
		}
		return fault.New(fault.Denied, "%s: %w", doing, err).WithHint("ask %s with the rule %s", role, RulesOf(err)[0])
	case apierrors.IsForbidden(err) && strings.Contains(err.Error(), exceeded):
		return fault.New(fault.Failed, "%s: %w", doing, err).WithHint("psc get resourcequotas shows what the namespace may have")
	case strings.Contains(err.Error(), databaseFull):
		return fault.New(fault.Failed, "%s: %w", doing, err).
			WithHint("the database of the cluster is full: an admin of the cluster has to make room; until then psc can only read")
	case strings.Contains(err.Error(), "getting credentials: "): // the kubeconfig's plugin has failed; no request was made
		e := fault.New(fault.Denied, "context %s: %w", c.Context, rootCause(err))
		if plugin := c.config.ExecProvider; plugin != nil {
			return e.WithHint("the kubeconfig gets your credentials from %s: install it, or sign in with it", plugin.Command)
		}
		return e.WithHint("psc login %s", c.Server)
	case errors.As(err, &network) && !errors.As(err, new(*tls.CertificateVerificationError)):
		return fault.New(fault.Failed, "%w", &noAnswerError{c.Server, rootCause(err)}).
			WithHint("check the address and the network, or choose another cluster with --context")
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// databaseFull is in the answer to each write while etcd has no room: https://etcd.io/docs/v3.5/op-guide/maintenance/#space-quota
const databaseFull = "database space exceeded"

// missingRight is how the API server says that a permission is missing, unlike the other reasons for a 403: a full quota, a disk
// that cannot grow, or a policy.
var missingRight = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`cannot ([a-z]+) resource "([^"]+)" in API group "([^"]*)"`)
})

// limitsAdmins reports whether a missing permission is one that the admin of a namespace does not have either, and cannot give: to
// write what limits the namespace. https://kubernetes.io/docs/reference/access-authn-authz/rbac/#user-facing-roles
func limitsAdmins(err error) bool {
	right := missingRight().FindStringSubmatch(err.Error())
	return right != nil && slices.Contains([]string{"resourcequotas", "limitranges", "namespaces"}, right[2])
}

// RulesOf returns the rules of a Role that grant what an error says is missing, or none if the error is another one. A rule has
// all that psc needs for such objects, to look at them or to write them, so that the next request does not fail in turn. Only a
// deploy needs Leases, and it writes them.
func RulesOf(err error) []string {
	var rules []string
	for _, right := range missingRight().FindAllStringSubmatch(err.Error(), -1) {
		verb, resource, group := right[1], right[2], right[3]
		verbs := "get, list, watch"
		switch _, sub, _ := strings.Cut(resource, "/"); {
		case slices.Contains([]string{"exec", "attach", "portforward"}, sub): // WebSockets need the first one too
			verbs = "get, create"
		case sub != "":
			verbs = verb
		case resource == "leases" || !slices.Contains([]string{"get", "list", "watch"}, verb):
			verbs += ", create, update, patch, delete"
		}
		rule := fmt.Sprintf("{apiGroups: [%q], resources: [%s], verbs: [%s]}", group, resource, verbs)
		if !slices.Contains(rules, rule) {
			rules = append(rules, rule)
		}
	}
	return rules
}

// AbsentError is the error for a kind that the cluster does not have, or not in the version that psc uses.
type AbsentError struct{ Kind Kind }

// Error implements error.
func (e *AbsentError) Error() string { return object.Absent(e.Kind) }

// wrapList is wrap for a request for all objects of a kind. If the cluster does not have the kind, the error is an *AbsentError.
func (c *Client) wrapList(err error, doing string, kind Kind) error {
	// The API server answers otherwise for a namespace or an object that does not exist.
	if apierrors.IsNotFound(err) && apierrors.HasStatusCause(err, metav1.CauseTypeUnexpectedServerResponse) {
		return fault.New(fault.Failed, "%w", &AbsentError{kind}).WithHint("ask the owner of the cluster to install it")
	}
	return c.wrap(err, "%s %s", doing, resource(kind).Resource)
}

// Unseen reports whether an error only says that the user may not see some objects, or that the cluster cannot have them.
func Unseen(err error) bool {
	return apierrors.IsForbidden(err) || errors.As(err, new(*AbsentError))
}

// exceeded is in the answer of the API server if a ResourceQuota refuses a write. There is no other sign for it:
// https://github.com/kubernetes/apiserver/blob/master/pkg/admission/plugin/resourcequota/controller.go
const exceeded = "exceeded quota: "

// ExceedsQuota reports whether a ResourceQuota of the namespace refuses an object of a kind.
func ExceedsQuota(err error, kind Kind) bool {
	var status apierrors.APIStatus
	return apierrors.IsForbidden(err) && errors.As(err, &status) && status.Status().Details != nil &&
		status.Status().Details.Kind == resource(kind).Resource && strings.Contains(err.Error(), exceeded)
}

// rootCause returns an error without the request line that net/http puts before it.
func rootCause(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		return op
	}
	var request *url.Error
	if errors.As(err, &request) {
		return request.Err
	}
	return err
}

// Away reports whether an error only says that the API server gave no answer, or was too busy for one.
func Away(err error) bool {
	var status apierrors.APIStatus
	if errors.As(err, &status) {
		return transient(int(status.Status().Code))
	}
	return errors.As(err, new(*noAnswerError))
}

// noAnswerError is the error for a request to a server that gave no answer.
type noAnswerError struct {
	server string
	err    error
}

func (e *noAnswerError) Error() string { return fmt.Sprintf("%s does not answer: %v", e.server, e.err) }

func (e *noAnswerError) Unwrap() error { return e.err }
