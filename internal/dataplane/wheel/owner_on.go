//go:build invariants

package wheel

// owner is what a Node knows of the wheel it is in, so that misuse is found where it happens.
type owner struct{ wheel *Wheel }

func (o *owner) arm(w *Wheel) { o.wheel = w }

func (o *owner) disarm() { o.wheel = nil }

// checkNode panics unless n is either not armed, or armed in w with neighbours that agree.
func (w *Wheel) checkNode(n *Node) {
	switch {
	case n == nil:
		panic("wheel: nil node")
	case !n.Armed() && n.prev == nil && n.wheel == nil:
	case n.wheel != w:
		panic("wheel: node is armed in another wheel")
	case !n.Armed() || n.next.prev != n || n.prev.next != n:
		panic("wheel: armed node was moved or overwritten")
	}
}
