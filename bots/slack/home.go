package slack

import (
	"context"
	"encoding/json"
	"net/url"
	"strconv"

	"github.com/slack-go/slack"

	"chaperone/bots"
	"chaperone/internal/chat"
)

const (
	homeMost  = 8 // prompts that the home shows whole
	homePages = 3 // of the conversation that are looked through for them
)

// opened shows somebody who opens the app's home the prompts that wait for
// them, as they stand in their conversation with the bot.
func (b *Bot) opened(l *life, who string) {
	b.mu.Lock()
	b.homes[who] = true
	b.mu.Unlock()
	l.work.Go(func() { b.publish(l.ctx, who) })
}

// refreshHome brings the home of somebody who opened it in this life up to date.
func (b *Bot) refreshHome(ctx context.Context, who chat.MemberID) {
	b.mu.Lock()
	known := b.homes[string(who)]
	b.mu.Unlock()
	if known {
		b.publish(ctx, string(who))
	}
}

// publish shows the home as it now is. One at a time, so that what is looked up
// later is shown later.
func (b *Bot) publish(ctx context.Context, who string) {
	b.publishing.Lock()
	defer b.publishing.Unlock()
	open, err := b.openPrompts(ctx, who)
	if err == nil {
		view := map[string]any{"type": "home", "blocks": homeBlocks(b.say(ctx, who), open)}
		var body []byte
		if body, err = json.Marshal(view); err == nil {
			var out struct{}
			err = b.call(ctx, "views.publish", url.Values{"user_id": {who}, "view": {string(body)}}, &out)
		}
	}
	if err != nil && ctx.Err() == nil {
		b.o.Log.Warn("Slack: the app's home could not be shown to somebody; they can open it again", "err", plain(err))
	}
}

// openPrompts finds the prompts that wait for somebody, the newest first.
func (b *Bot) openPrompts(ctx context.Context, who string) ([]message, error) {
	im, err := b.directTo(ctx, chat.MemberID(who))
	if err != nil {
		return nil, err
	}
	v := url.Values{"channel": {im}, "limit": {strconv.Itoa(pageSize)}, "include_all_metadata": {"true"}}
	var open []message
	for range homePages {
		var out struct {
			Messages messages `json:"messages"`
			Meta     struct {
				Next string `json:"next_cursor"`
			} `json:"response_metadata"`
		}
		if err := b.call(ctx, "conversations.history", v, &out); err != nil {
			return nil, err
		}
		for _, m := range out.Messages {
			if p := m.Metadata.Payload; b.ours(&m) && m.Metadata.Type == metadataType && p.Open && p.Kind != string(bots.Remind) {
				open = append(open, m)
			}
		}
		if out.Meta.Next == "" {
			break
		}
		v.Set("cursor", out.Meta.Next)
	}
	return open, nil
}

// homeBlocks renders what the home shows.
func homeBlocks(say func(string, int) string, open []message) []any {
	out := []any{slack.NewHeaderBlock(text(say("app_home", 0), 150))}
	if len(open) == 0 {
		out = append(out, slack.NewSectionBlock(text(say("app_home_none", 0), sectionMost), nil, nil))
	}
	for i, m := range open {
		if i == homeMost {
			out = append(out, slack.NewSectionBlock(text(say("app_home_more", len(open)-homeMost), sectionMost), nil, nil))
			break
		}
		out = append(out, slack.NewDividerBlock())
		out = append(out, named(m)...)
	}
	return append(out, slack.NewDividerBlock(), slack.NewContextBlock("", text(say("app_home_aside", 0), sectionMost)))
}

// named gives the blocks of a message, under names that no other message has.
func named(m message) []any {
	var all []map[string]any
	if json.Unmarshal(m.Blocks, &all) != nil {
		return nil
	}
	var out []any
	for i, block := range all {
		if id, ok := block["block_id"].(string); !ok || len(id) < len(stepsBlock) || id[:len(stepsBlock)] != stepsBlock {
			block["block_id"] = m.TS + "/" + strconv.Itoa(i) // that of the steps says what they are of
		}
		elements, _ := block["elements"].([]any)
		for _, e := range elements {
			if element, ok := e.(map[string]any); ok {
				if id, ok := element["action_id"].(string); ok {
					element["action_id"] = id + "@" + m.TS
				}
			}
		}
		out = append(out, block)
	}
	return out
}
