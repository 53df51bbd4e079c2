package cli

import (
	"strings"

	"github.com/spf13/cobra"

	"chaperone/internal/app"
)

func chatsShow() *cobra.Command {
	var d desk
	cmd := &cobra.Command{
		Use: "show CHAT", Short: "Show how a chat is set, and how far joining it has come", Args: cobra.ExactArgs(1),
		Example: "  chaperone chats show practice/flood-north",
		RunE: func(cmd *cobra.Command, args []string) error {
			var s app.Settings
			if err := d.ask(cmd, "chat.show", app.WhichChat{Chat: args[0]}, &s); err != nil {
				return err
			}
			return d.say(cmd, s, func(cmd *cobra.Command) { tellSettings(cmd, s) })
		},
	}
	d.flags(cmd, false)
	return cmd
}

func tellSettings(cmd *cobra.Command, s app.Settings) {
	line := func(key, value string) {
		if value != "" {
			cmd.Printf("%-16s%s\n", key+":", plain(value))
		}
	}
	line("chat", s.Chat+"  "+s.Name)
	line("set by", map[string]string{"configuration": "the configuration", "joining": "what was answered when the bot joined", "default": "nobody: it is only watched"}[s.From])
	line("kind", string(s.Kind))
	line("mode", s.Mode)
	line("who is in it", s.People)
	line("administrators", strings.Join(s.Administrators, ", "))
	line("answers", s.Answers)
	line("records", s.Records)
	line("languages", strings.Join(s.Languages, ", "))
	line("notice", s.Notice)
	line("assessment", s.Assessment)
	if s.State == "asking" {
		cmd.Println("The administrator who added the bot has questions to answer. Nothing is read before that.")
	}
	if s.Until != nil {
		line("watched until", told(*s.Until))
	}
	if s.State == "watching" || s.State == "reported" || s.State == "on" {
		cmd.Printf("It read %d messages, and while it only watched it would have asked %d times.\n", s.Read, s.WouldAsk)
	}
	if len(s.Yes) > 0 {
		line("said yes", strings.Join(s.Yes, ", "))
	}
	if s.State == "reported" {
		cmd.Printf("To switch it on %d more people say: chaperone chats switch-on %s --assessment REFERENCE --by NAME\n", s.Needs, plain(s.Chat))
	}
}

func chatsSwitch(use, short, long, call string) *cobra.Command {
	var d desk
	var in app.WhichChat
	cmd := &cobra.Command{
		Use: use + " CHAT", Short: short, Long: long, Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			in.Chat = args[0]
			var s app.Settings
			if err := d.ask(cmd, call, in, &s); err != nil {
				return err
			}
			return d.say(cmd, s, func(cmd *cobra.Command) {
				switch {
				case s.Mode == "act":
					cmd.Printf("%s is switched on, as %s said. It asks senders in private from now on.\n", plain(s.Name), plain(strings.Join(s.Yes, " and ")))
				case len(s.Yes) > 0:
					cmd.Printf("%s said yes. Another person has to say it too.\n", plain(strings.Join(s.Yes, " and ")))
				default:
					cmd.Printf("%s is only watched from now on.\n", plain(s.Name))
				}
			})
		},
	}
	if call == "chat.switch-on" {
		cmd.Flags().StringVar(&in.Assessment, "assessment", "", "`REFERENCE` of the data protection impact assessment")
	}
	d.flags(cmd, true)
	return cmd
}
