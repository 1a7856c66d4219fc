// Package report holds what psc shows to people and scripts, as values.
//
//	workspace -- report --> view: a table, or -o json
//	                    --> console: a page
//
// The JSON of a report is part of psc's contract with scripts. A field that only people see has no JSON form.
package report

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/pscdev/psc/pkg/convert"
	"github.com/pscdev/psc/pkg/pod"
	"github.com/pscdev/psc/pkg/revision"
)

// List is the form of every list.
type List[T any] struct {
	Items []T `json:"items"`
}

// Item is one entry of a list. Ref returns its name for -o name: "app/web".
type Item interface{ Ref() string }

// Refs returns the refs of some items.
func Refs[T Item](items ...T) []string {
	refs := make([]string, len(items))
	for i, item := range items {
		refs[i] = item.Ref()
	}
	return refs
}

// Revision is a revision with its resources.
type Revision struct {
	revision.Revision
	Resources []pod.File `json:"resources"`
}

// Imported is a new draft, and what was left out of the objects that it was imported from, if any.
type Imported struct {
	revision.Revision
	LeftOut []convert.Left `json:"leftOut,omitempty"`
}

// History is a list of revisions.
type History struct {
	Items []revision.Revision `json:"items"`
	// Limit is how many revisions the history keeps, besides those that the pod needs.
	Limit int `json:"limit,omitempty"`
	// Missing are the numbers of revisions whose records are missing, although psc did not remove them.
	Missing []int `json:"missing,omitempty"`
}

// RevisionRefs returns the refs of revisions: "revision/7".
func RevisionRefs(all ...revision.Revision) []string {
	refs := make([]string, len(all))
	for i, r := range all {
		refs[i] = fmt.Sprintf("revision/%d", r.Number)
	}
	return refs
}

// Diff is how two revisions differ.
type Diff struct {
	From    int              `json:"from"`
	To      int              `json:"to"`
	Entries []revision.Entry `json:"entries"`
	// Restarts are the apps that a change restarts. It is set for one change, not for the difference of any two revisions.
	Restarts []string `json:"restarts,omitempty"`

	// URLs are the addresses of the routes of the newer revision, by the name of the route.
	URLs map[string][]string `json:"-"`
}

// Refs returns the resources that differ.
func (d Diff) Refs() []string {
	refs := make([]string, len(d.Entries))
	for i, e := range d.Entries {
		refs[i] = e.Ref().String()
	}
	return refs
}

// Pruned has the revisions and the content that were removed, or would be.
type Pruned struct {
	Revisions []int    `json:"revisions"`
	Content   []string `json:"content"`
	// Unseen is the kind of content that the user may not list, and that was left alone.
	Unseen string `json:"unseen,omitempty"`
}

// Refs returns the objects and revisions that were removed.
func (p Pruned) Refs() []string {
	refs := append([]string{}, p.Content...)
	for _, number := range p.Revisions {
		refs = append(refs, fmt.Sprintf("revision/%d", number))
	}
	return refs
}

// Damage is one thing that is damaged or missing in a revision.
type Damage struct {
	Number  int    `json:"number"`
	Path    string `json:"path,omitempty"`
	Message string `json:"message"`
}

// Verification has everything that is damaged or missing in some revisions.
type Verification struct {
	Items []Damage `json:"items"`
	// Unseen is the kind of content that the user may not read, and that was not checked.
	Unseen string `json:"unseen,omitempty"`
	// Read counts the revisions that were read, and Unsealed those of them that an older version of psc wrote: changes of their
	// records cannot be found.
	Read     int `json:"-"`
	Unsealed int `json:"-"`
}

// User is the signed-in user, with the current context and pod.
type User struct {
	User    string   `json:"user"`
	Groups  []string `json:"groups,omitempty"`
	Context string   `json:"context"`
	Server  string   `json:"server"`
	Pod     string   `json:"pod,omitempty"`
	// SignIn is how the user signs in: token, certificate, plugin, password, browser, code or service account.
	SignIn string `json:"signIn,omitempty"`
	// Until is when the sign-in ends; zero if only the cluster knows it.
	Until time.Time `json:"until,omitzero"`
	// Renews is true if psc gets another token from the issuer before that. Issuer is empty if it is not known.
	Renews bool   `json:"renews,omitempty"`
	Issuer string `json:"issuer,omitempty"`
	// Plugin is the program that provides the credentials, and Kept the file that has them. With Keyring the refresh token is in the
	// keyring of the system.
	Plugin  string `json:"plugin,omitempty"`
	Kept    string `json:"kept,omitempty"`
	Keyring bool   `json:"keyring,omitempty"`
	// Insecure is true if the certificate of the server is not checked.
	Insecure bool `json:"insecure,omitempty"`
}

// Ref implements Item.
func (u User) Ref() string { return "user/" + u.User }

// Pod is the workspace of a team.
type Pod struct {
	Name    string    `json:"name"`
	Context string    `json:"context"`
	Current bool      `json:"current,omitempty"`
	Created time.Time `json:"created,omitzero"`
	// Live is the number of the live revision, and Drafts is the number of waiting drafts.
	Live    int      `json:"live,omitempty"`
	Drafts  int      `json:"drafts,omitempty"`
	Apps    []string `json:"apps,omitempty"`
	Members []Member `json:"members,omitempty"`
	PodSettings
}

// PodSettings are the settings of a pod that are not part of its revisions.
type PodSettings struct {
	// Quota is what everything in the pod may use together: cpu (cores), memory and disk (bytes), instances.
	Quota map[string]Quota `json:"quota,omitempty"`
	// OtherQuotas are the names of the ResourceQuotas in the namespace that psc did not create.
	OtherQuotas []string `json:"otherQuotas,omitempty"`
	// DefaultSize is the size of an instance that others start without one.
	DefaultSize string `json:"defaultSize,omitempty"`
	// Security is the Pod Security level; "" if the default of the cluster applies.
	Security string `json:"security,omitempty"`
	// Isolation is one of the states below; "" if it is not known.
	Isolation string `json:"isolation,omitempty"`
	// Labels are the labels of the namespace, without those of psc and of Kubernetes.
	Labels map[string]string `json:"labels,omitempty"`
	// Changes are what a change of the settings changes.
	Changes []revision.Field `json:"changes,omitempty"`
}

// The states of the isolation of a pod, which keeps other pods from reaching its instances.
const (
	IsolationOn  = "on"
	IsolationOff = "off"
	// IsolationOld is that of a pod whose policy is not the one that psc would write now.
	IsolationOld = "outdated"
)

// Quota is one limit of a quota.
type Quota struct {
	// Used is nil if it is not known.
	Used  *float64 `json:"used,omitempty"`
	Limit float64  `json:"limit"`
}

// Over reports whether more is used than the quota allows.
func (q Quota) Over() bool { return q.Used != nil && *q.Used > q.Limit }

// QuotaNames returns the names of what a quota can limit, in the order in which people read them.
func QuotaNames() []string { return []string{"cpu", "memory", "instances", "disk"} }

// Ref implements Item.
func (p Pod) Ref() string { return "pod/" + p.Name }

// MemberKind is what a member of a pod is.
type MemberKind string

// The kinds of members.
const (
	MemberUser    MemberKind = "user"
	MemberGroup   MemberKind = "group"
	MemberAccount MemberKind = "serviceAccount"
)

// Member is a user, a group or a service account with a role in a pod.
type Member struct {
	Name string     `json:"name"`
	Kind MemberKind `json:"kind"`
	Role string     `json:"role"`
	// Binding is the RoleBinding that gives the role, if psc did not create it.
	Binding string `json:"binding,omitempty"`
}

// Account is what a program needs to sign in as the service account that was created for it.
type Account struct {
	// Kubeconfig is a file with the token, and Document the same as JSON.
	Kubeconfig string
	Document   json.RawMessage
	// Expires is when the token expires.
	Expires time.Time
	// Lacks are the rights that psc needs beyond the role, and that could not be given.
	Lacks []string
}

// Ref implements Item.
func (m Member) Ref() string { return "member/" + m.Name }

// Login is a registry login of a pod, without its password.
type Login struct {
	Server   string `json:"server"`
	Username string `json:"username,omitempty"`
}

// Ref implements Item.
func (l Login) Ref() string { return "registry/" + l.Server }

// Kind is a kind of resource.
type Kind struct {
	Name        string `json:"name"`
	Description string `json:"description"`
}

// Ref implements Item.
func (k Kind) Ref() string { return k.Name }

// Version is the version of psc.
type Version struct {
	Version  string `json:"version"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

// Ref implements Item.
func (v Version) Ref() string { return "version/" + v.Version }

// File is one resource or object as a file.
type File struct {
	// Kind is the first part of the file name: "app", "deployment".
	Kind, Name string
	// Document is the value for scripts, and Text is the content of the file.
	Document any
	Text     string
}

// Ref implements Item.
func (f File) Ref() string { return f.Kind + "/" + f.Name }

// Files returns the resources of a spec as files, in the order of pod.Spec.Refs.
func Files(spec pod.Spec) ([]File, error) {
	all := make([]File, 0, len(spec))
	for _, ref := range spec.Refs() {
		file := pod.FileOf(ref.Name, spec[ref])
		text, err := pod.Encode(file)
		if err != nil {
			return nil, err
		}
		all = append(all, File{Kind: ref.Kind.Word(), Name: ref.Name, Document: file, Text: string(text)})
	}
	return all, nil
}

// Stream returns files as one stream of YAML documents.
func Stream(all []File) string {
	var out strings.Builder
	for _, f := range all {
		out.WriteString("---\n" + f.Text)
	}
	return out.String()
}
