package image

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/pscdev/psc/internal/fault"
)

// Login is a user name and password for a registry.
type Login struct{ Username, Password string }

// Logins are the logins of a pod, by the name of the registry as Docker writes it. They are stored in the format of Docker's
// config, which the cluster's nodes read too.
type Logins map[string]Login

type dockerConfig struct {
	Auths map[string]dockerAuth `json:"auths"`
}

type dockerAuth struct {
	Username string `json:"username"`
	Password string `json:"password"`
	Auth     string `json:"auth"` // user:password in base64, which some readers need
}

// ParseLogins reads Docker's config. Empty data has no logins.
func ParseLogins(data []byte) (Logins, error) {
	logins := Logins{}
	if len(data) == 0 {
		return logins, nil
	}
	var config dockerConfig
	if err := json.Unmarshal(data, &config); err != nil {
		return nil, errors.New("not a Docker config") // the cause would repeat its content
	}
	for server, auth := range config.Auths {
		both, err := base64.StdEncoding.DecodeString(auth.Auth)
		if user, password, ok := strings.Cut(string(both), ":"); err == nil && ok {
			auth.Username, auth.Password = user, password
		}
		logins[server] = Login{auth.Username, auth.Password}
	}
	return logins, nil
}

// Encode writes Docker's config.
func (l Logins) Encode() ([]byte, error) {
	config := dockerConfig{Auths: map[string]dockerAuth{}}
	for server, login := range l {
		both := base64.StdEncoding.EncodeToString([]byte(login.Username + ":" + login.Password))
		config.Auths[server] = dockerAuth{login.Username, login.Password, both}
	}
	return json.Marshal(config)
}

// Server returns the name of a registry as Docker writes it.
func Server(text string) (string, error) {
	host := strings.TrimSuffix(strings.TrimPrefix(strings.TrimPrefix(text, "https://"), "http://"), "/")
	registry, err := name.NewRegistry(strings.TrimSuffix(host, "/v1"), name.StrictValidation)
	if err != nil {
		return "", fault.New(fault.Usage, "%q is not the name of a registry such as ghcr.io", text)
	}
	if registry.RegistryStr() == name.DefaultRegistry {
		return authn.DefaultAuthKey, nil
	}
	return registry.RegistryStr(), nil
}

// FromDocker returns the login for a registry from Docker's credential store.
func FromDocker(server string) (Login, error) {
	registry, err := registryOf(server)
	if err != nil {
		return Login{}, err
	}
	found, err := authn.DefaultKeychain.Resolve(registry)
	if err != nil {
		return Login{}, fmt.Errorf("ask Docker's credential store: %w", err)
	}
	config, err := found.Authorization()
	if err != nil {
		return Login{}, fmt.Errorf("ask Docker's credential store: %w", err)
	}
	if config.Username == "" || config.Password == "" {
		return Login{}, fault.New(fault.Usage, "Docker has no user name and password for %s", server).
			WithHint("docker login %s, or give --username", registry.RegistryStr())
	}
	return Login{config.Username, config.Password}, nil
}

// Check asks a registry whether it accepts a login.
func Check(ctx context.Context, server string, login Login) error {
	registry, err := registryOf(server)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	refused := func(err error) error {
		var answer *transport.Error
		if errors.As(err, &answer) && (answer.StatusCode == http.StatusUnauthorized || answer.StatusCode == http.StatusForbidden) {
			return fault.New(fault.Denied, "%s does not accept the user name and password", registry.RegistryStr())
		}
		return unanswered(registry, err)
	}
	signed, err := transport.NewWithContext(ctx, registry, &authn.Basic{Username: login.Username, Password: login.Password}, http.DefaultTransport, nil)
	if err != nil {
		return refused(err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, registry.Scheme()+"://"+registry.RegistryStr()+"/v2/", nil)
	if err != nil {
		return err
	}
	answer, err := signed.RoundTrip(request)
	if err != nil {
		return refused(err)
	}
	err = transport.CheckError(answer, http.StatusOK)
	if closeErr := answer.Body.Close(); err == nil {
		return closeErr
	}
	return refused(err)
}

func registryOf(server string) (name.Registry, error) {
	if server == authn.DefaultAuthKey {
		server = name.DefaultRegistry
	}
	return name.NewRegistry(server)
}

// keychain looks a registry up in the logins of a pod.
type keychain func() Logins

// Resolve implements authn.Keychain.
func (k keychain) Resolve(of authn.Resource) (authn.Authenticator, error) {
	server := of.RegistryStr()
	if server == name.DefaultRegistry {
		server = authn.DefaultAuthKey
	}
	if login, ok := k()[server]; ok {
		return &authn.Basic{Username: login.Username, Password: login.Password}, nil
	}
	return authn.Anonymous, nil
}
