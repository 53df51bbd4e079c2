// A member of a group on the test server, by another client than the bot's. It
// says what it sees, a line for each step, and does what it is told in lines of
// JSON.
import makeWASocket, { DisconnectReason, proto } from 'baileys'
import { WA_CERT_DETAILS } from 'baileys/lib/Defaults/index.js'
import { initAuthCreds, makeCacheableSignalKeyStore } from 'baileys'
import { createInterface } from 'node:readline'

Buffer.from(process.env.ROOT, 'hex').copy(WA_CERT_DETAILS.PUBLIC_KEY)

const say = (...words) => console.log(words.join(' '))
const quiet = { level: 'silent', child: () => quiet, trace() {}, debug() {}, info() {}, warn() {}, error() {} }

const kept = new Map()
const keys = {
  get: async (type, ids) => Object.fromEntries(ids.map((id) => [id, kept.get(type + ' ' + id)]).filter(([, v]) => v)),
  set: async (all) => {
    for (const [type, some] of Object.entries(all)) for (const [id, v] of Object.entries(some)) v ? kept.set(type + ' ' + id, v) : kept.delete(type + ' ' + id)
  },
}
const auth = { creds: initAuthCreds(), keys: makeCacheableSignalKeyStore(keys, quiet) }

const words = (m) => m?.conversation ?? m?.extendedTextMessage?.text ?? ''

let socket
function connect() {
  socket = makeWASocket({
    auth, logger: quiet, waWebSocketUrl: process.env.URL_OF_LAB, version: [2, 3000, 1031080782],
    syncFullHistory: false, fireInitQueries: true, markOnlineOnConnect: false, shouldSyncHistoryMessage: () => false,
  })
  socket.ev.on('creds.update', (some) => Object.assign(auth.creds, some))
  socket.ev.on('connection.update', ({ connection, qr, lastDisconnect }) => {
    if (qr) say('code', qr)
    if (connection === 'open') say('open')
    if (connection !== 'close') return
    const why = lastDisconnect?.error?.output?.statusCode
    why === DisconnectReason.restartRequired ? connect() : say('closed', why)
  })
  socket.ev.on('messages.upsert', ({ messages }) => {
    for (const { key, message } of messages) {
      if (!message) continue
      const p = message.protocolMessage
      if (p?.type === proto.Message.ProtocolMessage.Type.REVOKE) say('revoked', p.key.id)
      else if (!key.fromMe && words(message)) say(key.remoteJid.endsWith('@g.us') ? 'group' : 'alone', key.id, JSON.stringify(words(message)))
    }
  })
  socket.ev.on('messages.update', (all) => {
    for (const { key, update } of all) if (update.message === null) say('revoked', key.id)
  })
  socket.ev.on('group-participants.update', ({ action, participants }) => say(action, participants.map((p) => p.id ?? p).join(',')))
}
connect()

createInterface({ input: process.stdin }).on('line', async (line) => {
  const { to, text } = JSON.parse(line)
  try {
    const sent = await socket.sendMessage(to, { text })
    say('sent', sent.key.id)
  } catch (err) {
    say('refused', err.message)
  }
})
