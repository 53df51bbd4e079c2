package lab

import (
	"slices"
	"time"
)

// The kinds of channel.
const (
	Text         = 0
	Direct       = 1
	Announcement = 5
	PublicThread = 11
	Forum        = 15
)

// User is a person or a bot, as the wire shows them.
type User struct {
	ID            ID      `json:"id"`
	Username      string  `json:"username"`
	Discriminator string  `json:"discriminator"`
	GlobalName    *string `json:"global_name"`
	Avatar        *string `json:"avatar"`
	Bot           bool    `json:"bot,omitempty"`
	Flags         int     `json:"flags"`
	PublicFlags   int     `json:"public_flags"`
	PrimaryGuild  *string `json:"primary_guild"`

	closed bool // takes no direct messages from members of shared guilds
}

// Role is a set of permissions within a guild. The role whose id is the guild's
// is everyone's.
type Role struct {
	ID           ID          `json:"id"`
	Name         string      `json:"name"`
	Permissions  Permissions `json:"permissions"`
	Position     int         `json:"position"`
	Color        int         `json:"color"`
	Colors       roleColors  `json:"colors"`
	Hoist        bool        `json:"hoist"`
	Managed      bool        `json:"managed"`
	Mentionable  bool        `json:"mentionable"`
	Icon         *string     `json:"icon"`
	UnicodeEmoji *string     `json:"unicode_emoji"`
	Flags        int         `json:"flags"`
}

type roleColors struct {
	Primary   int  `json:"primary_color"`
	Secondary *int `json:"secondary_color"`
	Tertiary  *int `json:"tertiary_color"`
}

// Member is a user within a guild.
type Member struct {
	User     *User      `json:"user,omitempty"`
	Nick     *string    `json:"nick"`
	Avatar   *string    `json:"avatar"`
	Banner   *string    `json:"banner"`
	Roles    []ID       `json:"roles"`
	Joined   time.Time  `json:"joined_at"`
	Premium  *time.Time `json:"premium_since"`
	Deaf     bool       `json:"deaf"`
	Mute     bool       `json:"mute"`
	Flags    int        `json:"flags"`
	Pending  bool       `json:"pending"`
	Silenced *time.Time `json:"communication_disabled_until"`
}

// Overwrite changes permissions in one channel, of a role (0) or a member (1).
type Overwrite struct {
	ID    ID          `json:"id"`
	Type  int         `json:"type"`
	Allow Permissions `json:"allow"`
	Deny  Permissions `json:"deny"`
}

// Channel is a channel, a thread, a forum or a direct conversation.
type Channel struct {
	ID         ID           `json:"id"`
	Type       int          `json:"type"`
	Guild      ID           `json:"guild_id,omitempty"`
	Name       string       `json:"name,omitempty"`
	Position   *int         `json:"position,omitempty"`
	Parent     *ID          `json:"parent_id,omitempty"`
	Topic      *string      `json:"topic,omitempty"`
	Flags      int          `json:"flags"`
	Last       *ID          `json:"last_message_id"`
	Owner      ID           `json:"owner_id,omitempty"`
	Overwrites []Overwrite  `json:"permission_overwrites,omitempty"`
	Recipients []*User      `json:"recipients,omitempty"`
	Thread     *ThreadState `json:"thread_metadata,omitempty"`
	Count      *int         `json:"message_count,omitempty"`
	Members    *int         `json:"member_count,omitempty"`
	Total      *int         `json:"total_message_sent,omitempty"`

	messages []*Message // in order
	joined   []ID       // of a thread
}

// ThreadState is what a thread has beyond a channel.
type ThreadState struct {
	Archived bool      `json:"archived"`
	Since    time.Time `json:"archive_timestamp"`
	After    int       `json:"auto_archive_duration"`
	Locked   bool      `json:"locked"`
}

// Attachment is a file of a message. Its address is signed and expires.
type Attachment struct {
	ID       ID     `json:"id"`
	Filename string `json:"filename"`
	Size     int    `json:"size"`
	URL      string `json:"url"`
	Proxy    string `json:"proxy_url"`
	Type     string `json:"content_type,omitempty"`

	data []byte
}

// Reference is what a reply answers.
type Reference struct {
	Type    int `json:"type"`
	Message ID  `json:"message_id,omitempty"`
	Channel ID  `json:"channel_id"`
	Guild   ID  `json:"guild_id,omitempty"`
}

// Reaction counts one emoji under a message.
type Reaction struct {
	Emoji struct {
		ID   *ID    `json:"id"`
		Name string `json:"name"`
	} `json:"emoji"`
	Count   int            `json:"count"`
	Details map[string]int `json:"count_details"`
	Colors  []string       `json:"burst_colors"`
	Me      bool           `json:"me"`
	MeBurst bool           `json:"me_burst"`

	who []ID
}

// Message is one message as it now is.
type Message struct {
	ID          ID            `json:"id"`
	Channel     ID            `json:"channel_id"`
	Author      *User         `json:"author"`
	Content     string        `json:"content"`
	At          time.Time     `json:"timestamp"`
	Edited      *time.Time    `json:"edited_timestamp"`
	TTS         bool          `json:"tts"`
	Everyone    bool          `json:"mention_everyone"`
	Mentions    []*User       `json:"mentions"`
	Roles       []ID          `json:"mention_roles"`
	Attachments []*Attachment `json:"attachments"`
	Embeds      []any         `json:"embeds"`
	Components  []any         `json:"components"`
	Reactions   []*Reaction   `json:"reactions,omitempty"`
	Pinned      bool          `json:"pinned"`
	Type        int           `json:"type"`
	Flags       int           `json:"flags"`
	Nonce       string        `json:"nonce,omitempty"`
	Reference   *Reference    `json:"message_reference,omitempty"`
	Application *ID           `json:"application_id,omitempty"`
	Webhook     *ID           `json:"webhook_id,omitempty"`

	only ID // an ephemeral message is seen by one user
}

// ephemeral is the flag of a message that one user sees.
const ephemeral = 1 << 6

// thinking is the flag of a message that an application has yet to write.
const thinking = 1 << 7

// Guild is a server in Discord's words.
type Guild struct {
	ID      ID
	Name    string
	Owner   ID
	Roles   []*Role
	Members []*Member

	rules []*Rule
	audit []*Entry
}

func (g *Guild) role(id ID) *Role {
	for _, r := range g.Roles {
		if r.ID == id {
			return r
		}
	}
	return nil
}

func (g *Guild) member(id ID) *Member {
	for _, m := range g.Members {
		if m.User.ID == id {
			return m
		}
	}
	return nil
}

// top is the position of the highest role of a member; the owner is above all.
func (g *Guild) top(m *Member) int {
	if m.User.ID == g.Owner {
		return 1 << 30
	}
	top := 0
	for _, id := range m.Roles {
		if r := g.role(id); r != nil {
			top = max(top, r.Position)
		}
	}
	return top
}

func (c *Channel) message(id ID) *Message {
	i, found := slices.BinarySearchFunc(c.messages, id, func(m *Message, id ID) int {
		switch {
		case m.ID < id:
			return -1
		case m.ID > id:
			return 1
		}
		return 0
	})
	if !found {
		return nil
	}
	return c.messages[i]
}

func (c *Channel) thread() bool { return c.Thread != nil }

// Entry is one line of the audit log.
type Entry struct {
	ID     ID     `json:"id"`
	Action int    `json:"action_type"`
	User   *ID    `json:"user_id"`
	Target *ID    `json:"target_id"`
	Reason string `json:"reason,omitempty"`
}

// The acts that the audit log has here.
const (
	auditKick       = 20
	auditBotAdded   = 28
	auditDelete     = 72
	auditBulkDelete = 73
	auditRuleMade   = 140
	auditRuleSet    = 141
	auditRuleGone   = 142
)

func (l *Lab) log(g *Guild, action int, by, target ID, reason string) {
	g.audit = append(g.audit, &Entry{ID: l.next(), Action: action, User: &by, Target: &target, Reason: reason})
}
