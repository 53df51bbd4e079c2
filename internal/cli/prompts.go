package cli

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"chaperone/internal/app"
	"chaperone/internal/measure"
)

// promptsCommand is "chaperone prompts": what prompts achieve, by chat and by
// rule, never by person.
func promptsCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "prompts",
		Short: "See what prompts achieve, what chats are used for, and which of it is a habit",
	}
	c.AddCommand(promptsStats(), promptsDemand(), promptsTrends(), promptsNoted())
	return c
}

func promptsStats() *cobra.Command {
	var d desk
	var in app.Lately
	cmd := &cobra.Command{
		Use: "stats", Short: "Say what became of the prompts, by chat and by rule", Args: cobra.NoArgs,
		Long: `Says how many prompts were answered and put right, how fast, how often they had
to be repeated, and how right each rule was. Of fewer than five prompts,
or of one or two people alone, only their number is told.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var e measure.Effect
			if err := d.ask(cmd, "prompts.stats", in, &e); err != nil {
				return err
			}
			return d.say(cmd, e, func(cmd *cobra.Command) { tellEffect(cmd, e) })
		},
	}
	cmd.Flags().IntVar(&in.Days, "days", 90, "how many days to look back")
	d.flags(cmd, false)
	return cmd
}

func tellEffect(cmd *cobra.Command, e measure.Effect) {
	w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "\tASKED\tANSWERED\tPUT RIGHT\tMEDIAN\tREPEATED\tREMINDED\tESCALATED\tRIGHT TO ASK")
	row := func(title string, c measure.Counts) {
		p := c.Parts
		if p == nil {
			fmt.Fprintf(w, "%s\t%d\ttoo few to say more\n", plain(title), c.Asked)
			return
		}
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%s\t%d%%\t%d\t%d\t%s\n", plain(title), c.Asked, p.Answered, p.Right, some(p.MedianRight, " min"), p.Repeated, p.Reminded, p.Escalated, some(p.Precision, "%"))
	}
	row("all", e.All)
	for _, c := range e.Chats {
		row(or(c.Title, c.Key), c)
	}
	for _, c := range e.Rules {
		row("rule "+c.Key, c)
	}
	w.Flush()
	for _, p := range e.Pairs {
		if p.Precision < 80 {
			cmd.Printf("In %s the rule %s was right to ask in %d%% of %d answers.\n", plain(or(p.Title, p.Chat)), p.Rule, p.Precision, p.Answered)
		}
	}
}

func some(n *int, unit string) string {
	if n == nil {
		return "-"
	}
	return fmt.Sprint(*n) + unit
}

func promptsDemand() *cobra.Command {
	var d desk
	var in app.Lately
	cmd := &cobra.Command{
		Use: "demand", Short: "Say which needs bring people to chats: what about, at which hours, in which kinds of chat", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var x measure.Demand
			if err := d.ask(cmd, "prompts.demand", in, &x); err != nil {
				return err
			}
			return d.say(cmd, x, func(cmd *cobra.Command) {
				if len(x.Topics) == 0 {
					cmd.Println("Nothing was found in that time.")
				}
				for _, t := range x.Topics {
					cmd.Printf("%6d  %s; %d%% outside office hours, most at %02d:00\n", t.N, t.Title, t.Outside, peak(t.Hours))
				}
			})
		},
	}
	cmd.Flags().IntVar(&in.Days, "days", 90, "how many days to look back")
	d.flags(cmd, false)
	return cmd
}

// peak is the hour with the most messages, the first of several.
func peak(hours [24]int) int {
	most := 0
	for h, n := range hours {
		if n > hours[most] {
			most = h
		}
	}
	return most
}

func promptsTrends() *cobra.Command {
	var d desk
	cmd := &cobra.Command{
		Use: "trends", Short: "List the chats that handle personal details as a routine, once a quarter", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var all []app.Trend
			if err := d.ask(cmd, "trends.list", struct{}{}, &all); err != nil {
				return err
			}
			return d.say(cmd, all, func(cmd *cobra.Command) {
				if len(all) == 0 {
					cmd.Println("No chat handles personal details as a routine.")
				}
				for _, t := range all {
					cmd.Printf("%s  %s  on %d of %d days: %s", plain(t.Chat), t.Quarter, t.Days, t.Of, strings.Join(t.Says, ", "))
					if t.NotedBy != "" {
						cmd.Printf("; noted by %s", plain(t.NotedBy))
					}
					cmd.Println()
				}
			})
		},
	}
	d.flags(cmd, false)
	return cmd
}

func promptsNoted() *cobra.Command {
	var d desk
	cmd := &cobra.Command{
		Use: "noted CHAT QUARTER", Short: "Say that you took note of a trend", Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			in := app.WhichTrend{Chat: args[0], Quarter: args[1]}
			var none struct{}
			if err := d.ask(cmd, "trends.note", in, &none); err != nil {
				return err
			}
			return d.say(cmd, in, func(cmd *cobra.Command) { cmd.Println("Noted.") })
		},
	}
	d.flags(cmd, true)
	return cmd
}
