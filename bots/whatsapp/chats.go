package whatsapp

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/types"

	"chaperone/bots"
	"chaperone/internal/chat"
)

// backlogWithin is how long what came while the bot was away may take to arrive,
// before the groups are compared all the same.
const backlogWithin = time.Minute

// syncChats compares the groups that the bot is in with those it knows, once it
// has heard what came while it was away: among that is who added it to a group,
// which the list does not tell.
func (b *Bot) syncChats(s *session) error {
	select {
	case <-s.caughtUp:
	case <-s.ctx.Done():
		return s.ctx.Err()
	case <-time.After(backlogWithin):
	}
	ctx, cancel := context.WithTimeout(s.ctx, answerWithin)
	defer cancel()
	since := b.changesNow()
	known, err := b.book.chats(ctx) // before the list, which lacks what the bot is added to after it
	if err != nil {
		return err
	}
	all, err := b.client().GetJoinedGroups(ctx)
	if err != nil {
		return err
	}
	if err := b.meet(s.ctx, all...); err != nil {
		return err
	}
	there := map[string]bool{}
	for _, g := range all {
		there[g.JID.User] = true
		s.mu.Lock()
		var err error
		if b.remember(g, since) {
			_, err = b.discover(s, g)
		} else { // the bot may have left it since
			_, err = b.known(s, g.JID)
		}
		s.mu.Unlock()
		if err != nil {
			return err
		}
	}
	for c, times := range known {
		if there[c] {
			continue
		}
		s.mu.Lock()
		now, err := b.book.chats(s.ctx)
		if err == nil && now[c] == times { // or it was added once more meanwhile
			_, err = b.left(s, types.NewJID(c, types.GroupServer), b.o.Now().UTC())
		}
		s.mu.Unlock()
		if err != nil {
			return err
		}
	}
	return nil
}

// enter reports that the bot is in a group, who is asked about it where that is known,
// and who is there; nothing where that was reported. The caller holds the session's lock.
func (b *Bot) enter(s *session, g *types.GroupInfo, by chat.MemberID) (bool, error) {
	times, isNew, err := b.book.entered(s.ctx, g.JID.User)
	if err != nil || !isNew {
		return err == nil, err
	}
	if err := b.meet(s.ctx, g); err != nil {
		return false, err
	}
	id, at := chatID(g.JID), b.o.Now().UTC()
	key := fmt.Sprintf("in/%d", times)
	out := []chat.Event{{Key: key, Kind: chat.Added, Chat: id, At: at, Name: g.Name, ChatKind: chat.Team, Member: by}}
	for _, p := range g.Participants {
		if b.isOwn(p.JID) {
			continue
		}
		m, err := b.participant(s.ctx, p)
		if err != nil {
			return false, err
		}
		out = append(out, chat.Event{Key: key + "/" + string(m), Kind: chat.Joined, Chat: id, At: at, Member: m, Name: b.shownName(s.ctx, p.JID)})
	}
	if !s.take(id, out...) {
		return false, nil
	}
	err = b.book.setThere(s.ctx, id.Local, times, true)
	return err == nil, err
}

// known sees to it that the bot's being in a group is reported before anything
// that happens there.
func (b *Bot) known(s *session, group types.JID) (bool, error) {
	if _, isNew, err := b.book.entered(s.ctx, group.User); err != nil || !isNew {
		return err == nil, err
	}
	g, err := b.group(s.ctx, group)
	if errors.Is(err, bots.ErrGone) {
		return true, nil // it was removed since: what was said before is still delivered
	} else if err != nil {
		return false, err
	}
	return b.discover(s, g)
}

// discover reports that the bot is in a group of which nobody said who added it.
// Somebody has to be asked about it before anything is read there: whoever made
// it, or else an administrator; nobody where the bot's own number made it. The
// caller holds the session's lock.
func (b *Bot) discover(s *session, g *types.GroupInfo) (bool, error) {
	if _, isNew, err := b.book.entered(s.ctx, g.JID.User); err != nil || !isNew {
		return err == nil, err
	}
	var asked *types.GroupParticipant
	for i, p := range g.Participants {
		if p.IsSuperAdmin || p.IsAdmin && asked == nil && !b.isOwn(p.JID) {
			asked = &g.Participants[i]
		}
	}
	if asked == nil || b.isOwn(asked.JID) {
		return b.enter(s, g, "")
	}
	by, err := b.participant(s.ctx, *asked)
	if err != nil {
		return false, err
	}
	return b.enter(s, g, by)
}

// meet finds or makes the members of groups, all at once.
func (b *Bot) meet(ctx context.Context, all ...*types.GroupInfo) error {
	var people []person
	had := map[person]bool{}
	for _, g := range all {
		for _, p := range g.Participants {
			one := person{p.LID.ToNonAD(), p.PhoneNumber.ToNonAD()}
			if !one.hidden.IsEmpty() && !one.number.IsEmpty() && !had[one] { // else participant asks what the library has learnt
				had[one] = true
				people = append(people, one)
			}
		}
	}
	return b.book.meet(ctx, people...)
}

// participant is the member that an entry of a group's list is.
func (b *Bot) participant(ctx context.Context, p types.GroupParticipant) (chat.MemberID, error) {
	if p.JID.Server == types.HiddenUserServer {
		return b.member(ctx, p.JID, p.PhoneNumber)
	}
	return b.member(ctx, p.JID, p.LID)
}

// remember holds what the server answered about a group, unless the group has
// changed since it was asked: since is how many changes were known of then.
func (b *Bot) remember(g *types.GroupInfo, since map[types.JID]int) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.changes[g.JID] != since[g.JID] {
		return false
	}
	b.groups[g.JID] = g
	return true
}

// changesNow is how many changes of each group are known of.
func (b *Bot) changesNow() map[types.JID]int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return maps.Clone(b.changes)
}

func (b *Bot) forget(group types.JID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.groups, group)
	b.changes[group]++
}

// group is what is known of a group, or else asked for. ErrGone where the bot
// is not in it.
func (b *Bot) group(ctx context.Context, group types.JID) (*types.GroupInfo, error) {
	b.mu.Lock()
	g := b.groups[group]
	b.mu.Unlock()
	if g != nil {
		return g, nil
	}
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	since := b.changesNow()
	g, err := b.client().GetGroupInfo(ctx, group)
	switch {
	case errors.Is(err, whatsmeow.ErrGroupNotFound), errors.Is(err, whatsmeow.ErrNotInGroup):
		return nil, fmt.Errorf("the bot is in no such group: %w", bots.ErrGone)
	case err != nil:
		return nil, answered(err)
	}
	b.remember(g, since)
	return g, nil
}

// find looks a member up in a group's list.
func (b *Bot) find(ctx context.Context, g *types.GroupInfo, m chat.MemberID) (types.GroupParticipant, bool, error) {
	for _, p := range g.Participants {
		id, err := b.participant(ctx, p)
		if err != nil {
			return p, false, err
		}
		if id == m {
			return p, true, nil
		}
	}
	return types.GroupParticipant{}, false, nil
}

// Members implements bots.Roster.
func (b *Bot) Members(ctx context.Context, id chat.ID) ([]bots.Member, error) {
	if err := b.connection(ctx); err != nil {
		return nil, err
	}
	g, err := b.group(ctx, groupJID(id))
	if err != nil {
		return nil, err
	}
	out := make([]bots.Member, 0, len(g.Participants))
	for _, p := range g.Participants {
		m, err := b.participant(ctx, p)
		if err != nil {
			return nil, err
		}
		one := bots.Member{ID: m, Name: b.shownName(ctx, p.JID), Bot: b.isOwn(p.JID), Owner: p.IsSuperAdmin, Admin: p.IsAdmin || p.IsSuperAdmin}
		if p.PhoneNumber.User != "" {
			one.Phone = "+" + p.PhoneNumber.User
		}
		for _, j := range []types.JID{p.JID, p.LID, p.PhoneNumber} {
			if also := memberID(j); !j.IsEmpty() && also != m {
				one.Also = append(one.Also, also)
			}
		}
		out = append(out, one)
	}
	return out, nil
}
