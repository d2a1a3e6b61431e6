#include "COpenSSL.h"

#include <openssl/bio.h>
#include <openssl/evp.h>

size_t passerelle_bio_data(void *bio, const unsigned char **bytes) {
  char *data = NULL;
  long count = BIO_get_mem_data((BIO *)bio, &data);
  *bytes = (const unsigned char *)data;
  return count < 0 ? 0 : (size_t)count;
}

int passerelle_public_key_selection(void) { return EVP_PKEY_PUBLIC_KEY; }
