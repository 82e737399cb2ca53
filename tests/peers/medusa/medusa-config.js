// A Medusa without its admin screens, for tests on this machine only. What differs from start to start comes from the environment.
const { defineConfig } = require("@medusajs/framework/utils");

const OWN = "http://127.0.0.1";

module.exports = defineConfig({
  admin: { disable: true },
  projectConfig: {
    databaseUrl: process.env.DATABASE_URL,
    databaseDriverOptions: { ssl: false, connection: { ssl: false } },
    http: {
      storeCors: OWN,
      adminCors: OWN,
      authCors: OWN,
      jwtSecret: process.env.TEST_SHOP_SECRET,
      cookieSecret: process.env.TEST_SHOP_SECRET,
    },
  },
});
