// Starts a Slack server that others wrote, and prints where it is.
import { createEmulator } from "emulate";

const port = Number(process.env.PORT);
const slack = await createEmulator({
  service: "slack",
  port,
  baseUrl: `http://127.0.0.1:${port}`,
  seed: {
    slack: {
      team: { name: "Calderwick", domain: "calderwick" },
      users: [
        { name: "sam", real_name: "Sam Okafor", email: "sam.okafor@calderwick.example" },
        { name: "priya", real_name: "Priya Nair", email: "priya.nair@calderwick.example" },
      ],
      channels: [{ name: "flood-north" }],
      oauth_apps: [
        {
          app_id: "A0WITNESS1", client_id: "1.2", client_secret: "witness", name: "Chaperone", redirect_uris: [],
          bot_id: "B0WITNESS1", bot_user_id: "U0WITNESS1", bot_name: "chaperone", scopes: process.env.SCOPES,
        },
      ],
      tokens: [
        { token: "xoxb-witness", type: "bot", user_id: "U0WITNESS1", bot_id: "B0WITNESS1", bot_user_id: "U0WITNESS1", app_id: "A0WITNESS1", scopes: process.env.SCOPES },
        { token: "xoxp-sam", type: "user", user: "sam", scopes: "chat:write channels:read channels:history" },
        { token: "xoxp-priya", type: "user", user: "priya", scopes: "chat:write channels:read channels:history" },
      ],
      strict_scopes: true,
      signing_secret: "witness",
    },
  },
});
console.log(`ready ${slack.url}`);
