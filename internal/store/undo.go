package store

import (
	"context"
	"fmt"
	"time"

	"chaperone/internal/audit"
	"chaperone/internal/engine"
	"chaperone/internal/hold"
)

// sealedAway is a text of undo that could go, and whose message it was.
type sealedAway struct {
	key     string
	subject hold.Subject
}

// forgetUndo lets the texts go of what was destroyed, up to so many: those
// whose time is over, or with a run's name all of that run. What a hold covers
// stays: of a message that was destroyed before the hold it is all there is.
func (t *tx) forgetUndo(now time.Time, run string, most int) (gone, held int, err error) {
	from, to, until := "undo/", "undo/\xff", millis(now)
	if run != "" {
		from, to = span("undo/dispose/" + run + "/")
		until = 1 << 62
	}
	all, err := t.undoTexts(from, to, until)
	if err != nil || len(all) == 0 {
		return 0, 0, err
	}
	set := t.inForce(now)
	for _, x := range all {
		person, err := t.person(hold.Member{Account: x.subject.Chat.Account, ID: x.subject.Member})
		if err != nil {
			return gone, held, err
		}
		x.subject.Person = string(person)
		covering, err := set.Covering(x.subject, now)
		if err != nil || len(covering) > 0 {
			held++
			continue
		}
		if gone == most {
			break
		}
		if err := t.exec("DELETE FROM sealed WHERE key = ?", x.key); err != nil {
			return gone, held, err
		}
		gone++
	}
	return gone, held, nil
}

func (t *tx) undoTexts(from, to string, until int64) ([]sealedAway, error) {
	st, err := t.stmt(`SELECT s.key, coalesce(c.account, ''), coalesce(c.id, ''), coalesce(a.member, '') FROM sealed s
		LEFT JOIN actions a ON a.key = substr(s.key, 6) LEFT JOIN chats c ON c.n = a.chat
		WHERE s.key >= ? AND s.key < ? AND s.until > 0 AND s.until < ?`)
	if err != nil {
		return nil, err
	}
	rows, err := st.QueryContext(t.ctx, from, to, until)
	if err != nil {
		return nil, err
	}
	return collect(rows, func(x *sealedAway) []any {
		return []any{&x.key, &x.subject.Chat.Account, &x.subject.Chat.Local, &x.subject.Member}
	})
}

// logForgotten writes down that data of the product's own went at the end of
// their time, or because a person said so.
func (t *tx) logForgotten(now time.Time, by, right, what, ref string, n int) error {
	if n == 0 {
		return nil
	}
	return t.log(now, act{
		by: by, right: right, act: audit.Erase, of: audit.OfSetting, what: []string{what},
		before: fmt.Sprintf("kept:%d", n), after: "erased", ref: ref,
	})
}

// Purge implements engine.Eraser: the texts of a run go before their time.
func (s *Store) Purge(ctx context.Context, now time.Time, run, by string) (gone, held int, err error) {
	err = s.write.do(ctx, func(t *tx) error {
		gone, held, err = t.forgetUndo(now, run, 1<<30)
		if err != nil {
			return err
		}
		return t.logForgotten(now, by, "run:"+run, "undo", run, gone)
	})
	if err != nil {
		return 0, 0, err
	}
	return gone, held, s.EraseKeys(ctx, now)
}

var _ engine.Eraser = (*Store)(nil)
