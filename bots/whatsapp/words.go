package whatsapp

import (
	"slices"
	"strings"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// There are about a hundred kinds of message, and every other month there is
// one more; text can stand in most of them, in one another, and in wrappers
// around wrappers. So what is read is not a list of fields: it is every string,
// but for those of which it is known that no person reads them there.

// words is everything in a message that somebody can read there: its text, a
// caption, the name of a file, a poll with its options, a contact, a place, the
// rows of a list. In order, a line each.
func words(m *waE2E.Message) string {
	if m == nil {
		return ""
	}
	var w reader
	w.read(m.ProtoReflect())
	return strings.Join(w.parts, "\n")
}

// opaque reports whether a message has something that the bot cannot read: a kind
// that the library does not know, or one that linked devices are not given.
func opaque(m *waE2E.Message) bool {
	if m == nil {
		return false
	}
	var w reader
	w.read(m.ProtoReflect())
	return w.unknown
}

// reader gathers texts.
type reader struct {
	parts   []string
	unknown bool // something is there that cannot be read
}

func (w *reader) read(m protoreflect.Message) {
	switch x := m.Interface().(type) {
	case *waE2E.Message: // a new kind of message; in its parts, new facts for programs come and go
		w.unknown = w.unknown || len(m.GetUnknown()) > 0
	case *waE2E.PlaceholderMessage: // what it stands for, linked devices are not given
		w.unknown = true
	case *waE2E.FutureProofMessage:
		w.unknown = w.unknown || x.GetMessage() == nil
	}
	var fields []protoreflect.FieldDescriptor
	m.Range(func(f protoreflect.FieldDescriptor, _ protoreflect.Value) bool {
		if (f.Kind() == protoreflect.StringKind || f.Kind() == protoreflect.MessageKind) && !unread(f) {
			fields = append(fields, f)
		}
		return true
	})
	slices.SortFunc(fields, func(a, b protoreflect.FieldDescriptor) int { return a.Index() - b.Index() })
	for _, f := range fields {
		v := m.Get(f)
		switch {
		case f.IsMap(): // none has texts for people
		case f.IsList():
			for i := range v.List().Len() {
				w.add(f, v.List().Get(i))
			}
		default:
			w.add(f, v)
		}
	}
}

func (w *reader) add(f protoreflect.FieldDescriptor, v protoreflect.Value) {
	if f.Kind() == protoreflect.MessageKind {
		w.read(v.Message())
	} else if s := v.String(); s != "" && !slices.Contains(w.parts, s) { // a file's title is its name again
		w.parts = append(w.parts, s)
	}
}

// unreadTypes are parts of messages that people do not read, or that show
// another message, which was read when it was posted.
var unreadTypes = map[protoreflect.Name]bool{
	"MessageContextInfo": true, "ProtocolMessage": true, "SenderKeyDistributionMessage": true, "MessageKey": true, "ReactionMessage": true,
	"StickerSyncRMRMessage": true, "UrlTrackingMap": true, "EmbeddedMusic": true, "BotMetadata": true, "MessageHistoryMetadata": true, "Money": true, "HSMCurrency": true,
	"ProcessedVideo": true, "MMSThumbnailMetadata": true, "PaymentBackground": true, "CallParticipant": true, "InThreadSurveyMetadata": true, "Call": true,
	"ForwardedNewsletterMessageInfo": true,
}

// unreadNames are names of fields that say the same everywhere: where something
// is to be fetched, what it is called by programs, and whose it is. An address
// is a number, and a number would be taken for somebody's.
var unreadNames = map[protoreflect.Name]bool{
	"directPath": true, "thumbnailDirectPath": true, "artworkDirectPath": true, "attachmentDirectPath": true, "mimetype": true, "attachmentMimetype": true,
	"ID": true, "JID": true, "phash": true, "groupJID": true, "newsletterJID": true, "sellerJID": true, "bizJID": true, "businessOwnerJID": true, "destinationJID": true,
	"requestFrom": true, "stanzaID": true, "buttonID": true, "rowID": true, "selectedButtonID": true, "selectedRowID": true, "selectedID": true, "templateID": true,
	"productID": true, "retailerID": true, "firstImageID": true, "orderID": true, "sessionID": true, "stickerPackID": true, "token": true, "inviteCode": true,
	"elementName": true, "namespace": true, "deterministicLc": true, "deterministicLg": true, "fallbackLc": true, "fallbackLg": true, "catalogType": true,
	"currencyCode": true, "currencyCodeIso4217": true, "totalCurrencyCode": true, "optionHash": true, "imageDataHash": true, "stickerKey": true, "trayIconFileName": true,
	"staticURL": true, "qrURL": true, "metadataURL": true, "signedURL": true, "videoContentURL": true, "consentedUsersURL": true, "matchedText": true,
	"thumbnailURL": true, "profileIconURL": true, "imageHighResURL": true, "imagePreviewURL": true, "profilePictureURL": true, "thumbnailImageURL": true,
	"platform": true, "transactionData": true,
}

// media are the parts whose URL is where the file is, and not a link to read.
var media = map[protoreflect.Name]bool{"AudioMessage": true, "DocumentMessage": true, "ImageMessage": true, "StickerMessage": true, "VideoMessage": true}

// unread reports whether nobody reads what stands in a field.
func unread(f protoreflect.FieldDescriptor) bool {
	parent := f.ContainingMessage().Name()
	switch {
	case parent == "ContextInfo": // what is quoted, who is named, where an app came from; but for a card that it draws
		return f.Name() != "externalAdReply"
	case parent == "ExternalAdReplyInfo":
		return f.Name() != "title" && f.Name() != "body"
	case f.Kind() == protoreflect.MessageKind:
		return unreadTypes[f.Message().Name()]
	case f.Name() == "URL" && media[parent], f.Name() == "name" && (parent == "NativeFlowButton" || parent == "NativeFlowInfo" || parent == "NativeFlowResponseMessage"):
		return true
	}
	return unreadNames[f.Name()]
}

// shows reports whether a message shows people anything, if only a picture.
func shows(m *waE2E.Message) bool {
	found := false
	if m != nil {
		m.ProtoReflect().Range(func(f protoreflect.FieldDescriptor, _ protoreflect.Value) bool {
			found = !silent[f.Name()]
			return !found
		})
	}
	return found
}

// silent are kinds of message that show nothing of their own: they bring keys,
// or change something about another message or about a call.
var silent = map[protoreflect.Name]bool{
	"senderKeyDistributionMessage": true, "fastRatchetKeySenderKeyDistributionMessage": true, "messageContextInfo": true, "protocolMessage": true,
	"reactionMessage": true, "encReactionMessage": true, "pollUpdateMessage": true, "encEventResponseMessage": true, "secretEncryptedMessage": true,
	"encCommentMessage": true, "keepInChatMessage": true, "pinInChatMessage": true, "stickerSyncRmrMessage": true, "callLogMesssage": true,
	"scheduledCallEditMessage": true, "declinePaymentRequestMessage": true, "cancelPaymentRequestMessage": true, "messageHistoryNotice": true,
	"albumMessage": true, // its pictures come as messages of their own
}

// bare takes a message out of the wrappers around it. The library does so for
// those that it knows, once each and in one order.
func bare(m *waE2E.Message) *waE2E.Message {
	for range 16 { // nobody's phone wraps that often
		var inner *waE2E.Message
		m.ProtoReflect().Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
			if f.Kind() != protoreflect.MessageKind || f.IsList() {
				return true
			}
			switch x := v.Message().Interface().(type) {
			case *waE2E.FutureProofMessage:
				inner = x.GetMessage()
			case *waE2E.DeviceSentMessage:
				inner = x.GetMessage()
			}
			return inner == nil
		})
		if inner == nil {
			return m
		}
		m = inner
	}
	return m
}

// contextOf is what a message says of another one that it quotes.
func contextOf(m *waE2E.Message) (found *waE2E.ContextInfo) {
	m.ProtoReflect().Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		if f.Kind() != protoreflect.MessageKind || f.IsList() {
			return true
		}
		if of, ok := v.Message().Interface().(interface{ GetContextInfo() *waE2E.ContextInfo }); ok && of.GetContextInfo() != nil {
			found = of.GetContextInfo()
		}
		return found == nil
	})
	return found
}
