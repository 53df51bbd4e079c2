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
	"chaperone/bots/lane"
	"chaperone/internal/chat"
)

const (
	overlap  = 10 * time.Minute // read again, for what was delivered out of order
	lookBack = 48 * time.Hour   // after a start, for edits, deletions and replies to what is older
	pageSize = 200
	checks   = 200         // messages of a chat that are looked for one by one
	fresh    = time.Minute // what is so new may have come while others were read
)

// connected looks for what was missed, in every chat: in those where something
// is said at once, in the others one after the other.
func (b *Bot) connected(l *life) {
	l.lanes.Behind(false)
	b.lookThrough(l)
}

// lookThrough goes through all chats, once at a time.
func (b *Bot) lookThrough(l *life) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.looking {
		l.again = true
		return
	}
	l.looking = true
	l.work.Go(func() {
		for wait := time.Second; l.ctx.Err() == nil; {
			err := b.takeStock(l)
			l.mu.Lock()
			if err == nil && !l.again {
				l.looking = false
				l.mu.Unlock()
				return
			}
			l.again = false
			l.mu.Unlock()
			if err != nil {
				b.o.Log.Warn("Slack: the chats could not be listed; trying again", "err", plain(err))
				sleep(l.ctx, pauseOf(err, wait))
				wait = min(2*wait, time.Minute)
			}
		}
	})
}

// takeStock learns which chats the bot is in, and lets each be caught up with.
func (b *Bot) takeStock(l *life) error {
	in, err := b.chats(l)
	if err != nil {
		return err
	}
	if me := b.self(); b.whole(me.team) {
		l.lanes.Head(me.team, chat.Event{Key: "here", Kind: chat.Added, Chat: b.id(me.team), At: b.o.Now().UTC(), Name: me.workspace, ChatKind: chat.Team})
	}
	var known []chat.ID
	if b.o.Memory != nil {
		if known, err = b.o.Memory.Chats(l.ctx, Account); err != nil {
			return err
		}
	}
	for _, id := range known {
		if b.whole(id.Local) || slices.ContainsFunc(in, func(c *channel) bool { return c.id == id.Local }) {
			continue
		}
		_, newest, err := b.o.Memory.Seen(l.ctx, id)
		if err != nil {
			return err
		}
		ev := chat.Event{Key: "away/" + stamp(newest), Kind: chat.Removed, Chat: id, At: b.o.Now().UTC()}
		l.lanes.Head(id.Local, ev)
	}
	for i, c := range in {
		if l.ctx.Err() != nil || l.isAgain() {
			return nil
		}
		if l.lanes.Fresh(c.id) {
			b.head(l, c)
		}
		l.lanes.Catch(c.id) // those where something is said go on meanwhile
		if (i+1)%100 == 0 {
			b.o.Log.Info("Slack: catching up", "chats", len(in), "done", i+1)
		}
	}
	return nil
}

// chats lists the channels that the bot is in. Just after the start that is known:
// what changed in the moment since then Slack goes on telling.
func (b *Bot) chats(l *life) ([]*channel, error) {
	l.mu.Lock()
	in := l.in
	l.in = nil
	l.mu.Unlock()
	if in != nil {
		return in, nil
	}
	return b.mine(l.ctx)
}

// newcomers lists the channels that the bot is in, and those that it was never in
// before: that it is there, and what they are called, comes before anything that is
// said in them. Where that cannot be learnt now, it comes once they are looked
// through.
func (b *Bot) newcomers(ctx context.Context) (in []*channel, news map[string]*channel) {
	if b.o.Memory == nil {
		return nil, nil
	}
	in, err := b.mine(ctx)
	var known []chat.ID
	if err == nil {
		known, err = b.o.Memory.Chats(ctx, Account)
	}
	if err != nil {
		if ctx.Err() == nil {
			b.o.Log.Warn("Slack: the chats could not be listed; trying again", "err", plain(b.heed(err)))
		}
		return nil, nil
	}
	news = make(map[string]*channel, len(in))
	for _, c := range in {
		news[c.id] = c
	}
	for _, id := range known {
		delete(news, id.Local)
	}
	return in, news
}

// isNew gives a channel that nothing was said of yet, once.
func (l *life) isNew(local string) *channel {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.news[local]
	delete(l.news, local)
	return c
}

// head says first that the bot is in a channel.
func (b *Bot) head(l *life, c *channel) {
	l.lanes.Head(c.id, chat.Event{Key: "here", Kind: chat.Added, Chat: b.id(c.id), At: b.o.Now().UTC(), Name: c.name, ChatKind: c.kind()})
}

// isAgain reports whether everything is to be looked through anew.
func (l *life) isAgain() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.again
}

// catchUp finds what was missed in a chat.
func (b *Bot) catchUp(ctx context.Context, c *lane.Chat) ([]chat.Event, error) {
	id := b.id(c.Local)
	if c.Began.IsZero() && b.o.Memory != nil {
		began, newest, err := b.o.Memory.Seen(ctx, id)
		if err != nil {
			return nil, err
		}
		if c.Began, c.Mark = began, newest; newest.Before(began) {
			c.Mark = began
		}
	}
	if c.Began.IsZero() {
		return nil, nil // nothing was read here yet, and nothing older is to be
	}
	first := !c.Looked && b.o.Memory != nil
	from := c.Mark.Add(-overlap)
	back := from
	if first {
		back = c.Mark.Add(-lookBack)
	}
	from, back = latest(from, c.Began), latest(back, c.Began)
	found, err := b.since(ctx, c.Local, back, from)
	if errors.Is(err, bots.ErrGone) {
		return nil, nil // the bot is not there any more
	}
	if err != nil {
		return nil, err
	}
	events := b.missed(id, found, from)
	if first {
		gone, err := b.vanished(ctx, id, back, found)
		if err != nil {
			return nil, err
		}
		events = append(events, gone...)
	}
	return events, nil
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// missed is what messages mean that were found afterwards.
func (b *Bot) missed(id chat.ID, found []message, from time.Time) []chat.Event {
	var events []chat.Event
	for i := range found {
		m := &found[i]
		switch {
		case m.TS == "":
			now := b.o.Now().UTC()
			events = append(events, chat.Event{Key: "unread/" + stamp(now), Kind: chat.Missed, Chat: id, At: now, Since: from, Gap: chat.Undecrypted})
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
	return events
}

// since reads the messages of a channel from a time on, with the replies that
// came since from, each once: all of them, up to the newest.
func (b *Bot) since(ctx context.Context, local string, back, from time.Time) ([]message, error) {
	top, err := b.pages(ctx, "conversations.history", url.Values{"channel": {local}, "oldest": {stamp(back)}})
	if err != nil {
		return nil, err
	}
	heads := slices.DeleteFunc(slices.Clone(top), func(m message) bool { return m.Replies == 0 || m.Latest != "" && at(m.Latest).Before(from) })
	replies, err := b.replies(ctx, local, heads, back)
	if err != nil {
		return nil, err
	}
	all := slices.Concat(top, replies)
	if first, last := newest(top), newest(all); last > first && time.Since(at(last)) < fresh {
		// Something was said while this was read: what came before it may stand
		// where was looked already.
		after := at(first)
		again, err := b.pages(ctx, "conversations.history", url.Values{"channel": {local}, "oldest": {stamp(latest(after, back))}})
		if err != nil {
			return nil, err
		}
		more, err := b.replies(ctx, local, heads, latest(after, back))
		if err != nil {
			return nil, err
		}
		for _, m := range slices.Concat(again, more) {
			if m.TS <= last {
				all = append(all, m)
			}
		}
	}
	slices.SortFunc(all, func(x, y message) int { return strings.Compare(x.TS, y.TS) })
	return slices.CompactFunc(all, func(x, y message) bool { return x.TS == y.TS && x.TS != "" }), nil
}

// newest is the last timestamp of messages.
func newest(all []message) string {
	last := ""
	for _, m := range all {
		last = max(last, m.TS)
	}
	return last
}

// replies reads what was answered in threads from a time on.
func (b *Bot) replies(ctx context.Context, local string, heads []message, back time.Time) ([]message, error) {
	var all []message
	for _, head := range heads {
		found, err := b.pages(ctx, "conversations.replies", url.Values{"channel": {local}, "ts": {head.TS}, "oldest": {stamp(back)}})
		if err != nil && !errors.Is(err, bots.ErrGone) {
			return nil, err
		}
		all = append(all, found...)
	}
	return all, nil
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
		Messages messages `json:"messages"`
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
			Messages messages `json:"messages"`
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
	return b.callAs(ctx, b.o.BotToken, method, v, out)
}

// callAs makes one with another token than the bot's.
func (b *Bot) callAs(ctx context.Context, token, method string, v url.Values, out any) error {
	res, err := post(ctx, b.o.Client, b.o.APIURL+method, token, v)
	if err != nil {
		return err
	}
	var status struct {
		OK    bool   `json:"ok"`
		Error string `json:"error"`
	}
	if json.Unmarshal(res, &status) != nil {
		return errUnreadable
	}
	if !status.OK {
		return outcome(slack.SlackErrorResponse{Err: status.Error})
	}
	if json.Unmarshal(res, out) != nil { // what it says may be somebody's words
		return errUnreadable
	}
	return nil
}

var errUnreadable = errors.New("slack: an answer cannot be read")

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
