package app

import (
	"cmp"
	"context"
	"time"

	"chaperone/internal/access"
	"chaperone/internal/chat"
	"chaperone/internal/control"
	"chaperone/internal/engine"
)

func (a *App) chatCalls(t control.Table) {
	t["chat.list"] = looks(access.See, a.chatList)
	t["chat.gaps"] = looks(access.See, a.chatGaps)
}

// Chat is a chat that the bot sits in, or sat in.
type Chat struct {
	ID   string    `json:"id"`
	Name string    `json:"name"`
	Kind chat.Kind `json:"kind"`
	Mode string    `json:"mode"` // watch or act
	Gaps int       `json:"gaps"` // stretches of which something is missing

	Abroad int `json:"numbers_from_abroad"` // members whose vouched-for numbers are not British
}

func (a *App) chatList(ctx context.Context, _ struct{}) ([]Chat, error) {
	known, err := a.store.Chats(ctx)
	if err != nil {
		return nil, err
	}
	gaps, err := a.store.Gaps(ctx, chat.ID{})
	if err != nil {
		return nil, err
	}
	missing := map[chat.ID]int{}
	for _, g := range gaps {
		if !g.Later {
			missing[g.Chat]++
		}
	}
	out := make([]Chat, 0, len(known))
	for _, k := range known {
		c := Chat{ID: k.ID.String(), Name: cmp.Or(k.Name, k.ID.Local), Kind: k.Kind, Mode: "watch", Gaps: missing[k.ID]}
		if c.Abroad, err = a.abroad(ctx, k.ID); err != nil {
			return nil, err
		}
		s := a.engine.SettingOf(k.ID)
		if s.Acting {
			c.Mode = "act"
		}
		if s.Kind.Valid() {
			c.Kind = s.Kind
		}
		out = append(out, c)
	}
	return out, nil
}

// Gap is a stretch that the bot cannot vouch for.
type Gap struct {
	Chat    string     `json:"chat"`
	Kind    chat.Gap   `json:"kind"`
	Since   *time.Time `json:"since,omitempty"` // none: from the beginning of the chat
	Until   *time.Time `json:"until,omitempty"` // none: it has not ended
	Message string     `json:"message,omitempty"`
	Later   bool       `json:"delivered_later,omitempty"` // nothing is missing
	Says    string     `json:"says"`
}

func (a *App) chatGaps(ctx context.Context, in struct{ Chat string }) ([]Gap, error) {
	var id chat.ID
	if in.Chat != "" {
		var err error
		if id, err = chatID(in.Chat); err != nil {
			return nil, err
		}
	}
	gaps, err := a.store.Gaps(ctx, id)
	out := make([]Gap, 0, len(gaps))
	for _, g := range gaps {
		v := Gap{Chat: g.Chat.String(), Kind: g.Kind, Message: string(g.Message), Later: g.Later, Says: saysGap(g)}
		if !g.Since.IsZero() {
			v.Since = &g.Since
		}
		if !g.Until.IsZero() {
			v.Until = &g.Until
		}
		out = append(out, v)
	}
	return out, err
}

// saysGap is the gap in words.
func saysGap(g engine.Gap) string {
	switch {
	case g.Kind == chat.NotThere:
		return "the bot was not in the chat, or its notice did not stand there: nothing was read"
	case g.Kind == chat.Offline && g.Later:
		return "Chaperone was not running; the platform delivered what was said afterwards"
	case g.Kind == chat.Offline:
		return "nobody listened: what was said and deleted in that time was not seen"
	case g.Kind == chat.Undecrypted:
		return "a message arrived that could not be read"
	case g.Kind == chat.Unseen:
		return "a message was deleted before it was read"
	case g.Kind == chat.ByOthers:
		return "a message was deleted by somebody other than its sender"
	}
	return saysUnread[g.Kind]
}

// saysUnread says of files why they were not read.
var saysUnread = map[chat.Gap]string{
	chat.FileKind:      "a file was posted that was not read: files of its kind are not",
	chat.FilePicture:   "pictures, sound or films were posted on that day; what they show is not read",
	chat.FileLarge:     "a file was posted that was not read: it is too large",
	chat.FileLocked:    "a file was posted that was not read: it is locked with a password",
	chat.FileDamaged:   "a file was posted that was not read: it is damaged, or not what it says it is",
	chat.FileSlow:      "a file was posted that was not read: it took too long",
	chat.FilePart:      "a file was posted of which only a part was read",
	chat.FileGone:      "a file was posted that was not read: it was gone before it could be",
	chat.FileForbidden: "a file was posted that was not read: the platform does not give it to the bot",
	chat.FileFailed:    "a file was posted that was not read: it could not be fetched, however often it was tried, or not be looked through",
}
