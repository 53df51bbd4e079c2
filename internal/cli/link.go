package cli

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/mdp/qrterminal/v3"
	"github.com/spf13/cobra"

	"chaperone/config"
	"chaperone/internal/app"
	"chaperone/internal/control"
)

// paceOfPeople is between two things that the bot does on WhatsApp, where
// nothing else is set.
const paceOfPeople = 2 * time.Second

// whatsApp reads what the number is to be reached by; nil where it is off.
func whatsApp(w config.WhatsApp) (*app.WhatsApp, error) {
	if !w.Enabled {
		return nil, nil
	}
	pace, ok := config.Length(w.Pace, paceOfPeople)
	if !ok {
		return nil, fmt.Errorf("bots.whatsapp.pace: %q is no length of time", w.Pace)
	}
	return &app.WhatsApp{URL: w.URL, NoiseRoot: w.NoiseRoot, Version: w.ClientVersion, Pace: pace, ColdADay: w.ColdADay}, nil
}

// risk is what a named person accepts who links a number.
const risk = `WhatsApp's terms do not allow programs like this one on ordinary numbers. It may
restrict or ban the number, without notice, and then the bot reads and writes
nothing there. Use a number of its own, never anybody's personal one, and keep
its phone charged: WhatsApp unlinks a device whose phone was off for 14 days.
`

// linkCommand is "chaperone link".
func linkCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "link", Short: "Link an account of the bot's to its platform"}
	cmd.AddCommand(linkWhatsAppCommand())
	return cmd
}

func linkWhatsAppCommand() *cobra.Command {
	var d desk
	var phone string
	cmd := &cobra.Command{
		Use:   "whatsapp --by NAME [--phone NUMBER]",
		Short: "Show the code that links the bot to its number",
		Long: `Shows a QR code. On the phone of the bot's number open WhatsApp, Settings,
Linked devices, Link a device, and point it at the code. A new code comes now
and then; the command ends when the phone has linked the bot.

With --phone NUMBER, such as "+44 7700 900142", it shows eight characters
instead. They are typed on that phone, for when its camera is of no use.

` + risk + `
By naming yourself with --by you accept this for your organisation.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return linkWhatsApp(cmd, &d, phone) },
	}
	d.flags(cmd, true)
	cmd.Flags().StringVar(&phone, "phone", "", "the bot's own number, to be linked by eight characters instead of a QR code")
	return cmd
}

func linkWhatsApp(cmd *cobra.Command, d *desk, phone string) error {
	c, err := d.load(true)
	if err != nil {
		return exitError{exitConfig, err}
	}
	setDefault(&c.Data, standing())
	setDefault(&c.KeyFile, c.Data+".key")
	setDefault(&c.Records, c.Data+"-records")
	if c.Log, err = logger(cmd); err != nil {
		return err
	}
	if d.by == "" {
		return exitError{exitConfig, fmt.Errorf("say who you are with --by NAME: whoever links a number accepts this.\n\n%s", risk)}
	}
	out := cmd.OutOrStdout()
	if !d.asJSON {
		fmt.Fprint(out, risk+"\n")
	}
	ask := func(call string, args any, into *app.Linking) error {
		in, err := json.Marshal(args)
		if err != nil {
			return err
		}
		b, err := control.Ask(cmd.Context(), c.Data, control.Request{Call: call, By: d.by, Args: in})
		if err != nil {
			return err
		}
		return json.Unmarshal(b, into)
	}
	return app.LinkWhatsApp(cmd.Context(), c, d.by, phone, ask, func(now app.Linking) {
		switch {
		case d.asJSON:
			_ = json.NewEncoder(out).Encode(now) // nobody reads it
		case now.Number != "":
			fmt.Fprintf(out, "Linked to +%s. Ask its groups' members to say hello to that number once, so that the bot may write to them.\n", now.Number)
		case now.Typed != "":
			fmt.Fprintf(out, "On the phone: WhatsApp, Settings, Linked devices, Link a device, Link with phone\nnumber instead. Type there:\n\n    %s\n\nIt counts until %s; then begin anew.\n", now.Typed, now.Ends.Local().Format("15:04:05"))
		case phone == "" && now.Code != "":
			fmt.Fprintln(out, "On the phone: WhatsApp, Settings, Linked devices, Link a device.")
			qrterminal.GenerateHalfBlock(now.Code, qrterminal.L, out)
			fmt.Fprintf(out, "This code counts until %s; then the next one follows.\n\n", now.Until.Local().Format("15:04:05"))
		}
	})
}
