package revision_test

import (
	"testing"

	"github.com/pscdev/psc/pkg/pod"
	"github.com/pscdev/psc/pkg/revision"
)

func TestMisattributed(t *testing.T) {
	set := func(app string, fields pod.Fields) pod.Change {
		return pod.Change{Edits: []pod.Edit{{Verb: pod.Set, Kind: pod.KindApp, Name: app, Fields: fields}}}
	}
	all := []revision.Revision{
		{Number: 1, Author: "alice", Edits: set("web", pod.Fields{"instances": 2, "size": "large"})},
		{Number: 2, Author: "alice", Edits: set("web", pod.Fields{"size": "small"})},
		{Number: 3, Author: "bob", Edits: set("api", pod.Fields{"instances": 3})},
		{Number: 4, Author: "alice", Edits: set("api", pod.Fields{"instances": 4})},
	}
	for name, test := range map[string]struct {
		r    revision.Revision
		want string
	}{
		"the author wrote it":                     {revision.Revision{Author: "alice"}, ""},
		"a rebase":                                {revision.Revision{Replaces: []int{1}, Edits: all[0].Edits}, ""},
		"a rebase of a removed draft":             {revision.Revision{Replaces: []int{9}, Edits: all[0].Edits}, ""},
		"reduced by a newer change of the author": {revision.Revision{Replaces: []int{1}, Edits: set("web", pod.Fields{"instances": 2})}, ""},
		"no draft is replaced":                    {revision.Revision{}, "bob wrote it in the name of alice, and it replaces no draft"},
		"a draft of another author":               {revision.Revision{Replaces: []int{3}, Edits: all[2].Edits}, "bob wrote it in the name of alice, and it replaces r3 by bob"},
		"another resource":                        {revision.Revision{Replaces: []int{1}, Edits: set("db", pod.Fields{"instances": 2})}, "bob wrote it in the name of alice, and it is not the change of r1"},
		"another value":                           {revision.Revision{Replaces: []int{4}, Edits: set("api", pod.Fields{"instances": 9})}, "bob wrote it in the name of alice, and it is not the change of r4"},
	} {
		t.Run(name, func(t *testing.T) {
			test.r.Number = 5
			if test.r.Author == "" {
				test.r.Author, test.r.WrittenBy = "alice", "bob"
			}
			if got := revision.Misattributed(test.r, all); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}
