package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"lull/internal/control/admin"
)

func newExplain(e *env) *cobra.Command {
	var q question
	cmd := &cobra.Command{
		Use:   "explain ID",
		Short: "Tell the story of a connection, open or ended, and what to change",
		Long: "Tells the story of a connection: who connected when and to which backend, what moved in each direction, which\n" +
			"timer was armed with which setting, who closed it and why, and what to change if that was unwanted. The number is\n" +
			"the one that conns, events and the access log show; the last 16384 connections that ended are remembered.",
		Args: between(1, 1, "the number of the connection to explain"),
		RunE: func(_ *cobra.Command, args []string) error {
			id, err := strconv.ParseUint(args[0], 10, 64)
			if err != nil {
				return badUsage("%q: must be the number of a connection, as lull conns and the access log show it", args[0])
			}
			return q.ask(func(client *admin.Client) error { return explain(e, client, id, q.asJSON) })
		},
	}
	q.flags(cmd, "print one JSON object")
	return cmd
}

func explain(e *env, client *admin.Client, id uint64, asJSON bool) error {
	told, err := client.Explain(context.Background(), id)
	if err != nil {
		return err
	}
	if asJSON {
		text, failed := json.MarshalIndent(told, "", "  ")
		if failed != nil {
			return fmt.Errorf("encode the explanation: %w", failed)
		}
		_, err = fmt.Fprintf(e.stdout, "%s\n", text)
		return err
	}
	what := "has ended"
	if told.Open {
		what = "is open"
	}
	_, err = fmt.Fprintf(e.stdout, "Connection %d %s.\n%s\n", id, what, strings.Join(told.Story, "\n"))
	return err
}
