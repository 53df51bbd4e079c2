package cli

import (
	"path/filepath"

	"github.com/spf13/cobra"

	"chaperone/internal/app"
)

// suppressionsCommand is "chaperone suppressions": what is not asked about
// again, because its sender judged it.
func suppressionsCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "suppressions",
		Short: "See what members judged not sensitive, and let it be asked about again",
		Long: `Who answers "it is not sensitive" is not asked about the same value, or the same
text, again in that chat, and neither is anybody else there. Kept is a keyed
digest, never the value. SECRET, passwords and keys are asked about every time.`,
	}
	c.AddCommand(suppressionsList(), suppressionsEnd())
	return c
}

func suppressionsList() *cobra.Command {
	var d desk
	var in app.WhichSuppressions
	cmd := &cobra.Command{
		Use: "list", Short: "List the judgements that stand, newest first", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var all []app.Suppression
			if err := d.ask(cmd, "suppressions.list", in, &all); err != nil {
				return err
			}
			return d.say(cmd, all, func(cmd *cobra.Command) {
				if len(all) == 0 {
					cmd.Println("Nothing is suppressed.")
				}
				for _, s := range all {
					cmd.Printf("%s  %s  %s by rule %s, said by %s on %s, until %s", s.ID, plain(s.Chat), s.Category, s.Rule, plain(s.Owner), told(s.Since), told(s.Until))
					if s.Times > 0 {
						cmd.Printf("; kept back %d times", s.Times)
					}
					if !s.Ended.IsZero() {
						cmd.Printf("; ended on %s by %s: %s", told(s.Ended), plain(s.EndedBy), plain(s.Why))
					}
					cmd.Println()
				}
			})
		},
	}
	cmd.Flags().BoolVar(&in.All, "all", false, "those that ended too, while they are kept")
	d.flags(cmd, false)
	return cmd
}

func suppressionsEnd() *cobra.Command {
	var d desk
	var in app.EndSuppression
	cmd := &cobra.Command{
		Use: "end ID", Short: "Let something be asked about again", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			in.ID = args[0]
			var none struct{}
			if err := d.ask(cmd, "suppressions.end", in, &none); err != nil {
				return err
			}
			return d.say(cmd, in, func(cmd *cobra.Command) {
				cmd.Println("It is asked about again from now on.")
			})
		},
	}
	cmd.Flags().StringVar(&in.Why, "why", "", "why it is asked about again")
	d.flags(cmd, true)
	return cmd
}

// rulesExample is "chaperone rules example": an answer becomes an example.
func rulesExample(dir *string) *cobra.Command {
	var d desk
	var in app.NewExample
	cmd := &cobra.Command{
		Use:   "example RULE --miss TEXT",
		Short: "Teach a rule by an invented text that it must leave alone, or find",
		Long: `Adds an invented example to a rule, in the organisation's rules directory. Write
a text like the one that was judged, with other numbers and names: what somebody
wrote and judged is refused. Where the rule finds the text as it is now, name a
word that rules a finding out. Every example of every rule is proved before the
file is replaced; the running program takes it up at its next start.`,
		Example: `  chaperone rules example phone --miss "switchboard: ring 01632 960111" \
    --never switchboard --by "Ines Corrigan"`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			in.Rule = args[0]
			if *dir != "" {
				var err error
				if in.Dir, err = filepath.Abs(*dir); err != nil {
					return err
				}
			}
			var t app.Taught
			if err := d.ask(cmd, "rules.example", in, &t); err != nil {
				return err
			}
			return d.say(cmd, t, func(cmd *cobra.Command) {
				cmd.Printf("The rule has %d texts to find and %d to leave alone now, in %s.\n", t.Hits, t.Miss, plain(t.File))
			})
		},
	}
	cmd.Flags().StringVar(&in.Miss, "miss", "", "an invented `TEXT` that the rule is to leave alone")
	cmd.Flags().StringVar(&in.Hit, "hit", "", "an invented `TEXT` that the rule is to find")
	cmd.Flags().StringSliceVar(&in.Never, "never", nil, "a `WORD` near a finding that rules it out from now on")
	d.flags(cmd, true)
	return cmd
}
