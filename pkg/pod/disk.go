package pod

import (
	"iter"

	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/validation"
)

// Disk is storage that outlives the instances that use it. It can grow but not shrink. A disk that is removed from the
// spec stays in the cluster with its data until it is deleted by name.
type Disk struct {
	// Size is the capacity, such as 10Gi.
	Size string `json:"size"`
	// Class is the StorageClass. The default is that of the cluster.
	Class string `json:"class,omitempty"`
	// Shared lets several apps, and several instances of an app, use the disk at once. Its class has to offer such disks
	// (ReadWriteMany). It cannot be changed later.
	Shared bool `json:"shared,omitempty"`
}

// Kind implements Resource.
func (*Disk) Kind() Kind { return KindDisk }

// Disk returns the disk with a name, or nil.
func (s Spec) Disk(name string) *Disk {
	d, _ := s[Ref{KindDisk, name}].(*Disk)
	return d
}

// Disks iterates over the disks, sorted by name.
func (s Spec) Disks() iter.Seq2[string, *Disk] { return each[*Disk](s) }

func (*Disk) refs(func(Kind, string)) {}

// Describe implements Resource. An example is "10Gi · shared".
func (d *Disk) Describe() string {
	text := d.Size
	if d.Class != "" {
		text += " · class " + d.Class
	}
	if d.Shared {
		text += " · shared"
	}
	return text
}

// Smaller reports whether a disk has a smaller size than another. An invalid size is never smaller.
func (d *Disk) Smaller(than *Disk) bool {
	mine, err := resource.ParseQuantity(d.Size)
	theirs, otherErr := resource.ParseQuantity(than.Size)
	return err == nil && otherErr == nil && mine.Cmp(theirs) < 0
}

func (d *Disk) problems(name string, _ Spec) []Problem {
	var p problems
	p.rule("metadata.name", name, validation.IsDNS1123Label, ruleName)
	if d.Size == "" {
		p.add("spec.size", "is missing: set a size such as 10Gi")
	}
	if q, ok := p.quantity("spec.size", d.Size, "10Gi"); ok && q.Cmp(resource.MustParse(minMemory)) < 0 {
		p.add("spec.size", "%q is less than %s: the units are Mi and Gi", d.Size, minMemory)
	}
	if d.Class != "" {
		p.domain("spec.class", d.Class)
	}
	return p
}
