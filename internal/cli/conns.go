package cli

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"lull/internal/control/admin"
)

// defaultSocket is where lull's control socket is unless lull.yaml or a flag says otherwise.
const defaultSocket = "./lull.sock"

// question is what the commands that ask a running lull have in common.
type question struct {
	socket string
	asJSON bool
}

func (q *question) flags(cmd *cobra.Command, jsonHelp string) {
	cmd.Flags().StringVar(&q.socket, "socket", defaultSocket, "control socket of the lull to ask")
	cmd.Flags().BoolVar(&q.asJSON, "json", false, jsonHelp)
}

// ask calls f with a client of the lull that is asked.
func (q *question) ask(f func(*admin.Client) error) error {
	client, err := admin.Dial(q.socket)
	if err != nil {
		return err
	}
	defer client.Close()
	err = f(client)
	var refused *admin.Refusal
	if errors.As(err, &refused) && refused.Status == http.StatusBadRequest {
		return badUsage("%s", refused.Message)
	}
	return err
}

// filterFlags adds the flags that pick connections.
func filterFlags(cmd *cobra.Command, f *admin.Filter) {
	cmd.Flags().StringVar(&f.Listener, "listener", "", "only of this listener: NAME or LOADBALANCER/NAME")
	cmd.Flags().StringVar(&f.Backend, "backend", "", "only to this backend: HOST or HOST:PORT, as configured or as resolved")
	cmd.Flags().StringVar(&f.Client, "client", "", "only from this client: ADDRESS, ADDRESS:PORT or a prefix such as 10.0.0.0/8")
}

func newConns(e *env) *cobra.Command {
	var q question
	var filter admin.Filter
	var limit int
	cmd := &cobra.Command{
		Use:   "conns",
		Short: "List open connections, with when each will be closed and why",
		Long: "Lists the open connections of a running lull, the one that will be closed next first: its ends, its age, the HTTP\n" +
			"exchanges it has carried, the bytes each way (of an HTTP connection those of the exchange under way), how long each\n" +
			"direction has been quiet, and which timer closes it when, unless something happens. Back-end connections that no\n" +
			"exchange uses are in the state pooled and have no client.",
		Args: between(0, 0, ""),
		RunE: func(*cobra.Command, []string) error {
			if limit < 0 {
				return badUsage("--limit %d: must be 0 (all) or more", limit)
			}
			return q.ask(func(client *admin.Client) error { return listConns(e, client, filter, limit, q.asJSON) })
		},
	}
	q.flags(cmd, "print one JSON array")
	filterFlags(cmd, &filter)
	cmd.Flags().IntVar(&limit, "limit", 0, "list at most this many; 0 lists all")
	return cmd
}

func listConns(e *env, client *admin.Client, filter admin.Filter, limit int, asJSON bool) error {
	var list []admin.Conn
	err := client.Conns(context.Background(), filter, func(c *admin.Conn) error {
		list = append(list, *c)
		return nil
	})
	if err != nil {
		return err
	}
	slices.SortFunc(list, soonest)
	shown := list
	if limit > 0 {
		shown = list[:min(limit, len(list))]
	}
	var out bytes.Buffer
	if asJSON {
		err = connsJSON(&out, shown)
	} else {
		err = connsTable(&out, shown, list)
	}
	if err != nil {
		return err
	}
	_, err = e.stdout.Write(out.Bytes())
	return err
}

// soonest orders by deadline; what has none comes last.
func soonest(a, b admin.Conn) int {
	at := func(c *admin.Conn) admin.Seconds {
		if c.ClosesIn == nil {
			return math.MaxFloat64
		}
		return *c.ClosesIn
	}
	return cmp.Or(cmp.Compare(at(&a), at(&b)), cmp.Compare(a.ID, b.ID))
}

// connsJSON writes an array with one connection a line, so that it can be read by people and line tools, too.
func connsJSON(out *bytes.Buffer, list []admin.Conn) error {
	if len(list) == 0 {
		out.WriteString("[]\n")
		return nil
	}
	separator := byte('[')
	for i := range list {
		out.WriteByte(separator)
		separator = ','
		line, err := admin.Encode(&list[i], "")
		if err != nil {
			return fmt.Errorf("encode connection %d: %w", list[i].ID, err)
		}
		out.Write(line)
	}
	out.WriteString("]\n")
	return nil
}

// connsTable writes the table, and a line with the totals of all connections that were asked for.
func connsTable(out *bytes.Buffer, shown, all []admin.Conn) error {
	if len(shown) > 0 {
		w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "ID\tSTATE\tCLIENT\tLISTENER\tBACKEND\tAGE\tEXCHANGES\tUP\tDOWN\tQUIET UP\tQUIET DOWN\tNEXT")
		for i := range shown {
			c := &shown[i]
			fmt.Fprintf(w, "%d\t%s\t%s\t%s/%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", c.ID, stateOf(c), orElse(c.Client, "-"),
				c.LoadBalancer, c.Listener, orElse(c.Backend, "-"), admin.Span(c.Age.Duration()), exchanges(c),
				size(c.BytesUp), size(c.BytesDown), spanOr(c.QuietUp, "never"), spanOr(c.QuietDown, "never"), next(c))
		}
		if err := w.Flush(); err != nil {
			return fmt.Errorf("lay out the table: %w", err)
		}
		out.WriteByte('\n')
	}
	connsTotals(out, all)
	if len(shown) < len(all) {
		fmt.Fprintf(out, "; the %d that close next are shown", len(shown))
	}
	out.WriteByte('\n')
	return nil
}

// connsTotals writes the totals. A pooled connection's bytes were counted with its clients' connections.
func connsTotals(out *bytes.Buffer, all []admin.Conn) {
	var up, down uint64
	pooled := 0
	for i := range all {
		if all[i].Pooled() {
			pooled++
			continue
		}
		up += all[i].BytesUp
		down += all[i].BytesDown
	}
	fmt.Fprintf(out, "%s, %s up, %s down", number(len(all)-pooled, "connection"), size(up), size(down))
	if pooled > 0 {
		fmt.Fprintf(out, "; %s", number(pooled, "pooled back-end connection"))
	}
}

// number writes a number of things: "1 connection", "5 connections".
func number(n int, thing string) string {
	if n != 1 {
		thing += "s"
	}
	return fmt.Sprintf("%d %s", n, thing)
}

// exchanges writes how many exchanges the connection carried; TCP has none, with or without TLS.
func exchanges(c *admin.Conn) string {
	if c.Protocol == "tcp" || c.Protocol == "ssl" {
		return "-"
	}
	return strconv.Itoa(c.Exchanges)
}

func stateOf(c *admin.Conn) string {
	if c.HalfClosed == "" {
		return c.State
	}
	return c.State + ", " + c.HalfClosed + " ended"
}

// next says what will happen to the connection if nothing happens before.
func next(c *admin.Conn) string {
	switch {
	case c.ClosesIn == nil:
		return "no timer"
	case c.ClosesAs == "": // it has ended, and waits for a peer to take what is left
		return "gone in " + admin.Span(c.ClosesIn.Duration()) + " at the latest"
	}
	setting := ""
	if c.Setting != nil {
		setting = " " + admin.Setting(c.Setting.Duration())
	}
	return fmt.Sprintf("closes in %s: %s (%s%s)", admin.Span(c.ClosesIn.Duration()), c.ClosesAs, c.Timer, setting)
}

func spanOr(s *admin.Seconds, otherwise string) string {
	if s == nil {
		return otherwise
	}
	return admin.Span(s.Duration())
}

// size writes a number of bytes with about three digits.
func size(n uint64) string {
	if n < 1024 {
		return fmt.Sprintf("%d B", n)
	}
	x := float64(n)
	for _, unit := range []string{"KiB", "MiB", "GiB"} {
		if x /= 1024; x < 1023.95 {
			return fmt.Sprintf("%.1f %s", x, unit)
		}
	}
	return fmt.Sprintf("%.1f TiB", x/1024)
}
