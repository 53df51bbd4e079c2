package slack

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/slack-go/slack"

	"chaperone/bots"
	"chaperone/internal/chat"
)

const (
	overlap  = 10 * time.Minute // read again, for what was delivered out of order
	lookBack = 48 * time.Hour   // after a start, for edits, deletions and replies to what is older
	pageSize = 200
	checks   = 200 // messages of a chat that are looked for one by one
)

// connected looks for what was missed, in every chat: in those where something
// is said at once, in the others one after the other.
func (b *Bot) connected(l *life) {
	b.mu.Lock()
	for _, n := range b.lanes {
		n.behind = true
	}
	b.mu.Unlock()
	l.work.Go(func() {
		wait := time.Second
		for l.ctx.Err() == nil {
			err := b.takeStock(l)
			if err == nil {
				return
			}
			b.o.Log.Warn("Slack: the chats could not be listed; trying again", "err", plain(err))
			sleep(l.ctx, pauseOf(err, wait))
			wait = min(2*wait, time.Minute)
		}
	})
}

// takeStock learns which chats the bot is in, and lets each be caught up with.
func (b *Bot) takeStock(l *life) error {
	in, err := b.mine(l.ctx)
	if err != nil {
		return err
	}
	var known []chat.ID
	if b.o.Memory != nil {
		if known, err = b.o.Memory.Chats(l.ctx, Account); err != nil {
			return err
		}
	}
	for _, id := range known {
		if slices.ContainsFunc(in, func(c *channel) bool { return c.id == id.Local }) {
			continue
		}
		_, newest, err := b.o.Memory.Seen(l.ctx, id)
		if err != nil {
			return err
		}
		ev := chat.Event{Key: "away/" + stamp(newest), Kind: chat.Removed, Chat: id, At: b.o.Now().UTC()}
		if err := l.deliver(l.ctx, []chat.Event{ev}); err != nil {
			return err
		}
	}
	for i, c := range in {
		b.mu.Lock()
		if b.life != l {
			b.mu.Unlock()
			return nil
		}
		n := b.lane(c.id)
		if !n.swept {
			n.hello = &chat.Event{Key: "here", Kind: chat.Added, Chat: b.id(c.id), At: b.o.Now().UTC(), Name: c.name, ChatKind: c.kind()}
		}
		b.kick(l, n)
		b.mu.Unlock()
		for l.ctx.Err() == nil && b.isBusy(n) { // those where something is said go on meanwhile
			sleep(l.ctx, 2*time.Millisecond)
		}
		if (i+1)%100 == 0 {
			b.o.Log.Info("Slack: catching up", "chats", len(in), "done", i+1)
		}
	}
	return nil
}

func (b *Bot) isBusy(n *lane) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return n.busy && (n.behind || n.catches)
}

// catchUp delivers what was missed in a chat.
func (b *Bot) catchUp(l *life, n *lane) error {
	id := b.id(n.local)
	b.mu.Lock()
	hello := n.hello
	b.mu.Unlock()
	if hello != nil {
		if err := b.hand(l, n, []chat.Event{*hello}); err != nil {
			return err
		}
		b.mu.Lock()
		n.hello = nil
		b.mu.Unlock()
	}
	if n.began.IsZero() && b.o.Memory != nil {
		began, newest, err := b.o.Memory.Seen(l.ctx, id)
		if err != nil {
			return err
		}
		if n.began, n.mark = began, newest; newest.Before(began) {
			n.mark = began
		}
	}
	if n.began.IsZero() {
		b.sweep(n)
		return nil // nothing was read here yet, and nothing older is to be
	}
	first := !b.isSwept(n) && b.o.Memory != nil
	from := n.mark.Add(-overlap)
	back := from
	if first {
		back = n.mark.Add(-lookBack)
	}
	from, back = latest(from, n.began), latest(back, n.began)
	found, err := b.since(l.ctx, n.local, back, from)
	if errors.Is(err, bots.ErrGone) {
		return nil // the bot is not there any more
	}
	if err != nil {
		return err
	}
	events := b.missed(id, found, from)
	if first {
		gone, err := b.vanished(l.ctx, id, back, found)
		if err != nil {
			return err
		}
		events = append(events, gone...)
	}
	for part := range slices.Chunk(events, deliverMost) {
		b.name(l.ctx, part)
		if err := b.hand(l, n, part); err != nil {
			return err
		}
	}
	b.sweep(n)
	return nil
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func (b *Bot) sweep(n *lane) {
	b.mu.Lock()
	defer b.mu.Unlock()
	n.swept = true
}

func (b *Bot) isSwept(n *lane) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return n.swept
}

// missed is what messages mean that were found afterwards, the oldest first.
func (b *Bot) missed(id chat.ID, found []message, from time.Time) []chat.Event {
	var events []chat.Event
	for i := range found {
		m := &found[i]
		switch {
		case b.ours(m):
		case m.Subtype == "tombstone":
			events = append(events, deleted(chat.Event{Chat: id, At: b.o.Now().UTC()}, m.TS))
		case silent[m.Subtype]:
		case !at(m.TS).Before(from):
			events = append(events, b.standing(id, m)...)
		case m.Edited != nil && !at(m.Edited.TS).Before(from):
			events = append(events, edited(id, m))
		}
	}
	slices.SortStableFunc(events, func(x, y chat.Event) int { return x.At.Compare(y.At) })
	return events
}

// since reads the messages of a channel from a time on, with the replies that
// came since from, each once and the oldest first.
func (b *Bot) since(ctx context.Context, local string, back, from time.Time) ([]message, error) {
	all, err := b.pages(ctx, "conversations.history", url.Values{"channel": {local}, "oldest": {stamp(back)}})
	if err != nil {
		return nil, err
	}
	for _, head := range slices.Clone(all) {
		if head.Replies == 0 || head.Latest != "" && at(head.Latest).Before(from) {
			continue
		}
		replies, err := b.pages(ctx, "conversations.replies", url.Values{"channel": {local}, "ts": {head.TS}, "oldest": {stamp(back)}})
		if err != nil && !errors.Is(err, bots.ErrGone) {
			return nil, err
		}
		all = append(all, replies...)
	}
	slices.SortFunc(all, func(x, y message) int { return strings.Compare(x.TS, y.TS) })
	return slices.CompactFunc(all, func(x, y message) bool { return x.TS == y.TS }), nil
}

// vanished is what was stored and stands there no longer.
func (b *Bot) vanished(ctx context.Context, id chat.ID, since time.Time, found []message) ([]chat.Event, error) {
	stood, err := b.o.Memory.Standing(ctx, id, since)
	if err != nil {
		return nil, err
	}
	there := map[chat.MessageID]bool{}
	for _, m := range found {
		there[chat.MessageID(m.TS)] = true
	}
	var out []chat.Event
	looked := 0
	for _, m := range stood {
		if there[m] || looked >= checks {
			continue
		}
		looked++ // it may be a reply in a thread that was not read
		if _, err := b.find(ctx, id.Local, string(m)); errors.Is(err, bots.ErrGone) {
			out = append(out, deleted(chat.Event{Chat: id, At: b.o.Now().UTC()}, string(m)))
		} else if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// find reads one message as it now is; ErrGone when it is not there.
func (b *Bot) find(ctx context.Context, local, ts string) (message, error) {
	if at(ts).IsZero() {
		return message{}, bots.ErrGone
	}
	v := url.Values{"channel": {local}, "oldest": {ts}, "latest": {ts}, "inclusive": {"true"}, "limit": {"1"}, "include_all_metadata": {"true"}}
	var out struct {
		Messages []message `json:"messages"`
	}
	if err := b.call(ctx, "conversations.history", v, &out); err != nil {
		return message{}, err
	}
	if i := slices.IndexFunc(out.Messages, func(m message) bool { return m.TS == ts }); i >= 0 {
		return standingOnly(out.Messages[i])
	}
	v.Set("ts", ts) // it may be a reply
	v.Set("limit", "2")
	if err := b.call(ctx, "conversations.replies", v, &out); err != nil {
		return message{}, err
	}
	if i := slices.IndexFunc(out.Messages, func(m message) bool { return m.TS == ts }); i >= 0 {
		return standingOnly(out.Messages[i])
	}
	return message{}, bots.ErrGone
}

func standingOnly(m message) (message, error) {
	if m.Subtype == "tombstone" {
		return message{}, bots.ErrGone
	}
	return m, nil
}

// pages reads every page of a list of messages, at the pace that Slack allows.
func (b *Bot) pages(ctx context.Context, method string, v url.Values) ([]message, error) {
	v.Set("limit", strconv.Itoa(pageSize))
	var all []message
	for {
		if err := b.pace.wait(ctx, method); err != nil {
			return nil, err
		}
		var out struct {
			Messages []message `json:"messages"`
			Meta     struct {
				Next string `json:"next_cursor"`
			} `json:"response_metadata"`
		}
		err := b.call(ctx, method, v, &out)
		if busy, ok := errors.AsType[bots.Busy](err); ok {
			sleep(ctx, busy.After)
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			continue
		}
		if err != nil {
			return nil, err
		}
		all = append(all, out.Messages...)
		if out.Meta.Next == "" {
			return all, nil
		}
		v.Set("cursor", out.Meta.Next)
	}
}

// call makes a call that the library would decode too strictly: one block of a
// kind that it does not know would cost a whole page.
func (b *Bot) call(ctx context.Context, method string, v url.Values, out any) error {
	res, err := post(ctx, b.o.Client, b.o.APIURL+method, b.o.BotToken, v)
	if err != nil {
		return err
	}
	var status struct {
		OK    bool   `json:"ok"`
		Error string `json:"error"`
	}
	if err := json.Unmarshal(res, &status); err != nil {
		return errors.New("slack: an answer cannot be read")
	}
	if !status.OK {
		return outcome(slack.SlackErrorResponse{Err: status.Error})
	}
	return json.Unmarshal(res, out)
}

// pace keeps what is read afterwards within what Slack allows a minute, with
// something left for everything else.
type pace struct {
	mu    sync.Mutex
	times int
	used  map[string][]time.Time
}

func newPace(times int) *pace { return &pace{times: times, used: map[string][]time.Time{}} }

const (
	paceMost   = 40 // of the 50 a minute of the third tier
	paceWindow = time.Minute
)

func (p *pace) wait(ctx context.Context, method string) error {
	for {
		p.mu.Lock()
		now := time.Now()
		recent := slices.DeleteFunc(p.used[method], func(t time.Time) bool { return now.Sub(t) >= paceWindow })
		if len(recent) < paceMost*p.times {
			p.used[method] = append(recent, now)
			p.mu.Unlock()
			return ctx.Err()
		}
		rest := paceWindow - now.Sub(recent[0])
		p.used[method] = recent
		p.mu.Unlock()
		sleep(ctx, rest)
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}

func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
