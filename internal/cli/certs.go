package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"lull/internal/control/lullapi"
	"lull/internal/dataplane/certs"
)

func newCerts(e *env) *cobra.Command {
	return group("certs", "Import, list and delete the server certificates that ARNs name",
		"HTTPS and SSL listeners of the Classic ELB API name their certificate by an ARN, and those of the OCI API may do so in\n"+
			"certificateIds. Importing again under the same ARN renews the certificate: listeners have it from the next handshake on.",
		newCertsImport(e), newCertsList(e), newCertsDelete(e))
}

func newCertsImport(e *env) *cobra.Command {
	var q question
	var chainFile, keyFile string
	cmd := &cobra.Command{
		Use:   "import NAME-OR-ARN",
		Short: "Import a certificate with its key, new or renewed",
		Long: "Imports a certificate with its key, both in PEM. A bare name becomes that of a server certificate of IAM,\n" +
			"arn:aws:iam::ACCOUNT:server-certificate/NAME; ARNs of IAM's and of ACM's form are taken as they are.",
		Args: between(1, 1, "the name or ARN of the certificate"),
		RunE: func(_ *cobra.Command, args []string) error {
			chain, err := readPEM("--cert", chainFile)
			if err != nil {
				return err
			}
			key, err := readPEM("--key", keyFile)
			if err != nil {
				return err
			}
			return q.askAPI(func(ctx context.Context, c *lullapi.Client) error {
				cert, err := c.ImportCertificate(ctx, args[0], chain, key)
				if err != nil {
					return err
				}
				return q.show(e, cert, func(w io.Writer) { printCertificate(w, &cert) })
			})
		},
	}
	q.flags(cmd, "print one JSON object")
	cmd.Flags().StringVar(&chainFile, "cert", "", "PEM file with the certificate and those behind it, leaf first")
	cmd.Flags().StringVar(&keyFile, "key", "", "PEM file with the private key; it may be the same file")
	return cmd
}

// readPEM reads the file that a flag names.
func readPEM(flag, name string) ([]byte, error) {
	if name == "" {
		return nil, badUsage("%s is missing: name a PEM file", flag)
	}
	data, err := readBounded(name)
	if err != nil {
		var path *fs.PathError
		if errors.As(err, &path) {
			err = path.Err // the rest is said already
		}
		return nil, badUsage("%s %s: cannot be read: %v", flag, name, err)
	}
	return data, nil
}

// readBounded reads a file of at most certs.BytesMax.
func readBounded(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, certs.BytesMax+1))
	if err == nil && len(data) > certs.BytesMax {
		err = fmt.Errorf("has more than %d bytes", certs.BytesMax)
	}
	return data, err
}

func printCertificate(w io.Writer, c *lullapi.Certificate) {
	fmt.Fprintf(w, "%s\n  %s\n", c.ARN, plain(c.Description))
	if len(c.Names) > 0 {
		fmt.Fprintf(w, "  for %s\n", plain(strings.Join(c.Names, ", ")))
	}
	for _, text := range c.Warnings {
		fmt.Fprintf(w, "  warning: %s\n", plain(text))
	}
}

func newCertsList(e *env) *cobra.Command {
	return newList(e, "List the certificates, without their keys", (*lullapi.Client).Certificates, printCertificates)
}

func printCertificates(w io.Writer, list []lullapi.Certificate) {
	if len(list) > 0 {
		printTable(w, "ARN\tKEY\tEXPIRES\tNAMES", func(row func(...string)) {
			for _, c := range list {
				row(c.ARN, c.KeyKind, minute(c.NotAfter), strings.Join(c.Names, ", "))
			}
		})
	}
	warned := false
	for _, c := range list {
		for _, text := range c.Warnings {
			fmt.Fprintf(w, "warning: %s: %s\n", c.ARN, plain(text))
			warned = true
		}
	}
	if warned {
		fmt.Fprintln(w)
	}
	fmt.Fprintln(w, number(len(list), "certificate"))
}

func newCertsDelete(e *env) *cobra.Command {
	var q question
	cmd := &cobra.Command{
		Use:   "delete NAME-OR-ARN",
		Short: "Delete a certificate that no listener uses",
		Args:  between(1, 1, "the name or ARN of the certificate"),
		RunE: func(_ *cobra.Command, args []string) error {
			return q.askAPI(func(ctx context.Context, c *lullapi.Client) error {
				if err := c.DeleteCertificate(ctx, args[0]); err != nil {
					return err
				}
				return q.show(e, map[string]string{"deleted": args[0]}, func(w io.Writer) {
					fmt.Fprintf(w, "certificate %s is deleted\n", args[0])
				})
			})
		},
	}
	q.flags(cmd, "print one JSON object")
	return cmd
}
