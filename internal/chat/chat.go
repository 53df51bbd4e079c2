// Package chat is the vocabulary that every other package shares: accounts,
// chats, members, messages and the events that platforms report about them.
//
// It holds values only. It must not do I/O, read a clock, or know a platform.
package chat

import "time"

// Account is one identity of the bot on one platform, such as "practice" or
// "slack/T01ABCD". It never contains a secret.
type Account string

// ID names one chat: the account that sits in it, and the platform's own name
// for it within that account. Neither part is ever a display name.
type ID struct {
	Account Account
	Local   string
}

// String gives "account/local", for logs and file names of records.
func (id ID) String() string { return string(id.Account) + "/" + id.Local }

// MemberID is a person as the platform sees them, unique within an account.
type MemberID string

// MessageID is the platform's own name for a message, unique within its chat.
type MessageID string

// Kind says what a chat is for. Policy rows speak of kinds, never of platforms
// (S0 R9).
type Kind string

// The kinds of chat.
const (
	Team      Kind = "team"
	Emergency Kind = "emergency"
	Partner   Kind = "partner"
	Public    Kind = "public"
	Private   Kind = "private" // out of scope: personal, political, constituency or parliamentary talk (R8)
)

// Valid reports whether k is one of the kinds above.
func (k Kind) Valid() bool {
	return k == Team || k == Emergency || k == Partner || k == Public || k == Private
}

// EventKind says what happened.
type EventKind string

// The kinds of event, and the fields of Event that each fills beside Key,
// Kind, Chat and At.
const (
	Added    EventKind = "added"    // the bot is now in the chat: Name (of the chat), ChatKind, Member (who added it, where the platform says)
	Posted   EventKind = "posted"   // Member, Name, Message, Text, ReplyTo, Files
	Edited   EventKind = "edited"   // Member, Name, Message, Revision, Text and Files (whole, as it now reads)
	Deleted  EventKind = "deleted"  // Member (who deleted it), Message
	Reacted  EventKind = "reacted"  // Member, Message, Text (the reaction)
	Joined   EventKind = "joined"   // Member, Name
	Left     EventKind = "left"     // Member
	Removed  EventKind = "removed"  // the bot is no longer in the chat
	Missed   EventKind = "missed"   // what the bot could not read, from Since until At: Gap, and Message where it was one
	Answered EventKind = "answered" // Member, Prompt, Answer, Text (what they wrote, where the answer wants it)
	Ticked   EventKind = "ticked"   // Member, Prompt, Step, Done
	Wanted   EventKind = "wanted"   // somebody wants a message kept as a record: Member (who), Message, Answer (who wrote it), Text; At is when it was written
)

// Event is one thing that happened in a chat, as the platform reports it. It
// is stored before it is acknowledged, and settled once, in the order of its
// chat.
type Event struct {
	Key        string // the platform's own key; the same key twice is the same event
	Kind       EventKind
	Chat       ID
	At         time.Time // platform time; orders a chat, decides nothing else
	Member     MemberID
	Name       string // untrusted: what the platform shows
	ChatKind   Kind
	Server     string // of whose chats this is one, where a platform has servers; of Added
	ServerName string // untrusted
	Message    MessageID
	Revision   int64 // 0 as posted, higher after each edit
	ReplyTo    MessageID
	Text       string
	Prompt     string
	Answer     string
	Step       string
	Done       bool
	Since      time.Time
	Gap        Gap
	Files      []File
	FilesKept  bool // of Edited: its files are those that it had
}

// File is a file that was posted with a message: where it is, never what is in
// it. All of it is untrusted, and kept as the text of a message is.
type File struct {
	ID   string // the platform's own name for it, the same after an edit
	Name string
	Type string // its media type, where the platform says
	Size int64  // in bytes, where the platform says
	Ref  string // what its bot fetches it by, which may be a secret
}

// Gap says why the bot cannot vouch for a stretch of a chat.
type Gap string

// The kinds of gap.
const (
	NotThere    Gap = "not-there"     // the bot was not in the chat, or its notice did not stand there
	Offline     Gap = "offline"       // nobody listened
	Undecrypted Gap = "undecryptable" // it arrived and could not be read
	Unseen      Gap = "unseen"        // a message was deleted before it was read
	ByOthers    Gap = "by-others"     // a message was deleted by somebody other than its sender and the bot

	// Of files that were posted, and not read or not wholly.
	FileKind      Gap = "file-kind"      // of a kind that is not read
	FilePicture   Gap = "file-picture"   // pictures, sound and films, of one day
	FileLarge     Gap = "file-large"     // larger than is read
	FileLocked    Gap = "file-locked"    // with a password
	FileDamaged   Gap = "file-damaged"   // or not what it says it is
	FileSlow      Gap = "file-slow"      // it took too long to read
	FilePart      Gap = "file-part"      // only a part of it was read
	FileGone      Gap = "file-gone"      // the platform has it no longer
	FileForbidden Gap = "file-forbidden" // the platform does not give it to the bot
	FileFailed    Gap = "file-failed"    // it could not be fetched, however often it was tried, or not be looked through
)
