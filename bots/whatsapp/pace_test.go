package whatsapp

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"chaperone/bots"
	"chaperone/bots/whatsapp/lab"
)

// TestRemovalsKeepThePace removes six members: five times the pace lies between
// two of them, to the nanosecond, and nothing else is done in between.
func TestRemovalsKeepThePace(t *testing.T) {
	w, j := newWorld(t, true), &journal{}
	var leavers []string
	for i := range 6 {
		leavers = append(leavers, fmt.Sprintf("4416329600%02d", i))
		done(t, w.lab.AddNumber(leavers[i], fmt.Sprint("Robin Vale ", i)))
	}
	g, err := w.lab.AddGroup(lab.NewGroup{Subject: "Depot", Hidden: true, Admins: []string{office}, Members: slices.Concat(leavers, []string{sam})})
	done(t, err)
	const pace = 2 * time.Second
	now := time.Now()
	w.bot.o.Pace, w.bot.o.Now = pace, func() time.Time { return now.Add(time.Duration(w.later.Load())) }
	w.run(t, j)
	for i, n := range leavers {
		remove := bots.Effect{Key: "remove " + n, Kind: bots.Remove, Chat: chatID(g), Member: w.id(n)}
		if i > 0 {
			w.later.Add(int64(5*pace - 1))
			for _, e := range []bots.Effect{remove, {Key: "post " + n, Kind: bots.Post, Chat: chatID(g), Text: "Good morning"}} {
				_, err := w.bot.Do(t.Context(), e)
				var busy bots.Busy
				if !errors.As(err, &busy) || busy.After != 1 {
					t.Errorf("a nanosecond too early: %v", err)
				}
			}
			if in := w.lab.Members(g); !slices.Contains(in, n) {
				t.Errorf("%s was removed too early", n)
			}
			w.later.Add(1)
		}
		if _, err := w.bot.Do(t.Context(), remove); err != nil {
			t.Errorf("in time: %v", err)
		}
		if in := w.lab.Members(g); slices.Contains(in, n) {
			t.Errorf("%s is still there", n)
		}
	}
}
