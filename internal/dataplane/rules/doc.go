// Package rules provides what becomes of an HTTP request before a backend is chosen: conditions on its head, and the
// actions that they lead to.
//
// A front door compiles its documents to a Config and New makes a Table of it. The HTTP proxy asks Decide for every
// request on its loop and applies the Edits of the Table to both heads. Nothing here belongs to one cloud alone but the
// text of ParseCondition, which is OCI's routing policy language V1.
//
// # Design
//
// Decide asks in one order: form of the head, allowed addresses, allowed methods, redirects, routing rules, path routes,
// default. Refusals come first, so that a redirect tells nothing to a client that may not ask.
//
// A Condition is a tree in one slice, each node before its children, and is compiled to a list of comparisons: each says
// where to go on if it holds and if it does not, so that all, any and not cost nothing, and the rules of a Table are one such
// list. The alternative, a closure or an interface for each node, costs a call and a pointer each. Nothing is decoded
// ahead: query parameters are unescaped while they are compared, and what several rules ask for is looked up once.
//
// Letters are the same in both cases within ASCII only; other bytes are compared as they are. Paths are compared as they
// were sent, without taking "%61" for "a" or "/x/.." for "/": a backend may read them otherwise, so that a path guards nothing.
// The condition on the field Host sees the authority that is forwarded, not a field that an absolute target overrules.
//
// # Ownership
//
// Conditions, Tables and all that they are made of never change after they were made and may be used anywhere. A Request
// belongs to its caller, and nothing keeps it or its bytes.
//
// # Limits
//
// The text of a condition has at most ConditionBytesMax bytes, ConditionTermsMax terms and ConditionDepthMax levels; a
// Table has at most RulesMax rules of each kind and TermsMax terms in all. At most one side of a comparison has several
// values: a rule costs no more than its terms times the length of the head. Decide allocates nothing.
//
// # Specifications
//
// OCI Load Balancer: rule sets, redirects, path route sets, routing policy language V1, virtual hostnames. RFC 9110 (field names §5.1, field
// values §5.5, tokens §5.6.2, Allow §10.2.1, Location §10.2.2), RFC 6265 (Cookie §4.2), RFC 3986 (URI §3), and the URL
// Standard's application/x-www-form-urlencoded for query parameters.
package rules
