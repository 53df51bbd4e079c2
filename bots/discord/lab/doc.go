// Package lab is a Discord of our own on loopback: its HTTP interface in
// versions 9 and 10 and its gateway, as far as a compliance bot uses them, so
// that unmodified client libraries connect to it. People are played through
// the methods of Lab.
//
// One model in memory stands behind everything:
//
//	Lab ── users, guilds (roles, members), channels (threads, direct messages),
//	 │     messages, interactions, commands, AutoMod rules, audit log
//	 ├── rest.go      one table of routes: authorisation, limits, faults, the ledger of calls
//	 ├── gateway.go   sessions: hello, heartbeat, identify, dispatch by intent, resume
//	 └── people.go    what people do: say, edit, delete, press, submit, join, leave
//
// Every answer has the shape that Discord's own description demands; a test
// holds each answer of every test against it. A call that the lab does not know
// is answered 404 and counted in Unknown, which fails the test that made it.
//
// It is a test tool. It must not import anything of the product but
// internal/chat, and the product never imports it.
package lab
