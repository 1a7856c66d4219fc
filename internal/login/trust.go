package login

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"net/url"
	"slices"
	"strings"

	"k8s.io/client-go/tools/clientcmd"

	"github.com/pscdev/psc/internal/fault"
)

// Authority is a certificate authority that signed the certificate of a server. This was checked.
type Authority struct {
	// Host is the server.
	Host string
	// Name is the name in the certificate of the authority, which anybody can choose.
	Name string
	// Fingerprint is "sha256:" and the hash of its public key, as kubeadm prints it for --discovery-token-ca-cert-hash.
	Fingerprint string
}

// Fingerprint returns the fingerprint of a certificate's public key.
func Fingerprint(c *x509.Certificate) string {
	hash := sha256.Sum256(c.RawSubjectPublicKeyInfo)
	return "sha256:" + hex.EncodeToString(hash[:])
}

// CheckPin returns an error if a text is not a fingerprint.
func CheckPin(text string) error {
	hash, ok := strings.CutPrefix(text, "sha256:")
	if data, err := hex.DecodeString(hash); !ok || err != nil || len(data) != sha256.Size {
		return fault.New(fault.Usage, "--trust %q is not a fingerprint: sha256: and 64 hexadecimal digits", text)
	}
	return nil
}

// authority returns the authority of a server whose certificate was not accepted, in PEM: one that the kubeconfig has for this
// server, or one that the user trusts. It is the authority that is trusted and not the certificate, which changes each year.
func (s Search) authority(ctx context.Context, u *url.URL, e *tls.CertificateVerificationError) ([]byte, error) {
	if !errors.As(e.Err, new(x509.UnknownAuthorityError)) || s.Authority != "" {
		return nil, fault.New(fault.Failed, "the certificate of %s is not valid: %w", u.Host, e.Err).WithHint("%s", untrustedHint(s.Authority))
	}
	signs := func(c *x509.Certificate) bool { return signed(e.UnverifiedCertificates, c, u.Hostname()) }
	if s.Pin == "" && s.Known != nil {
		known := s.Known(u.Host)
		if slices.ContainsFunc(certificates(known), signs) {
			s.Tell("the kubeconfig has the CA of %s", u.Host)
			return known, nil
		}
	}
	for _, c := range append(fromChain(e.UnverifiedCertificates), s.published(ctx, u)...) {
		a := Authority{Host: u.Host, Name: c.Subject.CommonName, Fingerprint: Fingerprint(c)}
		if !signs(c) || s.Pin != "" && a.Fingerprint != strings.ToLower(s.Pin) {
			continue
		}
		if s.Pin == "" {
			if err := s.Trust(a); err != nil {
				return nil, err
			}
		}
		return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}), nil
	}
	issuer := e.UnverifiedCertificates[0].Issuer.CommonName
	if s.Pin != "" {
		return nil, fault.New(fault.Failed, "the certificate of %s is signed by %q, and not by a CA with the fingerprint %s", u.Host, issuer, s.Pin).
			WithHint("ask the owner of the cluster for the fingerprint, or for the certificate of the CA: --certificate-authority FILE")
	}
	return nil, fault.New(fault.Usage, "the certificate of %s is signed by %q, which this machine does not trust, and the server does not show the certificate of this CA", u.Host, issuer).
		WithHint("ask the owner of the cluster for it: --certificate-authority FILE")
}

func untrustedHint(authority string) string {
	if authority != "" {
		return "check --certificate-authority " + authority + ", and the address"
	}
	return "check the address and the clock of this machine"
}

// signed reports whether an authority signed the certificate of a server, which is the first one of a chain.
func signed(chain []*x509.Certificate, by *x509.Certificate, host string) bool {
	o := x509.VerifyOptions{DNSName: host, Roots: x509.NewCertPool(), Intermediates: x509.NewCertPool()}
	o.Roots.AddCert(by)
	for _, c := range chain[1:] {
		o.Intermediates.AddCert(c)
	}
	_, err := chain[0].Verify(o)
	return err == nil
}

// fromChain returns the certificates with which a server proves its own, the authority at the root first. A certificate that
// signs itself is its own authority.
func fromChain(chain []*x509.Certificate) []*x509.Certificate {
	var out []*x509.Certificate
	for i, c := range slices.Backward(chain) {
		if i > 0 || c.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature) == nil {
			out = append(out, c)
		}
	}
	return out
}

// published returns the authorities that a cluster of kubeadm shows to everyone. The answer is only a candidate: it comes from a
// server that is not trusted yet, and nothing is sent to it.
func (s Search) published(ctx context.Context, u *url.URL) []*x509.Certificate {
	server := &Server{Address: u.String(), client: anonymous(&tls.Config{InsecureSkipVerify: true})} //nolint:gosec // as the comment says
	var info struct{ Data map[string]string }
	if ok, err := server.document(ctx, "/api/v1/namespaces/kube-public/configmaps/cluster-info", &info); err != nil || !ok {
		return nil
	}
	config, err := clientcmd.Load([]byte(info.Data["kubeconfig"]))
	if err != nil {
		return nil
	}
	var out []*x509.Certificate
	for _, c := range config.Clusters {
		out = append(out, certificates(c.CertificateAuthorityData)...)
	}
	return out
}

// certificates returns the certificates in PEM that can be read.
func certificates(data []byte) []*x509.Certificate {
	var out []*x509.Certificate
	for {
		var block *pem.Block
		if block, data = pem.Decode(data); block == nil {
			return out
		}
		if c, err := x509.ParseCertificate(block.Bytes); err == nil {
			out = append(out, c)
		}
	}
}
