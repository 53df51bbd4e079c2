// A bot on Slack's own framework. It does what ours does on the wire: it asks
// the sender privately, learns that it may not delete, takes words in a box,
// and removes who is asked to be removed. Each line that it prints is one step.
import bolt from "@slack/bolt";

const app = new bolt.App({
  token: process.env.BOT_TOKEN,
  appToken: process.env.APP_TOKEN,
  socketMode: true,
  logLevel: bolt.LogLevel.ERROR,
  clientOptions: { slackApiUrl: process.env.API + "/" },
});
const say = (what) => process.stdout.write(what + "\n");

app.message("NHS", async ({ message, client }) => {
  if (message.thread_ts) return;
  const to = await client.conversations.open({ users: message.user });
  const sent = await client.chat.postMessage({
    channel: to.channel.id,
    text: "About your message",
    blocks: [
      { type: "section", text: { type: "plain_text", text: "About your message" } },
      {
        type: "actions", block_id: "answers",
        elements: [{ type: "button", action_id: "answer", text: { type: "plain_text", text: "Say why" }, value: message.ts }],
      },
    ],
    metadata: { event_type: "witness", event_payload: { key: "k1" } },
  });
  await client.chat.postEphemeral({ channel: message.channel, user: message.user, text: "Please look at your messages." });
  try {
    await client.chat.delete({ channel: message.channel, ts: message.ts });
    say("deleted");
  } catch (e) {
    say("refused " + e.data.error);
  }
  const past = await client.conversations.history({ channel: to.channel.id, include_all_metadata: true, limit: 5 });
  say("asked " + past.messages[0].metadata.event_payload.key + " " + (past.messages[0].ts === sent.ts));
});
app.action("answer", async ({ ack, body, client }) => {
  await ack();
  await client.views.open({
    trigger_id: body.trigger_id,
    view: {
      type: "modal", callback_id: "why",
      private_metadata: JSON.stringify({ channel: body.channel.id, ts: body.message.ts }),
      title: { type: "plain_text", text: "Why" }, submit: { type: "plain_text", text: "Send" },
      blocks: [{
        type: "input", block_id: "text", label: { type: "plain_text", text: "Why" },
        element: { type: "plain_text_input", action_id: "text" },
      }],
    },
  });
  say("opened");
});
app.view("why", async ({ ack, view, client }) => {
  await ack();
  const at = JSON.parse(view.private_metadata);
  await client.chat.update({ channel: at.channel, ts: at.ts, text: "Noted: " + view.state.values.text.text.value });
  say("noted");
});
app.event("message", async ({ event }) => {
  if (event.subtype === "message_changed" && event.message.user !== process.env.BOT) say("edited " + event.message.text);
  if (event.subtype === "message_deleted") say("gone " + event.deleted_ts);
});
app.event("member_joined_channel", async ({ event, client }) => {
  if (event.user !== process.env.STRANGER) return;
  await client.conversations.kick({ channel: event.channel, user: event.user });
  const left = await client.conversations.members({ channel: event.channel });
  say("kicked " + !left.members.includes(event.user));
});
app.command("/witness", async ({ ack, respond, command }) => {
  await ack();
  await respond({ response_type: "ephemeral", text: "You asked " + command.text });
  say("commanded");
});
app.shortcut("check", async ({ ack, shortcut, client }) => {
  await ack();
  await client.views.open({
    trigger_id: shortcut.trigger_id,
    view: {
      type: "modal", callback_id: "draft",
      title: { type: "plain_text", text: "Check" }, submit: { type: "plain_text", text: "Check" },
      blocks: [{
        type: "input", block_id: "text", label: { type: "plain_text", text: "Draft" },
        element: { type: "plain_text_input", action_id: "text" },
      }],
    },
  });
  say("asked for a draft");
});
app.view("draft", async ({ ack, view, client }) => {
  const show = (text) => ({
    type: "modal", title: { type: "plain_text", text: "Check" },
    blocks: [{ type: "section", text: { type: "plain_text", text } }],
  });
  await ack({ response_action: "update", view: show("One moment") });
  await client.views.update({ view_id: view.id, view: show("Read: " + view.state.values.text.text.value) });
  say("checked");
});
app.shortcut({ callback_id: "capture", type: "message_action" }, async ({ ack, shortcut }) => {
  await ack();
  say("wanted " + shortcut.message.text + " of " + shortcut.message.user);
});
app.event("app_home_opened", async ({ event, client }) => {
  await client.views.publish({
    user_id: event.user,
    view: { type: "home", blocks: [{ type: "section", text: { type: "plain_text", text: "At home on " + event.tab } }] },
  });
  say("at home");
});
app.error(async (e) => say("error " + e.message));
await app.start();
say("ready");
