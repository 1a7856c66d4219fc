package credential

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"time"

	"github.com/pscdev/psc/internal/config"
	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/internal/login"
	"github.com/pscdev/psc/internal/userfile"
)

// Token implements kube.Credentials. It returns with the token when to ask for the next one, shortly before it ends. It never asks
// the user.
func (s *Store) Token(ctx context.Context, entry, rejected string) (token string, until time.Time, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.unsaved(entry); r != nil {
		return r.Token, r.renewAt(), nil
	}
	r := s.known[entry]
	if r == nil || !r.fresh(s.Now(), rejected) {
		if r, err = s.current(ctx, entry, rejected); err != nil {
			return "", until, err
		}
		s.remember(entry, r)
	}
	return r.Token, r.renewAt(), nil
}

// current returns the sign-in of an entry with a token that can be used, and renews it if needed.
func (s *Store) current(ctx context.Context, entry, rejected string) (*record, error) {
	path, err := file(entry)
	if err != nil {
		return nil, err
	}
	r, err := read(path)
	if err != nil || r != nil && r.fresh(s.Now(), rejected) {
		return r, err
	}
	renewed, err := s.renew(ctx, entry, rejected)
	if err != nil && r != nil && r.lasts(s.Now(), rejected) && ctx.Err() == nil {
		return r, nil // the next call tries again
	}
	return renewed, err
}

// renew uses the refresh token, unless another process was faster. It is the only place that does.
func (s *Store) renew(ctx context.Context, entry, rejected string) (*record, error) {
	path, unlock, err := s.lock(entry)
	if err != nil {
		return nil, err
	}
	defer unlock()
	r, err := read(path)
	if err != nil || r != nil && r.fresh(s.Now(), rejected) {
		return r, err
	}
	l, found := s.Settings.Login(entry)
	if r == nil || !found || l.Issuer != r.Issuer || l.ClientID != r.ClientID {
		return nil, s.expired(entry, r)
	}
	refresh, err := s.refreshToken(entry, r)
	switch {
	case err != nil:
		return nil, err
	case refresh == "":
		return nil, s.expired(entry, r)
	}
	if err := userfile.Writable(path); err != nil {
		return nil, unwritten(err)
	}
	provider, err := issuer(l).Discover(ctx)
	if err != nil {
		return nil, err
	}
	// From here on the answer must not be lost: the issuer may have forgotten the old refresh token.
	s.busy.Lock()
	defer s.busy.Unlock()
	tokens, err := provider.Refresh(context.WithoutCancel(ctx), refresh)
	switch {
	case errors.Is(err, login.ErrInvalidGrant):
		if r.Keyring {
			_ = forget(entry)
		}
		ended := *r
		ended.Refresh, ended.Keyring = "", false
		if ended.Token == rejected {
			ended.Token = "" // nobody else need try it
		}
		return nil, errors.Join(s.expired(entry, r), write(path, &ended))
	case err != nil && tokens.Refresh == "":
		return nil, err
	}
	renewed := *r
	renewed.take(tokens, s.Now())
	if renewed.Keyring && renewed.Refresh != "" {
		renewed.hide(entry)
	}
	return &renewed, errors.Join(err, write(path, &renewed))
}

// Settle waits until the answer to a renewal is written, before the process ends. No other renewal begins after it.
func (s *Store) Settle() { s.busy.Lock() }

func issuer(l config.Login) login.Issuer {
	return login.Issuer{URL: l.Issuer, ClientID: l.ClientID, Scopes: l.Scopes, Authority: []byte(l.Authority)}
}

// refreshToken returns the refresh token; empty if there is none.
func (s *Store) refreshToken(entry string, r *record) (string, error) {
	if !r.Keyring {
		return r.Refresh, nil
	}
	secret, err := recall(entry)
	if err != nil {
		return "", fault.New(fault.Failed, "the keyring does not give the refresh token: %w", err).
			WithHint("unlock the keyring, or sign in again and keep it in a file: "+variable+"=file psc login %s", s.address(entry))
	}
	return secret, nil
}

// expired returns the error if only the user can get another token.
func (s *Store) expired(entry string, r *record) error {
	again := s.address(entry)
	address, _, _ := strings.Cut(again, " ") // without the flags
	if r == nil {
		return fault.New(fault.Denied, "you are not signed in to %s", address).WithHint("psc login %s", again)
	}
	return fault.New(fault.Denied, "your sign-in to %s has expired", address).WithHint("psc login %s", again)
}

// address returns what psc login takes for an entry: an address, and flags if the cluster does not name the issuer.
func (s *Store) address(entry string) string {
	l, _ := s.Settings.Login(entry)
	return cmp.Or(l.Address, strings.TrimPrefix(entry, login.Prefix))
}
