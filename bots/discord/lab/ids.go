package lab

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"
)

// ID is a snowflake: milliseconds since 2015 in its upper 42 bits, so that ids
// order by time. On the wire it is a string.
type ID uint64

// epoch is Discord's: the first millisecond of 2015.
const epoch = 1420070400000

// String gives the decimal form that is used on the wire and in paths.
func (id ID) String() string { return strconv.FormatUint(uint64(id), 10) }

// Time is when the id was made.
func (id ID) Time() time.Time { return time.UnixMilli(int64(id>>22) + epoch).UTC() }

// At is the smallest id of a moment.
func At(t time.Time) ID { return ID(t.UnixMilli()-epoch) << 22 }

// MarshalJSON implements json.Marshaler.
func (id ID) MarshalJSON() ([]byte, error) { return json.Marshal(id.String()) }

// UnmarshalJSON takes the string form, and the number that some clients send.
func (id *ID) UnmarshalJSON(b []byte) error {
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		s = string(b)
	}
	v, err := ParseID(s)
	*id = v
	return err
}

// ParseID reads an id from a path or a body.
func ParseID(s string) (ID, error) {
	v, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is not a snowflake", s)
	}
	return ID(v), nil
}

// next makes an id of now that no other object has. The caller holds the lock.
func (l *Lab) next() ID {
	id := max(At(l.now()), l.last+1)
	l.last = id
	return id
}
