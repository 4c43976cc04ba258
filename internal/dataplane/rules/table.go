package rules

import (
	"fmt"

	"lull/internal/dataplane/http1"
)

// The limits on a table. 100 rules are what the cost of a request is measured with.
const (
	RulesMax = 1000
	TermsMax = 16 << 10
)

// NoSet stands for no backend set.
const NoSet = -1

// Config is what a Table is made of. Backend sets are numbers whose meaning is the caller's, NoSet aside.
type Config struct {
	Head      HeadForm
	Allow     []Condition // a request that meets none is refused with 403; without any, all are allowed
	Methods   *Methods    // nil allows all
	Redirects []Redirection
	Rules     []Rule // the first that holds decides
	Paths     []PathRoute
	Default   int // where the rest goes
}

// Rule leads requests that meet a condition to a backend set.
type Rule struct {
	Condition Condition
	Set       int
}

// Redirection answers requests for a path. Which of several counts is decided as between path routes.
type Redirection struct {
	Path  string
	Match PathMatch
	To    *Redirect
}

// Action is what becomes of a request.
type Action uint8

// The actions.
const (
	Forward Action = iota // to the decision's backend set
	Refuse                // answer with its status
	Answer                // answer with its redirect
)

// Cause says which part of a Table decided.
type Cause uint8

// The causes, in the order in which they are asked.
const (
	ByDefault   Cause = iota // nothing else did
	ByHead                   // the characters of a field's name
	ByAccess                 // no condition allows the client
	ByMethod                 // the method is not allowed
	ByRedirect               // a redirect
	ByRule                   // a rule
	ByPathRoute              // a path route
)

// Decision is what becomes of a request, and why.
type Decision struct {
	Action   Action
	Cause    Cause
	Index    int // of the rule or redirect in the Config, if it was one
	Set      int // of Forward; may be NoSet
	Status   int // of Refuse and Answer
	Redirect *Redirect
	Allow    string // what the field Allow of the answer has to say; no such field if it is empty
}

// Table decides what becomes of requests.
type Table struct {
	// Fixed after New.
	head      HeadForm
	allow     program
	guarded   bool // there are conditions in allow
	methods   *methodSet
	redirects []*Redirect
	paths     *Paths // of redirects, with indexes as targets
	rules     program
	sets      []int // of rules
	routes    *Paths
	fallback  int
}

// New returns the table for a config.
func New(c *Config) (*Table, error) {
	t := &Table{head: c.Head, fallback: c.Default}
	if _, err := c.Head.Limits(); err != nil {
		return nil, err
	}
	if err := checkSize(c); err != nil {
		return nil, err
	}
	var err error
	if c.Methods != nil {
		if t.methods, err = newMethodSet(c.Methods); err != nil {
			return nil, err
		}
	}
	if err = t.addRedirects(c.Redirects); err != nil {
		return nil, err
	}
	if len(c.Paths) > 0 {
		if t.routes, err = NewPaths(c.Paths); err != nil {
			return nil, err
		}
	}
	t.guarded = len(c.Allow) > 0
	trees := make([][]node, 0, len(c.Rules)+len(c.Allow))
	for _, condition := range c.Allow {
		trees = append(trees, condition.nodes)
	}
	shared := &places{}
	t.allow = compile(shared, trees...)
	trees = trees[:0]
	for _, r := range c.Rules {
		trees, t.sets = append(trees, r.Condition.nodes), append(t.sets, r.Set)
	}
	t.rules = compile(shared, trees...)
	return t, nil
}

func checkSize(c *Config) error {
	if len(c.Rules) > RulesMax || len(c.Allow) > RulesMax {
		return fmt.Errorf("%d rules and %d conditions on access, at most %d of each are allowed", len(c.Rules), len(c.Allow), RulesMax)
	}
	terms := 0
	for _, r := range c.Rules {
		terms += r.Condition.Terms()
	}
	for _, condition := range c.Allow {
		terms += condition.Terms()
	}
	if terms > TermsMax {
		return fmt.Errorf("the conditions have %d terms, at most %d are allowed", terms, TermsMax)
	}
	return nil
}

func (t *Table) addRedirects(redirects []Redirection) error {
	if len(redirects) == 0 {
		return nil
	}
	routes := make([]PathRoute, 0, len(redirects))
	for i, r := range redirects {
		if r.To == nil {
			return fmt.Errorf("redirect %d of %q leads nowhere", i+1, r.Path)
		}
		t.redirects = append(t.redirects, r.To)
		routes = append(routes, PathRoute{Path: r.Path, Match: r.Match, Target: i})
	}
	var err error
	if t.paths, err = NewPaths(routes); err != nil {
		return fmt.Errorf("redirects: %w", err)
	}
	return nil
}

// HeadLimits returns the limits by which heads are read (HeadForm).
func (t *Table) HeadLimits() http1.Limits {
	limits, _ := t.head.Limits() // which New has found to be possible
	return limits
}

// Decide returns what becomes of the request.
func (t *Table) Decide(r *Request) Decision {
	v := view{r: r, client: r.Client.Unmap()}
	v.path, v.query = r.split()
	if d, refused := t.refuses(&v); refused {
		return d
	}
	if t.paths != nil {
		if i, ok := t.paths.Find(v.path); ok {
			to := t.redirects[i]
			return Decision{Action: Answer, Cause: ByRedirect, Index: i, Set: NoSet, Status: to.status, Redirect: to}
		}
	}
	if i := v.run(&t.rules); i >= 0 {
		return Decision{Cause: ByRule, Index: i, Set: t.sets[i]}
	}
	if t.routes != nil {
		if set, ok := t.routes.Find(v.path); ok {
			return Decision{Cause: ByPathRoute, Set: set}
		}
	}
	return Decision{Set: t.fallback}
}

// refuses says whether the request is refused, and how.
func (t *Table) refuses(v *view) (Decision, bool) {
	r := v.r
	if !t.head.allows(r.Head, r.Bytes) {
		return Decision{Action: Refuse, Cause: ByHead, Set: NoSet, Status: 400}, true
	}
	if t.guarded && v.run(&t.allow) < 0 {
		return Decision{Action: Refuse, Cause: ByAccess, Set: NoSet, Status: 403}, true
	}
	if m := t.methods; m != nil && !m.has(r.Head.MethodText(r.Bytes)) {
		return Decision{Action: Refuse, Cause: ByMethod, Set: NoSet, Status: m.status, Allow: m.allow}, true
	}
	return Decision{}, false
}
