// A bot made with discord.js. It does what ours does on the wire: it asks the
// sender in a direct message, deletes what the sender lets it delete, takes words
// in a form, answers a command to whoever gave it alone, deletes in bulk, and
// removes who is asked to be removed. Each line that it prints is one step.
import { ActionRowBuilder, ButtonBuilder, ButtonStyle, Client, Events, GatewayIntentBits, MessageFlags, ModalBuilder, Partials, TextInputBuilder, TextInputStyle } from "discord.js";

const say = (what) => process.stdout.write(what + "\n");
const client = new Client({
  intents: [
    GatewayIntentBits.Guilds, GatewayIntentBits.GuildMembers, GatewayIntentBits.GuildMessages, GatewayIntentBits.DirectMessages,
    GatewayIntentBits.MessageContent,
  ],
  partials: [Partials.Channel, Partials.Message],
  rest: { api: process.env.API + "/api", version: "10" },
});

client.once(Events.ClientReady, async () => {
  await client.application.commands.set([
    { name: "check", description: "What the bot would say", options: [{ type: 3, name: "draft", description: "What you would send", required: true }] },
    { name: "Capture this", type: 3 },
  ]);
  say("ready");
});
client.on(Events.ShardResume, () => say("resumed"));

client.on(Events.MessageCreate, async (message) => {
  if (message.author.bot || !message.inGuild()) return;
  if (message.content === "clear") {
    const old = await message.channel.messages.fetch({ limit: 100 });
    const gone = await message.channel.bulkDelete(old.filter((m) => m.content.startsWith("young")), true);
    say("cleared " + gone.size);
    return;
  }
  if (!message.content.includes("NHS")) return;
  const row = new ActionRowBuilder().addComponents(
    new ButtonBuilder().setCustomId("delete|" + message.channelId + "|" + message.id).setLabel("Delete it").setStyle(ButtonStyle.Primary),
    new ButtonBuilder().setCustomId("why").setLabel("Say why").setStyle(ButtonStyle.Secondary),
  );
  try {
    await message.author.send({ content: "About your message", components: [row], nonce: message.id, enforceNonce: true });
    say("asked");
  } catch (e) {
    say("refused " + e.code);
  }
});
client.on(Events.MessageUpdate, (_, now) => now.inGuild() && say("edited " + now.content));
client.on(Events.MessageDelete, (m) => say("gone " + m.id));

client.on(Events.InteractionCreate, async (i) => {
  if (i.isButton() && i.customId.startsWith("delete|")) {
    const [, channel, id] = i.customId.split("|");
    await i.update({ content: "It is gone.", components: [] });
    await (await client.channels.fetch(channel)).messages.delete(id);
    say("deleted");
  } else if (i.isButton()) {
    const field = new TextInputBuilder().setCustomId("text").setLabel("Why").setStyle(TextInputStyle.Paragraph);
    await i.showModal(new ModalBuilder().setCustomId("why").setTitle("Why").addComponents(new ActionRowBuilder().addComponents(field)));
    say("opened");
  } else if (i.isModalSubmit()) {
    await i.reply({ content: "Noted: " + i.fields.getTextInputValue("text") });
    say("noted");
  } else if (i.isChatInputCommand()) {
    await i.deferReply({ flags: MessageFlags.Ephemeral });
    await i.editReply("You would be asked about: " + i.options.getString("draft"));
    say("checked");
  } else if (i.isMessageContextMenuCommand()) {
    await i.reply({ content: "Kept: " + i.targetMessage.content, flags: MessageFlags.Ephemeral });
    say("captured");
  }
});
client.on(Events.GuildMemberAdd, async (member) => {
  try {
    await member.kick("has left");
    say("kicked");
  } catch (e) {
    say("not kicked " + e.code);
  }
});
await client.login(process.env.TOKEN);
