package whatsapp

import (
	"flag"
	"os"
	"slices"
	"strings"
	"testing"

	"go.mau.fi/whatsmeow/proto/waCommon"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"chaperone/bots/whatsapp/lab"
	"chaperone/internal/chat"
)

var update = flag.Bool("update", false, "write the list of fields that are read")

// TestWhichFieldsAreRead holds every field of the library's messages against a
// list that people have looked at: a newer library brings others, of which
// somebody has to say whether people read them.
func TestWhichFieldsAreRead(t *testing.T) {
	var lines []string
	seen := map[protoreflect.FullName]bool{}
	var walk func(protoreflect.MessageDescriptor)
	walk = func(d protoreflect.MessageDescriptor) {
		if seen[d.FullName()] {
			return
		}
		seen[d.FullName()] = true
		for i := range d.Fields().Len() {
			f := d.Fields().Get(i)
			how := "read  "
			if unread(f) {
				how = "unread"
			}
			switch {
			case f.Kind() == protoreflect.StringKind:
				_, name, _ := strings.Cut(string(f.FullName()), ".")
				lines = append(lines, name+" "+how)
			case f.Kind() == protoreflect.MessageKind && how == "read  ":
				walk(f.Message())
			}
		}
	}
	walk((&waE2E.Message{}).ProtoReflect().Descriptor())
	slices.Sort(lines)
	got, file := strings.Join(lines, "\n")+"\n", "testdata/fields.txt"
	if *update {
		done(t, os.WriteFile(file, []byte(got), 0o644))
	}
	want, err := os.ReadFile(file)
	done(t, err)
	if got != string(want) {
		t.Errorf("the fields are not those of %s; look at each that differs, and then: go test ./bots/whatsapp -run TestWhichFieldsAreRead -update", file)
	}
}

func wrapped(m *waE2E.Message) *waE2E.FutureProofMessage {
	return &waE2E.FutureProofMessage{Message: m}
}

// kinds are messages whose text is "word" and their name.
func kinds() map[string]func(text *string) *waE2E.Message {
	caption := func(text *string) *waE2E.Message {
		return &waE2E.Message{ImageMessage: &waE2E.ImageMessage{Caption: text}}
	}
	return map[string]func(*string) *waE2E.Message{
		"a text":              func(s *string) *waE2E.Message { return &waE2E.Message{Conversation: s} },
		"a caption":           caption,
		"the words of a film": func(s *string) *waE2E.Message { return &waE2E.Message{VideoMessage: &waE2E.VideoMessage{Caption: s}} },
		"a note of a film":    func(s *string) *waE2E.Message { return &waE2E.Message{PtvMessage: &waE2E.VideoMessage{Caption: s}} },
		"a title of a file": func(s *string) *waE2E.Message {
			return &waE2E.Message{DocumentMessage: &waE2E.DocumentMessage{Title: s}}
		},
		"a preview of a link": func(s *string) *waE2E.Message {
			return &waE2E.Message{ExtendedTextMessage: &waE2E.ExtendedTextMessage{Text: proto.String("https://calderwick.example"), Description: s}}
		},
		"a card drawn by an app": func(s *string) *waE2E.Message {
			return &waE2E.Message{ExtendedTextMessage: &waE2E.ExtendedTextMessage{Text: proto.String("look"), ContextInfo: &waE2E.ContextInfo{ExternalAdReply: &waE2E.ContextInfo_ExternalAdReplyInfo{Body: s}}}}
		},
		"a contact": func(s *string) *waE2E.Message {
			return &waE2E.Message{ContactMessage: &waE2E.ContactMessage{DisplayName: proto.String("Jo"), Vcard: s}}
		},
		"several contacts": func(s *string) *waE2E.Message {
			return &waE2E.Message{ContactsArrayMessage: &waE2E.ContactsArrayMessage{Contacts: []*waE2E.ContactMessage{{DisplayName: proto.String("Jo")}, {DisplayName: s}}}}
		},
		"a place": func(s *string) *waE2E.Message {
			return &waE2E.Message{LocationMessage: &waE2E.LocationMessage{Address: s}}
		},
		"where somebody is": func(s *string) *waE2E.Message {
			return &waE2E.Message{LiveLocationMessage: &waE2E.LiveLocationMessage{Caption: s}}
		},
		"an event": func(s *string) *waE2E.Message { return &waE2E.Message{EventMessage: &waE2E.EventMessage{Name: s}} },
		"where an event is": func(s *string) *waE2E.Message {
			return &waE2E.Message{EventMessage: &waE2E.EventMessage{Name: proto.String("Briefing"), Location: &waE2E.LocationMessage{Name: s}}}
		},
		"a poll's option": func(s *string) *waE2E.Message {
			return &waE2E.Message{PollCreationMessageV5: &waE2E.PollCreationMessage{Name: proto.String("Who"), Options: []*waE2E.PollCreationMessage_Option{{OptionName: s}}}}
		},
		"a poll in a wrapper": func(s *string) *waE2E.Message {
			return &waE2E.Message{PollCreationMessageV4: wrapped(&waE2E.Message{PollCreationMessageV3: &waE2E.PollCreationMessage{Name: s}})}
		},
		"a list's row": func(s *string) *waE2E.Message {
			return &waE2E.Message{ListMessage: &waE2E.ListMessage{Sections: []*waE2E.ListMessage_Section{{Rows: []*waE2E.ListMessage_Row{{Title: s}}}}}}
		},
		"a choice from a list": func(s *string) *waE2E.Message {
			return &waE2E.Message{ListResponseMessage: &waE2E.ListResponseMessage{Title: s}}
		},
		"a button": func(s *string) *waE2E.Message {
			return &waE2E.Message{ButtonsMessage: &waE2E.ButtonsMessage{Buttons: []*waE2E.ButtonsMessage_Button{{ButtonText: &waE2E.ButtonsMessage_Button_ButtonText{DisplayText: s}}}}}
		},
		"a template": func(s *string) *waE2E.Message {
			return &waE2E.Message{TemplateMessage: &waE2E.TemplateMessage{HydratedTemplate: &waE2E.TemplateMessage_HydratedFourRowTemplate{HydratedContentText: s}}}
		},
		"a card of a carousel": func(s *string) *waE2E.Message {
			return &waE2E.Message{InteractiveMessage: &waE2E.InteractiveMessage{Body: &waE2E.InteractiveMessage_Body{Text: s}}}
		},
		"an invitation": func(s *string) *waE2E.Message {
			return &waE2E.Message{GroupInviteMessage: &waE2E.GroupInviteMessage{Caption: s}}
		},
		"a note with a payment": func(s *string) *waE2E.Message {
			return &waE2E.Message{RequestPaymentMessage: &waE2E.RequestPaymentMessage{NoteMessage: &waE2E.Message{Conversation: s}}}
		},
		"an answer": func(s *string) *waE2E.Message {
			return &waE2E.Message{QuestionResponseMessage: &waE2E.QuestionResponseMessage{Text: s}}
		},
		"shown once": func(s *string) *waE2E.Message { return &waE2E.Message{ViewOnceMessageV2: wrapped(caption(s))} },
		"a page with a caption": func(s *string) *waE2E.Message {
			return &waE2E.Message{DocumentWithCaptionMessage: wrapped(&waE2E.Message{DocumentMessage: &waE2E.DocumentMessage{Caption: s}})}
		},
		"wrapped again and again": func(s *string) *waE2E.Message {
			return &waE2E.Message{ViewOnceMessage: wrapped(&waE2E.Message{EphemeralMessage: wrapped(&waE2E.Message{GroupMentionedMessage: wrapped(&waE2E.Message{EphemeralMessage: wrapped(caption(s))})})})}
		},
		"beside keys": func(s *string) *waE2E.Message {
			return &waE2E.Message{StatusMentionMessage: wrapped(&waE2E.Message{MessageContextInfo: &waE2E.MessageContextInfo{MessageSecret: []byte("x")}, Conversation: s})}
		},
	}
}

// TestNoTextSlipsThrough: whatever somebody writes arrives, whatever is around
// it; an edit and a deletion too.
func TestNoTextSlipsThrough(t *testing.T) {
	w, j := newWorld(t, true), &journal{}
	w.run(t, j)
	for name, make := range kinds() {
		_, err := w.people[sam].Post(t.Context(), w.group, make(proto.String("word of "+name)))
		done(t, err)
	}
	for name := range kinds() {
		j.wait(t, name, func(e chat.Event) bool { return e.Kind == chat.Posted && strings.Contains(e.Text, "word of "+name) })
	}
	picture, err := w.people[sam].Post(t.Context(), w.group, &waE2E.Message{EphemeralMessage: wrapped(&waE2E.Message{ImageMessage: &waE2E.ImageMessage{Caption: proto.String("before")}})})
	done(t, err)
	j.wait(t, "the picture", text("before"))
	key := &waCommon.MessageKey{ID: &picture, FromMe: proto.Bool(true)}
	_, err = w.people[sam].Post(t.Context(), w.group, &waE2E.Message{EphemeralMessage: wrapped(&waE2E.Message{EditedMessage: wrapped(&waE2E.Message{EphemeralMessage: wrapped(&waE2E.Message{
		ProtocolMessage: &waE2E.ProtocolMessage{Type: waE2E.ProtocolMessage_MESSAGE_EDIT.Enum(), Key: key, EditedMessage: &waE2E.Message{ViewOnceMessage: wrapped(&waE2E.Message{ImageMessage: &waE2E.ImageMessage{Caption: proto.String("after")}})}},
	})})})})
	done(t, err)
	j.wait(t, "its caption after an edit", func(e chat.Event) bool {
		return e.Kind == chat.Edited && e.Text == "after" && e.Message == messageID(picture, w.id(sam))
	})
	first, err := w.people[priya].Poll(t.Context(), w.group, "first", []string{"yes"})
	done(t, err)
	j.wait(t, "what is commented on", text("first\nyes"))
	_, err = w.people[sam].Wait(t.Context(), func(s lab.Seen) bool { return s.ID == first })
	done(t, err)
	_, err = w.people[sam].Comment(t.Context(), w.group, priya, first, "word of a comment")
	done(t, err)
	j.wait(t, "a comment", text("word of a comment"))
	done(t, w.people[office].Rename(t.Context(), w.group, "word of a name"))
	done(t, w.people[office].Describe(t.Context(), w.group, "word of a description"))
	for _, want := range []string{"word of a name", "word of a description"} {
		if e := j.wait(t, want, text(want)); e.Member != w.id(office) || e.Message == "" {
			t.Errorf("%s arrived as %+v", want, e)
		}
	}
	if got := j.all(chat.Missed); len(got) > 0 {
		t.Errorf("%d messages count as unread that were read", len(got))
	}
}

// TestWhatIsUnknownIsDeclared: a kind of message that the library does not know,
// one that is kept from linked devices, and one that cannot be opened.
func TestWhatIsUnknownIsDeclared(t *testing.T) {
	w, j := newWorld(t, true), &journal{}
	w.run(t, j)
	newer := &waE2E.Message{}
	newer.ProtoReflect().SetUnknown(protowire.AppendBytes(protowire.AppendTag(nil, 4999, protowire.BytesType), []byte("a kind of tomorrow")))
	for name, m := range map[string]*waE2E.Message{
		"newer":               newer,
		"newer, and wrapped":  {EphemeralMessage: wrapped(newer)},
		"newer, beside words": {Conversation: proto.String("half of it"), EphemeralMessage: wrapped(newer)},
		"kept back":           {PlaceholderMessage: &waE2E.PlaceholderMessage{Type: waE2E.PlaceholderMessage_MASK_LINKED_DEVICES.Enum()}},
		"a sealed comment": {EncCommentMessage: &waE2E.EncCommentMessage{
			TargetMessageKey: &waCommon.MessageKey{ID: proto.String("NOBODYKNOWS"), RemoteJID: &w.group, Participant: proto.String(w.lab.Hidden(priya).String())}, EncPayload: []byte("x"), EncIV: []byte("y"),
		}},
	} {
		id, err := w.people[sam].Post(t.Context(), w.group, m)
		done(t, err)
		e := j.wait(t, name, func(e chat.Event) bool { return e.Kind == chat.Missed && e.Message == messageID(id, w.id(sam)) })
		if e.Gap != chat.Undecrypted || e.Chat != w.chat || e.Since.IsZero() {
			t.Errorf("%s: the gap is %+v", name, e)
		}
	}
}
