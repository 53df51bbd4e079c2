package exports

import (
	"bytes"
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
)

func isZip(head []byte) bool {
	return bytes.HasPrefix(head, []byte("PK\x03\x04")) || bytes.HasPrefix(head, []byte("PK\x05\x06"))
}

// sniff tells the format from the beginning of the content. What is text but
// nothing better known is Text, what is no text is unreadable.
func sniff(head []byte) Format {
	trimmed := bytes.TrimLeft(head, " \t\r\n\ufeff")
	switch {
	case nature(head) != "":
		return unreadable
	case looksJSON(trimmed):
		return sniffJSON(trimmed)
	case looksHTML(trimmed):
		return HTML
	case mboxStart.Match(head):
		return Mbox
	}
	lines := strings.SplitN(string(head), "\n", 60)
	for _, l := range lines {
		if _, _, ok := parseHead(l); ok {
			return WhatsApp
		}
	}
	if mailHeaders(lines) {
		return EML
	}
	return Text
}

func looksJSON(head []byte) bool {
	head = bytes.TrimLeft(head, " \t\r\n")
	if len(head) < 2 || head[0] != '{' && head[0] != '[' {
		return false
	}
	rest := bytes.TrimLeft(head[1:], " \t\r\n")
	return len(rest) > 0 && strings.IndexByte("\"{[}]", rest[0]) >= 0
}

// looksHTML passes over comments and declarations.
func looksHTML(head []byte) bool {
	for range 20 {
		head = bytes.TrimLeft(head, " \t\r\n")
		end := ""
		switch {
		case bytes.HasPrefix(head, []byte("<!--")):
			end = "-->"
		case bytes.HasPrefix(head, []byte("<?xml")):
			end = "?>"
		}
		_, after, ok := bytes.Cut(head, []byte(end))
		if end == "" || !ok {
			break
		}
		head = after
	}
	for _, tag := range []string{"<!doctype html", "<html", "<head>", "<body", "<meta ", "<table", "<div"} {
		if hasTagPrefix(head, tag) {
			return true
		}
	}
	return false
}

func hasTagPrefix(head []byte, tag string) bool {
	return len(head) >= len(tag) && strings.EqualFold(string(head[:len(tag)]), tag)
}

var mboxStart = regexp.MustCompile(`^From \S.*\d{2}:\d{2}(:\d{2})?.*\r?\n[A-Za-z0-9-]+:`)

var headerLine = regexp.MustCompile(`^([A-Za-z][A-Za-z0-9-]*):( |\t|\r?$)`)

// mailHeaders reports whether lines begin like a message of e-mail.
func mailHeaders(lines []string) bool {
	known := 0
	for _, l := range lines {
		if strings.HasPrefix(l, " ") || strings.HasPrefix(l, "\t") {
			continue
		}
		m := headerLine.FindStringSubmatch(l)
		if m == nil {
			break
		}
		switch strings.ToLower(m[1]) {
		case "from", "to", "date", "subject", "message-id", "received", "mime-version", "return-path", "delivered-to", "content-type":
			known++
		}
	}
	return known >= 3
}

// nature names what content is when it is no text, and nothing when it is.
func nature(head []byte) string {
	kind := http.DetectContentType(head)
	family, _, _ := strings.Cut(kind, "/")
	switch {
	case family == "image" && !bytes.HasPrefix(bytes.TrimSpace(head), []byte("<")):
		return "a picture"
	case family == "video", kind == "application/ogg":
		return "a film or sound"
	case family == "audio":
		return "a sound"
	case family == "font":
		return "a font"
	case kind == "application/pdf":
		return "a PDF document"
	case isZip(head), kind == "application/x-gzip", kind == "application/x-rar-compressed", bytes.HasPrefix(head, []byte("7z\xbc\xaf")):
		return "a packed archive (unpack it first)"
	}
	controls := 0
	for _, c := range head {
		if c < ' ' && c != '\n' && c != '\r' && c != '\t' && c != 0x1b {
			controls++
		}
	}
	if len(head) > 32 && controls > len(head)/8 {
		return "binary data"
	}
	return ""
}

// sniffJSON tells kinds of JSON by the names of their fields.
func sniffJSON(head []byte) Format {
	array, has := fields(head)
	any := func(names ...string) bool {
		for _, n := range names {
			if has[n] {
				return true
			}
		}
		return false
	}
	switch {
	case array && has["ts"] && any("type", "text", "user"):
		return Slack
	case any("conversationId", "sent_at") && any("body", "type"), any("messages/sent_at", "messages/conversationId", "messsages"):
		return Signal
	case any("backupTimeMs", "chatItem", "recipient", "account") && !has["messages"]:
		return Signal
	case array && any("Contents"):
		return Discord
	case any("guild") && any("channel"):
		return Discord
	case any("createdDateTime", "messageType", "@odata.context", "value/createdDateTime", "value/messageType"):
		return Teams
	case has["conversations"] && any("userId", "exportDate"):
		return Teams
	case any("room_name", "exported_by", "messages/origin_server_ts"):
		return Matrix
	case any("messages/ts"):
		return Slack
	case any("messages/date_unixtime", "messages/from_id", "messages/text_entities", "personal_information", "chats"):
		return Telegram
	case has["messages"] && has["type"] && has["name"] && has["id"]:
		return Telegram
	case has["=version"], any("post", "direct_post"):
		return Mattermost
	case !array && has["text"]:
		return JSONL
	}
	return Text
}

// fields gives the names of the fields of the first object of head, of the
// first element of its "messages" and "value" with that before them, and
// "=version" for {"type":"version"}. It makes do with a torn end.
func fields(head []byte) (array bool, has map[string]bool) {
	has = map[string]bool{}
	dec := json.NewDecoder(bytes.NewReader(head))
	t, err := dec.Token()
	if err == nil && t == json.Delim('[') {
		array = true
		t, err = dec.Token()
	}
	if err != nil || t != json.Delim('{') {
		return array, has
	}
	for dec.More() {
		key, err := dec.Token()
		name, ok := key.(string)
		if err != nil || !ok {
			return array, has
		}
		has[name] = true
		if skipNoting(dec, name, has) != nil {
			return array, has
		}
	}
	return array, has
}

// skipNoting passes over one value, and notes the fields of the first object
// in it when it is a list called messages or value.
func skipNoting(dec *json.Decoder, name string, has map[string]bool) error {
	depth, key, first := 0, false, name == "messages" || name == "value"
	for {
		t, err := dec.Token()
		if err != nil {
			return err
		}
		switch d, isDelim := t.(json.Delim); {
		case isDelim && (d == '{' || d == '['):
			depth++
			key = d == '{'
		case isDelim:
			depth--
			if depth == 1 {
				first = false
			}
			key = true
		default:
			if s, ok := t.(string); ok && depth == 2 && first && key {
				has[name+"/"+s] = true
			}
			if s, ok := t.(string); ok && depth == 0 && name == "type" && s == "version" {
				has["=version"] = true
			}
			key = !key
		}
		if depth == 0 {
			return nil
		}
	}
}
