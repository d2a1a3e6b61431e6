#define _GNU_SOURCE
#include "COpenSSL.h"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <time.h>

static int64_t seconds(const ASN1_TIME *time) {
  struct tm parts;
  memset(&parts, 0, sizeof parts);
  if (time == NULL || ASN1_TIME_to_tm(time, &parts) != 1) return INT64_MIN;
  return (int64_t)timegm(&parts);
}

int64_t passerelle_certificate_time(struct x509_st *certificate, int after) {
  return seconds(after ? X509_get0_notAfter(certificate) : X509_get0_notBefore(certificate));
}

void passerelle_certificate_names(
    struct x509_st *certificate, void *owner, void (*each)(void *owner, int kind, const unsigned char *bytes, int count)) {
  GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
  if (names == NULL) {
    ERR_clear_error();
    return;
  }
  for (int index = 0; index < sk_GENERAL_NAME_num(names); index++) {
    const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, index);
    // A DNS name and an address are both strings here.
    if (name->type == GEN_DNS) each(owner, GEN_DNS, ASN1_STRING_get0_data(name->d.dNSName), ASN1_STRING_length(name->d.dNSName));
    if (name->type == GEN_IPADD) each(owner, GEN_IPADD, ASN1_STRING_get0_data(name->d.iPAddress), ASN1_STRING_length(name->d.iPAddress));
  }
  GENERAL_NAMES_free(names);
}

/// The one response in it that is for the certificate, by serial number and, when the issuer is known, by issuer.
static OCSP_SINGLERESP *single_response(OCSP_BASICRESP *basic, X509 *certificate, X509 *issuer) {
  for (int index = 0; index < OCSP_resp_count(basic); index++) {
    OCSP_SINGLERESP *single = OCSP_resp_get0(basic, index);
    OCSP_CERTID *id = (OCSP_CERTID *)OCSP_SINGLERESP_get0_id(single);
    ASN1_INTEGER *serial = NULL;
    ASN1_OBJECT *digest = NULL;
    if (OCSP_id_get0_info(NULL, &digest, NULL, &serial, id) != 1) continue;
    if (ASN1_INTEGER_cmp(serial, X509_get0_serialNumber(certificate)) != 0) continue;
    if (issuer == NULL) return single;
    OCSP_CERTID *expected = OCSP_cert_to_id(EVP_get_digestbyobj(digest), certificate, issuer);
    int matches = expected != NULL && OCSP_id_issuer_cmp(expected, id) == 0;
    OCSP_CERTID_free(expected);
    if (matches) return single;
  }
  return NULL;
}

static int fault_of(OCSP_BASICRESP *basic, X509 *certificate, X509 *issuer, int64_t now, int64_t *expires) {
  OCSP_SINGLERESP *single = single_response(basic, certificate, issuer);
  if (single == NULL) return 3;
  ASN1_GENERALIZEDTIME *this_update = NULL, *next_update = NULL;
  if (OCSP_single_get0_status(single, NULL, NULL, &this_update, &next_update) != V_OCSP_CERTSTATUS_GOOD) return 4;
  // RFC 6960 §2.4: without nextUpdate there is always newer information; a day is as long as it is believed here.
  int64_t from = seconds(this_update);
  *expires = next_update == NULL ? from + 86400 : seconds(next_update);
  return from == INT64_MIN || from > now + 300 || *expires <= now ? 5 : 0;
}

int passerelle_ocsp_fault(
    const unsigned char *bytes, size_t count, struct x509_st *certificate, struct x509_st *issuer, int64_t now, int64_t *expires) {
  const unsigned char *position = bytes;
  OCSP_RESPONSE *response = d2i_OCSP_RESPONSE(NULL, &position, (long)count);
  int fault = 1;
  if (response != NULL && position == bytes + count) {
    fault = 2;
    OCSP_BASICRESP *basic = NULL;
    if (OCSP_response_status(response) == OCSP_RESPONSE_STATUS_SUCCESSFUL) basic = OCSP_response_get1_basic(response);
    if (basic != NULL) fault = fault_of(basic, certificate, issuer, now, expires);
    OCSP_BASICRESP_free(basic);
  }
  OCSP_RESPONSE_free(response);
  ERR_clear_error();
  return fault;
}

int passerelle_tls_pin(struct ssl_ctx_st *context, struct x509_st *certificate) {
  X509_STORE *store = SSL_CTX_get_cert_store(context);
  return X509_STORE_add_cert(store, certificate) == 1 &&
         X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_NO_CHECK_TIME) == 1;
}

void passerelle_tls_keep_sessions(struct ssl_ctx_st *context, int (*keep)(struct ssl_st *, struct ssl_session_st *)) {
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(context, keep);
}

static int add_extension(X509 *certificate, int kind, const char *value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, certificate, certificate, NULL, NULL, 0);
  X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, kind, value);
  int is_added = extension != NULL && X509_add_ext(certificate, extension, -1) == 1;
  X509_EXTENSION_free(extension);
  return is_added;
}

static int fill_local_certificate(X509 *certificate, EVP_PKEY *key, int days) {
  unsigned char serial[16];
  if (RAND_bytes(serial, sizeof serial) != 1) return 0;
  serial[0] &= 0x7F;
  BIGNUM *number = BN_bin2bn(serial, sizeof serial, NULL);
  int is_numbered = number != NULL && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != NULL;
  BN_free(number);
  X509_NAME *name = X509_get_subject_name(certificate);
  return is_numbered && X509_set_version(certificate, X509_VERSION_3) == 1 &&
         X509_gmtime_adj(X509_getm_notBefore(certificate), -3600) != NULL &&
         X509_time_adj_ex(X509_getm_notAfter(certificate), days, 0, NULL) != NULL && X509_set_pubkey(certificate, key) == 1 &&
         X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"this machine", -1, -1, 0) == 1 &&
         X509_set_issuer_name(certificate, name) == 1 &&
         add_extension(certificate, NID_basic_constraints, "critical,CA:FALSE") &&
         add_extension(certificate, NID_ext_key_usage, "serverAuth") &&
         add_extension(certificate, NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1,IP:::1") &&
         X509_sign(certificate, key, EVP_sha256()) > 0;
}

int passerelle_local_certificate(struct bio_st *certificate_output, struct bio_st *key_output, int days) {
  EVP_PKEY *key = EVP_EC_gen("P-256");
  X509 *certificate = X509_new();
  int is_made = key != NULL && certificate != NULL && fill_local_certificate(certificate, key, days) &&
                PEM_write_bio_X509(certificate_output, certificate) == 1 &&
                PEM_write_bio_PKCS8PrivateKey(key_output, key, NULL, NULL, 0, NULL, NULL) == 1;
  X509_free(certificate);
  EVP_PKEY_free(key);
  return is_made;
}
