package discord

import (
	"context"
	"strings"
	"time"
	"unicode/utf8"

	"chaperone/bots"
	"chaperone/internal/chat"
)

// The bot's own words: to one person in the language that they read, to a whole
// channel in each of its languages. Discord has neither Welsh nor Gaelic among those
// in which commands can be described, so that these are described in all that the
// configuration names.

// Speak implements bots.Worded.
func (b *Bot) Speak(words bots.Words) { b.words = words }

// Proclaim implements bots.Public.
func (b *Bot) Proclaim(words bots.PublicWords) { b.public = words }

// wordsWithin is how long it may be looked up what somebody reads, where they wait
// for an answer: there are three seconds for all of it.
const wordsWithin = 300 * time.Millisecond

// says gives what says the bot's own words to somebody.
func (b *Bot) says(ctx context.Context, who chat.MemberID) func(name string) string {
	if b.words == nil {
		return func(name string) string { return name }
	}
	ctx, cancel := context.WithTimeout(ctx, wordsWithin)
	defer cancel()
	say := b.words(ctx, who)
	return func(name string) string { return say(name, 0) }
}

// toAll says the bot's own words to a chat, in each of its languages.
func (b *Bot) toAll(id chat.ID, name, between string) string {
	if b.public == nil {
		return name
	}
	return strings.Join(b.public(id, name), between)
}

// onButton is toAll for what has room for so many letters: where the languages do
// not fit beside each other it is the first of them.
func (b *Bot) onButton(id chat.ID, name string, most int) string {
	all := b.toAll(id, name, " / ")
	if utf8.RuneCountInString(all) <= most {
		return all
	}
	first, _, _ := strings.Cut(all, " / ")
	return cut(first, most)
}

var (
	_ bots.Worded = (*Bot)(nil)
	_ bots.Public = (*Bot)(nil)
)
