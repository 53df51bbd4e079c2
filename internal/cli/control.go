package cli

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"time"

	"github.com/spf13/cobra"

	"chaperone/internal/app"
	"chaperone/internal/control"
)

// desk is what the commands have in common that read or change state.
type desk struct {
	place
	by     string
	asJSON bool
}

// flags adds the common flags: --by where the command is an act, --json.
func (d *desk) flags(cmd *cobra.Command, act bool) {
	f := cmd.Flags()
	f.StringVar(&d.config, "config", "", "configuration file (chaperone.yaml, where there is one)")
	f.StringVar(&d.data, "data", "", "folder that state lives in")
	d.databaseFlag(cmd)
	f.StringVar(&d.key, "key-file", "", "file with the key that seals the data folder (the folder's name with .key)")
	f.BoolVar(&d.asJSON, "json", false, "print JSON")
	if act {
		f.StringVar(&d.by, "by", "", "your `NAME`: it is kept with what you do")
	}
}

// ask makes one call to the running process, or by opening the data folder.
func (d *desk) ask(cmd *cobra.Command, call string, args, into any) error {
	c, err := d.load(false)
	if err != nil {
		return err
	}
	setDefault(&c.Data, standing())
	setDefault(&c.KeyFile, c.Data+".key")
	setDefault(&c.Records, c.Data+"-records")
	if c.Log, err = logger(cmd); err != nil {
		return err
	}
	b, err := json.Marshal(args)
	if err != nil {
		return err
	}
	out, err := app.Ask(cmd.Context(), c, control.Request{Call: call, By: d.by, Args: b})
	if err != nil {
		return err
	}
	return json.Unmarshal(out, into)
}

// standing is the data folder that is there where none is named.
func standing() string {
	if _, err := os.Stat("chaperone-data"); errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Stat("chaperone-demo"); err == nil {
			return "chaperone-demo"
		}
	}
	return "chaperone-data"
}

// say prints a result: as JSON where that was asked for.
func (d *desk) say(cmd *cobra.Command, result any, words func(*cobra.Command)) error {
	if !d.asJSON {
		words(cmd)
		return nil
	}
	e := json.NewEncoder(cmd.OutOrStdout())
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(result)
}

func told(t time.Time) string { return t.Local().Format("2 January 2006, 15:04") }

// clockCommand is "chaperone clock": what is known about our own clock.
func clockCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "clock",
		Short: "See whether the clock is vouched for, and confirm it",
	}
	c.AddCommand(clockCall("show", "Say whether anything may be destroyed by this clock", "clock.show", false),
		clockCall("confirm", "Say that you looked and the clock is right", "clock.confirm", true))
	return c
}

func clockCall(use, short, call string, act bool) *cobra.Command {
	var d desk
	cmd := &cobra.Command{
		Use: use, Short: short, Args: cobra.NoArgs,
		Long: short + `.

After a jump of the clock of more than an hour that nobody declared, nothing
is deleted and nobody is removed until a named person confirms it.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var c app.Clock
			if err := d.ask(cmd, call, struct{}{}, &c); err != nil {
				return err
			}
			return d.say(cmd, c, func(cmd *cobra.Command) {
				cmd.Printf("The clock shows %s.\n", told(c.Now))
				if c.Vouched {
					cmd.Println("It is vouched for.")
				} else {
					cmd.Println("Nothing is destroyed: " + c.Why + ".")
				}
			})
		},
	}
	d.flags(cmd, act)
	return cmd
}
