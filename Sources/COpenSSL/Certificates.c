#define _GNU_SOURCE
#include "COpenSSL.h"

#include <openssl/err.h>
#include <openssl/ocsp.h>
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
