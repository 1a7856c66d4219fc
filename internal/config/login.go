package config

import (
	"slices"

	"github.com/pscdev/psc/internal/userfile"
)

// Login says where a sign-in came from and who renews it. It has no secret.
type Login struct {
	// Name is the name of the entry of the kubeconfig.
	Name string `yaml:"name"`
	// Address is what the user gave to psc login.
	Address string `yaml:"address"`
	// Issuer is the URL of the OpenID Connect issuer, ClientID the name of psc there, and Scopes what psc asks for.
	Issuer   string   `yaml:"issuer"`
	ClientID string   `yaml:"clientID"`
	Scopes   []string `yaml:"scopes,omitempty,flow"`
	// Authority is the certificate authority of the issuer, in PEM; empty for those of the system.
	Authority string `yaml:"certificateAuthority,omitempty"`
}

// logins is the list of the file that has the logins.
const logins = "logins"

// Login returns the login of an entry of the kubeconfig. found is false if there is none.
func (s *Settings) Login(entry string) (l Login, found bool) {
	at := slices.IndexFunc(s.file.Logins, func(l Login) bool { return l.Name == entry })
	if at < 0 {
		return Login{}, false
	}
	return s.file.Logins[at], true
}

// KeepLogin stores a login, in place of another one of the same entry.
func (s *Settings) KeepLogin(l Login) error {
	return s.change(func(text []byte) ([]byte, error) {
		return userfile.Put(text, logins, l.Name, func(entry map[string]any) {
			for field, value := range map[string]any{
				"address": l.Address, "issuer": l.Issuer, "clientID": l.ClientID, "scopes": l.Scopes, "certificateAuthority": l.Authority,
			} {
				entry[field] = value
			}
			if l.Authority == "" {
				delete(entry, "certificateAuthority")
			}
		})
	})
}
