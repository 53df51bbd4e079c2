package lane

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"chaperone/internal/chat"
)

// platform is one chat as a platform keeps it, and the connection over which it
// tells: what is on its way when that ends is lost.
type platform struct {
	mu    sync.Mutex
	log   []chat.Event // what stands there
	clock time.Time
	wire  chan chat.Event
	gone  chan struct{}
	read  sync.WaitGroup
}

func (p *platform) connect(s *Lanes) {
	p.mu.Lock()
	defer p.mu.Unlock()
	wire, gone := make(chan chat.Event, 1000), make(chan struct{})
	p.wire, p.gone = wire, gone
	s.Behind(false)
	s.Stir()
	p.read.Go(func() {
		for {
			select {
			case <-gone:
				return
			default:
			}
			select {
			case <-gone:
				return
			case ev := <-wire:
				s.Put("c", []chat.Event{ev}, nil)
			}
		}
	})
}

func (p *platform) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.wire != nil {
		close(p.gone)
		p.wire, p.gone = nil, nil
		p.read.Wait() // whatever arrived before is dealt with before anything of the next
	}
}

func (p *platform) say(i int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clock = p.clock.Add(time.Second)
	m := fmt.Sprintf("%05d", i)
	ev := chat.Event{Key: "posted/" + m, Kind: chat.Posted, At: p.clock, Message: chat.MessageID(m), Text: "as said"}
	p.log = append(p.log, ev)
	if p.wire != nil {
		p.wire <- ev
	}
}

// remove deletes what was said last but one.
func (p *platform) remove() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if i := len(p.log) - 2; i >= 0 && p.wire != nil {
		ev := chat.Event{Key: "deleted/" + string(p.log[i].Message), Kind: chat.Deleted, At: p.clock, Message: p.log[i].Message}
		p.log = slices.Delete(p.log, i, i+1)
		p.wire <- ev
	}
}

func (p *platform) history(_ context.Context, c *Chat) ([]chat.Event, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []chat.Event
	for _, ev := range p.log {
		if ev.At.After(c.Mark.Add(-10 * time.Second)) {
			out = append(out, ev)
		}
	}
	return out, nil
}

// stored is what was delivered, each once; what cannot be stored is refused
// now and then.
type stored struct {
	mu     sync.Mutex
	events []chat.Event
	known  map[string]bool
	tries  int
}

func (s *stored) deliver(_ context.Context, events []chat.Event) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tries++; s.tries%5 == 0 {
		return errors.New("not stored")
	}
	for _, ev := range events {
		if !s.known[ev.Key] {
			s.known[ev.Key] = true
			s.events = append(s.events, ev)
		}
	}
	return nil
}

func (s *stored) messages() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []string
	for _, ev := range s.events {
		if ev.Kind == chat.Posted {
			out = append(out, string(ev.Message))
		}
	}
	return out
}

func lanes(t interface{ Cleanup(func()) }, o Options) *Lanes {
	ctx, cancel := context.WithCancel(context.Background())
	o.Log, o.Plain = slog.New(slog.DiscardHandler), func(err error) error { return err }
	s := New(ctx, o)
	t.Cleanup(func() { cancel(); s.Wait() })
	return s
}

func until(t interface{ Fatalf(string, ...any) }, what string, ok func() bool) {
	for end := time.Now().Add(30 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

// TestOrderWhateverHappensToTheConnection: each message once, in the order in
// which they were said, however often the connection ends and begins. Only one
// that is deleted already when its chat is looked through, and is told of later,
// can come late.
func TestOrderWhateverHappensToTheConnection(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		p, st := &platform{clock: time.Unix(1_790_000_000, 0)}, &stored{known: map[string]bool{}}
		s := lanes(rt, Options{Deliver: st.deliver, CatchUp: p.history})
		s.Head("c", chat.Event{Key: "here", Kind: chat.Added})
		p.connect(s)
		var want []string
		said := 0
		for _, act := range rapid.SliceOfN(rapid.SampledFrom([]string{"say", "say", "say", "say", "remove", "cut", "connect", "rest"}), 1, 60).Draw(rt, "acts") {
			switch act {
			case "say":
				p.say(said)
				want = append(want, fmt.Sprintf("%05d", said))
				said++
			case "remove":
				p.remove()
			case "cut":
				p.cut()
			case "connect":
				p.cut()
				p.connect(s)
			case "rest":
				time.Sleep(time.Millisecond)
			}
		}
		p.cut()
		p.connect(s)
		standing := func() bool { // what was deleted before anybody saw it need not arrive
			got := st.messages()
			p.mu.Lock()
			defer p.mu.Unlock()
			return !slices.ContainsFunc(p.log, func(ev chat.Event) bool { return !slices.Contains(got, string(ev.Message)) })
		}
		until(rt, "all arrived", standing)
		got := st.messages()
		p.mu.Lock()
		left := slices.DeleteFunc(slices.Clone(got), func(m string) bool {
			return !slices.ContainsFunc(p.log, func(ev chat.Event) bool { return string(ev.Message) == m })
		})
		p.mu.Unlock()
		if !slices.IsSorted(left) || len(left) != len(p.log) {
			rt.Errorf("they arrived as %s", strings.Join(got, " "))
		}
		for _, m := range got {
			if !slices.Contains(want, m) {
				rt.Errorf("%s was never said", m)
			}
		}
	})
}

// TestWhatComesMeanwhileStaysAsItWasSaid: a message that arrives while older
// ones are looked for goes among them, with the text that it had then.
func TestWhatComesMeanwhileStaysAsItWasSaid(t *testing.T) {
	st := &stored{known: map[string]bool{}}
	looking, look := make(chan struct{}), make(chan struct{})
	at := func(i int) time.Time { return time.Unix(1_790_000_000+int64(i), 0) }
	posted := func(i int, text string) chat.Event {
		return chat.Event{Key: fmt.Sprint("posted/", i), Kind: chat.Posted, At: at(i), Message: chat.MessageID(fmt.Sprint(i)), Text: text}
	}
	s := lanes(t, Options{Deliver: st.deliver, CatchUp: func(context.Context, *Chat) ([]chat.Event, error) {
		close(looking)
		<-look
		edit := chat.Event{Key: "edited/2", Kind: chat.Edited, At: at(4).Add(time.Millisecond), Message: "2", Revision: 4, Text: "changed"}
		gone := chat.Event{Key: "deleted/0", Kind: chat.Deleted, At: at(9), Message: "0"}
		return []chat.Event{posted(1, "one"), posted(2, "changed"), posted(4, "four"), edit, gone}, nil
	}})
	told := make(chan string, 10)
	s.Head("c", chat.Event{Key: "here", Kind: chat.Added})
	<-looking
	for _, ev := range []chat.Event{posted(2, "two"), posted(3, "three, deleted at once"), {Key: "deleted/3", Kind: chat.Deleted, At: at(3), Message: "3"}, posted(5, "five")} {
		s.Put("c", []chat.Event{ev}, func() { told <- ev.Key })
	}
	s.Put("c", []chat.Event{posted(2, "two, again")}, func() { told <- "again" })
	close(look)
	s.Catch("c")
	var keys []string
	for range 5 {
		keys = append(keys, <-told)
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	var got []string
	for _, ev := range st.events {
		got = append(got, ev.Key+" "+ev.Text)
	}
	want := []string{"here ", "posted/1 one", "posted/2 two", "posted/3 three, deleted at once", "posted/4 four", "edited/2 changed", "deleted/0 ", "deleted/3 ", "posted/5 five"}
	if !slices.Equal(got, want) {
		t.Errorf("it was delivered as %q, want %q", got, want)
	}
	if want := []string{"posted/2", "again", "posted/3", "deleted/3", "posted/5"}; !slices.Equal(keys, want) {
		t.Errorf("told of %q, want %q", keys, want)
	}
}

// TestTooMuchIsLookedForAgain: what no longer fits is not taken, and found.
func TestTooMuchIsLookedForAgain(t *testing.T) {
	p, st := &platform{clock: time.Unix(1_790_000_000, 0)}, &stored{known: map[string]bool{}}
	const all = holdMost + 500
	for i := range all {
		p.say(i)
	}
	s := lanes(t, Options{Deliver: st.deliver, CatchUp: p.history, Shut: true})
	for _, ev := range p.log {
		s.Put("c", []chat.Event{ev}, nil)
	}
	if s.held > holdMost {
		t.Errorf("%d are held", s.held)
	}
	if !s.Shut("c") || len(st.messages()) > 0 {
		t.Error("it moved before it was opened")
	}
	s.Open("c")
	until(t, "all arrived", func() bool { return len(st.messages()) == all })
	if got := st.messages(); !slices.IsSorted(got) {
		t.Error("they arrived in another order")
	}
}
