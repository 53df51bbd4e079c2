package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"chaperone/internal/app"
)

// initDiscordCommand prints how an organisation adds its own Discord bot.
func initDiscordCommand() *cobra.Command {
	var block bool
	cmd := &cobra.Command{
		Use:   "discord APPLICATION",
		Short: "Print the link that adds your own Discord bot, and what to do first",
		Long: `Prints the address at which an administrator of a server adds the bot, with
exactly the permissions that are needed. What to do first goes to standard
error.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			link, err := app.DiscordLink(args[0], block)
			if err != nil {
				return exitError{exitConfig, err}
			}
			if _, err := fmt.Fprintln(cmd.OutOrStdout(), link); err != nil {
				return err
			}
			_, err = fmt.Fprint(cmd.ErrOrStderr(), `1. Open https://discord.com/developers/applications and choose New Application.
   Its id stands under General Information.
2. Under Bot switch on Server Members Intent and Message Content Intent, and
   reset the token to see it once.
3. Say in chaperone.yaml where the token is:
     bots:
       discord:
         token: env:DISCORD_TOKEN
4. Open the address above as an administrator of the server, and put the bot's
   role above those of the people whom it may have to remove.
It asks whoever added it five questions, and watches in every channel that it can
see once these are answered, until you switch one on under chats.
`)
			return err
		},
	}
	cmd.Flags().BoolVar(&block, "block", false, "also what blocking before posting needs (bots.discord.block)")
	return cmd
}
