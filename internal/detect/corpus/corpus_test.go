package corpus

import (
	"slices"
	"testing"
	"unicode/utf8"
)

func TestSameSeedSameMessages(t *testing.T) {
	if !slices.Equal(New(5).Messages(10_000), New(5).Messages(10_000)) {
		t.Error("the same seed gives other messages")
	}
	if slices.Equal(New(5).Messages(10_000), New(6).Messages(10_000)) {
		t.Error("another seed gives the same messages")
	}
}

func TestShares(t *testing.T) {
	messages := New(1).Messages(2 << 20)
	bytes, other := 0, 0
	for _, m := range messages {
		bytes += len(m)
		if !utf8.ValidString(m) {
			t.Fatalf("%q is not UTF-8", m)
		}
		for i := range len(m) {
			if m[i] >= utf8.RuneSelf {
				other++
				break
			}
		}
	}
	if mean := bytes / len(messages); mean < 115 || mean > 125 {
		t.Errorf("the mean is %d bytes, want about 120", mean)
	}
	if share := float64(other) / float64(len(messages)); share < 0.075 || share > 0.1 {
		t.Errorf("%.3f of the messages are not plain ASCII, want about 0.08", share)
	}
}
