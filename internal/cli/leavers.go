package cli

import (
	"errors"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"chaperone/internal/app"
	"chaperone/internal/directory/csv"
)

// leaversCommand is "chaperone leavers": who leaves, and what is done about it.
func leaversCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "leavers",
		Short: "See who leaves, approve or stop a removal, and let somebody in again",
		Long: `Members are matched to people of the staff directory. Whom it gives a last day
is asked for a last look, and taken out of the chats a day later at the
earliest. Nobody is removed because they are missing or unknown.`,
	}
	c.AddCommand(leaversList(), leaversPreview(), leaversApprove(), leaversStop(), leaversResume(), leaversReinstate())
	return c
}

func leaversList() *cobra.Command {
	var d desk
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List leavers, what waits for a person's yes, and members whom somebody should look at",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var l app.Leavers
			if err := d.ask(cmd, "leavers.list", struct{}{}, &l); err != nil {
				return err
			}
			return d.say(cmd, l, func(cmd *cobra.Command) { tellLeavers(cmd, l) })
		},
	}
	d.flags(cmd, false)
	return cmd
}

func tellLeavers(cmd *cobra.Command, l app.Leavers) {
	if l.Directory.IsZero() {
		cmd.Println("No directory was read.")
	} else {
		cmd.Printf("The directory of %s has %d people; %d of %d members are matched.\n", told(l.Directory), l.Facts.People, l.Facts.Matched, l.Facts.Members)
	}
	for _, why := range l.Stopped {
		cmd.Println("Nobody is removed: " + plain(why))
	}
	for _, st := range l.Steps {
		cmd.Printf("%s  %s\n", st.Key[:8], leaverLine(st))
		cmd.Println("    " + plain(st.Because))
	}
	for _, q := range l.Questions {
		cmd.Printf("Question %s: %s\n", shortKey(q.Key), plain(q.Why))
		for _, st := range q.Steps {
			cmd.Printf("    %s  %s\n", st.Key[:8], leaverLine(st))
		}
		cmd.Printf("    %d of %d said yes. To approve: chaperone leavers approve %s --by NAME\n", q.Yes, q.Needs, shortKey(q.Key))
	}
	for _, r := range l.Staying {
		cmd.Printf("%s stays, last day %s: %s\n", plain(r.Person), r.LastDay, plain(strings.TrimSpace(r.Says+" "+r.Why)))
	}
	for _, a := range l.Alarms {
		cmd.Printf("Look at %s in %s (%s): %s\n", who(a.Name, a.Member), plain(a.Chat), a.Kind, plain(a.Text))
	}
	if len(l.Steps)+len(l.Questions)+len(l.Alarms) == 0 {
		cmd.Println("Nobody leaves, and nothing waits for you.")
	}
}

// shortKey is as much of a key as tells it from others.
func shortKey(key string) string {
	kind, rest, ok := strings.Cut(key, ":")
	if !ok {
		return key[:min(8, len(key))]
	}
	return kind + ":" + rest[:min(8, len(rest))]
}

func who(name, member string) string {
	if name == "" {
		return plain(member)
	}
	return plain(name) + " (" + plain(member) + ")"
}

var leaverStates = map[string]string{
	"waiting": "waits", "farewell": "was told", "due": "is due", "under-way": "is being removed", "removed": "removed", "watched": "is only watched",
}

func leaverLine(st app.LeaverStep) string {
	line := who(st.Name, st.Member) + ", person " + plain(st.Person) + ", in " + plain(st.Chat) + ": last day " + st.LastDay.String() + "; " + leaverStates[st.State]
	if !st.At.IsZero() && st.State != "watched" {
		line += " " + map[bool]string{true: "on ", false: "until "}[st.State == "removed" || st.State == "due"] + told(st.At)
	}
	if st.Why != "" {
		line += ". " + plain(st.Why)
	}
	return line
}

func leaversApprove() *cobra.Command {
	var d desk
	cmd := &cobra.Command{
		Use:   "approve KEY",
		Short: "Say yes to a question, or to one leaver of it",
		Long: `Says yes to a question that "chaperone leavers list" shows, by its key or as
much of it as is unique. Where two people are needed, the second yes is another
person's. Nobody approves their own removal.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var r app.Approved
			if err := d.ask(cmd, "leavers.approve", app.LeaverAct{Key: args[0]}, &r); err != nil {
				return err
			}
			return d.say(cmd, r, func(cmd *cobra.Command) {
				cmd.Printf("Approved by %d of %d.\n", r.Yes, r.Needs)
			})
		},
	}
	d.flags(cmd, true)
	return cmd
}

func leaversStop() *cobra.Command {
	var d desk
	in := app.LeaverAct{}
	cmd := &cobra.Command{
		Use:   "stop [PERSON]",
		Short: "Keep a leaver in, or stop every removal, until it is resumed",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			in.Person = strings.Join(args, "")
			var r app.Stayed
			if err := d.ask(cmd, "leavers.stop", in, &r); err != nil {
				return err
			}
			return d.say(cmd, r, func(cmd *cobra.Command) {
				if in.Person == "" {
					cmd.Println("Every removal is stopped. To go on: chaperone leavers resume --by NAME")
					return
				}
				cmd.Printf("%s stays, in spite of their last day %s.\n", plain(r.Person), r.LastDay)
				tellUnderWay(cmd, r)
			})
		},
	}
	cmd.Flags().StringVar(&in.Why, "why", "", "why it is stopped")
	d.flags(cmd, true)
	return cmd
}

func tellUnderWay(cmd *cobra.Command, r app.Stayed) {
	for _, x := range r.UnderWay {
		cmd.Println("  Its removal had begun, look: " + plain(x))
	}
}

func leaversResume() *cobra.Command {
	var d desk
	cmd := &cobra.Command{
		Use:   "resume [PERSON]",
		Short: "Take back that a leaver stays, or that every removal is stopped",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var r app.Stayed
			if err := d.ask(cmd, "leavers.resume", app.LeaverAct{Person: strings.Join(args, "")}, &r); err != nil {
				return err
			}
			return d.say(cmd, r, func(cmd *cobra.Command) { cmd.Println("It goes on as the directory says.") })
		},
	}
	d.flags(cmd, true)
	return cmd
}

func leaversReinstate() *cobra.Command {
	var d desk
	in := app.LeaverAct{}
	cmd := &cobra.Command{
		Use:   "reinstate PERSON",
		Short: "Undo in one step what was done to a leaver: the farewell, what is planned, and the leaving date",
		Long: `Takes the farewell of a leaver back, cancels what is planned, and lets the same
leaving date remove them no more. PERSON is their key in the directory. The bot
cannot bring people into a chat: it says where an administrator invites them.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			in.Person = args[0]
			var r app.Stayed
			if err := d.ask(cmd, "leavers.reinstate", in, &r); err != nil {
				return err
			}
			return d.say(cmd, r, func(cmd *cobra.Command) {
				cmd.Printf("%s is reinstated: their last day %s removes them no more.\n", plain(r.Person), r.LastDay)
				for _, x := range r.Invite {
					cmd.Println("  Invite them again: " + plain(x))
				}
				tellUnderWay(cmd, r)
			})
		},
	}
	cmd.Flags().StringVar(&in.Why, "why", "", "why they come back")
	d.flags(cmd, true)
	return cmd
}

func leaversPreview() *cobra.Command {
	var d desk
	var in app.PreviewFile
	var m csv.Mapping
	cmd := &cobra.Command{
		Use:   "preview FILE",
		Short: "Show what a staff directory would mean, before it is used",
		Long: `Reads a CSV file through a mapping and shows its first rows, masked; what is
wrong with it, line by line; whom it would match the members to, and why; and
who would leave. It changes nothing.

Without a mapping in the flags the configuration's is used; without one there,
one that the names of the columns suggest.`,
		Example: `  chaperone leavers preview staff.csv --id "Staff number" --email "Work email" --leaves "Leaving date"`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			path, err := filepath.Abs(args[0])
			if err != nil {
				return err
			}
			in.File = path
			if m.ID != "" {
				in.Mapping = &m
			} else if m.Leaves != "" || len(m.Phones)+len(m.Emails) > 0 {
				return errors.New("name the column of the key too: --id")
			}
			var p app.Preview
			if err := d.ask(cmd, "leavers.preview", in, &p); err != nil {
				return err
			}
			if err := d.say(cmd, p, func(cmd *cobra.Command) { tellPreview(cmd, p) }); err != nil || len(p.Faults) == 0 {
				return err
			}
			return exitError{code: 1}
		},
	}
	f := cmd.Flags()
	f.StringVar(&m.ID, "id", "", "`COLUMN` of the key, such as the staff number")
	f.StringVar(&m.Name, "name", "", "`COLUMN` of the name")
	f.StringArrayVar(&m.Phones, "phone", nil, "`COLUMN` of telephone numbers; may be given again")
	f.StringArrayVar(&m.Emails, "email", nil, "`COLUMN` of e-mail addresses; may be given again")
	f.StringVar(&m.Leaves, "leaves", "", "`COLUMN` of the last day")
	f.StringVar(&m.Dismissed, "dismissed", "", "`COLUMN` that says yes for those who go at once")
	f.StringVar(&m.Dates, "dates", "", "how dates are written: "+strings.Join(csv.Forms(), ", "))
	f.StringVar(&m.Country, "country", "", "calling code of numbers that begin with 0 (44)")
	d.flags(cmd, false)
	return cmd
}

func tellPreview(cmd *cobra.Command, p app.Preview) {
	cmd.Printf("Columns: %s (%s, separated by %q)\n", plain(strings.Join(p.Columns, ", ")), p.Encoding, p.Separator)
	if p.Suggested {
		cmd.Println("No mapping was given. The names of the columns suggest this one; check it:")
	}
	cmd.Printf("Key: %s. Numbers: %s. Addresses: %s. Last day: %s.\n", or(p.Mapping.ID, "none"), or(strings.Join(p.Mapping.Phones, ", "), "none"),
		or(strings.Join(p.Mapping.Emails, ", "), "none"), or(p.Mapping.Leaves, "none"))
	for _, f := range p.Faults {
		cmd.Println("Fault: " + plain(f))
	}
	if len(p.Faults) > 0 {
		cmd.Println("As it is, the file would be refused, and nobody removed.")
		return
	}
	for _, r := range p.First {
		cmd.Printf("  %s  %s  %s %s  %s  %s\n", r.Person, plain(r.Name), strings.Join(r.Phones, ", "), strings.Join(r.Emails, ", "), plain(r.Unit), r.Leaves)
	}
	for _, w := range p.Warnings {
		cmd.Println("Left out: " + plain(w))
	}
	cmd.Printf("%d people, %d of them with a last day. %d of %d members are matched:\n", p.People, p.Leaving, p.Matched, p.Members)
	for _, m := range p.Matches {
		cmd.Printf("  %s: %s", who(m.Name, m.Member), plain(m.Says))
		if !m.LastDay.IsZero() {
			cmd.Printf(" They leave: last day %s.", m.LastDay)
		}
		cmd.Println()
	}
	for _, why := range p.Stopped {
		cmd.Println("Nobody would be removed yet: " + plain(why))
	}
}
