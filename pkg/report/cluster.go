package report

import "strings"

// OfferState says whether a cluster has something.
type OfferState string

// The states of an Offer.
const (
	OfferYes OfferState = "yes"
	OfferNo  OfferState = "no"
	// OfferUnknown is the state of something that the user may not look at.
	OfferUnknown OfferState = "unknown"
)

// Offer is something that a cluster may have for the users of psc.
type Offer struct {
	Name   string     `json:"name"`
	State  OfferState `json:"state"`
	Detail string     `json:"detail,omitempty"`
	// Next is a command that adds it, or what else to do.
	Next string `json:"next,omitempty"`
}

// Cluster is what a cluster has for the users of psc.
type Cluster struct {
	Context string `json:"context"`
	Server  string `json:"server"`
	// Version is that of Kubernetes: "v1.36.3".
	Version string  `json:"version"`
	Offers  []Offer `json:"offers"`
}

// Ref names a cluster by its context: "cluster/staging".
func (c Cluster) Ref() string { return "cluster/" + c.Context }

// SetupStep says what a setup does with an object.
type SetupStep string

// The steps of a setup.
const (
	SetupCreate    SetupStep = "create"
	SetupUpdate    SetupStep = "update"
	SetupUnchanged SetupStep = "unchanged"
	SetupDelete    SetupStep = "delete"
	// SetupKeep leaves an object that a removal does not delete: psc did not create it, or others use it.
	SetupKeep SetupStep = "keep"
)

// SetupObject is an object of a setup.
type SetupObject struct {
	Step      SetupStep `json:"step"`
	Kind      string    `json:"kind"`
	Namespace string    `json:"namespace,omitempty"`
	Name      string    `json:"name"`
	Purpose   string    `json:"purpose,omitempty"`
}

// Ref names the object: "configmap/psc-platform".
func (o SetupObject) Ref() string { return strings.ToLower(o.Kind) + "/" + o.Name }

// Setup is what a setup of a cluster writes, or what its removal deletes.
type Setup struct {
	Context string        `json:"context"`
	Objects []SetupObject `json:"objects"`
	// DryRun is set if nothing was written.
	DryRun bool `json:"dryRun,omitempty"`
}
