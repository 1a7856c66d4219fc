package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// authority is the cluster's own certificate authority. Its key is never stored: all certificates of a
// cluster are issued when it starts.
type authority struct {
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// makePKI writes the cluster's certificates, keys and tokens to its folder `pki`.
func makePKI(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	ca := authority{dir: dir}
	var err error
	if ca.cert, ca.key, err = ca.issue("ca", &x509.Certificate{
		Subject: pkix.Name{CommonName: "psc-local"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}); err != nil {
		return err
	}
	local := []net.IP{net.IPv4(127, 0, 0, 1), net.ParseIP(nodeAddress), net.ParseIP(apiServiceAddress)}
	for file, c := range map[string]*x509.Certificate{
		"apiserver": {
			Subject: pkix.Name{CommonName: "kube-apiserver"}, IPAddresses: local,
			DNSNames: []string{"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"},
		},
		"admin":          {Subject: pkix.Name{CommonName: "admin", Organization: []string{"system:masters"}}},
		"front-proxy":    {Subject: pkix.Name{CommonName: "front-proxy"}},
		"kubelet":        {Subject: pkix.Name{CommonName: "system:node:" + nodeName, Organization: []string{"system:nodes"}}, IPAddresses: local, DNSNames: []string{nodeName}},
		"metrics-server": {Subject: pkix.Name{CommonName: "metrics-server"}, IPAddresses: local, DNSNames: []string{"localhost", "metrics-server.kube-system.svc"}},
		"sa":             {Subject: pkix.Name{CommonName: "service-accounts"}},
	} {
		if _, _, err := ca.issue(file, c); err != nil {
			return err
		}
	}
	return writeTokens(filepath.Join(dir, "tokens.csv"))
}

// issue creates a key and a certificate for it, signed by ca, or self-signed if ca does not exist yet.
func (ca authority) issue(file string, c *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	if c.SerialNumber, err = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120)); err != nil {
		return nil, nil, err
	}
	c.NotBefore = time.Now().Add(-time.Minute)
	c.NotAfter = c.NotBefore.AddDate(1, 0, 0)
	if !c.IsCA {
		c.KeyUsage = x509.KeyUsageDigitalSignature
		c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth}
	}
	parent, signer := ca.cert, ca.key
	if parent == nil {
		parent, signer = c, key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, key.Public(), signer)
	if err != nil {
		return nil, nil, fmt.Errorf("sign %s: %w", file, err)
	}
	if err := writePEM(filepath.Join(ca.dir, file+".crt"), "CERTIFICATE", der); err != nil {
		return nil, nil, err
	}
	if !c.IsCA {
		keyDER, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			return nil, nil, err
		}
		if err := writePEM(filepath.Join(ca.dir, file+".key"), "PRIVATE KEY", keyDER); err != nil {
			return nil, nil, err
		}
	}
	cert, err := x509.ParseCertificate(der)
	return cert, key, err
}

func writePEM(path, kind string, der []byte) error {
	return os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600)
}

// writeTokens creates the users for trying out permissions: admin may do everything, the members of
// group dev have only the rights of every signed-in user.
func writeTokens(path string) error {
	var lines strings.Builder
	for i, user := range []string{"admin", "alice", "bob", "carol"} {
		token := make([]byte, 16)
		if _, err := rand.Read(token); err != nil {
			return err
		}
		group := "dev"
		if user == "admin" {
			group = "system:masters"
		}
		fmt.Fprintf(&lines, "%s,%s,%d,%q\n", hex.EncodeToString(token), user, i+1, group)
	}
	return os.WriteFile(path, []byte(lines.String()), 0o600)
}
