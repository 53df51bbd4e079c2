package exports_test

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"runtime/metrics"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"chaperone/internal/exports"
)

func texts(data string) (out []string) {
	for m, err := range exports.Read("x", strings.NewReader(data), exports.Auto) {
		if err == nil && m.Text != "" {
			out = append(out, m.Text)
		}
	}
	return out
}

// refused reads what must be refused with a reason before anything is unpacked:
// what is read of the file and what is taken of memory is counted. The time is
// printed; it is to be under a second, and follows from the two.
func refused(t *testing.T, name string, data []byte, reason string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	runtime.GC()
	before, read := taken(), 0
	start, heard, messages := time.Now(), "", 0
	for _, err := range exports.ReadFile(path, exports.Auto, func(n int) { read += n }) {
		if err == nil {
			messages++
		} else {
			heard += err.Error() + "\n"
		}
	}
	took, used := time.Since(start), taken()-before
	t.Logf("refused in %s, after %d of %d bytes, with %.1f MiB", took.Round(time.Microsecond), read, len(data), float64(used)/(1<<20))
	if !strings.Contains(heard, reason) {
		t.Errorf("it was not refused because %q, but: %s", reason, heard)
	}
	if messages > 0 {
		t.Errorf("%d messages were read from what should be refused", messages)
	}
	if used > 64<<20 {
		t.Errorf("the refusal took %d MiB", used>>20)
	}
	if most := 2*len(data) + 200<<10; read > most { // the list of contents twice, the ends, and a head for each entry
		t.Errorf("%d bytes were read of %d", read, len(data))
	}
}

// taken gives the bytes that were ever taken of memory.
func taken() uint64 {
	s := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}

// deflated packs n zero bytes.
func deflated(t *testing.T, n int64) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, 9)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.CopyN(w, zeros{}, n); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// raw writes an archive entry by entry, with sizes as told.
func raw(t *testing.T, names []string, body []byte, size uint64) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, n := range names {
		w, err := z.CreateRaw(&zip.FileHeader{Name: n, Method: zip.Deflate, CompressedSize64: uint64(len(body)), UncompressedSize64: size})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(body); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// overlapping makes n entries that share one body: every line of the list of
// contents points to the same place.
func overlapping(t *testing.T, n int) []byte {
	one := raw(t, []string{"_chat.txt"}, deflated(t, 1<<20), 1<<20)
	end := bytes.LastIndex(one, []byte("PK\x05\x06"))
	dir := bytes.LastIndex(one[:end], []byte("PK\x01\x02"))
	out := bytes.Clone(one[:dir])
	out = append(out, bytes.Repeat(one[dir:end], n)...)
	tail := bytes.Clone(one[end:])
	binary.LittleEndian.PutUint16(tail[8:], uint16(n))
	binary.LittleEndian.PutUint16(tail[10:], uint16(n))
	binary.LittleEndian.PutUint32(tail[12:], uint32(len(one[dir:end])*n))
	binary.LittleEndian.PutUint32(tail[16:], uint32(dir))
	return append(out, tail...)
}

func TestArchivesThatAreMadeToHurtAreRefused(t *testing.T) {
	bomb := deflated(t, 200<<20)
	t.Run("ratio", func(t *testing.T) {
		refused(t, "a.zip", raw(t, []string{"_chat.txt"}, bomb, 200<<20), "times its size")
	})
	t.Run("total", func(t *testing.T) {
		names := make([]string, 5000)
		for i := range names {
			names[i] = fmt.Sprintf("%d.txt", i)
		}
		refused(t, "a.zip", raw(t, names[:100], []byte("\x03\x00"), 15<<20), "times its size")
		refused(t, "b.zip", raw(t, names, []byte("\x03\x00"), 15<<20), "more than 64 GiB")
	})
	t.Run("overlap", func(t *testing.T) { refused(t, "a.zip", overlapping(t, 1000), "overlap") })
	t.Run("nested", func(t *testing.T) {
		inner := packed(t, []txtar.File{{Name: "_chat.txt", Data: []byte(small)}})
		refused(t, "a.zip", packed(t, []txtar.File{{Name: "inner.zip", Data: inner}}), "an archive inside an archive")
	})
	for _, name := range []string{"../_chat.txt", "/etc/_chat.txt", `..\_chat.txt`, "a/../../_chat.txt", `C:\_chat.txt`} {
		t.Run("climbing "+name, func(t *testing.T) { refused(t, "a.zip", raw(t, []string{name}, bomb[:100], 100), "climbs") })
	}
	t.Run("depth", func(t *testing.T) {
		refused(t, "a.zip", raw(t, []string{strings.Repeat("a/", 50) + "_chat.txt"}, bomb[:100], 100), "deep")
	})
	t.Run("a size that lies", func(t *testing.T) {
		// The list says 1 MiB, and the body holds more: reading ends in an error.
		var b bytes.Buffer
		w, err := flate.NewWriter(&b, 9)
		if err != nil {
			t.Fatal(err)
		}
		for range 100_000 {
			fmt.Fprintln(w, "24/11/2026, 02:14 - Sam Okafor: two pumps")
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "a.zip")
		if err := os.WriteFile(path, raw(t, []string{"_chat.txt"}, b.Bytes(), 1<<20), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := told(path, exports.Auto); !strings.Contains(got, "broken ") {
			t.Errorf("a lying size went unnoticed: %.200s", got)
		}
	})
	t.Run("many entries", func(t *testing.T) {
		one := overlapping(t, 1)
		end := bytes.LastIndex(one, []byte("PK\x05\x06"))
		long := append(bytes.Clone(one[:end]), make([]byte, 56)...)
		copy(long[end:], "PK\x06\x06")
		binary.LittleEndian.PutUint64(long[end+32:], 5_000_000)
		refused(t, "a.zip", append(long, one[end:]...), "more than 200000")
	})
	t.Run("cut", func(t *testing.T) {
		whole := packed(t, []txtar.File{{Name: "_chat.txt", Data: []byte(small)}})
		refused(t, "a.zip", whole[:len(whole)/2], "cut short")
	})
}

func TestDeepAndHugeJSONIsRefused(t *testing.T) {
	deep := strings.Repeat("[", 20_000)
	refusedText(t, `{"guild":{},"channel":{},"messages":[{"id":`+deep, exports.Discord)
	refusedText(t, `[`+deep, exports.Slack)
	refusedText(t, `{"guild":{},"channel":{},"messages":[{"id":"1","content":"`+strings.Repeat("x", 40<<20), exports.Discord)
	refusedText(t, `<html><body>`+strings.Repeat("<div>", 1<<20), exports.HTML)
	refusedText(t, "From a 00:00:00\nA: b\n\n"+strings.Repeat("x", 40<<20), exports.Mbox)
}

// refusedText holds that what cannot be held is reported, and not held.
func refusedText(t *testing.T, text string, as exports.Format) {
	t.Helper()
	runtime.GC()
	before, start, heard := taken(), time.Now(), false
	for _, err := range exports.Read("x", strings.NewReader(text), as) {
		heard = heard || errors.As(err, new(*exports.Broken))
	}
	used := taken() - before
	t.Logf("%s: %d bytes in %s with %.1f MiB", as, len(text), time.Since(start).Round(time.Microsecond), float64(used)/(1<<20))
	if !heard || used > 64<<20 {
		t.Errorf("%s: heard %v, %d MiB", as, heard, used>>20)
	}
}

// One broken message of a list does not keep a reader from the next.
func TestABrokenValueInJSONDoesNotKeepFromTheNext(t *testing.T) {
	for name, broken := range map[string]string{
		"a wrong escape": `{"id":2,"text":"a \q b"}`, "a line break in a string": "{\"id\":2,\"text\":\"a \n b\"}", "a word that is none": `{"id":2,"text":nothing}`,
		"a comma too many": `{"id":2,"text":"a",},`, "a bracket too many": `{"id":2,"text":"a"}}`, "no message": `7`, "a list": `[1,2]`,
		"too large": `{"id":2,"text":"` + strings.Repeat("x", 17<<20) + `"}`,
	} {
		t.Run(name, func(t *testing.T) {
			text := `{"name":"Flood North","type":"private_group","id":9,"messages":[{"id":1,"type":"message","from_id":"user1","text":"one"},` + broken + `,{"id":3,"type":"message","text":"three"}]}`
			var got []string
			faults := 0
			for m, err := range exports.Read("x", strings.NewReader(text), exports.Telegram) {
				if err != nil {
					faults++
				} else if m.Text == "one" || m.Text == "three" {
					got = append(got, m.Text)
				}
			}
			if len(got) != 2 || faults == 0 {
				t.Errorf("read %q, with %d faults", got, faults)
			}
		})
	}
}

// A table with a quote that never ends is not held in memory for ever.
func TestAnEndlessFieldOfATableIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.zip")
	csv := "ID,Timestamp,Contents\n1,2026-11-24 02:14:00,two pumps\n2,2026-11-24 02:15:00,\"" + strings.Repeat("x\n", 5<<20)
	data := packed(t, []txtar.File{{Name: "messages/index.json", Data: []byte(`{}`)}, {Name: "messages/c1/messages.csv", Data: []byte(csv + string(deflated(t, 1<<10)))}})
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	got := told(path, exports.Auto)
	if !strings.Contains(got, "two pumps") || !strings.Contains(got, "broken ") {
		t.Errorf("%.300s", got)
	}
}

func TestUTF16IsRead(t *testing.T) {
	for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		var b bytes.Buffer
		for _, r := range "\ufeff24/11/2026, 02:14 - Siân: dŵr\r\n" {
			if err := binary.Write(&b, order, uint16(r)); err != nil {
				t.Fatal(err)
			}
		}
		if got := texts(b.String()); len(got) != 1 || got[0] != "dŵr" {
			t.Errorf("%v: %q", order, got)
		}
	}
}

func TestAnArchiveOnAStream(t *testing.T) {
	data := packed(t, []txtar.File{{Name: "_chat.txt", Data: []byte(small)}})
	if got := texts(string(data)); len(got) != 3 {
		t.Errorf("%d messages, want 3", len(got))
	}
}

// Twice the input may take about twice the memory and reports: patterns that
// make careless readers costly, in every format. The times are printed.
func TestHostileTextCostsNoMoreThanItsLength(t *testing.T) {
	patterns := []string{
		"24/11/2026, 02:14 - A: ", "[24/11/2026, 02:14:33] A: \u200e", "\u200e", ": ", "<attached: ", "\n", "<", "&amp;", "<p>", "<@U1|", "[", "{\"a\":", "\\", "\"", "From a 00:00:00\nA:",
		"Content-Type: multipart/mixed; boundary=b\n\n--b\n", ">From \n", "1/1/1, 1:1", "a,\"", "{\"text\":\"x\"}\n", "{\"messages\":[", "{\"ts\":\"1\",\"attachments\":[{\"text\":\"a\"}]},",
		"<div class=from>", "<time>1/1/2026 1:1", "<tr><td>From<td>Time<td>Text", "<table><tr><th>From</th><th>Time</th></tr>",
	}
	slowest := map[exports.Format]time.Duration{}
	for _, as := range exports.Formats {
		for _, p := range patterns {
			cost := func(size int) (bytes uint64, said int) {
				text := strings.Repeat(p, size/len(p))
				if as == exports.Slack || as == exports.Telegram || as == exports.Discord || as == exports.Matrix || as == exports.Teams {
					text = "[" + text
				}
				before, start := taken(), time.Now()
				for range exports.Read("x", strings.NewReader(text), as) {
					said++
				}
				slowest[as] = max(slowest[as], time.Since(start))
				return taken() - before, said
			}
			cost(64 << 10)
			one, few := cost(64 << 10)
			two, many := cost(128 << 10)
			if two > one*23/10+1<<20 || many > few*23/10+10 {
				t.Errorf("%s, %q: 64 KiB take %d bytes and %d reports, 128 KiB %d and %d", as, p, one, few, two, many)
			}
		}
	}
	for _, as := range exports.Formats {
		t.Logf("%-10s at most %s for 128 KiB", as, slowest[as].Round(time.Microsecond))
	}
}
