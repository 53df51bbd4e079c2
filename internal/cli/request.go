package cli

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"chaperone/internal/app"
	"chaperone/internal/clock"
)

// requestCommand is "chaperone request": an information request is a hold that
// claims what it covers from the moment of its receipt.
func requestCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "request",
		Short: "Register information requests: from its receipt nothing that one covers is deleted",
	}
	c.AddCommand(requestRegister(), requestList(), requestClose())
	return c
}

func requestRegister() *cobra.Command {
	var d desk
	var in app.PlaceHold
	var review, received string
	cmd := &cobra.Command{
		Use:   "register REFERENCE",
		Short: "Register a request, and freeze deletion from its receipt",
		Long: `Registers an information request as a matter that holds what it covers. What was
deleted between its receipt and now is named; what a run deleted can be given
back with chaperone retention undo, and is kept for that while the request is
open.`,
		Example: `  chaperone request register FOI-2026-114 --received 2026-11-20T09:00:00Z \
    --chat practice/flood-north --review 2026-12-18 --by "Nasreen Malik"`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			in.Request, in.Matter = args[0], "Information request "+args[0]
			var err error
			if in.Since, err = instant(received); err != nil {
				return fmt.Errorf("--received: write when it was received, such as 2026-11-20 or 2026-11-20T09:00:00Z")
			}
			if in.Review, err = clock.ParseDate(review); err != nil {
				return fmt.Errorf("--review: name the date by which somebody looks whether it is still open, such as 2026-12-18")
			}
			var p app.Placed
			if err := d.ask(cmd, "hold.place", in, &p); err != nil {
				return err
			}
			return d.placed(cmd, p)
		},
	}
	f := cmd.Flags()
	f.StringVar(&received, "received", "", "the `TIME` of its receipt")
	f.StringVar(&in.Reason, "reason", "information request", "what it asks for, in a few words")
	f.StringVar(&in.Owner, "owner", "", "the named person who answers it (you)")
	f.StringVar(&review, "review", "", "the `DATE` by which somebody looks whether it is still open")
	scopeFlags(cmd, &in.Scope)
	d.flags(cmd, true)
	return cmd
}

// instant reads a time, or a date as its beginning in the local zone.
func instant(s string) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t, nil
	}
	return time.ParseInLocation(time.DateOnly, s, time.Local)
}

// requests lists the holds that are information requests.
func (d *desk) requests(cmd *cobra.Command) ([]app.Hold, error) {
	var all []app.Hold
	err := d.ask(cmd, "hold.list", struct{}{}, &all)
	out := all[:0]
	for _, h := range all {
		if h.Request != "" {
			out = append(out, h)
		}
	}
	return out, err
}

func requestList() *cobra.Command {
	var d desk
	cmd := &cobra.Command{
		Use: "list", Short: "List the requests, open and closed", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			all, err := d.requests(cmd)
			if err != nil {
				return err
			}
			return d.say(cmd, all, func(cmd *cobra.Command) {
				if len(all) == 0 {
					cmd.Println("No request is registered.")
				}
				for _, h := range all {
					cmd.Printf("%s  received %s  covers %s  review %s%s\n", plain(h.Request), told(h.Since), plain(covers(h)), h.Review, ended(h))
				}
			})
		},
	}
	d.flags(cmd, false)
	return cmd
}

func requestClose() *cobra.Command {
	var d desk
	var in app.EndHold
	cmd := &cobra.Command{
		Use:   "close REFERENCE",
		Short: "Close a request: what it covered returns to its schedule, and nothing is deleted at once",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			all, err := d.requests(cmd)
			if err != nil {
				return err
			}
			for _, h := range all {
				if h.Request == args[0] && h.Released == nil {
					in.ID = h.ID
				}
			}
			if in.ID == "" {
				return fmt.Errorf("no open request has the reference %q. List them with: chaperone request list", args[0])
			}
			var h app.Hold
			if err := d.ask(cmd, "hold.release", in, &h); err != nil {
				return err
			}
			return d.say(cmd, h, func(cmd *cobra.Command) {
				cmd.Printf("Request %s is closed. What it covered returns to its schedule.\n", h.Request)
			})
		},
	}
	cmd.Flags().StringVar(&in.Why, "why", "", "how it ended")
	d.flags(cmd, true)
	return cmd
}
