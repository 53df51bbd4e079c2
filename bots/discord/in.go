package discord

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bwmarrin/discordgo"

	"chaperone/bots"
	"chaperone/internal/chat"
)

// heard takes one event of the gateway. It is called in order and must not
// wait: the library reads nothing meanwhile.
func (b *Bot) heard(e *discordgo.Event) {
	var err error
	switch e.Type {
	case "READY":
		err = b.readied(e.RawData)
	case "RESUMED":
		b.resumed()
	case "GUILD_CREATE", "GUILD_DELETE", "GUILD_ROLE_CREATE", "GUILD_ROLE_UPDATE", "GUILD_ROLE_DELETE":
		err = b.guildEvent(e)
	case "GUILD_MEMBER_ADD", "GUILD_MEMBER_REMOVE", "GUILD_MEMBER_UPDATE":
		err = b.memberEvent(e)
	case "CHANNEL_CREATE", "CHANNEL_UPDATE", "CHANNEL_DELETE", "THREAD_CREATE", "THREAD_UPDATE", "THREAD_DELETE":
		err = b.channelEvent(e)
	case "MESSAGE_CREATE", "MESSAGE_UPDATE", "MESSAGE_DELETE", "MESSAGE_DELETE_BULK", "MESSAGE_REACTION_ADD":
		err = b.messageEvent(e)
	case "AUTO_MODERATION_ACTION_EXECUTION":
		err = b.blocked(e.RawData)
	case "INTERACTION_CREATE":
		err = b.interaction(e.RawData)
	}
	if err != nil {
		b.o.Log.Warn("Discord sent an event that cannot be read; it was passed over", "event", e.Type)
	}
}

// readied begins a session of its own: whatever happened since the last one is
// looked for. The servers that the bot is in tell of themselves afterwards, one
// by one; those that are not among them it has left.
func (b *Bot) readied(data json.RawMessage) error {
	var in struct {
		Guilds []struct {
			ID string `json:"id"`
		} `json:"guilds"`
	}
	err := json.Unmarshal(data, &in)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.up, b.ready = true, true
	if b.life != nil {
		b.life.lanes.Behind(true)
	}
	if err != nil {
		return err
	}
	clear(b.awaited)
	for _, g := range in.Guilds {
		b.awaited[g.ID] = true
	}
	for id := range b.guilds {
		if !b.awaited[id] {
			b.leave(id)
		}
	}
	b.arrived("")
	return nil
}

// arrived notes that a server has told of itself, or is not the bot's any more.
// After the last of them it is known which chats are no longer there. The caller
// holds the lock.
func (b *Bot) arrived(id string) {
	delete(b.awaited, id)
	if l := b.life; l != nil && len(b.awaited) == 0 {
		l.work.Go(func() { b.missing(l) })
	}
}

// resumed goes on with a session. A new life that does so hears of no server
// again, and looks through those that it knows.
func (b *Bot) resumed() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.up = true
	if l := b.life; l != nil && l.lanes.Empty() {
		for id := range b.guilds {
			l.work.Go(func() { b.takeStock(l, id) })
		}
	}
}

// home is the chat that a channel belongs to: a thread's is its parent. Empty
// where it is not known, and for direct conversations.
func (b *Bot) home(id string) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := b.channels[id]
	switch {
	case c == nil:
		return ""
	case c.Thread != nil:
		return c.Parent
	case !c.talk():
		return ""
	}
	return c.ID
}

func (b *Bot) messageEvent(e *discordgo.Event) error {
	var m struct {
		message
		IDs     []string `json:"ids"`
		User    string   `json:"user_id"`
		Message string   `json:"message_id"`
		Emoji   struct {
			Name string `json:"name"`
		} `json:"emoji"`
	}
	if json.Unmarshal(e.RawData, &m) != nil {
		m.message = readMessage(e.RawData)
	}
	if m.ID == "" && len(m.IDs) == 0 && m.Message == "" { // it stands in its chat, if it was a message, and is found there
		if l := b.now(); l != nil {
			l.lanes.Behind(true)
			l.lanes.Stir()
		}
		return errUnreadable
	}
	if m.Guild == "" { // what is said to the bot itself is no chat
		if l := b.now(); l != nil && e.Type == "MESSAGE_CREATE" {
			b.heardAlone(l, &m.message)
		}
		return nil
	}
	local := b.home(m.Channel)
	if local == "" {
		return nil
	}
	ev := chat.Event{Chat: b.id(local), At: b.o.Now().UTC()}
	switch e.Type {
	case "MESSAGE_CREATE", "MESSAGE_UPDATE":
		for _, ev := range b.standing(local, &m.message) {
			if e.Type == "MESSAGE_UPDATE" && ev.Kind == chat.Posted {
				continue
			}
			b.line(local, ev)
		}
	case "MESSAGE_REACTION_ADD":
		if m.User == b.self() {
			return nil
		}
		ev.Kind, ev.Member, ev.Message, ev.Text = chat.Reacted, chat.MemberID(m.User), messageID(local, m.Channel, m.Message), m.Emoji.Name
		ev.Key = "reaction/" + m.Message + "/" + m.User + "/" + m.Emoji.Name
		b.line(local, ev)
	default:
		if e.Type == "MESSAGE_DELETE" {
			m.IDs = []string{m.ID}
		}
		for _, id := range m.IDs {
			b.line(local, deleted(ev, local, m.Channel, id))
		}
	}
	return nil
}

func deleted(ev chat.Event, local, channel, id string) chat.Event {
	ev.Kind, ev.Message = chat.Deleted, messageID(local, channel, id)
	ev.Key = "deleted/" + id
	return ev
}

// standing is what a message means that stands in a chat. One whose content is
// kept from the bot is declared as missed, and never counts as read.
func (b *Bot) standing(local string, m *message) []chat.Event {
	if m.broken {
		when := at(m.ID)
		return []chat.Event{{Key: "unread/" + m.ID, Kind: chat.Missed, Chat: b.id(local), At: when, Since: when, Message: messageID(local, m.Channel, m.ID), Gap: chat.Undecrypted}}
	}
	if !m.ordinary() || m.Author.ID == b.self() {
		return nil
	}
	ev := chat.Event{
		Key: "posted/" + m.ID, Kind: chat.Posted, Chat: b.id(local), At: m.At.UTC(), Member: chat.MemberID(m.Author.ID), Name: m.Author.shown(),
		Message: messageID(local, m.Channel, m.ID), Text: m.said(),
		Files: m.files(),
	}
	if m.Reference != nil && m.Reference.Message != "" {
		ev.ReplyTo = messageID(local, m.Channel, m.Reference.Message)
	}
	if ev.Text == "" && !b.canRead() {
		return []chat.Event{{Key: "unread/" + m.ID, Kind: chat.Missed, Chat: ev.Chat, At: ev.At, Since: ev.At, Message: ev.Message, Gap: chat.Undecrypted}}
	}
	if m.Edited == nil { // a preview that Discord adds is no edit
		return []chat.Event{ev}
	}
	edit := ev
	edit.Kind, edit.At, edit.Revision, edit.ReplyTo = chat.Edited, m.Edited.UTC(), m.Edited.UnixMilli(), ""
	edit.Key = fmt.Sprint("edited/", m.ID, "/", edit.Revision)
	return []chat.Event{ev, edit}
}

func (b *Bot) self() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.me
}

func (b *Bot) canRead() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.reads
}

func (b *Bot) guildEvent(e *discordgo.Event) error {
	var g struct {
		guild
		Of     string `json:"guild_id"`
		Role   role   `json:"role"`
		RoleID string `json:"role_id"`
	}
	if err := json.Unmarshal(e.RawData, &g); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e.Type {
	case "GUILD_CREATE":
		in := g.guild
		for _, m := range in.Members {
			if m.User.ID == b.me {
				in.own = m.Roles
			}
		}
		in.Members = nil
		for _, c := range slices.Concat(in.Channels, in.Threads) {
			c.Guild = in.ID
			b.channels[c.ID] = c
			delete(b.parted, c.ID)
		}
		in.Channels, in.Threads = nil, nil
		b.guilds[in.ID] = &in
		b.arrived(in.ID)
		if l := b.life; l != nil {
			l.work.Go(func() { b.takeStock(l, in.ID) })
		}
	case "GUILD_DELETE":
		if g.Gone { // an outage: it comes back
			return nil
		}
		b.leave(g.ID)
	default:
		in := b.guilds[g.Of]
		if in == nil {
			return nil
		}
		id := g.RoleID
		if id == "" {
			id = g.Role.ID
		}
		in.Roles = slices.DeleteFunc(in.Roles, func(r role) bool { return r.ID == id })
		if g.RoleID == "" {
			in.Roles = append(in.Roles, g.Role)
		}
	}
	return nil
}

// leave tells of every chat of a server that the bot is no longer in. The
// caller holds the lock.
func (b *Bot) leave(id string) {
	delete(b.guilds, id)
	delete(b.adders, id)
	b.arrived(id)
	for local, c := range b.channels {
		if c.Guild != id {
			continue
		}
		if c.talk() {
			b.say(local, b.left(local))
		}
		delete(b.channels, local)
	}
}

// left tells that the bot is no longer in a chat. The caller holds the lock.
func (b *Bot) left(local string) chat.Event {
	b.parted[local] = true
	now := b.o.Now().UTC()
	return chat.Event{Key: "removed/" + now.Format(time.RFC3339Nano), Kind: chat.Removed, Chat: b.id(local), At: now}
}

// line puts an event at the end of its chat's lane.
func (b *Bot) line(local string, ev chat.Event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.say(local, ev)
}

// say is line for who holds the lock.
func (b *Bot) say(local string, ev chat.Event) {
	if b.life != nil {
		b.life.lanes.Put(local, []chat.Event{ev}, nil)
	}
}

func (b *Bot) memberEvent(e *discordgo.Event) error {
	var m struct {
		member
		Guild  string    `json:"guild_id"`
		Joined time.Time `json:"joined_at"`
	}
	if err := json.Unmarshal(e.RawData, &m); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	g := b.guilds[m.Guild]
	if g == nil {
		return nil
	}
	g.list = nil
	if m.User.ID == b.me {
		if e.Type == "GUILD_MEMBER_UPDATE" {
			g.own = m.Roles
		}
		return nil
	}
	if e.Type == "GUILD_MEMBER_UPDATE" {
		return nil
	}
	now := b.o.Now().UTC()
	for local, c := range b.channels {
		if c.Guild != g.ID || !c.talk() || !g.sees(b.me, c) {
			continue
		}
		ev := chat.Event{Kind: chat.Left, Chat: b.id(local), At: now, Member: chat.MemberID(m.User.ID), Name: m.shown()}
		ev.Key = "left/" + m.User.ID + "/" + now.Format(time.RFC3339Nano)
		if e.Type == "GUILD_MEMBER_ADD" {
			if !g.may(m.member, c).has(view) {
				continue
			}
			ev.Kind, ev.At, ev.Key = chat.Joined, m.Joined.UTC(), "joined/"+m.User.ID+"/"+m.Joined.UTC().Format(time.RFC3339Nano)
		}
		b.say(local, ev)
	}
	return nil
}

func (b *Bot) channelEvent(e *discordgo.Event) error {
	c := &channel{}
	if err := json.Unmarshal(e.RawData, c); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	old := b.channels[c.ID]
	if strings.HasSuffix(e.Type, "_DELETE") {
		delete(b.channels, c.ID)
		if old != nil && old.talk() {
			b.say(c.ID, b.left(c.ID))
		}
		return nil
	}
	b.channels[c.ID] = c
	g := b.guilds[c.Guild]
	if !c.talk() || g == nil {
		return nil
	}
	was, is := old != nil && g.sees(b.me, old), g.sees(b.me, c)
	switch {
	case is && (!was || old.Name != c.Name):
		b.say(c.ID, b.added(c))
		if b.life != nil {
			b.life.lanes.Open(c.ID) // nothing was said there before
		}
	case was && !is:
		b.say(c.ID, b.left(c.ID))
	}
	return nil
}

// added tells that the bot is in a chat. The caller holds the lock.
func (b *Bot) added(c *channel) chat.Event {
	delete(b.parted, c.ID)
	now := b.o.Now().UTC()
	ev := chat.Event{Key: "added/" + now.Format(time.RFC3339Nano), Kind: chat.Added, Chat: b.id(c.ID), At: now, Name: c.Name, ChatKind: chat.Team}
	b.by(&ev, c)
	return ev
}

// interaction takes what a person did with a button, a form or a command.
func (b *Bot) interaction(raw json.RawMessage) error {
	var i pressed
	if err := json.Unmarshal(raw, &i); err != nil {
		return err
	}
	who := i.who().ID
	l := b.now()
	if l == nil {
		return nil
	}
	parts := strings.Split(i.Data.CustomID, separator)
	ev := chat.Event{Key: "interaction/" + i.ID, At: at(i.ID), Member: chat.MemberID(who)}
	if len(parts) > 2 {
		ev.Chat, ev.Prompt = b.id(parts[1]), parts[2]
	}
	switch {
	case i.Type == aCommand:
		b.commanded(l, &i)
		return nil
	case parts[0] == customShow && len(parts) == 3:
		b.reveal(l, &i, parts[1])
		return nil
	case parts[0] == customSay && len(parts) > 1:
		b.alone(l, &i, strings.TrimPrefix(i.Data.CustomID, customSay+separator))
		return nil
	case parts[0] == customAnswer && len(parts) == 4:
		ev.Kind, ev.Answer = chat.Answered, parts[3]
	case parts[0] == customForm && len(parts) == 4:
		ev.Kind, ev.Answer, ev.Text = chat.Answered, parts[3], i.text()
	case parts[0] == customTick && len(parts) == 5:
		ev.Kind, ev.Step, ev.Done = chat.Ticked, parts[3], parts[4] == "1"
	case parts[0] == customWrite && len(parts) == 4: // asks for words first: nothing has happened yet
		l.work.Go(func() { b.respond(l.ctx, &i, form(parts[1], parts[2], parts[3], b.says(l.ctx, ev.Member))) })
		return nil
	default:
		l.work.Go(func() { b.respond(l.ctx, &i, about(b.says(l.ctx, ev.Member))) })
		return nil
	}
	// Told only once it is stored; later than three seconds Discord says that
	// it failed, and the press can be made again.
	l.lanes.Put(parts[1], []chat.Event{ev}, func() { l.work.Go(func() { b.respond(l.ctx, &i, reply{Type: silently}) }) })
	if b.channel(parts[1]) == nil {
		l.lanes.Open(parts[1]) // the channel is not there any more, and its prompts are
	}
	return nil
}

func (b *Bot) now() *life {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.life
}

// pressed is what a person did.
type pressed struct {
	ID     string `json:"id"`
	Type   int    `json:"type"`
	Token  string `json:"token"`
	Guild  string `json:"guild_id"`
	User   user   `json:"user"`
	Member member `json:"member"`
	Data   struct {
		CustomID string `json:"custom_id"`
		Name     string `json:"name"` // of a command
		Kind     int    `json:"type"`
		Target   string `json:"target_id"`
		Options  []struct {
			Value json.RawMessage `json:"value"`
		} `json:"options"`
		Resolved struct {
			Messages map[string]message `json:"messages"`
		} `json:"resolved"`
		Components []struct {
			Components []struct {
				Value string `json:"value"`
			} `json:"components"`
		} `json:"components"`
	} `json:"data"`
}

// aCommand is the type of what a command does.
const aCommand = 2

// who did it.
func (p *pressed) who() user {
	if p.User.ID != "" {
		return p.User
	}
	return p.Member.User
}

// text is what was written into a form.
func (p *pressed) text() string {
	for _, row := range p.Data.Components {
		for _, c := range row.Components {
			return c.Value
		}
	}
	return ""
}

var _ bots.Bot = (*Bot)(nil)
