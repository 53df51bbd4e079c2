package engine_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"chaperone/internal/chat"
)

// BenchmarkPath measures the path alone, from a delivery to its decision being
// durable: 20 rooms, batches of 20, one message in twenty sensitive.
func BenchmarkPath(b *testing.B) {
	h := start(b, newFaulty())
	const rooms, batch = 20, 20
	var n atomic.Int64
	b.SetParallelism(4)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			i := n.Add(1)
			id := chat.ID{Account: "faulty", Local: fmt.Sprint("r", i%rooms)}
			var events []chat.Event
			for k := range batch {
				text := "Two pumps on the way to the hall, 25 minutes."
				if k == 7 {
					text = sensitive
				}
				key := fmt.Sprint(i, "-", k)
				events = append(events, chat.Event{Key: key, Kind: chat.Posted, Chat: id, At: time.Now(), Member: chat.MemberID(fmt.Sprint("m", i%50)), Name: "Sam", Message: chat.MessageID(key), Text: text})
			}
			if err := h.Receive(b.Context(), events); err != nil {
				b.Error(err)
			}
		}
	})
	for h.Counts().Settled < n.Load()*batch {
		time.Sleep(time.Millisecond)
	}
	b.ReportMetric(float64(n.Load()*batch)/b.Elapsed().Seconds(), "messages/s")
}
