package report

import "time"

// Event is what happened to the objects of a pod, once or several times.
type Event struct {
	FirstSeen time.Time `json:"firstSeen"`
	LastSeen  time.Time `json:"lastSeen"`
	// Warning means that something went wrong.
	Warning bool `json:"warning"`
	// App is empty for what belongs to no app.
	App string `json:"app,omitempty"`
	// Object is what it happened to, such as "pod/web-7d9f5c6b8-x2x9z"; empty for several.
	Object string `json:"object,omitempty"`
	// Instances counts the instances that it happened to.
	Instances int `json:"instances,omitempty"`
	Count     int `json:"count"`
	// Reason and Message are those of Kubernetes. The message is the last one.
	Reason  string `json:"reason"`
	Message string `json:"message"`
	// Text says it in psc's words, where it has some.
	Text string `json:"text"`
}

// Ref implements Item: the object, or for several the app, which may be "".
func (e Event) Ref() string {
	if e.Object == "" && e.App != "" {
		return "app/" + e.App
	}
	return e.Object
}
