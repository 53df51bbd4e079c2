//go:build race

package whatsapp

// raced: the race detector looks on. The library reads whether a connection is
// there without its lock while the other end cuts it (FrameSocket.SendFrame and
// Close), which nobody outside it can prevent.
const raced = true
