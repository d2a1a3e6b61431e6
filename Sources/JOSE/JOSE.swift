/// Keys, signatures and tokens: JWS (RFC 7515), JWK (RFC 7517), JWT (RFC 7519), and the digests, keyed digests, randomness and
/// sealing that the rest of Passerelle needs. All cryptography is OpenSSL's EVP; what is here gives it types that cannot be
/// used wrongly.
///
/// There is no symmetric signature and no "none": `SignatureAlgorithm` cannot express them (A1, A2). A `VerifiedJWS` comes from
/// verification alone, and the algorithm is the key's, never the header's.
///
/// A token does not choose its key. The one exception is `DPoPProof`, whose header's key proves nothing but its possession.
///
/// Begin with `CompactJWS.swift`; keys are in `SigningKey.swift` and `VerificationKey.swift`; the keys of an installation in
/// `KeyRing.swift`, those that others publish in `RemoteKeySet.swift`.
