package workspace

import (
	"context"
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/pscdev/psc/internal/image"
	"github.com/pscdev/psc/internal/kube"
	"github.com/pscdev/psc/pkg/object"
	"github.com/pscdev/psc/pkg/report"
)

// Registry manages the registry logins of a pod.
type Registry struct{ pod *Reader }

// Registry returns the registry logins of the pod.
func (rd *Reader) Registry() *Registry { return &Registry{rd} }

// Logins returns the registry logins of the pod, without their passwords.
func (reg *Registry) Logins(ctx context.Context) ([]report.Login, error) {
	if err := reg.pod.Exists(ctx); err != nil {
		return nil, err
	}
	logins, _, err := reg.logins(ctx)
	docs := []report.Login{}
	for _, server := range slices.Sorted(maps.Keys(logins)) {
		docs = append(docs, report.Login{Server: server, Username: logins[server].Username})
	}
	return docs, err
}

// Tags lists the tags of a repository such as ghcr.io/acme/web, as its registry gives them to the pod.
func (reg *Registry) Tags(ctx context.Context, repository string) ([]string, error) {
	return image.Tags(ctx, repository, func() image.Logins { return reg.readableLogins(ctx) })
}

// SignIn stores a registry login in the pod, after the registry has accepted it.
func (reg *Registry) SignIn(ctx context.Context, server string, login Login) error {
	if err := image.Check(ctx, server, login); err != nil {
		return err
	}
	return reg.changeLogins(ctx, func(logins image.Logins) error {
		logins[server] = login
		return nil
	})
}

// SignOut removes a registry login. The error is a *NotSignedInError if there is none.
func (reg *Registry) SignOut(ctx context.Context, server string) error {
	return reg.changeLogins(ctx, func(logins image.Logins) error {
		if _, ok := logins[server]; !ok {
			return &NotSignedInError{Pod: reg.pod.Pod, Server: server}
		}
		delete(logins, server)
		return nil
	})
}

// logins reads the registry logins of the pod. kept is the Secret that has them, or nil.
func (reg *Registry) logins(ctx context.Context) (logins image.Logins, kept *corev1.Secret, err error) {
	o, err := reg.pod.kube.Get(ctx, object.Secret, reg.pod.Pod, object.RegistryLogins)
	if apierrors.IsNotFound(err) {
		return image.Logins{}, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	if kept, err = kube.As[corev1.Secret](o); err != nil {
		return nil, nil, err
	}
	if logins, err = image.ParseLogins(kept.Data[corev1.DockerConfigJsonKey]); err != nil {
		return nil, nil, fmt.Errorf("read Secret %s: %w", object.RegistryLogins, err)
	}
	return logins, kept, nil
}

// changeLogins reads, changes and writes the logins. It retries after a conflict.
func (reg *Registry) changeLogins(ctx context.Context, change func(image.Logins) error) error {
	if err := reg.pod.Exists(ctx); err != nil {
		return err
	}
	for {
		logins, kept, err := reg.logins(ctx)
		if err != nil {
			return err
		}
		if err := change(logins); err != nil {
			return err
		}
		err = reg.writeLogins(ctx, logins, kept)
		if err == nil && len(logins) == 0 { // a Secret that was changed before the deletion still exists
			_, kept, err = reg.logins(ctx)
			if kept != nil {
				continue
			}
		}
		if !apierrors.IsConflict(err) && !apierrors.IsAlreadyExists(err) {
			return err
		}
	}
}

func (reg *Registry) writeLogins(ctx context.Context, logins image.Logins, kept *corev1.Secret) error {
	data, err := logins.Encode()
	if err != nil {
		return err
	}
	switch {
	case kept == nil:
		_, err = reg.pod.kube.Create(ctx, &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Name: object.RegistryLogins, Labels: map[string]string{
				object.LabelRegistry: "logins", object.LabelManagedBy: object.Manager,
			}},
			Type: corev1.SecretTypeDockerConfigJson,
			Data: map[string][]byte{corev1.DockerConfigJsonKey: data},
		}, object.Secret, reg.pod.Pod)
	case len(logins) == 0:
		err = reg.pod.kube.DeleteUnchanged(ctx, object.Secret, reg.pod.Pod, object.RegistryLogins, kept.ResourceVersion)
	default:
		kept.Data = map[string][]byte{corev1.DockerConfigJsonKey: data}
		_, err = reg.pod.kube.Update(ctx, kept, object.Secret, reg.pod.Pod)
	}
	return err
}

// readableLogins returns the logins for pinning images, or none if they cannot be read.
func (reg *Registry) readableLogins(ctx context.Context) image.Logins {
	logins, _, err := reg.logins(ctx)
	if err != nil {
		return nil
	}
	return logins
}

// pullSecret returns the name of the Secret with the logins, or "" if there is none. Without permission to list Secrets, it
// reads the name from the ServiceAccounts of the apps, so that the result is the same for all users.
func (reg *Registry) pullSecret(ctx context.Context) (string, error) {
	found, err := reg.pod.kube.ListMeta(ctx, object.Secret, reg.pod.Pod, object.LabelRegistry)
	if err == nil && len(found) > 0 {
		return object.RegistryLogins, nil
	}
	if !apierrors.IsForbidden(err) {
		return "", err
	}
	accounts, err := reg.pod.kube.List(ctx, object.ServiceAccount, reg.pod.Pod, object.Selector(reg.pod.Pod))
	if err != nil && !apierrors.IsForbidden(err) {
		return "", err
	}
	for i := range accounts {
		account, err := kube.As[corev1.ServiceAccount](&accounts[i])
		if err == nil && len(account.ImagePullSecrets) > 0 && account.ImagePullSecrets[0].Name == object.RegistryLogins {
			return object.RegistryLogins, nil
		}
	}
	return "", nil
}

// Login is a user name and a password for a registry.
type Login = image.Login

// RegistryServer returns the name of a registry as Docker writes it.
func RegistryServer(name string) (string, error) { return image.Server(name) }

// DockerLogin returns the login for a registry from Docker's credential store.
func DockerLogin(server string) (Login, error) { return image.FromDocker(server) }
