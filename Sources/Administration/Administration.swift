/// The operator's side: the admin listener with health and the admin API under `/admin/v1/`.
///
/// Commands that touch a running gateway's data speak this API over HTTP; when no gateway runs, they speak it in their own
/// process. So each act has one implementation, one ledger entry and one effect.
///
/// Begin with `AdminAPI.swift`, the table of paths; then one file per kind of thing: `Consents`, `Clients`, `Keys`, `Tokens`,
/// `Usage`, `Health`.
