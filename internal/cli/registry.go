package cli

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/pscdev/psc/internal/image"
	"github.com/pscdev/psc/internal/kube"
	"github.com/pscdev/psc/pkg/object"
)

// logins reads the pod's logins. kept is the Secret that has them; nil where there is none yet.
func (w *workspace) logins(ctx context.Context) (logins image.Logins, kept *corev1.Secret, err error) {
	o, err := w.kube.Get(ctx, object.Secret, w.pod, object.RegistryLogins)
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

// changeLogins reads, changes and writes the logins, again when somebody else wrote them meanwhile.
func (w *workspace) changeLogins(ctx context.Context, change func(image.Logins) error) error {
	if _, err := w.namespace(ctx); err != nil {
		return err
	}
	for {
		logins, kept, err := w.logins(ctx)
		if err != nil {
			return err
		}
		if err := change(logins); err != nil {
			return err
		}
		err = w.writeLogins(ctx, logins, kept)
		if err == nil && len(logins) == 0 { // what was changed before it could be deleted is still there
			_, kept, err = w.logins(ctx)
			if kept != nil {
				continue
			}
		}
		if !apierrors.IsConflict(err) && !apierrors.IsAlreadyExists(err) {
			return err
		}
	}
}

func (w *workspace) writeLogins(ctx context.Context, logins image.Logins, kept *corev1.Secret) error {
	data, err := logins.Encode()
	if err != nil {
		return err
	}
	switch {
	case kept == nil:
		_, err = w.kube.Create(ctx, &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Name: object.RegistryLogins, Labels: map[string]string{object.LabelRegistry: "logins", object.LabelManagedBy: object.Manager}},
			Type:       corev1.SecretTypeDockerConfigJson,
			Data:       map[string][]byte{corev1.DockerConfigJsonKey: data},
		}, object.Secret, w.pod)
	case len(logins) == 0:
		err = w.kube.DeleteUnchanged(ctx, object.Secret, w.pod, object.RegistryLogins, kept.ResourceVersion)
	default:
		kept.Data = map[string][]byte{corev1.DockerConfigJsonKey: data}
		_, err = w.kube.Update(ctx, kept, object.Secret, w.pod)
	}
	return err
}

// podLogins are the logins for pinning images: none where they cannot be read.
func (a *app) podLogins(ctx context.Context) image.Logins {
	w, err := a.open()
	if err != nil {
		return nil
	}
	logins, _, err := w.logins(ctx)
	if err != nil {
		return nil
	}
	return logins
}

// pullSecret is the name of the Secret with the logins; "" where there is none. Who may not look at secrets sees it
// where the apps name it, so that it is the same for everybody.
func (w *workspace) pullSecret(ctx context.Context) (string, error) {
	found, err := w.kube.ListMeta(ctx, object.Secret, w.pod, object.LabelRegistry)
	if err == nil && len(found) > 0 {
		return object.RegistryLogins, nil
	}
	if !apierrors.IsForbidden(err) {
		return "", err
	}
	accounts, err := w.kube.List(ctx, object.ServiceAccount, w.pod, object.Selector(w.pod))
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

// openRegistry opens the pod for a change of its login to a registry.
func (a *app) openRegistry(name string) (string, *workspace, error) {
	server, err := image.Server(name)
	if err != nil {
		return "", nil, err
	}
	w, err := a.open()
	return server, w, err
}
