package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"chaperone/internal/app"
	"chaperone/internal/audit"
)

// auditCommand is "chaperone audit": proof of what was done, for anyone.
func auditCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "audit",
		Short: "Check the log of everything that cannot be taken back",
	}
	c.AddCommand(auditVerify(), auditExportCommand())
	return c
}

func auditVerify() *cobra.Command {
	var key, checkpoint string
	var asJSON bool
	c := &cobra.Command{
		Use:   "verify FILE",
		Short: "Check an export of the audit log, without the product's database",
		Long: `Reads an export of the audit log ('-' is standard input) and says whether
anything in it was altered, deleted, put in, put in another order, cut off or
rolled back, and where.

Give the verifying key that was handed out when Chaperone was set up, and the
newest signed checkpoint that was kept somewhere else, such as in a mailbox.
Without the key the file is checked by the key that it brings itself. Without
a checkpoint nobody can tell that a whole database was put back to an earlier
day, or that someone with the signing key wrote it anew.

Exit status: 0 it verifies, 1 something is wrong, 2 it could not be read.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			verifying, err := wordOrFile(key)
			if err != nil {
				return err
			}
			witnessed, err := witness(checkpoint, verifying)
			if err != nil {
				return err
			}
			in := cmd.InOrStdin()
			if args[0] != "-" {
				f, err := os.Open(args[0])
				if err != nil {
					return err
				}
				defer f.Close()
				in = f
			}
			rep, err := audit.Verify(in, verifying, witnessed)
			if err != nil {
				return err
			}
			if asJSON {
				err = json.NewEncoder(cmd.OutOrStdout()).Encode(rep)
			} else {
				err = tellReport(cmd.OutOrStdout(), rep)
			}
			if err == nil && !rep.OK() {
				return exitError{code: 1}
			}
			return err
		},
	}
	c.Flags().StringVar(&key, "key", "", "the verifying `KEY`, or a file that holds it")
	c.Flags().StringVar(&checkpoint, "checkpoint", "", "`FILE` with the newest signed checkpoint that was kept elsewhere")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func auditExportCommand() *cobra.Command {
	var d desk
	c := &cobra.Command{
		Use:   "export FILE",
		Short: "Write the audit log to a new file, to be checked elsewhere",
		Long: `Writes the whole audit log to FILE, which must not be there yet, and prints the
verifying key. Keep the key, and the last line of the file, elsewhere than the
file: they prove later that nothing was changed.

The export itself is an entry of the log.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			path, err := filepath.Abs(args[0])
			if err != nil {
				return err
			}
			var out app.Exported
			if err := d.ask(cmd, "audit.export", map[string]string{"File": path}, &out); err != nil {
				return err
			}
			return d.say(cmd, out, func(cmd *cobra.Command) {
				cmd.Printf("Written to %s.\nVerifying key: %s\n", args[0], out.Key)
			})
		},
	}
	d.flags(c, true)
	return c
}

// wordOrFile gives the key in s: s itself, or what the file named s holds.
func wordOrFile(s string) (string, error) {
	if s == "" || strings.Count(s, "+") >= 2 {
		return s, nil
	}
	data, err := os.ReadFile(s)
	if err != nil {
		return "", fmt.Errorf("--key is neither a verifying key nor a file that can be read: %w", err)
	}
	return strings.TrimSpace(string(data)), nil
}

// witness reads the checkpoint that was kept elsewhere. It is trusted for
// where it was kept; with a key its signature must fit as well.
func witness(file, verifying string) (*audit.Checkpoint, error) {
	if file == "" {
		return nil, nil
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	read := audit.Parse
	if verifying != "" {
		read = func(signed []byte) (audit.Checkpoint, error) { return audit.Open(signed, verifying) }
	}
	c, err := read(data)
	if err != nil {
		return nil, fmt.Errorf("the checkpoint in %s cannot be used: %w", file, err)
	}
	return &c, nil
}

func tellReport(w io.Writer, r audit.Report) error {
	var b strings.Builder
	if r.OK() {
		fmt.Fprintf(&b, "The audit log verifies: %d entries under %d signed checkpoints.\n", r.Entries, r.Checkpoints)
	} else {
		fmt.Fprintf(&b, "The audit log does not verify. Problems: %d. Entries proved: the first %d of %d.\n", r.Count, r.Proved, r.Entries)
	}
	for _, p := range r.Problems {
		fmt.Fprintf(&b, "  %s: %s\n", p.Kind, p.Text)
	}
	if more := r.Count - int64(len(r.Problems)); more > 0 {
		fmt.Fprintf(&b, "  and %d more\n", more)
	}
	if r.Entries > 0 {
		fmt.Fprintf(&b, "From %s to %s.\n", r.From.Format(time.RFC3339), r.To.Format(time.RFC3339))
	}
	switch r.Witness {
	case "fits":
		b.WriteString("It agrees with the checkpoint that you kept.\n")
	case "broken":
		b.WriteString("It does not agree with the checkpoint that you kept.\n")
	default:
		b.WriteString("No checkpoint from elsewhere was given (--checkpoint), so a whole log put back to an earlier day would not show.\n")
	}
	if r.OwnKey {
		b.WriteString("No key was given (--key), so the file was checked by the key that it brings itself.\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}
