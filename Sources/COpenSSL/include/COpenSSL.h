#ifndef PASSERELLE_COPENSSL_H
#define PASSERELLE_COPENSSL_H

#include <stddef.h>
#include <stdint.h>

/// The few parts of OpenSSL that Swift cannot call, because they are macros there.

struct ssl_st;
struct ssl_ctx_st;
struct ssl_session_st;
struct bio_st;
struct x509_st;

/// BIO_get_mem_data: the bytes that a memory BIO holds; valid until the BIO changes.
size_t passerelle_bio_data(void *bio, const unsigned char **bytes);

/// EVP_PKEY_PUBLIC_KEY: what a public key is made from.
int passerelle_public_key_selection(void);

/// SSL_CTX_set_min_proto_version and SSL_CTX_set_max_proto_version. 1 when both were taken.
int passerelle_tls_set_versions(struct ssl_ctx_st *context, int minimum, int maximum);

/// What a connection on a non-blocking socket needs: a write may be partial, and may be repeated from another address; no
/// renegotiation, no compression; as much is read at once as there is.
void passerelle_tls_set_modes(struct ssl_ctx_st *context);

/// SSL_set_tlsext_host_name. 1 when the name was taken.
int passerelle_tls_set_server_name(struct ssl_st *session, const char *name);

/// What the server side asks for beside: the server's order of ciphers (so that the cheaper ECDSA comes before RSA) but ChaCha20 for who
/// puts it first, no sessions kept in memory, one ticket a handshake, keys of 112 bits of security and more.
void passerelle_tls_set_server_modes(struct ssl_ctx_st *context);

/// SSL_CTX_set1_groups_list. 1 when all were taken.
int passerelle_tls_set_groups(struct ssl_ctx_st *context, const char *groups);

/// SSL_OP_NO_TICKET: no resumption at all, for there are no sessions in memory.
void passerelle_tls_refuse_tickets(struct ssl_ctx_st *context);

/// What a server context asks its owner during a handshake, on the thread of the connection.
struct passerelle_tls_hooks {
  void *owner;
  /// The context for a server name in lower case; NULL keeps the one there is.
  struct ssl_ctx_st *(*context_for_name)(void *owner, const char *name, size_t count);
  /// Writes the key for new tickets: 16 bytes of name, 32 for AES, 32 for HMAC. 0 when there is none.
  int (*new_ticket_key)(void *owner, unsigned char *key);
  /// The same for the ticket key of a name: 0 unknown, 1 the current one, 2 an older one.
  int (*known_ticket_key)(void *owner, const unsigned char *name, unsigned char *key);
};

/// Lets a context ask these hooks, which outlive it and its connections; ALPN takes http/1.1 and nothing else, and what is stapled to
/// the certificate goes along.
void passerelle_tls_set_hooks(struct ssl_ctx_st *context, struct passerelle_tls_hooks *hooks);

/// Adds a certificate of the chain behind the certificate that was used last. 1 when it was taken.
int passerelle_tls_add_chain(struct ssl_ctx_st *context, struct x509_st *certificate);

/// Staples an OCSP response (DER) to a certificate; it is sent until `expires`, in seconds since 1970. 1 when it was taken.
int passerelle_staple(struct x509_st *certificate, const unsigned char *bytes, size_t count, int64_t expires);

/// Whether an OCSP response is one for this certificate: 0 it is and says "good"; 1 no response, 2 not a successful one, 3 for other
/// certificates, 4 says something else than "good", 5 not valid at this time. Its signature is for clients to check.
int passerelle_ocsp_fault(
    const unsigned char *bytes, size_t count, struct x509_st *certificate, struct x509_st *issuer, int64_t now, int64_t *expires);

/// The subject alternative names: kind 2 is a DNS name, 7 an address of 4 or 16 bytes.
void passerelle_certificate_names(
    struct x509_st *certificate, void *owner, void (*each)(void *owner, int kind, const unsigned char *bytes, int count));

/// Seconds since 1970 of notBefore (0) or notAfter (1); INT64_MIN when it cannot be read.
int64_t passerelle_certificate_time(struct x509_st *certificate, int after);

/// Lets a context believe exactly this certificate, whoever issued it and whatever its dates: it is known from its own file.
int passerelle_tls_pin(struct ssl_ctx_st *context, struct x509_st *certificate);

/// Makes a key and a certificate for it, both in PEM: for a server that is reached as localhost, 127.0.0.1 or ::1, which vouches for itself.
int passerelle_local_certificate(struct bio_st *certificate_output, struct bio_st *key_output, int days);

/// Lets a client context tell of each session that can be resumed. 1 from the callback takes the session over.
void passerelle_tls_keep_sessions(struct ssl_ctx_st *context, int (*keep)(struct ssl_st *, struct ssl_session_st *));

/// A BIO on a connected socket, which it does not close. Unlike OpenSSL's own it never raises SIGPIPE. NULL without memory.
struct bio_st *passerelle_socket_bio(int descriptor);

#endif
