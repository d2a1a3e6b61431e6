#ifndef PASSERELLE_COPENSSL_H
#define PASSERELLE_COPENSSL_H

#include <stddef.h>

/// The few parts of OpenSSL that Swift cannot call, because they are macros there.

struct ssl_st;
struct ssl_ctx_st;
struct bio_st;

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

/// A BIO on a connected socket, which it does not close. Unlike OpenSSL's own it never raises SIGPIPE. NULL without memory.
struct bio_st *passerelle_socket_bio(int descriptor);

#endif
