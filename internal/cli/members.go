package cli

import (
	"strings"

	"github.com/spf13/cobra"

	"chaperone/internal/app"
)

// membersCommand is "chaperone members": who is in the chats, and who they are.
func membersCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "members",
		Short: "See who is in the chats and how they are matched, and confirm who somebody is",
	}
	c.AddCommand(membersList(), membersLink(), membersUnlink())
	return c
}

func membersList() *cobra.Command {
	var d desk
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List members, whom the directory matches them to, and why",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var all []app.Member
			if err := d.ask(cmd, "members.list", struct{}{}, &all); err != nil {
				return err
			}
			return d.say(cmd, all, func(cmd *cobra.Command) {
				for _, m := range all {
					cmd.Printf("%s in %s: %s\n", who(m.Name, m.Member), plain(or(strings.Join(m.Chats, ", "), "no chat")), plain(or(m.Says, "not a person")))
				}
				if len(all) == 0 {
					cmd.Println("No members have been seen.")
				}
			})
		},
	}
	d.flags(cmd, false)
	return cmd
}

func membersLink() *cobra.Command {
	var d desk
	cmd := &cobra.Command{
		Use:   "link MEMBER PERSON",
		Short: "Confirm that a member (account/id) is a person of the directory (their key)",
		Args:  cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			var none struct{}
			if err := d.ask(cmd, "members.link", app.LeaverAct{Member: args[0], Person: args[1]}, &none); err != nil {
				return err
			}
			return d.say(cmd, none, func(cmd *cobra.Command) { cmd.Printf("%s is %s, as you confirmed.\n", plain(args[0]), plain(args[1])) })
		},
	}
	d.flags(cmd, true)
	return cmd
}

func membersUnlink() *cobra.Command {
	var d desk
	cmd := &cobra.Command{
		Use:   "unlink MEMBER",
		Short: "Take back who a member was confirmed to be",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var none struct{}
			if err := d.ask(cmd, "members.unlink", app.LeaverAct{Member: args[0]}, &none); err != nil {
				return err
			}
			return d.say(cmd, none, func(cmd *cobra.Command) { cmd.Printf("%s is not confirmed to be anybody any more.\n", plain(args[0])) })
		},
	}
	d.flags(cmd, true)
	return cmd
}
