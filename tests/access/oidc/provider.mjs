// A certified OpenID Connect provider: with the client credentials grant, so that a test gets signed tokens without a
// browser, and for a `browser` client with pages on which anybody signs in. It reads its configuration (port, keys, claims) from standard input as one line of JSON.
import { createInterface } from "node:readline";
import { Provider } from "oidc-provider";

const line = await new Promise((resolve) => createInterface({ input: process.stdin }).once("line", resolve));
const { port, jwks, alg, claims, seconds, browser } = JSON.parse(line);
const resource = "urn:beamcat:test";

const provider = new Provider(`http://127.0.0.1:${port}`, {
  jwks,
  scopes: ["openid", "profile", "email", "icat"],
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, ...claims }) }),
  clients: [
    {
      client_id: "ann",
      client_secret: "sunshine",
      grant_types: ["client_credentials"],
      redirect_uris: [],
      response_types: [],
      id_token_signed_response_alg: alg,
    },
    ...(browser ? [browser] : []),
  ],
  features: {
    devInteractions: { enabled: Boolean(browser) },
    clientCredentials: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => (browser ? undefined : resource),
      getResourceServerInfo: () => ({
        scope: "icat",
        audience: resource,
        accessTokenTTL: seconds,
        accessTokenFormat: "jwt",
        jwt: { sign: { alg } },
      }),
    },
  },
  extraTokenClaims: () => claims,
  ttl: { ClientCredentials: seconds },
});
provider.listen(port, "127.0.0.1", () => console.log("ready"));
