package cli

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"lull/internal/control/admin"
)

func newEvents(e *env) *cobra.Command {
	var q question
	var query admin.EventQuery
	cmd := &cobra.Command{
		Use:   "events",
		Short: "Show what ends, each with its reason, until interrupted",
		Long: "Prints a line for each connection that ends, with who ended it, why, which timer fired and how quiet it had\n" +
			"been, for each pooled back-end connection, and for each HTTP exchange that went wrong or that lull answered\n" +
			"itself, until Ctrl-C or until that lull stops. The lines are those of the access log's formats text and json.",
		Args: between(0, 0, ""),
		RunE: func(*cobra.Command, []string) error {
			ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			query.Text = !q.asJSON
			return q.ask(func(client *admin.Client) error { return showEvents(ctx, e, client, query) })
		},
	}
	q.flags(cmd, "print one JSON object per line")
	filterFlags(cmd, &query.Filter)
	cmd.Flags().StringVar(&query.Since, "since", "now",
		"begin with what ended after now, all that is remembered, an ID (12, 12/3), or a duration ago such as 10m")
	cmd.Flags().BoolVar(&query.Exchanges, "exchanges", false, "show every HTTP exchange, also those that went well")
	cmd.Flags().StringSliceVar(&query.Reasons, "reason", nil, "only with these reasons, such as tunnel-idle,client-reset")
	return cmd
}

// showEvents prints lines until ctx or the stream ends; each is written at once, for those who watch.
func showEvents(ctx context.Context, e *env, client *admin.Client, query admin.EventQuery) error {
	return client.Events(ctx, query, func(line []byte) error {
		_, err := e.stdout.Write(append(line, '\n'))
		return err
	})
}
