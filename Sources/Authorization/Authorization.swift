/// The OAuth 2.0 and OpenID Connect server: an application asks, the network says who the subscriber is, the subscriber agrees,
/// the application gets a token.
///
/// `Checks.swift` is the table of every check and the flows that it guards; each row is one small file in `Checks/`. What
/// happens once all checks of a flow have passed stands in one folder per endpoint: `Authorize/` (recognition, consent, code),
/// `Token/` (redemption, tokens), `Discovery/` (metadata, keys). `Recognition/` holds the adapters that tell who the subscriber
/// is, `Outbound/` how the operator's own servers are asked. All refusals are `Refusal` values with a code of `OAuthError`; all of a known client's are in the ledger before the
/// answer leaves.
///
/// The authority is CAMARA's Security and Interoperability Profile ("profile item" in the comments), then OIDC Core and the
/// RFCs. Begin with `Checks.swift`, then `AuthorizationServer.swift`.
