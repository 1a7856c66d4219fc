package image

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/pscdev/psc/internal/fault"
)

// TestUnanswered holds that an error about a registry has its status or the network's, and neither requests nor pages.
func TestUnanswered(t *testing.T) {
	answers := map[string]func(http.ResponseWriter){
		"refused": func(w http.ResponseWriter) { w.WriteHeader(http.StatusUnauthorized) },
		"busy": func(w http.ResponseWriter) {
			w.WriteHeader(http.StatusTooManyRequests)
			_, _ = w.Write([]byte(`{"errors": [{"code": "TOOMANYREQUESTS", "message": "come back tomorrow"}]}`))
		},
		"proxy": func(w http.ResponseWriter) {
			w.WriteHeader(http.StatusForbidden)
			_, _ = w.Write([]byte("<html><body>blocked</body></html>"))
		},
		"absent": func(w http.ResponseWriter) { w.WriteHeader(http.StatusNotFound) },
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for repository, answer := range answers {
			if strings.Contains(r.URL.Path, "/"+repository+"/") {
				answer(w)
			}
		}
	}))
	defer server.Close()
	host := strings.Replace(strings.TrimPrefix(server.URL, "http://"), "127.0.0.1", "localhost", 1)
	for _, tt := range []struct{ image, want, hint string }{
		{host + "/refused:1", "registry " + host + " refuses: 401 Unauthorized", "psc registry login " + host},
		{host + "/busy:1", "registry " + host + " answers: 429 Too Many Requests, come back tomorrow", ""},
		{host + "/proxy:1", "registry " + host + " refuses: 403 Forbidden", "psc registry login " + host},
		{host + "/absent:1", "no such image: " + host + "/absent:1", "push it, or add --no-pin to use it without asking the registry"},
		{"localhost:1/web:1", "registry localhost:1 does not answer: dial tcp 127.0.0.1:1: connect: connection refused", ""},
		{"UPPER/web:1", `"UPPER/web:1" names no registry that can be asked`, ""},
	} {
		_, err := Resolve(t.Context(), tt.image, func() Logins { return nil })
		if err == nil || err.Error() != tt.want || fault.Of(err).Hint != tt.hint {
			t.Errorf("%s: got %v, hint %q, want %s, hint %q", tt.image, err, fault.Of(err).Hint, tt.want, tt.hint)
		}
		if absent := strings.Contains(tt.image, "absent"); errors.Is(err, ErrNone) != absent {
			t.Errorf("%s: is ErrNone: %t, want %t", tt.image, !absent, absent)
		}
	}
}
