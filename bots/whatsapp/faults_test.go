package whatsapp

import (
	"context"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waCommon"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
	"google.golang.org/protobuf/proto"

	"chaperone/bots/whatsapp/lab"
	"chaperone/internal/chat"
)

// TestMain lets clients ask more often than the half minute whether anybody is
// there. The library has that for the whole process.
func TestMain(m *testing.M) {
	if whatsmeow.KeepAliveIntervalMax+whatsmeow.KeepAliveResponseDeadline > time.Minute {
		panic("a connection that is silent would be noticed after more than a minute")
	}
	whatsmeow.KeepAliveIntervalMin, whatsmeow.KeepAliveIntervalMax = time.Second, 2*time.Second
	os.Exit(m.Run())
}

// TestSilenceIsNoticed lets a connection stand whose other end is dead.
func TestSilenceIsNoticed(t *testing.T) {
	w, j := newWorld(t, true), &journal{}
	w.run(t, j)
	w.say(t, sam, w.group, "before")
	j.wait(t, "what came before", text("before"))
	if !w.bot.Connected() {
		t.Error("it is not connected, and hears")
	}
	done(t, w.lab.Fault(lab.Fault{Kind: lab.Silent, Number: office, Device: 1}))
	w.say(t, sam, w.group, "into the silence")
	j.wait(t, "what was said into the silence, over another connection", text("into the silence"))
}

// TestCuts cuts the connection at any time while people talk, 50 times, or 1,000
// with CHAPERONE_SOAK: nothing is lost, and nothing is told twice.
func TestCuts(t *testing.T) {
	if raced {
		t.Skip("skipped: the library itself has a race where a connection is cut while something is sent")
	}
	cuts := 50
	if os.Getenv("CHAPERONE_SOAK") != "" {
		cuts = 1000
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	w, j := newWorld(t, true), &journal{}
	w.run(t, j)
	want, cut := map[string]string{}, 0
	for i := range cuts {
		for n := range 1 + rng.IntN(2) {
			s := "message " + string(rune('a'+n)) + time.Duration(i).String()
			want[s] = w.say(t, []string{sam, priya}[rng.IntN(2)], w.group, s)
		}
		for end := time.Now().Add(30 * time.Second); !w.lab.Listening(office, 1) && time.Now().Before(end); time.Sleep(time.Millisecond) {
		}
		time.Sleep(time.Duration(rng.IntN(20)) * time.Millisecond)
		w.bot.failed.Store(0)                                                                                                   // it comes back at once
		if w.lab.Fault(lab.Fault{Kind: []lab.FaultKind{lab.Cut, lab.Restart}[rng.IntN(2)], Number: office, Device: 1}) == nil { // or it is not connected
			cut++
		}
	}
	for got, end := -1, time.Now(); ; time.Sleep(10 * time.Millisecond) {
		if n := len(j.all(chat.Posted)); n > got { // as long as something comes
			got, end = n, time.Now().Add(30*time.Second)
		}
		if got >= len(want) || time.Now().After(end) {
			break
		}
	}
	posted := j.all(chat.Posted)
	if len(posted) != len(want) {
		t.Errorf("%d messages were said, and %d arrived", len(want), len(posted))
	}
	for _, e := range posted {
		delete(want, e.Text)
	}
	for s, id := range want {
		t.Errorf("%q (%s) was lost", s, id)
	}
	t.Logf("%d cuts of %d took a connection; %d messages", cut, cuts, len(posted))
}

// FuzzIn gives the translation what no client would send: whatever it is, it is
// an event, nothing, or an error.
func FuzzIn(f *testing.F) {
	for _, m := range []*waE2E.Message{
		{Conversation: proto.String("the pumps are on")},
		{ReactionMessage: &waE2E.ReactionMessage{Key: &waCommon.MessageKey{ID: proto.String("3EB0"), Participant: proto.String("1@lid")}, Text: proto.String("👍")}},
		{ProtocolMessage: &waE2E.ProtocolMessage{Type: waE2E.ProtocolMessage_REVOKE.Enum(), Key: &waCommon.MessageKey{ID: proto.String("3EB0")}}},
		{ProtocolMessage: &waE2E.ProtocolMessage{Key: &waCommon.MessageKey{}, EditedMessage: &waE2E.Message{Conversation: proto.String("off")}}},
		{ContactsArrayMessage: &waE2E.ContactsArrayMessage{Contacts: []*waE2E.ContactMessage{{}, nil}}},
		{PollCreationMessageV3: &waE2E.PollCreationMessage{Options: []*waE2E.PollCreationMessage_Option{{}}}},
		{ImageMessage: &waE2E.ImageMessage{ContextInfo: &waE2E.ContextInfo{StanzaID: proto.String("x"), Participant: proto.String("@@")}}},
	} {
		b, err := proto.Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b, "8", true)
	}
	ctx := context.Background()
	db := openDB(f, f.TempDir()+"/fuzz.db", true)
	bot, err := New(ctx, Options{DB: db, KeyFile: f.TempDir() + "/keys"})
	if err != nil {
		f.Fatal(err)
	}
	group, sender := types.NewJID("120363000000000001", types.GroupServer), types.NewJID("100000000000001", types.HiddenUserServer)
	f.Fuzz(func(t *testing.T, raw []byte, edit string, mine bool) {
		m := &waE2E.Message{}
		if proto.Unmarshal(raw, m) != nil {
			return
		}
		e := &events.Message{Message: m, Info: types.MessageInfo{ID: "3EB0", Edit: types.EditAttribute(edit), Timestamp: time.Unix(1, 0)}}
		e.Info.Chat, e.Info.Sender, e.Info.IsFromMe = group, sender, mine
		ev, err := bot.translate(ctx, e, chat.Event{Chat: chatID(group), At: e.Info.Timestamp, Member: memberID(sender), Message: messageID("3EB0", memberID(sender))})
		if err != nil {
			t.Fatal(err)
		}
		if ev.Kind == chat.Posted && ev.Key == "" || ev.Kind != "" && ev.Message == "" {
			t.Errorf("it is %+v", ev)
		}
		_, _, _, err = bot.choice(ctx, memberID(sender), m)
		if err != nil {
			t.Fatal(err)
		}
	})
}
