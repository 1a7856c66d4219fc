package main

import (
	"fmt"
	"net"
	"net/url"
	"os"

	"sigs.k8s.io/yaml"
)

// authenticationFile is in the cluster's folder: how the API server checks the tokens of an issuer.
const authenticationFile = "authentication.yaml"

// issuer is an OpenID Connect issuer on this machine, whose tokens the API server accepts.
type issuer struct{ URL, clientID, caFile string }

// check reports an issuer that the API server cannot use or cannot reach: a node has no way out but to this machine's loopback.
func (i issuer) check() error {
	if i.URL == "" {
		if i.clientID != "" || i.caFile != "" {
			return usageError{fmt.Errorf("--client-id and --issuer-ca need --issuer URL")}
		}
		return nil
	}
	u, err := url.Parse(i.URL)
	if err != nil || u.Scheme != "https" || u.Port() == "" {
		return usageError{fmt.Errorf("--issuer %q: use https and a port, such as https://localhost:9998", i.URL)}
	}
	if ip := net.ParseIP(u.Hostname()); u.Hostname() != "localhost" && !ip.IsLoopback() {
		return usageError{fmt.Errorf("--issuer %q: the issuer must be on this machine: use localhost or 127.0.0.1", i.URL)}
	}
	if i.clientID == "" {
		return usageError{fmt.Errorf("--issuer needs --client-id ID")}
	}
	return nil
}

// write writes the configuration of the API server. https://kubernetes.io/docs/reference/access-authn-authz/authentication/#using-authentication-configuration
func (i issuer) write(c cluster) error {
	if i.URL == "" {
		return nil
	}
	of := map[string]any{"url": i.URL, "audiences": []string{i.clientID}}
	if i.caFile != "" {
		ca, err := os.ReadFile(i.caFile)
		if err != nil {
			return err
		}
		of["certificateAuthority"] = string(ca)
	}
	text, err := yaml.Marshal(map[string]any{
		"apiVersion": "apiserver.config.k8s.io/v1",
		"kind":       "AuthenticationConfiguration",
		"jwt": []any{map[string]any{
			"issuer": of,
			"claimMappings": map[string]any{
				"username": map[string]any{"claim": "email", "prefix": ""},
				"groups":   map[string]any{"claim": "groups", "prefix": "oidc:"}, // an expression over groups does not compile
			},
		}},
	})
	if err != nil {
		return err
	}
	return os.WriteFile(c.path(authenticationFile), text, 0o600)
}

// issuerAddress is empty without an issuer.
func (p plan) issuerAddress() (string, error) {
	u, err := url.Parse(p.Issuer)
	if err != nil {
		return "", err
	}
	return u.Host, nil
}
