package kube

import (
	"context"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clientauthentication "k8s.io/client-go/pkg/apis/clientauthentication/v1"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/pscdev/psc/internal/fault"
)

// CredentialCommand is the command of psc that prints the token of an entry, for other programs that use the kubeconfig.
const CredentialCommand = "credential"

// Plugin returns the credential plugin that prints the token of an entry: this program. The kubeconfig names it by its path if it
// is not the psc in PATH.
func Plugin(entry string) *clientcmdapi.ExecConfig {
	command := "psc"
	if self, err := os.Executable(); err == nil {
		found, err := exec.LookPath(command)
		if err != nil || !sameFile(found, self) {
			command = self
		}
	}
	return &clientcmdapi.ExecConfig{
		APIVersion: clientauthentication.SchemeGroupVersion.String(), Command: command, Args: []string{CredentialCommand, entry},
		InteractiveMode: clientcmdapi.NeverExecInteractiveMode,
		InstallHint:     "psc provides the credentials: it has to be installed, and in PATH",
	}
}

func sameFile(a, b string) bool {
	of, err := os.Stat(a)
	if err != nil {
		return false
	}
	other, err := os.Stat(b)
	return err == nil && os.SameFile(of, other)
}

// Credentials has the tokens of users whose credential plugin is psc itself. It is safe for concurrent use.
type Credentials interface {
	// Token returns a valid token of an entry and its end. It is another one than rejected, which the API server did not accept.
	// The error has the code Denied if the user has to sign in again.
	Token(ctx context.Context, entry, rejected string) (token string, until time.Time, err error)
	// SignIn says how the user of an entry has signed in.
	SignIn(entry string) SignIn
}

// own signs requests with the tokens of an entry, as the transport of client-go does with those of a plugin.
type own struct {
	of    Credentials
	entry string

	mu       sync.Mutex
	rejected string    // the last token that the API server did not accept
	since    time.Time // when that was
}

// ownOf returns nil for users whose plugin is not psc, or if there are no credentials.
func ownOf(user *clientcmdapi.AuthInfo, of Credentials) *own {
	if of == nil || user == nil || user.Exec == nil || len(user.Exec.Args) != 2 || user.Exec.Args[0] != CredentialCommand {
		return nil
	}
	name := strings.TrimSuffix(filepath.Base(user.Exec.Command), ".exe")
	if self, err := os.Executable(); !slices.Contains([]string{"psc", "kubectl-psc"}, name) && (err != nil || user.Exec.Command != self) {
		return nil
	}
	return &own{of: of, entry: user.Exec.Args[1]}
}

func (o *own) wrap(next http.RoundTripper) http.RoundTripper { return bearer{next, o} }

// bearer adds a token to requests.
type bearer struct {
	next http.RoundTripper
	own  *own
}

// RoundTrip implements http.RoundTripper. The request after one that was not accepted gets a new token: see retry.
func (b bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	token, err := b.own.token(r.Context())
	if err != nil {
		if r.Body != nil {
			_ = r.Body.Close()
		}
		return nil, err
	}
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+token)
	answer, err := b.next.RoundTrip(r)
	if err == nil && answer.StatusCode == http.StatusUnauthorized {
		b.own.reject(token)
	}
	return answer, err
}

func (o *own) token(ctx context.Context) (string, error) {
	o.mu.Lock()
	rejected := o.rejected
	o.mu.Unlock()
	token, _, err := o.of.Token(ctx, o.entry, rejected)
	if err == nil {
		return token, nil
	}
	err = &credentialError{err}
	if fault.Of(err).Code == fault.Denied {
		err = &expiredError{err}
	}
	return "", err
}

// rejectEvery is the time between two tokens of which the server's answer causes a renewal: a server that knows no token of this
// issuer does not cause one per request.
const rejectEvery = time.Minute

func (o *own) reject(token string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.since.IsZero() || time.Since(o.since) > rejectEvery {
		o.rejected, o.since = token, time.Now()
	}
}

// credentialError is the error for a request that was not made, because there is no token for it.
type credentialError struct{ err error }

func (e *credentialError) Error() string { return e.err.Error() }

func (e *credentialError) Unwrap() error { return e.err }

// expiredError is a credentialError for a user who has to sign in again. It counts as an answer of the API server, because that
// would not accept the request either.
type expiredError struct{ error }

func (e *expiredError) Unwrap() error { return e.error }

// Status implements apierrors.APIStatus.
func (e *expiredError) Status() metav1.Status {
	return metav1.Status{Status: metav1.StatusFailure, Code: http.StatusUnauthorized, Reason: metav1.StatusReasonUnauthorized, Message: e.Error()}
}
