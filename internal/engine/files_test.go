package engine_test

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

	"chaperone/bots"
	"chaperone/internal/chat"
	"chaperone/internal/document"
	"chaperone/internal/document/documenttest"
	"chaperone/internal/engine"
	"chaperone/internal/retention"
)

// shelf is a platform that gives out files.
type shelf struct {
	*faulty
	mu    sync.Mutex
	files map[string]func(ctx context.Context, try int) ([]byte, error) // by id
	tries map[string]int
	now   int
	most  int
}

func newShelf() *shelf {
	return &shelf{faulty: newFaulty(), files: map[string]func(context.Context, int) ([]byte, error){}, tries: map[string]int{}}
}

func (s *shelf) Download(ctx context.Context, _ chat.ID, _ chat.MessageID, f chat.File, _ int64) ([]byte, error) {
	s.mu.Lock()
	s.tries[f.ID]++
	s.now++
	s.most = max(s.most, s.now)
	get, try := s.files[f.ID], s.tries[f.ID]
	s.mu.Unlock()
	defer func() { s.mu.Lock(); s.now--; s.mu.Unlock() }()
	if f.Ref != "secret of "+f.ID {
		return nil, bots.ErrForbidden
	}
	return get(ctx, try)
}

func (s *shelf) tried(id string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tries[id]
}

func always(data []byte, err error) func(context.Context, int) ([]byte, error) {
	return func(context.Context, int) ([]byte, error) { return data, err }
}

var reading = engine.Files{Most: 1 << 20, Limits: document.DefaultLimits}

func (s *shelf) start(t *testing.T, change ...func(*engine.Options)) *house {
	t.Helper()
	return startAs(t, s.faulty, s, nil, append(change, func(o *engine.Options) { o.Files, o.Log = reading, slog.New(slog.NewTextHandler(t.Output(), nil)) })...)
}

// share posts a message with files; each is named as its id.
func (s *shelf) share(kind chat.EventKind, id string, revision int64, text string, names ...string) {
	ev := chat.Event{Key: fmt.Sprint(id, "/", revision), Kind: kind, Chat: room, At: time.Now(), Member: "sam", Name: "Sam", Message: chat.MessageID(id), Revision: revision, Text: text}
	for _, n := range names {
		ev.Files = append(ev.Files, chat.File{ID: n, Name: n, Ref: "secret of " + n})
	}
	ev.FilesKept = kind == chat.Edited && len(names) == 0 && text == "kept"
	s.events <- ev
}

// last is the prompt that was shown last.
func (s *shelf) last() bots.Prompt {
	s.faulty.mu.Lock()
	defer s.faulty.mu.Unlock()
	for _, e := range slices.Backward(s.ledger) {
		if e.Prompt != nil {
			return *e.Prompt
		}
	}
	return bots.Prompt{}
}

var residents = documenttest.File("a.csv", "Name|NHS number", "Edith Marlow|999 123 4543")

func gaps(t *testing.T, h *house) (kinds []chat.Gap) {
	t.Helper()
	all, err := h.Gaps(t.Context(), room)
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range all {
		if g.Kind != chat.NotThere {
			kinds = append(kinds, g.Kind)
		}
	}
	return kinds
}

func class(t *testing.T, h *house, id chat.MessageID) retention.Class {
	t.Helper()
	all, err := h.store.Messages(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range all {
		if m.ID == id {
			return m.Class
		}
	}
	return "there is none"
}

func TestWhatAFileSaysIsAskedAboutAsTheMessages(t *testing.T) {
	s := newShelf()
	s.files["list.csv"] = always(residents, nil)
	s.files["rota.txt"] = always([]byte("Sam has the early shift\n"), nil)
	h := s.start(t)
	s.share(chat.Posted, "m1", 0, "the list", "list.csv", "rota.txt")
	until(t, "its sender is asked", func() bool { return s.count(bots.Whisper) == 1 })
	p := s.last()
	if !slices.Contains(p.Found, "NHS number, ending 43 (in the spreadsheet you posted: row 2)") || strings.Contains(fmt.Sprint(p), "Marlow") {
		t.Errorf("they are told %q", p.Found)
	}
	// An edit of the words leaves what the file says as it is, unread.
	s.share(chat.Edited, "m1", 1, "the list of today", "list.csv", "rota.txt")
	s.share(chat.Edited, "m1", 2, "kept")
	until(t, "the edits are settled", func() bool { return h.Counts().Settled >= 4 })
	if p := s.last(); p.State != "open" {
		t.Errorf("after an edit of the words the prompt is %s", p.State)
	}
	// Without the file nothing is left to ask.
	s.share(chat.Edited, "m1", 3, "no list", "rota.txt")
	until(t, "it is put right", func() bool { return s.last().State == "put-right" })
	if s.count(bots.Whisper) != 1 || s.tried("list.csv") != 1 || s.tried("rota.txt") != 1 {
		t.Errorf("%d prompts, %v downloads, want one of each", s.count(bots.Whisper), s.tries)
	}
	if g := gaps(t, h); len(g) != 0 {
		t.Errorf("gaps %v", g)
	}
}

func TestASlowFileKeepsNobodyWaitingAndACrashReadsItAgain(t *testing.T) {
	s := newShelf()
	begun := make(chan struct{})
	s.files["list.csv"] = func(ctx context.Context, try int) ([]byte, error) {
		if try > 1 {
			return residents, nil
		}
		close(begun)
		<-ctx.Done()
		return nil, ctx.Err()
	}
	var o engine.Options
	h := s.start(t, func(x *engine.Options) { x.Files = reading; o = *x })
	s.share(chat.Posted, "m1", 0, "the list", "list.csv")
	<-begun
	h.bot.events <- chat.Event{Key: "m2", Kind: chat.Posted, Chat: room, At: time.Now(), Member: "priya", Name: "Priya", Message: "m2", Text: sensitive}
	until(t, "the next message is asked about", func() bool { return s.count(bots.Whisper) == 1 })
	if c := class(t, h, "m1"); c != "" {
		t.Errorf("before its file is read a message is %q", c)
	}
	h.end() // as after a crash: nothing of the reading was stored
	h.run(t, o)
	until(t, "the file is asked about", func() bool { return s.count(bots.Whisper) == 2 })
	h.end()
	h.run(t, o)
	until(t, "everything is done", func() bool { return h.CatchUp(t.Context()) == nil })
	if s.count(bots.Whisper) != 2 || s.tried("list.csv") != 2 {
		t.Errorf("%d prompts and %d downloads, want 2 of each", s.count(bots.Whisper), s.tried("list.csv"))
	}
}

func TestWhatIsNotReadIsDeclaredAndNeverClean(t *testing.T) {
	locked := []byte("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "E\x00n\x00c\x00r\x00y\x00p\x00t\x00e\x00d\x00P\x00a\x00c\x00k\x00")
	for name, want := range map[string]struct {
		get  func(context.Context, int) ([]byte, error)
		gap  chat.Gap
		is   retention.Class
		asks int
	}{
		"read.txt":     {always([]byte("Sam has the early shift"), nil), "", "routine", 1},
		"weir.jpg":     {nil, chat.FilePicture, "routine", 0},
		"old.bin":      {nil, chat.FileKind, "routine", 0},
		"gone.csv":     {always(nil, fmt.Errorf("x: %w", bots.ErrGone)), chat.FileGone, "", 1},
		"mine.csv":     {always(nil, bots.ErrForbidden), chat.FileForbidden, "", 1},
		"large.csv":    {always(nil, bots.ErrTooLarge), chat.FileLarge, "", 1},
		"locked.xlsx":  {always(locked, nil), chat.FileLocked, "", 1},
		"damaged.docx": {always([]byte("PK\x03\x04 nothing"), nil), chat.FileDamaged, "", 1},
		"busy.txt": {func(_ context.Context, try int) ([]byte, error) {
			switch try {
			case 1:
				return nil, bots.Busy{After: time.Minute}
			case 2:
				return nil, errors.New("the line broke")
			}
			return []byte("Sam has the early shift"), nil
		}, "", "routine", 3},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShelf()
			s.files[name] = want.get
			h := s.start(t)
			s.share(chat.Posted, "m1", 0, "a file", name)
			until(t, "it was looked at", func() bool {
				h.CatchUp(t.Context())
				if s.tried(name) > 0 && s.tried(name) < want.asks {
					h.shift(10 * time.Second)
				}
				return s.tried(name) == want.asks && h.Counts().Settled >= 2 && (len(gaps(t, h)) > 0 || want.gap == "" && class(t, h, "m1") == want.is)
			})
			if g := gaps(t, h); want.gap != "" && !slices.Equal(g, []chat.Gap{want.gap}) || want.gap == "" && len(g) != 0 {
				t.Errorf("gaps %v, want %q", g, want.gap)
			}
			if c := class(t, h, "m1"); c != want.is || s.count(bots.Whisper) != 0 {
				t.Errorf("the message is %q, want %q", c, want.is)
			}
		})
	}
}

func TestAFileThatCannotBeFetchedForADayIsDeclared(t *testing.T) {
	s := newShelf()
	s.files["a.csv"] = always(nil, errors.New("the line broke"))
	h := s.start(t)
	s.share(chat.Posted, "m1", 0, "a file", "a.csv")
	until(t, "it was tried", func() bool { return s.tried("a.csv") > 0 })
	until(t, "it is declared", func() bool {
		h.shift(time.Hour)
		h.CatchUp(t.Context())
		return slices.Equal(gaps(t, h), []chat.Gap{chat.FileFailed})
	})
}

func TestAFileOfADeletedMessageIsNotReadOn(t *testing.T) {
	s := newShelf()
	s.files["a.csv"] = always(nil, bots.Busy{After: time.Minute})
	h := s.start(t)
	s.share(chat.Posted, "m1", 0, "a file", "a.csv")
	until(t, "it was tried", func() bool { return s.tried("a.csv") > 0 })
	s.events <- chat.Event{Key: "gone", Kind: chat.Deleted, Chat: room, At: time.Now(), Member: "sam", Message: "m1"}
	until(t, "it is declared", func() bool { return slices.Equal(gaps(t, h), []chat.Gap{chat.FileGone}) })
	tried := s.tried("a.csv")
	h.shift(time.Hour)
	if h.CatchUp(t.Context()); s.tried("a.csv") > tried+1 || s.count(bots.Whisper) != 0 {
		t.Errorf("it was fetched %d times", s.tried("a.csv"))
	}
}

func TestFewFilesAreInMemoryAtATime(t *testing.T) {
	s := newShelf()
	h := s.start(t)
	const n = 20
	for i := range n {
		name := fmt.Sprint(i, ".txt")
		s.files[name] = func(context.Context, int) ([]byte, error) {
			time.Sleep(2 * time.Millisecond)
			return []byte("Sam has the early shift"), nil
		}
		s.share(chat.Posted, fmt.Sprint("m", i), 0, "a file", name)
	}
	until(t, "all are read", func() bool { return class(t, h, n1(n)) == "routine" })
	if s.most > 2 {
		t.Errorf("%d files were in memory together", s.most)
	}
}

func n1(n int) chat.MessageID { return chat.MessageID(fmt.Sprint("m", n-1)) }

// A file that the scanner cannot take counts as not read, and is not fetched
// again for ever.
func TestAFileThatCannotBeScannedIsDeclared(t *testing.T) {
	for _, text := range []string{"fail", "panic"} {
		s := newShelf()
		s.files["a.txt"], s.files["list.csv"] = always([]byte(text), nil), always(residents, nil)
		h := s.start(t)
		s.share(chat.Posted, "m1", 0, "both", "a.txt", "list.csv")
		until(t, "it is declared", func() bool { return slices.Equal(gaps(t, h), []chat.Gap{chat.FileFailed}) })
		until(t, "the file beside it is asked about", func() bool { return s.count(bots.Whisper) == 1 })
		if n := s.tried("a.txt"); n != 1 {
			t.Errorf("it was fetched %d times", n)
		}
	}
}
