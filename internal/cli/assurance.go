package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"chaperone/internal/app"
	"chaperone/internal/assurance"
)

// assuranceCommand writes the assurance pack.
func assuranceCommand() *cobra.Command {
	var d desk
	var out string
	cmd := &cobra.Command{
		Use:   "assurance --out DIR",
		Short: "Write the privacy notice, impact assessment, record of processing and the pages for staff and unions",
		Long: `Writes the assurance pack from the configuration as it is now: a privacy notice,
the draft of a data protection impact assessment, a record of processing, a page
each for colleagues and for a trade union, and what the bot can and cannot see
on each platform. What the configuration leaves out is named on the pages. Where
there is a data folder the chats in it are named too.

Each page says which configuration it was made from. Nothing of it is legal
advice: a person checks it before it is used.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if out == "" {
				return errors.New("name the folder that the pages are written to with --out DIR")
			}
			pack, err := d.assured(cmd)
			if err != nil {
				return err
			}
			if err := os.MkdirAll(out, 0o755); err != nil { //nolint:gosec // the pages are for everyone
				return err
			}
			for _, doc := range pack.Documents {
				b, err := pack.File(doc)
				if err != nil {
					return err
				}
				if err := os.WriteFile(filepath.Join(out, doc.Name+".html"), b, 0o644); err != nil { //nolint:gosec // likewise
					return err
				}
			}
			return d.say(cmd, pack, func(cmd *cobra.Command) {
				cmd.Printf("%d pages are in %s, made from configuration %s.\n", len(pack.Documents), out, pack.Digest)
				for _, m := range pack.Missing {
					cmd.Println("Missing: " + plain(m))
				}
			})
		},
	}
	cmd.Flags().StringVar(&out, "out", "", "`DIR` that the pages are written to")
	d.flags(cmd, false)
	return cmd
}

// assured makes the pack from the configuration, and from the chats of the data
// folder where there is one.
func (d *desk) assured(cmd *cobra.Command) (assurance.Pack, error) {
	c, err := d.load(false)
	if err != nil {
		return assurance.Pack{}, err
	}
	setDefault(&c.Data, standing())
	setDefault(&c.Records, c.Data+"-records")
	f, err := c.Facts()
	if err != nil {
		return assurance.Pack{}, err
	}
	if _, err := os.Stat(c.Data); err == nil {
		var chats []assurance.Chat
		if err := d.ask(cmd, "assurance.chats", struct{}{}, &chats); err != nil {
			return assurance.Pack{}, fmt.Errorf("reading the chats of the data folder: %w", err)
		}
		f.Chats = app.Assured(f.Chats, chats)
	}
	return assurance.Make(f, time.Now())
}
