/// What the gateway knows about APIs: nothing but what the files in `policies/` say.
///
/// A `Catalogue` is loaded once from a folder: one file per API and version, the data categories that people can understand,
/// the purposes, the legal bases. A file that is wrong is refused with file, line and reason; nothing is guessed. What the data
/// plane needs is compiled here: the routing table, the request schema, the projection of the answer.
///
/// The format is written down in `policies/README.md`. Begin with `Catalogue.swift` and `OperationPolicy.swift`.
