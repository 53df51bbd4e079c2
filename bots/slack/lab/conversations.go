package lab

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

func (l *Lab) authTest(q *request) (answer, string) {
	out := answer{"url": "https://lab.slack.example/", "team": "Lab", "team_id": l.team, "user_id": q.token.User, "is_enterprise_install": false}
	if p := l.people[q.token.User]; p != nil {
		out["user"] = p.Name
	}
	if q.token.Kind == "bot" {
		out["bot_id"] = l.botID
	}
	return out, ""
}

// describe is a conversation as the one who asks sees it.
func (l *Lab) describe(c *Channel, user string) answer {
	if c.typ() == "im" {
		out := answer{"id": c.ID, "created": c.created, "is_im": true, "is_archived": false, "is_org_shared": false, "priority": 0}
		for _, m := range c.Members {
			if m != user {
				out["user"] = m
			}
		}
		return out
	}
	topic := answer{"value": "", "creator": "", "last_set": 0}
	return answer{
		"id": c.ID, "name": c.Name, "name_normalized": c.Name, "created": c.created, "creator": cmp.Or(c.Creator, l.bot),
		"is_channel": c.typ() == "channel", "is_group": c.typ() == "group", "is_im": false, "is_mpim": c.typ() == "mpim",
		"is_private": c.typ() != "channel", "is_archived": c.Archived, "is_general": c.General, "is_shared": c.Shared,
		"is_ext_shared": c.Shared, "is_org_shared": false, "is_pending_ext_shared": false, "is_member": c.has(user),
		"is_read_only": c.ReadOnly, "unlinked": 0, "pending_shared": []string{}, "previous_names": []string{}, "topic": topic, "purpose": topic,
		"num_members": len(c.Members),
	}
}

// seen finds a channel that whoever asks can see.
func (l *Lab) seen(q *request) (*Channel, string) {
	c := l.channels[q.args["channel"]]
	if c == nil || (c.typ() != "channel" && !c.has(q.token.User)) {
		return nil, "channel_not_found"
	}
	return c, ""
}

// chosen lists conversations of the types that were asked for, in the order of
// their ids.
func (l *Lab) chosen(q *request, of string) ([]*Channel, string) {
	types := strings.Split(cmp.Or(q.args["types"], "public_channel"), ",")
	words := map[string]string{"public_channel": "channel", "private_channel": "group", "im": "im", "mpim": "mpim"}
	var out []*Channel
	for _, t := range types {
		kind := words[strings.TrimSpace(t)]
		if kind == "" {
			return nil, "invalid_types"
		}
		if l.facts[q.method].needs(q.token, &Channel{Kind: kind}) != "" {
			return nil, "missing_scope"
		}
		for _, id := range slices.Sorted(maps.Keys(l.channels)) {
			c := l.channels[id]
			if c.typ() == kind && (of == "" || c.has(of)) && (kind == "channel" || c.has(q.token.User)) && !(q.is("exclude_archived") && c.Archived) {
				out = append(out, c)
			}
		}
	}
	return out, ""
}

func (l *Lab) channelPage(q *request, of string) (answer, string) {
	all, name := l.chosen(q, of)
	if name != "" {
		return nil, name
	}
	part, next, name := page(all, q, 100)
	if name != "" {
		return nil, name
	}
	out := []answer{}
	for _, c := range part {
		d := l.describe(c, q.token.User)
		if q.method == "users.conversations" { // says less
			delete(d, "is_member")
			delete(d, "is_read_only")
			delete(d, "num_members")
		}
		out = append(out, d)
	}
	return answer{"channels": out, "response_metadata": answer{"next_cursor": next}}, ""
}

func (l *Lab) list(q *request) (answer, string) { return l.channelPage(q, "") }

func (l *Lab) mine(q *request) (answer, string) {
	return l.channelPage(q, cmp.Or(q.args["user"], q.token.User))
}

func (l *Lab) info(q *request) (answer, string) {
	c, name := l.seen(q)
	if name != "" {
		return nil, name
	}
	return answer{"channel": l.describe(c, q.token.User)}, ""
}

func (l *Lab) members(q *request) (answer, string) {
	c, name := l.seen(q)
	if name != "" {
		return nil, name
	}
	part, next, name := page(c.Members, q, 100)
	if name != "" {
		return nil, name
	}
	return answer{"members": append([]string{}, part...), "response_metadata": answer{"next_cursor": next}}, ""
}

// readable finds a channel whose messages may be read.
func (l *Lab) readable(q *request) (*Channel, string) {
	c, name := l.seen(q)
	if name == "" && !c.has(q.token.User) && q.token.Kind == "bot" {
		return nil, "not_in_channel"
	}
	return c, name
}

// within reports whether a message lies between the bounds that were asked for.
func within(ts string, q *request) bool {
	after, before := q.args["oldest"], q.args["latest"]
	if after != "" && (later(after, ts) || (after == ts && !q.is("inclusive"))) {
		return false
	}
	return before == "" || later(before, ts) || (before == ts && q.is("inclusive"))
}

// later compares timestamps, also those without a part after the point.
func later(a, b string) bool { return micros(a) > micros(b) }

func micros(ts string) int64 {
	whole, part, _ := strings.Cut(ts, ".")
	sec, _ := strconv.ParseInt(whole, 10, 64) // what cannot be read is long ago
	us, _ := strconv.ParseInt((part + "000000")[:6], 10, 64)
	return sec*1e6 + us
}

func (l *Lab) history(q *request) (answer, string) {
	c, name := l.readable(q)
	if name != "" {
		return nil, name
	}
	var all []*Message
	for _, m := range slices.Backward(c.messages) {
		reply := m.Thread != "" && m.Thread != m.TS && m.Subtype != "thread_broadcast"
		if !m.Gone && !reply && within(m.TS, q) {
			all = append(all, m)
		}
	}
	return l.messagePage(q, c, all, answer{"pin_count": 0, "channel_actions_ts": nil, "channel_actions_count": 0})
}

func (l *Lab) replies(q *request) (answer, string) {
	c, name := l.readable(q)
	if name != "" {
		return nil, name
	}
	m := c.find(q.args["ts"])
	if m == nil {
		return nil, "thread_not_found"
	}
	top := cmp.Or(m.Thread, m.TS)
	var all []*Message
	for _, m := range c.messages {
		if !m.Gone && (m.TS == top || (m.Thread == top && within(m.TS, q))) {
			all = append(all, m)
		}
	}
	return l.messagePage(q, c, all, answer{})
}

func (l *Lab) messagePage(q *request, c *Channel, all []*Message, out answer) (answer, string) {
	if n, err := strconv.Atoi(q.args["limit"]); err != nil || n > l.o.HistoryMost || n <= 0 {
		q.args["limit"] = strconv.Itoa(min(100, l.o.HistoryMost))
		if err == nil && n > 0 {
			q.args["limit"] = strconv.Itoa(l.o.HistoryMost)
		}
	}
	part, next, name := page(all, q, 100)
	if name != "" {
		return nil, name
	}
	list := []answer{}
	for _, m := range part {
		shown := l.show(c, m, q.is("include_all_metadata"))
		switch parent := c.find(m.Thread); {
		case q.method == "conversations.history" || shown["thread_ts"] == nil:
		case m.Thread == "" || m.Thread == m.TS:
			shown["subscribed"] = false
		case parent != nil:
			shown["parent_user_id"] = parent.User
		}
		list = append(list, shown)
	}
	out["messages"], out["has_more"] = list, next != ""
	if next != "" {
		out["response_metadata"] = answer{"next_cursor": next}
	}
	return out, ""
}

// show is a message as Slack gives it.
func (l *Lab) show(c *Channel, m *Message, meta bool) answer {
	out := answer{"type": "message", "user": m.User, "text": m.Text, "ts": m.TS, "team": l.team}
	if m.Subtype != "" {
		out["subtype"] = m.Subtype
	}
	if m.User == l.bot {
		out["bot_id"] = l.botID
	}
	if m.Thread != "" {
		out["thread_ts"] = m.Thread
	}
	if m.Edited != "" {
		out["edited"] = answer{"user": m.User, "ts": m.Edited}
	}
	if len(m.Blocks) > 0 {
		out["blocks"] = m.Blocks
	}
	if meta && len(m.Metadata) > 0 {
		out["metadata"] = m.Metadata
	}
	if len(m.Files) > 0 {
		out["files"] = l.showFiles(m)
	}
	var newest string
	n := 0
	for _, r := range c.messages {
		if r.Thread == m.TS && r.TS != m.TS && !r.Gone {
			newest = r.TS
			n++
		}
	}
	if n > 0 {
		out["thread_ts"], out["reply_count"], out["latest_reply"] = m.TS, n, newest
	}
	return out
}

func (l *Lab) join(q *request) (answer, string) {
	c := l.channels[q.args["channel"]]
	switch {
	case c == nil || c.typ() != "channel":
		return nil, "channel_not_found"
	case c.Archived:
		return nil, "is_archived"
	}
	l.enter(c, q.token.User, "")
	return answer{"channel": l.describe(c, q.token.User)}, ""
}

func (l *Lab) leave(q *request) (answer, string) {
	c, name := l.seen(q)
	switch {
	case name != "":
		return nil, name
	case c.General:
		return nil, "cant_leave_general"
	case !c.has(q.token.User):
		return answer{"not_in_channel": true}, ""
	}
	l.exit(c, q.token.User)
	return answer{}, ""
}

func (l *Lab) kick(q *request) (answer, string) {
	c, name := l.seen(q)
	user := q.args["user"]
	switch {
	case name != "":
		return nil, name
	case c.typ() != "channel" && c.typ() != "group":
		return nil, "method_not_supported_for_channel_type"
	case c.General:
		return nil, "cant_kick_from_general"
	case user == q.token.User:
		return nil, "cant_kick_self"
	case l.people[user] == nil:
		return nil, "user_not_found"
	case c.NoKick:
		return nil, "restricted_action"
	case !c.has(user) || !c.has(q.token.User):
		return nil, "not_in_channel"
	}
	l.exit(c, user)
	return answer{"errors": answer{}}, ""
}

func (l *Lab) invite(q *request) (answer, string) {
	c, name := l.seen(q)
	if name != "" {
		return nil, name
	}
	for _, u := range strings.Split(q.args["users"], ",") {
		if l.people[u] == nil {
			return nil, "user_not_found"
		}
		l.enter(c, u, q.token.User)
	}
	return answer{"channel": l.describe(c, q.token.User)}, ""
}

func (l *Lab) openIM(q *request) (answer, string) {
	users := strings.Split(q.args["users"], ",")
	p := l.people[users[0]]
	switch {
	case len(users) != 1:
		return nil, "users_list_not_supplied"
	case p == nil:
		return nil, "user_not_found"
	case p.Bot:
		return nil, "cannot_dm_bot"
	case p.Deleted:
		return nil, "user_disabled"
	case p.NoDM:
		return nil, "user_not_visible"
	}
	return answer{"channel": answer{"id": l.im(p.ID).ID}}, ""
}

// enter and exit let somebody come and go. The caller holds the lock.
func (l *Lab) enter(c *Channel, user, inviter string) {
	if c.has(user) {
		return
	}
	c.Members = append(c.Members, user)
	ev := answer{"type": "member_joined_channel", "user": user, "channel": c.ID, "channel_type": letter(c), "team": l.team}
	if inviter != "" {
		ev["inviter"] = inviter
	}
	l.happen(c, ev, l.stamp())
}

func (l *Lab) exit(c *Channel, user string) {
	c.Members = slices.DeleteFunc(c.Members, func(m string) bool { return m == user })
	ev := answer{"type": "member_left_channel", "user": user, "channel": c.ID, "channel_type": letter(c), "team": l.team}
	if user == l.bot { // it is told although it is there no longer
		l.tell(c, ev, l.stamp())
		return
	}
	l.happen(c, ev, l.stamp())
}

func letter(c *Channel) string {
	if c.typ() == "group" {
		return "G"
	}
	return "C"
}

func (l *Lab) usersList(q *request) (answer, string) {
	part, next, name := page(slices.Sorted(maps.Keys(l.people)), q, 1000)
	if name != "" {
		return nil, name
	}
	out := []answer{}
	for _, id := range part {
		p := l.person(l.people[id], q.token)
		delete(p, "is_stranger") // only users.info tells
		out = append(out, p)
	}
	return answer{"members": out, "cache_ts": time.Now().Unix(), "response_metadata": answer{"next_cursor": next}}, ""
}

func (l *Lab) userInfo(q *request) (answer, string) {
	p := l.people[q.args["user"]]
	if p == nil {
		return nil, "user_not_found"
	}
	return answer{"user": l.person(p, q.token)}, ""
}

func (l *Lab) byEmail(q *request) (answer, string) {
	for _, p := range l.people {
		if p.Email != "" && strings.EqualFold(p.Email, q.args["email"]) && !p.Deleted {
			return answer{"user": l.person(p, q.token)}, ""
		}
	}
	return nil, "users_not_found"
}

// otherTeam is the workspace of those who come through Slack Connect.
const otherTeam = "T0OTHER001"

func (l *Lab) person(p *Person, t *Token) answer {
	real := cmp.Or(p.RealName, p.Name)
	profile := answer{"real_name": real, "real_name_normalized": real, "display_name": p.Name, "display_name_normalized": p.Name, "avatar_hash": "", "team": l.team,
		"title": "", "phone": "", "skype": "", "status_text": "", "status_emoji": "", "status_expiration": 0,
		"image_24": "https://lab.slack.example/24.png", "image_32": "https://lab.slack.example/32.png", "image_48": "https://lab.slack.example/48.png",
		"image_72": "https://lab.slack.example/72.png", "image_192": "https://lab.slack.example/192.png", "image_512": "https://lab.slack.example/512.png"}
	if slices.Contains(t.Scopes, "users:read.email") {
		profile["email"] = p.Email
	}
	team := l.team
	if p.Outside {
		team = otherTeam
		profile["team"] = team
	}
	return answer{
		"id": p.ID, "team_id": team, "name": p.Name, "real_name": real, "deleted": p.Deleted, "profile": profile, "color": "3c989f",
		"is_admin": p.Admin || p.Owner, "is_owner": p.Owner, "is_primary_owner": false, "is_restricted": p.Guest, "is_ultra_restricted": false,
		"is_bot": p.Bot, "is_app_user": false, "is_stranger": p.Outside, "updated": 1700000000, "tz": "Europe/London", "tz_label": "GMT", "tz_offset": 0,
	}
}
