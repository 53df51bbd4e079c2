// Package botstest is the suite that every bot passes: what bots.Bot promises,
// held against a real platform or its test server.
//
// It must not know any platform; what a person does there it asks of the
// Harness.
package botstest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"chaperone/bots"
	"chaperone/internal/chat"
)

// Harness is a bot on its platform, and what people can do there. Chat has at
// least the members Sam and Priya, and is new: the bot has been in it from the
// beginning.
type Harness struct {
	Bot        bots.Bot
	Chat       chat.ID
	Sam, Priya chat.MemberID
	// Say posts as a member and returns the message's id.
	Say func(t *testing.T, who chat.MemberID, text string) chat.MessageID
	// Edit and Delete are the sender's own.
	Edit   func(t *testing.T, who chat.MemberID, m chat.MessageID, text string)
	Delete func(t *testing.T, who chat.MemberID, m chat.MessageID)
	// Prompts lists the prompts that a member can see, and nothing else.
	Prompts func(t *testing.T, who chat.MemberID) []string
	// Calls counts the calls of a kind that reached the platform.
	Calls func(t *testing.T, k bots.Kind) int
	// Members lists who is in the chat.
	Members func(t *testing.T) []chat.MemberID
}

// Run runs the suite. fresh gives a new harness for each test.
func Run(t *testing.T, fresh func(t *testing.T) Harness) {
	for name, test := range map[string]func(*testing.T, Harness){
		"EventsArriveInOrder":                   inOrder,
		"WhatFailedIsDeliveredAgain":            again,
		"ARedeliveryIsTheSameEvents":            same,
		"WhatWasNotAcknowledgedSurvivesRestart": unacknowledged,
		"RunEndsWithItsContext":                 ends,
		"AbilitiesSayWhatDoDoes":                abilities,
		"APromptIsPrivateAndCanBeRevised":       private,
		"APromptThatWasNeverShownIsGone":        neverShown,
		"AnEffectCanBeFoundByItsKey":            byKey,
		"DeletingTwiceIsGone":                   gone,
		"RemovingRemoves":                       removes,
		"TheRosterIsWhoIsThere":                 roster,
		"HostileTextIsCarriedUnchanged":         hostile,
	} {
		t.Run(name, func(t *testing.T) { test(t, fresh(t)) })
	}
}

// sink takes deliveries.
type sink struct {
	mu     sync.Mutex
	events []chat.Event
	refuse int
}

func (s *sink) deliver(_ context.Context, events []chat.Event) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refuse > 0 {
		s.refuse--
		return errors.New("not stored")
	}
	s.events = append(s.events, events...)
	return nil
}

func (s *sink) of(k chat.EventKind) []chat.Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []chat.Event
	for _, e := range s.events {
		if e.Kind == k {
			out = append(out, e)
		}
	}
	return out
}

// run connects the bot until the test ends, or stop is called.
func run(t *testing.T, h Harness, s *sink) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); _ = h.Bot.Run(ctx, s.deliver) }()
	stop = func() { cancel(); <-ended }
	t.Cleanup(stop)
	return stop
}

func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

func inOrder(t *testing.T, h Harness) {
	s := &sink{}
	run(t, h, s)
	h.Say(t, h.Sam, "good morning") // what is said before the bot listens may be read later, as it then is
	until(t, "the bot listens", func() bool { return len(s.of(chat.Posted)) == 1 })
	const n = 30
	var said []chat.MessageID
	for i := range n {
		said = append(said, h.Say(t, h.Sam, fmt.Sprint("message ", i)))
	}
	h.Edit(t, h.Sam, said[3], "changed")
	h.Delete(t, h.Sam, said[4])
	until(t, "everything arrived", func() bool { return len(s.of(chat.Deleted)) == 1 && len(s.of(chat.Posted)) == 1+n })
	for i, e := range s.of(chat.Posted)[1:] {
		if e.Message != said[i] || e.Text != fmt.Sprint("message ", i) || e.Member != h.Sam || e.Chat != h.Chat || e.At.IsZero() || e.Key == "" {
			t.Fatalf("event %d is %+v", i, e)
		}
	}
	edited := s.of(chat.Edited)
	if len(edited) != 1 || edited[0].Text != "changed" || edited[0].Revision < 1 || edited[0].Message != said[3] {
		t.Errorf("the edit arrived as %+v", edited)
	}
	keys := map[string]bool{}
	for _, e := range s.events {
		if keys[e.Key] && e.Chat == h.Chat {
			t.Errorf("two events have the key %q", e.Key)
		}
		keys[e.Key] = true
	}
}

func again(t *testing.T, h Harness) {
	s := &sink{refuse: 3}
	run(t, h, s)
	m := h.Say(t, h.Sam, "hello")
	until(t, "the message arrived after three refusals", func() bool {
		p := s.of(chat.Posted)
		return len(p) == 1 && p[0].Message == m
	})
}

// same: what is delivered again has the keys and the words of the first time,
// in the same order, and comes before anything newer.
func same(t *testing.T, h Harness) {
	var mu sync.Mutex
	var first, then []chat.Event
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = h.Bot.Run(ctx, func(_ context.Context, events []chat.Event) error {
			mu.Lock()
			defer mu.Unlock()
			if len(first) == 0 {
				first = slices.Clone(events)
				return errors.New("not stored")
			}
			then = append(then, events...)
			return nil
		})
	}()
	t.Cleanup(func() { cancel(); <-ended })
	h.Say(t, h.Sam, "one")
	last := h.Say(t, h.Sam, "two")
	until(t, "everything arrived", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return slices.ContainsFunc(then, func(e chat.Event) bool { return e.Message == last })
	})
	mu.Lock()
	defer mu.Unlock()
	if len(then) < len(first) || !reflect.DeepEqual(then[:len(first)], first) {
		t.Errorf("delivered again as %+v, first as %+v", then, first)
	}
}

func unacknowledged(t *testing.T, h Harness) {
	deaf := &sink{refuse: 1 << 30}
	stop := run(t, h, deaf)
	m := h.Say(t, h.Sam, "hello")
	time.Sleep(50 * time.Millisecond)
	stop()
	s := &sink{}
	run(t, h, s)
	until(t, "the message arrived after all", func() bool {
		p := s.of(chat.Posted)
		return len(p) == 1 && p[0].Message == m
	})
}

func ends(t *testing.T, h Harness) {
	stop := run(t, h, &sink{})
	done := make(chan struct{})
	go func() { stop(); close(done) }()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Fatal("Run went on for ten seconds after its context had ended")
	}
}

// effect builds one effect of each kind that the harness can carry out.
func effect(t *testing.T, h Harness, k bots.Kind, key string) bots.Effect {
	t.Helper()
	m := h.Say(t, h.Sam, "something about "+key)
	e := bots.Effect{Key: key, Kind: k, Chat: h.Chat, Member: h.Sam, Message: m}
	switch k {
	case bots.Post:
		e.Member, e.Message, e.Text = "", "", "a notice"
	case bots.Tell:
		e.Message, e.Text, e.Choices = "", "a word in private", []string{"help"}
	case bots.Whisper, bots.Revise, bots.Remind:
		e.Prompt = prompt("p-"+key, m)
	}
	return e
}

func prompt(id string, m chat.MessageID) *bots.Prompt {
	return &bots.Prompt{
		ID: id, Messages: []chat.MessageID{m}, Title: "Hello Sam, about your message.", Body: "It may include something.",
		State: "open", Steps: []bots.Step{{ID: "message", Text: "Delete it."}},
		Answers: []bots.Answer{{ID: "deleted", Label: "I have deleted it"}},
	}
}

func abilities(t *testing.T, h Harness) {
	run(t, h, &sink{})
	able, err := h.Bot.Abilities(t.Context(), h.Chat)
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range bots.Kinds {
		e := effect(t, h, k, "able-"+string(k))
		if k == bots.Revise || k == bots.Remind {
			first := e
			first.Kind, first.Key = bots.Whisper, "first-"+string(k)
			if _, err := h.Bot.Do(t.Context(), first); err != nil && able[bots.Whisper].Level == bots.Yes {
				t.Fatalf("whispering first: %v", err)
			}
		}
		_, err := h.Bot.Do(t.Context(), e)
		if refused := errors.Is(err, bots.ErrUnsupported); refused != (able[k].Level == bots.No) {
			t.Errorf("%s: the ability is %v, and Do answered %v", k, able[k], err)
		}
		if able[k].Level != bots.Yes && able[k].Why == "" {
			t.Errorf("%s: the ability does not say why not", k)
		}
	}
	if _, err := h.Bot.Do(t.Context(), bots.Effect{Kind: "shout", Chat: h.Chat}); !errors.Is(err, bots.ErrUnsupported) {
		t.Errorf("an unknown kind was answered with %v", err)
	}
}

func private(t *testing.T, h Harness) {
	run(t, h, &sink{})
	e := effect(t, h, bots.Whisper, "w1")
	if _, err := h.Bot.Do(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	until(t, "the sender sees the prompt", func() bool { return slices.Equal(h.Prompts(t, h.Sam), []string{e.Prompt.ID}) })
	if got := h.Prompts(t, h.Priya); len(got) != 0 {
		t.Fatalf("somebody else sees %v", got)
	}
	e.Kind, e.Key, e.Prompt.State = bots.Revise, "r1", "put-right"
	if _, err := h.Bot.Do(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	if got := h.Prompts(t, h.Sam); len(got) != 1 {
		t.Errorf("after a revision the sender sees %v, want the one prompt", got)
	}
	e.Kind, e.Key, e.Prompt.State = bots.Remind, "r2", "open"
	reminders := 1
	if _, err := h.Bot.Do(t.Context(), e); errors.Is(err, bots.ErrUnsupported) {
		reminders = 0
	} else if err != nil {
		t.Fatal(err)
	}
	until(t, "the platform has counted one whisper, one revision and one reminder", func() bool {
		return h.Calls(t, bots.Whisper) == 1 && h.Calls(t, bots.Revise) == 1 && h.Calls(t, bots.Remind) == reminders
	})
}

func neverShown(t *testing.T, h Harness) {
	run(t, h, &sink{})
	for _, k := range []bots.Kind{bots.Revise, bots.Remind} {
		_, err := h.Bot.Do(t.Context(), effect(t, h, k, "never-"+string(k)))
		if !errors.Is(err, bots.ErrGone) && !errors.Is(err, bots.ErrUnsupported) {
			t.Errorf("%s of a prompt that was never shown was answered with %v, want ErrGone", k, err)
		}
	}
	if got := h.Prompts(t, h.Sam); len(got) != 0 {
		t.Errorf("the member sees %v", got)
	}
}

func byKey(t *testing.T, h Harness) {
	look, ok := h.Bot.(bots.Reconciler)
	if !ok {
		t.Skip("this platform cannot be asked by key: interrupted effects end as unknown")
	}
	run(t, h, &sink{})
	e := effect(t, h, bots.Post, "n1")
	refused := bots.Effect{Key: "n0", Kind: bots.Delete, Chat: h.Chat, Message: "never there"}
	if _, err := h.Bot.Do(t.Context(), refused); err != nil && !errors.Is(err, bots.ErrUnsupported) {
		if _, sent, again := look.Sent(t.Context(), refused); !sent || !errors.Is(err, again) {
			t.Errorf("a refused call is remembered as sent %t, %v; it was answered with %v", sent, again, err)
		}
	}
	if _, sent, err := look.Sent(t.Context(), e); sent || err != nil {
		t.Fatalf("before: sent %t, %v", sent, err)
	}
	made, err := h.Bot.Do(t.Context(), e)
	if err != nil {
		t.Fatal(err)
	}
	found, sent, err := look.Sent(t.Context(), e)
	if !sent || err != nil || found != made {
		t.Errorf("after: sent %t, message %q, %v; want true, %q", sent, found, err, made)
	}
}

func gone(t *testing.T, h Harness) {
	s := &sink{}
	run(t, h, s)
	e := effect(t, h, bots.Delete, "d1")
	_, err := h.Bot.Do(t.Context(), e)
	if errors.Is(err, bots.ErrUnsupported) {
		t.Skip("this platform does not let the bot delete")
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.Bot.Do(t.Context(), e); !errors.Is(err, bots.ErrGone) {
		t.Errorf("deleting it again was answered with %v, want ErrGone", err)
	}
	until(t, "the deletion is reported", func() bool {
		d := s.of(chat.Deleted)
		return len(d) == 1 && d[0].Message == e.Message
	})
}

func removes(t *testing.T, h Harness) {
	s := &sink{}
	run(t, h, s)
	_, err := h.Bot.Do(t.Context(), bots.Effect{Key: "x1", Kind: bots.Remove, Chat: h.Chat, Member: h.Sam})
	if errors.Is(err, bots.ErrUnsupported) {
		t.Skip("this platform does not let the bot remove members")
	}
	if err != nil {
		t.Fatal(err)
	}
	if slices.Contains(h.Members(t), h.Sam) {
		t.Error("the member is still there")
	}
	until(t, "the leaving is reported", func() bool {
		l := s.of(chat.Left)
		return len(l) == 1 && l[0].Member == h.Sam
	})
}

// roster: the list is of those who are in the chat, each once, and follows them.
func roster(t *testing.T, h Harness) {
	list, ok := h.Bot.(bots.Roster)
	if !ok {
		t.Skip("this platform does not list who is in a chat")
	}
	run(t, h, &sink{})
	who := func() (ids []chat.MemberID) {
		all, err := list.Members(t.Context(), h.Chat)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range all {
			if m.ID == "" || slices.Contains(ids, m.ID) || slices.Contains(m.Also, m.ID) {
				t.Errorf("the list has %+v, after %v", m, ids)
			}
			if !m.Bot {
				ids = append(ids, m.ID)
			}
		}
		slices.Sort(ids)
		return ids
	}
	want := slices.Sorted(slices.Values(h.Members(t)))
	if got := who(); !slices.Equal(got, want) || !slices.Contains(got, h.Sam) || !slices.Contains(got, h.Priya) {
		t.Errorf("the list is %v, and %v are there", got, want)
	}
	if _, err := h.Bot.Do(t.Context(), bots.Effect{Key: "r9", Kind: bots.Remove, Chat: h.Chat, Member: h.Sam}); err != nil {
		t.Skip("this platform does not let the bot remove members")
	}
	until(t, "the list follows", func() bool { return !slices.Contains(who(), h.Sam) })
	if _, err := list.Members(t.Context(), chat.ID{Account: h.Chat.Account, Local: "never there"}); err == nil {
		t.Error("a chat that is not there has a list")
	}
}

func hostile(t *testing.T, h Harness) {
	s := &sink{}
	run(t, h, s)
	texts := []string{"<script>alert(1)</script>", "@everyone <!channel> @here", "\u202eright to left\u202c", "%s %n {{.}} ${x}",
		"a\x00b", "=1+1", "line\r\nline", "\U0001f9d1\u200d\U0001f692"}
	for _, text := range texts {
		h.Say(t, h.Sam, text)
	}
	until(t, "all arrived", func() bool { return len(s.of(chat.Posted)) == len(texts) })
	for i, e := range s.of(chat.Posted) {
		if e.Text != texts[i] {
			t.Errorf("%q arrived as %q", texts[i], e.Text)
		}
	}
	if n := h.Calls(t, bots.Post); n != 0 {
		t.Errorf("the bot said %d things by itself", n)
	}
}
