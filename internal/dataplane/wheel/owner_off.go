//go:build !invariants

package wheel

// owner is what a Node knows of the wheel it is in: nothing, unless the checks are compiled in.
type owner struct{}

func (owner) arm(*Wheel) {}

func (owner) disarm() {}

func (*Wheel) checkNode(*Node) {}
