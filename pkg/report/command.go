package report

// Effect is what a command does besides its answer.
type Effect string

// The effects.
const (
	// EffectNone needs no cluster.
	EffectNone Effect = "none"
	// EffectRead only reads the cluster.
	EffectRead Effect = "read"
	// EffectSettings changes the settings file or the kubeconfig of the user.
	EffectSettings Effect = "settings"
	// EffectDraft adds a draft to the history, and with --deploy deploys it.
	EffectDraft Effect = "draft"
	// EffectDeploy changes what runs.
	EffectDeploy Effect = "deploy"
	// EffectInstance works in a running instance, or starts one.
	EffectInstance Effect = "instance"
	// EffectWrite changes something else in the cluster: members, logins, records.
	EffectWrite Effect = "write"
	// EffectDelete deletes what no rollback restores.
	EffectDelete Effect = "delete"
)

// Command describes a command.
type Command struct {
	// Name is its path without the program: "app create".
	Name string `json:"name"`
	// Usage is how it is written: "psc app create NAME --image IMAGE [flags]".
	Usage    string        `json:"usage"`
	Short    string        `json:"short"`
	Long     string        `json:"long,omitempty"`
	Aliases  []string      `json:"aliases,omitempty"`
	Effect   Effect        `json:"effect"`
	Examples []string      `json:"examples,omitempty"`
	Flags    []CommandFlag `json:"flags,omitempty"`
}

// CommandFlag describes a flag.
type CommandFlag struct {
	Name      string `json:"name"`
	Shorthand string `json:"shorthand,omitempty"`
	// Value is the name of its value: "IMAGE"; empty for a flag without one.
	Value   string `json:"value,omitempty"`
	Default string `json:"default,omitempty"`
	// Repeated flags may be given several times.
	Repeated bool   `json:"repeated,omitempty"`
	Usage    string `json:"usage"`
	// Section is the part of the help that has the flag.
	Section string `json:"section,omitempty"`
}

// Commands are the commands, and the flags that each of them takes besides its own.
type Commands struct {
	Items []Command     `json:"items"`
	Flags []CommandFlag `json:"flags"`
}

// Ref implements Item.
func (c Command) Ref() string { return "command/" + c.Name }
