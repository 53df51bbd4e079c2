package practice

// What people do on the platform. Each is checked, written and applied as one
// operation, and is durable when the call returns.

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"chaperone/bots"
	"chaperone/internal/chat"
)

func (p *Platform) NewRoom(in NewRoom) error {
	if in.ID == "" || len(in.ID) > 200 || !in.Kind.Valid() {
		return fmt.Errorf("%w: a room has an id and a kind (team, emergency, partner or public)", errInvalid)
	}
	if in.Name == "" {
		in.Name = in.ID
	}
	seen := map[chat.MemberID]bool{}
	for _, m := range in.Members {
		if m.ID == "" || seen[m.ID] {
			return fmt.Errorf("%w: each member has an id of their own", errInvalid)
		}
		seen[m.ID] = true
	}
	_, err := p.record(op{Op: "room", Room: in.ID, Kind: in.Kind, Name: in.Name}, func(*op) error {
		if p.rooms[in.ID] != nil {
			return fmt.Errorf("%w: room %q", errTaken, in.ID)
		}
		return nil
	})
	for _, m := range in.Members {
		if err == nil {
			err = p.join(in.ID, m)
		}
	}
	return err
}

func (p *Platform) AddRoom(in NewRoom) error {
	if err := p.NewRoom(in); !errors.Is(err, errTaken) {
		return err
	}
	return nil
}

func (p *Platform) join(roomID string, m Member) error {
	if m.Name == "" {
		m.Name = string(m.ID)
	}
	_, err := p.record(op{Op: "join", Room: roomID, Member: m.ID, Name: m.Name}, p.inRoom(func(o *op, r *room) error {
		if o.Member == "" {
			return fmt.Errorf("%w: a member has an id", errInvalid)
		}
		if r.member(o.Member) {
			return fmt.Errorf("%w: member %q", errTaken, o.Member)
		}
		return nil
	}))
	return err
}

func (p *Platform) inRoom(check func(*op, *room) error) func(*op) error {
	return func(o *op) error {
		r := p.rooms[o.Room]
		if r == nil {
			return fmt.Errorf("%w: room %q", errUnknown, o.Room)
		}
		return check(o, r)
	}
}

func (p *Platform) Say(roomID string, sender chat.MemberID, text string, reply chat.MessageID) (chat.MessageID, error) {
	o, err := p.record(op{Op: "post", Room: roomID, Member: sender, Text: []byte(text), Reply: reply}, p.inRoom(func(o *op, r *room) error {
		if !r.member(sender) {
			return fmt.Errorf("%w: member %q", errUnknown, sender)
		}
		if reply != "" && r.index[reply] == nil {
			return fmt.Errorf("%w: message %q", errUnknown, reply)
		}
		if text == "" {
			return fmt.Errorf("%w: a message has a text", errInvalid)
		}
		o.Message = r.nextID()
		return nil
	}))
	return o.Message, err
}

func (p *Platform) Edit(roomID string, id chat.MessageID, sender chat.MemberID, text string) error {
	if text == "" {
		return fmt.Errorf("%w: a message has a text", errInvalid)
	}
	return p.own("edit", roomID, id, sender, text)
}

func (p *Platform) Unsay(roomID string, id chat.MessageID, sender chat.MemberID) error {
	return p.own("delete", roomID, id, sender, "")
}

func (p *Platform) own(what, roomID string, id chat.MessageID, sender chat.MemberID, text string) error {
	_, err := p.record(op{Op: what, Room: roomID, Member: sender, Message: id, Text: []byte(text)}, p.inRoom(func(o *op, r *room) error {
		m := r.index[id]
		switch {
		case m == nil || m.state == "deleted":
			return fmt.Errorf("%w: message %q", errUnknown, id)
		case sender == "" || m.sender != sender:
			return errForbidden
		}
		return nil
	}))
	return err
}

func (p *Platform) React(roomID string, id chat.MessageID, sender chat.MemberID, reaction string) error {
	_, err := p.record(op{Op: "react", Room: roomID, Member: sender, Message: id, Text: []byte(reaction)}, p.inRoom(func(o *op, r *room) error {
		if m := r.index[id]; m == nil || m.state == "deleted" || !r.member(sender) {
			return fmt.Errorf("%w: message %q or member %q", errUnknown, id, sender)
		}
		if reaction == "" || len(reaction) > 100 {
			return fmt.Errorf("%w: a reaction is one short text", errInvalid)
		}
		return nil
	}))
	return err
}

func (p *Platform) Answer(member chat.MemberID, id, which, text string) error {
	return p.respond(op{Op: "answer", Member: member, Prompt: id, Answer: which, Text: []byte(text)}, func(s bots.Prompt) error {
		at := slices.IndexFunc(s.Answers, func(a bots.Answer) bool { return a.ID == which })
		switch {
		case len(s.Answers) == 0:
			return errOver
		case at < 0:
			return fmt.Errorf("%w: the prompt offers no answer %q", errInvalid, which)
		case s.Answers[at].WantsText && text == "":
			return fmt.Errorf("%w: this answer wants a text", errInvalid)
		}
		return nil
	})
}

func (p *Platform) Tick(member chat.MemberID, id, step string, done bool) error {
	return p.respond(op{Op: "tick", Member: member, Prompt: id, Step: step, Done: done}, func(s bots.Prompt) error {
		if !slices.ContainsFunc(s.Steps, func(x bots.Step) bool { return x.ID == step }) {
			return fmt.Errorf("%w: step %q", errUnknown, step)
		}
		if len(s.Answers) == 0 {
			return errOver
		}
		return nil
	})
}

func (p *Platform) respond(o op, check func(bots.Prompt) error) error {
	_, err := p.record(o, func(o *op) error {
		pr := p.prompts[o.Prompt]
		if pr == nil || pr.member != o.Member {
			return fmt.Errorf("%w: prompt %q", errUnknown, o.Prompt)
		}
		o.Room = pr.room
		return check(pr.shown)
	})
	return err
}

const maxAdvance = 50 * 366 * 24 * time.Hour

func (p *Platform) Advance(ctx context.Context, by string) error {
	d, err := time.ParseDuration(by)
	if err != nil || d < 0 || d > maxAdvance {
		return fmt.Errorf("%w: advance is a length of time such as \"72h\"; the clock does not go back", errInvalid)
	}
	if _, err := p.record(op{Op: "clock"}, func(o *op) error {
		o.Offset = time.Duration(p.offset.Load()) + d
		return nil
	}); err != nil {
		return err
	}
	p.touchAll()
	if p.o.AfterClock == nil {
		return nil
	}
	return p.o.AfterClock(ctx)
}
