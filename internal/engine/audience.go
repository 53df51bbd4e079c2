package engine

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"chaperone/internal/chat"
	"chaperone/internal/detect"
	"chaperone/internal/directory"
	"chaperone/internal/policy"
	"chaperone/internal/record"
	"chaperone/rules"
)

// Circumstances is what an organisation says of its people and of others, so
// that a policy's rows can be held against a chat as it is. Its zero value
// knows nobody: every audience is unknown, and every device.
type Circumstances struct {
	Own           Organisation // ours, besides those whom the directory knows
	Organisations []Organisation
	Members       map[string]string         // the organisation of a member (account/id), by its name; "internal" is ours
	Devices       map[string]policy.Device  // of a member (account/id) or person (key in the directory)
	Kinds         map[string]policy.Device  // what the directory's words for devices mean, folded
	Posts         map[string]policy.Role    // what its posts mean, folded
	Higher        map[string]bool           // members and persons on the higher-protection list (R11)
	Ratings       map[string]policy.Channel // of a platform (R10)
	Exceptions    []policy.Exception        // dated; they end themselves
}

// Organisation is one whose people are in our chats, and the packs that it
// adopted for them: a ban of one does not outlaw a chat that several share.
type Organisation struct {
	Name     string
	Audience policy.Audience
	Domains  []string // of vouched-for email addresses
	Numbers  []string // beginnings of vouched-for numbers, +44 and what follows
	Packs    []policy.Pack
}

// Internal is the name of our own organisation among labels.
const Internal = "internal"

// Rosters tells who is in one chat now, and whom they are known to be.
type Rosters interface {
	Present(ctx context.Context, id chat.ID) ([]Present, error)
}

// Present is one member of a chat.
type Present struct {
	directory.Member
	Person directory.PersonID // empty: the directory knows nobody
}

// acquainted is what the last trusted directory said of the people who are
// members: what they hold and do.
type acquainted struct {
	mu    sync.RWMutex
	known map[directory.PersonID]acquaintance
}

type acquaintance struct{ device, post, language string }

// acquaint remembers what the directory says of those who are members.
func (e *Engine) acquaint(out Outlook) {
	if !out.Plan.Trusted {
		return
	}
	members := map[directory.PersonID]bool{}
	for _, m := range out.Plan.Matches {
		members[m.Match.Person] = true
	}
	people := make(map[directory.PersonID]acquaintance, len(members))
	for i := range out.People {
		if p := &out.People[i]; members[p.ID] {
			people[p.ID] = acquaintance{device: p.Device, post: p.Role, language: p.Language}
		}
	}
	e.people.mu.Lock()
	defer e.people.mu.Unlock()
	e.people.known = people
}

// tongues are the languages that the last trusted directory gives for those who
// are members. A word that is none of ours is left out.
func (e *Engine) tongues() map[directory.PersonID]string {
	e.people.mu.RLock()
	defer e.people.mu.RUnlock()
	out := map[directory.PersonID]string{}
	for p, a := range e.people.known {
		if lang := e.o.Viewer.Words.Named(a.language); lang != "" {
			out[p] = lang
		}
	}
	return out
}

// of gives the organisation of a member, and whether it is known; nil is ours.
func (c *Circumstances) of(m Present) (*Organisation, bool) {
	label := c.Members[string(m.Account)+"/"+string(m.ID)]
	if label == "" {
		label = m.Guest
	}
	if strings.EqualFold(label, Internal) {
		return nil, true
	}
	if label != "" {
		for i := range c.Organisations {
			if strings.EqualFold(c.Organisations[i].Name, label) {
				return &c.Organisations[i], true
			}
		}
		return &Organisation{Name: label, Audience: policy.Partners}, true // an administrator confirmed where they are from
	}
	if m.Person != "" || c.Own.has(m) {
		return nil, true
	}
	for i := range c.Organisations {
		if c.Organisations[i].has(m) {
			return &c.Organisations[i], true
		}
	}
	return nil, false
}

// has reports whether what the platform vouches for shows a member to be of
// the organisation.
func (o *Organisation) has(m Present) bool {
	_, domain, _ := strings.Cut(strings.ToLower(m.Email), "@")
	for _, d := range o.Domains {
		if d = strings.ToLower(strings.TrimPrefix(d, "@")); domain == d || strings.HasSuffix(domain, "."+d) {
			return true
		}
	}
	return m.Phone != "" && slices.ContainsFunc(o.Numbers, func(n string) bool { return strings.HasPrefix(m.Phone, n) })
}

// audience is who reads a chat: its strictest member decides, and whoever is
// not known counts as what the chat is labelled to be, or else as unknown.
func (c *Circumstances) audience(present []Present, kind chat.Kind, label policy.Audience) policy.Audience {
	out := policy.Internal
	people := 0
	for _, m := range present {
		if m.Bot {
			continue
		}
		people++
		switch org, known := c.of(m); {
		case !known:
			out = out.Wider(cmp.Or(label, policy.UnknownAudience))
		case org != nil:
			out = out.Wider(cmp.Or(org.Audience, policy.Partners))
		}
	}
	switch {
	case people == 0: // nobody can be seen
		out = cmp.Or(label, policy.UnknownAudience)
	case kind == chat.Public:
		out = out.Wider(policy.ThePublic)
	case kind == chat.Partner:
		out = out.Wider(policy.Partners)
	}
	return out
}

// facts are those of a member who speaks in a chat, before those who are present
// there, and the packs that apply to them: those of their own organisation.
func (e *Engine) facts(in Chat, present []Present, id chat.MemberID) (policy.Facts, []policy.Pack) {
	c := &e.o.Circumstances
	packs := e.o.Packs
	platform, _, _ := strings.Cut(string(in.ID.Account), "/")
	f := policy.Facts{Chat: in.Kind, Channel: c.Ratings[platform], Audience: c.audience(present, in.Kind, e.o.Setting(in.ID).Audience)}
	me := Present{Member: directory.Member{Account: in.ID.Account, ID: id}}
	if i := slices.IndexFunc(present, func(m Present) bool { return m.ID == id || slices.Contains(m.Also, id) }); i >= 0 {
		me = present[i]
	}
	if org, known := c.of(me); known && org != nil {
		packs = org.Packs
		if slices.Contains([]policy.Audience{policy.Customers, policy.ThePublic}, org.Audience) {
			packs = e.o.Packs // whoever is from no organisation brings no policy of their own
		}
	}
	names := []string{string(me.Account) + "/" + string(me.ID)}
	if me.Person != "" {
		names = append(names, string(me.Person))
	}
	e.people.mu.RLock()
	known := e.people.known[me.Person]
	e.people.mu.RUnlock()
	f.Device, f.Role = c.Kinds[string(directory.Key(known.device))], c.Posts[string(directory.Key(known.post))]
	if d := policy.Device(strings.ToLower(known.device)); f.Device == "" && d.Valid() {
		f.Device = d
	}
	for _, n := range names {
		f.Device = cmp.Or(c.Devices[n], f.Device)
		if c.Higher[n] {
			f.Person = policy.Higher
		}
	}
	return f, packs
}

// state is what an incident and dated exceptions make of a chat now.
func (e *Engine) state(id chat.ID, now time.Time) ([]policy.Exception, policy.State) {
	exceptions, state := policy.InForce(e.o.Circumstances.Exceptions, now, id)
	if e.o.Setting(id).Incident {
		state = state.Later(policy.Incident)
	}
	return exceptions, state
}

// present is who is in the chat, read once for a batch. What cannot be read is
// nobody known.
func (b *batch) present() []Present {
	if !b.listed {
		b.listed = true
		list, err := b.e.o.Store.Present(b.e.ctx, b.room.id)
		if err != nil {
			b.e.o.Log.Warn("who is in a chat cannot be read; its audience counts as unknown", "chat", b.room.id, "err", err)
		}
		b.roster = list
	}
	return b.roster
}

// decide holds what was found against the policies of the sender's
// organisation. Ordinary talk is decided without a look at anything.
func (b *batch) decide(ev chat.Event, found []rules.Finding) policy.Decision {
	set := b.e.o.Setting(b.room.id)
	exceptions, state := b.e.state(b.room.id, b.now)
	if len(found) == 0 && state != policy.Outage && state != policy.Transition {
		return policy.Decision{Outcome: policy.Permitted, Watching: !set.Acting}
	}
	facts, packs := b.e.facts(b.load.Chat, b.present(), ev.Member)
	facts.State = state
	if b.held(ev.Member) {
		facts.State = facts.State.Later(policy.Held)
	}
	return policy.Decide(packs, policy.Situation{Facts: facts, Watching: !set.Acting, Findings: found, Exceptions: exceptions})
}

// seen adds what is seen otherwise than by rules.
func (b *batch) seen(ev chat.Event, found []rules.Finding) []rules.Finding {
	return b.e.seen(b.load.Chat, ev.Text, b.now, b.present, found)
}

func (e *Engine) seen(in Chat, text string, now time.Time, present func() []Present, found []rules.Finding) []rules.Finding {
	return append(found, Seen(text, now, cmp.Or(e.o.Viewer.Zone, time.UTC), func() (policy.Audience, int) {
		people := 0
		for _, m := range present() {
			if !m.Bot {
				people++
			}
		}
		return e.o.Circumstances.audience(present(), in.Kind, e.o.Setting(in.ID).Audience), people
	})...)
}

// Seen finds what is seen otherwise than by rules: a picture of people, and a
// marking that somebody in the chat is not meant to read. who tells who reads
// the chat and how many they are; it is asked only where that matters.
func Seen(text string, now time.Time, zone *time.Location, who func() (policy.Audience, int)) []rules.Finding {
	var found []rules.Finding
	if start, end, ok := detect.Pictured(text); ok {
		found = append(found, rules.Finding{
			Rule: "image-of-people", Category: "image_of_people", Class: rules.Image, Severity: rules.Caution, Confidence: 0.7,
			Start: start, End: end, Mask: "picture of people", Because: []string{"a picture, and who can be seen in it"},
		})
	}
	h := detect.ReadHandling(text, zone)
	if !h.Any() {
		return found
	}
	f := rules.Finding{
		Rule: "handling-roster", Category: "marking_official_sensitive", Class: rules.Misdirected, Severity: rules.Serious, Confidence: 0.95,
		Start: h.Start, End: h.End, Mask: "handling instruction",
	}
	audience, people := who()
	switch why := misdirected(h, now, audience, people); {
	case why != "":
		f.Because = []string{why}
		return append(found, f)
	case h.Release:
		f.Rule, f.Category, f.Class, f.Severity = "handling-release", "marking_official", rules.ForRelease, rules.Note
		f.Because = []string{"marked for public release"}
		return append(found, f)
	}
	return found
}

// misdirected says why somebody in the chat is not meant to read what carries
// a handling instruction; empty: nobody is.
func misdirected(h detect.Handling, now time.Time, audience policy.Audience, people int) string {
	outside := audience != policy.Internal
	switch {
	case h.OwnOnly && outside:
		return "marked for one organisation only, and others read this chat"
	case h.Recipients && (outside || people != 2):
		return "marked for its recipients only, and a chat has others"
	case h.Embargoed && outside && (h.Until.IsZero() || now.Before(h.Until)):
		return "embargoed, and others read this chat before its time"
	}
	return ""
}

// standIn keeps a message that must be kept without its sender being asked:
// what is said while the channel stands in for an organisation's own systems
// (R39). A hold keeps its own.
func (b *batch) standIn(ev chat.Event, d policy.Decision) {
	if !d.Has(policy.Capture) || d.Has(policy.Ask) || d.Watching || ev.Text == "" || classOf(d) == Secret || b.held(ev.Member) {
		return
	}
	r := record.Record{
		ID: b.e.o.NewID(b.now), Account: b.room.id.Account, Chat: b.room.id.Local, ChatName: b.load.Chat.Name, ChatKind: b.load.Chat.Kind,
		Method: string(b.room.id.Account), CapturedBy: "chaperone", CapturedAt: b.now.UTC(), Form: record.Verbatim, Lines: d.Lines,
		Messages: []record.Message{{ID: ev.Message, Sender: ev.Member, Name: ev.Name, SentAt: ev.At.UTC(), Revision: ev.Revision, Left: len(ev.Files)}},
	}
	b.s.Arrivals = append(b.s.Arrivals, Arrival{Record: r, Text: ev.Text})
	b.s.Actions = append(b.s.Actions, Action{
		Key: "file/" + r.ID, Kind: File, Chat: b.room.id, Member: ev.Member, Message: ev.Message, Record: r.ID, Due: b.now,
	})
}

// kept is what is stored of what was found: of talk that is out of scope,
// nothing (R8).
func (b *batch) kept(d policy.Decision, all []rules.Finding) []rules.Finding {
	if b.load.Chat.Kind == chat.Private && !d.Has(policy.Ask) {
		return nil
	}
	return all
}

// Audience tells who reads a chat, for pages to show.
func (e *Engine) Audience(ctx context.Context, id chat.ID, kind chat.Kind) (policy.Audience, error) {
	present, err := e.o.Store.Present(ctx, id)
	if err != nil {
		return policy.UnknownAudience, err
	}
	return e.o.Circumstances.audience(present, kind, e.o.Setting(id).Audience), nil
}

// Policies gives the packs of our own organisation, and what their conditions
// are about.
func (e *Engine) Policies() ([]policy.Pack, Circumstances) { return e.o.Packs, e.o.Circumstances }

// Standing is the facts of a chat in which nobody in particular speaks: from
// the device that the strictest of its people may have.
func (e *Engine) Standing(ctx context.Context, id chat.ID, kind chat.Kind) (policy.Facts, error) {
	audience, err := e.Audience(ctx, id, kind)
	_, state := policy.InForce(e.o.Circumstances.Exceptions, e.o.Now(), id)
	platform, _, _ := strings.Cut(string(id.Account), "/")
	return policy.Facts{Chat: kind, Audience: audience, State: state, Channel: e.o.Circumstances.Ratings[platform]}, err
}
