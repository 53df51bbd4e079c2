package directory

import (
	"encoding/binary"
	"encoding/json"
	"errors"
)

// traceSize is what one trace takes when it is packed, in bytes.
const traceSize = 8 + 2 + 4

// packed is what goes before the traces.
type packed struct {
	Memory
	People int `json:"people"`
}

// MarshalBinary packs a memory: a million people take 14 MB.
func (m Memory) MarshalBinary() ([]byte, error) {
	head, err := json.Marshal(packed{Memory{At: m.At, First: m.First, Owners: m.Owners}, len(m.People)})
	if err != nil {
		return nil, err
	}
	b := make([]byte, 0, 4+len(head)+traceSize*len(m.People))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(head)))
	b = append(b, head...)
	for _, t := range m.People {
		b = appendTrace(b, t)
	}
	return b, nil
}

// UnmarshalBinary unpacks what MarshalBinary gives. Anything else is an error.
func (m *Memory) UnmarshalBinary(b []byte) error {
	damaged := errors.New("the memory of the directory cannot be read")
	if len(b) < 4 {
		return damaged
	}
	size := uint64(binary.LittleEndian.Uint32(b))
	if b = b[4:]; size > uint64(len(b)) {
		return damaged
	}
	var head packed
	if err := json.Unmarshal(b[:size], &head); err != nil {
		return damaged
	}
	b = b[size:]
	if head.People < 0 || len(b)%traceSize != 0 || head.People != len(b)/traceSize {
		return damaged
	}
	out := head.Memory
	if head.People > 0 {
		out.People = make([]Trace, head.People)
	}
	for i := range out.People {
		x := b[i*traceSize:]
		out.People[i] = Trace{
			ID: binary.LittleEndian.Uint64(x), Face: binary.LittleEndian.Uint16(x[8:]),
			Leaves: Date{year: int16(binary.LittleEndian.Uint16(x[10:])), month: x[12], day: x[13]},
		}
	}
	*m = out
	return nil
}
