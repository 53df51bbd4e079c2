package directory

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMemoryIsPackedAndUnpacked(t *testing.T) {
	s := world(30)
	leave(&s, 5, "2026-11-19")
	s.Directory.At = s.Now
	for name, m := range map[string]Memory{"none": {}, "a directory": Leavers(s).Memory, "nobody": {At: noon, First: noon, Owners: map[string]Owner{}}} {
		b, err := m.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		var again Memory
		if err := again.UnmarshalBinary(b); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if diff := cmp.Diff(m, again, cmp.AllowUnexported(Date{})); diff != "" {
			t.Errorf("%s (-packed +unpacked):\n%s", name, diff)
		}
		for cut := range len(b) {
			if new(Memory).UnmarshalBinary(b[:cut]) == nil {
				t.Errorf("%s: cut off at %d of %d it is taken for whole", name, cut, len(b))
			}
		}
	}
}

func FuzzUnpackMemory(f *testing.F) {
	s := world(3)
	b, err := Leavers(s).Memory.MarshalBinary()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte{2, 0, 0, 0, '{', '}'})
	f.Fuzz(func(t *testing.T, b []byte) {
		var m Memory
		if m.UnmarshalBinary(b) != nil {
			return
		}
		again, err := m.MarshalBinary()
		if err != nil {
			t.Skip(err) // a time that JSON cannot say
		}
		if err := m.UnmarshalBinary(again); err != nil {
			t.Error(err)
		}
	})
}
