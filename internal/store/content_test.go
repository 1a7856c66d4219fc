package store

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"path"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/pscdev/psc/internal/kube"
	"github.com/pscdev/psc/pkg/pod"
)

// open returns the store of a pod whose API server is handler.
func open(t *testing.T, handler http.HandlerFunc) *Store {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	client, err := kube.Connect(kube.Options{Config: &clientcmdapi.Config{
		CurrentContext: "c", Contexts: map[string]*clientcmdapi.Context{"c": {Cluster: "c"}},
		Clusters: map[string]*clientcmdapi.Cluster{"c": {Server: server.URL}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	return Open(client, "shop", time.Now)
}

// Verify reads an object once, also if several specs and keys refer to it, and returns the problems of each spec.
func TestVerify(t *testing.T) {
	same, lost, wrong := pod.ContentOf([]byte("same")), pod.ContentOf([]byte("lost")), pod.ContentOf([]byte("wrong"))
	var content Content
	content.File("web", "same", same)
	version := content.Values("db", map[string][]byte{"url": []byte("x"), "user": []byte("y")})
	damaged := configMap("web", "wrong", wrong)
	damaged.Data["wrong"] = "else"
	stored := map[string]any{damaged.Name: damaged}
	for _, o := range content.objects {
		switch o := o.(type) {
		case *corev1.ConfigMap:
			stored[o.Name] = o
		case *corev1.Secret:
			stored[o.Name] = o
		}
	}
	var mu sync.Mutex
	reads := map[string]int{}
	s := open(t, func(w http.ResponseWriter, r *http.Request) {
		name := path.Base(r.URL.Path)
		mu.Lock()
		reads[name]++
		mu.Unlock()
		w.Header().Set("Content-Type", "application/json")
		answer, ok := stored[name]
		if !ok {
			answer = apierrors.NewNotFound(schema.GroupResource{}, name).Status()
			w.WriteHeader(http.StatusNotFound)
		}
		switch o := answer.(type) {
		case *corev1.ConfigMap:
			o.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"}
		case *corev1.Secret:
			o.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"}
		}
		if err := json.NewEncoder(w).Encode(answer); err != nil {
			t.Error(err)
		}
	})
	config := pod.Ref{Kind: pod.KindConfig, Name: "web"}
	secret := pod.Ref{Kind: pod.KindSecret, Name: "db"}
	got, _, err := s.Verify(t.Context(),
		pod.Spec{config: &pod.Config{Files: map[string]pod.Content{"same": same}}, secret: &pod.Secret{Keys: map[string]string{"url": version, "user": version}}},
		pod.Spec{config: &pod.Config{Files: map[string]pod.Content{"lost": lost, "same": same}}, secret: &pod.Secret{Keys: map[string]string{"none": version}}},
		pod.Spec{config: &pod.Config{Files: map[string]pod.Content{"wrong": wrong}}},
	)
	if err != nil {
		t.Fatal(err)
	}
	want := []pod.Problems{
		nil,
		{
			{Path: "config/web spec.files.lost", Message: "this pod does not have its content, the ConfigMap " + lost.Object("web", "lost") + ": set it again", Next: pod.Next{Do: pod.DoSet, Kind: pod.KindConfig, Name: "web", Set: map[string]string{"lost": ""}}},
			{Path: "secret/db spec.keys.none", Message: "its content, the Secret db-" + version + ", has no such key"},
		},
		{
			{Path: "config/web spec.files.wrong", Message: "its content, the ConfigMap " + damaged.Name + ", is damaged: the bytes do not have the digest sha256:" + wrong.SHA256},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	for name, n := range reads {
		if n != 1 {
			t.Errorf("%s was read %d times", name, n)
		}
	}
}
