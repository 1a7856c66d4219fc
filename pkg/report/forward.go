package report

// Forward is a port of an app that can be reached on this machine.
type Forward struct {
	App string `json:"app"`
	// Instance is the one that gets connections first: a later one may get them when this is not ready.
	Instance string `json:"instance"`
	Port     int    `json:"port"`
	// Address is where it can be reached: "localhost:8080".
	Address string `json:"address"`
	// URL is empty if the port is not named after HTTP.
	URL string `json:"url,omitempty"`
}

// Ref implements Item.
func (f Forward) Ref() string { return "app/" + f.App }
