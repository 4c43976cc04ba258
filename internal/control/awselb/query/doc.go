// Package query provides the wire side of the Classic ELB API 2012-06-01: it turns the AWS Query protocol's forms into
// typed requests, and typed results and errors into its XML.
//
// The API's handler calls it on the goroutine of each HTTP request: ReadBody, ParseForm and Decode on the way in,
// EncodeResult or EncodeError on the way out. Between them stands what the operations do, which is not here: this package
// knows no load balancer, keeps no state and opens nothing.
//
// There is one decoder and one encoder for all 29 operations. The shapes are Go structs, one file for each noun, whose
// tags give the wire name, what is required and what range is allowed; they are compiled once into tables (shape.go)
// that both directions walk, and operation.go lists which action has which request and result. Methods written for every
// operation would have been 29 chances to forget a limit; package encoding/xml would have left out what an empty list
// has to say with an empty element. A form is inserted into the request's own shape and not into a general tree, so a
// hostile one costs memory only for names that the operation has.
//
// A request is refused at its first fault, with the path of the parameter, its value and what is allowed. Names of
// parameters that an operation does not have are refused as well: a setting that is misspelt would otherwise be
// believed to be in use. What needs to know the state of things (does the load balancer exist, is the port taken) is
// left to the operations.
//
// Everything here is safe to call from anywhere; a request or a result belongs to whoever holds it.
//
// Limits: bodyBytesMax, parametersMax, nameBytesMax, valueBytesMax and listMax, each with its reason.
//
// It follows the ELB API reference 2012-06-01: common parameters and errors, the 29 actions and their data types.
package query
