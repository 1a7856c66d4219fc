package credential

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"os"

	"github.com/pscdev/psc/internal/config"
	"github.com/pscdev/psc/internal/kube"
)

// SignIn implements kube.Credentials.
func (s *Store) SignIn(entry string) kube.SignIn {
	s.mu.Lock()
	defer s.mu.Unlock()
	path, err := file(entry)
	r := cmp.Or(s.unsaved(entry), s.known[entry])
	if r == nil && err == nil {
		r, _ = read(path) // one that cannot be read is an error of Token
	}
	out := kube.SignIn{Address: s.address(entry), Kept: path}
	if r != nil {
		out.How, out.Until, out.Issuer, out.Keyring, out.Renews = r.How, r.Until, r.Issuer, r.Keyring, r.Keyring || r.Refresh != ""
	}
	return out
}

// Drop revokes a sign-in of this process that nobody will use, and removes what Save has written of it. It does nothing for other
// entries.
func (s *Store) Drop(ctx context.Context, entry string) {
	s.mu.Lock()
	h := s.held[entry]
	delete(s.held, entry)
	s.mu.Unlock()
	if h == nil {
		return
	}
	_ = revoke(ctx, h.login, h.Refresh)
	if h.saved {
		_ = s.Remove(entry)
	}
}

// Revoke makes the issuer forget the sign-in of an entry that Save has written. It does nothing for other entries.
func (s *Store) Revoke(ctx context.Context, entry string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !exists(entry) {
		return nil
	}
	path, unlock, err := s.lock(entry)
	if err != nil {
		return err
	}
	defer unlock()
	r, err := read(path)
	if r == nil {
		return err
	}
	l, found := s.Settings.Login(entry)
	if !found || l.Issuer != r.Issuer {
		return errors.New("the settings do not have this issuer")
	}
	refresh, err := s.refreshToken(entry, r)
	if err != nil {
		return err
	}
	return revoke(ctx, l, refresh)
}

func exists(entry string) bool {
	path, err := file(entry)
	if err == nil {
		_, err = os.Stat(path)
	}
	return err == nil
}

func revoke(ctx context.Context, l config.Login, refresh string) error {
	if refresh == "" {
		return nil
	}
	provider, err := issuer(l).Discover(ctx)
	if err != nil {
		return err
	}
	return provider.Revoke(ctx, refresh)
}

// Remove removes the secrets of an entry from this machine. It does nothing for other entries.
func (s *Store) Remove(entry string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.known, entry)
	if !exists(entry) {
		return nil
	}
	path, unlock, err := s.lock(entry)
	if err != nil {
		return err
	}
	defer unlock()
	r, _ := read(path)
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return unwritten(err)
	}
	if r != nil && r.Keyring {
		return forget(entry)
	}
	return nil
}
