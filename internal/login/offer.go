package login

import (
	"cmp"
	"context"
	"encoding/json"
	"net/url"

	"github.com/pscdev/psc/internal/fault"
)

// document is what the owner of a platform says about it: beside its pages, beside the API server, or in a ConfigMap of the cluster.
type document struct {
	// Server is the API server, and Authority its certificate authority in PEM. Only a page names them.
	Server    string `json:"server"`
	Authority []byte `json:"certificateAuthorityData"`
	Login     *struct {
		Issuer    string   `json:"issuer"`
		ClientID  string   `json:"clientID"`
		Scopes    []string `json:"scopes"`
		Password  bool     `json:"password"`
		Authority []byte   `json:"certificateAuthorityData"`
	} `json:"login"`
}

const (
	documentPath = "/.well-known/psc.json"
	// The ConfigMap has the same document in the key psc.json. Anybody may read it, as cluster-info of kubeadm.
	documentMap = "/api/v1/namespaces/kube-public/configmaps/psc-login"
	documentKey = "psc.json"
)

// issuer returns the issuer of a document; nil if it has none.
func (d document) issuer(from string) (*Issuer, error) {
	if d.Login == nil {
		return nil, nil //nolint:nilnil // as the comment says
	}
	l := d.Login
	u, err := url.Parse(l.Issuer)
	switch {
	case err != nil || u.Scheme != "https" || u.Host == "":
		return nil, fault.New(fault.Failed, "%s: login.issuer %q is not an https address", from, l.Issuer).WithHint("tell the owner of the platform")
	case l.ClientID == "":
		return nil, fault.New(fault.Failed, "%s: login.clientID is empty", from).WithHint("tell the owner of the platform")
	case len(l.Authority) > 0 && pool(l.Authority) == nil:
		return nil, fault.New(fault.Failed, "%s: login.certificateAuthorityData is not a certificate in PEM", from).WithHint("tell the owner of the platform")
	}
	return &Issuer{URL: l.Issuer, ClientID: l.ClientID, Scopes: l.Scopes, Authority: l.Authority, Password: l.Password}, nil
}

// Offer is how users sign in to a server. At most one field is set.
type Offer struct {
	Issuer *Issuer
	OAuth  *OAuth
}

// Offer asks the server how users sign in: its own document, that of the cluster, and OpenShift's, in this order. All are asked at
// once, without credentials, for at most offerPatience.
func (s *Server) Offer(ctx context.Context, tell func(format string, args ...any)) (Offer, error) {
	if s.issuer != nil {
		tell("the platform names the issuer %s", s.issuer.URL)
		return Offer{Issuer: s.issuer}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, offerPatience)
	defer cancel()
	type answer struct {
		Offer
		err error
	}
	questions := []struct {
		name string
		ask  func(context.Context) (Offer, error)
	}{
		{documentPath, s.ownDocument},
		{"ConfigMap kube-public/psc-login", s.clusterDocument},
		{"/.well-known/oauth-authorization-server", func(ctx context.Context) (Offer, error) {
			oauth, err := s.oauth(ctx)
			return Offer{OAuth: oauth}, err
		}},
	}
	var answers []chan answer
	for _, q := range questions {
		got := make(chan answer, 1)
		answers = append(answers, got)
		go func() {
			offer, err := q.ask(ctx)
			got <- answer{offer, err}
		}()
	}
	var problem error
	for i, got := range answers {
		a, name := <-got, questions[i].name
		switch {
		case a.err != nil:
			tell("%s of %s: %v", name, s.Address, a.err)
			problem = cmp.Or(problem, a.err)
		case a.Issuer != nil:
			tell("%s of %s names the issuer %s", name, s.Address, a.Issuer.URL)
			return a.Offer, nil
		case a.OAuth != nil:
			tell("%s of %s names the OAuth server %s", name, s.Address, a.OAuth.Issuer)
			return a.Offer, nil
		default:
			tell("%s of %s: none", name, s.Address)
		}
	}
	return Offer{}, problem
}

func (s *Server) ownDocument(ctx context.Context) (Offer, error) {
	var doc document
	if ok, err := s.document(ctx, documentPath, &doc); err != nil || !ok {
		return Offer{}, err
	}
	issuer, err := doc.issuer(s.Address + documentPath)
	return Offer{Issuer: issuer}, err
}

func (s *Server) clusterDocument(ctx context.Context) (Offer, error) {
	var found struct{ Data map[string]string }
	if ok, err := s.document(ctx, documentMap, &found); err != nil || !ok {
		return Offer{}, err
	}
	from := "ConfigMap kube-public/psc-login, key " + documentKey
	var doc document
	if err := json.Unmarshal([]byte(found.Data[documentKey]), &doc); err != nil {
		return Offer{}, fault.New(fault.Failed, "%s: %w", from, err).WithHint("tell the owner of the cluster")
	}
	issuer, err := doc.issuer(from)
	return Offer{Issuer: issuer}, err
}
