// Package apiserver provides the HTTP server at api.address: who may come in, which of the APIs a path belongs to, and what
// is logged of it.
//
// `lull serve` calls Serve once; each request runs on a goroutine of net/http. What the APIs do is not here: the Classic ELB
// API and the OCI Load Balancer API are functions that take decoded requests, lull's own API a handler below /lull/v1/ that finds every request verified
// and its body whole. The table of routes (route.go) is all there is to routing. http.ServeMux was not taken because it answers a
// path that is not clean with a redirect, which a client would have to sign anew and which none of them does.
//
// Nothing that a request holds is acted on before its signature is verified. A request without one, or with one that cannot be right
// whatever its body is, is refused before its body is looked at: that is not even asked for (RFC 9110 §10.1.1), and what comes anyway is
// thrown away. With every refusal of somebody unknown the connection ends. The signature covers method, path, host, query and body, so a web page that makes a browser send a
// request here, to an address or to a name that was pointed here (DNS rebinding), achieves nothing: browsers hold no key, there
// are no cookies but the console's, and no answer allows another origin. The console, which is for browsers, is handed every request
// below /console/ as it comes and keeps sessions of its own. What a signature cannot do is keep others from reading along, so an address
// that other machines can reach takes TLS, or somebody who says that it does not.
//
// A key with the role administrator may do everything, one with read-only what changes nothing, and one with any other role
// nothing at all. AWS's signatures may be used again for as long as their date is good, as sigv4 explains. Of
// Oracle's a change is taken once (oci.go): its clients say with a token which requests are the same.
//
// A Server and its methods may be used from everywhere. The one lock, of the log's rate limit, is held for an addition.
//
// Limits: connectionsMax, requestsMax, headerBytesMax, the times in defaultLimits, 1 MiB of body (package sigv4) or what an
// operation of the OCI API takes, and signaturesMax. The connections
// are shared by all clients: whoever can reach the address can occupy each for as long as a head may take, but not make more
// of them. So the data plane loses nothing by it, and the APIs some of their speed.
//
// It follows the ELB API reference 2012-06-01 (common errors), the OCI API's errors and RFC 9110 and 9112 by way of net/http. HTTP/2 is off: every
// client of these APIs does without, and it has limits of its own to get right.
package apiserver
