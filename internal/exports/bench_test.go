//go:build unix

package exports_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"chaperone/internal/exports"
)

// chatText writes about n bytes of a chat as an iPhone exports it.
func chatText(n int) string {
	var b strings.Builder
	at := time.Date(2020, 1, 1, 8, 0, 0, 0, time.UTC)
	for i := 0; b.Len() < n; i++ {
		at = at.Add(time.Duration(7+i%50) * time.Second)
		fmt.Fprintf(&b, "[%s] %s: Two pumps on the way to the hall, %d minutes, come by Weir Road please\n", at.Format("02/01/2006, 15:04:05"),
			[]string{"Sam Okafor", "Priya Nair", "Tom Ellery"}[i%3], i%97)
	}
	return b.String()
}

// slackZip writes about n bytes of messages as a Slack export.
func slackZip(tb testing.TB, n int) []byte {
	files := []txtar.File{{Name: "channels.json", Data: []byte(`[{"id":"C1","name":"flood-north"}]`)}, {Name: "users.json", Data: []byte(`[{"id":"U1","name":"sam"}]`)}}
	day := time.Date(2020, 1, 1, 8, 0, 0, 0, time.UTC)
	for size := 0; size < n; day = day.AddDate(0, 0, 1) {
		var b strings.Builder
		for i := range 400 {
			sep := ","
			if i == 0 {
				sep = "["
			}
			text := fmt.Sprintf("Two pumps on the way to the hall, %d minutes, come by Weir Road please", i)
			fmt.Fprintf(&b, `%s{"client_msg_id":"%032x","type":"message","user":"U1","text":"%s","ts":"%d.%06d","team":"T1","blocks":[{"type":"rich_text","block_id":"b","elements":[{"type":"rich_text_section","elements":[{"type":"text","text":"%s"}]}]}]}`,
				sep, i*7919, text, day.Unix()+int64(i)*60, i, text)
		}
		b.WriteString("]")
		size += b.Len()
		files = append(files, txtar.File{Name: "flood-north/" + day.Format(time.DateOnly) + ".json", Data: []byte(b.String())})
	}
	return packed(tb, files)
}

// perCore runs f and gives MB of content a second of processor time: the
// machine may be shared.
func perCore(b *testing.B, content int, f func()) {
	var before, after syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &before); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		f()
	}
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &after); err != nil {
		b.Fatal(err)
	}
	spent := time.Duration(after.Utime.Nano() + after.Stime.Nano() - before.Utime.Nano() - before.Stime.Nano())
	b.ReportMetric(float64(content)*float64(b.N)/1e6/spent.Seconds(), "MB/s-of-one-core")
}

func readAll(b *testing.B, name string) {
	n := 0
	for _, err := range exports.ReadFile(name, exports.Auto, nil) {
		if err == nil {
			n++
		}
	}
	if n == 0 {
		b.Fatal("nothing was read")
	}
}

const benchBytes = 20 << 20

func BenchmarkWhatsApp(b *testing.B) {
	name := filepath.Join(b.TempDir(), "chat.txt")
	if err := os.WriteFile(name, []byte(chatText(benchBytes)), 0o600); err != nil {
		b.Fatal(err)
	}
	perCore(b, benchBytes, func() { readAll(b, name) })
}

func BenchmarkSlack(b *testing.B) {
	name := filepath.Join(b.TempDir(), "slack.zip")
	if err := os.WriteFile(name, slackZip(b, benchBytes), 0o600); err != nil {
		b.Fatal(err)
	}
	perCore(b, benchBytes, func() { readAll(b, name) })
}

// BenchmarkIndependent is whatsapp-chat-parser on the file of
// BenchmarkWhatsApp, its start included.
func BenchmarkIndependent(b *testing.B) {
	if _, err := os.Stat("testdata/npm/node_modules/whatsapp-chat-parser"); err != nil {
		b.Skip("whatsapp-chat-parser is not installed: npm install --prefix internal/exports/testdata/npm")
	}
	name := filepath.Join(b.TempDir(), "chat.txt")
	if err := os.WriteFile(name, []byte(chatText(benchBytes)), 0o600); err != nil {
		b.Fatal(err)
	}
	var spent time.Duration
	for b.Loop() {
		cmd := exec.Command("node", "testdata/npm/parse.cjs")
		cmd.Stdin = strings.NewReader(name)
		if err := cmd.Run(); err != nil {
			b.Fatal(err)
		}
		spent += cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	}
	b.ReportMetric(float64(benchBytes)*float64(b.N)/1e6/spent.Seconds(), "MB/s-of-one-core")
}
