package kube

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/pscdev/psc/internal/fault"
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
	case apierrors.IsUnauthorized(err):
		return fault.New(fault.Denied, "the cluster does not know who you are (context %s): %w", c.Context, err).
			WithHint("psc login %s", c.Server)
	case apierrors.IsForbidden(err) && lacksPermission(err):
		return fault.New(fault.Denied, "%s: %w", doing, err).
			WithHint("ask an admin of the pod or the cluster for this permission")
	case strings.Contains(err.Error(), "getting credentials: "): // the kubeconfig's plugin has failed; no request was made
		return fault.New(fault.Denied, "context %s: %w", c.Context, rootCause(err)).WithHint("psc login %s", c.Server)
	case errors.As(err, &network) && !errors.As(err, new(*tls.CertificateVerificationError)):
		return fault.New(fault.Failed, "%s does not answer: %w", c.Server, rootCause(err)).
			WithHint("check the address and the network, or choose another cluster with --context")
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// lacksPermission distinguishes a missing permission from the other reasons for a 403: a full quota, a disk that cannot grow,
// or a policy.
func lacksPermission(err error) bool {
	_, what, found := strings.Cut(err.Error(), " cannot ")
	return found && strings.Contains(what, " resource ")
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

func contextNames(c *clientcmdapi.Config) string {
	names := slices.Sorted(maps.Keys(c.Contexts))
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}
