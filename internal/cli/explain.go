package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"lull/internal/control/admin"
)

func newExplain(e *env) *cobra.Command {
	var q question
	cmd := &cobra.Command{
		Use:   "explain ID",
		Short: "Tell the story of a connection, open or ended, or of an exchange, and what to change",
		Long: "Tells the story of a connection: who connected when and to which backend, what moved in each direction, which\n" +
			"timer was armed with which setting, who closed it and why, and what to change if that was unwanted; of an HTTP\n" +
			"connection also that of its exchanges. The number is the one that conns, events and the access log show; 12/3 is\n" +
			"the third exchange of connection 12. The last 16384 connections that ended are remembered, and as many exchanges\n" +
			"that went wrong; others only while an access log is written or lull events --exchanges runs.",
		Args: between(1, 1, "the number of the connection to explain"),
		RunE: func(_ *cobra.Command, args []string) error {
			id, number, err := admin.ParseID(args[0])
			if err != nil {
				return badUsage("%q: must be the number of a connection, or of an exchange such as 12/3, as lull conns and the access log show it", args[0])
			}
			return q.ask(func(client *admin.Client) error { return explain(e, client, id, number, q.asJSON) })
		},
	}
	q.flags(cmd, "print one JSON object")
	return cmd
}

func explain(e *env, client *admin.Client, id uint64, number int, asJSON bool) error {
	told, err := client.Explain(context.Background(), id, number)
	if err != nil {
		return err
	}
	if asJSON {
		text, failed := admin.Encode(told, "  ")
		if failed != nil {
			return fmt.Errorf("encode the explanation: %w", failed)
		}
		_, err = e.stdout.Write(text)
		return err
	}
	_, err = fmt.Fprintf(e.stdout, "%s\n%s\n", headline(told), strings.Join(told.Story, "\n"))
	return err
}

// headline says what the story is about.
func headline(told *admin.Explanation) string {
	switch {
	case told.Number > 0:
		return fmt.Sprintf("Exchange %d of connection %d has ended.", told.Number, told.ID)
	case told.Open:
		return fmt.Sprintf("Connection %d is open.", told.ID)
	case told.Event == nil:
		return fmt.Sprintf("Connection %d is forgotten, but not all of its exchanges.", told.ID)
	}
	return fmt.Sprintf("Connection %d has ended.", told.ID)
}
