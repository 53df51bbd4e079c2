package lab

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"time"
)

func getMe(r *request) (answer, *failure) {
	u := r.app.User
	return ok(map[string]any{
		"id": u.ID, "username": u.Username, "discriminator": u.Discriminator, "global_name": u.GlobalName, "avatar": u.Avatar,
		"bot": true, "flags": 0, "public_flags": 0, "primary_guild": nil, "mfa_enabled": true, "locale": "en-GB", "verified": true,
		"banner": nil, "accent_color": nil, "email": nil,
	})
}

// The flags by which an application says which privileged intents it has.
const (
	flagMembers = 1 << 15
	flagContent = 1 << 19
)

func getApplication(r *request) (answer, *failure) {
	flags := 0
	if r.app.Intents&IntentMembers != 0 {
		flags |= flagMembers
	}
	if r.app.Intents&IntentContent != 0 {
		flags |= flagContent
	}
	guilds := 0
	for _, g := range r.lab.guilds {
		if g.member(r.app.ID) != nil {
			guilds++
		}
	}
	return ok(map[string]any{
		"id": r.app.ID, "name": r.app.User.Username, "icon": nil, "description": "", "type": nil, "flags": flags, "flags_new": strconv.Itoa(flags),
		"verify_key": hex.EncodeToString(r.app.key), "redirect_uris": []string{}, "interactions_endpoint_url": nil,
		"role_connections_verification_url": nil, "owner": r.app.User, "approximate_guild_count": guilds,
		"approximate_user_install_count": 0, "approximate_user_authorization_count": 0, "explicit_content_filter": 0,
		"team": nil, "eligible_oauth2_scopes": []string{},
	})
}

// guildFields are those of a guild that never change here.
func (g *Guild) fields() map[string]any {
	return map[string]any{
		"id": g.ID, "name": g.Name, "owner_id": g.Owner, "roles": g.Roles, "icon": nil, "description": nil, "home_header": nil, "splash": nil,
		"discovery_splash": nil, "features": []string{}, "banner": nil, "application_id": nil, "region": "london", "afk_channel_id": nil,
		"afk_timeout": 300, "system_channel_id": nil, "system_channel_flags": 0, "widget_enabled": false, "widget_channel_id": nil,
		"verification_level": 1, "default_message_notifications": 0, "mfa_level": 0, "explicit_content_filter": 0, "max_presences": nil,
		"max_members": 500000, "max_stage_video_channel_users": 50, "max_video_channel_users": 25, "vanity_url_code": nil, "premium_tier": 0,
		"premium_subscription_count": 0, "preferred_locale": "en-GB", "rules_channel_id": nil, "safety_alerts_channel_id": nil,
		"public_updates_channel_id": nil, "premium_progress_bar_enabled": false, "nsfw": false, "nsfw_level": 0, "emojis": []any{},
		"stickers": []any{}, "incidents_data": nil,
	}
}

func getGuild(r *request) (answer, *failure) {
	g, _, f := r.guild(0)
	if f != nil {
		return no(f)
	}
	return ok(g.fields())
}

func getMyGuilds(r *request) (answer, *failure) {
	out := []any{}
	for _, g := range r.lab.ordered() {
		if m := g.member(r.app.User.ID); m != nil {
			out = append(out, map[string]any{
				"id": g.ID, "name": g.Name, "icon": nil, "banner": nil, "owner": g.Owner == r.app.User.ID,
				"permissions": r.lab.base(g, m), "features": []string{},
			})
		}
	}
	return ok(out)
}

func (l *Lab) ordered() []*Guild {
	var out []*Guild
	for _, g := range l.guilds {
		out = append(out, g)
	}
	slices.SortFunc(out, func(a, b *Guild) int { return cmp.Compare(a.ID, b.ID) })
	return out
}

// channelsOf lists a guild's channels in order; threads only where asked.
func (l *Lab) channelsOf(guild ID, threads bool) []*Channel {
	out := []*Channel{}
	for _, c := range l.channels {
		if c.Guild == guild && c.thread() == threads {
			out = append(out, c)
		}
	}
	slices.SortFunc(out, func(a, b *Channel) int { return cmp.Compare(a.ID, b.ID) })
	return out
}

func getGuildChannels(r *request) (answer, *failure) {
	g, _, f := r.guild(0)
	if f != nil {
		return no(f)
	}
	return ok(r.lab.channelsOf(g.ID, false)) // those too that the bot cannot see into
}

func getRoles(r *request) (answer, *failure) {
	g, _, f := r.guild(0)
	if f != nil {
		return no(f)
	}
	return ok(g.Roles)
}

// getMembers gives a page of members by id; it needs the members intent.
func getMembers(r *request) (answer, *failure) {
	g, _, f := r.guild(0)
	if f != nil {
		return no(f)
	}
	if r.app.Intents&IntentMembers == 0 {
		return no(errAccess)
	}
	q := r.http.URL.Query()
	limit := 1
	if s := q.Get("limit"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 || n > 1000 {
			return no(errForm)
		}
		limit = n
	}
	after, _ := ParseID(q.Get("after"))
	out := slices.DeleteFunc(slices.Clone(g.Members), func(m *Member) bool { return m.User.ID <= after })
	slices.SortFunc(out, func(a, b *Member) int { return cmp.Compare(a.User.ID, b.User.ID) })
	return ok(out[:min(limit, len(out))])
}

func getMember(r *request) (answer, *failure) {
	g, _, f := r.guild(0)
	if f != nil {
		return no(f)
	}
	m := g.member(r.id("user"))
	if m == nil {
		return no(errMember)
	}
	return ok(m)
}

// deleteMember is a kick: it needs the permission, and a higher role.
func deleteMember(r *request) (answer, *failure) {
	g, own, f := r.guild(Kick)
	if f != nil {
		return no(f)
	}
	m := g.member(r.id("user"))
	switch {
	case m == nil:
		return no(errMember)
	case g.top(m) >= g.top(own):
		return no(errPermission)
	}
	r.lab.log(g, auditKick, r.app.User.ID, m.User.ID, r.reason)
	r.lab.leave(g, m)
	return nothing()
}

// join adds a user to a guild and tells its sessions.
func (l *Lab) join(g *Guild, u *User) *Member {
	if m := g.member(u.ID); m != nil {
		return m
	}
	m := &Member{User: u, Roles: []ID{}, Joined: l.now().UTC()}
	g.Members = append(g.Members, m)
	l.tell(g.ID, 0, "GUILD_MEMBER_ADD", memberOf(g, m), IntentMembers)
	return m
}

func memberOf(g *Guild, m *Member) map[string]any {
	return map[string]any{
		"guild_id": g.ID, "user": m.User, "nick": m.Nick, "avatar": m.Avatar, "banner": m.Banner, "roles": m.Roles, "joined_at": m.Joined,
		"premium_since": m.Premium, "deaf": m.Deaf, "mute": m.Mute, "flags": m.Flags, "pending": m.Pending, "communication_disabled_until": m.Silenced,
	}
}

func (l *Lab) leave(g *Guild, m *Member) {
	g.Members = slices.DeleteFunc(g.Members, func(x *Member) bool { return x == m })
	l.tell(g.ID, 0, "GUILD_MEMBER_REMOVE", map[string]any{"guild_id": g.ID, "user": m.User}, IntentMembers)
	for _, s := range l.sessions {
		if s.app.User == m.User {
			s.dispatch("GUILD_DELETE", map[string]any{"id": g.ID})
		}
	}
}

func postDirect(r *request) (answer, *failure) {
	var in struct {
		To ID `json:"recipient_id"`
	}
	if f := r.in(&in); f != nil {
		return no(f)
	}
	u := r.lab.users[in.To]
	if u == nil || u.Bot {
		return no(errUser)
	}
	c := r.lab.direct(r.app.User, u)
	return ok(map[string]any{"id": c.ID, "type": c.Type, "flags": 0, "last_message_id": c.Last, "recipients": []*User{u}})
}

// direct is the conversation of two, made at its first use.
func (l *Lab) direct(a, b *User) *Channel {
	for _, c := range l.channels {
		if c.Type == Direct && slices.Contains(c.Recipients, a) && slices.Contains(c.Recipients, b) {
			return c
		}
	}
	c := &Channel{ID: l.next(), Type: Direct, Recipients: []*User{a, b}}
	l.channels[c.ID] = c
	return c
}

func getActiveThreads(r *request) (answer, *failure) {
	g, _, f := r.guild(0)
	if f != nil {
		return no(f)
	}
	out := []*Channel{}
	for _, c := range r.lab.channelsOf(g.ID, true) {
		if !c.Thread.Archived && r.lab.may(r.app.User.ID, c).Has(View) {
			out = append(out, c)
		}
	}
	return ok(map[string]any{"threads": out, "members": []any{}, "has_more": false})
}

// getArchived gives a page of a channel's archived threads, the latest first.
func getArchived(r *request) (answer, *failure) {
	c, f := r.channel(View | ReadHistory)
	if f != nil {
		return no(f)
	}
	q := r.http.URL.Query()
	limit := 50
	if n, err := strconv.Atoi(q.Get("limit")); err == nil && n > 0 {
		limit = min(n, 100)
	}
	before, err := time.Parse(time.RFC3339Nano, q.Get("before"))
	out := []*Channel{}
	for _, t := range r.lab.channelsOf(c.Guild, true) {
		if *t.Parent == c.ID && t.Thread.Archived && (err != nil || t.Thread.Since.Before(before)) {
			out = append(out, t)
		}
	}
	slices.SortFunc(out, func(a, b *Channel) int { return b.Thread.Since.Compare(a.Thread.Since) })
	more := len(out) > limit
	return ok(map[string]any{"threads": out[:min(limit, len(out))], "members": []any{}, "has_more": more})
}

func getAudit(r *request) (answer, *failure) {
	g, _, f := r.guild(ViewAudit)
	if f != nil {
		return no(f)
	}
	entries := []*Entry{}
	q := r.http.URL.Query()
	limit := 50
	if s := q.Get("limit"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 || n > 100 {
			return no(errForm)
		}
		limit = n
	}
	for _, e := range slices.Backward(g.audit) {
		if kind := q.Get("action_type"); (kind == "" || kind == strconv.Itoa(e.Action)) && len(entries) < limit {
			entries = append(entries, e)
		}
	}
	none := []any{}
	return ok(map[string]any{
		"audit_log_entries": entries, "users": none, "integrations": none, "webhooks": none,
		"guild_scheduled_events": none, "threads": none, "application_commands": none, "auto_moderation_rules": none,
	})
}

// linkLife is how long the address of an attachment stays good.
const linkLife = 24 * time.Hour

// sign makes the address of an attachment, which ends with its time.
func (l *Lab) sign(a *Attachment) string {
	path, q := a.URL, url.Values{}
	q.Set("ex", strconv.FormatInt(l.now().Add(linkLife).Unix(), 16))
	q.Set("is", strconv.FormatInt(l.now().Unix(), 16))
	q.Set("hm", l.seal(path, q.Get("ex"), q.Get("is")))
	return "https://cdn.discordapp.com" + path + "?" + q.Encode()
}

func (l *Lab) seal(parts ...string) string {
	h := hmac.New(sha256.New, l.secret)
	fmt.Fprint(h, parts, l.epoch)
	return hex.EncodeToString(h.Sum(nil))
}

func (l *Lab) valid(u *url.URL) bool {
	q := u.Query()
	until, err := strconv.ParseInt(q.Get("ex"), 16, 64)
	return err == nil && l.now().Unix() < until && hmac.Equal([]byte(q.Get("hm")), []byte(l.seal(u.Path, q.Get("ex"), q.Get("is"))))
}
