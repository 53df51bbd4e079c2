package slack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/slack-go/slack"

	"chaperone/bots"
	"chaperone/internal/chat"
)

// Do implements bots.Bot.
func (b *Bot) Do(ctx context.Context, e bots.Effect) (chat.MessageID, error) {
	if rest := b.rest(); rest > 0 {
		return "", bots.Busy{After: rest}
	}
	made, err := b.do(ctx, e)
	return made, b.heed(err)
}

func (b *Bot) do(ctx context.Context, e bots.Effect) (chat.MessageID, error) {
	if b.o.Organisation.Leavers != Channels && b.self().team == "" { // after a crash this comes before the connection stands
		if err := b.introduce(ctx); err != nil {
			return "", err
		}
	}
	able, err := b.Abilities(ctx, e.Chat)
	if err != nil {
		return "", err
	}
	if able[e.Kind].Level == bots.No {
		return "", bots.ErrUnsupported
	}
	switch e.Kind {
	case bots.Post:
		if e.Text == "" {
			return "", bots.ErrUnsupported
		}
		_, ts, err := b.api.PostMessageContext(ctx, e.Chat.Local, slack.MsgOptionText(inert(e.Text), false), slack.MsgOptionDisableLinkUnfurl(), marked(e))
		if word(err) != "" { // the channel is otherwise than it was thought to be
			b.forget(e.Chat.Local)
		}
		return chat.MessageID(ts), outcome(err)
	case bots.Tell:
		return b.tell(ctx, e)
	case bots.Whisper, bots.Revise, bots.Remind:
		if e.Prompt == nil || e.Prompt.ID == "" {
			return "", bots.ErrUnsupported
		}
		return b.show(ctx, e)
	case bots.Delete:
		return "", b.remove(ctx, e)
	case bots.Remove:
		return "", b.kickOut(ctx, e)
	}
	return "", bots.ErrUnsupported
}

// marked puts the key of an effect into a message, for Sent to find.
func marked(e bots.Effect) slack.MsgOption {
	m := map[string]any{"key": e.Key, "kind": string(e.Kind)}
	if e.Prompt != nil {
		m["prompt"] = e.Prompt.ID
		m["open"] = len(e.Prompt.Answers) > 0
	}
	return slack.MsgOptionMetadata(slack.SlackMetadata{EventType: metadataType, EventPayload: m})
}

// show puts a prompt before its member: a direct message, which stays, and for
// the first time a line in the chat that only they see.
func (b *Bot) show(ctx context.Context, e bots.Effect) (chat.MessageID, error) {
	if e.Kind == bots.Whisper {
		return b.whisper(ctx, e)
	}
	at, err := b.placeOf(ctx, e.Member, e.Prompt.ID)
	if err != nil {
		return "", err
	}
	if e.Kind == bots.Remind {
		link := b.link(ctx, at)
		_, ts, err := b.api.PostMessageContext(ctx, at.channel, slack.MsgOptionText(strings.TrimSpace(inert(e.Prompt.Title+" "+e.Prompt.Note)+" "+link), false),
			slack.MsgOptionDisableLinkUnfurl(), marked(e))
		return chat.MessageID(ts), outcome(err)
	}
	_, _, _, err = b.api.UpdateMessageContext(ctx, at.channel, at.ts, append(content(e), marked(e))...)
	if err == nil {
		b.refreshHome(ctx, e.Member)
	}
	return chat.MessageID(at.ts), outcome(err)
}

// tell writes to a member in a direct message, with a button for each thing that
// they can answer.
func (b *Bot) tell(ctx context.Context, e bots.Effect) (chat.MessageID, error) {
	if e.Text == "" {
		return "", bots.ErrUnsupported
	}
	im, err := b.directTo(ctx, e.Member)
	if err != nil {
		return "", err
	}
	_, ts, err := b.api.PostMessageContext(ctx, im, append(spoken(e.Text, e.Choices), marked(e))...)
	return chat.MessageID(ts), outcome(err)
}

func (b *Bot) whisper(ctx context.Context, e bots.Effect) (chat.MessageID, error) {
	im, err := b.directTo(ctx, e.Member)
	if err != nil {
		return "", err
	}
	_, ts, err := b.api.PostMessageContext(ctx, im, append(content(e), marked(e))...)
	if err != nil {
		return "", outcome(err)
	}
	at := place{im, ts}
	b.mu.Lock()
	b.shown[e.Prompt.ID] = at
	b.mu.Unlock()
	b.refreshHome(ctx, e.Member)
	if b.whole(e.Chat.Local) { // nobody reads there
		return chat.MessageID(ts), nil
	}
	text := strings.TrimSpace(inert(e.Prompt.Title) + " " + b.link(ctx, at))
	if _, err := b.api.PostEphemeralContext(ctx, e.Chat.Local, string(e.Member), slack.MsgOptionText(text, false), slack.MsgOptionDisableLinkUnfurl()); err != nil {
		b.o.Log.Debug("Slack: the line in the chat was not shown; the direct message was", "chat", e.Chat, "err", plain(err))
	}
	return chat.MessageID(ts), nil
}

// link leads to a message; empty where there is none.
func (b *Bot) link(ctx context.Context, p place) string {
	link, err := b.api.GetPermalinkContext(ctx, &slack.PermalinkParameters{Channel: p.channel, Ts: p.ts})
	if err != nil {
		return ""
	}
	return link
}

// directTo opens the conversation with a member.
func (b *Bot) directTo(ctx context.Context, who chat.MemberID) (string, error) {
	b.mu.Lock()
	im := b.direct[string(who)]
	b.mu.Unlock()
	if im != "" {
		return im, nil
	}
	c, _, _, err := b.api.OpenConversationContext(ctx, &slack.OpenConversationParameters{Users: []string{string(who)}})
	if err != nil {
		return "", outcome(err)
	}
	b.mu.Lock()
	b.direct[string(who)] = c.ID
	b.mu.Unlock()
	return c.ID, nil
}

// placeOf finds where a prompt is shown; ErrGone when it never was.
func (b *Bot) placeOf(ctx context.Context, who chat.MemberID, prompt string) (place, error) {
	b.mu.Lock()
	at, known := b.shown[prompt]
	b.mu.Unlock()
	if known {
		return at, nil
	}
	im, err := b.directTo(ctx, who)
	if err != nil {
		return place{}, err
	}
	m, err := b.search(ctx, im, func(p payload) bool { return p.Prompt == prompt && p.Kind != string(bots.Remind) })
	if err != nil {
		return place{}, err
	}
	at = place{im, m.TS}
	b.mu.Lock()
	b.shown[prompt] = at
	b.mu.Unlock()
	return at, nil
}

// searchMost is how many pages of a conversation are searched for one of the
// bot's own messages, the newest first.
const searchMost = 10

// search finds the newest of the bot's own messages that is so; ErrGone when
// there is none.
func (b *Bot) search(ctx context.Context, local string, is func(payload) bool) (message, error) {
	if b.self().user == "" { // after a crash this comes before the connection stands
		if err := b.introduce(ctx); err != nil {
			return message{}, err
		}
	}
	v := url.Values{"channel": {local}, "limit": {strconv.Itoa(pageSize)}, "include_all_metadata": {"true"}}
	for range searchMost {
		var out struct {
			Messages messages `json:"messages"`
			Meta     struct {
				Next string `json:"next_cursor"`
			} `json:"response_metadata"`
		}
		if err := b.call(ctx, "conversations.history", v, &out); err != nil {
			return message{}, err
		}
		for _, m := range out.Messages {
			if b.ours(&m) && m.Metadata.Type == metadataType && is(m.Metadata.Payload) {
				return m, nil
			}
		}
		if out.Meta.Next == "" {
			break
		}
		v.Set("cursor", out.Meta.Next)
	}
	return message{}, bots.ErrGone
}

// remove deletes a message, with the token that may.
func (b *Bot) remove(ctx context.Context, e bots.Effect) error {
	api := b.admin
	if b.o.Delete == BySender {
		m, err := b.find(ctx, e.Chat.Local, string(e.Message))
		if err != nil {
			return err
		}
		if api = b.senders[author(&m)]; api == nil {
			return bots.ErrForbidden // this sender has authorised nothing
		}
	}
	if at(string(e.Message)).IsZero() {
		return bots.ErrGone
	}
	_, _, err := api.DeleteMessageContext(ctx, e.Chat.Local, string(e.Message))
	if word(err) == "channel_not_found" { // not by the one whose token it is
		return bots.ErrForbidden
	}
	return outcome(err)
}

func (b *Bot) kickOut(ctx context.Context, e bots.Effect) error {
	if b.whole(e.Chat.Local) {
		return b.endAccount(ctx, e)
	}
	if string(e.Member) == b.self().user {
		return bots.ErrForbidden
	}
	return outcome(b.api.KickUserFromConversationContext(ctx, e.Chat.Local, string(e.Member)))
}

// Sent implements bots.Reconciler.
func (b *Bot) Sent(ctx context.Context, e bots.Effect) (chat.MessageID, bool, error) {
	var m message
	var err error
	switch e.Kind {
	case bots.Post:
		m, err = b.search(ctx, e.Chat.Local, func(p payload) bool { return p.Key == e.Key })
	case bots.Tell:
		var im string
		if im, err = b.directTo(ctx, e.Member); err == nil {
			m, err = b.search(ctx, im, func(p payload) bool { return p.Key == e.Key })
		}
	case bots.Whisper, bots.Revise, bots.Remind:
		if e.Prompt == nil {
			return "", false, nil
		}
		var im string
		if im, err = b.directTo(ctx, e.Member); err == nil {
			m, err = b.search(ctx, im, func(p payload) bool {
				// A revision takes the place of what was whispered.
				return p.Key == e.Key || e.Kind == bots.Whisper && p.Prompt == e.Prompt.ID && p.Kind == string(bots.Revise)
			})
		}
	case bots.Delete:
		if _, err := b.find(ctx, e.Chat.Local, string(e.Message)); errors.Is(err, bots.ErrGone) {
			return "", true, err // whoever did it: there is nothing left
		} else if err != nil {
			return "", false, err
		}
		return "", false, nil
	case bots.Remove:
		if b.whole(e.Chat.Local) {
			ended, err := b.accountEnded(ctx, string(e.Member))
			return "", ended, err
		}
		there, err := b.inside(ctx, e.Chat.Local)
		if err != nil {
			return "", false, err
		}
		return "", !there[string(e.Member)], nil
	default:
		return "", false, nil
	}
	if errors.Is(err, bots.ErrGone) {
		return "", false, nil
	}
	if err != nil {
		return "", false, err
	}
	return chat.MessageID(m.TS), true, nil
}

// Fetch implements bots.Fetcher.
func (b *Bot) Fetch(ctx context.Context, id chat.ID, message chat.MessageID) (string, error) {
	m, err := b.find(ctx, id.Local, string(message))
	if err != nil {
		return "", err
	}
	return m.said(), nil
}

// word is Slack's name for an error; empty when it is another kind.
func word(err error) string {
	if e, ok := errors.AsType[slack.SlackErrorResponse](err); ok {
		return e.Err
	}
	return ""
}

// outcome turns an error of Slack's into one of bots'.
func outcome(err error) error {
	if err == nil {
		return nil
	}
	if limited, ok := errors.AsType[*slack.RateLimitedError](err); ok {
		return bots.Busy{After: limited.RetryAfter}
	}
	name := word(err)
	switch name {
	case "":
		return plain(err)
	case "channel_not_found", "not_in_channel", "message_not_found", "thread_not_found", "user_not_found", "users_not_found",
		"user_not_in_channel", "user_disabled", "user_is_bot", "user_already_deleted":
		return fmt.Errorf("slack: %s: %w", name, bots.ErrGone)
	case "cant_delete_message", "cant_update_message", "cant_kick_from_general", "cant_kick_self", "restricted_action", "is_archived",
		"missing_scope", "not_allowed_token_type", "user_not_visible", "cannot_dm_bot", "method_not_supported_for_channel_type",
		"not_supported", "ekm_access_denied", "cant_kick_from_team", "messages_tab_disabled",
		"cannot_modify_primary_owner", "invalid_permissions", "feature_not_enabled", "not_an_admin", "failed_to_remove_user_from_workspace", "team_not_found":
		return fmt.Errorf("slack: %s: %w", name, bots.ErrForbidden)
	case "edit_window_closed":
		return fmt.Errorf("slack: %s: %w", name, bots.ErrTooLate)
	case "ratelimited", "rate_limited":
		return bots.Busy{After: time.Minute}
	case "msg_too_long", "invalid_blocks", "invalid_blocks_format", "no_text":
		return fmt.Errorf("slack: %s: %w", name, bots.ErrUnsupported)
	}
	return fmt.Errorf("slack: %w", err)
}

// pauseOf is how long to wait after an error.
func pauseOf(err error, otherwise time.Duration) time.Duration {
	if busy, ok := errors.AsType[bots.Busy](err); ok {
		return busy.After
	}
	return otherwise
}

// answerMost bounds an answer.
const answerMost = 32 << 20

// post makes a call of the Web API and gives the whole answer.
func post(ctx context.Context, client *http.Client, to, token string, v url.Values) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to, strings.NewReader(v.Encode()))
	if err != nil {
		return nil, errors.New("slack: the address of the API is wrong")
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Authorization", "Bearer "+token)
	res, err := client.Do(req)
	if err != nil {
		return nil, plain(err)
	}
	defer res.Body.Close()
	if res.StatusCode == http.StatusTooManyRequests {
		after, err := strconv.Atoi(res.Header.Get("Retry-After"))
		if err != nil || after <= 0 {
			after = 30
		}
		return nil, bots.Busy{After: time.Duration(after) * time.Second}
	}
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("slack answered with %d", res.StatusCode)
	}
	return io.ReadAll(io.LimitReader(res.Body, answerMost))
}
