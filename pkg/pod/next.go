package pod

import "fmt"

// Do is what a next step does.
type Do string

// The next steps that there are. The resource of a step is its Kind and Name.
const (
	// DoSet changes the fields of Set.
	DoSet Do = "set"
	// DoScale sets the number of instances of an app, the field "instances" of Set.
	DoScale Do = "scale"
	// DoClear removes the fields of Set, so that they get their defaults.
	DoClear Do = "clear"
	// DoCreate creates a resource with the fields of Set.
	DoCreate Do = "create"
	// DoEdit edits a resource, where no flag changes the field.
	DoEdit Do = "edit"
	// DoShow shows a resource.
	DoShow Do = "show"
	// DoLogs shows what the run with the Name has printed.
	DoLogs Do = "logs"
	// DoList lists the resources of the kind.
	DoList Do = "list"
	// DoDeploy deploys the newest revision.
	DoDeploy Do = "deploy"
	// DoRedeploy deploys the live revision again, which undoes what was changed by hand.
	DoRedeploy Do = "redeploy"
	// DoDrift shows what was changed by hand in the cluster.
	DoDrift Do = "drift"
	// DoAsk asks an admin of the cluster for what the Note says.
	DoAsk Do = "ask"
	// DoOutside is done without psc, as the Note says: to an image, or to the code in it.
	DoOutside Do = "outside"
)

// Next is one step that may solve a problem, as a value: a command line words it as a command, a web page as a button.
// The zero Next is none.
type Next struct {
	Do   Do   `json:"do"`
	Kind Kind `json:"kind,omitempty"`
	// Name is empty where the step has no resource, or where the person has to choose it.
	Name string `json:"name,omitempty"`
	// Set holds fields by their path in the spec ("health.path"), each with the value that it should get; a value is
	// empty where the person has to choose it. For a secret, the fields are its keys, and the values are always empty.
	Set map[string]string `json:"set,omitempty"`
	// Deploy says that the change only helps once it is deployed.
	Deploy bool `json:"deploy,omitempty"`
	// Note says what the step is good for, as a phrase in the imperative: "recreate it". It is empty where the rest
	// says enough, and never for DoAsk and DoOutside.
	Note string `json:"note,omitempty"`
}

// addNext adds a problem that has a next step.
func (p *problems) addNext(path string, next Next, format string, args ...any) {
	*p = append(*p, Problem{Path: path, Message: fmt.Sprintf(format, args...), Next: next})
}
