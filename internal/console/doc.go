// Package console provides the web console: pages on which people find their load balancers, change them, and watch connections
// live and die.
//
// The API server calls ServeHTTP for what is below /console/, on a goroutine of net/http for each request. Pages read the data plane through
// Engine and the plan in force, and change nothing but by the calls that the APIs make. They are html/template, written by the server
// and whole without scripts; htmx and one small script of lull's own add what moves. An application in the browser was not taken: it
// would need a build step, and a second notion of what is valid. Everything is embedded and nothing is loaded from elsewhere.
//
// # To add a page
//
//   - Put a directory below ui with a page.tmpl that defines "content", and a page.css if it needs one; the style is added to the one
//     sheet. No style attributes, no inline scripts: the policy blocks them, and a test fails.
//   - Write its handler in a file of its own, named like its siblings: a method of *visit that ends in v.show(page, section, title, data).
//     What is about one load balancer takes its names from the query (?load_balancer=…&listener=…), never from the path.
//   - Add a row to routes in route.go. get is open to every role; post is refused to those who may only read, and has been checked for
//     forgery by the time it is called, with v.r.PostForm parsed. Return refusal(status, …) for what people are to be told; any other error is logged
//     and shown as lull's own fault.
//   - In templates . is a frame: .Data is the page's own, .Writes says whether to draw buttons at all.
//   - What changes something through one of the APIs is an edit (edit.go): an awsEdit makes one call of the Classic ELB API, an ociEdit one
//     request of the OCI API. A builder makes it with the values in force, and has a row in awsEdits or ociEdits. All else is done
//     for it: showing the form (form.go) and taking it back, both values where somebody else was faster, a refusal at its
//     field, the command that does the same. Fields that are seldom needed go into a group, which is folded up while it holds nothing.
//   - What an edit does to what is open: its fate says what becomes of a connection (impact.go), and all that are open are asked before
//     it is saved, while somebody types and when it is carried out.
//   - To have a part move, define "live" in page.tmpl beside "content", which shows it with {{template "moving" .}}; add a row to livePages
//     (moving.go) and end the handler in v.moving. The same function makes the data for the page and for the stream, from a sample that
//     everybody shares; what looks for open connections is a finder and takes part in the one walk. Rows have a data-key. Forms and
//     buttons do not belong into that part, because all who look on are sent the same.
//   - A test asks each route as a stranger and as a reader, and every page for markup in names; add what the page promises.
//
// # Who may do what
//
// People log in with an access key, or once by a link that lull prints; the session is a signed id in a cookie, and what it stands for is in
// memory and ends with the process. Before anything is looked at, the host must be one that no other site can have (host.go); before
// anything is changed, the request must come from this origin, carry the session's token, and be sent by an administrator.
//
// # What it costs the data plane
//
// One goroutine samples the counters, once a second while somebody looks on, and makes each moving part once for all who watch it. Open
// connections are walked every second round for all lists together, and once for each list that is loaded, one walk at a time. Watching
// through a follower of the records for each reader was not taken: a hundred forgotten tabs would copy every record a hundred times.
//
// A Console may be used from everywhere; a visit belongs to its request. Each of sessions, links, attempts, sampler and hub has a lock of
// its own, held for moments and never together with another; the sampler's alone is held while the engine is asked for its counters.
// walking is held during a walk, and
// changing from the look at what is in force to the change that a form makes of it, with walks in between. What a form has the OCI API accept
// is followed for ociPatience without it.
//
// Limits: sessionsMax, linksMax, addressesMax, the attempts in attempts.go, streamsMax, streamsOfKeyMax, pointsMax, spansMax, countsMax, agesMax,
// connPagesMax, bodyBytesMax and queryBytesMax, and those of package apiserver, whose connections it shares. It follows the AWS and OCI consoles where they are documented (reference §13), RFC 6265bis
// for the cookie, and CSP level 3.
package console
