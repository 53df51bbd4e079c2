package cli

import (
	"time"

	"github.com/spf13/cobra"

	"chaperone/internal/app"
)

// chatsCommand is "chaperone chats": where the bot sits, and what it could not see.
func chatsCommand() *cobra.Command {
	c := &cobra.Command{Use: "chats", Short: "See the chats, how they are set, and what could not be seen; switch them on"}
	c.AddCommand(chatsList(), chatsShow(), chatsGaps(),
		chatsSwitch("switch-on", "Say yes to asking people in a chat that was watched", `Says yes to acting in a chat that was joined by questions and watched for a week.
Two different people have to say it. The first names the impact assessment.`, "chat.switch-on"),
		chatsSwitch("switch-off", "Let a chat be only watched again", "", "chat.switch-off"))
	return c
}

func chatsList() *cobra.Command {
	var d desk
	cmd := &cobra.Command{
		Use: "list", Short: "List the chats that the bot sits in", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var all []app.Chat
			if err := d.ask(cmd, "chat.list", struct{}{}, &all); err != nil {
				return err
			}
			return d.say(cmd, all, func(cmd *cobra.Command) {
				if len(all) == 0 {
					cmd.Println("The bot sits in no chat yet.")
				}
				for _, c := range all {
					cmd.Printf("%s  %s  %s, %s", plain(c.ID), plain(c.Name), c.Kind, c.Mode)
					if c.Gaps > 0 {
						cmd.Printf(", gaps: %d", c.Gaps)
					}
					if c.Abroad > 0 {
						cmd.Printf(", numbers from abroad: %d", c.Abroad)
					}
					cmd.Println()
				}
			})
		},
	}
	d.flags(cmd, false)
	return cmd
}

func chatsGaps() *cobra.Command {
	var d desk
	cmd := &cobra.Command{
		Use: "gaps [CHAT]", Short: "List the stretches that the bot cannot vouch for",
		Long: `Lists what the bot could not see, in one chat or in all: the time before it
joined, when it was not running, messages that could not be read, and
messages that were deleted before they were read or by somebody other than
their sender. Any answer that rests on what the bot saw has these gaps.`,
		Example: "  chaperone chats gaps practice/flood-north",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var in struct{ Chat string }
			if len(args) > 0 {
				in.Chat = args[0]
			}
			var all []app.Gap
			if err := d.ask(cmd, "chat.gaps", in, &all); err != nil {
				return err
			}
			return d.say(cmd, all, func(cmd *cobra.Command) {
				if len(all) == 0 {
					cmd.Println("There are no gaps.")
				}
				for _, g := range all {
					cmd.Printf("%s  %s – %s  %s", plain(g.Chat), orElse(g.Since, "its beginning"), orElse(g.Until, "now"), g.Says)
					if g.Message != "" {
						cmd.Printf(" (message %s)", plain(g.Message))
					}
					cmd.Println()
				}
			})
		},
	}
	d.flags(cmd, false)
	return cmd
}

func orElse(t *time.Time, otherwise string) string {
	if t == nil {
		return otherwise
	}
	return told(*t)
}
