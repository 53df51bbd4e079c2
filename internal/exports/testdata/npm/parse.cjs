// Prints what whatsapp-chat-parser reads in each file named on standard input:
// one JSON list of [time, author, message] a line.
const fs = require('fs');
const { parseString } = require('whatsapp-chat-parser');
for (const name of fs.readFileSync(0, 'utf8').split('\n').filter(Boolean)) {
  const list = parseString(fs.readFileSync(name, 'utf8'));
  console.log(JSON.stringify(list.map((m) => [m.date.getTime(), m.author, m.message])));
}
