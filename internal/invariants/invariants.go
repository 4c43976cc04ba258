// Package invariants provides the switch for checks that are too dear for a release build: the build tag invariants.
//
// Any package may write `if invariants.Enabled { … }` round a check that panics on a broken invariant; without the tag
// the compiler drops the branch and what it calls. A constant rather than a variable or a flag, so that a check on a
// hot path costs nothing when it is off. It holds no state.
package invariants
