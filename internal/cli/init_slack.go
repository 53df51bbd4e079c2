package cli

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"chaperone/internal/app"
)

// initSlackCommand prints what an organisation makes its own Slack app from.
func initSlackCommand() *cobra.Command {
	var name, delete, leavers, events string
	cmd := &cobra.Command{
		Use:   "slack",
		Short: "Print the manifest of your own Slack app, and what to do with it",
		Long: `Prints an app manifest with exactly the scopes that are needed. What to do with
it goes to standard error, so that the manifest alone can be kept in a file:

  chaperone init slack > manifest.yaml`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			text, err := app.SlackManifest(name, delete, leavers, events)
			if err != nil {
				return exitError{exitConfig, err}
			}
			if _, err := io.WriteString(cmd.OutOrStdout(), text); err != nil {
				return err
			}
			app := `
   Under Basic Information make an app-level token with connections:write.`
			way := "         app_token: env:SLACK_APP_TOKEN"
			if events != "" {
				app, way = `
   Under Basic Information you find the signing secret.`, "         events: http\n         signing_secret: env:SLACK_SIGNING_SECRET"
			}
			way += map[string]string{
				"workspace":  "\n         leavers: workspace\n         organisation_token: env:SLACK_ORGANISATION_TOKEN   # of whoever installs it for the organisation",
				"deactivate": "\n         leavers: deactivate\n         scim_token: env:SLACK_SCIM_TOKEN   # of whoever installs it",
			}[leavers]
			_, err = fmt.Fprintf(cmd.ErrOrStderr(), `1. Open https://api.slack.com/apps, choose Create New App, From a manifest, your
   workspace, and paste the lines above.
2. Install it to the workspace. Under OAuth & Permissions you find the bot's token.%s
3. Say in chaperone.yaml where the tokens are:
     bots:
       slack:
         bot_token: env:SLACK_BOT_TOKEN
%s
4. Start Chaperone, and in each channel that it is to join write: /invite @%s
It asks whoever invited it five questions in private, then watches, until two
people switch it on.
`, app, way, name)
			return err
		},
	}
	f := cmd.Flags()
	f.StringVar(&name, "name", "Chaperone", "what the app is called")
	f.StringVar(&delete, "delete", "ask", "how messages go: ask, sender or administrator")
	f.StringVar(&leavers, "leavers", "channels", "what becomes of the accounts of leavers: channels, workspace or deactivate")
	f.StringVar(&events, "events-url", "", "https `address` for signed requests, ending in /slack/events (Socket Mode, which needs none)")
	return cmd
}
