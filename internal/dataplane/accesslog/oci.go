package accesslog

import (
	"encoding/binary"
	"hash/fnv"
	"io"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/record"
	"lull/internal/dataplane/tlspolicy"
)

// ociTime is RFC 3339 in UTC to the millisecond.
const ociTime = "2006-01-02T15:04:05.000Z"

// The kinds of an entry, which are a part of its id and of its type.
const (
	ociAccess = "access"
	ociError  = "error"
)

// An Owner is what the envelope of an entry in Oracle's format says of the load balancer. Its zero value is that of one which no API
// has made: its name stands for its OCID then.
type Owner struct {
	Name        string // that clients gave it
	ID          string // OCID
	Compartment string
	Tenancy     string
	Region      string
}

// appendOCI appends the entries of a connection: what Oracle logs of a TCP listener, and why it went wrong if it did. Those for
// exchanges have none, as each exchange has, unless they ended before there was one.
func appendOCI(dst []byte, c *record.Close) []byte { return appendOwnedClose(dst, c, Owner{}) }

// appendOCIExchange appends the entries of an exchange.
func appendOCIExchange(dst []byte, x *record.Exchange) []byte {
	return appendOwnedExchange(dst, x, Owner{})
}

// appendOCILost appends an entry of the error log that says how many records are missing here.
func appendOCILost(dst []byte, at time.Time, lost uint64) []byte {
	e := envelope{kind: ociError, at: at, id: [2]uint64{uint64(at.UnixNano()), lost}}
	o := e.open(dst)
	o.beginFault()
	o.buf = strconv.AppendUint(append(o.buf, "Missed "...), lost, 10)
	o.buf = append(o.buf, " access logs"...)
	o.endFault(at)
	return e.close(&o)
}

// appendOwned appends the entries of a record of a load balancer of which more is known than its name.
func appendOwned(dst []byte, e record.Entry, owner Owner) []byte {
	if e.Health != nil {
		return appendOwnedHealth(dst, e.Health, owner)
	}
	if e.Exchange != nil {
		return appendOwnedExchange(dst, e.Exchange, owner)
	}
	return appendOwnedClose(dst, e.Close, owner)
}

func appendOwnedClose(dst []byte, c *record.Close, owner Owner) []byte {
	if c.Pooled {
		return dst
	}
	e := envelope{kind: ociAccess, at: c.Closed, id: [2]uint64{uint64(c.Closed.UnixNano()), c.ID}, balancer: c.Ends.LoadBalancer, owner: owner}
	if !c.Ends.HTTP() {
		o := e.open(dst)
		o.backends(&c.Ends, c.ConnectTook)
		o.ociAddr("clientAddr", &c.Ends)
		o.str("lbStatusCode", ociTunnelStatus(c))
		o.str("listenerName", ociListener(&c.Ends))
		o.secured(&c.TLS.Front)
		o.ociTime("timestamp", c.Closed)
		dst = e.close(&o)
	}
	if ociCloseFaulty(c) {
		dst = e.appendFault(dst, c.Reason, &c.Ends, c.TLS.Fault)
	}
	return dst
}

func appendOwnedExchange(dst []byte, x *record.Exchange, owner Owner) []byte {
	e := envelope{kind: ociAccess, at: x.Ended, balancer: x.Ends.LoadBalancer, owner: owner}
	e.id = [2]uint64{uint64(x.Ended.UnixNano()), x.Conn<<20 ^ uint64(max(x.Number, 0))}
	o := e.open(dst)
	o.backends(&x.Ends, connectOf(x))
	o.ociSpan("backendProcessingTime", processedFor(x))
	o.ociStatus("backendStatusCode", x.BackendStatus)
	o.ociAddr("clientAddr", &x.Ends)
	o.str("forwardedForAddr", cut(x.Forwarded))
	o.str("host", cut(x.Host))
	o.ociStatus("lbStatusCode", x.Status)
	o.str("listenerName", ociListener(&x.Ends))
	o.ociUint("receivedBytes", x.BytesUp)
	o.key("request")
	o.buf = append(o.buf, '"')
	if x.Method != "" {
		o.buf = append(appendEscaped(o.buf, cut(x.Method)), ' ')
		o.buf = append(appendEscaped(o.buf, cut(x.Target)), " HTTP/1."...)
		o.buf = strconv.AppendInt(o.buf, int64(x.Minor), 10)
	}
	o.buf = append(o.buf, '"')
	o.ociSpan("requestProcessingTime", x.Took)
	o.ociUint("sentBytes", x.BytesDown)
	o.secured(&x.TLS.Front)
	o.ociTime("timestamp", x.Ended)
	o.str("userAgent", cut(x.UserAgent))
	dst = e.close(&o)
	if ociExchangeFaulty(x) {
		dst = e.appendFault(dst, x.Reason, &x.Ends, x.TLS.Fault)
	}
	return dst
}

// appendOCIHealth appends the entry of the error log for a backend that went out of service or came back.
func appendOCIHealth(dst []byte, h *record.HealthChange) []byte {
	return appendOwnedHealth(dst, h, Owner{})
}

func appendOwnedHealth(dst []byte, h *record.HealthChange, owner Owner) []byte {
	which := fnv.New64a()
	_, _ = io.WriteString(which, h.LoadBalancer+"/"+h.Set+"/"+h.Backend) // a hash takes everything
	e := envelope{kind: ociError, at: h.At, id: [2]uint64{uint64(h.At.UnixNano()), which.Sum64()}, balancer: h.LoadBalancer, owner: owner}
	o := e.open(dst)
	o.beginFault()
	o.buf = appendEscaped(append(o.buf, "Backend server "...), h.Backend)
	o.buf = appendEscaped(append(o.buf, " of backendSet "...), h.Set)
	if h.Up {
		o.buf = append(o.buf, ": Unhealthy to Healthy"...)
	} else {
		o.buf = appendEscaped(append(o.buf, ": Healthy to Unhealthy, "...), cut(h.Detail))
	}
	o.endFault(h.At)
	return e.close(&o)
}

// ociListener returns the listener's name without the address that it has on all of a load balancer's addresses but the first.
func ociListener(e *record.Ends) string {
	name, _, _ := strings.Cut(e.Listener, "@")
	return name
}

// connectOf returns how long connecting took. A connection of the pool took no time.
func connectOf(x *record.Exchange) time.Duration {
	if x.ConnectTook < 0 && x.Reused {
		return 0
	}
	return x.ConnectTook
}

// processedFor returns how long a backend was waited for and read from.
func processedFor(x *record.Exchange) time.Duration {
	if x.SentAfter < 0 {
		return record.Never
	}
	return max(x.Took-x.SentAfter, 0)
}

// ociTunnelStatus returns what Oracle logs of a TCP connection, which has no status: 200 if there was a backend to speak with.
func ociTunnelStatus(c *record.Close) string {
	switch {
	case c.ConnectTook >= 0:
		return "200"
	case c.Reason == reason.AddressLimit:
		return "503"
	case c.Reason.Info().Side == reason.FrontEnd:
		return "500" // it ended before a backend was looked for
	}
	return "502"
}

// envelope is what is around the data of an entry.
type envelope struct {
	kind     string
	at       time.Time
	id       [2]uint64 // no two records have the same
	balancer string
	owner    Owner
}

// open begins an entry: what follows are members of its data.
func (e *envelope) open(dst []byte) object {
	o := object{append(dst, '{')}
	o.key("datetime")
	o.buf = strconv.AppendInt(o.buf, e.at.UnixMilli(), 10)
	o.begin("logContent")
	o.begin("data")
	return o
}

// close ends the entry.
func (e *envelope) close(o *object) []byte {
	o.end()
	o.key("id")
	o.buf = append(appendUUID(append(o.buf, '"'), e.id), '-')
	o.buf = append(append(o.buf, e.kind...), `-0"`...)
	o.begin("oracle")
	o.str("compartmentid", e.owner.Compartment)
	o.ociTime("ingestedtime", e.at)
	o.str("loggroupid", "")
	o.str("logid", "")
	resource, source := e.owner.ID, e.owner.Name
	if resource == "" {
		resource, source = e.balancer, e.balancer
	}
	o.str("resourceid", resource)
	o.str("tenantid", e.owner.Tenancy)
	o.end()
	o.str("source", source)
	o.str("specversion", "1.0")
	o.str("subject", "")
	o.ociTime("time", e.at)
	o.key("type")
	o.buf = append(append(o.buf, `"com.oraclecloud.loadbalancer.`...), e.kind...)
	o.buf = append(o.buf, '"')
	o.end()
	o.str("regionId", e.owner.Region)
	return append(o.buf, '}', '\n')
}

// appendFault appends an entry of the error log.
func (e envelope) appendFault(dst []byte, why reason.Reason, of *record.Ends, fault string) []byte {
	e.kind = ociError
	o := e.open(dst)
	o.beginFault()
	o.buf = appendOCIFault(o.buf, why, of, fault)
	o.endFault(e.at)
	return e.close(&o)
}

// appendUUID appends 128 bits as a UUID of version 8, the one for bits of one's own (RFC 9562 §5.8).
func appendUUID(dst []byte, id [2]uint64) []byte {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], id[0])
	binary.BigEndian.PutUint64(b[8:], id[1])
	b[6], b[8] = b[6]&0x0f|0x80, b[8]&0x3f|0x80
	const digits = "0123456789abcdef"
	for i, c := range b {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			dst = append(dst, '-')
		}
		dst = append(dst, digits[c>>4], digits[c&15])
	}
	return dst
}

// begin starts a member that is an object; end ends the one begun last.
func (o *object) begin(name string) {
	o.key(name)
	o.buf = append(o.buf, '{')
}

func (o *object) end() { o.buf = append(o.buf, '}') }

// backends writes who was tried, and how long connecting to each took: "-" for those in vain.
func (o *object) backends(e *record.Ends, connect time.Duration) {
	o.key("backendAddr")
	o.buf = append(o.buf, '"')
	if e.Tried != "" {
		o.buf = appendEscaped(o.buf, e.Tried)
		if e.Backend != "" {
			o.buf = append(o.buf, ", "...)
		}
	}
	if e.BackendAddr.IsValid() {
		o.buf = withoutZone(e.BackendAddr).AppendTo(o.buf)
	} else {
		o.buf = appendEscaped(o.buf, e.Backend)
	}
	o.buf = append(o.buf, '"')
	o.key("backendConnectTime")
	o.buf = append(o.buf, '"')
	if e.Tried != "" {
		o.buf = append(o.buf, '-')
		for i := range len(e.Tried) {
			if e.Tried[i] == ',' {
				o.buf = append(o.buf, ", -"...)
			}
		}
		if e.Backend != "" {
			o.buf = append(o.buf, ", "...)
		}
	}
	switch {
	case e.Tried != "" && e.Backend == "":
	case e.Backend != "" && connect >= 0:
		o.buf = appendMillis(o.buf, connect)
	default:
		o.buf = append(o.buf, '-')
	}
	o.buf = append(o.buf, '"')
}

// secured writes what was agreed on in the handshake with the client; nothing of a clear connection.
func (o *object) secured(t *record.TLS) {
	var cipher, version string
	if t.Version != 0 {
		cipher, version = tlspolicy.SuiteName(t.Suite), tlspolicy.VersionName(t.Version)
	}
	o.str("sslCipher", cipher)
	o.str("sslProtocol", version)
}

// beginFault writes the data of an entry of the error log up to the text, endFault what follows it.
func (o *object) beginFault() {
	o.begin("errorLog")
	o.key("errorDetails")
	o.buf = append(o.buf, '"')
}

func (o *object) endFault(at time.Time) {
	o.buf = append(o.buf, '"')
	o.str("type", "General")
	o.end()
	o.ociTime("timestamp", at)
}

func (o *object) ociTime(name string, at time.Time) {
	o.key(name)
	o.buf = append(at.UTC().AppendFormat(append(o.buf, '"'), ociTime), '"')
}

// ociAddr writes the client's address. It is valid in every record but those of pooled connections.
func (o *object) ociAddr(name string, e *record.Ends) {
	if !e.Client.IsValid() {
		o.str(name, "")
		return
	}
	o.addr(name, e.Client)
}

// ociUint writes a number as a text, as all values are.
func (o *object) ociUint(name string, n uint64) {
	o.key(name)
	o.buf = append(strconv.AppendUint(append(o.buf, '"'), n, 10), '"')
}

// ociStatus writes a status; an empty text if there was none.
func (o *object) ociStatus(name string, status int) {
	if status <= 0 {
		o.str(name, "")
		return
	}
	o.ociUint(name, uint64(status))
}

// ociSpan writes seconds with three decimals; "-" for what never happened.
func (o *object) ociSpan(name string, d time.Duration) {
	o.key(name)
	o.buf = append(o.buf, '"')
	if d < 0 {
		o.buf = append(o.buf, '-')
	} else {
		o.buf = appendMillis(o.buf, d)
	}
	o.buf = append(o.buf, '"')
}

// appendMillis appends seconds with three decimals, always.
func appendMillis(dst []byte, d time.Duration) []byte {
	ms := int64(d.Round(time.Millisecond) / time.Millisecond)
	dst = append(strconv.AppendInt(dst, ms/1000, 10), '.')
	return append(dst, '0'+byte(ms/100%10), '0'+byte(ms/10%10), '0'+byte(ms%10))
}

func withoutZone(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().WithZone(""), a.Port())
}
