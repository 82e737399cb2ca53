"""The same shop by GraphQL: shapes of the Shopify Admin API, version 2026-04. Needs the package graphql-core."""
