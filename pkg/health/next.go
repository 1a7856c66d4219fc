package health

import "github.com/pscdev/psc/pkg/pod"

// set changes one field of the resource; the person chooses the value if it is empty.
func (i instance) set(field, value string) []pod.Next {
	return setFields(i.of, map[string]string{field: value})
}

func setFields(of pod.Ref, fields map[string]string) []pod.Next {
	return []pod.Next{{Do: pod.DoSet, Kind: of.Kind, Name: of.Name, Set: fields, Deploy: true}}
}

// ask is for what only an admin of the cluster can do.
func ask(note string) []pod.Next { return []pod.Next{{Do: pod.DoAsk, Note: note}} }

// outside is for what psc does not do, such as building an image.
func outside(note string) []pod.Next { return []pod.Next{{Do: pod.DoOutside, Note: note}} }

func askAdmin() []pod.Next { return ask("ask an admin of the cluster") }

// smaller lets the instances of a resource fit into a quota or onto a node.
func smaller(of pod.Ref) []pod.Next {
	return setFields(of, map[string]string{"cpu": "", "memory": ""})
}

// scale lets an app fit into a quota that limits the number of instances. A job cannot run with fewer.
func scale(of pod.Ref) []pod.Next {
	if of.Kind != pod.KindApp {
		return nil
	}
	return []pod.Next{{Do: pod.DoScale, Kind: of.Kind, Name: of.Name, Set: map[string]string{"instances": ""}, Deploy: true}}
}

func largerQuota() []pod.Next { return ask("ask for a larger quota") }

// recreate writes an object again that someone deleted.
func recreate() []pod.Next { return []pod.Next{{Do: pod.DoDeploy, Note: "recreate it"}} }

// foreign is about something that psc never writes.
func foreign() []pod.Next { return []pod.Next{{Do: pod.DoDrift, Note: "see who added it"}} }

// missing restores the Secret or ConfigMap that a message says is missing.
func missing(message string) []pod.Next {
	switch {
	case has(message, "secret", "Secret"):
		return []pod.Next{
			{Do: pod.DoSet, Kind: pod.KindSecret, Note: "set it again"},
			{Do: pod.DoList, Kind: pod.KindSecret, Note: "see which secrets exist"},
		}
	case has(message, "configmap", "ConfigMap"):
		return []pod.Next{{Do: pod.DoList, Kind: pod.KindConfig, Note: "see which configs exist"}}
	}
	return nil
}
