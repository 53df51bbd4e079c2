package lab

import (
	"context"
	"encoding/base64"
	"fmt"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
	"google.golang.org/protobuf/proto"
)

// What a person does. A chat is a group's address, or a number for a private
// chat; a message is named by its id, and whose it is by their number.

// chat reads the name of a chat.
func chat(name string) (types.JID, error) {
	j, err := types.ParseJID(name)
	if err == nil && j.User == "" {
		j = types.NewJID(name, types.DefaultUserServer)
	}
	return j, err
}

// Post posts a message of any kind and returns its id.
func (p *Person) Post(ctx context.Context, to string, m *waE2E.Message) (string, error) {
	return p.post(ctx, to, m)
}

// Comment comments on a message of somebody, encrypted once more under its secret.
func (p *Person) Comment(ctx context.Context, in, author, message, text string) (string, error) {
	j, err := chat(in)
	if err != nil {
		return "", err
	}
	whose, err := p.as(in, author)
	if err != nil {
		return "", err
	}
	sealed, err := p.client.EncryptComment(ctx, &types.MessageInfo{MessageSource: types.MessageSource{Chat: j, Sender: whose, IsGroup: true}, ID: message}, plain(text))
	if err != nil {
		return "", err
	}
	return p.post(ctx, in, sealed)
}

func (p *Person) post(ctx context.Context, to string, m *waE2E.Message) (string, error) {
	j, err := chat(to)
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	p.send.Lock()
	defer p.send.Unlock()
	sent, err := p.client.SendMessage(ctx, j, m)
	if err != nil {
		return "", fmt.Errorf("%s could not send: %w", p.Name, err)
	}
	p.wrote(p.message(&events.Message{Info: types.MessageInfo{
		MessageSource: types.MessageSource{Chat: j, Sender: *p.client.Store.ID}, ID: sent.ID, Timestamp: sent.Timestamp,
	}, Message: m}))
	return sent.ID, nil
}

// Say posts a text and returns its id.
func (p *Person) Say(ctx context.Context, to, text string) (string, error) {
	return p.post(ctx, to, plain(text))
}

// Reply posts a text that quotes a message of somebody.
func (p *Person) Reply(ctx context.Context, to, author, message, text string) (string, error) {
	whose, err := p.as(to, author)
	if err != nil {
		return "", err
	}
	return p.post(ctx, to, &waE2E.Message{ExtendedTextMessage: &waE2E.ExtendedTextMessage{Text: &text, ContextInfo: &waE2E.ContextInfo{
		StanzaID: &message, Participant: proto.String(whose.String()), QuotedMessage: plain(""),
	}}})
}

// Edit changes a message of the person's own.
func (p *Person) Edit(ctx context.Context, in, message, text string) error {
	j, err := chat(in)
	if err != nil {
		return err
	}
	_, err = p.post(ctx, in, p.client.BuildEdit(j, message, plain(text)))
	return err
}

// Revoke deletes a message for everyone: one's own, or as an administrator
// somebody else's.
func (p *Person) Revoke(ctx context.Context, in, author, message string) error {
	j, err := chat(in)
	if err != nil {
		return err
	}
	whose := types.EmptyJID
	if author != p.Number {
		if whose, err = p.as(in, author); err != nil {
			return err
		}
	}
	_, err = p.post(ctx, in, p.client.BuildRevoke(j, whose, message))
	return err
}

// React reacts to a message; an empty reaction takes it back.
func (p *Person) React(ctx context.Context, in, author, message, reaction string) error {
	j, err := chat(in)
	if err != nil {
		return err
	}
	whose, err := p.as(in, author)
	if err != nil {
		return err
	}
	_, err = p.post(ctx, in, p.client.BuildReaction(j, whose, message, reaction))
	return err
}

// Poll asks a question with options to choose from.
func (p *Person) Poll(ctx context.Context, in, question string, options []string) (string, error) {
	return p.post(ctx, in, p.client.BuildPollCreation(question, options, 1))
}

// Share posts a document with a caption.
func (p *Person) Share(ctx context.Context, in, name, kind, caption string, data []byte) (string, error) {
	return p.share(ctx, in, name, kind, caption, data, false)
}

// share posts a document; gone: the server loses it before anybody fetches it.
func (p *Person) share(ctx context.Context, in, name, kind, caption string, data []byte, gone bool) (string, error) {
	up, err := p.client.Upload(ctx, data, whatsmeow.MediaDocument)
	if err != nil {
		return "", err
	}
	if gone {
		p.lab.ForgetMedia()
	}
	id, err := p.post(ctx, in, &waE2E.Message{DocumentMessage: &waE2E.DocumentMessage{
		FileName: &name, Mimetype: &kind, Caption: &caption, URL: &up.URL, DirectPath: &up.DirectPath,
		MediaKey: up.MediaKey, FileEncSHA256: up.FileEncSHA256, FileSHA256: up.FileSHA256, FileLength: &up.FileLength,
	}})
	p.lab.mu.Lock()
	defer p.lab.mu.Unlock()
	if p.lab.shared == nil {
		p.lab.shared = map[string]shared{}
	}
	p.lab.shared[id] = shared{base64.RawURLEncoding.EncodeToString(up.FileEncSHA256), up.MediaKey}
	return id, err
}

// Picture posts a picture with a caption.
func (p *Person) Picture(ctx context.Context, in, caption string, data []byte) (string, error) {
	up, err := p.client.Upload(ctx, data, whatsmeow.MediaImage)
	if err != nil {
		return "", err
	}
	kind := "image/jpeg"
	return p.post(ctx, in, &waE2E.Message{ImageMessage: &waE2E.ImageMessage{
		Mimetype: &kind, Caption: &caption, URL: &up.URL, DirectPath: &up.DirectPath,
		MediaKey: up.MediaKey, FileEncSHA256: up.FileEncSHA256, FileSHA256: up.FileSHA256, FileLength: &up.FileLength,
	}})
}

// Read tells the author that a message has been read.
func (p *Person) Read(ctx context.Context, in, author, message string) error {
	j, err := chat(in)
	if err != nil {
		return err
	}
	whose, err := p.as(in, author)
	if err != nil {
		return err
	}
	return p.client.MarkRead(ctx, []string{message}, time.Now(), j, whose)
}

// Rename changes a group's subject, which the server can read.
func (p *Person) Rename(ctx context.Context, in, subject string) error {
	j, err := chat(in)
	if err != nil {
		return err
	}
	return p.client.SetGroupName(ctx, j, subject)
}

// Describe changes what stands under a group's name.
func (p *Person) Describe(ctx context.Context, in, text string) error {
	j, err := chat(in)
	if err != nil {
		return err
	}
	return p.client.SetGroupTopic(ctx, j, "", "", text)
}

// Leave leaves a group.
func (p *Person) Leave(ctx context.Context, in string) error {
	j, err := chat(in)
	if err != nil {
		return err
	}
	return p.client.LeaveGroup(ctx, j)
}

// Change adds, removes, promotes or demotes members, as an administrator.
func (p *Person) Change(ctx context.Context, in string, how whatsmeow.ParticipantChange, numbers ...string) error {
	j, err := chat(in)
	if err != nil {
		return err
	}
	var who []types.JID
	for _, n := range numbers {
		whose, err := p.as(in, n)
		if err != nil {
			return err
		}
		who = append(who, whose)
	}
	p.send.Lock()
	defer p.send.Unlock()
	answers, err := p.client.UpdateGroupParticipants(ctx, j, who, how)
	for _, a := range answers {
		if a.Error != 0 {
			return fmt.Errorf("the server refused %s for %s: %d", how, a.JID, a.Error)
		}
	}
	return err
}

// as is how somebody is addressed in a chat.
func (p *Person) as(in, number string) (types.JID, error) {
	j, err := chat(in)
	if err != nil {
		return j, err
	}
	p.lab.mu.Lock()
	defer p.lab.mu.Unlock()
	a := p.lab.accounts[number]
	if a == nil {
		return j, fmt.Errorf("nobody has the number %s", number)
	}
	if g := p.lab.groups[j]; g != nil {
		return g.address(a), nil
	}
	return a.address(j.Server), nil
}
