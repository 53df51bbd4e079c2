package cli

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"chaperone/internal/app"
	"chaperone/internal/breach"
)

// breachCommand is "chaperone breach": records of personal data breaches.
func breachCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "breach",
		Short: "Keep records of personal data breaches, with their 72-hour clock",
		Long: `A breach record is opened from a prompt, or proposed where something serious
about a person stood for a quarter of an hour in a chat that people outside the
organisation read. It says what kind, how many people, who could have seen it
and for how long, and what was decided. It never holds what was said.`,
	}
	c.AddCommand(breachList(), breachShow(), breachOpen(), breachDecide(), breachHandOver(), breachClose())
	return c
}

func breachList() *cobra.Command {
	var d desk
	cmd := &cobra.Command{
		Use: "list", Short: "List the breach records, newest first", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var all []app.Breach
			if err := d.ask(cmd, "breach.list", struct{}{}, &all); err != nil {
				return err
			}
			return d.say(cmd, all, func(cmd *cobra.Command) {
				if len(all) == 0 {
					cmd.Println("There is no breach record.")
				}
				for _, b := range all {
					cmd.Printf("%s  %s  %s: %s; %s\n", b.ID, b.State, plain(b.Title), strings.Join(b.Says, ", "), clockLine(b))
				}
			})
		},
	}
	d.flags(cmd, false)
	return cmd
}

// clockLine says how the 72 hours stand.
func clockLine(b app.Breach) string {
	c := b.Clock
	switch {
	case b.State == breach.Proposed:
		return "a person decides whether it is one"
	case b.State == breach.Closed:
		return "closed " + told(b.Ended)
	case !c.Runs && b.Told != nil:
		return "the Commissioner was told " + told(b.Told.At)
	case !c.Runs:
		return "decided: the Commissioner is not told"
	case c.Alarm == breach.Late:
		return "LATE: the 72 hours ended " + told(c.Due)
	case c.Alarm == breach.DayOff:
		return fmt.Sprintf("only %d of 72 h left, until %s", c.Left, told(c.Due))
	}
	return fmt.Sprintf("%d of 72 h left, until %s", c.Left, told(c.Due))
}

func breachShow() *cobra.Command {
	var d desk
	var names bool
	cmd := &cobra.Command{
		Use: "show ID", Short: "Show one record with its receipt of exposure", Args: cobra.ExactArgs(1),
		Long: `Shows a record: counts, decisions, and how the 72 hours stand. With --names it
lists who could have seen it; that you looked is kept in the log.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			in := app.WhichBreach{ID: args[0]}
			if names {
				var list []app.CouldSee
				if err := d.ask(cmd, "breach.who", in, &list); err != nil {
					return err
				}
				return d.say(cmd, list, func(cmd *cobra.Command) {
					for _, w := range list {
						cmd.Printf("%s  %s%s\n", who(w.Name, w.Member), w.Standing, map[bool]string{false: ", perhaps: first seen there later"}[w.Sure])
					}
				})
			}
			var b app.Breach
			if err := d.ask(cmd, "breach.show", in, &b); err != nil {
				return err
			}
			return d.say(cmd, b, func(cmd *cobra.Command) { tellBreach(cmd, b) })
		},
	}
	cmd.Flags().BoolVar(&names, "names", false, "name who could have seen it; needs --by")
	d.flags(cmd, true)
	return cmd
}

func tellBreach(cmd *cobra.Command, b app.Breach) {
	cmd.Printf("Breach record %s, %s, in %s\n", b.ID, b.State, plain(b.Title))
	cmd.Printf("What kind:  %s\n", strings.Join(b.Says, ", "))
	people := "not counted yet: chaperone breach decide " + b.ID + " --people N"
	if b.People != nil {
		people = fmt.Sprint(*b.People)
	}
	cmd.Printf("People:     %s\n", people)
	cmd.Printf("Visible:    %s, from %s", b.Exposure.For, told(b.Exposure.From))
	if b.Exposure.Visible {
		cmd.Println("; some of it can be seen now")
	} else {
		cmd.Printf(" until %s\n", told(b.Exposure.Until))
	}
	cmd.Printf("Could see:  %s\n", b.Exposure.Who)
	cmd.Printf("Read by:    %s\n", b.Exposure.Readers)
	cmd.Printf("72 hours:   %s\n", clockLine(b))
	if x := b.Decision; x != nil {
		cmd.Printf("Decision:   %s, by %s: %s\n", map[bool]string{true: "tell the Commissioner", false: "do not tell the Commissioner"}[x.Notify], plain(x.By), plain(x.Reason))
	}
	for _, h := range b.Handed {
		if h.Filed.IsZero() {
			cmd.Printf("Handed over by %s on %s: it is still being filed\n", plain(h.By), told(h.At))
		} else {
			cmd.Printf("Handed over by %s: filed %s at %s\n", plain(h.By), told(h.Filed), plain(h.Where))
		}
	}
	if b.Why != "" {
		cmd.Printf("Closed by %s: %s\n", plain(b.EndedBy), plain(b.Why))
	}
}

// breachAct is a command that changes a record, and shows it.
func breachAct(d *desk, cmd *cobra.Command, call string, in any) error {
	var b app.Breach
	if err := d.ask(cmd, call, in, &b); err != nil {
		return err
	}
	return d.say(cmd, b, func(cmd *cobra.Command) { tellBreach(cmd, b) })
}

func breachOpen() *cobra.Command {
	var d desk
	var in app.OpenBreach
	var aware string
	people := -1
	cmd := &cobra.Command{
		Use: "open PROMPT", Short: "Open a record from a prompt, or take up a proposed one", Args: cobra.ExactArgs(1),
		Long: `Opens a record about everything that a prompt covers, by the prompt's number, or
takes up a proposed record by its own. The 72 hours run from when the
organisation became aware: now, or as --aware says.`,
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			in.Prompt = args[0]
			if aware != "" {
				if in.Aware, err = instant(aware); err != nil {
					return errors.New("--aware: write when the organisation became aware, such as 2026-11-23T02:20:00Z")
				}
			}
			in.People = given(cmd, people)
			return breachAct(&d, cmd, "breach.open", in)
		},
	}
	cmd.Flags().StringVar(&aware, "aware", "", "the `TIME` at which the organisation became aware (now)")
	cmd.Flags().IntVar(&people, "people", -1, "how many people's data it is, as you counted")
	d.flags(cmd, true)
	return cmd
}

// given is a count, where one was given.
func given(cmd *cobra.Command, n int) *int {
	if !cmd.Flags().Changed("people") {
		return nil
	}
	return &n
}

func breachDecide() *cobra.Command {
	var d desk
	var in app.DecideBreach
	var notify, not bool
	var toldAt string
	people := -1
	cmd := &cobra.Command{
		Use: "decide ID", Short: "Decide whether the Commissioner is told, and note that they were", Args: cobra.ExactArgs(1),
		Example: `  chaperone breach decide ID --not --reason "deleted within minutes, colleagues only" --people 1 --by "Nasreen Malik"
  chaperone breach decide ID --told 2026-11-24T10:00:00Z --reference IC-123456 --by "Nasreen Malik"`,
		RunE: func(cmd *cobra.Command, args []string) error {
			in.ID, in.Notify, in.People = args[0], notify, given(cmd, people)
			if notify && not {
				return errors.New("say --notify or --not, and not both")
			}
			if (notify || not) != (in.Reason != "") {
				return errors.New("a decision is --notify or --not, and has its --reason")
			}
			if toldAt != "" {
				var err error
				if in.Told, err = time.Parse(time.RFC3339, toldAt); err != nil {
					return errors.New("--told: write when the Commissioner was told, such as 2026-11-24T10:00:00Z")
				}
			}
			return breachAct(&d, cmd, "breach.decide", in)
		},
	}
	f := cmd.Flags()
	f.BoolVar(&notify, "notify", false, "the Commissioner is to be told")
	f.BoolVar(&not, "not", false, "the Commissioner need not be told")
	f.StringVar(&in.Reason, "reason", "", "why")
	f.IntVar(&people, "people", -1, "how many people's data it is, as you counted")
	f.StringVar(&toldAt, "told", "", "the `TIME` at which the Commissioner was told")
	f.StringVar(&in.Reference, "reference", "", "the Commissioner's reference")
	f.StringVar(&in.Late, "late", "", "why they were told later than 72 hours")
	d.flags(cmd, true)
	return cmd
}

func breachHandOver() *cobra.Command {
	var d desk
	cmd := &cobra.Command{
		Use: "handover ID", Short: "File the report for the data protection officer: counts and decisions, no names", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return breachAct(&d, cmd, "breach.handover", app.WhichBreach{ID: args[0]})
		},
	}
	d.flags(cmd, true)
	return cmd
}

func breachClose() *cobra.Command {
	var d desk
	var in app.CloseBreach
	cmd := &cobra.Command{
		Use: "close ID", Short: "Close a record, or say why a proposed one is no breach", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			in.ID = args[0]
			return breachAct(&d, cmd, "breach.close", in)
		},
	}
	cmd.Flags().StringVar(&in.Why, "why", "", "how it ended, or why it is no breach")
	d.flags(cmd, true)
	return cmd
}
