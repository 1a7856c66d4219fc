package rollout

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pscdev/psc/pkg/health"
	"github.com/pscdev/psc/pkg/pod"
)

// An app that crashes is not given up while another app may heal it, and is restarted once when the others are ready. When
// nothing can heal it, the deploy ends at once.
func TestPatience(t *testing.T) {
	const (
		ready, starting = "ready", "starting"
		crashes, fails  = "crashes", "fails" // fails for another reason
		waits           = "waits"            // has crashed, and is not given up
		again           = "again"            // is restarted
		gone            = "gone"             // is given up
	)
	for name, test := range map[string]struct {
		// steps are the states of the apps a, b and c, one after the other, and wants what judge makes of them.
		steps, wants [][3]string
		needs        string // the app that c needs
	}{
		"nothing can heal it":         {steps: [][3]string{{crashes, ready, ready}}, wants: [][3]string{{gone, ready, ready}}},
		"all crash":                   {steps: [][3]string{{crashes, crashes, ready}}, wants: [][3]string{{gone, gone, ready}}},
		"another fails for ever":      {steps: [][3]string{{crashes, starting, fails}}, wants: [][3]string{{gone, starting, gone}}},
		"the other needs it":          {steps: [][3]string{{crashes, ready, starting}}, wants: [][3]string{{gone, ready, starting}}, needs: "a"},
		"the other needs one that is": {steps: [][3]string{{crashes, starting, starting}}, wants: [][3]string{{waits, starting, starting}}, needs: "a"},
		"the other becomes ready": {
			steps: [][3]string{{crashes, starting, ready}, {starting, starting, ready}, {crashes, ready, ready}, {starting, ready, ready}, {ready, ready, ready}},
			wants: [][3]string{{waits, starting, ready}, {waits, starting, ready}, {again, ready, ready}, {starting, ready, ready}, {ready, ready, ready}},
		},
		"it still crashes then": {
			steps: [][3]string{{crashes, starting, ready}, {crashes, ready, ready}, {crashes, ready, ready}},
			wants: [][3]string{{waits, starting, ready}, {again, ready, ready}, {gone, ready, ready}},
		},
		"the other crashes too": {
			steps: [][3]string{{crashes, starting, ready}, {crashes, crashes, ready}},
			wants: [][3]string{{waits, starting, ready}, {gone, gone, ready}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := &pod.App{}
			if test.needs != "" {
				c.Env = map[string]pod.EnvValue{"NEEDS": {App: test.needs}}
			}
			refs := []pod.Ref{{Kind: pod.KindApp, Name: "a"}, {Kind: pod.KindApp, Name: "b"}, {Kind: pod.KindApp, Name: "c"}}
			spec := pod.Spec{refs[0]: &pod.App{}, refs[1]: &pod.App{}, refs[2]: c}
			p := patience{}
			for i, step := range test.steps {
				statuses := make([]Status, len(step))
				for j, state := range step {
					of := map[string]health.Status{
						ready: {State: health.Ready}, starting: {State: health.Progressing},
						crashes: {State: health.Failed, Crashes: true}, fails: {State: health.Failed},
					}
					statuses[j] = Status{Ref: refs[j], Status: of[state]}
				}
				restart := p.judge(spec, statuses)
				var got [3]string
				for j, s := range statuses {
					switch {
					case s.State == health.Failed:
						got[j] = gone
					case len(restart) > 0 && restart[0] == s.Ref:
						got[j] = again
					case s.State == health.Progressing && s.Reason != "":
						got[j] = waits
					case s.State == health.Progressing:
						got[j] = starting
					default:
						got[j] = ready
					}
				}
				if diff := cmp.Diff(test.wants[i], got); diff != "" {
					t.Errorf("step %d: -want +got\n%s", i, diff)
				}
			}
		})
	}
}
