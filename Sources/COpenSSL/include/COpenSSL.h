#ifndef PASSERELLE_COPENSSL_H
#define PASSERELLE_COPENSSL_H

#include <stddef.h>

/// The few parts of OpenSSL that Swift cannot call, because they are macros there.

/// BIO_get_mem_data: the bytes that a memory BIO holds; valid until the BIO changes.
size_t passerelle_bio_data(void *bio, const unsigned char **bytes);

/// EVP_PKEY_PUBLIC_KEY: what a public key is made from.
int passerelle_public_key_selection(void);

#endif
