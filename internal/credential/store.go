// Package credential keeps what an OpenID Connect issuer has issued for a sign-in, and renews it.
//
//	Probe -- a sign-in -- Hold -- Save --> file, keyring -- Token --> issuer -- Revoke
//
// A sign-in belongs to an entry of the kubeconfig, so that one issuer can have several accounts. The settings file says who issued
// it. The token, which is short-lived, is in a file that only the user can read. The refresh token is in the keyring of the system,
// or else in the same file: a keyring is slow, may be locked, and has no room for the tokens of users with many groups.
//
// Most issuers accept a refresh token once, so that two processes must never use the same one, and the answer must not be lost. A
// renewal holds a lock until the answer is written, finds out first that it can be written, and is not interrupted.
package credential

import (
	"encoding/json"
	"errors"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"github.com/pscdev/psc/internal/config"
	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/internal/login"
	"github.com/pscdev/psc/internal/userfile"
)

// Store has the sign-ins of a user. It is safe for concurrent use.
type Store struct {
	// Settings have the issuers of the sign-ins.
	Settings *config.Settings
	// Now is the clock.
	Now func() time.Time
	// Waits is called with the holder when a renewal waits for another process. It may be nil.
	Waits func(holder string)

	keyring bool // the result of Probe: new refresh tokens are kept in the keyring
	mu      sync.Mutex
	known   map[string]*record // what this process has read or written
	held    map[string]*held
	busy    sync.Mutex // from the request of a renewal until its answer is written
}

// held is a sign-in that was made in this process.
type held struct {
	login config.Login
	record
	saved bool
}

// record is the file of a sign-in. The kind of its fields is fixed: another version of psc may read them.
type record struct {
	// Issuer and ClientID are those of the tokens. A refresh token is never sent to another issuer that the settings may name.
	Issuer   string    `json:"issuer"`
	ClientID string    `json:"clientID"`
	How      string    `json:"how,omitempty"`
	Token    string    `json:"token,omitempty"`
	Issued   time.Time `json:"issued,omitzero"`
	Until    time.Time `json:"until,omitzero"`
	// Refresh is the refresh token; with Keyring it is in the keyring instead.
	Refresh string `json:"refreshToken,omitempty"`
	Keyring bool   `json:"keyring,omitempty"`
}

// early is how long before its end a token is renewed, so that a request does not arrive after the end.
const early = time.Minute

// renewAt is when a token is renewed: early, or after three quarters of a short life.
func (r *record) renewAt() time.Time {
	return r.Until.Add(-min(early, r.Until.Sub(r.Issued)/4))
}

// fresh reports whether a token can be used without renewing it.
func (r *record) fresh(now time.Time, rejected string) bool {
	return r.Token != "" && r.Token != rejected && now.Before(r.renewAt())
}

// lasts reports whether a token can be used if there is no other.
func (r *record) lasts(now time.Time, rejected string) bool {
	return r.Token != "" && r.Token != rejected && now.Before(r.Until)
}

// Hold makes a sign-in known to this process alone: it is not written yet. address is what the user gave to psc login.
func (s *Store) Hold(entry, address string, issuer login.Issuer, tokens login.Tokens) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held == nil {
		s.held = map[string]*held{}
	}
	h := &held{login: config.Login{
		Name: entry, Address: address, Issuer: issuer.URL, ClientID: issuer.ClientID, Scopes: issuer.Scopes, Authority: string(issuer.Authority),
	}, record: record{Issuer: issuer.URL, ClientID: issuer.ClientID, How: tokens.How}}
	h.take(tokens, s.Now())
	s.held[entry] = h
}

// unsaved returns the sign-in of an entry that is only held, or nil.
func (s *Store) unsaved(entry string) *record {
	if h := s.held[entry]; h != nil && !h.saved {
		return &h.record
	}
	return nil
}

func (s *Store) remember(entry string, r *record) {
	if s.known == nil {
		s.known = map[string]*record{}
	}
	s.known[entry] = r
}

// take puts new tokens into a record. An issuer need not issue another refresh token.
func (r *record) take(t login.Tokens, now time.Time) {
	r.Token, r.Issued, r.Until = t.ID, now.UTC(), t.Until.UTC().Truncate(time.Second)
	if t.Refresh != "" {
		r.Refresh = t.Refresh
	}
}

// Save writes a sign-in that Hold has made known. It does nothing for other entries.
func (s *Store) Save(entry string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.held[entry]
	if h == nil {
		return nil
	}
	if err := s.Settings.KeepLogin(h.login); err != nil {
		return err
	}
	path, unlock, err := s.lock(entry)
	if err != nil {
		return err
	}
	defer unlock()
	before, err := read(path) // one that cannot be read is replaced
	made := h.record
	if s.keyring && made.Refresh != "" {
		made.hide(entry)
	}
	if err == nil && before != nil && before.Keyring && !made.Keyring {
		_ = forget(entry)
	}
	if err := write(path, &made); err != nil {
		return err
	}
	h.saved = true
	s.remember(entry, &made)
	return nil
}

// lock locks the file of a sign-in.
func (s *Store) lock(entry string) (path string, unlock func(), err error) {
	if path, err = file(entry); err != nil {
		return "", nil, err
	}
	unlock, err = userfile.Lock(path, userfile.Patience{Notice: s.Waits})
	return path, unlock, unwritten(err)
}

func write(path string, r *record) error {
	data, err := json.Marshal(r) //nolint:gosec // the file is for the secrets
	if err != nil {
		return err
	}
	return unwritten(userfile.Replace(path, data))
}

// read returns the sign-in in a file; nil if there is none.
func read(path string) (*record, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil //nolint:nilnil // as the comment says
	}
	r := &record{}
	if err == nil {
		err = json.Unmarshal(data, r)
	}
	if err != nil {
		return nil, fault.New(fault.Failed, "read the sign-in in %s: %w", path, err).WithHint("psc login SERVER writes it again")
	}
	return r, nil
}

// unwritten adds the way out to an error of a write.
func unwritten(err error) error {
	if err == nil || fault.Of(err).Hint != "" {
		return err
	}
	return fault.New(fault.Failed, "write the sign-in: %w", err).
		WithHint("psc needs a folder that it can write to, with room for a file: set XDG_STATE_HOME to another one, then sign in again")
}

// file returns the path of the file of a sign-in.
func file(entry string) (string, error) {
	dir := os.Getenv("XDG_STATE_HOME")
	if !filepath.IsAbs(dir) { // a relative path has no meaning: https://specifications.freedesktop.org/basedir-spec/latest/
		var err error
		if dir, err = stateFolder(); err != nil {
			return "", fault.New(fault.Failed, "no folder for the sign-in: %w", err).WithHint("set XDG_STATE_HOME to a folder that you can write to")
		}
	}
	return filepath.Join(dir, "psc", url.QueryEscape(entry)+".json"), nil
}

// stateFolder returns the folder for what programs keep between two runs, and which does not belong on other machines.
func stateFolder() (string, error) {
	switch runtime.GOOS {
	case "windows":
		return os.UserCacheDir() // %LocalAppData%: the other one goes to other machines
	case "darwin":
		return os.UserConfigDir() // ~/Library/Application Support
	}
	home, err := os.UserHomeDir()
	return filepath.Join(home, ".local", "state"), err
}
