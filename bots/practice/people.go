package practice

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"chaperone/bots"
	"chaperone/internal/chat"
)

const (
	maxID       = 200                       // bytes of an id
	maxName     = 1000                      // bytes of a name
	maxReaction = 100                       // bytes of a reaction
	maxAdvance  = 50 * 366 * 24 * time.Hour // of the clock, at once
	maxOffset   = 4 * maxAdvance            // in all
)

// checkID refuses what could not stand in an address or the name of a file.
func checkID(what, id string) error {
	bad := id == "" || len(id) > maxID || !utf8.ValidString(id) || id == "." || id == ".." ||
		strings.ContainsFunc(id, func(r rune) bool { return r == '/' || r == '\\' || unicode.IsControl(r) })
	if bad {
		return fmt.Errorf("%w: the id of a %s is 1 to %d bytes without control characters and slashes", errInvalid, what, maxID)
	}
	return nil
}

// checkMember fills in a missing name and makes a broken one whole.
func checkMember(m *Member) error {
	if err := checkID("member", string(m.ID)); err != nil {
		return err
	}
	if m.Name == "" {
		m.Name = string(m.ID)
	}
	m.Name = strings.ToValidUTF8(m.Name, "\uFFFD")
	if len(m.Name) > maxName || len(m.Phone) > maxName || len(m.Email) > maxName {
		return fmt.Errorf("%w: a name, a number and an address are at most %d bytes each", errInvalid, maxName)
	}
	return nil
}

// NewRoom makes a room with its members, all or nothing.
func (p *Platform) NewRoom(in NewRoom) error {
	if err := checkID("room", in.ID); err != nil {
		return err
	}
	if !in.Kind.Valid() {
		return fmt.Errorf("%w: the kind of a room is team, emergency, partner or public", errInvalid)
	}
	if in.Name == "" {
		in.Name = in.ID
	}
	in.Name = strings.ToValidUTF8(in.Name, "\uFFFD")
	if len(in.Name) > maxName {
		return fmt.Errorf("%w: a name is at most %d bytes", errInvalid, maxName)
	}
	members := slices.Clone(in.Members)
	seen := map[chat.MemberID]bool{}
	for i := range members {
		if err := checkMember(&members[i]); err != nil {
			return err
		}
		if seen[members[i].ID] {
			return fmt.Errorf("%w: member %q is there twice", errInvalid, members[i].ID)
		}
		seen[members[i].ID] = true
	}
	if in.AddedBy != "" && !seen[in.AddedBy] {
		return fmt.Errorf("%w: added_by is one of the members", errInvalid)
	}
	return p.submit(&op{Op: "room", Room: in.ID, Kind: in.Kind, Name: in.Name, Members: members, Senders: in.Senders, Member: in.AddedBy}, func(*op) error {
		if p.rooms[in.ID] != nil {
			return fmt.Errorf("%w: room %q", errTaken, in.ID)
		}
		return nil
	})
}

// AddRoom makes a room unless it is there.
func (p *Platform) AddRoom(in NewRoom) error {
	if err := p.NewRoom(in); !errors.Is(err, errTaken) {
		return err
	}
	return nil
}

// inRoom finds the room of an operation before it is checked further.
func (p *Platform) inRoom(check func(*op, *room) error) func(*op) error {
	return func(o *op) error {
		r := p.rooms[o.Room]
		if r == nil {
			return fmt.Errorf("%w: room %q", errUnknown, o.Room)
		}
		return check(o, r)
	}
}

// Join lets somebody into a room.
func (p *Platform) Join(roomID string, m Member) error {
	if err := checkMember(&m); err != nil {
		return err
	}
	return p.submit(&op{Op: "join", Room: roomID, Member: m.ID, Name: m.Name, Members: []Member{m}}, p.inRoom(func(_ *op, r *room) error {
		if r.member(m.ID) {
			return fmt.Errorf("%w: member %q", errTaken, m.ID)
		}
		return nil
	}))
}

// Leave lets somebody leave a room.
func (p *Platform) Leave(roomID string, id chat.MemberID) error {
	return p.submit(&op{Op: "leave", Room: roomID, Member: id}, p.inRoom(func(_ *op, r *room) error {
		if !r.member(id) {
			return fmt.Errorf("%w: member %q", errUnknown, id)
		}
		return nil
	}))
}

// speaker checks that somebody can speak in a room now.
func speaker(r *room, id chat.MemberID) error {
	switch _, was := r.places[id]; {
	case !was:
		return fmt.Errorf("%w: member %q", errUnknown, id)
	case !r.member(id):
		return fmt.Errorf("%w: member %q has left the room", errForbidden, id)
	}
	return nil
}

// Say posts a message as a member.
func (p *Platform) Say(roomID string, sender chat.MemberID, text string, reply chat.MessageID) (chat.MessageID, error) {
	if text == "" {
		return "", fmt.Errorf("%w: a message has a text", errInvalid)
	}
	raw, err := quote(text)
	if err != nil {
		return "", err
	}
	o := &op{Op: "post", Room: roomID, Member: sender, Text: raw, Reply: reply}
	err = p.submit(o, p.inRoom(func(o *op, r *room) error {
		if err := speaker(r, sender); err != nil {
			return err
		}
		if reply != "" && r.find(reply) == nil {
			return fmt.Errorf("%w: message %q", errUnknown, reply)
		}
		o.Message = p.nextID()
		return nil
	}))
	return o.Message, err
}

// nextID numbers a message. A number whose line did not fit into the file is not
// used again.
func (p *Platform) nextID() chat.MessageID {
	p.next = max(p.next, p.made) + 1
	return messageID(p.next)
}

// Edit changes a member's own message.
func (p *Platform) Edit(roomID string, id chat.MessageID, sender chat.MemberID, text string) error {
	if text == "" {
		return fmt.Errorf("%w: a message has a text; delete it if nothing is to be left", errInvalid)
	}
	raw, err := quote(text)
	if err != nil {
		return err
	}
	return p.own(&op{Op: "edit", Room: roomID, Member: sender, Message: id, Text: raw})
}

// Unsay deletes a member's own message, for everyone.
func (p *Platform) Unsay(roomID string, id chat.MessageID, sender chat.MemberID) error {
	return p.own(&op{Op: "delete", Room: roomID, Member: sender, Message: id})
}

func (p *Platform) own(o *op) error {
	return p.submit(o, p.inRoom(func(o *op, r *room) error {
		m := r.find(o.Message)
		switch {
		case m == nil || m.state == deleted:
			return fmt.Errorf("%w: message %q", errUnknown, o.Message)
		case m.sender < 0 || r.sender(m).ID != o.Member:
			return errForbidden
		}
		if o.Op == "edit" {
			o.Seq = int64(m.revision) + 1
		}
		return speaker(r, o.Member)
	}))
}

// React adds a member's reaction to a message.
func (p *Platform) React(roomID string, id chat.MessageID, sender chat.MemberID, sign string) error {
	if sign == "" || len(sign) > maxReaction {
		return fmt.Errorf("%w: a reaction is one sign or short word", errInvalid)
	}
	raw, err := quote(sign)
	if err != nil {
		return err
	}
	o := &op{Op: "react", Room: roomID, Member: sender, Message: id, Text: raw}
	return p.submit(o, p.inRoom(func(o *op, r *room) error {
		m := r.find(id)
		if m == nil || m.state == deleted {
			return fmt.Errorf("%w: message %q", errUnknown, id)
		}
		if slices.Contains(r.reactions[m.num], reaction{sender, unquote(raw)}) {
			return fmt.Errorf("%w: this reaction of member %q", errTaken, sender)
		}
		return speaker(r, sender)
	}))
}

// Answer gives a member's answer to their own prompt. What it changes is the
// bot's to say: it revises the prompt.
func (p *Platform) Answer(member chat.MemberID, id, which, text string) error {
	raw, err := quote(text)
	if err != nil {
		return err
	}
	o := &op{Op: "answer", Member: member, Prompt: id, Answer: which, Text: raw}
	return p.respond(o, func(shown *bots.Prompt) error {
		at := slices.IndexFunc(shown.Answers, func(a bots.Answer) bool { return a.ID == which })
		switch {
		case at < 0:
			return fmt.Errorf("%w: the prompt offers no answer %q", errInvalid, which)
		case shown.Answers[at].WantsText && strings.TrimSpace(text) == "":
			return fmt.Errorf("%w: this answer wants a text", errInvalid)
		case !shown.Answers[at].WantsText:
			o.Text = nil
		}
		return nil
	})
}

// Tick notes that a member did, or undid, a step of their own prompt.
func (p *Platform) Tick(member chat.MemberID, id, step string, done bool) error {
	o := &op{Op: "tick", Member: member, Prompt: id, Step: step, Done: done}
	return p.respond(o, func(shown *bots.Prompt) error {
		if !slices.ContainsFunc(shown.Steps, func(s bots.Step) bool { return s.ID == step }) {
			return fmt.Errorf("%w: step %q", errUnknown, step)
		}
		return nil
	})
}

// respond records what a member does with a prompt. Another member's prompt is
// unknown to them.
func (p *Platform) respond(o *op, check func(*bots.Prompt) error) error {
	return p.submit(o, func(o *op) error {
		pr := p.prompts[o.Prompt]
		if pr == nil || pr.member != o.Member {
			return fmt.Errorf("%w: prompt %q", errUnknown, o.Prompt)
		}
		line, err := p.file.line(pr.shown)
		if err != nil {
			return err
		}
		o.Room = pr.room.id
		if err := check(line.Shown); pr.open || errors.Is(err, errUnknown) {
			return err
		}
		return errOver
	})
}

// Advance moves the demo's clock forward, durably, and returns when what fell
// due is done.
func (p *Platform) Advance(ctx context.Context, by string) error {
	d, err := time.ParseDuration(by)
	if err != nil || d < 0 || d > maxAdvance {
		return fmt.Errorf("%w: advance is a length of time such as \"72h\"; the clock does not go back", errInvalid)
	}
	move := func() error {
		return p.submit(&op{Op: "clock"}, func(o *op) error {
			if o.Offset = time.Duration(p.offset.Load()) + d; o.Offset > maxOffset {
				return fmt.Errorf("%w: the clock is %s ahead already", errInvalid, time.Duration(p.offset.Load()))
			}
			return nil
		})
	}
	if p.o.MoveClock != nil {
		err = p.o.MoveClock(ctx, d, move)
	} else {
		err = move()
	}
	if err != nil {
		return err
	}
	p.touchAll()
	if p.o.AfterClock == nil {
		return nil
	}
	return p.o.AfterClock(ctx)
}
