/// The OAuth 2.0 and OpenID Connect server: an application asks, the network says who the subscriber is, the subscriber agrees,
/// the application gets a token.
///
/// `Checks.swift` is the table of every check and the flows that it guards; each row is one small type in `Checks/`. What
/// happens once all checks of a flow have passed stands in one folder per endpoint: `Authorize/` (recognition, consent, code),
/// `Pushed/`, `Backchannel/` (CIBA), `Token/` (grants, tokens), `Introspection/`, `Revocation/`, `Discovery/` (metadata).
/// `Recognition/` holds the adapters that tell who the subscriber is, `Outbound/` how the operator's own servers are asked.
///
/// All refusals are `Refusal` values with a code of `OAuthError`; those of a known client are in the ledger before the answer
/// leaves.
///
/// The authority is CAMARA's Security and Interoperability Profile ("profile item" in the comments), then OIDC Core and the
/// RFCs. Begin with `Checks.swift`, then `AuthorizationServer.swift`.
