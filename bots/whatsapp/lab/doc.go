// Package lab is a WhatsApp of its own, on loopback: a server that unmodified
// clients of the multi-device protocol link with, log in to and talk through,
// end-to-end encrypted, with people who are real clients themselves. It exists
// so that the bot is tested against the protocol and not against a mock of it.
//
// It must not be used for anything but tests, must never be reached from
// another machine, imports nothing of the product, and cannot read what people
// say: texts pass through it as ciphertext, which a test holds it to.
//
// # Reading the protocol here
//
// A client opens a WebSocket and sends four bytes, "WA", 6, 3. From then on the
// stream is cut into frames of a three-byte length and a body; where frames
// begin has nothing to do with where messages of the WebSocket do (stream.go).
//
// The first three frames are a Noise XX handshake in protobuf envelopes
// (noise.go). The server proves itself with a chain of two certificates below a
// root that the client knows. The client's last frame carries who it is: a
// device that is linked, or one that wants to be.
//
// Afterwards each frame is one stanza: a node with a tag, attributes and either
// bytes or further nodes, in a compact binary form of XML, sealed with AES-GCM
// under a counter. There are a handful of tags:
//
//	iq            a question and its answer, by id; xmlns says what about (query.go)
//	message       something encrypted, for one device or many (message.go)
//	receipt       a message arrived, was read, or could not be decrypted (receipt.go)
//	ack           the server, or a device, has the stanza
//	notification  a group or a list of devices changed (group.go)
//	failure, stream:error   the end of a connection, and why
//
// Linking (pair.go): the server hands out references; the client shows one as a
// QR code together with its keys and a secret; the phone scans it, signs the
// client's identity key and sends the result back under the secret. The client
// countersigns, is disconnected, and logs in as a device with a number of its
// own: 0 is the phone, 1 and higher are linked. A phone without a camera takes
// eight characters instead, from which both derive that secret (code.go).
//
// Encryption is between devices, in pairs (Signal sessions). Each device leaves
// one-time keys at the server, so that others can begin while it is away
// (keys.go). In a group a sender makes one key for the group, gives it to each
// device in pairs, and then encrypts each message once. A device that cannot
// decrypt sends a receipt of type retry to the device that wrote, which
// encrypts once more for it alone.
//
// People have two addresses: the phone number (PN, …@s.whatsapp.net) and a
// hidden id (LID, …@lid). A group is spoken to by one of the two; each message
// names the other as well (address.go).
//
// What a device has not acknowledged is kept, and is sent again when it logs in
// (queue.go). That is what makes "stored before acknowledged" testable.
//
// # Using it
//
// New starts a lab. AddPerson adds somebody with a phone that is online;
// AddGroup makes a group; a Person can Say, Edit, Revoke, React, Reply, Poll,
// Join and Leave, and knows what arrived. ScanQR links another device to a
// person's number, which is how the bot comes in. Fault makes things go wrong.
// Control gives the same over HTTP.
package lab
