package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"lull/internal/control/lullapi"
	"lull/internal/control/ocikeys"
	"lull/internal/control/ocisig"
)

func newOCIKeys(e *env) *cobra.Command {
	return group("oci-keys", "Create, import, list and revoke the API keys of the OCI API",
		"API keys are what the oci command and Oracle's SDKs sign their requests with. An administrator's key may do everything, a\n"+
			"read-only key may look.", newOCIKeysCreate(e), newOCIKeysImport(e), newOCIKeysList(e), newOCIKeysRevoke(e))
}

// ociOwner has the flags of what creates a key.
type ociOwner struct {
	role string
	ocikeys.Owner
}

func (o *ociOwner) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&o.role, "role", string(ocisig.Administrator), "what the key may do: administrator (everything) or read-only")
	cmd.Flags().StringVar(&o.Description, "description", "", "what the key is for, in a line")
	cmd.Flags().StringVar(&o.User, "user", "", "OCID of the user that it speaks for (default: a new user)")
	cmd.Flags().StringVar(&o.Tenancy, "tenancy", "", "OCID of the user's tenancy (default: lull's own)")
}

func (o *ociOwner) owner() ocikeys.Owner {
	o.Role = ocisig.Role(o.role)
	return o.Owner
}

func newOCIKeysCreate(e *env) *cobra.Command {
	var q question
	var o ociOwner
	var file string
	cmd := &cobra.Command{
		Use:   "create",
		Short: "Create an API key and print it, or write its private half to a file",
		Long: "Creates an API key. Its private half is written to a file that there must not be yet, or printed; nothing shows it again.\n" +
			"What is printed besides is what a configuration of the oci command has to say.",
		Args: between(0, 0, ""),
		RunE: func(*cobra.Command, []string) error {
			return q.askAPI(func(ctx context.Context, c *lullapi.Client) error {
				keep, err := keyFile(file) // before there is a key that nobody could have
				if err != nil {
					return err
				}
				key, err := c.CreateOCIKey(ctx, o.owner(), nil)
				if err != nil {
					return errors.Join(err, keep.drop())
				}
				if err := keep.write(key.PrivateKey); err != nil {
					return fmt.Errorf("API key %s: its private half is lost, revoke it: %w", key.Fingerprint, err)
				}
				if keep != nil {
					key.PrivateKey = ""
				}
				return q.show(e, key, func(w io.Writer) { printOCIKey(w, &key, file) })
			})
		},
	}
	q.flags(cmd, "print one JSON object")
	o.flags(cmd)
	cmd.Flags().StringVar(&file, "out", "", "file for the private half, made with mode 0600")
	return cmd
}

// kept is a file for a private key, made and still empty.
type kept struct{ *os.File }

// keyFile makes the file; nil if none is asked for.
func keyFile(name string) (*kept, error) {
	if name == "" {
		return nil, nil //nolint:nilnil // nothing is to be kept
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		var path *fs.PathError
		if errors.As(err, &path) {
			err = path.Err // the rest is said already
		}
		return nil, badUsage("--out %s: %v", name, err)
	}
	return &kept{f}, nil
}

func (k *kept) write(text string) error {
	if k == nil {
		return nil
	}
	_, err := k.WriteString(text)
	return errors.Join(err, k.Sync(), k.Close())
}

func (k *kept) drop() error {
	if k == nil {
		return nil
	}
	return errors.Join(k.Close(), os.Remove(k.Name()))
}

// printOCIKey prints a key as a section of a configuration file.
func printOCIKey(w io.Writer, key *lullapi.CreatedOCIKey, file string) {
	fmt.Fprintf(w, "user=%s\nfingerprint=%s\ntenancy=%s\n", key.User, key.Fingerprint, key.Tenancy)
	if file != "" {
		fmt.Fprintf(w, "key_file=%s\n", plain(file))
	}
	fmt.Fprintf(w, "\nrole %s", key.Role)
	if key.Description != "" {
		fmt.Fprintf(w, ", %s", plain(key.Description))
	}
	fmt.Fprintln(w)
	if key.PrivateKey != "" {
		fmt.Fprintf(w, "\n%s\nKeep the private key: nothing shows it again.\n", key.PrivateKey)
	}
}

func newOCIKeysImport(e *env) *cobra.Command {
	var q question
	var o ociOwner
	cmd := &cobra.Command{
		Use:   "import FILE",
		Short: "Put a key in force whose private half stays with its owner",
		Long: "Puts a key in force that somebody else has made: FILE has its public half in PEM. With --user and --tenancy as they are in\n" +
			"Oracle's cloud, the configuration that works there works here with another endpoint.",
		Args: between(1, 1, "the PEM file with the public key"),
		RunE: func(_ *cobra.Command, args []string) error {
			public, err := readPEM("FILE", args[0])
			if err != nil {
				return err
			}
			return q.askAPI(func(ctx context.Context, c *lullapi.Client) error {
				key, err := c.CreateOCIKey(ctx, o.owner(), public)
				if err != nil {
					return err
				}
				return q.show(e, key, func(w io.Writer) { printOCIKey(w, &key, "") })
			})
		},
	}
	q.flags(cmd, "print one JSON object")
	o.flags(cmd)
	return cmd
}

func newOCIKeysList(e *env) *cobra.Command {
	return newList(e, "List the API keys", (*lullapi.Client).OCIKeys, printOCIKeys)
}

func printOCIKeys(w io.Writer, list []lullapi.OCIKey) {
	if len(list) > 0 {
		printTable(w, "FINGERPRINT\tROLE\tCREATED\tUSER\tDESCRIPTION", func(row func(...string)) {
			for _, k := range list {
				row(k.Fingerprint, string(k.Role), minute(k.Created), k.User, k.Description)
			}
		})
	}
	fmt.Fprintln(w, number(len(list), "API key"))
}

func newOCIKeysRevoke(e *env) *cobra.Command {
	var q question
	cmd := &cobra.Command{
		Use:   "revoke FINGERPRINT",
		Short: "Revoke an API key: what it signs is refused from now on",
		Long: "Revokes an API key: what it signs is refused from now on. The last administrator's cannot be revoked; create another one\n" +
			"first.",
		Args: between(1, 1, "the fingerprint of the API key"),
		RunE: func(_ *cobra.Command, args []string) error {
			return q.askAPI(func(ctx context.Context, c *lullapi.Client) error {
				if err := c.RevokeOCIKey(ctx, args[0]); err != nil {
					return err
				}
				return q.show(e, map[string]string{"revoked": args[0]}, func(w io.Writer) {
					fmt.Fprintf(w, "API key %s is revoked\n", args[0])
				})
			})
		},
	}
	q.flags(cmd, "print one JSON object")
	return cmd
}
