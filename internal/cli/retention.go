package cli

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"chaperone/internal/app"
	"chaperone/internal/clock"
	"chaperone/internal/retention"
)

// retentionCommand is "chaperone retention": what is disposed of, when and why.
func retentionCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "retention",
		Short: "See, approve, stop and undo the disposal of old messages",
	}
	c.AddCommand(retentionList(), retentionPlan(), retentionRun(), retentionApprove(), retentionStop(), retentionUndo(), retentionPurge(), retentionCertificate())
	return c
}

func retentionList() *cobra.Command {
	var d desk
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the schedules and their runs",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var all []app.Schedule
			if err := d.ask(cmd, "retention.list", struct{}{}, &all); err != nil {
				return err
			}
			var own []app.Own
			if !d.asJSON {
				if err := d.ask(cmd, "retention.own", struct{}{}, &own); err != nil {
					return err
				}
			}
			return d.say(cmd, all, func(cmd *cobra.Command) {
				if len(all) == 0 {
					cmd.Println("The configuration names no retention schedules, so nothing is disposed of.")
				}
				for _, s := range all {
					mode := "watches only"
					if s.Acting {
						mode = "next run " + told(s.Next)
					}
					cmd.Printf("%s  %s: class %s, %s, then %s; %s\n", s.ID, plain(s.Title), s.Class, or(s.Period, "no period"), or(s.Disposal, "nothing"), mode)
					for _, r := range s.Runs {
						tellRun(cmd, r)
					}
				}
				cmd.Println("Chaperone's own data, but for what a hold covers:")
				for _, o := range own {
					cmd.Printf("  %-10s %s: %s\n", o.Kind, o.Period, o.Says)
				}
			})
		},
	}
	d.flags(cmd, false)
	return cmd
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

func tellRun(cmd *cobra.Command, r app.Run) {
	if r.State == retention.MadeGood {
		cmd.Printf("  %s  missed; the run of %s did its work\n", r.Date, r.MadeGood)
		return
	}
	cmd.Printf("  %s  %s: plan %s disposes of %d", r.Date, r.State, retention.Short(r.Plan), r.Disposes)
	if r.Needs > 0 {
		cmd.Printf("; approved by %d of %d", len(r.Approvals), r.Needs)
	}
	if r.Why != "" {
		cmd.Printf("; %s", plain(r.Why))
	}
	cmd.Println()
	if r.Certificate != nil {
		for _, n := range r.Certificate.Counts {
			cmd.Printf("    %-15s %d\n", n.What, n.N)
		}
		cmd.Printf("    certificate %s\n", r.Digest)
	}
}

func retentionPlan() *cobra.Command {
	var d desk
	cmd := &cobra.Command{
		Use:   "plan SCHEDULE",
		Short: "Show exactly what a run would dispose of now, and why each other message stays",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var p app.Plan
			if err := d.ask(cmd, "retention.plan", app.WhichRun{Schedule: args[0]}, &p); err != nil {
				return err
			}
			return d.say(cmd, p, func(cmd *cobra.Command) {
				for _, i := range p.Items {
					cmd.Printf("%s %s  %s  %s\n", plain(i.Chat), plain(i.Message), told(i.SentAt), plain(i.Says))
				}
				cmd.Printf("Plan %s of %s disposes of %d of %d messages", retention.Short(p.Digest), p.Date, p.Disposes, len(p.Items))
				if p.Needs > 0 {
					cmd.Printf(" and needs the approval of %d people", p.Needs)
				}
				cmd.Println(".")
			})
		},
	}
	d.flags(cmd, false)
	return cmd
}

// runCall is a command about one run.
func runCall(use, short, call string, dated bool, more func(*cobra.Command, *app.WhichRun)) *cobra.Command {
	var d desk
	var in app.WhichRun
	n := 1
	if dated {
		n = 2
	}
	cmd := &cobra.Command{
		Use: use, Short: short, Args: cobra.ExactArgs(n),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := which(&in, args); err != nil {
				return err
			}
			var r app.Run
			if err := d.ask(cmd, call, in, &r); err != nil {
				return err
			}
			return d.say(cmd, r, func(cmd *cobra.Command) { tellRun(cmd, r) })
		},
	}
	d.flags(cmd, true)
	if more != nil {
		more(cmd, &in)
	}
	return cmd
}

func which(in *app.WhichRun, args []string) (err error) {
	in.Schedule = args[0]
	if len(args) > 1 {
		if in.Date, err = clock.ParseDate(args[1]); err != nil {
			return fmt.Errorf("%q is no date: write one such as 2027-06-01", args[1])
		}
	}
	return nil
}

func retentionRun() *cobra.Command {
	return runCall("run SCHEDULE", "Begin today's run of a schedule before it is due", "retention.run", false, nil)
}

func retentionApprove() *cobra.Command {
	return runCall("approve SCHEDULE DATE", "Approve the plan of a run that is above its cap: two people do", "retention.approve", true,
		func(cmd *cobra.Command, in *app.WhichRun) {
			cmd.Flags().IntVar(&in.Count, "count", 0, "how many messages the plan disposes of, as you read it")
		})
}

func retentionStop() *cobra.Command {
	return runCall("stop SCHEDULE DATE", "Stop a run: what has not begun is not done", "retention.stop", true,
		func(cmd *cobra.Command, in *app.WhichRun) {
			cmd.Flags().StringVar(&in.Why, "why", "", "why it is stopped")
		})
}

func retentionUndo() *cobra.Command {
	var d desk
	var in app.WhichRun
	cmd := &cobra.Command{
		Use:   "undo SCHEDULE DATE",
		Short: "Give back what a run deleted in the last 30 days, as far as that is possible",
		Long: `Posts again the texts of what a run deleted, for 30 days after it.

A platform cannot put a deleted message back in its place: the bot posts the
text, and the sender, reactions, replies and files do not come back. Of
messages whose text the platform does not give to the bot nothing comes back.`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := which(&in, args); err != nil {
				return err
			}
			var u app.Undone
			if err := d.ask(cmd, "retention.undo", in, &u); err != nil {
				return err
			}
			return d.say(cmd, u, func(cmd *cobra.Command) {
				cmd.Printf("Given back: %d. Without a text: %d. %s\n", u.Posted, u.Without, u.Says)
			})
		},
	}
	d.flags(cmd, true)
	return cmd
}

func retentionPurge() *cobra.Command {
	var d desk
	var in app.WhichRun
	cmd := &cobra.Command{
		Use:   "purge SCHEDULE DATE",
		Short: "Give up undo: erase at once what a run keeps sealed for 30 days",
		Long: `Erases the sealed texts of what a run deleted, before their 30 days are over.
Nothing brings them back afterwards, in no file and with no key. What a hold
covers stays, and goes when its own time has come after the hold.`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := which(&in, args); err != nil {
				return err
			}
			var p app.Purged
			if err := d.ask(cmd, "retention.purge", in, &p); err != nil {
				return err
			}
			return d.say(cmd, p, func(cmd *cobra.Command) {
				cmd.Printf("Erased: %d texts.", p.Gone)
				if p.Held > 0 {
					cmd.Printf(" %d stay because a hold covers them.", p.Held)
				}
				cmd.Println()
			})
		},
	}
	d.flags(cmd, true)
	return cmd
}

func retentionCertificate() *cobra.Command {
	var d desk
	cmd := &cobra.Command{
		Use:   "certificate SCHEDULE DATE",
		Short: "Print the certificate of disposal of a run",
		Long: `Prints the certificate of what a run did, for people, or with --json exactly as
the audit log has its digest: the SHA-256 of those bytes stands in the log's
entry about the end of the run.`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			var in app.WhichRun
			if err := which(&in, args); err != nil {
				return err
			}
			var all []app.Schedule
			if err := d.ask(cmd, "retention.list", struct{}{}, &all); err != nil {
				return err
			}
			for _, s := range all {
				for _, r := range s.Runs {
					if s.ID == in.Schedule && r.Date == in.Date && r.Certificate != nil {
						return tellCertificate(cmd.OutOrStdout(), *r.Certificate, d.asJSON)
					}
				}
			}
			return fmt.Errorf("the schedule %q has no certificate of %s. List its runs with: chaperone retention list", in.Schedule, in.Date)
		},
	}
	d.flags(cmd, false)
	return cmd
}

// tellCertificate writes a certificate; as JSON, without a byte more or less
// than its digest is of.
func tellCertificate(w io.Writer, c retention.Certificate, asJSON bool) error {
	if !asJSON {
		_, err := io.WriteString(w, c.Text())
		return err
	}
	b, err := json.Marshal(c)
	if err != nil {
		return err
	}
	_, err = w.Write(b)
	return err
}
