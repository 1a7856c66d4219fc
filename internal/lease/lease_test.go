package lease

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/pscdev/psc/internal/kube"
	"github.com/pscdev/psc/pkg/object"
)

// server is an API server that knows one Lease, and refuses writes of another version than the current one.
type server struct {
	mu      sync.Mutex
	lease   *coordinationv1.Lease
	version int
	reads   int
}

// ServeHTTP implements http.Handler.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.Method == http.MethodGet {
		s.reads++
	}
	var sent coordinationv1.Lease
	refused := metav1.StatusReason("")
	switch {
	case r.Method != http.MethodGet && json.NewDecoder(r.Body).Decode(&sent) != nil:
		refused = metav1.StatusReasonBadRequest
	case r.Method == http.MethodPost && s.lease != nil:
		refused = metav1.StatusReasonAlreadyExists
	case r.Method != http.MethodPost && s.lease == nil:
		refused = metav1.StatusReasonNotFound
	case r.Method == http.MethodPut && sent.ResourceVersion != s.lease.ResourceVersion:
		refused = metav1.StatusReasonConflict
	case r.Method != http.MethodGet:
		s.version++
		sent.ResourceVersion = strconv.Itoa(s.version)
		s.lease = &sent
	}
	w.Header().Set("Content-Type", "application/json")
	if refused == "" {
		_ = json.NewEncoder(w).Encode(s.lease)
		return
	}
	code := map[metav1.StatusReason]int{
		metav1.StatusReasonBadRequest: http.StatusBadRequest, metav1.StatusReasonNotFound: http.StatusNotFound,
		metav1.StatusReasonAlreadyExists: http.StatusConflict, metav1.StatusReasonConflict: http.StatusConflict,
	}[refused]
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(metav1.Status{Status: metav1.StatusFailure, Reason: refused, Code: int32(code)})
}

func open(t *testing.T) *Lease {
	t.Helper()
	return openAt(t, &server{})
}

func openAt(t *testing.T, s *server) *Lease {
	t.Helper()
	front := httptest.NewServer(s)
	t.Cleanup(front.Close)
	client, err := kube.Connect(kube.Options{Config: &clientcmdapi.Config{
		Clusters:       map[string]*clientcmdapi.Cluster{"c": {Server: front.URL}},
		AuthInfos:      map[string]*clientcmdapi.AuthInfo{"u": {}},
		Contexts:       map[string]*clientcmdapi.Context{"c": {Cluster: "c", AuthInfo: "u"}},
		CurrentContext: "c",
	}})
	if err != nil {
		t.Fatal(err)
	}
	return Open(client, "shop", time.Now)
}

func lock(t *testing.T, l *Lease, id string, target int) *Lock {
	t.Helper()
	lock, err := l.Lock(t.Context(), Claim{ID: id, Target: target, Waiting: func(Holder) {}})
	if err != nil {
		t.Fatal(err)
	}
	lock.Hold(t.Context())
	return lock
}

func release(t *testing.T, l *Lock, settled bool) {
	t.Helper()
	if err := l.Release(t.Context(), settled); err != nil {
		t.Error(err)
	}
}

// One client has the right at a time. The number of the live revision stays when the right is released.
func TestLock(t *testing.T) {
	l := open(t)
	first := lock(t, l, "alice", 3)
	if err := first.SetLive(t.Context(), 3); err != nil {
		t.Error(err)
	}
	var held *HeldError
	if _, err := l.Lock(t.Context(), Claim{ID: "bob", Target: 4}); !errors.As(err, &held) || held.ID != "alice" || held.Target != 3 {
		t.Errorf("bob gets %v", err)
	}
	release(t, first, true)
	second := lock(t, l, "bob", 4)
	if second.Live() != 3 || second.Killed() != 0 || second.Times() != 2 {
		t.Errorf("live is r%d, r%d was killed, taken %d times", second.Live(), second.Killed(), second.Times())
	}
	release(t, second, true)
	if now, err := l.State(t.Context()); err != nil || now.Holder.ID != "" || now.Live != 3 || now.Newest != 4 {
		t.Errorf("the Lease says %+v: %v", now, err)
	}
}

// A client that has read the Lease a moment ago does not read it again, and still gets the right only if it is free now.
func TestKnown(t *testing.T) {
	front := &server{}
	l := openAt(t, front)
	release(t, lock(t, l, "alice", 3), true)
	read := func() {
		t.Helper()
		if now, err := l.State(t.Context()); err != nil || now.Holder.ID != "" {
			t.Fatalf("the Lease says %+v: %v", now, err)
		}
	}
	read()
	reads := front.reads
	release(t, lock(t, l, "alice", 4), true)
	if front.reads != reads {
		t.Errorf("read %d times", front.reads-reads)
	}
	read()
	other := openAt(t, front)
	bob := lock(t, other, "bob", 5)
	var held *HeldError
	if _, err := l.Lock(t.Context(), Claim{ID: "alice", Target: 6}); !errors.As(err, &held) || held.ID != "bob" {
		t.Errorf("alice gets %v", err)
	}
	release(t, bob, true)
	read()
	front.lease = nil // someone deletes it
	release(t, lock(t, l, "alice", 6), true)
}

// A deploy that was killed is remembered until one has made sure that no request of it matters. The dead holder can write
// nothing more to the Lease.
func TestKilled(t *testing.T) {
	l := open(t)
	dead := lock(t, l, "alice", 3)
	there, err := l.read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	second, err := l.take(t.Context(), there, Claim{ID: "bob", Target: 4})
	if err != nil {
		t.Fatal(err)
	}
	second.Hold(t.Context())
	if err := dead.SetLive(t.Context(), 3); !errors.Is(err, ErrLost) {
		t.Errorf("the dead holder wrote the Lease: %v", err)
	}
	for _, settled := range []bool{false, false, true} {
		if second.Killed() != 3 {
			t.Errorf("killed is r%d", second.Killed())
		}
		release(t, second, settled)
		second = lock(t, l, "carol", 5)
	}
	if second.Killed() != 0 {
		t.Errorf("killed is still r%d", second.Killed())
	}
	dead.stop()
	if err := dead.Release(t.Context(), true); err != nil && !errors.Is(err, ErrLost) {
		t.Error(err)
	}
	if now, err := l.State(t.Context()); err != nil || now.Holder.ID != "carol" {
		t.Errorf("the dead holder released the right of %q: %v", now.Holder.ID, err)
	}
	release(t, second, true)
}

// A write of our own whose answer was lost does not look like another holder.
func TestLostAnswer(t *testing.T) {
	l := open(t)
	ours := lock(t, l, "alice", 3)
	there, err := l.read(t.Context())
	if err == nil {
		_, err = l.update(t.Context(), there)
	}
	if err = errors.Join(err, ours.SetLive(t.Context(), 3)); err != nil {
		t.Error(err)
	}
	release(t, ours, true)
}

// A newer revision asks the holder to stop, and withdraws that when it no longer waits. An older one does not ask.
func TestSupersede(t *testing.T) {
	l := open(t)
	holding := lock(t, l, "alice", 3)
	next := func() int {
		now, err := l.State(t.Context())
		if err != nil {
			t.Error(err)
		}
		return now.Holder.Next
	}
	for target, want := range map[int]int{2: 0, 4: 4} {
		asked := -1
		_, err := l.Lock(t.Context(), Claim{
			ID: "bob", Target: target, Wait: time.Second / 2, Supersede: true, Waiting: func(Holder) { asked = next() },
		})
		if !errors.As(err, new(*HeldError)) || asked != want || next() != 0 {
			t.Errorf("r%d asks r3 to stop for r%d, and afterwards for r%d: %v", target, asked, next(), err)
		}
	}
	release(t, holding, true)
}

// A holder is dead when it has not renewed its Lease for a while, on the clock of the observer. What others note in the Lease
// does not keep it alive.
func TestDead(t *testing.T) {
	id, first, later := "alice", metav1.NowMicro(), metav1.NewMicroTime(time.Now().Add(time.Millisecond))
	o := &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{ResourceVersion: "7"}, Spec: coordinationv1.LeaseSpec{HolderIdentity: &id, RenewTime: &first}}
	seen := observation{renewed: holder(o).Renewed, since: time.Now().Add(-LostAfter)}
	o.ResourceVersion = "8"
	annotate(o, object.AnnotationNewest, 9)
	if !seen.dead(o) {
		t.Error("it is not dead although it has not renewed")
	}
	o.Spec.RenewTime = &later
	if seen.dead(o) {
		t.Error("it is dead although it has renewed")
	}
}

// A holder that has not renewed the Lease for a while does not know whether the right is still its own, and waits.
func TestHeld(t *testing.T) {
	l := &Lock{}
	now := time.Now()
	l.renewed.Store(&now)
	if err := l.Held(t.Context()); err != nil {
		t.Error(err)
	}
	long := now.Add(-stopAfter)
	l.renewed.Store(&long)
	ended, cancel := context.WithCancelCause(t.Context())
	cancel(ErrLost)
	if err := l.Held(ended); !errors.Is(err, ErrLost) {
		t.Errorf("got %v", err)
	}
}
