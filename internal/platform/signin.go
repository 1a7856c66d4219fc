package platform

import (
	"encoding/json"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/pscdev/psc/pkg/object"
)

// SignInKey is the key of the ConfigMap psc-login with a SignIn.
const SignInKey = "psc.json"

// SignIn tells everybody how to sign in to a cluster. A web server can have the same document at /.well-known/psc.json.
type SignIn struct {
	// Server is the address of the API server, and Authority its certificate authority, in PEM.
	Server    string `json:"server"`
	Authority []byte `json:"certificateAuthorityData,omitempty"`
	Login     Login  `json:"login"`
}

// Login is an OpenID Connect issuer, and psc as its client.
type Login struct {
	Issuer   string `json:"issuer"`
	ClientID string `json:"clientID"`
	// Password is true if psc may ask for passwords, which it sends to the issuer.
	Password bool `json:"password,omitempty"`
	// Authority is the certificate authority of the issuer, in PEM; empty for those that systems know.
	Authority []byte `json:"certificateAuthorityData,omitempty"`
}

// SignInOf returns the document of a ConfigMap psc-login.
func SignInOf(o *unstructured.Unstructured) (SignIn, error) {
	var s SignIn
	text, _, _ := unstructured.NestedString(o.Object, "data", SignInKey)
	err := json.Unmarshal([]byte(text), &s)
	return s, err
}

// objects returns the ConfigMap, and the right of everybody to read it before they sign in.
func (s SignIn) objects() ([]*unstructured.Unstructured, error) {
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return nil, err
	}
	meta := metav1.ObjectMeta{Namespace: metav1.NamespacePublic, Name: object.SignInConfig}
	return describedAll([]purposeful{
		{object.ConfigMap, &corev1.ConfigMap{ObjectMeta: meta, Data: map[string]string{SignInKey: string(text) + "\n"}}, "how users sign in"},
		{object.Role, &rbacv1.Role{ObjectMeta: meta, Rules: only("", "configmaps", "get", meta.Name)}, "the right to read how users sign in"},
		{object.RoleBinding, &rbacv1.RoleBinding{ObjectMeta: meta, RoleRef: roleRef(object.Role, meta.Name), Subjects: []rbacv1.Subject{
			{APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind, Name: "system:unauthenticated"},
			{APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind, Name: "system:authenticated"},
		}}, "gives it to everybody, before they have signed in"},
	})
}
