// Package bots says what a bot is: the one door between Chaperone and a chat
// platform. A bot translates; it reports events and carries out effects.
//
// It must not decide anything, retry, pace, count or log message text: those
// live once, in internal/engine. A platform's package (bots/slack, …) imports
// this package, chat and rules, and never another platform.
package bots

import (
	"context"
	"errors"
	"fmt"
	"time"

	"chaperone/internal/chat"
)

// Bot is one account on one platform.
type Bot interface {
	// Account names the account. It does not change.
	Account() chat.Account

	// Run connects and delivers events until ctx ends or the connection
	// cannot be kept. Within a chat events are delivered in order, and an
	// event is acknowledged to the platform only after deliver returned nil
	// for it; an event whose delivery failed is delivered again.
	Run(ctx context.Context, deliver Deliver) error

	// Abilities says, for each kind of effect, what can be done in this chat
	// now. What it allows, Do carries out; what it does not, Do refuses with
	// ErrUnsupported. botstest compares the two.
	Abilities(ctx context.Context, id chat.ID) (Abilities, error)

	// Do carries out one effect and returns the id of the message it made, if
	// any. It does not retry. When it returns an error that is none of this
	// package's, the effect may or may not have happened.
	Do(ctx context.Context, e Effect) (chat.MessageID, error)
}

// Deliver hands events over for storing. It returns nil only when all of them
// are durable.
type Deliver func(ctx context.Context, events []chat.Event) error

// Reconciler is implemented by bots whose platform can be asked whether an
// effect reached it. Without it an interrupted effect ends as "unknown".
type Reconciler interface {
	// Sent reports whether a call with this key reached the platform, and the
	// message that it made. Where the platform refused the call the error is
	// the one of this package that Do returned, and sent is true.
	Sent(ctx context.Context, e Effect) (chat.MessageID, bool, error)
}

// Fetcher is implemented by bots whose platform gives out the text of a message
// that stands in a chat. Without it nothing that the bot deletes can be given
// back.
type Fetcher interface {
	// Fetch reads a message as it now is. ErrGone when it is not there.
	Fetch(ctx context.Context, id chat.ID, message chat.MessageID) (string, error)
}

// Downloader is implemented by bots whose platform gives out the files that are
// posted. Without it no file is read.
type Downloader interface {
	// Download gives the bytes of a file that was posted with a message.
	// ErrTooLarge when there are more than most, which are not read on then.
	Download(ctx context.Context, id chat.ID, message chat.MessageID, f chat.File, most int64) ([]byte, error)
}

// Roster is implemented by bots whose platform lists who is in a chat. Without
// it members are known as they are seen coming, speaking and going.
type Roster interface {
	// Members lists everybody who is in a chat now, bots too.
	Members(ctx context.Context, id chat.ID) ([]Member, error)
}

// Servers is implemented by bots whose chats are those of servers, and who list a
// server once rather than each of its chats.
type Servers interface {
	// Server lists who is in the server that a chat belongs to.
	Server(ctx context.Context, id chat.ID) (Server, error)
}

// Server is who is in a server, each once, and in which of its chats.
type Server struct {
	ID        string
	Members   []Member
	Audiences []Audience
}

// Audience is chats in which the same members are.
type Audience struct {
	Chats   []chat.ID
	Members []int // their places in the list of the server
}

// Member is somebody in a chat, as the platform vouches for them. What it does
// not vouch for is left empty: a number is never made of the digits of an id.
type Member struct {
	ID    chat.MemberID
	Also  []chat.MemberID // other ids of the same member in this account
	Name  string          // untrusted: what the platform shows
	Bot   bool            // a bot or an app, this one included
	Owner bool            // the chat is theirs
	Admin bool            // an administrator of the chat
	Phone string          // theirs beyond doubt, in international form
	Email string          // likewise
}

// Backlog is implemented by bots whose platform keeps what was said while the
// bot was away, and delivers it afterwards. Without it every absence is a gap.
type Backlog interface {
	// Keeps says for how long; 0 is for ever.
	Keeps() time.Duration
}

// Conversant is implemented by bots to whom a member can speak alone. Without it
// members ask in a chat, by the bot's name.
type Conversant interface {
	// Converse says who answers. It is called once, before Run. What a member
	// says to the bot alone goes there and nowhere else: the bot does not
	// deliver it, and neither keeps nor logs it.
	Converse(answer Answerer)
}

// Worded is implemented by bots that show words besides those of effects and
// replies: of a box to write in, of the page that is theirs in the app.
type Worded interface {
	// Speak says who knows them. It is called once, before Run.
	Speak(words Words)
}

// Words gives what says one of the texts whose names begin with app_, in the
// language that a member reads; n is the count in it, where there is one.
type Words func(ctx context.Context, who chat.MemberID) (say func(name string, n int) string)

// Ender is implemented by bots that show a whole workspace as a chat, so that the
// accounts of leavers can be ended. Each such removal waits for two people.
type Ender interface {
	// Ends reports whether being removed from a chat ends a member's account.
	Ends(id chat.ID) bool
}

// Public is implemented by bots that show words of their own to a whole chat.
type Public interface {
	// Proclaim says who knows them. It is called once, before Run.
	Proclaim(words PublicWords)
}

// PublicWords gives one of the texts whose names begin with app_ in every language
// of a chat. An empty chat stands for all of them.
type PublicWords func(id chat.ID, name string) []string

// Pulse is implemented by bots that know whether they are connected. Without it
// a connection that was lost counts as lost until something was done over it.
type Pulse interface {
	Connected() bool
}

// Hindered is implemented by bots that may be connected and yet kept from their
// part until a person mends something.
type Hindered interface {
	// Hindered says what it is, and how it is mended; empty: nothing is.
	Hindered() string
}

// Revealer is implemented by bots that show a prompt only when its member asks
// for it, where they let nobody write to them.
type Revealer interface {
	// Reveal says who knows the prompts. It is called once, before Run.
	Reveal(waiting Waiting)
}

// Waiting lists the prompts that wait for a member in a chat, as they now are.
// What it gives is for that member alone.
type Waiting func(ctx context.Context, id chat.ID, member chat.MemberID) ([]Prompt, error)

// Greeted is implemented by bots whose platform takes it amiss when they write
// first. Members are asked to begin.
type Greeted interface {
	// Hello is a link by which a member begins to talk to the bot alone; empty
	// while there is none.
	Hello() string
}

// Answerer answers what a member says to the bot alone. The replies go back
// the way it came.
type Answerer func(ctx context.Context, p Private) ([]Reply, error)

// Private is what a member says to the bot alone.
type Private struct {
	Account chat.Account
	Member  chat.MemberID
	Name    string // untrusted: what the platform shows
	Text    string
}

// Reply is one thing that is said back, and what can be answered with one tap.
type Reply struct {
	Text    string
	Choices []string
}

// Kind is a kind of effect.
type Kind string

// The kinds of effect.
const (
	Whisper Kind = "whisper" // show Prompt to Member alone, for the first time
	Revise  Kind = "revise"  // bring the shown prompt up to date, without another notification
	Remind  Kind = "remind"  // draw Member's attention to the open prompt once more
	Tell    Kind = "tell"    // say Text to Member alone; it waits for nothing
	Post    Kind = "post"    // say Text to the whole chat
	Delete  Kind = "delete"  // delete Message for everyone
	Remove  Kind = "remove"  // remove Member from the chat; what they wrote stays
)

// Kinds lists every kind of effect.
var Kinds = []Kind{Whisper, Revise, Remind, Tell, Post, Delete, Remove}

// Effect is something to be done on a platform, as data.
type Effect struct {
	Key     string // names this effect for ever; a platform that can be asked is asked by it
	Kind    Kind
	Chat    chat.ID
	Member  chat.MemberID
	Message chat.MessageID // the message it is about; for Delete, the one to delete
	Text    string         // for Tell and Post
	Choices []string       // for Tell: what Member can answer with one tap, to the bot alone
	Prompt  *Prompt        // for Whisper, Revise and Remind
}

// Prompt is what a member is shown. Its texts are plain text for a person to
// read; each platform renders them in its own way and escapes them.
type Prompt struct {
	ID       string
	Messages []chat.MessageID
	Title    string // greeting: which message in which chat; names no category (lock screens)
	Body     string // one or two sentences
	Steps    []Step
	Answers  []Answer
	Found    []string // "NHS number, masked, ending 43": kind and mask, never the value
	Policy   string   // the policy line that asks
	Ask      string   // the named person who answers questions
	State    string   // open, put-right, answered, escalated, lapsed, withdrawn
	Note     string   // what happened last, in words for the member
	More     string   // the explanation that the member asked for, in lines; else empty
}

// Step is one thing for the member to do, in order.
type Step struct {
	ID   string
	Text string
	Help string // how, for those who want it; may be empty
	Done bool
}

// Answer is one closed answer that the member can give with one action.
type Answer struct {
	ID        string
	Label     string
	WantsText bool // asks for a sentence of the member's own
	Expected  bool // the one most people will want: shown first and filled
	More      bool // shown under "More answers"
}

// Level says how far an effect goes. The zero value is No.
type Level int

// The levels of an ability.
const (
	No  Level = iota // Do returns ErrUnsupported
	Yes              // Do carries it out
)

// Ability is what can be done with one kind of effect in one chat now.
type Ability struct {
	Level  Level
	Within time.Duration // how old the message may be; 0 is no limit
	Why    string        // in an administrator's words, when it is not Yes

	// AfterHello says that Do refuses members who never wrote to the bot, with
	// ErrForbidden and without trying.
	AfterHello bool
}

// Abilities holds the ability for each kind; a missing kind is No.
type Abilities map[Kind]Ability

// What a platform can answer instead of carrying an effect out.
var (
	ErrUnsupported = errors.New("the platform cannot do this")
	ErrTooLate     = errors.New("the platform allows this no longer")
	ErrForbidden   = errors.New("the platform does not let the bot do this")
	ErrGone        = errors.New("there is nothing left to do it to")
	ErrTooLarge    = errors.New("it is larger than may be fetched")
)

// Busy is returned when the platform asks to be called again later. The effect
// has not happened.
type Busy struct{ After time.Duration }

func (b Busy) Error() string { return fmt.Sprintf("the platform is busy for %s", b.After) }
