package cli

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/spf13/cobra"

	"lull/internal/control/admin"
	"lull/internal/control/lullapi"
	"lull/internal/control/sigv4"
)

func newKeys(e *env) *cobra.Command {
	return group("keys", "Create, list and revoke the access keys of the APIs",
		"Access keys are what the aws command, SDKs and lull's own JSON API sign their requests with. An administrator's key may do\n"+
			"everything, a read-only key may look.", newKeysCreate(e), newKeysList(e), newKeysRevoke(e))
}

// group returns a command that does nothing but hold others.
func group(use, short, long string, commands ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{
		Use: use, Short: short, Long: long,
		Args: unknownCommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },

		SuggestionsMinimumDistance: 2,
	}
	cmd.AddCommand(commands...)
	return cmd
}

// askAPI calls f with a client of the API of the lull that is asked.
func (q *question) askAPI(f func(context.Context, *lullapi.Client) error) error {
	return q.ask(func(c *admin.Client) error { return f(context.Background(), lullapi.NewClient(c)) })
}

// show prints a document as JSON, or as text for people.
func (q *question) show(e *env, document any, text func(io.Writer)) error {
	var out bytes.Buffer
	if q.asJSON {
		encoded, err := admin.Encode(document, "  ")
		if err != nil {
			return fmt.Errorf("encode the answer: %w", err)
		}
		out.Write(encoded)
	} else {
		text(&out)
	}
	_, err := e.stdout.Write(out.Bytes())
	return err
}

func newKeysCreate(e *env) *cobra.Command {
	var q question
	var role, description string
	cmd := &cobra.Command{
		Use:   "create",
		Short: "Create an access key and print it with its secret",
		Long:  "Creates an access key and prints it with its secret, which nothing shows again.",
		Args:  between(0, 0, ""),
		RunE: func(*cobra.Command, []string) error {
			return q.askAPI(func(ctx context.Context, c *lullapi.Client) error {
				key, err := c.CreateKey(ctx, sigv4.Role(role), description)
				if err != nil {
					return err
				}
				return q.show(e, key, func(w io.Writer) { printCreatedKey(w, &key) })
			})
		},
	}
	q.flags(cmd, "print one JSON object")
	cmd.Flags().StringVar(&role, "role", string(sigv4.Administrator), "what the key may do: administrator (everything) or read-only")
	cmd.Flags().StringVar(&description, "description", "", "what the key is for, in a line")
	return cmd
}

func printCreatedKey(w io.Writer, key *lullapi.CreatedKey) {
	fmt.Fprintf(w, "access key id      %s\nsecret access key  %s\nrole               %s\n", key.ID, key.Secret, key.Role)
	if key.Description != "" {
		fmt.Fprintf(w, "description        %s\n", plain(key.Description))
	}
	fmt.Fprintln(w, "\nKeep the secret: nothing shows it again.")
}

func newKeysList(e *env) *cobra.Command {
	return newList(e, "List the access keys, without their secrets", (*lullapi.Client).Keys, printKeys)
}

func printKeys(w io.Writer, list []lullapi.Key) {
	if len(list) > 0 {
		printTable(w, "ID\tROLE\tCREATED\tDESCRIPTION", func(row func(...string)) {
			for _, k := range list {
				row(k.ID, string(k.Role), minute(k.Created), k.Description)
			}
		})
	}
	fmt.Fprintln(w, number(len(list), "access key"))
}

func newKeysRevoke(e *env) *cobra.Command {
	var q question
	cmd := &cobra.Command{
		Use:   "revoke ID",
		Short: "Revoke an access key: what it signs is refused from now on",
		Long: "Revokes an access key: what it signs is refused from now on. The last administrator's cannot be revoked; create another\n" +
			"one first.",
		Args: between(1, 1, "the id of the access key"),
		RunE: func(_ *cobra.Command, args []string) error {
			return q.askAPI(func(ctx context.Context, c *lullapi.Client) error {
				if err := c.RevokeKey(ctx, args[0]); err != nil {
					return err
				}
				return q.show(e, map[string]string{"revoked": args[0]}, func(w io.Writer) {
					fmt.Fprintf(w, "access key %s is revoked\n", args[0])
				})
			})
		},
	}
	q.flags(cmd, "print one JSON object")
	return cmd
}

// printTable lays out a table and ends it with an empty line. Cells without text are dashes.
func printTable(w io.Writer, head string, rows func(row func(cells ...string))) {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, head)
	rows(func(cells ...string) {
		for i, cell := range cells {
			cells[i] = orElse(plain(cell), "-")
		}
		fmt.Fprintln(table, strings.Join(cells, "\t"))
	})
	_ = table.Flush() // into a buffer
	fmt.Fprintln(w)
}

// minute writes a time for people.
func minute(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

// plain takes out of a text what a terminal would obey. Names in certificates are anybody's.
func plain(text string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, text)
}

// newList returns the command that lists all of one kind.
func newList[One any](e *env, short string, ask func(*lullapi.Client, context.Context) ([]One, error), show func(io.Writer, []One)) *cobra.Command {
	var q question
	cmd := &cobra.Command{
		Use:   "list",
		Short: short,
		Args:  between(0, 0, ""),
		RunE: func(*cobra.Command, []string) error {
			return q.askAPI(func(ctx context.Context, c *lullapi.Client) error {
				list, err := ask(c, ctx)
				if err != nil {
					return err
				}
				return q.show(e, list, func(w io.Writer) { show(w, list) })
			})
		},
	}
	q.flags(cmd, "print one JSON array")
	return cmd
}
