// Package wire provides the REST surface of the OCI Load Balancer API 20170115: it finds the operation that a method and a
// path name, turns headers, query and JSON body into a typed request, and typed results and errors into its JSON.
//
// The API's handler calls it on the goroutine of each HTTP request: Find, ReadBody and Decode on the way in, Encode,
// Accepted or Refused on the way out. Between them stands what the operations do, which is not here: this package knows
// no load balancer, keeps no state and opens nothing; randomness is an argument.
//
// There is one decoder and one encoder for all 61 operations. The models are Go structs, one file for each noun, whose
// tags give the wire name, what is required, which default stands in and what is allowed; they are compiled once into
// tables (schema.go) that both directions walk, and operation.go lists which operation has which query, body and result.
// Package encoding/json reads the tokens but fills no structs: it matches names without their case, takes the last of two
// equal names, and cannot tell which field was at fault in Oracle's words.
//
// Absent and null are the same and mean "not given", as the API has it; an empty string, list or map is a value. A field
// with a default has it when it was not given, so that what Decode returns for a replacing PUT is the whole new child;
// UpdateLoadBalancerDetails, which changes only what it names, has no defaults. Fields that a model does not have are
// tolerated, because clients are newer than servers. A name that is given twice in one object is refused: the API leaves
// open which value counts, and a setting must not depend on the reader.
//
// A request is refused at its first fault, with the path of the field, its value and what is allowed, in Oracle's words
// where clients look for them. What needs to know more than one document (is the backend set there, is the port taken,
// has the load balancer too many rules) is left to the operations.
//
// Everything here is safe to call from anywhere; a request or a result belongs to whoever holds it.
//
// Limits: pathBytesMax, queryBytesMax, bodyBytesMax, depthMax, valuesMax, stringMax, listMax, mapMax, pageBytesMax and
// requestIDMax, each with its reason.
//
// It follows the Load Balancing API reference 20170115 and the models of Oracle's Go SDK; paths are RFC 3986 §3.3, JSON
// is RFC 8259.
package wire
