package kube

import (
	"cmp"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"os"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/pscdev/psc/pkg/object"
)

// SignIn says how a user of the kubeconfig proves who they are. It has no secret.
type SignIn struct {
	// How is "token", "certificate", "plugin", "password", "browser", "code" or "service account"; empty for an anonymous user.
	How string
	// Until is the end of it; zero if only the server knows it.
	Until time.Time
	// Renews is true if psc gets another token from the issuer when this one expires.
	Renews bool
	// Issuer is the OpenID Connect issuer of the token; empty if it is not known.
	Issuer string
	// Address is what psc login takes for the same sign-in; empty for the address of the API server.
	Address string
	// Plugin is the program that provides the credentials.
	Plugin string
	// Kept is the file that has the credentials. With Keyring the refresh token is in the keyring of the system.
	Kept    string
	Keyring bool
	// Unchecked is true if the certificate of the server is not checked.
	Unchecked bool
}

// NoteName is the name of the extension of a kubeconfig user with a Note.
const NoteName = object.SignIn

// Note is what psc notes beside a token that a server issued to it, because the token itself does not say it.
type Note struct {
	How   string    `json:"how"`
	Until time.Time `json:"until,omitzero"`
}

// noun names what expires.
func (s SignIn) noun() string {
	if s.How == "certificate" {
		return "client certificate"
	}
	return "token"
}

// again returns the arguments with which psc login signs in to a server in the same way.
func (s SignIn) again(server string) string {
	switch {
	case s.Address != "": // the server says how
		return s.Address
	case s.How == "certificate":
		return server + " --client-certificate FILE --client-key FILE"
	case s.How == "browser":
		return server + " --web"
	}
	return server
}

// SignIn says how the user signs in. For a sign-in that psc renews it is as of now.
func (c *Client) SignIn() SignIn {
	s := c.signIn
	if c.own != nil {
		s = c.own.of.SignIn(c.own.entry)
		s.Unchecked = c.signIn.Unchecked
	}
	return s
}

// signIn returns the sign-in of a context, which exists. A file that cannot be read has no end.
func signIn(raw *clientcmdapi.Config, name string) SignIn {
	of := raw.Contexts[name]
	user, cluster := raw.AuthInfos[of.AuthInfo], raw.Clusters[of.Cluster]
	s := SignIn{Unchecked: cluster.InsecureSkipTLSVerify || strings.HasPrefix(cluster.Server, "http://")}
	if user == nil {
		return s
	}
	s.Kept = user.LocationOfOrigin
	switch {
	case user.Exec != nil:
		s.How, s.Plugin, s.Kept = "plugin", user.Exec.Command, ""
	case user.TokenFile != "":
		token, _ := os.ReadFile(user.TokenFile)
		s.How, s.Until, s.Kept = "token", endOfToken(string(token)), user.TokenFile
		if user.TokenFile == accountFolder+"/token" {
			s.How = "service account"
		}
	case user.Token != "":
		s.How, s.Until = "token", endOfToken(user.Token)
		if noted, ok := user.Extensions[NoteName].(*runtime.Unknown); ok {
			note := Note{}
			if err := json.Unmarshal(noted.Raw, &note); err == nil {
				s.How, s.Until = cmp.Or(note.How, s.How), note.Until
			}
		}
	case user.ClientCertificate != "" || len(user.ClientCertificateData) > 0:
		data, _ := content("client-certificate", user.ClientCertificate, user.ClientCertificateData)
		s.How, s.Until, s.Kept = "certificate", endOfCertificate(data), cmp.Or(user.ClientCertificate, s.Kept)
	case user.Username != "":
		s.How = "password"
	}
	return s
}

// endOfToken returns when a JWT expires; zero for other tokens. Only the server checks the token.
func endOfToken(token string) time.Time {
	parts := strings.Split(strings.TrimSpace(token), ".")
	if len(parts) != 3 {
		return time.Time{}
	}
	data, err := base64.RawURLEncoding.DecodeString(parts[1])
	var claims struct {
		Exp float64 `json:"exp"`
	}
	if err != nil || json.Unmarshal(data, &claims) != nil || claims.Exp <= 0 {
		return time.Time{}
	}
	return time.Unix(int64(claims.Exp), 0).UTC()
}

func endOfCertificate(data []byte) time.Time {
	block, _ := pem.Decode(data)
	if block == nil {
		return time.Time{}
	}
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return time.Time{}
	}
	return c.NotAfter.UTC()
}
