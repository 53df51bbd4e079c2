package discord

import (
	"strconv"
	"strings"
	"time"

	"chaperone/internal/chat"
)

// epoch is the first millisecond of 2015: Discord's ids count from there.
const epoch = 1420070400000

// at is when an id was made; zero for what is none.
func at(id string) time.Time {
	n, err := strconv.ParseUint(id, 10, 64)
	if err != nil {
		return time.Time{}
	}
	return time.UnixMilli(int64(n>>22) + epoch).UTC()
}

// after is the id just before everything that was made at a time or later.
func after(t time.Time) string {
	ms := max(t.UnixMilli()-epoch, 1)
	return strconv.FormatUint(uint64(ms)<<22-1, 10)
}

// A thread belongs to the chat of its channel: who sits in one sits in the
// other. A message of a thread is named by both.

// messageID names a message of a chat.
func messageID(local, channel, id string) chat.MessageID {
	if channel == local {
		return chat.MessageID(id)
	}
	return chat.MessageID(channel + "/" + id)
}

// placeOf is where a message of a chat stands.
func placeOf(local string, m chat.MessageID) place {
	if thread, id, inThread := strings.Cut(string(m), "/"); inThread {
		return place{thread, id}
	}
	return place{local, string(m)}
}

// newer reports whether one id was made after another.
func newer(a, b string) bool {
	if len(a) != len(b) {
		return len(a) > len(b)
	}
	return a > b
}
