package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"chaperone/internal/chat"
	"chaperone/internal/engine"
	"chaperone/internal/policy"
	"chaperone/internal/prompt"
	"chaperone/internal/record"
	"chaperone/internal/store/storetest"
)

var (
	room = chat.ID{Account: "practice", Local: "flood-north"}
	noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
)

// open opens a store in a folder of its own and closes it with the test.
func open(t *testing.T, dir string) *Store {
	t.Helper()
	s, err := OpenOn(t.Context(), dir, dir+".key", storetest.Database(t, dir))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func posted(key, text string) chat.Event {
	return chat.Event{Key: key, Kind: chat.Posted, Chat: room, At: noon, Member: "sam", Name: "Sam Okafor", Message: chat.MessageID(key), Text: text}
}

func texts(t *testing.T, s *Store) []string {
	t.Helper()
	load, err := s.Take(t.Context(), room, 100)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, p := range load.Events {
		out = append(out, p.Event.Text)
	}
	return out
}

func TestReceivedEventsSurviveAReopening(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	s := open(t, dir)
	want := posted("m1", "the hall opens at 02:30")
	if err := s.Receive(t.Context(), noon, []chat.Event{want, posted("m2", ""), want}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	load, err := open(t, dir).Take(t.Context(), room, 100)
	if err != nil {
		t.Fatal(err)
	}
	if len(load.Events) != 2 {
		t.Fatalf("got %d events, want 2: the same key twice is the same event", len(load.Events))
	}
	if diff := cmp.Diff(want, load.Events[0].Event); diff != "" {
		t.Errorf("the event changed (-sent +kept):\n%s", diff)
	}
}

func TestANewChatGetsItsNoticeFirst(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "data"))
	for i := range 3 {
		if err := s.Receive(t.Context(), noon, []chat.Event{posted(fmt.Sprint(i), "x")}); err != nil {
			t.Fatal(err)
		}
	}
	due, _, err := s.Due(t.Context(), noon, 10)
	if err != nil {
		t.Fatal(err)
	}
	if len(due) != 1 || due[0].Kind != "post" || due[0].Chat != room {
		t.Fatalf("due actions are %+v, want one notice", due)
	}
	if err := s.Finish(t.Context(), engine.Finished{Action: due[0], Now: noon, Outcome: engine.Done}); err != nil {
		t.Fatal(err)
	}
	load, err := s.Take(t.Context(), room, 0)
	if err != nil || !load.Chat.Noticed {
		t.Errorf("after the notice the chat is %+v (%v), want it noticed", load.Chat, err)
	}
}

func TestFoldersThatAreRefusedAreToldApart(t *testing.T) {
	made := func(t *testing.T) string {
		dir := filepath.Join(t.TempDir(), "data")
		s := open(t, dir)
		var many []chat.Event
		for i := range 400 {
			many = append(many, posted(fmt.Sprint(i), strings.Repeat("the hall opens at 02:30. ", 20)))
		}
		if err := s.Receive(t.Context(), noon, many); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	overwrite := func(t *testing.T, name string, at float64, b []byte) {
		f, err := os.OpenFile(name, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		info, err := f.Stat()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteAt(b, int64(at*float64(info.Size()))); err != nil {
			t.Fatal(err)
		}
	}
	noise := bytes.Repeat([]byte{0xA5}, 8192)
	cases := []struct {
		name  string
		spoil func(t *testing.T, dir string)
		want  error
	}{
		{"wrong key", func(t *testing.T, dir string) {
			if err := os.Remove(dir + ".key"); err != nil {
				t.Fatal(err)
			}
			if _, err := makeKey(dir + ".key"); err != nil {
				t.Fatal(err)
			}
		}, ErrWrongKey},
		{"a key file that is none", func(t *testing.T, dir string) {
			if err := os.WriteFile(dir+".key", []byte("hello\n"), 0o600); err != nil {
				t.Fatal(err)
			}
		}, ErrWrongKey},
		{"missing key", func(t *testing.T, dir string) { os.Remove(dir + ".key") }, ErrNoKey},
		{"database overwritten in the middle", func(t *testing.T, dir string) {
			overwrite(t, filepath.Join(dir, databaseFile), 0.5, noise)
		}, ErrDamaged},
		{"database overwritten at its beginning", func(t *testing.T, dir string) {
			overwrite(t, filepath.Join(dir, databaseFile), 0, noise)
		}, ErrDamaged},
		{"database cut short", func(t *testing.T, dir string) { os.Truncate(filepath.Join(dir, databaseFile), 9000) }, ErrDamaged},
		{"database missing", func(t *testing.T, dir string) { os.Remove(filepath.Join(dir, databaseFile)) }, ErrDamaged},
		{"key ring cut short", func(t *testing.T, dir string) { os.Truncate(filepath.Join(dir, ringFile), 100) }, ErrDamaged},
		{"key ring missing", func(t *testing.T, dir string) { os.Remove(filepath.Join(dir, ringFile)) }, ErrDamaged},
		{"identity missing", func(t *testing.T, dir string) { os.Remove(filepath.Join(dir, identityFile)) }, ErrDamaged},
		{"identity of something else", func(t *testing.T, dir string) {
			os.WriteFile(filepath.Join(dir, identityFile), []byte(`{"product":"other"}`), 0o600)
		}, ErrForeign},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			dir := made(t)
			database := storetest.Database(t, dir)
			if database != "" && strings.HasPrefix(c.name, "database ") {
				t.Skip("the database is not in the folder")
			}
			c.spoil(t, dir)
			s, err := OpenOn(t.Context(), dir, dir+".key", database)
			if !errors.Is(err, c.want) {
				if err == nil {
					s.Close()
				}
				t.Fatalf("got %v, want %v", err, c.want)
			}
		})
	}
	t.Run("foreign folder", func(t *testing.T) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "holiday.jpg"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(t.Context(), dir, dir+".key"); !errors.Is(err, ErrForeign) {
			t.Fatalf("got %v, want %v", err, ErrForeign)
		}
	})
	t.Run("in use", func(t *testing.T) {
		dir := made(t)
		open(t, dir)
		if _, err := OpenOn(t.Context(), dir, dir+".key", storetest.Database(t, dir)); !errors.Is(err, ErrInUse) {
			t.Fatalf("got %v, want %v", err, ErrInUse)
		}
	})
}

func TestAnInterruptedMakingBeginsAgain(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	h, err := openHome(dir, dir+".key") // killed after the identity was written
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, ringFile), []byte("chap"), 0o600); err != nil {
		t.Fatal(err)
	}
	h.close()
	open(t, dir)
}

func TestTextsAreErasedWithTheirKeys(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	s := open(t, dir)
	if err := s.Receive(t.Context(), noon, []chat.Event{posted("m1", "first"), posted("m2", "second")}); err != nil {
		t.Fatal(err)
	}
	load, err := s.Take(t.Context(), room, 1)
	if err != nil {
		t.Fatal(err)
	}
	settle(t, s, engine.Settlement{Chat: room, Now: noon, Done: []int64{load.Events[0].Seq}})
	erase := func(after time.Duration) {
		t.Helper()
		if err := s.Erase(t.Context(), noon.Add(after)); err != nil {
			t.Fatal(err)
		}
	}
	erase(time.Hour)
	if got := texts(t, s); !cmp.Equal(got, []string{"second"}) {
		t.Fatalf("an unsettled text reads %q after an hour, want it kept", got)
	}
	load, err = s.Take(t.Context(), room, 1)
	if err != nil {
		t.Fatal(err)
	}
	settle(t, s, engine.Settlement{Chat: room, Now: noon, Done: []int64{load.Events[0].Seq}})
	erase(19 * time.Minute)
	if said, err := s.Recent(t.Context(), room, noon.Add(-time.Second)); err != nil || len(said) != 2 {
		t.Fatalf("19 minutes after a stretch began its texts are %d (%v), want 2: the last may still be context", len(said), err)
	}
	erase(20 * time.Minute)
	if said, err := s.Recent(t.Context(), room, noon.Add(-time.Second)); err != nil || len(said) != 0 {
		t.Fatalf("texts can still be read: %d (%v)", len(said), err)
	}
	if got := survivors(t, s); len(got) != 0 {
		t.Fatalf("%d keys survive that have sealed something, want none", len(got))
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if got := survivors(t, open(t, dir)); len(got) != 0 {
		t.Fatalf("%d keys survive in the file, want none", len(got))
	}
}

// survivors lists the numbers of the ring that have sealed something.
func survivors(t *testing.T, s *Store) []uint64 {
	t.Helper()
	var out []uint64
	for num := range s.ring.keys {
		if num < s.write.next {
			out = append(out, num)
		}
	}
	return out
}

func settle(t *testing.T, s *Store, in engine.Settlement) {
	t.Helper()
	if err := s.Settle(t.Context(), in); err != nil {
		t.Fatal(err)
	}
}

func TestAPromptKeepsItsTextsUntilTheRecordIsFiled(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "data"))
	ev := posted("m1", "decision: close the bridge")
	if err := s.Receive(t.Context(), noon, []chat.Event{ev}); err != nil {
		t.Fatal(err)
	}
	p := prompt.New("20261123-PPPPPPPPPP", noon, room, "Flood North", chat.Emergency, "sam", "Sam")
	p.Flag(noon, prompt.Item{Message: "m1", At: noon, Kind: "significant", Outcome: policy.Care, Duties: []policy.Duty{policy.Ask, policy.Capture}})
	sh := engine.Shown{Prompt: p}
	settle(t, s, engine.Settlement{
		Chat: room, Now: noon, Done: []int64{1}, Prompts: []engine.Shown{sh},
		Keep: []engine.Keep{{Prompt: p.ID, Message: "m1", Text: ev.Text}},
	})
	if err := s.Erase(t.Context(), noon.Add(24*time.Hour)); err != nil {
		t.Fatal(err)
	}
	if _, ok := p.Give(noon, prompt.AnswerKeep, "20261123-RRRRRRRRRR", prompt.Can{}); !ok {
		t.Fatal("the answer was not taken")
	}
	file := engine.Action{Key: "file/R", Kind: engine.File, Chat: room, Prompt: p.ID, Record: p.Record, Due: noon}
	settle(t, s, engine.Settlement{
		Chat: room, Now: noon, Prompts: []engine.Shown{sh}, Actions: []engine.Action{file, file},
		Records: []engine.Accepted{{Prompt: p.ID, Record: record.Record{ID: p.Record, Form: record.Verbatim, Messages: []record.Message{{ID: "m1"}}}}},
	})
	_, files, err := s.Content(t.Context(), p.Record)
	if err != nil || len(files) != 1 || string(files[0].Data) != ev.Text {
		t.Fatalf("the record's content is %v (%v), want the message", files, err)
	}
	due, _, err := s.Due(t.Context(), noon, 10)
	if err != nil || len(due) != 2 { // the chat's notice, and filing once
		t.Fatalf("due: %v (%v)", due, err)
	}
	p.FiledNow(noon, p.Record)
	if err := s.Finish(t.Context(), engine.Finished{Action: due[1], Now: noon, Outcome: engine.Done, Receipt: &record.Receipt{Where: "x"}, Prompt: &sh}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Content(t.Context(), p.Record); err == nil {
		t.Error("the text is still kept after the record was filed")
	}
	if err := s.Erase(t.Context(), noon.Add(24*time.Hour)); err != nil {
		t.Fatal(err)
	}
	if got := survivors(t, s); len(got) != 0 {
		t.Errorf("%d keys survive, want none", len(got))
	}
}

func TestOneFailingRequestDoesNotUndoItsNeighbours(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "data"))
	boom := errors.New("boom")
	results := make(chan error, 40)
	for i := range 40 {
		go func() {
			err := s.write.do(context.Background(), func(tx *tx) error {
				if err := tx.receive(noon, &[]chat.Event{posted(fmt.Sprint(i), "x")}[0]); err != nil {
					return err
				}
				if i%2 == 1 {
					return boom
				}
				return nil
			})
			if (i%2 == 1) != errors.Is(err, boom) {
				results <- fmt.Errorf("request %d ended with %v", i, err)
				return
			}
			results <- nil
		}()
	}
	for range 40 {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
	if got := len(texts(t, s)); got != 20 {
		t.Errorf("%d events were stored, want the 20 of the requests that succeeded", got)
	}
}

func TestManyKeysAreTakenWithoutLosingOne(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	s := open(t, dir)
	const chats = 3 * spare
	for i := range chats {
		ev := posted("k", fmt.Sprint("text ", i))
		ev.Chat.Local = fmt.Sprint("chat-", i)
		if err := s.Receive(t.Context(), noon, []chat.Event{ev}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Erase(t.Context(), noon); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir)
	for i := range chats {
		load, err := s.Take(t.Context(), chat.ID{Account: "practice", Local: fmt.Sprint("chat-", i)}, 1)
		if err != nil || load.Events[0].Event.Text != fmt.Sprint("text ", i) {
			t.Fatalf("chat %d: %v, %v", i, load.Events, err)
		}
	}
}

func TestEndedPromptsAreForgottenAfterNinetyDays(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "data"))
	p := prompt.New("20261123-PPPPPPPPPP", noon, room, "Flood North", chat.Team, "sam", "Sam")
	p.Flag(noon, prompt.Item{Message: "m1", At: noon, Kind: "personal", Outcome: policy.MustNot, Duties: []policy.Duty{policy.Ask, policy.Remove}})
	p.Gone(noon, "m1")
	settle(t, s, engine.Settlement{Chat: room, Now: noon, Prompts: []engine.Shown{{Prompt: p}}})
	for _, c := range []struct {
		after time.Duration
		there bool
	}{{89 * 24 * time.Hour, true}, {91 * 24 * time.Hour, false}} {
		if err := s.Erase(t.Context(), noon.Add(c.after)); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Prompt(t.Context(), p.ID); (err == nil) != c.there {
			t.Errorf("after %s the prompt is there: %t, want %t", c.after, err == nil, c.there)
		}
	}
}
