package cli

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"chaperone/internal/app"
	"chaperone/internal/clock"
)

// holdCommand is "chaperone hold": what must not be disposed of.
func holdCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "hold",
		Short: "Place, release and list holds: what must not be disposed of",
	}
	c.AddCommand(holdPlace(), holdRelease(), holdRescope(), holdList(), holdShow())
	return c
}

func scopeFlags(cmd *cobra.Command, s *app.Scope) {
	f := cmd.Flags()
	f.BoolVar(&s.All, "all", false, "cover everything")
	f.StringArrayVar(&s.Chats, "chat", nil, "cover a `CHAT`, as account/chat; may be given again")
	f.StringArrayVar(&s.Members, "member", nil, "cover what a `MEMBER` sent, as account/member; may be given again")
	f.StringArrayVar(&s.People, "person", nil, "cover what a `PERSON` of the directory sent; may be given again")
}

func holdPlace() *cobra.Command {
	var d desk
	var in app.PlaceHold
	var review, since string
	cmd := &cobra.Command{
		Use:   "place",
		Short: "Place a hold, and wait until it keeps everything it covers",
		Long: `Places a hold. From then on nothing that it covers is deleted, prompts ask for
no deletion, and new messages are kept as records when they arrive.

It returns when no deletion is under way any more that the hold covers, and
names every message that may have slipped.`,
		Example: `  chaperone hold place --chat practice/flood-north --matter "Millbrook flood" \
    --reason "public inquiry" --review 2027-06-01 --by "Nasreen Malik"`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var err error
			if in.Review, err = clock.ParseDate(review); err != nil {
				return fmt.Errorf("--review: name the date by which somebody looks whether the hold is still needed, such as 2027-06-01")
			}
			if since != "" {
				if in.Since, err = time.Parse(time.RFC3339, since); err != nil {
					return fmt.Errorf("--since: write a time such as 2026-11-20T09:00:00Z")
				}
			}
			var p app.Placed
			if err := d.ask(cmd, "hold.place", in, &p); err != nil {
				return err
			}
			return d.placed(cmd, p)
		},
	}
	f := cmd.Flags()
	f.StringVar(&in.Matter, "matter", "", "what it is for")
	f.StringVar(&in.Reason, "reason", "", "why it is placed")
	f.StringVar(&in.Owner, "owner", "", "the named person who reviews and releases it (you)")
	f.StringVar(&review, "review", "", "the `DATE` by which somebody looks whether it is still needed")
	f.StringVar(&in.Request, "request", "", "the information request that it is for")
	f.StringVar(&since, "since", "", "the `TIME` from which the matter claims what is covered, such as the receipt of the request")
	scopeFlags(cmd, &in.Scope)
	d.flags(cmd, true)
	return cmd
}

// placed says what came of placing a hold. It is not said to be in force
// before it is.
func (d *desk) placed(cmd *cobra.Command, p app.Placed) error {
	err := d.say(cmd, p, func(cmd *cobra.Command) {
		if p.Settled {
			cmd.Printf("Hold %s (%s) is in force.\n", p.Hold.ID, plain(p.Hold.Matter))
		} else {
			cmd.Printf("Hold %s (%s) is stored. %s\n", p.Hold.ID, plain(p.Hold.Matter), plain(p.Warning))
		}
		for _, m := range p.People {
			cmd.Printf("  %s\n", plain(m))
		}
		for _, m := range p.Done {
			cmd.Printf("  Deleted before it was in force, since %s: %s\n", told(p.Hold.Since), m)
		}
		for _, m := range p.Unknown {
			cmd.Printf("  May have been deleted, look at it: %s\n", m)
		}
	})
	if err == nil && !p.Settled {
		return exitError{code: 1}
	}
	return err
}

func holdRelease() *cobra.Command {
	var d desk
	var in app.EndHold
	cmd := &cobra.Command{
		Use:   "release ID",
		Short: "Release a hold: what it covered returns to its schedule, and nothing is deleted at once",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			in.ID = args[0]
			var h app.Hold
			if err := d.ask(cmd, "hold.release", in, &h); err != nil {
				return err
			}
			return d.say(cmd, h, func(cmd *cobra.Command) {
				cmd.Printf("Hold %s (%s) is released. What it covered returns to its schedule.\n", h.ID, plain(h.Matter))
			})
		},
	}
	cmd.Flags().StringVar(&in.Why, "why", "", "why it is released")
	d.flags(cmd, true)
	return cmd
}

func holdRescope() *cobra.Command {
	var d desk
	var in app.EndHold
	var to app.Scope
	cmd := &cobra.Command{
		Use:   "rescope ID",
		Short: "Replace a hold by one with another scope; at no moment does neither cover",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			in.ID, in.Scope = args[0], &to
			var p app.Placed
			if err := d.ask(cmd, "hold.rescope", in, &p); err != nil {
				return err
			}
			return d.placed(cmd, p)
		},
	}
	cmd.Flags().StringVar(&in.Why, "why", "", "why the scope changes")
	scopeFlags(cmd, &to)
	d.flags(cmd, true)
	return cmd
}

func holdList() *cobra.Command {
	var d desk
	var released bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the holds in force",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var all []app.Hold
			if err := d.ask(cmd, "hold.list", struct{}{}, &all); err != nil {
				return err
			}
			shown := all[:0]
			for _, h := range all {
				if released || h.Released == nil {
					shown = append(shown, h)
				}
			}
			return d.say(cmd, shown, func(cmd *cobra.Command) {
				if len(shown) == 0 {
					cmd.Println("No hold is in force.")
				}
				for _, h := range shown {
					due := ""
					if h.ReviewDue {
						due = " (due)"
					}
					cmd.Printf("%s  %s  covers %s  review %s%s%s\n", h.ID, plain(h.Matter), plain(covers(h)), h.Review, due, ended(h))
				}
			})
		},
	}
	cmd.Flags().BoolVar(&released, "released", false, "list the released ones too")
	d.flags(cmd, false)
	return cmd
}

func covers(h app.Hold) string {
	if h.All {
		return "everything"
	}
	var parts []string
	parts = append(parts, h.Chats...)
	for _, m := range h.Members {
		parts = append(parts, "member "+m)
	}
	for _, p := range h.People {
		parts = append(parts, "person "+p)
	}
	return strings.Join(parts, ", ")
}

func ended(h app.Hold) string {
	if h.Released == nil {
		return ""
	}
	return "  released " + told(*h.Released)
}

// plain makes a text safe to stand in a line on a terminal.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || (r >= 0x80 && r < 0xa0) || (r >= 0x202a && r <= 0x202e) || (r >= 0x2066 && r <= 0x2069) {
			return -1
		}
		return r
	}, s)
}

func holdShow() *cobra.Command {
	var d desk
	cmd := &cobra.Command{
		Use:   "show ID",
		Short: "Show one hold",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var all []app.Hold
			if err := d.ask(cmd, "hold.list", struct{}{}, &all); err != nil {
				return err
			}
			for _, h := range all {
				if h.ID == args[0] {
					return d.say(cmd, h, func(cmd *cobra.Command) { tellHold(cmd, h) })
				}
			}
			return errors.New("there is no such hold. List them with: chaperone hold list --released")
		},
	}
	d.flags(cmd, false)
	return cmd
}

func tellHold(cmd *cobra.Command, h app.Hold) {
	line := func(name, value string) {
		if value != "" {
			cmd.Printf("%-10s %s\n", name, plain(value))
		}
	}
	line("Hold", h.ID)
	line("Matter", h.Matter)
	line("Reason", h.Reason)
	line("Request", h.Request)
	line("Covers", covers(h))
	line("Owner", h.Owner)
	line("Placed", told(h.Placed)+" by "+h.PlacedBy)
	line("Claims", "from "+told(h.Since))
	line("Review", h.Review.String())
	if h.Released != nil {
		line("Released", told(*h.Released)+" by "+h.ReleasedBy+": "+h.Why)
	}
}
