// Package ociapi provides the front door of the OCI Load Balancing API 20170115: its load balancers as documents, the 61 operations on
// them, the work requests that carry out the changes, and their compilation to a plan.
//
// The API server calls Do with each decoded request on the goroutine of its HTTP request. Reads take an immutable snapshot of all
// documents and no lock. A change is accepted first and done afterwards, as in Oracle's cloud: what can be found wrong with it
// without doing it is the answer at once, and nothing is changed; otherwise it is stored as a work request, whose id is the
// answer, and one worker does them in the order in which they came.
//
// The function of an operation changes a clone of the document and is called twice: when the request comes, on the document as it will
// be once all that was accepted before has been done; and when its turn has come, on the document in force. Nearly always the two are
// the same. They differ when something before it has failed, and then the second call finds what is wrong by itself. So clients may
// send changes that build on each other without waiting, and a precondition (if-match) covers what others have been promised, not only
// what has been done.
//
// A change and the end of its work request are one transaction of the store. A crash leaves accepted work requests, which are done
// after the next start, and no half ones. A store that refuses (a full disk) keeps the worker trying: what was accepted is neither
// lost nor called failed.
//
// A document is what the API has to tell again; the plan is compiled from it and never read back (ADR 0003).
//
// What is outside is seen through small interfaces: what runs, what health checks say, which certificate an id names.
//
// Acceptance holds one mutex, the worker another while the data plane and the store work: nobody who asks for a change waits until
// an earlier one is done (service.go has their order).
//
// Limits: those of the API (quota.go), of work requests (workrequest.go) and of the store.
//
// Follows the Load Balancing API reference 20170115, the models of Oracle's Go SDK and the Load Balancer documentation. Where they are
// silent, the comment at the place says what was chosen.
package ociapi
