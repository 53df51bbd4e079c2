package cli

import (
	"strings"

	"github.com/spf13/cobra"

	"chaperone/internal/app"
)

// signInCommand is "chaperone signin": who may use the console.
func signInCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "signin",
		Short: "Say who may use the console: make a link, list and remove accounts",
		Long: `Accounts of the console. Each has one role:

  administrator           keeps it running; reads no captured text
  information-governance  decides about records, holds and disposal
  auditor                 sees how it is and what was done; changes nothing

Only the owner of the data folder lets people in: these commands work on the
machine that Chaperone runs on, and no page does the same.`,
	}
	c.AddCommand(signInLink(), signInList(), signInRemove())
	return c
}

func signInLink() *cobra.Command {
	var d desk
	var in app.Invite
	cmd := &cobra.Command{
		Use:   "link",
		Short: "Make a link that lets one person in once, to make a passkey",
		Long: `Makes a link for one person. It works once, for an hour; a newer one for the
same name replaces it. Whoever opens it makes a passkey on their device and is
signed in. For somebody who has an account it adds a device, and the role is
from then on the one given here.

Hand it over in person or in a channel that you trust: whoever has it comes in.`,
		Example: `  chaperone signin link --role information-governance --name "Nasreen Malik" --by "Ines Corrigan"`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var l app.Link
			if err := d.ask(cmd, "signin.link", in, &l); err != nil {
				return err
			}
			return d.say(cmd, l, func(cmd *cobra.Command) {
				cmd.Printf("This link lets %s in once, as %s, until %s:\n\n  %s\n\n", plain(l.Name), l.Role, told(l.Expires), l.URL)
				cmd.Println("Whoever has it comes in: hand it to them alone.")
			})
		},
	}
	f := cmd.Flags()
	f.StringVar(&in.Role, "role", "", "`ROLE`: administrator, information-governance or auditor")
	f.StringVar(&in.Name, "name", "", "the person's `NAME`, as colleagues know them")
	d.flags(cmd, true)
	return cmd
}

func signInList() *cobra.Command {
	var d desk
	var removed bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List who can sign in",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var all []app.Account
			if err := d.ask(cmd, "signin.list", struct{}{}, &all); err != nil {
				return err
			}
			shown := all[:0]
			for _, a := range all {
				if removed || a.Removed == nil {
					shown = append(shown, a)
				}
			}
			return d.say(cmd, shown, func(cmd *cobra.Command) {
				if len(shown) == 0 {
					cmd.Println("Nobody has an account.")
				}
				for _, a := range shown {
					tail := "  by " + strings.Join(a.Ways, " and ")
					if a.Removed != nil {
						tail = "  removed " + told(*a.Removed)
					}
					cmd.Printf("%s  %s  %s%s\n", a.ID, plain(a.Name), a.Role, tail)
				}
			})
		},
	}
	cmd.Flags().BoolVar(&removed, "removed", false, "list the removed ones too")
	d.flags(cmd, false)
	return cmd
}

func signInRemove() *cobra.Command {
	var d desk
	cmd := &cobra.Command{
		Use:   "remove ACCOUNT",
		Short: "Remove an account, by its number or name: its sessions end at once",
		Long: `Removes an account. Its sessions, passkeys and open links end at once; what the
person did stays under their name. A new link for the same name lets them in
again.

Somebody who comes by the organisation's own sign-in is refused from then on,
whatever group they are in.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var a app.Account
			if err := d.ask(cmd, "signin.remove", app.WhichAccount{Account: args[0]}, &a); err != nil {
				return err
			}
			return d.say(cmd, a, func(cmd *cobra.Command) {
				cmd.Printf("The account of %s is removed. They are signed out everywhere.\n", plain(a.Name))
			})
		},
	}
	d.flags(cmd, true)
	return cmd
}
